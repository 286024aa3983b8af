//! What a stand-in holds: every version of every resource, in order of type and id.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

/// All resources of one server.
#[derive(Debug, Clone, Default)]
pub(super) struct Store {
    kept: BTreeMap<(String, String), Vec<Stored>>,
    issued: u64,
}

/// One version of a resource.
#[derive(Debug, Clone)]
pub(super) struct Stored {
    pub(super) version: usize,
    pub(super) updated: Timestamp,
    pub(super) resource: Value,
    /// Whether this version says that the resource was deleted; it then holds nothing else.
    pub(super) gone: bool,
}

impl Stored {
    pub(super) fn etag(&self) -> String {
        format!("W/\"{}\"", self.version)
    }
}

impl Store {
    /// The newest version, unless it was deleted.
    pub(super) fn newest(&self, kind: &str, id: &str) -> Option<&Stored> {
        self.versions(kind, id).last().filter(|stored| !stored.gone)
    }

    /// Every version, the oldest first; none of what never was.
    pub(super) fn versions(&self, kind: &str, id: &str) -> &[Stored] {
        self.kept.get(&(kind.to_owned(), id.to_owned())).map_or(&[], Vec::as_slice)
    }

    /// One version by its number.
    pub(super) fn version(&self, kind: &str, id: &str, version: &str) -> Option<&Stored> {
        self.versions(kind, id).iter().find(|stored| stored.version.to_string() == version)
    }

    /// The newest versions of one type, in order of their ids.
    pub(super) fn of_type(&self, kind: &str) -> impl Iterator<Item = &Stored> {
        self.kept
            .iter()
            .filter(move |((held, _), _)| held == kind)
            .filter_map(|(_, versions)| versions.last().filter(|stored| !stored.gone))
    }

    /// An id nobody has had.
    pub(super) fn fresh_id(&mut self, kind: &str) -> String {
        loop {
            self.issued += 1;
            let id = format!("s{}", self.issued);
            if self.versions(kind, &id).is_empty() {
                return id;
            }
        }
    }

    /// Keeps `resource` as the next version of `kind/id` and returns it as stored.
    pub(super) fn put(&mut self, kind: &str, id: &str, mut resource: Value) -> Stored {
        let versions = self.kept.entry((kind.to_owned(), id.to_owned())).or_default();
        let (version, updated) = (versions.len() + 1, Timestamp::now());
        if let Some(members) = resource.as_object_mut() {
            members.insert("id".into(), json!(id));
            let meta = members.entry("meta").or_insert_with(|| json!({}));
            if let Some(meta) = meta.as_object_mut() {
                meta.insert("versionId".into(), json!(version.to_string()));
                meta.insert("lastUpdated".into(), json!(format!("{updated:.3}")));
            }
        }
        let stored = Stored { version, updated, resource, gone: false };
        versions.push(stored.clone());
        stored
    }

    /// Ends `kind/id` with a version that says so. Versions before it stay.
    pub(super) fn delete(&mut self, kind: &str, id: &str) {
        if self.newest(kind, id).is_some()
            && let Some(versions) = self.kept.get_mut(&(kind.to_owned(), id.to_owned()))
        {
            let version = versions.len() + 1;
            versions.push(Stored { version, updated: Timestamp::now(), resource: json!({}), gone: true });
        }
    }
}
