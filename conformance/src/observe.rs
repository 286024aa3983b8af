//! Asks the endpoint the questions of the chosen suites; judges nothing.
//!
//! Every question is harmless: reads, one search, and requests that no server can act on. Nothing is ever created,
//! changed or deleted.

mod claims;

pub use claims::{Claims, Stated};

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use http::Method;

use crate::bench::Exchanged;
use crate::check::Otherwise;
use crate::suite::Suite;
use crate::target::{Answer, Question, Target, Trouble, is_id};

/// A value no server has, sent where something unknown is needed.
pub const UNKNOWN: &str = "portcullis-conformance-unknown";

/// What one question came to.
#[derive(Debug)]
pub enum Observation {
    /// An answer.
    Answer(Box<Answer>),
    /// It was not asked, and why.
    NotAsked(&'static str),
    /// It was asked, and nothing came.
    Trouble(Trouble),
}

impl Observation {
    /// The answer; else why a check on it says no more.
    ///
    /// # Errors
    /// When there is none.
    pub fn answer(&self) -> Result<&Answer, Otherwise> {
        match self {
            Self::Answer(answer) => Ok(answer),
            Self::NotAsked(reason) => Err(Otherwise::skipped(*reason)),
            Self::Trouble(trouble) => Err((*trouble).into()),
        }
    }
}

/// Everything the checks look at.
#[derive(Debug)]
pub struct Observed {
    /// `GET metadata`, accepting JSON.
    pub metadata: Observation,
    /// `GET metadata?_format=json`, accepting XML.
    pub metadata_by_format: Observation,
    /// What the CapabilityStatement claims.
    pub claims: Claims,
    /// The resource that is read.
    pub subject: Option<Subject>,
    /// `GET Type/id`.
    pub read: Observation,
    /// The same by HEAD.
    pub head: Observation,
    /// The same with `If-None-Match` of its ETag.
    pub unchanged: Observation,
    /// Its version by `_history`.
    pub vread: Observation,
    /// A read of an id nobody has.
    pub unknown_id: Observation,
    /// A read of a type that does not exist.
    pub unknown_type: Observation,
    /// A body that is no JSON, posted.
    pub malformed: Observation,
    /// Plain text, posted.
    pub plain_text: Observation,
    /// A read that accepts a picture only.
    pub not_acceptable: Observation,
    /// `DELETE metadata`.
    pub wrong_method: Observation,
    /// A search by a parameter nobody has, handled strictly.
    pub strict_search: Observation,
    /// All that was asked, in order, without what could name a record.
    pub asked: Vec<Exchanged>,
}

/// The resource that is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// Its type.
    pub resource_type: String,
    /// Its id: not for reports.
    pub id: String,
}

const JSON: (&str, &str) = ("accept", "application/fhir+json");

/// The endpoint, and what was asked of it.
struct Asker<'a> {
    target: &'a Target,
    asked: Mutex<Vec<Exchanged>>,
}

/// Asks what `suites` need.
pub async fn observe(target: &Target, suites: &[Suite]) -> Observed {
    let asker = Asker { target, asked: Mutex::default() };
    let mut observed = looked(&asker, suites).await;
    observed.asked = asker.asked.into_inner().unwrap_or_else(PoisonError::into_inner);
    observed
}

async fn looked(asker: &Asker<'_>, suites: &[Suite]) -> Observed {
    let metadata = serving(get(asker, "metadata", &[JSON]).await);
    let claims = metadata.answer().map(Claims::of).unwrap_or_default();
    let not_chosen = || Observation::NotAsked("its suite was not chosen");
    let mut observed = Observed {
        metadata,
        metadata_by_format: not_chosen(),
        claims,
        subject: None,
        read: not_chosen(),
        head: not_chosen(),
        unchanged: not_chosen(),
        vread: not_chosen(),
        unknown_id: not_chosen(),
        unknown_type: not_chosen(),
        malformed: not_chosen(),
        plain_text: not_chosen(),
        not_acceptable: not_chosen(),
        wrong_method: not_chosen(),
        strict_search: not_chosen(),
        asked: Vec::new(),
    };
    // Who does not answer this is not asked all the rest, each as long as its bound.
    if let Observation::Trouble(trouble) = observed.metadata {
        silent(&mut observed, trouble);
        return observed;
    }
    if suites.contains(&Suite::Metadata) {
        let xml = ("accept", "application/fhir+xml");
        observed.metadata_by_format = get(asker, "metadata?_format=json", &[xml]).await;
    }
    if suites.contains(&Suite::Read) {
        reads(asker, &mut observed).await;
    }
    if suites.contains(&Suite::ErrorBodies) {
        errors(asker, &mut observed).await;
    }
    observed
}

/// Who serves nothing for now cannot be judged by what it answers.
fn serving(metadata: Observation) -> Observation {
    match metadata {
        Observation::Answer(answer) if matches!(answer.status, 429 | 503) => {
            Observation::Trouble(Trouble::Busy)
        }
        other @ (Observation::Answer(_) | Observation::NotAsked(_) | Observation::Trouble(_)) => other,
    }
}

/// Nothing can be found out of an endpoint that does not answer.
fn silent(observed: &mut Observed, trouble: Trouble) {
    for slot in [
        &mut observed.metadata_by_format,
        &mut observed.read,
        &mut observed.head,
        &mut observed.unchanged,
        &mut observed.vread,
        &mut observed.unknown_id,
        &mut observed.unknown_type,
        &mut observed.malformed,
        &mut observed.plain_text,
        &mut observed.not_acceptable,
        &mut observed.wrong_method,
        &mut observed.strict_search,
    ] {
        *slot = Observation::Trouble(trouble);
    }
}

async fn reads(asker: &Asker<'_>, observed: &mut Observed) {
    observed.subject = subject(asker, &observed.claims).await;
    let Some(subject) = &observed.subject else {
        let reason = "no resource to read is known: name one with --patient";
        for slot in [&mut observed.read, &mut observed.head, &mut observed.unchanged, &mut observed.vread] {
            *slot = Observation::NotAsked(reason);
        }
        return;
    };
    let path = format!("{}/{}", subject.resource_type, subject.id);
    observed.read = get(asker, &path, &[JSON]).await;
    observed.head = ask(asker, Method::HEAD, &path, &[JSON], "").await;
    let (etag, version) = match &observed.read {
        Observation::Answer(answer) => {
            let document = answer.document.as_ref().ok();
            let version = document.and_then(|held| held.root().str_at(&["meta", "versionId"]));
            (answer.header("etag"), version.map(String::from).filter(|version| is_id(version)))
        }
        Observation::NotAsked(_) | Observation::Trouble(_) => (None, None),
    };
    observed.unchanged = match etag {
        Some(etag) => get(asker, &path, &[JSON, ("if-none-match", etag)]).await,
        None => Observation::NotAsked("the read had no ETag"),
    };
    observed.vread = match version.filter(|_| observed.claims.offers(&subject.resource_type, "vread")) {
        Some(version) => get(asker, &format!("{path}/_history/{version}"), &[JSON]).await,
        None => Observation::NotAsked("vread is not advertised, or the resource has no version"),
    };
}

/// The Patient that was named, else the first match of a search that is advertised.
async fn subject(asker: &Asker<'_>, claims: &Claims) -> Option<Subject> {
    if let Some(id) = asker.target.patient() {
        return Some(Subject { resource_type: "Patient".to_owned(), id: id.to_owned() });
    }
    let resource_type =
        claims.types().find(|name| claims.offers(name, "read") && claims.offers(name, "search-type"))?;
    let found = get(asker, &format!("{resource_type}?_count=1"), &[JSON]).await;
    let answer = found.answer().ok()?;
    let root = answer.document.as_ref().ok()?.root();
    let id = root
        .walk(&["entry", "resource"])
        .find(|resource| resource.member("resourceType").is_some_and(|held| held.is_string(resource_type)))?
        .member("id")?
        .string()?;
    is_id(&id).then(|| Subject { resource_type: resource_type.to_owned(), id: id.into_owned() })
}

async fn errors(asker: &Asker<'_>, observed: &mut Observed) {
    let readable = observed.claims.first_offering("read").map(str::to_owned);
    let creatable = observed.claims.first_offering("create").map(str::to_owned);
    let searchable = observed.claims.first_offering("search-type").map(str::to_owned);
    observed.unknown_type = get(asker, &format!("PortcullisConformance/{UNKNOWN}"), &[JSON]).await;
    observed.wrong_method = ask(asker, Method::DELETE, "metadata", &[JSON], "").await;
    let picture = [("accept", "image/png")];
    observed.not_acceptable = get(asker, "metadata", &picture).await;
    observed.unknown_id = match readable {
        Some(name) => get(asker, &format!("{name}/{UNKNOWN}"), &[JSON]).await,
        None => Observation::NotAsked("read is not advertised"),
    };
    match creatable {
        Some(name) => {
            let json = [JSON, ("content-type", "application/fhir+json")];
            observed.malformed = ask(asker, Method::POST, &name, &json, "{\"resourceType\":").await;
            let text = [JSON, ("content-type", "text/plain")];
            observed.plain_text = ask(asker, Method::POST, &name, &text, "no resource").await;
        }
        None => {
            observed.malformed = Observation::NotAsked("create is not advertised");
            observed.plain_text = Observation::NotAsked("create is not advertised");
        }
    }
    let strict = [JSON, ("prefer", "handling=strict")];
    observed.strict_search = match searchable {
        Some(name) => get(asker, &format!("{name}?{UNKNOWN}=1&_count=1"), &strict).await,
        None => Observation::NotAsked("search-type is not advertised"),
    };
}

async fn get(asker: &Asker<'_>, path: &str, headers: &[(&'static str, &str)]) -> Observation {
    ask(asker, Method::GET, path, headers, "").await
}

async fn ask(
    asker: &Asker<'_>,
    method: Method,
    path: &str,
    headers: &[(&'static str, &str)],
    body: &str,
) -> Observation {
    let question = Question { method, path, headers, body: body.as_bytes() };
    let begun = Instant::now();
    let answer = asker.target.ask(&question).await;
    let exchanged = Exchanged::of(1, &question, &answer, begun.elapsed());
    asker.asked.lock().unwrap_or_else(PoisonError::into_inner).push(exchanged);
    match answer {
        Ok(answer) => Observation::Answer(Box::new(answer)),
        Err(trouble) => Observation::Trouble(trouble),
    }
}
