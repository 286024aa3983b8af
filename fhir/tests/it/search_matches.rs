use bytes::Bytes;
use fhir::json::{self, Limits};
use fhir::reference::Bases;
use fhir::search::{Match, SearchQuery, grammar};
use fhir::tables;
use proptest::prelude::*;
use serde_json::{Value, json};

fn told(query: &str, resource: &Value) -> Match {
    let bases = Bases::new(["https://ehr.example/fhir"]).expect("a base");
    let name = resource["resourceType"].as_str().expect("a resource");
    let owner = tables::resource_type(name).expect("a type of R4");
    let query =
        SearchQuery::compile(owner, &grammar::parse(query).expect("a query"), &bases).expect("a search");
    let document = json::parse(Bytes::from(resource.to_string()), &Limits::default()).expect("JSON");
    query.matches(document.root(), &bases)
}

#[track_caller]
pub(crate) fn check(resource: &Value, cases: &[(&str, Match)]) {
    for (query, expected) in cases {
        assert_eq!(told(query, resource), *expected, "{query}");
    }
}

fn ann() -> Value {
    json!({
        "resourceType": "Patient",
        "id": "ann",
        "meta": {"tag": [{"system": "urn:t", "code": "x"}]},
        "identifier": [
            {"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990000018"},
            {"value": "LOCAL-7"}
        ],
        "active": true,
        "name": [{"family": "Ó Briain-Ŵyn", "given": ["Ann", "Mary Jo"]}],
        "telecom": [{"system": "phone", "value": "020 7946 0000"}, {"system": "email", "value": "ann@x.example"}],
        "gender": "female",
        "birthDate": "1950-02-03",
        "address": [{"line": ["1 High Street"], "city": "Northshire", "postalCode": "AB1 2CD"}],
        "generalPractitioner": [{"reference": "Organization/gp"}]
    })
}

#[test]
fn tokens_match_by_system_and_code() {
    use Match::{CannotTell, No, Yes};
    check(
        &ann(),
        &[
            ("_id=ann", Yes),
            ("_id=Ann", No),
            ("_id=bob,ann", Yes),
            ("_id:not=ann", No),
            ("_id:not=bob", Yes),
            ("_id:not=bob,ann", CannotTell),
            ("identifier=https://fhir.nhs.uk/Id/nhs-number|9990000018", Yes),
            ("identifier=https://fhir.nhs.uk/Id/nhs-number|9990000026", No),
            ("identifier=9990000018", Yes),
            ("identifier=|9990000018", No),
            ("identifier=|local-7", Yes),
            ("identifier=https://fhir.nhs.uk/Id/nhs-number|", Yes),
            ("identifier=urn:other|", No),
            ("_tag=urn:t|x", Yes),
            ("_tag=urn:u|x", No),
            ("active=true", Yes),
            ("active=false", No),
            ("active:missing=false", Yes),
            ("gender=FEMALE", Yes),
            ("gender=male", No),
            ("gender=http://hl7.org/fhir/administrative-gender|female", CannotTell),
            ("gender=http://hl7.org/fhir/administrative-gender|male", No),
            ("phone=020 7946 0000", Yes),
            ("phone=02079460000", CannotTell),
            ("phone=ann@x.example", No),
            ("email=ann@x.example", Yes),
            ("email:missing=false", Yes),
            ("language:missing=true", Yes),
            ("language:not=cy", Yes),
            ("deceased=false", Yes),
            ("deceased=true", No),
            ("deceased:not=true", Yes),
        ],
    );
    let mut dead = ann();
    dead["deceasedDateTime"] = json!("2020");
    check(
        &dead,
        &[("deceased=true", Yes), ("deceased=false", No), ("death-date=2020", Yes), ("death-date=2021", No)],
    );
}

#[test]
fn texts_match_from_the_start_whatever_case_and_accents() {
    use Match::{CannotTell, No, Yes};
    check(
        &ann(),
        &[
            ("family=o briain", Yes),
            ("family=O BRIAIN-WYN", Yes),
            ("family=wyn", CannotTell),
            ("family=briain", CannotTell),
            ("family=obriain", CannotTell),
            ("family=smith", No),
            ("family:exact=Ó Briain-Ŵyn", Yes),
            ("family:exact=ó briain-ŵyn", No),
            ("family:contains=WYN", Yes),
            ("family:contains=smith", No),
            ("given=mary", Yes),
            ("given=jo", CannotTell),
            ("name=ann", Yes),
            ("name=ann briain", CannotTell),
            ("name=ann smith", No),
            ("phonetic=smith", CannotTell),
            ("phonetic=ann", Yes),
            ("address=north", Yes),
            ("address-postalcode=ab12", CannotTell),
            ("address-postalcode=AB1 2", Yes),
            ("address-state=x", No),
            ("address-state:missing=true", Yes),
            ("family=smith,o b", Yes),
            ("family=o b&given=bob", No),
        ],
    );
}

#[test]
fn references_match_in_each_spelling() {
    use Match::{No, Yes};
    let condition =
        |reference: &str| json!({"resourceType": "Condition", "subject": {"reference": reference}});
    for held in ["Patient/1", "https://ehr.example/fhir/Patient/1", "Patient/1/_history/2"] {
        check(
            &condition(held),
            &[
                ("patient=1", Yes),
                ("patient=Patient/1", Yes),
                ("subject=Patient/1", Yes),
                ("subject:Patient=1", Yes),
                ("patient=https://ehr.example/fhir/Patient/1", Yes),
                ("patient=2,1", Yes),
                ("patient=2", No),
                ("subject=Group/1", No),
                ("patient=https://elsewhere.example/Patient/1", No),
            ],
        );
    }
    check(
        &condition("Patient/1/_history/2"),
        &[("patient=Patient/1/_history/2", Yes), ("patient=Patient/1/_history/3", No)],
    );
    check(&condition("Patient/1"), &[("patient=Patient/1/_history/2", No), ("patient:missing=false", Yes)]);
    // An id that another one begins with, ends in or contains is another id.
    for (held, asked) in [("12", "1"), ("21", "1"), ("212", "1"), ("1", "12"), ("1", "21")] {
        let named = [format!("patient={asked}"), format!("patient=Patient/{asked}")];
        check(&condition(&format!("Patient/{held}")), &[(named[0].as_str(), No), (named[1].as_str(), No)]);
    }
    check(
        &condition("Group/1"),
        &[("patient=1", No), ("patient:missing=true", Yes), ("subject:missing=true", No)],
    );
    check(
        &condition("https://elsewhere.example/Patient/1"),
        &[
            ("patient=1", No),
            ("patient=https://elsewhere.example/Patient/1", Yes),
            ("patient:missing=false", Yes),
        ],
    );
    check(&condition("#p"), &[("patient=1", No), ("patient:missing=false", Match::CannotTell)]);
    let logical = json!({"resourceType": "Condition", "subject": {"identifier": {"value": "1"}}});
    check(&logical, &[("patient=1", No), ("subject=Patient/1", No)]);
}

#[test]
fn dates_match_as_ranges() {
    use Match::{CannotTell, No, Yes};
    check(
        &ann(),
        &[
            ("birthdate=1950-02-03", Yes),
            ("birthdate=1950-02", Yes),
            ("birthdate=1950", Yes),
            ("birthdate=1951", No),
            ("birthdate=ne1950-02-03", No),
            ("birthdate=ne1951", Yes),
            ("birthdate=gt1950-02-02", Yes),
            ("birthdate=gt1950-02-03", No),
            ("birthdate=ge1950-02-03", Yes),
            ("birthdate=lt1950-02-04", Yes),
            ("birthdate=lt1950-02-03", No),
            ("birthdate=le1950-02-03", Yes),
            ("birthdate=sa1950-02-02", Yes),
            ("birthdate=sa1950-02", No),
            ("birthdate=eb1951", Yes),
            ("birthdate=eb1950-02-03", No),
            ("birthdate=ap1950", Yes),
            ("birthdate=ap1990", CannotTell),
            ("birthdate=ge1940&birthdate=lt1960", Yes),
        ],
    );
    let condition = |onset: Value| {
        let mut condition = json!({"resourceType": "Condition"});
        condition.as_object_mut().expect("object").extend(onset.as_object().expect("object").clone());
        condition
    };
    check(
        &condition(json!({"onsetPeriod": {"start": "2024-01", "end": "2024-03"}})),
        &[
            ("onset-date=2024", Yes),
            ("onset-date=2024-02", No),
            ("onset-date=gt2024-02", Yes),
            ("onset-date=lt2024-02", Yes),
            ("onset-date=sa2023", Yes),
            ("onset-date=eb2024-04", Yes),
        ],
    );
    check(
        &condition(json!({"onsetPeriod": {"start": "2024-01"}})),
        &[("onset-date=2024", No), ("onset-date=ge2024", Yes)],
    );
    let after_midnight = condition(json!({"onsetDateTime": "2024-06-01T00:30:00+01:00"}));
    check(
        &after_midnight,
        &[
            ("onset-date=2024-06-01", Yes),
            ("onset-date=2024-05-31", CannotTell),
            ("onset-date=2024-05-30", No),
        ],
    );
    check(&condition(json!({"onsetDateTime": "soon"})), &[("onset-date=2024", CannotTell)]);
    check(
        &condition(json!({"onsetString": "2024"})),
        &[("onset-date=2024", No), ("onset-date:missing=true", Yes)],
    );
    let timing = json!({"resourceType": "ServiceRequest", "occurrenceTiming": {"event": ["2024-01-01", "2024-03-01"]}});
    check(&timing, &[("occurrence=2024", Yes), ("occurrence=2024-01", No), ("occurrence=gt2024-02", Yes)]);
    let vague = json!({"resourceType": "ServiceRequest", "occurrenceTiming": {"repeat": {"frequency": 1}}});
    check(&vague, &[("occurrence=2024", CannotTell)]);
}

#[test]
fn numbers_match_at_the_precision_asked_for() {
    use Match::{CannotTell, No, Yes};
    // Decimals as text: a library's tree would change them.
    let check = |probability: &str, cases: &[(&str, Match)]| {
        let resource: Value =
            json!({"resourceType": "RiskAssessment", "prediction": [{"probabilityDecimal": probability}]});
        let text = resource.to_string().replace(&format!("\"{probability}\""), probability);
        let document = json::parse(Bytes::from(text), &Limits::default()).expect("JSON");
        let owner = tables::resource_type("RiskAssessment").expect("a type of R4");
        for (query, expected) in cases {
            let parameters = grammar::parse(query).expect("a query");
            let query_ = SearchQuery::compile(owner, &parameters, &Bases::none()).expect("a search");
            assert_eq!(query_.matches(document.root(), &Bases::none()), *expected, "{probability} {query}");
        }
    };
    check(
        "100",
        &[
            ("probability=100", Yes),
            ("probability=100.00", Yes),
            ("probability=1e2", Yes),
            ("probability=99", No),
            ("probability=ne99", Yes),
            ("probability=ap95", Yes),
            ("probability=ap50", CannotTell),
        ],
    );
    check(
        "100.4",
        &[
            ("probability=100", Yes),
            ("probability=100.0", No),
            ("probability=gt100", Yes),
            ("probability=le100", No),
            ("probability=1e2", CannotTell),
        ],
    );
    check("99.5", &[("probability=100", Yes), ("probability=lt100", Yes), ("probability=ge100", No)]);
    check("100.5", &[("probability=100", No)]);
    check("-0.5", &[("probability=lt0", Yes), ("probability=-0.5", Yes), ("probability=gt-0.6", Yes)]);
    check(
        "0.10000000000000000000000000001",
        &[("probability=gt0.1", Yes), ("probability=0.1", Yes), ("probability=0.10", Yes)],
    );
    check("1e400", &[("probability=gt1", Yes)]);
    check("123456789012345678901234567890123", &[("probability=gt1", CannotTell)]);
}

#[test]
fn quantities_match_by_number_and_unit() {
    use Match::{CannotTell, No, Yes};
    let observation = |quantity: Value| json!({"resourceType": "Observation", "valueQuantity": quantity});
    let coded = observation(
        json!({"value": 5, "unit": "milligram", "system": "http://unitsofmeasure.org", "code": "mg"}),
    );
    check(
        &coded,
        &[
            ("value-quantity=5", Yes),
            ("value-quantity=6", No),
            ("value-quantity=gt4|http://unitsofmeasure.org|mg", Yes),
            ("value-quantity=gt6|http://unitsofmeasure.org|mg", No),
            ("value-quantity=5000|http://unitsofmeasure.org|ug", CannotTell),
            ("value-quantity=5|urn:other|mg", No),
            ("value-quantity=5||mg", Yes),
            ("value-quantity=5||milligram", Yes),
            ("value-quantity=5||g", CannotTell),
        ],
    );
    check(
        &observation(json!({"value": 5, "unit": "mg"})),
        &[("value-quantity=5||mg", Yes), ("value-quantity=5||g", No)],
    );
    check(
        &observation(json!({"value": 5, "comparator": "<", "unit": "mg"})),
        &[("value-quantity=lt6", CannotTell)],
    );
    check(&observation(json!({"unit": "mg"})), &[("value-quantity=5", No)]);
}

#[test]
fn uris_match_as_a_whole() {
    use Match::{No, Yes};
    let set = json!({"resourceType": "ValueSet", "url": "http://x.example/set"});
    check(
        &set,
        &[("url=http://x.example/set", Yes), ("url=http://x.example/", No), ("url=http://X.example/set", No)],
    );
    let response = json!({"resourceType": "QuestionnaireResponse", "questionnaire": "http://x.example/q|2"});
    check(
        &response,
        &[
            ("questionnaire=http://x.example/q", Yes),
            ("questionnaire=http://x.example/q%5C%7C2", Yes),
            ("questionnaire=http://x.example/p", No),
        ],
    );
}

#[test]
fn an_element_that_is_masked_cannot_be_told_from_one_that_is_there() {
    let masked = json!({"resourceType": "Patient", "_birthDate": {"extension": [{"url": "u", "valueCode": "masked"}]}});
    check(
        &masked,
        &[
            ("birthdate=1950", Match::CannotTell),
            ("birthdate:missing=true", Match::CannotTell),
            ("birthdate:missing=false", Match::CannotTell),
        ],
    );
}

#[test]
fn what_lies_in_an_extension_cannot_be_told() {
    check(
        &ann(),
        &[("mothersMaidenName=x", Match::CannotTell), ("mothersMaidenName:missing=true", Match::CannotTell)],
    );
}

#[test]
fn a_resource_of_another_type_matches_nothing() {
    let owner = tables::resource_type("Condition").expect("a type of R4");
    let query = SearchQuery::compile(owner, &[], &Bases::none()).expect("a search");
    let document = json::parse(Bytes::from(ann().to_string()), &Limits::default()).expect("JSON");
    assert_eq!(query.matches(document.root(), &Bases::none()), Match::No);
}

#[test]
fn shapes_that_fhir_does_not_have_make_no_trouble() {
    for odd in [
        json!(1),
        json!("x"),
        json!([]),
        json!([[["x"]]]),
        json!({"coding": "x"}),
        json!({"value": []}),
        json!(null),
    ] {
        for element in
            ["identifier", "name", "telecom", "birthDate", "address", "generalPractitioner", "gender"]
        {
            let mut patient = json!({"resourceType": "Patient"});
            patient[element] = odd.clone();
            for query in [
                "identifier=x",
                "name=y",
                "phone=z",
                "birthdate=1950",
                "address=q",
                "organization=Organization/1",
                "gender=q",
            ] {
                assert_ne!(told(query, &patient), Match::Yes, "{query} {patient}");
            }
        }
    }
}

fn word() -> impl Strategy<Value = String> {
    "[a-zàéŵ' -]{1,8}".prop_filter("not blank", |word| !word.trim().is_empty())
}

proptest! {
    #[test]
    fn a_text_is_found_by_its_own_beginning_in_any_case(family in word(), length in 1usize..8) {
        let start: String = family.chars().take(length).collect();
        prop_assume!(!start.trim().is_empty());
        let patient = json!({"resourceType": "Patient", "name": [{"family": family}]});
        let query = fhir::search::form([("family".to_owned(), start.to_uppercase())]);
        prop_assert_eq!(told(&query, &patient), Match::Yes);
    }

    #[test]
    fn not_is_the_opposite_of_is(code in "[a-c]", asked in "[a-c]", system in "[st]") {
        let condition = json!({"resourceType": "Condition", "code": {"coding": [{"system": system, "code": code}]}});
        for asked in [asked.clone(), format!("s|{asked}"), format!("|{asked}"), "s|".to_owned()] {
            prop_assert_eq!(
                told(&format!("code={asked}"), &condition),
                told(&format!("code:not={asked}"), &condition).negated()
            );
        }
    }

    #[test]
    fn dates_are_trichotomous(held in 1i64..2000, asked in 1i64..2000) {
        let day = |n: i64| {
            let date = jiff::civil::date(2020, 1, 1).checked_add(jiff::Span::new().days(n)).expect("a day");
            date.to_string()
        };
        let patient = json!({"resourceType": "Patient", "birthDate": day(held)});
        let says = |prefix: &str| told(&format!("birthdate={prefix}{}", day(asked)), &patient) == Match::Yes;
        prop_assert_eq!([says("lt"), says("eq"), says("gt")].iter().filter(|yes| **yes).count(), 1);
        prop_assert_eq!(says("ge"), says("eq") || says("gt"));
        prop_assert_eq!(says("le"), says("eq") || says("lt"));
        prop_assert_eq!(says("ne"), !says("eq"));
        prop_assert_eq!(says("sa"), says("gt"));
        prop_assert_eq!(says("eb"), says("lt"));
    }

    #[test]
    fn taking_the_element_away_never_makes_a_positive_criterion_match(value in "[a-d]", query in "(gender|family|identifier|birthdate|organization)=[a-d1-4]") {
        let query = query.replace("birthdate=", "birthdate=195").replace("organization=", "organization=Organization/");
        prop_assume!(!query.contains("195a") && !query.contains("195b") && !query.contains("195c") && !query.contains("195d"));
        let bare = json!({"resourceType": "Patient", "id": value});
        prop_assert_eq!(told(&query, &bare), Match::No);
    }
}

#[test]
fn every_official_example_is_found_by_its_own_values() {
    let Some(folder) = crate::corpus::folder("r4-official-examples") else { return };
    let mut found = 0;
    for file in std::fs::read_dir(folder).expect("the examples") {
        let bytes = std::fs::read(file.expect("a file").path()).expect("an example");
        let Ok(document) = json::parse(Bytes::from(bytes), &Limits::default()) else { continue };
        let resource = document.root();
        let Some(owner) = resource.str_at(&["resourceType"]).and_then(|name| tables::resource_type(&name))
        else {
            continue;
        };
        let bases = Bases::none();
        let says = |query: &str| {
            let parameters = grammar::parse(query).expect("a query");
            SearchQuery::compile(owner, &parameters, &bases).map(|query| query.matches(resource, &bases))
        };
        for parameter in tables::search_parameters(owner) {
            let (present, absent) =
                (format!("{}:missing=false", parameter.code()), format!("{}:missing=true", parameter.code()));
            if let (Ok(present), Ok(absent)) = (says(&present), says(&absent)) {
                assert_eq!(present, absent.negated(), "{owner} {}", parameter.code());
            }
        }
        let own = [
            ("_id", vec!["id"]),
            ("identifier", vec!["identifier", "value"]),
            ("status", vec!["status"]),
            ("code", vec!["code", "coding", "code"]),
        ];
        for (code, path) in own {
            let Some(value) = resource.str_at(&path) else { continue };
            let value = grammar::Escaped::of(&value).as_str().to_owned();
            match says(&fhir::search::form([(code.to_owned(), value)])) {
                Ok(Match::Yes) => found += 1,
                Ok(other) => assert_ne!(other, Match::No, "{owner} {code}"),
                Err(_) => {}
            }
        }
    }
    assert!(found > 1_000, "only {found}");
}
