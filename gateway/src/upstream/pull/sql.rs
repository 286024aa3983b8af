//! What of a search a database is asked for: conditions on the cells of a view, whichever database it is in.
//!
//! What a client says stands among the values alone. Which conditions there are follows from the search, the mapping and the
//! names of the columns, never from what is in a row.

use std::collections::BTreeMap;

use adapters::mapping::pull::{Compare, Equal, View};
use adapters::mapping::{Mapping, Refused};
use fhir::search::SearchQuery;

use super::gathered::Gathered;
use crate::upstream::UpstreamFault;

/// The most bytes of one row.
pub(super) const ROW_BYTES_MAX: usize = 16 << 20;
/// Values that are asked for at once; beyond them the column is not asked.
const VALUES_MAX: usize = 10_000;
/// White space that a mapping does not take for a part of a value.
const WHITE: &str = "\u{9}\u{a}\u{b}\u{c}\u{d}\u{20}\u{85}\u{a0}\u{1680}\u{2000}\u{2001}\u{2002}\u{2003}\u{2004}\
                     \u{2005}\u{2006}\u{2007}\u{2008}\u{2009}\u{200a}\u{2028}\u{2029}\u{202f}\u{205f}\u{3000}";

/// A column of a view.
#[derive(Debug)]
pub(super) struct Column {
    /// As the database calls it.
    pub(super) name: String,
    /// The expression that tells its cell as text.
    pub(super) cell: String,
}

/// What stands before the number of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Places {
    /// `?1`
    Question,
    /// `$1`
    Dollar,
}

/// The rows of a view that are asked for: what follows its name, with places for values, and the values.
pub(super) struct Conditions {
    pub(super) text: String,
    pub(super) values: Vec<String>,
    places: Places,
}

/// A name, whatever is in it.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The conditions of a search on the view `from`; nothing where no row can match.
pub(super) fn conditions(
    query: &SearchQuery,
    mapping: &Mapping,
    columns: &[Column],
    from: &str,
    places: Places,
) -> Option<Conditions> {
    let mut asked = Conditions { text: String::new(), values: vec![WHITE.to_owned()], places };
    let kind = query.resource_type();
    let mut holds = Vec::new();
    for criterion in query.criteria() {
        let Some(any) = mapping.must_equal(kind, criterion) else { continue };
        if asked.values.len() + any.iter().map(Vec::len).sum::<usize>() > VALUES_MAX {
            continue;
        }
        if any.is_empty() {
            return None;
        }
        holds.extend(asked.any_of(&any, columns));
    }
    if holds.is_empty() {
        asked.values.clear();
        return Some(asked);
    }
    let holds = holds.join(" AND ");
    // Every row of what is found, so that one that says something else under the same id is seen.
    let keys = mapping.keyed_by(kind).unwrap_or_default();
    let keys: Option<Vec<String>> = keys
        .iter()
        .map(|key| Some(format!("coalesce({}, '')", asked.trimmed(actual(key, columns)?))))
        .collect();
    asked.text = match keys.filter(|keys| !keys.is_empty()).map(|keys| keys.join(", ")) {
        Some(keys) => format!(" WHERE ({keys}) IN (SELECT {keys} FROM {from} WHERE {holds})"),
        None => format!(" WHERE {holds}"),
    };
    Some(asked)
}

/// Takes what a row becomes; one without cells cannot be translated.
pub(super) fn give(
    rows: &mut View<'_>,
    (cells, asked): (Option<Vec<&str>>, &Conditions),
    gathered: &mut Gathered,
) -> Result<(), UpstreamFault> {
    let Some(cells) = cells else {
        // Whose it is was told by the database alone, if it was asked.
        match asked.text.is_empty() {
            true => gathered.refuse([]),
            false => gathered.refuse_unread(),
        }
        return Ok(());
    };
    match rows.row(cells.iter().copied()) {
        Ok(pulled) => pulled.made.into_iter().try_for_each(|made| gathered.take(made))?,
        Err(Refused::NothingBuilt { .. }) => {}
        Err(_) => gathered.refuse(cells),
    }
    Ok(())
}

impl Places {
    const fn mark(self) -> char {
        match self {
            Self::Question => '?',
            Self::Dollar => '$',
        }
    }
}

impl Conditions {
    /// A condition that one of these holds; nothing where it names a column that is not there, which is found out when
    /// rows are read.
    fn any_of(&mut self, any: &[Vec<Equal>], columns: &[Column]) -> Option<String> {
        let mut alone: BTreeMap<(&str, Compare), Vec<&str>> = BTreeMap::new();
        let mut together = Vec::new();
        for all in any {
            let cell = |one: &'_ Equal| Some(actual(&one.column, columns)?.cell.as_str());
            match all.as_slice() {
                [one] => alone.entry((cell(one)?, one.compare)).or_default().push(&one.text),
                several => {
                    let cells: Option<Vec<&str>> = several.iter().map(cell).collect();
                    together.push((several, cells?));
                }
            }
        }
        let mut holds = Vec::new();
        for (several, cells) in together {
            let mut parts = Vec::new();
            for (one, cell) in several.iter().zip(cells) {
                parts.push(format!("{} = {}", self.compared(cell, one.compare), self.place(&one.text)));
            }
            holds.push(format!("({})", parts.join(" AND ")));
        }
        for ((cell, compare), texts) in alone {
            let places: Vec<String> = texts.into_iter().map(|text| self.place(text)).collect();
            holds.push(format!("{} IN ({})", self.compared(cell, compare), places.join(", ")));
        }
        Some(format!("({})", holds.join(" OR ")))
    }

    /// A place for a value.
    fn place(&mut self, text: &str) -> String {
        self.values.push(text.to_owned());
        format!("{}{}", self.places.mark(), self.values.len())
    }

    fn compared(&self, cell: &str, compare: Compare) -> String {
        let cell = self.without_white(cell);
        match compare {
            Compare::Exact => cell,
            Compare::Folded => format!("lower({cell})"),
            Compare::Closed => format!("replace(replace({cell}, ' ', ''), '-', '')"),
        }
    }

    fn trimmed(&self, column: &Column) -> String {
        self.without_white(&column.cell)
    }

    /// A cell as a mapping reads it. The first value of every statement is what counts as white space.
    fn without_white(&self, cell: &str) -> String {
        format!("trim({cell}, {}1)", self.places.mark())
    }
}

/// The column of a view: a mapping does not mind case, spaces, hyphens and underscores.
fn actual<'c>(written: &str, columns: &'c [Column]) -> Option<&'c Column> {
    let wanted = adapters::mapping::pull::folded_column(written);
    columns.iter().find(|column| adapters::mapping::pull::folded_column(&column.name) == wanted)
}

#[cfg(test)]
mod tests {
    use adapters::mapping::Mapping;
    use fhir::reference::Bases;
    use fhir::search::{SearchQuery, form, grammar};
    use fhir::tables;

    use super::{Column, Places, WHITE, conditions};

    const MAPPING: &str = r#"
mapping = "people"
[source]
format = "csv"
[[resource]]
type = "Patient"
name = "person"
id_from = ["No"]
[resource.elements]
"identifier[local]" = { from = "No", system = "urn:no" }
"identifier[other]" = { from = "Other", system = "urn:other" }
"#;

    /// What is asked of a view with these columns for a search by identifier.
    fn asked(value: &str, columns: &[&str], places: Places) -> Option<(String, usize)> {
        let mapping = Mapping::load("people.toml", MAPPING).unwrap();
        let parameters = grammar::parse(&form([("identifier".to_owned(), value.to_owned())])).unwrap();
        let kind = tables::resource_type("Patient").unwrap();
        let query = SearchQuery::compile(kind, &parameters, &Bases::none()).unwrap();
        let column = |name: &&str| Column { name: (*name).to_owned(), cell: format!("<{name}>") };
        let columns: Vec<Column> = columns.iter().map(column).collect();
        let asked = conditions(&query, &mapping, &columns, "people", places)?;
        Some((asked.text, asked.values.len()))
    }

    #[test]
    fn conditions_hold_places_and_names_of_columns_alone() {
        let (text, values) = asked("secret' --", &["no", "other"], Places::Dollar).unwrap();
        assert_eq!(values, 3);
        assert_eq!(
            text,
            " WHERE (coalesce(trim(<no>, $1), '')) IN (SELECT coalesce(trim(<no>, $1), '') FROM people WHERE \
             (trim(<no>, $1) IN ($2) OR trim(<other>, $1) IN ($3)))"
        );
        let other = asked("secret' --", &["no", "other"], Places::Question).unwrap();
        assert_eq!(other, (text.replace('$', "?"), values));
    }

    #[test]
    fn a_column_that_is_not_there_leaves_no_value_without_a_place() {
        assert_eq!(asked("urn:no|1", &["number"], Places::Dollar), Some((String::new(), 0)));
    }

    #[test]
    fn the_page_on_mappings_says_how_columns_are_indexed() {
        let written = |letter: char| match letter {
            '\t' => "\\t".to_owned(),
            '\n' => "\\n".to_owned(),
            '\u{b}' => "\\x0b".to_owned(),
            '\u{c}' => "\\f".to_owned(),
            '\r' => "\\r".to_owned(),
            ' ' => " ".to_owned(),
            other => format!("\\u{:04x}", u32::from(other)),
        };
        let white: String = WHITE.chars().map(written).collect();
        let page = include_str!("../../../../docs/mapping.md");
        assert_eq!(page.matches(&format!("::text COLLATE \"C\", E'{white}')")).count(), 2);
    }
}
