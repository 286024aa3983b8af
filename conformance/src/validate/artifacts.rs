//! Resources that define: value sets, code systems, questionnaires, profiles, search parameters.
//!
//! What they say is held against itself and against the definitions that are at hand.

use std::collections::HashMap;

use fhir::tables::{self, SearchKind};

use super::Run;
use super::finding::Rule;
use crate::definitions::make;
use crate::definitions::merge;
use crate::definitions::structure::Structure;
use crate::tree::Node;

impl<'a> Run<'a> {
    /// The rules of `node` that no invariant tells, by its type.
    pub(crate) fn artifact(&mut self, node: Node<'a>, name: &str) {
        match name {
            "ValueSet" => self.value_set(node),
            "CodeSystem" => self.code_system(node),
            "Questionnaire" => self.questionnaire(node),
            "StructureDefinition" => self.structure_definition(node),
            "SearchParameter" => self.search_parameter(node),
            "CapabilityStatement" => self.capabilities(node),
            _ => return,
        }
        // Its canonical is how others find it.
        if let Some(url) = node.child("url")
            && url.text().is_some_and(|url| !url.contains(':'))
        {
            self.error(Rule::Value, url, "the url of a definition is absolute");
        }
    }

    fn value_set(&mut self, node: Node<'a>) {
        let compose = node.child("compose");
        let parts = compose.into_iter().flat_map(|compose| {
            compose.children().filter(|part| matches!(part.name(), "include" | "exclude"))
        });
        for part in parts {
            if let Some(system) = part.child("system") {
                match system.text() {
                    Some(text) if !text.contains(':') => {
                        self.error(Rule::Value, system, "a code system is named by an absolute uri");
                    }
                    Some(text) => self.codes_of(part, text),
                    None => {}
                }
            }
        }
    }

    /// Codes that a value set lists, and filters, held against a code system that is at hand.
    fn codes_of(&mut self, part: Node<'a>, system: &str) {
        let at = self.definitions.code_system_at(system);
        let Some(known) =
            at.and_then(|at| self.definitions.code_system(at)).filter(|known| known.is_complete())
        else {
            return;
        };
        for concept in part.named("concept") {
            if concept.child_text("code").is_some_and(|code| known.concept(code).is_none()) {
                self.error(Rule::Code, concept, "not a code of its code system");
            }
        }
        for filter in part.named("filter") {
            let names_a_code = matches!(filter.child_text("op"), Some("is-a" | "is-not-a" | "descendent-of"))
                || filter.child_text("property") == Some("parent");
            if names_a_code && filter.child_text("value").is_some_and(|code| known.concept(code).is_none()) {
                self.error(Rule::Code, filter, "a filter by a code that the code system does not have");
            }
        }
    }

    fn code_system(&mut self, node: Node<'a>) {
        let supplement = node.child_text("content") == Some("supplement");
        if node.child("supplements").is_some() && !supplement {
            self.error(Rule::Value, node, "what supplements a code system has the content supplement");
        }
        if supplement && node.child("supplements").is_none() {
            self.error(Rule::Value, node, "a supplement tells what it supplements");
        }
        let mut kinds: HashMap<&str, &str> = HashMap::new();
        for property in node.named("property") {
            let code = property.child_text("code").unwrap_or_default();
            if kinds.insert(code, property.child_text("type").unwrap_or_default()).is_some() {
                self.error(Rule::Value, property, "two properties have this code");
            }
        }
        for property in node.descendants().filter(|one| one.name() == "property") {
            if property.parent().is_none_or(|parent| parent.name() != "concept") {
                continue;
            }
            let value = property.children().find_map(|child| child.name().strip_prefix("value"));
            let kind = property.child_text("code").and_then(|code| kinds.get(code));
            if let Some((value, kind)) = value.zip(kind)
                && !merge::same_type(kind, value)
            {
                self.error(Rule::Value, property, "not the type that the property was given");
            }
        }
    }

    fn questionnaire(&mut self, node: Node<'a>) {
        let mut items: HashMap<&str, Node<'a>> = HashMap::new();
        let of_items = |one: &Node<'a>| one.name() == "item";
        for item in node.descendants().filter(of_items) {
            if let Some(id) = item.child_text("linkId") {
                items.insert(id, item);
            }
        }
        for item in node.descendants().filter(of_items) {
            let conditions = item.named("enableWhen").count();
            if conditions > 1 && item.child("enableBehavior").is_none() {
                self.error(Rule::Cardinality, item, "more than one enableWhen needs an enableBehavior");
            }
            for condition in item.named("enableWhen") {
                self.condition(condition, item, &items);
            }
        }
    }

    fn condition(&mut self, condition: Node<'a>, item: Node<'a>, items: &HashMap<&str, Node<'a>>) {
        let Some(question) = condition.child_text("question") else {
            return;
        };
        let Some(asked) = items.get(question) else {
            return self.error(Rule::Reference, condition, "no item has the linkId that enableWhen asks for");
        };
        if *asked == item {
            return self.error(Rule::Reference, condition, "an item is enabled by itself");
        }
        let kind = asked.child_text("type").unwrap_or_default();
        let answer = condition.children().find_map(|child| child.name().strip_prefix("answer"));
        let exists = condition.child_text("operator") == Some("exists");
        let Some(answer) = answer.filter(|_| !exists) else {
            return;
        };
        let wanted: &[&str] = match kind {
            "boolean" => &["Boolean"],
            "decimal" => &["Decimal"],
            "integer" => &["Integer"],
            "date" => &["Date"],
            "dateTime" => &["DateTime"],
            "time" => &["Time"],
            "string" | "text" | "url" => &["String"],
            "choice" | "open-choice" => &["Coding", "String", "Integer", "Date", "Time", "Reference"],
            "quantity" => &["Quantity"],
            "reference" => &["Reference"],
            _ => return,
        };
        if !wanted.contains(&answer) {
            self.error(
                Rule::Choice,
                condition,
                "the answer is not of the type of the item that is asked for",
            );
        }
    }

    /// A profile is merged with what it constrains: every element it names is there.
    fn structure_definition(&mut self, node: Node<'a>) {
        if node.child("differential").is_none() || node.child_text("derivation") != Some("constraint") {
            return;
        }
        let elements = node.child("differential").into_iter().flat_map(|view| view.named("element"));
        for element in elements {
            let (id, path) = (element.child_text("id"), element.child_text("path"));
            if id.zip(path).is_some_and(|(id, path)| !same_path(id, path)) {
                self.error(
                    Rule::Profile,
                    element,
                    "the id of the element is not its path with the names of slices",
                );
            }
        }
        let Some(structure) = make::structure_text(node).and_then(|text| Structure::read(&text).ok()) else {
            return self.error(Rule::Profile, node, "the definition cannot be read");
        };
        match merge::shape(self.definitions, &structure, merge::CHAIN_MAX) {
            Ok(shape) => {
                for element in &shape.stray {
                    let text = format!("the element {element} is not there to be constrained");
                    self.error(Rule::Profile, node, text);
                }
            }
            Err(bad) => self.unchecked(Rule::Profile, node, bad.to_string()),
        }
    }

    fn search_parameter(&mut self, node: Node<'a>) {
        let Some((name, code)) = node.child_text("derivedFrom").and_then(parameter) else {
            return;
        };
        let Some(kind) = kind_of(name, code) else {
            return;
        };
        if node.child_text("type").is_some_and(|is| is != kind) {
            self.error(Rule::Value, node, "not of the type of the parameter that it is derived from");
        }
        if !node.named("base").filter_map(Node::text).any(|base| base == name) {
            self.error(Rule::Value, node, "not for the type of the parameter that it is derived from");
        }
    }

    fn capabilities(&mut self, node: Node<'a>) {
        for parameter_of in node.descendants().filter(|one| one.name() == "searchParam") {
            let kind = parameter_of.child_text("definition").and_then(parameter);
            let kind = kind.and_then(|(name, code)| kind_of(name, code));
            if let Some((kind, is)) = kind.zip(parameter_of.child_text("type"))
                && is != kind
            {
                self.error(Rule::Value, parameter_of, "not of the type that its definition gives");
            }
        }
    }
}

/// Whether an element id is the path with the names of slices. A choice may be told by its type or by its slice.
fn same_path(id: &str, path: &str) -> bool {
    let names = id.split('.').map(|part| part.split(':').next().unwrap_or(part));
    names.eq(path.split('.'))
}

/// The type and the code that a canonical of a search parameter of the core specification tells.
fn parameter(canonical: &str) -> Option<(&str, &str)> {
    let id = canonical.strip_prefix("http://hl7.org/fhir/SearchParameter/")?;
    id.split('|').next()?.split_once('-')
}

/// The type of a search parameter, as FHIR R4 has it.
fn kind_of(name: &str, code: &str) -> Option<&'static str> {
    let found = tables::search_parameter(tables::type_named(name)?, code)?;
    Some(match found.kind() {
        SearchKind::Number => "number",
        SearchKind::Date => "date",
        SearchKind::String => "string",
        SearchKind::Token => "token",
        SearchKind::Reference => "reference",
        SearchKind::Composite => "composite",
        SearchKind::Quantity => "quantity",
        SearchKind::Uri => "uri",
        SearchKind::Special => "special",
    })
}
