//! Ties of care, as records state them, and which systems are asked for them.

use serde_json::json;

use super::holder::{BOB, World, council, on, patient, team};
use super::world::ANN;

#[tokio::test]
async fn kinds_of_tie_are_asked_for_in_the_order_of_the_agreement_until_everyone_has_one() {
    let encounter = on(
        "hospital",
        json!({"resourceType": "Encounter", "id": "e", "status": "in-progress", "subject": {"reference": "Patient/bob"},
               "serviceProvider": council()}),
    );
    let world =
        World::new(&[patient("ann", ANN), patient("bob", BOB), team("t1", "ann", council()), encounter]);
    assert_eq!(world.permitted(&["ann", "bob"]).await, ["ann", "bob"]);
    let asked = world.asked();
    assert_eq!(asked[2..], ["hospital/CareTeam?patient=ann,bob", "hospital/Encounter?patient=bob"]);
}

#[tokio::test]
async fn that_there_is_no_tie_is_never_remembered() {
    let world = World::new(&[patient("ann", ANN)]);
    assert!(world.permitted(&["ann"]).await.is_empty());
    let asked = world.asked();
    assert_eq!(asked.len(), 5, "{asked:?}");
    world.holds(team("t1", "ann", council()));
    assert_eq!(world.permitted(&["ann"]).await, ["ann"]);
}

#[tokio::test]
async fn a_member_is_found_by_identifier_contained_by_id_and_through_a_role() {
    let organization = json!({"resourceType": "Organization", "id": "asc", "identifier": [
        {"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": "E10000099"}]});
    let role = on(
        "hospital",
        json!({"resourceType": "PractitionerRole", "id": "r", "organization": {"reference": "Organization/asc"}}),
    );
    let sam = on(
        "hospital",
        json!({"resourceType": "Practitioner", "id": "sam", "identifier": [
        {"system": "https://fhir.nhs.uk/Id/sds-user-id", "value": "555000111222"}]}),
    );
    let directory = [on("hospital", organization.clone()), role, sam];
    let mut contained = team("t", "ann", json!({"reference": "#asc"}));
    contained["contained"] = json!([organization]);
    for (case, team) in [
        ("identifier", team("t", "ann", council())),
        ("contained", contained),
        ("by id", team("t", "ann", json!({"reference": "Organization/asc"}))),
        (
            "by its own name for itself",
            team("t", "ann", json!({"reference": "https://ehr.northshire.example/fhir/Organization/asc"})),
        ),
        ("through a role", team("t", "ann", json!({"reference": "PractitionerRole/r"}))),
        ("a member of staff", team("t", "ann", json!({"reference": "Practitioner/sam"}))),
    ] {
        let mut resources = vec![patient("ann", ANN), team];
        resources.extend(directory.clone());
        assert_eq!(World::new(&resources).permitted(&["ann"]).await, ["ann"], "{case}");
    }
    for (case, member) in [
        ("somebody else", json!({"reference": "Organization/other"})),
        ("elsewhere", json!({"reference": "https://other.example/fhir/Organization/asc"})),
        ("in words", json!({"display": "Eastshire County Council"})),
    ] {
        let mut resources = vec![patient("ann", ANN), team("t", "ann", member)];
        resources.extend(directory.clone());
        assert!(World::new(&resources).permitted(&["ann"]).await.is_empty(), "{case}");
    }
}

#[tokio::test]
async fn a_status_says_whether_a_tie_holds() {
    let subject = json!({"reference": "Patient/ann"});
    let mut cases = Vec::new();
    for (status, period, holds) in [
        ("active", json!({}), true),
        ("active", json!({"start": "2026-06-02"}), false),
        ("active", json!({"end": "2026-05-10"}), true),
        ("inactive", json!({"end": "2026-05-10"}), true),
        ("inactive", json!({"end": "2026-04"}), false),
        ("inactive", json!({}), false),
        ("proposed", json!({}), false),
        ("entered-in-error", json!({}), false),
        ("active", json!({"end": "soon"}), false),
    ] {
        let mut tie = team("t", "ann", council());
        tie["status"] = json!(status);
        tie["period"] = period;
        cases.push((tie, holds));
    }
    for (status, end, holds) in [
        ("arrived", None, true),
        ("in-progress", None, true),
        ("planned", None, false),
        ("finished", Some("2026-05-10T08:00:00Z"), true),
        ("finished", Some("2026-04-10"), false),
        ("finished", None, false),
        ("cancelled", Some("2026-05-10"), false),
    ] {
        let period = end.map_or(json!({}), |end| json!({"end": end}));
        let tie = json!({"resourceType": "Encounter", "id": "e", "status": status, "subject": subject, "period": period, "serviceProvider": council()});
        cases.push((on("hospital", tie), holds));
    }
    for (status, intent, extra, holds) in [
        ("active", "order", json!({}), true),
        ("active", "proposal", json!({}), false),
        ("active", "original-order", json!({"authoredOn": "2020-01-01"}), true),
        ("active", "order", json!({"occurrencePeriod": {"end": "2026-01-01"}}), false),
        ("completed", "order", json!({"occurrenceDateTime": "2026-05-20"}), true),
        ("completed", "order", json!({"authoredOn": "2026-05-20"}), true),
        ("completed", "order", json!({"authoredOn": "2026-01-20"}), false),
        ("completed", "order", json!({}), false),
        ("revoked", "order", json!({}), false),
        ("active", "order", json!({"authoredOn": "2026-07-01"}), false),
    ] {
        let mut tie = json!({"resourceType": "ServiceRequest", "id": "s", "status": status, "intent": intent, "subject": subject, "performer": [council()]});
        tie.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        cases.push((on("hospital", tie), holds));
    }
    for (tie, holds) in cases {
        let world = World::new(&[patient("ann", ANN), tie.clone()]);
        assert_eq!(!world.permitted(&["ann"]).await.is_empty(), holds, "{tie}");
    }
}

#[tokio::test]
async fn a_participant_whose_time_is_over_is_a_member_no_more() {
    let mut tie = team("t", "ann", council());
    tie["participant"][0]["period"] = json!({"end": "2026-01-31"});
    let world = World::new(&[patient("ann", ANN), tie.clone()]);
    assert!(world.permitted(&["ann"]).await.is_empty());
    tie["participant"][0]["period"] = json!({"end": "2026-05-31"});
    assert_eq!(World::new(&[patient("ann", ANN), tie]).permitted(&["ann"]).await, ["ann"]);
}

#[tokio::test]
async fn only_the_systems_of_the_discloser_prove_ties() {
    let edits = [("portcullis.toml", "relationship_source = true", "relationship_source = false")];
    let world = World::with(&[patient("ann", ANN), team("t", "ann", council())], &edits);
    assert!(world.permitted(&["ann"]).await.is_empty());
    assert_eq!(world.asked().len(), 2);
    let elsewhere = (
        "portcullis.toml",
        "ca = \"tls/eastshire-ca.pem\"",
        "ca = \"tls/eastshire-ca.pem\"\nrelationship_source = true",
    );
    let mut theirs = team("t", "ann", council());
    theirs["_system"] = json!("council");
    let world = World::with(&[patient("ann", ANN), theirs], &[elsewhere]);
    assert!(world.permitted(&["ann"]).await.is_empty());
    assert!(world.asked().iter().all(|asked| asked.starts_with("hospital/")));
}

#[tokio::test]
async fn another_system_of_the_discloser_is_asked_by_number_for_those_without_a_tie() {
    let second = "[[system]]\nname = \"community\"\norganisation = \"ods:RX1\"\nprotocol = \"fhir-r4\"\nbase = \"https://community.northshire.example/fhir\"\nca = \"tls/northshire-ca.pem\"\nrelationship_source = true\ntrusted_identity = true\n\n# HL7 v2 from";
    let edits = [("portcullis.toml", "# HL7 v2 from", second)];
    let mut there = patient("a2", ANN);
    there["_system"] = json!("community");
    let mut tie = team("t", "a2", council());
    tie["_system"] = json!("community");
    let world = World::with(&[patient("ann", ANN), there, tie], &edits);
    assert_eq!(world.permitted(&["ann"]).await, ["ann"]);
    let asked = world.asked();
    assert_eq!(
        asked[asked.len() - 2..],
        ["community/Patient?identifier=nhs|9990000018", "community/CareTeam?patient=a2"]
    );
}
