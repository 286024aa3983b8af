//! HL7 v2: frames are found however the stream is cut, and a message is translated to one strict document, the same each
//! time, or refused.

use std::sync::LazyLock;

use adapters::mllp::{Decoder, Framing, frame};
use adapters::{Context, hl7v2};
use bytes::Bytes;
use fhir::json::{Limits, parse};
use fhir::ods_code::OdsCode;

const FRAME_BYTES_MAX: usize = 4096;

static CONTEXT: LazyLock<Option<Context>> =
    LazyLock::new(|| Context::new("adt", OdsCode::parse("RX1").ok(), "Europe/London").ok());

/// Whether frames and messages are read as they must be.
pub fn check(input: &[u8]) {
    framing(input);
    let Some(context) = &*CONTEXT else { panic!("London is a place") };
    let Ok(translated) = hl7v2::translate(input, context) else { return };
    let bytes = &translated.bundle;
    let document = parse(Bytes::copy_from_slice(bytes), &Limits::default());
    let Ok(document) = document else { panic!("a translation is no strict JSON") };
    assert_eq!(document.root().str_at(&["resourceType"]).as_deref(), Some("Bundle"));
    let again = hl7v2::translate(input, context);
    assert!(again.is_ok_and(|again| again.bundle == *bytes), "translated again it is another");
    let envelope = hl7v2::envelope(input, context);
    assert!(envelope.is_ok(), "what is translated cannot be answered");
}

/// The frames of a stream, and how it ends, when it comes in pieces of `size`.
fn frames(stream: &[u8], size: usize) -> (Vec<Vec<u8>>, Result<(), Framing>) {
    let (mut decoder, mut taken, mut end) = (Decoder::new(FRAME_BYTES_MAX), Vec::new(), Ok(()));
    for piece in stream.chunks(size.max(1)) {
        end = decoder.feed(piece, |frame| taken.push(frame));
        if end.is_err() {
            break;
        }
    }
    (taken, end)
}

fn framing(input: &[u8]) {
    let whole = frames(input, input.len());
    for size in [1, 2, 7] {
        assert_eq!(frames(input, size), whole, "cut elsewhere the stream holds other frames");
    }
    let is_plain = input.len() <= FRAME_BYTES_MAX && !input.iter().any(|byte| matches!(byte, 0x0b | 0x1c));
    if is_plain {
        assert_eq!(frames(&frame(input), 3), (vec![input.to_vec()], Ok(())), "a frame holds another message");
    }
}
