//! The mask, the guard's view of it, and the bytes that come out.

use std::cell::Cell;

use bytes::Bytes;
use fhir::json::{Limits, parse};
use fhir::path::ElementPath;
use fhir::tables::resource_type;

use super::{
    Digest, InvalidMask, Marks, Reach, TypeMask, Unsafe, Version, View, Visible, Withheld, Written, resource,
    stamp,
};

fn path(owner: &str, text: &str) -> ElementPath {
    ElementPath::parse(resource_type(owner).expect("a type"), text).expect("a path")
}

fn compile(owner: &str, shared: &[&str], withhold: &[&str]) -> Result<TypeMask, InvalidMask> {
    let paths = |texts: &[&str]| texts.iter().map(|text| path(owner, text)).collect::<Vec<_>>();
    TypeMask::compile(resource_type(owner).expect("a type"), &paths(shared), &paths(withhold))
}

fn mask(owner: &str, shared: &[&str]) -> TypeMask {
    compile(owner, shared, &[]).expect("a mask")
}

/// Minimises `text` by one mask; every reference is to the permitted person.
fn minimise(text: &'static str, mask: &TypeMask, version: Option<Digest<'_>>) -> Result<String, Unsafe> {
    minimise_as(text, mask, version.map(Version::Now))
}

fn minimise_as(text: &'static str, mask: &TypeMask, version: Option<Version<'_>>) -> Result<String, Unsafe> {
    let document = parse(Bytes::from_static(text.as_bytes()), &Limits::default()).expect("strict JSON");
    let view = View {
        mask: &|owner, _| Some(mask).filter(|mask| mask.owner() == owner),
        reach: &|_| Reach::Tie(Written::Anew("Patient/\"1\"".to_owned())),
        full_url: &|_| Written::AsItStands,
        link: &|_| Some(Written::AsItStands),
        content: &|_| Some(Written::AsItStands),
        marks: Marks::Subsetted,
        version,
    };
    let mut out = b"before".to_vec();
    let came = resource(document.root(), &view, &mut Withheld::default(), &mut out);
    let text = String::from_utf8(out).expect("text");
    let text = text.strip_prefix("before").expect("what was there stays").to_owned();
    came.map(|()| text.clone()).inspect_err(|_| assert_eq!(text, "", "nothing is left behind"))
}

#[test]
fn scalars_and_names_are_copied_as_they_stand() {
    let mask = mask("Observation", &["code", "value[x]", "subject"]);
    let text = r#" { "id" : "\u006f1", "resourceType":"Observation" ,"status":"fin\u0061l",
        "subject":{"reference":"Patient\/1"},
        "code" : {"text" : "caf\u00e9 \/ \"x\""}, "v\u0061lueQuantity":{ "value" : 1.10e2,"unit":"k\u0067", "code":"kg" } } "#;
    let expected = concat!(
        r#"{"resourceType":"Observation","id":"\u006f1","#,
        r#""meta":{"tag":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationValue","code":"SUBSETTED"}]},"#,
        r#""status":"fin\u0061l","subject":{"reference":"Patient/\"1\""},"code":{"text":"caf\u00e9 \/ \"x\""},"#,
        r#""valueQuantity":{"value":1.10e2,"unit":"k\u0067","code":"kg"}}"#,
    );
    assert_eq!(minimise(text, &mask, None).as_deref(), Ok(expected));
}

#[test]
fn white_space_between_neighbours_is_not_copied() {
    let mask = mask("Patient", &["name"]);
    let text = "{\"resourceType\":\"Patient\",\"name\":[{ \"family\":\"A\" ,\"given\":[ \"B\" ,\"C\"\t] },{\"text\":\"D\"}\n]}";
    let out = minimise(text, &mask, None).expect("shared");
    assert!(out.ends_with(r#","name":[{"family":"A","given":["B","C"]},{"text":"D"}]}"#), "{out}");
}

#[test]
fn the_version_is_a_digest_of_the_view_and_of_nothing_else() {
    let mask = mask("Patient", &["gender"]);
    let sum = |view: &[u8]| {
        let mut digest = [0; 16];
        view.iter().enumerate().for_each(|(at, byte)| digest[at % 16] ^= byte.rotate_left(at as u32 % 7));
        digest
    };
    let version = |text| {
        let out = minimise(text, &mask, Some(&sum)).expect("shared");
        let value = parse(Bytes::from(out), &Limits::default()).expect("strict JSON");
        value.root().str_at(&["meta", "versionId"]).expect("a version").into_owned()
    };
    let first = version(r#"{"resourceType":"Patient","meta":{"versionId":"1"},"gender":"male"}"#);
    let second = version(
        r#"{"resourceType":"Patient","meta":{"versionId":"2"},"gender":"male","name":[{"text":"x"}]}"#,
    );
    let third = version(r#"{"resourceType":"Patient","meta":{"versionId":"1"},"gender":"other"}"#);
    let at_once =
        minimise(r#"{"resourceType":"Patient","gender":"other"}"#, &mask, Some(&sum)).expect("shared");
    let place = Cell::new(None);
    let later =
        minimise_as(r#"{"resourceType":"Patient","gender":"other"}"#, &mask, Some(Version::Later(&place)));
    let mut later = later.expect("shared").into_bytes();
    assert_ne!(later, at_once.as_bytes());
    stamp(&mut later, place.get().expect("a place"), &sum);
    assert_eq!(later, at_once.as_bytes(), "when it is made does not change it");
    assert_eq!(first, second, "what is hidden does not change it");
    assert_ne!(first, third);
    assert!(
        first.len() == 32 && first.bytes().all(|byte| byte.is_ascii_hexdigit()) && first != "0".repeat(32)
    );
}

#[test]
fn values_that_are_not_of_their_type_withhold_the_resource() {
    let mask = mask("Patient", &["name", "birthDate", "active", "multipleBirth[x]"]);
    for (text, expected) in [
        (r#"{"resourceType":"Patient","name":{"family":"x"}}"#, "Patient.name"),
        (r#"{"resourceType":"Patient","name":["x"]}"#, "Patient.name"),
        (r#"{"resourceType":"Patient","name":[[]]}"#, "Patient.name"),
        (r#"{"resourceType":"Patient","name":[{"family":["x"]}]}"#, "HumanName.family"),
        (r#"{"resourceType":"Patient","name":[{"given":"x"}]}"#, "HumanName.given"),
        (r#"{"resourceType":"Patient","name":[{"given":[1]}]}"#, "HumanName.given"),
        (r#"{"resourceType":"Patient","birthDate":1970}"#, "Patient.birthDate"),
        (r#"{"resourceType":"Patient","birthDate":null}"#, "Patient.birthDate"),
        (r#"{"resourceType":"Patient","active":"true"}"#, "Patient.active"),
        (r#"{"resourceType":"Patient","multipleBirthInteger":"1"}"#, "Patient.multipleBirth[x]"),
        (r#"{"resourceType":"Patient","id":1}"#, "Resource.id"),
        (r#"{"resourceType":"Patient","meta":[]}"#, "Resource.meta"),
        (r#"{"resourceType":"Patient","link":[{"other":{"reference":1}}]}"#, "Patient.link.other"),
    ] {
        assert_eq!(minimise(text, &mask, None), Err(Unsafe::WrongKind(expected.into())), "{text}");
    }
    for text in ["[]", "\"Patient\"", "{}", r#"{"resourceType":1}"#, r#"{"resourceType":"patient"}"#] {
        assert_eq!(minimise(text, &mask, None), Err(Unsafe::NotAResource), "{text}");
    }
    assert!(minimise(r#"{"resourceType":"Patient","photo":"dropped whatever it is"}"#, &mask, None).is_ok());
}

#[test]
fn unknown_modifiers_withhold_the_resource_at_any_depth() {
    let mask = mask("Patient", &["name", "meta.security"]);
    let patient = resource_type("Patient").expect("a type");
    for text in [
        r#"{"resourceType":"Patient","modifierExtension":[]}"#,
        r#"{"resourceType":"Patient","modifi\u0065rExtension":null}"#,
        r#"{"resourceType":"Patient","implicitRules":"x"}"#,
        r#"{"resourceType":"Patient","_implicitRules":{}}"#,
        r#"{"resourceType":"Patient","contact":[{"modifierExtension":[]}]}"#,
        r#"{"resourceType":"Patient","unknown":[{"x":{"implicitRules":1}}]}"#,
        r#"{"resourceType":"Patient","name":[{"unknown":{"modifierExtension":1}}]}"#,
        r#"{"resourceType":"Patient","name":[{"extension":[{"valueTiming":{"modifierExtension":1}}]}]}"#,
        r#"{"resourceType":"Patient","_birthDate":{"extension":[{"modifierExtension":1}]}}"#,
        r#"{"resourceType":"Patient","contained":[{"resourceType":"Group","implicitRules":"x"}]}"#,
        r#"{"resourceType":"Patient","meta":{"tag":[{"modifierExtension":[]}]}}"#,
        r#"{"resourceType":"Patient","identifier":[{"system":"x","extension":[{"modifierExtension":1}]}]}"#,
        r#"{"resourceType":"Patient","managingOrganization":{"reference":"x","modifierExtension":1}}"#,
    ] {
        assert_eq!(minimise(text, &mask, None), Err(Unsafe::UnknownModifier(patient)), "{text}");
    }
    let told = r#"{"resourceType":"Patient","contact":[{"name":{"text":"modifierExtension"}}]}"#;
    assert!(minimise(told, &mask, None).is_ok(), "a text is no name");
}

#[test]
fn the_guard_is_told_what_the_mask_lets_be_seen() {
    let patient = mask(
        "Patient",
        &[
            "name",
            "address.postalCode",
            "identifier",
            "identifier:urn:mrn",
            "extension:urn:x",
            "generalPractitioner",
        ],
    );
    for (text, expected) in [
        ("id", Visible::Whole),
        ("name", Visible::Whole),
        ("name.family", Visible::Whole),
        ("address.postalCode", Visible::Whole),
        ("address", Visible::Part),
        ("address.use", Visible::Whole),
        ("address.city", Visible::None),
        ("identifier", Visible::Part),
        ("identifier.value", Visible::Part),
        ("identifier:https://fhir.nhs.uk/Id/nhs-number", Visible::Whole),
        ("identifier:urn:mrn", Visible::Whole),
        ("identifier:urn:other", Visible::None),
        ("extension:urn:x", Visible::Whole),
        ("extension:urn:y", Visible::None),
        ("name.extension:urn:x", Visible::None),
        ("active", Visible::Whole),
        ("deceased[x]", Visible::Whole),
        ("link.other", Visible::Part),
        ("generalPractitioner", Visible::Part),
        ("generalPractitioner.display", Visible::None),
        ("telecom", Visible::None),
        ("birthDate", Visible::None),
        ("meta.lastUpdated", Visible::None),
        ("meta.versionId", Visible::None),
        ("text", Visible::None),
        ("contained", Visible::None),
        ("implicitRules", Visible::None),
    ] {
        assert_eq!(patient.visibility(&path("Patient", text)), expected, "{text}");
    }
    let condition = compile("Condition", &["code", "note", "meta"], &["clinicalStatus"]).expect("a mask");
    for (text, expected) in [
        ("subject", Visible::Part),
        ("asserter", Visible::None),
        ("encounter", Visible::None),
        ("clinicalStatus", Visible::None),
        ("verificationStatus", Visible::Whole),
        ("code.coding.code", Visible::Whole),
        ("note.text", Visible::Whole),
        ("onset[x]", Visible::None),
        ("meta.lastUpdated", Visible::Whole),
        ("meta.versionId", Visible::None),
    ] {
        assert_eq!(condition.visibility(&path("Condition", text)), expected, "{text}");
    }
    assert_eq!(condition.visibility(&path("Patient", "name")), Visible::None, "a path of another type");
    let report = mask("DocumentReference", &["content"]);
    assert_eq!(report.visibility(&path("DocumentReference", "content.format")), Visible::Whole);
    assert_eq!(
        report.visibility(&path("DocumentReference", "content.attachment.contentType")),
        Visible::None
    );
    let request = mask("CommunicationRequest", &["payload"]);
    assert_eq!(request.visibility(&path("CommunicationRequest", "payload.content[x]")), Visible::Part);
}

#[test]
fn a_mask_is_refused_when_it_would_not_mean_what_it_says() {
    let refused = |owner, shared: &[&str], withhold: &[&str]| {
        compile(owner, shared, withhold).expect_err("refused").to_string()
    };
    assert_eq!(refused("Patient", &[], &[]), "Patient: names no element");
    assert_eq!(
        refused("Patient", &["contact.modifierExtension"], &[]),
        "Patient.contact.modifierExtension: is never shared; its presence withholds the resource"
    );
    assert_eq!(
        refused("Patient", &["name"], &["birthDate"]),
        "Patient.birthDate: is not a modifier element; leave it out instead of withholding it"
    );
    assert_eq!(
        refused("Patient", &["name", "active"], &["active"]),
        "Patient.active: is both shared and withheld"
    );
    let other = TypeMask::compile(resource_type("Person").expect("a type"), [&path("Patient", "name")], []);
    assert_eq!(other.expect_err("refused").to_string(), "Patient.name: is no path of Person");
}

#[test]
fn the_modifiers_that_go_with_a_type_are_told() {
    assert_eq!(
        mask("Patient", &["name"]).modifiers(),
        ["Patient.active", "Patient.deceased[x]", "Patient.link"]
    );
    let kept = compile("Patient", &["name", "link"], &["deceased[x]"]).expect("a mask");
    assert_eq!(kept.modifiers(), ["Patient.active"]);
}

/// What comes out after `meta`.
fn rest(text: &'static str, mask: &TypeMask) -> String {
    let out = minimise(text, mask, None).expect("shared");
    out.split_once("\"SUBSETTED\"}]}").expect("marked").1.to_owned()
}

#[test]
fn named_items_come_wherever_they_stand_and_nothing_of_the_others() {
    let masked =
        r#"[{"url":"http://hl7.org/fhir/StructureDefinition/data-absent-reason","valueCode":"masked"}]"#;
    let answers = mask("QuestionnaireResponse", &["item:a", "item:b.1"]);
    let check = |text: &'static str, expected: &str| {
        let expected = expected.replace("MASKED", &format!("\"_linkId\":{{\"extension\":{masked}}}"));
        let status = format!(r#","_status":{{"extension":{masked}}}}}"#);
        let out = rest(text, &answers);
        assert_eq!(
            out,
            format!("{expected}{}", if out.contains("_status") { &status } else { "}" }),
            "{text}"
        );
    };
    check(
        r#"{"resourceType":"QuestionnaireResponse","status":"completed","item":[{"linkId":"a","text":"A","answer":[{"valueString":"x","item":[{"linkId":"c"},{"linkId":"b.1"}]}],"item":[{"linkId":"a"}]},{"linkId":"c","text":"C"}]}"#,
        r#","status":"completed","item":[{"linkId":"a","text":"A","answer":[{"valueString":"x","item":[{"linkId":"b.1"}]}],"item":[{"linkId":"a"}]}]"#,
    );
    check(
        r#"{"resourceType":"QuestionnaireResponse","status":"completed","item":[{"linkId":"g","text":"G","item":[{"linkId":"c","answer":[{"valueString":"x","item":[{"linkId":"b.1","text":"B"}]}]}]}]}"#,
        r#","status":"completed","item":[{"item":[{"answer":[{"item":[{"linkId":"b.1","text":"B"}]}],MASKED}],MASKED}]"#,
    );
    check(
        r#"{"resourceType":"QuestionnaireResponse","status":"completed","item":[{"linkId":"aa"},{"text":"a"},{"linkId":"b"}]}"#,
        r#","status":"completed""#,
    );
    let modified =
        r#"{"resourceType":"QuestionnaireResponse","item":[{"linkId":"c","modifierExtension":[]}]}"#;
    assert!(minimise(modified, &answers, None).is_err(), "an item that goes can still change the meaning");
}

#[test]
fn items_are_named_by_code_and_beside_what_is_said_of_all() {
    let observation = mask("Observation", &["component:urn:s|1", "component.interpretation"]);
    let text = r#"{"resourceType":"Observation","status":"final","code":{},"component":[{"code":{"coding":[{"system":"urn:s","code":"1"}]},"valueString":"x"},{"code":{"coding":[{"system":"urn:t","code":"1"}]},"valueString":"y","interpretation":[{"text":"high"}]}]}"#;
    let out = rest(text, &observation);
    assert!(
        out.contains(r#"{"code":{"coding":[{"system":"urn:s","code":"1"}]},"valueString":"x"}"#),
        "{out}"
    );
    assert!(out.contains("high") && !out.contains(r#""y""#) && !out.contains("urn:t"), "{out}");
    let whole = mask("Observation", &["component:urn:s|1", "component"]);
    assert!(rest(text, &whole).contains(r#""y""#), "who is shown all of them is shown these");
}

#[test]
fn one_type_of_a_choice_comes_and_no_other() {
    let observation = mask("Observation", &["valueQuantity", "component.valueQuantity.value"]);
    let with = |value: &'static str| rest(value, &observation);
    assert!(
        with(r#"{"resourceType":"Observation","valueQuantity":{"value":1.0,"unit":"kg"}}"#)
            .contains(r#""valueQuantity":{"value":1.0,"unit":"kg"}"#)
    );
    assert!(!with(r#"{"resourceType":"Observation","valueString":"x"}"#).contains("valueString"));
    assert!(!with(r#"{"resourceType":"Observation","_valueString":{"id":"x"}}"#).contains("valueString"));
    let part = with(
        r#"{"resourceType":"Observation","component":[{"code":{},"valueQuantity":{"value":1,"unit":"kg"}}]}"#,
    );
    assert!(part.contains(r#""valueQuantity":{"value":1}"#), "{part}");
    let medicine = mask("MedicationRequest", &["medicationReference"]);
    let out =
        rest(r#"{"resourceType":"MedicationRequest","medicationCodeableConcept":{"text":"x"}}"#, &medicine);
    assert!(out.contains("masked") && !out.contains(r#""x""#), "a required choice is masked: {out}");
}

#[test]
fn the_guard_is_told_that_named_items_and_types_are_a_part() {
    let observation = mask("Observation", &["valueQuantity", "component:urn:s|1"]);
    for (text, expected) in [
        ("value[x]", Visible::Part),
        ("valueQuantity", Visible::Whole),
        ("valueString", Visible::None),
        ("component.code", Visible::Part),
        ("component.value[x]", Visible::Part),
        ("component:urn:s|1", Visible::Part),
    ] {
        assert_eq!(observation.visibility(&path("Observation", text)), expected, "{text}");
    }
}
