//! Pages after the first (Touchstone, `testscript-operation-pagesNext`): their entries are put behind those of the first, so
//! that asserts see all that was read.

use std::collections::HashSet;

use bytes::Bytes;

use super::Runner;
use super::operate::in_format;
use crate::model::Tables;
use crate::script::address;
use crate::script::message::{Head, Message};
use crate::script::plan::{Operation, Shape};
use crate::script::systems::Trouble;
use crate::tree;

/// Bytes of all pages together.
const PAGES_BYTES_MAX: usize = 256 << 20;

impl Runner {
    /// Reads on from the first page of a search or a history, as far as the operation says and there are links to more. A
    /// page that is not answered as the first was stands for the whole: what is wrong with it is what asserts see.
    pub(super) async fn read_on(
        &self,
        operation: &Operation,
        request: &Message,
        first: Message,
    ) -> Result<Message, Trouble> {
        let listing = matches!(operation.shape, Shape::Search | Shape::History);
        let Some(more) = operation.pages.filter(|_| listing && first.status() == Some(200)) else {
            return Ok(first);
        };
        let Head::Request { url: asked, base, .. } = &request.head else { return Ok(first) };
        let mut seen = HashSet::from([asked.clone()]);
        let mut pages: Vec<Message> = Vec::new();
        let mut bytes = first.body.len();
        for _ in 0..more {
            let Some(url) = next(pages.last().unwrap_or(&first), asked, base) else { break };
            if !seen.insert(url.clone()) {
                return Err(Trouble::Circling);
            }
            let headers = self.asking(request, &url, base);
            let head = Head::Request { method: "GET".to_owned(), url, base: base.clone() };
            let page = self.road.ask(&Message::new(head, headers, Bytes::new())).await?;
            bytes = bytes.saturating_add(page.body.len());
            if bytes > PAGES_BYTES_MAX {
                return Err(Trouble::TooLarge);
            }
            if page.status() != Some(200) || page.resource_type() != Some("Bundle") {
                return Ok(page);
            }
            pages.push(page);
        }
        if pages.is_empty() { Ok(first) } else { together(&first, &pages).ok_or(Trouble::TooLarge) }
    }

    /// The fields of the first request that are not about its body; what authorises it goes to no other system.
    fn asking(&self, request: &Message, url: &str, base: &str) -> Vec<(String, String)> {
        let goes = |name: &str| {
            let name = name.to_ascii_lowercase();
            !name.starts_with("content-") && (name != "authorization" || is_of(url, base))
        };
        let mut headers: Vec<(String, String)> =
            request.headers.iter().filter(|(name, _)| goes(name)).cloned().collect();
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("authorization")) {
            let token = self.road.authorization(url);
            headers.extend(token.map(|token| ("Authorization".to_owned(), token)));
        }
        headers
    }
}

/// Whether the address lies at the system whose base this is: another may have one that begins alike.
fn is_of(url: &str, base: &str) -> bool {
    let rest = url.strip_prefix(base.trim_end_matches('/'));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']))
}

/// Where the next page lies, if there is one. A relative link is read against the base, one that is a query alone against the
/// address that was asked.
fn next(page: &Message, asked: &str, base: &str) -> Option<String> {
    let root = page.root().ok()?;
    let link = root.named("link").find(|link| link.child_text("relation") == Some("next"))?;
    let url = link.child_text("url").map(str::trim).filter(|url| !url.is_empty())?;
    Some(if address::is_remote(url) {
        url.to_owned()
    } else if url.starts_with('?') {
        format!("{}{url}", asked.split('?').next().unwrap_or(asked))
    } else {
        format!("{}/{}", base.trim_end_matches('/'), url.trim_start_matches('/'))
    })
}

/// The first page with the entries of all, in its own format; everything else in it as it was.
fn together(first: &Message, pages: &[Message]) -> Option<Message> {
    let limits = fhir::json::Limits::default();
    let read = |page: &Message| {
        let json = page.root().ok()?.to_json(&Tables::R4);
        fhir::json::parse(Bytes::from(json), &limits).ok()
    };
    let document = read(first)?;
    let more: Vec<_> = pages.iter().map(read).collect::<Option<_>>()?;
    let mut out = Vec::new();
    let mut writer = fhir::json::Writer::new(&mut out);
    writer.object();
    for (name, value) in document.root().members().filter(|(name, _)| !name.is("entry")) {
        writer.key(&name.text()).raw(value.raw());
    }
    writer.key("entry").array();
    for page in std::iter::once(&document).chain(&more) {
        for entry in page.root().member("entry").into_iter().flat_map(|entries| entries.items()) {
            writer.raw(entry.raw());
        }
    }
    writer.finish();
    let body = Bytes::from(out);
    let body = match first.root().ok()?.tree().format() {
        tree::Format::Json => body,
        tree::Format::Xml => in_format(body, Some("xml")).ok()?,
    };
    Some(Message::new(first.head.clone(), first.headers.clone(), body))
}

#[cfg(test)]
mod tests {
    use super::is_of;

    #[test]
    fn a_base_that_begins_alike_is_of_another_system() {
        for (url, expected) in [
            ("http://a.example:80/fhir/Patient?_page=2", true),
            ("http://a.example:80/fhir?_page=2", true),
            ("http://a.example:80/fhir", true),
            ("http://a.example:80/fhir2/Patient", false),
            ("http://a.example:8080/fhir/Patient", false),
        ] {
            assert_eq!(is_of(url, "http://a.example:80/fhir/"), expected, "{url}");
        }
    }
}
