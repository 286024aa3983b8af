//! The leaves of a resource as a tree, and what left of them as lines that a person can read.

use std::collections::BTreeMap;

use fhir::json::{Kind, Node};
use fhir::tables::{self, TypeId, TypeKind, resource_type, type_named};

use super::saturate::SYSTEMS;

/// What the gateway writes itself: where, and what.
const OURS: [(&str, &[&str]); 3] = [
    ("tag", &["\"http://terminology.hl7.org/CodeSystem/v3-ObservationValue\"", "\"SUBSETTED\""]),
    ("extension", &["\"http://hl7.org/fhir/StructureDefinition/data-absent-reason\"", "\"masked\""]),
    ("div", &[r#""<div xmlns=\"http://www.w3.org/1999/xhtml\">withheld</div>""#]),
];

/// What became of one leaf.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Leaf {
    /// It stayed, and would have gone with what holds it if that was named.
    Stayed,
    /// It stayed, as it does unless it is itself named.
    Removed,
    Left,
    /// It left, although it stays unless it is itself named.
    LeftByName,
    /// It was not there: the gateway wrote it.
    Ours,
}

/// The leaves of a resource.
#[derive(Debug, Default)]
pub(super) struct Leaves {
    held: BTreeMap<(Vec<String>, String), Leaf>,
}

impl Leaves {
    /// Those of `held`, and what of them is in `left`.
    pub(super) fn compare(held: Node<'_>, left: Node<'_>) -> Self {
        let mut leaves = Self::default();
        collect(held, None, (&mut Vec::new(), Leaf::Stayed), &mut |path, value, leaf| {
            leaves.held.insert((path.to_vec(), value), leaf);
        });
        collect(left, None, (&mut Vec::new(), Leaf::Stayed), &mut |path, value, _| {
            let at = (path.to_vec(), value);
            let leaf = match leaves.held.get(&at) {
                Some(Leaf::Removed) => Leaf::LeftByName,
                Some(Leaf::Stayed | Leaf::Left | Leaf::LeftByName) => Leaf::Left,
                Some(Leaf::Ours) | None => {
                    assert!(is_ours(&at), "{} holds {}: it was not there", at.0.join("."), at.1);
                    Leaf::Ours
                }
            };
            leaves.held.insert(at, leaf);
        });
        leaves
    }

    /// Everything that left.
    pub(super) fn left(&self) -> Vec<&(Vec<String>, String)> {
        let is_gone = |leaf: &Leaf| matches!(leaf, Leaf::Left | Leaf::LeftByName);
        self.held.iter().filter(|(_, leaf)| is_gone(leaf)).map(|(at, _)| at).collect()
    }

    /// What left by the name of the member that holds it, in short.
    pub(super) fn by_member(&self) -> BTreeMap<String, String> {
        let mut tree = Tree::default();
        for ((path, _), leaf) in &self.held {
            tree.insert(path, *leaf);
        }
        let told = tree.inside.iter().filter_map(|(name, inside)| Some((name.clone(), inside.tell(name)?)));
        told.filter(|(name, _)| name != "resourceType").collect()
    }
}

/// Whether the gateway writes such a thing itself.
fn is_ours((path, value): &(Vec<String>, String)) -> bool {
    let is_at = |name: &str| path.iter().any(|step| step == name);
    value == "null" && path.last().is_some()
        || OURS.iter().any(|(at, values)| is_at(at) && values.contains(&value.as_str()))
}

/// Tells every leaf below `node`: its path without positions in lists, what it holds, and whether it stays unless named.
fn collect(
    node: Node<'_>,
    owner: Option<TypeId>,
    (at, leaf): (&mut Vec<String>, Leaf),
    tell: &mut dyn FnMut(&[String], String, Leaf),
) {
    match node.kind() {
        Kind::Object => {
            let itself = node.member("resourceType").and_then(Node::string);
            let owner = itself.and_then(|name| resource_type(&name)).or(owner);
            for (name, value) in node.members() {
                let name = name.text();
                let element = owner.and_then(|owner| tables::element(owner, &name));
                let kind = element.and_then(|element| element.only_type().or_else(|| element.child_type()));
                let stays = stays(owner, &name, kind);
                let inner = if stays { Leaf::Removed } else { leaf };
                let items = if value.kind() == Kind::Array { value.items().collect() } else { vec![value] };
                for item in items {
                    at.push(match kind.map(TypeId::name) {
                        Some("Identifier") if item.kind() == Kind::Object => {
                            let system = item.member("system").and_then(Node::string).unwrap_or_default();
                            let known = SYSTEMS.iter().find(|(known, _)| *known == system);
                            format!("{name}[{}]", known.map_or("none", |(_, shown)| shown))
                        }
                        _ => name.to_string(),
                    });
                    collect(item, kind.filter(|kind| !kind.kind().is_primitive()), (at, inner), tell);
                    at.pop();
                }
            }
        }
        Kind::Array => node.items().for_each(|item| collect(item, owner, (at, leaf), tell)),
        Kind::String | Kind::Number | Kind::Boolean | Kind::Null => {
            tell(at, String::from_utf8_lossy(node.raw()).into_owned(), leaf);
        }
    }
}

/// Whether a member stays unless it is itself named (DESIGN section 5), said again here.
fn stays(owner: Option<TypeId>, name: &str, kind: Option<TypeId>) -> bool {
    let of_reference = owner == type_named("Reference") && matches!(name, "display" | "identifier");
    let is_resource = kind.is_some_and(|kind| matches!(kind.kind(), TypeKind::Resource | TypeKind::Abstract));
    let by_type = kind.is_some_and(|kind| matches!(kind.name(), "Annotation" | "Attachment" | "Extension"));
    let is_key = name == "id" && owner.is_some_and(|owner| owner.kind() != TypeKind::Resource);
    of_reference || by_type || is_resource || is_key || name.starts_with('_')
}

#[derive(Debug, Default)]
struct Tree {
    leaves: Vec<Leaf>,
    inside: BTreeMap<String, Tree>,
}

impl Tree {
    fn insert(&mut self, path: &[String], leaf: Leaf) {
        match path.split_first() {
            None => self.leaves.push(leaf),
            Some((step, rest)) => self.inside.entry(step.clone()).or_default().insert(rest, leaf),
        }
    }

    fn all(&self) -> Vec<Leaf> {
        let inside = self.inside.values().flat_map(Self::all);
        self.leaves.iter().copied().chain(inside).collect()
    }

    /// What left of the member `name`: `name.*` is all of it but what stays unless named.
    fn tell(&self, name: &str) -> Option<String> {
        let all = self.all();
        let has = |wanted: Leaf| all.contains(&wanted);
        let (by_name, ours) = (has(Leaf::LeftByName), has(Leaf::Ours));
        match (has(Leaf::Left) || by_name, ours) {
            (false, false) => return None,
            (false, true) if name == "meta" => return Some("meta: marks".to_owned()),
            (false, true) => return Some(format!("{}: masked", name.trim_start_matches('_'))),
            (true, _) => {}
        }
        if self.inside.is_empty() {
            return Some(name.to_owned());
        }
        if !by_name && !ours && !has(Leaf::Stayed) {
            return Some(format!("{name}.*"));
        }
        let told: Vec<String> = self.inside.iter().filter_map(|(name, inside)| inside.tell(name)).collect();
        Some(match told.as_slice() {
            [one] => format!("{name}.{one}"),
            many => format!("{name}.{{{}}}", many.join(", ")),
        })
    }
}
