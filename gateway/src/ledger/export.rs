//! Takes a ledger out of its folder: the last checkpoint to keep elsewhere, the leaves for a verifier, or the entries for
//! who may read them.

use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;

use super::files::Folder;
use super::note::VerifierKey;
use super::record::Kind;
use super::scan::Scanned;
use super::survey::{ReadError, survey};

/// How much of each entry is exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exported {
    /// Index and leaf hash: all that a verifier needs, and nothing about anyone.
    Leaves,
    /// Payloads too.
    Entries,
}

/// Why an export is not complete.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The ledger cannot be read, or has a fault: what was exported before it is what it says.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// What is exported cannot be written.
    #[error("the export cannot be written")]
    Write(#[from] io::Error),
}

#[derive(Serialize)]
struct Line<'a> {
    index: u64,
    leaf: String,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    entry: Option<Entry<'a>>,
}

#[derive(Serialize)]
struct Entry<'a> {
    at: String,
    kind: &'static str,
    /// Indices of the first entry of its batch and of the first after it.
    batch: (u64, u64),
    #[serde(flatten)]
    payload: Payload<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
enum Payload<'a> {
    /// The payload is text.
    #[serde(rename = "payload")]
    Text(&'a str),
    /// The payload is no text.
    #[serde(rename = "payload-base64")]
    Binary(String),
    /// It was erased; an entry of kind `erasure` names this one and the authority.
    Erased(Erased),
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
enum Erased {
    ByLaw,
}

/// Writes the entries of the ledger in `folder` to `out`, a JSON object a line, in order.
///
/// # Errors
/// [`ExportError`]; a fault is told after the entries before it were written.
pub fn export(
    folder: &Path,
    key: &VerifierKey,
    what: Exported,
    out: &mut dyn Write,
) -> Result<(), ExportError> {
    let mut written = Ok(());
    let found = survey(&Folder::new(folder), key, &mut |_, entry| {
        if written.is_ok() {
            written = write_line(entry, what, out);
        }
    });
    written?;
    found?;
    Ok(out.flush()?)
}

/// The last checkpoint of the ledger in `folder`, signed, once it was held against the entries; `None` if there is none.
///
/// # Errors
/// [`ReadError`].
pub fn last_checkpoint(folder: &Path, key: &VerifierKey) -> Result<Option<String>, ReadError> {
    let found = survey(&Folder::new(folder), key, &mut |_, _| {})?;
    Ok(found.last_checkpoint.map(|last| last.note))
}

fn write_line(entry: &Scanned<'_>, what: Exported, out: &mut dyn Write) -> io::Result<()> {
    let with_payload = match what {
        Exported::Leaves => None,
        Exported::Entries => Some(whole(entry)),
    };
    let line = Line { index: entry.index, leaf: entry.leaf.to_base64(), entry: with_payload };
    serde_json::to_writer(&mut *out, &line)?;
    out.write_all(b"\n")
}

fn whole<'a>(entry: &Scanned<'a>) -> Entry<'a> {
    use base64::Engine;
    let first = entry.index - u64::from(entry.head.position);
    let payload = match entry.payload.map(|bytes| (bytes, str::from_utf8(bytes))) {
        None => Payload::Erased(Erased::ByLaw),
        Some((_, Ok(text))) => Payload::Text(text),
        Some((bytes, Err(_))) => Payload::Binary(base64::engine::general_purpose::STANDARD.encode(bytes)),
    };
    let kind = match entry.head.kind {
        Kind::Entry => "entry",
        Kind::Erasure => "erasure",
    };
    let at = entry.head.at.to_string();
    Entry { at, kind, batch: (first, first + u64::from(entry.head.count)), payload }
}
