//! Properties of resources made from the tables, and of XML that was damaged.

use fhir::json::quote;
use fhir::tables::{Element, TypeId, TypeKind, resource_types, type_named};
use fhir::xml::{Limits, from_json, to_json};
use proptest::prelude::{Just, Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest};
use proptest::{collection, sample};

use super::{difference, document};

/// Makes a resource of any type out of numbers; the same numbers make the same resource.
struct Maker<'a> {
    choices: std::slice::Iter<'a, u16>,
    out: Vec<u8>,
    depth: usize,
}

const TEXTS: [&str; 12] = [
    "x",
    " ",
    "a b",
    "<&>\"'",
    "&amp;",
    "]]>",
    "<!--",
    "\t\r\n\r",
    "\u{7F}\u{85}\u{A0}\u{2028}",
    "\u{FFFD}\u{FEFF}",
    "\u{1F600}e\u{301}",
    "\\\"/\\u0041",
];

const DIVS: [&str; 4] = [
    "<div xmlns=\"http://www.w3.org/1999/xhtml\">x</div>",
    "<div xmlns='http://www.w3.org/1999/xhtml'/>",
    "<div  lang='en'\nxmlns='http://www.w3.org/1999/xhtml' ><p>a\r\n<b >&lt;&#160;</b ><!-- c --><br/></p></div\n>",
    "<div xmlns=\"http://www.w3.org/1999/xhtml\"><div xmlns=\"http://www.w3.org/1999/xhtml\" title=\"'&quot;>\"/>\u{1F600}</div>",
];

impl Maker<'_> {
    /// A number below `below`; 0 once the choices are used up.
    fn below(&mut self, below: usize) -> usize {
        self.choices.next().map_or(0, |choice| usize::from(*choice) % below)
    }

    fn push(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    fn text(&mut self) -> &'static str {
        let at = self.below(TEXTS.len());
        TEXTS[at]
    }

    fn resource(&mut self) {
        let types: Vec<_> = resource_types().collect();
        let at = self.below(types.len());
        // `resourceType` may stand anywhere.
        self.push("{");
        if !self.members(types[at]).is_empty() {
            self.push(",");
        }
        self.push(&format!("\"resourceType\":\"{}\"}}", types[at]));
    }

    /// Some members of `owner`, in any order.
    fn members(&mut self, owner: TypeId) -> Vec<Element> {
        let keys: Vec<_> = owner.keys().map(|(_, element)| element).collect();
        let wanted = if self.depth > 6 { self.below(2) } else { self.below(6) };
        let mut made: Vec<Element> = Vec::new();
        for _ in 0..wanted {
            let at = self.below(keys.len());
            let found = keys[at];
            if !made.iter().any(|made| made.id() == found.id()) {
                if !made.is_empty() {
                    self.push(",");
                }
                self.member(found);
                made.push(found);
            }
        }
        made
    }

    fn member(&mut self, found: Element) {
        let kind = found.only_type().expect("a key has one type");
        let key = found.key();
        if found.is_attribute() {
            self.push(&format!("\"{key}\":"));
            let text = self.text();
            quote(text, &mut self.out);
        } else if kind.is_xhtml() {
            self.push(&format!("\"{key}\":"));
            let at = self.below(DIVS.len());
            quote(DIVS[at], &mut self.out);
        } else if kind.kind().is_primitive() {
            self.primitives(found, kind);
        } else {
            self.push(&format!("\"{key}\":"));
            let count = if found.is_array() { 1 + self.below(3) } else { 1 };
            self.push(if found.is_array() { "[" } else { "" });
            for at in 0..count {
                self.push(if at > 0 { "," } else { "" });
                self.value(kind);
            }
            self.push(if found.is_array() { "]" } else { "" });
        }
    }

    fn value(&mut self, kind: TypeId) {
        self.depth += 1;
        if kind.kind() == TypeKind::Abstract {
            self.resource();
        } else {
            self.push("{");
            let from = self.out.len();
            if self.members(kind).iter().all(|made| made.key() == "id") {
                // Nothing may be empty: an extension always can be there.
                self.out.truncate(from);
                self.push(r#""extension":[{"url":"urn:x"}]"#);
            }
            self.push("}");
        }
        self.depth -= 1;
    }

    /// Values and siblings of a primitive; at each place one of them at least.
    fn primitives(&mut self, found: Element, kind: TypeId) {
        let count = if found.is_array() { 1 + self.below(3) } else { 1 };
        let parts: Vec<_> = (0..count).map(|_| self.below(4)).collect();
        let key = found.key();
        let lists = [("", [true, true, true, false]), ("_", [false, true, false, true])];
        let mut written = 0;
        for (prefix, holds) in lists {
            if !parts.iter().any(|part| holds[*part]) {
                continue;
            }
            self.push(if written > 0 { "," } else { "" });
            written += 1;
            self.push(&format!("\"{prefix}{key}\":"));
            self.push(if found.is_array() { "[" } else { "" });
            for (at, part) in parts.iter().enumerate() {
                self.push(if at > 0 { "," } else { "" });
                match (holds[*part], prefix) {
                    (false, _) => self.push("null"),
                    (true, "") => self.literal(kind),
                    (true, _) => self.sibling(),
                }
            }
            self.push(if found.is_array() { "]" } else { "" });
        }
    }

    fn sibling(&mut self) {
        let id = self.below(2);
        self.push(if id == 1 { r#"{"id":"i","extension":["# } else { r#"{"extension":["# });
        let extension = type_named("Extension").expect("known");
        self.value(extension);
        self.push("]}");
    }

    fn literal(&mut self, kind: TypeId) {
        let numbers = ["0", "-1", "2147483647", "1.0", "-0.00", "1E-22", "1.10e+5", "123456789.0123456789"];
        match kind.kind() {
            TypeKind::Boolean => {
                let at = self.below(2);
                self.push(["true", "false"][at]);
            }
            TypeKind::Number => {
                let at = self.below(if kind.name() == "decimal" { numbers.len() } else { 3 });
                self.push(numbers[at]);
            }
            TypeKind::Text
            | TypeKind::Resource
            | TypeKind::Abstract
            | TypeKind::Complex
            | TypeKind::Backbone => {
                let text = self.text();
                quote(text, &mut self.out);
            }
        }
    }
}

fn made(choices: &[u16]) -> Vec<u8> {
    let mut maker = Maker { choices: choices.iter(), out: Vec::new(), depth: 0 };
    maker.resource();
    maker.out
}

fn resources() -> impl Strategy<Value = Vec<u8>> {
    collection::vec(any::<u16>(), 0..400).prop_map(|choices| made(&choices))
}

/// One damage: at an edge between tokens or anywhere, some bytes are replaced by a piece.
type Damage = (sample::Index, bool, usize, &'static str);

fn damages() -> impl Strategy<Value = Vec<Damage>> {
    let pieces = vec![
        "<",
        ">",
        "/>",
        "</",
        "&",
        "&#0;",
        "&nbsp;",
        "\"",
        "'",
        "=",
        "]]>",
        "<!--",
        "-->",
        "--",
        "<![CDATA[x]]>",
        "<?x ?>",
        "<!DOCTYPE x>",
        " xmlns=\"\"",
        " xmlns:a=\"urn:x\"",
        "a:",
        " id=\"x\"",
        " value=\"1\"",
        "\u{0}",
        "\u{FFFF}",
        "\u{FEFF}",
        "<id value=\"1\"/>",
        "<div xmlns=\"http://www.w3.org/1999/xhtml\"/>",
    ];
    let mild = vec![
        "",
        " ",
        "\r\n",
        "x",
        "1",
        "\u{E9}",
        "&lt;",
        "&#x9;",
        "<!-- c -->",
        "<b/>",
        "<b> ",
        " </b>",
        "-",
        ".",
    ];
    let piece = prop_oneof![sample::select(pieces), sample::select(mild)];
    let length = prop_oneof![4 => Just(0_usize), 1 => 1_usize..8];
    collection::vec((any::<sample::Index>(), any::<bool>(), length, piece), 1..3)
}

fn damage(bytes: &mut Vec<u8>, damages: &[Damage]) {
    for (at, is_edge, length, piece) in damages {
        let is_after_edge = |at: &usize| *at > 0 && b" >\"'=</".contains(&bytes[at - 1]);
        let places: Vec<_> = (0..=bytes.len()).filter(|at| !is_edge || is_after_edge(at)).collect();
        let Some(at) = places.get(at.index(places.len().max(1))).copied() else { continue };
        let end = (at + length).min(bytes.len());
        bytes.splice(at..end, piece.bytes());
    }
}

proptest! {
    #[test]
    fn what_the_tables_allow_comes_back_from_xml_as_it_was(json in resources()) {
        let json = document(&json);
        let xml = from_json(json.root(), &Limits::default());
        prop_assert!(xml.is_ok(), "{xml:?}");
        let xml = xml.expect("checked");
        let parsed = roxmltree::Document::parse(std::str::from_utf8(&xml).expect("UTF-8"));
        prop_assert!(parsed.is_ok(), "{:?}", parsed.err());
        let again = to_json(&xml, &Limits::default());
        prop_assert!(again.is_ok(), "{again:?}");
        let again = document(&again.expect("checked"));
        prop_assert_eq!(difference(json.root(), again.root(), ""), None);
        // Written once more it is the same to the byte: there is one way to say it.
        prop_assert_eq!(from_json(again.root(), &Limits::default()), Ok(xml));
    }

    #[test]
    fn damaged_xml_never_panics_and_what_is_read_is_well_formed_and_stable(
        json in resources(),
        damages in damages(),
    ) {
        let mut xml = from_json(document(&json).root(), &Limits::default()).expect("writable");
        damage(&mut xml, &damages);
        if let Ok(read) = to_json(&xml, &Limits::default()) {
            let text = std::str::from_utf8(&xml).expect("UTF-8").trim_start_matches('\u{FEFF}');
            let parsed = roxmltree::Document::parse(text);
            prop_assert!(parsed.is_ok(), "{:?} {text}", parsed.err());
            let read = document(&read);
            let written = from_json(read.root(), &Limits::default());
            prop_assert!(written.is_ok(), "{written:?}");
            let again = document(&to_json(&written.expect("checked"), &Limits::default()).expect("readable"));
            prop_assert_eq!(difference(read.root(), again.root(), ""), None);
        }
    }

    #[test]
    fn a_damaged_narrative_is_written_only_if_another_reader_finds_one_div(
        at in 0..DIVS.len(),
        damages in damages(),
    ) {
        let mut div = DIVS[at].as_bytes().to_vec();
        damage(&mut div, &damages);
        let Ok(div) = String::from_utf8(div) else { return Ok(()) };
        let mut json = br#"{"resourceType":"Basic","text":{"div":"#.to_vec();
        quote(&div, &mut json);
        json.extend_from_slice(b"}}");
        let Ok(xml) = from_json(document(&json).root(), &Limits::default()) else { return Ok(()) };
        // The names that XML does not know are written as characters, but for those in comments, which are no references.
        let unnamed = |div: &str| div.replace("&nbsp;", "&#160;");
        let alone = roxmltree::Document::parse(&unnamed(&div)).map(|found| {
            let name = found.root_element().tag_name();
            (name.namespace().map(str::to_owned), name.name().to_owned())
        });
        prop_assert_eq!(alone, Ok((Some("http://www.w3.org/1999/xhtml".to_owned()), "div".to_owned())));
        let again = document(&to_json(&xml, &Limits::default()).expect("readable"));
        let kept = again.root().str_at(&["text", "div"]);
        let wanted = unnamed(div.trim_matches([' ', '\t', '\n', '\r']));
        prop_assert_eq!(kept.map(|div| unnamed(&div)), Some(wanted));
    }

    #[test]
    fn bytes_that_are_no_xml_never_panic(bytes in collection::vec(any::<u8>(), 0..200), text in "\\PC{0,200}") {
        let read = to_json(&bytes, &Limits::default());
        prop_assert!(read.is_err());
        let read = to_json(text.as_bytes(), &Limits::default());
        prop_assert!(read.is_err());
    }

    #[test]
    fn damaged_json_never_panics_and_what_is_written_is_well_formed(
        json in resources(),
        damage in collection::vec((any::<sample::Index>(), 0_usize..8, "[\\[\\]{}\":,a-z0-9_<>&]{0,3}"), 1..4),
    ) {
        let mut json = json;
        for (at, length, piece) in damage {
            let at = at.index(json.len() + 1);
            let end = (at + length).min(json.len());
            json.splice(at..end, piece.bytes());
        }
        let Ok(json) = fhir::json::parse(json.into(), &fhir::json::Limits::default()) else { return Ok(()) };
        if let Ok(xml) = from_json(json.root(), &Limits::default()) {
            let parsed = roxmltree::Document::parse(std::str::from_utf8(&xml).expect("UTF-8"));
            prop_assert!(parsed.is_ok(), "{:?}", parsed.err());
            prop_assert!(to_json(&xml, &Limits::default()).is_ok());
        }
    }
}

/// Each element of `owner` by itself, between `before` and `after`.
fn each_comes_back(owner: TypeId, before: &str, after: &str) {
    // An attribute alone says nothing.
    for (key, found) in owner.keys().filter(|(_, found)| !found.is_attribute()) {
        for choices in [[1_u16; 60], [2; 60], [3; 60]] {
            let mut maker = Maker { choices: choices.iter(), out: Vec::new(), depth: 5 };
            maker.push(before);
            maker.member(found);
            maker.push(after);
            let json = document(&maker.out);
            let xml = from_json(json.root(), &Limits::default());
            let xml = xml.unwrap_or_else(|unwritable| panic!("{owner}.{key}: {unwritable}"));
            let again = document(&to_json(&xml, &Limits::default()).expect("readable"));
            assert_eq!(difference(json.root(), again.root(), ""), None, "{owner}.{key}");
        }
    }
}

#[test]
fn every_element_of_every_resource_and_every_type_of_an_extension_comes_back() {
    for owner in resource_types() {
        each_comes_back(owner, &format!("{{\"resourceType\":\"{owner}\","), "}");
    }
    let extension = type_named("Extension").expect("known");
    let before = r#"{"resourceType":"Basic","extension":[{"url":"urn:x","extension":[{"#;
    each_comes_back(extension, before, r#"},{"url":"urn:y"}]}]}"#);
}
