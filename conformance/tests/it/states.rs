//! What needs a state, a tap or HTTP/2 to be seen fails on a server that takes no notice of it, and holds on one that does.

use std::path::Path;

use conformance::privacy::bench::Bench;
use conformance::privacy::tap::{Order, Tap};
use conformance::privacy::{Run, Status, run};
use serde_json::{Value, json};

use crate::holder::{Mind, start};
use crate::privacy::{HIDDEN, asking, attack, bench, canary, endpoint, plan, read, told, view, world};

fn in_state(id: &str, state: &str, path: &str) -> Value {
    attack(
        id,
        "state",
        asking("GET", path),
        json!({ "setup": { "requester": "LA", "upstream": format!("state:{state}") } }),
    )
}

fn battery() -> Vec<Value> {
    let compressed = asking("GET", "/fhir/Patient?_id=unseen&name=ZZ99");
    vec![
        in_state("S-1", "withdraw-A-between-requests", "/fhir/Patient/seen"),
        in_state("S-3", "policy-reload", "/fhir/Patient/seen"),
        in_state("S-4", "consent-service-down", "/fhir/Patient/seen"),
        in_state("S-5", "redactor-panic", "/fhir/Patient/seen"),
        in_state("S-6", "h2-reset", "/fhir/Patient/seen"),
        attack("S-7", "state", asking("GET", "/fhir?_page={{NEXT}}"), json!({})),
        attack("ERR-16", "manual", compressed, json!({})),
        attack("AUD-18", "manual", asking("GET", "/fhir/Patient/9990000018"), json!({})),
    ]
}

/// More than one page, of which nothing is hidden.
fn with_pages(mut records: Vec<Value>) -> Vec<Value> {
    for id in ["one", "two", "three"] {
        let meta = json!({ "versionId": "1", "lastUpdated": "2026-01-01T00:00:00Z" });
        let about = json!({ "reference": "Patient/seen" });
        records.push(json!({ "resourceType": "Condition", "id": id, "meta": meta, "subject": about }));
    }
    records
}

/// Where the tap stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tapped {
    /// In front of the server under attack, as if that were an upstream.
    Server,
    /// Only in front of what brings states about, so that a log has a word of it.
    States,
}

async fn bench_at(base: &str, tapped: Tapped, folder: &Path) -> Bench {
    let (log, orders) = (folder.join("asked.log"), folder.join("orders"));
    let any = "127.0.0.1:0".parse().unwrap();
    let tap = Tap::open(any, &endpoint(base).await, &log, Some(&orders)).await.unwrap();
    let address = format!("http://{}", tap.address().unwrap());
    tokio::spawn(tap.serve());
    let mut bench = bench(if tapped == Tapped::Server { &address } else { base }, vec![canary()]).await;
    // What is kept back at the tap must not keep back what ends it.
    let states = if tapped == Tapped::Server { base } else { &address };
    bench.states = Some(endpoint(&format!("{states}/__state")).await);
    bench.audit = Some("/__trail?of={}".to_owned());
    (bench.logs, bench.upstream_logs) = (vec![log.clone()], vec![log]);
    bench.orders = Some(orders);
    bench
}

async fn ran(mind: Mind, records: Vec<Value>, tapped: Tapped, battery: &[Value]) -> Run {
    let folder = tempfile::tempdir().unwrap();
    let base = start(mind, with_pages(records), None).await;
    run(&bench_at(&base, tapped, folder.path()).await, &plan(read(battery))).await
}

/// Withdrawn in the midst of a request that the tap keeps back.
fn midstream() -> [Value; 1] {
    [in_state("S-2", "withdraw-A-midstream", "/fhir/Patient/seen")]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_takes_no_notice_of_a_state_fails_in_it() {
    let run = ran(Mind::Leaky, world(HIDDEN), Tapped::States, &battery()).await;
    // Nothing is served there page by page: no cursor is left to follow.
    let spared: Vec<_> = told(&run).into_iter().filter(|(_, status, _)| *status != "FAIL").collect();
    assert_eq!(spared, [("S-7", "not-run", "no search gives LA a cursor")]);
    // By the state alone, where there is nothing hidden to be found.
    let run = ran(Mind::Leaky, world("nothing"), Tapped::States, &battery()).await;
    assert!(run.count(Status::Fail) >= 6, "{:#?}", told(&run));
    let run = ran(Mind::Leaky, world("nothing"), Tapped::Server, &midstream()).await;
    assert_eq!(run.count(Status::Fail), 1, "{:?}", told(&run));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_heeds_states_holds_in_all_of_them() {
    let run = ran(Mind::Strict, view(), Tapped::States, &battery()).await;
    assert_eq!(run.count(Status::Pass), battery().len(), "{:#?}", told(&run));
    let run = ran(Mind::Strict, view(), Tapped::Server, &midstream()).await;
    assert_eq!(run.count(Status::Pass), 1, "{:?}", told(&run));
}

#[tokio::test]
async fn a_state_that_nobody_brings_about_is_not_run_with_its_reason() {
    let base = start(Mind::Strict, view(), None).await;
    let mut bench = bench(&base, vec![canary()]).await;
    let battery = battery();
    let run_with = async |bench: &Bench| run(bench, &plan(read(&battery[..1]))).await;
    let told_of = |run: &Run| run.findings[0].detail().to_owned();
    let without = run_with(&bench).await;
    assert_eq!(without.count(Status::NotRun), 1);
    assert_eq!(told_of(&without), "withdraw-A-between-requests needs --states to be brought about");
    bench.states = Some(endpoint(&format!("{base}/__state")).await);
    let unknown = read(&[in_state("S-9", "of-the-moon", "/fhir/Patient/seen")]);
    let unknown = run(&bench, &plan(unknown)).await;
    assert_eq!((unknown.count(Status::NotRun), told_of(&unknown).contains("of-the-moon")), (1, true));
}

#[tokio::test]
async fn what_an_exchange_says_in_no_log_at_all_proves_nothing() {
    let base = start(Mind::Strict, view(), None).await;
    let mut bench = bench(&base, vec![canary()]).await;
    let log = tempfile::NamedTempFile::new().unwrap();
    bench.logs = vec![log.path().to_owned()];
    let telling = read(&[attack("T-1", "telemetry", asking("GET", "/fhir/Patient/seen"), json!({}))]);
    assert_eq!(run(&bench, &plan(telling)).await.count(Status::Vacuous), 1);
}

#[test]
fn an_order_is_written_whole_and_taken_back() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("orders");
    for (order, text) in [(Some(Order::Hold(7)), "hold 7"), (Some(Order::Cut(9)), "cut 9"), (None, "")] {
        Order::write(order, &file).unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
    }
}
