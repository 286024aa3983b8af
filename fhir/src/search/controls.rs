//! What a query asks of the answer, not of the resources: how much of each (`_summary`, `_elements`), in which order
//! (`_sort`), how many there are (`_total`), and what goes with them (`_include`, `_revinclude`).
//!
//! Nothing of this is for an upstream: whoever answers the query carries it out on what the answer may show.

use super::criterion::{Criterion, ReferenceTest, Test};
use super::grammar::{Escaped, Name, Parameter};
use super::place::{self, Place};
use super::references::References;
use super::served::{InvalidValue, NotServed, SearchError};
use super::sort::SortKey;
use crate::json::{Kind, Node};
use crate::reference::{Bases, Local, Reference};
use crate::tables::{self, SearchKind, SearchParameter, TypeId};

/// The most `_include` and `_revinclude` of one query.
pub const INCLUDES_MAX: usize = 8;
/// The most keys of one `_sort`.
pub const SORT_KEYS_MAX: usize = 8;

/// How much of each resource is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Projection {
    /// All there is.
    #[default]
    Whole,
    /// These elements, by their names in the specification.
    Elements(Vec<&'static str>),
    /// `_summary=true`: the elements that belong to the summary.
    Summary,
    /// `_summary=text`: the narrative.
    Text,
    /// `_summary=data`: everything but the narrative.
    Data,
    /// `_summary=count` and `_count=0`: no resource at all, only how many there are.
    Count,
}

/// What is asked about the number of matches.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Total {
    /// Nothing.
    #[default]
    Unasked,
    /// That it be left out.
    None,
    /// The exact number.
    Accurate,
    /// A number that may be wrong.
    Estimate,
}

/// Which way an include goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Towards {
    /// `_include`: to what a match refers to.
    Referred,
    /// `_revinclude`: to what refers to a match.
    Referring,
}

/// One `_include` or `_revinclude`.
#[derive(Debug, Clone)]
pub struct Include {
    towards: Towards,
    source: TypeId,
    parameter: &'static SearchParameter,
    places: Vec<Place>,
    target: Option<TypeId>,
}

/// All of it.
#[derive(Debug, Clone, Default)]
pub(super) struct Controls {
    pub(super) projection: Projection,
    pub(super) total: Total,
    pub(super) sort: Vec<SortKey>,
    pub(super) includes: Vec<Include>,
}

impl Projection {
    /// The projection that the parameters of a read ask for; they may be `_elements` and `_summary` only.
    ///
    /// # Errors
    /// [`SearchError`].
    pub fn compile(resource_type: TypeId, parameters: &[Parameter]) -> Result<Self, SearchError> {
        let mut controls = Controls::default();
        let mut seen: Vec<&str> = Vec::new();
        for parameter in parameters {
            let Name::Plain { code, modifier: None } = &parameter.name else {
                return Err(SearchError::UnknownParameter);
            };
            let name = match code.as_str() {
                "_elements" => "_elements",
                "_summary" => "_summary",
                _ => return Err(SearchError::UnknownParameter),
            };
            if seen.contains(&name) {
                return Err(SearchError::Repeated { parameter: name });
            }
            seen.push(name);
            controls.project(resource_type, name, &parameter.values)?;
        }
        match controls.projection == Self::Count {
            true => Err(NotServed::Summary.into()),
            false => Ok(controls.projection),
        }
    }

    /// The parameter that asks for it.
    fn to_pair(&self) -> Option<(String, String)> {
        let summary = |value: &str| Some(("_summary".to_owned(), value.to_owned()));
        match self {
            Self::Whole => None,
            Self::Elements(names) => Some(("_elements".to_owned(), names.join(","))),
            Self::Summary => summary("true"),
            Self::Text => summary("text"),
            Self::Data => summary("data"),
            Self::Count => summary("count"),
        }
    }
}

impl Include {
    /// Which way it goes.
    #[must_use]
    pub fn towards(&self) -> Towards {
        self.towards
    }

    /// The type whose reference is followed.
    #[must_use]
    pub fn source(&self) -> TypeId {
        self.source
    }

    /// The reference parameter as R4 calls it.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.parameter.code()
    }

    /// Every element that following it reads, as a path below [`Include::source`].
    #[must_use]
    pub fn reads(&self) -> &'static [String] {
        self.parameter.reads().unwrap_or_default()
    }

    /// The types that it may lead to; empty means any.
    #[must_use]
    pub fn targets(&self) -> &[TypeId] {
        match &self.target {
            Some(target) => std::slice::from_ref(target),
            None => self.parameter.targets(),
        }
    }

    /// What `resource`, of type [`Include::source`], refers to by it; versions are not told apart.
    #[must_use]
    pub fn references(&self, resource: Node<'_>, bases: &Bases) -> Vec<Local> {
        let mut found = Vec::new();
        for (node, place) in place::find(&self.places, resource).values {
            if node.kind() != Kind::Object {
                continue;
            }
            let Some(text) = node.member("reference").and_then(Node::string) else { continue };
            let Ok(Reference::Local(local)) = Reference::parse(&text, bases) else { continue };
            let Some(to) = tables::resource_type(local.resource_type.as_str()) else { continue };
            let leads_there = self.targets().is_empty() || self.targets().contains(&to);
            if leads_there && place.resolves_to.is_none_or(|wanted| wanted == to) {
                found.push(Local::new(local.resource_type, local.id));
            }
        }
        found
    }

    /// Name and value of the search that finds what refers to `targets` by it.
    #[must_use]
    pub fn referring_to(&self, targets: &[Local]) -> (String, String) {
        let any = targets.iter().cloned().map(Reference::Local).map(ReferenceTest).collect();
        Criterion { parameter: self.parameter, test: Test::Reference(References::of(any)), places: None }
            .to_pair()
    }

    fn to_pair(&self) -> (String, String) {
        let name = match self.towards {
            Towards::Referred => "_include",
            Towards::Referring => "_revinclude",
        };
        let target = self.target.map_or_else(String::new, |target| format!(":{}", target.name()));
        (name.to_owned(), format!("{}:{}{target}", self.source.name(), self.code()))
    }
}

impl Controls {
    /// `_elements` or `_summary`, which exclude each other.
    pub(super) fn project(
        &mut self,
        owner: TypeId,
        parameter: &'static str,
        values: &[Escaped],
    ) -> Result<(), SearchError> {
        let asked = match (parameter, values) {
            ("_summary", [value]) => match value.as_str() {
                "false" => Projection::Whole,
                "true" => Projection::Summary,
                "text" => Projection::Text,
                "data" => Projection::Data,
                "count" => Projection::Count,
                _ => return Err(SearchError::Value { parameter, reason: InvalidValue::Summary }),
            },
            ("_summary", _) => return Err(SearchError::Repeated { parameter }),
            (_, values) => {
                let names: Option<Vec<_>> =
                    values.iter().map(|value| element_named(owner, &value.plain())).collect();
                let reason = InvalidValue::Element;
                Projection::Elements(names.ok_or(SearchError::Value { parameter, reason })?)
            }
        };
        match (&self.projection, asked) {
            (Projection::Whole, asked) => self.projection = asked,
            (_, Projection::Whole) => {}
            _ => return Err(SearchError::Contradictory),
        }
        Ok(())
    }

    pub(super) fn total(&mut self, values: &[Escaped]) -> Result<(), SearchError> {
        let parameter = "_total";
        self.total = match values {
            [value] => match value.as_str() {
                "none" => Total::None,
                "accurate" => Total::Accurate,
                "estimate" => Total::Estimate,
                _ => return Err(SearchError::Value { parameter, reason: InvalidValue::Total }),
            },
            _ => return Err(SearchError::Repeated { parameter }),
        };
        Ok(())
    }

    pub(super) fn sort(&mut self, owner: TypeId, values: &[Escaped]) -> Result<(), SearchError> {
        if values.len() > SORT_KEYS_MAX {
            return Err(SearchError::Value { parameter: "_sort", reason: InvalidValue::Sort });
        }
        self.sort =
            values.iter().map(|value| SortKey::compile(owner, &value.plain())).collect::<Result<_, _>>()?;
        Ok(())
    }

    pub(super) fn include(
        &mut self,
        towards: Towards,
        searched: TypeId,
        modifier: Option<&str>,
        values: &[Escaped],
    ) -> Result<(), SearchError> {
        let parameter = match towards {
            Towards::Referred => "_include",
            Towards::Referring => "_revinclude",
        };
        match modifier {
            None => {}
            Some("iterate" | "recurse") => return Err(NotServed::Iterate.into()),
            Some(_) => return Err(SearchError::UnknownModifier { parameter }),
        }
        let invalid = SearchError::Value { parameter, reason: InvalidValue::Include };
        let [value] = values else { return Err(invalid) };
        if self.includes.len() == INCLUDES_MAX {
            return Err(SearchError::Repeated { parameter });
        }
        let value = value.plain();
        let parts: Vec<&str> = value.split(':').collect();
        if parts.contains(&"*") {
            return Err(NotServed::Wildcard.into());
        }
        let (source, code, target) = match parts.as_slice() {
            [source, code] => (source, code, None),
            [source, code, target] => (source, code, Some(place::resource_type(target).ok_or(invalid)?)),
            _ => return Err(invalid),
        };
        let source = place::resource_type(source).ok_or(invalid)?;
        let found = tables::search_parameter(source, code)
            .filter(|found| found.kind() == SearchKind::Reference)
            .ok_or(invalid)?;
        let may_be = |to: TypeId| found.targets().is_empty() || found.targets().contains(&to);
        let fits = match towards {
            Towards::Referred => source == searched && target.is_none_or(may_be),
            Towards::Referring => may_be(searched) && target.is_none_or(|target| target == searched),
        };
        if !fits {
            return Err(invalid);
        }
        let places = place::apart(source, found).ok_or(NotServed::Unreadable)?;
        self.includes.push(Include { towards, source, parameter: found, places, target });
        Ok(())
    }

    /// Whether all of it can be asked at once.
    pub(super) fn check(&self) -> Result<(), SearchError> {
        let without_includes = matches!(self.projection, Projection::Text | Projection::Count);
        let uncounted = self.projection == Projection::Count && self.total == Total::None;
        match (without_includes && !self.includes.is_empty()) || uncounted {
            true => Err(SearchError::Contradictory),
            false => Ok(()),
        }
    }

    /// Whether nothing is asked.
    pub(super) fn is_empty(&self) -> bool {
        self.projection == Projection::Whole
            && self.total == Total::Unasked
            && self.sort.is_empty()
            && self.includes.is_empty()
    }

    /// Names and values, as they can be read again.
    pub(super) fn to_pairs(&self) -> Vec<(String, String)> {
        let total = match self.total {
            Total::Unasked => None,
            Total::None => Some("none"),
            Total::Accurate => Some("accurate"),
            Total::Estimate => Some("estimate"),
        };
        let sort: Vec<String> = self.sort.iter().map(ToString::to_string).collect();
        let mut pairs = Vec::new();
        pairs.extend((!sort.is_empty()).then(|| ("_sort".to_owned(), sort.join(","))));
        pairs.extend(total.map(|total| ("_total".to_owned(), total.to_owned())));
        pairs.extend(self.projection.to_pair());
        pairs.extend(self.includes.iter().map(Include::to_pair));
        pairs
    }
}

/// The element that a client calls `valueQuantity`, `value[x]` or `value`.
fn element_named(owner: TypeId, name: &str) -> Option<&'static str> {
    let named = |name: &str| tables::element_named(owner, name);
    let found = tables::element(owner, name).or_else(|| named(name));
    found.or_else(|| named(&format!("{name}[x]"))).map(|element| element.name())
}
