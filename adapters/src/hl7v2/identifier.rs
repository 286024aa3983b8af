//! Identifiers: CX, EI, HD, and the first components of XCN and XON.

use fhir::identifier::{NHS_NUMBER, URI};
use fhir::nhs_number::NhsNumber;

use super::codes::local_system;
use super::concept::Known;
use super::envelope::Identifier;
use super::message::Part;
use crate::tree::{Node, Object};
use crate::{Severity, Why};

const VERIFICATION: &str =
    "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-NHSNumberVerificationStatus";

impl Known<'_> {
    /// CX as an Identifier. `status` is where the verification of an NHS number is said.
    pub(super) fn identifier(&self, part: Part<'_, '_>, status: Option<Part<'_, '_>>) -> Option<Node> {
        let written = part.component(1).peek()?;
        let authority = part.component(4);
        let kind = part.component(5);
        let system = self.authority(authority);
        let called = self.is_called_nhs_number(system.as_deref(), kind);
        let mut identifier = Object::new();
        let valid = called.then(|| nhs_number(&written)).flatten();
        if let Some(extension) =
            status.filter(|_| valid.is_some()).and_then(|status| self.verification(status))
        {
            identifier.push("extension", extension);
        }
        if let Some(kind) = self.kind(kind) {
            identifier.put("type", kind);
        }
        match valid {
            Some(number) => {
                part.component(1).text();
                let assigner = self.use_authority(authority);
                self.use_what_is_said_again(part, &number);
                identifier.put("system", Node::text(NHS_NUMBER));
                identifier.put("value", Node::text(number.as_str()));
                if let Some(assigner) = assigner {
                    identifier.put("assigner", assigner);
                }
            }
            None => {
                if called {
                    part.remark(Why::NotAnNhsNumber, Severity::Major);
                } else if let Some(system) = system {
                    identifier.put("system", Node::Text(system));
                }
                identifier.put("value", Node::Text(part.component(1).text()?));
                if !called {
                    // The facility that gave it out, beside an authority that is a system and no more. By itself it
                    // would read as the authority.
                    let has_system = identifier.find("system").is_some();
                    let facility = || has_system.then(|| part.component(6).text().map(assigner)).flatten();
                    if let Some(assigner) = self.use_authority(authority).or_else(facility) {
                        identifier.put("assigner", assigner);
                    }
                }
            }
        }
        if let Some(period) = self.period(part.component(7), part.component(8)) {
            identifier.put("period", period);
        }
        Some(identifier.into())
    }

    /// Counts as carried what says again that it is this NHS number: its check digit and scheme, its object identifier, and its
    /// authority as a facility.
    fn use_what_is_said_again(&self, part: Part<'_, '_>, number: &NhsNumber) {
        let (digit, scheme, authority) = (part.component(2), part.component(3), part.component(4));
        let own = digit.peek().is_none_or(|digit| number.as_str().ends_with(&*digit) && digit.len() == 1);
        if own && scheme.peek().is_none_or(|scheme| scheme.eq_ignore_ascii_case("M11")) {
            digit.mark();
            scheme.mark();
        }
        let facility = part.component(6);
        if facility.peek().is_some_and(|name| self.known_authority(&name) == Some(NHS_NUMBER)) {
            facility.text();
        }
        let (id, kind) = (authority.subcomponent(2), authority.subcomponent(3));
        let uri = id.peek().zip(kind.peek()).and_then(|(id, kind)| universal(&id, &kind));
        let found = uri.and_then(|uri| self.codes.find("identifier-systems", &uri, self.context));
        if found.is_some_and(|found| found.code == NHS_NUMBER) {
            id.mark();
            kind.mark();
        }
    }

    /// CX as the system and value it would have in the Bundle, without using it.
    pub(super) fn identity(&self, part: Part<'_, '_>) -> Option<Identifier> {
        let written = part.component(1).peek()?;
        let system = self.authority(part.component(4));
        if !self.is_called_nhs_number(system.as_deref(), part.component(5)) {
            return Some(Identifier { system, value: written.into_owned() });
        }
        Some(match nhs_number(&written) {
            Some(number) => {
                Identifier { system: Some(NHS_NUMBER.to_owned()), value: number.as_str().to_owned() }
            }
            None => Identifier { system: None, value: written.into_owned() },
        })
    }

    pub(super) fn is_called_nhs_number(&self, system: Option<&str>, kind: Part<'_, '_>) -> bool {
        match system {
            Some(system) => system == NHS_NUMBER,
            None => kind
                .peek()
                .is_some_and(|kind| self.codes.find("nhs-number-types", &kind, self.context).is_some()),
        }
    }

    /// EI as an Identifier: id, namespace, universal id and its type.
    pub(super) fn entity(&self, part: Part<'_, '_>) -> Option<Node> {
        let value = part.component(1).text()?;
        let mut identifier = Object::new();
        let universal = part
            .component(3)
            .peek()
            .zip(part.component(4).peek())
            .and_then(|(id, kind)| universal(&id, &kind));
        // Some senders put the authority into one component, as subcomponents.
        let (system, assigner) = match universal {
            Some(system) => {
                part.component(3).text();
                part.component(4).text();
                (Some(system), part.component(2).text().map(assigner))
            }
            None => (self.authority(part.component(2)), self.use_authority(part.component(2))),
        };
        if let Some(system) = system {
            identifier.put("system", Node::Text(system));
        }
        identifier.put("value", Node::Text(value));
        if let Some(assigner) = assigner {
            identifier.put("assigner", assigner);
        }
        Some(identifier.into())
    }

    /// EI whose parts are the subcomponents of a component.
    pub(super) fn subentity(&self, part: Part<'_, '_>) -> Option<Node> {
        let value = part.text()?;
        let said = |number: u16| part.subcomponent(number).peek();
        let uri = said(3).zip(said(4)).and_then(|(id, kind)| universal(&id, &kind));
        let mut identifier = Object::new();
        if let Some(uri) = uri {
            part.subcomponent(3).text();
            part.subcomponent(4).text();
            identifier.put("system", Node::Text(uri));
        }
        identifier.put("value", Node::Text(value));
        if let Some(name) = part.subcomponent(2).text() {
            identifier.put("assigner", assigner(name));
        }
        Some(identifier.into())
    }

    /// The universal id of an HD as an Identifier of whoever it names.
    pub(super) fn universal(&self, part: Part<'_, '_>) -> Option<Node> {
        let uri = universal(&part.component(2).peek()?, &part.component(3).peek()?)?;
        part.component(2).text();
        part.component(3).text();
        Some(Object::new().with("system", Node::text(URI)).with("value", Node::Text(uri)).into())
    }

    /// The identifier in XCN.1 or XON.10, by its authority and type.
    pub(super) fn of_person_or_organization(
        &self,
        value: Part<'_, '_>,
        authority: Part<'_, '_>,
        kind: Part<'_, '_>,
    ) -> Option<Node> {
        let value = value.text()?;
        let mut identifier = Object::new();
        let system = self.authority(authority);
        let named = || {
            self.codes
                .find("professional-identifiers", &kind.peek()?, self.context)
                .map(|found| found.code.to_owned())
        };
        if let Some(kind) = self.kind(kind) {
            identifier.put("type", kind);
        }
        if let Some(system) = system.or_else(named) {
            identifier.put("system", Node::Text(system));
        }
        identifier.put("value", Node::Text(value));
        if let Some(assigner) = self.use_authority(authority) {
            identifier.put("assigner", assigner);
        }
        Some(identifier.into())
    }

    /// The identifier system of an assigning authority (HD as subcomponents), without using it.
    pub(super) fn authority(&self, part: Part<'_, '_>) -> Option<String> {
        let name = part.subcomponent(1).peek();
        if let Some(system) = name.as_deref().and_then(|name| self.known_authority(name)) {
            return Some(system.to_owned());
        }
        let universal = part
            .subcomponent(2)
            .peek()
            .zip(part.subcomponent(3).peek())
            .and_then(|(id, kind)| universal(&id, &kind));
        let universal = universal.map(|uri| {
            self.codes
                .find("identifier-systems", &uri, self.context)
                .map_or(uri, |found| found.code.to_owned())
        });
        universal.or_else(|| name.map(|name| local_system(&name)))
    }

    /// The identifier system of an authority of this name: of this sender's first. Blanks in a name say nothing.
    fn known_authority(&self, name: &str) -> Option<&str> {
        if let Some(system) = self.context.identifier_systems.get(&name.to_ascii_uppercase()) {
            return Some(system);
        }
        let find = |name: &str| self.codes.find("identifier-systems", name, self.context);
        let found = if name.contains(' ') { find(&name.replace(' ', "")) } else { find(name) };
        found.map(|found| found.code)
    }

    /// Counts as carried what [`Known::authority`] made the system from. A name beside a universal id
    /// becomes the assigner, and so does a universal id that is no URI.
    fn use_authority(&self, part: Part<'_, '_>) -> Option<Node> {
        let known = part.subcomponent(1).peek().is_some_and(|name| self.known_authority(&name).is_some());
        let universal = part
            .subcomponent(2)
            .peek()
            .zip(part.subcomponent(3).peek())
            .and_then(|(id, kind)| universal(&id, &kind));
        if known || universal.is_none() {
            part.subcomponent(1).text();
            let assigner = || Some(Object::new().with("identifier", self.no_uri(part)?).into());
            return (!known).then(assigner).flatten();
        }
        part.subcomponent(2).text();
        part.subcomponent(3).text();
        part.subcomponent(1).text().map(assigner)
    }

    /// A universal id (HD as subcomponents) as an Identifier of what it names.
    pub(super) fn subuniversal(&self, part: Part<'_, '_>) -> Option<Node> {
        let (id, kind) = (part.subcomponent(2), part.subcomponent(3));
        let Some(uri) = id.peek().zip(kind.peek()).and_then(|(id, kind)| universal(&id, &kind)) else {
            return self.no_uri(part);
        };
        id.text();
        kind.text();
        Some(Object::new().with("system", Node::text(URI)).with("value", Node::Text(uri)).into())
    }

    /// A universal id that is no URI (HD as subcomponents): its type and what it is. Without a type it is nothing.
    fn no_uri(&self, part: Part<'_, '_>) -> Option<Node> {
        part.subcomponent(3).peek()?;
        let value = part.subcomponent(2).text()?;
        let mut identifier = Object::new();
        if let Some(kind) = self.coded(part.subcomponent(3), "universal-id-types") {
            identifier.put("type", kind);
        }
        Some(identifier.with("value", Node::Text(value)).into())
    }

    fn kind(&self, part: Part<'_, '_>) -> Option<Node> {
        self.coded(part, "identifier-types")
    }

    /// A concept of a code by itself: of the system of `map` where that knows it.
    pub(super) fn coded(&self, part: Part<'_, '_>, map: &str) -> Option<Node> {
        let code = part.text()?;
        let coding = match self.codes.find(map, &code, self.context) {
            Some(found) => found.coding(),
            None => Object::new().with("code", Node::Text(code)),
        };
        Some(Object::new().with("coding", Node::List(vec![coding.into()])).into())
    }

    fn verification(&self, part: Part<'_, '_>) -> Option<Node> {
        let found = self.codes.find("nhs-number-verification", &part.peek()?, self.context)?;
        part.text();
        let value = found.concept();
        Some(Object::new().with("url", Node::text(VERIFICATION)).with("valueCodeableConcept", value).into())
    }
}

/// Who gave out an identifier, by name.
fn assigner(name: String) -> Node {
    Object::new().with("display", Node::Text(name)).into()
}

/// The NHS number that `written` is, spaces and hyphens aside.
pub(super) fn nhs_number(written: &str) -> Option<NhsNumber> {
    let digits: String = written.chars().filter(|letter| !matches!(letter, ' ' | '-')).collect();
    NhsNumber::parse(&digits).ok()
}

/// A universal id as a URI, by its type.
fn universal(id: &str, kind: &str) -> Option<String> {
    let id = id.trim();
    match kind.trim().to_ascii_uppercase().as_str() {
        "ISO" if is_oid(id) => Some(format!("urn:oid:{id}")),
        "UUID" | "GUID" if is_uuid(id) => Some(format!("urn:uuid:{}", id.to_ascii_lowercase())),
        "URI" if id.contains(':') && !id.contains(char::is_whitespace) => Some(id.to_owned()),
        _ => None,
    }
}

/// An object identifier begins with 0, 1 or 2, and no number of it with a zero. Those of two numbers are nobody's: they divide
/// the whole tree.
fn is_oid(id: &str) -> bool {
    let number = |arc: &str| {
        arc == "0"
            || !arc.is_empty() && !arc.starts_with('0') && arc.bytes().all(|byte| byte.is_ascii_digit())
    };
    let root = |arc: &str| matches!(arc, "0" | "1" | "2");
    id.split('.').next().is_some_and(root) && id.split('.').count() > 2 && id.split('.').all(number)
}

fn is_uuid(id: &str) -> bool {
    let lengths: Vec<usize> = id.split('-').map(str::len).collect();
    lengths == [8, 4, 4, 4, 12] && id.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::{nhs_number, universal};

    #[test]
    fn a_universal_id_is_a_uri_only_when_it_is_what_it_says() {
        for (id, kind, expected) in [
            ("2.16.840.1", "ISO", Some("urn:oid:2.16.840.1")),
            ("2.16..1", "ISO", None),
            ("9.8", "ISO", None),
            ("21.8.1", "ISO", None),
            ("2.8", "ISO", None),
            ("1.2.03", "ISO", None),
            ("1.0.8", "ISO", Some("urn:oid:1.0.8")),
            ("1.1.1.1", "GUID", None),
            (
                "5A9B229D-e51d-5974-cfbe-3df4bedcfc36",
                "UUID",
                Some("urn:uuid:5a9b229d-e51d-5974-cfbe-3df4bedcfc36"),
            ),
            ("https://example.org/x", "URI", Some("https://example.org/x")),
            ("example.org", "DNS", None),
        ] {
            assert_eq!(universal(id, kind).as_deref(), expected, "{id} {kind}");
        }
    }

    #[test]
    fn an_nhs_number_may_be_written_in_groups() {
        assert!(nhs_number("999 000 0018").is_some());
        assert!(nhs_number("999-000-0018").is_some());
        assert!(nhs_number("9990000019").is_none());
    }
}
