//! An API that answers in JSON: asked for one value after the other, page by page, with the TLS, credentials and bounds of
//! any system. Nothing a client says is in what is asked but ids and NHS numbers, each as one value.

use std::collections::BTreeSet;
use std::sync::Arc;

use adapters::mapping::pull::{Ids, Made};
use adapters::mapping::{Reach, Refused};
use bytes::Bytes;
use fhir::json;
use futures_util::stream::{self, StreamExt};
use http::{HeaderValue, Method, StatusCode, header};
use tokio::time::Instant;

use super::Sourced;
use super::gathered::{Answered, BYTES_MAX, Gathered, Holding, Memory};
use super::unread::is_value;
use crate::enforce::held::Complete;
use crate::settings::mapped::Api;
use crate::settings::{Speaks, System};
use crate::upstream::UpstreamFault;
use crate::upstream::fetch::safe;
use crate::upstream::holder::Holder;
use crate::upstream::tls::UpstreamProblem;

/// Values that are asked for at once, one by one.
const VALUES_MAX: usize = 200;
/// Questions under way at once.
const AT_ONCE: usize = 4;
/// Pages of one answer.
const PAGES_MAX: usize = 500;
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// An API that is asked.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) sourced: Sourced,
    api: Api,
    holder: Holder,
}

/// What an answer became.
#[derive(Debug, Default)]
struct Found {
    made: Vec<Made>,
    /// What those said that could not be translated, as far as it could be read.
    refused: Vec<Vec<String>>,
    complete: Complete,
    /// The memory it takes.
    holding: Holding,
}

/// What it means that there is no such place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Nobody {
    /// Nobody and nothing is found: the value was a part of the path.
    IsAbsent,
    /// The API is not where it was: the value was in the query.
    IsMoved,
}

/// What reaches the API of a system: its base and credentials, within the bounds of the system.
pub(super) fn holder(system: &System, api: &Api) -> Result<Holder, UpstreamProblem> {
    let reached = System {
        base: api.base.clone(),
        aliases: Vec::new(),
        ca: api.ca.clone(),
        credentials: api.credentials.clone(),
        speaks: Speaks::Fhir,
        ..system.clone()
    };
    Holder::new(&reached)
}

impl Asked {
    pub(super) fn new(sourced: Sourced, api: Api, holder: Holder) -> Self {
        Self { sourced, api, holder }
    }

    /// What matches of what is found by the first criterion that the API can be asked for.
    pub(super) async fn matches(
        self: Arc<Self>,
        mut gathered: Gathered,
        deadline: Instant,
    ) -> Result<Answered, UpstreamFault> {
        let kind = gathered.query().resource_type();
        let mut criteria = gathered.query().criteria().iter();
        let asked = criteria.find_map(|one| self.api.asked(&self.sourced.mapping, kind, one));
        let (path, values) = asked.ok_or(UpstreamFault::Rejected)?;
        if values.len() > VALUES_MAX {
            return Err(UpstreamFault::TooLarge);
        }
        let nobody = if path.is_query() { Nobody::IsMoved } else { Nobody::IsAbsent };
        let paths: Vec<String> = values.iter().map(|value| path.with(value)).collect();
        let memory = gathered.memory().clone();
        let one = |path: String| Arc::clone(&self).pages((path, nobody), memory.clone(), deadline);
        let mut answers = stream::iter(paths.into_iter().map(one)).buffered(AT_ONCE);
        let mut read = 0;
        while let Some(part) = answers.next().await {
            let part = part?;
            read += part.made.len();
            if read > self.sourced.rows_max || part.complete == Complete::Bounded {
                gathered.bound();
                break;
            }
            let taken = tokio::task::spawn_blocking(move || {
                for said in &part.refused {
                    match nobody {
                        // It stood where the value leads.
                        Nobody::IsAbsent => gathered.refuse_unread(),
                        Nobody::IsMoved => gathered.refuse(said.iter().map(String::as_str)),
                    }
                }
                part.made.into_iter().try_for_each(|made| gathered.take(made))?;
                Ok(gathered)
            });
            gathered = taken.await.map_err(|_| UpstreamFault::Failed)??;
        }
        Ok(gathered.finish(&self.sourced))
    }

    async fn pages(
        self: Arc<Self>,
        (first, nobody): (String, Nobody),
        memory: Memory,
        deadline: Instant,
    ) -> Result<Found, UpstreamFault> {
        let mut seen = BTreeSet::from([first.clone()]);
        let mut path = first;
        let mut found = Found::default();
        let mut room = BYTES_MAX;
        loop {
            let body = match (self.page(&path, deadline).await?, nobody) {
                (Some(body), _) => body,
                (None, Nobody::IsAbsent) if seen.len() == 1 => return Ok(found),
                // What the API led to itself is there.
                (None, Nobody::IsAbsent) => return Err(UpstreamFault::BadLink),
                (None, Nobody::IsMoved) => return Err(UpstreamFault::SourceMoved),
            };
            let Some(left) = room.checked_sub(body.len()) else {
                return Ok(Found { complete: Complete::Bounded, ..found });
            };
            room = left;
            found.holding.grow(BYTES_MAX.saturating_sub(room), &memory)?;
            let me = Arc::clone(&self);
            let read = tokio::task::spawn_blocking(move || me.read(&body)).await;
            let (part, next) = read.map_err(|_| UpstreamFault::Failed)??;
            found.made.extend(part.made);
            found.refused.extend(part.refused);
            let Some(next) = next else { return Ok(found) };
            path = self.within(&next).ok_or(UpstreamFault::BadLink)?;
            if !seen.insert(path.clone()) {
                return Err(UpstreamFault::BadLink);
            }
            if seen.len() > PAGES_MAX {
                return Ok(Found { complete: Complete::Bounded, ..found });
            }
        }
    }

    /// One page; nothing where the API has no such thing.
    async fn page(&self, path: &str, deadline: Instant) -> Result<Option<Bytes>, UpstreamFault> {
        let mut ask = safe(Method::GET, path.to_owned(), None, Bytes::new());
        ask.headers.insert(header::ACCEPT, JSON);
        let answer = match self.holder.ask_once(&ask, deadline).await {
            // A pooled connection may have been closed under our hands.
            Err(UpstreamFault::BrokenOff) => self.holder.ask_once(&ask, deadline).await?,
            answered => answered?,
        };
        match answer.status {
            StatusCode::OK => answer.json(self.holder.body_bytes_max, deadline).await.map(Some),
            StatusCode::NOT_FOUND | StatusCode::GONE => {
                answer.discard(&self.holder, deadline).await;
                Ok(None)
            }
            _ => {
                let fault = answer.fault();
                answer.discard(&self.holder, deadline).await;
                Err(fault)
            }
        }
    }

    /// What a page becomes, and the link to the next.
    fn read(&self, body: &Bytes) -> Result<(Found, Option<String>), UpstreamFault> {
        let mut found = Found::default();
        let records = self.sourced.mapping.pulled(&body[..], &self.sourced.context, Ids::Keys);
        let mut records = records.map_err(|refused| unread(&refused))?;
        while let Some(record) = records.next() {
            match record {
                Ok(pulled) => found.made.extend(pulled.made),
                Err(Refused::NothingBuilt { .. }) => {}
                Err(refused) if refused.reach() == Reach::Record => {
                    let said = records.said().into_iter().filter(|text| is_value(text));
                    found.refused.push(said.map(str::to_owned).collect());
                }
                Err(refused) => return Err(unread(&refused)),
            }
        }
        if self.api.next.is_empty() {
            return Ok((found, None));
        }
        let limits = json::Limits { bytes_max: self.holder.body_bytes_max, ..json::Limits::default() };
        let document = json::parse(body.clone(), &limits).map_err(UpstreamFault::Malformed)?;
        let way: Vec<&str> = self.api.next.iter().map(String::as_str).collect();
        let next = document.root().str_at(&way).map(std::borrow::Cow::into_owned);
        Ok((found, next.filter(|next| !next.is_empty())))
    }

    /// What follows the base in a link to the next page; nothing where it leads elsewhere. A path counts from the root of
    /// the API's server when it begins as the base does, else from the base.
    fn within(&self, link: &str) -> Option<String> {
        let base = self.holder.base.as_str();
        let root = base.split_once("://").and_then(|(_, rest)| rest.find('/').map(|at| rest.split_at(at).1));
        let path = match (link.contains("://"), root) {
            (true, _) => link.strip_prefix(base)?,
            (false, Some(root)) => {
                link.strip_prefix(root).filter(|rest| rest.starts_with('/')).unwrap_or(link)
            }
            (false, None) => link,
        };
        let is_plain = path.starts_with('/')
            && !path.starts_with("//")
            && path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#' && byte != b'\\')
            && !path.split(['/', '?']).any(|segment| segment == "..")
            // A dot has no need to be written so, but to get past the line above.
            && !path.split('?').next().unwrap_or_default().to_ascii_lowercase().contains("%2e");
        is_plain.then(|| path.to_owned())
    }
}

fn unread(refused: &Refused) -> UpstreamFault {
    if matches!(refused, Refused::NoRecords | Refused::NotARecord { .. }) {
        return UpstreamFault::SourceMoved;
    }
    if matches!(refused, Refused::TooLarge { .. }) {
        return UpstreamFault::TooLarge;
    }
    UpstreamFault::NotJson
}
