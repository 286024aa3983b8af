//! What is read and searched, hidden, refused and recorded.

use serde_json::{Value, json};

use super::support::{ANN, BOB, TABLES, council, get, send, started, texts};
use crate::support::sharing::{agreement, denies};

#[tokio::test]
async fn a_row_is_read_by_the_id_that_its_columns_say() {
    let (site, _running) = started("open").await;
    let answer = get(&site, "/Patient/R-1").await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.body["name"], json!([{"family": "Example", "given": ["Ann"]}]));
    assert_eq!(answer.body["identifier"][0]["value"], ANN);
    assert_eq!(answer.body["birthDate"], "1950-01-01");
    let visit = get(&site, "/Encounter/12").await;
    assert_eq!((visit.status, &visit.body["status"]), (200, &json!("in-progress")), "{}", visit.body);
    assert_eq!(visit.body["subject"]["reference"], "Patient/R-1");
    assert_eq!(get(&site, "/Patient/R-9").await.status, 404);
    assert_eq!(get(&site, "/Encounter/99").await.status, 404);
    let last = site.records();
    assert!(last.iter().any(|record| record.to_string().contains("Patient/R-1")), "{last:?}");
}

#[tokio::test]
async fn ids_are_the_same_after_a_restart() {
    let (site, running) = started("open").await;
    let before = get(&site, "/Encounter?patient=R-1").await.found("match");
    running.stop().await;
    let _running = site.start().await.unwrap();
    assert_eq!(get(&site, "/Encounter?patient=R-1").await.found("match"), before);
    assert_eq!(before, ["Encounter/11", "Encounter/12"]);
}

#[tokio::test]
async fn searches_find_what_matches_and_nothing_else() {
    let (site, _running) = started("open").await;
    let nhs = "https://fhir.nhs.uk/Id/nhs-number|";
    for (search, found) in [
        (format!("/Patient?identifier={nhs}{ANN}"), vec!["Patient/R-1"]),
        (format!("/Patient?identifier={nhs}{ANN}&gender=male"), vec![]),
        (format!("/Patient?identifier={nhs}{ANN},{nhs}{BOB}"), vec!["Patient/R-1", "Patient/R-2"]),
        ("/Patient?family=exam&birthdate=1951-02-02".to_owned(), vec!["Patient/R-2"]),
        ("/Encounter?patient=R-1".to_owned(), vec!["Encounter/11", "Encounter/12"]),
        ("/Encounter?subject=Patient/R-1&status=finished".to_owned(), vec!["Encounter/11"]),
        ("/Encounter?patient=R-1&status:not=finished".to_owned(), vec!["Encounter/12"]),
        ("/Encounter?patient=R-1&date=sa2026-02-01".to_owned(), vec!["Encounter/12"]),
        ("/Encounter?patient=R-1&class=HH&_sort=-status".to_owned(), vec!["Encounter/12", "Encounter/11"]),
    ] {
        let answer = get(&site, &search).await;
        assert_eq!(
            (answer.status, answer.found("match")),
            (200, found.iter().map(|&name| name.to_owned()).collect()),
            "{search}: {}",
            answer.body
        );
        assert!(
            texts(&answer.body).iter().any(|text| text.contains("cannot be translated")),
            "{}",
            answer.body
        );
    }
    let answer = get(&site, "/Encounter?patient=R-1&_include=Encounter:subject").await;
    assert_eq!(answer.found("include")[0], "Patient/R-1");
    let answer = get(&site, "/Patient/R-1/$everything").await;
    assert_eq!(answer.found("match"), ["Patient/R-1", "Encounter/11", "Encounter/12"], "{}", answer.body);
}

#[tokio::test]
async fn values_of_a_search_are_values_and_nothing_else() {
    let (site, _running) = started("open").await;
    for value in [
        "R-1' OR '1'='1",
        "R-1'; DROP TABLE raw; --",
        "\" OR 1=1 --",
        "R-1') UNION SELECT * FROM raw --",
        "%",
        "?1",
        "*",
        "R-1\u{0}",
    ] {
        let value: String = value.bytes().map(|byte| format!("%{byte:02X}")).collect();
        for search in [
            format!("/Encounter?patient=R-2&status={value}"),
            format!("/Encounter?patient={value}"),
            format!("/Patient?_id={value}"),
            format!("/Patient?identifier={value}"),
            format!("/Patient?identifier=urn:id:council:resident|{value}"),
        ] {
            let answer = get(&site, &search).await;
            assert!(answer.found("match").is_empty(), "{search}: {}", answer.body);
            assert!(matches!(answer.status, 200 | 400 | 403), "{search}: {}", answer.status);
        }
    }
    assert_eq!(
        get(&site, "/Encounter?patient=R-1").await.found("match").len(),
        2,
        "everything is still there"
    );
}

#[tokio::test]
async fn what_no_mapping_can_answer_is_refused_by_rule() {
    let (site, _running) = started("open").await;
    site.also_agree("[share.person.Condition]\ncode = \"what care is for\"\nsubject = \"whose it is\"\n");
    _running.reload().await.unwrap();
    let of_system = "this system does not serve this";
    let of_search = "the search has a parameter that is not served";
    for (path, said) in [
        ("/Condition/1", of_system),
        ("/Condition?patient=R-1", of_system),
        ("/Patient/R-1/_history", of_system),
        ("/Patient/R-1/_history/1", of_system),
        ("/Encounter?patient=R-1&location=1", of_search),
        ("/Encounter?patient=R-1&_lastUpdated=ge2020-01-01", of_search),
    ] {
        let answer = get(&site, path).await;
        let told = texts(&answer.body);
        assert_eq!(answer.status, 403, "{path}: {}", answer.body);
        if !path.contains("_lastUpdated") && !path.contains("location") {
            assert!(told.iter().any(|text| text.contains(said)), "{path}: {told:?}");
        }
    }
    let patient = r#"{"resourceType":"Patient","id":"R-1"}"#;
    for (method, path, body) in [
        ("POST", "/Patient", r#"{"resourceType":"Patient"}"#),
        ("PUT", "/Patient/R-1", patient),
        ("DELETE", "/Patient/R-1", ""),
    ] {
        let answer = send(&site, method, path, body).await;
        assert_eq!(answer.status, 403, "{method}: {}", answer.body);
    }
}

#[tokio::test]
async fn metadata_tells_what_the_mappings_answer() {
    let site = council("open").await;
    site.also_agree("[share.person.Condition]\ncode = \"what care is for\"\n");
    let _running = site.start().await.unwrap();
    let answer = get(&site, "/metadata").await;
    let resources = answer.body["rest"][0]["resource"].as_array().unwrap().clone();
    let types: Vec<&Value> = resources.iter().map(|resource| &resource["type"]).collect();
    assert_eq!(types, ["Encounter", "Patient"]);
    let codes = |of: &str| -> Vec<String> {
        let params = resources[0][of].as_array().unwrap();
        params.iter().map(|one| one["name"].as_str().or(one["code"].as_str()).unwrap().to_owned()).collect()
    };
    assert_eq!(codes("searchParam"), ["_id", "class", "date", "patient", "status", "subject"]);
    assert_eq!(codes("interaction"), ["read", "search-type"]);
}

#[tokio::test]
async fn a_row_of_somebody_who_denies_looks_as_if_it_were_not_there() {
    for existence in ["withheld", "open"] {
        let (site, _running) = started(existence).await;
        assert_eq!(get(&site, "/Encounter?patient=R-2").await.found("match"), ["Encounter/13"]);
        denies(&site, BOB).await;
        let search = get(&site, "/Encounter?patient=R-2").await;
        assert!(search.found("match").is_empty(), "{existence}: {}", search.body);
        let both = get(&site, "/Patient?_id=R-1,R-2").await;
        assert_eq!(both.found("match"), ["Patient/R-1"], "{existence}: {}", both.body);
        let (hidden, absent) = (get(&site, "/Patient/R-2").await, get(&site, "/Patient/R-9").await);
        if existence == "withheld" {
            assert_eq!((hidden.status, absent.status), (404, 404));
            assert_eq!(texts(&hidden.body), texts(&absent.body));
        } else {
            assert_eq!((hidden.status, absent.status), (403, 404));
        }
    }
}

#[tokio::test]
async fn an_include_asks_nothing_that_a_search_may_not() {
    let site = council("open").await;
    // A visit may be a part of another: it is shared, and no mapping writes it.
    site.agrees(&agreement(
        "open",
        &TABLES.replace("subject =", "partOf = \"what it belongs to\"\nsubject ="),
    ));
    let settings = site.config();
    let text = std::fs::read_to_string(&settings).unwrap();
    std::fs::write(&settings, text.replace("view = \"visits\"", "view = \"visits\"\nrows_max = 2")).unwrap();
    let _running = site.start().await.unwrap();
    let refused = get(&site, "/Encounter?patient=R-1&part-of=Encounter/11").await;
    assert_eq!(refused.status, 403, "{}", refused.body);
    for path in
        ["/Encounter?_id=11&_revinclude=Encounter:part-of", "/Encounter?_id=11&_include=Encounter:part-of"]
    {
        // The whole view has more rows than are read.
        let answer = get(&site, path).await;
        assert_eq!((answer.status, answer.found("match")), (200, vec!["Encounter/11".to_owned()]), "{path}");
        let left_out = texts(&answer.body).iter().any(|text| text.contains("was left out"));
        assert!(left_out, "{path}: {}", answer.body);
    }
    let followed = get(&site, "/Encounter?_id=11&_include=Encounter:subject").await;
    assert_eq!(followed.found("include")[0], "Patient/R-1", "{}", followed.body);
    let said = get(&site, "/metadata").await.body;
    let named = said["rest"][0].to_string();
    assert!(named.contains("Encounter:subject") && !named.contains("part-of"), "{named}");
}
