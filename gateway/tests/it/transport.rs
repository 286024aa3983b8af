//! Transport, through the whole gateway over raw sockets: what two readers could read in two ways ends at the door, and
//! of headers only those pass that are on a list, either way.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::front::HANGS;
use crate::support::upstream::{Play, Seen, answer};
use crate::support::whole::{PATIENT, Whole, one_patient};
use crate::support::wire::{get, send};

/// Sends bytes as they are, and reads until the connection is closed or nothing more comes.
async fn raw(site: &Whole, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(site.requests).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut heard = Vec::new();
    let read = async {
        let mut chunk = [0; 4096];
        while let Ok(read) = stream.read(&mut chunk).await {
            if read == 0 {
                break;
            }
            heard.extend_from_slice(&chunk[..read]);
        }
    };
    timeout(HANGS, read).await.expect("the connection is closed");
    String::from_utf8_lossy(&heard).into_owned()
}

/// One attack: the row of the catalogue, the request, and the status it is told.
type Attack<'a> = (&'a str, String, u16);

/// Each is answered once, with its status, as an outcome that echoes nothing; then the connection is closed. No system
/// hears of any.
async fn check(site: &Whole, attacks: &[Attack<'_>]) {
    let before = site.hospital.seen().len();
    for (row, request, status) in attacks {
        let heard = raw(site, request.as_bytes()).await;
        assert!(heard.starts_with(&format!("HTTP/1.1 {status} ")), "{row}: {heard}");
        assert_eq!(heard.matches("HTTP/1.1 ").count(), 1, "{row}: one answer, then closed: {heard}");
        assert!(!heard.contains("Example") && !heard.contains("9990000018"), "{row}: {heard}");
        assert!(!heard.contains("canary") && !heard.contains("evil"), "{row} is echoed: {heard}");
    }
    assert_eq!(site.hospital.seen().len(), before, "no system hears of it");
}

/// A site and the lines that every request to it has.
async fn site() -> (Whole, gateway::serve::Running, String) {
    let site = Whole::with(one_patient).await;
    let running = site.start().await.unwrap();
    let lines = format!("host: {}\r\nauthorization: Bearer {}\r\n", site.requests, site.consultant());
    (site, running, lines)
}

const READ: &str = "GET /hospital/fhir/Patient/p1 HTTP/1.1\r\n";
const SEARCH: &str =
    "POST /hospital/fhir/Patient/_search HTTP/1.1\r\ncontent-type: application/x-www-form-urlencoded\r\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_has_one_length_and_nothing_hides_behind_it() {
    let (site, running, lines) = site().await;
    let smuggled = format!("GET /hospital/fhir/Patient/p1 HTTP/1.1\r\n{lines}\r\n");
    let length = smuggled.len();
    check(&site, &[
        ("HTTP-01 length before chunks", format!("{SEARCH}{lines}content-length: 6\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n{smuggled}"), 400),
        ("HTTP-01 chunks before length", format!("{SEARCH}{lines}transfer-encoding: chunked\r\ncontent-length: 6\r\n\r\n0\r\n\r\n{smuggled}"), 400),
        ("HTTP-02 a coding before chunked", format!("{SEARCH}{lines}transfer-encoding: identity, chunked\r\n\r\n0\r\n\r\n{smuggled}"), 400),
        ("HTTP-02 a coding that looks like chunked", format!("{SEARCH}{lines}transfer-encoding: xchunked\r\n\r\n0\r\n\r\n{smuggled}"), 400),
        ("HTTP-02 chunked twice", format!("{SEARCH}{lines}transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n{smuggled}"), 400),
        ("HTTP-03 two lengths that differ", format!("{SEARCH}{lines}content-length: 0\r\ncontent-length: {length}\r\n\r\n{smuggled}"), 400),
        ("HTTP-03 two lengths that agree", format!("{SEARCH}{lines}content-length: 0\r\ncontent-length: 0\r\n\r\n{smuggled}"), 400),
        ("HTTP-03 a list of lengths", format!("{SEARCH}{lines}content-length: 0, 0\r\n\r\n{smuggled}"), 400),
        ("HTTP-03 a sign", format!("{SEARCH}{lines}content-length: +0\r\n\r\n{smuggled}"), 400),
        ("HTTP-04 a body of a read", format!("{READ}{lines}content-length: {length}\r\n\r\n{smuggled}"), 400),
        ("HTTP-33 trailers", format!("{SEARCH}{lines}transfer-encoding: chunked\r\n\r\n6\r\n_id=p1\r\n0\r\nx-consent-scope: btg\r\n\r\n"), 400),
        ("HTTP-33 a chunk longer than it is", format!("{SEARCH}{lines}transfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\n_id=p1\r\n0\r\n\r\n"), 400),
        ("HTTP-33 a chunk of bare line feeds", format!("{SEARCH}{lines}transfer-encoding: chunked\r\n\r\n6\n_id=p1\n0\n\n"), 400),
    ])
    .await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_head_is_written_in_one_way_and_names_one_host_which_is_ours() {
    let (site, running, lines) = site().await;
    let (host, token) = lines.split_once("\r\n").unwrap();
    let bare = format!("{READ}{lines}\r\n").replace("\r\n", "\n");
    let elsewhere =
        |authority: &str| format!("GET http://{authority}/hospital/fhir/Patient/p1 HTTP/1.1\r\n{lines}\r\n");
    check(
        &site,
        &[
            ("HTTP-05 bare line feeds", bare, 400),
            ("HTTP-05 one bare line feed", format!("{READ}x: y\n{lines}\r\n"), 400),
            ("HTTP-05 a folded line", format!("{READ}{lines}x: y\r\n canary\r\n\r\n"), 400),
            ("HTTP-05 a nul", format!("{READ}{lines}x: \0\r\n\r\n"), 400),
            ("HTTP-05 a carriage return", format!("{READ}{lines}x: a\rb: canary\r\n\r\n"), 400),
            ("HTTP-05 a space before the colon", format!("{READ}{lines}x : y\r\n\r\n"), 400),
            ("HTTP-14 two hosts", format!("{READ}{host}\r\n{lines}\r\n"), 400),
            ("HTTP-14 another host besides", format!("{READ}host: evil.example\r\n{lines}\r\n"), 400),
            ("HTTP-14 no host", format!("{READ}{token}\r\n"), 400),
            ("HTTP-14 another host", format!("{READ}host: evil.example\r\n{token}\r\n"), 421),
            ("HTTP-15 another host in the target", elsewhere("evil.example"), 421),
            ("HTTP-15 somebody else's name before ours", elsewhere(&format!("evil@{}", site.requests)), 421),
            ("HTTP-16 another port", format!("{READ}host: {}:1\r\n{token}\r\n", site.requests.ip()), 421),
            ("IDN-17 two tokens", format!("{READ}{lines}{token}\r\n"), 400),
            (
                "IDN-17 a token in the query",
                format!("GET /hospital/fhir/Patient/p1?access_token=canary HTTP/1.1\r\n{lines}\r\n"),
                400,
            ),
        ],
    )
    .await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_other_protocol_or_method_is_reached() {
    let (site, running, lines) = site().await;
    let after = format!("{READ}{lines}\r\n");
    check(&site, &[
        ("HTTP-06 h2c", format!("{READ}{lines}connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__\r\n\r\n{after}"), 400),
        ("HTTP-06 settings alone", format!("{READ}{lines}http2-settings: AAMAAABkAAQAAP__\r\n\r\n"), 400),
        ("HTTP-07 websocket", format!("GET /hospital/fhir/websocket HTTP/1.1\r\n{lines}connection: upgrade\r\nupgrade: websocket\r\n\r\n"), 400),
        ("HTTP-17 another method in a header", format!("{SEARCH}{lines}x-http-method-override: DELETE\r\ncontent-length: 0\r\n\r\n"), 400),
        ("HTTP-17 the same by another name", format!("{READ}{lines}x-http-method: PUT\r\n\r\n"), 400),
        ("HTTP-17 the same by a third name", format!("{READ}{lines}x-method-override: PATCH\r\n\r\n"), 400),
        ("HTTP-18 small letters", format!("get /hospital/fhir/Patient/p1 HTTP/1.1\r\n{lines}\r\n"), 405),
        ("HTTP-18 an unknown method", format!("SNOOP /hospital/fhir/Patient/p1 HTTP/1.1\r\n{lines}\r\n"), 405),
        ("HTTP-19 trace", format!("TRACE /hospital/fhir/Patient HTTP/1.1\r\n{lines}\r\n"), 405),
        ("HTTP-19 connect", format!("CONNECT {} HTTP/1.1\r\n{lines}\r\n", site.requests), 405),
    ])
    .await;
    // In a query it is a parameter that nothing has.
    let named = get(&site, "/hospital/fhir/Patient/p1?_method=DELETE", "").await;
    assert_eq!(named.status, 400, "{}", named.text());
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_path_has_one_form_and_a_parameter_one_meaning() {
    let (site, running, lines) = site().await;
    let paths = [
        ("HTTP-09 dots", "Patient/p2/../p1"),
        ("HTTP-09 one dot", "Patient/./p1"),
        ("HTTP-10 escaped dots", "Patient/p2/%2e%2e/p1"),
        ("HTTP-10 dots escaped twice", "Patient/p2/%252e%252e/p1"),
        ("HTTP-10 an escaped slash behind dots", "Patient/p2/..%2fp1"),
        ("HTTP-10 an escaped backslash", "Patient%5cp1"),
        ("HTTP-10 a backslash", "Patient\\p1"),
        ("HTTP-11 a matrix parameter", "Patient/p1;x=1"),
        ("HTTP-11 a matrix parameter behind dots", "Patient/p2;x=1/..;/p1"),
        ("HTTP-12 an escaped slash", "Patient%2Fp1"),
        ("HTTP-12 two slashes", "Patient//p1"),
        ("HTTP-12 a slash behind", "Patient/p1/"),
        ("HTTP-12 an escaped letter", "Patient/%701"),
        ("HTTP-13 an escaped nul", "Patient/p1%00"),
        ("HTTP-13 letters of full width", "Patient/\u{ff50}1"),
        ("HTTP-13 an escape that is cut", "Patient/p1%2"),
        ("RACE-02 a space", "Patient/p1 .css"),
    ];
    let attacks: Vec<Attack<'_>> = paths
        .into_iter()
        .map(|(row, path)| (row, format!("GET /hospital/fhir/{path} HTTP/1.1\r\n{lines}\r\n"), 400))
        .collect();
    check(&site, &attacks).await;
    let before = site.hospital.seen().len();
    for (row, path, status) in [
        ("HTTP-12 a full stop behind", "Patient/zz.", 404),
        ("RACE-02 a file below", "Patient/p1/x.css", 404),
        ("HTTP-20 one parameter twice", "Patient?_count=1&_count=2&_id=p1", 400),
        ("HTTP-20 two formats", "Patient/p1?_format=json&_format=xml", 406),
        ("HTTP-20 a parameter in disguise twice", "Patient?_count=1&%5Fcount=2&_id=p1", 400),
        ("HTTP-20 a cursor twice", "Patient?_cursor=a&_cursor=b", 400),
    ] {
        let told = get(&site, &format!("/hospital/fhir/{path}"), "").await;
        assert_eq!(told.status, status, "{row}: {}", told.text());
    }
    // An id may end with a full stop: that one was asked for, and is nobody's.
    let asked: Vec<String> = site.hospital.seen().into_iter().skip(before).map(|seen| seen.line).collect();
    assert!(asked.iter().all(|line| line.contains("Patient/zz. ") || line.starts_with("POST ")), "{asked:?}");
    running.stop().await;
}

/// What a client may send along, and nobody hears of.
const FROM_CLIENT: &[&str] = &[
    "accept-encoding: gzip, br, zstd",
    "accept-language: cy",
    "baggage: patient=canary",
    "cookie: canary=1",
    "date: canary",
    "forwarded: for=10.0.0.1;host=canary",
    "from: canary@example.nhs.uk",
    "if-modified-since: Sun, 06 Nov 1994 08:49:37 GMT",
    "if-range: \"canary\"",
    "keep-alive: timeout=5",
    "max-forwards: 0",
    "origin: https://canary.example",
    "prefer: handling=lenient, respond-async",
    "proxy-authorization: Basic canary",
    "range: bytes=0-20",
    "referer: https://canary.example/Patient/p1",
    "te: trailers",
    "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "tracestate: canary=1",
    "user-agent: canary",
    "via: 1.1 canary",
    "x-break-glass: true",
    "x-consent-scope: btg",
    "x-forwarded-for: 127.0.0.1",
    "x-forwarded-host: canary.example",
    "x-forwarded-prefix: /canary",
    "x-original-url: /fhir/Patient/canary",
    "x-patient-id: canary",
    "x-provenance: {\"resourceType\":\"Provenance\"}",
    "x-purpose-of-use: ETREAT",
    "x-rewrite-url: /canary",
    "x-roles: admin",
    "x-security-context: canary",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn headers_of_a_client_neither_go_on_nor_change_anything() {
    let (site, running, _) = site().await;
    let plain = get(&site, "/hospital/fhir/Patient/p1", "").await.blind();
    let names = |seen: &Seen| -> Vec<String> {
        seen.headers.iter().map(|line| line.split(':').next().unwrap().to_owned()).collect()
    };
    let asked = site.hospital.seen();
    let expected: Vec<Vec<String>> = asked.iter().map(names).collect();
    for line in FROM_CLIENT {
        let before = site.hospital.seen().len();
        let told = get(&site, "/hospital/fhir/Patient/p1", &format!("{line}\r\n")).await.blind();
        assert_eq!(told, plain, "{line}");
        for seen in site.hospital.seen().iter().skip(before) {
            assert!(expected.contains(&names(seen)), "{line}: {:?}", seen.headers);
            assert!(!format!("{seen:?}").contains("canary"), "{line}: {seen:?}");
        }
    }
    running.stop().await;
    let told: String = site.entries().iter().map(ToString::to_string).collect();
    assert!(!told.contains("canary"), "nor is any of it recorded");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_id_that_a_client_gave_comes_back_with_every_answer_and_is_recorded_with_the_exchange_alone() {
    let (site, running, lines) = site().await;
    let (of_client, told) = ("x-request-id: canary-1\r\n", "x-correlation-id: canary-1\r\n");
    for (row, request) in [
        ("a share", format!("{READ}{lines}{of_client}connection: close\r\n\r\n")),
        (
            "a refusal",
            format!(
                "GET /hospital/fhir/Condition?code=1 HTTP/1.1\r\n{lines}{of_client}connection: close\r\n\r\n"
            ),
        ),
        (
            "an absence",
            format!("GET /hospital/fhir/Patient/p9 HTTP/1.1\r\n{lines}{of_client}connection: close\r\n\r\n"),
        ),
        ("nobody known", format!("{READ}host: {}\r\n{of_client}connection: close\r\n\r\n", site.requests)),
        ("the door", format!("{READ}{lines}{of_client}x-http-method-override: PUT\r\n\r\n")),
    ] {
        let heard = raw(&site, request.as_bytes()).await;
        assert_eq!(heard.matches(told).count(), 1, "{row}: {heard}");
        assert_eq!(heard.matches("x-request-id: ").count(), 1, "{row}: ours stands beside it: {heard}");
    }
    for malformed in ["x-request-id: canary<1>\r\n", "x-request-id: a\r\nx-request-id: b\r\n", ""] {
        let heard = raw(&site, format!("{READ}{lines}{malformed}connection: close\r\n\r\n").as_bytes()).await;
        assert!(heard.starts_with("HTTP/1.1 200 ") && !heard.contains("x-correlation-id"), "{heard}");
    }
    assert!(site.hospital.seen().iter().all(|seen| !format!("{seen:?}").contains("canary")));
    let trail = "/fhir/AuditEvent?patient.identifier=nhs%7C9990000018";
    let (_, _, hers) = site.get(trail, Some(&site.ann())).await;
    let receipt = hers.split("/receipt\",\"value\":\"").nth(1).unwrap().split('"').next().unwrap();
    assert!(!hers.contains("canary"), "a client may have put anybody's name into it: {hers}");
    let by_receipt = format!("/fhir/AuditEvent?entity.identifier={receipt}");
    let (_, _, overseen) = site.get(&by_receipt, Some(&site.staff_token("R5105"))).await;
    running.stop().await;
    let records = site.records();
    let with: Vec<bool> = records
        .iter()
        .filter(|record| record["exchange"]["correlation"] == "canary-1")
        .map(|record| record["about"]["kind"] == "exchange")
        .collect();
    assert_eq!(with, [true; 3], "share, refusal and absence: {records:?}");
    assert!(overseen.contains("AuditEvent"), "{overseen}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn headers_of_a_system_do_not_come_back() {
    let hostile = "server: canary\r\nx-powered-by: canary\r\nset-cookie: canary=1\r\netag: W/\"canary\"\r\n\
        last-modified: Sun, 06 Nov 1994 08:49:37 GMT\r\nlocation: https://canary.example/Patient/p1\r\n\
        content-location: https://canary.example/\r\nlink: <https://canary.example/>; rel=canary\r\n\
        x-request-id: canary\r\nportcullis-receipt: canary\r\nwarning: 199 - \"canary\"\r\nvary: canary\r\n\
        cache-control: public, max-age=600\r\nage: 5\r\nx-provenance: canary\r\naccess-control-allow-origin: *\r\n\
        www-authenticate: canary\r\nretry-after: 77\r\nallow: CANARY\r\ncontent-language: cy\r\nx-trace: canary\r\n\
        content-type: application/fhir+json\r\n";
    let site = Whole::with(move |seen| match seen.line.as_str() {
        "GET /fhir/Patient/p1 HTTP/1.1" => Play::Bytes(answer("200 OK", hostile, PATIENT)),
        "GET /fhir/Patient/p3 HTTP/1.1" => Play::Bytes(answer("404 Not Found", hostile, "canary")),
        "GET /fhir/Patient/p4 HTTP/1.1" => Play::Bytes(answer("503 canary", hostile, "canary")),
        _ => one_patient(seen),
    })
    .await;
    let running = site.start().await.unwrap();
    let always = [
        "cache-control",
        "content-length",
        "content-type",
        "date",
        "portcullis-receipt",
        "referrer-policy",
        "vary",
        "x-content-type-options",
        "x-request-id",
    ];
    for (id, status, also) in [("p1", 200, &["etag", "link"][..]), ("p3", 404, &[]), ("p4", 502, &[])] {
        let told = get(&site, &format!("/hospital/fhir/Patient/{id}"), "").await;
        assert!(told.status == status || (status == 502 && told.status == 503), "{id}: {:?}", told.head);
        let mut names: Vec<&str> =
            told.head.iter().filter_map(|line| line.split_once(": ").map(|(name, _)| name)).collect();
        names.sort_unstable();
        let mut expected: Vec<&str> = always.iter().chain(also).copied().collect();
        expected.sort_unstable();
        assert_eq!(names, expected, "{id}");
        let text = format!("{:?} {}", told.head, told.text()).to_ascii_lowercase();
        assert!(!text.contains("canary") && !text.contains("max-age=600"), "{id}: {text}");
        assert_eq!(told.header("cache-control"), Some("no-store"));
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_part_of_an_answer_is_never_sent_for_the_whole() {
    let (site, running, _) = site().await;
    let whole = get(&site, "/hospital/fhir/Patient/p1", "").await.blind();
    for range in ["bytes=0-10", "bytes=300-1400", "bytes=-5", "bytes=0-1,5-6", "canary=1"] {
        let told = get(&site, "/hospital/fhir/Patient/p1", &format!("range: {range}\r\n")).await.blind();
        assert_eq!(told, whole, "HTTP-24 {range}");
    }
    running.stop().await;
}

/// The start of an HTTP/2 connection: preface and settings.
fn preface() -> Vec<u8> {
    [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".as_slice(), &[0, 0, 0, 4, 0, 0, 0, 0, 0]].concat()
}

/// A frame of HTTP/2 on the first stream.
fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags, 0, 0, 0, 1], payload].concat()
}

/// Header fields as they stand, neither indexed nor compressed.
fn fields(pairs: &[(&str, &str)]) -> Vec<u8> {
    let text = |text: &str| {
        // Lengths below 127 are one byte; longer ones go on in groups of seven bits.
        let mut bytes = Vec::new();
        match text.len() {
            short @ 0..127 => bytes.push(u8::try_from(short).unwrap()),
            long => {
                bytes.push(127);
                let mut rest = long - 127;
                while rest >= 128 {
                    bytes.push(u8::try_from(rest % 128).unwrap() | 128);
                    rest /= 128;
                }
                bytes.push(u8::try_from(rest).unwrap());
            }
        }
        [bytes, text.as_bytes().to_vec()].concat()
    };
    pairs.iter().flat_map(|(name, value)| [vec![0], text(name), text(value)].concat()).collect()
}

/// The kinds of the frames that come back on the first stream, until it ends: 1 is an answer, 3 a reset, 7 goodbye.
async fn frames(stream: &mut TcpStream) -> Vec<(u8, Vec<u8>)> {
    let mut found = Vec::new();
    let read = async {
        loop {
            let mut head = [0; 9];
            if stream.read_exact(&mut head).await.is_err() {
                return;
            }
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
            let mut payload = vec![0; length];
            if stream.read_exact(&mut payload).await.is_err() {
                return;
            }
            let on_stream = head[8] == 1;
            let ends = head[3] == 7 || (on_stream && (head[3] == 3 || head[4] & 1 == 1));
            if on_stream || head[3] == 7 {
                found.push((head[3], payload));
            }
            if ends {
                return;
            }
        }
    };
    timeout(HANGS + Duration::from_secs(1), read).await.expect("the stream ends");
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_http_2_cannot_say_is_not_said_to_a_system_in_http_1() {
    let (site, running, _) = site().await;
    let (authority, token) = (site.requests.to_string(), format!("Bearer {}", site.consultant()));
    let read = |also: &[(&str, &str)]| {
        let plain = [
            (":method", "GET"),
            (":scheme", "http"),
            (":path", "/hospital/fhir/Patient/p1"),
            (":authority", authority.as_str()),
            ("authorization", token.as_str()),
        ];
        fields(&[&plain, also].concat())
    };
    let ask = async |payload: Vec<u8>, flags: u8, data: &[u8]| {
        let mut stream = TcpStream::connect(site.requests).await.unwrap();
        let mut bytes = [preface(), frame(1, flags, &payload)].concat();
        if flags & 1 == 0 {
            bytes.extend(frame(0, 1, data));
        }
        stream.write_all(&bytes).await.unwrap();
        frames(&mut stream).await
    };
    let right = ask(read(&[]), 5, b"").await;
    assert_eq!(right[0].0, 1, "a request of HTTP/2 is answered: {right:?}");
    assert!(
        right
            .iter()
            .any(|(kind, payload)| *kind == 0 && String::from_utf8_lossy(payload).contains("Example"))
    );
    let before = site.hospital.seen().len();
    for (case, also) in [
        ("HTTP-31 a line end in a value", ("x", "a\r\nx-consent-scope: btg")),
        ("HTTP-31 a nul in a value", ("x", "a\0b")),
        ("HTTP-31 a line end in a name", ("x\r\ny", "a")),
        ("HTTP-31 capitals in a name", ("X-Upper", "a")),
        ("HTTP-31 chunks", ("transfer-encoding", "chunked")),
        ("HTTP-31 a connection header", ("connection", "keep-alive")),
        ("HTTP-31 te", ("te", "gzip")),
        ("HTTP-31 a length without a body", ("content-length", "5")),
        ("HTTP-31 another host", ("host", "evil.example")),
        ("HTTP-31 a second path", (":path", "/hospital/fhir/Patient/p1")),
    ] {
        let heard = ask(read(&[also]), 5, b"").await;
        let text: String = heard.iter().map(|(_, payload)| String::from_utf8_lossy(payload)).collect();
        assert!(!text.contains("Example"), "{case}: {heard:?}");
        assert!(!heard.is_empty(), "{case}");
    }
    let post = |length: &str| {
        fields(&[
            (":method", "POST"),
            (":scheme", "http"),
            (":path", "/hospital/fhir/Patient/_search"),
            (":authority", authority.as_str()),
            ("authorization", token.as_str()),
            ("content-type", "application/x-www-form-urlencoded"),
            ("content-length", length),
        ])
    };
    for length in ["3", "60"] {
        let heard = ask(post(length), 4, b"_id=p1").await;
        let text: String = heard.iter().map(|(_, payload)| String::from_utf8_lossy(payload)).collect();
        assert!(!text.contains("Example"), "HTTP-31 a length of {length}: {heard:?}");
    }
    assert_eq!(site.hospital.seen().len(), before, "no system hears of it");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_gateway_asks_is_its_own_whatever_was_asked_of_it() {
    let (site, running, _) = site().await;
    let absolute = format!(
        "GET http://{}/hospital/fhir/Patient/p1 HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\n\r\n",
        site.requests,
        site.requests,
        site.consultant()
    );
    let told = send(site.requests, absolute.as_bytes()).await;
    assert_eq!(told.status, 200, "RFC 9112 has it that our own name is taken there: {}", told.text());
    for seen in site.hospital.seen() {
        assert!(seen.line.split(' ').nth(1).unwrap().starts_with("/fhir/"), "{}", seen.line);
        assert_eq!(seen.header("host"), Some(site.hospital.address.to_string().as_str()));
    }
    running.stop().await;
}
