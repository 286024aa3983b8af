//! The walk: one pass over a resource that writes what its plan permits.

use std::sync::LazyLock;

use fhir::json::{Key, Kind, Node};
use fhir::tables::{ElementId, TypeId, resource_type};

use super::access::Weight;
use super::contained::Waiting;
use super::identity::{identifier_plan, is_former};
use super::mask::{NEVER_SHARED, TypeMask};
use super::output::Output;
use super::plan::{Action, Contained, Entry, Nested, Plan, PlanId, Plans, Urls, Values};
use super::reference::Fragments;
use super::{Unsafe, Version, View, Withheld, Written, type_of};

/// Why the walk stops; boxed, because a small result is a fast one.
pub(super) type Stop = Box<Unsafe>;

/// What became of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Came {
    /// Nothing of it was written; the caller takes back what it wrote before it.
    Nothing,
    /// It was written.
    Written,
    /// The innermost item of a list that holds it must go, because of this element.
    Strip(ElementId),
}

/// Whether a resource stands by itself or inside another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stands {
    Alone,
    Contained,
}

pub(super) struct Walker<'v, 'w, 'd> {
    pub(super) view: &'w View<'v>,
    pub(super) plans: &'w Plans,
    pub(super) owner: TypeId,
    /// The resource that may hold contained ones, and whether those are shared.
    pub(super) container: Node<'d>,
    pub(super) contained: &'w Contained,
    /// The names by which references lead inside of it.
    pub(super) fragments: Fragments<'d>,
    /// Contained resources, which are written last.
    waiting: Option<Waiting<'w, 'd>>,
    /// The media type that is stated of the content being written.
    pub(super) stated: Option<Node<'d>>,
    /// How the address of the Reference being written is written.
    pub(super) address: Written,
    /// Where the content is that was looked into last, and what became of it.
    pub(super) content: Option<(usize, Option<Written>)>,
    /// Whether what is written stands inside an extension.
    pub(super) in_extension: bool,
    /// Where the first entry's resource of a document or message is, until it has been written.
    head: Option<usize>,
    pub(super) withheld: &'w mut Withheld,
    pub(super) out: &'w mut Output<'d>,
}

/// Writes a resource that stands by itself.
pub(super) fn outermost(
    node: Node<'_>,
    view: &View<'_>,
    withheld: &mut Withheld,
    out: &mut Vec<u8>,
) -> Result<(), Unsafe> {
    static FRAME: LazyLock<Option<TypeMask>> =
        LazyLock::new(|| resource_type("Bundle").map(TypeMask::bundle_frame));
    let owner = type_of(node)?;
    let frame = FRAME.as_ref().filter(|frame| frame.owner == owner);
    let mask = (view.mask)(owner, node).or(frame).filter(|mask| mask.owner == owner);
    let mask = mask.ok_or(Unsafe::NotShared(owner))?;
    let mut output = Output::new(std::mem::take(out), node.source());
    let mut walker = Walker {
        view,
        plans: &mask.plans,
        owner,
        container: node,
        contained: &mask.plans.contained,
        fragments: Fragments::default(),
        waiting: None,
        stated: None,
        address: Written::AsItStands,
        content: None,
        in_extension: false,
        head: head(owner, node),
        withheld,
        out: &mut output,
    };
    let result = walker.resource(node, Stands::Alone);
    let is_headless = walker.head.is_some();
    *out = output.into_buffer();
    result.map_err(|stop| *stop)?;
    if is_headless { Err(Unsafe::Headless) } else { Ok(()) }
}

/// Where the resource is without which a document or message is none.
fn head(owner: TypeId, node: Node<'_>) -> Option<usize> {
    if owner.name() != "Bundle" {
        return None;
    }
    let kind = node.member("type")?;
    if !kind.is_string("document") && !kind.is_string("message") {
        return None;
    }
    let first = node.member("entry").and_then(|entries| entries.items().next());
    Some(first.and_then(|entry| entry.member("resource")).map_or(0, Node::offset))
}

impl<'v, 'w, 'd> Walker<'v, 'w, 'd> {
    fn resource(&mut self, node: Node<'d>, stands: Stands) -> Result<(), Stop> {
        let start = self.out.buffer().len();
        self.out.text(&self.plans.opening);
        if let Some(id) = node.member("id") {
            if id.kind() != Kind::String {
                return Err(Unsafe::WrongKind("Resource.id".into()).into());
            }
            self.out.text(b",\"id\":");
            self.as_it_stands(id);
        }
        let meta = node.member("meta");
        let version = match stands {
            Stands::Alone => self.meta(meta)?,
            Stands::Contained => {
                meta.map_or(Ok(()), |meta| self.refuse_unknown_modifier(meta))?;
                None
            }
        };
        let seen = match self.members(self.plans.root(), node)? {
            Inside::Members(_, seen) => seen,
            Inside::Strip(element) => return Err(Unsafe::Stranger(element.path().into()).into()),
        };
        match (self.waiting.take(), stands) {
            (None, _) => {}
            (Some(waiting), Stands::Alone) => self.write_contained(&waiting, start)?,
            // Nothing that is contained contains anything itself (FHIR dom-2).
            (Some(waiting), Stands::Contained) => {
                self.refuse_unknown_modifier(waiting.list)?;
                self.withheld.resource();
            }
        }
        self.mask(self.plans.root(), seen);
        self.out.bracket(b'}', node.end() - 1);
        match (version, self.view.version) {
            (Some(at), Some(Version::Now(digest))) => {
                let digest = digest(self.out.buffer().get(start..).unwrap_or_default());
                self.write_version(at, digest);
            }
            (Some(at), Some(Version::Later(place))) => place.set(Some(at - start)),
            (None, _) | (_, None) => {}
        }
        Ok(())
    }

    /// Writes the object `node`; nothing if it holds no content.
    pub(super) fn object(&mut self, plan: PlanId, node: Node<'d>) -> Result<Came, Stop> {
        let start = self.out.mark();
        self.out.bracket(b'{', node.offset());
        let plan = self.plans.plan(plan);
        match self.members(plan, node)? {
            Inside::Strip(element) => {
                self.out.back(start);
                Ok(Came::Strip(element))
            }
            Inside::Members(Weight::Companion, _) => {
                self.out.back(start);
                Ok(Came::Nothing)
            }
            Inside::Members(Weight::Content, seen) => {
                self.mask(plan, seen);
                self.out.bracket(b'}', node.end() - 1);
                Ok(Came::Written)
            }
        }
    }

    /// Writes the members of `node` that `plan` permits.
    pub(super) fn members(&mut self, plan: &'w Plan, node: Node<'d>) -> Result<Inside, Stop> {
        if node.kind() != Kind::Object {
            return Err(Unsafe::WrongKind(self.owner.name().into()).into());
        }
        let mut weight = Weight::Companion;
        let mut seen = 0;
        for (key, value) in node.members() {
            let Some(entry) = plan.entry(key) else {
                self.unknown(key, value)?;
                continue;
            };
            match self.member(entry, key, value, node)? {
                Came::Nothing => {}
                Came::Written => {
                    seen |= entry.bit;
                    if entry.weight == Weight::Content {
                        weight = Weight::Content;
                    }
                }
                Came::Strip(element) => return Ok(Inside::Strip(element)),
            }
        }
        Ok(Inside::Members(weight, seen))
    }

    fn unknown(&mut self, key: Key<'d>, value: Node<'d>) -> Result<(), Stop> {
        if NEVER_SHARED.iter().any(|name| key.is(name)) {
            return Err(Unsafe::UnknownModifier(self.owner).into());
        }
        if !key.is("resourceType") {
            self.withheld.unknown_member();
        }
        self.refuse_unknown_modifier(value)
    }

    /// As [`Walker::refuse_unknown_modifier`], for a contained resource; an entry is judged by itself.
    fn refuse_unknown_modifier_of(&self, nested: Nested, node: Node<'d>) -> Result<(), Stop> {
        match nested {
            Nested::Contained => self.refuse_unknown_modifier(node),
            Nested::Entry => Ok(()),
        }
    }

    /// Refuses to leave out a value that may change the meaning of the resource.
    #[inline]
    pub(super) fn refuse_unknown_modifier(&self, value: Node<'d>) -> Result<(), Stop> {
        if value.has_name_within(&NEVER_SHARED) {
            Err(Unsafe::UnknownModifier(self.owner).into())
        } else {
            Ok(())
        }
    }

    #[inline]
    fn member(
        &mut self,
        entry: &'w Entry,
        key: Key<'d>,
        value: Node<'d>,
        holder: Node<'d>,
    ) -> Result<Came, Stop> {
        match &entry.action {
            Action::Scalar(kind) if !entry.is_array => {
                if value.kind() != *kind {
                    return Err(wrong_kind(entry));
                }
                if key.is_tight(value) {
                    self.out.member(key.offset(), value.end());
                } else {
                    self.name(entry, key, value);
                    self.as_it_stands(value);
                }
                Ok(Came::Written)
            }
            Action::Drop => {
                self.withheld.element(entry.element);
                self.refuse_unknown_modifier(value)?;
                Ok(Came::Nothing)
            }
            Action::Skip => Ok(Came::Nothing),
            Action::Never => Err(Unsafe::UnknownModifier(self.owner).into()),
            Action::Withheld => Err(Unsafe::WithheldModifier(entry.element.path().into()).into()),
            Action::Aligned(kind, plan, sibling) => {
                self.aligned((entry, key), (*kind, value), (*plan, holder.member(sibling)), sibling)
            }
            Action::SiblingArray(plan, values) => match values {
                Values::Shared(name) if holder.member(name).is_some() => Ok(Came::Nothing),
                Values::Shared(_) | Values::Dropped => self.siblings_alone(entry, *plan, value),
            },
            Action::Sibling(_) => self.single(entry, key, value),
            Action::Digest(kind) => self.digest(entry, *kind, (key, value), holder),
            Action::Resource(Nested::Contained) => {
                self.waiting = Some(Waiting { entry, key, list: value });
                Ok(Came::Nothing)
            }
            Action::Content => {
                self.stated = holder.member("contentType");
                self.single(entry, key, value)
            }
            Action::Scalar(_)
            | Action::Address
            | Action::FullUrl
            | Action::Object(_)
            | Action::Name(_)
            | Action::Reference { .. }
            | Action::Identifier(_)
            | Action::Items(_)
            | Action::Link
            | Action::Extensions(..)
            | Action::Resource(Nested::Entry) => {
                if entry.is_array {
                    self.array(entry, key, value)
                } else {
                    self.single(entry, key, value)
                }
            }
        }
    }

    fn single(&mut self, entry: &'w Entry, key: Key<'d>, value: Node<'d>) -> Result<Came, Stop> {
        let start = self.out.mark();
        self.name(entry, key, value);
        let came = self.one(entry, value)?;
        if came != Came::Written {
            self.out.back(start);
        }
        Ok(came)
    }

    fn array(&mut self, entry: &'w Entry, key: Key<'d>, value: Node<'d>) -> Result<Came, Stop> {
        if value.kind() != Kind::Array {
            return Err(wrong_kind(entry));
        }
        let start = self.out.mark();
        self.name(entry, key, value);
        self.out.bracket(b'[', value.offset());
        let first = self.out.mark();
        for item in value.items() {
            let before = self.out.mark();
            self.out.separate(item.offset());
            match self.one(entry, item)? {
                Came::Written => {}
                // An extension inside another one is a part of it: what goes is the whole.
                Came::Strip(element) if self.in_extension => {
                    self.out.back(start);
                    return Ok(Came::Strip(element));
                }
                Came::Nothing | Came::Strip(_) => self.out.back(before),
            }
        }
        if self.out.is_at(first) {
            self.out.back(start);
            return Ok(Came::Nothing);
        }
        self.out.bracket(b']', value.end() - 1);
        Ok(Came::Written)
    }

    /// Writes one value, without its name.
    fn one(&mut self, entry: &'w Entry, value: Node<'d>) -> Result<Came, Stop> {
        if let Action::Scalar(kind) = &entry.action {
            // A null holds the place of a value that only has extensions, and those are left out.
            if value.is_null() && entry.is_array {
                return Ok(Came::Nothing);
            }
            if value.kind() != *kind {
                return Err(wrong_kind(entry));
            }
            self.as_it_stands(value);
            return Ok(Came::Written);
        }
        let is_address =
            matches!(entry.action, Action::Address | Action::FullUrl | Action::Link | Action::Content);
        if value.kind() != if is_address { Kind::String } else { Kind::Object } {
            return Err(wrong_kind(entry));
        }
        match &entry.action {
            Action::Object(plan) | Action::Sibling(plan) => self.object(*plan, value),
            Action::Name(plan) => self.object_or_drop(entry, (!is_former(value)).then_some(*plan), value),
            Action::Address => {
                let address = std::mem::replace(&mut self.address, Written::AsItStands);
                self.write_address(&address, value);
                Ok(Came::Written)
            }
            Action::FullUrl => {
                let address = (self.view.full_url)(&value.string().unwrap_or_default());
                self.write_address(&address, value);
                Ok(Came::Written)
            }
            Action::Reference { named, tied, hidden } => {
                self.reference(entry.element, (*named, *tied), *hidden, value)
            }
            Action::Identifier(rule) => self.object_or_drop(entry, identifier_plan(value, rule), value),
            Action::Items(rule) => {
                let came = self.object_or_drop(entry, rule.of(value), value)?;
                if came == Came::Nothing {
                    self.withheld.element(entry.element);
                }
                Ok(came)
            }
            Action::Link => {
                let written = (self.view.link)(&value.string().unwrap_or_default());
                Ok(self.written_or_left(entry, written, value))
            }
            Action::Content => self.write_content(entry, value),
            Action::Extensions(plan, urls) => {
                let is_named = match &**urls {
                    Urls::All => true,
                    Urls::These(urls) => {
                        value.member("url").is_some_and(|url| urls.iter().any(|named| url.is_string(named)))
                    }
                };
                let around = std::mem::replace(&mut self.in_extension, true);
                let came = self.object_or_drop(entry, is_named.then_some(*plan), value);
                self.in_extension = around;
                came
            }
            Action::Resource(nested) => self.nested(entry, *nested, value),
            Action::Scalar(_)
            | Action::Drop
            | Action::Skip
            | Action::Never
            | Action::Withheld
            | Action::Digest(_)
            | Action::Aligned(..)
            | Action::SiblingArray(..) => Ok(Came::Nothing),
        }
    }

    fn object_or_drop(&mut self, entry: &Entry, plan: Option<PlanId>, node: Node<'d>) -> Result<Came, Stop> {
        match plan {
            Some(plan) => self.object(plan, node),
            None => {
                self.withheld.element(entry.element);
                self.refuse_unknown_modifier(node)?;
                Ok(Came::Nothing)
            }
        }
    }

    /// Writes a nested resource by the mask of its own type.
    pub(super) fn nested(&mut self, entry: &Entry, nested: Nested, node: Node<'d>) -> Result<Came, Stop> {
        // What holds a nested resource that is not shared goes with it, unless it can stand without.
        let without = match nested {
            Nested::Contained => Came::Nothing,
            Nested::Entry => Came::Strip(entry.element),
        };
        let mask = type_of(node)
            .ok()
            .filter(|owner| nested == Nested::Entry || self.contained.shares(*owner))
            .and_then(|owner| (self.view.mask)(owner, node).filter(|mask| mask.owner == owner));
        let Some(mask) = mask else {
            self.refuse_unknown_modifier_of(nested, node)?;
            self.withheld.resource();
            return Ok(without);
        };
        let start = self.out.mark();
        let (stands, container, contained) = match nested {
            Nested::Contained => (Stands::Contained, self.container, self.contained),
            Nested::Entry => (Stands::Alone, node, &mask.plans.contained),
        };
        let mut walker = Walker {
            view: self.view,
            plans: &mask.plans,
            owner: mask.owner,
            container,
            contained,
            fragments: match nested {
                Nested::Contained => std::mem::take(&mut self.fragments),
                Nested::Entry => Fragments::default(),
            },
            waiting: None,
            stated: None,
            address: Written::AsItStands,
            content: None,
            in_extension: false,
            head: None,
            withheld: &mut *self.withheld,
            out: &mut *self.out,
        };
        let written = walker.resource(node, stands);
        if nested == Nested::Contained {
            self.fragments = walker.fragments;
        }
        match written {
            Ok(()) => {
                self.head = self.head.filter(|head| *head != node.offset());
                Ok(Came::Written)
            }
            Err(unsafe_) => {
                self.out.back(start);
                self.withheld.resource();
                match nested {
                    Nested::Contained => Err(Unsafe::Contained(unsafe_).into()),
                    Nested::Entry => Ok(without),
                }
            }
        }
    }
}

/// What the members of an object amounted to.
pub(super) enum Inside {
    /// Whether there was content, and the bits of the required elements that came out.
    Members(Weight, u64),
    Strip(ElementId),
}

/// The refusal of a value that is not of the kind that the tables say.
#[cold]
pub(super) fn wrong_kind(entry: &Entry) -> Stop {
    Unsafe::WrongKind(entry.element.path().into()).into()
}
