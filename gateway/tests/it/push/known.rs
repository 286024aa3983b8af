//! Who speaks at a listener for messages over TLS: those alone whom the settings name by their certificates.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use gateway::serve::Running;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::asking::{LISTENER, address, demographics, line, people};
use super::support::Peer;
use crate::support::holding::{ANN, held, holding};
use crate::support::sharing::{agreement, site_after};
use crate::support::tls::{Authority, Leaf, client_config, dns, file};
use crate::support::upstream::Seen;
use crate::support::whole::Whole;

const TABLES: &str = r#"
[share.person.Patient]
identifier = "to be sure it is the right person"
name = "to address the person"
"#;
const NAME: &str = "share.example.nhs.uk";
const LIST: &str = "clients.crl";

/// A gateway whose listener answers queries to `pas.hospital.example` alone; it counts what the hospital is asked.
async fn listening(authority: &Authority) -> (Whole, Running, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    let serve = holding(&held(&people()));
    let script = move |seen: &Seen| {
        counted.fetch_add(1, Ordering::SeqCst);
        serve(seen)
    };
    let tls = format!(
        "tls = {{ certificate = \"server.pem\", key = \"server.key\", client_ca = \"clients.pem\", crl = \"{LIST}\" }}\n\
         clients = [\"dns:pas.hospital.example\"]"
    );
    let plain = "peers = [\"127.0.0.1/32\"]\nplaintext = \"accepted-risk\"";
    let listener = LISTENER.replace(plain, &tls);
    let (site, running) = site_after(&agreement("open", TABLES), script, |site| {
        let folder = site.folder.path();
        let server = authority.server(NAME);
        file(folder, "server.pem", &server.pem);
        file(folder, "server.key", &server.key);
        file(folder, "clients.pem", &authority.pem);
        file(folder, LIST, &authority.revokes(&[], 2090));
        site.also_set(&listener);
    })
    .await;
    (site, running, asked)
}

async fn connect(to: SocketAddr, authority: &Authority, leaf: &Leaf) -> Peer<TlsStream<TcpStream>> {
    let connector = TlsConnector::from(client_config(authority, Some(leaf), &[]));
    let stream = TcpStream::connect(to).await.unwrap();
    Peer::from(connector.connect(NAME.try_into().unwrap(), stream).await.unwrap())
}

async fn told(peer: &mut Peer<TlsStream<TcpStream>>, query: &str) -> Option<Vec<String>> {
    peer.send(query).await;
    let answer = peer.answer().await?;
    Some(answer.split('\r').filter(|line| !line.is_empty()).map(str::to_owned).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_of_the_same_authority_is_no_proof_of_being_the_sender() {
    let authority = Authority::new("of them all");
    let (site, running, asked) = listening(&authority).await;
    let theirs = authority.client(dns("records.council.example"), 8);
    let mut stranger = connect(address(&running), &authority, &theirs).await;
    let answer = told(&mut stranger, &demographics("Q1", ANN)).await.expect("an answer");
    assert_eq!(line(&answer, "PID"), None, "{answer:?}");
    let refused = "MSA|AR|Q1|the certificate is not that of a client of this listener";
    assert_eq!(line(&answer, "MSA"), Some(refused));
    assert_eq!(stranger.answer().await, None, "and nothing more is heard from it");
    assert_eq!(asked.load(Ordering::SeqCst), 0);

    let known = authority.client(dns("PAS.hospital.example"), 7);
    let mut peer = connect(address(&running), &authority, &known).await;
    let answer = told(&mut peer, &demographics("Q2", ANN)).await.expect("an answer");
    assert!(line(&answer, "PID").is_some_and(|person| person.contains(ANN)), "{answer:?}");
    running.stop().await;
    // It is counted like whoever is not known at the front door.
    let of = |record: &serde_json::Value| record["exchange"]["event"] == "not-authenticated";
    let counted: Vec<_> = site.records().into_iter().filter(of).collect();
    assert_eq!(counted.len(), 1, "{counted:?}");
    assert_eq!(counted[0]["exchange"]["peer"], "127.0.0.1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_is_revoked_says_nothing_more_on_a_connection_that_is_open() {
    let authority = Authority::new("of them all");
    let (site, running, _) = listening(&authority).await;
    let known = authority.client(dns("pas.hospital.example"), 7);
    let mut peer = connect(address(&running), &authority, &known).await;
    let answer = told(&mut peer, &demographics("Q1", ANN)).await.expect("an answer");
    assert!(line(&answer, "PID").is_some(), "{answer:?}");
    // What is read again and says the same changes nothing.
    running.reload().await.unwrap();
    let answer = told(&mut peer, &demographics("Q2", ANN)).await.expect("an answer");
    assert!(line(&answer, "PID").is_some(), "{answer:?}");
    file(site.folder.path(), LIST, &authority.revokes(&[7], 2090));
    running.reload().await.unwrap();
    let answer = told(&mut peer, &demographics("Q3", ANN)).await.expect("an answer");
    assert_eq!(line(&answer, "PID"), None, "{answer:?}");
    assert_eq!(peer.answer().await, None);
    running.stop().await;
}
