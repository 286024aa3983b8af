//! Pages of a searchset: what a page must be, and where the next one is.

use fhir::json::{Document, Node};

use super::UpstreamFault;
use super::holder::Holder;
use crate::server::target::Target;

/// How many entries a page has. The page itself is checked on the way.
pub(in crate::upstream) fn check_page(page: &Document, resource_type: &str) -> Result<usize, UpstreamFault> {
    let bundle = page.root();
    let is = |node: Node<'_>, name: &str, text: &str| {
        node.member(name).is_some_and(|member| member.is_string(text))
    };
    if !is(bundle, "resourceType", "Bundle") || !is(bundle, "type", "searchset") {
        return Err(UpstreamFault::NotASearchset);
    }
    let Some(entries) = bundle.member("entry") else { return Ok(0) };
    let mut count = 0;
    for entry in entries.items() {
        let resource = entry.member("resource").ok_or(UpstreamFault::UnexpectedEntry)?;
        let beside = entry
            .member("search")
            .is_some_and(|search| is(search, "mode", "include") || is(search, "mode", "outcome"));
        if !beside && !is(resource, "resourceType", resource_type) {
            return Err(UpstreamFault::UnexpectedEntry);
        }
        count += 1;
    }
    Ok(count)
}

/// What follows the base in the next link of a page; none on the last page.
///
/// The link is read once: it must start with the base or another name of the system, and be written there in plain
/// segments. What is asked next is the base with the rest of the link behind it.
pub(in crate::upstream) fn next_page(
    page: &Document,
    holder: &Holder,
) -> Result<Option<String>, UpstreamFault> {
    let Some(links) = page.root().member("link") else { return Ok(None) };
    let mut next = links
        .items()
        .filter(|link| link.member("relation").is_some_and(|relation| relation.is_string("next")));
    let (link, None) = (next.next(), next.next()) else { return Err(UpstreamFault::BadLink) };
    let Some(link) = link else { return Ok(None) };
    let url = link.str_at(&["url"]).ok_or(UpstreamFault::BadLink)?;
    let (place, query) = url.split_once('?').ok_or(UpstreamFault::BadLink)?;
    // The slash makes the base itself a place under the base.
    let whole = format!("{}/", place.strip_suffix('/').unwrap_or(place));
    let path = match place.contains("://") {
        true => holder.names.relative(&whole).ok_or(UpstreamFault::BadLink)?,
        false if place.starts_with('/') => return Err(UpstreamFault::BadLink),
        false => &whole,
    };
    let path = path.strip_suffix('/').unwrap_or(path);
    if query.contains('#') {
        return Err(UpstreamFault::BadLink);
    }
    let path = match path {
        "" => String::new(),
        path => format!("/{path}"),
    };
    let checked = match path.as_str() {
        "" => Target::parse("/", Some(query)),
        path => Target::parse(path, Some(query)),
    };
    checked.map_err(|_| UpstreamFault::BadLink)?;
    Ok(Some(format!("{path}?{query}")))
}
