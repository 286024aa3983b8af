//! The answer to a batch: around what was released for each entry, and what is told where nothing was.
//!
//! Every entry was decided, minimised and recorded by itself before it comes here.

use fhir::bundle::BundleType;
use fhir::json::Writer;
use http::StatusCode;

use super::release::{Head, Minimised};
use crate::interaction::batch::Together;
use crate::server::reply::Reply;
use crate::trail::record::{Event, Exchange};
use crate::trail::records::Records;

/// The answers to the entries of `bundle`, in order, with the record of the batch itself.
#[must_use]
pub fn answers(bundle: Together, replies: &[Reply], exchange: Exchange) -> Minimised {
    let kind = match bundle {
        Together::Batch => BundleType::BatchResponse,
        Together::Transaction => BundleType::TransactionResponse,
    };
    let size: usize = replies.iter().map(|reply| reply.fhir().map_or(0, |body| body.len()) + 160).sum();
    let mut out = Vec::with_capacity(size + 128);
    let mut json = Writer::new(&mut out);
    json.object();
    json.key("resourceType").string("Bundle").key("id").string(&exchange.request_id);
    json.key("type").string(kind.code());
    if !replies.is_empty() {
        json.key("entry").array();
        for reply in replies {
            entry(&mut json, reply);
        }
        json.close();
    }
    json.finish();
    let shares = replies.iter().any(Reply::has_provenance);
    let head =
        Head { status: 200, provenance: shares.then(|| exchange.request_id.clone()), ..Head::default() };
    let records = Records::from(exchange.ended(Event::Disclosed, 200, None));
    Minimised { body: out, head, records, provenance: None }
}

/// What stands in headers alone stands in `response` here, and nothing else does.
fn entry(json: &mut Writer<'_>, reply: &Reply) {
    let status = reply.status();
    let is_given = status.is_success() || status == StatusCode::NOT_MODIFIED;
    let body = reply.fhir().filter(|body| !body.is_empty());
    // Of what was made nothing is shown: what is told of it is told about it.
    let is_given = is_given && status != StatusCode::CREATED;
    json.object();
    if let Some(body) = body.clone().filter(|_| is_given) {
        json.key("resource").raw(&body);
    }
    json.key("response").object();
    json.key("status").string(&line(status));
    for (name, value) in [("location", reply.location()), ("etag", reply.etag())] {
        if let Some(value) = value {
            json.key(name).string(value);
        }
    }
    if let Some(body) = body.filter(|_| !is_given) {
        json.key("outcome").raw(&body);
    }
    json.close().close();
}

fn line(status: StatusCode) -> String {
    match status.canonical_reason() {
        Some(reason) => format!("{} {reason}", status.as_str()),
        None => status.as_str().to_owned(),
    }
}
