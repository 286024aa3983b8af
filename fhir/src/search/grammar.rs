//! The grammar of a query: from the text of a URL or a form to names and values.
//!
//! Closed: what is not in it is refused here, before anything is decided. Percent signs are decoded once.

use std::fmt;

/// One parameter of a query as it was sent.
#[derive(Clone, PartialEq, Eq)]
pub struct Parameter {
    /// What it is called.
    pub name: Name,
    /// What it is compared with: one or more texts, any of which may match.
    pub values: Vec<Escaped>,
}

/// The name of a parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Name {
    /// `code` or `code:not`.
    Plain {
        /// The parameter.
        code: String,
        /// What follows the colon.
        modifier: Option<String>,
    },
    /// A parameter of what a reference points at: `patient.identifier`, as it was written.
    Chain(String),
    /// `_has:Observation:patient:code`, as it was written.
    Has(String),
}

/// A text in which `\,`, `\$`, `\|` and `\\` stand for the characters themselves.
#[derive(Clone, PartialEq, Eq)]
pub struct Escaped(String);

/// Why a query is not one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// The query as a whole is too long.
    #[error("the query is longer than {QUERY_BYTES_MAX} bytes")]
    TooLong,
    /// More parameters than anyone needs.
    #[error("the query has more than {PARAMETERS_MAX} parameters")]
    TooManyParameters,
    /// More alternatives than anyone needs.
    #[error("a parameter has more than {VALUES_MAX} values")]
    TooManyValues,
    /// A percent sign that is not followed by two hexadecimal digits.
    #[error("a percent sign is not followed by two hexadecimal digits")]
    Percent,
    /// Bytes that are not UTF-8 once decoded.
    #[error("the query is not utf-8")]
    Utf8,
    /// Control characters once decoded.
    #[error("the query has control characters")]
    Control,
    /// A name with other characters than letters, digits, hyphen, underscore and the marks of FHIR.
    #[error("a parameter has no name that a search parameter can have")]
    Name,
    /// A name without a value: ignoring it would widen the search.
    #[error("a parameter has no value")]
    NoValue,
    /// A backslash before anything but `,`, `$`, `|` and itself.
    #[error("a backslash stands before a character that needs none")]
    Escape,
}

/// The most bytes of a query.
pub const QUERY_BYTES_MAX: usize = 16 * 1024;
/// The most parameters of a query.
pub const PARAMETERS_MAX: usize = 50;
/// The most alternatives of a parameter.
pub const VALUES_MAX: usize = 200;

/// Reads the query of a URL (without `?`) or a body of type `application/x-www-form-urlencoded`.
///
/// # Errors
/// [`Malformed`], which carries nothing of the text.
pub fn parse(text: &str) -> Result<Vec<Parameter>, Malformed> {
    if text.len() > QUERY_BYTES_MAX {
        return Err(Malformed::TooLong);
    }
    let mut parameters = Vec::new();
    for pair in text.split('&').filter(|pair| !pair.is_empty()) {
        if parameters.len() == PARAMETERS_MAX {
            return Err(Malformed::TooManyParameters);
        }
        let (name, value) = pair.split_once('=').ok_or(Malformed::NoValue)?;
        parameters.push(Parameter { name: name_of(&decode(name)?)?, values: values_of(&decode(value)?)? });
    }
    Ok(parameters)
}

/// Undoes form encoding: `+` is a space and `%` begins a byte.
fn decode(text: &str) -> Result<String, Malformed> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => hex(bytes.next())? << 4 | hex(bytes.next())?,
            other => other,
        });
    }
    let decoded = String::from_utf8(decoded).map_err(|_| Malformed::Utf8)?;
    if decoded.chars().any(char::is_control) { Err(Malformed::Control) } else { Ok(decoded) }
}

fn hex(byte: Option<u8>) -> Result<u8, Malformed> {
    match byte {
        Some(digit @ b'0'..=b'9') => Ok(digit - b'0'),
        Some(digit @ b'a'..=b'f') => Ok(digit - b'a' + 10),
        Some(digit @ b'A'..=b'F') => Ok(digit - b'A' + 10),
        Some(_) | None => Err(Malformed::Percent),
    }
}

fn name_of(text: &str) -> Result<Name, Malformed> {
    let may_be_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b':' | b'.');
    if text.is_empty() || text.len() > 128 || !text.bytes().all(may_be_name) {
        return Err(Malformed::Name);
    }
    if text == "_has" || text.starts_with("_has:") {
        return Ok(Name::Has(text.to_owned()));
    }
    if text.contains('.') {
        return Ok(Name::Chain(text.to_owned()));
    }
    let (code, modifier) = match text.split_once(':') {
        Some((code, modifier)) => (code, Some(modifier)),
        None => (text, None),
    };
    if code.is_empty() || modifier.is_some_and(|modifier| modifier.is_empty() || modifier.contains(':')) {
        return Err(Malformed::Name);
    }
    Ok(Name::Plain { code: code.to_owned(), modifier: modifier.map(str::to_owned) })
}

fn values_of(text: &str) -> Result<Vec<Escaped>, Malformed> {
    let values = Escaped::read(text)?.split(',');
    if values.len() > VALUES_MAX {
        return Err(Malformed::TooManyValues);
    }
    if values.iter().any(Escaped::is_empty) {
        return Err(Malformed::NoValue);
    }
    Ok(values)
}

impl Escaped {
    /// Takes a text in which every backslash begins an escape that FHIR knows.
    fn read(text: &str) -> Result<Self, Malformed> {
        let mut characters = text.chars();
        while let Some(character) = characters.next() {
            if character == '\\' && !matches!(characters.next(), Some(',' | '$' | '|' | '\\')) {
                return Err(Malformed::Escape);
            }
        }
        Ok(Self(text.to_owned()))
    }

    /// Escapes a plain text.
    pub fn of(plain: &str) -> Self {
        let mut escaped = String::with_capacity(plain.len());
        for character in plain.chars() {
            if matches!(character, ',' | '$' | '|' | '\\') {
                escaped.push('\\');
            }
            escaped.push(character);
        }
        Self(escaped)
    }

    /// The parts between separators that are not escaped.
    pub fn split(&self, separator: char) -> Vec<Self> {
        let mut parts = vec![String::new()];
        let mut characters = self.0.chars();
        while let Some(character) = characters.next() {
            if character == separator {
                parts.push(String::new());
                continue;
            }
            if let Some(part) = parts.last_mut() {
                part.push(character);
                if character == '\\' {
                    part.extend(characters.next());
                }
            }
        }
        parts.into_iter().map(Self).collect()
    }

    /// The text with the escapes undone.
    pub fn plain(&self) -> String {
        let mut plain = String::with_capacity(self.0.len());
        let mut characters = self.0.chars();
        while let Some(character) = characters.next() {
            plain.extend(if character == '\\' { characters.next() } else { Some(character) });
        }
        plain
    }

    /// The text with its escapes.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Parameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Parameter({:?}, {} values)", self.name, self.values.len())
    }
}

impl fmt::Debug for Escaped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Escaped(..)")
    }
}
