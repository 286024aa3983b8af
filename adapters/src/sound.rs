//! What FHIR forbids of every record, and senders send all the same.

use fhir::identifier::NHS_NUMBER;
use fhir::instant::DateTime;
use fhir::search::Number;

use crate::Severity;
use crate::tree::{Index, Node, Object, Step};

/// The most identifiers of a record that are looked through for the same.
const SAME_MAX: usize = 64;

/// Whether the Period holds an end of which all is before its start (`per-1`). What is said less exactly may be either,
/// so that the end of a month is not before a day in it; what is no time is before nothing.
pub(crate) fn is_reversed(period: &Object) -> bool {
    match (period.find("start"), period.find("end")) {
        (Some(Node::Text(start)), Some(Node::Text(end))) => ends_before(start, end),
        _ => false,
    }
}

/// Whether all of `end` is before `start`.
pub(crate) fn ends_before(start: &str, end: &str) -> bool {
    let (Ok(start), Ok(end)) = (DateTime::parse(start), DateTime::parse(end)) else { return false };
    end.range().to <= start.range().from
}

/// Whether the number `low` is above `high` (`rng-2`). What is no number is above nothing.
pub(crate) fn is_above(low: &str, high: &str) -> bool {
    matches!((Number::parse(low), Number::parse(high)), (Some(low), Some(high)) if low > high)
}

/// What an Identifier that is to be added is beside those that the record has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Beside {
    /// One that is not there.
    New,
    /// One that is there, and how much what this one says differently matters, if it does.
    Same(Option<Severity>),
    /// Another NHS number than is there. A person has one (UK Core), and nobody here can tell which.
    Another,
}

/// What `value`, which is to be added to `held` at `path`, is beside the identifiers there. The same system and value are
/// the same identifier, but where the two are said to be of different types: one authority may count orders and their
/// results alike. An NHS number is of one type under all names. What only the second says of it is added to the first, but
/// for how surely it is hers: that is said of one that came so.
pub(crate) fn beside(held: &mut Object, path: &[Step], value: &Node) -> Beside {
    let ([Step { name, index: Index::New }], Node::Object(said)) = (path, value) else { return Beside::New };
    if name.as_str() != "identifier" || said.find("system").is_none() || said.find("value").is_none() {
        return Beside::New;
    }
    let Some(Node::List(items)) = held.find_mut("identifier") else { return Beside::New };
    let is_nhs = is_nhs_number(said);
    let is_same = |item: &Object| {
        let kinds = (item.find("type"), said.find("type"));
        ["system", "value"].iter().all(|name| item.find(name) == said.find(name))
            && (is_nhs || matches!(kinds, (None, _) | (_, None)) || kinds.0 == kinds.1)
    };
    let mut another = Beside::New;
    for item in items.iter_mut().take(SAME_MAX) {
        let Node::Object(item) = item else { continue };
        if is_same(item) {
            return Beside::Same(merged(item, said));
        }
        if is_nhs && is_nhs_number(item) {
            another = Beside::Another;
        }
    }
    another
}

/// Whether this Identifier is an NHS number.
pub(crate) fn is_nhs_number(identifier: &Object) -> bool {
    matches!(identifier.find("system"), Some(Node::Text(system)) if system == NHS_NUMBER)
}

/// Adds to `held` what only `said` says of it, and tells how much what differs matters.
fn merged(held: &mut Object, said: &Object) -> Option<Severity> {
    let mut differs = None;
    for (name, value) in said.members() {
        match held.find(name) {
            Some(there) if there == value => {}
            None if name != "extension" => held.put(name, value.clone()),
            // What kind of number it is, its system says.
            Some(_) if name == "type" => differs = differs.max(Some(Severity::Trivial)),
            Some(_) | None => differs = differs.max(Some(Severity::Minor)),
        }
    }
    differs
}

#[cfg(test)]
mod tests {
    use super::{ends_before, is_above};

    #[test]
    fn a_number_is_above_another_by_what_it_is_not_how_it_is_written() {
        for (low, high, expected) in [
            ("10", "5", true),
            ("5", "10", false),
            ("5.0", "5", false),
            ("5.01", "5.0", true),
            ("-2", "-5", true),
            ("-5", "-2", false),
            ("x", "5", false),
            ("5", "", false),
        ] {
            assert_eq!(is_above(low, high), expected, "{low} to {high}");
        }
    }

    #[test]
    fn an_end_is_before_a_start_when_all_of_it_is() {
        for (start, end, expected) in [
            ("2026-01-10", "2026-01-09", true),
            ("2026-01-10", "2026-01-10", false),
            ("2026-01-10", "2026-01", false),
            ("2026-01-10", "2026", false),
            ("2026-01-10", "2025-12", true),
            ("2026-01", "2026-01-01", false),
            ("2026-01-10T10:00:00Z", "2026-01-10T09:59:59Z", true),
            ("2026-01-10T10:00:00Z", "2026-01-10T10:00:00Z", false),
            ("2026-01-10T10:00:00Z", "2026-01-10", false),
            // The later clock time is the earlier moment.
            ("2026-01-10T10:00:00+00:00", "2026-01-10T10:30:00+01:00", true),
            ("2026-01-10T10:30:00+01:00", "2026-01-10T10:00:00+00:00", false),
            ("2026-01-10", "not a time", false),
        ] {
            assert_eq!(ends_before(start, end), expected, "{start} to {end}");
        }
    }
}
