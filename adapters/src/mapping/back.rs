//! The other direction: a Bundle that a mapping wrote, as the rows it came from.
//!
//! Which columns can be told from the Bundle is known when the mapping is loaded: [`Mapping::columns`]. For those, a
//! cell that holds something comes back as it stood unless a loss named it; codes come back in the spelling of the
//! code map, NHS numbers without spaces. Everything else comes back empty.

mod invert;
mod told;

use std::collections::BTreeMap;

use bytes::Bytes;
use fhir::json::{Document, Kind, Limits, Node, parse};

use self::invert::invert;
pub use self::told::WrittenBack;
use super::Mapping;
use super::csv::write_row;
use super::plan::{
    Conversion, Field, FileCharset, Form, Format, Item, Plan, ResourcePlan, Rule, Shape, TimeKind, Value,
    folded_column,
};
use super::refused::Refused;

/// A column of a CSV mapping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// As the mapping calls it.
    pub name: String,
    /// Why it does not come back as it stood; nothing when it does.
    pub one_way: Option<&'static str>,
}

/// Why a column comes back in other words of the same meaning.
const RESTATED: &str = "its dates may be written in several ways, and come back in the first of them";

/// Rows made from a Bundle, in the order of [`Mapping::columns`]. `Debug` shows their number only.
#[derive(Clone, PartialEq, Eq)]
pub struct Back {
    /// The rows.
    pub rows: Vec<Vec<String>>,
}

impl std::fmt::Debug for Back {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Back({} rows)", self.rows.len())
    }
}

impl Mapping {
    /// The columns that the mapping names, in order, and which of them come back from FHIR. Empty for JSON and XML.
    #[must_use]
    pub fn columns(&self) -> Vec<Column> {
        let plan = &self.plan;
        if plan.source.format != Format::Csv {
            return Vec::new();
        }
        let named = plan.selectors.iter().enumerate();
        named
            .map(|(index, selector)| Column { name: selector.written.clone(), one_way: one_way(plan, index) })
            .collect()
    }

    /// What the file begins with that [`Mapping::write_back`] goes on with: its header, unless the mapping names the
    /// columns of files that have none.
    #[must_use]
    pub fn write_header(&self) -> Vec<u8> {
        let source = &self.plan.source;
        // What is written here is UTF-8, whatever the mapping says of its files.
        let mark: &[u8] = match source.charset {
            FileCharset::Utf8 => b"",
            FileCharset::Windows1252 => b"\xef\xbb\xbf",
        };
        let mut out = mark.to_vec();
        if source.columns.is_none() {
            let names = self.plan.selectors.iter().map(|selector| selector.written.as_str());
            write_row(names, source.delimiter, &mut out);
        }
        out
    }

    /// A Bundle as the rows it came from, as CSV, under [`Mapping::write_header`].
    ///
    /// # Errors
    /// As [`Mapping::back`].
    pub fn write_back(&self, bundle: &[u8]) -> Result<Vec<u8>, Refused> {
        let (source, selectors) = (&self.plan.source, &self.plan.selectors);
        // Where a file has no header its columns stand as the mapping names them, also those that it does not read.
        let order: Vec<Option<usize>> = match &source.columns {
            None => (0..selectors.len()).map(Some).collect(),
            Some(names) => names
                .iter()
                .map(|name| {
                    let folded = folded_column(name);
                    selectors.iter().position(|selector| selector.path.first() == Some(&folded))
                })
                .collect(),
        };
        let mut out = Vec::new();
        for row in self.back(bundle)?.rows {
            let cells = order.iter().map(|place| place.and_then(|place| row.get(place)));
            write_row(cells.map(|cell| cell.map_or("", String::as_str)), source.delimiter, &mut out);
        }
        Ok(out)
    }

    /// A Bundle as the rows it came from.
    ///
    /// # Errors
    /// [`Refused::OneWay`] when the mapping is not of CSV; [`Refused::Json`] and [`Refused::NotOurs`] when the Bundle
    /// is none that it wrote.
    pub fn back(&self, bundle: &[u8]) -> Result<Back, Refused> {
        let plan = &self.plan;
        if plan.source.format != Format::Csv {
            return Err(Refused::OneWay);
        }
        let document = parse(Bytes::copy_from_slice(bundle), &Limits::default()).map_err(Refused::Json)?;
        let entries = document.root().member("entry").ok_or(Refused::NotOurs)?;
        let held: Vec<Node<'_>> = entries.items().filter_map(|entry| entry.member("resource")).collect();
        let nothing: Vec<Option<String>> = vec![None; plan.selectors.len()];
        let mut whole = nothing.clone();
        let mut rows: BTreeMap<u64, Vec<Option<String>>> = BTreeMap::new();
        let mut found = 0;
        for resource in &plan.resources {
            let ours = held.iter().filter(|node| {
                node.member("resourceType").is_some_and(|kind| kind.is_string(resource.kind.name()))
                    && fixed_match(&resource.fields, **node)
            });
            for node in ours {
                found += 1;
                if resource.each.is_none() {
                    take(plan, &resource.fields, *node, &mut whole);
                    continue;
                }
                let number = row_of(*node, &held).ok_or(Refused::NotOurs)?;
                take(plan, &resource.fields, *node, rows.entry(number).or_insert_with(|| nothing.clone()));
            }
        }
        if found == 0 {
            return Err(Refused::NotOurs);
        }
        if rows.is_empty() {
            rows.insert(0, nothing);
        }
        let known: Vec<bool> = (0..plan.selectors.len())
            .map(|index| matches!(one_way(plan, index), None | Some(RESTATED)))
            .collect();
        let merged = rows.into_values().map(|row| {
            let cells = row.into_iter().zip(&whole).zip(&known);
            cells
                .map(|((cell, whole), known)| {
                    let cell = cell.or_else(|| whole.clone()).filter(|_| *known);
                    cell.unwrap_or_default()
                })
                .collect()
        });
        Ok(Back { rows: merged.collect() })
    }
}

/// The row that a resource was made of, as its Provenance tells.
fn row_of(resource: Node<'_>, held: &[Node<'_>]) -> Option<u64> {
    let id = resource.str_at(&["id"])?;
    let own = held.iter().find(|node| {
        let target = node.str_at(&["target", "reference"]);
        node.str_at(&["resourceType"]).as_deref() == Some("Provenance")
            && target.is_some_and(|target| target.strip_prefix("urn:uuid:") == Some(&id))
    });
    own?.str_at(&["entity", "what", "identifier", "value"])?.rsplit_once("#row=")?.1.parse().ok()
}

/// Why a column does not come back from FHIR.
fn one_way(plan: &Plan, column: usize) -> Option<&'static str> {
    let mut reasons = Vec::new();
    let mut certain = false;
    for resource in &plan.resources {
        let mut way =
            Way { plan, column, resource, reasons: Vec::new(), conditional: resource.when.is_some() };
        way.fields(&resource.fields, None);
        certain |= way.reasons.iter().any(|(reason, conditional)| reason.is_none() && !conditional);
        reasons.extend(way.reasons.into_iter().map(|(reason, _)| reason));
    }
    if certain {
        return None;
    }
    if reasons.is_empty() {
        return Some("no element is made from it");
    }
    reasons.into_iter().flatten().next()
}

/// The search for one column through one resource.
struct Way<'p> {
    plan: &'p Plan,
    column: usize,
    resource: &'p ResourcePlan,
    /// For each rule that uses the column: why it cannot be read backwards, and whether it holds at times only.
    reasons: Vec<(Option<&'static str>, bool)>,
    conditional: bool,
}

impl Way<'_> {
    fn fields(&mut self, fields: &[Field], outer: Option<&'static str>) {
        for field in fields {
            for item in &field.items {
                let apart = field
                    .items
                    .iter()
                    .all(|other| std::ptr::eq(item, other) || are_apart(self.plan, item, other));
                let reason = outer
                    .or_else(|| item.each.map(|_| "it becomes items of a list"))
                    .or((!apart).then_some("the items of its list cannot be told apart"));
                match &item.shape {
                    Shape::Object(_, inner) => self.fields(inner, reason),
                    Shape::Value(rules) => self.rules(rules, reason),
                }
            }
        }
    }

    fn rules(&mut self, rules: &[Rule], reason: Option<&'static str>) {
        let cells = rules.iter().filter(|rule| matches!(rule.value, Value::Cell { .. })).count();
        for rule in rules {
            let Value::Cell { selector, conversion } = &rule.value else { continue };
            if *selector != self.column {
                continue;
            }
            let reason = reason
                .or((cells > 1).then_some("its element is made from several columns"))
                .or_else(|| self.of_resource())
                .or_else(|| one_way_conversion(self.plan, conversion));
            self.reasons.push((reason, self.conditional || rule.when.is_some()));
        }
    }

    /// Why a resource cannot be found in a Bundle.
    fn of_resource(&self) -> Option<&'static str> {
        let mut others = self.plan.resources.iter().filter(|other| !std::ptr::eq(*other, self.resource));
        let alike = others.any(|other| {
            other.kind == self.resource.kind && !fields_apart(&other.fields, &self.resource.fields)
        });
        alike.then_some("two resources of its type cannot be told apart")
    }
}

fn one_way_conversion(plan: &Plan, conversion: &Conversion) -> Option<&'static str> {
    let map = |index: &usize| plan.codes.get(*index);
    match conversion {
        Conversion::Text
        | Conversion::Uri
        | Conversion::Base64
        | Conversion::Boolean(None)
        | Conversion::Integer(_)
        | Conversion::Decimal
        | Conversion::Quantity(_)
        | Conversion::Identifier(_)
        | Conversion::Logical(..) => None,
        Conversion::Split(_) => Some("white space between its parts is not kept"),
        Conversion::Concept(index) => {
            let kept = map(index)
                .is_some_and(|map| map.is_one_to_one() || (map.keeps_original() && !map.has_nothing()));
            (!kept).then_some("several of its codes mean the same")
        }
        Conversion::Code(index) | Conversion::Coding(index) | Conversion::Boolean(Some(index)) => {
            (!map(index).is_some_and(|map| map.is_one_to_one()))
                .then_some("several of its codes mean the same")
        }
        Conversion::Time(kind, patterns) => match patterns.as_slice() {
            [pattern] if *kind == TimeKind::Date && pattern.has_time() => Some("its time of day is not kept"),
            [pattern] if pattern.is_reversible() => None,
            [pattern] if !pattern.is_writable() => Some("its way of writing a date can be read but not told"),
            _ => Some(RESTATED),
        },
    }
}

/// Whether two items of a list can be told apart by what the mapping says of each.
fn are_apart(plan: &Plan, one: &Item, other: &Item) -> bool {
    match (&one.shape, &other.shape) {
        (Shape::Object(_, one), Shape::Object(_, other)) => fields_apart(one, other),
        (Shape::Value(one), Shape::Value(other)) => match (system_of(plan, one), system_of(plan, other)) {
            (Some(one), Some(other)) => one != other,
            _ => false,
        },
        (Shape::Object(..), Shape::Value(_)) | (Shape::Value(_), Shape::Object(..)) => false,
    }
}

/// The system of what rules write: of an identifier, or of the sender's own codes.
fn system_of<'p>(plan: &'p Plan, rules: &'p [Rule]) -> Option<&'p str> {
    let [Rule { value: Value::Cell { conversion, .. }, .. }] = rules else { return None };
    match conversion {
        Conversion::Identifier(system) => Some(system),
        Conversion::Coding(index) | Conversion::Concept(index) => {
            let map = plan.codes.get(*index)?;
            map.from_system.as_deref().filter(|_| map.system.is_none() || map.keeps_original())
        }
        Conversion::Text
        | Conversion::Uri
        | Conversion::Base64
        | Conversion::Split(_)
        | Conversion::Code(_)
        | Conversion::Boolean(_)
        | Conversion::Integer(_)
        | Conversion::Decimal
        | Conversion::Quantity(_)
        | Conversion::Time(..)
        | Conversion::Logical(..) => None,
    }
}

fn fields_apart(one: &[Field], other: &[Field]) -> bool {
    one.iter().any(|field| {
        let twin = other.iter().find(|twin| twin.key == field.key);
        let (Some(twin), [item]) = (twin, field.items.as_slice()) else { return false };
        let [its] = twin.items.as_slice() else { return false };
        match (&item.shape, &its.shape) {
            (Shape::Object(_, one), Shape::Object(_, other)) => fields_apart(one, other),
            (Shape::Value(one), Shape::Value(other)) => match (fixed(one), fixed(other)) {
                (Some(one), Some(other)) => one != other,
                _ => false,
            },
            (Shape::Object(..), Shape::Value(_)) | (Shape::Value(_), Shape::Object(..)) => false,
        }
    })
}

/// What an element always says.
fn fixed(rules: &[Rule]) -> Option<&[u8]> {
    match rules {
        [Rule { value: Value::Fixed(json), when: None, .. }] => Some(json),
        _ => None,
    }
}

/// Whether a value has everything that the mapping always says.
fn fixed_match(fields: &[Field], node: Node<'_>) -> bool {
    fields.iter().all(|field| {
        let [item] = field.items.as_slice() else { return true };
        let value = node.member(field.key).and_then(|value| only(field.form, value));
        match (&item.shape, value) {
            (Shape::Value(rules), value) => match (fixed(rules), value) {
                (Some(json), Some(value)) => says(json, value),
                (Some(_), None) => false,
                (None, _) => true,
            },
            (Shape::Object(_, inner), Some(value)) => fixed_match(inner, value),
            (Shape::Object(_, inner), None) => item.is_sourced || !always_says(inner),
        }
    })
}

/// Whether the mapping says something in it whatever the record holds.
fn always_says(fields: &[Field]) -> bool {
    fields.iter().flat_map(|field| &field.items).any(|item| match &item.shape {
        Shape::Value(rules) => fixed(rules).is_some(),
        Shape::Object(_, inner) => always_says(inner),
    })
}

fn only(form: Form, value: Node<'_>) -> Option<Node<'_>> {
    match form {
        Form::One => Some(value),
        Form::List => value.items().next(),
    }
}

fn says(json: &[u8], value: Node<'_>) -> bool {
    let constant = parse(Bytes::copy_from_slice(json), &Limits::default());
    constant.is_ok_and(|constant: Document| same(constant.root(), value))
}

fn same(one: Node<'_>, other: Node<'_>) -> bool {
    match one.kind() {
        Kind::Object => {
            one.len() == other.len()
                && one
                    .members()
                    .all(|(key, value)| other.member(&key.text()).is_some_and(|other| same(value, other)))
        }
        Kind::Array => {
            one.len() == other.len() && one.items().zip(other.items()).all(|(one, other)| same(one, other))
        }
        Kind::String => one.string() == other.string(),
        Kind::Number | Kind::Boolean | Kind::Null => one.raw() == other.raw(),
    }
}

/// Takes the cells out of a resource or what is inside it.
fn take(plan: &Plan, fields: &[Field], node: Node<'_>, cells: &mut [Option<String>]) {
    for field in fields {
        let Some(value) = node.member(field.key) else { continue };
        for item in field.items.iter().filter(|item| item.each.is_none()) {
            let mut candidates: Vec<Node<'_>> = match field.form {
                Form::One => vec![value],
                Form::List => value.items().collect(),
            };
            if field.items.len() > 1 {
                candidates.retain(|node| match &item.shape {
                    Shape::Object(_, inner) => fixed_match(inner, *node),
                    Shape::Value(rules) => system_of(plan, rules).is_some_and(|system| is_of(*node, system)),
                });
            }
            let Some(node) = candidates.first() else { continue };
            match &item.shape {
                Shape::Object(_, inner) => take(plan, inner, *node, cells),
                Shape::Value(rules) => cell(plan, rules, *node, cells),
            }
        }
    }
}

/// Whether an identifier, coding or concept is of a system; what is called an NHS number and is none has none.
fn is_of(node: Node<'_>, system: &str) -> bool {
    if let Some(codings) = node.member("coding") {
        return codings.items().any(|coding| is_of(coding, system));
    }
    match node.member("system") {
        Some(held) => held.is_string(system),
        None => system == fhir::identifier::NHS_NUMBER,
    }
}

fn cell(plan: &Plan, rules: &[Rule], node: Node<'_>, cells: &mut [Option<String>]) {
    for rule in rules {
        let Value::Cell { selector, conversion } = &rule.value else { continue };
        if let Some(text) = invert(plan, conversion, node)
            && let Some(cell) = cells.get_mut(*selector)
        {
            cell.get_or_insert(text);
        }
    }
}
