//! Invariants of the base definitions that are asked of nearly every element, as code.
//!
//! They are known by their expression, not by their key: who restates one under its key with another expression is
//! evaluated by that. `None` says that code cannot tell; the expression is evaluated then.

use std::collections::HashSet;

use crate::tree::Node;

/// An invariant as code.
pub(crate) type Native = fn(Node<'_>) -> Option<bool>;

/// Expressions that other parts of the validator hold: narratives, and references to what is contained.
pub(crate) const ELSEWHERE: [&str; 2] = [
    "htmlChecks()",
    "reference.startsWith('#').not() or (reference.substring(1).trace('url') in %rootResource.contained.id.trace('ids'))",
];

const NATIVES: [(&str, Native); 14] = [
    ("hasValue() or (children().count() > id.count())", not_empty),
    ("hasValue() or (children().count() > id.count()) or $this is Parameters", not_empty),
    ("extension.exists() != value.exists()", extension),
    ("contained.contained.empty()", nothing_nested),
    ("contained.meta.versionId.empty() and contained.meta.lastUpdated.empty()", no_versions),
    ("contained.meta.security.empty()", no_labels),
    (
        "contained.where((('#'+id in (%resource.descendants().reference | %resource.descendants().as(canonical) | \
         %resource.descendants().as(uri) | %resource.descendants().as(url))) or descendants().where(reference = '#').exists() \
         or descendants().where(as(canonical) = '#').exists() or descendants().where(as(canonical) = '#').exists()).not())\
         .trace('unmatched', id).empty()",
        all_referred_to,
    ),
    ("text.`div`.exists()", narrative),
    ("value.empty() or system.exists()", system_of_value),
    ("start.hasValue().not() or end.hasValue().not() or (start <= end)", ordered),
    ("code.empty() or system.exists()", system_of_code),
    ("data.empty() or contentType.exists()", type_of_data),
    ("name.exists() or telecom.exists() or address.exists() or organization.exists()", contact),
    ("resource.exists() or request.exists() or response.exists()", entry),
];

/// The code for an expression.
pub(crate) fn native(expression: &str) -> Option<Native> {
    NATIVES.iter().find(|(is, _)| *is == expression).map(|(_, native)| *native)
}

fn has(node: Node<'_>, name: &str) -> bool {
    node.child(name).is_some()
}

/// Something of a choice called `stem`.
fn has_choice(node: Node<'_>, stem: &str) -> bool {
    node.children().any(|child| {
        let suffix = child.name().strip_prefix(stem);
        suffix.is_some_and(|suffix| suffix.starts_with(|first: char| first.is_ascii_uppercase()))
    })
}

fn not_empty(node: Node<'_>) -> Option<bool> {
    let told = node.value().is_some() || node.children().any(|child| child.name() != "id");
    Some(told || node.resource_type().is_some())
}

fn extension(node: Node<'_>) -> Option<bool> {
    Some(has(node, "extension") != has_choice(node, "value"))
}

fn nothing_nested(node: Node<'_>) -> Option<bool> {
    Some(!node.named("contained").any(|inner| has(inner, "contained")))
}

fn no_versions(node: Node<'_>) -> Option<bool> {
    let versioned = |meta: Node<'_>| has(meta, "versionId") || has(meta, "lastUpdated");
    Some(!node.named("contained").filter_map(|inner| inner.child("meta")).any(versioned))
}

fn no_labels(node: Node<'_>) -> Option<bool> {
    Some(!node.named("contained").filter_map(|inner| inner.child("meta")).any(|meta| has(meta, "security")))
}

fn all_referred_to(node: Node<'_>) -> Option<bool> {
    if !has(node, "contained") {
        return Some(true);
    }
    let texts: HashSet<&str> =
        node.descendants().filter_map(Node::text).filter_map(|text| text.strip_prefix('#')).collect();
    let refers_back = |inner: Node<'_>| inner.descendants().any(|one| one.text() == Some("#"));
    let referred =
        |inner: Node<'_>| inner.child_text("id").is_some_and(|id| texts.contains(id)) || refers_back(inner);
    Some(node.named("contained").all(referred))
}

fn narrative(node: Node<'_>) -> Option<bool> {
    Some(node.child("text").is_some_and(|text| has(text, "div")))
}

fn system_of_value(node: Node<'_>) -> Option<bool> {
    Some(!has(node, "value") || has(node, "system"))
}

fn system_of_code(node: Node<'_>) -> Option<bool> {
    Some(!has(node, "code") || has(node, "system"))
}

fn type_of_data(node: Node<'_>) -> Option<bool> {
    Some(!has(node, "data") || has(node, "contentType"))
}

fn contact(node: Node<'_>) -> Option<bool> {
    Some(["name", "telecom", "address", "organization"].iter().any(|name| has(node, name)))
}

fn entry(node: Node<'_>) -> Option<bool> {
    Some(["resource", "request", "response"].iter().any(|name| has(node, name)))
}

/// A period whose ends are told alike is ordered as their texts are; of others the expression tells.
fn ordered(node: Node<'_>) -> Option<bool> {
    let Some((start, end)) = node.child_text("start").zip(node.child_text("end")) else {
        return Some(true);
    };
    if start.len() == end.len() && zone(start) == zone(end) && !start.contains('.') {
        return Some(start <= end);
    }
    None
}

fn zone(text: &str) -> &str {
    text.split_once('T').and_then(|(_, time)| time.get(8..)).unwrap_or_default()
}
