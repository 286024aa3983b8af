//! Batches that are not answered as a whole: what was recorded of their entries does not stay as it was.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::BoxFuture;
use gateway::ledger::{AuditLedger, Batch, LedgerError, Receipt, SegmentLedger};
use gateway::trail::record::{About, Event, Exchange};
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::site;
use crate::support::asking::{asks, bundle, post};
use crate::support::assembled::Assembled;
use crate::support::front::to_end;
use crate::support::holding::{ANN, held, holding, patient};
use crate::support::whole::{Whole, one_patient};

/// A real ledger that cannot write some of what it is given.
#[derive(Debug)]
struct Broken {
    real: Arc<SegmentLedger>,
    appended: AtomicUsize,
    fails: std::ops::Range<usize>,
}

impl AuditLedger for Broken {
    fn append(&self, batch: Batch) -> BoxFuture<'_, Result<Receipt, LedgerError>> {
        match self.fails.contains(&self.appended.fetch_add(1, Ordering::SeqCst)) {
            true => Box::pin(async { Err(LedgerError::Closed) }),
            false => self.real.append(batch),
        }
    }
}

/// What is recorded, one word an exchange, when two entries are read and appends in this range fail.
async fn recorded(fails: std::ops::Range<usize>) -> Vec<(Event, Option<String>, bool)> {
    let site = Whole::with(one_patient).await;
    let gateway =
        Assembled::start(&site, |real, _| Arc::new(Broken { real, appended: AtomicUsize::new(0), fails }))
            .await;
    let answer = post(&site, "", &bundle("batch", &vec![asks("Patient/p1"); 2])).await;
    assert_eq!((answer.status, answer.entries().len()), (503, 0), "{}", answer.body);
    assert!(!answer.body.to_string().contains("Example"), "{}", answer.body);
    let is_own = |about: &About| matches!(about, About::Exchange { .. });
    let said = |exchange: Exchange| (exchange.event, exchange.reason, exchange.within.is_some());
    let records = gateway.records().await;
    records.into_iter().filter(|record| is_own(&record.about)).map(|record| said(record.exchange)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_the_record_of_the_batch_cannot_be_written_that_of_each_entry_is_corrected() {
    let ledger = Some("ledger".to_owned());
    let shared = (Event::Disclosed, None, true);
    let corrected = (Event::NotReleased, ledger.clone(), true);
    let ended = (Event::Failed, ledger.clone(), false);
    assert_eq!(recorded(2..3).await, [&shared, &shared, &corrected, &corrected, &ended].map(Clone::clone));
    // It cannot be corrected either; that the batch has no leaf, or one that says so, is what the person's page goes by.
    assert_eq!(recorded(2..4).await, [&shared, &shared, &ended].map(Clone::clone));
    assert_eq!(recorded(2..9).await, [&shared, &shared].map(Clone::clone));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_share_that_is_taken_back_is_not_counted_and_one_that_is_told_is_counted_once() {
    let (site, running) = site("open").await;
    let numbers = async || {
        let mut stream = TcpStream::connect(site.ops()).await.unwrap();
        stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        let numbers = to_end(&mut stream).await;
        let line = numbers.lines().find(|line| line.starts_with("portcullis_persons_shared_total "));
        line.unwrap().rsplit(' ').next().unwrap().to_owned()
    };
    let failing = bundle("transaction", &["Patient/p1", "Patient/p9"].map(asks));
    assert_eq!(post(&site, "", &failing).await.status, 404);
    assert_eq!(numbers().await, "0");
    let told = bundle("batch", &["Patient/p1", "Condition?patient=p1", "Patient/p9"].map(asks));
    assert_eq!(post(&site, "", &told).await.statuses(), ["200", "200", "404"]);
    assert_eq!(numbers().await, "2");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_xml_cannot_say_is_not_told_by_itself() {
    let mut odd = patient("odd", super::BOB);
    odd["name"][0]["family"] = json!("Exa\u{1}mple");
    let script = holding(&held(&[odd, patient("p1", ANN)]));
    let (site, running) = crate::support::asking::site_with("open", super::TABLES, script).await;
    let ask = async |accept: &str| {
        let headers = format!("content-type: application/fhir+json\r\naccept: {accept}\r\n");
        let asked = bundle("batch", &["Patient/odd", "Patient/p1"].map(asks)).to_string();
        let request = site.request("POST", "/hospital/fhir", Some(&site.consultant()), &headers, &asked);
        crate::support::wire::send(site.requests, request.as_bytes()).await
    };
    let xml = ask("application/fhir+xml").await;
    let told = xml.says();
    assert_eq!(xml.status, 200, "{told}");
    let statuses: Vec<&str> = told["entry"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["response"]["status"].as_str().unwrap())
        .collect();
    assert_eq!(statuses, ["406 Not Acceptable", "200 OK"]);
    let either = ask("application/fhir+xml, application/fhir+json;q=0.5").await;
    assert_eq!(either.header("content-type"), Some("application/fhir+json; charset=utf-8"));
    assert_eq!(either.says()["entry"][0]["response"]["status"], "200 OK");
    running.stop().await;
    let records = site.records();
    let back: Vec<_> = records.iter().filter(|one| one["exchange"]["event"] == "not-released").collect();
    assert_eq!(back.len(), 1, "{records:?}");
    assert_eq!(back[0]["exchange"]["reason"], "not-sayable-in-xml");
}
