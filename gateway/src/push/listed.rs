//! Dead letters as they are listed: so many at a time, and nothing of their content.

use rusqlite::Row;

use super::letters::{COLUMNS, LETTERS, Letter, LetterId, Which, letter};
use super::store::{Store, StoreError};

/// Letters that one look gives at most.
const LISTED_MAX: usize = 10_000;

/// What one look gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The newest of them, the oldest of those first.
    pub letters: Vec<Letter>,
    /// Whether there are older ones.
    pub older: Older,
}

/// Whether there are older letters than those that are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Older {
    /// There are none.
    None,
    /// There are some: they are before this one.
    Before(LetterId),
}

impl Store {
    /// The newest dead letters, in the order in which they were made: those that are open, or all that are remembered.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn letters(&self, which: Which) -> Result<Vec<Letter>, StoreError> {
        Ok(self.letters_before(which, LetterId(i64::MAX)).await?.letters)
    }

    /// The newest dead letters of those that are older than `before`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn letters_before(&self, which: Which, before: LetterId) -> Result<Listed, StoreError> {
        self.look(move |connection| {
            let mut found = connection.prepare(&listed(which))?;
            let rows = found.query_map([before.0], |row: &Row<'_>| letter(row))?;
            let mut letters: Vec<Letter> = rows.collect::<rusqlite::Result<_>>()?;
            let is_cut = letters.len() > LISTED_MAX;
            letters.truncate(LISTED_MAX);
            letters.reverse();
            let oldest = letters.first().filter(|_| is_cut);
            let older = oldest.map_or(Older::None, |oldest| Older::Before(oldest.id));
            Ok(Listed { letters, older })
        })
        .await
    }
}

/// The statement that lists letters, and one more than are told, so that it is known whether there are more.
pub(in crate::push) fn listed(which: Which) -> String {
    let kept = match which {
        Which::Open => "letter.state = 'open' AND",
        Which::All => "",
    };
    let rows_max = LISTED_MAX + 1;
    format!(
        "SELECT {COLUMNS} FROM {LETTERS} WHERE {kept} letter.id < ?1 ORDER BY letter.id DESC LIMIT {rows_max}"
    )
}
