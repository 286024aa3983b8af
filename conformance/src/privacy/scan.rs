//! Finds canaries in bytes, however they are encoded: raw, in another case, with invisible characters between, compressed,
//! in base64, percent, JSON, XML, HTML or quoted-printable clothes, in UTF-16 or UTF-32, and several of these one over the
//! other. Digests of what is hidden count as canaries too: they confirm a guess.

mod layers;
mod text;

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

pub use layers::Extent;

/// The shortest run of bytes that is looked up at once.
const HEAD: usize = 4;
/// Buckets of the first look; a power of two.
const BUCKETS: usize = 1 << 14;

/// What one is looked for.
#[derive(Debug, Clone)]
struct Needle {
    name: String,
    folded: Vec<u8>,
}

/// Looks for a set of canaries.
#[derive(Debug, Clone)]
pub struct Scanner {
    needles: Vec<Needle>,
    /// Needles by their first bytes.
    buckets: Vec<Vec<usize>>,
}

/// What a scan came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found<'a> {
    /// The canaries found, each once.
    pub canaries: Vec<&'a str>,
    /// Whether everything was looked at.
    pub extent: Extent,
}

impl Scanner {
    /// A scanner for `canaries`. What is shorter than four bytes when folded is found as well as anything else.
    pub fn new<C: Into<String>>(canaries: impl IntoIterator<Item = C>) -> Self {
        let needles = canaries
            .into_iter()
            .map(Into::into)
            .filter(|name: &String| !name.is_empty())
            .map(|name| Needle { folded: fold(name.as_bytes()), name })
            .collect();
        Self { needles, buckets: Vec::new() }.indexed()
    }

    /// The same, also looking for digests of `content`, which goes by `name`: SHA-1, SHA-256 and SHA-512, in hexadecimal
    /// and base64.
    #[must_use]
    pub fn and_digests_of(mut self, name: &str, content: &[u8]) -> Self {
        let kinds = [&digest::SHA1_FOR_LEGACY_USE_ONLY, &digest::SHA256, &digest::SHA512];
        for kind in kinds {
            let made = digest::digest(kind, content);
            let hex: String = made.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
            for shown in [hex, STANDARD_NO_PAD.encode(made), URL_SAFE_NO_PAD.encode(made)] {
                let folded = fold(shown.as_bytes());
                self.needles.push(Needle { name: format!("digest of {name}"), folded });
            }
        }
        self.indexed()
    }

    /// The same without the canaries that `said` holds: what the question itself says may come back.
    #[must_use]
    pub fn without_what(&self, said: &str) -> Self {
        let needles = self.needles.iter().filter(|needle| !said.contains(&needle.name)).cloned().collect();
        Self { needles, buckets: Vec::new() }.indexed()
    }

    /// Looks for the canaries in `bytes` and in everything that undoing encodings makes of them.
    #[must_use]
    pub fn scan(&self, bytes: &[u8]) -> Found<'_> {
        let mut hits = vec![false; self.needles.len()];
        let extent = layers::each(bytes, |layer| self.mark(&fold(layer), &mut hits));
        let mut canaries: Vec<&str> = Vec::new();
        for (needle, hit) in self.needles.iter().zip(hits) {
            if hit && !canaries.contains(&needle.name.as_str()) {
                canaries.push(&needle.name);
            }
        }
        Found { canaries, extent }
    }

    fn indexed(mut self) -> Self {
        self.buckets = vec![Vec::new(); BUCKETS];
        for (index, needle) in self.needles.iter().enumerate() {
            if let Some(bucket) =
                needle.folded.get(..HEAD).and_then(|head| self.buckets.get_mut(bucket(head)))
            {
                bucket.push(index);
            }
        }
        self
    }

    fn mark(&self, folded: &[u8], hits: &mut [bool]) {
        for (at, head) in folded.windows(HEAD).enumerate() {
            let Some(candidates) = self.buckets.get(bucket(head)).filter(|found| !found.is_empty()) else {
                continue;
            };
            let rest = folded.get(at..).unwrap_or_default();
            for &index in candidates {
                let starts = self.needles.get(index).is_some_and(|needle| rest.starts_with(&needle.folded));
                if let Some(hit) = hits.get_mut(index).filter(|_| starts) {
                    *hit = true;
                }
            }
        }
        for (needle, hit) in self.needles.iter().zip(hits) {
            let short = !needle.folded.is_empty() && needle.folded.len() < HEAD;
            if short && folded.windows(needle.folded.len()).any(|window| window == needle.folded) {
                *hit = true;
            }
        }
    }
}

fn bucket(head: &[u8]) -> usize {
    let mixed = head.iter().fold(0_usize, |sum, byte| sum.wrapping_mul(131).wrapping_add(usize::from(*byte)));
    mixed % BUCKETS
}

/// Lower case, without characters that nobody sees.
fn fold(bytes: &[u8]) -> Vec<u8> {
    const UNSEEN: [&[u8]; 7] = [
        "\u{200b}".as_bytes(),
        "\u{200c}".as_bytes(),
        "\u{200d}".as_bytes(),
        "\u{2060}".as_bytes(),
        "\u{feff}".as_bytes(),
        "\u{180e}".as_bytes(),
        "\u{ad}".as_bytes(),
    ];
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((first, tail)) = rest.split_first() {
        if first.is_ascii() {
            out.push(first.to_ascii_lowercase());
            rest = tail;
        } else if let Some(after) = UNSEEN.iter().find_map(|unseen| rest.strip_prefix(*unseen)) {
            rest = after;
        } else {
            out.push(*first);
            rest = tail;
        }
    }
    out
}
