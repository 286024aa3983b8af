//! MLLP framing: `0x0B` message `0x1C 0x0D`.
//!
//! Bytes in as they come, frames out; no sockets. However a stream is cut into pieces, the same frames
//! come out. Memory is bounded by the largest frame that is taken.

/// Start of a frame.
const START: u8 = 0x0b;
/// First byte of the end of a frame.
const END: u8 = 0x1c;
/// Second byte of the end of a frame.
const RETURN: u8 = 0x0d;

/// Takes frames out of a stream of bytes.
#[derive(Debug)]
pub struct Decoder {
    held: Vec<u8>,
    state: State,
    bytes_max: usize,
    stray: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Between frames.
    Outside,
    /// In a frame.
    Inside,
    /// In a frame, after `0x1C`.
    Ending,
    /// A frame broke a rule; nothing more is taken.
    Broken(Framing),
}

/// Why a stream cannot be read on. After it the connection must be closed: where the next message
/// begins is no longer certain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Framing {
    /// A frame is larger than is taken.
    #[error("the frame has more than {max} bytes")]
    TooLarge {
        /// The bound.
        max: usize,
    },
    /// A start byte inside a frame: the end of a message was lost, and two would be taken as one.
    #[error("a frame begins inside a frame")]
    StartInside,
    /// `0x1C` that is not followed by `0x0D`.
    #[error("the end of a frame is broken")]
    BrokenEnd,
    /// Bytes between frames that are neither a start byte nor white space.
    #[error("bytes between frames")]
    Stray,
}

impl Decoder {
    /// A decoder that takes frames of at most `bytes_max` bytes.
    #[must_use]
    pub fn new(bytes_max: usize) -> Self {
        Self { held: Vec::new(), state: State::Outside, bytes_max, stray: 0 }
    }

    /// Feeds `input` and calls `taken` with each frame that ends in it, in order.
    ///
    /// # Errors
    /// [`Framing`] at the first broken rule, now and at every later call. Frames before it were taken.
    pub fn feed(&mut self, input: &[u8], mut taken: impl FnMut(Vec<u8>)) -> Result<(), Framing> {
        let mut rest = input;
        loop {
            match self.state {
                State::Broken(why) => return Err(why),
                State::Outside => {
                    let Some((byte, after)) = rest.split_first() else { return Ok(()) };
                    rest = after;
                    match byte {
                        &START => self.state = State::Inside,
                        // Blank lines, and the return of an end that was sent on its own.
                        b'\r' | b'\n' | b' ' | b'\t' if self.stray < self.bytes_max => self.stray += 1,
                        _ => return Err(self.broken(Framing::Stray)),
                    }
                }
                State::Inside => {
                    if rest.is_empty() {
                        return Ok(());
                    }
                    let end = rest.iter().position(|byte| matches!(*byte, START | END)).unwrap_or(rest.len());
                    let (text, after) = rest.split_at(end);
                    if text.len() > self.bytes_max - self.held.len() {
                        return Err(self.broken(Framing::TooLarge { max: self.bytes_max }));
                    }
                    self.held.extend_from_slice(text);
                    match after.split_first() {
                        None => return Ok(()),
                        Some((&START, _)) => return Err(self.broken(Framing::StartInside)),
                        Some((_, after)) => {
                            self.state = State::Ending;
                            rest = after;
                        }
                    }
                }
                State::Ending => {
                    let Some((byte, after)) = rest.split_first() else { return Ok(()) };
                    if *byte != RETURN {
                        return Err(self.broken(Framing::BrokenEnd));
                    }
                    rest = after;
                    self.state = State::Outside;
                    self.stray = 0;
                    taken(std::mem::take(&mut self.held));
                }
            }
        }
    }

    /// Whether a frame has begun and not ended.
    #[must_use]
    pub fn is_inside(&self) -> bool {
        matches!(self.state, State::Inside | State::Ending)
    }

    fn broken(&mut self, why: Framing) -> Framing {
        self.state = State::Broken(why);
        self.held = Vec::new();
        why
    }
}

/// `message` in a frame.
#[must_use]
pub fn frame(message: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(message.len() + 3);
    out.push(START);
    out.extend_from_slice(message);
    out.extend([END, RETURN]);
    out
}
