//! What of a document was not carried, with its XPath.

use std::collections::HashMap;

use super::maps::Maps;
use super::source::{Attribute, Element, NONE, Remark, Tree, What, is_negation};
use crate::{Loss, Refused, Severity, Translated, Why};

/// All places together may not be longer than this.
const PLACES_BYTES_MAX: usize = 64 << 20;

struct Walk<'w> {
    maps: &'w Maps,
    remarks: HashMap<u32, Vec<&'w Remark>>,
    losses: Vec<Loss>,
    bytes: usize,
    path: String,
}

/// Whether an attribute says nothing of its own.
enum Ignored {
    Not,
    Always,
    /// It does in this element, and losing it is so serious.
    ButHere(Severity),
}

/// Adds to each document what it lost, and to the first what its envelope says.
pub(super) fn collect<'t>(
    tree: &'t Tree<'t>,
    roots: &[Element<'t>],
    maps: &Maps,
    all: &mut [Translated],
) -> Result<(), Refused> {
    if tree.is_exhausted() {
        return Err(Refused::TooLarge { max: tree.nodes.len(), unit: "steps for its size" });
    }
    let held = tree.remarks.borrow();
    let mut remarks: HashMap<u32, Vec<&Remark>> = HashMap::new();
    for remark in held.iter() {
        remarks.entry(remark.at).or_default().push(remark);
    }
    let tops: Vec<u32> = roots.iter().map(|root| root.at).collect();
    let mut walk = Walk { maps, remarks, losses: Vec::new(), bytes: 0, path: String::new() };
    // A walk looks at every node once more.
    tree.visits.set(usize::MAX);
    let around = Element { tree, at: 0 };
    if !tops.contains(&0) {
        walk.element(around, None, Severity::Trivial, &tops)?;
    }
    let mut before = std::mem::take(&mut walk.losses);
    for (root, translated) in roots.iter().zip(all) {
        walk.path = root.parent().map(Element::path).unwrap_or_default();
        walk.element(*root, None, Severity::Minor, &[])?;
        translated.losses.append(&mut before);
        translated.losses.append(&mut walk.losses);
    }
    Ok(())
}

impl Walk<'_> {
    /// Everything in `element` that was not carried, but for what stands in `except`.
    fn element(
        &mut self,
        element: Element<'_>,
        turned_away: Option<Why>,
        around: Severity,
        except: &[u32],
    ) -> Result<(), Refused> {
        let length = self.path.len();
        element.step(&mut self.path);
        let is_structural = element.name() == "code"
            && element.peek("code").is_some_and(|code| self.maps.structural.contains(code));
        let severity = match self.weight(element) {
            _ if is_structural => Severity::Trivial,
            // What is of little weight around stays so inside.
            Some(severity) if around != Severity::Trivial || severity == Severity::Major => severity,
            Some(_) | None => around,
        };
        let mut turned_away = turned_away;
        let mut said: Vec<Option<&'static str>> = Vec::new();
        let remarks = if self.remarks.is_empty() { None } else { self.remarks.remove(&element.at) };
        for remark in remarks.unwrap_or_default() {
            if remark.why == Why::PlaceTaken {
                turned_away = Some(Why::PlaceTaken);
            } else if !said.contains(&remark.attribute) {
                said.push(remark.attribute);
                self.lose(remark.attribute.map(|name| ("/@", name)), remark.why, remark.severity)?;
            }
        }
        for attribute in element.attributes() {
            let is_plain = is_negation(attribute.name) && !element.is_negated()
                || attribute.name == "moodCode" && element.has_happened();
            if attribute.carried.get()
                || is_plain
                || attribute.value.trim().is_empty()
                || said.iter().any(|name| name.is_some_and(|name| name == attribute.name))
            {
                continue;
            }
            if let Some((why, severity)) = self.told(element, attribute, turned_away, severity) {
                self.lose(Some(("/@", attribute.name)), why, severity)?;
            }
        }
        let is_unsaid = |text: &str, carried: bool| !carried && !text.trim().is_empty();
        for (at, node) in element.content() {
            match &node.what {
                What::Text { text, carried } if is_unsaid(text, carried.get()) => {
                    self.lose(Some(("/", "text()")), turned_away.unwrap_or(Why::NotMapped), severity)?;
                }
                What::Text { .. } => {}
                What::Element { .. } if except.contains(&at) || at == NONE => {}
                What::Element { .. } => {
                    self.element(Element { tree: element.tree, at }, turned_away, severity, except)?;
                }
            }
        }
        self.path.truncate(length);
        Ok(())
    }

    /// Why an attribute that was not carried is told, and how serious that is, in an element of this weight; `None` where it says
    /// nothing of its own.
    fn told(
        &self,
        element: Element<'_>,
        attribute: &Attribute<'_>,
        turned_away: Option<Why>,
        severity: Severity,
    ) -> Option<(Why, Severity)> {
        let is_carried = |name: &str| element.attribute(name).is_some_and(|held| held.carried.get());
        let why = turned_away.unwrap_or(Why::NotMapped);
        let of_its_own = match self.ignored(element, attribute.name, attribute.value.trim()) {
            Ignored::Always => return None,
            Ignored::ButHere(severity) => Some(severity),
            Ignored::Not => None,
        };
        Some(match attribute.name {
            _ if let Some(severity) = of_its_own => (why, severity),
            "nullFlavor" if element.name() == "confidentialityCode" => (Why::Nulled, severity),
            "nullFlavor" => (Why::Nulled, Severity::Trivial),
            // What names a code that is carried, or its system.
            "displayName" if is_carried("code") => (Why::LeftOut, Severity::Trivial),
            "codeSystemName" if is_carried("codeSystem") => (Why::LeftOut, Severity::Trivial),
            "displayName" | "codeSystemName" | "codeSystemVersion" => (why, severity.min(Severity::Minor)),
            name if is_negation(name) => (Why::NotMapped, Severity::Major),
            _ => (why, severity),
        })
    }

    /// How much it matters, where the maps say: of what takes part as this, or of the element.
    fn weight(&self, element: Element<'_>) -> Option<Severity> {
        let as_this = element.peek("typeCode").map(|code| [element.name(), "@", code].concat());
        let found = as_this.and_then(|name| self.maps.weights.get(&name));
        found.or_else(|| self.maps.weights.get(element.name())).copied()
    }

    /// Whether an attribute says nothing of its own here: as what takes part as this, as this element, or as any.
    fn ignored(&self, element: Element<'_>, name: &str, value: &str) -> Ignored {
        if self.maps.ignored.contains(name) {
            return Ignored::Always;
        }
        let told = |element: &str| {
            let mut all = self.maps.told.get(element).into_iter().flatten();
            all.find(|told| told.attribute == name)
        };
        // The name of a type is told apart without its prefix.
        let value = if name == "xsi:type" { value.rsplit(':').next().unwrap_or(value) } else { value };
        let as_this = element.peek("typeCode").and_then(|code| told(&[element.name(), "@", code].concat()));
        match as_this.or_else(|| told(element.name())).or_else(|| told("*")) {
            None => Ignored::Not,
            Some(told) if told.plain.iter().any(|plain| plain == value) => Ignored::Always,
            Some(told) => Ignored::ButHere(told.severity),
        }
    }

    fn lose(&mut self, at: Option<(&str, &str)>, why: Why, severity: Severity) -> Result<(), Refused> {
        let (separator, name) = at.unwrap_or_default();
        let place = [self.path.as_str(), separator, name].concat();
        self.bytes += place.len();
        if self.bytes > PLACES_BYTES_MAX {
            return Err(Refused::TooLarge {
                max: PLACES_BYTES_MAX,
                unit: "bytes of places that are not carried",
            });
        }
        self.losses.push(Loss { place, why, severity });
        Ok(())
    }
}
