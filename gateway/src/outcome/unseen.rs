//! Faults that are told as if there were nothing.

use crate::decision::evidence::EvidenceFault;
use crate::upstream::UpstreamFault;

/// A fault that comes up for one resource or person and for nobody else. Told as such it would say that she is there;
/// it is recorded and counted as what it is.
#[derive(Debug, thiserror::Error)]
pub enum Unseen {
    /// The holder refuses this one resource, and not what it does not hold.
    #[error("the holder refuses the resource")]
    Refused(#[source] UpstreamFault),
    /// What the ruling about her has to rest on cannot be used.
    #[error("the evidence about the person cannot be used")]
    Unproven(#[source] EvidenceFault),
}

impl Unseen {
    /// The name of the reason in records and metrics: stable, lower case, with hyphens.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Refused(fault) => fault.reason(),
            Self::Unproven(fault) => fault.reason(),
        }
    }
}
