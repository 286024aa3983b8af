//! Systems that take HL7 v2 alone: one message on a connection of its own, and what is answered to it.
//!
//! The answer is a claim: it must name the message it is about. Whether a message arrived that nothing was answered to is not
//! known; sent again it bears the same control id, so that the receiver knows it.

use std::sync::Arc;

use adapters::Context;
use adapters::hl7v2::{AckCode, acknowledged, envelope};
use adapters::mllp::{Decoder, frame};
use bytes::Bytes;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Duration, timeout};
use tokio_rustls::TlsConnector;

use super::tls::{self, UpstreamProblem};
use super::{Taken, Upstream, UpstreamFault};
use crate::person::SystemName;
use crate::settings::{Messages, MessagesTo, Speaks, System};

const CONNECT_WITHIN: Duration = Duration::from_secs(5);
const BUFFER_BYTES: usize = 4 * 1024;
/// Acknowledgements are small.
const ANSWER_BYTES_MAX: usize = 1 << 20;
/// What is told of a message that may be taken later (HL7 table 0357): its record is locked, the application failed.
const LATER: [&str; 2] = ["206", "207"];

/// Where messages of one system go.
#[derive(Clone)]
pub(in crate::upstream) struct Receiver {
    messages: Arc<Messages>,
    tls: Option<Arc<ClientConfig>>,
    timeout: Duration,
}

impl Receiver {
    pub(in crate::upstream) fn of(system: &System) -> Result<Option<Self>, UpstreamProblem> {
        let Speaks::Hl7v2(messages) = &system.speaks else { return Ok(None) };
        let tls = match messages.to {
            MessagesTo::LoopbackPlain => None,
            MessagesTo::Tls => Some(Arc::new(tls::config(system)?)),
        };
        Ok(Some(Self { messages: Arc::clone(messages), tls, timeout: system.timeout }))
    }

    async fn send(&self, message: &[u8]) -> Result<Taken, UpstreamFault> {
        let Messages { host, port, .. } = &*self.messages;
        let context = Context::new("", None, "UTC").map_err(|_| UpstreamFault::NotWritable)?;
        let sent = envelope(message, &context).map_err(|_| UpstreamFault::NotWritable)?;
        let connected = timeout(CONNECT_WITHIN.min(self.timeout), TcpStream::connect((host.as_str(), *port)));
        let Ok(Ok(stream)) = connected.await else { return Err(UpstreamFault::Unreachable) };
        if stream.set_nodelay(true).is_err() {
            return Err(UpstreamFault::Unreachable);
        }
        let exchange = async {
            match &self.tls {
                None => converse(stream, message).await,
                Some(config) => {
                    let name = ServerName::try_from(host.clone()).map_err(|_| UpstreamFault::NotWritable)?;
                    let connected = TlsConnector::from(Arc::clone(config)).connect(name, stream).await;
                    converse(connected.map_err(|_| UpstreamFault::Unreachable)?, message).await
                }
            }
        };
        let answer = timeout(self.timeout, exchange).await.map_err(|_| UpstreamFault::TimedOut)??;
        let answer = acknowledged(&answer, &context).map_err(|_| UpstreamFault::UnexpectedStatus)?;
        if answer.control_id != sent.control_id {
            return Err(UpstreamFault::WrongResource);
        }
        let is_later = answer.problem.is_some_and(|problem| LATER.contains(&problem.as_str()));
        match answer.code {
            AckCode::ApplicationAccept | AckCode::CommitAccept => Ok(Taken::Accepted),
            _ if is_later => Err(UpstreamFault::Busy),
            AckCode::ApplicationError | AckCode::CommitError => Ok(Taken::Invalid),
            AckCode::ApplicationReject | AckCode::CommitReject => Ok(Taken::NotSupported),
        }
    }
}

impl Upstream {
    /// Sends a message that was released into the outbox to a system that takes such. Nothing else may be put in here.
    ///
    /// # Errors
    /// [`UpstreamFault`] when it is not known what became of it, or it may be taken later.
    pub async fn send_message(&self, system: &SystemName, message: &Bytes) -> Result<Taken, UpstreamFault> {
        let receiver = self.holder(system)?.receiver.as_ref().ok_or(UpstreamFault::NotWritable)?;
        receiver.send(message).await
    }
}

/// Writes a message and reads the frame that answers it.
async fn converse(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    message: &[u8],
) -> Result<Vec<u8>, UpstreamFault> {
    let broken = |_| UpstreamFault::BrokenOff;
    stream.write_all(&frame(message)).await.map_err(broken)?;
    stream.flush().await.map_err(broken)?;
    let mut decoder = Decoder::new(ANSWER_BYTES_MAX);
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut answer = None;
    loop {
        let read = stream.read(&mut buffer).await.map_err(broken)?;
        let bytes = buffer.get(..read).filter(|bytes| !bytes.is_empty()).ok_or(UpstreamFault::BrokenOff)?;
        let framing = decoder.feed(bytes, |frame| {
            answer.get_or_insert(frame);
        });
        if let Some(answer) = answer {
            return Ok(answer);
        }
        framing.map_err(|_| UpstreamFault::BrokenOff)?;
    }
}
