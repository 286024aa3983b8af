//! A change is held against the very view that a read shows: what codes tell, what references lead to, who is a member.

use serde_json::{Value, json};

use super::{AGREEMENT, Answer, CONDITION, PATIENT, ann, keeping, puts, read, send, site};
use crate::hidden::{BOB, says};
use crate::support::holding::{ANN, Held, condition, held, patient};
use crate::support::whole::Whole;

pub(super) const BIPOLAR: &str = "13746004";
pub(super) const HIV: &str = "86406008";
const ALSO_HIV: &str = "91947003";

pub(super) fn at_version_1(mut made: Value) -> Value {
    made["meta"]["versionId"] = json!("1");
    made
}

/// An answer without what is random in it.
pub(super) fn blind(answer: &Answer) -> (u16, Vec<String>, String) {
    let line = |name: &str| {
        answer.head.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim().to_owned()
    };
    let (request, receipt) = (line("x-request-id: "), line("portcullis-receipt: "));
    let lines = answer.head.lines().filter(|line| !line.starts_with("date: "));
    let head = lines.map(|line| line.replace(&request, "R").replace(&receipt, "R")).collect();
    (answer.status, head, answer.body.replace(&request, "R"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_only_its_code_hides_is_changed_like_what_is_not_there() {
    let tells = at_version_1(condition("c1", "p1", BIPOLAR, &[]));
    let (site, running) = site("withheld", keeping(&held(&[ann(), tells]))).await;
    for version in ["1", "2"] {
        let headers = format!("if-match: W/\"{version}\"\r\n");
        let of = async |id: &str| {
            let body = condition(id, "p1", BIPOLAR, &[]).to_string();
            send(&site, "PUT", &format!("/hospital/fhir/Condition/{id}"), &headers, &body).await
        };
        let (hidden, absent) = (of("c1").await, of("c9").await);
        assert_eq!(hidden.status, 404, "{}", hidden.body);
        assert_eq!(blind(&hidden), blind(&absent));
    }
    assert_eq!(puts(&site), 0);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_relabels_a_record_whoever_consented() {
    let site_of = |code: &str| json!([{"coding": [{"system": "http://snomed.info/sct", "code": code}]}]);
    let plain = at_version_1(condition("c1", "p1", "1", &[]));
    let held: Held = held(&[ann(), plain.clone()]);
    let (site, running) = site("withheld", keeping(&held)).await;
    // One that the view earns is not taken away, and stays by another code of the same.
    let mut tells = plain.clone();
    tells["bodySite"] = site_of(HIV);
    held.lock().unwrap()[1] = tells;
    let (view, version) = read(&site, CONDITION).await;
    let put = async |code: &str| {
        let mut sent = view.clone();
        sent["bodySite"] = site_of(code);
        send(&site, "PUT", CONDITION, &version, &sent.to_string()).await
    };
    assert_eq!(put("1").await.status, 422);
    assert_eq!(put(ALSO_HIV).await.status, 200);
    held.lock().unwrap()[1] = plain.clone();
    let mut answers = Vec::new();
    let labelled = json!({"type": "deny", "securityLabel": [
        {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "HIV"}]});
    for says_no in [false, true] {
        if says_no {
            says(&site, ANN, &json!({"type": "permit", "provision": [labelled]})).await;
        }
        for code in [BIPOLAR, HIV] {
            let (mut view, version) = read(&site, CONDITION).await;
            view["bodySite"] = site_of(code);
            let answer = send(&site, "PUT", CONDITION, &version, &view.to_string()).await;
            assert_eq!(answer.status, 422, "{}", answer.body);
            assert!(answer.body.contains("of another sensitivity"), "{}", answer.body);
            answers.push(blind(&answer));
        }
    }
    assert!(answers.iter().all(|one| *one == answers[0]), "{answers:?}");
    assert_eq!((puts(&site), &held.lock().unwrap()[1]), (1, &plain));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_else_comes_is_not_learnt_by_adding_them() {
    let actor = |reference: &str| json!({"actor": {"reference": reference}, "status": "accepted"});
    let visit = json!({"resourceType": "Appointment", "id": "a1", "meta": {"versionId": "1"}, "status": "booked",
        "description": "A visit", "comment": "secret-comment",
        "participant": [actor("Patient/p1"), actor("Practitioner/d1")]});
    let held: Held = held(&[ann(), patient("p2", BOB), visit.clone()]);
    let (site, running) = site("withheld", keeping(&held)).await;
    says(&site, BOB, &json!({"type": "deny"})).await;
    let path = "/hospital/fhir/Appointment/a1";
    let (view, version) = read(&site, path).await;
    assert_eq!(view["participant"], json!([actor("Patient/p1"), actor("Practitioner/d1")]), "{view}");
    let mut answers = Vec::new();
    for member in ["Patient/p2", "Patient/p9"] {
        let mut sent = view.clone();
        sent["participant"].as_array_mut().unwrap().insert(0, actor(member));
        answers.push(blind(&send(&site, "PUT", path, &version, &sent.to_string()).await));
    }
    assert_eq!((answers[0].0, &answers[0]), (422, &answers[1]), "a hidden member is as a stranger");
    let patch = json!([{"op": "replace", "path": "/description", "value": "A long visit"}]);
    let answer = send(&site, "PATCH", path, &version, &patch.to_string()).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let mut expected = visit;
    expected["meta"]["versionId"] = json!("2");
    expected["description"] = json!("A long visit");
    assert_eq!(held.lock().unwrap()[2], expected);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_opens_a_record_by_writing_what_a_rule_asks_for() {
    let plain = at_version_1(condition("c1", "p1", "1", &[]));
    let mut grave = plain.clone();
    grave["abatementString"] = json!("secret-severity");
    let held: Held = held(&[ann(), plain.clone()]);
    let (site, running) = site("withheld", keeping(&held)).await;
    let mut answers = Vec::new();
    for problem in [plain, grave] {
        held.lock().unwrap()[1] = problem.clone();
        let (mut view, version) = read(&site, CONDITION).await;
        assert_eq!(view.get("abatementString"), None, "{view}");
        view["code"]["coding"][0]["code"] = json!("3");
        let answer = send(&site, "PUT", CONDITION, &version, &view.to_string()).await;
        assert_eq!((puts(&site), &held.lock().unwrap()[1]), (0, &problem));
        answers.push(blind(&answer));
    }
    running.stop().await;
    assert_eq!((answers[0].0, &answers[0]), (422, &answers[1]), "whether there is something to open or not");
}

/// Whose whereabouts are protected.
pub(super) fn protected(mut made: Value) -> Value {
    let system = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality";
    made["meta"] = json!({"versionId": "1", "security": [{"system": system, "code": "R"}]});
    made
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn that_somebody_hidden_is_protected_neither_blocks_a_record_nor_is_told() {
    let plain = at_version_1(condition("c1", "p1", "1", &[]));
    let held: Held = held(&[ann(), protected(patient("p2", BOB)), plain.clone()]);
    let (site, running) = site("withheld", keeping(&held)).await;
    let mut asserted = plain.clone();
    asserted["asserter"] = json!({"reference": "Patient/p2"});
    let mut answers = Vec::new();
    for before in [plain, asserted] {
        held.lock().unwrap()[2] = before.clone();
        let (mut view, version) = read(&site, CONDITION).await;
        let same = blind(&send(&site, "PUT", CONDITION, &version, &view.to_string()).await);
        view["severity"] = json!({"coding": [{"system": "urn:s", "code": "grave"}]});
        let made = blind(&send(&site, "PUT", CONDITION, &version, &view.to_string()).await);
        assert_eq!((same.0, made.0), (200, 200), "{same:?} {made:?}");
        assert_eq!(held.lock().unwrap()[2].get("asserter"), before.get("asserter"));
        answers.push((same, made));
    }
    assert_eq!(answers[0], answers[1]);
    let hers = at_version_1(condition("c1", "p2", "1", &[]));
    held.lock().unwrap()[2] = hers.clone();
    let (mut view, version) = read(&site, CONDITION).await;
    for _ in 0..2 {
        let answer = send(&site, "PUT", CONDITION, &version, &view.to_string()).await;
        assert_eq!(answer.status, 403, "her own record is: {}", answer.body);
        view["severity"] = json!({"coding": [{"system": "urn:s", "code": "grave"}]});
    }
    assert_eq!(held.lock().unwrap()[2], hers);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_somebody_lives_is_not_written_while_the_view_leaves_it_out_for_another() {
    let mut ann = ann();
    ann["link"] = json!([{"other": {"reference": "Patient/p2"}, "type": "seealso"}]);
    let held: Held = held(&[ann.clone(), protected(patient("p2", BOB))]);
    let site = Whole::with(keeping(&held)).await;
    let agreement = AGREEMENT.replace("EXISTENCE", "withheld").replace(r#""address.use""#, "address");
    let agreement = agreement.replace("\"address.postalCode\" = \"to know where to visit\"\n", "");
    let agreement = agreement.replace(r#"Patient = ["name""#, r#"Patient = ["address", "name""#);
    std::fs::write(site.folder.path().join("agreements/wards.toml"), agreement).unwrap();
    let running = site.start().await.unwrap();
    let (view, version) = read(&site, PATIENT).await;
    assert_eq!(view.get("address"), None, "{view}");
    let mut sent = view.clone();
    sent["address"] = json!([{"text": "4 Mine Street"}]);
    let answer = send(&site, "PUT", PATIENT, &version, &sent.to_string()).await;
    assert_eq!((answer.status, &held.lock().unwrap()[0]), (403, &ann), "{}", answer.body);
    let mut sent = view;
    sent["maritalStatus"] = json!({"text": "single"});
    let answer = send(&site, "PUT", PATIENT, &version, &sent.to_string()).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(held.lock().unwrap()[0]["address"], ann["address"]);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_patch_of_meta_is_refused_and_not_said_to_be_done() {
    let (site, running) = site("withheld", keeping(&held(&[ann()]))).await;
    let (mut view, version) = read(&site, PATIENT).await;
    assert!(view["meta"]["tag"].is_array() && view["meta"]["versionId"].is_string(), "{view}");
    for operation in [
        json!({"op": "remove", "path": "/meta"}),
        json!({"op": "remove", "path": "/meta/tag"}),
        json!({"op": "replace", "path": "/meta/versionId", "value": "1"}),
        json!({"op": "add", "path": "/meta/lastUpdated", "value": "2020-01-01T00:00:00Z"}),
    ] {
        let answer = send(&site, "PATCH", PATIENT, &version, &json!([operation]).to_string()).await;
        assert_eq!(answer.status, 422, "{operation}: {}", answer.body);
        assert!(answer.body.contains("meta is not written"), "{}", answer.body);
    }
    view.as_object_mut().unwrap().remove("meta");
    let answer = send(&site, "PUT", PATIENT, &version, &view.to_string()).await;
    assert_eq!(answer.status, 200, "a part of a view may be sent: {}", answer.body);
    assert_eq!(puts(&site), 0);
    running.stop().await;
}
