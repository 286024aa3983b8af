//! Where in the JSON of a resource a search parameter looks.

use crate::json::{Kind, Node};
use crate::tables::{self, SearchParameter, SearchPath, TypeId};

/// One way down to compared values: the JSON names and the type at their end.
#[derive(Debug, Clone)]
pub(super) struct Place {
    keys: Vec<&'static str>,
    pub(super) leaf: TypeId,
    pub(super) resolves_to: Option<TypeId>,
    conditions: Vec<Condition>,
}

/// What must hold of the object that is reached after `depth` names.
#[derive(Debug, Clone)]
struct Condition {
    depth: usize,
    read: &'static str,
    equals: Option<&'static str>,
}

/// What was found at a place.
pub(super) struct Found<'a> {
    /// Values, each with its type and the type that a reference must resolve to.
    pub(super) values: Vec<(Node<'a>, &'a Place)>,
    /// Whether a primitive has an `_element` beside an absent value.
    pub(super) only_beside: bool,
}

/// The places of a parameter, when every one of them can be followed.
pub(super) fn places(owner: TypeId, parameter: &'static SearchParameter) -> Option<Vec<Place>> {
    let mut places = Vec::new();
    for path in parameter.paths()? {
        places.extend(follow(owner, path)?);
    }
    Some(places)
}

/// Whether what a parameter compares can be found in a resource: otherwise no resource alone tells that it matches.
#[must_use]
pub fn is_followed(owner: TypeId, parameter: &'static SearchParameter) -> bool {
    places(owner, parameter).is_some()
}

fn follow(owner: TypeId, path: &'static SearchPath) -> Option<Vec<Place>> {
    if path.path().contains(':') {
        return None;
    }
    let steps: Vec<&'static str> = path.path().split('.').collect();
    let mut ends: Vec<(Vec<&'static str>, TypeId)> = vec![(Vec::new(), owner)];
    for step in &steps {
        let mut next = Vec::new();
        for (keys, at) in ends {
            for (key, element) in at.keys().filter(|(_, element)| element.name() == *step) {
                let mut keys = keys.clone();
                keys.push(key);
                next.push((keys, element.only_type()?));
            }
        }
        ends = next;
    }
    if let Some(choice) = path.choice() {
        ends.retain(|(_, leaf)| *leaf == choice);
    }
    if ends.is_empty() {
        return None;
    }
    let conditions = path.conditions().iter().map(|condition| {
        let depth = condition.on().split('.').count();
        let read = condition.read().strip_prefix(condition.on())?.strip_prefix('.')?;
        (!read.contains(['.', ':', '['])).then_some(Condition { depth, read, equals: condition.equals() })
    });
    let conditions: Vec<_> = conditions.collect::<Option<_>>()?;
    let place =
        |(keys, leaf)| Place { keys, leaf, resolves_to: path.resolves_to(), conditions: conditions.clone() };
    Some(ends.into_iter().map(place).collect())
}

/// Everything at the places of a criterion.
pub(super) fn find<'a>(places: &'a [Place], resource: Node<'a>) -> Found<'a> {
    let mut found = Found { values: Vec::new(), only_beside: false };
    for place in places {
        place.visit(resource, 0, &mut found);
    }
    found
}

impl Place {
    fn visit<'a>(&'a self, node: Node<'a>, depth: usize, found: &mut Found<'a>) {
        if node.kind() == Kind::Array {
            for item in node.items() {
                self.visit(item, depth, found);
            }
            return;
        }
        let holds = |condition: &Condition| {
            node.member(condition.read)
                .is_some_and(|value| condition.equals.is_none_or(|text| value.is_string(text)))
        };
        if !self.conditions.iter().filter(|condition| condition.depth == depth).all(holds) {
            return;
        }
        let Some(key) = self.keys.get(depth) else {
            if !node.is_null() {
                found.values.push((node, self));
            }
            return;
        };
        match node.member(key) {
            Some(value) => self.visit(value, depth + 1, found),
            None if self.leaf.kind().is_primitive() && depth + 1 == self.keys.len() => {
                found.only_beside |= node.member(&format!("_{key}")).is_some();
            }
            None => {}
        }
    }
}

/// Whether the type is there at all, for [`super::compile`].
pub(super) fn resource_type(name: &str) -> Option<TypeId> {
    tables::resource_type(name)
}
