//! What a dropped file became: an SQLite database of its own, which has no name and is gone with whoever holds it.
//!
//! Memory is bounded by the cache of that database, whatever the size of the file. Each resource can be asked for by
//! its id, by what it refers to and by its identifiers.

use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, PoisonError};

use adapters::mapping::pull::{Ids, Made};
use adapters::mapping::{Reach, Refused};
use fhir::json::{self, Node};
use fhir::reference::{Bases, Reference};
use fhir::search::{Criterion, SearchQuery, Test, TokenModifier, TokenTest};
use fhir::tables::{self, SearchKind, TypeId};
use rusqlite::{Connection, InterruptHandle, OptionalExtension, params, params_from_iter};
use tokio::sync::oneshot;

use super::Sourced;
use super::folder::Stamp;
use super::gathered::Gathered;
use super::sqlite::Failed;
use super::unread::{is_value, loosely};
use crate::upstream::UpstreamFault;

/// Values that are asked for at once; beyond them all of a type are looked at.
const VALUES_MAX: usize = 10_000;
const RESOURCE_BYTES_MAX: usize = 16 << 20;

/// The resources of a file.
#[derive(Debug)]
pub(super) struct Kept {
    connection: Mutex<Connection>,
    hasher: RandomState,
    len: usize,
}

/// Why a file cannot be read: what it is for those who ask, and in words for operators.
type Unread = (UpstreamFault, &'static str);

impl Kept {
    /// Translates a whole file. Records that cannot be translated are counted.
    pub(super) fn read(
        stamp: &Stamp,
        sourced: &Sourced,
        ids: Ids,
        bases: &Bases,
    ) -> Result<(Self, usize), Unread> {
        let file =
            File::open(&stamp.path).map_err(|_| (UpstreamFault::Unreachable, "it cannot be opened"))?;
        let sql = |_: rusqlite::Error| (UpstreamFault::BrokenOff, "what it says cannot be kept");
        let connection = made().map_err(sql)?;
        let mut kept = Self { connection: Mutex::new(connection), hasher: RandomState::new(), len: 0 };
        let mut refused = 0;
        let records = sourced.mapping.pulled(&file, &sourced.context, ids);
        let mut records = records.map_err(|why| unread(&why))?;
        while let Some(record) = records.next() {
            match record {
                Ok(pulled) => {
                    for made in &pulled.made {
                        refused += kept.keep(made, bases).map_err(sql)?;
                    }
                }
                Err(Refused::NothingBuilt { .. }) => {}
                Err(why) if why.reach() == Reach::Record => {
                    refused += 1;
                    kept.keep_refused(refused, &records.said()).map_err(sql)?;
                }
                Err(why) => return Err(unread(&why)),
            }
        }
        if !stamp.is_of(&file) {
            return Err((UpstreamFault::Busy, "it was changed while it was read"));
        }
        kept.lock().execute_batch("COMMIT; PRAGMA query_only = ON").map_err(sql)?;
        Ok((kept, refused))
    }

    /// How many resources there are.
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// Takes the resources that may match.
    pub(super) fn give(
        &self,
        gathered: &mut Gathered,
        rows_max: usize,
        interrupt: oneshot::Sender<InterruptHandle>,
    ) -> Result<(), UpstreamFault> {
        let connection = self.lock();
        // Nobody listens any more when the deadline has passed.
        interrupt.send(connection.get_interrupt_handle()).map_err(|_| UpstreamFault::TimedOut)?;
        let (text, values) = self.statement(gathered.query());
        let asked = (text.as_str(), values.as_slice());
        let given = rows(&connection, asked, rows_max, gathered);
        given.and_then(|()| lacks(&connection, asked, gathered)).map_err(Failed::fault)
    }

    /// The statement for a search, and its values.
    fn statement(&self, query: &SearchQuery) -> (String, Vec<String>) {
        let kind = query.resource_type();
        let mut text = "SELECT id, json FROM made WHERE type = ?1 AND doubt = 0".to_owned();
        let mut values = vec![kind.name().to_owned()];
        for criterion in query.criteria() {
            let (column, any) = match asked(criterion) {
                Some(Asked::Ids(ids)) => ("id", ids),
                Some(Asked::Said(said)) => {
                    let key = |text: &String| self.key(kind, criterion.code(), text).to_string();
                    ("n", said.iter().map(key).collect())
                }
                None => continue,
            };
            if values.len() + any.len() > VALUES_MAX {
                continue;
            }
            let first = values.len() + 1;
            values.extend(any);
            let places: Vec<String> = (first..=values.len()).map(|place| format!("?{place}")).collect();
            let places = places.join(", ");
            text.push_str(&match column {
                "id" => format!(" AND id IN ({places})"),
                _ => format!(" AND n IN (SELECT n FROM said WHERE key IN ({places}))"),
            });
        }
        text.push_str(" ORDER BY n");
        (text, values)
    }

    /// Keeps what a record says that cannot be translated: it tells whom it may be about.
    fn keep_refused(&mut self, number: usize, said: &[&str]) -> Result<(), rusqlite::Error> {
        let connection = self.connection.get_mut().unwrap_or_else(PoisonError::into_inner);
        let mut insert =
            connection.prepare_cached("INSERT INTO refused(n, loose, said) VALUES (?1, ?2, ?3)")?;
        let number = i64::try_from(number).unwrap_or(i64::MAX);
        for text in said.iter().filter(|text| is_value(text)) {
            insert.execute(params![number, loosely(text), text])?;
        }
        Ok(())
    }

    /// Keeps one resource. How many cannot count: those that say something else than one with the same id.
    fn keep(&mut self, made: &Made, bases: &Bases) -> Result<usize, rusqlite::Error> {
        let connection = self.connection.get_mut().unwrap_or_else(PoisonError::into_inner);
        let kind = made.resource_type;
        let mut insert =
            connection.prepare_cached("INSERT OR IGNORE INTO made(type, id, json) VALUES (?1, ?2, ?3)")?;
        if insert.execute(params![kind.name(), made.id, made.json])? == 0 {
            let text = "UPDATE made SET doubt = 1 WHERE type = ?1 AND id = ?2 AND (doubt = 1 OR json <> ?3)
                RETURNING n";
            let mut update = connection.prepare_cached(text)?;
            let n =
                update.query_row(params![kind.name(), made.id, made.json], |row| row.get(0)).optional()?;
            // Whoever is found by either of them is in doubt.
            return match n {
                Some(n) => index(connection, (&self.hasher, bases), made, n).map(|()| 1),
                None => Ok(0),
            };
        }
        let n = connection.last_insert_rowid();
        self.len += 1;
        index(connection, (&self.hasher, bases), made, n).map(|()| 0)
    }

    fn key(&self, kind: TypeId, code: &str, text: &str) -> i64 {
        key_of(&self.hasher, kind, code, text)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Has a resource found by what it says.
fn index(
    connection: &Connection,
    (hasher, bases): (&RandomState, &Bases),
    made: &Made,
    n: i64,
) -> Result<(), rusqlite::Error> {
    let limits = json::Limits { bytes_max: RESOURCE_BYTES_MAX, ..json::Limits::default() };
    let Ok(document) = json::parse(made.json.clone().into(), &limits) else { return Ok(()) };
    let mut said = Vec::new();
    let kind = made.resource_type;
    says(kind, document.root(), bases, &mut |code, text| said.push(key_of(hasher, kind, code, text)));
    let mut insert = connection.prepare_cached("INSERT OR IGNORE INTO said(key, n) VALUES (?1, ?2)")?;
    for key in said {
        insert.execute(params![key.to_string(), n])?;
    }
    Ok(())
}

/// Two texts with one key only make one candidate more.
fn key_of(hasher: &RandomState, kind: TypeId, code: &str, text: &str) -> i64 {
    i64::from_ne_bytes(hasher.hash_one((kind.name(), code, text)).to_ne_bytes())
}

/// A database without a name.
fn made() -> Result<Connection, rusqlite::Error> {
    let connection = Connection::open("")?;
    connection.execute_batch(
        "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA temp_store = FILE; PRAGMA cache_size = -8192;
         CREATE TABLE made(n INTEGER PRIMARY KEY, type TEXT NOT NULL, id TEXT NOT NULL, json BLOB NOT NULL,
             doubt INTEGER NOT NULL DEFAULT 0, UNIQUE(type, id));
         CREATE TABLE refused(n INTEGER NOT NULL, loose TEXT NOT NULL, said TEXT NOT NULL);
         CREATE INDEX refused_by ON refused(loose);
         CREATE INDEX refused_of ON refused(n);
         CREATE TABLE said(key TEXT NOT NULL, n INTEGER NOT NULL, PRIMARY KEY(key, n)) WITHOUT ROWID;
         BEGIN",
    )?;
    Ok(connection)
}

/// Takes the resources that a statement finds.
fn rows(
    connection: &Connection,
    (text, values): (&str, &[String]),
    rows_max: usize,
    gathered: &mut Gathered,
) -> Result<(), Failed> {
    let kind = gathered.query().resource_type();
    let mut statement = connection.prepare(text)?;
    let mut found = statement.query(params_from_iter(values))?;
    let mut read = 0_usize;
    while let Some(row) = found.next()? {
        read += 1;
        if read > rows_max {
            gathered.bound();
        }
        if gathered.is_full() {
            break;
        }
        gathered.take(Made { resource_type: kind, id: row.get(0)?, json: row.get(1)? })?;
    }
    Ok(())
}

/// Notes whether what a statement finds may lack a record that cannot be translated: one of several that say different
/// things under one id, or one that says what is asked for.
fn lacks(
    connection: &Connection,
    (text, values): (&str, &[String]),
    gathered: &mut Gathered,
) -> Result<(), Failed> {
    if gathered.wanted().is_nobody() {
        return Ok(());
    }
    // Without a value nothing says whose they are.
    if values.len() > 1 {
        let in_doubt = text.replacen("doubt = 0", "doubt = 1", 1);
        if connection.prepare(&in_doubt)?.exists(params_from_iter(values))? {
            gathered.lack();
        }
    }
    let firsts: Vec<String> = gathered.wanted().firsts().into_iter().collect();
    for some in firsts.chunks(VALUES_MAX) {
        let places = vec!["?"; some.len()].join(", ");
        let by = format!("SELECT DISTINCT n FROM refused WHERE loose IN ({places})");
        let mut statement = connection.prepare(&by)?;
        let records: Vec<i64> =
            statement.query_map(params_from_iter(some), |row| row.get(0))?.collect::<Result<_, _>>()?;
        for n in records {
            let mut statement = connection.prepare_cached("SELECT said FROM refused WHERE n = ?1")?;
            let said: Vec<String> = statement.query_map([n], |row| row.get(0))?.collect::<Result<_, _>>()?;
            if gathered.wanted().may_be(said.iter().map(String::as_str)) {
                gathered.lack();
                return Ok(());
            }
        }
    }
    Ok(())
}

fn unread(refused: &Refused) -> Unread {
    if matches!(refused, Refused::NoColumn { .. } | Refused::SameColumn { .. }) {
        return (UpstreamFault::SourceMoved, "its columns are not those of the mapping");
    }
    if matches!(refused, Refused::Unreadable { .. }) {
        return (UpstreamFault::Unreachable, "reading it fails");
    }
    if matches!(refused, Refused::TooLarge { .. }) {
        return (UpstreamFault::TooLarge, "a cell, row or record is larger than allowed");
    }
    if matches!(refused, Refused::KeyReturns { .. }) {
        return (UpstreamFault::Failed, "rows of one record stand apart");
    }
    (UpstreamFault::Failed, "it is not such a file as the mapping describes")
}

/// What of a criterion can be asked for.
enum Asked {
    Ids(Vec<String>),
    Said(Vec<String>),
}

fn asked(criterion: &Criterion) -> Option<Asked> {
    match criterion.test() {
        Test::Token { modifier: TokenModifier::Is, any } => {
            let code = |test: &TokenTest| match test {
                TokenTest::Code(code) | TokenTest::WithoutSystem(code) | TokenTest::Coded { code, .. } => {
                    Some(code.clone())
                }
                TokenTest::System(_) => None,
            };
            let codes: Vec<String> = any.iter().map(code).collect::<Option<_>>()?;
            match criterion.code() {
                "_id" => Some(Asked::Ids(codes)),
                "identifier" if is_indexed(criterion.reads()) => Some(Asked::Said(codes)),
                _ => None,
            }
        }
        Test::Reference(any) if is_indexed(criterion.reads()) => {
            // What lies elsewhere is told by each resource itself.
            let named: Option<Vec<String>> = any.iter().map(|test| of_reference(test.reference())).collect();
            named.map(Asked::Said)
        }
        Test::Token { .. }
        | Test::Reference(_)
        | Test::Missing(_)
        | Test::String { .. }
        | Test::Date(_)
        | Test::Number(_)
        | Test::Quantity(_)
        | Test::Uri(_)
        | Test::Together(_) => None,
    }
}

/// Whether every value that a parameter compares is found by its path.
fn is_indexed(reads: &[String]) -> bool {
    !reads.is_empty() && reads.iter().all(|read| !read.contains(['[', ':']))
}

/// Tells `tell` of each parameter by which a resource can be asked for, and what it says there.
fn says(kind: TypeId, resource: Node<'_>, bases: &Bases, tell: &mut dyn FnMut(&str, &str)) {
    for parameter in tables::search_parameters(kind) {
        let Some(reads) = parameter.reads().filter(|reads| is_indexed(reads)) else { continue };
        let (is_reference, code) = (parameter.kind() == SearchKind::Reference, parameter.code());
        if !is_reference && code != "identifier" {
            continue;
        }
        for read in reads {
            let mut path: Vec<&str> = read.split('.').collect();
            path.push(if is_reference { "reference" } else { "value" });
            for value in resource.walk(&path).filter_map(Node::string) {
                if !is_reference {
                    tell(code, &value);
                } else if let Ok(reference) = Reference::parse(&value, bases)
                    && let Some(name) = of_reference(&reference)
                {
                    tell(code, &name);
                }
            }
        }
    }
}

/// What a reference is called: nothing for one that does not lead to a resource of the system.
fn of_reference(reference: &Reference) -> Option<String> {
    let local = reference.local()?;
    Some(format!("{}/{}", local.resource_type.as_str(), local.id.as_str()))
}
