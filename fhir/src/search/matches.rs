//! Whether a resource meets a criterion, by the semantics of R4 search.
//!
//! Three answers. [`Match::CannotTell`] is said where R4 leaves the answer to a server, or where it lies outside the
//! resource: whoever drops what does not match must not drop it, and whoever asks a minimised form whether it still
//! matches must take only [`Match::Yes`].

pub(super) mod date;
mod quantity;
mod reference;
pub(super) mod text;
mod token;

use super::criterion::{Criterion, Presence, ReferenceTest, Test};
use super::place::{self, Found};
use crate::json::Node;
use crate::reference::Bases;

/// Whether something matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Match {
    /// It does.
    Yes,
    /// It does not.
    No,
    /// R4 leaves it open, or the resource alone does not tell.
    CannotTell,
}

impl Match {
    /// Whether any of them does.
    pub fn any(matches: impl IntoIterator<Item = Self>) -> Self {
        let mut told = Self::No;
        for one in matches {
            match one {
                Self::Yes => return Self::Yes,
                Self::CannotTell => told = Self::CannotTell,
                Self::No => {}
            }
        }
        told
    }

    /// Whether all of them do.
    pub fn all(matches: impl IntoIterator<Item = Self>) -> Self {
        Self::any(matches.into_iter().map(Self::negated)).negated()
    }

    /// The opposite; what cannot be told stays so.
    #[must_use]
    pub fn negated(self) -> Self {
        match self {
            Self::Yes => Self::No,
            Self::No => Self::Yes,
            Self::CannotTell => Self::CannotTell,
        }
    }

    /// Yes or no where `whether` is certain.
    fn certainly(whether: impl Into<Option<bool>>) -> Self {
        match whether.into() {
            Some(true) => Self::Yes,
            Some(false) => Self::No,
            None => Self::CannotTell,
        }
    }
}

/// Whether `resource` meets `criterion`; `bases` are the names of the system that holds it.
#[must_use]
pub fn matches(criterion: &Criterion, resource: Node<'_>, bases: &Bases) -> Match {
    let Some(places) = &criterion.places else { return Match::CannotTell };
    let found = place::find(places, resource);
    if found.only_beside && found.values.is_empty() {
        return Match::CannotTell;
    }
    match &criterion.test {
        Test::Missing(presence) => missing(*presence, &found),
        Test::Token { modifier, any } if criterion.code() == "deceased" => {
            token::modified(*modifier, any, |test| token::deceased(&found, test))
        }
        Test::Token { modifier, any } if criterion.code() == "_id" => {
            let whole = |test: &_| Match::any(values(&found).map(|(node, _)| token::id(node, test)));
            token::modified(*modifier, any, whole)
        }
        Test::Token { modifier, any } => {
            let whole =
                |test: &_| Match::any(values(&found).map(|(node, leaf)| token::matches(node, leaf, test)));
            token::modified(*modifier, any, whole)
        }
        Test::Reference(any) => {
            Match::any(values(&found).map(|(node, _)| reference::matches_any(node, any, &|_| true, bases)))
        }
        Test::String { modifier, any } => {
            let told = Match::any(any.iter().flat_map(|test| {
                values(&found).map(move |(node, leaf)| text::matches(node, leaf, *modifier, test))
            }));
            // How names sound alike is for each server to say.
            if criterion.code() == "phonetic" && told == Match::No { Match::CannotTell } else { told }
        }
        Test::Date(any) => Match::any(
            any.iter().flat_map(|test| values(&found).map(|(node, leaf)| date::matches(node, leaf, test))),
        ),
        Test::Number(any) => Match::any(
            any.iter().flat_map(|test| values(&found).map(|(node, _)| quantity::number(node, test))),
        ),
        Test::Quantity(any) => Match::any(
            any.iter()
                .flat_map(|test| values(&found).map(|(node, leaf)| quantity::matches(node, leaf, test))),
        ),
        Test::Uri(any) => {
            Match::any(any.iter().flat_map(|test| values(&found).map(|(node, _)| text::uri(node, test))))
        }
    }
}

/// What a criterion compares in a resource, in its order. Nothing where that is not known: where a place cannot be
/// followed, where something stands only beside an absent value, or where there is nothing to compare.
#[must_use]
pub fn compared<'a>(criterion: &'a Criterion, resource: Node<'a>) -> Option<Vec<Node<'a>>> {
    let found = place::find(criterion.places.as_deref()?, resource);
    let is_known = !found.only_beside && !found.values.is_empty();
    is_known.then(|| found.values.into_iter().map(|(node, _)| node).collect())
}

/// The same for a criterion that asks for the references `any`, as if it asked for those alone that `is_picked` picks. Few
/// are ever picked from: those to which the resource refers.
pub(super) fn matches_one_of(
    criterion: &Criterion,
    any: &[ReferenceTest],
    is_picked: &dyn Fn(&ReferenceTest) -> bool,
    resource: Node<'_>,
    bases: &Bases,
) -> Match {
    let Some(places) = &criterion.places else { return Match::CannotTell };
    let found = place::find(places, resource);
    if found.only_beside && found.values.is_empty() {
        return Match::CannotTell;
    }
    Match::any(values(&found).map(|(node, _)| reference::matches_any(node, any, is_picked, bases)))
}

fn values<'a>(found: &'a Found<'a>) -> impl Iterator<Item = (Node<'a>, &'static str)> {
    found.values.iter().map(|(node, place)| (*node, place.leaf.name()))
}

/// A reference counts for a parameter that wants one type only unless it is certainly of another.
fn missing(presence: Presence, found: &Found<'_>) -> Match {
    let there = Match::any(found.values.iter().map(|(node, place)| match place.resolves_to {
        None => Match::Yes,
        Some(wanted) => reference::is_of(*node, wanted),
    }));
    match presence {
        Presence::Present => there,
        Presence::Absent => there.negated(),
    }
}
