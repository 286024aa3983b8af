//! What is done beside the writer, so that no append waits for it: making the next segment ready, and signing and
//! storing checkpoints. One thread each; they end when the writer does.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use super::checkpoint::{Checkpoint, SEPARATOR};
use super::files::{Folder, Sizes, names};
use super::note::NoteSigner;

/// A thread that does one thing when asked. It has ended, and touches the folder no more, once this is dropped.
struct Aside<Ask, Answer> {
    asks: Option<Sender<Ask>>,
    answers: Receiver<Answer>,
    thread: Option<thread::JoinHandle<()>>,
}

enum Asked {
    Yes,
    Ended,
}

impl<Ask: Send + 'static, Answer: Send + 'static> Aside<Ask, Answer> {
    fn start(name: &str, mut work: impl FnMut(Ask) -> Answer + Send + 'static) -> io::Result<Self> {
        let ((asks, to_do), (done, answers)) = (channel(), channel());
        let thread = thread::Builder::new().name(name.to_owned()).spawn(move || {
            while let Ok(ask) = to_do.recv() {
                if done.send(work(ask)).is_err() {
                    break;
                }
            }
        })?;
        Ok(Self { asks: Some(asks), answers, thread: Some(thread) })
    }

    fn ask(&self, ask: Ask) -> Asked {
        match self.asks.as_ref().map(|asks| asks.send(ask)) {
            Some(Ok(())) => Asked::Yes,
            Some(Err(_)) | None => Asked::Ended,
        }
    }

    fn look(&self) -> Option<Answer> {
        self.answers.try_recv().ok()
    }

    fn wait(&self) -> Option<Answer> {
        self.answers.recv().ok()
    }
}

impl<Ask, Answer> Drop for Aside<Ask, Answer> {
    fn drop(&mut self) {
        drop(self.asks.take());
        if let Some(thread) = self.thread.take() {
            // Its panic, if it had one, was reported when it happened.
            drop(thread.join());
        }
    }
}

/// Keeps one segment ready.
pub(super) struct Preparer {
    thread: Aside<(), io::Result<()>>,
    state: Spare,
}

enum Spare {
    None,
    Asked,
    Ready,
    Failed(io::Error),
}

impl Preparer {
    pub(super) fn start(folder: Folder, sizes: Sizes) -> io::Result<Self> {
        let thread = Aside::start("ledger-prepare", move |()| folder.prepare(sizes))?;
        Ok(Self { thread, state: Spare::None })
    }

    /// Asks for a segment, unless there is one or one is on its way.
    pub(super) fn ask(&mut self) {
        if matches!(self.state, Spare::None | Spare::Failed(_)) {
            self.state = match self.thread.ask(()) {
                Asked::Yes => Spare::Asked,
                Asked::Ended => Spare::Failed(ended()),
            };
        }
    }

    /// Asks again after a failure.
    pub(super) fn ask_again(&mut self) {
        if self.failed() {
            self.ask();
        }
    }

    /// Takes in an answer that may have come.
    pub(super) fn look(&mut self) {
        if let (Spare::Asked, Some(answer)) = (&self.state, self.thread.look()) {
            self.state = answer.map_or_else(Spare::Failed, |()| Spare::Ready);
        }
    }

    /// Waits until a segment is ready. One that could not be made is asked for once more.
    pub(super) fn wait(&mut self) -> io::Result<()> {
        self.look();
        self.ask();
        if matches!(self.state, Spare::Asked) {
            let answer = self.thread.wait().unwrap_or_else(|| Err(ended()));
            self.state = answer.map_or_else(Spare::Failed, |()| Spare::Ready);
        }
        match &self.state {
            Spare::Failed(error) => {
                Err(error.raw_os_error().map_or_else(|| error.kind().into(), io::Error::from_raw_os_error))
            }
            Spare::None | Spare::Asked | Spare::Ready => Ok(()),
        }
    }

    /// The segment that was ready is one no longer.
    pub(super) fn used(&mut self) {
        self.state = Spare::None;
    }

    pub(super) fn is_ready(&self) -> bool {
        matches!(self.state, Spare::Ready)
    }

    pub(super) fn failed(&self) -> bool {
        matches!(self.state, Spare::Failed(_))
    }
}

fn ended() -> io::Error {
    io::Error::other("the thread that prepares segments has ended")
}

/// Signs checkpoints and stores them.
pub(super) struct Checkpointer {
    thread: Aside<Job, Made>,
    busy: Busy,
}

#[derive(PartialEq, Eq)]
enum Busy {
    Idle,
    Working,
}

struct Job {
    checkpoint: Checkpoint,
    number: u64,
    leaves: Arc<File>,
}

/// How a checkpoint went.
pub(super) enum Made {
    /// It is durable.
    Written { size: u64 },
    /// It could not be stored.
    NoteFailed(io::Error),
    /// The leaves could not be made durable: the files of that segment are not to be used any more.
    LeavesFailed { number: u64, error: io::Error },
}

impl Checkpointer {
    pub(super) fn start_thread(folder: Folder, signer: NoteSigner) -> io::Result<Self> {
        // Length of the notes of the present segment that are known to be whole.
        let mut whole = None;
        let thread = Aside::start("ledger-checkpoint", move |job| make(&folder, &signer, &job, &mut whole))?;
        Ok(Self { thread, busy: Busy::Idle })
    }

    pub(super) fn start(&mut self, checkpoint: Checkpoint, number: u64, leaves: Arc<File>) {
        self.busy = match self.thread.ask(Job { checkpoint, number, leaves }) {
            Asked::Yes => Busy::Working,
            Asked::Ended => Busy::Idle,
        };
    }

    pub(super) fn is_busy(&self) -> bool {
        self.busy == Busy::Working
    }

    pub(super) fn look(&mut self) -> Option<Made> {
        let made = self.thread.look()?;
        self.busy = Busy::Idle;
        Some(made)
    }

    /// Waits for the checkpoint that is being made, if one is.
    pub(super) fn wait(&mut self) -> Option<Made> {
        if self.busy == Busy::Idle {
            return None;
        }
        self.busy = Busy::Idle;
        self.thread.wait()
    }
}

fn make(folder: &Folder, signer: &NoteSigner, job: &Job, whole: &mut Option<(u64, u64)>) -> Made {
    if let Err(error) = job.leaves.sync_data() {
        return Made::LeavesFailed { number: job.number, error };
    }
    let note = signer.sign(&job.checkpoint.to_text()) + SEPARATOR;
    match store(folder, job.number, note.as_bytes(), whole) {
        Ok(()) => Made::Written { size: job.checkpoint.size },
        Err(error) => Made::NoteFailed(error),
    }
}

/// Adds `note` after what is whole: what an earlier attempt left is overwritten.
fn store(folder: &Folder, number: u64, note: &[u8], whole: &mut Option<(u64, u64)>) -> io::Result<()> {
    let path = folder.file(&names(number).notes);
    let is_new = !path.exists();
    let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path)?;
    let length = file.metadata()?.len();
    let end = whole.filter(|(of, _)| *of == number).map_or(length, |(_, end)| end);
    // Known from here on, whatever happens to this note.
    *whole = Some((number, end));
    file.set_len(end)?;
    file.write_all_at(note, end)?;
    file.sync_data()?;
    if is_new {
        folder.sync()?;
    }
    *whole = Some((number, end + note.len() as u64));
    Ok(())
}
