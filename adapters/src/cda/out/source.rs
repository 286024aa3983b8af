//! The Bundle that is written: its resources, what refers to what, and what of it was carried.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, HashMap};

use fhir::json::{Document, Kind, Node};

use super::unwritten::Unwritten;
use crate::hl7v2::out::path::{Path, Sense, Step};
use crate::whereabouts::Hidden;
use crate::{Severity, Why};

/// The most entries of a Bundle.
const ENTRIES_MAX: usize = 20_000;
/// Says why there is no value.
pub(super) const ABSENT: &str = "http://hl7.org/fhir/StructureDefinition/data-absent-reason";

/// A resource of the Bundle.
#[derive(Debug, Clone)]
pub(super) struct Held<'b> {
    pub(super) kind: Cow<'b, str>,
    pub(super) node: Node<'b>,
    ordinal: usize,
}

/// The Bundle, and what became of its elements.
pub(super) struct Source<'b> {
    pub(super) root: Node<'b>,
    pub(super) held: Vec<Held<'b>>,
    /// Whom the document is about.
    pub(super) patient: Cell<Option<Node<'b>>>,
    /// Places among `held` by how they are referred to; none when it is not certain which is meant.
    named: HashMap<String, Option<usize>>,
    /// Whose addresses and numbers are not said.
    hidden: Hidden,
    counts: HashMap<String, usize>,
    carried: RefCell<BTreeSet<usize>>,
    /// What came to be carried, in the order in which it did.
    journal: RefCell<Vec<usize>>,
    remarks: RefCell<BTreeMap<usize, Vec<(Why, Severity)>>>,
}

impl<'b> Source<'b> {
    pub(super) fn read(document: &'b Document) -> Result<Self, Unwritten> {
        let root = document.root();
        let is = |name: &str, text| root.member(name).is_some_and(|held| held.is_string(text));
        if !is("resourceType", "Bundle") || !is("type", "document") {
            return Err(Unwritten::NotADocument);
        }
        let mut source = Self {
            root,
            held: Vec::new(),
            patient: Cell::new(None),
            named: HashMap::new(),
            hidden: Hidden::default(),
            counts: HashMap::new(),
            carried: RefCell::default(),
            journal: RefCell::default(),
            remarks: RefCell::default(),
        };
        let entries = root.member("entry").ok_or(Unwritten::NotADocument)?;
        if entries.len() > ENTRIES_MAX {
            return Err(Unwritten::TooLarge { max: ENTRIES_MAX, unit: "resources" });
        }
        for entry in entries.items() {
            let node = entry.member("resource").ok_or(Unwritten::NotADocument)?;
            let kind = node.member("resourceType").and_then(Node::string).ok_or(Unwritten::NotADocument)?;
            fhir::tables::resource_type(&kind).ok_or(Unwritten::NotADocument)?;
            let at = source.held.len();
            let count = source.counts.entry(kind.clone().into_owned()).or_default();
            let ordinal = *count;
            *count += 1;
            let url = entry.member("fullUrl").and_then(Node::string);
            let local = node.member("id").and_then(Node::string).map(|id| format!("{kind}/{id}"));
            source.held.push(Held { kind, node, ordinal });
            for name in url.map(Cow::into_owned).into_iter().chain(local) {
                // What two answer to is neither's name.
                source.named.entry(name).and_modify(|held| *held = None).or_insert(Some(at));
            }
        }
        source.hidden =
            Hidden::among(source.held.iter().map(|held| held.node), |reference| source.target(reference));
        Ok(source)
    }

    /// Whether an address or number is that of somebody whose whereabouts are protected.
    pub(super) fn hides(&self, place: Node<'b>) -> bool {
        self.hidden.holds(place)
    }

    /// What a Reference leads to: a resource of the Bundle, or one that is contained where the reference stands.
    pub(super) fn target(&self, reference: Node<'b>) -> Option<Node<'b>> {
        let written = reference.member("reference")?.string()?;
        if let Some(inner) = written.strip_prefix('#') {
            let around = self.holder(reference)?.node;
            let mut contained = around.member("contained")?.items();
            return contained.find(|held| held.member("id").is_some_and(|id| id.is_string(inner)));
        }
        if let Some(found) = self.named.get(&*written) {
            return found.and_then(|at| self.held.get(at)).map(|held| held.node);
        }
        // An absolute reference to a resource whose entry has another full URL, or none.
        let mut parts = written.rsplit('/');
        let (id, kind) = (parts.next()?, parts.next()?);
        let at = (*self.named.get(&format!("{kind}/{id}"))?)?;
        self.held.get(at).map(|held| held.node)
    }

    /// The resource that has this URL.
    pub(super) fn at_url(&self, url: &str) -> Option<Node<'b>> {
        let at = (*self.named.get(url)?)?;
        self.held.get(at).map(|held| held.node)
    }

    /// The resource of the Bundle in which `node` stands.
    pub(super) fn holder(&self, node: Node<'b>) -> Option<&Held<'b>> {
        let after = self.held.partition_point(|held| held.node.offset() <= node.offset());
        let held = self.held.get(after.checked_sub(1)?)?;
        (node.offset() < held.node.end()).then_some(held)
    }

    /// The encounter in which the document was written.
    fn encounter(&self) -> Option<Node<'b>> {
        let reference = self.held.first()?.node.member("encounter")?;
        self.target(reference)
            .filter(|led| led.member("resourceType").is_some_and(|kind| kind.is_string("Encounter")))
    }

    /// The elements at `path` from `node`.
    pub(super) fn find(&self, path: &Path, node: Node<'b>) -> Vec<Node<'b>> {
        let mut nodes = match path.root.as_str() {
            "Composition" => self.held.first().map(|held| held.node).into_iter().collect(),
            "Bundle" => vec![self.root],
            "Patient" => self.patient.get().into_iter().collect(),
            "Encounter" => self.encounter().into_iter().collect(),
            _ => vec![node],
        };
        for step in &path.steps {
            nodes = match step {
                Step::Member(name) => members(&nodes, name),
                Step::Filter(filter) => {
                    let path: Vec<&str> = filter.path.iter().map(String::as_str).collect();
                    let matches = |node: &Node<'b>| {
                        let mut found = node.walk(&path);
                        found.any(|found| filter.values.iter().any(|value| found.is_string(value)))
                    };
                    nodes.into_iter().filter(|node| matches(node) == (filter.sense == Sense::Is)).collect()
                }
                Step::Choice(_) | Step::Follow(_) => Vec::new(),
            };
        }
        nodes
    }

    /// Counts `node`, and all in it, as carried.
    pub(super) fn mark(&self, node: Node<'b>) {
        if self.carried.borrow_mut().insert(node.offset()) {
            self.journal.borrow_mut().push(node.offset());
        }
    }

    /// How much was carried so far.
    pub(super) fn marks(&self) -> usize {
        self.journal.borrow().len()
    }

    /// Takes back what came to be carried since there were so many marks.
    pub(super) fn unmark(&self, since: usize) {
        let mut carried = self.carried.borrow_mut();
        for offset in self.journal.borrow_mut().drain(since..) {
            carried.remove(&offset);
        }
    }

    /// Takes back what was noted about `node`.
    pub(super) fn forget(&self, node: Node<'b>) {
        self.remarks.borrow_mut().remove(&node.offset());
    }

    /// Counts the member `name` of `node` as carried.
    pub(super) fn mark_member(&self, node: Node<'b>, name: &str) {
        if let Some(member) = node.member(name) {
            self.mark(member);
        }
    }

    /// The text of the member `name` of `node`, which is carried with that.
    pub(super) fn take(&self, node: Node<'b>, name: &str) -> Option<Cow<'b, str>> {
        let member = node.member(name)?;
        let text = member.string()?;
        self.mark(member);
        Some(text)
    }

    /// Counts the reference itself as carried.
    pub(super) fn mark_reference(&self, node: Node<'b>) {
        for name in ["reference", "type", "display"] {
            self.mark_member(node, name);
        }
    }

    /// Whether all of `node` was carried.
    pub(super) fn is_carried(&self, node: Node<'b>) -> bool {
        self.carried.borrow().contains(&node.offset())
    }

    /// Whether anything of `node` was carried.
    pub(super) fn has_carried(&self, node: Node<'b>) -> bool {
        self.carried.borrow().range(node.offset()..node.end()).next().is_some()
    }

    /// Notes that `node` is not carried as it stands.
    pub(super) fn remark(&self, node: Node<'b>, why: Why, severity: Severity) {
        let mut remarks = self.remarks.borrow_mut();
        let held = remarks.entry(node.offset()).or_default();
        if !held.iter().any(|(known, _)| *known == why) {
            held.push((why, severity));
        }
    }

    /// What was noted about `node` itself.
    pub(super) fn remarks_of(&self, node: Node<'b>) -> Vec<(Why, Severity)> {
        self.remarks.borrow().get(&node.offset()).cloned().unwrap_or_default()
    }

    /// Whether something was noted about `node` or what is in it.
    pub(super) fn has_remark(&self, node: Node<'b>) -> bool {
        self.remarks.borrow().range(node.offset()..node.end()).next().is_some()
    }

    /// The resource by its type, and its number where there are more of the type.
    pub(super) fn name(&self, held: &Held<'b>) -> String {
        let kind = fhir::tables::resource_type(&held.kind).map_or("resource", |kind| kind.name());
        let many = self.counts.get(&*held.kind).is_some_and(|count| *count > 1);
        if many { format!("{kind}[{}]", held.ordinal) } else { kind.to_owned() }
    }

    /// The resource in which `node` stands, for people.
    pub(super) fn place(&self, node: Node<'b>) -> String {
        self.holder(node).map_or_else(|| "Bundle".to_owned(), |held| self.name(held))
    }
}

/// Why there is no value, where an element says so.
pub(super) fn absence(node: Node<'_>) -> Option<Cow<'_, str>> {
    let mut extensions = node.walk(&["extension"]);
    let absent = extensions.find(|held| held.member("url").is_some_and(|url| url.is_string(ABSENT)))?;
    absent.member("valueCode")?.string()
}

/// The values of the members of this name; of lists, their items.
fn members<'b>(nodes: &[Node<'b>], name: &str) -> Vec<Node<'b>> {
    let mut found = Vec::new();
    for value in nodes.iter().filter_map(|node| node.member(name)) {
        if value.kind() == Kind::Array {
            found.extend(value.items().filter(|item| !item.is_null()));
        } else if !value.is_null() {
            found.push(value);
        }
    }
    found
}
