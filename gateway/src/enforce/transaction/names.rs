//! What the entries of a transaction call each other. A urn of the sender's is never sent on: each new resource gets a
//! name that only this gateway knows, so that nothing that a system holds already can mean it.
//!
//! They are written anew wherever FHIR has a server do so (R4, http.html#trules): in references, in elements of the types
//! uri, url, oid and uuid, and in the links and images of a narrative.

use std::collections::{BTreeMap, BTreeSet};

use fhir::json::{Document, Limits, Node, Writer, parse};
use fhir::reference::{Bases, InvalidReference, Reference};

use super::super::unfiltered::Unfiltered;
use super::spots::{Kind, Spot, relinked, spots};
use crate::interaction::transaction::NotATransaction;

/// Bounds on what is written anew of what was within bounds.
const REWRITTEN: Limits =
    Limits { bytes_max: 64 << 20, depth_max: 72, members_max: 2_000, values_max: 2_000_000 };

/// A urn, in the form in which it is compared; nothing for what is none.
#[must_use]
pub fn urn(text: &str) -> Option<String> {
    match Reference::parse(text, &Bases::none()) {
        Ok(Reference::Urn(urn)) => Some(urn.into()),
        Ok(
            Reference::Local(_) | Reference::Elsewhere(_) | Reference::Contained(_) | Reference::Container,
        )
        | Err(_) => None,
    }
}

/// The names of other entries in a body, wherever they may stand.
///
/// # Errors
/// [`NotATransaction::Search`] when a reference is a search: it would be carried out where everything can be found.
pub fn refers_to(body: &Unfiltered<Document>, bases: &Bases) -> Result<BTreeSet<String>, NotATransaction> {
    let mut found = BTreeSet::new();
    for spot in spots(body.inner().root()) {
        if spot.kind == Kind::Reference && is_search(spot.value, bases) {
            return Err(NotATransaction::Search);
        }
        named_at(spot, |urn| {
            found.insert(urn);
        });
    }
    Ok(found)
}

/// Whether a reference in a body names something that nobody has: no entry, by `names`, and nothing inside the body.
#[must_use]
pub fn names_nothing(body: &Unfiltered<Document>, names: &BTreeMap<String, String>) -> bool {
    let (mut inside, mut referred) = (BTreeSet::new(), BTreeSet::new());
    for spot in spots(body.inner().root()) {
        let named = match spot.kind {
            Kind::Reference => &mut referred,
            // The entries of a Bundle that is sent as a whole.
            Kind::FullUrl => &mut inside,
            Kind::Link | Kind::Narrative => continue,
        };
        named_at(spot, |urn| {
            named.insert(urn);
        });
    }
    referred.iter().any(|urn| !names.contains_key(urn) && !inside.contains(urn))
}

fn is_search(reference: Node<'_>, bases: &Bases) -> bool {
    let text = reference.string().unwrap_or_default();
    matches!(Reference::parse(&text, bases), Err(InvalidReference::Conditional))
}

/// The names at one spot.
fn named_at(spot: Spot<'_>, mut note: impl FnMut(String)) {
    let text = spot.value.string().unwrap_or_default();
    match spot.kind {
        Kind::Reference | Kind::FullUrl | Kind::Link => urn(&text).into_iter().for_each(note),
        Kind::Narrative => {
            // Nothing is changed by it.
            relinked(&text, |link| {
                urn(link).into_iter().for_each(&mut note);
                None
            });
        }
    }
}

/// The body as it is decided on and sent: what it calls by a name of `names` by what that stands for, and without the id
/// that a new resource was given by its sender, by which others could mean it. Nothing when it cannot be written.
#[must_use]
pub fn prepared(
    body: &Unfiltered<Document>,
    names: &BTreeMap<String, String>,
    is_new: IsNew,
) -> Option<Unfiltered<Document>> {
    let root = body.inner().root();
    let source = root.source();
    let stands_for = |text: &str| names.get(&urn(text)?).map(String::as_str);
    let mut out = Vec::with_capacity(source.len() + 64);
    let mut from = 0;
    for Spot { value, kind } in spots(root) {
        let Some(text) = value.string() else { continue };
        let renamed = match kind {
            Kind::Reference | Kind::FullUrl | Kind::Link => stands_for(&text).map(str::to_owned),
            Kind::Narrative => relinked(&text, stands_for),
        };
        let Some(renamed) = renamed else { continue };
        out.extend_from_slice(source.get(from..value.offset())?);
        fhir::json::quote(&renamed, &mut out);
        from = value.end();
    }
    out.extend_from_slice(source.get(from..)?);
    let renamed = parse(out.into(), &REWRITTEN).ok()?;
    match is_new {
        IsNew::No => Some(Unfiltered::new(renamed)),
        IsNew::Yes => without_id(renamed.root()).map(Unfiltered::new),
    }
}

/// Whether a body is that of a new resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IsNew {
    /// It is to be created.
    Yes,
    /// It is of one that is there.
    No,
}

/// How much there is to be read of a body.
#[must_use]
pub fn weight(body: &Unfiltered<Document>) -> usize {
    body.inner().root().raw().len()
}

/// A body with those that it refers to, as one Bundle: whom they are about, it is about too.
#[must_use]
pub fn beside(
    body: &Unfiltered<Document>,
    others: &[(&str, &Unfiltered<Document>)],
) -> Option<Unfiltered<Document>> {
    let mut out = Vec::new();
    let mut json = Writer::new(&mut out);
    json.object().key("resourceType").string("Bundle").key("type").string("collection");
    json.key("entry").array();
    json.object().key("resource").raw(body.inner().root().raw()).close();
    for (name, other) in others {
        json.object().key("fullUrl").string(name).key("resource").raw(other.inner().root().raw()).close();
    }
    json.finish();
    parse(out.into(), &REWRITTEN).ok().map(Unfiltered::new)
}

fn without_id(root: Node<'_>) -> Option<Document> {
    let mut out = Vec::with_capacity(root.raw().len());
    let mut json = Writer::new(&mut out);
    json.object();
    for (key, value) in root.members().filter(|(key, _)| !key.is("id") && !key.is("_id")) {
        json.key(&key.text()).raw(value.raw());
    }
    json.finish();
    parse(out.into(), &REWRITTEN).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const URN: &str = "urn:uuid:6f1e2a0c-1111-4222-8333-444455556666";

    fn sealed(json: &str) -> Unfiltered<Document> {
        Unfiltered::new(parse(json.to_owned().into(), &Limits::default()).expect("test input"))
    }

    fn text(body: &Unfiltered<Document>) -> String {
        String::from_utf8(body.inner().root().raw().to_vec()).expect("text")
    }

    #[test]
    fn references_are_renamed_however_they_are_written_and_nothing_else_is() {
        let body = format!(
            r#"{{"resourceType":"Condition","id":"x","subject":{{"reference":"{}"}},"note":[{{"text":"{URN}"}}],
               "recorder":{{"reference":"urn:uuid:0f1e2a0c-1111-4222-8333-444455556666"}},"\u0069d":"x",
               "encounter":{{"r\u0065ference":"{URN}","display":"{URN}"}}}}"#,
            URN.to_ascii_uppercase().replacen("URN:UUID:", "urn:uuid:", 1)
        )
        .replace(r#","\u0069d":"x""#, "");
        let names = BTreeMap::from([(URN.to_owned(), "Patient/p1".to_owned())]);
        let renamed = prepared(&sealed(&body), &names, IsNew::No).expect("written");
        assert_eq!(text(&renamed).matches("Patient/p1").count(), 2, "{}", text(&renamed));
        assert_eq!(text(&renamed).matches(URN).count(), 2, "a note and a display stay: {}", text(&renamed));
        assert!(text(&renamed).contains(r#""id":"x""#));
        let created = prepared(&sealed(&body), &names, IsNew::Yes).expect("written");
        assert!(created.inner().root().member("id").is_none());
        assert_eq!(created.inner().root().len(), renamed.inner().root().len() - 1);
    }

    #[test]
    fn a_reference_that_is_a_search_is_found_wherever_it_stands() {
        let bases = Bases::new(["https://ehr.example/fhir"]).expect("a base");
        for text in ["Practitioner?identifier=x|1", "https://ehr.example/fhir/Practitioner?identifier=1"] {
            let body = format!(r#"{{"a":[{{"b":{{"reference":"{text}"}}}}]}}"#);
            assert_eq!(refers_to(&sealed(&body), &bases), Err(NotATransaction::Search), "{text}");
        }
        let body = format!(r#"{{"a":[{{"b":{{"reference":"{URN}"}}}}],"reference":"Patient/1"}}"#);
        assert_eq!(refers_to(&sealed(&body), &bases), Ok(BTreeSet::from([URN.to_owned()])));
    }
}
