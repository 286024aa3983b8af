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
/// What the hash of a beginning is told by from that of a code.
const BEGINNING: u64 = 0x9E37_79B9_7F4A_7C15;
/// What is left of eight bytes when letters are neither large nor small.
const CASELESS: u64 = 0xDFDF_DFDF_DFDF_DFDF;

/// A byte that stands in a code for nothing but itself.
const PLAIN: u8 = 0;
/// A full stop, which lists do not write.
const STOP: u8 = 1;
/// A space around a code, a letter that is not plain, or what may part the codes of an expression.
const PARTS: u8 = 2;

/// What a byte stands for in a code.
#[inline]
const fn kind(byte: u8) -> u8 {
    match byte {
        b'.' => STOP,
        b'|' | b':' | b'=' | b'+' | b',' | b'{' | b'}' | b'(' | b')' | ..=b' ' | 0x7F.. => PARTS,
        _ => PLAIN,
    }
}

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
            glance.set(hash(code.as_bytes()));
        }
        for beginning in beginnings {
            if beginning.len() >= 64 {
                return None;
            }
            glance.lengths |= 1 << beginning.len();
            glance.set(hash(beginning.as_bytes()) ^ BEGINNING);
        }
        Some(glance)
    }

    /// Whether `code`, as content bears it, may be on a list.
    #[inline]
    pub(super) fn may_know(&self, code: &[u8]) -> bool {
        let kinds = code.iter().fold(PLAIN, |kinds, byte| kinds | kind(*byte));
        match kinds {
            PLAIN => self.may_know_plain(code),
            STOP => self.may_know_plain(&without_stops(code)),
            _ => true,
        }
    }

    #[inline]
    fn may_know_plain(&self, code: &[u8]) -> bool {
        let mut lengths = self.lengths;
        while lengths != 0 {
            let Some(beginning) = code.get(..lengths.trailing_zeros() as usize) else { break };
            if self.has(hash(beginning) ^ BEGINNING) {
                return true;
            }
            lengths &= lengths - 1;
        }
        self.has(hash(code))
    }

    #[inline]
    fn has(&self, hash: u64) -> bool {
        self.places(hash)
            .into_iter()
            .all(|(word, bit)| self.bits.get(word).is_none_or(|bits| bits >> bit & 1 == 1))
    }

    fn set(&mut self, hash: u64) {
        for (word, bit) in self.places(hash) {
            if let Some(bits) = self.bits.get_mut(word) {
                *bits |= 1 << bit;
            }
        }
    }

    /// The two bits of a hash: of a thousand codes that are on no list one has both of another one.
    #[inline]
    fn places(&self, hash: u64) -> [(usize, u32); 2] {
        let mixed = (hash ^ hash >> 32).wrapping_mul(BEGINNING);
        [mixed >> 40, mixed >> 20]
            .map(|mixed| ((mixed >> 6) as usize & (self.bits.len() - 1), (mixed & 63) as u32))
    }
}

#[cold]
fn without_stops(code: &[u8]) -> Vec<u8> {
    code.iter().copied().filter(|byte| *byte != b'.').collect()
}

/// A hash of the first and the last bytes of a code and of its length, alike for large and small letters. Codes that share it
/// are looked up.
#[inline]
fn hash(code: &[u8]) -> u64 {
    let (first, last) = match (code.first_chunk::<8>(), code.last_chunk::<8>()) {
        (Some(first), Some(last)) => (u64::from_le_bytes(*first), u64::from_le_bytes(*last)),
        _ => match (code.first_chunk::<4>(), code.last_chunk::<4>()) {
            (Some(first), Some(last)) => {
                (u64::from(u32::from_le_bytes(*first)), u64::from(u32::from_le_bytes(*last)))
            }
            _ => (code.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)), 0),
        },
    };
    let words = (first & CASELESS) ^ (last & CASELESS).rotate_left(27) ^ (code.len() as u64) << 56;
    words.wrapping_mul(0xD134_2543_DE82_EF95)
}
