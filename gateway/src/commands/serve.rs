//! `portcullis serve`: the gateway, until a signal ends it.

use std::io::Write;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::Exit;
use crate::clock::Clock;
use crate::serve::{Running, Unstartable};
use crate::server::listener::Drained;
use crate::settings::check::load;
use crate::telemetry::{self, Format, memory};

/// Run the gateway.
///
/// It serves when it has said so on standard error and `/health/ready` answers 200. Everything it does is in the settings
/// file and the agreements: there are no environment variables and no defaults hidden elsewhere.
///
/// SIGHUP reads settings, agreements, keys and certificates again; when any of them has a fault, all faults are logged
/// and the old ones go on serving. SIGTERM (or SIGINT) takes no new connection, lets what is under way end within
/// `limits.drain`, and closes the ledger.
///
/// Exit status: 0 after a signal, 64 when the settings have faults (all are listed), 74 when an address or the state
/// folder cannot be used, 75 when another process holds the state folder.
#[derive(Debug, Args)]
pub struct Serve {
    /// The settings file.
    #[arg(long, value_name = "FILE", default_value = "portcullis.toml")]
    pub config: PathBuf,
    /// How log lines are written to standard error.
    #[arg(long, value_enum, default_value_t = LogFormat::Text)]
    pub log: LogFormat,
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl Serve {
    /// Runs until a signal ends it. What keeps it from starting goes to `err`.
    pub async fn run(&self, err: &mut dyn Write) -> Exit {
        let clock = Clock::machine();
        let Ok(signals) = Signals::new() else { return Exit::Io };
        if memory::keep().is_err() {
            return told(err, "what is in memory cannot be kept out of core files", Exit::Io);
        }
        // Only for the endpoint of the spans; the gateway reads the file itself.
        let otlp = load(&self.config, crate::decision::calendar::day_of(clock.now()))
            .ok()
            .and_then(|checked| checked.settings.telemetry.otlp);
        let format = match self.log {
            LogFormat::Text => Format::Text,
            LogFormat::Json => Format::Json,
        };
        let export = match telemetry::start(format, otlp.as_ref()) {
            Ok(export) => export,
            Err(fault) => return told(err, &fault.to_string(), Exit::Settings),
        };
        let running = match Running::start(&self.config, clock).await {
            Ok(running) => running,
            Err(fault) => return told(err, &fault.to_string(), fault.exit()),
        };
        warn(&running);
        let addresses = running.addresses();
        tracing::info!(address = %addresses.requests, "serving");
        tracing::info!(address = %addresses.ops, "health, readiness and metrics");
        let drained = signals.until_stopped(running).await;
        if let Some(export) = export {
            export.finish().await;
        }
        match drained {
            Drained::Whole => tracing::info!("stopped"),
            Drained::Cut => tracing::warn!("stopped before everything under way had ended"),
        }
        Exit::Held
    }
}

/// The signals that mean something.
struct Signals {
    reload: Signal,
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            reload: signal(SignalKind::hangup())?,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn until_stopped(mut self, running: Running) -> Drained {
        loop {
            tokio::select! {
                _ = self.reload.recv() => reload(&running).await,
                _ = self.terminate.recv() => break,
                _ = self.interrupt.recv() => break,
            }
        }
        tracing::info!("draining");
        running.stop().await
    }
}

async fn reload(running: &Running) {
    match running.reload().await {
        Ok(warnings) => {
            for warning in warnings {
                tracing::warn!(problem = %warning, "something to look at in the settings");
            }
            tracing::info!("settings, agreements, keys and certificates were read again");
        }
        Err(Unstartable::Settings(unusable)) => {
            for problem in &unusable.problems {
                tracing::error!(%problem, "a fault in the settings: the old ones go on serving");
            }
        }
        Err(fault) => {
            for line in fault.to_string().lines() {
                tracing::error!(problem = line, "a reload failed: the old settings go on serving");
            }
        }
    }
}

fn warn(running: &Running) {
    for warning in running.warnings() {
        tracing::warn!(problem = %warning, "something to look at in the settings");
    }
}

fn told(err: &mut dyn Write, fault: &str, exit: Exit) -> Exit {
    super::written(writeln!(err, "{fault}"), exit)
}
