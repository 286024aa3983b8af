//! The invented people of the story and their records at the hospital.
//!
//! NHS numbers are of the 999 range, which is never issued. Every element that must reach nobody at the council
//! holds a canary ([`crate::canary`]); what the council may see holds none.

mod ann;
mod choice;
mod letter;
mod others;
mod shared;

use jiff::civil::Date;
use serde_json::Value;

pub use choice::dissent;
pub use letter::{ANNS_LETTER, discharge_message};
pub(crate) use shared::{NHS_NUMBER, ODS};

/// One invented person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Person {
    /// What the story calls them.
    pub name: &'static str,
    /// The id of their Patient resource at the hospital.
    pub id: &'static str,
    /// Their NHS number.
    pub nhs_number: &'static str,
}

/// Goes home after a broken hip; the council's adult social care is in her care team.
pub const ANN: Person = Person { name: "ann", id: "ann", nhs_number: "9993100145" };
/// Has said no to sharing.
pub const BEN: Person = Person { name: "ben", id: "ben", nhs_number: "9993100218" };
/// Has nothing to do with the council.
pub const CARA: Person = Person { name: "cara", id: "cara", nhs_number: "9993100285" };
/// Comes in unconscious; nobody on the ward has a tie of care yet.
pub const DEV: Person = Person { name: "dev", id: "dev", nhs_number: "9993100358" };

/// Everyone.
pub const EVERYONE: [Person; 4] = [ANN, BEN, CARA, DEV];

/// The hospital.
pub const HOSPITAL: &str = "RX1";
/// The council's adult social care.
pub const COUNCIL: &str = "E10000099";

/// What the hospital holds, as of `today`: periods are counted from it, so that ties of care are in date.
#[must_use]
pub fn records(today: Date) -> Vec<Value> {
    let mut records = shared::organisations();
    records.extend(ann::records(today));
    records.extend(others::records(today));
    records
}
