//! Systems without FHIR: their sources, and what can be asked of them at all.
//!
//! What can be answered is decided here by the mappings alone, before anything is asked: a type that no mapping makes,
//! and a search by an element that none writes, are refused by rule.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use adapters::mapping::Mapping;
use adapters::mapping::pull::{Compare, Ids};
use fhir::nhs_number::NhsNumber;
use fhir::search::{Criterion, SearchQuery, is_followed};
use fhir::tables::{self, Component, SearchParameter, TypeId};
use http::Uri;

use super::UpstreamCredentials;
use super::postgres::Postgres;

/// What a system without FHIR has.
#[derive(Debug)]
pub struct Mapped {
    /// How ids are made.
    pub ids: Ids,
    /// IANA zone of its local times.
    pub time_zone: String,
    /// Each serves other types.
    pub sources: Vec<Source>,
}

/// Where a system without FHIR keeps what.
#[derive(Debug)]
pub struct Source {
    /// What its records become.
    pub mapping: Arc<Mapping>,
    /// The types that are asked for here.
    pub types: BTreeSet<TypeId>,
    /// Where its records are.
    pub place: SourcePlace,
    /// The most rows that are read for one question.
    pub rows_max: usize,
}

/// Where records are.
#[derive(Debug, Clone)]
pub enum SourcePlace {
    /// In the newest complete file of a folder.
    Drop {
        /// The folder.
        folder: PathBuf,
        /// Which of its files.
        files: FileNames,
        /// A file counts once it has not changed for so long.
        quiet: Duration,
    },
    /// In a view of an SQLite database.
    Sqlite {
        /// The database.
        file: PathBuf,
        /// The view: letters, digits and underscores.
        view: String,
    },
    /// In a view of a PostgreSQL database.
    Postgres(Box<Postgres>),
    /// Behind an API that answers in JSON.
    Api(Api),
}

/// An API.
#[derive(Debug, Clone)]
pub struct Api {
    /// Its base, without a slash at the end.
    pub base: Uri,
    /// The authorities its certificate is checked against.
    pub ca: Option<PathBuf>,
    /// How the gateway proves itself.
    pub credentials: UpstreamCredentials,
    /// The way to the link to the next page; empty: there is one page.
    pub next: Vec<String>,
    /// What can be asked.
    pub asks: Vec<ApiAsk>,
}

/// One way in which an API can be asked.
#[derive(Debug, Clone)]
pub struct ApiAsk {
    /// What is wanted.
    pub kind: TypeId,
    /// The search parameter whose value is sent.
    pub by: String,
    /// Where.
    pub path: Template,
}

/// What follows the base of an API, with one place for a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    before: String,
    value: Valued,
    behind: String,
}

/// What stands in the place of a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Valued {
    Id,
    NhsNumber,
}

impl Template {
    /// Reads a path with `{id}` or `{nhs-number}` in it, once.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (name, value) = match text.contains("{id}") {
            true => ("{id}", Valued::Id),
            false => ("{nhs-number}", Valued::NhsNumber),
        };
        let (before, behind) = text.split_once(name)?;
        let is_plain = |part: &str| {
            part.bytes().all(|byte| byte.is_ascii_graphic() && !b"{}#\\\"<>".contains(&byte))
                && !part.contains("..")
        };
        (before.starts_with('/') && is_plain(before) && is_plain(behind)).then(|| Self {
            before: before.to_owned(),
            value,
            behind: behind.to_owned(),
        })
    }

    /// Whether the value stands in the query: a place that is not there at all is not the same as nobody found.
    #[must_use]
    pub fn is_query(&self) -> bool {
        self.before.contains('?')
    }

    /// The path for a value. Whatever is in that, it is one value in one place.
    #[must_use]
    pub fn with(&self, value: &str) -> String {
        let mut path = self.before.clone();
        for byte in value.bytes() {
            match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                    path.push(char::from(byte))
                }
                other => path.push_str(&format!("%{other:02X}")),
            }
        }
        path + &self.behind
    }
}

impl Api {
    /// Where a criterion is asked for, and the values that are sent; nothing where the API cannot be asked so.
    #[must_use]
    pub fn asked<'a>(
        &'a self,
        mapping: &Mapping,
        kind: TypeId,
        criterion: &Criterion,
    ) -> Option<(&'a Template, BTreeSet<String>)> {
        let ask = self.asks.iter().find(|ask| ask.kind == kind && ask.by == criterion.code())?;
        let mut values = BTreeSet::new();
        for all in mapping.must_equal(kind, criterion)? {
            let first = all.into_iter().next()?;
            let fits = match ask.path.value {
                Valued::Id => first.compare == Compare::Exact,
                Valued::NhsNumber => first.compare == Compare::Closed,
            };
            if !fits {
                return None;
            }
            // Dots alone would lead elsewhere in a path, and nobody has an NHS number that is none.
            let is_sent = match ask.path.value {
                Valued::Id => first.text.bytes().any(|byte| byte != b'.'),
                Valued::NhsNumber => NhsNumber::parse(&first.text).is_ok(),
            };
            if is_sent {
                values.insert(first.text);
            }
        }
        Some((&ask.path, values))
    }
}

impl Source {
    /// Whether the source can be asked for what a search may find: an API only as it is told how.
    fn can_be_asked(&self, query: &SearchQuery) -> bool {
        match &self.place {
            SourcePlace::Drop { .. } | SourcePlace::Sqlite { .. } | SourcePlace::Postgres(_) => true,
            SourcePlace::Api(api) => {
                let mut criteria = query.criteria().iter();
                criteria.any(|criterion| api.asked(&self.mapping, query.resource_type(), criterion).is_some())
            }
        }
    }
}

/// Names of files: what stands before and behind a `*`, or a whole name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileNames {
    before: String,
    behind: Option<String>,
}

impl FileNames {
    /// Reads a name in which one `*` may stand.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (before, behind) = match text.split_once('*') {
            Some((before, behind)) => (before, Some(behind)),
            None => (text, None),
        };
        let is_plain = !text.is_empty()
            && !text.starts_with('.')
            && !text.contains(['/', '\\'])
            && !behind.unwrap_or_default().contains('*');
        is_plain.then(|| Self { before: before.to_owned(), behind: behind.map(str::to_owned) })
    }

    /// Whether a file of this name is meant. One that begins with a dot never is.
    #[must_use]
    pub fn fit(&self, name: &str) -> bool {
        let fits = match &self.behind {
            None => name == self.before,
            Some(behind) => {
                name.strip_prefix(self.before.as_str()).is_some_and(|rest| rest.ends_with(behind.as_str()))
            }
        };
        fits && !name.starts_with('.')
    }
}

impl Mapped {
    /// The source that is asked for a type.
    #[must_use]
    pub fn source_of(&self, kind: TypeId) -> Option<&Source> {
        self.sources.iter().find(|source| source.types.contains(&kind))
    }

    /// Whether a search by this parameter can be answered.
    #[must_use]
    pub fn answers_parameter(&self, kind: TypeId, parameter: &'static SearchParameter) -> bool {
        let reads = parameter.reads().unwrap_or_default();
        // Nothing meets a composite of which one component is never written.
        let components = parameter.components().iter().map(Component::reads);
        let is_told = |source: &Source| {
            std::iter::once(reads).chain(components).all(|reads| source.mapping.tells(kind, reads))
        };
        self.source_of(kind).is_some_and(is_told) && is_followed(kind, parameter)
    }

    /// Whether every criterion of a search can be answered.
    #[must_use]
    pub fn answers(&self, query: &SearchQuery) -> bool {
        let kind = query.resource_type();
        let mut codes = query.criteria().iter().map(|criterion| criterion.code());
        let can_be_asked = self.source_of(kind).is_some_and(|source| source.can_be_asked(query));
        can_be_asked
            && codes.all(|code| {
                tables::search_parameter(kind, code)
                    .is_some_and(|parameter| self.answers_parameter(kind, parameter))
            })
    }
}

#[cfg(test)]
mod tests {
    use super::{FileNames, Template};

    #[test]
    fn a_value_is_one_value_in_one_place_of_a_path() {
        let template = Template::parse("/residents/{id}/notes?all=1").unwrap();
        for (value, path) in [
            ("R-1", "/residents/R-1/notes?all=1"),
            ("../admin?x#", "/residents/..%2Fadmin%3Fx%23/notes?all=1"),
            ("%2e é", "/residents/%252e%20%C3%A9/notes?all=1"),
        ] {
            assert_eq!(template.with(value), path);
        }
        assert!(Template::parse("/people?nhs={nhs-number}").is_some());
        for text in [
            "",
            "/residents",
            "residents/{id}",
            "/{id}/{id}",
            "/{ID}",
            "/../{id}",
            "/{id}#x",
            "/{id}{nhs-number}",
        ] {
            assert_eq!(Template::parse(text), None, "{text}");
        }
    }

    #[test]
    fn names_of_files_hold_one_star_and_no_way_out_of_the_folder() {
        let names = FileNames::parse("people-*.csv").unwrap();
        for (name, fits) in [
            ("people-2026.csv", true),
            ("people-.csv", true),
            ("people.csv", false),
            ("people-2026.csv.part", false),
            (".people-2026.csv", false),
        ] {
            assert_eq!(names.fit(name), fits, "{name}");
        }
        assert!(FileNames::parse("whole.csv").unwrap().fit("whole.csv"));
        for text in ["", "../people.csv", "a*b*c", ".hidden", "a\\b"] {
            assert_eq!(FileNames::parse(text), None, "{text}");
        }
        let short = FileNames::parse("ab*bc").unwrap();
        assert!(!short.fit("abc"), "the two ends do not share letters");
    }
}
