//! What may be sent to a receiving system of a body that someone submitted: a disclosure like any other.

use std::collections::BTreeSet;

use fhir::json::{Document, Kind, Limits, parse};
use fhir::tables::TypeId;

use super::account::{Account, Named};
use super::answer::{Frame, refused};
use super::judge::{Flaw, Judge, Stands, Targets, Versioned, Why};
use super::naming::Naming;
use super::persons::Came;
use super::release::{Head, Minimised};
use super::subjects::{About, Subjects, persons_of_body};
use super::targets::{Wanted, wanted_by};
use super::unfiltered::Unfiltered;
use crate::decision::refusal::Refusal;
use crate::decision::ruling::{Admitted, Ruling};
use crate::outcome::{Ended, Ending, Unsendable};
use crate::trail::provenance::provenance;
use crate::trail::record::Event;
use crate::trail::records::Records;

/// Reduces a submitted body to what `ruling` permits the receiving system, with the record of the intent to send it. It is
/// about those whom `together` is about: itself, or a Bundle of it and what it refers to that is sent with it. `subjects` and
/// `about` are what was read of these very two. `naming` says which references that lead out of it stay.
///
/// # Errors
/// [`Ended`] when nothing is to be sent, with the record that says why.
pub fn minimise_submitted(
    body: &Unfiltered<Document>,
    together: &Unfiltered<Document>,
    ruling: Ruling,
    (subjects, about): (&Subjects, &About),
    naming: &Naming,
    frame: Frame<'_>,
) -> Result<(Minimised, Admitted), Ended> {
    let existence = ruling.admitted().existence();
    let face = frame.face();
    let known = (naming.targets(), naming.looked_up());
    let judge = judge(body, together, &ruling, known, frame, &face);
    let mut account = Account::new(&ruling, subjects);
    let node = body.inner().root();
    match judge.judge_as(node, &about.0) {
        Ok(judged) => {
            account.shares(&judged);
            let records = Records {
                exchange: frame.exchange.clone().ended(Event::Intent, 0, None),
                persons: account.close(),
            };
            let made =
                provenance(&records.exchange.request_id, &records.exchange, &records.persons, frame.site);
            let made = made.map(|made| made.to_json());
            let full_url = format!("{}/fhir/Provenance/{}", frame.site.base, records.exchange.request_id);
            // A Bundle carries its origin inside; beside anything else it goes in a header.
            let (body, provenance) = match made {
                Some(made) => match with_origin(&judged.bytes, &full_url, &made) {
                    Some(bundle) => (bundle, None),
                    None => (judged.bytes, Some(made.into())),
                },
                None => (judged.bytes, None),
            };
            Ok((Minimised { body, head: Head::default(), records, provenance }, ruling.into_admitted()))
        }
        Err(kept) => {
            account.keeps(&kept, Named::ByContent);
            Err(match kept.why {
                Why::Refused(refusal) => refused(refusal, existence, account, frame),
                Why::Irreducible(flaw) => Ended {
                    ending: unsendable(flaw),
                    records: Box::new(Records { exchange: frame.exchange.clone(), persons: account.close() }),
                },
            })
        }
    }
}

/// What has to be looked up before `body` can be sent as `ruling` says: what it would name, by elements that are shared,
/// that may be about a person, or is of one of the types `looked_up`, and is not sent with it.
#[must_use]
pub fn named_by(
    body: &Unfiltered<Document>,
    together: &Unfiltered<Document>,
    ruling: &Ruling,
    looked_up: &BTreeSet<TypeId>,
    frame: Frame<'_>,
) -> Wanted {
    let face = frame.face();
    let judge = judge(body, together, ruling, (Targets::OfOpenTypes, looked_up), frame, &face);
    let found = persons_of_body(body, together, ruling.admitted(), frame.bases);
    wanted_by(body.inner().root(), &found, &judge)
}

/// The judge of what is sent. What is sent `together` may say whom it is about.
fn judge<'a>(
    body: &Unfiltered<Document>,
    together: &'a Unfiltered<Document>,
    ruling: &'a Ruling,
    (targets, looked_up): (Targets<'a>, &'a BTreeSet<TypeId>),
    frame: Frame<'a>,
    face: &'a str,
) -> Judge<'a> {
    Judge {
        decided: None,
        ruling,
        masks: &ruling.admitted().share().masks,
        came: Came::Submitted,
        bases: frame.bases,
        codes: frame.codes,
        face,
        version: None,
        versioned: Versioned::AtOnce,
        under: &[],
        targets,
        looked_up,
        medicines: frame.medicines,
        sheltered: frame.sheltered,
        sheltered_inside: frame.sheltered,
        stands: Stands::Open,
        behind: frame.behind,
        whom: None,
        beside: (!std::ptr::eq(body, together)).then(|| together.inner().root()),
    }
}

/// The end of what was sent and cannot be cut: nothing of it is the receiving system's.
const fn unsendable(flaw: Flaw) -> Ending {
    Ending::Unsendable(match flaw {
        // What a message is about is said by its header: without that it is none.
        Flaw::Headless => return Ending::refused_by_rule(Refusal::NothingNecessary),
        Flaw::NotAResource | Flaw::WrongKind => Unsendable::Shape,
        Flaw::UnknownModifier => Unsendable::UnknownModifier,
        Flaw::WithheldModifier => Unsendable::WithheldModifier,
        Flaw::Stranger => Unsendable::OtherPerson,
        Flaw::Opaque => Unsendable::Content,
        Flaw::NotShared | Flaw::Contained => Unsendable::Inside,
    })
}

/// A Bundle with one more entry; `None` when `bytes` is no Bundle with entries.
fn with_origin(bytes: &[u8], full_url: &str, provenance: &[u8]) -> Option<Vec<u8>> {
    let document = parse(bytes.to_vec().into(), &Limits::default()).ok()?;
    let root = document.root();
    let entries = root.member("entry").filter(|entries| entries.kind() == Kind::Array)?;
    if !root.member("resourceType").is_some_and(|name| name.is_string("Bundle"))
        || entries.items().next().is_none()
    {
        return None;
    }
    // The closing bracket of the list of entries is its last byte.
    let end = entries.offset() + entries.raw().len() - 1;
    let (before, after) = bytes.split_at_checked(end)?;
    let entry =
        [b",{\"fullUrl\":\"".as_slice(), full_url.as_bytes(), b"\",\"resource\":", provenance, b"}"].concat();
    Some([before, &entry, after].concat())
}
