//! What operators ask: is it alive, is it ready, how is it doing. On a listener of its own, without personal data.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use super::arrived::RequestId;
use super::delivery::Tracked;
use super::reply::{Content, Reply, Scheme};
use crate::telemetry::metrics::Metrics;

const CONNECTIONS_MAX: usize = 32;
const WITHIN: Duration = Duration::from_secs(10);

/// Whether the gateway can do its work now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readiness {
    /// It can.
    Ready,
    /// It can, but not for everybody, and why: a fixed text.
    ReadyBut(&'static str),
    /// It cannot, and why: a fixed word.
    NotReady(&'static str),
}

/// Answers whether the gateway is ready.
pub type Ready = Arc<dyn Fn() -> BoxFuture<'static, Readiness> + Send + Sync>;

/// The listener of the operators.
pub struct Ops {
    socket: TcpListener,
    ready: Ready,
    metrics: Arc<Metrics>,
}

impl Ops {
    /// Binds the address.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub async fn bind(address: SocketAddr, ready: Ready, metrics: Arc<Metrics>) -> io::Result<Self> {
        Ok(Self { socket: TcpListener::bind(address).await?, ready, metrics })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// As the operating system has it.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Answers until it is dropped.
    pub async fn serve(self) -> Infallible {
        let connections = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let (ready, metrics) = (self.ready, self.metrics);
        loop {
            let Ok(permit) = Arc::clone(&connections).acquire_owned().await else { continue };
            let Ok((stream, _)) = self.socket.accept().await else {
                sleep(Duration::from_millis(20)).await;
                continue;
            };
            let (ready, metrics) = (Arc::clone(&ready), Arc::clone(&metrics));
            tokio::spawn(async move {
                let service = service_fn(|request| answer(request, &ready, &metrics));
                let connection = http1::Builder::new()
                    .timer(TokioTimer::new())
                    .header_read_timeout(WITHIN)
                    .keep_alive(false)
                    .serve_connection(TokioIo::new(stream), service);
                drop(timeout(WITHIN, connection).await);
                drop(permit);
            });
        }
    }
}

async fn answer(
    request: Request<Incoming>,
    ready: &Ready,
    metrics: &Metrics,
) -> Result<Response<Tracked>, Infallible> {
    let text = |status, text: &str| Reply::new(status, Content::Text(format!("{text}\n")));
    let reply = match (request.method() == Method::GET, request.uri().path()) {
        (true, "/health/live") => text(StatusCode::OK, "live"),
        (true, "/health/ready") => match ready().await {
            Readiness::Ready => text(StatusCode::OK, "ready"),
            Readiness::ReadyBut(what) => text(StatusCode::OK, &format!("ready, but {what}")),
            Readiness::NotReady(why) => text(StatusCode::SERVICE_UNAVAILABLE, why),
        },
        (true, "/metrics") => Reply::new(StatusCode::OK, Content::Metrics(metrics.text())),
        (true, _) => text(StatusCode::NOT_FOUND, "not found"),
        (false, _) => text(StatusCode::METHOD_NOT_ALLOWED, "only GET is served").with_allow("GET"),
    };
    let request_id = RequestId::random().unwrap_or_else(RequestId::unknown);
    Ok(reply.into_response(&request_id, Scheme::Http, |bytes| Tracked::new(bytes, |_| {})))
}

impl std::fmt::Debug for Ops {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ops(..)")
    }
}
