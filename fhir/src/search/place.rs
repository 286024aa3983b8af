//! Where in the JSON of a resource a search parameter looks.

use crate::json::{Kind, Node};
use crate::tables::{self, SearchKind, SearchParameter, SearchPath, TypeId};

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

/// Where a parameter looks: values by themselves, or what must stand together.
#[derive(Debug, Clone)]
pub(super) enum Places {
    /// Each value by itself.
    Apart(Vec<Place>),
    /// What the components of a composite compare, in each of its items.
    Together(Vec<Item>),
}

/// An element that holds what the components of a composite compare.
#[derive(Debug, Clone)]
pub(super) struct Item {
    at: Place,
    components: Vec<Within>,
}

/// Where one component looks.
#[derive(Debug, Clone)]
struct Within {
    item: Vec<Place>,
    resource: Vec<Place>,
}

/// The places of a parameter, when every one of them can be followed.
pub(super) fn places(owner: TypeId, parameter: &'static SearchParameter) -> Option<Places> {
    if parameter.kind() != SearchKind::Composite {
        return all(owner, parameter.paths()?).map(Places::Apart);
    }
    let mut items = Vec::new();
    for item in parameter.items() {
        for at in ends(owner, item)? {
            let within = |component: &'static tables::Component| {
                let item = all(at.leaf, component.of_item())?;
                Some(Within { item, resource: all(owner, component.of_resource())? })
            };
            let components = parameter.components().iter().map(within).collect::<Option<_>>()?;
            items.push(Item { at, components });
        }
    }
    Some(Places::Together(items))
}

/// The places of a parameter that compares values by themselves.
pub(super) fn apart(owner: TypeId, parameter: &'static SearchParameter) -> Option<Vec<Place>> {
    match places(owner, parameter)? {
        Places::Apart(places) => Some(places),
        Places::Together(_) => None,
    }
}

fn all(owner: TypeId, paths: &'static [SearchPath]) -> Option<Vec<Place>> {
    let mut places = Vec::new();
    for path in paths {
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
    let mut ends = ends(owner, path.path())?;
    if let Some(choice) = path.choice() {
        ends.retain(|place| place.leaf == choice);
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
    let place = |end| Place { resolves_to: path.resolves_to(), conditions: conditions.clone(), ..end };
    Some(ends.into_iter().map(place).collect())
}

/// Every way down along the names of `path`, of which the empty one leads nowhere else.
fn ends(owner: TypeId, path: &'static str) -> Option<Vec<Place>> {
    if path.contains(':') {
        return None;
    }
    let mut ends = vec![Place { keys: Vec::new(), leaf: owner, resolves_to: None, conditions: Vec::new() }];
    for step in path.split('.').filter(|step| !step.is_empty()) {
        let mut next = Vec::new();
        for end in ends {
            for (key, element) in end.leaf.keys().filter(|(_, element)| element.name() == step) {
                let mut keys = end.keys.clone();
                keys.push(key);
                next.push(Place { keys, leaf: element.only_type()?, ..end.clone() });
            }
        }
        ends = next;
    }
    Some(ends)
}

/// Everything at the places of a criterion.
pub(super) fn find<'a>(places: &'a [Place], resource: Node<'a>) -> Found<'a> {
    let mut found = Found { values: Vec::new(), only_beside: false };
    for place in places {
        place.visit(resource, 0, &mut found);
    }
    found
}

/// What each component compares in each item of a composite, item by item.
pub(super) fn find_together<'a>(items: &'a [Item], resource: Node<'a>) -> Vec<Vec<Found<'a>>> {
    let mut together = Vec::new();
    for item in items {
        for (node, _) in find(std::slice::from_ref(&item.at), resource).values {
            let found = |within: &'a Within| {
                let mut found = find(&within.item, node);
                let beside = find(&within.resource, resource);
                found.values.extend(beside.values);
                found.only_beside |= beside.only_beside;
                found
            };
            together.push(item.components.iter().map(found).collect());
        }
    }
    together
}

impl Found<'_> {
    /// Whether it is not known what stands there.
    pub(super) fn is_untold(&self) -> bool {
        self.only_beside && self.values.is_empty()
    }
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
