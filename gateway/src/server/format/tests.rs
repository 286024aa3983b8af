use super::*;

fn accept(text: &str) -> Result<Format, NotSpoken> {
    decide(Some(text), &[], None)
}

#[test]
fn the_format_that_is_wanted_most_is_answered() {
    use Format::{Json, Xml};
    for (text, expected) in [
        ("application/fhir+json", Json),
        ("application/fhir+xml", Xml),
        ("application/xml", Xml),
        ("TEXT/XML", Xml),
        ("text/json", Json),
        ("*/*", Json),
        ("application/*", Json),
        ("application/fhir+json, application/fhir+xml", Json),
        ("application/fhir+xml, application/fhir+json", Json),
        ("application/fhir+json;q=0.8, application/fhir+xml;q=0.9", Xml),
        ("application/fhir+json;q=0.801, application/fhir+xml;q=0.8", Json),
        ("application/fhir+xml;q=1.0, application/fhir+json;q=1.0, application/xml+fhir;q=0.9", Json),
        ("application/fhir+xml, application/*;q=0.1", Xml),
        ("application/fhir+json;q=0, */*", Xml),
        ("application/json;q=0.5, application/fhir+xml;q=0.4", Json),
        ("application/fhir+json;q=0.2, application/json, application/fhir+xml;q=0.3", Xml),
        ("application/fhir+json;fhirVersion=4.0;q=0.2, application/fhir+json, application/xml;q=0.5", Xml),
        ("text/html, application/xhtml+xml, application/xml;q=0.9, */*;q=0.8", Xml),
        ("text/html, */*;q=0.1", Json),
        ("text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2", Json),
        ("application/fhir+json;q=0.8999999761581421, application/fhir+xml;q=0.9", Xml),
        ("application/fhir+json;q=.5, application/fhir+xml;q=1.00000", Xml),
        ("application/fhir+xml; charset=UTF-8; fhirVersion=4.0", Xml),
        ("application/fhir+xml; x=\"a, application/fhir+json;q=1\"; q=0.5, application/fhir+json;q=0.4", Xml),
        ("application/fhir+xml; x=\"\\\", a\", application/fhir+json;q=0.4", Xml),
        ("application/fhir+json;q=0.5;fhirVersion=9.9, application/fhir+xml;q=0.4", Json),
        (" , application/fhir+xml , ", Xml),
    ] {
        assert_eq!(accept(text), Ok(expected), "{text}");
    }
}

#[test]
fn what_is_not_spoken_is_not_answered_in_something_else() {
    for text in [
        "",
        "text/html",
        "text/*",
        "text/turtle",
        "application/fhir+turtle",
        "application/fhir+ndjson",
        "application/json+fhir",
        "application/fhir+json; fhirVersion=5.0",
        "application/fhir+xml; fhirVersion=3.0, application/fhir+json; fhirVersion=1.0",
        "application/fhir+json; charset=utf-16",
        "application/fhir+json;q=0",
        "*/*;q=0",
        "application/fhir+json;q=0, application/fhir+xml;q=0.000, */*;q=0",
        "application/fhir+json;q=none",
        "application/fhir+json;q=1.5",
        "application/fhir+json;q=-1",
        "application/fhir+json;q=0;q=1",
        "application/fhir+json;q=",
        "multipart/related; type=\"application/dicom\"",
        "application/fhir+json/x",
    ] {
        assert_eq!(accept(text), Err(NotSpoken), "{text}");
    }
}

#[test]
fn what_is_named_in_the_query_goes_before_what_is_accepted() {
    use Format::{Json, Xml};
    for (query, expected) in [
        ("_format=json", Json),
        ("_format=xml", Xml),
        ("a=b&_format=text/xml", Xml),
        ("_format=application/fhir%2Bxml", Xml),
        ("_format=application/fhir+xml", Xml),
        ("_format=application%2Fxml&_pretty=true", Xml),
        ("%5fformat=XML", Xml),
        ("_format=application/fhir%2Bjson%3B%20fhirVersion=4.0", Json),
        ("_format=xml;charset=utf-8", Xml),
    ] {
        for header in ["application/fhir+json", "application/fhir+xml", "text/html", ""] {
            assert_eq!(decide(Some(header), &[query], None), Ok(expected), "{query}");
        }
    }
    for query in [
        "_format=",
        "_format",
        "_format=html",
        "_format=text/html",
        "_format=ttl",
        "_format=json,xml",
        "_format=json&_format=json",
        "_format=json&%5Fformat=xml",
        "_format=xml;fhirVersion=5.0",
        "_format=xml;charset=utf-7",
        "_format=%ff",
        "_format=*/*",
    ] {
        assert_eq!(decide(Some("*/*"), &[query], None), Err(NotSpoken), "{query}");
    }
    assert_eq!(decide(None, &["_formation=xml&format=xml"], None), Ok(Json));
    assert_eq!(decide(None, &["_format=xml", "_format=text/xml"], None), Ok(Xml), "in query and form alike");
    assert_eq!(decide(None, &["_format=xml", "_format=json"], None), Err(NotSpoken), "and not alike");
    assert_eq!(decide(None, &["_format=xml", "_format=%ff"], None), Err(NotSpoken), "and no text");
    assert_eq!(decide(None, &["patient=1", "_format=xml"], None), Ok(Xml), "in a form");
}

#[test]
fn who_has_no_preference_is_answered_in_the_format_that_was_sent() {
    let xml = Some("application/fhir+xml; charset=utf-8");
    for (accept, content_type, expected) in [
        (None, xml, Format::Xml),
        (Some("*/*"), xml, Format::Xml),
        (Some("application/fhir+json"), xml, Format::Json),
        (None, Some("application/fhir+json"), Format::Json),
        (None, Some("application/x-www-form-urlencoded"), Format::Json),
        (None, None, Format::Json),
    ] {
        assert_eq!(decide(accept, &[], content_type), Ok(expected), "{accept:?} {content_type:?}");
    }
}

#[test]
fn a_body_is_what_its_type_says_in_utf_8_and_of_this_version() {
    for (content_type, expected) in [
        ("application/fhir+json", Ok(Format::Json)),
        ("Application/FHIR+XML;fhirVersion=4.0", Ok(Format::Xml)),
        ("text/xml; charset=\"utf-8\"", Ok(Format::Xml)),
        ("application/json; charset=utf-8", Ok(Format::Json)),
        ("application/fhir+xml; charset=iso-8859-1", Err(NotRead::Charset)),
        ("application/fhir+json; charset=utf-8; charset=utf-16", Err(NotRead::Charset)),
        ("application/fhir+json; fhirVersion=5.0", Err(NotRead::Version)),
        ("text/plain", Err(NotRead::Type)),
        ("application/fhir+turtle", Err(NotRead::Type)),
        ("multipart/mixed", Err(NotRead::Type)),
        ("", Err(NotRead::Type)),
    ] {
        assert_eq!(Format::of_body(Some(content_type)), expected, "{content_type}");
    }
    assert_eq!(Format::of_body(None), Err(NotRead::Type));
}
