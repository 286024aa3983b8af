//! Byte scanning, eight bytes at a time, in safe code.

/// Every byte of a word set to `byte`.
const fn spread(byte: u8) -> u64 {
    byte as u64 * 0x0101_0101_0101_0101
}

/// High bits where `word` has a zero byte; the lowest one set is exact.
const fn zeros(word: u64) -> u64 {
    word.wrapping_sub(spread(1)) & !word & spread(0x80)
}

/// High bits at bytes that end a plain run inside a string: a quote, a backslash, a control character.
/// The lowest one set is exact.
const fn specials(word: u64) -> u64 {
    let control = word.wrapping_sub(spread(0x20)) & !word & spread(0x80);
    zeros(word ^ spread(b'"')) | zeros(word ^ spread(b'\\')) | control
}

/// The first index from `at` on that holds a quote, a backslash or a control character, else the length.
#[inline]
pub(super) fn special(bytes: &[u8], at: usize) -> usize {
    let mut rest = bytes.get(at..).unwrap_or_default();
    let mut from = at;
    while let Some((chunk, tail)) = rest.split_first_chunk::<8>() {
        let found = specials(u64::from_le_bytes(*chunk));
        if found != 0 {
            return from + (found.trailing_zeros() >> 3) as usize;
        }
        from += 8;
        rest = tail;
    }
    let plain = rest.iter().take_while(|&&byte| byte >= 0x20 && byte != b'"' && byte != b'\\').count();
    from + plain
}

/// As [`special`], for a name: also a word that tells most names apart.
#[inline]
pub(super) fn name(bytes: &[u8], at: usize) -> (usize, u64) {
    let rest = bytes.get(at..).unwrap_or_default();
    let chunk = rest.first_chunk::<16>().copied().unwrap_or_else(|| padded(rest));
    let word = u128::from_le_bytes(chunk);
    let (first, second) = (word as u64, (word >> 64) as u64);
    let found = specials(first);
    if found != 0 {
        return (at + (found.trailing_zeros() >> 3) as usize, before(first, found));
    }
    let found = specials(second);
    if found != 0 {
        let word = first.rotate_left(29) ^ before(second, found);
        return (at + 8 + (found.trailing_zeros() >> 3) as usize, word);
    }
    (special(bytes, at + 16), first.rotate_left(29) ^ second)
}

/// The last bytes of a text, and zeros, which are control characters.
#[cold]
fn padded(rest: &[u8]) -> [u8; 16] {
    let mut chunk = [0; 16];
    chunk.iter_mut().zip(rest).for_each(|(place, byte)| *place = *byte);
    chunk
}

/// The bytes of `word` below the lowest high bit of `found`.
const fn before(word: u64, found: u64) -> u64 {
    word & ((found & found.wrapping_neg()) >> 7).wrapping_sub(1)
}

/// Whether two texts of one length are the same; by words, since most are short.
#[inline]
pub(super) fn are_same(one: &[u8], other: &[u8]) -> bool {
    match (one.first_chunk::<8>(), other.first_chunk::<8>()) {
        (Some(first), Some(second)) => {
            first == second
                && match one.len() {
                    ..=16 => one.last_chunk::<8>() == other.last_chunk::<8>(),
                    _ => one == other,
                }
        }
        _ => one.iter().eq(other),
    }
}

/// The first index from `at` on that holds no white space, else the length.
#[inline]
pub(super) fn space(bytes: &[u8], at: usize) -> usize {
    match bytes.get(at) {
        Some(byte) if *byte <= b' ' => spaces(bytes, at),
        _ => at,
    }
}

/// As [`space`], for texts that are indented.
#[inline(never)]
fn spaces(bytes: &[u8], at: usize) -> usize {
    let mut rest = bytes.get(at..).unwrap_or_default();
    let mut from = at;
    loop {
        while let Some((chunk, tail)) = rest.split_first_chunk::<8>() {
            let other = u64::from_le_bytes(*chunk) ^ spread(b' ');
            let run = (other.trailing_zeros() >> 3) as usize;
            if run < 8 {
                rest = rest.get(run..).unwrap_or_default();
                from += run;
                break;
            }
            from += 8;
            rest = tail;
        }
        match rest.split_first() {
            Some((b' ' | b'\n' | b'\r' | b'\t', tail)) => {
                rest = tail;
                from += 1;
            }
            _ => return from,
        }
    }
}

/// The end of the number that starts at `at`, or nothing when it breaks the grammar.
#[inline]
pub(super) fn number(bytes: &[u8], at: usize) -> Option<usize> {
    let mut end = at;
    if bytes.get(end) == Some(&b'-') {
        end += 1;
    }
    end = match bytes.get(end)? {
        b'0' => end + 1,
        b'1'..=b'9' => digits(bytes, end)?,
        _ => return None,
    };
    if bytes.get(end) == Some(&b'.') {
        end = digits(bytes, end + 1)?;
    }
    if let Some(b'e' | b'E') = bytes.get(end) {
        end += 1;
        if let Some(b'+' | b'-') = bytes.get(end) {
            end += 1;
        }
        end = digits(bytes, end)?;
    }
    Some(end)
}

/// The end of the digits that start at `at`; there must be one.
#[inline]
fn digits(bytes: &[u8], at: usize) -> Option<usize> {
    let mut end = at;
    while let Some(b'0'..=b'9') = bytes.get(end) {
        end += 1;
    }
    (end > at).then_some(end)
}

/// An escape inside a string, read and checked.
pub(super) enum Escape {
    /// It stands for this character and ends before this index.
    Char(char, usize),
    /// It starts no escape.
    Bad,
    /// It is half of a pair.
    Lone,
}

/// Reads the escape whose backslash is at `at`.
pub(super) fn escape(bytes: &[u8], at: usize) -> Escape {
    let plain = |character| Escape::Char(character, at + 2);
    match bytes.get(at + 1) {
        Some(b'"') => plain('"'),
        Some(b'\\') => plain('\\'),
        Some(b'/') => plain('/'),
        Some(b'b') => plain('\u{8}'),
        Some(b'f') => plain('\u{c}'),
        Some(b'n') => plain('\n'),
        Some(b'r') => plain('\r'),
        Some(b't') => plain('\t'),
        Some(b'u') => unicode(bytes, at),
        _ => Escape::Bad,
    }
}

/// Reads the `\u` escape, or the pair of them, at `at`.
fn unicode(bytes: &[u8], at: usize) -> Escape {
    let Some(first) = hex(bytes, at + 2) else { return Escape::Bad };
    match first {
        0xD800..=0xDBFF => {
            let follows = bytes.get(at + 6) == Some(&b'\\') && bytes.get(at + 7) == Some(&b'u');
            let second = if follows { hex(bytes, at + 8) } else { None };
            match second {
                Some(second @ 0xDC00..=0xDFFF) => {
                    let code = 0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00);
                    char::from_u32(code).map_or(Escape::Lone, |character| Escape::Char(character, at + 12))
                }
                _ => Escape::Lone,
            }
        }
        _ => char::from_u32(first).map_or(Escape::Lone, |character| Escape::Char(character, at + 6)),
    }
}

/// Four hexadecimal digits at `at`.
fn hex(bytes: &[u8], at: usize) -> Option<u32> {
    let mut code = 0;
    for byte in bytes.get(at..at + 4)? {
        code = code * 16 + char::from(*byte).to_digit(16)?;
    }
    Some(code)
}

/// The text between the quotes with its escapes resolved. `raw` has passed the parser.
pub(super) fn decode(raw: &[u8]) -> String {
    let mut text = Vec::with_capacity(raw.len());
    let mut from = 0;
    while let Some(rest) = raw.get(from..) {
        let Some(run) = memchr::memchr(b'\\', rest) else {
            text.extend_from_slice(rest);
            break;
        };
        text.extend_from_slice(rest.get(..run).unwrap_or_default());
        match escape(raw, from + run) {
            Escape::Char(character, end) => {
                text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                from = end;
            }
            Escape::Bad | Escape::Lone => break,
        }
    }
    String::from_utf8(text).unwrap_or_default()
}
