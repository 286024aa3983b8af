//! Numbers for operators, in the text format of OpenMetrics. Every label is one of a closed set of names.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use tokio::sync::watch;

use crate::ledger::Health;
use crate::push::counts::Counts;

/// Bounds of the histogram of durations, in seconds.
const SECONDS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

/// All numbers of one process.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    exchanges: Family<Ending, Counter>,
    durations: Family<Interaction, Histogram, fn() -> Histogram>,
    doors: Family<Reason, Counter>,
    unauthenticated: Family<Reason, Counter>,
    refusals: Family<Reason, Counter>,
    upstream_faults: Family<Reason, Counter>,
    overrides: Counter,
    persons_shared: Counter,
    undelivered: Counter,
    unrecorded: Counter,
    panics: Counter,
    connections: Gauge,
    in_flight: Gauge,
    messages: OnceLock<Arc<Counts>>,
    ledger: OnceLock<watch::Receiver<Health>>,
    looked: OnceLock<Looked>,
}

/// Numbers that are looked at when somebody asks for them: lines in the text format.
#[derive(Clone)]
pub struct Looked(Arc<dyn Fn(&mut String) + Send + Sync>);

impl Looked {
    /// Numbers that `write` appends.
    pub fn new(write: impl Fn(&mut String) + Send + Sync + 'static) -> Self {
        Self(Arc::new(write))
    }
}

impl std::fmt::Debug for Looked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Looked(..)")
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Ending {
    interaction: &'static str,
    ending: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Interaction {
    interaction: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reason {
    reason: &'static str,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// All at nought.
    #[must_use]
    pub fn new() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("portcullis"),
            exchanges: Family::default(),
            durations: Family::new_with_constructor(|| Histogram::new(SECONDS)),
            doors: Family::default(),
            unauthenticated: Family::default(),
            refusals: Family::default(),
            upstream_faults: Family::default(),
            overrides: Counter::default(),
            persons_shared: Counter::default(),
            undelivered: Counter::default(),
            unrecorded: Counter::default(),
            panics: Counter::default(),
            connections: Gauge::default(),
            in_flight: Gauge::default(),
            messages: OnceLock::new(),
            ledger: OnceLock::new(),
            looked: OnceLock::new(),
        };
        metrics.register();
        metrics
    }

    fn register(&mut self) {
        let registry = &mut self.registry;
        registry.register("exchanges", "Exchanges by interaction and ending", self.exchanges.clone());
        registry.register("exchange_seconds", "How long exchanges took", self.durations.clone());
        registry.register("ended_at_door", "Requests that were not taken up", self.doors.clone());
        registry.register(
            "unauthenticated",
            "Requests of callers who are not known",
            self.unauthenticated.clone(),
        );
        registry.register("refusals", "Refusals about persons or by rule", self.refusals.clone());
        registry.register(
            "upstream_faults",
            "Answers of systems that could not be used",
            self.upstream_faults.clone(),
        );
        registry.register("overrides", "Exchanges under an override", self.overrides.clone());
        registry.register(
            "persons_shared",
            "Persons about whom something was shared",
            self.persons_shared.clone(),
        );
        registry.register("undelivered", "Answers that nobody took", self.undelivered.clone());
        registry.register(
            "unrecorded",
            "Exchanges that ended without an answer because they could not be recorded",
            self.unrecorded.clone(),
        );
        registry.register("panics", "Exchanges that ended in a fault of the program", self.panics.clone());
        registry.register("connections", "Open connections", self.connections.clone());
        registry.register("in_flight", "Exchanges under way", self.in_flight.clone());
    }

    /// An exchange ended: `interaction` and `ending` are names of ours.
    pub fn exchange_ended(&self, interaction: &'static str, ending: &'static str, took: Duration) {
        self.exchanges.get_or_create(&Ending { interaction, ending }).inc();
        self.durations.get_or_create(&Interaction { interaction }).observe(took.as_secs_f64());
    }

    /// A request was not taken up.
    pub fn ended_at_door(&self, reason: &'static str) {
        self.doors.get_or_create(&Reason { reason }).inc();
    }

    /// A caller is not known.
    pub fn unauthenticated(&self, reason: &'static str) {
        self.unauthenticated.get_or_create(&Reason { reason }).inc();
    }

    /// Something was refused: a `Refusal::reason`.
    pub fn refused(&self, reason: &'static str) {
        self.refusals.get_or_create(&Reason { reason }).inc();
    }

    /// A system gave no answer that could be used.
    pub fn upstream_fault(&self, reason: &'static str) {
        self.upstream_faults.get_or_create(&Reason { reason }).inc();
    }

    /// An override was in play.
    pub fn overridden(&self) {
        self.overrides.inc();
    }

    /// Something was shared about so many persons.
    pub fn shared(&self, persons: u64) {
        self.persons_shared.inc_by(persons);
    }

    /// An answer was not taken.
    pub fn undelivered(&self) {
        self.undelivered.inc();
    }

    /// An exchange could not be recorded.
    pub fn unrecorded(&self) {
        self.unrecorded.inc();
    }

    /// A fault of the program.
    pub fn panicked(&self) {
        self.panics.inc();
    }

    /// A connection was opened.
    pub fn connected(&self) {
        self.connections.inc();
    }

    /// A connection was closed.
    pub fn disconnected(&self) {
        self.connections.dec();
    }

    /// An exchange began.
    pub fn began(&self) {
        self.in_flight.inc();
    }

    /// An exchange ended, whichever way.
    pub fn ended(&self) {
        self.in_flight.dec();
    }

    /// Shows what came of messages too, from where they are counted.
    pub fn also(&self, messages: Arc<Counts>) {
        // Once per process: a second set of counts is never made.
        drop(self.messages.set(messages));
    }

    /// Shows how the ledger is too, from where it says so.
    pub fn of_ledger(&self, health: watch::Receiver<Health>) {
        // Once per process: a second ledger is never opened.
        drop(self.ledger.set(health));
    }

    /// Shows numbers that are looked at when somebody asks.
    pub fn also_shown(&self, looked: Looked) {
        // Once per process.
        drop(self.looked.set(looked));
    }

    /// All numbers as text; nothing when they cannot be written.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        let written = text::encode_registry(&mut text, &self.registry).and_then(|()| {
            if let Some(messages) = self.messages.get() {
                text.push_str("# HELP portcullis_messages What came of pushed messages.\n# TYPE portcullis_messages counter\n");
                for (what, count) in messages.all() {
                    text.push_str(&format!("portcullis_messages_total{{what=\"{what}\"}} {count}\n"));
                }
                let backlog = messages.backlog();
                for (name, help, count) in [
                    ("messages_waiting", "Messages on their way to a receiver.", backlog.due),
                    ("messages_dead", "Messages given up and not yet seen to.", backlog.dead),
                ] {
                    text.push_str(&format!("# HELP portcullis_{name} {help}\n# TYPE portcullis_{name} gauge\nportcullis_{name} {count}\n"));
                }
            }
            if let Some(health) = self.ledger.get() {
                let health = *health.borrow();
                let strained = matches!(health, Health::Strained(_));
                for (name, help, holds) in [
                    ("takes_entries", "Whether the ledger can be written.", health.takes_entries()),
                    ("strained", "Whether the ledger will not be written for long.", strained),
                ] {
                    let value = u8::from(holds);
                    text.push_str(&format!("# HELP portcullis_ledger_{name} {help}\n# TYPE portcullis_ledger_{name} gauge\nportcullis_ledger_{name} {value}\n"));
                }
            }
            if let Some(looked) = self.looked.get() {
                (looked.0)(&mut text);
            }
            text::encode_eof(&mut text)
        });
        match written {
            Ok(()) => text,
            Err(_) => String::new(),
        }
    }
}
