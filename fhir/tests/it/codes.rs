use std::collections::BTreeMap;
use std::fs;

use fhir::purpose_of_use::PurposeOfUse;
use fhir::role::SdsRole;
use fhir::security_label::{self, Confidentiality, InvalidSecurityLabel, SecurityLabel, Sensitivity};
use serde_json::Value;

use crate::corpus;

#[test]
fn a_purpose_is_read_with_and_without_its_system() {
    assert_eq!(PurposeOfUse::parse("TREAT"), Ok(PurposeOfUse::Treat));
    let with_system = "http://terminology.hl7.org/CodeSystem/v3-ActReason|BTG";
    assert_eq!(PurposeOfUse::parse(with_system), Ok(PurposeOfUse::Btg));
    for text in ["", "treat", "PurposeOfUse", "OVRER", "urn:other|TREAT", "|TREAT"] {
        assert!(PurposeOfUse::parse(text).is_err(), "{text:?}");
    }
}

#[test]
fn every_purpose_is_found_again_by_its_code() {
    for purpose in PurposeOfUse::all() {
        assert_eq!(PurposeOfUse::parse(purpose.code()), Ok(purpose));
        assert!(!purpose.display().is_empty());
    }
}

#[test]
fn a_purpose_covers_its_children_and_not_its_siblings() {
    assert!(PurposeOfUse::Btg.is_or_is_child_of(PurposeOfUse::Treat));
    assert!(PurposeOfUse::Btg.is_or_is_child_of(PurposeOfUse::Etreat));
    assert!(PurposeOfUse::Treat.is_or_is_child_of(PurposeOfUse::Treat));
    assert!(!PurposeOfUse::Treat.is_or_is_child_of(PurposeOfUse::Etreat));
    assert!(PurposeOfUse::Clintrchnpc.is_or_is_child_of(PurposeOfUse::Hresch));
    assert!(!PurposeOfUse::Coc.is_or_is_child_of(PurposeOfUse::Hoperat));
}

#[test]
fn direct_care_is_the_care_of_the_very_person() {
    let direct: Vec<_> =
        PurposeOfUse::all().filter(|purpose| purpose.is_direct_care()).map(PurposeOfUse::code).collect();
    assert_eq!(direct, ["TREAT", "COC", "ETREAT", "BTG", "ERTREAT"]);
}

#[test]
fn a_role_is_read_as_code_and_as_smartcard_triple() {
    for text in
        ["R8014", "S8000:G8000:R8014", "https://fhir.hl7.org.uk/CodeSystem/UKCore-SDSJobRoleName|R8014"]
    {
        assert_eq!(SdsRole::parse(text).map(SdsRole::code), Ok("R8014".to_owned()), "{text}");
    }
    assert_eq!(SdsRole::parse("R0001"), Ok(SdsRole::PRIVACY_OFFICER));
    assert_eq!(SdsRole::SOCIAL_WORKER.display(), Some("Social Worker"));
    assert_eq!(SdsRole::parse("R0999").map(SdsRole::display), Ok(None));
    for text in [
        "",
        "1330",
        "R133",
        "R13300",
        "r1330",
        "R13a0",
        "S8000:R8001",
        "S8000:G8000:R8001:R1",
        "x|R8014",
        "R+133",
    ] {
        assert!(SdsRole::parse(text).is_err(), "{text:?}");
    }
}

#[test]
fn confidentiality_is_ordered_from_unrestricted_to_very_restricted() {
    let codes: String = Confidentiality::ALL.iter().map(|degree| degree.code()).collect();
    assert_eq!(codes, "ULMNRV");
    assert!(Confidentiality::ALL.is_sorted());
}

#[test]
fn a_label_rule_speaks_of_the_same_and_of_narrower_labels() {
    let cases: &[(&str, &str, bool)] = &[
        ("PSY", "PSY", true),
        ("ETHUD", "SUD", true),
        ("SUD", "ETHUD", false),
        ("HIV", "PSY", false),
        ("V", "R", true),
        ("R", "R", true),
        ("N", "R", false),
        ("http://terminology.hl7.org/CodeSystem/v3-Confidentiality|PSY", "PSY", true),
        ("http://hl7.org/fhir/v3/ActCode|HIV", "HIV", true),
        ("http://hl7.org/fhir/v3/Confidentiality|V", "R", true),
        ("urn:site|X", "urn:site|X", true),
        ("urn:site|PSY", "PSY", false),
        ("http://terminology.hl7.org/CodeSystem/v3-ActCode|NOREUSE", "PSY", false),
    ];
    // Nobody writes a label without a system to say nothing.
    for (code, rule, covered) in [
        ("PSY", "PSY", true),
        ("ETHUD", "SUD", true),
        ("V", "R", true),
        ("N", "R", false),
        ("X", "PSY", false),
    ] {
        let rule = SecurityLabel::parse(rule).expect("rule");
        assert_eq!(SecurityLabel::new("", code).is_covered_by(&rule), covered, "{code} by {rule:?}");
    }
    // Nobody's forgotten system lowers what is protected.
    for (code, degree) in [("V", true), ("R", true), ("N", false), ("M", false), ("L", false), ("U", false)] {
        assert_eq!(SecurityLabel::new("", code).confidentiality().is_some(), degree, "{code}");
    }
    for (label, rule, covered) in cases {
        let label = SecurityLabel::parse(label).expect("label");
        let rule = SecurityLabel::parse(rule).expect("rule");
        assert_eq!(label.is_covered_by(&rule), *covered, "{label:?} by {rule:?}");
    }
}

#[test]
fn a_bare_label_that_means_nothing_is_refused() {
    for text in ["", "PSYCH", "NOREUSE", "psy"] {
        assert_eq!(SecurityLabel::parse(text), Err(InvalidSecurityLabel::UnknownCode), "{text:?}");
    }
    for text in ["|PSY", "urn:site|"] {
        assert_eq!(SecurityLabel::parse(text), Err(InvalidSecurityLabel::Shape), "{text:?}");
    }
}

#[test]
fn every_sensitivity_is_found_again_by_its_code() {
    for sensitivity in Sensitivity::all() {
        assert_eq!(Sensitivity::parse(sensitivity.code()), Ok(sensitivity));
        assert_eq!(SecurityLabel::from(sensitivity).sensitivity(), Some(sensitivity));
        assert!(!sensitivity.display().is_empty());
    }
    assert_eq!(SecurityLabel::from(Sensitivity::Sex).system(), security_label::ACT_CODE);
}

/// Code -> parent, below `top`; codes that group others without meaning anything themselves are seen through.
fn published(file: &str, top: &str) -> Option<BTreeMap<String, Option<String>>> {
    fn walk<'a>(
        concepts: &'a Value,
        parent: Option<&'a str>,
        top: &str,
        out: &mut BTreeMap<String, Option<String>>,
        inside: usize,
    ) {
        for concept in concepts.as_array().into_iter().flatten() {
            let code = concept["code"].as_str().expect("code");
            let is_group = code.starts_with('_');
            if inside > 0 && !is_group {
                out.insert(code.to_owned(), parent.map(str::to_owned));
            }
            let enters = inside > 0 || code == top;
            let below = if inside > 0 && !is_group { Some(code) } else { parent };
            walk(&concept["concept"], below, top, out, usize::from(enters));
        }
    }
    let bytes =
        fs::read(corpus::folder("r4-official-terminology")?.join(file)).expect("the published code system");
    let mut out = BTreeMap::new();
    walk(&corpus::tree(&bytes)["concept"], None, top, &mut out, 0);
    Some(out)
}

#[test]
fn purposes_and_their_parents_are_those_published_with_r4() {
    let Some(published) = published("CodeSystem-v3-ActReason.json", "PurposeOfUse") else { return };
    let ours: BTreeMap<_, _> = PurposeOfUse::all()
        .map(|purpose| (purpose.code().to_owned(), purpose.parent().map(|parent| parent.code().to_owned())))
        .collect();
    assert_eq!(ours, published);
}

#[test]
fn sensitivities_and_their_parents_are_those_published_with_r4() {
    let Some(published) = published("CodeSystem-v3-ActCode.json", "_InformationSensitivityPolicy") else {
        return;
    };
    let ours: BTreeMap<_, _> = Sensitivity::all()
        .map(|category| {
            (category.code().to_owned(), category.parent().map(|parent| parent.code().to_owned()))
        })
        .collect();
    assert_eq!(ours, published);
}

#[test]
fn a_denial_reaches_what_is_denied_its_kinds_and_whatever_broader_may_be_it() {
    let reached = |denied: &str| -> Vec<&str> {
        let denied = SecurityLabel::parse(denied).expect("a label");
        let all = Sensitivity::all();
        all.filter(|own| SecurityLabel::from(*own).may_be_covered_by(&denied))
            .map(Sensitivity::code)
            .collect()
    };
    for (denied, expected) in [
        ("PSY", &["SPI", "BH", "MH", "PSY"][..]),
        ("PSYTHPN", &["SPI", "BH", "MH", "PSYTHPN"]),
        ("MH", &["SPI", "BH", "MH"]),
        ("SUD", &["ETH", "SPI", "BH", "SUD", "ETHUD", "OPIOIDUD"]),
        ("ETHUD", &["ETH", "SPI", "BH", "SUD", "ETHUD"]),
        ("COGN", &["SPI", "BH", "COGN"]),
        ("BH", &["SPI", "BH", "COGN", "DVD", "EMOTDIS"]),
        ("SICKLE", &["SCA", "SICKLE"]),
        ("SEX", &["SEX"]),
        ("HIV", &["HIV"]),
    ] {
        assert_eq!(reached(denied), expected, "{denied}");
    }
    let psy = SecurityLabel::parse("PSY").expect("a label");
    assert!(
        !SecurityLabel::parse("BH").expect("a label").is_covered_by(&psy),
        "a permit of the one is none of the other"
    );
    for degree in Confidentiality::ALL {
        assert!(!SecurityLabel::from(degree).may_be_covered_by(&psy), "{degree:?}");
    }
}

#[test]
fn every_broader_category_of_the_hierarchy_may_be_the_narrower() {
    for narrower in Sensitivity::all() {
        let mut at = Some(narrower);
        while let Some(broader) = at {
            assert!(broader.may_be(narrower), "{broader:?} {narrower:?}");
            at = broader.parent();
        }
    }
}

#[test]
fn role_names_are_those_published() {
    let Some(folder) = corpus::folder("codes") else { return };
    let table = fs::read_to_string(folder.join("social-care-and-governance-roles.tsv")).expect("the roles");
    for line in table.lines().skip(1) {
        let mut cells = line.split('\t');
        let (code, name) = (cells.next().expect("code"), cells.next().expect("name"));
        assert_eq!(SdsRole::parse(code).map(SdsRole::display), Ok(Some(name)), "{code}");
    }
}
