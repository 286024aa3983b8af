//! What scripts ask of the toolkit that they were written for (NIST Asbestos), as far as it is about files of the
//! scripts' folder: `ftkLoadFixture` answers with a fixture as if it were a server.

use std::sync::Arc;

use bytes::Bytes;

use super::Runner;
use crate::script::message::{Head, Message};
use crate::script::outcome::Judgement;
use crate::script::plan::Operation;
use crate::script::session::Session;
use crate::script::template::Template;

/// The operation that means the toolkit itself, and the header that says what is asked of it.
pub(crate) const CODE: &str = "internalFtkRequest";
const HEADER: &str = "x-internalFtkRequestCode";

impl Runner {
    /// Does what is asked of the toolkit.
    pub(super) fn ask_toolkit(&self, operation: &Operation, session: &mut Session<'_>) -> Judgement {
        match self.answer(operation, session) {
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
