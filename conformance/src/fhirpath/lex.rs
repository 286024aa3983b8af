//! From text to tokens.

use super::Malformed;
use super::moment::Moment;

/// A token and the byte at which it starts.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Token {
    pub(super) is: Is,
    pub(super) at: usize,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Is {
    /// A plain name; some are operators where one stands.
    Name(String),
    /// A name in back quotes.
    Quoted(String),
    /// `$this`, without the sign.
    Special(String),
    /// `%resource`, without the sign.
    Variable(String),
    String(String),
    /// As written.
    Number(String),
    /// As written, without the `L`.
    Long(String),
    Date(Moment),
    DateTime(Moment),
    Time(Moment),
    /// An operator or bracket.
    Sign(&'static str),
    End,
}

/// Longer first.
const SIGNS: [&str; 26] = [
    "<=", ">=", "!=", "!~", "<", ">", "=", "~", "+", "-", "*", "/", "&", "|", "(", ")", "[", "]", "{", "}",
    ".", ",", "?", ":", ";", "!",
];

pub(super) fn tokens(text: &str) -> Result<Vec<Token>, Malformed> {
    let mut lexer = Lexer { text, at: 0 };
    let mut tokens = Vec::with_capacity(text.len() / 4 + 1);
    loop {
        lexer.space()?;
        let at = lexer.at;
        let is = lexer.token()?;
        let end = is == Is::End;
        tokens.push(Token { is, at });
        if end {
            return Ok(tokens);
        }
    }
}

struct Lexer<'x> {
    text: &'x str,
    at: usize,
}

impl<'x> Lexer<'x> {
    fn rest(&self) -> &'x str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn space(&mut self) -> Result<(), Malformed> {
        loop {
            let rest = self.rest();
            let blank =
                rest.len() - rest.trim_start_matches(|c: char| c.is_whitespace() || c == '\u{feff}').len();
            self.at += blank;
            let rest = self.rest();
            if rest.starts_with("//") {
                self.at += rest.find('\n').unwrap_or(rest.len());
            } else if rest.starts_with("/*") {
                let end = rest.find("*/").ok_or(Malformed::new(self.at, "a comment that does not end"))?;
                self.at += end + 2;
            } else {
                return Ok(());
            }
        }
    }

    fn take(&mut self, fits: impl Fn(char) -> bool) -> &'x str {
        let rest = self.rest();
        let end = rest.find(|character: char| !fits(character)).unwrap_or(rest.len());
        self.at += end;
        rest.get(..end).unwrap_or_default()
    }

    fn token(&mut self) -> Result<Is, Malformed> {
        let rest = self.rest();
        let Some(first) = rest.chars().next() else { return Ok(Is::End) };
        match first {
            'A'..='Z' | 'a'..='z' | '_' => Ok(Is::Name(self.name())),
            '0'..='9' => Ok(self.number()),
            '\'' => Ok(Is::String(self.quoted('\'')?)),
            '`' => Ok(Is::Quoted(self.quoted('`')?)),
            // The delimiter of names before the first normative release.
            '"' => Ok(Is::Quoted(self.quoted('"')?)),
            '@' => self.moment(),
            '$' => {
                self.at += 1;
                Ok(Is::Special(self.name()))
            }
            '%' => {
                self.at += 1;
                match self.rest().chars().next() {
                    Some(quote @ ('`' | '\'' | '"')) => Ok(Is::Variable(self.quoted(quote)?)),
                    _ => {
                        let name = self.take(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
                        if name.is_empty() {
                            return Err(Malformed::new(self.at, "no name of a variable"));
                        }
                        Ok(Is::Variable(name.to_owned()))
                    }
                }
            }
            _ => {
                let found = SIGNS.into_iter().find(|sign| rest.starts_with(sign));
                let sign = found.ok_or(Malformed::new(self.at, "a character that has no meaning here"))?;
                self.at += sign.len();
                Ok(Is::Sign(sign))
            }
        }
    }

    fn name(&mut self) -> String {
        self.take(|character| character.is_ascii_alphanumeric() || character == '_').to_owned()
    }

    fn number(&mut self) -> Is {
        let start = self.at;
        self.take(|character| character.is_ascii_digit());
        let fraction =
            self.rest().strip_prefix('.').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
        if fraction {
            self.at += 1;
            self.take(|character| character.is_ascii_digit());
        }
        let number = self.text.get(start..self.at).unwrap_or_default().to_owned();
        let long = self.rest().strip_prefix('L');
        if !fraction && long.is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_alphanumeric())) {
            self.at += 1;
            return Is::Long(number);
        }
        Is::Number(number)
    }

    /// Reads a string or a name up to its closing quote.
    fn quoted(&mut self, quote: char) -> Result<String, Malformed> {
        let start = self.at;
        self.at += 1;
        let mut out = String::new();
        loop {
            out.push_str(self.take(|character| character != quote && character != '\\'));
            let mut rest = self.rest().chars();
            match rest.next() {
                None => return Err(Malformed::new(start, "a text that does not end")),
                Some('\\') => {
                    self.at += 1;
                    self.escape(rest.next(), &mut out)?;
                }
                Some(closing) => {
                    self.at += closing.len_utf8();
                    return Ok(out);
                }
            }
        }
    }

    fn escape(&mut self, escaped: Option<char>, out: &mut String) -> Result<(), Malformed> {
        let Some(escaped) = escaped else { return Err(Malformed::new(self.at, "a text that does not end")) };
        self.at += escaped.len_utf8();
        match escaped {
            'f' => out.push('\u{c}'),
            'n' => out.push('\n'),
            'r' => out.push('\r'),
            't' => out.push('\t'),
            'u' => {
                let code = self.rest().get(..4).and_then(|digits| u32::from_str_radix(digits, 16).ok());
                let found = code.and_then(char::from_u32);
                out.push(found.ok_or(Malformed::new(self.at, "an escape that is no character"))?);
                self.at += 4;
            }
            '\\' | '\'' | '"' | '`' | '/' => out.push(escaped),
            // Met in patterns that were not escaped twice: what was meant is kept.
            other => out.extend(['\\', other]),
        }
        Ok(())
    }

    /// Reads a date or time after its `@`.
    fn moment(&mut self) -> Result<Is, Malformed> {
        let start = self.at;
        self.at += 1;
        let is_time = self.rest().starts_with('T');
        let date = self.take(|character| character.is_ascii_digit() || character == '-');
        let timed = self.rest().starts_with('T');
        if timed {
            self.at += 1;
        }
        let from = self.at;
        if timed {
            self.take(|character| character.is_ascii_digit() || character == ':');
            let fraction = self
                .rest()
                .strip_prefix('.')
                .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
            if fraction {
                self.at += 1;
                self.take(|character| character.is_ascii_digit());
            }
        }
        let time = self.text.get(from..self.at).unwrap_or_default();
        if timed && !is_time {
            self.zone();
        }
        let whole = self.text.get(start + 1..self.at).unwrap_or_default();
        let read = if is_time {
            let zoned = self.rest().starts_with(['Z', '+', '-']) && self.zone();
            Moment::time(time).filter(|_| !zoned && date.is_empty()).map(Is::Time)
        } else if timed {
            Moment::date_time(whole).map(Is::DateTime)
        } else {
            Moment::date(date).map(Is::Date)
        };
        read.ok_or(Malformed::new(start, "a date or time that does not exist"))
    }

    /// Goes over an offset; tells whether there was one.
    fn zone(&mut self) -> bool {
        let rest = self.rest();
        let offset = rest.strip_prefix(['+', '-']).and_then(|rest| rest.get(..5)).filter(|offset| {
            offset
                .bytes()
                .enumerate()
                .all(|(at, byte)| if at == 2 { byte == b':' } else { byte.is_ascii_digit() })
        });
        let bytes = if rest.starts_with('Z') { 1 } else { offset.map_or(0, |_| 6) };
        self.at += bytes;
        bytes > 0
    }
}
