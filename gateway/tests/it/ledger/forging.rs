//! Someone who knows the format of the files and can write them, but has not the key that signs checkpoints.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use sha2::{Digest, Sha256};
use tempfile::TempDir;

use super::support::{copy, files, grown};

const HEADER: usize = 4_096;
const LEAF: usize = 48;

/// A copy of a closed ledger of 120 batches, to be tampered with.
pub(crate) struct Forger {
    home: TempDir,
}

impl Forger {
    pub(crate) fn new() -> Self {
        static GROWN: OnceLock<TempDir> = OnceLock::new();
        let grown = GROWN.get_or_init(|| {
            let building = std::thread::spawn(|| {
                tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .unwrap()
                    .block_on(grown(120))
            });
            building.join().unwrap()
        });
        Self { home: copy(grown.path()) }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.home.path()
    }

    pub(crate) fn file(&self, extension: &str, segment: usize) -> PathBuf {
        files(self.folder(), extension)[segment - 1].clone()
    }

    pub(crate) fn name(&self, extension: &str, segment: usize) -> String {
        self.file(extension, segment).file_name().unwrap().to_str().unwrap().to_owned()
    }

    pub(crate) fn edit(&self, extension: &str, segment: usize, edit: impl FnOnce(&mut Vec<u8>)) {
        let path = self.file(extension, segment);
        let mut bytes = std::fs::read(&path).unwrap();
        edit(&mut bytes);
        std::fs::write(path, bytes).unwrap();
    }

    /// Index of the first entry of a segment.
    pub(crate) fn first(&self, segment: usize) -> u64 {
        let bytes = std::fs::read(self.file("payloads", segment)).unwrap();
        u64::from_le_bytes(bytes[24..32].try_into().unwrap())
    }

    /// Where the entries of a segment stand.
    pub(crate) fn entries(&self, segment: usize) -> Vec<Range<usize>> {
        let bytes = std::fs::read(self.file("payloads", segment)).unwrap();
        let (mut entries, mut at) = (Vec::new(), HEADER);
        while bytes.get(at..at + 4) == Some(b"PCLe") {
            let payload = u32::from_le_bytes(bytes[at + 4..at + 8].try_into().unwrap()) as usize;
            let end = (at + 80 + payload).next_multiple_of(8);
            entries.push(at..end);
            at = end;
        }
        entries
    }

    /// Where the leaf of an entry of a segment stands.
    pub(crate) fn leaf(number: usize) -> Range<usize> {
        HEADER + number * LEAF..HEADER + (number + 1) * LEAF
    }

    /// Two neighbouring entries of a segment that take the same space.
    pub(crate) fn equal_neighbours(&self, segment: usize) -> usize {
        let entries = self.entries(segment);
        entries.windows(2).position(|pair| pair[0].len() == pair[1].len()).unwrap()
    }
}

/// Makes the checksums of an entry right again.
pub(crate) fn reseal_entry(entry: &mut [u8]) {
    let payload = u32::from_le_bytes(entry[4..8].try_into().unwrap()) as usize;
    let body = crc32fast::hash(&entry[48..80 + payload]);
    entry[40..44].copy_from_slice(&body.to_le_bytes());
    let header = crc32fast::hash(&entry[..44]);
    entry[44..48].copy_from_slice(&header.to_le_bytes());
}

/// The leaf record that would fit an entry, where `old` stood.
pub(crate) fn refit_leaf(entry: &[u8], old: &mut [u8]) {
    let payload = u32::from_le_bytes(entry[4..8].try_into().unwrap()) as usize;
    let data = Sha256::new()
        .chain_update(&entry[48..80])
        .chain_update(&entry[24..40])
        .chain_update(&entry[80..80 + payload])
        .finalize();
    old[..32].copy_from_slice(&Sha256::new().chain_update([0]).chain_update(data).finalize());
    let crc = crc32fast::hash(&old[..44]);
    old[44..48].copy_from_slice(&crc.to_le_bytes());
}

/// Makes the checksum of a segment header right again.
pub(crate) fn reseal_header(file: &mut [u8]) {
    let crc = crc32fast::hash(&file[..64]);
    file[64..68].copy_from_slice(&crc.to_le_bytes());
}
