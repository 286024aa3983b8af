//! Resources of our own making.
//!
//! A small builder over fhirbolt's generic element model, so that the rest of the project neither names fhirbolt nor
//! is generic over it. It only writes. Nothing here takes bytes: what a network sent is read by [`crate::json`] and
//! never becomes an [`Element`].
//!
//! What FHIR forbids cannot be built: empty strings, arrays and objects are left out, `id` is always a string and
//! `extension` always an array. Members come out in the order in which they were put in.

use fhirbolt::FhirReleases;
use fhirbolt::element::{self as bolt, Primitive};
use fhirbolt::json;
use fhirbolt::serde::SerializationConfig;

type R4Element = bolt::Element<{ FhirReleases::R4 }>;
type R4Value = bolt::Value<{ FhirReleases::R4 }>;

/// A part of a resource: an object with named members.
#[derive(Clone, PartialEq, Default)]
pub struct Element(R4Element);

/// A whole resource.
#[derive(Clone, PartialEq)]
pub struct Resource(R4Element);

/// What a member may be. Made by `into()` from text, numbers, truth values, parts, resources and lists of them.
#[derive(Clone, PartialEq)]
pub struct Value(Inner);

#[derive(Clone, PartialEq)]
enum Inner {
    Nothing,
    One(R4Value),
}

/// A decimal number as FHIR writes it: its digits are kept.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Decimal(String);

/// A text that is not a decimal number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a decimal number")]
pub struct InvalidDecimal;

impl Resource {
    /// A resource of `resource_type` with nothing in it yet.
    pub fn new(resource_type: &'static str) -> Self {
        let mut element = R4Element::new();
        element.insert("resourceType".to_owned(), text(resource_type));
        Self(element)
    }

    /// The same with one more member; a member of that name is replaced.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.put(name, value);
        self
    }

    /// Puts a member in; a member of that name is replaced.
    pub fn put(&mut self, name: &str, value: impl Into<Value>) {
        put(&mut self.0, name, value.into());
    }

    /// The resource as compact FHIR JSON.
    #[expect(
        clippy::expect_used,
        reason = "writing to memory cannot fail and every value was checked when put in"
    )]
    pub fn to_json(&self) -> Vec<u8> {
        json::to_vec(&self.0, Some(SerializationConfig { always_sort: false })).expect("a checked resource")
    }
}

impl Element {
    /// A part with nothing in it yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same with one more member; a member of that name is replaced.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.put(name, value);
        self
    }

    /// Puts a member in; a member of that name is replaced.
    pub fn put(&mut self, name: &str, value: impl Into<Value>) {
        put(&mut self.0, name, value.into());
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A `Coding`; an absent display is left out.
    pub fn coding(system: &str, code: &str, display: Option<&str>) -> Self {
        Self::new().with("system", system).with("code", code).with("display", display)
    }

    /// A `CodeableConcept` with one coding.
    pub fn concept(system: &str, code: &str, display: Option<&str>) -> Self {
        Self::new().with("coding", vec![Self::coding(system, code, display)])
    }

    /// An `Identifier`.
    pub fn identifier(system: &str, value: &str) -> Self {
        Self::new().with("system", system).with("value", value)
    }

    /// A literal `Reference`.
    pub fn reference(to: &str) -> Self {
        Self::new().with("reference", to)
    }

    /// A logical `Reference`, by business identifier.
    pub fn logical_reference(system: &str, value: &str) -> Self {
        Self::new().with("identifier", Self::identifier(system, value))
    }

    /// A primitive value that is withheld: the extension `data-absent-reason` with `masked` in its place.
    pub fn masked() -> Self {
        let reason = Self::new()
            .with("url", "http://hl7.org/fhir/StructureDefinition/data-absent-reason")
            .with("valueCode", "masked");
        Self::new().with("extension", vec![reason])
    }
}

impl Decimal {
    /// Reads a decimal in the grammar of JSON numbers.
    ///
    /// # Errors
    /// [`InvalidDecimal`].
    pub fn parse(text: &str) -> Result<Self, InvalidDecimal> {
        let unsigned = text.strip_prefix('-').unwrap_or(text);
        let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, Some(exponent)),
            None => (unsigned, None),
        };
        let (whole, fraction) = match mantissa.split_once('.') {
            Some((whole, fraction)) => (whole, Some(fraction)),
            None => (mantissa, None),
        };
        let exponent = exponent.map(|exponent| exponent.strip_prefix(['+', '-']).unwrap_or(exponent));
        let leading_zero = whole.len() > 1 && whole.starts_with('0');
        if leading_zero || !digits(whole) || !fraction.is_none_or(digits) || !exponent.is_none_or(digits) {
            return Err(InvalidDecimal);
        }
        Ok(Self(text.to_owned()))
    }
}

fn digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn text(text: &str) -> R4Value {
    bolt::Value::Primitive(Primitive::String(text.to_owned()))
}

/// fhirbolt fails on an `id` that is no string and on an `extension` that is no array; here neither can come to it.
fn put(element: &mut R4Element, name: &str, value: Value) {
    let Inner::One(value) = value.0 else {
        element.shift_remove(name);
        return;
    };
    let value = match (name, value) {
        ("id", bolt::Value::Primitive(Primitive::Integer(number))) => text(&number.to_string()),
        ("id", bolt::Value::Primitive(Primitive::Bool(flag))) => text(if flag { "true" } else { "false" }),
        ("id", bolt::Value::Primitive(Primitive::Decimal(number))) => text(&number),
        ("id", bolt::Value::Element(_) | bolt::Value::Sequence(_)) => return,
        ("extension" | "modifierExtension", bolt::Value::Element(one)) => bolt::Value::Sequence(vec![one]),
        ("extension" | "modifierExtension", bolt::Value::Primitive(_)) => return,
        (_, value) => value,
    };
    element.insert(name.to_owned(), value);
}

fn one(value: R4Value) -> Value {
    Value(Inner::One(value))
}

fn sequence(elements: Vec<R4Element>) -> Value {
    if elements.is_empty() { Value(Inner::Nothing) } else { one(bolt::Value::Sequence(elements)) }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        if value.is_empty() { Self(Inner::Nothing) } else { one(text(value)) }
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::from(value.as_str())
    }
}

impl From<&String> for Value {
    fn from(value: &String) -> Self {
        Self::from(value.as_str())
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        one(bolt::Value::Primitive(Primitive::Bool(value)))
    }
}

impl From<i32> for Value {
    fn from(value: i32) -> Self {
        one(bolt::Value::Primitive(Primitive::Integer(value)))
    }
}

impl From<Decimal> for Value {
    fn from(value: Decimal) -> Self {
        one(bolt::Value::Primitive(Primitive::Decimal(value.0)))
    }
}

impl From<Element> for Value {
    fn from(value: Element) -> Self {
        if value.is_empty() { Self(Inner::Nothing) } else { one(bolt::Value::Element(value.0)) }
    }
}

impl From<Resource> for Value {
    fn from(value: Resource) -> Self {
        one(bolt::Value::Element(value.0))
    }
}

impl From<Vec<Element>> for Value {
    fn from(values: Vec<Element>) -> Self {
        sequence(values.into_iter().map(|element| element.0).filter(|element| !element.is_empty()).collect())
    }
}

impl From<Vec<Resource>> for Value {
    fn from(values: Vec<Resource>) -> Self {
        sequence(values.into_iter().map(|resource| resource.0).collect())
    }
}

/// A list of texts, such as `Patient.name.given`. In the element model each is an element with a `value`.
impl From<Vec<&str>> for Value {
    fn from(values: Vec<&str>) -> Self {
        let primitive = |value: &&str| R4Element::from([("value", text(value))]);
        sequence(values.iter().filter(|value| !value.is_empty()).map(primitive).collect())
    }
}

impl From<Vec<String>> for Value {
    fn from(values: Vec<String>) -> Self {
        Self::from(values.iter().map(String::as_str).collect::<Vec<_>>())
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self(Inner::Nothing), Into::into)
    }
}

impl std::fmt::Debug for Element {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Element(..)")
    }
}

impl std::fmt::Debug for Resource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Resource(..)")
    }
}

impl std::fmt::Debug for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Value(..)")
    }
}
