//! What is asked: a closed set. What cannot be said here cannot be asked of an upstream.

use std::sync::Arc;

use fhir::json::Document;
use fhir::nhs_number::NhsNumber;
use fhir::reference::Id;
use fhir::search::controls::Projection;
use fhir::search::{Criterion, NamedPerson, SearchQuery};
use fhir::tables::TypeId;

use self::conditional::HeldVersions;
use self::cursor::Standing;
use self::registry::{ConsentHistory, ConsentQuery};
use crate::enforce::unfiltered::Unfiltered;
use crate::person::SystemName;

pub mod batch;
mod binary;
mod change;
mod condition;
pub mod conditional;
pub mod cursor;
pub mod everything;
mod history;
mod malformed;
mod media;
pub mod message;
mod own;
mod parse;
pub(crate) mod query;
pub mod registry;
pub mod surface;
pub mod transaction;

pub use binary::{Accepts, BinaryForm};
pub use history::HistoryRequest;
pub use malformed::Malformed;
pub use parse::{metadata, parse};

/// One request, parsed once at the edge. Upstream requests are built anew from this value.
#[derive(Debug)]
pub enum Interaction {
    /// On the FHIR face of a `[[system]]`.
    Fhir {
        /// Whose face.
        system: SystemName,
        /// What is asked there.
        action: FhirAction,
    },
    /// A message that was accepted in another shape, on its way to a system. No HTTP request stands behind it.
    Push {
        /// Who receives.
        system: SystemName,
    },
    /// On the gateway's own resources under `/fhir`.
    Own(OwnAction),
}

impl Interaction {
    /// Whether something is to go with the matches of a search.
    #[must_use]
    pub fn asks_for_includes(&self) -> bool {
        match self {
            Self::Fhir { action: FhirAction::Search(request), .. } => !request.query.includes().is_empty(),
            Self::Fhir { .. } | Self::Own(_) | Self::Push { .. } => false,
        }
    }

    /// The persons that the request itself names.
    #[must_use]
    pub fn named_persons(&self) -> Vec<NamedPerson> {
        match self {
            Self::Fhir {
                action:
                    FhirAction::Read(target)
                    | FhirAction::Vread(VersionTarget { resource: target, .. })
                    | FhirAction::History(HistoryRequest { resource: target, .. }),
                ..
            } if target.resource_type.name() == "Patient" => {
                vec![NamedPerson::Patient(target.id.clone())]
            }
            Self::Fhir { action: FhirAction::Change(change), .. }
                if change.target.resource_type.name() == "Patient" =>
            {
                vec![NamedPerson::Patient(change.target.id.clone())]
            }
            Self::Fhir { action: FhirAction::Search(request), .. } => {
                request.query.named_persons().into_iter().collect()
            }
            Self::Fhir { action: FhirAction::Everything(request), .. } => {
                vec![NamedPerson::Patient(request.patient.clone())]
            }
            Self::Fhir { .. } | Self::Own(_) | Self::Push { .. } => Vec::new(),
        }
    }
}

/// The FHIR interactions served in front of a system.
#[derive(Debug)]
pub enum FhirAction {
    /// `GET /metadata`.
    Metadata,
    /// `GET /Type/id`.
    Read(ReadTarget),
    /// `GET /Binary/id`.
    ReadBinary(BinaryTarget),
    /// `GET /Type/id/_history/version`.
    Vread(VersionTarget),
    /// `GET /Type/id/_history`.
    History(HistoryRequest),
    /// `GET /Type?...`, `POST /Type/_search` or `GET /Patient/id/Type?...`.
    Search(SearchRequest),
    /// `POST /Type`.
    Create(NewResource),
    /// `GET /Patient/id/$everything`.
    Everything(everything::EverythingRequest),
    /// `GET /Composition/id/$document`.
    Document(ReadTarget),
    /// `POST /$process-message`.
    Message(message::NewMessage),
    /// `POST /` with a batch or transaction.
    Batch(batch::Batch),
    /// `PUT /Type/id` or `PATCH /Type/id`, with `If-Match`.
    Change(ResourceChange),
    /// `DELETE /Type/id`, with `If-Match`.
    Delete(ResourceDeletion),
}

impl FhirAction {
    /// The one resource that is asked for by its id.
    #[must_use]
    pub const fn reads(&self) -> Option<&ReadTarget> {
        match self {
            Self::Read(target)
            | Self::Document(target)
            | Self::ReadBinary(BinaryTarget { binary: target, .. })
            | Self::Vread(VersionTarget { resource: target, .. })
            | Self::History(HistoryRequest { resource: target, .. })
            | Self::Change(ResourceChange { target, .. })
            | Self::Delete(ResourceDeletion { target, .. }) => Some(target),
            Self::Metadata
            | Self::Search(_)
            | Self::Everything(_)
            | Self::Create(_)
            | Self::Message(_)
            | Self::Batch(_) => None,
        }
    }
}

/// One resource by type and id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadTarget {
    /// The resource type.
    pub resource_type: TypeId,
    /// Its logical id.
    pub id: Id,
    /// How much of it is asked for.
    pub projection: Projection,
    /// The versions that the reader holds already.
    pub held: HeldVersions,
}

impl ReadTarget {
    /// The whole of one resource.
    #[must_use]
    pub const fn new(resource_type: TypeId, id: Id) -> Self {
        Self { resource_type, id, projection: Projection::Whole, held: HeldVersions::None }
    }
}

/// A Binary, and in which form it is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BinaryTarget {
    /// The Binary.
    pub binary: ReadTarget,
    /// As a resource, or as its content.
    pub form: BinaryForm,
}

/// One version of a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionTarget {
    /// Of what.
    pub resource: ReadTarget,
    /// The version, as this gateway gave it.
    pub version: Id,
}

/// A parsed search and the page of its answer that is asked for.
#[derive(Debug, Clone)]
pub struct SearchRequest {
    /// The criteria and controls.
    pub query: SearchQuery,
    /// Matches to skip: 0 for the first page; else from a sealed cursor.
    pub offset: usize,
    /// What the pages before were decided under; nothing on the first page.
    pub standing: Option<Standing>,
}

/// A resource to be created; the body is content and stays sealed until it was decided.
#[derive(Debug)]
pub struct NewResource {
    /// The type in the path, equal to `resourceType` of the body.
    pub resource_type: TypeId,
    /// The body as received, validated.
    pub body: Arc<Unfiltered<Document>>,
    /// `If-None-Exist`: nothing is created when the requestor can see what this finds.
    pub unless: Option<SearchQuery>,
}

/// A change of a resource as the requestor sees it. What is wanted is content and stays sealed until it was decided.
#[derive(Debug, Clone)]
pub struct ResourceChange {
    /// Which resource.
    pub target: ReadTarget,
    /// The version of `If-Match`, without its quotes.
    pub if_match: String,
    /// What is to become of it.
    pub wanted: Wanted,
    /// What is to be told of it.
    pub told: Return,
}

/// A resource that is to be deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceDeletion {
    /// Which resource.
    pub target: ReadTarget,
    /// The version of `If-Match`, without its quotes.
    pub if_match: String,
}

/// What is to become of a resource.
#[derive(Debug, Clone)]
pub enum Wanted {
    /// The view of it, as it is to be seen.
    Whole(Arc<Unfiltered<Document>>),
    /// A JSON Patch of the view.
    Patch(Arc<Unfiltered<Document>>),
}

/// `Prefer: return=...`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Return {
    /// The view of what is stored now.
    #[default]
    Representation,
    /// Nothing.
    Minimal,
    /// An OperationOutcome.
    OperationOutcome,
}

/// The gateway's own resources.
#[derive(Debug)]
pub enum OwnAction {
    /// `GET /fhir/metadata`.
    Metadata,
    /// `GET /fhir/Consent/id`.
    ReadConsent(Id),
    /// `GET /fhir/Consent/id/_history/version`.
    VreadConsent {
        /// Which Consent.
        id: Id,
        /// Which version of it, as the caller names it.
        version: Id,
    },
    /// `GET /fhir/Consent/id/_history`.
    HistoryConsent(ConsentHistory),
    /// `GET /fhir/Consent?patient.identifier=...`.
    SearchConsent(ConsentQuery),
    /// `POST /fhir/Consent`.
    CreateConsent(Unfiltered<Document>),
    /// `PUT /fhir/Consent/id` with `If-Match`.
    UpdateConsent {
        /// Which Consent.
        id: Id,
        /// The version of `If-Match`.
        if_match: u32,
        /// The new content.
        body: Unfiltered<Document>,
    },
    /// `GET /fhir/AuditEvent?patient.identifier=` or `?patient=` or `?entity.identifier=`.
    SearchAuditEvent(AuditQuery),
    /// `GET /fhir/AuditEvent/id`.
    ReadAuditEvent(Id),
    /// `GET /fhir/Provenance/id`.
    ReadProvenance(Id),
}

/// A person as a search of the gateway's own resources names her.
#[derive(Debug, Clone)]
pub enum PersonSelector {
    /// `patient.identifier=https://fhir.nhs.uk/Id/nhs-number|n`.
    Nhs(NhsNumber),
    /// `patient=<system>/Patient/<id>`.
    Local {
        /// The system that holds the Patient.
        system: SystemName,
        /// The id there.
        id: Id,
    },
}

/// Which audit events are asked for.
#[derive(Debug, Clone)]
pub struct AuditQuery {
    /// By whom or by what.
    pub by: AuditSelector,
    /// What each of them meets as it is shown, of [`AuditQuery::CRITERIA`].
    pub criteria: Vec<Criterion>,
    /// At most so many (1..=200).
    pub count: usize,
    /// Continue before this position of the trail.
    pub before: Option<u64>,
}

impl AuditQuery {
    /// The criteria by which a trail is narrowed, and their kinds.
    pub const CRITERIA: [(&'static str, &'static str); 5] = [
        ("action", "token"),
        ("date", "date"),
        ("outcome", "token"),
        ("subtype", "token"),
        ("type", "token"),
    ];
}

/// The two ways to name audit events.
#[derive(Debug, Clone)]
pub enum AuditSelector {
    /// All about a person.
    Person(PersonSelector),
    /// Those of one exchange, by `Portcullis-Receipt` or `X-Request-Id`.
    Receipt(String),
}
