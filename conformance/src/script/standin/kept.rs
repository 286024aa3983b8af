//! What a stand-in keeps, and what it answers.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::script::address::decoded;

/// Versions that are kept of all resources together.
const KEPT_MAX: usize = 100_000;

/// When everything was last changed, as far as it says.
const CHANGED: &str = "2023-01-01T00:00:00Z";

/// The parameter of links to pages that says how many matches come before.
const BEFORE: &str = "_offset";

/// An answer: status, place and body.
pub(super) type Answer = (u16, Option<String>, Option<Value>);

/// Type and id.
pub(super) type Key = (String, String);

/// A request, as far as it is looked at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) method: &'a str,
    pub(super) parts: &'a [&'a str],
    pub(super) query: &'a str,
    /// The base.
    pub(super) here: &'a str,
    pub(super) none_exist: Option<&'a str>,
    pub(super) matches: Option<&'a str>,
}

#[derive(Debug, Default)]
pub(super) struct Kept {
    resources: BTreeMap<Key, Vec<Version>>,
    /// Ids that were made up.
    made: u64,
    versions: usize,
}

/// A version of a resource; without one, it was deleted.
#[derive(Debug)]
struct Version {
    resource: Option<Value>,
    method: &'static str,
}

/// What a condition of a request finds.
enum Selected {
    Nobody,
    One(Key),
    Several(Vec<Key>),
    /// The condition says nothing that it is looked for by.
    Unselective,
}

impl Kept {
    /// Keeps a fixture that has an id as if it had always been there.
    pub(super) fn learn(&mut self, resource: Value) {
        let key = key_of(&resource, None);
        if let Some(key) = key {
            let before = self.resources.remove(&key).map_or(0, |versions| versions.len());
            self.versions = self.versions.saturating_sub(before);
            self.put(key, resource, "PUT");
        }
    }

    /// An id that nothing has.
    pub(super) fn made_up_id(&mut self) -> String {
        self.made += 1;
        format!("made-{}", self.made)
    }

    /// Keeps a new version; returns it and its place.
    fn put(&mut self, key: Key, mut resource: Value, method: &'static str) -> (String, Value) {
        let versions = self.resources.entry(key.clone()).or_default();
        let number = versions.len() + 1;
        if let Some(members) = resource.as_object_mut() {
            members.insert("id".to_owned(), json!(key.1));
            let meta = members.entry("meta").or_insert_with(|| json!({}));
            if let Some(meta) = meta.as_object_mut() {
                meta.insert("versionId".to_owned(), json!(number.to_string()));
                meta.insert("lastUpdated".to_owned(), json!(CHANGED));
            }
        }
        if self.versions < KEPT_MAX {
            self.versions += 1;
            versions.push(Version { resource: Some(resource.clone()), method });
        }
        (format!("{}/{}/_history/{number}", key.0, key.1), resource)
    }

    fn current(&self, key: &Key) -> Option<&Value> {
        self.resources.get(key)?.last()?.resource.as_ref()
    }

    pub(super) fn ask(&mut self, asked: &Asked<'_>, body: impl Fn() -> Option<Value>) -> Answer {
        if asked.parts.iter().any(|part| part.starts_with('$')) {
            return (
                200,
                None,
                Some(outcome("information", "informational", "done, as far as a stand-in can")),
            );
        }
        match (asked.method, asked.parts) {
            ("GET" | "HEAD", ["metadata"]) => (200, None, Some(self.stated())),
            ("GET" | "HEAD", [kind, "_history"]) => (200, None, Some(self.history(kind, None, asked))),
            ("GET" | "HEAD", [kind, id, "_history"]) => {
                (200, None, Some(self.history(kind, Some(id), asked)))
            }
            ("GET" | "HEAD", [kind, id]) => self.found(&key(kind, id), None),
            ("GET" | "HEAD", [kind, id, "_history", version]) => self.found(&key(kind, id), Some(version)),
            ("GET" | "HEAD", [kind]) | ("POST", [kind, "_search"]) => {
                (200, None, Some(self.search(kind, asked)))
            }
            ("OPTIONS", _) => (204, None, None),
            ("DELETE", [kind, id]) => self.delete(&[key(kind, id)]),
            ("DELETE", [kind]) => match self.selected(kind, asked.query) {
                Selected::Nobody => (204, None, None),
                Selected::One(key) => self.delete(&[key]),
                Selected::Several(keys) => self.delete(&keys),
                Selected::Unselective => unselective(),
            },
            ("PATCH", [kind, id]) => self.patch(&key(kind, id), asked),
            ("PATCH", [kind]) => match self.selected(kind, asked.query) {
                Selected::Nobody => not_found(),
                Selected::One(key) => self.patch(&key, asked),
                Selected::Several(_) | Selected::Unselective => unselective(),
            },
            ("POST" | "PUT", parts) => match (body(), parts) {
                (None, _) => unreadable(),
                (Some(bundle), []) => self.together(&bundle, asked.here),
                (Some(resource), [kind]) if asked.method == "POST" => self.create(kind, resource, asked),
                (Some(resource), [kind, id]) if asked.method == "PUT" => {
                    self.update(key(kind, id), resource, asked)
                }
                (Some(resource), [kind]) => match self.selected(kind, asked.query) {
                    Selected::Nobody => self.create(kind, resource, asked),
                    Selected::One(key) => self.update(key, resource, asked),
                    Selected::Several(_) | Selected::Unselective => unselective(),
                },
                (Some(_), _) => not_found(),
            },
            _ => not_found(),
        }
    }

    /// Creates under an id of its own, unless there is what the condition finds.
    fn create(&mut self, kind: &str, resource: Value, asked: &Asked<'_>) -> Answer {
        let found = asked.none_exist.map(|condition| self.selected(kind, condition.trim_start_matches('?')));
        match found {
            Some(Selected::One(key)) => {
                let resource = self.current(&key).cloned();
                let version = resource.as_ref().and_then(|resource| resource.pointer("/meta/versionId"));
                let version = version.and_then(Value::as_str).unwrap_or_default();
                (200, Some(format!("{}/{}/_history/{version}", key.0, key.1)), resource)
            }
            Some(Selected::Several(_) | Selected::Unselective) => unselective(),
            Some(Selected::Nobody) | None => {
                let id = self.made_up_id();
                self.create_as(&id, resource)
            }
        }
    }

    /// Creates under this id.
    pub(super) fn create_as(&mut self, id: &str, resource: Value) -> Answer {
        let Some(key) = key_of(&resource, Some(id)) else { return unreadable() };
        let (place, resource) = self.put(key, resource, "POST");
        (201, Some(place), Some(resource))
    }

    fn update(&mut self, key: Key, resource: Value, asked: &Asked<'_>) -> Answer {
        if key_of(&resource, Some(&key.1)).is_none_or(|told| told.0 != key.0) {
            return unreadable();
        }
        let there = self.current(&key).is_some();
        if !self.is_the_version(&key, asked.matches) {
            return unselective();
        }
        let (place, resource) = self.put(key, resource, "PUT");
        (if there { 200 } else { 201 }, Some(place), Some(resource))
    }

    /// A version with nothing changed.
    fn patch(&mut self, key: &Key, asked: &Asked<'_>) -> Answer {
        let Some(resource) = self.current(key).cloned() else { return self.found(key, None) };
        if !self.is_the_version(key, asked.matches) {
            return unselective();
        }
        let (place, resource) = self.put(key.clone(), resource, "PATCH");
        (200, Some(place), Some(resource))
    }

    fn is_the_version(&self, key: &Key, wanted: Option<&str>) -> bool {
        let version = self.current(key).and_then(|resource| resource.pointer("/meta/versionId"));
        let version = version.and_then(Value::as_str);
        wanted.is_none_or(|wanted| Some(wanted.trim_start_matches("W/").trim_matches('"')) == version)
    }

    fn delete(&mut self, keys: &[Key]) -> Answer {
        for key in keys {
            if let Some(versions) = self.resources.get_mut(key)
                && versions.last().is_some_and(|version| version.resource.is_some())
            {
                versions.push(Version { resource: None, method: "DELETE" });
            }
        }
        (204, None, None)
    }

    /// A version, or the last.
    fn found(&self, key: &Key, version: Option<&str>) -> Answer {
        let versions = self.resources.get(key);
        let found = versions.and_then(|versions| match version {
            Some(version) => {
                let number: usize = version.parse().ok()?;
                versions.get(number.checked_sub(1)?)
            }
            None => versions.last(),
        });
        match found {
            Some(Version { resource: Some(resource), .. }) => (200, None, Some(resource.clone())),
            Some(_) => (410, None, Some(outcome("error", "deleted", "it was deleted"))),
            None => not_found(),
        }
    }

    /// What a condition finds; a parameter that is not looked for by finds nothing.
    fn selected(&self, kind: &str, query: &str) -> Selected {
        let criteria: Vec<(&str, String)> =
            pairs(query).filter(|(name, _)| *name == "_id" || !name.starts_with('_')).collect();
        if criteria.is_empty() {
            return Selected::Unselective;
        }
        let known = criteria.iter().all(|(name, _)| is_known(name));
        let mut found: Vec<Key> =
            if known { self.matches(kind, query).map(|(key, _)| key.clone()).collect() } else { Vec::new() };
        match (found.pop(), found.is_empty()) {
            (None, _) => Selected::Nobody,
            (Some(key), true) => Selected::One(key),
            (Some(key), false) => Selected::Several(found.into_iter().chain([key]).collect()),
        }
    }

    /// What a search finds; a parameter that is not looked for by is ignored.
    fn matches<'k>(&'k self, kind: &'k str, query: &'k str) -> impl Iterator<Item = (&'k Key, &'k Value)> {
        let criteria: Vec<(&str, String)> = pairs(query).filter(|(name, _)| is_known(name)).collect();
        let current = self.resources.iter().filter(move |(key, _)| key.0 == kind);
        let current = current.filter_map(|(key, versions)| Some((key, versions.last()?.resource.as_ref()?)));
        current.filter(move |(key, resource)| {
            criteria.iter().all(|(name, wanted)| {
                wanted.split(',').any(|wanted| match *name {
                    "_id" => key.1 == wanted,
                    _ => has_identifier(resource, wanted),
                })
            })
        })
    }

    fn search(&self, kind: &str, asked: &Asked<'_>) -> Value {
        let entries = self.matches(kind, asked.query).map(|(key, resource)| {
            json!({"fullUrl": format!("{}/{}/{}", asked.here, key.0, key.1), "resource": resource,
                "search": {"mode": "match"}})
        });
        paged("searchset", entries.collect(), asked)
    }

    /// The versions of a type or of one resource, the newest first.
    fn history(&self, kind: &str, id: Option<&str>, asked: &Asked<'_>) -> Value {
        let wanted = |key: &Key| key.0 == kind && id.is_none_or(|id| key.1 == id);
        let mut entries = Vec::new();
        for (key, versions) in self.resources.iter().filter(|(key, _)| wanted(key)) {
            for version in versions.iter().rev() {
                let status = match version.method {
                    "POST" => "201",
                    "DELETE" => "204",
                    _ => "200",
                };
                let url =
                    if version.method == "POST" { key.0.clone() } else { format!("{}/{}", key.0, key.1) };
                let mut entry = json!({"fullUrl": format!("{}/{}/{}", asked.here, key.0, key.1),
                    "request": {"method": version.method, "url": url},
                    "response": {"status": status, "lastModified": CHANGED}});
                if let (Some(members), Some(resource)) = (entry.as_object_mut(), &version.resource) {
                    members.insert("resource".to_owned(), resource.clone());
                }
                entries.push(entry);
            }
        }
        paged("history", entries, asked)
    }

    fn stated(&self) -> Value {
        let mut kinds: Vec<&str> = self.resources.keys().map(|(kind, _)| kind.as_str()).collect();
        kinds.dedup();
        let codes = [
            "read",
            "vread",
            "update",
            "patch",
            "delete",
            "history-instance",
            "history-type",
            "create",
            "search-type",
        ];
        let interactions: Vec<Value> = codes.iter().map(|code| json!({"code": code})).collect();
        let resources: Vec<Value> = kinds
            .iter()
            .map(|kind| {
                json!({"type": kind, "interaction": interactions, "versioning": "versioned", "readHistory": true,
                    "updateCreate": true, "conditionalCreate": true, "conditionalUpdate": true,
                    "conditionalDelete": "multiple"})
            })
            .collect();
        json!({"resourceType": "CapabilityStatement", "status": "active", "date": "2023-01-01", "kind": "instance",
            "fhirVersion": "4.0.1", "format": ["json", "xml"], "rest": [{"mode": "server", "resource": resources,
                "interaction": [{"code": "transaction"}, {"code": "batch"}]}]})
    }
}

/// A page of entries, with links to the others where it is said how many stand on one.
fn paged(of: &str, entries: Vec<Value>, asked: &Asked<'_>) -> Value {
    let number = |wanted: &str| {
        pairs(asked.query).find(|(name, _)| *name == wanted).and_then(|(_, text)| text.parse::<usize>().ok())
    };
    let total = entries.len();
    let (size, before) = (number("_count").unwrap_or(total).max(1), number(BEFORE).unwrap_or(0));
    let own: Vec<&str> = asked
        .query
        .split('&')
        .filter(|pair| !pair.is_empty() && !pair.starts_with(&format!("{BEFORE}=")))
        .collect();
    let at = |before: usize| {
        let pairs = own.iter().map(|pair| (*pair).to_owned()).chain([format!("{BEFORE}={before}")]);
        format!("{}/{}?{}", asked.here, asked.parts.join("/"), pairs.collect::<Vec<_>>().join("&"))
    };
    let mut links = vec![json!({"relation": "self", "url": at(before)})];
    if number("_count").is_some() {
        links.push(json!({"relation": "first", "url": at(0)}));
        links.push(json!({"relation": "last", "url": at(total.saturating_sub(1) / size * size)}));
        if before > 0 {
            links.push(json!({"relation": "previous", "url": at(before.saturating_sub(size))}));
        }
        if before.saturating_add(size) < total {
            links.push(json!({"relation": "next", "url": at(before.saturating_add(size))}));
        }
    }
    let shown: Vec<Value> = entries.into_iter().skip(before).take(size).collect();
    json!({"resourceType": "Bundle", "type": of, "total": total, "link": links, "entry": shown})
}

fn pairs(query: &str) -> impl Iterator<Item = (&str, String)> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs.map(|pair| pair.split_once('=').unwrap_or((pair, ""))).map(|(name, value)| (name, decoded(value)))
}

fn is_known(name: &str) -> bool {
    matches!(name, "_id" | "identifier")
}

/// Whether a resource has an identifier that a token names: `system|value`, `system|`, `|value` or `value`.
fn has_identifier(resource: &Value, token: &str) -> bool {
    let (system, value) = match token.split_once('|') {
        Some((system, value)) => (Some(system), value),
        None => (None, token),
    };
    let fits = |identifier: &Value| {
        let text = |name: &str| identifier.get(name).and_then(Value::as_str).unwrap_or_default();
        system.is_none_or(|system| text("system") == system) && (value.is_empty() || text("value") == value)
    };
    match resource.get("identifier") {
        Some(Value::Array(several)) => several.iter().any(fits),
        Some(one) => fits(one),
        None => false,
    }
}

fn key(kind: &str, id: &str) -> Key {
    (kind.to_owned(), id.to_owned())
}

/// The type of a resource, and this id or its own.
fn key_of(resource: &Value, id: Option<&str>) -> Option<Key> {
    let kind = resource.get("resourceType")?.as_str()?;
    Some(key(kind, id.or_else(|| resource.get("id").and_then(Value::as_str))?))
}

fn outcome(severity: &str, code: &str, text: &str) -> Value {
    json!({"resourceType": "OperationOutcome", "issue": [{"severity": severity, "code": code, "diagnostics": text}]})
}

fn unreadable() -> Answer {
    (400, None, Some(outcome("error", "structure", "the body does not read as a resource of this place")))
}

fn not_found() -> Answer {
    (404, None, Some(outcome("error", "not-found", "not found")))
}

fn unselective() -> Answer {
    (412, None, Some(outcome("error", "conflict", "the condition does not hold, or finds more than one")))
}
