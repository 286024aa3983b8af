//! What is attached to what a document says, and is not in it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fhir::json::{Kind, Node};

use super::narrative::shown;
use super::source::Source;
use super::xml::Element;

/// The attachments of the Bundle of which `document` has neither the bytes nor, where they are plain text, the words: by where
/// they stand.
pub(super) fn unsaid(source: &Source<'_>, document: &Element) -> Vec<String> {
    let mut unsaid = Vec::new();
    let mut words = None;
    for held in &source.held {
        let mut found = Vec::new();
        attached(held.node, &mut found);
        for (kind, data) in found {
            if source.is_carried(data) {
                continue;
            }
            let told = words.get_or_insert_with(|| bare(&shown(document)));
            if !is_said(kind, data, told) {
                unsaid.push(source.name(held));
            }
        }
    }
    unsaid
}

/// What stands beside a media type as `data`, with that type.
fn attached<'b>(node: Node<'b>, found: &mut Vec<(Node<'b>, Node<'b>)>) {
    if node.kind() == Kind::Array {
        node.items().for_each(|item| attached(item, found));
        return;
    }
    if let (Some(kind), Some(data)) = (node.member("contentType"), node.member("data")) {
        found.push((kind, data));
    }
    for (_, value) in node.members() {
        if matches!(value.kind(), Kind::Object | Kind::Array) {
            attached(value, found);
        }
    }
}

/// Whether `data`, of the media type `kind`, is a text whose words are all in `told`, which has no white space.
pub(super) fn is_said(kind: Node<'_>, data: Node<'_>, told: &str) -> bool {
    is_plain(kind) && text(data).is_some_and(|text| told.contains(&bare(&text)))
}

fn is_plain(kind: Node<'_>) -> bool {
    let kind = kind.string().unwrap_or_default();
    kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("text/plain")
}

fn text(data: Node<'_>) -> Option<String> {
    let packed: String = data.string()?.chars().filter(|letter| !letter.is_ascii_whitespace()).collect();
    String::from_utf8(STANDARD.decode(packed).ok()?).ok()
}

/// Without white space: how lines are broken is no part of what is said.
pub(super) fn bare(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_whitespace()).collect()
}
