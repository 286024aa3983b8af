//! The grammar of the surface: every row of the gateway's own table, by every method, with queries, headers and bodies of all
//! kinds, alone and one after the other. A new row is asked for without a change here.

use bytes::Bytes;
use conformance::privacy::worlds::Dice;
use examples::standin::query;
use gateway::interaction::surface::{Answer as Row, OF_SYSTEM, Segment};
use gateway::server::arrived::Method;
use serde_json::{Value, json};

use super::beside;
use super::bodies;
use super::changes::{back, put, read_and_back};
use super::dice::one;
use super::house::Answer;
use super::words::{PARAMETERS, Words};

/// One request, as far as it does not depend on the answer before.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    /// The row of the table that it was made from.
    pub(crate) row: &'static str,
    pub(crate) who: &'static str,
    pub(crate) method: &'static str,
    pub(crate) path: String,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Option<Value>,
    pub(crate) after: After,
}

/// What of the answer before goes into it.
#[derive(Debug, Clone)]
pub(crate) enum After {
    /// Nothing.
    Nothing,
    /// The same path, if it has not changed.
    Unchanged,
    /// The page it links to.
    Next,
    /// What was answered, put back with something else in place of these parts.
    Back(Vec<(String, Value)>),
    /// The Provenance of that share.
    Provenance,
}

/// A request ready to be sent.
#[derive(Debug)]
pub(crate) struct Ready {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Bytes,
    /// All that it says, as it stands and decoded.
    pub(crate) said: String,
}

pub(crate) const FACE: &str = "/upstream/fhir";
const MADE_UP: [&str; 8] =
    ["_frobnicate", "$dump", "$diff", "%2e%2e", "..", "x;y=1", "*", "Patient%2Fpd-5v1t"];
const ACCEPT: [&str; 12] = [
    "application/fhir+json",
    "application/fhir+json; fhirVersion=4.0",
    "application/json",
    "application/fhir+xml",
    "application/xml;q=0.9, application/fhir+json;q=0.1",
    "text/xml",
    "*/*",
    "text/html, application/xhtml+xml;q=0.9, */*;q=0.1",
    "text/turtle",
    "application/fhir+ndjson",
    "application/fhir+json;q=0",
    "image/png",
];

/// The sequence of requests of one case.
pub(crate) fn case(words: &Words, dice: &mut Dice) -> Vec<Ask> {
    let who = *one(dice, &["LA", "LA", "LA", "LA", "LA", "LA", "LAC", "LA2", "HOSP", "PRIV"]);
    let mut asks =
        if dice.chance(8) { read_and_back(words, dice, who) } else { vec![fresh(words, dice, who)] };
    while asks.len() < 4 && dice.chance(30) {
        let before = asks.last().unwrap().clone();
        let next = match dice.below(6) {
            0 => Ask { after: After::Unchanged, ..before },
            1 => Ask { after: After::Next, body: None, ..before },
            2 | 3 => back(words, dice, before),
            4 => Ask { after: After::Provenance, method: "GET", body: None, ..before },
            _ => fresh(words, dice, who),
        };
        asks.push(next);
    }
    asks
}

fn fresh(words: &Words, dice: &mut Dice, who: &'static str) -> Ask {
    // What is served is asked for most of the time.
    let served: Vec<_> = OF_SYSTEM.iter().filter(|row| matches!(row.answer, Row::Served(_))).collect();
    let mut row = if dice.chance(85) { *one(dice, &served) } else { one(dice, OF_SYSTEM) };
    // It is served whatever is asked, and tells little.
    if row.name == "capabilities" && !dice.chance(10) {
        row = served[dice.below(served.len())];
    }
    let method = name(*one(dice, row.methods));
    let (path, kind, record) = place(words, dice, row.path);
    let mut ask = Ask {
        row: row.name,
        who,
        method,
        path: format!("{FACE}{path}"),
        query: Vec::new(),
        headers: vec![("accept", "application/fhir+json".to_owned())],
        body: None,
        after: After::Nothing,
    };
    let is_search = matches!(row.name, "search-type" | "search-compartment" | "search-system");
    if is_search && dice.chance(8) {
        let (place, query) = beside::several(words, dice);
        let form = if path.ends_with("/_search") { "/_search" } else { "" };
        (ask.path, ask.query) = (format!("{FACE}/{place}{form}"), query);
    } else if is_search && dice.chance(30) {
        ask.query = guessed(words, dice, &record);
    } else if is_search {
        ask.query = searched(words, dice);
    } else if row.name.starts_with('$') || dice.chance(12) {
        ask.query = controls(words, dice);
    }
    if row.name == "history-instance" && dice.chance(50) {
        ask.query
            .push(("_since".into(), one(dice, &["2026-01-11T00:00:00Z", "2020", "2026-01"]).to_string()));
    }
    ask.body = body(words, dice, &ask, &kind, &record);
    headers(words, dice, &mut ask);
    if dice.chance(3) {
        ask.path = format!("{}/{}", ask.path, one(dice, &MADE_UP));
    }
    if method == "GET" && dice.chance(4) {
        ask.method = "HEAD";
    }
    ask
}

fn body(words: &Words, dice: &mut Dice, ask: &Ask, kind: &str, record: &str) -> Option<Value> {
    let id = record.split('/').nth(1);
    match (ask.method, ask.row) {
        ("POST", "batch" | "transaction") => {
            let inner: Vec<_> = (0..1 + dice.below(4)).map(|_| inside(words, dice, ask.who)).collect();
            Some(bodies::bundle(words, dice, &inner))
        }
        ("POST", "$process-message") => Some(bodies::message(words, dice)),
        ("POST", name) if name.starts_with('$') => Some(json!({"resourceType": "Parameters"})),
        ("POST", "create") => Some(bodies::resource(words, dice, kind, None)),
        ("PUT", _) => Some(bodies::resource(words, dice, kind, id)),
        ("PATCH", _) => Some(bodies::patch(words, dice, record)),
        _ => None,
    }
}

/// An interaction inside a Bundle.
fn inside(words: &Words, dice: &mut Dice, who: &'static str) -> (String, String, Option<Value>) {
    let ask = loop {
        let ask = fresh(words, dice, who);
        if !matches!(ask.row, "batch" | "transaction" | "$process-message") || dice.chance(5) {
            break ask;
        }
    };
    let url = ask.target();
    let url = url.strip_prefix(FACE).unwrap_or(&url).trim_start_matches('/').to_owned();
    (ask.method.to_owned(), url, ask.body)
}

/// A path that the row names, with the type and the record it speaks of.
fn place(words: &Words, dice: &mut Dice, row: &[Segment]) -> (String, String, String) {
    let record = match dice.below(10) {
        0..=4 => one(dice, &words.seen).clone(),
        5..=8 => one(dice, &words.records).clone(),
        _ => format!("{}/absent-7c1f", one(dice, &words.types)),
    };
    let (mut kind, id) = record.split_once('/').map(|(kind, id)| (kind.to_owned(), id.to_owned())).unwrap();
    let mut path = String::new();
    let (mut ids, mut types) = (0, 0);
    for segment in row {
        path.push('/');
        match segment {
            Segment::Word(word) => {
                path.push_str(word);
                if *word == "Patient" {
                    "Patient".clone_into(&mut kind);
                }
            }
            Segment::Type => {
                types += 1;
                if types > 1 || path.len() > 1 && kind == "Patient" {
                    path.push_str(one::<String>(dice, &words.types));
                } else {
                    path.push_str(&kind);
                }
            }
            Segment::Id => {
                ids += 1;
                match (ids, row.first()) {
                    (1, Some(Segment::Word("Patient"))) => path.push_str(one::<String>(dice, &words.people)),
                    (1, _) => path.push_str(&id),
                    (_, _) => {
                        path.push_str(one::<&str>(dice, &["1", "2", "3", "9", "AAAAAAAAAAAAAAAAAAAAAA"]))
                    }
                }
            }
            Segment::Rest => path.push_str(one::<&str>(dice, &["x", "x/$events", "_search"])),
        }
    }
    (path.trim_end_matches('/').to_owned(), kind.clone(), format!("{kind}/{id}"))
}

fn searched(words: &Words, dice: &mut Dice) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    if dice.chance(70) {
        let person = one(dice, &words.people).clone();
        let (name, value) = match dice.below(8) {
            0 => ("patient", format!("Patient/{person}")),
            1 => ("subject", format!("Patient/{person}")),
            2 => ("_id", person),
            3 => ("patient", format!("{person},{}", one(dice, &words.people))),
            4 => ("identifier", one(dice, &words.codes).clone()),
            _ => ("patient", person),
        };
        pairs.push((name.to_owned(), value));
        // Few other parameters are served: half of the searches have little beside the person.
        if dice.chance(50) {
            let some = controls(words, dice);
            pairs.extend(some.into_iter().take(dice.below(2)));
            return pairs;
        }
    }
    for _ in 0..dice.below(3) {
        pairs.push(((*one(dice, PARAMETERS)).to_owned(), value(words, dice)));
    }
    pairs.extend(controls(words, dice));
    pairs
}

/// A search of the record's own person by what the record holds: whoever guesses it learns whether it is there.
fn guessed(words: &Words, dice: &mut Dice, record: &str) -> Vec<(String, String)> {
    let found = words.resources.iter().find(|one| super::worlds::key(one) == record);
    let Some(resource) = found else { return searched(words, dice) };
    let id = record.split('/').nth(1).unwrap_or_default();
    let person = ["subject", "patient", "for"].iter().find_map(|name| resource[name]["reference"].as_str());
    let mut pairs = match person {
        Some(person) => vec![("patient".to_owned(), person.trim_start_matches("Patient/").to_owned())],
        None => vec![("_id".to_owned(), id.to_owned())],
    };
    let apt: Vec<(&str, Vec<String>)> = PARAMETERS
        .iter()
        .map(|name| (*name, super::matching::held(resource, name)))
        .filter(|(_, held)| !held.is_empty())
        .collect();
    if !apt.is_empty() {
        let (name, held) = one(dice, &apt);
        let value = if name.ends_with(":missing") {
            (*one(dice, &["true", "false"])).to_owned()
        } else {
            one(dice, held).clone()
        };
        pairs.push(((*name).to_owned(), value));
    }
    if dice.chance(15) {
        pairs.extend(controls(words, dice));
    }
    pairs
}

fn controls(words: &Words, dice: &mut Dice) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    let include = [
        "*",
        "Observation:focus",
        "Encounter:part-of",
        "Condition:subject",
        "Condition:encounter",
        "CareTeam:participant",
        "Patient:general-practitioner",
        "List:item",
        "Task:focus",
        "Patient:link",
        "MedicationRequest:medication",
        "Group:member",
        "DocumentReference:relatesto",
    ];
    let reverse = [
        "Provenance:target",
        "Encounter:service-provider",
        "Encounter:participant",
        "Patient:general-practitioner",
        "MedicationRequest:medication",
        "Condition:subject",
        "Observation:subject",
        "AuditEvent:entity",
        "CareTeam:patient",
        "Task:focus",
        "Group:member",
        "List:item",
        "*",
    ];
    let elements = [
        "id,code",
        "valueQuantity",
        "address,telecom",
        "note,text",
        "meta",
        "identifier",
        "name",
        "subject",
        "contained",
    ];
    let sorts =
        ["address-postalcode", "-family", "_lastUpdated", "code", "birthdate", "_id", "-date", "name"];
    let groups: [(usize, &[&str], &[&str]); 9] = [
        (14, &["_include", "_include", "_include:iterate"], &include),
        (10, &["_revinclude", "_revinclude:iterate"], &reverse),
        (12, &["_elements"], &elements),
        (10, &["_summary"], &["true", "text", "data", "count", "false"]),
        (12, &["_sort"], &sorts),
        (25, &["_count"], &["0", "1", "2", "5", "1000", "-1", "x"]),
        (8, &["_total"], &["accurate", "estimate", "none"]),
        (5, &["_format"], &["json", "xml", "application/fhir+xml", "ttl", "html", "application/fhir json"]),
        (
            3,
            &["_pretty", "_contained", "_containedType", "_since", "_type", "_at", "_page"],
            &["true", "both", "2026-01-01", "Patient", "AAAA"],
        ),
    ];
    for (percent, names, values) in groups {
        if dice.chance(percent) {
            let value = if dice.chance(5) {
                one(dice, &words.texts).clone()
            } else {
                (*one(dice, values)).to_owned()
            };
            pairs.push(((*one(dice, names)).to_owned(), value));
        }
    }
    pairs
}

fn value(words: &Words, dice: &mut Dice) -> String {
    let text = match dice.below(10) {
        9 => {
            let prefix = one(dice, &["", "gt", "le", "ne", "sa"]);
            format!("{}${prefix}{}", one(dice, &words.codes), one(dice, &words.texts))
        }
        0 => one(dice, &words.people).clone(),
        1 => one(dice, &words.records).clone(),
        2 | 3 => one(dice, &words.codes).clone(),
        4 => (*one(
            dice,
            &[
                "true",
                "false",
                "gt2020-01-01",
                "le2026",
                "44261-6$gt20",
                "54.12|-1.98|1",
                "Patient",
                "R",
                "PSY",
            ],
        ))
        .to_owned(),
        5 => one(dice, &words.texts).chars().take(1 + dice.below(6)).collect(),
        6 => format!("{},{}", one(dice, &words.texts), one(dice, &words.texts)),
        _ => one(dice, &words.texts).clone(),
    };
    match dice.below(12) {
        0 => text.to_uppercase(),
        1 => text.replace(['|', ','], "\\|"),
        _ => text,
    }
}

fn headers(words: &Words, dice: &mut Dice, ask: &mut Ask) {
    if dice.chance(15) {
        ask.headers[0].1 = (*one(dice, &ACCEPT)).to_owned();
    }
    if ask.body.is_some() {
        let media = match ask.method {
            "PATCH" => "application/json-patch+json",
            _ => "application/fhir+json",
        };
        ask.headers.push(("content-type", media.to_owned()));
    }
    if matches!(ask.method, "PUT" | "PATCH" | "DELETE") && dice.chance(60) {
        ask.headers.push(("if-match", (*one(dice, &["W/\"1\"", "W/\"2\"", "*", "\"1\""])).to_owned()));
    }
    let few: [(&'static str, &[&str]); 9] = [
        ("accept-encoding", &["gzip", "gzip, deflate, br", "identity", "*;q=0", "deflate;q=0.5, gzip;q=0"]),
        ("if-none-match", &["W/\"1\"", "*", "\"x\""]),
        ("if-modified-since", &["Mon, 12 Jan 2026 00:00:00 GMT"]),
        (
            "prefer",
            &[
                "return=representation",
                "return=minimal",
                "return=OperationOutcome",
                "respond-async",
                "handling=lenient",
            ],
        ),
        ("range", &["bytes=0-700"]),
        ("x-http-method-override", &["DELETE", "PUT"]),
        ("x-original-url", &["/upstream/fhir/Patient/9992040602"]),
        ("x-security-context", &["Patient/pa-7k2m"]),
        ("portcullis-override-reason", &["life at risk, no time to ask"]),
    ];
    for (name, values) in few {
        if dice.chance(4) {
            ask.headers.push((name, (*one(dice, values)).to_owned()));
        }
    }
    if ask.row == "create" && dice.chance(20) {
        let criterion = format!(
            "{}={}",
            one(dice, &["identifier", "name", "address-postalcode"]),
            one(dice, &words.codes)
        );
        ask.headers.push(("if-none-exist", criterion));
    }
}

fn name(method: Method) -> &'static str {
    match method {
        Method::Get => "GET",
        Method::Head => "HEAD",
        Method::Post => "POST",
        Method::Put => "PUT",
        Method::Patch => "PATCH",
        Method::Delete => "DELETE",
        Method::Options => "OPTIONS",
    }
}

impl Ask {
    fn target(&self) -> String {
        match self.query.as_slice() {
            [] => self.path.clone(),
            pairs => format!("{}?{}", self.path, query::render(pairs)),
        }
    }

    /// As it is sent after `before`; none when it follows on something that was not there.
    pub(crate) fn ready(&self, token: &str, before: Option<&Answer>) -> Option<Ready> {
        let mut headers = self.headers.clone();
        headers.push(("authorization", format!("Bearer {token}")));
        let (mut method, mut target) = (self.method.to_owned(), self.target());
        let mut body = self.body.as_ref().map(Value::to_string).unwrap_or_default();
        if method == "POST" && self.path.ends_with("/_search") {
            headers.push(("content-type", "application/x-www-form-urlencoded".to_owned()));
            body = query::render(&self.query);
            target.clone_from(&self.path);
        }
        match &self.after {
            After::Nothing => {}
            After::Unchanged => {
                headers.retain(|(name, _)| *name != "if-none-match");
                headers.push(("if-none-match", before?.header("etag")?.to_owned()));
            }
            After::Next => {
                "GET".clone_into(&mut method);
                target = bodies::next(before?)?;
            }
            After::Back(changes) => {
                headers.retain(|(name, _)| !matches!(*name, "if-match" | "content-type"));
                headers.push(("if-match", before?.header("etag")?.to_owned()));
                headers.push(("content-type", "application/fhir+json".to_owned()));
                let mut content = examples::json::parse(&before?.body).ok()?;
                for (place, value) in changes {
                    put(&mut content, place, value);
                }
                body = content.to_string();
            }
            After::Provenance => {
                let link = before?.header("link")?.to_owned();
                target = link.split(['<', '>']).nth(1)?.strip_prefix(super::house::BASE)?.to_owned();
            }
        }
        let said: String = headers.iter().map(|(name, value)| format!(" {name} {value}")).collect();
        let plain: String = self.query.iter().map(|(name, value)| format!(" {name} {value}")).collect();
        let said = format!(
            "{target} {plain} {said} {body} {}",
            self.body.as_ref().map(bodies::spoken).unwrap_or_default()
        );
        Some(Ready { method, target, headers, body: body.into(), said })
    }
}
