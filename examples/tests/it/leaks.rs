//! The scenario `leaks` as a person or a script runs it.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output};

use examples::canary;
use examples::json::{parse, text};
use examples::leaks::{Leaks, world};
use examples::wire::{Caller, Received};
use http::Method;
use serde_json::Value;
use tempfile::TempDir;

const GAPS: &str = include_str!("../../leaks/gaps.toml");

fn demo(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_demo"));
    command.arg("--folder").arg(folder).args(["--scenario", "leaks"]).args(arguments);
    command.output().unwrap()
}

/// The steps that the list of gaps names.
fn gaps() -> BTreeSet<String> {
    let gaps: toml::Table = GAPS.parse().unwrap();
    for list in ["view", "battery"] {
        let reasons = gaps[list].as_table().unwrap().values();
        assert!(reasons.into_iter().all(|reason| !reason.as_str().unwrap().is_empty()), "{list}");
    }
    gaps["view"].as_table().unwrap().keys().cloned().collect()
}

async fn read(leaks: &Leaks, requester: &str, name: &str) -> Received {
    let authorization = format!("Bearer {}", leaks.token(requester));
    let url = format!("{}/upstream/fhir/{name}", leaks.base());
    Caller::default().call(Method::GET, &url, &[("authorization", &authorization)], Vec::new()).await.unwrap()
}

#[test]
fn an_adult_social_worker_sees_the_golden_view_and_nothing_else_but_for_the_gaps_that_are_known() {
    let folder = TempDir::new().unwrap();
    let output = demo(folder.path(), &["--once", "--json"]);
    let told: Vec<Value> =
        String::from_utf8_lossy(&output.stdout).lines().map(|line| parse(line.as_bytes()).unwrap()).collect();
    assert_eq!(told.len(), world::resources().unwrap().len(), "{}", String::from_utf8_lossy(&output.stderr));
    let (gaps, mut wrong) = (gaps(), Vec::new());
    for step in &told {
        let name = text(step, "/step").unwrap();
        match (step["ok"] == true, gaps.contains(name)) {
            (true, false) | (false, true) => {}
            (true, true) => wrong.push(format!("{name} holds: take it out of gaps.toml")),
            (false, false) => wrong.push(format!("{name} does not hold: {}", step["detail"])),
        }
    }
    let steps: BTreeSet<&str> = told.iter().filter_map(|step| text(step, "/step")).collect();
    wrong.extend(
        gaps.iter().filter(|gap| !steps.contains(gap.as_str())).map(|gap| format!("{gap} is no step")),
    );
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(output.status.code(), Some(i32::from(!gaps.is_empty())));
}

#[tokio::test]
async fn each_requester_reads_the_people_that_the_policy_gives_them_and_nobody_else() {
    const PEOPLE: [(&str, &str); 6] = [
        ("A", "pa-7k2m"),
        ("B", "9992040602"),
        ("C", "pc-3x9q"),
        ("D", "pd-5v1t"),
        ("E", "pe-8n4r"),
        ("F", "pf-2w6y"),
    ];
    let folder = TempDir::new().unwrap();
    let leaks = Leaks::start(folder.path(), None).await.unwrap();
    for (requester, may) in [("LA", "ACD"), ("LAC", "ACDE"), ("LA2", "F"), ("HOSP", "ACD"), ("PRIV", "")] {
        for (letter, id) in PEOPLE {
            let shared = read(&leaks, requester, &format!("Patient/{id}")).await.status == 200;
            assert_eq!(shared, may.contains(letter), "{requester} {letter}");
        }
    }
    leaks.stop().await.unwrap();
}

#[tokio::test]
async fn a_child_at_a_protected_address_is_shared_without_it() {
    let folder = TempDir::new().unwrap();
    let leaks = Leaks::start(folder.path(), None).await.unwrap();
    let child = read(&leaks, "LAC", "Patient/pe-8n4r").await;
    let told = String::from_utf8_lossy(&child.body);
    assert!(child.status == 200 && told.contains("2018-06-21"), "{told}");
    for place in ["CANARY-D-ADDR", "ZZ99", "07700900481", "address", "telecom"] {
        assert!(!told.contains(place), "{place} {told}");
    }
    let parent = read(&leaks, "LAC", "Patient/pa-7k2m").await;
    assert!(String::from_utf8_lossy(&parent.body).contains("VISIBLE 1 Open Road"), "others keep theirs");
    leaks.stop().await.unwrap();
}

#[tokio::test]
async fn a_server_that_already_runs_is_attacked_under_the_name_upstream_and_left_as_it_is() {
    let folder = TempDir::new().unwrap();
    let records = examples::standin::start("records", world::resources().unwrap()).await.unwrap();
    let leaks = Leaks::start(folder.path(), Some(&records.base)).await.unwrap();
    let notice = parse(&std::fs::read(folder.path().join("demo.json")).unwrap()).unwrap();
    assert_eq!(text(&notice, "/base"), Some(leaks.base().as_str()));
    assert_eq!(text(&notice, "/systems/upstream"), Some(records.base.as_str()));
    for requester in ["LA", "LAC", "LA2", "HOSP", "PRIV"] {
        assert_eq!(text(&notice, &format!("/tokens/{requester}")), Some(leaks.token(requester)));
    }
    assert_eq!(text(&notice, "/patients/B/id"), Some("9992040602"));
    let answer = read(&leaks, "LA", "Patient/pd-5v1t").await;
    assert_eq!((answer.status, canary::found(&answer.body)), (200, None));
    let kept = Caller::default()
        .call(Method::GET, &format!("{}/Patient/pd-5v1t", records.base), &[], Vec::new())
        .await
        .unwrap();
    assert_eq!(text(&kept.json(), "/meta/versionId"), Some("1"));
    leaks.stop().await.unwrap();
}

#[test]
fn an_upstream_that_does_not_answer_is_told_by_the_exit_status() {
    let folder = TempDir::new().unwrap();
    let output = demo(folder.path(), &["--once", "--upstream", "http://127.0.0.1:1/fhir"]);
    assert_eq!(output.status.code(), Some(69));
}
