//! What is read and searched, and with which types; that it is asked, bounded and hidden as of any other source.

use serde_json::json;

use super::server::Server;
use super::{change, found, started};
use crate::pulled::support::{ANN, BOB, PEOPLE, VISITS, get, texts, write};
use crate::support::sharing::denies;
use crate::support::whole::Whole;

#[tokio::test]
async fn a_view_of_postgresql_is_read_and_searched() {
    let Some(server) = Server::start().await else { return };
    let (site, _running) = started(&server, "open").await;
    let visit = get(&site, "/Encounter/12").await;
    assert_eq!((visit.status, &visit.body["status"]), (200, &json!("in-progress")), "{}", visit.body);
    assert_eq!(visit.body["subject"]["reference"], "Patient/R-1");
    assert_eq!(visit.body["period"], json!({"start": "2026-03-04"}));
    assert_eq!(get(&site, "/Encounter/99").await.status, 404);
    for (search, wanted) in [
        ("/Encounter?patient=R-1", vec!["Encounter/11", "Encounter/12"]),
        ("/Encounter?subject=Patient/R-1&status=finished", vec!["Encounter/11"]),
        ("/Encounter?patient=R-1&status:not=finished", vec!["Encounter/12"]),
        ("/Encounter?patient=R-1&date=sa2026-02-01", vec!["Encounter/12"]),
        ("/Encounter?patient=R-1&class=HH&_sort=-status", vec!["Encounter/12", "Encounter/11"]),
        ("/Encounter?patient=R-1,R-2&status=finished", vec!["Encounter/11", "Encounter/13"]),
        ("/Encounter?_id=11,13,12345678901234567890", vec!["Encounter/11", "Encounter/13"]),
    ] {
        assert_eq!(found(&site, search).await, wanted, "{search}");
    }
    let everything = get(&site, "/Patient/R-1/$everything").await;
    assert_eq!(everything.found("match"), ["Patient/R-1", "Encounter/11", "Encounter/12"]);
}

#[tokio::test]
async fn values_of_a_search_are_values_and_nothing_else() {
    let Some(server) = Server::start().await else { return };
    let (site, _running) = started(&server, "open").await;
    for value in [
        "R-1' OR '1'='1",
        "R-1'; DROP TABLE raw; --",
        "\" OR 1=1 --",
        "R-1') UNION SELECT * FROM raw --",
        "%",
        "$1",
        "\\",
        "E'\\x52'",
        "R-1\u{0}",
        "\u{0}",
        "\u{10ffff}",
    ] {
        let value: String = value.bytes().map(|byte| format!("%{byte:02X}")).collect();
        for search in [
            format!("/Encounter?patient=R-2&status={value}"),
            format!("/Encounter?patient={value}"),
            format!("/Encounter?_id={value}"),
        ] {
            let answer = get(&site, &search).await;
            assert!(answer.found("match").is_empty(), "{search}: {}", answer.body);
            assert!(matches!(answer.status, 200 | 400 | 403), "{search}: {}", answer.status);
        }
    }
    assert_eq!(server.told("SELECT count(*) FROM raw").await, 3, "everything is still there");
}

#[tokio::test]
async fn only_rows_that_may_match_are_sent() {
    let Some(server) = Server::start().await else { return };
    let (site, running) = started(&server, "open").await;
    change(&site, "view = \"visits\"", "rows_max = 2\nview = \"visits\"");
    running.reload().await.unwrap();
    assert_eq!(found(&site, "/Encounter?patient=R-1").await, ["Encounter/11", "Encounter/12"]);
    assert_eq!(
        found(&site, "/Encounter?patient=R-1,R-2&status=IN-PROGRESS,in-progress").await,
        ["Encounter/12"]
    );
    assert_eq!(found(&site, "/Encounter?_id=13").await, ["Encounter/13"]);
    is_too_much(&site, "/Encounter?patient=R-1,R-2").await;
    server
        .run(
            "DROP VIEW visits; UPDATE raw SET st = 'INSIDE' WHERE no < 13;
             CREATE VIEW visits AS SELECT no AS visit_no, who AS resident, st COLLATE \"tr-x-icu\" AS state, began,
                 place AS setting, note FROM raw; GRANT SELECT ON visits TO reader",
        )
        .await;
    write(&site, "visits.toml", &VISITS.replace("\"Open\"", "\"inside\""));
    running.reload().await.unwrap();
    let open = found(&site, "/Encounter?patient=R-1&status=in-progress").await;
    assert_eq!(open, ["Encounter/11", "Encounter/12"], "in Turkish the small letter of I is another one");
}

#[tokio::test]
async fn residents_are_asked_for_by_number_code_and_day() {
    let Some(server) = Server::start().await else { return };
    let (site, running) = started(&server, "open").await;
    server
        .run(
            "CREATE VIEW people AS SELECT * FROM (VALUES
                 ('R-1', '999 000 0018', 'Example', 'Ann', 'F', date '1950-01-01', NULL, 'N'),
                 ('R-2', '999-000-0026', 'Example', 'Bob', 'm', date '1951-02-02', NULL, 'n '))
                 AS people(\"Resident ID\", nhs_number, \"SURNAME\", forename, sex, born, phone, restricted);
             GRANT SELECT ON people TO reader",
        )
        .await;
    write(&site, "people.toml", &PEOPLE.replace("DD/MM/YYYY", "YYYY-MM-DD"));
    let source = format!("rows_max = 1\n{}", server.on_socket().replace("visits", "people"));
    change(&site, "folder = \"drop\"\nfiles = \"people-*.csv\"\nquiet_ms = 0\n", &source);
    running.reload().await.unwrap();
    let nhs = "https://fhir.nhs.uk/Id/nhs-number|";
    for (search, wanted) in [
        (format!("/Patient?identifier={nhs}{ANN}"), "Patient/R-1"),
        (format!("/Patient?identifier={nhs}{BOB}&gender=male"), "Patient/R-2"),
        ("/Patient?birthdate=1951-02-02&family=example".to_owned(), "Patient/R-2"),
        ("/Patient?_id=R-1&gender=female".to_owned(), "Patient/R-1"),
    ] {
        assert_eq!(found(&site, &search).await, [wanted], "{search}");
    }
    is_too_much(&site, "/Patient?_id=R-1,R-2").await;
}

/// More rows than are read of one search: bounded as any other.
async fn is_too_much(site: &Whole, path: &str) {
    let answer = get(site, path).await;
    assert_eq!(
        (answer.status, answer.body.to_string().contains("too-costly")),
        (403, true),
        "{path}: {}",
        answer.body
    );
}

const TYPED: &str = r#"
mapping = "visits"
[source]
format = "csv"
dates = ["YYYY-MM-DD", "YYYY-MM-DDThh:mm:ssZ", "YYYY-MM-DDThh:mm:ss.fffZ", "YYYY-MM-DDThh:mm:ss"]
[codes.state]
system = "http://hl7.org/fhir/encounter-status"
[codes.state.map]
"true" = "finished"
"false" = "in-progress"
[[resource]]
type = "Patient"
name = "resident"
id_from = ["resident"]
[resource.elements]
"identifier[local]" = { from = "resident", system = "urn:id:council:resident" }
[[resource]]
type = "Encounter"
name = "visit"
id_from = ["visit"]
[resource.elements]
"status" = { from = "done", codes = "state" }
"subject" = { reference = "resident" }
"class.display" = { from = "kind" }
"class.version" = { from = "amount" }
"class.system" = { from = "bytes" }
"period.start" = { from = "began" }
"period.end" = { from = "ended" }
"#;

#[tokio::test]
async fn each_type_becomes_the_text_that_mappings_read() {
    let Some(server) = Server::start().await else { return };
    let (site, running) = started(&server, "open").await;
    write(&site, "visits.toml", TYPED);
    change(&site, "view = \"visits\"", "view = \"care.Typed\"");
    server
        .run(
            "CREATE SCHEMA care; GRANT USAGE ON SCHEMA care TO reader;
             CREATE DOMAIN care.moment AS timestamptz;
             CREATE TABLE care.raw(visit uuid, resident varchar(9), done bool, kind char(9), amount numeric(9, 3),
                 bytes bytea, began care.moment, ended timestamp);
             INSERT INTO care.raw VALUES
                 ('A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11', 'R-1', true, 'HH', 12.500, 'Hello', '2026-06-30T23:30:00Z',
                     '2026-07-01 09:00:00'),
                 ('A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A12', 'R-1', false, NULL, NULL, NULL, '2026-01-01T12:00:00.25Z', NULL),
                 ('A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A13', 'R-1', false, NULL, NULL, NULL, 'infinity', NULL),
                 (NULL, 'R-1', false, NULL, NULL, NULL, NULL, NULL);
             CREATE VIEW care.\"Typed\" AS SELECT * FROM care.raw; GRANT SELECT ON care.\"Typed\" TO reader;
             ALTER ROLE reader SET DateStyle = 'SQL, DMY'; ALTER ROLE reader SET TimeZone = 'Asia/Tokyo'",
        )
        .await;
    running.reload().await.unwrap();
    let first = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11";
    let visit = get(&site, &format!("/Encounter/{first}")).await;
    assert_eq!(visit.status, 200, "{}", visit.body);
    assert_eq!(visit.body["status"], "finished");
    assert_eq!(visit.body["class"], json!({"system": "SGVsbG8=", "version": "12.500", "display": "HH"}));
    let period = json!({"start": "2026-07-01T00:30:00+01:00", "end": "2026-07-01T09:00:00+01:00"});
    assert_eq!(visit.body["period"], period, "as clocks of the council say it");
    let second = "Encounter/a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a12";
    let third = "Encounter/a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a13";
    assert_eq!(found(&site, "/Encounter?patient=R-1").await, [&format!("Encounter/{first}"), second, third]);
    assert_eq!(found(&site, "/Encounter?patient=R-1&status=in-progress").await, [second, third]);
    assert!(get(&site, &format!("/{third}")).await.body.get("period").is_none(), "infinity is no moment");
    let visit = get(&site, &format!("/{second}")).await;
    assert_eq!(visit.body["period"], json!({"start": "2026-01-01T12:00:00.25+00:00"}));
    assert!(visit.body["class"].get("display").is_none(), "{}", visit.body);
}

#[tokio::test]
async fn a_row_that_cannot_be_translated_is_left_out_and_every_search_says_so() {
    let Some(server) = Server::start().await else { return };
    let (site, _running) = started(&server, "open").await;
    let before = get(&site, "/Encounter?patient=R-1").await;
    server
        .run(
            "INSERT INTO raw VALUES (NULL, 'R-1', 'Done', '2026-01-02', 'Home', ''),
                 (21, 'R-1 and more', 'Done', '2026-01-02', 'Home', ''),
                 (23, 'R-1', 'Done', '2026-01-02', 'Home', repeat('secret-canary', 1500000))",
        )
        .await;
    let after = get(&site, "/Encounter?patient=R-1").await;
    assert_eq!(after.found("match"), before.found("match"), "one of 20 MB too");
    assert_eq!(texts(&after.body), texts(&before.body), "what is said depends on no row");
    assert_eq!(get(&site, "/Encounter/23").await.status, 404);
    server.run("INSERT INTO raw VALUES (11, 'R-2', 'Done', '2026-01-02', 'Home', '')").await;
    assert_eq!(get(&site, "/Encounter/11").await.status, 404, "two rows that say different things");
    assert_eq!(found(&site, "/Encounter?patient=R-1").await, ["Encounter/12"]);
}

#[tokio::test]
async fn a_row_of_somebody_who_denies_looks_as_if_it_were_not_there() {
    let Some(server) = Server::start().await else { return };
    for existence in ["withheld", "open"] {
        let (site, _running) = started(&server, existence).await;
        assert_eq!(found(&site, "/Encounter?patient=R-2").await, ["Encounter/13"]);
        denies(&site, BOB).await;
        assert!(get(&site, "/Encounter?patient=R-2").await.found("match").is_empty(), "{existence}");
        assert_eq!(found(&site, "/Encounter?patient=R-1,R-2&status=finished").await, ["Encounter/11"]);
        let (hidden, absent) = (get(&site, "/Encounter/13").await, get(&site, "/Encounter/99").await);
        if existence == "withheld" {
            assert_eq!((hidden.status, absent.status), (404, 404));
            assert_eq!(texts(&hidden.body), texts(&absent.body));
        } else {
            assert_eq!((hidden.status, absent.status), (403, 404));
        }
    }
}
