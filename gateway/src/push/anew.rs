//! Before each attempt: the message of a parcel is decided as things are now.

use std::sync::Arc;
use std::time::Instant;

use fhir::json;

use super::counts::Counted;
use super::delivery::NotDelivered;
use super::disclose::{Cleared, Pushed, Standing};
use super::intake::{Intake, Sender};
use super::intent;
use super::outbox::{Due, Original, Parcel};
use crate::enforce::unfiltered::Unfiltered;
use crate::person::SystemName;
use crate::server::arrived::RequestId;
use crate::trail::record::Event;

/// What the names of places say of their kind: those of MLLP and of mappings begin so, those of CDA end so.
const KINDS: [&str; 3] = ["mllp:", "inbound:", super::http::AS_CDA];

/// What of a message that was cleared before may go now.
#[derive(Debug)]
pub enum Decided {
    /// The very bytes that were cleared.
    Stands,
    /// Something else: the intent to send that is recorded, and what was cleared before may not go.
    CutAnew(Cleared),
}

impl Intake {
    /// What of a message may go now to a system for which it was cleared before, by a ruling of this moment.
    ///
    /// # Errors
    /// [`NotDelivered`]; a refusal is recorded already.
    pub(in crate::push) async fn decide_anew(
        &self,
        senders: &[Arc<Sender>],
        due: &Due,
    ) -> Result<Decided, NotDelivered> {
        if self.fresh.stands(&due.parcel.intent, Instant::now()) {
            return Ok(Decided::Stands);
        }
        let pushed = match self.pushed_anew(senders, due) {
            Ok(pushed) => pushed,
            Err(reason) => return Err(self.held(due, reason).await),
        };
        match self.exchange.again(&pushed, due).await? {
            Standing::Stands => Ok(Decided::Stands),
            Standing::Other => {
                // The name first: an intent that is recorded under it can be ended whatever happens next.
                let name = RequestId::random().ok_or(NotDelivered::Yet("no-randomness"))?;
                let named = self.store.name_anew(due.id, name.as_str().to_owned()).await;
                named.map_err(|_| NotDelivered::Yet("not-stored"))?;
                let cleared = self.exchange.anew(&pushed, due, name.as_str()).await?;
                Ok(Decided::CutAnew(cleared))
            }
        }
    }

    /// The message of a parcel again, or why it is not to be had. All of this can be put right: who left the settings by
    /// mistake is put back, and maps that fail are mended.
    fn pushed_anew(&self, senders: &[Arc<Sender>], due: &Due) -> Result<Pushed, &'static str> {
        let Original::Held { listener, source, control_id, raw } = &due.original else {
            return Err("original-not-held");
        };
        let sender =
            known(senders, listener, source, Wanted::System(&due.parcel.system)).ok_or("sender-not-known")?;
        let begun = self.begun(sender, None).ok_or("no-randomness")?;
        let taken = self.taken(sender, (raw, control_id), begun).map_err(|_| "not-translated")?;
        let translated = taken.outside.translated(&taken.sender, &taken.raw).map_err(|(reason, _)| reason)?;
        let document =
            json::parse(translated.bundle.into(), &json::Limits::default()).map_err(|_| "not-written")?;
        let requestor = taken.sender.requestor();
        Ok(Pushed { requestor, exchange: taken.exchange, bundle: Unfiltered::new(document) })
    }

    /// Records why a parcel is held back, the first time.
    async fn held(&self, due: &Due, reason: &'static str) -> NotDelivered {
        if !due.is_held_by(reason) {
            let recorded = intent::record(
                &due.parcel.intent,
                Event::Refused,
                Some(reason),
                (&*self.ledger, &self.counts),
            );
            if recorded.await.is_err() {
                return NotDelivered::Yet("ledger");
            }
        }
        NotDelivered::Held(reason)
    }

    /// Ends the intents of parcels that did not reach the outbox: nothing of them leaves.
    pub(in crate::push) async fn not_released(&self, parcels: &[Parcel], reason: &'static str) {
        for parcel in parcels {
            let ended = intent::not_released(&parcel.intent, None, reason, (&*self.ledger, &self.counts));
            if ended.await.is_err() {
                self.counts.add(Counted::Failed);
            }
        }
    }
}

/// The sender that a message came from: the listener of that name or, when it is named otherwise now, the only one of
/// its kind that speaks for the same organisation and sends where it is wanted.
pub(in crate::push) fn known<'a>(
    senders: &'a [Arc<Sender>],
    listener: &str,
    source: &str,
    wanted: Wanted<'_>,
) -> Option<&'a Arc<Sender>> {
    if let Some(sender) = senders.iter().find(|sender| sender.listener == *listener) {
        return Some(sender);
    }
    let organisation = source.split('/').next().unwrap_or_default();
    let mut like = senders.iter().filter(|sender| {
        sender.organisation.as_str() == organisation
            && kind(&sender.listener) == kind(listener)
            && match wanted {
                Wanted::System(system) => sender.to.contains(system),
                Wanted::All(receivers) => receivers == Some(names(&sender.to).as_str()),
            }
    });
    like.next().filter(|_| like.next().is_none())
}

/// Where a message is wanted.
#[derive(Debug, Clone, Copy)]
pub(in crate::push) enum Wanted<'a> {
    /// At this system.
    System(&'a SystemName),
    /// At these, by their [`names`], and nowhere else; nobody knows where it is wanted when that was not noted.
    All(Option<&'a str>),
}

/// Systems as they are noted.
pub(in crate::push) fn names(to: &[SystemName]) -> String {
    let mut names: Vec<&str> = to.iter().map(SystemName::as_str).collect();
    names.sort_unstable();
    names.join(" ")
}

fn kind(listener: &str) -> Option<&'static str> {
    KINDS.into_iter().find(|kind| listener.starts_with(kind) || listener.ends_with(kind))
}
