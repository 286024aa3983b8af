//! One row for each rule: what holds and, differing in one thing, what does not.

use conformance::validate::Severity;

use super::{errors, findings};

/// The errors of `json` are exactly `wanted`, each `code path`.
#[track_caller]
fn check(json: &str, wanted: &[&str]) {
    let found = findings(json, &[]);
    let mut wanted = wanted.to_vec();
    wanted.sort_unstable();
    assert_eq!(errors(&found), wanted, "{json}\n{found:#?}");
}

#[track_caller]
fn says(json: &str, severity: Severity, code: &str) {
    let found = findings(json, &[]);
    assert!(found.iter().any(|one| one.severity == severity && one.code() == code), "{json}\n{found:#?}");
}

#[test]
fn a_sound_patient_is_valid_in_json_and_in_xml() {
    check(
        r#"{"resourceType":"Patient","id":"a","active":true,"name":[{"use":"official","family":"Dale","given":["Ann"]}],
        "birthDate":"1970-03","_birthDate":{"extension":[{"url":"http://hl7.org/fhir/StructureDefinition/patient-birthTime",
        "valueDateTime":"1970-03-01T10:00:00Z"}]},"deceasedBoolean":false}"#,
        &[],
    );
    check(
        r#"<Patient xmlns="http://hl7.org/fhir"><id value="a"/><active value="true"/><name><family value="Dale"/>
        <given value="Ann"/></name><birthDate value="1970-03-01"/></Patient>"#,
        &[],
    );
}

#[test]
fn elements_are_those_of_the_type() {
    check(r#"{"resourceType":"Patient","nam":"x"}"#, &["unknown-element Patient.nam"]);
    check(r#"{"resourceType":"Patient","name":[{"famly":"x"}]}"#, &["unknown-element Patient.name[0].famly"]);
    check(r#"{"resourceType":"Nobody"}"#, &["resource-type Nobody"]);
    check(r#"{"resourceType":"DomainResource"}"#, &["resource-type DomainResource"]);
}

#[test]
fn elements_are_as_many_as_is_said() {
    check(r#"{"resourceType":"Observation","status":"final"}"#, &["cardinality Observation"]);
    check(
        r#"{"resourceType":"Observation","status":"final","code":{"text":"a"},"component":[{"valueString":"b"}]}"#,
        &["cardinality Observation.component[0]"],
    );
    check(
        r#"<Patient xmlns="http://hl7.org/fhir"><gender value="male"/><gender value="male"/></Patient>"#,
        &["cardinality Patient"],
    );
}

#[test]
fn arrays_stand_where_json_wants_them() {
    check(r#"{"resourceType":"Patient","name":{"family":"x"}}"#, &["array Patient.name"]);
    check(r#"{"resourceType":"Patient","gender":["male"]}"#, &["array Patient.gender[0]"]);
}

#[test]
fn a_choice_has_one_of_its_types() {
    check(r#"{"resourceType":"Patient","deceasedString":"x"}"#, &["choice-type Patient.deceasedString"]);
    check(
        r#"{"resourceType":"Patient","deceasedBoolean":true,"deceasedDateTime":"2020"}"#,
        &["cardinality Patient"],
    );
}

#[test]
fn values_have_the_form_and_the_json_type_of_their_type() {
    check(r#"{"resourceType":"Patient","active":"true"}"#, &["value Patient.active"]);
    check(r#"{"resourceType":"Patient","birthDate":"2023-02-30"}"#, &["value Patient.birthDate"]);
    check(r#"{"resourceType":"Patient","id":"a_b"}"#, &["value Patient.id"]);
    check(
        r#"{"resourceType":"Patient","multipleBirthInteger":1.5}"#,
        &["value Patient.multipleBirthInteger"],
    );
    check(
        r#"{"resourceType":"Patient","photo":[{"contentType":"image/png","data":"QQ"}]}"#,
        &["value Patient.photo[0].data"],
    );
    check(
        r#"{"resourceType":"Patient","photo":[{"contentType":"image/png","data":"QUJD","size":2}]}"#,
        &["value Patient.photo[0]"],
    );
}

#[test]
fn required_codes_are_of_their_value_set() {
    check(r#"{"resourceType":"Patient","gender":"m"}"#, &["binding Patient.gender"]);
    check(
        r#"{"resourceType":"Patient","telecom":[{"system":"pigeon","value":"x"}]}"#,
        &["binding Patient.telecom[0].system"],
    );
    check(
        r#"{"resourceType":"Patient","photo":[{"contentType":"png"}]}"#,
        &["binding Patient.photo[0].contentType"],
    );
    let wanted = "binding AllergyIntolerance.clinicalStatus";
    let body = |status: &str| {
        format!(
            r#"{{"resourceType":"AllergyIntolerance","patient":{{"reference":"Patient/1"}},"clinicalStatus":{status}}}"#
        )
    };
    let system = "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical";
    check(&body(&format!(r#"{{"coding":[{{"system":"{system}","code":"resolved"}}]}}"#)), &[]);
    check(&body(r#"{"text":"active"}"#), &[wanted]);
    check(&body(r#"{"coding":[{"system":"http://other.example/codes","code":"resolved"}]}"#), &[wanted]);
}

#[test]
fn extensible_codes_are_warned_of_and_codes_of_absent_systems_are_not_checked() {
    let married = r#"{"resourceType":"Patient","maritalStatus":{"coding":[{"system":"SYSTEM","code":"Q"}]}}"#;
    let other = married.replace("SYSTEM", "http://other.example/codes");
    check(&other, &[]);
    says(&other, Severity::Warning, "binding");
    says(&other, Severity::NotChecked, "code");
    check(
        &married.replace("SYSTEM", "http://terminology.hl7.org/CodeSystem/v3-MaritalStatus"),
        &["code Patient.maritalStatus.coding[0]"],
    );
    let placed = r#"{"resourceType":"ValueSet","status":"draft","name":"V","jurisdiction":[{"coding":[{
        "system":"urn:iso:std:iso:3166","code":"GB"}]}]}"#;
    says(placed, Severity::NotChecked, "binding");
    let snomed = r#"{"resourceType":"Observation","status":"final","code":{"coding":[{"system":"http://snomed.info/sct",
        "code":"271649006"}]}}"#;
    check(snomed, &[]);
    says(snomed, Severity::NotChecked, "code");
}

#[test]
fn references_point_where_they_may() {
    let managed = |text: &str| {
        format!(r#"{{"resourceType":"Patient","managingOrganization":{{"reference":"{text}"}}}}"#)
    };
    check(&managed("Organization/1"), &[]);
    check(&managed("https://ehr.example/fhir/Organization/1/_history/2"), &[]);
    check(&managed("urn:uuid:c757873d-ec9a-4326-a141-556f43239520"), &[]);
    check(&managed("Practitioner/1"), &["reference Patient.managingOrganization"]);
    check(&managed("Nobody/1"), &["reference Patient.managingOrganization"]);
    check(&managed("somewhere"), &["reference Patient.managingOrganization"]);
    check(&managed("#gone"), &["contained Patient.managingOrganization"]);
}

#[test]
fn what_is_contained_is_named_and_referred_to() {
    let body = |contained: &str, reference: &str| {
        format!(
            r#"{{"resourceType":"Patient","contained":[{contained}],"managingOrganization":{{"reference":"{reference}"}}}}"#
        )
    };
    let organization = r#"{"resourceType":"Organization","id":"o","name":"Ward"}"#;
    check(&body(organization, "#o"), &[]);
    check(&body(organization, "Organization/2"), &["dom-3 Patient"]);
    check(
        &body(r#"{"resourceType":"Organization","id":"o","meta":{"versionId":"1"},"name":"W"}"#, "#o"),
        &["dom-4 Patient"],
    );
}

#[test]
fn invariants_hold() {
    check(r#"{"resourceType":"Patient","contact":[{"gender":"male"}]}"#, &["pat-1 Patient.contact[0]"]);
    check(r#"{"resourceType":"Patient","telecom":[{"value":"x"}]}"#, &["cpt-2 Patient.telecom[0]"]);
    check(
        r#"{"resourceType":"Patient","name":[{"family":"x","period":{"start":"2024-02","end":"2024-01"}}]}"#,
        &["per-1 Patient.name[0].period"],
    );
    check(r#"{"resourceType":"Organization","active":true}"#, &["org-1 Organization"]);
    says(r#"{"resourceType":"Patient"}"#, Severity::Warning, "dom-6");
}

#[test]
fn narratives_are_of_what_is_allowed() {
    let body =
        |div: &str| format!(r#"{{"resourceType":"Patient","text":{{"status":"generated","div":"{div}"}}}}"#);
    let namespace = "xmlns='http://www.w3.org/1999/xhtml'";
    check(&body(&format!("<div {namespace}><p>text</p></div>")), &[]);
    check(&body(&format!("<div {namespace}><script>x</script></div>")), &["narrative Patient.text.div"]);
    check(&body(&format!("<div {namespace}> </div>")), &["narrative Patient.text.div"]);
}

#[test]
fn extensions_are_where_and_what_they_are_meant_to_be() {
    let place = "http://hl7.org/fhir/StructureDefinition/patient-birthPlace";
    let body = |url: &str, value: &str| {
        format!(r#"{{"resourceType":"Patient","extension":[{{"url":"{url}",{value}}}]}}"#)
    };
    check(&body(place, r#""valueAddress":{"city":"Leeds"}"#), &[]);
    check(
        &body(place, r#""valueString":"Leeds""#),
        &["choice-type Patient.extension[0].valueString", "cardinality Patient.extension[0]"],
    );
    check(
        &body("http://hl7.org/fhir/StructureDefinition/no-such", r#""valueString":"x""#),
        &["extension Patient.extension[0]"],
    );
    check(&body("relative", r#""valueString":"x""#), &["extension Patient.extension[0]"]);
    let own = body("https://own.example/extension", r#""valueString":"x""#);
    check(&own, &[]);
    says(&own, Severity::NotChecked, "extension");
    check(
        &format!(
            r#"{{"resourceType":"Organization","name":"W","extension":[{{"url":"{place}","valueAddress":{{"city":"x"}}}}]}}"#
        ),
        &["extension Organization.extension[0]"],
    );
    check(
        r#"{"resourceType":"Patient","modifierExtension":[{"url":"https://own.example/m","valueString":"x"}]}"#,
        &["extension Patient.modifierExtension[0]"],
    );
}

#[test]
fn bundles_name_their_entries() {
    let body = |url: &str, id: &str| {
        format!(
            r#"{{"resourceType":"Bundle","type":"collection","entry":[{{{url}"resource":{{"resourceType":"Patient"{id}}}}}]}}"#
        )
    };
    check(&body(r#""fullUrl":"https://ehr.example/Patient/1","#, r#","id":"1""#), &[]);
    check(&body("", r#","id":"1""#), &["bundle Bundle.entry[0]"]);
    check(&body(r#""fullUrl":"Patient/1","#, r#","id":"1""#), &["bundle Bundle.entry[0]"]);
    check(
        &body(r#""fullUrl":"https://ehr.example/Patient/1","#, r#","id":"2""#),
        &["bundle Bundle.entry[0]"],
    );
    let request =
        r#"{"resourceType":"Bundle","type":"transaction","entry":[{"resource":{"resourceType":"Patient"}}]}"#;
    check(request, &["bdl-3 Bundle"]);
}

#[test]
fn references_in_a_bundle_are_followed() {
    let body = |name: &str| {
        format!(
            r#"{{"resourceType":"Bundle","type":"collection","entry":[
            {{"fullUrl":"urn:uuid:c757873d-ec9a-4326-a141-556f43239520","resource":{{"resourceType":"{name}","name":NAME}}}},
            {{"fullUrl":"urn:uuid:c757873d-ec9a-4326-a141-556f43239521","resource":{{"resourceType":"Patient",
            "managingOrganization":{{"reference":"urn:uuid:c757873d-ec9a-4326-a141-556f43239520"}}}}}}]}}"#
        )
    };
    check(&body("Organization").replace("NAME", "\"Ward\""), &[]);
    check(
        &body("Practitioner").replace("NAME", "[{\"family\":\"x\"}]"),
        &["reference Bundle.entry[1].resource.managingOrganization"],
    );
}

#[test]
fn a_document_leads_to_what_it_names() {
    let body = |reference: &str| {
        format!(
            r#"{{"resourceType":"Bundle","type":"document","timestamp":"2024-01-01T00:00:00Z",
            "identifier":{{"system":"urn:ietf:rfc:3986","value":"urn:uuid:c757873d-ec9a-4326-a141-556f43239520"}},"entry":[
            {{"fullUrl":"https://ehr.example/Composition/1","resource":{{"resourceType":"Composition","id":"1","status":"final",
            "type":{{"text":"note"}},"date":"2024","title":"note","author":[{{"reference":"{reference}"}}]}}}},
            {{"fullUrl":"https://ehr.example/Practitioner/1","resource":{{"resourceType":"Practitioner","id":"1"}}}}]}}"#
        )
    };
    check(&body("Practitioner/1"), &[]);
    check(&body("Practitioner/2"), &["bundle Bundle.entry[0].resource.author[0]"]);
}

#[test]
fn definitions_agree_with_themselves() {
    check(
        r#"{"resourceType":"ValueSet","status":"draft","url":"https://own.example/v","name":"V","compose":{"include":[
        {"system":"http://hl7.org/fhir/administrative-gender","concept":[{"code":"m"}]}]}}"#,
        &["code ValueSet.compose.include[0].concept[0]"],
    );
    check(
        r#"{"resourceType":"CodeSystem","status":"draft","content":"complete","name":"C","url":"here"}"#,
        &["value CodeSystem.url"],
    );
    check(
        r#"{"resourceType":"Questionnaire","status":"draft","name":"Q","item":[{"linkId":"1","type":"boolean","enableWhen":[
        {"question":"2","operator":"=","answerBoolean":true}]}]}"#,
        &["reference Questionnaire.item[0].enableWhen[0]"],
    );
}

#[test]
fn what_a_strict_reader_would_refuse_is_an_error() {
    check(
        r#"{"resourceType":"Patient","active":true,"active":false}"#,
        &["format ", "array Patient.active[0]", "array Patient.active[1]", "cardinality Patient"],
    );
    check(r#"{"resourceType":"Patient","name":[]}"#, &["format "]);
}

#[test]
fn findings_hold_nothing_of_the_resource() {
    let json = r#"{"resourceType":"Patient","id":"canary_1","gender":"canary2","birthDate":"canary3","name":[{"use":"canary4"}],
        "managingOrganization":{"reference":"Canary/canary5"},"maritalStatus":{"coding":[{"system":"canary6","code":"canary7"}]},
        "extension":[{"url":"http://hl7.org/fhir/StructureDefinition/canary8","valueString":"canary9"}]}"#;
    let found = findings(json, &[]);
    assert!(errors(&found).len() >= 7, "{found:#?}");
    assert!(
        found.iter().all(|one| !one.text.contains("canary") && !one.path.contains("canary")),
        "{found:#?}"
    );
}
