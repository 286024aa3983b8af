//! Who stands in a resource as somebody's kin.

use super::super::About;
use super::{says, told};

#[test]
fn who_bears_a_number_is_kin_only_of_a_patient_who_is_told_and_by_one_number_in_use() {
    use About::{Nobody, Somebody};
    let numbered = |value: &str, more: &str| {
        format!(r#"{{"system":"https://fhir.nhs.uk/Id/nhs-number","value":"{value}"{more}}}"#)
    };
    let (one, other) = (numbered("9990000018", ""), numbered("9990000026", ""));
    let old = numbered("9990000026", r#","use":"old""#);
    let of_a = r#""patient":{"reference":"Patient/a"}"#;
    let related = |patient: &str, numbers: &[&String]| {
        let numbers: Vec<&str> = numbers.iter().map(|number| number.as_str()).collect();
        let comma = if patient.is_empty() { "" } else { "," };
        format!(
            r#"{{"resourceType":"RelatedPerson","id":"x",{patient}{comma}"identifier":[{}]}}"#,
            numbers.join(",")
        )
    };
    says(&related(of_a, &[&one, &one]), Somebody, &["a", "kin 9990000018"], &[], &[]);
    says(&related(of_a, &[&one, &old]), Somebody, &["a", "kin 9990000018", "kin 9990000026"], &[], &[]);
    says(&related(of_a, &[&one, &other]), Somebody, &["a", "9990000018", "9990000026"], &[], &[]);
    says(&related("", &[&one]), Somebody, &["9990000018"], &[], &[]);
    says(
        &related(r#""patient":[{"reference":"Patient/a"}]"#, &[&one]),
        Somebody,
        &["a", "9990000018"],
        &[],
        &[],
    );
    let to_group = related(r#""patient":{"reference":"Group/g"}"#, &[&one]);
    says(&to_group, Somebody, &["9990000018"], &[], &["Group/g"]);
    let by_number = format!(r#""patient":{{"identifier":{other}}}"#);
    says(&related(&by_number, &[&one]), Somebody, &["9990000026", "kin 9990000018"], &[], &[]);
    // In whatever she stands, and wherever her Patient stands in it.
    let patient = format!(r#"{{"resourceType":"Patient","id":"p","identifier":[{other}]}}"#);
    let within = |contained: &str, outer: &str| format!(r#"{{{outer},"contained":[{patient},{contained}]}}"#);
    let of_p = related(r##""patient":{"reference":"#p"}"##, &[&one]);
    let request = r##""resourceType":"ServiceRequest","subject":{"reference":"#p"}"##;
    says(&within(&of_p, request), Somebody, &["9990000026", "kin 9990000018"], &[], &[]);
    let of_container = related(r##""patient":{"reference":"#"}"##, &[&one]);
    let of_patient = format!(r#"{{"resourceType":"Patient","id":"a","contained":[{of_container}]}}"#);
    says(&of_patient, Somebody, &["a", "kin 9990000018"], &[], &[]);
    let of_request = format!(
        r#"{{"resourceType":"ServiceRequest","subject":{{"reference":"Patient/a"}},"contained":[{of_container}]}}"#
    );
    says(&of_request, Somebody, &["a", "9990000018"], &[], &[]);
    let urn = "urn:uuid:6f1e2a0c-1111-4222-8333-444455556666";
    let of_entry = related(&format!(r#""patient":{{"reference":"{urn}"}}"#), &[&one]);
    let bundle = |more: &str| {
        format!(
            r#"{{"resourceType":"Bundle","entry":[{{"fullUrl":"{urn}","resource":{patient}}},{{"resource":{of_entry}}}{more}]}}"#
        )
    };
    says(&bundle(""), Somebody, &["9990000026", "kin 9990000018"], &[], &[]);
    // Who attends is met as kin, and in the same text whoever something is about is met in person.
    let attends = r#",{"resource":{"resourceType":"Appointment","participant":[{"actor":{"reference":"RelatedPerson/x"}}]}}"#;
    says(&bundle(attends), Somebody, &["9990000026", "kin 9990000018"], &[], &[]);
    let about_her =
        r#",{"resource":{"resourceType":"Observation","focus":[{"reference":"RelatedPerson/x"}]}}"#;
    says(&bundle(about_her), Somebody, &["9990000018", "9990000026", "kin 9990000018"], &[], &[]);
    let asked = r##""resourceType":"QuestionnaireResponse","subject":{"reference":"#x"}"##;
    says(&within(&of_p, asked), Somebody, &["9990000018", "9990000026", "kin 9990000018"], &[], &[]);
    let nobody =
        format!(r#"{{"resourceType":"Person","identifier":[{one}],"patient":{{"reference":"Patient/a"}}}}"#);
    says(&nobody, Somebody, &["a", "9990000018"], &[], &[]);
    says(
        r#"{"resourceType":"Appointment","participant":[{"actor":{"reference":"RelatedPerson/r"}}]}"#,
        Nobody,
        &[],
        &[],
        &["RelatedPerson/r"],
    );
}

#[test]
fn whose_kin_nobody_can_tell_is_told_of_nobody() {
    for untold in [r#"{"display":"Ann"}"#, r##"{"reference":"#gone"}"##, r#"{"reference":["Patient/a"]}"#] {
        let number = r#"{"system":"https://fhir.nhs.uk/Id/nhs-number","value":"9990000018"}"#;
        let related =
            format!(r#"{{"resourceType":"RelatedPerson","patient":{untold},"identifier":[{number}]}}"#);
        assert_eq!(told(&related), None, "{untold}");
    }
}
