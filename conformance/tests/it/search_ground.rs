//! `--ground`: what is searched for is put behind a gateway that takes nothing itself, found through it, and gone at the end.

use std::convert::Infallible;
use std::process::Command;
use std::sync::Arc;

use bytes::Bytes;
use conformance::bench::Bench;
use conformance::check::{Check, Status};
use conformance::run::{Chosen, Run, Verdict, run, run_some};
use conformance::suite::Suite;
use conformance::target::{Question, Target};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::TcpListener;

use crate::store::{Fault, start};

/// What stands before the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mind {
    /// A gateway that shows and takes nothing: its statement does not claim to create, change or delete, and it refuses it.
    ShowsOnly,
    /// It passes everything, but answers creates of a Patient with this status.
    CreatesAnswer(u16),
    /// It passes everything but deletions.
    NeverDeletes,
}

impl Mind {
    fn refuses(self, method: &Method, path: &str) -> Option<u16> {
        let search = path.ends_with("/_search");
        match self {
            Self::ShowsOnly => (*method != Method::GET && !search).then_some(405),
            Self::CreatesAnswer(status) => (*method == Method::POST && path == "Patient").then_some(status),
            Self::NeverDeletes => (*method == Method::DELETE).then_some(405),
        }
    }
}

/// Starts a front to `behind` and returns its base.
async fn front(behind: &str, mind: Mind) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let base = format!("http://{}/fhir", listener.local_addr().unwrap());
    let (own, behind) = (base.clone(), Arc::new(Target::new(behind, None, None, None).unwrap()));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (own, behind) = (own.clone(), Arc::clone(&behind));
            let served = service_fn(move |request| passed(own.clone(), Arc::clone(&behind), mind, request));
            tokio::spawn(async move {
                let served = auto::Builder::new(TokioExecutor::new())
                    .serve_connection(TokioIo::new(stream), served)
                    .await;
                drop(served);
            });
        }
    });
    base
}

#[expect(clippy::disallowed_methods, reason = "a test server reads within its own bound")]
async fn passed(
    own: String,
    front_of: Arc<Target>,
    mind: Mind,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let behind = front_of.base();
    let (head, body) = request.into_parts();
    let body = Limited::new(body, 1 << 20).collect().await.map(|whole| whole.to_bytes()).unwrap_or_default();
    let whole = head.uri.path_and_query().map_or("", |path| path.as_str());
    let path =
        whole.trim_start_matches("/fhir").trim_start_matches('/').replace(&encoded(&own), &encoded(behind));
    let bare = path.split('?').next().unwrap_or_default();
    if let Some(status) = mind.refuses(&head.method, bare) {
        return Ok(written(status, "", Bytes::new()));
    }
    let names = ["accept", "content-type", "prefer", "if-none-match"];
    let headers: Vec<(&'static str, &str)> =
        names.into_iter().filter_map(|name| Some((name, head.headers.get(name)?.to_str().ok()?))).collect();
    let sent = String::from_utf8_lossy(&body).replace(&own, behind).replace(&encoded(&own), &encoded(behind));
    let question = Question { method: head.method, path: &path, headers: &headers, body: sent.as_bytes() };
    let answer = front_of.ask(&question).await.unwrap();
    let mut text = String::from_utf8(answer.body.to_vec()).unwrap().replace(behind, &own);
    if bare == "metadata" && mind == Mind::ShowsOnly {
        for code in ["create", "update", "patch", "delete"] {
            text = text.replace(&format!("{{\"code\":\"{code}\"}},"), "");
        }
        assert!(!text.contains("\"create\""), "the statement of the front claims to create");
    }
    let mut told = written(answer.status, answer.header("content-type").unwrap_or_default(), text.into());
    for name in ["etag", "location"] {
        if let Some(value) = answer.header(name) {
            told.headers_mut().insert(name, value.replace(behind, &own).parse().unwrap());
        }
    }
    Ok(told)
}

/// A base as it stands in a query.
fn encoded(base: &str) -> String {
    base.replace('/', "%2F")
}

#[expect(clippy::disallowed_methods, reason = "a test server is no part of the gateway")]
fn written(status: u16, media_type: &str, body: Bytes) -> Response<Full<Bytes>> {
    let mut told = Response::new(Full::new(body));
    *told.status_mut() = StatusCode::from_u16(status).unwrap();
    if !media_type.is_empty() {
        told.headers_mut().insert("content-type", media_type.parse().unwrap());
    }
    told
}

fn bench(base: &str, ground: &str) -> Bench {
    let target = Target::new(base, None, None, None).unwrap();
    let ground = target.sibling(ground, None).unwrap();
    Bench::of(target).with_ground(ground)
}

/// The checks of names that begin so.
async fn some(bench: &Bench, beginning: &str) -> Run {
    let wanted = |check: &Check| if check.id.starts_with(beginning) { Chosen::Yes } else { Chosen::No };
    run_some(bench, &[Suite::Search], wanted, |_| ()).await
}

fn first(run: &Run) -> (Status, String) {
    run.findings().next().map(|finding| (finding.status, finding.detail())).unwrap()
}

/// How many Patients the store holds.
async fn held(base: &str) -> String {
    let question = Question { method: Method::GET, path: "Patient?_summary=count", headers: &[], body: b"" };
    let answer = Target::new(base, None, None, None).unwrap().ask(&question).await.unwrap();
    let document = answer.document.unwrap();
    document.root().member("total").and_then(|total| total.number_text()).unwrap().to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_gateway_does_not_take_is_put_behind_it_found_through_it_and_gone_at_the_end() {
    let store = start(Fault::None).await;
    let gateway = front(&store, Mind::ShowsOnly).await;
    let found = run(&bench(&gateway, &store), &[Suite::Search], |_| ()).await;
    let others: Vec<_> = found
        .findings()
        .filter(|finding| finding.status != Status::Pass)
        .map(|finding| (finding.check.id, finding.status.word()))
        .collect();
    assert_eq!(others, []);
    assert_eq!((found.verdict(), found.left), (Verdict::Pass, 0));
    assert_eq!(held(&store).await, "0");
    // Without it there is nothing to search for.
    let without = Bench::of(Target::new(&gateway, None, None, None).unwrap());
    assert_eq!(first(&some(&without, "search-string-begins").await).0, Status::Skip);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fault_of_the_gateway_is_found_through_it() {
    let store = start(Fault::Search(crate::store::search::fault::SearchFault::StringWithin)).await;
    let gateway = front(&store, Mind::ShowsOnly).await;
    assert_eq!(first(&some(&bench(&gateway, &store), "search-string-not-within").await).0, Status::Fail);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ground_that_takes_no_such_resource_skips_and_one_that_breaks_is_an_error() {
    let store = start(Fault::None).await;
    let gateway = front(&store, Mind::ShowsOnly).await;
    for (status, wanted, told) in [
        (405, Status::Skip, "where it is put, no Patient is taken"),
        (403, Status::Skip, "the endpoint wants more authority than this run has"),
        (500, Status::Error, "a valid Patient is not created: status 500"),
    ] {
        let ground = front(&store, Mind::CreatesAnswer(status)).await;
        let found = some(&bench(&gateway, &ground), "search-string-begins").await;
        let (ended, detail) = first(&found);
        assert_eq!(ended, wanted, "{status}: {detail}");
        assert!(detail.contains(told), "{status}: {detail}");
        assert_eq!(found.left, 0, "{status}");
        assert_eq!(held(&store).await, "0", "{status}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ground_that_cannot_be_reached_is_an_error_and_no_finding_about_the_endpoint() {
    let store = start(Fault::None).await;
    let gateway = front(&store, Mind::ShowsOnly).await;
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let ground = format!("http://{}/fhir", listener.local_addr().unwrap());
    drop(listener);
    let found = some(&bench(&gateway, &ground), "search-string-begins").await;
    assert_eq!(first(&found).0, Status::Error, "{}", first(&found).1);
    assert_eq!(found.verdict(), Verdict::Error);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_stays_on_the_ground_is_counted() {
    let store = start(Fault::None).await;
    let gateway = front(&store, Mind::ShowsOnly).await;
    let ground = front(&store, Mind::NeverDeletes).await;
    let found = some(&bench(&gateway, &ground), "search-string-begins").await;
    assert_eq!(first(&found), (Status::Pass, String::new()));
    assert!(found.left > 0);
    assert_ne!(held(&store).await, "0");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_option_takes_an_address_and_says_which_one_is_none() {
    let store = start(Fault::None).await;
    let gateway = front(&store, Mind::ShowsOnly).await;
    let run = |ground: String| {
        let base = gateway.clone();
        tokio::task::spawn_blocking(move || {
            let arguments =
                ["run", "--base", &base, "--suite", "search", "--searches", "2", "--ground", &ground];
            let output =
                Command::new(env!("CARGO_BIN_EXE_portcullis-conformance")).args(arguments).output().unwrap();
            let told = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
            (output.status.code(), told)
        })
    };
    let (code, told) = run("behind the gateway".to_owned()).await.unwrap();
    assert_eq!(code, Some(2), "{told}");
    assert!(told.contains("--ground: "), "{told}");
    let (code, told) = run(store.clone()).await.unwrap();
    assert_eq!(code, Some(0), "{told}");
    assert_eq!(held(&store).await, "0");
}
