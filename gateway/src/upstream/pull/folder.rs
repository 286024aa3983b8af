//! A folder into which files are dropped: which of them counts.

use std::fs::{self, DirEntry};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;

use crate::clock::Clock;
use crate::settings::mapped::FileNames;
use crate::upstream::UpstreamFault;

/// Files that are looked at in a folder.
const FILES_MAX: usize = 10_000;

/// A folder that is looked into again and again.
#[derive(Debug)]
pub(super) struct Watched {
    folder: PathBuf,
    files: FileNames,
    quiet: Duration,
    clock: Clock,
}

/// A file as it was seen. One that was changed is another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Stamp {
    modified: SystemTime,
    pub(super) path: PathBuf,
    bytes: u64,
    inode: u64,
}

impl Watched {
    pub(super) fn new(folder: PathBuf, files: FileNames, quiet: Duration) -> Self {
        Self { folder, files, quiet, clock: Clock::machine() }
    }

    /// The newest file that has not changed for a while.
    pub(super) fn newest(&self) -> Result<Stamp, UpstreamFault> {
        let now = self.clock.now();
        let mut newest: Option<Stamp> = None;
        let mut is_coming = false;
        let entries = fs::read_dir(&self.folder).map_err(|_| UpstreamFault::Unreachable)?;
        for (number, entry) in entries.enumerate() {
            if number >= FILES_MAX {
                return Err(UpstreamFault::TooLarge);
            }
            let Ok(entry) = entry else { continue };
            if !entry.file_name().to_str().is_some_and(|name| self.files.fit(name)) {
                continue;
            }
            let Some(stamp) = stamp(&entry) else { continue };
            if self.is_quiet(&stamp, now) {
                newest = newest.max(Some(stamp));
            } else {
                is_coming = true;
            }
        }
        match newest {
            Some(newest) => Ok(newest),
            None if is_coming => Err(UpstreamFault::Busy),
            None => Err(UpstreamFault::Unreachable),
        }
    }

    /// One whose time lies ahead has only just been written, by another clock.
    fn is_quiet(&self, stamp: &Stamp, now: Timestamp) -> bool {
        let Ok(modified) = Timestamp::try_from(stamp.modified) else { return false };
        let age = now.duration_since(modified);
        self.quiet.is_zero() || Duration::try_from(age).is_ok_and(|age| age >= self.quiet)
    }
}

/// A file of the folder itself: no folder, and nothing that leads elsewhere.
fn stamp(entry: &DirEntry) -> Option<Stamp> {
    if !entry.file_type().ok()?.is_file() {
        return None;
    }
    let found = entry.metadata().ok()?;
    Some(Stamp {
        modified: found.modified().ok()?,
        path: entry.path(),
        bytes: found.len(),
        inode: found.ino(),
    })
}

impl Stamp {
    /// Whether an open file is still this one.
    pub(super) fn is_of(&self, file: &fs::File) -> bool {
        file.metadata().is_ok_and(|found| {
            found.len() == self.bytes
                && found.ino() == self.inode
                && found.modified().is_ok_and(|modified| modified == self.modified)
        })
    }
}
