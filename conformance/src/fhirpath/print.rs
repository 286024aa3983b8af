//! An expression as text again.

use std::fmt::{Display, Formatter, Result, Write};

use super::ast::{Expr, Head, Operator, Path, Step, TYPE_LEVEL, TypeName, TypeOperator};
use super::item::Item;

impl Display for Expr {
    fn fmt(&self, out: &mut Formatter<'_>) -> Result {
        match self {
            Self::Path(path) => write!(out, "{path}"),
            Self::Negated(inner) => write!(out, "-{inner}"),
            Self::Posited(inner) => write!(out, "+{inner}"),
            Self::Chain(first, rest) => {
                write!(out, "{first}")?;
                rest.iter().try_for_each(|(operator, right)| write!(out, " {} {right}", operator.told().0))
            }
            Self::Typed(first, rest) => {
                write!(out, "{first}")?;
                rest.iter().try_for_each(|(operator, name)| {
                    let word = match operator {
                        TypeOperator::Is => "is",
                        TypeOperator::As => "as",
                    };
                    write!(out, " {word} {name}")
                })
            }
        }
    }
}

impl Display for TypeName {
    fn fmt(&self, out: &mut Formatter<'_>) -> Result {
        if let Some(namespace) = &self.namespace {
            name(namespace, out)?;
            out.write_char('.')?;
        }
        name(&self.name, out)
    }
}

impl Display for Path {
    fn fmt(&self, out: &mut Formatter<'_>) -> Result {
        match &self.head {
            Head::Focus => {}
            Head::This => out.write_str("$this")?,
            Head::Index => out.write_str("$index")?,
            Head::Total => out.write_str("$total")?,
            Head::Variable(variable) => {
                out.write_char('%')?;
                name(variable, out)?;
            }
            Head::Literal(item) => literal(item, out)?,
            Head::Empty => out.write_str("{}")?,
            Head::Group(inner) => write!(out, "({inner})")?,
        }
        for (at, step) in self.steps.iter().enumerate() {
            let first = at == 0 && matches!(self.head, Head::Focus);
            if !first && !matches!(step, Step::Index(_)) {
                out.write_char('.')?;
            }
            match step {
                Step::Child(child) => name(child, out)?,
                Step::This => out.write_str("$this")?,
                Step::Index(index) => write!(out, "[{index}]")?,
                Step::Call(call) => {
                    name(&call.name, out)?;
                    out.write_char('(')?;
                    for (at, argument) in call.arguments.iter().enumerate() {
                        let comma = if at > 0 { ", " } else { "" };
                        write!(out, "{comma}{argument}")?;
                    }
                    out.write_char(')')?;
                }
            }
        }
        Ok(())
    }
}

/// Writes a name, in back quotes if it is not plain or could be taken for an operator.
fn name(name: &str, out: &mut Formatter<'_>) -> Result {
    let starts = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
    let plain = starts && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let taken = matches!(name, "true" | "false" | "is" | "as")
        || Operator::ALL.iter().any(|(_, sign, level)| *sign == name && *level != TYPE_LEVEL);
    if plain && !taken { out.write_str(name) } else { quoted(name, '`', out) }
}

fn quoted(text: &str, quote: char, out: &mut Formatter<'_>) -> Result {
    out.write_char(quote)?;
    for character in text.chars() {
        match character {
            '\n' => out.write_str("\\n")?,
            '\r' => out.write_str("\\r")?,
            '\t' => out.write_str("\\t")?,
            '\u{c}' => out.write_str("\\f")?,
            '\\' => out.write_str("\\\\")?,
            character if character == quote => {
                out.write_char('\\')?;
                out.write_char(quote)?;
            }
            character => out.write_char(character)?,
        }
    }
    out.write_char(quote)
}

fn literal(item: &Item<'_>, out: &mut Formatter<'_>) -> Result {
    match item {
        Item::String(text) => quoted(text, '\'', out),
        Item::Long(value) => write!(out, "{value}L"),
        Item::Date(_) => write!(out, "@{item}"),
        Item::DateTime(moment) => {
            write!(out, "@{item}")?;
            if moment.precision <= super::moment::Precision::Day { out.write_char('T') } else { Ok(()) }
        }
        Item::Time(_) => write!(out, "@T{item}"),
        Item::Quantity(quantity) => match &quantity.unit {
            super::quantity::Unit::Ucum(code) => {
                write!(out, "{} ", quantity.value)?;
                quoted(code, '\'', out)
            }
            super::quantity::Unit::Calendar(_) => write!(out, "{quantity}"),
        },
        Item::Boolean(_) | Item::Integer(_) | Item::Decimal(_) | Item::Node(..) | Item::TypeInfo(_) => {
            write!(out, "{item}")
        }
    }
}
