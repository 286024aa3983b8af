//! The table of the surface, row by row, through the whole gateway; and what no row names.

use std::sync::{Arc, Mutex};

use gateway::interaction::Malformed;
use gateway::interaction::surface::{Answer, OF_GATEWAY, OF_SYSTEM, Segment, decide};
use gateway::server::arrived::Method;
use proptest::prelude::*;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::support::front::ask;
use crate::support::historic::{Past, as_version, past, site, version};
use crate::support::holding::{ANN, Held, condition, held, patient};
use crate::support::whole::Whole;

const METHODS: [(&str, Method); 5] = [
    ("GET", Method::Get),
    ("POST", Method::Post),
    ("PUT", Method::Put),
    ("PATCH", Method::Patch),
    ("DELETE", Method::Delete),
];

fn name(method: Method) -> &'static str {
    METHODS.iter().find(|(_, one)| *one == method).unwrap().0
}

/// A path that the row names.
fn path(face: &str, row: &[Segment]) -> String {
    // A compartment of a Patient has a row of its own.
    let of_others = [Segment::Type, Segment::Id, Segment::Word("$everything")];
    let first = match row == [Segment::Type, Segment::Id, Segment::Type] || row == of_others {
        true => "Encounter",
        false => "Patient",
    };
    let mut types = [first, "Condition"].into_iter();
    let mut ids = ["p1", "1"].into_iter();
    let segment = |segment: &Segment| match segment {
        Segment::Word("Patient") => types.next().unwrap().to_owned(),
        Segment::Word(word) => (*word).to_owned(),
        Segment::Type => types.next().unwrap().to_owned(),
        Segment::Id => ids.next().unwrap().to_owned(),
        Segment::Rest => "any/$thing".to_owned(),
    };
    std::iter::once(face.to_owned()).chain(row.iter().map(segment)).collect::<Vec<_>>().join("/")
}

async fn send(site: &Whole, method: &str, path: &str) -> (u16, String, String) {
    let (headers, body) = match method {
        "POST" if path.ends_with("_search") => {
            ("content-type: application/x-www-form-urlencoded\r\n", "_id=p1")
        }
        "POST" if path.ends_with("/fhir") => (
            "content-type: application/fhir+json\r\n",
            r#"{"resourceType":"Bundle","type":"batch","entry":[]}"#,
        ),
        "POST" if path.ends_with("$process-message") => (
            "content-type: application/fhir+json\r\n",
            r#"{"resourceType":"Bundle","type":"message","entry":[{"resource":{"resourceType":"MessageHeader","id":"m1","eventUri":"urn:x"}}]}"#,
        ),
        "POST" if path.ends_with("$everything") || path.ends_with("$document") => {
            ("content-type: application/fhir+json\r\n", r#"{"resourceType":"Parameters"}"#)
        }
        "POST" if path.ends_with("/Binary") => (
            "content-type: application/fhir+json\r\n",
            r#"{"resourceType":"Binary","contentType":"text/plain"}"#,
        ),
        "POST" => ("content-type: application/fhir+json\r\n", r#"{"resourceType":"Patient"}"#),
        "PUT" => (
            "content-type: application/fhir+json\r\nif-match: W/\"1\"\r\n",
            r#"{"resourceType":"Patient","id":"p1"}"#,
        ),
        "PATCH" => ("content-type: application/json-patch+json\r\nif-match: W/\"1\"\r\n", "[]"),
        "DELETE" => ("if-match: W/\"1\"\r\n", ""),
        _ => ("", ""),
    };
    let path = if path.ends_with("/Patient") && method == "GET" {
        format!("{path}?_id=p1")
    } else {
        path.to_owned()
    };
    let request = site.request(method, &path, Some(&site.consultant()), headers, body);
    ask(&mut TcpStream::connect(site.requests).await.unwrap(), &request).await.unwrap()
}

fn hospital() -> (Held, Past) {
    let now = as_version(patient("p1", ANN), 1);
    let found = held(&[now.clone(), condition("c1", "p1", "11", &[])]);
    (found, Arc::new(Mutex::new(past(&[version(&now)]))))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_row_is_answered_as_the_table_says_and_what_it_refuses_no_system_hears_of() {
    let (held, past) = hospital();
    let (site, running) = site("open", &held, &past).await;
    let mut served = Vec::new();
    for row in OF_SYSTEM {
        for method in row.methods {
            let (path, method) = (path("/hospital/fhir", row.path), name(*method));
            let before = site.hospital.seen().len();
            let (status, head, body) = send(&site, method, &path).await;
            let case = format!("{} {method} {path}: {status} {body}", row.name);
            match row.answer {
                Answer::Served(_) => {
                    // Nobody here may write: that is decided by rule, and so it was parsed.
                    let expected: &[u16] = match row.name {
                        "create" | "update" | "patch" | "delete" | "$process-message" => &[403],
                        // Nobody here may read one: that is decided by rule too.
                        "$document" => &[403],
                        // The upstream's name of a version is none of ours.
                        "vread" => &[404],
                        _ => &[200],
                    };
                    assert!(expected.contains(&status), "{case}");
                    served.push(row.name);
                }
                Answer::Refused(why) => {
                    let allow = head.lines().any(|line| line.starts_with("allow: "));
                    assert!(matches!((status, allow), (404, false) | (405, true)), "{case}");
                    assert!(body.contains("OperationOutcome") && body.contains(why.text()), "{case}");
                    assert_eq!(site.hospital.seen().len(), before, "{case}");
                }
            }
        }
    }
    for row in OF_GATEWAY.iter().filter(|row| matches!(row.answer, Answer::Refused(_))) {
        let (status, _, body) = send(&site, name(row.methods[0]), &path("/fhir", row.path)).await;
        assert_eq!((status, body.contains("OperationOutcome")), (404, true), "{} {body}", row.name);
    }
    running.stop().await;
    let records = site.records();
    for interaction in served.into_iter().filter(|name| *name != "search-compartment") {
        let interaction = interaction.trim_start_matches('$');
        let is_recorded = |record: &Value| record["exchange"]["interaction"] == interaction;
        assert!(records.iter().any(is_recorded), "{interaction} is recorded: {records:?}");
    }
    let refused =
        records.iter().filter(|record| record["exchange"]["reason"] == "interaction-not-served").count();
    assert!(refused >= 40, "each refusal is recorded: {refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_no_row_names_is_refused_before_any_system_hears_of_it() {
    let (held, past) = hospital();
    let (site, running) = site("open", &held, &past).await;
    for path in [
        "$get-resource-counts",
        "$everything",
        "Patient/$frobnicate",
        "Patient/_frobnicate",
        "Patient/p1/$vendor-dump",
        "Patient/p1/$diff?fromVersion=1",
        "Observation/$lastn?patient=p1",
        "Measure/dm/$evaluate-measure?subject=p1",
        "DocumentReference/d1/$binary-access-read?path=x",
        "ValueSet/$expand?url=http://elsewhere.example/vs",
        "Patient/p1/_history/1/$meta",
        "Patient/p1/_history/_search",
        "Patient/p1/Condition/c1",
        "Patient/p1/Condition/_search",
        "Patient/p1/_search",
        "_frobnicate",
        "websocket",
        "metadata/x",
    ] {
        for (method, _) in METHODS {
            let (status, _, body) = send(&site, method, &format!("/hospital/fhir/{path}")).await;
            assert!(matches!(status, 404 | 405), "{method} {path}: {status} {body}");
            assert!(body.contains("OperationOutcome"), "{method} {path}: {body}");
        }
    }
    // A star is not even a segment.
    assert_eq!(send(&site, "GET", "/hospital/fhir/Patient/p1/*").await.0, 400);
    // A search that names nobody has a row, and is refused by rule.
    let (status, _, body) = send(&site, "GET", "/hospital/fhir/Condition?code=11").await;
    assert_eq!((status, body.contains("OperationOutcome")), (403, true), "{body}");
    assert_eq!(site.hospital.seen().len(), 0, "no system heard of any of it");
    running.stop().await;
}

proptest! {
    #[test]
    fn an_operation_that_somebody_makes_up_is_never_served(made_up in "[$_][a-z][a-z-]{0,12}", at in 0..5_usize) {
        let named = OF_SYSTEM.iter().flat_map(|row| row.path).any(|segment| *segment == Segment::Word(made_up.as_str().to_owned().leak()));
        prop_assume!(!named);
        let place: [&[&str]; 5] = [
            &[&made_up],
            &["Patient", &made_up],
            &["Patient", "p1", &made_up],
            &["Patient", "p1", "_history", &made_up],
            &["Patient", "p1", "Condition", &made_up],
        ];
        for (_, method) in METHODS {
            prop_assert_eq!(decide(OF_SYSTEM, place[at], method), Err(Malformed::InteractionNotServed));
            prop_assert!(decide(OF_GATEWAY, place[at], method).is_err());
        }
    }
}

/// An answer without what is random in it.
fn blind(head: &str, body: &str) -> String {
    let request = head.lines().find_map(|line| line.strip_prefix("x-request-id: ")).unwrap();
    let body = body.replace(request.trim(), "REQUEST");
    let (before, after) = body.split_once("\"recorded\":\"").unwrap_or((&body, ""));
    format!("{before}{}", after.split_once('"').map_or("", |(_, after)| after))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_compartment_is_searched_like_its_person() {
    let (held, past) = hospital();
    let other = condition("c2", "p2", "22", &[]);
    let group = |id: &str, members: &[&str]| {
        let entity = |id: &&str| json!({"entity": {"reference": format!("Patient/{id}")}});
        json!({"resourceType": "Group", "id": id, "type": "person", "actual": true,
               "member": members.iter().map(entity).collect::<Vec<_>>()})
    };
    held.lock().unwrap().extend([patient("p2", "9990000026"), other, group("g1", &["p1"])]);
    let (site, running) = site("open", &held, &past).await;
    let get = async |path: &str| site.get(&format!("/hospital/fhir/{path}"), Some(&site.consultant())).await;
    for (compartment, search) in [
        ("Patient/p1/Condition", "Condition?patient=p1"),
        (
            "Patient/p1/Condition?code=http://snomed.info/sct|11",
            "Condition?patient=Patient/p1&code=http://snomed.info/sct|11",
        ),
        ("Patient/p9/Condition", "Condition?patient=p9"),
    ] {
        let ((status, head, body), (other_status, other_head, other)) =
            (get(compartment).await, get(search).await);
        assert_eq!(
            (status, blind(&head, &body)),
            (other_status, blind(&other_head, &other)),
            "{compartment}"
        );
        assert_eq!(body.contains("Condition/c1"), compartment.contains("p1"), "{body}");
        assert!(!body.contains("Condition/c2"), "{body}");
    }
    let (status, _, body) = get("Patient/p1/Group").await;
    assert_eq!((status, body.contains("Group/g1")), (200, true), "{body}");
    let heard = site
        .hospital
        .seen()
        .into_iter()
        .any(|seen| seen.line.contains("/Group/_search") && seen.body.contains("member=Patient%2Fp1"));
    assert!(heard, "the hospital is asked by the parameter of the compartment");
    let before = site.hospital.seen().len();
    for refused in
        ["Patient/p1/Organization", "Patient/p1/Patient", "Encounter/e1/Condition", "Patient/p1/Observation"]
    {
        let (status, _, body) = get(refused).await;
        assert!(matches!(status, 403 | 404), "{refused}: {body}");
    }
    assert_eq!(site.hospital.seen().len(), before, "by rule, before the hospital is asked");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metadata_names_what_the_table_serves_and_the_rules_allow() {
    let (held, past) = hospital();
    let (site, running) = site("open", &held, &past).await;
    let statement = async |token: String| -> Value {
        let (status, _, body) = site.get("/hospital/fhir/metadata", Some(&token)).await;
        assert_eq!(status, 200, "{body}");
        fhir::json::parse_value(body.into(), &fhir::json::Limits::default()).unwrap()
    };
    let rest = statement(site.consultant()).await["rest"][0].clone();
    let resources = rest["resource"].as_array().cloned().unwrap();
    let types: Vec<&str> = resources.iter().filter_map(|one| one["type"].as_str()).collect();
    assert_eq!(types, ["Condition", "Group", "Patient"]);
    let mut expected: Vec<&str> = OF_SYSTEM
        .iter()
        .filter(|row| matches!(row.answer, Answer::Served(_)) && row.path.contains(&Segment::Type))
        .map(|row| row.name)
        .filter(|name| !matches!(*name, "create" | "update" | "patch" | "delete" | "search-compartment"))
        .collect();
    expected.sort_unstable();
    expected.dedup();
    for resource in &resources {
        let codes = resource["interaction"].as_array().cloned().unwrap();
        let codes: Vec<&str> = codes.iter().filter_map(|one| one["code"].as_str()).collect();
        assert_eq!(codes, expected, "{resource}");
        assert_eq!(resource["readHistory"], json!(true));
        let operations =
            resource["operation"].as_array().map(|all| all.iter().map(|one| &one["name"]).collect());
        let expected = (resource["type"] == "Patient").then(|| vec![json!("everything")]);
        assert_eq!(operations, expected.as_ref().map(|all| all.iter().collect::<Vec<_>>()), "{resource}");
    }
    let only_read = "all entries or none: they only read; changes are sent in a batch, or one by one";
    let of_whole = json!([{"code": "transaction", "documentation": only_read}, {"code": "batch"}]);
    assert_eq!(rest["interaction"], of_whole);
    assert_eq!(rest["operation"], Value::Null, "nobody here may send");
    assert_eq!(rest["compartment"], json!(["http://hl7.org/fhir/CompartmentDefinition/patient"]));
    let nothing = statement(site.staff_token("R5105")).await["rest"][0].clone();
    assert_eq!((&nothing["resource"], &nothing["compartment"]), (&Value::Null, &Value::Null));
    assert_eq!(nothing["interaction"], Value::Null);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_condition_that_is_not_weighed_is_refused_and_nothing_is_done() {
    let (held, past) = hospital();
    let (site, running) = site("open", &held, &past).await;
    let (none, this) = ("if-none-match: *\r\n", "if-match: W/\"1\"\r\n");
    let both = format!("{this}{none}");
    let person = "/hospital/fhir/Patient";
    for (method, path, conditions) in [
        ("PUT", "/hospital/fhir/Patient/p1", both.as_str()),
        ("PUT", "/hospital/fhir/Patient/p1", none),
        ("PATCH", "/hospital/fhir/Patient/p1", &both),
        ("DELETE", "/hospital/fhir/Patient/p1", &both),
        ("POST", person, none),
        ("POST", person, this),
        ("POST", "/hospital/fhir", this),
        ("POST", "/hospital/fhir/$process-message", none),
        ("GET", "/hospital/fhir/Patient/p1", this),
        ("GET", "/hospital/fhir/Patient?_id=p1", this),
        ("POST", "/fhir/Consent", none),
        ("POST", "/fhir/Consent", this),
        ("PUT", "/fhir/Consent/c1", &both),
        ("GET", "/fhir/Consent/c1", this),
    ] {
        let body = if method == "GET" || method == "DELETE" { "" } else { "{}" };
        let content = if body.is_empty() { "" } else { "content-type: application/fhir+json\r\n" };
        let headers = format!("{content}{conditions}");
        let request = site.request(method, path, Some(&site.consultant()), &headers, body);
        let mut stream = TcpStream::connect(site.requests).await.unwrap();
        let (status, _, told) = ask(&mut stream, &request).await.unwrap();
        let is_said = told.contains("conditions are weighed");
        assert_eq!((status, is_said), (400, true), "{method} {path} {conditions}: {told}");
    }
    assert_eq!(site.hospital.seen().len(), 0, "nothing was done");
    let request = site.request("GET", "/hospital/fhir/Patient/p1", Some(&site.consultant()), none, "");
    let (status, _, _) = ask(&mut TcpStream::connect(site.requests).await.unwrap(), &request).await.unwrap();
    assert_eq!(status, 304, "a read is weighed");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_comes_with_no_method_of_ours_is_told_all_that_are_served() {
    let (held, past) = hospital();
    let (site, running) = site("open", &held, &past).await;
    let request = site.request("TRACE", "/hospital/fhir/Patient/p1", None, "", "");
    let mut stream = TcpStream::connect(site.requests).await.unwrap();
    let (status, head, body) = ask(&mut stream, &request).await.unwrap();
    let allow = head.lines().find_map(|line| line.strip_prefix("allow: ")).unwrap_or_default();
    let allowed: Vec<&str> = allow.trim().split(", ").filter(|name| *name != "HEAD").collect();
    assert_eq!((status, allowed), (405, METHODS.map(|(name, _)| name).to_vec()), "{head} {body}");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_face_of_the_gateway_is_told_to_each_as_they_may_use_it() {
    let (held, past) = hospital();
    let (site, running) = site("open", &held, &past).await;
    let told = async |token: &str| -> Vec<String> {
        let (status, _, body) = site.get("/fhir/metadata", Some(token)).await;
        assert_eq!(status, 200, "{body}");
        let said = fhir::json::parse_value(body.into(), &fhir::json::Limits::default()).unwrap();
        let resources = said["rest"][0]["resource"].as_array().cloned().unwrap_or_default();
        let of = |one: &Value| {
            let codes = one["interaction"].as_array().cloned().unwrap_or_default();
            let codes: Vec<String> = codes.iter().map(|code| code["code"].to_string()).collect();
            format!("{} {}", one["type"], codes.join(" ")).replace('"', "")
        };
        resources.iter().map(of).collect()
    };
    assert_eq!(told(&site.consultant()).await, ["Provenance read"], "a party to shares");
    let guardian = told(&site.staff_token("R5105")).await;
    for listed in
        ["AuditEvent read search-type", "Consent create history-instance read search-type", "Provenance read"]
    {
        assert!(guardian.iter().any(|one| one.starts_with(listed)), "{listed}: {guardian:?}");
    }
    let (_, _, body) = site.get("/fhir/metadata", Some(&site.staff_token("R5105"))).await;
    let said = fhir::json::parse_value(body.into(), &fhir::json::Limits::default()).unwrap();
    let narrowed = |owner: &str| -> Vec<String> {
        let resources = said["rest"][0]["resource"].as_array().cloned().unwrap_or_default();
        let of = resources.into_iter().find(|one| one["type"] == owner).unwrap();
        assert_eq!(of["readHistory"] == json!(true), owner == "Consent", "{of}");
        let parameters = of["searchParam"].as_array().cloned().unwrap();
        parameters.iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect()
    };
    let consents = ["_id", "_lastUpdated", "date", "patient", "patient.identifier", "status"];
    assert_eq!(narrowed("Consent"), consents);
    let events = ["action", "date", "outcome", "patient", "patient.identifier", "subtype", "type"];
    assert_eq!(narrowed("AuditEvent"), events);
    let (status, _, body) = site.get("/fhir/Consent/c1", Some(&site.consultant())).await;
    assert_eq!(status, 403, "what is not named is refused: {body}");
    running.stop().await;
}
