//! Searching: from the text of a query to typed criteria, back to text for an upstream, and onto a resource.
//!
//! 1. [`grammar`] reads names and values, closed and bounded;
//! 2. [`SearchQuery::compile`] checks them against the tables of R4: what is not served is a typed reason;
//! 3. [`SearchQuery::to_form`] writes the query anew, never the text that came;
//! 4. [`mod@matches`] tells whether a resource meets a criterion;
//! 5. [`controls`], [`sort`] and [`project()`] shape the answer: they are for whoever answers, never for an upstream.
//!
//! Whether a search may be run is not decided here. What that decision needs is: the elements a criterion reads, its
//! polarity, and the persons it names.

mod compile;
pub mod controls;
mod criterion;
pub mod grammar;
pub mod matches;
mod number;
mod persons;
mod place;
mod project;
mod references;
mod served;
pub mod sort;
mod write;

pub use compile::count;
pub use criterion::{
    Compared, Criterion, DateTest, NumberTest, Polarity, Prefix, Presence, QuantityTest, ReferenceTest,
    StringModifier, Test, TokenModifier, TokenTest,
};
pub use matches::Match;
pub use number::Number;
pub use persons::{NamedPerson, Naming, names_person_by};
pub use place::is_followed;
pub use project::project;
pub use references::References;
pub use served::{InvalidValue, NotServed, SearchError};
pub use write::form;

use self::controls::{Controls, Include, Projection, Total};
use self::sort::SortKey;
use crate::json::Node;
use crate::reference::Bases;
use crate::tables::TypeId;

/// A search of one resource type that can be carried out.
///
/// All criteria must hold; any value of a criterion may.
#[derive(Debug, Clone)]
pub struct SearchQuery {
    resource_type: TypeId,
    criteria: Vec<Criterion>,
    count: Option<u32>,
    cursor: Option<String>,
    controls: Controls,
}

impl SearchQuery {
    /// What is searched.
    #[must_use]
    pub fn resource_type(&self) -> TypeId {
        self.resource_type
    }

    /// What must hold.
    #[must_use]
    pub fn criteria(&self) -> &[Criterion] {
        &self.criteria
    }

    /// How many matches a page should have, when the query says.
    #[must_use]
    pub fn count(&self) -> Option<u32> {
        self.count
    }

    /// How much of each match is asked for.
    #[must_use]
    pub fn projection(&self) -> &Projection {
        &self.controls.projection
    }

    /// What is asked about the number of matches.
    #[must_use]
    pub fn total(&self) -> Total {
        self.controls.total
    }

    /// The keys of the order that is asked for, the first counting most.
    #[must_use]
    pub fn sort(&self) -> &[SortKey] {
        &self.controls.sort
    }

    /// What is to go with the matches.
    #[must_use]
    pub fn includes(&self) -> &[Include] {
        &self.controls.includes
    }

    /// Leaves out the includes that `keeps` does not pick. How many these were.
    pub fn retain_includes(&mut self, keeps: impl Fn(&Include) -> bool) -> usize {
        let before = self.controls.includes.len();
        self.controls.includes.retain(keeps);
        before - self.controls.includes.len()
    }

    /// Whether it asks for nothing: no criterion, no control, no number of entries.
    #[must_use]
    pub fn is_bare(&self) -> bool {
        self.criteria.is_empty() && self.count.is_none() && self.controls.is_empty()
    }

    /// The place to go on from (`_cursor`), when the query continues another.
    #[must_use]
    pub fn cursor(&self) -> Option<&str> {
        self.cursor.as_deref()
    }

    /// Whether a resource meets every criterion; `bases` are the names of the system that holds it.
    ///
    /// A resource of another type meets none.
    #[must_use]
    pub fn matches(&self, resource: Node<'_>, bases: &Bases) -> Match {
        if !resource.member("resourceType").is_some_and(|name| name.is_string(self.resource_type.name())) {
            return Match::No;
        }
        Match::all(self.criteria.iter().map(|criterion| matches::matches(criterion, resource, bases)))
    }
}
