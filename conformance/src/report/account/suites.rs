//! The account of suites.

use std::time::Duration;

use super::{Account, Group, Row, Said, Steps, Weight, advice};
use crate::check::{Finding, Grade, Otherwise, Status};
use crate::coverage::{self, Requirement};
use crate::run::{Run, Usable, Verdict};
use crate::suite::Suite;

impl Account {
    /// The account of a run of suites; `wanted` are rows of tables whose coverage is asked for.
    #[must_use]
    pub fn of_suites(run: &Run, wanted: &[Requirement]) -> Self {
        let chosen: Vec<Suite> = run.suites.iter().map(|(suite, _)| *suite).collect();
        let mut coverage = coverage::clauses(&chosen);
        coverage.extend(coverage::of_table(wanted, &chosen));
        coverage::tell_of(run, &mut coverage);
        let groups: Vec<Group> = run.suites.iter().map(|(suite, findings)| group(*suite, findings)).collect();
        let mut untested = advice::skipped(groups.iter().flat_map(|group| &group.rows));
        let others: Vec<&str> = Suite::ALL
            .into_iter()
            .filter(|suite| !chosen.contains(suite) && !suite.checks().is_empty())
            .map(Suite::name)
            .chain(["privacy"])
            .collect();
        untested.push(format!("Suites that were not chosen: {}.", others.join(", ")));
        let mut notes = Vec::new();
        if run.left > 0 {
            notes.push(format!(
                "{} resources of invented people that this run made are still there: the target did not delete them.",
                run.left
            ));
        }
        Self {
            what: "Conformance",
            base: run.base.clone(),
            began: run.began,
            took: run.took,
            verdict: run.verdict(),
            sentence: sentence(run),
            groups,
            untested,
            notes,
            asked: run.asked.clone(),
            coverage,
        }
    }
}

fn group(suite: Suite, findings: &[Finding]) -> Group {
    Group {
        name: suite.name().to_owned(),
        about: suite.about().to_owned(),
        began: None,
        rows: findings.iter().map(Row::from).collect(),
        took: findings.iter().map(|finding| finding.took).sum::<Duration>(),
    }
}

impl From<&Finding> for Row {
    fn from(finding: &Finding) -> Self {
        let said = match &finding.judgement {
            Ok(()) => Said::Nothing,
            Err(Otherwise::Unmet { expected, found }) => {
                Said::Difference { expected: expected.clone(), found: found.clone() }
            }
            Err(Otherwise::Skipped(reason) | Otherwise::Error(reason)) => {
                Said::Reason(reason.clone().into_owned())
            }
        };
        Self {
            id: finding.check.id.to_owned(),
            title: finding.check.title.to_owned(),
            status: finding.status,
            nuance: None,
            weight: Weight::Graded(finding.check.grade),
            why: Some(finding.check.why.to_owned()),
            clause: Some(finding.check.clause.to_owned()),
            said,
            steps: Steps::Requests(finding.exchanged.clone()),
            took: finding.took,
        }
    }
}

fn sentence(run: &Run) -> String {
    match run.target {
        Usable::Yes => {}
        Usable::Silent(trouble) => {
            return format!("The target cannot be tested: GET metadata had no answer ({trouble}).");
        }
        Usable::StatesNothing => {
            return "The target cannot be tested: it has no CapabilityStatement to go by.".to_owned();
        }
    }
    let count = |grade: Grade, statuses: &[Status]| {
        let counts = |finding: &&Finding| finding.check.grade == grade && statuses.contains(&finding.status);
        run.findings().filter(counts).count()
    };
    let shall_met = count(Grade::Shall, &[Status::Pass]);
    let shall_unmet = count(Grade::Shall, &[Status::Fail]);
    let shall = shall_met + shall_unmet;
    let errors = run.count(Status::Error);
    let should_unmet = count(Grade::Should, &[Status::Warning]);
    let should = should_unmet + count(Grade::Should, &[Status::Pass]);
    let unknown = match errors {
        0 => String::new(),
        1 => " 1 check could not be found out.".to_owned(),
        _ => format!(" {errors} checks could not be found out."),
    };
    let advised =
        if should_unmet > 0 { format!(" {}.", unmet(should_unmet, should, "SHOULD")) } else { String::new() };
    match run.verdict() {
        Verdict::Pass => format!("Pass: {}.{advised}", met(shall)),
        Verdict::Fail => format!("Fail: {}.{unknown}{advised}", unmet(shall_unmet, shall, "SHALL")),
        Verdict::Error if shall + should == 0 && errors == 0 => "Error: nothing was checked.".to_owned(),
        Verdict::Error => {
            let met = met(shall);
            format!("Error: not everything could be found out.{unknown} Of the rest, {met}.{advised}")
        }
        Verdict::Unusable => "The target cannot be tested.".to_owned(),
    }
}

fn met(shall: usize) -> String {
    match shall {
        0 => "no SHALL was judged".to_owned(),
        1 => "the one SHALL that was judged is met".to_owned(),
        _ => format!("all {shall} SHALLs that were judged are met"),
    }
}

fn unmet(unmet: usize, all: usize, word: &str) -> String {
    let are = if unmet == 1 { "is" } else { "are" };
    let plural = if all == 1 { "" } else { "s" };
    format!("{unmet} of {all} {word}{plural} {are} not met")
}
