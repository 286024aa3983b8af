//! A glance at a code: that it is on no list is told of most codes without looking it up.

/// Which codes may be on a list. What it says is on none is on none; of few others it is wrong.
#[derive(Debug)]
pub(super) struct Glance {
    /// One bit for each value of a hash, set for those of codes and of beginnings of codes. A power of two.
    bits: Vec<u64>,
    /// How long beginnings are, one bit for each length.
    lengths: u64,
}

/// How many bits there are for each code.
const BITS_PER_CODE: usize = 64;
/// The hash of nothing, of FNV-1a.
const EMPTY: u64 = 0xCBF2_9CE4_8422_2325;
/// What tells the hash of a beginning from that of a code.
const BEGINNING: u64 = 0x9E37_79B9_7F4A_7C15;

impl Glance {
    /// A glance at these codes and beginnings of codes, written as lists are asked for them; nothing if one is too long for
    /// that.
    pub(super) fn over<'c>(
        codes: impl Iterator<Item = &'c str> + Clone,
        beginnings: impl Iterator<Item = &'c str> + Clone,
    ) -> Option<Self> {
        let count = codes.clone().count() + beginnings.clone().count();
        let words = (count * BITS_PER_CODE / 64).next_power_of_two().max(64);
        let mut glance = Self { bits: vec![0; words], lengths: 0 };
        for code in codes {
            glance.set(hash(code));
        }
        for beginning in beginnings {
            if beginning.len() >= 64 {
                return None;
            }
            glance.lengths |= 1 << beginning.len();
            glance.set(hash(beginning) ^ BEGINNING);
        }
        Some(glance)
    }

    /// Whether `code`, as content bears it, may be on a list.
    #[inline]
    pub(super) fn may_know(&self, code: &[u8]) -> bool {
        let (mut hash, mut length) = (EMPTY, 0_u32);
        if self.is_beginning(hash, length) {
            return true;
        }
        for byte in code {
            match byte {
                b'.' => continue,
                // Spaces around a code, and what may be an expression of several.
                b'|' | b':' | b'=' | b'+' | b',' | b'{' | b'}' | b'(' | b')' | ..=b' ' | 0x7F.. => {
                    return true;
                }
                _ => {}
            }
            hash = step(hash, byte.to_ascii_uppercase());
            length += 1;
            if self.is_beginning(hash, length) {
                return true;
            }
        }
        self.has(hash)
    }

    #[inline]
    fn is_beginning(&self, hash: u64, length: u32) -> bool {
        self.lengths.checked_shr(length).is_some_and(|lengths| lengths & 1 == 1) && self.has(hash ^ BEGINNING)
    }

    #[inline]
    fn has(&self, hash: u64) -> bool {
        let (word, bit) = self.place(hash);
        self.bits.get(word).is_none_or(|bits| bits >> bit & 1 == 1)
    }

    fn set(&mut self, hash: u64) {
        let (word, bit) = self.place(hash);
        if let Some(bits) = self.bits.get_mut(word) {
            *bits |= 1 << bit;
        }
    }

    #[inline]
    fn place(&self, hash: u64) -> (usize, u32) {
        let mixed = (hash ^ hash >> 32).wrapping_mul(BEGINNING) >> 24;
        ((mixed >> 6) as usize & (self.bits.len() - 1), (mixed & 63) as u32)
    }
}

fn hash(text: &str) -> u64 {
    text.bytes().fold(EMPTY, step)
}

#[inline]
const fn step(hash: u64, byte: u8) -> u64 {
    (hash ^ byte as u64).wrapping_mul(0x0000_0100_0000_01B3)
}
