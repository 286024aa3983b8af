//! Whether a response was taken by the connection: a peer that hung up is noted in the record of the exchange.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

/// What became of a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// The connection took all of it.
    Taken,
    /// The peer was gone first.
    NotTaken,
}

type AtEnd = Box<dyn FnOnce(Delivery) + Send>;

/// A whole response body that tells once whether the connection took it.
pub struct Tracked {
    bytes: Option<Bytes>,
    at_end: Option<AtEnd>,
}

impl Tracked {
    /// A body of `bytes`; `at_end` is called exactly once, at the latest when the body is dropped.
    pub fn new(bytes: Bytes, at_end: impl FnOnce(Delivery) + Send + 'static) -> Self {
        Self { bytes: Some(bytes), at_end: Some(Box::new(at_end)) }
    }
}

impl Body for Tracked {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.bytes.take().filter(|bytes| !bytes.is_empty()).map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.as_ref().is_none_or(Bytes::is_empty)
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
    }
}

impl Drop for Tracked {
    fn drop(&mut self) {
        let delivery = match self.is_end_stream() {
            true => Delivery::Taken,
            false => Delivery::NotTaken,
        };
        if let Some(at_end) = self.at_end.take() {
            at_end(delivery);
        }
    }
}

impl std::fmt::Debug for Tracked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tracked(..)")
    }
}
