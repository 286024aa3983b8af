//! What the page says of a person's choices.

use std::collections::BTreeSet;
use std::fmt::Write;

use fhir::nhs_number::NhsNumber;
use fhir::ods_code::OdsCode;
use fhir::purpose_of_use::PurposeOfUse;
use fhir::role::SdsRole;
use fhir::security_label::SecurityLabel;
use gateway::consent::provision::{Actor, Effect, Kind, Provision, Provisioned, Span, Who};
use gateway::decision::ruling::{DataReference, DataRule};
use gateway::trail::page::{self, Part, Shown};

use super::html;
use crate::golden;
use crate::site::Site;

fn rule(effect: Effect) -> Provision {
    Provision {
        effect,
        period: Span::default(),
        actors: BTreeSet::new(),
        purposes: BTreeSet::new(),
        about: DataRule::default(),
        exceptions: Vec::new(),
    }
}

fn council() -> Actor {
    Actor { who: Who::Organisation(OdsCode::parse("E10000099").unwrap()), role: None }
}

fn role(code: &str, who: Who) -> Actor {
    Actor { who, role: Some(SdsRole::parse(code).unwrap()) }
}

fn types(names: &[&str]) -> DataRule {
    DataRule { types: names.iter().map(|&name| name.to_owned()).collect(), ..DataRule::default() }
}

fn cases() -> Vec<(&'static str, Kind, Provision)> {
    let at = |text: &str| Some(text.parse().unwrap());
    let label = |code| SecurityLabel::new(fhir::security_label::ACT_CODE, code);
    let deny = || rule(Effect::Deny);
    vec![
        ("no to everything", Kind::Consent, deny()),
        (
            "no to the council, from today on",
            Kind::Consent,
            Provision {
                actors: [council()].into(),
                period: Span { from: at("2026-04-04T23:00:00Z"), to: None },
                ..deny()
            },
        ),
        (
            "no to kinds of data, for a while, for research",
            Kind::Consent,
            Provision {
                about: types(&["Condition", "MedicationRequest", "MedicationStatement"]),
                purposes: [PurposeOfUse::Hresch].into(),
                period: Span { from: at("2026-01-01T00:00:00Z"), to: at("2026-12-31T23:59:59.999Z") },
                ..deny()
            },
        ),
        (
            "no to what is sensitive, but for one job",
            Kind::Consent,
            Provision {
                about: DataRule { labels: [label("PSY"), label("HIV")].into(), ..DataRule::default() },
                exceptions: vec![Provision {
                    actors: [role("R0260", Who::RoleHolders)].into(),
                    ..rule(Effect::Permit)
                }],
                ..deny()
            },
        ),
        (
            "yes to the council but for one of its jobs and one of its staff",
            Kind::Consent,
            Provision {
                actors: [council()].into(),
                exceptions: vec![Provision {
                    actors: [
                        role("R1460", Who::Organisation(OdsCode::parse("E10000099").unwrap())),
                        Actor { who: Who::Staff("s-7".into()), role: None },
                    ]
                    .into(),
                    ..deny()
                }],
                ..rule(Effect::Permit)
            },
        ),
        (
            "no to named entries and to what is older",
            Kind::Consent,
            Provision {
                about: DataRule {
                    data: [DataReference::Instance("Condition/secret".into())].into(),
                    until: at("2020-01-01T00:00:00Z"),
                    ..DataRule::default()
                },
                period: Span { from: None, to: at("2027-01-01T00:00:00Z") },
                ..deny()
            },
        ),
        ("an opt-out of a register", Kind::OptOut, deny()),
        ("what could not be read", Kind::Consent, rule(Effect::Void)),
    ]
}

#[test]
fn each_choice_is_told_in_plain_words_and_names_no_entry_and_nobody() {
    let settings = Site::example().load().unwrap().settings;
    let mut text = String::new();
    for (case, kind, rule) in cases() {
        let choice = Provisioned { id: "Consent/c-1".into(), kind, rule };
        let shown = Shown {
            nhs_number: NhsNumber::parse("9990000018").unwrap(),
            name: "Ann Archer",
            listed: &[],
            part: Part::Newest,
            older: None,
            choices: &[choice],
        };
        let page = page::me(&shown, &settings).unwrap();
        html::check(&page);
        for hidden in ["c-1", "secret", "s-7", "E10000099"] {
            assert!(!page.contains(hidden), "{case}: {hidden}");
        }
        let cards = html::cards(&page);
        assert_eq!(cards.len(), 1, "{case}");
        write!(text, "== {case}\n{}\n\n", cards[0].join("\n")).unwrap();
    }
    golden::check("pages/choices.txt", &text);
}
