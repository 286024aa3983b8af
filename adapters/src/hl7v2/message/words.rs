//! Texts of senders that do not escape the delimiters in them.

use super::{Level, Part, Value, trimmed};

impl Part<'_, '_> {
    /// The text of a component that has no subcomponents: where some stand in it all the same, a sender did not escape an
    /// ampersand (`A&E`), and it is put back. It counts as carried.
    pub(in crate::hl7v2) fn words(&self) -> Option<String> {
        let component = match self.level {
            Level::Repetition(_) => self.component(1),
            Level::Component | Level::Subcomponent => *self,
        };
        let [first, _, ..] = component.values else { return component.text() };
        if trimmed(first.raw) == "\"\"" {
            return component.text();
        }
        let mut whole = String::new();
        let mut reached = 1;
        for value in component.values {
            for _ in reached..value.at.subcomponent {
                whole.push(self.message.delimiters.subcomponent);
            }
            reached = value.at.subcomponent;
            whole.push_str(value.raw);
        }
        let text = self.clean(trimmed(&whole), first.at)?;
        component.mark();
        Some(text)
    }

    /// Whether the subcomponents of this component are words around an ampersand, which no sender writes who means subcomponents.
    pub(in crate::hl7v2) fn is_words(&self) -> bool {
        let blank_after = |value: &Value<'_>| value.raw.ends_with(' ');
        let blank_before = |value: &Value<'_>| value.raw.starts_with(' ');
        self.values
            .iter()
            .zip(self.values.iter().skip(1))
            .any(|(one, other)| blank_after(one) && blank_before(other))
    }

    /// Whether the subcomponents of this component are letters around an ampersand, as of `A&E` and `T&O`.
    pub(in crate::hl7v2) fn is_initials(&self) -> bool {
        let is_letters = |raw: &str| raw.len() <= 2 && raw.bytes().all(|byte| byte.is_ascii_uppercase());
        self.values.len() > 1 && self.values.iter().all(|value| is_letters(value.raw))
    }

    /// [`Part::whole_text`] without the delimiters before the words of a concept that has no code.
    pub(in crate::hl7v2) fn said_whole(&self) -> Option<String> {
        let Level::Repetition(whole) = self.level else { return None };
        let level = Level::Repetition(whole.trim_start_matches(self.message.delimiters.component));
        Self { level, ..*self }.whole_text()
    }
}
