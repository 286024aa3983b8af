//! TS: `YYYYMMDDHHMMSS.S+ZZZZ`, as precise as it is written, into date, dateTime and instant.

use std::fmt::Write;

use jiff::civil;
use jiff::tz::{AmbiguousOffset, TimeZone};

use super::coded::Known;
use super::source::Element;
use crate::tree::Node;
use crate::{Severity, Why};

/// A date or time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Moment {
    pub(super) date: String,
    pub(super) time: Option<String>,
    /// What has to be said about it.
    pub(super) remark: Option<Why>,
}

impl Moment {
    /// A FHIR dateTime.
    pub(super) fn date_time(&self) -> String {
        match &self.time {
            Some(time) => format!("{}T{time}", self.date),
            None => self.date.clone(),
        }
    }
}

impl Known<'_> {
    /// The moment in an attribute, `value` unless another is named. What does not exist is remarked.
    pub(super) fn moment(&self, element: Element<'_>, attribute: Option<&str>) -> Option<Moment> {
        let name = attribute.unwrap_or("value");
        let place = if name == "value" { Some("value") } else { None };
        match parse(element.peek(name)?, &self.context.zone) {
            Ok(moment) => {
                element.mark(&[name]);
                if let Some(why) = moment.remark {
                    element.remark(place, why, Severity::Minor);
                }
                Some(moment)
            }
            Err(why) => {
                element.remark(place, why, Severity::Major);
                None
            }
        }
    }

    /// The same as a FHIR dateTime.
    pub(super) fn date_time(&self, element: Element<'_>, attribute: Option<&str>) -> Option<Node> {
        self.moment(element, attribute).map(|moment| Node::Text(moment.date_time()))
    }
}

/// Reads a TS, a local time as one of `zone`.
///
/// # Errors
/// [`Why::NotATime`] when there is no such date or time.
pub(super) fn parse(text: &str, zone: &TimeZone) -> Result<Moment, Why> {
    let (digits, offset) = split_offset(text)?;
    let (digits, fraction) = match digits.split_once('.') {
        Some((digits, fraction)) => (digits, Some(fraction)),
        None => (digits, None),
    };
    let whole =
        |text: &str| !text.is_empty() && text.len() <= 14 && text.bytes().all(|byte| byte.is_ascii_digit());
    if !whole(digits) || fraction.is_some_and(|fraction| digits.len() != 14 || !whole(fraction)) {
        return Err(Why::NotATime);
    }
    let number = |from: usize| {
        digits.get(from..from + 2).map_or(Ok(0), |part| part.parse::<i8>().map_err(|_| Why::NotATime))
    };
    let year = digits.get(..4).and_then(|part| part.parse::<i16>().ok()).filter(|year| *year > 0);
    let year = year.ok_or(Why::NotATime)?;
    let dated = |date: String, remark| Moment { date, time: None, remark };
    match digits.len() {
        4 => return Ok(dated(format!("{year:04}"), None)),
        6 => {
            let month = number(4)?;
            civil::Date::new(year, month, 1).map_err(|_| Why::NotATime)?;
            return Ok(dated(format!("{year:04}-{month:02}"), None));
        }
        8 | 10 | 12 | 14 => {}
        _ => return Err(Why::NotATime),
    }
    let date = civil::Date::new(year, number(4)?, number(6)?).map_err(|_| Why::NotATime)?;
    match digits.len() {
        8 => return Ok(dated(date.to_string(), None)),
        // FHIR has no hours without minutes.
        10 => {
            civil::Time::new(number(8)?, 0, 0, 0).map_err(|_| Why::NotATime)?;
            return Ok(dated(date.to_string(), Some(Why::Narrowed)));
        }
        _ => {}
    }
    let time = civil::Time::new(number(8)?, number(10)?, number(12)?, 0).map_err(|_| Why::NotATime)?;
    let mut written = format!("{:02}:{:02}:{:02}", time.hour(), time.minute(), time.second());
    if let Some(fraction) = fraction {
        // Writing to a String cannot fail.
        write!(written, ".{fraction}").map_err(|_| Why::NotATime)?;
    }
    let (offset, remark) = match offset {
        Some(offset) => (offset, None),
        None => local_offset(date.to_datetime(time), zone)?,
    };
    written.push_str(&offset);
    Ok(Moment { date: date.to_string(), time: Some(written), remark })
}

/// Midnight of a date at which an instant is needed, in `zone`.
pub(super) fn midnight(date: &str, zone: &TimeZone) -> Option<String> {
    let day: civil::Date = date.parse().ok()?;
    let start = day.to_zoned(zone.clone()).ok()?;
    let seconds = start.offset().seconds();
    Some(format!(
        "{date}T{:02}:{:02}:{:02}{}",
        start.hour(),
        start.minute(),
        start.second(),
        written(seconds)
    ))
}

/// Splits `+hhmm` or `+hh` off and gives it as `+hh:mm`.
fn split_offset(text: &str) -> Result<(&str, Option<String>), Why> {
    let Some(at) = text.find(['+', '-']) else { return Ok((text, None)) };
    let (digits, offset) = text.split_at(at);
    let sign = offset.get(..1).ok_or(Why::NotATime)?;
    let number = |from: usize| {
        let part = offset.get(from..from + 2).filter(|part| part.bytes().all(|byte| byte.is_ascii_digit()));
        part.and_then(|part| part.parse::<u8>().ok()).ok_or(Why::NotATime)
    };
    let (hours, minutes) = match offset.len() {
        3 => (number(1)?, 0),
        5 => (number(1)?, number(3)?),
        _ => return Err(Why::NotATime),
    };
    if hours > 14 || minutes > 59 {
        return Err(Why::NotATime);
    }
    Ok((digits, Some(format!("{sign}{hours:02}:{minutes:02}"))))
}

fn local_offset(local: civil::DateTime, zone: &TimeZone) -> Result<(String, Option<Why>), Why> {
    match zone.to_ambiguous_timestamp(local).offset() {
        AmbiguousOffset::Unambiguous { offset } => Ok((written(offset.seconds()), None)),
        AmbiguousOffset::Fold { before, .. } => Ok((written(before.seconds()), Some(Why::TimeAmbiguous))),
        // The clocks skip this time: it does not exist.
        AmbiguousOffset::Gap { .. } => Err(Why::NotATime),
    }
}

fn written(seconds: i32) -> String {
    let sign = if seconds < 0 { '-' } else { '+' };
    let minutes = seconds.unsigned_abs() / 60;
    format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60)
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::{midnight, parse};
    use crate::Why;

    #[test]
    fn a_time_is_as_precise_as_it_is_written() {
        let zone = TimeZone::get("Europe/London").unwrap();
        for (text, expected) in [
            ("2026", Ok("2026")),
            ("202602", Ok("2026-02")),
            ("20260228", Ok("2026-02-28")),
            ("2026022813", Ok("2026-02-28")),
            ("202602281305", Ok("2026-02-28T13:05:00+00:00")),
            ("202607281305", Ok("2026-07-28T13:05:00+01:00")),
            ("20260228130501.25-0500", Ok("2026-02-28T13:05:01.25-05:00")),
            ("201105192000+00", Ok("2011-05-19T20:00:00+00:00")),
            ("20260230", Err(Why::NotATime)),
            ("20260329013000", Err(Why::NotATime)),
            ("20260228250000", Err(Why::NotATime)),
            ("2026022", Err(Why::NotATime)),
            ("tomorrow", Err(Why::NotATime)),
            ("20260228130501+9900", Err(Why::NotATime)),
            ("", Err(Why::NotATime)),
        ] {
            assert_eq!(
                parse(text, &zone).map(|moment| moment.date_time()).as_deref(),
                expected.as_ref().map(|text| *text),
                "{text}"
            );
        }
        assert_eq!(parse("20261025013000", &zone).unwrap().remark, Some(Why::TimeAmbiguous));
        assert_eq!(parse("2026022813", &zone).unwrap().remark, Some(Why::Narrowed));
        assert_eq!(midnight("2026-07-01", &zone).as_deref(), Some("2026-07-01T00:00:00+01:00"));
        assert_eq!(midnight("2026-07", &zone), None);
    }
}
