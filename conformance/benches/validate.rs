//! How fast resources are held to their definitions, and how long the definitions take to load.
//!
//! ```text
//! cargo bench -p conformance --bench validate
//! ```
//! Best of many rounds by the time of day, and of all rounds the mean time on a processor (Linux), which other programs on the machine
//! do not lengthen. Warm: the definitions in question were asked for before. The tree is read already; reading it is told beside.
//! `-- memory` tells instead what the process holds with all packs loaded and every structure of them asked for.

#![expect(clippy::print_stdout, reason = "a bench prints")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use conformance::definitions::Definitions;
use conformance::tree::{Limits, Tree};
use conformance::validate::{is_invalid, validate};

fn main() {
    if std::env::args().any(|argument| argument == "memory") {
        return memory();
    }
    let load = best(|| Definitions::shipped().is_ok());
    println!("the packs of R4, UK Core and BALP loaded in {:.1} ms", load.as_secs_f64() * 1e3);
    let Ok(definitions) = Definitions::shipped() else { return };
    let patient = patient(1, "");
    let core = patient.clone();
    let uk = self::patient(
        1,
        r#""meta":{"profile":["https://fhir.hl7.org.uk/StructureDefinition/UKCore-Patient"]},"#,
    );
    let bundle = bundle(1_000_000 / patient.len());
    for (name, text) in [("Patient", core), ("UK Core Patient", uk), ("Bundle", bundle)] {
        let start = Instant::now();
        let Ok(tree) = Tree::read(text.as_bytes(), &Limits::default()) else { return };
        let found = validate(&tree, &definitions, &[]);
        let cold = start.elapsed();
        let read = best(|| Tree::read(black_box(text.as_bytes()), &Limits::default()).is_ok());
        let (before, mut rounds) = (on_processor(), 0_u32);
        let warm = best(|| {
            rounds += 1;
            !is_invalid(&validate(black_box(&tree), &definitions, &[]))
        });
        let mean = on_processor().zip(before).map(|(after, before)| (after - before) / rounds);
        println!(
            "{name:<16} {:>8} bytes  cold {:>9.1} us  read {:>8.1} us  warm {:>8.1} us, on a processor {:>8.1} us  {} findings",
            text.len(),
            cold.as_secs_f64() * 1e6,
            read.as_secs_f64() * 1e6,
            warm.as_secs_f64() * 1e6,
            mean.unwrap_or_default().as_secs_f64() * 1e6,
            found.len()
        );
    }
}

/// Tells what is held with all packs loaded, and when every structure, value set and code system of them was asked for.
fn memory() {
    let Ok(definitions) = Definitions::shipped() else { return };
    let tell = |what: &str| {
        if let Some((now, most)) = held() {
            println!("{what:<48} {now:>6.1} MB, at most {most:.1} MB");
        }
    };
    tell("all packs loaded");
    let urls: Vec<String> = definitions.urls().map(|(_, url)| url.to_owned()).collect();
    let mut asked = 0;
    for url in &urls {
        let shape = definitions.structure_at(url).and_then(|at| definitions.shape(at).ok());
        let set = definitions.value_set_at(url).and_then(|at| definitions.value_set(at));
        let system = definitions.code_system_at(url).and_then(|at| definitions.code_system(at));
        asked += usize::from(shape.is_some() || set.is_some() || system.is_some());
    }
    tell(&format!("{asked} definitions of {} asked for", urls.len()));
    let text = bundle(550);
    let Ok(tree) = Tree::read(text.as_bytes(), &Limits::default()) else { return };
    assert!(!is_invalid(&validate(&tree, &definitions, &[])), "the Bundle is valid");
    tell("and a Bundle of 1 MB held to them");
}

/// How long this thread was on a processor, where the system tells it.
fn on_processor() -> Option<Duration> {
    // Brought up to date when a thread gives way.
    std::thread::yield_now();
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    Some(Duration::from_nanos(told.split(' ').next()?.parse().ok()?))
}

/// What this process holds in memory, in MB: now, and at most so far.
fn held() -> Option<(f64, f64)> {
    let told = std::fs::read_to_string("/proc/self/status").ok()?;
    let of = |name: &str| {
        let line = told.lines().find(|line| line.starts_with(name))?;
        Some(line.split_whitespace().nth(1)?.parse::<f64>().ok()? / 1000.0)
    };
    Some((of("VmRSS:")?, of("VmHWM:")?))
}

/// The shortest of many runs, each of which must succeed.
fn best(mut run: impl FnMut() -> bool) -> Duration {
    let until = Instant::now() + Duration::from_secs(2);
    let mut best = Duration::MAX;
    while Instant::now() < until {
        let start = Instant::now();
        let succeeded = black_box(run());
        best = best.min(start.elapsed());
        assert!(succeeded, "a run failed");
    }
    best
}

/// A Patient of some 2 KB.
fn patient(number: usize, meta: &str) -> String {
    format!(
        r#"{{"resourceType":"Patient","id":"p{number}",{meta}"text":{{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">A person</div>"}},
"identifier":[{{"use":"official","system":"https://fhir.nhs.uk/Id/nhs-number","value":"9990000018","period":{{"start":"2001-05-06"}}}},
{{"use":"usual","type":{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/v2-0203","code":"MR"}}]}},"system":"https://trust.example/mrn","value":"{number}","assigner":{{"display":"A trust"}}}}],
"active":true,"name":[{{"use":"official","family":"Dale","given":["Ann","Jane"],"prefix":["Mrs"],"period":{{"start":"1990-01-01"}}}},
{{"use":"usual","given":["Annie"]}},{{"use":"maiden","family":"Hill","given":["Ann","Jane"],"period":{{"end":"1990"}}}}],
"telecom":[{{"use":"home"}},{{"system":"phone","value":"01632 960000","use":"work","rank":1}},{{"system":"phone","value":"01632 960001","use":"mobile","rank":2}}],
"gender":"female","birthDate":"1970-03-01","_birthDate":{{"extension":[{{"url":"http://hl7.org/fhir/StructureDefinition/patient-birthTime","valueDateTime":"1970-03-01T14:35:45Z"}}]}},
"deceasedBoolean":false,"address":[{{"use":"home","type":"both","text":"1 High Street, Leeds LS1 1AA","line":["1 High Street"],"city":"Leeds","postalCode":"LS1 1AA","period":{{"start":"1990-01-01"}}}}],
"maritalStatus":{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/v3-MaritalStatus","code":"M","display":"Married"}}]}},
"contact":[{{"relationship":[{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/v2-0131","code":"N"}}]}}],"name":{{"family":"Dale","given":["Bo"]}},
"telecom":[{{"system":"phone","value":"01632 960002"}}],"address":{{"use":"home","line":["1 High Street"],"city":"Leeds"}},"gender":"male","period":{{"start":"2012"}}}}],
"communication":[{{"language":{{"coding":[{{"system":"urn:ietf:bcp:47","code":"en-GB"}}]}},"preferred":true}}],
"generalPractitioner":[{{"reference":"Organization/1"}}],"managingOrganization":{{"reference":"Organization/1"}}}}"#
    )
}

fn bundle(count: usize) -> String {
    let entries: Vec<String> = (1..=count)
        .map(|number| {
            format!(
                r#"{{"fullUrl":"https://ehr.example/fhir/Patient/p{number}","resource":{},"search":{{"mode":"match"}}}}"#,
                patient(number, "")
            )
        })
        .collect();
    format!(
        r#"{{"resourceType":"Bundle","type":"searchset","total":{count},"entry":[{}]}}"#,
        entries.join(",")
    )
}
