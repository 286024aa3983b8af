//! Systems without FHIR: what the gateway would ask a FHIR server is answered from files, views and APIs, by mappings.
//!
//! [`Pull::answer`] takes the very question that would have gone over the wire and gives a status and a body, so that
//! everything before and behind it is the same for every system. Which records may match is asked of the source as far
//! as it can be asked (`must_equal`); whether they do is told by the search of [`fhir::search`], as everywhere. What
//! cannot be told does not match.
//!
//! What a source says is as much content as what a server sends. Nothing of it is in a fault or a log line.

mod api;
mod dropped;
mod folder;
pub(in crate::upstream) mod gathered;
mod kept;
mod postgres;
mod sql;
mod sqlite;
mod unread;

use std::collections::VecDeque;
use std::sync::Arc;

use adapters::Context;
use adapters::mapping::pull::Made;
use bytes::Bytes;
use fhir::json::Writer;
use fhir::reference::Bases;
use fhir::search::{SearchQuery, grammar};
use fhir::tables::{self, TypeId};
use http::{Method, StatusCode};
use tokio::time::Instant;

use self::dropped::Dropped;
use self::gathered::{Answered, Gathered, Memory};
use self::unread::Wanted;
use super::UpstreamFault;
use super::ask::{Ask, Further};
use super::tls::UpstreamProblem;
use crate::enforce::held::Complete;
use crate::person::SystemName;
use crate::settings::mapped::{Mapped, Source, SourcePlace};
use crate::settings::{Speaks, System};

/// Entries of one page.
const PAGE_MAX: usize = 500;
/// What stands around an entry of a searchset.
const AROUND: usize = 64;

/// A system without FHIR.
#[derive(Debug)]
pub(in crate::upstream) struct Pull {
    mapped: Arc<Mapped>,
    /// What each source reads, in their order.
    readers: Vec<Reader>,
    bases: Bases,
    bytes_max: usize,
    memory: Memory,
}

/// What reads a source.
#[derive(Debug)]
enum Reader {
    Dropped(Arc<Dropped>),
    Sqlite(Arc<sqlite::View>),
    Postgres(Arc<postgres::View>),
    Api(Arc<api::Asked>),
}

/// What is the same for every question to a source.
#[derive(Debug)]
struct Sourced {
    system: SystemName,
    mapping: Arc<adapters::mapping::Mapping>,
    context: Context,
    rows_max: usize,
}

impl Pull {
    /// The sources of `system`; nothing where it speaks FHIR itself.
    pub(in crate::upstream) fn of(system: &System) -> Result<Option<Self>, UpstreamProblem> {
        let Speaks::Mapped(mapped) = &system.speaks else { return Ok(None) };
        // The settings have checked the zone.
        let context =
            Context::new(system.name.as_str(), Some(system.organisation.clone()), &mapped.time_zone);
        let context = context.map_err(|_| UpstreamProblem::Base(system.name.clone()))?;
        let bases = Bases::new([system.base.to_string().as_str()]).unwrap_or_else(|_| Bases::none());
        let reader = |source: &Source| {
            let sourced = Sourced {
                system: system.name.clone(),
                mapping: Arc::clone(&source.mapping),
                context: context.clone(),
                rows_max: source.rows_max,
            };
            Ok(match &source.place {
                SourcePlace::Api(api) => {
                    let holder = api::holder(system, api)?;
                    Reader::Api(Arc::new(api::Asked::new(sourced, api.clone(), holder)))
                }
                SourcePlace::Drop { folder, files, quiet } => {
                    let watched = folder::Watched::new(folder.clone(), files.clone(), *quiet);
                    Reader::Dropped(Arc::new(Dropped::new(sourced, watched, mapped.ids, bases.clone())))
                }
                SourcePlace::Sqlite { file, view } => {
                    Reader::Sqlite(Arc::new(sqlite::View::new(sourced, file.clone(), view.clone())))
                }
                SourcePlace::Postgres(place) => {
                    let server = postgres::Server::new(system, place, &mapped.time_zone)?;
                    Reader::Postgres(Arc::new(postgres::View::new(sourced, server, place.view.clone())))
                }
            })
        };
        let readers: Result<Vec<Reader>, UpstreamProblem> = mapped.sources.iter().map(reader).collect();
        let readers = readers?;
        Ok(Some(Self {
            mapped: Arc::clone(mapped),
            readers,
            bases,
            bytes_max: system.body_bytes_max,
            memory: Memory::default(),
        }))
    }

    /// Answers as a FHIR server would.
    ///
    /// # Errors
    /// [`UpstreamFault`] when the source cannot be read.
    pub(in crate::upstream) async fn answer(
        &self,
        ask: &Ask,
        deadline: Instant,
    ) -> Result<(StatusCode, Bytes, Further), UpstreamFault> {
        let mut segments = ask.path.split('/').skip(1);
        let (kind, second, more) = (segments.next().unwrap_or_default(), segments.next(), segments.next());
        let Some((kind, source)) = tables::resource_type(kind).and_then(|kind| self.reader(kind)) else {
            return Ok(alone(StatusCode::NOT_FOUND, Bytes::new()));
        };
        match (&ask.method, second, more) {
            (&Method::POST, Some("_search"), None) => {
                let form = std::str::from_utf8(&ask.body).map_err(|_| UpstreamFault::NotWritable)?;
                let Some(query) = self.compiled(kind, form) else {
                    return Ok(alone(StatusCode::BAD_REQUEST, Bytes::new()));
                };
                let found = self.matches(source, &query, deadline).await?;
                let (first, further) = self.pages(found);
                Ok((StatusCode::OK, first, further))
            }
            (&Method::GET, Some(id), None) => {
                let form = fhir::search::form([("_id".to_owned(), id.to_owned())]);
                let Some(query) = self.compiled(kind, &form) else {
                    return Ok(alone(StatusCode::NOT_FOUND, Bytes::new()));
                };
                let found = self.matches(source, &query, deadline).await?;
                if found.complete == Complete::Bounded {
                    // What was not read may say otherwise.
                    return Err(UpstreamFault::TooLarge);
                }
                let nothing = alone(StatusCode::NOT_FOUND, Bytes::new());
                let first = found.made.into_iter().next();
                Ok(first.map_or(nothing, |made| alone(StatusCode::OK, made.json.into())))
            }
            // Refused by rule before anything is asked; whatever else asks is told that there is no such place.
            (_, _, _) => Ok(alone(StatusCode::NOT_FOUND, Bytes::new())),
        }
    }

    fn reader(&self, kind: TypeId) -> Option<(TypeId, &Reader)> {
        let at = self.mapped.sources.iter().position(|source| source.types.contains(&kind))?;
        Some((kind, self.readers.get(at)?))
    }

    fn compiled(&self, kind: TypeId, form: &str) -> Option<SearchQuery> {
        let parameters = grammar::parse(form).ok()?;
        SearchQuery::compile(kind, &parameters, &self.bases).ok()
    }

    /// Every resource that matches, once, in the order of the source.
    async fn matches(
        &self,
        reader: &Reader,
        query: &SearchQuery,
        deadline: Instant,
    ) -> Result<Answered, UpstreamFault> {
        let wanted = Wanted::of(query, &reader.sourced().mapping);
        let gathered =
            Gathered::new((query.clone(), wanted), self.bases.clone(), self.bytes_max, self.memory.clone());
        match reader {
            Reader::Dropped(dropped) => Arc::clone(dropped).matches(gathered, deadline).await,
            Reader::Sqlite(view) => Arc::clone(view).matches(gathered, deadline).await,
            Reader::Postgres(view) => Arc::clone(view).matches(gathered, deadline).await,
            Reader::Api(api) => Arc::clone(api).matches(gathered, deadline).await,
        }
    }

    /// What was found as pages, each within the bounds of a page.
    fn pages(&self, found: Answered) -> (Bytes, Further) {
        let mut pages = VecDeque::new();
        let (mut page, mut bytes) = (Vec::new(), 0);
        for made in found.made {
            let more = made.json.len() + AROUND;
            if page.len() >= PAGE_MAX || (!page.is_empty() && bytes + more > self.bytes_max) {
                pages.push_back(searchset(&page));
                page.clear();
                bytes = 0;
            }
            bytes += more;
            page.push(made);
        }
        let last = searchset(&page);
        let first = match pages.pop_front() {
            None => last,
            Some(first) => {
                pages.push_back(last);
                first
            }
        };
        (first, Further { pages, complete: found.complete, holding: found.holding })
    }
}

impl Reader {
    fn sourced(&self) -> &Sourced {
        match self {
            Self::Dropped(dropped) => &dropped.sourced,
            Self::Sqlite(view) => &view.sourced,
            Self::Postgres(view) => &view.sourced,
            Self::Api(api) => &api.sourced,
        }
    }
}

impl Sourced {
    /// Tells operators of records that could not be translated: how many, and nothing of them.
    fn tell(&self, refused: usize) {
        if refused > 0 {
            tracing::warn!(
                system = self.system.as_str(),
                place = self.mapping.name(),
                count = refused,
                "rows of a source cannot be translated and are left out"
            );
        }
    }
}

/// An answer of one page.
fn alone(status: StatusCode, body: Bytes) -> (StatusCode, Bytes, Further) {
    (status, body, Further::default())
}

fn searchset(matches: &[Made]) -> Bytes {
    let size: usize = matches.iter().map(|made| made.json.len() + AROUND).sum();
    let mut out = Vec::with_capacity(size + 128);
    let mut writer = Writer::new(&mut out);
    writer.object().key("resourceType").string("Bundle").key("type").string("searchset");
    if !matches.is_empty() {
        writer.key("entry").array();
        for made in matches {
            writer.object().key("resource").raw(&made.json);
            writer.key("search").object().key("mode").string("match").close();
            writer.close();
        }
        writer.close();
    }
    writer.finish();
    out.into()
}
