//! Everything of a push put together: opened at the start, run until the gateway drains.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use adapters::Context;
use arc_swap::ArcSwap;
use tokio::net::TcpListener;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

use super::asking::Queries;
use super::busy::Busy;
use super::clerk::Clerk;
use super::counts::Counts;
use super::courier::Courier;
use super::delivery::{Delivery, Patience, Senders};
use super::desk::{Desk, Now};
use super::express::Express;
use super::folder::Folders;
use super::form::Form;
use super::fresh::Fresh;
use super::intake::{Intake, Sender};
use super::marks::Faults;
use super::mllp::{Door, Listener};
use super::store::{Store, StoreError};
use crate::clock::Clock;
use crate::ledger::AuditLedger;
use crate::server::tls::{Demand, Secured, TlsProblem};
use crate::settings::{Mllp, MllpTransport, Settings};

/// The file of the store in the state folder.
pub const STORE_FILE: &str = "push.sqlite";

/// A push that is open and not yet running: its sockets are bound and its store can be written.
#[derive(Debug)]
pub struct Push {
    intake: Arc<Intake>,
    listeners: Vec<Listener>,
    delivery: Arc<Delivery>,
    clerk: Clerk,
    folders: Folders,
}

/// Why a push cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum PushProblem {
    /// The store cannot be opened.
    #[error("the message store: {0}")]
    Store(#[from] StoreError),
    /// An address cannot be listened at.
    #[error("[[mllp]] {address}: {source}")]
    Bind {
        /// As the settings name it.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// What a listener knows of its sender cannot be used.
    #[error("[[mllp]] {address}: the site map or the time zone cannot be used")]
    Sender {
        /// As the settings name it.
        address: SocketAddr,
    },
    /// The TLS files of a listener cannot be used.
    #[error("[[mllp]] {address}: {source}")]
    Tls {
        /// As the settings name it.
        address: SocketAddr,
        /// What is wrong with them.
        source: TlsProblem,
    },
}

impl Push {
    /// Opens the store in the folder `state` and binds every `[[mllp]]` of `settings`.
    ///
    /// `now` gives what an exchange may use at that moment; so a reload takes effect on messages too, though
    /// not on which sockets are open.
    ///
    /// # Errors
    /// The first [`PushProblem`].
    pub async fn open(
        settings: &Settings,
        state: &Path,
        ledger: Arc<dyn AuditLedger>,
        clock: Clock,
        now: Now,
    ) -> Result<Self, PushProblem> {
        let store = Store::open(&state.join(STORE_FILE))?;
        let (counts, wake) = (Arc::new(Counts::default()), Arc::new(Notify::new()));
        let intake = Arc::new(Intake {
            store: store.clone(),
            ledger: Arc::clone(&ledger),
            exchange: Arc::new(Desk::new(Arc::clone(&now))),
            clock: clock.clone(),
            counts: Arc::clone(&counts),
            wake: Arc::clone(&wake),
            busy: Arc::new(Busy::default()),
            fresh: Fresh::default(),
            express: Express::default(),
        });
        let mut listeners = Vec::new();
        for mllp in &settings.mllp {
            let address = mllp.address;
            let socket =
                TcpListener::bind(address).await.map_err(|source| PushProblem::Bind { address, source })?;
            listeners.push(Listener {
                socket,
                door: door(mllp)?,
                sender: Arc::new(sender(mllp).ok_or(PushProblem::Sender { address })?),
                intake: Arc::clone(&intake),
                strangers: Arc::clone(&now().strangers),
                queries: mllp.queries.is_some().then(|| Queries::new(Arc::clone(&now))),
                bytes_max: settings.limits.body_bytes_max,
            });
        }
        let senders = senders(&listeners, Arc::clone(&now));
        let clerk = Clerk {
            store: store.clone(),
            ledger: Arc::clone(&ledger),
            clock: clock.clone(),
            senders: Arc::clone(&senders),
            organisation: settings.gateway.organisation.as_str().to_owned(),
            intake: Some(Arc::clone(&intake)),
        };
        let places = Arc::clone(&now);
        let folders = Folders {
            intake: Arc::clone(&intake),
            places: Arc::new(move || places().settings.inbound.clone()),
            senders: Arc::clone(&senders),
        };
        let delivery = Arc::new(Delivery {
            store,
            intake: Arc::clone(&intake),
            senders,
            ledger,
            carrier: Arc::new(Courier::new(now)),
            clock,
            counts,
            wake,
            patience: Patience::default(),
            faults: Faults::default(),
            forgotten_ms: AtomicI64::new(0),
        });
        Ok(Self { intake, listeners, delivery, clerk, folders })
    }

    /// What takes messages that come another way than MLLP.
    #[must_use]
    pub fn intake(&self) -> &Arc<Intake> {
        &self.intake
    }

    /// What came of messages so far.
    #[must_use]
    pub fn counts(&self) -> Arc<Counts> {
        Arc::clone(&self.delivery.counts)
    }

    /// A handle to change the certificates of the listeners while they run.
    #[must_use]
    pub fn doors(&self) -> MllpDoors {
        MllpDoors(self.listeners.iter().map(|listener| listener.door.clone()).collect())
    }

    /// Where each `[[mllp]]` listens, in the order of the settings.
    #[must_use]
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.listeners.iter().filter_map(|listener| listener.socket.local_addr().ok()).collect()
    }

    /// Listens and delivers until `drain` turns true, and until every message that had begun is answered.
    pub async fn run(self, drain: watch::Receiver<bool>) {
        let mut running = JoinSet::new();
        for listener in self.listeners {
            running.spawn(listener.serve(drain.clone()));
        }
        running.spawn(self.clerk.run(drain.clone()));
        running.spawn(self.folders.run(drain.clone()));
        running.spawn(self.delivery.run(drain));
        while running.join_next().await.is_some() {}
    }
}

/// The doors of listeners that run.
#[derive(Debug, Clone)]
pub struct MllpDoors(Vec<Door>);

/// Certificates that were read again, to be swapped in.
pub struct MllpCertificates(Vec<Option<Arc<Secured>>>);

impl MllpCertificates {
    /// Reads the files of every `[[mllp]]`.
    ///
    /// # Errors
    /// The first [`PushProblem`].
    pub fn read(settings: &Settings) -> Result<Self, PushProblem> {
        let read = settings.mllp.iter().map(|mllp| match door(mllp)? {
            Door::Tls { secured, .. } => Ok(Some(secured.load_full())),
            Door::AcceptedRisk(_) => Ok(None),
        });
        read.collect::<Result<_, _>>().map(Self)
    }
}

impl MllpDoors {
    /// Swaps certificates in, for connections from now on. The listeners are those the certificates were read for.
    pub fn swap(&self, certificates: MllpCertificates) {
        for (door, read) in self.0.iter().zip(certificates.0) {
            if let (Door::Tls { secured, .. }, Some(read)) = (door, read) {
                secured.store(read);
            }
        }
    }
}

/// Everyone who may send: those of the listeners, and by HTTP the clients of the settings of that moment.
fn senders(listeners: &[Listener], now: Now) -> Senders {
    let fixed: Vec<Arc<Sender>> = listeners.iter().map(|listener| Arc::clone(&listener.sender)).collect();
    Arc::new(move || {
        let mut senders = super::http::senders(&now().settings);
        senders.extend(fixed.iter().cloned());
        senders
    })
}

/// Everyone who may send by these settings, for a command beside a gateway that is stopped.
#[must_use]
pub fn senders_of(settings: &Settings) -> Vec<Arc<Sender>> {
    let mut senders = super::http::senders(settings);
    senders.extend(settings.mllp.iter().filter_map(sender).map(Arc::new));
    senders
}

/// Whom an `[[mllp]]` speaks for. Its name must stay the same over a restart: messages taken over wait under it. The
/// settings have checked its time zone and its site map.
fn sender(mllp: &Mllp) -> Option<Sender> {
    let context = Context::new(mllp.from.as_str(), Some(mllp.from.clone()), &mllp.time_zone).ok()?;
    let context = match &mllp.site_map {
        Some(map) => context.with_site_map(map).ok()?,
        None => context,
    };
    Some(Sender {
        listener: mllp.listener(),
        organisation: mllp.from.clone(),
        to: mllp.to.clone(),
        purposes: vec![mllp.purpose],
        form: Form::Hl7v2,
        context,
    })
}

/// What is wrong with the files of a listener, if anything is.
pub(crate) fn fault_of_files(mllp: &Mllp) -> Option<PushProblem> {
    door(mllp).err()
}

fn door(mllp: &Mllp) -> Result<Door, PushProblem> {
    match &mllp.transport {
        MllpTransport::AcceptedRisk(networks) => Ok(Door::AcceptedRisk(networks.clone())),
        MllpTransport::Tls { files, clients } => {
            let address = mllp.address;
            let secured = Secured::load(files, Demand::Required, &[])
                .map_err(|source| PushProblem::Tls { address, source })?;
            let secured = Arc::new(ArcSwap::from_pointee(secured));
            Ok(Door::Tls { secured, clients: clients.clone().into() })
        }
    }
}
