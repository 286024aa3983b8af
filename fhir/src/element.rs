//! Resources of our own making.
//!
//! A small builder, so that the rest of the project neither names fhirbolt nor is generic over it. It only writes. Nothing
//! here takes bytes: what a network sent is read by [`crate::json`] and never becomes an [`Element`].
//!
//! What FHIR forbids cannot be built: empty strings, arrays and objects are left out, `id` is always a string and
//! `extension` always an array. Members come out in the order in which they were put in.
//!
//! A primitive is put in as a text, number or truth value, and a part is what has members: then all is plain, and written
//! here. A part with nothing but `id`, `extension` and `value` may be a primitive with something beside it or a type of
//! those elements: only the tables of FHIR can tell, and what holds one is written by fhirbolt.

mod plain;
mod told;

/// A part of a resource: an object with named members.
#[derive(Clone, PartialEq, Default)]
pub struct Element(Vec<(Box<str>, Inner)>);

/// A whole resource.
#[derive(Clone, PartialEq)]
pub struct Resource(Element);

/// What a member may be. Made by `into()` from text, numbers, truth values, parts, resources and lists of them.
#[derive(Clone, PartialEq)]
pub struct Value(Option<Inner>);

#[derive(Clone, PartialEq)]
enum Inner {
    Text(Box<str>),
    Flag(bool),
    Number(i32),
    Decimal(Box<str>),
    Texts(Vec<Box<str>>),
    One(Element),
    Many(Vec<Element>),
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
        Self(Element(vec![("resourceType".into(), Inner::Text(resource_type.into()))]))
    }

    /// The same with one more member; a member of that name is replaced.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.put(name, value);
        self
    }

    /// Puts a member in; a member of that name is replaced.
    pub fn put(&mut self, name: &str, value: impl Into<Value>) {
        self.0.put(name, value);
    }

    /// The resource as compact FHIR JSON.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        plain::written(&self.0).unwrap_or_else(|| told::written(&self.0))
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

    /// Puts a member in; a member of that name is replaced, and goes where `value` is nothing.
    pub fn put(&mut self, name: &str, value: impl Into<Value>) {
        let Some(value) = value.into().0 else {
            self.0.retain(|(known, _)| **known != *name);
            return;
        };
        let value = match (name, value) {
            ("id", Inner::Number(number)) => Inner::Text(number.to_string().into()),
            ("id", Inner::Flag(flag)) => Inner::Text(if flag { "true" } else { "false" }.into()),
            ("id", Inner::Decimal(number)) => Inner::Text(number),
            ("id", Inner::One(_) | Inner::Many(_) | Inner::Texts(_)) => return,
            ("extension" | "modifierExtension", Inner::One(one)) => Inner::Many(vec![one]),
            (
                "extension" | "modifierExtension",
                Inner::Text(_) | Inner::Flag(_) | Inner::Number(_) | Inner::Decimal(_) | Inner::Texts(_),
            ) => return,
            (_, value) => value,
        };
        match self.0.iter_mut().find(|(known, _)| **known == *name) {
            Some((_, known)) => *known = value,
            None => self.0.push((name.into(), value)),
        }
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

fn one(value: Inner) -> Value {
    Value(Some(value))
}

fn many(elements: Vec<Element>) -> Value {
    if elements.is_empty() { Value(None) } else { one(Inner::Many(elements)) }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        if value.is_empty() { Self(None) } else { one(Inner::Text(value.into())) }
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
        one(Inner::Flag(value))
    }
}

impl From<i32> for Value {
    fn from(value: i32) -> Self {
        one(Inner::Number(value))
    }
}

impl From<Decimal> for Value {
    fn from(value: Decimal) -> Self {
        one(Inner::Decimal(value.0.into()))
    }
}

impl From<Element> for Value {
    fn from(value: Element) -> Self {
        if value.is_empty() { Self(None) } else { one(Inner::One(value)) }
    }
}

impl From<Resource> for Value {
    fn from(value: Resource) -> Self {
        one(Inner::One(value.0))
    }
}

impl From<Vec<Element>> for Value {
    fn from(mut values: Vec<Element>) -> Self {
        values.retain(|element| !element.is_empty());
        many(values)
    }
}

impl From<Vec<Resource>> for Value {
    fn from(values: Vec<Resource>) -> Self {
        many(values.into_iter().map(|resource| resource.0).collect())
    }
}

/// A list of texts, such as `Patient.name.given`.
impl From<Vec<&str>> for Value {
    fn from(values: Vec<&str>) -> Self {
        let texts: Vec<Box<str>> =
            values.into_iter().filter(|value| !value.is_empty()).map(Box::from).collect();
        if texts.is_empty() { Self(None) } else { one(Inner::Texts(texts)) }
    }
}

impl From<Vec<String>> for Value {
    fn from(values: Vec<String>) -> Self {
        Self::from(values.iter().map(String::as_str).collect::<Vec<_>>())
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self(None), Into::into)
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
