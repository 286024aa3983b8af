//! References: what they point at, where that can be told from the text.

use super::Run;
use super::finding::Rule;
use crate::definitions::shape::{Aggregation, Shape, TypeUse};
use crate::tree::Node;

/// A reference as its text tells it.
pub(crate) struct Told<'t> {
    /// The type in `Patient/1` or `http://server/Patient/1`.
    pub(crate) type_name: Option<&'t str>,
}

impl<'a> Run<'a> {
    /// Holds a Reference to the types and profiles it may point at.
    pub(crate) fn reference(&mut self, node: Node<'a>, kind: &'a TypeUse) {
        let said =
            node.child_text("type").map(|said| said.strip_prefix(crate::definitions::CORE).unwrap_or(said));
        if let Some(said) = said
            && self.definitions.type_at(said).is_none()
            && !said.contains(':')
        {
            self.error(Rule::Reference, node, "the type of the reference is no type of resource");
        }
        let Some(text) = node.child_text("reference") else {
            if let Some(said) = said {
                self.pointed(node, kind, said);
            }
            return;
        };
        let target = self.resolved(node);
        if target.is_none() && text.starts_with('#') && text != "#" {
            return self.error(Rule::Contained, node, "no resource of this id is contained");
        }
        self.aggregated(node, kind, text, target);
        let of_text = told(text).type_name;
        if let Some(of_text) = of_text
            && !text.contains(':')
            && self.definitions.type_at(of_text).is_none()
        {
            return self.error(Rule::Reference, node, "a relative reference to no type of resource");
        }
        let Some(name) = target.and_then(Node::resource_type).or(of_text).or(said) else {
            return self.vague(node, text);
        };
        if said.is_some_and(|said| said != name) {
            self.error(Rule::Reference, node, "the type of the reference is not that of what it points at");
        }
        if self.pointed(node, kind, name)
            && let Some(target) = target
        {
            self.target_profiles(node, target, kind);
        }
    }

    /// A reference that tells no type.
    fn vague(&mut self, node: Node<'a>, text: &str) {
        let well_formed = text.contains(':') || text.starts_with('#') || text.contains('?');
        if !well_formed {
            self.error(Rule::Reference, node, "neither an url nor a type and an id");
        }
    }

    /// Holds a reference to where its profile wants what it points at.
    fn aggregated(&mut self, node: Node<'a>, kind: &TypeUse, text: &str, target: Option<Node<'a>>) {
        let is = match (text.starts_with('#'), target) {
            (true, _) => Aggregation::Contained,
            (false, Some(_)) => Aggregation::Bundled,
            (false, None) => Aggregation::Referenced,
        };
        let fits = |wanted: &Aggregation| match wanted {
            Aggregation::Contained | Aggregation::Bundled => *wanted == is,
            Aggregation::Referenced => is != Aggregation::Contained,
        };
        if !kind.aggregation.is_empty() && !kind.aggregation.iter().any(fits) {
            self.error(Rule::Reference, node, "what it points at is not where the profile wants it");
        }
    }

    /// Whether a resource of the type `name` may be pointed at.
    fn pointed(&mut self, node: Node<'a>, kind: &'a TypeUse, name: &str) -> bool {
        if kind.targets.is_empty() || self.definitions.type_at(name).is_none() {
            return true;
        }
        let mut unknown = false;
        for target in &kind.targets {
            match self.target(target) {
                Some(shape) if matches!(&*shape.type_name, "Resource" | "DomainResource") => return true,
                Some(shape) if &*shape.type_name == name => return true,
                Some(_) => {}
                None => unknown = true,
            }
        }
        if unknown {
            self.unchecked(
                Rule::Reference,
                node,
                "what is pointed at: a profile of the target is in no pack",
            );
            return false;
        }
        self.error(Rule::Reference, node, format!("a reference to {name} is not allowed here"));
        false
    }

    fn target(&self, canonical: &str) -> Option<&'a Shape> {
        let at = self.definitions.structure_at(canonical)?;
        self.definitions.shape(at).ok().map(|shape| &**shape)
    }

    /// Holds what is pointed at to one of the profiles that are wanted, when it is at hand.
    fn target_profiles(&mut self, node: Node<'a>, target: Node<'a>, kind: &'a TypeUse) {
        let name = target.resource_type().unwrap_or_default();
        let mut wanted = Vec::new();
        for canonical in &kind.targets {
            let Some(shape) = self.target(canonical) else {
                return;
            };
            if matches!(&*shape.type_name, "Resource" | "DomainResource") {
                return;
            }
            if &*shape.type_name == name {
                if &*shape.url == format!("{}{name}", crate::definitions::CORE).as_str() {
                    return;
                }
                wanted.push(shape);
            }
        }
        let number = target.number();
        if wanted.is_empty() || self.entries.pointing.contains(&number) {
            return;
        }
        self.entries.pointing.push(number);
        let holds = wanted.iter().any(|shape| {
            self.holds(|run| {
                let outer = std::mem::replace(&mut run.resource, target);
                run.shape(target, shape);
                run.resource = outer;
            })
        });
        self.entries.pointing.pop();
        if !holds {
            self.error(
                Rule::Reference,
                node,
                "what it points at holds to none of the profiles that are wanted of it",
            );
        }
    }

    /// A canonical: an absolute uri, or something contained.
    pub(crate) fn canonical(&mut self, node: Node<'a>, kind: &TypeUse) {
        let Some(text) = node.text() else {
            return;
        };
        if let Some(id) = text.strip_prefix('#') {
            if !id.is_empty() && contained_in(container(node), id).is_none() {
                self.error(Rule::Contained, node, "no resource of this id is contained");
            }
        } else if !text.contains(':') {
            self.error(Rule::Reference, node, "a canonical is an absolute uri");
        } else if let Some(is) = self.defined_as(text)
            && !kind.targets.is_empty()
            && !kind.targets.iter().any(|target| allows(target, is))
        {
            self.error(Rule::Reference, node, format!("a canonical of a {is} is not allowed here"));
        }
    }

    /// The type of the definition with this canonical, if it is at hand.
    fn defined_as(&self, canonical: &str) -> Option<&'static str> {
        let url = canonical.split('#').next().unwrap_or(canonical);
        let structure = self.definitions.structure_at(url).map(|_| "StructureDefinition");
        let set = || self.definitions.value_set_at(url).map(|_| "ValueSet");
        let system = || self.definitions.code_system_at(url).map(|_| "CodeSystem");
        structure.or_else(set).or_else(system)
    }

    /// What is contained has an id, and one of its own.
    pub(crate) fn contained(&mut self, node: Node<'a>) {
        let mut seen: Vec<&str> = Vec::new();
        for inner in node.named("contained") {
            match inner.child_text("id") {
                None => self.error(Rule::Contained, inner, "a contained resource without id"),
                Some(id) if seen.contains(&id) => {
                    self.error(Rule::Contained, inner, "two contained resources have this id");
                }
                Some(id) => seen.push(id),
            }
        }
    }

    /// What a Reference points at, if it is in the tree.
    pub(crate) fn resolved(&mut self, node: Node<'a>) -> Option<Node<'a>> {
        let text = node.child_text("reference").or_else(|| node.text())?;
        if let Some(id) = text.strip_prefix('#') {
            let container = container(node);
            return if id.is_empty() { Some(container) } else { contained_in(container, id) };
        }
        self.entries.resolve(node, text)
    }

    /// Holds an Attachment to its own words.
    pub(crate) fn attachment(&mut self, node: Node<'a>) {
        let Some(content) = node.child_text("data") else {
            return;
        };
        let letters = content.bytes().filter(|byte| !byte.is_ascii_whitespace()).count();
        let padding = content.bytes().rev().take(4).filter(|byte| *byte == b'=').count();
        let size = (letters / 4).saturating_mul(3).saturating_sub(padding);
        let told = node.child_text("size").and_then(|told| told.parse::<usize>().ok());
        if told.is_some_and(|told| told != size) {
            self.error(Rule::Value, node, "the size is not that of the content");
        }
    }
}

fn allows(target: &str, name: &str) -> bool {
    let last = target.rsplit('/').next().unwrap_or(target);
    last == name
        || matches!(last, "Resource" | "DomainResource")
        || !target.starts_with(crate::definitions::CORE)
}

/// The resource that contains what `node` may refer to by `#id`.
pub(crate) fn container(node: Node<'_>) -> Node<'_> {
    let mut found = node.resource();
    while found.name() == "contained" {
        match found.parent() {
            Some(parent) => found = parent.resource(),
            None => break,
        }
    }
    found
}

fn contained_in<'t>(container: Node<'t>, id: &str) -> Option<Node<'t>> {
    container.named("contained").find(|inner| inner.child_text("id") == Some(id))
}

/// What the text of a reference tells.
pub(crate) fn told(text: &str) -> Told<'_> {
    let path = text.split(['?', '|']).next().unwrap_or_default();
    let path = path.split("/_history/").next().unwrap_or_default();
    let mut parts = path.rsplit('/');
    let id = parts.next().unwrap_or_default();
    let name = parts.next().unwrap_or_default();
    let named = name.starts_with(|first: char| first.is_ascii_uppercase())
        && name.bytes().all(|byte| byte.is_ascii_alphabetic());
    let holds = named && super::primitive::id(id).is_ok() && !text.starts_with("urn:");
    if !holds && text.contains('?') && !text.contains("://") {
        let name = path;
        let of_type = name.starts_with(|first: char| first.is_ascii_uppercase());
        return Told { type_name: Some(name).filter(|_| of_type) };
    }
    Told { type_name: Some(name).filter(|_| holds) }
}
