//! Entries that take long, and how much of a system a batch takes at once.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use gateway::serve::Running;
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::{TABLES, hospital};
use crate::support::asking::{Answer, agreement, asks, bundle, post};
use crate::support::holding::holding;
use crate::support::sharing::LONG;
use crate::support::upstream::{Play, Seen, fhir};
use crate::support::whole::{PATIENT, Whole};

async fn site(settings: &str, script: impl Fn(&Seen) -> Play + Send + Sync + 'static) -> (Whole, Running) {
    let site = Whole::with(script).await;
    std::fs::write(site.folder.path().join("agreements/wards.toml"), agreement("open", TABLES)).unwrap();
    site.also_set(settings);
    let running = site.start().await.unwrap();
    (site, running)
}

/// The events that are recorded of the entry for `Patient/<id>`: whether it says that something was shared.
fn shares_of(site: &Whole, id: &str) -> Vec<Value> {
    let records = site.records();
    let of_it = |record: &&Value| {
        record["about"]["resources"].to_string().contains(&format!("Patient/{id}\""))
            || record["exchange"]["reason"] == "entry-took-too-long"
    };
    records.iter().filter(of_it).map(|record| record["exchange"]["event"].clone()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_entry_ends_by_itself_and_takes_no_answer_of_the_others() {
    let (go_on, answered) = (Arc::new(Notify::new()), Arc::new(AtomicUsize::new(0)));
    let (honest, wait, asked) = (holding(&hospital()), Arc::clone(&go_on), Arc::clone(&answered));
    let slow = move |seen: &Seen| match seen.line.contains("Patient/slow") {
        true => {
            asked.fetch_add(1, Ordering::SeqCst);
            Play::Once(Arc::clone(&wait), fhir("200 OK", &PATIENT.replace("p1", "slow")))
        }
        false => honest(seen),
    };
    // The system itself may take longer than the whole batch has. A quarter of that is for each entry, and enough for those
    // that are not slow, however busy the machine is.
    let limits = "timeout_ms = 120000\n\n[limits]\nexchange_timeout_ms = 40000\nbody_timeout_ms = 2000\n";
    let (site, running) = site(limits, slow).await;
    for kind in ["batch", "transaction"] {
        // More than go at once, of which each fourth is slow: none waits for one before it.
        let is_slow = |at: usize| at.is_multiple_of(4);
        let url = |at| if is_slow(at) { "Patient/slow" } else { "Patient/p1" };
        let entries: Vec<Value> = (0..12).map(url).map(asks).collect();
        let answer = post(&site, "", &bundle(kind, &entries)).await;
        if kind == "transaction" {
            assert_eq!((answer.status, answer.entries().len()), (504, 0), "{}", answer.body);
            continue;
        }
        let statuses = answer.statuses();
        let expected: Vec<&str> = (0..12).map(|at| if is_slow(at) { "504" } else { "200" }).collect();
        assert_eq!((answer.status, statuses), (200, expected.iter().map(ToString::to_string).collect()));
        let text = "this entry took longer than one of several may: ask for it by itself";
        assert_eq!(answer.entries()[0]["response"]["outcome"]["issue"][0]["details"]["text"], text);
    }
    assert_eq!(answered.load(Ordering::SeqCst), 6);
    // What the system says in the end nobody waits for any more.
    go_on.notify_waiters();
    running.stop().await;
    assert_eq!(shares_of(&site, "slow"), vec![json!("failed"); 6], "{:?}", site.records());
}

/// A system that answers one request at a time, when it is told to: what lets each of those go on that wait.
#[derive(Clone, Default)]
struct Gate(Arc<Mutex<VecDeque<Arc<Notify>>>>);

impl Gate {
    fn before(
        honest: impl Fn(&Seen) -> Play + Send + Sync + 'static,
    ) -> (Self, impl Fn(&Seen) -> Play + Send + Sync + 'static) {
        let gate = Self::default();
        let waiting = gate.clone();
        let script = move |seen: &Seen| match honest(seen) {
            Play::Bytes(bytes) => {
                let go_on = Arc::new(Notify::new());
                waiting.0.lock().unwrap().push_back(Arc::clone(&go_on));
                Play::Once(go_on, bytes)
            }
            other @ (Play::ThenClose(_) | Play::ThenHang(_) | Play::Once(..)) => other,
        };
        (gate, script)
    }

    fn waiting(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    /// Lets everything through, one by one, the first of them when `expected` wait; gives the most that waited at once.
    async fn most_at_once(&self, expected: usize, answer: impl Future<Output = Answer>) -> (usize, Answer) {
        let (mut most, mut let_through) = (0, 0);
        let mut answer = std::pin::pin!(answer);
        loop {
            let waiting = self.waiting();
            most = most.max(waiting);
            // How long others may take to come to be there.
            let patience = Duration::from_millis(match (waiting, let_through) {
                (some, 0) if some < expected => 60_000,
                (_, few) if few < 8 => 100,
                _ => 1,
            });
            let others_come = async {
                let until = Instant::now() + patience;
                while self.waiting() == waiting && Instant::now() < until {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            };
            tokio::select! {
                biased;
                answer = &mut answer => return (most, answer),
                () = others_come => {}
            }
            if self.waiting() == waiting
                && let Some(first) = self.0.lock().unwrap().pop_front()
            {
                first.notify_one();
                let_through += 1;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_entries_together_ask_a_system_for_no_more_at_once_than_one_exchange_may() {
    let (gate, script) = Gate::before(holding(&hospital()));
    let (site, running) = site(LONG, script).await;
    let urls = ["Patient/p1/$everything", "Patient/p1/$everything", "Patient/p1/$everything", "Patient/p1"];
    let asked = bundle("batch", &urls.map(asks));
    let (most, answer) = gate.most_at_once(2, post(&site, "", &asked)).await;
    assert_eq!(answer.statuses(), ["200", "200", "200", "200"], "{}", answer.body);
    assert!((2..=4).contains(&most), "{most} at once");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_places_are_few_a_batch_has_one_and_goes_on_entry_by_entry() {
    let (gate, script) = Gate::before(holding(&hospital()));
    let (site, running) = site(&format!("{LONG}in_flight_max = 2\n"), script).await;
    let (most, answer) =
        gate.most_at_once(1, post(&site, "", &bundle("batch", &vec![asks("Patient/p1"); 6]))).await;
    assert_eq!(answer.statuses(), vec!["200"; 6], "{}", answer.body);
    assert_eq!(most, 1, "each of them waits for the one before");
    running.stop().await;
}
