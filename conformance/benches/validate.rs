//! How fast resources are held to their definitions, and how long the definitions take to load.
//!
//! ```text
//! cargo bench -p conformance --bench validate
//! ```
//! Best of many rounds by the time of day. Warm: the definitions in question were asked for before. The tree is read
//! already; reading it is told beside.

#![expect(clippy::print_stdout, reason = "a bench prints")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use conformance::definitions::Definitions;
use conformance::tree::{Limits, Tree};
use conformance::validate::{is_invalid, validate};

fn main() {
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
        let warm = best(|| !is_invalid(&validate(black_box(&tree), &definitions, &[])));
        println!(
            "{name:<16} {:>8} bytes  cold {:>9.1} us  read {:>8.1} us  warm {:>8.1} us  {} findings",
            text.len(),
            cold.as_secs_f64() * 1e6,
            read.as_secs_f64() * 1e6,
            warm.as_secs_f64() * 1e6,
            found.len()
        );
    }
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
