//! A small HTTP server on one address: what a client under test talks to.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use super::message::{Head, Message};

/// Connections at one time.
const CONNECTIONS_MAX: usize = 256;

/// Bytes of one request's body.
const BODY_BYTES_MAX: usize = 16 << 20;

/// Fields that are for one connection only (RFC 9110, 7.6.1), and those that are made anew.
const FOR_ONE_CONNECTION: [&str; 10] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "host",
    "content-length",
    "expect",
];

/// Answers a request whose address is below the server: path and query.
pub(crate) type Answering =
    Arc<dyn Fn(Message) -> Pin<Box<dyn Future<Output = Message> + Send>> + Send + Sync>;

/// Whether a field goes on to the next connection.
pub(crate) fn passes_on(name: &str) -> bool {
    !FOR_ONE_CONNECTION.iter().any(|held| name.eq_ignore_ascii_case(held))
}

/// Serves until it is dropped with the runtime; returns the address.
pub(crate) async fn serve(address: SocketAddr, answering: Answering) -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind(address).await?;
    let bound = listener.local_addr()?;
    let permits = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(permit) = Arc::clone(&permits).acquire_owned().await else { return };
            let answering = Arc::clone(&answering);
            tokio::spawn(async move {
                let service = service_fn(move |request| one(Arc::clone(&answering), request));
                let server = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
                drop(server.serve_connection(TokioIo::new(stream), service).await);
                drop(permit);
            });
        }
    });
    Ok(bound)
}

#[expect(
    clippy::disallowed_methods,
    reason = "bounded by Limited; this crate does not know the gateway's reader"
)]
async fn one(answering: Answering, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let Ok(body) = Limited::new(body, BODY_BYTES_MAX).collect().await else {
        return Ok(response(&Message::new(Head::Response { status: 413 }, Vec::new(), Bytes::new())));
    };
    let url = parts.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
    let head = Head::Request { method: parts.method.as_str().to_owned(), url, base: String::new() };
    let headers = parts.headers.iter().map(|(name, value)| {
        (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    });
    let asked = Message::new(head, headers.collect(), body.to_bytes());
    Ok(response(&answering(asked).await))
}

#[expect(clippy::disallowed_methods, reason = "the gateway's replies are not this crate's")]
fn response(message: &Message) -> Response<Full<Bytes>> {
    let mut built = Response::builder().status(message.status().unwrap_or(500));
    for (name, value) in message.headers.iter().filter(|(name, _)| passes_on(name)) {
        built = built.header(name, value);
    }
    let failed = |_| Response::new(Full::new(Bytes::new()));
    built.body(Full::new(message.body.clone())).unwrap_or_else(failed)
}
