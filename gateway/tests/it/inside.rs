//! What leaves inside a resource, through the whole gateway: what it contains, what it is by reference, the questions inside
//! a question, and content whatever is stated of it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use gateway::serve::Running;
use serde_json::{Value, json};

use crate::support::holding::{ANN, PROBLEMS, held, holding, patient};
use crate::support::sharing::{self, answer, parsed, references, says};
use crate::support::upstream::{Play, Seen, fhir};
use crate::support::whole::Whole;
use crate::views::{self, is_as_absent};

const LITHIUM: &str = "776556004";
const SALBUTAMOL: &str = "35936411000001109";

async fn site(resources: &[Value], more: &str) -> (Whole, Running) {
    let mut all = vec![patient("p1", ANN)];
    all.extend_from_slice(resources);
    views::site(&held(&all), &format!("{}{more}", views::TABLES)).await
}

async fn read(site: &Whole, path: &str) -> Value {
    let (status, _, body) = answer(site, &format!("/hospital/fhir/{path}")).await;
    assert_eq!(status, 200, "{path} {body}");
    parsed(&body)
}

fn subject() -> Value {
    json!({"reference": "Patient/p1"})
}

fn coded(code: &str) -> Value {
    json!({"coding": [{"system": PROBLEMS, "code": code}]})
}

/// The names of what a resource contains.
fn contained(resource: &Value) -> Vec<&str> {
    let all = resource["contained"].as_array().map(Vec::as_slice).unwrap_or_default();
    all.iter().map(|one| one["id"].as_str().unwrap()).collect()
}

const PRESCRIPTIONS: &str = r#"
[share.person.MedicationRequest]
status = "whether it is still taken"
"medication[x]" = "which medicine it is"
"dosageInstruction.text" = "how much"
CONTAINED = "the medicine, where it stands inside"
[share.person.Medication]
only_contained = true
code = "which medicine it is"
"ingredient.item[x]" = "what is in it"
"#;

/// A prescription whose medicine stands inside, with what else a system put there.
fn prescription() -> Value {
    json!({"resourceType": "MedicationRequest", "id": "m1", "status": "active", "intent": "order", "subject": subject(),
        "contained": [
            {"resourceType": "Condition", "id": "mh", "subject": subject(), "code": {"text": "secret-condition"}},
            {"resourceType": "Practitioner", "id": "who", "active": true, "name": [{"text": "secret-psychiatrist"}]},
            {"resourceType": "Medication", "id": "part", "code": {"text": "salt"}},
            {"resourceType": "Medication", "id": "med", "code": {"text": "Salbutamol"}, "status": "active",
             "manufacturer": {"display": "secret-maker"}, "ingredient": [{"itemReference": {"reference": "#part"}}],
             "contained": [{"resourceType": "Medication", "id": "deep", "code": {"text": "secret-deep"}}]},
            {"resourceType": "Medication", "id": "other", "code": {"text": "secret-other"}},
            {"resourceType": "Medication", "id": "med", "code": {"text": "secret-double"}}],
        "medicationReference": {"reference": "#med"}, "reasonReference": [{"reference": "#mh"}],
        "requester": {"reference": "#who"}, "priorPrescription": {"reference": "#other"}})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_contained_leaves_only_where_something_shown_leads_to_it() {
    for named in ["contained", "\"contained:Medication\""] {
        let (site, running) = site(&[prescription()], &PRESCRIPTIONS.replace("CONTAINED", named)).await;
        let seen = read(&site, "MedicationRequest/m1").await;
        assert_eq!(contained(&seen), ["part", "med"], "{seen}");
        assert_eq!(seen["medicationReference"], json!({"reference": "#med"}));
        assert!(!seen.to_string().contains("secret-"), "{seen}");
        let found = answer(&site, "/hospital/fhir/MedicationRequest?patient=p1").await.2;
        assert!(found.contains("Salbutamol") && !found.contains("secret-"), "{found}");
        running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_contained_resource_of_a_type_that_is_not_named_is_shown_by_no_reference() {
    let terms = PRESCRIPTIONS.replace("CONTAINED", "\"contained:Medication\"")
        + "[share.more.MedicationRequest]\nrequester = \"whom to ask\"\nreasonReference = \"why\"\n";
    let terms = sharing::agreement("withheld", &format!("{}{terms}", views::TABLES))
        .replace("share = [\"person\"]", "share = [\"person\", \"more\"]");
    for (named, expected) in [
        ("contained:Medication", vec!["part", "med"]),
        ("contained:Practitioner", vec!["who"]),
        ("contained", vec!["mh", "who", "part", "med"]),
    ] {
        let terms = terms.replace("contained:Medication", named);
        let held = held(&[patient("p1", ANN), prescription()]);
        let (site, running) = sharing::site(&terms, holding(&held)).await;
        let seen = read(&site, "MedicationRequest/m1").await;
        assert_eq!(contained(&seen), expected, "{named} {seen}");
        let asks = seen["requester"]["reference"] == "#who";
        assert_eq!(asks, expected.contains(&"who"), "a reference leads to what is there: {seen}");
        running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_type_that_is_shared_only_inside_others_is_as_absent_by_itself() {
    let free = json!({"resourceType": "Medication", "id": "free", "code": {"text": "secret-free"}});
    let mut request = prescription();
    request["id"] = json!("m2");
    request["medicationReference"] = json!({"reference": "Medication/free"});
    let terms = PRESCRIPTIONS.replace("CONTAINED", "\"contained:Medication\"");
    let (site, running) = site(&[free, request], &terms).await;
    is_as_absent(&site, "Medication/free").await;
    let seen = read(&site, "MedicationRequest/m2").await;
    assert!(!seen.to_string().contains("free") && contained(&seen).is_empty(), "{seen}");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_type_that_names_nobody_is_promised_by_itself_to_nobody() {
    let set =
        json!({"resourceType": "ValueSet", "id": "v1", "status": "active", "url": "https://sets.example/v1"});
    let shown = "url = \"which set it is\"\nstatus = \"whether it is in use\"\n";
    let (site, running) = site(&[set], &format!("[share.person.ValueSet]\n{shown}")).await;
    is_as_absent(&site, "ValueSet/v1").await;
    let metadata = read(&site, "metadata").await;
    let types = metadata["rest"][0]["resource"].as_array().unwrap();
    assert!(types.iter().any(|found| found["type"] == "Patient"), "{metadata}");
    assert!(!types.iter().any(|found| found["type"] == "ValueSet"), "{metadata}");
    running.stop().await;
}

const BY_REFERENCE: &str = r#"
[share.person.MedicationRequest]
"medication[x]" = "which medicine it is"
"dosageInstruction.text" = "how much"
WHERE
[share.person.Medication]
code = "which medicine it is"
"#;

fn medicine(id: &str, code: &str) -> Value {
    json!({"resourceType": "Medication", "id": id, "code": coded(code)})
}

fn takes(id: &str, medicine: &str) -> Value {
    json!({"resourceType": "MedicationRequest", "id": id, "status": "active", "intent": "order", "subject": subject(),
           "medicationReference": {"reference": medicine}, "dosageInstruction": [{"text": "400 mg at night"}]})
}

/// Of salbutamol, of lithium, of something made of lithium, of something labelled, of something that is not there.
fn taken() -> Vec<Value> {
    let mut labelled = medicine("labelled", "1");
    labelled["meta"] =
        json!({"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "PSY"}]});
    let mixed = json!({"resourceType": "Medication", "id": "mixed", "code": {"text": "capsule"},
        "ingredient": [{"itemReference": {"reference": "Medication/lithium"}}]});
    vec![
        medicine("salbutamol", SALBUTAMOL),
        medicine("lithium", LITHIUM),
        mixed,
        labelled,
        takes("m-salbutamol", "Medication/salbutamol"),
        takes("m-lithium", "Medication/lithium"),
        takes("m-version", "Medication/lithium/_history/2"),
        takes("m-mixed", "Medication/mixed"),
        takes("m-labelled", "Medication/labelled"),
        takes("m-gone", "Medication/gone"),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_prescription_is_labelled_as_the_medicine_behind_its_reference() {
    let by_rule = BY_REFERENCE.replace("WHERE", "where = { not_labelled = [\"PSY\"] }");
    let by_person = BY_REFERENCE.replace("WHERE", "");
    for terms in [&by_rule, &by_person] {
        let (site, running) = site(&taken(), terms).await;
        if *terms == by_person {
            let label =
                json!([{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "PSY"}]);
            says(
                &site,
                ANN,
                &json!({"type": "permit", "provision": [{"type": "deny", "securityLabel": label}]}),
            )
            .await;
        }
        let found = answer(&site, "/hospital/fhir/MedicationRequest?patient=p1").await;
        assert_eq!(references(&found.2), ["m-salbutamol", "m-gone"], "{}", found.2);
        for id in ["m-lithium", "m-version", "m-mixed", "m-labelled"] {
            is_as_absent(&site, &format!("MedicationRequest/{id}")).await;
        }
        let seen = read(&site, "MedicationRequest/m-salbutamol").await;
        assert_eq!(seen["medicationReference"], json!({"reference": "Medication/salbutamol"}));
        let with = answer(
            &site,
            "/hospital/fhir/MedicationRequest?patient=p1&_include=MedicationRequest:medication",
        )
        .await;
        assert!(with.0 == 200 && !with.2.contains(LITHIUM) && with.2.contains(SALBUTAMOL), "{}", with.2);
        running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_medicine_that_cannot_be_searched_for_is_read_by_its_id() {
    let all = [vec![patient("p1", ANN)], taken()].concat();
    let honest = holding(&held(&all));
    let script = move |seen: &Seen| match seen.line.contains("/Medication/_search") {
        true => Play::Bytes(fhir("400 Bad Request", "{}")),
        false => honest(seen),
    };
    let by_rule = BY_REFERENCE.replace("WHERE", "where = { not_labelled = [\"PSY\"] }");
    let agreement = sharing::agreement("withheld", &format!("{}{by_rule}", views::TABLES));
    let (site, running) = sharing::site(&agreement, script).await;
    let found = answer(&site, "/hospital/fhir/MedicationRequest?patient=p1").await;
    assert_eq!(references(&found.2), ["m-salbutamol", "m-gone"], "{}", found.2);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_nothing_weighs_labels_no_medicine_is_asked_for() {
    let (site, running) = site(&taken(), &BY_REFERENCE.replace("WHERE", "")).await;
    let found = answer(&site, "/hospital/fhir/MedicationRequest?patient=p1").await;
    assert_eq!(references(&found.2).len(), 6, "{}", found.2);
    let asked = site.hospital.seen().iter().any(|seen| seen.line.contains("/Medication/_search"));
    assert!(!asked, "a search costs no more than it must");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn questions_inside_a_named_one_come_only_if_they_are_named_themselves() {
    let answers = json!({"resourceType": "QuestionnaireResponse", "id": "q1", "status": "completed", "subject": subject(),
        "item": [{"linkId": "mobility", "text": "Walks?",
            "answer": [{"valueString": "with a frame", "item": [
                {"linkId": "why", "answer": [{"valueString": "secret-why"}]},
                {"linkId": "mobility", "text": "And outside?"}]}],
            "item": [{"linkId": "safe-address", "answer": [{"valueString": "secret-address"}],
                      "item": [{"linkId": "mobility", "text": "And at home?"}]}]}]});
    let section = |code: &str, title: &str, inside: Value| json!({"title": title, "code": coded(code), "section": inside});
    let letter = json!({"resourceType": "Composition", "id": "c1", "status": "final", "subject": subject(), "title": "Letter",
        "type": {"text": "letter"}, "date": "2026", "author": [{"display": "x"}],
        "section": [section("1184593002", "Diagnoses",
            json!([section("999", "secret-section", Value::Null), section("1184593002", "More diagnoses", Value::Null)]))]});
    let mut letter = letter;
    for inner in letter["section"][0]["section"].as_array_mut().unwrap() {
        inner.as_object_mut().unwrap().remove("section");
    }
    let (site, running) = site(&[answers, letter], "").await;
    let seen = read(&site, "QuestionnaireResponse/q1").await;
    let named = &seen["item"][0];
    assert_eq!(named["answer"][0]["valueString"], "with a frame", "{seen}");
    assert_eq!(named["answer"][0]["item"], json!([{"linkId": "mobility", "text": "And outside?"}]), "{seen}");
    let inside = named["item"].as_array().unwrap();
    assert_eq!((inside.len(), &inside[0]["item"][0]["text"]), (1, &json!("And at home?")), "{seen}");
    assert_eq!(inside[0]["_linkId"]["extension"][0]["valueCode"], "masked");
    let letter = read(&site, "Composition/c1").await;
    let sections = letter["section"][0]["section"].as_array().unwrap();
    assert_eq!((sections.len(), &sections[0]["title"]), (1, &json!("More diagnoses")), "{letter}");
    for seen in [seen, letter] {
        assert!(
            !seen.to_string().contains("secret-") && !seen.to_string().contains("safe-address"),
            "{seen}"
        );
    }
    running.stop().await;
}

const LETTERS: &str = r#"
[share.person.DocumentReference]
status = "whether it is current"
"content.attachment" = "the letter"
where = { "content.attachment.contentType" = ["text/plain", "application/pdf", "image/png"] }
"#;

fn letter(id: &str, stated: &str, content: &[u8]) -> Value {
    json!({"resourceType": "DocumentReference", "id": id, "status": "current", "subject": subject(),
           "content": [{"attachment": {"contentType": stated, "data": STANDARD.encode(content)}}]})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn content_leaves_only_as_what_it_is_and_records_inside_it_never() {
    let again = STANDARD.encode(format!("{{\"resourceType\":\"Patient\",\"id\":\"{ANN}\"}}"));
    let withheld: [(&str, &[u8]); 12] = [
        ("text/plain", b"MSH|^~\\&|A|B|||ADT^A01\rPID|||9990000026"),
        ("text/plain", b"BHS|^~\\&|A\rMSH|^~\\&|A"),
        ("text/plain", br#"<ClinicalDocument xmlns="urn:hl7-org:v3"/>"#),
        ("text/plain", br#"<Patient xmlns="http:&#47;&#x2F;hl7.org/fhir"/>"#),
        ("text/plain", b"@prefix fhir: <http://hl7.org/fhir/> ."),
        ("text/plain", b"/* letter */ {\"resourceType\":\"Patient\"}"),
        ("text/plain", b"{\"resourceType\":\"Patient\"}\n{\"resourceType\":\"Patient\"}"),
        ("text/plain", b"\x1F\x8B\x08\x00packed"),
        ("application/pdf", b"PK\x03\x04packed"),
        ("text/plain", b"Content-Type: application/json\r\n\r\n{}"),
        ("application/pdf", b"a text"),
        ("text/plain", again.as_bytes()),
    ];
    let shown: [(&str, &[u8]); 4] = [
        ("text/plain", b"a letter"),
        ("text/plain; charset=utf-8", "caf\u{e9}: MSH 12 pmol/l".as_bytes()),
        ("application/pdf", b"%PDF-1.7"),
        ("image/png", b"\x89PNG\r\n\x1A\n\0\0"),
    ];
    let mut all: Vec<Value> = Vec::new();
    for (number, (stated, content)) in withheld.iter().enumerate() {
        all.push(letter(&format!("w{number}"), stated, content));
    }
    for (number, (stated, content)) in shown.iter().enumerate() {
        all.push(letter(&format!("s{number}"), stated, content));
    }
    let (site, running) = site(&all, LETTERS).await;
    for (number, (_, content)) in withheld.iter().enumerate() {
        let seen = read(&site, &format!("DocumentReference/w{number}")).await;
        let attachment = &seen["content"][0]["attachment"];
        assert_eq!(attachment["data"], Value::Null, "{}", String::from_utf8_lossy(content));
    }
    for (number, (_, content)) in shown.iter().enumerate() {
        let seen = read(&site, &format!("DocumentReference/s{number}")).await;
        assert_eq!(seen["content"][0]["attachment"]["data"], json!(STANDARD.encode(content)), "{seen}");
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_that_is_base64_is_looked_into() {
    let inner = STANDARD.encode("MSH|^~\\&|A|B|||ADT^A01\rPID|||9990000026");
    let fine = STANDARD.encode("a mark");
    let url = "https://hospital.example/scan";
    let device = json!({"resourceType": "Condition", "id": "c1", "subject": subject(), "code": {"text": "hip"},
        "extension": [{"url": url, "valueBase64Binary": inner}, {"url": url, "valueBase64Binary": fine}]});
    let consent = json!({"resourceType": "Provenance", "id": "v1", "target": [{"reference": "Patient/p1"}],
        "recorded": "2026-01-01T00:00:00Z", "agent": [{"who": {"reference": "Practitioner/nurse"}}],
        "signature": [{"type": [{"code": "x"}], "when": "2026-01-01T00:00:00Z", "who": {"display": "x"}, "data": inner},
                      {"type": [{"code": "y"}], "when": "2026-01-01T00:00:00Z", "who": {"display": "x"}, "data": fine}]});
    let terms = format!(
        "\"extension:{url}\" = \"the scan\"\n[share.person.Provenance]\nsignature = \"who signed\"\n"
    );
    let tables = views::TABLES.replace(
        "[share.person.QuestionnaireResponse]",
        &format!("\"extension:{url}\" = \"the scan\"\n[share.person.QuestionnaireResponse]"),
    );
    let tables = format!("{tables}{}", terms.split_once('\n').unwrap().1);
    let (site, running) = views::site(&held(&[patient("p1", ANN), device, consent]), &tables).await;
    let seen = read(&site, "Condition/c1").await;
    assert_eq!(seen["extension"], json!([{"url": url, "valueBase64Binary": fine}]), "{seen}");
    let signed = read(&site, "Provenance/v1").await;
    let data: Vec<&Value> = signed["signature"].as_array().unwrap().iter().map(|one| &one["data"]).collect();
    assert_eq!(data, [&Value::Null, &json!(fine)], "{signed}");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_of_parts_stay_with_the_system_that_made_them() {
    let mut ann = patient("p1", ANN);
    ann["name"][0]["id"] = json!("secret-key");
    let (site, running) = views::site(&held(&[ann]), views::TABLES).await;
    let seen = read(&site, "Patient/p1").await;
    assert_eq!(seen["name"], json!([{"family": "Example"}]), "{seen}");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_shown_in_part_is_not_compared_with_what_is_missing() {
    let stay = json!({"resourceType": "Encounter", "id": "e1", "status": "finished", "class": {"code": "AMB"},
        "subject": subject(), "period": {"start": "2025-01-01", "end": "2025-02-02"}});
    let open =
        views::TABLES.replace("[share.person.Encounter]", "[share.person.Encounter]\n\"PERIOD\" = \"when\"");
    for (shown, status) in [("period.start", 403), ("period", 200)] {
        let tables = open.replace("PERIOD", shown);
        let (site, running) = views::site(&held(&[patient("p1", ANN), stay.clone()]), &tables).await;
        let mut told = Vec::new();
        for date in ["gt2026-01-01", "gt2025-01-15", "2025", "lt2024"] {
            let asked = answer(&site, &format!("/hospital/fhir/Encounter?patient=p1&date={date}")).await;
            assert_eq!(asked.0, status, "{shown} {date} {}", asked.2);
            told.push(asked.2);
        }
        if status == 200 {
            assert_eq!(references(&told[1]), ["e1"], "{}", told[1]);
            assert_eq!(references(&told[0]).len(), 0);
        }
        running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_part_with_a_label_of_its_own_labels_the_whole_in_either_form_of_its_value() {
    let act = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
    let url = "http://hl7.org/fhir/uv/security-label-ds4p/StructureDefinition/extension-inline-sec-label";
    let coding =
        json!({"system": act, "code": "PSY", "display": "psychiatry disorder information sensitivity"});
    let with = |id: &str, extension: Value| {
        json!({"resourceType": "Condition", "id": id, "subject": subject(),
               "code": {"text": "secret", "extension": [extension]}})
    };
    let mut all = vec![
        with("coding", json!({"url": url, "valueCoding": coding})),
        with("concept", json!({"url": url, "valueCodeableConcept": {"coding": [coding]}})),
        with("versioned", json!({"url": format!("{url}|1.0.0"), "valueCoding": coding})),
        with("slash", json!({"url": format!("{url}/"), "valueCoding": coding})),
        with("nested", json!({"url": "urn:x", "extension": [{"url": url, "valueCoding": coding}]})),
    ];
    all.push(with("other", json!({"url": "urn:x", "valueCoding": coding})));
    let tables = views::TABLES.replace(
        "[share.person.QuestionnaireResponse]",
        "where = { not_labelled = [\"PSY\"] }\n[share.person.QuestionnaireResponse]",
    );
    let (site, running) = views::site(&held(&[vec![patient("p1", ANN)], all].concat()), &tables).await;
    let found = answer(&site, "/hospital/fhir/Condition?patient=p1").await;
    assert_eq!(references(&found.2), ["other"], "{}", found.2);
    for id in ["coding", "concept", "versioned", "slash", "nested"] {
        is_as_absent(&site, &format!("Condition/{id}")).await;
    }
    running.stop().await;
}
