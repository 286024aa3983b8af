//! The resources that the hand-made checks search for: few, and each there for a reason.

use std::sync::Arc;

use serde_json::{Value, json};

use super::ground::{Ground, Seed};
use crate::bench::Bench;
use crate::check::Otherwise;

/// What is kept of it.
pub(super) struct Bank(pub(super) Ground);

/// The bank on this endpoint, put there by the first check that needs it.
pub(super) async fn bank(bench: &Bench) -> Result<Arc<Bank>, Otherwise> {
    let mark = format!("b{}", bench.tag());
    bench.keep(async { Ground::lay(bench, mark, seeds()).await.map(Bank) }).await
}

fn seeds() -> Vec<Seed> {
    let mut all = patients();
    all.extend(encounters());
    all.extend(observations());
    all.extend(others());
    all
}

fn seed(label: &str, resource: Value) -> Seed {
    Seed { label: label.to_owned(), resource }
}

/// Names differ in case and accents, birth dates in precision; `dora` has what must be escaped.
fn patients() -> Vec<Seed> {
    let patient = |label: &str, family: &str, given: &str, more: Value| {
        let name = json!([{"family": format!("{{mark}}{family}"), "given": [given]}]);
        let mut resource = json!({"resourceType": "Patient", "name": name});
        if let (Some(held), Value::Object(more)) = (resource.as_object_mut(), more) {
            held.extend(more);
        }
        seed(label, resource)
    };
    vec![
        patient(
            "anna",
            "adler",
            "Annamark",
            json!({"birthDate": "1980-05-17", "gender": "female", "active": true, "maritalStatus": {"text": "single"},
                "telecom": [{"system": "phone", "value": "02079460001"}, {"system": "email", "value": "{mark}@mail.example"}]}),
        ),
        patient("bea", "Bauer", "Bea", json!({"birthDate": "1980-05", "gender": "female"})),
        patient("carl", "müller", "Émile", json!({"birthDate": "1980", "gender": "male", "active": false})),
        patient(
            "dora",
            "dunn",
            "x,y",
            json!({"birthDate": "1980-05-18",
                "identifier": [{"system": "https://conformance.example/odd", "value": "a|b,c$d\\e"}]}),
        ),
        patient(
            "evan",
            "evans",
            "Evan",
            json!({"identifier": [
                {"system": "https://conformance.example/other", "value": "{mark}-anna"},
                {"value": "{mark}-bare"}]}),
        ),
        patient("finn", "adlerson", "Finn", json!({"birthDate": "1979-12-31", "gender": "male"})),
        patient("gail", "gale", "Gail Zoe", json!({"birthDate": "1981-01-01", "gender": "female"})),
    ]
}

fn encounters() -> Vec<Seed> {
    let encounter = |label: &str, status: &str, patient: &str, period: Value| {
        let class = json!({"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"});
        let subject = json!({"reference": patient});
        let resource = json!({"resourceType": "Encounter", "status": status, "class": class,
            "subject": subject, "period": period});
        seed(label, resource)
    };
    vec![
        encounter("january", "finished", "{anna}", json!({"start": "2020-01-05", "end": "2020-01-20"})),
        encounter("since", "in-progress", "{bea}", json!({"start": "2020-02-10"})),
        encounter("until", "finished", "{bea}", json!({"end": "2019-12-31"})),
    ]
}

/// Values to several digits, codes of two systems and of none, times in other zones, a composite that must not be mixed.
fn observations() -> Vec<Seed> {
    let observation = |label: &str, code: Value, more: Value| {
        let mut resource =
            json!({"resourceType": "Observation", "status": "final", "code": {"coding": [code]}});
        if let (Some(held), Value::Object(more)) = (resource.as_object_mut(), more) {
            held.extend(more);
        }
        seed(label, resource)
    };
    let coded = |code: &str| json!({"system": "https://conformance.example/{mark}/codes", "code": code});
    let elsewhere = |code: &str| json!({"system": "https://conformance.example/{mark}/others", "code": code});
    let quantity = |value: f64, unit: &str| json!({"value": value, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit});
    let part = |code: &str, value: f64| json!({"code": {"coding": [coded(code)]}, "valueQuantity": quantity(value, "mm[Hg]")});
    let (anna, bea) = (json!({"reference": "{anna}"}), json!({"reference": "{bea}"}));
    vec![
        observation(
            "late",
            coded("weight"),
            json!({"subject": anna, "encounter": {"reference": "{january}"}, "effectiveDateTime": "2020-03-01T23:30:00-05:00",
                "valueQuantity": quantity(5.4, "kg")}),
        ),
        observation(
            "early",
            coded("weight"),
            json!({"subject": anna, "effectiveDateTime": "2020-03-02T01:00:00+13:00", "valueQuantity": quantity(5.44, "kg")}),
        ),
        observation(
            "span",
            elsewhere("weight"),
            json!({"subject": bea, "effectivePeriod": {"start": "2020-02-10T10:00:00Z", "end": "2020-02-20T10:00:00Z"},
                "valueQuantity": quantity(5.45, "kg")}),
        ),
        observation(
            "bare",
            json!({"code": "weight"}),
            json!({"subject": bea, "status": "preliminary", "valueQuantity": quantity(5.4, "Cel")}),
        ),
        observation(
            "pressure",
            coded("pressure"),
            json!({"subject": bea, "effectiveDateTime": "2020-06-15T08:00:00Z",
                "component": [part("systolic", 120.0), part("diastolic", 80.0)]}),
        ),
        observation(
            "words",
            coded("finding"),
            json!({"subject": anna, "effectiveDateTime": "2020-07-15T08:00:00Z", "valueString": "quiet",
                "performer": [{"identifier": {"system": "https://conformance.example/{mark}/staff", "value": "7"}}]}),
        ),
    ]
}

fn others() -> Vec<Seed> {
    let mut all = Vec::new();
    let clinical = json!({"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"}]});
    let coded = json!({"coding": [{"system": "https://conformance.example/{mark}/codes", "code": "cough"}]});
    all.push(seed(
        "cough",
        json!({"resourceType": "Condition", "clinicalStatus": clinical, "code": coded, "subject": {"reference": "{anna}"},
            "onsetDateTime": "2020-03"}),
    ));
    for (label, probability) in [
        ("half", 0.5),
        ("over", 0.54),
        ("edge", 0.45),
        ("above", 0.55),
        ("under", 0.44),
        ("nine", 9.0),
        ("ten", 10.5),
    ] {
        all.push(seed(
            label,
            json!({"resourceType": "RiskAssessment", "status": "final", "subject": {"reference": "{anna}"},
                "prediction": [{"outcome": {"text": "fall"}, "probabilityDecimal": probability}]}),
        ));
    }
    for (label, path) in
        [("root", "sets"), ("leaf", "sets/leaf"), ("twig", "sets/leaf/twig"), ("case", "Sets")]
    {
        all.push(seed(
            label,
            json!({"resourceType": "ValueSet", "status": "draft", "name": format!("Set{label}"),
                "url": format!("https://conformance.example/{{mark}}/{path}"),
                "compose": {"include": [{"system": "https://conformance.example/{mark}/codes",
                    "concept": [{"code": "weight"}]}]}}),
        ));
    }
    all
}
