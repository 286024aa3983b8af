//! A gateway with nothing but its pages: real settings, keys, ledger, registry and sockets.

use std::sync::Arc;

use fhir::nhs_number::NhsNumber;
use gateway::clock::Clock;
use gateway::consent::ConsentRegistry;
use gateway::decision::evidence::EvidenceCache;
use gateway::ledger::{AuditLedger, Options, SegmentLedger};
use gateway::pages;
use gateway::ports::Ports;
use gateway::requestor::Keys;
use gateway::seal::Seal;
use gateway::server::reply::{Content, Reply};
use gateway::settings::{Claims, Listen, Settings, Transport};
use gateway::trail::record::{AboutPerson, Event, Exchange, RecordedRequestor, Visibility};
use gateway::trail::records::Records;
use gateway::trail::store::{KEY_SCHEME, TrailStore};
use gateway::upstream::Upstream;
use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::Algorithm;
use serde_json::json;
use tempfile::TempDir;

use crate::site::Site;
use crate::support::front::{Front, answer};
use crate::support::identity::{SigningKey, issuer};
use crate::support::site::{BASE, loopback};

pub(crate) const ANN: &str = "9990000018";
pub(crate) const BEN: &str = "9990000026";
pub(crate) const LOGIN: &str = "https://sign-in.example";

/// A gateway that serves its pages, and what a test wants of it.
pub(crate) struct House {
    pub(crate) ports: Ports,
    pub(crate) front: Front,
    key: SigningKey,
    _folder: TempDir,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    /// A header; empty when there is none.
    pub(crate) fn header(&self, name: &str) -> &str {
        let value = |line| str::strip_prefix(line, name).and_then(|rest: &str| rest.strip_prefix(": "));
        self.head.lines().find_map(value).unwrap_or_default()
    }

    /// Name and value of the cookie that was set.
    pub(crate) fn cookie(&self) -> &str {
        self.header("set-cookie").split(';').next().unwrap_or_default()
    }
}

fn settings(folder: &TempDir, key: &SigningKey) -> Settings {
    let mut settings = Site::example().load().unwrap().settings;
    settings.gateway.base = BASE.into();
    settings.gateway.state = folder.path().into();
    settings.listen = Listen { address: loopback(), transport: Transport::LoopbackPlain, ops: loopback() };
    settings.issuers = vec![issuer(folder.path(), LOGIN, Claims::NhsLogin, &[key])];
    settings.systems.retain(|system| system.name.as_str() == "council");
    for system in &mut settings.systems {
        system.base = "http://127.0.0.1:9/fhir".parse().unwrap();
        system.ca = None;
        system.credentials = gateway::settings::UpstreamCredentials::None;
    }
    settings
}

impl House {
    /// One whose records are kept.
    pub(crate) async fn start() -> Self {
        Self::with(|ledger| ledger).await
    }

    /// One whose exchanges are recorded by what `recorder` makes of its ledger.
    pub(crate) async fn with(recorder: impl FnOnce(Arc<dyn AuditLedger>) -> Arc<dyn AuditLedger>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = SigningKey::new(Algorithm::ES256, "one");
        let settings = settings(&folder, &key);
        let clock = Clock::machine();
        let options = Options::new(folder.path().join("ledger"), "share.example/ledger", KEY_SCHEME);
        let ledger = Arc::new(SegmentLedger::open(&options, clock.clone()).unwrap());
        let ports = Ports {
            bases: Arc::default(),
            keys: Arc::new(Keys::load(&settings.issuers).unwrap()),
            upstream: Arc::new(Upstream::new(&settings).unwrap()),
            moment: None,
            trail: TrailStore::new(Arc::clone(&ledger)),
            ledger: recorder(ledger),
            consents: Arc::new(ConsentRegistry::open(folder.path(), BASE).unwrap()),
            evidence: Arc::new(EvidenceCache::default()),
            seal: Arc::new(Seal::open_or_create(folder.path()).unwrap()),
            strangers: Arc::new(gateway::server::strangers::Strangers::new(clock.clone())),
            metrics: Arc::default(),
            places: Arc::new(gateway::places::Places::new(settings.limits.in_flight_max)),
            clock,
            settings: Arc::new(settings),
        };
        let served = ports.clone();
        let front = Front::start(&ports.settings, move |arrived| {
            let ports = served.clone();
            Box::pin(async move {
                match pages::route(&arrived) {
                    Some(page) => pages::answer(page, arrived, &ports).await,
                    None => Reply::new(StatusCode::IM_A_TEAPOT, Content::Empty),
                }
            })
        })
        .await;
        Self { ports, front, key, _folder: folder }
    }

    /// A token of NHS login that ends so many seconds from now.
    pub(crate) fn token(&self, number: &str, seconds: i64, level: &str) -> String {
        let now = Timestamp::now().as_second();
        self.key.token(&json!({
            "iss": LOGIN, "aud": BASE, "sub": "s", "iat": now - 60, "nbf": now - 60, "exp": now + seconds,
            "jti": "j", "nhs_number": number, "identity_proofing_level": level, "vot": "P9.Cp.Cd",
            "given_name": "Ann", "family_name": "Archer",
        }))
    }

    pub(crate) async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut request = format!("{method} {path} HTTP/1.1\r\nhost: share.example.nhs.uk\r\n");
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        if !body.is_empty() {
            request.push_str("content-type: application/x-www-form-urlencoded\r\n");
            request.push_str(&format!("content-length: {}\r\n", body.len()));
        }
        let mut stream = self.front.connect().await;
        tokio::io::AsyncWriteExt::write_all(&mut stream, format!("{request}\r\n{body}").as_bytes())
            .await
            .unwrap();
        let (status, head, body) = answer(&mut stream).await.unwrap();
        Answer { status, head, body }
    }

    pub(crate) async fn get(&self, path: &str, cookie: &str) -> Answer {
        let cookie = [("cookie", cookie)];
        self.ask("GET", path, if cookie[0].1.is_empty() { &[] } else { &cookie }, "").await
    }

    pub(crate) async fn get_as(&self, method: &str, path: &str) -> Answer {
        self.ask(method, path, &[], "").await
    }

    pub(crate) async fn sign_in(&self, number: &str) -> String {
        let body = format!("token={}", self.token(number, 600, "P9"));
        let begun = self
            .ask("POST", "/me/session", &[("sec-fetch-site", "same-site"), ("origin", LOGIN)], &body)
            .await;
        assert_eq!((begun.status, begun.header("location")), (303, "/me"), "{begun:?}");
        begun.cookie().to_owned()
    }

    /// Records an exchange about a person as a stage of the gateway would.
    pub(crate) async fn record(&self, exchange: Exchange, persons: Vec<AboutPerson>) -> String {
        let batch = Records { exchange, persons }.to_batch().unwrap();
        self.ports.ledger.append(batch).await.unwrap().to_header()
    }
}

/// A read by a social worker.
pub(crate) fn read(request_id: &str) -> Exchange {
    let at = Timestamp::now() - SignedDuration::from_hours(1);
    let mut exchange = Exchange::begun(request_id.into(), at, None).ended(Event::Disclosed, 200, None);
    exchange.interaction = "read".into();
    exchange.place = "hospital".into();
    exchange.resource_type = Some("Condition".into());
    exchange.requestor = Some(RecordedRequestor::Professional {
        issuer: "https://identity.example".into(),
        subject: "s".into(),
        token_id: "t".into(),
        name: "Sam Rivers".into(),
        organisation: "E10000099".into(),
        role: "R1330".into(),
        supervisor: None,
    });
    exchange.purpose = Some("COC".into());
    exchange
}

pub(crate) fn about(number: &str) -> AboutPerson {
    assert!(NhsNumber::parse(number).is_ok());
    AboutPerson {
        nhs_number: Some(number.into()),
        patient: Some(format!("Patient/p{number}")),
        visibility: Visibility::Trail,
        resources: vec!["Condition/c".into()],
        withheld: Vec::new(),
        refusal: None,
        relationship: None,
        consent: None,
        limited_by: Vec::new(),
        overrode: Vec::new(),
    }
}
