//! What may be sent to a receiving system of a body that someone submitted: a disclosure like any other.

use fhir::json::Document;

use super::account::{Account, Named};
use super::answer::{Frame, refused};
use super::judge::{Judge, Why};
use super::release::{Head, Minimised};
use super::subjects::Subjects;
use super::unfiltered::Unfiltered;
use crate::decision::ruling::{Admitted, Ruling};
use crate::outcome::{Ended, Ending};
use crate::trail::provenance::provenance;
use crate::trail::record::Event;
use crate::trail::records::Records;

/// Reduces a submitted body to what `ruling` permits the receiving system, with the record of the intent to send it.
///
/// # Errors
/// [`Ended`] when nothing is to be sent, with the record that says why.
pub fn minimise_submitted(
    body: &Unfiltered<Document>,
    ruling: Ruling,
    subjects: &Subjects,
    frame: Frame<'_>,
) -> Result<(Minimised, Admitted), Ended> {
    let existence = ruling.admitted().existence();
    let face = frame.face();
    let judge = Judge {
        ruling: &ruling,
        masks: &ruling.admitted().share().masks,
        bases: frame.bases,
        face: &face,
        version: None,
    };
    let mut account = Account::new(&ruling, subjects);
    match judge.judge(body.inner().root()) {
        Ok(judged) => {
            account.shares(&judged);
            let records = Records {
                exchange: frame.exchange.clone().ended(Event::Intent, 0, None),
                persons: account.close(),
            };
            let made =
                provenance(&records.exchange.request_id, &records.exchange, &records.persons, frame.site);
            let provenance = made.map(|made| made.to_json().into());
            let minimised = Minimised { body: judged.bytes, head: Head::default(), records, provenance };
            Ok((minimised, ruling.into_admitted()))
        }
        Err(kept) => {
            account.keeps(&kept, Named::ByContent);
            Err(match kept.why {
                Why::Refused(refusal) => refused(refusal, existence, account, frame),
                Why::Irreducible(_) => Ended {
                    ending: Ending::Irreducible,
                    records: Records { exchange: frame.exchange.clone(), persons: account.close() },
                },
            })
        }
    }
}
