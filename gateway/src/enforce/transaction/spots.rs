//! Where a body may name another entry of its transaction.

use fhir::json::{Key, Kind as Json, Node};
use fhir::tables::{TypeId, TypeKind, element, resource_type};

/// A place in a body where something may be named.
#[derive(Clone, Copy)]
pub(super) struct Spot<'n> {
    pub(super) value: Node<'n>,
    pub(super) kind: Kind,
}

/// What stands there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// `Reference.reference`.
    Reference,
    /// `Bundle.entry.fullUrl`, inside a Bundle that is sent as a whole.
    FullUrl,
    /// Another element that is an address or a name: uri, url, oid, uuid.
    Link,
    /// XHTML: its links and images.
    Narrative,
}

/// Types of elements in which a name of an entry stands for that entry (R4, http.html#trules). Not `canonical`.
const LINKS: [&str; 4] = ["uri", "url", "oid", "uuid"];

/// Every such place, in the order in which they stand. `reference` is one wherever it stands, also where no type is known.
pub(super) fn spots(root: Node<'_>) -> Vec<Spot<'_>> {
    let (mut open, mut found) = (vec![(root, None)], Vec::new());
    while let Some((node, of)) = open.pop() {
        // Whatever a list may hold, each item of it may be that.
        open.extend(node.items().map(|item| (item, of)));
        let of = type_of(node, of);
        for (key, value) in node.members() {
            let child = of.and_then(|owner| element(owner, &key.text())).and_then(|found| found.only_type());
            let mut strings = Vec::new();
            match value.kind() {
                Json::String => strings.push(value),
                Json::Array => {
                    strings.extend(value.items().filter(|item| item.kind() == Json::String));
                    open.push((value, child));
                }
                Json::Object => open.push((value, child)),
                Json::Number | Json::Boolean | Json::Null => {}
            }
            if let Some(kind) = kind(key, child) {
                found.extend(strings.into_iter().map(|value| Spot { value, kind }));
            }
        }
    }
    found.sort_unstable_by_key(|spot| spot.value.offset());
    found
}

/// The type of an object: what its place says, or, where any resource may stand, what it says itself.
fn type_of(node: Node<'_>, by_place: Option<TypeId>) -> Option<TypeId> {
    match by_place.map(TypeId::kind) {
        None | Some(TypeKind::Resource | TypeKind::Abstract) => {
            node.str_at(&["resourceType"]).and_then(|name| resource_type(&name))
        }
        Some(
            TypeKind::Complex | TypeKind::Backbone | TypeKind::Text | TypeKind::Number | TypeKind::Boolean,
        ) => by_place,
    }
}

fn kind(key: Key<'_>, of: Option<TypeId>) -> Option<Kind> {
    if key.is("reference") {
        return Some(Kind::Reference);
    }
    let of = of?;
    match LINKS.contains(&of.name()) {
        true if key.is("fullUrl") => Some(Kind::FullUrl),
        true => Some(Kind::Link),
        false => of.is_xhtml().then_some(Kind::Narrative),
    }
}

/// A narrative with the addresses of its links and images as `stands_for` says; nothing where it says nothing of any.
pub(super) fn relinked<'t>(div: &str, mut stands_for: impl FnMut(&str) -> Option<&'t str>) -> Option<String> {
    let (mut out, mut rest, mut is_changed) = (String::new(), div, false);
    while let Some((before, address, after)) = next_address(rest) {
        let name = stands_for(address);
        is_changed |= name.is_some();
        out.push_str(before);
        out.push_str(name.unwrap_or(address));
        rest = after;
    }
    out.push_str(rest);
    is_changed.then_some(out)
}

/// The first value of a `href` or `src`: what is before it, itself, and what is behind it.
fn next_address(text: &str) -> Option<(&str, &str, &str)> {
    let mut from = 0;
    loop {
        let quote = from + text.get(from..)?.find(['"', '\''])?;
        let (before, behind) = text.split_at_checked(quote + 1)?;
        let name = text.get(..quote)?;
        let is_attribute = |attribute: &str| {
            let before = name.strip_suffix(attribute);
            before.is_some_and(|before| before.ends_with(|last: char| last.is_ascii_whitespace()))
        };
        if is_attribute("href=") || is_attribute("src=") {
            let (address, _) = behind.split_once(before.chars().next_back()?)?;
            return Some((before, address, behind.get(address.len()..)?));
        }
        from = quote + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_addresses_of_links_and_images_are_written_anew_and_nothing_else_is() {
        let anew = |address: &str| (address == "old").then_some("new");
        for (div, expected) in [
            (r#"<div><a href="old">old</a></div>"#, Some(r#"<div><a href="new">old</a></div>"#)),
            (
                "<div>Ann's <img class='x' src='old'/> <a\nhref=\"old\"/></div>",
                Some("<div>Ann's <img class='x' src='new'/> <a\nhref=\"new\"/></div>"),
            ),
            (r#"<div><a href="other" title="old">old</a></div>"#, None),
            (r#"<div data-href="old">href=old</div>"#, None),
            (r#"<a href="old"#, None),
            ("", None),
        ] {
            assert_eq!(relinked(div, anew).as_deref(), expected, "{div}");
        }
    }
}
