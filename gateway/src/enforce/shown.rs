//! One resource as it is shown.

use super::account::Account;
use super::answer::{Frame, last_updated};
use super::judge::Judged;
use super::release::{Head, Media, Minimised};
use crate::hex::hex;
use crate::trail::record::Event;
use crate::trail::records::Records;

/// One resource as it is shown, with its version.
pub(in crate::enforce) fn shown(
    judged: Judged,
    version: [u8; 16],
    account: Account<'_>,
    frame: Frame<'_>,
) -> Minimised {
    let head = Head {
        status: 200,
        etag: Some(hex(&version)),
        last_modified: last_updated(&judged.bytes),
        location: None,
        provenance: Some(frame.exchange.request_id.clone()),
        media: Media::FhirJson,
    };
    let exchange = frame.exchange.clone().ended(Event::Disclosed, 200, None);
    Minimised {
        body: judged.bytes,
        head,
        records: Records { exchange, persons: account.close() },
        provenance: None,
    }
}
