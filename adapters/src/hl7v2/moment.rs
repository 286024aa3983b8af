//! Dates and times: TS, DTM, DT into FHIR date, dateTime and instant.

use jiff::civil;
use jiff::tz::{AmbiguousOffset, TimeZone};

use crate::Why;

/// A date or time as precise as the source says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Moment {
    date: String,
    time: Option<String>,
    /// The hour falls into the one that happens twice.
    pub(crate) ambiguous: bool,
}

impl Moment {
    /// The date alone, `YYYY`, `YYYY-MM` or `YYYY-MM-DD`.
    pub(crate) fn date(&self) -> &str {
        &self.date
    }

    /// Whether there is a time of day.
    pub(crate) fn has_time(&self) -> bool {
        self.time.is_some()
    }

    /// Whether the time of day is midnight to the second.
    pub(crate) fn is_midnight(&self) -> bool {
        self.time.as_ref().is_some_and(|time| time.starts_with("00:00:00"))
    }

    /// A FHIR dateTime.
    pub(crate) fn date_time(&self) -> String {
        match &self.time {
            Some(time) => [&self.date, "T", time].concat(),
            None => self.date.clone(),
        }
    }
}

/// Reads `YYYY[MM[DD[HHMM[SS[.S+]]]]][+ZZZZ]`, a local time as one of `zone`.
///
/// # Errors
/// [`Why::NotATime`] when there is no such date or time, or it cannot be said in FHIR.
pub(crate) fn parse(text: &str, zone: &TimeZone) -> Result<Moment, Why> {
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
    let number = |from: usize, to: usize| {
        digits.get(from..to).and_then(|part| part.parse::<i8>().ok()).ok_or(Why::NotATime)
    };
    let year: i16 =
        digits.get(..4).and_then(|part| part.parse().ok()).filter(|year| *year > 0).ok_or(Why::NotATime)?;
    let dateless = |date: String| Ok(Moment { date, time: None, ambiguous: false });
    match digits.len() {
        4 => return dateless(format!("{year:04}")),
        6 => {
            let month = number(4, 6)?;
            civil::Date::new(year, month, 1).map_err(|_| Why::NotATime)?;
            return dateless(format!("{year:04}-{month:02}"));
        }
        8 | 12 | 14 => {}
        _ => return Err(Why::NotATime),
    }
    let date = civil::Date::new(year, number(4, 6)?, number(6, 8)?).map_err(|_| Why::NotATime)?;
    // That they are digits, and of a date and a time that exist, is known: what is said of them stands there.
    let said = |from: usize, to: usize| digits.get(from..to).unwrap_or_default();
    let day = [said(0, 4), "-", said(4, 6), "-", said(6, 8)].concat();
    if digits.len() == 8 {
        return dateless(day);
    }
    let second = if digits.len() == 14 { number(12, 14)? } else { 0 };
    let time = civil::Time::new(number(8, 10)?, number(10, 12)?, second, 0).map_err(|_| Why::NotATime)?;
    let seconds = if digits.len() == 14 { said(12, 14) } else { "00" };
    let mut written = [said(8, 10), ":", said(10, 12), ":", seconds].concat();
    if let Some(fraction) = fraction {
        written.push('.');
        written.push_str(fraction);
    }
    let (offset, ambiguous) = match offset {
        Some(offset) => (offset, false),
        None => local_offset(date.to_datetime(time), zone)?,
    };
    written.push_str(&offset);
    Ok(Moment { date: day, time: Some(written), ambiguous })
}

/// The day of a time that says the hour and no minute, `YYYYMMDDHH[+ZZZZ]`, which FHIR cannot say.
pub(crate) fn of_hour(text: &str, zone: &TimeZone) -> Option<Moment> {
    let (digits, _) = split_offset(text).ok()?;
    let (day, hour) = digits.split_at_checked(8).filter(|(_, hour)| hour.len() == 2)?;
    hour.parse::<u8>().ok().filter(|hour| *hour < 24)?;
    parse(day, zone).ok()
}

/// Reads `HHMM[SS]` as a FHIR time.
pub(crate) fn time(text: &str) -> Option<String> {
    if !matches!(text.len(), 4 | 6) || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number = |from: usize| text.get(from..from + 2).map_or(Some(0), |part| part.parse::<i8>().ok());
    let time = civil::Time::new(number(0)?, number(2)?, number(4)?, 0).ok()?;
    Some(format!("{:02}:{:02}:{:02}", time.hour(), time.minute(), time.second()))
}

/// Whether the time `one` is after `other`, as far as both say. What is no time is after none.
pub(crate) fn is_after(one: &str, other: &str, zone: &TimeZone) -> bool {
    let (Ok(one), Ok(other)) = (parse(one, zone), parse(other, zone)) else { return false };
    let instant = |moment: &Moment| moment.date_time().parse::<jiff::Timestamp>().ok();
    match (instant(&one), instant(&other)) {
        (Some(one), Some(other)) => one > other,
        _ => {
            let exact = one.date.len().min(other.date.len());
            one.date.get(..exact) > other.date.get(..exact)
        }
    }
}

/// Splits `+hhmm` off and gives it as `+hh:mm`.
fn split_offset(text: &str) -> Result<(&str, Option<String>), Why> {
    let Some(at) = text.find(['+', '-']) else { return Ok((text, None)) };
    let (digits, offset) = text.split_at(at);
    let (Some(sign), Some(hours), Some(minutes), 5) =
        (offset.get(..1), offset.get(1..3), offset.get(3..5), offset.len())
    else {
        return Err(Why::NotATime);
    };
    let number =
        |text: &str| text.parse::<u8>().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()));
    match (number(hours), number(minutes)) {
        (Some(h), Some(m)) if h <= 14 && m < 60 => Ok((digits, Some(format!("{sign}{hours}:{minutes}")))),
        _ => Err(Why::NotATime),
    }
}

fn local_offset(local: civil::DateTime, zone: &TimeZone) -> Result<(String, bool), Why> {
    let (offset, ambiguous) = match zone.to_ambiguous_timestamp(local).offset() {
        AmbiguousOffset::Unambiguous { offset } => (offset, false),
        AmbiguousOffset::Fold { before, .. } => (before, true),
        // The clocks skip this time: it does not exist.
        AmbiguousOffset::Gap { .. } => return Err(Why::NotATime),
    };
    let seconds = offset.seconds();
    let sign = if seconds < 0 { '-' } else { '+' };
    let minutes = seconds.unsigned_abs() / 60;
    Ok((format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60), ambiguous))
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::{is_after, parse, time};

    #[track_caller]
    fn check(text: &str, expected: Option<&str>) {
        let zone = TimeZone::get("Europe/London").unwrap();
        assert_eq!(parse(text, &zone).ok().map(|moment| moment.date_time()).as_deref(), expected, "{text}");
    }

    #[test]
    fn a_time_of_day_exists_or_is_refused() {
        assert_eq!(time("1305").as_deref(), Some("13:05:00"));
        assert_eq!(time("130507").as_deref(), Some("13:05:07"));
        for text in ["13", "2405", "13056", "1a05", ""] {
            assert_eq!(time(text), None, "{text}");
        }
    }

    #[test]
    fn a_time_is_after_another_as_far_as_both_say() {
        let zone = TimeZone::get("Europe/London").unwrap();
        for (one, other, expected) in [
            ("202607011201", "202607011200", true),
            ("202607011200", "202607011200", false),
            ("202607011200+0000", "202607011259", true),
            ("20260701", "202607011200", false),
            ("20260702", "202607011200", true),
            ("2026", "202607011200", false),
            ("20260732", "202607011200", false),
        ] {
            assert_eq!(is_after(one, other, &zone), expected, "{one} {other}");
        }
    }

    #[test]
    fn precision_is_kept() {
        check("2026", Some("2026"));
        check("202602", Some("2026-02"));
        check("20260228", Some("2026-02-28"));
        check("202602281305", Some("2026-02-28T13:05:00+00:00"));
        check("20260228130507.1250", Some("2026-02-28T13:05:07.1250+00:00"));
    }

    #[test]
    fn a_local_time_has_the_offset_of_its_day() {
        check("202607011200", Some("2026-07-01T12:00:00+01:00"));
        check("202601011200", Some("2026-01-01T12:00:00+00:00"));
        check("202607011200-0500", Some("2026-07-01T12:00:00-05:00"));
    }

    #[test]
    fn a_time_that_happens_twice_is_marked_and_one_that_never_does_is_refused() {
        let zone = TimeZone::get("Europe/London").unwrap();
        assert!(parse("202610250130", &zone).unwrap().ambiguous);
        check("202603290130", None);
    }

    #[test]
    fn what_does_not_exist_is_refused() {
        for text in [
            "20260230",
            "20261301",
            "202602282405",
            "2026022813",
            "0000",
            "20",
            "2026-02-28",
            "20260228130507.",
            "202602281305+01",
            "x",
            "",
            "202602281305+9900",
            "٢٠٢٦",
        ] {
            check(text, None);
        }
    }
}
