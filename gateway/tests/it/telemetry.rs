//! What telemetry says, and that it says no more.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use gateway::ledger::{Health, Strain};
use gateway::telemetry::metrics::Metrics;
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

#[test]
fn how_the_ledger_is_shows_in_numbers_and_in_the_words_of_readiness() {
    let (tell, health) = tokio::sync::watch::channel(Health::Writing);
    let metrics = Metrics::new();
    assert!(!metrics.text().contains("portcullis_ledger"), "there is no ledger yet");
    metrics.of_ledger(health);
    for (health, takes_entries, strained, says) in [
        (Health::Writing, 1, 0, None),
        (Health::Strained(Strain::NoNextSegment), 1, 1, None),
        (Health::Failing(ErrorKind::StorageFull), 0, 0, Some("no room")),
        (Health::Failing(ErrorKind::ReadOnlyFilesystem), 0, 0, Some("read-only")),
        (Health::Failing(ErrorKind::Other), 0, 0, Some("the disk refuses")),
        (Health::Damaged, 0, 0, Some("damaged")),
        (Health::Closed, 0, 0, Some("closed")),
    ] {
        tell.send_replace(health);
        let text = metrics.text();
        assert!(text.contains(&format!("\nportcullis_ledger_takes_entries {takes_entries}\n")), "{text}");
        assert!(text.contains(&format!("\nportcullis_ledger_strained {strained}\n")), "{text}");
        assert!(text.ends_with("# EOF\n"), "{text}");
        let why_not = health.why_not();
        assert_eq!(why_not.is_none(), health.takes_entries(), "{health:?}");
        assert!(says.is_none_or(|says| why_not.unwrap().contains(says)), "{health:?}: {why_not:?}");
    }
}
