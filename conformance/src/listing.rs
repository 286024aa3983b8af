//! The command line of `list` and `explain`.

use std::path::PathBuf;

use conformance::coverage::{self, Requirement};
use conformance::privacy::battery;
use conformance::report;
use conformance::suite::{self, Suite};

/// Options of `list`.
#[derive(Debug, clap::Args)]
pub(crate) struct ListArguments {
    /// List the attacks of this battery.
    #[arg(long)]
    battery: Option<PathBuf>,
    /// List clauses, and the checks that cite each.
    #[arg(long)]
    coverage: bool,
    /// Table of requirements (CSV with a header): list them instead, and the checks that cover each. May be repeated.
    #[arg(long, requires = "coverage")]
    requirements: Vec<PathBuf>,
    /// In JSON.
    #[arg(long, requires = "coverage")]
    json: bool,
}

/// Options of `explain`.
#[derive(Debug, clap::Args)]
pub(crate) struct ExplainArguments {
    /// The name of the check or attack, as `list` prints it.
    check: String,
    /// The battery that has the attack.
    #[arg(long)]
    battery: Option<PathBuf>,
}

/// Reads tables of requirements.
pub(crate) fn requirements(tables: &[PathBuf]) -> Result<Vec<Requirement>, String> {
    let mut wanted = Vec::new();
    for table in tables {
        wanted.extend(coverage::requirements(table).map_err(|bad| bad.to_string())?);
    }
    Ok(wanted)
}

pub(crate) fn list(arguments: &ListArguments) -> Result<String, String> {
    if arguments.coverage {
        let map = if arguments.requirements.is_empty() {
            coverage::clauses(&Suite::ALL)
        } else {
            coverage::of_table(&requirements(&arguments.requirements)?, &Suite::ALL)
        };
        if arguments.json {
            return serde_json::to_string_pretty(&map).map_err(|bad| bad.to_string());
        }
        return Ok(report::coverage(&map));
    }
    match &arguments.battery {
        Some(file) => {
            let attacks = battery::attacks(file).map_err(|bad| bad.to_string())?;
            Ok(report::list_attacks(&attacks))
        }
        None => Ok(report::list()),
    }
}

pub(crate) fn explain(arguments: &ExplainArguments) -> Result<String, String> {
    if let Some((suite, check)) = suite::find(&arguments.check) {
        return Ok(report::explain(suite, check));
    }
    let Some(file) = &arguments.battery else {
        return Err(
            "there is no such check; `list` names them all, and `list --battery FILE` attacks".to_owned()
        );
    };
    let attacks = battery::attacks(file).map_err(|bad| bad.to_string())?;
    let found = attacks.iter().find(|attack| attack.id == arguments.check);
    found
        .map(report::explain_attack)
        .ok_or_else(|| "this battery has no such attack, and no suite such a check".to_owned())
}
