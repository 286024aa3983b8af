//! The council, its files, and what is asked of it.

use std::path::PathBuf;

use gateway::serve::Running;
use rusqlite::Connection;
use serde_json::Value;
use tokio::net::TcpStream;

use crate::support::asking::{Answer, answered};
use crate::support::front::ask;
use crate::support::whole::{Whole, one_patient};

pub(crate) const ANN: &str = "9990000018";
pub(crate) const BOB: &str = "9990000026";
/// What must not leave.
pub(crate) const SECRET: &str = "secret-canary";

pub(crate) const PEOPLE: &str = r#"
mapping = "residents"
[source]
format = "csv"
dates = ["DD/MM/YYYY"]
[codes.sex]
system = "http://hl7.org/fhir/administrative-gender"
[codes.sex.map]
"M" = "male"
"F" = "female"
[codes.flag]
system = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
[codes.flag.map]
"Y" = "R"
"N" = { nothing = true }
[[resource]]
type = "Patient"
name = "resident"
id_from = ["Resident ID"]
[resource.elements]
"meta.security[flag]" = { from = "Restricted", codes = "flag", otherwise = "R" }
"identifier[nhs]" = { from = "NHS Number", system = "https://fhir.nhs.uk/Id/nhs-number" }
"identifier[local]" = { from = "Resident ID", system = "urn:id:council:resident" }
"name.family" = { from = "Surname" }
"name.given" = { from = "Forename" }
"gender" = { from = "Sex", codes = "sex", otherwise = "unknown" }
"birthDate" = { from = "Born" }
"telecom[phone].system" = { fixed = "phone" }
"telecom[phone].value" = { from = "Phone" }
"#;

pub(crate) const HEADER: &str = "Resident ID,NHS Number,Surname,Forename,Sex,Born,Phone,Restricted\n";
pub(crate) const RESIDENTS: &str = "R-1,999 000 0018,Example,Ann,F,01/01/1950,secret-canary,N\n\
                                    R-2,999-000-0026,Example,Bob,M,02/02/1951,secret-canary,N\n";

pub(crate) const VISITS: &str = r#"
mapping = "visits"
[source]
format = "csv"
dates = ["YYYY-MM-DD"]
[codes.state]
system = "http://hl7.org/fhir/encounter-status"
[codes.state.map]
"Open" = "in-progress"
"Done" = "finished"
[codes.setting]
system = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
[codes.setting.map]
"Home" = "HH"
[[resource]]
type = "Patient"
name = "resident"
id_from = ["resident"]
[resource.elements]
"identifier[local]" = { from = "resident", system = "urn:id:council:resident" }
[[resource]]
type = "Encounter"
name = "visit"
id_from = ["visit_no"]
[resource.elements]
"status" = { from = "state", codes = "state" }
"class" = { from = "setting", codes = "setting" }
"subject" = { reference = "resident" }
"period.start" = { from = "began" }
"reasonCode.text" = { from = "note" }
[[left_out]]
columns = ["note"]
why = "free words"
"#;

/// What the ward shares with itself of the council's records.
pub(crate) const TABLES: &str = r#"
[share.person.Patient]
identifier = "to be sure it is the right person"
name = "to address the person"
birthDate = "doses differ by age"
gender = "care differs"
[share.person.Encounter]
status = "whether it goes on"
class = "where it was"
subject = "whose it is"
period = "when it was"
"#;

/// Where the visits are.
const SQLITE: &str = "sqlite = \"cases.db\"\nview = \"visits\"\n";

/// The site with the council as a second system, not started yet.
pub(crate) async fn council(existence: &str) -> Whole {
    let site = council_with(existence, SQLITE).await;
    Connection::open(database(&site))
        .unwrap()
        .execute_batch(
            "CREATE TABLE raw(no INTEGER, who TEXT, st TEXT, began TEXT, place TEXT, note TEXT);
             INSERT INTO raw VALUES (11, 'R-1', 'Done', '2026-01-02', 'Home', 'secret-canary'),
                 (12, ' R-1 ', 'open', '2026-03-04', 'Home', 'secret-canary'),
                 (13, 'R-2', 'Done', '2026-01-02', 'Home', 'secret-canary');
             CREATE VIEW visits AS SELECT no AS visit_no, who AS resident, st AS state, began, place AS setting, note
                 FROM raw;",
        )
        .unwrap();
    site
}

/// The same, whose visits are where these keys of their source say.
pub(crate) async fn council_with(existence: &str, visits: &str) -> Whole {
    let site = Whole::with(one_patient).await;
    site.agrees(&crate::support::sharing::agreement(existence, TABLES));
    std::fs::create_dir_all(drop_folder(&site)).unwrap();
    write(&site, "people.toml", PEOPLE);
    write(&site, "visits.toml", VISITS);
    drop_file(&site, "people-1.csv", &format!("{HEADER}{RESIDENTS}"));
    site.also_set(&SETTINGS.replace("VISITS\n", visits));
    site
}

const SETTINGS: &str = r#"
[[system]]
name = "council"
organisation = "ods:RX1"
protocol = "mapped"
ids = "keys"
trusted_identity = true
timeout_ms = 300000
[[system.source]]
mapping = "people.toml"
folder = "drop"
files = "people-*.csv"
quiet_ms = 0
[[system.source]]
mapping = "visits.toml"
types = ["Encounter"]
VISITS
[limits]
exchange_timeout_ms = 600000
"#;

pub(crate) async fn started(existence: &str) -> (Whole, Running) {
    let site = council(existence).await;
    let running = site.start().await.unwrap();
    (site, running)
}

pub(crate) fn write(site: &Whole, name: &str, text: &str) {
    std::fs::write(site.folder.path().join(name), text).unwrap();
}

pub(crate) fn drop_folder(site: &Whole) -> PathBuf {
    site.folder.path().join("drop")
}

pub(crate) fn database(site: &Whole) -> PathBuf {
    site.folder.path().join("cases.db")
}

/// Drops a file as it should be done: under another name first.
pub(crate) fn drop_file(site: &Whole, name: &str, text: &str) {
    let folder = drop_folder(site);
    let before = newest(site);
    let path = folder.join(format!(".{name}"));
    std::fs::write(&path, text).unwrap();
    // Two files of one moment are told apart by their names; a clock of coarse steps does not matter.
    let file = std::fs::File::options().append(true).open(&path).unwrap();
    if let Some(before) = before {
        file.set_modified(before + std::time::Duration::from_secs(1)).unwrap();
    } else {
        file.set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_700_000_000)).unwrap();
    }
    std::fs::rename(path, folder.join(name)).unwrap();
}

fn newest(site: &Whole) -> Option<std::time::SystemTime> {
    let entries = std::fs::read_dir(drop_folder(site)).unwrap();
    entries.map(|entry| entry.unwrap().metadata().unwrap().modified().unwrap()).max()
}

/// Asks the council's face as the consultant.
pub(crate) async fn get(site: &Whole, path: &str) -> Answer {
    let answer = answered(site.get(&format!("/council/fhir{path}"), Some(&site.consultant())).await);
    assert!(!answer.body.to_string().contains(SECRET), "{}", answer.body);
    answer
}

/// Sends a body to the council's face as the consultant.
pub(crate) async fn send(site: &Whole, method: &str, path: &str, body: &str) -> Answer {
    let token = site.consultant();
    let if_match = if method == "POST" { "" } else { "if-match: W/\"1\"\r\n" };
    let headers = format!("content-type: application/fhir+json\r\n{if_match}");
    let request = site.request(method, &format!("/council/fhir{path}"), Some(&token), &headers, body);
    answered(ask(&mut TcpStream::connect(site.requests).await.unwrap(), &request).await.unwrap())
}

/// The texts of the issues in an answer.
pub(crate) fn texts(body: &Value) -> Vec<String> {
    let outcome = |body: &Value| -> Vec<String> {
        let issues = body["issue"].as_array().cloned().unwrap_or_default();
        issues.iter().map(|issue| issue["details"]["text"].as_str().unwrap_or_default().to_owned()).collect()
    };
    match body["resourceType"].as_str() {
        Some("Bundle") => {
            let entries = body["entry"].as_array().cloned().unwrap_or_default();
            entries.iter().flat_map(|entry| outcome(&entry["resource"])).collect()
        }
        _ => outcome(body),
    }
}
