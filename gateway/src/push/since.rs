//! What a store that an earlier build made lacks, made good when it is opened.

use rusqlite::{Connection, Transaction, TransactionBehavior};

/// Of a letter: whether its sender has yet to hear of it. What an earlier build did not note is taken for owed: a letter
/// too many to see to is better than one too few. Of letters and messages: whom they were meant for.
const OWED: &str = "
ALTER TABLE letter ADD COLUMN owed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE letter ADD COLUMN receivers TEXT;
ALTER TABLE inbox ADD COLUMN receivers TEXT;
UPDATE letter SET owed = 1 WHERE stage IN ('deliver', 'fault') OR listener LIKE 'inbound:%'
    OR inbox IN (SELECT id FROM inbox WHERE taken_over = 1);
";

/// Where in a file that is not read to its end yet something stood, and what it is in the inbox; nothing for what could
/// not be translated. And how what is asked again and again is found.
const ALWAYS: &str = "
CREATE TABLE IF NOT EXISTS file_row (
    file TEXT NOT NULL,
    nth INTEGER NOT NULL,
    inbox INTEGER,
    at_ms INTEGER NOT NULL,
    PRIMARY KEY (file, nth)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS file_row_of ON file_row (file, inbox, nth);
DROP INDEX IF EXISTS outbox_next;
CREATE INDEX IF NOT EXISTS outbox_turn ON outbox (system, due_ms, id, person) WHERE state = 'due';
CREATE INDEX IF NOT EXISTS letter_owed ON letter (id) WHERE owed = 1 AND state = 'open';
CREATE INDEX IF NOT EXISTS letter_texts ON letter (id) WHERE owed = 1 AND text_gone = 0;
CREATE INDEX IF NOT EXISTS letter_told ON letter (id) WHERE owed = 0;
CREATE INDEX IF NOT EXISTS letter_last ON letter (last_ms);
";

/// Makes it good.
pub(in crate::push) fn carry_over(connection: &Connection) -> rusqlite::Result<()> {
    // Another process may be about to do the same.
    let change = Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
    let noted = "SELECT COUNT(*) FROM pragma_table_info('letter') WHERE name = 'owed'";
    if change.query_row(noted, [], |row| row.get::<_, i64>(0))? == 0 {
        change.execute_batch(OWED)?;
    }
    change.execute_batch(ALWAYS)?;
    change.commit()
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use crate::push::inbox::{Answer, Verdict};
    use crate::push::letters::{Owed, Which};
    use crate::push::store::Store;

    /// The tables of an earlier build, as far as they differ.
    const BEFORE: &str = "
        CREATE TABLE inbox (
            id INTEGER PRIMARY KEY AUTOINCREMENT, source TEXT NOT NULL, control_id TEXT NOT NULL, hash BLOB NOT NULL,
            listener TEXT NOT NULL, received_ms INTEGER NOT NULL, taken_over INTEGER NOT NULL, raw BLOB, answer TEXT,
            problem TEXT, row_key TEXT, UNIQUE (source, control_id)
        ) STRICT;
        CREATE TABLE letter (
            id INTEGER PRIMARY KEY AUTOINCREMENT, inbox INTEGER, system TEXT, stage TEXT NOT NULL, reason TEXT NOT NULL,
            told TEXT, place TEXT, source TEXT NOT NULL, control_id TEXT NOT NULL, hash BLOB NOT NULL,
            listener TEXT NOT NULL, raw BLOB, text_gone INTEGER NOT NULL DEFAULT 0, first_ms INTEGER NOT NULL,
            last_ms INTEGER NOT NULL, attempts INTEGER NOT NULL DEFAULT 1, state TEXT NOT NULL DEFAULT 'open'
        ) STRICT;
        INSERT INTO inbox (id, source, control_id, hash, listener, received_ms, taken_over, raw, answer, problem) VALUES
            (1, 'RX1', 'told', x'00', 'mllp:test', 0, 0, x'00', 'AE', '207 no'),
            (2, 'RX1', 'owed', x'00', 'mllp:test', 0, 1, x'00', 'AE', '207 no'),
            (3, 'RX1', 'open', x'00', 'mllp:test', 0, 1, x'00', NULL, NULL);
        INSERT INTO letter (inbox, stage, reason, source, control_id, hash, listener, first_ms, last_ms)
            SELECT id, 'decide', 'labelled', source, control_id, hash, listener, 0, 0 FROM inbox WHERE id < 3;
        INSERT INTO letter (stage, reason, source, control_id, hash, listener, raw, first_ms, last_ms) VALUES
            ('read', 'not-a-message', 'RX1', '', x'01', 'mllp:test', x'00', 0, 0),
            ('translate', 'not-translated', 'RX1', '', x'02', 'inbound:people', x'00', 0, 0);
    ";

    #[tokio::test]
    async fn a_store_of_an_earlier_build_is_carried_over() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("push.sqlite");
        Connection::open(&file).expect("a file").execute_batch(BEFORE).expect("made");
        for _ in 0..2 {
            let store = Store::open(&file).expect("a store");
            let letters = store.letters(Which::Open).await.expect("letters");
            let owed: Vec<bool> = letters.iter().map(|letter| letter.owed == Owed::Yes).collect();
            assert_eq!(owed, [false, true, false, true], "{letters:?}");
            assert_eq!(store.backlog().await.expect("a backlog").dead, 2);
            let open = store.open_messages(None, 9).await.expect("read");
            assert_eq!(open.iter().map(|open| open.receivers.clone()).collect::<Vec<_>>(), [None]);
        }
        let store = Store::open(&file).expect("a store");
        let id = store.open_messages(None, 9).await.expect("read")[0].id;
        let answer =
            Answer::Refused { verdict: Verdict::Error, code: "207".to_owned(), text: "no".to_owned() };
        store.refuse(id, answer, Vec::new(), 0).await.expect("what waited is dealt with");
        store.forget_before(1).await.expect("forgotten");
        let left = store.letters(Which::All).await.expect("letters");
        assert!(left.iter().all(|letter| letter.owed == Owed::Yes && letter.bytes.is_none()), "{left:?}");
        assert_eq!(left.len(), 2, "of what is owed the names stay");
    }
}
