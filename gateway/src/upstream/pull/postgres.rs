//! A view of a PostgreSQL database: asked by parameters, in a transaction that reads alone, row by row.
//!
//! Every cell comes as text, made by the database within a bound, so that a row that is too large is left out before it is
//! sent. A session that fails in any way is given up; the next question finds another.

mod pool;
mod server;
mod wire;

use std::pin::pin;
use std::sync::Arc;

use futures_util::StreamExt;
use tokio::runtime::Handle;
use tokio::time::{Instant, timeout_at};
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Row};

use self::pool::Pool;
pub(super) use self::server::Server;
use self::server::fault;
use super::Sourced;
use super::gathered::{Answered, Gathered};
use super::sql::{self, Column, Conditions, Places, ROW_BYTES_MAX, quoted};
use crate::upstream::UpstreamFault;

/// The columns of a view and their types, those of domains as what they are made of.
const COLUMNS: &str = "SELECT a.attname::text, \
     pg_catalog.format_type(coalesce(nullif(t.typbasetype, 0), t.oid), NULL) \
     FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid \
     WHERE a.attrelid = pg_catalog.to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum";

/// A view of a database.
#[derive(Debug)]
pub(super) struct View {
    pub(super) sourced: Sourced,
    pool: Pool,
    /// Its name, quoted.
    from: String,
}

impl View {
    pub(super) fn new(sourced: Sourced, server: Server, view: String) -> Self {
        let parts: Vec<String> = view.split('.').map(quoted).collect();
        Self { sourced, pool: Pool::new(server), from: parts.join(".") }
    }

    /// What matches. What is not there by the deadline does not come.
    pub(super) async fn matches(
        self: Arc<Self>,
        gathered: Gathered,
        deadline: Instant,
    ) -> Result<Answered, UpstreamFault> {
        let slot = self.pool.slot(deadline).await?;
        let runtime = Handle::current();
        // Rows become resources where they are read, so that no more of them is sent than is taken.
        let reading = tokio::task::spawn_blocking(move || {
            let found = runtime.block_on(self.read(gathered, deadline));
            drop(slot);
            found
        });
        reading.await.map_err(|_| UpstreamFault::Failed)?
    }

    async fn read(&self, mut gathered: Gathered, deadline: Instant) -> Result<Answered, UpstreamFault> {
        let session = self.pool.begun(deadline).await?;
        self.ask(session.client(), &mut gathered, deadline).await?;
        // All is there: what becomes of the session is no fault of the answer. One with rows on the way is not kept.
        if !gathered.is_full()
            && let Ok(Ok(())) = timeout_at(deadline, session.client().batch_execute("COMMIT")).await
        {
            self.pool.keep(session);
        }
        Ok(gathered.finish(&self.sourced))
    }

    async fn ask(
        &self,
        client: &Client,
        gathered: &mut Gathered,
        deadline: Instant,
    ) -> Result<(), UpstreamFault> {
        let columns = timeout_at(deadline, self.columns(client)).await;
        let columns = columns.map_err(|_| UpstreamFault::TimedOut)??;
        let names: Vec<String> = columns.iter().map(|column| column.name.clone()).collect();
        let mapping = &self.sourced.mapping;
        let mut rows = mapping.view(&names, &self.sourced.context).map_err(|_| UpstreamFault::SourceMoved)?;
        let asked = sql::conditions(gathered.query(), mapping, &columns, &self.from, Places::Dollar);
        let Some(asked) = asked else { return Ok(()) };
        let text = self.statement(&columns, &asked);
        let values = asked.values.iter().map(|value| (value.as_str(), Type::TEXT));
        let answers = timeout_at(deadline, client.query_typed_raw(&text, values)).await;
        let mut answers = pin!(answers.map_err(|_| UpstreamFault::TimedOut)?.map_err(|error| fault(&error))?);
        let mut read = 0_usize;
        while let Some(row) =
            timeout_at(deadline, answers.next()).await.map_err(|_| UpstreamFault::TimedOut)?
        {
            let row = row.map_err(|error| fault(&error))?;
            read += 1;
            if read > self.sourced.rows_max {
                gathered.bound();
            }
            if gathered.is_full() {
                break;
            }
            // Rows that are there already are no wait.
            if Instant::now() >= deadline {
                return Err(UpstreamFault::TimedOut);
            }
            sql::give(&mut rows, (told(&row, columns.len()), &asked), gathered)?;
        }
        Ok(())
    }

    /// The columns of the view, as they are called now; none where there is no such view.
    async fn columns(&self, client: &Client) -> Result<Vec<Column>, UpstreamFault> {
        let found = client.query_typed(COLUMNS, &[(&self.from, Type::TEXT)]).await;
        let found = found.map_err(|error| fault(&error))?;
        let column = |row: &Row| {
            let name: String = row.try_get(0).ok()?;
            let kind: String = row.try_get(1).ok()?;
            Some(Column { cell: as_text(&name, &kind), name })
        };
        let columns: Option<Vec<Column>> = found.iter().map(column).collect();
        columns.filter(|columns| !columns.is_empty()).ok_or(UpstreamFault::SourceMoved)
    }

    /// First whether a row is small enough, then its cells, if it is. `OFFSET 0` has each cell made once.
    fn statement(&self, columns: &[Column], asked: &Conditions) -> String {
        let numbered = || columns.iter().enumerate();
        let cells: Vec<String> = numbered().map(|(n, column)| format!("{} AS c{n}", column.cell)).collect();
        let sizes: Vec<String> =
            numbered().map(|(n, _)| format!("coalesce(octet_length(c{n}), 0)::bigint")).collect();
        let small = format!("bytes <= {ROW_BYTES_MAX}");
        let told: Vec<String> = numbered().map(|(n, _)| format!("CASE WHEN {small} THEN c{n} END")).collect();
        format!(
            "SELECT CASE WHEN {small} THEN 'y' END, {} FROM (SELECT *, {} AS bytes FROM \
             (SELECT {} FROM {}{} OFFSET 0) AS cells OFFSET 0) AS sized",
            told.join(", "),
            sizes.join(" + "),
            cells.join(", "),
            self.from,
            asked.text
        )
    }
}

/// The cells of a row; nothing where it is too large.
fn told(row: &Row, width: usize) -> Option<Vec<&str>> {
    row.try_get::<_, Option<&str>>(0).ok()??;
    let cell = |place| row.try_get::<_, Option<&str>>(place).ok().map(Option::unwrap_or_default);
    (1..=width).map(cell).collect()
}

/// A cell as text, compared to the byte: moments as ISO 8601 writes them, bytes as FHIR does, all else as the database does.
fn as_text(column: &str, kind: &str) -> String {
    let name = quoted(column);
    let text = match kind {
        "timestamp with time zone" | "timestamp without time zone" => {
            format!("(to_jsonb({name}) #>> '{{}}')")
        }
        "bytea" => format!("translate(encode({name}, 'base64'), E'\\n', '')"),
        _ => format!("{name}::text"),
    };
    format!("({text} COLLATE \"C\")")
}
