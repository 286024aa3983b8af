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
        let hash = hash.finalize();
        let Some(bytes) = hash.first_chunk::<16>() else { return String::new() };
        let number = u128::from_be_bytes(*bytes) & !VERSION_AND_VARIANT | VERSION_8;
        let mut text = [b'-'; 36];
        for (at, from) in PLACES {
            let digit = HEX.get((number >> from) as usize & 15);
            if let (Some(place), Some(digit)) = (text.get_mut(at), digit) {
                *place = *digit;
            }
        }
        // Digits and hyphens are UTF-8.
        str::from_utf8(&text).unwrap_or_default().to_owned()
    }
}

/// Digits.
const HEX: [u8; 16] = *b"0123456789abcdef";

/// The bits of a UUID that tell its version and its variant, and what they are of version 8.
const VERSION_AND_VARIANT: u128 = 0xf000_c000_0000_0000_0000;
const VERSION_8: u128 = 0x8000_8000_0000_0000_0000;

/// Where each digit of a UUID stands in its text, and which bits it tells: groups of 8, 4, 4, 4 and 12 with a hyphen between.
#[expect(clippy::indexing_slicing, reason = "worked out when it is compiled, or not at all")]
const PLACES: [(usize, u32); 32] = {
    let mut places = [(0, 0); 32];
    let (mut digit, mut at) = (0, 0);
    while digit < 32 {
        if matches!(digit, 8 | 12 | 16 | 20) {
            at += 1;
        }
        places[digit] = (at, 124 - 4 * digit as u32);
        digit += 1;
        at += 1;
    }
    places
};

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
        assert!(matches!(first.as_bytes()[19], b'8' | b'9' | b'a' | b'b'));
        let lengths: Vec<usize> = first.split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12]);
        assert!(first.bytes().all(|byte| matches!(byte, b'-' | b'0'..=b'9' | b'a'..=b'f')));
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
