//! What holds of every question and every evidence.

use gateway::decision::facts::{Identity, Met, Proven, Shield, Tie};
use gateway::decision::ruling::RelationshipBasis;
use proptest::prelude::*;

use super::world::{
    Ann, Asking, EXAMPLE, answer, answer_as_kin, consent, emergency_doctor, in_care, social_worker, tie,
};

const CODES: [&str; 6] = ["TREAT", "COC", "ETREAT", "HRESCH", "HOPERAT", "BTG"];

fn provision() -> impl Strategy<Value = String> {
    let effect = prop_oneof![Just("permit"), Just("deny")];
    let purposes = proptest::sample::subsequence(&CODES, 0..3).prop_map(|codes| {
        let codings: Vec<String> = codes
            .iter()
            .map(|code| {
                format!(
                    r#"{{"system":"http://terminology.hl7.org/CodeSystem/v3-ActReason","code":"{code}"}}"#
                )
            })
            .collect();
        if codings.is_empty() { String::new() } else { format!(r#","purpose":[{}]"#, codings.join(",")) }
    });
    let actor = prop_oneof![
        Just(String::new()),
        prop_oneof![Just("E10000099"), Just("RX1")].prop_map(|code| format!(
            r#","actor":[{{"role":{{"coding":[{{"code":"IRCP"}}]}},"reference":{{"identifier":{{"system":"https://fhir.nhs.uk/Id/ods-organization-code","value":"{code}"}}}}}}]"#
        ))
    ];
    let label = prop_oneof![
        Just(String::new()),
        prop_oneof![Just("PSY"), Just("HIV")].prop_map(|code| format!(
            r#","securityLabel":[{{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"{code}"}}]"#
        ))
    ];
    let period = prop_oneof![
        Just(String::new()),
        Just(r#","period":{"end":"2026-05-01"}"#.to_owned()),
        Just(r#","period":{"start":"2026-05-01"}"#.to_owned())
    ];
    let flat =
        (effect, purposes, actor, label, period).prop_map(|(effect, purposes, actor, label, period)| {
            format!(r#""type":"{effect}"{purposes}{actor}{label}{period}"#)
        });
    let nested = proptest::collection::vec(flat.clone().boxed(), 0..3);
    (flat, nested).prop_map(|(root, nested)| {
        let nested: Vec<String> = nested.into_iter().map(|inner| format!("{{{inner}}}")).collect();
        if nested.is_empty() {
            format!("{{{root}}}")
        } else {
            format!(r#"{{{root},"provision":[{}]}}"#, nested.join(","))
        }
    })
}

fn ann() -> impl Strategy<Value = Ann> {
    let identity = prop_oneof![4 => Just(Identity::Certain), 1 => Just(Identity::Duplicated), 1 => Just(Identity::Unknown)];
    let shield = prop_oneof![Just(Shield::None), Just(Shield::Shielded)];
    let ties = proptest::sample::subsequence(all_ties(), 0..4);
    (identity, shield, ties, proptest::collection::vec(provision(), 0..4)).prop_map(
        |(identity, shield, ties, said)| {
            let said: Vec<&str> = said.iter().map(String::as_str).collect();
            Ann { identity, shield, ..in_care() }.tied(ties).says(&said)
        },
    )
}

fn all_ties() -> Vec<Tie> {
    vec![
        tie("care-team", "E10000099", None),
        tie("care-team", "RX1", Some("2026-05-20")),
        tie("encounter", "E10000099", Some("2026-01-01")),
        tie("referral", "staff:555000111222", None),
        tie("encounter", "RX1", None),
    ]
}

fn asking() -> impl Strategy<Value = Asking> {
    prop_oneof![
        Just(social_worker()),
        Just(Asking { purpose: "COC", ..social_worker() }),
        Just(emergency_doctor()),
        Just(Asking { purpose: "TREAT", override_reason: None, ..emergency_doctor() }),
    ]
}

proptest! {
    #[test]
    fn one_more_denial_never_turns_a_refusal_into_a_permit(asking in asking(), ann in ann(), denial in provision()) {
        let denial = denial.replace("\"permit\"", "\"deny\"");
        let before = answer(&asking, &EXAMPLE, &ann);
        let mut more = ann;
        more.consents.extend(consent("Consent/z", &denial));
        let after = answer(&asking, &EXAMPLE, &more);
        prop_assert!(before.is_ok() || after.is_err());
        if let (Ok(before), Ok(after)) = (before, after) {
            prop_assert!(before.obligations().exclude.is_subset(&after.obligations().exclude));
        }
    }

    #[test]
    fn the_order_of_the_evidence_does_not_matter(
        asking in asking(),
        (one, other) in ann().prop_flat_map(|ann| {
            let shuffled = (Just(ann.ties.clone()).prop_shuffle(), Just(ann.consents.clone()).prop_shuffle());
            (Just(ann), shuffled)
        }).prop_map(|(ann, (ties, consents))| (ann.clone(), Ann { ties, consents, ..ann })),
    ) {
        let (one, other) = (answer(&asking, &EXAMPLE, &one), answer(&asking, &EXAMPLE, &other));
        match (one, other) {
            (Ok(one), Ok(other)) => {
                prop_assert_eq!(one.basis(), other.basis());
                prop_assert_eq!(one.obligations(), other.obligations());
            }
            (one, other) => prop_assert_eq!(one.err(), other.err()),
        }
    }

    #[test]
    fn somebodys_kin_is_answered_as_if_the_recipient_cared_for_her_and_in_nothing_else(
        asking in asking(), ann in ann(), ties_unknown in proptest::bool::ANY,
    ) {
        let proof = if ties_unknown { Proven::TiesUnknown } else { Proven::Whole };
        let ann = Ann { proof, ..ann };
        let tied = ann.clone().tied(vec![tie("care-team", asking.organisation, None)]);
        match (answer_as_kin(&asking, &EXAMPLE, &ann), answer(&asking, &EXAMPLE, &tied)) {
            (Ok(as_kin), Ok(in_care)) => {
                prop_assert_eq!(as_kin.obligations(), in_care.obligations());
                prop_assert_eq!(&as_kin.basis().consent, &in_care.basis().consent);
            }
            (as_kin, in_care) => prop_assert_eq!(as_kin.err(), in_care.err()),
        }
        // As herself she is answered as ever, whomever she stands beside.
        let met_so = answer(&asking, &EXAMPLE, &Ann { met: Met::AsKin, ..ann.clone() });
        match (met_so, answer(&asking, &EXAMPLE, &ann)) {
            (Ok(one), Ok(other)) => {
                prop_assert_eq!(one.basis(), other.basis());
                prop_assert!(one.basis().relationship != RelationshipBasis::OfKin);
            }
            (one, other) => prop_assert_eq!(one.err(), other.err()),
        }
    }

    #[test]
    fn an_override_never_beats_identity_the_shield_or_a_rule(ann in ann(), role in "R[0-9]{4}", code in 0..CODES.len()) {
        let asking = Asking { purpose: CODES[code], ..emergency_doctor() };
        let asking = Asking { role: Box::leak(role.into_boxed_str()), ..asking };
        match asking.admitted(&EXAMPLE) {
            Err(refusal) => prop_assert!(refusal.is_by_rule()),
            Ok(admitted) => {
                prop_assert!(admitted.agreement().roles.iter().any(|block| block.roles.iter().any(|role| role.code() == asking.role)));
                let answer = answer(&asking, &EXAMPLE, &ann);
                if ann.identity != Identity::Certain {
                    prop_assert!(answer.is_err());
                } else if let Ok(permit) = answer {
                    prop_assert_eq!(permit.obligations().shielded, ann.shield == Shield::Shielded);
                }
            }
        }
    }

    #[test]
    fn without_an_override_nothing_is_jumped(ann in ann()) {
        if let Ok(permit) = answer(&social_worker(), &EXAMPLE, &ann) {
            prop_assert!(permit.basis().overrode.is_empty());
        }
    }
}
