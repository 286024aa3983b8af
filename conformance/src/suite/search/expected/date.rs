//! Dates and times: each is the interval that it states.

use jiff::civil;
use jiff::tz::Offset;

use super::number::Prefix;
use super::{Place, Told};

/// What is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    prefix: Prefix,
    moment: Moment,
}

impl Wanted {
    /// Reads `[prefix]date`.
    pub(super) fn read(value: &str) -> Option<Self> {
        let (prefix, rest) = Prefix::split(value);
        Some(Self { prefix, moment: moment(rest)? })
    }
}

/// A span of seconds, the end not in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Interval {
    /// The first second.
    from: i64,
    /// The second after the last.
    to: i64,
}

/// A date or time as it was written: where it begins, the moment after its end, and its zone if it has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Moment {
    from: civil::DateTime,
    to: civil::DateTime,
    offset: Option<Offset>,
}

impl Moment {
    /// The span of it, where times without a zone are of `zone`.
    fn span(self, zone: Offset) -> Option<Interval> {
        let offset = self.offset.unwrap_or(zone);
        let second = |at: civil::DateTime| offset.to_timestamp(at).ok().map(jiff::Timestamp::as_second);
        Some(Interval { from: second(self.from)?, to: second(self.to)? })
    }
}

/// Reads a date, or a date with a time to the minute or the second; a fraction of a second is cut off.
fn moment(text: &str) -> Option<Moment> {
    let (day, time) = text.split_once('T').map_or((text, None), |(day, time)| (day, Some(time)));
    let mut parts = day.split('-');
    let year: i16 = number(parts.next()?, 4)?;
    let (month, date) = (parts.next(), parts.next());
    if parts.next().is_some() {
        return None;
    }
    let start = |month: Option<&str>, day: Option<&str>| {
        let month: i8 = month.map_or(Some(1), |text| number(text, 2))?;
        let day: i8 = day.map_or(Some(1), |text| number(text, 2))?;
        civil::Date::new(year, month, day).ok()
    };
    let first = start(month, date)?;
    let Some(time) = time else {
        let span = match (month, date) {
            (None, _) => jiff::Span::new().years(1),
            (Some(_), None) => jiff::Span::new().months(1),
            (Some(_), Some(_)) => jiff::Span::new().days(1),
        };
        let to = first.checked_add(span).ok()?;
        let midnight = |date: civil::Date| date.to_datetime(civil::Time::midnight());
        return Some(Moment { from: midnight(first), to: midnight(to), offset: None });
    };
    date?;
    let (clock, offset) = zoned(time)?;
    let clock = clock.split_once('.').map_or(clock, |(whole, _)| whole);
    let mut parts = clock.split(':');
    let (hour, minute) = (number(parts.next()?, 2)?, number(parts.next()?, 2)?);
    let second = parts.next();
    let exact: i8 = second.map_or(Some(0), |text| number(text, 2))?;
    let from = first.to_datetime(civil::Time::new(hour, minute, exact, 0).ok()?);
    let span = if second.is_some() { jiff::Span::new().seconds(1) } else { jiff::Span::new().minutes(1) };
    Some(Moment { from, to: from.checked_add(span).ok()?, offset })
}

fn number<T: std::str::FromStr>(text: &str, digits: usize) -> Option<T> {
    let plain = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| plain)
}

/// A time and its zone: `Z`, `+01:00`, or none.
fn zoned(time: &str) -> Option<(&str, Option<Offset>)> {
    if let Some(clock) = time.strip_suffix('Z') {
        return Some((clock, Some(Offset::UTC)));
    }
    let Some(at) = time.find(['+', '-']) else { return Some((time, None)) };
    let (clock, zone) = time.split_at_checked(at)?;
    let (hours, minutes) = zone.get(1..)?.split_once(':')?;
    let seconds = (number::<i32>(hours, 2)? * 60 + number::<i32>(minutes, 2)?) * 60;
    let east = if zone.starts_with('-') { -seconds } else { seconds };
    Some((clock, Some(Offset::from_seconds(east).ok()?)))
}

/// Hours east of Greenwich that a server may be in.
const ZONES: [i8; 7] = [-12, -8, -5, 0, 1, 8, 14];

/// Whether one of the values is what is wanted, whichever the zone of the server.
pub(super) fn meets(places: &[Place<'_>], wanted: &Wanted) -> Told {
    if places.is_empty() {
        // Whether something that is not there differs from a value is not told.
        return if wanted.prefix == Prefix::Ne { Told::Open } else { Told::No };
    }
    let each = ZONES.iter().map(|hours| {
        let zone = Offset::from_hours(*hours).unwrap_or(Offset::UTC);
        Told::any(places.iter().map(|place| in_zone(place, wanted, zone).unwrap_or(Told::Open)))
    });
    let each: Vec<Told> = each.collect();
    match each.first() {
        Some(first) if each.iter().all(|other| other == first) => *first,
        Some(_) | None => Told::Open,
    }
}

fn in_zone(place: &Place<'_>, wanted: &Wanted, zone: Offset) -> Option<Told> {
    let node = place.node;
    let span = |text: &str| moment(text).and_then(|moment| moment.span(zone));
    let value = match place.of {
        "date" | "dateTime" | "instant" => span(node.text()?)?,
        "Period" => Interval {
            from: node
                .child_text("start")
                .map_or(Some(i64::MIN), |text| span(text).map(|found| found.from))?,
            to: node.child_text("end").map_or(Some(i64::MAX), |text| span(text).map(|found| found.to))?,
        },
        _ => return None,
    };
    let asked = wanted.moment.span(zone)?;
    let within = asked.from <= value.from && value.to <= asked.to;
    // What reaches into the span but neither lies in it nor beyond is, by the letter, not ge or le; many servers find it.
    let (ends_within, begins_within) = (
        value.from < asked.from && asked.from < value.to && value.to <= asked.to,
        asked.from <= value.from && value.from < asked.to && asked.to < value.to,
    );
    if (wanted.prefix == Prefix::Ge && ends_within) || (wanted.prefix == Prefix::Le && begins_within) {
        return Some(Told::Open);
    }
    Some(Told::from(match wanted.prefix {
        Prefix::Eq => within,
        Prefix::Ne => !within,
        Prefix::Gt => value.to > asked.to,
        Prefix::Lt => value.from < asked.from,
        Prefix::Ge => within || value.to > asked.to,
        Prefix::Le => within || value.from < asked.from,
        Prefix::Sa => value.from >= asked.to,
        Prefix::Eb => value.to <= asked.from,
    }))
}
