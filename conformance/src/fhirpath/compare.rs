//! Order.

use std::cmp::Ordering;

use super::ast::Operator;
use super::eval::{Outcome, Run};
use super::failed::Failed;
use super::item::{Collection, Item};
use super::values::number;

impl<'t> Run<'_, 't> {
    pub(super) fn inequality(
        &self,
        left: &[Item<'t>],
        operator: Operator,
        right: &[Item<'t>],
    ) -> Outcome<'t> {
        let what = operator.told().0;
        let (Some(left), Some(right)) = (self.single(left, what)?, self.single(right, what)?) else {
            return Ok(Collection::empty());
        };
        let order = self.order(&left, &right, what)?;
        Ok(Collection::optional(order.map(|order| {
            Item::Boolean(match operator {
                Operator::Less => order.is_lt(),
                Operator::LessOrEqual => order.is_le(),
                Operator::Greater => order.is_gt(),
                _ => order.is_ge(),
            })
        })))
    }

    /// Compares two values; nothing when what is stated does not tell.
    pub(super) fn order(
        &self,
        left: &Item<'t>,
        right: &Item<'t>,
        what: &str,
    ) -> Result<Option<Ordering>, Failed> {
        self.step(1)?;
        if let (Some(left), Some(right)) = (number(left), number(right)) {
            return Ok(Some(left.cmp(&right)));
        }
        match (left, right) {
            (Item::String(left), Item::String(right)) => Ok(Some(left.cmp(right))),
            (Item::Date(left) | Item::DateTime(left), Item::Date(right) | Item::DateTime(right))
            | (Item::Time(left), Item::Time(right)) => Ok(left.compare(*right)),
            (Item::Quantity(left), Item::Quantity(right)) => Ok(left.compare(right)),
            (Item::Quantity(left), right) => match number(right) {
                Some(right) => Ok(left.compare(&super::quantity::Quantity::ucum(right, "1"))),
                None => Err(Failed::wrong_type(what)),
            },
            (left, Item::Quantity(right)) => match number(left) {
                Some(left) => Ok(super::quantity::Quantity::ucum(left, "1").compare(right)),
                None => Err(Failed::wrong_type(what)),
            },
            _ => Err(Failed::wrong_type(what)),
        }
    }
}
