//! The suite `smart` against a small authorisation server: right, it passes whole; wrong in one thing, a named check catches it.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "each fault changes one place and leaves all others alone"
)]

mod client;
mod server;

use std::collections::BTreeSet;

use conformance::bench::Bench;
use conformance::check::Status;
use conformance::report;
use conformance::run::{Run, run, run_one};
use conformance::smart_client::{BadClient, SmartClient};
use conformance::suite::{self, Suite};
use conformance::target::Target;

use client::Registered;

/// What is wrong with the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    None,
    ConfigurationMissing,
    ConfigurationMediaType,
    ConfigurationByAccept,
    ConfigurationTwice,
    MetadataClosed,
    CapabilitiesText,
    CapabilityUnknown,
    TokenEndpointMissing,
    AuthorizationEndpointMissing,
    IssuerMissing,
    JwksMissing,
    GrantTypesMissing,
    LaunchGrantMissing,
    BackendCapabilityMissing,
    SigningNone,
    PkceMissing,
    PkcePlain,
    AddressRelative,
    AddressPlain,
    ScopesMissing,
    ScopeMisspelt,
    ScopesOld,
    PermissionOldMissing,
    ResponseTypesMissing,
    IntrospectionMissing,
    RevocationMissing,
    CorsConfigurationMissing,
    CorsMetadataMissing,
    ServiceMissing,
    StatementDisagrees,
    NoTokenNeeded,
    ChallengeMissing,
    GarbageTaken,
    InvalidTokenUnsaid,
    UnsignedTaken,
    GrantedRefused,
    TamperedTaken,
    QueryTaken,
    SchemeTaken,
    ScopeIgnored,
    TokenNotIssued,
    TokenTypeOther,
    ExpiresMissing,
    LifetimeLong,
    ScopeUntold,
    StoreAllowed,
    TokenMediaType,
    RefreshGiven,
    ScopeWidened,
    ScopeBeyond,
    AudienceIgnored,
    ExpiryIgnored,
    ReplayTaken,
    KidIgnored,
    IssuerIgnored,
    SubjectIgnored,
    SignatureIgnored,
    UnsignedAssertionTaken,
    AssertionMissingTaken,
    ErrorOther,
    GrantErrorOther,
    IntrospectionInactive,
    IntrospectionBare,
    IntrospectionUnknownActive,
    RevocationFails,
    RevokedTaken,
}

async fn bench(fault: Fault, (client, key): (SmartClient, Registered)) -> Bench {
    let base = server::start(fault, key).await;
    Bench::of(Target::new(&base, None, None, None).unwrap()).with_smart_client(client)
}

/// Faults that are looked at together.
const TOGETHER: usize = 12;

const CAUGHT: &[(Fault, &str, Status)] = &[
    (Fault::ConfigurationMissing, "smart-configuration-there", Status::Fail),
    (Fault::ConfigurationMediaType, "smart-configuration-media-type", Status::Fail),
    (Fault::ConfigurationByAccept, "smart-configuration-accept", Status::Fail),
    (Fault::ConfigurationTwice, "smart-configuration-object", Status::Fail),
    (Fault::MetadataClosed, "smart-metadata-open", Status::Warning),
    (Fault::CapabilitiesText, "smart-capabilities", Status::Fail),
    (Fault::CapabilityUnknown, "smart-capability-names", Status::Note),
    (Fault::TokenEndpointMissing, "smart-token-endpoint", Status::Fail),
    (Fault::AuthorizationEndpointMissing, "smart-authorization-endpoint", Status::Fail),
    (Fault::IssuerMissing, "smart-issuer", Status::Fail),
    (Fault::JwksMissing, "smart-jwks-uri", Status::Fail),
    (Fault::GrantTypesMissing, "smart-grant-types", Status::Fail),
    (Fault::LaunchGrantMissing, "smart-launch-grant", Status::Fail),
    (Fault::BackendCapabilityMissing, "smart-backend-grant", Status::Warning),
    (Fault::SigningNone, "smart-signing", Status::Fail),
    (Fault::PkceMissing, "smart-pkce", Status::Fail),
    (Fault::PkcePlain, "smart-pkce-plain", Status::Fail),
    (Fault::AddressRelative, "smart-addresses-absolute", Status::Fail),
    (Fault::AddressPlain, "smart-addresses-tls", Status::Fail),
    (Fault::ScopesMissing, "smart-scopes-listed", Status::Warning),
    (Fault::ScopeMisspelt, "smart-scopes-syntax", Status::Fail),
    (Fault::ScopesOld, "smart-scopes-version", Status::Warning),
    (Fault::PermissionOldMissing, "smart-permission-v1", Status::Warning),
    (Fault::ResponseTypesMissing, "smart-response-types", Status::Warning),
    (Fault::IntrospectionMissing, "smart-introspection-endpoint", Status::Warning),
    (Fault::RevocationMissing, "smart-revocation-endpoint", Status::Warning),
    (Fault::CorsConfigurationMissing, "smart-cors-configuration", Status::Fail),
    (Fault::CorsMetadataMissing, "smart-cors-metadata", Status::Fail),
    (Fault::ServiceMissing, "smart-statement-service", Status::Warning),
    (Fault::StatementDisagrees, "smart-statement-agrees", Status::Warning),
    (Fault::NoTokenNeeded, "smart-no-token", Status::Fail),
    (Fault::ChallengeMissing, "smart-challenge", Status::Fail),
    (Fault::GarbageTaken, "smart-garbage-token", Status::Fail),
    (Fault::InvalidTokenUnsaid, "smart-invalid-token", Status::Warning),
    (Fault::UnsignedTaken, "smart-forged-token", Status::Fail),
    (Fault::GrantedRefused, "smart-token-opens", Status::Fail),
    (Fault::TamperedTaken, "smart-tampered-token", Status::Fail),
    (Fault::QueryTaken, "smart-token-in-query", Status::Warning),
    (Fault::SchemeTaken, "smart-other-scheme", Status::Warning),
    (Fault::ScopeIgnored, "smart-scope-enforced", Status::Fail),
    (Fault::TokenNotIssued, "smart-token-issued", Status::Fail),
    (Fault::TokenTypeOther, "smart-token-type", Status::Fail),
    (Fault::ExpiresMissing, "smart-token-expires-in", Status::Fail),
    (Fault::LifetimeLong, "smart-token-lifetime", Status::Warning),
    (Fault::ScopeUntold, "smart-token-scope", Status::Fail),
    (Fault::StoreAllowed, "smart-token-no-store", Status::Fail),
    (Fault::TokenMediaType, "smart-token-json", Status::Fail),
    (Fault::RefreshGiven, "smart-no-refresh-token", Status::Warning),
    (Fault::ScopeWidened, "smart-scope-reduced", Status::Fail),
    (Fault::ScopeBeyond, "smart-scope-beyond", Status::Fail),
    (Fault::AudienceIgnored, "smart-assertion-audience", Status::Fail),
    (Fault::ExpiryIgnored, "smart-assertion-expired", Status::Fail),
    (Fault::ReplayTaken, "smart-assertion-replayed", Status::Fail),
    (Fault::KidIgnored, "smart-assertion-key", Status::Fail),
    (Fault::IssuerIgnored, "smart-assertion-issuer", Status::Fail),
    (Fault::SubjectIgnored, "smart-assertion-subject", Status::Fail),
    (Fault::SignatureIgnored, "smart-assertion-signature", Status::Fail),
    (Fault::UnsignedAssertionTaken, "smart-assertion-unsigned", Status::Fail),
    (Fault::AssertionMissingTaken, "smart-assertion-missing", Status::Fail),
    (Fault::ErrorOther, "smart-error-invalid-client", Status::Fail),
    (Fault::GrantErrorOther, "smart-error-grant", Status::Fail),
    (Fault::IntrospectionInactive, "smart-introspection-active", Status::Fail),
    (Fault::IntrospectionBare, "smart-introspection-fields", Status::Fail),
    (Fault::IntrospectionUnknownActive, "smart-introspection-unknown", Status::Fail),
    (Fault::RevocationFails, "smart-revocation-answers", Status::Fail),
    (Fault::RevokedTaken, "smart-revoked-token", Status::Warning),
];

fn unmet(run: &Run) -> Vec<(&'static str, String)> {
    let others = run.findings().filter(|finding| finding.status != Status::Pass);
    others.map(|finding| (finding.check.id, finding.detail())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_clean_server_passes_every_check_with_either_kind_of_key() {
    for client in [client::es384(), client::rs384()] {
        let run = run(&bench(Fault::None, client).await, &[Suite::Smart], |_| ()).await;
        assert_eq!(unmet(&run), []);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_seeded_fault_of_the_authorisation_server_is_caught_by_a_named_check() {
    let mut missed = Vec::new();
    // Some wait for bounds of time; all of them at once would starve each other on a busy machine.
    for some in CAUGHT.chunks(TOGETHER) {
        let mut all = tokio::task::JoinSet::new();
        for (fault, check, expected) in some {
            all.spawn(async move {
                let finding = run_one(&bench(*fault, client::es384()).await, check).await.unwrap();
                (finding.status != *expected).then(|| (*fault, *check, finding.status, finding.detail()))
            });
        }
        missed.extend(all.join_all().await.into_iter().flatten());
    }
    println!("smart: seeded faults caught: {} of {}", CAUGHT.len() - missed.len(), CAUGHT.len());
    assert!(missed.is_empty(), "{missed:#?}");
}

#[test]
fn every_check_of_smart_catches_a_seeded_fault() {
    let checks = Suite::Smart.checks().iter().map(|check| check.id);
    let idle: Vec<&str> = checks.filter(|id| !CAUGHT.iter().any(|(_, caught, _)| caught == id)).collect();
    assert_eq!(idle, [] as [&str; 0]);
}

#[tokio::test]
async fn without_a_client_no_token_is_asked_for_and_what_needs_one_is_skipped() {
    let base = server::start(Fault::None, client::es384().1).await;
    let run = run(&Bench::of(Target::new(&base, None, None, None).unwrap()), &[Suite::Smart], |_| ()).await;
    assert!(
        run.findings().all(|finding| matches!(finding.status, Status::Pass | Status::Skip)),
        "{:?}",
        unmet(&run)
    );
    let skipped: BTreeSet<&str> = unmet(&run).into_iter().map(|(id, _)| id).collect();
    for id in ["smart-token-issued", "smart-assertion-replayed", "smart-revoked-token", "smart-token-opens"] {
        assert!(skipped.contains(id), "{id}");
    }
    assert!(
        !run.findings().flat_map(|finding| &finding.exchanged).any(|one| one.method == http::Method::POST)
    );
}

#[tokio::test]
async fn a_server_that_does_not_claim_smart_is_skipped() {
    let base = crate::reference::start(crate::reference::Fault::None).await;
    let run = run(&Bench::of(Target::new(&base, None, None, None).unwrap()), &[Suite::Smart], |_| ()).await;
    assert_eq!(run.count(Status::Skip), Suite::Smart.checks().len(), "{:?}", unmet(&run));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_report_holds_a_token_or_an_assertion() {
    let run = run(&bench(Fault::None, client::es384()).await, &[Suite::Smart], |_| ()).await;
    for text in [report::terminal(&run), report::json(&run), report::junit(&run)] {
        assert!(!text.contains("opaque") && !text.contains("eyJ") && !text.contains(client::CLIENT));
    }
}

/// About other specifications than SMART App Launch.
const UNTRACED: [&str; 7] = [
    "smart-metadata-open",
    "smart-statement-service",
    "smart-challenge",
    "smart-invalid-token",
    "smart-token-in-query",
    "smart-other-scheme",
    "smart-revocation-answers",
];

#[test]
fn requirements_are_traced_but_where_another_specification_says_it() {
    for check in Suite::Smart.checks() {
        let traced = suite::requirements(check.id);
        assert_eq!(traced.is_none(), UNTRACED.contains(&check.id), "{}", check.id);
        assert!(traced.is_none_or(|(_, numbers)| !numbers.is_empty()), "{}", check.id);
    }
    assert!(suite::requirements("no-such-check").is_none());
}

#[test]
fn traced_requirements_are_in_force_and_are_those_of_servers() {
    let Some(corpus) = crate::corpus::folder("requirements") else { return };
    let table = corpus.join("smart-app-launch-test-kit__smart_app_launch_test_kit_requirements.csv");
    let table = std::fs::read_to_string(table).unwrap();
    for check in Suite::Smart.checks() {
        let Some((set, numbers)) = suite::requirements(check.id) else { continue };
        for number in numbers {
            let row = table.split(&format!("\n{set},{number},")).nth(1).unwrap();
            let row = row.split(&format!("\n{set},")).next().unwrap();
            assert!(row.contains(",Server") && !row.contains(",DEPRECATED,"), "{} and {number}", check.id);
        }
    }
}

#[test]
fn a_client_that_lacks_something_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("client.json");
    let read = |text: &str| {
        std::fs::write(&file, text).unwrap();
        SmartClient::read(&file).unwrap_err()
    };
    assert_eq!(SmartClient::read(&folder.path().join("none")).unwrap_err(), BadClient::Unreadable);
    assert_eq!(read("{"), BadClient::Incomplete);
    assert_eq!(read(r#"{"client_id":"a","kid":"b","scope":"c"}"#), BadClient::Incomplete);
    assert_eq!(read(r#"{"client_id":"a","kid":"b","scope":"c","key_file":"k"}"#), BadClient::Unreadable);
    assert_eq!(read(r#"{"client_id":"a","kid":"b","scope":"c","key":"x"}"#), BadClient::Key);
}
