//! Systems upstream: what is asked of them, and every way in which an answer can be wrong.

use std::time::Duration;

use fhir::reference::Id;
use fhir::tables::resource_type;
use gateway::interaction::ReadTarget;
use gateway::person::SystemName;
use gateway::settings::{Settings, UpstreamCredentials};
use gateway::upstream::{Outgoing, Taken, Upstream, UpstreamFault, Write};

use crate::support::site::{settings, system};
use crate::support::tls::{Authority, dns, file, server_config};
use crate::support::upstream::{Play, System, answer, fhir};

const PATIENT: &str = r#"{"resourceType":"Patient","id":"p1"}"#;

fn site(base: &str) -> Settings {
    let mut settings = settings(std::path::Path::new("/nowhere"), Vec::new(), Vec::new());
    settings.systems = vec![system("hospital", base)];
    settings
}

fn hospital() -> SystemName {
    SystemName::new("hospital")
}

fn target() -> ReadTarget {
    ReadTarget::new(resource_type("Patient").unwrap(), Id::parse("p1").unwrap())
}

async fn plain(script: impl Fn(usize) -> Play + Send + Sync + 'static) -> (System, Upstream) {
    let system = System::start(None, move |_, number| script(number)).await;
    let mut settings = site(&format!("http://{}/fhir", system.address));
    settings.systems[0].body_bytes_max = 4096;
    settings.systems[0].aliases = vec!["http://ehr.internal:8080/fhir".into()];
    let upstream = Upstream::new(&settings).unwrap();
    (system, upstream)
}

/// What a read says when the system plays this.
async fn read(play: impl Fn() -> Play + Send + Sync + 'static) -> Result<(), UpstreamFault> {
    let (_system, upstream) = plain(move |_| play()).await;
    upstream.read(&hospital(), &target()).await.map(|_| ())
}

async fn search(body: &'static str) -> Result<(), UpstreamFault> {
    let (_system, upstream) = plain(move |_| Play::Bytes(fhir("200 OK", body))).await;
    upstream.search_all(&hospital(), "Condition", [("patient", "p1")]).await.map(|_| ())
}

#[tokio::test]
async fn a_read_asks_for_plain_fhir_json_and_shows_nothing_of_the_client() {
    let (system, upstream) = plain(|_| Play::Bytes(fhir("200 OK", PATIENT))).await;
    assert!(upstream.read(&hospital(), &target()).await.is_ok());
    let seen = &system.seen()[0];
    assert_eq!(seen.line, "GET /fhir/Patient/p1 HTTP/1.1");
    assert_eq!(seen.header("accept"), Some("application/fhir+json"));
    assert_eq!(seen.header("accept-encoding"), Some("identity"));
    assert_eq!(seen.header("prefer"), Some("handling=strict"));
    assert_eq!(seen.header("cache-control"), Some("no-cache"));
    assert_eq!(seen.header("authorization"), None);
    let mut names: Vec<&str> = seen.headers.iter().filter_map(|line| line.split(':').next()).collect();
    names.sort_unstable();
    assert_eq!(names, ["accept", "accept-encoding", "cache-control", "host", "prefer", "user-agent", "via"]);
}

#[tokio::test]
async fn a_search_is_posted_and_its_pages_are_followed_on_the_system_only() {
    let (system, upstream) = plain(|number| {
        Play::Bytes(match number {
            0 => fhir("200 OK", r#"{"resourceType":"Bundle","type":"searchset","link":[{"relation":"self","url":"http://x/"},{"relation":"next","url":"http://ehr.internal:8080/fhir?_getpages=abc&_offset=200"}],"entry":[{"resource":{"resourceType":"Condition"}}]}"#),
            1 => fhir("200 OK", r#"{"resourceType":"Bundle","type":"searchset","link":[{"relation":"next","url":"Condition?page=3"}]}"#),
            _ => fhir("200 OK", r#"{"resourceType":"Bundle","type":"searchset","entry":[{"search":{"mode":"outcome"},"resource":{"resourceType":"OperationOutcome"}},{"search":{"mode":"include"},"resource":{"resourceType":"Patient"}}]}"#),
        })
    })
    .await;
    let found =
        upstream.search_all(&hospital(), "Condition", [("patient", "Patient/p1"), ("code", "a|b")]).await;
    assert!(found.is_ok());
    let seen = system.seen();
    let lines: Vec<&str> = seen.iter().map(|seen| seen.line.as_str()).collect();
    assert_eq!(
        lines,
        [
            "POST /fhir/Condition/_search HTTP/1.1",
            "GET /fhir?_getpages=abc&_offset=200 HTTP/1.1",
            "GET /fhir/Condition?page=3 HTTP/1.1"
        ]
    );
    assert_eq!(seen[0].body, "patient=Patient%2Fp1&code=a%7Cb&_count=200");
    assert_eq!(seen[0].header("content-type"), Some("application/x-www-form-urlencoded"));
}

#[tokio::test]
async fn no_more_than_ten_pages_are_read() {
    let (system, upstream) = plain(|number| {
        let page = format!(r#"{{"resourceType":"Bundle","type":"searchset","link":[{{"relation":"next","url":"?page={number}"}}]}}"#);
        Play::Bytes(fhir("200 OK", &page))
    })
    .await;
    assert!(upstream.search_all(&hospital(), "Condition", [("patient", "p1")]).await.is_ok());
    assert_eq!(system.seen().len(), 10);
}

#[tokio::test]
async fn absence_is_an_answer() {
    for status in ["404 Not Found", "410 Gone"] {
        let outcome = r#"{"resourceType":"OperationOutcome","issue":[{"diagnostics":"secret"}]}"#;
        assert_eq!(read(move || Play::Bytes(fhir(status, outcome))).await, Ok(()), "{status}");
    }
}

#[tokio::test]
async fn every_wrong_answer_to_a_read_is_a_fault_of_its_own_name() {
    use UpstreamFault as Fault;
    let typed =
        |content_type: &str, body: &str| answer("200 OK", &format!("content-type: {content_type}\r\n"), body);
    let coded = |coding: &str| {
        answer(
            "200 OK",
            &format!("content-type: application/fhir+json\r\ncontent-encoding: {coding}\r\n"),
            PATIENT,
        )
    };
    let long = format!(r#"{{"resourceType":"Patient","id":"p1","x":"{}"}}"#, "x".repeat(4096));
    let chunked =
        b"HTTP/1.1 200 OK\r\ncontent-type: application/fhir+json\r\ntransfer-encoding: chunked\r\n\r\n"
            .to_vec();
    let cases: Vec<(&str, Vec<u8>, Fault)> = vec![
        ("301", answer("301 Moved", "location: http://127.0.0.1:1/\r\n", ""), Fault::Redirected),
        ("304", answer("304 Not Modified", "", ""), Fault::Redirected),
        ("401", fhir("401 Unauthorized", "{}"), Fault::NotAuthorised),
        ("403", fhir("403 Forbidden", "{}"), Fault::NotAuthorised),
        ("400", fhir("400 Bad Request", "{}"), Fault::Rejected),
        ("429", fhir("429 Too Many Requests", "{}"), Fault::Busy),
        ("503", fhir("503 Service Unavailable", "{}"), Fault::Busy),
        ("500", fhir("500 Internal Server Error", PATIENT), Fault::Failed),
        ("204", answer("204 No Content", "", ""), Fault::UnexpectedStatus),
        ("206", fhir("206 Partial Content", PATIENT), Fault::UnexpectedStatus),
        ("xml of another name", typed("application/fhir+turtle", "<Patient/>"), Fault::NotFhir),
        ("xml in another encoding", typed("text/xml; charset=iso-8859-1", "<Patient/>"), Fault::NotFhir),
        ("html", typed("text/html", "<p>"), Fault::NotFhir),
        ("json in another encoding", typed("application/fhir+json; charset=utf-16", PATIENT), Fault::NotFhir),
        ("another version", typed("application/fhir+json; fhirVersion=5.0", PATIENT), Fault::NotFhir),
        ("no type", answer("200 OK", "", PATIENT), Fault::NotFhir),
        (
            "two types",
            answer("200 OK", "content-type: application/json\r\ncontent-type: text/html\r\n", PATIENT),
            Fault::NotFhir,
        ),
        ("compressed", coded("gzip"), Fault::NotFhir),
        ("compressed twice", coded("gzip, gzip"), Fault::NotFhir),
        ("another person", fhir("200 OK", r#"{"resourceType":"Patient","id":"p2"}"#), Fault::WrongResource),
        ("another type", fhir("200 OK", r#"{"resourceType":"Person","id":"p1"}"#), Fault::WrongResource),
        ("no id", fhir("200 OK", r#"{"resourceType":"Patient"}"#), Fault::WrongResource),
        ("an array", fhir("200 OK", "[]"), Fault::WrongResource),
        ("too large, announced", fhir("200 OK", &long), Fault::TooLarge),
        (
            "too large, in chunks",
            [chunked.clone(), format!("{:x}\r\n{long}\r\n0\r\n\r\n", long.len()).into_bytes()].concat(),
            Fault::TooLarge,
        ),
    ];
    for (case, bytes, expected) in cases {
        let fault = read(move || Play::Bytes(bytes.clone())).await;
        assert_eq!(fault, Err(expected), "{case}");
    }
    for (case, body) in [
        ("truncated json", r#"{"resourceType":"Patient","id":"p1""#),
        ("a key twice", r#"{"resourceType":"Patient","id":"p1","id":"p1"}"#),
        ("a key twice, once escaped", r#"{"resourceType":"Patient","\u0069d":"p2","id":"p1"}"#),
        ("two documents", r#"{"resourceType":"Patient","id":"p1"}{}"#),
        ("a byte order mark", "\u{feff}{\"resourceType\":\"Patient\",\"id\":\"p1\"}"),
        ("nothing", ""),
    ] {
        let fault = read(move || Play::Bytes(fhir("200 OK", body))).await;
        assert!(matches!(fault, Err(Fault::Malformed(_))), "{case}: {fault:?}");
    }
}

#[tokio::test]
async fn a_connection_that_breaks_or_stalls_yields_nothing() {
    let half = || {
        b"HTTP/1.1 200 OK\r\ncontent-type: application/fhir+json\r\ncontent-length: 100\r\n\r\n{\"resourceType\":".to_vec()
    };
    let bad_chunk =
        b"HTTP/1.1 200 OK\r\ncontent-type: application/fhir+json\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n"
            .to_vec();
    assert_eq!(read(|| Play::ThenClose(Vec::new())).await, Err(UpstreamFault::BrokenOff));
    assert_eq!(read(move || Play::ThenClose(half())).await, Err(UpstreamFault::BrokenOff));
    assert_eq!(read(move || Play::Bytes(bad_chunk.clone())).await, Err(UpstreamFault::BrokenOff));
    assert_eq!(read(|| Play::Bytes(b"garbage\r\n\r\n".to_vec())).await, Err(UpstreamFault::BrokenOff));
    for play in [
        Vec::new(),
        b"HTTP/1.1 200 OK\r\ncontent-type: application/fhir+json\r\ncontent-length: 9\r\n\r\n{".to_vec(),
    ] {
        let system = System::start(None, move |_, _| Play::ThenHang(play.clone())).await;
        let mut settings = site(&format!("http://{}", system.address));
        settings.systems[0].timeout = Duration::from_millis(100);
        let upstream = Upstream::new(&settings).unwrap();
        let fault = upstream.read(&hospital(), &target()).await.map(|_| ());
        assert_eq!(fault, Err(UpstreamFault::TimedOut));
        assert!(fault.unwrap_err().is_timeout());
    }
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = closed.local_addr().unwrap();
    drop(closed);
    let upstream = Upstream::new(&site(&format!("http://{address}"))).unwrap();
    assert_eq!(upstream.read(&hospital(), &target()).await.map(|_| ()), Err(UpstreamFault::Unreachable));
    let unknown = upstream.read(&SystemName::new("council"), &target()).await.map(|_| ());
    assert_eq!(unknown, Err(UpstreamFault::UnknownSystem));
}

#[tokio::test]
async fn every_wrong_searchset_is_a_fault() {
    use UpstreamFault as Fault;
    for (case, body, expected) in [
        ("a resource", r#"{"resourceType":"Condition"}"#, Fault::NotASearchset),
        ("another kind of bundle", r#"{"resourceType":"Bundle","type":"collection"}"#, Fault::NotASearchset),
        (
            "an entry without a resource",
            r#"{"resourceType":"Bundle","type":"searchset","entry":[{"fullUrl":"x"}]}"#,
            Fault::UnexpectedEntry,
        ),
        (
            "a type nobody asked for",
            r#"{"resourceType":"Bundle","type":"searchset","entry":[{"resource":{"resourceType":"Patient"}}]}"#,
            Fault::UnexpectedEntry,
        ),
        (
            "a match of another type",
            r#"{"resourceType":"Bundle","type":"searchset","entry":[{"search":{"mode":"match"},"resource":{"resourceType":"Patient"}}]}"#,
            Fault::UnexpectedEntry,
        ),
    ] {
        assert_eq!(search(body).await, Err(expected), "{case}");
    }
    for url in [
        "http://evil.example/fhir?page=2",
        "http://ehr.internal:8081/fhir?page=2",
        "https://ehr.internal:8080/fhir?page=2",
        "http://ehr.internal:8080/fhirx?page=2",
        "http://ehr.internal:8080/admin?page=2",
        "http://ehr.internal:8080/fhir/../admin?page=2",
        "http://ehr.internal:8080/fhir/%2e%2e/admin?page=2",
        "http://ehr.internal:8080/fhir//evil.example/?page=2",
        "http://user@ehr.internal:8080/fhir?page=2",
        "//evil.example/fhir?page=2",
        "/fhir?page=2",
        "../admin?page=2",
        "http://ehr.internal:8080/fhir",
        "?page=2#x",
        "",
    ] {
        let body = format!(
            r#"{{"resourceType":"Bundle","type":"searchset","link":[{{"relation":"next","url":"{url}"}}]}}"#
        );
        let body: &'static str = Box::leak(body.into_boxed_str());
        assert_eq!(search(body).await, Err(Fault::BadLink), "{url}");
    }
    let twice = r#"{"resourceType":"Bundle","type":"searchset","link":[{"relation":"next","url":"?a=1"},{"relation":"next","url":"?a=2"}]}"#;
    assert_eq!(search(twice).await, Err(Fault::BadLink), "two next links");
    let round = r#"{"resourceType":"Bundle","type":"searchset","link":[{"relation":"next","url":"?a=1"}]}"#;
    assert_eq!(search(round).await, Err(Fault::BadLink), "in a circle");
}

#[tokio::test]
async fn a_read_survives_a_pooled_connection_that_has_died_but_a_write_is_never_sent_twice() {
    let (system, upstream) = plain(|number| match number {
        0 | 2 => Play::ThenClose(Vec::new()),
        _ => Play::ThenClose(fhir("200 OK", PATIENT)),
    })
    .await;
    assert_eq!(upstream.read(&hospital(), &target()).await.map(|_| ()), Ok(()));
    assert_eq!(system.seen().len(), 2);
    let write = Write::Create { resource_type: "Patient", if_none_exist: None };
    let sent = upstream.send(&hospital(), Outgoing::from_outbox(write, PATIENT.into(), None)).await;
    assert_eq!(sent.map(|sent| sent.taken), Err(UpstreamFault::BrokenOff));
    assert_eq!(system.seen().len(), 3);
}

#[tokio::test]
async fn a_write_says_what_became_of_it_and_where_it_is() {
    let created = |headers: &str| answer("201 Created", headers, r#"{"secret":1}"#);
    for (answer, taken, id, version) in [
        (
            created("location: http://ehr.internal:8080/fhir/Patient/n1/_history/7\r\n"),
            Ok(Taken::Created),
            Some("n1"),
            Some("7"),
        ),
        (created("location: Patient/n1\r\netag: W/\"3\"\r\n"), Ok(Taken::Created), Some("n1"), Some("3")),
        (created("location: http://evil.example/fhir/Patient/n1\r\n"), Ok(Taken::Created), None, None),
        (created("location: Person/n1\r\n"), Ok(Taken::Created), None, None),
        (answer("200 OK", "", ""), Ok(Taken::Done), None, None),
        (answer("202 Accepted", "", ""), Ok(Taken::Accepted), None, None),
        (answer("422 Unprocessable", "", "{}"), Ok(Taken::Invalid), None, None),
        (answer("412 Precondition Failed", "", ""), Ok(Taken::Conflict), None, None),
        (answer("405 Not Allowed", "", ""), Ok(Taken::NotSupported), None, None),
        (answer("403 Forbidden", "", ""), Err(UpstreamFault::NotAuthorised), None, None),
        (answer("500 Failed", "", ""), Err(UpstreamFault::Failed), None, None),
        (
            answer("307 Elsewhere", "location: http://127.0.0.1:1/\r\n", ""),
            Err(UpstreamFault::Redirected),
            None,
            None,
        ),
    ] {
        let (_system, upstream) = plain(move |_| Play::Bytes(answer.clone())).await;
        let write = Write::Create { resource_type: "Patient", if_none_exist: None };
        let sent = upstream.send(&hospital(), Outgoing::from_outbox(write, PATIENT.into(), None)).await;
        let parts = sent
            .as_ref()
            .map(|sent| (sent.id.as_ref().map(Id::as_str), sent.version.as_ref().map(Id::as_str)));
        assert_eq!(sent.as_ref().map(|sent| sent.taken).map_err(|fault| *fault), taken);
        assert_eq!(parts.unwrap_or((None, None)), (id, version));
    }
}

#[tokio::test]
async fn a_write_carries_its_conditions_and_its_provenance() {
    let (system, upstream) = plain(|_| Play::Bytes(answer("200 OK", "", ""))).await;
    let id = Id::parse("p1").unwrap();
    for write in [
        Write::Create { resource_type: "Patient", if_none_exist: Some("identifier=a|b".into()) },
        Write::Update { resource_type: "Patient", id: id.clone(), if_match: Some(Id::parse("7").unwrap()) },
        Write::Transaction,
        Write::Message,
    ] {
        let outgoing = Outgoing::from_outbox(write, PATIENT.into(), Some("{}".into()));
        assert!(upstream.send(&hospital(), outgoing).await.is_ok());
    }
    let seen = system.seen();
    let lines: Vec<&str> = seen.iter().map(|seen| seen.line.trim_end_matches(" HTTP/1.1")).collect();
    assert_eq!(
        lines,
        ["POST /fhir/Patient", "PUT /fhir/Patient/p1", "POST /fhir", "POST /fhir/$process-message"]
    );
    assert_eq!(seen[0].header("if-none-exist"), Some("identifier=a|b"));
    assert_eq!(seen[1].header("if-match"), Some("W/\"7\""));
    assert!(seen.iter().all(|seen| seen.header("x-provenance") == Some("{}") && seen.body == PATIENT));
    assert_eq!(seen[0].header("content-type"), Some("application/fhir+json; charset=utf-8"));
}

#[tokio::test]
async fn a_system_is_checked_against_its_own_authority_and_the_gateway_shows_its_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let (ours, other) = (Authority::new("ours"), Authority::new("other"));
    let leaf = ours.server("ehr.example");
    let client = ours.client(dns("gateway.example"), 7);
    let tls = server_config(&leaf, Some(&ours), &[b"http/1.1"]);
    let system = System::start(Some(tls), |_, _| Play::Bytes(fhir("200 OK", PATIENT))).await;
    let ours_file = file(folder.path(), "ours.pem", &ours.pem);
    let other_file = file(folder.path(), "other.pem", &other.pem);
    let credentials = UpstreamCredentials::Certificate {
        certificate: file(folder.path(), "client.pem", &client.pem),
        key: file(folder.path(), "client.key", &client.key),
    };
    let bearer = UpstreamCredentials::Bearer(file(folder.path(), "token", "abc\n"));
    let base = format!("https://{}", system.address);
    let by_another_name = base.replace("127.0.0.1", "localhost");
    for (case, base, ca, credentials, reached) in [
        ("as it should be", &base, &ours_file, &credentials, true),
        ("no certificate shown", &base, &ours_file, &bearer, false),
        ("another authority", &base, &other_file, &credentials, false),
        ("another name", &by_another_name, &ours_file, &credentials, false),
    ] {
        let mut settings = site(base);
        settings.systems[0].ca = Some(ca.clone());
        settings.systems[0].credentials = credentials.clone();
        let upstream = Upstream::new(&settings).unwrap();
        let read = upstream.read(&hospital(), &target()).await.map(|_| ());
        assert_eq!(read.is_ok(), reached, "{case}: {read:?}");
    }
}

#[tokio::test]
async fn a_bearer_token_is_shown_to_its_system() {
    let folder = tempfile::tempdir().unwrap();
    let system = System::start(None, |_, _| Play::Bytes(fhir("200 OK", PATIENT))).await;
    let mut settings = site(&format!("http://{}", system.address));
    settings.systems[0].credentials = UpstreamCredentials::Bearer(file(folder.path(), "token", "abc\n"));
    let upstream = Upstream::new(&settings).unwrap();
    assert!(upstream.read(&hospital(), &target()).await.is_ok());
    assert_eq!(system.seen()[0].header("authorization"), Some("Bearer abc"));
    settings.systems.push(settings.systems[0].clone());
    for system in &mut settings.systems {
        system.credentials = UpstreamCredentials::Bearer(file(folder.path(), "empty", "a b"));
    }
    let problems = Upstream::new(&settings).unwrap_err();
    assert_eq!(problems.len(), 2);
    assert!(problems[0].to_string().contains("hospital"));
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "a system upstream answers here, not the gateway")]
async fn a_system_that_speaks_http_2_is_asked_that_way() {
    let folder = tempfile::tempdir().unwrap();
    let ours = Authority::new("ours");
    let tls = server_config(&ours.server("ehr.example"), None, &[b"h2"]);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let stream = tokio_rustls::TlsAcceptor::from(tls).accept(stream).await.unwrap();
        let service =
            hyper::service::service_fn(|request: http::Request<hyper::body::Incoming>| async move {
                assert_eq!(request.version(), http::Version::HTTP_2);
                let mut response =
                    http::Response::new(http_body_util::Full::new(bytes::Bytes::from(PATIENT)));
                let media_type = http::HeaderValue::from_static("application/fhir+json");
                response.headers_mut().insert("content-type", media_type);
                Ok::<_, std::convert::Infallible>(response)
            });
        let io = hyper_util::rt::TokioIo::new(stream);
        let builder = hyper::server::conn::http2::Builder::new(hyper_util::rt::TokioExecutor::new());
        drop(builder.serve_connection(io, service).await);
    });
    let mut settings = site(&format!("https://{address}/fhir"));
    settings.systems[0].ca = Some(file(folder.path(), "ca.pem", &ours.pem));
    let upstream = Upstream::new(&settings).unwrap();
    for _ in 0..3 {
        assert_eq!(upstream.read(&hospital(), &target()).await.map(|_| ()), Ok(()));
    }
    serving.abort();
}
