//! `portcullis.toml`: what holds, and every fault by name.

mod posts;

use std::time::{Duration, SystemTime};

use gateway::agreement::Existence;
use gateway::settings::{ClientRole, MllpTransport, Transport};
use proptest::prelude::*;

use crate::golden;
use crate::site::{Site, TODAY};

mod messages;

const SETTINGS: &str = "portcullis.toml";

/// Edits the example and expects exactly the problems of `tests/golden/settings/NAME.txt`.
#[track_caller]
fn check(name: &str, edits: &[(&str, &str)]) {
    let site = Site::example();
    for (from, to) in edits {
        site.edit(SETTINGS, from, to);
    }
    told(name, &site);
}

/// Adds text to the example and expects exactly the problems of `tests/golden/settings/NAME.txt`.
#[track_caller]
fn check_with(name: &str, text: &str) {
    let site = Site::example();
    site.append(SETTINGS, text);
    told(name, &site);
}

#[track_caller]
fn told(name: &str, site: &Site) {
    let problems: String = site.problems().iter().map(|problem| format!("{problem}\n")).collect();
    golden::check(&format!("settings/{name}.txt"), &problems);
}

#[test]
fn the_example_holds_without_a_warning() {
    let checked = Site::example().load().unwrap();
    assert_eq!(checked.warnings, []);
    let settings = checked.settings;
    assert_eq!(settings.gateway.audience, "https://share.northshire.example");
    assert!(matches!(settings.listen.transport, Transport::Tls(ref tls) if tls.client_ca.is_some()));
    assert!(settings.issuers.iter().all(|issuer| issuer.audience == settings.gateway.audience));
    assert_eq!(settings.clients[0].role, ClientRole::System);
    assert!(settings.system("hospital").unwrap().relationship_source);
    assert_eq!(settings.system("council").unwrap().timeout, Duration::from_secs(10));
    assert!(matches!(settings.mllp[0].transport, MllpTransport::Tls { .. }));
    assert_eq!(settings.mllp[0].time_zone, "Europe/London");
    assert_eq!(settings.agreements.all().len(), 2);
    assert_eq!(settings.agreements.by_id("care-in-hospital").unwrap().existence, Existence::Open);
    let council = fhir::ods_code::OdsCode::parse("E10000099").unwrap();
    assert_eq!(settings.organisation_name(&council), "Eastshire County Council, adult social care");
}

#[test]
fn a_missing_file_is_told() {
    let site = Site::example();
    std::fs::remove_file(site.settings()).unwrap();
    assert_eq!(site.problems(), ["portcullis.toml: there is no such file"]);
}

#[test]
fn a_file_that_is_not_toml_is_told_with_every_broken_line() {
    let site = Site::example();
    site.write(SETTINGS, "[gateway\norganisation = \"ods:RX1\"\nbase = = 1\n");
    let problems = site.problems();
    assert!(problems.len() >= 2, "{problems:#?}");
    assert!(problems[0].starts_with("portcullis.toml:1: this is not TOML: "), "{problems:#?}");
    assert!(problems.iter().any(|problem| problem.starts_with("portcullis.toml:3: ")), "{problems:#?}");
}

#[test]
fn an_unknown_key_is_told_with_what_was_probably_meant() {
    check("unknown-key", &[("organisation = \"ods:RX1\"", "organization = \"ods:RX1\"")]);
}

#[test]
fn all_faults_of_one_file_are_told_together() {
    check(
        "many-faults",
        &[
            ("organisation = \"ods:RX1\"", "organisation = \"RX1\""),
            ("https://share.northshire.example", "http://share.northshire.example/base/"),
            ("state = \"state\"", "state = 7"),
            ("\"R0001\"]   #", "\"X0001\"]   #"),
            ("address = \"0.0.0.0:8443\"", "address = \"somewhere\""),
            ("claims = \"iua\"", "claims = \"iau\""),
            ("san = \"dns:adt", "san = \"adt"),
            ("role = \"system\"", "role = \"sytem\""),
            ("name = \"hospital\"", "name = \"guardian\""),
            ("protocol = \"fhir-r4\"", "protocol = \"fhir-r6\""),
            ("relationship_source = true", "relationship_source = \"yes\""),
            ("to = [\"council\"]", "to = [\"counsil\"]"),
            ("purpose = \"COC\"\n", "purpose = \"CARE\"\ntimezone = \"Europe/London\"\n"),
        ],
    );
}

#[test]
fn files_are_looked_into() {
    let site = Site::example();
    site.write("tls/gateway.pem", "no certificate");
    site.write("tls/gateway.key", "no key");
    std::fs::remove_file(site.path("tls/clients-ca.pem")).unwrap();
    site.write("tls/northshire-ca.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    site.write("keys/staff.jwks.json", "{\"keys\":[]}");
    site.write("keys/people.jwks.json", r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"","d":"secret"}]}"#);
    told("files", &site);
    let problems = site.problems();
    assert!(problems.iter().all(|problem| !problem.contains("secret")));
}

#[test]
fn a_key_set_may_hold_public_keys_only() {
    let site = Site::example();
    for (set, expected) in [
        ("{", "is not valid JSON"),
        (r#"{"keys":[],"keys":[]}"#, "is not valid JSON"),
        (r#"{"keys":[{"kty":"oct","k":"AAAA"}]}"#, "key 0 is a shared secret; only public keys are taken"),
        (r#"{"keys":[1]}"#, "key 0 is not a json web key"),
    ] {
        site.write("keys/staff.jwks.json", set);
        assert_eq!(
            site.problems(),
            [format!("portcullis.toml:30: issuer[0].keys: keys/staff.jwks.json: {expected}")]
        );
    }
}

#[test]
fn keys_of_an_issuer_are_in_a_file_or_at_an_address() {
    let file = "keys = \"keys/staff.jwks.json\"";
    let at = |url: &str, more: &str| format!("jwks_url = \"{url}\"\n{more}");
    let (https, http) = ("https://identity.example/jwks", "http://127.0.0.1:8099/jwks");
    let ca = "ca = \"tls/northshire-ca.pem\"";
    for (written, expected) in [
        (at(https, ca), None),
        (at(http, ""), None),
        (at(http, "timeout_ms = 100\nrefresh_ms = 10000\nkeep_ms = 600000"), None),
        (
            String::new(),
            Some("[0].keys: this key is missing: name a file with `keys` or an address with `jwks_url`"),
        ),
        (format!("{file}\n{}", at(https, ca)), Some("[0].jwks_url: the issuer has `keys` already")),
        (format!("{file}\n{ca}"), Some("[0].ca: this is about keys that are fetched")),
        (format!("{file}\nkeep_ms = 600000"), Some("[0].keep_ms: this is about keys that are fetched")),
        (format!("keys = \"{https}\""), Some("[0].keys: name a file here; an address goes into `jwks_url`")),
        (at(https, ""), Some("[0].jwks_url: over https the key `ca` must name the authorities")),
        (at(http, ca), Some("[0].ca: over plain http there is no certificate to check")),
        (at("http://identity.example/jwks", ""), Some("[0].jwks_url: plain http is for loopback only")),
        (
            at("https://me:secret@identity.example/", ca),
            Some("[0].jwks_url: an address must not carry a user"),
        ),
        (at("https://identity.example/?a=b", ca), Some("[0].jwks_url: an address must not carry a query")),
        (at("ftp://identity.example/", ca), Some("[0].jwks_url: an address such as")),
        (at(https, "ca = \"tls/gone.pem\""), Some("[0].ca: tls/gone.pem: there is no such file")),
        (at(http, "timeout_ms = 99"), Some("[0].timeout_ms: a number from 100 to 15000")),
        (at(http, "refresh_ms = 1200000\nkeep_ms = 600000"), Some("[0].keep_ms: keys must be kept")),
    ] {
        let site = Site::example();
        site.edit(SETTINGS, file, &written);
        let problems = site.problems();
        match expected {
            None => assert_eq!(problems, [] as [&str; 0], "{written}"),
            Some(text) => {
                assert_eq!(problems.len(), 1, "{written}: {problems:?}");
                assert!(problems[0].contains(&format!("issuer{text}")), "{written}: {problems:?}");
                assert!(!problems[0].contains("secret"));
            }
        }
    }
}

#[test]
fn an_issuer_of_cis2_names_the_purpose_of_its_users_and_no_other_does() {
    let iua = "claims = \"iua\"";
    for (written, expected) in [
        ("claims = \"cis2\"\npurpose = \"TREAT\"", None),
        ("claims = \"cis2\"", Some("tokens of CIS2 name no purpose of use")),
        ("claims = \"cis2\"\npurpose = \"SNOOP\"", Some("issuer[0].purpose: not a purpose of use")),
        (
            "claims = \"iua\"\npurpose = \"TREAT\"",
            Some("issuer[0].purpose: this goes with `claims = \"cis2\"` only"),
        ),
        ("claims = \"saml\"", Some("`iua`, `cis2` or `nhs-login` is wanted here")),
    ] {
        let site = Site::example();
        site.edit(SETTINGS, iua, written);
        let problems = site.problems();
        match expected {
            None => assert_eq!(problems, [] as [&str; 0], "{written}"),
            Some(text) => {
                assert!(problems.len() == 1 && problems[0].contains(text), "{written}: {problems:?}")
            }
        }
    }
}

#[test]
fn a_revocation_list_out_of_date_is_told_and_one_that_is_none_is_refused() {
    let site = Site::example();
    site.edit(
        SETTINGS,
        "clients-ca.pem\" }\n\n# Whose",
        "clients-ca.pem\", crl = \"tls/clients.crl\" }\n\n# Whose",
    );
    let midnight = TODAY.to_zoned(jiff::tz::TimeZone::UTC).unwrap().timestamp();
    let midnight = SystemTime::from(midnight);
    site.write_revocations("tls/clients.crl", midnight + Duration::from_secs(7 * 86_400));
    assert_eq!(site.problems(), [] as [&str; 0]);
    site.write_revocations("tls/clients.crl", midnight - Duration::from_secs(60));
    assert_eq!(
        site.problems(),
        [
            "portcullis.toml:25: warning: listen.tls.crl: tls/clients.crl: is out of date: until there is a new list, \
             no client certificate is let in"
        ]
    );
    assert!(site.load().is_ok(), "others are still served");
    site.write("tls/clients.crl", "nonsense");
    assert_eq!(
        site.problems(),
        ["portcullis.toml:25: listen.tls.crl: tls/clients.crl: holds no revocation list, neither PEM \
             (-----BEGIN X509 CRL-----) nor DER"]
    );
    site.write("tls/clients.crl", "0nonsense");
    assert_eq!(
        site.problems(),
        [
            "portcullis.toml:25: listen.tls.crl: tls/clients.crl: holds a revocation list that is not valid X.509"
        ]
    );
}

#[test]
fn tls_may_be_absent_on_loopback_only() {
    let tls = "tls = { certificate = \"tls/gateway.pem\", key = \"tls/gateway.key\", client_ca = \"tls/clients-ca.pem\" }\n\n# Whose";
    check("no-tls", &[(tls, "\n# Whose")]);
    check("no-tls-loopback", &[(tls, "\n# Whose"), ("0.0.0.0:8443", "127.0.0.1:8080")]);
}

#[test]
fn hl7_over_the_network_needs_protection_or_a_decision() {
    let clients = "clients = [\"dns:engine.northshire.example\"]";
    let tls = "purpose = \"COC\"\ntls = { certificate = \"tls/gateway.pem\", key = \"tls/gateway.key\", client_ca = \"tls/clients-ca.pem\" }\nclients = [\"dns:engine.northshire.example\"]";
    let with = |text: &str| format!("purpose = \"COC\"\n{text}");
    check("mllp-bare", &[(tls, &with(""))]);
    check("mllp-peers", &[(tls, &with("peers = [\"10.1.2.0/24\"]"))]);
    check("mllp-plaintext", &[(tls, &with("plaintext = \"accepted-risk\""))]);
    check("mllp-plaintext-yes", &[(tls, &with("peers = [\"10.1.2.0/24\"]\nplaintext = \"yes\""))]);
    check(
        "mllp-networks",
        &[(tls, &with("peers = [\"10.1.2.0/33\", \"0.0.0.0/0\"]\nplaintext = \"accepted-risk\""))],
    );
    check(
        "mllp-any-client",
        &[(tls, &with("tls = { certificate = \"tls/gateway.pem\", key = \"tls/gateway.key\" }"))],
    );
    let odd = "[\"engine.example\", \"dns:a.example\", \"dns:A.example\"]";
    check("mllp-no-clients", &[(clients, "clients = []")]);
    check("mllp-clients-odd", &[(clients, &format!("clients = {odd}"))]);
    let plain = format!("peers = [\"10.1.2.0/24\"]\nplaintext = \"accepted-risk\"\n{clients}");
    check("mllp-clients-plain", &[(tls, &with(&plain))]);
    check("mllp-both", &[(tls, &format!("{tls}\npeers = [\"10.1.2.0/24\"]\nplaintext = \"accepted-risk\""))]);
    check(
        "mllp-accepted-risk",
        &[(tls, &with("peers = [\"10.1.2.0/24\", \"::1\"]\nplaintext = \"accepted-risk\""))],
    );
}

#[test]
fn people_begin_to_sign_in_at_a_protected_address_and_staff_elsewhere() {
    let people = "sign_in = \"https://sign-in.example/start\"";
    check("sign-in-plain", &[(people, "sign_in = \"http://sign-in.example/start\"")]);
    check("sign-in-script", &[(people, "sign_in = \"javascript:alert(1)\"")]);
    check(
        "sign-in-staff",
        &[("claims = \"iua\"", "claims = \"iua\"\nsign_in = \"https://sign-in.example/start\"")],
    );
}

#[test]
fn names_and_addresses_stand_once() {
    check_with(
        "taken",
        r#"
[[issuer]]
issuer = "https://sign-in.example"
keys = "keys/people.jwks.json"
claims = "nhs-login"

[[client]]
san = "dns:ADT.northshire.example"
organisation = "ods:RX1"
purposes = []

[[system]]
name = "hospital"
organisation = "ods:RX1"
protocol = "fhir-r4"
base = "https://ehr.northshire.example/fhir"
ca = "tls/northshire-ca.pem"

[[mllp]]
address = "127.0.0.1:9090"
from = "ods:RX1"
to = ["council"]
purpose = "COC"
peers = ["127.0.0.1"]
plaintext = "accepted-risk"
"#,
    );
}

#[test]
fn upstreams_are_reached_over_https_that_is_checked() {
    check_with(
        "upstreams",
        r#"
[[system]]
name = "plain"
organisation = "ods:RX1"
protocol = "fhir-r4"
base = "http://ehr.plain.example/fhir"

[[system]]
name = "unchecked"
organisation = "ods:RX1"
protocol = "fhir-r4"
base = "https://ehr.unchecked.example/fhir/"

[[system]]
name = "local"
organisation = "ods:RX1"
protocol = "fhir-r4"
base = "http://127.0.0.1:8000/fhir"

[[system]]
name = "odd"
organisation = "ods:RX1"
protocol = "fhir-r4"
base = "https://user:password@odd.example/fhir"
aliases = ["ftp://odd.example", "http://odd.example/fhir?x=1"]
credentials = { key = "tls/gateway.key" }
"#,
    );
}

#[test]
fn numbers_have_floors_and_ceilings() {
    check_with(
        "limits",
        "[limits]\nconnections_max = 0\nbody_bytes_max = 1_000_000_000\nheader_timeout_ms = -1\ndrain_ms = \"long\"\n\
         body_timeout_ms = 90000\nin_flight_max = 0x10\n",
    );
}

#[test]
fn telemetry_goes_over_https_or_stays_here() {
    check_with("telemetry", "[telemetry]\notlp = \"http://collector.example:4318\"\n");
    check_with("telemetry-here", "[telemetry]\notlp = \"http://localhost:4318\"\n");
}

#[test]
fn what_people_would_not_understand_is_a_warning() {
    check(
        "bare-codes",
        &[
            ("\"ods:E10000099\" = \"Eastshire County Council, adult social care\"\n", ""),
            ("oversight = [\"R5105\", \"R0001\"]\n", ""),
        ],
    );
}

#[test]
fn messages_that_nobody_may_send_are_a_warning() {
    check(
        "messages",
        &[("purpose = \"COC\"\ntls", "purpose = \"HRESCH\"\ntls"), ("purposes = [\"COC\"]", "purposes = []")],
    );
}

#[test]
fn settings_and_agreements_are_told_together() {
    let site = Site::example();
    site.edit(SETTINGS, "role = \"system\"", "role = \"nobody\"");
    site.edit("agreements/care-in-hospital.toml", "existence = \"open\"", "existence = \"opne\"");
    told("both", &site);
}

const HEADERS: [&str; 19] = [
    "[gateway]",
    "[listen]",
    "[[issuer]]",
    "[[client]]",
    "[[system]]",
    "[[mllp]]",
    "[limits]",
    "[telemetry]",
    "[organisations]",
    "[listen.tls]",
    "[system]",
    "[[gateway]]",
    "[in_force]",
    "[[recipient_role]]",
    "[share.core.Patient]",
    "[share.core.Patient.where]",
    "[share]",
    "[share.core]",
    "[legal_basis]",
];
const KEYS: [&str; 35] = [
    "organisation",
    "base",
    "state",
    "agreements",
    "address",
    "tls",
    "ops",
    "issuer",
    "keys",
    "claims",
    "san",
    "role",
    "purposes",
    "name",
    "protocol",
    "aliases",
    "from",
    "to",
    "peers",
    "id",
    "title",
    "status",
    "review_by",
    "discloser",
    "share",
    "roles",
    "standing",
    "where",
    "withhold",
    "birthDate",
    "\"onset[x]\"",
    "a.b.c",
    "\"ods:RX1\"",
    "not_labelled",
    "in_force",
];

/// Text that looks like settings: real keys and headers, values of every kind, in any order and number.
fn scrambled() -> impl Strategy<Value = String> {
    let header = prop::sample::select(HEADERS.to_vec());
    let key = prop::sample::select(KEYS.to_vec());
    let value = prop_oneof![
        Just("1".to_owned()),
        Just("true".to_owned()),
        Just("2026-04-01".to_owned()),
        Just("2026-04-01T00:00:00Z".to_owned()),
        Just("9999999999999999999999".to_owned()),
        Just("nan".to_owned()),
        Just("[]".to_owned()),
        Just("[1, [\"a\"], {}]".to_owned()),
        Just("{ certificate = \"x\", key = 1 }".to_owned()),
        "\"[a-zA-Z0-9:/.|\\[\\]{}#?@é-]{0,20}\"",
    ];
    let line = prop_oneof![
        header.prop_map(str::to_owned),
        (key, value).prop_map(|(key, value)| format!("{key} = {value}")),
        "[ -~]{0,12}",
    ];
    prop::collection::vec(line, 0..40).prop_map(|lines| lines.join("\n"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_text_makes_the_checker_panic_and_every_refusal_says_why(text in prop_oneof![scrambled(), "\\PC{0,200}"]) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(SETTINGS);
        std::fs::write(&file, &text).unwrap();
        std::fs::create_dir(folder.path().join("agreements")).unwrap();
        std::fs::write(folder.path().join("agreements/one.toml"), &text).unwrap();
        match gateway::settings::check::load(&file, TODAY) {
            Ok(_) => {}
            Err(unusable) => {
                prop_assert!(!unusable.problems.is_empty());
                let lines = text.lines().count().max(1) + 1;
                prop_assert!(unusable.problems.iter().all(|problem| problem.line.is_none_or(|line| line <= lines)));
            }
        }
    }
}
