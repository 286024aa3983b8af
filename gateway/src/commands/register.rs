//! `portcullis register`: the disclosure register, from the same files that are enforced.

use std::io::Write;
use std::path::PathBuf;

use clap::ValueEnum;
use jiff::civil::Date;

use super::{Exit, written};
use crate::register;
use crate::settings::check::load;

/// Print the disclosure register: what is shared, with whom, why, and on what it rests in law.
///
/// Made from the agreements that the gateway enforces. Drafts are left out. Nothing in it is about a person: it is
/// meant to be published (Caldicott2 review, recommendation 19).
///
/// Exit status: 0 when it was printed, 64 when the settings or agreements have faults, which are listed.
#[derive(Debug, clap::Args)]
pub struct RegisterArgs {
    /// The settings file.
    #[arg(long, value_name = "FILE", default_value = "portcullis.toml")]
    config: PathBuf,
    /// A page for people, JSON for programs, or comma-separated values for spreadsheets.
    #[arg(long, value_enum, default_value_t = Format::Html)]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Html,
    Json,
    Csv,
}

/// Runs the command as on the day `today`.
pub fn run(args: &RegisterArgs, today: Date, out: &mut dyn Write, errors: &mut dyn Write) -> Exit {
    let checked = match load(&args.config, today) {
        Ok(checked) => checked,
        Err(unusable) => return written(writeln!(errors, "{unusable}"), Exit::Settings),
    };
    let text = match args.format {
        Format::Html => register::html(&checked.settings, today),
        Format::Json => register::json(&checked.settings, today),
        Format::Csv => register::csv(&checked.settings, today),
    };
    written(out.write_all(text.as_bytes()), Exit::Held)
}
