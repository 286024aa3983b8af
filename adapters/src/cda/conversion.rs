//! How the tables say that a value is converted.

/// How a value is converted.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Conversion {
    /// A primitive of FHIR.
    Simple(Simple),
    /// One of certain codes, by a map.
    Code(String),
    /// A Coding: the code itself, or by a map alone.
    Coding(String),
    /// A CodeableConcept: what the map makes of it, if there is one, beside the code itself.
    Concept(Option<String>),
    /// A CodeableConcept of what the map makes of it and nothing else.
    Only(String),
    /// A dateTime or a Period.
    When,
    Period,
    Timing,
    Identifier,
    Quantity,
    Age,
    Range,
    /// A value by the type that the document names.
    Value,
    Name,
    Address,
    Telecom,
    Annotation,
    Attachment,
    /// The text of a section.
    Narrative,
    /// A section.
    Section,
    /// What an entry becomes.
    Statement,
    /// Nothing: another row said what it says, and it counts as carried. Of a code, by a map: what the map knows.
    Noted(Option<String>),
    /// A piece of a resource, by a rule.
    Part(String),
    /// A reference to a resource, by a rule.
    Resource(String),
}

/// A primitive of FHIR.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Simple {
    Text,
    Language,
    Boolean,
    Integer,
    Date,
    DateTime,
    Instant,
}

impl Conversion {
    /// The rule that it follows.
    pub(super) fn rule(&self) -> Option<&str> {
        if let Self::Part(rule) | Self::Resource(rule) = self { Some(rule) } else { None }
    }

    /// The code map that it looks into.
    pub(super) fn map(&self) -> Option<&str> {
        if let Self::Code(map)
        | Self::Coding(map)
        | Self::Concept(Some(map))
        | Self::Only(map)
        | Self::Noted(Some(map)) = self
        {
            return Some(map.as_str()).filter(|map| !map.is_empty());
        }
        None
    }

    pub(super) fn read(text: &str) -> Result<Self, &'static str> {
        let (name, argument) = text.split_once(':').unwrap_or((text, ""));
        let named = || argument.to_owned();
        Ok(match name {
            "text" => Self::Simple(Simple::Text),
            "code" => Self::Code(named()),
            "coding" => Self::Coding(named()),
            "concept" => Self::Concept((!argument.is_empty()).then(named)),
            "only" => Self::Only(named()),
            "language" => Self::Simple(Simple::Language),
            "boolean" => Self::Simple(Simple::Boolean),
            "integer" => Self::Simple(Simple::Integer),
            "date" => Self::Simple(Simple::Date),
            "dateTime" => Self::Simple(Simple::DateTime),
            "instant" => Self::Simple(Simple::Instant),
            "when" => Self::When,
            "period" => Self::Period,
            "timing" => Self::Timing,
            "identifier" => Self::Identifier,
            "quantity" => Self::Quantity,
            "age" => Self::Age,
            "range" => Self::Range,
            "value" => Self::Value,
            "name" => Self::Name,
            "address" => Self::Address,
            "telecom" => Self::Telecom,
            "annotation" => Self::Annotation,
            "attachment" => Self::Attachment,
            "narrative" => Self::Narrative,
            "section" => Self::Section,
            "statement" => Self::Statement,
            "noted" => Self::Noted((!argument.is_empty()).then(named)),
            "part" => Self::Part(named()),
            "resource" => Self::Resource(named()),
            _ => return Err("an unknown conversion"),
        })
    }
}
