//! The Bundle that is sent: its resources, what refers to what, and what of it was carried.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use fhir::json::{Document, Kind, Node};

use super::path::{Filter, Path, Sense, Step};
use super::unsent::Unsent;
use crate::whereabouts::Hidden;
use crate::{Severity, Why};

/// The most entries of a Bundle.
const ENTRIES_MAX: usize = 20_000;

/// A resource of the Bundle.
#[derive(Debug, Clone)]
pub(super) struct Held<'b> {
    pub(super) kind: Cow<'b, str>,
    pub(super) node: Node<'b>,
    pub(super) ordinal: usize,
}

/// The Bundle, and what became of its elements.
pub(super) struct Source<'b> {
    pub(super) root: Node<'b>,
    pub(super) held: Vec<Held<'b>>,
    /// Places among `held` by how they are referred to; none when it is not certain which is meant.
    named: HashMap<String, Option<usize>>,
    carried: RefCell<BTreeSet<usize>>,
    /// What came to be carried since somebody began to watch.
    journal: RefCell<Option<Vec<usize>>>,
    /// Texts of documents that were written, in single spaces.
    texts: RefCell<BTreeSet<String>>,
    remarks: RefCell<BTreeMap<usize, (Why, Option<Severity>)>>,
    /// The resources that a `for` came to.
    seen: RefCell<BTreeSet<usize>>,
    /// The resources that are in the message, with those they stand under.
    sent: RefCell<BTreeMap<usize, Vec<usize>>>,
    /// The resources whose protection the message says.
    shielded: RefCell<BTreeSet<usize>>,
    /// Whose addresses and numbers are not said.
    hidden: Hidden,
}

/// Whether what is found counts as carried on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Touch {
    Look,
    Take,
}

/// What is open: resources by type, and elements as `@`.
pub(super) type Frames<'b> = Vec<(String, Node<'b>)>;

impl<'b> Source<'b> {
    pub(super) fn read(document: &'b Document) -> Result<Self, Unsent> {
        let root = document.root();
        if !root.member("resourceType").is_some_and(|kind| kind.is_string("Bundle")) {
            return Err(Unsent::NotABundle);
        }
        let mut source = Self {
            root,
            held: Vec::new(),
            named: HashMap::new(),
            carried: RefCell::default(),
            journal: RefCell::default(),
            texts: RefCell::default(),
            remarks: RefCell::default(),
            seen: RefCell::default(),
            sent: RefCell::default(),
            shielded: RefCell::default(),
            hidden: Hidden::default(),
        };
        let entries = root.member("entry");
        if entries.is_some_and(|entries| entries.kind() != Kind::Array || entries.len() > ENTRIES_MAX) {
            return Err(Unsent::TooLarge { max: ENTRIES_MAX });
        }
        let mut ordinals: HashMap<String, usize> = HashMap::new();
        for entry in entries.into_iter().flat_map(Node::items) {
            let Some(node) = entry.member("resource") else { continue };
            let kind = node.member("resourceType").and_then(Node::string).ok_or(Unsent::NotABundle)?;
            fhir::tables::resource_type(&kind).ok_or(Unsent::NotABundle)?;
            let at = source.held.len();
            let ordinal =
                ordinals.entry(kind.clone().into_owned()).and_modify(|count| *count += 1).or_default();
            let url = entry.member("fullUrl").and_then(Node::string);
            let local = node.member("id").and_then(Node::string).map(|id| format!("{kind}/{id}"));
            source.held.push(Held { kind, node, ordinal: *ordinal });
            for name in url.map(Cow::into_owned).into_iter().chain(local) {
                // What two answer to is neither's name.
                source.named.entry(name).and_modify(|held| *held = None).or_insert(Some(at));
            }
        }
        let target = |reference| source.target(reference).map(|held| held.node);
        source.hidden = Hidden::among(source.held.iter().map(|held| held.node), target);
        Ok(source)
    }

    /// Whether there is nobody whose whereabouts are protected.
    pub(super) fn hides_nothing(&self) -> bool {
        self.hidden.is_empty()
    }

    /// Whether an address or number is that of somebody whose whereabouts are protected.
    pub(super) fn hides(&self, place: Node<'b>) -> bool {
        self.hidden.holds(place)
    }

    /// The only resource of this type.
    pub(super) fn only(&self, kind: &str) -> Result<Option<&Held<'b>>, Unsent> {
        let mut of_kind = self.held.iter().filter(|held| held.kind == kind);
        let first = of_kind.next();
        if of_kind.next().is_some() {
            return Err(Unsent::MoreThanOne { place: known_type(kind).to_owned() });
        }
        Ok(first)
    }

    /// What a Reference leads to.
    pub(super) fn target(&self, reference: Node<'b>) -> Option<&Held<'b>> {
        let written = reference.member("reference")?.string()?;
        if let Some(found) = self.named.get(&*written) {
            return self.held.get((*found)?);
        }
        // An absolute reference to a resource whose entry has another full URL, or none.
        let mut parts = written.rsplit('/');
        let (id, kind) = (parts.next()?, parts.next()?);
        self.held.get((*self.named.get(&format!("{kind}/{id}"))?)?)
    }

    /// The resource that the URL of an attachment means.
    pub(super) fn named(&self, url: &str) -> Option<&Held<'b>> {
        self.held.get((*self.named.get(url)?)?)
    }

    /// The elements at `path`. When they are taken, references that are followed on the way count as carried, and so
    /// does what a filter asks for.
    pub(super) fn find(
        &self,
        path: &Path,
        frames: &Frames<'b>,
        touch: Touch,
    ) -> Result<Vec<Node<'b>>, Unsent> {
        let open = frames.iter().rev().find(|(name, _)| *name == path.root).map(|(_, node)| *node);
        let root = match open {
            Some(node) => Some(node),
            None if path.root == "@" => None,
            None => {
                let only = self.only(&path.root)?.map(|held| held.node);
                if let (Some(node), Touch::Take) = (only, touch) {
                    self.send(node, &Vec::new());
                }
                only
            }
        };
        let mut nodes: Vec<Node<'b>> = root.into_iter().collect();
        for step in &path.steps {
            nodes = match step {
                Step::Member(name) => members(&nodes, |key| key == name),
                Step::Choice(base) => members(&nodes, |key| {
                    key.strip_prefix(base.as_str())
                        .is_some_and(|kind| kind.starts_with(|letter: char| letter.is_ascii_uppercase()))
                }),
                Step::Follow(kind) => {
                    let mut found = Vec::new();
                    for node in nodes {
                        let Some(held) =
                            self.target(node).filter(|held| kind.is_empty() || held.kind == *kind)
                        else {
                            continue;
                        };
                        if touch == Touch::Take {
                            self.mark_reference(node);
                            self.send(held.node, frames);
                        }
                        found.push(held.node);
                    }
                    found
                }
                Step::Filter(filter) => {
                    nodes.into_iter().filter(|node| self.passes(*node, filter, frames, touch)).collect()
                }
            };
        }
        Ok(nodes)
    }

    /// Whether the values at the path of `filter` are as it says. What makes it so is said by the field it leads to.
    fn passes(&self, node: Node<'b>, filter: &Filter, frames: &Frames<'b>, touch: Touch) -> bool {
        let path: Vec<&str> = filter.path.iter().map(String::as_str).collect();
        let present = frames.last().map(|(_, node)| node.offset());
        let leads = |found: Node<'b>| {
            self.target(found).map(|held| held.node.offset()) == present && present.is_some()
        };
        let matching = node.walk(&path).find(|found| {
            filter.values.iter().any(|value| match value.split_once('|') {
                Some((system, code)) => is_coding(*found, system, code),
                None if value == "$" => leads(*found),
                None => {
                    found.is_string(value)
                        || found.boolean().is_some_and(|flag| value == if flag { "true" } else { "false" })
                }
            })
        });
        match filter.sense {
            Sense::IsNot => matching.is_none(),
            Sense::Is => {
                let first = matching.and_then(|_| node.member(path.first()?));
                if let (Some(first), Touch::Take) = (first, touch) {
                    self.mark(first);
                }
                first.is_some()
            }
        }
    }

    /// Counts the reference itself as carried.
    pub(super) fn mark_reference(&self, node: Node<'b>) {
        for name in ["reference", "type", "display"] {
            if let Some(part) = node.member(name) {
                self.mark(part);
            }
        }
    }

    /// Counts `node`, and all in it, as carried.
    pub(super) fn mark(&self, node: Node<'b>) {
        if self.carried.borrow_mut().insert(node.offset())
            && let Some(journal) = self.journal.borrow_mut().as_mut()
        {
            journal.push(node.offset());
        }
    }

    /// Does `attempt`; when it comes to nothing, nothing counts as carried by it.
    pub(super) fn attempt<T>(&self, attempt: impl FnOnce() -> Option<T>) -> Option<T> {
        self.journal.replace(Some(Vec::new()));
        let done = attempt();
        let journal = self.journal.take().unwrap_or_default();
        if done.is_none() {
            let mut carried = self.carried.borrow_mut();
            for offset in &journal {
                carried.remove(offset);
            }
        }
        done
    }

    /// Notes a text of a document that was written.
    pub(super) fn wrote(&self, text: &str) {
        self.texts.borrow_mut().insert(spaced(text));
    }

    /// Whether this very text was written.
    pub(super) fn has_written(&self, text: &str) -> bool {
        self.texts.borrow().contains(&spaced(text))
    }

    /// Whether all of `node` was carried.
    pub(super) fn is_carried(&self, node: Node<'b>) -> bool {
        self.carried.borrow().contains(&node.offset())
    }

    /// Whether anything of `node` was carried.
    pub(super) fn has_carried(&self, node: Node<'b>) -> bool {
        self.carried.borrow().range(node.offset()..node.end()).next().is_some()
    }

    /// Notes why `node` is not carried, or not as it stands.
    pub(super) fn remark(&self, node: Node<'b>, why: Why, severity: Severity) {
        self.remarks.borrow_mut().insert(node.offset(), (why, Some(severity)));
    }

    /// Notes why `node` is not carried here; it may be elsewhere.
    pub(super) fn skip(&self, node: Node<'b>, why: Why) {
        self.remarks.borrow_mut().entry(node.offset()).or_insert((why, None));
    }

    /// The first thing that was noted about what is in `node`.
    pub(super) fn first_remark(&self, node: Node<'b>) -> Option<Why> {
        self.remarks.borrow().range(node.offset()..node.end()).next().map(|(_, (why, _))| *why)
    }

    /// Notes that a `for` came to `node`; false when one did before.
    pub(super) fn see(&self, node: Node<'b>) -> bool {
        self.seen.borrow_mut().insert(node.offset())
    }

    /// What was noted about `node` itself.
    pub(super) fn remark_of(&self, node: Node<'b>) -> Option<(Why, Option<Severity>)> {
        self.remarks.borrow().get(&node.offset()).copied()
    }

    /// Whether something was noted about what is in `node`.
    pub(super) fn has_remark(&self, node: Node<'b>) -> bool {
        self.remarks.borrow().range(node.offset()..node.end()).next().is_some()
    }

    /// Notes that `node` is in the message, under what is open.
    pub(super) fn send(&self, node: Node<'b>, frames: &Frames<'b>) {
        let under = frames.iter().map(|(_, frame)| frame.offset()).collect();
        self.sent.borrow_mut().entry(node.offset()).or_insert(under);
    }

    pub(super) fn is_sent(&self, node: Node<'b>) -> bool {
        self.sent.borrow().contains_key(&node.offset())
    }

    /// Notes that the message says the protection of the resource that the label `node` is in.
    pub(super) fn shield(&self, node: Node<'b>) {
        let holder = self
            .held
            .iter()
            .find(|held| held.node.offset() <= node.offset() && node.offset() < held.node.end());
        if let Some(held) = holder {
            self.shielded.borrow_mut().insert(held.node.offset());
        }
    }

    /// Whether the message says that `held`, or what it stands under, is protected.
    pub(super) fn is_shielded(&self, held: &Held<'b>) -> bool {
        let shielded = self.shielded.borrow();
        let whole = self.held.iter().filter(|held| {
            matches!(&*held.kind, "Patient" | "Encounter" | "Composition" | "DocumentReference")
        });
        let sent = self.sent.borrow();
        let under = sent.get(&held.node.offset()).into_iter().flatten().copied();
        whole
            .map(|held| held.node.offset())
            .chain(under)
            .chain([held.node.offset()])
            .any(|offset| shielded.contains(&offset))
    }

    /// Where in the Bundle the value at `offset` stands.
    pub(super) fn place_at(&self, offset: usize) -> String {
        let inside = |node: Node<'b>| node.offset() <= offset && offset < node.end();
        let Some(held) = self.held.iter().find(|held| inside(held.node)) else { return "Bundle".to_owned() };
        let mut place = self.name(held);
        let mut node = held.node;
        let mut kind = fhir::tables::resource_type(&held.kind);
        while node.offset() != offset {
            let Some((key, value)) = node.members().find(|(_, value)| inside(*value)) else { break };
            let Some(element) = kind.and_then(|kind| fhir::tables::element(kind, &key.text())) else { break };
            place.push_str(&format!(".{}", element.key()));
            node = value;
            kind = element.child_type();
            if let Some((index, item)) = value.items().enumerate().find(|(_, item)| inside(*item)) {
                place.push_str(&format!("[{index}]"));
                node = item;
            }
        }
        place
    }

    /// The resource by its type, and its number where there are more of the type.
    pub(super) fn name(&self, held: &Held<'b>) -> String {
        let kind = known_type(&held.kind);
        let more = self.held.iter().filter(|other| other.kind == held.kind).nth(1).is_some();
        if more { format!("{kind}[{}]", held.ordinal) } else { kind.to_owned() }
    }
}

fn is_coding(coding: Node<'_>, system: &str, code: &str) -> bool {
    let is = |name, text| coding.member(name).is_some_and(|held| held.is_string(text));
    is("system", system) && is("code", code)
}

fn spaced(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The name of a resource type as a constant, so that no text of a Bundle can come into an error.
pub(super) fn known_type(kind: &str) -> &'static str {
    fhir::tables::resource_type(kind).map_or("resource", |kind| kind.name())
}

/// The values of the members that are called so; of lists, their items.
fn members<'b>(nodes: &[Node<'b>], is: impl Fn(&str) -> bool) -> Vec<Node<'b>> {
    let mut found = Vec::new();
    for node in nodes {
        for (key, value) in node.members() {
            if !is(&key.text()) {
                continue;
            }
            if value.kind() == Kind::Array {
                found.extend(value.items().filter(|item| !item.is_null()));
            } else {
                found.push(value);
            }
        }
    }
    found
}
