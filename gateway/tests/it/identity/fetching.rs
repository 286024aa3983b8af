//! Keys that an issuer publishes: a real server that rotates, is down, slow, huge or wrong.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gateway::clock::Clock;
use gateway::requestor::{Keys, KeysStand, Requestor, Unauthenticated, identify};
use gateway::server::arrived::Method;
use gateway::settings::{Claims, Issuer, JwksUrl, KeySource, Settings, SpeaksFor};
use jsonwebtoken::Algorithm;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::Notify;

use super::{COUNCIL, NOW, arrived, at, bearer, settings, social_worker, with};
use crate::support::identity::SigningKey;
use crate::support::site::BASE;
use crate::support::tls::{Authority, file, server_config};
use crate::support::upstream::{Play, System, answer};

const REFRESH: Duration = Duration::from_secs(600);
const KEEP: Duration = Duration::from_secs(86_400);
/// Longer than the least time between two attempts, also after one that failed.
const APART: Duration = Duration::from_secs(16);

/// Longer than any machine takes for an answer on loopback.
const WITHIN: Duration = Duration::from_secs(15);

/// What the issuer answers just now.
type Answers = Arc<Mutex<Script>>;
type Script = Box<dyn Fn() -> Play + Send>;

/// An issuer that publishes keys over real TLS, and a gateway's view of it under a clock that stands still.
struct Publisher {
    folder: TempDir,
    issuer: System,
    answers: Answers,
    clock: Clock,
    keys: Arc<Keys>,
    settings: Arc<Settings>,
}

/// An RSA key of so many bits, as it would be published; nobody has its private part.
pub(super) fn rsa(bits: usize, id: &str) -> Value {
    json!({"kty": "RSA", "kid": id, "n": URL_SAFE_NO_PAD.encode(vec![0xff; bits / 8]), "e": "AQAB"})
}

fn key(id: &'static str) -> SigningKey {
    SigningKey::new(Algorithm::ES256, id)
}

pub(super) fn set(keys: &[&SigningKey]) -> Vec<u8> {
    set_of(&keys.iter().map(|key| key.published.clone()).collect::<Vec<_>>())
}

fn set_of(keys: &[Value]) -> Vec<u8> {
    answer("200 OK", "content-type: application/jwk-set+json\r\n", &json!({"keys": keys}).to_string())
}

impl Publisher {
    /// One that publishes `keys` at first; they have been fetched when `fetched`.
    async fn of(keys: &[&SigningKey]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ours = Authority::new("ours");
        let tls = server_config(&ours.server("identity.example"), None, &[b"http/1.1"]);
        let first = set(keys);
        let answers: Answers = Arc::new(Mutex::new(Box::new(move || Play::ThenClose(first.clone()))));
        let issuer = System::start(Some(tls), {
            let answers = Arc::clone(&answers);
            move |_, _| (answers.lock().unwrap())()
        })
        .await;
        file(folder.path(), "ca.pem", &ours.pem);
        let clock = Clock::standing_at(at(NOW));
        let issuers = issuers(&folder, &issuer, "/jwks");
        let keys = Arc::new(Keys::load_after(&issuers, &clock, None).unwrap());
        let settings = Arc::new(settings(folder.path(), issuers, Vec::new()));
        keys.fetch_missing().await;
        Self { folder, issuer, answers, clock, keys, settings }
    }

    fn answers(&self, play: impl Fn() -> Play + Send + 'static) {
        *self.answers.lock().unwrap() = Box::new(play);
    }

    fn publishes(&self, keys: &[&SigningKey]) {
        let set = set(keys);
        self.answers(move || Play::ThenClose(set.clone()));
    }

    fn fetches(&self) -> usize {
        self.issuer.seen().len()
    }

    async fn identify(&self, token: &str) -> Result<Requestor, Unauthenticated> {
        let request = arrived(Method::Get, "/hospital/fhir/Patient/1", bearer(token), "");
        identify(&request, &self.keys, &self.settings, at(NOW)).await
    }

    #[track_caller]
    fn identifying(&self, token: String) -> tokio::task::JoinHandle<Result<Requestor, Unauthenticated>> {
        let (keys, settings) = (Arc::clone(&self.keys), Arc::clone(&self.settings));
        tokio::spawn(async move {
            let request = arrived(Method::Get, "/hospital/fhir/Patient/1", bearer(&token), "");
            identify(&request, &keys, &settings, at(NOW)).await
        })
    }

    /// Lets time go by, has the keys fetched if they are due, and waits for the end of that attempt.
    async fn after(&self, passed: Duration) {
        let before = self.ended();
        self.clock.advance(passed);
        self.keys.refresh_due();
        while self.ended() == before {
            tokio::task::yield_now().await;
        }
    }

    fn ended(&self) -> u64 {
        self.number("issuer_keys_fetches_total").unwrap()
    }

    fn number(&self, name: &str) -> Option<u64> {
        let mut text = String::new();
        self.keys.write_metrics(&mut text);
        let named = format!("portcullis_{name}{{issuer=\"{COUNCIL}\"}} ");
        text.lines().find_map(|line| line.strip_prefix(&named)).map(|number| number.parse().unwrap())
    }
}

fn issuers(folder: &TempDir, issuer: &System, path: &str) -> Vec<Issuer> {
    let place = JwksUrl {
        url: format!("https://{}{path}", issuer.address).parse().unwrap(),
        ca: Some(folder.path().join("ca.pem")),
        timeout: WITHIN,
        refresh: REFRESH,
        keep: KEEP,
    };
    vec![Issuer {
        issuer: COUNCIL.into(),
        keys: KeySource::Url(place),
        claims: Claims::Iua,
        audience: BASE.into(),
        speaks_for: SpeaksFor::Everyone,
        sign_in: None,
    }]
}

fn named(key: &SigningKey, id: &str) -> String {
    key.sign(&with(key.header(), "kid", id.into()).to_string(), &social_worker().to_string())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_are_fetched_once_and_serve_every_request() {
    let staff = key("staff-1");
    let publisher = Publisher::of(&[&staff]).await;
    for subject in ["a", "b", "c"] {
        let token = staff.token(&with(social_worker(), "sub", subject.into()));
        assert!(publisher.identify(&token).await.is_ok());
    }
    publisher.keys.refresh_due();
    assert_eq!((publisher.fetches(), publisher.keys.stand()), (1, KeysStand::Usable));
    let asked = &publisher.issuer.seen()[0];
    assert_eq!(asked.line, "GET /jwks HTTP/1.1");
    assert!(asked.header("authorization").is_none() && asked.header("cookie").is_none());
    publisher.after(REFRESH).await;
    assert_eq!(publisher.fetches(), 2, "they are fetched again when it is time to");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_first_seen_on_requests_fails_none_of_them_and_is_fetched_once() {
    let (old, new) = (key("old"), key("new"));
    let publisher = Publisher::of(&[&old]).await;
    publisher.publishes(&[&old, &new]);
    let token = |key: &SigningKey, number: u32| {
        key.token(&with(social_worker(), "sub", format!("u-{number}").into()))
    };
    let asking: Vec<_> = (0..30)
        .map(|number| publisher.identifying(token(if number % 3 == 0 { &old } else { &new }, number)))
        .collect();
    // Some wait already for the next attempt to be allowed, others come after it; all end the same.
    publisher.clock.advance(APART);
    for asked in asking {
        assert_eq!(asked.await.unwrap().map(|_| ()), Ok(()));
    }
    assert_eq!(publisher.fetches(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_attempt_that_began_before_a_request_does_not_speak_for_its_key() {
    let (old, new) = (key("old"), key("new"));
    let publisher = Publisher::of(&[&old]).await;
    let (go_on, before) = (Arc::new(Notify::new()), set(&[&old]));
    let wait = Arc::clone(&go_on);
    publisher.answers(move || Play::Once(Arc::clone(&wait), before.clone()));
    publisher.clock.advance(REFRESH);
    publisher.keys.refresh_due();
    while publisher.fetches() < 2 {
        tokio::task::yield_now().await;
    }
    publisher.publishes(&[&old, &new]);
    let asking = publisher.identifying(new.token(&social_worker()));
    go_on.notify_one();
    while publisher.ended() < 2 {
        tokio::task::yield_now().await;
    }
    publisher.clock.advance(APART);
    assert_eq!(asking.await.unwrap().map(|_| ()), Ok(()));
    assert_eq!(publisher.fetches(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_with_invented_key_ids_make_two_requests_at_most_and_hold_up_nobody() {
    let staff = key("staff-1");
    let publisher = Publisher::of(&[&staff]).await;
    let (go_on, again) = (Arc::new(Notify::new()), set(&[&staff]));
    let wait = Arc::clone(&go_on);
    publisher.answers(move || Play::Once(Arc::clone(&wait), again.clone()));
    publisher.clock.advance(APART);
    let invented: Vec<_> = (0..200).map(|number| named(&staff, &format!("k-{number}"))).collect();
    let mut strangers: Vec<_> = invented.into_iter().map(|token| publisher.identifying(token)).collect();
    let mut told = Vec::new();
    while told.len() < 200 - 128 {
        let (ended, waiting): (Vec<_>, Vec<_>) =
            strangers.into_iter().partition(tokio::task::JoinHandle::is_finished);
        strangers = waiting;
        for one in ended {
            told.push(one.await.unwrap().map(|_| ()));
        }
        tokio::task::yield_now().await;
    }
    assert!(
        told.iter().all(|told| *told == Err(Unauthenticated::KeysUnavailable)),
        "there is no room for so many from one address"
    );
    let known = publisher.identify(&staff.token(&social_worker())).await;
    assert_eq!(known.map(|_| ()), Ok(()), "who has a known key waits for nothing");
    // Who came while that request was under way is heard by one more.
    publisher.publishes(&[&staff]);
    go_on.notify_one();
    while publisher.ended() < 2 {
        tokio::task::yield_now().await;
    }
    publisher.clock.advance(APART);
    for one in strangers {
        assert_eq!(one.await.unwrap().map(|_| ()), Err(Unauthenticated::UnknownKey));
    }
    assert!(publisher.fetches() <= 3, "two hundred strangers made {} requests", publisher.fetches());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_stay_good_while_the_issuer_fails_in_any_way_and_for_no_longer_than_stated() {
    let staff = key("staff-1");
    let publisher = Publisher::of(&[&staff]).await;
    let token = staff.token(&social_worker());
    let json = "content-type: application/json\r\n";
    let bytes = |bytes: Vec<u8>| -> Script { Box::new(move || Play::ThenClose(bytes.clone())) };
    let good = String::from_utf8(set(&[&staff])).unwrap();
    let huge = format!(r#"{{"keys":[],"pad":"{}"}}"#, "x".repeat(300 * 1024));
    let many = json!({"keys": vec![rsa(2048, "a"); 101]}).to_string();
    let twice = good.split("\r\n\r\n").nth(1).unwrap().replacen('{', r#"{"keys":[],"#, 1);
    let other_place = format!("location: https://{}/other\r\n", publisher.issuer.address);
    let faults: Vec<(&str, Script)> = vec![
        ("down for maintenance", bytes(answer("503 Service Unavailable", json, "{}"))),
        ("gone", bytes(answer("404 Not Found", "", ""))),
        ("nothing", bytes(Vec::new())),
        ("half an answer", bytes(b"HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n{\"keys\":[".to_vec())),
        ("garbage", bytes(b"\x00\x01\x02\x03\r\n\r\n".to_vec())),
        ("a page", bytes(answer("200 OK", "content-type: text/html\r\n", "<html>sign in</html>"))),
        ("no keys", bytes(answer("200 OK", json, "{}"))),
        ("an empty set", bytes(answer("200 OK", json, r#"{"keys":[]}"#))),
        ("a set twice in one object", bytes(answer("200 OK", json, &twice))),
        (
            "a secret only",
            bytes(answer("200 OK", json, r#"{"keys":[{"kty":"oct","k":"AAAA","kid":"staff-1"}]}"#)),
        ),
        ("huge", bytes(answer("200 OK", json, &huge))),
        ("more keys than anyone has", bytes(answer("200 OK", json, &many))),
        ("compressed", bytes(answer("200 OK", "content-encoding: gzip\r\n", "x"))),
        ("elsewhere", bytes(answer("302 Found", &other_place, ""))),
        ("elsewhere for good", bytes(answer("308 Permanent Redirect", &other_place, ""))),
    ];
    let rounds = faults.len();
    for (case, fault) in faults {
        let before = publisher.fetches();
        *publisher.answers.lock().unwrap() = fault;
        publisher.after(REFRESH).await;
        assert_eq!(publisher.identify(&token).await.map(|_| ()), Ok(()), "{case}");
        let unknown = publisher.identify(&named(&staff, "other")).await.map(|_| ());
        assert_eq!(
            unknown,
            Err(Unauthenticated::KeysUnavailable),
            "{case}: nobody can say that there is no such key"
        );
        assert_eq!(publisher.keys.stand(), KeysStand::Usable, "{case}");
        let asked = publisher.issuer.seen();
        assert!(asked[before..].iter().all(|seen| seen.line.starts_with("GET /jwks ")), "{case}");
    }
    assert_eq!(publisher.number("issuer_keys_fetches_failed_total"), Some(rounds as u64));
    publisher.answers(|| Play::ThenClose(Vec::new()));
    publisher.after(KEEP - REFRESH * u32::try_from(rounds).unwrap()).await;
    assert_eq!(publisher.identify(&token).await.map(|_| ()), Ok(()), "to the last second");
    publisher.clock.advance(Duration::from_secs(1));
    let too_old = publisher.identify(&token).await.map(|_| ());
    assert_eq!(too_old, Err(Unauthenticated::KeysUnavailable), "also for a token that was verified before");
    assert_eq!(publisher.keys.stand(), KeysStand::AllMissing);
    assert_eq!(publisher.number("issuer_keys_usable"), Some(0));
    publisher.publishes(&[&staff]);
    publisher.clock.advance(APART);
    assert_eq!(publisher.identify(&token).await.map(|_| ()), Ok(()), "and it is well again by itself");
    assert_eq!(publisher.number("issuer_keys_usable"), Some(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_is_withdrawn_counts_no_more_even_for_tokens_that_were_verified() {
    let (old, new) = (key("old"), key("new"));
    let publisher = Publisher::of(&[&old]).await;
    let token = old.token(&social_worker());
    assert_eq!(publisher.identify(&token).await.map(|_| ()), Ok(()));
    publisher.publishes(&[&new]);
    publisher.after(REFRESH).await;
    let asking = publisher.identifying(token);
    publisher.clock.advance(APART);
    assert_eq!(asking.await.unwrap().map(|_| ()), Err(Unauthenticated::UnknownKey));
    assert_eq!(publisher.identify(&new.token(&social_worker())).await.map(|_| ()), Ok(()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_that_do_not_count_are_left_out_and_the_others_serve() {
    use Unauthenticated as No;
    let good = key("good");
    let of = |id: &'static str| {
        let key = key(id);
        let published = key.published.clone();
        (key, published)
    };
    let (encrypts, enc) = of("enc");
    let (wraps, wrap) = of("wrap");
    let (private, leaked) = of("leaked");
    let (first, second) = (key("twice"), key("twice"));
    let (unnamed, nameless) = of("nameless");
    let (bound, narrowed) = of("narrowed");
    let publisher = Publisher::of(&[&good]).await;
    let all = set_of(&[
        with(enc, "use", "enc".into()),
        with(wrap, "key_ops", json!(["wrapKey"])),
        with(leaked, "d", "AAAA".into()),
        first.published.clone(),
        second.published.clone(),
        super::without(nameless, "kid"),
        with(narrowed, "alg", "ES384".into()),
        rsa(1024, "weak"),
        json!({"kty": "oct", "k": "c2VjcmV0", "kid": "secret", "alg": "HS256"}),
        json!({"kty": "PQC", "kid": "unheard-of", "x": "AAAA"}),
        json!({"kty": "EC", "crv": "P-521", "kid": "curve", "x": "AAAA", "y": "AAAA"}),
        json!(7),
        good.published.clone(),
    ]);
    publisher.answers(move || Play::ThenClose(all.clone()));
    publisher.after(REFRESH).await;
    publisher.answers(|| Play::ThenClose(Vec::new()));
    assert_eq!(publisher.identify(&good.token(&social_worker())).await.map(|_| ()), Ok(()));
    // The next attempt fails, so that who asks for a key that is not held is told at once.
    publisher.clock.advance(APART);
    for (case, key) in [
        ("for encryption", &encrypts),
        ("for wrapping", &wraps),
        ("private", &private),
        ("one of two with a name", &first),
        ("the other", &second),
        ("without a name", &unnamed),
        ("bound to another algorithm", &bound),
    ] {
        let told = publisher.identify(&key.token(&social_worker())).await.map(|_| ());
        assert_eq!(told, Err(No::KeysUnavailable), "{case}");
    }
    let no_id = good.sign(&super::without(good.header(), "kid").to_string(), &social_worker().to_string());
    assert_eq!(
        publisher.identify(&no_id).await.map(|_| ()),
        Ok(()),
        "one key is left, and a token may mean it"
    );
    for algorithm in ["none", "HS256", "HS512", "RS256", "ES384", "PS256"] {
        let header = with(good.header(), "alg", algorithm.into()).to_string();
        let told = publisher.identify(&good.sign(&header, &social_worker().to_string())).await.map(|_| ());
        assert_eq!(told, Err(No::Algorithm), "{algorithm}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reload_keeps_what_was_fetched_from_the_same_place_and_nothing_else() {
    let staff = key("staff-1");
    let mut publisher = Publisher::of(&[&staff]).await;
    let token = staff.token(&social_worker());
    publisher.answers(|| Play::ThenClose(Vec::new()));
    let again = |path: &str| {
        let issuers = issuers(&publisher.folder, &publisher.issuer, path);
        Arc::new(Keys::load_after(&issuers, &publisher.clock, Some(&publisher.keys)).unwrap())
    };
    let (same, other) = (again("/jwks"), again("/elsewhere"));
    file(publisher.folder.path(), "ca.pem", &Authority::new("another").pem);
    let other_authority = again("/jwks");
    same.fetch_missing().await;
    assert_eq!(publisher.fetches(), 1);
    for (keys, stand) in
        [(same, KeysStand::Usable), (other, KeysStand::AllMissing), (other_authority, KeysStand::AllMissing)]
    {
        assert_eq!(keys.stand(), stand);
        publisher.keys = keys;
        let expected = match stand {
            KeysStand::Usable => Ok(()),
            KeysStand::SomeMissing | KeysStand::AllMissing => Err(Unauthenticated::KeysUnavailable),
        };
        assert_eq!(publisher.identify(&token).await.map(|_| ()), expected);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_issuer_with_a_certificate_of_another_authority_is_not_believed() {
    let staff = key("staff-1");
    let publisher = Publisher::of(&[&staff]).await;
    file(publisher.folder.path(), "ca.pem", &Authority::new("ours").pem);
    let issuers = issuers(&publisher.folder, &publisher.issuer, "/jwks");
    let keys = Keys::load_after(&issuers, &publisher.clock, None).unwrap();
    keys.fetch_missing().await;
    assert_eq!((keys.stand(), publisher.fetches()), (KeysStand::AllMissing, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_issuer_that_does_not_end_its_answer_is_given_up_and_holds_up_no_start() {
    let folder = tempfile::tempdir().unwrap();
    for begun in ["", "HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n{"] {
        let issuer = System::start(None, move |_, _| Play::ThenHang(begun.as_bytes().to_vec())).await;
        let mut issuers = issuers(&folder, &issuer, "/jwks");
        if let KeySource::Url(place) = &mut issuers[0].keys {
            place.url = format!("http://{}/jwks", issuer.address).parse().unwrap();
            (place.ca, place.timeout) = (None, Duration::from_millis(100));
        }
        let keys = Keys::load_after(&issuers, &Clock::standing_at(at(NOW)), None).unwrap();
        keys.fetch_missing().await;
        assert_eq!(keys.stand(), KeysStand::AllMissing);
    }
}
