//! Values that no script declares: `${UUID}`, `${CURRENTDATE}`, `${CURRENTDATETIME}`, `${DATE, base, unit, amount}` and the
//! random placeholders of letters (`C`), digits (`D`) and both (`CD`).
//!
//! `${UUID-x}` is one identifier for each x through the whole of a run. No specification of HL7 has any of them; scripts in use do.

use std::fmt::Write as _;

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use jiff::civil::Date;
use jiff::{Span, Timestamp};

/// Random letters of one placeholder.
const LETTERS_MAX: usize = 64;

/// What a name means as a built-in value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Macro {
    Uuid,
    Date,
    DateTime,
    /// Letters, digits or both, this many.
    Random(Alphabet, usize),
    /// A date so many units from the value of a variable, or from a date that is written out.
    Shifted {
        base: String,
        unit: Unit,
        amount: i64,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Alphabet {
    Letters,
    Digits,
    Both,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    Days,
    Months,
    Years,
}

impl Macro {
    /// The built-in value that `name` asks for.
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name {
            name if name == "UUID" || name.starts_with("UUID-") => Some(Self::Uuid),
            "CURRENTDATE" => Some(Self::Date),
            "CURRENTDATETIME" => Some(Self::DateTime),
            _ => shifted(name).or_else(|| random(name)),
        }
    }

    /// Whether a name is worth the same wherever it stands.
    pub(crate) fn is_kept(name: &str) -> bool {
        name.starts_with("UUID-")
    }

    /// Whether two uses give two values.
    pub(crate) const fn is_random(&self) -> bool {
        matches!(self, Self::Uuid | Self::Random(..))
    }

    /// The value; `base` is what the base of a shifted date stands for.
    pub(crate) fn value(&self, now: Timestamp, base: Option<&str>) -> Option<String> {
        match self {
            Self::Uuid => uuid(),
            Self::Date => now.to_string().get(..10).map(str::to_owned),
            Self::DateTime => now.to_string().get(..19).map(|text| format!("{text}Z")),
            Self::Random(alphabet, count) => letters(*alphabet, *count),
            Self::Shifted { base: written, unit, amount } => shift(base.unwrap_or(written), *unit, *amount),
        }
    }
}

fn shifted(name: &str) -> Option<Macro> {
    let mut parts = name.strip_prefix("DATE")?.trim_start().strip_prefix(',')?.split(',').map(str::trim);
    let base = parts.next()?.to_owned();
    let unit = match parts.next()? {
        "D" => Unit::Days,
        "M" => Unit::Months,
        "Y" => Unit::Years,
        _ => return None,
    };
    let amount = parts.next()?.trim_start_matches('+').parse().ok()?;
    parts.next().is_none().then_some(Macro::Shifted { base, unit, amount })
}

fn random(name: &str) -> Option<Macro> {
    let alphabet = name.trim_end_matches(|letter: char| letter.is_ascii_digit());
    let count = name.strip_prefix(alphabet).filter(|count| !count.is_empty());
    let (alphabet, count) = match (alphabet, count) {
        ("C", Some(count)) => (Alphabet::Letters, count.parse().ok()?),
        ("D", Some(count)) => (Alphabet::Digits, count.parse().ok()?),
        ("CD", Some(count)) => (Alphabet::Both, count.parse().ok()?),
        (run, None) if !run.is_empty() && run.chars().all(|letter| letter == 'C') => {
            (Alphabet::Letters, run.len())
        }
        (run, None) if !run.is_empty() && run.chars().all(|letter| letter == 'D') => {
            (Alphabet::Digits, run.len())
        }
        _ => return None,
    };
    (1..=LETTERS_MAX).contains(&count).then_some(Macro::Random(alphabet, count))
}

fn shift(base: &str, unit: Unit, amount: i64) -> Option<String> {
    let date: Date = base.get(..10)?.parse().ok()?;
    let span = match unit {
        Unit::Days => Span::new().try_days(amount),
        Unit::Months => Span::new().try_months(amount),
        Unit::Years => Span::new().try_years(amount),
    };
    Some(date.checked_add(span.ok()?).ok()?.to_string())
}

fn letters(alphabet: Alphabet, count: usize) -> Option<String> {
    let among: &[u8] = match alphabet {
        Alphabet::Letters => b"ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        Alphabet::Digits => b"0123456789",
        Alphabet::Both => b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
    };
    let mut bytes = [0_u8; LETTERS_MAX];
    SystemRandom::new().fill(&mut bytes).ok()?;
    bytes
        .iter()
        .take(count)
        .map(|byte| among.get(usize::from(*byte) % among.len()).map(|it| char::from(*it)))
        .collect()
}

fn uuid() -> Option<String> {
    let mut bytes = [0_u8; 16];
    SystemRandom::new().fill(&mut bytes).ok()?;
    let mut out = String::new();
    for (at, byte) in bytes.into_iter().enumerate() {
        let byte = match at {
            6 => byte & 0x0f | 0x40,
            8 => byte & 0x3f | 0x80,
            _ => byte,
        };
        if matches!(at, 4 | 6 | 8 | 10) {
            out.push('-');
        }
        write!(out, "{byte:02x}").ok()?;
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::{Alphabet, Macro};

    #[test]
    fn built_in_names_are_known_and_others_are_not() {
        for name in [
            "UUID",
            "UUID-ST",
            "CURRENTDATE",
            "CURRENTDATETIME",
            "DATE, T, D,-3",
            "DATE,T,M,+1",
            "C7",
            "D4",
            "CD12",
            "CCC",
            "DD",
        ] {
            assert!(Macro::named(name).is_some(), "{name}");
        }
        for name in [
            "",
            "uuid",
            "DATE",
            "DATE, T, W, 1",
            "DATE, T, D, x",
            "C0",
            "C99",
            "CDC",
            "patientId",
            "DATE, T, D, 1, 2",
        ] {
            assert_eq!(Macro::named(name), None, "{name}");
        }
    }

    #[test]
    fn values_have_their_shapes() {
        let now = "2028-02-29T10:11:12.5Z".parse().unwrap();
        let value = |name: &str, base| Macro::named(name).unwrap().value(now, base);
        assert_eq!(value("CURRENTDATE", None).as_deref(), Some("2028-02-29"));
        assert_eq!(value("CURRENTDATETIME", None).as_deref(), Some("2028-02-29T10:11:12Z"));
        assert_eq!(value("DATE, T, D,-60", Some("2028-02-29")).as_deref(), Some("2027-12-31"));
        assert_eq!(value("DATE, T, M, -1", Some("2028-03-31")).as_deref(), Some("2028-02-29"));
        assert_eq!(value("DATE, T, Y, 1", Some("2028-02-29T09:00:00Z")).as_deref(), Some("2029-02-28"));
        assert_eq!(value("DATE, 2028-02-29, D, 1", None).as_deref(), Some("2028-03-01"));
        assert_eq!(value("DATE, T, D, 1", Some("soon")), None);
        assert_eq!(value("DATE, T, D, 99999999999", Some("2028-02-29")), None);
        let uuid = value("UUID", None).unwrap();
        assert_eq!((uuid.len(), uuid.chars().nth(14), uuid.matches('-').count()), (36, Some('4'), 4));
        assert_ne!(value("UUID", None), value("UUID", None));
        assert!(value("C40", None).unwrap().chars().all(|letter| letter.is_ascii_uppercase()));
        assert!(value("D40", None).unwrap().chars().all(|letter| letter.is_ascii_digit()));
        assert_eq!(Macro::named("CCC"), Some(Macro::Random(Alphabet::Letters, 3)));
    }
}
