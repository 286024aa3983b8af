//! The elements of a document while it is written, and their XML.

/// An element.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Element {
    pub(super) name: String,
    pub(super) attributes: Vec<(String, String)>,
    pub(super) content: Vec<Item>,
}

/// What is in an element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Item {
    Element(Element),
    Text(String),
}

impl Element {
    pub(super) fn new(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }

    /// A value that is to become an element.
    pub(super) fn value() -> Self {
        Self::default()
    }

    pub(super) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.set(name, value.into());
        self
    }

    pub(super) fn saying(mut self, text: impl Into<String>) -> Self {
        self.content.push(Item::Text(text.into()));
        self
    }

    pub(super) fn set(&mut self, name: &str, value: String) {
        match self.attributes.iter_mut().find(|(held, _)| held == name) {
            Some((_, held)) => *held = value,
            None => self.attributes.push((name.to_owned(), value)),
        }
    }

    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(held, _)| held == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn add(&mut self, child: Self) {
        self.content.push(Item::Element(child));
    }

    pub(super) fn children(&self) -> impl DoubleEndedIterator<Item = &Self> {
        self.content.iter().filter_map(|item| match item {
            Item::Element(child) => Some(child),
            Item::Text(_) => None,
        })
    }

    pub(super) fn child(&self, name: &str) -> Option<&Self> {
        self.children().find(|child| child.name == name)
    }

    /// The text that stands in the element itself.
    pub(super) fn text(&self) -> Option<&str> {
        self.content.iter().find_map(|item| match item {
            Item::Text(text) => Some(text.as_str()),
            Item::Element(_) => None,
        })
    }

    /// Whether it says that there is no value.
    pub(super) fn is_null(&self) -> bool {
        self.attribute("nullFlavor").is_some()
    }

    /// Takes on what `other` says.
    pub(super) fn merge(&mut self, other: Self) {
        for (name, value) in other.attributes {
            self.set(&name, value);
        }
        self.content.extend(other.content);
    }

    pub(super) fn write(&self, out: &mut String) {
        out.push('<');
        out.push_str(&self.name);
        for (name, value) in &self.attributes {
            out.push(' ');
            out.push_str(name);
            out.push_str("=\"");
            escape(value, out);
            out.push('"');
        }
        if self.content.is_empty() {
            out.push_str("/>");
            return;
        }
        out.push('>');
        for item in &self.content {
            match item {
                Item::Element(child) => child.write(out),
                Item::Text(text) => escape(text, out),
            }
        }
        out.push_str("</");
        out.push_str(&self.name);
        out.push('>');
    }
}

/// Whether XML has a way to write this letter.
pub(super) fn is_allowed(letter: char) -> bool {
    matches!(letter, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

fn escape(text: &str, out: &mut String) {
    for letter in text.chars().filter(|letter| is_allowed(*letter)) {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\r' => out.push_str("&#13;"),
            other => out.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Element;

    #[test]
    fn no_text_is_markup() {
        let mut out = String::new();
        Element::new("a").with("b", "\"<&").saying("]]>\u{1}<c/>\u{fffe}\r").write(&mut out);
        assert_eq!(out, "<a b=\"&quot;&lt;&amp;\">]]&gt;&lt;c/&gt;&#13;</a>");
    }
}
