//! The example site, and questions asked of it: a social worker of the council reads a record of the hospital, unless a
//! case says otherwise.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use fhir::json::{self, Limits};
use fhir::nhs_number::NhsNumber;
use fhir::ods_code::OdsCode;
use fhir::purpose_of_use::PurposeOfUse;
use fhir::reference::{Bases, Id};
use fhir::role::SdsRole;
use fhir::search::{SearchQuery, grammar};
use fhir::tables;
use gateway::consent::compile::{Reading, compile};
use gateway::consent::provision::Provisioned;
use gateway::decision::evidence::Evidence;
use gateway::decision::facts::{Identity, Met, PersonEvidence, Proven, Shield, Tie, TieParty};
use gateway::decision::refusal::Refusal;
use gateway::decision::ruling::{Admitted, Answer, Permit, Question, Ruling};
use gateway::decision::{admit, decide};
use gateway::enforce::subjects::StatedTie;
use gateway::enforce::unfiltered::Unfiltered;
use gateway::interaction::{
    FhirAction, Interaction, NewResource, ReadTarget, ResourceDeletion, SearchRequest,
};
use gateway::person::{PersonKey, SystemName};
use gateway::requestor::{Party, PersonHerself, Professional, Proof, Requestor, Supervision, SystemClient};
use gateway::settings::Settings;
use jiff::Timestamp;

use crate::site::Site;

pub(crate) const ANN: &str = "9990000018";
pub(crate) const BASE: &str = "https://share.northshire.example";
pub(crate) const DISCHARGE: &str = "agreements/discharge-to-adult-social-care.toml";

/// A question, told in words.
#[derive(Debug, Clone)]
pub(crate) struct Asking {
    pub(crate) who: Who,
    pub(crate) organisation: &'static str,
    pub(crate) subject: &'static str,
    pub(crate) role: &'static str,
    pub(crate) purpose: &'static str,
    pub(crate) supervised_until: Option<&'static str>,
    pub(crate) what: &'static str,
    pub(crate) override_reason: Option<String>,
    pub(crate) at: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Who {
    Staff,
    System,
    Herself,
}

/// A social worker of the council reads a Patient of the hospital for her care.
pub(crate) fn social_worker() -> Asking {
    Asking {
        who: Who::Staff,
        organisation: "E10000099",
        subject: "555000111222",
        role: "R1330",
        purpose: "TREAT",
        supervised_until: None,
        what: "read hospital Patient",
        override_reason: None,
        at: "2026-06-01T10:00:00Z",
    }
}

/// A doctor of the hospital in an emergency, on the hospital's own records.
pub(crate) fn emergency_doctor() -> Asking {
    Asking {
        organisation: "RX1",
        role: "R0050",
        purpose: "ETREAT",
        override_reason: Some("collapsed on the ward".to_owned()),
        ..social_worker()
    }
}

/// The hospital sends a letter to the council.
pub(crate) fn push() -> Asking {
    Asking { who: Who::System, organisation: "RX1", purpose: "COC", what: "push council", ..social_worker() }
}

impl Asking {
    pub(crate) fn asks(self, what: &'static str) -> Self {
        Self { what, ..self }
    }

    pub(crate) fn question(&self) -> Question {
        let organisation = OdsCode::parse(self.organisation).unwrap();
        let purpose = PurposeOfUse::parse(self.purpose).unwrap();
        let party = match self.who {
            Who::Staff => Party::Professional(Professional {
                subject: self.subject.to_owned(),
                name: "Sam Field".to_owned(),
                organisation,
                role: SdsRole::parse(self.role).unwrap(),
                purpose,
                supervision: match self.supervised_until {
                    Some(until) => Supervision::Supervised {
                        supervisor: "Kim Hill".to_owned(),
                        until: until.parse().unwrap(),
                    },
                    None => Supervision::NotStated,
                },
            }),
            Who::System => Party::System(SystemClient {
                san: "dns:adt.northshire.example".to_owned(),
                organisation,
                purposes: vec![purpose],
            }),
            Who::Herself => Party::Person(PersonHerself {
                nhs_number: NhsNumber::parse(ANN).unwrap(),
                name: "Ann Example".to_owned(),
            }),
        };
        Question {
            requestor: Requestor { party, proof: Proof::Certificate { san: "dns:test.example".to_owned() } },
            interaction: interaction(self.what),
            override_reason: self.override_reason.clone(),
            at: self.at.parse().unwrap(),
        }
    }

    pub(crate) fn admitted(&self, settings: &Settings) -> Result<Admitted, Refusal> {
        admit(self.question(), settings)
    }
}

/// `read SYSTEM TYPE`, `search SYSTEM TYPE?QUERY`, `create SYSTEM TYPE`, `metadata SYSTEM`, `push SYSTEM`.
fn interaction(what: &str) -> Interaction {
    let mut words = what.splitn(3, ' ');
    let (verb, system) = (words.next().unwrap(), SystemName::new(words.next().unwrap()));
    let rest = words.next().unwrap_or_default();
    let action = match verb {
        "push" => return Interaction::Push { system },
        "metadata" => FhirAction::Metadata,
        "read" => FhirAction::Read(ReadTarget::new(type_of(rest), Id::parse("x1").unwrap())),
        "delete" => FhirAction::Delete(ResourceDeletion {
            target: ReadTarget::new(type_of(rest), Id::parse("x1").unwrap()),
            if_match: "1".to_owned(),
        }),
        "create" => {
            let body = json::parse("{}".into(), &Limits::default()).unwrap();
            FhirAction::Create(NewResource {
                resource_type: type_of(rest),
                body: Arc::new(Unfiltered::new(body)),
                unless: None,
            })
        }
        "search" => {
            let (name, query) = rest.split_once('?').unwrap();
            FhirAction::Search(SearchRequest { query: search(name, query), offset: 0, standing: None })
        }
        other => panic!("{other}"),
    };
    Interaction::Fhir { system, action }
}

pub(crate) fn search(name: &str, query: &str) -> SearchQuery {
    let parameters = grammar::parse(query).unwrap();
    SearchQuery::compile(type_of(name), &parameters, &Bases::none()).unwrap()
}

fn type_of(name: &str) -> tables::TypeId {
    tables::resource_type(name).unwrap()
}

/// The settings of the example with edits to its files.
pub(crate) fn settings(edits: &[(&str, &str, &str)]) -> Settings {
    let site = Site::example();
    for (file, from, to) in edits {
        site.edit(file, from, to);
    }
    site.load().unwrap_or_else(|unusable| panic!("{:#?}", unusable.problems)).settings
}

/// The settings of the example as they are.
pub(crate) static EXAMPLE: LazyLock<Arc<Settings>> = LazyLock::new(|| Arc::new(settings(&[])));

/// The answer of the rules alone: the name of the refusal, if there is one.
#[track_caller]
pub(crate) fn check_admit(asking: &Asking, edits: &[(&str, &str, &str)], expected: Result<(), &str>) {
    let found = if edits.is_empty() { asking.admitted(&EXAMPLE) } else { asking.admitted(&settings(edits)) };
    let found = found.map(|_| ()).map_err(|refusal| refusal.reason());
    assert_eq!(found, expected, "{}", asking.what);
}

/// What is known about Ann, told in words.
#[derive(Debug, Clone)]
pub(crate) struct Ann {
    pub(crate) identity: Identity,
    pub(crate) proof: Proven,
    pub(crate) shield: Shield,
    pub(crate) ties: Vec<Tie>,
    pub(crate) consents: Vec<Provisioned>,
    pub(crate) stated: Vec<StatedTie>,
    pub(crate) met: Met,
}

/// In the care of the council's team, with nothing said and nothing protected.
pub(crate) fn in_care() -> Ann {
    Ann {
        identity: Identity::Certain,
        proof: Proven::Whole,
        shield: Shield::None,
        ties: vec![tie("care-team", "E10000099", None)],
        consents: Vec::new(),
        stated: Vec::new(),
        met: Met::InPerson,
    }
}

pub(crate) fn tie(kind: &str, to: &str, last_day: Option<&str>) -> Tie {
    use gateway::agreement::RelationshipKind::{CareTeam, Encounter, EpisodeOfCare, Referral};
    let kind = match kind {
        "care-team" => CareTeam,
        "encounter" => Encounter,
        "episode" => EpisodeOfCare,
        "referral" => Referral,
        other => panic!("{other}"),
    };
    let party = match to.strip_prefix("staff:") {
        Some(id) => TieParty::Staff(id.to_owned()),
        None => TieParty::Organisation(OdsCode::parse(to).unwrap()),
    };
    let last_day = last_day.map(|day| day.parse().unwrap());
    Tie { kind, party, from: None, last_day, evidence: format!("hospital/{kind:?}/1") }
}

impl Ann {
    pub(crate) fn says(mut self, provisions: &[&str]) -> Self {
        for provision in provisions {
            let id = format!("Consent/c{}", self.consents.len() + 1);
            self.consents.extend(consent(&id, provision));
        }
        self
    }

    pub(crate) fn tied(self, ties: Vec<Tie>) -> Self {
        Self { ties, ..self }
    }

    pub(crate) fn evidence(&self) -> Evidence {
        let key = PersonKey::Nhs(NhsNumber::parse(ANN).unwrap());
        let person = PersonEvidence {
            identity: self.identity,
            proof: self.proof,
            shield: self.shield,
            ties: self.ties.clone(),
            consents: self.consents.clone(),
            met: self.met,
        };
        let patients = BTreeMap::from([(Id::parse("ann").unwrap(), key.clone())]);
        Evidence::stated(BTreeMap::from([(key, person)]), patients, self.stated.clone())
    }
}

/// A Consent with this root provision, active; `until` of its period is left to the provision.
pub(crate) fn consent(id: &str, provision: &str) -> Option<Provisioned> {
    let text = format!(r#"{{"resourceType":"Consent","status":"active","provision":{provision}}}"#);
    let document = json::parse(text.into(), &Limits::default()).unwrap();
    compile(document.root(), id.to_owned(), &Reading::of_gateway(BASE))
}

/// The answer about Ann.
pub(crate) fn answer(asking: &Asking, settings: &Settings, ann: &Ann) -> Result<Permit, Refusal> {
    let admitted = asking.admitted(settings).unwrap_or_else(|refusal| panic!("refused by rule: {refusal:?}"));
    let ruling: Ruling = decide(admitted, &ann.evidence());
    match ruling.answer_of(&Id::parse("ann").unwrap()).unwrap() {
        Answer::Permit(permit) => Ok(permit.clone()),
        Answer::Refusal(refusal) => Err(refusal.clone()),
    }
}

/// The answer about Ann where she stands in what is another's as her kin.
pub(crate) fn answer_as_kin(asking: &Asking, settings: &Settings, ann: &Ann) -> Result<Permit, Refusal> {
    let admitted = asking.admitted(settings).unwrap_or_else(|refusal| panic!("refused by rule: {refusal:?}"));
    let ruling = decide(admitted, &Ann { met: Met::AsKin, ..ann.clone() }.evidence());
    match ruling.answer_as_kin(&PersonKey::Nhs(NhsNumber::parse(ANN).unwrap())).unwrap() {
        Answer::Permit(permit) => Ok(permit.clone()),
        Answer::Refusal(refusal) => Err(refusal.clone()),
    }
}

/// The answer about Ann as one line: what a permit rests on, or the name of the refusal.
#[track_caller]
pub(crate) fn check(asking: &Asking, ann: &Ann, expected: Result<&str, &str>) {
    check_with(asking, &EXAMPLE, ann, expected);
}

#[track_caller]
pub(crate) fn check_with(asking: &Asking, settings: &Settings, ann: &Ann, expected: Result<&str, &str>) {
    let found = answer(asking, settings, ann).map(|permit| told(&permit)).map_err(|refusal| refusal.reason());
    assert_eq!(found.as_deref().map_err(|reason| *reason), expected, "{}", asking.what);
}

fn told(permit: &Permit) -> String {
    use gateway::decision::ruling::ConsentBasis::{Explicit, Implied, Overridden};
    use gateway::decision::ruling::RelationshipBasis;
    let relationship = match &permit.basis().relationship {
        RelationshipBasis::Recorded { evidence, .. } => evidence.clone(),
        RelationshipBasis::Stated { evidence } => format!("stated {evidence}"),
        RelationshipBasis::NotRequired => "not required".to_owned(),
        RelationshipBasis::OfKin => "of kin".to_owned(),
        RelationshipBasis::Overridden => "overridden".to_owned(),
    };
    let consent = match &permit.basis().consent {
        Explicit(id) => id.clone(),
        Implied => "implied".to_owned(),
        Overridden => "overridden".to_owned(),
    };
    let mut told = format!("{relationship}; {consent}");
    for reason in &permit.basis().overrode {
        told.push_str(&format!("; over {reason}"));
    }
    if permit.obligations().shielded {
        told.push_str("; shielded");
    }
    if !permit.obligations().is_unconditional() {
        let obligations = permit.obligations();
        told.push_str(&format!(
            "; {} denied, {} permitted",
            obligations.exclude.len(),
            obligations.only.len()
        ));
    }
    told
}

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}
