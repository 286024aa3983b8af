//! Element paths, checked against the tables when they are read.
//!
//! A path names one element of a resource type, or one extension or identifier system of it, in the words of the
//! specification: `name`, `address.postalCode`, `onset[x]`, `extension:<url>`, `identifier:<system>`,
//! `birthDate.extension:<url>`. One type of a choice is named as JSON spells it (`valueQuantity`), and items of a list by
//! their key: `item:<linkId>`, `section:<system>|<code>`, `contained:<type>`. A path that parses exists; agreements, masks and search
//! parameters meet in it.

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
    /// A choice where it has this one type.
    Choice {
        /// Its name in the specification: `value[x]`.
        name: &'static str,
        /// Its name in JSON, which tells the type: `valueQuantity`.
        key: &'static str,
    },
    /// The items of a list that have this key, with all that is inside them.
    Item {
        /// The list, whose items have a key ([`keyed_by`]).
        list: &'static str,
        /// A linkId, a code as `system|code`, or the type of a contained resource.
        key: String,
    },
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
    /// A choice is named by its stem.
    #[error("{path}: write `{instead}`, which stands for every type of the choice, or name one type")]
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
    /// A key after an element whose items have none.
    #[error(
        "{path}: only items that have a linkId or a code, and contained resources, are named one by one, as `name:key`"
    )]
    NoKey {
        /// The whole path.
        path: String,
    },
    /// A key that is none.
    #[error("{path}: {wanted} must follow the colon")]
    NotAKey {
        /// The whole path.
        path: String,
        /// What a key looks like here.
        wanted: &'static str,
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
            if let Some((list, key)) = here.split_once(':').filter(|(list, _)| !list.contains('.')) {
                steps.push(item(&types, list, key, || shown(owner, text))?);
                break;
            }
            let (name, next) = match here.split_once('.') {
                Some((name, next)) => (name, Some(next)),
                None => (here, None),
            };
            if let Some(one) = one_of_choice(&types, name) {
                let (stem, key) = (one.name(), one.key());
                steps.push(Step::Choice { name: stem, key });
                types = one.only_type().into_iter().collect();
                rest = next;
                continue;
            }
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
            Self::Choice { key, .. } => formatter.write_str(key),
            Self::Item { list, key } => write!(formatter, "{list}:{key}"),
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

/// By what the items of a list are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyedBy {
    /// `linkId`.
    LinkId,
    /// `code`, a CodeableConcept.
    Code,
    /// `resourceType`, of contained resources.
    Type,
}

/// By what items of the type `of` are told apart where they can be named one by one.
#[must_use]
pub fn keyed_by(of: TypeId) -> Option<KeyedBy> {
    if of.kind() == TypeKind::Abstract {
        return Some(KeyedBy::Type);
    }
    if of.kind() != TypeKind::Backbone {
        return None;
    }
    if tables::element_named(of, "linkId").is_some() {
        return Some(KeyedBy::LinkId);
    }
    let code = tables::element_named(of, "code")?;
    code.only_type().filter(|found| found.name() == "CodeableConcept").map(|_| KeyedBy::Code)
}

impl Step {
    /// The name in the specification of the element it is about.
    #[must_use]
    pub fn element(&self) -> &'static str {
        match self {
            Self::Element(name) | Self::Choice { name, .. } | Self::Item { list: name, .. } => name,
            Self::Extension(_) => "extension",
            Self::Identifier(_) => "identifier",
        }
    }

    /// The types that it leads to from any of `types`.
    #[must_use]
    pub fn leads_to(&self, types: &[TypeId]) -> Vec<TypeId> {
        let found = types.iter();
        match self {
            Self::Choice { key, .. } => {
                found.filter_map(|owner| tables::element(*owner, key)?.only_type()).collect()
            }
            Self::Element(_) | Self::Item { .. } | Self::Extension(_) | Self::Identifier(_) => found
                .filter_map(|owner| tables::element_named(*owner, self.element()))
                .flat_map(|element| element.types())
                .map(ElementType::id)
                .collect(),
        }
    }
}

/// `name:key`: the items of a list that have this key.
fn item(types: &[TypeId], list: &str, key: &str, path: impl Fn() -> String) -> Result<Step, InvalidPath> {
    let found = types.iter().find_map(|owner| tables::element_named(*owner, list));
    let keyed = found
        .filter(|element| element.is_array())
        .and_then(|element| Some((element.name(), keyed_by(element.only_type()?)?)));
    let Some((list, by)) = keyed else { return Err(InvalidPath::NoKey { path: path() }) };
    let wanted = match by {
        KeyedBy::LinkId if key.trim().is_empty() => "a linkId",
        KeyedBy::Code
            if !key.rsplit_once('|').is_some_and(|(one, other)| !one.is_empty() && !other.is_empty()) =>
        {
            "a code as system|code"
        }
        KeyedBy::Type if tables::resource_type(key).is_none() => "a resource type",
        KeyedBy::LinkId | KeyedBy::Code | KeyedBy::Type => {
            return Ok(Step::Item { list, key: key.to_owned() });
        }
    };
    Err(InvalidPath::NotAKey { path: path(), wanted })
}

/// The choice of which `name` is one type.
fn one_of_choice(types: &[TypeId], name: &str) -> Option<tables::Element> {
    types.iter().filter_map(|owner| tables::element(*owner, name)).find(tables::Element::is_choice)
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
        if let Some(element) = tables::element_named(*owner, &choice) {
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
