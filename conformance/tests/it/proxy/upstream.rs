//! The side of the reference proxy that faces the endpoint behind: strict, bounded, or wrong in exactly one thing.

use std::io::Read;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::Fault;

const BODY_MAX: usize = 4 << 20;
const HEAD_MAX: usize = 64 << 10;
const WAIT: Duration = Duration::from_millis(2_500);

/// What came from behind.
#[derive(Debug, Default, Clone)]
pub(super) struct Got {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
    /// Whether what there is goes on as it is.
    pub(super) raw: bool,
}

impl Got {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(held, _)| held.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// A connection that may be used again.
#[derive(Debug)]
pub(super) struct Kept {
    stream: TcpStream,
    held: Vec<u8>,
}

/// Sends `bytes` and reads one answer; the status to give where there is none.
pub(super) async fn ask(
    address: SocketAddr,
    bytes: &[u8],
    method: &str,
    fault: Fault,
    kept: &mut Option<Kept>,
) -> Result<Got, u16> {
    let patient = matches!(fault, Fault::DripAwaited | Fault::EndlessTaken | Fault::WideHeadPassed);
    let wait = if patient { WAIT * 20 } else { WAIT };
    let mut link = match kept.take() {
        Some(link) => link,
        None => {
            let stream = TcpStream::connect(address).await.map_err(|_| 502_u16)?;
            Kept { stream, held: Vec::new() }
        }
    };
    let got = tokio::time::timeout(wait, converse(&mut link, bytes, method, fault))
        .await
        .map_err(|_| 504_u16)??;
    if fault == Fault::LeftoversKept {
        *kept = Some(link);
    }
    Ok(got)
}

async fn converse(link: &mut Kept, bytes: &[u8], method: &str, fault: Fault) -> Result<Got, u16> {
    link.stream.write_all(bytes).await.map_err(|_| 502_u16)?;
    let mut got = loop {
        let got = head(link, fault).await?;
        if got.status >= 200 || fault == Fault::InterimTaken {
            break got;
        }
    };
    if method != "HEAD" && got.status != 304 && got.status != 204 {
        body(link, &mut got, fault).await?;
    }
    if got.header("content-encoding").is_some_and(|held| held == "gzip") {
        let bound = if fault == Fault::BombUnfolded { 256 << 20 } else { BODY_MAX };
        let mut out = Vec::new();
        let mut reader = flate2::read::GzDecoder::new(got.body.as_slice()).take(bound as u64 + 1);
        reader.read_to_end(&mut out).map_err(|_| 502_u16)?;
        if out.len() > bound {
            return Err(502);
        }
        // What is unfolded without a bound is passed on as it is.
        got.raw = fault == Fault::BombUnfolded;
        got.body = out;
    }
    Ok(got)
}

async fn more(link: &mut Kept) -> Result<bool, u16> {
    let mut block = vec![0_u8; 65_536];
    let length = link.stream.read(&mut block).await.map_err(|_| 502_u16)?;
    link.held.extend_from_slice(&block[..length]);
    Ok(length > 0)
}

fn take(link: &mut Kept, length: usize) -> Vec<u8> {
    let rest = link.held.split_off(length.min(link.held.len()));
    std::mem::replace(&mut link.held, rest)
}

async fn head(link: &mut Kept, fault: Fault) -> Result<Got, u16> {
    let bound = if fault == Fault::WideHeadPassed { 64 << 20 } else { HEAD_MAX };
    let end = loop {
        if let Some(end) = link.held.windows(4).position(|part| part == b"\r\n\r\n") {
            break end + 4;
        }
        if link.held.len() > bound || !more(link).await? {
            return Err(502);
        }
    };
    let text = String::from_utf8_lossy(&take(link, end)).into_owned();
    let mut lines = text.split("\r\n").filter(|line| !line.is_empty());
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok()).ok_or(502_u16)?;
    let headers = lines.filter_map(|line| line.split_once(':'));
    let headers = headers.map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect();
    Ok(Got { status, headers, body: Vec::new(), raw: false })
}

async fn body(link: &mut Kept, got: &mut Got, fault: Fault) -> Result<(), u16> {
    if got.header("transfer-encoding").is_some() {
        return chunks(link, got, fault).await;
    }
    let lengths: Vec<usize> = got
        .headers
        .iter()
        .filter(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .filter_map(|(_, value)| value.parse().ok())
        .collect();
    if lengths.len() != 1 && fault != Fault::AnswerTwoLengthsTaken {
        return Err(502);
    }
    let mut wanted = *lengths.first().ok_or(502_u16)?;
    if fault == Fault::LengthIgnored {
        wanted = usize::MAX;
    }
    if wanted > BODY_MAX && wanted != usize::MAX {
        return Err(502);
    }
    while link.held.len() < wanted && more(link).await? {}
    if link.held.len() < wanted && wanted != usize::MAX {
        if fault != Fault::TruncatedTaken {
            return Err(502);
        }
        got.raw = true;
    }
    got.body = take(link, wanted);
    Ok(())
}

async fn line(link: &mut Kept) -> Result<Option<String>, u16> {
    loop {
        if let Some(end) = link.held.windows(2).position(|part| part == b"\r\n") {
            let line = take(link, end + 2);
            return Ok(Some(String::from_utf8_lossy(&line[..end]).into_owned()));
        }
        if !more(link).await? {
            return Ok(None);
        }
    }
}

async fn chunks(link: &mut Kept, got: &mut Got, fault: Fault) -> Result<(), u16> {
    loop {
        let Some(size) = line(link).await? else {
            return if fault == Fault::ChunksUnfinishedTaken { Ok(()) } else { Err(502) };
        };
        if fault == Fault::ExtensionsRefused && size.contains(';') {
            return Err(502);
        }
        let size = usize::from_str_radix(size.split(';').next().unwrap_or_default().trim(), 16)
            .map_err(|_| 502_u16)?;
        if size == 0 {
            while let Some(line) = line(link).await?.filter(|line| !line.is_empty()) {
                if let (Fault::TrailersMerged, Some((name, value))) = (fault, line.split_once(':')) {
                    got.headers.push((name.to_owned(), value.trim().to_owned()));
                }
            }
            return Ok(());
        }
        while link.held.len() < size + 2 && more(link).await? {}
        if link.held.len() < size + 2 {
            return Err(502);
        }
        let chunk = take(link, size + 2);
        got.body.extend_from_slice(&chunk[..size]);
        if got.body.len() > BODY_MAX && fault != Fault::EndlessTaken {
            return Err(502);
        }
    }
}
