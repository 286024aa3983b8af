//! A request as it came in at the endpoint behind.

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

/// A head.
const HEAD_BYTES_MAX: usize = 256 * 1024;
/// A body.
const BODY_BYTES_MAX: usize = 24 << 20;

/// One request, with nothing mended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// Its method.
    pub method: String,
    /// Its target as written.
    pub target: String,
    /// Its headers as written, in order.
    pub headers: Vec<(String, String)>,
    /// Its body, without framing.
    pub body: Vec<u8>,
    /// Whether lines ended and were framed as RFC 9112 wants them.
    pub framing: Framing,
}

/// How the message was framed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// As the specification says.
    Sound,
    /// In a way that two readers may read differently.
    Doubtful(&'static str),
}

impl Heard {
    /// Every value of a header.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers
            .iter()
            .filter(move |(held, _)| held.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The first value of a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(held, _)| held.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The path of the target.
    #[must_use]
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// What stands behind the question mark, and, of a search by POST, in the body.
    #[must_use]
    pub fn query(&self) -> String {
        let mut query = self.target.split_once('?').map_or("", |(_, query)| query).to_owned();
        let form = self.header("content-type").is_some_and(|held| held.contains("x-www-form-urlencoded"));
        if form && !self.body.is_empty() {
            if !query.is_empty() {
                query.push('&');
            }
            query.push_str(&String::from_utf8_lossy(&self.body));
        }
        query
    }

    /// The parameters, decoded.
    #[must_use]
    pub fn parameters(&self) -> Vec<(String, String)> {
        let query = self.query();
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        pairs
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
            .map(|(n, v)| (decoded(n), decoded(v)))
            .collect()
    }

    /// Base, type and what follows: the first part of the path that is written like a type, or `metadata`, ends the base.
    #[must_use]
    pub fn split(&self) -> (String, Vec<&str>) {
        let parts: Vec<&str> = self.path().split('/').collect();
        let is_name =
            |part: &str| part == "metadata" || part.starts_with(|first: char| first.is_ascii_uppercase());
        let at = parts.iter().position(|part| is_name(part)).unwrap_or(parts.len());
        let base = parts.get(..at).unwrap_or_default().join("/");
        (base, parts.get(at..).unwrap_or_default().to_vec())
    }

    /// The type that the path names.
    #[must_use]
    pub fn resource_type(&self) -> Option<&str> {
        self.split().1.first().copied().filter(|name| *name != "metadata")
    }

    /// Whether nothing more can be read of the connection: its framing is in doubt, or it is to be closed.
    #[must_use]
    pub fn is_last(&self) -> bool {
        let closing = self.all("connection").any(|held| held.to_ascii_lowercase().contains("close"));
        closing || self.framing != Framing::Sound
    }
}

/// `text` without percent-encoding and with blanks for plus signs.
fn decoded(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'+' => out.push(b' '),
            b'%' => {
                let pair: Vec<u8> = bytes.by_ref().take(2).collect();
                let digits = std::str::from_utf8(&pair).ok();
                match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
                    Some(value) => out.push(value),
                    None => {
                        out.push(b'%');
                        out.extend(pair);
                    }
                }
            }
            other => out.push(other),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Reads one request off the connection; none when it has ended.
///
/// # Errors
/// When it breaks.
pub(super) async fn read(stream: &mut TcpStream, held: &mut Vec<u8>) -> std::io::Result<Option<Heard>> {
    let end = loop {
        if let Some(end) = held.windows(4).position(|window| window == b"\r\n\r\n") {
            break end.saturating_add(4);
        }
        if held.len() > HEAD_BYTES_MAX || !more(stream, held).await? {
            return Ok(None);
        }
    };
    let rest = held.split_off(end);
    let head = std::mem::replace(held, rest);
    let text: String = head.iter().map(|byte| char::from(*byte)).collect();
    let mut lines = text.split("\r\n").filter(|line| !line.is_empty());
    let first = lines.next().unwrap_or_default();
    let mut words = first.split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let mut framing = Framing::Sound;
    let mut headers = Vec::new();
    for line in lines {
        if line.starts_with([' ', '\t']) || line.contains(['\n', '\r']) {
            framing = Framing::Doubtful("a line that is folded or ends otherwise than with CR LF");
        }
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        if name.ends_with([' ', '\t']) || !line.contains(':') {
            framing = Framing::Doubtful("a header line without a name, or with a blank behind it");
        }
        headers.push((name.trim().to_owned(), value.trim().to_owned()));
    }
    let mut heard =
        Heard { method: method.to_owned(), target: target.to_owned(), headers, body: Vec::new(), framing };
    body(stream, held, &mut heard).await?;
    Ok(Some(heard))
}

async fn body(stream: &mut TcpStream, held: &mut Vec<u8>, heard: &mut Heard) -> std::io::Result<()> {
    let mut lengths: Vec<String> = heard.all("content-length").map(str::to_owned).collect();
    let codings: Vec<String> = heard.all("transfer-encoding").map(str::to_ascii_lowercase).collect();
    if !lengths.is_empty() && !codings.is_empty() {
        heard.framing = Framing::Doubtful("both Content-Length and Transfer-Encoding");
    } else if lengths.len() > 1 {
        heard.framing = Framing::Doubtful("more than one Content-Length");
    } else if codings.iter().any(|coding| coding != "chunked") {
        heard.framing = Framing::Doubtful("a transfer coding other than chunked");
    }
    if codings.iter().any(|coding| coding.contains("chunked")) {
        return chunks(stream, held, heard).await;
    }
    let wanted = lengths.pop().and_then(|length| length.parse::<usize>().ok()).unwrap_or(0);
    let wanted = wanted.min(BODY_BYTES_MAX);
    while held.len() < wanted && more(stream, held).await? {}
    let rest = held.split_off(held.len().min(wanted));
    heard.body = std::mem::replace(held, rest);
    Ok(())
}

async fn chunks(stream: &mut TcpStream, held: &mut Vec<u8>, heard: &mut Heard) -> std::io::Result<()> {
    loop {
        let Some(line) = line(stream, held).await? else { return Ok(()) };
        let size = line.split(';').next().map(str::trim).unwrap_or_default();
        let Ok(size) = usize::from_str_radix(size, 16) else {
            heard.framing = Framing::Doubtful("a chunk without a size");
            return Ok(());
        };
        if size == 0 {
            while line_is_text(stream, held).await? {}
            return Ok(());
        }
        if heard.body.len().saturating_add(size) > BODY_BYTES_MAX {
            heard.framing = Framing::Doubtful("a body larger than is read");
            return Ok(());
        }
        while held.len() < size.saturating_add(2) && more(stream, held).await? {}
        let rest = held.split_off(held.len().min(size.saturating_add(2)));
        let mut chunk = std::mem::replace(held, rest);
        chunk.truncate(size);
        heard.body.extend(chunk);
    }
}

async fn line_is_text(stream: &mut TcpStream, held: &mut Vec<u8>) -> std::io::Result<bool> {
    Ok(line(stream, held).await?.is_some_and(|line| !line.is_empty()))
}

async fn line(stream: &mut TcpStream, held: &mut Vec<u8>) -> std::io::Result<Option<String>> {
    loop {
        if let Some(end) = held.windows(2).position(|window| window == b"\r\n") {
            let rest = held.split_off(end.saturating_add(2));
            let mut line = std::mem::replace(held, rest);
            line.truncate(end);
            return Ok(Some(line.iter().map(|byte| char::from(*byte)).collect()));
        }
        if held.len() > HEAD_BYTES_MAX || !more(stream, held).await? {
            return Ok(None);
        }
    }
}

async fn more(stream: &mut TcpStream, held: &mut Vec<u8>) -> std::io::Result<bool> {
    let mut block = vec![0_u8; 16_384];
    let length = stream.read(&mut block).await?;
    held.extend_from_slice(block.get(..length).unwrap_or_default());
    Ok(length > 0)
}
