//! For a person at a terminal.

use super::account::{Account, Row, Steps};
use super::paint::Paint;
use super::summary::summary;
use crate::check::{Check, Status};
use crate::coverage::{Covered, How, traced};
use crate::privacy::battery::Attack;
use crate::run::{Run, Usable};
use crate::suite::Suite;

/// A line per check, the first failure in full, a summary.
#[must_use]
pub fn terminal(run: &Run) -> String {
    let account = Account::of_suites(run, &[]);
    let mut out = lines(run, Paint::Plain);
    if run.target == Usable::Yes
        && let Some(first) = account.rows().find(|row| row.status == Status::Fail)
    {
        out.push_str(&in_full(first, Paint::Plain));
    }
    out.push_str(&summary(&account, Paint::Plain));
    out
}

/// A line per check.
#[must_use]
pub fn lines(run: &Run, paint: Paint) -> String {
    let mut out = format!("\nConformance of {}\n", run.base);
    if run.target != Usable::Yes {
        return out;
    }
    for (suite, findings) in &run.suites {
        line(&mut out, format_args!("\n{}", suite.name()));
        for finding in findings {
            line(&mut out, format_args!("  {} {}", paint.status(finding.status), finding.check.id));
            if finding.status != Status::Pass {
                line(&mut out, format_args!("           {}", finding.detail()));
            }
        }
    }
    out
}

/// The first failure, with all that is known of it.
#[must_use]
pub fn in_full(row: &Row, paint: Paint) -> String {
    let mut out = String::new();
    line(&mut out, format_args!("\nThe first failure in full: {}", row.id));
    let title = format!("{} {}", row.weight.word(), row.title);
    if !title.trim().is_empty() {
        line(&mut out, format_args!("  {}", title.trim()));
    }
    if let Some(why) = &row.why {
        line(&mut out, format_args!("  because {why}"));
    }
    line(&mut out, format_args!("  {} {}", paint.status(row.status).trim_end(), row.said.line()));
    if let Some(clause) = &row.clause {
        line(&mut out, format_args!("  clause: {clause}"));
    }
    match &row.steps {
        Steps::Requests(asked) => {
            for exchanged in asked {
                let status =
                    exchanged.status.map_or_else(|| "no answer".to_owned(), |status| status.to_string());
                let (method, path, ms) = (&exchanged.method, &exchanged.path, exchanged.took.as_millis());
                line(&mut out, format_args!("    {method} {path}: {status}, {ms} ms"));
            }
        }
        Steps::Actions(done) => {
            for action in done {
                let status = paint.status(action.status);
                line(&mut out, format_args!("    {status} {}", action.label));
                if !action.message.is_empty() {
                    line(&mut out, format_args!("             {}", action.message));
                }
                for detail in &action.details {
                    line(&mut out, format_args!("               {detail}"));
                }
            }
        }
    }
    out
}

/// Every suite and its checks.
#[must_use]
pub fn list() -> String {
    let mut out = String::new();
    for suite in Suite::ALL {
        line(&mut out, format_args!("{}: {}", suite.name(), suite.about()));
        for check in suite.checks() {
            line(&mut out, format_args!("  {:<32} {:<6} {}", check.id, check.grade.word(), check.title));
        }
    }
    line(
        &mut out,
        format_args!("privacy: attacks from a battery, which `list --battery FILE` lists; see `run --help`"),
    );
    out
}

/// Every attack of a battery.
#[must_use]
pub fn list_attacks(attacks: &[Attack]) -> String {
    let mut out = String::from("privacy: the attacks of this battery\n");
    for attack in attacks {
        let (id, kind, severity) = (&attack.id, attack.check.name(), &attack.severity);
        line(&mut out, format_args!("  {id:<12} {kind:<14} {severity:<9} {}", attack.title));
    }
    out
}

/// One check: what, why, and where the specification says so.
#[must_use]
pub fn explain(suite: Suite, check: &Check) -> String {
    let mut out = format!(
        "{}\n  suite:  {}\n  what:   {}\n  why:    {}\n  grade:  {}\n  clause: {}\n",
        check.id,
        suite.name(),
        check.title,
        check.why,
        check.grade.word(),
        check.clause
    );
    let about = traced(check.id);
    if !about.is_empty() {
        line(&mut out, format_args!("  traced: {}", about.join(", ")));
    }
    out
}

/// One attack: who tries what, and how the answer is judged.
#[must_use]
pub fn explain_attack(attack: &Attack) -> String {
    let mut out = format!(
        "{}\n  suite:    privacy\n  what:     {}\n  severity: {}\n  judged:   {}, {}\n  who:      {}\n  upstream: {}\n",
        attack.id,
        attack.title,
        attack.severity,
        attack.check.name(),
        attack.check.about(),
        attack.setup.requester,
        attack.setup.upstream,
    );
    let requests = std::iter::once(&attack.request).chain(&attack.then);
    for request in requests.filter(|request| request.raw.is_none()) {
        line(&mut out, format_args!("  request:  {} {}", request.method, request.path));
    }
    if attack.request.raw.is_some() {
        line(&mut out, format_args!("  request:  bytes that no client would send"));
    }
    out
}

/// Which clauses and requirements are looked at by which checks.
#[must_use]
pub fn coverage(map: &[Covered]) -> String {
    let mut out = String::new();
    for covered in map {
        let names: Vec<&str> = covered.by.iter().map(|looked| looked.check.as_str()).collect();
        let by = if names.is_empty() { "-".to_owned() } else { names.join(", ") };
        match &covered.demanded {
            Some(demanded) => line(
                &mut out,
                format_args!(
                    "{}\t{}\t{}\t{}\t{by}",
                    covered.what,
                    demanded.grade,
                    demanded.actors,
                    covered.how.word()
                ),
            ),
            None => line(&mut out, format_args!("{}\t{by}", covered.what)),
        }
    }
    let clauses = map.iter().filter(|covered| covered.demanded.is_none()).count();
    if clauses > 0 {
        line(&mut out, format_args!("\n{clauses} clauses are cited by checks."));
    }
    let wanted: Vec<&Covered> = map.iter().filter(|covered| covered.demanded.is_some()).collect();
    if !wanted.is_empty() {
        let count = |how: How| wanted.iter().filter(|covered| covered.how == how).count();
        line(
            &mut out,
            format_args!(
                "{} requirements: checks are traced to {}, of {} only the clause is cited, {} are not covered.",
                wanted.len(),
                count(How::Traced),
                count(How::Cited),
                count(How::Uncovered)
            ),
        );
    }
    out
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    out.push_str(&format!("{text}\n"));
}
