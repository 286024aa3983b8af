//! Through the tree beside the shapes: which elements there are, how many, of which types.

use std::sync::Arc;

use super::finding::{Rule, Severity};
use super::{Run, primitive};
use crate::definitions::merge::{descend, same_type};
use crate::definitions::shape::{Element, Shape, TypeUse};
use crate::definitions::structure::Sort;
use crate::tree::{Format, NarrativeFault, Node, check_narrative, declares_xhtml};

/// An element, and the shape that it is a part of: content references are read there.
#[derive(Clone, Copy)]
pub(crate) struct Wanted<'a> {
    pub(crate) element: &'a Element,
    pub(crate) shape: &'a Shape,
}

impl<'a> Run<'a> {
    /// Holds `node` to the root of `shape` and all below it.
    pub(crate) fn shape(&mut self, node: Node<'a>, shape: &'a Shape) {
        let wanted = Wanted { element: &shape.root, shape };
        let children = shape.root.children.as_deref().unwrap_or_default();
        self.children(node, wanted, children);
        self.constraints(node, &shape.root.constraints, &shape.url);
    }

    /// Holds the children of `node` to `wanted`'s.
    pub(crate) fn children(&mut self, node: Node<'a>, wanted: Wanted<'a>, children: &'a [Arc<Element>]) {
        let mut counts = self.counters.pop().unwrap_or_default();
        counts.clear();
        counts.resize(children.len(), 0);
        let mut hint = 0;
        for child in node.children() {
            let Some(at) = place_of(children, child.name(), hint) else {
                self.unknown(child, children);
                continue;
            };
            hint = at;
            if let Some(count) = counts.get_mut(at) {
                *count = count.saturating_add(1);
            }
            if let Some(element) = children.get(at) {
                self.element(child, Wanted { element, shape: wanted.shape });
            }
        }
        for (element, count) in children.iter().zip(&counts) {
            self.count(node, element, *count);
            if !element.slices.is_empty() {
                self.slices(node, Wanted { element, shape: wanted.shape });
            }
        }
        self.counters.push(counts);
    }

    fn count(&mut self, node: Node<'a>, element: &Element, count: u32) {
        if count < element.min {
            let text = format!("{} is needed at least {} times, found {count}", element.name, element.min);
            self.error(Rule::Cardinality, node, text);
        }
        if count > element.max {
            let text = format!("{} is allowed at most {} times, found {count}", element.name, element.max);
            self.error(Rule::Cardinality, node, text);
        }
    }

    fn unknown(&mut self, child: Node<'a>, children: &[Arc<Element>]) {
        let stem_of = |element: &&Arc<Element>| {
            let suffix = element.choice().and_then(|stem| child.name().strip_prefix(stem));
            suffix.is_some_and(|suffix| suffix.starts_with(|letter: char| letter.is_ascii_uppercase()))
        };
        match children.iter().find(stem_of) {
            Some(choice) => {
                self.error(Rule::Choice, child, format!("{} cannot be of this type", choice.name))
            }
            None => self.error(Rule::Unknown, child, "there is no such element here"),
        }
    }

    /// Holds one element to what is wanted of it, without its slices.
    pub(crate) fn element(&mut self, node: Node<'a>, wanted: Wanted<'a>) {
        if !self.step() {
            return;
        }
        self.arrayed(node, wanted.element);
        self.deeper(node, |run| run.value(node, wanted));
    }

    fn arrayed(&mut self, node: Node<'a>, element: &Element) {
        if self.tree.format() != Format::Json {
            return;
        }
        match (element.base_max, node.is_repeated()) {
            (0 | 1, true) if element.base_max == 1 => {
                self.error(Rule::Array, node, "an array where one value is wanted");
            }
            (2.., false) => self.error(Rule::Array, node, "one value where an array is wanted"),
            _ => {}
        }
    }

    fn value(&mut self, node: Node<'a>, wanted: Wanted<'a>) {
        let element = wanted.element;
        if let Some(content) = &element.content {
            if let Some(target) = descend(&wanted.shape.root, content) {
                let children = element.children.as_deref().or(target.children.as_deref());
                self.children(node, wanted, children.unwrap_or_default());
                self.constraints(node, &target.constraints, &wanted.shape.url);
            }
            return self.constraints(node, &element.constraints, &wanted.shape.url);
        }
        let Some(kind) = type_of(element, node.name()) else {
            if let Some(children) = element.children.as_deref() {
                self.children(node, wanted, children);
            }
            return;
        };
        self.typed(node, wanted, kind);
        self.exact(node, element);
        if let Some(binding) = &element.binding {
            self.bound(node, kind.name(), binding);
        }
        self.constraints(node, &element.constraints, &wanted.shape.url);
    }

    fn typed(&mut self, node: Node<'a>, wanted: Wanted<'a>, kind: &'a TypeUse) {
        let shape = kind.at(self.definitions).map(|at| self.definitions.shape(at));
        let shape = match shape {
            Some(Ok(shape)) => shape,
            Some(Err(bad)) => return self.unchecked(Rule::Profile, node, bad.to_string()),
            None => {
                let text = format!("the type {} is in no pack", kind.name());
                return self.unchecked(Rule::Profile, node, text);
            }
        };
        match shape.sort {
            Sort::Resource => return self.inside(node, kind),
            Sort::Primitive if &*shape.type_name == "xhtml" => {
                let markup = node.text().unwrap_or_default();
                if let Err(why) = check_narrative(markup) {
                    self.error(Rule::Narrative, node, why.to_string());
                } else if self.tree.format() == Format::Json && !declares_xhtml(markup) {
                    // In XML the reader knows the namespace.
                    self.error(Rule::Narrative, node, NarrativeFault::Namespace.to_string());
                }
                return;
            }
            Sort::Primitive => {
                self.beside_value(node, wanted, shape);
                primitive::check(self, node, wanted.element, kind.name());
                if matches!(&*shape.type_name, "canonical") {
                    self.canonical(node, kind);
                }
            }
            Sort::Complex | Sort::Logical => {
                let of_type = shape.root.children.as_deref();
                let inner = Wanted {
                    element: wanted.element,
                    shape: if wanted.element.children.is_some() { wanted.shape } else { shape },
                };
                self.children(
                    node,
                    inner,
                    wanted.element.children.as_deref().or(of_type).unwrap_or_default(),
                );
            }
        }
        self.constraints(node, &shape.root.constraints, &shape.url);
        match &*shape.type_name {
            "Extension" => self.extension(node),
            "Reference" => self.reference(node, kind),
            "Coding" => self.coding(node),
            "Attachment" => self.attachment(node),
            "Quantity" | "Age" | "Count" | "Distance" | "Duration" => self.unit(node),
            _ => {}
        }
        self.profiles_of(node, kind);
    }

    /// What a primitive has beside its value: an id and extensions.
    fn beside_value(&mut self, node: Node<'a>, wanted: Wanted<'a>, shape: &'a Shape) {
        let own = wanted.element.children.as_deref();
        if own.is_some() || node.children().next().is_some() {
            self.children(node, wanted, own.or(shape.root.children.as_deref()).unwrap_or_default());
        }
    }

    /// A resource in an element: held to its own type and profiles.
    fn inside(&mut self, node: Node<'a>, kind: &'a TypeUse) {
        let name = node.resource_type().unwrap_or_default();
        let wanted = kind.name();
        if !matches!(wanted, "Resource" | "DomainResource") && wanted != name && !name.is_empty() {
            self.error(Rule::Choice, node, format!("a {wanted} is wanted here"));
        }
        // While slices are only told apart, the resource itself is judged elsewhere.
        if self.trials == 0 {
            self.resource(node, &[]);
        }
        self.profiles_of(node, kind);
    }

    /// Holds `node` to the profiles of its type: one of them is enough.
    fn profiles_of(&mut self, node: Node<'a>, kind: &'a TypeUse) {
        if kind.profiles.is_empty() {
            return;
        }
        let mut known = Vec::new();
        for (canonical, at) in kind.profiles.iter().zip(kind.profiles_at(self.definitions)) {
            match at.map(|at| self.definitions.shape(at)) {
                // Extensions were held to their definition already.
                Some(Ok(shape)) if &*shape.type_name == "Extension" && extension_is(node, &shape.url) => {
                    return;
                }
                Some(Ok(shape)) => known.push(shape),
                Some(Err(bad)) => return self.unchecked(Rule::Profile, node, bad.to_string()),
                None => {
                    let text = format!("the profile {canonical} is in no pack");
                    return self.unchecked(Rule::Profile, node, text);
                }
            }
        }
        if let [only] = known.as_slice() {
            return self.shape(node, only);
        }
        for shape in &known {
            if self.holds(|run| run.shape(node, shape)) {
                return;
            }
        }
        self.error(Rule::Profile, node, "it holds to none of the profiles that are allowed here");
    }

    /// What holds for resources apart from their elements.
    pub(crate) fn resource_rules(&mut self, node: Node<'a>, name: &str) {
        self.contained(node);
        if let Some(id) = node.child("id")
            && let Some(Err(why)) = id.text().map(primitive::id)
        {
            self.error(Rule::Value, id, format!("not a value of id: {why}"));
        }
        match name {
            "Bundle" => self.bundle(node),
            _ => self.artifact(node, name),
        }
    }

    /// A finding that something would better be otherwise.
    pub(crate) fn warning(&mut self, rule: Rule, node: Node<'_>, text: impl Into<String>) {
        self.find(Severity::Warning, rule, node, text);
    }
}

fn extension_is(node: Node<'_>, url: &str) -> bool {
    node.child_text("url") == Some(url)
}

/// Which of `children` the name belongs to: `valueQuantity` to `value[x]`. Looked for first where the last one was.
fn place_of(children: &[Arc<Element>], name: &str, hint: usize) -> Option<usize> {
    let is = |at: usize| children.get(at).is_some_and(|element| &*element.name == name);
    for at in [hint, hint.saturating_add(1), hint.saturating_add(2)] {
        if is(at) {
            return Some(at);
        }
    }
    let exact = children.iter().position(|element| &*element.name == name);
    exact.or_else(|| children.iter().position(|element| chosen(element, name).is_some()))
}

/// The type that a name such as `valueQuantity` chooses.
fn chosen<'e>(element: &'e Element, name: &str) -> Option<&'e TypeUse> {
    let suffix = element.choice().and_then(|stem| name.strip_prefix(stem))?;
    element.types.iter().find(|kind| same_type(kind.name(), suffix))
}

/// The type that the element called `name` has.
pub(crate) fn type_of<'e>(element: &'e Element, name: &str) -> Option<&'e TypeUse> {
    if element.choice().is_some() { chosen(element, name) } else { element.types.first() }
}
