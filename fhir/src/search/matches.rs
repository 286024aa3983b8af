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
use super::place::{self, Found, Places};
use super::references::References;
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
    match (&criterion.places, &criterion.test) {
        (None, _) => Match::CannotTell,
        (Some(Places::Apart(places)), test) => {
            found_matches(test, criterion.code(), &place::find(places, resource), bases)
        }
        (Some(Places::Together(items)), Test::Together(any)) => {
            let items = place::find_together(items, resource);
            Match::any(items.iter().flat_map(|item| any.iter().map(|tests| is_in_item(tests, item, bases))))
        }
        (Some(Places::Together(_)), _) => Match::CannotTell,
    }
}

/// Whether no resource tells whether it meets `criterion`: where its elements cannot be followed, and of how names sound.
pub(super) fn is_left_to_servers(criterion: &Criterion) -> bool {
    criterion.places.is_none() || criterion.code() == "phonetic"
}

/// Whether one item holds what every component asks for.
fn is_in_item(tests: &[Test], item: &[Found<'_>], bases: &Bases) -> Match {
    // No component is one of the parameters whose name matters.
    Match::all(tests.iter().zip(item).map(|(test, found)| found_matches(test, "", found, bases)))
}

/// Whether what was `found` meets `test` of the parameter `code`.
fn found_matches(test: &Test, code: &str, found: &Found<'_>, bases: &Bases) -> Match {
    if found.is_untold() {
        return Match::CannotTell;
    }
    match test {
        Test::Missing(presence) => missing(*presence, found),
        Test::Token { modifier, any } if code == "deceased" => {
            token::modified(*modifier, any, |test| token::deceased(found, test))
        }
        Test::Token { modifier, any } if code == "_id" => {
            let whole = |test: &_| Match::any(values(found).map(|(node, _)| token::id(node, test)));
            token::modified(*modifier, any, whole)
        }
        Test::Token { modifier, any } => {
            let whole =
                |test: &_| Match::any(values(found).map(|(node, leaf)| token::matches(node, leaf, test)));
            token::modified(*modifier, any, whole)
        }
        Test::Reference(any) => {
            Match::any(values(found).map(|(node, _)| reference::matches_any(node, any, &|_| true, bases)))
        }
        Test::String { modifier, any } => {
            let told = Match::any(any.iter().flat_map(|test| {
                values(found).map(move |(node, leaf)| text::matches(node, leaf, *modifier, test))
            }));
            // How names sound alike is for each server to say.
            if code == "phonetic" && told == Match::No { Match::CannotTell } else { told }
        }
        Test::Date(any) => Match::any(
            any.iter().flat_map(|test| values(found).map(|(node, leaf)| date::matches(node, leaf, test))),
        ),
        Test::Number(any) => Match::any(
            any.iter().flat_map(|test| values(found).map(|(node, _)| quantity::number(node, test))),
        ),
        Test::Quantity(any) => Match::any(
            any.iter().flat_map(|test| values(found).map(|(node, leaf)| quantity::matches(node, leaf, test))),
        ),
        Test::Uri(any) => {
            Match::any(any.iter().flat_map(|test| values(found).map(|(node, _)| text::uri(node, test))))
        }
        // Composites are not joined to others.
        Test::Together(_) => Match::CannotTell,
    }
}

/// What a criterion compares in a resource, in its order: for a composite what each component compares in each item that
/// has something for all of them. Nothing where that is not known: where a place cannot be followed, where something
/// stands only beside an absent value, or where there is nothing to compare.
#[must_use]
pub fn compared<'a>(criterion: &'a Criterion, resource: Node<'a>) -> Option<Vec<Vec<Node<'a>>>> {
    let found: Vec<Vec<Found<'a>>> = match criterion.places.as_ref()? {
        Places::Apart(places) => vec![vec![place::find(places, resource)]],
        Places::Together(items) => place::find_together(items, resource),
    };
    if found.iter().flatten().any(|found| found.only_beside) {
        return None;
    }
    let is_whole = |item: &Vec<Found<'a>>| item.iter().all(|found| !found.values.is_empty());
    let nodes = |found: Found<'a>| found.values.into_iter().map(|(node, _)| node).collect();
    let all: Vec<_> = found.into_iter().filter(is_whole).flatten().map(nodes).collect();
    (!all.is_empty()).then_some(all)
}

/// The same for a criterion that asks for the references `any`, as if it asked for those alone that `is_picked` picks. Few
/// are ever picked from: those to which the resource refers.
pub(super) fn matches_one_of(
    criterion: &Criterion,
    any: &References,
    is_picked: &dyn Fn(&ReferenceTest) -> bool,
    resource: Node<'_>,
    bases: &Bases,
) -> Match {
    let Some(Places::Apart(places)) = &criterion.places else { return Match::CannotTell };
    let found = place::find(places, resource);
    if found.is_untold() {
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
