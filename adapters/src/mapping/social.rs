//! Ready mappings for what social care sends.

use super::{Faults, Mapping};

/// A ready mapping, as text: a site may take it as it is, or as a beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ready {
    /// Its name, which is also that of its file.
    pub name: &'static str,
    /// The mapping file.
    pub text: &'static str,
}

/// Every ready mapping.
pub const READY: [Ready; 7] = [
    Ready { name: "client-level-data", text: include_str!("../../maps/social/client-level-data.toml") },
    Ready { name: "mosaic-residents", text: include_str!("../../maps/social/mosaic-residents.toml") },
    Ready { name: "mosaic-residents-xml", text: include_str!("../../maps/social/mosaic-residents-xml.toml") },
    Ready { name: "ssda903-header", text: include_str!("../../maps/social/ssda903-header.toml") },
    Ready { name: "ssda903-episodes", text: include_str!("../../maps/social/ssda903-episodes.toml") },
    Ready { name: "ssda903-reviews", text: include_str!("../../maps/social/ssda903-reviews.toml") },
    Ready { name: "ssda903-xml", text: include_str!("../../maps/social/ssda903-xml.toml") },
];

impl Ready {
    /// The ready mapping with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        READY.iter().find(|ready| ready.name == name).copied()
    }

    /// The mapping, checked.
    ///
    /// # Errors
    /// [`Faults`]: none in those that ship.
    pub fn load(self) -> Result<Mapping, Faults> {
        Mapping::load(&format!("{}.toml", self.name), self.text)
    }
}
