//! PN, ON, AD and TEL.

use super::coded::Known;
use super::source::{Element, Space, What, squeezed};
use crate::tree::{Node, Object};
use crate::{Severity, Why};

impl Known<'_> {
    /// PN as a HumanName.
    pub(super) fn name(&self, element: Element<'_>) -> Option<Node> {
        let mut name = Object::new();
        self.used(element, "name-use", &mut name);
        let words = own_words(element);
        if let Some(words) = words {
            name.put("text", Node::Text(words));
        }
        for part in element.children().filter(|part| part.space() == Space::V3) {
            let suffixed = matches!(part.peek("qualifier"), Some("AC"));
            match part.name() {
                "family" if name.find("family").is_none() => {
                    if let Some(text) = part.text() {
                        name.put("family", Node::Text(text));
                    }
                }
                "given" => self.part(part, &mut name, "given"),
                "prefix" => self.part(part, &mut name, "prefix"),
                "suffix" => {
                    self.part(part, &mut name, "suffix");
                    // That it is of learning is what a suffix is.
                    if suffixed {
                        part.remark(Some("qualifier"), Why::LeftOut, Severity::Trivial);
                    }
                }
                "validTime" => {
                    if let Some(period) = self.period(part) {
                        name.put("period", period);
                    }
                }
                _ => {}
            }
        }
        let is_said =
            ["text", "family", "given", "prefix", "suffix"].iter().any(|held| name.find(held).is_some());
        is_said.then(|| name.into())
    }

    fn part(&self, part: Element<'_>, name: &mut Object, element: &str) {
        if let Some(text) = part.text() {
            name.push(element, Node::Text(text));
        }
    }

    /// AD as an Address.
    pub(super) fn address(&self, element: Element<'_>) -> Option<Node> {
        let mut address = Object::new();
        self.used(element, "address-use", &mut address);
        if let Some(words) = own_words(element) {
            address.put("text", Node::Text(words));
        }
        let mut street: Vec<String> = Vec::new();
        for part in element.children().filter(|part| part.space() == Space::V3) {
            let single = |name: &str| match name {
                "city" => Some("city"),
                "county" => Some("district"),
                "state" => Some("state"),
                "postalCode" => Some("postalCode"),
                "country" => Some("country"),
                _ => None,
            };
            match part.name() {
                "houseNumber" | "houseNumberNumeric" | "streetName" | "streetNameBase" | "streetNameType" => {
                    street.extend(part.text());
                }
                "streetAddressLine"
                | "deliveryAddressLine"
                | "additionalLocator"
                | "unitID"
                | "unitType"
                | "postBox"
                | "careOf"
                | "buildingNumberSuffix"
                | "precinct"
                | "desc" => {
                    if let Some(line) = part.text() {
                        address.push("line", Node::Text(line));
                    }
                }
                "useablePeriod" => {
                    if let Some(period) = self.period(part) {
                        address.put("period", period);
                    }
                }
                name => {
                    if let Some(name) = single(name).filter(|name| address.find(name).is_none())
                        && let Some(text) = part.text()
                    {
                        address.put(name, Node::Text(text));
                    }
                }
            }
        }
        if !street.is_empty() {
            address.push("line", Node::Text(street.join(" ")));
        }
        let parts = ["text", "line", "city", "district", "state", "postalCode", "country"];
        parts.iter().any(|held| address.find(held).is_some()).then(|| address.into())
    }

    /// TEL as a ContactPoint.
    pub(super) fn telecom(&self, element: Element<'_>) -> Option<Node> {
        let value = element.take("value")?;
        let (scheme, rest) = value.split_once(':').unwrap_or(("", value));
        let mut point = Object::new();
        let scheme = scheme.to_ascii_lowercase();
        let known = self.codes.find("telecom-system", &scheme, self.context);
        let (system, value) = match known {
            Some(target) if target.code == "url" => ("url", value),
            Some(target) => (target.code.as_str(), rest.trim()),
            None if value.contains('@') => ("email", value),
            None if value.chars().all(|letter| letter.is_ascii_digit() || " +()-.".contains(letter)) => {
                ("phone", value)
            }
            None => ("other", value),
        };
        if value.is_empty() {
            return None;
        }
        point.put("system", Node::text(system));
        point.put("value", Node::text(value));
        self.used(element, "telecom-use", &mut point);
        if let Some(period) = element.child("useablePeriod").and_then(|period| self.period(period)) {
            point.put("period", period);
        }
        Some(point.into())
    }

    /// What the codes of `use` say: one each of use, type and system.
    fn used(&self, element: Element<'_>, map: &str, out: &mut Object) {
        let Some(codes) = element.peek("use") else { return };
        let mut all_said = true;
        for code in codes.split_ascii_whitespace() {
            let target = self.codes.find(map, code, self.context);
            let place = target.map(|target| target.system.as_deref().unwrap_or("use"));
            match (target, place) {
                (Some(target), Some(place)) if place == "system" || out.find(place).is_none() => {
                    out.put(place, Node::text(target.code.as_str()));
                }
                _ => all_said = false,
            }
        }
        if all_said {
            element.mark(&["use"]);
        }
    }
}

/// Text that stands in the element itself and in no part of it.
fn own_words(element: Element<'_>) -> Option<String> {
    let mut out = String::new();
    for (_, node) in element.content() {
        if let What::Text { text, carried } = &node.what {
            out.push_str(text);
            out.push(' ');
            carried.set(true);
        }
    }
    let out = squeezed(&out);
    (!out.is_empty()).then_some(out)
}
