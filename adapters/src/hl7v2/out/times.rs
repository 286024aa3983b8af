//! Dates and times: FHIR date, dateTime and instant as TS, DTM and DT.

use jiff::civil::DateTime;
use jiff::tz::AmbiguousOffset;
use jiff::{Timestamp, tz};

use super::profile::Times;

/// A FHIR date, dateTime or instant as HL7 v2 writes it.
pub(super) fn moment(text: &str, times: Times, zone: &tz::TimeZone) -> Option<String> {
    let digits = |text: &str, length: usize| {
        (text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.to_owned())
    };
    let Some((date, time)) = text.split_once('T') else {
        let mut parts = text.split('-');
        let mut out = digits(parts.next()?, 4)?;
        for part in parts {
            out.push_str(&digits(part, 2)?);
        }
        return (out.len() <= 8).then_some(out);
    };
    let at = time.find(['Z', '+', '-'])?;
    let (clock, offset) = time.split_at(at);
    let offset = if offset == "Z" { "+00:00" } else { offset };
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, ""));
    let instant: Timestamp = format!("{date}T{clock}{offset}").parse().ok()?;
    let (date, clock, offset) = match times {
        Times::Offset => (date.to_owned(), clock.to_owned(), offset.replace(':', "")),
        Times::Local => {
            let there = zone.to_offset(instant);
            let local: DateTime = there.to_datetime(instant);
            let plain =
                matches!(zone.to_ambiguous_timestamp(local).offset(), AmbiguousOffset::Unambiguous { .. });
            let seconds = there.seconds();
            let sign = if seconds < 0 { '-' } else { '+' };
            let minutes = seconds.unsigned_abs() / 60;
            let offset = format!("{sign}{:02}{:02}", minutes / 60, minutes % 60);
            (
                local.date().to_string(),
                local.time().strftime("%H:%M:%S").to_string(),
                if plain { String::new() } else { offset },
            )
        }
    };
    let mut out = digits(&date.replace('-', ""), 8)?;
    out.push_str(&digits(&clock.replace(':', ""), 6)?);
    if !fraction.is_empty() {
        // Four digits are all there is room for.
        out.push('.');
        out.push_str(&fraction.chars().take(4).collect::<String>());
    }
    out.push_str(&offset);
    Some(out)
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::moment;
    use crate::hl7v2::out::profile::Times;

    #[test]
    fn precision_is_kept() {
        let zone = TimeZone::get("Europe/London").unwrap();
        for (text, offset, local) in [
            ("2026", Some("2026"), Some("2026")),
            ("2026-07", Some("202607"), Some("202607")),
            ("2026-07-04", Some("20260704"), Some("20260704")),
            ("2026-07-04T12:00:00Z", Some("20260704120000+0000"), Some("20260704130000")),
            (
                "2026-07-04T12:00:00.1234567+01:00",
                Some("20260704120000.1234+0100"),
                Some("20260704120000.1234"),
            ),
            // The hour that happens twice.
            ("2026-10-25T00:30:00Z", Some("20261025003000+0000"), Some("20261025013000+0100")),
            ("2026-10-25T01:30:00Z", Some("20261025013000+0000"), Some("20261025013000+0000")),
            ("2026-13-04T12:00:00Z", None, None),
            ("2026-07-04T12:00:00", None, None),
            ("2026-07-4", None, None),
            ("x", None, None),
            ("", None, None),
            ("٢٠٢٦", None, None),
        ] {
            assert_eq!(moment(text, Times::Offset, &zone).as_deref(), offset, "{text}");
            assert_eq!(moment(text, Times::Local, &zone).as_deref(), local, "{text}");
        }
    }
}
