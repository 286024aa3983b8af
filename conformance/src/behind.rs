//! The endpoint behind a gateway, played by the suite itself: what a gateway sends is seen as it came, and what it gets is
//! whatever a check wants it to get.
//!
//! Left alone it is a small FHIR server over a few records (`serve`). A check puts a [`Play`] before it, which takes the right
//! reply to a request about the record under test and makes of it what goes on the wire: other headers, half a body, ten
//! bytes a second. Everything is bytes on sockets; a server library would mend what is to be broken.

mod heard;
mod serve;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

pub use heard::{Framing, Heard};
pub use serve::Reply;

/// Connections at one time.
const CONNECTIONS_MAX: usize = 256;
/// Requests that are remembered.
const HEARD_MAX: usize = 10_000;

/// One thing that happens on the wire in place of a plain reply.
#[derive(Debug, Clone)]
pub enum Act {
    /// These bytes are sent.
    Send(Bytes),
    /// These bytes are sent so often, one after the other, while the other side takes them.
    Repeat(Bytes, usize),
    /// Nothing happens for so long.
    Wait(Duration),
    /// The connection is closed.
    Close,
}

/// What is made of the right reply to a request.
pub type Play = Arc<dyn Fn(&Heard, Reply) -> Vec<Act> + Send + Sync>;

/// The endpoint behind.
pub struct Behind {
    address: SocketAddr,
    elsewhere: SocketAddr,
    shared: Arc<Shared>,
}

impl std::fmt::Debug for Behind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Behind({})", self.address)
    }
}

/// What all connections share.
struct Shared {
    records: Mutex<Vec<Value>>,
    heard: Mutex<Vec<Heard>>,
    play: Mutex<Option<Play>>,
    /// Requests to the other address.
    astray: Mutex<Vec<Heard>>,
    /// Whether all of the last repetition was taken.
    swallowed: AtomicBool,
}

impl Behind {
    /// Listens on `address` with `records`; with none, with invented people. A second address nearby is where redirects of
    /// checks lead.
    ///
    /// # Errors
    /// When it cannot listen.
    pub async fn open(address: SocketAddr, records: Vec<Value>) -> std::io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let mut other = address;
        other.set_port(0);
        let elsewhere = TcpListener::bind(other).await?;
        let records = if records.is_empty() { serve::invented() } else { records };
        let shared = Arc::new(Shared {
            records: Mutex::new(records),
            heard: Mutex::default(),
            play: Mutex::default(),
            astray: Mutex::default(),
            swallowed: AtomicBool::new(false),
        });
        let behind = Self {
            address: listener.local_addr()?,
            elsewhere: elsewhere.local_addr()?,
            shared: Arc::clone(&shared),
        };
        tokio::spawn(listen(listener, Arc::clone(&shared), Door::Main));
        tokio::spawn(listen(elsewhere, shared, Door::Elsewhere));
        Ok(behind)
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Another address of this machine, that no gateway was told of.
    #[must_use]
    pub const fn elsewhere(&self) -> SocketAddr {
        self.elsewhere
    }

    /// The type and id of the first record.
    #[must_use]
    pub fn first(&self) -> Option<(String, String)> {
        let records = self.shared.records.lock().unwrap_or_else(PoisonError::into_inner);
        records.first().and_then(serve::named)
    }

    /// Puts `play` before the right replies to requests that name `resource_type`, until the guard is dropped.
    #[must_use]
    pub fn play(
        &self,
        resource_type: &str,
        play: impl Fn(&Heard, Reply) -> Vec<Act> + Send + Sync + 'static,
    ) -> Playing<'_> {
        let wanted = resource_type.to_owned();
        let only = move |heard: &Heard, reply: Reply| {
            if heard.resource_type() == Some(&wanted) { play(heard, reply) } else { reply.acts() }
        };
        self.shared.swallowed.store(false, Ordering::Relaxed);
        *self.shared.play.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(only));
        Playing(self)
    }

    /// What was heard since this was last asked.
    pub fn take_heard(&self) -> Vec<Heard> {
        std::mem::take(&mut *self.shared.heard.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether the other side took all of the last [`Act::Repeat`].
    #[must_use]
    pub fn swallowed(&self) -> bool {
        self.shared.swallowed.load(Ordering::Relaxed)
    }

    /// What was heard at the other address since this was last asked.
    pub fn take_astray(&self) -> Vec<Heard> {
        std::mem::take(&mut *self.shared.astray.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A play that goes on until this is dropped.
#[derive(Debug)]
pub struct Playing<'a>(&'a Behind);

impl Drop for Playing<'_> {
    fn drop(&mut self) {
        *self.0.shared.play.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// Which address a connection came in by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Door {
    Main,
    Elsewhere,
}

async fn listen(listener: TcpListener, shared: Arc<Shared>, door: Door) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else { continue };
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            // A connection that breaks is the affair of the gateway.
            drop(converse(stream, &shared, door).await);
            drop(place);
        });
    }
}

async fn converse(mut stream: TcpStream, shared: &Shared, door: Door) -> std::io::Result<()> {
    let mut held = Vec::new();
    while let Some(heard) = heard::read(&mut stream, &mut held).await? {
        let reply = {
            let mut records = shared.records.lock().unwrap_or_else(PoisonError::into_inner);
            serve::reply(&heard, &mut records)
        };
        let play = match door {
            Door::Main => shared.play.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            Door::Elsewhere => None,
        };
        let list = if door == Door::Main { &shared.heard } else { &shared.astray };
        let last = heard.is_last();
        let acts = match play {
            Some(play) => play(&heard, reply),
            None => reply.acts(),
        };
        {
            let mut list = list.lock().unwrap_or_else(PoisonError::into_inner);
            if list.len() < HEARD_MAX {
                list.push(heard);
            }
        }
        for act in acts {
            match act {
                Act::Send(bytes) => stream.write_all(&bytes).await?,
                Act::Repeat(bytes, times) => {
                    shared.swallowed.store(false, Ordering::Relaxed);
                    for _ in 0..times {
                        stream.write_all(&bytes).await?;
                    }
                    shared.swallowed.store(true, Ordering::Relaxed);
                }
                Act::Wait(long) => tokio::time::sleep(long).await,
                Act::Close => return stream.shutdown().await,
            }
        }
        if last {
            return stream.shutdown().await;
        }
    }
    Ok(())
}
