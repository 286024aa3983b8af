//! Answers of the gateway's own making: Consents, the trail, Provenance, pages, and what became of a write.
//!
//! They are recorded and released like any share. Each function takes typed values, so that nothing else can come in.

use std::collections::BTreeSet;

use bytes::Bytes;
use fhir::json::{self, Document};
use fhir::nhs_number::NhsNumber;
use fhir::outcome::{Issue, IssueType, OperationOutcome, Severity};
use fhir::reference::{Bases, Id};
use fhir::search::matches::matches;
use fhir::search::{Criterion, Match};
use fhir::tables::TypeId;

use super::bundle::{Entry, Mode, Searchset};
use super::persons::{is_nhs_number, nhs_number};
use super::release::{Head, Media, Minimised};
use super::unfiltered::Unfiltered;
use super::versions_bundle::{self, Change, VersionsBundle};
use crate::consent::validate::{Problem, ValidConsent, Writing, validate};
use crate::consent::{ConsentFault, Stored};
use crate::person::SystemName;
use crate::submit::New;
use crate::trail::audit_event::{Placed, Site, audit_event, searchset};
use crate::trail::provenance::provenance;
use crate::trail::record::{AboutPerson, Event, Exchange, Visibility};
use crate::trail::records::Records;
use crate::trail::store::Found;

/// What became of a write: its place, and no content but for what the rules left out of it. That hangs on nothing that the
/// system holds.
#[must_use]
pub(crate) fn written(
    id: Option<&Id>,
    new: &New,
    system: &SystemName,
    outcome: Exchange,
    site: Site<'_>,
) -> Minimised {
    let location = id.map(|id| format!("{}/{system}/fhir/{}/{}", site.base, new.resource_type, id.as_str()));
    let provenance = Some(outcome.request_id.clone());
    Minimised {
        body: left_out(&new.left_out).map(|told| told.to_json()).unwrap_or_default(),
        head: Head { status: 201, location, provenance, ..Head::default() },
        records: Records::from(outcome.ended(Event::Outcome, 201, None)),
        provenance: None,
    }
}

/// What is told of references that the rules left out, by the types of what they lead to; nothing where there are none.
fn left_out(types: &BTreeSet<TypeId>) -> Option<OperationOutcome> {
    let names: Vec<&str> = types.iter().map(|found| found.name()).collect();
    let text = format!(
        "references to {} were left out, whatever they lead to: the agreements do not let you name these types there",
        names.join(", ")
    );
    let issue = Issue::from_settings(Severity::Warning, IssueType::BusinessRule, text);
    (!names.is_empty()).then(|| OperationOutcome::new(issue))
}

/// A CapabilityStatement: about nobody.
#[must_use]
pub fn capability(statement: &fhir::element::Resource, exchange: Exchange) -> Minimised {
    Minimised {
        body: statement.to_json(),
        head: Head { status: 200, ..Head::default() },
        records: Records::from(exchange.ended(Event::Disclosed, 200, None)),
        provenance: None,
    }
}

/// A page of AuditEvents about `persons`.
#[must_use]
pub fn trail(
    found: &[Found],
    self_link: &str,
    next_link: Option<&str>,
    persons: Vec<AboutPerson>,
    exchange: Exchange,
    site: Site<'_>,
) -> Minimised {
    let placed: Vec<Placed<'_>> = found.iter().map(Found::placed).collect();
    Minimised {
        body: searchset(&placed, self_link, next_link, site).to_json(),
        head: Head { status: 200, ..Head::default() },
        records: Records { exchange: exchange.ended(Event::Disclosed, 200, None), persons },
        provenance: None,
    }
}

/// Whether an event meets all `criteria` as it is shown.
#[must_use]
pub fn event_meets(found: &Found, criteria: &[Criterion], site: Site<'_>) -> bool {
    criteria.is_empty()
        || meets(audit_event(found.placed(), site).to_json().into(), criteria).unwrap_or_default()
}

/// One AuditEvent, with the parts of those whose it is.
#[must_use]
pub fn event(found: &Found, whose: Vec<AboutPerson>, exchange: Exchange, site: Site<'_>) -> Minimised {
    Minimised {
        body: audit_event(found.placed(), site).to_json(),
        head: Head { status: 200, ..Head::default() },
        records: Records { exchange: exchange.ended(Event::Disclosed, 200, None), persons: whose },
        provenance: None,
    }
}

/// The Provenance of a share, rendered from its records; nothing when there was no share.
#[must_use]
pub fn provenance_of(id: &str, found: &[Found], exchange: Exchange, site: Site<'_>) -> Option<Minimised> {
    // Under the id of a batch stand also what ended without a share, and the batch itself.
    let shares = |one: &&Found| match one.about_person() {
        Some(person) => person.refusal.is_none() && !person.resources.is_empty(),
        // What nobody bears stands with the exchange.
        None => one.record.exchange.event == Event::Disclosed && !one.record.exchange.resources.is_empty(),
    };
    let mut shared = found.iter().find(shares)?.record.exchange.clone();
    let about_nobody = found.iter().filter(shares).flat_map(|one| &one.record.exchange.resources);
    shared.resources = about_nobody.cloned().collect();
    shared.event = Event::Disclosed;
    let persons = found.iter().filter_map(Found::about_person);
    let body = provenance(id, &shared, persons, site)?.to_json();
    Some(Minimised {
        body,
        head: Head { status: 200, ..Head::default() },
        records: Records::from(exchange.ended(Event::Disclosed, 200, None)),
        provenance: None,
    })
}

/// A submitted Consent, validated: the one content that is looked at before anything is decided, because it is a
/// decision itself.
///
/// # Errors
/// Everything that is wrong with it.
pub fn valid_consent(
    body: &Unfiltered<Document>,
    writing: Writing<'_>,
    base: &str,
) -> Result<ValidConsent, Vec<Problem>> {
    validate(body.inner(), writing, base)
}

/// Whom a submitted Consent is about that is refused before it is looked at further: by the rules on how a Consent
/// names its person, one at most.
#[must_use]
pub fn named_in_consent(body: &Unfiltered<Document>) -> Vec<NhsNumber> {
    let patient = body.inner().root().member("patient");
    let identifier = patient.and_then(|patient| patient.member("identifier"));
    identifier.filter(|identifier| is_nhs_number(*identifier)).and_then(nhs_number).into_iter().collect()
}

/// One Consent as stored.
#[must_use]
pub fn consent(stored: Stored, status: u16, event: Event, exchange: Exchange, site: Site<'_>) -> Minimised {
    let location = (status == 201)
        .then(|| format!("{}/fhir/Consent/{}/_history/{}", site.base, stored.id.as_str(), stored.version));
    let head = Head { status, etag: Some(stored.version.to_string()), location, ..Head::default() };
    let persons = vec![about_consents(std::slice::from_ref(&stored))].into_iter().flatten().collect();
    let body: Bytes = stored.body.into_inner();
    let records = Records { exchange: exchange.ended(event, status, None), persons };
    Minimised { body: body.to_vec(), head, records, provenance: None }
}

/// One version of a Consent as it was stored.
#[must_use]
pub fn consent_version(stored: Stored, exchange: Exchange, site: Site<'_>) -> Minimised {
    let mut person = about(stored.person.as_str());
    person.resources = vec![version_name(&stored)];
    let read = consent(stored, 200, Event::Disclosed, exchange, site);
    Minimised { records: Records { persons: vec![person], ..read.records }, ..read }
}

/// Where an answer stands, and where it goes on.
#[derive(Debug, Clone, Copy)]
pub struct Links<'a> {
    /// The request as it was understood.
    pub own: &'a str,
    /// The next page, if there is one.
    pub next: Option<&'a str>,
}

/// Versions of a Consent of `person`, newest first; `total` of them on all pages.
#[must_use]
pub fn consent_versions(
    page: Vec<Stored>,
    total: usize,
    links: Links<'_>,
    person: NhsNumber,
    exchange: Exchange,
    site: Site<'_>,
) -> Minimised {
    let mut whose = about(person.as_str());
    whose.resources = page.iter().map(version_name).collect();
    let written: Vec<Written> = page.into_iter().map(|stored| Written::of(stored, site)).collect();
    let entries: Vec<versions_bundle::Entry<'_>> = written.iter().map(Written::entry).collect();
    let body = VersionsBundle {
        id: &exchange.request_id,
        total,
        self_link: links.own,
        next_link: links.next,
        entries: &entries,
    }
    .to_json();
    Minimised {
        body,
        head: Head { status: 200, ..Head::default() },
        records: Records { exchange: exchange.ended(Event::Disclosed, 200, None), persons: vec![whose] },
        provenance: None,
    }
}

/// One version with its names.
struct Written {
    full_url: String,
    place: String,
    version: String,
    body: Bytes,
}

impl Written {
    fn of(stored: Stored, site: Site<'_>) -> Self {
        let place = match stored.version {
            1 => "Consent".to_owned(),
            _ => format!("Consent/{}", stored.id.as_str()),
        };
        Self {
            full_url: format!("{}/fhir/Consent/{}", site.base, stored.id.as_str()),
            place,
            version: stored.version.to_string(),
            body: stored.body.into_inner(),
        }
    }

    fn entry(&self) -> versions_bundle::Entry<'_> {
        let (resource, version) = (self.body.as_ref(), self.version.as_str());
        let change = match version {
            "1" => Change::Creation { resource, version },
            _ => Change::Version { resource, version },
        };
        versions_bundle::Entry { full_url: &self.full_url, url: &self.place, change }
    }
}

/// What stands in the record.
fn version_name(stored: &Stored) -> String {
    format!("Consent/{}/_history/{}", stored.id.as_str(), stored.version)
}

/// Those of a person's Consents that meet all `criteria`. What does not tell whether it does is not among them.
///
/// # Errors
/// [`ConsentFault::Corrupt`].
pub fn consents_that_meet(stored: Vec<Stored>, criteria: &[Criterion]) -> Result<Vec<Stored>, ConsentFault> {
    let mut found = Vec::new();
    for consent in stored {
        if meets(consent.body.inner().clone(), criteria).ok_or(ConsentFault::Corrupt)? {
            found.push(consent);
        }
    }
    Ok(found)
}

/// Whether a resource meets all `criteria`; nothing where it is none.
fn meets(resource: Bytes, criteria: &[Criterion]) -> Option<bool> {
    if criteria.is_empty() {
        return Some(true);
    }
    let document = json::parse(resource, &json::Limits::default()).ok()?;
    Some(criteria.iter().all(|one| matches(one, document.root(), &Bases::none()) == Match::Yes))
}

/// The Consents of one person, `whose` choices were asked for even where there are none.
#[must_use]
pub fn consents(
    stored: Vec<Stored>,
    self_link: &str,
    whose: Vec<AboutPerson>,
    exchange: Exchange,
    site: Site<'_>,
) -> Minimised {
    let persons = about_consents(&stored).map_or(whose, |about| vec![about]);
    let found: Vec<(String, Bytes)> = stored
        .into_iter()
        .map(|stored| {
            (format!("{}/fhir/Consent/{}", site.base, stored.id.as_str()), stored.body.into_inner())
        })
        .collect();
    let entries: Vec<Entry<'_>> = found
        .iter()
        .map(|(url, body)| Entry { full_url: Some(url.clone()), resource: body, mode: Mode::Match })
        .collect();
    let body = Searchset {
        id: &exchange.request_id,
        total: Some(entries.len()),
        self_link,
        next_link: None,
        entries: &entries,
    }
    .to_json();
    Minimised {
        body,
        head: Head { status: 200, ..Head::default() },
        records: Records { exchange: exchange.ended(Event::Disclosed, 200, None), persons },
        provenance: None,
    }
}

/// A page for the person about herself.
#[must_use]
pub fn page(html: String, person: AboutPerson, exchange: Exchange) -> Minimised {
    Minimised {
        body: html.into_bytes(),
        head: Head { status: 200, media: Media::Html, ..Head::default() },
        records: Records { exchange: exchange.ended(Event::Disclosed, 200, None), persons: vec![person] },
        provenance: None,
    }
}

/// The part of the person whose Consents these are.
fn about_consents(stored: &[Stored]) -> Option<AboutPerson> {
    let first = stored.first()?;
    let mut about = about(first.person.as_str());
    about.resources = stored.iter().map(|stored| format!("Consent/{}", stored.id.as_str())).collect();
    Some(about)
}

/// A person's part in an exchange about her own choices or trail.
#[must_use]
pub fn about(nhs_number: &str) -> AboutPerson {
    AboutPerson {
        nhs_number: Some(nhs_number.to_owned()),
        patient: None,
        visibility: Visibility::Trail,
        resources: Vec::new(),
        withheld: Vec::new(),
        refusal: None,
        relationship: None,
        consent: None,
        limited_by: Vec::new(),
        overrode: Vec::new(),
    }
}
