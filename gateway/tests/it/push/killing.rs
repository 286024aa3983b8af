//! kill -9 while messages come: what was acknowledged arrives, once in effect, and was recorded before it left.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use fhir::json;
use gateway::clock::Clock;
use gateway::ledger::{Content, Options, SegmentLedger};
use gateway::trail::record::{Event, Record};
use gateway::trail::store::KEY_SCHEME;

use super::support::Peer;
use super::whole::{LETTER, created, write_settings};
use crate::support::ports::free;
use crate::support::process::{PATIENCE, Process};
use crate::support::upstream::System;

/// How often the gateway is killed.
const KILLS: usize = 8;
/// Messages under way at each kill.
const UNDER_WAY: usize = 6;

fn letter(number: usize) -> String {
    // Three persons, so that order per person matters.
    let person = ["9990000018", "9990000026", "9990000034"][number % 3];
    LETTER.replace("NHT0002", &format!("K{number}")).replace("9990000018", person)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_before_a_kill_arrives_once_in_effect_and_was_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let council = System::start(None, created).await;
    let address = free();
    let config = write_settings(folder.path(), &format!("http://{}/fhir", council.address), address);
    let mut acknowledged = BTreeSet::new();
    let mut unanswered: Vec<usize> = Vec::new();
    let mut next = 0;
    for round in 0..KILLS {
        let mut process = Process::start(&config);
        let mut peer = Peer::from(process.connect(address).await);
        // A sender sends again what was not answered, and then what is new.
        let mut sending = std::mem::take(&mut unanswered);
        sending.extend(next..next + UNDER_WAY);
        next += UNDER_WAY;
        for number in &sending {
            peer.send(&letter(*number)).await;
        }
        // The kill comes after so many answers, with the rest in every stage on the way.
        for number in sending.iter().take(round % UNDER_WAY + 1) {
            assert_eq!(peer.acknowledged().await, Some(("AA".to_owned(), format!("K{number}"))));
            acknowledged.insert(*number);
        }
        process.kill();
        unanswered = sending.into_iter().filter(|number| !acknowledged.contains(number)).collect();
    }
    let mut process = Process::start(&config);
    let mut peer = Peer::from(process.connect(address).await);
    for number in &unanswered {
        peer.send(&letter(*number)).await;
        assert_eq!(peer.acknowledged().await, Some(("AA".to_owned(), format!("K{number}"))));
    }
    let arrived = all_arrived(&council, next).await;
    process.kill();
    for (control_id, bodies) in &arrived {
        assert_eq!(bodies.len(), 1, "{control_id} had more than one effect");
    }
    let intents = intents(folder.path()).await;
    for control_id in arrived.keys() {
        assert!(intents.contains(control_id), "{control_id} left without a record");
    }
}

/// What each message became at the council, by its id there: waits until `count` messages are there.
async fn all_arrived(council: &System, count: usize) -> BTreeMap<String, BTreeSet<String>> {
    let arrived = async {
        loop {
            let mut by_message: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
            for seen in council.seen() {
                let document = json::parse(seen.body.clone().into(), &json::Limits::default()).unwrap();
                let control_id = document.root().str_at(&["identifier", "value"]).unwrap().into_owned();
                by_message.entry(control_id).or_default().insert(format!("{}\n{}", seen.line, seen.body));
            }
            if by_message.len() == count {
                return by_message;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, arrived).await.expect("every message to arrive in time")
}

/// The control ids of recorded intents.
async fn intents(folder: &Path) -> BTreeSet<String> {
    let options = Options::new(folder.join("ledger"), "share.hospital.example", KEY_SCHEME);
    let ledger = SegmentLedger::open(&options, Clock::machine()).unwrap();
    let mut found = BTreeSet::new();
    let mut from = 0;
    loop {
        let entries = ledger.read_from(from, 500).await.unwrap();
        let Some(last) = entries.last() else { return found };
        from = last.index + 1;
        for entry in &entries {
            let Content::Present(payload) = &entry.content else { continue };
            let record: Record = json::parse_into(payload.clone(), &json::Limits::default()).unwrap();
            if record.exchange.event == Event::Intent {
                found.extend(record.exchange.follows);
            }
        }
    }
}
