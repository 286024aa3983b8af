//! A stand-in sign-in page: what an identity provider of staff and NHS login would be.
//!
//! It signs tokens for the actors of the story with a key it made at start. Anyone may be anyone here, which is why
//! it listens on loopback and is never part of `portcullis`.

mod actors;
mod page;
mod signer;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use http::{Method, Request, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use jiff::Timestamp;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub use actors::{ACTORS, Actor, LEAKS_ACTORS};
pub use signer::{Signer, SignerError};

use crate::standin::query;
use crate::wire::{self, Body};

const FORM_BYTES_MAX: usize = 4096;

/// Why the sign-in page does not start.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// No port could be had.
    #[error("the sign-in page cannot listen on loopback")]
    Listen(#[from] std::io::Error),
    /// No key could be made, or nothing signed with it.
    #[error(transparent)]
    Signer(#[from] SignerError),
}

/// A running sign-in page; stops when dropped.
#[derive(Debug)]
pub struct SignIn {
    /// Its address, without a trailing slash.
    pub base: String,
    desk: Arc<Desk>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Desk {
    signer: Signer,
    base: String,
    gateway: String,
    actors: &'static [Actor],
}

impl Drop for SignIn {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl SignIn {
    /// Starts the page on a free port of loopback, signing tokens of `actors` for the gateway known as `gateway`.
    ///
    /// # Errors
    /// When no port or no key can be had.
    pub async fn start(gateway: &str, actors: &'static [Actor]) -> Result<Self, SignInError> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address: SocketAddr = listener.local_addr()?;
        let base = format!("http://{address}");
        let signer = Signer::new()?;
        let desk = Arc::new(Desk { signer, base: base.clone(), gateway: gateway.to_owned(), actors });
        let task = tokio::spawn(serve(listener, Arc::clone(&desk)));
        Ok(Self { base, desk, task })
    }

    /// The issuer of the tokens of staff.
    #[must_use]
    pub fn staff_issuer(&self) -> String {
        format!("{}/staff", self.base)
    }

    /// The issuer of the tokens of people: a stand-in for NHS login.
    #[must_use]
    pub fn people_issuer(&self) -> String {
        format!("{}/people", self.base)
    }

    /// The public keys, as a JWKS.
    #[must_use]
    pub fn jwks(&self) -> Value {
        self.desk.signer.jwks()
    }

    /// A token for an actor, valid for two hours.
    ///
    /// # Errors
    /// When it cannot be signed.
    pub fn token(&self, actor: &Actor) -> Result<String, SignerError> {
        self.desk.token(actor)
    }
}

impl Desk {
    fn token(&self, actor: &Actor) -> Result<String, SignerError> {
        self.signer.sign(&actor.claims(&self.base, &self.gateway, Timestamp::now()))
    }
}

async fn serve(listener: TcpListener, desk: Arc<Desk>) {
    while let Ok((stream, _)) = listener.accept().await {
        let desk = Arc::clone(&desk);
        tokio::spawn(async move {
            let service = service_fn(|request| respond(Arc::clone(&desk), request));
            // A browser that hangs up is no concern of a stand-in.
            drop(
                auto::Builder::new(TokioExecutor::new())
                    .serve_connection(TokioIo::new(stream), service)
                    .await,
            );
        });
    }
}

async fn respond(desk: Arc<Desk>, request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    let (parts, body) = request.into_parts();
    let page = match (parts.method, parts.uri.path()) {
        (Method::GET, "/") => page::choice(desk.actors),
        (Method::POST, "/sign-in") => match wire::read(body, FORM_BYTES_MAX).await {
            Ok(form) => signed_in(&desk, &String::from_utf8_lossy(&form)),
            Err(_) => None,
        }
        .unwrap_or_else(page::unknown),
        (Method::GET, "/staff/jwks.json" | "/people/jwks.json") => {
            let headers = [("content-type", "application/json".to_owned())];
            return Ok(wire::response(200, &headers, desk.signer.jwks().to_string()));
        }
        _ => page::unknown(),
    };
    let headers = [
        ("content-type", "text/html; charset=utf-8".to_owned()),
        ("cache-control", "no-store".to_owned()),
        ("referrer-policy", "no-referrer-when-downgrade".to_owned()),
    ];
    Ok(wire::response(page.status, &headers, page.html))
}

fn signed_in(desk: &Desk, form: &str) -> Option<page::Page> {
    let (_, name) = query::pairs(form).into_iter().find(|(field, _)| field == "actor")?;
    let actor = desk.actors.iter().find(|actor| actor.name == name)?;
    let token = desk.token(actor).ok()?;
    Some(page::token(actor, &token, &desk.gateway))
}
