//! Deterministic ids: the same message from the same system always yields the same resources.

use sha2::{Digest, Sha256};

/// An id in the form of an RFC 9562 version 8 UUID, from SHA-256 of where a resource comes from.
pub(crate) fn id(source: &str, message: &str, place: &str) -> String {
    Ids::of(source, message).id(place)
}

/// The ids of one message from one system: what is hashed begins alike for all of them.
#[derive(Debug, Clone)]
pub(crate) struct Ids(Sha256);

impl Ids {
    pub(crate) fn of(source: &str, message: &str) -> Self {
        let mut hash = Sha256::new();
        for part in ["portcullis adapters 1", source, message] {
            add(part, &mut hash);
        }
        Self(hash)
    }

    /// The id of what comes from this place.
    pub(crate) fn id(&self, place: &str) -> String {
        let mut hash = self.0.clone();
        add(place, &mut hash);
        let mut text = Vec::with_capacity(36);
        for (at, byte) in hash.finalize().iter().take(16).enumerate() {
            let byte = match at {
                6 => (byte & 0x0f) | 0x80,
                8 => (byte & 0x3f) | 0x80,
                _ => *byte,
            };
            if matches!(at, 4 | 6 | 8 | 10) {
                text.push(b'-');
            }
            text.extend_from_slice(&[digit(byte >> 4), digit(byte & 0x0f)]);
        }
        // Digits and hyphens are UTF-8.
        String::from_utf8(text).unwrap_or_default()
    }
}

/// A number below sixteen as a digit.
const fn digit(number: u8) -> u8 {
    if number < 10 { b'0' + number } else { b'a' + (number - 10) }
}

fn add(part: &str, hash: &mut Sha256) {
    hash.update((part.len() as u64).to_be_bytes());
    hash.update(part.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::id;

    #[test]
    fn an_id_is_a_version_8_uuid_and_depends_on_each_part() {
        let first = id("hospital", "M1", "Patient");
        assert_eq!(first.len(), 36);
        assert_eq!(first.as_bytes()[14], b'8');
        assert_eq!(first, id("hospital", "M1", "Patient"));
        for other in [
            id("hospita", "lM1", "Patient"),
            id("hospital", "M2", "Patient"),
            id("hospital", "M1", "Encounter"),
        ] {
            assert_ne!(first, other);
        }
    }
}
