//! What comes in without acknowledgements of its own: documents, and files of records. Each is stored, decided and put on
//! its way as a message is; what one comes to holds up no other.

use std::collections::BTreeSet;
use std::io::Read;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use adapters::Refused;
use futures_util::FutureExt;
use futures_util::future::join_all;
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;

use super::anew::names;
use super::counts::Counted;
use super::entering::Entered;
use super::form::Outside;
use super::inbox::Answer;
use super::intake::{Dealt, GIVEN_UP, Intake, Sender, Taken};
use super::letters::{Owed, Stage};
use super::mapped::{self, NotARecord, Record, Rest};
use super::stamped::{Head, Stamped, stamped};
use super::stood::{Again, Stood};
use crate::outcome::Ending;
use crate::settings::Making;
use crate::trail::record::{Event, Exchange};

/// Records under way at once, each of another person.
const TOGETHER: usize = 16;
/// Reasons that are told to the sender; all are in the dead letters.
const TOLD_MAX: usize = 20;

/// What came of a document or file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::push) struct Came {
    /// Documents or records that are on their way.
    pub(in crate::push) taken: u64,
    /// Those that are refused: each is a dead letter.
    pub(in crate::push) refused: u64,
    /// Those that could not be dealt with now: they should come again.
    pub(in crate::push) not_now: u64,
    /// Why the first of them were refused.
    pub(in crate::push) told: Vec<String>,
    /// Whether what comes after the last could not be read.
    pub(in crate::push) broke_off: bool,
    /// Records whose text is in no dead letter: it is where they came from.
    pub(in crate::push) without_text: u64,
}

/// Lanes of which something could not be dealt with now. What comes after that in them waits for it: out of turn, the
/// older would arrive last.
#[derive(Debug, Default)]
pub(in crate::push) struct HeldUp(BTreeSet<String>);

/// A file of records.
pub(in crate::push) struct File {
    /// What it holds.
    pub(in crate::push) content: Box<dyn Read + Send>,
    /// What it is called: in Provenance and on letters.
    pub(in crate::push) name: String,
    /// Where it came from.
    pub(in crate::push) peer: Option<String>,
    /// By what it is known when it is read again.
    pub(in crate::push) known_by: String,
    /// What that means.
    pub(in crate::push) again: Again,
    /// Whether who dropped it hears nothing of what is refused.
    pub(in crate::push) owed: Owed,
}

/// Something of a file, or a document.
struct Piece {
    outside: Outside,
    raw: Vec<u8>,
    owed: Owed,
    stood: Option<Stood>,
}

/// What came of one document or record.
enum One {
    Taken,
    Refused(String),
    NotNow,
}

impl Intake {
    /// Takes what holds documents: each is a message of its own.
    pub(in crate::push) async fn take_documents(
        self: &Arc<Self>,
        sender: &Arc<Sender>,
        raw: Vec<u8>,
        peer: Option<String>,
    ) -> Came {
        let mut came = Came::default();
        let mut held_up = HeldUp::default();
        match Outside::apart(sender, &raw) {
            Ok(all) => {
                for (outside, text) in all {
                    match outside {
                        Ok(outside) => {
                            let mut alone = vec![Piece { outside, raw: text, owed: Owed::No, stood: None }];
                            self.settle_all(sender, &mut alone, &peer, (&mut came, &mut held_up)).await;
                        }
                        Err(refused) => {
                            came.add(self.not_a_document(sender, (&text, &refused), peer.clone()).await)
                        }
                    }
                }
            }
            Err(refused) => came.add(self.not_a_document(sender, (&raw, &refused), peer).await),
        }
        came
    }

    async fn not_a_document(
        &self,
        sender: &Sender,
        (raw, refused): (&[u8], &Refused),
        peer: Option<String>,
    ) -> One {
        self.counts.add(Counted::Received);
        let Some(begun) = self.begun(sender, peer) else { return One::NotNow };
        let told = refused.ack().1.text;
        self.unread(sender, raw, told.clone(), begun).await;
        One::Refused(told)
    }

    /// Takes a file record by record, in order for each person.
    pub(in crate::push) async fn take_records(
        self: &Arc<Self>,
        sender: &Arc<Sender>,
        making: &Making,
        file: File,
        held_up: &mut HeldUp,
    ) -> Came {
        let File { content, name, peer, known_by, again, owed } = file;
        let (give, mut records) = mpsc::channel(TOGETHER);
        let reading = tokio::task::spawn_blocking({
            let (sender, making) = (Arc::clone(sender), making.clone());
            let (name, now) = (name.clone(), self.clock.now());
            move || {
                mapped::records(&sender, &making, (content, &name), now, |record| {
                    give.blocking_send(record).ok()
                });
            }
        });
        let mut came = Came::default();
        let mut together: Vec<Piece> = Vec::new();
        let mut lanes = BTreeSet::new();
        let mut nth = 0_u64;
        while let Some(record) = records.recv().await {
            nth += 1;
            let stood = Stood { file: known_by.clone(), nth, again };
            let bundle = match record {
                Record::Bundle(bundle) => bundle,
                Record::Refused(refused) => {
                    came.broke_off |= refused.rest == Rest::Ends;
                    came.without_text += u64::from(refused.row.is_none());
                    let place = (&*name, stood, owed);
                    came.add(self.not_a_record(sender, (refused, place), peer.clone()).await);
                    continue;
                }
            };
            let outside = Outside::all(sender, &bundle).ok().and_then(|all| all.into_iter().next());
            let Some(outside) = outside else {
                let told = "a record is larger than a Bundle may be".to_owned();
                let refused = NotARecord { told, rest: Rest::Goes, row: None };
                came.without_text += 1;
                let place = (&*name, stood, owed);
                came.add(self.not_a_record(sender, (refused, place), peer.clone()).await);
                continue;
            };
            if together.len() >= TOGETHER || lanes.contains(&outside.lane) {
                lanes.clear();
                self.settle_all(sender, &mut together, &peer, (&mut came, held_up)).await;
            }
            lanes.insert(outside.lane.clone());
            together.push(Piece { outside, raw: bundle, owed, stood: Some(stood) });
        }
        self.settle_all(sender, &mut together, &peer, (&mut came, held_up)).await;
        if reading.await.is_err() {
            // A fault of the program with a file would come again with it.
            came.broke_off = true;
            let told = "the file cannot be read, by a fault of the program".to_owned();
            let refused = NotARecord { told, rest: Rest::Ends, row: None };
            let stood = Stood { file: known_by.clone(), nth: nth + 1, again };
            came.add(self.not_a_record(sender, (refused, (&*name, stood, owed)), peer).await);
        }
        came
    }

    async fn settle_all(
        self: &Arc<Self>,
        sender: &Arc<Sender>,
        together: &mut Vec<Piece>,
        peer: &Option<String>,
        (came, held_up): (&mut Came, &mut HeldUp),
    ) {
        let under_way = together.drain(..).map(|piece| {
            let lane = piece.outside.lane.clone();
            let waits = held_up.0.contains(&lane);
            let taken = self.take_one(sender, piece, peer.clone());
            async move { (lane, if waits { One::NotNow } else { taken.await }) }
        });
        for (lane, one) in join_all(under_way).await {
            if matches!(one, One::NotNow) {
                held_up.0.insert(lane);
            }
            came.add(one);
        }
    }

    /// In a task of its own: a sender that hangs up cancels nothing, and a fault of the program ends nothing else.
    async fn take_one(self: &Arc<Self>, sender: &Arc<Sender>, piece: Piece, peer: Option<String>) -> One {
        let Piece { outside, raw, owed, stood } = piece;
        self.counts.add(Counted::Received);
        let Some(begun) = self.begun(sender, peer) else { return One::NotNow };
        let exchange = Exchange { follows: Some(outside.control_id.clone()), ..begun };
        let mut taken = Taken { sender: Arc::clone(sender), outside, raw, exchange, owed, stood };
        let exchange = taken.exchange.clone();
        let intake = Arc::clone(self);
        match tokio::spawn(async move { intake.deal_with_one(&mut taken).await }).await {
            Ok(one) => one,
            Err(_) => {
                self.counts.add(Counted::Failed);
                self.record(exchange, Event::Failed, Ending::Panicked.reason()).await;
                One::NotNow
            }
        }
    }

    async fn deal_with_one(&self, taken: &mut Taken) -> One {
        let answer = match self.enter(taken).await {
            Entered::Answered(answer) => answer,
            Entered::Not(problem) if problem.code == "205" => return One::Refused(problem.text),
            Entered::Not(_) => return One::NotNow,
            Entered::Open((id, held)) => {
                match AssertUnwindSafe(self.settle((id, held).into(), taken)).catch_unwind().await {
                    Ok(Dealt::Settled(answer)) => answer,
                    Ok(Dealt::Failed) => return One::NotNow,
                    Err(_) if self.busy.is_given_up(id) => return One::Refused(GIVEN_UP.to_owned()),
                    Err(_) => {
                        self.panicked_again(id, taken.exchange.clone()).await;
                        return if self.busy.is_given_up(id) {
                            One::Refused(GIVEN_UP.to_owned())
                        } else {
                            One::NotNow
                        };
                    }
                }
            }
        };
        match answer {
            Answer::Accepted => One::Taken,
            Answer::Refused { text, .. } => One::Refused(text),
        }
    }

    /// Records a record that the mapping refuses, and keeps its row. One that cannot be kept should come again.
    async fn not_a_record(
        &self,
        sender: &Sender,
        (refused, (name, stood, owed)): (NotARecord, (&str, Stood, Owed)),
        peer: Option<String>,
    ) -> One {
        match self.store.is_kept(stood.clone()).await {
            Ok(false) => {}
            // It was recorded when the file was read before.
            Ok(true) => return One::Refused(refused.told),
            Err(_) => return One::NotNow,
        }
        self.counts.add(Counted::Received);
        self.counts.add(Counted::Refused);
        let Some(begun) = self.begun(sender, peer) else { return One::NotNow };
        self.record(begun, Event::Refused, "not-translated").await;
        let row = refused.row.unwrap_or_default();
        let mut hash = Sha256::new();
        // What a row says is itself; without it, which one of which file it is: another file of the same name holds others.
        hash.update(if row.is_empty() { format!("{}\n{}", stood.file, stood.nth) } else { row.clone() });
        let head = Head {
            source: sender.context.source().to_owned(),
            control_id: String::new(),
            hash: hash.finalize().into(),
            listener: sender.listener.clone(),
            place: Some(format!("{name}: {}", refused.told)),
            stood: Some(stood),
            receivers: names(&sender.to),
        };
        let stamped =
            Stamped { owed, ..stamped(Stage::Translate, "not-translated", Some(refused.told.clone())) };
        match self.keep(head, stamped, row.as_bytes()).await {
            Ok(()) => One::Refused(refused.told),
            // Nobody would know of it.
            Err(_) => One::NotNow,
        }
    }
}

impl Came {
    fn add(&mut self, one: One) {
        match one {
            One::Taken => self.taken = self.taken.saturating_add(1),
            One::NotNow => self.not_now = self.not_now.saturating_add(1),
            One::Refused(told) => {
                self.refused = self.refused.saturating_add(1);
                if self.told.len() < TOLD_MAX {
                    self.told.push(told);
                }
            }
        }
    }
}

impl std::fmt::Debug for File {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "File({})", self.name)
    }
}
