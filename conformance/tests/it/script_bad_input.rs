//! Scripts that are wrong and servers that are worse: each check has its result, the rest goes on, and nothing is read or
//! asked that should not be.

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use conformance::run::Verdict;
use conformance::script::{Bounds, Library, NoProfiles, Options, Outcome, Road, Unreadable, lint};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::script_support::{
    SHORT, alone, folder, outcomes, run_in, run_on, said, script, server, systems, words,
};

/// What a server does to whoever talks to it.
#[derive(Debug, Clone, Copy)]
enum Manner {
    Hangs,
    Drips,
    Floods,
    BreaksOff,
    TalksNonsense,
    ClosesAtOnce,
}

async fn hostile(manner: Manner) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(mistreat(stream, manner));
        }
    });
    base
}

async fn mistreat(mut stream: TcpStream, manner: Manner) {
    let mut buffer = [0_u8; 4096];
    if matches!(manner, Manner::ClosesAtOnce) || stream.read(&mut buffer).await.is_err() {
        return;
    }
    let head =
        "HTTP/1.1 200 OK\r\ncontent-type: application/fhir+json\r\ncontent-length: 10737418240\r\n\r\n";
    match manner {
        Manner::ClosesAtOnce => {}
        Manner::Hangs => drop(stream.read(&mut buffer).await),
        Manner::TalksNonsense => drop(stream.write_all(b"\x00\xff nothing of HTTP \r\n\r\n").await),
        Manner::BreaksOff => drop(stream.write_all(format!("{head}{{\"resourceType\":").as_bytes()).await),
        Manner::Floods => {
            drop(stream.write_all(head.as_bytes()).await);
            while stream.write_all(&[b' '; 65536]).await.is_ok() {}
        }
        Manner::Drips => {
            drop(stream.write_all(head.as_bytes()).await);
            while stream.write_all(b" ").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
}

const READ: &str = r#"{"operation":{"type":{"code":"read"},"resource":"Patient","params":"/p1"}}"#;

#[tokio::test]
async fn a_server_that_misbehaves_costs_its_own_check_only() {
    let good = server(|_| said(200, r#"{"resourceType":"Patient","id":"p1"}"#)).await;
    let other =
        r#"{"operation":{"type":{"code":"read"},"resource":"Patient","params":"/p1","destination":2}}"#;
    let members = format!(
        r#""destination":[{{"index":1,"profile":{{"code":"FHIR-Server"}}}},{{"index":2,"profile":{{"code":"FHIR-Server"}}}}],
        "test":[{{"name":"bad","action":[{},{{"assert":{{"response":"okay"}}}}]}},
            {{"name":"good","action":[{other},{{"assert":{{"response":"okay"}}}}]}}]"#,
        READ.replace("\"/p1\"", "\"/p1\",\"destination\":1")
    );
    let folder = folder(&[("s.json", &script(&members))]);
    for manner in [
        Manner::Hangs,
        Manner::Drips,
        Manner::Floods,
        Manner::BreaksOff,
        Manner::TalksNonsense,
        Manner::ClosesAtOnce,
    ] {
        let bad = hostile(manner).await;
        let road = Road::Network { systems: systems(&[&bad, &good.base], SHORT), client: None, record: None };
        let run = run_on(folder.path(), road, Options::default(), Arc::new(NoProfiles)).await;
        assert_eq!(words(&run, "bad"), "error skip", "{manner:?}");
        assert_eq!(words(&run, "good"), "pass pass", "{manner:?}");
        assert_eq!(alone(run).verdict(), Verdict::Error, "{manner:?}");
    }
}

#[tokio::test]
async fn redirects_are_answers_and_other_hosts_are_not_called() {
    let other = server(|_| said(200, r#"{"resourceType":"Patient","id":"p1"}"#)).await;
    let elsewhere = format!("{}/Patient/p1", other.base);
    let place = elsewhere.clone();
    let asked = server(move |_| (302, vec![("location", place.clone())], String::new())).await;
    let members = format!(
        r#""variable":[{{"name":"place","sourceId":"r","headerField":"Location"}}],
        "fixture":[{{"id":"far","resource":{{"reference":"{elsewhere}"}}}}],"test":[{{"name":"t","action":[]}}]"#
    );
    let with_fixture = folder(&[("s.json", &script(&members))]);
    let run = run_in(with_fixture.path(), &[&asked.base], Options::default()).await;
    assert_eq!(run.outcome, Outcome::Error);
    let members = format!(
        r#""variable":[{{"name":"place","sourceId":"r","headerField":"Location"}}],"test":[
        {{"name":"redirect","action":[{{"operation":{{"type":{{"code":"read"}},"resource":"Patient","params":"/p1","responseId":"r"}}}},
            {{"assert":{{"responseCode":"302"}}}}]}},
        {{"name":"follow","action":[{{"operation":{{"url":"${{place}}"}}}}]}},
        {{"name":"credentials","action":[{{"operation":{{"url":"{}"}}}}]}},
        {{"name":"file","action":[{{"operation":{{"url":"file:///etc/passwd"}}}}]}}]"#,
        asked.base.replace("http://", "http://user@")
    );
    let folder = folder(&[("s.json", &script(&members))]);
    let run = run_in(folder.path(), &[&asked.base], Options::default()).await;
    assert_eq!(words(&run, "redirect"), "pass pass");
    assert_eq!(words(&run, "follow"), "error");
    assert_eq!(words(&run, "credentials"), "error");
    assert!(
        outcomes(&run)
            .iter()
            .any(|(name, _, message)| name == "follow" && message.contains("no --system names"))
    );
    assert!(other.lines().is_empty(), "{:?}", other.lines());
    // What is no address of the web is a path below the base.
    assert_eq!(asked.lines().len(), 2, "{:?}", asked.lines());
}

#[tokio::test]
async fn no_file_outside_the_folder_is_read() {
    let server = server(|_| said(200, "{}")).await;
    let outside = folder(&[("secret.json", r#"{"resourceType":"Patient","id":"zz"}"#)]);
    let inner = folder(&[("in/x", "")]);
    let far = outside.path().join("secret.json");
    std::os::unix::fs::symlink(&far, inner.path().join("in/link.json")).unwrap();
    let name = outside.path().file_name().unwrap().to_str().unwrap();
    for reference in [
        far.to_str().unwrap().to_owned(),
        format!("../../{name}/secret.json"),
        format!("in/../../{name}/secret.json"),
        "link.json".to_owned(),
        "/etc/passwd".to_owned(),
        "../../../../../../etc/passwd".to_owned(),
    ] {
        let text = script(&format!(
            r#""fixture":[{{"id":"f","resource":{{"reference":"{reference}"}}}}],
            "test":[{{"name":"t","action":[{{"operation":{{"type":{{"code":"create"}},"sourceId":"f"}}}}]}}]"#
        ));
        std::fs::write(inner.path().join("in/s.json"), &text).unwrap();
        let library = Library::open(&inner.path().join("in"), &[]).unwrap();
        let loaded = library.load(&inner.path().join("in/s.json")).unwrap();
        let found = lint(&loaded, &library);
        assert!(found.iter().any(|finding| finding.code == "missing-fixture"), "{reference}: {found:?}");
        let run = run_in(&inner.path().join("in"), &[&server.base], Options::default()).await;
        assert_eq!((run.outcome, run.tests.len()), (Outcome::Error, 0), "{reference}: {}", run.message);
    }
    assert!(server.lines().is_empty());
    let library = Library::open(inner.path(), &[]).unwrap();
    assert!(matches!(library.load(&far), Err(Unreadable::Outside(_))));
    assert!(matches!(library.load(&inner.path().join("in/link.json")), Err(Unreadable::Outside(_))));
}

#[test]
fn broken_scripts_are_told_from_files_that_are_none() {
    let deep = "[".repeat(100_000);
    let files = [
        ("a.json", "{"),
        ("b.json", r#"{"resourceType":"Patient"}"#),
        ("c.xml", "<TestScript xmlns=\"http://hl7.org/fhir\">"),
        ("d.xml", "<!DOCTYPE x [<!ENTITY e SYSTEM \"file:///etc/passwd\">]><TestScript/>"),
        ("e.json", deep.as_str()),
        ("f.json", ""),
    ];
    let folder = folder(&files);
    let library = Library::open(folder.path(), &[]).unwrap();
    for (name, _) in files {
        let loaded = library.load(&folder.path().join(name)).map(|_| ());
        match name {
            "b.json" => assert!(matches!(loaded, Err(Unreadable::NoScript(_))), "{name} {loaded:?}"),
            _ => assert!(matches!(loaded, Err(Unreadable::Malformed(_))), "{name} {loaded:?}"),
        }
    }
    assert!(matches!(library.load(&folder.path().join("none.json")), Err(Unreadable::Missing(_))));
}

#[test]
fn lint_finds_what_is_wrong() {
    let text = script(
        r#""fixture":[{"id":"a","resource":{"reference":"missing.json"}},{"id":"a","resource":{"resourceType":"Patient"}},{"resource":{}}],
        "variable":[{"name":"v","expression":"Patient.(","path":"id"}],
        "test":[{"name":"t","action":[
            {"assert":{"response":"okay"}},
            {"operation":{"type":{"code":"read"},"resource":"Patient","params":"/${nobody}","sourceId":"unknown"}},
            {"assert":{"direction":"request","responseCode":"200"}},
            {"assert":{"response":"fine"}},
            {"assert":{"description":"nothing"}},
            {"assert":{"validateProfileId":"none"}},
            {"assert":{"headerField":"ETag","operator":"equals"}},
            {"assert":{"compareToSourceId":"a"}},
            {"assert":{"response":"okay","operator":"resembles"}},
            {"operation":{"type":{"code":"read"},"method":"fetch"},"assert":{"response":"okay"}},
            {}]}],
        "teardown":{"action":[{"assert":{"response":"okay"}}]}"#,
    );
    let folder = folder(&[("s.json", &text)]);
    let library = Library::open(folder.path(), &[]).unwrap();
    let found = lint(&library.load(&folder.path().join("s.json")).unwrap(), &library);
    let codes: Vec<&str> = found.iter().map(|finding| finding.code).collect();
    for code in [
        "missing-fixture",
        "repeated-id",
        "fixture-without-id",
        "expression",
        "tst-3",
        "nothing-asked",
        "undefined-variable",
        "unknown-id",
        "tst-12",
        "response",
        "asserts-nothing",
        "unknown-profile",
        "no-value",
        "tst-10",
        "operator",
        "tst-1",
        "assert-in-teardown",
    ] {
        assert!(codes.contains(&code), "{code} is not among {codes:?}");
    }
    assert!(found.iter().any(|finding| finding.line > 1));
}

fn program(arguments: &[&str]) -> (i32, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_portcullis-conformance")).args(arguments).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8(said).unwrap())
}

#[test]
fn the_program_runs_lints_and_replays() {
    let good = script(&format!(
        r#""fixture":[{{"id":"p","resource":{{"resourceType":"Patient","id":"p1","active":true}}}}],
        "test":[{{"name":"t","action":[{READ},{{"assert":{{"expression":"Patient.active"}}}}]}}]"#
    ));
    let bad = good.replace("Patient.active", "Patient.active.not()");
    let files = folder(&[("good/s.json", &good), ("bad/s.json", &bad), ("none/x.json", "{}")]);
    let path = |name: &str| files.path().join(name).to_str().unwrap().to_owned();
    let (code, text) = program(&["run", "--stand-in", "--script", &path("good"), "--record", &path("h.har")]);
    assert_eq!(code, 0, "{text}");
    let (code, text) = program(&[
        "run",
        "--stand-in",
        "--script",
        &path("bad/s.json"),
        "--report",
        &format!("junit={}", path("j.xml")),
    ]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("The first failure in full: S"), "{text}");
    assert!(std::fs::read_to_string(path("j.xml")).unwrap().contains("<failure "));
    let recorded = std::fs::read_to_string(path("h.har")).unwrap();
    let (before, _) = recorded.split_once("/Patient/p1").unwrap();
    let base = before.rsplit('"').next().unwrap().to_owned();
    let replay = |script: &str| {
        program(&["replay", "--script", script, "--exchanges", &path("h.har"), "--base", &base])
    };
    assert_eq!(replay(&path("good/s.json")).0, 0);
    assert_eq!(replay(&path("bad/s.json")).0, 1);
    let (code, text) = program(&["run", "--base", "http://127.0.0.1:1", "--script", &path("good")]);
    assert_eq!(code, 3, "{text}");
    assert_eq!(program(&["run", "--script", &path("good")]).0, 2);
    assert_eq!(program(&["run", "--stand-in", "--script", &path("none")]).0, 2);
    assert_eq!(program(&["run"]).0, 2);
    assert_eq!(program(&["lint", &path("good")]).0, 0);
    assert_eq!(program(&["lint", &path("none/x.json")]).0, 2);
}

#[test]
fn profiles_are_checked_by_the_definitions_that_are_built_in() {
    let held = |id: &str, gender: &str| {
        format!(r#"{{"id":"{id}","resource":{{"resourceType":"Patient","id":"{id}","gender":"{gender}"}}}}"#)
    };
    let test = |id: &str, profile: &str| {
        format!(
            r#"{{"name":"{id} {profile}","action":[{{"operation":{{"type":{{"code":"read"}},"resource":"Patient","params":"/{id}"}}}},
            {{"assert":{{"validateProfileId":"{profile}"}}}}]}}"#
        )
    };
    let whole = |tests: &[String]| {
        script(&format!(
            r#""profile":[{{"id":"base","reference":"http://hl7.org/fhir/StructureDefinition/Patient"}},{{"id":"none","reference":"urn:none"}}],
            "fixture":[{},{}],"test":[{}]"#,
            held("good", "female"),
            held("bad", "zzcanary"),
            tests.join(",")
        ))
    };
    for (tests, expected, told) in [
        (vec![test("good", "base")], 0, "Pass: "),
        (vec![test("bad", "base")], 1, "Patient.gender: error"),
        (vec![test("good", "none")], 2, "unsupported: the profile urn:none"),
        (vec![test("bad", "base"), test("good", "none")], 2, "unsupported: "),
    ] {
        let files = folder(&[("s.json", &whole(&tests))]);
        let file = files.path().join("s.json");
        let (code, text) = program(&["run", "--stand-in", "--script", file.to_str().unwrap()]);
        assert_eq!(code, expected, "{text}");
        assert!(text.contains(told) && !text.contains("zzcanary"), "{text}");
    }
}

#[tokio::test]
async fn bounds_hold_for_what_is_asked_of_a_good_server() {
    let large =
        server(|_| said(200, &format!(r#"{{"resourceType":"Patient","id":"{}"}}"#, "x".repeat(4096)))).await;
    let members = format!(r#""test":[{{"name":"t","action":[{READ}]}}]"#);
    let folder = folder(&[("s.json", &script(&members))]);
    let bounds = Bounds { body_bytes_max: 1024, ..Bounds::default() };
    let road = Road::Network { systems: systems(&[&large.base], bounds), client: None, record: None };
    let run = run_on(folder.path(), road, Options::default(), Arc::new(NoProfiles)).await;
    assert!(outcomes(&run)[0].2.contains("larger"), "{:?}", outcomes(&run));
}
