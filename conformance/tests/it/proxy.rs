//! The suite `gateway` against a small reference proxy: right, it passes whole; wrong in one thing, a named check catches it.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "each fault changes one place and leaves all others alone"
)]

mod front;
mod handle;
mod upstream;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;

use conformance::behind::Behind;
use conformance::bench::Bench;
use conformance::check::Status;
use conformance::run::{Verdict, run, run_one};
use conformance::suite::Suite;
use conformance::target::Target;
use tokio::net::TcpListener;
use tokio::sync::Mutex;

use front::Given;
use upstream::Kept;

/// What is wrong with the proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fault {
    None,
    ReadFails,
    IdChanged,
    ValueChanged,
    StrongTag,
    UnchangedFails,
    HeadNotFound,
    HeaderNamesBehind,
    LinksKept,
    FullUrlsKept,
    NextPageSame,
    MatchesAnother,
    MatchTwice,
    AbsenceFails,
    GzipOfAnother,
    NoVary,
    LocationKept,
    MalformedAccepted,
    StatementKept,
    ClaimsMore,
    HopHeadersSent,
    CookiesSent,
    AuthorizationSent,
    HostSent,
    NoVia,
    ForwardedSent,
    OverrideSent,
    QueryDecoded,
    QueryDoubled,
    FramingDoubtful,
    OwnIdAlone,
    AnyTagUnchanged,
    RangeCut,
    GzipForIdentity,
    CodingThenGoesOn,
    TwoLengthsTaken,
    UnknownCodingTaken,
    BlankTaken,
    TwoHostsTaken,
    HostBelieved,
    OpenProxy,
    TraceEchoed,
    PathsPassed,
    PipelineSkips,
    HopHeadersPassed,
    SetCookiePassed,
    ServerPassed,
    ContentLocationPassed,
    ReferencesKept,
    RedirectPassed,
    RedirectFollowed,
    TruncatedTaken,
    ChunksUnfinishedTaken,
    SilentAsAbsent,
    LengthIgnored,
    LeftoversKept,
    AnswerTwoLengthsTaken,
    BombUnfolded,
    EndlessTaken,
    DripAwaited,
    WideHeadPassed,
    ErrorPagePassed,
    FailureAsAbsent,
    FailurePlain,
    DiagnosticsPassed,
    OtherIdPassed,
    OtherTypePassed,
    MalformedPassed,
    GarbagePassed,
    DuplicatesPassed,
    NotUtf8Passed,
    WebPagePassed,
    ChallengePassed,
    InterimTaken,
    ExtensionsRefused,
    TrailersMerged,
}

/// A proxy in front of one endpoint.
#[derive(Debug)]
struct Proxy {
    fault: Fault,
    behind: SocketAddr,
    base: String,
    kept: Mutex<Option<Kept>>,
}

/// The path below which the endpoint behind is asked.
const BEHIND_PATH: &str = "/inner/fhir";

async fn start(behind: SocketAddr, fault: Fault) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let base = format!("http://{}/fhir", listener.local_addr().unwrap());
    let proxy = Arc::new(Proxy { fault, behind, base: base.clone(), kept: Mutex::default() });
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let proxy = Arc::clone(&proxy);
            tokio::spawn(async move { drop(front::converse(stream, &proxy).await) });
        }
    });
    base
}

/// An error of the proxy's own.
fn outcome(status: u16) -> Given {
    let body = r#"{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"processing"}]}"#;
    let headers = vec![("Content-Type".to_owned(), "application/fhir+json".to_owned())];
    Given { status, headers, body: body.as_bytes().to_vec() }
}

async fn bench(fault: Fault) -> Bench {
    let behind = Behind::open("127.0.0.1:0".parse().unwrap(), Vec::new()).await.unwrap();
    let base = start(behind.address(), fault).await;
    let other = Target::new(&format!("http://{}{BEHIND_PATH}", behind.address()), None, None, None).unwrap();
    Bench::of(Target::new(&base, None, None, None).unwrap()).with_system(2, other).with_behind(behind)
}

/// Faults that are looked at together.
const TOGETHER: usize = 12;

const CAUGHT: &[(Fault, &str, Status)] = &[
    (Fault::ReadFails, "gateway-same-status", Status::Fail),
    (Fault::IdChanged, "gateway-same-record", Status::Fail),
    (Fault::ValueChanged, "gateway-nothing-added", Status::Fail),
    (Fault::StrongTag, "gateway-strong-tag", Status::Fail),
    (Fault::UnchangedFails, "gateway-unchanged", Status::Fail),
    (Fault::HeadNotFound, "gateway-head", Status::Fail),
    (Fault::HeaderNamesBehind, "gateway-headers-inside", Status::Warning),
    (Fault::LinksKept, "gateway-links", Status::Fail),
    (Fault::FullUrlsKept, "gateway-full-url", Status::Fail),
    (Fault::NextPageSame, "gateway-next-page", Status::Fail),
    (Fault::MatchesAnother, "gateway-matches", Status::Fail),
    (Fault::MatchTwice, "gateway-matches-once", Status::Fail),
    (Fault::AbsenceFails, "gateway-absent", Status::Fail),
    (Fault::AbsenceFails, "gateway-absence", Status::Fail),
    (Fault::GzipOfAnother, "gateway-gzip", Status::Fail),
    (Fault::NoVary, "gateway-vary", Status::Warning),
    (Fault::LocationKept, "gateway-location", Status::Fail),
    (Fault::MalformedAccepted, "gateway-malformed", Status::Fail),
    (Fault::StatementKept, "gateway-statement", Status::Warning),
    (Fault::ClaimsMore, "gateway-claims", Status::Warning),
    (Fault::HopHeadersSent, "gateway-sends-hop-by-hop", Status::Fail),
    (Fault::CookiesSent, "gateway-sends-cookies", Status::Warning),
    (Fault::AuthorizationSent, "gateway-sends-authorization", Status::Warning),
    (Fault::HostSent, "gateway-sends-host", Status::Fail),
    (Fault::NoVia, "gateway-sends-via", Status::Fail),
    (Fault::ForwardedSent, "gateway-sends-forwarded", Status::Warning),
    (Fault::OverrideSent, "gateway-sends-safe-methods", Status::Fail),
    (Fault::QueryDecoded, "gateway-sends-query", Status::Fail),
    (Fault::QueryDoubled, "gateway-sends-query", Status::Fail),
    (Fault::FramingDoubtful, "gateway-sends-framing", Status::Fail),
    (Fault::OwnIdAlone, "gateway-request-id", Status::Warning),
    (Fault::AnyTagUnchanged, "gateway-condition", Status::Fail),
    (Fault::RangeCut, "gateway-range", Status::Fail),
    (Fault::GzipForIdentity, "gateway-identity-coding", Status::Warning),
    (Fault::CodingThenGoesOn, "gateway-smuggle-both-framings", Status::Fail),
    (Fault::TwoLengthsTaken, "gateway-smuggle-two-lengths", Status::Fail),
    (Fault::UnknownCodingTaken, "gateway-smuggle-unknown-coding", Status::Fail),
    (Fault::BlankTaken, "gateway-smuggle-blank-before-colon", Status::Fail),
    (Fault::TwoHostsTaken, "gateway-two-hosts", Status::Fail),
    (Fault::HostBelieved, "gateway-other-host", Status::Warning),
    (Fault::OpenProxy, "gateway-open-proxy", Status::Warning),
    (Fault::TraceEchoed, "gateway-trace", Status::Warning),
    (Fault::PathsPassed, "gateway-paths", Status::Fail),
    (Fault::PipelineSkips, "gateway-pipelined", Status::Fail),
    (Fault::HopHeadersPassed, "gateway-passes-hop-by-hop", Status::Fail),
    (Fault::SetCookiePassed, "gateway-passes-cookies", Status::Warning),
    (Fault::ServerPassed, "gateway-passes-product", Status::Warning),
    (Fault::ContentLocationPassed, "gateway-passes-content-location", Status::Warning),
    (Fault::ReferencesKept, "gateway-passes-references", Status::Warning),
    (Fault::LinksKept, "gateway-passes-search-links", Status::Fail),
    (Fault::RedirectPassed, "gateway-redirect-passed", Status::Warning),
    (Fault::RedirectFollowed, "gateway-redirect-followed", Status::Warning),
    (Fault::TruncatedTaken, "gateway-truncated", Status::Fail),
    (Fault::ChunksUnfinishedTaken, "gateway-truncated-chunks", Status::Fail),
    (Fault::SilentAsAbsent, "gateway-silent", Status::Warning),
    (Fault::LengthIgnored, "gateway-length-too-short", Status::Fail),
    (Fault::LeftoversKept, "gateway-leftovers", Status::Fail),
    (Fault::AnswerTwoLengthsTaken, "gateway-answer-two-lengths", Status::Fail),
    (Fault::BombUnfolded, "gateway-bomb", Status::Warning),
    (Fault::EndlessTaken, "gateway-endless", Status::Warning),
    (Fault::DripAwaited, "gateway-drip", Status::Warning),
    (Fault::WideHeadPassed, "gateway-wide-head", Status::Warning),
    (Fault::ErrorPagePassed, "gateway-failure-clean", Status::Warning),
    (Fault::FailureAsAbsent, "gateway-failure-status", Status::Warning),
    (Fault::FailurePlain, "gateway-failure-outcome", Status::Warning),
    (Fault::DiagnosticsPassed, "gateway-failure-diagnostics", Status::Warning),
    (Fault::OtherIdPassed, "gateway-other-id", Status::Fail),
    (Fault::OtherTypePassed, "gateway-other-type", Status::Fail),
    (Fault::MalformedPassed, "gateway-answer-malformed", Status::Fail),
    (Fault::GarbagePassed, "gateway-answer-garbage", Status::Fail),
    (Fault::DuplicatesPassed, "gateway-answer-duplicates", Status::Fail),
    (Fault::NotUtf8Passed, "gateway-answer-not-utf8", Status::Fail),
    (Fault::WebPagePassed, "gateway-web-page", Status::Fail),
    (Fault::ChallengePassed, "gateway-challenge", Status::Warning),
    (Fault::InterimTaken, "gateway-interim", Status::Fail),
    (Fault::ExtensionsRefused, "gateway-chunked", Status::Fail),
    (Fault::TrailersMerged, "gateway-trailers", Status::Fail),
];

#[tokio::test(flavor = "multi_thread")]
async fn the_clean_proxy_passes_every_check() {
    let run = run(&bench(Fault::None).await, &[Suite::Gateway], |_| ()).await;
    let unmet: Vec<_> = run
        .findings()
        .filter(|finding| finding.status != Status::Pass)
        .map(|finding| (finding.check.id, finding.detail()))
        .collect();
    assert_eq!(unmet, []);
    assert_eq!((run.verdict(), run.left), (Verdict::Pass, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_seeded_fault_of_the_proxy_is_caught_by_a_named_check() {
    let mut missed = Vec::new();
    // Some wait for bounds of time; all of them at once would starve each other on a busy machine.
    for some in CAUGHT.chunks(TOGETHER) {
        let mut all = tokio::task::JoinSet::new();
        for (fault, check, expected) in some {
            all.spawn(async move {
                let finding = run_one(&bench(*fault).await, check).await.unwrap();
                (finding.status != *expected).then(|| (*fault, *check, finding.status, finding.detail()))
            });
        }
        missed.extend(all.join_all().await.into_iter().flatten());
    }
    let faults: BTreeSet<Fault> = CAUGHT.iter().map(|(fault, _, _)| *fault).collect();
    println!("gateway: seeded faults caught: {} of {}", faults.len() - missed.len(), faults.len());
    assert!(missed.is_empty(), "{missed:#?}");
}

#[test]
fn every_check_of_the_gateway_catches_a_seeded_fault() {
    let checks = Suite::Gateway.checks().iter().map(|check| check.id);
    let idle: Vec<&str> = checks.filter(|id| !CAUGHT.iter().any(|(_, caught, _)| caught == id)).collect();
    assert_eq!(idle, [] as [&str; 0]);
}

#[tokio::test]
async fn without_anything_behind_every_check_is_skipped_and_none_passes() {
    let behind = Behind::open("127.0.0.1:0".parse().unwrap(), Vec::new()).await.unwrap();
    let base = start(behind.address(), Fault::None).await;
    let run = run(&Bench::of(Target::new(&base, None, None, None).unwrap()), &[Suite::Gateway], |_| ()).await;
    assert_eq!(run.count(Status::Skip), Suite::Gateway.checks().len());
    assert_eq!(run.verdict(), Verdict::Error);
}
