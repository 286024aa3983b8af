//! `portcullis-conformance`: suites against any FHIR R4 endpoint.

mod attack;
mod edges;
mod fits;
mod listing;
mod live;
mod scripted;
mod telling;
mod validating;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand};
use conformance::bench::{Bench, Sampling, Writes};
use conformance::check::Status;
use conformance::coverage::Requirement;
use conformance::privacy;
use conformance::report;
use conformance::report::account::{Account, Row};
use conformance::run::{Event, Run, run};
use conformance::scene::Scene;
use conformance::suite::Suite;
use conformance::target::{BadTarget, Target};
use fits::Mode;
use live::{First, Live};
use telling::{Format, complain, report_wanted, say, told, writable};

/// Checks any FHIR R4 endpoint against the specification.
///
/// Exit status: 0 pass, 1 a SHALL is unmet or something hidden came out, 2 something could not be found out, 3 the target
/// cannot be tested. The suites `metadata`, `read` and `error-bodies` change nothing on the target; the others create resources of
/// invented people, and change and delete what they created, unless --read-only is given. Reports hold nothing of the target's
/// records. The suite `privacy` is another matter: it attacks a server in front of a fixture, creates and changes records there,
/// and names the canaries that it finds. It runs by itself, and on loopback only unless --allow-remote is given.
#[derive(Debug, Parser)]
#[command(name = "portcullis-conformance", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run suites against an endpoint.
    ///
    /// `run --base URL --suite metadata,read,error-bodies` asks a FHIR endpoint harmless questions.
    /// `run --base URL --suite privacy --battery F --canaries F --tokens F` attacks a server in front of a fixture.
    /// `run --base URL --script FILE|DIR` runs TestScripts; they may create, change and delete what is on the target.
    /// `run --suite privacy --canaries F --tokens F --world URL --world URL` compares servers over worlds that differ only
    /// in what is hidden.
    Run(Box<RunArguments>),
    /// Say what is wrong with TestScripts, without running them.
    ///
    /// Names that nothing gives a value, ids that nothing fills, files that are not there, broken rules of TestScript, asserts that
    /// have nothing to look at, expressions that do not read. Exit status: 0 none of them keeps a script from running as it
    /// is written, 1 one does, 2 a script cannot be read.
    Lint(scripted::LintArguments),
    /// Judge exchanges that were recorded, without a network.
    ///
    /// `replay --script F --exchanges F --base URL` runs scripts over an HTTP archive as `run --record` and browsers write it.
    Replay(Box<scripted::ReplayArguments>),
    /// Write what a server asks of its upstream to a file, for `--upstream-log`.
    ///
    /// Stands between the two as a pipe: start it before the server, and give the server its address as the upstream.
    Tap(attack::TapArguments),
    /// Hold files to FHIR R4 and to profiles.
    ///
    /// Nothing is asked of any network. What cannot be told here is listed as not checked. Exit status: 0 valid, 1 an error
    /// was found, 2 a file or pack cannot be read.
    Validate(validating::Files),
    /// Make a pack of definitions from FHIR packages, for `validate --pack`.
    Pack(validating::Packages),
    /// List every suite and its checks, the attacks of a battery, or which clauses and requirements are covered by which checks.
    List(listing::ListArguments),
    /// Say what a check or attack asks for, why, and which clause it holds to.
    Explain(listing::ExplainArguments),
}

#[derive(Debug, clap::Args)]
struct RunArguments {
    /// FHIR base of the endpoint, such as `https://ehr.hospital.example/fhir`; for the suite `privacy`, what comes before
    /// `/fhir`, in plain http.
    #[arg(long)]
    base: Option<String>,
    /// Suites to run, with commas between them; `privacy` by itself.
    #[arg(long = "suite", value_delimiter = ',', value_parser = suite_named)]
    suites: Vec<Chosen>,
    /// File with a bearer token; it is sent with every request and stands in no report.
    #[arg(long)]
    token_file: Option<PathBuf>,
    /// Leave out what would create, change or delete anything on the endpoint.
    #[arg(long)]
    read_only: bool,
    /// How many searches each check by property makes up.
    #[arg(long, default_value_t = Sampling::default().cases)]
    searches: usize,
    /// Id of a Patient to read; else the first match of an advertised search is read.
    #[arg(long)]
    patient: Option<String>,
    /// TOML file that says who is who, for the suites `balp` and `consent`: docs/suites/scene.md. Its base, and a token and a
    /// patient of its reads, stand in where --base, --token-file and --patient are not given.
    #[arg(long)]
    scene: Option<PathBuf>,
    /// PEM file of certificate authorities to trust instead of those of the system.
    #[arg(long)]
    ca: Option<PathBuf>,
    /// Reports to write: html=FILE for people, junit=FILE for CI systems, json=FILE for programs, testreport=FILE in FHIR (of
    /// suites and scripts), with commas between them.
    #[arg(long, value_delimiter = ',', value_parser = report_wanted)]
    report: Vec<(Format, PathBuf)>,
    /// Table of requirements (CSV with a header) whose coverage stands in the reports too. May be repeated.
    #[arg(long)]
    requirements: Vec<PathBuf>,
    #[command(flatten)]
    edges: edges::Edges,
    #[command(flatten)]
    scripts: scripted::Scripts,
    #[command(flatten)]
    privacy: attack::Privacy,
}

/// What was chosen with `--suite`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Chosen {
    /// Harmless questions.
    Endpoint(Suite),
    /// Attacks.
    Privacy,
}

fn suite_named(name: &str) -> Result<Chosen, String> {
    if name == "privacy" {
        return Ok(Chosen::Privacy);
    }
    let names: Vec<&str> = Suite::ALL.iter().map(|suite| suite.name()).collect();
    let found = Suite::named(name).map(Chosen::Endpoint);
    found.ok_or_else(|| format!("no such suite; there are {} and privacy", names.join(", ")))
}

#[tokio::main]
async fn main() -> ExitCode {
    let matches = Arguments::command().get_matches();
    let arguments = Arguments::from_arg_matches(&matches).unwrap_or_else(|bad| bad.exit());
    match arguments.command {
        Command::Run(arguments) => match fits(&arguments, &matches) {
            Ok(()) => chosen(&arguments).await,
            Err(bad) => complain(&bad),
        },
        Command::Lint(arguments) => match scripted::linted(&arguments) {
            Ok(verdict) => ExitCode::from(verdict.code()),
            Err(bad) => complain(&bad),
        },
        Command::Replay(arguments) => replayed(&arguments).await,
        Command::Tap(arguments) => match attack::tap(&arguments).await {
            Ok(()) => ExitCode::SUCCESS,
            Err(bad) => complain(&bad),
        },
        Command::Validate(files) => match validating::validate(&files) {
            Ok((text, verdict)) => {
                say(&text);
                ExitCode::from(verdict.code())
            }
            Err(bad) => complain(&bad),
        },
        Command::Pack(packages) => match validating::pack(&packages) {
            Ok(text) => say(&text),
            Err(bad) => complain(&bad),
        },
        Command::List(arguments) => match listing::list(&arguments) {
            Ok(text) => say(&text),
            Err(bad) => complain(&bad),
        },
        Command::Explain(arguments) => match listing::explain(&arguments) {
            Ok(text) => say(&text),
            Err(bad) => complain(&bad),
        },
    }
}

/// Whether the options of `run` fit what it runs, and its reports can be written.
fn fits(arguments: &RunArguments, matches: &ArgMatches) -> Result<(), String> {
    let mode = match (arguments.scripts.scripts.is_empty(), arguments.suites.contains(&Chosen::Privacy)) {
        (false, _) => Mode::Scripts,
        (true, true) => Mode::Privacy,
        (true, false) => Mode::Suites,
    };
    let both = !arguments.scripts.scripts.is_empty() && !arguments.suites.is_empty();
    let mixed = mode == Mode::Privacy && arguments.suites.iter().any(|suite| *suite != Chosen::Privacy);
    let nothing = arguments.scripts.scripts.is_empty() && arguments.suites.is_empty();
    let command = Arguments::command();
    if let Some((run, given)) = command.find_subcommand("run").zip(matches.subcommand_matches("run"))
        && !(both || mixed || nothing)
    {
        fits::fitting(mode, run, given)?;
    }
    writable(&arguments.report)
}

async fn chosen(arguments: &RunArguments) -> ExitCode {
    match (arguments.scripts.scripts.is_empty(), arguments.suites.is_empty()) {
        (true, true) => return complain("nothing to run: give --suite or --script"),
        (false, false) => {
            return complain("suites and scripts are run one after the other: give --suite or --script");
        }
        (false, true) => return run_scripts(arguments).await,
        (true, false) => {}
    }
    let suites: Vec<Suite> = arguments
        .suites
        .iter()
        .filter_map(|chosen| match chosen {
            Chosen::Endpoint(suite) => Some(*suite),
            Chosen::Privacy => None,
        })
        .collect();
    match (suites.len(), &arguments.base) {
        (0, base) => attacked(base.as_deref(), arguments).await,
        (count, _) if count < arguments.suites.len() => {
            complain("the suite privacy changes records, and is run by itself")
        }
        (_, _) => {
            let scene = match arguments.scene.as_deref().map(scene).transpose() {
                Ok(scene) => scene,
                Err(bad) => return complain(&bad),
            };
            let staged = scene.as_ref().and_then(|scene| scene.base.clone());
            match arguments.base.clone().or(staged) {
                None => complain("an endpoint is needed: give --base"),
                Some(base) => run_suites(&base, &suites, scene, arguments).await,
            }
        }
    }
}

/// The scene of a file, or everything that is wrong with it, a line each.
fn scene(file: &Path) -> Result<Scene, String> {
    let text = std::fs::read_to_string(file).map_err(|_| "the scene cannot be read".to_owned())?;
    let folder = file.parent().unwrap_or_else(|| Path::new(""));
    Scene::parse(&text, folder).map_err(|problems| {
        let lines: Vec<String> = problems.iter().map(|problem| format!("\n  {problem}")).collect();
        format!("the scene has faults:{}", lines.concat())
    })
}

/// Whom the suites without a cast are run as: by what was given, else as who reads in the scene.
fn target(base: &str, scene: Option<&Scene>, arguments: &RunArguments) -> Result<Target, BadTarget> {
    let (token, patient) = (arguments.token_file.as_deref(), arguments.patient.as_deref());
    let target = Target::new(base, token, patient, arguments.ca.as_deref())?;
    let Some(scene) = scene else { return Ok(target) };
    let reader = scene.actor(&scene.reads.actor).and_then(|actor| actor.token.as_deref());
    let target = match (target.is_authorised(), reader) {
        (false, Some(reader)) => match target.patient().map(str::to_owned) {
            Some(patient) => target.sibling(base, Some(reader))?.with_patient(&patient)?,
            None => target.sibling(base, Some(reader))?,
        },
        _ => target,
    };
    match scene.patient(&scene.reads.patient) {
        Some(patient) => target.with_patient(&patient.id),
        None => Ok(target),
    }
}

async fn run_scripts(arguments: &RunArguments) -> ExitCode {
    let (token, authorities) = (arguments.token_file.as_deref(), arguments.ca.as_deref());
    let live = Live::start();
    match scripted::run(arguments.base.as_deref(), token, authorities, &arguments.scripts, live).await {
        Ok(ended) => {
            let rendered = |format: Format| scripted::rendered(&ended.run, &ended.base, format);
            told(&arguments.report, rendered, &ended.summary(), ended.run.verdict())
        }
        Err(bad) => complain(&bad),
    }
}

async fn replayed(arguments: &scripted::ReplayArguments) -> ExitCode {
    if let Err(bad) = writable(&arguments.report) {
        return complain(&bad);
    }
    match scripted::replay(arguments, Live::start()).await {
        Ok(ended) => {
            let rendered = |format: Format| scripted::rendered(&ended.run, &ended.base, format);
            told(&arguments.report, rendered, &ended.summary(), ended.run.verdict())
        }
        Err(bad) => complain(&bad),
    }
}

async fn attacked(base: Option<&str>, arguments: &RunArguments) -> ExitCode {
    if arguments.report.iter().any(|(format, _)| *format == Format::TestReport) {
        return complain("a TestReport tells of suites that go by FHIR, and of scripts");
    }
    let live = Live::start();
    let run = match attack::attack(base, &arguments.privacy, &live).await {
        Ok(run) => run,
        Err(bad) => return complain(&bad),
    };
    let account = Account::of_attacks(&run);
    let terminal = format!("{}{}", privacy::report::lines(&run), report::summary(&account, live.paint()));
    drop(live);
    let rendered = |format: Format| match format {
        Format::Junit => privacy::report::junit(&run),
        Format::Html => report::html(&account),
        // Refused before for attacks.
        Format::Json | Format::TestReport => privacy::report::json(&run),
    };
    told(&arguments.report, rendered, &terminal, run.verdict())
}

async fn run_suites(
    base: &str,
    suites: &[Suite],
    scene: Option<Scene>,
    arguments: &RunArguments,
) -> ExitCode {
    let target = match target(base, scene.as_ref(), arguments) {
        Ok(target) => target,
        Err(bad) => return complain(&bad.to_string()),
    };
    let sampling = Sampling {
        seed: arguments.privacy.seed.unwrap_or(Sampling::default().seed),
        cases: arguments.searches,
    };
    let mut bench = Bench::of(target).with_sampling(sampling);
    if let Some(scene) = scene {
        bench = bench.with_scene(scene);
    }
    if arguments.read_only {
        bench = bench.with_writes(Writes::Forbidden);
    }
    for (number, base) in arguments.scripts.systems() {
        match Target::new(base, None, None, arguments.ca.as_deref()) {
            Ok(other) => bench = bench.with_system(*number, other),
            Err(bad) => return complain(&format!("system {number}: {bad}")),
        }
    }
    bench = match arguments.edges.laid(bench).await {
        Ok(bench) => bench,
        Err(bad) => return complain(&bad),
    };
    let wanted = match listing::requirements(&arguments.requirements) {
        Ok(wanted) => wanted,
        Err(bad) => return complain(&bad),
    };
    let live = Live::start();
    let run = run(&bench, &Suite::with_their_ground(suites), |event| shown(&live, &event)).await;
    let paint = live.paint();
    drop(live);
    let summary = report::summary(&Account::of_suites(&run, &[]), paint);
    let terminal = format!("{}{summary}", report::lines(&run, paint));
    told(&arguments.report, |format| rendered(&run, &wanted, format), &terminal, run.verdict())
}

/// Shows how far a run is, and its first failure as soon as it happens.
fn shown(live: &Live, event: &Event<'_>) {
    match event {
        Event::Begun { suite, check, before, all } => live.begun(suite.name(), check.id, *before, *all),
        Event::Ended { finding, .. } => {
            if finding.status == Status::Fail && live.failed() == First::Yes {
                live.say(&report::in_full(&Row::from(*finding), live.paint()));
            }
        }
    }
}

fn rendered(run: &Run, wanted: &[Requirement], format: Format) -> String {
    match format {
        Format::Junit => report::junit(run),
        Format::Json => report::json_with(run, wanted),
        Format::TestReport => report::testreport(run),
        Format::Html => report::html(&Account::of_suites(run, wanted)),
    }
}
