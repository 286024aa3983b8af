//! MLLP over real sockets.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use adapters::mllp::frame;
use arc_swap::ArcSwap;
use gateway::push::mllp::Door;
use gateway::server::tls::{Demand, Secured};
use gateway::settings::ServerTls;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::support::{Peer, Site, discharge, modes};
use crate::support::tls::{Authority, client_config, dns, file};

#[tokio::test]
async fn messages_that_come_together_are_answered_one_by_one_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let site = Site::open(folder.path());
    let served = site.listen(1 << 20).await;
    let mut peer = Peer::connect(served.address).await;
    let together: Vec<u8> =
        (0..20).flat_map(|index| frame(discharge(&format!("M{index}"), "0000018").as_bytes())).collect();
    peer.write(&together).await;
    for index in 0..20 {
        assert_eq!(peer.acknowledged().await, Some(("AA".to_owned(), format!("M{index}"))));
    }
}

#[tokio::test]
async fn a_message_cut_at_every_byte_is_one_message() {
    let folder = tempfile::tempdir().unwrap();
    let site = Site::open(folder.path());
    let served = site.listen(1 << 20).await;
    let mut peer = Peer::connect(served.address).await;
    peer.stream.set_nodelay(true).unwrap();
    for byte in frame(discharge("M1", "0000018").as_bytes()) {
        peer.write(&[byte]).await;
        peer.stream.flush().await.unwrap();
    }
    assert_eq!(peer.acknowledged().await, Some(("AA".to_owned(), "M1".to_owned())));
    assert_eq!(site.decision.asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn enhanced_mode_hears_of_the_storage_and_then_of_the_application() {
    let folder = tempfile::tempdir().unwrap();
    let site = Site::open(folder.path());
    let served = site.listen(1 << 20).await;
    let mut peer = Peer::connect(served.address).await;
    peer.send(&modes("M1", "0000018", "AL|AL")).await;
    assert_eq!(peer.acknowledged().await.unwrap().0, "CA");
    assert_eq!(peer.acknowledged().await.unwrap().0, "AA");
    site.decision.refuses.store(true, Ordering::SeqCst);
    peer.send(&modes("M2", "0000018", "AL|ER")).await;
    assert_eq!(peer.acknowledged().await.unwrap().0, "CA");
    assert_eq!(peer.acknowledged().await.unwrap().0, "AE");
}

#[tokio::test]
async fn a_broken_frame_is_told_and_closes_the_connection() {
    let folder = tempfile::tempdir().unwrap();
    let site = Site::open(folder.path());
    let served = site.listen(2_000).await;
    let good = frame(discharge("M1", "0000018").as_bytes());
    let too_large = [b"\x0b".to_vec(), vec![b'x'; 3_000]].concat();
    for broken in [&b"\x0bone\x0btwo\x1c\r"[..], b"noise", b"\x0bone\x1c\n", &too_large] {
        let mut peer = Peer::connect(served.address).await;
        peer.write(&[&good, broken].concat()).await;
        assert_eq!(peer.acknowledged().await.unwrap().0, "AA");
        let answer = peer.answer().await.unwrap();
        assert!(answer.contains("MSA|AR|"), "{answer}");
        assert_eq!(peer.answer().await, None);
    }
}

#[tokio::test]
async fn a_peer_that_hangs_up_early_cancels_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let site = Site::open(folder.path());
    let served = site.listen(1 << 20).await;
    let mut peer = Peer::connect(served.address).await;
    peer.send(&discharge("M1", "0000018")).await;
    drop(peer);
    let mut second = Peer::connect(served.address).await;
    second.send(&discharge("M1", "0000018")).await;
    assert_eq!(second.acknowledged().await, Some(("AA".to_owned(), "M1".to_owned())));
    assert_eq!(site.store.backlog().await.unwrap().due, 1);
}

#[tokio::test]
async fn while_draining_a_message_that_has_begun_is_finished_and_answered() {
    let folder = tempfile::tempdir().unwrap();
    let site = Site::open(folder.path());
    let served = site.listen(1 << 20).await;
    let mut idle = Peer::connect(served.address).await;
    idle.send(&discharge("M0", "0000018")).await;
    assert_eq!(idle.acknowledged().await.unwrap().1, "M0");
    let mut peer = Peer::connect(served.address).await;
    peer.send(&discharge("M1", "0000018")).await;
    assert_eq!(peer.acknowledged().await.unwrap().1, "M1");
    let message = frame(discharge("M2", "0000018").as_bytes());
    let (head, tail) = message.split_at(40);
    peer.write(head).await;
    // The other connection is closed only once the drain is noticed; then the begun message goes on.
    peer.stream.flush().await.unwrap();
    served.drain.send(true).unwrap();
    assert_eq!(idle.answer().await, None);
    peer.write(tail).await;
    assert_eq!(peer.acknowledged().await, Some(("AA".to_owned(), "M2".to_owned())));
    assert_eq!(peer.answer().await, None);
    served.serving.await.unwrap();
}

#[tokio::test]
async fn a_peer_from_elsewhere_is_not_listened_to() {
    let folder = tempfile::tempdir().unwrap();
    let site = Site::open(folder.path());
    let served = site.listen(1 << 20).await;
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
    let mut stranger = Peer::from(socket.connect(served.address).await.unwrap());
    drop(stranger.stream.write_all(&frame(discharge("M1", "0000018").as_bytes())).await);
    assert_eq!(stranger.answer().await, None);
    assert_eq!(site.decision.asked.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn over_tls_a_certificate_of_the_right_authority_is_needed() {
    let folder = tempfile::tempdir().unwrap();
    let site = Site::open(folder.path());
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let server = ours.server("gateway.example");
    let files = ServerTls {
        certificate: file(folder.path(), "server.pem", &server.pem),
        key: file(folder.path(), "server.key", &server.key),
        client_ca: Some(file(folder.path(), "clients.pem", &ours.pem)),
        crl: None,
    };
    let secured = Secured::load(&files, Demand::Required, &[]).unwrap();
    let secured = Arc::new(ArcSwap::from_pointee(secured));
    let clients = Arc::from(["dns:pas.hospital.example".to_owned()]);
    let served = site.listen_behind(Door::Tls { secured, clients }, 1 << 20).await;
    let known = ours.client(dns("pas.hospital.example"), 7);
    let stranger = theirs.client(dns("pas.hospital.example"), 8);
    for (leaf, expected) in [(Some(&known), Some("AA")), (Some(&stranger), None), (None, None)] {
        let connector = TlsConnector::from(client_config(&ours, leaf, &[]));
        let stream = TcpStream::connect(served.address).await.unwrap();
        // With TLS 1.3 a client learns only when it reads that its certificate was not taken.
        let Ok(stream) = connector.connect("gateway.example".try_into().unwrap(), stream).await else {
            assert_eq!(expected, None);
            continue;
        };
        let mut peer = Peer::from(stream);
        drop(peer.stream.write_all(&frame(discharge("M1", "0000018").as_bytes())).await);
        drop(peer.stream.flush().await);
        assert_eq!(peer.acknowledged().await.map(|(code, _)| code).as_deref(), expected);
    }
    assert_eq!(site.decision.asked.load(Ordering::SeqCst), 1);
}
