//! A mask, compiled for the walk: for every type on the way, what to do with each JSON name.

use std::collections::HashMap;

use fhir::json::{Key, Kind};
use fhir::tables::{Element, ElementId, TypeId, TypeKind, element_named, type_named};

use super::access::{Access, Identifiers, Mode, Weight, access, identifiers, is_companion};
use super::attachment;
use super::items::ItemsPlan;
use super::mask::{Again, Named, Systems};
use super::masked;
use super::reference::WhenHidden;

/// The plans of one mask; the first is that of the resource itself.
#[derive(Debug, Default)]
pub(super) struct Plans {
    /// How the resource begins.
    pub(super) opening: Vec<u8>,
    nodes: Vec<Plan>,
    /// What is shared of `meta`; nothing when nothing of it is named.
    pub(super) meta: Option<MetaPlan>,
    /// `meta` itself, for counting.
    pub(super) meta_element: Option<ElementId>,
    pub(super) contained: Contained,
}

/// Whether contained resources are shared, each by the mask of its own type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Contained {
    /// They are removed.
    #[default]
    Removed,
    /// They are named.
    Shared,
}

/// What is shared of `meta`.
#[derive(Debug)]
pub(super) struct MetaPlan {
    pub(super) members: PlanId,
    pub(super) security: Option<PlanId>,
    pub(super) tag: Option<PlanId>,
}

/// The place of a plan.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct PlanId(u32);

/// What to do with the members of an object of one type.
#[derive(Debug, Default)]
pub(super) struct Plan {
    entries: Vec<Entry>,
    /// The entries by the hash of their name; no two share a place.
    places: Vec<Place>,
    seed: u64,
    pub(super) required: Vec<Required>,
}

/// A name as words, and the number of its entry.
#[derive(Debug, Clone, Copy, Default)]
struct Place {
    words: (u64, u64),
    length: u32,
    entry: u32,
}

/// What to do with one member.
#[derive(Debug)]
pub(super) struct Entry {
    /// The JSON name in quotes.
    quoted: Box<[u8]>,
    pub(super) action: Action,
    pub(super) is_array: bool,
    pub(super) weight: Weight,
    /// The bit of its element among the required ones, or none.
    pub(super) bit: u64,
    pub(super) element: ElementId,
}

/// A required element: its bit, and what is written when it did not come out.
#[derive(Debug)]
pub(super) struct Required {
    pub(super) bit: u64,
    pub(super) masked: Vec<u8>,
}

#[derive(Debug)]
pub(super) enum Action {
    /// Left out.
    Drop,
    /// Written elsewhere, or always anew.
    Skip,
    /// Withholds the resource.
    Never,
    /// Withholds the resource: a modifier that is kept back.
    Withheld,
    /// A scalar of this kind, or an array of them.
    Scalar(Kind),
    /// `Reference.reference`.
    Address,
    /// `Bundle.entry.fullUrl`.
    FullUrl,
    /// An array of scalars whose siblings are shared too: their plan and name.
    Aligned(Kind, PlanId, Box<str>),
    /// The `_name` sibling of a scalar.
    Sibling(PlanId),
    /// The `_name` sibling of an array of scalars, and what becomes of the scalars.
    SiblingArray(PlanId, Values),
    Object(PlanId),
    Reference {
        /// How it is written when it is named.
        named: Option<PlanId>,
        /// How it is written when it ties the resource to a permitted person.
        tied: Option<PlanId>,
        /// What becomes of its holder when what it points at is hidden.
        hidden: WhenHidden,
    },
    Identifier(Box<IdentifierPlan>),
    /// Items of a list that are told apart by their keys.
    Items(Box<ItemsPlan>),
    /// The address of an attachment.
    Link,
    /// The content of an attachment or a Binary, in base64.
    Content,
    /// A scalar of this kind that tells what the content of the attachment is.
    Digest(Kind),
    /// Extensions, all or by url.
    Extensions(PlanId, Box<Urls>),
    /// A nested resource.
    Resource(Nested),
}

/// Which Identifiers are written, and how.
#[derive(Debug)]
pub(super) struct IdentifierPlan {
    /// How an NHS number is written.
    pub(super) nhs_number: Option<PlanId>,
    /// How one of the named systems is written.
    pub(super) named: PlanId,
    pub(super) systems: Vec<String>,
}

/// The scalars beside a `_name` sibling.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Values {
    /// They have this name, are shared, and are written together with the siblings.
    Shared(Box<str>),
    /// They are left out.
    Dropped,
}

#[derive(Debug)]
pub(super) enum Urls {
    All,
    These(Vec<String>),
}

/// What becomes of the holder when a nested resource is not shared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Nested {
    /// It is withheld if the nested resource is unsafe: a contained resource is a part of it.
    Contained,
    /// The item of the list that holds it goes: an entry of a Bundle.
    Entry,
}

impl Plans {
    pub(super) fn root(&self) -> &Plan {
        self.plan(PlanId(0))
    }

    pub(super) fn plan(&self, id: PlanId) -> &Plan {
        static NOTHING: Plan =
            Plan { entries: Vec::new(), places: Vec::new(), seed: 0, required: Vec::new() };
        self.nodes.get(id.0 as usize).unwrap_or(&NOTHING)
    }
}

impl Plan {
    /// What to do with the member called `key`; nothing for a name that the type does not know.
    #[inline]
    pub(super) fn entry(&self, key: Key<'_>) -> Option<&Entry> {
        if key.is_escaped() { self.find(&key.bytes()) } else { self.find(key.raw()) }
    }

    #[inline]
    fn find(&self, name: &[u8]) -> Option<&Entry> {
        let words = words(name);
        let place =
            self.places.get(hash(words, name.len(), self.seed) & self.places.len().wrapping_sub(1))?;
        if (place.words, place.length as usize) != (words, name.len()) {
            return None;
        }
        let entry = self.entries.get(place.entry as usize)?;
        (name.len() <= WORDS || entry.name() == name).then_some(entry)
    }

    /// Gives every name a place of its own.
    fn settle(&mut self) {
        let mut size = (self.entries.len() * 2).next_power_of_two().max(8);
        let mut seed = 0x9E37_79B9_7F4A_7C15_u64;
        loop {
            for _ in 0..64 {
                if let Some(places) = self.places(seed, size) {
                    (self.places, self.seed) = (places, seed);
                    return;
                }
                seed = seed.wrapping_mul(0xD134_2543_DE82_EF95).wrapping_add(0x632B_E59B_D9B4_E019) | 1;
            }
            size *= 2;
        }
    }

    fn places(&self, seed: u64, size: usize) -> Option<Vec<Place>> {
        let mut places = vec![Place::default(); size];
        for (number, entry) in (0..).zip(&self.entries) {
            let name = entry.name();
            let words = words(name);
            let place = places.get_mut(hash(words, name.len(), seed) & (size - 1))?;
            if place.length != 0 {
                return None;
            }
            *place = Place { words, length: u32::try_from(name.len()).ok()?, entry: number };
        }
        Some(places)
    }
}

impl Entry {
    #[inline]
    pub(super) fn quoted(&self) -> &[u8] {
        &self.quoted
    }

    #[inline]
    fn name(&self) -> &[u8] {
        self.quoted.get(1..self.quoted.len() - 1).unwrap_or_default()
    }
}

/// Names up to this length are told apart by their words and length.
const WORDS: usize = 16;

/// The first and the last bytes of a name.
#[inline]
fn words(name: &[u8]) -> (u64, u64) {
    if let (Some(first), Some(last)) = (name.first_chunk::<8>(), name.last_chunk::<8>()) {
        return (u64::from_le_bytes(*first), u64::from_le_bytes(*last));
    }
    if let (Some(first), Some(last)) = (name.first_chunk::<4>(), name.last_chunk::<4>()) {
        return (u64::from(u32::from_le_bytes(*first)), u64::from(u32::from_le_bytes(*last)));
    }
    (name.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)), 0)
}

#[inline]
fn hash((first, last): (u64, u64), length: usize, seed: u64) -> usize {
    let mixed = (first ^ last.rotate_left(27) ^ length as u64).wrapping_mul(seed);
    (mixed >> 40) as usize
}

/// Compiles the paths of a mask.
pub(super) struct Compiler {
    owner: TypeId,
    nodes: Vec<Plan>,
    /// Plans of types about whose children nothing is said.
    plain: HashMap<(TypeId, Mode), PlanId>,
    /// How the items of the list that is being compiled are told apart, for those inside of them.
    pub(super) again: Option<ItemsPlan>,
}

impl Compiler {
    pub(super) fn new(owner: TypeId) -> Self {
        Self { owner, nodes: Vec::new(), plain: HashMap::new(), again: None }
    }

    pub(super) fn compile(mut self, named: &Named) -> Plans {
        self.plan(self.owner, named, Mode::Part);
        let meta = match (type_named("Meta"), named.children.get("meta")) {
            (Some(owner), Some(said)) => Some(self.meta(owner, said)),
            _ => None,
        };
        let meta_element = element_named(self.owner, "meta").map(|element| element.id());
        let shares_contained = named.children.get("contained").is_some_and(|said| said.whole);
        let contained = if shares_contained { Contained::Shared } else { Contained::Removed };
        let opening = format!("{{\"resourceType\":\"{}\"", self.owner).into_bytes();
        Plans { opening, nodes: self.nodes, meta, meta_element, contained }
    }

    /// The plan of `meta`: what the gateway writes itself is taken out of it.
    fn meta(&mut self, owner: TypeId, said: &Named) -> MetaPlan {
        let mode = if said.whole { Mode::Whole } else { Mode::Part };
        self.plain.clear();
        let members = self.plan(owner, said, mode);
        self.plain.clear();
        let mut meta = MetaPlan { members, security: None, tag: None };
        let entries = self
            .nodes
            .get_mut(members.0 as usize)
            .map(|plan| plan.entries.as_mut_slice())
            .unwrap_or_default();
        for entry in entries {
            let list = match entry.name() {
                b"security" => Some(&mut meta.security),
                b"tag" => Some(&mut meta.tag),
                _ => None,
            };
            if let (Some(list), Action::Object(plan)) = (list, &entry.action) {
                *list = Some(*plan);
                entry.action = Action::Skip;
            } else if entry.name() == b"versionId" {
                entry.action = Action::Skip;
            }
        }
        meta
    }

    /// The place of the plan that is compiled next, if something is said in it.
    pub(super) const fn next(&self) -> PlanId {
        PlanId(self.nodes.len() as u32)
    }

    /// The plan for objects of `owner`, about whose children `named` speaks.
    pub(super) fn plan(&mut self, owner: TypeId, named: &Named, mode: Mode) -> PlanId {
        let is_plain = !named.says_more();
        if let (true, Some(id)) = (is_plain, self.plain.get(&(owner, mode))) {
            return *id;
        }
        let id = PlanId(self.nodes.len() as u32);
        self.nodes.push(Plan::default());
        if is_plain {
            self.plain.insert((owner, mode), id);
        }
        let mut plan = Plan::default();
        let mut bits: HashMap<ElementId, u64> = HashMap::new();
        for element in owner.elements().filter(|element| element.min() > 0) {
            let bit = 1_u64 << (bits.len() as u32 & 63);
            bits.insert(element.id(), bit);
            if let Some(masked) = masked::member(&element) {
                plan.required.push(Required { bit, masked });
            }
        }
        let nothing = Named::default();
        for (key, element) in owner.keys() {
            let Some(found) = element.only_type() else { continue };
            let said = named.children.get(element.name()).unwrap_or(&nothing).called(key);
            let said = &*said;
            let access = access(owner, &element, found, said, mode);
            let weight = match access {
                _ if is_companion(owner, key) => Weight::Companion,
                Access::Whole(weight) => weight,
                Access::No | Access::Never | Access::Withheld | Access::Part => Weight::Content,
            };
            let bit = bits.get(&element.id()).copied().unwrap_or_default();
            let mut add = |key: String, action| {
                let quoted = format!("\"{key}\"").into_bytes().into_boxed_slice();
                let is_array = element.is_array();
                plan.entries.push(Entry { quoted, action, is_array, weight, bit, element: element.id() });
            };
            if found.kind().is_primitive() {
                let (value, sibling) = self.primitive(owner, &element, key, said, access);
                add(key.to_owned(), value);
                add(format!("_{key}"), sibling);
            } else {
                let action = self.complex(&element, found, named, said, (access, mode));
                add(key.to_owned(), action);
            }
        }
        attachment::drop_digests(&mut plan.entries);
        plan.settle();
        if let Some(node) = self.nodes.get_mut(id.0 as usize) {
            *node = plan;
        }
        id
    }

    /// What to do with a scalar and with its sibling.
    fn primitive(
        &mut self,
        owner: TypeId,
        element: &Element,
        key: &str,
        said: &Named,
        access: Access,
    ) -> (Action, Action) {
        let kind = match element.only_type().map(TypeId::kind) {
            Some(TypeKind::Number) => Kind::Number,
            Some(TypeKind::Boolean) => Kind::Boolean,
            _ => Kind::String,
        };
        let sibling = match (access, element.only_type()) {
            (Access::Part | Access::Whole(_), Some(found)) if said.says_more() => {
                Some(self.plan(found, said, Mode::Part))
            }
            _ => None,
        };
        let is_id = owner == self.owner && key == "id";
        let value = match access {
            Access::Never => return (Action::Never, Action::Never),
            Access::Withheld => return (Action::Withheld, Action::Withheld),
            Access::Whole(_) | Access::No | Access::Part if is_id => Action::Skip,
            Access::No | Access::Part => Action::Drop,
            Access::Whole(_) => match (owner.name(), key, sibling) {
                ("Reference", "reference", _) => Action::Address,
                ("Bundle.entry", "fullUrl", _) => Action::FullUrl,
                ("Attachment", "url", _) => Action::Link,
                ("Attachment" | "Binary", "data", _) => Action::Content,
                ("Attachment", "hash" | "size", _) => Action::Digest(kind),
                (_, _, Some(plan)) if element.is_array() => {
                    Action::Aligned(kind, plan, format!("_{key}").into())
                }
                _ => Action::Scalar(kind),
            },
        };
        let beside = match sibling {
            None => Action::Drop,
            Some(plan) if element.is_array() => {
                let is_shared = matches!(value, Action::Aligned(..));
                let values = if is_shared { Values::Shared(key.into()) } else { Values::Dropped };
                Action::SiblingArray(plan, values)
            }
            Some(plan) => Action::Sibling(plan),
        };
        (value, beside)
    }

    /// What to do with an object.
    fn complex(
        &mut self,
        element: &Element,
        found: TypeId,
        named: &Named,
        said: &Named,
        (access, mode): (Access, Mode),
    ) -> Action {
        let is_extension = element.name() == "extension" && found.name() == "Extension";
        if is_extension && mode != Mode::Extension {
            if named.extensions.is_empty() {
                return Action::Drop;
            }
            let plan = self.plan(found, &Named::default(), Mode::Extension);
            return Action::Extensions(plan, Box::new(Urls::These(named.extensions.clone())));
        }
        let inside = match access {
            Access::Never => return Action::Never,
            Access::Withheld => return Action::Withheld,
            Access::No => return Action::Drop,
            Access::Part => Mode::Part,
            Access::Whole(_) => Mode::Whole,
        };
        let is_root_meta = element.owner() == self.owner && element.name() == "meta";
        match (found.name(), found.kind()) {
            ("Meta", _) if is_root_meta => Action::Skip,
            ("Extension", _) => {
                Action::Extensions(self.plan(found, said, Mode::Extension), Box::new(Urls::All))
            }
            ("Reference", _) => {
                let is_named = inside == Mode::Whole || said.says_more();
                let named = is_named.then(|| self.plan(found, said, inside));
                let tied = said.tie.then(|| named.unwrap_or_else(|| self.plan(found, said, Mode::Part)));
                Action::Reference { named, tied, hidden: WhenHidden::of(element) }
            }
            ("Identifier", _) => self.identifier(element, found, said, (inside, mode)),
            (_, TypeKind::Abstract | TypeKind::Resource) => match (inside, element.name()) {
                (Mode::Part, _) => Action::Drop,
                (Mode::Whole | Mode::Extension, "contained") => Action::Resource(Nested::Contained),
                (Mode::Whole | Mode::Extension, _) => Action::Resource(Nested::Entry),
            },
            _ if inside == Mode::Part && (said.again == Again::Yes || !said.keys.is_empty()) => {
                self.items(found, said)
            }
            _ if inside == Mode::Part && !said.says_more() => Action::Drop,
            _ => Action::Object(self.plan(found, said, inside)),
        }
    }

    fn identifier(
        &mut self,
        element: &Element,
        found: TypeId,
        said: &Named,
        (inside, mode): (Mode, Mode),
    ) -> Action {
        let systems = match (&said.systems, identifiers(element, said, mode)) {
            (Systems::Any, _) | (_, Identifiers::All) => {
                return Action::Object(self.plan(found, said, inside));
            }
            (Systems::These(systems), Identifiers::BySystem) => systems.clone(),
        };
        let says_children = !said.children.is_empty() || !said.extensions.is_empty();
        let nhs_number = (inside == Mode::Whole || says_children).then(|| self.plan(found, said, inside));
        let named = self.plan(found, said, Mode::Whole);
        Action::Identifier(Box::new(IdentifierPlan { nhs_number, named, systems }))
    }
}
