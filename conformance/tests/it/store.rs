//! A FHIR R4 server that keeps resources of every type in memory: right in everything that its statement claims, or wrong in
//! exactly one thing ([`Fault`]).
//!
//! It speaks HTTP on loopback, in JSON and XML. What comes over the wire is made into one form at the [`edge`]; entries of batches
//! and transactions take the same road from there. Numbers stay as they were written, and members in their order.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "each fault changes one place and leaves all others alone"
)]

mod change;
pub(crate) mod edge;
pub(crate) mod fault;
mod history;
pub(crate) mod json;
mod part;
mod patch;
mod rest;
pub(crate) mod search;
mod spoil;
mod state;
mod statement;
mod together;
pub(crate) mod told;

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use http::{Method, Request};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::TcpListener;

pub(crate) use self::fault::Fault;
use self::json::Json;
use self::state::State;

/// Bytes of a body that are read at all.
const BODY_MAX: usize = 16 << 20;

/// The server.
#[derive(Debug)]
pub(crate) struct Store {
    /// What is wrong with it.
    pub(crate) fault: Fault,
    /// Its base, without a trailing slash.
    pub(crate) base: String,
    state: Mutex<State>,
}

/// Starts an empty store and returns its base.
pub(crate) async fn start(fault: Fault) -> String {
    start_with(fault, &[]).await
}

/// Starts a store that holds `resources`, under the ids that they have, and returns its base.
pub(crate) async fn start_with(fault: Fault, resources: &[Json]) -> String {
    let mut state = State::default();
    for resource in resources {
        let name = resource["resourceType"].text().unwrap();
        let id = resource["id"].text().unwrap();
        state.put(name, id, Method::PUT, Some(resource.clone()));
    }
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let base = format!("http://{}/fhir", listener.local_addr().unwrap());
    let store = Arc::new(Store { fault, base: base.clone(), state: Mutex::new(state) });
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                let service = service_fn(move |request| converse(Arc::clone(&store), request));
                let server = auto::Builder::new(TokioExecutor::new());
                drop(server.serve_connection(TokioIo::new(stream), service).await);
            });
        }
    });
    base
}

#[expect(clippy::disallowed_methods, reason = "a test server reads within its own bound")]
async fn converse(
    store: Arc<Store>,
    request: Request<Incoming>,
) -> Result<http::Response<http_body_util::Full<bytes::Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = Limited::new(body, BODY_MAX).collect().await.map(|whole| whole.to_bytes()).unwrap_or_default();
    Ok(store.answer(&Request::from_parts(head, body)))
}
