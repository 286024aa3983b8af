//! What can be asked, and what each other request is told.

mod operations;
mod said;

use fhir::purpose_of_use::PurposeOfUse;
use fhir::role::SdsRole;
use fhir::search::NamedPerson;
use gateway::interaction::cursor::{Onward, Standing};
use gateway::interaction::{FhirAction, Interaction, Malformed, OwnAction, cursor, metadata, parse};
use gateway::requestor::{Party, Professional, Proof, Requestor, Supervision, SystemClient};
use gateway::seal::Seal;
use gateway::server::arrived::{Headers, Method, Secret};
use gateway::settings::Settings;
use jiff::{SignedDuration, Timestamp};

use self::said::said;
use crate::support::site::{arrived, ods, settings, system};

fn site() -> Settings {
    let mut settings = settings(std::path::Path::new("/nowhere"), Vec::new(), Vec::new());
    settings.systems =
        vec![system("hospital", "https://ehr.example/fhir"), system("council", "https://care.example")];
    settings
}

fn requestor(san: &str) -> Requestor {
    let purposes = vec![PurposeOfUse::parse("COC").unwrap()];
    let client = SystemClient { san: san.into(), organisation: ods("RX1"), purposes };
    Requestor { party: Party::System(client), proof: Proof::Certificate { san: san.into() } }
}

fn seal() -> Seal {
    Seal::from_key(&[3; 32]).unwrap()
}

fn fhir_json() -> Headers {
    Headers { content_type: Some("application/fhir+json".into()), ..Headers::default() }
}

fn form() -> Headers {
    Headers { content_type: Some("application/x-www-form-urlencoded".into()), ..Headers::default() }
}

fn ask(method: Method, url: &str, headers: Headers, body: &str) -> Result<Interaction, Malformed> {
    parse(arrived(method, url, headers, body), &requestor("dns:a"), &site(), &seal())
}

fn get(url: &str) -> Result<Interaction, Malformed> {
    ask(Method::Get, url, Headers::default(), "")
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn what_is_served_is_understood() {
    let patient = r#"{"resourceType":"Observation"}"#;
    let consent = r#"{"resourceType":"Consent"}"#;
    let if_match = Headers { if_match: Some("W/\"3\"".into()), ..fhir_json() };
    let none = Headers::default;
    for (method, url, headers, body, expected) in [
        (Method::Get, "/hospital/fhir/metadata?mode=full", none(), "", "hospital metadata"),
        (
            Method::Get,
            "/hospital/fhir/Patient/p-1?_format=json&_pretty=true",
            none(),
            "",
            "hospital read Patient/p-1",
        ),
        (
            Method::Get,
            "/council/fhir/Condition?patient=p1&_count=20",
            none(),
            "",
            "council search Condition?patient=Patient%2Fp1 from 0",
        ),
        (
            Method::Post,
            "/hospital/fhir/Condition/_search",
            form(),
            "patient=Patient/p1",
            "hospital search Condition?patient=Patient%2Fp1 from 0",
        ),
        (
            Method::Post,
            "/hospital/fhir/Condition/_search?_format=json",
            form(),
            "patient=p1",
            "hospital search Condition?patient=Patient%2Fp1 from 0",
        ),
        (
            Method::Get,
            "/hospital/fhir/Patient/p1/Condition?code=a%7Cb",
            none(),
            "",
            "hospital search Condition?patient=Patient%2Fp1&code=a%7Cb from 0",
        ),
        (
            Method::Get,
            "/hospital/fhir/Patient/p1/Group",
            none(),
            "",
            "hospital search Group?member=Patient%2Fp1 from 0",
        ),
        (
            Method::Get,
            "/hospital/fhir/Patient/p1/_history/ab12?_format=json",
            none(),
            "",
            "hospital vread Patient/p1 ab12",
        ),
        (
            Method::Get,
            "/hospital/fhir/Patient/p1/_history?_since=2026-01-01T00:00:00Z&_count=5",
            none(),
            "",
            "hospital history Patient/p1?_since=2026-01-01T00%3A00%3A00Z&_count=5 from 0",
        ),
        (Method::Post, "/hospital/fhir/Observation", fhir_json(), patient, "hospital create Observation"),
        (
            Method::Put,
            "/hospital/fhir/Observation/o1",
            Headers { prefer: Some("return=minimal".into()), ..if_match.clone() },
            r#"{"resourceType":"Observation","id":"o1"}"#,
            "hospital update Observation/o1 3 Minimal",
        ),
        (
            Method::Patch,
            "/hospital/fhir/Observation/o1",
            Headers { content_type: Some("application/json-patch+json".into()), ..if_match.clone() },
            "[]",
            "hospital patch Observation/o1 3 Representation",
        ),
        (Method::Get, "/fhir/metadata", none(), "", "own metadata"),
        (Method::Get, "/fhir/Consent/7", none(), "", "read Consent/7"),
        (Method::Get, "/fhir/Consent/7/_history/2", none(), "", "vread Consent/7 2"),
        (Method::Get, "/fhir/Consent/7/_history", none(), "", "history of Consent/7 _count=50"),
        (
            Method::Get,
            "/fhir/Consent/7/_history?_count=900&_since=2026-05-01T00:00:00Z",
            none(),
            "",
            "history of Consent/7 _since=2026-05-01T00%3A00%3A00Z&_count=200",
        ),
        (
            Method::Get,
            "/fhir/Consent?patient.identifier=https%3A%2F%2Ffhir.nhs.uk%2FId%2Fnhs-number%7C9990000018",
            none(),
            "",
            "search Consent of 9990000018",
        ),
        (
            Method::Post,
            "/fhir/Consent/_search",
            form(),
            "patient.identifier=nhs%7C9990000018",
            "search Consent of 9990000018",
        ),
        (
            Method::Get,
            "/fhir/Consent?patient:identifier=nhs%7C9990000018&status=active,draft&date=ge2026&_format=json",
            none(),
            "",
            "search Consent of 9990000018 status=active%2Cdraft&date=ge2026",
        ),
        (
            Method::Post,
            "/fhir/Consent/_search?status:not=inactive",
            form(),
            "patient.identifier=nhs%7C9990000018&_id=a&_lastUpdated=lt2027-01",
            "search Consent of 9990000018 status%3Anot=inactive&_id=a&_lastUpdated=lt2027-01",
        ),
        (Method::Post, "/fhir/Consent", fhir_json(), consent, "create Consent"),
        (Method::Put, "/fhir/Consent/7", if_match, consent, "update Consent/7 3"),
        (
            Method::Get,
            "/fhir/AuditEvent?patient.identifier=nhs%7C9990000018&_count=1000",
            none(),
            "",
            "trail of 9990000018 200 None",
        ),
        (Method::Get, "/fhir/AuditEvent?entity.identifier=a_b-c", none(), "", "trail by a_b-c"),
        (
            Method::Get,
            "/fhir/AuditEvent?date=ge2026-04-01&entity.identifier=a&date=lt2026-05&outcome=4,8&_count=2",
            none(),
            "",
            "trail by a date=ge2026-04-01&date=lt2026-05&outcome=4%2C8",
        ),
        (Method::Get, "/fhir/AuditEvent/0a1b", none(), "", "read AuditEvent/0a1b"),
        (Method::Get, "/fhir/Provenance/x.1", none(), "", "read Provenance/x.1"),
    ] {
        let asked = ask(method, url, headers, body).map(said);
        assert_eq!(asked.as_deref(), Ok(expected), "{method:?} {url}");
    }
}

#[test]
fn a_reference_by_any_name_of_the_system_is_the_same_reference() {
    for url in [
        "https://ehr.example/fhir/Patient/p1",
        "https://share.example.nhs.uk/hospital/fhir/Patient/p1",
        "Patient/p1",
        "p1",
    ] {
        let asked = get(&format!("/hospital/fhir/Condition?patient={url}")).unwrap();
        let Interaction::Fhir { action: FhirAction::Search(search), .. } = asked else { panic!("a search") };
        let named = search.query.named_persons();
        assert!(matches!(named.first(), Some(NamedPerson::Patient(id)) if id.as_str() == "p1"), "{url}");
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn what_is_not_served_is_told_with_the_right_status() {
    let bundle = r#"{"resourceType":"Bundle"}"#;
    let none = Headers::default;
    let accept = |accept: &str| Headers { accept: Some(accept.into()), ..Headers::default() };
    let typed =
        |content_type: &str| Headers { content_type: Some(content_type.into()), ..Headers::default() };
    let conditional = Headers { if_none_exist: Some(Secret::new("identifier=x".into())), ..fhir_json() };
    let read = "/hospital/fhir/Patient/1";
    for (method, url, headers, body, status) in [
        (Method::Get, "/", none(), "", 404),
        (Method::Get, "/nowhere/fhir/Patient/1", none(), "", 404),
        (Method::Get, "/hospital/Patient/1", none(), "", 404),
        (Method::Get, "/hospital/fhir/Patent/1", none(), "", 404),
        (Method::Get, "/hospital/fhir/patient/1", none(), "", 404),
        (Method::Get, "/hospital/fhir/HumanName/1", none(), "", 404),
        (Method::Get, "/hospital/fhir", none(), "", 405),
        (Method::Post, "/hospital/fhir", fhir_json(), bundle, 400),
        (Method::Post, "/hospital/fhir", none(), bundle, 415),
        (Method::Get, "/hospital/fhir/_history", none(), "", 404),
        (Method::Get, "/hospital/fhir/Patient/_history", none(), "", 404),
        (Method::Get, "/hospital/fhir/Patient/1/_history?_at=2026", none(), "", 400),
        (Method::Get, "/hospital/fhir/Patient/1/_history?_list=1", none(), "", 400),
        (Method::Get, "/hospital/fhir/Patient/1/_history?_sort=_lastUpdated", none(), "", 400),
        (Method::Get, "/hospital/fhir/Patient/1/_history?_since=2026", none(), "", 400),
        (Method::Get, "/hospital/fhir/Patient/1/_history?_count=0", none(), "", 400),
        (Method::Get, "/hospital/fhir/Patient/1/_history?_count=1&_count=2", none(), "", 400),
        (Method::Get, "/hospital/fhir/Patient/1/_history?_cursor=AAAA", none(), "", 400),
        (Method::Delete, "/hospital/fhir/Patient/1/_history", none(), "", 405),
        (Method::Get, "/hospital/fhir/Patient/1/_history/a_b", none(), "", 400),
        (Method::Get, "/hospital/fhir/Patient/1/_history/2?_since=2026-01-01T00:00:00Z", none(), "", 400),
        (Method::Get, "/hospital/fhir/Patient/1/_history/2/x", none(), "", 404),
        (Method::Get, "/hospital/fhir/Encounter/1/$everything", none(), "", 404),
        (Method::Get, "/hospital/fhir/Patient/$everything", none(), "", 404),
        (Method::Get, "/hospital/fhir/Patient/1/$everything?_type=Nothing", none(), "", 404),
        (Method::Get, "/hospital/fhir/Patient/1/$everything?_count=0", none(), "", 400),
        (Method::Get, "/hospital/fhir/Patient/1/$everything?start=x", none(), "", 400),
        (Method::Get, "/hospital/fhir/Patient/1/$everything?start=2026&start=2025", none(), "", 400),
        (Method::Get, "/hospital/fhir/Patient/1/$everything?code=1", none(), "", 400),
        (Method::Get, "/hospital/fhir/Patient/1/$everything?_cursor=AAAA", none(), "", 400),
        (Method::Get, "/hospital/fhir/Composition/1/$document?persist=true", none(), "", 400),
        (Method::Get, "/hospital/fhir/Composition/1/$document?graph=x", none(), "", 400),
        (Method::Get, "/hospital/fhir/Composition/$document?id=1", none(), "", 404),
        (Method::Post, "/hospital/fhir/$process-message", fhir_json(), bundle, 400),
        (Method::Post, "/hospital/fhir/$process-message?async=true", fhir_json(), bundle, 400),
        (Method::Post, "/hospital/fhir/$process-message?response-url=x", fhir_json(), bundle, 400),
        (Method::Get, "/hospital/fhir/$process-message", none(), "", 405),
        (Method::Get, "/hospital/fhir/Patient/$match", none(), "", 404),
        (Method::Get, "/hospital/fhir/Encounter/1/Observation", none(), "", 404),
        (Method::Get, "/hospital/fhir/Patient/1/Organization", none(), "", 404),
        (Method::Get, "/hospital/fhir/Patient/1/Patient", none(), "", 404),
        (Method::Post, "/hospital/fhir/Patient/1/Observation", form(), "", 405),
        (Method::Get, "/hospital/fhir/Patient/1/Observation?nonsense=1", none(), "", 400),
        (Method::Get, "/hospital/fhir/Patient/1/x.css", none(), "", 404),
        (Method::Get, "/hospital/fhir/Patient/a_b", none(), "", 400),
        (Method::Head, read, none(), "", 405),
        (Method::Put, read, fhir_json(), "{}", 428),
        (Method::Put, "/hospital/fhir/Patient?_id=1", fhir_json(), "{}", 405),
        (Method::Patch, read, fhir_json(), "{}", 415),
        (Method::Patch, read, typed("application/xml-patch+xml"), "<a/>", 415),
        (Method::Patch, read, typed("application/json-patch+json"), "[]", 428),
        (Method::Delete, "/hospital/fhir/Patient?_id=1", none(), "", 405),
        (Method::Delete, read, none(), "", 428),
        (Method::Options, read, none(), "", 405),
        (Method::Get, "/hospital/fhir/Patient/_search", none(), "", 405),
        (Method::Post, "/hospital/fhir/metadata", none(), "", 405),
        (Method::Get, "/hospital/fhir/Patient/1?_format=ttl", none(), "", 406),
        (Method::Get, "/hospital/fhir/Patient/1?_format=json&_format=xml", none(), "", 406),
        (Method::Get, "/hospital/fhir/Patient?_id=1&_format=application%2Ffhir%2Bturtle", none(), "", 406),
        (Method::Get, read, accept("application/fhir+xml;q=0, text/turtle"), "", 406),
        (Method::Get, read, accept("text/html"), "", 406),
        (Method::Get, "/hospital/fhir/Patient/1?_elements=nonsense", none(), "", 400),
        (Method::Get, "/hospital/fhir/Patient/1?_summary=count", none(), "", 400),
        (Method::Get, "/hospital/fhir/Patient/1?_include=Patient:link", none(), "", 400),
        (Method::Get, "/hospital/fhir/Condition?nonsense=1", none(), "", 400),
        (Method::Get, "/hospital/fhir/Condition?patient", none(), "", 400),
        (Method::Get, "/hospital/fhir/Condition?_include:iterate=Condition:subject", none(), "", 400),
        (Method::Get, "/hospital/fhir/Condition?_include=*", none(), "", 400),
        (Method::Get, "/hospital/fhir/Condition?_sort=nonsense", none(), "", 400),
        (Method::Get, "/hospital/fhir/Condition?_cursor=AAAA", none(), "", 400),
        (Method::Post, "/hospital/fhir/Condition/_search", fhir_json(), "{}", 415),
        (Method::Post, "/hospital/fhir/Observation", none(), "{}", 415),
        (Method::Post, "/hospital/fhir/Observation", typed("application/fhir+xml"), "<a/>", 400),
        (Method::Post, "/hospital/fhir/Observation", typed("application/fhir+xml"), "{}", 400),
        (Method::Post, "/hospital/fhir/Observation", fhir_json(), "<Observation/>", 400),
        (Method::Post, "/hospital/fhir/Observation", typed("text/turtle"), "<a/>", 415),
        (Method::Post, "/hospital/fhir/Observation", fhir_json(), bundle, 400),
        (Method::Post, "/hospital/fhir/Observation", fhir_json(), "{", 400),
        (Method::Post, "/hospital/fhir/Observation", conditional, r#"{"resourceType":"Observation"}"#, 400),
        (Method::Put, "/fhir/Consent/7", fhir_json(), r#"{"resourceType":"Consent"}"#, 428),
        (
            Method::Put,
            "/fhir/Consent/7",
            Headers { if_match: Some("W/\"x\"".into()), ..fhir_json() },
            "{}",
            400,
        ),
        (Method::Delete, "/fhir/Consent/7", none(), "", 405),
        (Method::Get, "/fhir/Consent", none(), "", 400),
        (Method::Get, "/fhir/Consent/7/_history?_at=2026", none(), "", 400),
        (Method::Get, "/fhir/Consent/7/_history?_count=1&_count=2", none(), "", 400),
        (Method::Get, "/fhir/Consent/7/_history?_since=2026", none(), "", 400),
        (Method::Get, "/fhir/Consent/7/_history?_cursor=none", none(), "", 400),
        (Method::Get, "/fhir/Consent/7/_history/2?_elements=status", none(), "", 400),
        (Method::Put, "/fhir/Consent/7/_history/2", fhir_json(), "{}", 405),
        (Method::Get, "/fhir/Consent?patient=Patient/1", none(), "", 400),
        (Method::Get, "/fhir/Consent?patient=nowhere/Patient/1", none(), "", 400),
        (Method::Get, "/fhir/Consent?status=active", none(), "", 400),
        (
            Method::Get,
            "/fhir/Consent?patient.identifier=nhs%7C9990000018&actor=Practitioner/1",
            none(),
            "",
            400,
        ),
        (Method::Get, "/fhir/Consent?patient.identifier=nhs%7C9990000018&date=soon", none(), "", 400),
        (Method::Get, "/fhir/Consent?patient.identifier=nhs%7C9990000018&_sort=date", none(), "", 400),
        (Method::Get, "/fhir/Consent?patient.identifier=nhs%7C9990000018&_id=a&_count=1", none(), "", 400),
        (Method::Get, "/fhir/Consent?patient.name=x&status=active", none(), "", 400),
        (Method::Get, "/fhir/AuditEvent", none(), "", 400),
        (Method::Get, "/fhir/AuditEvent?patient.identifier=nhs%7C9990000019", none(), "", 400),
        (Method::Get, "/fhir/AuditEvent?entity.identifier=a&patient=hospital/Patient/1", none(), "", 400),
        (Method::Get, "/fhir/AuditEvent?date=2026", none(), "", 400),
        (Method::Get, "/fhir/AuditEvent?entity.identifier=a&date=soon", none(), "", 400),
        (Method::Get, "/fhir/AuditEvent?entity.identifier=a&agent-name=Sam", none(), "", 400),
        (Method::Get, "/fhir/AuditEvent?entity.identifier=a&_count=1&_count=2", none(), "", 400),
        (Method::Get, "/fhir/AuditEvent/1?_elements=type", none(), "", 400),
        (Method::Get, "/fhir/AuditEvent/1/_history", none(), "", 404),
        (Method::Get, "/fhir/Patient/1", none(), "", 404),
        (Method::Post, "/fhir/Provenance", fhir_json(), "{}", 404),
    ] {
        let malformed = ask(method, url, headers, body).map(said).unwrap_err();
        assert_eq!(malformed.told().status.as_u16(), status, "{method:?} {url}: {malformed:?}");
        assert_eq!(malformed.allow().is_some(), status == 405, "{method:?} {url}");
    }
}

#[test]
fn only_metadata_is_understood_of_someone_unknown() {
    let asks = |method, url: &str| metadata(&arrived(method, url, Headers::default(), ""), &site());
    assert!(matches!(asks(Method::Get, "/hospital/fhir/metadata"), Ok(Some(_))));
    assert!(matches!(asks(Method::Get, "/fhir/metadata"), Ok(Some(_))));
    assert!(matches!(asks(Method::Get, "/hospital/fhir/Patient/1"), Ok(None)));
    assert!(matches!(asks(Method::Get, "/nowhere/fhir/metadata"), Ok(None)));
    assert!(matches!(asks(Method::Post, "/fhir/metadata"), Err(Malformed::Method { .. })));
}

#[test]
fn a_cursor_goes_on_with_the_same_search_for_the_same_requestor_only() {
    let seal = seal();
    let start = Timestamp::UNIX_EPOCH;
    let asked = get("/hospital/fhir/Condition?patient=p1&code=http%3A%2F%2Fa%7Cb&_count=20&_sort=-code&_summary=data&_include=Condition:encounter").unwrap();
    let Interaction::Fhir { system, action: FhirAction::Search(search) } = asked else { panic!("a search") };
    let onward = Onward { offset: 20, standing: Standing::of(&seal, b"as it was decided") };
    let cursor = cursor::next(&seal, &requestor("dns:a"), &system, &search.query, onward, start).unwrap();
    let ask = |url: String, who: &str, after: i64| {
        let mut next = arrived(Method::Get, &url, Headers::default(), "");
        next.at = start + SignedDuration::from_secs(after);
        parse(next, &requestor(who), &site(), &seal).map(|next| match next {
            Interaction::Fhir { action: FhirAction::Search(next), .. } => {
                (next.query.to_whole_form(), next.query.count(), next.offset)
            }
            other @ (Interaction::Fhir { .. } | Interaction::Push { .. } | Interaction::Own(_)) => {
                panic!("{other:?}")
            }
        })
    };
    let url = format!("/hospital/fhir/Condition?_cursor={cursor}");
    assert_eq!(ask(url.clone(), "dns:a", 899), Ok((search.query.to_whole_form(), Some(20), 20)));
    for (case, url, who, after) in [
        ("another requestor", url.clone(), "dns:b", 0),
        ("another system", url.replace("hospital", "council"), "dns:a", 0),
        ("another type", url.replace("Condition", "Observation"), "dns:a", 0),
        ("too late", url.clone(), "dns:a", 900),
        ("with criteria beside it", format!("{url}&patient=p2"), "dns:a", 0),
        ("with an order beside it", format!("{url}&_sort=code"), "dns:a", 0),
        ("with a summary beside it", format!("{url}&_summary=count"), "dns:a", 0),
        ("with a count beside it", format!("{url}&_count=1"), "dns:a", 0),
        ("changed", format!("{url}A"), "dns:a", 0),
    ] {
        assert_eq!(ask(url, who, after), Err(Malformed::Cursor), "{case}");
    }
    let trail = cursor::next_of_trail(&seal, &requestor("dns:a"), 41, start).unwrap();
    let url = format!("/fhir/AuditEvent?entity.identifier=x&_cursor={trail}");
    let Ok(Interaction::Own(OwnAction::SearchAuditEvent(query))) = get(&url) else { panic!("a trail") };
    assert_eq!(query.before, Some(41));
    assert_eq!(ask(format!("/hospital/fhir/Condition?_cursor={trail}"), "dns:a", 0), Err(Malformed::Cursor));
}

#[test]
fn a_cursor_of_a_member_of_staff_is_of_one_capacity() {
    let capacity = |subject: &str, organisation: &str, role: &str, purpose: &str, issuer: &str| Requestor {
        party: Party::Professional(Professional {
            subject: subject.into(),
            name: "Sam".into(),
            organisation: ods(organisation),
            role: SdsRole::parse(role).unwrap(),
            purpose: PurposeOfUse::parse(purpose).unwrap(),
            supervision: Supervision::NotStated,
        }),
        proof: Proof::Token { issuer: issuer.into(), subject: subject.into(), token_id: "t".into() },
    };
    let (seal, own) = (seal(), capacity("s", "RX1", "R0050", "TREAT", "i"));
    let Interaction::Fhir { system, action: FhirAction::Search(search) } =
        get("/hospital/fhir/Condition?patient=p1").unwrap()
    else {
        panic!("a search")
    };
    let onward = Onward { offset: 20, standing: Standing::of(&seal, b"as it was decided") };
    let cursor = cursor::next(&seal, &own, &system, &search.query, onward, Timestamp::UNIX_EPOCH).unwrap();
    let url = format!("/hospital/fhir/Condition?_cursor={cursor}");
    let ask = |who: &Requestor| {
        parse(arrived(Method::Get, &url, Headers::default(), ""), who, &site(), &seal).map(drop)
    };
    assert_eq!(ask(&own), Ok(()));
    for (case, who) in [
        ("somebody else", capacity("other", "RX1", "R0050", "TREAT", "i")),
        ("for another organisation", capacity("s", "RX2", "R0050", "TREAT", "i")),
        ("in another role", capacity("s", "RX1", "R8001", "TREAT", "i")),
        ("for another purpose", capacity("s", "RX1", "R0050", "COC", "i")),
        ("of another issuer", capacity("s", "RX1", "R0050", "TREAT", "other")),
    ] {
        assert_eq!(ask(&who), Err(Malformed::Cursor), "{case}");
    }
}

#[test]
fn a_cursor_of_a_history_goes_on_with_the_same_history_for_the_same_requestor_only() {
    let seal = seal();
    let start = Timestamp::UNIX_EPOCH;
    let place = "/hospital/fhir/Patient/p1/_history";
    let asked = get(&format!("{place}?_since=2026-01-01T00:00:00%2B01:00&_count=2")).unwrap();
    let Interaction::Fhir { system, action: FhirAction::History(asked) } = asked else { panic!("a history") };
    let onward = Onward { offset: 2, standing: Standing::of(&seal, b"as it was decided") };
    let cursor = cursor::next_of_history(&seal, &requestor("dns:a"), &system, &asked, onward, start).unwrap();
    let ask = |url: String, who: &str, after: i64| {
        let mut next = arrived(Method::Get, &url, Headers::default(), "");
        next.at = start + SignedDuration::from_secs(after);
        parse(next, &requestor(who), &site(), &seal).map(said)
    };
    let url = format!("{place}?_cursor={cursor}");
    let expected = "hospital history Patient/p1?_since=2026-01-01T00%3A00%3A00%2B01%3A00&_count=2 from 2";
    assert_eq!(ask(url.clone(), "dns:a", 899).as_deref(), Ok(expected));
    for (case, url, who, after) in [
        ("another requestor", url.clone(), "dns:b", 0),
        ("another system", url.replace("hospital", "council"), "dns:a", 0),
        ("another resource", url.replace("p1", "p2"), "dns:a", 0),
        ("another type", url.replace("Patient", "Condition"), "dns:a", 0),
        ("a search", url.replace("/p1/_history", ""), "dns:a", 0),
        ("too late", url.clone(), "dns:a", 900),
        ("with a count beside it", format!("{url}&_count=1"), "dns:a", 0),
        ("with a moment beside it", format!("{url}&_since=2026-01-01T00:00:00Z"), "dns:a", 0),
    ] {
        assert_eq!(ask(url, who, after), Err(Malformed::Cursor), "{case}");
    }
}

#[test]
fn a_search_too_long_for_a_link_is_refused_at_once() {
    let codes = vec!["http%3A%2F%2Fsnomed.info%2Fsct%7C123456789"; 120].join(",");
    let body = format!("patient=p1&code={codes}");
    let refused = ask(Method::Post, "/hospital/fhir/Condition/_search", form(), &body).map(said);
    assert_eq!(refused, Err(Malformed::SearchTooLong));
}
