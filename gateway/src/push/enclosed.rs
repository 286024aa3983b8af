//! Several messages in one envelope (HL7 v2 chapter 2, batch protocol): each is a message by itself, and what each is answered
//! goes back in one envelope.

use std::sync::Arc;

use adapters::hl7v2::Stamp;
use adapters::hl7v2::batch::{open, reject};
use tokio::sync::mpsc;

use super::answer::{Meaning, Told};
use super::counts::Counted;
use super::intake::{Intake, Sender};
use crate::server::arrived::RequestId;

impl Intake {
    /// What names an acknowledgement, and when it was written.
    pub(in crate::push) fn stamp(&self) -> Stamp {
        let control_id = RequestId::random().map_or_else(String::new, |id| id.as_str().replace('-', ""));
        Stamp {
            control_id: control_id.get(..20).unwrap_or_default().to_owned(),
            at: self.clock.now().strftime("%Y%m%d%H%M%S+0000").to_string(),
        }
    }

    /// Takes the messages of a file or batch, one after another as they stand, since what follows may correct what went before, and
    /// answers when all are dealt with. One that is refused stops none of the others. Where a message begins and ends has to be
    /// certain: else nothing of it is used.
    pub(in crate::push) async fn take_enclosed(
        self: &Arc<Self>,
        sender: Arc<Sender>,
        raw: Vec<u8>,
        peer: Option<String>,
        tell: &mpsc::Sender<Told>,
    ) {
        let batch = match open(&raw, &sender.context) {
            Ok(batch) => batch,
            Err(refused) => {
                self.counts.add(Counted::Received);
                let (_, problem) = refused.ack();
                if let Some(begun) = self.begun(&sender, peer) {
                    self.unread(&sender, &raw, problem.text.clone(), begun).await;
                }
                let bytes = reject(&raw, &problem, &self.stamp());
                drop(tell.send(Told { bytes, meaning: Meaning::NotTaken, shared: None }).await);
                return;
            }
        };
        let mut meaning = Meaning::Taken;
        let mut acknowledgements = Vec::with_capacity(batch.messages().len());
        for message in batch.messages() {
            let mut told = self.take(Arc::clone(&sender), message.raw().to_vec(), peer.clone());
            let mut own = Vec::new();
            while let Some(answer) = told.recv().await {
                meaning = meaning.worse(answer.meaning);
                own.push(answer.bytes);
            }
            acknowledgements.push(own);
        }
        if let Some(bytes) = batch.answer(&acknowledgements, &self.stamp()) {
            // Who hung up is not told; what was done stands.
            drop(tell.send(Told { bytes, meaning, shared: None }).await);
        }
    }
}
