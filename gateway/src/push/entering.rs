//! The way into the inbox: a message that is new is held so that nobody else deals with it, and one that is known has its
//! answer.

use std::sync::Arc;

use adapters::hl7v2::Problem;

use super::answer::not_now;
use super::busy::{Held, Turn};
use super::counts::Counted;
use super::form::Outside;
use super::inbox::{Answer, InboxId, Known, Sought};
use super::intake::{Intake, Taken};
use super::letters::Stage;
use super::stamped::{head, stamped};
use super::store::StoreError;
use crate::trail::record::Event;

/// Why a message is refused whose id another one bears.
const REUSED: &str = "control-id-reused";

/// What became of a message that came.
pub(in crate::push) enum Entered<T> {
    /// It has yet to be dealt with.
    Open(T),
    /// It was answered before.
    Answered(Answer),
    /// It is not in the inbox.
    Not(Problem),
}

impl Intake {
    /// Puts a message into the inbox, unless it is known. What stands against it is recorded, and kept as a dead letter.
    pub(in crate::push) async fn enter(&self, taken: &mut Taken) -> Entered<(InboxId, Option<Held>)> {
        let known = match self.name(taken).await {
            Ok(()) => self.store.receive_held(self.arrival(taken), Arc::clone(&self.busy)).await,
            Err(fault) => Err(fault),
        };
        match known {
            Ok((Known::Open(id), held)) => Entered::Open((id, held)),
            Ok((known, _)) => self.settled_before(taken, Ok(known)).await,
            Err(fault) => self.settled_before(taken, Err(fault)).await,
        }
    }

    pub(in crate::push) async fn enter_in_turn(&self, taken: &mut Taken) -> Entered<Turn> {
        match self.enter(taken).await {
            Entered::Open(open) => Entered::Open(open.into()),
            Entered::Answered(answer) => Entered::Answered(answer),
            Entered::Not(problem) => Entered::Not(problem),
        }
    }

    /// Makes a message that nobody knows this one's to deal with. It is stored once there is an answer, with that, in one
    /// commit: until then its sender has no word of it, and sends it again.
    pub(in crate::push) async fn claim(&self, taken: &Taken) -> Entered<Turn> {
        let Outside { source, control_id, hash, .. } = &taken.outside;
        loop {
            let freed = self.busy.freed();
            let message = (source.clone(), control_id.clone(), *hash);
            match self.store.seek(message, Arc::clone(&self.busy)).await {
                Ok(Sought::Unknown(Some(held))) => return Entered::Open(Turn::Unstored(held)),
                // Another connection deals with the same message: what it is answered is the answer.
                Ok(Sought::Unknown(None)) => freed.await,
                Ok(Sought::Known(Known::Open(id))) => return Entered::Open(Turn::Stored(id)),
                Ok(Sought::Known(known)) => return self.settled_before(taken, Ok(known)).await,
                Err(fault) => return self.settled_before(taken, Err(fault)).await,
            }
        }
    }

    /// What is told of a message that was answered before, bears the id of another, or cannot be stored.
    async fn settled_before<T>(&self, taken: &Taken, known: Result<Known, StoreError>) -> Entered<T> {
        match known {
            Ok(Known::Answered(answer)) => {
                self.counts.add(Counted::Repeated);
                Entered::Answered(answer)
            }
            Ok(Known::Other) => {
                let text = "this control id was used for another message";
                self.record(taken.exchange.clone(), Event::Refused, REUSED).await;
                self.counts.add(Counted::Refused);
                let stamped = stamped(Stage::Repeat, REUSED, Some(text.to_owned()));
                drop(self.keep(head(taken), stamped, &taken.raw).await);
                Entered::Not(Problem { code: "205", text: text.to_owned() })
            }
            Ok(Known::Open(_)) | Err(_) => {
                self.record(taken.exchange.clone(), Event::Failed, "not-stored").await;
                self.counts.add(Counted::Failed);
                Entered::Not(not_now())
            }
        }
    }
}
