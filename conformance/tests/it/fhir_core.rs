//! The suite `fhir-core` against the store: right it passes whole, wrong it is found out.

mod caught;

use conformance::bench::Bench;
use conformance::check::{Check, Status};
use conformance::run::{Chosen, Run, Verdict, run, run_some};
use conformance::suite::Suite;
use conformance::target::Target;

use self::caught::CAUGHT;
use crate::store::json::Json;
use crate::store::{Fault, start, start_with};

async fn tested(base: &str, suites: &[Suite]) -> Run {
    run(&Bench::of(Target::new(base, None, None, None).unwrap()), suites, |_| ()).await
}

fn unmet(run: &Run) -> Vec<(&'static str, &'static str, String)> {
    let unmet = run.findings().filter(|finding| finding.status != Status::Pass);
    unmet.map(|finding| (finding.check.id, finding.status.word(), finding.detail())).collect()
}

#[tokio::test]
async fn the_clean_store_passes_the_harmless_suites() {
    let name = Json::object([("family", "Harrow".into())]);
    let patient = Json::object([
        ("resourceType", "Patient".into()),
        ("id", "harrow".into()),
        ("name", vec![name].into()),
    ]);
    let base = start_with(Fault::None, &[patient]).await;
    let run = tested(&base, &Suite::HARMLESS).await;
    assert_eq!(unmet(&run), []);
    assert_eq!(run.verdict(), Verdict::Pass);
}

#[tokio::test]
async fn the_clean_store_passes_whole_and_nothing_of_the_run_is_left() {
    let base = start(Fault::None).await;
    let run = tested(&base, &[Suite::FhirCore]).await;
    assert_eq!(unmet(&run), []);
    assert_eq!(run.left, 0);
}

#[tokio::test]
async fn every_seeded_fault_is_caught_by_a_named_check() {
    let mut missed = Vec::new();
    let mut faults = Vec::new();
    for (fault, id, expected) in CAUGHT {
        let base = start(*fault).await;
        let bench = Bench::of(Target::new(&base, None, None, None).unwrap());
        let wanted = |check: &Check| if check.id == *id { Chosen::Yes } else { Chosen::No };
        let run = run_some(&bench, &[Suite::FhirCore], wanted, |_| ()).await;
        let found = run.findings().next().map(|finding| (finding.status, finding.detail()));
        if found.as_ref().map(|(status, _)| *status) != Some(*expected) {
            missed.push((*fault, *id, found));
        }
        if !faults.contains(fault) {
            faults.push(*fault);
        }
    }
    println!("seeded faults caught: {} of {}", faults.len() - missed.len(), faults.len());
    assert!(missed.is_empty(), "{missed:#?}");
}

#[test]
fn every_check_catches_a_seeded_fault() {
    let idle: Vec<&str> = Suite::FhirCore
        .checks()
        .iter()
        .map(|check| check.id)
        .filter(|id| !CAUGHT.iter().any(|(_, caught, _)| caught == id))
        .collect();
    assert_eq!(idle, [] as [&str; 0]);
}
