//! Several interactions in one request. Each entry is taken for what it would be if it had come by itself.
//!
//! Only the envelope is read here; what an entry asks is parsed by the same parser as any request, when its turn comes.

use std::collections::BTreeSet;

use fhir::json::Document;
use fhir::outcome::IssueType;
use http::StatusCode;

use super::malformed::Malformed;
use super::transaction::NotATransaction;
use crate::enforce::lines;
use crate::enforce::unfiltered::Unfiltered;
use crate::server::arrive::Told;
use crate::server::arrived::{Arrived, Body, Headers, Method, RequestId, Secret};
use crate::server::format::{self, Format, Instead, NotSpoken};
use crate::server::target::Target;
use crate::settings::Transactions;

/// Interactions that came together.
#[derive(Debug)]
pub struct Batch {
    /// What they have to do with each other.
    pub bundle: Together,
    /// Each of them, in order; or why it is none.
    pub lines: Vec<Result<Line, NotABatch>>,
}

/// What the entries of a Bundle of requests have to do with each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Together {
    /// Nothing: each is answered by itself.
    Batch,
    /// All are answered, or none.
    Transaction,
}

/// One entry: what would have been the request.
#[derive(Debug)]
pub struct Line {
    /// `request.method`.
    pub method: Method,
    /// `request.url`, relative to the base of the face.
    pub url: Secret,
    /// `request.ifMatch`.
    pub if_match: Option<String>,
    /// `request.ifNoneMatch`.
    pub if_none_match: Option<String>,
    /// `request.ifNoneExist`.
    pub if_none_exist: Option<Secret>,
    /// The media type of `body`, when there is one.
    pub content_type: Option<String>,
    /// What goes with it; sealed.
    pub body: Body,
    /// `fullUrl`: what other entries call it.
    pub full_url: Option<Secret>,
}

/// Why a Bundle or an entry of it is no request that is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotABatch {
    /// Neither a batch nor a transaction.
    #[error("the bundle is neither a batch nor a transaction")]
    Kind,
    /// More entries than are taken.
    #[error("the bundle has too many entries")]
    TooMany,
    /// An entry without a request, or with one that cannot be one.
    #[error("the entry is not a request")]
    Entry,
    /// An address that is not one below the base of this face.
    #[error("the address of the entry is not relative to the base")]
    Url,
    /// A batch in a batch.
    #[error("a batch holds no other")]
    Nested,
    /// A transaction that writes, in a way that is not taken.
    #[error("the transaction is not taken: {0}")]
    Transaction(NotATransaction),
}

impl Together {
    /// The code of the interaction as FHIR spells it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Batch => "batch",
            Self::Transaction => "transaction",
        }
    }
}

impl Batch {
    /// Whether it is a transaction with an entry that may change something.
    #[must_use]
    pub fn is_writing_transaction(&self) -> bool {
        let writes = |line: &Result<Line, NotABatch>| {
            line.as_ref().is_ok_and(|line| !matches!(line.method, Method::Get | Method::Head))
        };
        self.bundle == Together::Transaction && self.lines.iter().any(writes)
    }

    /// The places of the entries that ask for the head of an answer alone.
    #[must_use]
    pub fn heads(&self) -> BTreeSet<usize> {
        let is_head =
            |line: &Result<Line, NotABatch>| line.as_ref().is_ok_and(|line| line.method == Method::Head);
        self.lines.iter().enumerate().filter(|(_, line)| is_head(line)).map(|(at, _)| at).collect()
    }
}

/// Reads the envelope of `body`, a Bundle with at most `entries_max` entries for a system that takes such transactions.
pub(in crate::interaction) fn parse(
    body: &Unfiltered<Document>,
    entries_max: usize,
    transactions: Transactions,
) -> Result<Batch, NotABatch> {
    let batch = lines::of_bundle(body, entries_max)?;
    match transactions {
        // Nothing here takes back what a system has taken, so it has to carry out all or none itself.
        Transactions::NotTaken if batch.is_writing_transaction() => {
            Err(NotABatch::Transaction(NotATransaction::NotTaken))
        }
        Transactions::NotTaken | Transactions::Taken => Ok(batch),
    }
}

/// What all entries have from the request that brought them: who is at the other end, and the headers that hold for all.
#[derive(Debug, Clone)]
pub struct Brought {
    face: String,
    at: jiff::Timestamp,
    peer: std::net::SocketAddr,
    certificate: Option<crate::server::arrived::ClientCertificate>,
    prefer: Option<String>,
    override_reason: Option<Secret>,
}

impl Brought {
    /// What the entries of the Bundle in `arrived` would have from it.
    #[must_use]
    pub fn by(arrived: &Arrived) -> Self {
        Self {
            face: format!("/{}", arrived.target.segments().join("/")),
            at: arrived.at,
            peer: arrived.peer,
            certificate: arrived.certificate.clone(),
            prefer: arrived.headers.prefer.clone(),
            override_reason: arrived.headers.override_reason.clone(),
        }
    }

    /// The request that an entry would have been.
    ///
    /// # Errors
    /// [`Malformed`] when its address is not one below the base of the face.
    pub fn alone(&self, line: Line, request_id: RequestId) -> Result<Arrived, Malformed> {
        let (path, query) = match line.url.expose().split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (line.url.expose(), None),
        };
        let path = match path {
            "" => self.face.clone(),
            path => format!("{}/{path}", self.face),
        };
        let target = Target::parse(&path, query).map_err(|_| NotABatch::Url)?;
        let headers = Headers {
            content_type: line.content_type,
            if_match: line.if_match,
            if_none_match: line.if_none_match,
            if_none_exist: line.if_none_exist,
            prefer: self.prefer.clone(),
            override_reason: self.override_reason.clone(),
            // What stands in a Bundle is a resource, a Binary too.
            accept: Some(String::from("application/fhir+json")),
            ..Headers::default()
        };
        // As at the door: what the answer is without its body is what it is with it.
        let method = if line.method == Method::Head { Method::Get } else { line.method };
        Ok(Arrived {
            request_id,
            at: self.at,
            method,
            format: entry_format(query),
            instead: Instead::Nothing,
            target,
            headers,
            body: line.body,
            peer: self.peer,
            certificate: self.certificate.clone(),
        })
    }
}

/// An entry is a part of one answer: it may ask for no other format than JSON, in which that is put together.
fn entry_format(query: Option<&str>) -> Result<Format, NotSpoken> {
    match format::decide(None, &[query.unwrap_or_default()], None)? {
        Format::Json => Ok(Format::Json),
        Format::Xml => Err(NotSpoken),
    }
}

impl NotABatch {
    /// The name of the reason in records and metrics: stable, lower case, with hyphens.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Kind => "not-a-batch",
            Self::TooMany => "batch-too-long",
            Self::Entry | Self::Url => "bad-batch-entry",
            Self::Nested => "batch-in-a-batch",
            Self::Transaction(why) => why.reason(),
        }
    }

    /// What the caller is told.
    #[must_use]
    pub const fn told(self) -> Told {
        use IssueType as Issue;
        let bad = StatusCode::BAD_REQUEST;
        let (status, issue, text) = match self {
            Self::Kind => (bad, Issue::Value, "send a Bundle of type batch or transaction"),
            Self::TooMany => (
                StatusCode::PAYLOAD_TOO_LARGE,
                Issue::TooCostly,
                "the bundle has more entries than are taken at once: send it in parts",
            ),
            Self::Entry => (bad, Issue::Structure, "the entry is not a request with a method and a url"),
            Self::Url => (bad, Issue::Value, "the url of an entry is relative to the base of this face"),
            Self::Nested => (bad, Issue::NotSupported, "a batch holds no batch and no transaction"),
            Self::Transaction(why) => return why.told(),
        };
        Told { status, issue, text }
    }
}
