//! Whether the gateway can do its work, as a load balancer and an operator are told.

use std::sync::Arc;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use tokio::sync::watch;

use crate::ledger::Health;
use crate::ports::Ports;
use crate::requestor::KeysStand;
use crate::server::listener::Phase;
use crate::server::ops::{Readiness, Ready};
use crate::server::revocation::Revocations;

const NOBODY: &str = "nobody can prove who they are: no issuer has keys that may be used";
const ISSUER: &str = "an issuer has no keys that may be used: its tokens are answered 503";
const LIST: &str = "a revocation list is out of date: its listener lets no client certificate in";
const BOTH: &str = "an issuer has no keys that may be used, and a revocation list is out of date";

/// Looks at the ledger first: without it nothing is shared with anybody. An issuer that is down, or a revocation list
/// out of date, makes the gateway unready only when nobody is left who could prove who they are; others are served.
pub(super) fn readiness(
    health: watch::Receiver<Health>,
    phase: watch::Receiver<Phase>,
    live: &Arc<ArcSwap<Ports>>,
    revocations: &Arc<ArcSwap<Revocations>>,
) -> Ready {
    let (live, revocations) = (Arc::clone(live), Arc::clone(revocations));
    Arc::new(move || {
        let draining = *phase.borrow() == Phase::Draining;
        let why_not = health.borrow().why_not();
        let readiness = match (draining, why_not) {
            (true, _) => Readiness::NotReady("draining"),
            (false, Some(why)) => Readiness::NotReady(why),
            (false, None) => {
                let ports = live.load();
                of_identity(&ports, &revocations.load(), ports.clock.now())
            }
        };
        Box::pin(async move { readiness })
    })
}

fn of_identity(ports: &Ports, revocations: &Revocations, now: Timestamp) -> Readiness {
    let a_certificate_would_do =
        !ports.settings.clients.is_empty() && !revocations.of_requests_are_out_of_date(now);
    match (ports.keys.stand(), revocations.are_out_of_date(now)) {
        (KeysStand::AllMissing, _) if !a_certificate_would_do => Readiness::NotReady(NOBODY),
        (KeysStand::Usable, false) => Readiness::Ready,
        (KeysStand::Usable, true) => Readiness::ReadyBut(LIST),
        (KeysStand::AllMissing | KeysStand::SomeMissing, false) => Readiness::ReadyBut(ISSUER),
        (KeysStand::AllMissing | KeysStand::SomeMissing, true) => Readiness::ReadyBut(BOTH),
    }
}
