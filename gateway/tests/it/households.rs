//! Where a protected person is stays hidden in the records of others too, through the whole gateway.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use gateway::serve::Running;
use serde_json::{Value, json};

use crate::support::holding::{ANN, Held, held, holding, patient};
use crate::support::sharing::{self, BOB, answer, read, references};
use crate::support::upstream::{Play, Seen, fhir};
use crate::support::whole::Whole;
use crate::views;

const WHEREABOUTS: &str = r#"
[share.person.Patient]
name = "to address the person"
birthDate = "eligibility differs by age"
address = "where the person is visited"
telecom = "to arrange a visit"
[share.person.RelatedPerson]
name = "who helps"
address = "where they are"
telecom = "to reach them"
"#;
const PAT: &str = "9990000034";

fn agreement() -> String {
    let tables =
        views::TABLES.replace("[share.person.Patient]\nname = \"to address the person\"\n", WHEREABOUTS);
    sharing::agreement("withheld", &tables)
}

async fn site(script: impl Fn(&Seen) -> Play + Send + Sync + 'static, setting: &str) -> (Whole, Running) {
    sharing::site_after(&agreement(), script, |site| site.also_set(setting)).await
}

const ASKED: &str = "shields_households = true\n";

fn living(id: &str, number: &str, postcode: &str, phone: &str) -> Value {
    let mut person = patient(id, number);
    person["address"] = json!([{"line": ["1 Lane"], "postalCode": postcode}]);
    person["telecom"] = json!([{"system": "phone", "value": phone}]);
    person
}

fn protected(mut person: Value) -> Value {
    let system = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality";
    person["meta"] = json!({"security": [{"system": system, "code": "R"}]});
    person
}

/// A protected mother, her child who lives with her, and a neighbour.
fn family() -> Held {
    let aunt = json!({"resourceType": "RelatedPerson", "id": "aunt", "patient": {"reference": "Patient/other"},
        "name": [{"family": "Aunt"}], "telecom": [{"system": "phone", "value": "07700900481"}]});
    held(&[
        protected(living("mother", ANN, "ZZ99 9DQ", "07700900481")),
        living("child", BOB, "ZZ99 9DQ", "07700900999"),
        living("other", PAT, "ZZ99 9DR", "07700900777"),
        aunt,
    ])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_child_at_a_protected_address_is_shared_without_it_and_others_with_theirs() {
    let (site, running) = site(holding(&family()), ASKED).await;
    for path in ["Patient/mother", "Patient/child"] {
        let (status, person) = read(&site, path).await;
        assert_eq!((status, &person["birthDate"]), (200, &json!("1950-01-01")), "{path} {person}");
        assert_eq!((&person["address"], &person["telecom"]), (&Value::Null, &Value::Null), "{path} {person}");
    }
    let (_, other) = read(&site, "Patient/other").await;
    assert_eq!(other["address"][0]["postalCode"], "ZZ99 9DR", "{other}");
    let (status, aunt) = read(&site, "RelatedPerson/aunt").await;
    assert_eq!(
        (status, &aunt["telecom"]),
        (200, &Value::Null),
        "her telephone, on a relative's record: {aunt}"
    );
    assert_eq!(aunt["name"][0]["family"], "Aunt");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_found_by_a_protected_address() {
    let family = family();
    let (site, running) = site(holding(&family), ASKED).await;
    let by_postcode =
        |id: &str, postcode: &str| format!("/hospital/fhir/Patient?_id={id}&address-postalcode={postcode}");
    let open = answer(&site, &by_postcode("other", "ZZ99%209DR")).await;
    assert_eq!(references(&open.2), ["other"], "{}", open.2);
    for id in ["mother", "child"] {
        let right = answer(&site, &by_postcode(id, "ZZ99%209DQ")).await;
        let wrong = answer(&site, &by_postcode(id, "ZZ99%209DX")).await;
        assert_eq!(right.2.replace("9DQ", "9DX"), wrong.2, "{id}");
        assert_eq!((right.0, references(&right.2).len()), (wrong.0, 0), "{id}");
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_only_the_holder_can_tell_counts_of_what_is_shown_and_of_nothing_else() {
    let family = family();
    for person in family.lock().unwrap().iter_mut().filter(|person| person["id"] != "aunt") {
        // Former names of a protected person are left out.
        person["name"] = json!([{"family": "O'Brien"}, {"family": "Smith", "use": "old"}]);
    }
    // It answers with whom it takes for a match, however the criterion is spelled.
    let (site, running) = site(holding(&family), ASKED).await;
    for criterion in
        ["phone=07700%20900%20777", "phone=phone|07700900777", "phonetic=Obrayen", "family=OBrien"]
    {
        let found = answer(&site, &format!("/hospital/fhir/Patient?_id=other&{criterion}")).await;
        assert_eq!(references(&found.2), ["other"], "{criterion} {}", found.2);
    }
    for (id, criterion) in [
        ("mother", "phone=07700%20900%20481"),
        ("child", "phone=07700%20900%20999"),
        ("mother", "phonetic=Smyth"),
    ] {
        let found = answer(&site, &format!("/hospital/fhir/Patient?_id={id}&{criterion}")).await;
        assert_eq!(
            (found.0, references(&found.2)),
            (200, Vec::<String>::new()),
            "{id} {criterion} {}",
            found.2
        );
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_a_system_cannot_be_asked_no_address_is_shown_and_where_it_is_not_to_be_asked_all_are() {
    let honest = holding(&family());
    let refusing = move |seen: &Seen| match seen.body.contains("address-postalcode") {
        true => Play::Bytes(fhir("400 Bad Request", r#"{"resourceType":"OperationOutcome"}"#)),
        false => honest(seen),
    };
    let (strict, running) = site(refusing, ASKED).await;
    let (status, other) = read(&strict, "Patient/other").await;
    assert_eq!((status, &other["address"], &other["telecom"]), (200, &Value::Null, &Value::Null), "{other}");
    running.stop().await;
    let (unasked, running) = site(holding(&family()), "").await;
    assert_eq!(read(&unasked, "Patient/child").await.1["address"][0]["postalCode"], "ZZ99 9DQ");
    assert_eq!(read(&unasked, "Patient/mother").await.1["address"], Value::Null, "her own is hidden anyway");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_a_text_or_a_number_in_another_spelling_tells_a_protected_place_too() {
    let place = |id: &str, number: &str, address: Value, phone: &str| {
        let mut person = patient(id, number);
        person["address"] = json!([address]);
        person["telecom"] = json!([{"system": "phone", "value": phone}]);
        person
    };
    let hers = json!({"line": ["The Flat", "7 Hidden Lane"], "postalCode": "ZZ99 9DQ"});
    let family = held(&[
        protected(place("mother", ANN, hers, "07700 900481")),
        place("child", BOB, json!({"line": ["7 Hidden Lane"]}), "07700900999"),
        place("friend", PAT, json!({"line": ["9 Hidden Lane"]}), "+44 7700 900481"),
        place("lodger", "9990000042", json!({"text": "7 Hidden Lane, Exampleton"}), "07700900998"),
        place("neighbour", "9990000050", json!({"text": "9 Hidden Lane, Exampleton"}), "07700900997"),
    ]);
    let (site, running) = site(holding(&family), ASKED).await;
    for (id, is_hidden) in [("child", true), ("friend", true), ("lodger", true), ("neighbour", false)] {
        let (status, person) = read(&site, &format!("Patient/{id}")).await;
        let hidden = (person["address"].is_null(), person["telecom"].is_null());
        assert_eq!((status, hidden), (200, (is_hidden, is_hidden)), "{id} {person}");
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn places_inside_inline_content_are_not_shown_where_they_are_not_asked_about() {
    let inner = living("child", BOB, "ZZ99 9DQ", "07700900999").to_string();
    let document = json!({"resourceType": "DocumentReference", "id": "d1", "status": "current",
        "subject": {"reference": "Patient/child"}, "content": [{"attachment": {"contentType": "text/plain", "data": STANDARD.encode(inner)}}]});
    let family = family();
    family.lock().unwrap().push(document);
    for (setting, is_shown) in [(ASKED, false), ("", true)] {
        let site = Whole::with(holding(&family)).await;
        let agreement = format!(
            "{}[share.person.DocumentReference]\n\"content.attachment.data\" = \"the letter\"\nwhere = {{ \"content.attachment.contentType\" = [\"text/plain\"] }}\n",
            agreement()
        );
        site.agrees(&agreement);
        site.also_set(setting);
        let running = site.start().await.unwrap();
        let (status, document) = read(&site, "DocumentReference/d1").await;
        let data = document["content"][0]["attachment"]["data"].as_str().unwrap();
        let inner = String::from_utf8(STANDARD.decode(data).unwrap()).unwrap();
        assert_eq!((status, inner.contains("1950-01-01")), (200, true), "{inner}");
        assert_eq!(inner.contains("9DQ"), is_shown, "{inner}");
        running.stop().await;
    }
}

/// An agreement of which nothing is left of a RelatedPerson but where she can be reached.
fn of_numbers() -> String {
    let related = agreement().replace("name = \"who helps\"\naddress = \"where they are\"\n", "");
    format!(
        "{related}[share.person.Communication]\nsender = \"who it is from\"\ntopic = \"what it is about\"\n"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_nothing_but_a_protected_number_is_neither_found_nor_referred_to() {
    let family = family();
    let related = |id: &str, phone: &str| {
        json!({"resourceType": "RelatedPerson", "id": id, "patient": {"reference": "Patient/other"},
            "telecom": [{"system": "phone", "value": phone}]})
    };
    let sent = |id: &str, by: &str| {
        json!({"resourceType": "Communication", "id": id, "status": "completed", "topic": {"text": "hello"},
            "subject": {"reference": "Patient/other"}, "sender": {"reference": format!("RelatedPerson/{by}")}})
    };
    family.lock().unwrap().retain(|one| one["id"] != "aunt");
    family.lock().unwrap().extend([
        related("aunt", "07700900481"),
        related("uncle", "07700900555"),
        sent("c1", "aunt"),
    ]);
    let site = Whole::with(holding(&family)).await;
    site.agrees(&of_numbers());
    site.also_set(ASKED);
    let running = site.start().await.unwrap();
    views::is_as_absent(&site, "RelatedPerson/aunt").await;
    let (status, message) = read(&site, "Communication/c1").await;
    assert_eq!((status, &message["topic"]["text"]), (200, &json!("hello")), "{message}");
    assert!(!message.to_string().contains("aunt"), "{message}");
    let path = "/hospital/fhir/RelatedPerson?patient=other&_revinclude=Communication:sender";
    let (status, _, page) = answer(&site, path).await;
    assert_eq!((status, references(&page)), (200, vec!["uncle".to_owned()]), "{page}");
    assert!(!page.contains("aunt"), "{page}");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_places_are_asked_about_in_parts_and_too_many_not_at_all() {
    let asked = Arc::new(AtomicUsize::new(0));
    let many = |id: &str, number: &str, count: usize| {
        let mut person = patient(id, number);
        person["telecom"] =
            (0..count).map(|at| json!({"system": "phone", "value": format!("077009{at:05}")})).collect();
        person
    };
    let honest = holding(&held(&[many("some", ANN, 150), many("too-many", BOB, 700)]));
    let counted = Arc::clone(&asked);
    let script = move |seen: &Seen| {
        if seen.body.contains("telecom=") {
            counted.fetch_add(1, Ordering::Relaxed);
        }
        honest(seen)
    };
    let (site, running) = site(script, ASKED).await;
    let (status, some) = read(&site, "Patient/some").await;
    assert_eq!((status, some["telecom"].as_array().map(Vec::len)), (200, Some(150)));
    let before = asked.swap(0, Ordering::Relaxed);
    assert!(before > 1, "in parts: {before}");
    let (status, too_many) = read(&site, "Patient/too-many").await;
    assert_eq!((status, &too_many["telecom"]), (200, &Value::Null));
    assert_eq!(asked.load(Ordering::Relaxed), 0, "what is hidden anyway is not asked about");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_document_and_everything_about_a_child_keep_a_protected_address() {
    let family = family();
    family.lock().unwrap().push(json!({"resourceType": "Composition", "id": "c1", "status": "final",
        "title": "a summary", "subject": {"reference": "Patient/child"}}));
    let site = Whole::with(holding(&family)).await;
    let composition = "[share.person.Composition]\nsubject = \"whom it is about\"\n";
    let agreement = agreement().replace("[share.person.Composition]\n", composition);
    site.agrees(&agreement);
    site.also_set(ASKED);
    let running = site.start().await.unwrap();
    for path in ["Composition/c1/$document", "Patient/child/$everything"] {
        let (status, bundle) = read(&site, path).await;
        let text = bundle.to_string();
        assert_eq!((status, text.contains("Patient/child")), (200, true), "{text}");
        assert!(!text.contains("9DQ") && !text.contains("07700900999"), "{path} {text}");
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_place_about_which_alone_a_system_does_not_answer_is_left_out_and_takes_nothing_else_with_it() {
    let at = |line: &str, mut person: Value| {
        person["address"][0]["line"] = json!([line]);
        person
    };
    // Whatever finds the mother, the system trips over her.
    let honest = holding(&held(&[
        at("7 Hidden Lane", living("child", BOB, "ZZ99 9DQ", "07700900999")),
        living("other", PAT, "ZZ99 9DR", "07700900777"),
    ]));
    let tripping = move |seen: &Seen| {
        let finds_her = seen.body.contains("9DQ") || seen.body.contains("Hidden");
        match seen.line.contains("/Patient/_search") && finds_her {
            true => Play::Bytes(fhir("500 Internal Server Error", r#"{"resourceType":"OperationOutcome"}"#)),
            false => honest(seen),
        }
    };
    let (site, running) = site(tripping, ASKED).await;
    for path in ["Patient/other", "Patient/child", "Patient?_id=other,child"] {
        let (status, _, body) = answer(&site, &format!("/hospital/fhir/{path}")).await;
        assert_eq!(status, 200, "{path} {body}");
        assert_eq!(body.contains("ZZ99 9DR"), path.contains("other"), "the place of others: {path} {body}");
        assert!(!body.contains("ZZ99 9DQ"), "{path} {body}");
    }
    running.stop().await;
    let honest = holding(&family());
    let down = move |seen: &Seen| match seen.body.contains("address-postalcode") {
        true => Play::Bytes(fhir("500 Internal Server Error", r#"{"resourceType":"OperationOutcome"}"#)),
        false => honest(seen),
    };
    let (site, running) = self::site(down, ASKED).await;
    assert_eq!(
        read(&site, "Patient/other").await.0,
        502,
        "a system that answers about nowhere in this way is down"
    );
    running.stop().await;
}
