//! What a table of elements cannot say: modifiers that become statuses, and Consents that mean the opposite.

use fhir::tables::{Element, Release, TypeKind, element};

use super::Fault;
use super::item::Item;
use super::walk::{Out, Walk};
use crate::tree::{Node, Object};
use crate::{Severity, Why};

/// The profile of the national data opt-out: `active` means that the person has opted out.
const OPT_OUT_PROFILE: &str = "https://fhir.nhs.uk/STU3/StructureDefinition/NDOP-Consent-1";
/// SNOMED CT: limiting access to confidential patient information.
const LIMITING: &str = "370856009";
const OPT_IN: &str = "http://hl7.org/fhir/ConsentPolicy/opt-in";
const OPT_OUT: &str = "http://hl7.org/fhir/ConsentPolicy/opt-out";
/// The extension with the id of a SNOMED CT description, as UK Core, GP Connect and CareConnect call it.
const UKCORE_DESCRIPTION: &str =
    "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-CodingSCTDescId";
const GPCONNECT_DESCRIPTION: &str = "https://fhir.nhs.uk/STU3/StructureDefinition/Extension-coding-sctdescid";
const CARECONNECT_DESCRIPTION: &str =
    "https://fhir.hl7.org.uk/STU3/StructureDefinition/Extension-coding-sctdescid";
const SNOMED: &str = "http://snomed.info/sct";
const SCOPE: &str = "http://terminology.hl7.org/CodeSystem/consentscope";

impl Walk<'_> {
    /// What has to be done before the elements of a value are looked at.
    pub(super) fn before(&mut self, source: &mut Object, out: &mut Out) -> Result<(), Fault> {
        if out.from.name() == "HumanName" && self.way.from == Release::Dstu2 {
            one_family(source);
        }
        self.flag_before(source, out)?;
        if out.from.kind() != TypeKind::Resource {
            return Ok(());
        }
        let first = self.back.types.get(out.to.name()).and_then(|names| names.first());
        if self.way.from != Release::Dstu2 && first.is_some_and(|first| first != out.from.name()) {
            out.kept.push(self.mark(out.from));
        }
        self.state_before(source, out)?;
        match (out.from.name(), self.way.from, self.way.to) {
            ("Consent", Release::Stu3 | Release::Dstu2, _) => {
                self.below("policyRule", |walk| walk.base(source, out))
            }
            ("Consent", Release::R4, Release::Stu3) => self.stated(source, out),
            ("AllergyIntolerance", Release::Dstu2, _) => self.two_statuses(source, out),
            _ => Ok(()),
        }
    }

    /// DSTU2 says in one status what is two later.
    fn two_statuses(&self, source: &mut Object, out: &mut Out) -> Result<(), Fault> {
        let Some(status) = source.take("status") else { return Ok(()) };
        let name = match said(Some(&status)) {
            Some("active" | "inactive" | "resolved") => ("clinicalStatus", "allergyintolerance-clinical"),
            Some("unconfirmed" | "confirmed" | "refuted" | "entered-in-error") => {
                ("verificationStatus", "allergyintolerance-verification")
            }
            _ => return Err(self.modifier("status")),
        };
        let coding = Object::new()
            .with("system", Node::Text(format!("http://terminology.hl7.org/CodeSystem/{}", name.1)))
            .with("code", status);
        out.object.put(name.0, Object::new().with("coding", Node::List(vec![coding.into()])).into());
        Ok(())
    }

    fn flag_before(&mut self, source: &mut Object, out: &mut Out) -> Result<(), Fault> {
        let way = self.way;
        let Some(flag) = way.flags.get(&out.from) else { return Ok(()) };
        let status = said(source.find(&flag.status)).map(str::to_owned);
        if !flag.is_source {
            if status.as_deref() == Some(flag.code.as_str()) {
                source.take(&flag.status);
                out.object.put(&flag.element, written(&flag.value));
                out.object.put(&flag.status, Node::text(flag.was.as_str()));
            }
            return Ok(());
        }
        if !element(out.from, &flag.element).is_some_and(|found| found.is_modifier()) {
            // It says something of one status alone, and is an element like others otherwise.
            let is_plain = source.find(&format!("_{}", flag.element)).is_none();
            let is_raised = said(source.find(&flag.element)) == Some(flag.value.as_str());
            if is_plain && is_raised && status.as_deref() == Some(flag.was.as_str()) {
                source.take(&flag.element);
                source.put(&flag.status, Node::text(flag.code.as_str()));
            }
            return Ok(());
        }
        if source.take(&format!("_{}", flag.element)).is_some() {
            self.below(&flag.element, |walk| walk.lose(Why::NotMapped, Severity::Minor))?;
        }
        let Some(value) = source.take(&flag.element) else { return Ok(()) };
        let value = match value {
            Node::Text(text) | Node::Bare(text) => text,
            Node::Object(_) | Node::List(_) => return Err(self.modifier(&flag.element)),
        };
        if value == flag.value && status.as_deref() != Some("entered-in-error") {
            match status {
                Some(status) if status == flag.was => {}
                Some(status) => out.kept.push(self.kept_code(out.from, &flag.status, &status)),
                None => self.below(&flag.status, |walk| walk.lose(Why::ConditionUnmet, Severity::Trivial))?,
            }
            source.put(&flag.status, Node::text(flag.code.as_str()));
            return Ok(());
        }
        if flag.otherwise.as_deref() == Some(value.as_str()) {
            return Ok(());
        }
        if !matches!(value.as_str(), "true" | "false" | "y" | "n" | "unk" | "na") {
            return Err(self.modifier(&flag.element));
        }
        out.kept.push(self.kept_code(out.from, &flag.element, &value));
        Ok(())
    }

    /// Whether what an extension kept is a flag, or the status that a flag stood beside.
    pub(super) fn is_flagged(&self, out: &Out, target: &Element, item: &Item) -> bool {
        let Some(flag) = self.way.flags.get(&out.from).filter(|flag| !flag.is_source) else { return false };
        let is_raised = said(out.object.find(&flag.element)) == Some(flag.value.as_str());
        if target.key() == flag.element {
            return !is_raised
                && (item.said() != Some(flag.value.as_str())
                    || said(out.object.find(&flag.status)) == Some("entered-in-error"));
        }
        target.key() == flag.status && is_raised
    }

    /// What is left to do when all elements are there.
    pub(super) fn after(&mut self, out: &mut Out) {
        if out.from.name() == "Extension" && self.way.to <= Release::R4 && self.way.from <= Release::R4 {
            description_id(out);
        }
        if out.from.kind() != TypeKind::Resource {
            return;
        }
        if let Some(flag) = self.way.flags.get(&out.from).filter(|flag| !flag.is_source)
            && let Some(otherwise) = &flag.otherwise
            && out.object.find(&flag.element).is_none()
        {
            out.object.put(&flag.element, written(otherwise));
        }
        if out.from.name() == "Consent" && self.way.to == Release::R4 && self.way.from <= Release::Stu3 {
            let coding =
                Object::new().with("system", Node::text(SCOPE)).with("code", Node::text("patient-privacy"));
            out.object.put("scope", Object::new().with("coding", Node::List(vec![coding.into()])).into());
            if let Some(effect) = out.effect {
                let mut whole = Object::new().with("type", Node::text(effect));
                if let Some(Node::Object(mut provision)) = out.object.take("provision") {
                    // An extension does not say otherwise.
                    provision.take("type");
                    provision.take("_type");
                    whole.append(provision);
                }
                out.object.put("provision", whole.into());
            }
        }
    }

    pub(super) fn modifier(&self, name: &str) -> Fault {
        Fault::Modifier { place: format!("{}.{name}", self.path) }
    }

    /// Whether an older Consent permits or denies as a whole. Nothing is taken for a permit that does not say so.
    fn base(&mut self, source: &Object, out: &mut Out) -> Result<(), Fault> {
        let rule = said(source.find("policyRule"));
        if is_limiting(source, source) {
            // A permit that limits would be read as its opposite by one or the other.
            return if rule == Some(OPT_IN) {
                Err(Fault::Consent { place: self.path.clone() })
            } else {
                out.effect = Some("deny");
                Ok(())
            };
        }
        out.effect = match rule {
            Some(OPT_IN) => Some("permit"),
            Some(rule) if rule.ends_with("opt-out") => Some("deny"),
            _ => None,
        };
        match (out.effect, source.find("except")) {
            (Some(_), _) => Ok(()),
            (None, Some(_)) => self.lose(Why::ConditionUnmet, Severity::Major),
            (None, None) => Err(Fault::Consent { place: self.path.clone() }),
        }
    }

    /// Says as a policy what an R4 Consent says as the type of its provision.
    fn stated(&mut self, source: &mut Object, out: &mut Out) -> Result<(), Fault> {
        if let Some(scope) = source.take("scope") {
            self.scope(&scope)?;
        }
        let rule = self.rule_of(source)?;
        let profiled =
            Object::new().with("meta", source.find("meta").cloned().unwrap_or(Node::List(Vec::new())));
        let Some(Node::Object(provision)) = source.find_mut("provision") else { return Ok(()) };
        for narrows in ["class", "code", "modifierExtension"] {
            if provision.find(narrows).is_some() {
                return Err(self.modifier(&format!("provision.{narrows}")));
            }
        }
        if let Some(Node::List(nested)) = provision.find("provision") {
            let is_deep =
                |node: &Node| matches!(node, Node::Object(inner) if inner.find("provision").is_some());
            if nested.iter().any(is_deep) {
                return Err(self.modifier("provision.provision.provision"));
            }
        }
        let is_limiting = is_limiting(&profiled, provision);
        let kind = provision.take("type");
        provision.take("_type");
        let stated = said(kind.as_ref());
        if provision.is_empty() {
            source.take("provision");
        }
        let policy = match (stated, is_limiting, rule) {
            (Some("deny"), true, None) | (None, _, None) => return Ok(()),
            // The policy says it, and will on the way back.
            (None, _, Some(_)) => {
                return self.below("provision.type", |walk| walk.lose(Why::Narrowed, Severity::Trivial));
            }
            (Some("deny"), false, None) => OPT_OUT,
            (Some("permit"), false, None) => OPT_IN,
            (Some("deny"), _, Some("deny")) | (Some("permit"), false, Some("permit")) => return Ok(()),
            _ => return Err(Fault::Consent { place: format!("{}.provision.type", self.path) }),
        };
        out.object.put("policyRule", Node::text(policy));
        Ok(())
    }

    /// A Consent of the older release is about privacy, and has no word for it.
    fn scope(&mut self, scope: &Node) -> Result<(), Fault> {
        let Node::Object(scope) = scope else { return Err(self.modifier("scope")) };
        let Some(Node::List(codings)) = scope.find("coding") else { return Err(self.modifier("scope")) };
        let is_privacy = |coding: &Node| matches!(coding, Node::Object(coding) if said(coding.find("code")) == Some("patient-privacy"));
        let mut all = codings.iter();
        if !all.all(is_privacy) {
            return Err(self.modifier("scope"));
        }
        let is_plain = codings.len() == 1
            && scope.len() == 1
            && matches!(codings.first(), Some(Node::Object(coding)) if coding.len() == 2 && said(coding.find("system")) == Some(SCOPE));
        if is_plain {
            Ok(())
        } else {
            self.below("scope", |walk| walk.lose(Why::Narrowed, Severity::Trivial))
        }
    }

    /// What the policy of an R4 Consent says, where it is one that the older release has a word for.
    fn rule_of(&mut self, source: &mut Object) -> Result<Option<&'static str>, Fault> {
        let Some(Node::Object(rule)) = source.find("policyRule") else { return Ok(None) };
        let effect = match said(rule.find("text")) {
            Some(OPT_IN) => Some("permit"),
            Some(text) if text.ends_with("opt-out") => Some("deny"),
            _ => match rule.find("coding") {
                Some(Node::List(codings)) => codings.iter().find_map(|coding| {
                    let Node::Object(coding) = coding else { return None };
                    let code = said(coding.find("code"))?;
                    let permits = code.starts_with("OPTIN").then_some("permit");
                    permits.or_else(|| code.starts_with("OPTOUT").then_some("deny"))
                }),
                _ => None,
            },
        };
        let is_plain = rule.len() == 1 && rule.find("text").is_some();
        if let Some(effect) = effect.filter(|_| !is_plain) {
            self.below("policyRule", |walk| walk.lose(Why::Narrowed, Severity::Minor))?;
            let address = if effect == "permit" { OPT_IN } else { OPT_OUT };
            source.put("policyRule", Object::new().with("text", Node::text(address)).into());
        }
        Ok(effect)
    }
}

/// The parts of a family name, which are one text later.
fn one_family(name: &mut Object) {
    let parts: Option<Vec<&str>> = match name.find("family") {
        Some(Node::List(parts)) if name.find("_family").is_none() => {
            parts.iter().map(|part| said(Some(part))).collect()
        }
        _ => None,
    };
    if let Some(parts) = parts {
        let whole = parts.join(" ");
        name.put("family", Node::List(vec![Node::Text(whole)]));
    }
}

/// The id of a SNOMED CT description is an id in CareConnect and an Identifier in UK Core.
fn description_id(out: &mut Out) {
    let (from, to) = match said(out.object.find("url")) {
        Some(UKCORE_DESCRIPTION) => ("valueId", "valueIdentifier"),
        Some(CARECONNECT_DESCRIPTION | GPCONNECT_DESCRIPTION) => ("valueIdentifier", "valueId"),
        _ => return,
    };
    for part in &mut out.kept {
        let Node::Object(part) = part else { continue };
        if said(part.find("url")) != Some("descriptionId") || part.find(&format!("_{from}")).is_some() {
            continue;
        }
        match part.take(from) {
            Some(value @ Node::Text(_)) if from == "valueId" => {
                part.put(to, Object::new().with("system", Node::text(SNOMED)).with("value", value).into());
            }
            // Only the value of such an Identifier can be an id.
            Some(Node::Object(identifier)) if is_of_snomed(&identifier) => {
                if let Some(value) = identifier.find("value") {
                    part.put(to, value.clone());
                }
            }
            Some(other) => part.put(from, other),
            None => {}
        }
    }
}

fn is_of_snomed(identifier: &Object) -> bool {
    let system = said(identifier.find("system"));
    let value = said(identifier.find("value"));
    match identifier.len() {
        1 => value.is_some(),
        2 => value.is_some() && system == Some(SNOMED),
        _ => false,
    }
}

/// Whether a Consent limits what its name suggests it allows: `purposes` are those of `within`.
fn is_limiting(consent: &Object, within: &Object) -> bool {
    let profiled = match consent.find("meta") {
        Some(Node::Object(meta)) => match meta.find("profile") {
            Some(Node::List(all)) => all.iter().any(|profile| {
                said(Some(profile)).is_some_and(|said| said.split('|').next() == Some(OPT_OUT_PROFILE))
            }),
            _ => false,
        },
        _ => false,
    };
    let limits = match within.find("purpose") {
        Some(Node::List(all)) => all.iter().any(|purpose| {
            matches!(purpose, Node::Object(purpose) if said(purpose.find("code")) == Some(LIMITING))
        }),
        _ => false,
    };
    profiled || limits
}

pub(super) fn said(node: Option<&Node>) -> Option<&str> {
    match node {
        Some(Node::Text(text) | Node::Bare(text)) => Some(text),
        _ => None,
    }
}

/// A boolean or a code, as JSON writes it.
fn written(value: &str) -> Node {
    match value {
        "true" | "false" => Node::Bare(value.to_owned()),
        value => Node::text(value),
    }
}
