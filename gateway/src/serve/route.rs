//! From a request to what answers it: an exchange, or one of the gateway's pages.

use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwap;
use http::StatusCode;
use tracing::Instrument;
use tracing::field::Empty;

use crate::outcome::Ending;
use crate::ports::Ports;
use crate::push;
use crate::push::intake::Intake;
use crate::server::arrived::Arrived;
use crate::server::attend::Exchange;
use crate::server::reply::Reply;
use crate::trail::record::Exchange as Record;
use crate::{exchange, pages};

/// Answers each request on the settings of the moment it came.
#[must_use]
pub fn exchange(live: Arc<ArcSwap<Ports>>, intake: Arc<Intake>) -> Exchange {
    Arc::new(move |arrived: Arrived| {
        let (ports, intake) = (live.load_full(), Arc::clone(&intake));
        let place = place(&arrived);
        let request_id = arrived.request_id.to_string();
        let span = tracing::info_span!("exchange", place, request_id, status = Empty);
        let answered = async move {
            let begun = Instant::now();
            let reply = apart(arrived, Arc::clone(&ports), intake).await;
            let took = begun.elapsed();
            let status = reply.status().as_u16();
            tracing::Span::current().record("status", status);
            let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
            tracing::info!(place, request_id, status, took_ms, "exchange ended");
            ports.metrics.exchange_ended(place, class(reply.status()), took);
            reply
        };
        Box::pin(answered.instrument(span))
    })
}

/// The places of DESIGN section 7, as logs and numbers name them.
fn place(arrived: &Arrived) -> &'static str {
    match arrived.target.segments().as_slice() {
        [] => "start",
        ["fhir", ..] => "own",
        ["hl7v2", ..] => "hl7v2",
        ["cda", ..] => "cda",
        ["inbound", ..] => "inbound",
        ["me", ..] => "me",
        ["register"] => "register",
        ["assets", _] | ["favicon.ico"] => "assets",
        [_, "fhir", ..] => "fhir",
        [..] => "elsewhere",
    }
}

/// Answers in a task of its own. One that panics is recorded as failed, with what was known on arrival, and told so.
async fn apart(arrived: Arrived, ports: Arc<Ports>, intake: Arc<Intake>) -> Reply {
    let begun = Record::arrived(&arrived);
    let system = arrived.target.segments().first().and_then(|name| ports.settings.system(name));
    let begun = match system {
        Some(system) => Record { place: system.name.to_string(), ..begun },
        None => begun,
    };
    let answered = tokio::spawn({
        let ports = Arc::clone(&ports);
        async move { answer(arrived, &ports, &intake).await }.in_current_span()
    });
    match answered.await {
        Ok(reply) => reply,
        Err(_) => begun.end(Ending::Panicked).record(&ports).await,
    }
}

/// What is nowhere is an exchange too: it is authenticated, told 404 and recorded like any other.
async fn answer(arrived: Arrived, ports: &Ports, intake: &Arc<Intake>) -> Reply {
    if push::http::is_meant(&arrived) {
        return push::http::take(arrived, ports, intake).await;
    }
    match pages::route(&arrived) {
        Some(page) => pages::answer(page, arrived, ports).await,
        None => exchange::run(arrived, ports).await,
    }
}

fn class(status: StatusCode) -> &'static str {
    match status.as_u16() {
        200..=299 => "2xx",
        300..=399 => "3xx",
        400..=499 => "4xx",
        _ => "5xx",
    }
}
