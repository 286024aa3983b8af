//! The way of a parcel to its system: `PUT [base]/Bundle/id`, a message of HL7 v2, or a document posted to its base.

use std::fmt;

use fhir::reference::Id;
use futures_util::future::BoxFuture;

use super::delivery::{Carrier, NotCarried, NotDelivered};
use super::desk::Now;
use super::outbox::Parcel;
use crate::settings::Speaks;
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
    fn carry<'a>(&'a self, parcel: &'a Parcel) -> BoxFuture<'a, Result<(), NotCarried>> {
        Box::pin(async move {
            let ports = (self.0)();
            let not_taken = |reason| Err(NotCarried::Nothing(NotDelivered::Ever(reason)));
            let taken = match ports.settings.system(parcel.system.as_str()).map(|system| &system.speaks) {
                Some(Speaks::Hl7v2(_)) => ports.upstream.send_message(&parcel.system, &parcel.body).await,
                Some(Speaks::Receives(_)) => {
                    ports.upstream.deliver(&parcel.system, &parcel.bundle, &parcel.body).await
                }
                Some(Speaks::Fhir | Speaks::Mapped(_)) | None => {
                    let Ok(id) = Id::parse(&parcel.bundle) else { return not_taken("not-writable") };
                    let write = Write::Update { resource_type: "Bundle", id, if_match: None };
                    let outgoing = Outgoing::from_outbox(write, parcel.body.clone(), None);
                    ports.upstream.send(&parcel.system, outgoing).await.map(|Sent { taken, .. }| taken)
                }
            };
            match taken {
                Ok(Taken::Created | Taken::Done | Taken::Accepted) => Ok(()),
                Ok(Taken::Invalid) => not_taken("not-taken-invalid"),
                Ok(Taken::Conflict) => not_taken("not-taken-conflict"),
                Ok(Taken::NotSupported) => not_taken("not-taken-not-supported"),
                Err(fault) => Err(not_carried(&fault)),
            }
        })
    }
}

/// Nothing has arrived when there was no connection, or when the system said so by its status. All else leaves it open.
/// What people can put right, such as a certificate that ran out, is tried again like what passes by itself.
fn not_carried(fault: &UpstreamFault) -> NotCarried {
    let reason = fault.reason();
    match fault {
        UpstreamFault::NotWritable | UpstreamFault::Rejected | UpstreamFault::NotThere => {
            NotCarried::Nothing(NotDelivered::Ever(reason))
        }
        UpstreamFault::UnknownSystem
        | UpstreamFault::NothingToFetch
        | UpstreamFault::Unreachable
        | UpstreamFault::Redirected
        | UpstreamFault::NotAuthorised
        | UpstreamFault::SourceMoved
        | UpstreamFault::Busy => NotCarried::Nothing(NotDelivered::Yet(reason)),
        UpstreamFault::TimedOut
        | UpstreamFault::BrokenOff
        | UpstreamFault::TooLarge
        | UpstreamFault::Failed
        | UpstreamFault::UnexpectedStatus
        | UpstreamFault::NotFhir
        | UpstreamFault::NotJson
        | UpstreamFault::Malformed(_)
        | UpstreamFault::MalformedXml(_)
        | UpstreamFault::WrongResource
        | UpstreamFault::NotASearchset
        | UpstreamFault::UnexpectedEntry
        | UpstreamFault::NotAHistory
        | UpstreamFault::NoHistory
        | UpstreamFault::NotAResponse
        | UpstreamFault::BadLink => NotCarried::Perhaps(reason),
    }
}

impl fmt::Debug for Courier {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Courier")
    }
}
