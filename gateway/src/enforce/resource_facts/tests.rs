use fhir::json::{Limits, parse};
use proptest::prelude::*;

use super::*;
use crate::decision::obligation::Labels;

fn facts_of(json: &str) -> ResourceFacts {
    let document = parse(json.to_owned().into(), &Limits::default()).expect("test input");
    resource_facts(document.root(), &Bases::none(), &SensitiveCodes::shipped())
}

fn labels_of(json: &str) -> Vec<String> {
    facts_of(json).labels.iter().map(|label| label.code().to_owned()).collect()
}

#[track_caller]
fn earns(place: &str, entry: &str) {
    let found: Vec<_> = facts_of(place).earned.iter().map(|entry| entry.name.clone()).collect();
    assert_eq!(found, [format!("portcullis/{entry}")], "{place}");
}

#[track_caller]
fn earns_nothing(place: &str) {
    let found: Vec<_> = facts_of(place).earned.iter().map(|entry| entry.name.clone()).collect();
    assert!(found.is_empty(), "{place}: {found:?}");
}

#[test]
fn documents_are_labelled_by_elements_of_their_own() {
    let reference = r#"{"resourceType":"DocumentReference","securityLabel":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"PSY"}]}]}"#;
    assert_eq!(labels_of(reference), ["PSY"]);
    assert_eq!(labels_of(r#"{"resourceType":"Composition","confidentiality":"R"}"#), ["R"]);
}

#[test]
fn one_glance_finds_what_is_labelled_and_what_may_name_a_medicine() {
    use crate::enforce::medicines::ANYWHERE;
    let codes = SensitiveCodes::shipped();
    let glance = |json: &str, names: &[&str; 2]| {
        let document = parse(json.to_owned().into(), &Limits::default()).expect("test input");
        may_be_labelled_or(document.root(), &codes, names)
    };
    // A name that says something of labels would not be looked for.
    for name in ANYWHERE {
        let letters = name.chars().map(|letter| format!("\\u{:04x}", u32::from(letter)));
        let escaped: String = letters.collect();
        for name in [name, &escaped] {
            for json in [format!(r#"{{"a":[{{"{name}":1}}]}}"#), format!(r#"{{"{name}":[]}}"#)] {
                assert!(glance(&json, &ANYWHERE), "{json}");
                assert!(!glance(&json, &["other", "another"]), "{json}");
            }
        }
    }
    assert!(glance(r#"{"code":{"coding":[{"code":"13746004"}]}}"#, &ANYWHERE));
    assert!(!glance(r#"{"a":{"containe":1,"contained_":2,"valueReferenc":3}}"#, &ANYWHERE));
}

#[test]
fn a_bundle_bears_its_own_labels_and_not_those_of_one_entry() {
    let bundle = r#"{"resourceType":"Bundle","meta":{"security":[{"code":"R"}]},"entry":[{"resource":{"resourceType":"Condition","meta":{"security":[{"code":"PSY"}]},"code":{"coding":[{"system":"http://snomed.info/sct","code":"13746004"}]}}}]}"#;
    assert_eq!(labels_of(bundle), ["R"]);
    earns_nothing(bundle);
}

#[test]
fn a_telling_code_is_found_wherever_it_hides() {
    const BIPOLAR: &str = r#"{"system":"http://snomed.info/sct","code":"13746004"}"#;
    let places = [
        r#"{"resourceType":"Condition","code":{"coding":[{"system":"http://x","code":"1"},CODING]}}"#,
        r#"{"resourceType":"Encounter","serviceType":{"coding":[CODING]}}"#,
        r#"{"resourceType":"MedicationRequest","contained":[{"resourceType":"Medication","ingredient":[{"itemCodeableConcept":{"coding":[CODING]}}]}]}"#,
        r#"{"resourceType":"Condition","extension":[{"url":"u","valueCoding":CODING}]}"#,
        r#"{"resourceType":"Condition","extension":[{"url":"u","extension":[{"url":"v","valueCodeableConcept":{"coding":[CODING]}}]}]}"#,
        r#"{"resourceType":"Patient","birthDate":"1950-01-01","_birthDate":{"extension":[{"url":"u","valueCoding":CODING}]}}"#,
        r#"{"resourceType":"QuestionnaireResponse","item":[{"linkId":"1","item":[{"linkId":"2","answer":[{"valueCoding":CODING}]}]}]}"#,
        r#"{"resourceType":"Composition","section":[{"section":[{"code":{"coding":[CODING]}}]}]}"#,
        r#"{"resourceType":"Condition","meta":{"tag":[CODING]}}"#,
        r#"{"resourceType":"Observation","component":[{"valueCodeableConcept":{"coding":[CODING]}}]}"#,
        r#"{"resourceType":"Condition","code":{"coding":[{"code":"1374\u0036004","syst\u0065m":"http://snomed.info/sct"}]}}"#,
        r#"{"resourceType":"Condition","evidence":[{"detail":[{"identifier":{"system":"http://snomed.info/sct","value":"13746004"}}]}]}"#,
        r#"{"resourceType":"Condition","extension":[{"url":"u","valueCode":"13746004"}]}"#,
        r#"{"resourceType":"Condition","extension":[{"url":"u","valueUri":"http://snomed.info/id/13746004"}]}"#,
        r#"{"resourceType":"Condition","extension":[{"url":"u","valueCanonical":"http://snomed.info/sct|13746004"}]}"#,
    ];
    for place in places {
        earns(&place.replace("CODING", BIPOLAR), "mental-illness");
    }
}

#[test]
fn what_is_no_code_earns_nothing() {
    earns_nothing(r#"{"resourceType":"Condition","id":"13746004","code":{"text":"13746004"}}"#);
    earns_nothing(r#"{"resourceType":"Patient","telecom":[{"system":"phone","value":"13746004"}]}"#);
    earns_nothing(
        r#"{"resourceType":"Patient","identifier":[{"system":"https://hospital.example/mrn","value":"13746004"}]}"#,
    );
    earns_nothing(r#"{"resourceType":"Patient","identifier":[{"value":"13746004"}]}"#);
    earns_nothing(r#"{"resourceType":"Observation","status":"F20","valueString":"F20"}"#);
    earns_nothing(
        r#"{"resourceType":"Condition","code":{"coding":[{"system":"http://snomed.info/sct","code":"195967001"}]}}"#,
    );
}

#[test]
fn what_a_label_may_have_been_meant_as_counts_beside_what_it_is() {
    const ACT: &str = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
    let labelled = |system: &str, code: &str| {
        let resource = format!(
            r#"{{"resourceType":"Condition","meta":{{"security":[{{"system":"{system}","code":"{code}"}}]}}}}"#
        );
        labels_of(&resource)
    };
    assert_eq!(labelled(ACT, "PSY"), ["PSY"]);
    assert_eq!(labelled(ACT, "psy"), ["psy", "PSY"]);
    assert_eq!(labelled("https://terminology.hl7.org/CodeSystem/v3-ActCode/", "PSY"), ["PSY", "PSY"]);
    assert_eq!(labelled("https://hospital.example/labels", "PSY"), ["PSY", "PSY"]);
    assert_eq!(labelled("https://hospital.example/labels", "R"), ["R", "R"]);
    assert_eq!(
        labelled("https://hospital.example/labels", "N"),
        ["N"],
        "nothing that would lower protection"
    );
    assert_eq!(labelled("http://terminology.hl7.org/CodeSystem/v3-ActReason", "PSY"), ["PSY"]);
}

#[track_caller]
fn known_of(json: &str) -> Labels {
    facts_of(json).known
}

#[test]
fn a_label_is_read_in_whatever_shape_it_stands_and_what_is_none_protects() {
    const PSY: &str = r#"{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"PSY"}"#;
    use Labels::{Known, NotKnown};
    for (security, codes, known) in [
        (r"[PSY]", &["PSY"][..], Known),
        (r"PSY", &["PSY"], Known),
        (r"[[PSY]]", &["PSY"], Known),
        (
            r#"[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"PSY","display":"psychiatry"}]"#,
            &["PSY"],
            Known,
        ),
        (r#"[{"code":"N"}]"#, &["N"], Known),
        ("[]", &[], Known),
        (r#"["PSY"]"#, &[], NotKnown),
        (r#""PSY""#, &[], NotKnown),
        ("5", &[], NotKnown),
        ("null", &[], NotKnown),
        (r#"[{"coding":[PSY]}]"#, &[], NotKnown),
        (r#"[{"code":{"value":"PSY"}}]"#, &[], NotKnown),
        (r#"[{"code":["PSY"]}]"#, &["PSY"], NotKnown),
        (r#"[{"system":["x"],"code":"N"}]"#, &["N"], NotKnown),
        (r#"[{"display":"restricted"}]"#, &[], NotKnown),
        (r#"[{"_code":{"extension":[]}}]"#, &[], NotKnown),
        (r#"[{"code":" "}]"#, &[" "], NotKnown),
        (r#"[PSY,"R"]"#, &["PSY"], NotKnown),
    ] {
        let security = security.replace("PSY]", &format!("{PSY}]")).replace("[PSY,", &format!("[{PSY},"));
        let security = if security == "PSY" { PSY.to_owned() } else { security };
        for owner in ["Condition", "Bundle"] {
            let json = format!(r#"{{"resourceType":"{owner}","meta":{{"security":{security}}}}}"#);
            assert_eq!(labels_of(&json), codes, "{json}");
            assert_eq!(known_of(&json), known, "{json}");
        }
    }
}

#[test]
fn what_stands_for_the_label_of_a_document_or_of_a_part_and_is_none_protects() {
    use Labels::{Known, NotKnown};
    const CODED: &str =
        r#"{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"PSY"}]}"#;
    const CODING: &str = r#"{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"PSY"}"#;
    const INLINE: &str = r#""url":"http://hl7.org/fhir/uv/security-label-ds4p/StructureDefinition/extension-inline-sec-label""#;
    for (member, codes, known) in [
        (format!(r#""securityLabel":{CODED}"#), &["PSY"][..], Known),
        (format!(r#""securityLabel":[{CODING}]"#), &["PSY"], Known),
        (r#""securityLabel":["PSY"]"#.to_owned(), &[], NotKnown),
        (r#""securityLabel":[{"text":"psychiatry"}]"#.to_owned(), &[], NotKnown),
        (r#""confidentiality":["R"]"#.to_owned(), &["R"], Known),
        (r#""confidentiality":{"code":"R"}"#.to_owned(), &[], NotKnown),
        (format!(r#""extension":[{{{INLINE},"valueCoding":{CODING}}}]"#), &["PSY"], Known),
        (format!(r#""extension":[{{{INLINE},"valueCodeableConcept":{CODED}}}]"#), &["PSY"], Known),
        (format!(r#""extension":[{{{INLINE},"valueCoding":[{CODING}]}}]"#), &["PSY"], Known),
        (format!(r#""extension":[{{{INLINE},"valueCode":"PSY"}}]"#), &[], NotKnown),
        (
            format!(r#""extension":[{{{INLINE},"valueCodeableConcept":{{"text":"psychiatry"}}}}]"#),
            &[],
            NotKnown,
        ),
        (
            format!(r#""extension":[{{{}],"valueCoding":{CODING}}}]"#, INLINE.replace(":\"http", ":[\"http")),
            &["PSY"],
            Known,
        ),
    ] {
        let json = format!(r#"{{"resourceType":"DocumentReference",{member}}}"#);
        assert_eq!(labels_of(&json), codes, "{json}");
        assert_eq!(known_of(&json), known, "{json}");
    }
    for (json, known) in [
        // Of what a choice speaks is not what it is, and how a server is made safe is no label.
        (format!(r#"{{"resourceType":"Consent","provision":{{"securityLabel":[{CODING}]}}}}"#), Known),
        (r#"{"resourceType":"CapabilityStatement","rest":[{"security":{"cors":true}}]}"#.to_owned(), Known),
    ] {
        assert!(labels_of(&json).is_empty(), "{json}");
        assert_eq!(known_of(&json), known, "{json}");
    }
}

/// The same, told member by member and not by length and first letter, with references in the same walk.
fn plainly(root: Node<'_>, bases: &Bases, codes: &SensitiveCodes) -> ResourceFacts {
    let mut facts = ResourceFacts::default();
    let mut open = vec![root];
    while let Some(node) = open.pop() {
        open.extend(node.items());
        let mut coded = Coded::default();
        for (key, value) in node.members() {
            match &*key.text() {
                "reference" => reference(value, bases, &mut facts.refers_to),
                "system" => coded.system = Some(value),
                "code" => coded.code = Some(value),
                "value" => coded.value = Some(value),
                "url" => coded.url = Some(value),
                "valueCoding" => coded.coding = Some(value),
                "valueCodeableConcept" => coded.concept = Some(value),
                "valueCode" => whole(value, codes, &mut facts),
                "valueUri" | "valueUrl" | "valueCanonical" => address(value, codes, &mut facts),
                "security" => take(Stated::of_codings(value, "Basic"), &mut facts),
                "securityLabel" => take(Stated::of_concepts(value, "Basic"), &mut facts),
                "confidentiality" => take(Stated::of_degrees(value), &mut facts),
                _ => {}
            }
            open.push(value);
        }
        earned(&coded, codes, &mut facts);
    }
    facts
}

/// JSON in which names and values meet that say something about labels, and some that nearly do.
fn telling() -> impl Strategy<Value = String> {
    let text = prop::sample::select(vec![
        r#""13746004""#,
        r#""F20""#,
        r#""http://snomed.info/sct""#,
        r#""http://snomed.info/id/13746004""#,
        r#""http://snomed.info/sct|13746004""#,
        r#""PSY""#,
        r#""R""#,
        r#""Patient/a""#,
        r#""Practitioner/b/_history/2""#,
        r#""https://x.example/extension-inline-sec-label""#,
        "1",
        "null",
    ]);
    let name = prop::sample::select(vec![
        "reference",
        "system",
        "code",
        "value",
        "url",
        "valueCoding",
        "valueCodeableConcept",
        "valueCode",
        "valueUri",
        "valueUrl",
        "valueUrn",
        "valueCanonical",
        "security",
        "subjects",
        "securityLabel",
        "confidentiality",
        "coding",
        "extension",
        "uri",
        "core",
        "status",
        "cod\\u0065",
        "v\\u0061lueUri",
        "",
    ]);
    text.prop_map(str::to_owned).prop_recursive(6, 60, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|items| format!("[{}]", items.join(","))),
            prop::collection::btree_map(name.clone(), inner, 0..6).prop_map(|members| {
                let members: Vec<String> =
                    members.into_iter().map(|(name, value)| format!(r#""{name}":{value}"#)).collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_told_by_length_and_letter_is_what_is_told_by_name(inside in telling()) {
        let json = format!(r#"{{"resourceType":"Basic","id":"b","extension":[{inside}]}}"#);
        // A name twice in one object is no JSON that is read.
        let Ok(document) = parse(json.into(), &Limits::default()) else { return Ok(()) };
        let (bases, codes) = (Bases::none(), SensitiveCodes::shipped());
        let plain = plainly(document.root(), &bases, &codes);
        let names = |facts: &ResourceFacts| -> Vec<String> {
            facts.earned.iter().map(|entry| entry.name.clone()).collect()
        };
        let all = facts_weighed(document.root(), Weighed::All, &bases, &codes);
        prop_assert_eq!(&all.labels, &plain.labels);
        prop_assert_eq!(all.known, plain.known);
        prop_assert_eq!(names(&all), names(&plain));
        prop_assert_eq!(&all.refers_to, &plain.refers_to);
        let labels = facts_weighed(document.root(), Weighed::Labels, &bases, &codes);
        prop_assert_eq!(&labels.labels, &plain.labels);
        prop_assert_eq!(names(&labels), names(&plain));
        prop_assert!(labels.refers_to.is_empty());
    }
}
