//! Dates and times by patterns such as `DD/MM/YYYY hh:mm`, into FHIR and back.

use std::fmt::Write;

use jiff::civil;
use jiff::tz::{AmbiguousOffset, TimeZone};

/// How a sender writes dates and times.
///
/// `YYYY`, `MM`, `DD`, `hh`, `mm`, `ss` are digits, as many as letters; `M` and `D` take one or two; `fff` any
/// number; `Z` an offset such as `+01:00`, `+0100` or `Z`. Every other character stands for itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern(Vec<Token>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token {
    Year,
    Month(Digits),
    Day(Digits),
    Hour,
    Minute,
    Second,
    Fraction,
    Offset,
    Literal(char),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Digits {
    Two,
    OneOrTwo,
}

/// Why a text is no pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum InvalidPattern {
    #[error("a date is written with YYYY, MM, DD, hh, mm, ss, fff and Z, such as \"DD/MM/YYYY\"")]
    Letters,
    #[error("a year has four digits: two would have to be guessed; write YYYY")]
    ShortYear,
    #[error("each part of a date or time stands once, and a finer one only beside the coarser ones")]
    Parts,
}

/// A date or time as precise as the source says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Moment {
    date: Option<String>,
    time: Option<Clock>,
    /// A local time that happens twice; the first was taken.
    pub(super) ambiguous: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Clock {
    time: String,
    offset: String,
}

impl Moment {
    /// `YYYY`, `YYYY-MM` or `YYYY-MM-DD`.
    pub(super) fn date(&self) -> Option<&str> {
        self.date.as_deref()
    }

    /// `hh:mm:ss`, without an offset.
    pub(super) fn time(&self) -> Option<&str> {
        self.time.as_ref().map(|clock| clock.time.as_str())
    }

    /// Whether the time of day says more than the date.
    pub(super) fn has_time_of_day(&self) -> bool {
        self.time().is_some_and(|time| time.bytes().any(|byte| matches!(byte, b'1'..=b'9')))
    }

    /// A FHIR dateTime, an instant too when there is a time of day.
    pub(super) fn date_time(&self) -> Option<String> {
        let date = self.date.as_ref()?;
        Some(match &self.time {
            Some(clock) => format!("{date}T{}{}", clock.time, clock.offset),
            None => date.clone(),
        })
    }
}

impl Pattern {
    /// Reads a pattern.
    pub(super) fn parse(text: &str) -> Result<Self, InvalidPattern> {
        let mut tokens = Vec::new();
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let length = rest.chars().take_while(|letter| *letter == first).count();
            let (token, used) = match (first, length) {
                ('Y', 4) => (Token::Year, 4),
                ('Y', _) => return Err(InvalidPattern::ShortYear),
                ('M', 2) => (Token::Month(Digits::Two), 2),
                ('M', 1) => (Token::Month(Digits::OneOrTwo), 1),
                ('D', 2) => (Token::Day(Digits::Two), 2),
                ('D', 1) => (Token::Day(Digits::OneOrTwo), 1),
                ('h', 2) => (Token::Hour, 2),
                ('m', 2) => (Token::Minute, 2),
                ('s', 2) => (Token::Second, 2),
                ('f', 3) => (Token::Fraction, 3),
                ('Z', 1) => (Token::Offset, 1),
                ('T', _) | ('-' | '/' | '.' | ':' | ' ' | ',', _) => (Token::Literal(first), 1),
                _ => return Err(InvalidPattern::Letters),
            };
            tokens.push(token);
            rest = rest.get(used..).unwrap_or_default();
        }
        let pattern = Self(tokens);
        if pattern.is_whole() { Ok(pattern) } else { Err(InvalidPattern::Parts) }
    }

    fn is_whole(&self) -> bool {
        let count = |kind: fn(&Token) -> bool| self.0.iter().filter(|token| kind(token)).count();
        let year = count(|token| matches!(token, Token::Year));
        let month = count(|token| matches!(token, Token::Month(_)));
        let day = count(|token| matches!(token, Token::Day(_)));
        let hour = count(|token| matches!(token, Token::Hour));
        let minute = count(|token| matches!(token, Token::Minute));
        let second = count(|token| matches!(token, Token::Second));
        let fraction = count(|token| matches!(token, Token::Fraction));
        let offset = count(|token| matches!(token, Token::Offset));
        let in_order = |counts: &[usize]| counts.windows(2).all(|pair| pair.first() >= pair.last());
        let finer_only_beside_coarser =
            in_order(&[year, month, day]) && in_order(&[hour, minute, second, fraction]);
        let once = [year, month, day, hour, minute, second, fraction, offset].iter().all(|found| *found <= 1);
        let joined = (day == 1 || year == 0) == (hour == 1) || hour == 0;
        once && finer_only_beside_coarser
            && (year + hour > 0)
            && (hour == minute)
            && joined
            && (offset == 0 || (hour == 1 && year == 1))
    }

    /// Whether it tells a time of day without a day.
    pub(super) fn is_time_alone(&self) -> bool {
        !self.0.contains(&Token::Year)
    }

    /// Whether it tells a time of day.
    pub(super) fn has_time(&self) -> bool {
        self.0.contains(&Token::Hour)
    }

    /// Whether a text that fits it can be told from what is kept of it in FHIR.
    pub(super) fn is_reversible(&self) -> bool {
        let plain = |token: &Token| {
            !matches!(
                token,
                Token::Month(Digits::OneOrTwo)
                    | Token::Day(Digits::OneOrTwo)
                    | Token::Fraction
                    | Token::Offset
            )
        };
        self.0.iter().all(plain)
    }

    /// Whether what is kept in FHIR can be written by it, if not as it stood.
    pub(super) fn is_writable(&self) -> bool {
        !self.0.iter().any(|token| matches!(token, Token::Fraction | Token::Offset))
    }

    /// Whether some text could be read by both, as different dates.
    pub(super) fn clashes(&self, other: &Self) -> bool {
        let shape = |token: &Token| match token {
            Token::Literal(letter) => *letter,
            Token::Year => 'Y',
            Token::Offset => 'Z',
            Token::Month(_) | Token::Day(_) => 'd',
            Token::Hour | Token::Minute | Token::Second | Token::Fraction => 'h',
        };
        self != other && self.0.iter().map(shape).eq(other.0.iter().map(shape)) && {
            let order = |pattern: &Self| pattern.0.iter().position(|token| matches!(token, Token::Month(_)));
            order(self) != order(other)
        }
    }

    /// Reads `text`, a local time as one of `zone`. Nothing when it does not fit or does not exist.
    pub(super) fn read(&self, text: &str, zone: &TimeZone) -> Option<Moment> {
        let mut fields = Fields::default();
        let mut rest = text;
        for token in &self.0 {
            rest = fields.take(*token, rest)?;
        }
        rest.is_empty().then_some(())?;
        fields.moment(zone)
    }

    /// Writes a FHIR date or dateTime as the sender does. Nothing when it is less exact than the pattern.
    pub(super) fn write(&self, fhir: &str) -> Option<String> {
        let (date, time) = match fhir.split_once('T') {
            Some((date, time)) => (date, time),
            None if self.is_time_alone() => ("", fhir),
            None => (fhir, ""),
        };
        let part = |text: &str, from: usize, to: usize| text.get(from..to).map(str::to_owned);
        let mut out = String::new();
        for token in &self.0 {
            out.push_str(&match token {
                Token::Year => part(date, 0, 4)?,
                Token::Month(_) => part(date, 5, 7)?,
                Token::Day(_) => part(date, 8, 10)?,
                Token::Hour => part(time, 0, 2)?,
                Token::Minute => part(time, 3, 5)?,
                Token::Second => part(time, 6, 8)?,
                Token::Fraction | Token::Offset => return None,
                Token::Literal(letter) => letter.to_string(),
            });
        }
        Some(out)
    }
}

#[derive(Default)]
struct Fields<'t> {
    year: Option<i16>,
    month: Option<i8>,
    day: Option<i8>,
    hour: Option<i8>,
    minute: i8,
    second: i8,
    fraction: &'t str,
    offset: Option<String>,
}

impl<'t> Fields<'t> {
    /// Takes one part from the front of `text`; what is left.
    fn take(&mut self, token: Token, text: &'t str) -> Option<&'t str> {
        let two = || Some((digits(text.get(..2)?)?, text.get(2..)?));
        Some(match token {
            Token::Literal(letter) => text.strip_prefix(letter)?,
            Token::Year => {
                let year = text.get(..4)?;
                self.year =
                    Some(i16::from(digits(year.get(..2)?)?) * 100 + i16::from(digits(year.get(2..)?)?));
                text.get(4..)?
            }
            Token::Month(Digits::Two) => keep(&mut self.month, two()?),
            Token::Day(Digits::Two) => keep(&mut self.day, two()?),
            Token::Month(Digits::OneOrTwo) => keep(&mut self.month, one_or_two(text)?),
            Token::Day(Digits::OneOrTwo) => keep(&mut self.day, one_or_two(text)?),
            Token::Hour => keep(&mut self.hour, two()?),
            Token::Minute => {
                let (minute, rest) = two()?;
                self.minute = minute;
                rest
            }
            Token::Second => {
                let (second, rest) = two()?;
                self.second = second;
                rest
            }
            Token::Fraction => {
                let length = text.bytes().take_while(u8::is_ascii_digit).count();
                let (fraction, rest) = text.split_at_checked(length)?;
                (1..=9).contains(&length).then_some(())?;
                self.fraction = fraction;
                rest
            }
            Token::Offset => self.offset(text)?,
        })
    }

    fn offset(&mut self, text: &'t str) -> Option<&'t str> {
        if let Some(rest) = text.strip_prefix('Z') {
            self.offset = Some("Z".to_owned());
            return Some(rest);
        }
        let sign = text.get(..1).filter(|sign| matches!(*sign, "+" | "-"))?;
        let hours = digits(text.get(1..3)?)?;
        let rest = text.get(3..)?;
        let rest = rest.strip_prefix(':').unwrap_or(rest);
        let minutes = digits(rest.get(..2)?)?;
        (hours <= 14 && minutes < 60).then_some(())?;
        self.offset = Some(format!("{sign}{hours:02}:{minutes:02}"));
        rest.get(2..)
    }

    fn moment(self, zone: &TimeZone) -> Option<Moment> {
        let date = match (self.year, self.month, self.day) {
            (None, ..) => None,
            (Some(0), ..) => return None,
            (Some(year), None, _) => Some(format!("{year:04}")),
            (Some(year), Some(month), None) => {
                civil::Date::new(year, month, 1).ok()?;
                Some(format!("{year:04}-{month:02}"))
            }
            (Some(year), Some(month), Some(day)) => {
                civil::Date::new(year, month, day).ok()?;
                let mut date = String::with_capacity(32);
                let (century, of_century) = (year / 100, year % 100);
                for (mark, part) in [("", century), ("", of_century), ("-", month.into()), ("-", day.into())]
                {
                    date.push_str(mark);
                    date.extend([part / 10, part % 10].map(|digit| char::from(b'0' + digit as u8)));
                }
                Some(date)
            }
        };
        let Some(hour) = self.hour else { return Some(Moment { date, time: None, ambiguous: false }) };
        let time = civil::Time::new(hour, self.minute, self.second, 0).ok()?;
        let mut written = format!("{hour:02}:{:02}:{:02}", self.minute, self.second);
        if !self.fraction.is_empty() {
            // Writing to a String cannot fail.
            write!(written, ".{}", self.fraction).ok()?;
        }
        let (offset, ambiguous) = match (self.offset, self.year, self.month, self.day) {
            (Some(offset), ..) => (offset, false),
            (None, Some(year), Some(month), Some(day)) => {
                local_offset(civil::Date::new(year, month, day).ok()?.to_datetime(time), zone)?
            }
            (None, ..) => (String::new(), false),
        };
        Some(Moment { date, time: Some(Clock { time: written, offset }), ambiguous })
    }
}

fn keep<'t>(place: &mut Option<i8>, (value, rest): (i8, &'t str)) -> &'t str {
    *place = Some(value);
    rest
}

fn one_or_two(text: &str) -> Option<(i8, &str)> {
    let length = text.bytes().take(2).take_while(u8::is_ascii_digit).count();
    let (number, rest) = text.split_at_checked(length)?;
    Some((digits(number)?, rest))
}

/// The number that one or two ASCII digits are.
fn digits(text: &str) -> Option<i8> {
    (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok()).flatten()
}

/// The offset of a local time. Nothing when the clocks skip it: it does not exist.
fn local_offset(local: civil::DateTime, zone: &TimeZone) -> Option<(String, bool)> {
    let (offset, ambiguous) = match zone.to_ambiguous_timestamp(local).offset() {
        AmbiguousOffset::Unambiguous { offset } => (offset, false),
        AmbiguousOffset::Fold { before, .. } => (before, true),
        AmbiguousOffset::Gap { .. } => return None,
    };
    let seconds = offset.seconds();
    let sign = if seconds < 0 { '-' } else { '+' };
    let minutes = seconds.unsigned_abs() / 60;
    Some((format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60), ambiguous))
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::{InvalidPattern, Pattern};

    #[track_caller]
    fn check(pattern: &str, text: &str, expected: Option<&str>) {
        let zone = TimeZone::get("Europe/London").unwrap();
        let found = Pattern::parse(pattern).unwrap().read(text, &zone);
        let found = found.and_then(|moment| moment.date_time());
        assert_eq!(found.as_deref(), expected, "{text}");
    }

    #[test]
    fn a_date_is_read_as_exactly_as_it_is_written() {
        check("DD/MM/YYYY", "29/02/2024", Some("2024-02-29"));
        check("D/M/YYYY", "1/12/2024", Some("2024-12-01"));
        check("MM/YYYY", "03/2024", Some("2024-03"));
        check("YYYY", "2024", Some("2024"));
        check("DD/MM/YYYY hh:mm", "01/07/2026 09:30", Some("2026-07-01T09:30:00+01:00"));
        check("YYYY-MM-DDThh:mm:ss.fffZ", "2026-01-01T00:00:00.5Z", Some("2026-01-01T00:00:00.5Z"));
        check("YYYY-MM-DDThh:mm:ssZ", "2026-01-01T00:00:00+0530", Some("2026-01-01T00:00:00+05:30"));
    }

    #[test]
    fn what_does_not_exist_or_does_not_fit_is_not_read() {
        for text in ["30/02/2024", "1/2/2024", "01/13/2024", "01/01/24", "01/01/2024 ", "", "٠١/٠١/٢٠٢٤"]
        {
            check("DD/MM/YYYY", text, None);
        }
        check("DD/MM/YYYY hh:mm", "29/03/2026 01:30", None);
        check("DD/MM/YYYY hh:mm", "29/03/2026 24:00", None);
    }

    #[test]
    fn a_local_time_that_happens_twice_is_marked() {
        let zone = TimeZone::get("Europe/London").unwrap();
        let pattern = Pattern::parse("DD/MM/YYYY hh:mm").unwrap();
        assert!(pattern.read("25/10/2026 01:30", &zone).unwrap().ambiguous);
    }

    #[test]
    fn what_was_read_is_written_back() {
        let zone = TimeZone::get("Europe/London").unwrap();
        for (pattern, text) in
            [("DD/MM/YYYY", "29/02/2024"), ("YYYYMMDD", "20240229"), ("DD/MM/YYYY hh:mm", "25/10/2026 01:30")]
        {
            let pattern = Pattern::parse(pattern).unwrap();
            let fhir = pattern.read(text, &zone).unwrap().date_time().unwrap();
            assert!(pattern.is_reversible());
            assert_eq!(pattern.write(&fhir).as_deref(), Some(text));
        }
    }

    #[test]
    fn a_pattern_that_would_have_to_be_guessed_at_is_refused() {
        for (text, expected) in [
            ("DD/MM/YY", InvalidPattern::ShortYear),
            ("%d/%m/%Y", InvalidPattern::Letters),
            ("DD/YYYY", InvalidPattern::Parts),
            ("YYYY hh:mm", InvalidPattern::Parts),
            ("DD/MM/YYYY hh", InvalidPattern::Parts),
            ("DD DD/MM/YYYY", InvalidPattern::Parts),
            ("", InvalidPattern::Parts),
        ] {
            assert_eq!(Pattern::parse(text), Err(expected), "{text}");
        }
        let english = Pattern::parse("DD/MM/YYYY").unwrap();
        assert!(english.clashes(&Pattern::parse("MM/DD/YYYY").unwrap()));
        assert!(!english.clashes(&Pattern::parse("YYYY-MM-DD").unwrap()));
    }
}
