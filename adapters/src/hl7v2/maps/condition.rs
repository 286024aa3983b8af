//! When a line of a segment map holds: by what another field says.

use super::super::concept::Known;
use super::super::message::{Message, Segment};
use super::super::moment;
use super::super::value::decimal;
use super::segment::number;
use crate::sound::is_above;

/// What another field must be.
#[derive(Debug, Clone)]
pub(in crate::hl7v2) struct Condition {
    pub(in crate::hl7v2) field: u16,
    pub(in crate::hl7v2) values: Values,
}

#[derive(Debug, Clone)]
pub(in crate::hl7v2) enum Values {
    Any,
    OneOf(Vec<String>),
    CodeOf(String),
    /// A time that is not after that of the message.
    Past,
    /// A date or time that there is.
    Time,
    Number,
    /// A number above that in another field.
    Above(u16),
}

impl Condition {
    pub(super) fn read(text: &str) -> Result<Self, &'static str> {
        let Some((field, values)) = text.split_once('=') else {
            return Ok(Self { field: number(text)?, values: Values::Any });
        };
        let values = match (values.strip_prefix("in:"), values.strip_prefix("above:")) {
            (Some(map), _) => Values::CodeOf(map.to_owned()),
            (None, Some(other)) => Values::Above(number(other)?),
            (None, None) if values == "past" => Values::Past,
            (None, None) if values == "time" => Values::Time,
            (None, None) if values == "number" => Values::Number,
            (None, None) => Values::OneOf(values.split('|').map(str::to_owned).collect()),
        };
        Ok(Self { field: number(field)?, values })
    }

    /// Whether `segment` meets it.
    pub(in crate::hl7v2) fn met(
        &self,
        message: &Message<'_>,
        segment: &Segment<'_>,
        known: Known<'_>,
    ) -> bool {
        let Some(held) = segment.peek(message, self.field) else { return false };
        match &self.values {
            Values::Any => true,
            Values::OneOf(values) => values.iter().any(|value| held.eq_ignore_ascii_case(value)),
            Values::CodeOf(map) => known.codes.find(map, &held, known.context).is_some(),
            Values::Number => decimal(&held).is_some(),
            Values::Above(other) => {
                let other = segment.peek(message, *other).and_then(|other| decimal(&other));
                decimal(&held).zip(other).is_some_and(|(held, other)| is_above(&held, &other))
            }
            Values::Time => moment::parse(&held, &known.context.zone).is_ok(),
            Values::Past => {
                let sent = message.field("MSH", 7).and_then(|part| part.peek());
                sent.is_none_or(|sent| !moment::is_after(&held, &sent, &known.context.zone))
            }
        }
    }
}
