//! A client under test: what it sends is waited for, passed on to the system it is meant for, and judged.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{Mutex, mpsc, oneshot};

use super::message::{Head, Message};
use super::serve::{passes_on, serve};
use super::systems::{Systems, Trouble};

/// Requests that may wait for an operation to take them.
const WAITING_MAX: usize = 64;

/// Waits for the client under test at one address.
#[derive(Debug)]
pub struct Interceptor {
    address: SocketAddr,
    wait: Duration,
    waiting: Mutex<mpsc::Receiver<Sent>>,
}

/// What the client sent, and where the answer to it goes.
#[derive(Debug)]
struct Sent {
    request: Message,
    answer: oneshot::Sender<Message>,
}

/// What an operation waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expected {
    /// Any request.
    Anything,
    /// Any but the one that clients begin with by themselves; that is passed on at once.
    NoMetadata,
}

impl Interceptor {
    /// Listens at `address`. An operation waits so long for what the client sends.
    ///
    /// # Errors
    /// When nothing can listen there.
    pub async fn listen(address: SocketAddr, wait: Duration) -> std::io::Result<Self> {
        let (sender, receiver) = mpsc::channel::<Sent>(WAITING_MAX);
        let answering = move |request: Message| {
            let sender = sender.clone();
            let future = async move {
                let (answer, answered) = oneshot::channel();
                let Ok(()) = sender.try_send(Sent { request, answer }) else { return refusal() };
                // It is as patient as the operation that may come for it.
                match tokio::time::timeout(wait.saturating_mul(2), answered).await {
                    Ok(Ok(message)) => message,
                    Ok(Err(_)) | Err(_) => refusal(),
                }
            };
            Box::pin(future) as std::pin::Pin<Box<dyn Future<Output = Message> + Send>>
        };
        let address = serve(address, Arc::new(answering)).await?;
        Ok(Self { address, wait, waiting: Mutex::new(receiver) })
    }

    /// Where the client finds it.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The next request of the client, passed on to `base`, and the answer that the client gets.
    pub(crate) async fn next(
        &self,
        expected: Expected,
        base: &str,
        systems: &Systems,
    ) -> Result<(Message, Message), Trouble> {
        let next = async {
            let mut waiting = self.waiting.lock().await;
            loop {
                let Some(Sent { request, answer }) = waiting.recv().await else {
                    return Err(Trouble::NoClient);
                };
                if answer.is_closed() {
                    continue;
                }
                let request = readdressed(request, base);
                let Head::Request { url, .. } = &request.head else { continue };
                let path = url.split('?').next().unwrap_or(url);
                let by_itself = expected == Expected::NoMetadata && path.ends_with("/metadata");
                let response = systems.ask(&request).await;
                match response {
                    Ok(response) => {
                        let shown = self.shown(&response, base);
                        // The client may have gone; what it sent is judged all the same.
                        drop(answer.send(shown));
                        if !by_itself {
                            return Ok((request, response));
                        }
                    }
                    Err(trouble) => {
                        drop(answer.send(bad_gateway()));
                        if !by_itself {
                            return Err(trouble);
                        }
                    }
                }
            }
        };
        tokio::time::timeout(self.wait, next).await.map_err(|_| Trouble::NoClient)?
    }

    /// The answer as the client gets it: places in headers lead to here.
    fn shown(&self, response: &Message, base: &str) -> Message {
        let here = format!("http://{}", self.address);
        let headers = response.headers.iter().map(|(name, value)| {
            let place =
                name.eq_ignore_ascii_case("location") || name.eq_ignore_ascii_case("content-location");
            match value.strip_prefix(base).filter(|_| place) {
                Some(below) => (name.clone(), format!("{here}{below}")),
                None => (name.clone(), value.clone()),
            }
        });
        Message::new(response.head.clone(), headers.collect(), response.body.clone())
    }
}

/// The request with the address that it is passed on to.
fn readdressed(request: Message, base: &str) -> Message {
    let head = match &request.head {
        Head::Request { method, url, .. } => {
            Head::Request { method: method.clone(), url: format!("{base}{url}"), base: base.to_owned() }
        }
        other @ (Head::Fixture | Head::Response { .. }) => other.clone(),
    };
    let headers = request.headers.iter().filter(|(name, _)| passes_on(name)).cloned().collect();
    Message::new(head, headers, request.body.clone())
}

fn refusal() -> Message {
    Message::new(Head::Response { status: 503 }, Vec::new(), Bytes::new())
}

fn bad_gateway() -> Message {
    Message::new(Head::Response { status: 502 }, Vec::new(), Bytes::new())
}
