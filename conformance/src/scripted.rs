//! The command line of TestScripts: run, lint, replay.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use conformance::report::account::Account;
use conformance::report::{self as reports, Paint};
use conformance::run::Verdict;
use conformance::script::report;
use conformance::script::{
    Around, Bounds, Clients, Defined, Event, Format, Interceptor, Library, Navigation, Options, Recording,
    Road, Runner, Script, ScriptsRun, Severity, StandIn, Systems, Telling, lint,
};

use crate::live::{First, Live};
use crate::telling::{self, report_wanted};

/// Options of `--script`.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Options of --script")]
pub(crate) struct Scripts {
    /// TestScript to run, in JSON or XML, or a folder of them. May be repeated.
    #[arg(long = "script")]
    pub(crate) scripts: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) around: Surroundings,
    /// Another system: its number in the scripts and its base, such as `2=https://other.example/fhir`. The base is 1.
    #[arg(long = "system", value_parser = numbered)]
    systems: Vec<(u32, String)>,
    /// Wait here for the client under test, such as 127.0.0.1:8099; what it sends is passed on to the destination.
    #[arg(long)]
    intercept: Option<SocketAddr>,
    /// Seconds that an operation waits for the client under test.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    wait: u64,
    /// An origin that is the client under test, beside those that scripts mark. May be repeated.
    #[arg(long)]
    under_test: Vec<u32>,
    /// Answer as a server over the scripts' fixtures where there is no --base: for clients, and to try scripts out.
    #[arg(long)]
    stand_in: bool,
    /// Send what the client under test would send, as the script describes it: to try scripts out.
    #[arg(long, conflicts_with = "intercept")]
    play_client: bool,
    /// Seconds that a system may take to answer.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3600))]
    deadline: u64,
    /// Bytes of an answer that are read.
    #[arg(long, default_value_t = 16 << 20)]
    body_max: usize,
    /// Scripts that run at a time.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    parallel: u16,
    /// File to which requests and answers are written as an HTTP archive, for `replay`. It holds records.
    #[arg(long)]
    record: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) judging: Judging,
}

impl Scripts {
    /// The other systems, by number.
    pub(crate) fn systems(&self) -> &[(u32, String)] {
        &self.systems
    }
}

/// Folders.
#[derive(Debug, clap::Args)]
pub(crate) struct Surroundings {
    /// Folder that nothing is read outside of; else that of the script.
    #[arg(long)]
    root: Option<PathBuf>,
    /// Folder laid over it: what is not found there is looked for here at the same place. May be repeated.
    #[arg(long)]
    fixtures: Vec<PathBuf>,
}

/// How is judged.
#[derive(Debug, clap::Args)]
pub(crate) struct Judging {
    /// Value of a variable, as NAME=VALUE; it stands before what scripts say. May be repeated.
    #[arg(long = "variable", value_parser = pair)]
    variables: Vec<(String, String)>,
    /// Format that is asked for where a script does not say it: json or xml.
    #[arg(long, default_value = "json", value_parser = format)]
    format: Format,
    /// What navigationLinks wants: strict (first, last, next) or practical (self, and next where there is more).
    #[arg(long, default_value = "strict", value_parser = navigation)]
    navigation: Navigation,
    /// Pack of definitions for profiles, beside those that are built in (R4, UK Core, BALP). May be repeated.
    #[arg(long)]
    pack: Vec<PathBuf>,
    /// Leave setup and teardown out.
    #[arg(long)]
    without_setup: bool,
    /// Tell values of records in reports; for invented records only.
    #[arg(long)]
    show_values: bool,
}

/// Options of `lint`.
#[derive(Debug, clap::Args)]
pub(crate) struct LintArguments {
    /// TestScripts, or folders of them.
    #[arg(required = true)]
    scripts: Vec<PathBuf>,
    #[command(flatten)]
    around: Surroundings,
}

/// Options of `replay`.
#[derive(Debug, clap::Args)]
pub(crate) struct ReplayArguments {
    /// TestScripts, or folders of them. May be repeated.
    #[arg(long = "script", required = true)]
    scripts: Vec<PathBuf>,
    /// HTTP archive with what was asked and answered.
    #[arg(long)]
    exchanges: PathBuf,
    /// FHIR base that the recorded addresses begin with.
    #[arg(long)]
    base: String,
    /// Reports to write: html=FILE, junit=FILE, json=FILE, testreport=FILE, with commas between them.
    #[arg(long, value_delimiter = ',', value_parser = report_wanted)]
    pub(crate) report: Vec<(telling::Format, PathBuf)>,
    #[command(flatten)]
    around: Surroundings,
    #[command(flatten)]
    judging: Judging,
}

fn numbered(text: &str) -> Result<(u32, String), String> {
    let (index, base) = text.split_once('=').ok_or("a system is NUMBER=URL")?;
    Ok((index.parse().map_err(|_| "a system is NUMBER=URL")?, base.to_owned()))
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("a variable is NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

fn format(text: &str) -> Result<Format, String> {
    match text {
        "json" => Ok(Format::Json),
        "xml" => Ok(Format::Xml),
        _ => Err("json or xml".to_owned()),
    }
}

fn navigation(text: &str) -> Result<Navigation, String> {
    match text {
        "strict" => Ok(Navigation::Strict),
        "practical" => Ok(Navigation::Practical),
        _ => Err("strict or practical".to_owned()),
    }
}

impl Judging {
    fn profiles(&self) -> Result<Arc<Defined>, String> {
        let telling = if self.show_values { Telling::Values } else { Telling::Redacted };
        Ok(Arc::new(Defined::new(crate::validating::definitions(&self.pack)?, telling)))
    }

    fn options(&self, under_test: &[u32], clients: Clients) -> Options {
        Options {
            telling: if self.show_values { Telling::Values } else { Telling::Redacted },
            navigation: self.navigation,
            format: self.format,
            variables: self.variables.clone(),
            under_test: under_test.to_vec(),
            around: if self.without_setup { Around::LeaveOut } else { Around::Run },
            clients,
        }
    }
}

/// A folder and the scripts in it that were asked for.
type Found = (Library, Vec<Script>, Vec<(PathBuf, String)>);

/// Reads the scripts; one folder holds them all.
fn scripts(asked: &[PathBuf], around: &Surroundings) -> Result<Found, String> {
    let folder = match (&around.root, asked) {
        (Some(root), _) => root.clone(),
        (None, [one]) if one.is_dir() => one.clone(),
        (None, [one]) => {
            one.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned()
        }
        (None, _) => return Err("several scripts lie in one folder: give --root".to_owned()),
    };
    let library = Library::open(&folder, &around.fixtures).map_err(|bad| bad.to_string())?;
    let (mut found, mut unread) = (Vec::new(), Vec::new());
    for path in asked {
        let whole_folder = path.is_dir();
        let files = if whole_folder {
            let inner = Library::open(path, &[]).map_err(|bad| bad.to_string())?;
            inner.files()
        } else {
            vec![path.clone()]
        };
        for file in files {
            match library.load(&file) {
                Ok(script) => found.push(script),
                // A folder holds fixtures beside scripts.
                Err(conformance::script::Unreadable::NoScript(_)) if whole_folder => {}
                Err(bad) => unread.push((file, bad.to_string())),
            }
        }
    }
    if found.is_empty() && unread.is_empty() {
        return Err("there is no TestScript there".to_owned());
    }
    Ok((library, found, unread))
}

/// Runs scripts against systems.
pub(crate) async fn run(
    base: Option<&str>,
    token: Option<&Path>,
    authorities: Option<&Path>,
    asked: &Scripts,
    live: Live,
) -> Result<Ended, String> {
    let (library, found, unread) = scripts(&asked.scripts, &asked.around)?;
    let base = match base {
        Some(base) => base.to_owned(),
        None if asked.stand_in => {
            StandIn::serve(&library, &found).await.map_err(|_| "the stand-in cannot listen")?
        }
        None => return Err("an endpoint is needed: give --base, or --stand-in".to_owned()),
    };
    let bounds = Bounds { deadline: Duration::from_secs(asked.deadline), body_bytes_max: asked.body_max };
    let bases: Vec<(u32, String)> =
        std::iter::once((1, base.clone())).chain(asked.systems.iter().cloned()).collect();
    let systems = Systems::new(&bases, token, authorities, bounds).map_err(|bad| bad.to_string())?;
    let client = match asked.intercept {
        None => None,
        Some(address) => {
            let client = Interceptor::listen(address, Duration::from_secs(asked.wait)).await;
            let client = client.map_err(|_| format!("nothing can listen at {address}"))?;
            live.say(&format!("Waiting for the client under test at http://{}\n", client.address()));
            Some(Arc::new(client))
        }
    };
    // One client sends one thing after the other.
    let at_a_time = if client.is_some() { 1 } else { usize::from(asked.parallel) };
    let record = asked.record.as_ref().map(|_| Arc::new(Recording::new(&base)));
    let road = Road::Network { systems: Box::new(systems), client, record: record.clone() };
    let clients = if asked.play_client { Clients::Played } else { Clients::Waited };
    let runner = Runner::new(
        library,
        road,
        asked.judging.options(&asked.under_test, clients),
        asked.judging.profiles()?,
    );
    let paint = live.paint();
    let mut run = all(runner, found, at_a_time, live).await;
    run.unread.splice(0..0, unread);
    if let (Some(file), Some(record)) = (&asked.record, record) {
        std::fs::write(file, record.archive()).map_err(|_| "the recording cannot be written")?;
    }
    Ok(Ended { run, base, paint })
}

async fn all(runner: Runner, found: Vec<Script>, at_a_time: usize, live: Live) -> ScriptsRun {
    let (ended, count) = (AtomicUsize::new(0), found.len());
    let listener = move |event: &Event<'_>| match event {
        Event::Began(name) => live.begun("script", name, ended.load(Ordering::Relaxed), count),
        Event::Tested(..) => {}
        Event::Ended(script) => {
            ended.fetch_add(1, Ordering::Relaxed);
            live.say(&report::line(script));
            let first = report::first_failure(script);
            if let Some(first) = first.filter(|_| live.failed() == First::Yes) {
                live.say(&first);
            }
        }
    };
    Arc::new(runner.heard_by(Arc::new(listener))).run_all(found, at_a_time).await
}

/// Scripts that were run, and against what.
pub(crate) struct Ended {
    pub(crate) run: ScriptsRun,
    pub(crate) base: String,
    paint: Paint,
}

/// Judges recorded exchanges.
pub(crate) async fn replay(asked: &ReplayArguments, live: Live) -> Result<Ended, String> {
    let (library, found, unread) = scripts(&asked.scripts, &asked.around)?;
    let recording = Recording::read(&asked.exchanges, &asked.base).map_err(|bad| bad.to_string())?;
    let runner = Runner::new(
        library,
        Road::Recorded(recording),
        asked.judging.options(&[], Clients::Waited),
        asked.judging.profiles()?,
    );
    let paint = live.paint();
    let mut run = all(runner, found, 1, live).await;
    run.unread.splice(0..0, unread);
    Ok(Ended { run, base: asked.base.clone(), paint })
}

/// Says what is wrong with scripts; the exit status is 1 where one of them cannot run as it is written.
pub(crate) fn linted(asked: &LintArguments) -> Result<Verdict, String> {
    let (library, found, unread) = scripts(&asked.scripts, &asked.around)?;
    let mut errors = 0_usize;
    let mut count = 0_usize;
    for script in &found {
        let findings = lint(script, &library);
        errors += findings.iter().filter(|finding| finding.severity == Severity::Error).count();
        count += findings.len();
        tell(&report::findings(script.file(), &findings));
    }
    for (file, why) in &unread {
        tell(&format!("{}: error [unreadable] {why}\n", file.display()));
    }
    tell(&format!(
        "{} scripts, {count} findings, {errors} errors, {} unreadable\n",
        found.len(),
        unread.len()
    ));
    Ok(match (errors, unread.len()) {
        (_, unread) if unread > 0 => Verdict::Error,
        (0, _) => Verdict::Pass,
        _ => Verdict::Fail,
    })
}

/// The reports' own form of a run.
pub(crate) fn rendered(run: &ScriptsRun, base: &str, format: telling::Format) -> String {
    match format {
        telling::Format::Junit => report::junit(run, base),
        telling::Format::Json => report::json(run),
        telling::Format::TestReport => report::testreport(run, base),
        telling::Format::Html => reports::html(&Account::of_scripts(run, base)),
    }
}

impl Ended {
    /// What is left to tell when all scripts ended.
    pub(crate) fn summary(&self) -> String {
        let account = Account::of_scripts(&self.run, &self.base);
        format!("{}{}", report::unread(&self.run), reports::summary(&account, self.paint))
    }
}

fn tell(text: &str) {
    // Whether or not anyone reads it, the exit status tells.
    drop(std::io::stdout().write_all(text.as_bytes()));
}
