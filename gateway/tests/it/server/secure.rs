//! TLS: whose certificate holds, and what a reload changes.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use gateway::server::listener::Doors;
use gateway::settings::{ServerTls, Settings, Transport};
use http_body_util::Empty;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::ExtendedKeyUsagePurpose;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::site;
use crate::support::front::{Front, HANGS, ask, get};
use crate::support::tls::{Authority, Leaf, Says, client_config, dns, file, uri};

const NAME: &str = "share.example.nhs.uk";

struct Secure {
    folder: TempDir,
    ours: Authority,
    settings: Settings,
}

fn secure(revoked: &[u64], list_until: i32) -> Secure {
    let folder = tempfile::tempdir().unwrap();
    let ours = Authority::new("ours");
    let mut settings = site();
    settings.listen.transport = Transport::Tls(files(folder.path(), &ours, revoked, list_until));
    Secure { folder, ours, settings }
}

fn files(folder: &Path, ours: &Authority, revoked: &[u64], list_until: i32) -> ServerTls {
    let leaf = ours.server(NAME);
    ServerTls {
        certificate: file(folder, "server.pem", &leaf.pem),
        key: file(folder, "server.key", &leaf.key),
        client_ca: Some(file(folder, "ca.pem", &ours.pem)),
        crl: Some(file(folder, "crl.pem", &ours.revokes(revoked, list_until))),
    }
}

/// What the gateway makes of a client that shows `leaf`: the SANs it knows, or no connection at all.
async fn seen(front: &Front, ours: &Authority, leaf: Option<&Leaf>) -> Option<String> {
    let mut stream = front.connect_tls(client_config(ours, leaf, &[b"http/1.1"])).await.ok()?;
    let (status, head, body) = ask(&mut stream, &get("/a")).await.ok()?;
    assert_eq!(status, 200);
    assert!(head.contains("strict-transport-security: "));
    Some(body.trim_start_matches(r#"Get ["a"] None "#).to_owned())
}

#[tokio::test]
async fn a_client_certificate_holds_when_our_authority_made_it_and_nothing_speaks_against_it() {
    let Secure { folder: _folder, ours, settings } = secure(&[66], 2090);
    let front = Front::echo(&settings).await;
    let other = Authority::new("ours");
    let issue = |authority: &Authority, sans: &[rcgen::SanType], serial, until_year, usage| {
        authority.issue(&Says { sans, common_name: "adt.hospital.example", serial, until_year, usage })
    };
    let client = ExtendedKeyUsagePurpose::ClientAuth;
    let adt = dns("ADT.hospital.example");
    for (case, leaf, expected) in [
        ("none", None, Some("None")),
        ("by dns name", Some(ours.client(adt.clone(), 5)), Some(r#"Some("dns:adt.hospital.example")"#)),
        ("by uri", Some(ours.client(uri("urn:nhs:asid:1"), 6)), Some(r#"Some("uri:urn:nhs:asid:1")"#)),
        ("by common name only", Some(issue(&ours, &[], 7, 2090, client.clone())), Some(r#"Some("")"#)),
        ("of another authority of the same name", Some(other.client(adt.clone(), 5)), None),
        ("revoked", Some(ours.client(adt.clone(), 66)), None),
        ("expired", Some(issue(&ours, std::slice::from_ref(&adt), 8, 2001, client)), None),
        ("made for servers", Some(issue(&ours, &[adt], 9, 2090, ExtendedKeyUsagePurpose::ServerAuth)), None),
    ] {
        let known = seen(&front, &ours, leaf.as_ref()).await;
        assert_eq!(known.as_deref(), expected, "{case}");
    }
}

#[tokio::test]
async fn a_revocation_list_out_of_date_lets_nobody_in() {
    let Secure { folder: _folder, ours, settings } = secure(&[], 2001);
    let front = Front::echo(&settings).await;
    let leaf = ours.client(dns("adt.hospital.example"), 5);
    assert_eq!(seen(&front, &ours, Some(&leaf)).await, None);
    assert_eq!(seen(&front, &ours, None).await.as_deref(), Some("None"), "others are not concerned");
}

#[tokio::test]
async fn a_revocation_list_may_be_in_der_and_several_may_stand_in_one_file() {
    let Secure { folder, ours, mut settings } = secure(&[], 2090);
    let theirs = Authority::new("theirs");
    let path = folder.path().join("lists");
    let Transport::Tls(files) = &mut settings.listen.transport else { panic!("tls") };
    files.crl = Some(path.clone());
    let adt = || dns("adt.hospital.example");
    let known = Some(r#"Some("dns:adt.hospital.example")"#);
    let both = ours.revokes(&[66], 2090) + &theirs.revokes(&[5], 2090);
    for (case, list, serial, expected) in [
        ("in der, not on it", ours.revokes_der(&[66], 2090), 5, known),
        ("in der, on it", ours.revokes_der(&[66], 2090), 66, None),
        ("two lists, not on that of its authority", both.clone().into_bytes(), 5, known),
        ("two lists, on that of its authority", both.into_bytes(), 66, None),
        ("a list of another authority only", theirs.revokes(&[], 2090).into_bytes(), 5, None),
        ("in der, out of date", ours.revokes_der(&[], 2001), 5, None),
    ] {
        std::fs::write(&path, list).unwrap();
        let front = Front::echo(&settings).await;
        let leaf = ours.client(adt(), serial);
        assert_eq!(seen(&front, &ours, Some(&leaf)).await.as_deref(), expected, "{case}");
        assert_eq!(
            seen(&front, &ours, None).await.as_deref(),
            Some("None"),
            "{case}: others are not concerned"
        );
    }
}

#[tokio::test]
async fn a_certificate_revoked_by_a_reload_counts_no_more_on_connections_that_are_open() {
    let Secure { folder, ours, mut settings } = secure(&[], 2090);
    let front = Front::echo(&settings).await;
    let leaf = ours.client(dns("adt.hospital.example"), 5);
    let mut stream = front.connect_tls(client_config(&ours, Some(&leaf), &[b"http/1.1"])).await.unwrap();
    assert!(ask(&mut stream, &get("/a")).await.unwrap().2.contains("dns:adt"));
    settings.listen.transport = Transport::Tls(files(folder.path(), &ours, &[5], 2090));
    front.doors.swap(Doors::new(&settings).unwrap());
    let (status, _, body) = ask(&mut stream, &get("/a")).await.unwrap();
    assert_eq!(status, 200);
    assert!(body.ends_with("None"), "{body}");
    assert_eq!(seen(&front, &ours, Some(&leaf)).await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reloads_under_load_fail_no_request_and_a_bad_one_changes_nothing() {
    let Secure { folder, ours, settings } = secure(&[], 2090);
    let front = Arc::new(Front::echo(&settings).await);
    let asked = Arc::new(AtomicUsize::new(0));
    let clients: Vec<_> = (0..4)
        .map(|_| {
            let (front, asked) = (Arc::clone(&front), Arc::clone(&asked));
            let config = client_config(&ours, None, &[b"http/1.1"]);
            tokio::spawn(async move {
                for _ in 0..10 {
                    let mut stream = front.connect_tls(Arc::clone(&config)).await.unwrap();
                    for _ in 0..10 {
                        assert_eq!(ask(&mut stream, &get("/a")).await.unwrap().0, 200);
                        asked.fetch_add(1, Ordering::SeqCst);
                    }
                }
            })
        })
        .collect();
    let mut reloads = 0;
    while asked.load(Ordering::SeqCst) < 400 && reloads < 200 {
        front.doors.swap(Doors::new(&settings).unwrap());
        reloads += 1;
        tokio::task::yield_now().await;
    }
    for client in clients {
        client.await.unwrap();
    }
    file(folder.path(), "server.key", "no key");
    assert!(Doors::new(&settings).unwrap_err().to_string().contains("server.key"));
    assert_eq!(seen(&front, &ours, None).await.as_deref(), Some("None"));
}

#[tokio::test]
async fn http_2_is_served_over_tls_and_its_requests_are_the_same() {
    let Secure { folder: _folder, ours, settings } = secure(&[], 2090);
    let front = Front::echo(&settings).await;
    let stream = front.connect_tls(client_config(&ours, None, &[b"h2"])).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    let connection = tokio::spawn(connection);
    for (uri, status) in [
        (format!("https://{NAME}/a?b=c"), 200),
        ("https://evil.example/a".to_owned(), 421),
        (format!("https://{NAME}/a/../b"), 400),
        (format!("https://{NAME}/a?access_token=x"), 400),
    ] {
        let request = http::Request::get(&uri).body(Empty::<bytes::Bytes>::new()).unwrap();
        let response = sender.send_request(request).await.unwrap();
        assert_eq!(response.status().as_u16(), status, "{uri}");
        assert!(!response.headers().contains_key("connection"));
    }
    front.drain();
    drop(sender);
    assert!(connection.await.unwrap().is_ok(), "the connection is told to go away, and ends well");
}

#[tokio::test]
async fn a_peer_that_connects_and_does_not_shake_hands_is_let_go() {
    let Secure { ours: _ours, mut settings, folder: _folder } = secure(&[], 2090);
    settings.limits.header_timeout = Duration::from_millis(100);
    let front = Front::echo(&settings).await;
    assert_eq!(front.raw(b"").await, "");
    assert_eq!(front.raw(b"\x16\x03\x01").await, "");
}

#[tokio::test]
async fn a_peer_that_is_slow_or_silent_after_the_handshake_is_let_go_too() {
    let Secure { ours, mut settings, folder: _folder } = secure(&[], 2090);
    // Long enough for a handshake on a busy machine, which is in it.
    settings.limits.header_timeout = Duration::from_secs(1);
    let to_begin = Front::echo(&settings).await;
    settings.limits.header_timeout = HANGS;
    settings.limits.body_timeout = Duration::from_millis(100);
    let to_end = Front::echo(&settings).await;
    let post = format!("POST /a HTTP/1.1\r\nhost: {NAME}\r\ncontent-length: 9\r\n\r\nab");
    for (protocol, start, told) in [
        (&b"http/1.1"[..], "", ""),
        (b"http/1.1", "GET /a HTTP/1.1\r\nhost: sha", ""),
        (b"http/1.1", &post, "HTTP/1.1 408 "),
        (b"h2", "", ""),
        (b"h2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", ""),
    ] {
        let front = if told.is_empty() { &to_begin } else { &to_end };
        let mut stream = front.connect_tls(client_config(&ours, None, &[protocol])).await.unwrap();
        stream.write_all(start.as_bytes()).await.unwrap();
        stream.flush().await.unwrap();
        let mut heard = Vec::new();
        // A connection that is let go without a word of TLS has ended too.
        drop(timeout(HANGS, stream.read_to_end(&mut heard)).await.expect("the connection is closed"));
        let heard = String::from_utf8_lossy(&heard);
        assert!(heard.starts_with(told), "{start}: {heard}");
        assert!(protocol == b"h2" || !told.is_empty() || heard.is_empty(), "{start}: {heard}");
    }
}

#[tokio::test]
async fn a_peer_that_sends_byte_by_byte_gains_no_time() {
    let Secure { ours, mut settings, folder: _folder } = secure(&[], 2090);
    settings.limits.header_timeout = Duration::from_secs(1);
    let to_begin = Front::echo(&settings).await;
    settings.limits.header_timeout = HANGS;
    settings.limits.body_timeout = Duration::from_millis(300);
    let to_end = Front::echo(&settings).await;
    let post = format!("POST /a HTTP/1.1\r\nhost: {NAME}\r\ncontent-length: 9000\r\n\r\n");
    for (front, start, told) in [(&to_begin, "GET /a HTTP/1.1\r\nx: ", ""), (&to_end, &post, "HTTP/1.1 408 ")]
    {
        let stream = front.connect_tls(client_config(&ours, None, &[b"http/1.1"])).await.unwrap();
        let (mut reading, mut writing) = tokio::io::split(stream);
        writing.write_all(start.as_bytes()).await.unwrap();
        let trickling = tokio::spawn(async move {
            let mut pace = tokio::time::interval(Duration::from_millis(20));
            loop {
                pace.tick().await;
                if writing.write_all(b"x").await.is_err() || writing.flush().await.is_err() {
                    return;
                }
            }
        });
        let mut heard = Vec::new();
        drop(timeout(HANGS, reading.read_to_end(&mut heard)).await.expect("the connection is closed"));
        let heard = String::from_utf8_lossy(&heard);
        assert!(heard.starts_with(told) && heard.is_empty() == told.is_empty(), "{start}: {heard}");
        trickling.abort();
    }
}

#[tokio::test]
async fn a_body_of_http_2_that_does_not_come_is_answered_for_and_other_streams_go_on() {
    let Secure { ours, mut settings, folder: _folder } = secure(&[], 2090);
    settings.limits.body_timeout = Duration::from_millis(100);
    let front = Front::echo(&settings).await;
    let stream = front.connect_tls(client_config(&ours, None, &[b"h2"])).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let request = |body: StuckBody| http::Request::post(format!("https://{NAME}/a")).body(body).unwrap();
    let slow = sender.send_request(request(StuckBody::Never)).await.unwrap();
    assert_eq!(slow.status().as_u16(), 408);
    let whole = sender.send_request(request(StuckBody::Whole)).await.unwrap();
    assert_eq!(whole.status().as_u16(), 200);
}

/// The body of a request that never comes, or that there is none of.
enum StuckBody {
    Never,
    Whole,
}

impl http_body::Body for StuckBody {
    type Data = bytes::Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<bytes::Bytes>, Self::Error>>> {
        match *self {
            Self::Never => Poll::Pending,
            Self::Whole => Poll::Ready(None),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_that_are_reset_at_once_end_their_exchanges_and_no_other() {
    let Secure { folder: _folder, ours, settings } = secure(&[], 2090);
    let front = Front::echo(&settings).await;
    let mut started = 0;
    for _ in 0..5 {
        let stream = front.connect_tls(client_config(&ours, None, &[b"h2"])).await.unwrap();
        let (mut sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
        let connection = tokio::spawn(connection);
        for _ in 0..200 {
            let request =
                http::Request::get(format!("https://{NAME}/a")).body(Empty::<bytes::Bytes>::new()).unwrap();
            if sender.ready().await.is_err() {
                break;
            }
            // Dropping the answer before it came resets its stream.
            drop(sender.send_request(request));
            started += 1;
        }
        drop(sender);
        drop(connection.await);
    }
    assert!(started > 0);
    while !front.metrics.text().contains("portcullis_in_flight 0") {
        tokio::task::yield_now().await;
    }
    assert_eq!(seen(&front, &ours, None).await.as_deref(), Some("None"), "others are served");
}
