//! What a resource is about, followed to whom that is about as far as it stands in the same text.
//!
//! Each resource of the text is found by its name in a map that is made once, and read once for what it leads to,
//! however many others are about it: the work is that of reading the text, whatever refers to what.

use std::collections::HashMap;

use fhir::json::{Node, Place};
use fhir::reference::{Id, Local, LocalText, Reference};

use super::super::judge::REGISTERS;
use super::kin::RELATED;
use super::number::is_nhs_number;
use super::roles::{self, Meets, Role};
use super::{About, At, BEHIND_MAX, Came, Members, PEOPLE, PersonsOf, Scan, Stands};

/// The most subjects that are followed one after the other within one text.
const HOPS_MAX: usize = 3;

/// Kinds of identifiers (HL7 table 0203) that persons bear.
const PERSONS_CODES: [&str; 13] =
    ["MR", "MRT", "PI", "PT", "PN", "PE", "NH", "NI", "NIIP", "SS", "AN", "PPN", "DL"];

/// The text that is read, with what was found in it.
pub(super) struct Text<'n> {
    whole: Node<'n>,
    entries: Option<Entries<'n>>,
    /// The resources contained in each that was asked for them, by id; each by where it stands.
    contained: HashMap<Place, HashMap<String, Node<'n>>>,
    /// To whom each resource leads, by where it stands.
    led: HashMap<Place, Led>,
    /// How many hops lead to what is read.
    hops: usize,
}

/// The entries of the Bundle that is read; the first of each name.
#[derive(Default)]
struct Entries<'n> {
    by_url: HashMap<String, Option<Node<'n>>>,
    by_name: HashMap<String, Node<'n>>,
}

/// To whom a resource leads.
#[derive(Clone, Copy)]
enum Led {
    /// It is being read: what leads back to itself leads to nobody.
    Open,
    /// To nobody, or further than is followed.
    ToNobody,
    ToSomebody,
}

impl<'n> Text<'n> {
    /// The text of a whole resource, of which nothing is known yet.
    pub(super) fn of(whole: Node<'n>) -> Self {
        let (contained, led) = (HashMap::new(), HashMap::new());
        Self { whole, entries: None, contained, led, hops: 0 }
    }

    /// The entries of the Bundle that is read, and how many had to be looked at.
    fn entries(&mut self) -> (&Entries<'n>, usize) {
        let mut steps = 0;
        let whole = self.whole;
        let entries = self.entries.get_or_insert_with(|| {
            let mut entries = Entries::default();
            if !whole.member("resourceType").is_some_and(|name| name.is_string("Bundle")) {
                return entries;
            }
            for entry in whole.walk(&["entry"]) {
                steps += 1;
                let resource = entry.member("resource");
                if let Some(url) = entry.str_at(&["fullUrl"]) {
                    entries.by_url.entry(url.to_ascii_lowercase()).or_insert(resource);
                }
                let Some(resource) = resource else { continue };
                if let (Some(owner), Some(id)) =
                    (resource.str_at(&["resourceType"]), resource.str_at(&["id"]))
                {
                    entries.by_name.entry([&owner, "/", &id].concat()).or_insert(resource);
                }
            }
            entries
        });
        (entries, steps)
    }

    /// The resource `id` contained in `part`, and how many had to be looked at.
    fn contained(&mut self, part: Node<'n>, id: &str) -> (Option<Node<'n>>, usize) {
        let mut steps = 0;
        let inside = self.contained.entry(part.place()).or_insert_with(|| {
            let mut inside = HashMap::new();
            for resource in part.walk(&["contained"]) {
                steps += 1;
                if let Some(id) = resource.str_at(&["id"]) {
                    inside.entry(id.into_owned()).or_insert(resource);
                }
            }
            inside
        });
        (inside.get(id).copied(), steps)
    }
}

impl<'n> Scan<'n, '_> {
    /// Whom or what the resource is about: it must be told.
    pub(super) fn subject(&mut self, reference: Node<'n>, (role, meets): (Role, Meets), at: &At<'n>) {
        let Some(address) = reference.member("reference") else {
            return self.unaddressed(reference, role, at);
        };
        // An address that is no text leads nowhere.
        let Some(text) = address.string() else { return self.found.uncertain() };
        if LocalText::parse(&text).is_some_and(|local| local.resource_type() == "Patient") {
            return self.establishes(at);
        }
        match Reference::parse(&text, self.bases) {
            Ok(Reference::Local(local)) => {
                let named = local.resource_type.as_str();
                if named == "Patient" {
                    return self.establishes(at);
                }
                if let Some(entry) = self.entry(&local) {
                    self.within(Some((entry, entry)), meets, at);
                } else if self.came == Came::Submitted && !PEOPLE.contains(&named) {
                    // The receiver holds what the sender names.
                } else if fhir::tables::resource_type(named).is_none_or(roles::leads_to_persons)
                    && self.is_one_more()
                {
                    // Whom that is about is known when it is looked up.
                    let local = Local::new(local.resource_type, local.id);
                    if meets == Meets::InPerson && local.resource_type.as_str() == RELATED {
                        self.found.in_person.insert(local.clone());
                    }
                    self.found.behind.insert(local);
                }
            }
            Ok(Reference::Contained(id)) => {
                let inside = self.contained(id.as_str(), at);
                self.within(inside.map(|inside| (inside, at.part)), meets, at);
            }
            Ok(Reference::Urn(urn)) => {
                let entry = self.entry_at(&urn);
                self.leads.insert(urn.into());
                self.within(entry.map(|entry| (entry, entry)), meets, at);
            }
            // Inside a resource: what contains it is read itself.
            Ok(Reference::Container) if at.stands == Stands::Inside => {}
            Ok(Reference::Elsewhere(url)) if role == Role::Attendant && is_of_nobody(&url, reference) => {}
            Ok(Reference::Container | Reference::Elsewhere(_)) | Err(_) => self.found.uncertain(),
        }
    }

    /// What says that it is a person is one who must be told: by an address, or by NHS number.
    pub(super) fn person(&mut self, element: Node<'n>) {
        let Some(what) = element.member("what") else { return };
        let is_numbered = what.member("identifier").is_some_and(is_nhs_number);
        if what.member("reference").is_none() && !is_numbered {
            self.found.uncertain();
        }
    }

    /// Whether one more subject of the resource at hand is followed: of one that is about more things nobody is told.
    const fn is_one_more(&mut self) -> bool {
        self.followed += 1;
        if self.followed > BEHIND_MAX {
            self.found.uncertain();
        }
        self.followed <= BEHIND_MAX
    }

    /// A subject without an address: by NHS number it is told; staff may be written by name alone where they attend, and
    /// what was used may bear an identifier of its own.
    fn unaddressed(&mut self, reference: Node<'n>, role: Role, at: &At<'n>) {
        let system = reference.member("identifier").and_then(|identifier| identifier.member("system"));
        if reference.member("identifier").is_some_and(is_nhs_number) {
            return self.establishes(at);
        }
        let kind = reference.str_at(&["type"]);
        let is_no_person = match (&kind, reference.member("identifier"), role) {
            (_, None, Role::Used) => false,
            (Some(kind), ..) => !PEOPLE.contains(&&**kind),
            (None, None, _) => true,
            (None, Some(identifier), Role::Used) => !is_of_person(identifier),
            (None, Some(_), _) => {
                REGISTERS.iter().any(|register| system.is_some_and(|system| system.is_string(register)))
            }
        };
        if !matches!(role, Role::Attendant | Role::Used) || !is_no_person {
            self.found.uncertain();
        }
    }

    /// A subject that stands in the same text, with the resource whose contained ones it can refer to: it is read there,
    /// and has to be about somebody if it is of a type that is.
    fn within(&mut self, resource: Option<(Node<'n>, Node<'n>)>, meets: Meets, at: &At<'n>) {
        let owner = resource.and_then(|(resource, _)| resource.str_at(&["resourceType"])).unwrap_or_default();
        let (Some((resource, part)), Some(known)) = (resource, fhir::tables::resource_type(&owner)) else {
            return self.found.uncertain();
        };
        if meets == Meets::InPerson && known.name() == RELATED {
            self.in_person(resource);
        }
        if known.name() != "Patient" && !roles::leads_to_persons(known) || !self.is_one_more() {
            return;
        }
        match self.leads(resource, At { part, owner, stands: Stands::Entry }) {
            Led::ToSomebody => self.establishes(at),
            Led::ToNobody | Led::Open => self.found.uncertain(),
        }
    }

    /// To whom a resource of the same text leads. It is read once.
    fn leads(&mut self, resource: Node<'n>, at: At<'n>) -> Led {
        let place = resource.place();
        if let Some(led) = self.text.led.get(&place).copied() {
            return led;
        }
        if self.text.hops == HOPS_MAX {
            return Led::ToNobody;
        }
        self.text.led.insert(place, Led::Open);
        let is_of_members = roles::is_of_members(&at.owner);
        let of_outer = std::mem::take(&mut self.found);
        self.text.hops += 1;
        self.resource(resource, &at);
        self.text.hops -= 1;
        let PersonsOf { patients, nhs_numbers, kin, behind, about, members, .. } =
            std::mem::replace(&mut self.found, of_outer);
        let are_told =
            !patients.is_empty() || !nhs_numbers.is_empty() || !kin.is_empty() || !behind.is_empty();
        let leads_on = match is_of_members {
            true => are_told && members == Members::Told,
            false => !behind.is_empty(),
        };
        let led = match about == About::Somebody || leads_on {
            true => Led::ToSomebody,
            false => Led::ToNobody,
        };
        self.text.led.insert(place, led);
        led
    }

    /// A member of what is about its members: who is neither a person that is told nor nobody makes them untold.
    pub(super) fn member(&mut self, reference: Node<'n>, at: &At<'n>) {
        let text = reference.str_at(&["reference"]);
        if let Some(Ok(Reference::Urn(urn))) = text.map(|text| Reference::parse(&text, self.bases)) {
            self.leads.insert(urn.into());
        }
        if at.stands != Stands::Inside && !self.is_told(reference, at) {
            self.found.members = Members::Untold;
        }
    }

    fn is_told(&mut self, reference: Node<'n>, at: &At<'n>) -> bool {
        let Some(text) = reference.str_at(&["reference"]) else { return is_told_unaddressed(reference) };
        let resource = match Reference::parse(&text, self.bases) {
            Ok(Reference::Local(local)) => return leads_no_further(local.resource_type.as_str()),
            Ok(Reference::Contained(id)) => self.contained(id.as_str(), at),
            Ok(Reference::Urn(urn)) => self.entry_at(&urn),
            Ok(Reference::Container | Reference::Elsewhere(_)) | Err(_) => None,
        };
        resource
            .and_then(|resource| resource.str_at(&["resourceType"]))
            .is_some_and(|owner| leads_no_further(&owner))
    }

    /// The resource `id` that is contained where `at` stands.
    pub(super) fn contained(&mut self, id: &str, at: &At<'n>) -> Option<Node<'n>> {
        let (inside, steps) = self.text.contained(at.part, id);
        self.steps += steps;
        inside
    }

    /// The entry of the Bundle that is read with this `fullUrl`.
    pub(super) fn entry_at(&mut self, urn: &str) -> Option<Node<'n>> {
        let (entries, steps) = self.text.entries();
        let entry = entries.by_url.get(&urn.to_ascii_lowercase()).copied().flatten();
        self.steps += steps;
        entry
    }

    /// The entry `Type/id` of the Bundle that is read.
    fn entry(&mut self, local: &Local) -> Option<Node<'n>> {
        let (entries, steps) = self.text.entries();
        let found = entries.by_name.get(&local.to_relative()).copied();
        self.steps += steps;
        found
    }
}

/// Whether a URL elsewhere is of a type that is about no person, and nothing else is said of what it leads to.
fn is_of_nobody(url: &str, reference: Node<'_>) -> bool {
    let mut segments = url.rsplit('/');
    let (id, owner) = (segments.next().unwrap_or_default(), segments.next().unwrap_or_default());
    let is_nobody = |owner: &str| owner != "Patient" && leads_no_further(owner);
    Id::parse(id).is_ok()
        && is_nobody(owner)
        && reference.str_at(&["type"]).is_none_or(|kind| is_nobody(&kind))
}

/// Whether an identifier says that it is one of a person.
fn is_of_person(identifier: Node<'_>) -> bool {
    let mut codes = identifier.walk(&["type", "coding", "code"]);
    codes.any(|code| PERSONS_CODES.iter().any(|of_person| code.is_string(of_person)))
}

/// Whether a member without an address is told: by NHS number, or as what is no person.
fn is_told_unaddressed(reference: Node<'_>) -> bool {
    let system = reference.member("identifier").and_then(|identifier| identifier.member("system"));
    let is_of = |named: &str| system.is_some_and(|system| system.is_string(named));
    match reference.str_at(&["type"]) {
        _ if reference.member("identifier").is_some_and(is_nhs_number) => true,
        Some(kind) => kind != "Patient" && leads_no_further(&kind),
        None => REGISTERS.into_iter().any(is_of),
    }
}

/// Whether a resource of this type is a Patient, or about no person.
fn leads_no_further(owner: &str) -> bool {
    fhir::tables::resource_type(owner)
        .is_some_and(|known| known.name() == "Patient" || !roles::leads_to_persons(known))
}

#[cfg(test)]
mod tests {
    use fhir::json::{Limits, parse};
    use fhir::reference::Bases;

    use super::super::{Bound, Certainty};
    use super::*;

    /// How many values are looked at, and what is told in the end.
    fn read(json: &str, came: Came, bound: Bound) -> (usize, PersonsOf) {
        let document = parse(json.to_owned().into(), &Limits::default()).expect("test input");
        let bases = Bases::none();
        let scan = Scan::of(document.root(), document.root(), (came, &bases), bound);
        (scan.steps, scan.found)
    }

    fn times(count: usize, text: &str) -> String {
        vec![text; count].join(",")
    }

    #[test]
    fn the_work_is_that_of_the_text_however_often_its_parts_refer_to_each_other() {
        let count = 10_000;
        let to = |id: &str| times(count, &format!(r##"{{"reference":"#{id}"}}"##));
        let hops = format!(
            r##"{{"resourceType":"Provenance","target":[{}],"contained":[
            {{"resourceType":"Provenance","id":"a","target":[{}]}},
            {{"resourceType":"Provenance","id":"b","target":[{}]}},
            {{"resourceType":"Observation","id":"c","subject":{{"reference":"Patient/p"}}}}]}}"##,
            to("a"),
            to("b"),
            to("c"),
        );
        let each = |number: usize| {
            let next = (number + 1) % count;
            format!(
                r#"{{"fullUrl":"urn:oid:1.{number}","resource":{{"resourceType":"Observation","id":"o{number}",
                "subject":{{"reference":"Patient/p"}},"focus":[{{"reference":"urn:oid:1.{next}"}},{{"reference":"Observation/o{next}"}}]}}}}"#
            )
        };
        let entries: Vec<String> = (0..count).map(each).collect();
        let bundle = format!(r#"{{"resourceType":"Bundle","entry":[{}]}}"#, entries.join(","));
        let contained: Vec<String> = (0..count)
            .map(|number| format!(r#"{{"resourceType":"Observation","id":"o{number}","subject":{{"reference":"Patient/p"}}}}"#))
            .collect();
        let inside = format!(
            r##"{{"resourceType":"Provenance","target":[{}],"contained":[{}]}}"##,
            times(count, r##"{"reference":"#o9999"}"##),
            contained.join(",")
        );
        use Certainty::{Certain, Uncertain};
        for (json, certainty) in [(hops, Uncertain), (bundle, Certain), (inside, Uncertain)] {
            for came in [Came::FromHolder, Came::Submitted] {
                let (steps, found) = read(&json, came, Bound::Whole);
                assert!(steps < 20 * count, "{steps}");
                assert_eq!(found.certainty, certainty);
                assert_eq!(found.patients.len(), 1, "who is named is found all the same");
            }
        }
    }

    #[test]
    fn a_resource_about_many_things_of_the_same_text_is_uncertain_and_many_about_one_are_not() {
        let group = r#"{"resourceType":"Group","id":"g","member":[{"entity":{"reference":"Patient/p"}}]}"#;
        for (count, certainty) in [(BEHIND_MAX, Certainty::Certain), (BEHIND_MAX + 1, Certainty::Uncertain)] {
            let targets = times(count, r##"{"reference":"#g"}"##);
            let many =
                format!(r#"{{"resourceType":"Provenance","contained":[{group}],"target":[{targets}]}}"#);
            assert_eq!(read(&many, Came::FromHolder, Bound::Whole).1.certainty, certainty, "{count}");
        }
        let one = r#"{"resource":{"resourceType":"Observation","subject":{"reference":"Group/g"}}}"#;
        let bundle =
            format!(r#"{{"resourceType":"Bundle","entry":[{{"resource":{group}}},{}]}}"#, times(200, one));
        assert_eq!(read(&bundle, Came::FromHolder, Bound::Whole).1.certainty, Certainty::Certain);
        let patients: Vec<String> =
            (0..200).map(|number| format!(r#"{{"actor":{{"reference":"Patient/p{number}"}}}}"#)).collect();
        let class = format!(r#"{{"resourceType":"Appointment","participant":[{}]}}"#, patients.join(","));
        assert_eq!(read(&class, Came::FromHolder, Bound::Whole).1.certainty, Certainty::Certain);
    }

    #[test]
    fn a_chain_is_followed_over_three_hops_and_what_says_itself_whom_it_is_about_over_more() {
        let chain = |length: usize, own: &str| {
            let links: Vec<String> = (0..length)
                .map(|number| {
                    let next = number + 1;
                    format!(r##"{{"resourceType":"Observation","id":"o{number}",{own}"focus":[{{"reference":"#o{next}"}}]}}"##)
                })
                .collect();
            let last = format!(
                r#"{{"resourceType":"Observation","id":"o{length}","subject":{{"reference":"Patient/p"}}}}"#
            );
            let first = r##""subject":{"reference":"#o0"}"##;
            let json = format!(
                r#"{{"resourceType":"Observation",{first},"contained":[{},{last}]}}"#,
                links.join(",")
            );
            read(&json, Came::FromHolder, Bound::Whole).1.certainty
        };
        let own = r#""subject":{"reference":"Patient/p"},"#;
        assert_eq!(chain(2, ""), Certainty::Certain);
        assert_eq!(chain(3, ""), Certainty::Uncertain);
        assert_eq!(chain(40, own), Certainty::Certain);
    }

    #[test]
    fn what_an_entry_contains_is_found_from_whichever_entry_refers_to_it() {
        let json = r##"{"resourceType":"Bundle","entry":[
            {"resource":{"resourceType":"Provenance","target":[{"reference":"urn:oid:1.2"}]}},
            {"fullUrl":"urn:oid:1.2","resource":{"resourceType":"Observation","subject":{"reference":"#g"},
                "contained":[{"resourceType":"Group","id":"g","member":[{"entity":{"reference":"Patient/p"}}]}]}}]}"##;
        assert_eq!(read(json, Came::FromHolder, Bound::Whole).1.certainty, Certainty::Certain);
    }

    #[test]
    fn of_a_body_that_is_refused_so_many_names_are_told() {
        let of = |count: usize| {
            let all: Vec<String> =
                (0..count).map(|number| format!(r#"{{"reference":"Patient/p{number}"}}"#)).collect();
            format!(r#"{{"resourceType":"Provenance","target":[{}]}}"#, all.join(","))
        };
        assert_eq!(read(&of(30), Came::Submitted, Bound::Names).1.patients.len(), 30);
        assert_eq!(read(&of(5_000), Came::Submitted, Bound::Names).1.patients.len(), super::super::NAMED_MAX);
        let long = format!(r#"{{"resourceType":"Provenance","target":[{}]}}"#, times(200_000, "{}"));
        let (steps, _) = read(&long, Came::Submitted, Bound::Names);
        assert!(
            steps > super::super::LOOKED_AT_MAX,
            "each value that is passed over is counted, and not read"
        );
    }
}
