//! What one side says by a status, and the other by a status and a concept in a part: `MedicationStatement` of R5.
//!
//! On the left the status says only whether the statement stands; the concept says what R4 says by its status. It decides
//! what the rest means, though R5 does not mark it as a modifier: a concept that is not known, or is not there, becomes
//! the status that says that it is not known, and nothing more.

use fhir::tables::{Release, TypeId, element};

use super::Fault;
use super::item::{Item, fields, items};
use super::maps::Step;
use super::special::said;
use super::translation::{Exact, Translation};
use super::walk::{Out, Walk};
use crate::tree::{Node, Object};

/// A status of R4 that the left says in two elements.
#[derive(Debug, Clone)]
pub(super) struct State {
    /// The status, which is called the same on both sides.
    status: String,
    /// What the status of the left says where the concept says the rest.
    said: String,
    /// The part of the left, and the concept in it.
    part: String,
    concept: String,
    system: String,
    /// Codes of the concept as codes of R4's status.
    codes: Translation,
    /// Codes of R4's status as codes of the concept.
    back: Translation,
    /// The status of R4 where the concept says none of these, or is not there.
    otherwise: String,
    /// Codes of both statuses, beside which the concept says nothing of the status.
    same: Vec<String>,
}

/// What became of what an extension kept.
pub(super) enum Restored {
    /// It is no part of a state.
    NoState,
    /// It agrees with what stands there, and stands there now.
    Done,
    /// What stands there says otherwise.
    Differs,
}

impl State {
    /// Reads `STATUS=CODE PART.CONCEPT SYSTEM NAME else STATUS same CODE...`.
    pub(super) fn read(
        words: &[&str],
        table: impl Fn(&str) -> Result<Translation, &'static str>,
    ) -> Result<Self, &'static str> {
        let [status, path, system, name, "else", otherwise, "same", same @ ..] = words else {
            return Err("a state that cannot be read");
        };
        let (status, told) = status.split_once('=').ok_or("a status needs a code")?;
        let (part, concept) = path.split_once('.').ok_or("a state needs a concept in a part")?;
        let codes = table(name)?;
        Ok(Self {
            status: status.to_owned(),
            said: told.to_owned(),
            part: part.to_owned(),
            concept: concept.to_owned(),
            system: (*system).to_owned(),
            back: codes.flipped(),
            codes,
            otherwise: (*otherwise).to_owned(),
            same: same.iter().map(|code| (*code).to_owned()).collect(),
        })
    }

    /// The paths that must be in the type of the left, and in that of the right.
    pub(super) fn paths(&self) -> [String; 2] {
        [format!("{}.{}", self.part, self.concept), self.status.clone()]
    }

    /// The status of R4 that the concept stands for. Of codes that say different things none is taken.
    fn status_of(&self, concept: Option<&Object>) -> String {
        let codings = match concept.and_then(|concept| concept.find("coding")) {
            Some(Node::List(all)) => all.as_slice(),
            _ => &[],
        };
        let mut found: Option<String> = None;
        for coding in codings {
            let Node::Object(coding) = coding else { continue };
            if said(coding.find("system")) != Some(self.system.as_str()) {
                continue;
            }
            let known = said(coding.find("code")).filter(|code| self.codes.knows(code));
            let status = known.map(|code| self.codes.of(code).0);
            if status.is_none() || found.is_some() && found != status {
                return self.otherwise.clone();
            }
            found = status;
        }
        found.unwrap_or_else(|| self.otherwise.clone())
    }

    /// The one code of a concept that says nothing but that.
    fn plain_code<'c>(&self, concept: Option<&'c Object>) -> Option<&'c str> {
        let concept = concept.filter(|concept| concept.len() == 1)?;
        let Some(Node::List(codings)) = concept.find("coding") else { return None };
        let [Node::Object(coding)] = codings.as_slice() else { return None };
        let is_plain = coding.len() == 2 && said(coding.find("system")) == Some(self.system.as_str());
        said(coding.find("code")).filter(|code| is_plain && self.codes.knows(code))
    }

    /// The concept in a value of the left.
    fn concept_in<'o>(&self, whole: &'o Object) -> Option<&'o Object> {
        match whole.find(&self.part) {
            Some(Node::Object(part)) => self.concept_of(part),
            _ => None,
        }
    }

    fn concept_of<'o>(&self, part: &'o Object) -> Option<&'o Object> {
        match part.find(&self.concept) {
            Some(Node::Object(concept)) => Some(concept),
            _ => None,
        }
    }
}

impl Walk<'_> {
    /// Brings the status of one side to the status and the concept of the other, before the elements are looked at.
    pub(super) fn state_before(&mut self, source: &mut Object, out: &mut Out) -> Result<(), Fault> {
        let way = self.way;
        match way.states.get(&out.from) {
            None => Ok(()),
            Some(state) if way.from == Release::R4 => self.split(state, source, out),
            Some(state) => self.join(state, source, out),
        }
    }

    /// From the left: one status.
    fn join(&mut self, state: &State, source: &mut Object, out: &mut Out) -> Result<(), Fault> {
        if let Some(Node::Object(part)) = source.find(&state.part)
            && part.find("modifierExtension").is_some()
        {
            return Err(self.modifier(&format!("{}.modifierExtension", state.part)));
        }
        match source.find(&state.status) {
            // Whether the statement stands is not said.
            None if source.find(&state.part).is_some() => return Err(self.modifier(&state.status)),
            None => return Ok(()),
            Some(Node::Text(code)) if *code == state.said => {}
            Some(Node::Text(code)) if state.same.contains(code) => {
                return self.keep_member(out.from, &state.part, source, &mut out.kept);
            }
            Some(_) => return Err(self.modifier(&state.status)),
        }
        let concept = state.concept_in(source);
        let (status, is_silent) = (state.status_of(concept), concept.is_none());
        out.state = state.plain_code(concept).map(str::to_owned);
        let is_exact = out.state.as_ref().is_some_and(|code| state.codes.of(code).1 == Exact::Yes);
        source.put(&state.status, Node::Text(status));
        let kept = out.kept.len();
        if self.is_ruled(state, source, out) {
            self.keep_concept(state, source, out, if is_exact { Exact::Yes } else { Exact::No })?;
        } else {
            self.keep_member(out.from, &state.part, source, &mut out.kept)?;
        }
        if is_silent && out.kept.len() == kept {
            // To be told from a concept that says that it is not known.
            out.kept.push(self.kept_code(out.from, &state.status, &state.said));
        }
        Ok(())
    }

    /// Whether all that stands beside the concept has rules of its own.
    fn is_ruled(&self, state: &State, source: &Object, out: &Out) -> bool {
        let Some(Node::Object(part)) = source.find(&state.part) else { return true };
        let rules = self.way.rules(out.from, out.to, &state.part);
        part.members().all(|(name, _)| {
            name == state.concept
                || rules.iter().any(|rule| rule.from.get(1).is_some_and(|step| step.name == name))
        })
    }

    /// Takes the concept out of its part, and keeps it unless the status says it all.
    fn keep_concept(
        &mut self,
        state: &State,
        source: &mut Object,
        out: &mut Out,
        exact: Exact,
    ) -> Result<(), Fault> {
        let Some(Node::Object(part)) = source.find_mut(&state.part) else { return Ok(()) };
        if exact == Exact::Yes {
            part.take(&state.concept);
        } else if let Some(owner) = element(out.from, &state.part).and_then(|found| found.child_type()) {
            let (name, kept) = (state.concept.as_str(), &mut out.kept);
            self.below(&state.part, |walk| walk.keep_member(owner, name, part, kept))?;
        }
        if part.is_empty() {
            source.take(&state.part);
        }
        Ok(())
    }

    /// From the right: a status and a concept.
    fn split(&mut self, state: &State, source: &mut Object, out: &mut Out) -> Result<(), Fault> {
        match source.find(&state.status) {
            None => {}
            Some(Node::Text(code)) if state.same.contains(code) => out.state = Some(code.clone()),
            Some(Node::Text(status)) if state.back.knows(status) => {
                let (code, exact) = state.back.of(status);
                if exact == Exact::No {
                    out.kept.push(self.kept_code(out.from, &state.status, status));
                }
                let coding = Object::new()
                    .with("system", Node::text(state.system.as_str()))
                    .with("code", Node::Text(code));
                let concept = Object::new().with("coding", Node::List(vec![coding.into()]));
                out.object.put(&state.part, Object::new().with(&state.concept, concept.into()).into());
                out.state = Some(status.clone());
                source.put(&state.status, Node::text(state.said.as_str()));
                return Ok(());
            }
            Some(_) => return Err(self.modifier(&state.status)),
        }
        // Without the concept there is no part, and nothing can be in it.
        let way = self.way;
        for rules in way.rules.get(&out.from).into_iter().flat_map(|rules| rules.values()) {
            for rule in rules {
                let is_within =
                    rule.to.len() > 1 && rule.to.first().is_some_and(|step| step.name == state.part);
                if let Some(step) = rule.from.first().filter(|_| is_within) {
                    self.keep_member(out.from, &step.name, source, &mut out.kept)?;
                }
            }
        }
        Ok(())
    }

    /// Takes an element of a value of the type `owner` out, and keeps it in extensions that are added to `kept`.
    fn keep_member(
        &mut self,
        owner: TypeId,
        name: &str,
        whole: &mut Object,
        kept: &mut Vec<Node>,
    ) -> Result<(), Fault> {
        let Some(found) = element(owner, name) else { return Ok(()) };
        let Some(node) = whole.take(name) else { return Ok(()) };
        for field in fields(Object::new().with(name, node)) {
            self.below(name, |walk| {
                let all = items(walk, &found, field)?;
                walk.keep_in(&found, all, kept)
            })?;
        }
        Ok(())
    }

    /// Puts back what an extension kept of a state, where it agrees with what is said there.
    pub(super) fn state_restored(&self, out: &mut Out, path: &[Step], item: &Item) -> Restored {
        let Some(state) = self.way.states.get(&out.from) else { return Restored::NoState };
        let names: Vec<&str> = path.iter().map(|step| step.name.as_str()).collect();
        let is_done = match names.as_slice() {
            [name] if *name == state.status => self.status_restored(state, out, item),
            [name] if *name == state.part && self.way.from == Release::R4 => {
                let is_alone = out.state.as_ref().is_some_and(|status| state.same.contains(status));
                if is_alone {
                    return Restored::NoState;
                }
                part_restored(state, out, item)
            }
            [part, concept] if *part == state.part && *concept == state.concept => {
                concept_restored(state, out, item)
            }
            _ => return Restored::NoState,
        };
        if !is_done {
            return Restored::Differs;
        }
        // One extension is taken at its word, others stay what they are.
        out.state = None;
        Restored::Done
    }

    fn status_restored(&self, state: &State, out: &mut Out, item: &Item) -> bool {
        let (Item::Primitive { value: Some(Node::Text(kept)), beside: None }, Some(told)) =
            (item, out.state.as_ref())
        else {
            return false;
        };
        if self.way.from != Release::R4 {
            let agrees = state.back.knows(kept) && state.back.of(kept) == (told.clone(), Exact::No);
            if agrees {
                // What stands beside the status stays there.
                out.object.put(&state.status, Node::text(kept.as_str()));
            }
            return agrees;
        }
        if *told != state.otherwise || *kept != state.said {
            return false;
        }
        let Some(Node::Object(part)) = out.object.find_mut(&state.part) else { return false };
        part.take(&state.concept);
        if part.is_empty() {
            out.object.take(&state.part);
        }
        true
    }
}

fn part_restored(state: &State, out: &mut Out, item: &Item) -> bool {
    let Item::Complex(Node::Object(kept)) = item else { return false };
    let agrees = out.state.as_ref() == Some(&state.status_of(state.concept_of(kept)));
    match out.object.find_mut(&state.part) {
        Some(Node::Object(part)) if agrees && part.len() == 1 => *part = kept.clone(),
        _ => return false,
    }
    true
}

fn concept_restored(state: &State, out: &mut Out, item: &Item) -> bool {
    let Item::Complex(Node::Object(kept)) = item else { return false };
    let agrees = out.state.as_ref() == Some(&state.status_of(Some(kept)));
    match out.object.find_mut(&state.part) {
        Some(Node::Object(part)) if agrees => part.put(&state.concept, kept.clone().into()),
        _ => return false,
    }
    true
}
