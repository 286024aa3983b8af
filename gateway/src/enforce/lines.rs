//! The entries of a Bundle of requests: taken out of it and sealed again, one by one.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use fhir::json::{Document, Kind, Node};

use super::unfiltered::Unfiltered;
use crate::interaction::batch::{Batch, Line, NotABatch, Together};
use crate::server::arrived::{Body, Method, Secret};

const FHIR_JSON: &str = "application/fhir+json";

/// The requests in a Bundle. One that is none stands among them as such: it changes nothing for the others.
///
/// # Errors
/// [`NotABatch`] when the Bundle as a whole is none.
pub fn of_bundle(body: &Unfiltered<Document>, entries_max: usize) -> Result<Batch, NotABatch> {
    let root = body.inner().root();
    let bundle = match root.str_at(&["type"]).as_deref() {
        Some("batch") => Together::Batch,
        Some("transaction") => Together::Transaction,
        Some(_) | None => return Err(NotABatch::Kind),
    };
    let lines = match root.member("entry") {
        None => Vec::new(),
        Some(entries) if entries.kind() != Kind::Array => return Err(NotABatch::Kind),
        Some(entries) if entries.len() > entries_max => return Err(NotABatch::TooMany),
        Some(entries) => entries.items().map(line).collect(),
    };
    Ok(Batch { bundle, lines })
}

fn line(entry: Node<'_>) -> Result<Line, NotABatch> {
    let request = entry.member("request").ok_or(NotABatch::Entry)?;
    let text = |name: &str| match request.member(name) {
        None => Ok(None),
        Some(value) => Ok(Some(value.string().ok_or(NotABatch::Entry)?.into_owned())),
    };
    let method = text("method")?.and_then(|name| Method::of(&name)).ok_or(NotABatch::Entry)?;
    let url = Secret::new(text("url")?.ok_or(NotABatch::Entry)?);
    let (content_type, body) = match (entry.member("resource"), method.takes_body()) {
        (None, _) => (None, Bytes::new()),
        // Alone it would have ended at the door.
        (Some(_), false) => return Err(NotABatch::Entry),
        (Some(binary), true) if method == Method::Patch => patch(binary)?,
        (Some(resource), true) => (Some(FHIR_JSON.to_owned()), Bytes::copy_from_slice(resource.raw())),
    };
    Ok(Line {
        method,
        url,
        if_match: text("ifMatch")?,
        if_none_match: text("ifNoneMatch")?,
        if_none_exist: text("ifNoneExist")?.map(Secret::new),
        content_type,
        body: Body::new(body),
        full_url: entry.str_at(&["fullUrl"]).map(|url| Secret::new(url.into_owned())),
    })
}

/// A patch is no resource: in a Bundle it is the content of a Binary (FHIR R4, http.html#patch).
fn patch(binary: Node<'_>) -> Result<(Option<String>, Bytes), NotABatch> {
    if !binary.member("resourceType").is_some_and(|name| name.is_string("Binary")) {
        return Err(NotABatch::Entry);
    }
    let content_type = binary.str_at(&["contentType"]).ok_or(NotABatch::Entry)?.into_owned();
    let data = binary.str_at(&["data"]).ok_or(NotABatch::Entry)?;
    let data = STANDARD.decode(data.as_bytes()).map_err(|_| NotABatch::Entry)?;
    Ok((Some(content_type), data.into()))
}
