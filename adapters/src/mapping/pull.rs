//! What a mapping makes of records that are asked for, one by one, as a system of its own would hold it.
//!
//! [`Mapping::pulled`] reads a file, [`Mapping::view`] the rows of a view: each record becomes resources that refer to
//! each other as `Type/id`, without a Bundle or Provenance around them. What of a search a source can be asked for is
//! told by [`Mapping::must_equal`]; what of it can be answered at all, by [`Mapping::tells`].

mod asked;
mod view;

use std::collections::BTreeSet;
use std::io::Read;

use fhir::tables::TypeId;

pub use self::asked::{Compare, Equal};
pub use self::view::View;
use super::build::{Build, Naming};
pub use super::plan::folded_column;
use super::plan::{Format, Plan};
use super::record::Input;
use super::{Mapping, Origin, Records, Refused};
use crate::{Context, Loss};

/// How the ids of resources are made from the columns that `id_from` names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ids {
    /// Digests, the same as those of a translation: a record is found by its id where all were read before.
    Digests,
    /// What the columns say: a record is found by its id in the source.
    Keys,
}

/// A resource of a record.
#[derive(Clone, PartialEq, Eq)]
pub struct Made {
    /// Its type.
    pub resource_type: TypeId,
    /// Its logical id.
    pub id: String,
    /// The resource as JSON.
    pub json: Vec<u8>,
}

impl std::fmt::Debug for Made {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Made({}, {} bytes)", self.resource_type.name(), self.json.len())
    }
}

/// What one record became.
#[derive(Debug, Default)]
pub struct Pulled {
    /// Its resources; none where the mapping makes nothing of such a record.
    pub made: Vec<Made>,
    /// What was not carried.
    pub losses: Vec<Loss>,
}

/// The records of a file, one after the other.
///
/// After a refusal that reaches the whole file ([`Refused::reach`]) nothing more comes.
#[derive(Debug)]
pub struct PulledRecords<'m, R: Read> {
    plan: &'m Plan,
    context: &'m Context,
    naming: Naming,
    records: Records<'m, R>,
}

impl Mapping {
    /// Reads a file record by record.
    ///
    /// # Errors
    /// [`Refused`] when the file as a whole cannot be read by this mapping.
    pub fn pulled<'m, R: Read>(
        &'m self,
        input: R,
        context: &'m Context,
        ids: Ids,
    ) -> Result<PulledRecords<'m, R>, Refused> {
        let records = self.records(input, context, &Origin::new("", jiff::Timestamp::UNIX_EPOCH))?;
        Ok(PulledRecords { plan: &self.plan, context, naming: Naming::of(ids), records })
    }

    /// Every type that the mapping makes.
    #[must_use]
    pub fn types(&self) -> BTreeSet<TypeId> {
        self.plan.resources.iter().map(|resource| resource.kind).collect()
    }

    /// Whether it reads rows with columns.
    #[must_use]
    pub fn reads_rows(&self) -> bool {
        self.plan.source.format == Format::Csv
    }

    /// Whether it reads JSON documents.
    #[must_use]
    pub fn reads_json(&self) -> bool {
        self.plan.source.format == Format::Json
    }

    /// Whether several rows may be one record.
    #[must_use]
    pub fn gathers_rows(&self) -> bool {
        !self.plan.source.record_key.is_empty()
    }
}

impl Naming {
    const fn of(ids: Ids) -> Self {
        match ids {
            Ids::Digests => Self::Digests,
            Ids::Keys => Self::Keys,
        }
    }
}

impl<R: Read> PulledRecords<'_, R> {
    /// Every value of the record that came last, as far as it could be read: of one that was refused, what may tell whom
    /// it is about.
    #[must_use]
    pub fn said(&self) -> Vec<&str> {
        self.records.said()
    }
}

impl<R: Read> Iterator for PulledRecords<'_, R> {
    type Item = Result<Pulled, Refused>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Err(refused) = self.records.read()? {
            return Some(Err(refused));
        }
        Some(pulled(self.plan, self.context, self.naming, self.records.input()))
    }
}

/// What a record becomes.
fn pulled(plan: &Plan, context: &Context, naming: Naming, input: Input<'_>) -> Result<Pulled, Refused> {
    const BODY: &[u8] = b"\"resource\":";
    let zone = plan.zone.as_ref().unwrap_or(&context.zone);
    let mut build = Build::new(plan, input, zone, context.source()).named(naming);
    let mut out = vec![b'['];
    let mut made = Vec::new();
    let mut start = 1;
    build.resources(&mut out, |one, out| {
        let entry = out.get(start..).unwrap_or_default();
        // The id is of the letters of ids: the first such name is that of the entry.
        let body = memchr::memmem::find(entry, BODY).map_or(0, |at| at + BODY.len());
        let json = entry.get(body..entry.len().saturating_sub(1)).unwrap_or_default().to_vec();
        let resource = plan.resources.get(one.resource);
        made.extend(resource.map(|of| Made { resource_type: of.kind, id: one.id.clone(), json }));
        start = out.len();
    })?;
    let losses = build.losses().into_iter().map(|(_, loss)| loss).collect();
    Ok(Pulled { made, losses })
}
