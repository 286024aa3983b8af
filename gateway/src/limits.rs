//! Bounded reading: the only place that gathers a body, so that nothing is read without a bound and a deadline.

use bytes::{Bytes, BytesMut};
use http_body::Body;
use http_body_util::BodyExt;
use tokio::time::{Instant, timeout_at};

/// The most that is reserved before a byte has come, whatever length the peer announces.
const RESERVED_BYTES_MAX: usize = 64 * 1024;

/// Why a body could not be read whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unread {
    /// It is, or says it is, larger than allowed.
    #[error("the body is larger than {bytes_max} bytes")]
    TooLarge {
        /// The bound.
        bytes_max: usize,
    },
    /// It was not all there by the deadline.
    #[error("the body was not complete in time")]
    TimedOut,
    /// The connection or its framing broke before the end.
    #[error("the body broke off")]
    Broken,
    /// Header fields follow the body.
    #[error("the body has trailers")]
    Trailers,
}

/// Reads `body` to its end, within `bytes_max` and before `deadline`. Trailers are dropped.
///
/// # Errors
/// [`Unread`]; what had been read by then is gone.
pub async fn read<B>(body: B, bytes_max: usize, deadline: Instant) -> Result<Bytes, Unread>
where
    B: Body<Data = Bytes>,
{
    timeout_at(deadline, gather(body, bytes_max, Trailers::Dropped)).await.unwrap_or(Err(Unread::TimedOut))
}

/// The same, of a body that no trailers may follow.
///
/// # Errors
/// [`Unread`]; what had been read by then is gone.
pub async fn read_alone<B>(body: B, bytes_max: usize, deadline: Instant) -> Result<Bytes, Unread>
where
    B: Body<Data = Bytes>,
{
    timeout_at(deadline, gather(body, bytes_max, Trailers::Refused)).await.unwrap_or(Err(Unread::TimedOut))
}

/// What becomes of header fields that follow a body.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Trailers {
    Dropped,
    Refused,
}

async fn gather<B>(body: B, bytes_max: usize, trailers: Trailers) -> Result<Bytes, Unread>
where
    B: Body<Data = Bytes>,
{
    let announced = body.size_hint().lower();
    if announced > bytes_max as u64 {
        return Err(Unread::TooLarge { bytes_max });
    }
    let mut body = std::pin::pin!(body);
    let mut first = Bytes::new();
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(chunk) = frame.map_err(|_| Unread::Broken)?.into_data() else {
            match trailers {
                Trailers::Dropped => continue,
                Trailers::Refused => return Err(Unread::Trailers),
            }
        };
        if first.len() + whole.len() + chunk.len() > bytes_max {
            return Err(Unread::TooLarge { bytes_max });
        }
        match (first.is_empty(), whole.is_empty()) {
            (true, true) => first = chunk,
            (false, _) => {
                let reserved = usize::try_from(announced).unwrap_or(0).min(RESERVED_BYTES_MAX);
                whole.reserve(reserved.max(first.len() + chunk.len()));
                whole.extend_from_slice(&first);
                whole.extend_from_slice(&chunk);
                first = Bytes::new();
            }
            (true, false) => whole.extend_from_slice(&chunk),
        }
    }
    Ok(if first.is_empty() { whole.freeze() } else { first })
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::time::Duration;

    use futures_util::stream::{self, StreamExt};
    use http_body::Frame;
    use http_body_util::{Full, StreamBody};

    use super::*;

    fn chunks(parts: &'static [&'static str]) -> impl Body<Data = Bytes> {
        StreamBody::new(stream::iter(parts).map(|part| Ok::<_, Infallible>(Frame::data(Bytes::from(*part)))))
    }

    fn later() -> Instant {
        Instant::now() + Duration::from_secs(60)
    }

    #[tokio::test]
    async fn a_body_in_any_number_of_parts_comes_out_whole() {
        for (parts, whole) in [
            (&[][..], ""),
            (&["a"][..], "a"),
            (&["ab", "", "cd"][..], "abcd"),
            (&["", "ab", "c", "d", "e"][..], "abcde"),
        ] {
            assert_eq!(read(chunks(parts), 5, later()).await, Ok(Bytes::from(whole)));
        }
    }

    #[tokio::test]
    async fn one_byte_over_the_bound_is_too_much_whether_announced_or_not() {
        let bytes_max = 5;
        let streamed = read(chunks(&["abc", "def"]), bytes_max, later()).await;
        assert_eq!(streamed, Err(Unread::TooLarge { bytes_max }));
        let announced = read(Full::new(Bytes::from("abcdef")), bytes_max, later()).await;
        assert_eq!(announced, Err(Unread::TooLarge { bytes_max }));
    }

    #[tokio::test]
    async fn a_body_that_does_not_end_is_given_up_at_the_deadline() {
        let endless = StreamBody::new(stream::pending::<Result<Frame<Bytes>, Infallible>>());
        assert_eq!(read(endless, 5, Instant::now() + Duration::from_millis(5)).await, Err(Unread::TimedOut));
    }

    #[tokio::test]
    async fn what_follows_a_body_is_dropped_or_refused_and_never_read() {
        let followed = || {
            let mut trailers = http::HeaderMap::new();
            trailers.insert("x-consent-scope", http::HeaderValue::from_static("btg"));
            let frames = [Frame::data(Bytes::from("body")), Frame::trailers(trailers)];
            StreamBody::new(stream::iter(frames.map(Ok::<_, Infallible>)))
        };
        assert_eq!(read(followed(), 50, later()).await, Ok(Bytes::from("body")));
        assert_eq!(read_alone(followed(), 50, later()).await, Err(Unread::Trailers));
        assert_eq!(read_alone(chunks(&["bo", "dy"]), 50, later()).await, Ok(Bytes::from("body")));
    }

    #[tokio::test]
    async fn a_body_that_breaks_yields_nothing_of_what_had_come() {
        let parts = [Ok(Frame::data(Bytes::from("secret"))), Err(std::io::Error::other("reset"))];
        let broken = StreamBody::new(stream::iter(parts));
        assert_eq!(read(broken, 50, later()).await, Err(Unread::Broken));
    }
}
