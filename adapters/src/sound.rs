//! What FHIR forbids of every record, and senders send all the same.

use fhir::identifier::NHS_NUMBER;
use fhir::instant::DateTime;

use crate::Severity;
use crate::tree::{Index, Node, Object, Step};

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

/// Whether `value`, which is to be added at `path`, is an NHS number that the resource has already, and if so how much
/// what differs between them matters. Under another name it is no other number, and a person has one (UK Core). What
/// only the second says of it is added to the first, but for how surely it is hers: that is said of one that came so.
pub(crate) fn is_same_number(held: &mut Object, path: &[Step], value: &Node) -> Option<Option<Severity>> {
    let ([Step { name, index: Index::New }], Node::Object(said)) = (path, value) else { return None };
    let is_nhs = matches!(said.find("system"), Some(Node::Text(system)) if system == NHS_NUMBER);
    if name.as_str() != "identifier" || !is_nhs || said.find("value").is_none() {
        return None;
    }
    let Some(Node::List(items)) = held.find_mut("identifier") else { return None };
    let held = items.iter_mut().find_map(|item| match item {
        Node::Object(item) if ["system", "value"].iter().all(|name| item.find(name) == said.find(name)) => {
            Some(item)
        }
        Node::Object(_) | Node::Text(_) | Node::Bare(_) | Node::List(_) => None,
    })?;
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
    Some(differs)
}

#[cfg(test)]
mod tests {
    use super::ends_before;

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
