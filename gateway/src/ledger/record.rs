//! How entries, leaves and segment headers stand on disk. Pure: bytes in, values out; no files here.
//!
//! A segment is two files that begin with the same kind of header. In `*.payloads` follow the entries, one after
//! the other, each with its own header, salt and payload; in `*.leaves` one fixed record for each entry. Numbers are
//! little-endian. Preallocated space is zeros, which nothing written can be mistaken for.
//!
//! Leaf data is SHA-256(salt, entry head, payload): a salt without which a leaf gives nothing away about a payload
//! that was erased, and the head, so that time, kind and place in the batch cannot be rewritten either.

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::lane::LaneId;
use super::tree::Hash;

/// Where entries and leaves begin in their files.
pub(super) const HEADER_BYTES: usize = 4096;
/// The size of a leaf on disk.
pub(super) const LEAF_BYTES: usize = 48;
/// What an entry needs beside its payload: header and salt.
pub(super) const ENTRY_BYTES: usize = ENTRY_HEADER + SALT;
const ENTRY_HEADER: usize = 48;
const SALT: usize = 32;
const ALIGN: usize = 8;
const ENTRY_MAGIC: &[u8; 4] = b"PCLe";

/// Which of the two files of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    Payloads,
    Leaves,
}

impl Family {
    fn magic(self) -> &'static [u8; 8] {
        match self {
            Self::Payloads => b"PCLPAY01",
            Self::Leaves => b"PCLLEA01",
        }
    }
}

/// What a segment says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SegmentHeader {
    pub(super) lane: LaneId,
    pub(super) number: u64,
    /// Index of the first entry in it.
    pub(super) first: u64,
    /// Root of the tree over all entries before it.
    pub(super) root: Hash,
}

impl SegmentHeader {
    pub(super) fn encode(&self, family: Family) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER_BYTES);
        bytes.extend_from_slice(family.magic());
        bytes.extend_from_slice(&self.lane.to_bytes());
        bytes.extend_from_slice(&self.number.to_le_bytes());
        bytes.extend_from_slice(&self.first.to_le_bytes());
        bytes.extend_from_slice(self.root.as_bytes());
        bytes.extend_from_slice(&crc32fast::hash(&bytes).to_le_bytes());
        bytes.resize(HEADER_BYTES, 0);
        bytes
    }

    /// The header at the start of `file`; `None` unless every bit of it is as it was written.
    pub(super) fn decode(family: Family, file: &[u8]) -> Option<Self> {
        let bytes = file.get(..HEADER_BYTES)?;
        let header = Self {
            lane: LaneId::from_bytes(array_at(bytes, 8)?),
            number: u64::from_le_bytes(array_at(bytes, 16)?),
            first: u64::from_le_bytes(array_at(bytes, 24)?),
            root: Hash::new(array_at(bytes, 32)?),
        };
        (bytes == header.encode(family)).then_some(header)
    }
}

/// Whether an entry is a caller's or the ledger's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// What a caller appended.
    Entry,
    /// The record that another entry was erased, and by what authority.
    Erasure,
}

impl Kind {
    fn code(self) -> u8 {
        match self {
            Self::Entry => 1,
            Self::Erasure => 2,
        }
    }

    fn of(code: u8) -> Option<Self> {
        [Self::Entry, Self::Erasure].into_iter().find(|kind| kind.code() == code)
    }
}

/// What is known of an entry beside its payload. It outlives an erasure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) at: Timestamp,
    pub(super) position: u16,
    pub(super) count: u16,
    pub(super) kind: Kind,
}

impl Head {
    fn encode(&self) -> [u8; 16] {
        let mut bytes = [0; 16];
        let [t0, t1, t2, t3, t4, t5, t6, t7] = self.at.as_microsecond().to_le_bytes();
        let ([p0, p1], [c0, c1]) = (self.position.to_le_bytes(), self.count.to_le_bytes());
        bytes.copy_from_slice(&[t0, t1, t2, t3, t4, t5, t6, t7, p0, p1, c0, c1, self.kind.code(), 0, 0, 0]);
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let head = Self {
            at: Timestamp::from_microsecond(i64::from_le_bytes(array_at(bytes, 0)?)).ok()?,
            position: u16::from_le_bytes(array_at(bytes, 8)?),
            count: u16::from_le_bytes(array_at(bytes, 10)?),
            kind: Kind::of(*bytes.get(12)?)?,
        };
        (bytes.get(..16)? == head.encode() && head.position < head.count).then_some(head)
    }
}

/// Adds an entry to `out`, all but what only the writer knows, and yields its leaf hash.
pub(super) fn encode_entry(head: &Head, salt: &[u8; 32], payload: &[u8], out: &mut Vec<u8>) -> Hash {
    let head = head.encode();
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
    let mut crc = crc32fast::Hasher::new();
    crc.update(salt);
    crc.update(payload);
    out.extend_from_slice(ENTRY_MAGIC);
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&[0; 16]);
    out.extend_from_slice(&head);
    out.extend_from_slice(&crc.finalize().to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(salt);
    out.extend_from_slice(payload);
    out.resize(out.len().next_multiple_of(ALIGN), 0);
    leaf_of(salt, &head, payload)
}

/// Completes the entry at the start of `entry`: its index, and the index below which everything was durable when it
/// was written. A later scan knows by this that damage before it is not the torn end of an interrupted write.
pub(super) fn stamp_entry(entry: &mut [u8], index: u64, durable: u64) {
    if let Some((header, _)) = entry.split_first_chunk_mut::<ENTRY_HEADER>() {
        let (start, end) = header.split_at_mut(44);
        if let Some(field) = start.get_mut(8..16) {
            field.copy_from_slice(&index.to_le_bytes());
        }
        if let Some(field) = start.get_mut(16..24) {
            field.copy_from_slice(&durable.to_le_bytes());
        }
        end.copy_from_slice(&crc32fast::hash(start).to_le_bytes());
    }
}

fn leaf_of(salt: &[u8], head: &[u8], payload: &[u8]) -> Hash {
    let data = Sha256::new().chain_update(salt).chain_update(head).chain_update(payload).finalize();
    Hash::of_leaf(&data)
}

/// An entry as it stands on disk, with a sound header.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry<'a> {
    pub(super) index: u64,
    pub(super) durable: u64,
    pub(super) head: Head,
    pub(super) body: Body<'a>,
    /// All the bytes it takes.
    pub(super) length: usize,
}

impl Entry<'_> {
    /// The leaf hash that salt, head and payload make; `None` when salt and payload are not there.
    pub(super) fn leaf(&self) -> Option<Hash> {
        match self.body {
            Body::Whole { salt, payload } => Some(leaf_of(salt, &self.head.encode(), payload)),
            Body::Erased | Body::Damaged => None,
        }
    }
}

/// Salt and payload of an entry.
#[derive(Debug, Clone, Copy)]
pub(super) enum Body<'a> {
    Whole {
        salt: &'a [u8],
        payload: &'a [u8],
    },
    /// Overwritten with zeros.
    Erased,
    Damaged,
}

/// The entry at the start of `bytes`; `None` if no sound and complete header is there.
pub(super) fn decode_entry(bytes: &[u8]) -> Option<Entry<'_>> {
    let header = bytes.get(..ENTRY_HEADER)?;
    let sound = header.starts_with(ENTRY_MAGIC)
        && crc32fast::hash(header.get(..44)?) == u32::from_le_bytes(array_at(header, 44)?);
    if !sound {
        return None;
    }
    let payload_bytes = usize::try_from(u32::from_le_bytes(array_at(header, 4)?)).ok()?;
    let length = ENTRY_BYTES.checked_add(payload_bytes)?.next_multiple_of(ALIGN);
    let body = bytes.get(ENTRY_HEADER..length)?;
    let (salted, padding) = body.split_at_checked(SALT + payload_bytes)?;
    let (salt, payload) = salted.split_at_checked(SALT)?;
    let head = header.get(24..40)?;
    let body = if padding.iter().any(|byte| *byte != 0) {
        Body::Damaged
    } else if crc32fast::hash(salted) == u32::from_le_bytes(array_at(header, 40)?) {
        Body::Whole { salt, payload }
    } else if used_bytes(salted) == 0 {
        Body::Erased
    } else {
        Body::Damaged
    };
    Some(Entry {
        index: u64::from_le_bytes(array_at(header, 8)?),
        durable: u64::from_le_bytes(array_at(header, 16)?),
        head: Head::decode(head)?,
        body,
        length,
    })
}

/// How many bytes, salt and payload, an erasure overwrites, and where they begin in the entry at the start of `bytes`.
pub(super) fn erasable(entry_header: &[u8]) -> Option<(u64, usize)> {
    let payload_bytes = usize::try_from(u32::from_le_bytes(array_at(entry_header, 4)?)).ok()?;
    Some((ENTRY_HEADER as u64, SALT + payload_bytes))
}

/// How many of `bytes` there are up to the last that is not zero.
pub(super) fn used_bytes(bytes: &[u8]) -> usize {
    const ZEROS: [u8; 4096] = [0; 4096];
    let mut used = bytes;
    while let Some((start, end)) =
        used.len().checked_sub(ZEROS.len()).and_then(|at| used.split_at_checked(at))
    {
        if end != ZEROS {
            break;
        }
        used = start;
    }
    used.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1)
}

/// The sound entries that can be found in `bytes` from `offset` on: entries begin at multiples of eight.
pub(super) fn entries_after(bytes: &[u8], offset: usize) -> impl Iterator<Item = Entry<'_>> {
    let start = offset.next_multiple_of(ALIGN);
    (start..used_bytes(bytes)).step_by(ALIGN).filter_map(|at| {
        let rest = bytes.get(at..)?;
        if rest.starts_with(ENTRY_MAGIC) { decode_entry(rest) } else { None }
    })
}

/// One record of a `*.leaves` file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Leaf {
    pub(super) hash: Hash,
    pub(super) index: u64,
    /// Where the entry begins in the payload file of the segment.
    pub(super) offset: u32,
}

/// What is found where a leaf may stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Slot {
    Leaf(Leaf),
    Empty,
    Damaged,
}

impl Leaf {
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(self.hash.as_bytes());
        out.extend_from_slice(&self.index.to_le_bytes());
        out.extend_from_slice(&self.offset.to_le_bytes());
        let crc = out.get(start..).map_or(0, crc32fast::hash);
        out.extend_from_slice(&crc.to_le_bytes());
    }
}

impl Slot {
    /// What stands in the `LEAF_BYTES` of `bytes`.
    pub(super) fn decode(bytes: &[u8]) -> Self {
        let read = || {
            let sound = crc32fast::hash(bytes.get(..44)?) == u32::from_le_bytes(array_at(bytes, 44)?);
            let leaf = Leaf {
                hash: Hash::new(array_at(bytes, 0)?),
                index: u64::from_le_bytes(array_at(bytes, 32)?),
                offset: u32::from_le_bytes(array_at(bytes, 40)?),
            };
            sound.then_some(leaf)
        };
        match read() {
            Some(leaf) if leaf.offset > 0 => Self::Leaf(leaf),
            Some(_) | None if used_bytes(bytes) == 0 => Self::Empty,
            Some(_) | None => Self::Damaged,
        }
    }
}

fn array_at<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head() -> Head {
        let at = Timestamp::from_second(1_800_000_000).unwrap();
        Head { at, position: 1, count: 3, kind: Kind::Entry }
    }

    fn entry(payload: &[u8]) -> (Vec<u8>, Hash) {
        let mut bytes = Vec::new();
        let leaf = encode_entry(&head(), &[9; 32], payload, &mut bytes);
        stamp_entry(&mut bytes, 41, 40);
        (bytes, leaf)
    }

    #[test]
    fn an_entry_reads_as_it_was_written() {
        for payload in [&b""[..], b"1", b"1234567", b"12345678", &[0; 1_000]] {
            let (bytes, expected) = entry(payload);
            let read = decode_entry(&bytes).unwrap();
            assert_eq!((read.index, read.durable, read.head, read.length), (41, 40, head(), bytes.len()));
            assert_eq!(read.leaf(), Some(expected));
            assert!(matches!(read.body, Body::Whole { payload: got, .. } if got == payload));
        }
    }

    #[test]
    fn no_bit_of_an_entry_can_flip_unseen() {
        let (bytes, _) = entry(b"who saw what, and why");
        for bit in 0..bytes.len() * 8 {
            let mut bent = bytes.clone();
            bent[bit / 8] ^= 1 << (bit % 8);
            let seen = decode_entry(&bent).is_none_or(|entry| matches!(entry.body, Body::Damaged));
            assert!(seen, "bit {bit}");
        }
    }

    #[test]
    fn the_leaf_depends_on_salt_head_and_payload() {
        let mut sink = Vec::new();
        let leaf = encode_entry(&head(), &[1; 32], b"payload", &mut sink);
        let moved = Head { position: 0, ..head() };
        let later = Head { at: Timestamp::UNIX_EPOCH, ..head() };
        let own = Head { kind: Kind::Erasure, ..head() };
        for other in [
            encode_entry(&head(), &[2; 32], b"payload", &mut sink),
            encode_entry(&head(), &[1; 32], b"Payload", &mut sink),
            encode_entry(&moved, &[1; 32], b"payload", &mut sink),
            encode_entry(&later, &[1; 32], b"payload", &mut sink),
            encode_entry(&own, &[1; 32], b"payload", &mut sink),
        ] {
            assert_ne!(leaf, other);
        }
    }

    #[test]
    fn an_entry_overwritten_with_zeros_is_erased_and_keeps_its_head() {
        let (mut bytes, _) = entry(b"who saw what, and why");
        let (from, length) = erasable(&bytes).unwrap();
        let from = usize::try_from(from).unwrap();
        bytes[from..from + length].fill(0);
        let read = decode_entry(&bytes).unwrap();
        assert!(matches!(read.body, Body::Erased));
        assert_eq!(read.head, head());
    }

    #[test]
    fn leaves_and_headers_read_as_written_and_show_every_flip() {
        let leaf = Leaf { hash: Hash::of_leaf(b"x"), index: 7, offset: 4096 };
        let mut bytes = Vec::new();
        leaf.encode(&mut bytes);
        assert_eq!((bytes.len(), Slot::decode(&bytes)), (LEAF_BYTES, Slot::Leaf(leaf)));
        assert_eq!(Slot::decode(&[0; LEAF_BYTES]), Slot::Empty);
        for bit in 0..LEAF_BYTES * 8 {
            let mut bent = bytes.clone();
            bent[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Slot::decode(&bent), Slot::Damaged, "bit {bit}");
        }
        let header =
            SegmentHeader { lane: LaneId::from_bytes([3; 8]), number: 2, first: 9, root: Hash::of_nothing() };
        let bytes = header.encode(Family::Leaves);
        assert_eq!(SegmentHeader::decode(Family::Leaves, &bytes), Some(header));
        assert_eq!(SegmentHeader::decode(Family::Payloads, &bytes), None);
        for bit in 0..HEADER_BYTES * 8 {
            let mut bent = bytes.clone();
            bent[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(SegmentHeader::decode(Family::Leaves, &bent), None, "bit {bit}");
        }
    }
}
