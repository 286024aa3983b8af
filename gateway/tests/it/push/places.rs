//! Documents and records have places of their own: what comes in there takes the road of a message, one by one.

use std::path::Path;
use std::time::Duration;

use gateway::push::letters::{Stage, Which};

use super::whole::{Gateway, created};
use crate::support::upstream::System;

pub(super) const CLIENT: &str = "dns:adt.hospital.example";
pub(super) const SUMMARY: &str =
    include_str!("../../../../adapters/tests/cases/cda/discharge-summary/in.xml");

/// Makes a Patient and her stay of each row.
pub(super) const MAPPING: &str = r#"
mapping = "people"
[source]
format = "csv"
dates = ["DD/MM/YYYY"]
[[resource]]
type = "Patient"
name = "person"
id_from = ["ID"]
[resource.elements]
"identifier[nhs]" = { from = "NHS", system = "https://fhir.nhs.uk/Id/nhs-number" }
"name.family" = { from = "Surname" }
"birthDate" = { from = "Born" }
[[resource]]
type = "Encounter"
name = "stay"
id_from = ["ID"]
[resource.elements]
"status" = { fixed = "finished" }
"class" = { fixed = "IMP", system = "http://terminology.hl7.org/CodeSystem/v3-ActCode" }
"subject" = { reference = "person" }
"serviceProvider" = { from = "Trust", system = "https://fhir.nhs.uk/Id/ods-organization-code", target = "Organization" }
"#;

const PLACE: &str = r#"
[[inbound]]
name = "people"
mapping = "people.toml"
from = "ods:RX1"
to = ["council"]
purpose = "COC"
folder = "dropped"
"#;

pub(super) const HEADER: &str = "ID,NHS,Surname,Born,Trust";

pub(super) async fn start(folder: &Path) -> Gateway {
    Gateway::start_with(folder, created, ("", ""), people(folder)).await
}

/// What the place of records needs in `folder`, and its settings.
pub(super) fn people(folder: &Path) -> &'static str {
    std::fs::write(folder.join("people.toml"), MAPPING).unwrap();
    std::fs::create_dir_all(folder.join("dropped")).unwrap();
    PLACE
}

/// Drops a file as a careful sender does: under a hidden name first.
pub(super) fn drop_file(folder: &Path, name: &str, text: &str) {
    let dropped = folder.join("dropped");
    let hidden = dropped.join(format!(".{name}"));
    std::fs::write(&hidden, text).unwrap();
    std::fs::rename(hidden, dropped.join(name)).unwrap();
}

pub(super) async fn until<T>(mut found: impl AsyncFnMut() -> Option<T>) -> T {
    let looking = async {
        loop {
            if let Some(found) = found().await {
                return found;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), looking).await.expect("it in time")
}

/// What stays in the folder of dropped files, at any depth.
pub(super) fn left(folder: &Path) -> Vec<String> {
    let mut left = Vec::new();
    for inside in ["", ".taken", ".refused"] {
        let Ok(entries) = std::fs::read_dir(folder.join("dropped").join(inside)) else { continue };
        for entry in entries.filter_map(Result::ok).filter(|entry| entry.path().is_file()) {
            left.push(format!("{inside}/{}", entry.file_name().to_string_lossy()));
        }
    }
    left
}

pub(super) fn names(council: &System) -> Vec<String> {
    let mut names: Vec<String> = council
        .seen()
        .iter()
        .filter_map(|seen| Some(seen.body.split("\"family\":\"").nth(1)?.split('"').next()?.to_owned()))
        .collect();
    names.sort();
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_reaches_the_council_minimised_once_and_in_any_envelope() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(folder.path(), created).await;
    let again = SUMMARY.replace("trackingid=\"7D6F0001", "trackingid=\"8E6F0001");
    assert_ne!(SUMMARY, again);
    for (path, media_type, text, expected) in [
        ("/cda/council", "application/xml", SUMMARY, "status: 200"),
        ("/cda/council", "text/xml; charset=utf-8", SUMMARY, "status: 200"),
        ("/cda/council", "application/xml", &again, "status: 200"),
        ("/cda/council", "application/xml", "<ClinicalDocument/>", "status: 422"),
        ("/cda/council", "application/xml", &SUMMARY.replace("left hip", "right hip"), "status: 422"),
        ("/cda/council", "application/json", SUMMARY, "status: 415"),
        ("/cda/nowhere", "application/xml", SUMMARY, "status: 404"),
    ] {
        let reply = gateway.post(path, CLIENT, media_type, text).await;
        assert!(reply.contains(expected), "{path} {media_type}: {reply}");
    }
    let stranger = gateway.post("/cda/council", "dns:stranger.example", "application/xml", SUMMARY).await;
    assert!(stranger.contains("status: 401"), "{stranger}");
    let body = gateway.council_saw(1).await[0].body.clone();
    for present in ["9990000018", "Okafor", "Composition", "Hemiarthroplasty of left hip"] {
        assert!(body.contains(present), "{present} in {body}");
    }
    for withheld in ["Mill Lane", "ZZ99 3WZ", "01632 960001", "H0042", "Hale"] {
        assert!(!body.contains(withheld), "{withheld}");
    }
    let letters = gateway.store().letters(Which::Open).await.unwrap();
    let stages: Vec<Stage> = letters.iter().map(|letter| letter.stage).collect();
    assert_eq!(stages, [Stage::Read, Stage::Repeat]);
    let (council, _) = gateway.stop().await;
    assert_eq!(council.seen().len(), 1, "sent again it has no second effect");
}

#[tokio::test(flavor = "multi_thread")]
async fn records_come_in_one_by_one_and_a_bad_row_holds_up_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = start(folder.path()).await;
    // A row of delimiters alone is what spreadsheets leave behind, and no record.
    let file = format!(
        "{HEADER}\n1,9990000018,Fenwick,17/06/1942,RX1\n2,9990000026,Ford\n3,9990000034,Frost,01/01/1950,RX1\n,,,,\n4,9990000042,\"Fox, \"\"Bo\"\"\",02/01/1950,RX1\n5,9990000050\n"
    );
    let reply = gateway.post("/inbound/people", CLIENT, "text/csv", &file).await;
    assert!(reply.contains("status: 422"), "{reply}");
    assert!(reply.contains("3 of 5 are on their way, 2 are refused"), "{reply}");
    assert!(reply.contains("row 3 has 3 cells where 5 are wanted"), "{reply}");
    gateway.council_saw(3).await;
    assert_eq!(names(&gateway.council), ["Fenwick", "Fox, \\", "Frost"]);
    let letters = gateway.store().letters(Which::Open).await.unwrap();
    let told: Vec<&str> = letters.iter().filter_map(|letter| letter.told.as_deref()).collect();
    assert_eq!(told.len(), 2, "{letters:?}");
    assert!(letters.iter().all(|letter| letter.stage == Stage::Translate && letter.place.is_some()));
    let text = gateway.store().letter(letters[0].id).await.unwrap().unwrap().raw.unwrap();
    assert_eq!(String::from_utf8(text).unwrap(), format!("{HEADER}\r\n2,9990000026,Ford\r\n"));
    // All of it again has no second effect.
    let again = gateway.post("/inbound/people", CLIENT, "text/csv", &file).await;
    assert!(again.contains("3 of 5 are on their way"), "{again}");
    assert_eq!(gateway.store().letters(Which::Open).await.unwrap().len(), 2);
    for (path, san, expected) in [
        ("/inbound/nowhere", CLIENT, "status: 404"),
        ("/inbound/people", "dns:stranger.example", "status: 401"),
    ] {
        assert!(gateway.post(path, san, "text/csv", &file).await.contains(expected), "{path}");
    }
    let (council, _) = gateway.stop().await;
    assert_eq!(council.seen().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_file_is_taken_whole_and_removed_and_a_broken_one_is_laid_aside() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = start(folder.path()).await;
    let dropped = folder.path().join("dropped");
    std::fs::write(dropped.join(".half.csv"), format!("{HEADER}\n9,9990000050,Never,")).unwrap();
    drop_file(folder.path(), "a.csv", &format!("{HEADER}\n1,9990000018,Fenwick,17/06/1942,RX1\n"));
    drop_file(
        folder.path(),
        "b.csv",
        &format!("{HEADER}\n2,9990000026,Ford,17/06/1942,RX1\n3,9990000034,\"Frost\"x,01/01/1950,RX1\n"),
    );
    gateway.council_saw(2).await;
    until(async || (left(folder.path()) == ["/.half.csv", ".refused/b.csv"]).then_some(())).await;
    assert_eq!(names(&gateway.council), ["Fenwick", "Ford"]);
    let letters = gateway.store().letters(Which::Open).await.unwrap();
    assert_eq!(letters.len(), 1);
    assert!(letters[0].place.as_deref().unwrap().starts_with("b.csv: "), "{letters:?}");
    assert_eq!(letters[0].source, "RX1/people");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_was_taken_when_the_gateway_stopped_is_read_again_to_the_same_effect() {
    let folder = tempfile::tempdir().unwrap();
    let text = format!("{HEADER}\n1,9990000018,Fenwick,17/06/1942,RX1\n2,9990000026,Ford,17/06/1942,RX1\n");
    let gateway = start(folder.path()).await;
    let reply = gateway
        .post(
            "/inbound/people",
            CLIENT,
            "text/csv",
            text.split_inclusive('\n').take(2).collect::<String>().as_str(),
        )
        .await;
    assert!(reply.contains("status: 200"), "{reply}");
    gateway.council_saw(1).await;
    let (_, ledger) = gateway.stop().await;
    ledger.close().await;
    drop(ledger);
    // As a kill in the midst of the file leaves it: one record is known, the file is still there.
    let taken = folder.path().join("dropped/.taken");
    std::fs::create_dir_all(&taken).unwrap();
    std::fs::write(taken.join("a.csv"), &text).unwrap();
    let gateway = start(folder.path()).await;
    gateway.council_saw(1).await;
    until(async || left(folder.path()).is_empty().then_some(())).await;
    assert_eq!(names(&gateway.council), ["Ford"]);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_maps_its_own_segments_where_they_come_in() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("site.map"),
        "segment ZPV many minor\n2    Encounter.identifier[]   identifier\n",
    )
    .unwrap();
    let agreement =
        ("class = \"whether", "\"identifier:urn:id:RX1\" = \"which visit it was\"\nclass = \"whether");
    // The listener is the last table of the settings.
    let more = "site_map = \"site.map\"\n";
    let gateway = Gateway::start_with(folder.path(), created, agreement, more).await;
    let mut hospital = super::support::Peer::connect(gateway.address).await;
    hospital.send(&format!("{}ZPV|1|LOCAL-778^^^RX1^VN\r", super::whole::LETTER)).await;
    assert_eq!(hospital.acknowledged().await.unwrap().0, "AA");
    let body = gateway.council_saw(1).await[0].body.clone();
    assert!(body.contains("LOCAL-778"), "{body}");
    gateway.stop().await;
}

#[test]
fn faults_of_places_are_told_before_anything_is_served() {
    let folder = tempfile::tempdir().unwrap();
    let file =
        super::whole::write_settings(folder.path(), "http://127.0.0.1:1/fhir", ([127, 0, 0, 1], 0).into());
    let settings = std::fs::read_to_string(&file).unwrap();
    std::fs::write(folder.path().join("people.toml"), MAPPING).unwrap();
    std::fs::create_dir(folder.path().join("dropped")).unwrap();
    std::fs::write(folder.path().join("site.map"), "segment PID many minor\n").unwrap();
    let told = |more: &str| {
        std::fs::write(&file, format!("{settings}{more}")).unwrap();
        match gateway::settings::check::load(&file, "2026-03-04".parse().unwrap()) {
            Ok(_) => String::new(),
            Err(unusable) => unusable.to_string(),
        }
    };
    assert_eq!(told(PLACE), "");
    for (from, to, expected) in [
        ("folder = \"dropped\"", "folder = \"elsewhere\"", "is not a folder that exists"),
        ("[\"council\"]", "[\"hospice\"]", "there is no [[system]] of this name"),
        ("\"people.toml\"", "\"nothing.toml\"", "nothing.toml"),
        ("name = \"people\"", "name = \"fhir\"", "a path of the gateway itself"),
        ("folder =", "folders =", "unknown"),
    ] {
        let told = told(&PLACE.replace(from, to));
        assert!(told.contains(expected), "{expected}: {told}");
    }
    assert!(
        told("site_map = \"site.map\"\n").contains("site.map"),
        "only names that begin with Z are a site's"
    );
    std::fs::write(folder.path().join("people.toml"), MAPPING.replace("\"birthDate\"", "\"bornOn\""))
        .unwrap();
    assert!(told(PLACE).contains("bornOn"), "faults of the mapping are told with the settings");
    assert!(told(&format!("{PLACE}{PLACE}")).contains("taken already"));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_document_of_an_envelope_is_kept_and_shown_without_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let unshared = ("discloser = [\"ods:RX1\"]", "discloser = [\"ods:RX9\"]");
    let gateway = Gateway::start_under(folder.path(), created, unshared).await;
    let bare = |text: &str| text.split_once("?>").map_or(text, |(_, rest)| rest).to_owned();
    let ann = bare(SUMMARY);
    let other = ann.replace("00000000000A", "00000000000C").replace("left hip", "right hip");
    let envelope = format!("<parts>{ann}{other}</parts>");
    let reply = gateway.post("/cda/council", CLIENT, "application/xml", &envelope).await;
    assert!(reply.contains("0 of 2 are on their way, 2 are refused"), "{reply}");
    let letters = gateway.store().letters(Which::Open).await.unwrap();
    for (letter, (present, absent)) in
        letters.iter().zip([("left hip", "right hip"), ("right hip", "left hip")])
    {
        let text = gateway.store().letter(letter.id).await.unwrap().unwrap().raw.unwrap();
        let text = String::from_utf8(text).unwrap();
        assert!(text.contains(present) && !text.contains(absent), "{text}");
    }
    assert_eq!(letters.len(), 2);
    let crowd = format!("<parts>{}</parts>", "<ClinicalDocument xmlns=\"urn:hl7-org:v3\"/>".repeat(65));
    let reply = gateway.post("/cda/council", CLIENT, "application/xml", &crowd).await;
    assert!(reply.contains("64 documents in an envelope"), "{reply}");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_that_cannot_be_known_holds_up_no_other_of_its_envelope() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(folder.path(), created).await;
    let bare = |text: &str| text.split_once("?>").map_or(text, |(_, rest)| rest).to_owned();
    let nameless =
        "<ClinicalDocument xmlns=\"urn:hl7-org:v3\"><title>999 000 0026</title></ClinicalDocument>";
    let envelope = format!("<parts>{nameless}{}</parts>", bare(SUMMARY));
    let reply = gateway.post("/cda/council", CLIENT, "application/xml", &envelope).await;
    assert!(reply.contains("1 of 2 are on their way, 1 are refused"), "{reply}");
    gateway.council_saw(1).await;
    let letters = gateway.store().letters(Which::Open).await.unwrap();
    assert_eq!(letters.iter().map(|letter| letter.stage).collect::<Vec<_>>(), [Stage::Read]);
    let text = gateway.store().letter(letters[0].id).await.unwrap().unwrap().raw.unwrap();
    let text = String::from_utf8(text).unwrap();
    assert!(text.contains("999 000 0026") && !text.contains("Okafor"), "the letter holds it alone: {text}");
    gateway.stop().await;
}

#[test]
fn a_folder_out_of_which_somebody_else_reads_is_no_place() {
    let folder = tempfile::tempdir().unwrap();
    let file =
        super::whole::write_settings(folder.path(), "http://127.0.0.1:1/fhir", ([127, 0, 0, 1], 0).into());
    let settings = std::fs::read_to_string(&file).unwrap();
    let place = people(folder.path());
    let dropped = folder.path().join("dropped");
    std::os::unix::fs::symlink(&dropped, folder.path().join("link")).unwrap();
    std::fs::create_dir(dropped.join(".taken")).unwrap();
    let second = place.replace("name = \"people\"", "name = \"others\"");
    let source = "[[system]]\nname = \"files\"\norganisation = \"ods:RX1\"\nprotocol = \"mapped\"\n\
                  [[system.source]]\nmapping = \"people.toml\"\nfolder = \"./dropped\"\n";
    let told = |more: &str| {
        std::fs::write(&file, format!("{settings}{more}")).unwrap();
        match gateway::settings::check::load(&file, "2026-03-04".parse().unwrap()) {
            Ok(_) => String::new(),
            Err(unusable) => unusable.to_string(),
        }
    };
    let at = |written: &str| second.replace("\"dropped\"", &format!("\"{written}\""));
    let expected = "each file in it would be taken away";
    for more in [
        format!("{place}{}", at("./dropped")),
        format!("{place}{}", at("link")),
        format!("{place}{}", at("dropped/.taken")),
        format!("{place}{source}"),
        at("."),
        at("agreements"),
    ] {
        let told = told(&more);
        assert!(told.contains(expected), "{more}: {told}");
    }
    std::fs::create_dir(folder.path().join("elsewhere")).unwrap();
    assert_eq!(told(&format!("{place}{}", at("elsewhere"))), "");
}
