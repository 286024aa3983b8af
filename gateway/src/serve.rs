//! The gateway as a whole: made of a settings file, running, reloaded, drained.
//!
//! `portcullis serve` and the demonstration start it here, with the same code and the same kind of files.

use std::convert::Infallible;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::clock::Clock;
use crate::consent::ConsentFault;
use crate::ledger::{AuditLedger, OpenError, Options, PUBLIC_KEY_FILE};
use crate::ports::Ports;
use crate::push::open::{MllpCertificates, MllpDoors, Push, PushProblem, fault_of_files};
use crate::requestor::KeyProblem;
use crate::seal::SealError;
use crate::server::attend::App;
use crate::server::inside::Inside;
use crate::server::listener::{DoorsHandle, Drained, Listener, Phase};
use crate::server::ops::Ops;
use crate::server::revocation::Revocations;
use crate::server::strangers::Strangers;
use crate::server::tls::TlsProblem;
use crate::settings::Settings;
use crate::settings::check::{Unusable, load};
use crate::settings::problem::Problem;
use crate::telemetry::metrics::{Looked, Metrics};
use crate::trail::store::KEY_SCHEME;
use crate::upstream::UpstreamProblem;

mod parts;
mod ready;
pub mod route;
mod upkeep;

use parts::{Parts, State};
use upkeep::{Entries, Undelivered};

/// A gateway that serves.
pub struct Running {
    config: PathBuf,
    clock: Clock,
    live: Arc<ArcSwap<Ports>>,
    revocations: Arc<ArcSwap<Revocations>>,
    state: State,
    doors: DoorsHandle,
    inside: Inside,
    mllp_doors: MllpDoors,
    metrics: Arc<Metrics>,
    entries: Arc<Entries>,
    undelivered: Undelivered,
    phase: watch::Sender<Phase>,
    serving: JoinHandle<Drained>,
    pushing: JoinHandle<()>,
    upkeep: JoinHandle<()>,
    stop_upkeep: oneshot::Sender<Infallible>,
    key_upkeep: JoinHandle<()>,
    ops_serving: JoinHandle<Infallible>,
    addresses: Addresses,
    warnings: Vec<Problem>,
}

/// Where a gateway listens.
#[derive(Debug, Clone)]
pub struct Addresses {
    /// Requests.
    pub requests: SocketAddr,
    /// Health, readiness, numbers.
    pub ops: SocketAddr,
    /// HL7 v2, in the order of the settings.
    pub mllp: Vec<SocketAddr>,
}

/// Why a gateway does not start, or does not take other settings.
#[derive(Debug, thiserror::Error)]
pub enum Unstartable {
    /// Settings or agreements have faults; all of them, one a line.
    #[error(transparent)]
    Settings(#[from] Unusable),
    /// Files that the settings name cannot be used.
    #[error("{0}")]
    Files(Faults),
    /// Something changed that a reload cannot change.
    #[error("{0} cannot change while the gateway runs: start it anew")]
    Fixed(&'static str),
    /// The ledger cannot be opened.
    #[error("the ledger in {path} cannot be opened: {fault}", path = .0.display(), fault = .1)]
    Ledger(PathBuf, #[source] OpenError),
    /// The state folder cannot be used.
    #[error("the state folder cannot be used: {0}")]
    State(#[source] io::Error),
    /// The sealing key cannot be used.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The registry of Consents cannot be opened.
    #[error("the registry of consents cannot be opened")]
    Consents(#[source] ConsentFault),
    /// Messages cannot be taken: the store, an address or a certificate of `[[mllp]]`.
    #[error(transparent)]
    Push(#[from] PushProblem),
    /// An address cannot be bound.
    #[error("{0} cannot be listened on: {1}")]
    Address(SocketAddr, #[source] io::Error),
}

/// Faults of files, one a line.
#[derive(Debug)]
pub struct Faults(Vec<String>);

impl Running {
    /// Starts the gateway that the settings file describes.
    ///
    /// # Errors
    /// [`Unstartable`]; nothing is running then.
    pub async fn start(config: &Path, clock: Clock) -> Result<Self, Unstartable> {
        let checked = load(config, today(&clock))?;
        let settings = Arc::new(checked.settings);
        let parts = Parts::prepare(&settings, &clock, None)?;
        let state = State::open(&settings, &clock)?;
        let strangers = Arc::new(Strangers::new(clock.clone()));
        let metrics = Arc::new(Metrics::new());
        let ports = parts.ports(&settings, &state, &strangers, &metrics, &clock);
        let live = Arc::new(ArcSwap::from_pointee(ports));
        let push = open_push(&settings, &state, &live, &clock).await?;
        metrics.also(push.counts());
        metrics.of_ledger(state.ledger.health());
        let entries = Arc::new(Entries::default());
        let (stop_upkeep, stopping) = oneshot::channel();
        let undelivered = Undelivered::new(Arc::clone(&entries));
        let app = App {
            exchange: route::exchange(Arc::clone(&live), Arc::clone(push.intake())),
            not_delivered: undelivered.told(Arc::clone(&live)),
            strangers,
            metrics: Arc::clone(&metrics),
            clock: clock.clone(),
            places: Arc::clone(&state.places),
        };
        let revocations = Arc::new(ArcSwap::from_pointee(Revocations::of(&settings)));
        metrics.also_shown(shown(&live, &revocations));
        live.load_full().keys.fetch_missing().await;
        let address = settings.listen.address;
        let listener = Listener::bind(address, parts.doors, app)
            .await
            .map_err(|fault| Unstartable::Address(address, fault))?;
        let (phase, watched) = watch::channel(Phase::Serving);
        let ops_address = settings.listen.ops;
        let ready = ready::readiness(state.ledger.health(), watched.clone(), &live, &revocations);
        let ops = Ops::bind(ops_address, ready, Arc::clone(&metrics))
            .await
            .map_err(|fault| Unstartable::Address(ops_address, fault))?;
        let addresses = Addresses {
            requests: listener.address().map_err(|fault| Unstartable::Address(address, fault))?,
            ops: ops.address().map_err(|fault| Unstartable::Address(ops_address, fault))?,
            mllp: push.addresses(),
        };
        entries.operated(&live.load_full(), "started").await;
        entries.taken_out(&live.load_full()).await;
        Ok(Self {
            config: config.to_owned(),
            clock,
            doors: listener.doors(),
            inside: listener.inside(),
            mllp_doors: push.doors(),
            upkeep: tokio::spawn(upkeep::run(Arc::clone(&live), Arc::clone(&entries), stopping)),
            stop_upkeep,
            key_upkeep: tokio::spawn(upkeep::keep_keys(Arc::clone(&live))),
            live,
            revocations,
            state,
            metrics,
            entries,
            undelivered,
            phase,
            pushing: tokio::spawn(push.run(drains(watched.clone()))),
            serving: tokio::spawn(listener.serve(watched)),
            ops_serving: tokio::spawn(ops.serve()),
            addresses,
            warnings: checked.warnings,
        })
    }

    /// Where it listens.
    #[must_use]
    pub const fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// A way to ask it without a connection, for a program that holds it.
    #[must_use]
    pub const fn inside(&self) -> &Inside {
        &self.inside
    }

    /// What somebody should look at in the settings all the same.
    #[must_use]
    pub fn warnings(&self) -> &[Problem] {
        &self.warnings
    }

    /// The public key of the ledger, for those who verify it.
    #[must_use]
    pub fn public_key(&self) -> PathBuf {
        self.state.ledger_folder.join(PUBLIC_KEY_FILE)
    }

    /// Reads the settings file, the agreements and every file they name again. All of it takes effect at once, for
    /// exchanges that begin from now on, or nothing does.
    ///
    /// # Errors
    /// [`Unstartable`]; the old settings go on serving.
    pub async fn reload(&self) -> Result<Vec<Problem>, Unstartable> {
        let checked = load(&self.config, today(&self.clock))?;
        let settings = Arc::new(checked.settings);
        let before = self.live.load_full();
        check_fixed(&before.settings, &settings)?;
        let parts = Parts::prepare(&settings, &self.clock, Some(&before.keys))?;
        let certificates = MllpCertificates::read(&settings)?;
        parts.keys.fetch_missing().await;
        let ports = parts.ports(&settings, &self.state, &before.strangers, &self.metrics, &self.clock);
        self.live.store(Arc::new(ports));
        self.doors.swap(parts.doors);
        self.mllp_doors.swap(certificates);
        self.revocations.store(Arc::new(Revocations::of(&settings)));
        self.entries.operated(&self.live.load_full(), "reloaded").await;
        self.entries.taken_out(&self.live.load_full()).await;
        Ok(checked.warnings)
    }

    /// Takes no new connection, lets what is under way come to its end, and closes the ledger.
    pub async fn stop(self) -> Drained {
        self.phase.send_modify(|phase| *phase = Phase::Draining);
        let mut drained = self.serving.await.unwrap_or(Drained::Cut);
        let ports = self.live.load_full();
        if timeout(ports.settings.limits.drain, self.pushing).await.is_err() {
            drained = Drained::Cut;
        }
        drop(self.stop_upkeep);
        // Waited for: it holds the ledger, and with it the state folder.
        drop(self.upkeep.await);
        self.key_upkeep.abort();
        drop(self.key_upkeep.await);
        self.undelivered.recorded().await;
        self.entries.flush(&*ports.ledger, ports.strangers.take_all()).await;
        self.entries.operated(&ports, "stopped").await;
        self.state.ledger.close().await;
        self.ops_serving.abort();
        drop(self.ops_serving.await);
        drained
    }
}

impl Unstartable {
    /// The exit status of a process that ends because of it (DESIGN section 3).
    #[must_use]
    pub fn exit(&self) -> crate::commands::Exit {
        use crate::commands::Exit;
        match self {
            Self::Settings(_) | Self::Files(_) | Self::Fixed(_) => Exit::Settings,
            Self::Ledger(_, fault) if fault.exit_status() == Exit::InUse.code() => Exit::InUse,
            Self::Push(PushProblem::Tls { .. } | PushProblem::Sender { .. }) => Exit::Settings,
            Self::Push(PushProblem::Store(_) | PushProblem::Bind { .. })
            | Self::Ledger(..)
            | Self::State(_)
            | Self::Seal(_)
            | Self::Consents(_)
            | Self::Address(..) => Exit::Io,
        }
    }
}

impl Faults {
    fn of(keys: Vec<KeyProblem>, systems: Vec<UpstreamProblem>, listener: Option<TlsProblem>) -> Self {
        let mut faults: Vec<String> = keys.iter().map(ToString::to_string).collect();
        faults.extend(systems.iter().map(ToString::to_string));
        faults.extend(listener.iter().map(|problem| format!("[listen] tls: {problem}")));
        Self(faults)
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Running({:?})", self.addresses)
    }
}

/// Every fault of the certificates and keys that the settings name, as starting or reloading would meet them.
#[must_use]
pub fn faults_of_files(settings: &Settings) -> Vec<String> {
    let listener =
        Parts::prepare(settings, &Clock::machine(), None).err().map(|unstartable| unstartable.to_string());
    let mut faults: Vec<String> =
        listener.iter().flat_map(|faults| faults.lines()).map(str::to_owned).collect();
    faults.extend(settings.mllp.iter().filter_map(fault_of_files).map(|problem| problem.to_string()));
    faults
}

/// The folder of the ledger of a gateway with these settings.
#[must_use]
pub fn ledger_folder(settings: &Settings) -> PathBuf {
    settings.gateway.state.join("ledger")
}

/// How the ledger of a gateway with these settings is opened.
#[must_use]
pub fn ledger_options(settings: &Settings) -> Options {
    let base: http::Uri = settings.gateway.base.parse().unwrap_or_default();
    let origin = format!("{}/ledger", base.host().unwrap_or("localhost"));
    Options::new(ledger_folder(settings), origin, KEY_SCHEME)
}

/// What sockets and files are bound to for the life of the process.
fn check_fixed(before: &Settings, after: &Settings) -> Result<(), Unstartable> {
    let same = [
        ("gateway.state", before.gateway.state == after.gateway.state),
        ("gateway.base", before.gateway.base == after.gateway.base),
        ("listen.address", before.listen.address == after.listen.address),
        ("listen.ops", before.listen.ops == after.listen.ops),
        ("limits.connections_max", before.limits.connections_max == after.limits.connections_max),
        ("limits.in_flight_max", before.limits.in_flight_max == after.limits.in_flight_max),
        ("telemetry.otlp", before.telemetry.otlp == after.telemetry.otlp),
        ("[[mllp]]", format!("{:?}", before.mllp) == format!("{:?}", after.mllp)),
    ];
    match same.into_iter().find(|(_, same)| !same) {
        None => Ok(()),
        Some((what, _)) => Err(Unstartable::Fixed(what)),
    }
}

/// Messages take what is live at the moment they are dealt with.
async fn open_push(
    settings: &Settings,
    state: &State,
    live: &Arc<ArcSwap<Ports>>,
    clock: &Clock,
) -> Result<Push, Unstartable> {
    let now = Arc::clone(live);
    let ledger = Arc::clone(&state.ledger) as Arc<dyn AuditLedger>;
    let now = Arc::new(move || now.load_full());
    Ok(Push::open(settings, &settings.gateway.state, ledger, clock.clone(), now).await?)
}

/// The same phase for those who know of draining only.
fn drains(mut phase: watch::Receiver<Phase>) -> watch::Receiver<bool> {
    let (tell, told) = watch::channel(false);
    tokio::spawn(async move {
        // Nobody left who could say so is as good as said.
        drop(phase.wait_for(|phase| *phase == Phase::Draining).await);
        tell.send_replace(true);
    });
    told
}

/// Numbers that are looked at when somebody asks for them.
fn shown(live: &Arc<ArcSwap<Ports>>, revocations: &Arc<ArcSwap<Revocations>>) -> Looked {
    // The numbers are part of what is live: they must not keep it, and with it the state folder, alive.
    let (live, revocations) = (Arc::downgrade(live), Arc::clone(revocations));
    Looked::new(move |text| {
        if let Some(live) = live.upgrade() {
            live.load().keys.write_metrics(text);
        }
        revocations.load().write_metrics(text);
    })
}

/// The day by the clock of the United Kingdom: agreements begin and end there.
#[must_use]
pub fn today(clock: &Clock) -> jiff::civil::Date {
    crate::decision::calendar::day_of(clock.now())
}
