//! `validate` and `pack`: files held to definitions, and definitions made ready.

use std::path::PathBuf;

use conformance::definitions::make;
use conformance::definitions::pack::Pack;
use conformance::definitions::{Definitions, Unusable};
use conformance::run::Verdict;
use conformance::tree::{Limits, Tree};
use conformance::validate::report::{self, Checked};
use conformance::validate::validate as findings_of;

#[derive(Debug, clap::Args)]
pub(crate) struct Files {
    /// Resources in JSON or XML; `.ndjson` holds one a line.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Canonical of a profile that each of them is held to, beside those it claims in `meta.profile`.
    #[arg(long)]
    profile: Vec<String>,
    /// Pack of definitions, beside those that are built in (R4, UK Core, BALP). What it defines anew counts.
    #[arg(long)]
    pack: Vec<PathBuf>,
    /// Write JSON instead of lines.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Packages {
    /// Packages: `.tgz` files, folders, or files of definitions in JSON, XML or ndjson.
    #[arg(required = true)]
    packages: Vec<PathBuf>,
    /// File to write.
    #[arg(short, long)]
    output: PathBuf,
    /// A line for the head of the pack: where it is from, whose it is, its licence.
    #[arg(long)]
    note: Vec<String>,
}

/// The definitions that are built in, and those of `packs`.
pub(crate) fn definitions(packs: &[PathBuf]) -> Result<Definitions, String> {
    let mut definitions = Definitions::shipped().map_err(|bad| bad.to_string())?;
    for file in packs {
        let unreadable = |bad: Unusable| format!("{}: {bad}", file.display());
        let bytes = std::fs::read(file).map_err(|_| format!("{} cannot be read", file.display()))?;
        definitions.add(Pack::read(&bytes).map_err(unreadable)?);
    }
    Ok(definitions)
}

pub(crate) fn validate(files: &Files) -> Result<(String, Verdict), String> {
    let definitions = definitions(&files.pack)?;
    let profiles: Vec<&str> = files.profile.iter().map(String::as_str).collect();
    if let Some(unknown) = profiles.iter().find(|profile| definitions.structure_at(profile).is_none()) {
        return Err(format!("the profile {unknown} is in no pack"));
    }
    let mut all = Vec::new();
    let mut unreadable = false;
    for file in &files.files {
        let name = file.to_string_lossy().into_owned();
        let Ok(bytes) = std::fs::read(file) else {
            unreadable = true;
            all.push(Checked { file: name, outcome: Err("the file cannot be read".to_owned()) });
            continue;
        };
        if name.ends_with(".ndjson") {
            let lines = bytes.split(|byte| *byte == b'\n').zip(1_usize..);
            let told = lines.filter(|(line, _)| !line.trim_ascii().is_empty());
            all.extend(told.map(|(line, at)| checked(format!("{name}:{at}"), line, &definitions, &profiles)));
        } else {
            all.push(checked(name, &bytes, &definitions, &profiles));
        }
    }
    let text = if files.json { report::json(&all) } else { report::terminal(&all) };
    let verdict = match (unreadable, all.iter().any(Checked::is_invalid)) {
        (true, _) => Verdict::Error,
        (false, true) => Verdict::Fail,
        (false, false) => Verdict::Pass,
    };
    Ok((text, verdict))
}

fn checked(file: String, bytes: &[u8], definitions: &Definitions, profiles: &[&str]) -> Checked {
    let outcome = match Tree::read(bytes, &Limits::default()) {
        Ok(tree) => Ok(findings_of(&tree, definitions, profiles)),
        Err(bad) => Err(bad.to_string()),
    };
    Checked { file, outcome }
}

pub(crate) fn pack(packages: &Packages) -> Result<String, String> {
    let made = make::pack(&packages.packages, &packages.note).map_err(|bad| bad.to_string())?;
    std::fs::write(&packages.output, &made.bytes)
        .map_err(|_| format!("{} cannot be written", packages.output.display()))?;
    let mut text = String::new();
    for file in &made.unread {
        text.push_str(&format!("left out, it cannot be read: {file}\n"));
    }
    text.push_str(&format!("{} definitions, {} bytes\n", made.definitions, made.bytes.len()));
    Ok(text)
}
