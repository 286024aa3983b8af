//! Extensions: known or not, in a place that is meant for them, with the value that is meant for them.

use super::Run;
use super::finding::Rule;
use crate::definitions::CORE;
use crate::definitions::shape::Shape;
use crate::definitions::structure::Context;
use crate::fhirpath::{Expression, Item};
use crate::tree::Node;

/// Whether a context lets an extension stand in a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Allows {
    Yes,
    No,
    /// It cannot be told.
    Unknown,
}

impl From<bool> for Allows {
    fn from(allows: bool) -> Self {
        if allows { Self::Yes } else { Self::No }
    }
}

/// Places where the core specification itself puts an extension, though its definition does not name them.
const ERRATA: [(&str, &str); 1] =
    [("http://hl7.org/fhir/StructureDefinition/structuredefinition-fhir-type", "ElementDefinition.type")];

impl<'a> Run<'a> {
    /// Holds an extension to its definition.
    pub(crate) fn extension(&mut self, node: Node<'a>) {
        let Some(url) = node.child_text("url") else {
            return;
        };
        if !url.contains(':') {
            let nested = node.parent().is_some_and(|parent| parent.name().ends_with("xtension"));
            if !nested {
                self.error(Rule::Extension, node, "the url of an extension is absolute");
            }
            return;
        }
        let Some(at) = self.definitions.structure_at(url) else {
            return self.unknown_extension(node, url);
        };
        let shape = match self.definitions.shape(at) {
            Ok(shape) => shape,
            Err(bad) => return self.unchecked(Rule::Profile, node, bad.to_string()),
        };
        if &*shape.type_name != "Extension" {
            return self.error(Rule::Extension, node, "the url is that of a definition that is no extension");
        }
        self.shape(node, shape);
        self.placed(node, shape);
    }

    fn unknown_extension(&mut self, node: Node<'a>, url: &str) {
        if url.starts_with(CORE) {
            return self.error(Rule::Extension, node, "FHIR R4 has no such extension");
        }
        if node.name() == "modifierExtension" {
            return self.error(Rule::Extension, node, "a modifier extension that is in no pack");
        }
        self.unchecked(Rule::Extension, node, "the extension is in no pack");
    }

    /// Whether the extension may stand where it does.
    fn placed(&mut self, node: Node<'a>, shape: &'a Shape) {
        let Some(parent) = node.parent() else {
            return;
        };
        let modifies = shape.root.modifier;
        if modifies && node.name() == "extension" {
            self.error(Rule::Extension, node, "an extension that modifies stands as a modifierExtension");
        }
        if !modifies && node.name() == "modifierExtension" {
            self.error(Rule::Extension, node, "an extension that modifies nothing stands as an extension");
        }
        self.in_context(node, parent, shape);
        self.context_invariants(node, parent, &shape.context_invariants);
    }

    /// Whether one of the contexts of its definition is where the extension stands.
    fn in_context(&mut self, node: Node<'a>, parent: Node<'a>, shape: &'a Shape) {
        if shape.contexts.is_empty() {
            return;
        }
        let here = self.names_of(parent);
        if ERRATA.iter().any(|(url, place)| *url == &*shape.url && here.iter().any(|name| name == place)) {
            return;
        }
        let mut allowed = Allows::No;
        for context in &shape.contexts {
            match self.allows(context, &here, node, parent) {
                Allows::Yes => return,
                Allows::Unknown => allowed = Allows::Unknown,
                Allows::No => {}
            }
        }
        if allowed == Allows::Unknown {
            self.unchecked(Rule::Extension, node, "whether the extension may stand here cannot be evaluated");
        } else {
            self.error(Rule::Extension, node, "the extension may not stand here");
        }
    }

    fn allows(&mut self, context: &Context, here: &[String], node: Node<'a>, place: Node<'a>) -> Allows {
        let expression = &*context.expression;
        match &*context.kind {
            "element" => {
                let plain = expression.split('#').next_back().unwrap_or(expression);
                Allows::from(matches!(plain, "Element" | "*") || here.iter().any(|name| name == plain))
            }
            "extension" => {
                let inner = expression.split_once('#').map_or(expression, |(_, inner)| inner);
                Allows::from(place.child_text("url") == Some(inner))
            }
            "fhirpath" => {
                Expression::parse(expression).map_or(Allows::Unknown, |query| self.finds(&query, node, place))
            }
            _ => Allows::Unknown,
        }
    }

    /// Whether `place` is among what a query finds from its resource, or the query says `true` of the place itself.
    fn finds(&mut self, query: &Expression, node: Node<'a>, place: Node<'a>) -> Allows {
        let mut unknown = false;
        for focus in [self.resource, place] {
            let is_place =
                |item: &Item<'_>| item.node().is_some_and(|found| found.number() == place.number());
            match self.found_at(focus, query, Some(node)) {
                Some(found) if found.iter().any(is_place) => return Allows::Yes,
                Some(found)
                    if focus.number() == place.number() && matches!(&*found, [Item::Boolean(true)]) =>
                {
                    return Allows::Yes;
                }
                Some(_) => {}
                None => unknown = true,
            }
        }
        if unknown { Allows::Unknown } else { Allows::No }
    }

    /// What the place is called: `Patient.contact.name`, `HumanName`, `Element` and so on.
    fn names_of(&self, place: Node<'a>) -> Vec<String> {
        let mut found = Vec::new();
        let mut names: Vec<&str> = Vec::new();
        let mut at = Some(place);
        while let Some(here) = at {
            let kind = here.resource_type().map(str::to_owned).or_else(|| self.type_name(here));
            if let Some(kind) = &kind {
                // The paths that start at the type of this element.
                let path: Vec<&str> =
                    std::iter::once(kind.as_str()).chain(names.iter().rev().copied()).collect();
                found.push(path.join("."));
                let bases = self.bases(kind);
                for base in bases {
                    let path: Vec<&str> = std::iter::once(base).chain(names.iter().rev().copied()).collect();
                    found.push(path.join("."));
                }
            }
            if here.resource_type().is_some() {
                break;
            }
            names.push(here.name());
            at = here.parent();
        }
        let choices: Vec<String> = found.iter().filter_map(|path| self.choice_of(path, place)).collect();
        found.extend(choices);
        found
    }

    /// `Observation.value[x]` for `Observation.valueQuantity`.
    fn choice_of(&self, path: &str, place: Node<'a>) -> Option<String> {
        let kind = self.type_name(place)?;
        let mut letters = kind.chars();
        let suffix = letters.next()?.to_uppercase().chain(letters).collect::<String>();
        path.strip_suffix(&suffix).filter(|stem| !stem.ends_with('.')).map(|stem| format!("{stem}[x]"))
    }

    fn bases(&self, kind: &str) -> Vec<&'a str> {
        let at = self.definitions.type_at(kind);
        let shape = at.and_then(|at| self.definitions.shape(at).ok());
        let chain = shape.map(|shape| shape.chain.as_slice()).unwrap_or_default();
        chain.iter().map(|url| url.rsplit('/').next().unwrap_or(url)).collect()
    }

    /// The type of an element of the base definitions.
    fn type_name(&self, node: Node<'a>) -> Option<String> {
        use crate::model::{Model, Tables};
        let kind = Tables::R4.type_of(node)?;
        Some(Tables::R4.name(kind).to_owned())
    }
}
