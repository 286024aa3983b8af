//! The suite `uk-core` against a small server: right, it passes whole; wrong in one thing, a named check catches it.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "each fault changes one place and leaves all others alone"
)]

mod records;
mod server;

use conformance::bench::{Bench, Writes};
use conformance::check::Status;
use conformance::report;
use conformance::run::{Run, run, run_one};
use conformance::suite::Suite;
use conformance::target::Target;

/// What is wrong with the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    None,
    /// A record of this type does not conform.
    Spoilt(&'static str),
    ProfileUnknown,
    ProfileNowhere,
    /// No fault: what is coded in SNOMED CT and dm+d is text.
    NoForeignCodes,
    SupportedUnknown,
    SupportedElsewhere,
    ClaimsUnstated,
    NumberMistyped,
    NumberGrouped,
    NumberOldSystem,
    NumberTwice,
    StatusMissing,
    StatusUncoded,
    NumberNotFound,
    OdsLower,
    OdsOldSystem,
    SnomedOldSystem,
    SnomedMistyped,
    DmdOldSystem,
    ExtensionUnknown,
    /// No fault: only patients who are named are found, staff and medicines by reading what refers to them, and places beside
    /// who was there. A record of the type does not conform, if one is named.
    Closed(Option<&'static str>),
    /// No resource of this type is taken.
    Refuses(&'static str),
    /// Errors of which one says all of these words are let through.
    Takes(&'static str),
}

async fn bench(fault: Fault) -> Bench {
    Bench::of(Target::new(&server::start(fault).await, None, None, None).unwrap())
}

/// Faults that are looked at together.
const TOGETHER: usize = 12;

const CAUGHT: &[(Fault, &str, Status)] = &[
    (Fault::Spoilt("Patient"), "serves-patient", Status::Fail),
    (Fault::Spoilt("Practitioner"), "serves-practitioner", Status::Fail),
    (Fault::Spoilt("PractitionerRole"), "serves-practitioner-role", Status::Fail),
    (Fault::Spoilt("Organization"), "serves-organization", Status::Fail),
    (Fault::Spoilt("Location"), "serves-location", Status::Fail),
    (Fault::Spoilt("Encounter"), "serves-encounter", Status::Fail),
    (Fault::Spoilt("Condition"), "serves-condition", Status::Fail),
    (Fault::Spoilt("AllergyIntolerance"), "serves-allergy-intolerance", Status::Fail),
    (Fault::Spoilt("Observation"), "serves-observation", Status::Fail),
    (Fault::Spoilt("Procedure"), "serves-procedure", Status::Fail),
    (Fault::Spoilt("Immunization"), "serves-immunization", Status::Fail),
    (Fault::Spoilt("MedicationRequest"), "serves-medication-request", Status::Fail),
    (Fault::Spoilt("MedicationStatement"), "serves-medication-statement", Status::Fail),
    (Fault::Spoilt("Medication"), "serves-medication", Status::Fail),
    (Fault::Spoilt("DiagnosticReport"), "serves-diagnostic-report", Status::Fail),
    (Fault::Spoilt("DocumentReference"), "serves-document-reference", Status::Fail),
    (Fault::ProfileNowhere, "checked-whole", Status::Note),
    (Fault::ProfileUnknown, "profiles-known", Status::Fail),
    (Fault::SupportedUnknown, "supported-known", Status::Fail),
    (Fault::SupportedElsewhere, "supported-of-type", Status::Fail),
    (Fault::ClaimsUnstated, "claims-stated", Status::Warning),
    (Fault::NumberMistyped, "nhs-number-valid", Status::Fail),
    (Fault::NumberGrouped, "nhs-number-plain", Status::Fail),
    (Fault::NumberOldSystem, "nhs-number-system", Status::Fail),
    (Fault::NumberTwice, "nhs-number-once", Status::Fail),
    (Fault::StatusMissing, "nhs-number-status", Status::Note),
    (Fault::StatusUncoded, "nhs-number-status-coded", Status::Fail),
    (Fault::NumberNotFound, "found-by-nhs-number", Status::Fail),
    (Fault::OdsLower, "ods-code-shape", Status::Warning),
    (Fault::OdsOldSystem, "ods-code-system", Status::Fail),
    (Fault::SnomedOldSystem, "snomed-system", Status::Fail),
    (Fault::SnomedMistyped, "snomed-codes", Status::Fail),
    (Fault::DmdOldSystem, "dmd-system", Status::Fail),
    (Fault::ExtensionUnknown, "extensions-known", Status::Warning),
    (Fault::Refuses("Patient"), "takes-patient", Status::Warning),
    (Fault::Refuses("Organization"), "takes-organization", Status::Warning),
    (Fault::Refuses("Location"), "takes-location", Status::Warning),
    (Fault::Refuses("Observation"), "takes-body-weight", Status::Warning),
    (Fault::Refuses("AllergyIntolerance"), "takes-allergy-intolerance", Status::Warning),
    (Fault::Refuses("Immunization"), "takes-immunization", Status::Warning),
    (Fault::Takes("check digit"), "refuses-check-digit", Status::Warning),
    (Fault::Takes("identifier[0]&value is needed"), "refuses-number-without-value", Status::Warning),
    (Fault::Takes("Patient&identifier"), "refuses-two-numbers", Status::Warning),
    (Fault::Takes("identifier[0].extension[0]"), "refuses-status-as-text", Status::Warning),
    (Fault::Takes("binding&VerificationStatus"), "refuses-status-unknown", Status::Warning),
    (Fault::Takes("Patient.name[0]"), "refuses-status-misplaced", Status::Warning),
    (Fault::Takes("Patient.gender"), "refuses-gender", Status::Warning),
    (Fault::Takes("Patient.birthDate"), "refuses-birth-date", Status::Warning),
    (Fault::Takes("Organization.identifier[0]"), "refuses-organization-code", Status::Warning),
    (Fault::Takes("Location.identifier[0]"), "refuses-site-code", Status::Warning),
    (Fault::Takes("Observation.status fixed"), "refuses-weight-status", Status::Warning),
    (Fault::Takes("category is needed"), "refuses-weight-category", Status::Warning),
    (Fault::Takes("subject is needed"), "refuses-weight-subject", Status::Warning),
    (Fault::Takes("effective[x] is needed"), "refuses-weight-time", Status::Warning),
    (Fault::Takes("Observation.code.coding[0].code"), "refuses-weight-code", Status::Warning),
    (Fault::Takes("Observation.valueQuantity.code"), "refuses-weight-unit", Status::Warning),
    (Fault::Takes("AllergyIntolerance&code is needed"), "refuses-allergy-without-code", Status::Warning),
    (Fault::Takes("Immunization invariant"), "refuses-reason-not-given", Status::Warning),
    (Fault::Takes("identifier[0]&value is needed"), "no-false-patient", Status::Fail),
    (Fault::Takes("category is needed"), "no-false-weight", Status::Fail),
];

fn unmet(run: &Run) -> Vec<(&'static str, String)> {
    let others = run.findings().filter(|finding| finding.status != Status::Pass);
    others.map(|finding| (finding.check.id, finding.detail())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_clean_server_passes_every_check_but_for_the_note_on_codes() {
    let run = run(&bench(Fault::None).await, &[Suite::UkCore], |_| ()).await;
    // Codes of SNOMED CT and dm+d cannot be told here, and that is told.
    let told = unmet(&run);
    assert!(matches!(told.as_slice(), [("uk-core-checked-whole", _)]), "{told:#?}");
    assert_eq!((run.count(Status::Note), run.left), (1, 0));
}

#[tokio::test]
async fn records_without_such_codes_are_checked_whole() {
    let finding = run_one(&bench(Fault::NoForeignCodes).await, "uk-core-checked-whole").await.unwrap();
    assert_eq!(finding.status, Status::Pass, "{}", finding.detail());
    let finding = run_one(&bench(Fault::ProfileNowhere).await, "uk-core-checked-whole").await.unwrap();
    assert!(finding.detail().contains("(profile)"), "{}", finding.detail());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_seeded_fault_of_the_server_is_caught_by_a_named_check() {
    let mut missed = Vec::new();
    // Some wait for bounds of time; all of them at once would starve each other on a busy machine.
    for some in CAUGHT.chunks(TOGETHER) {
        let mut all = tokio::task::JoinSet::new();
        for (fault, check, expected) in some {
            all.spawn(async move {
                let finding = run_one(&bench(*fault).await, &format!("uk-core-{check}")).await.unwrap();
                (finding.status != *expected).then(|| (*fault, *check, finding.status, finding.detail()))
            });
        }
        missed.extend(all.join_all().await.into_iter().flatten());
    }
    println!("uk-core: seeded faults caught: {} of {}", CAUGHT.len() - missed.len(), CAUGHT.len());
    assert!(missed.is_empty(), "{missed:#?}");
}

#[tokio::test]
async fn what_is_nobodys_is_found_by_what_refers_to_it() {
    for kind in ["Practitioner", "PractitionerRole", "Organization", "Location", "Medication"] {
        let check = CAUGHT.iter().find(|(fault, ..)| *fault == Fault::Spoilt(kind)).unwrap().1;
        for (spoilt, expected) in
            [(None, Status::Pass), (Some("Condition"), Status::Pass), (Some(kind), Status::Fail)]
        {
            let base = server::start(Fault::Closed(spoilt)).await;
            let named = Bench::of(Target::new(&base, None, Some("held-1"), None).unwrap());
            let finding = run_one(&named, &format!("uk-core-{check}")).await.unwrap();
            assert_eq!(finding.status, expected, "{kind} {spoilt:?}: {}", finding.detail());
        }
        let nobody = bench(Fault::Closed(None)).await;
        let finding = run_one(&nobody, &format!("uk-core-{check}")).await.unwrap();
        assert_eq!(finding.status, Status::Skip, "{kind}: {}", finding.detail());
    }
}

#[test]
fn every_check_of_uk_core_catches_a_seeded_fault() {
    let checks = Suite::UkCore.checks().iter().map(|check| check.id);
    let idle: Vec<&str> = checks
        .filter(|id| !CAUGHT.iter().any(|(_, caught, _)| format!("uk-core-{caught}") == **id))
        .collect();
    assert_eq!(idle, [] as [&str; 0]);
}

#[tokio::test]
async fn a_server_that_only_reads_is_sent_nothing() {
    let bench = bench(Fault::None).await.with_writes(Writes::Forbidden);
    let run = run(&bench, &[Suite::UkCore], |_| ()).await;
    assert!(
        run.findings().all(|finding| matches!(finding.status, Status::Pass | Status::Skip | Status::Note)),
        "{:?}",
        unmet(&run)
    );
    assert!(
        !run.findings().flat_map(|finding| &finding.exchanged).any(|one| one.method == http::Method::POST)
    );
}

#[tokio::test]
async fn no_report_holds_anything_of_a_record() {
    for fault in [Fault::None, Fault::Spoilt("Patient"), Fault::NumberMistyped, Fault::SnomedMistyped] {
        let run = run(&bench(fault).await, &[Suite::UkCore], |_| ()).await;
        for text in [report::terminal(&run), report::json(&run), report::junit(&run)] {
            for word in ["Quillfeather", "999000", "73211008", "held-1"] {
                assert!(!text.contains(word), "{word} in {text}");
            }
        }
    }
}
