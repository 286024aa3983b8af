//! What a run of one script knows: messages by id, the last request and response, and the values of variables.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use jiff::Timestamp;

use super::expressions::{Expressions, Failed};
use super::macros::Macro;
use super::message::{Head, Message, Unread};
use super::path::{self, BadPath};
use super::plan::{FixtureSource, Plan, Read, Variable};
use super::template::Template;

/// How many variables may stand for one another.
const DEPTH_MAX: usize = 12;

/// Letters that one text may grow to.
const FILLED_MAX: usize = 64 << 20;

/// What happened so far.
#[derive(Debug)]
pub(crate) struct Session<'p> {
    pub(crate) plan: &'p Plan,
    pub(crate) held: HashMap<String, Arc<Message>>,
    pub(crate) request: Option<Arc<Message>>,
    pub(crate) response: Option<Arc<Message>>,
    /// `Type/id` on the server of what fixtures became there.
    pub(crate) on_server: HashMap<String, String>,
    /// `Type/id` on the server of what was created last.
    pub(crate) created: Option<String>,
    /// Whether what the script made is being put away.
    pub(crate) stage: Stage,
    /// Values from outside: by the user, by a repeat, by the script that imports this one.
    pub(crate) set: HashMap<String, String>,
    pub(crate) expressions: Arc<Expressions>,
    /// The status of the last operation, if it says that it failed.
    pub(crate) failed_with: Option<u16>,
    /// The script that was run first, which ran this one.
    pub(crate) top: PathBuf,
    /// The version of FHIR that the target says it speaks, where it was asked.
    pub(crate) fhir_version: Option<String>,
    pub(crate) answered: usize,
    pub(crate) unanswered: usize,
    now: Timestamp,
    /// Defaults with something random in them, which stay what they were.
    fixed: Mutex<HashMap<String, String>>,
}

/// Where the life of a script has got to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Setup and tests.
    Testing,
    /// Teardown: what was never made need not be put away.
    TearingDown,
}

/// Why a text has no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoValue {
    #[error("nothing gives {0} a value")]
    Undefined(String),
    #[error("the variable {0} has no value: give --variable {0}=VALUE")]
    Unset(String),
    #[error("the variable {0} is read from {1}, which nothing has filled")]
    Unfilled(String, String),
    #[error("the variable {0} is read from the last response, and there is none")]
    NoResponse(String),
    #[error("the variable {0} found nothing")]
    Nothing(String),
    #[error("the variable {0} found {1} values, and one is wanted")]
    Several(String, usize),
    #[error("the variable {0} found an element without a value")]
    Complex(String),
    #[error("the variable {0} cannot be read: {1}")]
    Body(String, Unread),
    #[error("{1} (in the variable {0})")]
    Expression(String, Failed),
    #[error("{1} (in the variable {0})")]
    Path(String, BadPath),
    #[error("the variable {0} stands for itself")]
    Circular(String),
    #[error("the built-in value {0} cannot be made")]
    Macro(String),
    #[error("a {0} cannot be made up")]
    Fake(String),
    #[error("the text grows too long")]
    TooLong,
}

impl NoValue {
    /// Whether what would give the value has not happened.
    pub(crate) const fn is_for_want_of_an_answer(&self) -> bool {
        matches!(self, Self::Unfilled(..) | Self::NoResponse(_))
    }

    /// What is not supported, if that is why.
    pub(crate) fn unsupported(&self) -> Option<String> {
        match self {
            Self::Expression(_, Failed::Unsupported(what)) => Some(what.clone()),
            Self::Path(_, BadPath::Unsupported(path)) => Some(format!("the path {path}")),
            Self::Fake(kind) => Some(format!("making up a {kind}")),
            Self::Undefined(_)
            | Self::Unset(_)
            | Self::Unfilled(..)
            | Self::NoResponse(_)
            | Self::Nothing(_)
            | Self::Several(..)
            | Self::Complex(_)
            | Self::Body(..)
            | Self::Expression(..)
            | Self::Path(..)
            | Self::Circular(_)
            | Self::Macro(_)
            | Self::TooLong => None,
        }
    }
}

impl<'p> Session<'p> {
    pub(crate) fn new(plan: &'p Plan, expressions: Arc<Expressions>, now: Timestamp) -> Self {
        Self {
            plan,
            held: HashMap::new(),
            request: None,
            response: None,
            on_server: HashMap::new(),
            created: None,
            stage: Stage::Testing,
            set: HashMap::new(),
            expressions,
            failed_with: None,
            top: plan.file.clone(),
            fhir_version: None,
            answered: 0,
            unanswered: 0,
            now,
            fixed: Mutex::new(HashMap::new()),
        }
    }

    /// What was filled under this id, or is always there: the last request and response, and something that is empty,
    /// for expressions that look at nothing (Asbestos).
    pub(crate) fn named(&self, id: &str) -> Option<Arc<Message>> {
        if let Some(message) = self.held.get(id) {
            return Some(Arc::clone(message));
        }
        match id {
            "request" => self.request.clone(),
            "response" => self.response.clone(),
            "anonymous" => {
                Some(Arc::new(Message::fixture(Bytes::from_static(br#"{"resourceType":"Basic"}"#))))
            }
            _ => None,
        }
    }

    /// The message of this id; a fixture with its names filled.
    ///
    /// # Errors
    /// [`NoValue`] when the fixture holds a name that has none.
    pub(crate) fn message(&self, id: &str) -> Result<Option<Arc<Message>>, NoValue> {
        let Some(message) = &self.named(id) else {
            let fake = self.plan.fixtures.iter().find_map(|fixture| match &fixture.source {
                FixtureSource::Fake(kind) if fixture.id == id => Some(kind.clone()),
                FixtureSource::Fake(_)
                | FixtureSource::Reference(_)
                | FixtureSource::Held(_)
                | FixtureSource::Part { .. }
                | FixtureSource::Later => None,
            });
            return fake.map_or(Ok(None), |kind| Err(NoValue::Fake(kind)));
        };
        let named = message.head == Head::Fixture && message.body.windows(2).any(|pair| pair == b"${");
        let Some(text) = named.then(|| std::str::from_utf8(&message.body).ok()).flatten() else {
            return Ok(Some(Arc::clone(message)));
        };
        let filled = self.fill(&Template::new(text))?;
        Ok(Some(Arc::new(Message::fixture(Bytes::from(filled)))))
    }

    /// Fills `template`.
    ///
    /// # Errors
    /// [`NoValue`] of the first name that has none.
    pub(crate) fn fill(&self, template: &Template) -> Result<String, NoValue> {
        self.fill_at(template, 0, &mut HashMap::new())
    }

    fn fill_at(
        &self,
        template: &Template,
        depth: usize,
        random: &mut HashMap<String, String>,
    ) -> Result<String, NoValue> {
        let mut bytes = template.text().len();
        template.fill(&mut |name| {
            let value = self.value(name, depth, random)?;
            bytes += value.len();
            if bytes > FILLED_MAX { Err(NoValue::TooLong) } else { Ok(value) }
        })
    }

    /// The value of a variable or of a built-in name.
    fn value(
        &self,
        name: &str,
        depth: usize,
        random: &mut HashMap<String, String>,
    ) -> Result<String, NoValue> {
        if depth > DEPTH_MAX {
            return Err(NoValue::Circular(name.to_owned()));
        }
        if let Some(value) = self.set.get(name) {
            return Ok(value.clone());
        }
        if let Some(variable) = self.plan.variables.iter().find(|variable| variable.name == name) {
            return self.variable(variable, depth);
        }
        let Some(built_in) = Macro::named(name) else { return Err(NoValue::Undefined(name.to_owned())) };
        if Macro::is_kept(name) {
            let mut fixed = self.fixed.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(value) = fixed.get(name) {
                return Ok(value.clone());
            }
            let value = built_in.value(self.now, None).ok_or_else(|| NoValue::Macro(name.to_owned()))?;
            fixed.insert(name.to_owned(), value.clone());
            return Ok(value);
        }
        // One text says one thing: the same random name twice in it is the same value.
        if let Some(value) = random.get(name) {
            return Ok(value.clone());
        }
        let base = match &built_in {
            Macro::Shifted { base, .. } if !base.starts_with(|letter: char| letter.is_ascii_digit()) => {
                Some(self.value(base, depth + 1, random)?)
            }
            Macro::Shifted { .. } | Macro::Uuid | Macro::Date | Macro::DateTime | Macro::Random(..) => None,
        };
        let value = built_in.value(self.now, base.as_deref());
        let value = value.ok_or_else(|| NoValue::Macro(name.to_owned()))?;
        if built_in.is_random() {
            random.insert(name.to_owned(), value.clone());
        }
        Ok(value)
    }

    fn variable(&self, variable: &Variable, depth: usize) -> Result<String, NoValue> {
        match self.read(variable, depth) {
            Err(missing) => match &variable.default {
                Some(default) => self.default(variable, default, depth),
                None => Err(missing),
            },
            read => read,
        }
    }

    fn default(&self, variable: &Variable, default: &Template, depth: usize) -> Result<String, NoValue> {
        let name = &variable.name;
        let held = self.fixed.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned();
        if let Some(value) = held {
            return Ok(value);
        }
        let mut random = HashMap::new();
        let value = self.fill_at(default, depth + 1, &mut random)?;
        if !random.is_empty() {
            self.fixed.lock().unwrap_or_else(PoisonError::into_inner).insert(name.clone(), value.clone());
        }
        Ok(value)
    }

    fn read(&self, variable: &Variable, depth: usize) -> Result<String, NoValue> {
        let name = &variable.name;
        if matches!(variable.read, Read::Nothing) {
            return Err(NoValue::Unset(name.clone()));
        }
        let message = match (&variable.source_id, &self.response) {
            (Some(id), _) => self.named(id).ok_or_else(|| NoValue::Unfilled(name.clone(), id.clone()))?,
            (None, Some(last)) => Arc::clone(last),
            (None, None) => return Err(NoValue::NoResponse(name.clone())),
        };
        let values = match &variable.read {
            Read::Nothing => return Err(NoValue::Unset(name.clone())),
            Read::Header(field) => {
                let field = self.fill_at(field, depth + 1, &mut HashMap::new())?;
                return message.header(&field).ok_or_else(|| NoValue::Nothing(name.clone()));
            }
            Read::Expression(expression) => {
                let root = message.root().map_err(|unread| NoValue::Body(name.clone(), unread))?;
                let text = self.fill_at(expression, depth + 1, &mut HashMap::new())?;
                let found = self.expressions.evaluate(&text, root);
                let found = found.map_err(|failed| NoValue::Expression(name.clone(), failed))?;
                if found.items.iter().any(|item| item.actual.is_none()) {
                    return Err(NoValue::Complex(name.clone()));
                }
                found.values()
            }
            Read::Path(path) => {
                let root = message.root().map_err(|unread| NoValue::Body(name.clone(), unread))?;
                let text = self.fill_at(path, depth + 1, &mut HashMap::new())?;
                let selected = path::select(&text, root).map_err(|bad| NoValue::Path(name.clone(), bad))?;
                if selected.has_complex() {
                    return Err(NoValue::Complex(name.clone()));
                }
                selected.values()
            }
        };
        match values.as_slice() {
            [one] => Ok(one.text.clone()),
            [] => Err(NoValue::Nothing(name.clone())),
            several => Err(NoValue::Several(name.clone(), several.len())),
        }
    }
}
