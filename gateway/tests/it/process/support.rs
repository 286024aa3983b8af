//! What a client heard, and what the ledger says of it.

use std::path::Path;

use fhir::json;
use fhir::nhs_number::NhsNumber;
use gateway::trail::record::{About, AboutPerson, Record};
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::support::upstream::{Play, Seen, fhir as fhir_answer};
use crate::support::whole::entries;

/// An answer as far as it came.
#[derive(Debug, Clone, Default)]
pub(crate) struct Heard {
    pub(crate) bytes: Vec<u8>,
}

impl Heard {
    /// Reads one answer, or what comes of it before the connection ends.
    pub(crate) async fn from(stream: &mut (impl AsyncRead + Unpin)) -> Self {
        let mut heard = Self::default();
        let mut chunk = [0; 4096];
        while !heard.is_whole() {
            match stream.read(&mut chunk).await {
                Ok(0) | Err(_) => break,
                Ok(read) => heard.bytes.extend_from_slice(&chunk[..read]),
            }
        }
        heard
    }

    pub(crate) fn is_whole(&self) -> bool {
        let length = self.header("content-length").map_or(Ok(0), |length| length.parse::<usize>());
        self.split().is_some_and(|(_, body)| body.len() >= length.unwrap())
    }

    /// Head and body, once the head is whole.
    fn split(&self) -> Option<(&str, &[u8])> {
        let end = self.bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
        Some((std::str::from_utf8(&self.bytes[..end]).unwrap(), &self.bytes[end + 4..]))
    }

    pub(crate) fn status(&self) -> Option<u16> {
        self.split()?.0.split(' ').nth(1)?.parse().ok()
    }

    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let name = format!("{name}: ");
        self.split()?.0.lines().find_map(|line| line.strip_prefix(&name)).map(str::to_owned)
    }
}

/// One entry of the ledger.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// The receipt that was given for its batch, if it is the first of it.
    pub(crate) receipt: String,
    pub(crate) record: Record,
}

impl Entry {
    pub(crate) fn person(&self) -> Option<&AboutPerson> {
        match &self.record.about {
            About::Person(person) => Some(person),
            About::Exchange { .. } => None,
        }
    }
}

/// Every entry of the ledger in `folder`, in order.
pub(crate) fn recorded(folder: &Path) -> Vec<Entry> {
    let read = |line: &serde_json::Value| {
        let receipt =
            line["leaf"].as_str().unwrap().trim_end_matches('=').replace('+', "-").replace('/', "_");
        let payload = line["payload"].as_str().unwrap().to_owned();
        let record = json::parse_into(payload.into(), &json::Limits::default()).unwrap();
        Entry { receipt, record }
    };
    entries(folder).iter().map(read).collect()
}

/// The NHS number of the `serial`-th invented person: of the range for tests, with a valid check digit.
pub(crate) fn nhs_number(serial: usize) -> String {
    // Of two numbers that differ in the last digit one has a check digit.
    let mut pair = [2 * serial, 2 * serial + 1]
        .into_iter()
        .flat_map(|nine| (0..10).map(move |check| format!("999{nine:06}{check}")));
    pair.find(|number| NhsNumber::parse(number).is_ok()).unwrap()
}

/// A Patient with what no agreement shares, and which must not be seen outside.
pub(crate) fn patient(id: &str, nhs_number: &str) -> String {
    format!(
        r#"{{"resourceType":"Patient","id":"{id}","identifier":[{{"system":"https://fhir.nhs.uk/Id/nhs-number","value":"{nhs_number}"}}],"name":[{{"family":"Fenwick"}}],"telecom":[{{"value":"canary-phone"}}],"birthDate":"1950-01-01"}}"#
    )
}

/// A hospital that knows everybody: the digits at the end of an id say who it is. It has no Patient `none...`, and
/// fails when it is asked for `bad...`; it takes what is created.
pub(crate) fn knows_everybody(seen: &Seen) -> Play {
    let id = seen.line.strip_prefix("GET /fhir/Patient/").and_then(|rest| rest.split(' ').next());
    Play::Bytes(match id {
        Some(id) if id.starts_with("none") => fhir_answer("404 Not Found", "{}"),
        Some(id) if id.starts_with("bad") => fhir_answer("500 Internal Server Error", "canary"),
        Some(id) => {
            let serial = id.rsplit('-').next().unwrap().parse().unwrap();
            fhir_answer("200 OK", &patient(id, &nhs_number(serial)))
        }
        None if seen.line.starts_with("POST /fhir/Patient ") => fhir_answer("201 Created", ""),
        None if seen.line.starts_with("POST /fhir/Patient/_search ") => found(&seen.body),
        None => fhir_answer("404 Not Found", "{}"),
    })
}

/// From here on they are those who choose.
pub(crate) const CHOOSERS: usize = 100_000;

/// The one Patient whose id or number the search names.
fn found(search: &str) -> Vec<u8> {
    let named = search.split(['&', '=', '|', ',']).flat_map(|part| part.rsplit("%7C").next());
    let patients: Vec<String> = named
        .filter_map(|named| {
            let (id, serial) = match (named.rsplit_once('-'), named.strip_prefix("999")) {
                (Some((_, serial)), _) => (named.to_owned(), serial.parse().ok()?),
                (None, digits) => {
                    let serial = digits?.get(..6)?.parse::<usize>().ok()? / 2;
                    (format!("{}-{serial}", if serial < CHOOSERS { "p" } else { "chooser" }), serial)
                }
            };
            Some(format!(r#"{{"resource":{}}}"#, patient(&id, &nhs_number(serial))))
        })
        .collect();
    let entries = patients.join(",");
    let page = format!(r#"{{"resourceType":"Bundle","type":"searchset","entry":[{entries}]}}"#);
    fhir_answer("200 OK", &page)
}

/// Nothing is to be shared about this person.
pub(crate) fn dissent(nhs_number: &str) -> String {
    let person = format!(
        r#"{{"identifier":{{"system":"https://fhir.nhs.uk/Id/nhs-number","value":"{nhs_number}"}}}}"#
    );
    format!(
        r#"{{"resourceType":"Consent","status":"active","patient":{person},"performer":[{person}],
        "scope":{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/consentscope","code":"patient-privacy"}}]}},
        "category":[{{"coding":[{{"system":"http://loinc.org","code":"59284-0"}}]}}],"dateTime":"2026-03-01",
        "organization":[{{"identifier":{{"system":"https://fhir.nhs.uk/Id/ods-organization-code","value":"RX1"}}}}],
        "sourceAttachment":{{"title":"written down"}},
        "policyRule":{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"OPTOUT"}}]}},
        "provision":{{"type":"deny"}}}}"#
    )
    .replace(['\n'], "")
}
