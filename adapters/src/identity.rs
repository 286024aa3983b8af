//! Deterministic ids: the same message from the same system always yields the same resources.

use sha2::{Digest, Sha256};

/// An id in the form of an RFC 9562 version 8 UUID, from SHA-256 of where a resource comes from.
pub(crate) fn id(source: &str, message: &str, place: &str) -> String {
    let mut hash = Sha256::new();
    for part in ["portcullis adapters 1", source, message, place] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let mut text = String::with_capacity(36);
    for (index, byte) in hash.finalize().iter().take(16).enumerate() {
        let byte = match index {
            6 => (byte & 0x0f) | 0x80,
            8 => (byte & 0x3f) | 0x80,
            _ => *byte,
        };
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        for nibble in [byte >> 4, byte & 0x0f] {
            text.push(char::from(if nibble < 10 { b'0' + nibble } else { b'a' + (nibble - 10) }));
        }
    }
    text
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
