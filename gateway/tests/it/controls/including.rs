//! `_include` and `_revinclude`.

use serde_json::{Value, json};

use super::{BOB, TABLES, ann, asks, bob, problem, says, site, stay};
use crate::support::holding::{ANN, held, holding};
use crate::support::sharing;

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
async fn a_reference_that_is_shown_in_some_is_followed_where_it_is_shown_and_nowhere_else() {
    let listed = "http://terminology.hl7.org/CodeSystem/condition-category|problem-list-item";
    let stays = format!(
        "[share.stays.Condition]\nencounter = \"when it was found\"\nwhere = {{ category = [\"{listed}\"] }}\n"
    );
    let tables = TABLES.replace("encounter = \"when it was found\"\n", "");
    let agreement = sharing::agreement("withheld", &tables)
        .replace("share = [\"person\"]", "share = [\"person\", \"stays\"]")
        + &stays;
    let of_list = |mut found: Value| {
        let (system, code) = listed.split_once('|').unwrap();
        found["category"] = json!([{"coding": [{"system": system, "code": code}]}]);
        found
    };
    let unlisted = problem("c1", "2020", "e1", &[]);
    let all = [
        ann(),
        unlisted,
        of_list(problem("c2", "2021", "e2", &[])),
        stay("e1", "p1", &[]),
        stay("e2", "p1", &[]),
    ];
    let (site, running) = sharing::site(&agreement, holding(&held(&all))).await;
    let there = asks(&site, "Condition?patient=p1&_include=Condition:encounter").await;
    assert_eq!((there.ids("match").len(), there.ids("include")), (2, vec!["e2".into()]), "{}", there.body);
    assert!(!there.body.contains("Encounter/e1"), "{}", there.body);
    let back = asks(&site, "Encounter?patient=p1&_revinclude=Condition:encounter").await;
    assert_eq!((back.ids("match").len(), back.ids("include")), (2, vec!["c2".into()]), "{}", back.body);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_who_is_nowhere_in_the_matches_is_asked_before_what_is_hers_goes_with_them() {
    let mut his = problem("c5", "2021", "e1", &[]);
    his["subject"] = json!({"reference": "Patient/p2"});
    let held = held(&[ann(), bob(), stay("e1", "p1", &[]), his]);
    let (site, running) = site(holding(&held)).await;
    let path = "Encounter?patient=p1&_revinclude=Condition:encounter";
    let shared = asks(&site, path).await;
    assert_eq!(shared.ids("include"), ["c5"], "{}", shared.body);
    says(&site, BOB, &json!({"type": "deny"})).await;
    let denied = asks(&site, path).await;
    assert_eq!(denied.ids("include").len(), 0, "{}", denied.body);
    *held.lock().unwrap() = vec![ann(), bob(), stay("e1", "p1", &[])];
    assert_eq!(denied, asks(&site, path).await, "hidden is as absent");
    running.stop().await;
    let told = site.records().into_iter().filter(|record| record["about"]["nhs_number"] == BOB);
    let shared = told.filter(|record| record["about"]["resources"] == json!(["Condition/c5"]));
    assert_eq!(shared.count(), 1, "what was shared of his stands in his records");
}

/// What stands in the outcome about includes of which nothing can come by rule.
const LEFT_OUT: &str = "what was to go with the matches, and is not shared, was left out";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_include_of_which_nothing_can_come_by_rule_is_left_out_with_the_same_word_whatever_is_held() {
    let mut with_detail = problem("c1", "2020", "e1", &[]);
    with_detail["evidence"] = json!([{"detail": [{"reference": "Condition/c9"}]}]);
    let mut placed = stay("e1", "p1", &[]);
    placed["location"] = json!([{"location": {"reference": "Location/l1"}}]);
    let place = json!({"resourceType": "Location", "id": "l1", "name": "secret-place"});
    let value = json!({"resourceType": "Observation", "id": "o1", "status": "final",
                       "code": {"text": "secret-value"}, "subject": {"reference": "Patient/p1"}});
    let without = [ann(), problem("c1", "2020", "e1", &[]), stay("e1", "p1", &[])];
    let with = [ann(), with_detail, placed, problem("c9", "2019", "e9", &["PSY"]), place, value];
    let held = held(&without);
    let (site, running) = site(holding(&held)).await;
    for (path, plain) in [
        ("Condition?patient=p1&_include=Condition:evidence-detail", "Condition?patient=p1"),
        ("Encounter?patient=p1&_include=Encounter:location", "Encounter?patient=p1"),
        ("Patient?_id=p1&_revinclude=Observation:subject", "Patient?_id=p1"),
        ("Patient?_id=p1&_include=Patient:link", "Patient?_id=p1"),
    ] {
        let before = site.hospital.seen().len();
        let absent = asks(&site, path).await;
        assert_eq!(absent.status, 200, "{path}: {}", absent.body);
        assert_eq!(absent.ids("include").len(), 0, "{path}: {}", absent.body);
        assert!(absent.body.contains(LEFT_OUT), "{path}: {}", absent.body);
        *held.lock().unwrap() = with.to_vec();
        assert_eq!(absent, asks(&site, path).await, "{path}: what is held makes no difference");
        *held.lock().unwrap() = without.to_vec();
        let seen = site.hospital.seen().len();
        let asked = (seen - before) / 2;
        let alone = asks(&site, plain).await;
        assert_eq!(site.hospital.seen().len() - seen, asked, "{path}: nothing is asked for it");
        assert!(!alone.body.contains(LEFT_OUT), "{plain}: {}", alone.body);
        assert_eq!(absent.ids("match"), alone.ids("match"), "{path}");
    }
    let links = asks(&site, "Condition?patient=p1&_include=Condition:asserter").await;
    assert!(
        !links.json()["link"].to_string().contains("_include"),
        "it is told by which the answer was made"
    );
    running.stop().await;
    let of_ann = site.records().into_iter().filter(|record| record["about"]["nhs_number"] == ANN);
    let told = of_ann.filter(|record| record["about"]["withheld"].to_string().contains("include-not-shared"));
    assert_eq!(told.count(), 9, "it stands in her records");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_knows_a_doctor_is_not_told_whom_the_doctor_cares_for() {
    let doctor = json!({"resourceType": "Practitioner", "id": "d1", "name": [{"family": "Doctor"}]});
    let (site, running) =
        site(holding(&held(&[ann(), bob(), doctor.clone(), team(&["Practitioner/d1"])]))).await;
    let before = site.hospital.seen().len();
    let answer = asks(&site, "Practitioner?_id=d1&_revinclude=CareTeam:participant").await;
    assert_eq!((answer.status, answer.ids("match")), (200, vec!["d1".to_owned()]), "{}", answer.body);
    assert_eq!(answer.ids("include").len(), 0, "{}", answer.body);
    assert!(answer.body.contains(LEFT_OUT), "{}", answer.body);
    let seen = site.hospital.seen().split_off(before);
    assert!(!seen.iter().any(|seen| seen.line.contains("/CareTeam")), "nobody's care is asked for: {seen:?}");
    let hers = asks(&site, "CareTeam?patient=p1&_include=CareTeam:participant").await;
    assert_eq!(hers.ids("include"), ["d1"], "who cares for a person who is named is told: {}", hers.body);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_and_everything_is_not_included() {
    let (site, running) = site(holding(&held(&[ann(), bob()]))).await;
    let before = site.hospital.seen().len();
    for path in [
        "Condition?patient=p1&_include=*",
        "Condition?patient=p1&_include:iterate=Condition:encounter",
        "Patient?_id=p1&_revinclude=CareTeam:nonsense",
    ] {
        assert_eq!(asks(&site, path).await.status, 400, "{path}");
    }
    assert_eq!(site.hospital.seen().len(), before);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_goes_with_a_match_shows_of_its_own_references_what_may_be_seen() {
    let mut within = stay("e1", "p1", &[]);
    within["partOf"] = json!({"reference": "Encounter/e2"});
    let all = [ann(), problem("c1", "2020", "e1", &[]), within.clone(), stay("e2", "p1", &[])];
    let held = held(&all);
    let (site, running) = site(holding(&held)).await;
    let path = "Condition?patient=p1&_include=Condition:encounter";
    let open = asks(&site, path).await;
    assert_eq!(open.entries("include")[0]["partOf"]["reference"], "Encounter/e2", "{}", open.body);
    assert_eq!(open.entries("match")[0]["encounter"]["reference"], "Encounter/e1", "{}", open.body);
    *held.lock().unwrap() =
        vec![ann(), problem("c1", "2020", "e1", &[]), within.clone(), stay("e2", "p1", &["PSY"])];
    let hidden = asks(&site, path).await;
    assert_eq!(hidden.ids("include"), ["e1"], "{}", hidden.body);
    assert!(!hidden.body.contains("Encounter/e2"), "{}", hidden.body);
    *held.lock().unwrap() = vec![ann(), problem("c1", "2020", "e1", &[]), within];
    assert_eq!(hidden, asks(&site, path).await, "hidden is as absent");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_criterion_that_reads_references_and_an_include_agree_on_what_may_be_seen() {
    let all =
        [ann(), problem("c1", "2020", "e1", &[]), problem("c2", "2021", "e2", &[]), stay("e1", "p1", &[])];
    let hidden = [&all[..], &[stay("e2", "p1", &["PSY"])]].concat();
    let held = held(&hidden);
    let (site, running) = site(holding(&held)).await;
    let path = "Condition?patient=p1&encounter=Encounter/e1,Encounter/e2&_include=Condition:encounter";
    let with = asks(&site, path).await;
    assert_eq!(
        (with.ids("match"), with.ids("include")),
        (vec!["c1".into()], vec!["e1".into()]),
        "{}",
        with.body
    );
    assert_eq!(with.json()["total"], 1);
    *held.lock().unwrap() = all.to_vec();
    assert_eq!(with, asks(&site, path).await, "hidden is as absent");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_capabilities_name_the_includes_of_which_something_can_come_and_no_others() {
    let (site, running) = site(holding(&held(&[ann()]))).await;
    let said = asks(&site, "metadata").await.json();
    let resources = said["rest"][0]["resource"].as_array().unwrap().clone();
    let mut count = 0;
    for resource in &resources {
        let name = resource["type"].as_str().unwrap();
        assert_eq!(resource["conditionalRead"], "not-match", "{name}");
        let own = if name == "Patient" { "_id=p1" } else { "patient=p1" };
        let own = if name == "Practitioner" { "_id=d1" } else { own };
        for (parameter, element) in [("_include", "searchInclude"), ("_revinclude", "searchRevInclude")] {
            for value in resource[element].as_array().into_iter().flatten() {
                let path = format!("{name}?{own}&{parameter}={}", value.as_str().unwrap());
                let answer = asks(&site, &path).await;
                assert_eq!(answer.status, 200, "{path}: {}", answer.body);
                assert!(!answer.body.contains(LEFT_OUT), "{path}: {}", answer.body);
                count += 1;
            }
        }
    }
    assert!(count > 10, "{said}");
    let of = |name: &str, element: &str| {
        let found = resources.iter().find(|one| one["type"] == name).unwrap();
        found[element].to_string()
    };
    assert!(of("Condition", "searchInclude").contains("\"Condition:encounter\""));
    assert!(of("Encounter", "searchRevInclude").contains("\"Condition:encounter\""));
    assert!(!of("Condition", "searchInclude").contains("evidence-detail"), "the reference is hidden");
    assert!(!of("Encounter", "searchInclude").contains("location"), "the type is not shared");
    assert!(!of("Practitioner", "searchRevInclude").contains("CareTeam"), "it names nobody");
    running.stop().await;
}
