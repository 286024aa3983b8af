//! The thread that writes a lane: it takes what is waiting as one group, makes it durable with one `fdatasync`, and
//! only then answers. When the disk refuses, everyone who waits is told, the files are given up, and writing goes on in
//! a fresh segment as soon as the disk lets it.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::active::{Active, Group};
use super::aside::{Checkpointer, Preparer};
use super::batch::{LedgerError, Prepared, Receipt};
use super::checkpoint::Checkpoint;
use super::fault::Fault;
use super::files::Folder;
use super::health::{Health, Strain};
use super::lane::LaneId;
use super::read::Reader;
use super::record::SegmentHeader;
use super::repair::{Last, end_failed, overwrite};
use super::survey::ReadError;
use super::tree::Frontier;

/// A group takes no more batches once it has this many bytes.
const GROUP_BYTES: usize = 1 << 20;
/// How long a lane that failed waits before it tries again.
const TRY_AGAIN: Duration = Duration::from_millis(100);
/// How often a healthy lane looks after what could not be done at once.
const LOOK_AFTER: Duration = Duration::from_millis(500);

/// What the writer is asked to do.
pub(super) enum Command {
    Append {
        batch: Prepared,
        room: OwnedSemaphorePermit,
        done: Answer,
    },
    /// Appends the entry of an erasure, then overwrites the entry it names.
    Erase {
        index: u64,
        batch: Prepared,
        done: Answer,
    },
    /// Makes a checkpoint of all there is now.
    Checkpoint {
        done: oneshot::Sender<Result<(), LedgerError>>,
    },
    Close,
}

pub(super) type Answer = oneshot::Sender<Result<Receipt, LedgerError>>;

/// When checkpoints are made by themselves.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rhythm {
    pub(super) interval: Duration,
    pub(super) entries: u64,
}

pub(super) struct Writer {
    pub(super) folder: Folder,
    pub(super) lane: LaneId,
    pub(super) origin: String,
    pub(super) tree: Frontier,
    pub(super) state: State,
    pub(super) reader: Reader,
    pub(super) preparer: Preparer,
    pub(super) checkpointer: Checkpointer,
    pub(super) rhythm: Rhythm,
    pub(super) commands: Receiver<Command>,
    pub(super) unfinished_erasures: BTreeSet<u64>,
    pub(super) work: Work,
}

pub(super) enum State {
    Writing(Active),
    /// The files of this segment failed and are given up.
    Failed {
        number: u64,
        first: u64,
        error: Arc<io::Error>,
        tried: Instant,
    },
    Damaged(Fault),
}

/// What is at hand in the loop.
#[derive(Default)]
pub(super) struct Work {
    group: Group,
    waiting: Vec<(u64, Answer)>,
    rooms: Vec<OwnedSemaphorePermit>,
    checkpoint_strained: bool,
    last_checkpoint: Option<Instant>,
    last_look: Option<Instant>,
}

impl Writer {
    /// Works until told to close, or until nobody can ask for anything any more.
    pub(super) fn run(mut self) {
        self.preparer.ask();
        self.work.last_checkpoint = Some(Instant::now());
        loop {
            let command = match self.commands.recv_timeout(self.patience()) {
                Ok(command) => Some(command),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => break,
            };
            let mut command = command;
            while let Some(now) = command.take() {
                match now {
                    Command::Append { batch, room, done } => command = self.append_group(batch, room, done),
                    Command::Erase { index, batch, done } => self.erase(index, &batch, done),
                    Command::Checkpoint { done } => {
                        let made = self.checkpoint_now();
                        // Whoever asked may have gone.
                        drop(done.send(made));
                    }
                    Command::Close => return self.close(),
                }
            }
            self.look_after();
        }
        self.close();
    }

    fn patience(&self) -> Duration {
        let head = self.tree.size();
        let quiet = matches!(self.state, State::Writing(_))
            && head == self.reader.shared.checkpointed()
            && self.unfinished_erasures.is_empty()
            && self.preparer.is_ready();
        if quiet { Duration::from_secs(3_600) } else { self.rhythm.interval.min(TRY_AGAIN) }
    }

    /// Writes `first` and whatever else is waiting; yields the first command that is not an append.
    fn append_group(&mut self, first: Prepared, room: OwnedSemaphorePermit, done: Answer) -> Option<Command> {
        let mut next = Some((first, room, done));
        let mut other = None;
        while let Some((batch, room, done)) = next.take() {
            self.take(&batch, room, done);
            if self.work.group.bytes() >= GROUP_BYTES {
                break;
            }
            match self.commands.try_recv() {
                Ok(Command::Append { batch, room, done }) => next = Some((batch, room, done)),
                Ok(command) => other = Some(command),
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => {}
            }
        }
        self.flush();
        other
    }

    /// Puts `batch` into the group, for which the lane may have to recover or begin a new segment.
    fn take(&mut self, batch: &Prepared, room: OwnedSemaphorePermit, done: Answer) {
        if let Err(error) = self.writable() {
            drop(done.send(Err(error)));
            return;
        }
        if let Some(index) = self.add(batch) {
            self.work.waiting.push((index, done));
            self.work.rooms.push(room);
            return;
        }
        self.flush();
        let added = self.writable().and_then(|()| {
            self.roll().map_err(|error| self.fail(error))?;
            self.add(batch).ok_or(LedgerError::TooLarge)
        });
        match added {
            Ok(index) => {
                self.work.waiting.push((index, done));
                self.work.rooms.push(room);
            }
            Err(error) => drop(done.send(Err(error))),
        }
    }

    fn add(&mut self, batch: &Prepared) -> Option<u64> {
        match &self.state {
            State::Writing(active) => active.add(&mut self.work.group, batch),
            State::Failed { .. } | State::Damaged(_) => None,
        }
    }

    /// Makes the group durable and answers everyone in it.
    fn flush(&mut self) {
        let State::Writing(active) = &mut self.state else { return };
        if self.work.group.is_empty() {
            return;
        }
        let written = active.write(&self.work.group);
        let answer = match written {
            Ok(()) => {
                self.reader.shared.set_head(active.next);
                Ok(())
            }
            Err(error) => Err(self.fail(error)),
        };
        let first = self.tree.size();
        let leaf_of = |index: u64| {
            let at = usize::try_from(index - first).unwrap_or(usize::MAX);
            self.work.group.leaves.get(at).map(|leaf| leaf.hash)
        };
        for (index, done) in self.work.waiting.drain(..) {
            let receipt = match (&answer, leaf_of(index)) {
                (Ok(()), Some(leaf)) => Ok(Receipt { lane: self.lane, index, leaf }),
                (Ok(()), None) => Err(LedgerError::Closed),
                (Err(error), _) => Err(error.clone()),
            };
            // A caller that no longer waits still has its entry.
            drop(done.send(receipt));
        }
        self.work.rooms.clear();
        if answer.is_ok() {
            self.work.group.leaves.iter().for_each(|leaf| self.tree.push(leaf.hash));
        }
        self.work.group.clear();
    }

    /// Ends the present segment and begins the next.
    fn roll(&mut self) -> io::Result<()> {
        let State::Writing(active) = &self.state else { return Ok(()) };
        self.preparer.wait()?;
        active.seal()?;
        let number = active.number + 1;
        self.begin(number)
    }

    fn begin(&mut self, number: u64) -> io::Result<()> {
        let (first, root) = (self.tree.size(), self.tree.root());
        self.preparer.used();
        let active = Active::begin(&self.folder, SegmentHeader { lane: self.lane, number, first, root })?;
        self.reader.shared.add_segment(number, first);
        self.state = State::Writing(active);
        self.preparer.ask();
        Ok(())
    }

    /// Gives up the present files after `error`.
    fn fail(&mut self, error: io::Error) -> LedgerError {
        let kind = error.kind();
        let error = Arc::new(error);
        if let State::Writing(active) = &self.state {
            let (number, first) = (active.number, active.first);
            self.state = State::Failed { number, first, error: Arc::clone(&error), tried: Instant::now() };
        }
        self.reader.shared.set_health(Health::Failing(kind));
        LedgerError::Io(error)
    }

    /// Whether the lane can be written; if it failed a while ago, tries to recover first.
    fn writable(&mut self) -> Result<(), LedgerError> {
        match &self.state {
            State::Writing(_) => return Ok(()),
            State::Damaged(fault) => return Err(LedgerError::Damaged(fault.clone())),
            State::Failed { error, tried, .. } if tried.elapsed() < TRY_AGAIN => {
                return Err(LedgerError::Io(Arc::clone(error)));
            }
            State::Failed { .. } => {}
        }
        self.recover()
    }

    fn recover(&mut self) -> Result<(), LedgerError> {
        let State::Failed { number, first, .. } = self.state else { return Ok(()) };
        let last = Last { number, first, leaves_durable: self.reader.shared.checkpointed() };
        let recovered = self
            .preparer
            .wait()
            .map_err(|source| ReadError::Io { file: String::new(), source })
            .and_then(|()| end_failed(&self.folder, last, self.tree.size(), &self.unfinished_erasures))
            .and_then(|()| {
                self.begin(number + 1).map_err(|source| ReadError::Io { file: String::new(), source })
            });
        match recovered {
            Ok(()) => {
                self.report_health();
                Ok(())
            }
            Err(ReadError::Io { source, .. }) => {
                let kind = source.kind();
                let error = Arc::new(source);
                let again = Arc::clone(&error);
                self.state = State::Failed { number, first, error, tried: Instant::now() };
                self.reader.shared.set_health(Health::Failing(kind));
                Err(LedgerError::Io(again))
            }
            Err(ReadError::Fault(fault)) => {
                self.state = State::Damaged(fault.clone());
                self.reader.shared.set_health(Health::Damaged);
                Err(LedgerError::Damaged(fault))
            }
        }
    }

    fn erase(&mut self, index: u64, batch: &Prepared, done: Answer) {
        let answer = self.append_one(batch).and_then(|receipt| {
            self.unfinished_erasures.insert(index);
            self.finish_erasure(index).map_err(|error| LedgerError::Io(Arc::new(error)))?;
            Ok(receipt)
        });
        self.report_health();
        drop(done.send(answer));
    }

    fn append_one(&mut self, batch: &Prepared) -> Result<Receipt, LedgerError> {
        self.writable()?;
        let index = match self.add(batch) {
            Some(index) => index,
            None => {
                self.roll().map_err(|error| self.fail(error))?;
                self.add(batch).ok_or(LedgerError::TooLarge)?
            }
        };
        let leaf = self.work.group.leaves.first().map(|leaf| leaf.hash);
        let (done, mut answer) = oneshot::channel();
        self.work.waiting.push((index, done));
        self.flush();
        match (answer.try_recv(), leaf) {
            (Ok(answer), Some(_)) => answer,
            (Ok(_) | Err(_), _) => Err(LedgerError::Closed),
        }
    }

    fn finish_erasure(&mut self, index: u64) -> io::Result<()> {
        let place = self.reader.leaf(index).map_err(io::Error::other)?;
        let (number, leaf) = place.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        overwrite(&self.folder, number, u64::from(leaf.offset))?;
        self.unfinished_erasures.remove(&index);
        Ok(())
    }

    /// What is done beside appending: recovering, checkpoints, the next segment, erasures that were interrupted.
    fn look_after(&mut self) {
        self.note_checkpoint();
        self.preparer.look();
        let due = self.work.last_look.is_none_or(|last| last.elapsed() >= LOOK_AFTER);
        let failed = matches!(&self.state, State::Failed { tried, .. } if tried.elapsed() >= TRY_AGAIN);
        if failed {
            // The health says how it went.
            drop(self.recover());
        }
        if due {
            self.work.last_look = Some(Instant::now());
            self.preparer.ask_again();
            for index in self.unfinished_erasures.clone() {
                if self.finish_erasure(index).is_err() {
                    break;
                }
            }
        }
        let behind = self.tree.size() - self.reader.shared.checkpointed();
        let rested = self.work.last_checkpoint.is_none_or(|last| last.elapsed() >= self.rhythm.interval);
        if behind > 0 && (rested || behind >= self.rhythm.entries) && !self.checkpointer.is_busy() {
            self.start_checkpoint();
        }
        self.report_health();
    }

    fn report_health(&self) {
        let strain = if !self.unfinished_erasures.is_empty() {
            Some(Strain::ErasureUnfinished)
        } else if self.preparer.failed() {
            Some(Strain::NoNextSegment)
        } else if self.work.checkpoint_strained {
            Some(Strain::NoCheckpoints)
        } else {
            None
        };
        match &self.state {
            State::Writing(_) => {
                self.reader.shared.set_health(strain.map_or(Health::Writing, Health::Strained));
            }
            State::Failed { error, .. } => self.reader.shared.set_health(Health::Failing(error.kind())),
            State::Damaged(_) => self.reader.shared.set_health(Health::Damaged),
        }
    }

    fn start_checkpoint(&mut self) {
        if let State::Writing(active) = &self.state {
            self.work.last_checkpoint = Some(Instant::now());
            let checkpoint =
                Checkpoint { origin: self.origin.clone(), size: self.tree.size(), root: self.tree.root() };
            self.checkpointer.start(checkpoint, active.number, Arc::clone(&active.leaves));
        }
    }

    /// Takes in how a checkpoint went, if it is known.
    fn note_checkpoint(&mut self) {
        if let Some(made) = self.checkpointer.look() {
            self.take_checkpoint(made);
        }
    }

    fn take_checkpoint(&mut self, made: super::aside::Made) -> Option<Arc<io::Error>> {
        match made {
            super::aside::Made::Written { size } => {
                self.work.checkpoint_strained = false;
                self.reader.shared.set_checkpointed(size);
                None
            }
            super::aside::Made::NoteFailed(error) => {
                self.work.checkpoint_strained = true;
                Some(Arc::new(error))
            }
            super::aside::Made::LeavesFailed { number, error } => {
                let mut source = None;
                if matches!(&self.state, State::Writing(active) if active.number == number)
                    && let LedgerError::Io(error) = self.fail(error)
                {
                    source = Some(error);
                }
                source
            }
        }
    }

    fn checkpoint_now(&mut self) -> Result<(), LedgerError> {
        if let Some(made) = self.checkpointer.wait() {
            self.take_checkpoint(made);
        }
        if self.reader.shared.checkpointed() == self.tree.size() {
            return Ok(());
        }
        self.writable()?;
        self.start_checkpoint();
        match self.checkpointer.wait().and_then(|made| self.take_checkpoint(made)) {
            Some(error) => Err(LedgerError::Io(error)),
            None => Ok(()),
        }
    }

    fn close(mut self) {
        // What can still be said in a checkpoint is said; what cannot is durable all the same.
        drop(self.checkpoint_now());
    }
}

impl Drop for Writer {
    /// However the writer ends, nothing is written any more.
    fn drop(&mut self) {
        self.reader.shared.set_health(Health::Closed);
    }
}
