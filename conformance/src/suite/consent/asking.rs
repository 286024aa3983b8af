//! The ways in which the same record can be asked for. A Consent counts for each of them.

use http::Method;
use serde_json::Value;

use super::super::people::{Asked, FORM, JSON, ask, entries, json, next_page, text};
use super::stage::{Seen, Stage, Want, version};
use crate::check::Otherwise;
use crate::target::Answer;
use crate::tree::{Limits, Tree};

const XML: (&str, &str) = ("accept", "application/fhir+xml");
const PAGES_MAX: usize = 3;

/// How something is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Way {
    Read,
    Xml,
    FormatXml,
    Head,
    Search(String),
    SearchByPost(String),
    Vread,
    History,
}

/// A way as it was found to work: the path to ask.
pub(super) struct Ways {
    path: String,
}

impl Way {
    pub(super) const fn word(&self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Xml => "read in XML",
            Self::FormatXml => "read with _format=xml",
            Self::Head => "HEAD",
            Self::Search(_) => "search",
            Self::SearchByPost(_) => "search by POST",
            Self::Vread => "read of a version",
            Self::History => "history",
        }
    }
}

/// What an answer shows.
enum Found {
    Seen(Seen),
    /// The endpoint does not do this.
    NotOffered(u16),
}

/// Finds the path.
pub(super) async fn way_of(stage: &Stage<'_>, want: &Want) -> Result<Ways, Otherwise> {
    let resource = &want.resource;
    let kind = resource.split('/').next().unwrap_or_default();
    let path = match &want.way {
        Way::Read | Way::Xml | Way::Head => resource.clone(),
        Way::FormatXml => format!("{resource}?_format=xml"),
        Way::Search(search) | Way::SearchByPost(search) => search.clone(),
        Way::History => {
            stage.bench.claimed(kind, "history-instance")?;
            format!("{resource}/_history")
        }
        Way::Vread => {
            stage.bench.claimed(kind, "vread")?;
            let now = ask(stage.bench, Asked::get(&want.actor, resource)).await?;
            let now = json(now.body).unwrap_or_default();
            let version = version(&now).ok_or_else(|| Otherwise::skipped("what is read has no version"))?;
            format!("{resource}/_history/{version}")
        }
    };
    Ok(Ways { path })
}

/// Finds the path, and that it shows the resource while no Consent denies it.
pub(super) async fn prepare(stage: &Stage<'_>, want: &Want) -> Result<Ways, Otherwise> {
    let ways = way_of(stage, want).await?;
    match look(stage, want, &ways).await? {
        Found::Seen(Seen::Shown) => Ok(ways),
        Found::Seen(Seen::Withheld) => Err(Otherwise::error(format!(
            "the scene says that {} is shown this while nothing denies it, and it is withheld from {}",
            want.actor,
            want.way.word()
        ))),
        Found::NotOffered(status) => {
            Err(Otherwise::skipped(format!("{} is not offered: status {status}", want.way.word())))
        }
    }
}

/// Whether it is shown now.
pub(super) async fn shown(stage: &Stage<'_>, want: &Want, ways: &Ways) -> Result<Seen, Otherwise> {
    match look(stage, want, ways).await? {
        Found::Seen(seen) => Ok(seen),
        // It was offered a moment ago.
        Found::NotOffered(_) => Ok(Seen::Withheld),
    }
}

async fn look(stage: &Stage<'_>, want: &Want, ways: &Ways) -> Result<Found, Otherwise> {
    let (actor, path) = (want.actor.as_str(), ways.path.as_str());
    let get = Asked::get(actor, path);
    let answer = match &want.way {
        Way::Xml => ask(stage.bench, Asked { headers: &[XML], ..get }).await?,
        Way::FormatXml => ask(stage.bench, Asked { headers: &[], ..get }).await?,
        Way::Head => ask(stage.bench, Asked { method: &Method::HEAD, ..get }).await?,
        Way::SearchByPost(search) => {
            let (kind, query) = search.split_once('?').unwrap_or((search, ""));
            let path = format!("{kind}/_search");
            let headers = [JSON, FORM];
            let post = Asked { method: &Method::POST, path: &path, headers: &headers, body: query, ..get };
            ask(stage.bench, post).await?
        }
        Way::Read | Way::Search(_) | Way::Vread | Way::History => ask(stage.bench, get).await?,
    };
    match answer.status {
        200 => {}
        403 | 404 | 410 => return Ok(Found::Seen(Seen::Withheld)),
        405 | 406 | 415 | 501 => return Ok(Found::NotOffered(answer.status)),
        401 => return Err(Otherwise::error("the token of somebody of the scene is not taken: status 401")),
        other => return Err(Otherwise::error(format!("status {other}"))),
    }
    let is_there = match &want.way {
        Way::Head => true,
        Way::Xml | Way::FormatXml => in_xml(&answer, &want.resource),
        Way::Read | Way::Vread => json(answer.body).is_some_and(|read| is(&read, &want.resource)),
        Way::History => json(answer.body)
            .is_some_and(|bundle| entries(&bundle).iter().any(|(place, _)| *place == want.resource)),
        Way::Search(_) | Way::SearchByPost(_) => in_pages(stage, actor, answer, &want.resource).await?,
    };
    Ok(Found::Seen(if is_there { Seen::Shown } else { Seen::Withheld }))
}

fn is(resource: &Value, place: &str) -> bool {
    let part = |pointer| text(resource, pointer).unwrap_or_default();
    format!("{}/{}", part("/resourceType"), part("/id")) == place
}

fn in_xml(answer: &Answer, place: &str) -> bool {
    let Ok(tree) = Tree::from_xml(&answer.body, &Limits::default()) else { return false };
    let root = tree.root();
    let id = root.child_text("id").unwrap_or_default();
    root.resource_type().is_some_and(|kind| format!("{kind}/{id}") == place)
}

async fn in_pages(stage: &Stage<'_>, actor: &str, first: Answer, place: &str) -> Result<bool, Otherwise> {
    let base = stage.bench.target().base();
    let mut answer = first;
    for _ in 0..PAGES_MAX {
        let Some(bundle) = json(answer.body) else {
            return Err(Otherwise::unmet("a searchset in JSON", "another text"));
        };
        if entries(&bundle).iter().any(|(found, _)| found == place) {
            return Ok(true);
        }
        let Some(next) = next_page(&bundle, base) else { break };
        answer = ask(stage.bench, Asked::get(actor, &next)).await?;
    }
    Ok(false)
}
