//! Every text that undoing encodings makes of some bytes, within bounds.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Read;

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};

use super::text;

/// Encodings one over the other.
const DEPTH_MAX: usize = 3;
/// One layer; what is longer is looked at as far as this.
const LAYER_BYTES_MAX: usize = 4 * 1024 * 1024;
/// All layers of one scan.
const TOTAL_BYTES_MAX: usize = 48 * 1024 * 1024;
/// The shortest run that is taken for base64 or hexadecimal.
const RUN_MIN: usize = 16;
/// The shortest run of bytes that is taken for wide text.
const WIDE_RUN: usize = 8;
/// Compressed streams looked for inside one layer.
const STREAMS_MAX: usize = 8;

const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_allow_trailing_bits(true)
    .with_decode_padding_mode(DecodePaddingMode::Indifferent);
const BASE64: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);

/// How far a scan went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// All of it.
    Whole,
    /// It was too large, or unpacked to too much: the rest was not looked at.
    Cut,
}

/// Shows `look` every layer of `bytes`.
pub(super) fn each(bytes: &[u8], mut look: impl FnMut(&[u8])) -> Extent {
    let mut extent = Extent::Whole;
    let mut seen: HashMap<u64, usize> = HashMap::new();
    let mut total = 0_usize;
    let mut waiting = vec![(bytes.to_vec(), DEPTH_MAX)];
    while let Some((mut layer, depth)) = waiting.pop() {
        if layer.len() > LAYER_BYTES_MAX {
            layer.truncate(LAYER_BYTES_MAX);
            extent = Extent::Cut;
        }
        let known = seen.entry(print(&layer)).or_default();
        if layer.is_empty() || *known > depth {
            continue;
        }
        *known = depth + 1;
        total = total.saturating_add(layer.len());
        if total > TOTAL_BYTES_MAX {
            return Extent::Cut;
        }
        look(&layer);
        if let Some(spaced) = text::spaced(&layer) {
            look(&spaced);
        }
        // What is taken out of text is no encoding of its own: it costs no depth, and ends, for the text gets shorter.
        let bare = text::stripped(&layer);
        if bare.len() < layer.len() {
            waiting.push((bare, depth));
        }
        if depth > 0 {
            waiting.extend(undone(&layer).into_iter().map(|below| (below, depth - 1)));
        }
    }
    extent
}

fn print(layer: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    layer.hash(&mut hasher);
    hasher.finish()
}

/// Each encoding undone once.
fn undone(layer: &[u8]) -> Vec<Vec<u8>> {
    let mut out = inflated(layer);
    out.extend(wide(layer));
    out.extend(text::unescaped(layer));
    out.extend(text::printable_unquoted(layer));
    out.extend(runs(layer));
    out.retain(|below| below.as_slice() != layer);
    out
}

/// Compressed content: the layer as a whole, and streams inside it.
fn inflated(layer: &[u8]) -> Vec<Vec<u8>> {
    let mut out = Vec::new();
    let magic = |window: &[u8]| matches!(window, [0x1f, 0x8b, 8]);
    let starts = layer.windows(3).enumerate().filter(|(_, window)| magic(window)).map(|(at, _)| at);
    for at in starts.take(STREAMS_MAX) {
        out.push(as_far_as_it_goes(MultiGzDecoder::new(layer.get(at..).unwrap_or_default())));
    }
    let header = |window: &[u8]| matches!(window, [0x78, 0x01 | 0x5e | 0x9c | 0xda]);
    let starts = layer.windows(2).enumerate().filter(|(_, window)| header(window)).map(|(at, _)| at);
    for at in starts.take(STREAMS_MAX) {
        out.push(as_far_as_it_goes(ZlibDecoder::new(layer.get(at..).unwrap_or_default())));
    }
    let mut bare = Vec::new();
    let limit = LAYER_BYTES_MAX as u64 + 1;
    if DeflateDecoder::new(layer).take(limit).read_to_end(&mut bare).is_ok() && bare.len() >= 4 {
        out.push(bare);
    }
    out
}

/// What a reader gives before it ends or fails: a stream cut short may still show something.
fn as_far_as_it_goes(mut reader: impl Read) -> Vec<u8> {
    let mut out = Vec::new();
    let mut block = [0_u8; 8192];
    while out.len() <= LAYER_BYTES_MAX {
        match reader.read(&mut block) {
            Ok(0) | Err(_) => break,
            Ok(length) => out.extend_from_slice(block.get(..length).unwrap_or_default()),
        }
    }
    out
}

/// UTF-16 and UTF-32 in both orders, wherever they begin.
fn wide(layer: &[u8]) -> Vec<Vec<u8>> {
    // Plain letters in wide text have every second byte zero.
    let every_second =
        |window: &[u8], first: usize| window.iter().skip(first).step_by(2).all(|byte| *byte == 0);
    let seems_wide = |window: &[u8]| {
        (every_second(window, 0) || every_second(window, 1)) && window.iter().any(|byte| *byte != 0)
    };
    if !layer.windows(WIDE_RUN).any(seems_wide) {
        return Vec::new();
    }
    let mut out = vec![layer.iter().copied().filter(|byte| *byte != 0).collect()];
    for offset in [0, 1] {
        let rest = layer.get(offset..).unwrap_or_default();
        let pairs = |join: fn([u8; 2]) -> u16| -> Vec<u8> {
            let units = rest.chunks_exact(2).filter_map(|pair| pair.try_into().ok()).map(join);
            let read = char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER));
            read.collect::<String>().into_bytes()
        };
        out.extend([pairs(u16::from_le_bytes), pairs(u16::from_be_bytes)]);
    }
    for offset in 0..4 {
        let rest = layer.get(offset..).unwrap_or_default();
        let fours = |join: fn([u8; 4]) -> u32| -> Vec<u8> {
            let units = rest.chunks_exact(4).filter_map(|four| four.try_into().ok()).map(join);
            units.filter_map(char::from_u32).collect::<String>().into_bytes()
        };
        out.extend([fours(u32::from_le_bytes), fours(u32::from_be_bytes)]);
    }
    out
}

/// Runs of base64 and hexadecimal: the texts of all runs side by side, one layer for each offset; what may be compressed by
/// itself.
fn runs(layer: &[u8]) -> Vec<Vec<u8>> {
    let mut out = Vec::new();
    let in_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/-_".contains(byte);
    for offset in 0..4 {
        let mut beside = Vec::new();
        for run in layer.split(|byte| !in_base64(byte)).filter(|run| run.len() >= RUN_MIN) {
            let read = from_base64(run.get(offset..).unwrap_or_default());
            if may_be_packed(&read) {
                out.push(read.clone());
            }
            beside.extend(read);
            beside.push(b'\n');
        }
        out.push(beside);
    }
    let mut beside = Vec::new();
    for run in layer.split(|byte| !byte.is_ascii_hexdigit()).filter(|run| run.len() >= RUN_MIN) {
        for offset in [0, 1] {
            let digits = run.get(offset..).unwrap_or_default().chunks_exact(2);
            let read: Vec<u8> = digits.filter_map(text::hexadecimal).collect();
            if may_be_packed(&read) {
                out.push(read.clone());
            }
            beside.extend(read);
            beside.push(b'\n');
        }
    }
    out.push(beside);
    out
}

fn from_base64(run: &[u8]) -> Vec<u8> {
    let standard = |byte: &u8| match byte {
        b'-' => b'+',
        b'_' => b'/',
        other => *other,
    };
    let mut letters: Vec<u8> = run.iter().map(standard).collect();
    if letters.len() % 4 == 1 {
        letters.pop();
    }
    BASE64.decode(letters).unwrap_or_default()
}

/// Compressed content and wide text need to be looked at from their first byte.
fn may_be_packed(bytes: &[u8]) -> bool {
    match bytes {
        [0x1f, 0x8b, ..] | [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => true,
        [first, second, ..] if u16::from_be_bytes([*first, *second]).is_multiple_of(31) => first & 0x0f == 8,
        _ => {
            let mut probe = [0_u8; 64];
            let read = DeflateDecoder::new(bytes).read(&mut probe).unwrap_or(0);
            read >= 8 && probe.get(..read).is_some_and(<[u8]>::is_ascii)
        }
    }
}
