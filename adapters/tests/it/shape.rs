//! What every Bundle promises, whatever the message: it is whole, its references lead somewhere in it, and each resource
//! says where it comes from.

use std::collections::{BTreeMap, BTreeSet};

use adapters::{Context, hl7v2};
use proptest::prelude::{ProptestConfig, Strategy, prop};
use proptest::proptest;
use serde_json::Value;

use crate::contract::{check_that_nothing_disappears, segment};
use crate::goldens::{hospital, inputs, unknown_to_r4};

/// The types that are translated.
pub(crate) const TYPES: &[&str] = &[
    "ADT^A01", "ADT^A02", "ADT^A03", "ADT^A04", "ADT^A05", "ADT^A06", "ADT^A07", "ADT^A08", "ADT^A11",
    "ADT^A12", "ADT^A13", "ADT^A28", "ADT^A31", "ADT^A34", "ADT^A40", "ADT^A60", "ORU^R01", "MDM^T01",
    "MDM^T02", "MDM^T03", "MDM^T04", "MDM^T05", "MDM^T06", "MDM^T07", "MDM^T08", "MDM^T09", "MDM^T10",
    "MDM^T11", "ORM^O01", "OML^O21", "REF^I12", "REF^I13", "REF^I14", "SIU^S12", "SIU^S13", "SIU^S14",
    "SIU^S15", "SIU^S16", "SIU^S17", "SIU^S18", "SIU^S19", "SIU^S20", "SIU^S21", "SIU^S22", "SIU^S23",
    "SIU^S24", "SIU^S25", "SIU^S26", "VXU^V04", "RDE^O11", "RDE^O01", "RDE^O25", "RAS^O17", "RAS^O01",
    "RDS^O13", "RDS^O01",
];

/// Looks at a Bundle as a receiver would.
#[expect(
    clippy::disallowed_methods,
    reason = "a test looks at what was written, strictness is fhir::json's matter"
)]
pub(crate) fn check_shape(bundle: &[u8], case: &str) {
    assert_eq!(unknown_to_r4(bundle), None, "{case}");
    let bundle: Value = serde_json::from_slice(bundle).unwrap();
    let entries = bundle["entry"].as_array().unwrap();
    let urls: BTreeSet<&str> = entries.iter().map(|entry| entry["fullUrl"].as_str().unwrap()).collect();
    assert_eq!(urls.len(), entries.len(), "{case}: an id twice");
    let mut targets: BTreeMap<String, usize> = BTreeMap::new();
    for entry in entries {
        let resource = &entry["resource"];
        for reference in references(resource) {
            assert!(urls.contains(reference.as_str()), "{case}: {reference} leads nowhere");
        }
        if resource["resourceType"] == "Provenance" {
            for target in references(&resource["target"]) {
                *targets.entry(target).or_default() += 1;
            }
            assert!(
                resource["entity"][1]["what"]["identifier"]["value"]
                    .as_str()
                    .unwrap()
                    .starts_with("ni:///sha-256;")
            );
        }
    }
    // A Binary is told of with what points at it.
    let resources = entries.iter().filter(|entry| {
        entry["resource"]["resourceType"] != "Provenance" && entry["resource"]["resourceType"] != "Binary"
    });
    for entry in resources {
        assert_eq!(
            targets.get(entry["fullUrl"].as_str().unwrap()),
            Some(&1),
            "{case}: {}",
            entry["resource"]["resourceType"]
        );
    }
}

fn references(value: &Value) -> Vec<String> {
    match value {
        Value::Object(elements) => {
            let own = elements.get("reference").and_then(Value::as_str).map(str::to_owned);
            own.into_iter().chain(elements.values().flat_map(references)).collect()
        }
        Value::Array(items) => items.iter().flat_map(references).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    }
}

#[test]
fn every_bundle_is_whole_and_says_where_it_comes_from() {
    for (folder, input) in inputs() {
        check_shape(&hl7v2::translate(&input, &hospital()).unwrap().bundle, &folder.display().to_string());
    }
}

#[test]
fn every_type_has_a_case() {
    let held: BTreeSet<String> = inputs()
        .iter()
        .map(|(_, input)| {
            let envelope = hl7v2::envelope(input, &hospital()).unwrap();
            format!("{}^{}", envelope.code, envelope.trigger)
        })
        .collect();
    let missing: Vec<_> = TYPES.iter().filter(|kind| !held.contains(**kind)).collect();
    assert!(missing.is_empty(), "{missing:?}");
    assert_eq!(held.len(), TYPES.len());
}

#[test]
fn a_site_maps_its_own_segments_and_the_rest_of_them_stays_listed() {
    let message = b"MSH|^~\\&|PAS|RX1|||20260304||ADT^A03|1|P|2.4\rPID|1||9990000018^^^NHS^NH\rPV1|1|I\rZPV|1|CSN7^^^RX1|x\r";
    let places = |context: &Context| {
        let translated = hl7v2::translate(message, context).unwrap();
        let places: Vec<String> = translated.losses.iter().map(|loss| loss.place.clone()).collect();
        (String::from_utf8(translated.bundle).unwrap(), places)
    };
    let (plain, lost) = places(&hospital());
    assert!(!plain.contains("CSN7") && lost.contains(&"ZPV-2".to_owned()));
    let site =
        hospital().with_site_map("segment ZPV many minor\n2 Encounter.identifier[] identifier\n").unwrap();
    let (mapped, lost) = places(&site);
    assert!(
        mapped.contains("CSN7") && !lost.contains(&"ZPV-2".to_owned()) && lost.contains(&"ZPV-3".to_owned())
    );
}

/// Segments of all kinds, in any order, after the ones that a type needs.
fn message() -> impl Strategy<Value = Vec<u8>> {
    let names = prop::sample::select(vec![
        "PV1", "PV2", "NK1", "AL1", "IAM", "DG1", "PR1", "GT1", "IN1", "OBX", "OBX", "OBX", "NTE", "ORC",
        "OBR", "SPM", "TQ1", "RXO", "RXE", "RXR", "RXA", "RXD", "RXC", "PRD", "AIS", "AIG", "AIL", "AIP",
        "ROL", "ARV", "EVN", "PD1", "ZZZ",
    ]);
    let segments = prop::collection::vec(names.prop_flat_map(segment), 1..7);
    let needed = ["PID", "MRG", "OBR", "TXA", "RF1", "SCH", "RXA", "RXE", "RXD"].map(segment);
    (prop::sample::select(TYPES.to_vec()), needed, segments).prop_map(|(kind, needed, segments)| {
        let header = format!("MSH|^~\\&|PAS|RX1|GATE|E1|20260304161500||{kind}|M1|P|2.5");
        let needed = needed.into_iter().filter(|segment| wanted(kind, segment));
        std::iter::once(header).chain(needed).chain(segments).collect::<Vec<_>>().join("\r").into_bytes()
    })
}

/// Whether messages of this type must have such a segment.
fn wanted(kind: &str, segment: &str) -> bool {
    let needs = match kind.split('^').next().unwrap() {
        "ORU" => "PID OBR",
        "MDM" => "PID TXA",
        "ORM" | "OML" => "PID OBR",
        "REF" => "PID RF1",
        "SIU" => "PID SCH",
        "VXU" => "PID RXA",
        "RDE" | "RAS" | "RDS" => "PID RXE RXA RXD",
        _ if matches!(kind, "ADT^A34" | "ADT^A40") => "PID MRG",
        _ => "PID",
    };
    needs.split(' ').any(|name| segment.starts_with(name))
}

proptest! {
    // Each case is translated twice for every value it holds.
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn in_messages_of_all_types_each_value_is_carried_or_listed_as_a_loss(input in message()) {
        check_that_nothing_disappears(&input);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn any_message_of_any_type_becomes_a_whole_bundle_or_is_refused(input in message()) {
        if let Ok(translated) = hl7v2::translate(&input, &hospital()) {
            check_shape(&translated.bundle, &String::from_utf8_lossy(&input));
        }
    }
}
