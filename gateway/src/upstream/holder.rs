//! One system: where it is, how it is reached, and within which bounds.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use fhir::reference::Bases;
use http::{HeaderValue, Uri};
use http_body_util::Full;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

use super::UpstreamFault;
use super::mllp::Receiver;
use super::pull::Pull;
use super::tls::{self, UpstreamProblem};
use crate::settings::receives::Receives;
use crate::settings::{Speaks, System};

const CONNECT_WITHIN: Duration = Duration::from_secs(5);
const IDLE_FOR: Duration = Duration::from_secs(60);
const IDLE_MAX: usize = 32;
const HEAD_BYTES_MAX: usize = 64 * 1024;

/// One system and the pool of connections to it.
#[derive(Clone)]
pub(in crate::upstream) struct Holder {
    pub(in crate::upstream) client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    /// Without a trailing slash.
    pub(in crate::upstream) base: String,
    /// Other bases by which it calls itself.
    pub(in crate::upstream) aliases: Vec<String>,
    /// Its base and the other names it gives itself.
    pub(in crate::upstream) names: Bases,
    pub(in crate::upstream) authorization: Option<HeaderValue>,
    pub(in crate::upstream) timeout: Duration,
    pub(in crate::upstream) body_bytes_max: usize,
    /// What is asked in its place, where it speaks no FHIR.
    pub(in crate::upstream) pull: Option<Arc<Pull>>,
    /// Where messages go, where it takes nothing else.
    pub(in crate::upstream) receiver: Option<Receiver>,
    /// In which words it takes what is pushed, where those are not FHIR R4.
    pub(in crate::upstream) receives: Option<Arc<Receives>>,
    /// What requests to it wait for, where only a few may be under way at once.
    pub(in crate::upstream) slots: Option<Arc<Semaphore>>,
}

impl Holder {
    pub(in crate::upstream) fn new(system: &System) -> Result<Self, UpstreamProblem> {
        let base = system.base.to_string().trim_end_matches('/').to_owned();
        let names = std::iter::once(base.as_str()).chain(system.aliases.iter().map(String::as_str));
        let names = Bases::new(names).map_err(|_| UpstreamProblem::Base(system.name.clone()))?;
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT_WITHIN.min(system.timeout)));
        let tls = HttpsConnectorBuilder::new().with_tls_config(tls::config(system)?);
        let connector = match is_plain(&system.base) {
            true => tls.https_or_http().enable_http1().wrap_connector(tcp),
            false => tls.https_only().enable_all_versions().wrap_connector(tcp),
        };
        let client = Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_FOR)
            .pool_max_idle_per_host(IDLE_MAX)
            .http1_max_buf_size(HEAD_BYTES_MAX)
            .http2_adaptive_window(true)
            .build(connector);
        Ok(Self {
            client,
            base,
            aliases: system.aliases.clone(),
            names,
            authorization: tls::authorization(system)?,
            timeout: system.timeout,
            body_bytes_max: system.body_bytes_max,
            pull: Pull::of(system)?.map(Arc::new),
            receiver: Receiver::of(system)?,
            receives: match &system.speaks {
                Speaks::Receives(receives) => Some(Arc::clone(receives)),
                Speaks::Fhir | Speaks::Mapped(_) | Speaks::Hl7v2(_) => None,
            },
            slots: None,
        })
    }

    /// The same, with the same connections, for so many requests at once.
    pub(in crate::upstream) fn at_most(&self, at_once: usize) -> Self {
        Self { slots: Some(Arc::new(Semaphore::new(at_once))), ..self.clone() }
    }

    /// A slot for one request, where one is needed. It is held until the answer is read, and whoever holds one asks for
    /// no second, so each comes free.
    pub(in crate::upstream) async fn slot(
        &self,
        deadline: Instant,
    ) -> Result<Option<OwnedSemaphorePermit>, UpstreamFault> {
        let Some(slots) = &self.slots else { return Ok(None) };
        match timeout_at(deadline, Arc::clone(slots).acquire_owned()).await {
            Ok(Ok(slot)) => Ok(Some(slot)),
            Ok(Err(_)) | Err(_) => Err(UpstreamFault::TimedOut),
        }
    }
}

impl std::fmt::Debug for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Holder({})", self.base)
    }
}

/// The settings allow plain `http` on loopback only.
fn is_plain(base: &Uri) -> bool {
    base.scheme_str() == Some("http")
}
