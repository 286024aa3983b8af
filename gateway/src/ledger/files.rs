//! The folder of a ledger: names, locks, segments made and opened. Whatever is made here survives a power cut once the
//! function returns.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FallocateFlags, fallocate};

use super::record::{Family, HEADER_BYTES, LEAF_BYTES, SegmentHeader};
use super::scan::Names;

static ZEROS: [u8; 1 << 18] = [0; 1 << 18];
/// Space is made in steps of this size, so that appends are not held up behind one long write.
const STEP: u64 = 1 << 20;

/// The folder that holds one lane.
#[derive(Debug, Clone)]
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn new(path: &Path) -> Self {
        Self(path.to_owned())
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Makes what was created, renamed or removed in the folder durable.
    pub(super) fn sync(&self) -> io::Result<()> {
        File::open(&self.0)?.sync_all()
    }

    /// The bytes of a file, all of it.
    pub(super) fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        File::open(self.file(name))?.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// The numbers of the segments there are, in order: those with a payload file.
    pub(super) fn segments(&self) -> io::Result<Vec<u64>> {
        let mut numbers = Vec::new();
        for entry in std::fs::read_dir(&self.0)? {
            let name = entry?.file_name();
            let number = name.to_str().and_then(|name| name.strip_suffix(".payloads")?.parse::<u64>().ok());
            numbers.extend(number.filter(|number| names(*number).payloads.as_str() == name));
        }
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// Writes a small file whole, readable by the owner alone or by all, and makes it durable under its name.
    pub(super) fn write_whole(&self, name: &str, bytes: &[u8], mode: u32) -> io::Result<()> {
        let unfinished = self.file(&format!("{name}.unfinished"));
        remove_if_there(&unfinished)?;
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&unfinished)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&unfinished, self.file(name))?;
        self.sync()
    }

    /// Makes the two files of a segment that is yet to be named: zeros that really occupy their space, so that later
    /// writes change no metadata and cannot run out of room.
    pub(super) fn prepare(&self, sizes: Sizes) -> io::Result<()> {
        let made =
            self.make_spare(SPARE.0, sizes.payloads).and_then(|()| self.make_spare(SPARE.1, sizes.leaves));
        if made.is_err() {
            // What was made of it takes up room that is needed; what cannot go is overwritten the next time.
            drop((remove_if_there(&self.file(SPARE.0)), remove_if_there(&self.file(SPARE.1))));
        }
        made?;
        self.sync()
    }

    fn make_spare(&self, name: &str, bytes: u64) -> io::Result<()> {
        let path = self.file(name);
        remove_if_there(&path)?;
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        // The early answer "no space" is all that is wanted of it: file systems that cannot do it need not.
        match fallocate(&file, FallocateFlags::empty(), 0, bytes) {
            Ok(()) | Err(rustix::io::Errno::OPNOTSUPP) => {}
            Err(error) => return Err(error.into()),
        }
        fill(&file, bytes)?;
        file.sync_all()
    }

    /// Gives the prepared files the name and the header of a segment. Its payload file comes last: it is what makes a
    /// segment one.
    pub(super) fn begin_segment(&self, header: SegmentHeader) -> io::Result<(File, File)> {
        let names = names(header.number);
        let mut pair = Vec::new();
        for (family, spare, name) in
            [(Family::Leaves, SPARE.1, &names.leaves), (Family::Payloads, SPARE.0, &names.payloads)]
        {
            let path = self.file(spare);
            let file = OpenOptions::new().read(true).write(true).open(&path)?;
            file.write_all_at(&header.encode(family), 0)?;
            file.sync_all()?;
            std::fs::rename(&path, self.file(name))?;
            pair.push(file);
        }
        self.sync()?;
        match (pair.pop(), pair.pop()) {
            (Some(payloads), Some(leaves)) => Ok((payloads, leaves)),
            (Some(_) | None, _) => Err(io::Error::other("a segment is two files")),
        }
    }

    /// Opens the two files of a segment for more.
    pub(super) fn open_segment(&self, number: u64) -> io::Result<(File, File)> {
        let names = names(number);
        let open = |name| OpenOptions::new().read(true).write(true).open(self.file(name));
        Ok((open(&names.payloads)?, open(&names.leaves)?))
    }

    /// Removes a prepared segment that was never named, and leaves without a segment: both remain of an interruption.
    pub(super) fn remove_remains(&self, next_number: u64) -> io::Result<()> {
        for name in [SPARE.0, SPARE.1, &names(next_number).leaves] {
            remove_if_there(&self.file(name))?;
        }
        Ok(())
    }
}

const SPARE: (&str, &str) = ("spare.payloads.unfinished", "spare.leaves.unfinished");

/// How much is made ready for a segment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sizes {
    pub(super) payloads: u64,
    pub(super) leaves: u64,
}

impl Sizes {
    /// A leaf takes a 16th of the space of a typical entry and less: there is room for many small ones.
    pub(super) fn for_segment(payload_bytes: u64) -> Self {
        let leaves = (payload_bytes / 16 / LEAF_BYTES as u64).max(16) * LEAF_BYTES as u64;
        Self { payloads: payload_bytes, leaves: leaves + HEADER_BYTES as u64 }
    }

    /// How many entries there is room for.
    pub(super) fn entries(self) -> usize {
        usize::try_from((self.leaves - HEADER_BYTES as u64) / LEAF_BYTES as u64).unwrap_or(usize::MAX)
    }
}

/// The names of the files of segment `number`.
pub(super) fn names(number: u64) -> Names {
    Names {
        payloads: format!("{number:08}.payloads"),
        leaves: format!("{number:08}.leaves"),
        notes: format!("{number:08}.notes"),
    }
}

/// Overwrites `bytes` of `file` from `offset` on with zeros.
pub(super) fn write_zeros(file: &File, mut offset: u64, bytes: u64) -> io::Result<()> {
    let end = offset + bytes;
    while offset < end {
        let step = usize::try_from(end - offset).unwrap_or(usize::MAX).min(ZEROS.len());
        file.write_all_at(ZEROS.get(..step).unwrap_or_default(), offset)?;
        offset += step as u64;
    }
    Ok(())
}

fn fill(file: &File, bytes: u64) -> io::Result<()> {
    let mut offset = 0;
    while offset < bytes {
        let step = STEP.min(bytes - offset);
        write_zeros(file, offset, step)?;
        file.sync_data()?;
        offset += step;
    }
    Ok(())
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}
