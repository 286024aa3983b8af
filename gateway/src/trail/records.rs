//! The leaves of one exchange, built up while it runs and turned into one atomic batch.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use fhir::reference::Bases;
use fhir::search::{NamedPerson, SearchQuery, grammar};
use fhir::tables;
use jiff::Timestamp;

use super::record::{
    About, AboutPerson, Event, Exchange, Record, RecordedAgreement, RecordedOverride, RecordedRequestor,
    Visibility, Words,
};
use super::sent::SentSearch;
use super::words::without_numbers;
use crate::decision::refusal::Refusal;
use crate::decision::ruling::Admitted;
use crate::interaction::{FhirAction, Interaction, OwnAction, Wanted};
use crate::ledger::Batch;
use crate::requestor::{Party, Proof, Requestor, Supervision};
use crate::server::arrived::Arrived;
use crate::server::format::{Format, Instead};
use crate::settings::Settings;

/// The records of one exchange: what is common, and one part for each person.
#[derive(Debug, Clone)]
pub struct Records {
    /// What all leaves have in common.
    pub exchange: Exchange,
    /// One for each person the exchange concerned.
    pub persons: Vec<AboutPerson>,
}

/// How many bytes of searches as they were sent stand in the trails of all persons of one exchange.
const SENT_IN_TRAILS_MAX: usize = 1 << 20;

/// A record could not be written down as JSON: the exchange ends unrecorded, and nothing is released.
#[derive(Debug, thiserror::Error)]
#[error("the record of the exchange could not be encoded")]
pub struct NotEncoded(#[from] serde_json::Error);

impl Records {
    /// The batch for the ledger: the exchange first, then each person.
    ///
    /// # Errors
    /// [`NotEncoded`]; then nothing may be released.
    pub fn to_batch(&self) -> Result<Batch, NotEncoded> {
        let count = |keep: fn(&AboutPerson) -> bool| {
            u32::try_from(self.persons.iter().filter(|person| keep(person)).count()).unwrap_or(u32::MAX)
        };
        let about = About::Exchange {
            shared: count(|person| person.refusal.is_none()),
            refused: count(|person| person.refusal.is_some() && person.visibility == Visibility::Trail),
            filtered: count(|person| person.refusal.is_some() && person.visibility == Visibility::Oversight),
        };
        let leaf = |exchange, about| serde_json::to_vec(&Record { v: 1, exchange, about });
        let mut batch = Batch::new(leaf(self.exchange.clone(), about)?);
        // One batch is one append: a long text does not stand in the trails of many.
        let short = |sent: &String| sent.len().saturating_mul(self.persons.len()) <= SENT_IN_TRAILS_MAX;
        // The whole search stands in the leaf of the exchange; in the trail of one person nobody else is named.
        let search = self.search();
        for person in &self.persons {
            let mut exchange = self.exchange.clone();
            let about = search.as_ref().map(|search| self.search_about(search, person));
            // As it was sent it is hers to read where all that was understood of it is.
            let is_hers = search.as_ref().zip(about.as_ref());
            exchange.sent = exchange
                .sent
                .filter(short)
                .filter(|_| is_hers.is_some_and(|(all, hers)| all.to_whole_form() == *hers));
            exchange.query = about.filter(|form| !form.is_empty()).map(|form| STANDARD.encode(form));
            // What else was asked for or shared may be another person's.
            exchange.resources.clear();
            // And a client may have put anybody's name into its own id.
            exchange.correlation = None;
            // And what could not be used of another's.
            if exchange.event == Event::Disclosed && person.refusal.is_none() {
                exchange.reason = None;
            }
            hide_another(&mut exchange, person);
            batch = batch.with(leaf(exchange, About::Person(Box::new(person.clone())))?);
        }
        Ok(batch)
    }

    /// The search that was recorded, as it was parsed.
    pub(crate) fn search(&self) -> Option<SearchQuery> {
        let form = String::from_utf8(STANDARD.decode(self.exchange.query.as_ref()?).ok()?).ok()?;
        let owner = tables::resource_type(self.exchange.resource_type.as_ref()?)?;
        SearchQuery::compile(owner, &grammar::parse(&form).ok()?, &Bases::none()).ok()
    }

    /// The search with nobody named in it but this person.
    fn search_about(&self, search: &SearchQuery, person: &AboutPerson) -> String {
        let patient = person.patient.as_deref().and_then(|patient| patient.rsplit('/').next());
        search.to_form_about(&|named| match named {
            NamedPerson::Patient(id) => patient == Some(id.as_str()),
            NamedPerson::Nhs(number) => person.nhs_number.as_deref() == Some(number.as_str()),
            // Whose it is can be told only where there is one of each.
            NamedPerson::Identifier(_) => self.persons.len() == 1 && search.named_persons().len() == 1,
        })
    }
}

impl AboutPerson {
    /// Whether a search names her.
    pub(crate) fn is_named_by(&self, search: &SearchQuery) -> bool {
        let patient = self.patient.as_deref().and_then(|patient| patient.rsplit('/').next());
        search.named_persons().iter().any(|named| match named {
            NamedPerson::Patient(id) => patient == Some(id.as_str()),
            NamedPerson::Nhs(number) => self.nhs_number.as_deref() == Some(number.as_str()),
            NamedPerson::Identifier(_) => false,
        })
    }
}

/// In the trail of one person, another who reached for her record is "another person", and the reason of an override has no
/// numbers of people: who and what it was stands in the leaf of the exchange, for oversight.
fn hide_another(exchange: &mut Exchange, person: &AboutPerson) {
    if let Some(RecordedRequestor::Person { nhs_number, .. }) = &mut exchange.requestor
        && person.nhs_number.as_deref() != Some(nhs_number.as_str())
    {
        nhs_number.clear();
        exchange.peer = None;
    }
    // A reason is typed by somebody who looks at several, and may name any of them by number.
    if let Some(given) = &mut exchange.override_ {
        given.reason = without_numbers(&given.reason);
    }
}

/// The most persons in whose trail one refusal by rule stands: a request may name any number of them.
pub const REFUSED_MAX: usize = 256;

impl Records {
    /// An exchange that the rules refuse before anyone is asked: it stands in the trail of those whom it names.
    #[must_use]
    pub fn refused_by_rule(exchange: Exchange, named: &[NamedPerson], refusal: &Refusal) -> Self {
        let persons = named
            .iter()
            .take(REFUSED_MAX)
            .filter_map(|person| {
                let (nhs_number, patient) = match person {
                    NamedPerson::Patient(id) => (None, Some(format!("Patient/{}", id.as_str()))),
                    NamedPerson::Nhs(number) => (Some(number.as_str().to_owned()), None),
                    NamedPerson::Identifier(_) => return None,
                };
                Some(AboutPerson {
                    nhs_number,
                    patient,
                    visibility: Visibility::Trail,
                    resources: Vec::new(),
                    withheld: Vec::new(),
                    refusal: Some(refusal.reason().to_owned()),
                    relationship: None,
                    consent: None,
                    limited_by: Vec::new(),
                    overrode: Vec::new(),
                })
            })
            .collect();
        Self { exchange, persons }
    }
}

impl From<Exchange> for Records {
    fn from(exchange: Exchange) -> Self {
        Self { exchange, persons: Vec::new() }
    }
}

impl Exchange {
    /// What is known of a request before it was looked at.
    #[must_use]
    pub fn begun(request_id: String, at: Timestamp, peer: Option<String>) -> Self {
        Self {
            request_id,
            at,
            event: Event::Failed,
            interaction: "unknown".into(),
            place: "gateway".into(),
            format: Format::Json,
            instead: Instead::Nothing,
            words: Words::Fhir,
            resource_type: None,
            requestor: None,
            purpose: None,
            agreement: None,
            override_: None,
            query: None,
            sent: None,
            resources: Vec::new(),
            status: 0,
            reason: None,
            discloser: None,
            follows: None,
            within: None,
            count: 1,
            correlation: None,
            peer,
        }
    }

    /// What is known of a request when it is taken up.
    #[must_use]
    pub fn arrived(arrived: &Arrived) -> Self {
        let peer = Some(arrived.peer.ip().to_string());
        let begun = Self::begun(arrived.request_id.as_str().to_owned(), arrived.at, peer);
        let correlation = arrived.headers.correlation.as_ref().map(|id| id.as_str().to_owned());
        Self { format: arrived.format.unwrap_or_default(), instead: arrived.instead, correlation, ..begun }
    }

    /// What a link of the answer ends with: it names the format where no other is taken.
    #[must_use]
    pub const fn format_in_link(&self) -> &'static str {
        match self.instead {
            Instead::Nothing => self.format.in_link(),
            Instead::Json => "",
        }
    }

    /// The same, with the search as it was sent; nothing is kept of what is none.
    #[must_use]
    pub fn sent(mut self, sent: Option<SentSearch>, interaction: &Interaction) -> Self {
        if matches!(interaction, Interaction::Fhir { action: FhirAction::Search(_), .. }) {
            self.sent = sent.map(|sent| sent.to_base64());
        }
        self
    }

    /// The same, for an entry of this batch.
    #[must_use]
    pub fn within(mut self, batch: &Self) -> Self {
        self.within = Some(batch.request_id.clone());
        self
    }

    /// The same, once it is known what is asked.
    #[must_use]
    pub fn asking(mut self, interaction: &Interaction, settings: &Settings) -> Self {
        let (name, resource_type) = match interaction {
            Interaction::Fhir { system, action } => {
                self.place = system.to_string();
                self.discloser =
                    settings.system(system.as_str()).map(|system| system.organisation.as_str().to_owned());
                let form = match action {
                    FhirAction::Search(request) => Some(request.query.to_whole_form()),
                    FhirAction::Everything(request) => {
                        Some(request.to_form()).filter(|form| !form.is_empty())
                    }
                    FhirAction::History(request) => Some(request.to_form()).filter(|form| !form.is_empty()),
                    FhirAction::Create(new) => new.unless.as_ref().map(SearchQuery::to_form),
                    FhirAction::Metadata
                    | FhirAction::Read(_)
                    | FhirAction::ReadBinary(_)
                    | FhirAction::Vread(_)
                    | FhirAction::Document(_)
                    | FhirAction::Message(_)
                    | FhirAction::Batch(_)
                    | FhirAction::Change(_)
                    | FhirAction::Delete(_) => None,
                };
                self.query = form.map(|form| STANDARD.encode(form));
                self.resources.extend(asked_by_id(action));
                asked(action)
            }
            Interaction::Push { system } => {
                self.place = system.to_string();
                ("push", None)
            }
            Interaction::Own(action) => asked_of_gateway(action),
        };
        self.interaction = name.into();
        self.resource_type = resource_type.map(str::to_owned);
        self
    }

    /// The same, once it is known who asks.
    #[must_use]
    pub fn by(mut self, requestor: &Requestor) -> Self {
        self.purpose = requestor.purposes().first().map(|purpose| purpose.code().to_owned());
        self.requestor = Some(recorded(requestor));
        self
    }

    /// The same, once the rules admitted it.
    #[must_use]
    pub fn under(mut self, admitted: &Admitted) -> Self {
        let agreement = admitted.agreement();
        self.discloser = Some(admitted.parties().discloser.as_str().to_owned());
        self.purpose = Some(admitted.purpose().code().to_owned());
        self.agreement =
            Some(RecordedAgreement { id: agreement.id.to_string(), version: agreement.version.clone() });
        self.override_ = admitted.override_().map(|override_| RecordedOverride {
            purpose: override_.purpose.code().to_owned(),
            reason: override_.reason.clone(),
        });
        self
    }

    /// The same, with how it ended.
    #[must_use]
    pub fn ended(mut self, event: Event, status: u16, reason: Option<&str>) -> Self {
        self.event = event;
        self.status = status;
        self.reason = reason.map(str::to_owned);
        self
    }
}

fn asked(action: &FhirAction) -> (&'static str, Option<&'static str>) {
    match action {
        FhirAction::Metadata => ("capabilities", None),
        FhirAction::ReadBinary(target) => ("read", Some(target.binary.resource_type.name())),
        FhirAction::Read(target) => ("read", Some(target.resource_type.name())),
        FhirAction::Vread(target) => ("vread", Some(target.resource.resource_type.name())),
        FhirAction::History(request) => ("history-instance", Some(request.resource.resource_type.name())),
        FhirAction::Search(request) => ("search-type", Some(request.query.resource_type().name())),
        FhirAction::Create(new) => ("create", Some(new.resource_type.name())),
        FhirAction::Everything(_) => ("everything", Some("Patient")),
        FhirAction::Document(_) => ("document", Some("Composition")),
        FhirAction::Message(_) => ("process-message", Some("Bundle")),
        FhirAction::Batch(batch) => (batch.bundle.name(), None),
        FhirAction::Change(change) => {
            let name = match change.wanted {
                Wanted::Whole(_) => "update",
                Wanted::Patch(_) => "patch",
            };
            (name, Some(change.target.resource_type.name()))
        }
        FhirAction::Delete(deletion) => ("delete", Some(deletion.target.resource_type.name())),
    }
}

/// The one resource that is asked for by its id.
fn asked_by_id(action: &FhirAction) -> Option<String> {
    let target = action.reads()?;
    Some(format!("{}/{}", target.resource_type.name(), target.id.as_str()))
}

fn asked_of_gateway(action: &OwnAction) -> (&'static str, Option<&'static str>) {
    match action {
        OwnAction::Metadata => ("capabilities", None),
        OwnAction::ReadConsent(_) => ("read", Some("Consent")),
        OwnAction::VreadConsent { .. } => ("vread", Some("Consent")),
        OwnAction::HistoryConsent(_) => ("history-instance", Some("Consent")),
        OwnAction::SearchConsent(_) => ("search-type", Some("Consent")),
        OwnAction::CreateConsent(_) => ("create", Some("Consent")),
        OwnAction::UpdateConsent { .. } => ("update", Some("Consent")),
        OwnAction::SearchAuditEvent(_) => ("search-type", Some("AuditEvent")),
        OwnAction::ReadAuditEvent(_) => ("read", Some("AuditEvent")),
        OwnAction::ReadProvenance(_) => ("read", Some("Provenance")),
    }
}

fn recorded(requestor: &Requestor) -> RecordedRequestor {
    let (issuer, subject, token_id) = match &requestor.proof {
        Proof::Token { issuer, subject, token_id } => (issuer.clone(), subject.clone(), token_id.clone()),
        Proof::Session { issuer } => (issuer.clone(), String::new(), String::new()),
        Proof::Certificate { san } => (String::new(), san.clone(), String::new()),
        Proof::Message { listener } => (String::new(), listener.clone(), String::new()),
    };
    match &requestor.party {
        Party::Professional(professional) => RecordedRequestor::Professional {
            issuer,
            subject,
            token_id,
            name: professional.name.clone(),
            organisation: professional.organisation.as_str().to_owned(),
            role: professional.role.code(),
            supervisor: match &professional.supervision {
                Supervision::NotStated => None,
                Supervision::Supervised { supervisor, .. } => Some(supervisor.clone()),
            },
        },
        Party::System(system) => RecordedRequestor::System {
            name: system.san.clone(),
            organisation: system.organisation.as_str().to_owned(),
        },
        Party::Person(person) => {
            RecordedRequestor::Person { nhs_number: person.nhs_number.as_str().to_owned(), issuer }
        }
    }
}
