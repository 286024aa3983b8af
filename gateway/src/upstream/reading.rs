//! Reading a search page by page: so much at once, and so much in all.

use std::collections::BTreeSet;

use bytes::Bytes;
use fhir::json::Document;
use fhir::reference::Id;
use http::{Method, StatusCode};
use tokio::time::Instant;

use super::ask::{Ask, Further, made};
use super::beside::are_among;
use super::fetch::safe;
use super::holder::Holder;
use super::pages::{check_page, next_page};
use super::{Upstream, UpstreamFault};
use crate::enforce::held::{Complete, Held};
use crate::enforce::unfiltered::Unfiltered;
use crate::person::SystemName;

/// Entries asked for on one page.
pub(in crate::upstream) const COUNT: &str = "200";
/// Pages read at once.
pub(in crate::upstream) const PAGES_MAX: usize = 10;
/// Entries read at once.
pub(in crate::upstream) const ENTRIES_MAX: usize = 5_000;
/// Bytes read at once.
pub(in crate::upstream) const BYTES_MAX: usize = 20 << 20;
/// What is read of one search in all, part after part, where what is hidden is let go between: these bounds count it.
const PAGES_IN_ALL: usize = 500;
const ENTRIES_IN_ALL: usize = 50_000;
const BYTES_IN_ALL: usize = 256 << 20;

/// Where a search goes on of which a part was read.
#[derive(Debug)]
pub struct Rest {
    resource_type: String,
    next: Next,
    seen: BTreeSet<String>,
    deadline: Instant,
    so_far: Extent,
}

/// How a search goes on.
#[derive(Debug)]
enum Next {
    /// By asking.
    Ask(Ask),
    /// By pages that are here already.
    Made(Further),
}

/// How much was read.
#[derive(Debug, Default, Clone, Copy)]
struct Extent {
    pages: usize,
    entries: usize,
    bytes: usize,
}

impl Extent {
    const fn reaches(self, pages: usize, entries: usize, bytes: usize) -> bool {
        self.pages >= pages || self.entries >= entries || self.bytes >= bytes
    }
}

/// A part of the answer to a search.
pub(in crate::upstream) struct Part {
    pub(in crate::upstream) pages: Vec<Document>,
    rest: Option<Rest>,
    /// Whether there is no more than was read, where nothing leads on.
    ended: Complete,
}

impl Part {
    /// Whether this is all.
    pub(in crate::upstream) const fn complete(&self) -> Complete {
        match self.rest {
            Some(_) => Complete::Bounded,
            None => self.ended,
        }
    }

    pub(in crate::upstream) fn sealed(self) -> Unfiltered<Held> {
        let complete = self.complete();
        Unfiltered::new(Held::searchset(self.pages, complete, self.rest))
    }
}

impl Upstream {
    /// Reads the next part of a search; none of it beyond what is read of one search in all.
    ///
    /// # Errors
    /// [`UpstreamFault`].
    pub async fn go_on(&self, system: &SystemName, rest: Rest) -> Result<Unfiltered<Held>, UpstreamFault> {
        if rest.so_far.reaches(PAGES_IN_ALL, ENTRIES_IN_ALL, BYTES_IN_ALL) {
            return Ok(Unfiltered::new(Held::searchset(Vec::new(), Complete::Bounded, None)));
        }
        Ok(read(self.holder(system)?, rest, None).await?.sealed())
    }

    /// Reads the first part of a search.
    pub(in crate::upstream) async fn begin(
        &self,
        system: &SystemName,
        resource_type: &str,
        form: &str,
        ids: Option<&BTreeSet<Id>>,
    ) -> Result<Part, UpstreamFault> {
        let holder = self.holder(system)?;
        let body = match form {
            "" => format!("_count={COUNT}"),
            form => format!("{form}&_count={COUNT}"),
        };
        let place = format!("/{resource_type}/_search");
        let ask = safe(Method::POST, place, Some("application/x-www-form-urlencoded"), body.into());
        let all = Rest {
            resource_type: resource_type.to_owned(),
            next: Next::Ask(ask),
            seen: BTreeSet::new(),
            deadline: Instant::now() + holder.timeout,
            so_far: Extent::default(),
        };
        read(holder, all, ids).await
    }
}

/// What follows a page.
enum Behind {
    /// What the page itself leads to.
    Linked,
    /// Pages that are here already.
    Made(Further),
}

/// Reads pages from where `rest` begins.
async fn read(holder: &Holder, rest: Rest, ids: Option<&BTreeSet<Id>>) -> Result<Part, UpstreamFault> {
    let Rest { resource_type, mut next, mut seen, deadline, mut so_far } = rest;
    let mut pages = Vec::new();
    let mut at_once = Extent::default();
    loop {
        let (page, behind) = step(holder, next, deadline).await?;
        let entries = check_page(&page, &resource_type)?;
        if ids.is_some_and(|ids| !are_among(page.root(), ids)) {
            return Err(UpstreamFault::WrongResource);
        }
        for extent in [&mut at_once, &mut so_far] {
            extent.pages += 1;
            extent.entries += entries;
            extent.bytes += page.bytes_len();
        }
        let onward = match behind {
            Behind::Linked => match next_page(&page, holder)? {
                Some(link) if !seen.insert(link.clone()) => return Err(UpstreamFault::BadLink),
                Some(link) => Ok(Next::Ask(safe(Method::GET, link, None, Bytes::new()))),
                None => Err(Complete::All),
            },
            Behind::Made(further) if further.pages.is_empty() => Err(further.complete),
            Behind::Made(further) => Ok(Next::Made(further)),
        };
        pages.push(page);
        next = match onward {
            Ok(next) => next,
            Err(ended) => return Ok(Part { pages, rest: None, ended }),
        };
        if at_once.reaches(PAGES_MAX, ENTRIES_MAX, BYTES_MAX) {
            let rest = Rest { resource_type, next, seen, deadline, so_far };
            return Ok(Part { pages, rest: Some(rest), ended: Complete::Bounded });
        }
    }
}

/// The next page.
async fn step(holder: &Holder, next: Next, deadline: Instant) -> Result<(Document, Behind), UpstreamFault> {
    let ask = match next {
        Next::Ask(ask) => ask,
        Next::Made(mut further) => {
            let page = made(further.pages.pop_front().unwrap_or_default(), holder.body_bytes_max)?;
            return Ok((page, Behind::Made(further)));
        }
    };
    let mut answer = holder.ask(&ask, deadline).await?;
    if answer.status != StatusCode::OK {
        let fault = answer.fault();
        answer.discard(holder, deadline).await;
        return Err(fault);
    }
    let behind = answer.further().map_or(Behind::Linked, Behind::Made);
    Ok((answer.document(holder, deadline).await?, behind))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[tokio::test]
    async fn beyond_any_of_its_bounds_a_search_is_not_read_on() {
        let nowhere = Upstream { holders: BTreeMap::new() };
        let system = SystemName::new("hospital");
        let on = async |pages, entries, bytes| {
            let rest = Rest {
                resource_type: "Condition".to_owned(),
                next: Next::Made(Further::default()),
                seen: BTreeSet::new(),
                deadline: Instant::now(),
                so_far: Extent { pages, entries, bytes },
            };
            nowhere.go_on(&system, rest).await.map(drop)
        };
        for (pages, entries, bytes) in [(PAGES_IN_ALL, 1, 1), (1, ENTRIES_IN_ALL, 1), (1, 1, BYTES_IN_ALL)] {
            assert_eq!(on(pages, entries, bytes).await, Ok(()), "{pages} {entries} {bytes}");
        }
        let below = on(PAGES_IN_ALL - 1, ENTRIES_IN_ALL - 1, BYTES_IN_ALL - 1).await;
        assert_eq!(below, Err(UpstreamFault::UnknownSystem), "the system is asked");
    }
}
