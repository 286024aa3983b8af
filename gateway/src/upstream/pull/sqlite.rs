//! A view of an SQLite database: opened for reading alone, for each question anew, and asked by parameters.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use adapters::mapping::Refused;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, ErrorCode, InterruptHandle, OpenFlags, Row, params_from_iter};
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

use super::Sourced;
use super::gathered::{Answered, Gathered};
use super::sql::{self, Column, Places, ROW_BYTES_MAX, quoted};
use crate::upstream::UpstreamFault;

/// How long a lock of somebody who writes is waited for.
const BUSY_WITHIN: Duration = Duration::from_millis(500);
/// A view of a database.
#[derive(Debug)]
pub(super) struct View {
    pub(super) sourced: Sourced,
    file: PathBuf,
    view: String,
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
        let from = quoted(&self.view);
        let columns = columns(connection, &from)?;
        let names: Vec<String> = columns.iter().map(|column| column.name.clone()).collect();
        let mapping = &self.sourced.mapping;
        let mut rows = mapping.view(&names, &self.sourced.context).map_err(moved)?;
        let asked = sql::conditions(gathered.query(), mapping, &columns, &from, Places::Question);
        let Some(asked) = asked else { return Ok(()) };
        let cells: Vec<&str> = columns.iter().map(|column| column.cell.as_str()).collect();
        let text = format!("SELECT {} FROM {from}{}", cells.join(", "), asked.text);
        let mut prepared = connection.prepare(&text)?;
        let mut answers = prepared.query(params_from_iter(&asked.values))?;
        let mut read = 0_usize;
        while let Some(row) = answers.next()? {
            read += 1;
            if read > self.sourced.rows_max {
                gathered.bound();
            }
            if gathered.is_full() {
                break;
            }
            sql::give(&mut rows, (told(row, columns.len())?, &asked), gathered)?;
        }
        Ok(())
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
fn columns(connection: &Connection, from: &str) -> Result<Vec<Column>, rusqlite::Error> {
    let prepared = connection.prepare(&format!("SELECT * FROM {from} LIMIT 0"))?;
    let column = |name: &str| Column { name: name.to_owned(), cell: as_text(name) };
    Ok(prepared.column_names().map(column).collect())
}

/// The cells of a row; nothing where one is no text or the row is too large.
fn told<'r>(row: &'r Row<'_>, width: usize) -> Result<Option<Vec<&'r str>>, rusqlite::Error> {
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
        cells.push(text);
    }
    Ok(Some(cells))
}

/// Bytes are no text: they come as they are, and the row is left out.
fn as_text(column: &str) -> String {
    let name = quoted(column);
    format!("CASE typeof({name}) WHEN 'blob' THEN {name} ELSE CAST({name} AS TEXT) END")
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
