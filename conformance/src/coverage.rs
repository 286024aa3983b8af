//! Which clauses and requirements are looked at by which checks.
//!
//! A clause is covered by the checks that cite its very address. A requirement of a table is covered where a suite says that a
//! check is traced to it; where checks only cite the clause that it stands in, that is told apart: the clause may say more than
//! they look at. What neither is true of is not covered, and stands in the map too.

mod table;

pub use table::{BadTable, Requirement, requirements};

use std::collections::BTreeMap;

use serde::Serialize;

use crate::check::{Check, Status};
use crate::run::Run;
use crate::suite::{self, Suite};

/// A clause or requirement, and what looked at it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Covered {
    /// The address of the clause, or `SET@ID` of the requirement.
    pub what: String,
    /// Where the requirement is written; none for a clause, whose name is its address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clause: Option<String>,
    /// What its table says of it: how binding, for whom, in what words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub demanded: Option<Demanded>,
    /// How it is covered.
    pub how: How,
    /// The checks, and how they ended where they ran.
    pub by: Vec<Looked>,
}

/// What a table says of a requirement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Demanded {
    /// `SHALL`, `SHOULD NOT`, `MAY` and so on, as the table has it.
    pub grade: String,
    /// Who must meet it.
    pub actors: String,
    /// Its words.
    pub words: String,
}

/// How a clause or requirement is covered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum How {
    /// A suite says that checks are traced to it.
    Traced,
    /// Checks cite its clause.
    Cited,
    /// By nothing here.
    Uncovered,
}

impl How {
    /// One word for reports.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Traced => "traced",
            Self::Cited => "clause cited",
            Self::Uncovered => "not covered",
        }
    }
}

/// A check that looks at a clause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Looked {
    /// Its name.
    pub check: String,
    /// How it ended; none where it did not run.
    #[serde(serialize_with = "as_word", skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
}

#[expect(clippy::ref_option, reason = "serde asks for a reference to the field")]
fn as_word<S: serde::Serializer>(status: &Option<Status>, to: S) -> Result<S::Ok, S::Error> {
    match status {
        Some(status) => to.serialize_str(status.word()),
        None => to.serialize_none(),
    }
}

/// What is known of a clause or requirement after a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// A check that looks at it is unmet.
    Unmet,
    /// One that looks at it could not be judged.
    Unknown,
    /// All that looked at it are met.
    Met,
    /// Nothing looked at it.
    Untested,
}

impl Standing {
    /// In words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Unmet => "not met",
            Self::Unknown => "could not be judged",
            Self::Met => "met, as far as it was looked at",
            Self::Untested => "not tested",
        }
    }
}

impl Covered {
    /// What is known of it after a run. A note is a MAY that is not used: nothing is unmet by it, and nothing shown.
    #[must_use]
    pub fn standing(&self) -> Standing {
        let any = |wanted: &[Status]| {
            self.by.iter().filter_map(|looked| looked.status).any(|status| wanted.contains(&status))
        };
        if any(&[Status::Fail, Status::Warning]) {
            Standing::Unmet
        } else if any(&[Status::Error]) {
            Standing::Unknown
        } else if any(&[Status::Pass]) {
            Standing::Met
        } else {
            Standing::Untested
        }
    }
}

/// Every clause that checks of `suites` cite, by address.
#[must_use]
pub fn clauses(suites: &[Suite]) -> Vec<Covered> {
    let mut found: BTreeMap<&str, Vec<Looked>> = BTreeMap::new();
    for check in suites.iter().flat_map(|suite| suite.checks()) {
        found.entry(check.clause).or_default().push(looked(check));
    }
    let covered = |(clause, by): (&str, Vec<Looked>)| Covered {
        what: clause.to_owned(),
        clause: None,
        demanded: None,
        how: How::Cited,
        by,
    };
    found.into_iter().map(covered).collect()
}

/// How `wanted`, the rows of a table, are covered by `suites`, in their order.
#[must_use]
pub fn of_table(wanted: &[Requirement], suites: &[Suite]) -> Vec<Covered> {
    let all: Vec<(&'static Check, Vec<String>)> =
        suites.iter().flat_map(|suite| suite.checks()).map(|check| (check, traced(check.id))).collect();
    let covered = |wanted: &Requirement| {
        let name = wanted.name();
        let about = all.iter().filter(|(_, wanted)| wanted.contains(&name));
        let mut by: Vec<Looked> = about.map(|(check, _)| looked(check)).collect();
        let mut how = How::Traced;
        if by.is_empty() {
            let citing =
                all.iter().filter(|(check, _)| !wanted.url.is_empty() && same(check.clause, &wanted.url));
            by = citing.map(|(check, _)| looked(check)).collect();
            how = if by.is_empty() { How::Uncovered } else { How::Cited };
        }
        Covered {
            what: name,
            clause: Some(wanted.url.clone()).filter(|url| !url.is_empty()),
            demanded: Some(Demanded {
                grade: wanted.grade.clone(),
                actors: wanted.actors.clone(),
                words: wanted.words.clone(),
            }),
            how,
            by,
        }
    };
    wanted.iter().map(covered).collect()
}

/// The requirements that a check is traced to, as `SET@ID`.
#[must_use]
pub fn traced(check: &str) -> Vec<String> {
    let (set, numbers) = suite::requirements(check).unwrap_or_default();
    numbers.iter().map(|number| format!("{set}@{number}")).collect()
}

/// Says how the checks of `run` ended.
pub fn tell_of(run: &Run, map: &mut [Covered]) {
    let ended: BTreeMap<&str, Status> =
        run.findings().map(|finding| (finding.check.id, finding.status)).collect();
    for looked in map.iter_mut().flat_map(|covered| &mut covered.by) {
        looked.status = ended.get(looked.check.as_str()).copied();
    }
}

fn looked(check: &Check) -> Looked {
    Looked { check: check.id.to_owned(), status: None }
}

/// Whether two addresses lead to the same clause: by http or https, with or without the name of an index page.
fn same(one: &str, other: &str) -> bool {
    fn plain(address: &str) -> (String, &str) {
        let (page, anchor) = address.split_once('#').unwrap_or((address, ""));
        let page = page.trim_start_matches("https://").trim_start_matches("http://");
        let page = page.strip_suffix("index.html").unwrap_or(page).trim_end_matches('/');
        (page.to_ascii_lowercase(), anchor)
    }
    plain(one) == plain(other)
}

#[cfg(test)]
mod tests {
    use super::{Covered, How, Looked, Standing, same};
    use crate::check::Status;

    #[test]
    fn addresses_of_one_clause_are_the_same() {
        for (one, other) in [
            ("https://hl7.org/a/index.html#x", "http://hl7.org/a/#x"),
            ("https://HL7.org/a#x", "https://hl7.org/a/#x"),
        ] {
            assert!(same(one, other), "{one} {other}");
        }
        for (one, other) in
            [("https://hl7.org/a#x", "https://hl7.org/a#y"), ("https://hl7.org/a", "https://hl7.org/a#y")]
        {
            assert!(!same(one, other), "{one} {other}");
        }
    }

    #[test]
    fn what_is_known_of_a_clause_is_the_worst_that_was_found() {
        let standing = |statuses: &[Option<Status>]| {
            let by = statuses.iter().map(|status| Looked { check: String::new(), status: *status }).collect();
            Covered { what: String::new(), clause: None, demanded: None, how: How::Cited, by }.standing()
        };
        assert_eq!(standing(&[]), Standing::Untested);
        assert_eq!(standing(&[None, Some(Status::Skip), Some(Status::Note)]), Standing::Untested);
        assert_eq!(standing(&[None, Some(Status::Skip), Some(Status::Pass)]), Standing::Met);
        assert_eq!(standing(&[Some(Status::Pass), Some(Status::Error)]), Standing::Unknown);
        assert_eq!(standing(&[Some(Status::Error), Some(Status::Warning)]), Standing::Unmet);
        assert_eq!(standing(&[Some(Status::Pass), Some(Status::Fail)]), Standing::Unmet);
    }
}
