//! The life of a script: what runs, in which order, what a failure means for the rest, and what reports tell of it.

use std::sync::Arc;

use conformance::run::Verdict;
use conformance::script::{
    Around, Bounds, Checked, Library, NoProfiles, Options, Outcome, ProfileCheck, Road, Runner, Telling,
    report,
};
use conformance::tree::Node;
use serde_json::Value;

use crate::script_support::{
    Asked, Said, alone, folder, outcomes, run, run_in, run_on, said, script, server, systems, words,
};

/// A patient whose name no report may tell.
const PATIENT: &str = r#"{"resourceType":"Patient","id":"p1","meta":{"versionId":"3"},"active":true,
    "name":[{"family":"Zzcanary","given":["Ann"]}],"multipleBirthInteger":2}"#;

/// Holds one patient.
pub(crate) fn holder(asked: &Asked) -> Said {
    match asked.line.as_str() {
        "GET /Patient/p1" => said(200, PATIENT),
        "GET /metadata" => said(
            200,
            r#"{"resourceType":"CapabilityStatement","fhirVersion":"4.0.1","rest":[{"resource":[{"type":"Patient"}]}]}"#,
        ),
        line if line.starts_with("POST /Patient") => {
            let (status, mut headers, body) = said(201, PATIENT);
            headers.push(("location", "Patient/p1/_history/3".to_owned()));
            (status, headers, body)
        }
        line if line.starts_with("PUT ") => said(200, PATIENT),
        line if line.starts_with("DELETE ") => (204, Vec::new(), String::new()),
        _ => said(404, r#"{"resourceType":"OperationOutcome"}"#),
    }
}

pub(crate) fn read(id: &str) -> String {
    format!(r#"{{"operation":{{"type":{{"code":"read"}},"resource":"Patient","params":"/{id}"}}}}"#)
}

pub(crate) fn assert(members: &str) -> String {
    format!(r#"{{"assert":{{{members}}}}}"#)
}

pub(crate) fn test(name: &str, actions: &[String]) -> String {
    format!(r#"{{"name":"{name}","action":[{}]}}"#, actions.join(","))
}

#[tokio::test]
async fn a_failure_ends_its_test_and_the_next_one_runs() {
    let server = server(holder).await;
    let tests = [
        test("one", &[read("p1"), assert(r#""responseCode":"404""#), assert(r#""response":"okay""#)]),
        test(
            "two",
            &[
                read("p1"),
                assert(r#""responseCode":"404","warningOnly":true"#),
                assert(r#""response":"okay""#),
            ],
        ),
        test(
            "three",
            &[
                read("p1"),
                assert(r#""responseCode":"404","stopTestOnFail":false"#),
                assert(r#""response":"okay""#),
            ],
        ),
    ];
    let run = run(&format!(r#""test":[{}]"#, tests.join(",")), &server).await;
    assert_eq!(words(&run, "one"), "pass fail skip");
    assert_eq!(words(&run, "two"), "pass warning pass");
    assert_eq!(words(&run, "three"), "pass fail pass");
    assert_eq!(run.outcome, Outcome::Fail);
    assert_eq!(alone(run).verdict(), Verdict::Fail);
}

#[tokio::test]
async fn a_setup_that_fails_skips_the_tests_and_the_teardown_runs() {
    let server = server(holder).await;
    let members = format!(
        r#""setup":{{"action":[{},{}]}},"test":[{}],"teardown":{{"action":[{}]}}"#,
        read("p1"),
        assert(r#""response":"gone""#),
        test("t", &[read("p1")]),
        read("nobody"),
    );
    let run = run(&members, &server).await;
    assert_eq!(words(&run, "setup"), "pass fail");
    assert_eq!(run.tests[0].outcome, Outcome::Skip);
    assert_eq!(words(&run, "teardown"), "fail");
    assert_eq!(run.outcome, Outcome::Fail);
    assert_eq!(server.lines(), ["GET /Patient/p1", "GET /Patient/nobody"]);
    let folder = folder(&[("s.json", &script(&members))]);
    let options = Options { around: Around::LeaveOut, ..Options::default() };
    let bare = run_in(folder.path(), &[&server.base], options).await;
    assert_eq!((bare.outcome, bare.setup.is_none(), bare.teardown.is_none()), (Outcome::Pass, true, true));
}

#[tokio::test]
async fn a_teardown_that_fails_does_not_count() {
    let server = server(holder).await;
    let members =
        format!(r#""test":[{}],"teardown":{{"action":[{}]}}"#, test("t", &[read("p1")]), read("nobody"));
    let run = run(&members, &server).await;
    assert_eq!((words(&run, "teardown").as_str(), run.outcome), ("fail", Outcome::Pass));
}

#[tokio::test]
async fn an_operation_that_fails_unasserted_fails_its_test() {
    let server = server(holder).await;
    let tests = [
        test("silent", &[read("nobody")]),
        test("then-another", &[read("nobody"), read("p1")]),
        test("asserted", &[read("nobody"), assert(r#""response":"notFound""#)]),
    ];
    let run = run(&format!(r#""test":[{}]"#, tests.join(",")), &server).await;
    assert_eq!(words(&run, "silent"), "fail");
    assert_eq!(words(&run, "then-another"), "fail skip");
    assert_eq!(words(&run, "asserted"), "pass pass");
    assert!(outcomes(&run)[0].2.contains("404"), "{:?}", outcomes(&run)[0]);
}

/// Every kind of assert, one that holds and one that does not.
const KINDS: &[(&str, &str)] = &[
    (r#""response":"okay""#, r#""response":"created""#),
    (r#""responseCode":"200""#, r#""responseCode":"200","operator":"notEquals""#),
    (r#""responseCode":"200,201","operator":"in""#, r#""responseCode":"200,201","operator":"notIn""#),
    (r#""responseCode":"300","operator":"lessThan""#, r#""responseCode":"300","operator":"greaterThan""#),
    (r#""resource":"Patient""#, r#""resource":"Observation""#),
    (
        r#""resource":"http://hl7.org/fhir/StructureDefinition/Patient""#,
        r#""resource":"Patient","operator":"notEquals""#,
    ),
    (r#""contentType":"json""#, r#""contentType":"xml""#),
    (
        r#""contentType":"application/fhir+json","operator":"equals""#,
        r#""contentType":"application/json","operator":"equals""#,
    ),
    (r#""contentType":"xml","operator":"notContains""#, r#""contentType":"json","operator":"notContains""#),
    (
        r#""headerField":"Content-Type","operator":"notEmpty""#,
        r#""headerField":"ETag","operator":"notEmpty""#,
    ),
    (
        r#""headerField":"Content-Type","operator":"contains","value":"utf-8""#,
        r#""headerField":"Content-Type","value":"x""#,
    ),
    (
        r#""headerField":"Accept","direction":"request","operator":"contains","value":"json""#,
        r#""headerField":"Accept","direction":"request","operator":"empty""#,
    ),
    (r#""requestMethod":"get""#, r#""requestMethod":"post""#),
    (r#""requestURL":"/Patient/p1""#, r#""requestURL":"/Patient/p2""#),
    (r#""requestURL":"Patient","operator":"contains""#, r#""requestURL":"Patient","operator":"notContains""#),
    (r#""expression":"Patient.active""#, r#""expression":"Patient.active.not()""#),
    (r#""expression":"name.exists()""#, r#""expression":"contact.exists()""#),
    (
        r#""expression":"Patient.name.family","operator":"equals","value":"Zzcanary""#,
        r#""expression":"Patient.name.family","value":"Other""#,
    ),
    (
        r#""expression":"Patient.name.given.count()","operator":"greaterThan","value":"0""#,
        r#""expression":"Patient.name.given.count()","operator":"lessThan","value":"1""#,
    ),
    (
        r#""expression":"Patient.contact","operator":"empty""#,
        r#""expression":"Patient.contact","operator":"notEmpty""#,
    ),
    (
        r#""path":"fhir:Patient/fhir:name/fhir:family/@value","operator":"equals","value":"Zzcanary""#,
        r#""path":"$.meta.versionId","operator":"equals","value":"4""#,
    ),
    (
        r#""path":"$.multipleBirthInteger","operator":"lessThan","value":"3""#,
        r#""path":"$.multipleBirthInteger","operator":"greaterThan","value":"3""#,
    ),
    (
        r#""compareToSourceId":"small","compareToSourceExpression":"Patient.active","expression":"Patient.active""#,
        r#""compareToSourceId":"small","compareToSourceExpression":"Patient.active","expression":"Patient.id""#,
    ),
    (
        r#""compareToSourceId":"small","compareToSourceExpression":"Patient.active = true""#,
        r#""compareToSourceId":"small","compareToSourceExpression":"Patient.active = false""#,
    ),
    (
        r#""compareToSourceId":"small","compareToSourcePath":"Patient/active/@value","path":"Patient/active/@value""#,
        r#""compareToSourceId":"small","compareToSourcePath":"Patient/active/@value","path":"Patient/id/@value""#,
    ),
    (r#""minimumId":"small""#, r#""minimumId":"large""#),
    (r#""navigationLinks":false"#, r#""navigationLinks":true"#),
    (r#""validateProfileId":"good""#, r#""validateProfileId":"bad""#),
    (r#""resource":"Patient","sourceId":"small""#, r#""resource":"Group","sourceId":"small""#),
];

#[derive(Debug)]
struct OneGood;

impl ProfileCheck for OneGood {
    fn check(&self, resource: Node<'_>, profile: &str) -> Checked {
        assert_eq!(resource.resource_type(), Some("Patient"));
        match profile {
            "urn:good" => Checked::Conforms { warnings: Vec::new() },
            _ => Checked::Breaks { errors: vec!["Patient.name: too many".to_owned()] },
        }
    }
}

#[tokio::test]
async fn every_kind_of_assert_holds_and_fails() {
    let server = server(holder).await;
    let tests: Vec<String> = KINDS
        .iter()
        .enumerate()
        .flat_map(|(at, (holds, fails))| [(format!("{at} holds"), holds), (format!("{at} fails"), fails)])
        .map(|(name, members)| test(&name, &[read("p1"), assert(members)]))
        .collect();
    let members = format!(
        r#""profile":[{{"id":"good","reference":"urn:good"}},{{"id":"bad","reference":"urn:bad"}}],
        "fixture":[{{"id":"small","resource":{{"resourceType":"Patient","id":"x","active":true}}}},
            {{"id":"large","resource":{{"resourceType":"Patient","active":true,"gender":"male"}}}}],
        "test":[{}]"#,
        tests.join(",")
    );
    let folder = folder(&[("s.json", &script(&members))]);
    let road =
        Road::Network { systems: systems(&[&server.base], Bounds::default()), client: None, record: None };
    let run = run_on(folder.path(), road, Options::default(), Arc::new(OneGood)).await;
    for (at, (holds, fails)) in KINDS.iter().enumerate() {
        assert_eq!(
            words(&run, &format!("{at} holds")),
            "pass pass",
            "{holds}: {:?}",
            run.tests[at * 2].actions[1]
        );
        assert_eq!(
            words(&run, &format!("{at} fails")),
            "pass fail",
            "{fails}: {:?}",
            run.tests[at * 2 + 1].actions[1]
        );
    }
}

#[tokio::test]
async fn what_is_not_supported_is_an_error_and_never_a_pass() {
    let server = server(holder).await;
    for members in [
        assert(r#""validateProfileId":"good""#),
        assert(r#""extension":[{"url":"urn:unknown","valueString":"x"}]"#),
        assert(r#""response":"okay","modifierExtension":[{"url":"urn:unknown","valueString":"x"}]"#),
        assert(r#""expression":"Patient.name.frobnicate()""#),
        assert(r#""path":"{any}name.family","operator":"notEmpty""#),
        assert(r#""response":"okay","operator":"resembles""#),
    ] {
        let tests = test("t", &[read("p1"), members.clone()]);
        let run =
            run(&format!(r#""profile":[{{"id":"good","reference":"urn:good"}}],"test":[{tests}]"#), &server)
                .await;
        assert_eq!(words(&run, "t"), "pass error", "{members}");
        assert!(outcomes(&run)[1].2.starts_with("unsupported: "), "{members}: {}", outcomes(&run)[1].2);
        assert_eq!(alone(run).verdict(), Verdict::Error);
    }
}

#[tokio::test]
async fn variables_and_fixtures_are_filled_where_they_are_used() {
    let server = server(holder).await;
    let members = r#""variable":[{"name":"id","sourceId":"made","expression":"Patient.id"},
            {"name":"version","sourceId":"made","path":"$.meta.versionId"},{"name":"place","sourceId":"made","headerField":"Location"},
            {"name":"later","defaultValue":"${name}-${name}"},{"name":"name","defaultValue":"n"},{"name":"user","defaultValue":"no"},
            {"name":"stable","defaultValue":"${UUID}"}],
        "fixture":[{"id":"new","resource":{"resourceType":"Patient","name":[{"family":"${later}"}]}}],
        "test":[{"name":"t","action":[
            {"operation":{"type":{"code":"create"},"sourceId":"new","responseId":"made","requestHeader":[{"field":"X-A","value":"${stable}"}]}},
            {"operation":{"type":{"code":"read"},"targetId":"made","requestHeader":[{"field":"X-A","value":"${stable}"},{"field":"X-B","value":"${UUID}"}]}},
            {"operation":{"type":{"code":"vread"},"targetId":"made"}}, {"assert":{"response":"notFound"}},
            {"operation":{"type":{"code":"update"},"sourceId":"new"}},
            {"operation":{"url":"${place}?v=${version}&u=${user}"}}, {"assert":{"response":"notFound"}},
            {"operation":{"type":{"code":"delete"},"targetId":"new"}}]}]"#;
    let folder = folder(&[("s.json", &script(members))]);
    let options = Options { variables: vec![("user".to_owned(), "a b".to_owned())], ..Options::default() };
    let run = run_in(folder.path(), &[&server.base], options).await;
    assert_eq!(run.outcome, Outcome::Pass, "{:?}", outcomes(&run));
    assert_eq!(
        server.lines(),
        [
            "POST /Patient",
            "GET /Patient/p1",
            "GET /Patient/p1/_history/3",
            "PUT /Patient/p1",
            "GET /Patient/p1/_history/3?v=3&u=a%20b",
            "DELETE /Patient/p1"
        ]
    );
    let asked = server.asked();
    assert!(asked[0].body.contains("\"family\":\"n-n\""), "{}", asked[0].body);
    assert!(asked[3].body.contains("\"id\":\"p1\""), "{}", asked[3].body);
    assert_eq!(asked[0].header("x-a"), asked[1].header("x-a"));
    assert_ne!(asked[1].header("x-a"), asked[1].header("x-b"));
    assert_eq!(asked[0].header("content-type"), Some("application/fhir+json"));
}

#[tokio::test]
async fn names_without_a_value_are_told() {
    let server = server(holder).await;
    for (variable, expected) in [
        ("{}", "nothing gives v a value"),
        (r#"{"name":"v"}"#, "--variable v=VALUE"),
        (r#"{"name":"v","defaultValue":"${v}"}"#, "stands for itself"),
        (r#"{"name":"v","sourceId":"x","path":"id"}"#, "which nothing has filled"),
        (r#"{"name":"v","path":"id"}"#, "there is none"),
    ] {
        let members = format!(r#""variable":[{variable}],"test":[{}]"#, test("t", &[read("${v}")]));
        let run = run(&members, &server).await;
        let (_, outcome, message) = outcomes(&run).remove(0);
        assert_eq!(outcome, Outcome::Error);
        assert!(message.contains(expected), "{variable}: {message}");
    }
    assert!(server.lines().is_empty());
}

#[expect(clippy::disallowed_methods, reason = "a test reads our own report")]
fn parse(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[tokio::test]
async fn reports_agree_and_tell_nothing_of_the_record() {
    let server = server(holder).await;
    let secret = r#"{"operation":{"type":{"code":"read"},"resource":"Patient","params":"/p1","requestHeader":[{"field":"Authorization","value":"Bearer zz-token"}]}}"#;
    let tests = [
        test(
            "value",
            &[
                secret.to_owned(),
                assert(r#""expression":"Patient.name.family","value":"Other","stopTestOnFail":false"#),
                assert(r#""minimumId":"least","stopTestOnFail":false"#),
                assert(r#""headerField":"Authorization","direction":"request","value":"Bearer zz-other""#),
            ],
        ),
        test("warned", &[read("p1"), assert(r#""response":"gone","warningOnly":true"#)]),
        test("empty <&\\u0001>", &[]),
    ];
    let members = format!(
        r#""fixture":[{{"id":"least","resource":{{"resourceType":"Patient","name":[{{"family":"Another"}}]}}}}],"test":[{}]"#,
        tests.join(",")
    );
    let folder = folder(&[("s.json", &script(&members))]);
    let hidden = alone(run_in(folder.path(), &[&server.base], Options::default()).await);
    let options = Options { telling: Telling::Values, ..Options::default() };
    let shown = alone(run_in(folder.path(), &[&server.base], options).await);
    let told = [
        report::junit(&hidden, &server.base),
        report::json(&hidden),
        report::testreport(&hidden, &server.base),
        report::terminal(&hidden),
    ];
    for text in told {
        assert!(!text.contains("Zzcanary") && !text.contains("zz-"), "{text}");
    }
    let told = report::json(&shown);
    assert!(told.contains("Zzcanary") && !told.contains("zz-"), "{told}");
    let json = parse(&report::json(&hidden));
    assert_eq!((&json["verdict"], &json["exit"]), (&Value::from("fail"), &Value::from(1)));
    let junit = report::junit(&hidden, &server.base);
    assert_eq!((junit.matches("<failure ").count(), junit.matches("<testcase ").count()), (1, 3));
    assert!(!junit.contains('\u{1}'));
    let report = parse(&report::testreport(&hidden, &server.base));
    assert_eq!(report["result"], "fail");
    assert_eq!(report["testScript"]["reference"], "urn:s");
    assert_eq!(report["test"][0]["action"][1]["assert"]["result"], "fail");
    assert_eq!(report["test"][1]["action"][1]["assert"]["result"], "warning");
}

#[tokio::test]
async fn profiles_are_unsupported_where_nobody_knows_them() {
    let server = server(holder).await;
    let members = format!(
        r#""profile":[{{"id":"good","reference":"urn:good"}}],"test":[{}]"#,
        test("t", &[read("p1"), assert(r#""validateProfileId":"good""#)])
    );
    let folder = folder(&[("s.json", &script(&members))]);
    let road =
        Road::Network { systems: systems(&[&server.base], Bounds::default()), client: None, record: None };
    let run = run_on(folder.path(), road, Options::default(), Arc::new(NoProfiles)).await;
    assert_eq!(run.unsupported().len(), 1);
}

// One worker begins with the task that was made last.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn one_at_a_time_scripts_run_in_the_order_of_their_files() {
    let server = server(holder).await;
    let names: Vec<String> = (10..40).map(|number| format!("{number}.json")).collect();
    let texts: Vec<String> = (10..40)
        .map(|number| script(&format!(r#""test":[{}]"#, test("t", &[read(&number.to_string())]))))
        .collect();
    let files: Vec<(&str, &str)> =
        names.iter().zip(&texts).map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let folder = folder(&files);
    let library = Library::open(folder.path(), &[]).unwrap();
    let scripts = library.files().iter().map(|file| library.load(file).unwrap()).collect();
    let road =
        Road::Network { systems: systems(&[&server.base], Bounds::default()), client: None, record: None };
    let runner = Arc::new(Runner::new(library, road, Options::default(), Arc::new(NoProfiles)));
    let run = tokio::spawn(async move { runner.run_all(scripts, 1).await }).await.unwrap();
    assert_eq!(run.scripts.len(), 30);
    let wanted: Vec<String> = (10..40).map(|number| format!("GET /Patient/{number}")).collect();
    let asked: Vec<String> = server.lines().into_iter().filter(|line| line.contains("Patient")).collect();
    assert_eq!(asked, wanted);
}
