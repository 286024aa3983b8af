//! From names and values to criteria, checked against the tables of R4.

use super::SearchQuery;
use super::controls::{Controls, Projection, Towards};
use super::criterion::{
    Criterion, DateTest, NumberTest, Prefix, Presence, QuantityTest, ReferenceTest, StringModifier, Test,
    TokenModifier, TokenTest,
};
use super::grammar::{Escaped, Name, Parameter};
use super::number::Number;
use super::place;
use super::references::References;
use super::served::{InvalidValue, NotServed, SearchError};
use crate::instant::DateTime;
use crate::reference::{Bases, Id, Local, Reference, TypeName};
use crate::tables::{self, SearchKind, SearchParameter, TypeId};

impl SearchQuery {
    /// Checks the parameters of a search of `resource_type`; `bases` are the names of the system that is searched.
    ///
    /// # Errors
    /// [`SearchError`] for the first parameter that cannot be carried out exactly as it was meant. No parameter is
    /// ignored, but for `_pretty`, which changes nothing that FHIR sees.
    pub fn compile(
        resource_type: TypeId,
        parameters: &[Parameter],
        bases: &Bases,
    ) -> Result<Self, SearchError> {
        let mut query = Self {
            resource_type,
            criteria: Vec::new(),
            count: None,
            cursor: None,
            controls: Controls::default(),
        };
        let mut controls: Vec<&'static str> = Vec::new();
        for parameter in parameters {
            let (code, modifier) = match &parameter.name {
                Name::Plain { code, modifier } => (code.as_str(), modifier.as_deref()),
                Name::Chain(_) => return Err(NotServed::Chain.into()),
                Name::Has(_) => return Err(NotServed::Has.into()),
            };
            if let Some((name, control)) = CONTROLS.iter().find(|(name, _)| *name == code) {
                let repeats = matches!(control, Control::Include(_));
                if controls.contains(name) && !repeats {
                    return Err(SearchError::Repeated { parameter: name });
                }
                controls.push(name);
                query.control(name, *control, modifier, &parameter.values)?;
                continue;
            }
            query.criteria.push(criterion(resource_type, code, modifier, &parameter.values, bases)?);
        }
        query.controls.check()?;
        Ok(query)
    }

    fn control(
        &mut self,
        parameter: &'static str,
        control: Control,
        modifier: Option<&str>,
        values: &[Escaped],
    ) -> Result<(), SearchError> {
        if let Control::Refused(reason) = control {
            return Err(reason.into());
        }
        if let Control::Include(towards) = control {
            return self.controls.include(towards, self.resource_type, modifier, values);
        }
        if modifier.is_some() {
            return Err(SearchError::UnknownModifier { parameter });
        }
        match control {
            Control::Project => return self.controls.project(self.resource_type, parameter, values),
            Control::Total => return self.controls.total(values),
            Control::Sort => return self.controls.sort(self.resource_type, values),
            Control::Count
            | Control::Cursor
            | Control::Truth
            | Control::Only(..)
            | Control::Include(_)
            | Control::Refused(_) => {}
        }
        let [value] = values else { return Err(SearchError::Repeated { parameter }) };
        let value = value.plain();
        let invalid = |reason| SearchError::Value { parameter, reason };
        match control {
            Control::Count => match count(&value).ok_or(invalid(InvalidValue::Count))? {
                0 => self.controls.projection = Projection::Count,
                count => self.count = Some(count),
            },
            Control::Cursor => {
                if !value.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')) {
                    return Err(invalid(InvalidValue::Cursor));
                }
                self.cursor = Some(value);
            }
            Control::Only(allowed, reason) if !allowed.contains(&value.as_str()) => return Err(reason.into()),
            Control::Truth if !matches!(value.as_str(), "true" | "false") => {
                return Err(invalid(InvalidValue::Truth));
            }
            Control::Only(..)
            | Control::Truth
            | Control::Project
            | Control::Total
            | Control::Sort
            | Control::Include(_)
            | Control::Refused(_) => {}
        }
        Ok(())
    }
}

/// What is done with a parameter that is not about content.
#[derive(Clone, Copy)]
enum Control {
    Count,
    Cursor,
    /// `true` or `false`, and no matter which.
    Truth,
    /// These values change nothing; others are not served.
    Only(&'static [&'static str], NotServed),
    /// `_summary` or `_elements`.
    Project,
    Total,
    Sort,
    Include(Towards),
    Refused(NotServed),
}

/// A plus sign that nobody encoded has become a space.
const JSON: &[&str] =
    &["json", "application/json", "application/fhir+json", "application/fhir json", "text/json"];

const CONTROLS: &[(&str, Control)] = &[
    ("_count", Control::Count),
    ("_cursor", Control::Cursor),
    ("_pretty", Control::Truth),
    ("_format", Control::Only(JSON, NotServed::Format)),
    ("_summary", Control::Project),
    ("_elements", Control::Project),
    ("_total", Control::Total),
    ("_sort", Control::Sort),
    ("_include", Control::Include(Towards::Referred)),
    ("_revinclude", Control::Include(Towards::Referring)),
    ("_contained", Control::Only(&["false"], NotServed::Contained)),
    ("_containedType", Control::Refused(NotServed::Contained)),
    ("_filter", Control::Refused(NotServed::Filter)),
    ("_text", Control::Refused(NotServed::Text)),
    ("_content", Control::Refused(NotServed::Content)),
    ("_query", Control::Refused(NotServed::Query)),
    ("_list", Control::Refused(NotServed::List)),
    ("_type", Control::Refused(NotServed::Type)),
];

fn criterion(
    owner: TypeId,
    code: &str,
    modifier: Option<&str>,
    values: &[Escaped],
    bases: &Bases,
) -> Result<Criterion, SearchError> {
    let parameter = tables::search_parameter(owner, code).ok_or(SearchError::UnknownParameter)?;
    if parameter.kind() == SearchKind::Special {
        return Err(NotServed::Special.into());
    }
    if parameter.reads().is_none() {
        return Err(NotServed::Unreadable.into());
    }
    let invalid = |reason| SearchError::Value { parameter: parameter.code(), reason };
    let asked = Asked { code: parameter.code(), kind: parameter.kind(), targets: parameter.targets(), bases };
    let test = match (parameter.kind(), modifier) {
        // R4 has no modifier for what is joined, not even `:missing`.
        (SearchKind::Composite, Some(_)) => {
            return Err(SearchError::UnknownModifier { parameter: parameter.code() });
        }
        (SearchKind::Composite, None) => together(parameter, values, bases)?,
        (_, Some("missing")) => missing(values).map_err(invalid)?,
        (_, modifier) => test(&asked, modifier, values)?,
    };
    Ok(Criterion { parameter, test, places: place::places(owner, parameter) })
}

fn missing(values: &[Escaped]) -> Result<Test, InvalidValue> {
    match values {
        [value] if value.as_str() == "true" => Ok(Test::Missing(Presence::Absent)),
        [value] if value.as_str() == "false" => Ok(Test::Missing(Presence::Present)),
        _ => Err(InvalidValue::Truth),
    }
}

/// What values are read for: a parameter, or one component of a composite.
struct Asked<'a> {
    code: &'static str,
    kind: SearchKind,
    targets: &'static [TypeId],
    bases: &'a Bases,
}

/// The values of a composite: components joined by `$`.
fn together(
    parameter: &'static SearchParameter,
    values: &[Escaped],
    bases: &Bases,
) -> Result<Test, SearchError> {
    let (code, components) = (parameter.code(), parameter.components());
    let one = |value: &Escaped| {
        let parts = value.split('$');
        if parts.len() != components.len() || parts.iter().any(Escaped::is_empty) {
            return Err(SearchError::Value { parameter: code, reason: InvalidValue::Components });
        }
        let each = components.iter().zip(&parts).map(|(component, part)| {
            let asked = Asked { code, kind: component.kind(), targets: component.targets(), bases };
            test(&asked, None, std::slice::from_ref(part))
        });
        each.collect::<Result<Vec<Test>, SearchError>>()
    };
    Ok(Test::Together(values.iter().map(one).collect::<Result<_, _>>()?))
}

fn test(asked: &Asked<'_>, modifier: Option<&str>, values: &[Escaped]) -> Result<Test, SearchError> {
    let code = asked.code;
    let invalid = |reason| SearchError::Value { parameter: code, reason };
    let unknown = SearchError::UnknownModifier { parameter: code };
    let not_served = SearchError::NotServed(NotServed::Modifier);
    match (asked.kind, modifier) {
        (SearchKind::Token, None | Some("not")) => {
            let modifier = if modifier.is_some() { TokenModifier::Not } else { TokenModifier::Is };
            Ok(Test::Token { modifier, any: each(values, token).map_err(invalid)? })
        }
        (SearchKind::Token, Some("text" | "in" | "not-in" | "above" | "below" | "of-type")) => {
            Err(not_served)
        }
        (SearchKind::Reference, Some("identifier" | "above" | "below")) => Err(not_served),
        (SearchKind::Reference, modifier) => {
            let wanted = match modifier {
                Some(name) => Some(place::resource_type(name).ok_or(unknown)?),
                None => None,
            };
            let read = |value: &Escaped| reference(asked, wanted, value);
            Ok(Test::Reference(References::of(each(values, read).map_err(invalid)?)))
        }
        (SearchKind::String, None | Some("exact" | "contains")) => {
            let modifier = match modifier {
                Some("exact") => StringModifier::Exact,
                Some(_) => StringModifier::Contains,
                None => StringModifier::StartsWith,
            };
            Ok(Test::String { modifier, any: each(values, text).map_err(invalid)? })
        }
        (SearchKind::String, Some("text")) => Err(not_served),
        (SearchKind::Date, None) => Ok(Test::Date(each(values, date).map_err(invalid)?)),
        (SearchKind::Number, None) => {
            let read = |value: &Escaped| number(&value.plain()).ok_or(InvalidValue::Number);
            Ok(Test::Number(each(values, read).map_err(invalid)?))
        }
        (SearchKind::Quantity, None) => Ok(Test::Quantity(each(values, quantity).map_err(invalid)?)),
        (SearchKind::Uri, None) => Ok(Test::Uri(each(values, text).map_err(invalid)?)),
        (SearchKind::Uri, Some("above" | "below")) => Err(not_served),
        (_, Some(_)) => Err(unknown),
        (SearchKind::Composite | SearchKind::Special, None) => Err(NotServed::Special.into()),
    }
}

fn each<T>(
    values: &[Escaped],
    read: impl Fn(&Escaped) -> Result<T, InvalidValue>,
) -> Result<Vec<T>, InvalidValue> {
    values.iter().map(read).collect()
}

fn token(value: &Escaped) -> Result<TokenTest, InvalidValue> {
    let parts: Vec<String> = value.split('|').iter().map(Escaped::plain).collect();
    match parts.as_slice() {
        [code] => Ok(TokenTest::Code(code.clone())),
        [system, code] if system.is_empty() && !code.is_empty() => Ok(TokenTest::WithoutSystem(code.clone())),
        [system, code] if code.is_empty() && !system.is_empty() => Ok(TokenTest::System(system.clone())),
        [system, code] if !code.is_empty() => {
            Ok(TokenTest::Coded { system: system.clone(), code: code.clone() })
        }
        _ => Err(InvalidValue::Token),
    }
}

fn text(value: &Escaped) -> Result<String, InvalidValue> {
    let text = value.plain();
    if text.trim().is_empty() { Err(InvalidValue::Text) } else { Ok(text) }
}

/// A bare id is taken where one type only can be meant; everything is made `Type/id` so that nobody downstream reads
/// it otherwise.
fn reference(
    asked: &Asked<'_>,
    wanted: Option<TypeId>,
    value: &Escaped,
) -> Result<ReferenceTest, InvalidValue> {
    let may_be = |found: TypeId| asked.targets.is_empty() || asked.targets.contains(&found);
    let text = value.plain();
    if let Ok(id) = Id::parse(&text) {
        let patient = || place::resource_type("Patient").filter(|_| asked.code == "patient");
        let resource_type = match (wanted, asked.targets) {
            (Some(wanted), _) => wanted,
            (None, [only]) => *only,
            (None, _) => patient().ok_or(InvalidValue::ReferenceType)?,
        };
        let name = TypeName::parse(resource_type.name()).ok_or(InvalidValue::ReferenceTarget)?;
        if !may_be(resource_type) {
            return Err(InvalidValue::ReferenceTarget);
        }
        return Ok(ReferenceTest(Reference::Local(Local::new(name, id))));
    }
    let reference = Reference::parse(&text, asked.bases).map_err(|_| InvalidValue::Reference)?;
    match &reference {
        Reference::Local(local) => {
            let found =
                place::resource_type(local.resource_type.as_str()).ok_or(InvalidValue::ReferenceTarget)?;
            if !may_be(found) || wanted.is_some_and(|wanted| wanted != found) {
                return Err(InvalidValue::ReferenceTarget);
            }
            Ok(ReferenceTest(reference))
        }
        Reference::Elsewhere(_) | Reference::Urn(_) => Ok(ReferenceTest(reference)),
        Reference::Contained(_) | Reference::Container => Err(InvalidValue::Reference),
    }
}

/// A plus sign that nobody encoded has become a space; only before an offset can that be.
fn date(value: &Escaped) -> Result<DateTest, InvalidValue> {
    let text = value.plain();
    let (prefix, rest) = Prefix::split(&text);
    let time = DateTime::parse_search(&rest.replacen(' ', "+", 1)).map_err(|_| InvalidValue::Date)?;
    Ok(DateTest { prefix, time })
}

fn number(text: &str) -> Option<NumberTest> {
    let (prefix, rest) = Prefix::split(text);
    Some(NumberTest { prefix, number: Number::parse(rest)?, text: rest.to_owned() })
}

fn quantity(value: &Escaped) -> Result<QuantityTest, InvalidValue> {
    let parts: Vec<String> = value.split('|').iter().map(Escaped::plain).collect();
    let some = |part: &String| (!part.is_empty()).then(|| part.clone());
    let (first, system, code) = match parts.as_slice() {
        [number] => (number, None, None),
        [number, system, code] if !code.is_empty() => (number, some(system), some(code)),
        _ => return Err(InvalidValue::Quantity),
    };
    Ok(QuantityTest { number: number(first).ok_or(InvalidValue::Quantity)?, system, code })
}

/// The digits of a number of entries that are read.
const DIGITS_MAX: usize = 32;

/// The most entries that are asked for: more is as if this many were, since a page may hold fewer than it is asked to
/// (R4 Search, Page Count).
const COUNT_MAX: u32 = 999_999;

/// A number of entries as `_count` says it, 999,999 where it is more; none when it is no number.
pub fn count(text: &str) -> Option<u32> {
    let is_number = (1..=DIGITS_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().map_or(COUNT_MAX, |count: u32| count.min(COUNT_MAX)))
}
