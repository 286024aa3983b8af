//! Content codings: gzip, both ways, within bounds. Other codings are not spoken.
//!
//! An answer is compressed last, over the bytes that were released, so that it can only tell of those. It is compressed
//! for who shows a token: a token goes nowhere by itself, while a certificate or a cookie can be made to go along with
//! requests that somebody else composes, whose part in an answer the length of the compressed answer would measure
//! against the rest. Bodies are inflated under a bound of size and of ratio, before anything looks into them.

use std::io::{Read, Write};

use bytes::Bytes;
use flate2::Compression;
use flate2::bufread::GzDecoder;
use flate2::write::GzEncoder;
use http::header::{self, HeaderMap};

use super::format::weight;

/// What is shorter is not worth it, and endings are shorter: whether one is compressed tells nothing about it.
const WORTH_BYTES: usize = 1_400;
/// How much longer than its compressed form a body may become. Records become some thirty times as long.
const RATIO_MAX: usize = 100;
/// What may be inflated whatever the ratio: small bodies of one repeated character are nobody's bomb.
const FREE_BYTES: usize = 64 * 1024;
/// How much is inflated at once.
const STEP_BYTES: usize = 16 * 1024;

/// In which coding an answer goes, if it is worth it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Coding {
    /// As it is.
    #[default]
    Identity,
    /// `gzip`.
    Gzip,
}

/// How a body came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// As it is.
    Plain,
    /// In `gzip`.
    Gzip,
}

/// Why a body in gzip is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotInflated {
    /// It becomes larger than allowed, or suspiciously larger than it was.
    #[error("the body inflates beyond its bounds")]
    TooLarge,
    /// It is cut off, corrupt, or has something behind its end.
    #[error("the body is not one whole gzip member")]
    Broken,
}

impl Coding {
    /// The coding that the headers of a request ask for (RFC 9110, 12.5.3).
    #[must_use]
    pub fn asked_for(headers: &HeaderMap) -> Self {
        if !headers.contains_key(header::AUTHORIZATION) {
            return Self::Identity;
        }
        let (mut gzip, mut any, mut identity) = (None, None, None);
        for line in headers.get_all(header::ACCEPT_ENCODING) {
            let Ok(line) = line.to_str() else { return Self::Identity };
            for coding in line.split(',') {
                let mut parts = coding.split(';').map(str::trim);
                let name = parts.next().unwrap_or_default().to_ascii_lowercase();
                let wanted = match (parts.next(), parts.next()) {
                    (None, _) => Some(1_000),
                    (Some(parameter), None) => {
                        parameter.strip_prefix("q=").or_else(|| parameter.strip_prefix("Q=")).and_then(weight)
                    }
                    (Some(_), Some(_)) => None,
                };
                let place = match name.as_str() {
                    "gzip" | "x-gzip" => &mut gzip,
                    "*" => &mut any,
                    "identity" => &mut identity,
                    _ => continue,
                };
                *place = Some(wanted.unwrap_or(0).max(place.unwrap_or(0)));
            }
        }
        let gzip = gzip.or(any).unwrap_or(0);
        match gzip > 0 && gzip >= identity.unwrap_or(0) {
            true => Self::Gzip,
            false => Self::Identity,
        }
    }

    /// Writes `bytes` in this coding if that is worth it, and says in which they are then.
    #[must_use]
    pub fn write(self, bytes: Bytes) -> (Bytes, Self) {
        match self {
            Self::Gzip if bytes.len() >= WORTH_BYTES => match compressed(&bytes) {
                Some(compressed) if compressed.len() < bytes.len() => (compressed.into(), Self::Gzip),
                Some(_) | None => (bytes, Self::Identity),
            },
            Self::Gzip | Self::Identity => (bytes, Self::Identity),
        }
    }
}

/// The same bytes give the same bytes: neither a time nor a name is in them.
fn compressed(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 4), Compression::fast());
    encoder.write_all(bytes).ok()?;
    encoder.finish().ok()
}

impl Sent {
    /// How the headers say that the body came; nothing for codings that are not spoken, stacked ones among them.
    #[must_use]
    pub fn by(headers: &HeaderMap) -> Option<Self> {
        let mut codings = headers.get_all(header::CONTENT_ENCODING).iter();
        match (codings.next().map(|coding| coding.as_bytes().to_ascii_lowercase()), codings.next()) {
            (None, _) => Some(Self::Plain),
            (Some(coding), None) => match coding.as_slice() {
                b"identity" => Some(Self::Plain),
                b"gzip" | b"x-gzip" => Some(Self::Gzip),
                _ => None,
            },
            (Some(_), Some(_)) => None,
        }
    }

    /// The body as it was before it was put into the coding, within `bytes_max`.
    ///
    /// # Errors
    /// [`NotInflated`]; nothing of it is kept then.
    pub fn read(self, body: Bytes, bytes_max: usize) -> Result<Bytes, NotInflated> {
        match self {
            Self::Plain => Ok(body),
            Self::Gzip => inflated(&body, bytes_max).map(Bytes::from),
        }
    }
}

/// One gzip member, whole, with nothing behind it: two readers could differ on whether that belongs to it.
fn inflated(body: &[u8], bytes_max: usize) -> Result<Vec<u8>, NotInflated> {
    let bytes_max = bytes_max.min(body.len().saturating_mul(RATIO_MAX).max(FREE_BYTES));
    let mut decoder = GzDecoder::new(body);
    let mut whole = Vec::new();
    let mut step = [0; STEP_BYTES];
    loop {
        let read = decoder.read(&mut step).map_err(|_| NotInflated::Broken)?;
        if read == 0 {
            break;
        }
        if whole.len() + read > bytes_max {
            return Err(NotInflated::TooLarge);
        }
        whole.extend_from_slice(step.get(..read).unwrap_or_default());
    }
    match decoder.into_inner().is_empty() {
        true => Ok(whole),
        false => Err(NotInflated::Broken),
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(lines: &[(header::HeaderName, &'static str)]) -> HeaderMap {
        lines.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect()
    }

    fn asked(accept_encoding: &'static str) -> Coding {
        let token = (header::AUTHORIZATION, "Bearer x");
        Coding::asked_for(&headers(&[token, (header::ACCEPT_ENCODING, accept_encoding)]))
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        compressed(bytes).unwrap()
    }

    #[test]
    fn an_answer_is_compressed_for_who_asks_for_it_with_a_token() {
        for text in
            ["gzip", "deflate, gzip;q=0.5, br", "*", "x-gzip", "GZIP", "identity;q=0.5, gzip", "gzip;q=1.000"]
        {
            assert_eq!(asked(text), Coding::Gzip, "{text}");
        }
        for text in [
            "",
            "br, zstd, deflate",
            "gzip;q=0",
            "gzip;q=0, *",
            "*;q=0",
            "identity, gzip;q=0.5",
            "gzip;q=x",
            "gzip;q=1;a=b",
        ] {
            assert_eq!(asked(text), Coding::Identity, "{text}");
        }
        let nobody = headers(&[(header::ACCEPT_ENCODING, "gzip")]);
        assert_eq!(Coding::asked_for(&nobody), Coding::Identity, "a certificate or a cookie is no token");
        assert_eq!(Coding::asked_for(&HeaderMap::new()), Coding::Identity);
    }

    #[test]
    fn what_is_compressed_inflates_to_the_same_and_what_is_small_stays_as_it_is() {
        let long = Bytes::from(vec![b'a'; WORTH_BYTES]);
        let (bytes, coding) = Coding::Gzip.write(long.clone());
        assert_eq!(coding, Coding::Gzip);
        assert_eq!(Coding::Gzip.write(long.clone()).0, bytes, "always to the same bytes");
        assert_eq!(Sent::Gzip.read(bytes, 1 << 20), Ok(long.clone()));
        assert_eq!(Coding::Identity.write(long.clone()), (long.clone(), Coding::Identity));
        let short = long.slice(1..);
        assert_eq!(Coding::Gzip.write(short.clone()), (short, Coding::Identity));
    }

    #[test]
    fn a_body_is_inflated_within_its_bounds_or_not_at_all() {
        let read = |bytes: Vec<u8>, bytes_max| Sent::Gzip.read(bytes.into(), bytes_max);
        assert_eq!(read(gzip(b"{}"), 2), Ok(Bytes::from_static(b"{}")));
        assert_eq!(read(gzip(b"{ }"), 2), Err(NotInflated::TooLarge));
        assert_eq!(read(gzip(&vec![b' '; 10 << 20]), 64 << 20), Err(NotInflated::TooLarge), "by its ratio");
        assert!(read(gzip(&vec![b' '; FREE_BYTES]), 64 << 20).is_ok());
        let whole = gzip(b"{\"resourceType\":\"Patient\"}");
        for length in 0..whole.len() {
            assert_eq!(read(whole[..length].to_vec(), 100), Err(NotInflated::Broken), "cut at {length}");
        }
        for behind in [&b"x"[..], &gzip(b"{}"), &[0]] {
            assert_eq!(read([&whole, behind].concat(), 100), Err(NotInflated::Broken), "{behind:?}");
        }
        let mut corrupt = whole;
        let last = corrupt.len() - 6;
        corrupt[last] ^= 1;
        assert_eq!(read(corrupt, 100), Err(NotInflated::Broken), "the checksum is checked");
        assert_eq!(read(b"{}".to_vec(), 100), Err(NotInflated::Broken));
    }

    #[test]
    fn codings_that_are_not_spoken_or_stacked_are_told_apart() {
        let sent = |lines: &[&'static str]| {
            let lines: Vec<_> = lines.iter().map(|line| (header::CONTENT_ENCODING, *line)).collect();
            let mut map = HeaderMap::new();
            for (name, value) in lines {
                map.append(name, HeaderValue::from_static(value));
            }
            Sent::by(&map)
        };
        assert_eq!(sent(&[]), Some(Sent::Plain));
        assert_eq!(sent(&["identity"]), Some(Sent::Plain));
        assert_eq!(sent(&["GZip"]), Some(Sent::Gzip));
        for lines in [
            &["br"][..],
            &["deflate"],
            &["zstd"],
            &["gzip, gzip"],
            &["gzip", "gzip"],
            &["identity", "gzip"],
            &[""],
        ] {
            assert_eq!(sent(lines), None, "{lines:?}");
        }
    }
}
