//! The stand-in does what scripts take for granted of a server.

use conformance::script::{Library, Options, StandIn};

use crate::script_support::{folder, outcomes, run_in, script, words};

/// The actions of tests, all of which hold.
const TESTS: &[&str] = &[
    r#"{"operation":{"type":{"code":"create"},"sourceId":"a","responseId":"made"}},{"assert":{"response":"created"}},
        {"operation":{"type":{"code":"update"},"sourceId":"a"}},{"assert":{"response":"okay"}},
        {"assert":{"expression":"Patient.meta.versionId","value":"2"}},
        {"operation":{"type":{"code":"vread"},"targetId":"made"}},{"assert":{"expression":"Patient.meta.versionId","value":"1"}},
        {"operation":{"type":{"code":"delete"},"targetId":"made"}},{"assert":{"response":"noContent"}},
        {"operation":{"type":{"code":"read"},"targetId":"made"}},{"assert":{"response":"gone"}},
        {"operation":{"type":{"code":"vread"},"targetId":"made"}},{"assert":{"response":"okay"}},
        {"operation":{"type":{"code":"history"},"targetId":"made"}},{"assert":{"expression":"Bundle.entry.response.status.join(',')","value":"204,200,201"}},
        {"assert":{"expression":"Bundle.entry[0].resource.empty()"}},
        {"operation":{"type":{"code":"update"},"sourceId":"a"}},{"assert":{"response":"created"}}"#,
    r#"{"operation":{"type":{"code":"transaction"},"sourceId":"t","responseId":"done"}},{"assert":{"response":"okay"}},
        {"assert":{"expression":"Bundle.type = 'transaction-response' and Bundle.entry.count() = 3"}},
        {"assert":{"expression":"Bundle.entry[1].resource.subject.reference = 'Patient/' + Bundle.entry[0].resource.id"}},
        {"assert":{"expression":"Bundle.entry[2].response.status.startsWith('404')"}},
        {"operation":{"type":{"code":"read"},"url":"${place}"}},{"assert":{"resource":"Patient"}}"#,
    r#"{"operation":{"type":{"code":"create"},"sourceId":"b","requestHeader":[{"field":"If-None-Exist","value":"identifier=urn:b|1"}]}},{"assert":{"response":"created"}},
        {"operation":{"type":{"code":"create"},"sourceId":"b","requestHeader":[{"field":"If-None-Exist","value":"identifier=urn:b|1"}]}},{"assert":{"response":"okay"}},
        {"operation":{"type":{"code":"update"},"sourceId":"b","requestHeader":[{"field":"If-Match","value":"W/\"9\""}]}},{"assert":{"response":"preconditionFailed"}},
        {"operation":{"type":{"code":"create"},"sourceId":"b"}},
        {"operation":{"type":{"code":"create"},"sourceId":"b","requestHeader":[{"field":"If-None-Exist","value":"identifier=urn:b|1"}]}},{"assert":{"response":"preconditionFailed"}},
        {"operation":{"type":{"code":"delete"},"resource":"Patient","params":"?identifier=urn:b|1"}},{"assert":{"response":"noContent"}},
        {"operation":{"type":{"code":"search"},"method":"post","resource":"Patient","params":"?identifier=urn:b|"}},{"assert":{"expression":"Bundle.total = 0"}},
        {"operation":{"method":"delete","url":"Patient"}},{"assert":{"response":"preconditionFailed"}}"#,
    r#"{"operation":{"type":{"code":"search"},"resource":"Group","params":"?_count=2"}},{"assert":{"expression":"Bundle.total = 3 and Bundle.entry.count() = 2"}},
        {"assert":{"navigationLinks":true}},
        {"operation":{"extension":[{"url":"http://touchstone.aegis.net/touchstone/fhir/testing/StructureDefinition/testscript-operation-pagesNext","valuePositiveInt":5}],
            "type":{"code":"search"},"resource":"Group","params":"?_count=2"}},
        {"assert":{"expression":"Bundle.entry.resource.id.join(',')","value":"g1,g2,g3"}}"#,
];

#[tokio::test]
async fn what_scripts_take_for_granted_of_a_server_is_so() {
    let tests: Vec<String> = TESTS
        .iter()
        .enumerate()
        .map(|(at, actions)| format!(r#"{{"name":"{at}","action":[{actions}]}}"#))
        .collect();
    let group = |id: &str| format!(r#"{{"id":"{id}","resource":{{"resourceType":"Group","id":"{id}"}}}}"#);
    let members = format!(
        r#""variable":[{{"name":"place","sourceId":"done","expression":"Bundle.entry[0].response.location"}}],
        "fixture":[{},{},{},{{"id":"a","resource":{{"resourceType":"Patient","active":true}}}},
        {{"id":"b","resource":{{"resourceType":"Patient","identifier":[{{"system":"urn:b","value":"1"}}]}}}},
        {{"id":"t","resource":{{"resourceType":"Bundle","type":"transaction","entry":[
            {{"fullUrl":"urn:uuid:1","resource":{{"resourceType":"Patient"}},"request":{{"method":"POST","url":"Patient"}}}},
            {{"resource":{{"resourceType":"Observation","subject":{{"reference":"urn:uuid:1"}}}},"request":{{"method":"POST","url":"Observation"}}}},
            {{"request":{{"method":"GET","url":"Patient/nobody"}}}}]}}}}],"test":[{}]"#,
        group("g1"),
        group("g2"),
        group("g3"),
        tests.join(",")
    );
    let folder = folder(&[("s.json", &script(&members))]);
    let library = Library::open(folder.path(), &[]).unwrap();
    let known = [library.load(&folder.path().join("s.json")).unwrap()];
    let base = StandIn::serve(&library, &known).await.unwrap();
    let run = run_in(folder.path(), &[&base], Options::default()).await;
    for (at, _) in TESTS.iter().enumerate() {
        let found = words(&run, &at.to_string());
        assert!(found.split(' ').all(|word| word == "pass"), "{at}: {found}: {:#?}", outcomes(&run));
    }
}
