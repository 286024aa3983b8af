//! The side of the reference proxy that faces clients: requests as RFC 9112 wants them, or 400.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::Fault;
use super::upstream::Kept;

/// A request as it was understood.
#[derive(Debug, Default)]
pub(super) struct Asked {
    pub(super) method: String,
    pub(super) target: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Asked {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(held, _)| held.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    fn count(&self, name: &str) -> usize {
        self.headers.iter().filter(|(held, _)| held.eq_ignore_ascii_case(name)).count()
    }
}

/// What becomes of a connection behind an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum After {
    KeepOpen,
    Close,
}

/// An answer before it is bytes.
#[derive(Debug, Clone)]
pub(super) struct Given {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Given {
    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    fn bytes(&self, method: &str, after: After) -> Vec<u8> {
        let mut out = format!("HTTP/1.1 {} Told\r\n", self.status);
        for (name, value) in &self.headers {
            out.push_str(&format!("{name}: {value}\r\n"));
        }
        if after == After::Close {
            out.push_str("Connection: close\r\n");
        }
        if self.status != 304 && self.status != 204 {
            out.push_str(&format!("Content-Length: {}\r\n", self.body.len()));
        }
        out.push_str("\r\n");
        let mut out = out.into_bytes();
        if method != "HEAD" && self.status != 304 && self.status != 204 {
            out.extend_from_slice(&self.body);
        }
        out
    }
}

pub(super) async fn converse(mut stream: TcpStream, proxy: &super::Proxy) -> std::io::Result<()> {
    let (mut held, mut kept): (Vec<u8>, Option<Kept>) = (Vec::new(), None);
    let mut served = 0_usize;
    loop {
        let end = loop {
            if let Some(end) = held.windows(4).position(|part| part == b"\r\n\r\n") {
                break end + 4;
            }
            if !more(&mut stream, &mut held).await? {
                return Ok(());
            }
        };
        let pipelined = served > 0 || held.len() > end;
        let rest = held.split_off(end);
        let head = String::from_utf8_lossy(&std::mem::replace(&mut held, rest)).into_owned();
        let mut asked = match parsed(&head, proxy.fault) {
            Ok(asked) => asked,
            Err(status) => {
                stream.write_all(&super::outcome(status).bytes("GET", After::Close)).await?;
                return stream.shutdown().await;
            }
        };
        let last = body(&mut stream, &mut held, &mut asked, proxy.fault).await?;
        let close = last || asked.header("connection").is_some_and(|held| held.eq_ignore_ascii_case("close"));
        let after = if close { After::Close } else { After::KeepOpen };
        let mut shared = proxy.kept.lock().await;
        let kept = if proxy.fault == Fault::LeftoversKept { &mut *shared } else { &mut kept };
        let given = proxy.answer(&asked, &head, kept).await;
        drop(shared);
        served += 1;
        // With this fault an error in the middle of a row is not told.
        if proxy.fault == Fault::PipelineSkips && pipelined && given.status == 404 {
            continue;
        }
        stream.write_all(&given.bytes(&asked.method, after)).await?;
        if close {
            return stream.shutdown().await;
        }
    }
}

async fn more(stream: &mut TcpStream, held: &mut Vec<u8>) -> std::io::Result<bool> {
    let mut block = vec![0_u8; 16_384];
    let length = stream.read(&mut block).await?;
    held.extend_from_slice(&block[..length]);
    Ok(length > 0)
}

fn parsed(head: &str, fault: Fault) -> Result<Asked, u16> {
    let mut lines = head.split("\r\n").filter(|line| !line.is_empty());
    let mut words = lines.next().unwrap_or_default().split(' ');
    let mut asked = Asked {
        method: words.next().unwrap_or_default().to_owned(),
        target: words.next().ok_or(400_u16)?.to_owned(),
        ..Asked::default()
    };
    for line in lines {
        let (name, value) = line.split_once(':').ok_or(400_u16)?;
        if name.contains([' ', '\t']) && fault != Fault::BlankTaken {
            return Err(400);
        }
        asked.headers.push((name.trim().to_owned(), value.trim().to_owned()));
    }
    if asked.count("host") != 1 && fault != Fault::TwoHostsTaken {
        return Err(400);
    }
    if asked.count("content-length") > 1 && fault != Fault::TwoLengthsTaken {
        return Err(400);
    }
    if let Some(coding) = asked.header("transfer-encoding") {
        if coding != "chunked" && fault != Fault::UnknownCodingTaken {
            return Err(501);
        }
        if asked.count("content-length") > 0 && fault != Fault::CodingThenGoesOn {
            return Err(400);
        }
    }
    Ok(asked)
}

/// Reads the body; whether the connection ends behind it.
async fn body(
    stream: &mut TcpStream,
    held: &mut Vec<u8>,
    asked: &mut Asked,
    fault: Fault,
) -> std::io::Result<bool> {
    if asked.header("transfer-encoding").is_some_and(|coding| coding == "chunked") {
        // Nobody who is tested sends more than the last chunk.
        while !held.windows(5).any(|part| part == b"0\r\n\r\n") && more(stream, held).await? {}
        let rest = held.split_off(5.min(held.len()));
        *held = rest;
        return Ok(fault != Fault::CodingThenGoesOn);
    }
    let wanted = asked.header("content-length").and_then(|held| held.parse::<usize>().ok()).unwrap_or(0);
    while held.len() < wanted && more(stream, held).await? {}
    let rest = held.split_off(wanted.min(held.len()));
    asked.body = std::mem::replace(held, rest);
    Ok(false)
}
