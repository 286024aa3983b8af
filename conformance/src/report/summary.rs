//! What a run came to, for a person at a terminal who reads no more than this.

use super::account::{Account, Row, Weight};
use super::paint::Paint;
use crate::check::{Grade, Status};

/// The verdict in a sentence, the numbers by grade, and what to do first.
#[must_use]
pub fn summary(account: &Account, paint: Paint) -> String {
    let mut out = format!("\n{}\n", paint.verdict(account.verdict, &account.sentence));
    for (word, counts) in tallies(account) {
        out.push_str(&format!("  {word:<8} {}\n", counts.join(", ")));
    }
    let steps = account.first_steps();
    if !steps.is_empty() {
        out.push_str("\nWhat to do first\n");
        for (number, step) in (1..).zip(&steps) {
            out.push_str(&format!("  {number}. {step}\n"));
        }
    }
    let untested = account.count(Status::Skip);
    if untested > 0 {
        out.push_str(&format!(
            "\n{untested} were skipped: the verdict says nothing about them. --report html=FILE tells why.\n"
        ));
    }
    for note in &account.notes {
        out.push_str(&format!("  {note}\n"));
    }
    out
}

/// The numbers by grade, the binding ones first; in one line where nothing is graded.
fn tallies(account: &Account) -> Vec<(String, Vec<String>)> {
    let mut out = Vec::new();
    for grade in [Grade::Shall, Grade::Should, Grade::May] {
        let told = told(account.rows().filter(|row| row.weight == Weight::Graded(grade)));
        if !told.is_empty() {
            out.push((grade.word().to_owned(), told));
        }
    }
    let mut severe: Vec<&str> = Vec::new();
    for row in account.rows() {
        if let Weight::Severe(word) = &row.weight
            && !severe.contains(&word.as_str())
        {
            severe.push(word);
        }
    }
    for word in severe {
        let of = |row: &&Row| matches!(&row.weight, Weight::Severe(held) if held == word);
        out.push((word.to_owned(), told(account.rows().filter(of))));
    }
    let unsaid = told(account.rows().filter(|row| row.weight == Weight::Unsaid));
    if !unsaid.is_empty() {
        out.push(("tests".to_owned(), unsaid));
    }
    out
}

fn told<'a>(rows: impl Iterator<Item = &'a Row>) -> Vec<String> {
    let rows: Vec<&Row> = rows.collect();
    [Status::Pass, Status::Fail, Status::Warning, Status::Note, Status::Skip, Status::Error]
        .into_iter()
        .map(|status| (status, rows.iter().filter(|row| row.status == status).count()))
        .filter(|(_, count)| *count > 0)
        .map(|(status, count)| format!("{count} {}", status.word()))
        .collect()
}
