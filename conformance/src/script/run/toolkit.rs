//! What scripts ask of the toolkit that they were written for (NIST Asbestos), as far as it is about files of the
//! scripts' folder: `ftkLoadFixture` answers with a fixture as if it were a server. `eventPart` answers with what a test that was
//! run before by the same runner was answered.

use std::sync::{Arc, PoisonError};

use bytes::Bytes;

use super::Runner;
use crate::script::message::{Head, Message};
use crate::script::outcome::Judgement;
use crate::script::plan::Operation;
use crate::script::session::Session;
use crate::script::template::Template;

/// The operations that mean the toolkit itself, and the header that says what is asked of it.
pub(crate) const CODES: [&str; 2] = ["internalFtkRequest", EVENT];
const EVENT: &str = "eventPart";
const HEADER: &str = "x-internalFtkRequestCode";

impl Runner {
    /// Does what is asked of the toolkit.
    pub(super) fn ask_toolkit(&self, operation: &Operation, session: &mut Session<'_>) -> Judgement {
        let answer = match operation.code.as_deref() {
            Some(EVENT) => self.before(operation, session),
            _ => self.answer(operation, session),
        };
        match answer {
            Ok(message) => {
                let message = Arc::new(message);
                if let Some(id) = &operation.response_id {
                    session.held.insert(id.clone(), Arc::clone(&message));
                }
                session.failed_with = None;
                session.response = Some(message);
                Judgement::pass()
            }
            Err(judged) => judged,
        }
    }

    /// Keeps what a module was answered for tests that come later.
    pub(super) fn remember(&self, module: &str, session: &Session<'_>) {
        if let Some(response) = &session.response {
            let key = (place(session, 0), module.to_owned());
            self.answers.lock().unwrap_or_else(PoisonError::into_inner).insert(key, Arc::clone(response));
        }
    }

    /// What a module of a test was answered before.
    fn before(&self, operation: &Operation, session: &Session<'_>) -> Result<Message, Judgement> {
        let url = operation.url.as_ref().map(|url| session.fill(url)).transpose();
        let url = url.map_err(|missing| Judgement::error(missing.to_string()))?.unwrap_or_default();
        let (test, query) = url.split_once('?').unwrap_or((&url, ""));
        let of = |wanted: &str| {
            query
                .split('&')
                .filter_map(|pair| pair.split_once('='))
                .find(|(name, _)| *name == wanted)
                .map(|(_, held)| held)
        };
        if of("return") != Some("responseBody") {
            return Err(Judgement::unsupported(
                "a part of an earlier test other than the body of its answer",
            ));
        }
        let mut parts = test.trim_matches('/').rsplit('/');
        let name = parts.next().unwrap_or_default();
        // A collection that is named by its properties is the script's own.
        let own = place(session, 1);
        let collection = parts.next().filter(|collection| !collection.starts_with("#{")).unwrap_or(&own);
        let key = (format!("{collection}/{name}"), of("module").unwrap_or_default().to_owned());
        let held = self.answers.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        let held =
            held.ok_or_else(|| Judgement::error(format!("the test {} has to be run before", key.0)))?;
        Ok(Message::new(held.head.clone(), held.headers.clone(), held.body.clone()))
    }

    fn answer(&self, operation: &Operation, session: &Session<'_>) -> Result<Message, Judgement> {
        let fill = |template: &Template| {
            session.fill(template).map_err(|missing| Judgement::error(missing.to_string()))
        };
        let mut asked = String::new();
        for (field, value) in &operation.headers {
            if field.text().eq_ignore_ascii_case(HEADER) {
                asked = fill(value)?;
            }
        }
        if asked != "ftkLoadFixture" {
            return Err(Judgement::unsupported(format!("asking the toolkit of Asbestos for {asked}")));
        }
        let url = operation.url.as_ref().map(fill).transpose()?.unwrap_or_default();
        let mut parameters: Vec<(&str, &str)> = Vec::new();
        for pair in url.trim_start_matches('?').split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            if !["fixtureId", "baseTestCollection", "baseTestName"].contains(&name) {
                return Err(Judgement::unsupported(format!("the parameter {name} of a fixture of Asbestos")));
            }
            parameters.push((name, value));
        }
        let of = |wanted: &str| parameters.iter().find(|(name, _)| *name == wanted).map(|(_, value)| *value);
        let id =
            of("fixtureId").ok_or_else(|| Judgement::error("no fixtureId says which fixture is meant"))?;
        let mut places = vec![format!("Bundle/{id}"), format!("../Common/Bundle/{id}")];
        if let Some(collection) = of("baseTestCollection") {
            let own = session
                .top
                .parent()
                .and_then(|folder| folder.file_name())
                .unwrap_or_default()
                .to_string_lossy();
            let test = of("baseTestName").unwrap_or(&own);
            places.push(format!("../../{collection}/{test}/Bundle/{id}"));
            places.push(format!("../../{collection}/Common/Bundle/{id}"));
        }
        let found = places.iter().find_map(|place| self.library.resolve(&session.top, place).ok());
        let file = found.ok_or_else(|| Judgement::error(format!("there is no fixture {id}")))?;
        let bytes = self.library.read(&file).map_err(|bad| Judgement::error(bad.to_string()))?;
        let message = Message::fixture(bytes);
        let root = message.root().map_err(|bad| Judgement::error(format!("the fixture {id}: {bad}")))?;
        // Parts of other files are put together by rules of the toolkit.
        if message.body.windows(11).any(|word| word.eq_ignore_ascii_case(b"placeholder")) {
            return Err(Judgement::unsupported("placeholders in a fixture of Asbestos"));
        }
        let json = root.to_json(&crate::model::Tables::R4);
        let whole = match root.resource_type() {
            Some("Bundle") => json,
            _ => {
                format!(r#"{{"resourceType":"Bundle","type":"collection","entry":[{{"resource":{json}}}]}}"#)
            }
        };
        let headers = vec![("content-type".to_owned(), "application/fhir+json".to_owned())];
        Ok(Message::new(Head::Response { status: 200 }, headers, Bytes::from(whole)))
    }
}

/// The folders of the script that was run first: `collection/test`, or `collection` alone.
fn place(session: &Session<'_>, without: usize) -> String {
    let folders = session.top.ancestors().skip(1).take(2).filter_map(|folder| folder.file_name());
    let mut names: Vec<String> = folders.map(|name| name.to_string_lossy().into_owned()).collect();
    names.reverse();
    names.truncate(names.len().saturating_sub(without));
    names.join("/")
}
