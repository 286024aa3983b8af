//! The answer to a query of HL7 v2: written of what may be shown, before that is recorded, like XML.

use adapters::hl7v2::Stamp;
use adapters::hl7v2::out::{Profile, Unsent};
use adapters::hl7v2::query::Query;
use bytes::Bytes;
use fhir::json::{self, Document};
use fhir::search::grammar::{self, Name};

use super::message_out::Outbound;
use super::release::JSON_LIMITS;
use crate::server::format::Format;

/// A query, and how its answer is written.
#[derive(Debug)]
pub struct QueryAnswer {
    /// What was asked.
    pub query: Query,
    /// How who asks takes messages.
    pub profile: Profile,
    /// What makes the answer a message of its own.
    pub stamp: Stamp,
}

/// In which words an answer goes.
#[derive(Debug, Clone, Copy)]
pub enum Wording<'a> {
    /// FHIR.
    Fhir(Format),
    /// The answer to a query.
    Hl7v2(&'a QueryAnswer),
    /// A message to a system.
    Message(Outbound<'a>),
}

impl From<Format> for Wording<'_> {
    fn from(format: Format) -> Self {
        Self::Fhir(format)
    }
}

impl QueryAnswer {
    /// The message that says the Patients of a searchset.
    pub(in crate::enforce) fn write(&self, searchset: Vec<u8>) -> Result<Vec<u8>, Unsent> {
        let searchset = Bytes::from(searchset);
        let document = json::parse(searchset.clone(), &JSON_LIMITS).map_err(Unsent::Json)?;
        let next = next(&document);
        let message = self.query.found(&searchset, next.as_deref(), &self.profile, &self.stamp)?;
        Ok(message.bytes)
    }

    /// The message that says that nobody was found.
    ///
    /// # Errors
    /// [`Unsent`].
    pub fn nobody(&self) -> Result<Vec<u8>, Unsent> {
        self.write(br#"{"resourceType":"Bundle","type":"searchset"}"#.to_vec())
    }
}

/// The cursor of the next page: the pointer that who asks goes on with.
fn next(searchset: &Document) -> Option<String> {
    let links = searchset.root().walk(&["link"]);
    let mut next = links.filter(|link| link.str_at(&["relation"]).as_deref() == Some("next"));
    let url = next.next()?.str_at(&["url"])?.into_owned();
    let (_, query) = url.split_once('?')?;
    let parameters = grammar::parse(query).ok()?;
    let is_cursor = |name: &Name| matches!(name, Name::Plain { code, modifier: None } if code == "_cursor");
    let cursor = parameters.iter().find(|parameter| is_cursor(&parameter.name))?;
    cursor.values.first().map(|value| value.plain())
}
