use fhir::identifier::{self, Identifier};
use fhir::nhs_number::NhsNumber;
use fhir::reference::{Bases, Id};
use fhir::search::grammar::{self, Malformed, Name};
use fhir::search::{InvalidValue, NamedPerson, NotServed, Polarity, SearchError, SearchQuery, form};
use fhir::tables;
use proptest::prelude::*;

fn compile(resource_type: &str, query: &str) -> Result<SearchQuery, SearchError> {
    let bases = Bases::new(["https://ehr.example/fhir"]).expect("a base");
    let owner = tables::resource_type(resource_type).expect("a type of R4");
    SearchQuery::compile(owner, &grammar::parse(query)?, &bases)
}

#[track_caller]
fn rewritten(resource_type: &str, query: &str, expected: &str) {
    assert_eq!(
        compile(resource_type, query).map(|query| query.to_form()),
        Ok(expected.to_owned()),
        "{query}"
    );
}

#[test]
fn a_query_is_decoded_once() {
    let parameters = grammar::parse("code=a%252Cb%2Cc+d&name%3Aexact=%C3%A9").expect("a query");
    assert_eq!(parameters[0].values.iter().map(|value| value.plain()).collect::<Vec<_>>(), ["a%2Cb", "c d"]);
    assert_eq!(parameters[1].name, Name::Plain { code: "name".into(), modifier: Some("exact".into()) });
    assert_eq!(parameters[1].values[0].plain(), "\u{e9}");
}

#[test]
fn escaped_separators_do_not_separate() {
    let parameters = grammar::parse(r"code=a\,b,c\|d\$e\\,f").expect("a query");
    assert_eq!(
        parameters[0].values.iter().map(|value| value.plain()).collect::<Vec<_>>(),
        ["a,b", r"c|d$e\", "f"]
    );
    assert_eq!(parameters[0].values[1].split('|').len(), 1);
}

#[test]
fn what_is_outside_the_grammar_is_refused() {
    let long = format!("code={}", "a".repeat(grammar::QUERY_BYTES_MAX));
    let many = vec!["code=a"; 51].join("&");
    let alternatives = format!("code={}", vec!["a"; 201].join(","));
    for (query, reason) in [
        ("code=%", Malformed::Percent),
        ("code=%4", Malformed::Percent),
        ("code=%zz", Malformed::Percent),
        ("code=%C3", Malformed::Utf8),
        ("code=a%00b", Malformed::Control),
        ("code=a%0Ab", Malformed::Control),
        ("code=a%C2%85b", Malformed::Control),
        ("code", Malformed::NoValue),
        ("patient=", Malformed::NoValue),
        ("patient=1,,2", Malformed::NoValue),
        ("patient=1,", Malformed::NoValue),
        ("=1", Malformed::Name),
        ("co%20de=1", Malformed::Name),
        ("code:=1", Malformed::Name),
        (":not=1", Malformed::Name),
        ("code:not:not=1", Malformed::Name),
        ("code%26x=1", Malformed::Name),
        (r"code=a\b", Malformed::Escape),
        (r"code=a\", Malformed::Escape),
        (&long, Malformed::TooLong),
        (&many, Malformed::TooManyParameters),
        (&alternatives, Malformed::TooManyValues),
    ] {
        assert_eq!(grammar::parse(query).map(|parameters| parameters.len()), Err(reason), "{query:.40}");
    }
    assert_eq!(grammar::parse("&&code=a&").map(|parameters| parameters.len()), Ok(1));
}

#[test]
fn a_query_is_written_anew_in_one_spelling() {
    for (resource_type, query, expected) in [
        ("Condition", "patient=1", "patient=Patient%2F1"),
        ("Condition", "patient=Patient/1,Patient/2", "patient=Patient%2F1%2CPatient%2F2"),
        ("Condition", "patient=https://EHR.example:443/fhir/Patient/1", "patient=Patient%2F1"),
        ("Condition", "subject:Patient=1", "subject=Patient%2F1"),
        (
            "Condition",
            "code=http://snomed.info/sct|44054006&_count=20",
            "code=http%3A%2F%2Fsnomed.info%2Fsct%7C44054006",
        ),
        ("Condition", "code:not=a,%7Cb,c%7C", "code%3Anot=a%2C%7Cb%2Cc%7C"),
        ("Condition", r"code=a\|b", "code=a%5C%7Cb"),
        (
            "Condition",
            "onset-date=ge2024-01-01&onset-date=lt2025",
            "onset-date=ge2024-01-01&onset-date=lt2025",
        ),
        ("Condition", "onset-date=eq2024", "onset-date=2024"),
        (
            "Condition",
            "recorded-date=2024-01-01T10:00:00+01:00",
            "recorded-date=2024-01-01T10%3A00%3A00%2B01%3A00",
        ),
        ("Patient", "family:exact=O%27Neill&birthdate=1950", "family%3Aexact=O%27Neill&birthdate=1950"),
        ("Patient", "address:missing=true", "address%3Amissing=true"),
        (
            "Observation",
            "value-quantity=gt5.40%7Chttp://unitsofmeasure.org%7Cmg",
            "value-quantity=gt5.40%7Chttp%3A%2F%2Funitsofmeasure.org%7Cmg",
        ),
        ("Observation", "value-quantity=5||mg", "value-quantity=5%7C%7Cmg"),
        ("RiskAssessment", "probability=gt0.80", "probability=gt0.80"),
        (
            "ValueSet",
            "url=http://x.example/a,http://x.example/b",
            "url=http%3A%2F%2Fx.example%2Fa%2Chttp%3A%2F%2Fx.example%2Fb",
        ),
        ("Patient", "_id=1&_pretty=true&_summary=false&_total=none&_format=application/fhir+json", "_id=1"),
    ] {
        rewritten(resource_type, query, expected);
    }
}

#[test]
fn what_is_not_served_says_which_part() {
    for (query, reason) in [
        ("patient.name=a", NotServed::Chain),
        ("subject:Patient.name=a", NotServed::Chain),
        ("_has:Observation:patient:code=1", NotServed::Has),
        ("_has=1", NotServed::Has),
        ("_filter=name eq a", NotServed::Filter),
        ("_text=a", NotServed::Text),
        ("_content=a", NotServed::Content),
        ("_query=a", NotServed::Query),
        ("_list=a", NotServed::List),
        ("_type=Patient", NotServed::Type),
        ("_include=*", NotServed::Wildcard),
        ("_include=Condition:*", NotServed::Wildcard),
        ("_revinclude=*:subject", NotServed::Wildcard),
        ("_include:iterate=Condition:subject", NotServed::Iterate),
        ("_include:recurse=Condition:subject", NotServed::Iterate),
        ("_revinclude:iterate=*", NotServed::Iterate),
        ("_sort=-subject", NotServed::Sort),
        ("_sort=code,onset-age", NotServed::Sort),
        ("_contained=true", NotServed::Contained),
        ("_format=xml", NotServed::Format),
        ("code:in=http://x", NotServed::Modifier),
        ("code:below=x", NotServed::Modifier),
        ("subject:identifier=a|b", NotServed::Modifier),
    ] {
        assert_eq!(compile("Condition", query).map(|_| ()), Err(SearchError::NotServed(reason)), "{query}");
    }
    assert_eq!(compile("Location", "near=1|2").map(|_| ()), Err(NotServed::Special.into()));
}

#[test]
fn what_r4_does_not_have_or_cannot_read_is_refused() {
    let value = |parameter, reason| SearchError::Value { parameter, reason };
    for (query, error) in [
        ("colour=red", SearchError::UnknownParameter),
        ("Code=red", SearchError::UnknownParameter),
        ("_bogus=red", SearchError::UnknownParameter),
        ("code:exact=a", SearchError::UnknownModifier { parameter: "code" }),
        ("onset-date:not=2024", SearchError::UnknownModifier { parameter: "onset-date" }),
        ("subject:Nonsense=1", SearchError::UnknownModifier { parameter: "subject" }),
        ("_count:not=1", SearchError::UnknownModifier { parameter: "_count" }),
        ("_count=1&_count=2", SearchError::Repeated { parameter: "_count" }),
        ("_count=1,2", SearchError::Repeated { parameter: "_count" }),
        ("_count=-1", value("_count", InvalidValue::Count)),
        ("_count=%2B1", value("_count", InvalidValue::Count)),
        ("_count=1e3", value("_count", InvalidValue::Count)),
        ("_count=111111111111111111111111111111111", value("_count", InvalidValue::Count)),
        ("_cursor=a.b", value("_cursor", InvalidValue::Cursor)),
        ("_pretty=yes", value("_pretty", InvalidValue::Truth)),
        ("code:missing=maybe", value("code", InvalidValue::Truth)),
        ("code:missing=true,false", value("code", InvalidValue::Truth)),
        ("code=a|b|c", value("code", InvalidValue::Token)),
        ("code=|", value("code", InvalidValue::Token)),
        ("subject=1", value("subject", InvalidValue::ReferenceType)),
        ("subject=Observation/1", value("subject", InvalidValue::ReferenceTarget)),
        ("subject:Group=Patient/1", value("subject", InvalidValue::ReferenceTarget)),
        ("patient=Nonsense/1", value("patient", InvalidValue::ReferenceTarget)),
        ("patient=%231", value("patient", InvalidValue::Reference)),
        ("patient=Patient/1/../2", value("patient", InvalidValue::Reference)),
        ("patient=Patient?name=a", value("patient", InvalidValue::Reference)),
        ("onset-date=yesterday", value("onset-date", InvalidValue::Date)),
        ("onset-date=xx2024", value("onset-date", InvalidValue::Date)),
        ("onset-age=5|mg", value("onset-age", InvalidValue::Quantity)),
        ("onset-age=five", value("onset-age", InvalidValue::Quantity)),
    ] {
        assert_eq!(compile("Condition", query).map(|_| ()), Err(error), "{query}");
    }
    assert_eq!(compile("Patient", "family=+").map(|_| ()), Err(value("family", InvalidValue::Text)));
}

#[test]
fn errors_and_debug_show_nothing_of_the_query() {
    for query in ["patient=secret%00", "code=secret|secret|secret", "secret=secret", "onset-date=secret"] {
        let error = compile("Condition", query).expect_err(query);
        assert!(!format!("{error} {error:?}").contains("secret"), "{query}");
    }
    let shown = format!(
        "{:?}",
        compile("Patient", "family=secret&identifier=secret&_id=secret&birthdate=1950-02-03")
    );
    assert!(!shown.contains("secret") && !shown.contains("1950"), "{shown}");
}

#[test]
fn a_search_says_which_persons_it_names() {
    let nhs = NhsNumber::parse("9990000018").expect("valid");
    let patient = |id: &str| NamedPerson::Patient(Id::parse(id).expect("an id"));
    let nhs_query = format!("identifier={}%7C9990000018", identifier::NHS_NUMBER);
    for (resource_type, query, expected) in [
        ("Condition", "patient=1", vec![patient("1")]),
        ("Condition", "subject=Patient/2,Patient/1", vec![patient("1"), patient("2")]),
        ("Condition", "patient=1&subject=Patient/2", vec![patient("1"), patient("2")]),
        ("Condition", "subject=Patient/1,Group/1", vec![]),
        ("Condition", "subject=https://elsewhere.example/Patient/1", vec![]),
        ("Condition", "patient:missing=false", vec![]),
        ("Condition", "_id=1", vec![]),
        ("Condition", "identifier=1", vec![]),
        ("Patient", "_id=1", vec![patient("1")]),
        ("Patient", "_id:not=1", vec![]),
        ("Patient", &nhs_query, vec![NamedPerson::Nhs(nhs)]),
        ("Patient", "identifier=urn:mrn|7", vec![NamedPerson::Identifier(Identifier::new("urn:mrn", "7"))]),
        ("Patient", "identifier=urn:mrn|", vec![]),
        ("Patient", "family=Example&birthdate=1950-02-03", vec![]),
    ] {
        let named = compile(resource_type, query).expect(query).named_persons();
        assert_eq!(named.into_iter().collect::<Vec<_>>(), expected, "{query}");
    }
}

#[test]
fn what_a_query_names_can_be_asked_without_the_rest() {
    for (resource_type, query, alone) in [
        ("Condition", "patient=1&code=2", Some("patient=Patient%2F1")),
        (
            "Condition",
            "code=2&subject=Patient/1,Patient/2&_id=7",
            Some("subject=Patient%2F1%2CPatient%2F2&_id=7"),
        ),
        ("Condition", "patient=1&_id:not=7", Some("patient=Patient%2F1")),
        ("Condition", "patient=1&_id:missing=true", Some("patient=Patient%2F1")),
        ("Observation", "patient=1&code-value-quantity=1$gt5", Some("patient=Patient%2F1")),
        ("Organization", "_id=7&name=x", Some("_id=7")),
        ("Patient", "_id=1&family=x", Some("_id=1")),
        // Nothing is left out, nothing is named, or nobody but the system can tell.
        ("Condition", "patient=1&_id=7", None),
        ("Condition", "code=2", None),
        ("Condition", "_id:not=7&code=2", None),
        ("Condition", "subject=Patient/1,Group/2&code=2", None),
        ("Patient", "family=x&birthdate=1950", None),
        ("Patient", "_id=1&phonetic=x", None),
    ] {
        let named = compile(resource_type, query).expect(query).to_named_alone();
        assert_eq!(named.map(|named| named.to_form()).as_deref(), alone, "{query}");
    }
}

#[test]
fn a_search_for_two_persons_where_only_one_can_be_contradicts_itself() {
    let number = |number: &str| format!("identifier={}|{number}", identifier::NHS_NUMBER);
    let (two_numbers, one_number) = (
        format!("{}&{}", number("9990000018"), number("9990000026")),
        format!("{}&identifier=9990000018", number("9990000018")),
    );
    for (resource_type, query, expected) in [
        ("Condition", "patient=1&patient=2", true),
        ("Condition", "patient=1&subject=Patient/2", true),
        ("Condition", "patient=1,2&patient=Patient/3", true),
        ("Condition", "patient=1&code=7&patient=1&patient=2", true),
        ("Condition", "patient=1&patient=1", false),
        ("Condition", "patient=1,2&patient=2,3", false),
        ("Condition", "patient=1,2", false),
        // It names nobody, and is not of these two.
        ("Condition", "patient=1&subject=Group/2", false),
        ("Condition", "_id=1&_id=2&patient=1", false),
        ("Patient", "_id=1&_id=2", true),
        ("Patient", &two_numbers, true),
        ("Patient", &one_number, false),
        ("Patient", "_id=1&identifier=9990000018", false),
        ("Patient", "identifier=urn:mrn|1&identifier=urn:mrn|2", false),
        // An appointment is about all who take part.
        ("Appointment", "patient=1&patient=2", false),
    ] {
        assert_eq!(compile(resource_type, query).expect(query).contradicts_itself(), expected, "{query}");
    }
}

#[test]
fn a_criterion_says_which_elements_it_reads() {
    for (resource_type, query, expected) in [
        ("Patient", "address-postalcode=AB1", vec!["address.postalCode"]),
        ("Patient", "phone=555", vec!["telecom", "telecom.system"]),
        ("Condition", "onset-date=2024", vec!["onset[x]"]),
        ("Condition", "_lastUpdated=2024", vec!["meta.lastUpdated"]),
    ] {
        let compiled = compile(resource_type, query).expect(query);
        let mut reads: Vec<_> = compiled.criteria()[0].reads().to_vec();
        reads.sort();
        assert_eq!(reads, expected, "{query}");
    }
}

#[test]
fn what_absence_can_meet_is_negative() {
    for (resource_type, query, polarity) in [
        ("Condition", "code=a", Polarity::Positive),
        ("Condition", "code:not=a", Polarity::Negative),
        ("Condition", "code:missing=true", Polarity::Negative),
        ("Condition", "code:missing=false", Polarity::Positive),
        ("Condition", "onset-date=lt2024", Polarity::Positive),
        ("Condition", "onset-date=gt2024,ne2023", Polarity::Negative),
        ("Patient", "deceased=false", Polarity::Negative),
        ("Observation", "value-quantity=ne5", Polarity::Negative),
    ] {
        assert_eq!(compile(resource_type, query).expect(query).criteria()[0].polarity(), polarity, "{query}");
    }
}

#[test]
fn more_entries_than_any_page_holds_may_be_asked_for() {
    for (said, count) in [
        ("999999", 999_999),
        ("1000000", 999_999),
        ("99999999999999999999", 999_999),
        ("0000000020", 20),
        ("1", 1),
    ] {
        let query = compile("Condition", &format!("patient=1&_count={said}")).expect("a query");
        assert_eq!(query.count(), Some(count), "{said}");
    }
}

#[test]
fn page_controls_are_kept_apart_from_criteria() {
    let query = compile("Condition", "patient=1&_count=20&_cursor=AbC_-1").expect("a query");
    assert_eq!((query.count(), query.cursor(), query.criteria().len()), (Some(20), Some("AbC_-1"), 1));
}

fn parameter() -> impl Strategy<Value = (String, String)> {
    let name = prop_oneof![
        "(code|patient|subject|_id|onset-date|severity|_tag)(:(not|missing|Patient|exact))?",
        "[a-z_:.]{0,12}"
    ];
    let value = prop_oneof![
        "[ -~]{0,12}",
        ".{0,8}",
        "(ge|le|ap)?20[0-9]{2}(-0[1-9])?",
        "(Patient/|Group/)?[a-z0-9]{1,4}",
        r"[ab|,\\$]{1,6}"
    ];
    (name, value)
}

proptest! {
    #[test]
    fn no_query_makes_the_reader_panic(query in ".{0,60}") {
        drop(compile("Condition", &query));
    }

    #[test]
    fn what_is_written_is_read_as_the_same(pairs in proptest::collection::vec(parameter(), 0..4)) {
        let Ok(first) = compile("Condition", &form(pairs)) else { return Ok(()) };
        let written = first.to_form();
        let second = compile("Condition", &written).expect("our own form");
        prop_assert_eq!(&second.to_form(), &written);
        prop_assert_eq!(second.named_persons(), first.named_persons());
        prop_assert!(!written.contains(['\\', '|', ',', '/', ' ', '+', '"']));
    }
}
