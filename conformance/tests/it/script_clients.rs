//! A client under test is waited for, its request is passed on and judged; recorded exchanges are judged again.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use conformance::script::{
    Bounds, Clients, Interceptor, Library, NoProfiles, Options, Outcome, Recording, Road, Runner, ScriptRun,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::script_support::{folder, outcomes, run_on, said, script, server, systems, words};

const CLIENT: &str = r#""origin":[{"index":1,"profile":{"code":"FHIR-Client"},
        "extension":[{"url":"http://fhir.interoplab.eu/fhir/StructureDefinition/Interoplab-CL-ext-SUT","valueBoolean":true}]}],
    "destination":[{"index":1,"profile":{"code":"FHIR-Server"}}],
    "test":[{"name":"t","action":[
        {"operation":{"type":{"code":"search"},"resource":"Patient","params":"?family=x","origin":1,"destination":1}},
        {"assert":{"direction":"request","requestMethod":"get"}},
        {"assert":{"direction":"request","requestURL":"family=x","operator":"contains"}},
        {"assert":{"direction":"request","headerField":"Authorization","value":"Bearer t"}},
        {"assert":{"direction":"request","extension":[{"url":"http://fhir.interoplab.eu/fhir/StructureDefinition/Interoplab-CL-ext-assert-query-parameter","valueString":"patient"},
            {"url":"http://fhir.interoplab.eu/fhir/StructureDefinition/Interoplab-CL-ext-assert-additional-operators","valueCode":"notExists"}]}},
        {"assert":{"resource":"Bundle"}}]}]"#;

async fn send(to: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(to).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer t\r\nconnection: close\r\n\r\n")
}

const FREE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

async fn waited(requests: &[&str]) -> (ScriptRun, Vec<String>, Vec<String>) {
    let upstream = server(|asked| match asked.line.as_str() {
        "GET /metadata" => said(200, r#"{"resourceType":"CapabilityStatement"}"#),
        _ => said(200, r#"{"resourceType":"Bundle","type":"searchset"}"#),
    })
    .await;
    let client = Arc::new(Interceptor::listen(FREE, Duration::from_millis(1500)).await.unwrap());
    let road = Road::Network {
        systems: systems(&[&upstream.base], Bounds::default()),
        client: Some(Arc::clone(&client)),
        record: None,
    };
    let folder = folder(&[("s.json", &script(CLIENT))]);
    let running = run_on(folder.path(), road, Options::default(), Arc::new(NoProfiles));
    let sending = async {
        let mut answers = Vec::new();
        for request in requests {
            answers.push(send(client.address(), &get(request)).await);
        }
        answers
    };
    let (run, answers) = tokio::join!(running, sending);
    (run, answers, upstream.lines())
}

#[tokio::test]
async fn what_the_client_sends_is_passed_on_and_judged() {
    let (run, answers, asked) = waited(&["/metadata", "/Patient?family=x"]).await;
    assert_eq!(words(&run, "t"), "pass pass pass pass pass pass", "{:?}", outcomes(&run));
    assert_eq!(asked, ["GET /metadata", "GET /Patient?family=x"]);
    assert!(answers[0].contains("CapabilityStatement") && answers[1].contains("searchset"), "{answers:?}");
    let (run, _, _) = waited(&["/Patient?family=y&patient=1"]).await;
    assert_eq!(words(&run, "t"), "pass pass fail skip skip skip");
}

#[tokio::test]
async fn a_client_that_does_not_come_is_an_error_in_time() {
    let (run, _, asked) = waited(&[]).await;
    assert_eq!(words(&run, "t"), "error skip skip skip skip skip");
    assert!(outcomes(&run)[0].2.contains("in time"));
    assert!(asked.is_empty());
}

#[tokio::test]
async fn without_a_place_to_wait_at_a_clients_test_is_an_error() {
    let upstream = server(|_| said(200, r#"{"resourceType":"Bundle","type":"searchset"}"#)).await;
    let folder = folder(&[("s.json", &script(CLIENT))]);
    let road = |base: &str| Road::Network {
        systems: systems(&[base], Bounds::default()),
        client: None,
        record: None,
    };
    let run = run_on(folder.path(), road(&upstream.base), Options::default(), Arc::new(NoProfiles)).await;
    assert!(outcomes(&run)[0].2.contains("--intercept"), "{:?}", outcomes(&run));
    assert!(upstream.lines().is_empty());
    let options = Options { clients: Clients::Played, ..Options::default() };
    let run = run_on(folder.path(), road(&upstream.base), options, Arc::new(NoProfiles)).await;
    assert_eq!(upstream.lines(), ["GET /Patient?family=x"]);
    assert_eq!(words(&run, "t"), "pass pass pass fail skip skip");
}

#[tokio::test]
async fn a_recording_is_judged_like_the_run_that_made_it() {
    let upstream = server(|asked| match asked.line.as_str() {
        "GET /Patient/p1" => said(200, r#"{"resourceType":"Patient","id":"p1","active":true}"#),
        _ => said(404, r#"{"resourceType":"OperationOutcome"}"#),
    })
    .await;
    let read = |id: &str| {
        format!(r#"{{"operation":{{"type":{{"code":"read"}},"resource":"Patient","params":"/{id}"}}}}"#)
    };
    let members = format!(
        r#""test":[{{"name":"a","action":[{},{{"assert":{{"expression":"Patient.active"}}}}]}},
        {{"name":"b","action":[{},{{"assert":{{"response":"okay"}}}}]}}]"#,
        read("p1"),
        read("p2")
    );
    let folder = folder(&[("s.json", &script(&members))]);
    let record = Arc::new(Recording::new(&upstream.base));
    let road = Road::Network {
        systems: systems(&[&upstream.base], Bounds::default()),
        client: None,
        record: Some(Arc::clone(&record)),
    };
    let live = run_on(folder.path(), road, Options::default(), Arc::new(NoProfiles)).await;
    assert_eq!(record.len(), 2);
    let file = folder.path().join("h.har");
    std::fs::write(&file, record.archive()).unwrap();
    let asked = upstream.lines().len();
    let again = Recording::read(&file, &upstream.base).unwrap();
    let library = Library::open(folder.path(), &[]).unwrap();
    let script = library.load(&folder.path().join("s.json")).unwrap();
    let runner = Runner::new(library, Road::Recorded(again), Options::default(), Arc::new(NoProfiles));
    let replayed = runner.run(&script).await;
    assert_eq!(outcomes(&replayed), outcomes(&live));
    assert_eq!(live.outcome, Outcome::Fail);
    // Everything recorded was taken: what is asked once more is not there.
    let once_more = runner.run(&script).await;
    assert_eq!(once_more.outcome, Outcome::Error);
    assert_eq!(upstream.lines().len(), asked);
    std::fs::write(&file, "{\"log\":{\"entries\":[{}]}}").unwrap();
    assert!(Recording::read(&file, &upstream.base).is_err());
}

/// A test of a client as Asbestos has them: nothing is asked for, and what the client sent is judged, by a module too.
const JUDGED: &str = r#""fixture":[{"id":"sent","extension":[{"url":"urn:subFixture","extension":[
        {"url":"urn:fhirPath","valueString":"Bundle.entry.resource.ofType(Patient)"},{"url":"urn:sourceId","valueString":"request"}]}]}],
    "test":[{"name":"t","action":[
        {"operation":{"modifierExtension":[{"url":"https://github.com/usnistgov/asbestos/wiki/TestScript-Import","extension":[
            {"url":"component","valueString":"m.json"},{"url":"urn:fixture-in","valueString":"sent"}]}]}},
        {"assert":{"compareToSourceId":"request","compareToSourceExpression":"Bundle.entry.count() = 1"}},
        {"assert":{"sourceId":"response","response":"okay"}}]}]"#;

const LOOKS: &str = r#"{"resourceType":"TestScript","name":"M","status":"active",
    "modifierExtension":[{"url":"urn:module","extension":[{"url":"urn:fixture-in","valueString":"it"}]}],
    "test":[{"name":"m","action":[{"assert":{"sourceId":"it","expression":"Patient.active"}}]}]}"#;

async fn judged(client: Option<Arc<Interceptor>>, options: Options) -> ScriptRun {
    let upstream = server(|_| said(200, r#"{"resourceType":"Bundle","type":"transaction-response"}"#)).await;
    let road = Road::Network { systems: systems(&[&upstream.base], Bounds::default()), client, record: None };
    let folder = folder(&[("s.json", &script(JUDGED)), ("m.json", LOOKS)]);
    run_on(folder.path(), road, options, Arc::new(NoProfiles)).await
}

#[tokio::test]
async fn a_script_that_asks_for_nothing_judges_what_a_client_sends() {
    let body = r#"{"resourceType":"Bundle","type":"transaction","entry":[{"resource":{"resourceType":"Patient","active":true}}]}"#;
    let post = format!(
        "POST / HTTP/1.1\r\nhost: x\r\ncontent-type: application/fhir+json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    // Whoever plays clients by what scripts say they send cannot play this one: nothing says it.
    for clients in [Clients::Waited, Clients::Played] {
        let client = Arc::new(Interceptor::listen(FREE, Duration::from_millis(1500)).await.unwrap());
        let options = Options { clients, ..Options::default() };
        let (run, answer) =
            tokio::join!(judged(Some(Arc::clone(&client)), options), send(client.address(), &post));
        assert_eq!(words(&run, "t"), "pass pass pass", "{:?}", outcomes(&run));
        assert_eq!(run.answered, 1);
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    let alone = judged(None, Options::default()).await;
    assert_eq!(alone.outcome, Outcome::Error);
    assert!(alone.message.contains("--intercept"), "{}", alone.message);
}
