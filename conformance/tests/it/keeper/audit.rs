//! The keeper's AuditEvents, in the patterns of BALP.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};

use super::faults::Fault;
use super::world::{ISSUER, NUMBER, ORGANISATION, Person, token};

const DCM: &str = "http://dicom.nema.org/resources/ontology/DCM";

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Did {
    Read,
    Vread,
    Query,
    Post,
    Create,
    Update,
    Delete,
}

impl Did {
    /// Code of the interaction, action, and the codes of client, server and user.
    const fn codes(self) -> [&'static str; 5] {
        match self {
            Self::Read => ["read", "R", "110152", "110153", "IRCP"],
            Self::Vread => ["vread", "R", "110152", "110153", "IRCP"],
            Self::Query | Self::Post => ["search-type", "E", "110153", "110152", "IRCP"],
            Self::Create => ["create", "C", "110153", "110152", "AUT"],
            Self::Update => ["update", "U", "110153", "110152", "AUT"],
            Self::Delete => ["delete", "D", "110150", "", "AUT"],
        }
    }
}

/// One thing to be recorded.
#[derive(Debug, Clone)]
pub(crate) struct Entry<'a> {
    pub(crate) did: Did,
    pub(crate) person: Option<&'a Person>,
    pub(crate) request_id: String,
    pub(crate) patients: Vec<String>,
    /// `Type/id`.
    pub(crate) data: Option<String>,
    /// The search as it was sent.
    pub(crate) query: Option<String>,
    /// What was read, for keepers that put it where it may not be.
    pub(crate) content: Option<String>,
    /// The Consent that denied; none where it was something else.
    pub(crate) refusal: Option<Option<String>>,
    pub(crate) status: u16,
}

fn concept(system: &str, code: &str) -> Value {
    json!({"coding": [{"system": system, "code": code}]})
}

fn dcm(code: &str) -> Value {
    concept(DCM, code)
}

/// The event of an entry.
pub(crate) fn event(entry: &Entry<'_>, id: &str, fault: Fault) -> Value {
    let refused = entry.refusal.is_some();
    let by_consent = entry.refusal.clone().flatten().filter(|_| fault != Fault::ConsentUnnamed);
    let [interaction, action, ..] = entry.did.codes();
    let succeeded = entry.status < 400;
    let outcome = match fault {
        Fault::RefusalSucceeds if refused => "0",
        Fault::NotFoundSucceeds if entry.status == 404 => "0",
        _ if succeeded => "0",
        _ => "8",
    };
    let recorded = match fault {
        Fault::RecordedLater => Timestamp::now().saturating_add(3.hours()).unwrap(),
        _ => Timestamp::now(),
    };
    let action = match (fault, entry.did) {
        (Fault::VreadAction, Did::Vread) => "E",
        (Fault::CreateAction, Did::Create) => "U",
        _ => action,
    };
    let subtype = match (fault, entry.did) {
        (Fault::UpdateSubtype, Did::Update) => "create",
        _ => interaction,
    };
    let mut event = json!({
        "resourceType": "AuditEvent", "id": id,
        "type": {"system": "http://terminology.hl7.org/CodeSystem/audit-event-type", "code": "rest"},
        "subtype": [{"system": "http://hl7.org/fhir/restful-interaction", "code": subtype}],
        "action": action,
        "recorded": format!("{recorded:.3}"),
        "outcome": outcome,
        "agent": agents(entry, fault),
        "source": {"observer": observer(fault)},
        "entity": entities(entry, fault),
    });
    if by_consent.is_some() {
        event["type"] = json!({"system": DCM, "code": "110113"});
        event["subtype"] = json!([{
            "system": "https://profiles.ihe.net/ITI/BALP/CodeSystem/AuthZsubType", "code": "AuthZ-Consent"}]);
        event["action"] = json!("E");
    }
    if let Some(consent) = by_consent {
        let named = json!({"type": {"system": "http://hl7.org/fhir/resource-types", "code": "Consent"},
            "what": {"reference": format!("Consent/{consent}")}});
        let entities = event["entity"].as_array_mut().unwrap();
        // The profile is closed: it has no place for the id of the request.
        entities.retain(|one| one["role"]["code"] == "1");
        entities.push(named);
    }
    match fault {
        Fault::QueryType if entry.did == Did::Query => {
            event["type"] = json!({"system": DCM, "code": "110112"})
        }
        Fault::RefusalInvalid if refused => event["outcome"] = json!("whoops"),
        Fault::ContentInEvent => event["outcomeDesc"] = json!(entry.content),
        Fault::TokenInEvent => {
            let held = entry.person.map(|person| format!("Bearer {}", token(person)));
            event["outcomeDesc"] = json!(held.map(|held| STANDARD.encode(held)));
        }
        _ => {}
    }
    event
}

fn observer(fault: Fault) -> Value {
    match fault {
        Fault::SourceUnnamed => json!({"type": "Device"}),
        _ => json!({"identifier": {"system": ORGANISATION, "value": "KEEPER"}, "display": "The keeper"}),
    }
}

fn agents(entry: &Entry<'_>, fault: Fault) -> Vec<Value> {
    let [_, _, client, server, part] = entry.did.codes();
    let by_consent = entry.refusal.clone().flatten().is_some() && fault != Fault::ConsentUnnamed;
    let client = match (fault, entry.did) {
        (Fault::DeleteClient, Did::Delete) => "110153",
        _ if by_consent => "110150",
        _ => client,
    };
    let mut asking = json!({"type": dcm(client), "who": {"display": "the client"}, "requestor": false,
        "network": {"address": "127.0.0.1", "type": "2"}});
    if fault == Fault::NetworkUnknown {
        asking["network"] = json!({"type": "2"});
    }
    let serving = match entry.did {
        _ if by_consent => {
            concept("http://terminology.hl7.org/CodeSystem/extra-security-role-type", "authserver")
        }
        Did::Delete => {
            concept("http://terminology.hl7.org/CodeSystem/provenance-participant-type", "custodian")
        }
        _ => dcm(server),
    };
    let mut keeper = json!({"type": serving, "who": observer(fault), "requestor": false});
    if !by_consent {
        keeper["network"] = json!({"address": "http://keeper.example", "type": "5"});
    }
    let mut agents = vec![asking];
    let alone = matches!(
        (fault, entry.did),
        (Fault::ReadWithoutServer, Did::Read) | (Fault::PostWithoutServer, Did::Post)
    );
    if !alone {
        agents.push(keeper);
    }
    if let Some(person) =
        entry.person.filter(|_| !(fault == Fault::RefusalByNobody && entry.refusal.is_some()))
    {
        agents.push(user(person, if by_consent { "IRCP" } else { part }, fault));
        agents.push(json!({
            "type": concept("http://terminology.hl7.org/CodeSystem/v3-RoleClass", "PROV"),
            "who": {"identifier": {"system": ORGANISATION, "value": person.organisation}}, "requestor": false}));
    }
    agents
}

fn user(person: &Person, part: &str, fault: Fault) -> Value {
    let mut user = json!({
        "type": {"coding": [
            {"system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "code": part},
            {"system": "https://profiles.ihe.net/ITI/BALP/CodeSystem/UserAgentTypes", "code": "UserOauthAgent"}]},
        "who": {"identifier": {"system": ISSUER, "value": person.name}},
        "requestor": fault != Fault::NobodyAsked,
        "policy": [format!("urn:ietf:params:oauth:jti:sign-in-of-{}", person.name)],
    });
    if fault == Fault::AgentByName {
        user["who"] = json!({"display": person.name});
    }
    if fault == Fault::TokenIdMissing {
        user["policy"] = json!(["urn:ietf:params:oauth:jti:another"]);
    }
    let lost = fault == Fault::PurposeMissing
        || (fault == Fault::EmergencyPurposeLost && person.name == "emergency");
    if !lost {
        user["purposeOfUse"] =
            json!([concept("http://terminology.hl7.org/CodeSystem/v3-ActReason", person.purpose)]);
    }
    user
}

fn entity(kind: &str, role: &str) -> Value {
    json!({"type": {"system": "http://terminology.hl7.org/CodeSystem/audit-entity-type", "code": kind},
        "role": {"system": "http://terminology.hl7.org/CodeSystem/object-role", "code": role}})
}

fn entities(entry: &Entry<'_>, fault: Fault) -> Vec<Value> {
    let mut entities = Vec::new();
    let is_query = matches!(entry.did, Did::Query | Did::Post);
    if let Some(data) = entry.data.as_ref().filter(|_| !is_query || fault == Fault::QueryWithResults) {
        let mut held = entity("2", "4");
        held["what"] = json!({"reference": match (fault, entry.did) {
            (Fault::ReadNamesAnother, Did::Read) => "Observation/another".to_owned(),
            (Fault::CreateNamesType, Did::Create) => data.split('/').next().unwrap().to_owned(),
            _ => data.clone(),
        }});
        if !(fault == Fault::PublicReadWithoutData && entry.patients.is_empty()) {
            entities.push(held);
        }
    }
    if let Some(query) = &entry.query {
        let mut held = entity("2", "24");
        let text = match (fault, entry.did) {
            (Fault::QueryNormalised, _) => query.replace("=p1", "=Patient%2Fp1"),
            (Fault::PostWithoutForm, Did::Post) => "POST Observation/_search".to_owned(),
            _ => query.clone(),
        };
        let encoded = if fault == Fault::QueryNotEncoded { text } else { STANDARD.encode(text) };
        held["query"] = json!(encoded);
        entities.push(held);
    }
    for patient in &entry.patients {
        let role = if fault == Fault::PatientRole { "24" } else { "1" };
        let mut held = entity("1", role);
        held["what"] = json!({"reference": format!("Patient/{patient}"), "type": "Patient",
            "identifier": {"system": NUMBER, "value": patient}});
        entities.push(held);
    }
    let id = if fault == Fault::RequestIdAnother { "another" } else { &entry.request_id };
    entities.push(json!({
        "type": {"system": "https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType", "code": "XrequestId"},
        "what": {"identifier": {"value": id}}}));
    entities
}

/// Whether a keeper with this fault leaves an entry out.
pub(crate) fn is_left_out(entry: &Entry<'_>, fault: Fault) -> bool {
    let refused = entry.refusal.is_some();
    let searched = matches!(entry.did, Did::Query | Did::Post);
    let shared = entry.status < 400 && !refused;
    let of_trail = entry.data.as_deref() == Some("AuditEvent");
    match fault {
        Fault::ReadUnrecorded => shared && entry.did == Did::Read,
        Fault::VreadUnrecorded => shared && entry.did == Did::Vread,
        Fault::QueryUnrecorded => shared && entry.did == Did::Query && !of_trail,
        Fault::PostUnrecorded => shared && entry.did == Did::Post,
        Fault::CreateUnrecorded => entry.did == Did::Create,
        Fault::UpdateUnrecorded => entry.did == Did::Update,
        Fault::DeleteUnrecorded => entry.did == Did::Delete,
        Fault::RefusalUnrecorded => refused && entry.did == Did::Read,
        Fault::RefusedSearchUnrecorded | Fault::NothingFoundUnrecorded => {
            searched && entry.patients.is_empty()
        }
        Fault::NotFoundUnrecorded => entry.status == 404 && !refused,
        Fault::UnknownUnrecorded => entry.person.is_none(),
        Fault::LookingUnrecorded => of_trail,
        Fault::ConsentRefusalUnrecorded => matches!(entry.refusal, Some(Some(_))),
        Fault::EmergencyUnrecorded => entry.person.is_some_and(|person| person.name == "emergency"),
        _ => false,
    }
}

/// How often an entry is recorded.
pub(crate) fn times(entry: &Entry<'_>, fault: Fault) -> usize {
    let twice = match fault {
        Fault::ReadTwice => entry.did == Did::Read && entry.status < 400,
        Fault::QueryTwice => entry.did == Did::Query && !entry.patients.is_empty(),
        Fault::RefusalTwice => entry.refusal.is_some(),
        Fault::PublicCreateTwice => entry.did == Did::Create && entry.patients.is_empty(),
        _ => false,
    };
    if twice { 2 } else { 1 }
}
