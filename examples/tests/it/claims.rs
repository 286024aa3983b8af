//! The stand-in hospital holds what it claims, and the invented people are R4: our own suites say so.

use conformance::check::Status;
use conformance::run::{Verdict, run};
use conformance::suite::Suite;
use conformance::target::Target;
use examples::json::text;
use examples::people::records;
use examples::standin;
use jiff::civil::date;

#[tokio::test]
async fn the_stand_in_passes_every_check() {
    let records = records(date(2026, 6, 15));
    let hospital = standin::start("hospital", records).await.unwrap();
    let run = run(&Target::new(&hospital.base, None, Some("ann"), None).unwrap(), &Suite::ALL).await;
    let unmet: Vec<_> = run
        .findings()
        .filter(|finding| !matches!(finding.status, Status::Pass | Status::Skip))
        .map(|finding| (finding.check.id, finding.detail()))
        .collect();
    assert_eq!(unmet, []);
    assert_eq!(run.verdict(), Verdict::Pass);
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
