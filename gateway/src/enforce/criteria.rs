//! Whether the conditions of a table hold for a resource.

use std::borrow::Cow;
use std::collections::BTreeSet;

use fhir::json::{Kind, Node};

use crate::agreement::{Criterion, Hop, Place};

/// Whether a resource stands by itself or inside another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::enforce) enum Holding {
    Alone,
    Contained,
}

/// Which of the resources inside one stand by themselves: the entries of a Bundle.
pub(in crate::enforce) struct Nesting {
    outermost: usize,
    entries: BTreeSet<usize>,
}

impl Nesting {
    pub(in crate::enforce) fn of(outermost: Node<'_>) -> Self {
        let is_bundle = outermost.member("resourceType").is_some_and(|name| name.is_string("Bundle"));
        let entries = match is_bundle {
            true => outermost.walk(&["entry", "resource"]).map(Node::offset).collect(),
            false => BTreeSet::new(),
        };
        Self { outermost: outermost.offset(), entries }
    }

    /// How this one of them stands.
    pub(in crate::enforce) fn of_one<'d>(&self, inner: Node<'d>) -> (Node<'d>, Holding) {
        let offset = inner.offset();
        let is_alone = offset == self.outermost || self.entries.contains(&offset);
        (inner, if is_alone { Holding::Alone } else { Holding::Contained })
    }
}

/// Whether all of `criteria` hold for `resource`.
pub(in crate::enforce) fn all_hold(criteria: &[Criterion], resource: Node<'_>, held: Holding) -> bool {
    criteria.iter().all(|criterion| holds(criterion, resource, held))
}

fn holds(criterion: &Criterion, resource: Node<'_>, held: Holding) -> bool {
    match criterion {
        Criterion::Code { element, codes } => {
            values(element, resource).into_iter().any(|value| has_code(value, codes))
        }
        Criterion::Text { element, texts } => values(element, resource)
            .into_iter()
            .any(|value| text_of(value).is_some_and(|text| texts.iter().any(|wanted| *wanted == *text))),
        Criterion::MediaType { element, types } => {
            let Some((stated, holder)) = element.hops().split_last() else { return false };
            let is_listed =
                |value: Node<'_>| value.string().is_some_and(|text| types.contains(&essence(&text)));
            let contents = walk(holder, resource);
            // Of several contents each must be of a type that is listed, and say so.
            let say = |content: &Node<'_>| {
                let found = step(stated, *content);
                !found.is_empty() && found.into_iter().all(is_listed)
            };
            !contents.is_empty() && contents.iter().all(say)
        }
        Criterion::Present(element) => !values(element, resource).is_empty(),
        Criterion::Absent(element) => !stands(element.hops(), resource),
        Criterion::Any(sets) => sets.iter().any(|set| all_hold(set, resource, held)),
        Criterion::Contained => held == Holding::Contained,
    }
}

/// A media type without its parameters, in small letters.
pub(in crate::enforce) fn essence(media_type: &str) -> String {
    media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn has_code(value: Node<'_>, codes: &[(String, String)]) -> bool {
    let is_one = |coding: Node<'_>| {
        let code = coding.str_at(&["code"]).unwrap_or_default();
        let system = coding.str_at(&["system"]).unwrap_or_default();
        codes.iter().any(|(wanted_system, wanted)| *wanted == *code && *wanted_system == *system)
    };
    match value.string() {
        Some(code) => codes.iter().any(|(system, wanted)| system.is_empty() && *wanted == *code),
        None => value.walk(&["coding"]).any(is_one) || is_one(value),
    }
}

fn text_of(value: Node<'_>) -> Option<Cow<'_, str>> {
    match value.boolean() {
        Some(flag) => Some(Cow::Borrowed(if flag { "true" } else { "false" })),
        None => value.string(),
    }
}

/// The values at a place; what is null is none.
fn values<'d>(place: &Place, resource: Node<'d>) -> Vec<Node<'d>> {
    walk(place.hops(), resource)
}

fn walk<'d>(hops: &[Hop], resource: Node<'d>) -> Vec<Node<'d>> {
    let mut found = vec![resource];
    for hop in hops {
        found = found.into_iter().flat_map(|node| step(hop, node)).collect();
    }
    found
}

fn step<'d>(hop: &Hop, node: Node<'d>) -> Vec<Node<'d>> {
    match hop {
        Hop::Members(names) => {
            let members = names.iter().filter_map(|name| node.member(name));
            members.flat_map(flat).collect()
        }
        Hop::Identifier(system) => {
            let all = node.member("identifier").into_iter().flat_map(flat);
            let of_system =
                all.filter(|one| one.member("system").is_some_and(|named| named.is_string(system)));
            of_system.filter_map(|one| one.member("value")).collect()
        }
    }
}

/// The items of an array, or the value itself.
fn flat(node: Node<'_>) -> Vec<Node<'_>> {
    let items: Vec<Node<'_>> = if node.kind() == Kind::Array { node.items().collect() } else { vec![node] };
    items.into_iter().filter(|item| !item.is_null()).collect()
}

/// Whether anything stands at the end of the way: a value, or the extensions that a scalar has instead of one.
fn stands(hops: &[Hop], node: Node<'_>) -> bool {
    match hops {
        [] => true,
        [Hop::Members(names)] => names.iter().any(|name| {
            let value = node.member(name).is_some_and(|value| !flat(value).is_empty());
            value || node.member(&format!("_{name}")).is_some_and(|sibling| !flat(sibling).is_empty())
        }),
        [hop, rest @ ..] => step(hop, node).into_iter().any(|inside| stands(rest, inside)),
    }
}

#[cfg(test)]
mod tests {
    use fhir::json::{Limits, parse};
    use fhir::path::ElementPath;
    use fhir::tables::resource_type;

    use super::*;

    fn place(owner: &str, path: &str) -> Place {
        let path = ElementPath::parse(resource_type(owner).expect("a type"), path).expect("a path");
        Place::of(path).expect("a place")
    }

    fn held(criterion: &Criterion, json: &'static str) -> bool {
        let document = parse(json.into(), &Limits::default()).expect("strict JSON");
        all_hold(std::slice::from_ref(criterion), document.root(), Holding::Alone)
    }

    #[test]
    fn a_text_is_held_to_the_letter_wherever_it_stands() {
        let texts = |path: &str, texts: &[&str]| Criterion::Text {
            element: place("DocumentReference", path),
            texts: texts.iter().map(|text| (*text).to_owned()).collect(),
        };
        let by_type = texts("type.text", &["Discharge summary", "Clinic letter"]);
        assert!(held(&by_type, r#"{"type":{"text":"Clinic l\u0065tter"}}"#));
        assert!(!held(&by_type, r#"{"type":{"text":"clinic letter"}}"#));
        assert!(!held(&by_type, r#"{"type":{"text":"Clinic letter "}}"#));
        assert!(!held(&by_type, r#"{"type":{"coding":[{"display":"Clinic letter"}]}}"#));
        assert!(!held(&by_type, r#"{"category":[{"text":"Clinic letter"}]}"#));
        assert!(!held(&by_type, "{}"));
        let by_title = texts("content.attachment.title", &["b"]);
        assert!(held(
            &by_title,
            r#"{"content":[{"attachment":{"title":"a"}},{"attachment":{"title":"b"}}]}"#
        ));
        assert!(held(&texts("id", &["d1"]), r#"{"id":"d1"}"#));
        assert!(!held(&texts("id", &["d1"]), r#"{"id":"d12"}"#));
        let group = Criterion::Text { element: place("Group", "actual"), texts: vec!["true".to_owned()] };
        assert!(held(&group, r#"{"actual":true}"#));
        assert!(!held(&group, r#"{"actual":false}"#));
    }

    #[test]
    fn an_identifier_of_a_named_system_is_held_by_its_value() {
        let ods = "identifier:https://fhir.nhs.uk/Id/ods-organization-code";
        let of_hospital =
            Criterion::Text { element: place("Organization", ods), texts: vec!["RX1".to_owned()] };
        assert!(held(
            &of_hospital,
            r#"{"identifier":[{"system":"https://fhir.nhs.uk/Id/ods-organization-code","value":"RX1"}]}"#
        ));
        assert!(!held(&of_hospital, r#"{"identifier":[{"system":"urn:x","value":"RX1"}]}"#));
    }

    #[test]
    fn codes_are_found_in_every_type_of_a_choice() {
        let medicine = Criterion::Code {
            element: place("MedicationRequest", "medication[x]"),
            codes: vec![("http://snomed.info/sct".to_owned(), "1".to_owned())],
        };
        assert!(held(
            &medicine,
            r#"{"medicationCodeableConcept":{"coding":[{"system":"http://snomed.info/sct","code":"1"}]}}"#
        ));
        assert!(!held(&medicine, r#"{"medicationCodeableConcept":{"coding":[{"code":"1"}]}}"#));
    }

    #[test]
    fn what_is_absent_has_neither_a_value_nor_what_stands_for_one() {
        let (there, not_there) = (
            Criterion::Present(place("Patient", "deceased[x]")),
            Criterion::Absent(place("Patient", "deceased[x]")),
        );
        for (json, is_there, is_absent) in [
            ("{}", false, true),
            (r#"{"deceasedBoolean":false}"#, true, false),
            (r#"{"deceasedDateTime":"2020"}"#, true, false),
            (r#"{"_deceasedDateTime":{"extension":[]}}"#, false, false),
        ] {
            assert_eq!(held(&there, json), is_there);
            assert_eq!(held(&not_there, json), is_absent);
        }
        let unqualified = Criterion::Absent(place("Practitioner", "qualification"));
        assert!(held(&unqualified, r#"{"name":[]}"#));
        assert!(held(&unqualified, r#"{"qualification":[]}"#));
        assert!(!held(&unqualified, r#"{"qualification":[{}]}"#));
        assert!(!held(&Criterion::Absent(place("Patient", "name.period")), r#"{"name":[{},{"period":{}}]}"#));
    }

    #[test]
    fn every_content_is_of_a_listed_type() {
        let types = Criterion::MediaType {
            element: place("DocumentReference", "content.attachment.contentType"),
            types: vec!["application/pdf".to_owned(), "text/plain".to_owned()],
        };
        assert!(held(&types, r#"{"content":[{"attachment":{"contentType":"Application/PDF; x=y"}}]}"#));
        assert!(!held(&types, r#"{"content":[{"attachment":{}}]}"#));
        assert!(!held(
            &types,
            r#"{"content":[{"attachment":{"contentType":"text/plain"}},{"attachment":{"url":"Binary/b1"}}]}"#
        ));
        assert!(!held(
            &types,
            r#"{"content":[{"attachment":{"contentType":"text/plain"}},{"attachment":{"contentType":"text/html"}}]}"#
        ));
    }

    #[test]
    fn one_set_of_several_is_enough_and_all_of_it_must_hold() {
        let text = |path: &str, text: &str| Criterion::Text {
            element: place("Organization", path),
            texts: vec![text.to_owned()],
        };
        let any = Criterion::Any(vec![
            vec![text("id", "a"), text("active", "true")],
            vec![Criterion::Absent(place("Organization", "type"))],
        ]);
        assert!(held(&any, r#"{"id":"a","active":true,"type":[{}]}"#));
        assert!(!held(&any, r#"{"id":"a","active":false,"type":[{}]}"#));
        assert!(held(&any, r#"{"id":"b"}"#));
    }
}
