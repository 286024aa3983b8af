//! What the keeper holds, and how it answers.

use std::collections::BTreeMap;

use http::Method;
use serde_json::{Value, json};

use super::audit::{self, Did, Entry};
use super::decide::{Asking, Baseline, Decision, How, decide};
use super::error;
use super::faults::Fault;
use super::parts::{Asked, Told};
use super::world::{Person, patient_of, records};

/// How many requests a keeper that is late about Consents answers by what it remembers.
const LATE: usize = 3;

/// Records, Consents and events.
pub(crate) struct Store {
    fault: Fault,
    baseline: Baseline,
    records: BTreeMap<String, Vec<Value>>,
    consents: BTreeMap<String, Vec<Value>>,
    events: Vec<Value>,
    made: usize,
    /// What is remembered of the Consents, and for how many more requests.
    remembered: (Vec<Value>, usize),
}

impl Store {
    pub(crate) fn new(fault: Fault, baseline: Baseline) -> Self {
        Self {
            fault,
            baseline,
            records: records(),
            consents: BTreeMap::new(),
            events: Vec::new(),
            made: 0,
            remembered: (Vec::new(), 0),
        }
    }

    pub(crate) fn answer(&mut self, asked: &Asked) -> Told {
        let path: Vec<&str> = asked.path.iter().map(String::as_str).collect();
        if path == ["metadata"] {
            return Told::json(200, &metadata());
        }
        let Some(person) = asked.person else {
            self.record(&Entry { status: 401, ..entry(asked, Did::Read, None) });
            return error(401);
        };
        match (&asked.method, path.as_slice()) {
            (_, ["AuditEvent", ..]) => self.trail(asked, person, &path),
            (_, ["Consent", ..]) => self.registry(asked, person, &path),
            (&Method::GET | &Method::HEAD, [kind, id]) => self.read(asked, person, &format!("{kind}/{id}")),
            (&Method::GET, [kind, id, "_history"]) => self.history(asked, person, &format!("{kind}/{id}")),
            (&Method::GET, [kind, id, "_history", version]) => {
                self.vread(asked, person, &format!("{kind}/{id}"), version)
            }
            (&Method::GET, [kind]) => self.search(asked, person, kind, Did::Query),
            (&Method::POST, [kind, "_search"]) => self.search(asked, person, kind, Did::Post),
            (&Method::POST, [kind]) => self.create(asked, person, kind),
            (&Method::PUT, [kind, id]) => self.update(asked, person, &format!("{kind}/{id}")),
            (&Method::DELETE, [kind, id]) => self.delete(asked, person, &format!("{kind}/{id}")),
            _ => error(404),
        }
    }

    fn record(&mut self, entry: &Entry<'_>) {
        if audit::is_left_out(entry, self.fault) {
            return;
        }
        for _ in 0..audit::times(entry, self.fault) {
            let id = format!("event{}", self.events.len());
            self.events.push(audit::event(entry, &id, self.fault));
        }
    }

    /// The Consents that count for this request.
    fn standing(&mut self) -> Vec<Value> {
        if self.remembered.1 > 0 {
            self.remembered.1 -= 1;
            return self.remembered.0.clone();
        }
        self.current()
    }

    fn current(&self) -> Vec<Value> {
        self.consents.values().filter_map(|versions| versions.last().cloned()).collect()
    }

    fn decided(
        &self,
        asked: &Asked,
        person: &Person,
        how: How,
        record: &Value,
        consents: &[Value],
    ) -> Decision {
        let asking = Asking { person, how, emergency: asked.emergency };
        decide(asking, record, consents, self.baseline, self.fault)
    }

    /// One record as it was decided about, and the record of that.
    fn shared(
        &mut self,
        asked: &Asked,
        person: &'static Person,
        (did, how): (Did, How),
        record: &Value,
    ) -> Option<Told> {
        let consents = self.standing();
        let decision = self.decided(asked, person, how, record, &consents);
        let name = format!("{}/{}", record["resourceType"].as_str().unwrap(), record["id"].as_str().unwrap());
        let mut entry = Entry {
            patients: patient_of(record).into_iter().collect(),
            data: Some(name),
            content: record.pointer("/code/text").and_then(Value::as_str).map(str::to_owned),
            ..entry(asked, did, Some(person))
        };
        match decision {
            Decision::Share => {
                self.record(&entry);
                None
            }
            Decision::Never | Decision::Denied(_) => {
                entry.status = 403;
                entry.refusal = Some(if let Decision::Denied(consent) = decision { consent } else { None });
                self.record(&entry);
                Some(error(403))
            }
        }
    }

    fn unknown(&mut self, asked: &Asked, person: &'static Person) -> Told {
        self.record(&Entry { status: 404, ..entry(asked, Did::Read, Some(person)) });
        error(404)
    }

    fn read(&mut self, asked: &Asked, person: &'static Person, name: &str) -> Told {
        let Some(record) = self.records.get(name).and_then(|versions| versions.last().cloned()) else {
            return self.unknown(asked, person);
        };
        let how = match asked.method {
            Method::HEAD => How::Head,
            _ if asked.parameter("_format").is_some() => How::Format,
            _ if asked.wants_xml() => How::Xml,
            _ => How::Read,
        };
        if let Some(refused) = self.shared(asked, person, (Did::Read, how), &record) {
            return refused;
        }
        if asked.wants_xml() { Told::xml(&record) } else { Told::json(200, &record) }
    }

    fn vread(&mut self, asked: &Asked, person: &'static Person, name: &str, version: &str) -> Told {
        let versions = self.records.get(name).cloned().unwrap_or_default();
        let Some(record) = versions.into_iter().find(|one| one["meta"]["versionId"] == version) else {
            return self.unknown(asked, person);
        };
        self.shared(asked, person, (Did::Vread, How::Vread), &record)
            .unwrap_or_else(|| Told::json(200, &record))
    }

    fn history(&mut self, asked: &Asked, person: &'static Person, name: &str) -> Told {
        let versions = self.records.get(name).cloned().unwrap_or_default();
        let Some(record) = versions.last().cloned() else { return self.unknown(asked, person) };
        if let Some(refused) = self.shared(asked, person, (Did::Vread, How::History), &record) {
            return refused;
        }
        let entries: Vec<Value> = versions.iter().map(|one| json!({"resource": one})).collect();
        Told::json(200, &json!({"resourceType": "Bundle", "type": "history", "entry": entries}))
    }

    fn search(&mut self, asked: &Asked, person: &'static Person, kind: &str, did: Did) -> Told {
        let of_type = format!("{kind}/");
        let ids = asked.parameter("_id");
        let patient = asked.parameter("patient");
        let fits = |record: &Value| {
            let listed = ids.as_ref().is_none_or(|ids| ids.split(',').any(|id| record["id"] == id));
            listed && patient.as_ref().is_none_or(|patient| patient_of(record).as_ref() == Some(patient))
        };
        let current = |(_, versions): (&String, &Vec<Value>)| versions.last().cloned();
        let found: Vec<Value> = self
            .records
            .iter()
            .filter(|(name, _)| name.starts_with(&of_type))
            .filter_map(current)
            .filter(fits)
            .collect();
        let how = if did == Did::Post { How::Post } else { How::Search };
        let consents = self.standing();
        let share = |store: &Self, record: &Value, how| {
            store.decided(asked, person, how, record, &consents) == Decision::Share
        };
        let mut shown: Vec<Value> = found.iter().filter(|record| share(self, record, how)).cloned().collect();
        let total = if self.fault == Fault::TotalCounts { found.len() } else { shown.len() };
        if asked.parameter("_include").is_some() {
            let included: Vec<Value> = shown
                .iter()
                .filter_map(|record| record.pointer("/encounter/reference")?.as_str())
                .filter_map(|name| self.records.get(name)?.last().cloned())
                .collect();
            shown.extend(included.into_iter().filter(|record| share(self, record, How::Include)));
        }
        self.record_search(asked, person, did, &shown);
        let entries: Vec<Value> = shown.iter().map(|record| json!({"resource": record})).collect();
        Told::json(
            200,
            &json!({"resourceType": "Bundle", "type": "searchset", "total": total, "entry": entries}),
        )
    }

    /// One event for each patient on the page; one without where there is none.
    fn record_search(&mut self, asked: &Asked, person: &'static Person, did: Did, shown: &[Value]) {
        let mut patients: Vec<String> = shown.iter().filter_map(patient_of).collect();
        patients.sort();
        patients.dedup();
        let base = Entry {
            query: Some(asked.query.clone()),
            data: shown.first().map(|record| format!("{}/x", record["resourceType"].as_str().unwrap())),
            ..entry(asked, did, Some(person))
        };
        let whom: Vec<Vec<String>> = match self.fault {
            Fault::TogetherFirstOnly => vec![patients.into_iter().take(1).collect()],
            Fault::TogetherInOne => vec![patients],
            Fault::PublicQueryWithPatient if patients.is_empty() => vec![vec!["p1".to_owned()]],
            _ if patients.is_empty() => vec![Vec::new()],
            _ => patients.into_iter().map(|patient| vec![patient]).collect(),
        };
        for patients in whom {
            self.record(&Entry { patients, ..base.clone() });
        }
    }

    fn create(&mut self, asked: &Asked, person: &'static Person, kind: &str) -> Told {
        self.made += 1;
        let name = format!("{kind}/made{}", self.made);
        self.put(asked, person, Did::Create, &name)
    }

    fn update(&mut self, asked: &Asked, person: &'static Person, name: &str) -> Told {
        match self.records.contains_key(name) {
            true => self.put(asked, person, Did::Update, name),
            false => self.unknown(asked, person),
        }
    }

    fn put(&mut self, asked: &Asked, person: &'static Person, did: Did, name: &str) -> Told {
        let versions = self.records.entry(name.to_owned()).or_default();
        let record = versioned(asked, name, versions.len());
        versions.push(record.clone());
        let patients = patient_of(&record).into_iter().collect();
        let status = if did == Did::Create { 201 } else { 200 };
        let data = Some(name.to_owned());
        self.record(&Entry { patients, data, status, ..entry(asked, did, Some(person)) });
        Told { location: Some(format!("/{name}")), ..Told::json(status, &record) }
    }

    fn delete(&mut self, asked: &Asked, person: &'static Person, name: &str) -> Told {
        let Some(versions) = self.records.remove(name) else { return self.unknown(asked, person) };
        let patients = versions.last().and_then(patient_of).into_iter().collect();
        let data = Some(name.to_owned());
        self.record(&Entry { patients, data, status: 204, ..entry(asked, Did::Delete, Some(person)) });
        Told { body: bytes::Bytes::new(), ..Told::json(204, &Value::Null) }
    }

    fn trail(&mut self, asked: &Asked, person: &'static Person, path: &[&str]) -> Told {
        let looks = person.name == "guardian";
        let by_id = |id: &str, event: &Value| event["id"] == id;
        match (&asked.method, path) {
            (&Method::GET, [_]) if looks || self.fault == Fault::TrailOpen => {
                let found = self.events.iter().rev().filter(|event| wanted(asked, event));
                let entries: Vec<Value> = found.map(|event| json!({"resource": event})).collect();
                let data = Some("AuditEvent".to_owned());
                let query = Some(asked.query.clone());
                self.record(&Entry { data, query, ..entry(asked, Did::Query, Some(person)) });
                Told::json(200, &json!({"resourceType": "Bundle", "type": "searchset", "entry": entries}))
            }
            (&Method::GET, [_, id]) if looks || self.fault == Fault::EventReadByAll => {
                let found = self.events.iter().find(|event| by_id(id, event)).cloned();
                match found.filter(|_| self.fault != Fault::EventsUnread) {
                    Some(event) => Told::json(200, &event),
                    None => error(404),
                }
            }
            (&Method::PUT, [_, id]) if looks && self.fault == Fault::EventChangeable => {
                let changed =
                    fhir::json::parse_value(asked.body.clone(), &fhir::json::Limits::default()).unwrap();
                let slot = self.events.iter_mut().find(|event| by_id(id, event)).unwrap();
                *slot = changed.clone();
                Told::json(200, &changed)
            }
            (&Method::DELETE, [_, id]) if looks && self.fault == Fault::EventDeletable => {
                self.events.retain(|event| !by_id(id, event));
                Told::json(204, &Value::Null)
            }
            (&Method::GET, _) => error(403),
            _ => error(405),
        }
    }

    fn registry(&mut self, asked: &Asked, person: &'static Person, path: &[&str]) -> Told {
        let writes = matches!(asked.method, Method::POST | Method::PUT | Method::DELETE)
            && path.last() != Some(&"_search");
        if person.name != "guardian" && !(writes && self.fault == Fault::RecorderAnybody) {
            return error(403);
        }
        match (&asked.method, path) {
            (&Method::POST, [_]) => {
                self.made += 1;
                self.write_consent(asked, &format!("c{}", self.made), 201)
            }
            (&Method::PUT, [_, id]) if self.consents.contains_key(*id) => self.write_consent(asked, id, 200),
            (&Method::GET, [_, id]) => {
                let Some(consent) = self.consents.get(*id).and_then(|versions| versions.last()) else {
                    return error(404);
                };
                match (asked.wants_xml(), self.fault) {
                    (true, Fault::ConsentsWithoutXml) => error(406),
                    (true, _) => Told::xml(consent),
                    (false, Fault::ConsentChanged) => {
                        let mut changed = consent.clone();
                        changed["provision"]["type"] = json!("permit");
                        Told::json(200, &changed)
                    }
                    (false, _) => Told::json(200, consent),
                }
            }
            (&Method::GET, [_, id, "_history", version]) if self.fault != Fault::ConsentVersionsLost => {
                let versions = self.consents.get(*id).cloned().unwrap_or_default();
                let found = versions.iter().find(|one| one["meta"]["versionId"] == *version);
                found.map_or_else(|| error(404), |consent| Told::json(200, consent))
            }
            (&Method::GET, [_]) if self.fault != Fault::ConsentSearchBroken => self.listed(asked),
            (&Method::POST, [_, "_search"]) if self.fault != Fault::ConsentFormBroken => self.listed(asked),
            _ => error(405),
        }
    }

    fn listed(&self, asked: &Asked) -> Told {
        let number = asked.parameter("patient.identifier").unwrap_or_default();
        let status = asked.parameter("status");
        let fits = |consent: &Value| {
            let value = consent["patient"]["identifier"]["value"].as_str().unwrap_or_default();
            number.ends_with(&format!("|{value}"))
                && status.as_ref().is_none_or(|status| consent["status"] == **status)
        };
        let entries: Vec<Value> =
            self.current().into_iter().filter(fits).map(|consent| json!({"resource": consent})).collect();
        Told::json(200, &json!({"resourceType": "Bundle", "type": "searchset", "entry": entries}))
    }

    fn write_consent(&mut self, asked: &Asked, id: &str, status: u16) -> Told {
        let before = self.current();
        let versions = self.consents.entry(id.to_owned()).or_default();
        let consent = versioned(asked, &format!("Consent/{id}"), versions.len());
        if status == 200 && asked.if_match.is_none() {
            return error(412);
        }
        versions.push(consent.clone());
        let active = consent["status"] == "active";
        match self.fault {
            Fault::RemembersSomeRequests if active => self.remembered = (before, LATE),
            Fault::WithdrawalAfterSomeRequests if !active => self.remembered = (before, LATE),
            _ => {}
        }
        Told { location: Some(format!("/Consent/{id}/_history/x")), ..Told::json(status, &consent) }
    }
}

fn versioned(asked: &Asked, name: &str, before: usize) -> Value {
    let mut record = fhir::json::parse_value(asked.body.clone(), &fhir::json::Limits::default()).unwrap();
    record["id"] = json!(name.split('/').next_back());
    record["meta"]["versionId"] = json!((before + 1).to_string());
    record
}

fn wanted(asked: &Asked, event: &Value) -> bool {
    let entities = event["entity"].as_array().unwrap();
    let by_request = asked
        .parameter("entity.identifier")
        .is_none_or(|id| entities.iter().any(|entity| entity["what"]["identifier"]["value"] == id));
    let by_patient = asked.parameter("patient.identifier").is_none_or(|token| {
        let value = token.split('|').next_back().unwrap().to_owned();
        entities.iter().any(|entity| entity["what"]["identifier"]["value"] == value)
    });
    by_request && by_patient
}

fn entry<'a>(asked: &Asked, did: Did, person: Option<&'a Person>) -> Entry<'a> {
    Entry {
        did,
        person,
        request_id: asked.request_id.clone(),
        patients: Vec::new(),
        data: None,
        query: None,
        content: None,
        refusal: None,
        status: 200,
    }
}

fn metadata() -> Value {
    let offers = |kind: &str| {
        let interactions = ["read", "vread", "history-instance", "create", "update", "delete", "search-type"];
        let interactions: Vec<Value> = interactions.iter().map(|code| json!({"code": code})).collect();
        json!({"type": kind, "interaction": interactions})
    };
    let kinds: Vec<Value> = ["Patient", "Observation", "Encounter", "Organization"].map(offers).to_vec();
    json!({
        "resourceType": "CapabilityStatement", "status": "active", "date": "2026-01-01", "kind": "instance",
        "fhirVersion": "4.0.1", "format": ["json", "xml"], "implementation": {"description": "the keeper"},
        "rest": [{"mode": "server", "resource": kinds}]
    })
}
