//! Answers from behind that have no end, or end too late.

use std::io::Write;
use std::sync::OnceLock;
use std::time::Duration;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;

use super::answers::framed;
use super::play::{Told, settled, told, word};
use crate::behind::Act;
use crate::bench::Bench;
use crate::check::{Judgement, Otherwise};
use crate::target::Trouble;

/// What a small compressed answer unfolds to; more than any record.
const BOMB_BYTES: usize = 48 << 20;
/// What is sent of an answer without an end.
const ENDLESS_BLOCKS: usize = 1_024;
const BLOCK_BYTES: usize = 65_536;

pub(super) async fn bomb(bench: &Bench) -> Judgement {
    static BOMB: OnceLock<Vec<u8>> = OnceLock::new();
    let (_, subject, _) = settled(bench).await?;
    let packed = BOMB.get_or_init(|| packed(&subject.kind, &subject.id)).clone();
    let told =
        told(bench, move |_, reply| reply.with("Content-Encoding", "gzip").body(packed.clone()).acts())
            .await?;
    bounded(&told)
}

/// A record with an endless number of blanks in it, compressed.
fn packed(kind: &str, id: &str) -> Vec<u8> {
    let mut out = GzEncoder::new(Vec::new(), Compression::fast());
    let block = vec![b' '; BLOCK_BYTES];
    // Writing into memory does not fail; if it did, what there is would be sent.
    let mut fine = out.write_all(format!("{{\"resourceType\":\"{kind}\",\"id\":\"{id}\"").as_bytes()).is_ok();
    for _ in 0..BOMB_BYTES / BLOCK_BYTES {
        fine = fine && out.write_all(&block).is_ok();
    }
    fine = fine && out.write_all(b"}").is_ok();
    if fine { out.finish().unwrap_or_default() } else { Vec::new() }
}

pub(super) async fn endless(bench: &Bench) -> Judgement {
    let told = told(bench, |_, reply| {
        let mut block = format!("{BLOCK_BYTES:x}\r\n").into_bytes();
        block.resize(block.len() + BLOCK_BYTES, b' ');
        block.extend_from_slice(b"\r\n");
        let head = framed(&reply, "Transfer-Encoding: chunked\r\n", b"1\r\n{\r\n");
        vec![head, Act::Repeat(Bytes::from(block), ENDLESS_BLOCKS), Act::Close]
    })
    .await?;
    if bench.behind()?.swallowed() {
        return Err(Otherwise::unmet("an answer given up before its 64 MiB are read", "all of it read"));
    }
    bounded(&told)
}

/// A clean error; what is passed on without a bound is not.
fn bounded(told: &Told) -> Judgement {
    match &told.answer {
        Err(Trouble::TooLarge) => {
            Err(Otherwise::unmet("an error from a bound", "more than 8 MiB passed on, or a broken answer"))
        }
        Err(
            Trouble::Unreachable | Trouble::Untrusted | Trouble::Busy | Trouble::Unanswered | Trouble::Late,
        )
        | Ok(_) => told.refused(),
    }
}

pub(super) async fn drip(bench: &Bench) -> Judgement {
    let told = told(bench, |_, reply| {
        let length = format!("Content-Length: {}\r\n", reply.body.len());
        let mut acts = vec![framed(&reply, &length, b"")];
        for byte in reply.body.iter().take(60) {
            acts.push(Act::Wait(Duration::from_millis(400)));
            acts.push(Act::Send(Bytes::copy_from_slice(&[*byte])));
        }
        acts.push(Act::Close);
        acts
    })
    .await?;
    match &told.answer {
        Err(Trouble::Late) => {
            Err(Otherwise::unmet("an error in 20 seconds", "none: the gateway waits for each byte"))
        }
        Err(
            Trouble::Unreachable
            | Trouble::Untrusted
            | Trouble::Busy
            | Trouble::Unanswered
            | Trouble::TooLarge,
        ) => Ok(()),
        Ok(_) => told.refused(),
    }
}

pub(super) async fn wide_head(bench: &Bench) -> Judgement {
    let inside = word(bench);
    let told = told(bench, move |_, reply| {
        let wide = inside.repeat(100_000);
        vec![Act::Send(reply.with("X-Wide", &wide).bytes()), Act::Close]
    })
    .await?;
    told.clean()
}
