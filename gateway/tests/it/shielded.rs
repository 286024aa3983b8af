//! Where a protected person is, in whatever place of her records it may stand, and who she was before.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use gateway::serve::Running;
use serde_json::{Value, json};

use crate::support::holding::{ANN, NHS_NUMBER, held, holding, patient};
use crate::support::sharing::{self, BOB, agreement, answer, denies, read, references};
use crate::support::upstream::{Play, Seen, fhir};
use crate::support::whole::Whole;
use crate::views;

mod claimed;

const WIDE: &str = r#"[share.person.Patient]
identifier = "to be sure it is the right person"
name = "to address the person"
birthDate = "doses differ by age"
address = "where the person is visited"
telecom = "to arrange a visit"
[share.person.Observation]
code = "what was seen"
"value[x]" = "how much it was"
note = "what was said of it"
contained = "where it was"
[share.person.Encounter]
"reasonCode.text" = "why"
serviceProvider = "which hospital to ring"
contained = "where it was"
"location.status" = "whether it is over"
[share.person.Location]
name = "what it is called"
position = "where it is"
description = "what it is"
[share.person.List]
title = "which list it is"
"entry.item" = "what is on it"
contained = "what is on it"
[share.person.Task]
description = "what is to be done"
focus = "what it is about"
contained = "what it is about"
[share.person.Composition]
title = "what it is called"
section = "the letter"
[share.person.DocumentReference]
description = "what it is"
"content.attachment" = "the letter"
where = { "content.attachment.contentType" = ["text/plain"] }
[share.person.Binary]
data = "the letter"
where = { contentType = ["text/plain"] }
[share.person.Organization]
name = "which it is"
[share.person.DiagnosticReport]
code = "what was examined"
conclusion = "what was found"
[share.person.ServiceRequest]
code = "what is asked for"
patientInstruction = "where to come"
"#;

async fn site(resources: &[Value]) -> (Whole, Running) {
    views::site(&held(resources), WIDE).await
}

fn label(system: &str, code: &str) -> Value {
    json!({"system": format!("http://terminology.hl7.org/CodeSystem/{system}"), "code": code})
}

fn at_home(id: &str, number: &str) -> Value {
    let mut person = patient(id, number);
    person["address"] = json!([{"line": ["secret-lane"]}]);
    person["telecom"] = json!([{"system": "phone", "value": "secret-phone"}]);
    person
}

fn labelled(mut person: Value, label: &Value) -> Value {
    person["meta"] = json!({"security": [label]});
    person
}

/// What is said of the person with this id, with where she is in every place where it can stand.
fn records(of: &str) -> Vec<Value> {
    let subject = json!({"reference": format!("Patient/{of}")});
    let home = json!({"resourceType": "Location", "id": "home", "name": "secret-home", "description": "secret-house",
                      "position": {"longitude": -1.5, "latitude": 54.5}});
    let div = "<div xmlns=\"http://www.w3.org/1999/xhtml\">secret-narrative</div>";
    vec![
        json!({"resourceType": "Observation", "id": "text", "status": "final", "subject": subject,
               "code": {"text": "home safety check"}, "valueString": "secret-text", "note": [{"text": "secret-note"}]}),
        json!({"resourceType": "Observation", "id": "measured", "status": "final", "subject": subject,
               "code": {"text": "weight"}, "valueQuantity": {"value": 70, "unit": "kg"}}),
        json!({"resourceType": "Encounter", "id": "stay", "status": "finished", "class": {"code": "HH"}, "subject": subject,
               "reasonCode": [{"text": "wound check"}], "serviceProvider": {"reference": "Organization/school"},
               "contained": [home], "location": [{"location": {"reference": "#home"}, "status": "active"}]}),
        json!({"resourceType": "List", "id": "places", "status": "current", "mode": "working", "title": "where to go",
               "subject": subject, "contained": [home],
               "entry": [{"item": {"reference": "Location/secret-place"}}, {"item": {"reference": "#home"}},
                         {"item": {"reference": "Observation/measured"}},
                         {"item": {"type": "Location", "identifier": {"system": "urn:x", "value": "secret-site"}}}]}),
        json!({"resourceType": "Task", "id": "visit", "status": "requested", "intent": "order", "for": subject,
               "description": "secret-visit", "contained": [home], "focus": {"reference": "#home"}}),
        json!({"resourceType": "Composition", "id": "letter", "status": "final", "subject": subject, "title": "Letter",
               "type": {"text": "letter"}, "date": "2026", "author": [{"display": "x"}],
               "section": [{"title": "Plan", "text": {"status": "generated", "div": div}}]}),
        json!({"resourceType": "DocumentReference", "id": "post", "status": "current", "subject": subject,
               "description": "secret-description",
               "content": [{"attachment": {"contentType": "text/plain", "url": "Binary/post", "title": "secret-title"}},
                           {"attachment": {"contentType": "text/plain", "data": STANDARD.encode("secret-letter")}}]}),
        json!({"resourceType": "Binary", "id": "post", "contentType": "text/plain", "data": STANDARD.encode("secret-letter")}),
        json!({"resourceType": "Organization", "id": "school", "name": "secret-school"}),
        json!({"resourceType": "DiagnosticReport", "id": "report", "status": "final", "subject": subject,
               "code": {"text": "scan"}, "conclusion": "secret-conclusion"}),
        json!({"resourceType": "ServiceRequest", "id": "request", "status": "active", "intent": "order", "subject": subject,
               "code": {"text": "scan"}, "patientInstruction": "secret-instruction"}),
    ]
}

const READABLE: [&str; 9] = [
    "Observation/text",
    "Observation/measured",
    "Encounter/stay",
    "List/places",
    "Task/visit",
    "Composition/letter",
    "DocumentReference/post",
    "DiagnosticReport/report",
    "ServiceRequest/request",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_a_protected_person_is_stands_in_none_of_her_records() {
    let protected = labelled(at_home("p1", ANN), &label("v3-Confidentiality", "R"));
    let (site, running) = site(&[vec![protected], records("p1")].concat()).await;
    for path in READABLE {
        let (status, seen) = read(&site, path).await;
        let text = seen.to_string();
        let tells = ["secret-", "54.5", "Organization/", "Location", "Binary/"]
            .iter()
            .any(|word| text.contains(word));
        assert_eq!((status, tells), (200, false), "{path} {seen}");
    }
    assert_eq!(read(&site, "Binary/post").await.0, 404);
    let kept = |value: &Value, place: &str| value.pointer(place).cloned().unwrap_or_default();
    assert_eq!(kept(&read(&site, "Observation/text").await.1, "/code/text"), "home safety check");
    assert_eq!(kept(&read(&site, "Observation/measured").await.1, "/valueQuantity/unit"), "kg");
    assert_eq!(kept(&read(&site, "Encounter/stay").await.1, "/reasonCode/0/text"), "wound check");
    let (_, list) = read(&site, "List/places").await;
    assert_eq!(list["entry"], json!([{"item": {"reference": "Observation/measured"}}]), "{list}");
    for asked in [
        "Observation?patient=p1&value-string=secret",
        "Encounter?patient=p1&service-provider=Organization/school",
    ] {
        let found = answer(&site, &format!("/hospital/fhir/{asked}")).await;
        assert_eq!((found.0, references(&found.2).len()), (200, 0), "{asked} {}", found.2);
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_others_the_same_is_shared_as_far_as_it_is_named() {
    let (site, running) = site(&[vec![at_home("p1", ANN)], records("p1")].concat()).await;
    let letter = answer(&site, "/hospital/fhir/Binary/post").await;
    assert_eq!((letter.0, letter.2.as_str()), (200, "secret-letter"));
    for (path, told) in [
        ("Observation/text", vec!["secret-text", "secret-note"]),
        ("Encounter/stay", vec!["Organization/school"]),
        ("List/places", vec!["Location/secret-place", "secret-home"]),
        ("Task/visit", vec!["secret-visit", "secret-house", "54.5"]),
        ("Composition/letter", vec!["secret-narrative"]),
        ("DocumentReference/post", vec!["secret-description", "Binary/post", "secret-title"]),
        ("Patient/p1", vec!["secret-lane", "secret-phone"]),
        ("DiagnosticReport/report", vec!["secret-conclusion"]),
        ("ServiceRequest/request", vec!["secret-instruction"]),
    ] {
        let (status, seen) = read(&site, path).await;
        assert_eq!(status, 200, "{path}");
        for word in told {
            assert!(seen.to_string().contains(word), "{path} {word} {seen}");
        }
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn labels_of_places_protect_as_a_high_degree_does() {
    let inline = |label: Value| {
        json!([{"url": "http://hl7.org/fhir/uv/security-label-ds4p/StructureDefinition/extension-inline-sec-label",
                "valueCoding": label}])
    };
    let on_address = |label: Value| {
        let mut person = at_home("p1", ANN);
        person["address"][0]["extension"] = inline(label);
        person
    };
    let mut on_line = at_home("p1", ANN);
    on_line["address"][0]["_line"] = json!([{"extension": inline(label("v3-Confidentiality", "R"))}]);
    let mut on_phone = at_home("p1", ANN);
    on_phone["telecom"][0]["extension"] = inline(label("v3-Confidentiality", "V"));
    let mut on_name = at_home("p1", ANN);
    on_name["name"][0]["extension"] = inline(label("v3-Confidentiality", "R"));
    for (person, shielded) in [
        (labelled(at_home("p1", ANN), &label("v3-ActCode", "LOCIS")), true),
        (labelled(at_home("p1", ANN), &label("v3-ActCode", "LIVARG")), true),
        (labelled(at_home("p1", ANN), &label("v3-ActCode", "ETH")), false),
        (labelled(at_home("p1", ANN), &label("v3-Confidentiality", "N")), false),
        (on_address(label("v3-Confidentiality", "R")), true),
        (on_address(label("v3-ActCode", "SDV")), true),
        (on_address(label("v3-Confidentiality", "N")), false),
        (on_line, true),
        (on_phone, true),
        (on_name, false),
    ] {
        let (site, running) = site(std::slice::from_ref(&person)).await;
        let (status, seen) = read(&site, "Patient/p1").await;
        assert_eq!((status, &seen["name"][0]["family"]), (200, &json!("Example")), "{seen}");
        assert_eq!(!seen.to_string().contains("secret-"), shielded, "{person} {seen}");
        running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_somebody_was_is_not_joined_to_who_she_is() {
    let mut person = patient("p1", ANN);
    person["identifier"]
        .as_array_mut()
        .unwrap()
        .push(json!({"use": "old", "system": NHS_NUMBER, "value": BOB}));
    person["name"] = json!([{"use": "official", "family": "Example"}, {"use": "old", "family": "Before"},
                            {"use": "maiden", "family": "Earlier"}, {"use": "nickname", "given": ["Annie"]}]);
    let protected = labelled(person.clone(), &label("v3-Confidentiality", "R"));
    for (person, before) in [(person, true), (protected, false)] {
        let (site, running) = site(&[person]).await;
        let (status, seen) = read(&site, "Patient/p1").await;
        let told = seen.to_string();
        assert_eq!((status, told.contains(ANN), told.contains(BOB)), (200, true, false), "{seen}");
        assert_eq!((told.contains("Before"), told.contains("Earlier")), (before, before), "{seen}");
        assert!(told.contains("Annie") && told.contains("official"), "{seen}");
        running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_protected_person_is_not_found_by_a_name_that_is_not_shown() {
    let mut person = patient("p1", ANN);
    person["birthDate"] = json!("1950-01-01");
    person["name"] = json!([{"family": "Newname"}, {"use": "old", "family": "Before"},
                            {"family": "Ended", "period": {"end": "2001-01-01"}}]);
    let protected = labelled(person.clone(), &label("v3-Confidentiality", "R"));
    for (person, found) in [(person, 1), (protected, 0)] {
        let (site, running) = site(&[person]).await;
        for (name, expected) in [("Newname", 1), ("Before", found), ("Ended", found), ("Nobody", 0)] {
            for asked in ["birthdate=1950-01-01", "_id=p1"] {
                let path = format!("/hospital/fhir/Patient?{asked}&family={name}");
                let (status, _, body) = answer(&site, &path).await;
                assert_eq!((status, references(&body).len()), (200, expected), "{path} {body}");
            }
        }
        running.stop().await;
    }
}

/// What of a child's records tells where her mother is: both name her.
async fn told_of_the_child(site: &Whole) -> Vec<&'static str> {
    let mut told = Vec::new();
    for path in ["Patient/p1", "Observation/o"] {
        let (status, body) = read(site, path).await;
        assert_eq!(status, 200, "the child's record is shared: {path}");
        if body.to_string().contains("secret") {
            told.push(path);
        }
    }
    told
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_protected_person_protects_the_records_that_name_her_whatever_the_answer_about_her() {
    let mut child = at_home("p1", ANN);
    child["link"] = json!([{"other": {"reference": "Patient/p2"}, "type": "seealso"}]);
    let seen_by = json!({"resourceType": "Observation", "id": "o", "status": "final", "subject": {"reference": "Patient/p1"},
        "performer": [{"reference": "Patient/p2"}], "code": {"text": "home safety check"}, "valueString": "secret-text"});
    for (degree, told) in [("R", [].as_slice()), ("N", &["Patient/p1", "Observation/o"])] {
        let mother = labelled(at_home("p2", BOB), &label("v3-Confidentiality", degree));
        let honest = holding(&held(&[child.clone(), mother, seen_by.clone()]));
        let broken = Arc::new(AtomicBool::new(false));
        let is_broken = Arc::clone(&broken);
        let script = move |seen: &Seen| {
            let is_hers = seen.body.contains("p2") || seen.body.contains(BOB);
            match is_broken.load(Ordering::SeqCst) && seen.line.contains("Patient/_search") && is_hers {
                true => Play::Bytes(fhir("500 Internal Server Error", "{}")),
                false => honest(seen),
            }
        };
        let (site, running) = sharing::site(&agreement("withheld", WIDE), script).await;
        assert_eq!(told_of_the_child(&site).await, told, "permitted {degree}");
        broken.store(true, Ordering::SeqCst);
        assert_eq!(told_of_the_child(&site).await, [""; 0], "in doubt {degree}");
        broken.store(false, Ordering::SeqCst);
        denies(&site, BOB).await;
        assert_eq!(told_of_the_child(&site).await, told, "refused {degree}");
        running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_not_there_protects_nothing() {
    let mut child = at_home("p1", ANN);
    child["link"] = json!([{"other": {"reference": "Patient/gone"}, "type": "seealso"}]);
    let (site, running) = site(&[child]).await;
    let (status, body) = read(&site, "Patient/p1").await;
    assert!(status == 200 && body.to_string().contains("secret-lane"), "{status} {body}");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_stands_only_in_content_that_is_looked_into_may_be_protected() {
    let letter = |id: &str, link: Option<&str>| {
        let mut copy = at_home("p1", ANN);
        if let Some(number) = link {
            let other =
                json!({"identifier": {"system": "https://fhir.nhs.uk/Id/nhs-number", "value": number}});
            copy["link"] = json!([{"type": "seealso", "other": other}]);
        }
        json!({"resourceType": "DocumentReference", "id": id, "status": "current", "subject": {"reference": "Patient/p1"},
            "content": [{"attachment": {"contentType": "application/fhir+json", "data": STANDARD.encode(copy.to_string())}}]})
    };
    let mother = labelled(at_home("p2", BOB), &label("v3-Confidentiality", "R"));
    let held = held(&[at_home("p1", ANN), mother, letter("alone", None), letter("named", Some(BOB))]);
    let wide = WIDE.replace("[\"text/plain\"]", "[\"text/plain\", \"application/fhir+json\"]");
    let (site, running) = sharing::site(&agreement("withheld", &wide), holding(&held)).await;
    for (id, tells) in [("alone", true), ("named", false)] {
        let (status, body) = read(&site, &format!("DocumentReference/{id}")).await;
        let data = body["content"][0]["attachment"]["data"].as_str().unwrap_or_default();
        let told = String::from_utf8(STANDARD.decode(data).unwrap()).unwrap();
        assert_eq!((status, told.contains("secret")), (200, tells), "{id}: {body} {told}");
    }
    running.stop().await;
}
