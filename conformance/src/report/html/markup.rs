//! Markup that cannot be broken out of: what is not a word of this program is escaped.

/// A page that is being written.
#[derive(Debug, Default)]
pub(super) struct Markup(String);

impl Markup {
    /// Writes markup. It takes words of this program alone; all else is text.
    pub(super) fn raw(&mut self, markup: &'static str) {
        self.0.push_str(markup);
    }

    /// Writes text, between elements or in an attribute with double quotation marks.
    pub(super) fn text(&mut self, text: &str) {
        for letter in text.chars() {
            match letter {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                '\n' | '\t' => self.0.push(letter),
                // No control characters in XML 1.0, and none that turn the order of letters round, by which a text could lie.
                other
                    if other.is_control()
                        || is_turning(other)
                        || matches!(other, '\u{FFFE}' | '\u{FFFF}') =>
                {
                    self.0.push('\u{FFFD}');
                }
                other => self.0.push(other),
            }
        }
    }

    /// Writes text in an element of this name.
    pub(super) fn element(&mut self, name: &'static str, text: &str) {
        self.0.push('<');
        self.0.push_str(name);
        self.0.push('>');
        self.text(text);
        self.0.push_str("</");
        self.0.push_str(name);
        self.0.push('>');
    }

    /// Writes an address, as a link where it is one of the web.
    pub(super) fn address(&mut self, address: &str) {
        if address.starts_with("https://") || address.starts_with("http://") {
            self.raw("<a href=\"");
            self.text(address);
            self.raw("\" rel=\"noreferrer\">");
            self.text(address);
            self.raw("</a>");
        } else {
            self.text(address);
        }
    }

    pub(super) fn into_string(self) -> String {
        self.0
    }
}

/// Marks that change the direction of what follows.
const fn is_turning(letter: char) -> bool {
    matches!(letter, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}
