//! What has no place in the inbox: it could not be read, or its id was another's. It is kept as a dead letter.

use sha2::{Digest, Sha256};

use super::anew::names;
use super::counts::Counted;
use super::intake::{Intake, Sender};
use super::letters::Stage;
use super::stamped::{Head, Stamped, stamped};
use super::store::StoreError;
use crate::trail::record::{Event, Exchange};

impl Intake {
    /// Notes input that has no outside one could store it under. What cannot be kept was refused all the same: its sender
    /// has it still.
    pub(in crate::push) async fn unread(&self, sender: &Sender, raw: &[u8], told: String, begun: Exchange) {
        self.record(begun, Event::Refused, "not-a-message").await;
        self.counts.add(Counted::Refused);
        let head = Head {
            source: sender.context.source().to_owned(),
            control_id: String::new(),
            hash: Sha256::digest(raw).into(),
            listener: sender.listener.clone(),
            place: None,
            stood: None,
            receivers: names(&sender.to),
        };
        drop(self.keep(head, stamped(Stage::Read, "not-a-message", Some(told)), raw).await);
    }

    /// Keeps what has no place in the inbox. Who is owed a word and was not before is counted.
    pub(in crate::push) async fn keep(
        &self,
        head: Head,
        stamped: Stamped,
        raw: &[u8],
    ) -> Result<(), StoreError> {
        match self.store.keep(head, stamped, raw.to_vec(), self.now_ms()).await {
            Ok(owed) => {
                self.counts.add_many(Counted::Dead, owed);
                Ok(())
            }
            Err(fault) => {
                self.counts.add(Counted::Failed);
                Err(fault)
            }
        }
    }
}
