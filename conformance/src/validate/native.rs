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

const NATIVES: [(&str, Native); 16] = [
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
    // By their expressions the type of the Bundle is looked for anew for each entry, among all entries.
    (
        "entry.all(request.exists() = (%resource.type = 'batch' or %resource.type = 'transaction' or %resource.type = 'history'))",
        requests,
    ),
    (
        "entry.all(response.exists() = (%resource.type = 'batch-response' or %resource.type = 'transaction-response' or \
         %resource.type = 'history'))",
        responses,
    ),
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

fn requests(node: Node<'_>) -> Option<bool> {
    each_entry(node, "request", &["batch", "transaction", "history"])
}

fn responses(node: Node<'_>) -> Option<bool> {
    each_entry(node, "response", &["batch-response", "transaction-response", "history"])
}

/// Whether each entry of a Bundle has `name` where the Bundle is of one of `types`, and else none has. A Bundle without one
/// type is left to the expression.
fn each_entry(bundle: Node<'_>, name: &str, types: &[&str]) -> Option<bool> {
    let mut told = bundle.named("type");
    let (only, none) = (told.next()?.text()?, told.next());
    if bundle.resource_type() != Some("Bundle") || none.is_some() {
        return None;
    }
    let wanted = types.contains(&only);
    Some(bundle.named("entry").all(|entry| has(entry, name) == wanted))
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

#[cfg(test)]
mod tests {
    use super::NATIVES;
    use crate::fhirpath::{Expression, Scope};
    use crate::model::Tables;
    use crate::tree::{Limits, Tree};

    /// What code says of bundles is what the expressions say.
    #[test]
    fn entries_are_judged_by_code_as_by_their_expressions() {
        let types =
            ["batch", "transaction", "history", "batch-response", "transaction-response", "searchset", "x"];
        let entries = [
            "",
            r#","entry":[{"request":{"method":"GET"}}]"#,
            r#","entry":[{"response":{"status":"200"}}]"#,
            r#","entry":[{"request":{"method":"GET"},"response":{"status":"200"}},{"fullUrl":"urn:a"}]"#,
            r#","entry":[{"request":{"method":"GET"},"response":{"status":"200"}}]"#,
        ];
        let of_bundles = NATIVES.iter().filter(|(text, _)| text.starts_with("entry.all("));
        let mut judged = 0;
        for (text, native) in of_bundles {
            let expression = Expression::parse(text).unwrap();
            for (kind, entries) in types.iter().flat_map(|kind| entries.map(|entries| (kind, entries))) {
                let bundle = format!(r#"{{"resourceType":"Bundle","type":"{kind}"{entries}}}"#);
                let tree = Tree::read(bundle.as_bytes(), &Limits::default()).unwrap();
                let mut scope = Scope::new(&Tables::R4, tree.root());
                scope.resource = Some(tree.root());
                let evaluated = expression.evaluate(&scope).unwrap().is_true();
                assert_eq!(native(tree.root()), Some(evaluated), "{text}: {bundle}");
                judged += 1;
            }
            let untyped =
                Tree::read(br#"{"resourceType":"Bundle","entry":[{}]}"#, &Limits::default()).unwrap();
            assert_eq!(native(untyped.root()), None);
        }
        assert_eq!(judged, 2 * 7 * 5);
    }
}
