//! Numbers an operator may move, each with a default, a floor and a ceiling.

use std::time::Duration;

use super::super::Limits;
use super::super::file::LimitsTable;
use super::super::problem::Notebook;
use super::super::written::Written;

/// A number an operator may move.
#[derive(Debug, Clone, Copy)]
pub struct Bound {
    /// The table and key.
    pub key: &'static str,
    /// What holds when nothing is written.
    pub default: u64,
    /// The least that may be written.
    pub least: u64,
    /// The most that may be written.
    pub most: u64,
}

const CONNECTIONS: Bound = bound("limits.connections_max", 1_024, 1, 100_000);
const IN_FLIGHT: Bound = bound("limits.in_flight_max", 256, 1, 10_000);
const HEADER: Bound = bound("limits.header_timeout_ms", 10_000, 100, 120_000);
const BODY: Bound = bound("limits.body_timeout_ms", 30_000, 100, 600_000);
const EXCHANGE: Bound = bound("limits.exchange_timeout_ms", 60_000, 1_000, 600_000);
const BODY_BYTES: Bound = bound("limits.body_bytes_max", 10 << 20, 1_024, 100 << 20);
const BATCH_ENTRIES: Bound = bound("limits.batch_entries_max", 100, 1, 1_000);
const DRAIN: Bound = bound("limits.drain_ms", 20_000, 0, 600_000);
const BEAT: Bound = bound("limits.beat_ms", 256, 256, 5_000);
/// How long a system may take.
pub(super) const SYSTEM_TIMEOUT: Bound = bound("system.timeout_ms", 10_000, 100, 300_000);
/// How much a system may answer.
pub(super) const SYSTEM_BODY_BYTES: Bound = bound("system.body_bytes_max", 20 << 20, 1_024, 100 << 20);
/// How long a dropped file must not have changed.
pub(super) const SOURCE_QUIET: Bound = bound("source.quiet_ms", 2_000, 0, 600_000);
/// How many rows are read for one question.
pub(super) const SOURCE_ROWS: Bound = bound("source.rows_max", 100_000, 1, 10_000_000);
/// How long fetching the keys of an issuer may take.
pub(super) const KEYS_TIMEOUT: Bound = bound("issuer.timeout_ms", 5_000, 100, 15_000);
/// The age at which keys of an issuer are fetched again.
pub(super) const KEYS_REFRESH: Bound = bound("issuer.refresh_ms", 600_000, 10_000, 86_400_000);
/// The age up to which keys of an issuer are used.
pub(super) const KEYS_KEEP: Bound = bound("issuer.keep_ms", 86_400_000, 600_000, 604_800_000);

/// Every bound, for the reference page.
pub const BOUNDS: [Bound; 16] = [
    CONNECTIONS,
    IN_FLIGHT,
    HEADER,
    BODY,
    EXCHANGE,
    BODY_BYTES,
    BATCH_ENTRIES,
    DRAIN,
    BEAT,
    SYSTEM_TIMEOUT,
    SYSTEM_BODY_BYTES,
    SOURCE_QUIET,
    SOURCE_ROWS,
    KEYS_TIMEOUT,
    KEYS_REFRESH,
    KEYS_KEEP,
];

const fn bound(key: &'static str, default: u64, least: u64, most: u64) -> Bound {
    Bound { key, default, least, most }
}

impl Bound {
    /// The number written, or the default.
    pub(super) fn of(self, notes: &Notebook, written: Option<&Written<i64>>) -> u64 {
        let Some(written) = written else { return self.default };
        match u64::try_from(written.value) {
            Ok(number) if (self.least..=self.most).contains(&number) => number,
            Ok(_) | Err(_) => {
                let text = format!("a number from {} to {} is wanted here", self.least, self.most);
                notes.error(&written.place, text);
                self.default
            }
        }
    }

    /// The number as milliseconds.
    pub(super) fn duration(self, notes: &Notebook, written: Option<&Written<i64>>) -> Duration {
        Duration::from_millis(self.of(notes, written))
    }

    /// The number as a count or a size.
    pub(super) fn count(self, notes: &Notebook, written: Option<&Written<i64>>) -> usize {
        usize::try_from(self.of(notes, written)).unwrap_or(usize::MAX)
    }
}

/// `[limits]`.
pub(super) fn limits(notes: &Notebook, table: Option<&LimitsTable>) -> Limits {
    let of = |pick: fn(&LimitsTable) -> Option<&Written<i64>>| table.and_then(pick);
    let limits = Limits {
        connections_max: CONNECTIONS.count(notes, of(|table| table.connections_max.as_ref())),
        in_flight_max: IN_FLIGHT.count(notes, of(|table| table.in_flight_max.as_ref())),
        header_timeout: HEADER.duration(notes, of(|table| table.header_timeout_ms.as_ref())),
        body_timeout: BODY.duration(notes, of(|table| table.body_timeout_ms.as_ref())),
        exchange_timeout: EXCHANGE.duration(notes, of(|table| table.exchange_timeout_ms.as_ref())),
        body_bytes_max: BODY_BYTES.count(notes, of(|table| table.body_bytes_max.as_ref())),
        batch_entries_max: BATCH_ENTRIES.count(notes, of(|table| table.batch_entries_max.as_ref())),
        drain: DRAIN.duration(notes, of(|table| table.drain_ms.as_ref())),
        beat: BEAT.duration(notes, of(|table| table.beat_ms.as_ref())),
    };
    let written = of(|table| table.body_timeout_ms.as_ref().or(table.exchange_timeout_ms.as_ref()));
    if let Some(written) = written
        && limits.body_timeout > limits.exchange_timeout
    {
        let text = "body_timeout_ms is longer than exchange_timeout_ms, so the exchange always ends first";
        notes.warn(&written.place, text);
    }
    limits
}
