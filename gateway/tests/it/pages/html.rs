//! A reader of the few things our own pages are made of, and the rules that hold for every one of them.

use std::collections::BTreeSet;

/// A piece of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    /// `<name a="b">`, as it stands between the brackets.
    Open(String),
    /// `</name>`.
    Close(String),
    /// Text, unescaped.
    Text(String),
}

/// Cuts a page into pieces. Panics where a bracket is not closed.
pub(crate) fn pieces(html: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut rest = html;
    while let Some((text, tag)) = rest.split_once('<') {
        let (tag, after) = tag.split_once('>').expect("every tag ends");
        if !text.trim().is_empty() {
            pieces.push(Piece::Text(unescaped(text)));
        }
        match tag.strip_prefix('/') {
            Some(name) => pieces.push(Piece::Close(name.to_owned())),
            None => pieces.push(Piece::Open(tag.to_owned())),
        }
        rest = after;
    }
    pieces
}

fn unescaped(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let text = words.join(" ");
    text.replace("&#60;", "<")
        .replace("&#62;", ">")
        .replace("&#34;", "\"")
        .replace("&#39;", "'")
        .replace("&#38;", "&")
}

fn name(tag: &str) -> &str {
    tag.split_whitespace().next().unwrap_or_default()
}

fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    let (_, value) = tag.split_once(&format!(" {name}=\""))?;
    value.split_once('"').map(|(value, _)| value)
}

/// The text of each card, one line for each piece of text.
pub(crate) fn cards(html: &str) -> Vec<Vec<String>> {
    let mut cards: Vec<Vec<String>> = Vec::new();
    let mut depth = 0;
    for piece in pieces(html) {
        match piece {
            Piece::Open(tag) if name(&tag) == "li" && tag.contains("class=\"card") => {
                cards.push(Vec::new());
                depth = 1;
            }
            Piece::Open(tag) if name(&tag) == "li" && depth > 0 => depth += 1,
            Piece::Close(tag) if tag == "li" && depth > 0 => depth -= 1,
            Piece::Text(text) if depth > 0 => cards.last_mut().unwrap().push(text),
            Piece::Open(_) | Piece::Close(_) | Piece::Text(_) => {}
        }
    }
    cards
}

/// What has to hold for every page of ours: for keyboards, screen readers, small screens and the page's policy.
#[track_caller]
pub(crate) fn check(html: &str) {
    let pieces = pieces(html);
    let tags: Vec<&str> = pieces
        .iter()
        .filter_map(|piece| match piece {
            Piece::Open(tag) => Some(tag.as_str()),
            Piece::Close(_) | Piece::Text(_) => None,
        })
        .collect();
    let count = |wanted: &str| tags.iter().filter(|tag| name(tag) == wanted).count();
    for once in ["h1", "main", "header", "footer", "title"] {
        assert_eq!(count(once), 1, "one {once}");
    }
    assert!(html.starts_with("<!DOCTYPE html>") && html.contains("<html lang=\"en-GB\">"));
    assert!(html.contains("name=\"viewport\" content=\"width=device-width, initial-scale=1\""));
    nothing_runs(&tags);
    headings_step_down(&tags);
    names_point_somewhere(&tags);
    everything_is_closed(&pieces);
}

fn nothing_runs(tags: &[&str]) {
    for tag in tags {
        assert!(!["script", "style", "iframe", "img", "object", "base"].contains(&name(tag)), "{tag}");
        assert!(!tag.contains(" style=") && !tag.contains(" on") && !tag.contains("javascript:"), "{tag}");
        assert!(attribute(tag, "tabindex").is_none_or(|order| order == "0" || order == "-1"), "{tag}");
    }
    let tables = tags.iter().filter(|tag| name(tag) == "table").count();
    assert_eq!(tables, tags.iter().filter(|tag| name(tag) == "caption").count(), "each table has a caption");
    for head in tags.iter().filter(|tag| name(tag) == "th") {
        assert!(attribute(head, "scope").is_some(), "{head}");
    }
}

fn headings_step_down(tags: &[&str]) {
    let mut level = 0;
    for tag in tags.iter().filter(|tag| name(tag).len() == 2 && name(tag).starts_with('h')) {
        let Ok(next) = name(tag)[1..].parse::<usize>() else { continue };
        // A page may say what went wrong before it says what it is.
        assert!(next <= level + 1 || attribute(tag, "id") == Some("problem"), "{tag} after h{level}");
        level = next;
    }
}

fn names_point_somewhere(tags: &[&str]) {
    let ids: Vec<&str> = tags.iter().filter_map(|tag| attribute(tag, "id")).collect();
    assert_eq!(ids.len(), ids.iter().collect::<BTreeSet<_>>().len(), "each id once: {ids:?}");
    for tag in tags {
        let within = attribute(tag, "href").and_then(|href| href.strip_prefix('#'));
        for id in within.into_iter().chain(attribute(tag, "aria-labelledby")) {
            assert!(ids.contains(&id), "{tag} points nowhere");
        }
    }
    assert!(tags.iter().any(|tag| attribute(tag, "class") == Some("skip") && tag.contains("href=\"#main\"")));
}

fn everything_is_closed(pieces: &[Piece]) {
    let mut open: Vec<&str> = Vec::new();
    for piece in pieces {
        match piece {
            Piece::Open(tag) if ["!DOCTYPE", "meta", "link", "br", "input"].contains(&name(tag)) => {}
            Piece::Open(tag) => open.push(name(tag)),
            Piece::Close(tag) => assert_eq!(open.pop(), Some(tag.as_str()), "{open:?}"),
            Piece::Text(_) => {}
        }
    }
    assert!(open.is_empty(), "{open:?}");
}
