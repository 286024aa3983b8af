//! The account of scripts.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::{Account, Action, Group, Row, Said, Steps, Weight, advice};
use crate::check::Status;
use crate::coverage::{Covered, How, Looked};
use crate::run::Verdict;
use crate::script::{ActionRun, Outcome, ScriptRun, ScriptsRun, TestRun};

impl Account {
    /// The account of scripts that were run against `base`.
    #[must_use]
    pub fn of_scripts(run: &ScriptsRun, base: &str) -> Self {
        let mut groups: Vec<Group> = run.scripts.iter().map(group).collect();
        if !run.unread.is_empty() {
            groups.push(unread(run));
        }
        let (began, took) = span(&run.scripts);
        let untested = advice::skipped(groups.iter().flat_map(|group| &group.rows));
        Self {
            what: "TestScripts",
            base: base.to_owned(),
            began,
            took,
            verdict: run.verdict(),
            sentence: sentence(run),
            groups,
            untested,
            notes: unsupported(run),
            asked: Vec::new(),
            coverage: coverage(run),
        }
    }
}

fn group(script: &ScriptRun) -> Group {
    let mut rows: Vec<Row> = Vec::new();
    rows.extend(script.setup.iter().map(|part| row(part, Counts::Yes)));
    rows.extend(script.tests.iter().map(|part| row(part, Counts::Yes)));
    // What a teardown comes to does not count.
    rows.extend(script.teardown.iter().map(|part| row(part, Counts::No)));
    let told = rows.iter().map(|row| badness(row.status)).max();
    // What kept it from running is told by none of its tests.
    if told.is_none_or(|told| told < badness(status(script.outcome))) {
        rows.insert(
            0,
            Row {
                id: script.name.clone(),
                title: "the script as a whole".to_owned(),
                status: status(script.outcome),
                nuance: None,
                weight: Weight::Unsaid,
                why: None,
                clause: None,
                said: reason(&script.message),
                steps: Steps::Actions(Vec::new()),
                took: Duration::ZERO,
            },
        );
    }
    Group {
        name: script.name.clone(),
        about: script.file.display().to_string(),
        began: script.began.parse().ok(),
        rows,
        took: script.took,
    }
}

#[derive(Clone, Copy)]
enum Counts {
    Yes,
    No,
}

fn row(part: &TestRun, counts: Counts) -> Row {
    let first = part.actions.iter().find(|action| action.outcome == part.outcome);
    let message = match (&part.message, part.outcome) {
        (message, _) if !message.is_empty() => message.as_str(),
        (_, Outcome::Pass) => "",
        _ => first.map_or("", |action| action.message.as_str()),
    };
    let (status, nuance) = match (counts, status(part.outcome)) {
        (Counts::Yes, status) => (status, None),
        (Counts::No, status @ (Status::Pass | Status::Note | Status::Skip)) => (status, None),
        (Counts::No, Status::Fail | Status::Error | Status::Warning) => {
            (Status::Note, Some("a teardown does not count"))
        }
    };
    Row {
        id: part.name.clone(),
        title: part.description.clone().unwrap_or_default(),
        status,
        nuance,
        weight: Weight::Unsaid,
        why: None,
        clause: None,
        said: reason(message),
        steps: Steps::Actions(actions(&part.actions)),
        took: part.took,
    }
}

/// Actions, those of scripts within after the action that ran them.
fn actions(ran: &[ActionRun]) -> Vec<Action> {
    let mut found = Vec::new();
    for action in ran {
        found.push(Action {
            label: action.label.clone(),
            status: status(action.outcome),
            message: action.message.clone(),
            details: action.details.clone(),
        });
        for part in action.within.iter().flat_map(ScriptRun::parts) {
            found.extend(actions(&part.actions));
        }
    }
    found
}

fn unread(run: &ScriptsRun) -> Group {
    let row = |(file, why): &(std::path::PathBuf, String)| Row {
        id: file.display().to_string(),
        title: String::new(),
        status: Status::Error,
        nuance: None,
        weight: Weight::Unsaid,
        why: None,
        clause: None,
        said: reason(why),
        steps: Steps::Actions(Vec::new()),
        took: Duration::ZERO,
    };
    Group {
        name: "unread".to_owned(),
        about: "files that were asked for and are no scripts that can be run".to_owned(),
        began: None,
        rows: run.unread.iter().map(row).collect(),
        took: Duration::ZERO,
    }
}

const fn status(outcome: Outcome) -> Status {
    match outcome {
        Outcome::Pass => Status::Pass,
        Outcome::Skip => Status::Skip,
        Outcome::Warning => Status::Warning,
        Outcome::Fail => Status::Fail,
        Outcome::Error => Status::Error,
    }
}

const fn badness(status: Status) -> u8 {
    match status {
        Status::Skip => 0,
        Status::Pass | Status::Note => 1,
        Status::Warning => 2,
        Status::Fail => 3,
        Status::Error => 4,
    }
}

fn reason(message: &str) -> Said {
    if message.is_empty() { Said::Nothing } else { Said::Reason(message.to_owned()) }
}

/// From when the first script began to when the last ended.
fn span(scripts: &[ScriptRun]) -> (Timestamp, Duration) {
    let times = scripts.iter().filter_map(|script| {
        let began: Timestamp = script.began.parse().ok()?;
        let ended = began.checked_add(SignedDuration::try_from(script.took).ok()?).ok()?;
        Some((began, ended))
    });
    let (mut first, mut last) = (None, None);
    for (began, ended) in times {
        first = Some(first.map_or(began, |held: Timestamp| held.min(began)));
        last = Some(last.map_or(ended, |held: Timestamp| held.max(ended)));
    }
    match (first, last) {
        (Some(first), Some(last)) => {
            (first, Duration::try_from(last.duration_since(first)).unwrap_or_default())
        }
        _ => (Timestamp::now(), Duration::ZERO),
    }
}

fn sentence(run: &ScriptsRun) -> String {
    let all = run.scripts.len();
    let (failed, errors) = (run.count(Outcome::Fail), run.count(Outcome::Error) + run.unread.len());
    let unknown = match errors {
        0 => String::new(),
        1 => " 1 could not be run or judged whole.".to_owned(),
        _ => format!(" {errors} could not be run or judged whole."),
    };
    match run.verdict() {
        Verdict::Pass => {
            let skipped = run.count(Outcome::Skip);
            let left = if skipped > 0 { format!(" {skipped} were skipped.") } else { String::new() };
            format!("Pass: every assert that was made holds, in {} of {all} scripts.{left}", all - skipped)
        }
        Verdict::Fail => format!("Fail: in {failed} of {all} scripts an assert does not hold.{unknown}"),
        Verdict::Error if failed > 0 => format!(
            "Error: some of this asks for what is not supported here.{unknown} In {failed} of {all} scripts an assert does not hold."
        ),
        Verdict::Error if errors == 0 => "Error: nothing was judged: every script was skipped.".to_owned(),
        Verdict::Error => format!("Error: of {all} scripts not all could be judged.{unknown}"),
        Verdict::Unusable => "The target cannot be tested: no request was answered.".to_owned(),
    }
}

fn unsupported(run: &ScriptsRun) -> Vec<String> {
    let mut found: Vec<&str> = run.scripts.iter().flat_map(ScriptRun::unsupported).collect();
    found.sort_unstable();
    found.dedup();
    let more = found.len().saturating_sub(20);
    let mut told: Vec<String> = found.into_iter().take(20).map(str::to_owned).collect();
    if more > 0 {
        told.push(format!("and {more} more that are unsupported"));
    }
    told
}

/// What scripts say that their asserts are traced to.
fn coverage(run: &ScriptsRun) -> Vec<Covered> {
    let mut found: BTreeMap<&str, BTreeMap<String, Outcome>> = BTreeMap::new();
    for script in &run.scripts {
        for part in script.parts() {
            for action in &part.actions {
                for requirement in &action.requirements {
                    let name = format!("{}: {}", script.name, part.name);
                    let held = found.entry(requirement).or_default().entry(name).or_insert(action.outcome);
                    *held = (*held).max(action.outcome);
                }
            }
        }
    }
    let covered = |(what, by): (&str, BTreeMap<String, Outcome>)| Covered {
        what: what.to_owned(),
        clause: None,
        demanded: None,
        how: How::Traced,
        by: by.into_iter().map(|(check, outcome)| Looked { check, status: Some(status(outcome)) }).collect(),
    };
    found.into_iter().map(covered).collect()
}
