//! Encodings of text in text: percent, JSON, XML and HTML, quoted-printable, and lines that were folded.

/// The longest tag or comment that is taken out.
const TAG_BYTES_MAX: usize = 400;
/// The longest entity.
const ENTITY_BYTES_MAX: usize = 12;

/// A plus for a space, as forms have it.
pub(super) fn spaced(layer: &[u8]) -> Option<Vec<u8>> {
    let space = |byte: &u8| if *byte == b'+' { b' ' } else { *byte };
    layer.contains(&b'+').then(|| layer.iter().map(space).collect())
}

/// Two hexadecimal digits.
pub(super) fn hexadecimal(pair: &[u8]) -> Option<u8> {
    let [high, low] = pair else { return None };
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(*high)? * 16 + digit(*low)?).ok()
}

/// Percent encoding, JSON escapes and entities.
pub(super) fn unescaped(layer: &[u8]) -> Option<Vec<u8>> {
    if !layer.iter().any(|byte| b"%&\\".contains(byte)) {
        return None;
    }
    let mut out = Vec::with_capacity(layer.len());
    let mut rest = layer;
    while let Some((first, tail)) = rest.split_first() {
        let read = match first {
            b'%' => percent(tail, &mut out),
            b'\\' => escape(tail, &mut out),
            b'&' => entity(tail, &mut out),
            _ => None,
        };
        rest = read.unwrap_or_else(|| {
            out.push(*first);
            tail
        });
    }
    Some(out)
}

fn percent<'a>(tail: &'a [u8], out: &mut Vec<u8>) -> Option<&'a [u8]> {
    let (pair, after) = tail.split_at_checked(2)?;
    out.push(hexadecimal(pair)?);
    Some(after)
}

fn escape<'a>(tail: &'a [u8], out: &mut Vec<u8>) -> Option<&'a [u8]> {
    let (letter, after) = tail.split_first()?;
    let plain = match letter {
        b'u' => return unicode(after, out),
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'/' | b'"' | b'\\' => *letter,
        _ => return None,
    };
    out.push(plain);
    Some(after)
}

fn unicode<'a>(tail: &'a [u8], out: &mut Vec<u8>) -> Option<&'a [u8]> {
    let (first, after) = unit(tail)?;
    let (read, after) = match after.strip_prefix(b"\\u").and_then(unit) {
        Some((second, beyond)) if (0xd800..0xdc00).contains(&first) => {
            let both = char::decode_utf16([first, second]).next()?.ok();
            both.map_or((char::REPLACEMENT_CHARACTER, after), |read| (read, beyond))
        }
        _ => (char::from_u32(u32::from(first)).unwrap_or(char::REPLACEMENT_CHARACTER), after),
    };
    push(read, out);
    Some(after)
}

fn unit(tail: &[u8]) -> Option<(u16, &[u8])> {
    let (digits, after) = tail.split_at_checked(4)?;
    let (high, low) = digits.split_at_checked(2)?;
    Some((u16::from_be_bytes([hexadecimal(high)?, hexadecimal(low)?]), after))
}

fn entity<'a>(tail: &'a [u8], out: &mut Vec<u8>) -> Option<&'a [u8]> {
    let end = tail.iter().take(ENTITY_BYTES_MAX).position(|byte| *byte == b';')?;
    let name = std::str::from_utf8(tail.get(..end)?).ok()?;
    let read = match name.strip_prefix('#') {
        Some(number) => {
            let hex = number.strip_prefix(['x', 'X']);
            let code = hex.map_or_else(|| number.parse(), |digits| u32::from_str_radix(digits, 16)).ok()?;
            char::from_u32(code)?
        }
        None => named(name)?,
    };
    push(read, out);
    tail.get(end + 1..)
}

/// The entities that stand for characters a canary or markup may have.
fn named(name: &str) -> Option<char> {
    Some(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" | "NonBreakingSpace" => ' ',
        "shy" => '\u{ad}',
        "hyphen" | "dash" => '-',
        "period" => '.',
        "colon" => ':',
        "comma" => ',',
        "sol" => '/',
        "bsol" => '\\',
        "plus" => '+',
        "equals" => '=',
        "commat" => '@',
        "lowbar" => '_',
        "num" => '#',
        "percnt" => '%',
        "NewLine" => '\n',
        "Tab" => '\t',
        _ => return None,
    })
}

fn push(read: char, out: &mut Vec<u8>) {
    out.extend_from_slice(read.encode_utf8(&mut [0; 4]).as_bytes());
}

/// Without tags, and without the folding of lines, be it in bytes, in JSON or in quoted-printable.
pub(super) fn stripped(layer: &[u8]) -> Vec<u8> {
    const FOLDS: [&[u8]; 6] = [b"=\r\n", b"=\n", b"\r", b"\n", b"\\r", b"\\n"];
    let mut out = Vec::with_capacity(layer.len());
    let mut rest = layer;
    while let Some((first, tail)) = rest.split_first() {
        let after = match first {
            b'<' => tag(tail),
            b'=' | b'\r' | b'\n' | b'\\' => FOLDS.iter().find_map(|fold| rest.strip_prefix(*fold)),
            _ => None,
        };
        rest = after.unwrap_or_else(|| {
            out.push(*first);
            tail
        });
    }
    out
}

/// What follows a tag.
fn tag(tail: &[u8]) -> Option<&[u8]> {
    let end = tail.iter().take(TAG_BYTES_MAX).position(|byte| *byte == b'>')?;
    tail.get(end + 1..)
}

/// Quoted-printable.
pub(super) fn printable_unquoted(layer: &[u8]) -> Option<Vec<u8>> {
    let quotes = |window: &[u8]| matches!(window, [b'=', pair @ ..] if hexadecimal(pair).is_some());
    if !layer.windows(3).any(quotes) {
        return None;
    }
    let mut out = Vec::with_capacity(layer.len());
    let mut rest = layer;
    while let Some((first, tail)) = rest.split_first() {
        let soft = tail.strip_prefix(b"\r\n").or_else(|| tail.strip_prefix(b"\n"));
        rest = match (first, soft) {
            (b'=', Some(after)) => after,
            (b'=', None) => percent(tail, &mut out).unwrap_or_else(|| {
                out.push(b'=');
                tail
            }),
            _ => {
                out.push(*first);
                tail
            }
        };
    }
    Some(out)
}
