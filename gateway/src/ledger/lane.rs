//! The name of a lane: the sequence of entries of one writer.

use std::fmt;

/// Names a lane: eight random bytes, drawn when its folder is first used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LaneId([u8; 8]);

impl LaneId {
    pub(super) const fn from_bytes(bytes: [u8; 8]) -> Self {
        Self(bytes)
    }

    pub(super) const fn to_bytes(self) -> [u8; 8] {
        self.0
    }

    /// Reads what `Display` wrote: sixteen lower-case hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        let lane = Self(u64::from_str_radix(text, 16).ok()?.to_be_bytes());
        (lane.to_string() == text).then_some(lane)
    }
}

impl fmt::Display for LaneId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", u64::from_be_bytes(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_reads_as_it_is_written_and_nothing_else_does() {
        let lane = LaneId::from_bytes([0, 1, 2, 3, 0xab, 0xcd, 0xef, 9]);
        assert_eq!(lane.to_string(), "00010203abcdef09");
        assert_eq!(LaneId::parse("00010203abcdef09"), Some(lane));
        for text in ["", "00010203ABCDEF09", "10203abcdef09", "+0010203abcdef09", "00010203abcdef0g"] {
            assert_eq!(LaneId::parse(text), None, "{text:?}");
        }
    }
}
