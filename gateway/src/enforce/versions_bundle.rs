//! A Bundle of type `history` of our own around versions of a view: nothing of the upstream's envelope is in it.
//!
//! How a version of a system's resource came about is not told: the oldest that a requestor may see need not be the first
//! there was. Of the gateway's own it is known.

use fhir::json::Writer;

/// One entry.
#[derive(Debug)]
pub(in crate::enforce) struct Entry<'a> {
    /// Where the resource can be read through the gateway.
    pub(in crate::enforce) full_url: &'a str,
    /// `Type/id`, or `Type` for what was made there.
    pub(in crate::enforce) url: &'a str,
    /// What happened.
    pub(in crate::enforce) change: Change<'a>,
}

/// What happened to the resource, as the requestor may see it.
#[derive(Debug, Clone, Copy)]
pub(in crate::enforce) enum Change<'a> {
    /// It came to look like this.
    Version {
        /// Minimised bytes.
        resource: &'a [u8],
        /// The name of the view.
        version: &'a str,
    },
    /// It was made like this.
    Creation {
        /// The resource.
        resource: &'a [u8],
        /// The name of the version.
        version: &'a str,
    },
    /// It was deleted.
    Deletion,
}

/// The envelope.
#[derive(Debug)]
pub(in crate::enforce) struct VersionsBundle<'a> {
    /// Random.
    pub(in crate::enforce) id: &'a str,
    /// Entries of the view, on all pages.
    pub(in crate::enforce) total: usize,
    /// The request as the gateway understood it.
    pub(in crate::enforce) self_link: &'a str,
    /// The next page, sealed to the requestor.
    pub(in crate::enforce) next_link: Option<&'a str>,
    /// Newest first.
    pub(in crate::enforce) entries: &'a [Entry<'a>],
}

impl VersionsBundle<'_> {
    /// The Bundle as JSON.
    pub(in crate::enforce) fn to_json(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(1024);
        let mut json = Writer::new(&mut out);
        json.object();
        json.key("resourceType").string("Bundle").key("id").string(self.id).key("type").string("history");
        json.key("total").number(self.total as u64);
        json.key("link").array();
        json.object().key("relation").string("self").key("url").string(self.self_link).close();
        if let Some(next) = self.next_link {
            json.object().key("relation").string("next").key("url").string(next).close();
        }
        json.close();
        if !self.entries.is_empty() {
            json.key("entry").array();
            for entry in self.entries {
                entry.write(&mut json);
            }
            json.close();
        }
        json.finish();
        out
    }
}

impl Entry<'_> {
    fn write(&self, json: &mut Writer<'_>) {
        let (method, status) = match self.change {
            Change::Version { .. } => ("PUT", "200"),
            Change::Creation { .. } => ("POST", "201"),
            Change::Deletion => ("DELETE", "204"),
        };
        json.object().key("fullUrl").string(self.full_url);
        let shown = match self.change {
            Change::Version { resource, version } | Change::Creation { resource, version } => {
                Some((resource, version))
            }
            Change::Deletion => None,
        };
        if let Some((resource, _)) = shown {
            json.key("resource").raw(resource);
        }
        json.key("request").object().key("method").string(method).key("url").string(self.url).close();
        json.key("response").object().key("status").string(status);
        if let Some((_, version)) = shown {
            json.key("etag").string(&format!("W/\"{version}\""));
        }
        json.close().close();
    }
}
