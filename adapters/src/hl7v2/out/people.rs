//! Names, addresses, telephones; people, organisations, places.

use fhir::json::Node;

use super::engine::Run;
use super::wire::{Kind, Repetition};
use crate::{Severity, Why};

/// What the components of a place are called.
const PLACES: [(&str, usize); 6] = [("wa", 1), ("ro", 2), ("bd", 3), ("si", 4), ("bu", 7), ("lvl", 8)];

const PHYSICAL_TYPE: &str = "http://terminology.hl7.org/CodeSystem/location-physical-type";

/// How many Locations one may be in.
const NESTED_MAX: usize = 8;

impl<'b> Run<'_, 'b> {
    /// XPN from component `first`. XCN has the same components, one further on.
    pub(super) fn name(&self, node: Node<'b>, first: usize) -> Option<Repetition<'b>> {
        let mut out = Repetition::new(node, Kind::Words);
        if let Some(family) = self.take(node, "family") {
            out.put(first, family);
        }
        let mut given = self.texts(node, "given").into_iter();
        if let Some(given) = given.next() {
            out.put(first + 1, given);
        }
        out.put(first + 2, given.collect::<Vec<_>>().join(" "));
        out.put(first + 4, self.texts(node, "prefix").join(" "));
        out.put(first + 3, self.texts(node, "suffix").join(" "));
        if out.is_empty() {
            // A name in one piece has no place but this.
            let text = node.member("text")?;
            out.put(first, self.take(node, "text")?);
            self.source.remark(text, Why::Narrowed, Severity::Minor);
        }
        let kind = node.member("use").and_then(Node::string);
        if let Some((code, _)) = kind.and_then(|kind| self.own_codes.given("name-use", &kind)) {
            self.take(node, "use");
            out.put(if first == 1 { 7 } else { 10 }, code);
        }
        if let Some(period) = node.member("period").filter(|_| first == 1 && self.profile.version.is_2_5()) {
            self.period(period, &mut out, (12, 13));
        }
        Some(out)
    }

    fn texts(&self, node: Node<'b>, name: &str) -> Vec<String> {
        let items = node.member(name).into_iter().flat_map(Node::items);
        items
            .filter_map(|item| {
                let text = item.string()?.into_owned();
                self.source.mark(item);
                Some(text).filter(|text| !text.trim().is_empty())
            })
            .collect()
    }

    /// XAD.
    pub(super) fn address(&self, node: Node<'b>) -> Option<Repetition<'b>> {
        let mut out = Repetition::new(node, Kind::Words);
        let mut lines = self.texts(node, "line").into_iter();
        if let Some(line) = lines.next() {
            out.put(1, line);
        }
        out.put(2, lines.collect::<Vec<_>>().join(", "));
        for (name, component) in
            [("city", 3), ("state", 4), ("postalCode", 5), ("country", 6), ("district", 9)]
        {
            if let Some(text) = self.take(node, name) {
                out.put(component, text);
            }
        }
        if out.is_empty() {
            let text = node.member("text")?;
            out.put(1, self.take(node, "text")?);
            self.source.remark(text, Why::Narrowed, Severity::Minor);
        }
        for name in ["use", "type"] {
            let said = node.member(name).and_then(Node::string);
            if let Some((code, _)) = said.and_then(|said| self.own_codes.given("address-use", &said)) {
                let held = out.components.get(6).is_some_and(|parts| !parts.concat().is_empty());
                if !held {
                    self.take(node, name);
                    out.put(7, code);
                }
            }
        }
        if let Some(period) = node.member("period").filter(|_| self.profile.version.is_2_5()) {
            self.period(period, &mut out, (13, 14));
        }
        Some(out)
    }

    /// XTN.
    pub(super) fn telecom(&self, node: Node<'b>) -> Option<Repetition<'b>> {
        let value = self.take(node, "value")?;
        let mut out = Repetition::new(node, Kind::Exact);
        let said = |name| node.member(name).and_then(Node::string).unwrap_or_default();
        let (system, used) = (said("system"), said("use"));
        let equipment = if used == "mobile" && matches!(&*system, "phone" | "") {
            Some("CP")
        } else {
            self.own_codes.given("telecom-system", &system).map(|(code, _)| code)
        };
        let used_as = if system == "email" {
            Some("NET")
        } else {
            self.own_codes.given("telecom-use", &used).map(|(code, _)| code)
        };
        if system == "email" {
            out.put(4, value);
        } else if self.profile.version.is_2_7() {
            out.put(12, value);
        } else {
            out.put(1, value);
        }
        if let Some(code) = used_as {
            out.put(2, code);
            if system != "email" || used == "home" || used == "work" {
                self.take(node, "use");
            }
        }
        if let Some(code) = equipment {
            out.put(3, code);
            self.take(node, "system");
            if code == "CP" {
                self.take(node, "use");
            }
        }
        if let Some(period) = node.member("period").filter(|_| self.profile.version.is_2_7()) {
            self.period(period, &mut out, (13, 14));
        }
        Some(out)
    }

    /// The person that a Reference means: XCN.
    pub(super) fn person(&self, node: Node<'b>) -> Option<Repetition<'b>> {
        let held = self.source.target(node);
        let mut out = Repetition::new(node, Kind::Words);
        let practitioner = match held {
            Some(held) if held.kind == "PractitionerRole" => {
                let inner = held.node.member("practitioner");
                let found = inner.and_then(|inner| self.source.target(inner));
                if let Some(inner) = inner {
                    self.source.mark_reference(inner);
                }
                found
            }
            Some(held) if held.kind == "Practitioner" => Some(held),
            Some(_) => return None,
            None => None,
        };
        let Some(practitioner) = practitioner else {
            return self.person_by_name(node, out);
        };
        self.source.mark_reference(node);
        let practitioner = practitioner.node;
        if let Some(name) = practitioner.walk(&["name"]).next().and_then(|name| self.name(name, 2)) {
            out.components = name.components;
        }
        if let Some(identifier) =
            practitioner.walk(&["identifier"]).find(|node| node.member("value").is_some())
        {
            self.identified(identifier, &mut out);
        }
        (!out.is_empty()).then_some(out)
    }

    /// XCN.1, .9 and .13.
    fn identified(&self, identifier: Node<'b>, out: &mut Repetition<'b>) {
        let Some(value) = self.take(identifier, "value") else { return };
        out.put(1, value);
        if let (Some(authority), _) = self.authority(identifier) {
            for (sub, part) in (1..).zip(authority.parts) {
                out.put_sub(9, sub, part);
            }
        }
        if let Some(code) =
            identifier.walk(&["type", "coding"]).next().and_then(|coding| self.take(coding, "code"))
        {
            for coding in identifier.walk(&["type", "coding"]) {
                self.take(coding, "system");
                self.take(coding, "display");
            }
            out.put(13, code);
        }
    }

    /// A person who is not in the Bundle: what the Reference itself says.
    fn person_by_name(&self, node: Node<'b>, mut out: Repetition<'b>) -> Option<Repetition<'b>> {
        if let Some(identifier) = node.member("identifier") {
            self.identified(identifier, &mut out);
        }
        // An organisation's name may stand here too, and was said as one then.
        let said = node.member("display").is_some_and(|display| self.source.is_carried(display));
        if let Some(display) = self.take(node, "display").filter(|_| !said) {
            out.put(2, display);
        }
        (!out.is_empty()).then_some(out)
    }

    /// XON.
    pub(super) fn organization(&self, node: Node<'b>) -> Option<Repetition<'b>> {
        let mut out = Repetition::new(node, Kind::Words);
        let held = self.source.target(node);
        let held = match held {
            Some(held) if held.kind == "Organization" => held,
            Some(_) => return None,
            None => {
                out.put(1, self.take(node, "display")?);
                return Some(out);
            }
        };
        self.source.mark_reference(node);
        if let Some(name) = self.take(held.node, "name") {
            out.put(1, name);
        }
        if let Some(identifier) = held.node.walk(&["identifier"]).find(|node| node.member("value").is_some())
            && let Some(value) = self.take(identifier, "value")
        {
            if let (Some(authority), _) = self.authority(identifier) {
                for (sub, part) in (1..).zip(authority.parts) {
                    out.put_sub(6, sub, part);
                }
            }
            let place = if self.profile.version.is_2_5() { 10 } else { 3 };
            out.put(place, value);
        }
        (!out.is_empty()).then_some(out)
    }

    /// PL: the Location and those it is in.
    pub(super) fn place(&self, node: Node<'b>) -> Option<Repetition<'b>> {
        let mut out = Repetition::new(node, Kind::Words);
        let mut present = Some(node);
        let mut innermost = true;
        for _ in 0..NESTED_MAX {
            let Some(reference) = present else { break };
            let Some(held) = self.source.target(reference).filter(|held| held.kind == "Location") else {
                if innermost && let Some(display) = self.take(reference, "display") {
                    out.put(1, display);
                }
                break;
            };
            self.source.mark_reference(reference);
            let location = held.node;
            let coding = location.walk(&["physicalType", "coding"]).next();
            let coding = coding.filter(|coding| {
                coding.member("system").is_none_or(|system| system.is_string(PHYSICAL_TYPE))
            });
            let code = coding.and_then(|coding| coding.member("code")).and_then(Node::string);
            let slot = PLACES.iter().find(|(name, _)| code.as_deref() == Some(*name)).map(|(_, slot)| *slot);
            let typed = slot.and(coding);
            let slot = slot.or(innermost.then_some(1));
            let free =
                |slot: usize| out.components.get(slot - 1).is_none_or(|parts| parts.concat().is_empty());
            if let Some(slot) = slot.filter(|slot| free(*slot))
                && let Some(name) = self.take(location, "name")
            {
                out.put(slot, name);
                if let Some(coding) = typed {
                    self.source.mark(coding);
                }
            }
            if innermost && let Some(text) = self.take(location, "description") {
                out.put(9, text);
            }
            innermost = false;
            present = location.member("partOf");
        }
        (!out.is_empty()).then_some(out)
    }

    /// An identifier of a professional: PRD-7.
    pub(super) fn licence(&self, node: Node<'b>) -> Option<Repetition<'b>> {
        let mut out = Repetition::new(node, Kind::Exact);
        out.put(1, self.take(node, "value")?);
        let (authority, _) = self.authority(node);
        let name = authority
            .map(|authority| authority.parts)
            .map(|[name, uid, _]| if name.is_empty() { uid } else { name });
        let kind = node.walk(&["type", "coding"]).next().and_then(|coding| self.take(coding, "code"));
        for coding in node.walk(&["type", "coding"]) {
            self.take(coding, "system");
            self.take(coding, "display");
        }
        match (kind, name) {
            (Some(kind), Some(name)) if kind != name => {
                out.put(2, kind);
                out.put(3, name);
            }
            (Some(kind), _) => out.put(2, kind),
            (None, Some(name)) => out.put(2, name),
            (None, None) => {}
        }
        Some(out)
    }
}
