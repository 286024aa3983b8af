//! The end of a recorded intent: what became of what was about to be sent.

use fhir::json;

use super::counts::{Counted, Counts};
use crate::ledger::AuditLedger;
use crate::trail::record::{Event, Exchange};
use crate::trail::records::Records;

/// Whether the bytes of an intent may have reached the system that receives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Departed {
    /// They never left, or the system said that it did not take them.
    No,
    /// They were on their way once, and no answer says that they were not taken.
    Perhaps,
}

impl Departed {
    /// As the store notes it.
    pub(in crate::push) const fn of(noted: i64) -> Self {
        if noted == 0 { Self::No } else { Self::Perhaps }
    }
}

/// The end could not be recorded. It is counted.
#[derive(Debug, thiserror::Error)]
#[error("what became of an intent could not be recorded")]
pub struct Unrecorded;

/// Ends an intent under which nothing more is sent. Only what cannot have arrived ends as not delivered.
///
/// # Errors
/// [`Unrecorded`].
pub(in crate::push) async fn end(
    intent: &[u8],
    departed: Departed,
    reason: &str,
    (ledger, counts): (&dyn AuditLedger, &Counts),
) -> Result<(), Unrecorded> {
    match departed {
        Departed::No => record(intent, Event::NotDelivered, Some(reason), (ledger, counts)).await,
        Departed::Perhaps => {
            let reason = format!("unconfirmed-{reason}");
            record(intent, Event::Failed, Some(&reason), (ledger, counts)).await
        }
    }
}

/// Ends an intent that may have been recorded under the name `request_id`, of which no byte left.
///
/// # Errors
/// [`Unrecorded`].
pub(in crate::push) async fn not_released(
    intent: &[u8],
    request_id: Option<&str>,
    reason: &str,
    (ledger, counts): (&dyn AuditLedger, &Counts),
) -> Result<(), Unrecorded> {
    let Ok(exchange) = read(intent) else { return missed(counts) };
    let exchange = match request_id {
        Some(request_id) => Exchange { request_id: request_id.to_owned(), follows: None, ..exchange },
        None => exchange,
    };
    append(exchange.ended(Event::NotReleased, 0, Some(reason)), (ledger, counts)).await
}

/// Records what became of an intent.
///
/// # Errors
/// [`Unrecorded`].
pub(in crate::push) async fn record(
    intent: &[u8],
    event: Event,
    reason: Option<&str>,
    (ledger, counts): (&dyn AuditLedger, &Counts),
) -> Result<(), Unrecorded> {
    let Ok(exchange) = read(intent) else { return missed(counts) };
    append(exchange.ended(event, 0, reason), (ledger, counts)).await
}

async fn append(exchange: Exchange, (ledger, counts): (&dyn AuditLedger, &Counts)) -> Result<(), Unrecorded> {
    let Ok(batch) = Records::from(exchange).to_batch() else { return missed(counts) };
    match ledger.append(batch).await {
        Ok(_) => Ok(()),
        Err(_) => missed(counts),
    }
}

fn read(intent: &[u8]) -> Result<Exchange, Unrecorded> {
    json::parse_into::<Exchange>(intent.to_vec().into(), &json::Limits::default()).map_err(|_| Unrecorded)
}

fn missed(counts: &Counts) -> Result<(), Unrecorded> {
    counts.add(Counted::Unrecorded);
    Err(Unrecorded)
}
