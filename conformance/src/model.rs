//! What is known of the types of a tree's elements.
//!
//! A tree itself has names only. Expressions and validation ask a [`Model`] what an element is: [`Tables`] knows the
//! base definitions of a release; packs of definitions may know more.

use std::fmt;

use fhir::tables::{self, Release, TypeId};

pub use fhir::tables::TypeKind as Kind;

use crate::tree::Node;

/// A type, as the model that told it counts its types.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Type(pub u32);

/// What a model says of an element of a type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// Its type; for a choice the one that the name tells (`valueQuantity`). None where it cannot be told
    /// (`value` of a choice, an inline resource has `Resource`).
    pub of: Option<Type>,
    /// Whether it may repeat.
    pub array: bool,
    /// Whether the name is that of one alternative of a choice.
    pub choice: bool,
}

/// What is known of types and their elements.
pub trait Model: fmt::Debug + Send + Sync {
    /// The type called so: `Patient`, `Quantity`, `string`, or the path of one inside another (`Patient.contact`).
    fn type_named(&self, name: &str) -> Option<Type>;

    /// The name of a type.
    fn name(&self, of: Type) -> &str;

    /// What it looks like.
    fn kind(&self, of: Type) -> Kind;

    /// The type it specialises.
    fn base(&self, of: Type) -> Option<Type>;

    /// The element of `of` that is called `name` in an instance: `birthDate`, `valueQuantity`.
    fn element(&self, of: Type, name: &str) -> Option<Field>;

    /// Whether `of` has a choice called `stem`: `value` of `value[x]`.
    fn is_choice(&self, of: Type, stem: &str) -> bool;

    /// Whether `of` is `ancestor` or specialises it.
    fn is_a(&self, of: Type, ancestor: Type) -> bool {
        let mut found = Some(of);
        while let Some(here) = found {
            if here == ancestor {
                return true;
            }
            found = self.base(here);
        }
        false
    }

    /// The type of a node: of a resource its own, of another element what its parent's type says.
    fn type_of(&self, node: Node<'_>) -> Option<Type> {
        if let Some(name) = node.resource_type() {
            return self.type_named(name);
        }
        let parent = self.type_of(node.parent()?)?;
        self.element(parent, node.name())?.of
    }
}

/// The base definitions of a release. A type that the tables of the release do not have is looked up in R4.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tables {
    release: Release,
}

impl Tables {
    /// Those of R4.
    pub const R4: Self = Self { release: Release::R4 };

    /// Those of a release.
    #[must_use]
    pub const fn of(release: Release) -> Self {
        Self { release }
    }

    fn id(of: Type) -> Option<TypeId> {
        TypeId::at(usize::try_from(of.0).ok()?)
    }

    /// A type as this release has it, if it has one of that name: what R4 lends may name types of both.
    fn own(&self, id: TypeId) -> Type {
        let own = match self.release {
            Release::R4 => None,
            Release::Dstu2 | Release::Stu3 | Release::R4b | Release::R5 => {
                tables::type_in(self.release, id.name())
            }
        };
        Self::told(own.unwrap_or(id))
    }

    fn told(id: TypeId) -> Type {
        Type(u32::try_from(id.index()).unwrap_or(u32::MAX))
    }
}

impl Model for Tables {
    fn type_named(&self, name: &str) -> Option<Type> {
        tables::type_in(self.release, name).or_else(|| tables::type_named(name)).map(Self::told)
    }

    fn name(&self, of: Type) -> &str {
        Self::id(of).map_or("", TypeId::name)
    }

    fn kind(&self, of: Type) -> Kind {
        Self::id(of).map_or(Kind::Abstract, TypeId::kind)
    }

    fn base(&self, of: Type) -> Option<Type> {
        let id = Self::id(of)?;
        // The tables make nothing of it that one primitive specialises another.
        let special = match id.name() {
            "code" | "id" | "markdown" => Some("string"),
            "url" | "canonical" | "uuid" | "oid" => Some("uri"),
            "positiveInt" | "unsignedInt" => Some("integer"),
            _ => None,
        };
        special.and_then(|name| self.type_named(name)).or_else(|| id.base().map(|base| self.own(base)))
    }

    fn element(&self, of: Type, name: &str) -> Option<Field> {
        let id = Self::id(of)?;
        let found = tables::element(id, name)?;
        // The id of a resource is an id, which the definitions say in an extension only.
        let named = matches!(id.kind(), Kind::Resource | Kind::Abstract) && name == "id";
        let told = if named { self.type_named("id") } else { found.only_type().map(|told| self.own(told)) };
        Some(Field { of: told, array: found.is_array(), choice: found.is_choice() })
    }

    fn is_choice(&self, of: Type, stem: &str) -> bool {
        let choice =
            |found: tables::Element| found.is_choice() && found.name().strip_suffix("[x]") == Some(stem);
        Self::id(of).is_some_and(|id| id.elements().any(choice))
    }
}
