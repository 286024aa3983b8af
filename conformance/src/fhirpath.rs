//! FHIRPath over the lenient tree: N1 (2.0.0) and what FHIR R4 and R5 add to it.
//!
//! An [`Expression`] is parsed once and evaluated often, on any tree, with a [`Scope`] that says what is around it. It
//! knows types as far as the [`Model`] of the scope does; of what the model does not know, names decide. Nothing here
//! reads a clock, a file or a network: what `now()`, `resolve()`, `memberOf()` and `conformsTo()` need is given with
//! the scope, and without it they fail as unsupported. Evaluation recurses no deeper than brackets were read, and ends
//! within a number of steps, whatever the expression.
//!
//! Texts of [`Malformed`] and [`Failed`] hold names of the expression, never content of a resource.
//!
//! FHIRPath <http://hl7.org/fhirpath/N1>; FHIR R5 section 2.1.9.1. Deliberately absent: `%terminologies`, functions of
//! CDA, `elementDefinition()`, `slice()`, `checkModifiers()`; and look-around in patterns, which cannot be matched in
//! linear time.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "of eleven kinds of value, or as many tokens, a rule takes one or two; all others are the same fault"
)]

mod arithmetic;
mod ast;
mod check;
mod compare;
mod decimal;
mod equal;
mod eval;
mod failed;
mod functions;
mod item;
mod lex;
mod moment;
mod parse;
mod print;
mod quantity;
mod scope;
#[cfg(test)]
mod tests;
mod types;
mod ucum;
mod values;

pub use decimal::Decimal;
pub use failed::{Failed, Malformed};
pub use item::{Collection, IntoIter, Item, Text, TypeInfo};
pub use moment::{Moment, Precision};
pub use quantity::Quantity;
pub use scope::{Mode, Profiles, Resolver, Scope, Terminology};

use std::fmt;

use crate::model::{Model, Type};

/// An expression, read and ready.
#[derive(Debug, Clone)]
pub struct Expression {
    text: Box<str>,
    root: ast::Expr,
}

impl Expression {
    /// Reads an expression.
    ///
    /// A function that nobody knows is read, and fails when it is evaluated; [`Expression::unknown_functions`] tells
    /// them.
    ///
    /// # Errors
    /// [`Malformed`] when it is not in the grammar.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        Ok(Self { text: text.into(), root: parse::parse(text)? })
    }

    /// As it was written.
    #[must_use]
    pub const fn text(&self) -> &str {
        &self.text
    }

    /// Evaluates it.
    ///
    /// # Errors
    /// [`Failed`] when a rule of the language is broken, something is not supported here or the steps run out.
    pub fn evaluate<'t>(&self, scope: &Scope<'t, '_>) -> Result<Collection<'t>, Failed> {
        if scope.mode == Mode::Strict {
            let told = scope.focus.first().and_then(|item| match item {
                Item::Node(_, of) => *of,
                _ => None,
            });
            self.check(scope.model, told)?;
        }
        eval::run(&self.root, scope)
    }

    /// Checks names and types without a resource, as far as the model tells them: `of` is the type of the focus.
    ///
    /// # Errors
    /// The first [`Failed`] that every evaluation would run into.
    pub fn check(&self, model: &dyn Model, of: Option<Type>) -> Result<(), Failed> {
        check::check(&self.root, model, of)
    }

    /// The functions in it that nobody knows.
    #[must_use]
    pub fn unknown_functions(&self) -> Vec<&str> {
        let mut found = Vec::new();
        check::unknown_functions(&self.root, &mut found);
        found
    }
}

impl fmt::Display for Expression {
    /// Writes it in one way, without comments.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.root)
    }
}
