//! A client that hangs up after its request: the exchange runs to its end all the same, is recorded, and what nobody
//! took is recorded as not delivered. Over HTTP/1.1 and HTTP/2, with TLS, through the whole process.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use gateway::trail::record::Event;
use http::Request;
use http_body_util::Empty;
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::{Notify, mpsc};
use tokio_rustls::client::TlsStream;

use super::support::recorded;
use crate::support::process::{Process, until_operators_see};
use crate::support::tls::{Authority, client_config, file};
use crate::support::upstream::{Play, fhir};
use crate::support::whole::{PATIENT, Whole, one_patient};

const NAME: &str = "share.example.nhs.uk";

/// A gateway with TLS in a process of its own, before a hospital that waits with the Patient until it is told to go on.
struct Secured {
    site: Whole,
    process: Process,
    authority: Authority,
    token: String,
    asked: mpsc::UnboundedReceiver<()>,
    go_on: Arc<Notify>,
}

impl Secured {
    async fn start() -> Self {
        let (tell, asked) = mpsc::unbounded_channel();
        let go_on = Arc::new(Notify::new());
        let wait = Arc::clone(&go_on);
        let site = Whole::with(move |seen| {
            if seen.line.starts_with("GET /fhir/Patient/p1 ") {
                tell.send(()).unwrap();
                return Play::Once(Arc::clone(&wait), fhir("200 OK", PATIENT));
            }
            one_patient(seen)
        })
        .await;
        let authority = Authority::new("ours");
        secure(&site, &authority, site.folder.path());
        let token = site.consultant();
        let mut process = Process::start(&site.config());
        process.until_serving(site.requests, site.ops()).await;
        // The connection that only looked is gone again, and is not taken for another.
        let secured = Self { site, process, authority, token, asked, go_on };
        secured.until_nobody_is_connected().await;
        secured
    }

    async fn connect(&self, protocol: &[u8]) -> TlsStream<TcpStream> {
        let connector = tokio_rustls::TlsConnector::from(client_config(&self.authority, None, &[protocol]));
        let stream = TcpStream::connect(self.site.requests).await.unwrap();
        connector.connect(NAME.try_into().unwrap(), stream).await.unwrap()
    }

    fn request(&self, path: &str) -> Request<Empty<Bytes>> {
        Request::get(format!("https://{NAME}{path}"))
            .header("authorization", format!("Bearer {}", self.token))
            .body(Empty::new())
            .unwrap()
    }

    async fn until_nobody_is_connected(&self) {
        let nobody = |seen: &str| seen.contains("\nportcullis_connections 0\n");
        until_operators_see(self.site.ops(), "/metrics", nobody).await;
    }

    /// Lets the hospital answer now that nobody waits for it: the share is recorded, and then that nobody took it.
    async fn check_recorded(self) {
        self.go_on.notify_one();
        let undelivered = |seen: &str| seen.contains("\nportcullis_undelivered_total 1\n");
        until_operators_see(self.site.ops(), "/metrics", undelivered).await;
        assert_eq!(self.process.stop(), Some(0));
        let entries = recorded(&self.site.ledger());
        let of = |event: Event| entries.iter().filter(move |entry| entry.record.exchange.event == event);
        let shared = of(Event::Disclosed).find(|entry| entry.record.exchange.interaction == "read").unwrap();
        let persons: Vec<_> = of(Event::Disclosed).filter_map(|entry| entry.person()).collect();
        assert_eq!(persons[0].resources, ["Patient/p1"], "{persons:?}");
        let corrected: Vec<_> = of(Event::NotDelivered).collect();
        assert_eq!(corrected.len(), 1, "{corrected:?}");
        let correction = &corrected[0].record.exchange;
        assert_eq!(correction.follows.as_ref(), Some(&shared.receipt));
        assert_eq!(correction.request_id, shared.record.exchange.request_id);
    }
}

/// Puts TLS before the site, whose tokens stay those of its address.
fn secure(site: &Whole, authority: &Authority, folder: &Path) {
    let server = authority.server(NAME);
    file(folder, "server.pem", &server.pem);
    file(folder, "server.key", &server.key);
    let base = format!("base = \"http://{}\"", site.requests);
    let settings = std::fs::read_to_string(site.config()).unwrap();
    let settings = settings
        .replace(&base, &format!("base = \"https://{NAME}\"\naudience = \"http://{}\"", site.requests))
        .replace("\nops = ", "\ntls = { certificate = \"server.pem\", key = \"server.key\" }\nops = ");
    std::fs::write(site.config(), settings).unwrap();
}

async fn http_2(stream: TlsStream<TcpStream>) -> SendRequest<Empty<Bytes>> {
    let (sender, connection) = handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    sender
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_of_http_1_that_hangs_up_after_its_request_cancels_nothing() {
    let mut secured = Secured::start().await;
    let mut stream = secured.connect(b"http/1.1").await;
    let request = format!(
        "GET /hospital/fhir/Patient/p1 HTTP/1.1\r\nhost: {NAME}\r\nauthorization: Bearer {}\r\n\r\n",
        secured.token
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    stream.flush().await.unwrap();
    secured.asked.recv().await.unwrap();
    drop(stream);
    secured.until_nobody_is_connected().await;
    secured.check_recorded().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_of_http_2_that_hangs_up_after_its_request_cancels_nothing() {
    let mut secured = Secured::start().await;
    let mut sender = http_2(secured.connect(b"h2").await).await;
    let answer = sender.send_request(secured.request("/hospital/fhir/Patient/p1"));
    secured.asked.recv().await.unwrap();
    drop(answer);
    drop(sender);
    secured.until_nobody_is_connected().await;
    secured.check_recorded().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_of_http_2_that_is_reset_cancels_nothing_and_others_go_on() {
    let mut secured = Secured::start().await;
    let mut sender = http_2(secured.connect(b"h2").await).await;
    let answer = sender.send_request(secured.request("/hospital/fhir/Patient/p1"));
    secured.asked.recv().await.unwrap();
    drop(answer);
    // Asked after the reset on the same connection: when this is answered, the reset was seen.
    let other = sender.send_request(secured.request("/register")).await.unwrap();
    assert_eq!(other.status(), 200);
    secured.check_recorded().await;
}
