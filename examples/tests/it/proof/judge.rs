//! What an answer may not do: hold a canary in any clothes, or differ from that of a world that looks the same.

use std::collections::HashSet;
use std::io::Read;
use std::path::Path;
use std::sync::Mutex;

use conformance::privacy::battery::{Canary, canaries};
use conformance::privacy::scan::{Extent, Scanner};
use jiff::{SignedDuration, Timestamp};

use super::house::Answer;

/// What the server behind says when something is not there, and what worlds hold that are not the first.
const OF_SERVER: [&str; 3] = ["CANARY-UPSTREAM-TEXT", "CANARY-W1-", "CANARY-W3-"];
/// Answers that are remembered as clean.
const CLEAN_MAX: usize = 20_000;
/// What comes before a sealed cursor.
const CURSOR: &[u8] = b"_cursor=";
/// Headers with something random in each answer.
const RANDOM: [&str; 2] = ["x-request-id", "portcullis-receipt"];

fn known() -> Vec<Canary> {
    canaries(&Path::new(env!("CARGO_MANIFEST_DIR")).join("leaks/fixture/canaries.json")).unwrap()
}

/// Every canary of the fixture.
pub(crate) fn every() -> Vec<String> {
    known().into_iter().map(|canary| canary.canary).collect()
}

/// The canaries that this requester may never receive.
pub(crate) fn hidden_from(requester: &str) -> Vec<String> {
    let hidden = known().into_iter().filter(|canary| canary.hidden_from.contains(requester));
    // Beside the fixture lies what others may see some of.
    let beside = (requester == "LA").then(|| super::beside::CANARY.to_owned());
    hidden.map(|canary| canary.canary).chain(OF_SERVER.map(str::to_owned)).chain(beside).collect()
}

/// Judges answers to one requester.
pub(crate) struct Judge {
    scanner: Scanner,
    /// What was looked through and held nothing: many answers are the same but for what is random in them.
    clean: Mutex<HashSet<Vec<u8>>>,
}

impl Judge {
    pub(crate) fn of(requester: &str) -> Self {
        Self::against(hidden_from(requester))
    }

    /// One that looks for these.
    pub(crate) fn against(hidden: Vec<String>) -> Self {
        Self { scanner: Scanner::new(hidden), clean: Mutex::default() }
    }

    /// A canary that the answer holds although the request did not say it.
    pub(crate) fn canary(&self, answer: &Answer, said: &str) -> Option<String> {
        let head: String = answer.headers.iter().map(|(name, value)| format!("{name}: {value}\n")).collect();
        for part in [head.as_bytes(), &answer.body] {
            // A time of ours may look like a canary.
            let part =
                std::str::from_utf8(part).map_or_else(|_| part.to_vec(), |text| blanked(text).into_bytes());
            if self.clean.lock().unwrap().contains(&part) {
                continue;
            }
            let found = self.scanner.scan(&part);
            if found.extent != Extent::Whole {
                return Some("more than can be looked through".to_owned());
            }
            if !found.canaries.is_empty() {
                // The request may have said it in other clothes.
                let asked = self.scanner.scan(said.as_bytes());
                if let Some(canary) = found.canaries.iter().find(|canary| !asked.canaries.contains(canary)) {
                    return Some(format!("canary {canary}"));
                }
            }
            let mut clean = self.clean.lock().unwrap();
            if found.canaries.is_empty() && clean.len() < CLEAN_MAX {
                clean.insert(part);
            }
        }
        None
    }
}

/// What two answers that should be the same differ in.
pub(crate) fn difference(one: &Answer, other: &Answer) -> Option<String> {
    if one.status != other.status {
        return Some(format!("status {} against {}", one.status, other.status));
    }
    let (heads, bodies) = ((head(one), head(other)), (plain(one), plain(other)));
    if heads.0 != heads.1 {
        return Some(format!("headers {:?} against {:?}", heads.0, heads.1));
    }
    if bodies.0 != bodies.1 {
        return Some(format!("body {} against {}", about(&bodies.0, &bodies.1), about(&bodies.1, &bodies.0)));
    }
    None
}

/// Whether the answer, or an entry of it, says that something did not answer, or not in time.
pub(crate) fn ran_out(answer: &Answer) -> bool {
    let of_entry = || {
        ["502", "503", "504"].iter().any(|status| plain(answer).contains(&format!("\"status\":\"{status} ")))
    };
    matches!(answer.status, 502..=504) || of_entry()
}

/// The first place where `text` differs from `other`, with a little around it.
fn about(text: &str, other: &str) -> String {
    let apart = text.bytes().zip(other.bytes()).take_while(|(one, other)| one == other).count();
    let bytes = &text.as_bytes()[apart.saturating_sub(80).min(text.len())..(apart + 200).min(text.len())];
    format!("({} bytes) ..{}", text.len(), String::from_utf8_lossy(bytes))
}

fn head(answer: &Answer) -> Vec<(String, String)> {
    let packed = answer.header("content-encoding").is_some();
    let mut head: Vec<(String, String)> = answer
        .headers
        .iter()
        // Random ids pack to one byte more or less.
        .filter(|(name, _)| !(packed && name == "content-length"))
        .map(|(name, value)| {
            let value = if RANDOM.contains(&name.as_str()) { "X".to_owned() } else { blanked(value) };
            (name.clone(), value)
        })
        .collect();
    head.sort();
    head
}

/// The body unpacked, without what is random in it.
pub(crate) fn plain(answer: &Answer) -> String {
    let mut unpacked = Vec::new();
    let read = match answer.header("content-encoding") {
        // An answer to HEAD says how its body would be packed.
        Some("gzip") if !answer.body.is_empty() => {
            flate2::read::MultiGzDecoder::new(&answer.body[..]).read_to_end(&mut unpacked)
        }
        Some("deflate") => flate2::read::ZlibDecoder::new(&answer.body[..]).read_to_end(&mut unpacked),
        _ => {
            unpacked.clone_from(&answer.body);
            Ok(unpacked.len())
        }
    };
    assert!(read.is_ok(), "a body that does not unpack");
    blanked(&String::from_utf8_lossy(&unpacked))
}

/// Without random ids, times of now, and what sealed cursors hold; of these the length stays, for it may tell.
fn blanked(text: &str) -> String {
    let now = Timestamp::now();
    let days =
        [-24, 0, 24].map(|hours| (now + SignedDuration::from_hours(hours)).strftime("%Y-%m-%dT").to_string());
    let bytes = text.as_bytes();
    let (mut out, mut at, mut kept) = (String::with_capacity(text.len()), 0, 0);
    while at < bytes.len() {
        let rest = &bytes[at..];
        let run = |of: &dyn Fn(u8) -> bool| rest.iter().take_while(|byte| of(**byte)).count();
        let (length, blank) = if is_uuid(rest) {
            (36, "U".to_owned())
        } else if rest[0] == b'2' && days.iter().any(|day| rest.starts_with(day.as_bytes())) {
            (run(&|byte| byte.is_ascii_digit() || b"-:.TZ".contains(&byte)), "T".to_owned())
        } else if rest.starts_with(CURSOR) {
            let length = CURSOR.len() + rest[CURSOR.len()..].iter().take_while(|byte| sealed(**byte)).count();
            (length, format!("C{length}"))
        } else {
            at += 1;
            continue;
        };
        out.push_str(text.get(kept..at).unwrap_or_default());
        out.push_str(&blank);
        at += length;
        kept = at;
    }
    out.push_str(text.get(kept..).unwrap_or_default());
    out
}

fn sealed(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_%".contains(&byte)
}

fn is_uuid(bytes: &[u8]) -> bool {
    bytes.len() >= 36
        && bytes[..36].iter().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

#[test]
fn what_is_random_is_blanked_and_nothing_else() {
    let today = Timestamp::now().strftime("%Y-%m-%d").to_string();
    for (text, expected) in [
        ("\"id\":\"6f1e2a0c-1111-4222-8333-444455556666\"".to_owned(), "\"id\":\"U\""),
        (format!("\"recorded\":\"{today}T01:02:03.456789Z\""), "\"recorded\":\"T\""),
        ("?_cursor=AbC-_9\" x".to_owned(), "?C14\" x"),
        ("\"date\":\"2019-01-02T03:14:15Z\"".to_owned(), "\"date\":\"2019-01-02T03:14:15Z\""),
        ("é \"total\":2".to_owned(), "é \"total\":2"),
    ] {
        assert_eq!(blanked(&text), expected);
    }
}

#[test]
fn canaries_are_found_in_heads_and_bodies_unless_the_request_said_them() {
    let judge = Judge::of("LA");
    let answer = |header: &str, body: &str| Answer {
        status: 200,
        headers: vec![("link".to_owned(), header.to_owned())],
        body: body.as_bytes().to_vec(),
    };
    assert_eq!(judge.canary(&answer("x", "{}"), ""), None);
    assert!(judge.canary(&answer("CANARY-B-ADDR-fb86f6", "{}"), "").is_some());
    assert!(judge.canary(&answer("x", "{\"a\":\"\\u0043ANARY-B-ADDR-fb86f6\"}"), "").is_some());
    assert_eq!(judge.canary(&answer("x", "CANARY-B-ADDR-fb86f6"), "name=CANARY-B-ADDR-fb86f6"), None);
}
