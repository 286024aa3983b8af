//! From elements to fields: texts, times, codes, identifiers.

use std::borrow::Cow;

use super::engine::Run;
use super::map::Conversion;
use super::times;
use super::unsent::{Danger, Unsent};
use super::wire::{Kind as Form, Repetition};
use crate::{Severity, Why};
use fhir::identifier::NHS_NUMBER;
use fhir::json::{Kind, Node};
use fhir::nhs_number::NhsNumber;
use fhir::security_label::{Confidentiality, SecurityLabel};

const IDENTIFIER_TYPES: &str = "http://terminology.hl7.org/CodeSystem/v2-0203";

const BIRTH_TIME: &str = "http://hl7.org/fhir/StructureDefinition/patient-birthTime";

/// A namespace, a universal id and its type.
pub(super) struct Authority {
    pub(super) parts: [String; 3],
}

impl<'b> Run<'_, 'b> {
    pub(super) fn convert(
        &self,
        node: Node<'b>,
        conversion: &Conversion,
    ) -> Result<Option<Repetition<'b>>, Unsent> {
        Ok(match conversion {
            Conversion::Text => self.plain(node, Form::Words),
            Conversion::Lines => self.plain(node, Form::Lines),
            Conversion::Number => node.number_text().map(|text| {
                self.source.mark(node);
                Repetition::of(node, Form::Exact, text)
            }),
            Conversion::Time => self.time(node),
            Conversion::Date => self.time(node).map(|mut time| {
                if let Some(text) = time.components.first_mut().and_then(|parts| parts.first_mut()) {
                    text.truncate(8);
                }
                time
            }),
            Conversion::Boolean => node.boolean().map(|yes| {
                self.source.mark(node);
                Repetition::of(node, Form::Exact, if yes { "Y" } else { "N" })
            }),
            Conversion::Code(map) => self.code(node, map),
            Conversion::Status(map) => {
                let found = self.code(node, map);
                if found.is_none() {
                    let place = self.source.place_at(node.offset());
                    return Err(Unsent::Dangerous { place, why: Danger::Status });
                }
                found
            }
            Conversion::Concept(map) => self.concept(node, map),
            Conversion::SubConcept => self.concept(node, "").map(|mut concept| {
                let parts = std::mem::take(&mut concept.components);
                concept.components = vec![parts.into_iter().take(3).map(|part| part.concat()).collect()];
                concept
            }),
            Conversion::Coding(map) => self.coding(node, map),
            Conversion::Label(map) => self.label(node, map),
            Conversion::Identifier => self.identifier(node)?,
            Conversion::Verification => self.verification(node),
            Conversion::Entity => self.entity(node),
            Conversion::Name => self.name(node, 1),
            Conversion::Address => self.address(node),
            Conversion::Telecom => self.telecom(node),
            Conversion::Person => self.person(node),
            Conversion::Birth => self.birth(node),
            Conversion::Words => self.words(node),
            Conversion::Organization => self.organization(node),
            Conversion::Place => self.place(node),
            Conversion::Range => self.range(node),
            Conversion::Quantity => self.with_unit(node)?,
            Conversion::Licence => self.licence(node),
            // These take more than one field.
            Conversion::Value | Conversion::Attachment | Conversion::Narrative => None,
        })
    }

    /// A text; it counts as carried.
    pub(super) fn take(&self, node: Node<'b>, name: &str) -> Option<String> {
        let member = node.member(name)?;
        let text = member.string()?.into_owned();
        self.source.mark(member);
        Some(text).filter(|text| !text.trim().is_empty())
    }

    fn plain(&self, node: Node<'b>, form: Form) -> Option<Repetition<'b>> {
        let text = match node.kind() {
            Kind::String => node.string()?.into_owned(),
            Kind::Number => node.number_text()?.to_owned(),
            Kind::Boolean | Kind::Object | Kind::Array | Kind::Null => return None,
        };
        self.source.mark(node);
        (!text.trim().is_empty()).then(|| Repetition::of(node, form, text))
    }

    /// A date or time as exact as it is.
    pub(super) fn time(&self, node: Node<'b>) -> Option<Repetition<'b>> {
        let text = node.string()?;
        match self.moment(&text) {
            Some(moment) => {
                self.source.mark(node);
                Some(Repetition::of(node, Form::Exact, moment))
            }
            None => {
                self.source.remark(node, Why::NotATime, Severity::Major);
                None
            }
        }
    }

    /// The date of birth of a Patient, with the time when one is there.
    fn birth(&self, patient: Node<'b>) -> Option<Repetition<'b>> {
        let date = patient.member("birthDate")?;
        let extensions =
            patient.member("_birthDate").into_iter().flat_map(|beside| beside.walk(&["extension"]));
        for extension in extensions {
            if extension.member("url").is_some_and(|url| url.is_string(BIRTH_TIME))
                && let Some(time) = extension.member("valueDateTime")
                && date.string().zip(time.string()).is_some_and(|(date, time)| time.starts_with(&*date))
                && let Some(time) = self.time(time)
            {
                self.source.mark(extension);
                self.source.mark(date);
                return Some(time);
            }
        }
        self.time(date)
    }

    /// A concept in words: its text, or those of a coding.
    fn words(&self, node: Node<'b>) -> Option<Repetition<'b>> {
        let mut words = self.take(node, "text");
        for coding in node.walk(&["coding"]) {
            let display = coding.member("display").and_then(Node::string);
            if display.is_some() && (words.is_none() || words.as_deref() == display.as_deref()) {
                words = display.map(Cow::into_owned);
                self.take(coding, "display");
            }
        }
        words.map(|words| Repetition::of(node, Form::Words, words))
    }

    pub(super) fn moment(&self, text: &str) -> Option<String> {
        times::moment(text, self.profile.times, &self.profile.zone)
    }

    fn code(&self, node: Node<'b>, map: &str) -> Option<Repetition<'b>> {
        let code = node.string()?;
        let local = self.profile.codes.get(&(map.to_owned(), code.to_ascii_uppercase())).cloned();
        let found = local.or_else(|| self.own_codes.given(map, &code).map(|(code, _)| code.to_owned()));
        let Some(found) = found else {
            self.source.remark(node, Why::CodeNotMapped, Severity::Major);
            return None;
        };
        self.source.mark(node);
        Some(Repetition::of(node, Form::Exact, found))
    }

    /// What `system|code` is in the table that `map` reads.
    fn reversed(&self, map: &str, system: &str, code: &str) -> Option<String> {
        if let Some(local) = self.profile.codes.get(&(map.to_owned(), code.to_ascii_uppercase())) {
            return Some(local.clone());
        }
        if let Some((found, of)) =
            self.own_codes.given(map, code).filter(|(_, of)| of.is_empty() || *of == system)
        {
            debug_assert!(of.is_empty() || of == system);
            return Some(found.to_owned());
        }
        if !system.is_empty() && self.codes.from(map) == Some(system) {
            return Some(code.to_owned());
        }
        self.codes.source_of(map, system, code).map(str::to_owned)
    }

    /// One code of a table: of a Coding, or of the first coding of a concept that the table has.
    fn coding(&self, node: Node<'b>, map: &str) -> Option<Repetition<'b>> {
        let codings: Vec<Node<'b>> = match node.member("coding") {
            Some(codings) => codings.items().collect(),
            None if node.kind() == Kind::String => return self.plain_code(node, map),
            None => vec![node],
        };
        // The code of the table itself goes before what it was mapped to.
        let from = self.codes.from(map);
        let own = |coding: &&Node<'b>| {
            let system = coding.member("system");
            from.is_some_and(|from| system.is_some_and(|system| system.is_string(from)))
        };
        let first = codings.iter().filter(own).chain(codings.iter().filter(|coding| !own(coding)));
        for coding in first {
            let said = |name| coding.member(name).and_then(Node::string).unwrap_or_default();
            let own = || {
                // A code of no system is the table's own, as far as anybody knows.
                Some(said("code").into_owned()).filter(|code| said("system").is_empty() && !code.is_empty())
            };
            let found = self.reversed(map, &said("system"), &said("code")).or_else(own);
            let Some(found) = found else { continue };
            self.mark_coding(*coding);
            // The same code in another system says no more.
            for other in &codings {
                let said = |name| other.member(name).and_then(Node::string).unwrap_or_default();
                if self.reversed(map, &said("system"), &said("code")).as_ref() == Some(&found) {
                    self.mark_coding(*other);
                }
            }
            return Some(Repetition::of(node, Form::Exact, found));
        }
        self.source.remark(node, Why::CodeNotMapped, Severity::Major);
        None
    }

    fn plain_code(&self, node: Node<'b>, map: &str) -> Option<Repetition<'b>> {
        let found = self.reversed(map, "", &node.string()?)?;
        self.source.mark(node);
        Some(Repetition::of(node, Form::Exact, found))
    }

    fn mark_coding(&self, coding: Node<'b>) {
        for name in ["system", "code", "display", "userSelected"] {
            if let Some(part) = coding.member(name) {
                self.source.mark(part);
            }
        }
    }

    /// CE or CWE: up to two codings and, where the version has it, the text.
    pub(super) fn concept(&self, node: Node<'b>, map: &str) -> Option<Repetition<'b>> {
        let mut out = Repetition::new(node, Form::Words);
        let codings: Vec<Node<'b>> = match node.member("coding") {
            Some(codings) => codings.items().collect(),
            None if node.member("code").is_some() => vec![node],
            None => Vec::new(),
        };
        let mut written: Vec<(String, String)> = Vec::new();
        let mut words: Vec<String> = Vec::new();
        for coding in codings {
            let said = |name| coding.member(name).and_then(Node::string).unwrap_or_default();
            let (system, code, display) = (said("system"), said("code"), said("display"));
            let reversed = (!map.is_empty()).then(|| self.reversed(map, &system, &code)).flatten();
            let (code, name) = match reversed {
                Some(own) => (
                    Cow::Owned(own),
                    self.codes.from(map).map(|from| self.system_name(from)).unwrap_or_default(),
                ),
                None => (code, self.system_name(&system)),
            };
            if code.is_empty() && display.is_empty() {
                continue;
            }
            let pair = (code.clone().into_owned(), name.clone());
            if written.contains(&pair) {
                self.mark_coding(coding);
                continue;
            }
            if written.len() == 2 {
                continue;
            }
            let first = written.len() * 3 + 1;
            out.put(first, code);
            out.put(first + 1, display.clone());
            out.put(first + 2, name);
            if let (true, Some(version)) = (self.profile.version.is_2_5(), self.take(coding, "version")) {
                out.put(7 + written.len(), version);
            }
            self.mark_coding(coding);
            words.push(display.into_owned());
            written.push(pair);
        }
        if let Some(text) = node.member("text")
            && let Some(said) = text.string()
        {
            if written.is_empty() {
                out.put(2, said);
                self.source.mark(text);
            } else if words.iter().any(|word| *word == said) {
                self.source.mark(text);
            } else if self.profile.version.is_2_5() {
                out.put(9, said);
                self.source.mark(text);
            }
        }
        (!out.is_empty()).then_some(out)
    }

    /// What HL7 v2 calls a code system.
    pub(super) fn system_name(&self, system: &str) -> String {
        if let Some(name) = self.profile.code_systems.get(system) {
            return name.clone();
        }
        if let Some((name, _)) = self.own_codes.given("code-systems", system) {
            return name.to_owned();
        }
        if let Some(table) = system.strip_prefix("http://terminology.hl7.org/CodeSystem/v2-") {
            return format!("HL7{table}");
        }
        local_name(system).unwrap_or_else(|| system.to_owned())
    }

    /// A mark of protection, as the table `map` says it. `*` stands for any that protects.
    fn label(&self, node: Node<'b>, map: &str) -> Option<Repetition<'b>> {
        let said = |name| node.member(name).and_then(Node::string).unwrap_or_default();
        let label = SecurityLabel::new(&said("system"), &said("code"));
        let protects = label.sensitivity().is_some()
            || label.confidentiality().is_some_and(|degree| degree > Confidentiality::Normal)
            || label.meant_to_protect().is_some();
        let known = label.sensitivity().is_some() || label.confidentiality().is_some();
        let exact = self.own_codes.given(map, label.code()).filter(|_| known).map(|(code, _)| code);
        let found = match exact {
            Some(found) => found,
            None if protects => {
                let found = self.own_codes.otherwise(map)?.code;
                self.source.remark(node, Why::Narrowed, Severity::Major);
                found
            }
            None => return None,
        };
        self.mark_coding(node);
        if protects {
            self.source.shield(node);
        }
        Some(Repetition::of(node, Form::Exact, found))
    }

    /// CX.
    fn identifier(&self, node: Node<'b>) -> Result<Option<Repetition<'b>>, Unsent> {
        let system = node.member("system").and_then(Node::string).unwrap_or_default();
        let is_nhs = system == NHS_NUMBER;
        let traced =
            node.walk(&["extension", "valueCodeableConcept", "coding", "code"]).find_map(Node::string);
        let says_status = super::version::Version::parse("2.4")
            .is_some_and(|from| self.profile.version >= from)
            && !self.profile.omit.contains(&("PID".to_owned(), 32));
        if is_nhs && !says_status && traced.is_some_and(|status| status != "01") {
            let place = self.source.place_at(node.offset());
            return Err(Unsent::Dangerous { place, why: Danger::Status });
        }
        if !self.domains.is_empty() && !self.domains.iter().any(|domain| *domain == system) {
            return Ok(None);
        }
        let Some(value) = self.take(node, "value") else { return Ok(None) };
        let mut out = Repetition::new(node, Form::Exact);
        if is_nhs && NhsNumber::parse(&value).is_err() {
            // Under the name of the NHS it would be taken for one.
            self.source.remark(node, Why::NotAnNhsNumber, Severity::Major);
            out.put(1, value);
            return Ok(Some(out));
        }
        out.put(1, value);
        let (authority, kind) = self.authority(node);
        if let Some(authority) = authority {
            for (sub, part) in (1..).zip(authority.parts) {
                out.put_sub(4, sub, part);
            }
        }
        let own = node.walk(&["type", "coding"]).next();
        let typed = own.and_then(|coding| coding.member("code")).and_then(Node::string).map(Cow::into_owned);
        // A receiver takes such a type for an NHS number, whoever gave it out.
        let typed = typed.filter(|kind| is_nhs || self.codes.given("nhs-number-types", kind).is_none());
        if let Some(kind) = typed.or(kind).or_else(|| is_nhs.then(|| "NH".to_owned())) {
            out.put(5, kind.as_str());
            if let Some(own) = own.filter(|own| own.member("code").is_some_and(|code| code.is_string(&kind)))
            {
                self.mark_coding(own);
            }
        }
        if let Some(period) = node.member("period").filter(|_| self.profile.version.is_2_5()) {
            self.period(period, &mut out, (7, 8));
        }
        Ok(Some(out))
    }

    /// Who gave out an identifier, and of which type those are. The system and the assigner count as carried.
    pub(super) fn authority(&self, node: Node<'b>) -> (Option<Authority>, Option<String>) {
        let assigner = self.assigner(node);
        let Some(system) = self.take(node, "system") else {
            let named = assigner.map(|name| Authority { parts: [name, String::new(), String::new()] });
            return (named, None);
        };
        if let Some((authority, kind)) = self.profile.authorities.get(&system) {
            let parts = [authority.clone(), String::new(), String::new()];
            return (Some(Authority { parts }), Some(kind.clone()).filter(|kind| !kind.is_empty()));
        }
        if let Some((name, _)) = self.own_codes.given("authorities", &system) {
            return (Some(Authority { parts: [name.to_owned(), String::new(), String::new()] }), None);
        }
        let parts = if let Some(name) = local_name(&system) {
            [name, String::new(), String::new()]
        } else if let Some(oid) = system.strip_prefix("urn:oid:") {
            [assigner.unwrap_or_default(), oid.to_owned(), "ISO".to_owned()]
        } else if let Some(uuid) = system.strip_prefix("urn:uuid:") {
            [assigner.unwrap_or_default(), uuid.to_owned(), "UUID".to_owned()]
        } else {
            [assigner.unwrap_or_default(), system, "URI".to_owned()]
        };
        (Some(Authority { parts }), None)
    }

    fn assigner(&self, node: Node<'b>) -> Option<String> {
        self.take(node.member("assigner")?, "display")
    }

    /// The status of an NHS number (PID-32).
    fn verification(&self, node: Node<'b>) -> Option<Repetition<'b>> {
        let coding = node.walk(&["coding"]).next()?;
        let code = coding.member("code")?.string()?.into_owned();
        let system = coding.member("system")?.string()?;
        if !system.contains("UKCore-NHSNumberVerificationStatus") {
            return None;
        }
        self.mark_coding(coding);
        Some(Repetition::of(node, Form::Exact, code))
    }

    /// EI.
    fn entity(&self, node: Node<'b>) -> Option<Repetition<'b>> {
        let value = self.take(node, "value")?;
        let mut out = Repetition::new(node, Form::Exact);
        out.put(1, value);
        if let (Some(authority), _) = self.authority(node) {
            for (component, part) in (2..).zip(authority.parts) {
                out.put(component, part);
            }
        }
        // Which of the fields it stands in says what it is.
        if let Some(kind) = node.walk(&["type", "coding"]).next() {
            let own = ["PLAC", "FILL", "VN", "AN"];
            let of_table = kind.member("system").is_some_and(|system| system.is_string(IDENTIFIER_TYPES));
            let plain =
                of_table && kind.member("code").is_some_and(|code| own.iter().any(|own| code.is_string(own)));
            if plain {
                self.mark_coding(kind);
            }
        }
        Some(out)
    }

    /// Start and end of a Period as two components.
    pub(super) fn period(&self, period: Node<'b>, out: &mut Repetition<'b>, (from, until): (usize, usize)) {
        for (name, component) in [("start", from), ("end", until)] {
            let moment = period.member(name).and_then(|node| self.time(node));
            if let Some(text) = moment.and_then(|moment| moment.components.concat().pop()) {
                out.put(component, text);
            }
        }
    }
}

/// The name in a URI that only says what a sender called it.
fn local_name(system: &str) -> Option<String> {
    let written = system.strip_prefix("urn:id:")?;
    let mut bytes = Vec::with_capacity(written.len());
    let mut rest = written.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit =
            |byte: Option<u8>| char::from(byte?).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        bytes.push((digit(rest.next())? << 4) | digit(rest.next())?);
    }
    String::from_utf8(bytes).ok().filter(|name| !name.trim().is_empty())
}
