//! The masks of a share, compiled once when the agreements are loaded.
//!
//! A resource gets the union of the tables whose conditions hold for it, so each type has one mask for each subset of
//! its tables, and another without whatever tells where a person is.

use std::collections::{BTreeMap, BTreeSet};

use fhir::json::Key;
use fhir::path::{ElementPath, Step};
use fhir::tables::{self, TypeId};

use super::minimise::{InvalidMask, TypeMask};
use crate::agreement::SharedType;
use crate::decision::shield;

/// How many tables of one block may speak of one type: each subset of them has a mask.
pub const TABLES_MAX: usize = 6;

/// The masks of one share.
#[derive(Debug, Default)]
pub struct Masks {
    by_type: BTreeMap<TypeId, TypeMasks>,
}

#[derive(Debug)]
struct TypeMasks {
    open: Vec<Option<TypeMask>>,
    shielded: Vec<Option<TypeMask>>,
}

/// Whether where the person is may be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whereabouts {
    /// It may, as far as it is named.
    Told,
    /// It may not.
    Shielded,
}

/// Why the tables of a share make no masks.
#[derive(Debug, thiserror::Error)]
pub enum InvalidShare {
    /// Paths that cannot be shared or withheld.
    #[error(transparent)]
    Mask(#[from] InvalidMask),
    /// More tables speak of one type than have masks.
    #[error("more than {TABLES_MAX} tables of one block share {0}: join some of them")]
    TooManyTables(TypeId),
}

impl Masks {
    /// Compiles the masks of every type and subset of tables.
    ///
    /// # Errors
    /// [`InvalidShare`].
    pub fn compile(types: &BTreeMap<TypeId, Vec<SharedType>>) -> Result<Self, InvalidShare> {
        let mut by_type = BTreeMap::new();
        for (owner, tables) in types {
            if tables.len() > TABLES_MAX {
                return Err(InvalidShare::TooManyTables(*owner));
            }
            let mut masks = TypeMasks { open: vec![None], shielded: vec![None] };
            for subset in 1..1_usize << tables.len() {
                let chosen: Vec<&SharedType> = tables
                    .iter()
                    .enumerate()
                    .filter(|(at, _)| subset >> at & 1 == 1)
                    .map(|(_, table)| table)
                    .collect();
                let paths: Vec<&ElementPath> =
                    chosen.iter().flat_map(|table| &table.items).map(|item| &item.path).collect();
                let withhold: Vec<&ElementPath> = chosen.iter().flat_map(|table| &table.withhold).collect();
                masks.open.push(mask(*owner, &paths, &withhold)?);
                masks.shielded.push(shielded_mask(*owner, &paths, &withhold)?);
            }
            by_type.insert(*owner, masks);
        }
        Ok(Self { by_type })
    }

    /// Whether the element `name` of `owner` is shown whole by the mask of every subset of tables that holds `always`: of
    /// every resource that is shown at all, whatever it holds.
    #[must_use]
    pub fn show_whole(&self, owner: TypeId, name: &str, always: usize, whereabouts: Whereabouts) -> bool {
        let Some(masks) = self.by_type.get(&owner) else { return false };
        let mut reached = masks.list(whereabouts).iter().enumerate().skip(1);
        reached.all(|(subset, mask)| {
            subset & always != always || mask.as_ref().is_some_and(|mask| mask.shows_whole(name))
        })
    }

    /// Whether anything of the member called `key` at the top of an `owner` may be shown by the mask of any subset of tables.
    /// Of what no table names itself that is not known: it may.
    #[must_use]
    pub fn may_show(&self, owner: TypeId, key: Key<'_>) -> bool {
        let Some(masks) = self.by_type.get(&owner) else { return true };
        masks.open.iter().chain(&masks.shielded).flatten().any(|mask| mask.may_show(key))
    }

    /// The mask of `owner` for the tables whose bits are set in `subset`; nothing when nothing is shared then.
    #[must_use]
    pub fn of(&self, owner: TypeId, subset: usize, whereabouts: Whereabouts) -> Option<&TypeMask> {
        let masks = self.by_type.get(&owner)?;
        masks.list(whereabouts).get(subset)?.as_ref()
    }
}

impl TypeMasks {
    /// The masks by subset of tables.
    fn list(&self, whereabouts: Whereabouts) -> &[Option<TypeMask>] {
        match whereabouts {
            Whereabouts::Told => &self.open,
            Whereabouts::Shielded => &self.shielded,
        }
    }
}

/// A mask of what is left; nothing when nothing is.
fn mask(
    owner: TypeId,
    paths: &[&ElementPath],
    withhold: &[&ElementPath],
) -> Result<Option<TypeMask>, InvalidMask> {
    if paths.is_empty() {
        return Ok(None);
    }
    TypeMask::compile(owner, paths.iter().copied(), withhold.iter().copied()).map(Some)
}

/// The same without what tells where a person is.
fn shielded_mask(
    owner: TypeId,
    paths: &[&ElementPath],
    withhold: &[&ElementPath],
) -> Result<Option<TypeMask>, InvalidMask> {
    let told: Vec<&ElementPath> = paths.iter().copied().filter(|path| !tells(path)).collect();
    if told.is_empty() || shield::NOTHING_ELSE.contains(&owner.name()) {
        return Ok(None);
    }
    TypeMask::compile_shielded(owner, told, withhold.iter().copied()).map(Some)
}

/// Whether a named element, one on the way to it or one below it tells where the person is.
fn tells(path: &ElementPath) -> bool {
    if shield::hides(path) {
        return true;
    }
    let mut types = vec![path.owner()];
    for step in path.steps() {
        match step {
            Step::Element(_) | Step::Choice { .. } | Step::Item { .. } => types = step.leads_to(&types),
            // What an extension or identifier system holds is not known: it goes.
            Step::Extension(_) => return true,
            Step::Identifier(_) => return false,
        }
    }
    let mut seen: BTreeSet<TypeId> = types.iter().copied().collect();
    while let Some(owner) = types.pop() {
        for element in owner.elements() {
            if element.name() == "extension" || element.name() == "modifierExtension" {
                continue;
            }
            if shield::tells(owner, element.name()) {
                return true;
            }
            types.extend(element.types().iter().map(tables::ElementType::id).filter(|id| seen.insert(*id)));
        }
    }
    false
}
