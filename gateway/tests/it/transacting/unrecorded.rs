//! A ledger that does not take an entry, at whatever moment: nothing goes that is not recorded, and nothing is tried
//! again while it is not known what became of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicIsize, AtomicUsize, Ordering};

use futures_util::future::BoxFuture;
use gateway::ledger::{AuditLedger, Batch, LedgerError, Receipt, SegmentLedger};
use gateway::trail::record::{About, Event, Exchange};

use super::{changes, creates, deletes, hospital, new, sent, transact, written};
use crate::support::asking::asks;
use crate::support::assembled::Assembled;
use crate::support::transacting::{TRANSACTION, transacting};
use crate::support::upstream::{Play, Seen, fhir};

/// A real ledger that does not take the one entry after so many.
#[derive(Debug)]
struct Failing {
    real: Arc<SegmentLedger>,
    left: Arc<AtomicIsize>,
}

impl AuditLedger for Failing {
    fn append(&self, batch: Batch) -> BoxFuture<'_, Result<Receipt, LedgerError>> {
        match self.left.fetch_sub(1, Ordering::SeqCst) {
            0 => Box::pin(async { Err(LedgerError::Closed) }),
            _ => self.real.append(batch),
        }
    }
}

/// The records of the exchanges since `from`.
async fn exchanges(gateway: &Assembled, from: usize) -> Vec<Exchange> {
    let records = gateway.records().await;
    let of_exchange = records.into_iter().skip(from);
    of_exchange
        .filter(|record| matches!(record.about, About::Exchange { .. }))
        .map(|record| record.exchange)
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_goes_unrecorded_whichever_entry_the_ledger_does_not_take() {
    const WRITES: usize = 3;
    let (store, fresh) = (hospital(), hospital());
    let (honest, times) = (transacting(&store), Arc::new(AtomicUsize::new(0)));
    let asked = Arc::clone(&times);
    // Somebody else is faster once in each round.
    let site = written("open", "", move |seen: &Seen| match seen.line.as_str() {
        TRANSACTION if asked.fetch_add(1, Ordering::SeqCst) == 0 => {
            Play::Bytes(fhir("409 Conflict", r#"{"resourceType":"OperationOutcome"}"#))
        }
        _ => honest(seen),
    })
    .await;
    let left = Arc::new(AtomicIsize::new(-1));
    let fails = Arc::clone(&left);
    let gateway = Assembled::start(&site, move |real, _| Arc::new(Failing { real, left: fails })).await;
    let entries = [
        creates(&new("Patient/p1", "5")),
        changes(&site, "Condition/c1", "12").await,
        deletes(&site, "Condition/c3").await,
        asks("Patient/p1"),
    ];
    let (mut failed, mut done) = (0, false);
    for at in 0..40 {
        store.lock().unwrap().clone_from(&fresh.lock().unwrap());
        times.store(0, Ordering::SeqCst);
        let (from, before) = (gateway.records().await.len(), sent(&site).len());
        left.store(at, Ordering::SeqCst);
        let answer = transact(&site, &entries).await;
        done = left.swap(-1, Ordering::SeqCst) >= 0;
        let sent = sent(&site).len() - before;
        let records = exchanges(&gateway, from).await;
        let of = |event: Event| records.iter().filter(|exchange| exchange.event == event).count();
        assert!(
            of(Event::Intent) >= sent * (WRITES + 1),
            "{at}: an intent for each, and for all: {records:?}"
        );
        let is_conflict = |exchange: &&Exchange| exchange.reason.as_deref() == Some("not-taken-conflict");
        if sent == 2 {
            assert_eq!(records.iter().filter(is_conflict).count(), WRITES + 1, "{at}: {records:?}");
        }
        assert_eq!(sent == 2, store.lock().unwrap()[..] != fresh.lock().unwrap()[..], "{at}: all or none");
        let told = answer.statuses().iter().filter(|status| status.starts_with('2')).count();
        assert!(answer.status == 200 || answer.status == 503, "{at}: {}", answer.body);
        assert!(told <= of(Event::Outcome) + of(Event::Disclosed), "{at}: {records:?}");
        if done {
            assert_eq!((answer.status, told), (200, entries.len()), "{}", answer.body);
            break;
        }
        failed += usize::from(answer.status == 503);
    }
    assert!(done && failed >= 12, "{failed}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_is_told_when_that_of_each_entry_is_recorded() {
    let store = hospital();
    let site = written("open", "", transacting(&store)).await;
    let left = Arc::new(AtomicIsize::new(-1));
    let fails = Arc::clone(&left);
    let gateway = Assembled::start(&site, move |real, _| Arc::new(Failing { real, left: fails })).await;
    let mut stale = changes(&site, "Condition/c4", "45").await;
    stale["request"]["ifMatch"] = serde_json::json!("W/\"1\"");
    let entries = [creates(&new("Patient/p1", "5")), stale, asks("Patient/p9")];
    let mut statuses = Vec::new();
    for at in 0..5 {
        left.store(at, Ordering::SeqCst);
        statuses.push(transact(&site, &entries).await.status);
        left.store(-1, Ordering::SeqCst);
    }
    // Each entry, and then all.
    assert_eq!(statuses, [503, 503, 503, 503, 412]);
    assert!(sent(&site).is_empty());
    let told = exchanges(&gateway, 0).await;
    assert!(told.iter().any(|exchange| exchange.reason.as_deref() == Some("ledger")), "{told:?}");
}
