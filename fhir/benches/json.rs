//! How fast JSON is checked and indexed, and turned into XML and back, and how long the tables take to load.
//!
//! ```text
//! cargo bench -p fhir --bench json
//! ```
//! Best of many rounds by the time of day, in MB/s of input (10^6 bytes), beside `serde_json`'s scan that keeps nothing
//! (`IgnoredAny`) and sees no duplicate names; XML in MB/s of what goes in.

#![expect(clippy::print_stdout, reason = "a bench prints")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use bytes::Bytes;
use fhir::json::{Limits, parse};
use fhir::tables::resource_types;

fn main() {
    let start = Instant::now();
    let types = resource_types().count();
    println!("tables of {types} resource types loaded in {:.1} ms", start.elapsed().as_secs_f64() * 1e3);

    let compact = searchset(2_000);
    let value: serde_json::Value = compact.parse().unwrap_or_default();
    let indented = serde_json::to_string_pretty(&value).unwrap_or_default();
    println!("{:<18} {:>9} {:>11} {:>11}", "", "bytes", "index", "scan");
    for (name, text) in [("compact", compact), ("indented", indented)] {
        let body = Bytes::from(text.into_bytes());
        let rate = |time: Duration| body.len() as f64 / 1e6 / time.as_secs_f64();
        let index = rate(best(|| parse(black_box(body.clone()), &Limits::default()).is_ok()));
        let scan = rate(best(|| {
            #[expect(clippy::disallowed_methods, reason = "a limit to compare with")]
            let scanned = serde_json::from_slice::<serde::de::IgnoredAny>(black_box(&body));
            scanned.is_ok()
        }));
        println!("{name:<18} {:>9} {index:>6.0} MB/s {scan:>6.0} MB/s", body.len());
    }
    xml();
}

/// A Bundle of some 100 KB as XML, both ways.
fn xml() {
    let Ok(json) = parse(Bytes::from(searchset(190).into_bytes()), &Limits::default()) else { return };
    let limits = fhir::xml::Limits::default();
    let Ok(xml) = fhir::xml::from_json(json.root(), &limits) else { return };
    let rate = |bytes: usize, time: Duration| bytes as f64 / 1e6 / time.as_secs_f64();
    let write = best(|| fhir::xml::from_json(black_box(json.root()), &limits).is_ok());
    let read = best(|| fhir::xml::to_json(black_box(&xml), &limits).is_ok());
    println!("{:<18} {:>9} {:>6.0} MB/s", "json to xml", json.bytes_len(), rate(json.bytes_len(), write));
    println!("{:<18} {:>9} {:>6.0} MB/s", "xml to json", xml.len(), rate(xml.len(), read));
}

/// The shortest of many runs, each of which must succeed.
fn best(mut run: impl FnMut() -> bool) -> Duration {
    let until = Instant::now() + Duration::from_secs(2);
    let mut best = Duration::MAX;
    while Instant::now() < until {
        let start = Instant::now();
        let succeeded = black_box(run());
        best = best.min(start.elapsed());
        assert!(succeeded, "the text must be read");
    }
    best
}

/// A Bundle of `count` invented Observations.
fn searchset(count: usize) -> String {
    let entries: Vec<_> = (0..count)
        .map(|number| {
            format!(
                concat!(
                    r#"{{"fullUrl":"https://ehr.example/fhir/Observation/o{0}","resource":{{"resourceType":"Observation","id":"o{0}","status":"final","#,
                    r#""category":[{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"vital-signs"}}]}}],"#,
                    r#""code":{{"coding":[{{"system":"http://loinc.org","code":"29463-7","display":"Body weight"}}],"text":"Weight"}},"#,
                    r#""subject":{{"reference":"Patient/p{0}"}},"effectiveDateTime":"2026-02-03T04:05:06Z","#,
                    r#""valueQuantity":{{"value":71.50,"unit":"kg","system":"http://unitsofmeasure.org","code":"kg"}}}}}}"#,
                ),
                number
            )
        })
        .collect();
    format!(r#"{{"resourceType":"Bundle","type":"searchset","entry":[{}]}}"#, entries.join(","))
}
