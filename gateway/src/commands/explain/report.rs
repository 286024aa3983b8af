//! The ruling in plain text: a line for each rule, in the order of decision.

use std::io::{self, Write};

use super::asked::{Asked, Kind, organisation};
use super::rules::{AdmitRule, PersonRule, Rule};
use super::words;
use crate::agreement::Existence;
use crate::commands::Exit;
use crate::commands::check::seen;
use crate::decision::evidence::Evidence;
use crate::decision::facts::PersonEvidence;
use crate::decision::own::AdmittedOwn;
use crate::decision::refusal::Refusal;
use crate::decision::ruling::{Admitted, Answer, LabelsOfAgreement, Obligations, Permit, Question, Ruling};
use crate::enforce::release::Minimised;
use crate::outcome::{Ended, Ending};
use crate::register::published::kinds;
use crate::settings::Settings;

/// Writes the report of one question.
pub(super) struct Report<'a> {
    out: &'a mut dyn Write,
    settings: &'a Settings,
    who: String,
    what: String,
    at: String,
}

/// What became of a rule.
enum Outcome {
    Held,
    Failed,
    Jumped,
    Open,
}

type Reported = io::Result<Exit>;

impl<'a> Report<'a> {
    /// A report of this question.
    pub(super) fn of(question: &Question, settings: &'a Settings, out: &'a mut dyn Write) -> Self {
        let who = words::who(&question.requestor.party, settings);
        let what = words::what(&question.interaction);
        Self { out, settings, who, what, at: question.at.to_string() }
    }

    /// A question about the gateway's own resources.
    pub(super) fn own(&mut self, admitted: Result<AdmittedOwn, Refusal>) -> Reported {
        self.head()?;
        match admitted {
            Ok(_) => {
                self.line(
                    &Outcome::Held,
                    "own resource",
                    "this requestor may ask for it; whom it is about is looked at next",
                )?;
                self.end(None)
            }
            Err(refusal) => {
                self.line(&Outcome::Failed, "own resource", &words::why(&refusal))?;
                self.end(Some(&refusal))
            }
        }
    }

    /// A question that the rules refuse before any system is asked.
    pub(super) fn refused(&mut self, asked: &Asked, refusal: &Refusal) -> Reported {
        self.head()?;
        self.section("Before any system is asked")?;
        let mut reached = true;
        for rule in AdmitRule::ALL.into_iter().filter(|rule| rule.applies_to(asked.kind)) {
            if Rule::of(refusal) == Rule::Admit(rule) {
                self.line(&Outcome::Failed, rule.name(), &words::failed(rule, asked, refusal))?;
                reached = false;
            } else if reached {
                self.line(&Outcome::Held, rule.name(), &words::held_by_rule(rule, asked))?;
            } else {
                self.line(&Outcome::Open, rule.name(), "not reached")?;
            }
        }
        self.end(Some(refusal))
    }

    /// A question that the rules admit, and no evidence.
    pub(super) fn without_evidence(&mut self, asked: &Asked, admitted: &Admitted) -> Reported {
        self.head()?;
        self.admitted(asked, admitted)?;
        if asked.kind == Kind::Metadata {
            return self.end(None);
        }
        self.section("For each person: evidence is needed, and none was given")?;
        for rule in PersonRule::ALL {
            self.line(&Outcome::Open, rule.name(), &words::needed(rule, admitted, self.settings))?;
        }
        self.shared(asked, admitted, None)?;
        writeln!(self.out, "\nRuling: refused, because nothing is assumed. Give --evidence to rule on it.")?;
        Ok(Exit::Finding)
    }

    /// The ruling about each person; the first refusal comes back.
    pub(super) fn persons(
        &mut self,
        asked: &Asked,
        ruling: &Ruling,
        evidence: &Evidence,
    ) -> io::Result<Option<Refusal>> {
        self.head()?;
        let admitted = ruling.admitted();
        self.admitted(asked, admitted)?;
        let mut refused = None;
        for (key, person) in evidence.persons() {
            self.section(&words::named(key, evidence))?;
            // Who is somebody's kin and nothing else is asked as that.
            let answer = match person.met.is_in_person() {
                true => ruling.answers().get(key),
                false => ruling.answer_as_kin(key),
            };
            match answer {
                Some(Answer::Permit(permit)) => {
                    self.permitted(admitted, person, permit)?;
                    self.shared(asked, admitted, Some(permit.obligations()))?;
                }
                Some(Answer::Refusal(refusal)) => {
                    self.person_refused(admitted, person, refusal)?;
                    refused.get_or_insert_with(|| refusal.clone());
                }
                None => {}
            }
        }
        Ok(refused)
    }

    /// What becomes of the resources that the evidence holds.
    pub(super) fn resources(
        &mut self,
        minimised: &Result<Minimised, Ended>,
        refused: Option<&Refusal>,
    ) -> Reported {
        let persons = match minimised {
            Ok(minimised) => minimised.persons(),
            Err(ended) => ended.records.persons.as_slice(),
        };
        self.section("Resources of the evidence that are asked for")?;
        let mut any = false;
        for person in persons {
            for resource in &person.resources {
                self.line(&Outcome::Held, "leaves, minimised", resource)?;
                any = true;
            }
            for (what, count) in &person.withheld {
                let detail = format!("{what} ({count})");
                self.line(&Outcome::Open, "kept back", &detail)?;
                any = true;
            }
        }
        if !any {
            self.line(&Outcome::Open, "none about a person", "")?;
        }
        match minimised {
            Ok(_) => self.end(refused),
            Err(Ended { ending: Ending::Refused(refusal, existence), .. }) => {
                let exit = self.end(Some(refusal))?;
                if *existence == Existence::Withheld && !refusal.is_by_rule() {
                    writeln!(self.out, "The caller is told that there is nothing.")?;
                }
                Ok(exit)
            }
            Err(ended) => {
                writeln!(self.out, "\nRuling: nothing is shared, {}", ended.ending)?;
                Ok(Exit::Finding)
            }
        }
    }

    fn head(&mut self) -> io::Result<()> {
        writeln!(self.out, "Who    {}\nWhat   {}\nWhen   {}", self.who, self.what, self.at)
    }

    fn section(&mut self, title: &str) -> io::Result<()> {
        writeln!(self.out, "\n{title}")
    }

    fn line(&mut self, outcome: &Outcome, rule: &str, detail: &str) -> io::Result<()> {
        let outcome = match outcome {
            Outcome::Held => "held",
            Outcome::Failed => "FAILED",
            Outcome::Jumped => "jumped",
            Outcome::Open => "-",
        };
        let line = format!("  {outcome:<7} {rule:<24} {detail}");
        writeln!(self.out, "{}", line.trim_end())
    }

    /// The last line.
    pub(super) fn end(&mut self, refusal: Option<&Refusal>) -> Reported {
        match refusal {
            None => {
                writeln!(self.out, "\nRuling: permitted")?;
                Ok(Exit::Held)
            }
            Some(refusal) => {
                writeln!(
                    self.out,
                    "\nRuling: refused, {} ({})",
                    refusal.reason(),
                    refusal.spine_code().code()
                )?;
                Ok(Exit::Finding)
            }
        }
    }

    fn admitted(&mut self, asked: &Asked, admitted: &Admitted) -> io::Result<()> {
        self.section("Before any system is asked")?;
        for rule in AdmitRule::ALL.into_iter().filter(|rule| rule.applies_to(asked.kind)) {
            self.line(&Outcome::Held, rule.name(), &words::held(rule, asked, admitted))?;
        }
        Ok(())
    }

    fn permitted(&mut self, admitted: &Admitted, person: &PersonEvidence, permit: &Permit) -> io::Result<()> {
        let overrode = &permit.basis().overrode;
        let jumped = |refusal: &Refusal| overrode.contains(&refusal.reason());
        for rule in PersonRule::ALL {
            let detail = words::permitted_by(rule, person, permit);
            let has_jumped = match rule {
                PersonRule::Relationship => jumped(&Refusal::NoLegitimateRelationship),
                PersonRule::Consent => jumped(&Refusal::ConsentDenied),
                PersonRule::Implied => jumped(&Refusal::ImpliedConsentDoesNotCover),
                PersonRule::Labels => permit.obligations().labels == LabelsOfAgreement::Overridden,
                PersonRule::Known | PersonRule::Shield | PersonRule::OptOut | PersonRule::Minimum => false,
            };
            let outcome = if has_jumped { Outcome::Jumped } else { Outcome::Held };
            self.line(&outcome, rule.name(), &detail)?;
        }
        if let Some(taken) = admitted.override_() {
            let purpose = taken.purpose;
            writeln!(
                self.out,
                "  An override is in play: {} ({purpose}); its reason is recorded and shown to her",
                purpose.display()
            )?;
        }
        Ok(())
    }

    fn person_refused(
        &mut self,
        admitted: &Admitted,
        person: &PersonEvidence,
        refusal: &Refusal,
    ) -> io::Result<()> {
        let mut reached = true;
        for rule in PersonRule::ALL {
            if Rule::of(refusal) == Rule::Person(rule) {
                let to = organisation(&admitted.parties().recipient, self.settings);
                self.line(&Outcome::Failed, rule.name(), &words::failed_for(rule, person, &to, refusal))?;
                reached = false;
            } else if reached {
                self.line(&Outcome::Held, rule.name(), "")?;
            } else {
                self.line(&Outcome::Open, rule.name(), "not reached")?;
            }
        }
        Ok(())
    }

    /// What leaves, by the rules of the block, and what obligations keep back of it.
    fn shared(
        &mut self,
        asked: &Asked,
        admitted: &Admitted,
        obligations: Option<&Obligations>,
    ) -> io::Result<()> {
        let Some(resource_type) = asked.resource_type else { return Ok(()) };
        writeln!(self.out, "\n  What may leave, element by element; all else is withheld")?;
        for kind in kinds(admitted.share()).iter().filter(|kind| kind.resource_type == resource_type.name()) {
            seen(self.out, kind)?;
        }
        let Some(obligations) = obligations else { return Ok(()) };
        if obligations.shielded {
            writeln!(
                self.out,
                "      withheld: everything that tells where she is, because she is shielded"
            )?;
        }
        for rule in &obligations.exclude {
            writeln!(self.out, "      withheld, because she has denied it: {}", words::data(&rule.rule))?;
        }
        for rule in &obligations.only {
            writeln!(self.out, "      only, because she has permitted no more: {}", words::data(rule))?;
        }
        Ok(())
    }
}
