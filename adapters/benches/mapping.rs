//! Rows a second of Client Level Data into Bundles with Provenance and losses, on one core: by the ready mapping, by
//! code written for this file alone over `serde_json::Value`, and by a Python script of the same kind where there is a
//! Python. Rounds alternate, and the medians are compared. The others write no Provenance, no losses, and check
//! nothing.
//!
//! ```text
//! cargo bench -p adapters --bench mapping
//! ```

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::Instant;

use adapters::Context;
use adapters::mapping::social::Ready;
use adapters::mapping::{Mapping, Origin};
use serde_json::json;

type Failure = Box<dyn std::error::Error + Send + Sync>;

const ROWS: usize = 100_000;
const ROUNDS: usize = 5;

/// What somebody would write in an afternoon.
const SCRIPT: &str = r#"
import csv, json, sys
def day(text):
    return "-".join(reversed(text.split("/"))) if text else None
out = sys.stdout
for row in csv.DictReader(sys.stdin):
    person = {"resourceType": "Patient", "id": row["LA Person Unique Identifier"],
        "identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": row["NHS Number"]},
                       {"system": "urn:id:local", "value": row["LA Person Unique Identifier"]}],
        "gender": row["Gender"].lower(), "birthDate": day(row["Date of Birth"]),
        "address": [{"postalCode": row["Postcode"]}]}
    plan = {"resourceType": "CarePlan", "status": "active", "intent": "order",
        "subject": {"reference": row["LA Person Unique Identifier"]},
        "category": [{"coding": [{"system": "urn:id:event", "code": row["Event Type"]}]}],
        "period": {"start": day(row["Event Start Date"]), "end": day(row["Event End Date"])},
        "activity": [{"detail": {"code": {"coding": [{"code": row["Service Type"]}]}}}]}
    out.write(json.dumps({"resourceType": "Bundle", "type": "collection",
        "entry": [{"resource": person}, {"resource": plan}]}))
    out.write("\n")
"#;

fn main() -> Result<(), Failure> {
    // `cargo test` runs benches with this flag: there is nothing to test here.
    if std::env::args().any(|argument| argument == "--test") {
        return Ok(());
    }
    let file = file()?;
    let mapping = Ready::named("client-level-data").ok_or("no such mapping")?.load()?;
    let mut rounds: [Vec<f64>; 3] = Default::default();
    for _ in 0..ROUNDS {
        for (rates, seconds) in rounds.iter_mut().zip([
            ours(&mapping, file.as_bytes())?,
            by_hand(&file)?,
            python(file.as_bytes()).unwrap_or(f64::NAN),
        ]) {
            rates.push(ROWS as f64 / seconds);
        }
    }
    let [ours, hand, python] = rounds.map(median);
    let mut out = std::io::stdout().lock();
    writeln!(out, "{ROWS} rows of {} MB", file.len() / 1_000_000)?;
    writeln!(out, "mapping          {ours:9.0} rows/s")?;
    writeln!(out, "written by hand  {hand:9.0} rows/s   ratio {:.2}", ours / hand)?;
    if python.is_nan() {
        writeln!(out, "python: not here")?;
    } else {
        writeln!(out, "python           {python:9.0} rows/s   ratio {:.2}", ours / python)?;
    }
    Ok(())
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates.get(rates.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Services of invented people.
fn file() -> Result<String, Failure> {
    let mut file = String::from(
        "LA Code,Reporting Period Start Date,Reporting Period End Date,LA Person Unique Identifier,NHS Number,\
         GP Practice Code,Gender,Ethnicity,Date of Birth,Date of Death,Client Type,Primary Support Reason,Postcode,\
         Event Type,Event Start Date,Event End Date,Event Description,Event Outcome,Service Type,Service Component,\
         Delivery Mechanism,Planned Units Per Week\n",
    );
    for row in 0..ROWS {
        writeln!(
            file,
            "999,01/04/2025,31/03/2026,LA{row:06},9990001006,A81001,Female,A,{:02}/11/1938,,Service User,\
             Physical Support: Access & mobility only,NE30 4AA,Service,01/06/2025,{:02}/07/2025,,NFA,\
             Long Term Support: Community,Home Support,CASSR Managed Personal Budget,10.5",
            row % 28 + 1,
            row % 27 + 1
        )?;
    }
    Ok(file)
}

fn ours(mapping: &Mapping, file: &[u8]) -> Result<f64, Failure> {
    let context = Context::new("council", None, "Europe/London")?;
    let origin = Origin::new("bench.csv", "2026-03-04T16:15:00Z".parse()?);
    let from = Spent::now();
    let mut bytes = 0;
    for record in mapping.records(file, &context, &origin)? {
        bytes += record?.bundle.len();
    }
    std::hint::black_box(bytes);
    Ok(from.seconds())
}

fn by_hand(file: &str) -> Result<f64, Failure> {
    let from = Spent::now();
    let mut bytes = 0;
    for line in file.lines().skip(1) {
        let cells: Vec<&str> = line.split(',').collect();
        let cell = |at: usize| cells.get(at).copied().unwrap_or_default();
        let day = |at: usize| cell(at).split('/').rev().collect::<Vec<_>>().join("-");
        let person = json!({
            "resourceType": "Patient", "id": cell(3),
            "identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": cell(4)},
                           {"system": "urn:id:local", "value": cell(3)}],
            "gender": cell(6).to_lowercase(), "birthDate": day(8), "address": [{"postalCode": cell(12)}],
        });
        let plan = json!({
            "resourceType": "CarePlan", "status": "active", "intent": "order", "subject": {"reference": cell(3)},
            "category": [{"coding": [{"system": "urn:id:event", "code": cell(13)}]}],
            "period": {"start": day(14), "end": day(15)},
            "activity": [{"detail": {"code": {"coding": [{"code": cell(18)}]}}}],
        });
        let bundle = json!({
            "resourceType": "Bundle", "type": "collection", "entry": [{"resource": person}, {"resource": plan}],
        });
        bytes += serde_json::to_vec(&bundle)?.len();
    }
    std::hint::black_box(bytes);
    Ok(from.seconds())
}

/// Time on a core, where the system tells it: what else runs on the machine does not count. Else time on the wall.
struct Spent {
    wall: Instant,
    core: Option<f64>,
    read: fn() -> Option<f64>,
}

impl Spent {
    fn now() -> Self {
        Self::by(|| {
            let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
            Some(text.split(' ').next()?.parse::<f64>().ok()? / 1e9)
        })
    }

    fn of_children() -> Self {
        Self::by(|| {
            let text = std::fs::read_to_string("/proc/self/stat").ok()?;
            let fields: Vec<&str> = text.rsplit(')').next()?.split_whitespace().collect();
            let ticks = fields.get(13)?.parse::<f64>().ok()? + fields.get(14)?.parse::<f64>().ok()?;
            Some(ticks / 100.0)
        })
    }

    fn by(read: fn() -> Option<f64>) -> Self {
        Self { wall: Instant::now(), core: read(), read }
    }

    fn seconds(&self) -> f64 {
        match (self.core, (self.read)()) {
            (Some(from), Some(to)) => to - from,
            _ => self.wall.elapsed().as_secs_f64(),
        }
    }
}

fn python(file: &[u8]) -> Option<f64> {
    let from = Spent::of_children();
    let mut child = Command::new("python3")
        .args(["-c", SCRIPT])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    child.stdin.take()?.write_all(file).ok()?;
    child.wait().ok()?.success().then(|| from.seconds())
}
