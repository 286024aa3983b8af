//! Paths of elements, checked against the tables of FHIR, into the tree that is written for each record.

use fhir::tables::{self, Element, TypeId, TypeKind};

use super::Checked;
use crate::Severity;
use crate::mapping::fault::{Notebook, Place, did_you_mean};
use crate::mapping::plan::{Each, Field, Form, Item, ResourcePlan, Rule, Shape, Value};
use crate::mapping::written::{Entry, Written};

/// The elements of one resource while they are gathered.
pub(super) struct Elements {
    kind: TypeId,
    fields: Vec<Field>,
    /// Items that are made once for each row or item, by their paths.
    items: Vec<(Written<String>, Each, Used)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Used {
    Yes,
    No,
}

/// One step of a path: `identifier[local]`.
struct Step {
    name: String,
    label: String,
    /// The path up to here.
    whole: String,
}

impl Elements {
    pub(super) fn new(kind: TypeId, items: Vec<(Written<String>, Each)>) -> Self {
        let items = items.into_iter().map(|(path, each)| (path, each, Used::No)).collect();
        Self { kind, fields: Vec::new(), items }
    }

    /// Adds an element and its rules.
    pub(super) fn add(
        &mut self,
        checked: &mut Checked<'_>,
        entry: &Entry<'_, '_>,
        earlier: &[ResourcePlan],
        each: Option<Each>,
    ) {
        let place = &entry.key.place;
        let Some(steps) = steps(&entry.key.value) else {
            let text = "a path is written as name.given or identifier[local].value; brackets close";
            checked.notes.note(place, text);
            return;
        };
        let element = match leaf(self.kind, &steps) {
            Ok(element) => element,
            Err(text) => return checked.notes.note(place, text),
        };
        let written = entry.one_or_more_tables();
        let rules: Vec<Rule> = written
            .into_iter()
            .filter_map(|table| checked.rule(table, element, &entry.key.value, earlier, each))
            .collect();
        if let Err(text) = insert(&mut self.fields, self.kind, &steps, rules, &mut self.items) {
            checked.notes.note(place, text);
        }
    }

    /// The tree. What FHIR wants and nobody writes is a fault.
    pub(super) fn finish(mut self, notes: &Notebook, place: &Place) -> Vec<Field> {
        for (path, _, used) in &self.items {
            if *used == Used::No {
                notes.note(&path.place, "no element is written below this path");
            }
        }
        complete(self.kind, &mut self.fields, notes, place, self.kind.name());
        self.fields
    }
}

/// Splits a path at its dots, those in brackets aside.
fn steps(path: &str) -> Option<Vec<Step>> {
    let mut steps = Vec::new();
    let mut from = 0;
    let mut depth = 0_u32;
    let ends = path.char_indices().chain([(path.len(), '.')]);
    for (at, letter) in ends {
        match letter {
            '[' => depth += 1,
            ']' => depth = depth.checked_sub(1)?,
            '.' if depth == 0 => {
                let step = path.get(from..at)?;
                let (name, label) = match step.split_once('[') {
                    Some((name, label)) => (name, label.strip_suffix(']')?),
                    None => (step, ""),
                };
                let bad =
                    name.is_empty() || label.contains(['[', ']']) || (step.contains('[') && label.is_empty());
                (!bad).then_some(())?;
                let whole = path.get(..at)?.to_owned();
                steps.push(Step { name: name.to_owned(), label: label.to_owned(), whole });
                from = at + 1;
            }
            _ => {}
        }
    }
    (depth == 0).then_some(steps)
}

/// The element at the end of a path.
fn leaf(kind: TypeId, steps: &[Step]) -> Result<Element, String> {
    let mut owner = kind;
    let mut found = None;
    for (index, step) in steps.iter().enumerate() {
        let element = known(owner, step)?;
        if index == 0 && matches!(step.name.as_str(), "id" | "text" | "contained" | "implicitRules") {
            return Err(format!("`{}` is not written by a mapping", step.name));
        }
        if !step.label.is_empty() && !element.is_array() {
            return Err(format!("`{}` does not repeat: leave `[{}]` out", step.name, step.label));
        }
        if index + 1 < steps.len() {
            let child = element.child_type().filter(|child| child.kind() != TypeKind::Abstract);
            // Extensions inside others go by plain names.
            let is_inner = owner.name() == "Extension" && !step.label.is_empty();
            owner = child.ok_or_else(|| format!("`{}` has no elements inside it", step.whole))?;
            if owner.name() == "Extension" && !is_inner && !step.label.contains(':') {
                return Err("an extension is named by its url: extension[https://...].valueString".to_owned());
            }
        }
        found = Some(element);
    }
    found.ok_or_else(|| "a path is wanted here".to_owned())
}

fn known(owner: TypeId, step: &Step) -> Result<Element, String> {
    tables::element(owner, &step.name).ok_or_else(|| {
        let stem = format!("{}[x]", step.name);
        if let Some(choice) = tables::element_named(owner, &stem) {
            let types: Vec<String> = owner
                .keys()
                .filter(|(_, element)| element.id() == choice.id())
                .map(|(key, _)| format!("`{key}`"))
                .take(4)
                .collect();
            return format!("`{}` is a choice: write its type too, such as {}", step.name, types.join(", "));
        }
        let near = did_you_mean(&step.name, owner.keys().map(|(key, _)| key));
        format!("{owner} of FHIR R4 has no element `{}`{near}", step.name)
    })
}

fn insert(
    fields: &mut Vec<Field>,
    owner: TypeId,
    steps: &[Step],
    rules: Vec<Rule>,
    items: &mut [(Written<String>, Each, Used)],
) -> Result<(), String> {
    let Some((step, rest)) = steps.split_first() else { return Ok(()) };
    let element = known(owner, step)?;
    let at = match fields.iter().position(|field| field.key == element.key()) {
        Some(at) => at,
        None => {
            // What bounds a Period is written from its start on, whichever the mapping names first.
            let end = fields.iter().position(|field| field.key == "end" && element.key() == "start");
            let at = end.unwrap_or(fields.len());
            let field = Field {
                key: element.key(),
                element: element.id().index(),
                form: if element.is_array() { Form::List } else { Form::One },
                is_choice: element.is_choice(),
                required: element.min() > 0,
                is_primitive: element.only_type().is_some_and(|kind| kind.kind().is_primitive()),
                items: Vec::new(),
            };
            fields.insert(at, field);
            at
        }
    };
    let Some(field) = fields.get_mut(at) else { return Ok(()) };
    let held = field.items.iter().position(|item| item.label == step.label);
    let (Some(at), false) = (held, rest.is_empty()) else {
        if held.is_some() {
            return Err(
                "this element is written already; give all its rules as a list, each with `when`".to_owned()
            );
        }
        let mut item = Item {
            label: step.label.clone(),
            each: each(step, items),
            shape: Shape::Value(Vec::new()),
            is_sourced: false,
        };
        if rest.is_empty() {
            item.shape = Shape::Value(rules);
            field.items.push(item);
            return Ok(());
        }
        let child = element.child_type().unwrap_or(owner);
        let mut inner = Vec::new();
        if child.name() == "Extension" {
            inner.push(url(child, &step.label));
        }
        insert(&mut inner, child, rest, rules, items)?;
        item.shape = Shape::Object(child, inner);
        field.items.push(item);
        return Ok(());
    };
    match field.items.get_mut(at).map(|item| &mut item.shape) {
        Some(Shape::Object(child, inner)) => insert(inner, *child, rest, rules, items),
        Some(Shape::Value(_)) | None => Err(format!("`{}` is written as a whole already", step.whole)),
    }
}

fn each(step: &Step, items: &mut [(Written<String>, Each, Used)]) -> Option<Each> {
    let (_, each, used) = items.iter_mut().find(|(path, ..)| path.value == step.whole)?;
    *used = Used::Yes;
    Some(*each)
}

/// The url of an extension.
fn url(kind: TypeId, label: &str) -> Field {
    let mut json = Vec::new();
    fhir::json::quote(label, &mut json);
    let rule = Rule {
        value: Value::Fixed(json),
        when: None,
        default: None,
        otherwise: None,
        severity: Severity::Minor,
        path: "url".to_owned(),
    };
    let item = Item { label: String::new(), each: None, shape: Shape::Value(vec![rule]), is_sourced: false };
    let element = tables::element(kind, "url").map_or(0, |element| element.id().index());
    Field {
        key: "url",
        element,
        form: Form::One,
        is_choice: false,
        required: true,
        is_primitive: true,
        items: vec![item],
    }
}

/// Notes what is required and missing, and marks what comes from the source.
fn complete(kind: TypeId, fields: &mut [Field], notes: &Notebook, place: &Place, path: &str) {
    for element in kind.elements().filter(|element| element.min() > 0) {
        if !fields.iter().any(|field| field.element == element.id().index()) {
            notes.note(
                place,
                format!("FHIR wants `{path}.{}`: map it, or give it as `fixed`", element.name()),
            );
        }
    }
    if kind.name() == "Identifier" {
        guard(fields, notes, place, path);
    }
    for field in fields {
        for item in &mut field.items {
            if let Shape::Object(child, inner) = &mut item.shape {
                let path = format!("{path}.{}", field.key);
                complete(*child, inner, notes, place, &path);
            }
            item.is_sourced = is_sourced(&item.shape);
        }
    }
}

/// NHS numbers are written through the one door that checks them.
fn guard(fields: &[Field], notes: &Notebook, place: &Place, path: &str) {
    let quoted = format!("\"{}\"", fhir::identifier::NHS_NUMBER);
    let values = |key: &str| {
        let field = fields.iter().find(|field| field.key == key);
        field.into_iter().flat_map(|field| &field.items).flat_map(|item| match &item.shape {
            Shape::Value(rules) => rules.as_slice(),
            Shape::Object(..) => &[],
        })
    };
    let is_nhs =
        values("system").any(|rule| matches!(&rule.value, Value::Fixed(json) if *json == quoted.as_bytes()));
    if is_nhs && values("value").any(|rule| matches!(rule.value, Value::Cell { .. })) {
        let text = format!(
            "an NHS number is checked when it is written as a whole: \
             {path} = {{ from = \"...\", system = {quoted} }}"
        );
        notes.note(place, text);
    }
}

fn is_sourced(shape: &Shape) -> bool {
    match shape {
        Shape::Object(_, fields) => fields.iter().flat_map(|field| &field.items).any(|item| item.is_sourced),
        Shape::Value(rules) => rules.iter().any(|rule| matches!(rule.value, Value::Cell { .. })),
    }
}
