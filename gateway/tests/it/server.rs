//! The front door over real sockets: hostile bytes, slow peers, peers that go away, too many, and stopping.

use std::sync::Arc;
use std::time::Duration;

use gateway::server::listener::Drained;
use gateway::server::ops::{Ops, Readiness};
use gateway::settings::Settings;
use gateway::telemetry::metrics::Metrics;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Notify, mpsc};
use tokio::time::timeout;

mod secure;

use crate::support::front::{Front, HANGS, ask, get, said, text, to_end};
use crate::support::site::settings;

fn site() -> Settings {
    settings(std::path::Path::new("/nowhere"), Vec::new(), Vec::new())
}

/// Where peers are let go soon that do not send what they began.
fn quick() -> Settings {
    let mut settings = site();
    settings.limits.header_timeout = Duration::from_millis(100);
    settings
}

/// As `quick`, for what comes after the headers, which have time on the slowest machine.
fn quick_to_the_end() -> Settings {
    let mut settings = site();
    settings.limits.body_timeout = Duration::from_millis(300);
    settings
}

const HOST: &str = "host: share.example.nhs.uk\r\n";

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "a table")]
async fn hostile_requests_end_at_the_door() {
    let front = Front::echo(&site()).await;
    let long_header = format!("GET /a HTTP/1.1\r\n{HOST}x: {}\r\n\r\n", "x".repeat(40_000));
    let many_headers = format!("GET /a HTTP/1.1\r\n{HOST}{}\r\n", "a: b\r\n".repeat(200));
    let long_query = format!("GET /a?{} HTTP/1.1\r\n{HOST}\r\n", "q".repeat(9_000));
    let big_body = format!("POST /a HTTP/1.1\r\n{HOST}content-length: 20000\r\n\r\n");
    for (case, request, status) in [
        ("two hosts", format!("GET /a HTTP/1.1\r\n{HOST}{HOST}\r\n"), 400),
        ("no host", "GET /a HTTP/1.1\r\n\r\n".into(), 400),
        ("another host", "GET /a HTTP/1.1\r\nhost: evil.example\r\n\r\n".into(), 421),
        ("absolute form of another host", format!("GET http://evil.example/a HTTP/1.1\r\n{HOST}\r\n"), 421),
        (
            "length and chunks",
            format!(
                "POST /a HTTP/1.1\r\n{HOST}content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"
            ),
            400,
        ),
        (
            "chunks and length",
            format!(
                "POST /a HTTP/1.1\r\n{HOST}transfer-encoding: chunked\r\ncontent-length: 4\r\n\r\n0\r\n\r\n"
            ),
            400,
        ),
        (
            "stacked coding",
            format!("POST /a HTTP/1.1\r\n{HOST}transfer-encoding: identity, chunked\r\n\r\n0\r\n\r\n"),
            400,
        ),
        ("coding that hides", format!("POST /a HTTP/1.1\r\n{HOST}transfer-encoding: xchunked\r\n\r\n"), 400),
        (
            "two lengths",
            format!("POST /a HTTP/1.1\r\n{HOST}content-length: 1\r\ncontent-length: 2\r\n\r\nab"),
            400,
        ),
        (
            "one length twice",
            format!("POST /a HTTP/1.1\r\n{HOST}content-length: 1\r\ncontent-length: 1\r\n\r\na"),
            400,
        ),
        ("bare line feeds", "GET /a HTTP/1.1\nhost: share.example.nhs.uk\n\n".into(), 400),
        ("one bare line feed", format!("GET /a HTTP/1.1\r\nx: y\n{HOST}\r\n"), 400),
        ("folded header", format!("GET /a HTTP/1.1\r\n{HOST}x: y\r\n z\r\n\r\n"), 400),
        ("nul in a header", format!("GET /a HTTP/1.1\r\n{HOST}x: \0\r\n\r\n"), 400),
        ("space before the colon", format!("GET /a HTTP/1.1\r\n{HOST}x : y\r\n\r\n"), 400),
        ("upgrade", format!("GET /a HTTP/1.1\r\n{HOST}connection: upgrade\r\nupgrade: h2c\r\n\r\n"), 400),
        (
            "websocket",
            format!("GET /a HTTP/1.1\r\n{HOST}connection: upgrade\r\nupgrade: websocket\r\n\r\n"),
            400,
        ),
        ("trace", format!("TRACE /a HTTP/1.1\r\n{HOST}\r\n"), 405),
        ("connect", format!("CONNECT share.example.nhs.uk:443 HTTP/1.1\r\n{HOST}\r\n"), 405),
        ("lower case", format!("get /a HTTP/1.1\r\n{HOST}\r\n"), 405),
        ("unknown method", format!("SNOOP /a HTTP/1.1\r\n{HOST}\r\n"), 405),
        ("dots", format!("GET /a/../b HTTP/1.1\r\n{HOST}\r\n"), 400),
        ("escaped dots", format!("GET /a/%2e%2e/b HTTP/1.1\r\n{HOST}\r\n"), 400),
        ("matrix", format!("GET /a;x=1/..;/b HTTP/1.1\r\n{HOST}\r\n"), 400),
        ("backslash", format!("GET /a\\b HTTP/1.1\r\n{HOST}\r\n"), 400),
        ("double slash", format!("GET //a HTTP/1.1\r\n{HOST}\r\n"), 400),
        ("escaped nul", format!("GET /a%00 HTTP/1.1\r\n{HOST}\r\n"), 400),
        ("letters beyond ascii", format!("GET /ä HTTP/1.1\r\n{HOST}\r\n"), 400),
        ("a token in the url", format!("GET /a?access_token=x HTTP/1.1\r\n{HOST}\r\n"), 400),
        ("two tokens", format!("GET /a HTTP/1.1\r\n{HOST}authorization: a\r\nauthorization: b\r\n\r\n"), 400),
        ("a body with get", format!("GET /a HTTP/1.1\r\n{HOST}content-length: 1\r\n\r\nx"), 400),
        (
            "compressed otherwise",
            format!("POST /a HTTP/1.1\r\n{HOST}content-encoding: br\r\ncontent-length: 1\r\n\r\nx"),
            415,
        ),
        (
            "compressed twice",
            format!("POST /a HTTP/1.1\r\n{HOST}content-encoding: gzip, gzip\r\ncontent-length: 1\r\n\r\nx"),
            415,
        ),
        (
            "compressed in name only",
            format!("POST /a HTTP/1.1\r\n{HOST}content-encoding: gzip\r\ncontent-length: 1\r\n\r\nx"),
            400,
        ),
        (
            "another method in a header",
            format!("POST /a HTTP/1.1\r\n{HOST}x-http-method-override: DELETE\r\ncontent-length: 0\r\n\r\n"),
            400,
        ),
        (
            "trailers",
            format!(
                "POST /a HTTP/1.1\r\n{HOST}transfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\nt: u\r\n\r\n"
            ),
            400,
        ),
        ("long query", long_query, 414),
        ("long header", long_header, 431),
        ("many headers", many_headers, 431),
        ("big body of someone unknown", big_body, 413),
        ("bad chunk", format!("POST /a HTTP/1.1\r\n{HOST}transfer-encoding: chunked\r\n\r\nzz\r\n"), 400),
        (
            "chunk with bare line feeds",
            format!("POST /a HTTP/1.1\r\n{HOST}transfer-encoding: chunked\r\n\r\n1\nx\n0\n\n"),
            400,
        ),
        ("not http", "\u{16}\u{3}\u{1}garbage\r\n\r\n".into(), 400),
    ] {
        let answered = front.raw(request.as_bytes()).await;
        assert!(answered.starts_with(&format!("HTTP/1.1 {status} ")), "{case}: {answered}");
        assert!(!answered.contains("evil") && !answered.contains("access_token"), "{case} is echoed");
        assert_eq!(answered.matches("HTTP/1.1 ").count(), 1, "{case}: one answer, then closed");
    }
    assert!(front.metrics.text().contains(r#"portcullis_ended_at_door_total{reason="host"} 2"#));
    let counted: u64 = front.strangers.take_all().iter().map(|one| one.count).sum();
    assert!(counted > 25, "strangers are counted: {counted}");
}

#[tokio::test]
async fn an_outcome_is_told_with_an_id_and_nothing_of_the_request() {
    let front = Front::echo(&site()).await;
    let request = format!("GET /%3Cscript%3E HTTP/1.1\r\n{HOST}x-request-id: mine\r\n\r\n");
    let answered = front.raw(request.as_bytes()).await;
    let (head, body) = answered.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("content-type: application/fhir+json; charset=utf-8"));
    assert!(head.contains("cache-control: no-store") && head.contains("x-request-id: "));
    // The client's own id comes back under another name, and ours is not it.
    assert!(head.contains("x-correlation-id: mine\r\n") && head.matches("mine").count() == 1, "{head}");
    assert!(!body.contains("mine") && !answered.contains("script"));
    assert!(body.contains(r#""resourceType":"OperationOutcome""#));
}

#[tokio::test]
async fn requests_follow_each_other_on_a_connection_but_never_overtake() {
    let front = Front::echo(&site()).await;
    let mut stream = front.connect().await;
    let (status, _, body) = ask(&mut stream, &get("/a?b=c")).await.unwrap();
    assert_eq!((status, body.as_str()), (200, r#"Get ["a"] Some("b=c") None"#));
    let post = format!("POST /a HTTP/1.1\r\n{HOST}transfer-encoding: chunked\r\n\r\n1;x=y\r\na\r\n0\r\n\r\n");
    assert_eq!(ask(&mut stream, &post).await.unwrap().0, 200);
    assert_eq!(ask(&mut stream, &get("/b")).await.unwrap().0, 200);
    let pipelined = format!("{}{}", get("/c"), get("/d"));
    let (first, ..) = ask(&mut stream, &pipelined).await.unwrap();
    let rest = to_end(&mut stream).await;
    assert_eq!(first, 200);
    assert!(rest.starts_with("HTTP/1.1 400 "), "the second was sent before the first was answered: {rest}");
}

#[tokio::test]
async fn a_peer_that_is_slow_or_silent_is_let_go() {
    let front = Front::echo(&quick()).await;
    let starts = [
        String::new(),
        "G".into(),
        "GET /a HTTP/1.1\r\nhost: sha".into(),
        "PRI * HTTP/2.0\r\n".into(),
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".into(),
    ];
    for start in starts {
        let mut stream = front.connect().await;
        stream.write_all(start.as_bytes()).await.unwrap();
        to_end_bytes(&mut stream).await;
    }
    let body = format!("POST /a HTTP/1.1\r\n{HOST}content-length: 9\r\n\r\nab");
    let answered = Front::echo(&quick_to_the_end()).await.raw(body.as_bytes()).await;
    assert!(answered.starts_with("HTTP/1.1 408 "), "{answered}");
}

async fn to_end_bytes(stream: &mut TcpStream) {
    let mut bytes = Vec::new();
    drop(timeout(HANGS, stream.read_to_end(&mut bytes)).await.expect("the connection is closed"));
}

#[tokio::test]
async fn a_peer_that_does_not_take_its_answer_is_let_go_and_that_is_told() {
    let mut front =
        Front::start(&quick_to_the_end(), |_| Box::pin(async { text("x".repeat(64 << 20)) })).await;
    let mut stream = front.connect().await;
    stream.write_all(get("/a").as_bytes()).await.unwrap();
    // Reads nothing: the answer does not fit into the buffers between.
    let closed = timeout(HANGS, async {
        loop {
            if front.metrics.text().contains("portcullis_connections 0") {
                return;
            }
            tokio::task::yield_now().await;
        }
    });
    assert!(closed.await.is_ok());
    assert!(timeout(HANGS, front.not_delivered.recv()).await.unwrap().is_some());
    drop(stream);
}

#[tokio::test]
async fn an_exchange_outlives_the_peer_that_asked_for_it_and_that_is_told() {
    let (began, mut begun) = mpsc::unbounded_channel();
    let go_on = Arc::new(Notify::new());
    let (ended, mut has_ended) = mpsc::unbounded_channel();
    let wait = Arc::clone(&go_on);
    let mut front = Front::start(&site(), move |arrived| {
        let (began, ended, wait) = (began.clone(), ended.clone(), Arc::clone(&wait));
        Box::pin(async move {
            began.send(arrived.request_id.to_string()).unwrap();
            wait.notified().await;
            ended.send(()).unwrap();
            said(&arrived)
        })
    })
    .await;
    let mut stream = front.connect().await;
    stream.write_all(get("/a").as_bytes()).await.unwrap();
    let id = begun.recv().await.unwrap();
    drop(stream);
    // The gateway must see the hang-up before the answer is ready; it shows in the number of connections.
    while !front.metrics.text().contains("portcullis_connections 0") {
        tokio::task::yield_now().await;
    }
    go_on.notify_one();
    assert!(timeout(HANGS, has_ended.recv()).await.unwrap().is_some());
    assert_eq!(timeout(HANGS, front.not_delivered.recv()).await.unwrap(), Some(id));
}

#[tokio::test]
async fn more_than_can_be_worked_on_is_told_to_come_again() {
    let mut settings = site();
    settings.limits.in_flight_max = 1;
    let (began, mut begun) = mpsc::unbounded_channel();
    let go_on = Arc::new(Notify::new());
    let wait = Arc::clone(&go_on);
    let front = Front::start(&settings, move |arrived| {
        let (began, wait) = (began.clone(), Arc::clone(&wait));
        Box::pin(async move {
            began.send(()).unwrap();
            wait.notified().await;
            said(&arrived)
        })
    })
    .await;
    let mut first = front.connect().await;
    first.write_all(get("/a").as_bytes()).await.unwrap();
    begun.recv().await.unwrap();
    let mut second = front.connect().await;
    let (status, head, _) = ask(&mut second, &get("/b")).await.unwrap();
    assert_eq!(status, 503);
    assert!(head.contains("retry-after: 1"));
    go_on.notify_one();
    assert!(crate::support::front::answer(&mut first).await.unwrap().1.starts_with("HTTP/1.1 200"));
    go_on.notify_one();
    assert_eq!(ask(&mut second, &get("/c")).await.unwrap().0, 200, "the place is free again");
    // A body that is still coming holds the one place for bodies.
    let post = format!("POST /a HTTP/1.1\r\n{HOST}content-length: 2\r\n\r\na");
    let mut slow = front.connect().await;
    slow.write_all(post.as_bytes()).await.unwrap();
    while !front.metrics.text().contains("portcullis_in_flight 1") {
        tokio::task::yield_now().await;
    }
    let answered = front.raw(post.as_bytes()).await;
    assert!(answered.starts_with("HTTP/1.1 503") && answered.contains("connection: close"), "{answered}");
}

#[tokio::test]
async fn an_exchange_that_takes_too_long_is_answered_for_and_still_ends() {
    let mut settings = site();
    settings.limits.exchange_timeout = Duration::from_millis(50);
    let go_on = Arc::new(Notify::new());
    let wait = Arc::clone(&go_on);
    let mut front = Front::start(&settings, move |arrived| {
        let wait = Arc::clone(&wait);
        Box::pin(async move {
            wait.notified().await;
            said(&arrived)
        })
    })
    .await;
    let mut stream = front.connect().await;
    assert_eq!(ask(&mut stream, &get("/a")).await.unwrap().0, 504);
    go_on.notify_one();
    assert!(timeout(HANGS, front.not_delivered.recv()).await.unwrap().is_some());
}

#[tokio::test]
async fn a_fault_of_the_program_is_one_failed_request() {
    let front = Front::start(&site(), |arrived| {
        Box::pin(async move {
            assert!(arrived.target.segments() != ["a"], "secret");
            said(&arrived)
        })
    })
    .await;
    let mut stream = front.connect().await;
    let (status, _, body) = ask(&mut stream, &get("/a")).await.unwrap();
    assert_eq!(status, 500);
    assert!(!body.contains("secret"));
    assert_eq!(ask(&mut stream, &get("/b")).await.unwrap().0, 200);
    assert!(front.metrics.text().contains("portcullis_panics_total 1"));
    assert!(front.metrics.text().contains("portcullis_in_flight 0"));
}

#[tokio::test]
async fn what_is_under_way_comes_to_its_end_when_the_gateway_stops() {
    let (began, mut begun) = mpsc::unbounded_channel();
    let go_on = Arc::new(Notify::new());
    let wait = Arc::clone(&go_on);
    let front = Front::start(&site(), move |arrived| {
        let (began, wait) = (began.clone(), Arc::clone(&wait));
        Box::pin(async move {
            began.send(()).unwrap();
            wait.notified().await;
            said(&arrived)
        })
    })
    .await;
    let mut idle = front.connect().await;
    go_on.notify_one();
    assert_eq!(ask(&mut idle, &get("/a")).await.unwrap().0, 200);
    begun.recv().await.unwrap();
    let mut busy = front.connect().await;
    busy.write_all(get("/b").as_bytes()).await.unwrap();
    begun.recv().await.unwrap();
    let address = front.address;
    front.drain();
    assert_eq!(to_end(&mut idle).await, "", "an idle connection is closed");
    go_on.notify_one();
    let answered = to_end(&mut busy).await;
    assert!(answered.starts_with("HTTP/1.1 200") && answered.contains("connection: close"), "{answered}");
    assert_eq!(front.drained().await, Drained::Whole);
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn stopping_does_not_wait_for_ever() {
    let mut settings = site();
    settings.limits.drain = Duration::from_millis(50);
    let (began, mut begun) = mpsc::unbounded_channel();
    let front = Front::start(&settings, move |_| {
        began.send(()).unwrap();
        Box::pin(std::future::pending())
    })
    .await;
    let mut stream = front.connect().await;
    stream.write_all(get("/a").as_bytes()).await.unwrap();
    begun.recv().await.unwrap();
    front.drain();
    assert_eq!(front.drained().await, Drained::Cut);
    assert_eq!(to_end(&mut stream).await, "");
}

#[tokio::test]
async fn operators_see_health_readiness_and_numbers() {
    let metrics = Arc::new(Metrics::new());
    metrics.exchange_ended("read", "disclosed", Duration::from_millis(3));
    let ready = Arc::new(std::sync::Mutex::new(Readiness::Ready));
    let asked = Arc::clone(&ready);
    let answer: gateway::server::ops::Ready = Arc::new(move || {
        let now = *asked.lock().unwrap();
        Box::pin(async move { now })
    });
    let ops = Ops::bind(crate::support::site::loopback(), answer, metrics).await.unwrap();
    let address = ops.address().unwrap();
    let serving = tokio::spawn(ops.serve());
    let get = |path: &'static str| async move {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes()).await.unwrap();
        to_end(&mut stream).await
    };
    assert!(get("/health/live").await.starts_with("HTTP/1.1 200"));
    assert!(get("/health/ready").await.starts_with("HTTP/1.1 200"));
    *ready.lock().unwrap() = Readiness::NotReady("the ledger cannot write");
    let answered = get("/health/ready").await;
    assert!(answered.starts_with("HTTP/1.1 503") && answered.contains("the ledger cannot write"));
    let numbers = get("/metrics").await;
    assert!(
        numbers.contains(r#"portcullis_exchanges_total{interaction="read",ending="disclosed"} 1"#),
        "{numbers}"
    );
    assert!(numbers.ends_with("# EOF\n"));
    assert!(get("/elsewhere").await.starts_with("HTTP/1.1 404"));
    serving.abort();
}
