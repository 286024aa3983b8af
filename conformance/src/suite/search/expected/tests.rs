//! What a search must find, worked out by hand from the specification.

use super::{Told, found};
use crate::tree::{Limits, Tree};

const BASE: &str = "https://server.example/fhir";

fn told(resource: &str, name: &str, value: &str) -> Told {
    let tree = Tree::from_json(resource.as_bytes(), &Limits::default()).expect("a resource");
    found(&tree, &[(name.to_owned(), value.to_owned())], BASE)
}

#[track_caller]
fn all(resource: &str, table: &[(&str, &str, Told)]) {
    for (name, value, wanted) in table {
        assert_eq!(told(resource, name, value), *wanted, "{name}={value}");
    }
}

use Told::{No, Open, Yes};

#[test]
fn a_date_is_the_span_that_it_states() {
    let month = r#"{"resourceType":"Patient","birthDate":"2001-02"}"#;
    all(
        month,
        &[
            ("birthdate", "2001", Yes),
            ("birthdate", "2001-02", Yes),
            ("birthdate", "2001-02-14", No),
            ("birthdate", "ne2001-02-14", Yes),
            ("birthdate", "gt2001-02-14", Yes),
            ("birthdate", "lt2001-02-14", Yes),
            ("birthdate", "gt2001-02-28", No),
            ("birthdate", "ge2001-02", Yes),
            ("birthdate", "le2001-02", Yes),
            ("birthdate", "sa2001-01", Yes),
            ("birthdate", "sa2001-02-01", No),
            ("birthdate", "eb2001-03-01", Yes),
            ("birthdate", "eb2001-02-28", No),
            // It reaches into the day that is asked for and not beyond it.
            ("birthdate", "ge2001-02-28", Open),
            ("birthdate", "le2001-02-01", Open),
            ("birthdate", "ap2001-02", Open),
            ("birthdate", "yesterday", Open),
            ("birthdate", "1999,2001", Yes),
        ],
    );
    let nobody = r#"{"resourceType":"Patient"}"#;
    all(nobody, &[("birthdate", "2001", No), ("birthdate", "ne2001", Open), ("birthdate", "lt2001", No)]);
}

#[test]
fn times_are_compared_in_their_zones_and_without_one_the_zone_is_the_servers() {
    let zoned = r#"{"resourceType":"Observation","effectiveDateTime":"2020-03-01T23:30:00-05:00"}"#;
    all(
        zoned,
        &[
            ("date", "2020-03-02T04:30:00Z", Yes),
            ("date", "2020-03-02T04:30Z", Yes),
            ("date", "2020-03-01T23:30:00Z", No),
            ("date", "gt2020-03-02T04:29:59Z", Yes),
            ("date", "gt2020-03-02T04:30:00Z", No),
            ("date", "2020-03-01", Open),
            ("date", "2020-03", Yes),
            ("date", "2020-03-04", No),
        ],
    );
    let open = r#"{"resourceType":"Encounter","period":{"start":"2020-01-05"}}"#;
    all(
        open,
        &[
            ("date", "2020", No),
            ("date", "gt2030", Yes),
            ("date", "sa2019", Yes),
            ("date", "lt2020-01-05", No),
        ],
    );
}

#[test]
fn numbers_and_quantities_are_compared_to_the_digits_that_are_asked_for() {
    let risk = r#"{"resourceType":"RiskAssessment","prediction":[{"probabilityDecimal":0.45}]}"#;
    all(
        risk,
        &[
            ("probability", "0.5", Yes),
            ("probability", "0.4", No),
            ("probability", "0.50", No),
            ("probability", "0.450", Yes),
            ("probability", "ne0.5", No),
            ("probability", "lt0.5", Yes),
            ("probability", "ge0.45", Yes),
            ("probability", "gt0.45", No),
            ("probability", "half", Open),
        ],
    );
    let weight = r#"{"resourceType":"Observation","valueQuantity":{"value":5.44,"unit":"kilo","system":"u","code":"kg"}}"#;
    all(
        weight,
        &[
            ("value-quantity", "5.4", Yes),
            ("value-quantity", "5.4|u|kg", Yes),
            ("value-quantity", "5.4||kilo", Yes),
            ("value-quantity", "5.4|v|kg", No),
            ("value-quantity", "5.4||g", No),
            ("value-quantity", "gt5.4||kg", Yes),
            ("value-quantity", "5.45", No),
        ],
    );
}

#[test]
fn tokens_are_of_their_system() {
    let person = r#"{"resourceType":"Patient","gender":"male","active":false,"identifier":[{"system":"s","value":"a,b"},{"value":"n"}],
        "telecom":[{"system":"phone","value":"1"},{"system":"email","value":"2"}]}"#;
    all(
        person,
        &[
            ("identifier", r"s|a\,b", Yes),
            ("identifier", "s|a,b", No),
            ("identifier", r"a\,b", Yes),
            ("identifier", r"|a\,b", No),
            ("identifier", "|n", Yes),
            ("identifier", "s|", Yes),
            ("identifier", "t|", No),
            ("identifier", r"S|a\,b", No),
            ("identifier", r"s|A\,B", Open),
            ("identifier:not", "n", No),
            ("identifier:not", "m", Yes),
            ("gender", "male", Yes),
            ("gender", "http://hl7.org/fhir/administrative-gender|male", Open),
            ("active", "false", Yes),
            ("active", "true", No),
            ("phone", "1", Yes),
            ("phone", "2", No),
            ("birthdate:missing", "true", Yes),
            ("gender:missing", "true", No),
            ("gender:missing", "maybe", Open),
        ],
    );
    all(r#"{"resourceType":"Patient"}"#, &[("gender:not", "male", Yes), ("gender", "male", No)]);
}

#[test]
fn strings_begin_without_regard_to_case() {
    let person =
        r#"{"resourceType":"Patient","name":[{"family":"Müller","given":["Ann Zoe"],"prefix":["Dr"]}]}"#;
    all(
        person,
        &[
            ("family", "mül", Yes),
            ("family", "MÜLLER", Yes),
            ("family", "mul", Open),
            ("family", "ller", No),
            ("family:contains", "LLER", Yes),
            ("family:exact", "Müller", Yes),
            ("family:exact", "müller", No),
            ("given", "zoe", Open),
            ("name", "ann", Yes),
            ("name", "dr", Open),
            ("name", "nobody", No),
            ("name:text", "ann", Open),
        ],
    );
}

#[test]
fn references_addresses_and_composites_are_told() {
    let pressure = r#"{"resourceType":"Observation","subject":{"reference":"Patient/1"},"performer":[{"identifier":{"system":"s","value":"7"}}],
        "component":[{"code":{"coding":[{"code":"sys"}]},"valueQuantity":{"value":120}},
                     {"code":{"coding":[{"code":"dia"}]},"valueQuantity":{"value":80}}]}"#;
    all(
        pressure,
        &[
            ("subject", "Patient/1", Yes),
            ("subject", "1", Yes),
            ("subject", "Group/1", No),
            ("subject", "https://server.example/fhir/Patient/1", Yes),
            ("subject", "https://other.example/fhir/Patient/1", No),
            ("subject:Patient", "1", Yes),
            ("subject:Group", "1", No),
            ("patient", "1", Yes),
            ("performer:identifier", "s|7", Yes),
            ("performer:identifier", "s|8", No),
            ("component-code-value-quantity", "sys$120", Yes),
            ("component-code-value-quantity", "sys$80", No),
            ("component-code-value-quantity", "sys", Open),
        ],
    );
    let group = r#"{"resourceType":"Observation","subject":{"reference":"Group/1"}}"#;
    all(group, &[("patient", "1", No), ("subject", "1", Yes)]);
    let set = r#"{"resourceType":"ValueSet","url":"http://x/sets/a"}"#;
    all(
        set,
        &[
            ("url", "http://x/sets/a", Yes),
            ("url", "http://x/sets/A", No),
            ("url:below", "http://x/sets", Yes),
            ("url:below", "http://x/se", Open),
            ("url:above", "http://x/sets/a/b", Yes),
            ("url:above", "http://x/sets", No),
        ],
    );
}
