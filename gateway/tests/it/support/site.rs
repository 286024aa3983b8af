//! Settings of a small site on loopback, and requests as they arrive there.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use fhir::ods_code::OdsCode;
use gateway::agreement::Agreements;
use gateway::person::SystemName;
use gateway::sensitive_codes::SensitiveCodes;
use gateway::server::arrived::{Arrived, Body, Headers, Method, RequestId, Secret};
use gateway::server::format::{self, Format};
use gateway::server::target::Target;
use gateway::settings::{
    Client, Gateway, Households, Issuer, Limits, Listen, Settings, Speaks, System, Telemetry, Transactions,
    Transport, UpstreamCredentials,
};
use jiff::Timestamp;

pub(crate) const BASE: &str = "https://share.example.nhs.uk";

pub(crate) fn ods(code: &str) -> OdsCode {
    OdsCode::parse(code).unwrap()
}

pub(crate) fn loopback() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

pub(crate) fn limits() -> Limits {
    Limits {
        connections_max: 64,
        in_flight_max: 16,
        header_timeout: Duration::from_secs(10),
        body_timeout: Duration::from_secs(10),
        exchange_timeout: Duration::from_secs(120),
        body_bytes_max: 1 << 20,
        batch_entries_max: 100,
        drain: Duration::from_secs(5),
        beat: Duration::from_millis(256),
    }
}

/// A site without systems, in a state folder of its own.
pub(crate) fn settings(state: &Path, issuers: Vec<Issuer>, clients: Vec<Client>) -> Settings {
    Settings {
        gateway: Gateway {
            organisation: ods("RX1"),
            base: BASE.into(),
            audience: BASE.into(),
            contact: "share@hospital.example".into(),
            state: state.into(),
            consent_recorders: Vec::new(),
            oversight: Vec::new(),
        },
        organisations: std::collections::BTreeMap::new(),
        listen: Listen { address: loopback(), transport: Transport::LoopbackPlain, ops: loopback() },
        issuers,
        clients,
        systems: Vec::<System>::new(),
        mllp: Vec::new(),
        inbound: Vec::new(),
        limits: limits(),
        telemetry: Telemetry::default(),
        sensitive_codes: SensitiveCodes::shipped(),
        agreements: Agreements::default(),
    }
}

/// A system that answers at `base`.
pub(crate) fn system(name: &str, base: &str) -> System {
    System {
        name: SystemName::new(name),
        organisation: ods("RX1"),
        base: base.parse().unwrap(),
        aliases: Vec::new(),
        relationship_source: false,
        consent_source: false,
        trusted_identity: false,
        households: Households::Told,
        speaks: Speaks::Fhir,
        transactions: Transactions::NotTaken,
        credentials: UpstreamCredentials::None,
        ca: None,
        timeout: Duration::from_secs(60),
        body_bytes_max: 1 << 20,
    }
}

pub(crate) fn arrived(method: Method, url: &str, headers: Headers, body: &str) -> Arrived {
    let text = headers.content_type.as_deref().is_some_and(|sent| sent.contains("form")).then_some(body);
    let (path, query) = url.split_once('?').map_or((url, None), |(path, query)| (path, Some(query)));
    Arrived {
        request_id: RequestId::random().unwrap(),
        at: Timestamp::UNIX_EPOCH,
        method,
        target: Target::parse(path, query).unwrap(),
        format: format::decide(
            headers.accept.as_deref(),
            &[query.unwrap_or_default(), text.unwrap_or_default()],
            headers.content_type.as_deref(),
        ),
        instead: format::instead(
            headers.accept.as_deref(),
            &[query.unwrap_or_default(), text.unwrap_or_default()],
        ),
        body: Body::in_format(
            Bytes::from(body.to_owned()),
            Format::of_body(headers.content_type.as_deref()).unwrap_or_default(),
        ),
        headers,
        peer: loopback(),
        certificate: None,
    }
}

pub(crate) fn bearer(token: &str) -> Headers {
    Headers { authorization: Some(Secret::new(format!("Bearer {token}"))), ..Headers::default() }
}
