//! A searchset of our own around minimised entries: nothing of the upstream's envelope is in it.

use fhir::json::Writer;

/// One entry.
#[derive(Debug)]
pub(in crate::enforce) struct Entry<'a> {
    /// Where the resource can be read through the gateway; none for what is made here.
    pub(in crate::enforce) full_url: Option<String>,
    /// Minimised bytes, or a resource of our own.
    pub(in crate::enforce) resource: &'a [u8],
    /// Its part in the answer.
    pub(in crate::enforce) mode: Mode,
}

/// `Bundle.entry.search.mode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::enforce) enum Mode {
    /// It matched.
    Match,
    /// It goes with what matched.
    Include,
    /// It says something about the answer.
    Outcome,
}

/// The envelope.
#[derive(Debug)]
pub(in crate::enforce) struct Searchset<'a> {
    /// Random.
    pub(in crate::enforce) id: &'a str,
    /// Of the view; only when one person is named and the gateway saw every match.
    pub(in crate::enforce) total: Option<usize>,
    /// The search as the gateway understood it.
    pub(in crate::enforce) self_link: &'a str,
    /// The next page, sealed to the requestor.
    pub(in crate::enforce) next_link: Option<&'a str>,
    /// In order.
    pub(in crate::enforce) entries: &'a [Entry<'a>],
}

impl Searchset<'_> {
    /// The Bundle as JSON.
    pub(in crate::enforce) fn to_json(&self) -> Vec<u8> {
        let size: usize = self.entries.iter().map(|entry| entry.resource.len() + 160).sum();
        let mut out = Vec::with_capacity(size + 512);
        let mut json = Writer::new(&mut out);
        json.object();
        json.key("resourceType").string("Bundle").key("id").string(self.id).key("type").string("searchset");
        if let Some(total) = self.total {
            json.key("total").number(total as u64);
        }
        json.key("link").array();
        json.object().key("relation").string("self").key("url").string(self.self_link).close();
        if let Some(next) = self.next_link {
            json.object().key("relation").string("next").key("url").string(next).close();
        }
        json.close();
        if !self.entries.is_empty() {
            json.key("entry").array();
            for entry in self.entries {
                json.object();
                if let Some(full_url) = &entry.full_url {
                    json.key("fullUrl").string(full_url);
                }
                json.key("resource").raw(entry.resource);
                json.key("search").object().key("mode").string(entry.mode.code()).close();
                json.close();
            }
            json.close();
        }
        json.finish();
        out
    }
}

impl Mode {
    const fn code(self) -> &'static str {
        match self {
            Self::Match => "match",
            Self::Include => "include",
            Self::Outcome => "outcome",
        }
    }
}
