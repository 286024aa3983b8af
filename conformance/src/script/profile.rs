//! Whether a resource conforms to a profile: asked of whoever knows the definitions.

use std::fmt;

use crate::tree::Node;

/// Knows profiles.
pub trait ProfileCheck: fmt::Debug + Send + Sync {
    /// Whether `resource` conforms to the profile with this canonical address.
    fn check(&self, resource: Node<'_>, profile: &str) -> Checked;
}

/// What a check against a profile came to. Texts hold nothing of the resource but names of elements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Checked {
    /// It conforms; warnings do not count against it.
    Conforms {
        /// What is warned of, and what was not looked at.
        warnings: Vec<String>,
    },
    /// It does not.
    Breaks {
        /// Why.
        errors: Vec<String>,
    },
    /// The profile, or something that it needs, is not known.
    Unsupported(String),
}

/// Knows none.
#[derive(Debug, Clone, Copy)]
pub struct NoProfiles;

impl ProfileCheck for NoProfiles {
    fn check(&self, _: Node<'_>, _: &str) -> Checked {
        Checked::Unsupported("validateProfileId: no definitions are loaded".to_owned())
    }
}
