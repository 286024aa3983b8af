//! The council's visits in a view of a PostgreSQL database: a real server, started by each test.

mod faults;
mod server;
mod settings;
mod shares;

use gateway::serve::Running;

use self::server::Server;
use super::support::{council_with, get};
use crate::support::whole::Whole;

/// The council in front of a server.
async fn started(server: &Server, existence: &str) -> (Whole, Running) {
    let site = council_with(existence, &server.on_socket()).await;
    let running = site.start().await.unwrap();
    (site, running)
}

/// Writes the settings anew with `to` where `from` stood.
fn change(site: &Whole, from: &str, to: &str) {
    let settings = std::fs::read_to_string(site.config()).unwrap();
    assert!(settings.contains(from), "{from}");
    std::fs::write(site.config(), settings.replace(from, to)).unwrap();
}

/// Asks for what ends as a fault of the server, recorded under this name.
async fn fails(site: &Whole, path: &str, reason: &str) {
    let status = if reason == "upstream-timed-out" { 504 } else { 502 };
    let answer = get(site, path).await;
    let recorded = site.records().last().unwrap().to_string();
    assert_eq!(answer.status, status, "{path}: {}", answer.body);
    assert!(recorded.contains(&format!("\"{reason}\"")), "{path}: {recorded} names not {reason}");
}

/// The ids of the visits that a search finds.
async fn found(site: &Whole, search: &str) -> Vec<String> {
    let answer = get(site, search).await;
    assert_eq!(answer.status, 200, "{search}: {}", answer.body);
    answer.found("match")
}
