//! The walk over an expression.

use std::cell::Cell;
use std::rc::Rc;

use super::ast::{Call, Expr, Head, Operator, Path, Step};
use super::failed::Failed;
use super::item::{Collection, Item};
use super::scope::{Mode, Scope};
use crate::model::{Kind, Type};
use crate::tree::Node;

/// Steps that an item more in a collection counts for.
const ITEM_STEPS: usize = 4;

/// What evaluating yields.
pub(super) type Outcome<'t> = Result<Collection<'t>, Failed>;

/// One evaluation.
pub(super) struct Run<'r, 't> {
    pub(super) scope: &'r Scope<'t, 'r>,
    steps: Cell<u64>,
}

/// What is around a part of an expression.
#[derive(Clone)]
pub(super) struct Env<'a, 't> {
    /// `$this`, and what names are read from.
    pub(super) this: &'a [Item<'t>],
    /// `$index`
    pub(super) index: Option<i64>,
    /// `$total`
    pub(super) total: &'a [Item<'t>],
    pub(super) defined: Option<Rc<Defined<'t>>>,
}

/// A variable that the expression defined, and those before it.
pub(super) struct Defined<'t> {
    pub(super) name: String,
    pub(super) value: Collection<'t>,
    pub(super) before: Option<Rc<Defined<'t>>>,
}

/// What a function is given.
pub(super) struct Given<'a, 't> {
    pub(super) run: &'a Run<'a, 't>,
    pub(super) input: Collection<'t>,
    pub(super) env: &'a Env<'a, 't>,
    pub(super) call: &'a Call,
}

pub(super) fn run<'t>(root: &Expr, scope: &Scope<'t, '_>) -> Outcome<'t> {
    let run = Run { scope, steps: Cell::new(scope.steps_max) };
    let env = Env { this: &scope.focus, index: None, total: &[], defined: None };
    run.evaluate(root, &env)
}

impl<'t> Run<'_, 't> {
    /// Counts work.
    pub(super) fn step(&self, count: usize) -> Result<(), Failed> {
        let left = self.steps.get().checked_sub(count as u64);
        self.steps.set(left.ok_or(Failed::TooManySteps { steps_max: self.scope.steps_max })?);
        Ok(())
    }

    /// Counts items that are kept: what bounds the steps bounds memory too.
    pub(super) fn keep(&self, items: usize) -> Result<(), Failed> {
        self.step(items.saturating_mul(ITEM_STEPS))
    }

    pub(super) fn evaluate(&self, expr: &Expr, env: &Env<'_, 't>) -> Outcome<'t> {
        self.step(1)?;
        match expr {
            Expr::Path(path) => self.path(path, env),
            Expr::Posited(inner) => {
                let value = self.evaluate(inner, env)?;
                self.negated(&value).map(|_| value)
            }
            Expr::Negated(inner) => {
                let value = self.evaluate(inner, env)?;
                self.negated(&value)
            }
            Expr::Chain(first, rest) => {
                let mut left = self.evaluate(first, env)?;
                for (operator, right) in rest {
                    left = self.operate(left, *operator, right, env)?;
                }
                Ok(left)
            }
            Expr::Typed(first, rest) => {
                let mut left = self.evaluate(first, env)?;
                for (operator, name) in rest {
                    left = self.typed(left, *operator, name)?;
                }
                Ok(left)
            }
        }
    }

    fn operate(
        &self,
        left: Collection<'t>,
        operator: Operator,
        right: &Expr,
        env: &Env<'_, 't>,
    ) -> Outcome<'t> {
        match operator {
            Operator::And | Operator::Or | Operator::Xor | Operator::Implies => {
                let left = self.truth(&left)?;
                // What cannot change the answer is not looked at.
                match (operator, left) {
                    (Operator::And, Some(false)) => return Ok(Collection::from(false)),
                    (Operator::Or, Some(true)) | (Operator::Implies, Some(false)) => {
                        return Ok(Collection::from(true));
                    }
                    _ => {}
                }
                let right = self.truth(&self.evaluate(right, env)?)?;
                Ok(Collection::optional(logic(left, operator, right).map(Item::Boolean)))
            }
            _ => {
                let right = self.evaluate(right, env)?;
                self.binary(left, operator, right)
            }
        }
    }

    fn binary(&self, left: Collection<'t>, operator: Operator, right: Collection<'t>) -> Outcome<'t> {
        let told = |answer: Option<bool>| Collection::optional(answer.map(Item::Boolean));
        match operator {
            Operator::Equal => Ok(told(self.equal(&left, &right)?)),
            Operator::NotEqual => Ok(told(self.equal(&left, &right)?.map(|equal| !equal))),
            Operator::Equivalent => Ok(Collection::from(self.equivalent(&left, &right)?)),
            Operator::NotEquivalent => Ok(Collection::from(!self.equivalent(&left, &right)?)),
            Operator::Less | Operator::LessOrEqual | Operator::Greater | Operator::GreaterOrEqual => {
                self.inequality(&left, operator, &right)
            }
            Operator::In => self.member(&left, &right, "in"),
            Operator::Contains => self.member(&right, &left, "contains"),
            Operator::Union => {
                let mut all = left;
                all.append(right);
                self.distinct(all)
            }
            Operator::Concatenate
            | Operator::Add
            | Operator::Subtract
            | Operator::Multiply
            | Operator::Divide
            | Operator::Div
            | Operator::Mod => self.arithmetic(&left, operator, &right),
            Operator::And | Operator::Or | Operator::Xor | Operator::Implies => Ok(Collection::empty()),
        }
    }

    fn path(&self, path: &Path, outer: &Env<'_, 't>) -> Outcome<'t> {
        let mut env = outer.clone();
        let mut steps = path.steps.iter();
        let mut current = match &path.head {
            Head::Focus => match steps.next() {
                Some(Step::Child(name)) => self.first(name, &env)?,
                Some(step) => self.follow(whole(env.this), step, &mut env)?,
                None => whole(env.this),
            },
            Head::This => whole(env.this),
            Head::Index => Collection::optional(env.index.map(Item::Integer)),
            Head::Total => whole(env.total),
            Head::Variable(name) => self.variable(name, &env)?,
            Head::Literal(item) => Collection::one(item.clone()),
            Head::Empty => Collection::empty(),
            Head::Group(inner) => self.evaluate(inner, &env)?,
        };
        self.keep(current.len())?;
        for step in steps {
            current = self.follow(current, step, &mut env)?;
        }
        Ok(current)
    }

    fn follow(&self, current: Collection<'t>, step: &Step, env: &mut Env<'_, 't>) -> Outcome<'t> {
        match step {
            Step::Child(name) => self.children(&current, name),
            Step::This => Ok(whole(env.this)),
            Step::Index(index) => {
                let index = self.evaluate(index, env)?;
                let Some(at) = self.integer(&index, "an index")? else { return Ok(Collection::empty()) };
                Ok(Collection::optional(usize::try_from(at).ok().and_then(|at| current.get(at).cloned())))
            }
            Step::Call(call) if call.name == "defineVariable" => {
                env.defined = Some(Rc::new(self.define(&current, call, env)?));
                Ok(current)
            }
            Step::Call(call) => {
                let unknown = || Failed::UnknownFunction { name: call.name.clone() };
                let function = call.function.ok_or_else(unknown)?;
                if !function.takes(call.arguments.len()) {
                    return Err(Failed::Arguments { name: call.name.clone() });
                }
                self.step(1 + current.len())?;
                (function.body)(Given { run: self, input: current, env, call })
            }
        }
    }

    /// What the first name of a path says: a child of the focus, or the type that it has.
    fn first(&self, name: &str, env: &Env<'_, 't>) -> Outcome<'t> {
        if name.starts_with(|first: char| first.is_ascii_uppercase()) {
            let named = self.scope.model.type_named(name);
            let is = |item: &&Item<'t>| match item {
                Item::Node(node, of) => {
                    let told = of.zip(named).is_some_and(|(of, named)| self.scope.model.is_a(of, named));
                    told || node.resource_type() == Some(name)
                }
                _ => false,
            };
            if env.this.iter().any(|item| is(&item)) {
                return Ok(env.this.iter().filter(is).cloned().collect());
            }
        }
        self.children(env.this, name)
    }

    /// The children called `name`, or of the choice called so.
    pub(super) fn children(&self, items: &[Item<'t>], name: &str) -> Outcome<'t> {
        self.step(1 + items.len())?;
        let mut found = Collection::empty();
        for item in items {
            match item {
                Item::Node(node, of) => self.named(*node, *of, name, &mut found),
                Item::TypeInfo(told) => match name {
                    "name" => found.push(Item::string(told.name.clone())),
                    "namespace" => found.push(Item::string(told.namespace)),
                    _ => {}
                },
                Item::Quantity(quantity) => match name {
                    "value" => found.push(Item::Decimal(quantity.value)),
                    "unit" | "code" => found.push(Item::string(quantity.code())),
                    _ => {}
                },
                _ => {}
            }
        }
        Ok(found)
    }

    fn named(&self, node: Node<'t>, of: Option<Type>, name: &str, found: &mut Collection<'t>) {
        let model = self.scope.model;
        let mut field = None;
        let mut choices = false;
        for child in node.children() {
            let told = child.name();
            if told == name {
                let field = *field.get_or_insert_with(|| of.and_then(|of| model.element(of, name)));
                if field.is_some_and(|field| field.choice) && self.scope.mode != Mode::Lenient {
                    continue;
                }
                let inline = child.resource_type().and_then(|told| model.type_named(told));
                found.push(Item::Node(child, inline.or(field.and_then(|field| field.of))));
            } else if !choices {
                choices = is_choice_name(told, name);
            }
        }
        if name == "value" && field.is_none() && self.scope.mode == Mode::Lenient && node.value().is_some() {
            // The value of a primitive, which in FHIRPath the primitive itself stands for.
            found.push(Item::Node(node, of));
            return;
        }
        if !choices || of.is_some_and(|of| !model.is_choice(of, name)) {
            return;
        }
        for child in node.children().filter(|child| is_choice_name(child.name(), name)) {
            let field = of.and_then(|of| model.element(of, child.name()));
            let told = match (of, field) {
                (Some(_), Some(field)) => field.of,
                (Some(_), None) => continue,
                // No more than the name is known: it must end in the name of a type.
                (None, _) => match self.suffix_type(child.name().get(name.len()..).unwrap_or_default()) {
                    Some(told) => Some(told),
                    None => continue,
                },
            };
            found.push(Item::Node(child, told));
        }
    }

    /// The data type that a name of a choice ends in: `Quantity`, `DateTime`.
    pub(super) fn suffix_type(&self, suffix: &str) -> Option<Type> {
        let model = self.scope.model;
        let data = |found: &Type| {
            matches!(model.kind(*found), Kind::Complex | Kind::Text | Kind::Number | Kind::Boolean)
        };
        let mut lower = suffix.to_owned();
        if let Some(first) = lower.get_mut(..1) {
            first.make_ascii_lowercase();
        }
        model.type_named(suffix).or_else(|| model.type_named(&lower)).filter(data)
    }

    fn variable(&self, name: &str, env: &Env<'_, 't>) -> Outcome<'t> {
        let mut defined = env.defined.as_deref();
        while let Some(here) = defined {
            if here.name == name {
                return Ok(here.value.clone());
            }
            defined = here.before.as_deref();
        }
        let node = |node: Option<Node<'t>>| {
            Collection::optional(node.map(|node| Item::Node(node, self.scope.model.type_of(node))))
        };
        let fixed = |text: &str| Ok(Collection::one(Item::string(text)));
        if let Some((_, value)) = self.scope.variables.iter().rev().find(|(found, _)| found == name) {
            return Ok(value.clone());
        }
        match name {
            "context" => Ok(self.scope.focus.clone()),
            "resource" => Ok(node(self.scope.resource)),
            "rootResource" => Ok(node(self.scope.root_resource)),
            "ucum" => fixed("http://unitsofmeasure.org"),
            "sct" => fixed("http://snomed.info/sct"),
            "loinc" => fixed("http://loinc.org"),
            "terminologies" => Err(Failed::unsupported("%terminologies")),
            _ => match (name.strip_prefix("vs-"), name.strip_prefix("ext-")) {
                (Some(id), _) => fixed(&format!("http://hl7.org/fhir/ValueSet/{id}")),
                (None, Some(id)) => fixed(&format!("http://hl7.org/fhir/StructureDefinition/{id}")),
                (None, None) => Err(Failed::UnknownVariable { name: name.to_owned() }),
            },
        }
    }

    /// What `defineVariable` adds.
    fn define(
        &self,
        current: &Collection<'t>,
        call: &Call,
        env: &Env<'_, 't>,
    ) -> Result<Defined<'t>, Failed> {
        let (name, value) = match call.arguments.as_slice() {
            [name] => (name, None),
            [name, value] => (name, Some(value)),
            _ => return Err(Failed::Arguments { name: call.name.clone() }),
        };
        let name = self.evaluate(name, env)?;
        let name = self.text(&name, "the name of a variable")?;
        let name = name.ok_or_else(|| Failed::wrong_type("the name of a variable"))?.to_string();
        if super::check::is_system_variable(&name) || self.variable(&name, env).is_ok() {
            return Err(Failed::Redefined { name });
        }
        let value = match value {
            None => current.clone(),
            Some(value) => self.evaluate(value, &Env { this: current, ..env.clone() })?,
        };
        Ok(Defined { name, value, before: env.defined.clone() })
    }
}

/// Whether `told` is a choice called `stem` with the name of a type: `valueQuantity` of `value`.
fn is_choice_name(told: &str, stem: &str) -> bool {
    told.strip_prefix(stem).is_some_and(|suffix| suffix.starts_with(|first: char| first.is_ascii_uppercase()))
}

pub(super) fn whole<'t>(items: &[Item<'t>]) -> Collection<'t> {
    match items {
        [item] => Collection::one(item.clone()),
        items => items.iter().cloned().collect(),
    }
}

/// Logic with a third value.
fn logic(left: Option<bool>, operator: Operator, right: Option<bool>) -> Option<bool> {
    match operator {
        Operator::And => match (left, right) {
            (Some(false), _) | (_, Some(false)) => Some(false),
            (Some(true), Some(true)) => Some(true),
            _ => None,
        },
        Operator::Or => match (left, right) {
            (Some(true), _) | (_, Some(true)) => Some(true),
            (Some(false), Some(false)) => Some(false),
            _ => None,
        },
        Operator::Xor => Some(left? != right?),
        _ => match (left, right) {
            (Some(false), _) | (_, Some(true)) => Some(true),
            (Some(true), right) => right,
            (None, _) => None,
        },
    }
}
