//! The entry that says of another that its payload was erased, and by what authority.

/// What an entry of [`Kind::Erasure`](super::Kind::Erasure) holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erasure {
    /// The entry whose payload and salt are gone.
    pub index: u64,
    /// By what authority, as it was given.
    pub authority: String,
}

impl Erasure {
    /// Three lines: what this is, the index, the authority.
    pub fn to_payload(&self) -> Vec<u8> {
        format!("erased\n{}\n{}", self.index, self.authority).into_bytes()
    }

    /// Reads what [`Erasure::to_payload`] wrote.
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let mut lines = str::from_utf8(payload).ok()?.splitn(3, '\n');
        if lines.next() != Some("erased") {
            return None;
        }
        Some(Self { index: lines.next()?.parse().ok()?, authority: lines.next()?.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_erasure_reads_as_it_was_written() {
        let erasure = Erasure { index: 7, authority: "court order 12\nof 2026".to_owned() };
        assert_eq!(Erasure::parse(&erasure.to_payload()), Some(erasure));
        for wrong in [&b""[..], b"erased", b"erased\n7", b"erased\nx\ny", b"deleted\n7\ny", b"\xff"] {
            assert_eq!(Erasure::parse(wrong), None);
        }
    }
}
