//! Records of a place: a file becomes Bundles, one for each record, message or document of it; one that is refused holds up no
//! other.

use std::io::Read;

use adapters::mapping::{Mapping, Origin, Reach};
use adapters::{Refused, Translated, edifact, notices, versions};
use fhir::json::{self, Writer};
use fhir::tables::Release;
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::intake::Sender;
use crate::hex::hex;
use crate::settings::Making;

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

/// What the text of a letter is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::push) enum Kept {
    /// The Bundle that was made of a record.
    Bundle,
    /// What came.
    AsItCame,
}

/// The most that is read at once of what is translated as a whole.
const WHOLE_BYTES_MAX: u64 = 16 << 20;

/// Gives the records of a file to `each`, in order, until that says that it is enough.
pub(in crate::push) fn records(
    sender: &Sender,
    making: &Making,
    (input, document): (impl Read, &str),
    now: Timestamp,
    each: impl FnMut(Record) -> Option<()>,
) {
    match making {
        Making::Mapping(mapping) => by_mapping(sender, mapping, (input, document), now, each),
        Making::Edifact | Making::Notice | Making::Release(_) => whole(sender, making, input, each),
    }
}

/// What is translated as a whole: an interchange, a notice, a Bundle.
fn whole(sender: &Sender, making: &Making, input: impl Read, mut each: impl FnMut(Record) -> Option<()>) {
    let refused = |told: String, row| Record::Refused(NotARecord { told, rest: Rest::Goes, row });
    let mut raw = Vec::new();
    let read = input.take(WHOLE_BYTES_MAX + 1).read_to_end(&mut raw);
    if read.is_err() || raw.len() as u64 > WHOLE_BYTES_MAX {
        let told = "the file cannot be read, or has more than 16777216 bytes".to_owned();
        let ends = Record::Refused(NotARecord { told, rest: Rest::Ends, row: None });
        return each(ends).unwrap_or_default();
    }
    let text = || String::from_utf8(raw.clone()).ok();
    let alone = |made: Result<Translated, Refused>| match made {
        Ok(translated) => Record::Bundle(translated.bundle),
        Err(why) => refused(why.ack().1.text, text()),
    };
    let record = match making {
        Making::Mapping(_) => return,
        Making::Notice => alone(notices::translate(&raw, &sender.context)),
        Making::Release(release) => match versions::translate(&raw, *release, Release::R4, &sender.context) {
            Ok(translated) => match of_this_place(sender, translated.bundle) {
                Some(bundle) => Record::Bundle(bundle),
                None => refused("the bundle is larger than one may be".to_owned(), text()),
            },
            Err(why) => alone(Err(why)),
        },
        Making::Edifact => match edifact::interchange(&raw, &sender.context) {
            Err(why) => refused(why.ack().1.text, text()),
            Ok(interchange) => {
                for (number, message) in (1..).zip(interchange.messages) {
                    let record = match message.translated {
                        Ok(translated) => Record::Bundle(translated.bundle),
                        // The others of the interchange are about other people: its text is not kept with this.
                        Err(why) => refused(format!("message {number}: {}", why.ack().1.text), None),
                    };
                    if each(record).is_none() {
                        return;
                    }
                }
                return;
            }
        },
    };
    // Whether `each` has enough of it makes no difference: nothing more comes.
    each(record).unwrap_or_default();
}

/// The Bundle under an id of this place: one that a sender chose could be another sender's too.
fn of_this_place(sender: &Sender, bundle: Vec<u8>) -> Option<Vec<u8>> {
    let document = json::parse(bundle.into(), &json::Limits::default()).ok()?;
    let own = document.root().str_at(&["id"])?;
    let mut hash = Sha256::new();
    for part in [sender.context.source(), &own] {
        hash.update(part.len().to_be_bytes());
        hash.update(part);
    }
    let id = hex(hash.finalize().get(..16).unwrap_or_default());
    let mut out = Vec::with_capacity(document.root().raw().len() + 64);
    let mut writer = Writer::new(&mut out);
    writer.object();
    for (key, value) in document.root().members() {
        let name = std::str::from_utf8(key.raw()).ok().filter(|_| !key.is_escaped())?;
        match name {
            "id" => writer.key(name).string(&id),
            _ => writer.key(name).raw(value.raw()),
        };
    }
    writer.finish();
    Some(out)
}

/// The records of a file that a mapping describes.
fn by_mapping(
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
    let document = json::parse(raw.to_vec().into(), &json::Limits::default()).ok()?;
    let is_bundle = document.root().str_at(&["resourceType"]).as_deref() == Some("Bundle");
    is_bundle.then(|| document.root().str_at(&["id"]).unwrap_or_default().into_owned())
}

/// Whether a Bundle that is given for a record may be what was made of it before. FHIR of another release looks alike: of
/// that it is known by where the text was kept.
pub(in crate::push) fn may_be_made(making: &Making, kept: Kept) -> bool {
    matches!(making, Making::Mapping(_)) || kept == Kept::Bundle
}

/// The Bundle of a text that holds one record, in the form of the mapping or as the Bundle that it made before.
///
/// # Errors
/// Why there is none, in words without content.
pub(in crate::push) fn only(
    sender: &Sender,
    making: &Making,
    (raw, kept): (&[u8], Kept),
    now: Timestamp,
) -> Result<Vec<u8>, String> {
    if may_be_made(making, kept) && made_before(raw).is_some() {
        return Ok(raw.to_vec());
    }
    let mut found = Vec::new();
    records(sender, making, (raw, "mended"), now, |record| {
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

#[cfg(test)]
mod tests {
    use adapters::Context;
    use fhir::ods_code::OdsCode;
    use fhir::tables::Release;
    use jiff::Timestamp;

    use super::{Kept, Making, only};
    use crate::push::form::Form;
    use crate::push::intake::Sender;

    const OLDER: &str = r#"{"resourceType":"Bundle","id":"b","type":"collection","entry":[{"resource":
        {"resourceType":"Condition","id":"c","clinicalStatus":"active","subject":{"reference":"Patient/p"}}}]}"#;

    #[test]
    fn what_came_is_translated_again_and_what_was_made_of_it_is_not() {
        let making = Making::Release(Release::Stu3);
        let sender = Sender {
            listener: "inbound:gp".to_owned(),
            organisation: OdsCode::parse("RX1").expect("a code"),
            to: Vec::new(),
            purposes: Vec::new(),
            form: Form::Mapped(making.clone()),
            context: Context::new("RX1/gp", None, "Europe/London").expect("a context"),
        };
        let read = |kept| only(&sender, &making, (OLDER.as_bytes(), kept), Timestamp::UNIX_EPOCH);
        let made = String::from_utf8(read(Kept::AsItCame).expect("a bundle")).expect("text");
        assert!(made.contains("condition-clinical") && !made.contains("\"id\":\"b\""), "{made}");
        assert_eq!(read(Kept::Bundle).expect("a bundle"), OLDER.as_bytes());
    }
}
