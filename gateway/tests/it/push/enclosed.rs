//! Messages in an envelope.

use std::sync::atomic::Ordering;

use gateway::trail::record::Event;

use super::support::{Peer, Site, code, discharge, modes};

/// A batch of these messages, with as many as its trailer says.
fn batch(messages: &[String], counted: usize) -> String {
    format!("BHS|^~\\&|PAS|RX1|GATE|E1|20260304||||B-7\r{}BTS|{counted}\r", messages.concat())
}

/// The codes and control ids of the acknowledgements in an answer.
fn acknowledged(answer: &str) -> Vec<(String, String)> {
    let lines = answer.split('\r').filter(|line| line.starts_with("MSA"));
    let fields = lines.map(|line| line.split('|').map(str::to_owned).collect::<Vec<_>>());
    fields.map(|fields| (fields[1].clone(), fields[2].clone())).collect()
}

#[tokio::test]
async fn each_message_of_a_batch_is_dealt_with_by_itself_and_one_envelope_answers() {
    let folder = tempfile::tempdir().unwrap();
    let site = Site::open(folder.path());
    let served = site.listen(1 << 20).await;
    let mut peer = Peer::connect(served.address).await;
    let broken = discharge("M2", "0000018").replace("ADT^A03", "ZZZ^Z99");
    let sent = batch(&[discharge("M1", "0000018"), broken, discharge("M3", "0000026")], 3);
    peer.send(&sent).await;
    let answer = peer.answer().await.unwrap();
    assert!(answer.starts_with("BHS|") && answer.contains("B-7"), "{answer}");
    let expected =
        [("AA", "M1"), ("AR", "M2"), ("AA", "M3")].map(|(code, id)| (code.to_owned(), id.to_owned()));
    assert_eq!(acknowledged(&answer), expected);
    assert_eq!(site.decision.asked.load(Ordering::SeqCst), 2, "what is refused is decided by nobody");
    // The same batch again, and one of its messages alone, are known.
    peer.send(&sent).await;
    assert_eq!(acknowledged(&peer.answer().await.unwrap()), expected);
    peer.send(&discharge("M3", "0000026")).await;
    assert_eq!(peer.acknowledged().await, Some(("AA".to_owned(), "M3".to_owned())));
    assert_eq!(site.decision.asked.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn who_asks_for_nothing_hears_nothing_and_the_next_message_is_answered() {
    let folder = tempfile::tempdir().unwrap();
    let site = Site::open(folder.path());
    let served = site.listen(1 << 20).await;
    let mut peer = Peer::connect(served.address).await;
    let silent = ["M1", "M2"].map(|id| modes(id, "0000018", "NE|NE"));
    peer.send(&batch(&silent, 2)).await;
    peer.send(&discharge("M3", "0000018")).await;
    assert_eq!(peer.acknowledged().await, Some(("AA".to_owned(), "M3".to_owned())));
    assert_eq!(site.decision.asked.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn a_batch_that_does_not_say_where_its_messages_end_is_refused_whole_and_recorded() {
    for (sent, why) in [
        (batch(&[discharge("M1", "0000018"), discharge("M2", "0000026")], 1), "counts fewer"),
        (format!("BHS|^~\\&|PAS|RX1|GATE|E1|20260304||||B-7\r{}", discharge("M1", "0000018")), "is cut off"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let site = Site::open(folder.path());
        let mut told = site.intake.take(std::sync::Arc::clone(&site.sender), sent.into_bytes(), None);
        let answer = told.recv().await.unwrap();
        assert_eq!(code(&answer.bytes), "AR", "{why}");
        assert_eq!(told.recv().await, None, "{why}");
        assert_eq!(site.decision.asked.load(Ordering::SeqCst), 0, "{why}");
        let refused = (Event::Refused, Some("not-a-message".to_owned()));
        assert_eq!(site.events().await, [refused], "{why}");
    }
}
