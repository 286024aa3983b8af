//! CSV, JSON and XML into FHIR R4 by mapping files that are data.
//!
//! A mapping (TOML) says how a file is written, what its codes mean, and which column or path becomes which element
//! of which resource. It is checked whole when it is loaded, against the tables of FHIR R4: what it names exists, has
//! the type it is given, and nothing required is missing; every fault has a file, a line and what to do. How to write
//! one is in `docs/mapping.md`; ready ones for social care are in [`social`].
//!
//! [`Mapping::records`] then translates a file record by record, in constant memory: each record becomes a
//! [`Translated`], a Bundle of type `collection` in which every resource has a Provenance that points at the rows and
//! columns it was made of, or is refused with a reason. Every cell is carried or is in the losses.
//!
//! Ids come from the name of the source system and from what `id_from` names, so that the same person in another file
//! of the same source is the same Patient.

mod back;
mod build;
mod bundle;
mod check;
mod codes;
mod convert;
mod csv;
mod dates;
mod decode;
mod explain;
mod fault;
mod json;
mod plan;
pub mod pull;
mod record;
mod records;
mod refused;
pub mod social;
mod written;
mod xml;

use std::io::Read;

use sha2::{Digest, Sha256};

pub use self::back::{Back, Column, WrittenBack};
pub use self::explain::{Explained, Explanation};
pub use self::fault::{Fault, Faults};
pub use self::records::Records;
pub use self::refused::{Reach, Refused};
use crate::Context;
#[cfg(doc)]
use crate::Translated;

/// A mapping that was checked.
#[derive(Debug)]
pub struct Mapping {
    plan: plan::Plan,
    digest: String,
}

/// Where a file comes from.
#[derive(Debug, Clone)]
pub struct Origin {
    document: String,
    received: jiff::Timestamp,
}

impl Origin {
    /// The file that is called `document` (a name or digest, unique for the source), as it was received then.
    #[must_use]
    pub fn new(document: &str, received: jiff::Timestamp) -> Self {
        Self { document: document.to_owned(), received }
    }
}

impl Mapping {
    /// Reads a mapping; `file` is what errors call it.
    ///
    /// # Errors
    /// [`Faults`]: everything that is wrong, with lines.
    pub fn load(file: &str, text: &str) -> Result<Self, Faults> {
        let notes = fault::Notebook::new(file, text);
        let plan = written::parse(text, &notes, |table| check::plan(table, &notes)).flatten();
        match plan {
            Some(plan) if notes.is_clean() => {
                let digest = Sha256::digest(text);
                let digest = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
                Ok(Self { plan, digest })
            }
            Some(_) | None => Err(notes.into_faults()),
        }
    }

    /// What the mapping calls itself.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.plan.name
    }

    /// A digest of its text: another where a word of it is another.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// What people call it; empty when it does not say.
    #[must_use]
    pub fn title(&self) -> &str {
        &self.plan.title
    }

    /// Translates the records of a file, one after the other.
    ///
    /// # Errors
    /// [`Refused`] when the file as a whole cannot be read by this mapping.
    pub fn records<'m, R: Read>(
        &'m self,
        input: R,
        context: &'m Context,
        origin: &Origin,
    ) -> Result<Records<'m, R>, Refused> {
        Records::new(&self.plan, input, context, origin)
    }

    /// Translates record `number` of a file, counted from 1, and tells where each of its places went. Nothing when
    /// there are fewer records.
    ///
    /// # Errors
    /// [`Refused`] when the file, or this record of it, cannot be translated.
    pub fn explain<R: Read>(
        &self,
        input: R,
        context: &Context,
        origin: &Origin,
        number: usize,
    ) -> Result<Option<Explanation>, Refused> {
        explain::explain(&self.plan, input, context, origin, number)
    }
}
