//! How each thing is said in both forms, and what XML cannot say.

use fhir::tables::Release;
use fhir::xml::{
    Fault, InvalidXml, Limits, Unsayable, Unwritable, from_json, from_json_of, to_json, to_json_of,
};

use super::{document, json_of, xml_of};

const HEAD: &str = r#"<?xml version="1.0" encoding="UTF-8"?>"#;

/// Both forms of one Patient, without the outermost element and the braces.
#[track_caller]
fn check(json: &str, xml: &str) {
    let json = format!(r#"{{"resourceType":"Patient",{json}}}"#);
    let xml = format!(r#"{HEAD}<Patient xmlns="http://hl7.org/fhir">{xml}</Patient>"#);
    assert_eq!(xml_of(&json), xml);
    assert_eq!(json_of(&xml), json);
}

#[test]
fn values_are_attributes_and_members_of_their_kind() {
    check(r#""id":"a""#, r#"<id value="a"/>"#);
    check(r#""active":true"#, r#"<active value="true"/>"#);
    check(r#""multipleBirthInteger":-3"#, r#"<multipleBirthInteger value="-3"/>"#);
    check(r#""deceasedDateTime":"2001""#, r#"<deceasedDateTime value="2001"/>"#);
    for number in ["1.00", "0.0", "-0", "1E-22", "1.000e+10", "123456789012345678901234567890.5"] {
        check(
            &format!(r#""extension":[{{"url":"urn:x","valueDecimal":{number}}}]"#),
            &format!(r#"<extension url="urn:x"><valueDecimal value="{number}"/></extension>"#),
        );
    }
}

#[test]
fn what_repeats_is_an_array_even_if_it_stands_there_once() {
    check(
        r#""name":[{"id":"n","family":"Fox","given":["Edna","Ann"]},{"text":"x"}],"photo":[{"title":"y"}]"#,
        concat!(
            r#"<name id="n"><family value="Fox"/><given value="Edna"/><given value="Ann"/></name>"#,
            r#"<name><text value="x"/></name><photo><title value="y"/></photo>"#,
        ),
    );
}

#[test]
fn what_stands_beside_a_primitive_is_in_its_sibling() {
    let (json, xml) = (
        r#"{"url":"urn:x","valueCode":"y"}"#,
        r#"<extension url="urn:x"><valueCode value="y"/></extension>"#,
    );
    check(
        &format!(r#""_id":{{"extension":[{json}]}},"birthDate":"2001","_birthDate":{{"id":"b"}}"#),
        &format!(r#"<id>{xml}</id><birthDate id="b" value="2001"/>"#),
    );
    check(
        &format!(
            r#""name":[{{"given":["A",null,"C"],"_given":[null,{{"id":"i","extension":[{json}]}},{{"extension":[{json}]}}]}}]"#
        ),
        &format!(
            r#"<name><given value="A"/><given id="i">{xml}</given><given value="C">{xml}</given></name>"#
        ),
    );
    check(
        &format!(r#""name":[{{"_given":[{{"extension":[{json}]}}]}}]"#),
        &format!("<name><given>{xml}</given></name>"),
    );
    // Lists that stop early mean the same.
    let short = format!(
        r#"{{"resourceType":"Patient","name":[{{"_given":[{{"extension":[{json}]}}],"given":[null,"B"]}}]}}"#
    );
    let long = format!(
        r#"{{"resourceType":"Patient","name":[{{"given":[null,"B"],"_given":[{{"extension":[{json}]}},null]}}]}}"#
    );
    assert_eq!(json_of(&xml_of(&short)), long);
}

#[test]
fn resources_stand_inside_others_under_their_names() {
    check(
        r#""contained":[{"resourceType":"Organization","id":"o"},{"resourceType":"Basic"}],"active":true"#,
        concat!(
            r#"<contained><Organization><id value="o"/></Organization></contained>"#,
            r#"<contained><Basic/></contained><active value="true"/>"#,
        ),
    );
    let json = concat!(
        r#"{"resourceType":"Bundle","type":"collection","entry":[{"resource":{"resourceType":"Parameters","#,
        r#""parameter":[{"name":"p","resource":{"resourceType":"Patient","id":"x"}}]}}]}"#,
    );
    let xml = concat!(
        r#"<?xml version="1.0" encoding="UTF-8"?><Bundle xmlns="http://hl7.org/fhir"><type value="collection"/>"#,
        r#"<entry><resource><Parameters><parameter><name value="p"/><resource><Patient><id value="x"/></Patient>"#,
        r#"</resource></parameter></Parameters></resource></entry></Bundle>"#,
    );
    assert_eq!(xml_of(json), xml);
    assert_eq!(json_of(xml), json);
}

#[test]
fn the_order_of_xml_is_that_of_the_definitions() {
    let json = concat!(
        r#"{"birthDate":"2001","name":[{"given":["B"],"family":"A","use":"usual"}],"id":"a","extension":"#,
        r#"[{"valueCode":"y","url":"urn:x"}],"meta":{"profile":["urn:p"]},"resourceType":"Patient"}"#,
    );
    let xml = concat!(
        r#"<?xml version="1.0" encoding="UTF-8"?><Patient xmlns="http://hl7.org/fhir"><id value="a"/><meta>"#,
        r#"<profile value="urn:p"/></meta><extension url="urn:x"><valueCode value="y"/></extension><name>"#,
        r#"<use value="usual"/><family value="A"/><given value="B"/></name><birthDate value="2001"/></Patient>"#,
    );
    assert_eq!(xml_of(json), xml);
}

#[test]
fn characters_of_markup_and_white_space_in_values_survive() {
    check(
        r#""id":"<a href=\"x\">'&amp;'\t\r\n\u00e9 \ud83d\ude00""#.replace("\\u00e9", "\u{E9}").replace("\\ud83d\\ude00", "\u{1F600}").as_str(),
        "<id value=\"&lt;a href=&quot;x&quot;&gt;'&amp;amp;'&#9;&#13;&#10;\u{E9} \u{1F600}\"/>",
    );
    // White space that is written as it is reads as spaces; what is referred to stays.
    let read = json_of(
        "<Patient xmlns='http://hl7.org/fhir'><id value='a\tb\nc\r\nd\re&#x9;f&#xA;g&apos;&#x1F600;'/></Patient>",
    );
    assert_eq!(read, "{\"resourceType\":\"Patient\",\"id\":\"a b c d e\\tf\\ng'\u{1F600}\"}");
}

#[test]
fn a_narrative_stays_as_it_is_to_the_byte() {
    for div in [
        r#"<div xmlns="http://www.w3.org/1999/xhtml">x</div>"#,
        r#"<div xmlns="http://www.w3.org/1999/xhtml"/>"#,
        "<div\n  xml:lang='en' lang = \"en\"\txmlns='http://www.w3.org/1999/xhtml' ><p>Give <b>NO</b> penicillin</p  ></div >",
        "<div xmlns=\"http://www.w3.org/1999/xhtml\">\r\n \t<br /><br/><!-- a - b --><p a='\"' b=\"'\">&#160;&amp;&lt;&#x41;&apos;>]] </p><div><div/></div></div>",
        "<div xmlns=\"http://www.w3.org/1999/xhtml\" xmlns:o=\"urn:x\"><p xmlns=\"http://www.w3.org/1999/xhtml\">\u{A0}\u{1F600}</p></div>",
    ] {
        let mut quoted = Vec::new();
        fhir::json::quote(div, &mut quoted);
        let quoted = String::from_utf8(quoted).expect("UTF-8");
        check(
            &format!(r#""text":{{"status":"generated","div":{quoted}}}"#),
            &format!(r#"<text><status value="generated"/>{div}</text>"#),
        );
        let spaced =
            format!(r#"{{"resourceType":"Patient","text":{{"div":"\r\n {}\t"}}}}"#, quoted.trim_matches('"'));
        let read = document(json_of(&xml_of(&spaced)).as_bytes());
        assert_eq!(read.root().str_at(&["text", "div"]).as_deref(), Some(div));
    }
}

/// Writing a Patient with `members` is refused in `path`.
#[track_caller]
fn refuse(members: &str, path: &str, why: Unsayable) {
    let json = document(format!(r#"{{"resourceType":"Patient",{members}}}"#).as_bytes());
    let found = from_json(json.root(), &Limits::default()).expect_err(members);
    assert_eq!((found.path.as_str(), found.why), (path, why), "{members}");
}

#[test]
fn what_fhir_cannot_say_is_not_written() {
    use Unsayable::{Character, Empty, Kind, Repeated, UnknownMember, UnknownResource};
    for (members, path, why) in [
        (r#""foo":1"#, "Patient", UnknownMember),
        (r#""_foo":{}"#, "Patient", UnknownMember),
        (r#""__id":{}"#, "Patient", UnknownMember),
        (r#""deceased":true"#, "Patient", UnknownMember),
        (r#""deceased[x]":true"#, "Patient", UnknownMember),
        (r#""_name":[{}]"#, "Patient", UnknownMember),
        (r#""name":[{"text":"x"},{"resourceType":"HumanName"}]"#, "Patient.name[1]", UnknownMember),
        (r#""name":[{"_id":{"extension":[]},"text":"x"}]"#, "Patient.name[0]", UnknownMember),
        (r#""text":{"_div":{"id":"x"}}"#, "Patient.text.div", UnknownMember),
        (r#""contained":[{"resourceType":"Basic","foo":1}]"#, "Patient.contained[0]", UnknownMember),
        (r#""contained":[{"id":"x"}]"#, "Patient.contained[0]", UnknownResource),
        (r#""contained":[{"resourceType":"HumanName"}]"#, "Patient.contained[0]", UnknownResource),
        (r#""deceasedBoolean":true,"deceasedDateTime":"2001""#, "Patient", Repeated),
        (r#""deceasedBoolean":true,"_deceasedDateTime":{"id":"x"}"#, "Patient", Repeated),
        (r#""active":"true""#, "Patient.active", Kind),
        (r#""active":null"#, "Patient.active", Kind),
        (r#""id":1"#, "Patient.id", Kind),
        (r#""id":["a"]"#, "Patient.id", Kind),
        (r#""id":{"a":1}"#, "Patient.id", Kind),
        (r#""_id":[{"id":"x"}]"#, "Patient.id", Kind),
        (r#""multipleBirthInteger":1.5"#, "Patient.multipleBirthInteger", Kind),
        (r#""multipleBirthInteger":"1""#, "Patient.multipleBirthInteger", Kind),
        (r#""name":{"text":"x"}"#, "Patient.name", Kind),
        (r#""name":["x"]"#, "Patient.name[0]", Kind),
        (r#""name":[["x"]]"#, "Patient.name[0]", Kind),
        (r#""name":[{"given":"x"}]"#, "Patient.name[0].given", Kind),
        (r#""name":[{"id":1,"text":"x"}]"#, "Patient.name[0]", Kind),
        (r#""maritalStatus":[{"text":"x"}]"#, "Patient.maritalStatus", Kind),
        (r#""text":{"div":1}"#, "Patient.text.div", Kind),
        (r#""contained":["x"]"#, "Patient.contained[0]", UnknownResource),
        (r#""id":"""#, "Patient.id", Empty),
        (r#""_id":{}"#, "Patient.id", Empty),
        (r#""_id":{"id":"x"}"#, "Patient.id", Empty),
        (r#""name":[]"#, "Patient.name", Empty),
        (r#""name":[{}]"#, "Patient.name[0]", Empty),
        (r#""name":[{"id":"x"}]"#, "Patient.name[0]", Empty),
        (r#""name":[null]"#, "Patient.name[0]", Empty),
        (r#""name":[{"given":["x",null]}]"#, "Patient.name[0].given[1]", Empty),
        (r#""name":[{"given":[null],"_given":[null]}]"#, "Patient.name[0].given[0]", Empty),
        (r#""name":[{"given":["x"],"_given":[]}]"#, "Patient.name[0].given", Empty),
        (r#""extension":[{"url":"","valueCode":"x"}]"#, "Patient.extension[0]", Empty),
        (r#""id":"a\u0000""#, "Patient.id", Character),
        (r#""id":"a\u001f""#, "Patient.id", Character),
        (r#""id":"a\ufffe""#, "Patient.id", Character),
        (
            r#""text":{"div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">\u0001</div>"}"#,
            "Patient.text.div",
            Character,
        ),
    ] {
        refuse(members, path, why);
    }
    for json in ["1", "[]", "{}", r#"{"resourceType":"Foo"}"#, r#"{"resourceType":["Patient"]}"#] {
        let found = from_json(document(json.as_bytes()).root(), &Limits::default()).expect_err(json);
        assert_eq!(found.why, UnknownResource, "{json}");
    }
}

#[test]
fn a_narrative_that_is_not_well_formed_is_not_written() {
    for (div, fault, at) in [
        ("", Fault::Text, 0),
        ("x", Fault::Text, 0),
        ("\u{FEFF}<div xmlns='http://www.w3.org/1999/xhtml'/>", Fault::Text, 0),
        ("<div>x</div>", Fault::Namespace, 0),
        ("<div xmlns='http://www.w3.org/1999/xhtml'>", Fault::Ended, 42),
        (
            "<div xmlns='http://www.w3.org/1999/xhtml'>x</div></text><active value='true'/><text>",
            Fault::Trailing,
            49,
        ),
        ("<div xmlns='http://www.w3.org/1999/xhtml'/>x", Fault::Trailing, 43),
        ("<!----><div xmlns='http://www.w3.org/1999/xhtml'/>", Fault::UnknownElement, 7),
        ("</text><div xmlns='http://www.w3.org/1999/xhtml'/>", Fault::Malformed, 0),
        ("<div xmlns='http://www.w3.org/1999/xhtml'>&nosuch;</div>", Fault::Entity, 42),
        ("<div xmlns='http://www.w3.org/1999/xhtml'>&nbsp;&Nbsp;</div>", Fault::Entity, 48),
        ("<div xmlns='http://www.w3.org/1999/xhtml'><br></div>", Fault::Malformed, 46),
        ("<div xmlns='http://www.w3.org/1999/xhtml'><x:p/></div>", Fault::Namespace, 42),
        ("<?x?><div xmlns='http://www.w3.org/1999/xhtml'/>", Fault::Instruction, 0),
        ("<!DOCTYPE div><div xmlns='http://www.w3.org/1999/xhtml'/>", Fault::DocumentType, 0),
    ] {
        let members = format!(r#""text":{{"status":"generated","div":"{div}"}}"#);
        refuse(&members, "Patient.text.div", Unsayable::Narrative(InvalidXml { fault, at }));
    }
}

#[test]
fn entities_of_html_that_json_holds_are_written_as_the_characters_they_stand_for() {
    let div = |inside: &str| format!("<div xmlns='http://www.w3.org/1999/xhtml'>{inside}</div>");
    let patient = |inside: &str| {
        format!(r#"{{"resourceType":"Patient","text":{{"status":"generated","div":"{}"}}}}"#, div(inside))
    };
    let xml = xml_of(&patient("caf&eacute;&nbsp;<b title='&ndash;'>&amp;&lt;</b><!-- &nbsp; -->"));
    assert!(xml.contains(&div("caf&#233;&#160;<b title='&#8211;'>&amp;&lt;</b><!-- &nbsp; -->")), "{xml}");
    assert!(roxmltree::Document::parse(&xml).is_ok());
    let again = json_of(&xml);
    assert!(again.contains("caf&#233;&#160;"), "{again}");
    assert_eq!(xml_of(&again), xml, "what was written once stays as it is");
}

#[test]
fn an_error_tells_path_and_place_and_nothing_of_the_content() {
    let json = r#"{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Patient","Edna":"Fox"}}]}"#;
    let found = from_json(document(json.as_bytes()).root(), &Limits::default()).expect_err("unknown");
    let at = json.find("\"Edna").expect("there");
    let wanted =
        Unwritable { why: Unsayable::UnknownMember, path: "Bundle.entry[0].resource".to_owned(), at };
    assert_eq!(found, wanted);
    assert_eq!(found.to_string(), format!("unknown member in Bundle.entry[0].resource at byte {at}"));
}

#[test]
fn writing_has_bounds_and_deep_nesting_is_harmless() {
    let nested = |depth: usize| {
        let open = r#""extension":[{"url":"urn:x","#.repeat(depth);
        format!(r#"{{"resourceType":"Patient",{open}"valueCode":"x"{}}}"#, "}]".repeat(depth))
    };
    let deep = fhir::json::Limits { depth_max: 512, ..fhir::json::Limits::default() };
    let limits = Limits { depth_max: usize::MAX, ..Limits::default() };
    let write = |depth: usize| {
        let json = fhir::json::parse(nested(depth).into(), &deep).expect("strict JSON");
        from_json(json.root(), &limits)
    };
    let written = write(254).expect("not too deep");
    assert!(to_json(&written, &limits).is_ok());
    let wanted = Unsayable::TooLarge(Fault::TooDeep { depth_max: 256 });
    assert_eq!(write(255).map_err(|found| found.why), Err(wanted));

    let small = Limits { bytes_max: 200, depth_max: 6, elements_max: 4, attributes_max: 3 };
    let refused = |members: &str| {
        let json = document(format!(r#"{{"resourceType":"Patient",{members}}}"#).as_bytes());
        from_json(json.root(), &small).err().map(|found| found.why)
    };
    assert_eq!(refused(r#""name":[{"given":["x","y"]}]"#), None);
    let wanted = Unsayable::TooLarge(Fault::TooManyElements { elements_max: 4 });
    assert_eq!(refused(r#""name":[{"given":["x","y","z"]}]"#), Some(wanted));
    let long = format!(r#""id":"{}""#, "x".repeat(200));
    assert_eq!(refused(&long), Some(Unsayable::TooLong { bytes_max: 200 }));
    let div = r#""text":{"div":"<div xmlns='http://www.w3.org/1999/xhtml'><p><b/></p></div>"}"#;
    let fault = Fault::TooManyElements { elements_max: 4 };
    assert_eq!(refused(div), Some(Unsayable::Narrative(InvalidXml { fault, at: 45 })));
}

#[test]
fn another_release_is_written_by_its_own_tables() {
    let sent = r#"{"resourceType":"Bundle","type":"collection","entry":[{"resource":{"resourceType":"Encounter","status":"completed","actualPeriod":{"start":"2026-01-02"}}}]}"#;
    let text = document(sent.as_bytes());
    let xml = from_json_of(Release::R5, text.root(), &Limits::default()).unwrap();
    assert_eq!(
        String::from_utf8(xml.clone()).unwrap(),
        format!(
            "{HEAD}<Bundle xmlns=\"http://hl7.org/fhir\"><type value=\"collection\"/><entry><resource><Encounter>\
             <status value=\"completed\"/><actualPeriod><start value=\"2026-01-02\"/></actualPeriod>\
             </Encounter></resource></entry></Bundle>"
        )
    );
    assert_eq!(to_json_of(Release::R5, &xml, &Limits::default()).unwrap(), sent.as_bytes());
    let refused = from_json(text.root(), &Limits::default()).unwrap_err();
    assert_eq!((refused.why, refused.path.as_str()), (Unsayable::UnknownMember, "Bundle.entry[0].resource"));
    let of_r4 = document(br#"{"resourceType":"ReferralRequest"}"#);
    assert!(from_json_of(Release::Stu3, of_r4.root(), &Limits::default()).is_ok());
    let refused = from_json_of(Release::R5, of_r4.root(), &Limits::default()).unwrap_err();
    assert_eq!(refused.why, Unsayable::UnknownResource);
}
