//! HTTP/2 as bytes: requests that are reset at once, and fields that HTTP/1.1 would understand differently.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::super::battery::Attack;
use super::super::bench::{Bench, Ended, Outcome, added, clean};
use super::compare::key;

const CALL_MAX: Duration = Duration::from_secs(10);
const FRAME_BYTES_MAX: usize = 1 << 20;
const FRAMES_MAX: usize = 1_000;
/// Streams that are reset.
const RESETS: usize = 5;
/// The record of a stream that was reset is waited for so often.
const LOOKS_MAX: u32 = 60;
const LOOK_EVERY: Duration = Duration::from_millis(100);

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RESET: u8 = 3;
const SETTINGS: u8 = 4;
const GOODBYE: u8 = 7;
const END_OF_STREAM: u8 = 1;
const END_OF_HEADERS: u8 = 4;
/// `:status 200` in the table that every reader has.
const STATUS_200: u8 = 0x88;

type Fields<'a> = Vec<(&'a str, &'a str)>;

/// What came back on the first stream.
#[derive(Debug, Default)]
struct Heard {
    frames: usize,
    served: bool,
    content: Vec<u8>,
}

/// Requests that are reset as soon as they are sent are recorded like all others, and end nobody else's.
pub(super) async fn reset(bench: &Bench, attack: &Attack) -> Result<Outcome, Ended> {
    let own = own_fields(bench, attack)?;
    let right = asked(bench, &fields(&own.borrowed()), END_OF_STREAM | END_OF_HEADERS, None).await?;
    clean(&bench.scanner(attack), &right.content)?;
    if !right.served {
        return Err(Outcome::NotRun("it speaks no HTTP/2 here, or serves nothing by it".to_owned()));
    }
    let before = recorded(bench, attack).await?;
    let marks = bench.marks(&bench.upstream_logs);
    for _ in 0..RESETS {
        let unsent = |_| Outcome::Leaked("no connection for a request that is reset".to_owned());
        let mut stream = TcpStream::connect(bench.target.address()).await.map_err(unsent)?;
        let mut bytes = preface();
        bytes.extend(frame(HEADERS, END_OF_STREAM | END_OF_HEADERS, &fields(&own.borrowed())));
        stream.write_all(&bytes).await.map_err(unsent)?;
        // The server has begun to read once it speaks. 8: the client needs the answer no more.
        drop(next_frame(&mut stream).await);
        stream.write_all(&frame(RESET, 0, &[0, 0, 0, 8])).await.map_err(unsent)?;
    }
    for _ in 0..LOOKS_MAX {
        let new = recorded(bench, attack).await?.difference(&before).count();
        if new >= RESETS {
            return Ok(Outcome::Held(format!("{RESETS} requests that were reset at once are recorded")));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    // A stream may be gone before its request was taken up: then nothing was fetched for it, and nothing is to be recorded.
    let new = recorded(bench, attack).await?.difference(&before).count();
    let key = key(&attack.request.path).unwrap_or_default();
    let fetched = String::from_utf8_lossy(&added(&marks)?).matches(&format!("/{key} HTTP/1.1")).count();
    let told = format!(
        "of {RESETS} requests that were reset at once {new} are recorded, {fetched} were fetched for"
    );
    Ok(if new >= fetched.max(1) { Outcome::Held(told) } else { Outcome::Leaked(told) })
}

/// The ids of what PRIV reads about the record of the attack.
async fn recorded(bench: &Bench, attack: &Attack) -> Result<std::collections::BTreeSet<String>, Ended> {
    let wanting = |why: &str| Outcome::NotRun(format!("{why}, so nobody knows what was recorded"));
    let place = bench.audit.as_ref().ok_or_else(|| wanting("it needs --audit"))?;
    let key = key(&attack.request.path).ok_or_else(|| wanting("it names no record"))?;
    let token = bench.filled("Bearer {{PRIV}}")?;
    let headers =
        [("Authorization".to_owned(), token), ("Accept".to_owned(), "application/fhir+json".to_owned())];
    let answer = bench.target.ask("GET", &place.replace("{}", &key), &headers, None).await;
    let answer = answer.ok().filter(|answer| answer.status == 200);
    let answer = answer.ok_or_else(|| wanting("the trail does not answer"))?;
    let page: serde_json::Value =
        super::super::battery::parsed(&String::from_utf8_lossy(&answer.body)).unwrap_or_default();
    let entries = page.get("entry").and_then(serde_json::Value::as_array);
    let id = |entry: &serde_json::Value| Some(entry.pointer("/resource/id")?.as_str()?.to_owned());
    Ok(entries.into_iter().flatten().filter_map(id).collect())
}

/// What HTTP/2 cannot say in HTTP/1.1 is refused before the upstream hears of it.
pub(super) async fn downgrade(bench: &Bench, attack: &Attack) -> Result<Outcome, Ended> {
    let own = own_fields(bench, attack)?;
    let whole = END_OF_STREAM | END_OF_HEADERS;
    let right = asked(bench, &fields(&own.borrowed()), whole, None).await?;
    clean(&bench.scanner(attack), &right.content)?;
    if !right.served {
        return Err(Outcome::NotRun("it speaks no HTTP/2 here, or serves nothing by it".to_owned()));
    }
    if bench.upstream_logs.is_empty() {
        return Err(Outcome::NotRun("it needs --upstream-log to know what the upstream hears".to_owned()));
    }
    let marks = bench.marks(&bench.upstream_logs);
    let path = own.path.clone();
    let wrong: [(&str, &str); 10] = [
        ("x", "a\r\nx-consent-scope: btg"),
        ("x", "a\0b"),
        ("x\r\ny", "a"),
        ("X-Upper", "a"),
        ("transfer-encoding", "chunked"),
        ("connection", "keep-alive"),
        ("te", "gzip"),
        ("content-length", "5"),
        ("host", "evil.invalid"),
        (":path", &path),
    ];
    for also in wrong {
        let mut all = own.borrowed();
        all.push(also);
        let heard = asked(bench, &fields(&all), whole, None).await?;
        clean(&bench.scanner(attack), &heard.content)?;
        if heard.served {
            let name = also.0.escape_debug();
            return Ok(Outcome::Leaked(format!("serves a request with a field {name} that HTTP/2 forbids")));
        }
    }
    for length in ["3", "60"] {
        let mut all = own.borrowed();
        all.iter_mut().filter(|(name, _)| *name == ":method").for_each(|field| field.1 = "POST");
        all.extend([("content-length", length), ("content-type", "application/fhir+json")]);
        let heard = asked(bench, &fields(&all), END_OF_HEADERS, Some(b"{\"a\":1}")).await?;
        clean(&bench.scanner(attack), &heard.content)?;
        if heard.served {
            return Ok(Outcome::Leaked(format!("serves a body of 7 bytes said to be {length} long")));
        }
    }
    match added(&marks)?.is_empty() {
        true => Ok(Outcome::Held(
            "12 requests that HTTP/2 forbids are refused, and the upstream hears nothing".to_owned(),
        )),
        false => Ok(Outcome::Leaked("the upstream hears of requests that HTTP/2 forbids".to_owned())),
    }
}

/// The fields of the attack's own request.
struct Own {
    method: String,
    path: String,
    authority: String,
    headers: Vec<(String, String)>,
}

impl Own {
    fn borrowed(&self) -> Fields<'_> {
        let pseudo = [(":method", &self.method), (":path", &self.path), (":authority", &self.authority)];
        let pseudo = pseudo.map(|(name, value)| (name, value.as_str()));
        let headers = self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        pseudo.into_iter().chain([(":scheme", "http")]).chain(headers).collect()
    }
}

fn own_fields(bench: &Bench, attack: &Attack) -> Result<Own, Ended> {
    let mut headers = Vec::new();
    for (name, value) in &attack.request.headers {
        headers.push((name.to_ascii_lowercase(), bench.filled(value)?));
    }
    Ok(Own {
        method: attack.request.method.clone(),
        path: format!("{}{}", bench.prefix, attack.request.path),
        authority: bench.target.host().to_owned(),
        headers,
    })
}

/// Sends one request on a connection of its own, and listens until its stream or the connection ends.
async fn asked(bench: &Bench, block: &[u8], flags: u8, data: Option<&[u8]>) -> Result<Heard, Ended> {
    let mut bytes = preface();
    bytes.extend(frame(HEADERS, flags, block));
    if let Some(data) = data {
        bytes.extend(frame(DATA, END_OF_STREAM, data));
    }
    let no_answer = || Outcome::Leaked("no answer by HTTP/2".to_owned());
    let mut stream = TcpStream::connect(bench.target.address()).await.map_err(|_| no_answer())?;
    stream.write_all(&bytes).await.map_err(|_| no_answer())?;
    let mut heard = Heard::default();
    let listening = async {
        while let Some((kind, flags, on_stream, payload)) = next_frame(&mut stream).await {
            heard.frames += 1;
            match kind {
                HEADERS if on_stream => {
                    // A reader's table may be sized first.
                    let first = payload.iter().find(|byte| **byte & 0xe0 != 0x20);
                    heard.served |= first == Some(&STATUS_200);
                }
                DATA if on_stream => heard.content.extend(payload),
                _ => {}
            }
            let ended = on_stream && (kind == RESET || (kind <= HEADERS && flags & END_OF_STREAM != 0));
            if ended || kind == GOODBYE || heard.frames > FRAMES_MAX {
                return;
            }
        }
    };
    match tokio::time::timeout(CALL_MAX, listening).await {
        Ok(()) => Ok(heard),
        Err(_) => Err(Outcome::Leaked("no answer in time by HTTP/2".to_owned())),
    }
}

/// The next frame: its kind, its flags, whether it is of the first stream, and what is in it.
async fn next_frame(stream: &mut TcpStream) -> Option<(u8, u8, bool, Vec<u8>)> {
    let mut head = [0_u8; 9];
    stream.read_exact(&mut head).await.ok()?;
    let [long, middle, short, kind, flags, stream_number @ ..] = head;
    let length = usize::try_from(u32::from_be_bytes([0, long, middle, short])).ok()?;
    if length > FRAME_BYTES_MAX {
        return None;
    }
    let mut payload = vec![0; length];
    stream.read_exact(&mut payload).await.ok()?;
    Some((kind, flags, stream_number == [0, 0, 0, 1], payload))
}

/// The start of a connection: preface and settings.
fn preface() -> Vec<u8> {
    let settings = [0, 0, 0, SETTINGS, 0, 0, 0, 0, 0];
    [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".as_slice(), &settings].concat()
}

/// A frame on the first stream.
fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
    let [_, length @ ..] = u32::try_from(payload.len()).unwrap_or(u32::MAX).to_be_bytes();
    [length.as_slice(), &[kind, flags, 0, 0, 0, 1], payload].concat()
}

/// Header fields as they stand, neither indexed nor compressed; names of HTTP/2 first.
fn fields(all: &[(&str, &str)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, value) in all {
        out.push(0);
        for text in [name, value] {
            out.extend(length_of(text.len()));
            out.extend_from_slice(text.as_bytes());
        }
    }
    out
}

/// A length by a prefix of seven bits, and more in groups of seven bits.
fn length_of(length: usize) -> Vec<u8> {
    let byte = |number: usize| u8::try_from(number).unwrap_or(u8::MAX);
    if length < 127 {
        return vec![byte(length)];
    }
    let mut out = vec![127];
    let mut rest = length - 127;
    while rest >= 128 {
        out.push(byte(rest % 128) | 128);
        rest /= 128;
    }
    out.push(byte(rest));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_and_frames_are_written_as_the_standard_has_them() {
        assert_eq!(length_of(126), [126]);
        assert_eq!(length_of(127), [127, 0]);
        // RFC 7541, C.1.2 with seven bits instead of five.
        assert_eq!(length_of(1337), [127, 186, 9]);
        assert_eq!(fields(&[("a", "bc")]), [0, 1, b'a', 2, b'b', b'c']);
        assert_eq!(frame(RESET, 0, &[0, 0, 0, 8]), [0, 0, 4, 3, 0, 0, 0, 0, 1, 0, 0, 0, 8]);
    }
}
