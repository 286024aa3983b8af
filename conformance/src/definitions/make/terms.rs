//! Value sets and code systems as lines of a pack.

use super::text;
use crate::definitions::pack::escaped;
use crate::tree::Node;

/// Concepts inside one another.
const DEPTH_MAX: usize = 64;

/// Properties by which nothing is chosen.
const DROPPED: [&str; 2] = ["deprecationDate", "comments"];

pub(super) fn value_set(node: Node<'_>) -> Option<(String, String)> {
    let url = node.child_text("url")?;
    let mut out = format!("V\t{}\t{}\n", escaped(url), escaped(text(node, "version")));
    if let Some(compose) = node.child("compose") {
        for (letter, name) in [('I', "include"), ('J', "exclude")] {
            for include in compose.named(name) {
                included(include, letter, &mut out);
            }
        }
    } else if let Some(expansion) = node.child("expansion") {
        let mut systems: Vec<(&str, Vec<&str>)> = Vec::new();
        expanded(expansion, &mut systems, DEPTH_MAX);
        for (system, codes) in systems {
            out.push_str(&format!("W\t{}", escaped(system)));
            codes.iter().for_each(|code| out.push_str(&format!("\t{}", escaped(code))));
            out.push('\n');
        }
    }
    Some((format!("2 {url}"), out))
}

fn included(include: Node<'_>, letter: char, out: &mut String) {
    out.push_str(&format!(
        "{letter}\t{}\t{}\n",
        escaped(text(include, "system")),
        escaped(text(include, "version"))
    ));
    let codes: Vec<&str> =
        include.named("concept").filter_map(|concept| concept.child_text("code")).collect();
    if !codes.is_empty() {
        out.push('C');
        codes.iter().for_each(|code| out.push_str(&format!("\t{}", escaped(code))));
        out.push('\n');
    }
    for filter in include.named("filter") {
        let fields = [text(filter, "property"), text(filter, "op"), text(filter, "value")].map(escaped);
        out.push_str(&format!("F\t{}\n", fields.join("\t")));
    }
    for set in include.named("valueSet").filter_map(Node::text) {
        out.push_str(&format!("U\t{}\n", escaped(set)));
    }
}

fn expanded<'t>(within: Node<'t>, systems: &mut Vec<(&'t str, Vec<&'t str>)>, depth: usize) {
    let Some(depth) = depth.checked_sub(1) else {
        return;
    };
    for contains in within.named("contains") {
        if let Some(code) = contains.child_text("code").filter(|_| text(contains, "abstract") != "true") {
            let system = text(contains, "system");
            match systems.iter_mut().find(|(is, _)| *is == system) {
                Some((_, codes)) => codes.push(code),
                None => systems.push((system, vec![code])),
            }
        }
        expanded(contains, systems, depth);
    }
}

pub(super) fn code_system(node: Node<'_>) -> Option<(String, String)> {
    let url = node.child_text("url")?;
    let content = match text(node, "content") {
        "complete" => 'c',
        "supplement" => 's',
        "fragment" => 'f',
        "example" => 'e',
        _ => 'n',
    };
    let case = if text(node, "caseSensitive") == "false" { 'i' } else { 's' };
    let mut out = format!("K\t{}\t{}\t{content}\t{case}\n", escaped(url), escaped(text(node, "version")));
    concepts(node, 0, &mut out);
    Some((format!("3 {url}"), out))
}

fn concepts(within: Node<'_>, depth: usize, out: &mut String) {
    if depth > DEPTH_MAX {
        return;
    }
    for concept in within.named("concept") {
        let Some(code) = concept.child_text("code") else {
            continue;
        };
        out.push_str(&format!("k\t{depth}\t{}\t{}", escaped(code), escaped(text(concept, "display"))));
        for property in concept.named("property") {
            let name = text(property, "code");
            let value = property.children().find(|child| child.name().starts_with("value"));
            let value = value.and_then(|value| value.text().or_else(|| value.child_text("code")));
            if let Some(value) = value.filter(|_| !DROPPED.contains(&name)) {
                out.push_str(&format!("\t{}={}", escaped(name), escaped(value)));
            }
        }
        out.push('\n');
        concepts(concept, depth.saturating_add(1), out);
    }
}
