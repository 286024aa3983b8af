//! Searches on the endpoint, and what they bring.

use std::collections::BTreeSet;

use fhir::json::Node;
use http::Method;

use super::super::judge::{authorised, root};
use super::query::{Query, decoded_pairs};
use crate::bench::Bench;
use crate::check::Otherwise;
use crate::target::{Answer, Question};

/// How many pages of one search are read.
const PAGES_MAX: usize = 60;

pub(super) const JSON: (&str, &str) = ("accept", "application/fhir+json");
pub(super) const STRICT: (&str, &str) = ("prefer", "handling=strict");
pub(super) const LENIENT: (&str, &str) = ("prefer", "handling=lenient");

/// One page of what a search found.
#[derive(Debug)]
pub(super) struct Sheet {
    /// The answer.
    pub(super) answer: Answer,
    /// Its entries.
    pub(super) entries: Vec<Entry>,
    /// How many matches the server says there are.
    pub(super) total: Option<u64>,
    /// Relation and address of each link.
    pub(super) links: Vec<(String, String)>,
}

/// One entry of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// `Type/id`; without an id the type alone.
    pub(super) key: String,
    /// Why it is there.
    pub(super) mode: Option<String>,
    /// Its identity.
    pub(super) full_url: Option<String>,
}

impl Entry {
    /// Whether it is a match: every entry that is not said to be something else.
    pub(super) fn is_match(&self) -> bool {
        !matches!(self.mode.as_deref(), Some("include" | "outcome"))
    }
}

impl Sheet {
    /// The keys of its matches, in order.
    pub(super) fn matches(&self) -> Vec<&str> {
        self.entries.iter().filter(|entry| entry.is_match()).map(|entry| entry.key.as_str()).collect()
    }

    /// The keys of what goes with them, in order.
    pub(super) fn included(&self) -> Vec<&str> {
        let included = |entry: &&Entry| entry.mode.as_deref() == Some("include");
        self.entries.iter().filter(included).map(|entry| entry.key.as_str()).collect()
    }

    /// The address of the link of this relation.
    pub(super) fn link(&self, relation: &str) -> Option<&str> {
        self.links.iter().find(|(name, _)| name == relation).map(|(_, url)| url.as_str())
    }

    /// The parameters that the server says it used; none where it does not say.
    pub(super) fn used(&self) -> Option<Vec<(String, String)>> {
        let url = self.link("self")?;
        Some(url.split_once('?').map_or_else(Vec::new, |(_, form)| decoded_pairs(form)))
    }

    /// Whether the server says that it used the parameter of this name, modifier and all.
    pub(super) fn says_used(&self, name: &str) -> bool {
        self.used().is_some_and(|pairs| pairs.iter().any(|(used, _)| used == name))
    }

    /// The resources of its entries.
    pub(super) fn resources(&self) -> Vec<Node<'_>> {
        let root = self.answer.document.as_ref().ok().map(fhir::json::Document::root);
        root.map(|root| root.walk(&["entry", "resource"]).collect()).unwrap_or_default()
    }

    /// The resource of this key.
    pub(super) fn resource(&self, key: &str) -> Option<Node<'_>> {
        self.resources().into_iter().find(|resource| self::key(*resource) == key)
    }
}

/// What a server said to a search.
#[derive(Debug)]
pub(super) enum Reply {
    /// What it found.
    Found(Box<Sheet>),
    /// It refuses the search.
    Refused(u16),
}

impl Reply {
    /// What was found; a refusal skips the check, for what was asked for is not claimed.
    pub(super) fn or_skip(self, what: &str) -> Result<Sheet, Otherwise> {
        match self {
            Self::Found(sheet) => Ok(*sheet),
            Self::Refused(status) => Err(Otherwise::skipped(format!("{what} is refused with {status}"))),
        }
    }
}

/// Asks `query` and expects it to be answered.
pub(super) async fn asked(bench: &Bench, query: &Query) -> Result<Sheet, Otherwise> {
    match tried(bench, query, &[]).await? {
        Reply::Found(sheet) => Ok(*sheet),
        Reply::Refused(status) => {
            Err(Otherwise::unmet(format!("status 200 to {query}"), format!("status {status}")))
        }
    }
}

/// Asks `query`, which the server may refuse.
pub(super) async fn tried(
    bench: &Bench,
    query: &Query,
    headers: &[(&'static str, &str)],
) -> Result<Reply, Otherwise> {
    get(bench, &query.path(), headers, &query.to_string()).await
}

/// Asks by POST.
pub(super) async fn posted(bench: &Bench, path: &str, query: &Query) -> Result<Reply, Otherwise> {
    let form = query.form();
    let headers = [JSON, ("content-type", "application/x-www-form-urlencoded")];
    let question = Question { method: Method::POST, path, headers: &headers, body: form.as_bytes() };
    read(bench.ask(&question).await?, &format!("POST {path} with {query}"))
}

async fn get(
    bench: &Bench,
    path: &str,
    headers: &[(&'static str, &str)],
    told: &str,
) -> Result<Reply, Otherwise> {
    let headers: Vec<_> = [JSON].iter().chain(headers).copied().collect();
    let question = Question { method: Method::GET, path, headers: &headers, body: b"" };
    read(bench.ask(&question).await?, told)
}

fn read(answer: Answer, told: &str) -> Result<Reply, Otherwise> {
    authorised(&answer)?;
    match answer.status {
        200 => sheet(answer, told).map(|sheet| Reply::Found(Box::new(sheet))),
        400..=499 | 501 => Ok(Reply::Refused(answer.status)),
        status => {
            Err(Otherwise::unmet(format!("status 200 to {told}, or a refusal"), format!("status {status}")))
        }
    }
}

fn sheet(answer: Answer, told: &str) -> Result<Sheet, Otherwise> {
    let root = root(&answer)?;
    if !answer.is("Bundle") {
        return Err(Otherwise::unmet(format!("a Bundle to {told}"), "something else"));
    }
    let text = |node: Node<'_>, path: &[&str]| node.str_at(path).map(std::borrow::Cow::into_owned);
    let entry = |node: Node<'_>| Entry {
        key: node.member("resource").map(key).unwrap_or_default(),
        mode: text(node, &["search", "mode"]),
        full_url: text(node, &["fullUrl"]),
    };
    let entries = root.walk(&["entry"]).map(entry).collect();
    let total = root.member("total").and_then(Node::number_text).and_then(|text| text.parse().ok());
    let link = |node: Node<'_>| Some((text(node, &["relation"])?, text(node, &["url"])?));
    let links = root.walk(&["link"]).filter_map(link).collect();
    Ok(Sheet { answer, entries, total, links })
}

/// `Type/id` of a resource.
pub(super) fn key(resource: Node<'_>) -> String {
    let of = resource.str_at(&["resourceType"]).unwrap_or_default();
    match resource.str_at(&["id"]) {
        Some(id) => format!("{of}/{id}"),
        None => of.into_owned(),
    }
}

/// Every page of a search, by its next links.
pub(super) async fn pages(bench: &Bench, query: &Query) -> Result<Vec<Sheet>, Otherwise> {
    follow(bench, query, asked(bench, query).await?).await
}

/// `first` and every page after it.
pub(super) async fn follow(bench: &Bench, query: &Query, first: Sheet) -> Result<Vec<Sheet>, Otherwise> {
    let mut sheets = vec![first];
    let mut seen = BTreeSet::new();
    while let Some(next) = sheets.last().and_then(|sheet| sheet.link("next")) {
        let next = next.to_owned();
        if !seen.insert(next.clone()) || sheets.len() >= PAGES_MAX {
            return Err(Otherwise::unmet(
                format!("next links of {query} that come to an end"),
                format!("{} pages and no end", sheets.len()),
            ));
        }
        let told = format!("the next link of {query}");
        let Some(path) = below(bench.target().base(), &next) else {
            // A check of its own tells of it; what is there cannot be found out here.
            return Err(Otherwise::error(format!(
                "{told} leads off the base: test the endpoint by the address that it gives itself"
            )));
        };
        match get(bench, path, &[], &told).await? {
            Reply::Found(sheet) => sheets.push(*sheet),
            Reply::Refused(status) => {
                return Err(Otherwise::unmet(format!("status 200 to {told}"), format!("status {status}")));
            }
        }
    }
    Ok(sheets)
}

/// The part of an address below the base: of an absolute one, or one that is told from the base on.
pub(super) fn below<'a>(base: &str, url: &'a str) -> Option<&'a str> {
    if let Some(rest) = url.strip_prefix(base) {
        return rest.strip_prefix('/').or_else(|| rest.starts_with('?').then_some(rest));
    }
    let path_of_base =
        base.split_once("://").and_then(|(_, rest)| rest.find('/').and_then(|at| rest.get(at..)));
    if let Some(rest) = path_of_base.and_then(|path| url.strip_prefix(path)) {
        return rest.strip_prefix('/');
    }
    let relative = !url.contains("://") && !url.starts_with('/');
    relative.then_some(url)
}

/// The keys of all matches of `sheets`, in order.
pub(super) fn all_matches(sheets: &[Sheet]) -> Vec<&str> {
    sheets.iter().flat_map(Sheet::matches).collect()
}
