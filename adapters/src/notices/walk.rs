//! Elements of one version into elements of the other, by the tables.

use std::collections::BTreeMap;

use super::dom::Element;
use super::maps::{Exact, Item, Kind, Many, Maps};
use crate::tree::{Index, Node, Object, Step};
use crate::{Severity, Why};

/// From DSTU2 to R4.
pub(super) struct Inward<'w> {
    pub(super) maps: &'w Maps,
    /// References by what the entries of the message call their resources.
    pub(super) references: BTreeMap<String, Node>,
}

/// From R4 to DSTU2.
pub(super) struct Outward<'w> {
    pub(super) maps: &'w Maps,
    /// What the notice calls the resources, by what the Bundle calls them.
    pub(super) references: BTreeMap<String, String>,
}

impl Inward<'_> {
    /// Sets what `items` say of `element`; gives each element of R4 that was set, with where it stood.
    pub(super) fn items(
        &self,
        items: &[Item],
        element: &Element,
        path: &str,
        object: &mut Object,
    ) -> Vec<(String, String)> {
        let mut origins = Vec::new();
        for item in items {
            for (found, place) in find(element, &item.left, path) {
                let Some(value) = self.value(item, found, &place) else { continue };
                if object.has(&item.right) || object.has_choice(&item.right) {
                    // A name has one family name in R4, whatever its parts.
                    let joined = item.many == Many::Yes
                        && matches!(&value, Node::Text(more) if join(object, &item.right, more));
                    if !joined {
                        found.tell(Why::PlaceTaken, Severity::Major);
                    }
                    continue;
                }
                if object.set(&item.right, value) {
                    for (path, fixed) in &item.beside {
                        object.set(path, Node::text(fixed.as_str()));
                    }
                    let first =
                        item.right.first().map(|step| step.name.as_str().to_owned()).unwrap_or_default();
                    origins.push((first, found.called.clone().unwrap_or(place)));
                }
            }
        }
        origins
    }

    fn value(&self, item: &Item, element: &Element, path: &str) -> Option<Node> {
        if let Kind::Type(name) = &item.kind {
            if name == "Reference" {
                return self.reference(element);
            }
            if name == "Extension" && !self.is_known(element) {
                return None;
            }
            let mut object = Object::new();
            self.items(self.maps.items(name), element, path, &mut object);
            return (!object.is_empty()).then(|| object.into());
        }
        let text = element.value.as_deref().filter(|text| !text.trim().is_empty())?;
        match &item.kind {
            Kind::Boolean if matches!(text, "true" | "false") => {
                element.carry();
                Some(Node::Bare(text.to_owned()))
            }
            Kind::Number if is_number(text) => {
                element.carry();
                Some(Node::Bare(text.to_owned()))
            }
            Kind::Date if is_moment(text) => {
                element.carry();
                Some(Node::text(text))
            }
            Kind::Date => {
                element.tell(Why::NotATime, Severity::Major);
                None
            }
            Kind::Boolean | Kind::Number => {
                element.tell(Why::NotOfType, Severity::Major);
                None
            }
            Kind::Text | Kind::Type(_) => self.text(item, element, text),
        }
    }

    fn text(&self, item: &Item, element: &Element, text: &str) -> Option<Node> {
        let clean: String = text.chars().filter(|letter| !is_control(*letter)).collect();
        let Some(map) = &item.codes else {
            element.carry();
            if clean != text {
                element.tell(Why::ControlCharacters, Severity::Minor);
            }
            return Some(Node::Text(clean));
        };
        match self.maps.to_r4(map, text) {
            Some((code, exact)) => {
                element.carry();
                if exact == Exact::No {
                    element.tell(Why::Narrowed, Severity::Minor);
                }
                Some(Node::text(code))
            }
            // A system that was not renamed.
            None if map == "systems" => {
                element.carry();
                Some(Node::Text(clean))
            }
            None => {
                element.tell(Why::CodeNotMapped, Severity::Major);
                None
            }
        }
    }

    fn is_known(&self, extension: &Element) -> bool {
        extension.peek("url").is_some_and(|url| self.maps.to_r4("extensions", url).is_some())
    }

    fn reference(&self, element: &Element) -> Option<Node> {
        let held = element.child("reference");
        let found = held.and_then(|held| held.value.as_deref()).and_then(|to| self.references.get(to));
        let display =
            element.child("display").and_then(|display| display.value.clone().map(|text| (display, text)));
        let mut object = match found {
            Some(Node::Object(reference)) => reference.clone(),
            Some(_) | None => Object::new(),
        };
        match (held, found) {
            (Some(held), Some(_)) => held.carry(),
            (Some(held), None) => held.tell(Why::ConditionUnmet, Severity::Major),
            (None, _) => {}
        }
        if let Some((display, text)) = display {
            display.carry();
            object.put("display", Node::Text(text));
        }
        (!object.is_empty()).then(|| object.into())
    }
}

impl Outward<'_> {
    /// Adds what `items` say of `element`, an element of R4, to `target`, an element of DSTU2.
    pub(super) fn items(&self, items: &[Item], element: &Element, target: &mut Element) {
        for item in items {
            for found in self.find(item, element) {
                if item.many == Many::No && has(target, &item.left) {
                    found.tell(Why::PlaceTaken, Severity::Major);
                    continue;
                }
                if let Some(made) = self.value(item, found) {
                    place(target, &item.left, made);
                }
            }
        }
    }

    /// The elements of R4 that an item is for, beside which stands what must.
    fn find<'e>(&self, item: &Item, element: &'e Element) -> Vec<&'e Element> {
        let names: Vec<String> = item.right.iter().map(|step| step.name.as_str().to_owned()).collect();
        let Some((first, rest)) = names.split_first() else { return Vec::new() };
        let mut all = Vec::new();
        for (number, child) in element.all(first).enumerate() {
            if number > 0 && item.right.first().is_some_and(|step| step.index == Index::First) {
                continue;
            }
            let fixed: Option<Vec<&Element>> =
                item.beside.iter().map(|(path, value)| said(child, path.get(1..)?, value)).collect();
            let Some(fixed) = fixed else { continue };
            let found = find(child, rest, "");
            if !found.is_empty() {
                fixed.iter().for_each(|fixed| fixed.carry());
            }
            all.extend(found.into_iter().map(|(found, _)| found));
        }
        all
    }

    fn value(&self, item: &Item, element: &Element) -> Option<Element> {
        let name = item.left.last()?;
        if let Kind::Type(kind) = &item.kind {
            let mut made = Element::new(name);
            if kind == "Reference" {
                return self.reference(element, made);
            }
            let known = |url: &str| self.maps.to_dstu2("extensions", url).is_some();
            if kind == "Extension" && !element.peek("url").is_some_and(known) {
                return None;
            }
            self.items(self.maps.items(kind), element, &mut made);
            return (!made.children.is_empty()).then_some(made);
        }
        let text = element.value.as_deref()?;
        let written = match &item.codes {
            None => text,
            Some(map) => match self.maps.to_dstu2(map, text) {
                Some(code) => code,
                None if map == "systems" => text,
                None => {
                    element.tell(Why::CodeNotMapped, Severity::Major);
                    return None;
                }
            },
        };
        element.carry();
        Some(Element::with_value(name, written))
    }

    fn reference(&self, element: &Element, mut made: Element) -> Option<Element> {
        if let Some(held) = element.child("reference") {
            match held.value.as_deref().and_then(|to| self.references.get(to)) {
                Some(to) => {
                    held.carry();
                    made.push(Element::with_value("reference", to));
                }
                None => held.tell(Why::ConditionUnmet, Severity::Major),
            }
        }
        if let Some(display) = element.child("display") {
            display.carry();
            made.push(Element::with_value("display", display.value.as_deref()?));
        }
        (!made.children.is_empty()).then_some(made)
    }
}

/// The elements at a path of names, and where each stands.
pub(super) fn find<'e>(element: &'e Element, names: &[String], path: &str) -> Vec<(&'e Element, String)> {
    let Some((first, rest)) = names.split_first() else { return vec![(element, path.to_owned())] };
    let mut all = Vec::new();
    for child in element.children.iter().filter(|child| child.name == *first) {
        all.extend(find(child, rest, &format!("{path}.{}", child.step())));
    }
    all
}

/// The element that says `value` at `path`.
fn said<'e>(element: &'e Element, path: &[Step], value: &str) -> Option<&'e Element> {
    let names: Vec<String> = path.iter().map(|step| step.name.as_str().to_owned()).collect();
    let found = find(element, &names, "").into_iter().map(|(found, _)| found);
    found.into_iter().find(|found| found.value.as_deref() == Some(value))
}

/// Adds `more` to the text at `path`.
fn join(object: &mut Object, path: &[Step], more: &str) -> bool {
    let Some(Node::Text(held)) = object.at(path) else { return false };
    let text = format!("{held} {more}");
    object.set(path, Node::Text(text))
}

fn has(target: &Element, left: &[String]) -> bool {
    !find(target, left, "").is_empty()
}

/// Puts `made` at the end of a path of names, all but the last of which stand once.
pub(super) fn place(target: &mut Element, left: &[String], made: Element) {
    match left {
        [] | [_] => target.push(made),
        [first, rest @ ..] => {
            if target.child(first).is_none() {
                target.push(Element::new(first));
            }
            if let Some(held) = target.children.iter_mut().find(|child| child.name == *first) {
                place(held, rest, made);
            }
        }
    }
}

fn is_control(letter: char) -> bool {
    letter.is_control() && !matches!(letter, '\n' | '\r' | '\t')
}

/// Whether a text is a number as JSON writes it.
fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let plain =
        |text: &str| !text.is_empty() && text.len() <= 18 && text.bytes().all(|byte| byte.is_ascii_digit());
    plain(whole) && plain(fraction) && (whole == "0" || !whole.starts_with('0'))
}

/// Whether a text is a date or a time of FHIR that exists.
pub(super) fn is_moment(text: &str) -> bool {
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let date = |text: &str| match text.split('-').collect::<Vec<_>>().as_slice() {
        [year] => year.len() == 4 && digits(year) && *year != "0000",
        [year, month] => format!("{year}-{month}-01").parse::<jiff::civil::Date>().is_ok() && text.len() == 7,
        _ => text.len() == 10 && text.parse::<jiff::civil::Date>().is_ok(),
    };
    match text.split_once('T') {
        None => date(text),
        Some((day, _)) => {
            day.len() == 10 && date(day) && text.len() >= 20 && text.parse::<jiff::Timestamp>().is_ok()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{is_moment, is_number};

    #[test]
    fn a_date_or_a_time_exists_or_is_none() {
        for text in ["2026", "2026-02", "2026-02-28", "2026-02-28T13:05:00Z", "2026-07-01T13:05:00.250+01:00"]
        {
            assert!(is_moment(text), "{text}");
        }
        for text in [
            "",
            "20",
            "0000",
            "2026-13",
            "2026-02-30",
            "2026-02-28T13:05:00",
            "2026-02-30T13:05:00Z",
            "28/02/2026",
            "2026-2-3",
            "2026-02-28T25:05:00Z",
        ] {
            assert!(!is_moment(text), "{text}");
        }
    }

    #[test]
    fn a_number_is_one_of_json() {
        assert!(["0", "-1", "10", "0.50"].iter().all(|text| is_number(text)));
        assert!(!["", "01", "1.", ".5", "1e5", "x"].iter().any(|text| is_number(text)));
    }
}
