//! Doing something and finding what was recorded of it.

use std::collections::HashSet;
use std::time::Duration;

use http::Method;
use jiff::{SignedDuration, Timestamp};
use tokio::time::{Instant, sleep};

use super::super::people::{Asked, JSON, ask, claims, entries, json, list, next_page, text};
use super::event::Event;
use crate::bench::Bench;
use crate::check::Otherwise;
use crate::scene::{Audit, Correlation, Patient, Scene};
use crate::target::Answer;

/// How far two clocks may be apart.
pub(in crate::suite) const SKEW: SignedDuration = SignedDuration::from_secs(5);
const PAGES_MAX: usize = 5;
const POLL: Duration = Duration::from_millis(50);

/// The trail of the endpoint under test.
pub(in crate::suite) struct Trail<'a> {
    pub(in crate::suite) bench: &'a Bench,
    pub(in crate::suite) scene: &'a Scene,
    pub(in crate::suite) audit: &'a Audit,
}

/// Something that was done, and its answer.
pub(in crate::suite) struct Deed {
    pub(in crate::suite) answer: Answer,
    pub(in crate::suite) sent: Timestamp,
    pub(in crate::suite) answered: Timestamp,
    /// `X-Request-Id` of the request.
    pub(in crate::suite) request_id: String,
    /// Events that were there before it.
    before: HashSet<String>,
}

impl Deed {
    /// The id that the endpoint gave the request, else ours.
    pub(in crate::suite) fn id(&self) -> &str {
        self.answer.header("x-request-id").unwrap_or(&self.request_id)
    }
}

impl<'a> Trail<'a> {
    /// The trail, where the scene says where it is.
    pub(in crate::suite) fn of(bench: &'a Bench) -> Result<Self, Otherwise> {
        let scene = bench.scene()?;
        let audit = scene
            .audit
            .as_ref()
            .ok_or_else(|| Otherwise::skipped("the scene does not say where AuditEvents are: [audit]"))?;
        Ok(Self { bench, scene, audit })
    }

    pub(in crate::suite) fn patient(&self, name: &str) -> Result<&'a Patient, Otherwise> {
        let found = self.scene.patient(name);
        found.ok_or_else(|| Otherwise::error("the scene names a patient that it does not have"))
    }

    pub(in crate::suite) fn base(&self) -> Option<&'a str> {
        self.audit.base.as_deref()
    }

    /// Does it, with an `X-Request-Id` of its own. `whom` are those whose trail is looked into afterwards.
    pub(in crate::suite) async fn does(
        &self,
        asked: Asked<'_>,
        whom: &[&Patient],
    ) -> Result<Deed, Otherwise> {
        let mut before = HashSet::new();
        for patient in whom {
            let found = self.found(&self.path_about(patient)).await?;
            before.extend(found.iter().map(|event| event.id().to_owned()));
        }
        let request_id = request_id();
        let mut headers = asked.headers.to_vec();
        headers.push(("x-request-id", &request_id));
        let sent = Timestamp::now();
        let answer = ask(self.bench, Asked { headers: &headers, ..asked }).await?;
        let answered = Timestamp::now();
        Ok(Deed { answer, sent, answered, request_id, before })
    }

    /// The events of a deed that name this patient, once there is one and no more come.
    pub(in crate::suite) async fn about(
        &self,
        patient: &Patient,
        deed: &Deed,
    ) -> Result<Vec<Event>, Otherwise> {
        self.settled(&self.path_about(patient), Some((patient, deed))).await
    }

    /// The events of a deed, whomever they name.
    pub(in crate::suite) async fn of_deed(&self, deed: &Deed) -> Result<Vec<Event>, Otherwise> {
        let Some(query) = &self.audit.by_request else {
            return Err(Otherwise::skipped("the scene knows no search for a request: audit.by_request"));
        };
        let path = format!("AuditEvent?{}", query.replace("{request}", deed.id()));
        self.settled(&path, None).await
    }

    /// What a search finds of a patient and a deed, once it finds something and had time to find more.
    async fn settled(&self, path: &str, of: Option<(&Patient, &Deed)>) -> Result<Vec<Event>, Otherwise> {
        let begun = Instant::now();
        while self.wanted(path, of).await?.is_empty() {
            if begun.elapsed() >= self.audit.window {
                return Ok(Vec::new());
            }
            sleep(POLL).await;
        }
        sleep(self.audit.settle).await;
        self.wanted(path, of).await
    }

    async fn wanted(&self, path: &str, of: Option<(&Patient, &Deed)>) -> Result<Vec<Event>, Otherwise> {
        let mut found = self.found(path).await?;
        if let Some((patient, deed)) = of {
            found.retain(|event| event.names(patient) && self.is_of(event, deed));
        }
        Ok(found)
    }

    /// The search for everything about a patient.
    pub(in crate::suite) fn path_about(&self, patient: &Patient) -> String {
        let identifier = patient.identifier.as_ref().map(|named| escaped(&named.token())).unwrap_or_default();
        let query = self.audit.by_patient.replace("{identifier}", &identifier).replace("{id}", &patient.id);
        format!("AuditEvent?{query}")
    }

    /// The AuditEvents that a search finds, some pages of them.
    async fn found(&self, path: &str) -> Result<Vec<Event>, Otherwise> {
        let mut events = Vec::new();
        let mut next = Some(path.to_owned());
        let base = self.base().unwrap_or_else(|| self.bench.target().base()).to_owned();
        for _ in 0..PAGES_MAX {
            let Some(path) = next.take() else { break };
            let asked = Asked::get(&self.audit.reader, &path).at(self.base());
            let answer = ask(self.bench, asked).await?;
            if answer.status != 200 {
                let told =
                    format!("the trail does not answer whom the scene lets look: status {}", answer.status);
                return Err(Otherwise::error(told));
            }
            let bundle = json(answer.body).ok_or_else(|| Otherwise::error("the trail is no JSON"))?;
            let entries = entries(&bundle).into_iter();
            let audits = entries.filter(|(place, _)| place.starts_with("AuditEvent/"));
            events.extend(audits.map(|(_, event)| Event(event.clone())));
            next = next_page(&bundle, &base);
        }
        Ok(events)
    }

    fn is_of(&self, event: &Event, deed: &Deed) -> bool {
        let recorded = text(&event.0, "/recorded").and_then(|text| text.parse::<Timestamp>().ok());
        if recorded.is_some_and(|at| at < deed.sent.saturating_sub(SKEW).unwrap_or(deed.sent)) {
            return false;
        }
        match (self.audit.correlation, event.request_id()) {
            (Correlation::RequestId, Some(id)) => id == deed.id() || id == deed.request_id,
            // AuthZconsent is closed: it has no place for the id of a request.
            (Correlation::RequestId, None) | (Correlation::New, _) => {
                !deed.before.contains(event.id()) && !event.is_of_the_trail() && !self.is_readers(event)
            }
        }
    }

    /// Whether whoever looks into the trail did it: looking is recorded as well.
    fn is_readers(&self, event: &Event) -> bool {
        let reader = self.scene.actor(&self.audit.reader).and_then(claims);
        reader.is_some_and(|reader| {
            event.agents().iter().any(|agent| text(agent, "/who/identifier/value") == Some(&reader.subject))
        })
    }

    /// One AuditEvent as somebody asks for it.
    pub(in crate::suite) async fn read(&self, actor: &str, id: &str) -> Result<Answer, Otherwise> {
        ask(self.bench, Asked::get(actor, &format!("AuditEvent/{id}")).at(self.base())).await
    }

    /// Something done to an AuditEvent by whoever may look.
    pub(in crate::suite) async fn tamper(
        &self,
        method: &Method,
        id: &str,
        body: &str,
    ) -> Result<Answer, Otherwise> {
        let path = format!("AuditEvent/{id}");
        let headers = [JSON, super::super::people::BODY];
        let asked = Asked {
            actor: Some(&self.audit.reader),
            base: self.base(),
            method,
            path: &path,
            headers: &headers,
            body,
        };
        ask(self.bench, asked).await
    }

    /// How many AuditEvents about a patient somebody else is shown.
    pub(in crate::suite) async fn seen_by(&self, actor: &str, patient: &Patient) -> Result<usize, Otherwise> {
        let path = self.path_about(patient);
        let answer = ask(self.bench, Asked::get(actor, &path).at(self.base())).await?;
        match answer.status {
            200 => Ok(json(answer.body).map_or(0, |bundle| {
                list(&bundle, "entry")
                    .iter()
                    .filter(|entry| text(entry, "/resource/resourceType") == Some("AuditEvent"))
                    .count()
            })),
            401 | 403 | 404 => Ok(0),
            other => Err(Otherwise::error(format!("the trail answers status {other}"))),
        }
    }
}

/// What may stand in a query as it is, and `%xx` for all else.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' | b':' => {
                out.push(char::from(byte));
            }
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}

/// A random id in the form of a UUID, which every server takes.
fn request_id() -> String {
    let mut bytes = [0_u8; 16];
    if aws_lc_rs::rand::fill(&mut bytes).is_err() {
        bytes = Timestamp::now().as_nanosecond().to_be_bytes();
    }
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default().to_owned();
    format!("{}-{}-4{}-a{}-{}", part(0, 8), part(8, 12), part(13, 16), part(17, 20), part(20, 32))
}
