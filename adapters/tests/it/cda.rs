//! CDA: one folder a case (`in.xml`, what it becomes, what it loses), and what every translation promises.
//! `UPDATE_GOLDEN=1` rewrites.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use adapters::{Refused, Severity, Translated, Why, cda};
use fhir::json::Limits;
use fhir::tables;

use crate::goldens::{hospital, pretty};

pub(crate) fn cases() -> Vec<(PathBuf, Vec<u8>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/cda");
    let mut folders: Vec<PathBuf> =
        std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    folders
        .into_iter()
        .map(|folder| (folder.clone(), std::fs::read(folder.join("in.xml")).unwrap()))
        .collect()
}

fn case(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/cda").join(name).join("in.xml"))
        .unwrap()
}

#[expect(
    clippy::disallowed_methods,
    reason = "a test looks at what was written, strictness is fhir::json's matter"
)]
fn json(translated: &Translated) -> serde_json::Value {
    serde_json::from_slice(&translated.bundle).unwrap()
}

fn losses(translated: &Translated) -> String {
    translated.losses.iter().map(|loss| format!("{loss}\n")).collect()
}

#[track_caller]
fn golden(path: &Path, actual: &str) {
    if std::env::vars().any(|(name, value)| name == "UPDATE_GOLDEN" && value == "1") {
        std::fs::write(path, actual).unwrap();
    }
    assert_eq!(actual, std::fs::read_to_string(path).unwrap_or_default(), "{}", path.display());
}

#[test]
fn every_document_becomes_what_its_golden_says() {
    let cases = cases();
    assert!(cases.len() >= 7);
    for (folder, input) in cases {
        let translated = cda::translate(&input, &hospital()).unwrap();
        golden(&folder.join("out.json"), &pretty(&translated.bundle));
        golden(&folder.join("losses.txt"), &losses(&translated));
    }
}

/// What the tables of R4 say against `value` as the type `owner`.
fn unknown(owner: tables::TypeId, value: &serde_json::Value, path: &str, found: &mut BTreeSet<String>) {
    let Some(elements) = value.as_object() else { return };
    for (key, inside) in elements {
        let name = key.trim_start_matches('_');
        if name == "resourceType" || name == "div" {
            continue;
        }
        let Some(element) = tables::element(owner, name) else {
            found.insert(format!("{path}.{name}"));
            continue;
        };
        if element.is_array() != inside.is_array() && !key.starts_with('_') {
            found.insert(format!("{path}.{name}: one or many"));
        }
        let items: Vec<&serde_json::Value> =
            inside.as_array().map_or(vec![inside], |items| items.iter().collect());
        for item in items {
            let kind = item["resourceType"].as_str().and_then(tables::resource_type);
            let child = kind.or(element.child_type());
            if let Some(child) = child.filter(|_| !key.starts_with('_')) {
                unknown(child, item, &format!("{path}.{name}"), found);
            }
        }
    }
}

/// That a Bundle is a closed document: led by its Composition, every reference leads to an entry, elements are those of R4.
pub(crate) fn check(translated: &Translated, name: &str) {
    assert!(fhir::json::parse(translated.bundle.clone().into(), &Limits::default()).is_ok(), "{name}");
    let bundle = json(translated);
    let entries = bundle["entry"].as_array().unwrap();
    assert_eq!(entries[0]["resource"]["resourceType"], "Composition", "{name}");
    let ids: BTreeSet<&str> = entries.iter().map(|entry| entry["fullUrl"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), entries.len(), "{name}: an id twice");
    let mut open = vec![&bundle];
    let mut referred = BTreeSet::new();
    while let Some(value) = open.pop() {
        if let Some(reference) = value["reference"].as_str() {
            assert!(ids.contains(reference), "{name}: {reference}");
            referred.insert(reference);
        }
        open.extend(value.as_array().into_iter().flatten());
        open.extend(value.as_object().into_iter().flat_map(|elements| elements.values()));
    }
    for entry in entries {
        let kind = entry["resource"]["resourceType"].as_str().unwrap();
        let url = entry["fullUrl"].as_str().unwrap();
        assert!(kind == "Provenance" || referred.contains(url), "{name}: nothing leads to a {kind}");
    }
    let sourced: BTreeSet<&str> =
        entries.iter().filter_map(|entry| entry["resource"]["target"][0]["reference"].as_str()).collect();
    assert_eq!(sourced.len() * 2, entries.len(), "{name}: a Provenance for each");
    let mut found = BTreeSet::new();
    unknown(tables::resource_type("Bundle").unwrap(), &bundle, "Bundle", &mut found);
    assert!(found.is_empty(), "{name}: {found:?}");
}

#[test]
fn a_bundle_is_a_closed_document_of_elements_that_fhir_knows() {
    for (folder, input) in cases() {
        check(&cda::translate(&input, &hospital()).unwrap(), &folder.display().to_string());
    }
}

#[test]
fn the_same_document_has_the_same_ids_and_another_sender_has_others() {
    let input = case("continuity-of-care");
    let one = cda::translate(&input, &hospital()).unwrap();
    let again = cda::translate(&input, &hospital()).unwrap();
    assert_eq!(one.bundle, again.bundle);
    assert_eq!(one.losses, again.losses);
    let other = adapters::Context::new("clinic", None, "Europe/London").unwrap();
    assert_ne!(one.id, cda::translate(&input, &other).unwrap().id);
}

/// The byte ranges of all elements of `text` that hold a value somewhere.
fn elements(text: &str) -> Vec<(String, std::ops::Range<usize>)> {
    let document = roxmltree::Document::parse(text).unwrap();
    let silent = [
        "classCode",
        "typeCode",
        "moodCode",
        "determinerCode",
        "contextControlCode",
        "contextConductionInd",
        "inversionInd",
        "type",
        "operator",
        "mediaType",
        "representation",
    ];
    let says = |node: roxmltree::Node<'_, '_>| {
        node.descendants().any(|inner| {
            inner.is_text() && inner.text().is_some_and(|text| !text.trim().is_empty())
                || inner.attributes().any(|attribute| {
                    let is_plain = attribute.name() == "negationInd" && attribute.value() == "false";
                    !(silent.contains(&attribute.name()) || attribute.value().is_empty() || is_plain)
                })
        })
    };
    document
        .descendants()
        .filter(|node| node.is_element() && node.parent_element().is_some() && says(*node))
        .map(|node| (node.tag_name().name().to_owned(), node.range()))
        .collect()
}

/// Those of `found` without which `text` says and loses just the same.
fn unnoticed(text: &str, found: &[(String, std::ops::Range<usize>)]) -> Vec<String> {
    let whole = cda::translate(text.as_bytes(), &hospital()).unwrap();
    let (before, lost) = (without_digest(&whole), losses(&whole));
    let is_unnoticed = |range: &std::ops::Range<usize>| {
        let less = [text.get(..range.start).unwrap(), text.get(range.end..).unwrap()].concat();
        // Without what makes it a document it is refused, and that is a change too.
        let translated = cda::translate(less.as_bytes(), &hospital());
        translated
            .is_ok_and(|translated| without_digest(&translated) == before && losses(&translated) == lost)
    };
    found
        .iter()
        .filter(|(_, range)| is_unnoticed(range))
        .map(|(name, range)| format!("{name} at {range:?}"))
        .collect()
}

#[test]
fn whatever_is_removed_the_output_or_the_losses_change() {
    let mut removed = 0;
    for (folder, input) in cases() {
        let Ok(text) = String::from_utf8(input) else { continue };
        let found = elements(&text);
        removed += found.len();
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let missed: Vec<String> = std::thread::scope(|scope| {
            let chunks = found.chunks(found.len().div_ceil(threads));
            let tried: Vec<_> = chunks.map(|chunk| scope.spawn(|| unnoticed(&text, chunk))).collect();
            tried.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        assert!(missed.is_empty(), "{}: {missed:#?}", folder.display());
    }
    println!("{removed} elements removed, one at a time");
    assert!(removed > 600);
}

/// The Bundle without the hash of the bytes, which changes always.
pub(crate) fn without_digest(translated: &Translated) -> String {
    let text = String::from_utf8(translated.bundle.clone()).unwrap();
    let mut parts = text.split("ni:///sha-256;");
    let first = parts.next().unwrap().to_owned();
    parts.fold(first, |mut whole, part| {
        whole.push_str(part.get(43..).unwrap());
        whole
    })
}

fn resources<'b>(bundle: &'b serde_json::Value, kind: &str) -> Vec<&'b serde_json::Value> {
    let all = bundle["entry"].as_array().unwrap().iter().map(|entry| &entry["resource"]);
    all.filter(|resource| resource["resourceType"] == kind).collect()
}

fn labels(resource: &serde_json::Value) -> Vec<&str> {
    let all = resource["meta"]["security"].as_array().into_iter().flatten();
    all.map(|label| label["code"].as_str().unwrap()).collect()
}

#[test]
fn what_a_part_is_labelled_with_its_resources_its_section_and_the_whole_are_labelled_with() {
    let translated = cda::translate(&case("labelled"), &hospital()).unwrap();
    let bundle = json(&translated);
    assert_eq!(labels(&bundle), ["R", "PSY"]);
    let composition = resources(&bundle, "Composition")[0];
    assert_eq!(labels(composition), ["R", "PSY", "PROCESSINLINELABEL"]);
    assert_eq!(composition["confidentiality"], "N");
    let inline = |section: &serde_json::Value| -> Vec<String> {
        let all = section["extension"].as_array().into_iter().flatten();
        all.map(|extension| extension["valueCoding"]["code"].as_str().unwrap().to_owned()).collect()
    };
    let sections: Vec<_> = composition["section"].as_array().unwrap().iter().map(inline).collect();
    assert_eq!(sections, [vec![], vec!["R".to_owned()], vec!["R".to_owned(), "PSY".to_owned()]]);
    assert!(labels(resources(&bundle, "Condition")[0]).is_empty());
    assert_eq!(labels(resources(&bundle, "Observation")[0]), ["R"]);
    let statements = resources(&bundle, "MedicationStatement");
    assert!(labels(statements[0]).is_empty());
    assert_eq!(labels(statements[1]), ["R", "PSY"]);
    assert_eq!(labels(resources(&bundle, "Medication")[1]), ["R", "PSY"]);
    assert!(labels(resources(&bundle, "Patient")[0]).is_empty());
    // The clinic is named in the restricted section only.
    assert_eq!(labels(resources(&bundle, "Organization")[0]), ["R"]);
}

#[test]
fn a_label_on_a_wrapper_holds_for_what_is_inside_and_who_is_named_in_both_parts_is_told_twice() {
    let label = r#"<entryRelationship typeCode="COMP"><observation classCode="OBS" moodCode="EVN"><code code="SECCLASSOBS"/><value xsi:type="CE" code="V" codeSystem="2.16.840.1.113883.5.25"/></observation></entryRelationship>"#;
    let inside = |author: &str| {
        format!(
            r#"<author><time value="20260304"/><assignedAuthor><id root="1.2" extension="{author}"/></assignedAuthor></author><entryRelationship typeCode="SUBJ"><observation classCode="OBS" moodCode="EVN"><code code="ASSERTION"/><value xsi:type="CD" code="1" codeSystem="1.2.3"/></observation></entryRelationship>"#
        )
    };
    let act = |label: &str| {
        let start = r#"<entry><act classCode="ACT" moodCode="EVN"><templateId root="2.16.840.1.113883.10.20.22.4.3"/>"#;
        format!("{start}{label}{}</act></entry>", inside("same"))
    };
    let text = String::from_utf8(case("labelled")).unwrap();
    let entries = format!("<text>Asthma</text>{}{}", act(""), act(label));
    let bundle = json(
        &cda::translate(text.replacen("<text>Asthma</text>", &entries, 1).as_bytes(), &hospital()).unwrap(),
    );
    let all: Vec<Vec<&str>> = resources(&bundle, "Condition").into_iter().map(labels).collect();
    assert_eq!(all, [vec![], vec!["V"], vec![]]);
    // Were the author one resource, its label would hide it from the first, or its lack of one tell of the second.
    let same = |resource: &&serde_json::Value| resource["identifier"][0]["value"] == "same";
    let authors: Vec<Vec<&str>> =
        resources(&bundle, "Practitioner").into_iter().filter(same).map(labels).collect();
    assert_eq!(authors, [vec![], vec!["V"]]);
}

#[test]
fn a_label_deep_in_an_entry_or_in_the_header_is_a_label() {
    let code = r#"<confidentialityCode code="V" codeSystem="2.16.840.1.113883.5.25"/>"#;
    let text = String::from_utf8(case("labelled")).unwrap();
    let deep = format!(
        r#"<entryRelationship typeCode="SUBJ"><observation classCode="OBS" moodCode="EVN"><code code="SEV"/><entryRelationship typeCode="COMP"><observation classCode="OBS" moodCode="EVN">{code}</observation></entryRelationship></observation></entryRelationship></observation></entry>"#
    );
    let bundle = json(
        &cda::translate(text.replacen("</observation></entry>", &deep, 1).as_bytes(), &hospital()).unwrap(),
    );
    assert_eq!(labels(resources(&bundle, "Condition")[0]), ["V"]);
    assert_eq!(labels(resources(&bundle, "Observation")[0]), ["R"]);
    assert_eq!(labels(&bundle), ["V", "PSY"]);
    let header = format!("{code}</assignedAuthor></author>");
    let bundle = json(
        &cda::translate(text.replacen("</assignedAuthor></author>", &header, 1).as_bytes(), &hospital())
            .unwrap(),
    );
    assert_eq!(labels(resources(&bundle, "Condition")[0]), ["V"]);
}

#[test]
fn a_document_that_is_very_restricted_labels_all_but_the_patient() {
    let bundle = json(&cda::translate(&case("nhs-111-report"), &hospital()).unwrap());
    let patient = resources(&bundle, "Patient")[0]["id"].as_str().unwrap().to_owned();
    for entry in bundle["entry"].as_array().unwrap() {
        let resource = &entry["resource"];
        let target = resource["target"][0]["reference"].as_str().unwrap_or_default();
        let is_patient = resource["resourceType"] == "Patient" || target.ends_with(&patient);
        assert_eq!(labels(resource).contains(&"V"), !is_patient, "{}", resource["resourceType"]);
    }
}

#[test]
fn codes_of_confidentiality_become_labels_or_losses_and_never_nothing() {
    let text = String::from_utf8(case("labelled")).unwrap();
    for (code, expected, lost) in [
        (r#"code="R" codeSystem="2.16.840.1.113883.5.25""#, "R", None),
        (r#"code="V" codeSystem="2.16.840.1.113883.1.11.16926""#, "V", None),
        (r#"code="S" codeSystem="2.16.840.1.113883.5.25""#, "R", Some(Why::Narrowed)),
        (r#"code="HIV" codeSystem="2.16.840.1.113883.5.25""#, "HIV", None),
        (r#"code="secret" codeSystem="2.16.840.1.113883.19.9""#, "secret", Some(Why::CodeNotMapped)),
        (r#"code="R""#, "R", None),
    ] {
        let changed = text.replacen(r#"code="N" codeSystem="2.16.840.1.113883.5.25""#, code, 1);
        let translated = cda::translate(changed.as_bytes(), &hospital()).unwrap();
        let bundle = json(&translated);
        assert!(labels(resources(&bundle, "Condition")[0]).contains(&expected), "{code}");
        let found = translated.losses.iter().find(|loss| loss.place.ends_with("/confidentialityCode/@code"));
        assert_eq!(found.map(|loss| loss.why), lost, "{code}");
    }
}

#[test]
fn what_is_not_so_is_never_carried_as_if_it_were() {
    let translated = cda::translate(&case("what-cannot-be-said"), &hospital()).unwrap();
    let bundle = json(&translated);
    let conditions = resources(&bundle, "Condition");
    assert_eq!(conditions.len(), 1, "the mother's illness is not the patient's");
    assert_eq!(conditions[0]["verificationStatus"]["coding"][0]["code"], "refuted");
    assert_eq!(resources(&bundle, "AllergyIntolerance")[0]["code"]["coding"][0]["code"], "716186003");
    let observations = resources(&bundle, "Observation");
    assert_eq!(observations.len(), 1, "a measurement that was not made is none");
    assert!(observations[0].get("valueQuantity").is_none());
    let negated =
        "/ClinicalDocument/component/structuredBody/component[3]/section/entry/observation/@negationInd";
    let loss = translated.losses.iter().find(|loss| loss.place == negated).unwrap();
    assert_eq!((loss.why, loss.severity), (Why::NotMapped, Severity::Major));
    let person = resources(&bundle, "Patient")[0];
    assert_eq!(person["identifier"][0], serde_json::json!({"value": "9990000019"}));
    assert!(person.get("birthDate").is_none() && person.get("gender").is_none());
}

#[test]
fn decimals_keep_their_digits() {
    let translated = cda::translate(&case("continuity-of-care"), &hospital()).unwrap();
    assert!(String::from_utf8(translated.bundle).unwrap().contains(r#""value":13.20,"#));
}

#[test]
fn what_is_no_document_is_refused_with_its_reason() {
    let whole = String::from_utf8(case("labelled")).unwrap();
    let twice = format!("<a>{whole}{whole}</a>");
    for (input, expected) in [
        (String::new(), "malformed xml (byte 0)"),
        ("<a/>".to_owned(), "there is no ClinicalDocument in the namespace urn:hl7-org:v3"),
        ("<ClinicalDocument/>".to_owned(), "there is no ClinicalDocument in the namespace urn:hl7-org:v3"),
        (twice.clone(), "there is more than one ClinicalDocument"),
        (
            whole.replacen(r#"<id root="2.16.840.1.113883.19.5" extension="L1"/>"#, "", 1),
            "ClinicalDocument/id is missing or empty",
        ),
        (whole.replacen("20260304", "20260230", 1), "ClinicalDocument/effectiveTime holds no time"),
        (
            whole.replacen("patientRole", "person", 2),
            "ClinicalDocument/recordTarget does not name exactly one patient",
        ),
        (
            whole.replacen("<author>", "<recordTarget><patientRole/></recordTarget><author>", 1),
            "ClinicalDocument/recordTarget does not name exactly one patient",
        ),
        (format!("<!DOCTYPE a>{whole}"), "a document type declaration is not allowed (byte 0)"),
        (
            format!("<?xml version='1.0' encoding='EBCDIC'?>{whole}"),
            "the encoding that the xml declaration names is not supported",
        ),
    ] {
        let refused = cda::translate(input.as_bytes(), &hospital()).unwrap_err();
        assert_eq!(refused.to_string(), expected);
    }
    assert_eq!(cda::documents(twice.as_bytes(), &hospital()).unwrap().len(), 2);
    let small = hospital().with_bytes_max(100);
    assert!(matches!(cda::translate(whole.as_bytes(), &small), Err(Refused::TooLarge { .. })));
}

#[test]
fn a_document_cut_anywhere_is_refused() {
    let text = case("what-cannot-be-said");
    for end in (0..text.len() - 2).step_by(7) {
        assert!(cda::translate(&text[..end], &hospital()).is_err(), "{end}");
    }
}

#[test]
fn hostile_documents_end_soon() {
    let text = String::from_utf8(case("labelled")).unwrap();
    let entry = "<entry><act classCode='ACT' moodCode='EVN'><templateId root='2.16.840.1.113883.10.20.22.4.3'/><statusCode code='active'/>";
    let relation = "<entryRelationship typeCode='SUBJ'><observation classCode='OBS' moodCode='EVN'><value code='x'/></observation></entryRelationship>";
    let words = "x".repeat(1 << 18);
    let many = format!("<section>{entry}{}</act></entry></section>", relation.repeat(40_000));
    let copies = format!(
        "<section><text><content ID='a'>{words}</content></text>{}</section>",
        "<entry><observation classCode='OBS' moodCode='EVN'><code code='1'><originalText><reference value='#a'/></originalText></code></observation></entry>".repeat(500)
    );
    let crowd = format!("<section><title>a</title>{}</section>", "<languageCode code='x'/>".repeat(200_000));
    let deep = format!(
        "{}<title>a</title>{}",
        "<section><component>".repeat(40),
        "</component></section>".repeat(40)
    );
    for section in [many, copies, crowd, deep] {
        let at = text.find("<section>").unwrap();
        let (before, after) = text.split_at(at);
        let input = [before, &section, "</component><component>", after].concat();
        // Translated or refused, in bounded memory: that it comes back at all is what is asked.
        drop(cda::translate(input.as_bytes(), &hospital()));
    }
}
