//! What the gateway hands out and wants back untouched: cursors, sessions, version tags.
//!
//! One random key in the state folder; everything else is derived from it, one key for each use. A sealed text
//! says nothing to who holds it, is bound to who it was made for, and expires. No clock here: callers say when.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::{aead, hkdf, hmac};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;

/// The name of the key in the state folder.
const FILE: &str = "seal.key";
const KEY_LEN: usize = 32;
const DIGEST_LEN: usize = 16;
/// The longest sealed text that is looked at.
const SEALED_LEN_MAX: usize = 8 * 1024;

/// What a sealed text is for. One made for one use does not open for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// Where the next page of a search starts.
    Cursor,
    /// A session of `/me`.
    Session,
}

/// What a keyed digest is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Digest {
    /// `ETag` and `meta.versionId`: of (requestor, view).
    Version,
    /// What a page was decided under: a cursor holds for the same.
    Standing,
}

/// Seals and opens with the key of one state folder.
pub struct Seal {
    cursor: aead::LessSafeKey,
    session: aead::LessSafeKey,
    version: hmac::Key,
    standing: hmac::Key,
}

/// Why the key could not be had.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The file could not be read or made.
    #[error("the sealing key could not be read or made")]
    Io(#[from] io::Error),
    /// Others than its owner may read the file.
    #[error("the sealing key is readable by others than its owner")]
    Exposed,
    /// The file does not hold a key.
    #[error("the sealing key has not the right length")]
    Length,
    /// The system gave no random bytes, or the key could not be derived.
    #[error("the sealing key could not be derived")]
    Crypto,
}

/// Why a sealed text does not open. The reasons are for tests and logs; callers outside learn nothing of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unopened {
    /// Not one of ours, changed on the way, made for another use or for someone else.
    #[error("the sealed text is not genuine here")]
    NotGenuine,
    /// Its time is over.
    #[error("the sealed text has expired")]
    Expired,
}

impl Seal {
    /// Takes the key from the state folder, and makes it there the first time.
    ///
    /// # Errors
    /// [`SealError`].
    pub fn open_or_create(state: &Path) -> Result<Self, SealError> {
        let path = state.join(FILE);
        match read_key(&path) {
            Err(SealError::Io(error)) if error.kind() == io::ErrorKind::NotFound => {
                create_key(state, &path)?;
                Self::from_key(&read_key(&path)?)
            }
            read => Self::from_key(&read?),
        }
    }

    /// Derives everything from one key.
    ///
    /// # Errors
    /// [`SealError::Crypto`].
    pub fn from_key(key: &[u8; KEY_LEN]) -> Result<Self, SealError> {
        let root = hkdf::Salt::new(hkdf::HKDF_SHA256, b"portcullis seal 1").extract(key);
        let cursor = aead_key(&root, b"cursor")?;
        let session = aead_key(&root, b"session")?;
        let version = hmac::Key::new(hmac::HMAC_SHA256, &derived(&root, b"version")?);
        let standing = hmac::Key::new(hmac::HMAC_SHA256, &derived(&root, b"standing")?);
        Ok(Self { cursor, session, version, standing })
    }

    /// Seals `content` for `use_`, bound to `associated` (in this order and division), until `expires`.
    ///
    /// # Errors
    /// [`SealError::Crypto`] when the system gives no random bytes.
    pub fn seal(
        &self,
        use_: Use,
        content: &[u8],
        associated: &[&[u8]],
        expires: Timestamp,
    ) -> Result<String, SealError> {
        let mut nonce = [0_u8; NONCE_LEN];
        getrandom::fill(&mut nonce).map_err(|_| SealError::Crypto)?;
        let mut body = expires.as_second().to_be_bytes().to_vec();
        body.extend_from_slice(content);
        self.key(use_)
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(joined(associated)),
                &mut body,
            )
            .map_err(|_| SealError::Crypto)?;
        let mut sealed = nonce.to_vec();
        sealed.append(&mut body);
        Ok(URL_SAFE_NO_PAD.encode(sealed))
    }

    /// Opens what [`seal`](Self::seal) made for the same use and the same `associated`.
    ///
    /// # Errors
    /// [`Unopened`].
    pub fn open(
        &self,
        use_: Use,
        sealed: &str,
        associated: &[&[u8]],
        now: Timestamp,
    ) -> Result<Vec<u8>, Unopened> {
        if sealed.len() > SEALED_LEN_MAX {
            return Err(Unopened::NotGenuine);
        }
        let bytes = URL_SAFE_NO_PAD.decode(sealed).map_err(|_| Unopened::NotGenuine)?;
        let (nonce, body) = bytes.split_first_chunk::<NONCE_LEN>().ok_or(Unopened::NotGenuine)?;
        let mut body = body.to_vec();
        let opened = self
            .key(use_)
            .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(joined(associated)), &mut body)
            .map_err(|_| Unopened::NotGenuine)?;
        let (expires, content) = opened.split_first_chunk::<8>().ok_or(Unopened::NotGenuine)?;
        if now.as_second() >= i64::from_be_bytes(*expires) {
            return Err(Unopened::Expired);
        }
        Ok(content.to_vec())
    }

    /// As [`Seal::digest`], as bytes.
    #[must_use]
    pub fn digest_bytes(&self, digest: Digest, parts: &[&[u8]]) -> [u8; DIGEST_LEN] {
        let key = match digest {
            Digest::Version => &self.version,
            Digest::Standing => &self.standing,
        };
        let mut context = hmac::Context::with_key(key);
        for part in parts {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        let tag = context.sign();
        let mut bytes = [0; DIGEST_LEN];
        for (to, from) in bytes.iter_mut().zip(tag.as_ref()) {
            *to = *from;
        }
        bytes
    }

    /// A keyed digest of `parts` (in this order and division): says whether two are the same, and nothing else.
    #[must_use]
    pub fn digest(&self, digest: Digest, parts: &[&[u8]]) -> String {
        URL_SAFE_NO_PAD.encode(self.digest_bytes(digest, parts))
    }

    const fn key(&self, use_: Use) -> &aead::LessSafeKey {
        match use_ {
            Use::Cursor => &self.cursor,
            Use::Session => &self.session,
        }
    }
}

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seal(..)")
    }
}

fn read_key(path: &Path) -> Result<[u8; KEY_LEN], SealError> {
    let mut file = File::open(path)?;
    if file.metadata()?.permissions().mode() & 0o077 != 0 {
        return Err(SealError::Exposed);
    }
    let mut key = [0_u8; KEY_LEN];
    let mut rest = [0_u8; 1];
    file.read_exact(&mut key).map_err(|_| SealError::Length)?;
    match file.read(&mut rest)? {
        0 => Ok(key),
        _ => Err(SealError::Length),
    }
}

/// Writes a new key beside its place and links it there, durably; a key that is there already stays.
fn create_key(state: &Path, path: &Path) -> Result<(), SealError> {
    let mut key = [0_u8; KEY_LEN];
    getrandom::fill(&mut key).map_err(|_| SealError::Crypto)?;
    let mut suffix = [0_u8; 8];
    getrandom::fill(&mut suffix).map_err(|_| SealError::Crypto)?;
    let draft = state.join(format!("{FILE}.{:016x}", u64::from_be_bytes(suffix)));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    let linked = file.write_all(&key).and_then(|()| file.sync_all()).and_then(|()| {
        match fs::hard_link(&draft, path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            linked => linked,
        }
    });
    fs::remove_file(&draft)?;
    linked?;
    Ok(File::open(state)?.sync_all()?)
}

fn derived(root: &hkdf::Prk, label: &[u8]) -> Result<[u8; KEY_LEN], SealError> {
    let mut key = [0_u8; KEY_LEN];
    root.expand(&[label], hkdf::HKDF_SHA256)
        .and_then(|expanded| expanded.fill(&mut key))
        .map_err(|_| SealError::Crypto)?;
    Ok(key)
}

fn aead_key(root: &hkdf::Prk, label: &[u8]) -> Result<aead::LessSafeKey, SealError> {
    let key = UnboundKey::new(&AES_256_GCM_SIV, &derived(root, label)?).map_err(|_| SealError::Crypto)?;
    Ok(aead::LessSafeKey::new(key))
}

/// Joins parts so that no two divisions look alike.
fn joined(parts: &[&[u8]]) -> Vec<u8> {
    let mut whole = Vec::new();
    for part in parts {
        whole.extend_from_slice(&(part.len() as u64).to_be_bytes());
        whole.extend_from_slice(part);
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn seal() -> Seal {
        Seal::from_key(&[7; KEY_LEN]).unwrap()
    }

    #[test]
    fn what_was_sealed_opens_for_the_same_use_and_the_same_holder_until_it_expires() {
        let sealed = seal().seal(Use::Cursor, b"offset 20", &[b"iss", b"sub"], at(100)).unwrap();
        assert_eq!(seal().open(Use::Cursor, &sealed, &[b"iss", b"sub"], at(99)), Ok(b"offset 20".to_vec()));
        for (case, use_, associated, now, expected) in [
            ("expired", Use::Cursor, &[&b"iss"[..], b"sub"][..], 100, Unopened::Expired),
            ("another use", Use::Session, &[b"iss", b"sub"], 99, Unopened::NotGenuine),
            ("another holder", Use::Cursor, &[b"iss", b"bus"], 99, Unopened::NotGenuine),
            ("parts divided otherwise", Use::Cursor, &[b"isss", b"ub"], 99, Unopened::NotGenuine),
            ("no holder", Use::Cursor, &[], 99, Unopened::NotGenuine),
        ] {
            assert_eq!(seal().open(use_, &sealed, associated, at(now)), Err(expected), "{case}");
        }
        let other = Seal::from_key(&[8; KEY_LEN]).unwrap();
        assert_eq!(other.open(Use::Cursor, &sealed, &[b"iss", b"sub"], at(99)), Err(Unopened::NotGenuine));
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_seen() {
        let sealed = seal().seal(Use::Session, b"9990000018", &[], at(100)).unwrap();
        let bytes = URL_SAFE_NO_PAD.decode(&sealed).unwrap();
        for position in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[position] ^= 1;
            let changed = URL_SAFE_NO_PAD.encode(changed);
            assert_eq!(seal().open(Use::Session, &changed, &[], at(1)), Err(Unopened::NotGenuine));
            let cut = URL_SAFE_NO_PAD.encode(&bytes[..position]);
            assert_eq!(seal().open(Use::Session, &cut, &[], at(1)), Err(Unopened::NotGenuine));
        }
        for nonsense in ["", "=", "é", &"A".repeat(SEALED_LEN_MAX + 1)] {
            assert_eq!(seal().open(Use::Session, nonsense, &[], at(1)), Err(Unopened::NotGenuine));
        }
    }

    #[test]
    fn sealing_twice_gives_two_texts_and_neither_shows_the_content() {
        let first = seal().seal(Use::Session, b"9990000018", &[], at(100)).unwrap();
        let second = seal().seal(Use::Session, b"9990000018", &[], at(100)).unwrap();
        assert_ne!(first, second);
        let bytes = URL_SAFE_NO_PAD.decode(&first).unwrap();
        assert!(!bytes.windows(10).any(|window| window == b"9990000018"));
    }

    #[test]
    fn a_digest_depends_on_the_key_and_on_every_part() {
        let digest = seal().digest(Digest::Version, &[b"a", b"bc"]);
        assert_eq!(digest, seal().digest(Digest::Version, &[b"a", b"bc"]));
        assert_ne!(digest, seal().digest(Digest::Version, &[b"ab", b"c"]));
        assert_ne!(digest, Seal::from_key(&[8; KEY_LEN]).unwrap().digest(Digest::Version, &[b"a", b"bc"]));
        assert_eq!(digest.len(), 22);
    }

    #[test]
    fn the_key_is_made_once_is_private_and_outlives_a_restart() {
        let state = tempfile::tempdir().unwrap();
        let sealed =
            Seal::open_or_create(state.path()).unwrap().seal(Use::Cursor, b"x", &[], at(100)).unwrap();
        let mode = fs::metadata(state.path().join(FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs::read_dir(state.path()).unwrap().count(), 1);
        let again = Seal::open_or_create(state.path()).unwrap();
        assert_eq!(again.open(Use::Cursor, &sealed, &[], at(1)), Ok(b"x".to_vec()));
    }

    #[test]
    fn a_key_that_others_can_read_or_that_is_no_key_is_refused() {
        let state = tempfile::tempdir().unwrap();
        let path = state.path().join(FILE);
        for (content, mode) in [(&[1_u8; 31][..], 0o600), (&[1; 33], 0o600), (&[1; 32], 0o640)] {
            fs::write(&path, content).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            assert!(Seal::open_or_create(state.path()).is_err());
        }
        assert!(Seal::open_or_create(&state.path().join("absent")).is_err());
    }
}
