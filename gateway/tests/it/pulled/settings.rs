//! What `check` says about the sources of a system.

use gateway::settings::check;
use jiff::civil::date;

use super::support::{PEOPLE, council, write};
use crate::support::whole::Whole;

/// What is wrong with the settings of the council after `from` was replaced by `to`.
async fn faults(from: &str, to: &str) -> String {
    let site = council("open").await;
    let gathers = PEOPLE.replacen("format = \"csv\"", "format = \"csv\"\nrecord_key = [\"Resident ID\"]", 1);
    write(&site, "gathers.toml", &gathers);
    let nhs = PEOPLE.replacen("id_from = [\"Resident ID\"]", "id_from = [\"NHS Number\"]", 1);
    write(&site, "nhs.toml", &nhs);
    faults_of(&site, from, to)
}

/// What is wrong with the settings of a site after `from` was replaced by `to`. They stay as they were.
pub(crate) fn faults_of(site: &Whole, from: &str, to: &str) -> String {
    let settings = std::fs::read_to_string(site.config()).unwrap();
    assert!(settings.contains(from), "{from}");
    std::fs::write(site.config(), settings.replace(from, to)).unwrap();
    let checked = check::load(&site.config(), date(2026, 6, 1));
    std::fs::write(site.config(), settings).unwrap();
    checked.map_or_else(|unusable| unusable.to_string(), |_| String::new())
}

#[tokio::test]
async fn what_cannot_be_asked_is_told_before_it_is() {
    for (from, to, said) in [
        ("ids = \"keys\"", "ids = \"digests\"", "a view cannot be asked for a digest"),
        ("ids = \"keys\"", "ids = \"words\"", "`digests` or `keys`"),
        ("types = [\"Encounter\"]\n", "", "Patient has a source already"),
        ("types = [\"Encounter\"]", "types = [\"Condition\"]", "makes no such type"),
        (
            "mapping = \"people.toml\"",
            "mapping = \"visits.toml\"\ntypes = [\"Encounter\"]",
            "nobody would ever be known",
        ),
        ("mapping = \"people.toml\"", "mapping = \"nowhere.toml\"", "there is no such file"),
        ("mapping = \"people.toml\"", "mapping = \"nhs.toml\"", "would be NHS numbers"),
        (
            "mapping = \"people.toml\"\nfolder = \"drop\"\nfiles = \"people-*.csv\"\nquiet_ms = 0",
            "mapping = \"gathers.toml\"\nsqlite = \"cases.db\"\nview = \"people\"",
            "leave `record_key` out",
        ),
        ("mapping = \"people.toml\"", "mapping = \"ssda903-xml\"", "reads no rows"),
        ("folder = \"drop\"", "folder = \"nowhere\"", "there is no such folder"),
        ("files = \"people-*.csv\"", "files = \"../*.csv\"", "one `*` may stand"),
        ("view = \"visits\"", "view = \"visits; DROP\"", "letters, digits and underscores"),
        ("view = \"visits\"", "view = \"visits\"\nnext = \"a\"", "for a source with `api` only"),
        ("view = \"visits\"\n", "", "give either `folder`, `sqlite` or `postgres` and `view`, or `api`"),
        ("ids = \"keys\"", "ids = \"keys\"\nbase = \"https://a.example/fhir\"", "nothing is sent there"),
        ("ids = \"keys\"", "ids = \"keys\"\ntransactions = true", "nothing is sent there"),
        ("ids = \"keys\"", "ids = \"keys\"\nconsent_source = true", "a denial that nobody sees"),
        ("ids = \"keys\"", "ids = \"keys\"\ntime_zone = \"Europe/Nowhere\"", "this is no time zone"),
        (
            "protocol = \"mapped\"",
            "protocol = \"fhir-r4\"\nbase = \"http://127.0.0.1:1/fhir\"",
            "has no sources",
        ),
        (
            "[limits]",
            "[[mllp]]\naddress = \"127.0.0.1:1\"\nfrom = \"ods:RX1\"\nto = [\"council\"]\npurpose = \"TREAT\"\npeers = [\"127.0.0.0/8\"]\nplaintext = \"accepted-risk\"\n[limits]",
            "takes no messages",
        ),
    ] {
        let told = faults(from, to).await;
        assert!(told.contains(said), "{to}: {told:?} does not say {said:?}");
    }
    assert_eq!(faults("ids = \"keys\"", "ids = \"keys\"\nrelationship_source = true").await, "");
}
