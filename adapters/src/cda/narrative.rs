//! The narrative of a section as XHTML.
//!
//! Elements and attributes that FHIR narrative has stay what they are; those of CDA get the nearest. What neither knows
//! is left out as markup while its text stays; references that could run something are left out.

use super::source::{Element, What};
use crate::tree::{Node, Object};

const XHTML: &str = "http://www.w3.org/1999/xhtml";

/// The text of a section, or `None` when it says nothing.
pub(super) fn narrative(element: Element<'_>) -> Option<Node> {
    let said = element.says() || shows_something(element);
    if !said {
        return None;
    }
    let mut div = format!("<div xmlns=\"{XHTML}\">");
    within(element, &mut div);
    div.push_str("</div>");
    Some(Object::new().with("status", Node::text("additional")).with("div", Node::Text(div)).into())
}

/// What stands for the text of a section that has neither text nor anything else.
pub(super) fn nothing() -> Node {
    let div = format!("<div xmlns=\"{XHTML}\">-</div>");
    Object::new().with("status", Node::text("empty")).with("div", Node::Text(div)).into()
}

fn shows_something(element: Element<'_>) -> bool {
    element.children().any(|child| child.name() == "renderMultiMedia" || shows_something(child))
}

fn within(element: Element<'_>, out: &mut String) {
    for (at, node) in element.content() {
        match &node.what {
            What::Text { text, carried } => {
                escape(text, out);
                carried.set(true);
            }
            What::Element { .. } => child(Element { tree: element.tree, at }, out),
        }
    }
}

fn child(element: Element<'_>, out: &mut String) {
    let Some(name) = named(element) else { return within(element, out) };
    // A list has a caption in CDA and none in XHTML.
    if matches!(name, "ul" | "ol") {
        for caption in element.children().filter(|child| child.name() == "caption") {
            out.push_str("<p>");
            within(caption, out);
            out.push_str("</p>");
        }
    }
    out.push('<');
    out.push_str(name);
    attributes(element, name, out);
    if matches!(name, "br" | "hr" | "col") {
        out.push_str("/>");
        return;
    }
    out.push('>');
    if matches!(name, "ul" | "ol") {
        for item in element.children().filter(|child| child.name() != "caption") {
            child(item, out);
        }
    } else {
        within(element, out);
    }
    if element.name() == "renderMultiMedia" && element.peek_text().is_none() {
        out.push_str("[media]");
    }
    out.push_str("</");
    out.push_str(name);
    out.push('>');
}

/// The element of XHTML that one of a narrative becomes.
fn named(element: Element<'_>) -> Option<&'static str> {
    let name = element.name();
    Some(match name {
        "content" | "footnote" | "span" | "u" | "delete" | "del" | "s" | "strike" => "span",
        "paragraph" | "p" => "p",
        "list" if element.peek("listType") == Some("ordered") => "ol",
        "list" | "ul" => "ul",
        "ol" => "ol",
        "item" | "li" => "li",
        "linkHtml" | "renderMultiMedia" | "footnoteRef" | "a" => "a",
        "caption" if element.parent().is_some_and(|parent| parent.name() == "table") => "caption",
        "caption" => "span",
        _ => {
            const SAME: [&str; 23] = [
                "br", "sub", "sup", "table", "thead", "tbody", "tfoot", "tr", "th", "td", "col", "colgroup",
                "div", "b", "i", "em", "strong", "h1", "h2", "h3", "h4", "pre", "hr",
            ];
            return SAME.iter().find(|same| **same == name).copied();
        }
    })
}

fn attributes(element: Element<'_>, name: &str, out: &mut String) {
    const KEPT: [&str; 21] = [
        "rowspan",
        "colspan",
        "align",
        "valign",
        "width",
        "border",
        "cellpadding",
        "cellspacing",
        "summary",
        "abbr",
        "axis",
        "headers",
        "scope",
        "span",
        "char",
        "charoff",
        "frame",
        "rules",
        "title",
        "lang",
        "class",
    ];
    // FHIR narrative has no element for it.
    if element.is_struck_out() {
        out.push_str(" style=\"text-decoration: line-through\"");
    }
    for attribute in element.attributes() {
        let value = attribute.value.trim();
        let (key, value) = match attribute.name {
            "ID" | "id" => ("id", value.to_owned()),
            "styleCode" => ("class", value.to_owned()),
            "revised" if value == "delete" => {
                attribute.carried.set(true);
                continue;
            }
            "listType" => {
                attribute.carried.set(true);
                continue;
            }
            "href" if name == "a" && is_harmless(value) => ("href", value.to_owned()),
            "referencedObject" | "IDREF" if name == "a" => ("href", format!("#{value}")),
            other => match KEPT.iter().find(|kept| **kept == other) {
                Some(kept) => (*kept, value.to_owned()),
                None => continue,
            },
        };
        if key == "class" && element.attribute("class").is_some() && attribute.name != "class" {
            continue;
        }
        attribute.carried.set(true);
        if value.is_empty() {
            continue;
        }
        out.push(' ');
        out.push_str(key);
        out.push_str("=\"");
        escape(&value, out);
        out.push('"');
    }
}

/// Whether a link leads somewhere and runs nothing.
fn is_harmless(link: &str) -> bool {
    let link = link.to_ascii_lowercase();
    ["http://", "https://", "mailto:", "tel:", "#"].iter().any(|start| link.starts_with(start))
}

fn escape(text: &str, out: &mut String) {
    let mut rest = text;
    while let Some(at) = rest.find(['&', '<', '>', '"']) {
        let (plain, from) = rest.split_at_checked(at).unwrap_or((rest, ""));
        out.push_str(plain);
        let (special, after) = from.split_at_checked(1).unwrap_or((from, ""));
        out.push_str(match special {
            "&" => "&amp;",
            "<" => "&lt;",
            ">" => "&gt;",
            _ => "&quot;",
        });
        rest = after;
    }
    out.push_str(rest);
}

#[cfg(test)]
mod tests {
    use super::super::parse::parse;
    use super::super::source::Element;
    use super::narrative;
    use crate::tree::Node;

    #[track_caller]
    fn check(inside: &str, expected: &str) {
        let text = format!("<text xmlns='urn:hl7-org:v3'>{inside}</text>");
        let tree = parse(&text).unwrap();
        let made = narrative(Element { tree: &tree, at: 0 });
        let Some(Node::Object(made)) = made else { panic!("{inside}") };
        let div = format!("<div xmlns=\"http://www.w3.org/1999/xhtml\">{expected}</div>");
        assert_eq!(made.find("div"), Some(&Node::Text(div)));
    }

    #[test]
    fn markup_of_cda_becomes_markup_of_xhtml() {
        for (inside, expected) in [
            ("a &lt; b", "a &lt; b"),
            ("<paragraph styleCode='Bold'>a</paragraph>", "<p class=\"Bold\">a</p>"),
            ("<content ID='x'>a</content> <content>b</content>", "<span id=\"x\">a</span> <span>b</span>"),
            (
                "<list listType='ordered'><caption>c</caption><item>a</item></list>",
                "<p>c</p><ol><li>a</li></ol>",
            ),
            (
                "<table border='1'><thead><tr><th>a</th></tr></thead><tbody><tr><td colspan='2'>b<br/></td></tr></tbody></table>",
                "<table border=\"1\"><thead><tr><th>a</th></tr></thead><tbody><tr><td colspan=\"2\">b<br/></td></tr></tbody></table>",
            ),
            ("<linkHtml href='https://www.nhs.uk/'>a</linkHtml>", "<a href=\"https://www.nhs.uk/\">a</a>"),
            (
                "<content styleCode='Strikethrough'>a</content><content revised='delete'>b</content><delete>c</delete>",
                "<span style=\"text-decoration: line-through\" class=\"Strikethrough\">a</span>\
                 <span style=\"text-decoration: line-through\">b</span>\
                 <span style=\"text-decoration: line-through\">c</span>",
            ),
            ("<renderMultiMedia referencedObject='m'/>", "<a href=\"#m\">[media]</a>"),
        ] {
            check(inside, expected);
        }
    }

    #[test]
    fn what_could_run_something_is_left_out() {
        for (inside, expected) in [
            ("<linkHtml href='javascript:alert(1)'>a</linkHtml>", "<a>a</a>"),
            ("<script>a</script>", "a"),
            ("<content onclick='x' style='y'>a</content>", "<span>a</span>"),
            ("<img src='http://example.org/x'/>b", "b"),
            ("&lt;script&gt;", "&lt;script&gt;"),
            ("<content ID='a\"b'>c</content>", "<span id=\"a&quot;b\">c</span>"),
        ] {
            check(inside, expected);
        }
    }

    #[test]
    fn a_text_that_says_nothing_is_no_narrative() {
        let tree = parse("<text xmlns='urn:hl7-org:v3'> <paragraph/> </text>").unwrap();
        assert!(narrative(Element { tree: &tree, at: 0 }).is_none());
    }
}
