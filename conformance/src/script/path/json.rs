//! JSONPath: names, indexes, `*`, `..`, filters that compare a path with a literal, and `length()`.

use super::super::operator::Actual;
use super::{Selected, below, step};
use crate::tree::Node;

pub(super) fn select<'t>(path: &str, root: Node<'t>) -> Option<Selected<'t>> {
    // How many there are, or the letters of a text, as Jayway has it at the end of a path.
    if let Some(counted) = path.strip_suffix(".length()") {
        let Selected::Nodes(nodes) = select(counted, root)? else { return None };
        let letters =
            |node: &Node<'_>| node.text().filter(|_| !node.is_repeated()).map(|text| text.chars().count());
        let length = match nodes.as_slice() {
            [one] => letters(one).unwrap_or(1),
            several => several.len(),
        };
        return Some(Selected::Value(Actual::number(length.to_string())));
    }
    let mut at = vec![root];
    let mut rest = path.strip_prefix('$').unwrap_or(path);
    if rest.is_empty() && path.is_empty() {
        return None;
    }
    let mut is_first = true;
    while !rest.is_empty() {
        if let Some(inside) = rest.strip_prefix('[') {
            let (selector, behind) = bracketed(inside)?;
            at = select_in(&at, selector.trim())?;
            rest = behind;
        } else {
            let (deep, after) = match rest.strip_prefix("..") {
                Some(after) => (true, after),
                None => (false, rest.strip_prefix('.').unwrap_or(rest)),
            };
            let end = after.find(['.', '[']).unwrap_or(after.len());
            let (name, behind) = (after.get(..end)?, after.get(end..)?);
            if name.is_empty() || !is_name(name) {
                return None;
            }
            at = if deep { below(&at, name) } else { step(&at, name) };
            // `Patient.name`: the type of the resource itself.
            if at.is_empty() && is_first && root.name() == name {
                at = vec![root];
            }
            rest = behind;
        }
        is_first = false;
    }
    Some(Selected::Nodes(at))
}

fn is_name(name: &str) -> bool {
    name == "*" || name.chars().all(|letter| letter.is_alphanumeric() || letter == '_' || letter == '-')
}

/// What stands in brackets, and what comes after; quotes keep their brackets.
fn bracketed(text: &str) -> Option<(&str, &str)> {
    let mut quote = None;
    let mut depth = 0_usize;
    for (at, letter) in text.char_indices() {
        match (quote, letter) {
            (Some(open), letter) if open == letter => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(letter),
            (None, '[') => depth += 1,
            (None, ']') if depth == 0 => return Some((text.get(..at)?, text.get(at + 1..)?)),
            (None, ']') => depth -= 1,
            (None, _) => {}
        }
    }
    None
}

fn select_in<'t>(at: &[Node<'t>], selector: &str) -> Option<Vec<Node<'t>>> {
    if selector == "*" {
        return Some(at.to_vec());
    }
    if let Some(name) = literal(selector) {
        return Some(step(at, name));
    }
    if let Some(filter) = selector.strip_prefix("?(").and_then(|filter| filter.strip_suffix(')')) {
        return filtered(at, filter);
    }
    let from_end = selector.strip_suffix(':').unwrap_or(selector).strip_prefix('-');
    if let Some(back) = from_end {
        let back: usize = back.parse().ok()?;
        return Some(
            at.len().checked_sub(back).and_then(|index| at.get(index)).copied().into_iter().collect(),
        );
    }
    let index: usize = selector.parse().ok()?;
    // In an array the index counts within it; of single elements it counts among what was found.
    if at.iter().any(|node| node.is_repeated()) {
        return Some(at.iter().copied().filter(|node| node.index() == index).collect());
    }
    Some(at.get(index).copied().into_iter().collect())
}

fn literal(text: &str) -> Option<&str> {
    let inside = |quote: char| text.strip_prefix(quote).and_then(|text| text.strip_suffix(quote));
    inside('\'').or_else(|| inside('"')).filter(|_| text.len() >= 2)
}

fn filtered<'t>(at: &[Node<'t>], filter: &str) -> Option<Vec<Node<'t>>> {
    let (path, wanted) = match filter.split_once("==") {
        Some((path, wanted)) => (path.trim(), Some(wanted.trim())),
        None => (filter.trim(), None),
    };
    let path = path.strip_prefix('@')?;
    let wanted = wanted.map(|wanted| literal(wanted).unwrap_or(wanted));
    let mut found = Vec::new();
    for node in at {
        let values: Vec<Actual> = select(path, *node)?.values();
        let fits = match wanted {
            Some(wanted) => values.iter().any(|value| value.text == wanted),
            None => !values.is_empty(),
        };
        if fits {
            found.push(*node);
        }
    }
    Some(found)
}
