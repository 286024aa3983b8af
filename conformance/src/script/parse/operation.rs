//! Operations: what request a code asks for.

use super::{Noted, boolean, extension, owned, template, text};
use crate::script::finding::Severity;
use crate::script::plan::{Operation, Shape};
use crate::script::template::Template;
use crate::tree::Node;

/// Reads an operation, and why it cannot be done if it cannot.
pub(super) fn operation(node: Node<'_>, noted: &mut Noted) -> (Operation, Option<String>) {
    let kind = node.child("type");
    let code = kind
        .and_then(|kind| text(kind, "code").or(kind.text().map(str::trim)))
        .filter(|code| !code.is_empty());
    let system = kind.and_then(|kind| text(kind, "system")).unwrap_or_default();
    let (shape, mut unsupported) = shape(code, system);
    let number = |name: &str| text(node, name).and_then(|index| index.parse().ok());
    let headers = node.named("requestHeader").filter_map(|header| {
        Some((template(header, "field")?, Template::new(header.child_text("value").unwrap_or_default())))
    });
    let operation = Operation {
        code: code.map(str::to_owned),
        shape,
        method: template(node, "method"),
        resource: template(node, "resource"),
        url: template(node, "url"),
        params: template(node, "params"),
        target_id: owned(node, "targetId"),
        source_id: owned(node, "sourceId"),
        response_id: owned(node, "responseId"),
        request_id: owned(node, "requestId"),
        origin: number("origin"),
        destination: number("destination"),
        accept: template(node, "accept"),
        content_type: template(node, "contentType"),
        headers: headers.collect(),
        encode: boolean(node, "encodeRequestUrl").unwrap_or(true),
        import: extension::import(node),
        wait: extension::wait(node),
        pages: extension::pages(node),
    };
    unsupported = unsupported.or_else(|| extension::unsupported_operation(node));
    checked(node, &operation, noted);
    (operation, unsupported)
}

fn checked(node: Node<'_>, operation: &Operation, noted: &mut Noted) {
    if operation.import.is_some() {
        return;
    }
    let addressed = operation.url.is_some() || operation.method.is_some();
    if operation.code.is_none() && !addressed {
        noted.note(Severity::Warning, node, "no-type", "neither type nor method nor url says what to do");
    }
    let aims = [operation.url.is_some(), operation.params.is_some(), operation.target_id.is_some()];
    let aimed = operation.source_id.is_some() || aims.contains(&true);
    let free = matches!(
        operation.shape,
        Shape::Capabilities | Shape::Search | Shape::History | Shape::Whole | Shape::Named(_)
    );
    if !aimed && !free && operation.code.is_some() {
        noted.note(
            Severity::Warning,
            node,
            "tst-8",
            "sourceId, targetId, params or url says what the operation is about (tst-8 since R4, tst-7 before)",
        );
    }
    if let Some(method) = operation.method.as_ref().filter(|method| method.is_plain()) {
        let known = ["get", "post", "put", "patch", "delete", "head", "options"];
        if !known.contains(&method.text().to_ascii_lowercase().as_str()) {
            noted.note(
                Severity::Error,
                node,
                "method",
                "method is get, post, put, patch, delete, head or options",
            );
        }
    }
}

/// The request that a code asks for.
fn shape(code: Option<&str>, system: &str) -> (Shape, Option<String>) {
    let Some(code) = code else { return (Shape::Plain, None) };
    let vendor = if system.contains("touchstone") {
        Vendor::Touchstone
    } else if system.contains("asbestos") {
        Vendor::Asbestos
    } else {
        Vendor::None
    };
    let shape = match code {
        "read" => Shape::Read,
        "vread" => Shape::VRead,
        "update" | "updateCreate" | "updateMultiple" => Shape::Update,
        "patch" => Shape::Patch,
        "delete" | "deleteCondSingle" | "deleteCondMultiple" => Shape::Delete,
        "create" => Shape::Create,
        "search" | "search-type" | "search-system" => Shape::Search,
        "history" | "history-instance" | "history-type" | "history-system" => Shape::History,
        "batch" | "transaction" | "mhd-pdb-transaction" => Shape::Whole,
        "capabilities" | "conformance" => Shape::Capabilities,
        "get" | "post" | "put" | "head" | "options" if vendor == Vendor::Touchstone => Shape::Plain,
        "internalFtkRequest" | "eventPart" if vendor == Vendor::Asbestos => Shape::Plain,
        other if vendor != Vendor::None => {
            return (Shape::Plain, Some(format!("the operation {other} of {system}")));
        }
        other => Shape::Named(other.trim_start_matches('$').to_owned()),
    };
    (shape, None)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Vendor {
    None,
    Touchstone,
    Asbestos,
}
