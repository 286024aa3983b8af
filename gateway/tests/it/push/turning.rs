//! Queries that find no place: counted, told, and no hindrance to others.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::net::TcpStream;
use tokio::sync::Notify;

use super::asking::{LISTENER, address, answer, asking, demographics, line, people, recorded};
use super::support::Peer;
use crate::support::front::{ask, get};
use crate::support::holding::{ANN, held, holding};
use crate::support::sharing::BOB;
use crate::support::upstream::{Play, Seen};
use crate::support::whole::Whole;

async fn metrics(site: &Whole) -> String {
    let mut stream = TcpStream::connect(site.ops()).await.unwrap();
    ask(&mut stream, &get("/metrics")).await.unwrap().2
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_that_finds_no_place_is_told_to_come_again_and_counted() {
    let (go_on, asked) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (held_back, told) = (Arc::clone(&go_on), Arc::clone(&asked));
    let serve = holding(&held(&people()));
    let searches = AtomicUsize::new(0);
    let script = move |seen: &Seen| match (searches.fetch_add(1, Ordering::SeqCst) == 0, serve(seen)) {
        (true, Play::Bytes(bytes)) => {
            told.notify_one();
            Play::Once(Arc::clone(&held_back), bytes)
        }
        (_, play) => play,
    };
    let listener = format!("{LISTENER}[limits]\nin_flight_max = 1\n");
    let (site, running, mut peer) = asking("open", &listener, script).await;
    peer.send(&demographics("Q1", ANN)).await;
    asked.notified().await;
    let mut other = Peer::connect(address(&running)).await;
    let told = answer(&mut other, &demographics("Q2", BOB)).await;
    assert!(line(&told, "MSA").is_some_and(|line| line.starts_with("MSA|AE|Q2|")), "{told:?}");
    assert_eq!(line(&told, "PID"), None);
    let counted = metrics(&site).await;
    let count =
        counted.lines().find(|line| line.contains("ended_at_door_total") && line.contains("overloaded"));
    assert!(count.is_some_and(|line| line.ends_with(" 1")), "{count:?}");
    go_on.notify_one();
    let first = peer.answer().await.expect("an answer");
    assert!(first.contains("MSA|AA|Q1") && first.contains(ANN), "{first}");
    let told = answer(&mut other, &demographics("Q3", BOB)).await;
    assert_eq!(line(&told, "MSA"), Some("MSA|AA|Q3"), "there is a place again");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_its_beat_takes_no_place_of_another() {
    let listener = format!("{LISTENER}[limits]\nin_flight_max = 1\nbeat_ms = 4000\n");
    let (site, running, mut peer) = asking("withheld", &listener, holding(&held(&people()))).await;
    peer.send(&demographics("Q1", ANN)).await;
    let is_recorded = async {
        while recorded(&site, "Q1").is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), is_recorded).await.expect("a record");
    let mut other = Peer::connect(address(&running)).await;
    let told = answer(&mut other, &demographics("Q2", BOB)).await;
    assert_eq!(line(&told, "MSA"), Some("MSA|AA|Q2"), "{told:?}");
    assert!(peer.answer().await.expect("an answer").contains("MSA|AA|Q1"));
    running.stop().await;
}
