//! Paths of the tables: which elements, seen from one, a row means.
//!
//! `a/b`, `..`, `.`; a last step `@name` is an attribute. Tests stand in brackets, with commas for *and* and bars for
//! *or*: `@name=value`, `!@name=value`, `template=2.16...` (root or extension of a templateId), `code=8480-6` (the code of its
//! `code`), `has:name` and `!has:name` (a child), `says` (it or something in it holds a code, a value or a text), `section=vitals` (the kind of the section it stands in). Names are
//! those of CDA; `sdtc:` and `npfit:` name the extensions. What says of itself that it is not so (`negationInd`), or that it
//! has not happened (a `moodCode` that the step does not ask for), is passed over, but where a row asks for the whole
//! statement.

use super::source::{Element, Space};

/// A path.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Path {
    pub(super) steps: Vec<Step>,
    /// The attribute at its end.
    pub(super) attribute: Option<String>,
}

/// One step.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Step {
    /// `..`
    Up,
    /// A child.
    Child(Named),
}

/// An element by name, with what must hold of it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Named {
    pub(super) space: Space,
    pub(super) name: String,
    /// Which moods it means.
    pub(super) mood: Mood,
    /// Whether it means such as have one of certain `typeCode`s.
    pub(super) asks_type: bool,
    pub(super) tests: Vec<Test>,
}

/// Which moods a step means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mood {
    /// What has happened.
    Happened,
    /// Those that its tests ask for.
    Asked,
}

/// What must hold of an element.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Test {
    /// An attribute has one of these values.
    Attribute(String, Vec<String>),
    /// An attribute has none of these values.
    NotAttribute(String, Vec<String>),
    /// It claims one of these templates.
    Template(Vec<String>),
    /// Its code is one of these.
    Code(Vec<String>),
    /// It has a child of this name.
    Has(String),
    /// It has none.
    HasNot(String),
    /// It stands in a section of one of these kinds.
    Section(Vec<String>),
    /// It, or something in it, holds a code, a value or a text.
    Says,
}

/// Whether a statement that says that it is not so, or has not happened, is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Negated {
    /// No.
    PassedOver,
    /// As the last step, yes: who asked for it reads what it says.
    Found,
}

impl Path {
    pub(super) fn read(text: &str) -> Option<Self> {
        let mut steps = Vec::new();
        let mut attribute = None;
        for step in split(text, '/') {
            if attribute.is_some() {
                return None;
            }
            match step {
                "." => {}
                ".." => steps.push(Step::Up),
                step => match step.strip_prefix('@') {
                    Some(name) => attribute = Some(name.to_owned()),
                    None => steps.push(Step::Child(Named::read(step)?)),
                },
            }
        }
        Some(Self { steps, attribute })
    }

    /// The elements that it means, seen from `element`.
    pub(super) fn find<'t>(&self, element: Element<'t>, section: &str, negated: Negated) -> Vec<Element<'t>> {
        let mut found = Vec::new();
        walk(element, &self.steps, section, negated, &mut found);
        found
    }
}

impl Path {
    /// What its steps asked of the `typeCode` of elements on the way to `found` was carried with it.
    pub(super) fn mark_asked(&self, found: Element<'_>) {
        let mut here = Some(found);
        for step in self.steps.iter().rev() {
            let (Step::Child(named), Some(element)) = (step, here) else { return };
            if named.asks_type {
                element.mark(&["typeCode"]);
            }
            here = element.parent();
        }
    }
}

fn walk<'t>(
    element: Element<'t>,
    steps: &[Step],
    section: &str,
    negated: Negated,
    found: &mut Vec<Element<'t>>,
) {
    match steps.split_first() {
        None => found.push(element),
        Some((Step::Up, rest)) => {
            if let Some(parent) = element.parent() {
                walk(parent, rest, section, negated, found);
            }
        }
        Some((Step::Child(named), rest)) => {
            for child in element.children().filter(|child| named.is_met(*child, section)) {
                let is_asked_for = rest.is_empty() && negated == Negated::Found;
                if is_asked_for || named.is_so(child) {
                    walk(child, rest, section, negated, found);
                }
            }
        }
    }
}

impl Named {
    pub(super) fn read(text: &str) -> Option<Self> {
        let (name, tests) = match text.split_once('[') {
            Some((name, tests)) => (name, tests.strip_suffix(']')?),
            None => (text, ""),
        };
        let (space, name) = match name.split_once(':') {
            Some(("sdtc", name)) => (Space::Sdtc, name),
            Some(("npfit", name)) => (Space::Npfit, name),
            Some(_) => return None,
            None => (Space::V3, name),
        };
        let tests = tests.split(',').filter(|test| !test.is_empty()).map(Test::read);
        let tests = tests.collect::<Option<Vec<Test>>>()?;
        let plain = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let asks = |test: &Test| matches!(test, Test::Attribute(name, _) | Test::NotAttribute(name, _) if name == "moodCode");
        let mood = if tests.iter().any(asks) { Mood::Asked } else { Mood::Happened };
        let asks_type =
            tests.iter().any(|test| matches!(test, Test::Attribute(name, _) if name == "typeCode"));
        plain.then(|| Self { space, name: name.to_owned(), mood, asks_type, tests })
    }

    /// Whether `element`, which is meant, says nothing against itself.
    pub(super) fn is_so(&self, element: Element<'_>) -> bool {
        !element.is_negated()
            && (self.mood == Mood::Asked || element.has_happened())
            && !element.is_exception()
    }

    /// Whether `element` is meant.
    pub(super) fn is_met(&self, element: Element<'_>, section: &str) -> bool {
        element.name() == self.name
            && element.space() == self.space
            && self.tests.iter().all(|test| test.is_met(element, section))
    }
}

impl Test {
    fn read(text: &str) -> Option<Self> {
        if let Some(name) = text.strip_prefix("has:") {
            return Some(Self::Has(name.to_owned()));
        }
        if let Some(name) = text.strip_prefix("!has:") {
            return Some(Self::HasNot(name.to_owned()));
        }
        if text == "says" {
            return Some(Self::Says);
        }
        let (name, values) = text.split_once('=')?;
        let values = values.split('|').map(str::to_owned).collect();
        match name {
            "template" => Some(Self::Template(values)),
            "code" => Some(Self::Code(values)),
            "section" => Some(Self::Section(values)),
            _ => match (name.strip_prefix("!@"), name.strip_prefix('@')) {
                (Some(name), _) => Some(Self::NotAttribute(name.to_owned(), values)),
                (None, Some(name)) => Some(Self::Attribute(name.to_owned(), values)),
                (None, None) => None,
            },
        }
    }

    fn is_met(&self, element: Element<'_>, section: &str) -> bool {
        let one_of = |values: &[String], found: Option<&str>| {
            found.is_some_and(|found| values.iter().any(|value| value == found))
        };
        match self {
            Self::Attribute(name, values) => one_of(values, element.peek(name)),
            Self::NotAttribute(name, values) => !one_of(values, element.peek(name)),
            Self::Template(values) => element.children().any(|child| {
                child.is(Space::V3, "templateId")
                    && (one_of(values, child.peek("root")) || one_of(values, child.peek("extension")))
            }),
            Self::Code(values) => element.child("code").is_some_and(|code| one_of(values, code.peek("code"))),
            Self::Has(name) => element.child(name).is_some(),
            Self::HasNot(name) => element.child(name).is_none(),
            Self::Section(values) => one_of(values, Some(section)),
            Self::Says => element.says(),
        }
    }
}

/// Splits at `by` where it stands in no brackets.
fn split(text: &str, by: char) -> Vec<&str> {
    let mut depth = 0_usize;
    text.split(|letter: char| {
        match letter {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        letter == by && depth == 0
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::super::parse::parse;
    use super::super::source::Element;
    use super::{Negated, Path};

    #[test]
    fn a_path_finds_what_it_names_and_passes_over_what_is_not_so() {
        let text = "<a xmlns='urn:hl7-org:v3' xmlns:s='urn:hl7-org:sdtc'><b c='1'><code code='x'/></b><b c='2'/>\
                    <b c='1' negationInd='true'/><s:b/><d><templateId root='r' extension='e'/></d>\
                    <e moodCode='EVN'><code/></e><e moodCode='INT'><code/></e></a>";
        let tree = parse(text).unwrap();
        let root = Element { tree: &tree, at: 0 };
        for (path, negated, expected) in [
            ("b", Negated::PassedOver, 2),
            ("b", Negated::Found, 3),
            ("b[@c=1]", Negated::PassedOver, 1),
            ("b[@c=1|2]", Negated::PassedOver, 2),
            ("b[!@c=1]", Negated::Found, 1),
            ("b[code=x]/code", Negated::PassedOver, 1),
            ("b[has:code]/../d[template=r]", Negated::PassedOver, 1),
            ("d[template=e]", Negated::PassedOver, 1),
            ("b[!has:code]", Negated::PassedOver, 1),
            ("sdtc:b", Negated::PassedOver, 1),
            ("b[section=vitals]", Negated::PassedOver, 2),
            ("b[section=results]", Negated::PassedOver, 0),
            (".", Negated::PassedOver, 1),
            ("b[says]", Negated::PassedOver, 1),
            ("d[says]", Negated::PassedOver, 0),
            ("e", Negated::PassedOver, 1),
            ("e", Negated::Found, 2),
            ("e[@moodCode=INT|EVN]", Negated::PassedOver, 2),
            ("e/code", Negated::Found, 1),
        ] {
            let found = Path::read(path).unwrap().find(root, "vitals", negated);
            assert_eq!(found.len(), expected, "{path}");
        }
    }

    #[test]
    fn a_faulty_path_is_refused() {
        for path in ["", "a//b", "@a/b", "x:a", "a[b", "a[b]", "a b"] {
            assert_eq!(Path::read(path), None, "{path}");
        }
    }
}
