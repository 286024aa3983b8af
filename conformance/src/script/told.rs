//! What messages may say of what was received.

/// Whether messages hold values of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Telling {
    /// They name elements, types, codes of the specification and what the script expects; never what was received.
    Redacted,
    /// Values that were received, too; for invented records only. Secrets never.
    Values,
}

/// Letters of a value that a message shows at most.
const SHOWN_MAX: usize = 80;

impl Telling {
    /// A value as messages may show it.
    pub(crate) fn value(self, text: &str) -> String {
        match self {
            Self::Redacted => "another value".to_owned(),
            Self::Values if text.chars().count() > SHOWN_MAX => {
                let start: String = text.chars().take(SHOWN_MAX).collect();
                format!("'{start}…'")
            }
            Self::Values => format!("'{text}'"),
        }
    }

    /// Several values as messages may show them.
    pub(crate) fn values<'a>(self, texts: impl ExactSizeIterator<Item = &'a str>) -> String {
        match (self, texts.len()) {
            (_, 0) => "nothing".to_owned(),
            (Self::Redacted, 1) => "another value".to_owned(),
            (Self::Redacted, count) => format!("{count} values"),
            (Self::Values, count) => {
                let shown: Vec<String> = texts.take(5).map(|text| self.value(text)).collect();
                let more = if count > 5 { ", …" } else { "" };
                format!("{}{more}", shown.join(", "))
            }
        }
    }
}

/// Headers whose values are secrets in either direction.
pub(crate) fn is_secret(header: &str) -> bool {
    let secret =
        ["authorization", "proxy-authorization", "cookie", "set-cookie", "x-api-key", "ssp-authorization"];
    secret.iter().any(|name| header.eq_ignore_ascii_case(name))
}
