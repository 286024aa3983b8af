//! Whoever states an NHS number that is not known to be hers is protected as those are whose number it is: on a system that
//! does not vouch for who its Patients are.

use fhir::nhs_number::NhsNumber;
use gateway::serve::Running;
use serde_json::{Value, json};

use super::{WIDE, at_home, label, labelled};
use crate::support::holding::{ANN, NHS_NUMBER, held, holding};
use crate::support::sharing::{self, BOB, agreement, read};
use crate::support::upstream::{Play, Seen, fhir};
use crate::support::whole::Whole;

const CY: &str = "9990000034";
const VERIFICATION: &str =
    "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-NHSNumberVerificationStatus";

async fn site(script: impl Fn(&Seen) -> Play + Send + Sync + 'static) -> (Whole, Running) {
    sharing::site_after(&agreement("withheld", WIDE), script, |site| {
        let settings = std::fs::read_to_string(site.config()).unwrap();
        std::fs::write(site.config(), settings.replace("trusted_identity = true", "")).unwrap();
    })
    .await
}

fn proved(number: &str) -> Value {
    json!({"system": NHS_NUMBER, "value": number, "extension": [{"url": VERIFICATION,
        "valueCodeableConcept": {"coding": [{"code": "01"}]}}]})
}

fn stated(number: &str) -> Value {
    json!({"system": NHS_NUMBER, "value": number})
}

fn former(number: &str) -> Value {
    json!({"use": "old", "system": NHS_NUMBER, "value": number})
}

/// Somebody at home, with these identifiers and a record of this degree.
fn person(id: &str, identifiers: &[Value], degree: &str) -> Value {
    let mut made = labelled(at_home(id, ANN), &label("v3-Confidentiality", degree));
    made["identifier"] = json!(identifiers);
    made
}

fn replacing(mut person: Value, other: &str) -> Value {
    person["link"] = json!([{"type": "replaces", "other": {"reference": other}}]);
    person
}

/// Ann's child, whose record and a finding of whom name Patient/p2.
fn child() -> Vec<Value> {
    let to = |place: &str| json!({"reference": place});
    let mut child = person("child", &[proved(ANN)], "N");
    child["link"] = json!([{"other": to("Patient/p2"), "type": "seealso"}]);
    let seen_by = json!({"resourceType": "Observation", "id": "o", "status": "final", "subject": to("Patient/child"),
        "performer": [to("Patient/p2")], "code": {"text": "home safety check"}, "valueString": "secret-text"});
    vec![child, seen_by]
}

const PLACES: [&str; 3] = ["Patient/p2", "Patient/child", "Observation/o"];

/// Each of these is shared; what comes back are those that tell where somebody is.
async fn telling(site: &Whole) -> Vec<&'static str> {
    let mut told = Vec::new();
    for path in PLACES {
        let (status, body) = read(site, path).await;
        assert_eq!(status, 200, "{path}");
        if body.to_string().contains("secret") {
            told.push(path);
        }
    }
    told
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_states_the_number_of_a_protected_person_is_protected_as_she_is() {
    let numberless = |other: &str| replacing(person("p2", &[], "N"), other);
    let (all, none): (&[&str], &[&str]) = (&PLACES, &[]);
    for (case, people, told) in [
        (
            "hers is proved, and protected",
            vec![person("p1", &[proved(BOB)], "R"), person("p2", &[stated(BOB)], "N")],
            none,
        ),
        (
            "hers is proved: which of the two she is cannot be told",
            vec![person("p1", &[proved(BOB)], "N"), person("p2", &[stated(BOB)], "N")],
            none,
        ),
        (
            "nobody proves it, and one is protected",
            vec![person("p1", &[stated(BOB)], "R"), person("p2", &[stated(BOB)], "N")],
            none,
        ),
        ("nobody proves it", vec![person("p1", &[stated(BOB)], "N"), person("p2", &[stated(BOB)], "N")], all),
        ("nobody else states it", vec![person("p2", &[stated(BOB)], "N")], all),
        (
            "it is no longer in use",
            vec![person("p1", &[proved(BOB)], "R"), person("p2", &[proved(CY), former(BOB)], "N")],
            none,
        ),
        (
            "it is no longer in use, and nobody is protected",
            vec![person("p1", &[proved(BOB)], "N"), person("p2", &[proved(CY), former(BOB)], "N")],
            all,
        ),
        (
            "it was another's once, who is protected",
            vec![person("p1", &[proved(CY), former(BOB)], "R"), person("p2", &[stated(BOB)], "N")],
            none,
        ),
        (
            "it comes by a record that was merged",
            vec![
                numberless("Patient/p3"),
                person("p3", &[former(BOB)], "N"),
                person("p1", &[proved(BOB)], "R"),
            ],
            none,
        ),
        (
            "it comes by a record that was merged, and nobody is protected",
            vec![
                numberless("Patient/p3"),
                person("p3", &[former(BOB)], "N"),
                person("p1", &[proved(BOB)], "N"),
            ],
            all,
        ),
    ] {
        let (site, running) = site(holding(&held(&[child(), people].concat()))).await;
        for _ in 0..2 {
            assert_eq!(telling(&site).await, told, "{case}");
        }
        running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_a_number_of_whose_holders_nothing_can_be_known_is_in_doubt() {
    let people = [child(), vec![person("p2", &[stated(BOB)], "N")]].concat();
    let honest = holding(&held(&people));
    let tripping = move |seen: &Seen| match seen.line.contains("Patient/_search") && seen.body.contains(BOB) {
        true => Play::Bytes(fhir("500 Internal Server Error", "{}")),
        false => honest(seen),
    };
    let (site, running) = site(tripping).await;
    assert_eq!(read(&site, "Patient/p2").await.0, 404);
    for path in ["Patient/child", "Observation/o"] {
        let (status, body) = read(&site, path).await;
        assert_eq!((status, body.to_string().contains("secret")), (200, false), "{path} {body}");
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_states_more_numbers_than_are_asked_about_is_protected_and_shared() {
    let numbers = (0..).map(|at| format!("{:010}", 9_990_010_000_u64 + at));
    let numbers: Vec<String> = numbers.filter(|text| NhsNumber::parse(text).is_ok()).take(9).collect();
    for (count, told) in [(8, PLACES.as_slice()), (9, &[])] {
        let before = numbers.iter().take(count).map(|number| former(number));
        let identifiers: Vec<Value> = before.chain([proved(BOB)]).collect();
        let people = [child(), vec![person("p2", &identifiers, "N")]].concat();
        let (site, running) = site(holding(&held(&people))).await;
        assert_eq!(telling(&site).await, told, "{count}");
        running.stop().await;
    }
}
