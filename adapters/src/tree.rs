//! A small ordered tree for the resources that are being built, and its JSON.
//!
//! Elements keep the order in which they were set. A path such as `location[].status` is read once,
//! from a map; `[]` opens a new list element, `[*]` one per segment, `[0]` the first.

use crate::glance::is_plain;
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

/// Room for the elements of a usual object.
const ELEMENTS: usize = 4;

/// The most elements of a list that are looked through for the same.
const SAME_MAX: usize = 64;

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) name: Key,
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
        Object::new().with("reference", Self::Text(["urn:uuid:", id].concat())).into()
    }

    /// What stands for a required element the source does not have.
    pub(crate) fn absent(reason: &str) -> Self {
        let extension = Object::new()
            .with("url", Self::text("http://hl7.org/fhir/StructureDefinition/data-absent-reason"))
            .with("valueCode", Self::text(reason));
        Object::new().with("extension", Self::List(vec![extension.into()])).into()
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Text(value) => write_string(value, out),
            Self::Bare(value) => out.extend_from_slice(value.as_bytes()),
            Self::Object(object) => object.write(out),
            Self::List(items) => {
                out.push(b'[');
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        out.push(b',');
                    }
                    item.write(out);
                }
                out.push(b']');
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
            None => self.add(name, value),
        }
    }

    /// The element of this name.
    fn found(&self, name: &Key) -> Option<&Node> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value)
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
        self.add_key(name.into(), value);
    }

    fn add_key(&mut self, name: Key, value: Node) {
        // Room for the first is made at once: to grow is for a list that has some.
        if self.0.capacity() == 0 {
            self.0 = Vec::with_capacity(ELEMENTS);
        }
        self.0.push((name, value));
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
            None => self.add(name, Node::List(vec![value])),
        }
    }

    /// Whether setting `path` would overwrite something.
    pub(crate) fn has(&self, path: &[Step]) -> bool {
        let Some((step, rest)) = path.split_first() else { return true };
        let Some(held) = self.found(&step.name) else { return false };
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
        let held = match self.found(&step.name)? {
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

    /// The object at `path`, as [`Object::at`] finds it.
    pub(crate) fn object_at_mut(&mut self, path: &[Step]) -> Option<&mut Self> {
        let Some((step, rest)) = path.split_first() else { return Some(self) };
        let held = match (self.find_mut(step.name.as_str())?, step.index) {
            (Node::List(items), Index::Last | Index::Segment) => items.last_mut()?,
            (Node::List(items), Index::New | Index::First) => items.first_mut()?,
            (held, _) => held,
        };
        match held {
            Node::Object(object) => object.object_at_mut(rest),
            Node::Text(_) | Node::Bare(_) | Node::List(_) => None,
        }
    }

    /// Adds `more` as a further line to the text at `path`; false when there is none.
    pub(crate) fn add_line(&mut self, path: &[Step], more: &str) -> bool {
        let Some((step, rest)) = path.split_first() else { return false };
        let held = match self.0.iter_mut().find(|(name, _)| *name == step.name) {
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
                matches!(self.found(name), Some(Node::List(items)) if items.iter().take(SAME_MAX).any(|item| item == value))
            }
            [Step { name, index: Index::One }, rest @ ..] if !rest.is_empty() => {
                matches!(self.found(name), Some(Node::Object(object)) if object.lists(rest, value))
            }
            _ => false,
        }
    }

    /// Whether an element of a choice such as `value[x]` on `path` is there already, under another type.
    pub(crate) fn has_choice(&self, path: &[Step]) -> bool {
        let mut held = self;
        for step in path {
            let found = held.found(&step.name);
            if found.is_none() && held.has_other_type(&step.name) {
                return true;
            }
            held = match (found, step.index) {
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

    fn has_other_type(&self, name: &Key) -> bool {
        fn is_kind(name: &[u8], base: &str) -> bool {
            let kind = name.strip_prefix(base.as_bytes()).and_then(<[u8]>::first);
            kind.is_some_and(u8::is_ascii_uppercase)
        }
        // Few names have a large letter in them.
        let name = name.as_bytes();
        if !name.iter().any(u8::is_ascii_uppercase) {
            return false;
        }
        let base = CHOICES.iter().find(|base| is_kind(name, base));
        base.is_some_and(|base| self.0.iter().any(|(held, _)| is_kind(held.as_bytes(), base)))
    }

    /// Sets the value at `path`. False when a value that is no object stands in the way.
    pub(crate) fn set(&mut self, path: &[Step], value: Node) -> bool {
        let Some((step, rest)) = path.split_first() else { return false };
        let at = self.0.iter().position(|(name, _)| *name == step.name).unwrap_or(self.0.len());
        if at == self.0.len() {
            let begun = match step.index {
                Index::One if rest.is_empty() => {
                    self.add_key(step.name.clone(), value);
                    return true;
                }
                Index::One => Self::new().into(),
                Index::New | Index::Segment | Index::First | Index::Last => Node::List(Vec::with_capacity(1)),
            };
            self.add_key(step.name.clone(), begun);
        }
        let Some((_, held)) = self.0.get_mut(at) else { return false };
        let slot = match (step.index, held) {
            (Index::One, held) => Some(held),
            (Index::New | Index::Segment | Index::First | Index::Last, Node::List(items)) => {
                if step.index == Index::New || items.is_empty() {
                    items.push(Self::new().into());
                }
                if step.index == Index::First { items.first_mut() } else { items.last_mut() }
            }
            (Index::New | Index::Segment | Index::First | Index::Last, _) => None,
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

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.push(b'{');
        self.write_members(out);
        out.push(b'}');
    }

    /// Writes the elements without the braces around them.
    pub(crate) fn write_members(&self, out: &mut Vec<u8>) {
        for (index, (name, value)) in self.0.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            if name.quote(out).is_none() {
                write_text(name.as_bytes(), out);
                out.push(b':');
            }
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
        plain.then(|| Self { name: name.into(), index })
    }
}

/// Writes `value` as a JSON string.
pub(crate) fn write_string(value: &str, out: &mut Vec<u8>) {
    write_text(value.as_bytes(), out);
}

/// The same of the bytes of a text.
pub(crate) fn write_text(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    if is_plain(text, [b'"', b'\\']) {
        out.extend_from_slice(text);
    } else {
        text.iter().for_each(|byte| write_byte(*byte, out));
    }
    out.push(b'"');
}

fn write_byte(byte: u8, out: &mut Vec<u8>) {
    const HEX: [u8; 16] = *b"0123456789abcdef";
    match byte {
        b'"' => out.extend_from_slice(b"\\\""),
        b'\\' => out.extend_from_slice(b"\\\\"),
        b'\n' => out.extend_from_slice(b"\\n"),
        b'\r' => out.extend_from_slice(b"\\r"),
        b'\t' => out.extend_from_slice(b"\\t"),
        0..b' ' => {
            out.extend_from_slice(b"\\u00");
            out.extend([byte >> 4, byte & 15].iter().filter_map(|digit| HEX.get(usize::from(*digit))));
        }
        other => out.push(other),
    }
}

#[cfg(test)]
mod tests {
    use super::{Node, Object, Step};

    fn json(object: Object) -> String {
        let mut out = Vec::new();
        Node::from(object).write(&mut out);
        String::from_utf8(out).unwrap()
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
