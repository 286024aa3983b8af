//! Dead letters in words: for people, and as JSON for programs. Nothing of their content.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::push::clerk::digest;
use crate::push::errands::What;
use crate::push::http::AS_CDA;
use crate::push::letters::{Letter, LetterId, Owed};
use crate::push::named;

/// One letter as a line.
pub(super) fn line(letter: &Letter) -> String {
    let to = letter.system.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string);
    let place = place(letter).map(|place| format!(" {place}")).unwrap_or_default();
    let owed = if letter.owed == Owed::Yes { " owed" } else { "" };
    format!(
        "{}\t{}\t{}\t{}\t{}\t{to}\t{}\t{} tried{owed}\t{}{place}",
        letter.id.number(),
        letter.state.name(),
        letter.stage.name(),
        clean(&letter.reason),
        moment(letter.last_ms),
        letter.attempts,
        clean(&letter.source),
        id(letter),
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
    add("message id", &id(letter));
    add("came by", &letter.listener);
    add("place", &place(letter).unwrap_or_default());
    add("not got by", letter.system.as_ref().map(crate::person::SystemName::as_str).unwrap_or_default());
    add("first", &moment(letter.first_ms));
    add("last", &moment(letter.last_ms));
    add("tried", &letter.attempts.to_string());
    if letter.owed == Owed::Yes {
        add("owed", "its sender was not told that it is refused");
    }
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
        "messageId": id(letter),
        "listener": letter.listener,
        "place": place(letter),
        "system": letter.system.as_ref().map(crate::person::SystemName::as_str),
        "first": moment(letter.first_ms),
        "last": moment(letter.last_ms),
        "attempts": letter.attempts,
        "textBytes": letter.bytes,
        "overtakenBy": letter.overtaken_by,
        "owed": letter.owed == Owed::Yes,
    })
}

/// Why something cannot be done with a letter.
pub(super) fn cannot(why: &str) -> &str {
    match why {
        "no-such-letter" => "there is no such letter",
        "text-not-kept" => "its text is not kept; a mended one can be given with --with",
        "not-open" => "it was replayed or closed already",
        "sender-not-known" => "the place that it came by is not in the settings any more",
        "text-changed" => "its text was mended while this was asked; ask again",
        "others-wait" => "it is still on its way to another receiver, as it came; mend it when that is over",
        "other-message" => "the mended text has another message id or another sender",
        "nothing-left-to-send" => "every receiver in the settings has got it already",
        other => other,
    }
}

/// Where it stood. A file may be called after whom it is about: its name is told with the text only.
fn place(letter: &Letter) -> Option<String> {
    let place = letter.place.as_deref()?;
    let told = letter.told.as_deref().unwrap_or_default();
    let name = place.strip_suffix(told).and_then(|name| name.strip_suffix(": "));
    let digest: String = digest(name.unwrap_or(place).as_bytes()).chars().take(12).collect();
    Some(name.map_or_else(|| format!("file {digest}"), |_| format!("file {digest}: {}", clean(told))))
}

/// The id of its message. A document may be called after whom it is about.
fn id(letter: &Letter) -> String {
    let names = letter.listener.ends_with(AS_CDA) && !named::numbers(letter.control_id.as_bytes()).is_empty();
    match names {
        false => clean(&letter.control_id),
        true => format!("sha256 {}", digest(letter.control_id.as_bytes())),
    }
}

fn moment(at_ms: i64) -> String {
    Timestamp::from_millisecond(at_ms).map_or_else(|_| at_ms.to_string(), |at| at.to_string())
}

/// What a sender wrote must not steer a terminal.
pub(super) fn clean(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { '?' } else { letter }).collect()
}

#[cfg(test)]
mod tests {
    use super::{describe, line, object};
    use crate::push::letters::{Owed, Stage, Which};
    use crate::push::outbox::Text;
    use crate::push::stamped::{Head, Stamped};
    use crate::push::store::Store;

    #[tokio::test]
    async fn a_list_names_nobody_after_whom_a_file_or_document_is_called() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(&folder.path().join("push.sqlite")).expect("a store");
        let told = "row 3 has 3 cells where 5 are wanted".to_owned();
        let head = Head {
            source: "RX1/people".to_owned(),
            control_id: "urn:oid:1.2 9990000018".to_owned(),
            hash: [0; 32],
            listener: "dns:adt to council as cda".to_owned(),
            place: Some(format!("9990000018 Fenwick.csv: {told}")),
            stood: None,
            receivers: "council".to_owned(),
        };
        let stamped = Stamped {
            system: None,
            stage: Stage::Translate,
            reason: "not-translated".to_owned(),
            told: Some(told),
            text: Text::Kept,
            owed: Owed::Yes,
        };
        for number in ["9990000018", "M1"] {
            let control_id = head.control_id.replace("9990000018", number);
            let head = Head { control_id, ..head.clone() };
            store.keep(head, stamped.clone(), b"x".to_vec(), 0).await.expect("kept");
        }
        let letters = store.letters(Which::Open).await.expect("letters");
        assert_eq!(letters.len(), 2);
        for letter in &letters {
            for text in [line(letter), describe(letter, &[]), object(letter).to_string()] {
                assert!(!text.contains("9990000018") && !text.contains("Fenwick"), "{text}");
                assert!(text.contains("file ") && text.contains("row 3 has 3 cells"), "{text}");
                assert!(text.contains("owed"), "{text}");
            }
        }
        assert!(line(&letters[1]).contains("urn:oid:1.2 M1"), "an id that names nobody is told");
    }
}
