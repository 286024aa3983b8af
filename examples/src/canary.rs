//! Finds what must not be there: the marker in every element that may not leave, however it was encoded.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Stands in every element that must reach nobody outside the hospital.
pub const MARKER: &str = "canary";

/// The first form of [`MARKER`] in `bytes`, if any.
#[must_use]
pub fn found(bytes: &[u8]) -> Option<&'static str> {
    holds(bytes, MARKER)
}

/// The first form in which `text` stands in `bytes`, if any: plain in any case, base64 at any offset, hex.
#[must_use]
pub fn holds(bytes: &[u8], text: &str) -> Option<&'static str> {
    let lower = bytes.to_ascii_lowercase();
    if contains(&lower, text.to_ascii_lowercase().as_bytes()) {
        return Some("plain");
    }
    let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
    if contains(&lower, hex.as_bytes()) {
        return Some("hex");
    }
    (0..3).any(|offset| contains(bytes, base64_at(text, offset).as_bytes())).then_some("base64")
}

/// How `text` looks in base64 when it starts `offset` bytes into a group, without what its neighbours decide.
fn base64_at(text: &str, offset: usize) -> String {
    let padded = [vec![0; offset], text.as_bytes().to_vec()].concat();
    let whole = STANDARD.encode(&padded);
    let from = (offset * 8).div_ceil(6);
    let until = padded.len() * 8 / 6;
    whole.get(from..until).unwrap_or_default().to_owned()
}

fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    !wanted.is_empty() && bytes.windows(wanted.len()).any(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_is_found_in_every_form() {
        assert_eq!(found(b"a CANARY-x"), Some("plain"));
        assert_eq!(found(b"00 63616e617279 00"), Some("hex"));
        for before in ["", "x", "xy", "xyz"] {
            let encoded = STANDARD.encode(format!("{before}canary-next-of-kin"));
            assert_eq!(found(encoded.as_bytes()), Some("base64"), "after {before:?}");
        }
    }

    #[test]
    fn what_holds_no_marker_is_clean() {
        assert_eq!(found(b"Larkspur Cottage, 7 Mill Lane"), None);
        assert_eq!(found(b""), None);
    }
}
