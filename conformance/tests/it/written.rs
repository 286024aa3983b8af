//! What this program writes of FHIR holds to FHIR, as our own validator has it.

use std::path::PathBuf;
use std::time::Duration;

use conformance::report as suites;
use conformance::script::{
    Act, ActionRun, Library, Options, Outcome, ScriptRun, ScriptsRun, StandIn, TestRun, report,
};
use conformance::tree::{Limits, Tree};
use conformance::validate::validate;
use proptest::prelude::*;

use crate::script_life::{holder, read};
use crate::script_support::{alone, folder, run, run_in, script, server};
use crate::validate::shipped;

/// Nothing is found in `json`, but that it has no narrative for people.
#[track_caller]
pub(crate) fn sound(json: &str) {
    let tree = Tree::read(json.as_bytes(), &Limits::default()).expect("a tree");
    let mut found = validate(&tree, shipped(), &[]);
    found.retain(|one| one.code() != "dom-6");
    assert!(found.is_empty(), "{json}\n{found:#?}");
}

const BASE: &str = "https://holder.example/fhir";

const EVERYTHING: &str = r#"
    "fixture":[{"id":"p","resource":{"resourceType":"Patient","active":true}}],
    "setup":{"action":[READ]},
    "test":[
        {"name":"held","description":"two lines\nof words","action":[READ,
            {"assert":{"description":"<found>","response":"okay"}},
            {"assert":{"expression":"Patient.active","value":"false","warningOnly":true}},
            {"assert":{"expression":"Patient.active","value":"false","stopTestOnFail":false}},
            {"assert":{"expression":"Patient.unheardOf(","value":"false","stopTestOnFail":false}}]},
        {"name":"stopped","action":[READ,{"assert":{"response":"gone","stopTestOnFail":true}},{"assert":{"response":"okay"}}]},
        {"name":"none"},
        {"name":" \u0001 ","action":[READ]}],
    "teardown":{"action":[READ]}"#;

#[tokio::test]
async fn a_testreport_of_a_script_holds_to_r4() {
    let server = server(holder).await;
    let members = EVERYTHING.replace("READ", &read("p1"));
    let run = run(&members, &server).await;
    let outcomes: Vec<Outcome> = run.actions().into_iter().map(|action| action.outcome).collect();
    for wanted in [Outcome::Pass, Outcome::Warning, Outcome::Fail, Outcome::Error] {
        assert!(outcomes.contains(&wanted), "{wanted:?}: {outcomes:?}");
    }
    sound(&report::testreport(&alone(run.clone()), &server.base));
    for (url, id) in [
        (None, Some("s")),
        (None, Some("no id")),
        (None, None),
        (Some("TestScript/s"), None),
        (Some("s"), None),
        (Some(""), None),
        (Some("https://own.example/scripts/s"), None),
        (Some("https://own.example/TestScript/s"), None),
        (Some("https://own.example/TestScript/s|1.0"), None),
        (Some("https://own.example/Questionnaire/s"), None),
        (Some("#s"), None),
    ] {
        let mut named = run.clone();
        (named.url, named.id) = (url.map(str::to_owned), id.map(str::to_owned));
        sound(&report::testreport(&alone(named), &server.base));
    }
}

#[tokio::test]
async fn testreports_of_suites_hold_to_r4() {
    let mut run = crate::pages::suites().await;
    sound(&suites::testreport(&run));
    for at in (0..run.suites.len()).rev() {
        let one = run.suites.remove(at);
        let rest = std::mem::replace(&mut run.suites, vec![one]);
        sound(&suites::testreport(&run));
        run.suites = rest;
    }
    sound(&suites::testreport(&run));
}

#[tokio::test]
async fn a_bundle_of_testreports_holds_to_r4() {
    let server = server(holder).await;
    let members = EVERYTHING.replace("READ", &read("p1"));
    let one = run(&members, &server).await;
    let folder =
        folder(&[("s.json", &script(r#""setup":{"action":[{"operation":{"type":{"code":"read"}}}]}"#))]);
    let other = run_in(folder.path(), &[&server.base], Options::default()).await;
    let mut run = ScriptsRun { scripts: vec![one.clone(), other, one], unread: Vec::new() };
    sound(&report::testreport(&run, &server.base));
    run.scripts.clear();
    sound(&report::testreport(&run, &server.base));
}

fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        Just(Outcome::Pass),
        Just(Outcome::Skip),
        Just(Outcome::Warning),
        Just(Outcome::Fail),
        Just(Outcome::Error)
    ]
}

fn words() -> impl Strategy<Value = String> {
    prop_oneof!["\\PC{0,6}", "[ \t\r\n\u{0}\u{7f}\u{85}\u{a0}\u{2028}\u{3000}\u{feff}a]{0,4}"]
}

fn part() -> impl Strategy<Value = TestRun> {
    let action = (any::<bool>(), words(), words(), proptest::collection::vec(words(), 0..2), outcome());
    let action = action.prop_map(|(asks, label, message, more, outcome)| ActionRun {
        act: if asks { Act::Operation } else { Act::Assert },
        place: "test[0].action[0]".to_owned(),
        id: None,
        label,
        outcome,
        message,
        details: more.clone(),
        requirements: more,
        within: Vec::new(),
    });
    (words(), proptest::option::of(words()), outcome(), proptest::collection::vec(action, 0..3)).prop_map(
        |(name, description, outcome, actions)| TestRun {
            message: name.clone(),
            name,
            description,
            outcome,
            actions,
            took: Duration::ZERO,
        },
    )
}

pub(crate) fn script_run() -> impl Strategy<Value = ScriptRun> {
    let named = (words(), proptest::option::of(words()), proptest::option::of(words()));
    let parts =
        (proptest::option::of(part()), proptest::collection::vec(part(), 0..3), proptest::option::of(part()));
    (named, outcome(), parts).prop_map(|((name, url, id), outcome, (setup, tests, teardown))| ScriptRun {
        name,
        url,
        id,
        file: PathBuf::from("s.json"),
        began: "2024-02-29T10:00:00.123456789Z".to_owned(),
        outcome,
        message: String::new(),
        setup,
        tests,
        teardown,
        took: Duration::ZERO,
        answered: 1,
        unanswered: 0,
    })
}

proptest! {
    #[test]
    fn a_testreport_holds_to_r4_whatever_a_script_is_called_and_says(
        scripts in proptest::collection::vec(script_run(), 0..3)
    ) {
        sound(&report::testreport(&ScriptsRun { scripts, unread: Vec::new() }, BASE));
    }
}

async fn asked(base: &str, method: &str, path: &str, body: &str) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let host = base.strip_prefix("http://").unwrap();
    let host = host.split('/').next().unwrap();
    let mut stream = tokio::net::TcpStream::connect(host).await.unwrap();
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\naccept: application/fhir+json\r\n\
         content-type: application/fhir+json\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut told = String::new();
    stream.read_to_string(&mut told).await.unwrap();
    told.split_once("\r\n\r\n").unwrap().1.to_owned()
}

#[tokio::test]
async fn the_operationoutcomes_of_the_stand_in_hold_to_r4() {
    let folder = folder(&[]);
    let library = Library::open(folder.path(), &[]).unwrap();
    let base = StandIn::serve(&library, &[]).await.unwrap();
    for (method, path, body) in [
        ("GET", "/Patient/none", ""),
        ("POST", "/Patient/1/$operation", "{}"),
        ("POST", "/Patient", "no resource"),
        ("POST", "/Patient", "{}"),
        ("PUT", "/Patient/1", "[]"),
        ("GET", "/a/b/c/d/e", ""),
    ] {
        let told = asked(&base, method, path, body).await;
        assert!(told.contains("OperationOutcome"), "{method} {path}: {told}");
        sound(&told);
    }
}
