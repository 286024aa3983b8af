//! The rules alone, in their order: each is broken by itself, and the earlier one names the refusal.

use super::world::{Asking, DISCHARGE, EXAMPLE, Who, check_admit, emergency_doctor, push, social_worker};

fn support_worker() -> Asking {
    Asking { role: "R1460", supervised_until: Some("2026-06-30"), ..social_worker() }
}

#[test]
fn a_question_that_every_rule_allows_is_admitted() {
    check_admit(&social_worker(), &[], Ok(()));
    check_admit(&support_worker(), &[], Ok(()));
    check_admit(&emergency_doctor(), &[], Ok(()));
    check_admit(&push(), &[], Ok(()));
    check_admit(&social_worker().asks("metadata hospital"), &[], Ok(()));
    check_admit(&push().asks("create council DocumentReference"), &[], Ok(()));
}

#[test]
fn without_an_agreement_in_force_nothing_is_admitted() {
    let refused = Err("no-sharing-agreement");
    check_admit(&Asking { organisation: "ZZ999", ..social_worker() }, &[], refused);
    check_admit(&social_worker().asks("read council Patient"), &[], refused);
    check_admit(&social_worker(), &[(DISCHARGE, "\"in-force\"", "\"suspended\"")], refused);
    check_admit(&social_worker(), &[(DISCHARGE, "\"in-force\"", "\"draft\"")], refused);
    check_admit(&Asking { who: Who::Herself, ..social_worker() }, &[], refused);
    check_admit(&Asking { organisation: "E10000099", ..push() }, &[], refused);
}

#[test]
fn an_agreement_begins_and_ends_with_the_day_in_the_united_kingdom() {
    let dates = (DISCHARGE, "from = 2025-04-01, until = 2035-03-31", "from = 2026-05-01, until = 2026-06-30");
    let review = (DISCHARGE, "review_by = 2035-01-31", "review_by = 2026-06-15");
    let on = |at| Asking { at, ..social_worker() };
    check_admit(&on("2026-04-30T22:59:59Z"), &[dates, review], Err("no-sharing-agreement"));
    check_admit(&on("2026-04-30T23:00:00Z"), &[dates, review], Ok(()));
    check_admit(&on("2026-06-30T22:59:59Z"), &[dates, review], Ok(()));
    check_admit(&on("2026-06-30T23:00:00Z"), &[dates, review], Err("no-sharing-agreement"));
}

#[test]
fn a_role_that_no_block_names_is_refused() {
    check_admit(&Asking { role: "R0260", ..social_worker() }, &[], Err("role-not-covered"));
    check_admit(
        &Asking { role: "R0260", purpose: "HMARKT", ..social_worker() },
        &[],
        Err("role-not-covered"),
    );
    check_admit(&push().asks("read hospital Patient"), &[], Err("role-not-covered"));
    check_admit(
        &Asking { purpose: "TREAT", organisation: "RX1", ..push() }.asks("push hospital"),
        &[],
        Err("role-not-covered"),
    );
}

#[test]
fn a_client_reads_in_the_job_role_that_its_settings_give_it() {
    let edit = ("portcullis.toml", "role = \"system\"", "role = \"R0050\"");
    let reads = Asking { purpose: "TREAT", ..push() }.asks("read hospital Patient");
    check_admit(
        &reads,
        &[edit, ("portcullis.toml", "purposes = [\"COC\"]", "purposes = [\"TREAT\"]")],
        Ok(()),
    );
}

#[test]
fn a_supervised_role_needs_a_supervisor_until_today_at_least() {
    let refused = Err("supervision-missing");
    check_admit(&Asking { supervised_until: None, ..support_worker() }, &[], refused);
    check_admit(&Asking { supervised_until: Some("2026-05-31"), ..support_worker() }, &[], refused);
    check_admit(&Asking { supervised_until: Some("2026-06-01"), ..support_worker() }, &[], Ok(()));
    check_admit(&Asking { supervised_until: None, purpose: "HMARKT", ..support_worker() }, &[], refused);
}

#[test]
fn a_purpose_must_be_named_itself() {
    let refused = Err("purpose-not-covered");
    check_admit(&Asking { purpose: "HRESCH", ..social_worker() }, &[], refused);
    check_admit(&Asking { purpose: "ERTREAT", ..social_worker() }, &[], refused);
    check_admit(&Asking { purpose: "COC", ..social_worker() }, &[], Ok(()));
    check_admit(&Asking { purpose: "TREAT", ..push() }, &[], Ok(()));
    check_admit(&Asking { purpose: "HRESCH", ..push() }, &[], refused);
}

#[test]
fn an_override_needs_a_reason_of_ten_to_five_hundred_characters() {
    let because = |reason: Option<String>| Asking { override_reason: reason, ..emergency_doctor() };
    let missing = Err("override-reason-missing");
    check_admit(&because(None), &[], missing);
    check_admit(&because(Some("123456789".to_owned())), &[], missing);
    check_admit(&because(Some("         1234567890".trim_end_matches('0').to_owned())), &[], missing);
    check_admit(&because(Some("1234567890".to_owned())), &[], Ok(()));
    check_admit(&because(Some("é".repeat(500))), &[], Ok(()));
    check_admit(&because(Some("é".repeat(501))), &[], missing);
}

#[test]
fn a_reason_makes_no_override_of_a_purpose_that_is_none() {
    let asking = Asking { override_reason: Some("I would like to".to_owned()), ..social_worker() };
    let admitted = asking.admitted(&EXAMPLE).unwrap();
    assert_eq!(admitted.override_(), None);
    let admitted = emergency_doctor().admitted(&EXAMPLE).unwrap();
    assert_eq!(admitted.override_().unwrap().reason, "collapsed on the ward");
}

#[test]
fn only_staff_who_stand_by_themselves_override() {
    let because = Some("life and death, really".to_owned());
    let supervised = Asking { purpose: "BTG", override_reason: because.clone(), ..support_worker() };
    check_admit(&supervised, &[], Err("purpose-not-covered"));
    check_admit(
        &Asking { purpose: "BTG", override_reason: because, ..push() },
        &[],
        Err("purpose-not-covered"),
    );
}

#[test]
fn what_is_opened_in_an_emergency_is_read_and_not_changed() {
    let block = "share = [\"person\", \"record\"]";
    let deletes = format!("{block}\n[recipient_role.write]\ndelete = [\"Condition\"]");
    let edits = [("agreements/care-in-hospital.toml", block, deletes.as_str())];
    let refused = Err("purpose-not-covered");
    check_admit(&emergency_doctor().asks("read hospital Condition"), &edits, Ok(()));
    check_admit(&emergency_doctor().asks("delete hospital Condition"), &edits, refused);
    let calm = Asking { purpose: "TREAT", override_reason: None, ..emergency_doctor() };
    check_admit(&calm.asks("delete hospital Condition"), &edits, Ok(()));
}

#[test]
fn a_type_that_is_not_shared_with_the_role_is_refused() {
    check_admit(&social_worker().asks("read hospital Immunization"), &[], Err("type-not-shared"));
    check_admit(&support_worker().asks("read hospital Condition"), &[], Err("type-not-shared"));
    check_admit(&support_worker().asks("search hospital Condition?patient=ann"), &[], Err("type-not-shared"));
    check_admit(&push().asks("create council Condition"), &[], Err("type-not-shared"));
}

#[test]
fn nobody_writes_what_would_prove_their_own_relationship() {
    let source = (
        "portcullis.toml",
        "ca = \"tls/eastshire-ca.pem\"",
        "ca = \"tls/eastshire-ca.pem\"\nrelationship_source = true",
    );
    check_admit(&push().asks("create council Encounter"), &[source], Err("would-prove-own-relationship"));
    check_admit(&push().asks("create council Encounter"), &[], Ok(()));
    check_admit(&push().asks("create council DocumentReference"), &[source], Ok(()));
}

#[test]
fn the_share_goes_from_the_holder_to_the_reader_and_from_the_sender_to_the_target() {
    let read = social_worker().admitted(&EXAMPLE).unwrap();
    assert_eq!((read.parties().discloser.as_str(), read.parties().recipient.as_str()), ("RX1", "E10000099"));
    let sent = push().admitted(&EXAMPLE).unwrap();
    assert_eq!((sent.parties().discloser.as_str(), sent.parties().recipient.as_str()), ("RX1", "E10000099"));
    assert_eq!(sent.share().names, ["core", "visit", "letter"]);
}
