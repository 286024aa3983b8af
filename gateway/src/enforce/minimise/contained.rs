//! Contained resources: each leaves only where something that has come out leads to it.
//!
//! They are written last, when it is known what the resource itself shows. One to which nothing shown refers would tell
//! what is hidden, and would not be valid either (FHIR dom-3).

use std::collections::{BTreeSet, HashMap};

use bytes::Bytes;
use fhir::json::{Key, Kind, Limits, Node, parse};
use fhir::tables::{self, TypeId, resource_type};

use super::plan::{Entry, Nested};
use super::walk::{Came, Stop, Walker, wrong_kind};
use super::{Unsafe, type_of};

/// Bounds of what is read again: those of what may come in.
const LIMITS: Limits =
    Limits { bytes_max: 1 << 30, members_max: 10_000, values_max: 8_000_000, depth_max: 128 };

/// The contained resources of a resource, until the rest of it has been written.
pub(super) struct Waiting<'w, 'd> {
    pub(super) entry: &'w Entry,
    pub(super) key: Key<'d>,
    pub(super) list: Node<'d>,
}

/// What became of a contained resource.
enum Becomes {
    /// Nothing that was shown so far leads to it.
    NotAsked,
    /// It may not be seen.
    LeftOut,
    Written(Vec<u8>),
}

impl<'w, 'd> Walker<'_, 'w, 'd> {
    /// Writes those of `waiting` to which the resource that began at `start` leads, as far as it has been written, and
    /// those to which these lead.
    pub(super) fn write_contained(&mut self, waiting: &Waiting<'w, 'd>, start: usize) -> Result<(), Stop> {
        let Waiting { entry, key, list } = waiting;
        if list.kind() != Kind::Array {
            return Err(wrong_kind(entry));
        }
        let mut asked = BTreeSet::new();
        let mut so_far = self.out.buffer().get(start..).unwrap_or_default().to_vec();
        so_far.push(b'}');
        self.fragments(so_far, &mut asked)?;
        let items: Vec<(Node<'d>, bool)> = first_of_each_name(*list);
        let mut became: Vec<Becomes> = items.iter().map(|_| Becomes::NotAsked).collect();
        let names: HashMap<String, usize> = items
            .iter()
            .enumerate()
            .filter(|(_, (_, is_first))| *is_first)
            .filter_map(|(index, (item, _))| Some((item.member("id")?.string()?.into_owned(), index)))
            .collect();
        // Each is tried once, when something that was written leads to it.
        let mut waiting: Vec<String> = asked.iter().cloned().collect();
        while let Some(name) = waiting.pop() {
            let Some(index) = names.get(&name) else { continue };
            let (Some((item, _)), Some(becomes)) = (items.get(*index), became.get_mut(*index)) else {
                continue;
            };
            *becomes = Becomes::LeftOut;
            if let Some(bytes) = self.aside(entry, *item)? {
                let mut further = BTreeSet::new();
                self.fragments(bytes.clone(), &mut further)?;
                *becomes = Becomes::Written(bytes);
                waiting.extend(further.into_iter().filter(|name| asked.insert(name.clone())));
            }
        }
        let before = self.out.mark();
        self.name(entry, *key, *list);
        self.out.text(b"[");
        let first = self.out.mark();
        for ((item, _), becomes) in items.iter().zip(became) {
            match becomes {
                Becomes::Written(bytes) => {
                    self.out.separate_text();
                    self.out.text(&bytes);
                }
                Becomes::NotAsked => {
                    self.refuse_unknown_modifier(*item)?;
                    self.withheld.resource();
                }
                // Counted where it was tried.
                Becomes::LeftOut => {}
            }
        }
        if self.out.is_at(first) {
            self.out.back(before);
        } else {
            self.out.text(b"]");
        }
        Ok(())
    }

    /// A contained resource as it comes out, if it does.
    fn aside(&mut self, entry: &Entry, item: Node<'d>) -> Result<Option<Vec<u8>>, Stop> {
        let from = self.out.buffer().len();
        let before = self.out.mark();
        let came = self.nested(entry, Nested::Contained, item)?;
        let written = self.out.buffer().get(from..).unwrap_or_default().to_vec();
        self.out.back(before);
        Ok((came == Came::Written).then_some(written))
    }

    /// Adds the names to which the references in `written`, a resource, lead inside of their container.
    fn fragments(&self, written: Vec<u8>, found: &mut BTreeSet<String>) -> Result<(), Stop> {
        let opaque = |owner: TypeId| Stop::from(Unsafe::Opaque(owner));
        let document = parse(Bytes::from(written), &LIMITS).map_err(|_| opaque(self.owner))?;
        let owner = type_of(document.root())?;
        look(owner, document.root(), found);
        Ok(())
    }
}

/// The contained resources, and whether each is the first that bears its name: a reference leads to that one alone.
fn first_of_each_name(list: Node<'_>) -> Vec<(Node<'_>, bool)> {
    let mut names = BTreeSet::new();
    let mut is_first = |item: Node<'_>| {
        let name = item.member("id").and_then(Node::string);
        name.is_some_and(|name| names.insert(name.into_owned()))
    };
    list.items().map(|item| (item, is_first(item))).collect()
}

/// Collects the fragments that references and canonical addresses in `node`, an object of type `owner`, name.
fn look(owner: TypeId, node: Node<'_>, found: &mut BTreeSet<String>) {
    for (key, value) in node.members() {
        let key = key.text();
        let name = key.strip_prefix('_').unwrap_or(&key);
        let Some(inside) = tables::element(owner, name).and_then(|element| element.only_type()) else {
            continue;
        };
        let leads = (owner.name(), name) == ("Reference", "reference") || inside.name() == "canonical";
        let items: Vec<Node<'_>> =
            if value.kind() == Kind::Array { value.items().collect() } else { vec![value] };
        for item in items {
            match item.kind() {
                Kind::Object => {
                    let nested = item.str_at(&["resourceType"]).and_then(|name| resource_type(&name));
                    look(nested.unwrap_or(inside), item, found);
                }
                Kind::String if leads => {
                    let text = item.string().unwrap_or_default();
                    found.extend(text.strip_prefix('#').map(str::to_owned));
                }
                Kind::String | Kind::Array | Kind::Number | Kind::Boolean | Kind::Null => {}
            }
        }
    }
}
