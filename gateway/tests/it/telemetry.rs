//! What telemetry says, and that it says no more.

use std::fs;
use std::path::{Path, PathBuf};

use gateway::telemetry::{ALLOWED, spans};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tracing_subscriber::layer::SubscriberExt;

use crate::support::front::HANGS;
use crate::support::upstream::{Play, System, answer};

#[tokio::test]
async fn a_span_leaves_with_allowed_attributes_and_nothing_else() {
    let (tell, mut told) = mpsc::unbounded_channel();
    let collector = System::start(None, move |seen, _| {
        tell.send(seen.clone()).unwrap();
        Play::Bytes(answer("200 OK", "content-type: application/x-protobuf\r\n", ""))
    })
    .await;
    let endpoint = format!("http://{}/v1/traces", collector.address).parse().unwrap();
    let (layer, export) = spans::layer(&endpoint).unwrap();
    let subscriber = tracing::subscriber::set_default(tracing_subscriber::registry().with(layer));
    {
        let span = tracing::info_span!("exchange", place = "fhir", status = 200, url = "/Patient/canary-1");
        let _entered = span.enter();
        tracing::info!(reason = "canary-2", "an event");
        tracing::error!("canary-3");
    }
    drop(subscriber);
    export.finish().await;
    let seen = timeout(HANGS, told.recv()).await.unwrap().unwrap();
    assert_eq!(seen.line, "POST /v1/traces HTTP/1.1");
    for present in ["exchange", "place", "fhir", "status", "portcullis"] {
        assert!(seen.body.contains(present), "{present} in {}", seen.body);
    }
    assert!(!seen.body.contains("canary") && !seen.body.contains("code."), "{}", seen.body);
}

#[test]
fn log_messages_are_fixed_and_their_fields_are_allowed() {
    let mut found = 0;
    for path in sources(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")) {
        let text = fs::read_to_string(&path).unwrap();
        let program = text.split("#[cfg(test)]").next().unwrap();
        for level in ["error", "warn", "info", "debug", "trace", "info_span"] {
            for call in program.split(&format!("tracing::{level}!(")).skip(1) {
                let call = call.split(");").next().unwrap();
                found += 1;
                let (fields, rest) = call.split_once('"').expect("a message");
                let message = match level {
                    "info_span" => rest.split('"').next().unwrap(),
                    _ => call.rsplit('"').nth(1).unwrap(),
                };
                assert!(!message.contains('{'), "{}: {message}", path.display());
                assert!(message.starts_with(char::is_lowercase), "{}: {message}", path.display());
                let listed = if level == "info_span" { rest } else { fields };
                for field in listed.split(',').map(str::trim).filter(|field| !field.is_empty()) {
                    let name = field.split('=').next().unwrap().trim().trim_start_matches(['%', '?']);
                    if name.chars().all(|c| c.is_ascii_lowercase() || c == '_') {
                        assert!(ALLOWED.contains(&name), "{}: {name}", path.display());
                    }
                }
            }
        }
    }
    assert!(found > 8, "the search finds the calls: {found}");
}

fn sources(folder: PathBuf) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}
