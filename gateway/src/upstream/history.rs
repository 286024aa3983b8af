//! The versions of one resource: what it is now and what its holder tells of before, asked for at once.
//!
//! Both are always asked, so that what is not there takes as long as what may not be seen. Each entry must be a version
//! of the very resource, or its deletion; one that is not makes the whole history unusable.

use std::collections::BTreeSet;

use bytes::Bytes;
use fhir::json::{Document, Node};
use fhir::reference::{Bases, Reference};
use http::{Method, StatusCode};
use tokio::time::Instant;

use super::fetch::safe;
use super::holder::Holder;
use super::pages::next_page;
use super::reading::{BYTES_MAX, COUNT, ENTRIES_MAX, PAGES_MAX};
use super::{Upstream, UpstreamFault};
use crate::enforce::held::{Complete, Held, Versions};
use crate::enforce::unfiltered::Unfiltered;
use crate::interaction::ReadTarget;
use crate::person::SystemName;

impl Upstream {
    /// Reads a resource and its versions, over all pages within bounds.
    pub(in crate::upstream) async fn history(
        &self,
        system: &SystemName,
        target: &ReadTarget,
    ) -> Result<Unfiltered<Held>, UpstreamFault> {
        let holder = self.holder(system)?;
        let (current, versions) = tokio::join!(self.current(holder, target), versions(holder, target));
        let versions = versions.unwrap_or_else(Versions::Unknown);
        let held = current?.map_or(Held::Absent, |current| Held::History { current, versions });
        Ok(Unfiltered::new(held))
    }

    /// A resource as it is now, as the only version there is: what is not shared is not asked for.
    pub(in crate::upstream) async fn only_version(
        &self,
        system: &SystemName,
        target: &ReadTarget,
    ) -> Result<Unfiltered<Held>, UpstreamFault> {
        let current = self.current(self.holder(system)?, target).await?;
        let held = |current| Held::History { current, versions: Versions::NotShared };
        Ok(Unfiltered::new(current.map_or(Held::Absent, held)))
    }
}

async fn versions(holder: &Holder, target: &ReadTarget) -> Result<Versions, UpstreamFault> {
    let deadline = Instant::now() + holder.timeout;
    let (resource_type, id) = (target.resource_type.name(), target.id.as_str());
    let path = format!("/{resource_type}/{id}/_history?_count={COUNT}");
    let mut ask = safe(Method::GET, path, None, Bytes::new());
    let mut pages = Vec::new();
    let (mut entries, mut bytes) = (0, 0);
    let mut seen = BTreeSet::new();
    loop {
        let answer = holder.ask(&ask, deadline).await?;
        if answer.status != StatusCode::OK {
            let fault = fault_of(answer.status).unwrap_or_else(|| answer.fault());
            answer.discard(holder, deadline).await;
            return Err(fault);
        }
        let page = answer.document(holder, deadline).await?;
        entries += check(&page, target, &holder.names)?;
        bytes += page.bytes_len();
        let next = next_page(&page, holder)?;
        pages.push(page);
        let Some(next) = next else { break };
        if pages.len() >= PAGES_MAX || entries >= ENTRIES_MAX || bytes >= BYTES_MAX {
            return Ok(Versions::Known { pages, complete: Complete::Bounded });
        }
        if !seen.insert(next.clone()) {
            return Err(UpstreamFault::BadLink);
        }
        ask = safe(Method::GET, next, None, Bytes::new());
    }
    match entries {
        0 => Err(UpstreamFault::NoHistory),
        _ => Ok(Versions::Known { pages, complete: Complete::All }),
    }
}

/// The ways in which servers say that they have no histories.
fn fault_of(status: StatusCode) -> Option<UpstreamFault> {
    matches!(status.as_u16(), 400 | 404 | 405 | 410 | 422 | 501).then_some(UpstreamFault::NoHistory)
}

/// How many entries a page has, all of them of the resource that was asked for.
fn check(page: &Document, target: &ReadTarget, names: &Bases) -> Result<usize, UpstreamFault> {
    let bundle = page.root();
    if !is(bundle, "resourceType", "Bundle") || !is(bundle, "type", "history") {
        return Err(UpstreamFault::NotAHistory);
    }
    let Some(entries) = bundle.member("entry") else { return Ok(0) };
    let mut count = 0;
    for entry in entries.items() {
        match entry.member("resource") {
            Some(version) if !deletes(entry) => {
                let is_of_it = is(version, "resourceType", target.resource_type.name())
                    && is(version, "id", target.id.as_str());
                if !is_of_it {
                    return Err(UpstreamFault::WrongResource);
                }
            }
            Some(_) | None if deletes(entry) && names_it(entry, target, names) => {}
            Some(_) | None => return Err(UpstreamFault::UnexpectedEntry),
        }
        count += 1;
    }
    Ok(count)
}

fn is(node: Node<'_>, name: &str, text: &str) -> bool {
    node.member(name).is_some_and(|member| member.is_string(text))
}

fn deletes(entry: Node<'_>) -> bool {
    entry.member("request").is_some_and(|request| is(request, "method", "DELETE"))
}

/// Whether a deletion is of the resource that was asked for.
fn names_it(entry: Node<'_>, target: &ReadTarget, names: &Bases) -> bool {
    let url = entry.str_at(&["request", "url"]).or_else(|| entry.str_at(&["fullUrl"]));
    match url.map(|url| Reference::parse(&url, names)) {
        Some(Ok(Reference::Local(local))) => {
            local.resource_type.as_str() == target.resource_type.name() && local.id == target.id
        }
        Some(_) | None => false,
    }
}
