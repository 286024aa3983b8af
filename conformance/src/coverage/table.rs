//! Tables of requirements, as others keep them: CSV whose header names the columns.
//!
//! Columns are found by their names, whatever their order: `Req Set`, `ID`, `URL`, `Requirement`, `Conformance`, `Actors`. A table
//! that lacks one of the first two is none.

use std::path::{Path, PathBuf};

/// No table is larger.
const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Nor has it more rows.
const ROWS_MAX: usize = 100_000;

/// Why a table cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BadTable {
    /// It cannot be read.
    #[error("cannot read {0}")]
    Unread(PathBuf),
    /// It is larger than any table.
    #[error("{0}: larger than any table of requirements")]
    TooLarge(PathBuf),
    /// A column is missing.
    #[error("{0}: no column is called {1}")]
    Column(PathBuf, &'static str),
    /// A field is not closed.
    #[error("{0}: a quotation mark is not closed")]
    Quote(PathBuf),
}

/// A requirement of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement {
    /// The set that it is of, with its version.
    pub set: String,
    /// Its id in the set.
    pub id: String,
    /// The clause.
    pub url: String,
    /// Its words.
    pub words: String,
    /// How binding it is.
    pub grade: String,
    /// Who must meet it.
    pub actors: String,
}

impl Requirement {
    /// `SET@ID`, as tables refer to each other.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}@{}", self.set, self.id)
    }
}

/// Reads a table.
///
/// # Errors
/// [`BadTable`]
pub fn requirements(file: &Path) -> Result<Vec<Requirement>, BadTable> {
    let unread = || BadTable::Unread(file.to_owned());
    if std::fs::metadata(file).map_err(|_| unread())?.len() > FILE_BYTES_MAX {
        return Err(BadTable::TooLarge(file.to_owned()));
    }
    let text = std::fs::read_to_string(file).map_err(|_| unread())?;
    let mut rows = rows(&text).ok_or_else(|| BadTable::Quote(file.to_owned()))?.into_iter();
    let header = rows.next().unwrap_or_default();
    let column = |name: &str| header.iter().position(|held| held.trim().eq_ignore_ascii_case(name));
    let needed = |name: &'static str| column(name).ok_or_else(|| BadTable::Column(file.to_owned(), name));
    let (set, id) = (needed("Req Set")?, needed("ID")?);
    let (url, words) = (column("URL"), column("Requirement"));
    let (grade, actors) = (column("Conformance"), column("Actors").or_else(|| column("Actor")));
    let mut found = Vec::new();
    for row in rows {
        let at = |place: Option<usize>| {
            place.and_then(|place| row.get(place)).map_or_else(String::new, |field| field.trim().to_owned())
        };
        let requirement = Requirement {
            set: at(Some(set)),
            id: at(Some(id)),
            url: at(url),
            words: at(words),
            grade: at(grade),
            actors: at(actors),
        };
        if !requirement.id.is_empty() {
            found.push(requirement);
        }
    }
    Ok(found)
}

/// Records and their fields by RFC 4180, with any end of line; none where a quotation mark is not closed.
fn rows(text: &str) -> Option<Vec<Vec<String>>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut rows = Vec::new();
    let mut row = Vec::new();
    let mut field = String::new();
    let mut letters = text.chars().peekable();
    let mut quoted = Quoted::No;
    while let Some(letter) = letters.next() {
        match (quoted, letter) {
            (Quoted::Yes, '"') if letters.peek() == Some(&'"') => {
                letters.next();
                field.push('"');
            }
            (Quoted::Yes, '"') => quoted = Quoted::No,
            (Quoted::Yes, other) => field.push(other),
            (Quoted::No, '"') if field.is_empty() => quoted = Quoted::Yes,
            (Quoted::No, ',') => row.push(std::mem::take(&mut field)),
            (Quoted::No, '\r') if letters.peek() == Some(&'\n') => {}
            (Quoted::No, '\n' | '\r') => {
                row.push(std::mem::take(&mut field));
                rows.push(std::mem::take(&mut row));
            }
            (Quoted::No, other) => field.push(other),
        }
        if rows.len() > ROWS_MAX {
            break;
        }
    }
    if quoted == Quoted::Yes {
        return None;
    }
    if !field.is_empty() || !row.is_empty() {
        row.push(field);
        rows.push(row);
    }
    rows.retain(|row| row.iter().any(|field| !field.trim().is_empty()));
    Some(rows)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Quoted {
    Yes,
    No,
}

#[cfg(test)]
mod tests {
    use super::{BadTable, requirements, rows};

    #[test]
    fn fields_are_read_as_written() {
        let text = "\u{feff}a,\"b,\r\n\"\"c\"\"\",\r\n\n,\nlast";
        let wanted: Vec<Vec<&str>> = vec![vec!["a", "b,\r\n\"c\"", ""], vec!["last"]];
        assert_eq!(rows(text).unwrap(), wanted);
        assert_eq!(rows("a,\"b"), None);
        assert!(rows("").unwrap().is_empty());
    }

    #[test]
    fn columns_are_found_by_their_names() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("r.csv");
        std::fs::write(&file, "ID,More,Conformance,Req Set\n7,x,SHALL,s_1\n,,,s_1\n8\n").unwrap();
        let found = requirements(&file).unwrap();
        assert_eq!(found.iter().map(super::Requirement::name).collect::<Vec<_>>(), ["s_1@7", "@8"]);
        assert_eq!((found[0].grade.as_str(), found[1].grade.as_str()), ("SHALL", ""));
        std::fs::write(&file, "ID,URL\n1,x\n").unwrap();
        assert!(matches!(requirements(&file), Err(BadTable::Column(_, "Req Set"))));
        assert!(matches!(requirements(&folder.path().join("none")), Err(BadTable::Unread(_))));
    }
}
