//! FHIR into HL7 v2: goldens, and what is refused.

use std::path::{Path, PathBuf};

use adapters::hl7v2::out::{Danger, Message, Profile, Unsent, write};
use serde_json::{Value, json};

use crate::goldens::golden;

/// One folder a case: the Bundle, the receiver, what it becomes and loses. The name begins with the event.
pub(crate) fn cases() -> Vec<(PathBuf, String, Vec<u8>, Profile)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/hl7v2-out");
    let entries = std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path());
    let mut folders: Vec<PathBuf> = entries.filter(|path| path.is_dir()).collect();
    folders.sort();
    let read = |folder: PathBuf| {
        let event = folder.file_name().unwrap().to_str().unwrap().get(..3).unwrap().to_uppercase();
        let bundle = std::fs::read(folder.join("in.json")).unwrap();
        let profile = Profile::parse(&std::fs::read_to_string(folder.join("profile.toml")).unwrap()).unwrap();
        (folder, event, bundle, profile)
    };
    folders.into_iter().map(read).collect()
}

/// A receiver of this version that takes all there is.
pub(crate) fn ward(version: &str) -> Profile {
    Profile::parse(&format!("version = \"{version}\"")).unwrap()
}

pub(crate) fn at() -> jiff::Timestamp {
    "2026-03-04T16:15:00Z".parse().unwrap()
}

/// The Bundle of a case, to be changed.
#[expect(clippy::disallowed_methods, reason = "a test changes what is read")]
pub(crate) fn bundle(name: &str) -> Value {
    let (_, _, bundle, _) = cases().into_iter().find(|(folder, ..)| folder.ends_with(name)).unwrap();
    serde_json::from_slice(&bundle).unwrap()
}

/// The first resource of this type in a Bundle.
pub(crate) fn resource<'b>(bundle: &'b mut Value, kind: &str) -> &'b mut Value {
    let entries = bundle["entry"].as_array_mut().unwrap().iter_mut();
    entries.map(|entry| &mut entry["resource"]).find(|resource| resource["resourceType"] == kind).unwrap()
}

pub(crate) fn sent(bundle: &Value, event: &str, profile: &Profile) -> Result<Message, Unsent> {
    write(&serde_json::to_vec(bundle).unwrap(), event, profile, at())
}

fn lines(message: &Message) -> String {
    // Latin letters of one byte, so that they can be read here.
    let text = String::from_utf8(message.bytes.clone())
        .unwrap_or_else(|error| error.into_bytes().into_iter().map(char::from).collect());
    text.replace('\r', "\n")
}

#[test]
fn every_case_becomes_what_its_golden_says() {
    let cases = cases();
    assert!(cases.len() >= 9);
    for (folder, event, bundle, profile) in cases {
        let message = write(&bundle, &event, &profile, at()).unwrap();
        golden(&folder.join("out.hl7"), &lines(&message));
        let losses: String = message.losses.iter().map(|loss| format!("{loss}\n")).collect();
        golden(&folder.join("losses.txt"), &losses);
    }
}

#[test]
fn the_same_bundle_has_the_same_message_and_another_has_another_control_id() {
    for (_, event, bundle, profile) in cases() {
        let one = write(&bundle, &event, &profile, at()).unwrap();
        let later = write(&bundle, &event, &profile, jiff::Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!((&one.control_id, &one.bytes), (&later.control_id, &later.bytes));
        assert!(one.control_id.len() == 20 && lines(&one).contains(&one.control_id));
        let other = [&bundle[..], b" "].concat();
        assert_ne!(write(&other, &event, &profile, at()).unwrap().control_id, one.control_id);
    }
}

/// What of a case, changed so, is dangerous.
#[track_caller]
fn check_dangerous(case: &str, change: impl Fn(&mut Value), place: &str, why: Danger) {
    let mut bundle = bundle(case);
    let event = case.get(..3).unwrap().to_uppercase();
    assert!(sent(&bundle, &event, &ward("2.5.1")).is_ok());
    change(&mut bundle);
    let refused = sent(&bundle, &event, &ward("2.5.1")).unwrap_err();
    assert_eq!(refused, Unsent::Dangerous { place: place.to_owned(), why });
}

fn status(system: &str, code: &str) -> Value {
    json!({ "coding": [{ "system": format!("http://terminology.hl7.org/CodeSystem/{system}"), "code": code }] })
}

/// Sets an element of the first resource of a type.
fn set(kind: &'static str, path: &'static str, value: Value) -> impl Fn(&mut Value) {
    move |bundle| {
        let (holder, name) = path.rsplit_once('/').unwrap();
        resource(bundle, kind).pointer_mut(holder).unwrap()[name] = value.clone();
    }
}

fn label(code: &str) -> Value {
    json!({ "security": [{ "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": code }] })
}

#[test]
fn a_status_that_cannot_be_said_is_not_sent() {
    let check = |case: &str, kind, path, value, place: &str| {
        check_dangerous(case, set(kind, path, value), place, Danger::Status);
    };
    let verification = "AllergyIntolerance.verificationStatus.coding[0].code";
    for code in ["entered-in-error", "refuted"] {
        let value = status("allergyintolerance-verification", code);
        check("a01-admission", "AllergyIntolerance", "/verificationStatus", value, verification);
    }
    let value = status("allergyintolerance-clinical", "resolved");
    let place = "AllergyIntolerance.clinicalStatus.coding[0].code";
    check("a01-admission", "AllergyIntolerance", "/clinicalStatus", value, place);
    let value = status("condition-ver-status", "differential");
    let place = "Condition.verificationStatus.coding[0].code";
    check("a01-admission", "Condition", "/verificationStatus", value, place);
    for (case, kind, path, code, place) in [
        ("a01-admission", "Encounter", "/status", "cancelled", "Encounter.status"),
        ("a03-discharge", "Encounter", "/status", "in-progress", "Encounter.status"),
        ("r01-blood-count", "Observation", "/status", "entered-in-error", "Observation[0].status"),
        ("r01-blood-count", "DiagnosticReport", "/status", "entered-in-error", "DiagnosticReport.status"),
        ("t02-letter", "DocumentReference", "/docStatus", "amended", "DocumentReference.docStatus"),
        ("t02-letter", "DocumentReference", "/status", "superseded", "DocumentReference.status"),
        ("t02-composition", "Composition", "/status", "entered-in-error", "Composition.status"),
        ("i12-referral", "ServiceRequest", "/status", "draft", "ServiceRequest.status"),
        ("i12-referral", "ServiceRequest", "/intent", "option", "ServiceRequest.intent"),
    ] {
        check(case, kind, path, json!(code), place);
    }
}

#[test]
fn what_would_read_otherwise_is_not_sent() {
    use Danger::{Label, Modifier, Unit, Unknown};
    let flag = json!([{ "url": "http://example.org/not", "valueBoolean": true }]);
    let replaced = json!([{ "type": "replaced-by", "other": { "reference": "Patient/p2" } }]);
    let replaces = json!([{ "code": "replaces", "target": { "display": "x" } }]);
    let foreign = json!({ "coding": [{ "system": "http://example.org/status", "code": "active" }] });
    let (one, two, bare) = ("a01-admission", "r01-blood-count", json!({ "value": 5 }));
    for (case, kind, path, value, place, why) in [
        (one, "Encounter", "/modifierExtension", flag, "Encounter.modifierExtension", Modifier),
        (one, "Patient", "/active", json!(false), "Patient.active", Modifier),
        (one, "Patient", "/implicitRules", json!("http://example.org"), "Patient.implicitRules", Modifier),
        (one, "Patient", "/link", replaced, "Patient.link", Modifier),
        (
            one,
            "AllergyIntolerance",
            "/clinicalStatus",
            foreign,
            "AllergyIntolerance.clinicalStatus",
            Modifier,
        ),
        (two, "ServiceRequest", "/doNotPerform", json!(true), "ServiceRequest.doNotPerform", Modifier),
        ("t02-letter", "DocumentReference", "/relatesTo", replaces, "DocumentReference.relatesTo", Modifier),
        (one, "Patient", "/shoeSize", json!(9), "Patient.?", Unknown),
        (one, "AllergyIntolerance", "/meta", label("HIV"), "AllergyIntolerance.meta.security[0]", Label),
        (two, "DiagnosticReport", "/meta", label("PSY"), "DiagnosticReport.meta.security[0]", Label),
        (two, "Observation", "/valueQuantity", bare, "Observation[0].valueQuantity", Unit),
        (
            two,
            "Observation",
            "/valueQuantity/value",
            json!(1e30),
            "Observation[0].valueQuantity.value",
            Danger::Value,
        ),
    ] {
        check_dangerous(case, set(kind, path, value), place, why);
    }
}

#[test]
fn what_is_about_somebody_else_or_about_nobody_is_not_sent() {
    let to = |reference: &str| json!({ "reference": reference });
    for (subject, kind) in
        [(to("Patient/p2"), "Observation"), (json!({ "display": "Leo" }), "DiagnosticReport")]
    {
        let mut bundle = bundle("r01-blood-count");
        resource(&mut bundle, kind)["subject"] = subject;
        assert!(matches!(sent(&bundle, "R01", &ward("2.5.1")), Err(Unsent::OtherPerson { .. })), "{kind}");
    }
    let mut two = bundle("r01-blood-count");
    let patient = two["entry"][0].clone();
    two["entry"].as_array_mut().unwrap().push(patient);
    assert_eq!(
        sent(&two, "R01", &ward("2.5.1")).unwrap_err(),
        Unsent::MoreThanOne { place: "Patient".to_owned() }
    );
}

#[test]
fn what_the_bundle_is_not_about_is_not_sent() {
    let missing = |place: &str| Unsent::Missing { place: place.to_owned() };
    let mut bundle = bundle("a01-admission");
    assert_eq!(sent(&bundle, "A60", &ward("2.4")).unwrap_err(), Unsent::UnknownEvent);
    bundle["entry"].as_array_mut().unwrap().push(json!({ "resource": {
        "resourceType": "MessageHeader",
        "eventCoding": { "system": "http://terminology.hl7.org/CodeSystem/v2-0003", "code": "A11" },
        "source": { "endpoint": "urn:id:PAS" }
    } }));
    assert_eq!(sent(&bundle, "A01", &ward("2.4")).unwrap_err(), Unsent::OtherEvent);
    let without = |kind: &str, mut bundle: Value| {
        bundle["entry"].as_array_mut().unwrap().retain(|entry| entry["resource"]["resourceType"] != kind);
        bundle
    };
    let admission = without("MessageHeader", bundle);
    assert_eq!(
        sent(&without("Encounter", admission.clone()), "A01", &ward("2.4")).unwrap_err(),
        missing("PV1")
    );
    assert_eq!(
        sent(&without("Patient", admission), "A01", &ward("2.4")).unwrap_err(),
        missing("Patient.identifier")
    );
    let mut nameless = self::bundle("a08-update");
    resource(&mut nameless, "Patient")["identifier"] = json!([]);
    assert_eq!(sent(&nameless, "A08", &ward("2.4")).unwrap_err(), missing("Patient.identifier"));
    assert_eq!(write(b"{}", "A01", &ward("2.4"), at()).unwrap_err(), Unsent::NotABundle);
    assert!(matches!(write(b"{", "A01", &ward("2.4"), at()), Err(Unsent::Json(_))));
}

#[test]
fn a_number_without_a_unit_is_sent_when_the_receiver_knows_that_it_has_none() {
    let mut bundle = bundle("r01-of-no-report");
    resource(&mut bundle, "Observation")["valueQuantity"] = json!({ "value": 15 });
    resource(&mut bundle, "Observation")["referenceRange"] = json!([]);
    let profile = "version = \"2.5\"\ndimensionless = [\"http://loinc.org|718-7\"]";
    let message = sent(&bundle, "R01", &Profile::parse(profile).unwrap()).unwrap();
    assert!(lines(&message).contains("OBX|1|NM|718-7^Haemoglobin^LN||15||"));
}

#[test]
fn a_label_that_is_said_covers_what_stands_under_it() {
    let mut bundle = bundle("r01-blood-count");
    resource(&mut bundle, "DiagnosticReport")["meta"] = label("HIV");
    resource(&mut bundle, "Observation")["meta"] = label("HIV");
    let message = sent(&bundle, "R01", &ward("2.6")).unwrap();
    assert!(lines(&message).contains("|HIV\n"), "{}", lines(&message));
    assert!(sent(&bundle, "R01", &ward("2.5")).is_err());
    resource(&mut bundle, "Patient")["meta"] = label("PSY");
    let message = sent(&bundle, "R01", &ward("2.5")).unwrap();
    assert!(lines(&message).contains("PD1||||||||||||Y\n"));
}

#[test]
fn letters_the_receiver_has_not_are_refused_or_told() {
    let mut bundle = bundle("a08-update");
    resource(&mut bundle, "Patient")["name"] =
        json!([{ "family": "Bront\u{eb}", "given": ["\u{141}ucja \u{20ac}"] }]);
    let profile = |charset: &str, more: &str| {
        Profile::parse(&format!("version = \"2.4\"\ncharset = \"{charset}\"\n{more}")).unwrap()
    };
    let name = Unsent::Unencodable { place: "Patient.name".to_owned() + "[0]" };
    for charset in ["ASCII", "8859/1", "8859/15"] {
        assert_eq!(sent(&bundle, "A08", &profile(charset, "")).unwrap_err(), name);
        let told = sent(&bundle, "A08", &profile(charset, "unencodable = \"question-mark\"")).unwrap();
        assert!(
            told.losses
                .iter()
                .any(|loss| loss.place == "Patient.name[0]" && loss.why == adapters::Why::Unencodable)
        );
        assert!(lines(&told).contains("^?ucja"));
    }
    assert!(
        lines(&sent(&bundle, "A08", &profile("UNICODE UTF-8", "")).unwrap())
            .contains("Bront\u{eb}^\u{141}ucja \u{20ac}")
    );
    resource(&mut bundle, "Patient")["name"] = json!([{ "family": "Bront\u{eb} \u{20ac}" }]);
    assert!(
        sent(&bundle, "A08", &profile("8859/15", ""))
            .unwrap()
            .bytes
            .windows(3)
            .any(|bytes| bytes == b"\xeb \xa4")
    );
}

#[test]
fn what_is_too_long_is_cut_only_when_it_is_words_and_the_receiver_says_so() {
    let bundle = bundle("a08-update");
    let profile = |version: &str, place: &str, more: &str| {
        let text = format!("version = \"{version}\"\n{more}\n[lengths]\n\"{place}\" = 5");
        Profile::parse(&text).unwrap()
    };
    let cut = "too_long = \"cut\"";
    let too_long = |place: &str| Unsent::TooLong { place: place.to_owned() };
    assert_eq!(
        sent(&bundle, "A08", &profile("2.4", "PID-11.1", "")).unwrap_err(),
        too_long("Patient.address[0]")
    );
    assert_eq!(
        sent(&bundle, "A08", &profile("2.4", "PID-3.1", cut)).unwrap_err(),
        too_long("Patient.identifier[0]")
    );
    for (version, place, said) in [
        ("2.4", "PID-11.1", "|7 Qua^Dock"),
        ("2.7", "PID-11.1", "|7 Qu#^Dock"),
        ("2.4", "PID-5.1", "|O'Bra^Leo"),
    ] {
        let message = sent(&bundle, "A08", &profile(version, place, cut)).unwrap();
        assert!(lines(&message).contains(said), "{}", lines(&message));
        assert!(message.losses.iter().any(|loss| loss.why == adapters::Why::Truncated));
    }
}

#[test]
fn a_profile_that_cannot_be_meant_is_refused() {
    for (text, expected) in [
        ("", "version: is missing"),
        ("version = \"3\"", "version: not from 2.3 to 2.8.2"),
        ("version = \"2.4\"\nlength = 3", "file: a key that is not known"),
        ("version = \"2.4\"\ncharset = \"KOI8\"", "charset: not one of the words that are known"),
        ("version = \"2.4\"\naccept = \"XX\"", "accept: not AL, NE, ER or SU"),
        ("version = \"2.4\"\ntime_zone = \"Camelot\"", "time_zone: not in the IANA database"),
        ("version = \"2.4\"\nomit = [\"PID\"]", "omit: not a list of fields such as PID-6"),
        (
            "version = \"2.4\"\n[lengths]\n\"PID-5\" = 0",
            "lengths: not a table of lengths by fields such as PID-5.1",
        ),
        ("version = \"2.4\"\n[sender]\nname = \"x\"", "sender: a party has an application and a facility"),
        ("version = 2.4", "version: not a text"),
        ("nonsense", "file: not TOML"),
    ] {
        assert_eq!(Profile::parse(text).unwrap_err().to_string(), expected);
    }
}
