//! `demo`: a hospital, a council, a sign-in page and the gateway on loopback, and the story they play.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use examples::house::{House, HouseError};
use examples::story::{Stage, Told, play};
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
    /// FHIR base of a server to use as the hospital; the invented people are put there first.
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
    let house = match House::start(&arguments.folder, arguments.upstream.as_deref()).await {
        Ok(house) => house,
        Err(error) => {
            warn(&format!("demo: {}", with_causes(&error)));
            return ExitCode::from(status_of(&error));
        }
    };
    for untaken in &house.untaken {
        warn(&format!("the upstream did not take {} (status {})", untaken.record, untaken.status));
    }
    if !house.ties_missing.is_empty() {
        warn(&format!("the upstream cannot hold these ties of care: {}", house.ties_missing.join(", ")));
    }
    let mut held = true;
    if arguments.scenario == Scenario::Discharge {
        let mut stage = Stage::new(&house);
        let shape = if arguments.json { json_line } else { plain_line };
        let told = play(&mut stage, |told| say(&shape(told))).await;
        held = told.iter().all(|told| told.outcome.is_ok());
    }
    if !arguments.once {
        if !arguments.json {
            say(&invitation(&house));
        }
        until_told_to_stop(&house).await;
    }
    if let Err(error) = house.stop().await {
        warn(&format!("demo: {}", with_causes(&error)));
        return ExitCode::from(1);
    }
    ExitCode::from(u8::from(!held))
}

fn status_of(error: &HouseError) -> u8 {
    match error {
        HouseError::InUse(_) => 75,
        HouseError::Upstream(_) => 69,
        HouseError::File(..) | HouseError::Port(_) | HouseError::Standin(_) => 74,
        HouseError::Example(_)
        | HouseError::SignIn(_)
        | HouseError::Token(_)
        | HouseError::Gateway(_)
        | HouseError::Choice(_) => 1,
    }
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
async fn until_told_to_stop(house: &House) {
    let signals =
        (signal(SignalKind::hangup()), signal(SignalKind::terminate()), signal(SignalKind::interrupt()));
    let (Ok(mut reload), Ok(mut terminate), Ok(mut interrupt)) = signals else { return };
    loop {
        tokio::select! {
            _ = reload.recv() => match house.reload().await {
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
