//! How much a source is read of: a bound counts what is hidden, so it must not tell of that, and not stand in the way of
//! what may be seen.

use std::fmt::Write;

use rusqlite::Connection;

use super::support::{BOB, TABLES, council, database, get, texts, write};
use crate::support::sharing::{agreement, denies};
use crate::support::whole::Whole;

fn set(site: &Whole, from: &str, to: &str) {
    let settings = std::fs::read_to_string(site.config()).unwrap();
    assert!(settings.contains(from), "{from}");
    std::fs::write(site.config(), settings.replace(from, to)).unwrap();
}

/// Writes visits of a resident in a place of a kind.
fn visits(site: &Whole, (first, count): (usize, usize), resident: &str, place: &str) {
    let mut text = "BEGIN;".to_owned();
    for number in first..first + count {
        write!(
            text,
            "INSERT INTO raw VALUES ({number}, '{resident}', 'Done', '2026-01-02', '{place}', 'secret-canary');"
        )
        .unwrap();
    }
    Connection::open(database(site)).unwrap().execute_batch(&format!("{text}COMMIT")).unwrap();
}

#[tokio::test]
async fn what_may_be_seen_is_found_behind_any_number_of_hidden_rows() {
    let site = council("withheld").await;
    let only_at_home =
        format!("{TABLES}where = {{ class = [\"http://terminology.hl7.org/CodeSystem/v3-ActCode|HH\"] }}\n");
    site.agrees(&agreement("withheld", &only_at_home));
    write(
        &site,
        "visits.toml",
        &super::support::VISITS.replace("\"Home\" = \"HH\"", "\"Home\" = \"HH\"\n\"Ward\" = \"IMP\""),
    );
    visits(&site, (100, 6_000), "R-1", "Ward");
    let _running = site.start().await.unwrap();
    let answer = get(&site, "/Encounter?patient=R-1").await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.found("match"), ["Encounter/11", "Encounter/12"], "{}", answer.body);
    let one = get(&site, "/Encounter?patient=R-1&date=sa2026-02-01").await;
    assert_eq!(one.found("match"), ["Encounter/12"], "{}", one.body);
}

#[tokio::test]
async fn that_there_is_more_than_is_read_is_told_of_nobody_who_is_hidden() {
    let site = council("withheld").await;
    set(&site, "view = \"visits\"\n", "view = \"visits\"\nrows_max = 50\n");
    visits(&site, (100, 60), "R-1", "Home");
    visits(&site, (200, 60), "R-2", "Home");
    let _running = site.start().await.unwrap();
    denies(&site, BOB).await;
    let (hidden, absent) =
        (get(&site, "/Encounter?patient=R-2").await, get(&site, "/Encounter?patient=R-9").await);
    assert_eq!((hidden.status, texts(&hidden.body)), (absent.status, texts(&absent.body)), "{}", hidden.body);
    assert_eq!(absent.status, 200);
    let seen = get(&site, "/Encounter?patient=R-1").await;
    assert_eq!(seen.status, 403, "who may see it is told that it is too much: {}", seen.body);
}
