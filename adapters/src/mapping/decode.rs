//! Bytes of a file as UTF-8, checked, in constant memory and within a budget.

use std::io::{self, BufRead, Read};
use std::ops::Range;

use super::Refused;
use super::plan::FileCharset;

const CHUNK_BYTES: usize = 64 << 10;
/// The most of the beginning in which an XML declaration ends.
const PROLOG_BYTES: usize = 256;

/// What Windows-1252 has at 0x80 to 0x9F; the five that it leaves open are refused.
const WINDOWS: [Option<char>; 32] = [
    Some('€'),
    None,
    Some('‚'),
    Some('ƒ'),
    Some('„'),
    Some('…'),
    Some('†'),
    Some('‡'),
    Some('ˆ'),
    Some('‰'),
    Some('Š'),
    Some('‹'),
    Some('Œ'),
    None,
    Some('Ž'),
    None,
    None,
    Some('‘'),
    Some('’'),
    Some('“'),
    Some('”'),
    Some('•'),
    Some('–'),
    Some('—'),
    Some('˜'),
    Some('™'),
    Some('š'),
    Some('›'),
    Some('œ'),
    None,
    Some('ž'),
    Some('Ÿ'),
];

/// A file as UTF-8. Errors are [`Refused`] inside an `io::Error`.
#[derive(Debug)]
pub(super) struct Decoded<R> {
    inner: R,
    charset: FileCharset,
    prolog: Prolog,
    raw: Vec<u8>,
    /// Bytes of `raw` that are not decoded yet.
    waiting: usize,
    ready: Vec<u8>,
    at: usize,
    /// Bytes of the file that were decoded.
    decoded: u64,
    begun: Begun,
    /// Bytes that may still be taken before somebody says more.
    budget: usize,
    budget_max: usize,
}

/// What an XML declaration at the beginning has to say about the character set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Prolog {
    /// The file has none.
    None,
    /// It is looked for.
    Asked,
    /// It names one of a byte a letter, and nothing of the bytes has spoken for that yet.
    Doubtful,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Begun {
    No,
    Yes,
    Ended,
}

impl<R: Read> Decoded<R> {
    pub(super) fn new(inner: R, charset: FileCharset, budget_max: usize) -> Self {
        Self {
            inner,
            charset,
            prolog: Prolog::None,
            raw: vec![0; CHUNK_BYTES],
            waiting: 0,
            ready: Vec::with_capacity(CHUNK_BYTES),
            at: 0,
            decoded: 0,
            begun: Begun::No,
            budget: budget_max,
            budget_max,
        }
    }

    /// The same of a file of XML, which may declare in what it is written.
    pub(super) fn of_xml(mut self) -> Self {
        self.prolog = Prolog::Asked;
        self
    }

    /// The character set that the file is in, as far as its beginning tells.
    pub(super) fn charset(&self) -> FileCharset {
        self.charset
    }

    /// Allows as much again as at the beginning.
    pub(super) fn refresh(&mut self) {
        self.budget = self.budget_max;
    }

    fn read(&mut self) -> io::Result<()> {
        self.ready.clear();
        self.at = 0;
        while self.ready.is_empty() && self.begun != Begun::Ended {
            let room = self.raw.get_mut(self.waiting..).unwrap_or_default();
            let taken = self.inner.read(room)?;
            self.waiting += taken;
            if taken == 0 {
                self.begin()?;
                self.begun = Begun::Ended;
            } else if self.waiting < 3 || self.begun == Begun::No && self.is_in_prolog() {
                // Too little to tell a byte order mark, or what is declared.
                continue;
            } else {
                self.begin()?;
            }
            self.decode()?;
        }
        Ok(())
    }

    /// Looks at the first bytes.
    fn begin(&mut self) -> io::Result<()> {
        if self.begun != Begun::No {
            return Ok(());
        }
        self.begun = Begun::Yes;
        match self.raw.get(..self.waiting).unwrap_or_default() {
            [0xEF, 0xBB, 0xBF, ..] => {
                self.raw.copy_within(3..self.waiting, 0);
                self.waiting -= 3;
                self.decoded = 3;
                self.charset = FileCharset::Utf8;
                Ok(())
            }
            [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] => Err(io::Error::other(Refused::Utf16)),
            raw => {
                let declared = (self.prolog == Prolog::Asked).then(|| declaration(raw)).flatten();
                match declared.and_then(encoding) {
                    Some(found) if found != self.charset => {
                        self.charset = found;
                        self.prolog = Prolog::Doubtful;
                    }
                    Some(_) | None => self.prolog = Prolog::None,
                }
                Ok(())
            }
        }
    }

    /// Whether an XML declaration has begun and not ended.
    fn is_in_prolog(&self) -> bool {
        let raw = self.raw.get(..self.waiting).unwrap_or_default();
        let is_open = raw.starts_with(b"<?xml") || b"<?xml".starts_with(raw);
        self.prolog == Prolog::Asked && is_open && raw.len() < PROLOG_BYTES && declaration(raw).is_none()
    }

    /// Whether letters beyond ASCII that are declared to be of a byte each are all such as UTF-8 writes them: then the
    /// declaration and the bytes do not agree.
    fn is_otherwise(&mut self, raw: Range<usize>) -> bool {
        let raw = self.raw.get(raw).unwrap_or_default();
        if self.prolog != Prolog::Doubtful || self.charset != FileCharset::Windows1252 || raw.is_ascii() {
            return false;
        }
        let valid = match std::str::from_utf8(raw) {
            Ok(_) => raw,
            Err(error) if error.error_len().is_none() => raw.get(..error.valid_up_to()).unwrap_or_default(),
            Err(_) => &[],
        };
        let is_otherwise = !valid.is_ascii();
        self.prolog = Prolog::None;
        is_otherwise
    }

    fn decode(&mut self) -> io::Result<()> {
        if self.is_otherwise(0..self.waiting) {
            return Err(io::Error::other(Refused::Declared));
        }
        let raw = self.raw.get(..self.waiting).unwrap_or_default();
        let used = match self.charset {
            FileCharset::Utf8 => {
                let (valid, broken) = match std::str::from_utf8(raw) {
                    Ok(_) => (raw.len(), false),
                    Err(error) => {
                        let is_cut = error.error_len().is_none() && self.begun != Begun::Ended;
                        (error.valid_up_to(), !is_cut)
                    }
                };
                if broken {
                    return Err(wrong(self.decoded, valid));
                }
                self.ready.extend_from_slice(raw.get(..valid).unwrap_or_default());
                valid
            }
            FileCharset::Windows1252 => {
                let mut letter = [0; 4];
                for (index, byte) in raw.iter().enumerate() {
                    let found = match byte {
                        0x80..=0x9F => WINDOWS.get(usize::from(byte - 0x80)).copied().flatten(),
                        other => Some(char::from(*other)),
                    };
                    let found = found.ok_or_else(|| wrong(self.decoded, index))?;
                    self.ready.extend_from_slice(found.encode_utf8(&mut letter).as_bytes());
                }
                raw.len()
            }
        };
        self.decoded += used as u64;
        self.raw.copy_within(used..self.waiting, 0);
        self.waiting -= used;
        Ok(())
    }
}

/// What the XML declaration at the beginning says, if it is there as a whole.
fn declaration(raw: &[u8]) -> Option<&[u8]> {
    let inside = raw.strip_prefix(b"<?xml")?;
    let end = inside.windows(2).take(PROLOG_BYTES).position(|pair| pair == b"?>")?;
    inside.get(..end)
}

/// The character set that a declaration names, if it is one of those that are read.
fn encoding(declaration: &[u8]) -> Option<FileCharset> {
    let at = declaration.windows(8).position(|word| word == b"encoding")?;
    let value = declaration.get(at + 8..)?.trim_ascii_start().strip_prefix(b"=")?.trim_ascii_start();
    let (quote, value) = value.split_first()?;
    let name = value.split(|byte| byte == quote).next()?.to_ascii_lowercase();
    match name.as_slice() {
        b"utf-8" | b"utf8" => Some(FileCharset::Utf8),
        b"iso-8859-1" | b"latin1" | b"windows-1252" | b"cp1252" => Some(FileCharset::Windows1252),
        _ => None,
    }
}

fn wrong(decoded: u64, index: usize) -> io::Error {
    io::Error::other(Refused::Encoding { byte: decoded + index as u64 })
}

impl<R: Read> Read for Decoded<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let ready = self.fill_buf()?;
        let length = ready.len().min(out.len());
        for (to, from) in out.iter_mut().zip(ready) {
            *to = *from;
        }
        self.consume(length);
        Ok(length)
    }
}

impl<R: Read> BufRead for Decoded<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.at >= self.ready.len() {
            self.read()?;
        }
        let ready = self.ready.get(self.at..).unwrap_or_default();
        if self.budget == 0 && !ready.is_empty() {
            return Err(io::Error::other(Refused::TooLarge { max: self.budget_max, unit: "bytes", row: 0 }));
        }
        Ok(ready.get(..self.budget).unwrap_or(ready))
    }

    fn consume(&mut self, amount: usize) {
        self.at += amount;
        self.budget = self.budget.saturating_sub(amount);
    }
}

/// Why reading ended.
pub(super) fn refused(error: io::Error) -> Refused {
    error.downcast::<Refused>().unwrap_or_else(|error| Refused::Unreadable { kind: error.kind() })
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::{Decoded, refused};
    use crate::mapping::Refused;
    use crate::mapping::plan::FileCharset;

    /// A reader that yields one byte at a time.
    struct Drops<'b>(&'b [u8]);

    impl Read for Drops<'_> {
        fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
            let Some((first, rest)) = self.0.split_first() else { return Ok(0) };
            self.0 = rest;
            out[0] = *first;
            Ok(1)
        }
    }

    fn decode(bytes: &[u8], charset: FileCharset) -> Result<String, Refused> {
        let read = |mut input: Decoded<&mut dyn Read>| {
            let mut text = String::new();
            input.read_to_string(&mut text).map_err(refused).map(|_| text)
        };
        let whole = read(Decoded::new(&mut &*bytes, charset, 1 << 20));
        assert_eq!(whole, read(Decoded::new(&mut Drops(bytes), charset, 1 << 20)));
        whole
    }

    #[test]
    fn letters_beyond_ascii_are_read_as_the_file_is_written() {
        assert_eq!(decode("Siân £5".as_bytes(), FileCharset::Utf8).unwrap(), "Siân £5");
        assert_eq!(decode(b"Si\xe2n \x80\xa35", FileCharset::Windows1252).unwrap(), "Siân €£5");
        assert_eq!(decode(b"\xef\xbb\xbfSi\xc3\xa2n", FileCharset::Windows1252).unwrap(), "Siân");
        assert_eq!(decode(b"", FileCharset::Utf8).unwrap(), "");
    }

    #[test]
    fn bytes_that_are_not_in_the_character_set_are_refused_where_they_stand() {
        assert_eq!(decode(b"ab\xe2n", FileCharset::Utf8), Err(Refused::Encoding { byte: 2 }));
        assert_eq!(decode(b"ab\xc3", FileCharset::Utf8), Err(Refused::Encoding { byte: 2 }));
        assert_eq!(decode(b"ab\x81", FileCharset::Windows1252), Err(Refused::Encoding { byte: 2 }));
        assert_eq!(decode(b"\xff\xfea\0", FileCharset::Utf8), Err(Refused::Utf16));
    }
}
