//! Names, addresses, telephones, periods; and who is behind an XCN, an XON or a PL.

use super::codes::{code_system, local_system};
use super::concept::Known;
use super::message::Part;
use super::moment;
use crate::sound::is_reversed;
use crate::tree::{Node, Object};
use crate::{Severity, Why};

impl Known<'_> {
    /// XPN as a HumanName. XCN has the same components, one further on.
    pub(super) fn name(&self, part: Part<'_, '_>, first: u16) -> Option<Node> {
        let mut name = Object::new();
        let kind = part.component(if first == 1 { 7 } else { 10 });
        if let Some(found) = kind.peek().and_then(|code| self.codes.find("name-use", &code, self.context)) {
            kind.text();
            name.put("use", Node::text(found.code));
        }
        let surnames = part.component(first);
        let family = if surnames.is_words() { surnames.words() } else { surnames.text() };
        if let Some(family) = family {
            name.put("family", Node::Text(family));
            if let Some(parts) = surname(surnames).filter(|_| !surnames.is_words()) {
                name.put("_family", parts);
            }
        }
        for given in [first + 1, first + 2] {
            if let Some(given) = part.component(given).words() {
                name.push("given", Node::Text(given));
            }
        }
        if let Some(prefix) = part.component(first + 4).text() {
            name.push("prefix", Node::Text(prefix));
        }
        // The degree and the professional suffix stand after the name too.
        let professional = if first == 1 { 14 } else { 21 };
        for suffix in [first + 3, first + 5, professional] {
            if let Some(suffix) = part.component(suffix).text() {
                name.push("suffix", Node::Text(suffix));
            }
        }
        let (from, until, range) = if first == 1 { (12, 13, 10) } else { (19, 20, 17) };
        if let Some(period) = self.period_or_range(part, from, until, range) {
            name.put("period", period);
        }
        let empty =
            ["family", "given", "prefix", "suffix"].iter().all(|element| name.find(element).is_none());
        (!empty).then(|| name.into())
    }

    /// XAD as an Address.
    pub(super) fn address(&self, part: Part<'_, '_>) -> Option<Node> {
        let mut address = Object::new();
        let kind = part.component(7);
        if let Some(found) = kind.peek().and_then(|code| self.codes.find("address-use", &code, self.context))
        {
            kind.text();
            address.put(if found.system == "type" { "type" } else { "use" }, Node::text(found.code));
        }
        // Without a street line, the dwelling number and the street name are one; else they say more about it.
        let street = part.component(1);
        let parts = [(3, "houseNumber"), (2, "streetName")];
        if street.is_words() {
            if let Some(line) = street.words() {
                address.push("line", Node::Text(line));
            }
        } else if street.subcomponent(1).is_empty() {
            let parts: Vec<String> =
                parts.iter().filter_map(|(sub, _)| street.subcomponent(*sub).text()).collect();
            if !parts.is_empty() {
                address.push("line", Node::Text(parts.join(" ")));
            }
        } else {
            let mut more = Object::new();
            for (sub, name) in parts {
                if let Some(value) = street.subcomponent(sub).text() {
                    let url = format!("http://hl7.org/fhir/StructureDefinition/iso21090-ADXP-{name}");
                    more.push(
                        "extension",
                        Object::new()
                            .with("url", Node::Text(url))
                            .with("valueString", Node::Text(value))
                            .into(),
                    );
                }
            }
            if !more.is_empty() {
                address.push("_line", more.into());
            }
        }
        if !street.is_words()
            && let Some(line) = street.text()
        {
            address.push("line", Node::Text(line));
        }
        for line in [part.component(2), part.component(19)] {
            if let Some(line) = line.words() {
                level(&mut address);
                address.push("line", Node::Text(line));
            }
        }
        if address.find("line").is_some() {
            level(&mut address);
        }
        for (component, element) in
            [(3, "city"), (9, "district"), (4, "state"), (5, "postalCode"), (6, "country")]
        {
            if let Some(value) = part.component(component).words() {
                address.put(element, Node::Text(value));
            }
        }
        if let Some(period) = self.period_or_range(part, 13, 14, 12) {
            address.put("period", period);
        }
        let empty = ["line", "city", "district", "state", "postalCode", "country"]
            .iter()
            .all(|element| address.find(element).is_none());
        (!empty).then(|| address.into())
    }

    /// XTN as a ContactPoint.
    pub(super) fn telecom(&self, part: Part<'_, '_>, used: &str) -> Option<Node> {
        let usage = part.component(2);
        let equipment = part.component(3);
        let known = |map: &str, part: Part<'_, '_>| {
            part.peek().and_then(|code| self.codes.find(map, &code, self.context))
        };
        let email = part.component(4).text();
        let value = match &email {
            Some(email) => Some(email.clone()),
            None => part.component(12).text().or_else(|| part.component(1).text()).or_else(|| composed(part)),
        }?;
        let mut point = Object::new();
        let system = known("telecom-system", equipment).inspect(|_| drop(equipment.text()));
        let system = match (&email, system) {
            (Some(_), _) => "email",
            (None, Some(found)) => found.code,
            (None, None)
                if known("telecom-use", usage).is_some_and(|found| found.code == "email")
                    || value.contains('@') =>
            {
                "email"
            }
            (None, None) => "phone",
        };
        point.put("system", Node::text(system));
        point.put("value", Node::Text(value));
        let mobile =
            known("telecom-system", equipment).filter(|found| found.display == "mobile").map(|_| "mobile");
        let said = known("telecom-use", usage)
            .map(|found| found.code)
            .inspect(|_| drop(usage.text()))
            .filter(|code| *code != "email");
        let usage = mobile.or(said).or(Some(used).filter(|used| !used.is_empty()));
        if let Some(usage) = usage {
            point.put("use", Node::text(usage));
        }
        if let Some(period) = self.period(part.component(13), part.component(14)) {
            point.put("period", period);
        }
        if let Some(rank) =
            part.component(18).peek().and_then(|rank| rank.parse::<u32>().ok()).filter(|rank| *rank > 0)
        {
            part.component(18).text();
            point.put("rank", Node::Bare(rank.to_string()));
        }
        Some(point.into())
    }

    /// A Period of two times.
    pub(super) fn period(&self, from: Part<'_, '_>, until: Part<'_, '_>) -> Option<Node> {
        let mut period = Object::new();
        for (name, part) in [("start", from), ("end", until)] {
            if let Some(time) = self.date_time(part) {
                period.put(name, time);
            }
        }
        if is_reversed(&period) {
            period.remove("end");
            until.remark(Why::EndsBeforeStart, Severity::Major);
        }
        (!period.is_empty()).then(|| period.into())
    }

    /// A Period of two components, or of the range (DR) that older versions write.
    fn period_or_range(&self, part: Part<'_, '_>, from: u16, until: u16, range: u16) -> Option<Node> {
        let range = part.component(range);
        self.period(part.component(from), part.component(until))
            .or_else(|| self.period(range.subcomponent(1), range.subcomponent(2)))
    }

    /// A dateTime.
    pub(super) fn date_time(&self, part: Part<'_, '_>) -> Option<Node> {
        self.moment(part).map(|moment| Node::Text(moment.date_time()))
    }

    /// A time, or a remark why there is none.
    pub(super) fn moment(&self, part: Part<'_, '_>) -> Option<moment::Moment> {
        match moment::parse(&part.peek()?, &self.context.zone) {
            Ok(moment) => {
                part.text();
                if moment.ambiguous {
                    part.remark(Why::TimeAmbiguous, Severity::Major);
                }
                Some(moment)
            }
            Err(why) => {
                part.remark(why, Severity::Major);
                let day = moment::of_hour(&part.peek()?, &self.context.zone)?;
                part.text();
                Some(day)
            }
        }
    }

    /// A Practitioner from XCN.
    pub(super) fn practitioner(&self, part: Part<'_, '_>) -> Option<Object> {
        let whole = part.component(1);
        if !whole.subcomponent(2).is_empty() || !whole.subcomponent(3).is_empty() {
            return self.of_one_component(whole);
        }
        let mut practitioner = Object::new();
        if let Some(identifier) =
            self.of_person_or_organization(part.component(1), part.component(9), part.component(13))
        {
            practitioner.push("identifier", identifier);
        }
        if let Some(name) = self.name(part, 2) {
            practitioner.push("name", name);
        }
        (!practitioner.is_empty()).then_some(practitioner)
    }

    /// A Practitioner from CNN: a number and a name in the subcomponents of one component, as NDL has it.
    fn of_one_component(&self, part: Part<'_, '_>) -> Option<Object> {
        let mut practitioner = Object::new();
        if let Some(number) = part.text() {
            let mut identifier = Object::new();
            if let Some(system) = part.subcomponent(9).text() {
                identifier.put("system", Node::Text(local_system(&system)));
            }
            practitioner.push("identifier", identifier.with("value", Node::Text(number)).into());
        }
        let mut name = Object::new();
        if let Some(family) = part.subcomponent(2).text() {
            name.put("family", Node::Text(family));
        }
        for (number, element) in [(3, "given"), (4, "given"), (6, "prefix"), (5, "suffix"), (7, "suffix")] {
            if let Some(said) = part.subcomponent(number).text() {
                name.push(element, Node::Text(said));
            }
        }
        if !name.is_empty() {
            practitioner.push("name", name.into());
        }
        (!practitioner.is_empty()).then_some(practitioner)
    }

    /// An Organization from XON.
    pub(super) fn organization(&self, part: Part<'_, '_>, address: Option<Part<'_, '_>>) -> Option<Object> {
        let mut organization = Object::new();
        let id = if part.component(10).is_empty() { part.component(3) } else { part.component(10) };
        if let Some(identifier) = self.of_person_or_organization(id, part.component(6), part.component(7)) {
            organization.push("identifier", identifier);
        }
        if let Some(name) = part.component(1).words() {
            organization.put("name", Node::Text(name));
        }
        if organization.is_empty() {
            return None;
        }
        if let Some(part) = address
            && let Some(Node::Object(mut address)) = self.address(part)
        {
            // `org-2`: nobody lives there.
            if matches!(address.find("use"), Some(Node::Text(code)) if code == "home") {
                address.remove("use");
                part.component(7).remark(Why::NotOfType, Severity::Minor);
            }
            organization.push("address", address.into());
        }
        Some(organization)
    }

    /// An Organization from CWE: its code, which its sender knows it by, and its words.
    pub(super) fn producer(&self, part: Part<'_, '_>) -> Option<Object> {
        let mut organization = Object::new();
        if let Some(code) = part.component(1).text() {
            let mut identifier = Object::new();
            if let Some(name) = part.component(3).text() {
                identifier.put("system", Node::Text(code_system(&name, self.codes, self.context)));
            }
            organization.push("identifier", identifier.with("value", Node::Text(code)).into());
        }
        if let Some(name) = part.component(2).words() {
            organization.put("name", Node::Text(name));
        }
        (!organization.is_empty()).then_some(organization)
    }

    /// A Location from DLD: its name, or its code beside the name that the code has.
    pub(super) fn place(&self, part: Part<'_, '_>) -> Option<Object> {
        let part = part.component(1);
        let called = part.subcomponent(2);
        if called.is_empty() {
            return Some(Object::new().with("name", Node::Text(part.text()?)));
        }
        let mut location = Object::new();
        if let Some(code) = part.text() {
            let mut identifier = Object::new();
            if let Some(system) = part.subcomponent(3).text() {
                identifier.put("system", Node::Text(code_system(&system, self.codes, self.context)));
            }
            location.push("identifier", identifier.with("value", Node::Text(code)).into());
        }
        Some(location.with("name", Node::Text(called.text()?)))
    }

    /// The Locations of a PL, each part of the one before it.
    pub(super) fn locations(&self, part: Part<'_, '_>) -> Vec<Object> {
        let mut found = Vec::new();
        for (component, kind) in [(4, "si"), (7, "bu"), (8, "lvl"), (1, "wa"), (2, "ro"), (3, "bd")] {
            let part = part.component(component);
            // An object identifier has a type; without one it is the rest of a name such as A&E.
            let named = if part.subcomponent(3).is_empty() { part.words() } else { part.text() };
            let Some(name) = named else { continue };
            let mut location =
                Object::new().with("name", Node::Text(name)).with("mode", Node::text("instance"));
            if let Some(identifier) = self.subuniversal(part) {
                location.push("identifier", identifier);
            }
            if let Some(kind) = self.codes.target("location-physical-type", kind) {
                location.put("physicalType", kind.concept());
            }
            found.push(location);
        }
        if let Some(last) = found.last_mut() {
            if let Some(kind) = self.coded(part.component(6), "person-location-type") {
                last.push("type", kind);
            }
            if let Some(description) = part.component(9).words() {
                last.put("description", Node::Text(description));
            }
        }
        found
    }
}

/// Makes the lines of an address and what is said about them as many as each other: FHIR's JSON knows by the place what is
/// about which. A street of which only the parts are said is a line without words once another follows.
fn level(address: &mut Object) {
    let count = |name: &str| match address.find(name) {
        Some(Node::List(items)) => items.len(),
        Some(Node::Text(_) | Node::Bare(_) | Node::Object(_)) | None => 0,
    };
    let (lines, about) = (count("line"), count("_line"));
    let short = if about == 0 || lines == about {
        return;
    } else if lines > about {
        "_line"
    } else {
        "line"
    };
    for _ in 0..lines.abs_diff(about) {
        address.push(short, Node::Bare("null".to_owned()));
    }
}

/// What stands in a surname (FN) beside its whole: one's own, the partner's, and the words before them.
fn surname(part: Part<'_, '_>) -> Option<Node> {
    let mut family = Object::new();
    for (number, name) in [(2, "own-prefix"), (3, "own-name"), (4, "partner-prefix"), (5, "partner-name")] {
        let Some(value) = part.subcomponent(number).text() else { continue };
        let url = format!("http://hl7.org/fhir/StructureDefinition/humanname-{name}");
        let extension = Object::new().with("url", Node::Text(url)).with("valueString", Node::Text(value));
        family.push("extension", extension.into());
    }
    (!family.is_empty()).then(|| family.into())
}

/// A telephone number from its country, area, local number and extension.
fn composed(part: Part<'_, '_>) -> Option<String> {
    let local = part.component(7).text()?;
    let mut number = String::new();
    if let Some(country) = part.component(5).text() {
        number.push_str(&format!("+{} ", country.trim_start_matches('+')));
    }
    if let Some(area) = part.component(6).text() {
        number.push_str(&format!("{area} "));
    }
    number.push_str(&local);
    if let Some(extension) = part.component(8).text() {
        number.push_str(&format!(" x{extension}"));
    }
    Some(number)
}
