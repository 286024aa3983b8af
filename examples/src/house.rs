//! Everything the demo starts on loopback: a hospital, a council, a sign-in page and the gateway.

pub(crate) mod files;
pub(crate) mod gateway;
mod notice;
mod scene;
mod upstream;

use std::fs::File;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use http::Method;
use jiff::Zoned;

use crate::people;
use crate::sign_in::{ACTORS, SignIn, SignInError, SignerError};
use crate::standin::{self, Standin, StandinError};
use crate::wire::Caller;

pub use gateway::GatewayError;
pub use upstream::Untaken;

/// Why the demo does not start.
#[derive(Debug, thiserror::Error)]
pub enum HouseError {
    /// Another demo uses the folder.
    #[error("another demo is running in {}", .0.display())]
    InUse(PathBuf),
    /// A file of the demo cannot be written.
    #[error("cannot write {}", .0.display())]
    File(PathBuf, #[source] std::io::Error),
    /// No free port.
    #[error("no free port on loopback")]
    Port(#[source] std::io::Error),
    /// The example configuration does not read.
    #[error("the example configuration does not read: {0}")]
    Example(&'static str),
    /// A stand-in does not start.
    #[error(transparent)]
    Standin(#[from] StandinError),
    /// The sign-in page does not start.
    #[error(transparent)]
    SignIn(#[from] SignInError),
    /// A token cannot be signed.
    #[error(transparent)]
    Token(#[from] SignerError),
    /// The gateway does not start.
    #[error(transparent)]
    Gateway(#[from] GatewayError),
    /// Logs cannot be written.
    #[error(transparent)]
    Telemetry(#[from] ::gateway::telemetry::TelemetryFault),
    /// What Ben has decided could not be recorded.
    #[error("the gateway did not record a choice (status {0})")]
    Choice(u16),
    /// The given upstream does not answer.
    #[error("the upstream at {0} does not answer as a FHIR server")]
    Upstream(String),
}

/// The addresses of the gateway, chosen before it starts because its settings name them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ports {
    pub(crate) requests: SocketAddr,
    pub(crate) ops: SocketAddr,
    pub(crate) mllp: SocketAddr,
}

/// Everything, running; stops when dropped.
#[derive(Debug)]
pub struct House {
    /// The folder with settings, state and `demo.json`.
    pub folder: PathBuf,
    /// The settings file that is served.
    pub config: PathBuf,
    /// FHIR base of the hospital: the stand-in, or the upstream that was given.
    pub hospital: String,
    /// FHIR base of the council.
    pub council: String,
    /// Address of the sign-in page.
    pub sign_in: String,
    /// A token for each actor.
    pub tokens: Vec<(&'static str, String)>,
    /// What a given upstream would not take.
    pub untaken: Vec<Untaken>,
    /// Ties of care that a given upstream cannot hold, as agreements name them.
    pub ties_missing: Vec<&'static str>,
    ports: Ports,
    gateway: gateway::Running,
    _lock: File,
    _desk: SignIn,
    _standins: Vec<Standin>,
}

impl House {
    /// Starts everything in `folder`, in front of the stand-in hospital or of `upstream`, and writes `scene.toml` and `demo.json`
    /// once every listener answers.
    ///
    /// # Errors
    /// [`HouseError`].
    pub async fn start(folder: &Path, upstream: Option<&str>) -> Result<Self, HouseError> {
        let folder = files::fresh(folder)?;
        let lock = files::lock(&folder)?;
        let (ports, reserved) = Ports::reserve()?;
        let records = people::records(Zoned::now().date());
        let council = standin::start("council", Vec::new()).await?;
        let mut standins = Vec::new();
        let mut loaded = upstream::Loaded::default();
        let hospital = match upstream {
            Some(base) => {
                let base = base.trim_end_matches('/').to_owned();
                loaded = upstream::load(&Caller::default(), &base, &records).await?;
                base
            }
            None => {
                let hospital = standin::start("hospital", records).await?;
                let base = hospital.base.clone();
                standins.push(hospital);
                base
            }
        };
        let desk = SignIn::start(&format!("http://{}", ports.requests), &ACTORS).await?;
        let config = files::write(
            &folder,
            &files::Facts {
                ports,
                desk: &desk,
                hospital: &hospital,
                hospital_alias: loaded.alias.as_deref(),
                ties_missing: &loaded.ties_missing,
                council: &council.base,
            },
        )?;
        drop(reserved);
        let gateway = gateway::start(&config, ports).await?;
        let mut tokens = Vec::new();
        for actor in &ACTORS {
            tokens.push((actor.name, desk.token(actor)?));
        }
        let (council_base, sign_in) = (council.base.clone(), desk.base.clone());
        standins.push(council);
        let house = Self {
            folder,
            config,
            hospital,
            council: council_base,
            sign_in,
            tokens,
            untaken: loaded.untaken,
            ties_missing: loaded.ties_missing,
            ports,
            gateway,
            _lock: lock,
            _desk: desk,
            _standins: standins,
        };
        house.record_bens_choice().await?;
        scene::write(&house)?;
        notice::write(&house)?;
        Ok(house)
    }

    /// The base of the gateway, without a trailing slash.
    #[must_use]
    pub fn base(&self) -> String {
        format!("http://{}", self.ports.requests)
    }

    /// The base of its health and metrics.
    #[must_use]
    pub fn ops(&self) -> String {
        format!("http://{}", self.ports.ops)
    }

    /// Where it takes HL7 v2.
    #[must_use]
    pub const fn mllp(&self) -> SocketAddr {
        self.ports.mllp
    }

    /// The file with the public key of the gateway's ledger; the ledger lies beside it.
    #[must_use]
    pub fn public_key(&self) -> &Path {
        &self.gateway.public_key
    }

    /// The token of an actor; empty for a name that is none.
    #[must_use]
    pub fn token(&self, actor: &str) -> &str {
        self.tokens.iter().find(|(name, _)| *name == actor).map_or("", |(_, token)| token)
    }

    /// Has the gateway read its settings and agreements again, as SIGHUP does.
    ///
    /// # Errors
    /// When they have a fault; the old ones go on serving.
    pub async fn reload(&self) -> Result<(), GatewayError> {
        self.gateway.reload().await
    }

    /// Lets the gateway finish what it has begun, then stops everything.
    ///
    /// # Errors
    /// When the gateway ended with a fault.
    pub async fn stop(self) -> Result<(), GatewayError> {
        self.gateway.stop().await
    }
}

impl House {
    /// Ben said no before the story begins; the Caldicott Guardian writes it down.
    async fn record_bens_choice(&self) -> Result<(), HouseError> {
        let authorization = format!("Bearer {}", self.token("guardian"));
        let headers = [("authorization", authorization.as_str()), ("content-type", "application/fhir+json")];
        let body = people::dissent(people::BEN, people::COUNCIL).to_string().into_bytes();
        let url = format!("{}/fhir/Consent", self.base());
        match Caller::default().call(Method::POST, &url, &headers, body).await {
            Ok(answer) if answer.status == 201 => Ok(()),
            Ok(answer) => Err(HouseError::Choice(answer.status)),
            Err(_) => Err(HouseError::Choice(0)),
        }
    }
}

impl Ports {
    /// Free ports, kept from others until the listeners are dropped and the gateway takes them over.
    pub(crate) fn reserve() -> Result<(Self, [TcpListener; 3]), HouseError> {
        let free = || TcpListener::bind(("127.0.0.1", 0)).map_err(HouseError::Port);
        let address = |reserved: &TcpListener| reserved.local_addr().map_err(HouseError::Port);
        let reserved = [free()?, free()?, free()?];
        let [requests, ops, mllp] = &reserved;
        let ports = Self { requests: address(requests)?, ops: address(ops)?, mllp: address(mllp)? };
        Ok((ports, reserved))
    }
}
