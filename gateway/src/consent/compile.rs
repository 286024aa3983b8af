//! From a Consent as it is written to a [`Provisioned`] as it is weighed (IHE PCF, FHIR R4).
//!
//! What cannot be read counts against sharing: a denial loses the part that would have narrowed it, a permit grants
//! nothing. Consents that the gateway keeps itself were validated when they were written; those of another system
//! were not.

use std::collections::BTreeSet;

use fhir::identifier;
use fhir::instant::DateTime;
use fhir::json::{Kind as Json, Node};
use fhir::ods_code::OdsCode;
use fhir::purpose_of_use::{self, PurposeOfUse};
use fhir::reference::{Bases, Local, Reference};
use fhir::role::{self, SdsRole};
use fhir::security_label::SecurityLabel;

use super::provision::{Actor, Effect, Kind, Provision, Provisioned, Span, Who};
use crate::decision::ruling::{DataReference, DataRule};
use crate::person::SystemName;

/// The STU3 profile of the national data opt-out: there `active` means that the person has opted out.
pub const NATIONAL_OPT_OUT_PROFILE: &str = "https://fhir.nhs.uk/STU3/StructureDefinition/NDOP-Consent-1";
/// SNOMED CT: limiting access to confidential patient information, the purpose of a national data opt-out.
pub const NATIONAL_OPT_OUT_PURPOSE: &str = "370856009";
/// The code system of resource types, in which `provision.class` is understood.
pub const RESOURCE_TYPES: &str = "http://hl7.org/fhir/resource-types";
/// Roles of an actor that make it a recipient.
pub const RECIPIENT_ROLES: [&str; 2] = ["IRCP", "PRCP"];
const CONSENT_SCOPE: &str = "http://terminology.hl7.org/CodeSystem/consentscope";

/// Where a Consent is kept, and so what its references mean.
#[derive(Debug, Clone, Copy)]
pub enum Origin<'a> {
    /// The gateway's own registry; data are named by their place on the gateway (`<base>/<system>/fhir/Type/id`).
    Gateway {
        /// The base of the gateway, without a trailing slash.
        base: &'a str,
    },
    /// A system that is a source of Consents; data are named by its own references.
    System {
        /// The system.
        name: &'a SystemName,
        /// The names it answers to.
        bases: &'a Bases,
    },
}

/// Where a Consent is kept and how its actors are found out.
#[derive(Clone, Copy)]
pub struct Reading<'a> {
    /// Where it is kept.
    pub origin: Origin<'a>,
    /// Who a resource of that place is, when that is known.
    pub who: &'a dyn Fn(&Local) -> Option<Who>,
}

impl<'a> Reading<'a> {
    /// Reads a Consent of the gateway's own registry.
    #[must_use]
    pub const fn of_gateway(base: &'a str) -> Self {
        Self { origin: Origin::Gateway { base }, who: &|_| None }
    }
}

/// What `consent` says, if it is active and about the sharing of records. `id` is how the record of a decision names it.
#[must_use]
pub fn compile(consent: Node<'_>, id: String, reading: &Reading<'_>) -> Option<Provisioned> {
    if !consent.walk(&["status"]).any(|status| status.is_string("active")) || is_about_something_else(consent)
    {
        return None;
    }
    if is_national_opt_out(consent) {
        return Some(Provisioned { id, kind: Kind::OptOut, rule: Provision::everything(Effect::Deny) });
    }
    if is_beyond_us(consent) {
        return Some(Provisioned { id, kind: Kind::Consent, rule: Provision::everything(Effect::Deny) });
    }
    let stated = policy_effect(consent);
    let rule = match consent.member("provision") {
        Some(provision) => compile_root(provision, stated, reading),
        None => Provision::everything(stated.unwrap_or(Effect::Void)),
    };
    Some(Provisioned { id, kind: Kind::Consent, rule })
}

/// Whether this is a national data opt-out in its STU3 shape, which means the opposite of a plain R4 reading.
#[must_use]
pub fn is_national_opt_out(consent: Node<'_>) -> bool {
    let of_profile =
        consent.walk(&["meta", "profile"]).any(|profile| profile.is_string(NATIONAL_OPT_OUT_PROFILE));
    let of_purpose = consent.walk(&["purpose", "code"]).any(|code| code.is_string(NATIONAL_OPT_OUT_PURPOSE));
    of_profile || of_purpose
}

/// Consent to treatment, to research or in advance is not about who may see the record.
fn is_about_something_else(consent: Node<'_>) -> bool {
    let mut scopes = consent
        .walk(&["scope", "coding"])
        .filter(|coding| coding.member("system").is_some_and(|system| system.is_string(CONSENT_SCOPE)))
        .filter_map(|coding| coding.member("code"))
        .peekable();
    // One that cannot be read may be about sharing.
    let may_be_privacy = |code: Node<'_>| code.string().is_none_or(|code| code == "patient-privacy");
    scopes.peek().is_some() && !scopes.any(may_be_privacy)
}

/// Whether something changes the meaning of the whole in a way that is not known here.
fn is_beyond_us(consent: Node<'_>) -> bool {
    let provision = consent.member("provision");
    let nested = provision.and_then(|node| node.member("provision"));
    // What has another shape than R4's says nobody knows what: there is one root, and each exception is an object.
    let is_misshapen = provision.is_some_and(|node| node.kind() != Json::Object)
        || nested.is_some_and(|nested| nested.walk(&[]).any(|one| one.kind() != Json::Object));
    is_misshapen
        || consent.member("modifierExtension").is_some()
        || consent.member("implicitRules").is_some()
        || provision.is_some_and(|node| node.walk(&["modifierExtension"]).next().is_some())
        || provision.is_some_and(|node| node.walk(&["provision", "modifierExtension"]).next().is_some())
}

/// What `policyRule` makes of a Consent whose root provision states no type.
fn policy_effect(consent: Node<'_>) -> Option<Effect> {
    consent.walk(&["policyRule", "coding", "code"]).find_map(|code| {
        let code = code.string()?;
        if code.starts_with("OPTOUT") {
            Some(Effect::Deny)
        } else if code.starts_with("OPTIN") {
            Some(Effect::Permit)
        } else {
            None
        }
    })
}

fn compile_root(node: Node<'_>, stated: Option<Effect>, reading: &Reading<'_>) -> Provision {
    let mut root = compile_one(node, effect_of(node).or(stated).unwrap_or(Effect::Void), reading);
    for nested in node.walk(&["provision"]) {
        let unstated = if root.effect == Effect::Deny { Effect::Void } else { Effect::Deny };
        let mut exception = compile_one(nested, effect_of(nested).unwrap_or(unstated), reading);
        // Exceptions to exceptions are not read: they could only narrow a denial, or a permit in ways unknown here.
        if nested.member("provision").is_some() && exception.effect == Effect::Permit {
            exception.effect = Effect::Void;
        }
        root.exceptions.push(exception);
    }
    root
}

fn effect_of(node: Node<'_>) -> Option<Effect> {
    let stated = node.member("type")?;
    match stated.is_string("permit") {
        true => Some(Effect::Permit),
        // Another word, or no text at all, permits nothing.
        false => Some(Effect::Deny),
    }
}

fn compile_one(node: Node<'_>, effect: Effect, reading: &Reading<'_>) -> Provision {
    let period = span(node.member("period"));
    let data_period = span(node.member("dataPeriod"));
    let actors = each(node, &["actor"], |actor| actor_of(actor, reading));
    let purposes = each(node, &["purpose"], purpose_of);
    let labels = each(node, &["securityLabel"], label_of);
    let types = each(node, &["class"], class_of);
    let data = each(node, &["data"], |data| data_of(data, reading));
    let unread = ["action", "code"].iter().any(|name| node.member(name).is_some());
    let whole = !unread
        && [&actors.1, &purposes.1, &labels.1, &types.1, &data.1, &period.1, &data_period.1]
            .into_iter()
            .all(|read| *read == Read::Whole);
    let usable = |read: &Read| *read == Read::Whole || effect != Effect::Deny;
    Provision {
        effect: if effect == Effect::Permit && !whole { Effect::Void } else { effect },
        period: if usable(&period.1) { period.0 } else { Span::default() },
        actors: if usable(&actors.1) { actors.0 } else { BTreeSet::new() },
        purposes: if usable(&purposes.1) { purposes.0 } else { BTreeSet::new() },
        about: DataRule {
            labels: if usable(&labels.1) { labels.0 } else { BTreeSet::new() },
            types: if usable(&types.1) { types.0 } else { BTreeSet::new() },
            data: if usable(&data.1) { data.0 } else { BTreeSet::new() },
            from: data_period.0.from.filter(|_| usable(&data_period.1)),
            until: data_period.0.to.filter(|_| usable(&data_period.1)),
        },
        exceptions: Vec::new(),
    }
}

impl Provision {
    /// A provision that names nobody and nothing, and so everybody and everything.
    #[must_use]
    pub fn everything(effect: Effect) -> Self {
        Self {
            effect,
            period: Span::default(),
            actors: BTreeSet::new(),
            purposes: BTreeSet::new(),
            about: DataRule::default(),
            exceptions: Vec::new(),
        }
    }
}

/// Whether every part of something could be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Read {
    Whole,
    InPart,
}

fn each<T: Ord>(node: Node<'_>, path: &[&str], read: impl Fn(Node<'_>) -> Option<T>) -> (BTreeSet<T>, Read) {
    let mut found = BTreeSet::new();
    let mut whole = Read::Whole;
    for item in node.walk(path) {
        match read(item) {
            Some(value) => {
                found.insert(value);
            }
            None => whole = Read::InPart,
        }
    }
    (found, whole)
}

fn span(period: Option<Node<'_>>) -> (Span, Read) {
    let Some(period) = period else { return (Span::default(), Read::Whole) };
    if period.kind() != Json::Object {
        return (Span::default(), Read::InPart);
    }
    let bound = |name: &str| match period.member(name) {
        None => Ok(None),
        Some(text) => text.string().and_then(|text| DateTime::parse(&text).ok()).map(Some).ok_or(()),
    };
    match (bound("start"), bound("end")) {
        (Ok(start), Ok(end)) => {
            let span =
                Span { from: start.map(|start| start.range().from), to: end.map(|end| end.range().to) };
            // One that ends before it begins holds never: nobody says no for no time at all.
            if span.from.zip(span.to).is_some_and(|(from, to)| to <= from) {
                return (Span::default(), Read::InPart);
            }
            (span, Read::Whole)
        }
        _ => (Span::default(), Read::InPart),
    }
}

fn purpose_of(coding: Node<'_>) -> Option<PurposeOfUse> {
    let known = coding.member("system").is_some_and(|system| system.is_string(purpose_of_use::SYSTEM));
    let code = coding.member("code")?.string()?;
    known.then(|| PurposeOfUse::parse(&code).ok()).flatten()
}

fn label_of(coding: Node<'_>) -> Option<SecurityLabel> {
    let system = coding.member("system")?.string()?;
    let code = coding.member("code")?.string()?;
    Some(SecurityLabel::new(&system, &code))
}

fn class_of(coding: Node<'_>) -> Option<String> {
    let known = coding.member("system").is_some_and(|system| system.is_string(RESOURCE_TYPES));
    let code = coding.member("code")?.string()?;
    known.then(|| code.into_owned())
}

fn actor_of(actor: Node<'_>, reading: &Reading<'_>) -> Option<Actor> {
    let mut role = None;
    for coding in actor.walk(&["role", "coding"]) {
        let code = coding.member("code")?.string()?;
        if coding.member("system").is_some_and(|system| system.is_string(role::SYSTEM)) {
            role = Some(SdsRole::parse(&code).ok()?);
        } else if !RECIPIENT_ROLES.contains(&code.as_ref()) {
            return None;
        }
    }
    let reference = actor.member("reference")?;
    let who = match reference.member("identifier") {
        Some(identifier) => {
            let (who, named_role) = who_of_identifier(identifier)?;
            role = named_role.or(role);
            who
        }
        None => who_of_reference(reference, reading)?,
    };
    Some(Actor { who, role })
}

/// An organisation by ODS code, a member of staff by SDS user id, or everyone in an SDS job role.
pub(super) fn who_of_identifier(node: Node<'_>) -> Option<(Who, Option<SdsRole>)> {
    let system = node.member("system")?.string()?;
    let value = node.member("value")?.string()?;
    match system.as_ref() {
        identifier::ODS_ORGANIZATION_CODE | identifier::ODS_SITE_CODE => {
            OdsCode::parse(&value).ok().map(|code| (Who::Organisation(code), None))
        }
        identifier::SDS_USER_ID => Some((Who::Staff(value.into_owned()), None)),
        role::SYSTEM => SdsRole::parse(&value).ok().map(|role| (Who::RoleHolders, Some(role))),
        _ => None,
    }
}

fn who_of_reference(reference: Node<'_>, reading: &Reading<'_>) -> Option<Who> {
    match reading.origin {
        Origin::Gateway { .. } => None,
        Origin::System { bases, .. } => {
            let text = reference.member("reference")?.string()?;
            (reading.who)(Reference::parse(&text, bases).ok()?.local()?)
        }
    }
}

fn data_of(data: Node<'_>, reading: &Reading<'_>) -> Option<DataReference> {
    let text = data.member("reference")?.member("reference")?.string()?;
    let place = data_place(&text, &reading.origin)?;
    match data.member("meaning")?.string()?.as_ref() {
        "instance" => Some(DataReference::Instance(place)),
        "related" | "dependents" => Some(DataReference::Related(place)),
        "authoredby" => Some(DataReference::AuthoredBy(place)),
        _ => None,
    }
}

/// `system/Type/id` of a resource that a Consent names.
pub(super) fn data_place(text: &str, origin: &Origin<'_>) -> Option<String> {
    match origin {
        Origin::Gateway { base } => {
            let (system, rest) = text.strip_prefix(base)?.strip_prefix('/')?.split_once("/fhir/")?;
            let local = Local::parse(rest)?;
            let plain = !system.is_empty() && !system.contains('/');
            plain.then(|| format!("{system}/{}", local.to_relative()))
        }
        Origin::System { name, bases } => {
            let local = Reference::parse(text, bases).ok()?.local()?.to_relative();
            Some(format!("{name}/{local}"))
        }
    }
}

#[cfg(test)]
mod tests;
