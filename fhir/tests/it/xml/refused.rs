//! What is refused in XML: what attacks readers, what is malformed, what is no FHIR.

use fhir::xml::{Fault, InvalidXml, Limits, to_json};

use super::json_of;

fn fault(xml: &[u8]) -> Option<Fault> {
    to_json(xml, &Limits::default()).err().map(|invalid| invalid.fault)
}

/// Every text is refused with the fault beside it.
#[track_caller]
fn check(rows: &[(&str, Fault)]) {
    for (xml, wanted) in rows {
        assert_eq!(fault(xml.as_bytes()), Some(*wanted), "{xml}");
    }
}

/// A Patient that holds `inside`.
fn patient(inside: &str) -> String {
    format!(r#"<Patient xmlns="http://hl7.org/fhir">{inside}</Patient>"#)
}

#[track_caller]
fn check_inside(rows: &[(&str, Fault)]) {
    let whole: Vec<_> = rows.iter().map(|(inside, fault)| (patient(inside), *fault)).collect();
    check(&whole.iter().map(|(xml, fault)| (xml.as_str(), *fault)).collect::<Vec<_>>());
}

/// A Patient whose narrative is `div`.
fn narrated(div: &str) -> String {
    patient(&format!(r#"<text><status value="generated"/>{div}</text>"#))
}

#[track_caller]
fn check_narrative(rows: &[(&str, Fault)]) {
    let whole: Vec<_> = rows.iter().map(|(div, fault)| (narrated(div), *fault)).collect();
    check(&whole.iter().map(|(xml, fault)| (xml.as_str(), *fault)).collect::<Vec<_>>());
}

#[test]
fn entities_are_neither_declared_nor_fetched_nor_expanded() {
    let bomb = r#"<!DOCTYPE b [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>"#;
    let external = r#"<!DOCTYPE p [<!ENTITY x SYSTEM "file:///etc/hostname">]>"#;
    for kind in [bomb, external, "<!DOCTYPE Patient>", "<!doctype Patient SYSTEM \"x\">"] {
        let xml = format!(r#"{kind}<Patient xmlns="http://hl7.org/fhir"><id value="&b;"/></Patient>"#);
        assert_eq!(fault(xml.as_bytes()), Some(Fault::DocumentType), "{kind}");
    }
    check_inside(&[
        ("<!DOCTYPE x>", Fault::DocumentType),
        (r#"<id value="&x;"/>"#, Fault::Entity),
        (r#"<id value="&nbsp;"/>"#, Fault::Entity),
        (r#"<id xmlns:x="&x;" value="1"/>"#, Fault::Entity),
        (r#"<id value="a&b"/>"#, Fault::Malformed),
        (r#"<id value="a&"/>"#, Fault::Malformed),
        (r#"<id value="&;"/>"#, Fault::Malformed),
        (r#"<id value="&#;"/>"#, Fault::Malformed),
        (r#"<id value="&#x;"/>"#, Fault::Malformed),
        (r#"<id value="&#-1;"/>"#, Fault::Malformed),
        (r#"<id value="&#+65;"/>"#, Fault::Malformed),
        (r#"<id value="&#X41;"/>"#, Fault::Malformed),
        (r#"<id value="&#0;"/>"#, Fault::Character),
        (r#"<id value="&#x1F;"/>"#, Fault::Character),
        (r#"<id value="&#xD800;"/>"#, Fault::Character),
        (r#"<id value="&#xFFFE;"/>"#, Fault::Character),
        (r#"<id value="&#x110000;"/>"#, Fault::Character),
        (r#"<id value="&#99999999999999999999;"/>"#, Fault::Character),
        ("&#32;", Fault::Text),
        ("&amp;", Fault::Text),
    ]);
}

#[test]
fn other_encodings_and_forbidden_characters_are_refused() {
    let declared = |text: &str| format!(r#"<?xml {text}?>{}"#, patient(""));
    for text in [
        r#"version="1.0""#,
        r#"version='1.0' encoding='utf-8' standalone="yes" "#,
        r#"version="1.0" encoding="UTF-8""#,
    ] {
        assert_eq!(fault(declared(text).as_bytes()), None, "{text}");
    }
    let rows = [
        (r#"version="1.0" encoding="ISO-8859-1""#, Fault::Encoding),
        (r#"version="1.0" encoding="UTF-16""#, Fault::Encoding),
        (r#"version="1.0" encoding="UTF-7""#, Fault::Encoding),
        (r#"version="1.1""#, Fault::Malformed),
        (r#"encoding="UTF-8""#, Fault::Malformed),
        (r#"version="1.0" standalone="maybe""#, Fault::Malformed),
        (r#"version="1.0" encoding="utf-8" encoding="utf-8""#, Fault::DuplicateAttribute),
        (r#"version="1.0" other="utf-8""#, Fault::Malformed),
    ];
    for (text, wanted) in rows {
        assert_eq!(fault(declared(text).as_bytes()), Some(wanted), "{text}");
    }
    assert_eq!(fault(format!(" {}", declared(r#"version="1.0""#)).as_bytes()), Some(Fault::Malformed));
    assert_eq!(fault(patient(r#"<?xml version="1.0"?>"#).as_bytes()), Some(Fault::Malformed));
    assert_eq!(
        json_of(&format!("\u{FEFF}{}", declared(r#"version="1.0""#))),
        r#"{"resourceType":"Patient"}"#
    );

    let utf16: Vec<u8> = patient("").encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(fault(&utf16), Some(Fault::Character));
    assert_eq!(fault(&[&b"\xFF\xFE"[..], &utf16].concat()), Some(Fault::Utf8));
    let latin = patient(r#"<id value="~"/>"#).replace('~', "\u{7F}").into_bytes();
    let latin: Vec<u8> = latin.into_iter().map(|byte| if byte == 0x7F { 0xE9 } else { byte }).collect();
    assert_eq!(fault(&latin), Some(Fault::Utf8));
    for character in ["\0", "\u{1}", "\u{B}", "\u{C}", "\u{1F}", "\u{FFFE}", "\u{FFFF}"] {
        for inside in
            [format!(r#"<id value="{character}"/>"#), character.to_owned(), format!("<!--{character}-->")]
        {
            assert_eq!(fault(patient(&inside).as_bytes()), Some(Fault::Character), "{inside:?}");
        }
    }
    assert_eq!(fault(patient("\u{FEFF}").as_bytes()), Some(Fault::Text));
    let twice = format!("\u{FEFF}\u{FEFF}{}", patient(""));
    assert_eq!(to_json(twice.as_bytes(), &Limits::default()), Err(InvalidXml { fault: Fault::Text, at: 3 }));
}

#[test]
fn what_is_not_well_formed_is_refused() {
    check(&[
        ("", Fault::Ended),
        (" ", Fault::Ended),
        ("{}", Fault::Text),
        ("<", Fault::Ended),
        ("<Patient", Fault::Ended),
        (r#"<Patient xmlns="http://hl7.org/fhir">"#, Fault::Ended),
        (r#"<Patient xmlns="http://hl7.org/fhir"/><Patient xmlns="http://hl7.org/fhir"/>"#, Fault::Trailing),
        (r#"<Patient xmlns="http://hl7.org/fhir"/>text"#, Fault::Text),
        (r#"<Patient xmlns="http://hl7.org/fhir"/></Patient>"#, Fault::Malformed),
        (r#"<Patient xmlns="http://hl7.org/fhir"></Person>"#, Fault::Malformed),
        (r#"<Patient xmlns="http://hl7.org/fhir"/><!--"#, Fault::Ended),
    ]);
    check_inside(&[
        (r#"<id value="1""#, Fault::Malformed),
        (r#"<id value="1>"#, Fault::Ended),
        (r#"<id value=1/>"#, Fault::Malformed),
        ("<id value/>", Fault::Malformed),
        (r#"<id value="1"x="2"/>"#, Fault::Malformed),
        (r#"<id"value="1"/>"#, Fault::Ended),
        (r#"< id value="1"/>"#, Fault::Malformed),
        (r#"<id value="1" / >"#, Fault::Malformed),
        (r#"<id value="<"/>"#, Fault::Malformed),
        (r#"<id value="1"></id x="">"#, Fault::Malformed),
        (r#"<id value="1"/ >"#, Fault::Malformed),
        (r#"<id ="1"/>"#, Fault::Malformed),
        (r#"<id 1="1"/>"#, Fault::Malformed),
        (r#"<a:b:c value="1"/>"#, Fault::Malformed),
        ("<>", Fault::Malformed),
        ("</>", Fault::Malformed),
        ("<!-- a -- b -->", Fault::Comment),
        ("<!-- a --->", Fault::Comment),
        ("<!ELEMENT x>", Fault::Malformed),
        ("<??>", Fault::Malformed),
        ("<? x?>", Fault::Malformed),
        ("<?XML x?>", Fault::Malformed),
    ]);
}

#[test]
fn what_fhir_gives_no_meaning_is_dropped() {
    let xml = concat!(
        "<?xml version=\"1.0\"?>\n<?xml-stylesheet href=\"x\"?><!-- one -->\r\n",
        "<f:Patient xmlns:f='http://hl7.org/fhir' xmlns:i='http://www.w3.org/2001/XMLSchema-instance'\n",
        "  i:schemaLocation='http://hl7.org/fhir patient.xsd'>\t<!-- two -->\n",
        "  <f:id\nvalue = 'a'  ><!-- three --><?pi x?></f:id >\n</f:Patient>\n<!-- four --><?pi?>\n",
    );
    assert_eq!(json_of(xml), r#"{"resourceType":"Patient","id":"a"}"#);
}

#[test]
fn names_stand_in_the_namespace_of_fhir() {
    check(&[
        ("<Patient/>", Fault::Namespace),
        (r#"<Patient xmlns=""/>"#, Fault::Namespace),
        (r#"<Patient xmlns="http://hl7.org/fhir/"/>"#, Fault::Namespace),
        (r#"<Patient xmlns="urn:hl7-org:v3"/>"#, Fault::Namespace),
        (r#"<f:Patient xmlns="http://hl7.org/fhir"/>"#, Fault::Namespace),
        (r#"<Patient xmlns="http://www.w3.org/1999/xhtml"/>"#, Fault::UnknownResource),
        (r#"<patient xmlns="http://hl7.org/fhir"/>"#, Fault::UnknownResource),
        (r#"<HumanName xmlns="http://hl7.org/fhir"/>"#, Fault::UnknownResource),
        (r#"<DomainResource xmlns="http://hl7.org/fhir"/>"#, Fault::UnknownResource),
        (r#"<xmlns:Patient xmlns="http://hl7.org/fhir"/>"#, Fault::Namespace),
        (r#"<Patient xmlns="http://hl7.org/fhir" xmlns:xml="urn:x"/>"#, Fault::Namespace),
    ]);
    check_inside(&[
        (r#"<id xmlns="" value="1"/>"#, Fault::Namespace),
        (r#"<id xmlns="http://www.w3.org/1999/xhtml" value="1"/>"#, Fault::Namespace),
        (r#"<x:id value="1"/>"#, Fault::Namespace),
        (r#"<id x:value="1"/>"#, Fault::UnknownAttribute),
        (r#"<id value="1" xml:lang="en"/>"#, Fault::UnknownAttribute),
        (
            r#"<name xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:schemaLocation="x y"/>"#,
            Fault::UnknownAttribute,
        ),
        (r#"<text><status value="generated"/><div>x</div></text>"#, Fault::Namespace),
    ]);
}

#[test]
fn every_element_and_attribute_has_its_place() {
    check_inside(&[
        ("<foo/>", Fault::UnknownElement),
        ("<Id/>", Fault::UnknownElement),
        (r#"<resourceType value="Patient"/>"#, Fault::UnknownElement),
        (r#"<deceased value="true"/>"#, Fault::UnknownElement),
        (r#"<name><id value="1"/></name>"#, Fault::UnknownElement),
        (r#"<extension><url value="urn:x"/></extension>"#, Fault::UnknownElement),
        (r#"<birthDate value="2001"><value/></birthDate>"#, Fault::UnknownElement),
        (r#"<active value="true"/><id value="1"/>"#, Fault::OutOfOrder),
        (r#"<name><text value="1"/></name><active value="true"/>"#, Fault::OutOfOrder),
        (
            r#"<name><text value="1"/></name><gender value="male"/><name><text value="2"/></name>"#,
            Fault::OutOfOrder,
        ),
        (r#"<id value="1"/><id value="2"/>"#, Fault::Repeated),
        (r#"<deceasedBoolean value="true"/><deceasedDateTime value="2001"/>"#, Fault::Repeated),
        (r#"<id value="1" value="2"/>"#, Fault::DuplicateAttribute),
        (r#"<id value="1" id="2" url="3" id="4"/>"#, Fault::DuplicateAttribute),
        (r#"<id value="1" url="2"/>"#, Fault::UnknownAttribute),
        (r#"<id value="1" other="2"/>"#, Fault::UnknownAttribute),
        (r#"<name value="1"><text value="1"/></name>"#, Fault::UnknownAttribute),
        (r#"<name url="urn:x"><text value="1"/></name>"#, Fault::UnknownAttribute),
        (r#"<contained id="1"><Patient/></contained>"#, Fault::UnknownAttribute),
        ("<contained><Patient/><Patient/></contained>", Fault::Repeated),
        (r#"<contained><name><text value="1"/></name></contained>"#, Fault::UnknownResource),
        ("text", Fault::Text),
        (r#"<id value="1">text</id>"#, Fault::Text),
        (r#"<name>x<text value="1"/></name>"#, Fault::Text),
        (r#"<id value="1"><![CDATA[]]></id>"#, Fault::Cdata),
        ("<![CDATA[<id/>]]>", Fault::Cdata),
    ]);
    check(&[(r#"<Patient xmlns="http://hl7.org/fhir" id="1"/>"#, Fault::UnknownAttribute)]);
    check(&[(r#"<Patient xmlns="http://hl7.org/fhir" value="1"/>"#, Fault::UnknownAttribute)]);
}

#[test]
fn nothing_is_empty_and_every_value_is_of_its_type() {
    check_inside(&[
        ("<id/>", Fault::EmptyElement),
        (r#"<id value=""/>"#, Fault::EmptyValue),
        (r#"<birthDate id="1"/>"#, Fault::EmptyElement),
        ("<name/>", Fault::EmptyElement),
        (r#"<name id="1"/>"#, Fault::EmptyElement),
        (r#"<name><given id="1"/></name>"#, Fault::EmptyElement),
        (r#"<name id=""><text value="1"/></name>"#, Fault::EmptyValue),
        (r#"<extension url=""/>"#, Fault::EmptyValue),
        ("<contained/>", Fault::EmptyElement),
        (r#"<active value="TRUE"/>"#, Fault::Value),
        (r#"<active value="1"/>"#, Fault::Value),
        (r#"<active value=" true"/>"#, Fault::Value),
        (r#"<multipleBirthInteger value="1.0"/>"#, Fault::Value),
        (r#"<multipleBirthInteger value="1e2"/>"#, Fault::Value),
        (r#"<multipleBirthInteger value="+1"/>"#, Fault::Value),
        (r#"<multipleBirthInteger value="01"/>"#, Fault::Value),
        (r#"<multipleBirthInteger value="-"/>"#, Fault::Value),
        (r#"<multipleBirthInteger value="1,2"/>"#, Fault::Value),
        (r#"<extension url="urn:x"><valueDecimal value="NaN"/></extension>"#, Fault::Value),
        (r#"<extension url="urn:x"><valueDecimal value=".5"/></extension>"#, Fault::Value),
        (r#"<extension url="urn:x"><valueDecimal value="5."/></extension>"#, Fault::Value),
        (r#"<extension url="urn:x"><valueDecimal value="1e"/></extension>"#, Fault::Value),
    ]);
}

#[test]
fn a_narrative_is_one_well_formed_div_that_stands_by_itself() {
    const DIV: &str = r#"<div xmlns="http://www.w3.org/1999/xhtml">"#;
    let inside = |text: &str| narrated(&format!("{DIV}{text}</div>"));
    for (text, wanted) in [
        ("<b>x", Fault::Malformed),
        ("<b>x</i></b>", Fault::Malformed),
        ("&nbsp;", Fault::Entity),
        ("&x", Fault::Malformed),
        ("a & b", Fault::Malformed),
        ("&#0;", Fault::Character),
        ("]]>", Fault::Malformed),
        ("<![CDATA[<script>]]>", Fault::Cdata),
        ("<?php x?>", Fault::Instruction),
        ("<!DOCTYPE x>", Fault::DocumentType),
        ("<!-- a -- b -->", Fault::Comment),
        ("<!-- a --->", Fault::Comment),
        ("<!--> <script/> -->", Fault::Comment),
        ("<!---> <script/> -->", Fault::Comment),
        (r#"<b a="1" a="2"/>"#, Fault::DuplicateAttribute),
        (r#"<b a="<"/>"#, Fault::Malformed),
        (r#"<b a="&nbsp;"/>"#, Fault::Entity),
        ("<b a=1/>", Fault::Malformed),
        ("<b a/>", Fault::Malformed),
        (r#"<b a="1"b="2"/>"#, Fault::Malformed),
        (r#"<b xmlns="http://hl7.org/fhir"/>"#, Fault::Namespace),
        (r#"<b xmlns=""/>"#, Fault::Namespace),
        (r#"<s:svg xmlns:s="http://www.w3.org/2000/svg"/>"#, Fault::Namespace),
        (r#"<b x:y="1" xmlns:x="urn:x"/>"#, Fault::Namespace),
        (r#"<b xmlns:x=""/>"#, Fault::Namespace),
        ("<1/>", Fault::Malformed),
    ] {
        assert_eq!(fault(inside(text).as_bytes()), Some(wanted), "{text}");
    }
    check_narrative(&[
        (r#"<p xmlns="http://www.w3.org/1999/xhtml"/>"#, Fault::UnknownElement),
        (r#"<h:div xmlns:h="http://www.w3.org/1999/xhtml">x</h:div>"#, Fault::Namespace),
        (
            r#"<div xmlns="http://www.w3.org/1999/xhtml"/><div xmlns="http://www.w3.org/1999/xhtml"/>"#,
            Fault::Repeated,
        ),
        (r#"<div xmlns="http://www.w3.org/1999/xhtml">"#, Fault::Malformed),
    ]);
    // The namespace is declared outside only: the text alone would mean something else.
    let inherited =
        narrated("<h:div>x</h:div>").replace("<text>", "<text xmlns:h='http://www.w3.org/1999/xhtml'>");
    assert_eq!(fault(inherited.as_bytes()), Some(Fault::Namespace));
}

#[test]
fn everything_has_a_bound_and_deep_nesting_is_harmless() {
    let nested = |depth: usize| {
        let open = r#"<extension url="urn:x">"#.repeat(depth);
        patient(&format!("{open}<valueCode value='x'/>{}", "</extension>".repeat(depth)))
    };
    let limits = Limits { depth_max: usize::MAX, ..Limits::default() };
    assert!(to_json(nested(254).as_bytes(), &limits).is_ok());
    for depth in [255, 5_000, 200_000] {
        let fault = to_json(nested(depth).as_bytes(), &limits).map_err(|invalid| invalid.fault);
        assert_eq!(fault, Err(Fault::TooDeep { depth_max: 256 }), "{depth}");
        let deep = format!("{}{}", "<b>".repeat(depth), "</b>".repeat(depth));
        let deep = narrated(&format!(r#"<div xmlns="http://www.w3.org/1999/xhtml">{deep}</div>"#));
        let fault = to_json(deep.as_bytes(), &limits).map_err(|invalid| invalid.fault);
        assert_eq!(fault, Err(Fault::TooDeep { depth_max: 256 }), "{depth}");
    }

    let small = Limits { bytes_max: 400, depth_max: 5, elements_max: 8, attributes_max: 3 };
    let refused = |xml: String| to_json(xml.as_bytes(), &small).err().map(|invalid| invalid.fault);
    let given = |count: usize| patient(&format!("<name>{}</name>", r#"<given value="x"/>"#.repeat(count)));
    assert_eq!(refused(given(6)), None);
    assert_eq!(refused(given(7)), Some(Fault::TooManyElements { elements_max: 8 }));
    let div = |count: usize| {
        narrated(&format!(r#"<div xmlns="http://www.w3.org/1999/xhtml">{}</div>"#, "<b/>".repeat(count)))
    };
    assert_eq!(refused(div(4)), None);
    assert_eq!(refused(div(5)), Some(Fault::TooManyElements { elements_max: 8 }));
    assert_eq!(refused(patient(&" ".repeat(400))), Some(Fault::TooLong { bytes_max: 400 }));
    let declared = |count: usize| {
        let declarations: String = (0..count).map(|at| format!(" xmlns:n{at}='urn:x'")).collect();
        patient(&format!("<id{declarations} value='x'/>"))
    };
    assert_eq!(refused(declared(2)), None);
    assert_eq!(refused(declared(3)), Some(Fault::TooManyAttributes));
    assert_eq!(fault(declared(100_000).as_bytes()), Some(Fault::TooManyAttributes));
}

#[test]
fn an_error_tells_the_place_and_nothing_of_the_content() {
    let xml = patient(r#"<name><text value="Edna"/></name><secret value="Edna"/>"#);
    let invalid = to_json(xml.as_bytes(), &Limits::default()).expect_err("unknown");
    let at = xml.find("<secret").expect("there");
    assert_eq!(invalid, InvalidXml { fault: Fault::UnknownElement, at });
    assert_eq!(invalid.to_string(), format!("unknown element at byte {at}"));
    let marked = format!("\u{FEFF}{xml}");
    let invalid = to_json(marked.as_bytes(), &Limits::default()).expect_err("unknown");
    assert_eq!(invalid.at, at + 3);
    let invalid = to_json(
        narrated(r#"<div xmlns="http://www.w3.org/1999/xhtml"><b>&nbsp;</b></div>"#).as_bytes(),
        &Limits::default(),
    )
    .expect_err("an entity");
    assert_eq!(
        invalid.at,
        narrated(r#"<div xmlns="http://www.w3.org/1999/xhtml"><b>"#).find("<b>").unwrap() + 3
    );
}
