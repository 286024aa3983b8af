//! Writing to a system: creates and deliveries. What is sent was released, and is sent at most once a call.

use bytes::Bytes;
use fhir::reference::{Id, Local, Reference};
use http::Method;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use tokio::time::Instant;

use super::ask::{Again, Ask, PREFER};
use super::holder::Holder;
use super::{Upstream, UpstreamFault};
use crate::enforce::release::Released;
use crate::person::SystemName;

const PROVENANCE: HeaderName = HeaderName::from_static("x-provenance");
const IF_NONE_EXIST: HeaderName = HeaderName::from_static("if-none-exist");
/// Nothing of what was stored is read: it need not be sent back. The answer to a message is content of its own.
pub(in crate::upstream) const MINIMAL: HeaderValue =
    HeaderValue::from_static("return=minimal, handling=strict");

/// Something to be written to a system.
pub struct Outgoing {
    write: Write,
    body: Bytes,
    provenance: Option<Bytes>,
}

/// How it is written.
#[derive(Clone, PartialEq, Eq)]
pub enum Write {
    /// `POST /Type`.
    Create {
        /// The resource type.
        resource_type: &'static str,
        /// `If-None-Exist`: criteria under which there is nothing to do.
        if_none_exist: Option<String>,
    },
    /// `PUT /Type/id`: creates it there or changes it.
    Update {
        /// The resource type.
        resource_type: &'static str,
        /// Its logical id.
        id: Id,
        /// `If-Match`: the version it changes.
        if_match: Option<Id>,
    },
    /// `DELETE /Type/id`.
    Delete {
        /// The resource type.
        resource_type: &'static str,
        /// Its logical id.
        id: Id,
        /// `If-Match`: the version that is deleted.
        if_match: Id,
    },
    /// `POST /`: a transaction or batch Bundle.
    Transaction,
    /// `POST /$process-message`: a message Bundle.
    Message,
}

/// What became of it, and where it is. Nothing of the answer's body is kept.
#[derive(Clone, PartialEq, Eq)]
pub struct Sent {
    /// What became of it.
    pub taken: Taken,
    /// The id that `Location` names, when it is one on that system and of that type.
    pub id: Option<Id>,
    /// The version that `Location` or `ETag` names.
    pub version: Option<Id>,
}

/// What a system made of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// It is there now (201).
    Created,
    /// It is there, and may have been before (200, 204).
    Done,
    /// It will be there later (202).
    Accepted,
    /// It finds the content wrong (400, 413, 415, 422).
    Invalid,
    /// It has it already, or another version (409, 412).
    Conflict,
    /// It does not take such writes (404, 405, 410, 501).
    NotSupported,
}

impl Taken {
    /// What a status says; nothing for one after which it is not known.
    pub(in crate::upstream) const fn of(status: u16) -> Option<Self> {
        Some(match status {
            200 | 204 => Self::Done,
            201 => Self::Created,
            202 => Self::Accepted,
            400 | 413 | 415 | 422 => Self::Invalid,
            409 | 412 => Self::Conflict,
            404 | 405 | 410 | 501 => Self::NotSupported,
            _ => return None,
        })
    }
}

impl Outgoing {
    /// Released content, to be written now.
    #[must_use]
    pub fn released(write: Write, released: &Released, provenance: Option<Bytes>) -> Self {
        Self { write, body: released.body().clone(), provenance }
    }

    /// Content that was released into the outbox, to be written from there. Nothing else may be put in here.
    #[must_use]
    pub const fn from_outbox(write: Write, body: Bytes, provenance: Option<Bytes>) -> Self {
        Self { write, body, provenance }
    }
}

impl Upstream {
    /// Writes to a system. Never sent again by itself: it may have been carried out although no answer came.
    ///
    /// # Errors
    /// [`UpstreamFault`] when it is not known what became of it, or the system is not to be written to now.
    pub async fn send(&self, system: &SystemName, outgoing: Outgoing) -> Result<Sent, UpstreamFault> {
        let holder = self.holder(system)?;
        let deadline = Instant::now() + holder.timeout;
        let resource_type = outgoing.write.resource_type();
        let answer = holder.ask(&outgoing.into_ask()?, deadline).await?;
        let Some(taken) = Taken::of(answer.status.as_u16()) else {
            let fault = answer.fault();
            answer.discard(holder, deadline).await;
            return Err(fault);
        };
        let local = location(&answer.headers, resource_type, holder);
        let version =
            local.as_ref().and_then(|local| local.version.clone()).or_else(|| etag(&answer.headers));
        answer.discard(holder, deadline).await;
        Ok(Sent { taken, id: local.map(|local| local.id), version })
    }
}

impl Outgoing {
    pub(in crate::upstream) fn into_ask(self) -> Result<Ask, UpstreamFault> {
        let value = |text: &str| HeaderValue::from_str(text).map_err(|_| UpstreamFault::NotWritable);
        let mut headers = HeaderMap::new();
        let (method, path) = match &self.write {
            Write::Create { resource_type, if_none_exist } => {
                if let Some(criteria) = if_none_exist {
                    headers.insert(IF_NONE_EXIST, value(criteria)?);
                }
                (Method::POST, format!("/{resource_type}"))
            }
            Write::Update { resource_type, id, if_match } => {
                if let Some(version) = if_match {
                    headers.insert(header::IF_MATCH, value(&format!("W/\"{}\"", version.as_str()))?);
                }
                (Method::PUT, format!("/{resource_type}/{}", id.as_str()))
            }
            Write::Delete { resource_type, id, if_match } => {
                headers.insert(header::IF_MATCH, value(&format!("W/\"{}\"", if_match.as_str()))?);
                (Method::DELETE, format!("/{resource_type}/{}", id.as_str()))
            }
            Write::Transaction => (Method::POST, String::new()),
            Write::Message => (Method::POST, "/$process-message".to_owned()),
        };
        if let Some(provenance) = self.provenance {
            let provenance = HeaderValue::from_maybe_shared(provenance);
            headers.insert(PROVENANCE, provenance.map_err(|_| UpstreamFault::NotWritable)?);
        }
        if self.write != Write::Message {
            headers.insert(PREFER, MINIMAL);
        }
        let content_type = (!self.body.is_empty()).then_some("application/fhir+json; charset=utf-8");
        Ok(Ask { method, path, content_type, body: self.body, headers, again: Again::Never })
    }
}

impl Write {
    pub(in crate::upstream) const fn resource_type(&self) -> Option<&'static str> {
        match self {
            Self::Create { resource_type, .. }
            | Self::Update { resource_type, .. }
            | Self::Delete { resource_type, .. } => Some(resource_type),
            Self::Transaction | Self::Message => None,
        }
    }
}

impl std::fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Outgoing({} bytes)", self.body.len())
    }
}

impl std::fmt::Debug for Sent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sent({:?})", self.taken)
    }
}

/// Where `Location` says it is: on this system, of this type; else nothing is believed of it.
fn location(headers: &HeaderMap, resource_type: Option<&'static str>, holder: &Holder) -> Option<Local> {
    let text = headers.get(header::LOCATION)?.to_str().ok()?;
    let reference = Reference::parse(text, &holder.names).ok()?;
    let local = reference.local()?;
    (local.resource_type.as_str() == resource_type?).then(|| local.clone())
}

fn etag(headers: &HeaderMap) -> Option<Id> {
    let text = headers.get(header::ETAG)?.to_str().ok()?;
    let quoted = text.strip_prefix("W/").unwrap_or(text);
    Id::parse(quoted.strip_prefix('"')?.strip_suffix('"')?).ok()
}
