//! A view of an SQLite database: opened for reading alone, for each question anew, and asked by parameters.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use adapters::mapping::Refused;
use adapters::mapping::pull::{Compare, Equal};
use fhir::search::SearchQuery;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, ErrorCode, InterruptHandle, OpenFlags, Row, params_from_iter};
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

use super::Sourced;
use super::gathered::{Answered, Gathered};
use crate::upstream::UpstreamFault;

/// How long a lock of somebody who writes is waited for.
const BUSY_WITHIN: Duration = Duration::from_millis(500);
/// Values that are asked for at once; beyond them the column is not asked.
const VALUES_MAX: usize = 10_000;
/// The most bytes of one row.
const ROW_BYTES_MAX: usize = 16 << 20;
/// White space that a mapping does not take for a part of a value.
const WHITE: &str = "\u{9}\u{a}\u{b}\u{c}\u{d}\u{20}\u{85}\u{a0}\u{1680}\u{2000}\u{2001}\u{2002}\u{2003}\u{2004}\
                     \u{2005}\u{2006}\u{2007}\u{2008}\u{2009}\u{200a}\u{2028}\u{2029}\u{202f}\u{205f}\u{3000}";

/// A view of a database.
#[derive(Debug)]
pub(super) struct View {
    sourced: Sourced,
    file: PathBuf,
    view: String,
}

/// What is asked of a view: text with places for values, and the values.
struct Statement {
    text: String,
    values: Vec<String>,
}

impl View {
    pub(super) fn new(sourced: Sourced, file: PathBuf, view: String) -> Self {
        Self { sourced, file, view }
    }

    /// What matches. What is not there by the deadline is interrupted.
    pub(super) async fn matches(
        self: Arc<Self>,
        gathered: Gathered,
        deadline: Instant,
    ) -> Result<Answered, UpstreamFault> {
        let (sender, receiver) = oneshot::channel();
        let reading = tokio::task::spawn_blocking(move || self.read(gathered, sender));
        finished(reading, receiver, deadline).await
    }

    fn read(
        &self,
        mut gathered: Gathered,
        interrupt: oneshot::Sender<InterruptHandle>,
    ) -> Result<Answered, UpstreamFault> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.file, flags).map_err(|error| fault(&error))?;
        // Nobody listens any more when the deadline has passed.
        interrupt.send(connection.get_interrupt_handle()).map_err(|_| UpstreamFault::TimedOut)?;
        self.ask(&connection, &mut gathered).map_err(Failed::fault)?;
        Ok(gathered.finish(&self.sourced))
    }

    fn ask(&self, connection: &Connection, gathered: &mut Gathered) -> Result<(), Failed> {
        connection.busy_timeout(BUSY_WITHIN)?;
        connection.pragma_update(None, "query_only", true)?;
        connection.pragma_update(None, "trusted_schema", false)?;
        let columns = columns(connection, &self.view)?;
        let mut rows = self.sourced.mapping.view(&columns, &self.sourced.context).map_err(moved)?;
        let Some(statement) = self.statement(&columns, gathered.query()) else { return Ok(()) };
        let mut prepared = connection.prepare(&statement.text)?;
        let mut answers = prepared.query(params_from_iter(&statement.values))?;
        let mut read = 0_usize;
        while let Some(row) = answers.next()? {
            read += 1;
            if read > self.sourced.rows_max {
                gathered.bound();
            }
            if gathered.is_full() {
                break;
            }
            let cells = cells(row, columns.len())?;
            match cells.map(|cells| rows.row(cells.iter().map(String::as_str))) {
                Some(Ok(pulled)) => {
                    for made in pulled.made {
                        gathered.take(made)?;
                    }
                }
                Some(Err(Refused::NothingBuilt { .. })) => {}
                Some(Err(_)) | None => gathered.refuse(1),
            }
        }
        Ok(())
    }

    /// The statement for a search; nothing where no row can match.
    fn statement(&self, columns: &[String], query: &SearchQuery) -> Option<Statement> {
        let mut statement = Statement { text: String::new(), values: vec![WHITE.to_owned()] };
        let all: Vec<String> = columns.iter().map(|name| as_text(name)).collect();
        statement.text = format!("SELECT {} FROM {}", all.join(", "), quoted(&self.view));
        let kind = query.resource_type();
        let mut conditions = Vec::new();
        for criterion in query.criteria() {
            let Some(any) = self.sourced.mapping.must_equal(kind, criterion) else { continue };
            if any.len() > VALUES_MAX || statement.values.len() + any.len() > VALUES_MAX {
                continue;
            }
            if any.is_empty() {
                return None;
            }
            conditions.extend(statement.any_of(&any, columns));
        }
        if conditions.is_empty() {
            statement.values.clear();
            return Some(statement);
        }
        let holds = conditions.join(" AND ");
        // Every row of what is found, so that one that says something else under the same id is seen.
        let keys = self.sourced.mapping.keyed_by(kind).unwrap_or_default();
        let keys: Option<Vec<String>> = keys
            .iter()
            .map(|key| Some(format!("coalesce({}, '')", trimmed(actual(key, columns)?))))
            .collect();
        let text = match keys.filter(|keys| !keys.is_empty()).map(|keys| keys.join(", ")) {
            Some(keys) => {
                format!(" WHERE ({keys}) IN (SELECT {keys} FROM {} WHERE {holds})", quoted(&self.view))
            }
            None => format!(" WHERE {holds}"),
        };
        statement.text.push_str(&text);
        Some(statement)
    }
}

impl Statement {
    /// A condition that one of these holds; nothing where it names a column that is not there, which is found out when
    /// rows are read.
    fn any_of(&mut self, any: &[Vec<Equal>], columns: &[String]) -> Option<String> {
        let mut alone: BTreeMap<(String, Compare), Vec<&str>> = BTreeMap::new();
        let mut holds = Vec::new();
        for all in any {
            match all.as_slice() {
                [one] => alone.entry((one.column.clone(), one.compare)).or_default().push(&one.text),
                several => {
                    let mut parts = Vec::new();
                    for one in several {
                        let cell = compared(actual(&one.column, columns)?, one.compare);
                        parts.push(format!("{cell} = {}", self.place(&one.text)));
                    }
                    holds.push(format!("({})", parts.join(" AND ")));
                }
            }
        }
        for ((column, compare), texts) in alone {
            let cell = compared(actual(&column, columns)?, compare);
            let places: Vec<String> = texts.into_iter().map(|text| self.place(text)).collect();
            holds.push(format!("{cell} IN ({})", places.join(", ")));
        }
        Some(format!("({})", holds.join(" OR ")))
    }

    /// A place for a value.
    fn place(&mut self, text: &str) -> String {
        self.values.push(text.to_owned());
        format!("?{}", self.values.len())
    }
}

/// Why a database does not answer.
pub(super) enum Failed {
    Sql(rusqlite::Error),
    Is(UpstreamFault),
}

impl From<rusqlite::Error> for Failed {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

impl From<UpstreamFault> for Failed {
    fn from(fault: UpstreamFault) -> Self {
        Self::Is(fault)
    }
}

impl Failed {
    pub(super) fn fault(self) -> UpstreamFault {
        match self {
            Self::Sql(error) => fault(&error),
            Self::Is(fault) => fault,
        }
    }
}

fn moved(_: Refused) -> Failed {
    Failed::Is(UpstreamFault::SourceMoved)
}

/// Waits for what reads, and interrupts it at the deadline.
pub(super) async fn finished<T: Send + 'static>(
    mut reading: tokio::task::JoinHandle<Result<T, UpstreamFault>>,
    mut interrupt: oneshot::Receiver<InterruptHandle>,
    deadline: Instant,
) -> Result<T, UpstreamFault> {
    match timeout_at(deadline, &mut reading).await {
        Ok(Ok(found)) => found,
        Ok(Err(_)) => Err(UpstreamFault::Failed),
        Err(_) => {
            // Who has not begun yet finds that nobody listens.
            if let Ok(interrupt) = interrupt.try_recv() {
                interrupt.interrupt();
            }
            Err(UpstreamFault::TimedOut)
        }
    }
}

/// The columns of a view, as they are called now.
fn columns(connection: &Connection, view: &str) -> Result<Vec<String>, rusqlite::Error> {
    let prepared = connection.prepare(&format!("SELECT * FROM {} LIMIT 0", quoted(view)))?;
    Ok(prepared.column_names().map(str::to_owned).collect())
}

/// The cells of a row; nothing where one is no text or the row is too large.
fn cells(row: &Row<'_>, width: usize) -> Result<Option<Vec<String>>, rusqlite::Error> {
    let mut cells = Vec::with_capacity(width);
    let mut bytes = 0;
    for column in 0..width {
        let text = match row.get_ref(column)? {
            ValueRef::Null => Some(""),
            ValueRef::Text(text) => std::str::from_utf8(text).ok(),
            ValueRef::Integer(_) | ValueRef::Real(_) | ValueRef::Blob(_) => None,
        };
        let Some(text) = text else { return Ok(None) };
        bytes += text.len();
        if bytes > ROW_BYTES_MAX {
            return Ok(None);
        }
        cells.push(text.to_owned());
    }
    Ok(Some(cells))
}

/// The name that a column has in the view: a mapping does not mind case, spaces, hyphens and underscores.
fn actual<'c>(written: &str, columns: &'c [String]) -> Option<&'c str> {
    let wanted = adapters::mapping::pull::folded_column(written);
    let is_it = |name: &&String| adapters::mapping::pull::folded_column(name) == wanted;
    columns.iter().find(is_it).map(String::as_str)
}

fn compared(column: &str, compare: Compare) -> String {
    let cell = trimmed(column);
    match compare {
        Compare::Exact => cell,
        Compare::Folded => format!("lower({cell})"),
        Compare::Closed => format!("replace(replace({cell}, ' ', ''), '-', '')"),
    }
}

/// A cell as a mapping reads it. The first value of every statement is what counts as white space.
fn trimmed(column: &str) -> String {
    format!("trim({}, ?1)", as_text(column))
}

/// Bytes are no text: they come as they are, and the row is left out.
fn as_text(column: &str) -> String {
    let name = quoted(column);
    format!("CASE typeof({name}) WHEN 'blob' THEN {name} ELSE CAST({name} AS TEXT) END")
}

/// A name, whatever is in it.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

pub(super) fn fault(error: &rusqlite::Error) -> UpstreamFault {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => UpstreamFault::Busy,
        Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => UpstreamFault::Unreachable,
        Some(ErrorCode::OperationInterrupted) => UpstreamFault::TimedOut,
        Some(ErrorCode::TooBig) => UpstreamFault::TooLarge,
        // No such view or column.
        Some(ErrorCode::Unknown) => UpstreamFault::SourceMoved,
        Some(_) | None => UpstreamFault::Failed,
    }
}
