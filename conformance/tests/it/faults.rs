//! The clean server passes whole; every seeded fault is caught by a named check.

use conformance::bench::Bench;
use conformance::check::Status;
use conformance::run::{Run, Usable, Verdict, run};
use conformance::suite::Suite;
use conformance::target::{Target, Trouble};
use tokio::io::AsyncWriteExt;

use crate::reference::{Fault, PATIENT, start, start_tls};

pub(crate) async fn tested(fault: Fault, suites: &[Suite]) -> Run {
    let base = start(fault).await;
    run(&Bench::of(Target::new(&base, None, Some(PATIENT), None).unwrap()), suites, |_| ()).await
}

fn status(run: &Run, id: &str) -> Status {
    run.findings().find(|finding| finding.check.id == id).map(|finding| finding.status).unwrap()
}

const CAUGHT: &[(Fault, &str, Status)] = &[
    (Fault::MetadataMissing, "metadata-answers", Status::Fail),
    (Fault::MetadataIsAnotherResource, "metadata-answers", Status::Fail),
    (Fault::MetadataMediaType, "metadata-content-type", Status::Fail),
    (Fault::MetadataOtherCharset, "metadata-utf8", Status::Fail),
    (Fault::FormatParameterIgnored, "metadata-format-parameter", Status::Warning),
    (Fault::MetadataEmptyArray, "metadata-json-shape", Status::Fail),
    (Fault::MetadataNull, "metadata-json-shape", Status::Fail),
    (Fault::MetadataWithoutDate, "metadata-required-elements", Status::Fail),
    (Fault::MetadataUnknownKind, "metadata-codes", Status::Fail),
    (Fault::MetadataUnknownVersioning, "metadata-codes", Status::Fail),
    (Fault::MetadataUnknownParameterType, "metadata-codes", Status::Fail),
    (Fault::MetadataOfR5, "metadata-fhir-version", Status::Fail),
    (Fault::MetadataFormatXmlOnly, "metadata-format-json", Status::Fail),
    (Fault::MetadataOfAClient, "metadata-has-server", Status::Fail),
    (Fault::MetadataWithoutImplementation, "metadata-instance-described", Status::Fail),
    (Fault::MetadataTypeTwice, "metadata-types-once", Status::Fail),
    (Fault::MetadataUnknownType, "metadata-types", Status::Fail),
    (Fault::MetadataUnknownElement, "metadata-elements", Status::Fail),
    (Fault::MetadataUnknownInteraction, "metadata-interactions", Status::Fail),
    (Fault::MetadataParameterTwice, "metadata-search-parameters-once", Status::Fail),
    (Fault::ReadFails, "read-answers", Status::Fail),
    (Fault::ReadAnotherType, "read-answers", Status::Fail),
    (Fault::ReadAnotherId, "read-id", Status::Fail),
    (Fault::ReadMediaType, "read-content-type", Status::Fail),
    (Fault::ReadLatin1, "read-utf8", Status::Fail),
    (Fault::ReadDuplicateName, "read-json-shape", Status::Fail),
    (Fault::ReadEmptyString, "read-json-shape", Status::Fail),
    (Fault::ReadUnknownElement, "read-elements", Status::Fail),
    (Fault::ReadScalarForList, "read-elements", Status::Fail),
    (Fault::ReadTextForBoolean, "read-elements", Status::Fail),
    (Fault::ReadWithoutEtag, "read-etag", Status::Warning),
    (Fault::ReadStrongEtag, "read-etag-is-version", Status::Warning),
    (Fault::ReadEtagOfAnotherVersion, "read-etag-is-version", Status::Warning),
    (Fault::ReadWithoutLastModified, "read-last-modified", Status::Warning),
    (Fault::HeadNotFound, "read-head", Status::Fail),
    (Fault::UnchangedFails, "read-unchanged", Status::Fail),
    (Fault::UnchangedIgnored, "read-conditional", Status::Note),
    (Fault::VreadMissing, "read-version", Status::Fail),
    (Fault::VreadAnotherVersion, "read-version", Status::Fail),
    (Fault::UnknownIdFound, "error-unknown-id", Status::Fail),
    (Fault::UnknownIdFails, "error-is-client-error", Status::Fail),
    (Fault::UnknownTypeFound, "error-unknown-type", Status::Fail),
    (Fault::MalformedAccepted, "error-malformed-body", Status::Fail),
    (Fault::MalformedFails, "error-malformed-body", Status::Fail),
    (Fault::PlainTextFails, "error-unsupported-format", Status::Warning),
    (Fault::PictureServedAsJson, "error-not-acceptable", Status::Warning),
    (Fault::WrongMethodAccepted, "error-wrong-method", Status::Fail),
    (Fault::UnknownParameterIgnored, "error-strict-search", Status::Warning),
    (Fault::ErrorsWithoutOutcome, "error-has-outcome", Status::Warning),
    (Fault::OutcomeMediaType, "error-outcome-content-type", Status::Fail),
    (Fault::OutcomeWithoutIssue, "error-outcome-valid", Status::Fail),
    (Fault::OutcomeWithoutCode, "error-outcome-valid", Status::Fail),
    (Fault::OutcomeUnknownCode, "error-outcome-valid", Status::Fail),
    (Fault::OutcomeUnknownSeverity, "error-outcome-valid", Status::Fail),
    (Fault::OutcomeOnlyWarns, "error-outcome-severity", Status::Warning),
];

#[tokio::test]
async fn the_clean_server_passes_every_check() {
    let run = tested(Fault::None, &Suite::HARMLESS).await;
    let unmet: Vec<_> = run
        .findings()
        .filter(|finding| finding.status != Status::Pass)
        .map(|finding| (finding.check.id, finding.detail()))
        .collect();
    assert_eq!(unmet, []);
    assert_eq!(run.verdict(), Verdict::Pass);
}

#[tokio::test]
async fn every_seeded_fault_is_caught_by_a_named_check() {
    let mut caught = 0;
    for (fault, check, expected) in CAUGHT {
        let run = tested(*fault, &Suite::HARMLESS).await;
        assert_eq!(status(&run, check), *expected, "{fault:?} and {check}");
        caught += 1;
    }
    println!("seeded faults caught: {caught} of {}", CAUGHT.len());
}

#[test]
fn every_check_catches_a_seeded_fault() {
    let idle: Vec<&str> = Suite::HARMLESS
        .into_iter()
        .flat_map(Suite::checks)
        .map(|check| check.id)
        .filter(|id| !CAUGHT.iter().any(|(_, caught, _)| caught == id))
        .collect();
    assert_eq!(idle, [] as [&str; 0]);
}

#[tokio::test]
async fn without_a_named_patient_the_first_match_of_an_advertised_search_is_read() {
    let base = start(Fault::None).await;
    let run = run(&Bench::of(Target::new(&base, None, None, None).unwrap()), &[Suite::Read], |_| ()).await;
    assert_eq!(status(&run, "read-id"), Status::Pass);
}

#[tokio::test]
async fn a_target_that_does_not_answer_is_unusable() {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let run = run(&Bench::of(Target::new(&base, None, None, None).unwrap()), &Suite::HARMLESS, |_| ()).await;
    assert_eq!((run.target, run.verdict()), (Usable::Silent(Trouble::Unreachable), Verdict::Unusable));
}

#[tokio::test]
async fn an_endpoint_behind_tls_is_tested_only_when_its_authority_is_trusted() {
    let (base, certificate) = start_tls().await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), certificate).unwrap();
    let trusting = Target::new(&base, None, Some(PATIENT), Some(file.path())).unwrap();
    assert_eq!(run(&Bench::of(trusting), &Suite::HARMLESS, |_| ()).await.verdict(), Verdict::Pass);
    let wary = Target::new(&base, None, Some(PATIENT), None).unwrap();
    assert_eq!(run(&Bench::of(wary), &Suite::HARMLESS, |_| ()).await.verdict(), Verdict::Unusable);
}

#[tokio::test]
async fn an_endless_answer_is_not_read_to_its_end() {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let head = b"HTTP/1.1 200 OK\r\ncontent-type: application/fhir+json\r\n\r\n";
                let mut alive = stream.write_all(head).await.is_ok();
                while alive {
                    alive = stream.write_all(&[b' '; 65_536]).await.is_ok();
                }
            });
        }
    });
    let run = run(&Bench::of(Target::new(&base, None, None, None).unwrap()), &[Suite::Read], |_| ()).await;
    assert_eq!(run.verdict(), Verdict::Unusable);
}

#[tokio::test]
async fn without_a_statement_the_other_suites_have_nothing_to_go_by() {
    let run = tested(Fault::MetadataMissing, &[Suite::Read]).await;
    assert_eq!((run.target, run.verdict()), (Usable::StatesNothing, Verdict::Unusable));
}

#[tokio::test]
async fn an_unmet_should_is_a_warning_and_passes() {
    let run = tested(Fault::ReadWithoutEtag, &Suite::HARMLESS).await;
    assert_eq!(run.verdict(), Verdict::Pass);
    assert_eq!(run.count(Status::Warning), 1);
}
