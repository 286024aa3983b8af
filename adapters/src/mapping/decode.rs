//! Bytes of a file as UTF-8, checked, in constant memory and within a budget.

use std::io::{self, BufRead, Read};

use super::Refused;
use super::plan::FileCharset;

const CHUNK_BYTES: usize = 64 << 10;

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
            } else if self.waiting < 3 {
                // Too little to tell a byte order mark.
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
            _ => Ok(()),
        }
    }

    fn decode(&mut self) -> io::Result<()> {
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
