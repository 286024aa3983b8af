//! IVL_TS, PIVL_TS, EIVL_TS: when something was or is to be.

use super::coded::Known;
use super::convert::Made;
use super::quantity::number;
use super::source::{Element, Space};
use crate::sound::is_reversed;
use crate::tree::{Node, Object};
use crate::{Severity, Why};

impl Known<'_> {
    /// TS or IVL_TS as a dateTime or a Period.
    pub(super) fn when(&self, element: Element<'_>) -> Option<Made> {
        if element.peek("value").is_some() {
            return self.date_time(element, None).map(|time| Made::of("DateTime", time));
        }
        if let Some(period) = self.period(element) {
            return Some(Made::of("Period", period));
        }
        let center = element.child("center")?;
        self.date_time(center, None).map(|time| Made::of("DateTime", time))
    }

    /// IVL_TS as a Period; a single moment is its start and its end.
    pub(super) fn period(&self, element: Element<'_>) -> Option<Node> {
        let mut period = Object::new();
        if element.peek("value").is_some()
            && let Some(time) = self.date_time(element, None)
        {
            return Some(Object::new().with("start", time.clone()).with("end", time).into());
        }
        for (side, name) in [("low", "start"), ("high", "end")] {
            if let Some(time) = element.child(side).and_then(|side| self.date_time(side, None)) {
                period.put(name, time);
            }
        }
        if is_reversed(&period) {
            period.remove("end");
            let end = element.child("high").unwrap_or(element);
            end.remark(Some("value"), Why::EndsBeforeStart, Severity::Major);
        }
        (!period.is_empty()).then(|| period.into())
    }

    /// The effectiveTimes of an administration as a Timing: how often, at which events, how long.
    pub(super) fn timing(&self, element: Element<'_>) -> Option<Node> {
        let mut repeat = Object::new();
        self.repeat(element, &mut repeat);
        (!repeat.is_empty()).then(|| Object::new().with("repeat", repeat.into()).into())
    }

    fn repeat(&self, element: Element<'_>, repeat: &mut Object) {
        let kind = element.peek("xsi:type").map(|kind| kind.rsplit(':').next().unwrap_or(kind));
        match kind {
            Some("SXPR_TS") => {
                let parts = element.children().filter(|part| part.is(Space::V3, "comp"));
                for part in parts.filter(|part| !part.is_exception()) {
                    self.repeat(part, repeat);
                }
            }
            Some("PIVL_TS") => self.periodic(element, repeat),
            Some("EIVL_TS") => {
                let Some(event) = element.child("event") else { return };
                if let Some(code) = self.code(event, None, "timing-event") {
                    repeat.push("when", code);
                }
            }
            _ if element.child("period").is_some() => self.periodic(element, repeat),
            _ => {}
        }
    }

    fn periodic(&self, element: Element<'_>, repeat: &mut Object) {
        let Some(period) = element.child("period") else { return };
        let low = period.child("low").unwrap_or(period);
        let (Some(value), Some(unit)) = (low.peek("value"), low.peek("unit")) else { return };
        let unit = unit.trim_start_matches('{').trim_end_matches('}');
        let target = self.codes.find("timing-unit", unit, self.context);
        match (number(value), target) {
            (Some(value), Some(target)) if repeat.find("period").is_none() => {
                low.mark(&["value", "unit"]);
                repeat.put("frequency", Node::Bare("1".to_owned()));
                repeat.put("period", Node::Bare(value));
                let high = period.child("high").filter(|high| high.peek("unit") == low.peek("unit"));
                if let Some(high) = high
                    && let Some(most) = high.peek("value").and_then(number)
                {
                    high.mark(&["value", "unit"]);
                    repeat.put("periodMax", Node::Bare(most));
                }
                repeat.put("periodUnit", Node::text(target.code.as_str()));
            }
            _ => period.remark(None, Why::NotOfType, Severity::Major),
        }
    }
}
