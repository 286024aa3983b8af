//! A listener of the gateway with an exchange of the test's own behind it, and a client that speaks bytes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use gateway::clock::Clock;
use gateway::places::Places;
use gateway::server::arrived::Arrived;
use gateway::server::attend::App;
use gateway::server::listener::{Doors, DoorsHandle, Drained, Listener, Phase};
use gateway::server::reply::{Content, Reply};
use gateway::server::strangers::Strangers;
use gateway::settings::Settings;
use gateway::telemetry::metrics::Metrics;
use http::StatusCode;
use rustls::ClientConfig;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// However slow the machine is: a test that waits longer than this hangs.
pub(crate) const HANGS: Duration = Duration::from_secs(180);

/// A listener that serves.
pub(crate) struct Front {
    pub(crate) address: SocketAddr,
    pub(crate) doors: DoorsHandle,
    pub(crate) strangers: Arc<Strangers>,
    pub(crate) metrics: Arc<Metrics>,
    /// Request ids of replies that nobody took.
    pub(crate) not_delivered: mpsc::UnboundedReceiver<String>,
    phase: watch::Sender<Phase>,
    serving: JoinHandle<Drained>,
}

impl Front {
    /// Starts one whose exchanges run `exchange`.
    pub(crate) async fn start<F>(settings: &Settings, exchange: F) -> Self
    where
        F: Fn(Arrived) -> BoxFuture<'static, Reply> + Send + Sync + 'static,
    {
        let clock = Clock::machine();
        let strangers = Arc::new(Strangers::new(clock.clone()));
        let metrics = Arc::new(Metrics::new());
        let (tell, not_delivered) = mpsc::unbounded_channel();
        let app = App {
            exchange: Arc::new(exchange),
            not_delivered: Arc::new(move |id, _| drop(tell.send(id.to_string()))),
            strangers: Arc::clone(&strangers),
            metrics: Arc::clone(&metrics),
            clock,
            places: Arc::new(Places::new(settings.limits.in_flight_max)),
        };
        let doors = Doors::new(settings).unwrap();
        let listener = Listener::bind(settings.listen.address, doors, app).await.unwrap();
        let (address, doors) = (listener.address().unwrap(), listener.doors());
        let (phase, watched) = watch::channel(Phase::Serving);
        let serving = tokio::spawn(listener.serve(watched));
        Self { address, doors, strangers, metrics, not_delivered, phase, serving }
    }

    /// One that says what arrived: method, segments, query, content type, SANs.
    pub(crate) async fn echo(settings: &Settings) -> Self {
        Self::start(settings, |arrived| Box::pin(async move { said(&arrived) })).await
    }

    pub(crate) fn drain(&self) {
        self.phase.send(Phase::Draining).unwrap();
    }

    pub(crate) async fn drained(self) -> Drained {
        timeout(HANGS, self.serving).await.unwrap().unwrap()
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    pub(crate) async fn connect_tls(
        &self,
        config: Arc<ClientConfig>,
    ) -> std::io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
        let name = "share.example.nhs.uk".try_into().unwrap();
        tokio_rustls::TlsConnector::from(config).connect(name, self.connect().await).await
    }

    /// Sends bytes on a new connection and reads what comes back until it is closed.
    pub(crate) async fn raw(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect().await;
        stream.write_all(bytes).await.unwrap();
        to_end(&mut stream).await
    }
}

pub(crate) fn said(arrived: &Arrived) -> Reply {
    let sans = arrived.certificate.as_ref().map(|shown| shown.sans.join(" "));
    text(format!(
        "{:?} {:?} {:?} {sans:?}",
        arrived.method,
        arrived.target.segments(),
        arrived.target.query()
    ))
}

pub(crate) fn text(text: String) -> Reply {
    Reply::new(StatusCode::OK, Content::Text(text))
}

/// Reads until the other side closes.
pub(crate) async fn to_end(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut bytes = Vec::new();
    let read = timeout(HANGS, stream.read_to_end(&mut bytes)).await.expect("the connection is closed");
    // A connection reset with bytes unread is closed too.
    drop(read);
    String::from_utf8(bytes).unwrap()
}

/// Asks on a connection that stays open; gives status and body.
pub(crate) async fn ask(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    request: &str,
) -> std::io::Result<(u16, String, String)> {
    stream.write_all(request.as_bytes()).await?;
    stream.flush().await?;
    answer(stream).await
}

/// Reads one answer: status, head, body.
pub(crate) async fn answer(stream: &mut (impl AsyncRead + Unpin)) -> std::io::Result<(u16, String, String)> {
    timeout(HANGS, async {
        let mut bytes = Vec::new();
        let end = loop {
            if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
            match stream.read_u8().await {
                Ok(byte) => bytes.push(byte),
                Err(error) => return Err(error),
            }
        };
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
        stream.read_exact(&mut body).await?;
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Ok((status, head, String::from_utf8(body).unwrap()))
    })
    .await
    .expect("an answer comes")
}

pub(crate) fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: share.example.nhs.uk\r\n\r\n")
}
