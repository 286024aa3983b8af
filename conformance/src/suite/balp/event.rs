//! One AuditEvent: what it says of whom, and whether it conforms.

use std::sync::OnceLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::super::people::{list, text};
use crate::check::{Judgement, Otherwise};
use crate::definitions::Definitions;
use crate::scene::Patient;
use crate::tree::{Limits, Tree};
use crate::validate::{Severity, validate};

/// Where BALP's profiles live.
pub(in crate::suite) const PROFILES: &str =
    "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit.";
const DCM: &str = "http://dicom.nema.org/resources/ontology/DCM";
/// How many faults of an event are told.
const TOLD_MAX: usize = 3;

/// An AuditEvent as it was found.
#[derive(Debug, Clone)]
pub(in crate::suite) struct Event(pub(in crate::suite) Value);

impl Event {
    pub(in crate::suite) fn id(&self) -> &str {
        text(&self.0, "/id").unwrap_or_default()
    }

    pub(in crate::suite) fn agents(&self) -> &[Value] {
        list(&self.0, "agent")
    }

    pub(in crate::suite) fn entities(&self) -> &[Value] {
        list(&self.0, "entity")
    }

    pub(in crate::suite) fn outcome(&self) -> Option<&str> {
        text(&self.0, "/outcome")
    }

    /// Whether it tells of something that was done on AuditEvents themselves, as looking for this one is.
    pub(in crate::suite) fn is_of_the_trail(&self) -> bool {
        let queried = |entity: &Value| {
            text(entity, "/what/reference").is_some_and(|place| place.contains("AuditEvent"))
                || text(entity, "/description").is_some_and(|words| words.contains("AuditEvent"))
        };
        self.entities().iter().any(queried)
    }

    /// Entities that are a patient.
    pub(in crate::suite) fn patients(&self) -> impl Iterator<Item = &Value> {
        self.entities().iter().filter(|entity| {
            text(entity, "/role/code") == Some("1")
                || text(entity, "/what/type") == Some("Patient") && text(entity, "/type/code") == Some("1")
        })
    }

    /// Whether it names this patient as its patient.
    pub(in crate::suite) fn names(&self, patient: &Patient) -> bool {
        self.patients().any(|entity| names(entity, patient))
    }

    /// The transaction entity: `X-Request-Id`.
    pub(in crate::suite) fn request_id(&self) -> Option<&str> {
        let transaction =
            self.entities().iter().find(|entity| text(entity, "/type/code") == Some("XrequestId"))?;
        text(transaction, "/what/identifier/value")
    }

    /// The query as it was recorded, decoded.
    pub(in crate::suite) fn query(&self) -> Option<Result<Vec<u8>, ()>> {
        let query = self.entities().iter().find_map(|entity| text(entity, "/query"))?;
        Some(STANDARD.decode(query).map_err(|_| ()))
    }

    /// Whether something was asked with a search.
    pub(in crate::suite) fn is_query(&self) -> bool {
        self.entities().iter().any(|entity| entity.get("query").is_some())
    }

    /// The agent on the asking side, by any of the codes that BALP gives it.
    pub(in crate::suite) fn client(&self) -> Option<&Value> {
        let codes: &[&str] = match text(&self.0, "/action") {
            Some("R") => &["110152"],
            Some("D") => &["110150"],
            Some(_) | None => &["110153", "110150"],
        };
        self.agents().iter().find(|agent| {
            list(agent.get("type").unwrap_or(&Value::Null), "coding").iter().any(|coding| {
                text(coding, "/system") == Some(DCM)
                    && text(coding, "/code").is_some_and(|code| codes.contains(&code))
            })
        })
    }

    /// Holds it to R4, to what it claims, and to the profiles of BALP with these names.
    pub(in crate::suite) fn conforms(&self, profiles: &[&str]) -> Judgement {
        static DEFINITIONS: OnceLock<Option<Definitions>> = OnceLock::new();
        let definitions = DEFINITIONS.get_or_init(|| Definitions::shipped().ok());
        let definitions =
            definitions.as_ref().ok_or_else(|| Otherwise::error("the shipped definitions do not read"))?;
        let tree = Tree::read(self.0.to_string().as_bytes(), &Limits::default())
            .map_err(|_| Otherwise::error("the AuditEvent is beyond what this suite reads"))?;
        let profiles: Vec<String> = profiles.iter().map(|name| format!("{PROFILES}{name}")).collect();
        let asked: Vec<&str> = profiles.iter().map(String::as_str).collect();
        let faults: Vec<String> = validate(&tree, definitions, &asked)
            .iter()
            .filter(|finding| finding.severity == Severity::Error)
            .map(|finding| format!("{}: {} [{}]", finding.path, finding.text, finding.code()))
            .collect();
        if faults.is_empty() {
            return Ok(());
        }
        let expected = match asked.is_empty() {
            true => "an AuditEvent that is valid R4".to_owned(),
            false => format!("an AuditEvent that conforms to {}", asked.join(" and ")),
        };
        let told: Vec<&str> = faults.iter().take(TOLD_MAX).map(String::as_str).collect();
        Err(Otherwise::unmet(expected, format!("{} faults: {}", faults.len(), told.join("; "))))
    }
}

/// Whether an entity names a patient by reference or by identifier.
pub(in crate::suite) fn names(entity: &Value, patient: &Patient) -> bool {
    let by_place = text(entity, "/what/reference").is_some_and(|place| {
        let plain = place.split("/_history/").next().unwrap_or(place);
        let wanted = format!("Patient/{}", patient.id);
        plain == wanted || plain.ends_with(&format!("/{wanted}"))
    });
    let by_identifier = patient.identifier.as_ref().is_some_and(|known| {
        text(entity, "/what/identifier/value") == Some(known.value.as_str())
            && text(entity, "/what/identifier/system").is_none_or(|system| system == known.system)
    });
    by_place || by_identifier
}
