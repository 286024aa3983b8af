//! Qualifiers of a code: what they do to it.
//!
//! A qualifier may make a code narrower (a fracture, of the left side), and the code alone is still true. It may turn it
//! around (a finding, known to be absent), and the code alone is false. Of a qualifier that no map knows, either may be
//! so.

use super::coded::Known;
use super::codes::letters;
use super::source::{Element, Space};
use crate::{Severity, Why};

/// What its qualifiers do to a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Qualified {
    /// It has none.
    Not,
    /// They make it narrower: it is true, and less than was said.
    Narrower,
    /// They may change what it means: only the words may be carried.
    Otherwise,
    /// It is absent, past, planned or somebody else's: nothing may be carried.
    Elsewhere,
}

impl Known<'_> {
    /// What the qualifiers of `element` do to its code.
    pub(super) fn qualified(&self, element: Element<'_>) -> Qualified {
        let mut all = Qualified::Not;
        for qualifier in qualifiers(element) {
            let name = qualifier.child("name").and_then(|name| name.peek("code")).unwrap_or_default();
            let value = qualifier.child("value");
            let is_in = |map: &str, code: &str| self.codes.find(map, code, self.context).is_some();
            let is_nested = value.is_some_and(|value| qualifiers(value).next().is_some());
            let is_inverted = qualifier.peek("inverted").is_some_and(|inverted| inverted != "false");
            if is_in("qualifier-context", name) {
                let said = value.and_then(|value| value.peek("code")).unwrap_or_default();
                if !is_in("qualifier-context-usual", said) {
                    return Qualified::Elsewhere;
                }
            } else if is_nested || is_inverted || !is_in("qualifier-narrower", name) {
                all = Qualified::Otherwise;
                continue;
            }
            if all == Qualified::Not {
                all = Qualified::Narrower;
            }
        }
        all
    }

    /// What the qualifiers of `element` say, in words: `Laterality: Left; Severity: Mild`.
    pub(super) fn qualifying(&self, element: Element<'_>) -> Option<String> {
        let mut all = String::new();
        for qualifier in qualifiers(element) {
            let name = qualifier.child("name").and_then(|name| self.worded(name));
            let value = qualifier.child("value").and_then(|value| self.worded(value));
            let separator = if all.is_empty() { "" } else { "; " };
            match (name, value) {
                (Some(name), Some(value)) => all.push_str(&format!("{separator}{name}: {value}")),
                (Some(said), None) | (None, Some(said)) => all.push_str(&format!("{separator}{said}")),
                (None, None) => {}
            }
        }
        (!all.is_empty()).then_some(all)
    }

    /// A code in words. Its code is then a loss of its own.
    fn worded(&self, element: Element<'_>) -> Option<String> {
        let words = element.child("originalText").and_then(|text| self.words(text));
        let words = words.or_else(|| element.take("displayName").map(str::to_owned));
        match words {
            Some(words) => {
                element.mark(&["codeSystem", "codeSystemName", "codeSystemVersion"]);
                if element.peek("displayName").is_some_and(|name| letters(name) == letters(&words)) {
                    element.mark(&["displayName"]);
                }
                if element.peek("code").is_some() {
                    element.remark(Some("code"), Why::Narrowed, Severity::Minor);
                }
                Some(words)
            }
            None => element.take("code").map(str::to_owned),
        }
    }
}

/// The qualifiers of `element` that say something.
fn qualifiers<'t>(element: Element<'t>) -> impl Iterator<Item = Element<'t>> {
    element.children().filter(|child| child.is(Space::V3, "qualifier") && child.says())
}
