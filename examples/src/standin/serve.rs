//! The sockets of a stand-in.

use std::io::{Error, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::answer::{Answer, Call, Holder};
use crate::wire::{self, Body};

const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Why a stand-in does not start.
#[derive(Debug, thiserror::Error)]
pub enum StandinError {
    /// No port could be had.
    #[error("a stand-in cannot listen on loopback")]
    Listen(#[from] Error),
}

/// A running stand-in; stops when dropped.
#[derive(Debug)]
pub struct Standin {
    /// Its FHIR base, without a trailing slash.
    pub base: String,
    /// Where it listens.
    pub address: SocketAddr,
    silent: Arc<AtomicBool>,
    task: JoinHandle<()>,
}

impl Drop for Standin {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Standin {
    /// From now on connections break off without an answer.
    pub fn fall_silent(&self) {
        self.silent.store(true, Ordering::SeqCst);
    }

    /// Answers again.
    pub fn speak_again(&self) {
        self.silent.store(false, Ordering::SeqCst);
    }
}

/// Starts a stand-in named `name` on a free port of loopback, holding `resources`.
///
/// # Errors
/// When no port can be had.
pub async fn start(name: &str, resources: Vec<Value>) -> Result<Standin, StandinError> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    let base = format!("http://{address}/fhir");
    let holder = Arc::new(Holder::new(name, base.clone(), resources));
    let silent = Arc::new(AtomicBool::new(false));
    let task = tokio::spawn(serve(listener, holder, Arc::clone(&silent)));
    Ok(Standin { base, address, silent, task })
}

async fn serve(listener: TcpListener, holder: Arc<Holder>, silent: Arc<AtomicBool>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (holder, silent) = (Arc::clone(&holder), Arc::clone(&silent));
        tokio::spawn(async move {
            let service = service_fn(|request| {
                let (holder, silent) = (Arc::clone(&holder), Arc::clone(&silent));
                async move {
                    match silent.load(Ordering::SeqCst) {
                        true => Err(Error::from(ErrorKind::ConnectionAborted)),
                        false => Ok(respond(holder, request).await),
                    }
                }
            });
            // A client that hangs up is no concern of a stand-in.
            drop(
                auto::Builder::new(TokioExecutor::new())
                    .serve_connection(TokioIo::new(stream), service)
                    .await,
            );
        });
    }
}

async fn respond(holder: Arc<Holder>, request: Request<Incoming>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let Some(path) = parts.uri.path().strip_prefix("/fhir") else {
        return render(Answer::error(404, "not-found", "no such place"));
    };
    let path: Vec<String> = path.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect();
    let Ok(body) = wire::read(body, BODY_BYTES_MAX).await else {
        return render(Answer::error(413, "too-long", "the body is too large or broke off"));
    };
    let query = parts.uri.query().unwrap_or_default().to_owned();
    let call = Call { method: parts.method, path, query, headers: parts.headers, body: body.to_vec() };
    render(holder.answer(&call))
}

fn render(answer: Answer) -> Response<Body> {
    let Answer { status, mut headers, body } = answer;
    let bytes = body.map(|resource| resource.to_string()).unwrap_or_default();
    if !bytes.is_empty() {
        headers.push(("content-type", "application/fhir+json;charset=utf-8".to_owned()));
    }
    wire::response(status, &headers, bytes)
}
