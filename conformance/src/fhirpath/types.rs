//! `is`, `as`, `ofType()` and `type()`.

use std::sync::Arc;

use super::ast::{Expr, Head, Path, Step, TypeName, TypeOperator};
use super::eval::{Given, Outcome, Run};
use super::failed::Failed;
use super::item::{Collection, Item, TypeInfo};
use super::scope::Mode;
use crate::model::Kind;
use crate::tree::Node;

/// The types of the language itself.
pub(super) const SYSTEM: [&str; 10] =
    ["Any", "Boolean", "String", "Integer", "Long", "Decimal", "Date", "DateTime", "Time", "Quantity"];

/// How a type is asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    /// Whether it is one, or a special one.
    Is,
    /// Whether it is to be taken as one: a primitive must be of the very type.
    As,
}

impl<'t> Run<'_, 't> {
    pub(super) fn typed(
        &self,
        items: Collection<'t>,
        operator: TypeOperator,
        name: &TypeName,
    ) -> Outcome<'t> {
        match (operator, &*items) {
            (_, []) => {
                self.known(name)?;
                Ok(items)
            }
            (TypeOperator::Is, [item]) => Ok(Collection::from(self.is(item, name, Asked::Is)?)),
            (TypeOperator::As, [item]) => {
                Ok(if self.is(item, name, Asked::As)? { items } else { Collection::empty() })
            }
            (TypeOperator::As, _) if matches!(self.scope.mode, Mode::Lenient | Mode::Invariant) => {
                self.of_type(items, name)
            }
            (TypeOperator::Is, _) => Err(Failed::not_single("is")),
            (TypeOperator::As, _) => Err(Failed::not_single("as")),
        }
    }

    pub(super) fn of_type(&self, items: Collection<'t>, name: &TypeName) -> Outcome<'t> {
        self.known(name)?;
        let mut found = Collection::empty();
        for item in items {
            if self.is(&item, name, Asked::As)? {
                found.push(item);
            }
        }
        Ok(found)
    }

    /// Fails for a type that nobody knows. Scripts may name types of releases that no table has.
    fn known(&self, name: &TypeName) -> Result<(), Failed> {
        let system = matches!(name.namespace.as_deref(), None | Some("System"))
            && SYSTEM.contains(&name.name.as_str());
        let foreign = !matches!(name.namespace.as_deref(), None | Some("FHIR"));
        if system
            || foreign
            || self.scope.mode == Mode::Lenient
            || self.scope.model.type_named(&name.name).is_some()
        {
            return Ok(());
        }
        Err(Failed::UnknownType { name: name.name.clone() })
    }

    fn is(&self, item: &Item<'t>, name: &TypeName, asked: Asked) -> Result<bool, Failed> {
        self.known(name)?;
        let namespace = name.namespace.as_deref();
        let Item::Node(node, of) = item else {
            let fits = matches!(namespace, None | Some("System"));
            return Ok(fits && (system_name(item) == name.name || name.name == "Any"));
        };
        if !matches!(namespace, None | Some("FHIR")) {
            return Ok(false);
        }
        let model = self.scope.model;
        let Some(wanted) = model.type_named(&name.name) else {
            let lax = matches!(self.scope.mode, Mode::Lenient | Mode::Invariant) && namespace.is_none();
            let primitive = of.is_some_and(|of| lax && model.name(of).eq_ignore_ascii_case(&name.name));
            return Ok(primitive || node.resource_type() == Some(name.name.as_str()));
        };
        Ok(match of {
            Some(of) if asked == Asked::As && model.kind(*of).is_primitive() => *of == wanted,
            Some(of) => model.is_a(*of, wanted),
            None => match node.resource_type() {
                Some(told) => told == name.name || matches!(model.kind(wanted), Kind::Abstract),
                None => self.suffixed(*node, &name.name),
            },
        })
    }

    /// Whether the name of an element of an unknown type ends in the name of a type, as choices do.
    fn suffixed(&self, node: Node<'t>, name: &str) -> bool {
        let stem = node.name().len().checked_sub(name.len()).filter(|stem| *stem > 0);
        let suffix = stem.and_then(|stem| node.name().get(stem..));
        suffix.is_some_and(|suffix| {
            suffix.eq_ignore_ascii_case(name) && suffix.starts_with(|first: char| first.is_ascii_uppercase())
        })
    }

    pub(super) fn type_info(&self, item: &Item<'t>) -> TypeInfo {
        match item {
            Item::Node(node, of) => {
                let name =
                    of.map(|of| self.scope.model.name(of)).or(node.resource_type()).unwrap_or("Element");
                TypeInfo { namespace: "FHIR", name: name.to_owned() }
            }
            other => TypeInfo { namespace: "System", name: system_name(other).to_owned() },
        }
    }
}

/// The name of a type of the language.
pub(super) fn system_name(item: &Item<'_>) -> &'static str {
    match item {
        Item::Node(..) => "",
        Item::Boolean(_) => "Boolean",
        Item::Integer(_) => "Integer",
        Item::Long(_) => "Long",
        Item::Decimal(_) => "Decimal",
        Item::String(_) => "String",
        Item::Date(_) => "Date",
        Item::DateTime(_) => "DateTime",
        Item::Time(_) => "Time",
        Item::Quantity(_) => "Quantity",
        Item::TypeInfo(_) => "SimpleTypeInfo",
    }
}

/// The type that an argument names.
pub(super) fn type_argument(argument: &Expr) -> Option<TypeName> {
    let Expr::Path(Path { head: Head::Focus, steps }) = argument else { return None };
    match steps.as_slice() {
        [Step::Child(name)] => Some(TypeName { namespace: None, name: name.clone() }),
        [Step::Child(namespace), Step::Child(name)] => {
            Some(TypeName { namespace: Some(namespace.clone()), name: name.clone() })
        }
        _ => None,
    }
}

fn argument<'t>(given: &Given<'_, 't>) -> Result<TypeName, Failed> {
    let name = given.call.arguments.first().and_then(type_argument);
    name.ok_or_else(|| given.wrong_type())
}

pub(super) fn is<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    let name = argument(&given)?;
    given.run.typed(given.input, TypeOperator::Is, &name)
}

pub(super) fn as_type<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    let name = argument(&given)?;
    given.run.typed(given.input, TypeOperator::As, &name)
}

pub(super) fn of_type<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    let name = argument(&given)?;
    given.run.of_type(given.input, &name)
}

pub(super) fn told<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    let infos = given.input.iter().map(|item| Item::TypeInfo(Arc::new(given.run.type_info(item))));
    Ok(infos.collect())
}
