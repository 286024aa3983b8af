//! HTTP/1.1 as bytes: an attack must go out as it is written, wrong methods, odd targets and all, and an answer must be seen
//! as it came. A client library would mend both.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// One exchange.
const CALL_MAX: Duration = Duration::from_secs(10);
/// Silence after which a raw conversation is over.
const QUIET: Duration = Duration::from_millis(700);
/// One answer.
const ANSWER_BYTES_MAX: usize = 24 * 1024 * 1024;
/// Its head.
const HEAD_BYTES_MAX: usize = 256 * 1024;

/// Whether servers elsewhere may be attacked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Only what runs on this machine.
    Loopback,
    /// Anything; the user has said so.
    Remote,
}

/// Why an address cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadEndpoint {
    /// Not of the form `http://host:port/path`.
    #[error(
        "an address here is http://host:port, with or without a path, and has no credentials and no query"
    )]
    Form,
    /// Nothing by that name.
    #[error("the host of an address is not known")]
    Unknown,
    /// Elsewhere.
    #[error("this suite attacks; it does so on loopback only, unless --allow-remote is given")]
    Remote,
}

/// Where requests go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    address: SocketAddr,
    host: String,
    path: String,
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// No connection, or it ended before there was an answer.
    #[error("no answer")]
    Unanswered,
    /// Not in time.
    #[error("no answer in time")]
    Late,
    /// Not HTTP.
    #[error("an answer that is no HTTP")]
    NotHttp,
    /// More than is read.
    #[error("an answer larger than this suite reads")]
    TooLarge,
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Headers as they came, then trailers.
    pub headers: Vec<(String, String)>,
    /// The body, without the framing of the transfer.
    pub body: Vec<u8>,
}

impl Answer {
    /// The first header of that name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(held, _)| held.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Whether the server refused.
    #[must_use]
    pub const fn refused(&self) -> bool {
        self.status >= 400
    }

    /// The headers as text.
    #[must_use]
    pub fn head(&self) -> String {
        self.headers.iter().map(|(name, value)| format!("{name}: {value}\n")).collect()
    }
}

impl Endpoint {
    /// Reads an address and looks its host up once.
    ///
    /// # Errors
    /// [`BadEndpoint`]
    pub async fn new(address: &str, reach: Reach) -> Result<Self, BadEndpoint> {
        let rest = address.strip_prefix("http://").ok_or(BadEndpoint::Form)?;
        let (host, path) = rest.split_once('/').map_or((rest, ""), |(host, path)| (host, path));
        if host.is_empty() || rest.contains(['@', '?', '#', ' ']) || rest.chars().any(char::is_control) {
            return Err(BadEndpoint::Form);
        }
        let port_given = host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        let named = if port_given { host.to_owned() } else { format!("{host}:80") };
        let found: Vec<SocketAddr> =
            tokio::net::lookup_host(named).await.map_err(|_| BadEndpoint::Unknown)?.collect();
        if reach == Reach::Loopback && !found.iter().all(|address| is_loopback(address.ip())) {
            return Err(BadEndpoint::Remote);
        }
        let address = found.into_iter().next().ok_or(BadEndpoint::Unknown)?;
        let path = path.trim_end_matches('/');
        let path = if path.is_empty() { String::new() } else { format!("/{path}") };
        Ok(Self { address, host: host.to_owned(), path })
    }

    /// The path of the address, without a trailing slash.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Host and port as written.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The address that the host has.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whether anything listens there.
    pub async fn listens(&self) -> bool {
        let connected = tokio::time::timeout(CALL_MAX, TcpStream::connect(self.address)).await;
        matches!(connected, Ok(Ok(_)))
    }

    /// Sends one request and reads one answer. `target` is written as it is.
    ///
    /// # Errors
    /// [`Trouble`]
    pub async fn ask(
        &self,
        method: &str,
        target: &str,
        headers: &[(String, String)],
        body: Option<&[u8]>,
    ) -> Result<Answer, Trouble> {
        let mut sent = format!("{method} {target} HTTP/1.1\r\nHost: {}\r\n", self.host).into_bytes();
        for (name, value) in headers {
            sent.extend_from_slice(name.as_bytes());
            sent.extend_from_slice(b": ");
            sent.extend(value.chars().map(|letter| u8::try_from(letter).unwrap_or(b'?')));
            sent.extend_from_slice(b"\r\n");
        }
        if let Some(body) = body {
            sent.extend_from_slice(format!("Content-Length: {}\r\n", body.len()).as_bytes());
        }
        sent.extend_from_slice(b"\r\n");
        sent.extend_from_slice(body.unwrap_or_default());
        tokio::time::timeout(CALL_MAX, self.converse(method, &sent)).await.map_err(|_| Trouble::Late)?
    }

    async fn converse(&self, method: &str, sent: &[u8]) -> Result<Answer, Trouble> {
        let mut stream = TcpStream::connect(self.address).await.map_err(|_| Trouble::Unanswered)?;
        // A server may answer before it has read everything; what it says counts.
        let sent = stream.write_all(sent).await;
        let mut incoming = Incoming { stream, held: Vec::new() };
        let answer = incoming.answer(method).await;
        match (sent, answer) {
            (Err(_), Err(Trouble::NotHttp)) => Err(Trouble::Unanswered),
            (_, answer) => answer,
        }
    }

    /// Sends bytes as they are, and reads until the other side has closed or is silent.
    ///
    /// # Errors
    /// [`Trouble`]
    pub async fn raw(&self, bytes: &[u8]) -> Result<Vec<u8>, Trouble> {
        let mut stream = TcpStream::connect(self.address).await.map_err(|_| Trouble::Unanswered)?;
        stream.write_all(bytes).await.map_err(|_| Trouble::Unanswered)?;
        let mut out = Vec::new();
        let mut block = vec![0_u8; 65_536];
        let until = tokio::time::Instant::now() + CALL_MAX;
        while out.len() < ANSWER_BYTES_MAX && tokio::time::Instant::now() < until {
            match tokio::time::timeout(QUIET, stream.read(&mut block)).await {
                Ok(Ok(length)) if length > 0 => {
                    out.extend_from_slice(block.get(..length).unwrap_or_default());
                }
                _ => break,
            }
        }
        Ok(out)
    }
}

fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

struct Incoming {
    stream: TcpStream,
    held: Vec<u8>,
}

impl Incoming {
    async fn answer(&mut self, method: &str) -> Result<Answer, Trouble> {
        loop {
            let head = self.head().await?;
            let (status, headers) = parsed(&head)?;
            if (100..200).contains(&status) && status != 101 {
                continue;
            }
            let mut answer = Answer { status, headers, body: Vec::new() };
            let bodyless = method == "HEAD" || matches!(status, 101 | 204 | 304);
            if !bodyless {
                self.body(&mut answer).await?;
            }
            return Ok(answer);
        }
    }

    async fn head(&mut self) -> Result<Vec<u8>, Trouble> {
        loop {
            if let Some(end) = position(&self.held, b"\r\n\r\n") {
                let rest = self.held.split_off(end + 4);
                return Ok(std::mem::replace(&mut self.held, rest));
            }
            if self.held.len() > HEAD_BYTES_MAX {
                return Err(Trouble::NotHttp);
            }
            if !self.more().await? {
                return Err(if self.held.is_empty() { Trouble::Unanswered } else { Trouble::NotHttp });
            }
        }
    }

    async fn body(&mut self, answer: &mut Answer) -> Result<(), Trouble> {
        if answer
            .header("transfer-encoding")
            .is_some_and(|coding| coding.to_ascii_lowercase().contains("chunked"))
        {
            return self.chunks(answer).await;
        }
        let length = answer.header("content-length").and_then(|text| text.trim().parse::<usize>().ok());
        let wanted = length.unwrap_or(usize::MAX);
        // A body that breaks off is an answer too: what came of it is judged.
        while self.held.len() < wanted && self.more().await? {}
        self.held.truncate(wanted);
        answer.body = std::mem::take(&mut self.held);
        Ok(())
    }

    async fn chunks(&mut self, answer: &mut Answer) -> Result<(), Trouble> {
        loop {
            let Some(line) = self.line().await? else { return Ok(()) };
            let size = line.split(';').next().map(str::trim).unwrap_or_default();
            let Ok(size) = usize::from_str_radix(size, 16) else { return Err(Trouble::NotHttp) };
            if size == 0 {
                break;
            }
            if size > ANSWER_BYTES_MAX {
                return Err(Trouble::TooLarge);
            }
            while self.held.len() < size + 2 && self.more().await? {}
            let rest = self.held.split_off(self.held.len().min(size + 2));
            let mut chunk = std::mem::replace(&mut self.held, rest);
            chunk.truncate(size);
            answer.body.extend(chunk);
            if answer.body.len() > ANSWER_BYTES_MAX {
                return Err(Trouble::TooLarge);
            }
        }
        while let Some(line) = self.line().await?.filter(|line| !line.is_empty()) {
            answer.headers.push(field(&line));
        }
        Ok(())
    }

    async fn line(&mut self) -> Result<Option<String>, Trouble> {
        loop {
            if let Some(end) = position(&self.held, b"\r\n") {
                let rest = self.held.split_off(end + 2);
                let mut line = std::mem::replace(&mut self.held, rest);
                line.truncate(end);
                return Ok(Some(latin(&line)));
            }
            if self.held.len() > HEAD_BYTES_MAX {
                return Err(Trouble::NotHttp);
            }
            if !self.more().await? {
                return Ok(None);
            }
        }
    }

    /// Reads what there is; whether there was anything.
    async fn more(&mut self) -> Result<bool, Trouble> {
        if self.held.len() > ANSWER_BYTES_MAX {
            return Err(Trouble::TooLarge);
        }
        let mut block = [0_u8; 16_384];
        match self.stream.read(&mut block).await {
            Ok(0) | Err(_) => Ok(false),
            Ok(length) => {
                self.held.extend_from_slice(block.get(..length).unwrap_or_default());
                Ok(true)
            }
        }
    }
}

fn position(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

fn latin(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

fn field(line: &str) -> (String, String) {
    let (name, value) = line.split_once(':').unwrap_or((line, ""));
    (name.trim().to_owned(), value.trim().to_owned())
}

type Head = (u16, Vec<(String, String)>);

fn parsed(head: &[u8]) -> Result<Head, Trouble> {
    let text = latin(head);
    let mut lines = text.split("\r\n").filter(|line| !line.is_empty());
    let first = lines.next().ok_or(Trouble::NotHttp)?;
    let status = first.strip_prefix("HTTP/1.").and_then(|rest| rest.split(' ').nth(1));
    let status = status.and_then(|status| status.parse().ok()).ok_or(Trouble::NotHttp)?;
    Ok((status, lines.map(field).collect()))
}
