//! Element paths, checked against the tables when they are read.
//!
//! A path names one element of a resource type, or one extension or identifier system of it, in the words of the
//! specification: `name`, `address.postalCode`, `onset[x]`, `extension:<url>`, `identifier:<system>`,
//! `birthDate.extension:<url>`. A path that parses exists; agreements, masks and search parameters meet in it.

use std::fmt;

use crate::tables::{self, ElementType, TypeId, TypeKind};

#[cfg(test)]
mod tests;

/// A checked path below a resource type.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ElementPath {
    owner: TypeId,
    steps: Vec<Step>,
}

/// One step of an [`ElementPath`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// An element by its name in the specification; a choice ends in `[x]`.
    Element(&'static str),
    /// Extensions with this url.
    Extension(String),
    /// Items of `identifier` with this system.
    Identifier(String),
}

/// Why a text names no element. Says what to write instead where that can be told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPath {
    /// There is no such element.
    #[error("{path}: {owner} has no element `{name}`{}", Near(.near))]
    Unknown {
        /// The whole path.
        path: String,
        /// The type it was looked for in.
        owner: String,
        /// What was looked for.
        name: String,
        /// Elements with a similar name.
        near: Vec<&'static str>,
    },
    /// A choice is named by its stem or by one of its types.
    #[error("{path}: write `{instead}`, which stands for every type of the choice")]
    Choice {
        /// The whole path.
        path: String,
        /// How to write the step.
        instead: &'static str,
    },
    /// The sibling of a primitive is named.
    #[error("{path}: write `{name}.extension:<url>` for an extension of `{name}`")]
    Sibling {
        /// The whole path.
        path: String,
        /// The primitive.
        name: String,
    },
    /// All extensions at once.
    #[error("{path}: write `extension:<url>`, once for each extension that is meant")]
    Extension {
        /// The whole path.
        path: String,
    },
    /// `extension:` or `identifier:` with nothing after it.
    #[error("{path}: a url must follow the colon")]
    NoUrl {
        /// The whole path.
        path: String,
    },
    /// The path goes on inside a resource of any type.
    #[error(
        "{path}: what is inside a nested resource follows the rules of its own type; end the path before it"
    )]
    InsideResource {
        /// The whole path.
        path: String,
    },
}

/// Writes the similar names.
struct Near<'a>(&'a [&'static str]);

impl fmt::Display for Near<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [] => Ok(()),
            names => write!(formatter, "; did you mean `{}`?", names.join("` or `")),
        }
    }
}

impl ElementPath {
    /// Reads `text` as a path below `owner`.
    ///
    /// # Errors
    /// [`InvalidPath`] names the path, the type in which it goes wrong, and what is like it.
    pub fn parse(owner: TypeId, text: &str) -> Result<Self, InvalidPath> {
        let mut steps = Vec::new();
        let mut types = vec![owner];
        let mut rest = Some(text);
        while let Some(here) = rest {
            if !steps.is_empty() && types.iter().all(|found| found.kind() == TypeKind::Abstract) {
                return Err(InvalidPath::InsideResource { path: shown(owner, text) });
            }
            if let Some((special, url)) = special(here) {
                let (found, _) = child(&types, special).map_err(|wrong| wrong.explain(owner, text))?;
                if url.is_empty() {
                    return Err(InvalidPath::NoUrl { path: shown(owner, text) });
                }
                let url = url.to_owned();
                steps.push(if found == "extension" { Step::Extension(url) } else { Step::Identifier(url) });
                break;
            }
            let (name, next) = match here.split_once('.') {
                Some((name, next)) => (name, Some(next)),
                None => (here, None),
            };
            let (found, inside) = child(&types, name).map_err(|wrong| wrong.explain(owner, text))?;
            if found == "extension" {
                return Err(InvalidPath::Extension { path: shown(owner, text) });
            }
            steps.push(Step::Element(found));
            types = inside;
            rest = next;
        }
        Ok(Self { owner, steps })
    }

    /// The resource type it is below.
    #[must_use]
    pub const fn owner(&self) -> TypeId {
        self.owner
    }

    /// Its steps, at least one.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The path without the resource type, as [`ElementPath::parse`] reads it.
    #[must_use]
    pub fn text(&self) -> String {
        let steps: Vec<_> = self.steps.iter().map(Step::to_string).collect();
        steps.join(".")
    }
}

impl fmt::Display for ElementPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.owner.name())?;
        self.steps.iter().try_for_each(|step| write!(formatter, ".{step}"))
    }
}

impl fmt::Debug for ElementPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl fmt::Display for Step {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Element(name) => formatter.write_str(name),
            Self::Extension(url) => write!(formatter, "extension:{url}"),
            Self::Identifier(system) => write!(formatter, "identifier:{system}"),
        }
    }
}

fn shown(owner: TypeId, text: &str) -> String {
    format!("{owner}.{text}")
}

/// `extension:<url>` or `identifier:<system>`, whose second half may hold dots.
fn special(text: &str) -> Option<(&'static str, &str)> {
    let extension = text.strip_prefix("extension:").map(|url| ("extension", url));
    extension.or_else(|| text.strip_prefix("identifier:").map(|url| ("identifier", url)))
}

/// A step that is not there.
enum Wrong {
    Unknown { owner: TypeId, name: String, near: Vec<&'static str> },
    Choice(&'static str),
    Sibling(String),
}

impl Wrong {
    fn explain(self, owner: TypeId, text: &str) -> InvalidPath {
        let path = shown(owner, text);
        match self {
            Self::Unknown { owner, name, near } => {
                InvalidPath::Unknown { path, owner: owner.to_string(), name, near }
            }
            Self::Choice(instead) => InvalidPath::Choice { path, instead },
            Self::Sibling(name) => InvalidPath::Sibling { path, name },
        }
    }
}

/// The element `name` of any of `types`, and the types it may have.
fn child(types: &[TypeId], name: &str) -> Result<(&'static str, Vec<TypeId>), Wrong> {
    let found: Vec<_> = types.iter().filter_map(|owner| tables::element_named(*owner, name)).collect();
    if let Some(first) = found.first() {
        let mut inside: Vec<_> = found.iter().flat_map(|found| found.types()).map(ElementType::id).collect();
        inside.sort_unstable();
        inside.dedup();
        return Ok((first.name(), inside));
    }
    let choice = format!("{name}[x]");
    for owner in types {
        let stem = tables::element_named(*owner, &choice);
        if let Some(element) = stem.or_else(|| tables::element(*owner, name)) {
            return Err(Wrong::Choice(element.name()));
        }
        if let Some(name) = name.strip_prefix('_').filter(|name| tables::element(*owner, name).is_some()) {
            return Err(Wrong::Sibling(name.to_owned()));
        }
    }
    let owner = types.first().copied();
    let mut near: Vec<_> =
        types.iter().flat_map(|owner| owner.elements()).map(|element| element.name()).collect();
    near.retain(|known| is_near(known, name));
    near.sort_by_key(|known| distance(known, name));
    near.dedup();
    near.truncate(3);
    match owner {
        Some(owner) => Err(Wrong::Unknown { owner, name: name.to_owned(), near }),
        None => Err(Wrong::Sibling(name.to_owned())),
    }
}

fn is_near(known: &str, name: &str) -> bool {
    let longest = known.len().max(name.len());
    known.eq_ignore_ascii_case(name) || distance(known, name) <= (1 + longest / 4).min(3)
}

/// The number of letters to change, add or drop to get from one to the other.
fn distance(left: &str, right: &str) -> usize {
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (at, from) in left.bytes().enumerate() {
        let mut next = vec![at + 1];
        for ((above, diagonal), to) in row.iter().skip(1).zip(&row).zip(right.bytes()) {
            let change = diagonal + usize::from(!from.eq_ignore_ascii_case(&to));
            let before = next.last().copied().unwrap_or_default();
            next.push(change.min(above + 1).min(before + 1));
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}
