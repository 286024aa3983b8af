//! States that a battery asks for and no request can bring about: `POST {"state": NAME}` holds once it is answered with 200,
//! `{"state": null}` ends it. Each is brought about as it happens to a site: a choice is written down, agreements are read
//! anew, a register falls silent. On loopback, and of the demo only: `portcullis` has nothing of the kind.

use std::convert::Infallible;
use std::net::SocketAddr;

use http::{Method, Request, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::task::JoinHandle;

use super::{Leaks, world};
use crate::house::{HouseError, files as house_files};
use crate::json;
use crate::wire::{self, Body, Caller, Received};

const BODY_BYTES_MAX: usize = 64 * 1024;
const WAITING_MAX: usize = 8;
/// The agreement that gives the adult social worker what she sees.
const AGREEMENT: &str = "config/agreements/adult-social-care.toml";
const IN_FORCE: &str = "status = \"in-force\"";
const SUSPENDED: &str = "status = \"suspended\"";

/// What was asked for, and who waits for it.
type Asked = (Option<String>, oneshot::Sender<u16>);

/// Where states are asked for; stops when dropped.
#[derive(Debug)]
pub(super) struct States {
    pub(super) address: SocketAddr,
    asked: Mutex<mpsc::Receiver<Asked>>,
    /// The dissent that was written down, as the gateway answered.
    withdrawn: Mutex<Option<Received>>,
    task: JoinHandle<()>,
}

impl Drop for States {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl States {
    /// Listens on a free port of loopback.
    pub(super) async fn start() -> Result<Self, std::io::Error> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let (asking, asked) = mpsc::channel(WAITING_MAX);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let asking = asking.clone();
                tokio::spawn(async move {
                    let service = service_fn(|request| hear(asking.clone(), request));
                    let server = auto::Builder::new(TokioExecutor::new());
                    drop(server.serve_connection(TokioIo::new(stream), service).await);
                });
            }
        });
        Ok(Self { address, asked: Mutex::new(asked), withdrawn: Mutex::new(None), task })
    }
}

async fn hear(asking: mpsc::Sender<Asked>, request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    let body = wire::read(request.into_body(), BODY_BYTES_MAX).await.unwrap_or_default();
    let told: Value = json::parse(&body).unwrap_or_default();
    let name = told.get("state").and_then(Value::as_str).map(str::to_owned);
    let (done, waits) = oneshot::channel();
    let status = match asking.send((name, done)).await {
        Ok(()) => waits.await.unwrap_or(500),
        Err(_) => 503,
    };
    Ok(wire::response(status, &[], ""))
}

impl Leaks {
    /// Brings about what is asked for, one after the other, as long as it is polled.
    pub async fn bring_states_about(&self) {
        while let Some((name, done)) = self.states.asked.lock().await.recv().await {
            let status = match self.bring(name.as_deref()).await {
                Ok(true) => 200,
                Ok(false) => 404,
                Err(_) => 500,
            };
            // Who asked may have gone.
            done.send(status).ok();
        }
    }

    /// Whether there is such a state.
    async fn bring(&self, name: Option<&str>) -> Result<bool, HouseError> {
        match name {
            None => self.as_at_first().await?,
            Some("withdraw-A-between-requests" | "withdraw-A-midstream") => self.withdraw().await?,
            Some("policy-reload") => self.policy(IN_FORCE, SUSPENDED).await?,
            Some("consent-service-down") => self.register().fall_silent(),
            Some("redactor-panic") => fault_with(world::resources()?),
            Some(_) => return Ok(false),
        }
        Ok(true)
    }

    async fn as_at_first(&self) -> Result<(), HouseError> {
        self.register().speak_again();
        if let Some(made) = self.states.withdrawn.lock().await.take() {
            let mut ended = made.json();
            if let Some(members) = ended.as_object_mut() {
                members.insert("status".into(), json!("inactive"));
            }
            let id = json::text(&ended, "/id").unwrap_or_default().to_owned();
            self.choice(Method::PUT, &format!("/{id}"), &ended, made.header("etag")).await?;
        }
        self.policy(SUSPENDED, IN_FORCE).await
    }

    /// A says no, and the privacy officer writes it down.
    async fn withdraw(&self) -> Result<(), HouseError> {
        let consents = world::consents()?;
        let dissents = |consent: &&Value| {
            json::text(consent, "/provision/type") == Some("deny")
                && consent.pointer("/provision/securityLabel").is_none()
        };
        let missing = HouseError::Example("leaks/consents.json");
        let (Some(first), Some(dissent)) = (consents.first(), consents.iter().find(dissents)) else {
            return Err(missing);
        };
        let mut dissent = dissent.clone();
        let person = first.get("patient").cloned().unwrap_or_default();
        if let Some(members) = dissent.as_object_mut() {
            members.insert("performer".into(), json!([person.clone()]));
            members.insert("patient".into(), person);
        }
        let made = self.choice(Method::POST, "", &dissent, "").await?;
        *self.states.withdrawn.lock().await = Some(made);
        Ok(())
    }

    async fn choice(
        &self,
        method: Method,
        id: &str,
        consent: &Value,
        etag: &str,
    ) -> Result<Received, HouseError> {
        let authorization = format!("Bearer {}", self.token("PRIV"));
        let mut headers =
            vec![("authorization", authorization.as_str()), ("content-type", "application/fhir+json")];
        if !etag.is_empty() {
            headers.push(("if-match", etag));
        }
        let url = format!("{}/fhir/Consent{id}", self.base());
        let body = consent.to_string().into_bytes();
        match Caller::default().call(method, &url, &headers, body).await {
            Ok(answer) if answer.status < 300 => Ok(answer),
            Ok(answer) => Err(HouseError::Choice(answer.status)),
            Err(_) => Err(HouseError::Choice(0)),
        }
    }

    /// The agreement with another word about whether it holds, read anew.
    async fn policy(&self, was: &str, is: &str) -> Result<(), HouseError> {
        let file = self.folder.join(AGREEMENT);
        let text = std::fs::read_to_string(&file).map_err(|fault| HouseError::File(file.clone(), fault))?;
        if text.contains(was) {
            house_files::put(&file, &text.replace(was, is))?;
            self.reload().await?;
        }
        Ok(())
    }
}

/// A fault of the program, with records in what it says, in the process that serves.
#[expect(clippy::panic, reason = "a fault of the program is what is to be looked at")]
fn fault_with(records: Vec<Value>) {
    let text = Value::from(records).to_string();
    // That it fails is what it is for; who installed a hook hears of it.
    drop(std::thread::spawn(move || std::panic::panic_any(text)).join());
}
