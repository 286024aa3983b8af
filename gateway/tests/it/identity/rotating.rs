//! Rotation and outage of an issuer, seen by those who ask the whole gateway.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gateway::clock::Clock;
use gateway::serve::Running;
use jsonwebtoken::Algorithm;
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinHandle;

use super::fetching::set;
use crate::support::front::{ask, to_end};
use crate::support::identity::SigningKey;
use crate::support::upstream::{Play, System};
use crate::support::whole::{STAFF, Whole, one_patient};

/// A site whose staff have an issuer that publishes its keys, under a clock that stands still.
struct Rotating {
    site: Arc<Whole>,
    issuer: System,
    published: Arc<Mutex<Option<Vec<u8>>>>,
    clock: Clock,
}

impl Rotating {
    async fn new(published: Option<Vec<u8>>) -> Self {
        let site = Whole::with(one_patient).await;
        let published = Arc::new(Mutex::new(published));
        let issuer = System::start(None, {
            let published = Arc::clone(&published);
            move |_, _| Play::ThenClose(published.lock().unwrap().clone().unwrap_or_default())
        })
        .await;
        let settings = std::fs::read_to_string(site.config()).unwrap();
        let fetched = format!("jwks_url = \"http://{}/jwks\"", issuer.address);
        std::fs::write(site.config(), settings.replace("keys = \"Iua.jwks.json\"", &fetched)).unwrap();
        Self { site: Arc::new(site), issuer, published, clock: Clock::standing_at(jiff::Timestamp::now()) }
    }

    async fn start(&self) -> Running {
        Running::start(&self.site.config(), self.clock.clone()).await.unwrap()
    }

    fn publish(&self, keys: &[&SigningKey]) {
        *self.published.lock().unwrap() = Some(set(keys));
    }

    fn token(&self, key: &SigningKey, subject: &str) -> String {
        key.token(&json!({
            "iss": STAFF, "sub": subject, "aud": format!("http://{}", self.site.requests),
            "exp": self.clock.now().as_second() + 3_000, "subject_name": "Dr One",
            "subject_organization_id": "RX1", "subject_role": "R0050", "purpose_of_use": "TREAT"
        }))
    }

    async fn read(&self, token: &str) -> (u16, String, String) {
        self.site.get("/hospital/fhir/Patient/p1", Some(token)).await
    }

    /// Asks from another address of this machine.
    async fn read_from(&self, address: &str, token: &str) -> u16 {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(format!("{address}:0").parse().unwrap()).unwrap();
        let mut stream = socket.connect(self.site.requests).await.unwrap();
        let request = self.site.request("GET", "/hospital/fhir/Patient/p1", Some(token), "", "");
        ask(&mut stream, &request).await.unwrap().0
    }

    async fn ops(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(self.site.ops()).await.unwrap();
        stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes()).await.unwrap();
        to_end(&mut stream).await
    }
}

fn key(id: &'static str) -> SigningKey {
    SigningKey::new(Algorithm::ES256, id)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rotations_under_load_fail_no_request() {
    let mut current = key("k-0");
    let rotating = Arc::new(Rotating::new(Some(set(&[&current]))).await);
    let running = rotating.start().await;
    for (round, id) in ["k-1", "k-2", "k-3"].into_iter().enumerate() {
        let next = key(id);
        rotating.publish(&[&current, &next]);
        let asking: Vec<_> = (0..64)
            .map(|number| {
                let key = if number % 2 == 0 { &current } else { &next };
                let token = rotating.token(key, &format!("{id}-{number}"));
                let rotating = Arc::clone(&rotating);
                tokio::spawn(async move { rotating.read(&token).await })
            })
            .collect();
        rotating.clock.advance(Duration::from_secs(6));
        for asked in asking {
            let (status, _, body) = asked.await.unwrap();
            assert_eq!(status, 200, "{body}");
        }
        assert_eq!(rotating.issuer.seen().len(), round + 2, "one fetch a rotation");
        current = next;
    }
    running.stop().await;
}

/// So many requests from one address, each with a key id of its own invention.
fn flood(rotating: &Arc<Rotating>, range: std::ops::Range<usize>) -> Vec<JoinHandle<u16>> {
    let invented = key("k-0");
    let asking = range.map(|number| {
        let (header, rest) = token_parts(&rotating.token(&invented, "stranger"));
        let header = header.replace("k-0", &format!("invented-{number}"));
        let token = format!("{}.{rest}", URL_SAFE_NO_PAD.encode(header));
        let rotating = Arc::clone(rotating);
        tokio::spawn(async move { rotating.read_from("127.0.0.3", &token).await })
    });
    asking.collect()
}

fn token_parts(token: &str) -> (String, String) {
    let (header, rest) = token.split_once('.').unwrap();
    (String::from_utf8(URL_SAFE_NO_PAD.decode(header).unwrap()).unwrap(), rest.to_owned())
}

async fn ended(asking: &[JoinHandle<u16>], count: usize) {
    while asking.iter().filter(|asked| asked.is_finished()).count() < count {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_invented_keys_takes_the_place_of_no_request_with_the_new_one() {
    let (current, next) = (key("k-0"), key("k-1"));
    let rotating = Arc::new(Rotating::new(Some(set(&[&current]))).await);
    let running = rotating.start().await;
    rotating.publish(&[&current, &next]);
    let mut strangers = flood(&rotating, 0..200);
    ended(&strangers, 200 - 128).await;
    let new: Vec<_> = (0..64)
        .map(|number| {
            let token = rotating.token(&next, &format!("dr-{number}"));
            let rotating = Arc::clone(&rotating);
            tokio::spawn(async move { rotating.read_from("127.0.0.2", &token).await })
        })
        .collect();
    // All places are taken, and half of them by those with the new key. A wave at a time: together they are never more
    // than the requests that the gateway has under way, beyond which it turns anybody away.
    for wave in 0..4 {
        ended(&strangers, 200 + wave * 50 - 64).await;
        strangers.extend(flood(&rotating, 200 + wave * 50..250 + wave * 50));
    }
    ended(&strangers, 400 - 64).await;
    let known = rotating.read(&rotating.token(&current, "dr-known")).await;
    assert_eq!(known.0, 200, "who has a known key waits for nothing");
    rotating.clock.advance(Duration::from_secs(6));
    for asked in new {
        assert_eq!(asked.await.unwrap(), 200);
    }
    for stranger in strangers {
        assert!(matches!(stranger.await.unwrap(), 401 | 503));
    }
    assert_eq!(rotating.issuer.seen().len(), 2, "one fetch for all of them");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_issuer_that_is_down_is_named_and_others_are_served_until_it_comes_back() {
    let staff = key("staff-1");
    let rotating = Rotating::new(None).await;
    let running = rotating.start().await;
    let token = rotating.token(&staff, "dr-1");
    let (status, head, body) = rotating.read(&token).await;
    assert_eq!(status, 503);
    assert!(head.contains("retry-after: ") && !head.contains("www-authenticate"), "{head}");
    assert!(
        body.contains("the keys of the token's issuer cannot be read at the moment: try again"),
        "{body}"
    );
    let ready = rotating.ops("/health/ready").await;
    assert!(
        ready.starts_with("HTTP/1.1 200 ") && ready.contains("ready, but an issuer has no keys"),
        "{ready}"
    );
    let numbers = rotating.ops("/metrics").await;
    assert!(
        numbers.contains("portcullis_unauthenticated_total{reason=\"issuer-keys-unavailable\"} 1"),
        "{numbers}"
    );
    let usable = |value| format!("portcullis_issuer_keys_usable{{issuer=\"{STAFF}\"}} {value}\n");
    assert!(numbers.contains(&usable(0)), "{numbers}");
    // The person has another issuer, whose keys are in a file.
    let form = format!("token={}", rotating.site.ann());
    let headers = "content-type: application/x-www-form-urlencoded\r\n";
    let mut stream = TcpStream::connect(rotating.site.requests).await.unwrap();
    let signing_in = rotating.site.request("POST", "/me/session", None, headers, &form);
    let (status, ..) = ask(&mut stream, &signing_in).await.unwrap();
    assert_eq!(status, 303);
    rotating.publish(&[&staff]);
    rotating.clock.advance(Duration::from_secs(16));
    assert_eq!(rotating.read(&token).await.0, 200);
    let ready = rotating.ops("/health/ready").await;
    assert!(ready.starts_with("HTTP/1.1 200 ") && ready.ends_with("\r\n\r\nready\n"), "{ready}");
    assert!(rotating.ops("/metrics").await.contains(&usable(1)));
    *rotating.published.lock().unwrap() = None;
    running.reload().await.unwrap();
    assert_eq!(rotating.read(&token).await.0, 200, "a reload keeps what was fetched");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_whose_only_issuer_is_down_is_not_ready_and_says_why() {
    let rotating = Rotating::new(None).await;
    let settings = std::fs::read_to_string(rotating.site.config()).unwrap();
    let (before, login) = settings.split_once("[[issuer]]\nissuer = \"https://sign-in.example\"").unwrap();
    let (_, after) = login.split_once("[[system]]").unwrap();
    std::fs::write(rotating.site.config(), format!("{before}[[system]]{after}")).unwrap();
    let running = rotating.start().await;
    let ready = rotating.ops("/health/ready").await;
    assert!(ready.starts_with("HTTP/1.1 503 ") && ready.contains("nobody can prove who they are"), "{ready}");
    running.stop().await;
}
