//! MLLP over TCP: one message at a time on each connection, so that the network holds a sender back.
//!
//! A connection that breaks the framing is told so and closed: where the next message begins is no longer certain.
//! While the gateway drains, a message that has begun is still taken and answered.
//!
//! Over TLS those alone are heard whose certificates the settings name. An authority has many clients, and a connection
//! lasts for days: who is at the other end is asked again whenever certificates and lists were read again.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use adapters::hl7v2::{AckCode, Problem, Stamp, acknowledge};
use adapters::mllp::{Decoder, Framing, frame};
use arc_swap::ArcSwap;
use rustls::pki_types::CertificateDer;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::answer::Told;
use super::asking::Queries;
use super::intake::{Intake, Sender};
use crate::server::strangers::Strangers;
use crate::server::tls::Secured;
use crate::settings::Network;

/// Connections of one listener.
const CONNECTIONS_MAX: usize = 64;
/// A message that has begun goes on within this time, and a peer takes its answer within it.
const STALL_MAX: Duration = Duration::from_secs(30);
/// How long a connection is still listened to once the gateway drains and no message has begun.
const LAST_WORDS: Duration = Duration::from_millis(200);
/// A TLS handshake is over within this time.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);
/// After a failure to accept.
const PAUSE: Duration = Duration::from_millis(100);
const BUFFER_BYTES: usize = 16 * 1024;

/// Who may connect, and how.
#[derive(Clone)]
pub enum Door {
    /// TLS with client certificates.
    Tls {
        /// Whose certificates hold; a reload swaps the files of the time in.
        secured: Arc<ArcSwap<Secured>>,
        /// The names in certificates that speak for the sender, as the settings have them.
        clients: Arc<[String]>,
    },
    /// Plain, from these networks only.
    AcceptedRisk(Vec<Network>),
}

/// What a peer has shown of itself.
enum Shown {
    /// Nothing but its address.
    Nothing,
    /// A chain of certificates, and by which files it was known last.
    Chain { chain: Vec<CertificateDer<'static>>, known_by: Option<Arc<Secured>> },
}

/// One listener.
#[derive(Debug)]
pub struct Listener {
    /// Bound already, so that a fault shows at the start.
    pub socket: TcpListener,
    /// Who may connect.
    pub door: Door,
    /// Whom it speaks for.
    pub sender: Arc<Sender>,
    /// Deals with messages.
    pub intake: Arc<Intake>,
    /// Counts those who are not known.
    pub strangers: Arc<Strangers>,
    /// Answers queries, where they are taken.
    pub queries: Option<Queries>,
    /// The most a message may weigh.
    pub bytes_max: usize,
}

impl Listener {
    /// Serves until `drain` turns true, and then until every message that has begun is answered.
    pub async fn serve(self, mut drain: watch::Receiver<bool>) {
        let listener = Arc::new(self);
        let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let mut connections = JoinSet::new();
        loop {
            // A place first: who cannot be served waits in the queue of the socket.
            let place = Arc::clone(&places).acquire_owned();
            let accepted = tokio::select! {
                biased;
                () = drained(&mut drain) => break,
                place = place => match place {
                    Ok(place) => tokio::select! {
                        biased;
                        () = drained(&mut drain) => break,
                        accepted = listener.socket.accept() => accepted.map(|accepted| (place, accepted)),
                    },
                    Err(_) => break,
                },
                Some(_) = connections.join_next() => continue,
            };
            match accepted {
                Ok((place, (stream, peer))) => {
                    let listener = Arc::clone(&listener);
                    let drain = drain.clone();
                    connections.spawn(async move {
                        listener.welcome(stream, peer, drain).await;
                        drop(place);
                    });
                }
                // No descriptor left, or a peer that is gone already.
                Err(_) => tokio::time::sleep(PAUSE).await,
            }
        }
        while connections.join_next().await.is_some() {}
    }

    async fn welcome(&self, stream: TcpStream, peer: SocketAddr, drain: watch::Receiver<bool>) {
        // Acknowledgements are small and awaited.
        if stream.set_nodelay(true).is_err() {
            return;
        }
        match &self.door {
            Door::AcceptedRisk(networks) => {
                if networks.iter().any(|network| network.holds(peer.ip())) {
                    self.converse(stream, (peer, Shown::Nothing), drain).await;
                }
            }
            Door::Tls { secured, .. } => {
                let config = Arc::clone(&secured.load_full().config);
                let handshake = TlsAcceptor::from(config).accept(stream);
                if let Ok(Ok(stream)) = timeout(HANDSHAKE_MAX, handshake).await {
                    let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
                    let chain = chain.iter().cloned().map(CertificateDer::into_owned).collect();
                    self.converse(stream, (peer, Shown::Chain { chain, known_by: None }), drain).await;
                }
            }
        }
    }

    async fn converse<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        mut stream: S,
        (peer, mut shown): (SocketAddr, Shown),
        mut drain: watch::Receiver<bool>,
    ) {
        let mut decoder = Decoder::new(self.bytes_max);
        let mut buffer = vec![0; BUFFER_BYTES];
        let mut last = false;
        loop {
            let read = if decoder.is_inside() {
                timeout(STALL_MAX, stream.read(&mut buffer)).await.ok()
            } else if last {
                None
            } else {
                tokio::select! {
                    biased;
                    read = stream.read(&mut buffer) => Some(read),
                    () = drained(&mut drain) => {
                        // What was sent before the peer could know is still taken.
                        last = true;
                        timeout(LAST_WORDS, stream.read(&mut buffer)).await.ok()
                    }
                }
            };
            let Some(read) = read else { return drop(timeout(STALL_MAX, stream.shutdown()).await) };
            let Some(bytes) = read.ok().filter(|read| *read > 0).and_then(|read| buffer.get(..read)) else {
                return;
            };
            let mut messages = Vec::new();
            let framing = decoder.feed(bytes, |message| messages.push(message));
            for message in messages {
                if !self.knows(&mut shown) {
                    return self.turn_away(stream, &message, peer).await;
                }
                let from = Some(peer.ip().to_string());
                let queries = self.queries.as_ref();
                let asked = queries.and_then(|queries| queries.take(&self.sender, &message, from.clone()));
                let answers = match asked {
                    Some(answer) => answer,
                    None => self.intake.take(Arc::clone(&self.sender), message, from),
                };
                if let Err(untaken) = write_all(&mut stream, answers).await {
                    if let Some(queries) = queries {
                        queries.not_taken(untaken.shared).await;
                    }
                    return;
                }
            }
            if let Err(why) = framing {
                let written = frame(&self.broken(why));
                drop(timeout(STALL_MAX, stream.write_all(&written)).await);
                return drop(timeout(STALL_MAX, stream.shutdown()).await);
            }
        }
    }

    /// What is told before a connection is closed because its framing broke.
    fn broken(&self, why: Framing) -> Vec<u8> {
        self.rejected(b"", &Problem { code: "100", text: why.to_string() })
    }

    /// Whether somebody speaks whom the settings name. Asked anew once certificates were read again.
    fn knows(&self, shown: &mut Shown) -> bool {
        match (&self.door, shown) {
            (Door::AcceptedRisk(_), _) => true,
            (Door::Tls { .. }, Shown::Nothing) => false,
            (Door::Tls { secured, clients }, Shown::Chain { chain, known_by }) => {
                let now = secured.load_full();
                if known_by.as_ref().is_some_and(|before| Arc::ptr_eq(before, &now)) {
                    return true;
                }
                let certificate = now.certificate(chain, self.intake.clock.now());
                let is_named =
                    certificate.is_some_and(|found| found.sans.iter().any(|san| clients.contains(san)));
                *known_by = is_named.then_some(now);
                is_named
            }
        }
    }

    /// Tells somebody who is not known as much, once, and hears no more. Nothing was looked at.
    async fn turn_away<S: AsyncWrite + Unpin>(&self, mut stream: S, message: &[u8], peer: SocketAddr) {
        self.strangers.count(Some(&peer.ip().to_string()));
        let place = self.sender.listener.as_str();
        tracing::warn!(
            place,
            "a certificate that `clients` does not name, or that holds no more: nothing is taken"
        );
        let text = "the certificate is not that of a client of this listener".to_owned();
        let written = frame(&self.rejected(message, &Problem { code: "207", text }));
        drop(timeout(STALL_MAX, stream.write_all(&written)).await);
        drop(timeout(STALL_MAX, stream.shutdown()).await);
    }

    fn rejected(&self, message: &[u8], problem: &Problem) -> Vec<u8> {
        let at = self.intake.clock.now().strftime("%Y%m%d%H%M%S+0000").to_string();
        let stamp = Stamp { control_id: "0".to_owned(), at };
        acknowledge(message, AckCode::ApplicationReject, Some(problem), &stamp)
    }
}

/// Writes each acknowledgement as it comes, up to one that the peer does not take.
async fn write_all<S: AsyncWrite + Unpin>(
    stream: &mut S,
    mut answers: mpsc::Receiver<Told>,
) -> Result<(), Told> {
    while let Some(answer) = answers.recv().await {
        let written = async {
            stream.write_all(&frame(&answer.bytes)).await?;
            stream.flush().await
        };
        if !matches!(timeout(STALL_MAX, written).await, Ok(Ok(()))) {
            return Err(answer);
        }
    }
    Ok(())
}

async fn drained(drain: &mut watch::Receiver<bool>) {
    // When the sender is gone there is nobody left who could stop this in order: stop.
    drop(drain.wait_for(|draining| *draining).await);
}

impl Network {
    /// Whether `address` lies in it.
    #[must_use]
    pub fn holds(&self, address: IpAddr) -> bool {
        let bits = |address: IpAddr| match address.to_canonical() {
            IpAddr::V4(address) => (u128::from(address.to_bits()) << 96, 32),
            IpAddr::V6(address) => (address.to_bits(), 128),
        };
        let (held, held_width) = bits(self.address);
        let (asked, width) = bits(address);
        let shift = 128 - u32::from(self.prefix.min(held_width));
        held_width == width && held.checked_shr(shift) == asked.checked_shr(shift)
    }
}

impl std::fmt::Debug for Door {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tls { .. } => out.write_str("Tls"),
            Self::AcceptedRisk(networks) => out.debug_tuple("AcceptedRisk").field(networks).finish(),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::settings::Network;

    #[test]
    fn a_network_holds_what_its_prefix_says() {
        let network = |address: &str, prefix| Network { address: address.parse().unwrap(), prefix };
        for (network, address, expected) in [
            (network("10.1.2.0", 24), "10.1.2.77", true),
            (network("10.1.2.0", 24), "10.1.3.1", false),
            (network("10.1.2.0", 24), "::ffff:10.1.2.9", true),
            (network("0.0.0.0", 0), "192.0.2.1", true),
            (network("0.0.0.0", 0), "2001:db8::1", false),
            (network("127.0.0.1", 32), "127.0.0.1", true),
            (network("2001:db8::", 32), "2001:db8:5::1", true),
            (network("2001:db8::", 128), "2001:db8::1", false),
        ] {
            assert_eq!(network.holds(address.parse().unwrap()), expected, "{network:?} {address}");
        }
    }
}
