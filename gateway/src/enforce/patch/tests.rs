use fhir::json::{Limits, parse};

use super::*;

fn patched(target: &'static str, patch: &str) -> Result<String, PatchFault> {
    let read = |text: String| parse(text.into(), &Limits::default()).unwrap();
    let (target, patch) = (read(target.to_owned()), read(patch.to_owned()));
    apply(target.root(), patch.root()).map(|out| String::from_utf8(out).unwrap())
}

#[track_caller]
fn check(target: &'static str, patch: &str, expected: Result<&str, PatchFault>) {
    assert_eq!(patched(target, patch), expected.map(str::to_owned), "{patch}");
}

#[test]
fn every_operation_does_what_the_rfc_says() {
    let one = r#"{"a":[1,2],"b":{"c":"x"}}"#;
    check(one, "[]", Ok(one));
    check(one, r#"[{"op":"add","path":"/a/1","value":9}]"#, Ok(r#"{"a":[1,9,2],"b":{"c":"x"}}"#));
    check(one, r#"[{"op":"add","path":"/a/-","value":[3]}]"#, Ok(r#"{"a":[1,2,[3]],"b":{"c":"x"}}"#));
    check(one, r#"[{"op":"add","path":"/b/c","value":null}]"#, Ok(r#"{"a":[1,2],"b":{"c":null}}"#));
    check(one, r#"[{"op":"add","path":"","value":{"z":1}}]"#, Ok(r#"{"z":1}"#));
    check(one, r#"[{"op":"remove","path":"/a/0"}]"#, Ok(r#"{"a":[2],"b":{"c":"x"}}"#));
    check(one, r#"[{"op":"replace","path":"/b","value":true}]"#, Ok(r#"{"a":[1,2],"b":true}"#));
    check(one, r#"[{"op":"move","from":"/b/c","path":"/d"}]"#, Ok(r#"{"a":[1,2],"b":{},"d":"x"}"#));
    check(one, r#"[{"op":"move","from":"/a/0","path":"/a/1"}]"#, Ok(r#"{"a":[2,1],"b":{"c":"x"}}"#));
    check(one, r#"[{"op":"move","from":"/a","path":"/a"}]"#, Ok(one));
    check(one, r#"[{"op":"copy","from":"/b/c","path":"/a/0"}]"#, Ok(r#"{"a":["x",1,2],"b":{"c":"x"}}"#));
    check(one, r#"[{"op":"test","path":"/b","value":{"c":"x"},"more":1}]"#, Ok(one));
}

#[test]
fn a_pointer_to_what_is_not_there_fails_whichever_operation_follows_it() {
    let one = r#"{"a":[1],"b":"x"}"#;
    for operation in [
        r#"{"op":"remove","path":"/z"}"#,
        r#"{"op":"remove","path":"/a/1"}"#,
        r#"{"op":"remove","path":""}"#,
        r#"{"op":"replace","path":"/z","value":1}"#,
        r#"{"op":"add","path":"/z/y","value":1}"#,
        r#"{"op":"add","path":"/a/2","value":1}"#,
        r#"{"op":"add","path":"/a/01","value":1}"#,
        r#"{"op":"add","path":"/b/c","value":1}"#,
        r#"{"op":"test","path":"/z","value":null}"#,
        r#"{"op":"copy","from":"/z","path":"/y"}"#,
        r#"{"op":"move","from":"/a/-","path":"/y"}"#,
        r#"{"op":"move","from":"/z","path":"/z"}"#,
    ] {
        check(one, &format!("[{operation}]"), Err(PatchFault::NothingThere));
    }
}

#[test]
fn pointers_are_unescaped_once() {
    check(r#"{"a/b":1,"m~n":2,"~1":3}"#, r#"[{"op":"remove","path":"/a~1b"}]"#, Ok(r#"{"m~n":2,"~1":3}"#));
    check(r#"{"m~n":2}"#, r#"[{"op":"replace","path":"/m~0n","value":1.10}]"#, Ok(r#"{"m~n":1.10}"#));
    check(r#"{"~1":3}"#, r#"[{"op":"test","path":"/~01","value":3}]"#, Ok(r#"{"~1":3}"#));
    check(r#"{"":3}"#, r#"[{"op":"test","path":"/","value":3}]"#, Ok(r#"{"":3}"#));
}

#[test]
fn numbers_are_compared_by_value_and_kept_as_text() {
    let one = r#"{"a":1.50}"#;
    for equal in ["1.50", "1.5", "15e-1", "0.15E1", "150e-2"] {
        check(one, &format!(r#"[{{"op":"test","path":"/a","value":{equal}}}]"#), Ok(one));
    }
    for other in ["1.51", "-1.5", "\"1.50\"", "15", "[1.5]", "null"] {
        check(one, &format!(r#"[{{"op":"test","path":"/a","value":{other}}}]"#), Err(PatchFault::TestFailed));
    }
    check(r#"{"a":0}"#, r#"[{"op":"test","path":"/a","value":-0.00e7}]"#, Ok(r#"{"a":0}"#));
}

#[test]
fn what_is_no_patch_is_told_before_anything_is_looked_at() {
    for patch in [
        r#"{"op":"remove","path":"/a"}"#,
        r#"["remove"]"#,
        r#"[{"path":"/a"}]"#,
        r#"[{"op":"REMOVE","path":"/a"}]"#,
        r#"[{"op":"add","path":"/a"}]"#,
        r#"[{"op":"copy","path":"/a"}]"#,
        r#"[{"op":"remove"}]"#,
        r#"[{"op":"remove","path":"a"}]"#,
        r#"[{"op":"remove","path":"/a~2"}]"#,
        r#"[{"op":"remove","path":"/a~"}]"#,
        r#"[{"op":"move","from":"/a","path":"/a/b"}]"#,
        r#"[{"op":"test","path":"/nowhere","value":1},{"op":"remove"}]"#,
    ] {
        check(r#"{"a":1}"#, patch, Err(PatchFault::Malformed));
    }
}

#[test]
fn a_patch_is_bounded() {
    let many = vec![r#"{"op":"test","path":"/a","value":1}"#; OPERATIONS_MAX + 1].join(",");
    check(r#"{"a":1}"#, &format!("[{many}]"), Err(PatchFault::TooMuch));
    let doubling = vec![r#"{"op":"copy","from":"/a","path":"/a/-"}"#; 40].join(",");
    check(r#"{"a":[1]}"#, &format!("[{doubling}]"), Err(PatchFault::TooMuch));
    let deeper = vec![r#"{"op":"copy","from":"","path":"/a"}"#; 100].join(",");
    check(r#"{"a":1}"#, &format!("[{deeper}]"), Err(PatchFault::TooMuch));
}
