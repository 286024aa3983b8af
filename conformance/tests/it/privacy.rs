//! The privacy suite fails on a server without a policy and passes on one that shows the view only.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use conformance::privacy::battery::{Attack, Canary, attacks, canaries, gaps, tokens};
use conformance::privacy::bench::{Bench, attachments};
use conformance::privacy::wire::{BadEndpoint, Endpoint, Reach};
use conformance::privacy::{Plan, Run, Status, report, run};
use conformance::run::{Usable, Verdict};
use conformance::target::Trouble;
use serde_json::{Value, json};

use crate::holder::{Mind, TOKEN, records, start};

pub(crate) const HIDDEN: &str = "CANARY-T-ADDRESS-77aa10";

/// Two people; the address of the first is hidden, the second altogether.
pub(crate) fn world(address: &str) -> Vec<Value> {
    let meta = json!({ "versionId": "1", "lastUpdated": "2026-01-01T00:00:00Z" });
    let patient = |id: &str, name: &str, line: &str| {
        json!({ "resourceType": "Patient", "id": id, "meta": meta, "name": [{ "family": name }],
            "identifier": [{ "system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990000018" }],
            "address": [{ "line": [line] }] })
    };
    let weight = json!({ "resourceType": "Observation", "id": "weight", "meta": meta, "subject": { "reference": "Patient/seen" },
        "code": { "text": "VISIBLE weight" } });
    let kept = json!({ "resourceType": "Observation", "id": "kept", "meta": meta, "subject": { "reference": "Patient/seen" },
        "code": { "text": address } });
    vec![patient("seen", "VISIBLE-Elm", address), patient("unseen", address, address), weight, kept]
}

/// What may be seen of it.
pub(crate) fn view() -> Vec<Value> {
    let mut seen = world("");
    seen.retain(|record| record["id"] == "seen" || record["id"] == "weight");
    seen[0]["address"] = Value::Null;
    seen
}

pub(crate) fn canary() -> Canary {
    Canary {
        canary: HIDDEN.to_owned(),
        hidden_from: ["LA".to_owned(), "HOSP".to_owned()].into(),
        places: vec!["Patient/seen.address[0].line[0]".to_owned(), "Patient/unseen.name".to_owned()],
    }
}

pub(crate) fn attack(id: &str, check: &str, request: Value, more: Value) -> Value {
    let mut out = json!({ "id": id, "title": "tried", "severity": "high", "check": check,
        "setup": { "requester": "LA", "upstream": "fixture" }, "request": request });
    for (name, value) in more.as_object().unwrap() {
        out[name] = value.clone();
    }
    out
}

pub(crate) fn asking(method: &str, path: &str) -> Value {
    let headers = json!({ "Authorization": "Bearer {{LA}}", "Accept": "application/fhir+json" });
    json!({ "method": method, "path": path, "headers": headers, "body": null })
}

/// One attack of every kind that needs nothing but the two servers.
fn small_battery() -> Vec<Value> {
    let raw = |text: &str| {
        let mut request = asking("GET", "/fhir/Patient/unseen");
        request["raw"] = json!(text);
        request
    };
    let with_body = |method: &str, path: &str, body: &Value| {
        let mut request = asking(method, path);
        request["body"] = json!(body.to_string());
        request
    };
    let reflected = {
        let mut request = asking("HEAD", "/fhir/Patient/seen");
        request["headers"]["X-Request-Id"] = json!("not-a-uuid-at-all");
        request
    };
    vec![
        attack(
            "CAN-1",
            "canary",
            asking("GET", "/fhir/Patient/seen"),
            json!({ "must_contain": ["VISIBLE-Elm"] }),
        ),
        attack(
            "CAN-2",
            "canary",
            asking("GET", "/fhir/Patient/unseen/$everything"),
            json!({ "must_be_refused": true }),
        ),
        attack(
            "ORA-1",
            "oracle",
            asking("GET", "/fhir/Patient?address=canary-t"),
            json!({ "control_request": asking("GET", "/fhir/Patient?address=nowhere") }),
        ),
        attack(
            "TOT-1",
            "total",
            asking("GET", "/fhir/Observation?patient=seen"),
            json!({ "visible_total": 1 }),
        ),
        attack("DIF-1", "differential", asking("GET", "/fhir/Patient/seen"), json!({})),
        attack(
            "STS-1",
            "status:428",
            with_body("PUT", "/fhir/Patient/seen", &json!({ "resourceType": "Patient" })),
            json!({}),
        ),
        attack("UPS-1", "upstream-state", with_body("PATCH", "/fhir/Patient/seen", &json!([])), json!({})),
        attack(
            "SEQ-1",
            "sequence",
            with_body("PATCH", "/fhir/Patient/seen", &json!([])),
            json!({ "then": [asking("GET", "/fhir/Patient/seen")] }),
        ),
        attack("HDR-1", "header", reflected, json!({})),
        attack("RAW-1", "raw", raw("GET /fhir/Patient/unseen HTTP/1.1\r\nHost: gw\r\n\r\n"), json!({})),
        attack("PAG-1", "paging", asking("GET", "/fhir/Observation?patient=seen&_count=1"), json!({})),
        attack("CON-1", "concurrency", asking("GET", "/fhir/Patient/seen"), json!({})),
        attack("STA-1", "state", asking("GET", "/fhir/Patient/unseen"), json!({})),
        attack(
            "STA-2",
            "state",
            asking("GET", "/fhir/Observation/weight"),
            json!({ "setup": { "requester": "LA", "upstream": "state:label-flips" } }),
        ),
        attack("MAN-1", "manual", asking("GET", "/fhir/Patient/seen"), json!({})),
    ]
}

pub(crate) fn read(battery: &[Value]) -> Vec<Attack> {
    let file = tempfile::NamedTempFile::new().unwrap();
    let lines: Vec<String> = battery.iter().map(Value::to_string).collect();
    std::fs::write(file.path(), lines.join("\n")).unwrap();
    attacks(file.path()).unwrap()
}

pub(crate) async fn endpoint(base: &str) -> Endpoint {
    Endpoint::new(base, Reach::Loopback).await.unwrap()
}

pub(crate) async fn bench(base: &str, known: Vec<Canary>) -> Bench {
    let token = |(name, token): &(&str, &str)| ((*name).to_owned(), (*token).to_owned());
    let others = [("LA", TOKEN), ("HOSP", "b"), ("LA2", "c"), ("LAC", "d"), ("PRIV", "e")];
    Bench {
        target: endpoint(base).await,
        prefix: String::new(),
        tokens: others.iter().map(token).collect::<BTreeMap<_, _>>(),
        control: None,
        canaries: known,
        attachments: Vec::new(),
        upstream_logs: Vec::new(),
        logs: Vec::new(),
        metrics: Vec::new(),
        timing_pairs: None,
        states: None,
        orders: None,
        audit: None,
    }
}

pub(crate) fn plan(attacks: Vec<Attack>) -> Plan {
    Plan { attacks, only: None, gaps: None, time_max: Some(Duration::from_secs(600)) }
}

fn status(run: &Run, id: &str) -> Status {
    run.findings.iter().find(|finding| finding.id == id).map(conformance::privacy::Finding::status).unwrap()
}

fn ids(run: &Run, wanted: Status) -> Vec<&str> {
    run.findings.iter().filter(|found| found.status() == wanted).map(|found| found.id.as_str()).collect()
}

pub(crate) fn told(run: &Run) -> Vec<(&str, &str, &str)> {
    run.findings.iter().map(|found| (found.id.as_str(), found.status().word(), found.detail())).collect()
}

#[tokio::test]
async fn every_kind_fails_on_a_server_without_a_policy() {
    let base = start(Mind::Leaky, world(HIDDEN), None).await;
    let mut bench = bench(&base, vec![canary()]).await;
    bench.control = Some(endpoint(&base).await);
    let run = run(&bench, &plan(read(&small_battery()))).await;
    let spared: Vec<_> = told(&run).into_iter().filter(|(_, status, _)| *status != "FAIL").collect();
    assert_eq!(spared, [("MAN-1", "manual", "a person has to look")]);
    assert_eq!(run.verdict(), Verdict::Fail);
}

#[tokio::test]
async fn every_kind_holds_on_the_view_and_what_needs_a_control_is_not_run() {
    let base = start(Mind::Strict, view(), None).await;
    let run = run(&bench(&base, vec![canary()]).await, &plan(read(&small_battery()))).await;
    assert_eq!(ids(&run, Status::NotRun), ["UPS-1", "STA-2"], "{:?}", told(&run));
    assert_eq!(ids(&run, Status::Manual), ["MAN-1"]);
    assert_eq!(run.count(Status::Pass), small_battery().len() - 3, "{:?}", told(&run));
    assert_eq!(run.verdict(), Verdict::Pass);
}

#[tokio::test]
async fn what_refuses_everything_is_vacuous_where_something_must_be_served() {
    let base = start(Mind::Strict, vec![], None).await;
    let run = run(&bench(&base, vec![canary()]).await, &plan(read(&small_battery()))).await;
    assert_eq!(status(&run, "CAN-1"), Status::Vacuous);
    assert_eq!(run.verdict(), Verdict::Fail);
}

#[tokio::test]
async fn the_list_of_gaps_excuses_what_fails_and_nothing_else() {
    let base = start(Mind::Leaky, world(HIDDEN), None).await;
    let bench = bench(&base, vec![canary()]).await;
    let only = |gaps: &[&str]| Plan {
        attacks: read(&small_battery()),
        only: Some("CAN-".to_owned()),
        gaps: Some(gaps.iter().map(|id| (*id).to_owned()).collect()),
        time_max: None,
    };
    let run_with = async |gaps: &[&str]| run(&bench, &only(gaps)).await;
    assert_eq!(run_with(&["CAN-1", "CAN-2"]).await.verdict(), Verdict::Pass);
    assert_eq!(run_with(&["CAN-1"]).await.verdict(), Verdict::Fail);
    assert_eq!(run_with(&["CAN-1", "CAN-2", "CAN-9"]).await.unknown_gaps, ["CAN-9"]);
    let strict = start(Mind::Strict, view(), None).await;
    let bench = self::bench(&strict, vec![canary()]).await;
    let mended = run(&bench, &only(&["CAN-1"])).await;
    assert_eq!((status(&mended, "CAN-1"), mended.verdict()), (Status::Mended, Verdict::Fail));
}

#[tokio::test]
async fn what_was_not_run_is_never_a_pass() {
    let base = start(Mind::Strict, view(), None).await;
    let wanting =
        |id: &str, check: &str, more: Value| attack(id, check, asking("GET", "/fhir/Patient/seen"), more);
    let battery = read(&[
        wanting("N-1", "telemetry", json!({})),
        wanting("N-2", "upstream-log", json!({})),
        wanting("N-3", "canary", json!({ "upstream_must_not_see": ["x"] })),
        wanting("N-4", "timing", json!({ "control_request": asking("GET", "/fhir/Patient/none") })),
        wanting("N-5", "canary", json!({ "setup": { "requester": "LA", "upstream": "canned:x" } })),
        wanting("N-6", "state", json!({ "setup": { "requester": "LA", "upstream": "state:of-the-moon" } })),
        attack("N-7", "canary", asking("GET", "/fhir/Patient/{{NOBODY}}"), json!({})),
    ]);
    let run = run(&bench(&base, vec![canary()]).await, &plan(battery)).await;
    assert_eq!(run.count(Status::NotRun), 7, "{:?}", told(&run));
    assert_eq!(run.verdict(), Verdict::Error);
}

#[tokio::test]
async fn logs_and_the_upstream_are_looked_into() {
    let base = start(Mind::Strict, view(), None).await;
    let log = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(log.path(), format!("an old line with {HIDDEN}\n")).unwrap();
    let mut bench = bench(&base, vec![canary()]).await;
    bench.logs = vec![log.path().to_owned()];
    let tapped = tapped(&base, log.path()).await;
    bench.target = endpoint(&tapped).await;
    let telling = read(&[attack("T-1", "telemetry", asking("GET", "/fhir/Patient/seen"), json!({}))]);
    assert_eq!(
        run(&bench, &plan(telling.clone())).await.count(Status::Pass),
        1,
        "what was there before does not count"
    );
    // The tap writes to the log what passes through it; the canary is in the request, which is no excuse in a log.
    let asked = asking("GET", &format!("/fhir/Patient?name={HIDDEN}"));
    let telling = read(&[attack("T-2", "telemetry", asked, json!({}))]);
    assert_eq!(run(&bench, &plan(telling)).await.count(Status::Fail), 1);
    bench.upstream_logs = vec![log.path().to_owned()];
    let mut forged = asking("GET", "/fhir/Patient/seen");
    forged["headers"]["X-Forged"] = json!("99900");
    let looked = read(&[
        attack("U-1", "canary", forged.clone(), json!({ "upstream_must_not_see": ["x-forged"] })),
        attack("U-2", "canary", forged, json!({ "upstream_must_not_see": ["x-else"] })),
        attack("U-3", "upstream-log", asking("GET", "/fhir/Patient?identifier=9990000018"), json!({})),
        attack(
            "U-4",
            "upstream-log",
            asking("DELETE", "/fhir/Patient/seen"),
            json!({ "must_be_refused": true }),
        ),
    ]);
    let run = run(&bench, &plan(looked)).await;
    assert_eq!(ids(&run, Status::Fail), ["U-1", "U-3", "U-4"], "{:?}", told(&run));
    assert_eq!(ids(&run, Status::Pass), ["U-2"]);
}

async fn tapped(base: &str, log: &Path) -> String {
    let any = "127.0.0.1:0".parse().unwrap();
    let tap = conformance::privacy::tap::Tap::open(any, &endpoint(base).await, log, None).await.unwrap();
    let address = tap.address().unwrap();
    tokio::spawn(tap.serve());
    format!("http://{address}")
}

#[tokio::test]
async fn a_server_elsewhere_is_attacked_only_when_that_is_allowed() {
    let remote = "http://192.0.2.1:9";
    assert_eq!(Endpoint::new(remote, Reach::Loopback).await, Err(BadEndpoint::Remote));
    assert!(Endpoint::new(remote, Reach::Remote).await.is_ok());
    for form in ["https://127.0.0.1:1", "http://a@127.0.0.1:1", "http://127.0.0.1:1/?x", "http://"] {
        assert_eq!(Endpoint::new(form, Reach::Loopback).await, Err(BadEndpoint::Form), "{form}");
    }
}

#[tokio::test]
async fn a_target_that_does_not_listen_is_unusable() {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let run = run(&bench(&base, vec![canary()]).await, &plan(read(&small_battery()))).await;
    assert_eq!((run.target, run.verdict()), (Usable::Silent(Trouble::Unreachable), Verdict::Unusable));
}

#[tokio::test]
async fn reports_agree_with_each_other_and_hold_no_token() {
    let base = start(Mind::Leaky, world(HIDDEN), None).await;
    let run = run(&bench(&base, vec![canary()]).await, &plan(read(&small_battery()))).await;
    let json = crate::holder::parse(&report::json(&run));
    let failed = json["findings"].as_array().unwrap().iter().filter(|row| row["status"] == "FAIL").count();
    assert_eq!(failed, run.count(Status::Fail));
    let junit = report::junit(&run);
    assert_eq!(junit.matches("<failure ").count(), failed);
    assert_eq!(junit.matches("<testcase ").count(), run.findings.len());
    for text in [report::terminal(&run), report::json(&run), junit] {
        assert!(!text.contains(TOKEN));
    }
}

#[test]
fn tokens_and_gaps_are_read_from_either_form() {
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, text: &str| {
        let file = folder.path().join(name);
        std::fs::write(&file, text).unwrap();
        file
    };
    let plain = tokens(&put("t.json", r#"{"LA": "x"}"#)).unwrap();
    assert_eq!(tokens(&put("demo.json", r#"{"base": "b", "tokens": {"LA": "x"}}"#)).unwrap(), plain);
    let lines = gaps(&put("g.txt", "A-1 # why\n\n# nothing\nB-2\n")).unwrap();
    assert_eq!(
        gaps(&put("g.toml", "[view]\nx = \"y\"\n[battery]\n\"A-1\" = \"why\"\n\"B-2\" = \"why\"\n")).unwrap(),
        lines
    );
    assert!(attacks(&put("b.jsonl", "{\"id\": 1}")).is_err());
    assert!(attacks(&put("e.jsonl", "")).is_err());
    assert!(canaries(&put("c.json", "{\"canaries\": []}")).is_err());
}

/// The battery and its fixture, where they are.
pub(crate) fn corpus() -> Option<PathBuf> {
    #[expect(clippy::disallowed_methods, reason = "a test finds its corpus by the environment")]
    let folder = std::env::var("PORTCULLIS_CORPUS").ok().map(|folder| PathBuf::from(folder).join("leaks"));
    let found = folder.filter(|folder| folder.join("battery.jsonl").exists());
    if found.is_none() {
        eprintln!("SKIPPED: no battery at $PORTCULLIS_CORPUS/leaks");
    }
    found
}

#[tokio::test]
async fn the_battery_fails_at_a_server_without_a_policy_over_the_fixture() {
    let Some(corpus) = corpus() else { return };
    let fixture = corpus.join("fixture");
    let base = start(Mind::Leaky, records(&fixture.join("resources")), Some(&fixture.join("upstream"))).await;
    let mut bench = bench(&base, canaries(&fixture.join("canaries.json")).unwrap()).await;
    bench.control = Some(endpoint(&base).await);
    bench.attachments = attachments(&fixture.join("resources"));
    assert!(!bench.attachments.is_empty());
    let named = [
        "SRCH-01", "PROJ-05", "PROJ-09", "HIST-13", "WRITE-02", "WRITE-04", "WRITE-08", "HTTP-04", "RACE-07",
        "RACE-12",
    ];
    // Every third, and those of each kind: unoptimised, all of them take minutes here.
    let chosen: Vec<Attack> = attacks(&corpus.join("battery.jsonl"))
        .unwrap()
        .into_iter()
        .enumerate()
        .filter(|(index, attack)| index % 3 == 0 || named.contains(&attack.id.as_str()))
        .map(|(_, attack)| attack)
        .filter(|attack| attack.setup.upstream != "canned:bomb.gz")
        .collect();
    let run = run(&bench, &plan(chosen)).await;
    println!("of {}: {} fail", run.findings.len(), run.count(Status::Fail));
    assert_eq!(run.verdict(), Verdict::Fail);
    assert!(run.count(Status::Fail) * 4 > run.findings.len() * 3, "{:?}", told(&run));
    for id in named {
        assert_eq!(status(&run, id), Status::Fail, "{id}");
    }
}

#[tokio::test]
async fn the_battery_holds_at_a_server_that_has_the_golden_view_only() {
    let Some(corpus) = corpus() else { return };
    let fixture = corpus.join("fixture");
    let base = start(Mind::Strict, records(&fixture.join("views/LA")), None).await;
    let bench = bench(&base, canaries(&fixture.join("canaries.json")).unwrap()).await;
    let run = run(&bench, &plan(attacks(&corpus.join("battery.jsonl")).unwrap())).await;
    let failed: Vec<_> =
        told(&run).into_iter().filter(|(_, status, _)| ["FAIL", "VACUOUS"].contains(status)).collect();
    assert_eq!(failed, []);
    assert_eq!(run.verdict(), Verdict::Pass);
    assert!(run.count(Status::Pass) >= 190, "{:?}", told(&run));
}
