//! Writing Consents down, asking under them, and withdrawing them whatever was found.

use http::Method;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::time::{Duration, Instant, sleep};

use super::super::people::{Asked, BODY, JSON, actor, ask, json as parsed, text};
use super::asking::{Way, Ways, prepare, shown};
use crate::bench::Bench;
use crate::check::{Judgement, Otherwise};
use crate::scene::{Baseline, Consents, Named, Patient, Scene};
use crate::target::Answer;

const POLL: Duration = Duration::from_millis(100);
const ACT_REASON: &str = "http://terminology.hl7.org/CodeSystem/v3-ActReason";

/// Whether somebody is shown something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    Shown,
    Withheld,
}

/// Who asks for what in which way, and what they should see.
#[derive(Debug, Clone)]
pub(super) struct Want {
    pub(super) actor: String,
    pub(super) way: Way,
    pub(super) resource: String,
    pub(super) seen: Seen,
}

/// What a scene says about Consents, and where they are written.
pub(super) struct Stage<'a> {
    pub(super) bench: &'a Bench,
    pub(super) scene: &'a Scene,
    pub(super) consents: &'a Consents,
    pub(super) patient: &'a Patient,
}

/// A Consent that was written down.
pub(super) struct Recorded {
    pub(super) id: String,
    pub(super) body: Value,
    etag: Option<String>,
}

impl<'a> Stage<'a> {
    pub(super) fn of(bench: &'a Bench) -> Result<Self, Otherwise> {
        let scene = bench.scene()?;
        let consents = scene.consents.as_ref().ok_or_else(|| {
            Otherwise::skipped("the scene does not say where Consents are written: [consents]")
        })?;
        let patient = scene
            .patient(&consents.patient)
            .ok_or_else(|| Otherwise::error("the scene names a patient that it does not have"))?;
        Ok(Self { bench, scene, consents, patient })
    }

    /// The patient as a Consent refers to them.
    fn reference(&self) -> Value {
        let place = format!("{}/Patient/{}", self.bench.target().base(), self.patient.id);
        let mut reference = json!({"reference": place});
        if let (Some(named), Some(members)) = (&self.patient.identifier, reference.as_object_mut()) {
            members.insert("identifier".to_owned(), json!({"system": named.system, "value": named.value}));
        }
        reference
    }

    /// A Consent of the patient, in force from now on, that says `provision`.
    pub(super) fn consent(&self, provision: &Value) -> Value {
        let coding = |system: &str, code: &str| json!({"coding": [{"system": system, "code": code}]});
        let organisation = &self.consents.organisation;
        json!({
            "resourceType": "Consent",
            "status": "active",
            "scope": coding("http://terminology.hl7.org/CodeSystem/consentscope", "patient-privacy"),
            "category": [coding("http://loinc.org", "59284-0")],
            "patient": self.reference(),
            "dateTime": format!("{:.0}", Timestamp::now()),
            "performer": [self.reference()],
            "organization": [{"identifier": {"system": organisation.system, "value": organisation.value}}],
            "sourceAttachment": {"title": format!("Made by a conformance suite, {}", self.bench.tag())},
            "policy": [{"uri": self.consents.policy}],
            "provision": provision,
        })
    }

    /// A Consent that denies just this much, also where nothing is shared without one.
    pub(super) fn denying(&self, provision: Value) -> Value {
        let mut denial = provision;
        if let Some(members) = denial.as_object_mut() {
            members.insert("type".to_owned(), "deny".into());
        }
        match self.consents.default {
            Baseline::Permit => self.consent(&denial),
            Baseline::Deny => self.consent(&json!({"type": "permit", "provision": [denial]})),
        }
    }

    /// An actor of a provision: the organisation of somebody of the scene.
    pub(super) fn organisation_of(&self, name: &str) -> Result<Value, Otherwise> {
        let organisation = actor(self.bench, name)?.organisation.as_ref();
        let organisation = organisation.ok_or_else(|| {
            Otherwise::skipped(
                "the scene does not say how a Consent names an organisation: actors.NAME.organisation",
            )
        })?;
        Ok(recipient(organisation))
    }

    /// Somebody of another organisation who reads the same.
    pub(super) fn other(&self) -> Result<&'a str, Otherwise> {
        let other = self.consents.other.as_deref();
        other.ok_or_else(|| {
            Otherwise::skipped("the scene knows nobody else who reads the same: consents.other")
        })
    }

    /// The purpose with which somebody of the scene asks.
    pub(super) fn purpose_of(&self, name: &str) -> Result<&'a str, Otherwise> {
        let actor = self.scene.actor(name).and_then(|actor| actor.purpose.as_deref());
        actor.ok_or_else(|| {
            Otherwise::skipped("the scene does not say for what they ask: actors.NAME.purpose")
        })
    }

    /// That the actor reads the resource of the scene in this way, or does not.
    pub(super) fn reads(&self, way: Way, seen: Seen) -> Want {
        let (actor, resource) = (self.consents.actor.clone(), self.consents.resource.clone());
        Want { actor, way, resource, seen }
    }

    /// Writes a Consent down; what its registry does not take is `None`.
    pub(super) async fn offer(&self, body: &Value) -> Result<Option<Recorded>, Otherwise> {
        let text = body.to_string();
        let answer = self.write(&Method::POST, "Consent", None, &text).await?;
        match answer.status {
            200 | 201 => {}
            400 | 409 | 422 => return Ok(None),
            other => {
                let told =
                    format!("the scene says who writes Consents down, and the answer has status {other}");
                return Err(Otherwise::error(told));
            }
        }
        let etag = answer.header("etag").map(str::to_owned);
        let location = answer.header("location").unwrap_or_default();
        let by_location = location.split_once("Consent/").and_then(|(_, rest)| rest.split('/').next());
        let by_body = parsed(answer.body.clone());
        let by_body = by_body.as_ref().and_then(|body| super::super::people::text(body, "/id"));
        match by_location.or(by_body).filter(|id| crate::target::is_id(id)) {
            Some(id) => Ok(Some(Recorded { id: id.to_owned(), body: body.clone(), etag })),
            None => Err(Otherwise::error("the Consent was taken, and nothing says under which id")),
        }
    }

    /// Writes a Consent down that its registry must take.
    pub(super) async fn record(&self, body: &Value) -> Result<Recorded, Otherwise> {
        let taken = self.offer(body).await?;
        taken.ok_or_else(|| Otherwise::unmet("a Consent of IHE PCF to be taken", "a refusal"))
    }

    async fn write(
        &self,
        method: &Method,
        path: &str,
        etag: Option<&str>,
        body: &str,
    ) -> Result<Answer, Otherwise> {
        let mut headers = vec![JSON, BODY];
        headers.extend(etag.map(|etag| ("if-match", etag)));
        let asked = Asked {
            actor: Some(&self.consents.recorder),
            base: self.consents.base.as_deref(),
            method,
            path,
            headers: &headers,
            body,
        };
        ask(self.bench, asked).await
    }

    /// Ends a Consent: by its status, or where that cannot be by taking it away.
    pub(super) async fn withdraw(&self, recorded: &Recorded) -> Judgement {
        let path = format!("Consent/{}", recorded.id);
        let mut body = recorded.body.clone();
        if let Some(members) = body.as_object_mut() {
            members.insert("id".to_owned(), recorded.id.clone().into());
            members.insert("status".to_owned(), "inactive".into());
        }
        let answer = self.write(&Method::PUT, &path, recorded.etag.as_deref(), &body.to_string()).await?;
        if matches!(answer.status, 200 | 201 | 204) {
            return Ok(());
        }
        match self.write(&Method::DELETE, &path, None, "").await?.status {
            200..=299 | 404 | 410 => Ok(()),
            _ => Err(Otherwise::error(format!(
                "a Consent of this run cannot be withdrawn (status {}): what follows is under it",
                answer.status
            ))),
        }
    }

    /// Under these Consents, and none else of this run, everyone sees what they should.
    ///
    /// Before, everyone must see what is wanted under the default: else nothing could be told.
    pub(super) async fn hold(&self, consents: &[Value], wants: &[Want]) -> Judgement {
        let ways = self.ready(wants).await?;
        let mut recorded = Vec::new();
        let mut judged = Ok(());
        for consent in consents {
            match self.record(consent).await {
                Ok(one) => recorded.push(one),
                Err(otherwise) => {
                    judged = Err(otherwise);
                    break;
                }
            }
        }
        if judged.is_ok() {
            judged = self.all_seen(wants, &ways, self.consents.window).await;
        }
        let mut left = Ok(());
        for one in &recorded {
            left = self.withdraw(one).await.and(left);
        }
        judged.and(left)
    }

    /// Finds out how each is asked for, with nothing but the default or a permit for all.
    pub(super) async fn ready(&self, wants: &[Want]) -> Result<Vec<Ways>, Otherwise> {
        let permit = match self.consents.default {
            Baseline::Permit => None,
            Baseline::Deny => Some(self.record(&self.consent(&json!({"type": "permit"}))).await?),
        };
        let mut ways = Vec::new();
        let mut failed = None;
        for want in wants {
            match prepare(self, want).await {
                Ok(way) => ways.push(way),
                Err(otherwise) => {
                    failed = Some(otherwise);
                    break;
                }
            }
        }
        if let Some(permit) = permit {
            self.withdraw(&permit).await?;
        }
        match failed {
            Some(otherwise) => Err(otherwise),
            None => Ok(ways),
        }
    }

    /// Everyone sees what they should, at the latest after `window`.
    pub(super) async fn all_seen(&self, wants: &[Want], ways: &[Ways], window: Duration) -> Judgement {
        for (want, way) in wants.iter().zip(ways) {
            let begun = Instant::now();
            let mut seen = shown(self, want, way).await?;
            while seen != want.seen && begun.elapsed() < window {
                sleep(POLL).await;
                seen = shown(self, want, way).await?;
            }
            if seen != want.seen {
                let word = |seen| match seen {
                    Seen::Shown => "shown",
                    Seen::Withheld => "withheld",
                };
                let about = format!("to {} by {}", want.actor, want.way.word());
                return Err(Otherwise::unmet(format!("{} {about}", word(want.seen)), word(seen).to_owned()));
            }
        }
        Ok(())
    }
}

/// A recipient as a provision names it.
pub(super) fn recipient(organisation: &Named) -> Value {
    json!({
        "role": {"coding": [{
            "system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType",
            "code": "IRCP",
        }]},
        "reference": {"identifier": {"system": organisation.system, "value": organisation.value}},
    })
}

/// A purpose as a provision names it.
pub(super) fn purpose(code: &str) -> Value {
    json!({"system": ACT_REASON, "code": code})
}

/// The id of a version, as a resource tells it.
pub(super) fn version(resource: &Value) -> Option<&str> {
    text(resource, "/meta/versionId")
}
