//! Which persons a resource is about, form by form.

use fhir::json::{Document, Limits, parse};

use super::*;

mod kin;
mod misfits;

fn check(json: &'static str, patients: &[&str], nhs_numbers: &[&str], certainty: Certainty) {
    let document: Document = parse(json.into(), &Limits::default()).expect("test input");
    let bases = Bases::new(["https://ehr.example/fhir"]).expect("a base");
    let found = persons_of(document.root(), Came::FromHolder, &bases);
    assert_eq!(found.patients.iter().map(Id::as_str).collect::<Vec<_>>(), patients, "{json}");
    assert_eq!(found.nhs_numbers.iter().map(NhsNumber::as_str).collect::<Vec<_>>(), nhs_numbers, "{json}");
    assert_eq!(found.certainty, certainty, "{json}");
}

#[test]
fn members_of_a_list_are_told_apart_from_whom_a_resource_is_about() {
    let json = r#"{"resourceType":"Patient","id":"b","link":[{"other":{"reference":"Patient/a"}}],
        "extension":[{"url":"x","extension":[{"url":"y","valueReference":{"reference":"Patient/d"}}]}],
        "contact":[{"extension":[{"valueReference":{"reference":"Patient/c"}}]}]}"#;
    let document = parse(json.into(), &Limits::default()).expect("test input");
    let found = persons_of(document.root(), Came::FromHolder, &Bases::none());
    assert_eq!(found.patients.iter().map(Id::as_str).collect::<Vec<_>>(), ["a", "b", "c", "d"]);
    assert_eq!(found.about_patients.iter().map(Id::as_str).collect::<Vec<_>>(), ["b", "c"]);
}

#[test]
fn whom_the_entries_of_a_list_are_about_are_members_and_those_of_a_bundle_are_not() {
    let entries = r#""entry":[{"item":{"reference":"Patient/a"}},{"item":{"reference":"Patient/b"}}]}"#;
    let list = format!(r#"{{"resourceType":"List","subject":{{"reference":"Patient/c"}},{entries}"#);
    let bundle = format!(r#"{{"resourceType":"Bundle",{entries}"#);
    for (json, about) in [(list, vec!["c"]), (bundle, vec!["a", "b"])] {
        let document = parse(json.into(), &Limits::default()).expect("test input");
        let found = persons_of(document.root(), Came::FromHolder, &Bases::none());
        assert!(found.patients.len() >= 2);
        assert_eq!(found.about_patients.iter().map(Id::as_str).collect::<Vec<_>>(), about);
    }
}

#[test]
fn the_id_of_a_submitted_patient_names_nobody() {
    let json = r#"{"resourceType":"Patient","id":"ann","identifier":[{"system":"https://fhir.nhs.uk/Id/nhs-number","value":"9990000018"}]}"#;
    let document = parse(json.into(), &Limits::default()).expect("test input");
    let found = persons_of(document.root(), Came::Submitted, &Bases::none());
    assert!(found.patients.is_empty());
    assert_eq!(found.about_nhs_numbers.iter().map(NhsNumber::as_str).collect::<Vec<_>>(), ["9990000018"]);
}

#[test]
fn a_subject_that_cannot_be_told_makes_a_resource_uncertain() {
    use Certainty::Uncertain;
    let author = r#""author":{"reference":"Patient/a"}"#;
    for subject in [
        r#"{"type":"Patient","identifier":{"system":"https://hospital.example/mrn","value":"77"}}"#,
        r#"{"reference":"urn:uuid:6f1e2a0c-1111-4222-8333-444455556666"}"#,
        r##"{"reference":"#gone"}"##,
        r#"{"reference":["Patient/a"]}"#,
        r#"{"reference":[["Patient/a"]],"identifier":{"system":"https://fhir.nhs.uk/Id/nhs-number","value":"9990000018"}}"#,
        r#"{"display":"somebody"}"#,
    ] {
        let json = format!(r#"{{"resourceType":"QuestionnaireResponse","subject":{subject},{author}}}"#);
        let document = parse(json.into(), &Limits::default()).expect("test input");
        assert_eq!(
            persons_of(document.root(), Came::FromHolder, &Bases::none()).certainty,
            Uncertain,
            "{subject}"
        );
    }
}

#[test]
fn a_person_is_found_in_every_form_of_reference() {
    use Certainty::{Certain, Uncertain};
    check(r#"{"resourceType":"Patient","id":"a"}"#, &["a"], &[], Certain);
    check(r#"{"resourceType":"Condition","subject":{"reference":"Patient/a"}}"#, &["a"], &[], Certain);
    check(
        r#"{"resourceType":"Condition","subject":{"r\u0065ference":"P\u0061tient/a/_history/2"}}"#,
        &["a"],
        &[],
        Certain,
    );
    check(
        r#"{"resourceType":"Condition","subject":{"reference":"HTTPS://EHR.example/fhir/Patient/a"}}"#,
        &["a"],
        &[],
        Certain,
    );
    check(
        r#"{"resourceType":"Condition","subject":{"identifier":{"system":"https://fhir.nhs.uk/Id/nhs-number","value":"9990000018"}}}"#,
        &[],
        &["9990000018"],
        Certain,
    );
    check(
        r##"{"resourceType":"Condition","contained":[{"resourceType":"Patient","id":"p","identifier":[{"system":"https://fhir.nhs.uk/Id/nhs-number","value":"9990000018"}]}],"subject":{"reference":"#p"}}"##,
        &[],
        &["9990000018"],
        Certain,
    );
    check(
        r##"{"resourceType":"Condition","contained":[{"resourceType":"Patient","id":"p"}],"subject":{"reference":"#p"}}"##,
        &[],
        &[],
        Uncertain,
    );
    check(
        r#"{"resourceType":"Observation","subject":{"reference":"Patient/a"},"extension":[{"url":"x","valueReference":{"reference":"Patient/b"}}]}"#,
        &["a", "b"],
        &[],
        Certain,
    );
    check(
        r#"{"resourceType":"Condition","subject":{"reference":"https://other.example/Patient/a"}}"#,
        &[],
        &[],
        Uncertain,
    );
    check(
        r#"{"resourceType":"Condition","subject":{"reference":"Patient?identifier=x"}}"#,
        &[],
        &[],
        Uncertain,
    );
    check(
        r#"{"resourceType":"Condition","subject":{"identifier":{"system":"https://fhir.nhs.uk/Id/nhs-number","value":"1"}}}"#,
        &[],
        &[],
        Uncertain,
    );
}

/// What is told of a resource.
#[derive(Debug, PartialEq, Eq)]
struct Told {
    about: About,
    must_permit: Vec<String>,
    aside: Vec<String>,
    behind: Vec<String>,
}

fn told(json: &str) -> Option<Told> {
    let document = parse(json.to_owned().into(), &Limits::default()).expect("test input");
    let found = persons_of(document.root(), Came::FromHolder, &Bases::none());
    if found.certainty == Certainty::Uncertain {
        return None;
    }
    let all = found.patients.iter().map(Id::as_str).chain(found.nhs_numbers.iter().map(NhsNumber::as_str));
    let must = found.about_patients.iter().map(Id::as_str);
    let must: Vec<&str> = must.chain(found.about_nhs_numbers.iter().map(NhsNumber::as_str)).collect();
    let aside = all.filter(|name| !must.contains(name)).map(String::from).collect();
    let kin = found.kin.iter().map(|number| format!("kin {}", number.as_str()));
    let leads = |local: &Local| match found.in_person.contains(local) {
        true => format!("{} in person", local.to_relative()),
        false => local.to_relative(),
    };
    Some(Told {
        about: found.about,
        must_permit: must.iter().map(|name| (*name).to_owned()).chain(kin).collect(),
        aside,
        behind: found.behind.iter().map(leads).collect(),
    })
}

#[track_caller]
fn says(json: &str, about: About, must_permit: &[&str], aside: &[&str], behind: &[&str]) {
    let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let expected = Told { about, must_permit: list(must_permit), aside: list(aside), behind: list(behind) };
    assert_eq!(told(json), Some(expected), "{json}");
}

#[test]
fn who_did_something_makes_nothing_about_her() {
    use About::{Nobody, Somebody};
    for (doer, kind) in [
        (r#""performer":[{"reference":"Patient/a"}]"#, "Observation"),
        (r#""asserter":{"reference":"Patient/a"}"#, "Condition"),
        (r#""requester":{"reference":"Patient/a"}"#, "MedicationRequest"),
        (r#""author":[{"reference":"Patient/a"}]"#, "DocumentReference"),
        (r#""source":{"reference":"Patient/a"}"#, "QuestionnaireResponse"),
        (r#""agent":[{"who":{"reference":"Patient/a"}}]"#, "Provenance"),
        (r#""performer":[{"actor":{"reference":"Patient/a"}}]"#, "Procedure"),
        (r#""note":[{"authorReference":{"reference":"Patient/a"}}]"#, "Condition"),
    ] {
        says(&format!(r#"{{"resourceType":"{kind}",{doer}}}"#), Nobody, &[], &["a"], &[]);
        let of_b = format!(r#"{{"resourceType":"{kind}","subject":{{"reference":"Patient/b"}},{doer}}}"#);
        says(&of_b, Somebody, &["b"], &["a"], &[]);
    }
    // Mentioned in another way she must permit, and it is about somebody else all the same.
    let mention = r#"{"resourceType":"Communication","about":[{"reference":"Patient/a"}]}"#;
    says(mention, Nobody, &["a"], &[], &[]);
    let unknown =
        r#"{"resourceType":"Observation","extension":[{"valueReference":{"reference":"Patient/a"}}]}"#;
    says(unknown, Nobody, &["a"], &[], &[]);
}

#[test]
fn what_a_resource_is_about_is_looked_for_behind_what_is_no_patient() {
    use About::Nobody;
    for (json, behind) in [
        (r#"{"resourceType":"Observation","subject":{"reference":"Group/g"}}"#, "Group/g"),
        (r#"{"resourceType":"Observation","subject":{"reference":"Group/g/_history/2"}}"#, "Group/g"),
        (
            r#"{"resourceType":"QuestionnaireResponse","subject":{"reference":"RelatedPerson/r"}}"#,
            "RelatedPerson/r in person",
        ),
        (r#"{"resourceType":"Task","for":{"reference":"RelatedPerson/r"}}"#, "RelatedPerson/r in person"),
        (
            r#"{"resourceType":"Observation","focus":[{"reference":"RelatedPerson/r"}]}"#,
            "RelatedPerson/r in person",
        ),
        (r#"{"resourceType":"Provenance","target":[{"reference":"RelatedPerson/r"}]}"#, "RelatedPerson/r"),
        (r#"{"resourceType":"Provenance","target":[{"reference":"Observation/o"}]}"#, "Observation/o"),
        (
            r#"{"resourceType":"AuditEvent","entity":[{"what":{"reference":"Observation/o"}}]}"#,
            "Observation/o",
        ),
        (
            r#"{"resourceType":"Composition","section":[{"section":[{"focus":{"reference":"Group/g"}}]}]}"#,
            "Group/g",
        ),
        (r#"{"resourceType":"Task","for":{"reference":"Unheard/of"}}"#, "Unheard/of"),
    ] {
        says(json, Nobody, &[], &[], &[behind]);
    }
    for nobody in ["Device/d", "Location/l", "Practitioner/p", "Organization/o"] {
        let json = format!(r#"{{"resourceType":"Observation","subject":{{"reference":"{nobody}"}}}}"#);
        says(&json, Nobody, &[], &[], &[]);
    }
    let many: Vec<String> =
        (0..=BEHIND_MAX).map(|number| format!(r#"{{"reference":"Observation/o{number}"}}"#)).collect();
    assert_eq!(told(&format!(r#"{{"resourceType":"Provenance","target":[{}]}}"#, many.join(","))), None);
}

#[test]
fn everyone_who_attends_is_one_whom_it_is_about_and_staff_may_be_written_by_name() {
    use About::{Nobody, Somebody};
    let appointment = |actors: &[&str]| {
        let actors: Vec<String> = actors.iter().map(|actor| format!(r#"{{"actor":{actor}}}"#)).collect();
        format!(r#"{{"resourceType":"Appointment","participant":[{}]}}"#, actors.join(","))
    };
    let (a, b) = (r#"{"reference":"Patient/a"}"#, r#"{"reference":"Patient/b"}"#);
    says(&appointment(&[a, b]), Somebody, &["a", "b"], &[], &[]);
    for staff in [
        r#"{"display":"Dr Ward"}"#,
        r#"{"type":"Practitioner","identifier":{"system":"https://hospital.example/staff","value":"7"}}"#,
        r#"{"identifier":{"system":"https://fhir.nhs.uk/Id/sds-user-id","value":"555"}}"#,
        r#"{"reference":"Location/l"}"#,
        r#"{"identifier":{"system":"https://fhir.hl7.org.uk/Id/gphc-number","value":"2000001"}}"#,
        r#"{"identifier":{"system":"https://fhir.hl7.org.uk/Id/hcpc-number","value":"PH000001"}}"#,
        r#"{"reference":"https://directory.example/fhir/HealthcareService/1"}"#,
        r#"{"reference":"https://directory.example/fhir/Practitioner/1","type":"Practitioner"}"#,
    ] {
        says(&appointment(&[a, staff]), Somebody, &["a"], &[], &[]);
        says(&appointment(&[staff]), Nobody, &[], &[], &[]);
    }
    for person in [
        r#"{"type":"Patient","display":"Bob"}"#,
        r#"{"identifier":{"system":"https://hospital.example/mrn","value":"7"}}"#,
        r#"{"type":"RelatedPerson","identifier":{"system":"https://hospital.example/mrn","value":"7"}}"#,
        r#"{"reference":"https://directory.example/fhir/Patient/1"}"#,
        r#"{"reference":"https://directory.example/fhir/RelatedPerson/1"}"#,
        r#"{"reference":"https://directory.example/fhir/Practitioner/1","type":"Patient"}"#,
        r#"{"reference":"https://directory.example/fhir/Practitioner?identifier=1"}"#,
        r#"{"reference":"https://directory.example/who/1"}"#,
    ] {
        assert_eq!(told(&appointment(&[a, person])), None, "{person}");
    }
    says(
        &appointment(&[a, r#"{"reference":"RelatedPerson/r"}"#]),
        Somebody,
        &["a"],
        &[],
        &["RelatedPerson/r"],
    );
}

#[test]
fn who_bears_the_number_of_a_related_person_is_one_whom_it_is_about() {
    use About::{Members, Somebody};
    let number = r#""identifier":[{"system":"https://hospital.example/x","value":"1"},{"system":"https://fhir.nhs.uk/Id/nhs-number","value":"9990000018"}]"#;
    let related =
        format!(r#"{{"resourceType":"RelatedPerson","patient":{{"reference":"Patient/a"}},{number}}}"#);
    says(&related, Somebody, &["a", "kin 9990000018"], &[], &[]);
    says(&format!(r#"{{"resourceType":"Person",{number}}}"#), Somebody, &["9990000018"], &[], &[]);
    let linked = r#"{"resourceType":"Person","link":[{"target":{"reference":"Patient/a"}}]}"#;
    says(linked, Members, &[], &["a"], &[]);
    let contained = format!(
        r#"{{"resourceType":"Observation","subject":{{"reference":"Patient/b"}},"contained":[{related}]}}"#
    );
    says(&contained, Somebody, &["a", "b", "kin 9990000018"], &[], &[]);
    assert_eq!(told(&related.replace("9990000018", "1")), None, "a number that is none");
}

#[test]
fn a_subject_in_the_same_text_has_to_be_somebody() {
    use About::Somebody;
    let with = |contained: &str| {
        format!(
            r##"{{"resourceType":"Observation","subject":{{"reference":"#x"}},"contained":[{contained}]}}"##
        )
    };
    let group = r#"{"resourceType":"Group","id":"x","member":[{"entity":{"reference":"Patient/a"}},{"entity":{"reference":"Patient/b"}}]}"#;
    says(&with(group), Somebody, &["a", "b"], &[], &[]);
    for nobody in [
        r#"{"resourceType":"Group","id":"x"}"#,
        r#"{"resourceType":"Observation","id":"x","performer":[{"reference":"Patient/a"}]}"#,
        r##"{"resourceType":"Observation","id":"x","subject":{"reference":"#x"}}"##,
        r#"{"resourceType":"RelatedPerson","id":"x","patient":{"display":"Ann"}}"#,
        r#"{"resourceType":"Nothing","id":"x"}"#,
    ] {
        assert_eq!(told(&with(nobody)), None, "{nobody}");
    }
    let bundle = |entry: &str| {
        format!(
            r#"{{"resourceType":"Bundle","entry":[{{"resource":{entry}}},{{"resource":{{"resourceType":"Observation","subject":{{"reference":"Group/x"}}}}}}]}}"#
        )
    };
    says(&bundle(group), Somebody, &["a", "b"], &[], &[]);
    assert_eq!(told(&bundle(r#"{"resourceType":"Group","id":"x"}"#)), None);
}

#[test]
fn a_focus_must_lead_to_somebody() {
    let about = |focus: &str| {
        format!(r#"{{"resourceType":"Observation","subject":{{"reference":"Patient/a"}},"focus":[{focus}]}}"#)
    };
    for focus in [
        r#"{"type":"Patient","identifier":{"system":"https://hospital.example/mrn","value":"7"}}"#,
        r#"{"display":"her son"}"#,
        r##"{"reference":"#gone"}"##,
    ] {
        assert_eq!(told(&about(focus)), None, "{focus}");
    }
    says(&about(r#"{"reference":"Condition/c"}"#), About::Somebody, &["a"], &[], &["Condition/c"]);
    says(&about(r#"{"reference":"Device/d"}"#), About::Somebody, &["a"], &[], &[]);
    says(&about(r#"{"reference":"Patient/b"}"#), About::Somebody, &["a", "b"], &[], &[]);
}

#[test]
fn the_persons_of_what_is_led_to_must_all_permit_or_are_nobody() {
    let subjects = |json: &str| {
        let document = parse(json.to_owned().into(), &Limits::default()).expect("test input");
        let found = persons_of(document.root(), Came::FromHolder, &Bases::none()).into_subjects()?;
        assert_eq!(found.patients, found.about_patients);
        Some(found.patients.iter().map(|id| id.as_str().to_owned()).collect::<Vec<_>>())
    };
    let group = r#"{"resourceType":"Group","member":[{"entity":{"reference":"Patient/a"}},{"entity":{"reference":"Patient/b"}}]}"#;
    assert_eq!(subjects(group).unwrap(), ["a", "b"]);
    let by_another = r#"{"resourceType":"Observation","subject":{"reference":"Patient/a"},"performer":[{"reference":"Patient/b"}]}"#;
    assert_eq!(subjects(by_another).unwrap(), ["a"]);
    for nobody in [
        r#"{"resourceType":"Group"}"#,
        r#"{"resourceType":"Observation","performer":[{"reference":"Patient/b"}]}"#,
        r#"{"resourceType":"Observation","subject":{"reference":"Group/g"}}"#,
        r#"{"resourceType":"Group","member":[{"entity":{"reference":"Patient/a"}},{"entity":{"reference":"Patient?x=1"}}]}"#,
        r#"{"resourceType":"Binary","securityContext":{"reference":"Patient/a"}}"#,
    ] {
        assert_eq!(subjects(nobody), None, "{nobody}");
    }
}

#[test]
fn the_members_of_what_is_led_to_are_persons_who_are_told_or_nobody() {
    let subjects = |json: &str| {
        let document = parse(json.to_owned().into(), &Limits::default()).expect("test input");
        persons_of(document.root(), Came::FromHolder, &Bases::none()).into_subjects().is_some()
    };
    let of_members = [("Group", "member", "entity"), ("List", "entry", "item"), ("Person", "link", "target")];
    let nobody = r#"{"resourceType":"Practitioner","id":"d"}"#;
    let inner = r#"{"resourceType":"Group","id":"g","member":[{"entity":{"reference":"Patient/b"}}]}"#;
    for (kind, list, member) in of_members {
        let with = |other: &str| {
            format!(
                r#"{{"resourceType":"{kind}","id":"x","contained":[{nobody},{inner}],"{list}":[{{"{member}":{{"reference":"Patient/a"}}}},{other}]}}"#
            )
        };
        let named = |name: &str| with(&format!(r#"{{"{member}":{name}}}"#));
        for (name, is_told) in [
            (r#"{"reference":"Patient/b"}"#, true),
            (r#"{"reference":"Practitioner/d"}"#, true),
            (r#"{"reference":"Device/d"}"#, true),
            (r##"{"reference":"#d"}"##, true),
            (r#"{"identifier":{"system":"https://fhir.nhs.uk/Id/nhs-number","value":"9990000018"}}"#, true),
            (r#"{"identifier":{"system":"https://fhir.nhs.uk/Id/sds-user-id","value":"5"}}"#, true),
            (r#"{"type":"Practitioner","identifier":{"value":"5"}}"#, true),
            (r#"{"reference":"Group/g2"}"#, false),
            (r#"{"reference":"List/l"}"#, false),
            (r#"{"reference":"Condition/of-b"}"#, false),
            (r#"{"reference":"RelatedPerson/r"}"#, false),
            (r#"{"reference":"Person/p"}"#, false),
            (r#"{"reference":"Unheard/of"}"#, false),
            (r##"{"reference":"#g"}"##, false),
            (r##"{"reference":"#gone"}"##, false),
            (r#"{"reference":"urn:oid:1.2"}"#, false),
            (r#"{"reference":"https://other.example/fhir/Group/g"}"#, false),
            (r#"{"identifier":{"system":"https://hospital.example/mrn","value":"7"}}"#, false),
            (r#"{"type":"Patient","identifier":{"value":"7"}}"#, false),
            (r#"{"display":"Bob"}"#, false),
        ] {
            assert_eq!(subjects(&named(name)), is_told, "{kind} {name}");
        }
        assert!(!subjects(&with(r#"{"extension":[{"valueReference":{"reference":"Group/g2"}}]}"#)), "{kind}");
    }
    // The same in the same text.
    let about = |member: &str| {
        format!(
            r##"{{"resourceType":"Observation","subject":{{"reference":"#x"}},"contained":[{{"resourceType":"Group","id":"x",
            "member":[{{"entity":{{"reference":"Patient/a"}}}},{{"entity":{member}}}]}}]}}"##
        )
    };
    says(&about(r#"{"reference":"Patient/b"}"#), About::Somebody, &["a", "b"], &[], &[]);
    assert_eq!(told(&about(r#"{"reference":"Group/g2"}"#)), None);
    // What says itself whom it is about is about her, whatever it lists.
    let of_ann = r#"{"resourceType":"List","subject":{"reference":"Patient/a"},"entry":[{"item":{"reference":"Condition/c"}}]}"#;
    assert!(subjects(of_ann));
}

#[test]
fn what_was_used_may_bear_an_identifier_of_its_own_and_a_person_is_told() {
    let message = r#"{"identifier":{"value":"MSG1"}}"#;
    let local = r#"{"identifier":{"type":{"coding":[{"code":"MR"}]},"system":"https://hospital.example/mrn","value":"7"}}"#;
    let number = r#"{"identifier":{"system":"https://fhir.nhs.uk/Id/nhs-number","value":"9990000018"}}"#;
    for kind in ["Provenance", "AuditEvent"] {
        let with = |more: &str, what: &str| {
            format!(
                r#"{{"resourceType":"{kind}","entity":[{{"what":{{"reference":"Patient/a"}}}},{{{more}"what":{what}}}]}}"#
            )
        };
        for what in [message, r#"{"type":"DocumentReference","identifier":{"value":"MSG1"}}"#] {
            says(&with("", what), About::Somebody, &["a"], &[], &[]);
        }
        says(&with("", number), About::Somebody, &["a", "9990000018"], &[], &[]);
        for what in [local, r#"{"type":"Patient","identifier":{"value":"7"}}"#, r#"{"display":"Bob"}"#] {
            assert_eq!(told(&with("", what)), None, "{kind} {what}");
        }
        let alone = format!(r#"{{"resourceType":"{kind}","entity":[{{"what":{message}}}]}}"#);
        says(&alone, About::Nobody, &[], &[], &[]);
    }
    for person in [r#""type":{"code":"1"},"#, r#""role":{"code":"1"},"#] {
        let with =
            |what: &str| format!(r#"{{"resourceType":"AuditEvent","entity":[{{{person}"what":{what}}}]}}"#);
        assert_eq!(told(&with(message)), None, "{person}");
        says(&with(number), About::Somebody, &["9990000018"], &[], &[]);
    }
    let target = format!(r#"{{"resourceType":"Provenance","target":[{message}]}}"#);
    assert_eq!(told(&target), None, "what it is about is told");
}
