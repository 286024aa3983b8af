use http_body_util::Full;

use super::*;

const TAKEN: Result<(), Unacceptable> = Ok(());

async fn arriving(
    version: Version,
    method: &str,
    uri: &str,
    headers: &[(&str, &str)],
    body: &'static str,
) -> Result<Arrived, Unacceptable> {
    let mut request = http::Request::builder().version(version).method(method).uri(uri);
    for (name, value) in headers {
        request = request.header(*name, value.as_bytes());
    }
    let request = request.body(Full::new(Bytes::from(body))).unwrap();
    let head = RawHead::default();
    head.note(b"GET / HTTP/1.1\r\n\r\n");
    let connection = Connection { peer: SocketAddr::from(([127, 0, 0, 1], 9)), certificate: None, head };
    let base = Uri::from_static("https://share.example.nhs.uk");
    let front = Front::new(&base, 64, Duration::from_secs(60));
    arrive(request, RequestId::random().unwrap(), Timestamp::UNIX_EPOCH, &connection, &front).await
}

#[tokio::test]
async fn a_request_names_one_host_and_it_is_ours() {
    let one = Version::HTTP_11;
    let two = Version::HTTP_2;
    let ours = ("host", "share.example.nhs.uk");
    for (case, version, uri, headers, expected) in [
        ("host", one, "/", &[ours][..], TAKEN),
        ("host in capitals and with its port", one, "/", &[("host", "SHARE.example.nhs.uk:443")], TAKEN),
        ("none", one, "/", &[], Err(Unacceptable::Host)),
        ("two", one, "/", &[ours, ours], Err(Unacceptable::Host)),
        ("another", one, "/", &[("host", "evil.example")], Err(Unacceptable::Misdirected)),
        ("another port", one, "/", &[("host", "share.example.nhs.uk:80")], Err(Unacceptable::Misdirected)),
        ("absolute form", one, "https://share.example.nhs.uk/", &[ours], TAKEN),
        ("absolute form of another", one, "http://evil.example/", &[ours], Err(Unacceptable::Misdirected)),
        ("http/2", two, "https://share.example.nhs.uk/", &[], TAKEN),
        (
            "http/2 with another host beside it",
            two,
            "https://share.example.nhs.uk/",
            &[("host", "evil.example")],
            Err(Unacceptable::Misdirected),
        ),
        ("http/2 without any", two, "/", &[], Err(Unacceptable::Host)),
    ] {
        let arrived = arriving(version, "GET", uri, headers, "").await.map(|_| ());
        assert_eq!(arrived, expected, "{case}");
    }
}

#[tokio::test]
async fn only_the_headers_that_mean_something_are_kept() {
    let arrived = arriving(
        Version::HTTP_2,
        "POST",
        "https://share.example.nhs.uk/a?b=c",
        &[
            ("accept", "application/fhir+json"),
            ("accept", "application/json"),
            ("cookie", "a=b"),
            ("cookie", "c=d"),
            ("authorization", "Bearer x"),
            ("portcullis-override-reason", "né à la maison"),
            ("x-original-url", "/elsewhere"),
            ("x-request-id", "mine"),
        ],
        "body",
    )
    .await
    .unwrap();
    assert_eq!(arrived.method, Method::Post);
    assert_eq!(arrived.headers.accept.as_deref(), Some("application/fhir+json, application/json"));
    assert_eq!(arrived.headers.cookie.unwrap().expose(), "a=b; c=d");
    assert_eq!(arrived.headers.override_reason.unwrap().expose(), "né à la maison");
    assert_ne!(arrived.request_id.as_str(), "mine");
    assert_eq!(arrived.body.form().unwrap().expose(), "body");
}

#[tokio::test]
async fn a_head_with_a_hazard_ends_at_the_door() {
    let long = "x".repeat(65);
    let long: &'static str = Box::leak(long.into_boxed_str());
    for (case, method, headers, body, expected) in [
        ("lower case", "get", &[][..], "", Err(Unacceptable::Method)),
        ("trace", "TRACE", &[], "", Err(Unacceptable::Method)),
        ("a body with get", "GET", &[], "x", Err(Unacceptable::BodyNotTaken)),
        (
            "two tokens",
            "GET",
            &[("authorization", "a"), ("authorization", "a")],
            "",
            Err(Unacceptable::Header),
        ),
        ("two types", "POST", &[("content-type", "a"), ("content-type", "a")], "", Err(Unacceptable::Header)),
        ("an upgrade", "GET", &[("upgrade", "h2c")], "", Err(Unacceptable::Upgrade)),
        (
            "a stacked coding",
            "POST",
            &[("transfer-encoding", "gzip, chunked")],
            "x",
            Err(Unacceptable::TransferCoding),
        ),
        (
            "two lengths",
            "POST",
            &[("transfer-encoding", "chunked"), ("content-length", "1")],
            "x",
            Err(Unacceptable::TransferCoding),
        ),
        (
            "a coding that is not read",
            "POST",
            &[("content-encoding", "br")],
            "x",
            Err(Unacceptable::ContentCoding),
        ),
        (
            "a coding in name only",
            "POST",
            &[("content-encoding", "gzip")],
            "x",
            Err(Unacceptable::Inflated(NotInflated::Broken)),
        ),
        (
            "another method",
            "POST",
            &[("x-http-method-override", "DELETE")],
            "",
            Err(Unacceptable::MethodOverride),
        ),
        (
            "a body over the bound",
            "POST",
            &[],
            long,
            Err(Unacceptable::Body(Unread::TooLarge { bytes_max: 64 })),
        ),
    ] {
        let uri = "https://share.example.nhs.uk/";
        let arrived = arriving(Version::HTTP_2, method, uri, headers, body).await.map(|_| ());
        assert_eq!(arrived, expected, "{case}");
    }
}

#[test]
fn a_header_that_is_no_text_is_not_kept() {
    let mut headers = HeaderMap::new();
    headers.insert(header::ACCEPT, http::HeaderValue::from_bytes(b"\xff").unwrap());
    assert_eq!(kept(&headers).map(|_| ()), Err(Unacceptable::Header));
}
