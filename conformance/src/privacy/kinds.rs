//! How each kind of check is run and judged.

mod answers;
mod brought;
mod compare;
mod http2;
mod looked;
mod many;
mod raw;
mod sinks;
mod state;
mod timing;

pub(super) use looked::LOOKED_AT;
pub(super) use many::next;
pub(super) use timing::T_MAX;

use super::battery::{Attack, Kind, MustBe};
use super::bench::{Bench, Ended, Outcome, clean};
use super::scan::Scanner;
use super::wire::Answer;

/// Runs one attack. The upstream is as it was before and after, where it can be told to.
pub(super) async fn run(bench: &Bench, attack: &Attack) -> Outcome {
    let outcome = match prepared(bench, attack).await {
        Ok(()) => judged(bench, attack).await.unwrap_or_else(|ended| ended),
        Err(ended) => ended,
    };
    match bench.reset().await {
        Ok(()) => outcome,
        Err(ended) => ended,
    }
}

async fn prepared(bench: &Bench, attack: &Attack) -> Result<(), Ended> {
    if attack.check == Kind::Timing && bench.timing_pairs.is_none() {
        return Err(Outcome::NotRun("timing was not asked for (--timing)".to_owned()));
    }
    bench.reset().await?;
    match attack.setup.upstream.strip_prefix("canned:") {
        Some(name) => bench.control(&format!("{{\"canned\": {}}}", serde_json::Value::from(name))).await,
        None => Ok(()),
    }
}

async fn judged(bench: &Bench, attack: &Attack) -> Result<Outcome, Ended> {
    let watch = sinks::Watch::begin(bench, attack);
    let stated = attack.setup.upstream.starts_with("state:");
    let outcome = match attack.check {
        _ if stated || attack.check == Kind::State => Box::pin(state::run(bench, attack)).await?,
        Kind::Canary | Kind::Sequence => answers::canary(bench, attack).await?,
        Kind::Header => answers::header(bench, attack).await?,
        Kind::Status(status) => answers::status(bench, attack, status).await?,
        Kind::Total => answers::total(bench, attack).await?,
        Kind::Oracle => compare::oracle(bench, attack).await?,
        Kind::Differential => compare::differential(bench, attack).await?,
        Kind::UpstreamState => compare::upstream_state(bench, attack).await?,
        Kind::Raw => raw::run(bench, attack).await?,
        Kind::Telemetry => sinks::telemetry(bench, attack).await?,
        Kind::UpstreamLog => sinks::upstream_log(bench, attack).await?,
        Kind::Paging => many::paging(bench, attack).await?,
        Kind::Concurrency => many::concurrency(bench, attack).await?,
        Kind::Timing => Box::pin(timing::run(bench, attack)).await?,
        Kind::State | Kind::Manual => {
            Box::pin(looked::run(bench, attack)).await.unwrap_or(Ok(Outcome::Manual))?
        }
    };
    watch.end(attack)?;
    Ok(outcome)
}

/// The demands that any attack may make of its answer, beside its kind.
fn demanded(attack: &Attack, answer: &Answer, all: &[u8]) -> Result<(), Ended> {
    if attack.must_be_refused == MustBe::Refused && !answer.refused() {
        return Err(Outcome::Leaked(format!("accepted with {}", answer.status)));
    }
    let missing = |wanted: &&String| clean(&Scanner::new([wanted.as_str()]), all).is_ok();
    let missing: Vec<&str> = attack.must_contain.iter().filter(missing).map(String::as_str).collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Outcome::Vacuous(format!("status {}, without {}", answer.status, missing.join(", "))))
}
