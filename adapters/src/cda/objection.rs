//! What a statement says against itself: that it is not so, has not happened, may not be so, or holds elsewhere.
//!
//! A rule that has a place for it says it; no other rule makes anything of such a statement, for what it made would say
//! the opposite. The narrative still tells it, and the losses name it.

use super::engine::Draft;
use super::maps::{From, Negation, Rule};
use super::path::Step;
use super::qualified::Qualified;
use super::source::{Element, Space, is_negation};

const STATEMENTS: [&str; 8] = [
    "act",
    "encounter",
    "observation",
    "observationMedia",
    "organizer",
    "procedure",
    "substanceAdministration",
    "supply",
];

/// Why a rule may make nothing of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Objection {
    /// It is not so (`negationInd`), and the rule does not say that of it.
    Negated,
    /// It is planned, asked for, feared or the like, and the rule is about something else.
    Mood,
    /// It is not certain, and the rule does not say that of it.
    Uncertain,
    /// A qualifier of its code says that it is absent, past or somebody else's.
    Context,
}

impl<'x, 't> Draft<'x, 't> {
    /// Why `rule` may make nothing of `element`.
    pub(super) fn objection(&self, rule: &'x Rule, element: Element<'t>) -> Option<Objection> {
        let mood = element.peek("moodCode").unwrap_or("-");
        let is_other_mood = if rule.moods.is_empty() {
            !element.has_happened()
        } else {
            !rule.moods.iter().any(|held| held == mood)
        };
        if is_other_mood {
            return Some(Objection::Mood);
        }
        if element.is_negated() && !self.says_negation(rule, element) {
            return Some(Objection::Negated);
        }
        // Only statements are uncertain or have a context; the rest needs no look.
        if !STATEMENTS.contains(&element.name()) {
            return None;
        }
        for child in element.children().filter(|child| child.space() == Space::V3) {
            match child.name() {
                "uncertaintyCode" if !self.says_uncertainty(rule, element, child) => {
                    return Some(Objection::Uncertain);
                }
                "code" | "value" if self.known.qualified(child) == Qualified::Elsewhere => {
                    return Some(Objection::Context);
                }
                _ => {}
            }
        }
        None
    }

    fn says_negation(&self, rule: &'x Rule, element: Element<'t>) -> bool {
        let is_plain = matches!(element.peek("negationInd"), Some("true" | "1"));
        let negations = element.attributes().iter().filter(|attribute| is_negation(attribute.name));
        is_plain
            && negations.count() == 1
            && rule.negation == Negation::Said
            && rule.rows.iter().any(|row| match &row.from {
                From::Path(path, _) => {
                    path.steps.is_empty()
                        && path.attribute.as_deref() == Some("negationInd")
                        && self.holds(row, element)
                }
                From::Fixed(_) => false,
            })
    }

    fn says_uncertainty(&self, rule: &'x Rule, element: Element<'t>, said: Element<'t>) -> bool {
        match said.peek("code") {
            None => true,
            Some("N") => {
                said.mark(&["code"]);
                self.known.say_system(said, "uncertain");
                true
            }
            Some("U") => rule.rows.iter().any(|row| match &row.from {
                From::Path(path, _) => {
                    matches!(path.steps.first(), Some(Step::Child(named)) if named.name == said.name())
                        && self.holds(row, element)
                }
                From::Fixed(_) => false,
            }),
            Some(_) => false,
        }
    }
}
