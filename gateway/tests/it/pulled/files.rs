//! The drop folder: which file counts, and when.

use super::support::{HEADER, RESIDENTS, council, drop_file, drop_folder, get, started};

#[tokio::test]
async fn a_newer_file_takes_the_place_of_the_one_before() {
    let (site, _running) = started("open").await;
    assert_eq!(get(&site, "/Patient/R-2").await.status, 200);
    let third = "R-3,9990000034,Other,Cat,F,03/03/1952,,N\n";
    drop_file(&site, "people-2.csv", &format!("{HEADER}{RESIDENTS}{third}"));
    assert_eq!(get(&site, "/Patient/R-3").await.status, 200);
    drop_file(&site, "people-3.csv", &format!("{HEADER}{third}"));
    assert_eq!(get(&site, "/Patient/R-2").await.status, 404, "what the newest does not hold is gone");
    std::fs::remove_file(drop_folder(&site).join("people-3.csv")).unwrap();
    assert_eq!(get(&site, "/Patient/R-2").await.status, 200, "the newest that is left counts");
}

#[tokio::test]
async fn a_file_that_is_still_being_written_does_not_count() {
    let site = council("open").await;
    let settings = std::fs::read_to_string(site.config()).unwrap();
    std::fs::write(site.config(), settings.replace("quiet_ms = 0", "quiet_ms = 600000")).unwrap();
    let _running = site.start().await.unwrap();
    assert_eq!(get(&site, "/Patient/R-1").await.status, 200);
    std::fs::write(drop_folder(&site).join("people-2.csv"), format!("{HEADER}R-1,9990000018,Exa")).unwrap();
    std::fs::write(drop_folder(&site).join("people-3.csv.part"), HEADER).unwrap();
    std::fs::write(drop_folder(&site).join(".people-4.csv"), HEADER).unwrap();
    std::fs::create_dir(drop_folder(&site).join("people-5.csv")).unwrap();
    assert_eq!(get(&site, "/Patient/R-1").await.body["name"][0]["family"], "Example");
    std::fs::remove_file(drop_folder(&site).join("people-1.csv")).unwrap();
    assert_eq!(get(&site, "/Patient/R-1").await.status, 502, "nothing whole is there");
}

#[tokio::test]
async fn a_file_that_the_mapping_does_not_describe_is_an_outage_for_all() {
    let (site, _running) = started("withheld").await;
    assert_eq!(get(&site, "/Patient/R-1").await.status, 200);
    for (name, text) in [
        ("people-2.csv", HEADER.replace("Surname", "Family")),
        ("people-3.csv", format!("{HEADER}R-1,\"9990000018")),
        ("people-4.csv", String::new()),
    ] {
        drop_file(&site, name, &text);
        for path in ["/Patient/R-1", "/Patient/R-9", "/Patient?_id=R-1"] {
            assert_eq!(get(&site, path).await.status, 502, "{name} {path}");
        }
    }
    drop_file(&site, "people-5.csv", &format!("{HEADER}{RESIDENTS}"));
    assert_eq!(get(&site, "/Patient/R-1").await.status, 200);
}

#[tokio::test]
async fn broken_rows_of_a_file_are_left_out_and_the_others_are_served() {
    let (site, _running) = started("withheld").await;
    let broken = "R-4,9990000042\n,9990000050,No,Id,F,03/03/1952,,N\nR/5,,Slash,Id,F,03/03/1952,,N\n\
                  R-2,9990000026,Example,Robert,M,02/02/1951,,N\n";
    drop_file(&site, "people-2.csv", &format!("{HEADER}{RESIDENTS}{broken}"));
    assert_eq!(get(&site, "/Patient/R-1").await.status, 200);
    for id in ["R-2", "R-4", "R-5"] {
        assert_eq!(get(&site, &format!("/Patient/{id}")).await.status, 404, "{id}");
    }
}

#[tokio::test]
async fn digests_are_found_again_where_all_sources_are_folders() {
    let site = council("open").await;
    let settings = std::fs::read_to_string(site.config()).unwrap();
    let (start, _) = settings.split_once("[[system.source]]\nmapping = \"visits.toml\"").unwrap();
    let settings =
        format!("{}[limits]\nexchange_timeout_ms = 600000\n", start.replace("ids = \"keys\"\n", ""));
    std::fs::write(site.config(), settings).unwrap();
    let running = site.start().await.unwrap();
    let search = "/Patient?identifier=https://fhir.nhs.uk/Id/nhs-number|9990000018";
    let found = get(&site, search).await.found("match");
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].len(), "Patient/".len() + 36);
    running.stop().await;
    let _running = site.start().await.unwrap();
    assert_eq!(get(&site, &format!("/{}", found[0])).await.status, 200);
    assert_eq!(get(&site, search).await.found("match"), found);
}

#[tokio::test]
async fn a_row_that_stands_twice_is_shown_once_however_often_its_file_is_read() {
    let (site, _running) = started("open").await;
    let search = "/Patient?identifier=https://fhir.nhs.uk/Id/nhs-number|9990000018";
    for name in ["people-2.csv", "people-3.csv", "people-4.csv"] {
        drop_file(&site, name, &format!("{HEADER}{RESIDENTS}{RESIDENTS}"));
        assert_eq!(get(&site, search).await.found("match"), ["Patient/R-1"], "{name}");
    }
}
