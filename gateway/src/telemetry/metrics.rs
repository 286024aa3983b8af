//! Numbers for operators, in the text format of OpenMetrics. Every label is one of a closed set of names.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

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
    panics: Counter,
    connections: Gauge,
    in_flight: Gauge,
    unsent: Gauge<i64>,
    dead_letters: Counter<u64, AtomicU64>,
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
            panics: Counter::default(),
            connections: Gauge::default(),
            in_flight: Gauge::default(),
            unsent: Gauge::default(),
            dead_letters: Counter::default(),
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
        registry.register("panics", "Exchanges that ended in a fault of the program", self.panics.clone());
        registry.register("connections", "Open connections", self.connections.clone());
        registry.register("in_flight", "Exchanges under way", self.in_flight.clone());
        registry.register("unsent", "Messages in the outbox", self.unsent.clone());
        registry.register("dead_letters", "Messages that could not be delivered", self.dead_letters.clone());
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

    /// So many messages wait in the outbox.
    pub fn waiting(&self, messages: usize) {
        self.unsent.set(i64::try_from(messages).unwrap_or(i64::MAX));
    }

    /// A message could not be delivered: an alarm about the duty to share.
    pub fn dead_letter(&self) {
        self.dead_letters.inc();
    }

    /// All numbers as text; nothing when they cannot be written.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        match text::encode(&mut text, &self.registry) {
            Ok(()) => text,
            Err(_) => String::new(),
        }
    }
}
