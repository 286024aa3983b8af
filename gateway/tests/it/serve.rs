//! The whole gateway, from files: a share, its record, a reload, a stop, and the binary itself.

use std::process::{Command, Stdio};
use std::sync::Arc;

use gateway::commands::Exit;
use gateway::server::listener::Drained;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::{Notify, mpsc};

use crate::support::front::{ask, to_end};
use crate::support::tls::{Authority, Leaf, client_config, dns, file};
use crate::support::upstream::{Play, fhir};
use crate::support::whole::{PATIENT, Whole, one_patient};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_goes_the_whole_way_and_is_recorded_before_it_is_told() {
    let site = Whole::with(one_patient).await;
    let running = site.start().await.unwrap();
    let token = site.consultant();
    let (status, head, body) = site.get("/hospital/fhir/Patient/p1", Some(&token)).await;
    assert_eq!(status, 200, "{body}");
    assert!(body.contains("Example") && body.contains("1950-01-01"));
    assert!(!body.contains("secret") && !head.contains("secret"), "{body}");
    for header in
        ["portcullis-receipt: ", "x-request-id: ", "etag: W/\"", "cache-control: no-store", "link: <http"]
    {
        assert!(head.contains(header), "{header} in {head}");
    }
    assert!(!head.contains("\"7\""), "the version of the system stays there");
    let (status, head, body) = site.get("/hospital/fhir/Patient?_id=p1", Some(&token)).await;
    assert_eq!((status, body.contains("secret")), (200, false), "{head}{body}");
    assert_eq!(site.get("/hospital/fhir/Patient/p1", None).await.0, 401);
    assert_eq!(site.get("/hospital/fhir/Patient/p1", Some(&site.staff_token("R1460"))).await.0, 403);
    assert_eq!(site.get("/hospital/fhir/Nonsense/p1", Some(&token)).await.0, 404);
    assert_eq!(running.stop().await, Drained::Whole);
    let entries = site.entries();
    let told: String = entries.iter().map(ToString::to_string).collect();
    for word in ["disclosed", "role-not-covered", "no-such-place", "not-authenticated", "started", "stopped"]
    {
        assert!(told.contains(word), "{word} is recorded: {told}");
    }
    assert!(!told.contains("Example\"") && !told.contains("secret"), "no content is in a record");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reload_changes_what_is_shared_at_once_and_a_faulty_one_changes_nothing() {
    let site = Whole::with(one_patient).await;
    let running = site.start().await.unwrap();
    let token = site.consultant();
    let read = async || site.get("/hospital/fhir/Patient/p1", Some(&token)).await.0;
    assert_eq!(read().await, 200);
    std::fs::write(site.config(), "[gateway]\nnonsense = 1\n").unwrap();
    let fault = running.reload().await.unwrap_err();
    assert_eq!(fault.exit(), Exit::Settings);
    assert!(fault.to_string().contains("nonsense"), "{fault}");
    assert_eq!(read().await, 200, "the old settings go on serving");
    site.write_settings("suspended");
    running.reload().await.unwrap();
    assert_eq!(read().await, 403);
    site.write_settings("in-force");
    running.reload().await.unwrap();
    assert_eq!(read().await, 200);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_nobody_took_is_recorded_as_such() {
    let (asked, mut has_asked) = mpsc::unbounded_channel();
    let go_on = Arc::new(Notify::new());
    let wait = Arc::clone(&go_on);
    let site = Whole::with(move |seen| {
        if seen.line.starts_with("GET /fhir/Patient/p1 ") {
            asked.send(()).unwrap();
            return Play::Once(Arc::clone(&wait), fhir("200 OK", PATIENT));
        }
        one_patient(seen)
    })
    .await;
    let running = site.start().await.unwrap();
    let mut stream = TcpStream::connect(site.requests).await.unwrap();
    let token = site.consultant();
    let request = site.request("GET", "/hospital/fhir/Patient/p1", Some(&token), "", "");
    stream.write_all(request.as_bytes()).await.unwrap();
    has_asked.recv().await.unwrap();
    drop(stream);
    let ops = site.ops();
    loop {
        let mut numbers = TcpStream::connect(ops).await.unwrap();
        numbers.write_all(b"GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        if to_end(&mut numbers).await.contains("portcullis_connections 0") {
            break;
        }
    }
    go_on.notify_one();
    assert_eq!(running.stop().await, Drained::Whole);
    let told: Vec<String> = site.entries().iter().map(ToString::to_string).collect();
    let disclosed = told.iter().position(|entry| entry.contains("disclosed")).expect("it was recorded");
    let undelivered = told.iter().position(|entry| entry.contains("not-delivered")).expect("and corrected");
    assert!(disclosed < undelivered);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_left_is_counted_by_persons_and_a_look_at_the_register_is_not() {
    let site = Whole::with(one_patient).await;
    let running = site.start().await.unwrap();
    assert_eq!(site.get("/hospital/fhir/Patient/p1", Some(&site.consultant())).await.0, 200);
    assert_eq!(site.get("/register", None).await.0, 200);
    let mut numbers = TcpStream::connect(site.ops()).await.unwrap();
    numbers.write_all(b"GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let numbers = to_end(&mut numbers).await;
    assert!(numbers.contains("\nportcullis_persons_shared_total 1\n"), "{numbers}");
    assert!(numbers.contains("\nportcullis_overrides_total 0\n"), "{numbers}");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_person_signs_in_and_sees_who_read_her_record() {
    let site = Whole::with(one_patient).await;
    let running = site.start().await.unwrap();
    assert_eq!(site.get("/hospital/fhir/Patient/p1", Some(&site.consultant())).await.0, 200);
    let form = format!("token={}", site.ann());
    let headers = "content-type: application/x-www-form-urlencoded\r\n";
    let mut stream = TcpStream::connect(site.requests).await.unwrap();
    let (status, head, _) =
        ask(&mut stream, &site.request("POST", "/me/session", None, headers, &form)).await.unwrap();
    assert_eq!(status, 303, "{head}");
    let cookie = head.lines().find_map(|line| line.strip_prefix("set-cookie: ")).unwrap();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"));
    let cookie = format!("cookie: {}\r\n", cookie.split(';').next().unwrap());
    let (status, head, page) =
        ask(&mut stream, &site.request("GET", "/me", None, &cookie, "")).await.unwrap();
    assert_eq!(status, 200);
    assert!(page.contains("Dr One") && head.contains("portcullis-receipt: "), "{page}");
    assert!(!page.contains("secret") && !page.contains("9990000018"));
    let (_, _, page) = ask(&mut stream, &site.request("GET", "/me", None, "", "")).await.unwrap();
    assert!(!page.contains("Dr One"), "without the session there is nothing to see");
    let (status, ..) =
        ask(&mut stream, &site.request("GET", "/hospital/fhir/Patient/p1", None, &cookie, "")).await.unwrap();
    assert_eq!(status, 401, "a session opens no record");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_goes_wrong_upstream_ends_the_exchange_and_is_recorded() {
    let site = Whole::with(|_| Play::ThenClose(b"HTTP/1.1 200 OK\r\n".to_vec())).await;
    let running = site.start().await.unwrap();
    let (status, head, body) = site.get("/hospital/fhir/Patient/p1", Some(&site.consultant())).await;
    assert_eq!(status, 502);
    assert!(head.contains("portcullis-receipt: ") && body.contains("OperationOutcome"));
    running.stop().await;
    let told: String = site.entries().iter().map(ToString::to_string).collect();
    assert!(told.contains("upstream-broken-off"), "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_state_folder_is_held_by_one_gateway() {
    let site = Whole::with(one_patient).await;
    let running = site.start().await.unwrap();
    let fault = site.start().await.unwrap_err();
    assert_eq!(fault.exit(), Exit::InUse, "{fault}");
    running.stop().await;
    let again = site.start().await.unwrap();
    again.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_for_everyone_are_served_without_anyone_asking_who() {
    let site = Whole::with(one_patient).await;
    let running = site.start().await.unwrap();
    for (path, status, holds) in [
        ("/", 303, ""),
        ("/register", 200, "Care on the wards"),
        ("/register?format=json", 200, "on-the-wards"),
        ("/register?format=csv", 200, "on-the-wards"),
        ("/register?format=xml", 400, "format"),
        ("/assets/portcullis.css", 200, "{"),
        ("/assets/secret", 404, "not found"),
    ] {
        let (found, head, body) = site.get(path, None).await;
        assert_eq!(found, status, "{path}");
        assert!(body.contains(holds), "{path}: {body}");
        assert!(head.contains("x-content-type-options: nosniff"));
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_binary_serves_reloads_and_stops_by_signal() {
    let site = Whole::with(one_patient).await;
    let mut serving = Command::new(env!("CARGO_BIN_EXE_portcullis"))
        .args(["serve", "--log", "json", "--config"])
        .arg(site.config())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = std::io::BufRead::lines(std::io::BufReader::new(serving.stderr.take().unwrap()));
    let mut lines = lines.map(Result::unwrap);
    let id = serving.id().to_string();
    let signal = |name: &str| assert!(Command::new("kill").args([name, &id]).status().unwrap().success());
    assert!(lines.any(|line| line.contains(r#""message":"serving""#)));
    assert_eq!(site.get("/hospital/fhir/Patient/p1", Some(&site.consultant())).await.0, 200);
    signal("-HUP");
    assert!(lines.any(|line| line.contains("were read again")));
    site.write_settings("nonsense");
    signal("-HUP");
    assert!(lines.any(|line| line.contains("the old ones go on serving") && line.contains("wards.toml")));
    signal("-TERM");
    let rest: Vec<String> = lines.collect();
    assert!(rest.iter().any(|line| line.contains("stopped")), "{rest:?}");
    assert_eq!(serving.wait().unwrap().code(), Some(0));
    let told = rest.join("\n");
    assert!(!told.contains("p1") && !told.contains("Ann") && PATIENT.contains("Ann"));
}

#[test]
fn the_binary_says_what_is_wrong_and_ends_with_its_status() {
    let run = |args: &[&str]| {
        let ended = Command::new(env!("CARGO_BIN_EXE_portcullis")).args(args).output().unwrap();
        (
            ended.status.code().unwrap(),
            String::from_utf8_lossy(&[ended.stdout, ended.stderr].concat()).into_owned(),
        )
    };
    for (args, status, says) in [
        (&["--help"][..], 0, "Exit status"),
        (&["serve", "--help"], 0, "SIGHUP"),
        (&["ledger", "verify", "--help"], 0, "--witnessed"),
        (&["nonsense"], 64, "unrecognized"),
        (&[], 64, "Usage"),
        (&["serve", "--config", "/nowhere/portcullis.toml"], 64, "portcullis.toml"),
        (&["ledger", "verify", "--folder", "/nowhere"], 74, ""),
    ] {
        let (ended, told) = run(args);
        assert_eq!(ended, status, "{args:?}: {told}");
        assert!(told.contains(says), "{args:?}: {told}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reload_takes_up_the_certificates_of_message_listeners_too() {
    let site = Whole::with(one_patient).await;
    let (before, after) = (Authority::new("before"), Authority::new("after"));
    let server = before.server("share.example.nhs.uk");
    let folder = site.folder.path();
    file(folder, "server.pem", &server.pem);
    file(folder, "server.key", &server.key);
    file(folder, "clients.pem", &before.pem);
    let settings = std::fs::read_to_string(site.config()).unwrap();
    let mllp = r#"
[[mllp]]
address = "127.0.0.1:0"
from = "ods:RX1"
to = ["hospital"]
purpose = "TREAT"
tls = { certificate = "server.pem", key = "server.key", client_ca = "clients.pem" }
clients = ["dns:pas.hospital.example"]
"#;
    std::fs::write(site.config(), settings + mllp).unwrap();
    let running = site.start().await.unwrap();
    let address = running.addresses().mllp[0];
    // What breaks the framing is told so: whoever hears that was let in.
    let heard = async |leaf: &Leaf| {
        let connector = tokio_rustls::TlsConnector::from(client_config(&before, Some(leaf), &[]));
        let stream = TcpStream::connect(address).await.unwrap();
        let mut stream = connector.connect("share.example.nhs.uk".try_into().unwrap(), stream).await.ok()?;
        stream.write_all(b"no frame").await.ok()?;
        Some(to_end(&mut stream).await).filter(|heard| !heard.is_empty())
    };
    let known_before = before.client(dns("pas.hospital.example"), 5);
    let known_after = after.client(dns("pas.hospital.example"), 5);
    assert!(heard(&known_before).await.is_some());
    assert!(heard(&known_after).await.is_none());
    file(folder, "clients.pem", "nothing");
    assert_eq!(running.reload().await.unwrap_err().exit(), Exit::Settings);
    assert!(heard(&known_before).await.is_some(), "a faulty file changes nothing");
    file(folder, "clients.pem", &after.pem);
    running.reload().await.unwrap();
    assert!(heard(&known_before).await.is_none());
    assert!(heard(&known_after).await.is_some());
    running.stop().await;
}
