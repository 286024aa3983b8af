//! The buffer that is written, fed with what comes out and with runs of the source that come out as they stand.
//!
//! What is kept often stands side by side in the source, brackets and commas included. Such neighbours are joined and
//! copied at once; the bytes that come out are the same as if each were written by itself.

/// Where an [`Output`] was, to go back to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    written: usize,
    from: usize,
    to: usize,
}

pub(super) struct Output<'d> {
    out: Vec<u8>,
    /// The bytes that the document was read from.
    source: &'d [u8],
    /// The run of the source that has come out but is not copied yet.
    from: usize,
    to: usize,
}

impl<'d> Output<'d> {
    /// An output that goes on after what is in `out`.
    pub(super) const fn new(out: Vec<u8>, source: &'d [u8]) -> Self {
        Self { out, source, from: 0, to: 0 }
    }

    #[inline]
    pub(super) fn mark(&self) -> Mark {
        Mark { written: self.out.len(), from: self.from, to: self.to }
    }

    /// Takes back what came after `mark`.
    #[inline]
    pub(super) fn back(&mut self, mark: Mark) {
        self.out.truncate(mark.written);
        // The run may have been copied since; then the copy has just been cut off again.
        (self.from, self.to) = (mark.from, mark.to);
    }

    /// Whether anything came after `mark`.
    #[inline]
    pub(super) fn is_at(&self, mark: Mark) -> bool {
        (self.out.len(), self.from, self.to) == (mark.written, mark.from, mark.to)
    }

    /// Adds the bytes of the source from `start` to `end`.
    #[inline]
    pub(super) fn run(&mut self, start: usize, end: usize) {
        if start != self.to {
            self.flush();
            self.from = start;
        }
        self.to = end;
    }

    /// Adds a member: in the source its name starts at `start` and its value ends at `end`.
    #[inline]
    pub(super) fn member(&mut self, start: usize, end: usize) {
        let is_first = self.to == start;
        if self.from != self.to
            && (is_first || self.to + 1 == start && self.source.get(self.to) == Some(&b','))
        {
            self.to = end;
        } else {
            self.separate(start);
            self.run(start, end);
        }
    }

    /// Adds `byte`, which in the source stands at `at`.
    #[inline]
    pub(super) fn bracket(&mut self, byte: u8, at: usize) {
        if at == self.to {
            self.to += 1;
        } else {
            self.flush();
            self.out.push(byte);
        }
    }

    /// Adds bytes that are not of the source.
    pub(super) fn text(&mut self, text: &[u8]) {
        self.flush();
        self.out.extend_from_slice(text);
    }

    /// Adds a comma unless an object or array has just been opened. What follows stands at `next` in the source.
    #[inline]
    pub(super) fn separate(&mut self, next: usize) {
        if matches!(self.last(), Some(b'{' | b'[')) {
            return;
        }
        if self.to + 1 == next && self.from != self.to {
            // Between two neighbours with one byte between them that byte is the comma.
            self.to = next;
        } else {
            self.flush();
            self.out.push(b',');
        }
    }

    /// Adds a comma unless an object or array has just been opened.
    pub(super) fn separate_text(&mut self) {
        if !matches!(self.last(), Some(b'{' | b'[')) {
            self.flush();
            self.out.push(b',');
        }
    }

    /// The buffer itself, with everything in it.
    pub(super) fn buffer(&mut self) -> &mut Vec<u8> {
        self.flush();
        &mut self.out
    }

    /// The buffer by value, with everything in it.
    pub(super) fn into_buffer(mut self) -> Vec<u8> {
        self.flush();
        self.out
    }

    #[inline]
    fn last(&self) -> Option<u8> {
        let last = if self.from == self.to { self.out.last() } else { self.source.get(self.to - 1) };
        last.copied()
    }

    #[inline]
    fn flush(&mut self) {
        if self.from != self.to {
            self.out.extend_from_slice(self.source.get(self.from..self.to).unwrap_or_default());
            self.from = self.to;
        }
    }
}
