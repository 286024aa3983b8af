//! `portcullis check`: every problem in settings and agreements, then what each agreement shares with whom.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use jiff::civil::Date;
use serde::Serialize;

use super::{Exit, written};
use crate::register::published::{Asks, Coded, Kind, Organisation, Part, Published, Recipient};
use crate::serve::faults_of_files;
use crate::settings::Settings;
use crate::settings::check::load;
use crate::settings::problem::{Gravity, Problem};

mod lists;

/// Tell every problem in settings and agreements, then what each agreement shares with whom.
///
/// Reads the settings file, every file it names and every agreement; nothing is started and nothing is sent. For each
/// agreement it prints who sees which element of which resource type, why each is needed, which status elements come
/// along, and when the next review is due, so that a Caldicott Guardian can sign what is really enforced. Before them it
/// prints the lists of sensitive codes, and which codes the site has taken out of them and why. Agreements without
/// a fault are printed even when the settings have some, so that they can be written away from the keys.
///
/// Exit status: 0 when the gateway would start, warnings or not; 64 when it would not.
#[derive(Debug, clap::Args)]
pub struct CheckArgs {
    /// The settings file.
    #[arg(long, value_name = "FILE", default_value = "portcullis.toml")]
    config: PathBuf,
    /// Text for people or JSON for programs.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
}

#[derive(Debug, Serialize)]
struct Report<'a> {
    holds: bool,
    problems: Vec<Told>,
    sensitive_codes: Vec<lists::ListTold<'a>>,
    not_sensitive: Vec<lists::OffTold<'a>>,
    agreements: Vec<Published>,
}

#[derive(Debug, Serialize)]
struct Told {
    gravity: &'static str,
    file: String,
    line: Option<usize>,
    path: String,
    text: String,
}

/// Runs the command as on the day `today`.
pub fn run(args: &CheckArgs, today: Date, out: &mut dyn Write, errors: &mut dyn Write) -> Exit {
    let (settings, problems) = match load(&args.config, today) {
        Ok(checked) => {
            let mut problems = checked.warnings;
            problems.extend(of_files(&args.config, &checked.settings));
            (Some(Box::new(checked.settings)), problems)
        }
        Err(unusable) => (unusable.as_far_as_read, unusable.problems),
    };
    let holds = problems.iter().all(|problem| problem.gravity == Gravity::Warning);
    let exit = if holds { Exit::Held } else { Exit::Settings };
    let agreements = settings.as_deref().map(|settings| published(settings, today)).unwrap_or_default();
    let result = match args.format {
        Format::Json => json(out, exit, settings.as_deref(), &problems, agreements),
        Format::Text => text(out, errors, settings.as_deref(), &problems, &agreements),
    };
    written(result, exit)
}

/// Faults that only show when the files are put to use: a key of another certificate, say.
fn of_files(config: &Path, settings: &Settings) -> Vec<Problem> {
    let faults = faults_of_files(settings).into_iter().map(|text| Problem {
        gravity: Gravity::Error,
        file: config.to_owned(),
        line: None,
        path: String::new(),
        text,
    });
    faults.collect()
}

fn published(settings: &Settings, today: Date) -> Vec<Published> {
    settings.agreements.all().iter().map(|agreement| Published::of(agreement, settings, today)).collect()
}

fn json(
    out: &mut dyn Write,
    exit: Exit,
    settings: Option<&Settings>,
    problems: &[Problem],
    agreements: Vec<Published>,
) -> io::Result<()> {
    let told = problems.iter().map(|problem| Told {
        gravity: match problem.gravity {
            Gravity::Error => "error",
            Gravity::Warning => "warning",
        },
        file: problem.file.display().to_string(),
        line: problem.line,
        path: problem.path.clone(),
        text: problem.text.clone(),
    });
    let codes = settings.map(|settings| &settings.sensitive_codes);
    let report = Report {
        holds: exit == Exit::Held,
        problems: told.collect(),
        sensitive_codes: codes.map(lists::told).unwrap_or_default(),
        not_sensitive: codes.map(lists::told_off).unwrap_or_default(),
        agreements,
    };
    serde_json::to_writer_pretty(&mut *out, &report)?;
    writeln!(out)
}

fn text(
    out: &mut dyn Write,
    errors: &mut dyn Write,
    settings: Option<&Settings>,
    problems: &[Problem],
    agreements: &[Published],
) -> io::Result<()> {
    for problem in problems {
        writeln!(errors, "{problem}")?;
    }
    let faults = problems.iter().filter(|problem| problem.gravity == Gravity::Error).count();
    if faults > 0 {
        writeln!(errors, "{}: the gateway would not start", counted(faults, "fault", "faults"))?;
    } else if let Some(settings) = settings {
        let systems = counted(settings.systems.len(), "system", "systems");
        let number = counted(agreements.len(), "agreement", "agreements");
        let warnings = counted(problems.len(), "warning", "warnings");
        writeln!(out, "The settings hold: {systems}, {number}, {warnings}.")?;
    }
    if let Some(settings) = settings {
        lists::text(out, &settings.sensitive_codes)?;
    }
    for agreement in agreements {
        head(out, agreement)?;
        for recipient in &agreement.recipients {
            shared(out, recipient)?;
        }
    }
    Ok(())
}

fn counted(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

fn head(out: &mut dyn Write, agreement: &Published) -> io::Result<()> {
    writeln!(out, "\n{}\n{}", agreement.title, "=".repeat(agreement.title.chars().count()))?;
    let ties: Vec<_> = agreement.ties_of_care.iter().map(|tie| tie.display.as_str()).collect();
    let ties = match ties.is_empty() {
        true => "none is asked for inside the organisation".to_owned(),
        false => format!(
            "the recipient {}; for {} days after that has ended",
            ties.join(", or "),
            agreement.lapses_after_days
        ),
    };
    let refusals = match agreement.existence.as_str() {
        "open" => "say which kind of reason they have",
        _ => "look as if there were nothing",
    };
    let overrides =
        if agreement.overrides.is_empty() { "none".to_owned() } else { codes(&agreement.overrides) };
    let basis = format!("UK GDPR {}; {}", agreement.uk_gdpr.join(", "), agreement.confidentiality.display);
    let rows: [(&str, String); 12] = [
        ("id", agreement.id.clone()),
        ("status", format!("{}, {}", agreement.status, agreement.dates)),
        ("review", agreement.review.clone()),
        ("approved by", agreement.approved_by.clone().unwrap_or_else(|| "nobody yet".to_owned())),
        ("disclosed by", organisations(&agreement.disclosed_by)),
        ("disclosed to", organisations(&agreement.disclosed_to)),
        ("purposes", codes(&agreement.purposes)),
        ("legal basis", basis),
        ("people are", agreement.identifiability.display.clone()),
        ("only when", ties),
        ("overrides", overrides),
        ("refusals", refusals.to_owned()),
    ];
    rows.iter().try_for_each(|(name, value)| writeln!(out, "  {name:<13} {value}"))
}

fn organisations(all: &[Organisation]) -> String {
    let named: Vec<_> = all.iter().map(|one| format!("{} ({})", one.name, one.code)).collect();
    named.join("; ")
}

fn codes(all: &[Coded]) -> String {
    let named: Vec<_> = all.iter().map(|one| format!("{} ({})", one.display, one.code)).collect();
    named.join("; ")
}

fn shared(out: &mut dyn Write, recipient: &Recipient) -> io::Result<()> {
    writeln!(out, "\n  {}", codes(&recipient.who))?;
    writeln!(out, "  {}", recipient.safeguard)?;
    recipient.sees.iter().try_for_each(|kind| seen(out, kind))
}

/// One type, element by element.
pub(super) fn seen(out: &mut dyn Write, kind: &Kind) -> io::Result<()> {
    writeln!(out, "\n    {} ({})", kind.display, kind.resource_type)?;
    let elements = kind.shares.iter().flat_map(|part| &part.items);
    let width = elements.map(|item| item.element.chars().count()).max().unwrap_or_default();
    for part in &kind.shares {
        conditions(out, part)?;
        for item in &part.items {
            writeln!(out, "      {:<width$}  {}", item.element, item.why)?;
        }
        if !part.withhold.is_empty() {
            writeln!(out, "      not shared at all when it has: {}", part.withhold.join(", "))?;
        }
    }
    if let Some(why) = kind.earlier_versions() {
        writeln!(out, "      and earlier versions of it: {why}")?;
    }
    let modifiers: Vec<_> = kind.modifiers.iter().map(|element| element.code.as_str()).collect();
    if !modifiers.is_empty() {
        writeln!(out, "      and, because they change the meaning: {}", modifiers.join(", "))?;
    }
    let changes: Vec<_> = kind.changes.iter().map(|element| element.code.as_str()).collect();
    if !changes.is_empty() {
        writeln!(out, "      may be changed, as far as it is seen: {}", changes.join(", "))?;
    }
    if kind.deletes {
        writeln!(out, "      may be deleted, where it is seen whole")?;
    }
    Ok(())
}

fn conditions(out: &mut dyn Write, part: &Part) -> io::Result<()> {
    for condition in &part.only_where {
        let element = &condition.element;
        match condition.asks {
            Asks::OneOf => writeln!(out, "      only where {element} is one of")?,
            Asks::Present => writeln!(out, "      only where {element} is there")?,
            Asks::Absent => writeln!(out, "      only where {element} is not there")?,
            Asks::AnySet => writeln!(out, "      only where one of these holds")?,
            Asks::Contained => writeln!(out, "      only where {}", condition.display)?,
        }
        condition.codes.iter().try_for_each(|code| writeln!(out, "        {code}"))?;
        for set in &condition.sets {
            let said: Vec<&str> = set.iter().map(|condition| condition.display.as_str()).collect();
            writeln!(out, "        {}", said.join(" and "))?;
        }
    }
    if !part.never_labelled.is_empty() {
        writeln!(out, "      never when labelled {}", codes(&part.never_labelled))?;
    }
    Ok(())
}
