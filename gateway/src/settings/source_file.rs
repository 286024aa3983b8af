//! `[[system.source]]` as it is written: where a system without FHIR keeps what, and which mapping reads it.
//! `docs/configure.md` is made from the comments on these fields.

use super::file::CredentialsTable;
use super::written::{Table, Written};

/// A source of a system without FHIR: a folder into which CSV files are dropped, a view of an SQLite or
/// PostgreSQL database, or an API that answers in JSON.
///
/// Every row or record becomes what its [mapping](mapping.md) says. Those that cannot be translated are left out and counted in
/// the log, and every answer to a search says that there may be such. Nothing is ever written to a source.
#[derive(Debug)]
pub(super) struct SourceTable {
    /// The file with its mapping, or the name of a ready one.
    pub(super) mapping: Option<Written<String>>,
    /// Which of the types that the mapping makes are asked for here. Each type has one source. Default: all.
    pub(super) types: Vec<Written<String>>,
    /// A folder into which CSV files are dropped. The newest complete one counts, and is read again when there is
    /// another. Either this, `sqlite`, `postgres` or `api`.
    pub(super) folder: Option<Written<String>>,
    /// Which files of the folder: a name in which one `*` may stand for anything. Names that begin with a dot never
    /// count. Default: `"*.csv"`.
    pub(super) files: Option<Written<String>>,
    /// A file counts once it has not changed for so many milliseconds: rename it into the folder when it is whole, or
    /// wait this long. Default: 2000, from 0 to 600000.
    pub(super) quiet_ms: Option<Written<i64>>,
    /// An SQLite database. It is opened for reading alone. Needs `view`.
    pub(super) sqlite: Option<Written<String>>,
    /// A PostgreSQL database. It is read in transactions that read alone. Needs `view`.
    pub(super) postgres: Option<PostgresTable>,
    /// The view or table of the database, such as `"residents"`: letters, digits and underscores, as the database spells
    /// it; of PostgreSQL also `"schema.residents"`.
    pub(super) view: Option<Written<String>>,
    /// The base of an API without a slash at the end. `http` only on loopback. It is asked as each `ask` says.
    pub(super) api: Option<Written<String>>,
    /// PEM file: the authorities the certificate of the API is checked against. Required when it is `https`.
    pub(super) ca: Option<Written<String>>,
    /// How the gateway proves itself to the API, as to a system. Default: not at all.
    pub(super) credentials: Option<CredentialsTable>,
    /// Where an answer of the API has the link to its next page: names with slashes between them, such as
    /// `"links/next"`. Pages are read as long as there is one, 500 at most. Default: an answer has one page.
    pub(super) next: Option<Written<String>>,
    /// What the API is asked for. Each type needs one by `_id` and one by the parameter that names its person,
    /// Patients one by `identifier`.
    pub(super) ask: Vec<AskTable>,
    /// The most rows that are read for one question; a search that would need more is answered as one that matches too
    /// much. Default: 100000, from 1 to 10000000.
    pub(super) rows_max: Option<Written<i64>>,
    /// Where the table stands.
    pub(super) place: super::problem::Place,
}

impl SourceTable {
    pub(super) fn read(mut table: Table<'_, '_>) -> Self {
        let read = Self {
            mapping: table.required_text("mapping"),
            types: table.texts("types"),
            folder: table.text("folder"),
            files: table.text("files"),
            quiet_ms: table.number("quiet_ms"),
            sqlite: table.text("sqlite"),
            postgres: table.table("postgres").map(PostgresTable::read),
            view: table.text("view"),
            api: table.text("api"),
            ca: table.text("ca"),
            credentials: table.table("credentials").map(CredentialsTable::read),
            next: table.text("next"),
            ask: table.tables("ask").into_iter().map(AskTable::read).collect(),
            rows_max: table.number("rows_max"),
            place: table.place().clone(),
        };
        table.refuse_unknown();
        read
    }
}

/// Where a PostgreSQL database is, and who the gateway is there: somebody who may read the view, and nothing else.
///
/// The database is in UTF-8. Eight questions at most are under way to one source at once, each in a session of its own; others wait.
#[derive(Debug)]
pub(super) struct PostgresTable {
    /// The name or address of the server, or the folder of its socket, such as `"/run/postgresql"`.
    pub(super) host: Option<Written<String>>,
    /// Its port, which is also in the name of a socket. Default: 5432.
    pub(super) port: Option<Written<i64>>,
    /// The database.
    pub(super) database: Option<Written<String>>,
    /// The role.
    pub(super) user: Option<Written<String>>,
    /// File: its password, on one line, read at start and on reload. Default: none, where the server asks for none.
    pub(super) password_file: Option<Written<String>>,
    /// PEM file: the authorities the certificate of the server is checked against. With it everything is encrypted. May be
    /// absent on loopback and on a socket only.
    pub(super) ca: Option<Written<String>>,
    /// Where the table stands.
    pub(super) place: super::problem::Place,
}

impl PostgresTable {
    fn read(mut table: Table<'_, '_>) -> Self {
        let read = Self {
            host: table.required_text("host"),
            port: table.number("port"),
            database: table.required_text("database"),
            user: table.required_text("user"),
            password_file: table.text("password_file"),
            ca: table.text("ca"),
            place: table.place().clone(),
        };
        table.refuse_unknown();
        read
    }
}

/// One way in which an API can be asked.
#[derive(Debug)]
pub(super) struct AskTable {
    /// The resource type that is wanted, such as `"Patient"`.
    pub(super) kind: Option<Written<String>>,
    /// The search parameter whose value is sent, such as `"_id"`, `"identifier"` or `"patient"`.
    pub(super) by: Option<Written<String>>,
    /// What follows the base. In it `{id}` stands for what the first column of `id_from` says of whom or what is asked
    /// for, `{nhs-number}` for an NHS number: `"/residents/{id}"`, `"/residents?nhs={nhs-number}"`.
    pub(super) path: Option<Written<String>>,
}

impl AskTable {
    fn read(mut table: Table<'_, '_>) -> Self {
        let read = Self {
            kind: table.required_text("type"),
            by: table.required_text("by"),
            path: table.required_text("path"),
        };
        table.refuse_unknown();
        read
    }
}
