//! FHIR dates as spans of time, to compare a search value with an element of any precision.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::Value;

/// From its first instant up to, not including, its last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    from: Timestamp,
    until: Timestamp,
}

impl Span {
    /// Reads a date, a dateTime or an instant.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if text.contains('T') {
            let from: Timestamp = text.parse().ok()?;
            let until = from.checked_add(jiff::SignedDuration::from_secs(1)).ok()?;
            return Some(Self { from, until });
        }
        let parts: Vec<&str> = text.split('-').collect();
        let (first, last) = match parts.as_slice() {
            [year] => {
                let first = Date::new(year.parse().ok()?, 1, 1).ok()?;
                (first, first.last_of_year())
            }
            [year, month] => {
                let first = Date::new(year.parse().ok()?, month.parse().ok()?, 1).ok()?;
                (first, first.last_of_month())
            }
            _ => {
                let day: Date = text.parse().ok()?;
                (day, day)
            }
        };
        Some(Self { from: midnight(first)?, until: midnight(last.tomorrow().ok()?)? })
    }

    /// Reads an element: a date in a string, or a Period whose open ends are endless.
    pub(super) fn of(element: &Value) -> Option<Self> {
        if let Some(text) = element.as_str() {
            return Self::parse(text);
        }
        let end = |name: &str| element.get(name).and_then(Value::as_str).and_then(Self::parse);
        Some(Self {
            from: end("start").map_or(Timestamp::MIN, |span| span.from),
            until: end("end").map_or(Timestamp::MAX, |span| span.until),
        })
    }

    /// Whether `self`, an element, satisfies `prefix` and `asked` (R4 search, section prefixes).
    pub(super) fn satisfies(self, prefix: &str, asked: Self) -> bool {
        match prefix {
            "ne" => !(asked.from <= self.from && self.until <= asked.until),
            "gt" => self.until > asked.until,
            "ge" => self.until > asked.until || self.satisfies("eq", asked),
            "lt" => self.from < asked.from,
            "le" => self.from < asked.from || self.satisfies("eq", asked),
            "sa" => self.from >= asked.until,
            "eb" => self.until <= asked.from,
            _ => asked.from <= self.from && self.until <= asked.until,
        }
    }
}

fn midnight(day: Date) -> Option<Timestamp> {
    day.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn satisfies(element: &str, prefix: &str, asked: &str) -> bool {
        Span::parse(element).unwrap().satisfies(prefix, Span::parse(asked).unwrap())
    }

    #[test]
    fn a_day_lies_in_its_month_and_not_in_the_next() {
        assert!(satisfies("1948-02-29", "eq", "1948-02"));
        assert!(satisfies("1948-02-29", "lt", "1948-03"));
        assert!(satisfies("1948-02-29", "ge", "1948-02-29"));
        assert!(!satisfies("1948-02-29", "eq", "1948-03"));
        assert!(!satisfies("1948", "eq", "1948-02"));
    }

    #[test]
    fn what_is_no_date_is_no_span() {
        assert_eq!(Span::parse("yesterday"), None);
        assert_eq!(Span::parse("2024-02-30"), None);
    }
}
