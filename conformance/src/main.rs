//! `portcullis-conformance`: suites against any FHIR R4 endpoint.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use conformance::report;
use conformance::run::{Run, Verdict, run};
use conformance::suite::{self, Suite};
use conformance::target::Target;

/// Checks any FHIR R4 endpoint against the specification.
///
/// Exit status: 0 pass, 1 a SHALL is unmet, 2 something could not be found out, 3 the target cannot be tested.
/// Nothing is created, changed or deleted on the target, and reports hold nothing of its records.
#[derive(Debug, Parser)]
#[command(name = "portcullis-conformance", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run suites against an endpoint.
    Run(RunArguments),
    /// List every suite and its checks.
    List,
    /// Say what a check asks for, why, and which clause it holds to.
    Explain {
        /// The name of the check, as `list` prints it.
        check: String,
    },
}

#[derive(Debug, clap::Args)]
struct RunArguments {
    /// FHIR base of the endpoint, such as `https://ehr.hospital.example/fhir`
    #[arg(long)]
    base: String,
    /// Suites to run, with commas between them.
    #[arg(long = "suite", value_delimiter = ',', required = true, value_parser = suite_named)]
    suites: Vec<Suite>,
    /// File with a bearer token; it is sent with every request and stands in no report.
    #[arg(long)]
    token_file: Option<PathBuf>,
    /// Id of a Patient to read; else the first match of an advertised search is read.
    #[arg(long)]
    patient: Option<String>,
    /// PEM file of certificate authorities to trust instead of those of the system.
    #[arg(long)]
    ca: Option<PathBuf>,
    /// Reports to write: junit=FILE, json=FILE, with commas between them.
    #[arg(long, value_delimiter = ',', value_parser = report_wanted)]
    report: Vec<(Format, PathBuf)>,
}

#[derive(Debug, Clone, Copy)]
enum Format {
    Junit,
    Json,
}

fn suite_named(name: &str) -> Result<Suite, String> {
    let names: Vec<&str> = Suite::ALL.iter().map(|suite| suite.name()).collect();
    Suite::named(name).ok_or_else(|| format!("no such suite; there are {}", names.join(", ")))
}

fn report_wanted(text: &str) -> Result<(Format, PathBuf), String> {
    match text.split_once('=') {
        Some(("junit", file)) if !file.is_empty() => Ok((Format::Junit, file.into())),
        Some(("json", file)) if !file.is_empty() => Ok((Format::Json, file.into())),
        _ => Err("a report is junit=FILE or json=FILE".to_owned()),
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::Run(arguments) => run_suites(arguments).await,
        Command::List => say(&report::list()),
        Command::Explain { check } => match suite::find(&check) {
            Some((suite, check)) => say(&report::explain(suite, check)),
            None => complain("there is no such check; `list` names them all"),
        },
    }
}

async fn run_suites(arguments: RunArguments) -> ExitCode {
    let target = Target::new(
        &arguments.base,
        arguments.token_file.as_deref(),
        arguments.patient.as_deref(),
        arguments.ca.as_deref(),
    );
    let target = match target {
        Ok(target) => target,
        Err(bad) => return complain(&bad.to_string()),
    };
    let run = run(&target, &arguments.suites).await;
    for (format, file) in &arguments.report {
        if std::fs::write(file, rendered(&run, *format)).is_err() {
            return complain("a report cannot be written");
        }
    }
    say(&report::terminal(&run));
    ExitCode::from(run.verdict().code())
}

fn rendered(run: &Run, format: Format) -> String {
    match format {
        Format::Junit => report::junit(run),
        Format::Json => report::json(run),
    }
}

fn say(text: &str) -> ExitCode {
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::from(Verdict::Error.code()),
    }
}

fn complain(text: &str) -> ExitCode {
    // Whether or not anyone reads it, the exit status tells.
    drop(writeln!(std::io::stderr(), "portcullis-conformance: {text}"));
    ExitCode::from(Verdict::Error.code())
}
