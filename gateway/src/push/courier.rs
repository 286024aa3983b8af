//! The way of a parcel to its system: `PUT [base]/Bundle/id`.

use std::fmt;

use fhir::reference::Id;
use futures_util::future::BoxFuture;

use super::delivery::{Carrier, NotDelivered};
use super::desk::Now;
use super::outbox::Parcel;
use crate::upstream::{Outgoing, Sent, Taken, UpstreamFault, Write};

/// Carries parcels with the clients of the systems as they are set up at that moment.
#[derive(Clone)]
pub struct Courier(Now);

impl Courier {
    /// A courier that asks `now` for each parcel.
    #[must_use]
    pub fn new(now: Now) -> Self {
        Self(now)
    }
}

impl Carrier for Courier {
    fn carry<'a>(&'a self, parcel: &'a Parcel) -> BoxFuture<'a, Result<(), NotDelivered>> {
        Box::pin(async move {
            let ports = (self.0)();
            let Ok(id) = Id::parse(&parcel.bundle) else { return Err(NotDelivered::Ever("not-writable")) };
            let write = Write::Update { resource_type: "Bundle", id, if_match: None };
            let outgoing = Outgoing::from_outbox(write, parcel.body.clone(), None);
            match ports.upstream.send(&parcel.system, outgoing).await {
                Ok(Sent { taken: Taken::Created | Taken::Done | Taken::Accepted, .. }) => Ok(()),
                Ok(Sent { taken: Taken::Invalid, .. }) => Err(NotDelivered::Ever("not-taken-invalid")),
                Ok(Sent { taken: Taken::Conflict, .. }) => Err(NotDelivered::Ever("not-taken-conflict")),
                Ok(Sent { taken: Taken::NotSupported, .. }) => {
                    Err(NotDelivered::Ever("not-taken-not-supported"))
                }
                Err(fault) => Err(not_delivered(&fault)),
            }
        })
    }
}

/// What people can put right, such as a certificate that ran out, is tried again like what passes by itself.
fn not_delivered(fault: &UpstreamFault) -> NotDelivered {
    let ever = matches!(fault, UpstreamFault::Rejected | UpstreamFault::NotWritable);
    if ever { NotDelivered::Ever(fault.reason()) } else { NotDelivered::Yet(fault.reason()) }
}

impl fmt::Debug for Courier {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Courier")
    }
}
