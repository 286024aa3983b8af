//! What FHIR R4 (4.0.1) says about its types: elements, cardinality, modifiers, choices, search parameters, the Patient
//! compartment. Of other releases, for those who translate: the elements of the types that are translated.
//!
//! The tables are text files that a checked-in generator makes from the official definitions
//! (`examples/generate_tables`); they are compiled in and decoded once each, at first use. Beside them stand the codes that
//! R4 requires. Deliberately absent: profiles, other bindings, invariants.

mod codes;
mod decode;
mod persons;
mod release;
mod search;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::{LazyLock, OnceLock};

pub use codes::{of_required_codes, required_codes};
pub use release::Release;
use release::tables;
pub use search::{Component, Condition, SearchKind, SearchParameter, SearchPath};

/// The decoded tables. A file that does not decode leaves them empty: every type is unknown then, and nothing is
/// shared. A test decodes the file.
static TABLES: LazyLock<Tables> =
    LazyLock::new(|| decode::decode(Release::R4, Release::R4.text()).unwrap_or_default());

#[derive(Default)]
struct Tables {
    types: Vec<TypeRow>,
    elements: Vec<ElementRow>,
    by_name: Names,
}

/// Types by their names. Only names of the tables are stored, so a hash that can be foreseen does no harm.
type Names = HashMap<&'static str, TypeId, BuildHasherDefault<NameHasher>>;

/// A hash of a short name, eight bytes at a time.
#[derive(Default)]
struct NameHasher(u64);

impl Hasher for NameHasher {
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        words.iter().for_each(|word| self.add(u64::from_le_bytes(*word)));
        self.add(rest.iter().fold(rest.len() as u64, |word, byte| word << 8 | u64::from(*byte)));
    }

    fn write_u8(&mut self, byte: u8) {
        self.0 ^= u64::from(byte);
    }

    fn finish(&self) -> u64 {
        self.0 ^ self.0 >> 32
    }
}

impl NameHasher {
    fn add(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }
}

struct TypeRow {
    name: &'static str,
    kind: TypeKind,
    base: Option<TypeId>,
    /// Inherited ones first.
    elements: Vec<u32>,
    /// Every JSON name of an element, sorted.
    keys: Vec<KeyRow>,
    /// Own ones, sorted by code.
    searches: Vec<SearchParameter>,
    compartment: Vec<&'static str>,
    persons: OnceLock<Vec<String>>,
}

struct KeyRow {
    key: String,
    element: u32,
    /// Which of the element's types this name stands for.
    choice: usize,
}

struct ElementRow {
    /// The type that defines it.
    defined_by: TypeId,
    name: &'static str,
    min: u8,
    array: bool,
    modifier: bool,
    summary: bool,
    xml: XmlForm,
    types: Vec<ElementType>,
}

/// How an element is written in XML.
#[derive(Clone, Copy, PartialEq, Eq)]
enum XmlForm {
    Element,
    Attribute,
}

/// A type an element may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ElementType {
    id: TypeId,
    targets: Vec<TypeId>,
}

impl ElementType {
    /// The type.
    #[must_use]
    pub const fn id(&self) -> TypeId {
        self.id
    }

    /// What a Reference or canonical of this element may point at; empty means any type.
    #[must_use]
    pub fn targets(&self) -> &[TypeId] {
        &self.targets
    }
}

/// The type called `name`, if that is a resource type that can stand by itself.
#[must_use]
pub fn resource_type(name: &str) -> Option<TypeId> {
    type_named(name).filter(|found| found.kind() == TypeKind::Resource)
}

/// Every resource type, in alphabetical order.
pub fn resource_types() -> impl Iterator<Item = TypeId> {
    all_types().filter(|found| found.kind() == TypeKind::Resource)
}

/// The type called `name`: a resource, a data type, a primitive, or the path of a type inside one
/// (`Patient.contact`).
#[must_use]
pub fn type_named(name: &str) -> Option<TypeId> {
    TABLES.by_name.get(name).copied()
}

/// As [`type_named`] in another release, of which only the types that are translated are known.
#[must_use]
pub fn type_in(release: Release, name: &str) -> Option<TypeId> {
    release.tables().by_name.get(name).copied()
}

/// The element of `owner` that the JSON name `key` stands for. `onsetDateTime` is `onset[x]` with its one type;
/// `onset[x]` itself, and the sibling `_birthDate`, are no JSON names.
#[must_use]
pub fn element(owner: TypeId, key: &str) -> Option<Element> {
    let keys = &owner.row()?.keys;
    let at = keys.binary_search_by(|row| row.key.as_str().cmp(key)).ok()?;
    let found = keys.get(at)?;
    let row = tables(owner.release_number()).elements.get(found.element as usize)?;
    Some(Element {
        owner,
        id: owner.element_id(found.element),
        row,
        key: &found.key,
        choice: row.types.get(found.choice),
    })
}

/// The element of `owner` called `name` as the specification calls it: `onset[x]`, `birthDate`.
#[must_use]
pub fn element_named(owner: TypeId, name: &str) -> Option<Element> {
    owner.elements().find(|element| element.name() == name)
}

/// The search parameter `code` of `owner`, or of every resource (`_id`).
#[must_use]
pub fn search_parameter(owner: TypeId, code: &str) -> Option<&'static SearchParameter> {
    let row = owner.row()?;
    match row.searches.binary_search_by(|search| search.code().cmp(code)) {
        Ok(at) => row.searches.get(at),
        Err(_) => search_parameter(row.base?, code),
    }
}

/// Every search parameter of `owner`, those of every resource last.
#[must_use]
pub fn search_parameters(owner: TypeId) -> Vec<&'static SearchParameter> {
    let own = owner.row().map(|row| &row.searches).into_iter().flatten();
    let inherited = owner.base().map(search_parameters).into_iter().flatten();
    own.chain(inherited).collect()
}

/// The search parameters by which `owner` belongs to a Patient's compartment; empty if it cannot.
#[must_use]
pub fn patient_compartment(owner: TypeId) -> &'static [&'static str] {
    owner.row().map_or(&[], |row| &row.compartment)
}

/// The paths of every element of `owner`, at any depth outside extensions and contained resources, that may refer to
/// a person: to a Patient, RelatedPerson, Person or Group, or to anything.
///
/// A type that holds itself (`Questionnaire.item.item`) is entered once on each path.
#[must_use]
pub fn person_elements(owner: TypeId) -> &'static [String] {
    owner.row().map_or(&[], |row| row.persons.get_or_init(|| persons::find(owner)))
}

/// The number of elements that the tables define; above every [`ElementId::index`].
#[must_use]
pub fn elements_len() -> usize {
    TABLES.elements.len()
}

fn all_types() -> impl Iterator<Item = TypeId> {
    (0..TABLES.types.len()).filter_map(|index| u16::try_from(index).ok()).map(TypeId)
}

/// A type of FHIR, of R4 unless it was looked up in another release.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TypeId(u16);

/// What a type looks like in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TypeKind {
    /// A resource that can stand by itself.
    Resource,
    /// `Resource` and `DomainResource`: any resource.
    Abstract,
    /// A data type: an object.
    Complex,
    /// A type inside another one: an object.
    Backbone,
    /// A primitive written as a JSON string.
    Text,
    /// A primitive written as a JSON number.
    Number,
    /// A primitive written as `true` or `false`.
    Boolean,
}

impl TypeKind {
    /// Whether values are scalars, with an optional `_name` sibling.
    #[must_use]
    pub const fn is_primitive(self) -> bool {
        matches!(self, Self::Text | Self::Number | Self::Boolean)
    }
}

impl TypeId {
    /// The name; for a type inside another one its path.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().map_or("", |row| row.name)
    }

    /// What it looks like in JSON.
    #[must_use]
    pub fn kind(self) -> TypeKind {
        self.row().map_or(TypeKind::Abstract, |row| row.kind)
    }

    /// The type it specialises.
    #[must_use]
    pub fn base(self) -> Option<Self> {
        self.row()?.base
    }

    /// Its elements in the order of the specification, inherited ones first. A choice is one element.
    pub fn elements(self) -> impl Iterator<Item = Element> {
        let indexes = self.row().map(|row| &row.elements).into_iter().flatten();
        indexes.filter_map(move |index| {
            let row = tables(self.release_number()).elements.get(*index as usize)?;
            let choice = if row.types.len() == 1 { row.types.first() } else { None };
            Some(Element { owner: self, id: self.element_id(*index), row, key: row.name, choice })
        })
    }

    /// Every JSON name of its elements with the element it stands for.
    pub fn keys(self) -> impl Iterator<Item = (&'static str, Element)> {
        let keys = self.row().map(|row| &row.keys).into_iter().flatten();
        keys.filter_map(move |found| {
            let row = tables(self.release_number()).elements.get(found.element as usize)?;
            let choice = row.types.get(found.choice);
            Some((
                found.key.as_str(),
                Element { owner: self, id: self.element_id(found.element), row, key: &found.key, choice },
            ))
        })
    }

    /// Whether a value is the source text of an XHTML element (`Narrative.div`), a string in JSON.
    #[must_use]
    pub fn is_xhtml(self) -> bool {
        self.name() == "xhtml"
    }

    /// Its place in the tables, for look-ups by index.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// The type whose [`TypeId::index`] this is.
    #[must_use]
    pub fn at(index: usize) -> Option<Self> {
        u16::try_from(index).ok().map(Self).filter(|found| found.row().is_some())
    }

    fn row(self) -> Option<&'static TypeRow> {
        tables(self.release_number()).types.get(usize::from(self.0 & TYPE_BITS))
    }

    #[inline]
    const fn release_number(self) -> u8 {
        (self.0 >> TYPE_BITS.count_ones()) as u8
    }

    #[inline]
    const fn element_id(self, index: u32) -> ElementId {
        ElementId(index | (self.release_number() as u32) << ELEMENT_BITS.count_ones())
    }
}

/// The bits of a [`TypeId`] that count the types of one release; those above are [`Release::number`].
const TYPE_BITS: u16 = 0x1fff;

/// The bits of an [`ElementId`] that count the elements of one release.
const ELEMENT_BITS: u32 = 0x1fff_ffff;

impl fmt::Debug for TypeId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl fmt::Display for TypeId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// An element as some type defines it; types that specialise that type share it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ElementId(u32);

impl ElementId {
    /// Its place in the tables, for counting by index.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// The element at `index`.
    #[must_use]
    pub fn at(index: usize) -> Option<Self> {
        u32::try_from(index).ok().filter(|_| index < elements_len()).map(Self)
    }

    /// The path below the type that defines it: `Patient.name`, `Element.extension`.
    #[must_use]
    pub fn path(self) -> String {
        let number = (self.0 >> ELEMENT_BITS.count_ones()) as u8;
        tables(number)
            .elements
            .get((self.0 & ELEMENT_BITS) as usize)
            .map_or_else(String::new, |row| [row.defined_by.name(), ".", row.name].concat())
    }
}

impl fmt::Debug for ElementId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.path())
    }
}

/// An element of a type; looked up by a JSON name it is that one alternative of a choice.
#[derive(Clone, Copy)]
pub struct Element {
    owner: TypeId,
    id: ElementId,
    row: &'static ElementRow,
    key: &'static str,
    choice: Option<&'static ElementType>,
}

impl Element {
    /// The name as the specification has it: `onset[x]`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.row.name
    }

    /// The JSON name it was looked up by: `onsetDateTime`; else as [`Element::name`].
    #[must_use]
    pub const fn key(&self) -> &'static str {
        self.key
    }

    /// Its identity, the same in every type that inherits it.
    #[must_use]
    pub const fn id(&self) -> ElementId {
        self.id
    }

    /// The type it was looked up in.
    #[must_use]
    pub const fn owner(&self) -> TypeId {
        self.owner
    }

    /// The path: `Condition.onset[x]`.
    #[must_use]
    pub fn path(&self) -> String {
        format!("{}.{}", self.owner, self.row.name)
    }

    /// The types it may have.
    #[must_use]
    pub fn types(&self) -> &'static [ElementType] {
        &self.row.types
    }

    /// The least number of values: 0 or 1.
    #[must_use]
    pub const fn min(&self) -> u8 {
        self.row.min
    }

    /// Whether it changes the meaning of what holds it.
    #[must_use]
    pub const fn is_modifier(&self) -> bool {
        self.row.modifier
    }

    /// Whether it may repeat, and so is an array in JSON.
    #[must_use]
    pub const fn is_array(&self) -> bool {
        self.row.array
    }

    /// Whether it belongs to the summary view.
    #[must_use]
    pub const fn is_summary(&self) -> bool {
        self.row.summary
    }

    /// Whether it is an attribute in XML: `Element.id` and `Extension.url`.
    #[must_use]
    pub const fn is_attribute(&self) -> bool {
        matches!(self.row.xml, XmlForm::Attribute)
    }

    /// Whether its JSON name tells its type.
    #[must_use]
    pub fn is_choice(&self) -> bool {
        self.row.name.ends_with("[x]")
    }

    /// Its one type; nothing for a choice looked up by its element name.
    #[must_use]
    pub fn only_type(&self) -> Option<TypeId> {
        self.choice.map(ElementType::id)
    }

    /// Its one type if that has JSON members: a data type, a type inside another one, or `Resource`.
    #[must_use]
    pub fn child_type(&self) -> Option<TypeId> {
        self.only_type().filter(|found| !found.kind().is_primitive())
    }

    /// What it may refer to, whichever its type; empty means any type.
    #[must_use]
    pub fn targets(&self) -> &'static [TypeId] {
        let told = |found: &&'static ElementType| !found.targets.is_empty();
        self.choice.or_else(|| self.row.types.iter().find(told)).map_or(&[], ElementType::targets)
    }
}

impl fmt::Debug for Element {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.path())
    }
}
