//! Whom a resource is about, through the whole gateway: everyone it is about must permit it, however she is named, and who
//! merely did something lets nothing in.

use gateway::serve::Running;
use serde_json::{Value, json};

use crate::support::holding::{ANN, Held, NHS_NUMBER, condition, held, holding, patient};
use crate::support::sharing::{self, BOB, agreement, answer, references, says};
use crate::support::upstream::{Play, Seen, fhir};
use crate::support::whole::Whole;
use crate::targets;

mod merged;

/// A third one, who says nothing.
const CY: &str = "9990000034";

const TABLES: &str = r#"[share.person.Patient]
name = "to address the person"
address = "where to find the person"
[share.person.Condition]
code = "what care is needed for"
[share.person.Observation]
code = "what was observed"
valueString = "what was found"
performer = "who found it"
focus = "what it is about"
[share.person.QuestionnaireResponse]
status = "whether it is whole"
[share.person.CareTeam]
name = "which team it is"
"participant.member" = "who helps"
[share.person.Appointment]
description = "what it is for"
"participant.actor" = "who comes"
[share.person.Provenance]
reason = "why it was done"
[share.person.AuditEvent]
outcomeDesc = "how it ended"
[share.person.RelatedPerson]
name = "whom to ask"
[share.person.Person]
name = "who it is"
[share.person.Group]
name = "which group it is"
"member.entity" = "who is in it"
[share.person.Bundle]
type = "to read it"
entry = "what it holds"
"#;

async fn site(script: impl Fn(&Seen) -> Play + Send + Sync + 'static) -> (Whole, Running) {
    sharing::site(&agreement("withheld", TABLES), script).await
}

async fn read(site: &Whole, place: &str) -> (u16, String) {
    let (status, _, body) = answer(site, &format!("/hospital/fhir/{place}")).await;
    (status, body)
}

fn to(place: &str) -> Value {
    json!({"reference": place})
}

fn of(kind: &str, id: &str, with: Value) -> Value {
    let mut made = json!({"resourceType": kind, "id": id, "status": "final"});
    for (name, value) in with.as_object().unwrap() {
        made[name] = value.clone();
    }
    made
}

fn group(id: &str, members: &[&str]) -> Value {
    let members: Vec<Value> = members.iter().map(|member| json!({"entity": to(member)})).collect();
    of("Group", id, json!({"type": "person", "actual": true, "name": "a ward", "member": members}))
}

/// Ann, Bob and Cy, a group of the first two, and what is Bob's.
fn people() -> Vec<Value> {
    let related = json!({"patient": to("Patient/p1"), "name": [{"family": "secret-name"}],
                         "identifier": [{"system": NHS_NUMBER, "value": BOB}]});
    vec![
        patient("p1", ANN),
        patient("p2", BOB),
        patient("p3", CY),
        group("g1", &["Patient/p1", "Patient/p2"]),
        group("g0", &[]),
        of("Observation", "of-bob", json!({"subject": to("Patient/p2"), "code": {"text": "secret-code"}})),
        of("RelatedPerson", "r1", related),
    ]
}

/// Each resource, and whether it is shared while everyone permits. Once Bob dissents, none of them is.
fn with_bob_in_it() -> Vec<(&'static str, Value, bool)> {
    let ann = || to("Patient/p1");
    let said = |mut more: Value| {
        more["code"] = json!({"text": "secret-code"});
        more["valueString"] = json!("secret-value");
        of("Observation", "x", more)
    };
    let mrn =
        json!({"type": "Patient", "identifier": {"system": "https://hospital.example/mrn", "value": "77"}});
    let by_ann = |more: Value| {
        let mut made = json!({"agent": [{"who": to("Patient/p1")}], "outcomeDesc": "secret-outcome",
                              "reason": [{"text": "secret-reason"}]});
        made.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        made
    };
    let attend = |people: &[Value]| {
        let all: Vec<Value> = people.iter().map(|actor| json!({"actor": actor})).collect();
        of("Appointment", "x", json!({"description": "secret-reason", "participant": all}))
    };
    let contained = json!({"resourceType": "Group", "id": "g", "member": [{"entity": ann()}, {"entity": to("Patient/p2")}]});
    let target = |place: &str| of("Provenance", "x", by_ann(json!({"target": [to(place)]})));
    let entity = |place: &str| of("AuditEvent", "x", by_ann(json!({"entity": [{"what": to(place)}]})));
    let asked_of = |place: &str| json!({"subject": to(place), "source": ann(), "author": ann()});
    let team = json!([{"member": ann()}]);
    vec![
        ("a group, done by Ann", said(json!({"subject": to("Group/g1"), "performer": [ann()]})), true),
        ("a group inside", said(json!({"subject": to("#g"), "contained": [contained]})), true),
        ("an empty group", said(json!({"subject": to("Group/g0"), "performer": [ann()]})), false),
        (
            "a group that is not there",
            said(json!({"subject": to("Group/gone"), "performer": [ann()]})),
            false,
        ),
        ("nobody, done by Ann", said(json!({"performer": [ann()]})), false),
        ("a device, done by Ann", said(json!({"subject": to("Device/d"), "performer": [ann()]})), false),
        ("a relative", of("QuestionnaireResponse", "x", asked_of("RelatedPerson/r1")), true),
        (
            "the team of a group",
            of("CareTeam", "x", json!({"subject": to("Group/g1"), "participant": team})),
            true,
        ),
        ("the team of nobody", of("CareTeam", "x", json!({"participant": team})), false),
        ("Bob in view", said(json!({"subject": ann(), "focus": [to("Patient/p2")]})), true),
        ("a group in view", said(json!({"subject": ann(), "focus": [to("Group/g1")]})), true),
        ("what is Bob's in view", said(json!({"subject": ann(), "focus": [to("Observation/of-bob")]})), true),
        ("a number of nobody knows whom", said(json!({"subject": ann(), "focus": [mrn]})), false),
        ("what is gone in view", said(json!({"subject": ann(), "focus": [to("Observation/gone")]})), false),
        ("an empty group in view", said(json!({"subject": ann(), "focus": [to("Group/g0")]})), false),
        ("a name in view", said(json!({"subject": ann(), "focus": [{"display": "Bob"}]})), false),
        ("an appointment of both", attend(&[ann(), to("Patient/p2")]), true),
        ("an appointment with a relative", attend(&[ann(), to("RelatedPerson/r1")]), true),
        ("an appointment with a number", attend(&[ann(), mrn.clone()]), false),
        ("a relative herself", of("RelatedPerson", "x", people()[6].clone()), true),
        (
            "a person of this number",
            of(
                "Person",
                "x",
                json!({"name": [{"family": "secret-name"}],
            "link": [{"target": ann()}], "identifier": [{"system": NHS_NUMBER, "value": BOB}]}),
            ),
            true,
        ),
        ("where it came from", target("Observation/of-bob"), true),
        ("where what is gone came from", target("Observation/gone"), false),
        ("who looked at it", entity("Observation/of-bob"), true),
        ("who looked at a group", entity("Group/g1"), true),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everyone_a_resource_is_about_must_permit_it_and_who_did_something_is_not_enough() {
    let store: Held = held(&people());
    let (site, running) = site(holding(&store)).await;
    let absent = answer(&site, "/hospital/fhir/Observation/none").await;
    for dissents in [false, true] {
        if dissents {
            says(&site, BOB, &json!({"type": "deny"})).await;
        }
        for (case, mut resource, shared) in with_bob_in_it() {
            resource["id"] = json!("x");
            let kind = resource["resourceType"].as_str().unwrap().to_owned();
            *store.lock().unwrap() = people().into_iter().chain([resource]).collect();
            let path = format!("/hospital/fhir/{kind}/x");
            let told = answer(&site, &path).await;
            let expected = if shared && !dissents { 200 } else { 404 };
            assert_eq!(told.0, expected, "{case}, {dissents}: {}", told.2);
            if expected == 404 {
                assert_eq!(told, absent, "{case}");
            }
            let (status, _, found) = answer(&site, &format!("/hospital/fhir/{kind}?_id=x")).await;
            let entries = usize::from(expected == 200);
            assert_eq!((status, references(&found).len()), (200, entries), "{case}, {dissents}: {found}");
            assert!(entries == 1 || !found.contains("secret"), "{case}: {found}");
        }
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_hers_stays_shared_whoever_did_it() {
    let by = |performers: Value| {
        of(
            "Observation",
            "x",
            json!({"subject": to("Patient/p1"), "code": {"text": "a code"}, "performer": performers}),
        )
    };
    let (bob, staff) = (to("Patient/p2"), to("Practitioner/d1"));
    let appointment =
        |actors: Value| of("Appointment", "x", json!({"description": "a reason", "participant": actors}));
    let her_own = json!([{"actor": to("Patient/p1")}, {"actor": staff}, {"actor": {"display": "Dr Ward"}},
                         {"actor": to("Location/l1")}]);
    let store: Held = held(&people());
    let (site, running) = site(holding(&store)).await;
    says(&site, BOB, &json!({"type": "deny"})).await;
    for (resource, kept) in [
        (by(json!([staff])), "a code"),
        (by(json!([bob, staff])), "a code"),
        (
            of(
                "Observation",
                "x",
                json!({"subject": to("Patient/p1"), "code": {"text": "a code"},
            "focus": [to("Device/d1")]}),
            ),
            "a code",
        ),
        (
            of(
                "Observation",
                "x",
                json!({"subject": to("Patient/p1"), "code": {"text": "a code"},
            "focus": [to("Condition/c1")]}),
            ),
            "a code",
        ),
        (appointment(her_own), "a reason"),
    ] {
        let kind = resource["resourceType"].as_str().unwrap().to_owned();
        let more = [condition("c1", "p1", "1", &[]), resource.clone()];
        *store.lock().unwrap() = people().into_iter().chain(more).collect();
        let (status, body) = read(&site, &format!("{kind}/x")).await;
        assert_eq!((status, body.contains(kept)), (200, true), "{resource}: {body}");
        assert!(!body.contains("p2"), "{body}");
    }
    running.stop().await;
    let lookups = |kind: &str| {
        let line = format!("POST /fhir/{kind}/_search HTTP/1.1");
        site.hospital.seen().iter().filter(|seen| seen.line == line).count()
    };
    assert_eq!((lookups("Device"), lookups("Location")), (0, 0), "they go with whoever refers to them");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_hidden_in_a_list_is_not_found_in_it() {
    let store: Held = held(&[]);
    let (site, running) = site(holding(&store)).await;
    says(&site, BOB, &json!({"type": "deny"})).await;
    let (ann, bob, cy) = ("Patient/p1", "Patient/p2", "Patient/p3");
    for (case, asked, members, shown) in [
        ("with her", "Group?member=Patient/p1&member=Patient/p2", vec![ann, cy, bob], 0),
        ("before her", "Group?member=Patient/p2&member=Patient/p1", vec![ann, cy, bob], 0),
        ("beside her", "Group?member=Patient/p1,Patient/p2", vec![cy, bob], 0),
        ("in her compartment", "Patient/p1/Group?member=Patient/p2", vec![ann, cy, bob], 0),
        ("staff", "Group?member=Patient/p1&member=Practitioner/d1", vec![ann, "Practitioner/d1"], 0),
        ("both who permit", "Group?member=Patient/p1&member=Patient/p3", vec![ann, cy, bob], 1),
        ("either who permits", "Group?member=Patient/p1,Patient/p3", vec![cy, bob], 1),
    ] {
        let mut answers = Vec::new();
        for there in [true, false] {
            let is_kept = |member: &&&str| there || (**member != bob && !member.starts_with("Practitioner"));
            let members: Vec<&str> = members.iter().filter(is_kept).copied().collect();
            *store.lock().unwrap() = people().into_iter().take(3).chain([group("g1", &members)]).collect();
            answers.push(targets::answer(&site, &format!("/hospital/fhir/{asked}")).await);
        }
        let (status, _, body) = &answers[0];
        assert_eq!((*status, references(body).len()), (200, shown), "{case}: {body}");
        assert_eq!(answers[0], answers[1], "{case}");
    }
    running.stop().await;
}

fn linked(id: &str, number: &str, links: &[(&str, &str)], label: &str) -> Value {
    let mut made = patient(id, number);
    let links: Vec<Value> =
        links.iter().map(|(kind, other)| json!({"type": kind, "other": to(other)})).collect();
    made["link"] = json!(links);
    made["address"] = json!([{"city": "Northtown"}]);
    let confidentiality = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality";
    made["meta"] = json!({"security": [{"system": confidentiality, "code": label}]});
    made
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_records_that_were_merged_the_strictest_word_and_shield_count() {
    let store: Held = held(&[]);
    let (site, running) = site(holding(&store)).await;
    says(&site, BOB, &json!({"type": "deny"})).await;
    let one = |kind: &str, other: &str| linked("p1", ANN, &[(kind, other)], "N");
    let cy = |label: &str, links: &[(&str, &str)]| linked("p3", CY, links, label);
    let (bob, before) = (linked("p2", BOB, &[], "N"), linked("p4", "9990000042", &[], "R"));
    let to_her = "Patient/p1";
    let numbered = |other: &str| {
        let mut made = linked("p1", ANN, &[], "N");
        let superseded = json!({"system": NHS_NUMBER, "value": other, "use": "old"});
        made["identifier"].as_array_mut().unwrap().push(superseded);
        made
    };
    for (case, records, status, address) in [
        ("she dissented under a number that was superseded", vec![numbered(BOB)], 404, false),
        ("a number was superseded under which nothing was said", vec![numbered(CY)], 200, true),
        ("nothing else", vec![one("seealso", "Patient/p3"), cy("N", &[])], 200, true),
        ("her old record is shielded", vec![one("replaces", "Patient/p3"), cy("R", &[])], 200, false),
        ("her new record is shielded", vec![one("replaced-by", "Patient/p3"), cy("R", &[])], 200, false),
        // Whoever stands in a record that is shielded: its places may be hers.
        ("who is like her is shielded", vec![one("seealso", "Patient/p3"), cy("R", &[])], 200, false),
        ("she dissented before", vec![one("replaces", "Patient/p2"), bob.clone()], 404, false),
        ("somebody else dissents", vec![one("seealso", "Patient/p2"), bob.clone()], 200, true),
        (
            "she dissented long before",
            vec![one("replaces", "Patient/p3"), cy("N", &[("replaces", "Patient/p2")]), bob.clone()],
            404,
            false,
        ),
        (
            "her record long before is shielded",
            vec![one("replaces", "Patient/p3"), cy("N", &[("replaces", "Patient/p4")]), before],
            200,
            false,
        ),
        ("round about", vec![one("replaces", "Patient/p3"), cy("N", &[("replaced-by", to_her)])], 200, true),
        ("the old record is gone", vec![one("replaces", "Patient/p3")], 200, true),
    ] {
        *store.lock().unwrap() = records.into_iter().chain([condition("c1", "p1", "1", &[])]).collect();
        let (told, body) = read(&site, "Patient/p1").await;
        assert_eq!((told, body.contains("Northtown")), (status, address), "{case}: {body}");
        let (told, body) = read(&site, "Condition/c1").await;
        assert_eq!(told, status, "{case}: {body}");
        let (_, _, found) = answer(&site, "/hospital/fhir/Patient?_id=p1").await;
        assert_eq!(found.contains("Northtown"), address, "{case}: {found}");
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_that_were_merged_are_one_holder_of_her_number_and_others_are_not() {
    let store: Held = held(&[]);
    let (site, running) = site(holding(&store)).await;
    let one = |links: &[(&str, &str)]| linked("p1", ANN, links, "N");
    let old = |links: &[(&str, &str)], label: &str| linked("old", ANN, links, label);
    let (by_old, by_new) = (("replaces", "Patient/old"), ("replaced-by", "Patient/p1"));
    let (like, round) = (("seealso", "Patient/old"), ("replaced-by", "Patient/old"));
    // Who holds a number is remembered, so those that nobody can tell apart come first.
    for (case, records, status, address) in [
        ("nobody merged them", [one(&[]), old(&[], "N")], 404, false),
        ("they are alike", [one(&[like]), old(&[], "N")], 404, false),
        ("each was replaced by the other", [one(&[round]), old(&[by_new], "N")], 404, false),
        ("both say so", [one(&[by_old]), old(&[by_new], "N")], 200, true),
        ("one says so", [one(&[]), old(&[by_new], "N")], 200, true),
        ("the other says so", [one(&[by_old]), old(&[], "N")], 200, true),
        ("the former one is shielded", [one(&[by_old]), old(&[by_new], "R")], 200, false),
    ] {
        let conditions = [condition("c1", "p1", "1", &[]), condition("c2", "old", "1", &[])];
        *store.lock().unwrap() = records.into_iter().chain(conditions).collect();
        for place in ["Condition/c2", "Condition/c1", "Patient/p1"] {
            let (told, body) = read(&site, place).await;
            assert_eq!(told, status, "{case}, {place}: {body}");
        }
        let (_, body) = read(&site, "Patient/p1").await;
        assert_eq!(body.contains("Northtown"), address, "{case}: {body}");
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shield_counts_in_the_bytes_that_bear_it_and_in_either_copy() {
    let mut inside = linked("inside", ANN, &[], "R");
    inside["link"] = json!([]);
    let bundle = json!({"resourceType": "Bundle", "id": "b1", "type": "collection",
                        "entry": [{"resource": inside}, {"resource": condition("c1", "p1", "1", &[])}]});
    let store: Held = held(&[linked("p1", ANN, &[], "N"), bundle]);
    let (site, running) = site(holding(&store)).await;
    let (status, body) = read(&site, "Bundle/b1").await;
    assert_eq!(
        (status, body.contains("Condition"), body.contains("Northtown")),
        (200, true, false),
        "{body}"
    );
    *store.lock().unwrap() = vec![linked("p1", ANN, &[], "N")];
    let path = "/hospital/fhir/Patient?_id=p1";
    assert!(answer(&site, path).await.2.contains("Northtown"));
    *store.lock().unwrap() = vec![linked("p1", ANN, &[], "N"), linked("p1", ANN, &[], "R")];
    let (status, _, body) = answer(&site, path).await;
    assert_eq!((status, body.contains("Northtown")), (200, false), "{body}");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_entry_of_a_bundle_is_named_by_nothing_but_itself() {
    let store: Held = held(&people());
    let (site, running) = site(holding(&store)).await;
    let base = format!("http://{}/fhir", site.hospital.address);
    let entry = |url: &str| json!({"fullUrl": url, "resource": condition("c1", "p1", "1", &[])});
    let urn = "urn:uuid:6f1e2a0c-1111-4222-8333-444455556666";
    for (url, written) in [
        (format!("{base}/Patient/p2"), "urn:oid:2.25.0"),
        (format!("{base}/Condition/c2"), "urn:oid:2.25.0"),
        ("Patient/p2".to_owned(), "urn:oid:2.25.0"),
        (format!("{base}/Condition/c1"), "/hospital/fhir/Condition/c1"),
        (urn.to_owned(), urn),
    ] {
        let bundle =
            json!({"resourceType": "Bundle", "id": "b1", "type": "collection", "entry": [entry(&url)]});
        *store.lock().unwrap() = people().into_iter().chain([bundle]).collect();
        let (status, body) = read(&site, "Bundle/b1").await;
        assert_eq!((status, body.contains("p2")), (200, false), "{url}: {body}");
        assert!(body.contains(&format!("{written}\"")), "{url}: {body}");
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_that_names_her_by_number_is_hers_in_a_search_by_id() {
    let by_number = json!({"resourceType": "Condition", "id": "c2", "code": {"text": "by number"},
                           "subject": {"identifier": {"system": NHS_NUMBER, "value": ANN}}});
    let honest = holding(&held(&people()));
    let (site, running) = site(move |seen| match seen.line.starts_with("POST /fhir/Condition/") {
        true => {
            let found = [condition("c1", "p1", "1", &[]), by_number.clone()];
            let entries: Vec<Value> =
                found.iter().map(|one| json!({"search": {"mode": "match"}, "resource": one})).collect();
            let page = json!({"resourceType": "Bundle", "type": "searchset", "entry": entries});
            Play::Bytes(fhir("200 OK", &page.to_string()))
        }
        false => honest(seen),
    })
    .await;
    let (status, _, body) = answer(&site, "/hospital/fhir/Condition?patient=p1").await;
    assert_eq!(
        (status, references(&body)),
        (200, vec!["c1".to_owned()]),
        "a search compares addresses: {body}"
    );
    let (status, _, body) = answer(&site, "/hospital/fhir/Condition?patient=p3").await;
    assert_eq!(status, 502, "{body}");
    running.stop().await;
}
