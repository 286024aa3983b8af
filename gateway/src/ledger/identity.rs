//! The keys of a ledger, made when its folder is first used: the key that signs checkpoints, its public half, and the
//! secret under which the index hides the values it is searched by.

use std::io;
use std::path::Path;

use super::files::Folder;
use super::lane::LaneId;
use super::note::{NoteError, NoteSigner, VerifierKey, check_name};

/// Name of the file with the public key, in the form that verifiers of signed notes read.
pub const PUBLIC_KEY_FILE: &str = "public.key";
const SECRET_KEY_FILE: &str = "secret.pem";
const INDEX_SECRET_FILE: &str = "index.secret";

/// Why the keys of a ledger cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The system would not read or write a key file.
    #[error("{file} cannot be read or written")]
    Io {
        /// Name of the file.
        file: String,
        /// What the system said.
        source: io::Error,
    },
    /// A key file or the name of the log is not usable.
    #[error("{file} is not usable")]
    Unusable {
        /// Name of the file.
        file: String,
        /// What is wrong with it.
        source: NoteError,
    },
    /// There are entries, but the key that signs for them is gone.
    #[error("{file} is missing, though the ledger has entries")]
    Missing {
        /// Name of the file.
        file: String,
    },
}

/// The keys of one lane.
pub(super) struct Identity {
    pub(super) signer: NoteSigner,
    pub(super) verifier: VerifierKey,
    pub(super) index_secret: [u8; 32],
}

impl Identity {
    /// Reads the keys, or makes them if `folder` has no entries yet: a new lane of the log `origin`.
    pub(super) fn load_or_make(folder: &Folder, origin: &str) -> Result<Self, KeyError> {
        let has_keys = [PUBLIC_KEY_FILE, SECRET_KEY_FILE, INDEX_SECRET_FILE]
            .map(|name| (name, folder.file(name).exists()));
        let is_new = folder.segments().map_err(failed(".")).map(|segments| segments.is_empty())?;
        match has_keys.iter().find(|(_, there)| !there) {
            Some(_) if is_new => make(folder, origin)?,
            Some((name, _)) => return Err(KeyError::Missing { file: (*name).to_owned() }),
            None => {}
        }
        let verifier = read_public_key(&folder.file(PUBLIC_KEY_FILE))?;
        let pem = std::fs::read_to_string(folder.file(SECRET_KEY_FILE)).map_err(failed(SECRET_KEY_FILE))?;
        let signer = NoteSigner::from_pem(verifier.name(), &pem).map_err(unusable(SECRET_KEY_FILE))?;
        if signer.verifier() != verifier {
            return Err(unusable(PUBLIC_KEY_FILE)(NoteError::Key));
        }
        let secret = folder.read(INDEX_SECRET_FILE).map_err(failed(INDEX_SECRET_FILE))?;
        let index_secret = secret.try_into().map_err(|_| unusable(INDEX_SECRET_FILE)(NoteError::Key))?;
        Ok(Self { signer, verifier, index_secret })
    }
}

/// Reads a public key file.
///
/// # Errors
/// [`KeyError`].
pub fn read_public_key(path: &Path) -> Result<VerifierKey, KeyError> {
    let file = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let text = std::fs::read_to_string(path).map_err(failed(&file))?;
    VerifierKey::parse(&text).map_err(unusable(&file))
}

fn make(folder: &Folder, origin: &str) -> Result<(), KeyError> {
    let mut random = [[0; 32]; 3];
    for bytes in &mut random {
        getrandom::fill(bytes).map_err(|error| failed("the random numbers")(error.into()))?;
    }
    let [seed, index_secret, lane] = random;
    check_name(origin).map_err(unusable("the name of the log"))?;
    let lane = LaneId::from_bytes(lane.first_chunk().copied().unwrap_or_default());
    let signer = NoteSigner::new(&format!("{origin}/{lane}"), &seed).map_err(unusable(SECRET_KEY_FILE))?;
    let pem = signer.to_pem().map_err(unusable(SECRET_KEY_FILE))?;
    let public = format!("{}\n", signer.verifier());
    let files = [
        (INDEX_SECRET_FILE, &index_secret[..], 0o600),
        (SECRET_KEY_FILE, pem.as_ref().as_bytes(), 0o600),
        (PUBLIC_KEY_FILE, public.as_bytes(), 0o644),
    ];
    for (name, bytes, mode) in files {
        folder.write_whole(name, bytes, mode).map_err(failed(name))?;
    }
    Ok(())
}

fn failed(file: &str) -> impl Fn(io::Error) -> KeyError + use<> {
    let file = file.to_owned();
    move |source| KeyError::Io { file: file.clone(), source }
}

fn unusable(file: &str) -> impl Fn(NoteError) -> KeyError + use<> {
    let file = file.to_owned();
    move |source| KeyError::Unusable { file: file.clone(), source }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn keys_are_made_once_and_the_secret_ones_are_for_the_owner_alone() {
        let home = tempfile::tempdir().unwrap();
        let folder = Folder::new(home.path());
        let made = Identity::load_or_make(&folder, "share.example.nhs.uk/ledger").unwrap();
        let again = Identity::load_or_make(&folder, "another.example").unwrap();
        assert_eq!((made.verifier, made.index_secret), (again.verifier.clone(), again.index_secret));
        assert!(again.verifier.name().starts_with("share.example.nhs.uk/ledger/"));
        for (name, mode) in [(SECRET_KEY_FILE, 0o600), (INDEX_SECRET_FILE, 0o600), (PUBLIC_KEY_FILE, 0o644)] {
            let found = std::fs::metadata(home.path().join(name)).unwrap().permissions().mode() & 0o777;
            assert_eq!(found, mode, "{name}");
        }
    }

    #[test]
    fn a_key_that_is_gone_or_not_the_right_one_is_not_replaced_when_there_are_entries() {
        let home = tempfile::tempdir().unwrap();
        let folder = Folder::new(home.path());
        Identity::load_or_make(&folder, "a.example").unwrap();
        std::fs::write(home.path().join("00000001.payloads"), b"").unwrap();
        let public = std::fs::read(home.path().join(PUBLIC_KEY_FILE)).unwrap();
        std::fs::remove_file(home.path().join(PUBLIC_KEY_FILE)).unwrap();
        assert!(matches!(Identity::load_or_make(&folder, "a.example"), Err(KeyError::Missing { .. })));
        let other = NoteSigner::new("a.example/0011223344556677", &[7; 32]).unwrap().verifier();
        std::fs::write(home.path().join(PUBLIC_KEY_FILE), other.to_string()).unwrap();
        assert!(matches!(Identity::load_or_make(&folder, "a.example"), Err(KeyError::Unusable { .. })));
        std::fs::write(home.path().join(PUBLIC_KEY_FILE), public).unwrap();
        assert!(Identity::load_or_make(&folder, "a.example").is_ok());
    }

    #[test]
    fn a_log_name_that_no_verifier_could_read_is_refused() {
        let home = tempfile::tempdir().unwrap();
        let made = Identity::load_or_make(&Folder::new(home.path()), "two words");
        assert!(matches!(made, Err(KeyError::Unusable { .. })));
    }
}
