//! Elements by path: what scripts use of XPath 1.0 and of JSONPath, over the tree.
//!
//! Deliberately absent: axes that are written out, `*`, `div` and `mod`, functions of XPath on ids, languages and roundings, functions of
//! JSONPath beyond `length()`, and whatever changes what a path selects from outside it (Touchstone's `{…}` before it). What is absent
//! is said.

mod json;
mod xpath;

use super::operator::{Actual, Kind};
use crate::tree::{Node, Written};

/// Bounds on a path: its bytes, and the nodes that one step may select.
const BYTES_MAX: usize = 4096;
const NODES_MAX: usize = 100_000;

/// Why a path has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadPath {
    #[error("the path {0} is not understood")]
    Unsupported(String),
    #[error("the path selects too much")]
    TooMuch,
}

/// What a path selects.
#[derive(Debug, Clone)]
pub(crate) enum Selected<'t> {
    Nodes(Vec<Node<'t>>),
    Value(Actual),
}

impl Selected<'_> {
    /// The values of what was selected; an element without one is told by its name.
    pub(crate) fn values(&self) -> Vec<Actual> {
        match self {
            Self::Nodes(nodes) => nodes.iter().map(|node| actual(*node)).collect(),
            Self::Value(value) => vec![value.clone()],
        }
    }

    /// Whether an element without a value is among them.
    pub(crate) fn has_complex(&self) -> bool {
        matches!(self, Self::Nodes(nodes) if nodes.iter().any(|node| node.text().is_none()))
    }
}

/// The value of an element.
pub(crate) fn actual(node: Node<'_>) -> Actual {
    let Some(value) = node.value() else { return Actual::text(node.name()) };
    let kind = match value.written {
        Written::Number => Kind::Number,
        Written::Boolean => Kind::Boolean,
        Written::Text | Written::Attribute | Written::Markup => Kind::Text,
    };
    Actual { text: value.text.to_owned(), kind }
}

/// Selects by `path` from the resource at `root`.
pub(crate) fn select<'t>(path: &str, root: Node<'t>) -> Result<Selected<'t>, BadPath> {
    let path = path.trim();
    let unsupported = || BadPath::Unsupported(path.chars().take(80).collect());
    if path.len() > BYTES_MAX || path.starts_with('{') {
        return Err(unsupported());
    }
    let json = path.starts_with('$')
        || path.contains("[?(")
        || path.ends_with(".length()")
        || !path.contains(['/', '@', ':', '(']);
    let selected = if json { json::select(path, root) } else { xpath::select(path, root) };
    let selected = selected.ok_or_else(unsupported)?;
    match &selected {
        Selected::Nodes(nodes) if nodes.len() > NODES_MAX => Err(BadPath::TooMuch),
        Selected::Nodes(_) | Selected::Value(_) => Ok(selected),
    }
}

/// A resource within another is passed by its type.
fn step<'t>(from: &[Node<'t>], name: &str) -> Vec<Node<'t>> {
    let mut found = Vec::new();
    for node in from {
        let before = found.len();
        found.extend(node.children().filter(|child| name == "*" || child.name() == name));
        if found.len() == before && node.resource_type() == Some(name) {
            found.push(*node);
        }
        if found.len() > NODES_MAX {
            break;
        }
    }
    found
}

fn below<'t>(from: &[Node<'t>], name: &str) -> Vec<Node<'t>> {
    let all = from.iter().flat_map(|node| std::iter::once(*node).chain(node.descendants()));
    let named = |node: &Node<'t>| name == "*" || node.name() == name || node.resource_type() == Some(name);
    all.filter(named).take(NODES_MAX + 1).collect()
}

#[cfg(test)]
mod tests {
    use super::{BadPath, select};
    use crate::tree::{Limits, Tree};

    const PATIENT: &str = r#"{"resourceType":"Patient","id":"p","meta":{"versionId":"3"},"active":true,
        "identifier":[{"system":"s1","value":"a"},{"system":"s2","value":"b"}],
        "name":[{"family":"Chalmers","given":["Peter","James"]},{"family":"Windsor","given":["Jim"]}],
        "generalPractitioner":[{"reference":"Practitioner/3"}],"multipleBirthInteger":2,
        "extension":[{"url":"http://x/y","valueCode":"z"}]}"#;

    const BUNDLE: &str = r#"<Bundle xmlns="http://hl7.org/fhir"><type value="searchset"/><total value="2"/>
        <entry><fullUrl value="u1"/><resource><Patient><id value="p1"/></Patient></resource></entry>
        <entry><fullUrl value="u2"/><resource><Observation><id value="o1"/></Observation></resource></entry></Bundle>"#;

    fn check(source: &str, path: &str, expected: &[&str]) {
        let tree = Tree::read(source.as_bytes(), &Limits::default()).unwrap();
        let values = select(path, tree.root()).unwrap_or_else(|bad| panic!("{path}: {bad}")).values();
        let texts: Vec<&str> = values.iter().map(|value| value.text.as_str()).collect();
        assert_eq!(texts, expected, "{path}");
    }

    #[test]
    fn paths_of_both_kinds_select_what_they_say() {
        for (path, expected) in [
            ("id", &["p"][..]),
            ("Patient/id", &["p"]),
            ("Patient.id", &["p"]),
            ("$.meta.versionId", &["3"]),
            ("meta.versionId", &["3"]),
            (".name[1].family", &["Windsor"]),
            ("$.name[0].given[1]", &["James"]),
            ("$.name[*].family", &["Chalmers", "Windsor"]),
            ("$['name'][-1:]['family']", &["Windsor"]),
            ("$..given", &["Peter", "James", "Jim"]),
            ("$.identifier.value[0]", &["a"]),
            ("$.identifier[?(@.system=='s2')].value", &["b"]),
            ("$.identifier[?(@.system)].value", &["a", "b"]),
            ("$.nothing", &[]),
            ("fhir:Patient/fhir:name/fhir:family/@value", &["Chalmers", "Windsor"]),
            ("/f:Patient/f:name[2]/f:family/@value", &["Windsor"]),
            ("//fhir:given/@value", &["Peter", "James", "Jim"]),
            ("fhir:Patient/fhir:identifier[fhir:system/@value='s2']/fhir:value/@value", &["b"]),
            ("Patient/name[last()]/family/@value", &["Windsor"]),
            ("count(/Patient/name)", &["2"]),
            ("Patient/extension[@url='http://x/y']/valueCode/@value", &["z"]),
            ("Patient/identifier[contains(system/@value,'2') and not(use)]/value/@value", &["b"]),
            (
                "Patient/identifier[system/@value='s1' or starts-with(value/@value, 'b')]/value/@value",
                &["a", "b"],
            ),
            ("Patient/name/given[1]/../family/@value", &["Chalmers", "Windsor"]),
            ("count(Patient/name) = 2", &["true"]),
            ("Patient/active/@value = 'false' or count(//given) > 2.5", &["true"]),
            ("not(Patient/deceasedBoolean) and boolean(Patient/name)", &["true"]),
            ("Patient/name[position() = last()]/family/@value", &["Windsor"]),
            ("Patient/name[2 - 1]/given[position() < 2]/@value", &["Peter"]),
            ("Patient/name[string-length(family/@value) = 7]/family/@value", &["Windsor"]),
            ("Patient/identifier[system/@value != 's1']/value/@value", &["b"]),
            ("Patient/id | Patient/id | Patient/active", &["p", "true"]),
            ("substring-after(Patient/generalPractitioner/reference/@value, '/')", &["3"]),
            ("substring-before(Patient/generalPractitioner/reference/@value, '/')", &["Practitioner"]),
            ("substring('Chalmers', 2, 3)", &["hal"]),
            ("substring('12345', 0, 3)", &["12"]),
            ("concat(Patient/id, '-', count(//given) + 1)", &["p-4"]),
            ("normalize-space('  a \n b ')", &["a b"]),
            ("number(Patient/meta/versionId/@value) >= 3", &["true"]),
            ("Patient/nothing/@value = ''", &["false"]),
            ("$.name.length()", &["2"]),
            ("name[1].family.length()", &["7"]),
            ("$.nothing.length()", &["0"]),
            ("$.name[0].given.length()", &["2"]),
            ("Patient/generalPractitioner/reference/@value", &["Practitioner/3"]),
            ("Patient/*/@value", &["p", "true", "2"]),
        ] {
            check(PATIENT, path, expected);
        }
        for (path, expected) in [
            ("fhir:Bundle/fhir:type/@value", &["searchset"][..]),
            ("$.total", &["2"]),
            ("/Bundle/entry/resource/Patient/id/@value", &["p1"]),
            ("Bundle/entry[resource/Observation]/fullUrl/@value", &["u2"]),
        ] {
            check(BUNDLE, path, expected);
        }
    }

    #[test]
    fn what_is_not_understood_is_said() {
        let tree = Tree::read(PATIENT.as_bytes(), &Limits::default()).unwrap();
        let long = "a/".repeat(4000);
        let deep = format!("a{}", "[b".repeat(500));
        for path in [
            "{any}name.family",
            "ancestor::x/y",
            "name[",
            "$.name[?(1)]",
            "round(1)",
            "count(a, b)",
            "substring('a')",
            "id | 'a'",
            "not(id",
            "ancestor::a = 1",
            "a//",
            "",
            "a[b",
            "$.[",
            &long,
            &deep,
        ] {
            assert!(matches!(select(path, tree.root()), Err(BadPath::Unsupported(_))), "{path}");
        }
    }
}
