//! Search parameters and what they read.

use super::TypeId;

/// What a search parameter compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SearchKind {
    /// A code, identifier or boolean.
    Token,
    /// A reference.
    Reference,
    /// Text.
    String,
    /// A date, time or period.
    Date,
    /// A number.
    Number,
    /// A number with a unit.
    Quantity,
    /// An address on the web.
    Uri,
    /// Several at once.
    Composite,
    /// Something of its own.
    Special,
}

/// A search parameter of a resource type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchParameter {
    pub(super) code: &'static str,
    pub(super) kind: SearchKind,
    pub(super) targets: Vec<TypeId>,
    pub(super) paths: Vec<SearchPath>,
    pub(super) reads: Vec<String>,
    pub(super) items: Vec<&'static str>,
    pub(super) components: Vec<Component>,
}

impl SearchParameter {
    /// The name in a query.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        self.code
    }

    /// What it compares.
    #[must_use]
    pub const fn kind(&self) -> SearchKind {
        self.kind
    }

    /// What a reference parameter may point at; empty means any type.
    #[must_use]
    pub fn targets(&self) -> &[TypeId] {
        &self.targets
    }

    /// Where the compared values are.
    ///
    /// `None`: the definition tells no expression, or one that cannot be read. What it reads is then unknown, and the
    /// parameter must be refused.
    #[must_use]
    pub fn paths(&self) -> Option<&[SearchPath]> {
        if self.paths.is_empty() { None } else { Some(&self.paths) }
    }

    /// The path, below the resource, of every element that decides whether a resource matches: those of
    /// [`SearchParameter::paths`] and of their conditions. `None` as there.
    #[must_use]
    pub fn reads(&self) -> Option<&[String]> {
        if self.paths.is_empty() { None } else { Some(&self.reads) }
    }

    /// The elements, as paths below the resource, of which one and the same must hold what all
    /// [`SearchParameter::components`] compare; the empty path is the resource itself. None unless it is a composite.
    #[must_use]
    pub fn items(&self) -> &[&'static str] {
        &self.items
    }

    /// What a composite joins, in the order of its values; none otherwise.
    #[must_use]
    pub fn components(&self) -> &[Component] {
        &self.components
    }
}

/// One of the values that a composite parameter joins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Component {
    pub(super) kind: SearchKind,
    pub(super) targets: Vec<TypeId>,
    pub(super) of_item: Vec<SearchPath>,
    pub(super) of_resource: Vec<SearchPath>,
    pub(super) reads: Vec<String>,
}

impl Component {
    /// What it compares.
    #[must_use]
    pub const fn kind(&self) -> SearchKind {
        self.kind
    }

    /// What a reference may point at; empty means any type.
    #[must_use]
    pub fn targets(&self) -> &[TypeId] {
        &self.targets
    }

    /// Where the compared values are, below an item.
    #[must_use]
    pub fn of_item(&self) -> &[SearchPath] {
        &self.of_item
    }

    /// Where the compared values are that stand once for all items, below the resource.
    #[must_use]
    pub fn of_resource(&self) -> &[SearchPath] {
        &self.of_resource
    }

    /// The path, below the resource, of every element that it reads, whichever the item.
    #[must_use]
    pub fn reads(&self) -> &[String] {
        &self.reads
    }
}

/// A place of values that a search parameter compares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchPath {
    pub(super) path: String,
    pub(super) choice: Option<TypeId>,
    pub(super) resolves_to: Option<TypeId>,
    pub(super) conditions: Vec<Condition>,
}

impl SearchPath {
    /// The path below the resource, in the words of [`crate::path::ElementPath`].
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The one type of the choice at its end that counts.
    #[must_use]
    pub const fn choice(&self) -> Option<TypeId> {
        self.choice
    }

    /// The one type that the reference at its end must resolve to.
    #[must_use]
    pub const fn resolves_to(&self) -> Option<TypeId> {
        self.resolves_to
    }

    /// Conditions on elements along the path.
    #[must_use]
    pub fn conditions(&self) -> &[Condition] {
        &self.conditions
    }

    /// Every element that decides whether a value there counts.
    pub(super) fn reads(&self) -> impl Iterator<Item = String> {
        let conditions = self.conditions.iter().map(|condition| condition.read.clone());
        std::iter::once(self.path.clone()).chain(conditions)
    }

    /// The same place, told from where `item` is below.
    pub(super) fn below(&self, item: &str) -> Self {
        let whole = |path: &str| if item.is_empty() { path.to_owned() } else { format!("{item}.{path}") };
        let conditions = self.conditions.iter().map(|condition| Condition {
            on: whole(&condition.on),
            read: whole(&condition.read),
            equals: condition.equals,
        });
        Self { path: whole(&self.path), conditions: conditions.collect(), ..self.clone() }
    }

    /// Reads `a{c=v}.b:Type` as the tables write it.
    pub(super) fn decode(text: &'static str, type_named: impl Fn(&str) -> Option<TypeId>) -> Option<Self> {
        let mut path = String::new();
        let mut conditions = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (condition, next) = after.split_once('}')?;
            let (child, equals) = condition.rsplit_once('=')?;
            path.push_str(before);
            let (on, read) = (path.clone(), format!("{path}.{child}"));
            let equals = if equals.is_empty() { None } else { Some(equals) };
            conditions.push(Condition { on, read, equals });
            rest = next;
        }
        let (mut choice, mut resolves_to) = (None, None);
        if let Some((before, found)) = rest.split_once('>') {
            path.push_str(before);
            resolves_to = Some(type_named(found)?);
        } else if let (false, Some((before, found))) = (rest.contains("extension:"), rest.rsplit_once(':')) {
            path.push_str(before);
            choice = Some(type_named(found)?);
        } else {
            path.push_str(rest);
        }
        Some(Self { path, choice, resolves_to, conditions })
    }
}

/// A condition on an element along a [`SearchPath`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    on: String,
    read: String,
    equals: Option<&'static str>,
}

impl Condition {
    /// The path of the element it is about.
    #[must_use]
    pub fn on(&self) -> &str {
        &self.on
    }

    /// The path of the child it reads.
    #[must_use]
    pub fn read(&self) -> &str {
        &self.read
    }

    /// What the child must be; nothing if it must only be there.
    #[must_use]
    pub const fn equals(&self) -> Option<&'static str> {
        self.equals
    }
}
