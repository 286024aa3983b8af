//! A dead letter goes on its way again: by the same translation, decision, minimum and record as if it had just come.
//!
//! A mended text must keep the id and the sender of its message, so that what is sent again later is known as before. Only
//! what has no place in the inbox (it could not be read, or its id was another's) comes in anew.

use std::sync::Arc;

use super::anew::known;
use super::entering::Entered;
use super::errands::{Done, Errand};
use super::form::{Form, Outside};
use super::inbox::{Answer, InboxId};
use super::intake::{Dealt, Intake, Sender, Taken, Unsettled};
use super::letters::{Letter, LetterId, Opened, Stage};
use super::mapped::{self, Kept};
use super::outbox::{Replayed, Text};
use super::stamped::{Stamped, stamped};
use super::store::StoreError;
use crate::person::SystemName;
use crate::trail::record::Exchange;

impl Intake {
    /// Sends an open letter on its way again, as `errand` wants it; that is recorded under `receipt`.
    ///
    /// # Errors
    /// [`StoreError`]; it is done again then.
    pub(in crate::push) async fn replay(
        &self,
        senders: &[Arc<Sender>],
        opened: Opened,
        (errand, receipt): (&Errand, String),
    ) -> Result<Done, StoreError> {
        let cannot = |why: &str| Ok(Done::Cannot(why.to_owned()));
        let Opened { letter, inbox, raw, row_key } = opened;
        let Some(raw) = errand.mended.clone().or(raw) else { return cannot("text-not-kept") };
        let Some(sender) = known(senders, &letter.listener, &letter.source, letter.wanted()) else {
            return cannot("sender-not-known");
        };
        let Some(begun) = self.begun(sender, None) else {
            return Ok(Done::NotNow("no-randomness".to_owned()));
        };
        let asked = Asked { letter: &letter, errand, receipt };
        match (&sender.form, inbox) {
            // A record has no id but what it says: mended, it is another.
            (Form::Mapped(making), _) if errand.mended.is_some() || inbox.is_none() => {
                let kept = if inbox.is_some() { Kept::Bundle } else { Kept::AsItCame };
                let made = mapped::made_before(&raw).filter(|_| mapped::may_be_made(making, kept));
                // A Bundle of somebody else's would be put in the place of what that sender said.
                if made.is_some() && errand.mended.is_some() && made != row_key {
                    return cannot("other-message");
                }
                match mapped::only(sender, making, (&raw, kept), self.clock.now()) {
                    Ok(bundle) => self.comes_anew(sender, (inbox, bundle), begun, asked).await,
                    Err(told) => self.in_vain(letter.id, (Stage::Translate, "not-translated"), told).await,
                }
            }
            (_, Some(inbox)) => self.again(sender, (inbox, raw), begun, asked).await,
            (_, None) => self.comes_anew(sender, (None, raw), begun, asked).await,
        }
    }

    /// A letter whose message is in the inbox.
    async fn again(
        &self,
        sender: &Arc<Sender>,
        (inbox, raw): (InboxId, Vec<u8>),
        begun: Exchange,
        asked: Asked<'_>,
    ) -> Result<Done, StoreError> {
        let letter = asked.letter;
        let cannot = |why: &str| Ok(Done::Cannot(why.to_owned()));
        let found = match Outside::found(sender, &raw, &letter.control_id) {
            Ok(found) => found,
            Err(refused) => {
                let told = refused.ack().1.text;
                return self.in_vain(letter.id, (Stage::Read, "not-a-message"), told).await;
            }
        };
        let Some((outside, raw)) = found.filter(|(outside, _)| outside.source == letter.source) else {
            return cannot("other-message");
        };
        let exchange = Exchange { follows: Some(outside.control_id.clone()), ..begun };
        let (sender, owed) = (Arc::clone(sender), letter.owed);
        let taken = Taken { sender, outside, raw, exchange, owed, stood: None };
        let _held = self.busy.hold(inbox).await;
        if asked.errand.mended.is_some() && self.store.is_waiting(inbox).await? {
            // What waits is decided by the text that came: nobody asked to mend it for those who wait.
            return cannot("others-wait");
        }
        let on_their_way = self.store.receivers_of(inbox).await?;
        let to: Vec<SystemName> = match &letter.system {
            Some(system) => vec![system.clone()],
            None => taken.sender.to.clone(),
        };
        let to: Vec<SystemName> = to.into_iter().filter(|system| !on_their_way.contains(system)).collect();
        if to.is_empty() {
            return cannot("nothing-left-to-send");
        }
        match self.parcels(&taken, &to).await {
            Ok((parcels, against)) => {
                let replayed = Replayed {
                    letter: letter.id,
                    inbox,
                    mended: asked.errand.mended.is_some().then(|| taken.raw.clone()),
                    errand: asked.errand.id,
                    receipt: asked.receipt.clone(),
                };
                let put = self.store.replay(replayed, parcels.clone(), against, self.now_ms()).await;
                if let Err(fault) = put {
                    self.not_released(&parcels, "not-stored").await;
                    return Err(fault);
                }
                self.wake.notify_one();
                Ok(Done::Well(asked.receipt))
            }
            Err(Unsettled::Refused(_, against)) => {
                let gone = against.iter().any(|stamped| stamped.text == Text::Gone);
                let Some(first) = against.into_iter().next() else { return cannot("nothing-left-to-send") };
                let first = Stamped { text: if gone { Text::Gone } else { first.text }, ..first };
                let reason = first.reason.clone();
                self.store.tried_in_vain(letter.id, first, self.now_ms()).await?;
                Ok(Done::InVain(reason))
            }
            Err(Unsettled::Failed) => Ok(Done::NotNow("not-decided".to_owned())),
        }
    }

    /// A letter that has no place in the inbox, or whose text is another's now: it comes as if it were sent.
    async fn comes_anew(
        &self,
        sender: &Arc<Sender>,
        (inbox, raw): (Option<InboxId>, Vec<u8>),
        begun: Exchange,
        asked: Asked<'_>,
    ) -> Result<Done, StoreError> {
        // All or nothing: the letter keeps its text until everything that is in it has come in.
        let all = Outside::apart(sender, &raw).and_then(|all| {
            all.into_iter().map(|(outside, text)| Ok((outside?, text))).collect::<Result<Vec<_>, _>>()
        });
        let all = match all {
            Ok(all) => all,
            Err(refused) => {
                let told = refused.ack().1.text;
                return self.in_vain(asked.letter.id, (Stage::Read, "not-a-message"), told).await;
            }
        };
        let mut refused = None;
        for (outside, raw) in all {
            let exchange = Exchange { follows: Some(outside.control_id.clone()), ..begun.clone() };
            let (sender, owed) = (Arc::clone(sender), asked.letter.owed);
            let mut taken = Taken { sender, outside, raw, exchange, owed, stood: None };
            let answer = match self.enter(&mut taken).await {
                Entered::Open((id, held)) => {
                    match self.settle((id, held).into(), &taken).await {
                        // It is what the letter holds already.
                        Dealt::Settled(Answer::Refused { text, .. }) if Some(id) == inbox => {
                            return Ok(Done::InVain(text));
                        }
                        Dealt::Settled(answer) => answer,
                        Dealt::Failed => return Ok(Done::NotNow("not-decided".to_owned())),
                    }
                }
                Entered::Answered(answer) => answer,
                Entered::Not(problem) if problem.code == "205" => {
                    return Ok(Done::InVain("control-id-reused".to_owned()));
                }
                Entered::Not(_) => return Ok(Done::NotNow("not-stored".to_owned())),
            };
            match answer {
                Answer::Accepted => {}
                Answer::Refused { text, .. } => refused = Some(text),
            }
        }
        // What was refused has a letter of its own now.
        self.store
            .supersede(asked.letter.id, (asked.errand.id, asked.receipt.clone()), self.now_ms())
            .await?;
        Ok(refused.map_or(Done::Well(asked.receipt), Done::InVain))
    }

    async fn in_vain(
        &self,
        letter: LetterId,
        (stage, reason): (Stage, &str),
        told: String,
    ) -> Result<Done, StoreError> {
        self.store.tried_in_vain(letter, stamped(stage, reason, Some(told)), self.now_ms()).await?;
        Ok(Done::InVain(reason.to_owned()))
    }
}

/// What is asked of a letter.
struct Asked<'a> {
    letter: &'a Letter,
    errand: &'a Errand,
    receipt: String,
}
