use std::fs;

use fhir::element::{Decimal, Element, Resource, Value};
use proptest::prelude::*;
use serde_json::json;

use crate::corpus;

#[test]
fn a_resource_comes_out_in_the_order_it_was_built_in() {
    let patient = Resource::new("Patient")
        .with("id", "ann")
        .with("active", true)
        .with("name", vec![Element::new().with("family", "Example").with("given", vec!["Ann", "Mary"])])
        .with("multipleBirthInteger", 2);
    assert_eq!(
        String::from_utf8(patient.to_json()).expect("UTF-8"),
        concat!(
            r#"{"resourceType":"Patient","id":"ann","active":true,"#,
            r#""name":[{"family":"Example","given":["Ann","Mary"]}],"multipleBirthInteger":2}"#
        )
    );
}

#[test]
fn what_fhir_forbids_is_left_out() {
    let patient = Resource::new("Patient")
        .with("gender", "")
        .with("name", Vec::<Element>::new())
        .with("address", vec![Element::new()])
        .with("managingOrganization", Element::new())
        .with("language", None::<&str>);
    assert_eq!(corpus::tree(&patient.to_json()), json!({"resourceType": "Patient"}));
}

#[test]
fn a_masked_element_says_why_it_is_absent() {
    let patient = Resource::new("Patient").with("birthDate", Element::masked());
    assert_eq!(
        corpus::tree(&patient.to_json()),
        json!({"resourceType": "Patient", "_birthDate": {"extension": [{
            "url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "masked"}]}})
    );
}

#[test]
fn decimals_keep_their_digits() {
    for text in ["1.00", "-0.10", "123456789012345678901234567890", "1e-7", "0"] {
        let quantity = Element::new().with("value", Decimal::parse(text).expect(text));
        let observation = Resource::new("Observation").with("valueQuantity", quantity);
        let written = String::from_utf8(observation.to_json()).expect("UTF-8");
        assert!(written.contains(&format!("\"value\":{text}}}")), "{written}");
    }
    for text in ["", "-", "01", "1.", ".5", "+1", "1e", "NaN", "0x1", " 1", "1,5"] {
        assert!(Decimal::parse(text).is_err(), "{text:?}");
    }
}

#[test]
fn odd_values_where_only_one_form_is_right_cannot_make_the_writer_fail() {
    let odd = Element::new().with("id", 3).with("extension", Element::new().with("url", "urn:x"));
    let patient = Resource::new("Patient")
        .with("id", Element::new().with("id", true))
        .with("birthDate", odd)
        .with("extension", "nothing");
    let written = corpus::tree(&patient.to_json());
    assert_eq!(written["_birthDate"], json!({"id": "3", "extension": [{"url": "urn:x"}]}));
    assert!(written.get("id").is_none());
}

#[test]
fn a_bundle_of_resources_keeps_texts_in_each_of_them() {
    let event = |id: &str| {
        Resource::new("AuditEvent").with("id", id).with(
            "agent",
            vec![Element::new().with("policy", vec!["urn:a", "urn:b"]).with("requestor", true)],
        )
    };
    let bundle = Resource::new("Bundle").with("type", "searchset").with(
        "entry",
        vec![
            Element::new().with("fullUrl", "urn:1").with("resource", event("1")),
            Element::new().with("fullUrl", "urn:2").with("resource", event("2")),
        ],
    );
    let written = corpus::tree(&bundle.to_json());
    for (at, id) in ["1", "2"].into_iter().enumerate() {
        assert_eq!(written["entry"][at]["resource"]["id"], *id);
        assert_eq!(written["entry"][at]["resource"]["agent"][0]["policy"], json!(["urn:a", "urn:b"]));
    }
}

/// Builds with our own builder what `json` says.
fn build(resource: &serde_json::Value) -> Resource {
    let mut built = Resource::new(kind(resource["resourceType"].as_str().expect("resourceType")));
    for (name, value) in members(resource) {
        built.put(&name, value);
    }
    built
}

/// The type name as a text of the program; the tests build types that the program names.
fn kind(name: &str) -> &'static str {
    ["AuditEvent", "Provenance", "OperationOutcome", "CapabilityStatement", "Consent", "Bundle", "Patient"]
        .into_iter()
        .find(|known| *known == name)
        .unwrap_or("Basic")
}

fn members(object: &serde_json::Value) -> Vec<(String, Value)> {
    let object = object.as_object().expect("an object");
    let mut out = Vec::new();
    for (name, value) in object.iter().filter(|(name, _)| *name != "resourceType") {
        if name.starts_with('_') {
            continue;
        }
        out.push((name.clone(), convert(value, object.get(&format!("_{name}")))));
    }
    for (name, beside) in object {
        if let Some(plain) = name.strip_prefix('_')
            && !object.contains_key(plain)
        {
            out.push((plain.to_owned(), element(beside).into()));
        }
    }
    out
}

fn element(object: &serde_json::Value) -> Element {
    let mut element = Element::new();
    for (name, value) in members(object) {
        element.put(&name, value);
    }
    element
}

fn convert(value: &serde_json::Value, beside: Option<&serde_json::Value>) -> Value {
    match value {
        serde_json::Value::Bool(flag) => (*flag).into(),
        serde_json::Value::Number(number) => number_value(&number.to_string()),
        serde_json::Value::String(text) => match beside {
            None => text.as_str().into(),
            Some(beside) => element(beside).with("value", text.as_str()).into(),
        },
        serde_json::Value::Array(items) if items.iter().all(serde_json::Value::is_string) => {
            items.iter().filter_map(serde_json::Value::as_str).collect::<Vec<_>>().into()
        }
        serde_json::Value::Array(items) if items.iter().any(|item| item.get("resourceType").is_some()) => {
            items.iter().map(build).collect::<Vec<_>>().into()
        }
        serde_json::Value::Array(items) => items.iter().map(element).collect::<Vec<_>>().into(),
        serde_json::Value::Object(_) if value.get("resourceType").is_some() => build(value).into(),
        serde_json::Value::Object(_) => element(value).into(),
        serde_json::Value::Null => panic!("null"),
    }
}

fn number_value(text: &str) -> Value {
    text.parse::<i32>().map_or_else(|_| Decimal::parse(text).expect("a number").into(), Value::from)
}

#[test]
fn official_examples_of_the_types_we_build_come_out_as_they_are() {
    let Some(folder) = corpus::folder("r4-official-examples") else { return };
    let mut seen = 0;
    for file in fs::read_dir(folder).expect("the examples") {
        let path = file.expect("a file").path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_ascii_lowercase();
        let wanted = ["auditevent", "provenance", "operationoutcome", "consent"];
        if !name.ends_with(".json") || !wanted.iter().any(|kind| name.starts_with(kind)) {
            continue;
        }
        let source = corpus::tree(&fs::read(&path).expect("an example"));
        if kind(source["resourceType"].as_str().unwrap_or_default()) == "Basic" {
            continue;
        }
        assert_eq!(corpus::tree(&build(&source).to_json()), source, "{name}");
        seen += 1;
    }
    assert!(seen >= 20, "only {seen} examples");
}

proptest! {
    #[test]
    fn whatever_is_put_where_the_writer_does_not_fail(
        names in proptest::collection::vec("(id|extension|birthDate|name|value|url|resourceType|[a-z]{1,6})", 0..8),
        text in ".{0,12}",
        which in proptest::collection::vec(0u8..5, 8),
    ) {
        let mut resource = Resource::new("Patient");
        let mut part = Element::new();
        for (name, which) in names.iter().zip(which) {
            let value: Value = match which {
                0 => text.as_str().into(),
                1 => 7.into(),
                2 => part.clone().into(),
                3 => vec![part.clone(), Element::new().with("value", "x")].into(),
                _ => vec![text.as_str()].into(),
            };
            if name != "resourceType" {
                part.put(name, value.clone());
            }
            resource.put(name, value);
        }
        prop_assert!(!resource.to_json().is_empty());
    }
}
