//! The reports of the command line: which there are, and where they go.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use conformance::run::Verdict;

/// A report that can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// For CI systems.
    Junit,
    /// For programs.
    Json,
    /// In FHIR.
    TestReport,
    /// For people.
    Html,
}

/// A report as it is asked for.
pub(crate) fn report_wanted(text: &str) -> Result<(Format, PathBuf), String> {
    let wrong = || "a report is html=FILE, junit=FILE, json=FILE or testreport=FILE".to_owned();
    let (name, file) = text.split_once('=').filter(|(_, file)| !file.is_empty()).ok_or_else(wrong)?;
    let format = match name {
        "junit" => Format::Junit,
        "json" => Format::Json,
        "testreport" => Format::TestReport,
        "html" => Format::Html,
        _ => return Err(wrong()),
    };
    Ok((format, file.into()))
}

/// Writes the reports, says what a person at the terminal is told, and ends as the run did.
pub(crate) fn told(
    reports: &[(Format, PathBuf)],
    rendered: impl Fn(Format) -> String,
    terminal: &str,
    verdict: Verdict,
) -> ExitCode {
    say(terminal);
    // One that cannot be written takes neither the others nor the terminal with it.
    let mut lost = Vec::new();
    for (format, file) in reports {
        if let Err(error) = std::fs::write(file, rendered(*format)) {
            lost.push(format!("the report {} cannot be written: {error}", file.display()));
        }
    }
    if !lost.is_empty() {
        return complain(&lost.join("\n"));
    }
    ExitCode::from(verdict.code())
}

/// Looks before a run, which may be long, whether its reports can be written, each to a file of its own.
///
/// # Errors
/// The first that cannot, in words.
pub(crate) fn writable(reports: &[(Format, PathBuf)]) -> Result<(), String> {
    for (at, (_, file)) in reports.iter().enumerate() {
        if reports.iter().skip(at.saturating_add(1)).any(|(_, other)| other == file) {
            return Err(format!("two reports would be written to {}", file.display()));
        }
        // What stands there is kept until there is a report to take its place.
        let opened = std::fs::OpenOptions::new().append(true).create(true).open(file);
        opened.map_err(|error| format!("the report {} cannot be written: {error}", file.display()))?;
    }
    Ok(())
}

pub(crate) fn say(text: &str) -> ExitCode {
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::from(Verdict::Error.code()),
    }
}

pub(crate) fn complain(text: &str) -> ExitCode {
    // Whether or not anyone reads it, the exit status tells.
    drop(writeln!(std::io::stderr(), "portcullis-conformance: {text}"));
    ExitCode::from(Verdict::Error.code())
}
