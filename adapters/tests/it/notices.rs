//! Notices of the Care Act: one folder a case (`in.xml` or `in.txt`, what it becomes, what it loses, the notice that is written
//! of it again), and what every translation promises. `UPDATE_GOLDEN=1` rewrites.

use std::path::{Path, PathBuf};

use adapters::notices::{self, Fault, Form};
use adapters::{Loss, Refused, Severity, Translated, Why};
use serde_json::Value;

use crate::goldens::{golden, hospital, pretty};
use crate::shape::check_shape;

fn cases() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/notices");
    let mut folders: Vec<PathBuf> =
        std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    let input = |folder: &Path| {
        std::fs::read_to_string(folder.join("in.xml"))
            .or_else(|_| std::fs::read_to_string(folder.join("in.txt")))
    };
    folders.into_iter().map(|folder| (folder.clone(), input(&folder).unwrap())).collect()
}

pub(crate) fn case(name: &str) -> String {
    cases().into_iter().find(|(folder, _)| folder.ends_with(name)).unwrap().1
}

#[expect(
    clippy::disallowed_methods,
    reason = "a test looks at what was written, strictness is fhir::json's matter"
)]
fn json(bundle: &[u8]) -> Value {
    serde_json::from_slice(bundle).unwrap()
}

fn translated(input: &str) -> Translated {
    notices::translate(input.as_bytes(), &hospital()).unwrap()
}

fn written(bundle: &[u8], form: Form) -> (String, Vec<Loss>) {
    let written = notices::write(bundle, form, &hospital()).unwrap();
    (String::from_utf8(written.notice).unwrap(), written.losses)
}

/// The resources of a type.
fn all<'b>(bundle: &'b Value, kind: &str) -> Vec<&'b Value> {
    let entries = bundle["entry"].as_array().unwrap().iter().map(|entry| &entry["resource"]);
    entries.filter(|resource| resource["resourceType"] == kind).collect()
}

fn lines(losses: &[Loss]) -> String {
    losses.iter().map(|loss| format!("{loss}\n")).collect()
}

#[test]
fn every_notice_becomes_what_its_golden_says_and_is_written_again() {
    let cases = cases();
    assert!(cases.len() >= 5);
    for (folder, input) in cases {
        let translated = translated(&input);
        check_shape(&translated.bundle, &folder.display().to_string());
        golden(&folder.join("out.json"), &pretty(&translated.bundle));
        golden(&folder.join("losses.txt"), &lines(&translated.losses));
        let (notice, losses) = written(&translated.bundle, Form::Xml);
        golden(&folder.join("again.xml"), &notice.replace("><", ">\n<"));
        golden(&folder.join("again-losses.txt"), &lines(&losses));
        let (plain, _) = written(&translated.bundle, Form::Plain);
        golden(&folder.join("again.txt"), &plain);
    }
}

/// A Bundle with its ids replaced by what they are of, and without what says where it comes from.
fn nameless(bundle: &[u8]) -> Value {
    let mut value = json(bundle);
    value["entry"].as_array_mut().unwrap().retain(|entry| entry["resource"]["resourceType"] != "Provenance");
    let mut text = serde_json::to_string(&value).unwrap();
    let ids: Vec<(String, String)> = value["entry"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| {
            let resource = &entry["resource"];
            let name = &resource["name"];
            (resource["id"].as_str().unwrap().to_owned(), format!("{} {name}", resource["resourceType"]))
        })
        .collect();
    for (id, name) in ids {
        text = text.replace(&id, &name.replace('"', "'"));
    }
    let mut value: Value = json(text.as_bytes());
    value["id"] = Value::Null;
    value["entry"].as_array_mut().unwrap().sort_by_key(ToString::to_string);
    value
}

#[test]
fn what_is_written_again_is_read_as_the_same() {
    for (folder, input) in cases() {
        let once = translated(&input);
        let (notice, _) = written(&once.bundle, Form::Xml);
        let twice = translated(&notice);
        assert_eq!(nameless(&once.bundle), nameless(&twice.bundle), "{}", folder.display());
        let (plain, again) = (written(&once.bundle, Form::Plain).0, written(&twice.bundle, Form::Plain).0);
        assert_eq!(plain, again);
        // And the data items by themselves.
        assert_eq!(written(&translated(&plain).bundle, Form::Plain).0, plain, "{}", folder.display());
    }
}

#[test]
fn every_data_item_of_a_notice_comes_through_both_ways() {
    for name in ["assessment", "discharge", "withdrawal"] {
        let (plain, _) = written(&translated(&case(name)).bundle, Form::Plain);
        let items: Vec<&str> =
            plain.lines().filter_map(|line| line.split_once('\t')).map(|(name, _)| name).collect();
        assert!(items.len() >= 25, "{name}: {items:?}");
        for (value, item) in [
            ("9990000018", "Patient NHS Number"),
            ("Fenwick", "Patient Family Name"),
            ("Okoro", "Hospital Liaison Family Name"),
            ("Hughes", "Lead Clinician Family Name"),
            ("RX101", "Hospital Site Code"),
            ("E10000099", "Local Authority ODS Code"),
            ("REF-2026-0311", "Referral Identifier"),
        ] {
            assert!(plain.contains(&format!("{item}\t{value}\n")), "{name}: {item}\n{plain}");
        }
    }
    let (plain, _) = written(&translated(&case("assessment")).bundle, Form::Plain);
    for line in [
        "Notice Type\tAssessment Notice\n",
        "Proposed Discharge Date\t2026-03-12\n",
        "Carer Family Name\tLarsen\n",
        "Patient Consent Indicator\tY\n",
        "CHC Assessment Considered Result\tNot eligible & told so.\n",
        "Interpreter Required Indicator\tfalse\n",
        "Reason for Admission\tFall, broken hip\n",
    ] {
        assert!(plain.contains(line), "{line}{plain}");
    }
}

#[test]
fn the_proposed_date_does_not_end_the_stay_and_is_not_made_up() {
    let bundle = json(&translated(&case("discharge")).bundle);
    let request = all(&bundle, "ServiceRequest")[0];
    assert_eq!(request["occurrencePeriod"], serde_json::json!({"end": "2026-03-12"}));
    assert_eq!(all(&bundle, "Encounter")[0]["period"], serde_json::json!({"start": "2026-02-24"}));
    assert_eq!(request["authoredOn"], "2026-03-10T09:30:00+00:00");
    // One that has ended has.
    let ended = case("discharge").replace("<status value=\"in-progress\"/>", "<status value=\"finished\"/>");
    let bundle = json(&translated(&ended).bundle);
    assert_eq!(all(&bundle, "Encounter")[0]["period"]["end"], "2026-03-12");
    assert_eq!(all(&bundle, "ServiceRequest")[0]["occurrencePeriod"], Value::Null);
}

#[test]
fn a_withdrawal_names_what_it_withdraws() {
    let bundle = json(&translated(&case("withdrawal")).bundle);
    let request = all(&bundle, "ServiceRequest")[0];
    assert_eq!(request["status"], "revoked");
    assert_eq!(request["code"]["coding"][0]["code"], "975851000000104");
    assert_eq!(request["replaces"][0]["identifier"]["value"], "REF-2026-0311");
    assert_eq!(request["reasonCode"][0]["coding"][0]["code"], "07");
    let nameless = case("withdrawal").replace("REF-2026-0311", "");
    refused(&nameless, &missing("Referral Identifier"));
}

fn missing(names: &str) -> Refused {
    Fault::Missing { names: names.to_owned() }.into()
}

#[track_caller]
pub(crate) fn refused(input: &str, expected: &Refused) {
    assert_eq!(notices::translate(input.as_bytes(), &hospital()).unwrap_err(), *expected);
}

#[test]
fn what_a_notice_must_have_is_named_when_it_is_not_there() {
    let notice = case("discharge");
    for (from, to, names) in [
        ("<end value=\"2026-03-12\"/>", "", "Proposed Discharge Date"),
        ("<end value=\"2026-03-12\"/>", "<end value=\"12/03/2026\"/>", "Proposed Discharge Date"),
        ("<family value=\"Fenwick\"/>", "", "Patient Family Name"),
        ("<birthDate value=\"1951-03-07\"/>", "<birthDate value=\"1951-02-30\"/>", "Patient Birth Date"),
        ("<timestamp value=\"2026-03-10T09:30:00+00:00\"/>", "", "Notice Issued Date"),
        (
            "<timestamp value=\"2026-03-10T09:30:00+00:00\"/>",
            "<timestamp value=\"2026-03-10\"/>",
            "Notice Issued Date",
        ),
        ("<value value=\"E10000099\"/>", "", "Local Authority ODS Code"),
    ] {
        assert!(notice.contains(from), "{from}");
        refused(&notice.replace(from, to), &missing(names));
    }
    let both =
        notice.replace("<family value=\"Fenwick\"/>", "").replace("<birthDate value=\"1951-03-07\"/>", "");
    refused(&both, &missing("Patient Family Name, Patient Birth Date"));
    // What it should have is told.
    let translated = translated(&notice.replace("<name value=\"Ward 7\"/>", ""));
    assert!(translated.losses.iter().any(|loss| loss.place == "Ward Name" && loss.why == Why::Missing));
}

#[test]
fn a_discharge_notice_on_the_day_is_told_and_carried() {
    let told = |day: &str| {
        let translated = translated(&case("discharge").replace("2026-03-12", day));
        let bundle = json(&translated.bundle);
        assert_eq!(all(&bundle, "ServiceRequest")[0]["occurrencePeriod"]["end"], day);
        translated.losses.iter().any(|loss| loss.why == Why::ShortNotice)
    };
    assert_eq!(
        ["2026-03-09", "2026-03-10", "2026-03-11", "2026-03-12"].map(told),
        [true, true, false, false]
    );
}

#[test]
fn a_wrong_nhs_number_is_a_plain_value_and_told() {
    let translated = translated(&case("discharge").replace("9990000018", "9990000019"));
    let bundle = json(&translated.bundle);
    let identifier = &all(&bundle, "Patient")[0]["identifier"][0];
    assert_eq!(*identifier, serde_json::json!({"value": "9990000019"}));
    let told = |loss: &&Loss| loss.why == Why::NotAnNhsNumber && loss.severity == Severity::Major;
    assert!(translated.losses.iter().any(|loss| told(&loss)));
}

/// Where the value of each element stands in XML, and whether it is the id of a resource.
fn leaves(input: &str) -> Vec<(usize, usize, String)> {
    let mut leaves = Vec::new();
    for (at, _) in input.match_indices(" value=\"") {
        let start = at + " value=\"".len();
        let end = start + input.get(start..).unwrap().find('"').unwrap();
        let name = input.get(..at).unwrap().rsplit('<').next().unwrap().to_owned();
        leaves.push((start, end, name));
    }
    leaves
}

fn told(translated: &Translated) -> Value {
    let mut bundle = json(&translated.bundle);
    bundle["entry"].as_array_mut().unwrap().retain(|entry| entry["resource"]["resourceType"] != "Provenance");
    bundle
}

#[test]
fn in_every_case_each_value_is_carried_or_listed_as_a_loss() {
    for (folder, input) in cases() {
        if input.starts_with("Notice") {
            continue;
        }
        let whole = translated(&input);
        let said = told(&whole);
        // Values that are lost are listed: as many losses as values that show nowhere.
        let listed = whole.losses.iter().filter(|loss| loss.place.starts_with("Bundle")).count();
        let mut silent = 0;
        for (start, end, name) in leaves(&input) {
            let shows = |value: &str| {
                let altered = format!("{}{value}{}", input.get(..start).unwrap(), input.get(end..).unwrap());
                notices::translate(altered.as_bytes(), &hospital())
                    .map_or(true, |other| other.losses != whole.losses || told(&other) != said)
            };
            // The id of a resource says nothing that its fullUrl does not say.
            let changed = format!("{}9x", input.get(start..end).unwrap());
            if name != "id" && !(shows("") || shows(&changed)) {
                silent += 1;
            }
        }
        assert!(silent <= listed, "{}: {silent} values show nowhere, {listed} are listed", folder.display());
    }
}

#[test]
fn a_notice_in_json_says_what_it_says_in_xml() {
    let json = r#"{"resourceType":"Bundle","type":"message","entry":[
        {"fullUrl":"urn:uuid:h","resource":{"resourceType":"MessageHeader","id":"N1","timestamp":"2026-03-10T09:30:00Z",
            "event":{"system":"http://snomed.info/sct","code":"975731000000100"},"source":{"endpoint":"urn:x:a"},
            "receiver":{"reference":"Organization/c"},"data":[{"reference":"urn:uuid:r"}]}},
        {"fullUrl":"urn:uuid:r","resource":{"resourceType":"ReferralRequest","status":"requested","patient":{"reference":"urn:uuid:p"},
            "encounter":{"reference":"urn:uuid:e"}}},
        {"fullUrl":"urn:uuid:e","resource":{"resourceType":"Encounter","status":"in-progress","class":"inpatient",
            "patient":{"reference":"urn:uuid:p"},"period":{"end":"2026-03-12"}}},
        {"fullUrl":"urn:uuid:p","resource":{"resourceType":"Patient","active":true,"name":[{"family":["Fenwick"],"given":["Ann"]}],"birthDate":"1951-03-07"}},
        {"resource":{"resourceType":"Organization","id":"c","identifier":[{"system":"https://fhir.nhs.uk/Id/ods-organization-code","value":"E10000099"}]}}]}"#;
    let translated = translated(json);
    check_shape(&translated.bundle, "json");
    let bundle = self::json(&translated.bundle);
    assert_eq!(all(&bundle, "Patient")[0]["active"], true);
    assert_eq!(all(&bundle, "ServiceRequest")[0]["occurrencePeriod"]["end"], "2026-03-12");
    assert!(translated.losses.iter().all(|loss| loss.why == Why::Missing), "{:?}", translated.losses);
}

#[test]
fn a_minimised_bundle_without_its_header_is_a_notice_still() {
    let mut bundle = json(&translated(&case("discharge")).bundle);
    let entries = bundle["entry"].as_array_mut().unwrap();
    entries.retain(|entry| {
        !["MessageHeader", "Provenance", "PractitionerRole"]
            .contains(&entry["resource"]["resourceType"].as_str().unwrap())
    });
    for entry in entries {
        let resource = entry["resource"].as_object_mut().unwrap();
        resource.insert("meta".to_owned(), serde_json::json!({"tag": [{"code": "SUBSETTED"}]}));
        if resource["resourceType"] == "Patient" {
            for removed in ["extension", "address", "telecom", "contact"] {
                resource.remove(removed);
            }
        }
    }
    let (plain, losses) = written(bundle.to_string().as_bytes(), Form::Plain);
    for line in [
        "Notice Type\tDischarge Notice\n",
        "Hospital Liaison Family Name\tOkoro\n",
        "Lead Clinician Family Name\tHughes\n",
        "Local Authority ODS Code\tE10000099\n",
        "Proposed Discharge Date\t2026-03-12\n",
        "Notice Issued Date\t2026-03-10T09:30:00+00:00\n",
    ] {
        assert!(plain.contains(line), "{line}{plain}");
    }
    assert!(losses.iter().any(|loss| loss.place == "Patient Postcode" && loss.why == Why::Missing));
    // What was withheld is named, where a notice cannot be without it.
    let nameless = bundle.to_string().replace("\"birthDate\":\"1951-03-07\"", "\"active\":true");
    let error = notices::write(nameless.as_bytes(), Form::Xml, &hospital()).unwrap_err();
    assert_eq!(error, missing("Patient Birth Date"));
}

#[test]
fn a_bundle_that_holds_no_notice_is_not_written_as_one() {
    let bundle = String::from_utf8(translated(&case("discharge")).bundle).unwrap();
    let error = |bundle: &str| notices::write(bundle.as_bytes(), Form::Xml, &hospital()).unwrap_err();
    assert_eq!(error("{\"resourceType\":\"Patient\"}"), Fault::NoBundle.into());
    assert_eq!(error(&bundle.replace("975731000000100", "1")), Fault::NotOneRequest.into());
    assert_eq!(
        error(&bundle.replace("\"resourceType\":\"Location\"", "\"resourceType\":\"Patient\"")),
        Fault::NotOnePatient.into()
    );
    assert_eq!(error("{"), Fault::Json.into());
}

#[test]
fn each_value_of_a_bundle_is_in_the_notice_or_listed() {
    let bundle = String::from_utf8(translated(&case("assessment")).bundle).unwrap();
    let (whole, losses) = written(bundle.as_bytes(), Form::Xml);
    let mut silent = 0;
    let mut all = 0;
    for (at, _) in bundle.match_indices("\":\"") {
        let start = at + 3;
        let end = start + bundle.get(start..).unwrap().find('"').unwrap();
        let altered = format!("{}9x{}", bundle.get(..start).unwrap(), bundle.get(start..).unwrap());
        let name = bundle.get(..at).unwrap().rsplit('"').next().unwrap();
        let provenance = bundle.get(..at).unwrap().rfind("\"resourceType\":\"Provenance\"").is_some();
        if provenance
            || end == start
            // What the translation added by itself.
            || bundle.get(start..end) == Some("primary performer")
            || ["id", "resourceType", "fullUrl", "intent", "type", "timestamp"].contains(&name)
        {
            continue;
        }
        all += 1;
        let shows = notices::write(altered.as_bytes(), Form::Xml, &hospital())
            .map_or(true, |other| other.losses != losses || other.notice != whole.as_bytes());
        silent += usize::from(!shows);
    }
    assert!(all > 150, "{all}");
    let listed =
        losses.iter().filter(|loss| loss.why != Why::LeftOut && loss.place.starts_with("Bundle")).count();
    assert!(silent <= listed, "{silent} of {all} show nowhere, {listed} are listed:\n{}", lines(&losses));
}

/// The data sets that others typed: reads `data/social-care-adw` in the folder named by `PORTCULLIS_CORPUS`.
#[test]
fn every_data_item_of_the_published_data_sets_is_one_of_ours() {
    let root = std::env::vars_os().find(|(name, _)| name == "PORTCULLIS_CORPUS");
    let Some((_, root)) = root else {
        eprintln!("SKIPPED: PORTCULLIS_CORPUS is not set, no data set of the notices was read");
        return;
    };
    let ours = include_str!("../../maps/notices/fields.map").to_lowercase();
    let ours: Vec<&str> = ours.lines().filter_map(|line| line.strip_prefix("field ")).collect();
    let plain = |word: &str| word.trim_matches(|letter: char| !letter.is_alphanumeric()).to_lowercase();
    let general = [
        "assessment",
        "discharge",
        "notice",
        "and",
        "lines",
        "line",
        "1-3",
        "organisation",
        "organization",
        "local",
        "authority",
        "required",
        "contact",
        "name",
        "consulted",
        "consultation",
        "family/given",
        "email/telephone",
        "/",
        "code",
        "result",
        "4",
        "5",
        "preferred",
        "carer",
        "social",
        "services",
        "team",
        "email",
        "telephone",
    ];
    let (mut seen, mut missing) = (0, Vec::new());
    for file in ["ASSESSMENT-NOTICE-FIELDS.tsv", "DISCHARGE-NOTICE-FIELDS.tsv"] {
        let text = std::fs::read_to_string(Path::new(&root).join("data/social-care-adw").join(file)).unwrap();
        for line in text.lines().skip(1) {
            seen += 1;
            for name in line.split('\t').next().unwrap().split(" / ") {
                let words: Vec<String> = name
                    .split_whitespace()
                    .map(plain)
                    .filter(|word| !word.is_empty() && !general.contains(&word.as_str()))
                    .collect();
                if !ours
                    .iter()
                    .any(|field| words.iter().all(|word| field.contains(word.trim_end_matches('s'))))
                {
                    missing.push(name.to_owned());
                }
            }
        }
    }
    println!("{seen} data items, not found by their words: {missing:?}");
    assert!(seen >= 57 && missing.is_empty(), "{seen} {missing:?}");
}
