//! `_include` and `_revinclude`.

use serde_json::{Value, json};

use super::{BOB, ann, asks, bob, is_refused_unasked, problem, says, site, stay};
use crate::support::holding::{held, holding};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_matches_refer_to_comes_once_minimised_and_counts_neither_in_total_nor_in_pages() {
    let mut with_more = stay("e1", "p1", &[]);
    with_more["reasonCode"] = json!([{"text": "secret-reason"}]);
    let held = held(&[ann(), problem("c1", "2020", "e1", &[]), problem("c2", "2021", "e1", &[]), with_more]);
    let (site, running) = site(holding(&held)).await;
    let answer =
        asks(&site, "Condition?patient=p1&_include=Condition:encounter&_include=Condition:subject").await;
    assert_eq!(answer.ids("match"), ["c1", "c2"], "{}", answer.body);
    assert_eq!(answer.ids("include"), ["e1", "p1"], "{}", answer.body);
    assert_eq!(answer.json()["total"], 2);
    assert!(!answer.body.contains("secret"), "{}", answer.body);
    let read = asks(&site, "Encounter/e1").await.json();
    assert_eq!(answer.entries("include")[0], read, "as if it were read alone");
    let first =
        asks(&site, "Condition?patient=p1&_count=1&_include=Condition:encounter&_elements=code").await;
    assert_eq!((first.ids("match"), first.ids("include")), (vec!["c1".into()], vec!["e1".into()]));
    assert_eq!(first.entries("include")[0], read, "the elements are those of the matches");
    let second = asks(&site, &first.next().unwrap()).await;
    assert_eq!((second.ids("match"), second.ids("include")), (vec!["c2".into()], vec!["e1".into()]));
    assert!(second.next().is_none());
    for seen in site.hospital.seen() {
        assert!(!seen.body.contains("include"), "the hospital is asked for each itself: {}", seen.body);
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_hidden_does_not_go_with_a_match_and_what_a_hidden_match_refers_to_is_not_asked_for() {
    let shown = problem("c1", "2020", "e1", &[]);
    let hidden_match = problem("c2", "2021", "e2", &["PSY"]);
    let all = [ann(), shown.clone(), hidden_match, stay("e1", "p1", &["PSY"]), stay("e2", "p1", &[])];
    let held = held(&all);
    let (site, running) = site(holding(&held)).await;
    let path = "Condition?patient=p1&_include=Condition:encounter";
    let with = asks(&site, path).await;
    assert_eq!((with.ids("match"), with.ids("include").len()), (vec!["c1".to_owned()], 0), "{}", with.body);
    let asked: Vec<String> = site.hospital.seen().into_iter().map(|seen| seen.body).collect();
    assert!(asked.iter().any(|body| body.contains("e1")), "{asked:?}");
    assert!(!asked.iter().any(|body| body.contains("e2")), "{asked:?}");
    *held.lock().unwrap() = vec![ann(), shown.clone()];
    assert_eq!(with, asks(&site, path).await, "hidden is as absent");
    *held.lock().unwrap() = vec![ann(), shown, stay("e1", "p1", &[])];
    assert_eq!(asks(&site, path).await.ids("include"), ["e1"], "what is not hidden is there");
    running.stop().await;
}

fn team(members: &[&str]) -> Value {
    let participants: Vec<Value> =
        members.iter().map(|member| json!({"member": {"reference": member}})).collect();
    json!({"resourceType": "CareTeam", "id": "t1", "subject": {"reference": "Patient/p1"},
           "participant": participants})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_else_who_is_included_is_ruled_on_and_recorded_herself() {
    let doctor = json!({"resourceType": "Practitioner", "id": "d1", "name": [{"family": "Doctor"}]});
    let held = held(&[ann(), bob(), doctor.clone(), team(&["Patient/p2", "Practitioner/d1"])]);
    let (site, running) = site(holding(&held)).await;
    let path = "CareTeam?patient=p1&_include=CareTeam:participant";
    let answer = asks(&site, path).await;
    let mut included = answer.ids("include");
    included.sort_unstable();
    assert_eq!(included, ["d1", "p2"], "{}", answer.body);
    let only = asks(&site, "CareTeam?patient=p1&_include=CareTeam:participant:Practitioner").await;
    assert_eq!(only.ids("include"), ["d1"], "{}", only.body);
    let shared = site.records();
    let his = |records: &[Value]| {
        let about = records.iter().map(|record| &record["about"]);
        let of_his =
            |about: &&Value| about["nhs_number"] == BOB && about["resources"].to_string().contains("/p2");
        about.filter(of_his).count()
    };
    let before = his(&shared);
    assert!(before > 0, "he has a leaf of his own: {shared:?}");
    says(&site, BOB, &json!({"type": "deny"})).await;
    let denied = asks(&site, path).await;
    assert_eq!(denied.ids("include"), ["d1"], "{}", denied.body);
    assert!(!denied.body.contains("p2"), "{}", denied.body);
    *held.lock().unwrap() = vec![ann(), doctor, team(&["Practitioner/d1"])];
    assert_eq!(denied, asks(&site, path).await, "he is as absent");
    running.stop().await;
    assert_eq!(his(&site.records()), before, "nothing more of his was shared");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_refers_to_matches_comes_too_and_what_is_hidden_of_it_does_not() {
    let shown = [ann(), stay("e1", "p1", &[]), stay("e2", "p1", &[]), problem("c1", "2020", "e1", &[])];
    let hidden = [problem("c2", "2021", "e1", &["PSY"]), problem("c3", "2021", "e9", &[])];
    let held = held(&[&shown[..], &hidden[..1]].concat());
    let (site, running) = site(holding(&held)).await;
    let path = "Encounter?patient=p1&_revinclude=Condition:encounter";
    let with = asks(&site, path).await;
    assert_eq!(with.ids("match"), ["e1", "e2"], "{}", with.body);
    assert_eq!(with.ids("include"), ["c1"], "{}", with.body);
    assert_eq!(with.json()["total"], 2);
    *held.lock().unwrap() = shown.to_vec();
    assert_eq!(with, asks(&site, path).await, "hidden is as absent");
    *held.lock().unwrap() = [&shown[..], &hidden[1..]].concat();
    assert_eq!(with, asks(&site, path).await, "what refers to something else does not go with it");
    let of_her =
        asks(&site, "Patient?_id=p1&_revinclude=Condition:subject&_revinclude=Encounter:patient").await;
    assert_eq!(of_her.ids("include"), ["c1", "c3", "e1", "e2"], "{}", of_her.body);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_include_by_what_is_hidden_or_to_what_is_not_shared_is_refused_before_the_hospital_is_asked() {
    let (site, running) = site(holding(&held(&[ann(), bob()]))).await;
    for path in [
        "Condition?patient=p1&_include=Condition:evidence-detail",
        "Patient?_id=p1&_include=Patient:link",
        "Patient?_id=p1&_revinclude=CareTeam:encounter",
    ] {
        let answer = asks(&site, path).await;
        assert!(matches!(answer.status, 400 | 403), "{path}: {}", answer.body);
    }
    let hidden = "reads an element that is not shared with this role";
    is_refused_unasked(&site, "Condition?patient=p1&_include=Condition:evidence-detail", hidden).await;
    is_refused_unasked(&site, "Condition?patient=nobody&_include=Condition:evidence-detail", hidden).await;
    let not_shared = "shares nothing of this resource type";
    is_refused_unasked(&site, "Encounter?patient=p1&_include=Encounter:location", not_shared).await;
    is_refused_unasked(&site, "Patient?_id=p1&_revinclude=Observation:subject", not_shared).await;
    let before = site.hospital.seen().len();
    for path in
        ["Condition?patient=p1&_include=*", "Condition?patient=p1&_include:iterate=Condition:encounter"]
    {
        assert_eq!(asks(&site, path).await.status, 400, "{path}");
    }
    assert_eq!(site.hospital.seen().len(), before);
    running.stop().await;
}
