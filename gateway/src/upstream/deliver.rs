//! Systems that take neither FHIR R4 nor HL7 v2: what was released for them goes over HTTP in their words.
//!
//! A document or notice is posted to the base: its own id, which the same content has again, tells the receiver that it has it. A Bundle of
//! another release is put under its id, as one of R4 is. The status settles it; nothing of the answer is read.

use bytes::Bytes;
use fhir::reference::Id;
use http::Method;
use http::header::{self, HeaderMap, HeaderValue};
use tokio::time::Instant;

use super::ask::{Again, Ask, PREFER};
use super::send::MINIMAL;
use super::{Taken, Upstream, UpstreamFault};
use crate::person::SystemName;
use crate::settings::receives::Receives;

/// What such a system answers is not looked at, in whatever form it is.
const ANYTHING: HeaderValue = HeaderValue::from_static("*/*");

impl Upstream {
    /// Takes what was released into the outbox to a system that takes such words; `bundle` is the id of what it says. Nothing else
    /// may be put in here. Never sent again by itself: it may have been taken although no answer came.
    ///
    /// # Errors
    /// [`UpstreamFault`] when it is not known what became of it, or it may be taken later.
    pub async fn deliver(
        &self,
        system: &SystemName,
        bundle: &str,
        body: &Bytes,
    ) -> Result<Taken, UpstreamFault> {
        let holder = self.holder(system)?;
        let receives = holder.receives.as_ref().ok_or(UpstreamFault::NotWritable)?;
        let deadline = Instant::now() + holder.timeout;
        let ask = ask(receives, bundle, body.clone())?;
        let _slot = holder.slot(deadline).await?;
        let answer = holder.ask_once(&ask, deadline).await?;
        let (status, fault) = (answer.status, answer.fault());
        answer.discard(holder, deadline).await;
        Taken::of(status.as_u16()).ok_or(fault)
    }
}

fn ask(receives: &Receives, bundle: &str, body: Bytes) -> Result<Ask, UpstreamFault> {
    let media_type = HeaderValue::from_str(receives.media_type()).map_err(|_| UpstreamFault::NotWritable)?;
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, media_type);
    let (method, path) = match receives.release() {
        None => {
            headers.insert(header::ACCEPT, ANYTHING);
            (Method::POST, String::new())
        }
        Some(_) => {
            let id = Id::parse(bundle).map_err(|_| UpstreamFault::NotWritable)?;
            headers.insert(PREFER, MINIMAL);
            (Method::PUT, format!("/Bundle/{}", id.as_str()))
        }
    };
    Ok(Ask { method, path, content_type: None, body, headers, again: Again::Never })
}
