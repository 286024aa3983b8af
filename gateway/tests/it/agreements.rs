//! Sharing agreements: what holds, every fault by name, and which one covers a question.

use std::path::Path;

use fhir::ods_code::OdsCode;
use fhir::purpose_of_use::PurposeOfUse;
use fhir::role::SdsRole;
use fhir::tables;
use gateway::agreement::check::{load, read_one};
use gateway::agreement::{Agreements, Cover, Standing};
use gateway::decision::refusal::Refusal;
use gateway::person::SystemName;
use jiff::civil::date;

use crate::golden;
use crate::site::{Site, TODAY};

mod sites;

const DISCHARGE: &str = "agreements/discharge-to-adult-social-care.toml";
const HOSPITAL: &str = "agreements/care-in-hospital.toml";

/// Edits the discharge agreement and expects exactly the problems of `tests/golden/agreements/NAME.txt`.
#[track_caller]
fn check(name: &str, edits: &[(&str, &str)]) {
    let site = Site::example();
    for (from, to) in edits {
        site.edit(DISCHARGE, from, to);
    }
    told(name, &site);
}

#[track_caller]
fn told(name: &str, site: &Site) {
    let problems: String = site.problems().iter().map(|problem| format!("{problem}\n")).collect();
    golden::check(&format!("agreements/{name}.txt"), &problems);
}

fn agreements() -> Agreements {
    Site::example().load().expect("the example holds").settings.agreements
}

fn ods(code: &str) -> OdsCode {
    OdsCode::parse(code).expect("an ODS code")
}

fn role(code: &str) -> SdsRole {
    SdsRole::parse(code).expect("a job role")
}

#[test]
fn all_faults_of_one_agreement_are_told_together() {
    check(
        "many-faults",
        &[
            ("id = \"discharge-to-adult-social-care\"", "id = \"Discharge!\""),
            ("status = \"in-force\"", "status = \"in force\""),
            ("until = 2035-03-31", "until = 2024-03-31"),
            ("review_by = 2035-01-31", "review_by = \"2035-01-31\""),
            ("discloser = [\"ods:RX1\"]", "discloser = [\"ods:RX1\", \"ods:rx1\", \"RX2\"]"),
            ("recipient = [\"ods:E10000099\"]", "recipient = []"),
            ("purposes = [\"TREAT\", \"COC\"]", "purposes = [\"TREAT\", \"TRAET\"]"),
            ("\"6(1)(e)\", \"9(2)(h)\"", "\"6(1)(e)\", \"art. 9\""),
            ("confidentiality = \"implied-consent\"", "confidentiality = \"assumed\""),
            (
                "relationship = [\"care-team\", \"encounter\", \"referral\"]",
                "relationship = []\nlapses_after_days = 400",
            ),
            ("overrides = [\"ETREAT\", \"BTG\", \"THREAT\"]", "overrides = [\"TREAT\"]"),
            ("existence = \"open\"", "existence = \"hidden\"\nexpires = 2030-01-01"),
        ],
    );
}

#[test]
fn elements_are_checked_against_the_tables() {
    check(
        "elements",
        &[
            ("[share.core.Organization]", "[share.core.Organisation]"),
            ("birthDate = ", "birthdate = "),
            ("\"deceased[x]\" = ", "deceasedDateTime = "),
            ("\"address.postalCode\" = ", "\"address.postcode\" = "),
            ("\"onset[x]\" = ", "onset = "),
            ("gender = ", "_gender = "),
            ("communication = ", "modifierExtension = "),
            ("\"hospitalization.dischargeDisposition\" = ", "\"hospitalization.disposition\" = "),
        ],
    );
}

#[test]
fn every_element_needs_its_reason() {
    check(
        "reasons",
        &[
            ("name = \"to address the person\"", "name = \"  \""),
            (
                "birthDate = \"eligibility differs by age; to be sure it is the right person\"",
                "birthDate = true",
            ),
            ("\"address.postalCode\" = ", "address.postalCode = "),
            (
                "[share.core.Practitioner]\nname = \"whom to ask about the discharge\"",
                "[share.core.Practitioner]\n",
            ),
        ],
    );
}

#[test]
fn a_condition_names_coded_elements_and_codes_with_their_system() {
    check(
        "where",
        &[
            (
                "where = { category = [\n    \"http://terminology.hl7.org/CodeSystem/condition-category|problem-list-item\"",
                "where = { categories = [], clinicalStatus = [\"active\"], recordedDate = [\"2026\"], code = [], category = [\n    \"http://terminology.hl7.org/CodeSystem/condition-category|problem-list-item\"",
            ),
            ("not_labelled = [\"MH\"", "not_labelled = [\"MENTAL\""),
        ],
    );
}

#[test]
fn plain_codes_stand_without_a_system() {
    check(
        "where-code",
        &[(
            "[share.core.Encounter]",
            "[share.core.Encounter]\nwhere = { status = [\"finished\", \"in-progress\"] }",
        )],
    );
    check(
        "where-code-system",
        &[("[share.core.Encounter]", "[share.core.Encounter]\nwhere = { status = [\"s|finished\"] }")],
    );
}

#[test]
fn conditions_by_text_id_presence_and_sets_hold() {
    check(
        "where-all-kinds",
        &[(
            "[share.core.Organization]",
            "[share.core.Organization]\nwhere = { id = [\"o1\"], active = [\"true\"], \"type.text\" = [\"NHS trust\"], \
             \"identifier:https://fhir.nhs.uk/Id/ods-organization-code\" = [\"RX1\"], present = [\"name\"], \
             any = [{ absent = [\"partOf\"] }, { all = [{ any = [{ present = [\"address\"] }] }] }] }",
        )],
    );
}

#[test]
fn every_fault_of_a_condition_is_told_where_it_stands() {
    check(
        "where-faults",
        &[(
            "[share.core.Organization]",
            "[share.core.Organization]\nwhere = { active = [\"yes\"], \"type.text\" = [\" \"], birthDate = [\"x\"], \
             \"extension:urn:x\" = [\"a\"], absent = [\"adress\"], present = [\"contact.name\", \"extension:urn:y\"], \
             any = [{}, { not_labelled = [\"MH\"], id = [] }, { any = [{ any = [{ any = [{ any = [{ id = [\"a\"] }] }] }] }] }] }",
        )],
    );
    check(
        "where-media",
        &[(
            "where = { contentType = [\"text/plain\", \"application/pdf\"] }",
            "where = { contentType = [\"Text/Plain\", \"pdf\", \"text/plain; charset=utf-8\", \"application/fhir+xml\", \"message/rfc822\", \"application/zip\"] }",
        )],
    );
    check(
        "attachments",
        &[
            ("where = { \"content.attachment.contentType\" = [\"text/plain\", \"application/pdf\"] }\n", ""),
            (
                "[share.core.Organization]",
                "[share.core.Communication]\n\"payload.content[x]\" = \"what was said\"\nwhere = { any = [{ \
                 \"payload.contentAttachment.contentType\" = [\"image/png\"] }, { absent = [\"payload\"] }] }\n\
                 [share.core.DiagnosticReport]\n\"presentedForm.data\" = \"the report\"\nwhere = { any = [{ \
                 \"presentedForm.contentType\" = [\"image/png\"] }, { status = [\"final\"] }] }\n\
                 [share.core.Media]\n\"content.title\" = \"what it shows\"\n\
                 [share.core.Group]\nquantity = \"how many there are\"\n\n[share.core.Organization]",
            ),
        ],
    );
    check("binary", &[("where = { contentType = [\"text/plain\", \"application/pdf\"] }\n", "")]);
}

#[test]
fn items_and_types_of_a_choice_are_named_one_by_one() {
    check(
        "items",
        &[
            (
                "[share.core.Organization]",
                "[share.core.QuestionnaireResponse]\n\"item:mobility\" = \"how the person gets about\"\n\"item:\" = \"x\"\n\
                 \"status:x\" = \"x\"\n\n[share.core.Organization]",
            ),
            ("section = ", "\"section:1184593002\" = "),
            ("\"onset[x]\" = ", "onsetAge = "),
        ],
    );
}

#[test]
fn only_modifiers_are_withheld_by_name() {
    check(
        "withhold",
        &[(
            "[share.core.Patient]",
            "[share.core.Patient]\nwithhold = [\"active\", \"photo\", \"deceased[x]\", \"links\", \"modifierExtension\"]",
        )],
    );
}

#[test]
fn blocks_name_shares_and_systems_that_exist_and_each_role_once() {
    check(
        "blocks",
        &[
            ("roles = [\"R1460\"]", "roles = [\"R1460\", \"R8014\", \"1330\"]"),
            ("standing = \"supervised\"", "standing = \"unregistered\""),
            ("share = [\"core\", \"visit\", \"clinical\"]", "share = [\"core\", \"visits\", \"core\"]"),
            ("systems = [\"council\"]", "systems = [\"council\", \"hospital\", \"counsil\"]\nroles = []"),
        ],
    );
}

#[test]
fn what_may_be_changed_is_seen_and_decides_nothing() {
    check(
        "writes",
        &[
            ("[share.core.Patient]", "[share.core.List]\ntitle = \"which list it is\"\n[share.core.Patient]"),
            (
                "share = [\"core\", \"visit\", \"clinical\"]",
                "share = [\"core\", \"visit\", \"clinical\"]\n[recipient_role.write]\n\
             delete = [\"Condition\", \"Condition\", \"Patient\", \"Binary\", \"Procedure\"]\n\
             List = [\"title\"]\nPatient = [\"name\", \"name\", \"identifier\", \"photo\", \"meta\", \"nmae\", \"name.family\"]\n\
             Condition = [\"subject\", \"code\"]\nConsent = [\"status\"]\nEncounter = []",
            ),
        ],
    );
}

/// A share that lets `written` be changed; its table of Conditions is `table`, and there is `more`.
fn written_site(table: &str, more: &str, written: &str) -> Site {
    let site = Site::example();
    let shared = format!(
        "[share.core.Condition]\n{table}\n[share.core.Patient]\nmaritalStatus = \"how to address her\"\n\
         address = \"where to visit\"\n"
    );
    site.edit(DISCHARGE, "[share.core.Patient]\n", &shared);
    site.edit(DISCHARGE, "[share.core.Practitioner]", &format!("{more}\n[share.core.Practitioner]"));
    let block = "share = [\"core\", \"visit\", \"clinical\"]";
    let named = if more.contains("share.more") { "\"core\", \"more\"" } else { "\"core\"" };
    site.edit(DISCHARGE, block, &format!("share = [{named}, \"visit\"]\n[recipient_role.write]\n{written}"));
    site
}

#[track_caller]
fn written(case: &str, table: &str, more: &str, written: &str) {
    told(case, &written_site(table, more, written));
}

const REASONED: &str = "clinicalStatus = \"a\"\nseverity = \"a\"\nbodySite = \"a\"\nnote = \"a\"\nstage = \"a\"\n\
    evidence = \"a\"\n\"onset[x]\" = \"a\"\nrecordedDate = \"a\"\ncode = \"a\"\n\"abatement[x]\" = \"a\"\nasserter = \"a\"\n\
    category = \"a\"\n";

#[test]
fn what_is_written_is_shown_whole_of_every_resource_and_is_no_ones_rule() {
    let all = "Patient = [\"maritalStatus\", \"address\"]\nCondition = [\"clinicalStatus\", \"severity\", \"bodySite\", \"note\", \
        \"stage\", \"evidence\", \"onset[x]\", \"recordedDate\", \"code\", \"abatement[x]\", \"asserter\", \"category\"]";
    let other = |table: &str| format!("[share.more.Condition]\n{table}\n");
    written("writes-by-content", REASONED, &other("\"severity.text\" = \"a\""), all);
    // A table that holds for some only, beside one that holds for all, and two of which both name it.
    let some = "Condition = [\"severity\", \"bodySite\"]";
    let psy = "bodySite = \"a\"\nseverity = \"a\"\nwhere = { not_labelled = [\"PSY\"] }";
    written("writes-of-some", "clinicalStatus = \"a\"\nbodySite = \"a\"", &other(psy), some);
    let labelled = "bodySite = \"a\"\nwhere = { not_labelled = [\"PSY\"] }";
    written("writes-of-each", labelled, &other(psy), "Condition = [\"bodySite\"]");
    // Conditions, modifiers that are kept back, and extensions of it that somebody is shown.
    let by_status = "note = \"a\"\nwhere = { \"severity.text\" = [\"x\"], any = [{ absent = [\"bodySite\"] }, { present = [\"note\"] }] }";
    written("writes-of-rules", REASONED, &other(by_status), some);
    let site = written_site(REASONED, "", some);
    site.edit(
        HOSPITAL,
        "[share.record.Condition]\n",
        "[share.record.Condition]\nwhere = { present = [\"bodySite\"] }\n",
    );
    told("writes-of-others", &site);
    site.edit(HOSPITAL, "status = \"in-force\"", "status = \"ended\"");
    told("writes-of-ended", &site);
    let places = "Patient = [\"address\", \"maritalStatus\"]\nCondition = [\"abatement[x]\", \"severity\"]";
    let site = written_site(REASONED, "", places);
    site.edit("portcullis.toml", "name = \"hospital\"\n", "name = \"hospital\"\nshields_households = true\n");
    told("writes-of-places", &site);
    let kept =
        "[share.elsewhere.Condition]\n\"bodySite.extension:urn:x\" = \"a\"\nwithhold = [\"clinicalStatus\"]";
    written("writes-of-kept", REASONED, kept, "Condition = [\"severity\", \"bodySite\", \"clinicalStatus\"]");
}

#[test]
fn an_agreement_in_force_was_signed() {
    check("unsigned", &[("approved_by = \"Caldicott Guardian, Northshire Hospitals\"\n", "")]);
    check(
        "unsigned-draft",
        &[
            ("approved_by = \"Caldicott Guardian, Northshire Hospitals\"\n", ""),
            ("\"in-force\"", "\"draft\""),
        ],
    );
}

#[test]
fn dates_that_need_a_look_are_warnings() {
    check(
        "over",
        &[("until = 2035-03-31", "until = 2026-05-31"), ("review_by = 2035-01-31", "review_by = 2026-05-31")],
    );
    check("review-due", &[("review_by = 2035-01-31", "review_by = 2026-07-01")]);
}

#[test]
fn purposes_beyond_direct_care_are_not_covered_by_implied_consent() {
    check("beyond-care", &[("purposes = [\"TREAT\", \"COC\"]", "purposes = [\"TREAT\", \"HRESCH\"]")]);
}

#[test]
fn ties_of_care_may_be_left_out_inside_one_organisation_only() {
    let site = Site::example();
    site.edit(HOSPITAL, "relationship = [\"care-team\", \"encounter\"]", "relationship = []");
    assert_eq!(site.problems(), [] as [&str; 0]);
    check("no-ties", &[("relationship = [\"care-team\", \"encounter\", \"referral\"]", "relationship = []")]);
}

#[test]
fn what_nobody_sees_is_a_warning() {
    check(
        "unused",
        &[
            ("share = [\"core\", \"visit\", \"letter\"]", "share = [\"core\", \"visit\"]"),
            (
                "[share.core.Organization]",
                "[share.core.Endpoint]\nname = \"why not\"\n\n[share.core.Organization]",
            ),
            ("[share.core.Practitioner]", "[share.core.Practitioner]\nidentifier = \"which one it is\""),
        ],
    );
}

#[test]
fn two_agreements_that_could_match_one_request_are_both_named() {
    let site = Site::example();
    let text = std::fs::read_to_string(site.path(DISCHARGE)).unwrap();
    site.write("agreements/a-copy.toml", &text);
    told("same-id", &site);

    let other = text.replace("id = \"discharge-to-adult-social-care\"", "id = \"another\"");
    site.write("agreements/a-copy.toml", &other);
    told("overlap-role", &site);

    let systems_only = other.replace("\"R1330\", \"R8014\"", "\"R9565\"").replace("\"R1460\"", "\"R9725\"");
    site.write("agreements/a-copy.toml", &systems_only);
    told("overlap-system", &site);

    let apart = systems_only
        .replace("\"TREAT\", \"COC\"", "\"HQUALIMP\"")
        .replace("\"ETREAT\", \"BTG\", \"THREAT\"", "");
    let apart = apart.replace("implied-consent", "section-251");
    site.write("agreements/a-copy.toml", &apart);
    assert_eq!(site.problems(), [] as [&str; 0]);
}

#[test]
fn agreements_that_follow_each_other_or_rest_do_not_collide() {
    let site = Site::example();
    let text = std::fs::read_to_string(site.path(DISCHARGE)).unwrap();
    let other = text.replace("id = \"discharge-to-adult-social-care\"", "id = \"another\"");
    let later =
        other.replace("from = 2025-04-01, until = 2035-03-31", "from = 2035-04-01, until = 2036-03-31");
    site.write("agreements/another.toml", &later);
    assert_eq!(site.problems(), [] as [&str; 0]);
    for status in ["draft", "suspended", "ended"] {
        site.write("agreements/another.toml", &other.replace("\"in-force\"", &format!("{status:?}")));
        assert_eq!(site.problems(), [] as [&str; 0], "{status}");
    }
}

#[test]
fn a_folder_without_agreements_is_a_warning_and_no_folder_a_fault() {
    let folder = tempfile::tempdir().unwrap();
    let (agreements, problems) = load(folder.path(), &[], TODAY);
    assert!(agreements.is_some_and(|agreements| agreements.all().is_empty()));
    assert!(problems[0].text.starts_with("there is no agreement here"));
    let (agreements, problems) = load(&folder.path().join("none"), &[], TODAY);
    assert!(agreements.is_none());
    assert!(problems[0].text.starts_with("is no folder that can be read"));
}

#[test]
fn files_that_are_no_agreements_are_left_alone() {
    let site = Site::example();
    site.write("agreements/README.md", "not toml");
    site.write("agreements/.discharge.toml.swp", "not toml");
    site.write("agreements/.hidden.toml", "not toml");
    assert_eq!(site.problems(), [] as [&str; 0]);
}

#[test]
fn the_version_tells_wordings_apart() {
    let site = Site::example();
    let text = std::fs::read_to_string(site.path(HOSPITAL)).unwrap();
    let one = read_one(Path::new("a.toml"), &text, &[], TODAY).unwrap();
    let other = read_one(Path::new("a.toml"), &format!("{text}\n"), &[], TODAY).unwrap();
    assert_eq!(one.version.len(), 64);
    assert_ne!(one.version, other.version);
}

#[test]
fn the_first_rule_that_nothing_satisfies_names_the_refusal() {
    let agreements = agreements();
    let (hospital, council) = (ods("RX1"), ods("E10000099"));
    let ask = |from: &OdsCode, to: &OdsCode, purpose: PurposeOfUse, who: &str, day: jiff::civil::Date| {
        agreements
            .matching_role(from, to, purpose, role(who), day)
            .map(|found| (found.agreement.id.to_string(), found.cover))
    };
    let discharge = "discharge-to-adult-social-care".to_owned();
    assert_eq!(
        ask(&hospital, &council, PurposeOfUse::Coc, "R1330", TODAY),
        Ok((discharge.clone(), Cover::Purpose))
    );
    assert_eq!(ask(&hospital, &council, PurposeOfUse::Btg, "R1330", TODAY), Ok((discharge, Cover::Override)));
    assert_eq!(
        ask(&hospital, &hospital, PurposeOfUse::Treat, "R0140", TODAY),
        Ok(("care-in-hospital".to_owned(), Cover::Purpose))
    );
    for (from, to, purpose, who, day, refusal) in [
        (&council, &hospital, PurposeOfUse::Treat, "R1330", TODAY, Refusal::NoSharingAgreement),
        (&hospital, &council, PurposeOfUse::Treat, "R1330", date(2025, 3, 31), Refusal::NoSharingAgreement),
        (&hospital, &council, PurposeOfUse::Treat, "R1330", date(2035, 4, 1), Refusal::NoSharingAgreement),
        (&hospital, &council, PurposeOfUse::Hresch, "R0260", TODAY, Refusal::RoleNotCovered),
        (
            &hospital,
            &council,
            PurposeOfUse::Hresch,
            "R1330",
            TODAY,
            Refusal::PurposeNotCovered(PurposeOfUse::Hresch),
        ),
        (
            &hospital,
            &council,
            PurposeOfUse::Ertreat,
            "R1330",
            TODAY,
            Refusal::PurposeNotCovered(PurposeOfUse::Ertreat),
        ),
    ] {
        assert_eq!(ask(from, to, purpose, who, day), Err(refusal), "{from} {to} {purpose} {who} {day}");
    }
}

#[test]
fn the_last_day_in_force_counts_and_the_next_does_not() {
    let agreements = agreements();
    let on = |day| {
        agreements
            .matching_role(&ods("RX1"), &ods("E10000099"), PurposeOfUse::Treat, role("R8014"), day)
            .is_ok()
    };
    assert!(on(date(2025, 4, 1)) && on(date(2035, 3, 31)));
    assert!(!on(date(2025, 3, 31)) && !on(date(2035, 4, 1)));
}

#[test]
fn each_block_shares_the_union_of_its_tables() {
    let agreements = agreements();
    let (hospital, council) = (ods("RX1"), ods("E10000099"));
    let patient = tables::resource_type("Patient").unwrap();
    let condition = tables::resource_type("Condition").unwrap();
    let worker =
        agreements.matching_role(&hospital, &council, PurposeOfUse::Treat, role("R1330"), TODAY).unwrap();
    let support =
        agreements.matching_role(&hospital, &council, PurposeOfUse::Treat, role("R1460"), TODAY).unwrap();
    assert_eq!((worker.standing, support.standing), (Standing::Registered, Standing::Supervised));
    assert_eq!((worker.share.tables(patient).len(), support.share.tables(patient).len()), (2, 1));
    assert_eq!((worker.share.tables(condition).len(), support.share.tables(condition).len()), (1, 0));
    let letters = agreements
        .matching_system(&hospital, &council, PurposeOfUse::Coc, &SystemName::new("council"), TODAY)
        .unwrap();
    assert!(!letters.share.tables(tables::resource_type("Composition").unwrap()).is_empty());
    assert_eq!(
        agreements
            .matching_system(&hospital, &council, PurposeOfUse::Coc, &SystemName::new("hospital"), TODAY)
            .map(|found| found.cover),
        Err(Refusal::RoleNotCovered)
    );
}
