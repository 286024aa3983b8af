//! The command line of the privacy suite.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use conformance::privacy::battery;
use conformance::privacy::bench::{Bench, attachments};
use conformance::privacy::tap::Tap;
use conformance::privacy::wire::{Endpoint, Reach};
use conformance::privacy::worlds::{Comparing, Grammar, compare};
use conformance::privacy::{Event, Plan, Run, run_telling};
use conformance::report::account::Row;
use conformance::run::Usable;
use conformance::target::Trouble;
use conformance::{check, report};

use crate::live::{First, Live};

/// Options of `--suite privacy`.
#[derive(Debug, clap::Args)]
#[command(
    next_help_heading = "Options of the suite privacy, which attacks and changes what is behind the base"
)]
pub(crate) struct Privacy {
    /// The attacks: a file with one in JSON a line.
    #[arg(long)]
    battery: Option<PathBuf>,
    /// The canaries of the fixture behind the base, and from whom each is hidden.
    #[arg(long)]
    canaries: Option<PathBuf>,
    /// Bearer tokens by requester: an object in JSON, or a demo.json with one under `tokens`.
    #[arg(long)]
    tokens: Option<PathBuf>,
    /// The control of the upstream behind the base: canned answers, reset, and a look at records. What needs it is not run
    /// without.
    #[arg(long)]
    control: Option<String>,
    /// What stands in front of `/fhir` in every path, such as `/upstream`.
    #[arg(long, default_value = "")]
    prefix: String,
    /// Run only attacks whose id begins so.
    #[arg(long)]
    only: Option<String>,
    /// Attacks that may fail: the keys of `[battery]` of a TOML file, else one id a line. One that holds is a failure.
    #[arg(long)]
    gaps: Option<PathBuf>,
    /// Folder with the resources of the fixture, whose hidden attachments are known by their digests; else `resources`
    /// beside the canaries.
    #[arg(long)]
    resources: Option<PathBuf>,
    /// File to which the upstream's requests are written, such as by `tap`. May be repeated.
    #[arg(long)]
    upstream_log: Vec<PathBuf>,
    /// File from which the tap that writes the first --upstream-log takes orders (its --orders).
    #[arg(long)]
    upstream_orders: Option<PathBuf>,
    /// What brings states about that no request can: takes `{"state": NAME}` or `{"state": null}` by POST, answers 200 once
    /// it holds, and 404 to a state that it does not know.
    #[arg(long)]
    states: Option<String>,
    /// Where PRIV reads who was told about a record: a path with `{}` for `Type/id`.
    #[arg(long)]
    audit: Option<String>,
    /// File to which the server writes logs or traces. May be repeated.
    #[arg(long)]
    log: Vec<PathBuf>,
    /// Address at which the server shows metrics. May be repeated.
    #[arg(long)]
    metrics: Vec<String>,
    /// Take the time of so many interleaved pairs. Fails when Welch's t or the signed ranks of the pairs say twice, over
    /// fresh pairs each, that hidden and absent take another time.
    #[arg(long, value_parser = clap::value_parser!(u32).range(50..=100_000))]
    timing: Option<u32>,
    /// No attack begins later than so many seconds after the first; what is left is not run, and the run is an error.
    #[arg(long, default_value_t = 1800)]
    time_max: u64,
    /// A server over one world; at least two, alike but for what is hidden from the requester. Random requests must be
    /// answered alike by all.
    #[arg(long = "world")]
    worlds: Vec<String>,
    /// Tokens for the second and further worlds, in their order; without them those of --tokens are used for all.
    #[arg(long = "world-tokens")]
    world_tokens: Vec<PathBuf>,
    /// Who asks the worlds.
    #[arg(long, default_value = "LA")]
    requester: String,
    /// How many random requests each world is sent.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    requests: u32,
    /// Where random requests, and searches that are made up, begin; each seed gives the same ones again.
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// Attack a server that is not on this machine. Only with the consent of whoever runs it.
    #[arg(long)]
    allow_remote: bool,
}

/// Options of `tap`.
#[derive(Debug, clap::Args)]
pub(crate) struct TapArguments {
    /// Where to listen; the server under attack has this as its upstream.
    #[arg(long)]
    listen: SocketAddr,
    /// The upstream.
    #[arg(long)]
    to: String,
    /// File to which requests are added.
    #[arg(long)]
    log: PathBuf,
    /// File with an order: `hold N` keeps back what is sent once the log is N bytes long, `cut N` breaks answers off after N
    /// bytes; empty or absent, everything passes.
    #[arg(long)]
    orders: Option<PathBuf>,
    /// Pass on to a server that is not on this machine.
    #[arg(long)]
    allow_remote: bool,
}

impl Privacy {
    const fn reach(&self) -> Reach {
        if self.allow_remote { Reach::Remote } else { Reach::Loopback }
    }
}

impl TapArguments {
    const fn reach(&self) -> Reach {
        if self.allow_remote { Reach::Remote } else { Reach::Loopback }
    }
}

async fn endpoint(address: &str, reach: Reach) -> Result<Endpoint, String> {
    Endpoint::new(address, reach).await.map_err(|bad| bad.to_string())
}

/// Runs the suite.
pub(crate) async fn attack(base: Option<&str>, options: &Privacy, live: &Live) -> Result<Run, String> {
    let reach = options.reach();
    let needed = options.canaries.as_deref().ok_or("the suite privacy needs --canaries")?;
    let canaries = battery::canaries(needed).map_err(|bad| bad.to_string())?;
    let read = |file: &PathBuf| battery::attacks(file).map_err(|bad| bad.to_string());
    let attacks = options.battery.as_ref().map(read).transpose()?.unwrap_or_default();
    let tokens = match &options.tokens {
        Some(file) => battery::tokens(file).map_err(|bad| bad.to_string())?,
        None => std::collections::BTreeMap::new(),
    };
    let gaps = options.gaps.as_deref().map(battery::gaps).transpose().map_err(|bad| bad.to_string())?;
    if base.is_some() == attacks.is_empty() {
        return Err(
            "a base is attacked with a battery: give --base and --battery, or --world only".to_owned()
        );
    }
    let first = base.or(options.worlds.first().map(String::as_str));
    let target = endpoint(first.ok_or("nothing to attack: give --base or --world")?, reach).await?;
    let mut metrics = Vec::new();
    for address in &options.metrics {
        metrics.push(endpoint(address, reach).await?);
    }
    let control = match &options.control {
        Some(address) => Some(endpoint(address, reach).await?),
        None => None,
    };
    let states = match &options.states {
        Some(address) => Some(endpoint(address, reach).await?),
        None => None,
    };
    let folder = options.resources.clone().or_else(|| Some(needed.parent()?.join("resources")));
    let bench = Bench {
        prefix: format!("{}{}", target.path(), options.prefix.trim_end_matches('/')),
        target,
        tokens,
        control,
        canaries,
        attachments: folder.map(|folder| attachments(&folder)).unwrap_or_default(),
        upstream_logs: options.upstream_log.clone(),
        logs: options.log.clone(),
        metrics,
        timing_pairs: options.timing,
        states,
        orders: options.upstream_orders.clone(),
        audit: options.audit.clone(),
    };
    let time_max = Some(Duration::from_secs(options.time_max));
    let plan = Plan { attacks, only: options.only.clone(), gaps, time_max };
    let mut done = match base {
        Some(_) => run_telling(&bench, &plan, |event| shown(live, &event)).await,
        None => nothing(&bench),
    };
    live.begun("privacy", "worlds", done.findings.len(), done.findings.len() + 1);
    worlds(options, &bench, &plan, &mut done).await?;
    done.took = jiff::Timestamp::now().duration_since(done.began).try_into().unwrap_or_default();
    Ok(done)
}

/// Shows how far a run is, and its first failure as soon as it happens.
fn shown(live: &Live, event: &Event<'_>) {
    match event {
        Event::Begun { attack, before, all } => live.begun("privacy", &attack.id, *before, *all),
        Event::Ended(finding) => {
            let row = Row::from(*finding);
            if row.status == check::Status::Fail && live.failed() == First::Yes {
                live.say(&report::in_full(&row, live.paint()));
            }
        }
    }
}

fn nothing(bench: &Bench) -> Run {
    Run::new(bench.target.host().to_owned(), Usable::Yes)
}

async fn worlds(options: &Privacy, bench: &Bench, plan: &Plan, done: &mut Run) -> Result<(), String> {
    if options.worlds.is_empty() || done.target != Usable::Yes {
        return Ok(());
    }
    if options.worlds.len() < 2 {
        return Err("one world has nothing to be compared with: give --world at least twice".to_owned());
    }
    let mut worlds = Vec::new();
    for address in &options.worlds {
        worlds.push(endpoint(address, options.reach()).await?);
    }
    let requester = &options.requester;
    let missing = || format!("there is no token for {requester}");
    let mut tokens = vec![bench.tokens.get(requester).cloned().ok_or_else(missing)?];
    for file in &options.world_tokens {
        let more = battery::tokens(file).map_err(|bad| bad.to_string())?;
        tokens.push(more.get(requester).cloned().ok_or_else(missing)?);
    }
    if tokens.len() != 1 && tokens.len() != worlds.len() {
        return Err("--world-tokens is given for every world but the first, or not at all".to_owned());
    }
    for world in &worlds {
        if !world.listens().await {
            done.target = Usable::Silent(Trouble::Unanswered);
            return Ok(());
        }
    }
    let grammar = Grammar::of(&plan.attacks, &bench.canaries, requester);
    let hidden = bench.scanner_for(requester, &["CANARY-W".to_owned()]);
    let comparing = Comparing {
        worlds: &worlds,
        prefix: options.prefix.trim_end_matches('/'),
        tokens: &tokens,
        hidden: &hidden,
        grammar: &grammar,
        seed: options.seed.unwrap_or_else(any_seed),
        requests: options.requests,
    };
    done.worlds = Some(compare(&comparing).await);
    Ok(())
}

/// A seed that nobody chose; the report tells it.
fn any_seed() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one("seed")
}

/// Serves as a tap until the process ends.
pub(crate) async fn tap(arguments: &TapArguments) -> Result<(), String> {
    let upstream = endpoint(&arguments.to, arguments.reach()).await?;
    if !arguments.allow_remote && !arguments.listen.ip().is_loopback() {
        return Err("a tap listens on loopback only, unless --allow-remote is given".to_owned());
    }
    let tap = Tap::open(arguments.listen, &upstream, &arguments.log, arguments.orders.as_deref()).await;
    let tap = tap.map_err(|_| "the tap cannot listen there, or cannot write its log".to_owned())?;
    tap.serve().await;
    Ok(())
}
