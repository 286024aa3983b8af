//! What FHIR and its profiles demand, from packs of definitions.
//!
//! A [`Pack`] is a compact text of our own (see [`pack`]), made from FHIR packages by [`make`] and compressed. Loading one
//! unpacks it and notes where each definition stands; a definition is read when something asks for it first, and kept.
//! What comes out are [`Shape`]s (structure definitions with the differentials of their whole chain merged), and answers to
//! whether a code is in a value set ([`terms`]).
//!
//! Deliberately absent: the network. What is in no pack is not known here, and whoever asks is told so.

#[cfg(test)]
mod codes;
pub mod exact;
pub mod make;
pub mod merge;
pub mod pack;
pub mod shape;
pub mod structure;
pub mod terms;
pub(crate) mod units;

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use pack::{Kind, Pack, Section};
use shape::Shape;
use structure::Structure;
use terms::{CodeSystem, ValueSet};

/// The R4 base definitions and the profiles and extensions of the core specification (CC0).
const R4: &[u8] = include_bytes!("definitions/packs/r4.pack");
/// UK Core (Apache-2.0, HL7 UK).
const UK_CORE: &[u8] = include_bytes!("definitions/packs/ukcore.pack");
/// IHE Basic Audit Log Patterns (CC BY 4.0, IHE International).
const BALP: &[u8] = include_bytes!("definitions/packs/balp.pack");

/// Where the definitions of the core specification live.
pub const CORE: &str = "http://hl7.org/fhir/StructureDefinition/";

/// Why definitions could not be used. Nothing of a checked resource is in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// Not a pack, or of another form.
    #[error("this is not a pack of definitions")]
    NotAPack,
    /// Larger than any pack may be.
    #[error("the pack is larger than {bytes_max} bytes unpacked")]
    TooLarge {
        /// The bound.
        bytes_max: usize,
    },
    /// A line that cannot be read.
    #[error("line {line} of a definition cannot be read: {url}")]
    Line {
        /// Counted from the first line of the definition.
        line: usize,
        /// The definition.
        url: String,
    },
    /// What a definition builds on is in no pack.
    #[error("{url} builds on {base}, which is in no pack")]
    NoBase {
        /// The definition.
        url: String,
        /// What it builds on.
        base: String,
    },
    /// A definition that builds on itself, or on a chain too long to be meant.
    #[error("{url} builds on itself or on too many others")]
    Endless {
        /// The definition.
        url: String,
    },
    /// A differential names an element that is not there.
    #[error("{url} constrains {element}, which its base does not have")]
    NoElement {
        /// The definition.
        url: String,
        /// The element.
        element: String,
    },
}

/// One definition that is read when it is first asked for.
#[derive(Debug)]
struct Slot {
    section: Section,
    shape: OnceLock<Result<Arc<Shape>, Unusable>>,
    value_set: OnceLock<Option<Arc<ValueSet>>>,
    code_system: OnceLock<Option<Arc<CodeSystem>>>,
}

/// All packs that are in force.
#[derive(Debug, Default)]
pub struct Definitions {
    packs: Vec<Pack>,
    slots: Vec<Slot>,
    /// By canonical without version, the last pack's first.
    by_url: HashMap<Box<str>, Vec<u32>>,
    /// Structure definitions of types, by the name of the type.
    types: HashMap<Box<str>, u32>,
}

/// Where a definition is kept; cheap to hold on to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct At(u32);

impl Definitions {
    /// The packs that are shipped: R4, UK Core, BALP.
    ///
    /// # Errors
    /// [`Unusable`] when a shipped pack is damaged.
    pub fn shipped() -> Result<Self, Unusable> {
        Self::of(vec![Pack::read(R4)?, Pack::read(UK_CORE)?, Pack::read(BALP)?])
    }

    /// The R4 base definitions alone.
    ///
    /// # Errors
    /// [`Unusable`] when the shipped pack is damaged.
    pub fn r4() -> Result<Self, Unusable> {
        Self::of(vec![Pack::read(R4)?])
    }

    /// Those of `packs`; what a later one defines anew counts.
    ///
    /// # Errors
    /// None at present: a definition that cannot be read says so when it is asked for.
    pub fn of(packs: Vec<Pack>) -> Result<Self, Unusable> {
        let mut all = Self::default();
        for pack in packs {
            all.add(pack);
        }
        Ok(all)
    }

    /// Adds the definitions of `pack`; what it defines anew counts.
    pub fn add(&mut self, pack: Pack) {
        let number = self.packs.len();
        for section in pack.sections(number) {
            let at = u32::try_from(self.slots.len()).unwrap_or(u32::MAX);
            let (url, defines) = pack.name_of(&section);
            if let Some(name) = defines {
                self.types.insert(name.into(), at);
            }
            self.by_url.entry(url.into()).or_default().insert(0, at);
            self.slots.push(Slot {
                section,
                shape: OnceLock::new(),
                value_set: OnceLock::new(),
                code_system: OnceLock::new(),
            });
        }
        self.packs.push(pack);
    }

    /// Where the structure definition with this canonical (`url` or `url|version`) is.
    #[must_use]
    pub fn structure_at(&self, canonical: &str) -> Option<At> {
        self.at(canonical, Kind::Structure)
    }

    /// Where the value set with this canonical is.
    #[must_use]
    pub fn value_set_at(&self, canonical: &str) -> Option<At> {
        self.at(canonical, Kind::ValueSet)
    }

    /// Where the code system with this canonical is.
    #[must_use]
    pub fn code_system_at(&self, canonical: &str) -> Option<At> {
        self.at(canonical, Kind::CodeSystem)
    }

    /// Where the definition of the type `name` is.
    #[must_use]
    pub fn type_at(&self, name: &str) -> Option<At> {
        self.types.get(name).map(|at| At(*at))
    }

    fn at(&self, canonical: &str, kind: Kind) -> Option<At> {
        let (url, version) = match canonical.split_once('|') {
            Some((url, version)) => (url, Some(version)),
            None => (canonical, None),
        };
        let of_kind = |at: &&u32| self.slot(At(**at)).is_some_and(|slot| slot.section.kind == kind);
        // A few canonicals of the core specification have a bar of their own.
        let known = self.by_url.get(url).or_else(|| self.by_url.get(canonical))?;
        let exact = version.and_then(|version| {
            known.iter().filter(of_kind).find(|at| self.version(At(**at)).is_some_and(|is| is == version))
        });
        exact.or_else(|| known.iter().find(of_kind)).map(|at| At(*at))
    }

    fn version(&self, at: At) -> Option<&str> {
        let section = &self.slot(at)?.section;
        self.packs.get(section.pack)?.version_of(section)
    }

    fn slot(&self, at: At) -> Option<&Slot> {
        self.slots.get(usize::try_from(at.0).ok()?)
    }

    /// The shape of the structure definition at `at`, with its whole chain merged.
    ///
    /// # Errors
    /// [`Unusable`] when it or what it builds on cannot be read or found.
    pub fn shape(&self, at: At) -> Result<&Arc<Shape>, Unusable> {
        self.shape_within(at, merge::CHAIN_MAX)
    }

    pub(crate) fn shape_within(&self, at: At, chain: usize) -> Result<&Arc<Shape>, Unusable> {
        let slot = self.slot(at).ok_or(Unusable::NotAPack)?;
        if let Some(known) = slot.shape.get() {
            return known.as_ref().map_err(Clone::clone);
        }
        let made = self.structure(at).and_then(|structure| merge::shape(self, &structure, chain));
        slot.shape.get_or_init(|| made.map(Arc::new)).as_ref().map_err(Clone::clone)
    }

    /// The structure definition at `at` as it stands in its pack.
    ///
    /// # Errors
    /// [`Unusable`] when it cannot be read.
    pub fn structure(&self, at: At) -> Result<Structure, Unusable> {
        let slot = self.slot(at).ok_or(Unusable::NotAPack)?;
        Structure::read(self.text(&slot.section))
    }

    /// The value set at `at`.
    #[must_use]
    pub fn value_set(&self, at: At) -> Option<&Arc<ValueSet>> {
        let slot = self.slot(at)?;
        let read = || ValueSet::read(self.text(&slot.section)).map(Arc::new);
        slot.value_set.get_or_init(read).as_ref()
    }

    /// The code system at `at`.
    #[must_use]
    pub fn code_system(&self, at: At) -> Option<&Arc<CodeSystem>> {
        let slot = self.slot(at)?;
        let read = || CodeSystem::read(self.text(&slot.section)).map(Arc::new);
        slot.code_system.get_or_init(read).as_ref()
    }

    fn text(&self, section: &Section) -> &str {
        self.packs.get(section.pack).map_or("", |pack| pack.text_of(section))
    }

    /// Every canonical that is defined, with what kind of definition it is.
    pub fn urls(&self) -> impl Iterator<Item = (Kind, &str)> {
        self.slots.iter().filter_map(|slot| {
            let pack = self.packs.get(slot.section.pack)?;
            Some((slot.section.kind, pack.name_of(&slot.section).0))
        })
    }
}
