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

/// The most that is handed to the connection at once: what it has not asked for yet was not taken.
const CHUNK_BYTES_MAX: usize = 64 * 1024;

type AtEnd = Box<dyn FnOnce(Delivery) + Send>;

/// A whole response body that tells once whether the connection took it.
pub struct Tracked {
    bytes: Bytes,
    at_end: Option<AtEnd>,
}

impl Tracked {
    /// A body of `bytes`; `at_end` is called exactly once, at the latest when the body is dropped.
    pub fn new(bytes: Bytes, at_end: impl FnOnce(Delivery) + Send + 'static) -> Self {
        Self { bytes, at_end: Some(Box::new(at_end)) }
    }
}

impl Body for Tracked {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let frame = match &mut self.bytes {
            bytes if bytes.is_empty() => None,
            bytes => Some(Ok(Frame::data(bytes.split_to(bytes.len().min(CHUNK_BYTES_MAX))))),
        };
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes.len() as u64)
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

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use http_body_util::BodyExt;

    use super::*;

    #[tokio::test]
    async fn a_body_was_taken_when_its_last_byte_was_asked_for_and_not_before() {
        for (length, frames, expected) in [
            (0, 0, Delivery::Taken),
            (1, 0, Delivery::NotTaken),
            (1, 1, Delivery::Taken),
            (CHUNK_BYTES_MAX + 1, 1, Delivery::NotTaken),
            (CHUNK_BYTES_MAX + 1, 2, Delivery::Taken),
        ] {
            let told = Arc::new(Mutex::new(Vec::new()));
            let tell = Arc::clone(&told);
            let mut body =
                Tracked::new(vec![0; length].into(), move |delivery| tell.lock().unwrap().push(delivery));
            for _ in 0..frames {
                assert!(body.frame().await.unwrap().is_ok());
            }
            drop(body);
            assert_eq!(*told.lock().unwrap(), [expected], "{length} bytes, {frames} frames");
        }
    }
}
