//! Systems that answer wrongly in every way: each exchange ends as a fault of the system, is recorded as such, and
//! nothing of the answer comes out, in whatever shape.

use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::support::{Heard, nhs_number, patient, recorded};
use crate::support::ports::free;
use crate::support::process::{Process, operators_see};
use crate::support::upstream::{Play, Seen, answer, fhir};
use crate::support::whole::Whole;

/// What must not come out. Its letters are the same in JSON, in URLs, in HTML and in base64 of either kind.
const CANARY: &str = "canary7Yellow";

/// What the hospital does next.
#[derive(Clone)]
enum Does {
    Tells(Vec<u8>),
    Leaves(Vec<u8>),
    Hangs(Vec<u8>),
}

/// What is asked, what the system does then, and how that ends.
struct Case {
    name: &'static str,
    asks: Asks,
    does: Does,
    status: u16,
    reason: &'static str,
}

#[derive(Clone, Copy)]
enum Asks {
    Read,
    Search,
    Create,
    /// A read of a system that has little patience.
    Slow,
    /// A read of a system that is not there.
    Down,
}

fn case(name: &'static str, asks: Asks, does: Does, status: u16, reason: &'static str) -> Case {
    Case { name, asks, does, status, reason }
}

fn secret() -> String {
    format!(
        r#"{{"resourceType":"OperationOutcome","issue":[{{"severity":"error","code":"exception","diagnostics":"{CANARY}"}}]}}"#
    )
}

fn page() -> String {
    format!("<html><h1>{CANARY}</h1></html>")
}

fn ann() -> String {
    patient("p1", &nhs_number(1)).replace("canary-phone", CANARY)
}

/// An answer of FHIR JSON that says `headers` too.
fn with(status: &str, headers: &str, body: &str) -> Does {
    Does::Tells(answer(status, &format!("content-type: application/fhir+json\r\n{headers}"), body))
}

fn typed(content_type: &str, body: &str) -> Does {
    Does::Tells(answer("200 OK", &format!("content-type: {content_type}\r\n"), body))
}

fn body(text: &str) -> Does {
    Does::Tells(fhir("200 OK", text))
}

/// In chunks, as they are.
fn chunked(chunks: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/fhir+json\r\ntransfer-encoding: chunked\r\n\r\n{chunks}"
    )
    .into_bytes()
}

/// The connection and its framing break.
fn broken() -> Vec<Case> {
    let read = |name, does| case(name, Asks::Read, does, 502, "upstream-broken-off");
    let promised = format!("content-type: application/fhir+json\r\ncontent-length: 5000\r\n\r\n{}", ann());
    vec![
        read("nothing at all", Does::Leaves(Vec::new())),
        read("garbage", Does::Leaves(format!("{CANARY}\r\n\r\n").into_bytes())),
        read("half a head", Does::Leaves(format!("HTTP/1.1 200 OK\r\nx-{CANARY}: {CANARY}").into_bytes())),
        read("half a body", Does::Leaves(format!("HTTP/1.1 200 OK\r\n{promised}").into_bytes())),
        read("a chunk cut off", Does::Leaves(chunked(&format!("fff\r\n{}", ann())))),
        read("a chunk of no length", Does::Leaves(chunked(&format!("{CANARY}\r\n{}", ann())))),
        read("two lengths", with("200 OK", "content-length: 3\r\n", &ann())),
        case("slow to begin", Asks::Slow, Does::Hangs(Vec::new()), 504, "upstream-timed-out"),
        case(
            "slow in its head",
            Asks::Slow,
            Does::Hangs(format!("HTTP/1.1 200 OK\r\nx: {CANARY}\r\n").into_bytes()),
            504,
            "upstream-timed-out",
        ),
        case(
            "slow in its body",
            Asks::Slow,
            Does::Hangs(format!("HTTP/1.1 200 OK\r\n{promised}").into_bytes()),
            504,
            "upstream-timed-out",
        ),
        case("not there", Asks::Down, Does::Leaves(Vec::new()), 502, "upstream-unreachable"),
    ]
}

/// It says itself that it failed, or that it does not want to.
fn unwilling() -> Vec<Case> {
    let read = |name, does, reason| case(name, Asks::Read, does, 502, reason);
    let told = format!("x-{CANARY}: {CANARY}\r\netag: W/\"{CANARY}\"\r\nset-cookie: {CANARY}=1\r\n");
    let elsewhere = format!("location: http://{CANARY}.example/{CANARY}\r\n");
    let challenge = format!("www-authenticate: Basic realm={CANARY}\r\n");
    let html =
        |status: &str| Does::Tells(answer(status, &format!("content-type: text/html\r\n{told}"), &page()));
    vec![
        read("a page of a fault", html("500 Internal Server Error"), "upstream-failed"),
        read("a page of a proxy", html("502 Bad Gateway"), "upstream-failed"),
        read("a fault that tells", with("500 Internal", &told, &secret()), "upstream-failed"),
        read("a reason that tells", with(&format!("500 {CANARY}"), "", "{}"), "upstream-failed"),
        read("busy", with("503 Busy", &format!("retry-after: {CANARY}\r\n"), &secret()), "upstream-busy"),
        read("rejected", with("400 Bad Request", &told, &secret()), "upstream-rejected"),
        read("not authorised", with("401 Unauthorized", &challenge, &secret()), "upstream-not-authorised"),
        read("forbidden", with("403 Forbidden", &told, &secret()), "upstream-not-authorised"),
        read("redirected", with("302 Found", &elsewhere, &secret()), "upstream-redirected"),
        read("not modified", with("304 Not Modified", &told, ""), "upstream-redirected"),
        read("a status of no meaning", with("299 Perhaps", &told, &ann()), "upstream-unexpected-status"),
        case("absent, and why", Asks::Read, with("404 Not Found", &told, &secret()), 404, "not-found"),
        case("gone, and why", Asks::Read, with("410 Gone", &told, &secret()), 404, "not-found"),
        case("a write that failed", Asks::Create, html("500 Internal"), 502, "upstream-failed"),
        case(
            "a write redirected",
            Asks::Create,
            with("307 There", &elsewhere, ""),
            502,
            "upstream-redirected",
        ),
        case("a write not taken", Asks::Create, with("422 No", &told, &secret()), 422, "not-taken-invalid"),
        case(
            "a write in conflict",
            Asks::Create,
            with("409 No", &told, &secret()),
            409,
            "not-taken-conflict",
        ),
    ]
}

/// It says that all is well, and what it sends is not what was asked for.
fn wrong() -> Vec<Case> {
    let read = |name, does, reason| case(name, Asks::Read, does, 502, reason);
    let search =
        |name, body: &str, reason| case(name, Asks::Search, Does::Tells(fhir("200 OK", body)), 502, reason);
    let coded = |coding: &str| with("200 OK", &format!("content-encoding: {coding}\r\n"), &ann());
    let large = ann().replace(CANARY, &CANARY.repeat(1_000));
    let other = patient("p2", &nhs_number(2)).replace("canary-phone", CANARY);
    let bundle = |kind: &str, link: &str, resource: &str| {
        format!(
            r#"{{"resourceType":"Bundle","type":"{kind}","link":[{link}],"entry":[{{"resource":{resource}}}]}}"#
        )
    };
    let next = format!(r#"{{"relation":"next","url":"http://{CANARY}.example/fhir?page=2"}}"#);
    vec![
        read("a page", typed("text/html", &page()), "upstream-not-fhir"),
        read("XML", typed("application/fhir+xml", &page()), "upstream-malformed"),
        read("another encoding", typed("application/fhir+json; charset=utf-16", &ann()), "upstream-not-fhir"),
        read("no type", Does::Tells(answer("200 OK", "", &ann())), "upstream-not-fhir"),
        read("compressed", coded("gzip"), "upstream-not-fhir"),
        read("compressed twice", coded("br, gzip"), "upstream-not-fhir"),
        read(
            "compressed, and silent about it",
            body("\u{1f}\u{8b}\u{8}\0canary7Yellow"),
            "upstream-malformed",
        ),
        read("no JSON", body(&page()), "upstream-malformed"),
        read("half of it", body(&ann()[..150]), "upstream-malformed"),
        read("one name twice", body(&ann().replace(r#""id""#, r#""id":"p2","id""#)), "upstream-malformed"),
        read("twice", body(&format!("{0}{0}", ann())), "upstream-malformed"),
        read("deeply nested", body(&format!("{}{CANARY}", "[".repeat(5_000))), "upstream-malformed"),
        read("too large, announced", body(&large), "upstream-too-large"),
        read(
            "too large, in chunks without an end",
            Does::Hangs(chunked(&format!("{:x}\r\n{large}", large.len() + 9))),
            "upstream-too-large",
        ),
        read("an outcome", body(&secret()), "upstream-wrong-resource"),
        read("another Patient", body(&other), "upstream-wrong-resource"),
        read("another type", body(&ann().replace("\"Patient\"", "\"Person\"")), "upstream-wrong-resource"),
        read("no id", body(&ann().replace(r#""id":"p1","#, "")), "upstream-wrong-resource"),
        search("no Bundle", &secret(), "upstream-not-a-searchset"),
        search("another Bundle", &bundle("collection", "", &ann()), "upstream-not-a-searchset"),
        search("another type in it", &bundle("searchset", "", &secret()), "upstream-unexpected-entry"),
        search("another person in it", &bundle("searchset", "", &other), "upstream-wrong-persons"),
        search("the next page elsewhere", &bundle("searchset", &next, &ann()), "upstream-bad-link"),
    ]
}

/// The script of the hospital: what it is told to do, but when it is asked who is who.
fn obeys(next: Arc<Mutex<(Asks, Does)>>) -> impl Fn(&Seen) -> Play + Send + Sync + 'static {
    move |seen| {
        let page = format!(
            r#"{{"resourceType":"Bundle","type":"searchset","entry":[{{"resource":{}}}]}}"#,
            patient("p1", &nhs_number(1))
        );
        let mut next = next.lock().unwrap();
        let asked_for = matches!(next.0, Asks::Search) && !seen.body.contains("identifier");
        if asked_for {
            // What comes after it is asked to find out who she is.
            next.0 = Asks::Read;
        }
        let does = next.1.clone();
        match does {
            _ if seen.line.contains("_search") && !asked_for => Play::Bytes(fhir("200 OK", &page)),
            Does::Tells(bytes) => Play::Bytes(bytes),
            Does::Leaves(bytes) => Play::ThenClose(bytes),
            Does::Hangs(bytes) => Play::ThenHang(bytes),
        }
    }
}

/// Nothing of the canary is in `text`: not plain, not in other letters, not as hex digits, not in base64.
#[track_caller]
fn check_free_of_canary(name: &str, text: &[u8]) {
    let lower = String::from_utf8_lossy(text).to_lowercase();
    let hex: String = CANARY.bytes().map(|byte| format!("{byte:02x}")).collect();
    let backwards: String = CANARY.chars().rev().collect();
    for shape in [CANARY.to_owned(), hex, backwards] {
        assert!(!lower.contains(&shape.to_lowercase()), "{name}: {shape} in {lower}");
    }
    let plain = String::from_utf8_lossy(text);
    // In base64 it looks different at each of three places; its edges depend on what stands beside it.
    for before in ["", "x", "xx"] {
        let shape = STANDARD.encode(format!("{before}{CANARY}xxx"));
        assert!(!plain.contains(&shape[4..16]), "{name}: base64 in {plain}");
    }
}

async fn start(next: Arc<Mutex<(Asks, Does)>>) -> (Whole, Process) {
    let site = Whole::with(obeys(next)).await;
    site.also_agree("[[recipient_system]]\nsystems = [\"hospital\"]\nshare = [\"person\"]\n");
    site.also_set("body_bytes_max = 8192\n");
    for (name, address, timeout_ms) in [("slow", site.hospital.address, 300), ("down", free(), 10_000)] {
        site.also_set(&format!(
            "[[system]]\nname = \"{name}\"\norganisation = \"ods:RX1\"\nprotocol = \"fhir-r4\"\nbase = \"http://{address}/{name}\"\ntimeout_ms = {timeout_ms}\n"
        ));
    }
    let mut process = Process::start(&site.config());
    process.until_serving(site.requests, site.ops()).await;
    (site, process)
}

fn request(site: &Whole, asks: Asks, token: &str) -> String {
    let get = |path: &str| site.request("GET", path, Some(token), "", "");
    match asks {
        Asks::Read => get("/hospital/fhir/Patient/p1"),
        Asks::Slow => get("/slow/fhir/Patient/p1"),
        Asks::Down => get("/down/fhir/Patient/p1"),
        Asks::Search => get("/hospital/fhir/Patient?_id=p1"),
        Asks::Create => {
            let body = patient("p1", &nhs_number(1)).replace(r#""id":"p1","#, "");
            let headers = "content-type: application/fhir+json\r\n";
            site.request("POST", "/hospital/fhir/Patient", Some(token), headers, &body)
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_fault_of_a_system_is_told_and_recorded_as_one_and_nothing_of_its_answer_comes_out() {
    let next = Arc::new(Mutex::new((Asks::Read, Does::Leaves(Vec::new()))));
    let (site, process) = start(Arc::clone(&next)).await;
    let token = site.consultant();
    let mut told = Vec::new();
    for Case { name, asks, does, status, reason } in [broken(), unwilling(), wrong()].into_iter().flatten() {
        *next.lock().unwrap() = (asks, does);
        let mut stream = TcpStream::connect(site.requests).await.unwrap();
        stream.write_all(request(&site, asks, &token).as_bytes()).await.unwrap();
        let heard = Heard::from(&mut stream).await;
        let shown = String::from_utf8_lossy(&heard.bytes).into_owned();
        assert_eq!(heard.status(), Some(status), "{name}: {shown}");
        assert!(shown.contains("content-type: application/fhir+json"), "{name}: {shown}");
        assert!(shown.contains("\r\n\r\n{\"resourceType\":\"OperationOutcome\""), "{name}: {shown}");
        check_free_of_canary(name, &heard.bytes);
        told.push((name, heard.header("portcullis-receipt").expect(name), status, reason));
    }
    let metrics = operators_see(site.ops(), "/metrics").await;
    check_free_of_canary("the metrics", metrics.as_bytes());
    check_free_of_canary("the log", process.logged().as_bytes());
    assert!(process.logged().contains("exchange ended"), "there is a log");
    assert_eq!(process.stop(), Some(0));
    let entries = recorded(&site.ledger());
    check_free_of_canary("the ledger", format!("{entries:?}").as_bytes());
    for (name, receipt, status, reason) in told {
        let entry = entries.iter().find(|entry| entry.receipt == receipt).expect(name);
        let exchange = &entry.record.exchange;
        assert_eq!((exchange.status, exchange.reason.as_deref()), (status, Some(reason)), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_system_says_beside_a_good_answer_does_not_come_out_either() {
    let next = Arc::new(Mutex::new((Asks::Read, Does::Leaves(Vec::new()))));
    let (site, process) = start(Arc::clone(&next)).await;
    let token = site.consultant();
    let names = [
        "etag",
        "location",
        "content-location",
        "link",
        "set-cookie",
        "server",
        "via",
        "warning",
        "x-request-id",
        "portcullis-receipt",
        "last-modified",
        "www-authenticate",
        "content-disposition",
        "access-control-allow-origin",
    ];
    let headers: String = names.iter().map(|name| format!("{name}: {CANARY}\r\n")).collect();
    let length = ann().len();
    let trailed = format!("{length:x}\r\n{}\r\n0\r\nx-{CANARY}: {CANARY}\r\n\r\n", ann());
    let hints = format!("HTTP/1.1 103 Early Hints\r\nlink: <{CANARY}>\r\n\r\n").into_bytes();
    let at = format!("location: http://{CANARY}.example/fhir/Patient/{CANARY}\r\netag: \"{CANARY} \"\r\n");
    for (name, asks, does, status) in [
        ("headers", Asks::Read, with("200 OK", &headers, &ann()), 200),
        ("a reason", Asks::Read, with(&format!("200 {CANARY}"), "", &ann()), 200),
        ("trailers", Asks::Read, Does::Tells(chunked(&trailed)), 200),
        ("hints before", Asks::Read, Does::Tells([hints, fhir("200 OK", &ann())].concat()), 200),
        ("where it was created", Asks::Create, with("201 Created", &at, &ann()), 201),
    ] {
        *next.lock().unwrap() = (asks, does);
        let mut stream = TcpStream::connect(site.requests).await.unwrap();
        stream.write_all(request(&site, asks, &token).as_bytes()).await.unwrap();
        let heard = Heard::from(&mut stream).await;
        let shown = String::from_utf8_lossy(&heard.bytes).into_owned();
        assert_eq!(heard.status(), Some(status), "{name}: {shown}");
        assert_eq!(status == 200, shown.contains("Fenwick"), "{name}: {shown}");
        check_free_of_canary(name, &heard.bytes);
    }
    check_free_of_canary("the log", process.logged().as_bytes());
    assert_eq!(process.stop(), Some(0));
    check_free_of_canary("the ledger", format!("{:?}", recorded(&site.ledger())).as_bytes());
}
