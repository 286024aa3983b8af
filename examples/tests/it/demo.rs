//! The `demo` program as a person or a script runs it.

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use examples::json::{parse, text};
use examples::wire::Caller;
use http::Method;
use serde_json::Value;
use tempfile::TempDir;

const STEPS: [&str; 11] = [
    "hospital_sends_discharge",
    "social_worker_reads",
    "social_worker_searches",
    "support_worker_reads",
    "dissent_respected",
    "no_relationship_refused",
    "hidden_element_search_refused",
    "withdrawal_takes_effect",
    "break_glass",
    "patient_sees_trail",
    "ledger_verifies",
];

fn demo(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_demo"));
    command.arg("--folder").arg(folder).args(arguments);
    command
}

fn told(output: &Output) -> Vec<Value> {
    String::from_utf8_lossy(&output.stdout).lines().map(|line| parse(line.as_bytes()).unwrap()).collect()
}

/// A demo that stays up, and what it says of itself once every listener answers.
struct Up {
    child: Child,
    notice: Value,
}

impl Drop for Up {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn up(folder: &Path) -> Up {
    let mut child = demo(folder, &["--scenario", "none"]).stdout(Stdio::null()).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        if let Ok(bytes) = std::fs::read(folder.join("demo.json")) {
            return Up { child, notice: parse(&bytes).unwrap() };
        }
        assert!(child.try_wait().unwrap().is_none(), "the demo ended early");
        assert!(Instant::now() < deadline, "the demo is not up in time");
        std::thread::yield_now();
    }
}

#[test]
fn the_story_holds_and_the_program_says_so() {
    let folder = TempDir::new().unwrap();
    let output = demo(folder.path(), &["--once", "--json"]).output().unwrap();
    let told = told(&output);
    let broken: Vec<&Value> = told.iter().filter(|step| step["ok"] != true).collect();
    assert!(broken.is_empty(), "{broken:#?}\n{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(told.iter().filter_map(|step| text(step, "/step")).collect::<Vec<_>>(), STEPS);
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn the_scene_beside_the_notice_is_one_that_the_suites_take() {
    let folder = TempDir::new().unwrap();
    let _up = up(folder.path());
    let text = std::fs::read_to_string(folder.path().join("scene.toml")).unwrap();
    let scene = conformance::scene::Scene::parse(&text, folder.path()).unwrap();
    assert!(scene.audit.is_some() && scene.consents.is_some() && scene.writes.is_some());
    assert!(scene.actors.values().all(|actor| actor.token.is_some()));
}

#[tokio::test]
async fn the_notice_tells_where_everything_is_and_everything_answers() {
    let folder = TempDir::new().unwrap();
    let up = up(folder.path());
    let caller = Caller::default();
    let base = text(&up.notice, "/base").unwrap();
    let bearer = |actor: &str| format!("Bearer {}", text(&up.notice, &format!("/tokens/{actor}")).unwrap());
    for (actor, status) in [("social_worker", 200), ("stranger", 403)] {
        let url = format!("{base}/hospital/fhir/Patient/{}", text(&up.notice, "/patients/ann/id").unwrap());
        let headers = [("authorization", bearer(actor))];
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let answer = caller.call(Method::GET, &url, &headers, Vec::new()).await.unwrap();
        assert_eq!(answer.status, status, "{actor}");
    }
    for place in ["/systems/hospital", "/systems/council"] {
        let url = format!("{}/metadata", text(&up.notice, place).unwrap());
        assert_eq!(caller.call(Method::GET, &url, &[], Vec::new()).await.unwrap().status, 200);
    }
    let ready = format!("{}/health/ready", text(&up.notice, "/ops").unwrap());
    assert_eq!(caller.call(Method::GET, &ready, &[], Vec::new()).await.unwrap().status, 200);
    for file in ["/config", "/public_key"] {
        assert!(Path::new(text(&up.notice, file).unwrap()).is_file(), "{file}");
    }
    assert_eq!(up.notice["tokens"].as_object().unwrap().len(), 7);
    assert!(text(&up.notice, "/mllp").unwrap().parse::<std::net::SocketAddr>().is_ok());
}

#[test]
fn one_folder_has_one_demo_and_a_signal_ends_it_in_peace() {
    let folder = TempDir::new().unwrap();
    let mut up = up(folder.path());
    let second = demo(folder.path(), &["--once"]).output().unwrap();
    assert_eq!(second.status.code(), Some(75), "{}", String::from_utf8_lossy(&second.stderr));
    let killed = Command::new("kill").arg(up.child.id().to_string()).status().unwrap();
    assert!(killed.success());
    assert_eq!(up.child.wait().unwrap().code(), Some(0));
}

#[test]
fn usage_and_an_upstream_that_is_none_end_with_their_status() {
    let folder = TempDir::new().unwrap();
    assert_eq!(demo(folder.path(), &["--no-such"]).output().unwrap().status.code(), Some(64));
    let output = demo(folder.path(), &["--once", "--upstream", "http://127.0.0.1:1/fhir"]).output().unwrap();
    assert_eq!(output.status.code(), Some(69));
}
