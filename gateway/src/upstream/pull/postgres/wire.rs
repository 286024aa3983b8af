//! The stream of a session: no message of the server is longer than is read.
//!
//! The library reads a message whole, whatever length it claims. A server that does what it is asked sends none that is too
//! long, for rows are bounded where they are made.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::super::sql::ROW_BYTES_MAX;

/// A row, and what stands around its cells: 1,600 of them, four bytes each, and some.
const MESSAGE_BYTES_MAX: usize = ROW_BYTES_MAX + (64 << 10);
/// A letter and a length.
const HEAD_BYTES: usize = 5;

/// What a session runs over.
pub(super) trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Wire for S {}

/// A stream whose messages are bounded.
pub(super) struct Framed<S> {
    stream: S,
    bound: Bound,
}

/// Where in a message the stream is.
#[derive(Debug, Default)]
struct Bound {
    /// Bytes of the head that were seen.
    head: usize,
    /// The length as far as it was seen; it counts itself.
    length: u32,
    /// Bytes of the message that are still to come.
    left: usize,
}

impl<S> Framed<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, bound: Bound::default() }
    }
}

impl Bound {
    /// Follows the messages; nothing when one is too long.
    fn see(&mut self, mut bytes: &[u8]) -> Option<()> {
        while let Some((first, rest)) = bytes.split_first() {
            if self.left > 0 {
                let passed = self.left.min(bytes.len());
                self.left -= passed;
                bytes = bytes.get(passed..).unwrap_or_default();
                continue;
            }
            bytes = rest;
            self.head += 1;
            // The letter first.
            if self.head == 1 {
                self.length = 0;
                continue;
            }
            self.length = self.length << 8 | u32::from(*first);
            if self.head == HEAD_BYTES {
                self.head = 0;
                self.left = usize::try_from(self.length).ok()?.checked_sub(HEAD_BYTES - 1)?;
                (self.left <= MESSAGE_BYTES_MAX).then_some(())?;
            }
        }
        Some(())
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Framed<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        let read = buffer.filled().get(before..).unwrap_or_default();
        let seen = self.bound.see(read);
        Poll::Ready(seen.ok_or_else(|| io::Error::other("a message is longer than allowed")))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Framed<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::{Bound, MESSAGE_BYTES_MAX};

    fn message(body: usize) -> Vec<u8> {
        let mut bytes = vec![b'D'];
        bytes.extend(u32::try_from(body + 4).unwrap().to_be_bytes());
        bytes.resize(bytes.len() + body, b'x');
        bytes
    }

    #[test]
    fn messages_of_any_allowed_length_pass_in_pieces_of_any_length() {
        let stream = [message(0), message(300), message(1), message(MESSAGE_BYTES_MAX), message(7)].concat();
        for piece in [1, 2, 3, 5, 4096, stream.len()] {
            let mut bound = Bound::default();
            assert!(stream.chunks(piece).all(|bytes| bound.see(bytes).is_some()), "{piece}");
            assert_eq!((bound.head, bound.left), (0, 0), "{piece}");
        }
    }

    #[test]
    fn a_message_that_claims_too_much_or_less_than_its_head_ends_the_session() {
        for length in [u32::try_from(MESSAGE_BYTES_MAX + 5).unwrap(), u32::MAX, 3, 0] {
            let mut bound = Bound::default();
            assert!(bound.see(&message(9)).is_some());
            assert!(bound.see(&[&b"D"[..], &length.to_be_bytes()].concat()).is_none(), "{length}");
        }
    }
}
