//! What is wrong with a script itself.

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It cannot run as it is written, or cannot say what its author meant.
    Error,
    /// It uses what this engine does not do; it ends as an error when it comes to that.
    Unsupported,
    /// It breaks a rule of TestScript, and what it means is clear all the same.
    Warning,
}

impl Severity {
    /// One word for reports.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Unsupported => "unsupported",
            Self::Warning => "warning",
        }
    }
}

/// Something that `lint` tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// Line and column in the file.
    pub line: usize,
    /// See [`Finding::line`].
    pub column: usize,
    /// The element, as a path.
    pub path: String,
    /// A word for the kind of finding, such as `undefined-variable`.
    pub code: &'static str,
    /// What is wrong.
    pub text: String,
}
