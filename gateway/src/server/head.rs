//! The bytes of a request head as they came, kept until the request is taken up.
//!
//! The HTTP library drops a `Content-Length` that stands beside `Transfer-Encoding` and takes a bare line feed for
//! a line end. A front proxy that reads such a head otherwise sees other requests on the connection than we do, so
//! both are refused, and for that the head must be seen as it was sent. Only HTTP/1.1 has such heads.

use std::sync::{Arc, Mutex, PoisonError};

/// The longest head that is kept; the HTTP library refuses longer ones.
const HEAD_LEN_MAX: usize = 64 * 1024;

/// What one connection has sent of its next request head. Shared by the socket, which writes, and the door.
#[derive(Debug, Clone, Default)]
pub struct RawHead(Arc<Mutex<Seen>>);

#[derive(Default)]
struct Seen {
    bytes: Vec<u8>,
    complete: Complete,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Complete {
    #[default]
    NotYet,
    Yes,
}

/// Why a head is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Ambiguous {
    /// It came before the answer to the request in front of it, or was not seen whole.
    #[error("requests were sent on top of one another")]
    Pipelined,
    /// A line ends with a bare line feed.
    #[error("a line of the head ends with a bare line feed")]
    BareLineFeed,
    /// `Content-Length` and `Transfer-Encoding` stand side by side, or one of them twice.
    #[error("the length of the body is stated twice")]
    TwoLengths,
}

impl std::fmt::Debug for Seen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Seen({} bytes)", self.bytes.len())
    }
}

impl RawHead {
    /// Notes bytes that the peer sent, up to the end of the head.
    pub fn note(&self, bytes: &[u8]) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.complete == Complete::Yes || seen.bytes.len() >= HEAD_LEN_MAX {
            return;
        }
        let from = seen.bytes.len().saturating_sub(3);
        seen.bytes.extend_from_slice(bytes);
        let tail = seen.bytes.get(from..).unwrap_or_default();
        if let Some(end) = end_of_head(tail) {
            seen.bytes.truncate(from + end);
            seen.complete = Complete::Yes;
        }
    }

    /// Takes the head of the request that has just been parsed, and checks how it states its length.
    ///
    /// # Errors
    /// [`Ambiguous`].
    pub fn take(&self) -> Result<(), Ambiguous> {
        let seen = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        match seen.complete {
            Complete::Yes => check(&seen.bytes),
            Complete::NotYet => Err(Ambiguous::Pipelined),
        }
    }

    /// Starts anew: what comes from here on belongs to the next request. Called once a body was read to its end.
    pub fn forget(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Seen::default();
    }
}

/// Where the head ends in `bytes`: after the first empty line, whichever way its lines end.
fn end_of_head(bytes: &[u8]) -> Option<usize> {
    let crlf = bytes.windows(4).position(|window| window == b"\r\n\r\n").map(|at| at + 4);
    let mixed = bytes.windows(3).position(|window| window == b"\n\r\n").map(|at| at + 3);
    let bare = bytes.windows(2).position(|window| window == b"\n\n").map(|at| at + 2);
    [crlf, mixed, bare].into_iter().flatten().min()
}

fn check(head: &[u8]) -> Result<(), Ambiguous> {
    let mut lengths = 0;
    for (number, line) in head.split(|byte| *byte == b'\n').enumerate() {
        let Some(line) = line.strip_suffix(b"\r") else {
            // What follows the last line feed is nothing; every other line must have had its carriage return.
            match line.is_empty() && number > 0 {
                true => continue,
                false => return Err(Ambiguous::BareLineFeed),
            }
        };
        let name = line.split(|byte| *byte == b':').next().unwrap_or_default();
        let names = |wanted: &str| name.eq_ignore_ascii_case(wanted.as_bytes());
        if number > 0 && (names("content-length") || names("transfer-encoding")) {
            lengths += 1;
        }
    }
    match lengths {
        0 | 1 => Ok(()),
        _ => Err(Ambiguous::TwoLengths),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_head(head: &str) -> Result<(), Ambiguous> {
        let raw = RawHead::default();
        raw.note(head.as_bytes());
        raw.take()
    }

    #[test]
    fn heads_that_state_one_length_or_none_are_taken() {
        for head in [
            "GET / HTTP/1.1\r\nhost: a\r\n\r\n",
            "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\nbody and \n\n more",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nx-content-length: 1\r\n\r\n",
        ] {
            assert_eq!(check_head(head), Ok(()), "{head:?}");
        }
    }

    #[test]
    fn heads_that_can_be_read_in_two_ways_are_refused() {
        for (head, expected) in [
            ("GET / HTTP/1.1\nhost: a\r\n\r\n", Ambiguous::BareLineFeed),
            ("GET / HTTP/1.1\r\nhost: a\n\n", Ambiguous::BareLineFeed),
            ("GET / HTTP/1.1\r\nhost: a\n\r\n", Ambiguous::BareLineFeed),
            (
                "POST / HTTP/1.1\r\nContent-Length: 4\r\ntransfer-encoding: chunked\r\n\r\n",
                Ambiguous::TwoLengths,
            ),
            (
                "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\ncontent-length: 4\r\n\r\n",
                Ambiguous::TwoLengths,
            ),
            ("POST / HTTP/1.1\r\ncontent-length: 4\r\ncontent-length: 4\r\n\r\n", Ambiguous::TwoLengths),
            ("POST / HTTP/1.1\r\nhost: a\r\n", Ambiguous::Pipelined),
            ("", Ambiguous::Pipelined),
        ] {
            assert_eq!(check_head(head), Err(expected), "{head:?}");
        }
    }

    #[test]
    fn a_head_that_comes_byte_by_byte_is_seen_whole_and_what_follows_it_is_not_kept() {
        let raw = RawHead::default();
        for byte in b"POST / HTTP/1.1\r\ncontent-length: 4\r\n\r\nContent-Length: 5\r\n\r\n" {
            raw.note(&[*byte]);
        }
        assert_eq!(raw.take(), Ok(()));
        raw.note(b"tail of a body");
        raw.forget();
        raw.note(b"GET / HTTP/1.1\r\n\r\n");
        assert_eq!(raw.take(), Ok(()));
    }
}
