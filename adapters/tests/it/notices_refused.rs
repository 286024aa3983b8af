//! Notices of the Care Act: what is refused, and that it is refused soon.

use adapters::Refused;
use adapters::notices::{self, Fault, Form};
use proptest::prelude::{any, prop};
use proptest::proptest;

use crate::goldens::hospital;
use crate::notices::{case, refused};

#[test]
fn what_is_no_notice_is_refused_with_its_reason() {
    let notice = case("discharge");
    let with = |from: &str, to: &str| {
        assert!(notice.contains(from), "{from}");
        notice.replacen(from, to, 1)
    };
    refused("", &Fault::NoBundle.into());
    refused("7", &Fault::NoBundle.into());
    refused("nothing", &Fault::Line { line: 1 }.into());
    refused(
        "Notice Identifier: 1\nNotice Type: Accept Notice 7\n",
        &Refused::UnknownType { name: "Accept Notice ".to_owned() },
    );
    refused("{\"resourceType\":\"Bundle\",\"type\":1,\"type\":2}", &Fault::Json.into());
    refused("{\"resourceType\":\"Patient\"}", &Fault::NotAMessage.into());
    refused("<Bundle><type value=\"message\"/></Bundle>", &Fault::Namespace.into());
    refused(
        "<Bundle xmlns=\"http://hl7.org/fhir\"><type value=\"message\"/></Bundle>",
        &Fault::NotOneHeader.into(),
    );
    refused(
        "<!DOCTYPE a [<!ENTITY b \"c\">]><Bundle xmlns=\"http://hl7.org/fhir\"/>",
        &Fault::DocumentType.into(),
    );
    refused(&with("UTF-8", "KOI8-R"), &Fault::Encoding.into());
    refused(&with("Ward 7", "Ward &seven;"), &Fault::Xml.into());
    refused(&with("<type value=\"message\"/>", "<type value=\"document\"/>"), &Fault::NotAMessage.into());
    refused(
        &with("975731000000100", "1025651000000109"),
        &Refused::UnknownType { name: "1025651000000109".to_owned() },
    );
    refused(&with("975731000000100", "<b>"), &Fault::Xml.into());
    refused(&with("<Patient>", "<Group>").replace("</Patient>", "</Group>"), &Fault::NotOnePatient.into());
    refused(
        &with("<Location>", "<Patient>").replace("</Location>", "</Patient>"),
        &Fault::NotOnePatient.into(),
    );
    refused(
        &with("<Location>", "<ReferralRequest>").replace("</Location>", "</ReferralRequest>"),
        &Fault::NotOneRequest.into(),
    );
    refused(
        &with("<Location>", "<MessageHeader>").replace("</Location>", "</MessageHeader>"),
        &Fault::NotOneHeader.into(),
    );
    let urls: Vec<&str> =
        notice.split("<fullUrl value=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    let twice = notice.replacen(
        &format!("<fullUrl value=\"{}\"/>", urls[5]),
        &format!("<fullUrl value=\"{}\"/>", urls[6]),
        1,
    );
    refused(&twice, &Fault::EntryTwice.into());
    assert!(matches!(
        notices::translate(
            b"<Bundle xmlns=\"http://hl7.org/fhir\"><id value=\"\xff\"/></Bundle>",
            &hospital()
        ),
        Err(Refused::Encoding { .. })
    ));
}

/// The notice with a prefix before the name of each of its elements.
fn prefixed(notice: &str, prefix: &str) -> String {
    let bare = notice.replace(" xmlns=\"http://hl7.org/fhir\"", "");
    let mut out = String::new();
    for part in bare.split_inclusive('<') {
        let begins = part.starts_with(|first: char| first.is_ascii_alphabetic());
        let ends = part.strip_prefix('/');
        match ends {
            Some(rest) => out.push_str(&format!("/{prefix}:{rest}")),
            None if begins => out.push_str(&format!("{prefix}:{part}")),
            None => out.push_str(part),
        }
    }
    out.replacen(":Bundle", &format!(":Bundle xmlns:{prefix}=\"http://hl7.org/fhir\""), 1)
}

#[test]
fn a_namespace_is_what_it_is_called_and_not_its_prefix() {
    let plain = case("discharge");
    let read = |notice: &str| notices::translate(notice.as_bytes(), &hospital());
    let gist = |bundle: &[u8]| {
        // What a Provenance says of the bytes is of these bytes.
        let text = String::from_utf8(bundle.to_vec()).unwrap();
        let mut parts = text.split("ni:///sha-256;");
        let first = parts.next().unwrap_or_default().to_owned();
        parts.fold(first, |kept, part| kept + part.split_once('"').map_or(part, |(_, rest)| rest))
    };
    let notice = prefixed(&plain, "f");
    assert!(notice.contains("<f:Bundle xmlns:f=") && notice.contains("</f:Bundle>"), "{notice}");
    let (expected, found) = (read(&plain).unwrap(), read(&notice).unwrap());
    assert_eq!(gist(&found.bundle), gist(&expected.bundle));
    assert_eq!(found.losses, expected.losses);
    for (from, to) in [
        // Bound to nothing, to another, or in a narrative's namespace outside of one.
        ("<f:type value=\"message\"/>", "<g:type value=\"message\"/>"),
        ("<f:type value=\"message\"/>", "<type value=\"message\"/>"),
        ("<f:type value=\"message\"/>", "<g:type xmlns:g=\"urn:x\" value=\"message\"/>"),
        ("<f:type value=\"message\"/>", "<f:type xmlns:f=\"urn:x\" value=\"message\"/>"),
        (
            "<f:type value=\"message\"/>",
            "<h:type xmlns:h=\"http://www.w3.org/1999/xhtml\" value=\"message\"/>",
        ),
        ("xmlns:f=\"http://hl7.org/fhir\"", "xmlns:f=\"http://hl7.org/fhir/\""),
    ] {
        assert!(notice.contains(from), "{from}");
        refused(&notice.replacen(from, to, 1), &Fault::Namespace.into());
    }
    // What a prefix stood for inside is over with the element.
    let inside = notice.replacen(
        "<f:type value=\"message\"/>",
        "<g:type xmlns:g=\"http://hl7.org/fhir\" value=\"message\"/>",
        1,
    );
    assert_eq!(gist(&read(&inside).unwrap().bundle), gist(&expected.bundle));
    refused(&inside.replacen("<f:entry>", "<g:entry>", 1), &Fault::Namespace.into());
}

#[test]
fn cut_anywhere_a_notice_is_refused() {
    let notice = case("withdrawal");
    let notice = notice.trim_end();
    for end in 0..notice.len() {
        assert!(notices::translate(&notice.as_bytes()[..end], &hospital()).is_err(), "cut at {end}");
    }
}

#[test]
fn hostile_sizes_end_at_a_bound() {
    let notice = case("discharge");
    let with = |more: &str| notice.replace("<active", more).replacen("<gender", &format!("{more}<gender"), 1);
    for more in ["<photo/>".repeat(200_000), "<a>".repeat(60) + &"</a>".repeat(60)] {
        assert!(matches!(
            notices::translate(with(&more).as_bytes(), &hospital()),
            Err(Refused::TooLarge { .. })
        ));
    }
    let attributes: String = (0..40).map(|number| format!(" a{number}=\"x\"")).collect();
    assert!(matches!(
        notices::translate(with(&format!("<photo{attributes}/>")).as_bytes(), &hospital()),
        Err(Refused::TooLarge { .. })
    ));
    assert!(matches!(
        notices::translate(&[b'<'; 101], &hospital().with_bytes_max(100)),
        Err(Refused::TooLarge { .. })
    ));
    // As much as the bounds allow ends soon.
    for more in ["<photo/>", "<telecom><value value=\"1\"/></telecom>", "<name><family value=\"x\"/></name>"]
    {
        assert!(notices::translate(with(&more.repeat(20_000)).as_bytes(), &hospital()).is_ok());
    }
    let json = format!(
        "{{\"resourceType\":\"Bundle\",\"type\":\"message\",\"a\":{}1{}}}",
        "[".repeat(80),
        "]".repeat(80)
    );
    refused(&json, &Fault::Json.into());
}

proptest! {
    #[test]
    fn no_bytes_make_the_adapter_panic(input in prop::collection::vec(any::<u8>(), 0..300)) {
        drop(notices::translate(&input, &hospital()));
        drop(notices::write(&input, Form::Xml, &hospital()));
        let within = [b"<Bundle xmlns=\"http://hl7.org/fhir\">", &input[..], b"</Bundle>"].concat();
        drop(notices::translate(&within, &hospital()));
    }
}
