//! Whether a text holds bytes that stand for something else, told of eight bytes at once. Most texts are short.

/// One in each byte.
const ONES: u64 = 0x0101_0101_0101_0101;
/// The highest bit of each byte.
const HIGH: u64 = 0x8080_8080_8080_8080;

/// Whether no byte of `text` is a control below the space or one of `marks`, which are ASCII.
#[inline]
pub(crate) fn is_plain<const N: usize>(text: &[u8], marks: [u8; N]) -> bool {
    all(text, |word| below(word, b' ') | marks.iter().fold(0, |found, mark| found | is(word, *mark)))
}

/// Whether each byte of `text` is a letter of ASCII that is seen, or a space, and none is `mark`.
#[inline]
pub(crate) fn is_graphic(text: &[u8], mark: u8) -> bool {
    all(text, |word| word | below(word, b' ') | is(word, 0x7f) | is(word, mark))
}

/// Whether `found` sets the highest bit of no byte of `text`: it may set those of bytes after one that it finds.
#[inline]
fn all(text: &[u8], found: impl Fn(u64) -> u64) -> bool {
    let word = |bytes: &[u8; 8]| u64::from_le_bytes(*bytes);
    let Some(last) = text.last_chunk::<8>() else {
        // One that is there fills the places of those that are not.
        let Some(first) = text.first() else { return true };
        let mut bytes = [*first; 8];
        bytes.iter_mut().zip(text).for_each(|(held, byte)| *held = *byte);
        return found(word(&bytes)) & HIGH == 0;
    };
    let (chunks, _) = text.as_chunks::<8>();
    chunks.iter().chain([last]).fold(0, |all, bytes| all | found(word(bytes))) & HIGH == 0
}

/// The highest bit of each byte that is below `least`, and maybe of such as come after one; of bytes that are not ASCII
/// none.
#[inline]
const fn below(word: u64, least: u8) -> u64 {
    word.wrapping_sub(ONES * least as u64) & !word
}

/// The highest bit of each byte that is `mark`, and maybe of such as come after one.
#[inline]
const fn is(word: u64, mark: u8) -> u64 {
    let other = word ^ (ONES * mark as u64);
    other.wrapping_sub(ONES) & !other
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{is_graphic, is_plain};

    #[test]
    fn each_byte_is_found_at_each_place_of_texts_of_each_length() {
        for byte in 0..=u8::MAX {
            for length in 1..20 {
                for at in 0..length {
                    let mut text = vec![b'x'; length];
                    text[at] = byte;
                    let plain = byte >= b' ' && byte != b'"' && byte != b'\\';
                    assert_eq!(is_plain(&text, [b'"', b'\\']), plain, "{byte} at {at} of {length}");
                    let graphic = (b' '..0x7f).contains(&byte) && byte != b'\\';
                    assert_eq!(is_graphic(&text, b'\\'), graphic, "{byte} at {at} of {length}");
                }
            }
        }
        assert!(is_plain(b"", [b'"']) && is_graphic(b"", b'a'));
    }

    proptest! {
        #[test]
        fn a_text_is_what_each_of_its_bytes_is(text: Vec<u8>, mark in 0x20..0x7f_u8) {
            let plain = text.iter().all(|byte| *byte >= b' ' && *byte != mark);
            prop_assert_eq!(is_plain(&text, [mark]), plain);
            let graphic = text.iter().all(|byte| (b' '..0x7f).contains(byte) && *byte != mark);
            prop_assert_eq!(is_graphic(&text, mark), graphic);
        }
    }
}
