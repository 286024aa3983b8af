//! Which columns must say what, for a record to become what a search asks for.
//!
//! What is told here may let through more than the search asks for, and never less: rows that fall through are those of
//! which the mapping makes nothing that matches. So only what a column decides alone is told: no `default`, no
//! `otherwise`, no fixed text may stand in its place.

use std::collections::BTreeSet;

use fhir::identifier::NHS_NUMBER;
use fhir::instant::Precision;
use fhir::search::{Criterion, Prefix, Test as Asked, TokenModifier, TokenTest};
use fhir::tables::TypeId;

use super::super::build::name;
use super::super::codes::Meant;
use super::super::plan::{Conversion, Field, Plan, ResourcePlan, Rule, Shape, Value};
use crate::mapping::Mapping;

/// A column and what it must say.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Equal {
    /// The column, as the mapping names it.
    pub column: String,
    /// How the two are compared. White space around the cell never counts.
    pub compare: Compare,
    /// What it must say.
    pub text: String,
}

/// How a cell is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Compare {
    /// To the letter.
    Exact,
    /// Capital and small ASCII letters are alike. The text is in small ones.
    Folded,
    /// Spaces and hyphens in it do not count. The text has none.
    Closed,
}

impl std::fmt::Debug for Equal {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Equal({} {:?})", self.column, self.compare)
    }
}

impl Mapping {
    /// What the columns of a record must say for it to become a `kind` that meets `criterion`, under [`super::Ids::Keys`]:
    /// one of these, and of that everything. Nothing where that cannot be said of single columns.
    #[must_use]
    pub fn must_equal(&self, kind: TypeId, criterion: &Criterion) -> Option<Vec<Vec<Equal>>> {
        let mut any = BTreeSet::new();
        for resource in self.plan.resources.iter().filter(|resource| resource.kind == kind) {
            any.extend(of_table(&self.plan, resource, criterion)?);
        }
        Some(any.into_iter().collect())
    }

    /// Whether the mapping writes anything of `kind` that a criterion with these elements reads.
    #[must_use]
    pub fn tells(&self, kind: TypeId, reads: &[String]) -> bool {
        let mut written = BTreeSet::new();
        for resource in self.plan.resources.iter().filter(|resource| resource.kind == kind) {
            visit(&resource.fields, &mut |rule| {
                written.insert(unlabelled(&rule.path));
            });
        }
        let meets = |read: &String| read == "id" || written.iter().any(|path| touches(path, read));
        reads.iter().any(meets)
    }

    /// The columns that the ids of `kind` are made from, where one table makes all of them.
    #[must_use]
    pub fn keyed_by(&self, kind: TypeId) -> Option<Vec<String>> {
        let mut tables = self.plan.resources.iter().filter(|resource| resource.kind == kind);
        let (Some(table), None) = (tables.next(), tables.next()) else { return None };
        let column = |column: &usize| Some(self.plan.selectors.get(*column)?.written.clone());
        table.id_from.iter().map(column).collect()
    }

    /// Whether ids made of what columns say would be NHS numbers: ids stand in addresses.
    #[must_use]
    pub fn keys_are_nhs_numbers(&self, kind: TypeId) -> bool {
        let mut numbers = BTreeSet::new();
        for resource in &self.plan.resources {
            visit(&resource.fields, &mut |rule| {
                if let Value::Cell { selector, conversion: Conversion::Identifier(system) } = &rule.value
                    && system == NHS_NUMBER
                {
                    numbers.insert(*selector);
                }
            });
        }
        let mut tables = self.plan.resources.iter().filter(|resource| resource.kind == kind);
        tables.any(|resource| resource.id_from.iter().any(|column| numbers.contains(column)))
    }

    /// Whether ids made of what columns say tell the tables of `kind` apart.
    #[must_use]
    pub fn keys_tell_apart(&self, kind: TypeId) -> bool {
        let tables = self.plan.resources.iter().filter(|resource| resource.kind == kind);
        let prefixes: Vec<String> =
            tables.filter_map(|resource| name::prefix(&self.plan, resource)).collect();
        prefixes.iter().collect::<BTreeSet<_>>().len() == prefixes.len()
    }
}

fn of_table(plan: &Plan, resource: &ResourcePlan, criterion: &Criterion) -> Option<Vec<Vec<Equal>>> {
    match criterion.test() {
        Asked::Token { modifier: TokenModifier::Is, any } if criterion.code() == "_id" => {
            let ids = any.iter().map(|test| match test {
                TokenTest::Code(id) | TokenTest::WithoutSystem(id) => Some(id.as_str()),
                TokenTest::Coded { .. } | TokenTest::System(_) => None,
            });
            let ids: Option<Vec<&str>> = ids.collect();
            Some(ids?.into_iter().filter_map(|id| keys(plan, resource, id)).collect())
        }
        Asked::Token { modifier: TokenModifier::Is, any } => tokens(plan, &rules(resource, criterion)?, any),
        Asked::Reference(any) => {
            let mut all = Vec::new();
            for rule in rules(resource, criterion)? {
                let target = match &rule.value {
                    Value::Reference(target) => plan.resources.get(*target)?,
                    // Whom it is about by an identifier alone is no reference to a resource.
                    Value::Cell { conversion: Conversion::Logical(..), .. } => continue,
                    Value::Fixed(_) | Value::Cell { .. } => return None,
                };
                for asked in any.iter().filter_map(|test| test.reference().local()) {
                    if asked.resource_type.as_str() == target.kind.name() {
                        all.extend(keys(plan, target, asked.id.as_str()));
                    }
                }
            }
            Some(all)
        }
        Asked::Date(any) => {
            let days = any.iter().map(|test| {
                let is_day = test.prefix == Prefix::Eq && test.time.precision() == Precision::Day;
                is_day.then(|| test.time.as_str())
            });
            let days: Option<Vec<&str>> = days.collect();
            on_days(plan, &rules(resource, criterion)?, &days?)
        }
        Asked::Token { modifier: TokenModifier::Not, .. }
        | Asked::Missing(_)
        | Asked::String { .. }
        | Asked::Number(_)
        | Asked::Quantity(_)
        | Asked::Uri(_)
        | Asked::Together(_) => None,
    }
}

/// What the columns of a table say of the record with this id; nothing where no record of it can have it.
fn keys(plan: &Plan, resource: &ResourcePlan, id: &str) -> Option<Vec<Equal>> {
    let parts = name::parts(plan, resource, id)?;
    let one = |(column, text): (&usize, &str)| equal(plan, *column, Compare::Exact, text);
    // What says that there is no value makes an empty part, which is compared when the resource was made.
    let all = resource.id_from.iter().zip(parts).filter(|(_, part)| !part.is_empty()).map(one);
    all.collect()
}

fn equal(plan: &Plan, column: usize, compare: Compare, text: &str) -> Option<Equal> {
    let selector = plan.selectors.get(column)?;
    Some(Equal { column: selector.written.clone(), compare, text: text.to_owned() })
}

/// The rules that write what a criterion compares; nothing where something else has a say in it.
fn rules<'p>(resource: &'p ResourcePlan, criterion: &Criterion) -> Option<Vec<&'p Rule>> {
    let mut found = Vec::new();
    let mut is_sole = true;
    for read in criterion.reads() {
        visit(&resource.fields, &mut |rule| {
            let path = unlabelled(&rule.path);
            if is_same(&path, read) {
                is_sole &= rule.default.is_none() && rule.otherwise.is_none();
                found.push(rule);
            } else if touches(&path, read) {
                is_sole = false;
            }
        });
    }
    is_sole.then_some(found)
}

fn tokens(plan: &Plan, rules: &[&Rule], any: &[TokenTest]) -> Option<Vec<Vec<Equal>>> {
    let mut all = Vec::new();
    for rule in rules {
        let Value::Cell { selector, conversion } = &rule.value else { return None };
        for test in any {
            let (system, code) = match test {
                TokenTest::Code(code) | TokenTest::WithoutSystem(code) => (None, code),
                TokenTest::Coded { system, code } => (Some(system), code),
                TokenTest::System(_) => return None,
            };
            match conversion {
                Conversion::Identifier(written) if system.is_some_and(|system| system != written) => {}
                Conversion::Identifier(written) if written == NHS_NUMBER => {
                    let closed: String = code.chars().filter(|letter| !matches!(letter, ' ' | '-')).collect();
                    all.push(vec![equal(plan, *selector, Compare::Closed, &closed)?]);
                }
                Conversion::Identifier(_) => {
                    all.push(vec![equal(plan, *selector, Compare::Exact, code)?]);
                }
                Conversion::Code(map) | Conversion::Coding(map) | Conversion::Concept(map) => {
                    let meant =
                        |found: &Meant| matches!(found, Meant::Code { code: held, .. } if held == code);
                    let map = plan.codes.get(*map)?;
                    let written = map.written(meant).chain(std::iter::once(code.to_ascii_lowercase()));
                    for text in written {
                        all.push(vec![equal(plan, *selector, Compare::Folded, &text)?]);
                    }
                }
                Conversion::Text
                | Conversion::Uri
                | Conversion::Base64
                | Conversion::Split(_)
                | Conversion::Boolean(_)
                | Conversion::Integer(_)
                | Conversion::Decimal
                | Conversion::Quantity(_)
                | Conversion::Time(..)
                | Conversion::Logical(..) => return None,
            }
        }
    }
    Some(all)
}

fn on_days(plan: &Plan, rules: &[&Rule], days: &[&str]) -> Option<Vec<Vec<Equal>>> {
    let mut all = Vec::new();
    for rule in rules {
        let Value::Cell { selector, conversion: Conversion::Time(_, patterns) } = &rule.value else {
            return None;
        };
        for pattern in patterns {
            if pattern.has_time() || !pattern.is_reversible() {
                return None;
            }
            for text in days.iter().filter_map(|day| pattern.write(day)) {
                all.push(vec![equal(plan, *selector, Compare::Exact, &text)?]);
            }
        }
    }
    Some(all)
}

fn visit<'p>(fields: &'p [Field], see: &mut dyn FnMut(&'p Rule)) {
    for item in fields.iter().flat_map(|field| &field.items) {
        match &item.shape {
            Shape::Object(_, fields) => visit(fields, see),
            Shape::Value(rules) => rules.iter().for_each(&mut *see),
        }
    }
}

/// A path of a mapping without the labels that tell items apart.
fn unlabelled(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    let mut depth = 0_usize;
    for letter in path.chars() {
        match letter {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            _ if depth == 0 => out.push(letter),
            _ => {}
        }
    }
    out
}

/// Whether a written path is the very element that is read: a choice with its type is.
fn is_same(written: &str, read: &str) -> bool {
    let (mut one, mut other) = (written.split('.'), read.split('.'));
    loop {
        match (one.next(), other.next()) {
            (None, None) => return true,
            (Some(step), Some(wanted)) if steps_agree(step, wanted) => {}
            (Some(_) | None, Some(_) | None) => return false,
        }
    }
}

/// Whether one stands inside the other.
fn touches(written: &str, read: &str) -> bool {
    written.split('.').zip(read.split('.')).all(|(step, wanted)| steps_agree(step, wanted))
}

fn steps_agree(step: &str, wanted: &str) -> bool {
    let name = wanted.strip_suffix("[x]").unwrap_or(wanted);
    match step.strip_prefix(name) {
        Some("") => true,
        Some(rest) => wanted.ends_with("[x]") && rest.starts_with(|letter: char| letter.is_ascii_uppercase()),
        None => false,
    }
}
