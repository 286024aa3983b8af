//! Consents in SQLite: one table of versions that only grows, one of which version is current.

use std::path::Path;

use bytes::Bytes;
use fhir::nhs_number::NhsNumber;
use fhir::reference::Id;
use jiff::Timestamp;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension, Row, TransactionBehavior, params};

use super::ConsentFault;
use super::registry::Stored;
use super::validate::ValidConsent;
use crate::enforce::unfiltered::Unfiltered;

/// Version of the tables, in `PRAGMA user_version`.
const FORMAT: i64 = 1;
/// How many Consents one person may have.
const PER_PERSON_MAX: i64 = 500;

const TABLES: &str = "
CREATE TABLE consent_version (
    id TEXT NOT NULL,
    version INTEGER NOT NULL,
    person TEXT NOT NULL,
    status TEXT NOT NULL,
    recorded_at INTEGER NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (id, version)
) STRICT;
CREATE TABLE consent (
    id TEXT NOT NULL PRIMARY KEY,
    version INTEGER NOT NULL,
    person TEXT NOT NULL,
    status TEXT NOT NULL,
    FOREIGN KEY (id, version) REFERENCES consent_version (id, version)
) STRICT;
CREATE INDEX consent_of_person ON consent (person, status);
CREATE TRIGGER no_version_is_deleted BEFORE DELETE ON consent_version
    BEGIN SELECT RAISE(ABORT, 'versions are kept'); END;
CREATE TRIGGER no_version_is_changed BEFORE UPDATE ON consent_version
    BEGIN SELECT RAISE(ABORT, 'versions are kept'); END;
CREATE TRIGGER no_consent_is_deleted BEFORE DELETE ON consent
    BEGIN SELECT RAISE(ABORT, 'consents are kept'); END;
";

const ACTIVE: &str = "
    SELECT v.id, v.body FROM consent c JOIN consent_version v ON v.id = c.id AND v.version = c.version
    WHERE c.person = ?1 AND c.status = 'active' ORDER BY v.id";

const COLUMNS: &str = "v.id, v.version, v.person, v.status, v.recorded_at, v.body";

pub(super) fn open_writer(path: &Path) -> Result<Connection, ConsentFault> {
    let mut connection = Connection::open(path)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    let format: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    match format {
        0 => {
            let making = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            making.execute_batch(TABLES)?;
            making.pragma_update(None, "user_version", FORMAT)?;
            making.commit()?;
        }
        FORMAT => {}
        _ => return Err(ConsentFault::Format),
    }
    Ok(connection)
}

pub(super) fn open_reader(path: &Path) -> Result<Connection, ConsentFault> {
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    // A prepared statement stays as it is whoever is asked about: planned anew for each person it costs more than it finds.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(connection)
}

pub(super) fn create(
    connection: &mut Connection,
    id: &Id,
    consent: &ValidConsent,
    now: Timestamp,
) -> Result<Stored, ConsentFault> {
    let writing = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let person = consent.person();
    let known: i64 = writing
        .prepare_cached("SELECT count(*) FROM consent WHERE person = ?1")?
        .query_row([person.as_str()], |row| row.get(0))?;
    if known >= PER_PERSON_MAX {
        return Err(ConsentFault::TooMany);
    }
    let stored = add_version(&writing, id, 1, consent, now)?;
    writing
        .prepare_cached("INSERT INTO consent (id, version, person, status) VALUES (?1, 1, ?2, ?3)")?
        .execute(params![id.as_str(), person.as_str(), consent.status()])?;
    writing.commit()?;
    Ok(stored)
}

pub(super) fn update(
    connection: &mut Connection,
    id: &Id,
    if_match: u32,
    consent: &ValidConsent,
    now: Timestamp,
) -> Result<Stored, ConsentFault> {
    let writing = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let current: Option<(u32, String)> = writing
        .prepare_cached("SELECT version, person FROM consent WHERE id = ?1")?
        .query_row([id.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let (version, person) = current.ok_or(ConsentFault::NotFound)?;
    if person != consent.person().as_str() {
        return Err(ConsentFault::OtherPerson);
    }
    if version != if_match {
        return Err(ConsentFault::OtherVersion);
    }
    let next = version.checked_add(1).ok_or(ConsentFault::TooMany)?;
    let stored = add_version(&writing, id, next, consent, now)?;
    writing
        .prepare_cached("UPDATE consent SET version = ?2, status = ?3 WHERE id = ?1")?
        .execute(params![id.as_str(), next, consent.status()])?;
    writing.commit()?;
    Ok(stored)
}

fn add_version(
    writing: &Connection,
    id: &Id,
    version: u32,
    consent: &ValidConsent,
    now: Timestamp,
) -> Result<Stored, ConsentFault> {
    let body = consent.to_json(id, version, now);
    writing
        .prepare_cached(
            "INSERT INTO consent_version (id, version, person, status, recorded_at, body)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![
            id.as_str(),
            version,
            consent.person().as_str(),
            consent.status(),
            now.as_millisecond(),
            body
        ])?;
    Ok(Stored {
        id: id.clone(),
        version,
        person: consent.person(),
        status: consent.status().to_owned(),
        recorded_at: now,
        body: Unfiltered::new(Bytes::from(body)),
    })
}

pub(super) fn read(connection: &Connection, id: &Id) -> Result<Option<Stored>, ConsentFault> {
    let sql = format!(
        "SELECT {COLUMNS} FROM consent c JOIN consent_version v ON v.id = c.id AND v.version = c.version WHERE c.id = ?1"
    );
    connection.prepare_cached(&sql)?.query_row([id.as_str()], columns).optional()?.map(stored).transpose()
}

pub(super) fn read_version(
    connection: &Connection,
    id: &Id,
    version: u32,
) -> Result<Option<Stored>, ConsentFault> {
    let sql = format!("SELECT {COLUMNS} FROM consent_version v WHERE v.id = ?1 AND v.version = ?2");
    let found =
        connection.prepare_cached(&sql)?.query_row(params![id.as_str(), version], columns).optional()?;
    found.map(stored).transpose()
}

/// Up to `count` versions of a Consent, newest first: those before `before` and not older than `since`; and how many there
/// are that are not older, on all pages.
pub(super) fn versions(
    connection: &mut Connection,
    id: &Id,
    since: Option<Timestamp>,
    before: Option<u32>,
    count: usize,
) -> Result<(Vec<Stored>, usize), ConsentFault> {
    // Versions are kept to the millisecond: one that began before the moment asked for is older.
    let up = |micros: i64| micros.div_euclid(1_000) + i64::from(micros.rem_euclid(1_000) > 0);
    let since = since.map_or(i64::MIN, |since| up(since.as_microsecond()));
    // One moment for the number and the page: a version may be written between.
    let snapshot = connection.transaction()?;
    let total: i64 = snapshot
        .prepare_cached("SELECT count(*) FROM consent_version WHERE id = ?1 AND recorded_at >= ?2")?
        .query_row(params![id.as_str(), since], |row| row.get(0))?;
    let sql = format!(
        "SELECT {COLUMNS} FROM consent_version v WHERE v.id = ?1 AND v.recorded_at >= ?2 AND v.version < ?3
         ORDER BY v.version DESC LIMIT ?4"
    );
    let mut statement = snapshot.prepare_cached(&sql)?;
    let before = before.map_or(i64::MAX, i64::from);
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    let rows = statement.query_map(params![id.as_str(), since, before, count], columns)?;
    let found = rows.map(|row| stored(row?)).collect::<Result<_, _>>()?;
    Ok((found, usize::try_from(total).unwrap_or_default()))
}

pub(super) fn of_person(connection: &Connection, person: NhsNumber) -> Result<Vec<Stored>, ConsentFault> {
    let sql = format!(
        "SELECT {COLUMNS} FROM consent c JOIN consent_version v ON v.id = c.id AND v.version = c.version
         WHERE c.person = ?1 ORDER BY c.rowid"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map([person.as_str()], columns)?;
    rows.map(|row| stored(row?)).collect()
}

/// Id and body of every active Consent of a person, in the order of their ids.
pub(super) fn active(connection: &Connection, person: NhsNumber) -> Result<Vec<(Id, Vec<u8>)>, ConsentFault> {
    let mut statement = connection.prepare_cached(ACTIVE)?;
    let rows = statement.query_map([person.as_str()], |row| Ok((row.get::<_, String>(0)?, row.get(1)?)))?;
    rows.map(|row| {
        let (id, body) = row?;
        Ok((Id::parse(&id).map_err(|_| ConsentFault::Corrupt)?, body))
    })
    .collect()
}

struct Columns {
    id: String,
    version: u32,
    person: String,
    status: String,
    recorded_at: i64,
    body: Vec<u8>,
}

fn columns(row: &Row<'_>) -> rusqlite::Result<Columns> {
    Ok(Columns {
        id: row.get(0)?,
        version: row.get(1)?,
        person: row.get(2)?,
        status: row.get(3)?,
        recorded_at: row.get(4)?,
        body: row.get(5)?,
    })
}

fn stored(columns: Columns) -> Result<Stored, ConsentFault> {
    Ok(Stored {
        id: Id::parse(&columns.id).map_err(|_| ConsentFault::Corrupt)?,
        version: columns.version,
        person: NhsNumber::parse(&columns.person).map_err(|_| ConsentFault::Corrupt)?,
        status: columns.status,
        recorded_at: Timestamp::from_millisecond(columns.recorded_at).map_err(|_| ConsentFault::Corrupt)?,
        body: Unfiltered::new(Bytes::from(columns.body)),
    })
}

#[cfg(test)]
mod tests {
    use fhir::json::{Limits, parse};

    use super::super::validate::{Writing, validate};
    use super::*;

    fn ann() -> ValidConsent {
        let text = r#"{"resourceType":"Consent","id":"mine","meta":{"versionId":"9","profile":["https://a.example/p"],
            "security":[{"code":"R"}]},"status":"active",
            "scope":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/consentscope","code":"patient-privacy"}]},
            "category":[{"text":"c"}],
            "patient":{"identifier":{"system":"https://fhir.nhs.uk/Id/nhs-number","value":"9990000018"}},
            "dateTime":"2026-05-01","performer":[{"display":"h\u0065rself"}],"organization":[{"display":"o"}],
            "sourceReference":{"display":"s"},"policy":[{"uri":"https://a.example"}],"provision":{"type":"deny"}}"#;
        let document = parse(text.into(), &Limits::default()).expect("json");
        validate(&document, Writing::New, "https://gateway.example").expect("valid")
    }

    fn open() -> (tempfile::TempDir, Connection) {
        let folder = tempfile::tempdir().expect("a folder");
        let connection = open_writer(&folder.path().join("consents.sqlite")).expect("a store");
        (folder, connection)
    }

    #[test]
    fn what_is_stored_is_what_was_sent_but_for_id_and_meta() {
        let now = "2026-06-01T10:00:00Z".parse().expect("a time");
        let text = String::from_utf8(ann().to_json(&Id::parse("c1").expect("an id"), 3, now)).expect("utf-8");
        let head = r#"{"resourceType":"Consent","id":"c1","meta":{"versionId":"3","lastUpdated":"2026-06-01T10:00:00.000Z","profile":["https://a.example/p"]},"status":"active","scope":"#;
        assert!(text.starts_with(head), "{text}");
        assert!(text.contains(r#""performer":[{"display":"h\u0065rself"}]"#), "{text}");
        assert!(!text.contains("mine") && !text.contains("security"), "{text}");
    }

    #[test]
    fn a_commit_waits_for_the_disk() {
        let (_folder, connection) = open();
        let pragma = |name: &str| {
            connection.pragma_query_value(None, name, |row| row.get::<_, rusqlite::types::Value>(0))
        };
        assert_eq!(pragma("synchronous").expect("a level"), rusqlite::types::Value::Integer(2));
        assert_eq!(pragma("journal_mode").expect("a mode"), rusqlite::types::Value::Text("wal".to_owned()));
    }

    #[test]
    fn what_asks_for_a_person_is_planned_once_for_all() {
        let (folder, _writer) = open();
        let reader = open_reader(&folder.path().join("consents.sqlite")).expect("a reader");
        for number in ["9990000018", "9990000026", "9990000034"] {
            let person = NhsNumber::parse(number).expect("a number");
            assert_eq!(active(&reader, person).expect("read").len(), 0);
        }
        let statement = reader.prepare_cached(ACTIVE).expect("prepared");
        assert_eq!(statement.get_status(rusqlite::StatementStatus::Run), 3);
        assert_eq!(statement.get_status(rusqlite::StatementStatus::RePrepare), 0);
    }

    #[test]
    fn nothing_that_was_stored_can_be_deleted_or_changed() {
        let (_folder, mut connection) = open();
        let id = Id::parse("c1").expect("an id");
        create(&mut connection, &id, &ann(), Timestamp::UNIX_EPOCH).expect("stored");
        for sql in [
            "DELETE FROM consent_version",
            "DELETE FROM consent",
            "UPDATE consent_version SET status = 'inactive'",
            "UPDATE consent_version SET body = x'00'",
        ] {
            assert!(connection.execute(sql, []).is_err(), "{sql}");
        }
        assert_eq!(active(&connection, ann().person()).expect("read").len(), 1);
    }

    #[test]
    fn a_full_disk_stores_nothing_and_is_over_when_there_is_room() {
        let (_folder, mut connection) = open();
        let (first, second) = (Id::parse("c1").expect("an id"), Id::parse("c2").expect("an id"));
        create(&mut connection, &first, &ann(), Timestamp::UNIX_EPOCH).expect("stored");
        let pages: i64 =
            connection.pragma_query_value(None, "page_count", |row| row.get(0)).expect("a count");
        connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(())).expect("no room");
        let mut stored = 1;
        let fault = loop {
            let id = Id::parse(&format!("more-{stored}")).expect("an id");
            match create(&mut connection, &id, &ann(), Timestamp::UNIX_EPOCH) {
                Ok(_) => stored += 1,
                Err(fault) => break fault,
            }
        };
        assert!(matches!(fault, ConsentFault::Store(_)), "{fault:?}");
        assert_eq!(active(&connection, ann().person()).expect("read").len(), stored);
        connection.pragma_update_and_check(None, "max_page_count", 100_000, |_| Ok(())).expect("room");
        create(&mut connection, &second, &ann(), Timestamp::UNIX_EPOCH).expect("stored");
        assert_eq!(active(&connection, ann().person()).expect("read").len(), stored + 1);
    }

    #[test]
    fn a_store_of_a_later_version_is_left_alone() {
        let (folder, connection) = open();
        connection.pragma_update(None, "user_version", 2).expect("written");
        drop(connection);
        let again = open_writer(&folder.path().join("consents.sqlite"));
        assert!(matches!(again, Err(ConsentFault::Format)), "{again:?}");
    }
}
