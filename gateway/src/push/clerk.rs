//! Carries out what operators want done with dead letters: each errand is recorded, with who and why, before anything of
//! it happens.
//!
//! In a gateway that runs the clerk looks for errands again and again. Beside one that is stopped a command is its own
//! clerk, for all that needs no decision.

use std::collections::BTreeSet;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use sha2::{Digest, Sha256};
use tokio::sync::watch;

use super::anew::known;
use super::delivery::Senders;
use super::errands::{Done, Errand, What};
use super::form::{Form, Outside};
use super::intake::Intake;
use super::letters::{LetterState, Opened};
use super::named;
use super::store::{Store, StoreError};
use crate::clock::Clock;
use crate::hex::hex;
use crate::ledger::AuditLedger;
use crate::outcome::Ending;
use crate::server::arrived::RequestId;
use crate::trail::record::{AboutPerson, Event, Exchange, RecordedRequestor, Visibility};
use crate::trail::records::Records;

/// How often it looks for errands.
const LOOK: Duration = Duration::from_millis(300);
/// Why those who run a gateway look into messages.
const PURPOSE: &str = "HSYSADMIN";

/// Carries out errands.
pub struct Clerk {
    /// Where letters and errands are.
    pub store: Store,
    /// Where everything is recorded.
    pub ledger: Arc<dyn AuditLedger>,
    /// The time.
    pub clock: Clock,
    /// Who may send.
    pub senders: Senders,
    /// The organisation that runs the gateway.
    pub organisation: String,
    /// What decides about letters that are to go again; none beside a gateway that is stopped.
    pub intake: Option<Arc<Intake>>,
}

impl Clerk {
    /// Looks for errands until `drain` turns true.
    pub async fn run(self, mut drain: watch::Receiver<bool>) {
        loop {
            while !*drain.borrow() && matches!(self.attend().await, Ok(Attended::One)) {}
            tokio::select! {
                biased;
                stopped = drain.wait_for(|draining| *draining) => return drop(stopped),
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }

    /// Carries out the oldest errand, if there is one.
    ///
    /// # Errors
    /// [`StoreError`]; it is carried out again then.
    pub async fn attend(&self) -> Result<Attended, StoreError> {
        let Some(errand) = self.store.take_errand().await? else { return Ok(Attended::None) };
        // A fault of the program with one letter must not end all errands.
        let done = match AssertUnwindSafe(self.carry_out(&errand)).catch_unwind().await {
            Ok(done) => done?,
            Err(_) => Done::NotNow(Ending::Panicked.reason().to_owned()),
        };
        self.store.errand_done(errand.id, done).await?;
        Ok(Attended::One)
    }

    /// Carries out an errand, and says how it ended.
    ///
    /// # Errors
    /// [`StoreError`]; it is carried out again then.
    pub async fn carry_out(&self, errand: &Errand) -> Result<Done, StoreError> {
        let Some(opened) = self.store.letter(errand.letter).await? else {
            return Ok(Done::Cannot("no-such-letter".to_owned()));
        };
        match errand.what {
            What::Show if opened.raw.is_none() => return Ok(Done::Cannot("text-not-kept".to_owned())),
            What::Show => {}
            What::Replay | What::Close if opened.letter.state != LetterState::Open => {
                return Ok(Done::Cannot("not-open".to_owned()));
            }
            What::Replay | What::Close => {}
        }
        let Some(receipt) = self.recorded(errand, &opened).await else {
            return Ok(Done::NotNow("ledger".to_owned()));
        };
        match (errand.what, &self.intake) {
            (What::Show, _) => {
                let digest = opened.raw.as_deref().map(digest).unwrap_or_default();
                Ok(Done::Shown { receipt, digest })
            }
            (What::Close, _) => {
                self.store.close_letter(errand.letter, self.clock.now().as_millisecond()).await?;
                Ok(Done::Well(receipt))
            }
            (What::Replay, Some(intake)) => intake.replay(&(self.senders)(), opened, (errand, receipt)).await,
            (What::Replay, None) => Ok(Done::NotNow("not-running".to_owned())),
        }
    }

    /// Records who wants what of a letter, and why: a look at its content is a disclosure to those whom it names.
    async fn recorded(&self, errand: &Errand, opened: &Opened) -> Option<String> {
        let request_id = RequestId::random()?.as_str().to_owned();
        let mut exchange = Exchange::begun(request_id, self.clock.now(), None);
        exchange.interaction = errand.what.interaction().to_owned();
        exchange.purpose = Some(PURPOSE.to_owned());
        exchange.requestor = Some(RecordedRequestor::Operator {
            name: errand.by.clone(),
            account: errand.account.clone(),
            organisation: self.organisation.clone(),
        });
        exchange.follows = Some(opened.letter.control_id.clone()).filter(|id| !id.is_empty());
        let reason = match &errand.mended {
            Some(mended) => {
                format!("{} (mended: sha256 {})", errand.reason, digest(mended))
            }
            None => errand.reason.clone(),
        };
        let (event, persons) = match errand.what {
            What::Show => (Event::Disclosed, self.persons(opened)),
            What::Replay | What::Close => (Event::Operated, Vec::new()),
        };
        let records = Records { exchange: exchange.ended(event, 0, Some(&reason)), persons };
        let batch = records.to_batch().ok()?;
        self.ledger.append(batch).await.ok().map(|receipt| receipt.to_header())
    }

    /// Those whom a letter names by NHS number: as the form of its sender names them and, where that is no measure (it cannot
    /// be read so, nobody knows the sender any more, or what its sender wrote is a Bundle of anything), all that stand in its
    /// text. And all that stand in the name of its file, which is told with the text.
    fn persons(&self, opened: &Opened) -> Vec<AboutPerson> {
        let (letter, senders) = (&opened.letter, (self.senders)());
        let sender = known(&senders, &letter.listener, &letter.source, letter.wanted());
        let outsides = match (sender, &opened.raw) {
            (Some(sender), Some(raw)) => Outside::all(sender, raw).unwrap_or_default(),
            (None, _) | (_, None) => Vec::new(),
        };
        let mut numbers: BTreeSet<String> = outsides
            .into_iter()
            .flat_map(|outside| outside.persons)
            .map(|number| number.as_str().to_owned())
            .collect();
        let is_mapped = sender.is_some_and(|sender| matches!(sender.form, Form::Mapped(_)));
        if numbers.is_empty() || is_mapped {
            numbers.extend(opened.raw.as_deref().map(named::numbers).unwrap_or_default());
        }
        let place = letter.place.as_deref().unwrap_or_default();
        numbers.extend(named::numbers(place.as_bytes()));
        let about = |number| AboutPerson {
            nhs_number: Some(number),
            patient: None,
            visibility: Visibility::Trail,
            resources: Vec::new(),
            withheld: Vec::new(),
            refusal: None,
            relationship: None,
            consent: None,
            limited_by: Vec::new(),
            overrode: Vec::new(),
        };
        numbers.into_iter().map(about).collect()
    }
}

/// A text, so that it is known as the same.
pub(crate) fn digest(text: &[u8]) -> String {
    hex(&Sha256::digest(text))
}

/// Whether there was an errand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attended {
    /// One was carried out.
    One,
    /// There was none.
    None,
}

impl fmt::Debug for Clerk {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Clerk")
    }
}
