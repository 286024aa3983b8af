//! A system upstream that answers as a script says, byte by byte: right, wrong, slow, cut off or never.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// A request as the system saw it.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// `GET /fhir/Patient/1 HTTP/1.1`
    pub(crate) line: String,
    /// Header lines, names in lower case.
    pub(crate) headers: Vec<String>,
    pub(crate) body: String,
}

/// What the system does with a request.
pub(crate) enum Play {
    /// Sends these bytes and waits for the next request.
    Bytes(Vec<u8>),
    /// Sends these bytes and closes the connection.
    ThenClose(Vec<u8>),
    /// Sends these bytes and keeps the connection open without another.
    ThenHang(Vec<u8>),
    /// Sends these bytes once it is told to go on.
    Once(Arc<Notify>, Vec<u8>),
}

/// A system on loopback.
pub(crate) struct System {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    task: JoinHandle<()>,
}

type Script = dyn Fn(&Seen, usize) -> Play + Send + Sync;

impl System {
    /// Starts one that answers the n-th request as `script` says.
    pub(crate) async fn start(
        tls: Option<Arc<ServerConfig>>,
        script: impl Fn(&Seen, usize) -> Play + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let script: Arc<Script> = Arc::new(script);
        let task = tokio::spawn({
            let seen = Arc::clone(&seen);
            async move {
                loop {
                    let (stream, _) = listener.accept().await.unwrap();
                    let (seen, script, tls) = (Arc::clone(&seen), Arc::clone(&script), tls.clone());
                    tokio::spawn(async move {
                        match tls {
                            None => converse(stream, &seen, &*script).await,
                            Some(config) => {
                                if let Ok(stream) =
                                    tokio_rustls::TlsAcceptor::from(config).accept(stream).await
                                {
                                    converse(stream, &seen, &*script).await;
                                }
                            }
                        }
                    });
                }
            }
        });
        Self { address, seen, task }
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

impl Drop for System {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find_map(|line| line.strip_prefix(&format!("{name}: ")))
    }
}

async fn converse(mut stream: impl AsyncRead + AsyncWrite + Unpin, seen: &Mutex<Vec<Seen>>, script: &Script) {
    while let Some(request) = read_request(&mut stream).await {
        // What it is answered with is settled when it is seen: a test that has seen it may then change the script.
        let play = {
            let mut seen = seen.lock().unwrap();
            seen.push(request.clone());
            script(&request, seen.len() - 1)
        };
        let (bytes, close, hang) = match play {
            Play::Bytes(bytes) => (bytes, false, false),
            Play::ThenClose(bytes) => (bytes, true, false),
            Play::ThenHang(bytes) => (bytes, false, true),
            Play::Once(go_on, bytes) => {
                go_on.notified().await;
                (bytes, false, false)
            }
        };
        if stream.write_all(&bytes).await.is_err() || stream.flush().await.is_err() {
            return;
        }
        if hang {
            std::future::pending::<()>().await;
        }
        if close {
            drop(stream.shutdown().await);
            return;
        }
    }
}

async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> Option<Seen> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
        let mut chunk = [0; 4096];
        match stream.read(&mut chunk).await {
            Ok(0) | Err(_) => return None,
            Ok(read) => bytes.extend_from_slice(&chunk[..read]),
        }
    };
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let mut lines = head.split("\r\n");
    let line = lines.next().unwrap().to_owned();
    let headers: Vec<String> = lines
        .map(|line| {
            let (name, value) = line.split_once(':').unwrap();
            format!("{}: {}", name.to_ascii_lowercase(), value.trim())
        })
        .collect();
    let length = headers.iter().find_map(|line| line.strip_prefix("content-length: "));
    let length: usize = length.map_or(0, |length| length.parse().unwrap());
    let mut body = bytes[end + 4..].to_vec();
    while body.len() < length {
        let mut chunk = [0; 4096];
        let read = stream.read(&mut chunk).await.ok().filter(|read| *read > 0)?;
        body.extend_from_slice(&chunk[..read]);
    }
    Some(Seen { line, headers, body: String::from_utf8_lossy(&body).into_owned() })
}

/// A whole answer of FHIR JSON.
pub(crate) fn fhir(status: &str, body: &str) -> Vec<u8> {
    answer(status, "content-type: application/fhir+json; charset=utf-8\r\n", body)
}

/// A whole answer with these header lines.
pub(crate) fn answer(status: &str, headers: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\n{headers}content-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}
