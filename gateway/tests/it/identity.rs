//! Who asks: each wrong token and certificate is one row.

use fhir::purpose_of_use::PurposeOfUse;
use futures_util::FutureExt;
use gateway::requestor::stated::stated;
use gateway::requestor::{Keys, Party, Proof, Requestor, Supervision, Unauthenticated, identify};
use gateway::server::arrived::{ClientCertificate, Headers, Method, Secret};
use gateway::settings::{Claims, Client, KeySource, Settings, SpeaksFor};
use jiff::Timestamp;
use jsonwebtoken::Algorithm;
use serde_json::{Value, json};
use tempfile::TempDir;

mod care_identity;
mod fetching;
mod rotating;
mod session;

use crate::support::identity::{SigningKey, issuer};
use crate::support::site::{BASE, arrived, bearer, ods, settings};

const NOW: i64 = 1_800_000_000;
const COUNCIL: &str = "https://identity.council.example";
const LOGIN: &str = "https://auth.login.example";

struct Site {
    _folder: TempDir,
    settings: Settings,
    keys: Keys,
    staff: SigningKey,
    person: SigningKey,
}

fn site() -> Site {
    let folder = tempfile::tempdir().unwrap();
    let staff = SigningKey::new(Algorithm::ES256, "staff-1");
    let person = SigningKey::new(Algorithm::ES384, "person-1");
    let issuers = vec![
        issuer(folder.path(), COUNCIL, Claims::Iua, &[&staff]),
        issuer(folder.path(), LOGIN, Claims::NhsLogin, &[&person]),
    ];
    let client = |san: &str| Client {
        san: san.into(),
        organisation: ods("RX1"),
        role: gateway::settings::ClientRole::System,
        purposes: vec![PurposeOfUse::parse("COC").unwrap()],
    };
    let clients = vec![client("dns:adt.Hospital.example"), client("uri:urn:nhs:asid:1")];
    let keys = Keys::load(&issuers).unwrap();
    let settings = settings(folder.path(), issuers, clients);
    Site { _folder: folder, settings, keys, staff, person }
}

fn social_worker() -> Value {
    json!({
        "iss": COUNCIL, "sub": "u-77", "aud": BASE, "jti": "t-1",
        "iat": NOW - 10, "nbf": NOW - 10, "exp": NOW + 300,
        "subject_name": "Sam Social", "subject_organization_id": "E10000099",
        "subject_role": [{"system": "https://fhir.hl7.org.uk/CodeSystem/UKCore-SDSJobRoleName", "code": "R1330"}],
        "purpose_of_use": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "TREAT"}]
    })
}

fn ann() -> Value {
    json!({
        "iss": LOGIN, "sub": "p-1", "aud": [BASE], "exp": NOW + 300,
        "nhs_number": "9990000018", "identity_proofing_level": "P9", "given_name": "Ann", "family_name": "Example"
    })
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

impl Site {
    fn identify(
        &self,
        headers: Headers,
        shown: Option<ClientCertificate>,
    ) -> Result<Requestor, Unauthenticated> {
        self.identify_at(headers, shown, at(NOW))
    }

    fn identify_at(
        &self,
        headers: Headers,
        shown: Option<ClientCertificate>,
        now: Timestamp,
    ) -> Result<Requestor, Unauthenticated> {
        let mut request = arrived(Method::Get, "/hospital/fhir/Patient/1", headers, "");
        request.certificate = shown;
        identify(&request, &self.keys, &self.settings, now).now_or_never().expect("keys of a file are there")
    }

    #[track_caller]
    fn check(&self, case: &str, token: &str, expected: Result<(), Unauthenticated>) {
        assert_eq!(self.identify(bearer(token), None).map(|_| ()), expected, "{case}");
    }
}

fn with(mut claims: Value, name: &str, value: Value) -> Value {
    claims[name] = value;
    claims
}

fn without(mut claims: Value, name: &str) -> Value {
    claims.as_object_mut().unwrap().remove(name);
    claims
}

fn certificate(sans: &[&str]) -> ClientCertificate {
    ClientCertificate { sans: sans.iter().map(|san| (*san).to_owned()).collect(), thumbprint: [7; 32] }
}

#[test]
fn a_member_of_staff_is_known_by_signed_claims_at_the_top_or_in_the_extension() {
    let site = site();
    let mut nested = without(social_worker(), "purpose_of_use");
    nested = without(nested, "subject_role");
    nested["subject_role"] = "R1330".into();
    nested["extensions"] = json!({"ihe_iua": {"purpose_of_use": ["TREAT"]}});
    for claims in [social_worker(), nested] {
        let requestor = site.identify(bearer(&site.staff.token(&claims)), None).unwrap();
        let Party::Professional(who) = requestor.party else { panic!("staff") };
        assert_eq!((who.subject.as_str(), who.name.as_str()), ("u-77", "Sam Social"));
        assert_eq!(who.organisation, ods("E10000099"));
        assert_eq!(who.role.code(), "R1330");
        assert_eq!(who.purpose.code(), "TREAT");
        assert_eq!(who.supervision, Supervision::NotStated);
        let Proof::Token { issuer, token_id, .. } = requestor.proof else { panic!("token") };
        assert_eq!((issuer.as_str(), token_id.as_str()), (COUNCIL, "urn:ietf:params:oauth:jti:t-1"));
    }
}

#[test]
fn every_algorithm_that_is_taken_verifies() {
    for algorithm in
        [Algorithm::RS256, Algorithm::RS384, Algorithm::RS512, Algorithm::ES384, Algorithm::EdDSA]
    {
        let folder = tempfile::tempdir().unwrap();
        let key = SigningKey::new(algorithm, "k");
        let issuers = vec![issuer(folder.path(), COUNCIL, Claims::Iua, &[&key])];
        let keys = Keys::load(&issuers).unwrap();
        let settings = settings(folder.path(), issuers, Vec::new());
        let request = arrived(Method::Get, "/a", bearer(&key.token(&social_worker())), "");
        let known = identify(&request, &keys, &settings, at(NOW)).now_or_never().unwrap();
        assert!(known.is_ok(), "{algorithm:?}");
    }
}

#[test]
fn an_issuer_names_staff_of_the_organisations_it_speaks_for_and_of_no_others() {
    let folder = tempfile::tempdir().unwrap();
    let key = SigningKey::new(Algorithm::ES256, "k");
    let mut council = issuer(folder.path(), COUNCIL, Claims::Iua, &[&key]);
    council.speaks_for = SpeaksFor::Only(vec![ods("E10000099"), ods("E10000001")]);
    let issuers = vec![council];
    let keys = Keys::load(&issuers).unwrap();
    let settings = settings(folder.path(), issuers, Vec::new());
    for (organisation, is_known) in
        [("E10000099", true), ("ods:e10000001", true), ("RX1", false), ("E10000002", false)]
    {
        let claims = with(social_worker(), "subject_organization_id", organisation.into());
        let request = arrived(Method::Get, "/a", bearer(&key.token(&claims)), "");
        let known = identify(&request, &keys, &settings, at(NOW)).now_or_never().unwrap();
        let expected = if is_known { Ok(()) } else { Err(Unauthenticated::Organisation) };
        assert_eq!(known.map(|_| ()), expected, "{organisation}");
        assert_eq!(stated(&claims, &settings).map(|_| ()), expected, "{organisation}, as a file states it");
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn a_token_with_any_wrong_claim_proves_nothing() {
    use Unauthenticated as No;
    let site = site();
    let good = social_worker;
    let supervised = |until: &str| {
        with(with(good(), "supervisor", "R. Registered".into()), "supervised_until", until.into())
    };
    for (case, claims, expected) in [
        ("as it should be", good(), Ok(())),
        ("issuer unknown", with(good(), "iss", "https://evil.example".into()), Err(No::UnknownIssuer)),
        ("issuer of another dialect", with(good(), "iss", LOGIN.into()), Err(No::UnknownKey)),
        ("issuer missing", without(good(), "iss"), Err(No::Claim("iss"))),
        ("subject missing", without(good(), "sub"), Err(No::Claim("sub"))),
        ("subject not text", with(good(), "sub", 7.into()), Err(No::Claim("sub"))),
        ("audience missing", without(good(), "aud"), Err(No::Audience)),
        ("audience of another", with(good(), "aud", "https://other.example".into()), Err(No::Audience)),
        (
            "audience that starts like ours",
            with(good(), "aud", format!("{BASE}.evil.example").into()),
            Err(No::Audience),
        ),
        ("audience among others", with(good(), "aud", json!(["https://other.example", BASE])), Ok(())),
        ("audience with a slash", with(good(), "aud", format!("{BASE}/").into()), Ok(())),
        ("expiry missing", without(good(), "exp"), Err(No::Claim("exp"))),
        ("expiry as text", with(good(), "exp", "1900000000".into()), Err(No::Claim("exp"))),
        ("expiry negative", with(good(), "exp", (-1).into()), Err(No::Claim("exp"))),
        ("expired within the skew", with(good(), "exp", (NOW - 59).into()), Ok(())),
        ("expired", with(good(), "exp", (NOW - 60).into()), Err(No::Expired)),
        ("not yet, within the skew", with(good(), "nbf", (NOW + 60).into()), Ok(())),
        ("not yet", with(good(), "nbf", (NOW + 61).into()), Err(No::NotYetValid)),
        ("issued in the future", with(good(), "iat", (NOW + 61).into()), Err(No::NotYetValid)),
        ("role missing", without(good(), "subject_role"), Err(No::Claim("subject_role"))),
        (
            "two roles",
            with(good(), "subject_role", json!(["R1330", "R8000"])),
            Err(No::Several("subject_role")),
        ),
        ("the same role twice", with(good(), "subject_role", json!(["R1330", "R1330"])), Ok(())),
        (
            "role of another system",
            with(good(), "subject_role", "urn:x|R1330".into()),
            Err(No::Claim("subject_role")),
        ),
        ("role by its triple", with(good(), "subject_role", "S8000:G8000:R1330".into()), Ok(())),
        ("no purpose", with(good(), "purpose_of_use", json!([])), Err(No::Claim("purpose_of_use"))),
        (
            "two purposes",
            with(good(), "purpose_of_use", json!(["TREAT", "COC"])),
            Err(No::Several("purpose_of_use")),
        ),
        (
            "a purpose that is none",
            with(good(), "purpose_of_use", "SNOOP".into()),
            Err(No::Claim("purpose_of_use")),
        ),
        (
            "purposes that disagree",
            with(good(), "extensions", json!({"ihe_iua": {"purpose_of_use": ["COC"]}})),
            Err(No::Claim("purpose_of_use")),
        ),
        (
            "organisation missing",
            without(good(), "subject_organization_id"),
            Err(No::Claim("subject_organization_id")),
        ),
        (
            "organisation with its system",
            with(
                good(),
                "subject_organization_id",
                "https://fhir.nhs.uk/Id/ods-organization-code|E10000099".into(),
            ),
            Ok(()),
        ),
        (
            "organisation of another system",
            with(good(), "subject_organization_id", "urn:x|E10000099".into()),
            Err(No::Claim("subject_organization_id")),
        ),
        ("name missing", without(good(), "subject_name"), Err(No::Claim("name"))),
        (
            "name with a line break",
            with(good(), "subject_name", "Sam\nroot".into()),
            Err(No::Claim("subject_name")),
        ),
        (
            "name too long",
            with(good(), "subject_name", "x".repeat(201).into()),
            Err(No::Claim("subject_name")),
        ),
        ("supervised", supervised("2027-01-01"), Ok(())),
        (
            "supervised without an end",
            without(supervised("2027-01-01"), "supervised_until"),
            Err(No::Claim("supervisor")),
        ),
        ("supervised until no date", supervised("soon"), Err(No::Claim("supervised_until"))),
        (
            "bound to a certificate not shown",
            with(good(), "cnf", json!({"x5t#S256": "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc"})),
            Err(No::Binding),
        ),
        ("bound to something else", with(good(), "cnf", json!({"jkt": "x"})), Err(No::Binding)),
    ] {
        site.check(case, &site.staff.token(&claims), expected);
    }
}

#[test]
fn a_token_with_a_wrong_header_or_signature_proves_nothing() {
    use Unauthenticated as No;
    let site = site();
    let claims = social_worker().to_string();
    let header = |name: &str, value: Value| with(site.staff.header(), name, value).to_string();
    let sign = |header: String| site.staff.sign(&header, &claims);
    let good = site.staff.token(&social_worker());
    let (message, signature) = good.rsplit_once('.').unwrap();
    let stranger = SigningKey::new(Algorithm::ES256, "staff-1");
    let mut doubled = claims.clone();
    doubled.insert_str(1, r#""sub":"someone-else","#);
    let mut escaped = claims.clone();
    escaped.insert_str(1, r#""\u0073ub":"someone-else","#);
    for (case, token, expected) in [
        ("typ of an access token", sign(header("typ", "at+jwt".into())), Ok(())),
        (
            "none",
            format!(
                "{}.",
                site.staff.sign(&header("alg", "none".into()), &claims).rsplit_once('.').unwrap().0
            ),
            Err(No::Algorithm),
        ),
        ("None", sign(header("alg", "None".into())), Err(No::Algorithm)),
        ("shared secret", sign(header("alg", "HS256".into())), Err(No::Algorithm)),
        ("padded signatures are not taken", sign(header("alg", "PS256".into())), Err(No::Algorithm)),
        ("algorithm of another kind of key", sign(header("alg", "RS256".into())), Err(No::Algorithm)),
        ("algorithm missing", sign(without(site.staff.header(), "alg").to_string()), Err(No::Algorithm)),
        ("algorithm not text", sign(header("alg", json!(["ES256"]))), Err(No::Claim("alg"))),
        ("key unknown", sign(header("kid", "../../etc/passwd".into())), Err(No::UnknownKey)),
        ("key of another issuer", sign(header("kid", "person-1".into())), Err(No::UnknownKey)),
        ("key not named, only one there is", sign(without(site.staff.header(), "kid").to_string()), Ok(())),
        (
            "key brought along",
            stranger.sign(&with(site.staff.header(), "jwk", stranger.published.clone()).to_string(), &claims),
            Err(No::Signature),
        ),
        (
            "key at an address",
            stranger.sign(&header("jku", "https://evil.example/jwks".into()), &claims),
            Err(No::Signature),
        ),
        ("signed by a stranger with the same key id", stranger.token(&social_worker()), Err(No::Signature)),
        ("extensions demanded", sign(header("crit", json!(["exp"]))), Err(No::Critical)),
        ("payload not encoded", sign(header("b64", false.into())), Err(No::Critical)),
        ("of another kind", sign(header("typ", "logout+jwt".into())), Err(No::Kind)),
        ("a claim twice", site.staff.sign(&header("typ", "JWT".into()), &doubled), Err(No::Malformed)),
        (
            "a claim twice, once escaped",
            site.staff.sign(&header("typ", "JWT".into()), &escaped),
            Err(No::Malformed),
        ),
        (
            "claims that are no object",
            site.staff.sign(&header("typ", "JWT".into()), "[]"),
            Err(No::Malformed),
        ),
        ("signature missing", format!("{message}."), Err(No::Signature)),
        ("signature cut", good.get(..good.len() - 2).unwrap().to_owned(), Err(No::Signature)),
        ("signature padded", format!("{message}.{signature}="), Err(No::Malformed)),
        ("four parts", format!("{good}.x"), Err(No::Malformed)),
        ("one part", "abc".into(), Err(No::Malformed)),
        ("nothing", String::new(), Err(No::Malformed)),
        (
            "too long",
            site.staff.token(&with(social_worker(), "pad", "x".repeat(8192).into())),
            Err(No::Malformed),
        ),
    ] {
        site.check(case, &token, expected);
    }
}

#[test]
fn a_changed_token_is_refused_even_after_the_right_one_was_taken() {
    let site = site();
    let good = site.staff.token(&social_worker());
    site.check("first", &good, Ok(()));
    site.check("again, from memory", &good, Ok(()));
    let other = site.staff.token(&with(social_worker(), "sub", "u-78".into()));
    let (message, _) = other.rsplit_once('.').unwrap();
    let (_, signature) = good.rsplit_once('.').unwrap();
    site.check("signature of another", &format!("{message}.{signature}"), Err(Unauthenticated::Signature));
    let later = site.identify_at(bearer(&good), None, at(NOW + 360));
    assert_eq!(later.map(|_| ()), Err(Unauthenticated::Expired), "memory does not outlive the token");
}

#[test]
fn a_bound_token_counts_only_with_its_certificate() {
    let site = site();
    let cnf = json!({"x5t#S256": "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc"});
    let token = site.staff.token(&with(social_worker(), "cnf", cnf));
    assert!(site.identify(bearer(&token), Some(certificate(&[]))).is_ok());
    let other = ClientCertificate { sans: Vec::new(), thumbprint: [8; 32] };
    let refused = site.identify(bearer(&token), Some(other));
    assert_eq!(refused.map(|_| ()), Err(Unauthenticated::Binding));
}

#[test]
fn a_system_is_known_by_one_san_and_nothing_else() {
    let site = site();
    for (case, sans, expected) in [
        ("its dns name", &["dns:adt.hospital.example"][..], Ok("dns:adt.Hospital.example")),
        ("its uri among others", &["dns:x.example", "uri:urn:nhs:asid:1"], Ok("uri:urn:nhs:asid:1")),
        ("a wildcard", &["dns:*.hospital.example"], Err(Unauthenticated::UnknownClient)),
        ("a uri in capitals", &["uri:URN:NHS:ASID:1"], Err(Unauthenticated::UnknownClient)),
        ("none, common name only", &[], Err(Unauthenticated::UnknownClient)),
        (
            "those of two clients",
            &["dns:adt.hospital.example", "uri:urn:nhs:asid:1"],
            Err(Unauthenticated::UnknownClient),
        ),
    ] {
        let found =
            site.identify(Headers::default(), Some(certificate(sans))).map(|found| match found.party {
                Party::System(system) => system.san,
                Party::Professional(_) | Party::Person(_) => panic!("a system"),
            });
        assert_eq!(found, expected.map(str::to_owned), "{case}");
    }
    assert_eq!(site.identify(Headers::default(), None).map(|_| ()), Err(Unauthenticated::NoProof));
    let wrong_token = site.identify(bearer("x"), Some(certificate(&["dns:adt.hospital.example"])));
    assert_eq!(wrong_token.map(|_| ()), Err(Unauthenticated::Malformed), "a certificate makes no token good");
    let basic = Headers { authorization: Some(Secret::new("Basic eDp5".into())), ..Headers::default() };
    assert_eq!(site.identify(basic, None).map(|_| ()), Err(Unauthenticated::Malformed));
}

#[test]
fn the_person_is_known_by_nhs_login_at_the_highest_level_only() {
    use Unauthenticated as No;
    let site = site();
    for (case, claims, expected) in [
        ("as it should be", ann(), Ok(())),
        ("medium level", with(ann(), "identity_proofing_level", "P5".into()), Err(No::NotProvenEnough)),
        ("no level", without(ann(), "identity_proofing_level"), Err(No::NotProvenEnough)),
        (
            "level of another type",
            with(ann(), "identity_proofing_level", 9.into()),
            Err(No::Claim("identity_proofing_level")),
        ),
        ("two factors", with(ann(), "vot", "P9.Cp.Cd".into()), Ok(())),
        ("two factors, one of them a key", with(ann(), "vot", "P9.Cp.Ck".into()), Ok(())),
        ("a passkey", with(ann(), "vot", "P9.Cm".into()), Ok(())),
        ("a password alone", with(ann(), "vot", "P9.Cp".into()), Err(No::NotProvenEnough)),
        ("a vector below the level", with(ann(), "vot", "P5.Cp.Cd".into()), Err(No::NotProvenEnough)),
        ("a vector of another type", with(ann(), "vot", json!(["P9.Cp.Cd"])), Err(No::Claim("vot"))),
        (
            "number as a number",
            with(ann(), "nhs_number", 9_990_000_018_i64.into()),
            Err(No::Claim("nhs_number")),
        ),
        ("several numbers", with(ann(), "nhs_number", json!(["9990000018"])), Err(No::Claim("nhs_number"))),
        (
            "a name with a line break",
            with(ann(), "family_name", "Ex\nample".into()),
            Err(No::Claim("family_name")),
        ),
        ("no number", without(ann(), "nhs_number"), Err(No::Claim("nhs_number"))),
        (
            "a number that cannot be",
            with(ann(), "nhs_number", "9990000019".into()),
            Err(No::Claim("nhs_number")),
        ),
    ] {
        site.check(case, &site.person.token(&claims), expected);
    }
    let requestor = site.identify(bearer(&site.person.token(&ann())), None).unwrap();
    let Party::Person(person) = requestor.party else { panic!("the person") };
    assert_eq!((person.name.as_str(), person.nhs_number.as_str()), ("Ann Example", "9990000018"));
}

#[test]
fn a_set_of_keys_with_a_fault_is_refused_with_its_file_named() {
    let folder = tempfile::tempdir().unwrap();
    let key = SigningKey::new(Algorithm::ES256, "k");
    let key = key.published;
    let twice = json!({"keys": [key, key]});
    let secret = json!({"keys": [{"kty": "oct", "k": "c2VjcmV0", "kid": "s"}]});
    let private = json!({"keys": [with(key.clone(), "d", "AAAA".into())]});
    let weak = json!({"keys": [fetching::rsa(1024, "weak")]});
    let encryption = json!({"keys": [with(key.clone(), "use", "enc".into())]});
    let other_algorithm = json!({"keys": [with(key.clone(), "alg", "RS256".into())]});
    for (text, says) in [
        ("nonsense", "is not json"),
        (r#"{"keys":1}"#, "has no array of keys"),
        (r#"{"keys":[1]}"#, "key 0 is not a json web key"),
        (r#"{"keys":[]}"#, "has no key for an algorithm"),
        (&twice.to_string(), "key 1 has the key id of another"),
        (&secret.to_string(), "key 0 is a shared secret"),
        (&private.to_string(), "key 0 is private"),
        (&weak.to_string(), "key 0 is an RSA key of less than 2048"),
        (&encryption.to_string(), "has no key for an algorithm"),
        (&other_algorithm.to_string(), "has no key for an algorithm"),
    ] {
        let path = folder.path().join("jwks.json");
        std::fs::write(&path, text).unwrap();
        let listed = gateway::settings::Issuer {
            issuer: COUNCIL.into(),
            keys: KeySource::File(path),
            claims: Claims::Iua,
            audience: BASE.into(),
            speaks_for: SpeaksFor::Everyone,
            sign_in: None,
        };
        let problems = Keys::load(&[listed.clone(), listed]).unwrap_err();
        assert_eq!(problems.len(), 2);
        let shown = problems[0].to_string();
        assert!(shown.contains("jwks.json: ") && shown.contains(says), "{shown}");
    }
}
