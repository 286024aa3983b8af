//! What the ward asks of the council, and what it tells it.

use http::Method;
use jiff::Zoned;
use serde_json::Value;

use super::{Council, notices, reads};
use crate::canary;
use crate::json;
use crate::people::{ANN, BEN, CARA, Person};
use crate::standin::query;
use crate::story::{Broken, Told};
use crate::wire::{Caller, Received};

/// Plays every step in order, telling each as it ends. A step that fails does not stop the next.
pub async fn play(council: &Council, mut tell: impl FnMut(&Told)) -> Vec<Told> {
    let mut ward = Ward { council, caller: Caller::default(), began: Zoned::now(), asked: Vec::new() };
    let mut all = Vec::new();
    let mut ended = |step: &str, outcome| {
        let told = Told { step: step.to_owned(), outcome };
        tell(&told);
        all.push(told);
    };
    ended("ward_reads_resident", reads::resident(&mut ward).await);
    ended("ward_searches_services", reads::services(&mut ward).await);
    ended("dissent_respected", reads::dissent(&mut ward).await);
    ended("no_relationship_refused", reads::no_relationship(&mut ward).await);
    ended("unanswerable_refused", reads::unanswerable(&mut ward).await);
    ended("new_extract_counts", reads::new_extract(&mut ward).await);
    ended("moved_column_is_an_outage", reads::moved_column(&mut ward).await);
    ended("discharge_notice_delivered", notices::discharge(&mut ward).await);
    ended("discharge_notice_withdrawn", notices::withdrawal(&mut ward).await);
    ended("discharge_notice_anew", notices::anew(&mut ward).await);
    ended("every_exchange_recorded", recorded(&ward).await);
    all
}

/// The doctor on the ward.
pub(super) struct Ward<'c> {
    pub(super) council: &'c Council,
    pub(super) caller: Caller,
    /// When the story began: notices are of that moment.
    pub(super) began: Zoned,
    /// Request ids, and whom they were about.
    pub(super) asked: Vec<(Person, String)>,
}

impl Ward<'_> {
    /// Asks the council's face about `person`: no canary may come back.
    pub(super) async fn get(&mut self, person: Person, path: &str) -> Result<Received, Broken> {
        let answer = self.ask("ward_doctor", Method::GET, &format!("/council-cases/fhir{path}"), &[]).await?;
        self.asked.push((person, answer.header("x-request-id").to_owned()));
        Ok(answer)
    }

    pub(super) async fn ask(
        &self,
        actor: &str,
        method: Method,
        path: &str,
        body: &[u8],
    ) -> Result<Received, Broken> {
        let authorization = format!("Bearer {}", self.council.token(actor));
        let mut headers =
            vec![("authorization", authorization.as_str()), ("accept", "application/fhir+json")];
        if !body.is_empty() {
            headers.push(("content-type", "application/fhir+json"));
        }
        self.send(method, &format!("{}{path}", self.council.base()), &headers, body).await
    }

    pub(super) async fn send(
        &self,
        method: Method,
        url: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Received, Broken> {
        let wire = |source| Broken::Wire { what: "the ward".to_owned(), source };
        let answer = self.caller.call(method, url, headers, body.to_vec()).await.map_err(wire)?;
        let values = answer.headers.values().map(http::HeaderValue::as_bytes);
        let found = values.chain([&answer.body[..]]).find_map(canary::found);
        found
            .map_or(Ok(answer), |form| Err(Broken::Canary { what: "an answer to the ward".to_owned(), form }))
    }
}

/// The step breaks unless this holds.
pub(super) fn expect(holds: Option<()>, otherwise: &str) -> Result<(), Broken> {
    holds.ok_or_else(|| Broken::Unexpected(otherwise.to_owned()))
}

/// The status is the one that is wanted.
pub(super) fn status(answer: &Received, wanted: u16, what: &str) -> Result<(), Broken> {
    if answer.status == wanted {
        return Ok(());
    }
    Err(Broken::Unexpected(format!("{what}: status {} instead of {wanted}", answer.status)))
}

/// Every exchange about a person stands in her trail once, and in nobody else's.
async fn recorded(ward: &Ward<'_>) -> Result<String, Broken> {
    for person in [ANN, BEN, CARA] {
        let identifier = query::encode(&format!("https://fhir.nhs.uk/Id/nhs-number|{}", person.nhs_number));
        let path = format!("/fhir/AuditEvent?patient.identifier={identifier}&_count=100");
        let answer = ward.ask("guardian", Method::GET, &path, &[]).await?;
        status(&answer, 200, "the trail")?;
        let bundle = answer.json();
        let events: Vec<&Value> =
            json::list(&bundle, "/entry").iter().filter_map(|entry| entry.get("resource")).collect();
        for (about, request_id) in &ward.asked {
            let is_of_it = |event: &&&Value| json::is_of_exchange(event, request_id);
            let count = events.iter().filter(is_of_it).count();
            if count != usize::from(*about == person) {
                return Err(Broken::Unexpected(format!(
                    "an exchange about {} stands {count} times in the trail of {}",
                    about.name, person.name
                )));
            }
        }
    }
    Ok(format!("{} exchanges, each once in the trail of whom it was about", ward.asked.len()))
}
