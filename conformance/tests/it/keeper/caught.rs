//! The clean keeper passes whole; every seeded fault is caught by a named check; every check catches one.

use std::collections::HashSet;
use std::path::Path;

use conformance::bench::Bench;
use conformance::check::Status;
use conformance::run::{Run, run, run_one};
use conformance::scene::Scene;
use conformance::suite::Suite;
use conformance::target::Target;

use super::decide::Baseline;
use super::faults::{CAUGHT, Fault};
use super::{start, world};

const SUITES: [Suite; 2] = [Suite::Balp, Suite::Consent];
/// Keepers that are tried at once.
const AT_ONCE: usize = 8;

async fn bench(fault: Fault, baseline: Baseline, scene: impl FnOnce(String) -> String) -> Bench {
    let base = start(fault, baseline).await;
    let default = if baseline == Baseline::Permit { "permit" } else { "deny" };
    let scene = Scene::parse(&scene(world::scene(&base, default)), Path::new("")).unwrap();
    Bench::of(Target::new(&base, None, None, None).unwrap()).with_scene(scene)
}

fn unmet(run: &Run) -> Vec<(&'static str, &'static str, String)> {
    let wrong = run.findings().filter(|finding| finding.status != Status::Pass);
    wrong.map(|finding| (finding.check.id, finding.status.word(), finding.detail())).collect()
}

#[tokio::test]
async fn the_clean_keeper_passes_every_check() {
    let run = run(&bench(Fault::None, Baseline::Permit, |scene| scene).await, &SUITES, |_| ()).await;
    assert_eq!(unmet(&run), []);
}

#[tokio::test]
async fn so_does_one_whose_events_are_known_by_being_new() {
    let new = |scene: String| scene.replace("[audit]\n", "[audit]\ncorrelate = \"new\"\n");
    let run = run(&bench(Fault::None, Baseline::Permit, new).await, &[Suite::Balp], |_| ()).await;
    assert_eq!(unmet(&run), []);
}

#[tokio::test]
async fn a_keeper_that_shares_nothing_without_a_consent_passes_as_well() {
    let run = run(&bench(Fault::None, Baseline::Deny, |scene| scene).await, &[Suite::Consent], |_| ()).await;
    let other = "without a Consent nothing of another patient is shared anyway".to_owned();
    assert_eq!(unmet(&run), [("consent-other-patient", "skip", other)]);
}

#[tokio::test]
async fn every_seeded_fault_is_caught_by_a_named_check() {
    let mut missed = Vec::new();
    for some in CAUGHT.chunks(AT_ONCE) {
        let mut tries = tokio::task::JoinSet::new();
        for (fault, check, expected) in some {
            tries.spawn(async move {
                let found =
                    run_one(&bench(*fault, Baseline::Permit, |scene| scene).await, check).await.unwrap();
                (found.status != *expected).then(|| (*fault, *check, found.status, found.detail()))
            });
        }
        missed.extend(tries.join_all().await.into_iter().flatten());
    }
    println!("seeded faults of the keeper caught: {} of {}", CAUGHT.len() - missed.len(), CAUGHT.len());
    assert_eq!(missed, []);
}

#[test]
fn every_check_catches_a_seeded_fault_and_every_fault_is_tried_once() {
    let caught: HashSet<&str> = CAUGHT.iter().map(|(_, check, _)| *check).collect();
    let checks = SUITES.into_iter().flat_map(Suite::checks).map(|check| check.id);
    assert_eq!(checks.filter(|id| !caught.contains(id)).collect::<Vec<_>>(), [] as [&str; 0]);
    let faults: HashSet<Fault> = CAUGHT.iter().map(|(fault, ..)| *fault).collect();
    assert_eq!(faults.len(), CAUGHT.len());
}

#[tokio::test]
async fn without_a_scene_everything_is_skipped_and_nothing_passes() {
    let base = start(Fault::None, Baseline::Permit).await;
    let run = run(&Bench::of(Target::new(&base, None, None, None).unwrap()), &SUITES, |_| ()).await;
    assert!(run.findings().all(|finding| finding.status == Status::Skip));
}
