use fhir::reference::{Bases, Id, InvalidBase, InvalidReference, Local, LocalText, Reference};
use proptest::prelude::*;

fn bases() -> Bases {
    Bases::new(["https://ehr.example/fhir", "http://ehr.internal:8080/fhir/"]).expect("bases")
}

#[track_caller]
fn check(text: &str, expected: Result<&str, InvalidReference>) {
    let told = Reference::parse(text, &bases()).map(|reference| match reference {
        Reference::Local(local) => {
            let version = local.version.as_ref().map(|version| format!(" version {}", version.as_str()));
            format!("local {}{}", local.to_relative(), version.unwrap_or_default())
        }
        Reference::Elsewhere(url) => format!("elsewhere {url}"),
        Reference::Urn(urn) => format!("urn {urn}"),
        Reference::Contained(id) => format!("contained {}", id.as_str()),
        Reference::Container => "container".to_owned(),
    });
    assert_eq!(told, expected.map(str::to_owned), "{text:?}");
}

#[test]
fn each_form_of_reference_is_told_apart() {
    for (text, expected) in [
        ("Patient/1", "local Patient/1"),
        ("Patient/a.b-C/_history/2", "local Patient/a.b-C version 2"),
        ("https://ehr.example/fhir/Patient/1", "local Patient/1"),
        ("HTTPS://EHR.example:443/fhir/Patient/1", "local Patient/1"),
        ("http://ehr.internal:8080/fhir/Patient/1/_history/3", "local Patient/1 version 3"),
        ("http://ehr.internal/fhir/Patient/1", "elsewhere http://ehr.internal/fhir/Patient/1"),
        ("http://ehr.example/fhir/Patient/1", "elsewhere http://ehr.example/fhir/Patient/1"),
        ("https://ehr.example/fhirs/Patient/1", "elsewhere https://ehr.example/fhirs/Patient/1"),
        ("https://ehr.example.evil/fhir/Patient/1", "elsewhere https://ehr.example.evil/fhir/Patient/1"),
        (
            "urn:uuid:C9A1F5B0-0000-4000-8000-00000000000A",
            "urn urn:uuid:c9a1f5b0-0000-4000-8000-00000000000a",
        ),
        ("urn:oid:1.2.36.146", "urn urn:oid:1.2.36.146"),
        ("#p1", "contained p1"),
        ("#", "container"),
    ] {
        check(text, Ok(expected));
    }
}

#[test]
fn what_is_no_reference_is_refused() {
    for text in [
        "",
        "Patient",
        "Patient/",
        "/Patient/1",
        "patient/1",
        "Patient/1/",
        "Patient/1/_history",
        "Patient/1/_history/",
        "Patient/1/_history/2/3",
        "Patient/1/Observation/2",
        "Patient/..",
        "Patient/%31",
        "Patient/a b",
        "Patient//1",
        "//evil/Patient/1",
        "ftp://ehr.example/fhir/Patient/1",
        "https://",
        "https:///Patient/1",
        "https://ehr.example/fhir/../Patient/1",
        "https://ehr.example/fhir/Patient/1#c",
        "https://ehr.example/fhir/",
        "https://user@ehr.example/fhir/Patient/1",
        "https://other.example\\fhir/Patient/1",
        "urn:uuid:1234",
        "urn:uuid:c9a1f5b00000-4000-8000-0000-00000000000a",
        "urn:oid:3.1",
        "urn:oid:1.02",
        "#p1/x",
        "##",
        "Patient/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    ] {
        check(text, Err(InvalidReference::Shape));
    }
    check("Patient?identifier=x|1", Err(InvalidReference::Conditional));
    check("https://ehr.example/fhir/Patient?identifier=x", Err(InvalidReference::Conditional));
    check(&format!("https://elsewhere.example/{}", "a".repeat(2100)), Err(InvalidReference::TooLong));
}

#[test]
fn a_version_does_not_make_another_resource() {
    let current = Local::parse("Patient/1").expect("a reference");
    let version = Local::parse("Patient/1/_history/2").expect("a reference");
    assert!(current.is_same_resource(&version));
    assert!(!current.is_same_resource(&Local::parse("Group/1").expect("a reference")));
}

#[test]
fn a_base_is_a_plain_http_url() {
    for (url, reason) in [
        ("ehr.example", InvalidBase::Shape),
        ("ldap://ehr.example", InvalidBase::Shape),
        ("https://ehr.example/a b", InvalidBase::Shape),
        ("https://ehr.example/fhir?x=1", InvalidBase::TooMuch),
        ("https://a@ehr.example/fhir", InvalidBase::TooMuch),
    ] {
        assert_eq!(Bases::new([url]), Err(reason), "{url}");
    }
}

#[test]
fn neither_ids_nor_urls_show_in_debug() {
    for text in ["Patient/secret", "https://x.example/secret", "#secret"] {
        let shown = format!("{:?}", Reference::parse(text, &Bases::none()));
        assert!(!shown.contains("secret"), "{shown}");
    }
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in ".{0,80}") {
        drop(Reference::parse(&text, &bases()));
    }

    #[test]
    fn urls_near_a_base_never_make_it_panic(text in "(https?://)?(ehr.example|EHR.EXAMPLE|[:@/\\\\?#a]{0,3})(:443)?/?(fhir)?/{0,2}[A-Za-z/?#%.é]{0,12}") {
        drop(Reference::parse(&text, &bases()));
    }

    #[test]
    fn a_local_reference_is_the_same_under_each_name(id in "[A-Za-z0-9.-]{3,64}") {
        let relative = Reference::parse(&format!("Patient/{id}"), &bases());
        let absolute = Reference::parse(&format!("https://ehr.example/fhir/Patient/{id}"), &bases());
        let alias = Reference::parse(&format!("http://EHR.internal:8080/fhir/Patient/{id}"), &bases());
        prop_assert!(relative.is_ok());
        prop_assert_eq!(&relative, &absolute);
        prop_assert_eq!(&relative, &alias);
    }

    #[test]
    fn what_is_read_without_a_copy_is_what_is_read_with_one(
        text in "(Patient|Group|patient|P1|urn:uuid:|https?://ehr.example/fhir/Patient|#)?/?[A-Za-z0-9.#é-]{0,4}(/_history)?/?[a-z0-9.]{0,3}/?"
    ) {
        let read = Reference::parse(&text, &bases());
        match (LocalText::parse(&text), read.as_ref().ok().and_then(Reference::local)) {
            (Some(found), Some(local)) => {
                prop_assert_eq!(found.resource_type(), local.resource_type.as_str());
                prop_assert_eq!(found.id(), local.id.as_str());
                prop_assert_eq!(found.relative(), local.to_relative());
                prop_assert_eq!(found.version(), local.version.as_ref().map(Id::as_str));
            }
            (Some(_), None) => prop_assert!(false, "{}", text),
            (None, found) => prop_assert!(found.is_none() || text.starts_with("http"), "{}", text),
        }
    }

    #[test]
    fn an_id_is_read_exactly_when_it_fits_the_pattern(text in "[A-Za-z0-9.\\-_/ é]{0,70}") {
        let fits = (1..=64).contains(&text.len())
            && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '.')
            && text != "." && text != "..";
        prop_assert_eq!(Id::parse(&text).is_ok(), fits);
    }
}
