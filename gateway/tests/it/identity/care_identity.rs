//! Staff by CIS2: each claim that is missing, doubled or contradicts another is one row.

use fhir::purpose_of_use::PurposeOfUse;
use gateway::requestor::{Keys, Party, Unauthenticated};
use gateway::settings::Claims;
use jsonwebtoken::Algorithm;
use serde_json::{Value, json};

use super::{NOW, Site, bearer, issuer, settings, with, without};
use crate::support::identity::SigningKey;
use crate::support::site::{BASE, ods};

const CIS2: &str = "https://am.nhsidentity.example";

fn site() -> Site {
    let folder = tempfile::tempdir().unwrap();
    let staff = SigningKey::new(Algorithm::RS256, "smartcards");
    let person = SigningKey::new(Algorithm::ES384, "person");
    let purpose = PurposeOfUse::parse("TREAT").unwrap();
    let issuers = vec![issuer(folder.path(), CIS2, Claims::Cis2 { purpose }, &[&staff])];
    let keys = Keys::load(&issuers).unwrap();
    let settings = settings(folder.path(), issuers, Vec::new());
    Site { _folder: folder, settings, keys, staff, person }
}

fn role(id: &str, organisation: &str, code: &str) -> Value {
    json!({
        "person_orgid": "555254239107", "person_roleid": id, "org_code": organisation, "role_code": code,
        "role_name": "\"Clinical\":\"Clinical Provision\":\"Nurse Access Role\"", "activity_codes": ["B0380"]
    })
}

fn nurse() -> Value {
    json!({
        "iss": CIS2, "sub": "555036632103", "aud": BASE, "exp": NOW + 300, "iat": NOW - 10,
        "acr": "AAL3_ANY", "id_assurance_level": "3", "authentication_assurance_level": "3", "amr": ["N3_SMARTCARD"],
        "nhsid_useruid": "555036632103", "name": "Nora Nurse", "selected_roleid": "r-2",
        "nhsid_nrbac_roles": [role("r-1", "RX9", "S8000:G8000:R8000"), role("r-2", "RX1", "S8000:G8001:R8001")]
    })
}

#[test]
fn a_member_of_staff_acts_in_the_role_that_was_selected() {
    let site = site();
    let requestor = site.identify(bearer(&site.staff.token(&nurse())), None).unwrap();
    let Party::Professional(who) = requestor.party else { panic!("staff") };
    assert_eq!((who.subject.as_str(), who.name.as_str()), ("555036632103", "Nora Nurse"));
    assert_eq!((who.organisation, who.role.code()), (ods("RX1"), "R8001".into()));
    assert_eq!(who.purpose.code(), "TREAT");
    let only =
        with(without(nurse(), "selected_roleid"), "nhsid_nrbac_roles", json!([role("r-9", "RX9", "R8000")]));
    let requestor = site.identify(bearer(&site.staff.token(&only)), None).unwrap();
    assert_eq!(requestor.organisation(), Some(&ods("RX9")));
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn claims_of_staff_that_are_missing_several_or_contradict_prove_nothing() {
    use Unauthenticated as No;
    let site = site();
    let roles = |roles: Value| with(nurse(), "nhsid_nrbac_roles", roles);
    let second = |role: Value| roles(json!([role]));
    let r2 = || role("r-2", "RX1", "R8001");
    for (case, claims, expected) in [
        ("as it should be", nurse(), Ok(())),
        ("no user", without(nurse(), "nhsid_useruid"), Err(No::Claim("nhsid_useruid"))),
        ("two users", with(nurse(), "nhsid_useruid", json!(["1", "2"])), Err(No::Claim("nhsid_useruid"))),
        ("the same user twice", with(nurse(), "uid", "555036632103".into()), Ok(())),
        ("another user", with(nurse(), "uid", "555036632104".into()), Err(No::Claim("uid"))),
        ("no name", without(nurse(), "name"), Err(No::Claim("name"))),
        ("an empty name", with(nurse(), "name", "".into()), Err(No::Claim("name"))),
        ("no roles", without(nurse(), "nhsid_nrbac_roles"), Err(No::Claim("nhsid_nrbac_roles"))),
        ("roles that are no list", roles(r2()), Err(No::Claim("nhsid_nrbac_roles"))),
        ("a role that is no object", roles(json!(["r-2"])), Err(No::Claim("nhsid_nrbac_roles"))),
        ("a list of no roles", roles(json!([])), Err(No::Claim("selected_roleid"))),
        (
            "a list of no roles, none selected",
            without(roles(json!([])), "selected_roleid"),
            Err(No::Claim("nhsid_nrbac_roles")),
        ),
        (
            "several roles, none selected",
            without(nurse(), "selected_roleid"),
            Err(No::Claim("selected_roleid")),
        ),
        (
            "a role she does not have",
            with(nurse(), "selected_roleid", "r-3".into()),
            Err(No::Claim("selected_roleid")),
        ),
        (
            "two selected",
            with(nurse(), "selected_roleid", json!(["r-1", "r-2"])),
            Err(No::Claim("selected_roleid")),
        ),
        ("the selected role twice", roles(json!([r2(), r2()])), Err(No::Claim("nhsid_nrbac_roles"))),
        ("a role without an id", second(without(r2(), "person_roleid")), Err(No::Claim("person_roleid"))),
        ("no organisation", second(without(r2(), "org_code")), Err(No::Claim("org_code"))),
        ("no code", second(without(r2(), "role_code")), Err(No::Claim("role_code"))),
        ("an organisation that is none", second(role("r-2", "RX 1", "R8001")), Err(No::Claim("org_code"))),
        ("a code that is none", second(role("r-2", "RX1", "nurse")), Err(No::Claim("role_code"))),
        ("the organisation at the top too", with(nurse(), "org_code", "RX1".into()), Ok(())),
        (
            "another organisation at the top",
            with(nurse(), "org_code", "RX9".into()),
            Err(No::Claim("org_code")),
        ),
        ("another code at the top", with(nurse(), "role_code", "R8000".into()), Err(No::Claim("role_code"))),
        ("the same purpose", with(nurse(), "purpose_of_use", "TREAT".into()), Ok(())),
        (
            "another purpose",
            with(nurse(), "purpose_of_use", "HRESCH".into()),
            Err(No::Claim("purpose_of_use")),
        ),
        ("assured at level 2", with(nurse(), "authentication_assurance_level", "2".into()), Ok(())),
        ("a level as a number", with(nurse(), "authentication_assurance_level", 3.into()), Ok(())),
        ("a password alone", with(nurse(), "authentication_assurance_level", "1".into()), Err(No::Assurance)),
        (
            "an identity that was only claimed",
            with(nurse(), "id_assurance_level", "1".into()),
            Err(No::Assurance),
        ),
        (
            "no level of the sign-in",
            without(nurse(), "authentication_assurance_level"),
            Err(No::Claim("authentication_assurance_level")),
        ),
        (
            "no level of the identity",
            without(nurse(), "id_assurance_level"),
            Err(No::Claim("id_assurance_level")),
        ),
    ] {
        site.check(case, &site.staff.token(&claims), expected);
    }
}

#[test]
fn a_refused_claim_is_named_and_nothing_of_it_is_told() {
    let site = site();
    let claims = with(nurse(), "role_code", "secret-canary".into());
    let why = site.identify(bearer(&site.staff.token(&claims)), None).unwrap_err();
    let told = format!("{why} {why:?} {}", why.reason());
    assert!(told.contains("role_code") && !told.contains("canary"), "{told}");
}
