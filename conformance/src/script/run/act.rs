//! The actions of a setup, a test or a teardown, one after the other.

use std::collections::{HashMap, HashSet};
use std::time::Instant;

use super::{Runner, title};
use crate::script::evaluate::evaluate;
use crate::script::operator::Operator;
use crate::script::outcome::{Act, ActionRun, Judgement, Outcome, ScriptRun, TestRun};
use crate::script::plan::{Action, Assertion, Completion, Criterion, Doing, Test, WhenWrong};
use crate::script::session::Session;

/// Whether the test goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    GoesOn,
    Ends,
}

impl Runner {
    pub(super) async fn part<'a>(
        &'a self,
        test: &Test,
        actions: &'a [Action],
        session: &mut Session<'a>,
        depth: usize,
    ) -> TestRun {
        let began = Instant::now();
        let mut done: Vec<ActionRun> = Vec::new();
        let mut next = Next::GoesOn;
        for (at, action) in actions.iter().enumerate() {
            if next == Next::Ends {
                done.push(recorded(action, Judgement::skip("the test had ended"), Vec::new()));
                continue;
            }
            let judged_next = actions.get(at + 1).is_some_and(|next| matches!(next.doing, Doing::Assert(_)));
            let (mut judged, within) = self.act(action, session, depth).await;
            if let Some(status) =
                session.failed_with.take().filter(|_| !judged_next && judged.outcome == Outcome::Pass)
            {
                judged =
                    Judgement::fail(format!("answered with {status}, and no assert says that it should be"));
            }
            let judged = weighed(action, judged, &within, session);
            next = after(action, &judged);
            if judged.outcome == Outcome::Skip && action.when_wrong == WhenWrong::EndsTest {
                next = Next::Ends;
            }
            done.push(recorded(action, judged, within));
        }
        close_groups(actions, &mut done);
        let outcome = done.iter().map(|action| action.outcome).max().unwrap_or(Outcome::Skip);
        TestRun {
            name: title(test),
            description: test.description.clone(),
            outcome,
            message: String::new(),
            actions: done,
            took: began.elapsed(),
        }
    }

    async fn act<'a>(
        &'a self,
        action: &'a Action,
        session: &mut Session<'a>,
        depth: usize,
    ) -> (Judgement, Vec<ScriptRun>) {
        if let Some(what) = &action.unsupported {
            return (Judgement::unsupported(what), Vec::new());
        }
        match &action.doing {
            Doing::Broken(why) => (Judgement::error(*why), Vec::new()),
            Doing::Operation(operation) => match &operation.import {
                Some(import) => self.import(import, session, depth).await,
                None => (self.operate(operation, session).await, Vec::new()),
            },
            Doing::Assert(assertion) => {
                let subtest = assertion.criteria.iter().find_map(Criterion::subtest);
                match subtest {
                    Some(subtest) => {
                        let (judged, within) = self.subtest(assertion, subtest, session, depth).await;
                        let soft = assertion.warning_only && judged.outcome == Outcome::Fail;
                        let outcome = if soft { Outcome::Warning } else { judged.outcome };
                        (Judgement { outcome, ..judged }, within)
                    }
                    None => (evaluate(assertion, self.view(session)), Vec::new()),
                }
            }
        }
    }
}

/// What an outcome means where a failure was expected, ends the test or wants a person.
fn weighed(action: &Action, judged: Judgement, within: &[ScriptRun], session: &Session<'_>) -> Judgement {
    let wrong = matches!(judged.outcome, Outcome::Fail | Outcome::Warning);
    match &action.when_wrong {
        WhenWrong::Counts => judged,
        WhenWrong::EndsTest if wrong => {
            Judgement::skip("the condition does not hold: the rest of the test is left out")
        }
        WhenWrong::EndsTest => judged,
        WhenWrong::WantsReview if wrong => Judgement { outcome: Outcome::Warning, ..judged },
        WhenWrong::WantsReview => judged,
        WhenWrong::Expected(ids) => expected(ids.as_ref().map(|ids| session.fill(ids)), judged, within),
    }
}

fn expected(
    ids: Option<Result<String, crate::script::session::NoValue>>,
    judged: Judgement,
    within: &[ScriptRun],
) -> Judgement {
    let ids = match ids {
        Some(Err(missing)) => return Judgement::error(missing.to_string()),
        Some(Ok(ids)) => ids,
        None => String::new(),
    };
    let wanted: Vec<&str> = ids.split(',').map(str::trim).filter(|id| !id.is_empty()).collect();
    let failed: HashSet<&str> = within
        .iter()
        .flat_map(ScriptRun::actions)
        .filter(|action| action.outcome == Outcome::Fail)
        .filter_map(|action| action.id.as_deref())
        .collect();
    let missed: Vec<&str> = wanted.iter().copied().filter(|id| !failed.contains(id)).collect();
    match judged.outcome {
        Outcome::Error => judged,
        Outcome::Fail if missed.is_empty() => Judgement::new(Outcome::Pass, "it failed, as it should"),
        Outcome::Skip | Outcome::Pass | Outcome::Warning | Outcome::Fail if wanted.is_empty() => {
            Judgement::fail("it should have failed")
        }
        Outcome::Skip | Outcome::Pass | Outcome::Warning | Outcome::Fail => {
            Judgement::fail(format!("these should have failed: {}", missed.join(", ")))
        }
    }
}

fn after(action: &Action, judged: &Judgement) -> Next {
    let stops = match &action.doing {
        Doing::Operation(_) | Doing::Broken(_) => true,
        Doing::Assert(assertion) => assertion.stop,
    };
    let by_hand = matches!(&action.doing, Doing::Assert(assertion)
        if assertion.operator == Some(Operator::ManualEval) && assertion.completion == Completion::Stop);
    if by_hand {
        return Next::Ends;
    }
    match judged.outcome {
        Outcome::Fail | Outcome::Error if stops => Next::Ends,
        Outcome::Fail | Outcome::Error | Outcome::Warning | Outcome::Pass | Outcome::Skip => Next::GoesOn,
    }
}

/// Of the asserts of one any-of group one has to hold; then none of the others counts.
fn close_groups(actions: &[Action], done: &mut [ActionRun]) {
    let group = |action: &Action| match &action.doing {
        Doing::Assert(assertion) => assertion.any_of.clone(),
        Doing::Operation(_) | Doing::Broken(_) => None,
    };
    let mut held: HashMap<String, bool> = HashMap::new();
    for (action, run) in actions.iter().zip(done.iter()) {
        if let Some(group) = group(action) {
            let entry = held.entry(group).or_insert(false);
            *entry |= run.outcome == Outcome::Pass;
        }
    }
    for (action, run) in actions.iter().zip(done.iter_mut()) {
        let Some(group) = group(action) else { continue };
        let failed = matches!(run.outcome, Outcome::Fail | Outcome::Warning);
        match held.get(&group) {
            Some(true) if failed => {
                run.outcome = Outcome::Skip;
                run.message = format!("another of {group} holds");
            }
            Some(false) if failed => {
                run.outcome = Outcome::Fail;
                run.message = format!("none of {group} holds; {}", run.message);
            }
            Some(_) | None => {}
        }
    }
}

fn recorded(action: &Action, judged: Judgement, within: Vec<ScriptRun>) -> ActionRun {
    let (act, fallback, requirements) = match &action.doing {
        Doing::Operation(operation) => {
            let code = operation.code.as_deref().or(operation.method.as_ref().map(|method| method.text()));
            let kind = operation.resource.as_ref().map_or("", |kind| kind.text());
            (Act::Operation, format!("{} {kind}", code.unwrap_or("request")), Vec::new())
        }
        Doing::Assert(assertion) => (Act::Assert, summary(assertion), assertion.requirements.clone()),
        Doing::Broken(_) => (Act::Operation, "nothing".to_owned(), Vec::new()),
    };
    let label = [&action.description, &action.label].into_iter().flatten().next().cloned();
    ActionRun {
        act,
        place: action.place.clone(),
        id: action.id.clone(),
        label: label.unwrap_or_else(|| fallback.trim_end().to_owned()),
        outcome: judged.outcome,
        message: judged.message,
        details: judged.details,
        requirements,
        within,
    }
}

fn summary(assertion: &Assertion) -> String {
    let names: Vec<&str> = assertion.criteria.iter().map(Criterion::name).collect();
    format!("assert {}", names.join(", "))
}
