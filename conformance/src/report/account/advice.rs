//! What to do first, and what was left out and why: in sentences.

use std::collections::BTreeMap;

use super::{Account, Row};
use crate::check::Status;
use crate::run::Verdict;

/// Names that a sentence holds.
const NAMED_MAX: usize = 6;

/// The check that asks whether there is a CapabilityStatement.
const STATES: &str = "metadata-answers";

impl Account {
    /// What to do first, the most telling thing before the others. Empty where there is nothing to do.
    #[must_use]
    pub fn first_steps(&self) -> Vec<String> {
        let mut steps = Vec::new();
        if self.verdict == Verdict::Unusable {
            steps.push(
                "See that the base address is right and reachable from here, that its certificate is trusted (--ca), and that the \
                 token, if one is needed, still holds."
                    .to_owned(),
            );
            return steps;
        }
        let failed: Vec<&Row> = self.rows().filter(|row| row.status == Status::Fail).collect();
        if failed.iter().any(|row| row.id == STATES) {
            steps.push(
                "See first that the base address is right: what answers there to metadata is no CapabilityStatement in JSON, as a page to sign \
                 in, a redirect or another address on the same host would do. If it is wrong, nothing else here counts."
                    .to_owned(),
            );
        }
        if let Some(first) = failed.first() {
            let mut step = format!("Mend {} first: {}", first.id, first.said.line());
            if let Some(clause) = &first.clause {
                step.push_str(&format!(" ({clause})"));
            }
            steps.push(step);
        }
        let others = named(failed.iter().skip(1).map(|row| row.id.as_str()));
        if !others.is_empty() {
            steps.push(format!("Then {others}."));
        }
        for (reason, rows) in
            by_reason(self.rows().filter(|row| row.status == Status::Error)).into_iter().take(3)
        {
            let names = named(rows.iter().map(|row| row.id.as_str()));
            steps.push(format!("Find out why {names} could not be judged: {reason}."));
        }
        let advised = self.count(Status::Warning);
        if advised > 0 {
            let which = match advised {
                1 => "the warning, which fails nothing".to_owned(),
                _ => format!("the {advised} warnings, which fail nothing"),
            };
            let names =
                named(self.rows().filter(|row| row.status == Status::Warning).map(|row| row.id.as_str()));
            steps.push(format!("Look at {which}: {names}."));
        }
        let judged = self.rows().any(|row| !matches!(row.status, Status::Skip | Status::Error));
        if !judged && self.count(Status::Skip) > 0 {
            steps.push("Nothing was judged: see below what was left out, and why.".to_owned());
        }
        steps
    }
}

/// What was skipped, by reason; the reason for most first.
pub(super) fn skipped<'a>(rows: impl Iterator<Item = &'a Row>) -> Vec<String> {
    let groups = by_reason(rows.filter(|row| row.status == Status::Skip));
    let told = |(reason, rows): (String, Vec<&Row>)| {
        let names = named(rows.iter().map(|row| row.id.as_str()));
        format!("{} skipped, {reason}: {names}.", rows.len())
    };
    groups.into_iter().map(told).collect()
}

/// Rows by what was said of them; what was said of most first.
fn by_reason<'a>(rows: impl Iterator<Item = &'a Row>) -> Vec<(String, Vec<&'a Row>)> {
    let mut found: BTreeMap<String, Vec<&Row>> = BTreeMap::new();
    for row in rows {
        let said = row.said.line();
        let reason = if said.is_empty() { "for no reason that is told".to_owned() } else { said };
        found.entry(reason.trim_end_matches('.').to_owned()).or_default().push(row);
    }
    let mut groups: Vec<_> = found.into_iter().collect();
    groups.sort_by_key(|(_, rows)| std::cmp::Reverse(rows.len()));
    groups
}

/// Names with commas between them; when they are many, the first of them and how many more.
fn named<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.collect();
    let told: Vec<&str> = names.iter().copied().take(NAMED_MAX).collect();
    match names.len().saturating_sub(NAMED_MAX) {
        0 => told.join(", "),
        more => format!("{} and {more} more", told.join(", ")),
    }
}
