//! Requests that two readers may read differently, as bytes: none of them may reach the endpoint behind as two.

use super::play::{Inside, settled};
use crate::behind::{Behind, Heard};
use crate::bench::Bench;
use crate::check::{Judgement, Otherwise};
use crate::privacy::wire::{Endpoint, Reach};

/// One connection to the gateway on which bytes go out as they are.
struct Wire<'a> {
    endpoint: Endpoint,
    behind: &'a Behind,
    /// Headers that every request needs: Host, and the token of the run.
    ground: String,
    /// The read that the gateway carries out.
    path: String,
    word: String,
    inside: Inside,
}

async fn wire(bench: &Bench) -> Result<Wire<'_>, Otherwise> {
    if !bench.target().base().starts_with("http://") {
        return Err(Otherwise::skipped("bytes are sent as they are in plain http only"));
    }
    let (behind, subject, inside) = settled(bench).await?;
    let endpoint = Endpoint::new(bench.target().base(), Reach::Remote).await;
    let endpoint = endpoint.map_err(|bad| Otherwise::error(bad.to_string()))?;
    let mut ground = format!("Host: {}\r\n", endpoint.host());
    if let Some(held) = bench.target().authorization() {
        ground.push_str(&format!("Authorization: {held}\r\n"));
    }
    let path = format!("{}/{}", endpoint.path(), subject.path());
    behind.take_heard();
    Ok(Wire { endpoint, behind, ground, path, word: format!("smuggled-{}", bench.tag()), inside })
}

impl Wire<'_> {
    /// Sends bytes; every status that came, and what was heard behind.
    async fn send(&self, bytes: &str) -> (Vec<u16>, String, Vec<Heard>) {
        let out = self.endpoint.raw(bytes.as_bytes()).await.unwrap_or_default();
        let text = String::from_utf8_lossy(&out).into_owned();
        let status = |part: &str| part.get(2..5).and_then(|code| code.parse().ok());
        let statuses = text.split("HTTP/1.").skip(1).filter_map(status).filter(|code| *code >= 200).collect();
        (statuses, text, self.behind.take_heard())
    }

    /// The request that is hidden in another.
    fn hidden(&self) -> String {
        format!("GET {}-{} HTTP/1.1\r\n{}\r\n", self.path, self.word, self.ground)
    }

    /// The hidden request was not heard, and the outer one either was refused or was answered once.
    fn judged(&self, told: &(Vec<u16>, String, Vec<Heard>), refusal: &str) -> Judgement {
        let (statuses, _, heard) = told;
        let hidden = |heard: &Heard| {
            heard.target.contains(&self.word) || heard.body.windows(8).any(|part| part == b"smuggled")
        };
        if heard.iter().any(hidden) {
            return Err(Otherwise::unmet(
                "nothing of a request hidden in another, behind",
                "it, or bytes of it",
            ));
        }
        match statuses.first() {
            None => Ok(()),
            Some(400..=499 | 501) => Ok(()),
            Some(status) => Err(Otherwise::unmet(refusal, format!("status {status}"))),
        }
    }
}

const REFUSED: &str = "status 400, or the connection closed";

pub(super) async fn both_framings(bench: &Bench) -> Judgement {
    let wire = wire(bench).await?;
    let hidden = wire.hidden();
    let chunks = format!("0\r\n\r\n{hidden}");
    let request = format!(
        "GET {} HTTP/1.1\r\n{}Content-Length: {}\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}",
        wire.path,
        wire.ground,
        chunks.len()
    );
    let told = wire.send(&request).await;
    // RFC 9112 lets a server process such a request by its coding alone, if it then closes the connection.
    let hidden = told.2.iter().any(|heard| heard.target.contains(&wire.word));
    if hidden || told.0.len() > 1 {
        return Err(Otherwise::unmet(
            "one request, whose connection is closed behind it, or none",
            "a second one",
        ));
    }
    Ok(())
}

pub(super) async fn two_lengths(bench: &Bench) -> Judgement {
    let wire = wire(bench).await?;
    let hidden = wire.hidden();
    let request = format!(
        "GET {} HTTP/1.1\r\n{}Content-Length: 0\r\nContent-Length: {}\r\n\r\n{hidden}",
        wire.path,
        wire.ground,
        hidden.len()
    );
    let told = wire.send(&request).await;
    wire.judged(&told, REFUSED)
}

pub(super) async fn unknown_coding(bench: &Bench) -> Judgement {
    let wire = wire(bench).await?;
    let hidden = wire.hidden();
    let request = format!(
        "GET {} HTTP/1.1\r\n{}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n{hidden}",
        wire.path, wire.ground
    );
    let told = wire.send(&request).await;
    wire.judged(&told, "status 400 or 501, or the connection closed")
}

pub(super) async fn blank_before_colon(bench: &Bench) -> Judgement {
    let wire = wire(bench).await?;
    let hidden = wire.hidden();
    let request = format!(
        "GET {} HTTP/1.1\r\n{}Content-Length : {}\r\n\r\n{hidden}",
        wire.path,
        wire.ground,
        hidden.len()
    );
    let told = wire.send(&request).await;
    wire.judged(&told, REFUSED)
}

pub(super) async fn two_hosts(bench: &Bench) -> Judgement {
    let wire = wire(bench).await?;
    let request = format!("GET {} HTTP/1.1\r\nHost: a.example\r\n{}\r\n", wire.path, wire.ground);
    let told = wire.send(&request).await;
    wire.judged(&told, "status 400 for two Host headers")
}

pub(super) async fn other_host(bench: &Bench) -> Judgement {
    let wire = wire(bench).await?;
    let host = format!("{}.example", wire.word);
    let ground = wire.ground.replacen(wire.endpoint.host(), &host, 1);
    let (kind, id) = wire.path.rsplit_once('/').unwrap_or((wire.path.as_str(), ""));
    let request = format!("GET {kind}?_id={id} HTTP/1.1\r\n{ground}Connection: close\r\n\r\n");
    let (_, text, heard) = wire.send(&request).await;
    let behind = heard.iter().any(|heard| heard.all("host").any(|held| held.contains(&wire.word)));
    if behind || text.contains(&host) {
        return Err(Otherwise::unmet(
            "no word of a Host that is not the gateway's",
            "it, in the answer or behind",
        ));
    }
    Ok(())
}

pub(super) async fn open_proxy(bench: &Bench) -> Judgement {
    let wire = wire(bench).await?;
    let astray = wire.behind.elsewhere();
    wire.behind.take_astray();
    let request = format!("GET http://{astray}/{} HTTP/1.1\r\nHost: {astray}\r\n\r\n", wire.word);
    wire.send(&request).await;
    let connect = format!(
        "CONNECT {astray} HTTP/1.1\r\nHost: {astray}\r\n\r\nGET /{} HTTP/1.1\r\nHost: x\r\n\r\n",
        wire.word
    );
    wire.send(&connect).await;
    if !wire.behind.take_astray().is_empty() {
        return Err(Otherwise::unmet("no request to an address that a client chose", "one"));
    }
    Ok(())
}

pub(super) async fn trace(bench: &Bench) -> Judgement {
    let wire = wire(bench).await?;
    let request = format!(
        "TRACE {} HTTP/1.1\r\n{}Cookie: {}\r\nConnection: close\r\n\r\n",
        wire.path, wire.ground, wire.word
    );
    let (_, text, heard) = wire.send(&request).await;
    if text.contains(&wire.word) || heard.iter().any(|heard| heard.method == "TRACE") {
        return Err(Otherwise::unmet("no TRACE passed on, and no cookie sent back", "one of them"));
    }
    Ok(())
}

pub(super) async fn paths(bench: &Bench) -> Judgement {
    let wire = wire(bench).await?;
    let base = wire.endpoint.path().to_owned();
    let word = &wire.word;
    for odd in ["Patient/../", "Patient/%2e%2e/", "Patient%2f..%2f", "Patient/..;/", "Patient\\..\\", "/../"]
    {
        let request = format!("GET {base}/{odd}{word} HTTP/1.1\r\n{}Connection: close\r\n\r\n", wire.ground);
        let (_, text, heard) = wire.send(&request).await;
        let odd = |heard: &Heard| {
            let target = heard.path().to_ascii_lowercase();
            ["..", "%2e", "%2f", "\\", "//", "%5c"].iter().any(|part| target.contains(part))
        };
        if heard.iter().any(odd) {
            return Err(Otherwise::unmet(
                "paths without dots, and slashes that are no slashes, behind",
                "one of them",
            ));
        }
        if wire.inside.in_text(&text) {
            return Err(Otherwise::unmet("nothing that names the endpoint behind", "its name in the answer"));
        }
    }
    Ok(())
}

pub(super) async fn pipelined(bench: &Bench) -> Judgement {
    let wire = wire(bench).await?;
    let one = format!("GET {} HTTP/1.1\r\n{}Accept: application/fhir+json\r\n", wire.path, wire.ground);
    let missing = format!("GET {}-{} HTTP/1.1\r\n{}\r\n", wire.path, wire.word, wire.ground);
    let (statuses, _, _) = wire.send(&format!("{one}\r\n{missing}{one}Connection: close\r\n\r\n")).await;
    match statuses.as_slice() {
        [200, 400..=499, 200] | [200] | [200, 400..=499] => Ok(()),
        [] => Err(Otherwise::error("there was no answer in time")),
        _ => {
            Err(Otherwise::unmet("answers in the order of the requests", "another order, or another number"))
        }
    }
}
