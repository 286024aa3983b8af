//! Composites of systems without FHIR: the gateway compares what the rows become.

use gateway::serve::Running;
use rusqlite::Connection;
use serde_json::Value;

use super::support::{TABLES, council_with, database, get, write};
use crate::support::sharing::agreement;
use crate::support::whole::Whole;

const READINGS: &str = r#"
mapping = "readings"
[source]
format = "csv"
dates = ["YYYY-MM-DD"]
[codes.what]
system = "http://loinc.org"
[codes.what.map]
"Weight" = "29463-7"
"Height" = "8302-2"
[[resource]]
type = "Patient"
name = "resident"
id_from = ["resident"]
[resource.elements]
"identifier[local]" = { from = "resident", system = "urn:id:council:resident" }
[[resource]]
type = "Observation"
name = "reading"
id_from = ["no"]
[resource.elements]
"status" = { fixed = "final" }
"code" = { from = "what", codes = "what" }
"subject" = { reference = "resident" }
"valueQuantity" = { from = "value", unit = "kg" }
"#;

const SHARED: &str = "[share.person.Observation]\nstatus = \"whether it stands\"\ncode = \"what was measured\"\n\
                      subject = \"whose it is\"\n\"value[x]\" = \"what was found\"\ncomponent = \"its parts\"\n";

async fn readings(mapping: &str) -> (Whole, Running) {
    let site = council_with("open", "sqlite = \"cases.db\"\nview = \"visits\"\n\
        [[system.source]]\nmapping = \"readings.toml\"\ntypes = [\"Observation\"]\nsqlite = \"cases.db\"\nview = \"readings\"\n")
        .await;
    site.agrees(&agreement("open", &format!("{TABLES}{SHARED}")));
    write(&site, "readings.toml", mapping);
    Connection::open(database(&site))
        .unwrap()
        .execute_batch(
            "CREATE TABLE raw(no, who, what, value);
             INSERT INTO raw VALUES (1, 'R-1', 'Weight', '82'), (2, 'R-1', 'Height', '82'),
                 (3, 'R-1', 'Weight', '64.5'), (4, 'R-2', 'Weight', '90');
             CREATE VIEW readings AS SELECT no, who AS resident, what, value FROM raw;
             CREATE VIEW visits AS SELECT no AS visit_no, who AS resident, 'Done' AS state, '2026-01-02' AS began,
                 'Home' AS setting, '' AS note FROM raw;",
        )
        .unwrap();
    let running = site.start().await.unwrap();
    (site, running)
}

#[tokio::test]
async fn rows_are_found_by_what_they_say_together() {
    let (site, _running) = readings(READINGS).await;
    for (asked, found) in [
        ("patient=R-1&code-value-quantity=29463-7$gt70", vec!["1"]),
        ("patient=R-1&code-value-quantity=http://loinc.org%7C29463-7$64.5,8302-2$82", vec!["2", "3"]),
        ("patient=R-1&code-value-quantity=29463-7$gt90", vec![]),
        ("patient=R-1&combo-code-value-quantity=29463-7$lt70", vec!["3"]),
    ] {
        let answer = get(&site, &format!("/Observation?{asked}")).await;
        let found: Vec<String> = found.iter().map(|id| format!("Observation/{id}")).collect();
        assert_eq!((answer.status, answer.found("match")), (200, found), "{asked}: {}", answer.body);
    }
    let unnamed = get(&site, "/Observation?code-value-quantity=29463-7$gt70").await;
    assert_eq!(unnamed.status, 403, "{}", unnamed.body);
}

#[tokio::test]
async fn what_no_mapping_writes_is_not_asked_together() {
    let (site, _running) = readings(READINGS).await;
    let parts = get(&site, "/Observation?patient=R-1&component-code-value-quantity=29463-7$gt70").await;
    assert_eq!(parts.status, 403, "{}", parts.body);
    let metadata = get(&site, "/metadata").await;
    let listed = metadata.body["rest"][0]["resource"].as_array().unwrap().clone();
    let observation: &Value = listed.iter().find(|one| one["type"] == "Observation").unwrap();
    let composites: Vec<&str> = observation["searchParam"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| one["type"] == "composite")
        .map(|one| one["name"].as_str().unwrap())
        .collect();
    assert!(composites.contains(&"code-value-quantity"), "{composites:?}");
    assert!(!composites.contains(&"component-code-value-quantity"), "{composites:?}");
}

#[tokio::test]
async fn of_a_composite_the_mappings_write_every_component() {
    // What was measured is written, and not how much it was.
    let (codes, _) = READINGS.split_once("\"valueQuantity\"").unwrap();
    let (site, _running) =
        readings(&format!("{codes}[[left_out]]\ncolumns = [\"value\"]\nwhy = \"not needed\"\n")).await;
    let plain = get(&site, "/Observation?patient=R-1&code=29463-7").await;
    assert_eq!((plain.status, plain.found("match").len()), (200, 2), "{}", plain.body);
    for asked in ["code-value-quantity=29463-7$gt70", "combo-code-value-quantity=29463-7$gt70"] {
        let answer = get(&site, &format!("/Observation?patient=R-1&{asked}")).await;
        assert_eq!(answer.status, 403, "{asked}: {}", answer.body);
    }
}
