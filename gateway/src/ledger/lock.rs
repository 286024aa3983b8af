//! One process at a time: the lock on a folder of state.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// Holds a folder for this process until it is dropped, or the process ends in whatever way.
#[derive(Debug)]
pub struct FolderLock {
    _file: File,
}

/// Why a folder cannot be held.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process, or another part of this one, holds it.
    #[error("{} is in use by another process", folder.display())]
    InUse {
        /// The folder.
        folder: PathBuf,
    },
    /// The lock file cannot be made.
    #[error("{} cannot be locked", folder.display())]
    Io {
        /// The folder.
        folder: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl FolderLock {
    /// Takes the lock on `folder`, which is made if it is not there.
    ///
    /// # Errors
    /// [`LockError`].
    pub fn acquire(folder: &Path) -> Result<Self, LockError> {
        let failed = |source| LockError::Io { folder: folder.to_owned(), source };
        std::fs::create_dir_all(folder).map_err(failed)?;
        let file = File::create(folder.join("lock")).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(LockError::InUse { folder: folder.to_owned() }),
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_held_once_until_it_is_let_go() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state");
        let first = FolderLock::acquire(&state).unwrap();
        assert!(matches!(FolderLock::acquire(&state), Err(LockError::InUse { .. })));
        drop(first);
        assert!(FolderLock::acquire(&state).is_ok());
    }
}
