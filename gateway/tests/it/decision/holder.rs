//! A system that holds resources, answers searches for evidence, and remembers what it was asked.

use std::sync::{Arc, Mutex};

use fhir::identifier::NHS_NUMBER;
use fhir::json::{self, Limits};
use fhir::nhs_number::NhsNumber;
use fhir::reference::Id;
use futures_util::future::BoxFuture;
use gateway::consent::ConsentRegistry;
use gateway::consent::validate::{Writing, validate};
use gateway::decision::decide;
use gateway::decision::evidence::{Evidence, EvidenceCache, EvidenceFault, EvidenceSource, Wells};
use gateway::decision::ruling::Answer;
use gateway::enforce::held::{Complete, Held};
use gateway::enforce::subjects::Subjects;
use gateway::enforce::unfiltered::Unfiltered;
use gateway::interaction::ReadTarget;
use gateway::person::{PersonKey, SystemName};
use gateway::settings::Settings;
use gateway::upstream::UpstreamFault;
use serde_json::{Value, json};

use super::world::{Asking, BASE, EXAMPLE, at, settings, social_worker};

pub(crate) const BOB: &str = "9990000026";

/// A system that holds resources and answers `_id`, `identifier` and `patient` honestly, unless it is told to lie.
#[derive(Default)]
pub(crate) struct Holder {
    pub(crate) resources: Mutex<Vec<Value>>,
    pub(crate) asked: Mutex<Vec<String>>,
    pub(crate) manner: Mutex<Manner>,
}

#[derive(Default, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    #[default]
    Honest,
    LacksCareTeams,
    IgnoresParameters,
    IgnoresPatient,
    CutsOff,
    Fails,
    /// Fails whenever it is asked about this one.
    TripsOver(&'static str),
}

impl EvidenceSource for Holder {
    fn search_all<'a>(
        &'a self,
        system: &'a SystemName,
        resource_type: &'static str,
        parameters: Vec<(&'static str, String)>,
    ) -> BoxFuture<'a, Result<Unfiltered<Held>, UpstreamFault>> {
        let query: Vec<String> = parameters.iter().map(|(name, value)| format!("{name}={value}")).collect();
        self.asked.lock().unwrap().push(format!("{system}/{resource_type}?{}", query.join("&")));
        let manner = *self.manner.lock().unwrap();
        if manner == Manner::Fails {
            return Box::pin(async { Err(UpstreamFault::Unreachable) });
        }
        if manner == Manner::LacksCareTeams && resource_type == "CareTeam" {
            return Box::pin(async { Err(UpstreamFault::Rejected) });
        }
        let (name, value) = parameters.first().unwrap();
        let wanted: Vec<&str> = value.split(',').collect();
        if let Manner::TripsOver(one) = manner
            && wanted.contains(&one)
        {
            return Box::pin(async { Err(UpstreamFault::Failed) });
        }
        let matches = |resource: &&Value| {
            resource["resourceType"] == resource_type
                && resource["_system"] == system.as_str()
                && (manner == Manner::IgnoresParameters
                    || (manner == Manner::IgnoresPatient && *name == "patient")
                    || match *name {
                        "_id" => wanted.contains(&resource["id"].as_str().unwrap()),
                        "patient" => {
                            let subject = resource.get("subject").or(resource.get("patient")).unwrap();
                            wanted.iter().any(|id| subject["reference"] == format!("Patient/{id}"))
                        }
                        "identifier" => resource["identifier"].as_array().unwrap().iter().any(|identifier| {
                            let token = format!(
                                "{}|{}",
                                identifier["system"].as_str().unwrap(),
                                identifier["value"].as_str().unwrap()
                            );
                            wanted.contains(&token.as_str())
                        }),
                        other => panic!("{other}"),
                    })
        };
        let entries: Vec<Value> = self
            .resources
            .lock()
            .unwrap()
            .iter()
            .filter(matches)
            .map(|resource| {
                let mut resource = resource.clone();
                resource.as_object_mut().unwrap().remove("_system");
                json!({"resource": resource, "search": {"mode": "match"}})
            })
            .collect();
        let page = json!({"resourceType": "Bundle", "type": "searchset", "entry": entries}).to_string();
        let page = json::parse(page.into(), &Limits::default()).unwrap();
        let complete = if manner == Manner::CutsOff { Complete::Bounded } else { Complete::All };
        Box::pin(async move { Ok(Unfiltered::new(Held::searchset(vec![page], complete, None))) })
    }

    fn read_one<'a>(
        &'a self,
        _: &'a SystemName,
        _: &'a ReadTarget,
    ) -> BoxFuture<'a, Result<Unfiltered<Held>, UpstreamFault>> {
        Box::pin(async { Err(UpstreamFault::Rejected) })
    }
}

pub(crate) fn on(system: &str, mut resource: Value) -> Value {
    resource["_system"] = json!(system);
    resource
}

pub(crate) fn patient(id: &str, number: &str) -> Value {
    on(
        "hospital",
        json!({"resourceType": "Patient", "id": id, "identifier": [{"system": NHS_NUMBER, "value": number}]}),
    )
}

pub(crate) fn council() -> Value {
    json!({"identifier": {"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": "E10000099"}})
}

pub(crate) fn team(id: &str, of: &str, member: Value) -> Value {
    on(
        "hospital",
        json!({"resourceType": "CareTeam", "id": id, "status": "active",
               "subject": {"reference": format!("Patient/{of}")}, "participant": [{"member": member}]}),
    )
}

/// A holder, a registry and what is remembered, for one test.
pub(crate) struct World {
    pub(crate) holder: Holder,
    pub(crate) registry: ConsentRegistry,
    pub(crate) cache: EvidenceCache,
    pub(crate) settings: Arc<Settings>,
    _folder: tempfile::TempDir,
}

impl World {
    pub(crate) fn new(resources: &[Value]) -> Self {
        Self::with(resources, &[])
    }

    pub(crate) fn with(resources: &[Value], edits: &[(&str, &str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self {
            holder: Holder { resources: Mutex::new(resources.to_vec()), ..Holder::default() },
            registry: ConsentRegistry::open(folder.path(), BASE).unwrap(),
            cache: EvidenceCache::default(),
            settings: if edits.is_empty() { Arc::clone(&EXAMPLE) } else { Arc::new(settings(edits)) },
            _folder: folder,
        }
    }

    pub(crate) fn behaves(&self, manner: Manner) {
        *self.holder.manner.lock().unwrap() = manner;
    }

    pub(crate) fn holds(&self, resource: Value) {
        self.holder.resources.lock().unwrap().push(resource);
    }

    /// Which searches were run since this was asked last.
    pub(crate) fn asked(&self) -> Vec<String> {
        let tidy = |asked: String| asked.replace(&format!("{NHS_NUMBER}|"), "nhs|");
        std::mem::take(&mut *self.holder.asked.lock().unwrap()).into_iter().map(tidy).collect()
    }

    pub(crate) async fn gather(
        &self,
        asking: &Asking,
        subjects: &Subjects,
    ) -> Result<Evidence, EvidenceFault> {
        let admitted = asking.admitted(&self.settings).unwrap();
        let wells = Wells {
            settings: &self.settings,
            upstream: &self.holder,
            consents: &self.registry,
            cache: &self.cache,
        };
        Evidence::gather(&admitted, subjects, wells).await
    }

    /// Who may be read, of these Patients of the hospital.
    pub(crate) async fn permitted(&self, ids: &[&str]) -> Vec<String> {
        let asking = social_worker();
        let evidence = self.gather(&asking, &page(ids)).await.unwrap();
        let ruling = decide(asking.admitted(&self.settings).unwrap(), &evidence);
        let may = |id: &&&str| matches!(ruling.answer_of(&Id::parse(id).unwrap()), Some(Answer::Permit(_)));
        ids.iter().filter(may).map(|id| (*id).to_owned()).collect()
    }
}

pub(crate) fn page(ids: &[&str]) -> Subjects {
    Subjects {
        system: Some(SystemName::new("hospital")),
        patients: ids.iter().map(|id| Id::parse(id).unwrap()).collect(),
        ..Subjects::default()
    }
}

pub(crate) fn nhs(number: &str) -> PersonKey {
    PersonKey::Nhs(NhsNumber::parse(number).unwrap())
}

pub(crate) fn denial(number: &str) -> String {
    json!({
        "resourceType": "Consent", "status": "active",
        "scope": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]},
        "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "INFA"}]}],
        "patient": {"identifier": {"system": NHS_NUMBER, "value": number}},
        "dateTime": "2026-05-01", "performer": [{"display": "herself"}], "organization": [{"display": "the gateway"}],
        "sourceReference": {"display": "said so"}, "policy": [{"uri": "https://share.northshire.example/policy"}],
        "provision": {"type": "deny"}
    })
    .to_string()
}

pub(crate) async fn dissents(world: &World, number: &str) {
    let document = json::parse(denial(number).into(), &Limits::default()).unwrap();
    let valid = validate(&document, Writing::New, BASE).unwrap();
    world.registry.create(valid, at("2026-06-01T09:00:00Z")).await.unwrap();
}
