//! A system that takes HL7 v2 by MLLP, and answers as a script says: right, wrong, or not at all.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use adapters::mllp::{Decoder, frame};
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// What the receiver answers to a message.
pub(crate) enum Says {
    /// An acknowledgement of this code, with this code of table 0357 and its own idea of which message it is about.
    Ack(&'static str, &'static str),
    /// One of a message that nobody sent.
    OfAnother,
    /// It closes the connection.
    Nothing,
}

type Script = dyn Fn(&str, usize) -> Says + Send + Sync;

/// A receiver on loopback.
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    taken: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl Receiver {
    /// Starts one that answers the n-th message as `script` says.
    pub(crate) async fn start(
        tls: Option<Arc<ServerConfig>>,
        script: impl Fn(&str, usize) -> Says + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let taken: Arc<Mutex<Vec<String>>> = Arc::default();
        let script: Arc<Script> = Arc::new(script);
        let task = tokio::spawn({
            let taken = Arc::clone(&taken);
            async move {
                loop {
                    let (stream, _) = listener.accept().await.unwrap();
                    let (taken, script, tls) = (Arc::clone(&taken), Arc::clone(&script), tls.clone());
                    tokio::spawn(async move {
                        match tls {
                            None => converse(stream, &taken, &*script).await,
                            Some(config) => {
                                let acceptor = tokio_rustls::TlsAcceptor::from(config);
                                if let Ok(stream) = acceptor.accept(stream).await {
                                    converse(stream, &taken, &*script).await;
                                }
                            }
                        }
                    });
                }
            }
        });
        Self { address, taken, task }
    }

    /// Every message that came, in order.
    pub(crate) fn taken(&self) -> Vec<String> {
        self.taken.lock().unwrap().clone()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn converse(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    taken: &Mutex<Vec<String>>,
    script: &Script,
) {
    let mut decoder = Decoder::new(1 << 20);
    let mut buffer = [0; 4096];
    loop {
        let Some(read) = stream.read(&mut buffer).await.ok().filter(|read| *read > 0) else { return };
        let mut messages = Vec::new();
        decoder.feed(&buffer[..read], |message| messages.push(message)).unwrap();
        for message in messages {
            let message = String::from_utf8(message).unwrap();
            let number = {
                let mut taken = taken.lock().unwrap();
                taken.push(message.clone());
                taken.len() - 1
            };
            let id = message.split('|').nth(9).unwrap();
            let answer = match script(&message, number) {
                Says::Ack(code, "") => format!("MSA|{code}|{id}\r"),
                Says::Ack(code, problem) => format!("MSA|{code}|{id}\rERR|||{problem}^^HL70357|E\r"),
                Says::OfAnother => "MSA|AA|another\r".to_owned(),
                Says::Nothing => return,
            };
            let answer = format!("MSH|^~\\&|CARE|E1|GATE|RX1|2026||ACK|R{number}|P|2.5\r{answer}");
            stream.write_all(&frame(answer.as_bytes())).await.unwrap();
            stream.flush().await.unwrap();
        }
    }
}
