//! What the makers of other engines added to TestScript means here what it means there.

use std::sync::Arc;

use conformance::script::{Bounds, Library, NoProfiles, Options, Outcome, Road, Runner};

use crate::script_life::{assert, holder, read, test};
use crate::script_support::{
    Asked, Said, folder, outcomes, run, run_in, said, script, server, systems, words,
};

#[tokio::test]
async fn extensions_of_other_engines_mean_what_they_mean_there() {
    let server = server(holder).await;
    let group = |code: &str| {
        assert(&format!(
            r#""extension":[{{"url":"http://ignixa.io/testscript/assertionAnyOfGroup","valueString":"g"}}],"responseCode":"{code}","warningOnly":true"#
        ))
    };
    let parametrized = r#"{"name":"many","extension":[{"url":"http://ignixa.io/testscript/parametrize","extension":[
        {"url":"variable","valueString":"v"},{"url":"values","valueString":"p1,nobody"}]}],"action":[
        {"operation":{"type":{"code":"read"},"resource":"Patient","params":"/${v}"}},{"assert":{"response":"okay"}}]}"#;
    let gated = |expression: &str| {
        format!(
            r#"{{"name":"gated {expression}","extension":[{{"url":"http://ignixa.io/testscript/requiresCapability","valueString":"{expression}"}}],"action":[{}]}}"#,
            read("p1")
        )
    };
    let versioned = format!(
        r#"{{"name":"r5","extension":[{{"url":"http://ignixa.io/testscript/fhirVersions","valueString":"5.0"}}],"action":[{}]}}"#,
        read("p1")
    );
    let conditional = format!(
        r#"{{"name":"conditional","action":[{},{{"modifierExtension":[{{"url":"https://github.com/usnistgov/asbestos/wiki/TestScript-Conditional"}}],"assert":{{"expression":"Patient.active","operator":"equals","value":"false"}}}},{}]}}"#,
        read("p1"),
        read("nobody")
    );
    let tests = [
        test("any", &[read("p1"), group("404"), group("200")]),
        test("none", &[read("p1"), group("404"), group("410")]),
        parametrized.to_owned(),
        gated("rest.resource.where(type='Patient').exists()"),
        gated("rest.resource.where(type='Group').exists()"),
        versioned,
        conditional,
    ];
    let run = run(&format!(r#""test":[{}]"#, tests.join(",")), &server).await;
    assert_eq!(words(&run, "any"), "pass skip pass");
    assert_eq!(words(&run, "none"), "pass fail fail");
    assert_eq!(words(&run, "many (v=p1)"), "pass pass");
    assert_eq!(words(&run, "many (v=nobody)"), "pass fail");
    let of = |name: &str| run.tests.iter().find(|test| test.name.starts_with(name)).unwrap();
    assert_eq!(of("gated rest.resource.where(type='Patient')").outcome, Outcome::Pass);
    assert_eq!(of("gated rest.resource.where(type='Group')").outcome, Outcome::Skip);
    assert_eq!(of("r5").outcome, Outcome::Skip);
    assert_eq!(words(&run, "conditional"), "pass skip skip");
    assert_eq!(of("conditional").outcome, Outcome::Pass);
}

#[tokio::test]
async fn a_script_may_run_others_of_its_folder() {
    let server = server(holder).await;
    let module = r#"{"resourceType":"TestScript","name":"M","status":"active",
        "modifierExtension":[{"url":"urn:module","extension":[{"url":"urn:variable-in","valueString":"who"},
            {"url":"urn:fixture-out","valueString":"found"}]}],
        "test":[{"name":"m","action":[
            {"operation":{"type":{"code":"read"},"resource":"Patient","params":"/${who}","responseId":"found"}},
            {"assert":{"response":"okay"}}]}]}"#;
    let import = |who: &str| {
        format!(
            r#"{{"operation":{{"modifierExtension":[{{"url":"https://github.com/usnistgov/asbestos/wiki/TestScript-Import","extension":[
            {{"url":"component","valueString":"lib/m.json"}},{{"url":"urn:variable-in","valueString":"'{who}'"}},
            {{"url":"urn:fixture-out","valueString":"mine"}}]}}]}}}}"#
        )
    };
    let subtest = r#"{"assert":{"expression":"Patient.id","sourceId":"mine","extension":[
        {"url":"https://fhir-crucible.github.io/testscript-engine-ig/StructureDefinition/assert-subtest-each","extension":[
        {"url":"testName","valueString":"Sub"},{"url":"bindEachTarget","valueString":"who"}]}]}}"#;
    let sub = r#"{"resourceType":"TestScript","name":"Sub","status":"active","variable":[{"name":"who"}],"test":[{"name":"s",
        "action":[{"operation":{"type":{"code":"read"},"resource":"Patient","params":"/${who}"}},{"assert":{"resource":"Patient"}}]}]}"#;
    let tests = [
        test(
            "good",
            &[import("p1"), assert(r#""sourceId":"mine","resource":"Patient""#), subtest.to_owned()],
        ),
        test("bad", &[import("nobody"), read("p1")]),
    ];
    let text = script(&format!(r#""test":[{}]"#, tests.join(",")));
    let folder = folder(&[("s.json", &text), ("lib/m.json", module), ("sub.json", sub)]);
    let run = run_in(folder.path(), &[&server.base], Options::default()).await;
    assert_eq!(words(&run, "good"), "pass pass pass", "{:?}", outcomes(&run));
    assert_eq!(words(&run, "bad"), "fail skip");
    assert_eq!(run.tests[1].actions[0].within[0].tests[0].actions[1].outcome, Outcome::Fail);
}

#[tokio::test]
async fn what_a_module_hands_out_is_evaluated_and_stays_for_later_tests() {
    let server = server(holder).await;
    let module = r#"{"resourceType":"TestScript","name":"M","status":"active",
        "modifierExtension":[{"url":"urn:module","extension":[{"url":"urn:variable-in","valueString":"who"},
            {"url":"urn:variable-out","valueString":"last"},{"url":"urn:variable-out","valueString":"nothing"},
            {"url":"urn:variable-out","valueString":"plain"},{"url":"urn:variable-out","valueString":"own"}]}],
        "variable":[{"name":"place","defaultValue":"Patient/${who}"},{"name":"at","defaultValue":"'${place}'.indexOf('/')"},
            {"name":"last","defaultValue":"iif(${at} > -1, '${place}'.substring(${at} + 1), '')"},
            {"name":"nothing","defaultValue":"iif(${at} > 90, 'x', '')"},{"name":"plain","defaultValue":"p 1"},
            {"name":"own","defaultValue":"'module'"}],
        "test":[{"name":"m","action":[{"operation":{"type":{"code":"read"},"resource":"Patient","params":"/${who}"}}]}]}"#;
    let out = |name: &str| format!(r#"{{"url":"urn:variable-out","valueString":"{name}"}}"#);
    let import = format!(
        r#"{{"operation":{{"modifierExtension":[{{"url":"https://github.com/usnistgov/asbestos/wiki/TestScript-Import","extension":[
        {{"url":"component","valueString":"m.json"}},{{"url":"urn:variable-in","valueString":"'p1'"}},{},{},{},{}]}}]}}}}"#,
        out("id"),
        out("none"),
        out("word"),
        out("mine"),
    );
    let text = script(&format!(
        r#""variable":[{{"name":"mine","defaultValue":"caller"}}],"test":[{},{},{}]"#,
        test("first", &[import]),
        r#"{"name":"between","extension":[{"url":"http://ignixa.io/testscript/parametrize","extension":[
            {"url":"variable","valueString":"id"},{"url":"values","valueString":"p1,p1"}]}],"action":[]}"#,
        test(
            "later",
            &[
                read("${id}"),
                assert(r#""expression":"Patient.id","value":"${id}""#),
                assert(r#""expression":"'${none}'","value":"asbts_undefined_var""#),
                assert(r#""expression":"'${word}'","value":"p 1""#),
                assert(r#""expression":"'${mine}'","value":"caller""#),
            ]
        ),
    ));
    let folder = folder(&[("s.json", &text), ("m.json", module)]);
    let run = run_in(folder.path(), &[&server.base], Options::default()).await;
    assert_eq!(words(&run, "first"), "pass", "{:?}", run.actions());
    assert_eq!(words(&run, "later"), "pass pass pass pass pass", "{:?}", outcomes(&run));
}

#[tokio::test]
async fn an_import_may_be_named_in_a_file_of_properties_and_fixtures_loaded_by_the_toolkit() {
    let server = server(holder).await;
    let chosen = r#"{"resourceType":"TestScript","name":"C","status":"active","test":[{"name":"c","action":[
        {"operation":{"type":{"system":"https://github.com/usnistgov/asbestos/wiki/Testscript-Operation-Codes","code":"internalFtkRequest"},
            "url":"?fixtureId=f","requestHeader":[{"field":"x-internalFtkRequestCode","value":"ftkLoadFixture"}],"responseId":"f"}},
        {"assert":{"sourceId":"f","response":"okay"}},
        {"assert":{"sourceId":"f","expression":"Bundle.entry.resource.id = 'zz'"}}]}]}"#;
    let text = script(
        r##""variable":[{"name":"scriptA","defaultValue":"lib/none.json"},{"name":"scriptB","defaultValue":"lib/c.json"}],
        "test":[{"name":"t","action":[{"operation":{"modifierExtension":[{
            "url":"https://github.com/usnistgov/asbestos/wiki/TestScript-Import","extension":[
            {"url":"component","valueString":"#{script:P.properties:Which}"}]}]}}]}]"##,
    );
    let fixture = r#"{"resourceType":"Patient","id":"zz"}"#;
    let folder = folder(&[
        ("s.json", &text),
        ("lib/c.json", chosen),
        ("P.properties", "Other: A\nWhich: B\n"),
        ("Bundle/f.json", fixture),
    ]);
    let run = run_in(folder.path(), &[&server.base], Options::default()).await;
    assert_eq!(words(&run, "t"), "pass", "{:?}", run.actions());
    assert!(server.lines().is_empty());
}

#[tokio::test]
async fn a_test_may_look_at_what_an_earlier_one_was_answered() {
    let server = server(holder).await;
    let sends = r#"{"resourceType":"TestScript","name":"Sends","status":"active","test":[{"name":"m","action":[
        {"operation":{"type":{"code":"read"},"resource":"Patient","params":"/p1"}}]}]}"#;
    let first = script(
        r#""test":[{"name":"t","action":[{"operation":{"modifierExtension":[{
            "url":"https://github.com/usnistgov/asbestos/wiki/TestScript-Import","extension":[
            {"url":"component","valueString":"../sends.json"}]}]}}]}]"#,
    );
    let later = script(
        r#""test":[{"name":"t","action":[{"operation":{"type":{"system":"https://github.com/usnistgov/asbestos/wiki/Testscript-Operation-Codes",
            "code":"eventPart"},"url":"/one?module=Sends&return=responseBody","responseId":"r"}},
            {"assert":{"sourceId":"r","expression":"Patient.id = 'p1'"}}]}]"#,
    );
    let folder = folder(&[("one/s.json", &first), ("two/s.json", &later), ("sends.json", sends)]);
    let library = Library::open(folder.path(), &[]).unwrap();
    let load = |name: &str| library.load(&folder.path().join(name)).unwrap();
    let road =
        Road::Network { systems: systems(&[&server.base], Bounds::default()), client: None, record: None };
    let runner = Runner::new(library.clone(), road, Options::default(), Arc::new(NoProfiles));
    assert_eq!(runner.run(&load("two/s.json")).await.outcome, Outcome::Error);
    assert_eq!(runner.run(&load("one/s.json")).await.outcome, Outcome::Pass);
    assert_eq!(runner.run(&load("two/s.json")).await.outcome, Outcome::Pass);
}

#[tokio::test]
async fn an_expression_that_says_it_is_a_path_is_one() {
    let server = server(holder).await;
    let members = format!(
        r#""variable":[{{"name":"id","expression":{{"language":"application/xml","expression":"Patient/id"}}}}],"test":[{}]"#,
        test(
            "t",
            &[
                read("p1"),
                read("${id}"),
                assert(r#""expression":{"language":"text/fhirpath","expression":"Patient.active"}"#)
            ]
        )
    );
    let run = run(&members, &server).await;
    assert_eq!(words(&run, "t"), "pass pass pass", "{:?}", outcomes(&run));
}

const PAGES: &str =
    "http://touchstone.aegis.net/touchstone/fhir/testing/StructureDefinition/testscript-operation-pagesNext";

/// Four pages of one entry each, linked as `link` says.
fn paged(asked: &Asked, link: &str) -> Said {
    let at = asked.line.rsplit_once("at=").map_or("0", |(_, at)| at);
    let next = at.parse::<usize>().unwrap() + 1;
    let url = match (link, next) {
        (_, 4) => String::new(),
        ("absolute", _) => format!("http://{}/fhir/Patient?at={next}", asked.header("host").unwrap()),
        ("relative", _) => format!("Patient?at={next}"),
        ("query", _) => format!("?at={next}"),
        ("circle", _) => "Patient?at=1".to_owned(),
        ("foreign", _) => "http://192.0.2.1/Patient?at=1".to_owned(),
        _ => "Patient?at=gone".to_owned(),
    };
    let links = if url.is_empty() {
        String::new()
    } else {
        format!(r#""link":[{{"relation":"self","url":"x"}},{{"relation":"next","url":"{url}"}}],"#)
    };
    said(
        200,
        &format!(
            r#"{{"resourceType":"Bundle","type":"searchset",{links}"total":4,"entry":[{{"resource":{{"resourceType":"Patient","id":"p{at}"}}}}]}}"#
        ),
    )
}

#[tokio::test]
async fn pages_are_read_on_as_far_as_is_wanted_and_seen_as_one() {
    for (link, wanted, expected, asked) in [
        ("absolute", 2, "3 pass", 3),
        ("relative", 9, "4 pass", 4),
        ("query", 1, "2 pass", 2),
        ("circle", 9, "- error", 2),
        ("foreign", 9, "- error", 1),
        ("gone", 9, "- fail", 2),
    ] {
        let server = server(
            move |asked: &Asked| {
                if asked.line.ends_with("gone") { said(410, "{}") } else { paged(asked, link) }
            },
        )
        .await;
        let (count, outcome) = expected.split_once(' ').unwrap();
        let search = format!(
            r#"{{"operation":{{"extension":[{{"url":"{PAGES}","valuePositiveInt":{wanted}}}],"type":{{"code":"search"}},"resource":"Patient"}}}}"#
        );
        let members = format!(
            r#""test":[{}]"#,
            test(
                "t",
                &[
                    search,
                    assert(r#""response":"okay""#),
                    assert(&format!(r#""expression":"Bundle.entry.resource.id.count()","value":"{count}""#))
                ]
            )
        );
        let run = run(&members, &server).await;
        assert_eq!(run.outcome.word(), outcome, "{link}: {:?}", outcomes(&run));
        assert_eq!(server.lines().len(), asked, "{link}");
    }
}

#[tokio::test]
async fn a_read_that_says_nothing_reads_what_was_created_last() {
    let server = server(holder).await;
    let members = |autocreate: bool| {
        format!(
            r#""fixture":[{{"id":"new","autocreate":{autocreate},"resource":{{"resourceType":"Patient","active":true}}}}],
            "test":[{}]"#,
            test(
                "t",
                &[r#"{"operation":{"type":{"code":"read"}}}"#.to_owned(), assert(r#""response":"okay""#)]
            )
        )
    };
    let with = run(&members(true), &server).await;
    assert_eq!(words(&with, "t"), "pass pass", "{:?}", outcomes(&with));
    assert_eq!(server.lines(), ["POST /Patient", "GET /Patient/p1"]);
    assert_eq!(words(&run(&members(false), &server).await, "t"), "error skip");
}

#[tokio::test]
async fn what_was_never_made_is_not_put_away() {
    let server = server(holder).await;
    let members = r#""variable":[{"name":"id","sourceId":"made","expression":"Patient.id"},
            {"name":"none","defaultValue":"${nobody}"}],
        "test":[{"name":"t","action":[{"operation":{"type":{"code":"read"},"resource":"Patient","params":"/p1"}}]}],
        "teardown":{"action":[{"operation":{"type":{"code":"delete"},"url":"Patient/${id}"}},
            {"operation":{"type":{"code":"delete"},"url":"Patient/${none}"}}]}"#;
    let run = run(members, &server).await;
    assert_eq!(words(&run, "teardown"), "skip error", "{:?}", outcomes(&run));
    assert_eq!(server.lines(), ["GET /Patient/p1"]);
}

#[tokio::test]
async fn a_system_that_is_declared_as_neither_side_is_declared() {
    let server = server(holder).await;
    let members = |index: u32| {
        format!(
            r#""testSystem":[{{"index":1,"title":"Client"}},{{"index":1,"title":"Server"}}],"destination":[{{"index":2}}],
            "test":[{{"name":"t","action":[{{"operation":{{"type":{{"code":"read"}},"resource":"Patient","params":"/p1",
                "origin":1,"destination":{index}}}}}]}}]"#
        )
    };
    assert_eq!(words(&run(&members(1), &server).await, "t"), "pass");
    let undeclared = run(&members(3), &server).await;
    assert_eq!(outcomes(&undeclared)[0].2, "the script declares no destination 3");
}
