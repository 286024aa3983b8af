//! The characters that separate the parts of a message, as its header declares them.

use crate::Refused;

/// The characters that separate parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Delimiters {
    pub(super) field: char,
    pub(super) component: char,
    pub(super) repetition: char,
    pub(super) escape: char,
    pub(super) subcomponent: char,
}

impl Delimiters {
    pub(super) const USUAL: Self =
        Self { field: '|', component: '^', repetition: '~', escape: '\\', subcomponent: '&' };

    /// The delimiters that the header of `text` declares.
    pub(super) fn of(text: &str) -> Result<Self, Refused> {
        let mut letters = text.strip_prefix("MSH").ok_or(Refused::NoHeader)?.chars();
        let field = letters.next().ok_or(Refused::NoHeader)?;
        let named: Vec<char> =
            letters.take_while(|letter| *letter != field && !matches!(letter, '\r' | '\n')).take(6).collect();
        // Old senders name no escape, and exports lose the backslash.
        let usual = ['\\'];
        let (component, repetition, escape, rest) = match named.as_slice() {
            [component, repetition] | [component, repetition, '&'] => {
                let [escape] = &usual;
                (component, repetition, escape, [].as_slice())
            }
            [component, repetition, escape, rest @ ..] => (component, repetition, escape, rest),
            [] | [_] => return Err(Refused::Delimiters),
        };
        let delimiters = Self {
            field,
            component: *component,
            repetition: *repetition,
            escape: *escape,
            subcomponent: rest.first().copied().unwrap_or('&'),
        };
        let all = [field, *component, *repetition, *escape, delimiters.subcomponent];
        let usable = all.iter().all(|letter| letter.is_ascii_graphic() && !letter.is_ascii_alphanumeric());
        let alike =
            all.iter().enumerate().any(|(index, letter)| all.iter().take(index).any(|other| other == letter));
        if !usable || alike || rest.len() > 2 {
            return Err(Refused::Delimiters);
        }
        Ok(delimiters)
    }
}
