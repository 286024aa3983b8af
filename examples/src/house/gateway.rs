//! The gateway, started from the same code and the same kind of files as `portcullis serve`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use gateway::clock::Clock;
use gateway::serve::{Running as Gateway, Unstartable};
use gateway::server::listener::Drained;
use http::Method;
use tokio::time::{Instant, sleep};

use super::Ports;
use crate::wire::Caller;

const READY_MAX: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Why the gateway does not start or run.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// Its settings have faults, or an address or the state folder cannot be used.
    #[error("the gateway does not start: {0}")]
    Unstartable(#[from] Unstartable),
    /// It does not say that it is ready.
    #[error("the gateway is not ready in time")]
    NotReady,
    /// Something under way had to be cut off.
    #[error("the gateway stopped before everything under way had ended")]
    Cut,
}

/// The gateway, running.
pub(crate) struct Running {
    /// The file with the public key of its ledger.
    pub(crate) public_key: PathBuf,
    gateway: Gateway,
}

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Running(..)")
    }
}

/// Starts the gateway and waits until it says that it is ready.
pub(crate) async fn start(config: &Path, ports: Ports) -> Result<Running, GatewayError> {
    let gateway = Gateway::start(config, Clock::machine()).await?;
    let ready = format!("http://{}/health/ready", ports.ops);
    let (caller, deadline) = (Caller::default(), Instant::now() + READY_MAX);
    loop {
        match caller.call(Method::GET, &ready, &[], Vec::new()).await {
            Ok(answer) if answer.status == 200 => break,
            Ok(_) | Err(_) if Instant::now() > deadline => return Err(GatewayError::NotReady),
            Ok(_) | Err(_) => sleep(LOOK_EVERY).await,
        }
    }
    Ok(Running { public_key: gateway.public_key(), gateway })
}

impl Running {
    /// Reads settings and agreements again; the old ones go on serving when the new have a fault.
    pub(crate) async fn reload(&self) -> Result<(), GatewayError> {
        self.gateway.reload().await?;
        Ok(())
    }

    /// Lets what is under way come to its end.
    pub(crate) async fn stop(self) -> Result<(), GatewayError> {
        match self.gateway.stop().await {
            Drained::Whole => Ok(()),
            Drained::Cut => Err(GatewayError::Cut),
        }
    }
}
