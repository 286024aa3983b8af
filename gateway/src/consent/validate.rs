//! Taking a Consent: IHE PCF and UK Core, strictly, and everything that is wrong with it at once.
//!
//! What is stored is understood whole: no element that R4 does not know, no provision that could not be weighed. A
//! national data opt-out in its STU3 shape is refused here, because a plain R4 reading of it says the opposite of what it
//! means; registers are imported.

use fhir::identifier::NHS_NUMBER;
use fhir::instant::DateTime;
use fhir::json::{Document, Node, Writer};
use fhir::nhs_number::NhsNumber;
use fhir::purpose_of_use::{self, PurposeOfUse};
use fhir::reference::Id;
use fhir::tables;
use jiff::Timestamp;

use super::compile::{self, Origin, RECIPIENT_ROLES, Reading};
use super::provision::{Provision, Provisioned};
use super::structure;

/// The most bytes of a Consent.
const BYTES_MAX: usize = 64 * 1024;
/// The most provisions of a Consent.
const PROVISIONS_MAX: usize = 100;
const STATUSES: [&str; 6] = ["draft", "proposed", "active", "rejected", "inactive", "entered-in-error"];
const MEANINGS: [&str; 3] = ["instance", "related", "authoredby"];

/// A Consent that can be stored, and what it says.
///
/// It is made by [`validate`] only. It holds content: it cannot be printed or serialised.
pub struct ValidConsent {
    person: NhsNumber,
    status: String,
    rule: Option<Provision>,
    profiles: Vec<String>,
    members: Vec<(String, Vec<u8>)>,
}

/// One thing that is wrong with a Consent: where, and what. Nothing of its content.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[error("{element}: {wrong}")]
pub struct Problem {
    /// The element, as a path from the resource type.
    pub element: String,
    /// What is wrong with it.
    pub wrong: Wrong,
}

/// What is wrong with an element of a Consent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Wrong {
    /// It is not a Consent.
    #[error("the resource is not a Consent")]
    NotAConsent,
    /// There is too much of it.
    #[error("there is more of it than may be stored")]
    TooMuch,
    /// R4 has no such element here.
    #[error("there is an element here that R4 does not have")]
    UnknownElement,
    /// It has another shape in R4.
    #[error("it has another shape in R4, or is empty")]
    Shape,
    /// It must be there.
    #[error("it is required")]
    Missing,
    /// IHE PCF, or this registry, does not take it.
    #[error("it is not taken here")]
    NotTaken,
    /// A code from outside the list that is understood.
    #[error("the code is not one that is understood here")]
    Code,
    /// Not a date or time.
    #[error("it is not a date or time as FHIR writes it")]
    Time,
    /// A period that holds never.
    #[error("it ends before it begins")]
    Backwards,
    /// The person is not named by a valid NHS number.
    #[error("the person must be named by an identifier with a valid nhs number")]
    Person,
    /// An actor is not named by a code that is the same everywhere.
    #[error("a recipient must be named by an identifier: ods code, sds user id or sds job role")]
    Actor,
    /// Data is not named by its place on this gateway.
    #[error("data must be named by its full url on this gateway")]
    DataPlace,
    /// The id is not that of the Consent that is changed.
    #[error("the id is not that of the consent that is changed")]
    OtherId,
    /// The STU3 shape of a national data opt-out, in which `active` means opted out.
    #[error(
        "a national data opt-out means the opposite of a consent of the same shape: it is imported, not sent"
    )]
    NationalOptOut,
}

/// Which Consent is written.
#[derive(Debug, Clone, Copy)]
pub enum Writing<'a> {
    /// A new one; an `id` of the sender is not kept.
    New,
    /// A new version of this one.
    Version(&'a Id),
}

/// Takes a Consent as it was sent, or tells everything that is wrong with it. `base` is that of the gateway.
///
/// # Errors
/// Every [`Problem`], in the order of the elements.
pub fn validate(document: &Document, writing: Writing<'_>, base: &str) -> Result<ValidConsent, Vec<Problem>> {
    let consent = document.root();
    let whole = |wrong| vec![Problem::at("Consent", wrong)];
    if !consent.member("resourceType").is_some_and(|name| name.is_string("Consent")) {
        return Err(whole(Wrong::NotAConsent));
    }
    if document.bytes_len() > BYTES_MAX {
        return Err(whole(Wrong::TooMuch));
    }
    if compile::is_national_opt_out(consent) {
        return Err(whole(Wrong::NationalOptOut));
    }
    let mut problems = Vec::new();
    if let Some(resource_type) = tables::resource_type("Consent") {
        structure::check(consent, resource_type, &mut problems);
    }
    head(consent, writing, &mut problems);
    let person = person(consent, &mut problems);
    match consent.member("provision") {
        Some(root) => provision(root, "Consent.provision", Depth::Root, base, &mut problems),
        None => problems.push(Problem::at("Consent.provision", Wrong::Missing)),
    }
    problems.sort();
    problems.dedup();
    match person {
        Some(person) if problems.is_empty() => Ok(ValidConsent::of(consent, person, base)),
        Some(_) | None => Err(problems),
    }
}

fn head(consent: Node<'_>, writing: Writing<'_>, problems: &mut Vec<Problem>) {
    let mut problem = |element: &str, wrong| problems.push(Problem::at(&format!("Consent.{element}"), wrong));
    for name in ["modifierExtension", "implicitRules", "contained", "verification"] {
        if consent.member(name).is_some() {
            problem(name, Wrong::NotTaken);
        }
    }
    for name in ["status", "scope", "category", "dateTime", "performer", "organization"] {
        if consent.member(name).is_none() {
            problem(name, Wrong::Missing);
        }
    }
    if let (Writing::Version(id), Some(sent)) = (writing, consent.member("id"))
        && !sent.is_string(id.as_str())
    {
        problem("id", Wrong::OtherId);
    }
    if consent.member("status").is_some_and(|status| !STATUSES.iter().any(|known| status.is_string(known))) {
        problem("status", Wrong::Code);
    }
    let privacy = consent.walk(&["scope", "coding"]).any(|coding| {
        is_coding(coding, "http://terminology.hl7.org/CodeSystem/consentscope", "patient-privacy")
    });
    if consent.member("scope").is_some() && !privacy {
        problem("scope", Wrong::Code);
    }
    let time = consent.member("dateTime").and_then(Node::string);
    if time.is_some_and(|time| DateTime::parse(&time).is_err()) {
        problem("dateTime", Wrong::Time);
    }
    if consent.member("sourceReference").is_none() && consent.member("sourceAttachment").is_none() {
        problem("source[x]", Wrong::Missing);
    }
    let policies: Vec<_> = consent.walk(&["policy"]).collect();
    if policies.iter().any(|policy| policy.member("uri").is_none()) {
        problem("policy.uri", Wrong::Missing);
    }
    if policies.is_empty() && consent.member("policyRule").is_none() {
        problem("policy", Wrong::Missing);
    }
}

fn person(consent: Node<'_>, problems: &mut Vec<Problem>) -> Option<NhsNumber> {
    let identifier = consent.member("patient").and_then(|patient| patient.member("identifier"));
    let number = identifier
        .filter(|identifier| identifier.member("system").is_some_and(|system| system.is_string(NHS_NUMBER)))
        .and_then(|identifier| identifier.member("value")?.string())
        .and_then(|value| NhsNumber::parse(&value).ok());
    if number.is_none() {
        problems.push(Problem::at("Consent.patient.identifier", Wrong::Person));
    }
    number
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Depth {
    Root,
    Nested,
}

fn provision(node: Node<'_>, path: &str, depth: Depth, base: &str, problems: &mut Vec<Problem>) {
    let mut problem = |element: &str, wrong| problems.push(Problem::at(&format!("{path}.{element}"), wrong));
    for name in ["action", "class", "code", "modifierExtension"] {
        if node.member(name).is_some() {
            problem(name, Wrong::NotTaken);
        }
    }
    match node.member("type") {
        None => problem("type", Wrong::Missing),
        Some(effect) if effect.is_string("permit") || effect.is_string("deny") => {}
        Some(_) => problem("type", Wrong::Code),
    }
    for name in ["period", "dataPeriod"] {
        let period = node.member(name);
        let bound = |bound: &str| period.and_then(|period| period.member(bound)?.string());
        if [bound("start"), bound("end")].into_iter().flatten().any(|time| DateTime::parse(&time).is_err()) {
            problem(name, Wrong::Time);
        } else if let (Some(start), Some(end)) = (bound("start"), bound("end"))
            && let (Ok(start), Ok(end)) = (DateTime::parse(&start), DateTime::parse(&end))
            && end.range().to <= start.range().from
        {
            problem(name, Wrong::Backwards);
        }
    }
    let unknown_purpose = |coding: Node<'_>| {
        let known = coding.member("system").is_some_and(|system| system.is_string(purpose_of_use::SYSTEM));
        let code = coding.member("code").and_then(Node::string);
        !known || code.is_none_or(|code| PurposeOfUse::parse(&code).is_err())
    };
    if node.walk(&["purpose"]).any(unknown_purpose) {
        problem("purpose", Wrong::Code);
    }
    let no_label = |coding: Node<'_>| coding.member("system").is_none() || coding.member("code").is_none();
    if node.walk(&["securityLabel"]).any(no_label) {
        problem("securityLabel", Wrong::Code);
    }
    for actor in node.walk(&["actor"]) {
        if let Some((element, wrong)) = wrong_actor(actor) {
            problem(element, wrong);
        }
    }
    for data in node.walk(&["data"]) {
        if !data
            .member("meaning")
            .is_some_and(|meaning| MEANINGS.iter().any(|known| meaning.is_string(known)))
        {
            problem("data.meaning", Wrong::Code);
        }
        let place = data.member("reference").and_then(|reference| reference.member("reference")?.string());
        if place.is_none_or(|place| compile::data_place(&place, &Origin::Gateway { base }).is_none()) {
            problem("data.reference", Wrong::DataPlace);
        }
    }
    let nested: Vec<_> = node.walk(&["provision"]).collect();
    if nested.len() > PROVISIONS_MAX {
        problem("provision", Wrong::TooMuch);
        return;
    }
    for inner in nested {
        match depth {
            Depth::Root => provision(inner, &format!("{path}.provision"), Depth::Nested, base, problems),
            Depth::Nested => problems.push(Problem::at(&format!("{path}.provision"), Wrong::NotTaken)),
        }
    }
}

/// A recipient: its role says that it receives, and its identifier says who it is.
fn wrong_actor(actor: Node<'_>) -> Option<(&'static str, Wrong)> {
    let receives = actor
        .walk(&["role", "coding", "code"])
        .any(|code| RECIPIENT_ROLES.iter().any(|role| code.is_string(role)));
    if !receives {
        return Some(("actor.role", Wrong::Code));
    }
    let identifier = actor.member("reference").and_then(|reference| reference.member("identifier"));
    if identifier.and_then(compile::who_of_identifier).is_none() {
        return Some(("actor.reference.identifier", Wrong::Actor));
    }
    let other = actor.walk(&["role", "coding"]).any(|coding| {
        let is_recipient =
            coding.member("code").is_some_and(|code| RECIPIENT_ROLES.iter().any(|role| code.is_string(role)));
        let is_job = coding.member("system").is_some_and(|system| system.is_string(fhir::role::SYSTEM))
            && coding
                .member("code")
                .and_then(Node::string)
                .is_some_and(|code| fhir::role::SdsRole::parse(&code).is_ok());
        !is_recipient && !is_job
    });
    other.then_some(("actor.role", Wrong::Code))
}

fn is_coding(coding: Node<'_>, system: &str, code: &str) -> bool {
    coding.member("system").is_some_and(|found| found.is_string(system))
        && coding.member("code").is_some_and(|found| found.is_string(code))
}

impl Problem {
    pub(super) fn at(element: &str, wrong: Wrong) -> Self {
        Self { element: element.to_owned(), wrong }
    }
}

impl ValidConsent {
    fn of(consent: Node<'_>, person: NhsNumber, base: &str) -> Self {
        let rule = compile::compile(consent, String::new(), &Reading::of_gateway(base));
        let kept = |name: &str| !matches!(name, "resourceType" | "id" | "meta" | "_id" | "_meta");
        Self {
            person,
            status: consent.str_at(&["status"]).unwrap_or_default().into_owned(),
            rule: rule.map(|provisioned| provisioned.rule),
            profiles: consent
                .walk(&["meta", "profile"])
                .filter_map(|profile| Some(profile.string()?.into_owned()))
                .collect(),
            members: consent
                .members()
                .map(|(key, value)| (key.text().into_owned(), value.raw().to_vec()))
                .filter(|(name, _)| kept(name))
                .collect(),
        }
    }

    /// Whose choice it is.
    #[must_use]
    pub const fn person(&self) -> NhsNumber {
        self.person
    }

    /// Its status.
    #[must_use]
    pub fn status(&self) -> &str {
        &self.status
    }

    /// What it says; nothing when it is not active.
    #[must_use]
    pub const fn rule(&self) -> Option<&Provision> {
        self.rule.as_ref()
    }

    /// What it says, under the name that records give it.
    #[must_use]
    pub fn provisioned(&self, id: &Id) -> Option<Provisioned> {
        let kind = super::provision::Kind::Consent;
        self.rule.clone().map(|rule| Provisioned { id: format!("Consent/{}", id.as_str()), kind, rule })
    }

    /// The resource as it is stored: as it was sent, but for `id` and `meta`, which are the registry's.
    pub(super) fn to_json(&self, id: &Id, version: u32, at: Timestamp) -> Vec<u8> {
        let mut out = Vec::with_capacity(BYTES_MAX / 16);
        let mut json = Writer::new(&mut out);
        json.object().key("resourceType").string("Consent").key("id").string(id.as_str());
        json.key("meta").object();
        json.key("versionId").string(&version.to_string()).key("lastUpdated").string(&format!("{at:.3}"));
        if !self.profiles.is_empty() {
            json.key("profile").array();
            for profile in &self.profiles {
                json.string(profile);
            }
            json.close();
        }
        json.close();
        for (name, value) in &self.members {
            json.key(name).raw(value);
        }
        json.finish();
        out
    }
}

impl std::fmt::Debug for ValidConsent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ValidConsent(..)")
    }
}
