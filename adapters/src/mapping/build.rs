//! Writes the resources of one record, and marks what of it was carried.
//!
//! Nothing is built in between: the tree of the mapping is walked and JSON is appended; what turns out to be empty
//! is cut off again.

mod label;
pub(super) mod name;
mod told;
mod write;

use std::collections::{BTreeMap, HashSet};
use std::ops::Range;

use jiff::tz::TimeZone;

use self::label::is_label;
pub(super) use self::name::Naming;
use self::write::{Bounds, Comma, absent, start_of_list};
use super::Refused;
use super::convert::{self, Converted};
use super::plan::{
    Conversion, Each, Field, Form, Item, Plan, ResourcePlan, Rule, Selector, Shape, Test, Value,
};
use super::record::{Input, Scope};
use crate::{Severity, Why};

/// One record on its way.
#[derive(Debug)]
pub(super) struct Build<'m> {
    plan: &'m Plan,
    input: Input<'m>,
    zone: &'m TimeZone,
    source: &'m str,
    naming: Naming,
    marks: Vec<Mark>,
    remarks: Vec<Remark>,
    /// What the present resource was made of.
    used: Vec<usize>,
    /// What was built, by resource.
    built: Vec<Held>,
    /// For paths that begin at the record, where they lead.
    rooted: Vec<Vec<usize>>,
    /// Which place went where, when somebody wants to know.
    traced: Option<Vec<Went>>,
    resource: usize,
}

/// What happened to a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    Untouched,
    Carried,
}

/// What was built of one resource of the mapping.
#[derive(Debug, Default)]
struct Held {
    /// Where each stands in the output.
    bodies: BTreeMap<String, Range<usize>>,
    ids: BTreeMap<Scope, String>,
}

#[derive(Debug, Clone, Copy)]
struct Remark {
    leaf: usize,
    why: Why,
    severity: Severity,
}

/// A place that went to an element.
#[derive(Debug, Clone)]
pub(super) struct Went {
    pub(super) leaf: usize,
    /// The number of the resource in the mapping.
    pub(super) resource: usize,
    /// The path of the element, as the mapping writes it.
    pub(super) path: String,
}

/// What was appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Wrote {
    Nothing,
    /// Only what the mapping itself says.
    Fixed,
    /// Something of the source.
    Sourced,
}

/// A resource that was written.
#[derive(Debug)]
pub(super) struct Built {
    pub(super) id: String,
    pub(super) scope: Scope,
    /// The number of the resource in the mapping.
    pub(super) resource: usize,
    /// The places it was made of, in order, each once.
    pub(super) used: Vec<usize>,
}

impl<'m> Build<'m> {
    pub(super) fn new(plan: &'m Plan, input: Input<'m>, zone: &'m TimeZone, source: &'m str) -> Self {
        Self {
            plan,
            input,
            zone,
            source,
            naming: Naming::Message,
            marks: vec![Mark::Untouched; input.leaves()],
            remarks: Vec::new(),
            used: Vec::new(),
            built: plan.resources.iter().map(|_| Held::default()).collect(),
            rooted: rooted(plan, input),
            traced: None,
            resource: 0,
        }
    }

    /// Remembers which place goes where.
    pub(super) fn traced(mut self) -> Self {
        self.traced = Some(Vec::new());
        self
    }

    /// Which place went where; empty unless it was to be remembered.
    pub(super) fn take_trace(&mut self) -> Vec<Went> {
        self.traced.take().unwrap_or_default()
    }

    /// Writes every resource of the record, each followed by what `after` appends for it.
    pub(super) fn resources(
        &mut self,
        out: &mut Vec<u8>,
        mut after: impl FnMut(&Built, &mut Vec<u8>),
    ) -> Result<(), Refused> {
        let plan = self.plan;
        for (number, resource) in plan.resources.iter().enumerate() {
            self.resource = number;
            for scope in self.scopes(resource.each, Scope::Record) {
                if resource.when.as_ref().is_some_and(|when| !self.holds(when, scope)) {
                    continue;
                }
                if let Some(built) = self.one(resource, scope, out)? {
                    after(&built, out);
                }
            }
        }
        Ok(())
    }

    fn scopes(&self, each: Option<Each>, scope: Scope) -> Vec<Scope> {
        match each {
            None => vec![scope],
            Some(each) => self.input.parts(each, &self.plan.selectors, scope),
        }
    }

    /// Writes one entry. Nothing when the source says nothing for it.
    fn one(
        &mut self,
        resource: &ResourcePlan,
        scope: Scope,
        out: &mut Vec<u8>,
    ) -> Result<Option<Built>, Refused> {
        let start = out.len();
        self.used.clear();
        let key = self.key(resource, scope);
        let id = key.id();
        out.extend_from_slice(if start_of_list(out) {
            b"{\"fullUrl\":\"urn:uuid:"
        } else {
            b",{\"fullUrl\":\"urn:uuid:"
        });
        out.extend_from_slice(id.as_bytes());
        let body = out.len();
        out.extend_from_slice(b"\",\"resource\":{\"resourceType\":\"");
        out.extend_from_slice(resource.kind.name().as_bytes());
        out.extend_from_slice(b"\",\"id\":\"");
        out.extend_from_slice(id.as_bytes());
        out.push(b'"');
        let is_sourced = resource.fields.iter().flat_map(|field| &field.items).any(|item| item.is_sourced);
        let wrote = self.fields(&resource.fields, scope, Comma::First, out);
        if wrote == Wrote::Nothing || (is_sourced && wrote == Wrote::Fixed) {
            out.truncate(start);
            return Ok(None);
        }
        let named = || (resource.name.clone(), self.input.fragment(scope, &self.plan.selectors));
        let id = key.known(named)?;
        out.extend_from_slice(b"}}");
        if !self.is_new(resource, scope, &id, body..out.len(), out)? {
            out.truncate(start);
            return Ok(None);
        }
        let mut used = std::mem::take(&mut self.used);
        used.sort_unstable();
        used.dedup();
        Ok(Some(Built { id, scope, resource: self.resource, used }))
    }

    /// Whether a resource is none of those that are there. One with the same id must say the same.
    fn is_new(
        &mut self,
        resource: &ResourcePlan,
        scope: Scope,
        id: &str,
        body: Range<usize>,
        out: &[u8],
    ) -> Result<bool, Refused> {
        let Some(held) = self.built.get_mut(self.resource) else { return Ok(true) };
        let first = held.bodies.get(id);
        let is_new = first.is_none();
        if let Some(first) = first
            && out.get(first.clone()) != out.get(body.clone())
        {
            let place = self.input.fragment(scope, &self.plan.selectors);
            return Err(Refused::SameKey { resource: resource.name.clone(), place });
        }
        held.ids.insert(scope, id.to_owned());
        if is_new {
            held.bodies.insert(id.to_owned(), body);
        }
        Ok(is_new)
    }

    fn find(&self, index: usize, scope: Scope) -> Option<usize> {
        let selector = self.plan.selectors.get(index)?;
        if selector.from_record {
            self.rooted.get(index)?.first().copied()
        } else {
            self.input.find(index, selector, scope)
        }
    }

    /// Every place that a selector leads to.
    fn every(&self, index: usize, scope: Scope) -> Vec<usize> {
        match self.plan.selectors.get(index) {
            Some(selector) if selector.from_record => self.rooted.get(index).cloned().unwrap_or_default(),
            Some(selector) => self.input.every(index, selector, scope),
            None => Vec::new(),
        }
    }

    /// The place that holds a value for a selector; empty ones, and those that say that there is none, do not.
    fn leaf(&mut self, index: usize, scope: Scope) -> Option<usize> {
        let leaf = self.find(index, scope)?;
        self.is_value(leaf).then_some(leaf)
    }

    fn is_value(&mut self, leaf: usize) -> bool {
        let text = self.input.text(leaf);
        let is_null = self.plan.nulls.iter().any(|null| null == text);
        if is_null && !text.is_empty() {
            self.remark(leaf, Why::Nulled, Severity::Trivial);
        }
        !text.is_empty() && !is_null
    }

    fn fields(&mut self, fields: &[Field], scope: Scope, mut comma: Comma, out: &mut Vec<u8>) -> Wrote {
        let mut wrote = Wrote::Nothing;
        let mut chosen = Vec::new();
        let mut bounds = Bounds::of(fields);
        let mut missing: Vec<&Field> = Vec::new();
        for field in fields {
            if field.is_choice && chosen.contains(&field.element) {
                continue;
            }
            let start = out.len();
            comma.put(out);
            out.push(b'"');
            out.extend_from_slice(field.key.as_bytes());
            out.extend_from_slice(b"\":");
            let found = self.field(field, scope, out);
            if found == Wrote::Nothing {
                out.truncate(start);
                if field.required {
                    missing.push(field);
                }
                continue;
            }
            if bounds.are_reversed_by(field, start..out.len(), out) {
                out.truncate(start);
                self.take_back(Why::EndsBeforeStart);
                continue;
            }
            comma = Comma::Next;
            wrote = wrote.max(found);
            if field.is_choice {
                chosen.push(field.element);
            }
        }
        if wrote != Wrote::Nothing {
            for field in missing.into_iter().filter(|field| !chosen.contains(&field.element)) {
                comma.put(out);
                absent(field, out);
                comma = Comma::Next;
            }
        }
        wrote
    }

    fn field(&mut self, field: &Field, scope: Scope, out: &mut Vec<u8>) -> Wrote {
        let Form::List = field.form else {
            return field.items.first().map_or(Wrote::Nothing, |item| self.item(item, scope, out));
        };
        out.push(b'[');
        let mut wrote = Wrote::Nothing;
        for item in &field.items {
            for scope in self.scopes(item.each, scope) {
                let start = out.len();
                if wrote != Wrote::Nothing {
                    out.push(b',');
                }
                let found = self.item(item, scope, out);
                if found == Wrote::Nothing {
                    out.truncate(start);
                }
                wrote = wrote.max(found);
            }
        }
        out.push(b']');
        wrote
    }

    fn item(&mut self, item: &Item, scope: Scope, out: &mut Vec<u8>) -> Wrote {
        match &item.shape {
            Shape::Value(rules) => self.value(rules, scope, out),
            Shape::Object(_, fields) => {
                out.push(b'{');
                let wrote = self.fields(fields, scope, Comma::None, out);
                out.push(b'}');
                // What the mapping says about a value is not said when there is none.
                if item.is_sourced && wrote == Wrote::Fixed { Wrote::Nothing } else { wrote }
            }
        }
    }

    /// The first rule that yields something.
    fn value(&mut self, rules: &[Rule], scope: Scope, out: &mut Vec<u8>) -> Wrote {
        for rule in rules {
            if rule.when.as_ref().is_some_and(|when| !self.holds(when, scope)) {
                continue;
            }
            let wrote = match &rule.value {
                Value::Fixed(json) => {
                    out.extend_from_slice(json);
                    Wrote::Fixed
                }
                Value::Reference(target) => self.reference(*target, scope, out),
                Value::Cell { selector, conversion: Conversion::Coding(_) } if is_label(rule) => {
                    self.labels(rule, *selector, scope, out)
                }
                Value::Cell { selector, .. } => match self.leaf(*selector, scope) {
                    Some(leaf) => self.cell(rule, leaf, scope, out),
                    None => or_else(rule, rule.default.as_deref(), out),
                },
            };
            if wrote != Wrote::Nothing {
                return wrote;
            }
        }
        Wrote::Nothing
    }

    fn cell(&mut self, rule: &Rule, leaf: usize, scope: Scope, out: &mut Vec<u8>) -> Wrote {
        let Value::Cell { conversion, .. } = &rule.value else { return Wrote::Nothing };
        let start = out.len();
        let text = self.input.text(leaf);
        let why = match convert::write(conversion, text, &self.plan.codes, self.zone, out) {
            Ok(Converted::Whole) => {
                self.carry(leaf, scope, rule);
                return Wrote::Sourced;
            }
            Ok(Converted::With(why, severity)) => {
                self.carry(leaf, scope, rule);
                self.remark(leaf, why, severity);
                return Wrote::Sourced;
            }
            Ok(Converted::Nothing) => {
                self.carry(leaf, scope, rule);
                self.means_nothing(leaf);
                return Wrote::Nothing;
            }
            Err(why) => why,
        };
        out.truncate(start);
        self.remark(leaf, why, rule.severity);
        or_else(rule, rule.otherwise.as_deref(), out)
    }

    fn holds(&self, test: &Test, scope: Scope) -> bool {
        let text = |index: &usize| {
            let text = self.input.text(self.find(*index, scope)?);
            Some(text).filter(|text| !text.is_empty() && !self.plan.nulls.iter().any(|null| null == text))
        };
        // Of several rows or items one is enough.
        let is_one_of = |(index, values): &(usize, Vec<String>)| {
            let is_any = |text: &str| values.iter().any(|value| value.eq_ignore_ascii_case(text));
            text(index).is_some_and(|first| {
                let others = || self.every(*index, scope);
                is_any(first)
                    || (self.input.may_repeat(scope)
                        && others().iter().any(|leaf| is_any(self.input.text(*leaf))))
            })
        };
        test.present.iter().all(|index| text(index).is_some())
            && test.absent.iter().all(|index| text(index).is_none())
            && test.values.iter().all(is_one_of)
            && !test.except.iter().any(is_one_of)
            && (test.any.is_empty() || test.any.iter().any(|any| self.holds(any, scope)))
    }

    fn carry(&mut self, leaf: usize, scope: Scope, rule: &Rule) {
        self.mark(leaf);
        if scope == Scope::Record {
            let input = self.input;
            for other in input.same(leaf) {
                self.mark(other);
            }
        }
        self.contradict(leaf, scope, rule);
        if let Some(traced) = &mut self.traced {
            traced.push(Went { leaf, resource: self.resource, path: rule.path.clone() });
        }
    }

    fn mark(&mut self, leaf: usize) {
        if let Some(mark) = self.marks.get_mut(leaf) {
            *mark = Mark::Carried;
        }
        self.used.push(leaf);
    }
}

/// Looked up once: a record may have many items that ask for the same.
fn rooted(plan: &Plan, input: Input<'_>) -> Vec<Vec<usize>> {
    if plan.selectors.iter().all(|selector| !selector.from_record) {
        return Vec::new();
    }
    let look_up = |(index, selector): (usize, &Selector)| {
        if !selector.from_record {
            return Vec::new();
        }
        let mut said = HashSet::new();
        let every = input.every(index, selector, Scope::Record);
        // What repeats says nothing new; the first place is kept, whatever it holds.
        let told = every.into_iter().filter(|leaf| said.insert((input.text(*leaf), input.has_parts(*leaf))));
        told.take(label::VALUES_MAX + 1).collect()
    };
    plan.selectors.iter().enumerate().map(look_up).collect()
}

/// What the mapping says instead of a value. A security label is never left out for being said by the mapping alone.
fn or_else(rule: &Rule, json: Option<&[u8]>, out: &mut Vec<u8>) -> Wrote {
    let Some(json) = json else { return Wrote::Nothing };
    out.extend_from_slice(json);
    if is_label(rule) { Wrote::Sourced } else { Wrote::Fixed }
}
