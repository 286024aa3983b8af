//! The listener: sockets in, connections served, all of it within bounds, until it is told to stop.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use http::{Request, Uri};
use hyper::body::Incoming;
use hyper::rt::{Read, Write};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use rustls_pki_types::CertificateDer;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::time::{interval, sleep, timeout};
use tokio_rustls::TlsAcceptor;

use super::activity::{Activity, Verdict};
use super::arrive::{Connection, Front};
use super::arrived::ClientCertificate;
use super::attend::{App, Attendant};
use super::head::RawHead;
use super::inside::Inside;
use super::reply::Scheme;
use super::tls::{Demand, Secured, TlsProblem};
use super::watched::Watched;
use crate::settings::{Limits, Settings, Transport};

const HTTP1_BUFFER_BYTES: usize = 32 * 1024;
const HEADERS_MAX: usize = 100;
const HTTP2_HEADERS_BYTES: u32 = 16 * 1024;
const HTTP2_STREAMS_MAX: u32 = 100;
const HTTP2_RESETS_MAX: usize = 20;
const HTTP2_PING_EVERY: Duration = Duration::from_secs(20);
const HTTP2_PING_WITHIN: Duration = Duration::from_secs(10);
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// What a reload can change: names, limits of time and size, certificates. Swapped whole.
#[derive(Debug)]
pub struct Doors {
    front: Arc<Front>,
    limits: Limits,
    secured: Option<Secured>,
}

/// A bound listener, not serving yet.
pub struct Listener {
    socket: TcpListener,
    attendant: Arc<Attendant>,
    doors: Arc<ArcSwap<Doors>>,
    connections: Arc<Semaphore>,
    under_way: mpsc::Receiver<Infallible>,
}

/// Changes the doors of a listener that serves.
#[derive(Debug, Clone)]
pub struct DoorsHandle(Arc<ArcSwap<Doors>>);

/// How far a listener is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// It serves.
    Serving,
    /// It takes no new connection and lets what is under way come to its end.
    Draining,
}

/// What was still under way when a listener stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drained {
    /// Nothing.
    Whole,
    /// Something, after all grace.
    Cut,
}

impl Doors {
    /// Prepares what the settings say, to be swapped in.
    ///
    /// # Errors
    /// [`TlsProblem`].
    pub fn new(settings: &Settings) -> Result<Self, TlsProblem> {
        let limits = settings.limits.clone();
        let base: Uri = settings.gateway.base.parse().unwrap_or_default();
        let front = Front::new(&base, limits.body_bytes_max, limits.body_timeout);
        let secured = match &settings.listen.transport {
            Transport::LoopbackPlain => None,
            Transport::Tls(files) => Some(Secured::load(files, Demand::Optional, &PROTOCOLS)?),
        };
        Ok(Self { front: Arc::new(front), limits, secured })
    }

    /// What one request is taken up with: the names, and how long it may take with its body.
    pub(in crate::server) fn for_one(&self) -> (Arc<Front>, Duration) {
        (Arc::clone(&self.front), self.limits.exchange_timeout + self.limits.body_timeout)
    }
}

impl DoorsHandle {
    /// Swaps other doors in. Connections that are open keep their encryption; their certificates are checked anew.
    pub fn swap(&self, doors: Doors) {
        self.0.store(Arc::new(doors));
    }
}

impl Listener {
    /// Binds the address of the settings.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub async fn bind(address: SocketAddr, doors: Doors, app: App) -> io::Result<Self> {
        let socket = TcpListener::bind(address).await?;
        let (sender, under_way) = mpsc::channel(1);
        let connections = Arc::new(Semaphore::new(doors.limits.connections_max));
        let attendant = Arc::new(Attendant::new(app, doors.limits.in_flight_max, sender));
        Ok(Self { socket, attendant, doors: Arc::new(ArcSwap::from_pointee(doors)), connections, under_way })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// As the operating system has it.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// A handle to change its doors while it serves.
    #[must_use]
    pub fn doors(&self) -> DoorsHandle {
        DoorsHandle(Arc::clone(&self.doors))
    }

    /// A way to ask without a connection.
    #[must_use]
    pub fn inside(&self) -> Inside {
        Inside::new(&self.attendant, &self.doors)
    }

    /// Serves until `phase` says to drain, then lets what is under way end within the grace of the settings.
    pub async fn serve(self, mut phase: watch::Receiver<Phase>) -> Drained {
        let Self { socket, attendant, doors, connections, mut under_way } = self;
        let (over, closing) = watch::channel(());
        let (connection_open, mut all_closed) = mpsc::channel::<Infallible>(1);
        loop {
            let accepted = tokio::select! {
                accepted = accept(&socket, &connections) => accepted,
                _ = phase.wait_for(|phase| *phase == Phase::Draining) => break,
            };
            let Ok((stream, peer, permit)) = accepted else {
                // Out of file handles, or the peer was gone already: others may be served soon.
                sleep(Duration::from_millis(20)).await;
                continue;
            };
            let served = Served {
                attendant: Arc::clone(&attendant),
                doors: Arc::clone(&doors),
                peer,
                phase: phase.clone(),
            };
            let (open, mut closing) = (connection_open.clone(), closing.clone());
            tokio::spawn(async move {
                let _open = open;
                served.attendant.app().metrics.connected();
                let metrics = Arc::clone(&served.attendant.app().metrics);
                tokio::select! {
                    () = served.serve(stream) => {}
                    _ = closing.changed() => {}
                }
                metrics.disconnected();
                drop(permit);
            });
        }
        drop(socket);
        drop(connection_open);
        drop(attendant);
        let grace = doors.load().limits.drain;
        let ended = timeout(grace, async {
            // Nothing is ever sent: each ends when the last that holds its other side is gone.
            while all_closed.recv().await.is_some() {}
            while under_way.recv().await.is_some() {}
        });
        let drained = match ended.await {
            Ok(()) => Drained::Whole,
            Err(_) => Drained::Cut,
        };
        drop(over);
        drained
    }
}

async fn accept(
    socket: &TcpListener,
    connections: &Arc<Semaphore>,
) -> io::Result<(TcpStream, SocketAddr, tokio::sync::OwnedSemaphorePermit)> {
    let permit = Arc::clone(connections).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, peer) = socket.accept().await?;
    Ok((stream, peer, permit))
}

/// One connection to be served.
struct Served {
    attendant: Arc<Attendant>,
    doors: Arc<ArcSwap<Doors>>,
    peer: SocketAddr,
    phase: watch::Receiver<Phase>,
}

/// Who is at the other end: the chain that was shown, and what it says under the doors of the time.
struct Shown {
    chain: Vec<CertificateDer<'static>>,
    certificate: Option<ClientCertificate>,
    under: Arc<Doors>,
}

impl Served {
    async fn serve(self, stream: TcpStream) {
        let doors = self.doors.load_full();
        if stream.set_nodelay(true).is_err() {
            return;
        }
        let head = RawHead::default();
        let Some(secured) = &doors.secured else {
            let shown = Shown { chain: Vec::new(), certificate: None, under: Arc::clone(&doors) };
            let io = TokioIo::new(Watched::new(stream, head.clone()));
            return self.converse(io, head, shown, Scheme::Http).await;
        };
        let handshake = TlsAcceptor::from(Arc::clone(&secured.config)).accept(stream);
        let Ok(Ok(stream)) = timeout(doors.limits.header_timeout, handshake).await else {
            self.attendant.app().metrics.ended_at_door("tls-handshake");
            return;
        };
        let chain: Vec<_> = stream
            .get_ref()
            .1
            .peer_certificates()
            .map_or_else(Vec::new, |chain| chain.iter().map(|one| one.clone().into_owned()).collect());
        let certificate = secured.certificate(&chain, self.attendant.app().clock.now());
        let shown = Shown { chain, certificate, under: Arc::clone(&doors) };
        let io = TokioIo::new(Watched::new(stream, head.clone()));
        self.converse(io, head, shown, Scheme::Https).await;
    }

    /// Speaks HTTP until either side ends it, the connection is idle or stuck, or the listener drains.
    async fn converse<T>(self, io: T, head: RawHead, shown: Shown, scheme: Scheme)
    where
        T: Read + Write + Unpin + Send + 'static,
    {
        let limits = shown.under.limits.clone();
        let activity = Activity::new();
        let shown = Arc::new(shown);
        let service = service_fn(|request: Request<Incoming>| {
            let presence = activity.begin();
            let doors = self.doors.load_full();
            let connection = Connection {
                peer: self.peer,
                certificate: self.certificate(&shown, &doors),
                head: head.clone(),
            };
            let within = match hyper::body::Body::is_end_stream(request.body()) {
                true => doors.limits.exchange_timeout,
                false => doors.limits.exchange_timeout + doors.limits.body_timeout,
            };
            let attendant = Arc::clone(&self.attendant);
            let front = Arc::clone(&doors.front);
            async move {
                Ok::<_, Infallible>(
                    attendant.attend(request, connection, front, scheme, within, presence).await,
                )
            }
        });
        let builder = builder(&limits);
        let mut connection = std::pin::pin!(builder.serve_connection(io, service));
        let tick = (limits.header_timeout / 4).clamp(Duration::from_millis(10), Duration::from_secs(1));
        let mut tick = interval(tick);
        let mut phase = self.phase.clone();
        let mut draining = false;
        loop {
            tokio::select! {
                _ended = connection.as_mut() => return,
                _ = tick.tick() => {
                    if activity.verdict(limits.header_timeout, limits.body_timeout) == Verdict::Goes {
                        return;
                    }
                }
                _ = phase.wait_for(|phase| *phase == Phase::Draining), if !draining => {
                    draining = true;
                    connection.as_mut().graceful_shutdown();
                }
            }
        }
    }

    /// The certificate, checked anew when the doors have changed since the handshake.
    fn certificate(&self, shown: &Shown, doors: &Arc<Doors>) -> Option<ClientCertificate> {
        match Arc::ptr_eq(&shown.under, doors) {
            true => shown.certificate.clone(),
            false => doors.secured.as_ref()?.certificate(&shown.chain, self.attendant.app().clock.now()),
        }
    }
}

fn builder(limits: &Limits) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_timeout)
        .max_buf_size(HTTP1_BUFFER_BYTES)
        .max_headers(HEADERS_MAX);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(HTTP2_PING_EVERY)
        .keep_alive_timeout(HTTP2_PING_WITHIN)
        .max_concurrent_streams(HTTP2_STREAMS_MAX)
        .max_header_list_size(HTTP2_HEADERS_BYTES)
        .max_pending_accept_reset_streams(HTTP2_RESETS_MAX)
        .max_local_error_reset_streams(HTTP2_RESETS_MAX);
    builder
}

impl std::fmt::Debug for Listener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Listener(..)")
    }
}
