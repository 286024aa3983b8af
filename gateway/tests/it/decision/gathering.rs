//! Evidence about whole pages at once, from a holder that answers what it is asked and remembers it.

use std::sync::Mutex;

use fhir::identifier::NHS_NUMBER;
use fhir::json::{self, Limits};
use fhir::nhs_number::NhsNumber;
use fhir::reference::Id;
use futures_util::future::BoxFuture;
use gateway::consent::ConsentRegistry;
use gateway::consent::validate::{Writing, validate};
use gateway::decision::decide;
use gateway::decision::evidence::{Evidence, EvidenceCache, EvidenceFault, EvidenceSource, Wells};
use gateway::decision::facts::{Identity, Shield};
use gateway::decision::ruling::Answer;
use gateway::enforce::facts::NotEvidence;
use gateway::enforce::held::{Complete, Held};
use gateway::enforce::subjects::Subjects;
use gateway::enforce::unfiltered::Unfiltered;
use gateway::person::{PersonKey, SystemName};
use gateway::settings::Settings;
use gateway::upstream::UpstreamFault;
use serde_json::{Value, json};

use super::world::{ANN, Asking, BASE, at, push, settings, social_worker};

const BOB: &str = "9990000026";

/// A system that holds resources and answers `_id`, `identifier` and `patient` honestly, unless it is told to lie.
#[derive(Default)]
struct Holder {
    resources: Mutex<Vec<Value>>,
    asked: Mutex<Vec<String>>,
    manner: Mutex<Manner>,
}

#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Manner {
    #[default]
    Honest,
    IgnoresParameters,
    IgnoresPatient,
    CutsOff,
    Fails,
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
        let (name, value) = parameters.first().unwrap();
        let wanted: Vec<&str> = value.split(',').collect();
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
        Box::pin(async move { Ok(Unfiltered::new(Held::Searchset { pages: vec![page], complete })) })
    }
}

fn on(system: &str, mut resource: Value) -> Value {
    resource["_system"] = json!(system);
    resource
}

fn patient(id: &str, number: &str) -> Value {
    on(
        "hospital",
        json!({"resourceType": "Patient", "id": id, "identifier": [{"system": NHS_NUMBER, "value": number}]}),
    )
}

fn council() -> Value {
    json!({"identifier": {"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": "E10000099"}})
}

fn team(id: &str, of: &str, member: Value) -> Value {
    on(
        "hospital",
        json!({"resourceType": "CareTeam", "id": id, "status": "active",
               "subject": {"reference": format!("Patient/{of}")}, "participant": [{"member": member}]}),
    )
}

/// A holder, a registry and what is remembered, for one test.
struct World {
    holder: Holder,
    registry: ConsentRegistry,
    cache: EvidenceCache,
    settings: Settings,
    _folder: tempfile::TempDir,
}

impl World {
    fn new(resources: &[Value]) -> Self {
        Self::with(resources, &[])
    }

    fn with(resources: &[Value], edits: &[(&str, &str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self {
            holder: Holder { resources: Mutex::new(resources.to_vec()), ..Holder::default() },
            registry: ConsentRegistry::open(folder.path(), BASE).unwrap(),
            cache: EvidenceCache::default(),
            settings: settings(edits),
            _folder: folder,
        }
    }

    fn behaves(&self, manner: Manner) {
        *self.holder.manner.lock().unwrap() = manner;
    }

    fn holds(&self, resource: Value) {
        self.holder.resources.lock().unwrap().push(resource);
    }

    /// Which searches were run since this was asked last.
    fn asked(&self) -> Vec<String> {
        let tidy = |asked: String| asked.replace(&format!("{NHS_NUMBER}|"), "nhs|");
        std::mem::take(&mut *self.holder.asked.lock().unwrap()).into_iter().map(tidy).collect()
    }

    async fn gather(&self, asking: &Asking, subjects: &Subjects) -> Result<Evidence, EvidenceFault> {
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
    async fn permitted(&self, ids: &[&str]) -> Vec<String> {
        let asking = social_worker();
        let evidence = self.gather(&asking, &page(ids)).await.unwrap();
        let ruling = decide(asking.admitted(&self.settings).unwrap(), &evidence);
        let may = |id: &&&str| matches!(ruling.answer_of(&Id::parse(id).unwrap()), Some(Answer::Permit(_)));
        ids.iter().filter(may).map(|id| (*id).to_owned()).collect()
    }
}

fn page(ids: &[&str]) -> Subjects {
    Subjects {
        system: Some(SystemName::new("hospital")),
        patients: ids.iter().map(|id| Id::parse(id).unwrap()).collect(),
        ..Subjects::default()
    }
}

fn nhs(number: &str) -> PersonKey {
    PersonKey::Nhs(NhsNumber::parse(number).unwrap())
}

fn denial(number: &str) -> String {
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

async fn dissents(world: &World, number: &str) {
    let document = json::parse(denial(number).into(), &Limits::default()).unwrap();
    let valid = validate(&document, Writing::New, BASE).unwrap();
    world.registry.create(valid, at("2026-06-01T09:00:00Z")).await.unwrap();
}

#[tokio::test]
async fn a_page_is_gathered_at_once_and_a_warm_one_asks_for_the_patients_alone() {
    let world = World::new(&[
        patient("ann", ANN),
        patient("bob", BOB),
        team("t1", "ann", council()),
        team("t2", "bob", council()),
    ]);
    assert_eq!(world.permitted(&["ann", "bob"]).await, ["ann", "bob"]);
    assert_eq!(
        world.asked(),
        [
            "hospital/Patient?_id=ann,bob",
            "hospital/Patient?identifier=nhs|9990000018,nhs|9990000026",
            "hospital/CareTeam?patient=ann,bob"
        ]
    );
    assert_eq!(world.permitted(&["ann", "bob"]).await, ["ann", "bob"]);
    assert_eq!(world.asked(), ["hospital/Patient?_id=ann,bob"]);
}

#[tokio::test]
async fn kinds_of_tie_are_asked_for_in_the_order_of_the_agreement_until_everyone_has_one() {
    let encounter = on(
        "hospital",
        json!({"resourceType": "Encounter", "id": "e", "status": "in-progress", "subject": {"reference": "Patient/bob"},
               "serviceProvider": council()}),
    );
    let world =
        World::new(&[patient("ann", ANN), patient("bob", BOB), team("t1", "ann", council()), encounter]);
    assert_eq!(world.permitted(&["ann", "bob"]).await, ["ann", "bob"]);
    let asked = world.asked();
    assert_eq!(asked[2..], ["hospital/CareTeam?patient=ann,bob", "hospital/Encounter?patient=bob"]);
}

#[tokio::test]
async fn what_is_about_nobody_asks_for_nothing() {
    let world = World::new(&[]);
    let evidence = world.gather(&social_worker(), &page(&[])).await.unwrap();
    assert_eq!((evidence.persons().count(), world.asked().len()), (0, 0));
}

#[tokio::test]
async fn that_there_is_no_tie_is_never_remembered() {
    let world = World::new(&[patient("ann", ANN)]);
    assert!(world.permitted(&["ann"]).await.is_empty());
    let asked = world.asked();
    assert_eq!(asked.len(), 5, "{asked:?}");
    world.holds(team("t1", "ann", council()));
    assert_eq!(world.permitted(&["ann"]).await, ["ann"]);
}

#[tokio::test]
async fn the_shield_and_consents_are_read_anew_each_time() {
    let world = World::new(&[patient("ann", ANN), team("t1", "ann", council())]);
    let before = world.gather(&social_worker(), &page(&["ann"])).await.unwrap();
    assert_eq!(before.persons().next().unwrap().1.shield, Shield::None);
    world.holder.resources.lock().unwrap()[0]["meta"] = json!({"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}]});
    dissents(&world, ANN).await;
    assert!(!before.is_current(&world.registry), "what was gathered before a dissent is out of date");
    let after = world.gather(&social_worker(), &page(&["ann"])).await.unwrap();
    let (_, ann) = after.persons().next().unwrap();
    assert_eq!((ann.shield, ann.consents.len()), (Shield::Shielded, 1));
    assert!(after.is_current(&world.registry));
}

#[tokio::test]
async fn two_patients_with_one_number_are_both_uncertain() {
    let world = World::new(&[patient("ann", ANN), patient("twin", ANN), team("t1", "ann", council())]);
    assert!(world.permitted(&["ann"]).await.is_empty());
    let evidence = world.gather(&social_worker(), &page(&["ann", "twin"])).await.unwrap();
    assert_eq!(evidence.duplicated().count(), 2);
    let system = SystemName::new("hospital");
    let keys: Vec<_> = evidence.persons().map(|(key, _)| key.clone()).collect();
    let local = |id: &str| PersonKey::Local { system: system.clone(), id: Id::parse(id).unwrap() };
    assert_eq!(keys, [local("ann"), local("twin")]);
}

#[tokio::test]
async fn a_twin_that_appears_is_seen_although_the_first_is_remembered() {
    let world = World::new(&[patient("ann", ANN), team("t1", "ann", council())]);
    assert_eq!(world.permitted(&["ann"]).await, ["ann"]);
    world.holds(patient("twin", ANN));
    assert!(world.permitted(&["ann", "twin"]).await.is_empty());
}

#[tokio::test]
async fn a_number_is_a_key_only_when_it_is_verified() {
    let status = |code: &str| {
        json!([{"system": NHS_NUMBER, "value": ANN, "extension": [{
            "url": "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-NHSNumberVerificationStatus",
            "valueCodeableConcept": {"coding": [{"system": "x", "code": code}]}}]}])
    };
    let with = |identifier: Value| {
        on("hospital", json!({"resourceType": "Patient", "id": "ann", "identifier": identifier}))
    };
    let distrusted = ("portcullis.toml", "trusted_identity = true", "trusted_identity = false");
    let local = PersonKey::Local { system: SystemName::new("hospital"), id: Id::parse("ann").unwrap() };
    for (case, identifier, edits, expected) in [
        ("verified", status("01"), vec![distrusted], nhs(ANN)),
        ("not verified", status("02"), vec![], local.clone()),
        ("not stated, trusted", json!([{"system": NHS_NUMBER, "value": ANN}]), vec![], nhs(ANN)),
        (
            "not stated, not trusted",
            json!([{"system": NHS_NUMBER, "value": ANN}]),
            vec![distrusted],
            local.clone(),
        ),
        ("not valid", json!([{"system": NHS_NUMBER, "value": "9990000019"}]), vec![], local.clone()),
        ("old", json!([{"use": "old", "system": NHS_NUMBER, "value": ANN}]), vec![], local.clone()),
        ("none", json!([]), vec![], local.clone()),
    ] {
        let world = World::with(&[with(identifier)], &edits);
        let evidence = world.gather(&social_worker(), &page(&["ann"])).await.unwrap();
        let (key, person) = evidence.persons().next().unwrap();
        assert_eq!((key, person.identity), (&expected, Identity::Certain), "{case}");
    }
    let both = json!([{"system": NHS_NUMBER, "value": ANN}, {"system": NHS_NUMBER, "value": BOB}]);
    let world = World::new(&[with(both)]);
    let evidence = world.gather(&social_worker(), &page(&["ann"])).await.unwrap();
    assert_eq!(evidence.persons().next().unwrap().1.identity, Identity::Unknown);
}

#[tokio::test]
async fn a_number_that_is_only_claimed_still_carries_its_denials() {
    let distrusted = ("portcullis.toml", "trusted_identity = true", "trusted_identity = false");
    let world = World::with(&[patient("ann", ANN), team("t1", "ann", council())], &[distrusted]);
    assert_eq!(world.permitted(&["ann"]).await, ["ann"]);
    dissents(&world, ANN).await;
    assert!(world.permitted(&["ann"]).await.is_empty());
}

#[tokio::test]
async fn a_patient_who_is_not_there_or_was_taken_back_is_unknown() {
    let mut taken_back = patient("ann", ANN);
    taken_back["meta"] = json!({"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "REDACTED"}]});
    let world = World::new(&[taken_back]);
    let evidence = world.gather(&social_worker(), &page(&["ann", "nobody"])).await.unwrap();
    assert!(evidence.persons().all(|(_, person)| person.identity == Identity::Unknown));
    assert_eq!(evidence.persons().count(), 2);
}

#[tokio::test]
async fn an_answer_about_persons_nobody_asked_for_is_a_fault() {
    let world = World::new(&[patient("ann", ANN), patient("bob", BOB)]);
    world.behaves(Manner::IgnoresParameters);
    let fault = world.gather(&social_worker(), &page(&["ann"])).await.unwrap_err();
    assert!(matches!(fault, EvidenceFault::NotEvidence { source: NotEvidence::Strangers, .. }), "{fault:?}");
    let teams = World::new(&[patient("ann", ANN), team("t", "bob", council())]);
    teams.behaves(Manner::IgnoresPatient);
    let fault = teams.gather(&social_worker(), &page(&["ann"])).await.unwrap_err();
    assert!(matches!(fault, EvidenceFault::NotEvidence { source: NotEvidence::Strangers, .. }), "{fault:?}");
}

#[tokio::test]
async fn evidence_that_is_cut_off_or_not_to_be_had_is_a_fault() {
    let world = World::new(&[patient("ann", ANN)]);
    world.behaves(Manner::CutsOff);
    let fault = world.gather(&social_worker(), &page(&["ann"])).await.unwrap_err();
    assert!(matches!(fault, EvidenceFault::NotEvidence { source: NotEvidence::Incomplete, .. }), "{fault:?}");
    world.behaves(Manner::Fails);
    let fault = world.gather(&social_worker(), &page(&["ann"])).await.unwrap_err();
    assert!(matches!(fault, EvidenceFault::Upstream(UpstreamFault::Unreachable)), "{fault:?}");
}

#[tokio::test]
async fn a_member_is_found_by_identifier_contained_by_id_and_through_a_role() {
    let organization = json!({"resourceType": "Organization", "id": "asc", "identifier": [
        {"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": "E10000099"}]});
    let role = on(
        "hospital",
        json!({"resourceType": "PractitionerRole", "id": "r", "organization": {"reference": "Organization/asc"}}),
    );
    let sam = on(
        "hospital",
        json!({"resourceType": "Practitioner", "id": "sam", "identifier": [
        {"system": "https://fhir.nhs.uk/Id/sds-user-id", "value": "555000111222"}]}),
    );
    let directory = [on("hospital", organization.clone()), role, sam];
    let mut contained = team("t", "ann", json!({"reference": "#asc"}));
    contained["contained"] = json!([organization]);
    for (case, team) in [
        ("identifier", team("t", "ann", council())),
        ("contained", contained),
        ("by id", team("t", "ann", json!({"reference": "Organization/asc"}))),
        (
            "by its own name for itself",
            team("t", "ann", json!({"reference": "https://ehr.northshire.example/fhir/Organization/asc"})),
        ),
        ("through a role", team("t", "ann", json!({"reference": "PractitionerRole/r"}))),
        ("a member of staff", team("t", "ann", json!({"reference": "Practitioner/sam"}))),
    ] {
        let mut resources = vec![patient("ann", ANN), team];
        resources.extend(directory.clone());
        assert_eq!(World::new(&resources).permitted(&["ann"]).await, ["ann"], "{case}");
    }
    for (case, member) in [
        ("somebody else", json!({"reference": "Organization/other"})),
        ("elsewhere", json!({"reference": "https://other.example/fhir/Organization/asc"})),
        ("in words", json!({"display": "Eastshire County Council"})),
    ] {
        let mut resources = vec![patient("ann", ANN), team("t", "ann", member)];
        resources.extend(directory.clone());
        assert!(World::new(&resources).permitted(&["ann"]).await.is_empty(), "{case}");
    }
}

#[tokio::test]
async fn a_status_says_whether_a_tie_holds() {
    let subject = json!({"reference": "Patient/ann"});
    let mut cases = Vec::new();
    for (status, period, holds) in [
        ("active", json!({}), true),
        ("active", json!({"start": "2026-06-02"}), false),
        ("active", json!({"end": "2026-05-10"}), true),
        ("inactive", json!({"end": "2026-05-10"}), true),
        ("inactive", json!({"end": "2026-04"}), false),
        ("inactive", json!({}), false),
        ("proposed", json!({}), false),
        ("entered-in-error", json!({}), false),
        ("active", json!({"end": "soon"}), false),
    ] {
        let mut tie = team("t", "ann", council());
        tie["status"] = json!(status);
        tie["period"] = period;
        cases.push((tie, holds));
    }
    for (status, end, holds) in [
        ("arrived", None, true),
        ("in-progress", None, true),
        ("planned", None, false),
        ("finished", Some("2026-05-10T08:00:00Z"), true),
        ("finished", Some("2026-04-10"), false),
        ("finished", None, false),
        ("cancelled", Some("2026-05-10"), false),
    ] {
        let period = end.map_or(json!({}), |end| json!({"end": end}));
        let tie = json!({"resourceType": "Encounter", "id": "e", "status": status, "subject": subject, "period": period, "serviceProvider": council()});
        cases.push((on("hospital", tie), holds));
    }
    for (status, intent, extra, holds) in [
        ("active", "order", json!({}), true),
        ("active", "proposal", json!({}), false),
        ("active", "original-order", json!({"authoredOn": "2020-01-01"}), true),
        ("active", "order", json!({"occurrencePeriod": {"end": "2026-01-01"}}), false),
        ("completed", "order", json!({"occurrenceDateTime": "2026-05-20"}), true),
        ("completed", "order", json!({"authoredOn": "2026-05-20"}), true),
        ("completed", "order", json!({"authoredOn": "2026-01-20"}), false),
        ("completed", "order", json!({}), false),
        ("revoked", "order", json!({}), false),
        ("active", "order", json!({"authoredOn": "2026-07-01"}), false),
    ] {
        let mut tie = json!({"resourceType": "ServiceRequest", "id": "s", "status": status, "intent": intent, "subject": subject, "performer": [council()]});
        tie.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        cases.push((on("hospital", tie), holds));
    }
    for (tie, holds) in cases {
        let world = World::new(&[patient("ann", ANN), tie.clone()]);
        assert_eq!(!world.permitted(&["ann"]).await.is_empty(), holds, "{tie}");
    }
}

#[tokio::test]
async fn a_participant_whose_time_is_over_is_a_member_no_more() {
    let mut tie = team("t", "ann", council());
    tie["participant"][0]["period"] = json!({"end": "2026-01-31"});
    let world = World::new(&[patient("ann", ANN), tie.clone()]);
    assert!(world.permitted(&["ann"]).await.is_empty());
    tie["participant"][0]["period"] = json!({"end": "2026-05-31"});
    assert_eq!(World::new(&[patient("ann", ANN), tie]).permitted(&["ann"]).await, ["ann"]);
}

#[tokio::test]
async fn only_the_systems_of_the_discloser_prove_ties() {
    let edits = [("portcullis.toml", "relationship_source = true", "relationship_source = false")];
    let world = World::with(&[patient("ann", ANN), team("t", "ann", council())], &edits);
    assert!(world.permitted(&["ann"]).await.is_empty());
    assert_eq!(world.asked().len(), 2);
    let elsewhere = (
        "portcullis.toml",
        "ca = \"tls/eastshire-ca.pem\"",
        "ca = \"tls/eastshire-ca.pem\"\nrelationship_source = true",
    );
    let mut theirs = team("t", "ann", council());
    theirs["_system"] = json!("council");
    let world = World::with(&[patient("ann", ANN), theirs], &[elsewhere]);
    assert!(world.permitted(&["ann"]).await.is_empty());
    assert!(world.asked().iter().all(|asked| asked.starts_with("hospital/")));
}

#[tokio::test]
async fn another_system_of_the_discloser_is_asked_by_number_for_those_without_a_tie() {
    let second = "[[system]]\nname = \"community\"\norganisation = \"ods:RX1\"\nprotocol = \"fhir-r4\"\nbase = \"https://community.northshire.example/fhir\"\nca = \"tls/northshire-ca.pem\"\nrelationship_source = true\ntrusted_identity = true\n\n# HL7 v2 from";
    let edits = [("portcullis.toml", "# HL7 v2 from", second)];
    let mut there = patient("a2", ANN);
    there["_system"] = json!("community");
    let mut tie = team("t", "a2", council());
    tie["_system"] = json!("community");
    let world = World::with(&[patient("ann", ANN), there, tie], &edits);
    assert_eq!(world.permitted(&["ann"]).await, ["ann"]);
    let asked = world.asked();
    assert_eq!(
        asked[asked.len() - 2..],
        ["community/Patient?identifier=nhs|9990000018", "community/CareTeam?patient=a2"]
    );
}

#[tokio::test]
async fn a_push_names_its_person_by_number_and_reads_the_shield_from_the_sender() {
    let mut shielded = patient("ann", ANN);
    shielded["meta"] = json!({"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}]});
    let world = World::new(&[shielded]);
    let subjects = Subjects {
        system: Some(SystemName::new("council")),
        nhs_numbers: [NhsNumber::parse(ANN).unwrap()].into(),
        ..Subjects::default()
    };
    let evidence = world.gather(&push(), &subjects).await.unwrap();
    let (key, person) = evidence.persons().next().unwrap();
    assert_eq!((key, person.identity, person.shield), (&nhs(ANN), Identity::Certain, Shield::Shielded));
    assert_eq!(world.asked()[0], "hospital/Patient?identifier=nhs|9990000018");
}

#[tokio::test]
async fn one_who_is_named_by_number_alone_is_looked_up_where_the_content_is() {
    let edits = [("portcullis.toml", "relationship_source = true", "relationship_source = false")];
    let named = Subjects {
        system: Some(SystemName::new("hospital")),
        nhs_numbers: [NhsNumber::parse(ANN).unwrap()].into(),
        ..Subjects::default()
    };
    let mut shielded = patient("ann", ANN);
    shielded["meta"] = json!({"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}]});
    let world = World::with(&[shielded], &edits);
    let evidence = world.gather(&social_worker(), &named).await.unwrap();
    assert_eq!(evidence.persons().next().unwrap().1.shield, Shield::Shielded);
    assert_eq!(world.asked(), ["hospital/Patient?identifier=nhs|9990000018"]);
    let world = World::with(&[patient("ann", ANN), patient("twin", ANN)], &edits);
    let evidence = world.gather(&social_worker(), &named).await.unwrap();
    assert_eq!(evidence.duplicated().count(), 1);
    let both = Subjects { patients: page(&["ann"]).patients, ..named };
    let evidence = world.gather(&social_worker(), &both).await.unwrap();
    assert_eq!(evidence.duplicated().count(), 2, "the Patient, and whoever is named by her number");
}

#[tokio::test]
async fn consents_of_a_source_count_and_an_opt_out_in_stu3_shape_is_one() {
    let source =
        ("portcullis.toml", "trusted_identity = true", "trusted_identity = true\nconsent_source = true");
    let consent = |extra: Value| {
        let mut consent = json!({"resourceType": "Consent", "id": "c", "status": "active", "patient": {"reference": "Patient/ann"}});
        consent.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        on("hospital", consent)
    };
    let by_id = json!({"provision": {"type": "deny", "actor": [{"role": {"coding": [{"code": "IRCP"}]}, "reference": {"reference": "Organization/asc"}}]}});
    let opt_out =
        json!({"meta": {"profile": ["https://fhir.nhs.uk/STU3/StructureDefinition/NDOP-Consent-1"]}});
    let organization = |code: &str| {
        on(
            "hospital",
            json!({"resourceType": "Organization", "id": "asc", "identifier": [
            {"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": code}]}),
        )
    };
    let base = [patient("ann", ANN), team("t", "ann", council())];
    for (case, consent, organization, edits, permitted) in [
        ("denied by id", consent(by_id.clone()), organization("E10000099"), vec![source], false),
        ("another denied by id", consent(by_id.clone()), organization("E10000001"), vec![source], true),
        ("not a source", consent(by_id), organization("E10000099"), vec![], true),
        ("opted out of other uses", consent(opt_out), organization("E10000099"), vec![source], true),
        (
            "about treatment",
            consent(
                json!({"scope": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "treatment"}]}, "provision": {"type": "deny"}}),
            ),
            organization("E10000099"),
            vec![source],
            true,
        ),
        (
            "plain denial",
            consent(json!({"provision": {"type": "deny"}})),
            organization("E10000099"),
            vec![source],
            false,
        ),
    ] {
        let mut resources = base.to_vec();
        resources.extend([consent, organization]);
        let world = World::with(&resources, &edits);
        assert_eq!(!world.permitted(&["ann"]).await.is_empty(), permitted, "{case}");
    }
}
