//! Sources that fail: they end as outages of other systems do, alike for everybody.

use rusqlite::Connection;

use super::support::{database, drop_folder, get, started, texts};

#[tokio::test]
async fn a_column_that_moved_is_an_outage_and_never_an_empty_answer() {
    let (site, _running) = started("open").await;
    assert_eq!(get(&site, "/Encounter/11").await.status, 200);
    Connection::open(database(&site))
        .unwrap()
        .execute_batch("DROP VIEW visits; CREATE VIEW visits AS SELECT no AS visit_no, who AS resident, st AS state, began AS start, place AS setting, note FROM raw")
        .unwrap();
    for path in ["/Encounter/11", "/Encounter/99", "/Encounter?patient=R-1"] {
        assert_eq!(get(&site, path).await.status, 502, "{path}");
    }
    assert_eq!(get(&site, "/Patient/R-1").await.status, 200, "the other source is as it was");
    Connection::open(database(&site)).unwrap().execute_batch("DROP VIEW visits").unwrap();
    assert_eq!(get(&site, "/Encounter/11").await.status, 502);
}

#[tokio::test]
async fn a_source_that_is_not_there_is_an_outage() {
    let (site, _running) = started("open").await;
    std::fs::remove_file(database(&site)).unwrap();
    assert_eq!(get(&site, "/Encounter/11").await.status, 502);
    std::fs::remove_dir_all(drop_folder(&site)).unwrap();
    for path in ["/Patient/R-1", "/Patient/R-9", "/Patient?_id=R-1"] {
        assert_eq!(get(&site, path).await.status, 502, "{path}");
    }
}

#[tokio::test]
async fn a_locked_database_is_an_outage() {
    let (site, _running) = started("open").await;
    let writer = Connection::open(database(&site)).unwrap();
    writer.execute_batch("BEGIN EXCLUSIVE; INSERT INTO raw(no) VALUES (99)").unwrap();
    assert_eq!(get(&site, "/Encounter/11").await.status, 502);
    writer.execute_batch("ROLLBACK").unwrap();
    assert_eq!(get(&site, "/Encounter/11").await.status, 200);
}

#[tokio::test]
async fn a_row_that_cannot_be_translated_is_left_out_and_every_search_says_so() {
    let (site, _running) = started("open").await;
    let before = get(&site, "/Encounter?patient=R-1").await;
    Connection::open(database(&site))
        .unwrap()
        .execute_batch(
            "INSERT INTO raw VALUES (NULL, 'R-1', 'Done', '2026-01-02', 'Home', 'secret-canary'),
                 ('1/4', 'R-1', 'Done', '2026-01-02', 'Home', ''), (x'ff', 'R-1', 'Done', '2026-01-02', 'Home', '')",
        )
        .unwrap();
    let after = get(&site, "/Encounter?patient=R-1").await;
    assert_eq!(after.found("match"), before.found("match"));
    assert_eq!(texts(&after.body), texts(&before.body), "what is said depends on no row");
    assert!(texts(&after.body).iter().any(|text| text.contains("rows that cannot be translated")));
}

#[tokio::test]
async fn two_rows_that_say_different_things_of_one_id_count_for_nothing() {
    let (site, _running) = started("open").await;
    let connection = Connection::open(database(&site)).unwrap();
    connection.execute_batch("INSERT INTO raw SELECT * FROM raw WHERE no = 11").unwrap();
    assert_eq!(get(&site, "/Encounter/11").await.status, 200, "the same twice is one");
    connection.execute_batch("INSERT INTO raw VALUES (11, 'R-2', 'Done', '2026-01-02', 'Home', '')").unwrap();
    assert_eq!(get(&site, "/Encounter/11").await.status, 404);
    assert_eq!(get(&site, "/Encounter?patient=R-1").await.found("match"), ["Encounter/12"]);
    assert_eq!(get(&site, "/Encounter?patient=R-2").await.found("match"), ["Encounter/13"]);
}
