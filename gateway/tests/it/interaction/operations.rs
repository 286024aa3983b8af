//! Operations that only ask, by either method: their parameters stand in the URL or in a Parameters resource.

use gateway::server::arrived::Method;
use serde_json::json;

use super::{ask, fhir_json, said};

const EVERYTHING: &str = "/hospital/fhir/Patient/1/$everything";
const DOCUMENT: &str = "/hospital/fhir/Composition/1/$document";

fn posted(url: &str, parameters: &serde_json::Value) -> Result<String, u16> {
    let body = json!({"resourceType": "Parameters", "parameter": parameters}).to_string();
    ask(Method::Post, url, fhir_json(), &body).map(said).map_err(|malformed| malformed.told().status.as_u16())
}

#[test]
fn what_is_sent_as_parameters_is_asked_as_in_a_url() {
    let everything = |query: &str| Ok(format!("hospital everything about 1?{query}"));
    for (url, parameters, expected) in [
        (EVERYTHING, json!([]), everything("")),
        (EVERYTHING, json!([{"name": "start", "valueDate": "2019"}]), everything("start=2019")),
        (EVERYTHING, json!([{"name": "_count", "valueInteger": 2}]), everything("_count=2")),
        (
            EVERYTHING,
            json!([{"name": "_type", "valueCode": "Condition"}, {"name": "_type", "valueCode": "Observation"}]),
            everything("_type=Condition%2CObservation"),
        ),
        (DOCUMENT, json!([{"name": "persist", "valueBoolean": false}]), Ok("hospital document 1".to_owned())),
        (DOCUMENT, json!([{"name": "persist", "valueBoolean": true}]), Err(400)),
        (
            EVERYTHING,
            json!([{"name": "start", "valueDate": "2019"}, {"name": "start", "valueDate": "2020"}]),
            Err(400),
        ),
        (EVERYTHING, json!([{"name": "code", "valueCode": "1"}]), Err(400)),
        (EVERYTHING, json!([{"name": "start"}]), Err(400)),
        (EVERYTHING, json!([{"name": "start", "valueDate": "2019", "valueString": "2020"}]), Err(400)),
        (EVERYTHING, json!([{"name": "start", "valueDate": "2019", "extension": []}]), Err(400)),
        (EVERYTHING, json!([{"name": "start", "valuePeriod": {"start": "2019"}}]), Err(400)),
        (EVERYTHING, json!([{"name": "start", "resource": {"resourceType": "Patient"}}]), Err(400)),
        (EVERYTHING, json!({"name": "start"}), Err(400)),
    ] {
        assert_eq!(posted(url, &parameters), expected, "{url} {parameters}");
    }
    // What stands in the URL counts with it, and each once, but for types.
    let condition = json!([{"name": "_type", "valueCode": "Condition"}]);
    let both = everything("_type=Condition%2CObservation");
    assert_eq!(posted(&format!("{EVERYTHING}?_type=Observation"), &condition), both);
    assert_eq!(
        posted(&format!("{EVERYTHING}?_type=Observation&_type=Condition,Observation"), &json!([])),
        both
    );
    let since = json!([{"name": "end", "valueDate": "2020"}]);
    assert_eq!(posted(&format!("{EVERYTHING}?start=2019"), &since), everything("start=2019&end=2020"));
    assert_eq!(posted(&format!("{EVERYTHING}?end=2019"), &since), Err(400));
}

#[test]
fn without_a_body_it_is_asked_as_by_get_and_another_body_is_refused() {
    let asked = ask(Method::Post, EVERYTHING, gateway::server::arrived::Headers::default(), "").map(said);
    assert_eq!(asked.as_deref(), Ok("hospital everything about 1?"));
    for (headers, body, status) in [
        (fhir_json(), r#"{"resourceType":"Patient"}"#, 400),
        (fhir_json(), "{}", 400),
        // What may change the meaning of the parameters is heard.
        (fhir_json(), r#"{"resourceType":"Parameters","implicitRules":"urn:x","parameter":[]}"#, 400),
        (fhir_json(), r#"{"resourceType":"Parameters","modifierExtension":[{"url":"urn:x"}]}"#, 400),
        (gateway::server::arrived::Headers::default(), r#"{"resourceType":"Parameters"}"#, 415),
    ] {
        let refused = ask(Method::Post, EVERYTHING, headers, body).map(said).unwrap_err();
        assert_eq!(refused.told().status.as_u16(), status, "{body}");
    }
}
