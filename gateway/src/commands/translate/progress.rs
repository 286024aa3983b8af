//! How far a long file is: a bar on the terminal of whoever waits for it. Losses and refusals go by the same way, since
//! they share its last line. No clock: it is drawn anew when enough was read.

use std::cell::Cell;
use std::io::{self, BufWriter, IsTerminal, Read, Write};

/// What is gathered before it is written.
const BYTES: usize = 1 << 16;
/// The letters of a whole bar.
const WIDTH: u64 = 30;
/// The parts of a file after which the bar is drawn anew.
const PARTS: u64 = 200;
/// The bytes after which it is drawn anew where nobody knows how many there are.
const STRETCH: u64 = 1 << 20;

/// Whether somebody looks on while a file is translated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Watched {
    /// Standard error is a terminal, and the Bundles go elsewhere.
    Yes,
    /// Nothing but losses and refusals is written to standard error.
    No,
}

impl Watched {
    /// As this process was started.
    #[must_use]
    pub fn here() -> Self {
        if io::stderr().is_terminal() && !io::stdout().is_terminal() { Self::Yes } else { Self::No }
    }
}

/// A reader whose bytes are counted.
pub(super) struct Counted<'r> {
    pub(super) reader: &'r mut dyn Read,
    pub(super) seen: &'r Cell<u64>,
}

impl Read for Counted<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(into)?;
        self.seen.set(self.seen.get().saturating_add(read as u64));
        Ok(read)
    }
}

/// Standard error, with a bar as its last line when somebody looks on.
pub(super) struct Progress<'w> {
    err: BufWriter<&'w mut dyn Write>,
    watched: Watched,
    seen: &'w Cell<u64>,
    /// The bytes of the file, where it says so.
    of: Option<u64>,
    records: u64,
    /// When so many bytes were read, the bar is drawn anew.
    next: u64,
    drawn: Drawn,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Drawn {
    Yes,
    No,
}

impl<'w> Progress<'w> {
    pub(super) fn new(
        err: &'w mut dyn Write,
        watched: Watched,
        seen: &'w Cell<u64>,
        of: Option<u64>,
    ) -> Self {
        let err = BufWriter::with_capacity(BYTES, err);
        Self { err, watched, seen, of, records: 0, next: 0, drawn: Drawn::No }
    }

    /// Writes a line, above the bar.
    pub(super) fn line(&mut self, line: std::fmt::Arguments<'_>) -> io::Result<()> {
        self.clear()?;
        self.err.write_fmt(line)?;
        self.err.write_all(b"\n")
    }

    /// Says that a record was read.
    pub(super) fn step(&mut self) -> io::Result<()> {
        self.records += 1;
        if self.watched == Watched::No || self.seen.get() < self.next {
            return Ok(());
        }
        let stretch = self.of.map_or(STRETCH, |of| of / PARTS).max(1);
        self.next = self.seen.get().saturating_add(stretch);
        self.draw()
    }

    /// Takes the bar away, and writes out whatever waits.
    pub(super) fn end(mut self) -> io::Result<()> {
        self.clear()?;
        self.err.flush()
    }

    fn draw(&mut self) -> io::Result<()> {
        let (seen, records) = (self.seen.get(), self.records);
        self.err.write_all(b"\r\x1b[K")?;
        match self.of.filter(|of| *of > 0) {
            Some(of) => {
                let full = usize::try_from(seen.min(of).saturating_mul(WIDTH) / of).unwrap_or(0);
                let percent = seen.min(of).saturating_mul(100) / of;
                let bar = "#".repeat(full);
                let width = usize::try_from(WIDTH).unwrap_or(0);
                write!(self.err, "[{bar:.<width$}] {percent:3} %  {records} records")?;
            }
            None => write!(self.err, "{} MB  {records} records", seen / 1_000_000)?,
        }
        self.drawn = Drawn::Yes;
        self.err.flush()
    }

    fn clear(&mut self) -> io::Result<()> {
        if self.drawn == Drawn::Yes {
            self.err.write_all(b"\r\x1b[K")?;
            self.drawn = Drawn::No;
            // What cleared it is news: the bar comes back with the next record.
            self.next = 0;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::{Progress, Watched};

    /// What stands on a screen afterwards, and what was drawn on the way.
    fn drawn(watched: Watched, of: Option<u64>, steps: u64) -> (String, String) {
        let (mut err, seen) = (Vec::new(), Cell::new(0));
        let mut progress = Progress::new(&mut err, watched, &seen, of);
        for step in 1..=steps {
            seen.set(step * 10);
            if step == 3 {
                progress.line(format_args!("row=3\tlost")).unwrap();
            }
            progress.step().unwrap();
        }
        progress.end().unwrap();
        let all = String::from_utf8(err).unwrap();
        let mut screen = String::new();
        for part in all.split_inclusive('\n') {
            screen.push_str(part.rsplit("\r\x1b[K").next().unwrap_or_default());
        }
        (screen, all)
    }

    #[test]
    fn a_bar_moves_on_a_terminal_and_leaves_nothing_behind() {
        let (screen, all) = drawn(Watched::Yes, Some(40), 4);
        assert_eq!(screen, "row=3\tlost\n");
        assert!(all.contains("[#######.......................]  25 %  1 records"), "{all}");
        assert!(all.contains("[##############################] 100 %  4 records"), "{all}");
        let (screen, all) = drawn(Watched::Yes, None, 4);
        assert_eq!(screen, "row=3\tlost\n");
        assert!(all.contains("0 MB  1 records"), "{all}");
    }

    #[test]
    fn nobody_who_does_not_look_on_gets_a_bar() {
        assert_eq!(drawn(Watched::No, Some(40), 4).1, "row=3\tlost\n");
    }

    #[test]
    fn a_long_file_is_not_slowed_down_by_its_bar() {
        let (_, all) = drawn(Watched::Yes, Some(1_000_000), 100_000);
        assert!(all.matches('%').count() < 250, "{}", all.matches('%').count());
    }
}
