//! The account of attacks.

use std::time::Duration;

use super::{Account, Group, Row, Said, Steps, Weight, advice};
use crate::check;
use crate::privacy::bench::Outcome;
use crate::privacy::worlds::Comparison;
use crate::privacy::{Finding, Run, Status};
use crate::run::{Usable, Verdict};

impl Account {
    /// The account of a run of the privacy suite.
    #[must_use]
    pub fn of_attacks(run: &Run) -> Self {
        let mut groups: Vec<Group> = Vec::new();
        for finding in &run.findings {
            let name = finding.kind.name();
            match groups.iter_mut().find(|group| group.name == name) {
                Some(group) => group.rows.push(Row::from(finding)),
                None => groups.push(group(name, finding.kind.about(), vec![Row::from(finding)])),
            }
        }
        if !run.unknown_gaps.is_empty() {
            let rows = run.unknown_gaps.iter().map(|id| unknown_gap(id)).collect();
            groups.push(group("gaps", "the list of attacks that may fail", rows));
        }
        if let Some(worlds) = &run.worlds {
            groups.push(group("worlds", "worlds that differ only in what is hidden", vec![compared(worlds)]));
        }
        for group in &mut groups {
            group.took = group.rows.iter().map(|row| row.took).sum();
        }
        let untested = advice::skipped(groups.iter().flat_map(|group| &group.rows));
        let mut notes = Vec::new();
        if run.late > 0 {
            notes.push(format!("{} attacks were left out because the time was over.", run.late));
        }
        Self {
            what: "Privacy",
            base: run.base.clone(),
            began: run.began,
            took: run.took,
            verdict: run.verdict(),
            sentence: sentence(run),
            groups,
            untested,
            notes,
            asked: Vec::new(),
            coverage: Vec::new(),
        }
    }
}

fn group(name: &str, about: &str, rows: Vec<Row>) -> Group {
    Group { name: name.to_owned(), about: about.to_owned(), began: None, rows, took: Duration::ZERO }
}

impl From<&Finding> for Row {
    fn from(finding: &Finding) -> Self {
        let (status, nuance) = match finding.status() {
            Status::Pass => (check::Status::Pass, None),
            Status::Fail => (check::Status::Fail, None),
            Status::Vacuous => (check::Status::Fail, Some("nothing is proved")),
            Status::Gap => (check::Status::Warning, Some("a known gap")),
            Status::Mended => {
                (check::Status::Fail, Some("it holds, and is still on the list of attacks that may fail"))
            }
            Status::NotRun => (check::Status::Skip, Some("not run")),
            Status::Manual => (check::Status::Skip, Some("a person has to look")),
        };
        let said = match &finding.outcome {
            Outcome::Held(_) if finding.status() == Status::Pass => Said::Nothing,
            Outcome::Manual => Said::Reason("a person has to look".to_owned()),
            Outcome::Held(text) | Outcome::Leaked(text) | Outcome::Vacuous(text) | Outcome::NotRun(text) => {
                Said::Reason(text.clone())
            }
        };
        Self {
            id: finding.id.clone(),
            title: finding.title.clone(),
            status,
            nuance,
            weight: Weight::Severe(finding.severity.clone()),
            why: None,
            clause: None,
            said,
            steps: Steps::Requests(Vec::new()),
            took: finding.took,
        }
    }
}

fn unknown_gap(id: &str) -> Row {
    Row {
        id: id.to_owned(),
        title: "an attack that may fail is in the battery".to_owned(),
        status: check::Status::Fail,
        nuance: None,
        weight: Weight::Unsaid,
        why: None,
        clause: None,
        said: Said::Reason("the list of gaps names what the battery does not have".to_owned()),
        steps: Steps::Requests(Vec::new()),
        took: Duration::ZERO,
    }
}

fn compared(worlds: &Comparison) -> Row {
    let status = match (worlds.faults.is_empty(), worlds.compared) {
        (false, _) => check::Status::Fail,
        (true, 0) => check::Status::Skip,
        (true, _) => check::Status::Pass,
    };
    let (count, served, distinct) = (worlds.compared, worlds.served, worlds.distinct);
    let mut said = format!("{count} requests, {served} served with {distinct} distinct answers");
    for fault in &worlds.faults {
        said.push_str("; ");
        said.push_str(fault);
    }
    Row {
        id: format!("worlds from seed {}", worlds.seed),
        title: "every world answers alike".to_owned(),
        status,
        nuance: None,
        weight: Weight::Unsaid,
        why: None,
        clause: None,
        said: Said::Reason(said),
        steps: Steps::Requests(Vec::new()),
        took: Duration::ZERO,
    }
}

fn sentence(run: &Run) -> String {
    if run.target != Usable::Yes {
        return "The target cannot be tested: nothing listens there.".to_owned();
    }
    let (leaked, vacuous) = (run.count(Status::Fail), run.count(Status::Vacuous));
    let (held, gaps) = (run.count(Status::Pass), run.count(Status::Gap));
    let listed = run.count(Status::Mended) + run.unknown_gaps.len();
    let apart = run.worlds.as_ref().map_or(0, |worlds| worlds.fault_count);
    let known = if gaps > 0 { format!(" {gaps} known gaps remain.") } else { String::new() };
    match run.verdict() {
        Verdict::Pass => format!("Pass: nothing hidden came out of what was run ({held} attacks).{known}"),
        Verdict::Fail => format!(
            "Fail: by {leaked} attacks something hidden came out or was harmed, {vacuous} proved nothing, {apart} answers of worlds \
             differ, and in {listed} places the list of gaps is wrong.{known}"
        ),
        Verdict::Error => "Error: nothing could be run, or the time was over.".to_owned(),
        Verdict::Unusable => "The target cannot be tested.".to_owned(),
    }
}
