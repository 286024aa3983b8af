//! What is told, and what is recorded, of somebody's kin.

use serde_json::{Value, json};

use super::{
    ANN, BOB, CY, NHS_NUMBER, TABLES, attended_by, child, denial, inside, labelled, mum, number, of, read,
    shown, site, team, tied, to,
};
use crate::support::historic::{as_version, past, site_under, version};
use crate::support::holding::{Held, held, holding, patient};
use crate::support::sharing::{answer, parsed, references};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_finds_out_by_searching_whose_kin_somebody_is() {
    let store: Held = held(&child());
    let (hidden, running) = site("withheld", TABLES, holding(&store)).await;
    for number in [BOB, CY] {
        // By rule, whatever there is.
        for query in [
            format!("identifier={NHS_NUMBER}|{number}"),
            format!("patient=p1&identifier={NHS_NUMBER}|{number}"),
        ] {
            let (status, body) = read(&hidden, &format!("RelatedPerson?{query}")).await;
            assert_eq!(status, 403, "{body}");
        }
    }
    running.stop().await;
    // Where her number is shown it is found, and where she refuses not.
    let tables = TABLES.replacen("patient = \"whose kin it is\"", "identifier = \"to be sure who it is\"", 1);
    let (open, running) = site("withheld", &tables, holding(&store)).await;
    let found = |number: &'static str| {
        let path = format!("/hospital/fhir/RelatedPerson?patient=p1&identifier={NHS_NUMBER}|{number}");
        let open = &open;
        async move { references(&answer(open, &path).await.2) }
    };
    assert_eq!((found(BOB).await, found(CY).await), (vec!["mum".to_owned()], vec![]));
    store.lock().unwrap().extend([patient("p2", BOB), denial("p2", json!({"type": "deny"}))]);
    assert_eq!(found(BOB).await, Vec::<String>::new());
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_seen_as_kin_is_not_found_where_she_is_hidden_as_herself() {
    let store: Held = held(&[]);
    let (site, running) = site("withheld", TABLES, holding(&store)).await;
    let group = |members: &[&str]| {
        let members: Vec<Value> = members.iter().map(|member| json!({"entity": to(member)})).collect();
        of(
            "Group",
            "x",
            json!({"type": "person", "actual": true, "name": "a ward", "member": members, "contained": [inside("m")]}),
        )
    };
    let mut answers = Vec::new();
    for members in [vec!["Patient/p3", "Patient/p2"], vec!["Patient/p3"]] {
        *store.lock().unwrap() =
            [child(), vec![patient("p2", BOB), patient("p3", CY), team("p3"), group(&members)]].concat();
        let (status, body) = read(&site, "Group/x").await;
        assert_eq!(
            (status, body.contains("Patient/p3"), body.contains("Patient/p2")),
            (200, true, false),
            "{body}"
        );
        answers.push(answer(&site, "/hospital/fhir/Group?member=Patient/p3&member=Patient/p2").await);
    }
    assert_eq!(references(&answers[0].2), Vec::<String>::new());
    assert_eq!(answers[0], answers[1]);
    // Nobody sees a group for the kin in it.
    let case = ("a group of strangers", group(&["Patient/p2"]), "a ward");
    let world = [child(), vec![patient("p2", BOB)]].concat();
    assert!(!shown(&site, &store, &world, &case).await);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_names_her_as_kin_is_recorded_for_oversight_and_tells_her_nothing_of_the_child() {
    let appointment = attended_by(&[to("Patient/p1"), to("RelatedPerson/mum")]);
    let her_own = of("Observation", "o", json!({"subject": to("Patient/p2"), "valueString": "hers"}));
    let store: Held = held(&[child(), vec![patient("p2", BOB), team("p2"), appointment, her_own]].concat());
    let (site, running) = site("withheld", TABLES, holding(&store)).await;
    for place in ["Appointment/x", "Appointment?_id=x", "Observation/o"] {
        assert_eq!(read(&site, place).await.0, 200, "{place}");
    }
    store.lock().unwrap().push(denial("p2", json!({"type": "deny"})));
    for (place, status) in [("Appointment/x", 404), ("Appointment?_id=x", 200)] {
        assert_eq!(read(&site, place).await.0, status, "{place}");
    }
    let oversight = site.staff_token("R5105");
    let path = format!("/fhir/AuditEvent?patient.identifier={NHS_NUMBER}|{BOB}");
    let (status, _, trail) = site.get(&path, Some(&oversight)).await;
    assert_eq!(status, 200, "{trail}");
    // What she is told, and what is kept for oversight: two as kin, her own, two refused, and this very question later.
    let told: Value = fhir::json::parse_value(trail.clone().into(), &fhir::json::Limits::default()).unwrap();
    let of_hospital = |trail: &Value| {
        let events = trail["entry"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|entry| entry["resource"].to_string().contains("hospital"));
        events.count()
    };
    assert_eq!(of_hospital(&told), 5, "{trail}");
    let elsewhere = site.staff_of("E10000099", "R5105");
    assert_eq!(site.get(&path, Some(&elsewhere)).await.0, 403, "a guardian of another organisation");
    running.stop().await;
    let records = site.records();
    let about = |number: &str| -> Vec<(String, String, String)> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let of_her = records.iter().filter(|record| {
            record["about"]["nhs_number"] == *number && record["exchange"]["place"] == "hospital"
        });
        of_her
            .map(|record| {
                let about = &record["about"];
                let what = about["resources"].as_array().map_or(text(&about["refusal"]), |all| text(&all[0]));
                (text(&about["visibility"]), text(&about["relationship"]), what)
            })
            .collect()
    };
    let line =
        |visibility: &str, tie: &str, what: &str| (visibility.to_owned(), tie.to_owned(), what.to_owned());
    let as_kin = || line("oversight", "of-kin", "Appointment/x");
    let refused = || line("oversight", "", "consent-denied");
    assert_eq!(
        about(BOB),
        [
            as_kin(),
            as_kin(),
            line("trail", "care-team hospital/CareTeam/t-p2", "Observation/o"),
            refused(),
            refused()
        ]
    );
    let shared: Vec<_> = about(ANN).into_iter().filter(|(visibility, ..)| visibility == "trail").collect();
    assert_eq!(shared.iter().filter(|(.., what)| what == "Appointment/x").count(), 2, "{shared:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_version_that_named_another_as_kin_is_hers_as_well() {
    let mut before = mum();
    before["identifier"] = json!([number(CY)]);
    let (before, now) = (as_version(before, 1), as_version(mum(), 2));
    let told = std::sync::Arc::new(std::sync::Mutex::new(past(&[version(&before), version(&now)])));
    let store: Held = held(&[vec![patient("p1", ANN), now], vec![patient("p3", CY)]].concat());
    let tables = TABLES.replacen(
        "patient = \"whose kin it is\"",
        "identifier = \"who it is\"\nearlier_versions = \"how it has changed\"",
        1,
    );
    let agreement = tied("withheld", &tables).replace("relationship = [\"care-team\"]", "relationship = []");
    let (site, running) = site_under(&agreement, &store, &told).await;
    let versions = || async {
        let (_, _, body) = answer(&site, "/hospital/fhir/RelatedPerson/mum/_history").await;
        parsed(&body)["total"].as_u64()
    };
    assert_eq!(versions().await, Some(2));
    crate::support::sharing::denies(&site, CY).await;
    assert_eq!(versions().await, Some(1));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_stands_in_it_as_kin_and_as_herself_is_found_where_she_may_be_seen() {
    let store: Held = held(&[]);
    let (site, running) = site("withheld", TABLES, holding(&store)).await;
    let members = json!([{"entity": to("Patient/p3")}, {"entity": to("Patient/p2")}]);
    let group = of(
        "Group",
        "x",
        json!({"type": "person", "actual": true, "name": "a ward", "member": members, "contained": [inside("m")]}),
    );
    let people = [child(), vec![patient("p2", BOB), patient("p3", CY), team("p3"), group]].concat();
    for (cared_for, found) in [(vec![], vec![]), (vec![team("p2")], vec!["x".to_owned()])] {
        *store.lock().unwrap() = [people.clone(), cared_for].concat();
        let (status, body) = read(&site, "Group/x").await;
        assert_eq!((status, body.contains("Patient/p2")), (200, !found.is_empty()), "{body}");
        let path = "/hospital/fhir/Group?member=Patient/p3&member=Patient/p2";
        assert_eq!(references(&answer(&site, path).await.2), found);
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_said_under_a_record_that_bore_her_number_once_counts_beside_the_one_that_bears_it() {
    let store: Held = held(&[]);
    let (site, running) = site("withheld", TABLES, holding(&store)).await;
    let mut former = patient("p9", CY);
    let once = json!({"use": "old", "system": NHS_NUMBER, "value": BOB});
    former["identifier"].as_array_mut().unwrap().push(once);
    for (others, name, phone) in [
        (vec![former.clone()], true, true),
        (vec![former.clone(), denial("p9", json!({"type": "deny"}))], false, false),
        (vec![labelled(former, "R")], true, false),
    ] {
        *store.lock().unwrap() = [child(), vec![patient("p2", BOB)], others].concat();
        let (_, body) = read(&site, "RelatedPerson/mum").await;
        assert_eq!((body.contains("kept-name"), body.contains("kept-phone")), (name, phone), "{body}");
    }
    running.stop().await;
}
