//! The registry of Consents: what is acknowledged stays, every version, and is seen by every decision after it.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use fhir::identifier::NHS_NUMBER;
use fhir::json::{self, Limits};
use fhir::nhs_number::NhsNumber;
use fhir::reference::Id;
use gateway::consent::validate::{Problem, ValidConsent, Writing, validate};
use gateway::consent::{ConsentFault, ConsentRegistry};
use gateway::person::PersonKey;
use serde_json::{Value, json};

use super::world::{ANN, BASE, at};

const BOB: &str = "9990000026";
const NOW: &str = "2026-06-01T10:00:00Z";

fn key(number: &str) -> PersonKey {
    PersonKey::Nhs(NhsNumber::parse(number).unwrap())
}

/// A Consent by which `number` denies everything, with `edits` merged into it; a `null` takes an element out.
fn consent(number: &str, edits: Value) -> Value {
    let mut consent = json!({
        "resourceType": "Consent", "status": "active",
        "scope": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]},
        "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "INFA"}]}],
        "patient": {"identifier": {"system": NHS_NUMBER, "value": number}},
        "dateTime": "2026-05-01", "performer": [{"display": "herself"}], "organization": [{"display": "the gateway"}],
        "sourceReference": {"display": "said so"}, "policy": [{"uri": "https://share.northshire.example/policy"}],
        "provision": {"type": "deny"}
    });
    for (name, value) in edits.as_object().unwrap() {
        if value.is_null() {
            consent.as_object_mut().unwrap().remove(name);
        } else {
            consent[name] = value.clone();
        }
    }
    consent
}

fn take(consent: &Value, writing: Writing<'_>) -> Result<ValidConsent, Vec<Problem>> {
    let document = json::parse(consent.to_string().into(), &Limits::default()).unwrap();
    validate(&document, writing, BASE)
}

fn valid(number: &str, edits: Value) -> ValidConsent {
    take(&consent(number, edits), Writing::New).unwrap_or_else(|problems| panic!("{problems:#?}"))
}

#[tokio::test]
async fn every_version_is_kept_and_the_last_one_counts() {
    let folder = tempfile::tempdir().unwrap();
    let registry = ConsentRegistry::open(folder.path(), BASE).unwrap();
    let stored = registry.create(valid(ANN, json!({})), at(NOW)).await.unwrap();
    assert_eq!((stored.version, stored.status.as_str()), (1, "active"));
    let active = registry.active_for(&key(ANN), at(NOW)).await.unwrap();
    assert_eq!(active[0].id, format!("Consent/{}", stored.id.as_str()));
    let ended = valid(ANN, json!({"status": "inactive"}));
    let second = registry.update(&stored.id, 1, ended, at(NOW)).await.unwrap();
    assert_eq!((second.version, second.status.as_str()), (2, "inactive"));
    assert!(registry.active_for(&key(ANN), at(NOW)).await.unwrap().is_empty());
    assert_eq!(registry.read(&stored.id).await.unwrap().unwrap().version, 2);
    assert_eq!(registry.read_version(&stored.id, 1).await.unwrap().unwrap().status, "active");
    let found = registry.search(NhsNumber::parse(ANN).unwrap()).await.unwrap();
    assert_eq!(found.iter().map(|found| found.version).collect::<Vec<_>>(), [2]);
    assert!(registry.search(NhsNumber::parse(BOB).unwrap()).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_version_that_is_not_the_current_one_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let registry = ConsentRegistry::open(folder.path(), BASE).unwrap();
    let stored = registry.create(valid(ANN, json!({})), at(NOW)).await.unwrap();
    let ended = || valid(ANN, json!({"status": "inactive"}));
    for if_match in [0, 2, u32::MAX] {
        let fault = registry.update(&stored.id, if_match, ended(), at(NOW)).await.unwrap_err();
        assert!(matches!(fault, ConsentFault::OtherVersion), "{fault:?}");
    }
    let other = valid(BOB, json!({"status": "inactive"}));
    let fault = registry.update(&stored.id, 1, other, at(NOW)).await.unwrap_err();
    assert!(matches!(fault, ConsentFault::OtherPerson), "{fault:?}");
    let nobody = Id::parse("nobody").unwrap();
    let fault = registry.update(&nobody, 1, ended(), at(NOW)).await.unwrap_err();
    assert!(matches!(fault, ConsentFault::NotFound), "{fault:?}");
    assert_eq!(registry.active_for(&key(ANN), at(NOW)).await.unwrap().len(), 1);
    assert!(registry.read(&nobody).await.unwrap().is_none());
}

#[tokio::test]
async fn of_two_who_change_one_version_one_wins() {
    let folder = tempfile::tempdir().unwrap();
    let registry = ConsentRegistry::open(folder.path(), BASE).unwrap();
    let stored = registry.create(valid(ANN, json!({})), at(NOW)).await.unwrap();
    let change = || registry.update(&stored.id, 1, valid(ANN, json!({"status": "inactive"})), at(NOW));
    let (one, other) = tokio::join!(change(), change());
    assert_eq!([one.is_ok(), other.is_ok()].into_iter().filter(|won| *won).count(), 1);
    assert_eq!(registry.read(&stored.id).await.unwrap().unwrap().version, 2);
}

#[tokio::test]
async fn a_period_that_is_over_or_not_begun_does_not_stand() {
    let folder = tempfile::tempdir().unwrap();
    let registry = ConsentRegistry::open(folder.path(), BASE).unwrap();
    let over = json!({"provision": {"type": "deny", "period": {"end": "2026-05-31"}}});
    let later = json!({"provision": {"type": "deny", "period": {"start": "2026-06-02"}}});
    registry.create(valid(ANN, over), at(NOW)).await.unwrap();
    registry.create(valid(ANN, later), at(NOW)).await.unwrap();
    assert_eq!(registry.active_for(&key(ANN), at(NOW)).await.unwrap().len(), 0);
    assert_eq!(registry.active_for(&key(ANN), at("2026-05-31T12:00:00Z")).await.unwrap().len(), 1);
    assert_eq!(registry.active_for(&key(ANN), at("2026-06-03T12:00:00Z")).await.unwrap().len(), 1);
}

#[tokio::test]
async fn what_was_stored_is_there_after_it_is_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let first = ConsentRegistry::open(folder.path(), BASE).unwrap();
    let stored = first.create(valid(ANN, json!({})), at(NOW)).await.unwrap();
    drop(first);
    let again = ConsentRegistry::open(folder.path(), BASE).unwrap();
    assert_eq!(again.read(&stored.id).await.unwrap().unwrap().person.as_str(), ANN);
    assert_eq!(again.active_for(&key(ANN), at(NOW)).await.unwrap().len(), 1);
}

/// Whoever begins after the acknowledgement sees the dissent; whoever read before it learns that the epoch has moved.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_dissent_that_was_acknowledged_is_seen_by_every_decision_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let registry = ConsentRegistry::open(folder.path(), BASE).unwrap();
    for round in 0..60 {
        let number = if round % 2 == 0 { ANN } else { BOB };
        let before = registry.active_for(&key(number), at(NOW)).await.unwrap().len();
        let acknowledged = Arc::new(AtomicBool::new(false));
        let readers: Vec<_> = (0..3)
            .map(|_| {
                let (registry, acknowledged) = (registry.clone(), Arc::clone(&acknowledged));
                tokio::spawn(async move {
                    let mut early = Vec::new();
                    loop {
                        let after = acknowledged.load(Ordering::SeqCst);
                        let epoch = registry.epoch(&key(number));
                        let found = registry.active_for(&key(number), at(NOW)).await.unwrap().len();
                        if found == before {
                            assert!(!after, "an acknowledged dissent was not seen");
                            early.push(epoch);
                        }
                        if after {
                            assert_eq!(found, before + 1);
                            return early;
                        }
                    }
                })
            })
            .collect();
        registry.create(valid(number, json!({})), at(NOW)).await.unwrap();
        acknowledged.store(true, Ordering::SeqCst);
        let now = registry.epoch(&key(number));
        for reader in readers {
            let early = reader.await.unwrap();
            assert!(
                early.iter().all(|epoch| *epoch != now),
                "a decision made before a dissent looks current"
            );
        }
    }
}

/// Runs itself as a recorder that is killed while it writes.
#[test]
fn what_was_acknowledged_survives_a_kill() {
    const FOLDER: &str = "PORTCULLIS_TEST_CONSENTS";
    if let Some(folder) = std::env::var_os(FOLDER) {
        record_until_killed(Path::new(&folder));
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut acknowledged = BTreeSet::new();
    for round in 1..=3usize {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "decision::registry::what_was_acknowledged_survives_a_kill", "--nocapture"])
            .env(FOLDER, folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let ids = lines
            .map(Result::unwrap)
            .filter_map(|line| line.split_once("stored ").map(|(_, id)| id.to_owned()));
        acknowledged.extend(ids.take(round * 7));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert_eq!(acknowledged.len(), 7 + 14 + 21);
    let registry = ConsentRegistry::open(folder.path(), BASE).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        for id in &acknowledged {
            let stored = registry.read(&Id::parse(id).unwrap()).await.unwrap();
            assert_eq!(stored.map(|stored| stored.version), Some(2), "an acknowledged consent is lost");
        }
        let found = registry.search(NhsNumber::parse(ANN).unwrap()).await.unwrap();
        assert!(found.len() >= acknowledged.len());
        registry.create(valid(ANN, json!({})), at(NOW)).await.unwrap();
    });
}

fn record_until_killed(folder: &Path) {
    let registry = ConsentRegistry::open(folder, BASE).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        for _ in 0..200 {
            let stored = registry.create(valid(ANN, json!({})), at(NOW)).await.unwrap();
            let changed = valid(ANN, json!({"status": "inactive"}));
            registry.update(&stored.id, 1, changed, at(NOW)).await.unwrap();
            println!("stored {}", stored.id.as_str());
        }
        std::future::pending::<()>().await;
    });
}

#[test]
fn a_folder_that_is_not_there_is_a_fault() {
    let fault = ConsentRegistry::open(Path::new("/nowhere/at/all"), BASE).unwrap_err();
    assert!(matches!(fault, ConsentFault::Store(_)), "{fault:?}");
}

/// Changes a valid Consent and expects exactly these problems, each as `element: what`.
#[track_caller]
fn check(edits: Value, expected: &[&str]) {
    let problems = take(&consent(ANN, edits.clone()), Writing::New).map(|_| ()).err().unwrap_or_default();
    let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(told, expected, "{edits}");
}

fn provision(extra: Value) -> Value {
    let mut provision = json!({"type": "deny"});
    provision.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    json!({"provision": provision})
}

#[test]
fn what_ihe_pcf_requires_must_be_there() {
    check(json!({}), &[]);
    for name in
        ["status", "scope", "category", "dateTime", "performer", "organization", "provision", "policy"]
    {
        check(json!({name: null}), &[&format!("Consent.{name}: it is required")]);
    }
    check(json!({"sourceReference": null}), &["Consent.source[x]: it is required"]);
    check(json!({"policy": [{"authority": "https://a.example"}]}), &["Consent.policy.uri: it is required"]);
    check(
        json!({"provision": {"purpose": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "TREAT"}]}}),
        &["Consent.provision.type: it is required"],
    );
    check(
        json!({"status": null, "dateTime": "yesterday"}),
        &["Consent.dateTime: it is not a date or time as FHIR writes it", "Consent.status: it is required"],
    );
}

#[test]
fn the_person_is_named_by_a_valid_nhs_number() {
    let person =
        "Consent.patient.identifier: the person must be named by an identifier with a valid nhs number";
    for patient in [
        json!({"reference": "Patient/ann"}),
        json!({"identifier": {"system": NHS_NUMBER, "value": "9990000019"}}),
        json!({"identifier": {"system": "urn:local", "value": ANN}}),
        json!({"identifier": {"value": ANN}}),
    ] {
        check(json!({"patient": patient}), &[person]);
    }
    check(
        json!({"patient": {"reference": "Patient/ann", "identifier": {"system": NHS_NUMBER, "value": ANN}}}),
        &[],
    );
    check(json!({"patient": null}), &[person]);
}

#[test]
fn what_could_not_be_weighed_is_not_taken() {
    let refused = |name: &str| format!("Consent.provision.{name}: it is not taken here");
    let concept = json!([{"text": "x"}]);
    check(provision(json!({"action": concept})), &[&refused("action")]);
    check(provision(json!({"code": concept})), &[&refused("code")]);
    check(
        provision(json!({"class": [{"system": "http://hl7.org/fhir/resource-types", "code": "Condition"}]})),
        &[&refused("class")],
    );
    check(
        provision(json!({"provision": [{"type": "permit", "provision": [{"type": "deny"}]}]})),
        &["Consent.provision.provision.provision: it is not taken here"],
    );
    check(json!({"verification": [{"verified": true}]}), &["Consent.verification: it is not taken here"]);
    check(json!({"implicitRules": "https://a.example"}), &["Consent.implicitRules: it is not taken here"]);
    check(
        json!({"contained": [{"resourceType": "Organization"}]}),
        &["Consent.contained: it is not taken here"],
    );
    check(
        json!({"modifierExtension": [{"url": "https://a.example", "valueCode": "x"}]}),
        &["Consent.modifierExtension: it is not taken here"],
    );
    let code = |name: &str| format!("Consent.provision.{name}: the code is not one that is understood here");
    check(
        provision(
            json!({"purpose": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "MARKETING"}]}),
        ),
        &[&code("purpose")],
    );
    check(provision(json!({"purpose": [{"code": "TREAT"}]})), &[&code("purpose")]);
    check(provision(json!({"securityLabel": [{"code": "R"}]})), &[&code("securityLabel")]);
    check(provision(json!({"type": "allow"})), &[&code("type")]);
    check(
        provision(json!({"period": {"end": "soon"}})),
        &["Consent.provision.period: it is not a date or time as FHIR writes it"],
    );
    check(
        provision(json!({"period": {"start": "2026-12-01", "end": "2026-01-31"}})),
        &["Consent.provision.period: it ends before it begins"],
    );
    check(
        provision(
            json!({"provision": [{"type": "deny", "dataPeriod": {"start": "2026-02", "end": "2026-01-31"}}]}),
        ),
        &["Consent.provision.provision.dataPeriod: it ends before it begins"],
    );
}

#[test]
fn recipients_are_named_by_codes_and_data_by_place() {
    let role = json!({"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "code": "IRCP"}]});
    let ods = json!({"identifier": {"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": "E10000099"}});
    let actor = |role: &Value, reference: &Value| {
        provision(json!({"actor": [{"role": role, "reference": reference}]}))
    };
    check(actor(&role, &ods), &[]);
    let unknown = [
        "Consent.provision.actor.reference.identifier: a recipient must be named by an identifier: ods code, sds user id or sds job role",
    ];
    check(actor(&role, &json!({"reference": "Organization/o"})), &unknown);
    check(actor(&role, &json!({"identifier": {"system": "urn:local", "value": "x"}})), &unknown);
    let custodian = json!({"coding": [{"code": "CST"}]});
    check(
        actor(&custodian, &ods),
        &["Consent.provision.actor.role: the code is not one that is understood here"],
    );
    let data = |meaning: &str, reference: &str| {
        provision(json!({"data": [{"meaning": meaning, "reference": {"reference": reference}}]}))
    };
    check(data("related", "https://share.northshire.example/hospital/fhir/Encounter/e"), &[]);
    let place = ["Consent.provision.data.reference: data must be named by its full url on this gateway"];
    check(data("instance", "Encounter/e"), &place);
    check(
        data("instance", "https://share.northshire.example.evil.example/hospital/fhir/Encounter/e"),
        &place,
    );
    check(
        data("dependents", "https://share.northshire.example/hospital/fhir/Encounter/e"),
        &["Consent.provision.data.meaning: the code is not one that is understood here"],
    );
}

#[test]
fn what_r4_does_not_know_is_refused_and_told_without_its_name() {
    check(json!({"x-secret": 1}), &["Consent: there is an element here that R4 does not have"]);
    check(json!({"dateTime": 5}), &["Consent.dateTime: it has another shape in R4, or is empty"]);
    check(
        json!({"performer": {"display": "x"}}),
        &["Consent.performer: it has another shape in R4, or is empty"],
    );
    check(json!({"category": []}), &["Consent.category: it has another shape in R4, or is empty"]);
    check(
        provision(json!({"actors": []})),
        &["Consent.provision: there is an element here that R4 does not have"],
    );
    check(
        provision(json!({"type": ""})),
        &[
            "Consent.provision.type: it has another shape in R4, or is empty",
            "Consent.provision.type: the code is not one that is understood here",
        ],
    );
    check(json!({"resourceType": "Patient"}), &["Consent: the resource is not a Consent"]);
    check(json!({"language": "x".repeat(70_000)}), &["Consent: there is more of it than may be stored"]);
    check(
        json!({"category": [{"text": "x"}], "_status": {"extension": [{"url": "https://a.example"}]}}),
        &[],
    );
}

#[test]
fn a_new_version_keeps_its_id() {
    let mut with_id = consent(ANN, json!({}));
    with_id["id"] = json!("one");
    let (one, other) = (Id::parse("one").unwrap(), Id::parse("two").unwrap());
    assert!(take(&with_id, Writing::Version(&one)).is_ok());
    let problems = take(&with_id, Writing::Version(&other)).unwrap_err();
    assert_eq!(problems[0].to_string(), "Consent.id: the id is not that of the consent that is changed");
    assert!(take(&with_id, Writing::New).is_ok());
}

#[test]
fn a_national_opt_out_in_its_stu3_shape_is_not_taken_for_a_consent() {
    let told = [
        "Consent: a national data opt-out means the opposite of a consent of the same shape: it is imported, not sent",
    ];
    check(
        json!({"meta": {"profile": ["https://fhir.nhs.uk/STU3/StructureDefinition/NDOP-Consent-1"]}}),
        &told,
    );
    check(json!({"purpose": [{"system": "https://snomed.info/sct", "code": "370856009"}]}), &told);
}

/// Published Consents, when they are at hand: none is misread as a permit.
#[test]
fn published_consents_are_understood_or_refused_with_reasons() {
    let Some(corpus) = std::env::var_os("PORTCULLIS_CORPUS") else {
        eprintln!("SKIPPED: PORTCULLIS_CORPUS names no folder");
        return;
    };
    let data = Path::new(&corpus).join("data");
    let mut seen = 0;
    for folder in ["ihe-pcf/examples", "stu3-ndop"] {
        for entry in std::fs::read_dir(data.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if !name.starts_with("Consent-") || !name.ends_with(".json") {
                continue;
            }
            let document = json::parse(std::fs::read(&path).unwrap().into(), &Limits::default()).unwrap();
            let problems = validate(&document, Writing::New, BASE).unwrap_err();
            let elements: BTreeSet<&str> = problems.iter().map(|problem| problem.element.as_str()).collect();
            let expected: &[&str] = if folder == "stu3-ndop" {
                &["Consent"]
            } else {
                &[
                    "Consent.patient.identifier",
                    "Consent.provision.data.reference",
                    "Consent.provision.provision.actor.reference.identifier",
                    "Consent.provision.provision.data.reference",
                ]
            };
            assert!(elements.iter().all(|element| expected.contains(element)), "{name}: {problems:#?}");
            seen += 1;
        }
    }
    assert!(seen >= 13, "{seen}");
}
