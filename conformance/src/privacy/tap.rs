//! A tap between a server and its upstream: what the upstream is asked is written to a file, so that checks can look at it.
//!
//! It is a pipe for bytes: nothing is changed either way.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, Semaphore};

use super::wire::Endpoint;

/// Connections at one time.
const CONNECTIONS_MAX: usize = 256;
/// The log is closed when it is so long; the pipe goes on.
const LOG_BYTES_MAX: usize = 1 << 30;

/// A tap that listens.
#[derive(Debug)]
pub struct Tap {
    listener: TcpListener,
    upstream: SocketAddr,
    log: Arc<Mutex<Log>>,
}

#[derive(Debug)]
struct Log {
    file: File,
    written: usize,
}

impl Tap {
    /// Listens on `address` for what goes to `upstream`; requests are added to the file `log`.
    ///
    /// # Errors
    /// When it cannot listen or write.
    pub async fn open(address: SocketAddr, upstream: &Endpoint, log: &Path) -> std::io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let file = File::options().create(true).append(true).open(log).await?;
        let log = Arc::new(Mutex::new(Log { file, written: 0 }));
        Ok(Self { listener, upstream: upstream.address(), log })
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
            let (upstream, log) = (self.upstream, Arc::clone(&self.log));
            tokio::spawn(async move {
                // A connection that breaks is the affair of its two ends.
                drop(join(client, upstream, log).await);
                drop(place);
            });
        }
    }
}

async fn join(client: TcpStream, upstream: SocketAddr, log: Arc<Mutex<Log>>) -> std::io::Result<()> {
    let server = TcpStream::connect(upstream).await?;
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let back = tokio::spawn(async move { tokio::io::copy(&mut from_server, &mut to_client).await });
    let mut block = vec![0_u8; 65_536];
    loop {
        let length = from_client.read(&mut block).await?;
        let read = block.get(..length).unwrap_or_default();
        if read.is_empty() {
            break;
        }
        // The log first: what the upstream has heard is in it.
        log.lock().await.add(read).await?;
        to_server.write_all(read).await?;
    }
    to_server.shutdown().await?;
    drop(back.await);
    Ok(())
}

impl Log {
    async fn add(&mut self, read: &[u8]) -> std::io::Result<()> {
        self.written = self.written.saturating_add(read.len());
        if self.written > LOG_BYTES_MAX {
            return Ok(());
        }
        self.file.write_all(read).await?;
        self.file.flush().await
    }
}
