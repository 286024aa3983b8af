//! Resources of invented people, made up from a seed: the ground of the checks by property.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::draw::Draw;
use super::ground::{Ground, Seed, set};
use crate::bench::Bench;
use crate::check::Otherwise;

/// What is kept of it.
pub(super) struct World(pub(super) Ground);

/// The made-up resources on this endpoint, put there by the first check that needs them.
pub(super) async fn world(bench: &Bench) -> Result<Arc<World>, Otherwise> {
    let mark = format!("w{}", bench.tag());
    bench.keep(async { Ground::lay(bench, mark, seeds(bench.sampling().seed)).await.map(World) }).await
}

const FAMILIES: [&str; 8] = ["ash", "Ashby", "birch", "Cedar", "cedric", "elm", "Élan", "holly"];
const GIVEN: [&str; 8] = ["Ada", "adam", "Bo", "Boris", "Zoë", "Noor", "noora", "Kit"];
const CITIES: [&str; 4] = ["York", "Yorkley", "Leeds", "Hull"];
const CODES: [&str; 5] = ["weight", "height", "pulse", "pain", "mood"];
const UNITS: [&str; 3] = ["kg", "Cel", "mm[Hg]"];
const UCUM: &str = "http://unitsofmeasure.org";
const PATIENTS: usize = 14;

/// All that is made up from a seed, in an order in which references lead back.
pub(super) fn seeds(seed: u64) -> Vec<Seed> {
    let mut draw = Draw::of(seed, "world");
    let mut all = Vec::new();
    let mut add = |label: String, resource: Value| all.push(Seed { label, resource });
    for at in 0..PATIENTS {
        add(format!("patient{at}"), patient(&mut draw));
    }
    for at in 0..10 {
        add(format!("encounter{at}"), encounter(&mut draw));
    }
    for at in 0..22 {
        add(format!("observation{at}"), observation(&mut draw));
    }
    for at in 0..10 {
        add(format!("condition{at}"), condition(&mut draw));
    }
    for at in 0..7 {
        add(format!("risk{at}"), risk(&mut draw));
    }
    for at in 0..7 {
        add(format!("set{at}"), value_set(&mut draw, at));
    }
    all
}

/// Puts `name` there, but for once in `often` times.
fn mostly(draw: &mut Draw, held: &mut Map<String, Value>, often: usize, name: &str, value: Value) {
    if !draw.once_in(often) {
        held.insert(name.to_owned(), value);
    }
}

fn of(resource_type: &str) -> Map<String, Value> {
    Map::from_iter([("resourceType".to_owned(), json!(resource_type))])
}

fn patient(draw: &mut Draw) -> Value {
    let mut held = of("Patient");
    let mut names = Vec::new();
    for _ in 0..=draw.below(2) {
        let given: Vec<&str> = (0..=draw.below(2)).map(|_| draw.word(&GIVEN)).collect();
        names.push(json!({"family": draw.word(&FAMILIES), "given": given}));
    }
    mostly(draw, &mut held, 9, "name", json!(names));
    let (born, gender) = (date(draw), draw.word(&["male", "female", "other", "unknown"]));
    mostly(draw, &mut held, 6, "birthDate", json!(born));
    mostly(draw, &mut held, 4, "gender", json!(gender));
    let active = draw.once_in(2);
    mostly(draw, &mut held, 3, "active", json!(active));
    let (city, district) = (draw.word(&CITIES), draw.below(3));
    mostly(draw, &mut held, 3, "address", json!([{"city": city, "postalCode": format!("{city}{district}")}]));
    let (number, kind) = (format!("0207946000{}", draw.below(6)), draw.word(&["phone", "email"]));
    mostly(draw, &mut held, 3, "telecom", json!([{"system": kind, "value": number}]));
    let mut more = json!({"value": format!("n{}", draw.below(4))});
    if !draw.once_in(3) {
        set(
            &mut more,
            "system",
            json!(format!("https://conformance.example/{}", draw.word(&["left", "right"]))),
        );
    }
    held.insert("identifier".to_owned(), json!([more]));
    Value::Object(held)
}

fn subject(draw: &mut Draw) -> Value {
    json!({"reference": format!("{{patient{}}}", draw.below(PATIENTS))})
}

fn encounter(draw: &mut Draw) -> Value {
    let mut held = of("Encounter");
    held.insert("status".to_owned(), json!(draw.word(&["planned", "in-progress", "finished", "cancelled"])));
    held.insert(
        "class".to_owned(),
        json!({"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": draw.word(&["AMB", "IMP", "EMER"])}),
    );
    held.insert("subject".to_owned(), subject(draw));
    let period = period(draw);
    mostly(draw, &mut held, 5, "period", period);
    Value::Object(held)
}

fn observation(draw: &mut Draw) -> Value {
    let mut held = of("Observation");
    held.insert("status".to_owned(), json!(draw.word(&["final", "preliminary", "amended"])));
    held.insert("code".to_owned(), concept(draw));
    held.insert("subject".to_owned(), subject(draw));
    let encounter = json!({"reference": format!("{{encounter{}}}", draw.below(10))});
    mostly(draw, &mut held, 2, "encounter", encounter);
    match draw.below(4) {
        0 => {}
        1 => drop(held.insert("effectivePeriod".to_owned(), timed_period(draw))),
        2 => drop(held.insert("effectiveDateTime".to_owned(), json!(date(draw)))),
        _ => drop(held.insert("effectiveDateTime".to_owned(), json!(instant(draw)))),
    }
    match draw.below(6) {
        0 => drop(held.insert("valueString".to_owned(), json!(draw.word(&["calm", "Calmer", "tired"])))),
        1 => drop(held.insert("valueCodeableConcept".to_owned(), concept(draw))),
        2 => {
            let parts: Vec<Value> =
                (0..2).map(|_| json!({"code": concept(draw), "valueQuantity": quantity(draw)})).collect();
            held.insert("component".to_owned(), json!(parts));
        }
        _ => drop(held.insert("valueQuantity".to_owned(), quantity(draw))),
    }
    Value::Object(held)
}

fn condition(draw: &mut Draw) -> Value {
    let mut held = of("Condition");
    let status = |system: &str, code: &str| json!({"coding": [{"system": format!("http://terminology.hl7.org/CodeSystem/{system}"), "code": code}]});
    // With no clinical status there is a verification status that says why; the definitions want it so.
    let active = status("condition-clinical", draw.word(&["active", "recurrence"]));
    held.insert("clinicalStatus".to_owned(), active);
    let verified = status("condition-ver-status", draw.word(&["confirmed", "provisional", "differential"]));
    mostly(draw, &mut held, 3, "verificationStatus", verified);
    held.insert("code".to_owned(), concept(draw));
    held.insert("subject".to_owned(), subject(draw));
    let (onset, recorded) = (date(draw), date(draw));
    mostly(draw, &mut held, 3, "onsetDateTime", json!(onset));
    mostly(draw, &mut held, 3, "recordedDate", json!(recorded));
    Value::Object(held)
}

fn risk(draw: &mut Draw) -> Value {
    let mut held = of("RiskAssessment");
    held.insert("status".to_owned(), json!(draw.word(&["final", "registered"])));
    held.insert("subject".to_owned(), subject(draw));
    let likely = number(draw.word(&["0.5", "0.25", "0.45", "0.54", "0.55", "0.1", "0.9"]));
    let prediction = json!([{"outcome": {"text": "fall"}, "probabilityDecimal": likely}]);
    mostly(draw, &mut held, 5, "prediction", prediction);
    let occurred = instant(draw);
    mostly(draw, &mut held, 3, "occurrenceDateTime", json!(occurred));
    Value::Object(held)
}

fn value_set(draw: &mut Draw, at: usize) -> Value {
    let mut held = of("ValueSet");
    let path = draw.word(&["sets", "sets/one", "sets/one/more", "sets/two", "setsquare"]);
    held.insert("url".to_owned(), json!(format!("https://conformance.example/{{mark}}/{path}/{at}")));
    held.insert("name".to_owned(), json!(format!("Set{at}")));
    held.insert("status".to_owned(), json!(draw.word(&["draft", "active", "retired"])));
    let title = draw.word(&["Signs", "signals", "Moods"]);
    mostly(draw, &mut held, 4, "title", json!(title));
    let system = "https://conformance.example/{mark}/codes";
    held.insert(
        "compose".to_owned(),
        json!({"include": [{"system": system, "concept": [{"code": "weight"}]}]}),
    );
    Value::Object(held)
}

fn concept(draw: &mut Draw) -> Value {
    let mut codings = Vec::new();
    for _ in 0..=draw.below(2) {
        let mut coding = json!({"code": draw.word(&CODES)});
        if !draw.once_in(4) {
            let system = draw.word(&["codes", "others"]);
            set(&mut coding, "system", json!(format!("https://conformance.example/{{mark}}/{system}")));
        }
        codings.push(coding);
    }
    json!({"coding": codings})
}

fn quantity(draw: &mut Draw) -> Value {
    let unit = draw.word(&UNITS);
    let value = number(draw.word(&["5", "5.4", "5.44", "5.45", "5.35", "6", "10", "54"]));
    json!({"value": value, "unit": unit, "system": UCUM, "code": unit})
}

/// A number with the digits it is written with, as far as JSON keeps them.
fn number(text: &str) -> Value {
    match (text.parse::<i64>(), text.parse::<f64>()) {
        (Ok(whole), _) => json!(whole),
        (Err(_), Ok(broken)) => json!(broken),
        (Err(_), Err(_)) => Value::Null,
    }
}

/// A date of a few years, months and days, that many fall together, to the year, the month or the day.
fn date(draw: &mut Draw) -> String {
    let (year, month) = (1999 + draw.below(3), draw.word(&["01", "02", "12"]));
    match draw.below(5) {
        0 => format!("{year}"),
        1 => format!("{year}-{month}"),
        _ => format!("{year}-{month}-{}", draw.word(&["01", "02", "15", "28"])),
    }
}

fn day(draw: &mut Draw) -> String {
    format!("{}-{}-{}", 1999 + draw.below(3), draw.word(&["01", "12"]), draw.word(&["01", "15", "31"]))
}

/// A time near and far from midnight, in zones of the east and the west.
fn instant(draw: &mut Draw) -> String {
    let (time, zone) =
        (draw.word(&["00:00:00", "12:00:00", "23:59:59", "08:30:00"]), draw.word(&["Z", "+01:00", "-05:00"]));
    format!("{}T{time}{zone}", day(draw))
}

fn period(draw: &mut Draw) -> Value {
    let year = 1999 + draw.below(3);
    bounded(draw, format!("{year}-01-15"), format!("{year}-12-01"))
}

fn timed_period(draw: &mut Draw) -> Value {
    let (year, zone) = (1999 + draw.below(3), draw.word(&["Z", "+01:00"]));
    bounded(draw, format!("{year}-01-01T12:00:00{zone}"), format!("{year}-01-15T12:00:00{zone}"))
}

fn bounded(draw: &mut Draw, start: String, end: String) -> Value {
    match draw.below(4) {
        0 => json!({"start": start}),
        1 => json!({"end": end}),
        _ => json!({"start": start, "end": end}),
    }
}
