//! Searching: from the text of a query to typed criteria, back to text for an upstream, and onto a resource.
//!
//! 1. [`grammar`] reads names and values, closed and bounded;
//! 2. [`SearchQuery::compile`] checks them against the tables of R4: what is not served is a typed reason;
//! 3. [`SearchQuery::to_form`] writes the query anew, never the text that came;
//! 4. [`mod@matches`] tells whether a resource meets a criterion.
//!
//! Whether a search may be run is not decided here. What that decision needs is: the elements a criterion reads, its
//! polarity, and the persons it names.

mod compile;
mod criterion;
pub mod grammar;
pub mod matches;
mod number;
mod persons;
mod place;
mod served;
mod write;

pub use criterion::{
    Criterion, DateTest, NumberTest, Polarity, Prefix, Presence, QuantityTest, ReferenceTest, StringModifier,
    Test, TokenModifier, TokenTest,
};
pub use matches::Match;
pub use number::Number;
pub use persons::{NamedPerson, names_person_by};
pub use served::{InvalidValue, NotServed, SearchError};
pub use write::form;

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
