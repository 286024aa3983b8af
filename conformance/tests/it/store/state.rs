//! What the store holds: every version of every resource, in the order in which they came.

use std::collections::BTreeMap;

use http::Method;
use jiff::Timestamp;

use super::json::Json;

/// Everything there is. A copy of it is where a transaction happens first.
#[derive(Debug, Clone, Default)]
pub(crate) struct State {
    records: BTreeMap<(String, String), Vec<Version>>,
    ids: usize,
    changes: usize,
    last: Timestamp,
}

/// One version of a resource.
#[derive(Debug, Clone)]
pub(crate) struct Version {
    /// Its place among all changes of the store.
    pub(crate) change: usize,
    pub(crate) number: usize,
    pub(crate) at: Timestamp,
    /// The method that brought it.
    pub(crate) by: Method,
    /// None where the resource was deleted.
    pub(crate) content: Option<Json>,
}

impl Version {
    /// Its entity tag.
    pub(crate) fn etag(&self) -> String {
        format!("W/\"{}\"", self.number)
    }

    /// When it was made, as HTTP writes it.
    pub(crate) fn http_date(&self) -> String {
        self.at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
    }

    /// When it was made, as FHIR writes an instant.
    pub(crate) fn instant(&self) -> String {
        instant(self.at)
    }
}

/// An instant as FHIR writes it.
pub(crate) fn instant(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

impl State {
    /// The newest version; that of a deletion as well.
    pub(crate) fn newest(&self, resource_type: &str, id: &str) -> Option<&Version> {
        self.versions(resource_type, id).last()
    }

    /// Every version of one resource, the oldest first.
    pub(crate) fn versions(&self, resource_type: &str, id: &str) -> &[Version] {
        self.records.get(&(resource_type.to_owned(), id.to_owned())).map_or(&[], Vec::as_slice)
    }

    /// Every version of every resource of a type, with the resource's id.
    pub(crate) fn versions_of_type(&self, resource_type: &str) -> Vec<(&str, &Version)> {
        let of_type = self.records.iter().filter(|((held, _), _)| held == resource_type);
        of_type
            .flat_map(|((_, id), versions)| versions.iter().map(|version| (id.as_str(), version)))
            .collect()
    }

    /// Every resource as it is now, of every type.
    pub(crate) fn all(&self) -> Vec<&Json> {
        self.records.values().filter_map(|versions| versions.last()?.content.as_ref()).collect()
    }

    /// Every version of every resource, resource by resource.
    pub(crate) fn all_versions(&self) -> impl Iterator<Item = &[Version]> {
        self.records.values().map(Vec::as_slice)
    }

    /// Changes what the newest version holds, which no store should.
    pub(crate) fn amend(&mut self, resource_type: &str, id: &str, change: impl FnOnce(&mut Json)) {
        let versions = self.records.get_mut(&(resource_type.to_owned(), id.to_owned()));
        if let Some(content) =
            versions.and_then(|held| held.last_mut()).and_then(|last| last.content.as_mut())
        {
            change(content);
        }
    }

    /// Forgets all versions but the newest.
    pub(crate) fn erase(&mut self, resource_type: &str, id: &str) {
        if let Some(versions) = self.records.get_mut(&(resource_type.to_owned(), id.to_owned())) {
            versions.drain(..versions.len() - 1);
        }
    }

    /// Takes the newest version back.
    pub(crate) fn take_back(&mut self, resource_type: &str, id: &str) {
        let key = (resource_type.to_owned(), id.to_owned());
        if let Some(versions) = self.records.get_mut(&key) {
            versions.pop();
            if versions.is_empty() {
                self.records.remove(&key);
            }
        }
    }

    /// An id that nobody has.
    pub(crate) fn new_id(&mut self, resource_type: &str) -> String {
        loop {
            self.ids += 1;
            let id = format!("s{}", self.ids);
            if self.versions(resource_type, &id).is_empty() {
                return id;
            }
        }
    }

    /// Puts a version behind those there are, and writes id, version and time into it.
    pub(crate) fn put(
        &mut self,
        resource_type: &str,
        id: &str,
        by: Method,
        content: Option<Json>,
    ) -> Version {
        // Times are told in milliseconds, and no two changes are to seem to be at once.
        let at = Timestamp::now().max(self.last + jiff::SignedDuration::from_millis(1));
        self.last = at;
        self.changes += 1;
        let versions = self.records.entry((resource_type.to_owned(), id.to_owned())).or_default();
        let number = versions.last().map_or(0, |last| last.number) + 1;
        let content = content.map(|content| stamped(content, id, number, at));
        let version = Version { change: self.changes, number, at, by, content };
        versions.push(version.clone());
        version
    }
}

/// `content` with the id, version and time that the server gave it; `id` and `meta` first, as people expect them.
fn stamped(mut content: Json, id: &str, number: usize, at: Timestamp) -> Json {
    let mut meta = content.remove("meta").unwrap_or(Json::Object(Vec::new()));
    for name in ["versionId", "lastUpdated"] {
        meta.remove(name);
    }
    meta.set("versionId", number.to_string().into());
    meta.set("lastUpdated", instant(at).into());
    content.remove("id");
    let resource_type = content.remove("resourceType").unwrap_or(Json::Null);
    let mut whole = Json::object([("resourceType", resource_type), ("id", id.into()), ("meta", meta)]);
    if let (Json::Object(members), Json::Object(rest)) = (&mut whole, content) {
        members.extend(rest);
    }
    whole
}
