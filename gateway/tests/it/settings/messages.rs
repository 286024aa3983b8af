//! What the settings say of HL7 v2 beside listeners: queries, and systems that take messages alone.

use super::{check, told};
use crate::site::Site;

const COUNCIL: &str = "protocol = \"fhir-r4\"\nbase = \"https://records.eastshire.example/fhir\"";

#[test]
fn queries_name_a_system_a_role_and_how_they_are_answered() {
    let queries = "to = [\"council\"]\nqueries = { system = \"hopsital\", role = \"nurse\", profile = \"none.toml\", rol = 1 }";
    check("queries", &[("to = [\"council\"]", queries)]);
}

#[test]
fn a_receiver_of_hl7_v2_says_where_and_how_and_nothing_else() {
    let receiver = "protocol = \"hl7v2\"\nbase = \"mllp://council.example\"\nprofile = \"none.toml\"\nevent = \"A99\"\naliases = [\"http://x.example/fhir\"]\ntrusted_identity = true";
    check("receiver", &[(COUNCIL, receiver)]);
    let bare = "protocol = \"hl7v2\"\nbase = \"mllps://council.example:2575/path\"";
    check("receiver-bare", &[(COUNCIL, bare)]);
    let other = format!("{COUNCIL}\nprofile = \"council.toml\"\nevent = \"A31\"");
    check("receiver-other", &[(COUNCIL, &other)]);
}

#[test]
fn a_receiver_of_other_words_says_where_and_how_and_nothing_else() {
    let base = "base = \"https://council.example/take\"";
    let asked = "aliases = [\"http://x.example/fhir\"]\ntrusted_identity = true\ntransactions = true\nevent = \"A31\"";
    let documents =
        format!("protocol = \"cda\"\n{base}\nprofile = \"none.toml\"\ncontent_type = \"text/html\"\n{asked}");
    check("receiver-cda", &[(COUNCIL, &documents)]);
    check("receiver-cda-bare", &[(COUNCIL, "protocol = \"cda\"\nbase = \"http://council.example/take\"")]);
    for protocol in ["notice", "fhir-stu3", "fhir-r4b", "fhir-r5"] {
        let other = format!(
            "protocol = \"{protocol}\"\n{base}\nprofile = \"care.toml\"\ncontent_type = \"text/xml\"\n{asked}"
        );
        check("receiver-words", &[(COUNCIL, &other)]);
        check("receiver-words-bare", &[(COUNCIL, &format!("protocol = \"{protocol}\""))]);
    }
}

#[test]
fn a_document_is_called_what_is_xml_in_utf_8() {
    for (written, is_taken) in [
        ("application/xml", true),
        ("text/xml; charset=utf-8", true),
        ("application/hl7-cda+xml;version=2", true),
        ("application/xml; charset=iso-8859-1", false),
        ("application/json", false),
        ("application/xml\r\nx: y", false),
        ("xml", false),
        ("", false),
    ] {
        let site = Site::example();
        site.write("care.toml", "flavour = \"itk\"\n");
        let written = written.replace('\r', "\\r").replace('\n', "\\n");
        let receiver = format!(
            "protocol = \"cda\"\nbase = \"http://127.0.0.1:1/take\"\nprofile = \"care.toml\"\ncontent_type = \"{written}\""
        );
        site.edit("portcullis.toml", COUNCIL, &receiver);
        let problems = site.problems();
        let is_refused = problems.iter().any(|problem| problem.contains("content_type: a media type of XML"));
        assert_eq!(is_refused, !is_taken, "{written}: {problems:?}");
    }
}

#[test]
fn nobody_asks_a_system_that_takes_messages_alone() {
    let site = Site::example();
    site.write("care.toml", "version = \"2.4\"\n");
    let receiver = "protocol = \"hl7v2\"\nbase = \"mllps://council.example\"\nprofile = \"care.toml\"";
    site.edit("portcullis.toml", COUNCIL, receiver);
    let queries = "to = [\"council\"]\nqueries = { system = \"council\", role = \"R8014\" }";
    site.edit("portcullis.toml", "to = [\"council\"]", queries);
    told("receiver-asked", &site);
}

#[test]
fn nothing_is_dropped_where_a_file_of_the_settings_lies() {
    let site = Site::example();
    let place = |name: &str, folder: &str| {
        format!(
            "\n[[inbound]]\nname = \"{name}\"\nform = \"notice\"\nfrom = \"ods:RX1\"\nto = [\"council\"]\npurpose = \"COC\"\nfolder = \"{folder}\"\n"
        )
    };
    let places = [place("certificates", "tls"), place("identity", "tls/../keys")];
    site.append("portcullis.toml", &places.concat());
    told("dropped-on-files", &site);
}

#[test]
fn a_place_has_a_mapping_or_a_form_that_is_known() {
    let place = |name: &str, what: &str| {
        format!(
            "\n[[inbound]]\nname = \"{name}\"\n{what}\nfrom = \"ods:RX1\"\nto = [\"council\"]\npurpose = \"COC\"\n"
        )
    };
    let site = Site::example();
    let both = "mapping = \"client-level-data\"\nform = \"edifact\"";
    let places = [
        place("both", both),
        place("none", ""),
        place("near", "form = \"edifac\""),
        place("good", "form = \"notice\""),
    ];
    site.append("portcullis.toml", &places.concat());
    told("places", &site);
}

#[test]
fn who_asks_proves_who_they_are_unless_they_are_on_this_machine() {
    let tls = "purpose = \"COC\"\ntls = { certificate = \"tls/gateway.pem\", key = \"tls/gateway.key\", client_ca = \"tls/clients-ca.pem\" }\nclients = [\"dns:engine.northshire.example\"]";
    for (networks, is_refused) in
        [("\"127.0.0.0/8\"", false), ("\"10.0.0.0/8\"", true), ("\"127.0.0.0/8\", \"10.0.0.0/8\"", true)]
    {
        let site = Site::example();
        let plain = format!(
            "purpose = \"COC\"\npeers = [{networks}]\nplaintext = \"accepted-risk\"\nqueries = {{ system = \"hospital\", role = \"R8014\" }}"
        );
        site.edit("portcullis.toml", tls, &plain);
        let problems = site.problems();
        let told = problems.iter().any(|problem| problem.contains("queries are answered over TLS"));
        assert_eq!(told, is_refused, "{networks}: {problems:?}");
    }
}
