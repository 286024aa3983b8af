//! A site with one agreement, and a consultant who asks.

use fhir::ods_code::OdsCode;
use fhir::purpose_of_use::PurposeOfUse;
use fhir::role::SdsRole;
use gateway::requestor::{Party, Professional, Proof, Requestor, Supervision};
use gateway::settings::Settings;
use gateway::settings::check::load;
use jiff::Timestamp;
use jiff::civil::date;

/// Public part of the key pair of RFC 8037, appendix A.
const KEY_SET: &str = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"one","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;

const SETTINGS: &str = r#"
[gateway]
organisation = "ods:RX1"
base = "http://127.0.0.1:8080"
state = "state"
agreements = "agreements"
contact = "the Caldicott Guardian"
oversight = ["R5105"]
consent_recorders = ["R5105"]
[organisations]
"ods:RX1" = "Northshire Hospitals"
[listen]
address = "127.0.0.1:8080"
ops = "127.0.0.1:8081"
[[issuer]]
issuer = "https://identity.hospital.example"
keys = "staff.jwks.json"
claims = "iua"
[[system]]
name = "hospital"
organisation = "ods:RX1"
protocol = "fhir-r4"
base = "http://127.0.0.1:8090/fhir"
trusted_identity = true
"#;

const AGREEMENT: &str = r#"
id = "on-the-wards"
title = "Care on the wards"
status = "in-force"
in_force = { from = 2020-01-01, until = 2090-01-01 }
review_by = 2089-01-01
approved_by = "Caldicott Guardian, Northshire Hospitals"
discloser = ["ods:RX1"]
recipient = ["ods:RX1"]
purposes = ["TREAT"]
legal_basis = { uk_gdpr = ["6(1)(e)", "9(2)(h)"], confidentiality = "implied-consent" }
identifiability = "identifiable"
relationship = []
overrides = []
existence = "withheld"
[[recipient_role]]
roles = ["R0050"]
standing = "registered"
share = ["person"]
[share.person.Patient]
identifier = "to be sure it is the right person"
name = "to address the person"
birthDate = "doses differ by age"
gender = "to address the person"
[share.person.Condition]
category = "what kind of problem it is"
code = "what care is needed for"
"onset[x]" = "how long it has been so"
encounter = "when it was found"
where = { not_labelled = ["PSY"] }
[share.person.Encounter]
class = "whether the person is in hospital"
period = "when the person came in"
where = { not_labelled = ["PSY"] }
[share.person.Observation]
category = "what kind of finding it is"
code = "what was found"
"effective[x]" = "when it was found"
issued = "when it was found"
"value[x]" = "what was found"
component = "what was found"
focus = "whom it concerns"
where = { not_labelled = ["PSY"] }
[share.person.MedicationRequest]
"medication[x]" = "what the person takes"
authoredOn = "since when"
dosageInstruction = "how much"
where = { not_labelled = ["PSY"] }
"#;

pub(crate) const AT: &str = "2026-06-01T10:00:00Z";

/// The settings of that site, read and checked as the gateway does it.
pub(crate) fn settings() -> Settings {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let place = |name: &str| folder.path().join(name);
    std::fs::create_dir_all(place("agreements")).expect("a folder");
    for (name, text) in
        [("portcullis.toml", SETTINGS), ("agreements/wards.toml", AGREEMENT), ("staff.jwks.json", KEY_SET)]
    {
        std::fs::write(place(name), text).expect("a file");
    }
    load(&place("portcullis.toml"), date(2026, 6, 1)).expect("settings that hold").settings
}

/// A consultant of the hospital, who asks for the purpose of treatment.
pub(crate) fn consultant() -> Requestor {
    Requestor {
        party: Party::Professional(Professional {
            subject: "dr-1".to_owned(),
            name: "Dr One".to_owned(),
            organisation: OdsCode::parse("RX1").expect("a code"),
            role: SdsRole::parse("R0050").expect("a role"),
            purpose: PurposeOfUse::parse("TREAT").expect("a purpose"),
            supervision: Supervision::NotStated,
        }),
        proof: Proof::Certificate { san: "dns:ward.hospital.example".to_owned() },
    }
}

pub(crate) fn at() -> Timestamp {
    AT.parse().expect("a moment")
}
