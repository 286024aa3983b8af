//! What a profile can ask for, and what a resource can get wrong, that public corpora do not try.

use conformance::definitions::Definitions;
use conformance::definitions::make;
use conformance::definitions::pack::Pack;
use conformance::tree::{Limits, Tree};
use conformance::validate::{Finding, Severity, validate};

use super::{errors, findings};

const SYSTEM: &str = "https://own.example/cs";

/// Definitions of R4 and those of `own`, each in JSON, made into a pack as the program makes one.
fn with(own: &[String]) -> Definitions {
    let folder = tempfile::tempdir().expect("a folder");
    let mut files = Vec::new();
    for (at, text) in own.iter().enumerate() {
        files.push(folder.path().join(format!("{at}.json")));
        std::fs::write(&files[at], text).expect("written");
    }
    let made = make::pack(&files, &[]).expect("a pack");
    let mut definitions = Definitions::r4().expect("the base");
    definitions.add(Pack::read(&made.bytes).expect("reads"));
    definitions
}

fn profile(kind: &str, elements: &str) -> String {
    format!(
        r#"{{"resourceType":"StructureDefinition","url":"https://own.example/P","name":"P","status":"active","kind":"resource",
        "abstract":false,"type":"{kind}","baseDefinition":"http://hl7.org/fhir/StructureDefinition/{kind}","derivation":"constraint",
        "differential":{{"element":[{elements}]}}}}"#
    )
}

#[track_caller]
fn found(definitions: &Definitions, json: &str) -> Vec<Finding> {
    let tree = Tree::read(json.as_bytes(), &Limits::default()).expect("a tree");
    validate(&tree, definitions, &["https://own.example/P"])
}

#[track_caller]
fn check(definitions: &Definitions, json: &str, wanted: &[&str]) {
    let found = found(definitions, json);
    assert_eq!(errors(&found), wanted, "{json}\n{found:#?}");
}

/// FHIR R4 valueset-filter-operator.html: each operator, and which codes of the system are in.
#[test]
fn filters_of_value_sets_are_judged_by_every_operator() {
    let system = format!(
        r#"{{"resourceType":"CodeSystem","url":"{SYSTEM}","status":"active","content":"complete","property":[{{"code":"kind",
        "type":"code"}}],"concept":[{{"code":"a","display":"Alpha","property":[{{"code":"kind","valueCode":"k1"}}],
        "concept":[{{"code":"a1"}},{{"code":"a2"}}]}},{{"code":"b","property":[{{"code":"kind","valueCode":"k2"}}]}},{{"code":"c"}}]}}"#
    );
    let basic = profile(
        "Basic",
        r#"{"id":"Basic","path":"Basic"},{"id":"Basic.code","path":"Basic.code","binding":{"strength":"required","valueSet":"https://own.example/vs"}}"#,
    );
    let filters = [
        ("concept", "is-a", "a", "a a1 a2"),
        ("concept", "descendent-of", "a", "a1 a2"),
        ("concept", "is-not-a", "a", "b c"),
        ("concept", "generalizes", "a1", "a a1"),
        ("concept", "in", "a1,b", "a1 b"),
        ("concept", "not-in", "a1,b", "a a2 c"),
        ("code", "regex", "a.+", "a1 a2"),
        ("display", "regex", "Al.*", "a"),
        ("kind", "regex", "k1|k9", "a"),
        ("kind", "=", "k2", "b"),
        ("kind", "exists", "false", "a1 a2 c"),
    ];
    for (property, op, value, wanted) in filters {
        let set = format!(
            r#"{{"resourceType":"ValueSet","url":"https://own.example/vs","status":"active","compose":{{"include":[{{"system":"{SYSTEM}",
            "filter":[{{"property":"{property}","op":"{op}","value":"{value}"}}]}}]}}}}"#
        );
        let definitions = with(&[system.clone(), set, basic.clone()]);
        for code in ["a", "a1", "a2", "b", "c"] {
            let json = format!(
                r#"{{"resourceType":"Basic","code":{{"coding":[{{"system":"{SYSTEM}","code":"{code}"}}]}}}}"#
            );
            let bad: &[&str] =
                if wanted.split(' ').any(|one| one == code) { &[] } else { &["binding Basic.code"] };
            check(&definitions, &json, bad);
        }
    }
}

#[test]
fn a_regular_expression_that_fits_a_part_alone_is_not_judged() {
    let system = format!(
        r#"{{"resourceType":"CodeSystem","url":"{SYSTEM}","status":"active","content":"complete","concept":[{{"code":"xay"}}]}}"#
    );
    let basic = profile(
        "Basic",
        r#"{"id":"Basic.code","path":"Basic.code","binding":{"strength":"required","valueSet":"https://own.example/vs"}}"#,
    );
    let set = format!(
        r#"{{"resourceType":"ValueSet","url":"https://own.example/vs","status":"active","compose":{{"include":[{{"system":"{SYSTEM}",
        "filter":[{{"property":"code","op":"regex","value":"a"}}]}}]}}}}"#
    );
    let json =
        format!(r#"{{"resourceType":"Basic","code":{{"coding":[{{"system":"{SYSTEM}","code":"xay"}}]}}}}"#);
    let found = found(&with(&[system, set, basic]), &json);
    assert_eq!(errors(&found), [] as [String; 0]);
    assert!(found.iter().any(|one| one.severity == Severity::NotChecked && one.code() == "binding"));
}

/// FHIR R4 elementdefinition.html: minValue and maxValue are for dates and times too.
#[test]
fn bounds_hold_for_dates_and_numbers_alike() {
    let patient = with(&[profile(
        "Patient",
        r#"{"id":"Patient.birthDate","path":"Patient.birthDate","minValueDate":"1900-06-01","maxValueDate":"2020"}"#,
    )]);
    for (date, bad) in [
        ("1900-06-01", false),
        ("1900", false),
        ("1900-05-31", true),
        ("1850", true),
        ("2020-12-31", false),
        ("2021-01-01", true),
    ] {
        let json = format!(r#"{{"resourceType":"Patient","birthDate":"{date}"}}"#);
        check(&patient, &json, if bad { &["value Patient.birthDate"] } else { &[] });
    }
    let observation = with(&[profile(
        "Observation",
        r#"{"id":"Observation.issued","path":"Observation.issued","minValueInstant":"2020-01-01T00:00:00Z"}"#,
    )]);
    for (instant, bad) in [("2020-01-01T00:30:00+01:00", true), ("2019-12-31T23:30:00-01:00", false)] {
        let json = format!(
            r#"{{"resourceType":"Observation","status":"final","code":{{"text":"a"}},"issued":"{instant}"}}"#
        );
        check(&observation, &json, if bad { &["value Observation.issued"] } else { &[] });
    }
}

/// FHIR R4 elementdefinition-definitions.html#ElementDefinition.type.aggregation.
#[test]
fn references_lead_where_the_profile_wants_them_to() {
    let json = |subject: &str, contained: &str| {
        format!(
            r##"{{"resourceType":"Observation","status":"final","code":{{"text":"a"}}{contained},"subject":{{"reference":"{subject}"}}}}"##
        )
    };
    let inside = r#","contained":[{"resourceType":"Patient","id":"p"}]"#;
    for (place, contained, elsewhere) in
        [("contained", true, false), ("bundled", false, false), ("referenced", false, true)]
    {
        let definitions = with(&[profile(
            "Observation",
            &format!(
                r#"{{"id":"Observation.subject","path":"Observation.subject","type":[{{"code":"Reference",
                "targetProfile":["http://hl7.org/fhir/StructureDefinition/Patient"],"aggregation":["{place}"]}}]}}"#
            ),
        )]);
        let wanted = |fits: bool| if fits { &[][..] } else { &["reference Observation.subject"][..] };
        check(&definitions, &json("#p", inside), wanted(contained));
        check(&definitions, &json("Patient/1", ""), wanted(elsewhere));
    }
}

/// FHIR R4 json.html#primitive: null stands where the other array has something.
#[test]
fn null_keeps_a_place_for_something() {
    let told = |body: &str| errors(&findings(&format!(r#"{{"resourceType":"Patient",{body}}}"#), &[]));
    assert_eq!(told(r#""name":[{"given":["a",null]}]"#), ["format "]);
    assert_eq!(told(r#""name":[{"given":["a",null],"_given":[null,null]}]"#), ["format "]);
    assert_eq!(told(r#""name":[null,{"text":"a"}]"#), ["format "]);
    assert!(!told(r#""name":[{"given":["a",null],"_given":[null,{"id":"b"}]}]"#).is_empty(), "an id alone");
    let masked = r#"{"extension":[{"url":"http://hl7.org/fhir/StructureDefinition/data-absent-reason","valueCode":"masked"}]}"#;
    assert!(told(&format!(r#""name":[{{"given":["a",null],"_given":[null,{masked}]}}]"#)).is_empty());
}

/// FHIR R4 narrative.html#xhtml and json.html#complex: a div in the namespace of XHTML, references that are known.
#[test]
fn a_narrative_is_xhtml_and_says_so() {
    let told = |div: &str| {
        let json = format!(r#"{{"resourceType":"Patient","text":{{"status":"generated","div":"{div}"}}}}"#);
        !errors(&findings(&json, &[])).is_empty()
    };
    let space = r#"xmlns=\"http://www.w3.org/1999/xhtml\""#;
    for good in [
        format!("<div {space}>a&nbsp;&amp;&#233;b</div>"),
        format!("<div {space}><p {space}>a</p></div>"),
        r#"<h:div xmlns:h=\"http://www.w3.org/1999/xhtml\">a</h:div>"#.to_owned(),
    ] {
        assert!(!told(&good), "{good}");
    }
    for bad in [
        "<div>a</div>".to_owned(),
        r#"<div xmlns=\"http://a.example\">a</div>"#.to_owned(),
        format!("<div {space}><p xmlns=\\\"http://a.example\\\">a</p></div>"),
        format!("<div {space}>a&foo;b</div>"),
    ] {
        assert!(told(&bad), "{bad}");
    }
    let xml = r#"<Patient xmlns="http://hl7.org/fhir" xmlns:h="http://www.w3.org/1999/xhtml"><text><status value="generated"/><h:div>a</h:div></text></Patient>"#;
    assert_eq!(errors(&findings(xml, &[])), [] as [String; 0]);
}

/// FHIR R4 references.html#literal: what is relative is a type and an id.
#[test]
fn a_relative_reference_is_a_type_and_an_id() {
    for (reference, bad) in [
        ("Patient/1", false),
        ("Patient/1/_history/2", false),
        ("http://own.example/a/b", false),
        ("Patient?identifier=a|b", false),
        ("Patient/a_b", true),
        ("Patient/", true),
        ("Patient", true),
    ] {
        let json = format!(
            r#"{{"resourceType":"Observation","status":"final","code":{{"text":"a"}},"subject":{{"reference":"{reference}"}}}}"#
        );
        assert_eq!(!errors(&findings(&json, &[])).is_empty(), bad, "{reference}");
    }
}

/// UCUM, sections 1 to 4: an error where the grammar is broken, or a unit is none of UCUM.
#[test]
fn units_are_held_to_ucum() {
    for (code, severity) in [
        ("mm[Hg]", None),
        ("10*9/L", None),
        ("{score}", None),
        ("cm.", Some(Severity::Error)),
        ("a b", Some(Severity::Error)),
        ("kg{body", Some(Severity::Error)),
        ("bpm", Some(Severity::Error)),
        ("mEq", Some(Severity::Error)),
        ("meq", None),
        ("{beats}/min", None),
    ] {
        let json = format!(
            r#"{{"resourceType":"Observation","status":"final","code":{{"text":"a"}},"valueQuantity":{{"value":1,
            "system":"http://unitsofmeasure.org","code":"{code}"}}}}"#
        );
        let found = findings(&json, &[]);
        let told = found.iter().find(|one| one.code() == "code").map(|one| one.severity);
        assert_eq!(told, severity, "{code}: {found:#?}");
    }
}
