//! Searches: criteria, includes, pages with absolute links.

use serde_json::{Value, json};

use super::criterion::{Criterion, Unsupported, referred};
use super::parameter::{Kind, served};
use super::query;
use super::store::{Store, Stored};
use crate::json;

const PAGE: usize = 50;
const PAGE_MAX: usize = 200;
/// Where a page begins: this server's own, as R4 leaves the form of page links to the server.
const OFFSET: &str = "_offset";

/// What to do with a parameter that is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Handling {
    /// `Prefer: handling=strict`.
    Strict,
    /// Ignore it, and leave it out of the self link.
    Lenient,
}

/// A search as understood.
#[derive(Debug, Default)]
pub(super) struct Search {
    criteria: Vec<Criterion>,
    /// Type and parameter of each `_include`.
    includes: Vec<(String, String)>,
    count: Option<usize>,
    offset: usize,
    /// What was understood, as it came: the self link.
    applied: Vec<(String, String)>,
}

impl Search {
    /// Reads the parameters of a search of `kind`.
    pub(super) fn parse(
        kind: &str,
        pairs: &[(String, String)],
        handling: Handling,
    ) -> Result<Self, Unsupported> {
        let mut search = Self::default();
        for (name, value) in pairs {
            match search.take(kind, name, value) {
                Ok(Applied::InLinks) => search.applied.push((name.clone(), value.clone())),
                Ok(Applied::Silently) => {}
                Err(Unsupported::Parameter) if handling == Handling::Lenient => {}
                Err(unsupported) => return Err(unsupported),
            }
        }
        Ok(search)
    }

    fn take(&mut self, kind: &str, name: &str, value: &str) -> Result<Applied, Unsupported> {
        match name {
            "_format" => return Ok(Applied::Silently),
            "_count" => self.count = Some(value.parse().map_err(|_| Unsupported::Value)?),
            OFFSET => {
                self.offset = value.parse().map_err(|_| Unsupported::Value)?;
                return Ok(Applied::Silently);
            }
            "_include" => {
                let (source, parameter) = value.split_once(':').ok_or(Unsupported::Value)?;
                let known = served(source).and_then(|served| served.parameter(parameter));
                known.filter(|known| known.kind == Kind::Reference).ok_or(Unsupported::Value)?;
                self.includes.push((source.to_owned(), parameter.to_owned()));
            }
            _ => self.criteria.push(Criterion::parse(kind, name, value)?),
        }
        Ok(Applied::InLinks)
    }

    /// Every match, in order of ids.
    pub(super) fn matches<'a>(&self, kind: &str, store: &'a Store, base: &str) -> Vec<&'a Stored> {
        store
            .of_type(kind)
            .filter(|stored| {
                self.criteria.iter().all(|criterion| criterion.holds(&stored.resource, store, base))
            })
            .collect()
    }

    /// One page as a searchset Bundle.
    pub(super) fn page(&self, kind: &str, store: &Store, base: &str) -> Value {
        let matches = self.matches(kind, store, base);
        let count = self.count.unwrap_or(PAGE).min(PAGE_MAX);
        let page: Vec<&Stored> = matches.iter().skip(self.offset).take(count).copied().collect();
        let mut links = vec![json!({"relation": "self", "url": self.link(kind, base, self.offset)})];
        let next = self.offset.saturating_add(count);
        if count > 0 && next < matches.len() {
            links.push(json!({"relation": "next", "url": self.link(kind, base, next)}));
        }
        let mut entries: Vec<Value> =
            page.iter().map(|stored| entry(&stored.resource, base, "match")).collect();
        for included in self.included(&page, store, base) {
            entries.push(entry(included, base, "include"));
        }
        let mut bundle =
            json!({"resourceType": "Bundle", "type": "searchset", "total": matches.len(), "link": links});
        if let (false, Some(members)) = (entries.is_empty(), bundle.as_object_mut()) {
            members.insert("entry".into(), Value::Array(entries));
        }
        bundle
    }

    fn included<'a>(&self, page: &[&Stored], store: &'a Store, base: &str) -> Vec<&'a Value> {
        let mut found: Vec<&Value> = Vec::new();
        for stored in page {
            for (source, parameter) in &self.includes {
                let paths = served(source)
                    .filter(|_| json::text(&stored.resource, "/resourceType") == Some(source))
                    .and_then(|served| served.parameter(parameter))
                    .map_or(&[][..], |parameter| parameter.paths);
                let elements = paths.iter().flat_map(|path| json::along(&stored.resource, path));
                for target in elements.filter_map(|element| referred(element, store, base)) {
                    if !found.contains(&target) && !page.iter().any(|shown| shown.resource == *target) {
                        found.push(target);
                    }
                }
            }
        }
        found
    }

    fn link(&self, kind: &str, base: &str, offset: usize) -> String {
        let mut pairs = self.applied.clone();
        if offset > 0 {
            pairs.push((OFFSET.to_owned(), offset.to_string()));
        }
        let mark = if pairs.is_empty() { "" } else { "?" };
        format!("{base}/{kind}{mark}{}", query::render(&pairs))
    }
}

enum Applied {
    InLinks,
    Silently,
}

fn entry(resource: &Value, base: &str, mode: &str) -> Value {
    let kind = json::text(resource, "/resourceType").unwrap_or_default();
    let id = json::text(resource, "/id").unwrap_or_default();
    json!({"fullUrl": format!("{base}/{kind}/{id}"), "resource": resource, "search": {"mode": mode}})
}
