//! Records of people that cannot be translated: nothing is told of whom they may be about as if there were none, and
//! nobody else is the worse for them.

use rusqlite::Connection;
use serde_json::json;

use super::support::{
    ANN, BOB, HEADER, RESIDENTS, council, council_with, database, drop_file, get, started, write,
};
use crate::support::whole::Whole;

const NHS: &str = "https://fhir.nhs.uk/Id/nhs-number|";

/// Why the person of this record was refused, in the records since `before`.
fn refusals(site: &Whole, before: usize) -> Vec<String> {
    let records = site.records();
    let about = records.iter().skip(before).filter(|record| record["about"].is_object());
    about.filter_map(|record| record["about"]["refusal"].as_str().map(str::to_owned)).collect()
}

#[tokio::test]
async fn a_broken_row_stands_against_those_alone_whose_number_or_id_it_says() {
    let (site, _running) = started("open").await;
    let cat = "R-3,9990000034,Other,Cat,F,03/03/1952,,N\n";
    for (name, broken, doubted) in [
        // First, since who holds a number is remembered for a minute where all is well.
        // Two rows of one id, of which one says the number of somebody else: neither counts.
        (
            "people-0.csv",
            format!("R-4,{ANN},A,B,F,03/03/1952,,Y\nR-4,{BOB},C,D,F,03/03/1952,,Y\n"),
            &["R-1", "R-2"][..],
        ),
        // No id: the number is hers.
        ("people-2.csv", format!(",{ANN},No,Id,F,03/03/1952,,Y\n"), &["R-1"]),
        // An id that none can be.
        ("people-3.csv", "R/5,999 000 0018,Slash,Id,F,03/03/1952,,Y\n".to_owned(), &["R-1"]),
        // A cell is missing, and the number is where it should not be.
        ("people-4.csv", format!("Example,R-9,{ANN}\n"), &["R-1"]),
        // Her id alone.
        ("people-5.csv", "R-1,x\n".to_owned(), &["R-1"]),
        // Neither: it could be anybody's, and counts for nobody.
        ("people-7.csv", "garbage,without,anything\n,9990000019,No,Id,F,03/03/1952,,Y\n".to_owned(), &[]),
    ] {
        drop_file(&site, name, &format!("{HEADER}{RESIDENTS}{cat}{broken}"));
        for id in ["R-1", "R-2", "R-3"] {
            let before = site.records().len();
            let answer = get(&site, &format!("/Patient/{id}")).await;
            // That nobody can tell who she is, is no answer about her.
            let expected = if doubted.contains(&id) { 502 } else { 200 };
            assert_eq!(answer.status, expected, "{name} {id}: {}", answer.body);
            if expected == 502 {
                let exchange = &site.records()[before]["exchange"];
                assert_eq!(exchange["reason"], "evidence-unusable", "{name} {id}");
                assert_eq!(refusals(&site, before), ["person-uncertain"], "{name} {id}");
            }
        }
        // Asked about together, the others are found.
        let found = get(&site, "/Patient?_id=R-1,R-2,R-3").await.found("match");
        let sound: Vec<String> = ["R-1", "R-2", "R-3"]
            .iter()
            .filter(|id| !doubted.contains(id))
            .map(|id| format!("Patient/{id}"))
            .collect();
        assert_eq!(found, sound, "{name}");
    }
}

#[tokio::test]
async fn what_is_held_elsewhere_of_whom_a_broken_row_may_be_about_is_withheld_and_named() {
    let (site, _running) = started("open").await;
    drop_file(&site, "people-2.csv", &format!("{HEADER}R-2,{BOB},Example,Bob,M,02/02/1951,,N\nR-1,short\n"));
    let before = site.records().len();
    let visits = get(&site, "/Encounter?patient=R-1").await;
    assert!(visits.found("match").is_empty(), "{}", visits.body);
    assert_eq!(refusals(&site, before), ["person-uncertain"]);
    let exchange =
        site.records().into_iter().rfind(|record| record["exchange"]["reason"].is_string()).unwrap();
    assert_eq!(exchange["exchange"]["reason"], "evidence-unusable", "why nobody can tell is recorded");
    assert_eq!(get(&site, "/Encounter?patient=R-2").await.found("match"), ["Encounter/13"]);
}

#[tokio::test]
async fn where_existence_is_withheld_whom_a_broken_row_may_be_about_is_as_absent() {
    let (site, _running) = started("withheld").await;
    drop_file(&site, "people-2.csv", &format!("{HEADER}{RESIDENTS},{ANN},No,Id,F,03/03/1952,,Y\n"));
    let (hidden, absent) = (get(&site, "/Patient/R-1").await, get(&site, "/Patient/R-9").await);
    assert_eq!((hidden.status, &hidden.body), (absent.status, &absent.body));
    assert_eq!(hidden.status, 404);
}

#[tokio::test]
async fn a_broken_row_of_a_view_stands_against_whom_it_is_found_by() {
    let site = council("open").await;
    let settings = std::fs::read_to_string(site.config()).unwrap();
    let folder = "folder = \"drop\"\nfiles = \"people-*.csv\"\nquiet_ms = 0\n";
    assert!(settings.contains(folder));
    std::fs::write(site.config(), settings.replace(folder, "sqlite = \"cases.db\"\nview = \"residents\"\n"))
        .unwrap();
    let columns: Vec<String> = HEADER.trim().split(',').map(|name| format!("\"{name}\" TEXT")).collect();
    let connection = Connection::open(database(&site)).unwrap();
    let good = format!(
        "CREATE TABLE residents({});
         INSERT INTO residents VALUES('R-1', '{ANN}', 'Example', 'Ann', 'F', '01/01/1950', '', 'N'),
             ('R-2', '{BOB}', 'Example', 'Bob', 'M', '02/02/1951', '', 'N'),
             ('R-3', '9990000034', 'Other', 'Cat', 'F', '03/03/1952', '', 'N');",
        columns.join(", ")
    );
    connection.execute_batch(&good).unwrap();
    let _running = site.start().await.unwrap();
    for (broken, doubted) in [
        // Bytes are no text: what of it the database itself can compare is all that is known of the second.
        (
            format!(
                "(NULL, '{ANN}', 'No', 'Id', 'F', '', '', 'Y'), ('R-8', '{BOB}', x'ff', 'Blob', 'M', '', '', 'Y')"
            ),
            &["R-1", "R-2"][..],
        ),
        ("('R-3', NULL, x'ff', 'Blob', 'M', '', '', 'Y')".to_owned(), &["R-3"]),
        (
            "('R-7', x'ff', 'No', 'Number', 'F', '', '', 'Y'), (NULL, NULL, 'No', 'One', 'F', '', '', 'Y')"
                .to_owned(),
            &[],
        ),
    ] {
        connection.execute_batch(&format!("INSERT INTO residents VALUES {broken}")).unwrap();
        for id in ["R-1", "R-2", "R-3"] {
            let status = get(&site, &format!("/Patient/{id}")).await.status;
            assert_eq!(status, if doubted.contains(&id) { 502 } else { 200 }, "{broken} {id}");
        }
        connection.execute_batch("DELETE FROM residents WHERE Restricted = 'Y'").unwrap();
    }
}

/// Ann's child is in the record, and names her by her number.
#[tokio::test]
async fn whoever_may_be_protected_by_a_broken_row_is_where_she_stands_as_kin() {
    let visits = "sqlite = \"cases.db\"\nview = \"kin\"\n";
    let site = council_with("open", visits).await;
    write(
        &site,
        "visits.toml",
        r#"
mapping = "kin"
[source]
format = "csv"
[[resource]]
type = "RelatedPerson"
name = "kin"
id_from = ["no"]
[resource.elements]
"patient.reference" = { from = "of" }
"identifier[nhs]" = { from = "number", system = "https://fhir.nhs.uk/Id/nhs-number" }
"telecom.value" = { from = "phone" }
"name.family" = { from = "name" }
"#,
    );
    let settings = std::fs::read_to_string(site.config()).unwrap();
    std::fs::write(site.config(), settings.replace("\"Encounter\"", "\"RelatedPerson\"")).unwrap();
    site.also_agree(
        "[share.person.RelatedPerson]\npatient = \"whose kin it is\"\nname = \"whom to ask\"\ntelecom = \"how to reach them\"\n",
    );
    Connection::open(database(&site))
        .unwrap()
        .execute_batch(&format!(
            "CREATE TABLE kin(no TEXT, \"of\" TEXT, number TEXT, phone TEXT, name TEXT);
             INSERT INTO kin VALUES('k1', 'Patient/R-2', '{ANN}', 'kept-phone', 'kept-name');"
        ))
        .unwrap();
    let _running = site.start().await.unwrap();
    let kin = async || get(&site, "/RelatedPerson/k1").await;
    assert_eq!(
        kin().await.body["telecom"],
        json!([{"value": "kept-phone"}]),
        "she is there, and not protected"
    );
    drop_file(&site, "people-2.csv", &format!("{HEADER}R-2,{BOB},Example,Bob,M,02/02/1951,,N\nR-1,{ANN}\n"));
    let answer = kin().await;
    assert!(!answer.body.to_string().contains("kept-phone"), "{}", answer.body);
    drop_file(
        &site,
        "people-3.csv",
        &format!("{HEADER}R-2,{BOB},Example,Bob,M,02/02/1951,,N\nR-7,9990000034\n"),
    );
    assert_eq!(kin().await.body["telecom"], json!([{"value": "kept-phone"}]), "the row is not about her");
    // By the number itself, whoever asks.
    let found = get(&site, &format!("/Patient?identifier={NHS}{BOB}")).await.found("match");
    assert_eq!(found, ["Patient/R-2"]);
}
