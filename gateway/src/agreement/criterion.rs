//! For which resources a table of a share holds: what `where` says, checked and ready to be held against resources.

use fhir::path::{ElementPath, Step};
use fhir::tables::TypeId;

/// One condition on a resource. It depends on that resource alone.
#[derive(Debug, Clone)]
pub enum Criterion {
    /// An element holds one of these codes; an absent one does not.
    Code {
        /// A code-like element.
        element: Place,
        /// `system|code` pairs, or-ed; the system is empty for elements of type `code`, which have none.
        codes: Vec<(String, String)>,
    },
    /// An element is one of these texts, to the letter; an absent one is not.
    Text {
        /// A text, an id, an address, or `true` and `false`.
        element: Place,
        /// Or-ed.
        texts: Vec<String>,
    },
    /// Content is of one of these media types; parameters and case do not count.
    MediaType {
        /// `contentType`.
        element: Place,
        /// Such as `application/pdf`, or-ed.
        types: Vec<String>,
    },
    /// The element is there.
    Present(Place),
    /// The element is not there, and nothing that stands for it.
    Absent(Place),
    /// All conditions of one of these sets hold.
    Any(Vec<Vec<Criterion>>),
    /// The resource stands inside another one.
    Contained,
}

/// An element that a condition looks at, with the names by which JSON leads there.
#[derive(Debug, Clone)]
pub struct Place {
    path: ElementPath,
    hops: Vec<Hop>,
}

/// One step on the way to an element.
#[derive(Debug, Clone)]
pub enum Hop {
    /// Members with one of these names.
    Members(Vec<&'static str>),
    /// The value of the identifiers of this system.
    Identifier(String),
}

impl Place {
    /// The place of a path; nothing for an extension or single items of a list.
    #[must_use]
    pub fn of(path: ElementPath) -> Option<Self> {
        let mut types = vec![path.owner()];
        let mut hops = Vec::new();
        for step in path.steps() {
            hops.push(match step {
                Step::Element(name) => Hop::Members(keys_of(&types, name)),
                Step::Choice { key, .. } => Hop::Members(vec![key]),
                Step::Identifier(system) => Hop::Identifier(system.clone()),
                Step::Extension(_) | Step::Item { .. } => return None,
            });
            types = step.leads_to(&types);
        }
        Some(Self { path, hops })
    }

    /// The path, as it is written.
    #[must_use]
    pub const fn path(&self) -> &ElementPath {
        &self.path
    }

    /// The way there.
    #[must_use]
    pub fn hops(&self) -> &[Hop] {
        &self.hops
    }
}

/// What JSON may call the element `name` of one of these types.
fn keys_of(types: &[TypeId], name: &str) -> Vec<&'static str> {
    let all = types.iter().flat_map(|owner| owner.keys());
    let mut keys: Vec<_> = all.filter(|(_, element)| element.name() == name).map(|(key, _)| key).collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}
