//! What the suites say of the stand-in, of the invented people, and of the gateway in front of them.

use conformance::bench::Bench;
use conformance::check::Status;
use conformance::run::{Verdict, run};
use conformance::suite::Suite;
use conformance::target::Target;
use examples::house::House;
use examples::json::text;
use examples::people::records;
use examples::standin;
use jiff::civil::date;
use tempfile::TempDir;

#[tokio::test]
async fn the_stand_in_passes_every_check() {
    let records = records(date(2026, 6, 15));
    let hospital = standin::start("hospital", records).await.unwrap();
    let target = Target::new(&hospital.base, None, Some("ann"), None).unwrap();
    let run = run(&Bench::of(target), &Suite::HARMLESS, |_| ()).await;
    let unmet: Vec<_> = run
        .findings()
        .filter(|finding| !matches!(finding.status, Status::Pass | Status::Skip))
        .map(|finding| (finding.check.id, finding.detail()))
        .collect();
    assert_eq!(unmet, []);
    assert_eq!(run.verdict(), Verdict::Pass);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_gateway_fails_no_check_in_front_of_the_stand_in() {
    let folder = TempDir::new().unwrap();
    let house = House::start(folder.path(), None).await.unwrap();
    let token = folder.path().join("token");
    std::fs::write(&token, house.token("social_worker")).unwrap();
    for (face, patient) in [("hospital/fhir", Some("ann")), ("fhir", None)] {
        let base = format!("{}/{face}", house.base());
        let target = Target::new(&base, Some(&token), patient, None).unwrap();
        let suites: &[Suite] =
            if patient.is_some() { &Suite::HARMLESS } else { &[Suite::Metadata, Suite::ErrorBodies] };
        let run = run(&Bench::of(target), suites, |_| ()).await;
        assert_eq!(run.verdict(), Verdict::Pass, "{}", conformance::report::terminal(&run));
    }
    house.stop().await.unwrap();
}

#[test]
fn every_record_holds_only_what_r4_defines() {
    for record in records(date(2026, 6, 15)) {
        let name = format!("{}/{}", text(&record, "/resourceType").unwrap(), text(&record, "/id").unwrap());
        let bytes = bytes::Bytes::from(record.to_string());
        let found = conformance::elements::check(bytes);
        assert_eq!(found, Ok(()), "{name}");
    }
}
