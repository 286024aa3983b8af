//! Composites: what is joined must hold of one and the same item.

use bytes::Bytes;
use fhir::json::{self, Limits};
use fhir::reference::Bases;
use fhir::search::{
    InvalidValue, Match, NamedPerson, NotServed, Polarity, SearchError, SearchQuery, grammar,
};
use fhir::tables::{self, SearchKind};
use proptest::prelude::*;
use serde_json::{Value, json};

fn compile(owner: &str, query: &str) -> Result<SearchQuery, SearchError> {
    let bases = Bases::new(["https://ehr.example/fhir"]).expect("a base");
    let owner = tables::resource_type(owner).expect("a type of R4");
    SearchQuery::compile(owner, &grammar::parse(query)?, &bases)
}

fn told(query: &str, resource: &Value) -> Match {
    let bases = Bases::new(["https://ehr.example/fhir"]).expect("a base");
    let owner = resource["resourceType"].as_str().expect("a resource");
    let document = json::parse(Bytes::from(resource.to_string()), &Limits::default()).expect("JSON");
    compile(owner, query).expect(query).matches(document.root(), &bases)
}

#[track_caller]
fn check(resource: &Value, cases: &[(&str, Match)]) {
    for (query, expected) in cases {
        assert_eq!(told(query, resource), *expected, "{query}");
    }
}

fn concept(code: &str) -> Value {
    json!({"coding": [{"system": "http://loinc.org", "code": code}]})
}

fn millimetres(value: u16) -> Value {
    json!({"value": value, "system": "http://unitsofmeasure.org", "code": "mm[Hg]"})
}

/// Systolic 150, diastolic 95.
fn pressure() -> Value {
    json!({
        "resourceType": "Observation", "id": "bp", "code": concept("85354-9"),
        "component": [
            {"code": concept("8480-6"), "valueQuantity": millimetres(150)},
            {"code": concept("8462-4"), "valueQuantity": millimetres(95)},
            {"code": concept("8361-8"), "valueCodeableConcept": concept("LA11851-7")},
        ],
    })
}

#[test]
fn components_hold_of_the_same_component() {
    use Match::{CannotTell, No, Yes};
    check(
        &pressure(),
        &[
            ("component-code-value-quantity=8480-6$gt140", Yes),
            ("component-code-value-quantity=8480-6$150", Yes),
            (
                "component-code-value-quantity=http://loinc.org|8480-6$gt140|http://unitsofmeasure.org|mm[Hg]",
                Yes,
            ),
            // Each is there, and not in one component.
            ("component-code-value-quantity=8462-4$gt140", No),
            ("component-code-value-quantity=8480-6$95", No),
            ("component-code-value-quantity=8361-8$95", No),
            ("component-code-value-quantity=85354-9$150", No),
            ("component-code-value-quantity=8462-4$gt140,8462-4$lt100", Yes),
            ("component-code-value-quantity=8480-6$150||kPa", CannotTell),
            ("component-code-value-concept=8361-8$LA11851-7", Yes),
            ("component-code-value-concept=8480-6$LA11851-7", No),
            // Of the whole there is no value.
            ("code-value-quantity=85354-9$gt1", No),
            ("code-value-quantity=8480-6$gt140", No),
            ("combo-code-value-quantity=8480-6$gt140", Yes),
            ("combo-code-value-quantity=8462-4$gt140", No),
            ("combo-code-value-quantity=85354-9$gt1", No),
        ],
    );
    let own =
        json!({"resourceType": "Observation", "code": concept("4548-4"), "valueQuantity": {"value": 7.2}});
    check(
        &own,
        &[
            ("code-value-quantity=4548-4$7.2", Yes),
            ("code-value-quantity=4548-4$gt7.2", No),
            ("code-value-quantity=4548-4$ne7.2", No),
            ("code-value-quantity=4548-3$7.2", No),
            ("combo-code-value-quantity=4548-4$ge7", Yes),
            ("component-code-value-quantity=4548-4$7.2", No),
            ("code-value-string=4548-4$a", No),
        ],
    );
}

#[test]
fn every_kind_of_component_is_compared_as_by_itself() {
    use Match::{No, Yes};
    let day = json!({"resourceType": "Observation", "code": concept("a"), "valueDateTime": "2026-02-03"});
    check(
        &day,
        &[
            ("code-value-date=a$2026-02", Yes),
            ("code-value-date=a$gt2026-02-03", No),
            ("code-value-date=b$2026-02-03", No),
        ],
    );
    let text = json!({"resourceType": "Observation", "code": concept("a"), "valueString": "Half full, $5"});
    check(
        &text,
        &[
            ("code-value-string=a$half", Yes),
            (r"code-value-string=a$half full\, \$5", Yes),
            ("code-value-string=a$empty", No),
        ],
    );
    let document = json!({"resourceType": "DocumentReference", "relatesTo": [
        {"code": "replaces", "target": {"reference": "DocumentReference/old"}},
        {"code": "appends", "target": {"reference": "https://ehr.example/fhir/DocumentReference/main"}},
    ]});
    check(
        &document,
        &[
            ("relationship=DocumentReference/old$replaces", Yes),
            ("relationship=old$replaces", Yes),
            ("relationship=DocumentReference/main$appends", Yes),
            ("relationship=DocumentReference/main$replaces", No),
        ],
    );
}

#[test]
fn items_are_of_any_kind_and_some_values_stand_once_for_all() {
    use Match::{CannotTell, No, Yes};
    let group = json!({"resourceType": "Group", "characteristic": [
        {"code": concept("mixed"), "valueBoolean": true, "exclude": false},
        {"code": concept("owner"), "valueCodeableConcept": concept("eve"), "exclude": false},
        {"code": concept("age"), "valueQuantity": {"value": 3}, "exclude": false},
    ]});
    check(
        &group,
        &[
            ("characteristic-value=mixed$true", Yes),
            ("characteristic-value=owner$true", No),
            ("characteristic-value=owner$eve", Yes),
            ("characteristic-value=mixed$false,owner$eve", Yes),
            ("characteristic-value=age$3", No),
        ],
    );
    let set = json!({"resourceType": "ValueSet", "useContext": [
        {"code": {"code": "age"}, "valueQuantity": {"value": 18}},
        {"code": {"code": "focus"}, "valueCodeableConcept": concept("copd")},
        {"code": {"code": "weight"}, "valueRange": {"low": {"value": 1}, "high": {"value": 2}}},
    ]});
    check(
        &set,
        &[
            ("context-type-quantity=age$18", Yes),
            ("context-type-quantity=focus$18", No),
            ("context-type-quantity=weight$1", CannotTell),
            ("context-type-value=focus$copd", Yes),
            ("context-type-value=age$copd", No),
        ],
    );
    let sequence = json!({"resourceType": "MolecularSequence",
        "referenceSeq": {"chromosome": concept("7"), "windowStart": 50, "windowEnd": 99},
        "variant": [{"start": 5, "end": 6}, {"start": 8, "end": 9}]});
    check(
        &sequence,
        &[
            ("chromosome-window-coordinate=7$lt51$gt90", Yes),
            ("chromosome-window-coordinate=8$lt51$gt90", No),
            ("chromosome-variant-coordinate=7$5$6", Yes),
            ("chromosome-variant-coordinate=7$5$9", No),
            ("chromosome-variant-coordinate=8$5$6", No),
        ],
    );
}

#[test]
fn a_component_that_is_masked_cannot_be_told() {
    let masked = json!({"resourceType": "Observation", "code": concept("a"),
        "_valueDateTime": {"extension": [{"url": "u", "valueCode": "masked"}]}});
    check(&masked, &[("code-value-date=a$2026", Match::CannotTell), ("code-value-date=b$2026", Match::No)]);
}

#[test]
fn a_composite_has_one_value_for_each_component_and_no_modifier() {
    let value = |parameter, reason| Err(SearchError::Value { parameter, reason });
    let quantity = "code-value-quantity";
    for (query, error) in [
        ("code-value-quantity=a", value(quantity, InvalidValue::Components)),
        ("code-value-quantity=a$1$2", value(quantity, InvalidValue::Components)),
        ("code-value-quantity=a$", value(quantity, InvalidValue::Components)),
        ("code-value-quantity=$5", value(quantity, InvalidValue::Components)),
        ("code-value-quantity=a$1,b", value(quantity, InvalidValue::Components)),
        (r"code-value-quantity=a\$1", value(quantity, InvalidValue::Components)),
        ("code-value-quantity=a$five", value(quantity, InvalidValue::Quantity)),
        ("code-value-quantity=a|b|c$5", value(quantity, InvalidValue::Token)),
        ("code-value-date=a$yesterday", value("code-value-date", InvalidValue::Date)),
        // R4: modifiers are not used on composites.
        ("code-value-quantity:missing=true", Err(SearchError::UnknownModifier { parameter: quantity })),
        ("code-value-quantity:not=a$5", Err(SearchError::UnknownModifier { parameter: quantity })),
        ("_sort=code-value-quantity", Err(NotServed::Sort.into())),
    ] {
        assert_eq!(compile("Observation", query).map(|_| ()), error, "{query}");
    }
    let elsewhere = compile("DocumentReference", "relationship=Patient/1$replaces").map(|_| ());
    assert_eq!(elsewhere, value("relationship", InvalidValue::ReferenceTarget));
    let error = InvalidValue::Components.to_string();
    assert_eq!(error, "a composite is written with one value for each of its components, joined by $");
}

#[test]
fn a_composite_is_written_anew_as_it_was_meant() {
    for (owner, query, form) in [
        ("Observation", "code-value-quantity=a$gt5||mg", "code-value-quantity=a%24gt5%7C%7Cmg"),
        ("Observation", "code-value-quantity=s|a$5,b$eq6", "code-value-quantity=s%7Ca%245%2Cb%246"),
        (
            "Observation",
            r"code-value-string=a\$b$c\,d\$\\",
            "code-value-string=a%5C%24b%24c%5C%2Cd%5C%24%5C%5C",
        ),
        ("DocumentReference", "relationship=1$replaces", "relationship=DocumentReference%2F1%24replaces"),
    ] {
        let first = compile(owner, query).expect(query);
        assert_eq!(first.to_form(), form, "{query}");
        assert_eq!(compile(owner, form).expect(form).to_form(), form, "{query}");
    }
}

#[test]
fn a_composite_names_nobody_and_is_weighed_component_by_component() {
    let query = compile("Observation", "combo-code-value-quantity=a$ne5").expect("a search");
    assert!(query.named_persons().is_empty());
    let [criterion] = query.criteria() else { panic!("one criterion") };
    assert_eq!(criterion.polarity(), Polarity::Negative);
    let compared: Vec<_> = criterion
        .compares()
        .iter()
        .map(|one| (one.kind(), one.reads().join(" "), one.polarity(), one.tests().len()))
        .collect();
    assert_eq!(
        compared,
        [
            (SearchKind::Token, "code component.code".to_owned(), Polarity::Positive, 1),
            (SearchKind::Quantity, "component.value[x] value[x]".to_owned(), Polarity::Negative, 1),
        ]
    );
    let any = compile("Observation", "code-value-quantity=a$5,b$ne6").expect("a search");
    let tests: Vec<usize> = any.criteria()[0].compares().iter().map(|one| one.tests().len()).collect();
    assert_eq!(tests, [2, 2]);
}

#[test]
fn of_somebody_else_a_composite_says_nothing_in_a_trail() {
    let number = "9990000018";
    let query =
        compile("Observation", &format!("code-value-concept=a$b,{number}$c,d${number}")).expect("a search");
    let hers = query.to_form_about(&|person| matches!(person, NamedPerson::Nhs(_)));
    assert_eq!(hers.matches(number).count(), 2);
    let anothers = query.to_form_about(&|_| false);
    assert_eq!(anothers, "code-value-concept=a%24b");
    let only = compile("Observation", &format!("code-value-concept=a${number}")).expect("a search");
    assert_eq!(only.to_form_about(&|_| false), "");
}

/// An Observation with what one of its components holds, or the other way round.
fn alone(item: &Value) -> Value {
    let mut whole = json!({"resourceType": "Observation"});
    for key in ["code", "valueQuantity", "valueCodeableConcept"] {
        if let Some(value) = item.get(key) {
            whole[key] = value.clone();
        }
    }
    whole
}

prop_compose! {
    fn item()(
        code in prop::option::of("[ab]"),
        value in prop::option::of(0u16..4),
        comparator in prop::bool::weighted(0.1),
    ) -> Value {
        let mut item = json!({});
        if let Some(code) = code {
            item["code"] = concept(&code);
        }
        if let Some(value) = value {
            item["valueQuantity"] = millimetres(value);
            if comparator {
                item["valueQuantity"]["comparator"] = json!("<");
            }
        }
        item
    }
}

proptest! {
    #[test]
    fn a_composite_of_components_is_that_of_each_component_alone(
        root in item(),
        items in prop::collection::vec(item(), 0..4),
        asked in prop::collection::vec(("[ab]", "(|gt|le|ne)", 0u16..4), 1..3),
    ) {
        let values: Vec<String> =
            asked.iter().map(|(code, prefix, value)| format!("{code}${prefix}{value}")).collect();
        let values = values.join(",");
        let mut whole = alone(&root);
        whole["component"] = json!(items);
        let each = || items.iter().map(|item| told(&format!("code-value-quantity={values}"), &alone(item)));
        let own = told(&format!("code-value-quantity={values}"), &whole);
        prop_assert_eq!(told(&format!("component-code-value-quantity={values}"), &whole), Match::any(each()));
        prop_assert_eq!(
            told(&format!("combo-code-value-quantity={values}"), &whole),
            Match::any(each().chain([own]))
        );
        // By itself it is what the two parameters say of one value each.
        let apart = asked.iter().map(|(code, prefix, value)| {
            told(&format!("code={code}&value-quantity={prefix}{value}"), &whole)
        });
        prop_assert_eq!(own, Match::any(apart));
    }
}

#[test]
fn every_official_example_is_found_by_its_own_components() {
    let Some(folder) = crate::corpus::folder("r4-official-examples") else { return };
    let mut found = 0;
    for file in std::fs::read_dir(folder).expect("the examples") {
        let bytes = std::fs::read(file.expect("a file").path()).expect("an example");
        let Ok(example) = json::parse_value(Bytes::from(bytes), &Limits::default()) else { continue };
        if example["resourceType"] != "Observation" {
            continue;
        }
        let components = example["component"].as_array().cloned().unwrap_or_default();
        for (parameter, item) in std::iter::once(("code-value-quantity", &example))
            .chain(components.iter().map(|item| ("component-code-value-quantity", item)))
        {
            let Some(code) = item["code"]["coding"][0]["code"].as_str() else { continue };
            let value = &item["valueQuantity"];
            if !value["value"].is_number() || value.get("comparator").is_some() {
                continue;
            }
            let asked = format!("{code}$ge{}", value["value"]);
            for parameter in [parameter, "combo-code-value-quantity"] {
                assert_eq!(
                    told(&format!("{parameter}={asked}"), &example),
                    Match::Yes,
                    "{parameter}={asked}"
                );
                found += 1;
            }
        }
    }
    assert!(found > 50, "only {found}");
}
