//! The scenario `council`: a council's case system that has a folder with CSV files and an SQLite database, and no FHIR.
//! The ward reads and searches it through the gateway; notices of the Care Act go the other way.

mod files;
mod notices;
mod play;
mod reads;

use std::fs::File;
use std::path::{Path, PathBuf};

use http::Method;
use serde_json::json;

use crate::house::gateway::{self, GatewayError};
use crate::house::{HouseError, Ports, files as house_files};
use crate::people;
use crate::sign_in::{ACTORS, SignIn};
use crate::standin::{self, Standin};
use crate::wire::Caller;

pub use play::play;

/// Everything of the scenario, running; stops when dropped.
#[derive(Debug)]
pub struct Council {
    /// The folder with settings, state, the council's files and `demo.json`.
    pub folder: PathBuf,
    /// The settings file that is served.
    pub config: PathBuf,
    /// FHIR base of the server that receives notices.
    pub receives: String,
    /// A token for each actor.
    pub tokens: Vec<(&'static str, String)>,
    ports: Ports,
    gateway: gateway::Running,
    _lock: File,
    _desk: SignIn,
    _standin: Standin,
}

impl Council {
    /// Starts everything in `folder` and writes `demo.json` once every listener answers.
    ///
    /// # Errors
    /// [`HouseError`].
    pub async fn start(folder: &Path) -> Result<Self, HouseError> {
        let folder = house_files::fresh(folder)?;
        let lock = house_files::lock(&folder)?;
        let (ports, reserved) = Ports::reserve()?;
        let standin = standin::start("council", Vec::new()).await?;
        let receives = standin.base.clone();
        let desk = SignIn::start(&format!("http://{}", ports.requests), &ACTORS).await?;
        let config = files::write(&folder, ports, &desk, &receives)?;
        drop(reserved);
        let gateway = gateway::start(&config, ports).await?;
        let mut tokens = Vec::new();
        for actor in &ACTORS {
            tokens.push((actor.name, desk.token(actor)?));
        }
        let (_lock, _desk, _standin) = (lock, desk, standin);
        let council = Self { folder, config, receives, tokens, ports, gateway, _lock, _desk, _standin };
        council.record_bens_choice().await?;
        let notice = json!({
            "base": council.base(),
            "ops": format!("http://{}", council.ports.ops),
            "config": council.config,
            "public_key": council.gateway.public_key,
            "systems": {"council": council.receives},
            "tokens": council.tokens.iter().map(|(name, token)| ((*name).to_owned(), json!(token)))
                .collect::<serde_json::Map<_, _>>(),
        });
        house_files::put(&council.folder.join("demo.json"), &format!("{notice:#}\n"))?;
        Ok(council)
    }

    /// The base of the gateway, without a trailing slash.
    #[must_use]
    pub fn base(&self) -> String {
        format!("http://{}", self.ports.requests)
    }

    /// The token of an actor; empty for a name that is none.
    #[must_use]
    pub fn token(&self, actor: &str) -> &str {
        self.tokens.iter().find(|(name, _)| *name == actor).map_or("", |(_, token)| token)
    }

    /// The folder with the council's own files.
    #[must_use]
    pub fn cases(&self) -> PathBuf {
        self.folder.join("config")
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

    /// Ben said no to sharing with the hospital; the Caldicott Guardian wrote it down.
    async fn record_bens_choice(&self) -> Result<(), HouseError> {
        let authorization = format!("Bearer {}", self.token("guardian"));
        let headers = [("authorization", authorization.as_str()), ("content-type", "application/fhir+json")];
        let body = people::dissent(people::BEN, people::HOSPITAL).to_string().into_bytes();
        match Caller::default()
            .call(Method::POST, &format!("{}/fhir/Consent", self.base()), &headers, body)
            .await
        {
            Ok(answer) if answer.status == 201 => Ok(()),
            Ok(answer) => Err(HouseError::Choice(answer.status)),
            Err(_) => Err(HouseError::Choice(0)),
        }
    }
}
