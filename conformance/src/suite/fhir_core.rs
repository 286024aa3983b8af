//! The RESTful interface: create to delete, versions, conditions, batches, patches, formats, errors.
//!
//! Every check makes what it needs, of invented people, and looks at nothing else. What servers may do in more than one way is taken
//! in each of them; what the statement does not claim is skipped.

mod bodies;
mod claims;
mod conditional;
mod content;
mod create;
mod delete;
mod formats;
mod hands;
mod patch;
mod paths;
mod together;
mod transaction;
mod unclaimed;
mod update;
mod versions;

use super::judge::joined;
use crate::check::Check;

const PARTS: [&[Check]; 14] = [
    create::CHECKS,
    content::CHECKS,
    update::CHECKS,
    versions::CHECKS,
    delete::CHECKS,
    conditional::CHECKS,
    patch::CHECKS,
    together::CHECKS,
    transaction::CHECKS,
    formats::CHECKS,
    bodies::CHECKS,
    paths::CHECKS,
    claims::CHECKS,
    unclaimed::CHECKS,
];

pub(super) const CHECKS: &[Check] = &joined::<{ super::judge::sum(&PARTS) }>(&PARTS);
