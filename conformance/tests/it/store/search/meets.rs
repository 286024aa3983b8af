//! Whether one value meets what is asked, by type of parameter.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "each fault changes one place and leaves all others alone"
)]

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::Offset;

use super::super::json::Json;
use super::super::told::Refused;
use super::fault::SearchFault as Fault;

fn bad(text: &str) -> Refused {
    Refused::new(400, "invalid", text)
}

/// Cuts at each `separator` without a backslash before it; the backslashes stay.
pub(crate) fn cut(text: &str, separator: char) -> Vec<String> {
    let (mut parts, mut last, mut letters) = (Vec::new(), String::new(), text.chars());
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => {
                last.push('\\');
                last.extend(letters.next());
            }
            letter if letter == separator => parts.push(std::mem::take(&mut last)),
            letter => last.push(letter),
        }
    }
    parts.push(last);
    parts
}

/// What a value says once its backslashes are taken out.
pub(crate) fn bare(text: &str) -> String {
    let (mut out, mut letters) = (String::new(), text.chars());
    while let Some(letter) = letters.next() {
        out.extend(if letter == '\\' { letters.next() } else { Some(letter) });
    }
    out
}

/// Whether a token is met by a value of whatever type.
pub(crate) fn token(held: &Json, wanted: &str, fault: Fault) -> bool {
    if !held["coding"].items().is_empty() {
        return held["coding"].items().iter().any(|coding| token(coding, wanted, fault));
    }
    let primitive = match held {
        Json::Bool(held) => Some(held.to_string()),
        Json::Text(held) => Some(held.clone()),
        Json::Null | Json::Number(_) | Json::Array(_) | Json::Object(_) => None,
    };
    let telecom =
        matches!(held["system"].text(), Some("phone" | "email" | "fax" | "sms" | "url" | "pager" | "other"));
    let own = |name: &str| held[name].text().map(str::to_owned);
    let (system, code) = match primitive {
        Some(text) => (None, Some(text)),
        None => (if telecom { None } else { own("system") }, own("code").or_else(|| own("value"))),
    };
    let mut parts = cut(wanted, '|');
    if fault == Fault::BarAlwaysSplits {
        parts = wanted.split('|').map(str::to_owned).collect();
    }
    let same = |wanted: &str| {
        let wanted = bare(wanted);
        code.as_deref().is_some_and(|code| match fault {
            Fault::TokenBegins => code.starts_with(&wanted),
            _ => code == wanted,
        })
    };
    match parts.as_slice() {
        [code] => same(code) && (fault != Fault::SystemNeeded || system.is_none()),
        [none, code, ..] if none.is_empty() => {
            same(code) && (system.is_none() || fault == Fault::NoSystemIsAny)
        }
        [wanted, code, ..] => {
            let of_system = system.as_deref() == Some(&bare(wanted)) || fault == Fault::SystemIgnored;
            let whole = code.is_empty() && fault != Fault::WholeSystemFindsNothing;
            let any = code == "nosuchtag" && fault == Fault::TagCodeIgnored;
            of_system && (whole || any || same(code))
        }
        [] => false,
    }
}

fn plain(text: &str) -> String {
    let letter = |letter: char| match letter {
        'ä' | 'á' | 'à' | 'å' => 'a',
        'é' | 'è' | 'ë' | 'ê' => 'e',
        'ö' | 'ó' | 'ø' => 'o',
        'ü' | 'ú' => 'u',
        other => other,
    };
    text.to_lowercase().chars().map(letter).collect()
}

/// Whether a text, or one of the parts of a name or address, is met.
pub(crate) fn text(held: &Json, wanted: &str, modifier: Option<&str>, fault: Fault) -> bool {
    let parts = [
        "family",
        "given",
        "prefix",
        "suffix",
        "text",
        "line",
        "city",
        "district",
        "state",
        "postalCode",
        "country",
    ];
    match held {
        Json::Object(_) => parts.iter().any(|name| text(&held[*name], wanted, modifier, fault)),
        Json::Array(items) => items.iter().any(|item| text(item, wanted, modifier, fault)),
        Json::Text(held) => one_text(held, &bare(wanted), modifier, fault),
        Json::Null | Json::Bool(_) | Json::Number(_) => false,
    }
}

fn one_text(held: &str, wanted: &str, modifier: Option<&str>, fault: Fault) -> bool {
    let (held_folded, wanted_folded) = match fault {
        Fault::StringCaseCounts => (held.to_owned(), wanted.to_owned()),
        Fault::StringAccentsCount => (held.to_lowercase(), wanted.to_lowercase()),
        _ => (plain(held), plain(wanted)),
    };
    if fault == Fault::StringAsciiOnly && !wanted.is_ascii() {
        return false;
    }
    match modifier {
        Some("exact") if fault == Fault::ExactIgnoresCase => held_folded == wanted_folded,
        Some("exact") => held == wanted,
        Some("contains") if fault == Fault::ContainsBegins => held_folded.starts_with(&wanted_folded),
        Some("contains") => held_folded.contains(&wanted_folded),
        _ => match fault {
            Fault::StringWhole => held_folded == wanted_folded,
            Fault::StringWithin => held_folded.contains(&wanted_folded),
            Fault::StringFirstWord => {
                held_folded.starts_with(wanted_folded.split(' ').next().unwrap_or_default())
            }
            _ => held_folded.starts_with(&wanted_folded),
        },
    }
}

/// Seconds from and to, in milliseconds; what has no zone is of UTC.
pub(crate) fn span(text: &str, fault: Fault) -> Option<(i64, i64)> {
    let (day, clock) = text.split_once('T').map_or((text, None), |(day, clock)| (day, Some(clock)));
    let numbers: Vec<i16> = day.split('-').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    let made = |year: i16, month: i16, day: i16| {
        Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
    };
    let midnight = |day: Date| DateTime::from_parts(day, Time::midnight());
    let millis = |at: DateTime, offset: Offset| offset.to_timestamp(at).ok().map(|at| at.as_millisecond());
    let (from, to) = match numbers.as_slice() {
        [year] => (made(*year, 1, 1)?, made(year + 1, 1, 1)?),
        [year, 12] => (made(*year, 12, 1)?, made(year + 1, 1, 1)?),
        [year, month] => (made(*year, *month, 1)?, made(*year, month + 1, 1)?),
        [year, month, day] => (made(*year, *month, *day)?, made(*year, *month, *day)?.tomorrow().ok()?),
        _ => return None,
    };
    let Some(clock) = clock else {
        return Some((millis(midnight(from), Offset::UTC)?, millis(midnight(to), Offset::UTC)?));
    };
    let at = clock.find(['Z', '+', '-']).unwrap_or(clock.len());
    let (clock, zone) = (clock.get(..at)?, clock.get(at..)?);
    let minutes = match zone {
        "" | "Z" => 0,
        _ if fault == Fault::ZonesIgnored => 0,
        zone => {
            let (hours, minutes) = zone.get(1..)?.split_once(':')?;
            let all = hours.parse::<i32>().ok()? * 60 + minutes.parse::<i32>().ok()?;
            if zone.starts_with('-') { -all } else { all }
        }
    };
    let offset = Offset::from_seconds(minutes * 60).ok()?;
    let width = match (clock.matches(':').count(), clock.contains('.')) {
        (1, _) => 60_000,
        (_, true) => 1,
        _ => 1000,
    };
    let whole = if clock.matches(':').count() == 1 { format!("{clock}:00") } else { clock.to_owned() };
    let from = millis(DateTime::from_parts(from, whole.parse::<Time>().ok()?), offset)?;
    Some((from, from + width))
}

const PREFIXES: [&str; 9] = ["eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"];

/// The prefix of a value, and the rest.
fn prefixed(value: &str, fault: Fault) -> (&str, &str) {
    let value = if fault == Fault::BadPrefixIgnored { value.trim_start_matches("xx") } else { value };
    let found = PREFIXES.into_iter().find(|prefix| value.starts_with(prefix));
    found.map_or(("eq", value), |prefix| (prefix, value.get(2..).unwrap_or_default()))
}

/// Whether a date, time or period is met.
pub(crate) fn date(held: &Json, wanted: &str, fault: Fault) -> Result<bool, Refused> {
    let (prefix, rest) = prefixed(wanted, fault);
    let Some((from, to)) = span(rest, fault) else {
        return if fault == Fault::BadDateIgnored { Ok(true) } else { Err(bad("the date does not read")) };
    };
    let value = match held {
        Json::Text(text) => span(text, fault),
        period => {
            let end = |name: &str| period[name].text().map(|text| span(text, fault));
            let start = end("start").map_or(Some((i64::MIN, i64::MIN)), |found| found);
            let stop = end("end").map_or(Some((i64::MAX, i64::MAX)), |found| found);
            match (fault, start, stop) {
                (Fault::PeriodIsItsStart, Some(start), _) => Some(start),
                (_, Some(start), Some(stop)) => Some((start.0, stop.1)),
                _ => None,
            }
        }
    };
    let Some((begins, ends)) = value else { return Ok(false) };
    let within = match fault {
        Fault::DatePrecisionIgnored => begins == from,
        _ => from <= begins && ends <= to,
    };
    Ok(match prefix {
        "ne" => !within,
        "gt" => ends > to || (fault == Fault::GtAsGe && within),
        "lt" => begins < from || (fault == Fault::LtAsLe && within),
        "ge" => (within && fault != Fault::GeAsGt) || ends > to,
        "le" => (within && fault != Fault::LeAsLt) || begins < from,
        "sa" if fault == Fault::SaAsGt => ends > to,
        "sa" => begins >= to,
        "eb" => ends <= from,
        "ap" => ends > from && begins < to,
        _ => within,
    })
}

/// Whether a number is met.
pub(crate) fn number(held: &Json, wanted: &str, fault: Fault) -> Result<bool, Refused> {
    let (prefix, rest) = prefixed(wanted, fault);
    let Ok(middle) = rest.parse::<f64>() else {
        return if fault == Fault::BadNumberIgnored {
            Ok(true)
        } else {
            Err(bad("the number does not read"))
        };
    };
    let Json::Number(value) = held else { return Ok(false) };
    let value: f64 = value.parse().map_err(|_| bad("a number that was stored does not read"))?;
    let digits = rest.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    let half = 0.5 * 10_f64.powi(-i32::try_from(digits).unwrap_or_default());
    // Far less than any digit that is written, and more than what binary fractions are off by.
    let dust = 1e-9;
    let equal = (value - middle).abs() < dust;
    let within = match fault {
        Fault::NumberExact => equal,
        _ => value > middle - half - dust && value < middle + half - dust,
    };
    let up = if fault == Fault::NumberPrefixRounds { half } else { 0.0 };
    Ok(match prefix {
        "ne" => !within,
        "gt" => value > middle + up + dust,
        "lt" => value < middle - dust,
        "ge" => value > middle - dust,
        "le" => value < middle + dust,
        _ => within,
    })
}

/// Whether a quantity is met.
pub(crate) fn quantity(held: &Json, wanted: &str, fault: Fault) -> Result<bool, Refused> {
    let parts = cut(wanted, '|');
    let amount = parts.first().map(String::as_str).unwrap_or_default();
    let amount = match (fault, amount.strip_prefix("gt")) {
        (Fault::QuantityGtAsGe, Some(rest)) => format!("ge{rest}"),
        _ => amount.to_owned(),
    };
    let own = if fault == Fault::QuantityExact { Fault::NumberExact } else { fault };
    let met = match (fault, number(&held["value"], &amount, own)) {
        (Fault::NumberExact | Fault::NumberPrefixRounds, _) => number(&held["value"], &amount, Fault::None)?,
        (_, met) => met?,
    };
    let is = |name: &str, wanted: &str| held[name].text() == Some(&bare(wanted));
    let of_unit = match parts.as_slice() {
        [_, system, code] if system.is_empty() => is("code", code) || is("unit", code),
        [_, system, code] => is("system", system) && is("code", code),
        _ => true,
    };
    Ok(met && (of_unit || fault == Fault::UnitIgnored))
}

/// Whether an address is met.
pub(crate) fn uri(held: &Json, wanted: &str, modifier: Option<&str>, fault: Fault) -> bool {
    let (Some(held), wanted) = (held.text(), bare(wanted)) else { return false };
    let under = |long: &str, short: &str| {
        long.strip_prefix(short)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || short.ends_with('/'))
    };
    match modifier {
        Some("below") if fault != Fault::BelowIsExact => under(held, &wanted),
        Some("above") if fault != Fault::AboveIsExact => under(&wanted, held),
        _ if fault == Fault::UriIgnoresCase => held.eq_ignore_ascii_case(&wanted),
        _ => held == wanted,
    }
}
