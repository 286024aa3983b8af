//! A small ordered tree for the resources that are being built, and its JSON.
//!
//! Elements keep the order in which they were set. A path such as `location[].status` is read once,
//! from a map; `[]` opens a new list element, `[*]` one per segment, `[0]` the first.

use std::fmt::Write;

use crate::key::Key;

/// A value of the tree.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Node {
    /// A string.
    Text(String),
    /// A number or boolean, as it is written.
    Bare(String),
    /// Elements by name.
    Object(Object),
    /// Repeated elements.
    List(Vec<Node>),
}

/// Elements by name, in the order they were set.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Object(Vec<(Key, Node)>);

/// Elements of more than one type that the maps set.
const CHOICES: [&str; 13] = [
    "value",
    "effective",
    "occurrence",
    "onset",
    "performed",
    "medication",
    "deceased",
    "dose",
    "rate",
    "asNeeded",
    "bounds",
    "collected",
    "allowed",
];

/// The most elements of a list that are looked through for the same.
const SAME_MAX: usize = 64;

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) name: String,
    pub(crate) index: Index,
}

/// Which element of a list a step means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Index {
    /// Not a list.
    One,
    /// A new element at the end.
    New,
    /// The element of the present segment.
    Segment,
    /// The first element.
    First,
    /// The last element, as it stands.
    Last,
}

impl Node {
    pub(crate) fn text(value: impl Into<String>) -> Self {
        Self::Text(value.into())
    }

    /// A `Reference` to the resource with this id in the same Bundle.
    pub(crate) fn reference(id: &str) -> Self {
        Object::new().with("reference", Self::Text(format!("urn:uuid:{id}"))).into()
    }

    /// What stands for a required element the source does not have.
    pub(crate) fn absent(reason: &str) -> Self {
        let extension = Object::new()
            .with("url", Self::text("http://hl7.org/fhir/StructureDefinition/data-absent-reason"))
            .with("valueCode", Self::text(reason));
        Object::new().with("extension", Self::List(vec![extension.into()])).into()
    }

    pub(crate) fn write(&self, out: &mut String) {
        match self {
            Self::Text(value) => write_string(value, out),
            Self::Bare(value) => out.push_str(value),
            Self::Object(object) => object.write(out),
            Self::List(items) => {
                out.push('[');
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    item.write(out);
                }
                out.push(']');
            }
        }
    }
}

impl From<Object> for Node {
    fn from(object: Object) -> Self {
        Self::Object(object)
    }
}

impl Object {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn with(mut self, name: &str, value: Node) -> Self {
        self.put(name, value);
        self
    }

    pub(crate) fn put(&mut self, name: &str, value: Node) {
        match self.0.iter_mut().find(|(key, _)| key.is(name)) {
            Some((_, held)) => *held = value,
            None => self.0.push((name.into(), value)),
        }
    }

    pub(crate) fn find(&self, name: &str) -> Option<&Node> {
        self.0.iter().find(|(key, _)| key.is(name)).map(|(_, value)| value)
    }

    /// The elements in their order.
    pub(crate) fn members(&self) -> impl Iterator<Item = (&str, &Node)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// The elements in their order, to be changed.
    pub(crate) fn members_mut(&mut self) -> impl Iterator<Item = (&str, &mut Node)> {
        self.0.iter_mut().map(|(name, value)| (name.as_str(), value))
    }

    /// The elements in their order, taken apart.
    pub(crate) fn into_members(self) -> Vec<(Key, Node)> {
        self.0
    }

    /// Takes the element out.
    pub(crate) fn take(&mut self, name: &str) -> Option<Node> {
        let at = self.0.iter().position(|(key, _)| key.is(name))?;
        Some(self.0.remove(at).1)
    }

    /// The element, to be changed.
    pub(crate) fn find_mut(&mut self, name: &str) -> Option<&mut Node> {
        self.0.iter_mut().find(|(key, _)| key.is(name)).map(|(_, value)| value)
    }

    /// Adds an element that is not there yet.
    pub(crate) fn add(&mut self, name: &str, value: Node) {
        self.0.push((name.into(), value));
    }

    /// Takes an element out.
    pub(crate) fn remove(&mut self, name: &str) {
        self.0.retain(|(key, _)| !key.is(name));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Adds the elements of `other`, which has none of these.
    pub(crate) fn append(&mut self, mut other: Self) {
        self.0.append(&mut other.0);
    }

    /// Adds the elements of `other`.
    pub(crate) fn extend(&mut self, other: &Self) {
        for (name, value) in &other.0 {
            self.put(name.as_str(), value.clone());
        }
    }

    /// Adds `value` to the list `name`.
    pub(crate) fn push(&mut self, name: &str, value: Node) {
        match self.0.iter_mut().find(|(key, _)| key.is(name)) {
            Some((_, Node::List(items))) => items.push(value),
            Some((_, held)) => *held = Node::List(vec![value]),
            None => self.0.push((name.into(), Node::List(vec![value]))),
        }
    }

    /// Whether setting `path` would overwrite something.
    pub(crate) fn has(&self, path: &[Step]) -> bool {
        let Some((step, rest)) = path.split_first() else { return true };
        let Some(held) = self.find(&step.name) else { return false };
        let item = match (step.index, held) {
            (Index::New, _) => return false,
            (Index::One, held) => Some(held),
            (Index::First, Node::List(items)) => items.first(),
            (Index::Segment | Index::Last, Node::List(items)) => items.last(),
            (Index::First | Index::Segment | Index::Last, _) => None,
        };
        match item {
            Some(Node::Object(object)) => object.has(rest),
            Some(_) => true,
            None => false,
        }
    }

    /// The value at `path`; lists stand for their first element.
    pub(crate) fn at(&self, path: &[Step]) -> Option<&Node> {
        let (step, rest) = path.split_first()?;
        let held = match self.find(&step.name)? {
            Node::List(items) if matches!(step.index, Index::Last | Index::Segment) => items.last()?,
            Node::List(items) if step.index != Index::One => items.first()?,
            held @ (Node::Text(_) | Node::Bare(_) | Node::Object(_) | Node::List(_)) => held,
        };
        match held {
            _ if rest.is_empty() => Some(held),
            Node::Object(object) => object.at(rest),
            Node::Text(_) | Node::Bare(_) | Node::List(_) => None,
        }
    }

    /// Adds `more` as a further line to the text at `path`; false when there is none.
    pub(crate) fn add_line(&mut self, path: &[Step], more: &str) -> bool {
        let Some((step, rest)) = path.split_first() else { return false };
        let held = match self.0.iter_mut().find(|(name, _)| name.is(&step.name)) {
            Some((_, Node::List(items))) if step.index == Index::First => items.first_mut(),
            Some((_, Node::List(items))) if step.index != Index::One => items.last_mut(),
            Some((_, held)) => Some(held),
            None => None,
        };
        match held {
            Some(Node::Text(text)) if rest.is_empty() => {
                text.push('\n');
                text.push_str(more);
                true
            }
            Some(Node::Object(object)) => object.add_line(rest, more),
            _ => false,
        }
    }

    /// Whether the list that `path` adds to holds `value` already.
    pub(crate) fn lists(&self, path: &[Step], value: &Node) -> bool {
        match path {
            [Step { name, index: Index::New }] => {
                matches!(self.find(name), Some(Node::List(items)) if items.iter().take(SAME_MAX).any(|item| item == value))
            }
            [Step { name, index: Index::One }, rest @ ..] if !rest.is_empty() => {
                matches!(self.find(name), Some(Node::Object(object)) if object.lists(rest, value))
            }
            _ => false,
        }
    }

    /// Whether an element of a choice such as `value[x]` on `path` is there already, under another type.
    pub(crate) fn has_choice(&self, path: &[Step]) -> bool {
        let mut held = self;
        for step in path {
            if held.find(&step.name).is_none() && held.has_other_type(&step.name) {
                return true;
            }
            held = match (held.find(&step.name), step.index) {
                (Some(Node::Object(object)), Index::One) => object,
                (Some(Node::List(items)), Index::First | Index::Last) => {
                    let item = if step.index == Index::First { items.first() } else { items.last() };
                    let Some(Node::Object(object)) = item else { return false };
                    object
                }
                _ => return false,
            };
        }
        false
    }

    fn has_other_type(&self, name: &str) -> bool {
        fn kind<'n>(name: &'n str, base: &str) -> Option<&'n str> {
            name.strip_prefix(base).filter(|kind| kind.starts_with(|first: char| first.is_ascii_uppercase()))
        }
        let base = CHOICES.iter().find(|base| kind(name, base).is_some());
        base.is_some_and(|base| self.0.iter().any(|(held, _)| kind(held.as_str(), base).is_some()))
    }

    /// Sets the value at `path`. False when a value that is no object stands in the way.
    pub(crate) fn set(&mut self, path: &[Step], value: Node) -> bool {
        let Some((step, rest)) = path.split_first() else { return false };
        if step.index == Index::One {
            if rest.is_empty() {
                self.put(&step.name, value);
                return true;
            }
            if self.find(&step.name).is_none() {
                self.put(&step.name, Self::new().into());
            }
            return match self.0.iter_mut().find(|(key, _)| key.is(&step.name)) {
                Some((_, Node::Object(object))) => object.set(rest, value),
                _ => false,
            };
        }
        if self.find(&step.name).is_none() {
            self.put(&step.name, Node::List(Vec::new()));
        }
        let Some((_, Node::List(items))) = self.0.iter_mut().find(|(key, _)| key.is(&step.name)) else {
            return false;
        };
        if step.index == Index::New || items.is_empty() {
            items.push(Self::new().into());
        }
        let slot = match step.index {
            Index::First => items.first_mut(),
            Index::One | Index::New | Index::Segment | Index::Last => items.last_mut(),
        };
        match slot {
            Some(slot) if rest.is_empty() => {
                *slot = value;
                true
            }
            Some(Node::Object(object)) => object.set(rest, value),
            _ => false,
        }
    }

    pub(crate) fn write(&self, out: &mut String) {
        out.push('{');
        self.write_members(out);
        out.push('}');
    }

    /// Writes the elements without the braces around them.
    pub(crate) fn write_members(&self, out: &mut String) {
        for (index, (name, value)) in self.0.iter().enumerate() {
            if index > 0 {
                out.push(',');
            }
            write_string(name.as_str(), out);
            out.push(':');
            value.write(out);
        }
    }
}

impl Step {
    /// Reads a path such as `hospitalization.dietPreference[]`.
    pub(crate) fn path(text: &str) -> Option<Vec<Self>> {
        text.split('.').map(Self::one).collect()
    }

    fn one(text: &str) -> Option<Self> {
        let (name, index) = match text.split_once('[') {
            None => (text, Index::One),
            Some((name, "]")) => (name, Index::New),
            Some((name, "*]")) => (name, Index::Segment),
            Some((name, "0]")) => (name, Index::First),
            Some((name, "-1]")) => (name, Index::Last),
            Some(_) => return None,
        };
        let plain =
            !name.is_empty() && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
        plain.then(|| Self { name: name.to_owned(), index })
    }
}

/// Writes `value` as a JSON string.
pub(crate) fn write_string(value: &str, out: &mut String) {
    out.push('"');
    // No way out of the loop before its end, so that it looks at many bytes at once.
    let special = |byte: u8| (byte < b' ') | (byte == b'"') | (byte == b'\\');
    if value.bytes().fold(false, |found, byte| found | special(byte)) {
        value.chars().for_each(|letter| write_letter(letter, out));
    } else {
        out.push_str(value);
    }
    out.push('"');
}

fn write_letter(letter: char, out: &mut String) {
    match letter {
        '"' => out.push_str("\\\""),
        '\\' => out.push_str("\\\\"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        control if control < ' ' => {
            // Writing to a String cannot fail.
            let written = write!(out, "\\u{:04x}", u32::from(control));
            debug_assert!(written.is_ok());
        }
        other => out.push(other),
    }
}

#[cfg(test)]
mod tests {
    use super::{Node, Object, Step};

    fn json(object: Object) -> String {
        let mut out = String::new();
        Node::from(object).write(&mut out);
        out
    }

    #[test]
    fn a_path_opens_lists_and_objects_as_it_says() {
        let mut object = Object::new();
        for (path, value) in
            [("a[].b", "1"), ("a[].b", "2"), ("a[-1].c", "3"), ("a[0].c", "4"), ("d.e[0].f", "5")]
        {
            assert!(object.set(&Step::path(path).unwrap(), Node::text(value)), "{path}");
        }
        assert_eq!(json(object), r#"{"a":[{"b":"1","c":"4"},{"b":"2","c":"3"}],"d":{"e":[{"f":"5"}]}}"#);
    }

    #[test]
    fn a_value_in_the_way_is_not_overwritten_by_an_object() {
        let mut object = Object::new().with("a", Node::text("x"));
        assert!(!object.set(&Step::path("a.b").unwrap(), Node::text("y")));
        assert_eq!(json(object), r#"{"a":"x"}"#);
    }

    #[test]
    fn strings_are_escaped() {
        assert_eq!(
            json(Object::new().with("a", Node::text("\"\\\n\u{1}é"))),
            "{\"a\":\"\\\"\\\\\\n\\u0001é\"}"
        );
    }

    #[test]
    fn a_faulty_path_is_refused() {
        for path in ["", "a..b", "a[1]", "a b", "a["] {
            assert_eq!(Step::path(path), None, "{path}");
        }
    }
}
