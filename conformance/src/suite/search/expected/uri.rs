//! Addresses on the web.

use super::{Place, Told};

/// How an address is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    /// The very same.
    Is,
    /// What is asked for, or something below it.
    Below,
    /// What is asked for, or something above it.
    Above,
}

impl How {
    /// That of a modifier, if it is one for addresses.
    pub(super) fn of(modifier: Option<&str>) -> Option<Self> {
        match modifier {
            None => Some(Self::Is),
            Some("below") => Some(Self::Below),
            Some("above") => Some(Self::Above),
            Some(_) => None,
        }
    }
}

/// Whether an address is what is wanted.
pub(super) fn meets(place: &Place<'_>, how: How, wanted: &str) -> Told {
    let Some(found) = place.node.text() else { return Told::No };
    match how {
        How::Is => Told::from(found == wanted),
        How::Below => begins(found, wanted),
        How::Above => begins(wanted, found),
    }
}

/// Whether `long` is `short` or below it. In the middle of a step it is not told.
fn begins(long: &str, short: &str) -> Told {
    match long.strip_prefix(short) {
        None => Told::No,
        Some("") => Told::Yes,
        Some(rest) if rest.starts_with('/') || short.ends_with('/') => Told::Yes,
        Some(_) => Told::Open,
    }
}
