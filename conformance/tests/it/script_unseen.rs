//! Scripts as others write them, each written here by hand, and the verdicts that TestScript, HL7's testing guide and the makers
//! of dialects ask for.

mod dialects;
mod json;
mod xml;

use conformance::script::Options;

use crate::script_support::{Asked, Said, folder, outcomes, run_in, said, server, words};

const PATIENT: &str = r#"{"resourceType":"Patient","id":"p1","meta":{"versionId":"3"},"active":true,
    "name":[{"family":"Zzcanary","given":["Ann","Bea"]}]}"#;

const PATIENT_IN_XML: &str = r#"<Patient xmlns="http://hl7.org/fhir"><id value="p1"/><meta><versionId value="3"/></meta><active value="true"/>
    <name><family value="Zzcanary"/><given value="Ann"/><given value="Bea"/></name></Patient>"#;

const OBSERVATION: &str = r#"{"resourceType":"Observation","id":"o1","status":"final","effectiveDateTime":"2028-02-29T10:30:00+01:00",
    "valueQuantity":{"value":6.30,"unit":"mmol/L"}}"#;

/// A small server, right in what it does.
fn desk(asked: &Asked) -> Said {
    let (method, path) = asked.line.split_once(' ').unwrap_or_default();
    let is_xml = asked.header("accept").is_some_and(|accept| accept.contains("xml"));
    let path = path.split_once("/_history/").map_or(path, |(resource, _)| resource);
    let (status, mut headers, body) = match (method, path) {
        ("GET", "/Patient/p1") if is_xml => {
            (200, vec![("content-type", "application/fhir+xml".to_owned())], PATIENT_IN_XML.to_owned())
        }
        ("GET", "/Patient/p1") => said(200, PATIENT),
        ("GET", "/Observation/o1") => said(200, OBSERVATION),
        ("GET", "/Patient/bad") => said(422, r#"{"resourceType":"OperationOutcome"}"#),
        ("GET", "/metadata") => said(200, r#"{"resourceType":"CapabilityStatement","fhirVersion":"4.0.1"}"#),
        ("POST", "/Patient") => said(201, PATIENT),
        ("DELETE", _) => (204, Vec::new(), String::new()),
        (_, path)
            if path.starts_with("/Patient?") || path == "/Patient/_search" || path.ends_with("/_history") =>
        {
            said(
                200,
                r#"{"resourceType":"Bundle","type":"searchset","total":3,"link":[{"relation":"self","url":"x"},{"relation":"next","url":"y"}]}"#,
            )
        }
        _ => said(404, r#"{"resourceType":"OperationOutcome"}"#),
    };
    if status == 201 {
        headers.push(("location", "Patient/p1/_history/3".to_owned()));
    }
    headers.push(("etag", "W/\"3\"".to_owned()));
    (status, headers, body)
}

/// What a script is about, its format, its text, and the outcomes of the actions of each of its parts.
type Case = (&'static str, &'static str, &'static str, &'static str);

#[tokio::test]
async fn scripts_come_to_the_verdicts_that_are_asked_for() {
    let mut wrong = Vec::new();
    for (title, format, text, expected) in json::CASES.iter().chain(dialects::CASES).chain(xml::CASES) {
        let server = server(desk).await;
        let (name, text) = match *format {
            "bom" => ("s.json", format!("\u{feff}{text}")),
            "xml" => ("s.xml", (*text).to_owned()),
            _ => ("s.json", (*text).to_owned()),
        };
        let fixture = r#"{"resourceType":"Patient","active":true,"name":[{"given":["Bea"]}]}"#;
        let folder = folder(&[(name, &text), ("f.json", fixture)]);
        let run = run_in(&folder.path().join(name), &[&server.base], Options::default()).await;
        for part in expected.split(';') {
            let (name, wanted) = part.split_once('=').unwrap();
            let found = words(&run, name);
            if found != wanted {
                wrong.push(format!("{title}: {name} is {found:?} and not {wanted:?}: {:#?}", outcomes(&run)));
            }
        }
    }
    assert!(wrong.is_empty(), "{} are wrong: {}", wrong.len(), wrong.join("\n"));
}
