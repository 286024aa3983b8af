//! The scenario `leaks`: six invented people whose records hold a canary in every element that somebody must not see,
//! and the gateway in front of them with what `fixture/policy.json` states as settings, agreements, Consents and ties of
//! care.
//!
//! It is where batteries of attacks are run: the records lie on a stand-in, or on a server that already runs.

mod files;
mod play;
mod states;
pub mod world;

use std::fs::File;
use std::path::{Path, PathBuf};

use http::Method;
use serde_json::{Map, Value, json};

use crate::house::gateway::{self, GatewayError};
use crate::house::{HouseError, Ports, files as house_files};
use crate::json;
use crate::sign_in::{LEAKS_ACTORS, SignIn};
use crate::standin::{self, Standin};
use crate::wire::Caller;

pub use play::play;

/// Everything of the scenario, running; stops when dropped.
#[derive(Debug)]
pub struct Leaks {
    /// The folder with settings, state and `demo.json`.
    pub folder: PathBuf,
    /// The settings file that is served.
    pub config: PathBuf,
    /// FHIR base of the records: the stand-in, or the upstream that was given.
    pub upstream: String,
    /// FHIR base of the register of who cares for whom.
    pub care_register: String,
    /// Address of the sign-in page.
    pub sign_in: String,
    /// A token for each requester of the policy.
    pub tokens: Vec<(&'static str, String)>,
    ports: Ports,
    gateway: gateway::Running,
    states: states::States,
    register: Standin,
    _lock: File,
    _desk: SignIn,
    _standins: Vec<Standin>,
}

impl Leaks {
    /// Starts everything in `folder`, in front of a stand-in with the fixture or of `upstream` as it is, records the
    /// Consents, and writes `demo.json` once every listener answers.
    ///
    /// # Errors
    /// [`HouseError`].
    pub async fn start(folder: &Path, upstream: Option<&str>) -> Result<Self, HouseError> {
        let folder = house_files::fresh(folder)?;
        let lock = house_files::lock(&folder)?;
        let (ports, reserved) = Ports::reserve()?;
        let register = standin::start("care register", world::ties()?).await?;
        let care_register = register.base.clone();
        let mut standins = Vec::new();
        let upstream = match upstream {
            Some(base) => answering(base).await?,
            None => {
                let records = standin::start("upstream", world::resources()?).await?;
                let base = records.base.clone();
                standins.push(records);
                base
            }
        };
        let desk = SignIn::start(&format!("http://{}", ports.requests), &LEAKS_ACTORS).await?;
        let facts = files::Facts { ports, desk: &desk, upstream: &upstream, care_register: &care_register };
        let config = files::write(&folder, &facts)?;
        drop(reserved);
        let gateway = gateway::start(&config, ports).await?;
        let states = states::States::start().await.map_err(HouseError::Port)?;
        let mut tokens = Vec::new();
        for actor in &LEAKS_ACTORS {
            tokens.push((actor.name, desk.token(actor)?));
        }
        let sign_in = desk.base.clone();
        let leaks = Self {
            folder,
            config,
            upstream,
            care_register,
            sign_in,
            tokens,
            ports,
            gateway,
            states,
            register,
            _lock: lock,
            _desk: desk,
            _standins: standins,
        };
        leaks.record_consents().await?;
        house_files::put(&leaks.folder.join("demo.json"), &format!("{:#}\n", leaks.notice()?))?;
        Ok(leaks)
    }

    /// The base of the gateway, without a trailing slash.
    #[must_use]
    pub fn base(&self) -> String {
        format!("http://{}", self.ports.requests)
    }

    /// The token of a requester; empty for a name that is none.
    #[must_use]
    pub fn token(&self, requester: &str) -> &str {
        self.tokens.iter().find(|(name, _)| *name == requester).map_or("", |(_, token)| token)
    }

    /// The register of who cares for whom.
    const fn register(&self) -> &Standin {
        &self.register
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

    /// The privacy officer writes down what the people decided.
    async fn record_consents(&self) -> Result<(), HouseError> {
        let authorization = format!("Bearer {}", self.token("PRIV"));
        let headers = [("authorization", authorization.as_str()), ("content-type", "application/fhir+json")];
        let (caller, url) = (Caller::default(), format!("{}/fhir/Consent", self.base()));
        for consent in world::consents()? {
            let body = consent.to_string().into_bytes();
            match caller.call(Method::POST, &url, &headers, body).await {
                Ok(answer) if answer.status == 201 => {}
                Ok(answer) => return Err(HouseError::Choice(answer.status)),
                Err(_) => return Err(HouseError::Choice(0)),
            }
        }
        Ok(())
    }

    /// What `demo.json` says.
    fn notice(&self) -> Result<Value, HouseError> {
        let named = |(name, token): &(&str, String)| ((*name).to_owned(), json!(token));
        let tokens: Map<String, Value> = self.tokens.iter().map(named).collect();
        Ok(json!({
            "base": self.base(),
            "ops": format!("http://{}", self.ports.ops),
            "states": format!("http://{}", self.states.address),
            "config": self.config,
            "public_key": self.gateway.public_key,
            "sign_in": self.sign_in,
            "systems": {"upstream": self.upstream, "care-register": self.care_register},
            "tokens": tokens,
            "patients": world::patients()?,
        }))
    }
}

/// The base of a server that answers as a FHIR server.
async fn answering(base: &str) -> Result<String, HouseError> {
    let base = base.trim_end_matches('/').to_owned();
    let accept = [("accept", "application/fhir+json")];
    let answer = Caller::default().call(Method::GET, &format!("{base}/metadata"), &accept, Vec::new()).await;
    match answer {
        Ok(answer) if json::text(&answer.json(), "/resourceType") == Some("CapabilityStatement") => Ok(base),
        Ok(_) | Err(_) => Err(HouseError::Upstream(base)),
    }
}
