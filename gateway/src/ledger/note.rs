//! Signed notes and their keys, as C2SP `signed-note` v1 describes them, with Ed25519 signatures (type 0x01).

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{DecodePrivateKey, EncodePrivateKey};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};

const ED25519: u8 = 0x01;
const SIGNATURE_LINE: &str = "\u{2014} ";
/// A verifier reads no more signatures than this from one note.
const SIGNATURES_MAX: usize = 64;

/// Why a note or a key cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// A key name is empty, or holds white space, control characters or a plus sign.
    #[error("the key name is empty or holds a character that key names may not hold")]
    Name,
    /// The key cannot be read, or its id is not that of its name and bytes.
    #[error("the key cannot be read")]
    Key,
    /// The note has not the form of a signed note.
    #[error("the note is not well-formed")]
    Form,
    /// None of the known keys has signed the note.
    #[error("no known key has signed the note")]
    Unknown,
    /// A signature that claims to be of a known key is not.
    #[error("a signature does not hold")]
    Forged,
}

/// The secret half of a note key. It never shows its secret.
pub struct NoteSigner {
    name: String,
    key: SigningKey,
}

impl NoteSigner {
    /// The signer called `name` with the Ed25519 secret `seed`.
    ///
    /// # Errors
    /// [`NoteError::Name`].
    pub fn new(name: &str, seed: &[u8; 32]) -> Result<Self, NoteError> {
        check_name(name)?;
        Ok(Self { name: name.to_owned(), key: SigningKey::from_bytes(seed) })
    }

    /// The signer called `name` with the key of a PKCS #8 PEM text.
    ///
    /// # Errors
    /// [`NoteError::Name`], [`NoteError::Key`].
    pub fn from_pem(name: &str, pem: &str) -> Result<Self, NoteError> {
        check_name(name)?;
        let key = SigningKey::from_pkcs8_pem(pem).map_err(|_| NoteError::Key)?;
        Ok(Self { name: name.to_owned(), key })
    }

    /// The secret key as a PKCS #8 PEM text, to be stored where only the gateway can read it.
    ///
    /// # Errors
    /// [`NoteError::Key`] if it cannot be encoded.
    pub fn to_pem(&self) -> Result<impl AsRef<str> + use<>, NoteError> {
        self.key.to_pkcs8_pem(LineEnding::LF).map_err(|_| NoteError::Key)
    }

    /// The public half.
    pub fn verifier(&self) -> VerifierKey {
        VerifierKey::new(&self.name, self.key.verifying_key())
    }

    /// Signs `text`, which ends in a newline, and yields the whole note.
    pub fn sign(&self, text: &str) -> String {
        let mut signed = self.verifier().id.to_be_bytes().to_vec();
        signed.extend_from_slice(&self.key.sign(text.as_bytes()).to_bytes());
        format!("{text}\n{SIGNATURE_LINE}{} {}\n", self.name, STANDARD.encode(signed))
    }
}

impl fmt::Debug for NoteSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NoteSigner({})", self.verifier())
    }
}

/// The public half of a note key. Its text is `<name>+<key id in hex>+<base64 of type and key>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    id: u32,
    key: VerifyingKey,
}

impl VerifierKey {
    fn new(name: &str, key: VerifyingKey) -> Self {
        let digest = Sha256::new()
            .chain_update(name)
            .chain_update([b'\n', ED25519])
            .chain_update(key.as_bytes())
            .finalize();
        let id = digest.first_chunk().map_or(0, |start| u32::from_be_bytes(*start));
        Self { name: name.to_owned(), id, key }
    }

    /// Reads the text form; a final newline may follow.
    ///
    /// # Errors
    /// [`NoteError::Name`], [`NoteError::Key`].
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        let mut parts = text.trim_end_matches('\n').splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(NoteError::Key);
        };
        check_name(name)?;
        let key = STANDARD.decode(key).map_err(|_| NoteError::Key)?;
        let Some((&ED25519, key)) = key.split_first() else { return Err(NoteError::Key) };
        let key = <&[u8; 32]>::try_from(key).map_err(|_| NoteError::Key)?;
        let key = Self::new(name, VerifyingKey::from_bytes(key).map_err(|_| NoteError::Key)?);
        if id == format!("{:08x}", key.id) { Ok(key) } else { Err(NoteError::Key) }
    }

    /// The name of the key: for a log, its origin.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut key = vec![ED25519];
        key.extend_from_slice(self.key.as_bytes());
        write!(f, "{}+{:08x}+{}", self.name, self.id, STANDARD.encode(key))
    }
}

/// The text of `note`, if at least one of `keys` has signed it and no signature of them is forged.
///
/// # Errors
/// [`NoteError`]; the text must then not be looked at.
pub fn open<'a>(note: &'a str, keys: &[VerifierKey]) -> Result<&'a str, NoteError> {
    if note.chars().any(|char| char < ' ' && char != '\n') {
        return Err(NoteError::Form);
    }
    let end = note.rfind("\n\n").ok_or(NoteError::Form)?;
    let (text, signatures) = note.split_at_checked(end + 1).ok_or(NoteError::Form)?;
    let signatures = signatures.strip_prefix('\n').ok_or(NoteError::Form)?;
    let signatures = signatures.strip_suffix('\n').ok_or(NoteError::Form)?;
    let mut known = 0;
    for (line, count) in signatures.split('\n').zip(1..) {
        if count > SIGNATURES_MAX {
            return Err(NoteError::Form);
        }
        let (name, id, signature) = signature_line(line).ok_or(NoteError::Form)?;
        let Some(key) = keys.iter().find(|key| key.name == name && key.id == id) else { continue };
        let signature = Signature::from_slice(&signature).map_err(|_| NoteError::Forged)?;
        key.key.verify_strict(text.as_bytes(), &signature).map_err(|_| NoteError::Forged)?;
        known += 1;
    }
    if known == 0 { Err(NoteError::Unknown) } else { Ok(text) }
}

fn signature_line(line: &str) -> Option<(&str, u32, Vec<u8>)> {
    let (name, signature) = line.strip_prefix(SIGNATURE_LINE)?.split_once(' ')?;
    check_name(name).ok()?;
    let bytes = STANDARD.decode(signature).ok()?;
    let (id, signature) = bytes.split_first_chunk()?;
    if signature.is_empty() { None } else { Some((name, u32::from_be_bytes(*id), signature.to_vec())) }
}

/// Key names may hold no white space, no control character and no plus sign.
pub(super) fn check_name(name: &str) -> Result<(), NoteError> {
    let sound = !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c.is_control() || c == '+');
    if sound { Ok(()) } else { Err(NoteError::Name) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Key and note of the format's first implementation (the checksum database of Go).
    const PUBLISHED_KEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    const PUBLISHED_NOTE: &str = "If you think cryptography is the answer to your problem,\n\
        then you don't know what your problem is.\n\n\
        \u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

    fn signer(name: &str) -> NoteSigner {
        NoteSigner::new(name, &[7; 32]).unwrap()
    }

    #[test]
    fn a_note_signed_elsewhere_is_read() {
        let key = VerifierKey::parse(PUBLISHED_KEY).unwrap();
        assert_eq!(key.to_string(), PUBLISHED_KEY);
        assert!(open(PUBLISHED_NOTE, &[key]).unwrap().starts_with("If you think"));
    }

    #[test]
    fn a_signed_note_opens_with_its_key_only() {
        let (ours, other) = (signer("a.example/1"), signer("b.example/1"));
        let note = ours.sign("text\n\nmore\n");
        assert_eq!(open(&note, &[other.verifier(), ours.verifier()]), Ok("text\n\nmore\n"));
        assert_eq!(open(&note, &[other.verifier()]), Err(NoteError::Unknown));
        assert_eq!(open(&note, &[]), Err(NoteError::Unknown));
    }

    #[test]
    fn signatures_of_unknown_keys_do_no_harm_and_forged_ones_do() {
        let (ours, other) = (signer("a.example/1"), signer("b.example/1"));
        let note = ours.sign("text\n");
        let foreign = other.sign("text\n");
        let cosigned = format!("{note}{}", foreign.strip_prefix("text\n\n").unwrap());
        assert_eq!(open(&cosigned, &[ours.verifier()]), Ok("text\n"));
        assert_eq!(open(&note.replace("text", "next"), &[ours.verifier()]), Err(NoteError::Forged));
    }

    #[test]
    fn what_is_not_a_note_is_refused() {
        let key = [signer("a.example/1").verifier()];
        let note = signer("a.example/1").sign("text\n");
        let wrong = [
            String::new(),
            "text\n".to_owned(),
            "text\n\n".to_owned(),
            note.trim_end().to_owned(),
            note.replace("text", "te\u{1}xt"),
            note.replace('\u{2014}', "-"),
            note.replace("a.example/1 ", "a.example/1  "),
            note.replace("a.example/1 ", "a.example/1+ "),
            note.replace("\n\n", "\n"),
        ];
        for wrong in wrong {
            assert_eq!(open(&wrong, &key), Err(NoteError::Form), "{wrong:?}");
        }
    }

    #[test]
    fn keys_survive_their_texts_and_names_are_checked() {
        let ours = signer("a.example/1");
        let again = NoteSigner::from_pem("a.example/1", ours.to_pem().unwrap().as_ref()).unwrap();
        assert_eq!(again.verifier(), ours.verifier());
        let text = ours.verifier().to_string();
        assert_eq!(VerifierKey::parse(&text).unwrap(), ours.verifier());
        assert_eq!(VerifierKey::parse(&text.replace("a.ex", "b.ex")), Err(NoteError::Key));
        for name in ["", "two words", "a+b", "a\u{a0}b"] {
            assert!(matches!(NoteSigner::new(name, &[7; 32]), Err(NoteError::Name)), "{name:?}");
        }
        assert!(!format!("{ours:?}").contains("PRIVATE"));
    }
}
