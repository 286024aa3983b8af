//! What shapes an answer: parts of resources, the order of matches, and what goes with them.

use std::cmp::Ordering;

use fhir::json::{Document, Limits, parse};
use fhir::reference::Bases;
use fhir::search::controls::{Projection, Total};
use fhir::search::sort::Standing;
use fhir::search::{InvalidValue, NotServed, SearchError, SearchQuery, grammar, project};
use fhir::tables;

fn compile(resource_type: &str, query: &str) -> Result<SearchQuery, SearchError> {
    let owner = tables::resource_type(resource_type).expect("a type of R4");
    SearchQuery::compile(owner, &grammar::parse(query)?, &Bases::none())
}

fn read(text: &str) -> Document {
    parse(text.to_owned().into(), &Limits::default()).expect("json")
}

#[test]
fn what_shapes_the_answer_is_written_so_that_it_is_read_the_same_and_never_for_an_upstream() {
    for (query, expected) in [
        ("_sort=-onset-date,_id", "_sort=-onset-date%2C_id"),
        ("_total=accurate", "_total=accurate"),
        ("_elements=code,onset,onsetDateTime,id", "_elements=code%2Conset%5Bx%5D%2Conset%5Bx%5D%2Cid"),
        ("_summary=data&_total=none", "_total=none&_summary=data"),
        ("_count=0", "_summary=count"),
        ("_summary=false", ""),
        (
            "_include=Condition:subject:Patient&_revinclude=Provenance:target",
            "_include=Condition%3Asubject%3APatient&_revinclude=Provenance%3Atarget",
        ),
    ] {
        let compiled = compile("Condition", &format!("patient=1&{query}")).expect(query);
        assert_eq!(compiled.to_form(), "patient=Patient%2F1", "{query}");
        let written = compiled.to_whole_form();
        let shaping = written.strip_prefix("patient=Patient%2F1").expect("the criterion first");
        assert_eq!(shaping.trim_start_matches('&'), expected, "{query}");
        assert_eq!(compile("Condition", &written).expect("our own").to_whole_form(), written, "{query}");
    }
}

#[test]
fn what_cannot_be_asked_together_or_means_nothing_is_refused() {
    let value = |parameter, reason| SearchError::Value { parameter, reason };
    for (query, expected) in [
        ("_summary=text&_include=Condition:subject", SearchError::Contradictory),
        ("_summary=count&_revinclude=Provenance:target", SearchError::Contradictory),
        ("_count=0&_include=Condition:subject", SearchError::Contradictory),
        ("_summary=true&_elements=code", SearchError::Contradictory),
        ("_summary=count&_total=none", SearchError::Contradictory),
        ("_summary=some", value("_summary", InvalidValue::Summary)),
        ("_summary=true&_summary=true", SearchError::Repeated { parameter: "_summary" }),
        ("_elements=nonsense", value("_elements", InvalidValue::Element)),
        ("_elements=Condition.code", value("_elements", InvalidValue::Element)),
        ("_total=exact", value("_total", InvalidValue::Total)),
        ("_sort=nonsense", value("_sort", InvalidValue::Sort)),
        ("_sort=--code", value("_sort", InvalidValue::Sort)),
        ("_sort:asc=code", SearchError::UnknownModifier { parameter: "_sort" }),
        ("_include=Condition:code", value("_include", InvalidValue::Include)),
        ("_include=Condition", value("_include", InvalidValue::Include)),
        ("_include=Encounter:subject", value("_include", InvalidValue::Include)),
        ("_include=Condition:subject:Device", value("_include", InvalidValue::Include)),
        ("_include=Condition:subject,Condition:encounter", value("_include", InvalidValue::Include)),
        ("_include:missing=Condition:subject", SearchError::UnknownModifier { parameter: "_include" }),
        ("_revinclude=Patient:link", value("_revinclude", InvalidValue::Include)),
        ("_revinclude=Provenance:target:Patient", value("_revinclude", InvalidValue::Include)),
    ] {
        assert_eq!(compile("Condition", query).map(|_| ()), Err(expected), "{query}");
    }
    let many = ["_include=Condition:subject"; 9].join("&");
    let repeated = SearchError::Repeated { parameter: "_include" };
    assert_eq!(compile("Condition", &many).map(|_| ()), Err(repeated));
    let owner = tables::resource_type("Condition").expect("a type");
    let of_read = |query| Projection::compile(owner, &grammar::parse(query).expect("a query"));
    assert_eq!(of_read("_summary=count"), Err(NotServed::Summary.into()));
    assert_eq!(of_read("_summary=text"), Ok(Projection::Text));
    assert_eq!(compile("Condition", "_total=estimate").map(|query| query.total()), Ok(Total::Estimate));
}

const CONDITION: &str = concat!(
    r#"{"resourceType":"Condition","id":"c","meta":{"tag":[{"code":"SUBSETTED"}]},"text":{"status":"generated","div":"<div/>"},"#,
    r##""contained":[{"resourceType":"Practitioner","id":"p"}],"clinicalStatus":{"text":"active"},"##,
    r##""code":{"text":"a"},"subject":{"reference":"Patient/1"},"onsetDateTime":"2020","recorder":{"reference":"#p"},"##,
    r#""_recordedDate":{"id":"x"},"stage":[{"summary":{"text":"s"}}],"note":[{"text":"n"}]}"#
);

#[track_caller]
fn check_kept(resource: &str, projection: &Projection, expected: &[&str]) {
    let document = read(resource);
    let part = project(document.root(), projection);
    let part = read(std::str::from_utf8(&part).expect("text"));
    let kept: Vec<String> = part.root().members().map(|(key, _)| key.text().into_owned()).collect();
    assert_eq!(kept, expected, "{projection:?}");
    for (key, value) in part.root().members() {
        let held = document.root().member(&key.text()).expect("nothing is added");
        if *projection != Projection::Summary {
            assert_eq!(value.raw(), held.raw(), "{projection:?}");
        }
    }
}

#[test]
fn a_part_keeps_what_a_resource_cannot_be_without() {
    let base = ["resourceType", "id", "meta"];
    let with = |more: &[&'static str]| base.iter().copied().chain(more.iter().copied()).collect::<Vec<_>>();
    let elements = |names: &[&'static str]| Projection::Elements(names.to_vec());
    // The subject is required; the clinical status is a modifier.
    check_kept(CONDITION, &elements(&["note"]), &with(&["clinicalStatus", "subject", "note"]));
    check_kept(CONDITION, &elements(&["onset[x]"]), &with(&["clinicalStatus", "subject", "onsetDateTime"]));
    check_kept(
        CONDITION,
        &elements(&["recordedDate"]),
        &with(&["clinicalStatus", "subject", "_recordedDate"]),
    );
    check_kept(
        CONDITION,
        &elements(&["recorder"]),
        &with(&["clinicalStatus", "subject", "recorder", "contained"]),
    );
    check_kept(CONDITION, &Projection::Text, &with(&["text", "clinicalStatus", "subject"]));
    check_kept(
        CONDITION,
        &Projection::Summary,
        &with(&[
            "clinicalStatus",
            "code",
            "subject",
            "onsetDateTime",
            "recorder",
            "_recordedDate",
            "contained",
        ]),
    );
    check_kept(
        CONDITION,
        &Projection::Data,
        &with(&[
            "clinicalStatus",
            "code",
            "subject",
            "onsetDateTime",
            "recorder",
            "_recordedDate",
            "stage",
            "note",
            "contained",
        ]),
    );
    assert!(project(read(CONDITION).root(), &Projection::Count).is_empty());
    assert_eq!(project(read(CONDITION).root(), &Projection::Whole), CONDITION.as_bytes());
}

#[test]
fn a_summary_looks_into_what_is_inside_an_element() {
    let encounter = concat!(
        r#"{"resourceType":"Encounter","id":"e","status":"finished","class":{"code":"AMB"},"#,
        r#""participant":[{"type":[{"text":"t"}],"individual":{"reference":"Practitioner/p"}},"#,
        r#"{"period":{"start":"2020"}}],"hospitalization":{"reAdmission":{"text":"r"}},"diagnosis":[{"condition":{"reference":"Condition/c"},"rank":1}]}"#
    );
    let part = project(read(encounter).root(), &Projection::Summary);
    let expected = encounter.replace(r#",{"period":{"start":"2020"}}"#, "").replace(r#","rank":1"#, "");
    let expected = expected.replace(r#""hospitalization":{"reAdmission":{"text":"r"}},"#, "");
    assert_eq!(String::from_utf8(part).expect("text"), expected);
}

#[track_caller]
fn check_order(resource_type: &str, sort: &str, in_order: &[&str]) {
    let query = compile(resource_type, &format!("_sort={sort}")).expect("a sort");
    let standing = |body: &&str| {
        Standing::of(read(&format!(r#"{{"resourceType":"{resource_type}",{body}}}"#)).root(), query.sort())
    };
    for (at, first) in in_order.iter().enumerate() {
        for second in &in_order[at + 1..] {
            let compared = standing(first).compare(&standing(second), query.sort());
            assert_eq!(compared, Ordering::Less, "{sort}: {first} before {second}");
            let back = standing(second).compare(&standing(first), query.sort());
            assert_eq!(back, Ordering::Greater, "{sort}: {second} after {first}");
        }
    }
}

#[test]
fn of_several_values_the_smallest_counts_going_up_and_the_largest_going_down_and_nothing_comes_last() {
    let early_and_late = r#""name":[{"family":"Zebra"},{"family":"Adams"}]"#;
    let (middle, none) = (r#""name":[{"family":"mòrris"}]"#, r#""gender":"female""#);
    check_order("Patient", "family", &[early_and_late, middle, none]);
    check_order("Patient", "-family", &[early_and_late, middle, none]);
    let (adams, zebra) = (r#""name":[{"family":"ADAMS"}]"#, r#""name":[{"family":"Zebra"}]"#);
    check_order("Patient", "family", &[adams, middle, zebra, none]);
    check_order("Patient", "-family", &[zebra, middle, adams, none]);
}

#[test]
fn every_kind_of_value_that_is_served_has_its_order() {
    let born = |day: &str| format!(r#""birthDate":"{day}""#);
    let (first, second, third) = (born("1950"), born("1950-06-01"), born("1951"));
    check_order("Patient", "birthdate", &[&first, &second, &third, r#""id":"x""#]);
    check_order("Patient", "-birthdate", &[&third, &first, &second, r#""id":"x""#]);
    check_order("Patient", "_id", &[r#""id":"A""#, r#""id":"B""#, r#""id":"a""#]);
    check_order("Patient", "active", &[r#""active":false"#, r#""active":true"#, r#""id":"x""#]);
    let chance = |number: &str| format!(r#""prediction":[{{"probabilityDecimal":{number}}}]"#);
    check_order("RiskAssessment", "probability", &[&chance("0.9"), &chance("10"), &chance("10.01")]);
    let coded = |code: &str| format!(r#""code":{{"coding":[{{"code":"{code}"}}]}}"#);
    check_order("Condition", "code", &[&coded("a"), &coded("b"), r#""code":{"text":"c"}"#]);
    let period = |text: &str| format!(r#""period":{{{text}}}"#);
    check_order(
        "Encounter",
        "-date",
        &[
            &period(r#""start":"2019""#),
            &period(r#""end":"2021""#),
            &period(r#""start":"2018","end":"2020""#),
        ],
    );
}

#[test]
fn a_later_key_decides_where_the_first_does_not() {
    let one = |family: &str, born: &str| format!(r#""name":[{{"family":"{family}"}}],"birthDate":"{born}""#);
    check_order("Patient", "family,-birthdate", &[&one("a", "1952"), &one("a", "1951"), &one("b", "1990")]);
    let query = compile("Patient", "_sort=family").expect("a sort");
    let same = || Standing::of(read(r#"{"resourceType":"Patient"}"#).root(), query.sort());
    assert_eq!(same().compare(&same(), query.sort()), Ordering::Equal);
}

#[test]
fn an_include_follows_the_references_of_its_element_to_the_types_it_names() {
    let careteam = concat!(
        r##"{"resourceType":"CareTeam","contained":[{"resourceType":"Patient","id":"x"}],"subject":{"reference":"#x"},"##,
        r#""participant":[{"member":{"reference":"Practitioner/p/_history/2"}},{"member":{"reference":"Patient/1"}},"#,
        r#"{"member":{"reference":"https://elsewhere.example/Practitioner/q"}},{"member":{"display":"somebody"}}]}"#
    );
    for (include, expected) in [
        ("CareTeam:participant", vec!["Practitioner/p", "Patient/1"]),
        ("CareTeam:participant:Practitioner", vec!["Practitioner/p"]),
        ("CareTeam:patient", vec![]),
        ("CareTeam:encounter", vec![]),
    ] {
        let query = compile("CareTeam", &format!("_include={include}")).expect("an include");
        let found = query.includes()[0].references(read(careteam).root(), &Bases::none());
        let found: Vec<String> = found.iter().map(|local| local.to_relative()).collect();
        assert_eq!(found, expected, "{include}");
    }
    let query = compile("Patient", "_revinclude=Condition:subject").expect("a revinclude");
    let targets =
        ["Patient/1", "Patient/2"].map(|text| fhir::reference::Local::parse(text).expect("a reference"));
    let asked = query.includes()[0].referring_to(&targets);
    assert_eq!(asked, ("subject".to_owned(), "Patient/1,Patient/2".to_owned()));
}
