use proptest::prelude::*;

use super::{Limits, Malformed, Odd, Tree, Written};
use crate::model::Tables;

fn read(text: &str) -> Tree {
    Tree::read(text.as_bytes(), &Limits::default()).expect("readable")
}

/// Every valued node as `path=text`, in order of the walk.
fn told(tree: &Tree) -> Vec<String> {
    let valued = tree.root().descendants().filter_map(|node| Some((node.path(), node.text()?)));
    valued.map(|(path, text)| format!("{path}={text}")).collect()
}

fn odd(tree: &Tree) -> Vec<String> {
    tree.oddities().iter().map(|oddity| oddity.odd.to_string()).collect()
}

#[track_caller]
fn check(text: &str, expected: &[&str], oddities: &[&str]) {
    let tree = read(text);
    assert_eq!(told(&tree), expected, "values");
    assert_eq!(odd(&tree), oddities, "oddities");
}

const JSON: &str = r#"{"resourceType":"Patient","id":"p1","_birthDate":{"id":"b","extension":[{"url":"urn:t","valueDateTime":"1990-01-02T03:04:05Z"}]},
 "birthDate":"1990-01-02","name":[{"given":["Ann",null,"\u00c9va"],"_given":[null,{"extension":[{"url":"urn:x","valueCode":"U"}]}]}],
 "active":true,"multipleBirthInteger":2,"text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">A &amp; B</div>"},
 "contained":[{"resourceType":"Organization","name":"Org"}]}"#;

const XML: &str = r##"<?xml version="1.0" encoding="UTF-8"?>
<Patient xmlns="http://hl7.org/fhir"><!-- one --><id value="p1"/>
 <birthDate id="b" value="1990-01-02"><extension url="urn:t"><valueDateTime value="1990-01-02T03:04:05Z"/></extension></birthDate>
 <name><given value="Ann"/><given><extension url="urn:x"><valueCode value="U"/></extension></given><given value="&#201;va"/></name>
 <active value="true"/><multipleBirthInteger value="2"/>
 <text><status value="generated"/><div xmlns="http://www.w3.org/1999/xhtml">A &amp; B</div></text>
 <contained><Organization><name value="Org"/></Organization></contained></Patient>"##;

#[test]
fn both_forms_make_the_same_tree() {
    let (json, xml) = (read(JSON), read(XML));
    assert_eq!(odd(&xml), Vec::<String>::new());
    // The one pair whose lengths differ is noted.
    assert_eq!(odd(&json), ["the properties given and _given do not match"]);
    let sorted = |tree: &Tree| {
        let mut told = told(tree);
        told.iter_mut().for_each(|line| *line = line.replace("[0]", ""));
        told.sort_unstable();
        told
    };
    assert_eq!(sorted(&json), sorted(&xml));
    assert_eq!(xml.root().name(), "Patient");
    assert_eq!(xml.root().resource_type(), Some("Patient"));
    let contained = json.root().child("contained").expect("contained");
    assert_eq!(contained.resource_type(), Some("Organization"));
    assert_eq!(contained.child("name").expect("name").resource(), contained);
    assert_eq!(
        json.root().child("active").and_then(super::Node::value).expect("value").written,
        Written::Boolean
    );
}

#[test]
fn a_primitive_has_what_stands_beside_it() {
    let tree = read(JSON);
    let given: Vec<_> = tree.root().child("name").expect("name").named("given").collect();
    let said: Vec<_> = given.iter().map(|node| (node.text(), node.children().count())).collect();
    assert_eq!(said, [(Some("Ann"), 0), (None, 1), (Some("Éva"), 0)]);
    assert_eq!(given[1].path(), "Patient.name[0].given[1]");
    assert_eq!(
        given[1].child("extension").expect("extension").path(),
        "Patient.name[0].given[1].extension[0]"
    );
    let born = tree.root().child("birthDate").expect("birthDate");
    assert_eq!((born.text(), born.child_text("id")), (Some("1990-01-02"), Some("b")));
}

#[test]
fn xml_and_json_say_the_same_in_json() {
    let written = read(XML).root().to_json(&Tables::R4);
    let again = read(&written);
    assert_eq!(written, again.root().to_json(&Tables::R4));
    assert!(written.contains(r#""active":true,"multipleBirthInteger":2,"#), "{written}");
    assert!(written.contains(r#""name":[{"given":["Ann",null,"Éva"],"_given":[null,{"extension":[{"url":"urn:x","valueCode":"U"}]},null]}]"#), "{written}");
    assert!(written.contains(r#""contained":[{"resourceType":"Organization","name":"Org"}]"#), "{written}");
}

#[test]
fn odd_json_is_read_and_noted() {
    check("\u{feff}{\"resourceType\":\"Basic\"}", &[], &["the text starts with a byte order mark"]);
    check(
        r#"{"resourceType":"Basic","id":"a","id":"b"}"#,
        &["Basic.id[0]=a", "Basic.id[1]=b"],
        &["the property id stands twice in one object"],
    );
    check(
        "{\"resourceType\":\"Basic\", // no\n \"id\":\"a\", /* nor */ \"fhir_comments\":[\"x\"],}",
        &["Basic.id=a"],
        &[
            "a comment, which json does not have",
            "a comment, which json does not have",
            "a comment, which json does not have",
            "a comma after the last value",
        ],
    );
    check(
        r#"{"id":"","meta":{},"link":[],"x":null,"y":[[1],2],"_z":1}"#,
        &["id=", "y[0]=2"],
        &[
            "a resource without resourceType",
            "the value of id is empty",
            "the element meta is empty",
            "the array link is empty",
            "the property x is null",
            "an array within the array y",
            "the property _z is no object",
        ],
    );
    check(
        r#"{"resourceType":"B","x":"\ud800a"} tail"#,
        &["B.x=\u{fffd}a"],
        &["a lone surrogate in a string", "text after the resource"],
    );
    check(
        r#"{"resourceType":"B","_x":[{"id":"1"},{"id":"2"}],"x":["a"]}"#,
        &["B.x[0]=a", "B.x[0].id=1", "B.x[1].id=2"],
        &["the properties x and _x do not match"],
    );
}

#[test]
fn odd_xml_is_read_and_noted() {
    check(
        "<Patient><id value=\"1\"/></Patient>",
        &["Patient.id=1"],
        &["the element Patient is not in the namespace of fhir"],
    );
    check(
        "<f:Patient xmlns:f=\"http://hl7.org/fhir\"><f:name/>oops<f:id value=\"\" odd=\"1\"/><f:name use=\"x\"/></f:Patient><Other/>",
        &["Patient.id=", "Patient.id.odd=1", "Patient.name[1].use=x"],
        &[
            "the element name is empty",
            "characters in the element Patient",
            "the value of id is empty",
            "the attribute odd, which fhir does not have",
            "the elements name do not stand together",
            "the attribute use, which fhir does not have",
            "the element Other is not in the namespace of fhir",
            "text after the resource",
        ],
    );
    check(
        "<Bundle xmlns=\"http://hl7.org/fhir\"><entry><resource><Basic><id value=\"1\"/></Basic><Basic><id value=\"2\"/></Basic></resource></entry></Bundle>",
        &["Bundle.entry.resource[0].id=1", "Bundle.entry.resource[1].id=2"],
        &["more than one resource in the element resource"],
    );
    check(
        "<Basic xmlns=\"http://hl7.org/fhir\"><text><div><p>x</p></div></text><x:y xmlns:x=\"urn:x\" value=\"a&ndash;b&#x43;\nd\"/></Basic>",
        &["Basic.text.div=<div><p>x</p></div>", "Basic.x:y=a\u{2013}bC d"],
        &[
            "the narrative is not in the namespace of xhtml",
            "the element x:y is not in the namespace of fhir",
            "a named entity of html in a value",
        ],
    );
}

#[test]
fn utf16_is_read() {
    let wide: Vec<u8> =
        "\u{feff}{\"resourceType\":\"Basic\"}".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let tree = Tree::read(&wide, &Limits::default()).expect("readable");
    assert_eq!(tree.root().name(), "Basic");
    assert_eq!(tree.oddities().first().map(|oddity| &oddity.odd), Some(&Odd::Utf16));
}

#[track_caller]
fn refused(text: &str, limits: &Limits) -> Malformed {
    Tree::read(text.as_bytes(), limits).expect_err("refused")
}

#[test]
fn what_cannot_be_read_one_way_is_refused() {
    let limits = Limits::default();
    for text in [
        "",
        " ",
        "[]",
        "1",
        "{",
        "{\"a\"",
        "{\"a\":01}",
        "{\"a\":1.}",
        "{\"a\" 1}",
        "{a:1}",
        "{\"a\":tru}",
        "{\"a\":\"\\x\"}",
        "<",
        "<a>",
        "<a></b>",
        "<a",
        "<a b=\"\"",
        "</a>",
        "text",
    ] {
        refused(text, &limits);
    }
    assert!(Tree::read(b"{\"a\":\"\xff\"}", &limits).is_err());
}

#[test]
fn hostile_texts_end_at_once() {
    let limits = Limits::default();
    let laughs = "<!DOCTYPE x [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]><Patient xmlns=\"http://hl7.org/fhir\"><id value=\"&b;\"/></Patient>";
    assert!(matches!(refused(laughs, &limits), Malformed::DocumentType { .. }));
    let bare = "<!DOCTYPE Patient><Patient xmlns=\"http://hl7.org/fhir\"><id value=\"1\"/></Patient>";
    assert!(matches!(refused(bare, &limits), Malformed::DocumentType { .. }));
    let undeclared = "<Patient xmlns=\"http://hl7.org/fhir\"><id value=\"&b;\"/></Patient>";
    assert!(matches!(refused(undeclared, &limits), Malformed::DocumentType { .. }));
    let deep = format!("{}{}", "{\"a\":".repeat(100_000), "1");
    assert!(matches!(refused(&deep, &limits), Malformed::TooDeep { .. }));
    let deep = "<a>".repeat(100_000);
    assert!(matches!(refused(&deep, &limits), Malformed::TooDeep { .. }));
    let nested = format!("{{\"a\":[{}", "[".repeat(100_000));
    assert!(matches!(refused(&nested, &limits), Malformed::TooDeep { .. }));
    let many = format!("{{\"a\":[{}1]}}", "1,".repeat(1_000));
    let few = Limits { nodes_max: 500, ..limits };
    assert!(matches!(refused(&many, &few), Malformed::TooMany { .. }));
    let few = Limits { bytes_max: 100, ..limits };
    assert!(matches!(refused(&many, &few), Malformed::TooLong { .. }));
}

#[test]
fn an_element_knows_its_line_and_column() {
    let place = |tree: &Tree, name: &str| tree.root().child(name).expect("child").place().to_string();
    assert_eq!(place(&read("{\"resourceType\":\"Basic\",\n \"é\":\"a\", \"id\":\"b\"}"), "id"), "2:16");
    assert_eq!(
        place(&read("<Basic xmlns=\"http://hl7.org/fhir\">\n  <id value=\"1\"/></Basic>"), "id"),
        "2:3"
    );
}

/// JSON that FHIR could hold: no nulls, nothing empty.
fn object() -> impl Strategy<Value = serde_json::Value> {
    let scalar = prop_oneof![
        "[a-zA-Zé\\\\\" ]{1,6}".prop_map(serde_json::Value::from),
        any::<i32>().prop_map(serde_json::Value::from),
        any::<bool>().prop_map(serde_json::Value::from),
    ];
    let scalar = scalar.boxed();
    scalar
        .prop_recursive(4, 40, 4, |inner| {
            let names = proptest::collection::btree_map("[a-c]{1,2}", inner.clone(), 1..4);
            prop_oneof![
                names.prop_map(|members| members.into_iter().collect::<serde_json::Value>()),
                proptest::collection::vec(
                    inner.prop_filter("no array in an array", |item| !item.is_array()),
                    2..4
                )
                .prop_map(serde_json::Value::from),
            ]
        })
        .prop_map(|member| serde_json::json!({ "resourceType": "Basic", "m": member }))
}

proptest! {
    #[test]
    fn json_to_a_tree_to_json_is_the_same(value in object()) {
        let text = value.to_string();
        let tree = read(&text);
        prop_assert_eq!(odd(&tree), Vec::<String>::new());
        let written = tree.root().to_json(&Tables::R4);
        let back = fhir::json::parse_value(written.clone().into(), &fhir::json::Limits::default());
        prop_assert_eq!(back.ok(), Some(value), "{}", written);
    }

    #[test]
    fn no_text_makes_it_panic(text in "[<>/a\"=&;! {}\\[\\]:,0-9null_\\\\-]{0,60}") {
        drop(Tree::read(text.as_bytes(), &Limits::default()));
        drop(Tree::read(format!("{{\"a\":{text}").as_bytes(), &Limits::default()));
        drop(Tree::read(format!("<a>{text}</a>").as_bytes(), &Limits::default()));
    }
}
