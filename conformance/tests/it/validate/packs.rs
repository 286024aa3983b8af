//! Packs: made from packages, read again, and the command that does it.

use std::path::PathBuf;
use std::process::Command;

use conformance::definitions::pack::Pack;
use conformance::definitions::{Definitions, Unusable, make};
use conformance::tree::{Limits, Tree};
use conformance::validate::validate;

use super::{errors, shipped};

const WARD: &str = r#"{"resourceType":"StructureDefinition","url":"https://own.example/Ward","name":"Ward","status":"draft",
    "kind":"resource","abstract":false,"type":"Organization","derivation":"constraint",
    "baseDefinition":"http://hl7.org/fhir/StructureDefinition/Organization",
    "differential":{"element":[{"id":"Organization.name","path":"Organization.name","min":1},
    {"id":"Organization.type","path":"Organization.type","binding":{"strength":"required","valueSet":"https://own.example/kinds"}}]}}"#;
const KINDS: &str = r#"<ValueSet xmlns="http://hl7.org/fhir"><url value="https://own.example/kinds"/><status value="draft"/>
    <compose><include><system value="https://own.example/codes"/><filter><property value="concept"/><op value="is-a"/>
    <value value="bed"/></filter></include><exclude><system value="https://own.example/codes"/><concept><code value="cot"/>
    </concept></exclude></compose></ValueSet>"#;
const CODES: &str = r#"{"resourceType":"CodeSystem","url":"https://own.example/codes","status":"draft","content":"complete",
    "concept":[{"code":"bed","concept":[{"code":"high-bed"},{"code":"cot"}]},{"code":"chair"}]}"#;

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, content) in
        [("ward.json", WARD), ("kinds.xml", KINDS), ("codes.json", CODES), ("broken.json", "{")]
    {
        std::fs::write(folder.path().join(name), content).expect("a file");
    }
    folder
}

fn of_type(code: &str) -> String {
    format!(
        r#"{{"resourceType":"Organization","meta":{{"profile":["https://own.example/Ward"]}},"name":"W","type":[{{"coding":[
        {{"system":"https://own.example/codes","code":"{code}"}}]}}]}}"#
    )
}

#[test]
fn a_pack_of_own_definitions_is_made_and_used() {
    let folder = folder();
    let made = make::pack(&[folder.path().to_owned()], &["by the test".to_owned()]).expect("a pack");
    assert_eq!((made.definitions, made.unread.len()), (3, 1));
    let mut definitions = Definitions::r4().expect("the base");
    definitions.add(Pack::read(&made.bytes).expect("reads"));
    for (code, wanted) in [
        ("bed", vec![]),
        ("high-bed", vec![]),
        ("cot", vec!["binding Organization.type[0]"]),
        ("chair", vec!["binding Organization.type[0]"]),
        ("sofa", vec!["binding Organization.type[0]", "code Organization.type[0].coding[0]"]),
    ] {
        let tree = Tree::read(of_type(code).as_bytes(), &Limits::default()).expect("a tree");
        assert_eq!(errors(&validate(&tree, &definitions, &[])), wanted, "{code}");
    }
}

#[test]
fn what_is_no_pack_is_refused() {
    for bytes in [b"".as_slice(), b"{}", &[0x1f, 0x8b, 0, 0], b"# portcullis definitions 2\n"] {
        assert_eq!(Pack::read(bytes).err(), Some(Unusable::NotAPack));
    }
    let empty = tempfile::tempdir().expect("a folder");
    assert!(make::pack(&[empty.path().to_owned()], &[]).is_err());
    assert!(make::pack(&[PathBuf::from("/no/such/folder")], &[]).is_err());
}

#[test]
fn a_definition_without_its_base_or_that_does_not_end_is_not_checked() {
    let pack = |base: &str| {
        let text = format!(
            "# portcullis definitions 1\nS\thttps://own.example/P\t\tP\tPatient\t{base}\tr\tc\nE\t.\n"
        );
        let mut definitions = Definitions::r4().expect("the base");
        definitions.add(Pack::read(text.as_bytes()).expect("reads"));
        definitions
    };
    for (base, word) in
        [("https://own.example/none", "in no pack"), ("https://own.example/P", "builds on itself")]
    {
        let json = r#"{"resourceType":"Patient","meta":{"profile":["https://own.example/P"]}}"#;
        let tree = Tree::read(json.as_bytes(), &Limits::default()).expect("a tree");
        let found = validate(&tree, &pack(base), &[]);
        assert!(found.iter().any(|one| one.code() == "profile" && one.text.contains(word)), "{found:#?}");
    }
}

#[test]
fn every_shipped_definition_can_be_read_and_merged() {
    use conformance::definitions::pack::Kind;
    let definitions = shipped();
    let mut stray = Vec::new();
    for (kind, url) in definitions.urls() {
        match kind {
            Kind::Structure => {
                let at = definitions.structure_at(url).expect("it is there");
                match definitions.shape(at) {
                    Ok(shape) => stray.extend(shape.stray.iter().map(|element| format!("{url} {element}"))),
                    Err(bad) => stray.push(bad.to_string()),
                }
            }
            Kind::ValueSet => assert!(
                definitions.value_set_at(url).and_then(|at| definitions.value_set(at)).is_some(),
                "{url}"
            ),
            Kind::CodeSystem => assert!(
                definitions.code_system_at(url).and_then(|at| definitions.code_system(at)).is_some(),
                "{url}"
            ),
        }
    }
    assert_eq!(stray, Vec::<String>::new());
}

fn command(arguments: &[&str]) -> (Option<i32>, String) {
    let output =
        Command::new(env!("CARGO_BIN_EXE_portcullis-conformance")).args(arguments).output().expect("it runs");
    (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn the_command_makes_packs_and_tells_by_its_status_what_it_found() {
    let folder = folder();
    let at = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let (pack, good, bad) = (at("own.pack"), at("good"), at("bad"));
    std::fs::write(&good, of_type("bed")).expect("a file");
    std::fs::write(&bad, of_type("chair")).expect("a file");
    assert_eq!(command(&["pack", &at(""), "-o", &pack]).0, Some(0));
    assert_eq!(command(&["validate", &good, "--pack", &pack]).0, Some(0));
    let (status, told) = command(&["validate", &bad, "--pack", &pack]);
    assert_eq!(status, Some(1));
    assert!(
        told.contains("error: Organization.type[0]: a code of https://own.example/kinds is wanted"),
        "{told}"
    );
    let (status, told) = command(&["validate", &good, "--json"]);
    assert_eq!(status, Some(0));
    let told: serde_json::Value =
        fhir::json::parse_value(told.into_bytes().into(), &fhir::json::Limits::default()).expect("json");
    assert_eq!(told[0]["valid"], true);
    assert_eq!(told[0]["findings"][0]["severity"], "not checked");
    assert_eq!(command(&["validate", &at("none")]).0, Some(2));
    assert_eq!(command(&["validate", &good, "--profile", "https://own.example/none"]).0, Some(2));
    assert_eq!(command(&["validate", &good, "--pack", &good]).0, Some(2));
}
