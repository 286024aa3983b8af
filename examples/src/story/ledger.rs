//! The ledger verifies, and one flipped byte in a copy is found where it is.

use std::fs;
use std::path::{Path, PathBuf};

use gateway::ledger::verify::verify;
use gateway::ledger::{PUBLIC_KEY_FILE, ReadError, read_public_key};

use super::stage::{Broken, Stage, broken};

/// Verifies a copy with the public key alone, then spoils another copy by one byte.
pub(super) async fn ledger_verifies(stage: &mut Stage<'_>) -> Result<String, Broken> {
    let Some(ledger) = stage.house.public_key().parent() else {
        return broken("the ledger has no folder");
    };
    let sound = copy(ledger, &stage.house.folder.join("ledger-copy"))?;
    let key = read_public_key(&sound.join(PUBLIC_KEY_FILE)).map_err(unreadable)?;
    let report = verify(&sound, &key, &[]).map_err(|error| Broken::Unexpected(error.to_string()))?;

    let spoiled = copy(ledger, &stage.house.folder.join("ledger-spoiled"))?;
    let file = flip_one_byte(&spoiled)?;
    let found = match verify(&spoiled, &key, &[]) {
        Err(ReadError::Fault(fault)) if fault.file == file => format!("entry {} of {file}", fault.index),
        Err(ReadError::Fault(fault)) => {
            return broken(format!("the flipped byte is in {file} and was looked for in {}", fault.file));
        }
        Err(error) => return Err(unreadable(error)),
        Ok(_) => return broken("a flipped byte went unnoticed"),
    };
    for folder in [sound, spoiled] {
        fs::remove_dir_all(folder).map_err(unreadable)?;
    }
    Ok(format!("{} entries hold; one flipped byte in a copy is found at {found}", report.entries))
}

fn unreadable(error: impl std::fmt::Display) -> Broken {
    Broken::Unexpected(format!("the ledger cannot be read: {error}"))
}

/// Copies the files of a folder. The ledger is in use meanwhile: what is being written at its end is no fault.
fn copy(from: &Path, to: &Path) -> Result<PathBuf, Broken> {
    if to.exists() {
        fs::remove_dir_all(to).map_err(unreadable)?;
    }
    fs::create_dir_all(to).map_err(unreadable)?;
    for entry in fs::read_dir(from).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        if entry.path().is_file() {
            fs::copy(entry.path(), to.join(entry.file_name())).map_err(unreadable)?;
        }
    }
    Ok(to.to_owned())
}

/// Flips one bit of the social worker's name in the first recorded entry that holds it; returns the file.
fn flip_one_byte(folder: &Path) -> Result<String, Broken> {
    let wanted = b"Sam Rivers";
    for entry in fs::read_dir(folder).map_err(unreadable)?.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.ends_with(".payloads") {
            continue;
        }
        let mut bytes = fs::read(entry.path()).map_err(unreadable)?;
        let Some(at) = bytes.windows(wanted.len()).position(|window| window == wanted) else { continue };
        if let Some(byte) = bytes.get_mut(at) {
            *byte ^= 1;
        }
        fs::write(entry.path(), bytes).map_err(unreadable)?;
        return Ok(name);
    }
    broken("no entry names the social worker")
}
