//! How many letters are kept: a peer that sends nothing but rubbish must not fill the disk, and must not push out what
//! another is owed.

use rusqlite::Connection;

use super::inbox::{InboxId, let_go};

/// Letters that are kept of what its sender knows is refused: of more, the oldest go.
const KEPT_MAX: i64 = 10_000;
/// Texts of letters whose senders have yet to hear of them: of more, the oldest go. The letters stay.
const OWED_TEXTS_MAX: i64 = 100_000;
/// Bytes of the texts of either.
const BYTES_MAX: i64 = 1 << 30;

/// Lets go of what is too much.
pub(in crate::push) fn bound(connection: &Connection) -> rusqlite::Result<()> {
    if let Some(last) = last_beyond(connection, "owed = 0", KEPT_MAX)? {
        let gone = "DELETE FROM letter WHERE owed = 0 AND letter.id <= ?1 RETURNING inbox";
        let_go_of_all(connection, gone, last)?;
    }
    // What is to be tried again needs its text.
    let texts = "owed = 1 AND text_gone = 0 AND stage NOT IN ('deliver', 'fault')";
    if let Some(last) = last_beyond(connection, texts, OWED_TEXTS_MAX)? {
        let gone = format!(
            "UPDATE letter SET text_gone = 1, raw = NULL WHERE {texts} AND letter.id <= ?1 RETURNING inbox"
        );
        let_go_of_all(connection, &gone, last)?;
    }
    Ok(())
}

/// The newest letter of a kind that is one too many. No more is looked through than what is kept, and no text is read: how
/// long one is stands before it.
fn last_beyond(connection: &Connection, kind: &str, count_max: i64) -> rusqlite::Result<Option<i64>> {
    let mut newest = connection.prepare_cached(&format!(
        "SELECT letter.id AS id, COALESCE(LENGTH(letter.raw), LENGTH(message.raw), 0) AS bytes
         FROM letter LEFT JOIN inbox AS message ON message.id = letter.inbox WHERE {kind} ORDER BY letter.id DESC"
    ))?;
    let mut rows = newest.query([])?;
    let (mut count, mut bytes) = (0_i64, 0_i64);
    while let Some(row) = rows.next()? {
        count += 1;
        bytes = bytes.saturating_add(row.get("bytes")?);
        if count > count_max || bytes > BYTES_MAX {
            return row.get("id").map(Some);
        }
    }
    Ok(None)
}

fn let_go_of_all(connection: &Connection, change: &str, last: i64) -> rusqlite::Result<()> {
    let mut changed = connection.prepare_cached(change)?;
    let messages = changed.query_map([last], |row| row.get::<_, Option<i64>>("inbox"))?;
    let messages: Vec<Option<i64>> = messages.collect::<rusqlite::Result<_>>()?;
    for message in messages.into_iter().flatten() {
        let_go(connection, InboxId(message))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{KEPT_MAX, OWED_TEXTS_MAX};
    use crate::push::store::Store;

    async fn counted(store: &Store, which: &'static str) -> i64 {
        let count = format!("SELECT COUNT(*) FROM letter WHERE {which}");
        store
            .run(move |connection| connection.query_row(&count, [], |row| row.get(0)))
            .await
            .expect("a count")
    }

    #[tokio::test]
    async fn what_is_owed_outlives_any_rubbish_and_its_texts_do_not_fill_the_disk() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(&folder.path().join("push.sqlite")).expect("a store");
        let made = store.run(|connection| {
            let many = |owed: i64, count: i64| {
                format!(
                    "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {count})
                     INSERT INTO letter (stage, reason, source, control_id, hash, listener, raw, owed, first_ms, last_ms)
                     SELECT 'translate', 'not-translated', 'RX1', '{owed}', CAST(n AS BLOB), 'inbound:people', x'00', {owed}, 9, 9
                     FROM n;"
                )
            };
            connection.execute_batch(&format!("{}{}", many(1, OWED_TEXTS_MAX + 5), many(0, KEPT_MAX + 7)))
        });
        made.await.expect("made");
        store.forget_before(0).await.expect("forgotten");
        assert_eq!(counted(&store, "owed = 0").await, KEPT_MAX);
        assert_eq!(counted(&store, "owed = 1").await, OWED_TEXTS_MAX + 5);
        assert_eq!(counted(&store, "owed = 1 AND raw IS NOT NULL").await, OWED_TEXTS_MAX);
        assert_eq!(
            counted(&store, "owed = 1 AND text_gone = 1 AND id <= 5").await,
            5,
            "the oldest texts went"
        );
    }

    #[tokio::test]
    async fn how_much_is_kept_is_found_out_by_indexes() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("push.sqlite");
        let _store = Store::open(&file).expect("a store");
        let other = rusqlite::Connection::open(&file).expect("a connection");
        for sql in [
            "SELECT id FROM letter WHERE owed = 0 ORDER BY id DESC",
            "SELECT id FROM letter WHERE owed = 1 AND text_gone = 0 AND stage NOT IN ('deliver', 'fault') ORDER BY id DESC",
            "SELECT COUNT(*) FROM letter WHERE owed = 1 AND state = 'open'",
            "DELETE FROM letter WHERE last_ms < 1 AND (state <> 'open' OR owed = 0)",
            "UPDATE letter SET raw = NULL, text_gone = 1 WHERE last_ms < 1 AND raw IS NOT NULL",
        ] {
            let mut steps = other.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).expect("a plan");
            let steps: Vec<String> = steps
                .query_map([], |row| row.get("detail"))
                .expect("steps")
                .map(|step| step.expect("a step"))
                .collect();
            assert!(steps.iter().all(|step| step.contains("INDEX letter_")), "{sql}: {steps:?}");
        }
    }
}
