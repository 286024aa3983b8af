//! Who and what is there: invented people, their records, and those who ask.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// The identifiers of the keeper's patients are of no country.
pub(crate) const NUMBER: &str = "https://keeper.example/number";
pub(crate) const ORGANISATION: &str = "https://keeper.example/organisation";
pub(crate) const ISSUER: &str = "https://keeper.example/sign-in";
pub(crate) const ACT_CODE: &str = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
/// A word that only a resource inside another holds.
pub(crate) const MARKER: &str = "word-of-the-inside";

/// Somebody who asks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Person {
    pub(crate) name: &'static str,
    pub(crate) organisation: &'static str,
    pub(crate) purpose: &'static str,
}

pub(crate) const PEOPLE: [Person; 5] = [
    Person { name: "doctor", organisation: "HOSPITAL", purpose: "TREAT" },
    Person { name: "carer", organisation: "COUNCIL", purpose: "COC" },
    Person { name: "emergency", organisation: "HOSPITAL", purpose: "ETREAT" },
    Person { name: "stranger", organisation: "ELSEWHERE", purpose: "TREAT" },
    Person { name: "guardian", organisation: "HOSPITAL", purpose: "HOPERAT" },
];

/// A token that says who somebody is; the keeper takes the very text.
pub(crate) fn token(person: &Person) -> String {
    let claims = json!({"iss": ISSUER, "sub": person.name, "jti": format!("sign-in-of-{}", person.name)});
    let encoded = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.c2lnbmF0dXJlLW9mLXRoZS1rZWVwZXI", encoded(&json!({"alg": "none"})), encoded(&claims))
}

/// Every record, by `Type/id`, its versions in order.
pub(crate) fn records() -> BTreeMap<String, Vec<Value>> {
    let patient = |id: &str, family: &str| {
        json!({"resourceType": "Patient", "id": id, "meta": {"versionId": "1"},
            "identifier": [{"system": NUMBER, "value": id}], "name": [{"family": family}]})
    };
    let observation = |id: &str, of: &str, words: &str| {
        json!({"resourceType": "Observation", "id": id, "meta": {"versionId": "1"}, "status": "final",
            "code": {"text": words}, "subject": {"reference": format!("Patient/{of}")},
            "effectiveDateTime": "2024-03-01"})
    };
    let mut first = observation("o1", "p1", "Feathers counted");
    first["encounter"] = json!({"reference": "Encounter/e1"});
    first["performer"] = json!([{"reference": "Practitioner/d1"}]);
    let mut labelled = observation("o2", "p1", "Nightmares counted");
    labelled["meta"]["security"] = json!([{"system": ACT_CODE, "code": "PSY"}]);
    let mut holding = observation("o3", "p1", "Holds another");
    holding["contained"] = json!([{"resourceType": "Basic", "id": "inside", "code": {"text": MARKER},
        "meta": {"security": [{"system": ACT_CODE, "code": "PSY"}]}}]);
    let all = [
        patient("p1", "Quillfeather"),
        patient("p2", "Pennyworthy"),
        patient("p3", "Hiddenlow"),
        first,
        labelled,
        holding,
        observation("o4", "p1", "Nothing of note"),
        observation("o9", "p3", "Secrets counted"),
        json!({"resourceType": "Encounter", "id": "e1", "meta": {"versionId": "1"}, "status": "finished",
            "class": {"code": "AMB"}, "subject": {"reference": "Patient/p1"}}),
        json!({"resourceType": "Organization", "id": "g1", "meta": {"versionId": "1"}, "name": "Keepers"}),
    ];
    let named = |record: Value| {
        let name = format!("{}/{}", record["resourceType"].as_str().unwrap(), record["id"].as_str().unwrap());
        (name, vec![record])
    };
    all.into_iter().map(named).collect()
}

/// The id of the patient that a record is about.
pub(crate) fn patient_of(record: &Value) -> Option<String> {
    if record["resourceType"] == "Patient" {
        return record["id"].as_str().map(str::to_owned);
    }
    ["subject", "patient"].iter().find_map(|name| {
        let reference = record.pointer(&format!("/{name}/reference"))?.as_str()?;
        reference.rsplit_once("Patient/").map(|(_, id)| id.to_owned())
    })
}

/// The scene of the keeper at `base`, in which what is shared without a Consent is `default`.
pub(crate) fn scene(base: &str, default: &str) -> String {
    let mut text = format!("base = \"{base}\"\n");
    for person in &PEOPLE {
        write!(
            text,
            "[actors.{}]\ntoken = \"{}\"\norganisation = \"{ORGANISATION}|{}\"\npurpose = \"{}\"\n",
            person.name,
            token(person),
            person.organisation,
            person.purpose
        )
        .unwrap();
    }
    for id in ["p1", "p2", "p3"] {
        write!(text, "[patients.{id}]\nid = \"{id}\"\nidentifier = \"{NUMBER}|{id}\"\n").unwrap();
    }
    text.push_str(&include_str!("scene.toml").replace("{default}", default));
    text
}
