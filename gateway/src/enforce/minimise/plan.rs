//! A mask, compiled for the walk: for every type on the way, what to do with each JSON name.

use fhir::json::{Key, Kind};
use fhir::tables::{ElementId, TypeId};

use super::access::Weight;
use super::items::ItemsPlan;
use super::reference::WhenHidden;

/// The plans of one mask; the first is that of the resource itself.
#[derive(Debug, Default)]
pub(super) struct Plans {
    /// How the resource begins.
    pub(super) opening: Vec<u8>,
    pub(super) nodes: Vec<Plan>,
    /// What is shared of `meta`; nothing when nothing of it is named.
    pub(super) meta: Option<MetaPlan>,
    /// `meta` itself, for counting.
    pub(super) meta_element: Option<ElementId>,
    pub(super) contained: Contained,
}

/// Which contained resources are shared where something that is shown refers to them, each by the mask of its own type.
#[derive(Debug, PartialEq, Eq, Default)]
pub(super) enum Contained {
    /// None.
    #[default]
    Removed,
    /// All.
    Shared,
    /// Those of these types.
    These(Vec<TypeId>),
}

/// What is shared of `meta`.
#[derive(Debug)]
pub(super) struct MetaPlan {
    pub(super) members: PlanId,
    pub(super) security: Option<PlanId>,
    pub(super) tag: Option<PlanId>,
}

/// The place of a plan.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct PlanId(pub(super) u32);

/// What to do with the members of an object of one type.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) entries: Vec<Entry>,
    /// The entries by the hash of their name; no two share a place.
    places: Vec<Place>,
    seed: u64,
    pub(super) required: Vec<Required>,
}

/// A name as words, and the number of its entry.
#[derive(Debug, Clone, Copy, Default)]
struct Place {
    words: (u64, u64),
    length: u32,
    entry: u32,
}

/// What to do with one member.
#[derive(Debug)]
pub(super) struct Entry {
    /// The JSON name in quotes.
    pub(super) quoted: Box<[u8]>,
    pub(super) action: Action,
    pub(super) is_array: bool,
    pub(super) weight: Weight,
    /// The bit of its element among the required ones, or none.
    pub(super) bit: u64,
    pub(super) element: ElementId,
}

/// A required element: its bit, and what is written when it did not come out.
#[derive(Debug)]
pub(super) struct Required {
    pub(super) bit: u64,
    pub(super) masked: Vec<u8>,
}

#[derive(Debug)]
pub(super) enum Action {
    /// Left out.
    Drop,
    /// Written elsewhere, or always anew.
    Skip,
    /// Withholds the resource.
    Never,
    /// Withholds the resource: a modifier that is kept back.
    Withheld,
    /// A scalar of this kind, or an array of them.
    Scalar(Kind),
    /// `Reference.reference`.
    Address,
    /// `Bundle.entry.fullUrl`.
    FullUrl,
    /// An array of scalars whose siblings are shared too: their plan and name.
    Aligned(Kind, PlanId, Box<str>),
    /// The `_name` sibling of a scalar.
    Sibling(PlanId),
    /// The `_name` sibling of an array of scalars, and what becomes of the scalars.
    SiblingArray(PlanId, Values),
    Object(PlanId),
    /// A name of a person whose former names are not told.
    Name(PlanId),
    Reference {
        /// How it is written when it is named.
        named: Option<PlanId>,
        /// How it is written when it ties the resource to a permitted person.
        tied: Option<PlanId>,
        /// What becomes of its holder when what it points at is hidden.
        hidden: WhenHidden,
    },
    Identifier(Box<IdentifierPlan>),
    /// Items of a list that are told apart by their keys.
    Items(Box<ItemsPlan>),
    /// The address of an attachment.
    Link,
    /// The content of an attachment or a Binary, in base64.
    Content,
    /// A scalar of this kind that tells what the content of the attachment is.
    Digest(Kind),
    /// Extensions, all or by url.
    Extensions(PlanId, Box<Urls>),
    /// A nested resource.
    Resource(Nested),
}

/// Which Identifiers are written, and how.
#[derive(Debug)]
pub(super) struct IdentifierPlan {
    /// How an NHS number is written.
    pub(super) nhs_number: Option<PlanId>,
    /// How one of the named systems is written.
    pub(super) named: PlanId,
    pub(super) systems: Vec<String>,
}

/// The scalars beside a `_name` sibling.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Values {
    /// They have this name, are shared, and are written together with the siblings.
    Shared(Box<str>),
    /// They are left out.
    Dropped,
}

#[derive(Debug)]
pub(super) enum Urls {
    All,
    These(Vec<String>),
}

/// What becomes of the holder when a nested resource is not shared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Nested {
    /// It is withheld if the nested resource is unsafe: a contained resource is a part of it.
    Contained,
    /// The item of the list that holds it goes: an entry of a Bundle.
    Entry,
}

impl Contained {
    /// Whether a contained resource of this type is shared.
    pub(super) fn shares(&self, owner: TypeId) -> bool {
        match self {
            Self::Removed => false,
            Self::Shared => true,
            Self::These(types) => types.contains(&owner),
        }
    }
}

impl Plans {
    pub(super) fn root(&self) -> &Plan {
        self.plan(PlanId(0))
    }

    pub(super) fn plan(&self, id: PlanId) -> &Plan {
        static NOTHING: Plan =
            Plan { entries: Vec::new(), places: Vec::new(), seed: 0, required: Vec::new() };
        self.nodes.get(id.0 as usize).unwrap_or(&NOTHING)
    }
}

impl Plan {
    /// What to do with the member called `key`; nothing for a name that the type does not know.
    #[inline]
    pub(super) fn entry(&self, key: Key<'_>) -> Option<&Entry> {
        if key.is_escaped() { self.find(&key.bytes()) } else { self.find(key.raw()) }
    }

    #[inline]
    fn find(&self, name: &[u8]) -> Option<&Entry> {
        let words = words(name);
        let place =
            self.places.get(hash(words, name.len(), self.seed) & self.places.len().wrapping_sub(1))?;
        if (place.words, place.length as usize) != (words, name.len()) {
            return None;
        }
        let entry = self.entries.get(place.entry as usize)?;
        (name.len() <= WORDS || entry.name() == name).then_some(entry)
    }

    /// Gives every name a place of its own.
    pub(super) fn settle(&mut self) {
        let mut size = (self.entries.len() * 2).next_power_of_two().max(8);
        let mut seed = 0x9E37_79B9_7F4A_7C15_u64;
        loop {
            for _ in 0..64 {
                if let Some(places) = self.places(seed, size) {
                    (self.places, self.seed) = (places, seed);
                    return;
                }
                seed = seed.wrapping_mul(0xD134_2543_DE82_EF95).wrapping_add(0x632B_E59B_D9B4_E019) | 1;
            }
            size *= 2;
        }
    }

    fn places(&self, seed: u64, size: usize) -> Option<Vec<Place>> {
        let mut places = vec![Place::default(); size];
        for (number, entry) in (0..).zip(&self.entries) {
            let name = entry.name();
            let words = words(name);
            let place = places.get_mut(hash(words, name.len(), seed) & (size - 1))?;
            if place.length != 0 {
                return None;
            }
            *place = Place { words, length: u32::try_from(name.len()).ok()?, entry: number };
        }
        Some(places)
    }
}

impl Entry {
    #[inline]
    pub(super) fn quoted(&self) -> &[u8] {
        &self.quoted
    }

    #[inline]
    pub(super) fn name(&self) -> &[u8] {
        self.quoted.get(1..self.quoted.len() - 1).unwrap_or_default()
    }
}

/// Names up to this length are told apart by their words and length.
const WORDS: usize = 16;

/// The first and the last bytes of a name.
#[inline]
fn words(name: &[u8]) -> (u64, u64) {
    if let (Some(first), Some(last)) = (name.first_chunk::<8>(), name.last_chunk::<8>()) {
        return (u64::from_le_bytes(*first), u64::from_le_bytes(*last));
    }
    if let (Some(first), Some(last)) = (name.first_chunk::<4>(), name.last_chunk::<4>()) {
        return (u64::from(u32::from_le_bytes(*first)), u64::from(u32::from_le_bytes(*last)));
    }
    (name.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)), 0)
}

#[inline]
fn hash((first, last): (u64, u64), length: usize, seed: u64) -> usize {
    let mixed = (first ^ last.rotate_left(27) ^ length as u64).wrapping_mul(seed);
    (mixed >> 40) as usize
}
