//! What observations say: OBX-2, OBX-5 and OBX-6; reference ranges; quantities.

use fhir::json::Node;

use super::engine::Run;
use super::unsent::{Danger, Unsent};
use super::wire::{Kind, Line, Repetition};

impl<'b> Run<'_, 'b> {
    /// The `value[x]` of `holder` as a type, a value and a unit.
    pub(super) fn value(&self, holder: Node<'b>, line: &mut Line<'b>) -> Result<bool, Unsent> {
        let valued = holder.members().find_map(|(key, value)| {
            let key = key.text().into_owned();
            key.strip_prefix("value").map(|kind| (kind.to_owned(), value))
        });
        let Some((kind, value)) = valued else { return Ok(false) };
        let dangerous = |why| Unsent::Dangerous { place: self.source.place_at(value.offset()), why };
        let coded = if self.profile.version.is_2_5() { "CWE" } else { "CE" };
        let said = match kind.as_str() {
            "Quantity" => return self.quantity(holder, value, line),
            "Range" | "Ratio" => return self.structured(holder, (kind.as_str(), value), line),
            "CodeableConcept" => self.concept(value, "").map(|concept| (coded, concept)),
            "String" => {
                let text = value.string().unwrap_or_default();
                let kind = if text.contains(['\n', '\r']) { "TX" } else { "ST" };
                self.source.mark(value);
                let text = Repetition::of(value, Kind::Lines, text);
                Some((kind, text))
            }
            "Boolean" => {
                let yes = value.boolean().unwrap_or_default();
                self.source.mark(value);
                let (code, word) = if yes { ("Y", "Yes") } else { ("N", "No") };
                let mut out = Repetition::new(value, Kind::Exact);
                for (component, text) in (1..).zip([code, word, "HL70136"]) {
                    out.put(component, text);
                }
                Some((coded, out))
            }
            "Integer" => {
                let number = value.number_text().ok_or_else(|| dangerous(Danger::Value))?;
                self.source.mark(value);
                Some(("NM", Repetition::of(value, Kind::Exact, number)))
            }
            "DateTime" => {
                let is_date = value.string().is_some_and(|text| !text.contains('T'));
                let kind = if self.profile.version.is_2_5() { "DTM" } else { "TS" };
                self.time(value).map(|time| (if is_date { "DT" } else { kind }, time))
            }
            "Time" => {
                let digits = value.string().unwrap_or_default().replace(':', "");
                self.source.mark(value);
                Some(("TM", Repetition::of(value, Kind::Exact, digits)))
            }
            "Period" => {
                let mut out = Repetition::new(value, Kind::Exact);
                self.period(value, &mut out, (1, 2));
                (!out.is_empty()).then_some(("DR", out))
            }
            _ => return Err(dangerous(Danger::Value)),
        };
        let Some((kind, repetition)) = said.filter(|(_, repetition)| !repetition.is_empty()) else {
            // A value is there, and would be missing.
            return Err(dangerous(Danger::Value));
        };
        line.add(2, Repetition::fixed(kind));
        line.add(5, repetition);
        Ok(true)
    }

    fn quantity(&self, holder: Node<'b>, value: Node<'b>, line: &mut Line<'b>) -> Result<bool, Unsent> {
        let Some(number) = self.number(value)? else { return Ok(false) };
        let sign = value.member("comparator").and_then(Node::string);
        match sign {
            None => {
                line.add(2, Repetition::fixed("NM"));
                line.add(5, Repetition::of(value, Kind::Exact, number));
            }
            Some(_) => {
                let sign = self.take(value, "comparator").unwrap_or_default();
                let mut out = Repetition::new(value, Kind::Exact);
                out.put(1, sign);
                out.put(2, number);
                line.add(2, Repetition::fixed("SN"));
                line.add(5, out);
            }
        }
        self.unit(holder, value, line)?;
        Ok(true)
    }

    /// SN: a range or a ratio.
    fn structured(
        &self,
        holder: Node<'b>,
        (kind, value): (&str, Node<'b>),
        line: &mut Line<'b>,
    ) -> Result<bool, Unsent> {
        let dangerous = |why| Unsent::Dangerous { place: self.source.place_at(value.offset()), why };
        let (names, sign) =
            if kind == "Range" { (["low", "high"], "-") } else { (["numerator", "denominator"], ":") };
        let [first, second] = names.map(|name| value.member(name));
        let (Some(first), Some(second)) = (first, second) else {
            // A range with one end is a comparison.
            let (only, sign) = match (kind, first, second) {
                ("Range", Some(low), None) => (low, ">="),
                ("Range", None, Some(high)) => (high, "<="),
                _ => return Err(dangerous(Danger::Value)),
            };
            let number = self.number(only)?.ok_or_else(|| dangerous(Danger::Value))?;
            let mut out = Repetition::new(value, Kind::Exact);
            out.put(1, sign);
            out.put(2, number);
            line.add(2, Repetition::fixed("SN"));
            line.add(5, out);
            self.unit(holder, only, line)?;
            return Ok(true);
        };
        let (Some(one), Some(other)) = (self.number(first)?, self.number(second)?) else {
            return Err(dangerous(Danger::Value));
        };
        let plain = Unit::default();
        // Titres are numbers by numbers; for all else one unit must hold for both.
        let pure = kind == "Ratio" && unit(first) == plain && unit(second) == plain;
        if !pure && unit(first) != unit(second) && (kind == "Range" || unit(second) != plain) {
            return Err(dangerous(Danger::Unit));
        }
        let mut out = Repetition::new(value, Kind::Exact);
        for (component, text) in [(2, one), (3, sign.to_owned()), (4, other)] {
            out.put(component, text);
        }
        line.add(2, Repetition::fixed("SN"));
        line.add(5, out);
        if !pure {
            self.unit(holder, first, line)?;
            for name in ["unit", "code", "system"] {
                self.take(second, name);
            }
        }
        Ok(true)
    }

    /// The number of a Quantity, with the digits it has there.
    fn number(&self, quantity: Node<'b>) -> Result<Option<String>, Unsent> {
        let Some(value) = quantity.member("value") else { return Ok(None) };
        let number = value.number_text().filter(|number| !number.contains(['e', 'E']));
        let place = || self.source.place_at(value.offset());
        let number = number.ok_or_else(|| Unsent::Dangerous { place: place(), why: Danger::Value })?;
        self.source.mark(value);
        Ok(Some(number.to_owned()))
    }

    /// OBX-6. A number whose unit is not there is refused, unless the receiver knows that it has none.
    fn unit(&self, holder: Node<'b>, quantity: Node<'b>, line: &mut Line<'b>) -> Result<(), Unsent> {
        let Some(unit) = self.unit_of(quantity) else {
            let known = holder.walk(&["code", "coding"]).any(|coding| {
                let said = |name| coding.member(name).and_then(Node::string).unwrap_or_default();
                self.profile.dimensionless.contains(&format!("{}|{}", said("system"), said("code")))
            });
            if known || self.profile.dimensionless.contains("*") {
                return Ok(());
            }
            return Err(Unsent::Dangerous {
                place: self.source.place_at(quantity.offset()),
                why: Danger::Unit,
            });
        };
        line.add(6, unit);
        Ok(())
    }

    fn unit_of(&self, quantity: Node<'b>) -> Option<Repetition<'b>> {
        let mut out = Repetition::new(quantity, Kind::Exact);
        let (unit, code) = (self.take(quantity, "unit"), self.take(quantity, "code"));
        match (unit, code) {
            (None, None) => return None,
            (Some(unit), None) => out.put(1, unit),
            (unit, Some(code)) => {
                if let Some(unit) = unit.filter(|unit| *unit != code) {
                    out.put(2, unit);
                }
                out.put(1, code);
                if let Some(system) = self.take(quantity, "system") {
                    out.put(3, self.system_name(&system));
                }
            }
        }
        Some(out)
    }

    /// CQ: a number and its unit in one field.
    pub(super) fn with_unit(&self, quantity: Node<'b>) -> Result<Option<Repetition<'b>>, Unsent> {
        if quantity.member("comparator").is_some() {
            return Ok(None);
        }
        let Some(unit) = self.unit_of(quantity) else { return Ok(None) };
        let Some(number) = self.number(quantity)? else { return Ok(None) };
        let mut out = Repetition::of(quantity, Kind::Exact, number);
        for (sub, text) in (1..).zip(unit.components.iter().flatten()) {
            out.put_sub(2, sub, text.clone());
        }
        Ok(Some(out))
    }

    /// OBX-7. A range that holds for some people only, or in another unit without saying so, is not one of this result.
    pub(super) fn range(&self, range: Node<'b>) -> Option<Repetition<'b>> {
        if range.member("appliesTo").is_some() || range.member("age").is_some() {
            return None;
        }
        let limit = |name: &str| {
            let quantity = range.member(name)?;
            Some((quantity, quantity.member("value")?.number_text()?.to_owned()))
        };
        let (low, high) = (limit("low"), limit("high"));
        let text = range.member("text").and_then(Node::string).map(std::borrow::Cow::into_owned);
        let told = |number: &Option<(Node<'b>, String)>| {
            number
                .as_ref()
                .is_none_or(|(_, number)| text.as_ref().is_some_and(|text| text.contains(number.as_str())))
        };
        let in_text = text.is_some() && told(&low) && told(&high);
        let mut written = match (&text, &low, &high) {
            (Some(text), ..) => text.clone(),
            (None, Some((_, low)), Some((_, high))) => format!("{low}-{high}"),
            (None, Some((_, low)), None) => format!(">={low}"),
            (None, None, Some((_, high))) => format!("<={high}"),
            (None, None, None) => return None,
        };
        if text.is_some() {
            self.take(range, "text");
        }
        if text.is_none() || in_text {
            let limits: Vec<Node<'b>> = [low, high].into_iter().flatten().map(|(limit, _)| limit).collect();
            let beside = self.unit_beside(range);
            let units: Vec<Unit> = limits.iter().map(|limit| unit(*limit)).collect();
            let same = units.iter().all(|unit| Some(unit) == beside.as_ref() || *unit == Unit::default());
            if same {
                limits.iter().for_each(|limit| self.source.mark(*limit));
            } else {
                if text.is_none() {
                    // One unit for both, or nobody knows what they are.
                    let first = units.first().filter(|first| units.iter().all(|unit| unit == *first))?;
                    let words = [&first.0, &first.1].into_iter().find(|words| !words.is_empty())?;
                    written.push_str(&format!(" {words}"));
                    for limit in &limits {
                        self.take(*limit, if first.0.is_empty() { "code" } else { "unit" });
                    }
                }
                for value in limits.iter().filter_map(|limit| limit.member("value")) {
                    self.source.mark(value);
                }
            }
        }
        Some(Repetition::of(range, Kind::Words, written))
    }

    /// The unit of the value that a reference range stands beside.
    fn unit_beside(&self, range: Node<'b>) -> Option<Unit> {
        let inside = |node: Node<'b>| node.offset() <= range.offset() && range.offset() < node.end();
        let held = self.source.held.iter().map(|held| held.node).find(|node| inside(*node))?;
        let holder = held.walk(&["component"]).find(|component| inside(*component)).unwrap_or(held);
        holder.member("valueQuantity").map(unit)
    }
}

/// Words, code and system of a unit.
type Unit = (String, String, String);

fn unit(quantity: Node<'_>) -> Unit {
    let said = |name| quantity.member(name).and_then(Node::string).unwrap_or_default().into_owned();
    (said("unit"), said("code"), said("system"))
}
