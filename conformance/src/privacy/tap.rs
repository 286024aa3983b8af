//! A tap between a server and its upstream: what the upstream is asked is written to a file, so that checks can look at it.
//!
//! It is a pipe for bytes: nothing is changed either way. By an order in a file it keeps requests back until the order is
//! gone, so that something else can happen meanwhile; or it breaks answers off.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, Semaphore};

use super::wire::Endpoint;

/// Connections at one time.
const CONNECTIONS_MAX: usize = 256;
/// The log is closed when it is so long; the pipe goes on.
const LOG_BYTES_MAX: usize = 1 << 30;
/// How often a request that is kept back asks whether it may go on.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// What a tap is told to do, beside passing on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// What a client sends is kept back, once the log is as long as this.
    Hold(u64),
    /// Answers break off after so many bytes.
    Cut(u64),
}

impl Order {
    /// Writes an order to the file from which a tap takes it; with none, takes it back.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(order: Option<Self>, file: &Path) -> std::io::Result<()> {
        let text = match order {
            Some(Self::Hold(from)) => format!("hold {from}"),
            Some(Self::Cut(after)) => format!("cut {after}"),
            None => String::new(),
        };
        // Never half an order: the new file takes the place of the old one as a whole.
        let beside = file.with_extension("new");
        std::fs::write(&beside, text)?;
        std::fs::rename(beside, file)
    }

    async fn read(file: Option<&Path>) -> Option<Self> {
        let text = tokio::fs::read_to_string(file?).await.ok()?;
        let (verb, number) = text.split_once(' ')?;
        match (verb, number.trim().parse().ok()?) {
            ("hold", from) => Some(Self::Hold(from)),
            ("cut", after) => Some(Self::Cut(after)),
            _ => None,
        }
    }
}

/// A tap that listens.
#[derive(Debug)]
pub struct Tap {
    listener: TcpListener,
    upstream: SocketAddr,
    log: Arc<Mutex<Log>>,
    orders: Option<PathBuf>,
}

#[derive(Debug)]
struct Log {
    file: File,
    /// Its length, with what was there before.
    length: u64,
    written: usize,
}

impl Tap {
    /// Listens on `address` for what goes to `upstream`; requests are added to the file `log`, and [`Order`]s taken from
    /// the file `orders`.
    ///
    /// # Errors
    /// When it cannot listen or write.
    pub async fn open(
        address: SocketAddr,
        upstream: &Endpoint,
        log: &Path,
        orders: Option<&Path>,
    ) -> std::io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let file = File::options().create(true).append(true).open(log).await?;
        let length = file.metadata().await?.len();
        let log = Arc::new(Mutex::new(Log { file, length, written: 0 }));
        Ok(Self { listener, upstream: upstream.address(), log, orders: orders.map(Path::to_owned) })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until the process ends.
    pub async fn serve(self) {
        let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        loop {
            let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
            let Ok((client, _)) = self.listener.accept().await else { continue };
            let (upstream, log, orders) = (self.upstream, Arc::clone(&self.log), self.orders.clone());
            tokio::spawn(async move {
                // A connection that breaks is the affair of its two ends.
                drop(join(client, upstream, log, orders.as_deref()).await);
                drop(place);
            });
        }
    }
}

async fn join(
    client: TcpStream,
    upstream: SocketAddr,
    log: Arc<Mutex<Log>>,
    orders: Option<&Path>,
) -> std::io::Result<()> {
    let server = TcpStream::connect(upstream).await?;
    let (mut from_client, to_client) = client.into_split();
    let (from_server, mut to_server) = server.into_split();
    let back = tokio::spawn(pass_back(from_server, to_client, orders.map(Path::to_owned)));
    let mut block = vec![0_u8; 65_536];
    loop {
        let length = from_client.read(&mut block).await?;
        let read = block.get(..length).unwrap_or_default();
        if read.is_empty() {
            break;
        }
        // The log first: what the upstream has heard is in it.
        let began = log.lock().await.add(read).await?;
        while matches!(Order::read(orders).await, Some(Order::Hold(from)) if began >= from) {
            tokio::time::sleep(LOOK_EVERY).await;
        }
        to_server.write_all(read).await?;
    }
    to_server.shutdown().await?;
    drop(back.await);
    Ok(())
}

/// Passes answers back, whole or to where they are ordered to break off.
async fn pass_back(
    mut from_server: OwnedReadHalf,
    mut to_client: OwnedWriteHalf,
    orders: Option<PathBuf>,
) -> std::io::Result<()> {
    let mut block = vec![0_u8; 65_536];
    let mut passed = 0_u64;
    loop {
        let length = from_server.read(&mut block).await?;
        let mut read = block.get(..length).unwrap_or_default();
        let cut = match Order::read(orders.as_deref()).await {
            Some(Order::Cut(after)) => Some(after.saturating_sub(passed)),
            Some(Order::Hold(_)) | None => None,
        };
        if let Some(left) = cut.and_then(|left| usize::try_from(left).ok()) {
            read = read.get(..left).unwrap_or(read);
        }
        // Bytes count from the order, not from those of answers before it.
        passed = if cut.is_some() { passed.saturating_add(read.len() as u64) } else { 0 };
        to_client.write_all(read).await?;
        if read.len() < length || length == 0 {
            return to_client.shutdown().await;
        }
    }
}

impl Log {
    /// Adds to the log; where in it what was added begins.
    async fn add(&mut self, read: &[u8]) -> std::io::Result<u64> {
        let began = self.length;
        self.written = self.written.saturating_add(read.len());
        if self.written <= LOG_BYTES_MAX {
            self.file.write_all(read).await?;
            self.file.flush().await?;
            self.length = self.length.saturating_add(read.len() as u64);
        }
        Ok(began)
    }
}
