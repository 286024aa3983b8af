//! Places for forms that are known: EDIFACT of laboratories, notices of the Care Act, other releases of FHIR.

use std::path::Path;

use fhir::json;
use gateway::push::letters::{Stage, Which};
use gateway::trail::record::{About, Event};
use serde_json::Value;

use super::places::{drop_file, left, until};
use super::whole::{Gateway, created};

const REPORT: &str = include_str!("../../../../adapters/tests/cases/edifact/blood-count/in.edi");
const NOTICE: &str = include_str!("../../../../adapters/tests/cases/notices/assessment/in.xml");
const CLIENT: &str = "dns:lab.example";
pub(super) const BETWEEN: &str = r#"discloser = ["ods:RX1"]
recipient = ["ods:E10000099"]
purposes = ["COC"]
legal_basis = { uk_gdpr = ["6(1)(e)", "9(2)(h)"], confidentiality = "implied-consent" }
identifiability = "identifiable"
relationship = ["encounter"]
existence = "open"
"#;
/// Inside one organisation no tie of care need be named: a report has no stay.
pub(super) const INSIDE: &str = r#"discloser = ["ods:E10000099"]
recipient = ["ods:E10000099"]
purposes = ["COC"]
legal_basis = { uk_gdpr = ["6(1)(e)", "9(2)(h)"], confidentiality = "implied-consent" }
identifiability = "identifiable"
relationship = []
existence = "open"
[share.letter.MessageHeader]
"event[x]" = "what it is about"
source = "where it comes from"
[share.letter.DiagnosticReport]
code = "what was looked at"
[share.letter.Observation]
code = "what was found"
"value[x]" = "what was found"
[share.letter.Condition]
code = "what care is needed for"
"#;

/// A gateway with a place of this form, of the council's own laboratory.
pub(super) async fn start(folder: &Path, form: &str) -> Gateway {
    std::fs::create_dir_all(folder.join("dropped")).unwrap();
    let more = format!(
        "[[client]]\nsan = \"{CLIENT}\"\norganisation = \"ods:E10000099\"\nrole = \"system\"\npurposes = [\"COC\"]\n\
         [[inbound]]\nname = \"lab\"\nform = \"{form}\"\nfrom = \"ods:E10000099\"\nto = [\"council\"]\n\
         purpose = \"COC\"\nfolder = \"dropped\"\n"
    );
    Gateway::start_with(folder, created, (BETWEEN, INSIDE), &more).await
}

pub(super) async fn post(gateway: &Gateway, media_type: &str, text: &str) -> String {
    gateway.post("/inbound/lab", CLIENT, media_type, text).await
}

pub(super) fn bundle(body: &str) -> Value {
    json::parse_value(body.to_owned().into(), &json::Limits::default()).unwrap()
}

pub(super) fn types(bundle: &Value) -> Vec<String> {
    let entries = bundle["entry"].as_array().unwrap().iter();
    entries.map(|entry| entry["resource"]["resourceType"].as_str().unwrap().to_owned()).collect()
}

/// Two reports about two people in one interchange, the second about `number`.
fn two(number: &str) -> String {
    let (head, rest) = REPORT.split_once("UNH+1").unwrap();
    let (message, _) = rest.split_once("UNZ").unwrap();
    let second = message.replace("UNT+74+1'", "UNT+74+2'").replace("9990000018", number);
    format!("{head}UNH+1{message}UNH+2{second}UNZ+2+2044'\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_of_a_laboratory_goes_on_minimised_and_its_interchange_is_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = start(folder.path(), "edifact").await;
    let told = post(&gateway, "application/edifact", REPORT).await;
    assert!(told.contains("status: 200") && told.contains("NIR+SIR:2044") && told.contains("+IAF"), "{told}");
    let seen = gateway.council_saw(1).await;
    let sent = bundle(&seen[0].body);
    assert!(types(&sent).contains(&"Observation".to_owned()), "{:?}", types(&sent));
    assert!(seen[0].body.contains("9990000018") && seen[0].body.contains("Haemoglobin estimation"));
    for withheld in ["QUAY ROW", "NE1 1AA", "TIRED ALL THE TIME", "Known to the clinic"] {
        assert!(!seen[0].body.contains(withheld), "{withheld}");
    }
    let records = gateway
        .recorded_when(|records| records.iter().any(|record| record.exchange.event == Event::Outcome))
        .await;
    let about_her = |about: &About| matches!(about, About::Person(her) if her.nhs_number.as_deref() == Some("9990000018"));
    assert!(records.iter().any(|record| record.exchange.event == Event::Intent && about_her(&record.about)));
    // Again: acknowledged again, without a second effect.
    assert!(post(&gateway, "application/edifact", REPORT).await.contains("+IAF"));
    let (council, _) = gateway.stop().await;
    assert_eq!(council.seen().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_report_that_cannot_be_read_holds_up_no_other_and_is_a_letter_without_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = start(folder.path(), "edifact").await;
    let unread = two("9990000026").replace("UNT+74+2'", "UNT+74+3'");
    let told = post(&gateway, "application/edifact", &unread).await;
    assert!(told.contains("status: 422") && told.contains("+IAP"), "{told}");
    assert_eq!(gateway.council_saw(1).await.len(), 1);
    let letters = gateway.store().letters(Which::Open).await.unwrap();
    assert_eq!(letters.len(), 1);
    assert_eq!((letters[0].stage, letters[0].reason.as_str()), (Stage::Translate, "not-translated"));
    assert_eq!(letters[0].bytes.filter(|bytes| *bytes > 0), None, "the other's report is not kept with it");
    // What is no interchange at all is refused whole.
    let told = post(&gateway, "application/edifact", "not edifact").await;
    assert!(told.contains("status: 422"), "{told}");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_lost_of_two_files_of_one_name_is_two_letters_whatever_became_of_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = start(folder.path(), "edifact").await;
    let unread = |number: &str| two(number).replace("UNT+74+2'", "UNT+74+3'");
    drop_file(folder.path(), "labs.edi", &unread("9990000026"));
    until(async || (left(folder.path()) == [".refused/labs.edi"]).then_some(())).await;
    let letters = gateway.store().letters(Which::Open).await.unwrap();
    let [monday] = letters.as_slice() else { panic!("{letters:?}") };
    let store = rusqlite::Connection::open(folder.path().join("push.sqlite")).unwrap();
    store.execute_batch("UPDATE letter SET state = 'replayed'").unwrap();
    drop_file(folder.path(), "labs.edi", &unread("9990000034"));
    let second = ".refused/1-labs.edi".to_owned();
    until(async || left(folder.path()).contains(&second).then_some(())).await;
    let letters = gateway.store().letters(Which::Open).await.unwrap();
    let [tuesday] = letters.as_slice() else { panic!("{letters:?}") };
    assert_ne!(tuesday.id, monday.id);
    assert_eq!((tuesday.told.as_deref(), tuesday.attempts), (monday.told.as_deref(), 1));
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_that_may_not_be_shared_is_not_acknowledged_as_read() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = start(folder.path(), "edifact").await;
    gateway.ann_says(&serde_json::json!({"type": "deny"})).await;
    let told = post(&gateway, "application/edifact", REPORT).await;
    assert!(told.contains("status: 422") && !told.contains("NIR+SIR"), "{told}");
    let (council, _) = gateway.stop().await;
    assert_eq!(council.seen().len(), 0);
}

const RECORD: &str = r#"{"resourceType":"Bundle","id":"b-gp","type":"collection","entry":[
{"fullUrl":"urn:uuid:2f1de0a5-7a51-4c9e-9d0a-5a8f6f1f0001","resource":{"resourceType":"Patient","id":"p1","identifier":[{"system":"https://fhir.nhs.uk/Id/nhs-number","value":"9990000018","extension":[{"url":"https://fhir.nhs.uk/STU3/StructureDefinition/Extension-CareConnect-GPC-NHSNumberVerificationStatus-1","valueCodeableConcept":{"coding":[{"system":"https://fhir.hl7.org.uk/STU3/CodeSystem/CareConnect-NHSNumberVerificationStatus-1","code":"01"}]}}]}],"name":[{"family":"Fenwick"}],"address":[{"postalCode":"NE30 4AA"}]}},
{"fullUrl":"urn:uuid:2f1de0a5-7a51-4c9e-9d0a-5a8f6f1f0002","resource":{"resourceType":"Condition","id":"c1","clinicalStatus":"active","subject":{"reference":"urn:uuid:2f1de0a5-7a51-4c9e-9d0a-5a8f6f1f0001"},"code":{"text":"Anaemia"}}}]}"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_bundle_of_an_older_release_goes_on_as_r4_under_an_id_of_the_place() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = start(folder.path(), "stu3").await;
    drop_file(folder.path(), "record.json", RECORD);
    let seen = gateway.council_saw(1).await;
    let sent = bundle(&seen[0].body);
    let id = sent["id"].as_str().unwrap();
    assert_ne!(id, "b-gp", "another sender could choose the same");
    assert!(seen[0].line.starts_with(&format!("PUT /fhir/Bundle/{id} ")), "{}", seen[0].line);
    assert!(types(&sent).contains(&"Condition".to_owned()), "{:?}", types(&sent));
    let condition = sent["entry"].as_array().unwrap().iter().map(|entry| &entry["resource"]);
    let condition = condition.into_iter().find(|found| found["resourceType"] == "Condition").unwrap();
    assert_eq!(condition["clinicalStatus"]["coding"][0]["code"], "active", "{condition}");
    assert!(!seen[0].body.contains("NE30 4AA"));
    until(async || left(folder.path()).is_empty().then_some(())).await;
    // What is no FHIR of that release is a letter with its text.
    let told = post(&gateway, "application/fhir+json", r#"{"resourceType":"Nonsense"}"#).await;
    assert!(told.contains("status: 422") && told.contains("1 are refused"), "{told}");
    let letters = gateway.store().letters(Which::Open).await.unwrap();
    assert!(letters[0].bytes.is_some_and(|bytes| bytes > 0));
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notice_of_the_care_act_goes_on_as_r4_minimised() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = start(folder.path(), "notice").await;
    let told = post(&gateway, "application/xml", NOTICE).await;
    assert!(told.contains("status: 200") && told.contains("1 of 1 are on their way"), "{told}");
    let seen = gateway.council_saw(1).await;
    let sent = bundle(&seen[0].body);
    let types = types(&sent);
    assert!(
        types.contains(&"Patient".to_owned()) && !types.contains(&"ServiceRequest".to_owned()),
        "{types:?}"
    );
    let told = post(&gateway, "application/xml", "<Bundle xmlns=\"http://hl7.org/fhir\"/>").await;
    assert!(told.contains("status: 422"), "{told}");
    gateway.stop().await;
}
