//! `demo`: a hospital, a council, a sign-in page and the gateway on loopback, and the story they play.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use examples::council::{self, Council};
use examples::house::{GatewayError, House, HouseError};
use examples::leaks::{self, Leaks};
use examples::story::{Stage, Told, play};
use gateway::telemetry::{self, Format};
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};

/// Plays the story of the README on loopback: a discharge summary reaches a social worker, minimised, recorded, and
/// seen by the patient. Everyone in it is invented.
///
/// Exit status: 0 the story held, 1 a step did not hold, 64 usage, 69 the given upstream does not answer,
/// 74 files or ports cannot be had, 75 another demo is running here.
#[derive(Debug, Parser)]
#[command(name = "demo", version)]
struct Arguments {
    /// What to play before staying up.
    #[arg(long, value_enum, default_value_t = Scenario::Discharge)]
    scenario: Scenario,
    /// FHIR base of a server to use as the hospital; the invented people are put there first. For `leaks`: a server that
    /// holds the records already; nothing is put there.
    #[arg(long)]
    upstream: Option<String>,
    /// End after the story instead of staying up.
    #[arg(long)]
    once: bool,
    /// Print a JSON object per step.
    #[arg(long)]
    json: bool,
    /// Folder for settings, state and demo.json.
    #[arg(long, default_value = "target/demo")]
    folder: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Scenario {
    /// The whole story.
    Discharge,
    /// Six people with a canary in all that must not leave: reads what an adult social worker may see, and all else.
    Leaks,
    /// A council's case system without FHIR, only CSV files and an SQLite database: the ward reads it, and tells it who
    /// goes home.
    Council,
    /// Nothing: only start everything.
    None,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let status = if error.use_stderr() { 64 } else { 0 };
            // Whether or not anyone reads it, the exit status tells.
            drop(error.print());
            return ExitCode::from(status);
        }
    };
    let played = match arguments.scenario {
        Scenario::Leaks => leaks(&arguments).await,
        Scenario::Council => council(&arguments).await,
        Scenario::Discharge | Scenario::None => discharge(&arguments).await,
    };
    match played {
        Ok(held) => ExitCode::from(u8::from(!held)),
        Err(error) => {
            warn(&format!("demo: {}", with_causes(&error)));
            ExitCode::from(status_of(&error))
        }
    }
}

/// The story, or only its house; whether it held.
async fn discharge(arguments: &Arguments) -> Result<bool, HouseError> {
    let house = House::start(&arguments.folder, arguments.upstream.as_deref()).await?;
    for untaken in &house.untaken {
        warn(&format!("the upstream did not take {} (status {})", untaken.record, untaken.status));
    }
    if !house.ties_missing.is_empty() {
        warn(&format!("the upstream cannot hold these ties of care: {}", house.ties_missing.join(", ")));
    }
    let mut held = true;
    if arguments.scenario == Scenario::Discharge {
        let mut stage = Stage::new(&house);
        let told = play(&mut stage, |told| say(&line(arguments, told))).await;
        held = told.iter().all(|told| told.outcome.is_ok());
    }
    if !arguments.once {
        if !arguments.json {
            say(&invitation(&house));
        }
        until_told_to_stop(async || house.reload().await).await;
    }
    house.stop().await?;
    Ok(held)
}

/// The scenario of the council; whether it held.
async fn council(arguments: &Arguments) -> Result<bool, HouseError> {
    let council = Council::start(&arguments.folder).await?;
    let told = council::play(&council, |told| say(&line(arguments, told))).await;
    let held = told.iter().all(|told| told.outcome.is_ok());
    if !arguments.once {
        if !arguments.json {
            let (base, notice) = (council.base(), council.folder.join("demo.json"));
            say(&format!(
                "{base}/council-cases/fhir stays up until Ctrl-C; tokens are in {}",
                notice.display()
            ));
            say(&format!("Change what the council holds in {}", council.cases().display()));
        }
        until_told_to_stop(async || council.reload().await).await;
    }
    council.stop().await?;
    Ok(held)
}

/// The scenario of batteries; whether what it reads is the view. It reads with `--once` only, so that whoever attacks
/// it finds it untouched.
async fn leaks(arguments: &Arguments) -> Result<bool, HouseError> {
    if !arguments.once {
        // What is logged is looked into by whoever attacks it.
        telemetry::start(Format::Json, None)?;
    }
    let leaks = Leaks::start(&arguments.folder, arguments.upstream.as_deref()).await?;
    let mut held = true;
    if arguments.once {
        let told = leaks::play(&leaks, |told| say(&line(arguments, told))).await?;
        held = told.iter().all(|told| told.outcome.is_ok());
    } else {
        if !arguments.json {
            let notice = leaks.folder.join("demo.json");
            say(&format!(
                "{}/upstream/fhir stays up until Ctrl-C; tokens are in {}",
                leaks.base(),
                notice.display()
            ));
        }
        tokio::select! {
            () = until_told_to_stop(async || leaks.reload().await) => {}
            () = leaks.bring_states_about() => {}
        }
    }
    leaks.stop().await?;
    Ok(held)
}

fn status_of(error: &HouseError) -> u8 {
    match error {
        HouseError::InUse(_) => 75,
        HouseError::Upstream(_) => 69,
        HouseError::File(..) | HouseError::Port(_) | HouseError::Standin(_) => 74,
        HouseError::Telemetry(_)
        | HouseError::Example(_)
        | HouseError::SignIn(_)
        | HouseError::Token(_)
        | HouseError::Gateway(_)
        | HouseError::Choice(_) => 1,
    }
}

fn line(arguments: &Arguments, told: &Told) -> String {
    if arguments.json { json_line(told) } else { plain_line(told) }
}

fn json_line(told: &Told) -> String {
    let (ok, detail) = outcome(told);
    json!({"step": told.step, "ok": ok, "detail": detail}).to_string()
}

fn plain_line(told: &Told) -> String {
    let (ok, detail) = outcome(told);
    format!("{}  {:<30} {detail}", if ok { "held " } else { "BROKE" }, told.step)
}

fn outcome(told: &Told) -> (bool, String) {
    match &told.outcome {
        Ok(detail) => (true, detail.clone()),
        Err(broken) => (false, broken.to_string()),
    }
}

fn invitation(house: &House) -> String {
    let (base, sign_in, notice) = (house.base(), &house.sign_in, house.folder.join("demo.json"));
    let token = format!("$(jq -r .tokens.social_worker {})", notice.display());
    format!(
        "\nEverything stays up until Ctrl-C. Open in a browser:\n\
         \x20 {sign_in}        sign in as anyone in the story; as Ann, see who has seen her record\n\
         \x20 {base}/register  what is shared with whom, and why\n\
         \nAsk as the social worker, the support worker, the stranger ({}):\n\
         \x20 curl -H \"Authorization: Bearer {token}\" {base}/hospital/fhir/Patient/ann\n\
         \x20 curl -H \"Authorization: Bearer {token}\" '{base}/hospital/fhir/Condition?patient=ann'\n\
         \x20 curl -H \"Authorization: Bearer {token}\" {base}/hospital/fhir/Patient/ben\n\
         \nChange an agreement in {} and send SIGHUP to try your own.\n",
        notice.display(),
        house.config.display(),
    )
}

/// SIGHUP reads settings and agreements again; SIGTERM and Ctrl-C end.
async fn until_told_to_stop(reloaded: impl AsyncFn() -> Result<(), GatewayError>) {
    let signals =
        (signal(SignalKind::hangup()), signal(SignalKind::terminate()), signal(SignalKind::interrupt()));
    let (Ok(mut reload), Ok(mut terminate), Ok(mut interrupt)) = signals else { return };
    loop {
        tokio::select! {
            _ = reload.recv() => match reloaded().await {
                Ok(()) => warn("settings and agreements were read again"),
                Err(error) => warn(&format!("the old settings go on serving: {}", with_causes(&error))),
            },
            _ = terminate.recv() => return,
            _ = interrupt.recv() => return,
        }
    }
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        text.push_str(": ");
        text.push_str(&next.to_string());
        cause = next.source();
    }
    text
}

fn say(text: &str) {
    // A reader that went away does not stop the story.
    drop(writeln!(std::io::stdout(), "{text}"));
}

fn warn(text: &str) {
    drop(writeln!(std::io::stderr(), "{text}"));
}
