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
}

impl Stored {
    pub(super) fn etag(&self) -> String {
        format!("W/\"{}\"", self.version)
    }
}

impl Store {
    /// The newest version.
    pub(super) fn newest(&self, kind: &str, id: &str) -> Option<&Stored> {
        self.kept.get(&(kind.to_owned(), id.to_owned()))?.last()
    }

    /// One version by its number.
    pub(super) fn version(&self, kind: &str, id: &str, version: &str) -> Option<&Stored> {
        let versions = self.kept.get(&(kind.to_owned(), id.to_owned()))?;
        versions.iter().find(|stored| stored.version.to_string() == version)
    }

    /// The newest versions of one type, in order of their ids.
    pub(super) fn of_type(&self, kind: &str) -> impl Iterator<Item = &Stored> {
        self.kept
            .iter()
            .filter(move |((held, _), _)| held == kind)
            .filter_map(|(_, versions)| versions.last())
    }

    /// An id nobody has had.
    pub(super) fn fresh_id(&mut self, kind: &str) -> String {
        loop {
            self.issued += 1;
            let id = format!("s{}", self.issued);
            if self.newest(kind, &id).is_none() {
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
        let stored = Stored { version, updated, resource };
        versions.push(stored.clone());
        stored
    }
}
