//! Numbers that Patients state without being known by them: how they are asked about, and whose choices count.

use fhir::identifier::NHS_NUMBER;
use fhir::nhs_number::NhsNumber;
use serde_json::{Value, json};

use super::holder::{BOB, World, council, on, patient, team};
use super::world::ANN;

const DISTRUSTED: (&str, &str, &str) =
    ("portcullis.toml", "trusted_identity = true", "trusted_identity = false");

fn proved(id: &str, number: &str) -> Value {
    let status = json!([{"url": "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-NHSNumberVerificationStatus",
        "valueCodeableConcept": {"coding": [{"code": "01"}]}}]);
    let mut made = patient(id, number);
    made["identifier"][0]["extension"] = status;
    made
}

fn once(mut person: Value, number: &str) -> Value {
    let former = json!({"use": "old", "system": NHS_NUMBER, "value": number});
    person["identifier"].as_array_mut().unwrap().push(former);
    person
}

#[tokio::test]
async fn numbers_that_are_stated_are_asked_about_together_and_anew_each_time() {
    let numbers = (0..).map(|at| format!("{:010}", 9_990_010_000_u64 + at));
    let numbers: Vec<String> = numbers.filter(|text| NhsNumber::parse(text).is_ok()).take(500).collect();
    let ids: Vec<String> = (0..250).map(|at| format!("p{at}")).collect();
    let each = ids.iter().zip(numbers.chunks(2));
    let people = each.clone().map(|(id, numbers)| once(patient(id, &numbers[0]), &numbers[1]));
    let teams = ids.iter().map(|id| team(&format!("t-{id}"), id, council()));
    let world = World::with(&people.chain(teams).collect::<Vec<Value>>(), &[DISTRUSTED]);
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    for _ in 0..2 {
        assert_eq!(world.permitted(&ids).await, ids);
        let asked = world.asked();
        let of_numbers =
            asked.iter().filter(|asked| asked.starts_with("hospital/Patient?identifier=")).count();
        assert_eq!(of_numbers, 3, "500 numbers, two hundred at a time");
    }
}

#[tokio::test]
async fn a_number_that_is_stated_beside_hers_is_asked_about_with_hers() {
    let world = World::new(&[once(patient("ann", ANN), BOB), team("t1", "ann", council())]);
    let by_id = "hospital/Patient?_id=ann";
    let both = format!("hospital/Patient?identifier=nhs|{ANN},nhs|{BOB}");
    assert_eq!(world.permitted(&["ann"]).await, ["ann"]);
    assert_eq!(world.asked(), [by_id, &both, "hospital/CareTeam?patient=ann"]);
    // Whose number is hers is remembered; how others are protected is not.
    assert_eq!(world.permitted(&["ann"]).await, ["ann"]);
    assert_eq!(world.asked(), [by_id, &format!("hospital/Patient?identifier=nhs|{BOB}")]);
}

#[tokio::test]
async fn what_is_refused_under_a_number_at_its_holder_is_refused_by_whoever_states_it_there() {
    let source =
        ("portcullis.toml", "trusted_identity = true", "trusted_identity = false\nconsent_source = true");
    let choice = |effect: &str| {
        on(
            "hospital",
            json!({"resourceType": "Consent", "id": "c", "status": "active",
            "patient": {"reference": "Patient/p1"}, "provision": {"type": effect}}),
        )
    };
    let states = || patient("p2", ANN);
    let stated_once = || once(proved("p2", BOB), ANN);
    for (case, p1, p2, effect, permitted) in [
        ("hers is proved, and she denies", proved("p1", ANN), states(), "deny", false),
        ("hers is proved, and she permits", proved("p1", ANN), states(), "permit", true),
        ("hers is proved, and it is no longer used", proved("p1", ANN), stated_once(), "deny", false),
        ("it is hers no more than theirs", patient("p1", ANN), states(), "deny", true),
    ] {
        let resources = [p1, p2, team("t2", "p2", council()), choice(effect)];
        let world = World::with(&resources, &[source]);
        assert_eq!(!world.permitted(&["p2"]).await.is_empty(), permitted, "{case}");
    }
}
