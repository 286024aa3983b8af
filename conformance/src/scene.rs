//! A scene: who is who on the endpoint under test, for the suites that need several people.
//!
//! Whether an audit record is complete and whether a Consent is kept cannot be told by one caller: somebody reads, somebody
//! else must not, a third looks into the trail, a fourth writes down what a patient decided. A scene is a TOML file that says
//! who they are, which patients and resources they meet, and what the endpoint claims where IHE leaves it open.
//! [`Scene::parse`] takes it whole or says everything that is wrong with it. `Debug` shows no token.

mod fields;
mod parse;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

pub use fields::Problem;

/// Who is who, and what they meet.
#[derive(Debug, Clone)]
pub struct Scene {
    /// Where data are asked; none where the run says it.
    pub base: Option<String>,
    /// Who asks, by name.
    pub actors: BTreeMap<String, Actor>,
    /// Whom it is about, by name.
    pub patients: BTreeMap<String, Patient>,
    /// What is read, and by whom.
    pub reads: Reads,
    /// What may be written, and by whom.
    pub writes: Option<Writes>,
    /// Where AuditEvents are found.
    pub audit: Option<Audit>,
    /// Where Consents are written.
    pub consents: Option<Consents>,
    /// How access in an emergency is asked for.
    pub break_glass: Option<BreakGlass>,
}

/// A system and a value or code in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// The system.
    pub system: String,
    /// The value or code.
    pub value: String,
}

/// Somebody who asks.
#[derive(Clone)]
pub struct Actor {
    /// Sent as bearer; in no report.
    pub token: Option<String>,
    /// How a Consent names their organisation.
    pub organisation: Option<Named>,
    /// How a Consent names them.
    pub person: Option<Named>,
    /// The purpose (v3-ActReason) that their requests have.
    pub purpose: Option<String>,
}

impl fmt::Debug for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Actor(..)")
    }
}

/// Somebody it is about.
#[derive(Debug, Clone)]
pub struct Patient {
    /// The id of the Patient resource.
    pub id: String,
    /// The identifier by which the trail and Consents know the patient.
    pub identifier: Option<Named>,
    /// Words of the record that may stand in no AuditEvent.
    pub content: Vec<String>,
}

/// What is read.
#[derive(Debug, Clone)]
pub struct Reads {
    /// Who may read it.
    pub actor: String,
    /// Whom it is about.
    pub patient: String,
    /// `Type/id`.
    pub resource: String,
    /// A search of the same type that finds it: `Type?parameters`.
    pub search: String,
    /// A search that finds two patients.
    pub together: Option<Together>,
    /// What somebody may not read.
    pub refused: Option<Refused>,
    /// What is about no patient.
    pub public: Option<Public>,
}

/// A search that finds several patients.
#[derive(Debug, Clone)]
pub struct Together {
    /// Who may.
    pub actor: String,
    /// `Type?parameters`.
    pub search: String,
    /// Names of the patients found.
    pub patients: Vec<String>,
}

/// What somebody may not read.
#[derive(Debug, Clone)]
pub struct Refused {
    /// Who may not.
    pub actor: String,
    /// Whom it is about.
    pub patient: String,
    /// `Type/id`.
    pub resource: String,
    /// A search for it: `Type?parameters`.
    pub search: String,
}

/// What is about no patient.
#[derive(Debug, Clone)]
pub struct Public {
    /// Who may read it.
    pub actor: String,
    /// `Type/id`.
    pub resource: String,
    /// A search that finds it: `Type?parameters`.
    pub search: String,
}

/// What may be written, as JSON resources without an id.
#[derive(Debug, Clone)]
pub struct Writes {
    /// Its base; that of the data where none is said.
    pub base: Option<String>,
    /// Who may.
    pub actor: String,
    /// A resource about the patient of the reads.
    pub resource: Option<String>,
    /// A resource about nobody.
    pub public: Option<String>,
}

/// How an AuditEvent is known to be that of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Correlation {
    /// By the `X-Request-Id` of the answer, or else of the request, in its transaction entity.
    RequestId,
    /// It was not there before the request.
    New,
}

/// Where AuditEvents are found.
#[derive(Debug, Clone)]
pub struct Audit {
    /// Its base; that of the data where none is said.
    pub base: Option<String>,
    /// Who may look.
    pub reader: String,
    /// Who may not.
    pub outsider: Option<String>,
    /// The query for a patient: `{identifier}` is `system|value`, `{id}` the id.
    pub by_patient: String,
    /// The query for a request: `{request}` is its `X-Request-Id`. None where there is no such search.
    pub by_request: Option<String>,
    /// How long after an answer its AuditEvent may still be missing.
    pub window: Duration,
    /// How long to wait for an AuditEvent that should not be there.
    pub settle: Duration,
    /// How an event is known.
    pub correlation: Correlation,
}

/// What is shared where no Consent says anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Baseline {
    /// What the reads say.
    Permit,
    /// Nothing.
    Deny,
}

/// What a permit means for whom or what it does not name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outside {
    /// As where there were no Consent.
    Default,
    /// Denied.
    Denied,
}

/// What counts where two Consents disagree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disagreement {
    /// The one that denies.
    Stricter,
    /// The one with the later `dateTime`.
    Later,
}

/// Where Consents are written, and what the endpoint claims about them.
#[derive(Debug, Clone)]
pub struct Consents {
    /// Its base; that of the data where none is said.
    pub base: Option<String>,
    /// Who writes them.
    pub recorder: String,
    /// Who may not write them.
    pub outsider: Option<String>,
    /// Whose they are: somebody whom [`Consents::actor`] and [`Consents::other`] read while there is none.
    pub patient: String,
    /// Who reads, by what the Consents say.
    pub actor: String,
    /// Somebody of another organisation with the same right.
    pub other: Option<String>,
    /// `Type/id` that both read.
    pub resource: String,
    /// A search of the same type that finds it.
    pub search: String,
    /// Something else that the actor reads, which the search does not have to find.
    pub beside: Option<String>,
    /// `Consent.organization`.
    pub organisation: Named,
    /// `Consent.policy.uri`.
    pub policy: String,
    /// How long a Consent may take to count, where a check does not ask about the very next request.
    pub window: Duration,
    /// What is shared without a Consent.
    pub default: Baseline,
    /// What a permit means outside itself; none: it is not claimed.
    pub outside_permit: Option<Outside>,
    /// What counts where two disagree; none: it is not claimed.
    pub disagreement: Option<Disagreement>,
    /// A resource with a security label.
    pub labelled: Option<Labelled>,
    /// A resource with a labelled resource in it.
    pub contained: Option<Contained>,
    /// A resource of a time.
    pub dated: Option<Dated>,
    /// A resource that refers to another, such as an Encounter.
    pub related: Option<Linked>,
    /// A resource and who wrote it.
    pub authored: Option<Linked>,
    /// A search that includes a resource.
    pub include: Option<Included>,
}

/// A resource with a security label.
#[derive(Debug, Clone)]
pub struct Labelled {
    /// `Type/id`.
    pub resource: String,
    /// The label.
    pub label: Named,
    /// A search that finds it.
    pub search: String,
}

/// A resource with a labelled resource inside.
#[derive(Debug, Clone)]
pub struct Contained {
    /// `Type/id`.
    pub resource: String,
    /// The label of what is inside.
    pub label: Named,
    /// A word that only what is inside holds.
    pub marker: String,
}

/// A resource of a time.
#[derive(Debug, Clone)]
pub struct Dated {
    /// `Type/id`.
    pub resource: String,
    /// First day of a period that its time lies in.
    pub start: String,
    /// Last day of it.
    pub end: String,
}

/// A resource and what it refers to.
#[derive(Debug, Clone)]
pub struct Linked {
    /// `Type/id`.
    pub resource: String,
    /// `Type/id` of what it refers to.
    pub to: String,
}

/// A search that includes a resource.
#[derive(Debug, Clone)]
pub struct Included {
    /// `Type?parameters`.
    pub search: String,
    /// `Type/id` of what it includes.
    pub resource: String,
}

/// How access in an emergency is asked for.
#[derive(Debug, Clone)]
pub struct BreakGlass {
    /// Who asks.
    pub actor: String,
    /// Headers that are sent beside; none where the token says it.
    pub headers: Vec<(String, String)>,
    /// The purpose that is recorded.
    pub purpose: String,
}

impl Named {
    /// `system|value`, as a search writes it.
    #[must_use]
    pub fn token(&self) -> String {
        format!("{}|{}", self.system, self.value)
    }
}

impl Scene {
    /// The actor of that name; the parser holds that each name in a scene is one.
    #[must_use]
    pub fn actor(&self, name: &str) -> Option<&Actor> {
        self.actors.get(name)
    }

    /// The patient of that name.
    #[must_use]
    pub fn patient(&self, name: &str) -> Option<&Patient> {
        self.patients.get(name)
    }
}
