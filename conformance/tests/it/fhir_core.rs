//! The suite `fhir-core` against the store: right it passes whole, wrong it is found out.

use conformance::bench::Bench;
use conformance::check::Status;
use conformance::run::{Run, Verdict, run};
use conformance::suite::Suite;
use conformance::target::Target;

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
