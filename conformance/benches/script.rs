//! How many actions of TestScripts run in a second against a stand-in on loopback, both on one thread, and how quickly a
//! script is read, planned and checked.
//!
//! ```text
//! cargo bench -p conformance --bench script
//! ```

#![expect(clippy::print_stdout, reason = "a bench prints")]

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use conformance::script::{
    Bounds, Library, NoProfiles, Options, Outcome, Road, Runner, StandIn, Systems, lint,
};

/// Tests of the script; each reads and asserts seven times, as scripts in use do.
const TESTS: usize = 500;

/// Rounds, the best of which counts.
const ROUNDS: usize = 5;

const TEST: &str = r#"{"name":"t","action":[
    {"operation":{"type":{"code":"read"},"resource":"Patient","params":"/${id}"}},
    {"assert":{"response":"okay"}},
    {"assert":{"contentType":"json"}},
    {"assert":{"resource":"Patient"}},
    {"assert":{"headerField":"ETag","operator":"notEmpty"}},
    {"assert":{"expression":"Patient.name.where(family = 'Example').given.exists()"}},
    {"assert":{"path":"$.name[0].family","operator":"equals","value":"Example"}},
    {"assert":{"minimumId":"p"}}]}"#;

type Failure = Box<dyn std::error::Error>;

fn script() -> Result<String, Failure> {
    let mut tests = String::new();
    for at in 0..TESTS {
        write!(tests, "{}{TEST}", if at > 0 { "," } else { "" })?;
    }
    Ok(format!(
        r#"{{"resourceType":"TestScript","name":"Bench","status":"active","variable":[{{"name":"id","defaultValue":"p1"}}],
        "fixture":[{{"id":"p","resource":{{"resourceType":"Patient","id":"p1","active":true,
            "name":[{{"family":"Example","given":["Ann","Beth"]}}],"birthDate":"1970-01-01",
            "identifier":[{{"system":"urn:a","value":"1"}},{{"system":"urn:b","value":"2"}}]}}}}],"test":[{tests}]}}"#
    ))
}

async fn measured() -> Result<(), Failure> {
    let folder = std::env::temp_dir().join(format!("portcullis-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let file = folder.join("s.json");
    let text = script()?;
    std::fs::write(&file, &text)?;
    let library = Library::open(&folder, &[])?;
    let mut read = Duration::MAX;
    let mut ran = Duration::MAX;
    let mut actions = 0;
    for _ in 0..ROUNDS {
        let began = Instant::now();
        let loaded = library.load(&file)?;
        let findings = lint(&loaded, &library);
        read = read.min(began.elapsed());
        if !findings.is_empty() {
            return Err("the script is not clean".into());
        }
        actions = loaded.actions();
        let base = StandIn::serve(&library, std::slice::from_ref(&loaded)).await?;
        let systems = Systems::new(&[(1, base)], None, None, Bounds::default())?;
        let road = Road::Network { systems: Box::new(systems), client: None, record: None };
        let runner = Runner::new(library.clone(), road, Options::default(), Arc::new(NoProfiles));
        let began = Instant::now();
        let run = runner.run(&loaded).await;
        ran = ran.min(began.elapsed());
        if run.outcome != Outcome::Pass {
            return Err(format!("the script did not pass: {}", run.message).into());
        }
    }
    println!("read, planned, checked: {:.1} MB/s", text.len() as f64 / 1e6 / read.as_secs_f64());
    println!(
        "run: {:.0} actions/s ({actions} actions, one thread for both sides)",
        actions as f64 / ran.as_secs_f64()
    );
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}

fn main() -> Result<(), Failure> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(measured())
}
