//! Scripts about an exchange that they do not begin: they ask for nothing and judge what a client sent and was answered
//! (Asbestos' tests of clients, where the two are called `request` and `response`).

use std::sync::Arc;

use super::Runner;
use crate::script::intercept::Expected;
use crate::script::outcome::Judgement;
use crate::script::plan::{Action, Assertion, Criterion, Doing, FixtureSource, Plan};
use crate::script::session::Session;

/// What the exchange is called.
const EXCHANGE: [&str; 2] = ["request", "response"];

impl Runner {
    /// Waits for what the client under test sends, if the script is about that.
    pub(super) async fn what_a_client_sends(
        &self,
        plan: &Plan,
        session: &mut Session<'_>,
        depth: usize,
    ) -> Result<(), Judgement> {
        // A module is given the exchange by whoever runs it.
        if depth > 0 || !judges_an_exchange(plan) {
            return Ok(());
        }
        let base =
            self.road.first().ok_or_else(|| Judgement::error("there is no system to ask: give --base"))?;
        match self.wait_for_client(Expected::NoMetadata, &base).await {
            Ok((request, response)) => {
                session.answered += 1;
                session.request = Some(Arc::new(request));
                session.response = Some(Arc::new(response));
                Ok(())
            }
            Err(trouble) => Err(Judgement::error(trouble.to_string())),
        }
    }
}

/// Whether the exchange is looked at before the script, or a module that it runs, can have asked for anything.
fn judges_an_exchange(plan: &Plan) -> bool {
    let filled = |id: &str| plan.actions().any(|action| fills(action, id));
    let is_exchange = |id: &str| EXCHANGE.contains(&id) && !filled(id) && !is_fixture(plan, id);
    for action in plan.actions() {
        let (looks, asks) = match &action.doing {
            Doing::Operation(operation) => {
                let taken = operation.import.iter().flat_map(|import| &import.fixtures_in);
                (taken.map(|id| whole(plan, id)).any(is_exchange), true)
            }
            Doing::Assert(assertion) => (looked_at(assertion).any(|id| is_exchange(whole(plan, id))), false),
            Doing::Broken(_) => (false, false),
        };
        if looks || asks {
            return looks;
        }
    }
    false
}

fn fills(action: &Action, id: &str) -> bool {
    let Doing::Operation(operation) = &action.doing else { return false };
    [&operation.response_id, &operation.request_id].into_iter().flatten().any(|held| held == id)
}

fn is_fixture(plan: &Plan, id: &str) -> bool {
    plan.fixtures.iter().any(|fixture| fixture.id == id)
}

/// What a fixture is a part of, or itself.
fn whole<'p>(plan: &'p Plan, id: &'p str) -> &'p str {
    let part = plan.fixtures.iter().find(|fixture| fixture.id == id).map(|fixture| &fixture.source);
    if let Some(FixtureSource::Part { of, .. }) = part { of } else { id }
}

fn looked_at(assertion: &Assertion) -> impl Iterator<Item = &str> {
    let compared = assertion.criteria.iter().filter_map(|criterion| match criterion {
        Criterion::CompareExpression { source_id, .. } | Criterion::ComparePath { source_id, .. } => {
            Some(source_id.as_str())
        }
        Criterion::Response(_)
        | Criterion::ResponseCode(_)
        | Criterion::Resource(_)
        | Criterion::ContentType(_)
        | Criterion::HeaderField(_)
        | Criterion::Expression(_)
        | Criterion::Path(_)
        | Criterion::MinimumId(_)
        | Criterion::NavigationLinks(_)
        | Criterion::ValidateProfileId(_)
        | Criterion::RequestMethod(_)
        | Criterion::RequestUrl(_)
        | Criterion::Rule(_)
        | Criterion::QueryParameter { .. }
        | Criterion::Subtest(_) => None,
    });
    assertion.source_id.as_deref().into_iter().chain(compared)
}
