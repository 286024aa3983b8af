//! A small gateway that keeps records, Consents and a trail: right in everything the suites `balp` and `consent` look at, or
//! wrong in exactly one thing.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "each fault changes one place and leaves all others alone"
)]

mod audit;
mod caught;
mod decide;
mod faults;
mod parts;
mod scenes;
mod store;
mod world;

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use decide::Baseline;
use faults::Fault;
use parts::{Asked, Told};
use store::Store;

/// Starts a keeper and returns its base.
pub(crate) async fn start(fault: Fault, baseline: Baseline) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let store = Arc::new(Mutex::new(Store::new(fault, baseline)));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                let service = service_fn(move |request| answer(Arc::clone(&store), request));
                let server = auto::Builder::new(TokioExecutor::new());
                drop(server.serve_connection(TokioIo::new(stream), service).await);
            });
        }
    });
    base
}

#[expect(clippy::disallowed_methods, reason = "a test server is no part of the gateway")]
async fn answer(
    store: Arc<Mutex<Store>>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let head = parts.method == Method::HEAD;
    let asked = Asked::of(&parts, body);
    let told = store.lock().unwrap().answer(&asked);
    let mut response = Response::new(Full::new(if head { Bytes::new() } else { told.body.clone() }));
    *response.status_mut() = StatusCode::from_u16(told.status).unwrap();
    let mut header = |name: &'static str, value: &str| {
        response.headers_mut().insert(name, HeaderValue::from_str(value).unwrap());
    };
    header("x-request-id", &asked.request_id);
    header("content-type", told.media_type);
    if let Some(location) = &told.location {
        header("location", location);
    }
    if let Some(version) = &told.version {
        header("etag", &format!("W/\"{version}\""));
    }
    Ok(response)
}

fn outcome(code: &str) -> Value {
    json!({"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": code}]})
}

fn error(status: u16) -> Told {
    let code = match status {
        401 => "login",
        403 => "forbidden",
        404 => "not-found",
        _ => "not-supported",
    };
    Told::json(status, &outcome(code))
}
