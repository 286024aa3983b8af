//! Applies the rules to a document, element by element.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use super::Fault;
use super::bundle::Dated;
use super::coded::Known;
use super::conversion::Conversion;
use super::convert::Made;
use super::identifier::alone;
use super::labels::{self, Labels};
use super::maps::{Condition, Fixed, From, Maps, Row, Rule, Statement};
use super::moment::{self, Moment};
use super::narrative;
use super::path::Negated;
use super::resource::Resource;
use super::source::{Element, Space};
use crate::sound::{Beside, beside};
use crate::tree::{Index, Node, Object, Step};
use crate::{Context, Refused, Severity, Translated, Why};

/// How deep rules may lead into one another.
const DEPTH_MAX: usize = 128;

/// A document while it is translated.
pub(super) struct Draft<'x, 't> {
    pub(super) maps: &'x Maps,
    pub(super) known: Known<'x>,
    pub(super) root: Element<'t>,
    /// The id of the document.
    pub(super) message: String,
    pub(super) digest: String,
    pub(super) resources: Vec<Resource<'x>>,
    /// References to resources that were made, by rule and element.
    pub(super) made: HashMap<(&'x str, u32), Option<Node>>,
    /// References to shared resources, by what they say.
    pub(super) shared: HashMap<Vec<u8>, Node>,
    pub(super) patient: Node,
    /// What the section at hand is about.
    pub(super) kind: &'x str,
    /// The labels in force here.
    pub(super) labels: Labels,
    /// The labels of all parts.
    pub(super) highest: Labels,
    /// The labels of the parts of the section at hand.
    pub(super) of_section: Labels,
    pub(super) depth: usize,
}

/// Whether anything of the document came in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Applied {
    Something,
    Nothing,
}

/// Translates one ClinicalDocument of `input`.
pub(super) fn run<'x, 't>(
    root: Element<'t>,
    input: &[u8],
    maps: &'x Maps,
    context: &'x Context,
) -> Result<Translated, Refused> {
    let known = Known { codes: &maps.codes, context };
    let message = root.child("id").and_then(message).ok_or(Fault::NoId)?;
    let dated = dated(root, known)?;
    let mut people = root.children().filter(|child| child.is(Space::V3, "recordTarget"));
    let (Some(person), None) = (people.next(), people.next()) else {
        return Err(Fault::NotOnePatient.into());
    };
    let person = person.child("patientRole").ok_or(Fault::NotOnePatient)?;
    let mut draft = Draft {
        maps,
        known,
        root,
        message,
        digest: format!("ni:///sha-256;{}", URL_SAFE_NO_PAD.encode(Sha256::digest(input))),
        resources: Vec::new(),
        made: HashMap::new(),
        shared: HashMap::new(),
        patient: Node::absent("unknown"),
        kind: "",
        labels: Labels::stated(known, root),
        highest: Labels::default(),
        of_section: Labels::default(),
        depth: 0,
    };
    draft.highest = draft.labels.clone();
    draft.patient = draft.resource("patient", person).ok_or(Fault::NotOnePatient)?;
    draft.resource("composition", root).ok_or(Refused::Maps)?;
    if root.tree.is_exhausted() {
        return Err(Refused::TooLarge { max: root.tree.nodes.len(), unit: "steps for its size" });
    }
    draft.bundle(&dated)
}

/// The id of the document as one text.
pub(super) fn message(id: Element<'_>) -> Option<String> {
    let root = id.peek("root").map(alone).unwrap_or_default();
    let extension = id.peek("extension").unwrap_or_default();
    match (root.is_empty(), extension.is_empty()) {
        (true, true) => None,
        (_, true) => Some(root),
        (_, false) => Some(format!("{root} {extension}")),
    }
}

/// When the document was made. A date alone is its first moment.
fn dated(root: Element<'_>, known: Known<'_>) -> Result<Dated, Fault> {
    let time = root.child("effectiveTime").ok_or(Fault::NoTime)?;
    let text = time.peek("value").ok_or(Fault::NoTime)?;
    let Moment { date, time: of_day, .. } =
        moment::parse(text, &known.context.zone).map_err(|_| Fault::NoTime)?;
    match of_day {
        Some(of_day) => Ok(Dated { instant: format!("{date}T{of_day}") }),
        None => {
            let instant = moment::midnight(&date, &known.context.zone).ok_or(Fault::NoTime)?;
            time.remark(Some("value"), Why::Narrowed, Severity::Minor);
            Ok(Dated { instant })
        }
    }
}

impl<'x, 't> Draft<'x, 't> {
    /// Applies `rule` to `element`, into `object`.
    pub(super) fn apply(&mut self, rule: &'x Rule, element: Element<'t>, object: &mut Object) -> Applied {
        let mut applied = Applied::Nothing;
        // Elements of several types that are set.
        let mut choices: Vec<&str> = Vec::new();
        for row in &rule.rows {
            if !self.holds(row, element) {
                continue;
            }
            match &row.from {
                From::Fixed(value) => self.default(row, value, &choices, object),
                From::Path(path, conversion) => {
                    let is_whole = matches!(conversion, Conversion::Resource(_) | Conversion::Statement);
                    let negated = if is_whole { Negated::Found } else { Negated::PassedOver };
                    let attribute = path.attribute.as_deref();
                    for found in path.find(element, self.kind, negated) {
                        // That something is not negated is the rule, and says nothing.
                        if attribute == Some("negationInd") && !found.is_negated() {
                            continue;
                        }
                        let set = self.set(row, found, attribute, conversion, &mut choices, object);
                        if set == Applied::Something {
                            applied = Applied::Something;
                        }
                        if set == Applied::Something || matches!(conversion, Conversion::Noted(_)) {
                            path.mark_asked(found);
                        }
                    }
                }
            }
        }
        applied
    }

    pub(super) fn holds(&self, row: &Row, element: Element<'t>) -> bool {
        row.only_if.iter().all(|condition| condition.is_met(element, self.kind))
            && !row.unless.iter().any(|condition| condition.is_met(element, self.kind))
    }

    fn default(&self, row: &Row, value: &Fixed, choices: &[&str], object: &mut Object) {
        let Some(first) = row.target.path.first() else { return };
        let is_held = if row.target.is_list() || row.target.path.len() == 1 {
            object.find(first.name.as_str()).is_some()
        } else {
            object.has(&row.target.path)
        };
        if is_held || choices.iter().any(|base| first.name.as_str().starts_with(base)) {
            return;
        }
        if let Some(value) = self.fixed(value) {
            // What is absent of a primitive stands beside it.
            let is_primitive = matches!(&row.from, From::Fixed(Fixed::Absent(_)))
                && ["title", "status", "lifecycleStatus", "occurrenceString", "effectiveDateTime"]
                    .contains(&first.name.as_str());
            if is_primitive {
                object.put(&format!("_{}", first.name.as_str()), value);
            } else {
                object.set(&row.target.path, value);
            }
        }
    }

    fn fixed(&self, fixed: &Fixed) -> Option<Node> {
        Some(match fixed {
            Fixed::Text(text) => Node::text(text.as_str()),
            Fixed::Bare(text) => Node::Bare(text.clone()),
            Fixed::Absent(reason) => Node::absent(reason),
            Fixed::Coding(map, code) => self.known.codes.target(map, code)?.coding().into(),
            Fixed::Concept(map, code) => self.known.codes.target(map, code)?.concept(),
            Fixed::Patient => self.patient.clone(),
        })
    }

    /// Sets what `row` makes of `found`.
    fn set(
        &mut self,
        row: &'x Row,
        found: Element<'t>,
        attribute: Option<&str>,
        conversion: &'x Conversion,
        choices: &mut Vec<&'x str>,
        object: &mut Object,
    ) -> Applied {
        if let Conversion::Statement = conversion {
            let made = self.statements(found);
            let applied = if made.is_empty() { Applied::Nothing } else { Applied::Something };
            for reference in made {
                object.set(&row.target.path, reference);
            }
            return applied;
        }
        let base = row.target.path.last().map(|step| step.name.as_str()).unwrap_or_default();
        // A part may say more about the very same object, or nothing more.
        if row.target.path.is_empty() {
            if matches!(conversion, Conversion::Noted(_)) {
                self.convert(found, attribute, conversion);
                return Applied::Nothing;
            }
            let maps = self.maps;
            let rule = conversion.rule().and_then(|name| maps.rules.get(name));
            return rule.map_or(Applied::Nothing, |rule| self.apply(rule, found, object));
        }
        let is_taken =
            if row.target.is_choice { choices.contains(&base) } else { object.has(&row.target.path) };
        if is_taken {
            // Another row may still have read it; only what is left unmarked is lost.
            if !matches!(conversion, Conversion::Resource(_)) {
                found.remark(None, Why::PlaceTaken, Severity::Minor);
            }
            return Applied::Nothing;
        }
        let Some(Made { kind, node }) = self.convert(found, attribute, conversion) else {
            return Applied::Nothing;
        };
        match beside(object, &row.target.path, &node) {
            Beside::Same(differs) => {
                let beside = (!row.beside.is_empty()).then_some(Severity::Minor);
                if let Some(severity) = differs.max(beside) {
                    found.remark(Some("root"), Why::LeftOut, severity);
                }
                return Applied::Something;
            }
            Beside::Another => found.remark(Some("extension"), Why::AnotherNhsNumber, Severity::Major),
            Beside::New => {}
        }
        let is_set = if row.target.is_choice {
            choices.push(base);
            let mut path = row.target.path.clone();
            if let Some(last) = path.last_mut() {
                last.name = [last.name.as_str(), kind].concat().as_str().into();
            }
            object.set(&path, node)
        } else {
            object.set(&row.target.path, node)
        };
        if !is_set {
            return Applied::Nothing;
        }
        for (beside, fixed) in &row.beside {
            self.beside(row, beside, fixed, object);
        }
        Applied::Something
    }

    /// Sets what a row says beside its element, in the list element just set.
    fn beside(&self, row: &Row, path: &[Step], fixed: &Fixed, object: &mut Object) {
        let Some(value) = self.fixed(fixed) else { return };
        let lists =
            row.target.path.iter().rposition(|step| step.index != Index::One).map_or(0, |last| last + 1);
        let mut whole: Vec<Step> = row.target.path.iter().take(lists).cloned().collect();
        for step in &mut whole {
            if step.index == Index::New {
                step.index = Index::Last;
            }
        }
        whole.extend_from_slice(path);
        if !object.has(&whole) {
            object.set(&whole, value);
        }
    }

    /// A piece of a resource.
    pub(super) fn part(&mut self, name: &str, element: Element<'t>) -> Option<Object> {
        let rule = self.maps.rules.get(name)?;
        let mut object = Object::new();
        self.depth += 1;
        let applied =
            if self.depth > DEPTH_MAX { Applied::Nothing } else { self.apply(rule, element, &mut object) };
        self.depth -= 1;
        (applied == Applied::Something).then_some(object)
    }

    /// References to what an entry becomes.
    fn statements(&mut self, entry: Element<'t>) -> Vec<Node> {
        if labels::is_security_entry(entry) || entry.is_negated() {
            return Vec::new();
        }
        let mut made = Vec::new();
        for child in entry.children() {
            let maps = self.maps;
            let kind = self.kind;
            let is_met = |statement: &&'x Statement| statement.named.is_met(child, kind);
            let first = maps.statements.iter().find(is_met);
            let met: Vec<&Statement> = first.into_iter().chain(maps.others.iter().filter(is_met)).collect();
            let own = self.labels.clone();
            let stated = Labels::stated(self.known, child);
            self.labels = own.with(&stated);
            self.highest = self.highest.with(&stated);
            self.of_section = self.of_section.with(&stated);
            for statement in met {
                let Some(rule) = &statement.rule else { continue };
                match &statement.at {
                    None => made.extend(self.resource(rule, child)),
                    // What is in a statement that is not so, or was wrong, is not so either.
                    Some(path) if statement.named.is_so(child) && !is_nullified(child) => {
                        let before = made.len();
                        for found in path.find(child, self.kind, Negated::Found) {
                            made.extend(self.resource(rule, found));
                        }
                        if made.len() > before {
                            child.mark(&["moodCode"]);
                        }
                    }
                    Some(_) => {}
                }
            }
            self.labels = own;
        }
        made
    }

    /// A section: under its heading, with its labels, its text and its entries.
    pub(super) fn section(&mut self, element: Element<'t>) -> Option<Object> {
        let title = element.child("title").and_then(Element::peek_text);
        let code = element.child("code").and_then(|code| code.peek("code"));
        let heading = self.known.codes.heading(code, title.as_deref());
        let around = (self.kind, self.labels.clone(), std::mem::take(&mut self.of_section));
        if let Some(heading) = heading {
            self.kind = heading.kind.as_str();
        }
        let stated = Labels::stated(self.known, element);
        self.labels = self.labels.with(&stated);
        self.highest = self.highest.with(&stated);
        let made = self.part("section", element);
        // What an entry is labelled with, the text of its section tells too.
        let own = stated.with(&self.of_section);
        (self.kind, self.labels) = (around.0, around.1);
        self.of_section = around.2.with(&own);
        let mut section = made?;
        if let Some(heading) = heading {
            let mut code = match section.find("code") {
                Some(Node::Object(code)) => code.clone(),
                _ => Object::new(),
            };
            let mut codings = vec![heading.coding()];
            if let Some(Node::List(held)) = code.find("coding") {
                codings.extend(held.iter().cloned());
            }
            code.put("coding", Node::List(codings));
            section.put("code", code.into());
        }
        if own.is_special() {
            section.put("extension", Node::List(own.inline()));
        }
        if ["text", "entry", "section"].iter().all(|name| section.find(name).is_none()) {
            section.put("text", narrative::nothing());
        }
        Some(section)
    }
}

/// Whether a statement was made in error.
fn is_nullified(element: Element<'_>) -> bool {
    element.child("statusCode").is_some_and(|status| status.peek("code") == Some("nullified"))
}

impl Condition {
    fn is_met(&self, element: Element<'_>, kind: &str) -> bool {
        if !self.kinds.is_empty() {
            return self.kinds.iter().any(|held| held == kind);
        }
        let found = self.path.find(element, kind, Negated::Found);
        let of = |found: &Element<'_>| match &self.path.attribute {
            Some(name) => found.peek(name).map(str::to_owned),
            None if self.values.is_empty() => Some(String::new()),
            None => found.peek("code").or_else(|| found.peek("value")).map(str::to_owned),
        };
        found.iter().filter_map(of).any(|value| self.values.is_empty() || self.values.contains(&value))
    }
}
