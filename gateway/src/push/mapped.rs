//! Records by a mapping: a file becomes Bundles, one for each record; a record that is refused holds up no other.

use std::io::Read;

use adapters::mapping::{Mapping, Origin, Reach};
use jiff::Timestamp;

use super::intake::Sender;

/// A record of a file.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::push) enum Record {
    /// What the mapping made of it.
    Bundle(Vec<u8>),
    /// It is refused.
    Refused(NotARecord),
}

/// A record that is refused.
#[derive(PartialEq, Eq)]
pub(in crate::push) struct NotARecord {
    /// Where and why, in words without content.
    pub(in crate::push) told: String,
    /// Whether what comes after it may still be read.
    pub(in crate::push) rest: Rest,
    /// The row as a file of its own, where it can be told.
    pub(in crate::push) row: Option<String>,
}

/// Whether what comes after a refused record may still be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::push) enum Rest {
    /// It may.
    Goes,
    /// It may not: nothing more comes.
    Ends,
}

/// Gives the records of a file to `each`, in order, until that says that it is enough.
pub(in crate::push) fn records(
    sender: &Sender,
    mapping: &Mapping,
    (input, document): (impl Read, &str),
    now: Timestamp,
    mut each: impl FnMut(Record) -> Option<()>,
) {
    let refused = |why: &adapters::mapping::Refused, row| {
        let rest = match why.reach() {
            Reach::Record => Rest::Goes,
            Reach::File => Rest::Ends,
        };
        Record::Refused(NotARecord { told: why.to_string(), rest, row })
    };
    let origin = Origin::new(document, now);
    let mut records = match mapping.records(input, &sender.context, &origin) {
        Ok(records) => records,
        // Whether `each` has enough of it makes no difference: nothing more comes.
        Err(why) => return each(refused(&why, None)).unwrap_or_default(),
    };
    while let Some(record) = records.next() {
        let record = match record {
            Ok(translated) => Record::Bundle(translated.bundle),
            Err(why) => {
                let row = records.last_row().filter(|_| why.reach() == Reach::Record);
                refused(&why, row)
            }
        };
        if each(record).is_none() {
            return;
        }
    }
}

/// The id of the Bundle that a text is, if it is one; empty when it has none.
pub(in crate::push) fn made_before(raw: &[u8]) -> Option<String> {
    let document = fhir::json::parse(raw.to_vec().into(), &fhir::json::Limits::default()).ok()?;
    let is_bundle = document.root().str_at(&["resourceType"]).as_deref() == Some("Bundle");
    is_bundle.then(|| document.root().str_at(&["id"]).unwrap_or_default().into_owned())
}

/// The Bundle of a text that holds one record, in the form of the mapping or as the Bundle that it made before.
///
/// # Errors
/// Why there is none, in words without content.
pub(in crate::push) fn only(
    sender: &Sender,
    mapping: &Mapping,
    raw: &[u8],
    now: Timestamp,
) -> Result<Vec<u8>, String> {
    if made_before(raw).is_some() {
        return Ok(raw.to_vec());
    }
    let mut found = Vec::new();
    records(sender, mapping, (raw, "mended"), now, |record| {
        found.push(record);
        (found.len() < 2).then_some(())
    });
    match (found.pop(), found.is_empty()) {
        (Some(Record::Bundle(bundle)), true) => Ok(bundle),
        (Some(Record::Refused(refused)), true) => Err(refused.told),
        (Some(_), false) => Err("more than one record, where one is mended".to_owned()),
        (None, _) => Err("there is no record in it".to_owned()),
    }
}

impl std::fmt::Debug for NotARecord {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "NotARecord({}, {:?})", self.told, self.rest)
    }
}
