//! Who can sign in: the actors of the story and what their tokens say of them.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use crate::people::{ANN, COUNCIL, HOSPITAL, Person};

const ROLE_SYSTEM: &str = "https://fhir.hl7.org.uk/CodeSystem/UKCore-SDSJobRoleName";
const PURPOSE_SYSTEM: &str = "http://terminology.hl7.org/CodeSystem/v3-ActReason";

/// Someone who can sign in.
#[derive(Debug)]
pub struct Actor {
    /// The name in the story and in `demo.json`.
    pub name: &'static str,
    /// Who it is, for people.
    pub person: &'static str,
    /// What they do, for people.
    pub about: &'static str,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Staff {
        /// Their SDS user id; a name of the demo's when they have none.
        user_id: Option<&'static str>,
        organisation: &'static str,
        organisation_name: &'static str,
        role: &'static str,
        purpose: &'static str,
    },
    Supervised {
        by: &'static str,
    },
    HerOrHimself(Person),
}

const EASTSHIRE: &str = "Eastshire County Council, adult social care";
const NORTHSHIRE: &str = "Northshire Hospitals";

const fn staff(
    organisation: &'static str,
    organisation_name: &'static str,
    role: &'static str,
    purpose: &'static str,
) -> Kind {
    Kind::Staff { user_id: None, organisation, organisation_name, role, purpose }
}

/// Everyone who can sign in.
pub const ACTORS: [Actor; 7] = [
    Actor {
        name: "social_worker",
        person: "Sam Rivers",
        about: "registered social worker at the council, coordinating care",
        kind: staff(COUNCIL, EASTSHIRE, "R1330", "COC"),
    },
    Actor {
        name: "support_worker",
        person: "Pat Lowe",
        about: "support worker at the council, supervised by Sam Rivers",
        kind: Kind::Supervised { by: "Sam Rivers" },
    },
    Actor {
        name: "ward_doctor",
        person: "Dr Ngozi Okafor",
        about: "consultant at the hospital, treating",
        kind: staff(HOSPITAL, NORTHSHIRE, "R0050", "TREAT"),
    },
    Actor {
        name: "ward_doctor_emergency",
        person: "Dr Ngozi Okafor",
        about: "the same consultant, in an emergency",
        kind: staff(HOSPITAL, NORTHSHIRE, "R0050", "ETREAT"),
    },
    Actor {
        name: "stranger",
        person: "Lee Marsh",
        about: "social worker at a council without an agreement",
        kind: staff("E10000001", "Westshire County Council", "R1330", "COC"),
    },
    Actor {
        name: "patient_ann",
        person: "Ann Archer",
        about: "the person herself, by NHS login at level P9",
        kind: Kind::HerOrHimself(ANN),
    },
    Actor {
        name: "guardian",
        person: "Dr Imani Cole",
        about: "Caldicott Guardian of the hospital",
        kind: staff(HOSPITAL, NORTHSHIRE, "R5105", "TREAT"),
    },
];

const NORTHSHIRE_COUNCIL: &str = "Northshire Council";

/// Everyone of the scenario `leaks`, as its fixture and battery name them.
pub const LEAKS_ACTORS: [Actor; 5] = [
    Actor {
        name: "LA",
        person: "Alex Reed",
        about: "adult social worker at the council, coordinating care",
        kind: staff(COUNCIL, NORTHSHIRE_COUNCIL, "R1330", "COC"),
    },
    Actor {
        name: "LAC",
        person: "Cleo Marsh",
        about: "social worker at the same council's children's services",
        kind: Kind::Staff {
            user_id: Some("555080106012"),
            organisation: COUNCIL,
            organisation_name: NORTHSHIRE_COUNCIL,
            role: "R8014",
            purpose: "COC",
        },
    },
    Actor {
        name: "LA2",
        person: "Robin Vale",
        about: "social worker at the neighbouring council",
        kind: staff("E10000002", "Westshire Council", "R1330", "COC"),
    },
    Actor {
        name: "HOSP",
        person: "Dr Joan Pike",
        about: "consultant at the hospital, treating",
        kind: staff(HOSPITAL, "Northshire General Hospital", "R0050", "TREAT"),
    },
    Actor {
        name: "PRIV",
        person: "Morgan Hale",
        about: "privacy officer of the hospital",
        kind: staff(HOSPITAL, "Northshire General Hospital", "R0001", "TREAT"),
    },
];

impl Actor {
    /// Whether this is a person who sees her own trail, not a member of staff.
    #[must_use]
    pub const fn is_person(&self) -> bool {
        matches!(self.kind, Kind::HerOrHimself(_))
    }

    /// What a token of this actor says at `now`, issued by the page at `issuer` for `audience`.
    pub(super) fn claims(&self, issuer: &str, audience: &str, now: Timestamp) -> Value {
        let second = now.as_second();
        let mut claims = Map::new();
        let mut say = |name: &str, value: Value| claims.insert(name.to_owned(), value);
        let place = if self.is_person() { "people" } else { "staff" };
        say("iss", json!(format!("{issuer}/{place}")));
        say("sub", json!(format!("demo-{}", self.person.to_lowercase().replace(' ', "-"))));
        say("aud", json!(audience));
        say("iat", json!(second));
        say("nbf", json!(second));
        say("exp", json!(second + 7200));
        say("jti", json!(format!("{}-{}", self.name, now.as_nanosecond())));
        match &self.kind {
            Kind::Staff { user_id, organisation, organisation_name, role, purpose } => {
                if let Some(user_id) = user_id {
                    say("sub", json!(user_id));
                }
                say(
                    "extensions",
                    json!({"ihe_iua": self.iua(organisation, organisation_name, role, purpose)}),
                );
            }
            Kind::Supervised { by } => {
                say("extensions", json!({"ihe_iua": self.iua(COUNCIL, EASTSHIRE, "R1460", "COC")}));
                say("supervisor", json!(by));
                let until = now.saturating_add(SignedDuration::from_hours(24 * 180)).unwrap_or(now);
                say("supervised_until", json!(until.strftime("%Y-%m-%d").to_string()));
            }
            Kind::HerOrHimself(person) => {
                let (given, family) = self.person.split_once(' ').unwrap_or((self.person, ""));
                say("nhs_number", json!(person.nhs_number));
                say("identity_proofing_level", json!("P9"));
                say("vot", json!("P9.Cp.Cd"));
                say("given_name", json!(given));
                say("family_name", json!(family));
            }
        }
        Value::Object(claims)
    }

    /// The claims of IHE IUA.
    fn iua(&self, organisation: &str, organisation_name: &str, role: &str, purpose: &str) -> Value {
        json!({
            "subject_name": self.person,
            "subject_organization": organisation_name,
            "subject_organization_id": organisation,
            "subject_role": [{"system": ROLE_SYSTEM, "code": role}],
            "purpose_of_use": [{"system": PURPOSE_SYSTEM, "code": purpose}],
        })
    }
}
