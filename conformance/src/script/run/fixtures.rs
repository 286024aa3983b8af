//! What has to be there before a script runs: fixtures, and a target that the script is for.

use std::sync::Arc;

use bytes::Bytes;

use super::{Format, Runner};
use crate::script::address;
use crate::script::fake;
use crate::script::message::{Head, Message, unversioned};
use crate::script::outcome::{Judgement, Outcome};
use crate::script::plan::{Action, Criterion, Doing, FixtureSource, Plan};
use crate::script::session::Session;

impl Runner {
    /// Why the script is not run against this target, if it is not.
    pub(super) async fn not_for_it(&self, plan: &Plan) -> Option<Judgement> {
        if let Some(capability) = plan.capabilities.iter().find(|capability| capability.validated) {
            let statement = capability.statement.as_deref().unwrap_or("nothing");
            return Some(Judgement::unsupported(format!(
                "metadata.capability that is validated against {statement}"
            )));
        }
        self.gate(&plan.requires, &[]).await
    }

    /// Why something that requires this of the target, and these versions of FHIR, is not run.
    pub(super) async fn gate(&self, requires: &[String], versions: &[String]) -> Option<Judgement> {
        if requires.is_empty() && versions.is_empty() {
            return None;
        }
        let stated = self.stated.get_or_init(|| self.ask_what_it_is()).await.clone();
        let Some(root) = stated.as_ref().and_then(|stated| stated.root().ok()) else {
            return Some(Judgement::skip("the target states no capabilities, and the script goes by them"));
        };
        let version = root.child_text("fhirVersion").unwrap_or_default();
        let fits = |wanted: &String| version == wanted || version.starts_with(&format!("{wanted}."));
        if !versions.is_empty() && !versions.iter().any(fits) {
            return Some(Judgement::skip(format!("for FHIR {} only", versions.join(", "))));
        }
        for expression in requires {
            match self.expressions.evaluate(expression, root) {
                Ok(found) if found.is_true() => {}
                Ok(_) => return Some(Judgement::skip(format!("not advertised: {expression}"))),
                Err(failed) => return Some(super::nested::failed(&failed)),
            }
        }
        None
    }

    /// The version of FHIR of the target, if the script asserts that something conforms to a profile.
    pub(super) async fn version_for_profiles(&self, plan: &Plan) -> Option<String> {
        let validates = |action: &Action| match &action.doing {
            Doing::Assert(assertion) => assertion
                .criteria
                .iter()
                .any(|criterion| matches!(criterion, Criterion::ValidateProfileId(_))),
            Doing::Operation(_) | Doing::Broken(_) => false,
        };
        if !plan.actions().any(validates) {
            return None;
        }
        let stated = self.stated.get_or_init(|| self.ask_what_it_is()).await.clone();
        stated?.root().ok()?.child_text("fhirVersion").map(str::to_owned)
    }

    async fn ask_what_it_is(&self) -> Option<Arc<Message>> {
        let base = self.road.first()?;
        let answer = self.road.ask(&self.plain("GET", &base, "metadata", Bytes::new())).await.ok()?;
        (answer.status() == Some(200)).then(|| Arc::new(answer))
    }

    /// A request that no script words.
    fn plain(&self, method: &str, base: &str, path: &str, body: Bytes) -> Message {
        let kind = match self.options.format {
            Format::Json => "application/fhir+json",
            Format::Xml => "application/fhir+xml",
        };
        let mut headers = vec![("Accept".to_owned(), kind.to_owned())];
        if !body.is_empty() {
            let own = if body.trim_ascii_start().starts_with(b"<") {
                "application/fhir+xml"
            } else {
                "application/fhir+json"
            };
            headers.push(("Content-Type".to_owned(), own.to_owned()));
        }
        let url = format!("{base}/{path}");
        headers.extend(self.road.authorization(&url).map(|token| ("Authorization".to_owned(), token)));
        let head = Head::Request { method: method.to_owned(), url, base: base.to_owned() };
        Message::new(head, headers, body)
    }

    /// Reads every fixture.
    pub(super) async fn load(&self, plan: &Plan, session: &mut Session<'_>) -> Result<(), Judgement> {
        for fixture in &plan.fixtures {
            if session.held.contains_key(&fixture.id) {
                continue;
            }
            let bytes = match &fixture.source {
                FixtureSource::Later | FixtureSource::Part { .. } => continue,
                FixtureSource::Held(bytes) => bytes.clone(),
                // What cannot be made up is said where it is used.
                FixtureSource::Fake(kind) => match fake::resource(kind) {
                    Some(made_up) => Bytes::from(made_up),
                    None => continue,
                },
                FixtureSource::Reference(reference) => {
                    let reference =
                        session.fill(reference).map_err(|missing| Judgement::error(missing.to_string()))?;
                    self.referenced(plan, &reference).await.map_err(|mut judged| {
                        judged.message = format!("the fixture {}: {}", fixture.id, judged.message);
                        judged
                    })?
                }
            };
            session.held.insert(fixture.id.clone(), Arc::new(Message::fixture(bytes)));
        }
        Ok(())
    }

    async fn referenced(&self, plan: &Plan, reference: &str) -> Result<Bytes, Judgement> {
        let remote = address::is_remote(reference);
        let found = if remote { None } else { Some(self.library.resolve(&plan.file, reference)) };
        match found {
            Some(Ok(file)) => {
                return self.library.read(&file).map_err(|bad| Judgement::error(bad.to_string()));
            }
            Some(Err(bad)) if !address::is_reference(reference) => {
                return Err(Judgement::error(bad.to_string()));
            }
            Some(Err(_)) | None => {}
        }
        // A resource that the target holds.
        let Some(base) = self.road.first() else {
            return Err(Judgement::error("there is no system to read it from"));
        };
        let path = match reference.strip_prefix(&base) {
            Some(below) => below.trim_start_matches('/'),
            None if remote => {
                return Err(Judgement::error("it lies on a host that no --base and no --system names"));
            }
            None => reference,
        };
        let answer = self.road.ask(&self.plain("GET", &base, path, Bytes::new())).await;
        let answer = answer.map_err(|trouble| Judgement::error(trouble.to_string()))?;
        match answer.status() {
            Some(200) => Ok(answer.body),
            Some(status) => {
                Err(Judgement::error(format!("neither a file nor on the target, which answered {status}")))
            }
            None => Err(Judgement::error("neither a file nor on the target")),
        }
    }

    /// Creates what is to be created before the setup.
    pub(super) async fn autocreate(&self, plan: &Plan, session: &mut Session<'_>) -> Judgement {
        for fixture in plan.fixtures.iter().filter(|fixture| fixture.autocreate) {
            let message = match session.message(&fixture.id) {
                Ok(Some(message)) => message,
                Ok(None) => {
                    return Judgement::error(format!("the fixture {} to create holds nothing", fixture.id));
                }
                Err(missing) => return Judgement::error(missing.to_string()),
            };
            let (Some(base), Some(kind)) = (self.road.first(), message.resource_type()) else {
                return Judgement::error(format!(
                    "the fixture {} cannot be created: it is no resource",
                    fixture.id
                ));
            };
            match self.road.ask(&self.plain("POST", &base, kind, message.body.clone())).await {
                Ok(answer) if answer.status().is_some_and(|status| status < 300) => {
                    session.answered += 1;
                    if let Some(there) = answer.location().or_else(|| answer.own_reference()) {
                        session.created = Some(there.clone());
                        session.on_server.insert(fixture.id.clone(), there);
                    }
                }
                Ok(answer) => {
                    session.answered += 1;
                    let status = answer.status().unwrap_or_default();
                    let text = format!("the fixture {} was not created: answered with {status}", fixture.id);
                    return Judgement::new(Outcome::Fail, text);
                }
                Err(trouble) => {
                    session.unanswered += 1;
                    return Judgement::error(format!(
                        "the fixture {} was not created: {trouble}",
                        fixture.id
                    ));
                }
            }
        }
        Judgement::pass()
    }

    /// Deletes what is to be deleted after the teardown; what fails does not count.
    pub(super) async fn autodelete(&self, plan: &Plan, session: &Session<'_>) {
        for fixture in plan.fixtures.iter().rev().filter(|fixture| fixture.autodelete) {
            let there = session.on_server.get(&fixture.id);
            if let (Some(there), Some(base)) = (there, self.road.first()) {
                drop(self.road.ask(&self.plain("DELETE", &base, unversioned(there), Bytes::new())).await);
            }
        }
    }
}
