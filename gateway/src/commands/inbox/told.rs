//! Dead letters in words: for people, and as JSON for programs. Nothing of their content.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::push::errands::What;
use crate::push::letters::{Letter, LetterId};

/// One letter as a line.
pub(super) fn line(letter: &Letter) -> String {
    let to = letter.system.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string);
    let place = letter.place.as_deref().map(|place| format!(" {}", clean(place))).unwrap_or_default();
    format!(
        "{}\t{}\t{}\t{}\t{}\t{to}\t{}\t{} tried\t{}{place}",
        letter.id.number(),
        letter.state.name(),
        letter.stage.name(),
        clean(&letter.reason),
        moment(letter.last_ms),
        letter.attempts,
        clean(&letter.source),
        clean(&letter.control_id),
    )
}

/// One letter, a fact a line.
pub(super) fn describe(letter: &Letter, waiting: &[(LetterId, What)]) -> String {
    let mut told = String::new();
    let mut add = |term: &str, text: &str| {
        if !text.is_empty() {
            told.push_str(&format!("{term:<12}{}\n", clean(text)));
        }
    };
    add("letter", &letter.id.number().to_string());
    add("state", letter.state.name());
    add("failed at", letter.stage.name());
    add("reason", &letter.reason);
    add("in words", letter.told.as_deref().unwrap_or_default());
    add("from", &letter.source);
    add("message id", &letter.control_id);
    add("came by", &letter.listener);
    add("place", letter.place.as_deref().unwrap_or_default());
    add("not got by", letter.system.as_ref().map(crate::person::SystemName::as_str).unwrap_or_default());
    add("first", &moment(letter.first_ms));
    add("last", &moment(letter.last_ms));
    add("tried", &letter.attempts.to_string());
    match letter.bytes {
        Some(bytes) => {
            add("text", &format!("{bytes} bytes are kept; --content shows them, which is recorded"))
        }
        None => add("text", "is not kept"),
    }
    if letter.overtaken_by > 0 {
        let count = letter.overtaken_by;
        add("mind", &format!("{count} later messages about the same person have arrived there since"));
    }
    if waiting.contains(&(letter.id, What::Replay)) {
        add("waits", "it is replayed when the gateway takes it up");
    }
    told
}

/// One letter as JSON.
pub(super) fn object(letter: &Letter) -> Value {
    json!({
        "letter": letter.id.number(),
        "state": letter.state.name(),
        "stage": letter.stage.name(),
        "reason": letter.reason,
        "told": letter.told,
        "source": letter.source,
        "messageId": letter.control_id,
        "listener": letter.listener,
        "place": letter.place,
        "system": letter.system.as_ref().map(crate::person::SystemName::as_str),
        "first": moment(letter.first_ms),
        "last": moment(letter.last_ms),
        "attempts": letter.attempts,
        "textBytes": letter.bytes,
        "overtakenBy": letter.overtaken_by,
    })
}

/// Why something cannot be done with a letter.
pub(super) fn cannot(why: &str) -> &str {
    match why {
        "no-such-letter" => "there is no such letter",
        "text-not-kept" => "its text is not kept; a mended one can be given with --with",
        "not-open" => "it was replayed or closed already",
        "sender-not-known" => "the place that it came by is not in the settings any more",
        "other-message" => "the mended text has another message id or another sender",
        "nothing-left-to-send" => "every receiver in the settings has got it already",
        other => other,
    }
}

fn moment(at_ms: i64) -> String {
    Timestamp::from_millisecond(at_ms).map_or_else(|_| at_ms.to_string(), |at| at.to_string())
}

/// What a sender wrote must not steer a terminal.
fn clean(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { '?' } else { letter }).collect()
}
