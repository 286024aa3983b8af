//! What the parser accepts, what it refuses, and that it is never more lenient than serde_json.

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::Value;

use super::{Document, Invalid, Kind, Limits, Node, Writer, parse, parse_into, parse_value, quote};

fn read(text: impl AsRef<[u8]>) -> Result<Document, Invalid> {
    parse(Bytes::copy_from_slice(text.as_ref()), &Limits::default())
}

#[expect(clippy::disallowed_methods, reason = "serde_json is what we compare with")]
fn oracle(text: &[u8]) -> Option<Value> {
    serde_json::from_slice(text).ok()
}

/// The tree of a document, with the value of each string and the text of each number.
fn tree(node: Node<'_>) -> Value {
    match node.kind() {
        Kind::Object => {
            assert_eq!(node.len(), node.members().count());
            let map: serde_json::Map<_, _> =
                node.members().map(|(key, value)| (key.text().into_owned(), tree(value))).collect();
            assert_eq!(map.len(), node.len(), "a name stands twice");
            Value::Object(map)
        }
        Kind::Array => {
            assert_eq!(node.len(), node.items().count());
            Value::Array(node.items().map(tree).collect())
        }
        Kind::String => Value::String(node.string().expect("a string").into_owned()),
        Kind::Number => node.number_text().expect("a number").parse().map(Value::Number).expect("held"),
        Kind::Boolean => Value::Bool(node.boolean().expect("a boolean")),
        Kind::Null => Value::Null,
    }
}

#[test]
fn valid_texts_are_read_as_serde_json_reads_them() {
    let texts = [
        "null",
        "true",
        "false",
        "0",
        "-0",
        "1.00",
        "-12.5e+10",
        "1E5",
        "0e-1",
        "\"\"",
        "[]",
        "{}",
        " [ ] ",
        "\t{\r\n} ",
        r#""a\"b\\c\/d\b\f\n\r\t""#,
        r#""\u0041\u00e9\ud83d\ude00""#,
        "\"é😀\u{7f}\u{2028}\"",
        "[1,2,[3,[4]],{}]",
        r#"{"a":1,"b":{"a":2},"c":[{"a":3},{"a":4}],"":5}"#,
        r#"{"\u0061":1,"b":2}"#,
        "[\n        1,\n        2\n]",
        r#"{"long name of a member":"a longer text than one word of eight bytes","x":"1234567"}"#,
        "123456789",
    ];
    for text in texts {
        let document = read(text).unwrap_or_else(|invalid| panic!("{text}: {invalid}"));
        assert_eq!(Some(tree(document.root())), oracle(text.as_bytes()), "{text}");
        assert_eq!(document.root().raw(), text.trim().as_bytes());
        assert_eq!(document.bytes_len(), text.len());
    }
}

#[test]
fn everything_else_is_refused_and_says_where() {
    let deep = "[".repeat(65);
    let rows: &[(&[u8], Invalid)] = &[
        (b"", Invalid::Ended { at: 0 }),
        (b"  ", Invalid::Ended { at: 2 }),
        (b"[", Invalid::Ended { at: 1 }),
        (b"[1", Invalid::Ended { at: 2 }),
        (b"[1,", Invalid::Ended { at: 3 }),
        (b"{", Invalid::Ended { at: 1 }),
        (b"{\"a\"", Invalid::Ended { at: 4 }),
        (b"{\"a\":", Invalid::Ended { at: 5 }),
        (b"{\"a\":1", Invalid::Ended { at: 6 }),
        (b"{\"a\":1,", Invalid::Ended { at: 7 }),
        (b"\"abc", Invalid::Ended { at: 4 }),
        (b"\"abc\\n", Invalid::Ended { at: 6 }),
        (b"tru", Invalid::Ended { at: 3 }),
        (b"truu", Invalid::Unexpected { at: 0 }),
        (b"True", Invalid::Unexpected { at: 0 }),
        (b"NaN", Invalid::Unexpected { at: 0 }),
        (b"[1,]", Invalid::Unexpected { at: 3 }),
        (b"[,1]", Invalid::Unexpected { at: 1 }),
        (b"[1 2]", Invalid::Unexpected { at: 3 }),
        (b"[1}", Invalid::Unexpected { at: 2 }),
        (b"{\"a\":1]", Invalid::Unexpected { at: 6 }),
        (b"{\"a\":1,}", Invalid::Unexpected { at: 7 }),
        (b"{\"a\" 1}", Invalid::Unexpected { at: 5 }),
        (b"{a:1}", Invalid::Unexpected { at: 1 }),
        (b"{'a':1}", Invalid::Unexpected { at: 1 }),
        (b"{1:1}", Invalid::Unexpected { at: 1 }),
        (b"// x\n1", Invalid::Unexpected { at: 0 }),
        (b"[1/**/]", Invalid::Unexpected { at: 2 }),
        (b"\x0c1", Invalid::Unexpected { at: 0 }),
        (b"\xc2\xa01", Invalid::Unexpected { at: 0 }),
        (b"1 2", Invalid::Trailing { at: 2 }),
        (b"{}{}", Invalid::Trailing { at: 2 }),
        (b"{} trailing", Invalid::Trailing { at: 3 }),
        (b"{}\0", Invalid::Trailing { at: 2 }),
        (b"01", Invalid::Trailing { at: 1 }),
        (b"[01]", Invalid::Unexpected { at: 2 }),
        (b"-", Invalid::Number { at: 0 }),
        (b"-x", Invalid::Number { at: 0 }),
        (b"1.", Invalid::Number { at: 0 }),
        (b"1.e1", Invalid::Number { at: 0 }),
        (b".5", Invalid::Unexpected { at: 0 }),
        (b"+1", Invalid::Unexpected { at: 0 }),
        (b"[1e]", Invalid::Number { at: 1 }),
        (b"[1e+]", Invalid::Number { at: 1 }),
        (b"1x", Invalid::Trailing { at: 1 }),
        (b"0x1", Invalid::Trailing { at: 1 }),
        (deep.as_bytes(), Invalid::TooDeep { at: 64, depth_max: 64 }),
    ];
    refused(rows);
}

#[test]
fn strings_hold_unicode_text_and_nothing_else() {
    refused(&[
        (b"\"a\nb\"", Invalid::Control { at: 2 }),
        (b"\"\x1f\"", Invalid::Control { at: 1 }),
        (b"\"12345678\x00\"", Invalid::Control { at: 9 }),
        (b"{\"a\tb\":1}", Invalid::Control { at: 3 }),
        (br#""\x""#, Invalid::Escape { at: 1 }),
        (br#""\u12""#, Invalid::Escape { at: 1 }),
        (br#""\u+123""#, Invalid::Escape { at: 1 }),
        (br#""\u123g""#, Invalid::Escape { at: 1 }),
        (br#""ab\U0041""#, Invalid::Escape { at: 3 }),
        (br#""\ud800""#, Invalid::Surrogate { at: 1 }),
        (br#""\udc00""#, Invalid::Surrogate { at: 1 }),
        (br#""\ud800\u0041""#, Invalid::Surrogate { at: 1 }),
        (br#""\ud83d\\ude00""#, Invalid::Surrogate { at: 1 }),
        (br#"{"\ud800":1}"#, Invalid::Surrogate { at: 2 }),
        (b"\"\xff\"", Invalid::Utf8 { at: 1 }),
        (b"\"\xc0\x80\"", Invalid::Utf8 { at: 1 }),
        (b"\"\xed\xa0\x80\"", Invalid::Utf8 { at: 1 }),
        (b"\"\xf4\x90\x80\x80\"", Invalid::Utf8 { at: 1 }),
        (b"\xef\xbb\xbf{}", Invalid::ByteOrderMark),
        (b"\xfe\xff\0{", Invalid::Utf8 { at: 0 }),
    ]);
}

#[track_caller]
fn refused(rows: &[(&[u8], Invalid)]) {
    for (text, expected) in rows {
        let shown = String::from_utf8_lossy(text);
        assert_eq!(read(text).map(|_| ()), Err(*expected), "{shown}");
    }
}

#[test]
fn a_name_may_stand_once_in_an_object_however_it_is_written() {
    let many = |last: &str| {
        let names: Vec<String> = (0..40).map(|n| format!("\"name{n}\":{n}")).collect();
        format!("{{{},\"{last}\":0}}", names.join(","))
    };
    let twice = [
        r#"{"a":1,"a":1}"#.to_owned(),
        r#"{"":1,"":1}"#.to_owned(),
        r#"{"birthDate":1,"birthDate":1}"#.to_owned(),
        r#"{"short":1,"name":"                                  ","short":1}"#.to_owned(),
        r#"{"a":1,"b":{"c":1,"d":[{"e":1,"e":2}]}}"#.to_owned(),
        r#"[{"birthDate":"1970-01-01","name":[],"birthDate":"1971-01-01"}]"#.to_owned(),
        r#"{"a":1,"\u0061":1}"#.to_owned(),
        r#"{"\u0061":1,"a":1}"#.to_owned(),
        r#"{"\u0061":1,"\u0061":1}"#.to_owned(),
        r#"{"a/b":1,"a\/b":1}"#.to_owned(),
        r#"{"😀":1,"\ud83d\ude00":1}"#.to_owned(),
        r#"{"a":{"x":[1,2,{"y":3}]},"b":[[]],"a":1}"#.to_owned(),
        many("name0"),
        many("name39"),
        many(r"\u006eame7"),
    ];
    for text in twice {
        assert!(matches!(read(&text), Err(Invalid::Duplicate { .. })), "{text}");
    }
    let once = [
        r#"{"a":1,"A":1,"a ":1,"aa":1,"":1}"#.to_owned(),
        r#"[{"a":1},{"a":1}]"#.to_owned(),
        r#"{"a":{"a":{"a":1}}}"#.to_owned(),
        r#"{"a\u0061":1,"a":1}"#.to_owned(),
        many("name40"),
    ];
    for text in once {
        assert!(read(&text).is_ok(), "{text}");
    }
}

#[test]
fn each_limit_admits_what_reaches_it_and_refuses_one_more() {
    let limits = Limits { bytes_max: 40, depth_max: 3, members_max: 2, values_max: 6 };
    let check = |text: &str| parse(Bytes::copy_from_slice(text.as_bytes()), &limits).map(|_| ());
    assert_eq!(check(&format!("\"{}\"", "x".repeat(38))), Ok(()));
    assert_eq!(check(&format!("\"{}\"", "x".repeat(39))), Err(Invalid::TooLong { bytes_max: 40 }));
    assert_eq!(check("[[{}]]"), Ok(()));
    assert_eq!(check(r#"{"a":[[]]}"#), Ok(()));
    assert_eq!(check("[[[[]]]]"), Err(Invalid::TooDeep { at: 3, depth_max: 3 }));
    assert_eq!(check(r#"[[],[],[[{}]]]"#), Err(Invalid::TooDeep { at: 9, depth_max: 3 }));
    assert_eq!(check(r#"{"a":1,"b":2}"#), Ok(()));
    assert_eq!(check(r#"{"a":1,"b":2,"c":3}"#), Err(Invalid::TooManyMembers { at: 13, members_max: 2 }));
    assert_eq!(check("[1,2,3,4,5]"), Ok(()));
    assert_eq!(check("[1,2,3,4,5,6]"), Err(Invalid::TooManyValues { at: 11, values_max: 6 }));
    let endless = Limits { depth_max: usize::MAX, bytes_max: usize::MAX, ..Limits::default() };
    let deep = Bytes::from("[".repeat(100_000));
    assert_eq!(parse(deep, &endless).map(|_| ()), Err(Invalid::TooDeep { at: 512, depth_max: 512 }));
}

#[test]
fn a_cursor_reaches_what_is_there_and_nothing_else() {
    let document = read(
        r#" {"name":[{"given":["Ann","B\u0065a"]},{"given":["Cid"]}], "\u006beep": 1.50, "on": true, "gone":null} "#,
    )
    .expect("valid");
    let root = document.root();
    let given: Vec<_> = root.walk(&["name", "given"]).filter_map(Node::string).collect();
    assert_eq!(given, ["Ann", "Bea", "Cid"]);
    assert_eq!(root.str_at(&["name", "given"]).as_deref(), Some("Ann"));
    assert_eq!(root.str_at(&["name", "family"]), None);
    let keep = root.member("keep").expect("found by its decoded name");
    assert_eq!((keep.kind(), keep.raw(), keep.number_text()), (Kind::Number, &b"1.50"[..], Some("1.50")));
    assert_eq!((keep.string(), keep.boolean(), keep.is_string("1.50")), (None, None, false));
    assert_eq!(root.member("on").and_then(Node::boolean), Some(true));
    assert!(root.member("gone").is_some_and(Node::is_null));
    assert!(root.member("absent").is_none());
    let name = root.member("name").expect("there");
    assert_eq!((name.len(), name.is_empty(), name.members().count()), (2, false, 0));
    assert_eq!(root.items().count(), 0);
    let tight: Vec<_> =
        root.members().filter(|(key, value)| key.is_tight(*value)).map(|(key, _)| key.offset()).collect();
    let source = String::from_utf8_lossy(root.source());
    assert_eq!(tight, [source.find("\"name\"").expect("there"), source.find("\"gone\"").expect("there")]);
    assert_eq!(root.source().get(name.offset()..name.end()), Some(name.raw()));
    let keys: Vec<_> = root.members().map(|(key, _)| (key.text().into_owned(), key.raw().len())).collect();
    assert_eq!(keys.get(1), Some(&("keep".to_owned(), 9)));
}

#[test]
fn a_name_is_found_at_any_depth_however_it_is_escaped() {
    let document = read(r#"{"a":{"b":[1,{"c\u0064":{}}]},"text":"efg","e":{"fgh":"ab"}}"#).expect("valid");
    let root = document.root();
    for (name, expected) in [("a", true), ("cd", true), ("fgh", true), ("efg", false), ("ab", false)] {
        assert_eq!(root.has_name_within(&[name]), expected, "{name}");
        assert_eq!(root.has_name_within(&["no such", name]), expected, "{name}");
    }
    let inner = root.member("a").expect("there");
    assert!(
        inner.has_name_within(&["cd"]) && !inner.has_name_within(&["fgh"]) && !inner.has_name_within(&["e"])
    );
    assert!(!root.member("text").expect("there").has_name_within(&["text", "e"]));
}

#[test]
fn no_debug_output_or_error_shows_content() {
    let document = read(r#"{"canary":["canary",1.25]}"#).expect("valid");
    let root = document.root();
    let mut shown = format!("{document:?} {root:?}");
    for (key, value) in root.members() {
        shown += &format!("{key:?} {value:?}");
    }
    shown += &read("{\"canary\":\"canary\u{1}\"}").expect_err("a control character").to_string();
    shown += &parse_into::<u8>(Bytes::from_static(b"\"canary\""), &Limits::default())
        .expect_err("no number")
        .to_string();
    assert!(!shown.contains("canary") && !shown.contains("1.25"), "{shown}");
}

#[test]
fn small_texts_of_ours_become_serde_types() {
    #[derive(serde::Deserialize, PartialEq, Debug)]
    struct Claims {
        iss: String,
        exp: u64,
    }
    let limits = Limits::default();
    let claims = |text: &'static str| parse_into::<Claims>(Bytes::from_static(text.as_bytes()), &limits);
    assert_eq!(claims(r#"{"iss":"\u0061","exp":5}"#), Ok(Claims { iss: "a".to_owned(), exp: 5 }));
    assert_eq!(claims(r#"{"iss":"a"}"#), Err(Invalid::Shape));
    assert!(matches!(claims(r#"{"iss":"a","iss":"b","exp":5}"#), Err(Invalid::Duplicate { .. })));
    let value = parse_value(Bytes::from_static(br#"{"a":[1.50,null,true,"x"]}"#), &limits).expect("valid");
    assert_eq!(value.to_string(), r#"{"a":[1.50,null,true,"x"]}"#, "decimals keep their digits");
    let magic = Bytes::from_static(br#"{"$serde_json::private::Number":"1"}"#);
    assert!(parse_value(magic, &limits).expect("valid").is_object(), "no name is special");
}

#[test]
fn the_writer_puts_commas_and_closes_what_is_open() {
    let mut out = Vec::new();
    let mut writer = Writer::new(&mut out);
    writer.object().key("a\"").array().number(1).boolean(true).string("x\u{1}\n").close();
    writer.key("b").object().close().key("c").object().key("d").raw(b"1.50");
    writer.finish();
    assert_eq!(
        String::from_utf8(out).expect("text"),
        r#"{"a\"":[1,true,"x\u0001\n"],"b":{},"c":{"d":1.50}}"#
    );
}

/// Text near JSON: tokens in any order.
fn soup() -> impl Strategy<Value = Vec<u8>> {
    let token = prop_oneof![
        prop::sample::select(vec![
            "{",
            "}",
            "[",
            "]",
            ",",
            ":",
            "\"",
            "\"a\"",
            "\"b\":",
            "\"\\u0061\":",
            "0",
            "-1.50",
            "1e9",
            "01",
            "true",
            "null",
            "false",
            " ",
            "\n  ",
            "\\",
            "\\u",
            "d83d",
            "\\ude00",
            "\u{e9}",
            "\u{1}",
            "tru",
            "\"12345678\"",
            "        ",
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
        prop::collection::vec(any::<u8>(), 1..3),
    ];
    prop::collection::vec(token, 0..24).prop_map(|tokens| tokens.concat())
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::from),
        "\\PC{0,20}".prop_map(Value::String),
        "[\u{0}-\u{20}\"\\\\a]{0,6}".prop_map(Value::String),
    ];
    leaf.prop_recursive(5, 60, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::Array),
            prop::collection::hash_map("[a-c\"é\\\\]{0,3}", inner, 0..8)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn what_serde_json_writes_is_read_back_the_same(value in value(), pretty: bool) {
        let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) };
        let text = text.expect("a tree can be written");
        let document = read(&text).expect("valid");
        prop_assert_eq!(tree(document.root()), value.clone());
        prop_assert_eq!(parse_value(Bytes::from(text), &Limits::default()), Ok(value));
    }

    #[test]
    fn we_never_accept_what_serde_json_refuses(text in soup()) {
        if let Ok(document) = read(&text) {
            prop_assert_eq!(oracle(&text), Some(tree(document.root())));
        }
    }

    #[test]
    fn we_refuse_more_only_for_duplicates(text in soup()) {
        match read(&text) {
            Err(Invalid::Duplicate { .. }) | Ok(_) => {}
            Err(_) => prop_assert_eq!(oracle(&text), None),
        }
    }

    #[test]
    fn a_damaged_text_is_never_accepted_more_readily(value in value(), at: prop::sample::Index, byte: u8) {
        let mut text = serde_json::to_vec(&value).expect("a tree can be written");
        let at = at.index(text.len());
        text[at] = byte;
        if let Ok(document) = read(&text) {
            prop_assert_eq!(oracle(&text), Some(tree(document.root())));
        }
    }

    #[test]
    fn a_quoted_text_is_read_back_the_same(text in any::<String>()) {
        let mut out = Vec::new();
        quote(&text, &mut out);
        let document = read(&out).expect("valid");
        let node = document.root();
        prop_assert!(node.is_string(&text));
        prop_assert_eq!(node.string(), Some(text.into()));
    }
}

#[test]
fn members_of_a_name_are_found_at_any_depth_however_it_is_written() {
    let text = r#"{"a":1,"bb":[{"a":2,"c":{"\u0061":3,"aa":4}},[{"a":{"a":5}}]],"d":"a","reference":6,"referencf":7,
        "twenty-three-bytes-long":8,"twenty-three-byteX-long":9}"#;
    let document = parse(text.into(), &Limits::default()).expect("test input");
    let found = |name| -> Vec<String> {
        let told = |node: Node<'_>| String::from_utf8_lossy(node.raw()).into_owned();
        document.root().members_called(name).map(told).collect()
    };
    assert_eq!(found("a"), ["1", "2", "3", r#"{"a":5}"#, "5"]);
    assert_eq!(found("aa"), ["4"]);
    assert_eq!(found("reference"), ["6"]);
    assert_eq!(found("twenty-three-bytes-long"), ["8"]);
    assert!(found("e").is_empty() && found("").is_empty());
    let scalar = document.root().member("d").expect("a member");
    assert_eq!(scalar.members_called("a").count() + scalar.members_within().count(), 0);
    for name in
        ["a", "bb", "d", "reference", "referencf", "twenty-three-bytes-long", "twenty-three-byteX-long"]
    {
        let named = document.root().members().find(|(key, _)| key.is(name)).map(|(_, value)| value.offset());
        assert_eq!(document.root().member(name).map(Node::offset), named, "{name}");
    }
}
