//! From items to the values that operators and functions work on.

use std::sync::Arc;

use super::decimal::Decimal;
use super::eval::{Env, Given, Outcome, Run};
use super::failed::Failed;
use super::item::{Collection, Item, Text};
use super::moment::Moment;
use super::quantity::{Calendar, Quantity, Unit};
use crate::model::Type;
use crate::tree::{Node, Written};

const UCUM: &str = "http://unitsofmeasure.org";

impl<'t> Run<'_, 't> {
    /// What an item is worth: of a primitive element its value, of a Quantity a quantity; of other elements itself.
    pub(super) fn worth(&self, item: &Item<'t>) -> Item<'t> {
        let Item::Node(node, of) = item else { return item.clone() };
        match node.value() {
            Some(value) => self.primitive(value.text, value.written, *of),
            None => match self.quantity(*node, *of) {
                Some(quantity) => Item::Quantity(Arc::new(quantity)),
                None => item.clone(),
            },
        }
    }

    fn primitive(&self, text: &'t str, written: Written, of: Option<Type>) -> Item<'t> {
        let string = || Item::String(Text::Borrowed(text));
        let number = || match text.parse::<i64>() {
            Ok(value) if i32::try_from(value).is_ok() => Some(Item::Integer(value)),
            Ok(_) | Err(_) => Decimal::parse(text).map(Item::Decimal),
        };
        let boolean = || match text {
            "true" => Some(Item::Boolean(true)),
            "false" => Some(Item::Boolean(false)),
            _ => None,
        };
        let read = match of.map(|of| self.scope.model.name(of)) {
            Some("boolean") => boolean(),
            Some("integer" | "positiveInt" | "unsignedInt") => text.parse().ok().map(Item::Integer),
            Some("integer64") => text.parse().ok().map(Item::Long),
            Some("decimal") => Decimal::parse(text).map(Item::Decimal),
            Some("date") => Moment::date(text).map(Item::Date),
            Some("dateTime" | "instant") => Moment::date_time(text).map(Item::DateTime),
            Some("time") => Moment::time(text).map(Item::Time),
            Some(_) => None,
            None => match written {
                Written::Number => number(),
                Written::Boolean | Written::Attribute => boolean(),
                Written::Text | Written::Markup => None,
            },
        };
        read.unwrap_or_else(string)
    }

    fn quantity(&self, node: Node<'t>, of: Option<Type>) -> Option<Quantity> {
        let model = self.scope.model;
        let named = model.type_named("Quantity")?;
        if !of.is_some_and(|of| model.is_a(of, named)) {
            return None;
        }
        let value = Decimal::parse(node.child_text("value")?)?;
        let (code, unit) = (node.child_text("code"), node.child_text("unit"));
        let code = match (node.child_text("system"), code) {
            (Some(UCUM), Some(code)) => code,
            (Some(_), code) => return Some(Quantity::ucum(value, code.or(unit).unwrap_or("1"))),
            (None, code) => code.or(unit).unwrap_or("1"),
        };
        Some(Quantity::ucum(value, code))
    }

    /// The one item, if there is one.
    pub(super) fn single(&self, items: &[Item<'t>], what: &str) -> Result<Option<Item<'t>>, Failed> {
        match items {
            [] => Ok(None),
            [item] => Ok(Some(self.worth(item))),
            _ => Err(Failed::not_single(what)),
        }
    }

    /// A collection as a condition: one item that is no boolean counts as true.
    pub(super) fn truth(&self, items: &[Item<'t>]) -> Result<Option<bool>, Failed> {
        match items {
            [] => Ok(None),
            [Item::Boolean(value)] => Ok(Some(*value)),
            [item] => match self.worth(item) {
                Item::Boolean(value) => Ok(Some(value)),
                _ => Ok(Some(true)),
            },
            _ => Err(Failed::not_single("a condition")),
        }
    }

    /// The one text, if there is one.
    pub(super) fn text(&self, items: &[Item<'t>], what: &str) -> Result<Option<Text<'t>>, Failed> {
        match self.single(items, what)? {
            None => Ok(None),
            Some(Item::String(text)) => Ok(Some(text)),
            // What the model holds for something else is still a text where one is needed.
            Some(_) => match items {
                [Item::Node(node, _)] if node.text().is_some() => Ok(node.text().map(Text::Borrowed)),
                _ => Err(Failed::wrong_type(what)),
            },
        }
    }

    /// The one integer, if there is one.
    pub(super) fn integer(&self, items: &[Item<'t>], what: &str) -> Result<Option<i64>, Failed> {
        match self.single(items, what)? {
            None => Ok(None),
            Some(Item::Integer(value) | Item::Long(value)) => Ok(Some(value)),
            Some(_) => Err(Failed::wrong_type(what)),
        }
    }
}

/// The number that an item is.
pub(super) fn number(item: &Item<'_>) -> Option<Decimal> {
    match item {
        Item::Integer(value) | Item::Long(value) => Some(Decimal::from(*value)),
        Item::Decimal(value) => Some(*value),
        _ => None,
    }
}

/// The calendar duration that a quantity adds to a date.
pub(super) fn duration(quantity: &Quantity) -> Option<Calendar> {
    match &quantity.unit {
        Unit::Calendar(calendar) => Some(*calendar),
        // Years and months of UCUM are numbers of seconds: nothing to count a calendar with.
        Unit::Ucum(code) => match &**code {
            "wk" => Some(Calendar::Week),
            "d" => Some(Calendar::Day),
            "h" => Some(Calendar::Hour),
            "min" => Some(Calendar::Minute),
            "s" => Some(Calendar::Second),
            "ms" => Some(Calendar::Millisecond),
            word => Calendar::named(word),
        },
    }
}

impl<'t> Given<'_, 't> {
    /// Evaluates an argument where the function stands.
    pub(super) fn argument(&self, at: usize) -> Outcome<'t> {
        match self.call.arguments.get(at) {
            Some(argument) => self.run.evaluate(argument, self.env),
            None => Ok(Collection::empty()),
        }
    }

    /// Evaluates an argument on one item.
    pub(super) fn on(&self, at: usize, item: &Item<'t>, index: usize) -> Outcome<'t> {
        let Some(argument) = self.call.arguments.get(at) else { return Ok(Collection::empty()) };
        let env = Env {
            this: std::slice::from_ref(item),
            index: i64::try_from(index).ok(),
            total: self.env.total,
            defined: self.env.defined.clone(),
        };
        self.run.evaluate(argument, &env)
    }

    /// The input as one text.
    pub(super) fn input_text(&self) -> Result<Option<Text<'t>>, Failed> {
        self.run.text(&self.input, &self.call.name)
    }

    /// An argument as one text.
    pub(super) fn text_argument(&self, at: usize) -> Result<Option<Text<'t>>, Failed> {
        self.run.text(&self.argument(at)?, &self.call.name)
    }

    /// The input as one item.
    pub(super) fn single(&self) -> Result<Option<Item<'t>>, Failed> {
        self.run.single(&self.input, &self.call.name)
    }

    pub(super) fn wrong_type(&self) -> Failed {
        Failed::wrong_type(&self.call.name)
    }
}
