//! The shape of an expression. Chains of one precedence and paths are lists, so that long ones are not deep.

use std::fmt;
use std::sync::OnceLock;

use regex::Regex;

use super::functions::Function;
use super::item::Item;

#[derive(Debug, Clone)]
pub(super) enum Expr {
    Path(Path),
    Negated(Box<Expr>),
    Posited(Box<Expr>),
    /// Operators of one precedence, from left to right.
    Chain(Box<Expr>, Vec<(Operator, Expr)>),
    /// `is` and `as`, from left to right.
    Typed(Box<Expr>, Vec<(TypeOperator, TypeName)>),
}

#[derive(Debug, Clone)]
pub(super) struct Path {
    pub(super) head: Head,
    pub(super) steps: Vec<Step>,
}

/// Where a path starts.
#[derive(Debug, Clone)]
pub(super) enum Head {
    /// What the expression is evaluated on; not written.
    Focus,
    This,
    Index,
    Total,
    Variable(String),
    Literal(Item<'static>),
    Empty,
    Group(Box<Expr>),
}

#[derive(Debug, Clone)]
pub(super) enum Step {
    Child(String),
    Call(Call),
    Index(Expr),
    This,
}

#[derive(Clone)]
pub(super) struct Call {
    pub(super) name: String,
    /// Nothing if no function is called so.
    pub(super) function: Option<&'static Function>,
    pub(super) arguments: Vec<Expr>,
    /// The pattern, if the first argument is one that does not change.
    pub(super) pattern: OnceLock<Option<Regex>>,
}

impl fmt::Debug for Call {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Call").field("name", &self.name).field("arguments", &self.arguments).finish()
    }
}

/// A type as it is written: `Quantity`, `System.Quantity`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TypeName {
    pub(super) namespace: Option<String>,
    pub(super) name: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TypeOperator {
    Is,
    As,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Implies,
    Or,
    Xor,
    And,
    In,
    Contains,
    Equal,
    NotEqual,
    Equivalent,
    NotEquivalent,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Union,
    Add,
    Subtract,
    Concatenate,
    Multiply,
    Divide,
    Div,
    Mod,
}

impl Operator {
    pub(super) const ALL: [(Self, &'static str, u8); 22] = [
        (Self::Implies, "implies", 1),
        (Self::Or, "or", 2),
        (Self::Xor, "xor", 2),
        (Self::And, "and", 3),
        (Self::In, "in", 4),
        (Self::Contains, "contains", 4),
        (Self::Equal, "=", 5),
        (Self::NotEqual, "!=", 5),
        (Self::Equivalent, "~", 5),
        (Self::NotEquivalent, "!~", 5),
        (Self::Less, "<", 6),
        (Self::LessOrEqual, "<=", 6),
        (Self::Greater, ">", 6),
        (Self::GreaterOrEqual, ">=", 6),
        (Self::Union, "|", 7),
        (Self::Add, "+", 9),
        (Self::Subtract, "-", 9),
        (Self::Concatenate, "&", 9),
        (Self::Multiply, "*", 10),
        (Self::Divide, "/", 10),
        (Self::Div, "div", 10),
        (Self::Mod, "mod", 10),
    ];

    /// How it is written and how tightly it binds.
    pub(super) fn told(self) -> (&'static str, u8) {
        let found = Self::ALL.into_iter().find(|(one, ..)| *one == self);
        found.map_or(("", 0), |(_, sign, level)| (sign, level))
    }
}

/// How tightly `is` and `as` bind.
pub(super) const TYPE_LEVEL: u8 = 8;
