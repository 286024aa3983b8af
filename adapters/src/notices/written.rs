//! A resource of DSTU2 as XML.

use super::FHIR;
use super::dom::Element;

/// Writes `root`, whose children are in the order of DSTU2.
pub(super) fn xml(root: &Element) -> Vec<u8> {
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    resource(root, Some(FHIR), &mut out);
    out.push('\n');
    out.into_bytes()
}

fn resource(element: &Element, namespace: Option<&str>, out: &mut String) {
    let kind = element.kind();
    out.push('<');
    out.push_str(kind);
    if let Some(namespace) = namespace {
        out.push_str(&format!(" xmlns=\"{namespace}\""));
    }
    out.push('>');
    for child in element.children.iter().filter(|child| child.name != "resourceType") {
        write(child, out);
    }
    out.push_str(&format!("</{kind}>"));
}

fn write(element: &Element, out: &mut String) {
    let name = &element.name;
    if name == "resource" {
        out.push_str("<resource>");
        resource(element, None, out);
        out.push_str("</resource>");
        return;
    }
    out.push('<');
    out.push_str(name);
    // The address of an extension is an attribute.
    let url = element.peek("url").filter(|_| name == "extension");
    for (attribute, value) in [("url", url), ("value", element.value.as_deref())] {
        if let Some(value) = value {
            out.push_str(&format!(" {attribute}=\"{}\"", escaped(value)));
        }
    }
    let mut children =
        element.children.iter().filter(|child| url.is_none() || child.name != "url").peekable();
    if children.peek().is_none() {
        out.push_str("/>");
        return;
    }
    out.push('>');
    children.for_each(|child| write(child, out));
    out.push_str(&format!("</{name}>"));
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push_str("&#10;"),
            '\r' => out.push_str("&#13;"),
            '\t' => out.push_str("&#9;"),
            letter if letter.is_control() => {}
            letter => out.push(letter),
        }
    }
    out
}
