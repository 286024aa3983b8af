//! The grammar of requests: reads, versions, compartments, operations, searches by GET and POST with controls and
//! modifiers, batches, formats, conditional reads and ranges, over words that the battery and the canaries use.

use std::collections::{BTreeMap, BTreeSet};

use super::super::battery::{Attack, Canary, Request, parsed};
use super::super::normal::unquoted;
use super::super::wire::Answer;
use super::Dice;

const TYPES: [&str; 28] = [
    "Patient",
    "Encounter",
    "Condition",
    "Observation",
    "MedicationRequest",
    "AllergyIntolerance",
    "DocumentReference",
    "Binary",
    "CareTeam",
    "Group",
    "List",
    "RelatedPerson",
    "Task",
    "CarePlan",
    "ServiceRequest",
    "Composition",
    "QuestionnaireResponse",
    "Bundle",
    "Provenance",
    "AuditEvent",
    "Consent",
    "Person",
    "Flag",
    "Location",
    "Practitioner",
    "Organization",
    "Appointment",
    "DiagnosticReport",
];
const PARAMETERS: [&str; 44] = [
    "_id",
    "patient",
    "subject",
    "code",
    "category",
    "performer",
    "focus",
    "name",
    "family",
    "given",
    "phone",
    "email",
    "address",
    "address-postalcode",
    "address:contains",
    "birthdate",
    "identifier",
    "general-practitioner",
    "organization",
    "link",
    "encounter",
    "part-of",
    "target",
    "entity",
    "participant",
    "member",
    "item",
    "_security",
    "_tag",
    "_source",
    "_lastUpdated",
    "_content",
    "_text",
    "_list",
    "_filter",
    "_has:Observation:patient:code",
    "subject:Patient.address-postalcode",
    "patient.identifier",
    "code:not",
    "address:missing",
    "subject:identifier",
    "code-value-quantity",
    "near",
    "_query",
];
const ENDINGS: [&str; 9] = [
    "/_history",
    "/_history/1",
    "/_history/2",
    "/_history/3",
    "/$everything",
    "/$meta",
    "/$validate",
    "/$document",
    "/$graphql",
];
const SYSTEM: [&str; 6] = [
    "/fhir/_history",
    "/fhir/Patient/_history",
    "/fhir/$export",
    "/fhir/Patient/$everything",
    "/fhir/metadata",
    "/fhir",
];
const PLAIN_VALUES: [&str; 10] = [
    "true",
    "false",
    "gt2020-01-01",
    "R",
    "PSY",
    "Dale",
    "nobody",
    "44261-6$gt20",
    "54.12|-1.98|1",
    "9999999468",
];
const INCLUDES: [&str; 9] = [
    "*",
    "Observation:focus",
    "Encounter:part-of",
    "Condition:patient",
    "CareTeam:participant",
    "Person:link",
    "List:item",
    "Provenance:target",
    "Condition:subject",
];
const SORTS: [&str; 6] = ["address-postalcode", "-family", "_lastUpdated", "code", "birthdate", "_id"];
const ELEMENTS: [&str; 5] = ["id,code", "valueQuantity", "address,telecom", "note,text", "meta"];
const FORMATS: [&str; 4] = ["application/fhir+xml", "text/turtle", "text/html", "application/fhir+ndjson"];
/// Requests in one sequence.
const SEQUENCE_MAX: usize = 4;

/// The words that requests are made of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Grammar {
    people: Vec<String>,
    records: Vec<String>,
    parameters: Vec<String>,
    values: Vec<String>,
}

/// One step of a sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// A request by itself.
    Fresh,
    /// The same once more, if it has not changed since.
    Unchanged,
    /// The page that the answer before links to.
    NextPage,
}

impl Grammar {
    /// The words that a battery and its canaries use, beside those of the specification.
    #[must_use]
    pub fn of(attacks: &[Attack], canaries: &[Canary], requester: &str) -> Self {
        let mut records = BTreeSet::new();
        let mut parameters: BTreeSet<String> = PARAMETERS.iter().map(|name| (*name).to_owned()).collect();
        let mut values: BTreeSet<String> = PLAIN_VALUES.iter().map(|value| (*value).to_owned()).collect();
        let hidden = canaries.iter().filter(|canary| canary.hidden_from.contains(requester));
        values.extend(hidden.map(|canary| canary.canary.clone()));
        let places = canaries.iter().flat_map(|canary| &canary.places);
        records.extend(places.filter_map(|place| record(place)));
        for attack in attacks {
            let (path, query) = attack.request.path.split_once('?').unwrap_or((&attack.request.path, ""));
            records.extend(path.strip_prefix("/fhir/").and_then(record));
            for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
                parameters.insert(unquoted(name));
                values.insert(unquoted(value));
            }
        }
        let filled = |text: &String| !text.is_empty() && !text.contains("{{");
        let people =
            records.iter().filter_map(|place: &String| place.strip_prefix("Patient/").map(str::to_owned));
        Self {
            people: people.collect(),
            parameters: parameters.into_iter().filter(filled).collect(),
            values: values.into_iter().filter(filled).collect(),
            records: records.into_iter().collect(),
        }
    }

    /// The steps of one sequence.
    pub fn sequence(&self, dice: &mut Dice) -> Vec<Step> {
        let mut steps = vec![Step::Fresh];
        while steps.len() < SEQUENCE_MAX && dice.chance(35) {
            steps.push(match dice.below(3) {
                0 => Step::Unchanged,
                1 => Step::NextPage,
                _ => Step::Fresh,
            });
        }
        steps
    }

    /// A request for a step; what depends on the answer before is put in for each world by [`Step::in_world`].
    pub fn request(&self, step: &Step, dice: &mut Dice) -> Request {
        let mut headers = BTreeMap::new();
        let format = if dice.chance(12) { dice.pick(&FORMATS) } else { "application/fhir+json" };
        headers.insert("Accept".to_owned(), format.to_owned());
        if *step == Step::Fresh && dice.chance(5) {
            headers.insert("If-None-Match".to_owned(), format!("W/\"{}\"", dice.below(4) + 1));
        }
        if dice.chance(4) {
            headers.insert("Range".to_owned(), "bytes=0-700".to_owned());
        }
        let (path, query) = self.target(dice);
        if !query.is_empty() && dice.chance(15) {
            let form = "application/x-www-form-urlencoded".to_owned();
            headers.insert("Content-Type".to_owned(), form);
            let path = format!("{path}/_search");
            return Request { method: "POST".to_owned(), path, headers, body: Some(query), raw: None };
        }
        let path = if query.is_empty() { path } else { format!("{path}?{query}") };
        if let Some(inner) = path.strip_prefix("/fhir/").filter(|_| dice.chance(6)) {
            headers.insert("Content-Type".to_owned(), "application/fhir+json".to_owned());
            let entry = serde_json::json!({ "request": { "method": "GET", "url": inner } });
            let batch = serde_json::json!({ "resourceType": "Bundle", "type": "batch", "entry": [entry] });
            let body = Some(batch.to_string());
            return Request { method: "POST".to_owned(), path: "/fhir".to_owned(), headers, body, raw: None };
        }
        let method = if dice.chance(8) { "HEAD" } else { "GET" };
        Request { method: method.to_owned(), path, headers, body: None, raw: None }
    }

    fn target(&self, dice: &mut Dice) -> (String, String) {
        match dice.below(100) {
            0..=19 => (format!("/fhir/{}", dice.pick(&self.records)), String::new()),
            20..=27 => (format!("/fhir/{}{}", dice.pick(&self.records), dice.pick(&ENDINGS)), String::new()),
            28..=33 => {
                let kind = if dice.chance(10) { "*" } else { dice.pick(&TYPES) };
                (format!("/fhir/Patient/{}/{kind}", dice.pick(&self.people)), self.query(dice, 1))
            }
            34..=36 => (dice.pick(&SYSTEM).to_owned(), String::new()),
            _ => {
                let most = dice.below(4);
                let held = dice.pick(&self.records).split('/').next().unwrap_or_default();
                let kind = if dice.chance(50) { dice.pick(&TYPES) } else { held };
                (format!("/fhir/{kind}"), self.query(dice, most))
            }
        }
    }

    fn query(&self, dice: &mut Dice, most: usize) -> String {
        let mut pairs: Vec<(String, String)> = Vec::new();
        // Many searches name a person and little else: these are the ones that are served.
        let served = dice.chance(60);
        if served {
            pairs.push(("patient".to_owned(), dice.pick(&self.people).to_owned()));
        }
        for _ in usize::from(served)..most {
            pairs.push((dice.pick(&self.parameters).to_owned(), self.value(dice)));
        }
        let controls: [(usize, &[&str], &[&str]); 6] = [
            (20, &["_include", "_include:iterate", "_revinclude"], &INCLUDES),
            (15, &["_elements"], &ELEMENTS),
            (12, &["_summary"], &["true", "text", "data", "count", "false"]),
            (12, &["_sort"], &SORTS),
            (25, &["_count"], &["1", "2", "5"]),
            (8, &["_total"], &["accurate", "estimate", "none"]),
        ];
        for (percent, names, values) in controls {
            if dice.chance(percent) {
                pairs.push((dice.pick(names).to_owned(), dice.pick(values).to_owned()));
            }
        }
        let quoted: Vec<String> =
            pairs.iter().map(|(name, value)| format!("{}={}", quoted(name), quoted(value))).collect();
        quoted.join("&")
    }

    fn value(&self, dice: &mut Dice) -> String {
        match dice.below(5) {
            0 => dice.pick(&self.people).to_owned(),
            1 => format!("Patient/{}", dice.pick(&self.people)),
            2 => format!("{},{}", dice.pick(&self.people), dice.pick(&self.people)),
            _ => dice.pick(&self.values).to_owned(),
        }
    }
}

impl Step {
    /// The request as this step sends it to a world that gave `before`.
    #[must_use]
    pub fn in_world(self, request: &Request, before: Option<&Answer>, host: &str) -> Request {
        let mut request = request.clone();
        match self {
            Self::Fresh => {}
            Self::Unchanged => {
                let etag = before.and_then(|answer| answer.header("etag")).unwrap_or("W/\"none\"");
                request.headers.insert("If-None-Match".to_owned(), etag.to_owned());
            }
            Self::NextPage => {
                let page =
                    before.map(|answer| parsed::<serde_json::Value>(&String::from_utf8_lossy(&answer.body)));
                let link = page.and_then(Result::ok).and_then(|page| super::super::kinds::next(&page));
                if let Some(path) = link.and_then(|link| path_of(&link, host)) {
                    request = Request { method: "GET".to_owned(), path, body: None, ..request };
                }
            }
        }
        request
    }
}

fn path_of(link: &str, host: &str) -> Option<String> {
    let (_, rest) = link.split_once("://")?;
    rest.strip_prefix(host).filter(|path| path.starts_with('/')).map(str::to_owned)
}

/// `Type/id` at the beginning of a place or path.
fn record(place: &str) -> Option<String> {
    let (kind, rest) = place.split_once('/')?;
    let fitting = |letter: char| letter.is_ascii_alphanumeric() || letter == '-';
    let end = rest.find(|letter| !fitting(letter)).unwrap_or(rest.len());
    let (id, _) = rest.split_at_checked(end)?;
    let is_type = kind.starts_with(|letter: char| letter.is_ascii_uppercase())
        && kind.chars().all(|letter| letter.is_ascii_alphanumeric());
    (is_type && !id.is_empty()).then(|| format!("{kind}/{id}"))
}

/// Percent encoding of all that is not plain.
fn quoted(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:$,|/".contains(&byte);
    text.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_and_paths_name_records() {
        assert_eq!(record("Patient/pd-5v1t.address[0].line"), Some("Patient/pd-5v1t".to_owned()));
        assert_eq!(record("Condition/c-1/_history/2"), Some("Condition/c-1".to_owned()));
        assert_eq!(record("$export"), None);
        assert_eq!(record("nothing/x"), None);
    }

    #[test]
    fn a_seed_gives_the_same_requests_again() {
        let canary = Canary {
            canary: "CANARY-1".to_owned(),
            hidden_from: ["LA".to_owned()].into(),
            places: vec!["Patient/p1.name".to_owned()],
        };
        let grammar = Grammar::of(&[], &[canary], "LA");
        let paths = |seed: u64| -> Vec<String> {
            let mut dice = Dice::new(seed);
            (0..200).map(|_| grammar.request(&Step::Fresh, &mut dice).path).collect()
        };
        assert_eq!(paths(7), paths(7));
        assert_ne!(paths(7), paths(8));
        assert!(paths(7).iter().any(|path| path.contains("CANARY-1")));
        assert!(paths(7).iter().all(|path| path.is_ascii() && !path.contains(' ')));
    }

    #[test]
    fn a_link_elsewhere_is_not_followed() {
        assert_eq!(path_of("http://a:1/fhir?_page=x", "a:1"), Some("/fhir?_page=x".to_owned()));
        assert_eq!(path_of("http://b:1/fhir?_page=x", "a:1"), None);
    }
}
