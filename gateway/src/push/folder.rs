//! Folders into which files of records are dropped.
//!
//! A file is taken by renaming it into `.taken`, so that it is there once and whole: who drops one writes it under a name
//! that begins with a dot, or elsewhere on the same file system, and renames it. It is removed once each of its records is
//! in the inbox or a dead letter; what could not be dealt with now stays and is read again, to the same effect, and what
//! comes after it about the same person, in this file or a later one, waits for it. A file that
//! cannot be read to its end, or of which a refused record cannot be kept as a text of its own, goes to `.refused`, where
//! somebody mends it and drops it anew.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::delivery::Senders;
use super::form::Form;
use super::intake::{Intake, Sender};
use super::letters::Owed;
use super::several::{File, HeldUp};
use super::stood::Again;
use crate::settings::{Inbound, Making};

/// How often the folders are looked into.
const LOOK: Duration = Duration::from_millis(500);
/// After something of a file could not be dealt with; each further time it waits twice as long.
const PAUSE: Duration = Duration::from_secs(10);
/// The longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(300);
/// Where files wait that are being read.
const TAKEN: &str = ".taken";
/// Where files lie that hold something that is nowhere else.
const REFUSED: &str = ".refused";
/// Files looked at together.
const FILES_MAX: usize = 1_000;

/// The places of the settings of the moment.
pub type Places = Arc<dyn Fn() -> Vec<Inbound> + Send + Sync>;

/// Watches the folders of all places.
pub struct Folders {
    /// Where records go.
    pub intake: Arc<Intake>,
    /// The places.
    pub places: Places,
    /// Who sends.
    pub senders: Senders,
}

/// Whether everything that was found is dealt with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Looked {
    /// It is.
    Done,
    /// Something stays, and is tried again.
    Left,
}

impl Folders {
    /// Looks into the folders until `drain` turns true. The file that is being read then is read to its end first, or
    /// again at the next start.
    pub async fn run(self, mut drain: watch::Receiver<bool>) {
        let mut left = 0_u32;
        loop {
            let pause = tokio::select! {
                biased;
                stopped = drain.wait_for(|draining| *draining) => return drop(stopped),
                looked = self.look() => match looked {
                    Looked::Done => {
                        left = 0;
                        LOOK
                    }
                    Looked::Left => {
                        left = left.saturating_add(1).min(10);
                        PAUSE.saturating_mul(2_u32.saturating_pow(left - 1)).min(PAUSE_MAX)
                    }
                },
            };
            tokio::select! {
                biased;
                stopped = drain.wait_for(|draining| *draining) => return drop(stopped),
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Takes every file that is there now, the oldest first.
    pub async fn look(&self) -> Looked {
        let mut all = Looked::Done;
        let senders = (self.senders)();
        for place in (self.places)() {
            let Some(folder) = place.folder else { continue };
            let listener = super::http::listener_of(&place.name);
            let Some(sender) = senders.iter().find(|sender| sender.listener == listener) else { continue };
            let Form::Mapped(making) = &sender.form else { continue };
            match files(&folder) {
                Ok(files) => {
                    let mut held_up = HeldUp::default();
                    for file in files {
                        let taken = self.take((sender, making), &folder, &file, &mut held_up);
                        if taken.await == Looked::Left {
                            all = Looked::Left;
                        }
                    }
                }
                Err(fault) => {
                    tracing::error!(place = %place.name, reason = %fault.kind(), "a folder cannot be read");
                    all = Looked::Left;
                }
            }
        }
        all
    }

    async fn take(
        &self,
        (sender, making): (&Arc<Sender>, &Making),
        folder: &Path,
        file: &Path,
        held_up: &mut HeldUp,
    ) -> Looked {
        let Some(name) = file.file_name().and_then(|name| name.to_str()) else { return Looked::Left };
        let opened = fs::File::open(file)
            .and_then(|content| Ok((known_by((sender, making), &content.metadata()?), content)));
        let (known_by, content) = match opened {
            Ok((known_by, content)) => (known_by, Box::new(io::BufReader::new(content))),
            Err(fault) => {
                tracing::error!(reason = %fault.kind(), "a file that was dropped cannot be read");
                return Looked::Left;
            }
        };
        let given = File {
            content,
            name: name.to_owned(),
            peer: None,
            known_by: known_by.clone(),
            again: Again::Reread,
            owed: Owed::Yes,
        };
        let came = self.intake.take_records(sender, making, given, held_up).await;
        if came.refused > 0 {
            tracing::warn!(count = came.refused, "records of a file are refused: they are dead letters");
        }
        if came.not_now > 0 {
            return Looked::Left;
        }
        let ended = match came.broke_off || came.without_text > 0 {
            true => moved(file, &folder.join(REFUSED)),
            false => fs::remove_file(file),
        };
        match ended.and_then(|()| synced(folder)) {
            // Should this fail, another file is another all the same.
            Ok(()) => {
                drop(self.intake.store.file_done(known_by).await);
                Looked::Done
            }
            Err(fault) => {
                tracing::error!(reason = %fault.kind(), "a file that was read cannot be removed");
                Looked::Left
            }
        }
    }
}

/// What a file is known by as long as it lies there, whatever it is called. Read by another mapping it is another: the numbers
/// of its records may mean others.
fn known_by((sender, making): (&Sender, &Making), found: &fs::Metadata) -> String {
    let (modified, part) = (found.mtime(), found.mtime_nsec());
    let by = match making {
        Making::Mapping(mapping) => mapping.digest(),
        Making::Edifact | Making::Notice | Making::Release(_) => "form",
    };
    format!("{} {} {modified}.{part:09} {} {by}", sender.listener, found.ino(), found.len())
}

/// The files that wait: what was taken before, then what is taken now.
fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let taken = folder.join(TAKEN);
    fs::create_dir_all(&taken)?;
    fs::create_dir_all(folder.join(REFUSED))?;
    for file in sorted(folder)? {
        moved(&file, &taken)?;
    }
    synced(folder)?;
    sorted(&taken)
}

/// The plain files of a folder whose names do not begin with a dot, the oldest first.
fn sorted(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let hidden = entry.file_name().as_encoded_bytes().first() == Some(&b'.');
        // Links lead elsewhere, and are not followed.
        if hidden || !entry.file_type()?.is_file() {
            continue;
        }
        found.push((entry.metadata()?.modified()?, entry.path()));
        if found.len() >= FILES_MAX {
            break;
        }
    }
    found.sort();
    Ok(found.into_iter().map(|(_, path)| path).collect())
}

/// Renames a file into a folder; beside one of the same name it gets a name of its own.
fn moved(file: &Path, folder: &Path) -> io::Result<()> {
    let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut target = folder.join(&name);
    let mut number = 1_u32;
    while target.symlink_metadata().is_ok() {
        target = folder.join(format!("{number}-{name}"));
        number = number.saturating_add(1);
    }
    fs::rename(file, target)
}

fn synced(folder: &Path) -> io::Result<()> {
    fs::File::open(folder)?.sync_all()
}

impl std::fmt::Debug for Folders {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Folders")
    }
}
