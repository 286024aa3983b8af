//! Compiles a mask for the walk: for every type on the way, what to do with each JSON name.

use std::collections::HashMap;

use fhir::json::Kind;
use fhir::tables::{Element, ElementId, TypeId, TypeKind, element_named, resource_type, type_named};

use super::access::{Access, Identifiers, Mode, Weight, access, identifiers, is_companion};
use super::attachment;
use super::items::ItemsPlan;
use super::mask::{Again, Named, Systems};
use super::masked;
use super::plan::{
    Action, Contained, Entry, IdentifierPlan, MetaPlan, Nested, Plan, PlanId, Plans, Required, Urls, Values,
};
use super::reference::WhenHidden;
use crate::decision::shield;

/// Whose resources a mask is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Telling {
    /// Of people of whom everything that is named may be told.
    All,
    /// Of people whose whereabouts are protected: no words that could tell them, and no former names.
    NotWhereabouts,
}

/// Compiles the paths of a mask.
pub(super) struct Compiler {
    owner: TypeId,
    nodes: Vec<Plan>,
    /// Plans of types about whose children nothing is said.
    plain: HashMap<(TypeId, Mode), PlanId>,
    /// How the items of the list that is being compiled are told apart, for those inside of them.
    pub(super) again: Option<ItemsPlan>,
    telling: Telling,
}

impl Compiler {
    pub(super) fn new(owner: TypeId, telling: Telling) -> Self {
        Self { owner, nodes: Vec::new(), plain: HashMap::new(), again: None, telling }
    }

    pub(super) fn compile(mut self, named: &Named) -> Plans {
        self.plan(self.owner, named, Mode::Part);
        let meta = match (type_named("Meta"), named.children.get("meta")) {
            (Some(owner), Some(said)) => Some(self.meta(owner, said)),
            _ => None,
        };
        let meta_element = element_named(self.owner, "meta").map(|element| element.id());
        let contained = match named.children.get("contained") {
            Some(said) if said.whole => Contained::Shared,
            Some(said) if !said.keys.is_empty() => {
                Contained::These(said.keys.iter().filter_map(|name| resource_type(name)).collect())
            }
            Some(_) | None => Contained::Removed,
        };
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

    /// A place for a plan that is compiled later, because others refer to it.
    pub(super) fn reserve(&mut self) -> PlanId {
        let id = PlanId(self.nodes.len() as u32);
        self.nodes.push(Plan::default());
        id
    }

    /// The plan for objects of `owner`, about whose children `named` speaks.
    pub(super) fn plan(&mut self, owner: TypeId, named: &Named, mode: Mode) -> PlanId {
        let is_plain = !named.says_more();
        if let (true, Some(id)) = (is_plain, self.plain.get(&(owner, mode))) {
            return *id;
        }
        let id = self.reserve();
        if is_plain {
            self.plain.insert((owner, mode), id);
        }
        self.fill(id, owner, named, mode);
        id
    }

    /// Compiles the plan that stands at `id`.
    pub(super) fn fill(&mut self, id: PlanId, owner: TypeId, named: &Named, mode: Mode) {
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
            let access = match access(owner, &element, found, said, mode) {
                Access::Part | Access::Whole(_) if self.hides(owner, &element, key) => Access::No,
                access
                @ (Access::No | Access::Never | Access::Withheld | Access::Part | Access::Whole(_)) => access,
            };
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
    }

    /// Whether the element is left out whatever is named: words in which the whereabouts of a protected person could
    /// stand, and numbers that count hidden members.
    fn hides(&self, owner: TypeId, element: &Element, key: &str) -> bool {
        let counts = (owner.name(), element.name()) == shield::COUNTS_MEMBERS;
        counts || self.telling == Telling::NotWhereabouts && shield::is_wordy(owner, key)
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
                ("Attachment", "hash" | "size", _) => Action::Digest(kind),
                _ if element.only_type().is_some_and(|found| found.name() == "base64Binary") => {
                    Action::Content
                }
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
                (Mode::Part, "contained") if !said.keys.is_empty() => Action::Resource(Nested::Contained),
                (Mode::Part, _) => Action::Drop,
                (Mode::Whole | Mode::Extension, "contained") => Action::Resource(Nested::Contained),
                (Mode::Whole | Mode::Extension, _) => Action::Resource(Nested::Entry),
            },
            _ if said.again == Again::Yes || (inside == Mode::Part && !said.keys.is_empty()) => {
                self.items(found, said)
            }
            _ if inside == Mode::Part && !said.says_more() => Action::Drop,
            ("HumanName", _) if self.telling == Telling::NotWhereabouts => {
                Action::Name(self.plan(found, said, inside))
            }
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
