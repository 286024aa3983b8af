//! What can be told of an expression without a resource.

use super::ast::{Expr, Head, Path, Step, TypeOperator};
use super::failed::Failed;
use super::types::{SYSTEM, type_argument};
use crate::model::{Kind, Model, Type};

/// Whether a name is one of the variables that are always there.
pub(super) fn is_system_variable(name: &str) -> bool {
    matches!(name, "context" | "resource" | "rootResource" | "ucum" | "sct" | "loinc" | "terminologies")
        || name.starts_with("vs-")
        || name.starts_with("ext-")
}

/// Collects the functions that nobody knows.
pub(super) fn unknown_functions<'e>(expr: &'e Expr, found: &mut Vec<&'e str>) {
    match expr {
        Expr::Path(path) => {
            if let Head::Group(inner) = &path.head {
                unknown_functions(inner, found);
            }
            for step in &path.steps {
                match step {
                    Step::Child(_) | Step::This => {}
                    Step::Index(index) => unknown_functions(index, found),
                    Step::Call(call) => {
                        if call.function.is_none() {
                            found.push(&call.name);
                        }
                        call.arguments.iter().for_each(|argument| unknown_functions(argument, found));
                    }
                }
            }
        }
        Expr::Negated(inner) | Expr::Posited(inner) | Expr::Typed(inner, _) => {
            unknown_functions(inner, found)
        }
        Expr::Chain(first, rest) => {
            unknown_functions(first, found);
            rest.iter().for_each(|(_, right)| unknown_functions(right, found));
        }
    }
}

pub(super) fn check(root: &Expr, model: &dyn Model, of: Option<Type>) -> Result<(), Failed> {
    let told = of.map_or(Told::Unknown, Told::Node);
    Checker { model }.expr(root, told).map(drop)
}

/// What is known of the items that an expression yields.
#[derive(Clone, Copy)]
enum Told {
    Unknown,
    /// Elements of a type.
    Node(Type),
    /// Children in no certain order.
    Unordered,
}

struct Checker<'m> {
    model: &'m dyn Model,
}

impl Checker<'_> {
    fn expr(&self, expr: &Expr, focus: Told) -> Result<Told, Failed> {
        match expr {
            Expr::Path(path) => self.path(path, focus),
            Expr::Negated(inner) | Expr::Posited(inner) => self.expr(inner, focus),
            Expr::Chain(first, rest) => {
                self.expr(first, focus)?;
                rest.iter().try_for_each(|(_, right)| self.expr(right, focus).map(drop))?;
                Ok(Told::Unknown)
            }
            Expr::Typed(first, rest) => {
                let mut told = self.expr(first, focus)?;
                for (operator, name) in rest {
                    told = match operator {
                        TypeOperator::Is => Told::Unknown,
                        TypeOperator::As => self.named(&name.name),
                    };
                }
                Ok(told)
            }
        }
    }

    fn named(&self, name: &str) -> Told {
        if SYSTEM.contains(&name) && self.model.type_named(name).is_none() {
            return Told::Unknown;
        }
        self.model.type_named(name).map_or(Told::Unknown, Told::Node)
    }

    fn path(&self, path: &Path, focus: Told) -> Result<Told, Failed> {
        let mut told = match &path.head {
            Head::Focus | Head::This => focus,
            Head::Group(inner) => self.expr(inner, focus)?,
            Head::Index | Head::Total | Head::Variable(_) | Head::Literal(_) | Head::Empty => Told::Unknown,
        };
        for (at, step) in path.steps.iter().enumerate() {
            let first = at == 0 && matches!(path.head, Head::Focus);
            told = match step {
                Step::Child(name) if first && self.is_own_type(told, name) => told,
                Step::Child(name) => self.child(told, name)?,
                Step::This => focus,
                Step::Index(index) => {
                    self.expr(index, focus)?;
                    told
                }
                Step::Call(call) => self.call(call, told, focus)?,
            };
        }
        Ok(told)
    }

    /// Whether a name says the type that the focus has.
    fn is_own_type(&self, told: Told, name: &str) -> bool {
        match (told, self.model.type_named(name)) {
            (Told::Node(of), Some(named)) => self.model.is_a(of, named),
            (Told::Unknown | Told::Unordered, Some(_)) => {
                name.starts_with(|first: char| first.is_ascii_uppercase())
            }
            (_, None) => false,
        }
    }

    fn child(&self, told: Told, name: &str) -> Result<Told, Failed> {
        let Told::Node(of) = told else { return Ok(Told::Unknown) };
        // Of any resource, any element may be meant.
        if self.model.kind(of) == Kind::Abstract {
            return Ok(Told::Unknown);
        }
        match self.model.element(of, name) {
            Some(field) if !field.choice => Ok(field.of.map_or(Told::Unknown, Told::Node)),
            _ if self.model.is_choice(of, name) => Ok(Told::Unknown),
            _ => Err(Failed::UnknownElement { name: name.to_owned(), of: self.model.name(of).to_owned() }),
        }
    }

    fn call(&self, call: &super::ast::Call, told: Told, focus: Told) -> Result<Told, Failed> {
        let function = call.function.ok_or_else(|| Failed::UnknownFunction { name: call.name.clone() })?;
        if !function.takes(call.arguments.len()) {
            return Err(Failed::Arguments { name: call.name.clone() });
        }
        let same = match function.name {
            "is" | "as" | "ofType" | "getReferenceKey" => {
                let name = call.arguments.first().and_then(type_argument);
                return Ok(name.map_or(Told::Unknown, |name| match function.name {
                    "as" | "ofType" => self.named(&name.name),
                    _ => Told::Unknown,
                }));
            }
            "skip" | "tail" | "take" | "first" | "last" if matches!(told, Told::Unordered) => {
                return Err(Failed::Unordered { what: call.name.clone() });
            }
            "children" | "descendants" => return Ok(Told::Unordered),
            "where" | "exists" | "all" | "first" | "last" | "tail" | "skip" | "take" | "single"
            | "distinct" | "trace" | "defineVariable" | "sort" | "exclude" | "intersect" => told,
            _ => Told::Unknown,
        };
        // Functions that look at each item give it to their arguments; the others keep the focus.
        let inner = match function.name {
            "where" | "exists" | "all" | "select" | "sort" => told,
            "repeat" | "repeatAll" | "aggregate" | "iif" | "defineVariable" => Told::Unknown,
            _ => focus,
        };
        let mut selected = Told::Unknown;
        for argument in &call.arguments {
            selected = self.expr(argument, inner)?;
        }
        Ok(if function.name == "select" { selected } else { same })
    }
}
