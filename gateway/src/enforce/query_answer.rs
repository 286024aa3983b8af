//! The answer to a query of HL7 v2: written of what may be shown, before that is recorded, like XML.

use adapters::hl7v2::Stamp;
use adapters::hl7v2::out::{Message, Profile, Unsent};
use adapters::hl7v2::query::Query;
use bytes::Bytes;
use fhir::json::{self, Document, Node, Writer};
use fhir::outcome::{Issue, IssueType, OperationOutcome, Severity};
use fhir::search::grammar::{self, Name};

use super::message_out::Outbound;
use super::release::JSON_LIMITS;
use super::worded::Worded;
use crate::server::format::Format;
use crate::settings::receives::Receives;
use crate::trail::record::Words;

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
    /// What a system takes that takes neither FHIR R4 nor HL7 v2.
    Received(&'a Receives),
}

impl From<Format> for Wording<'_> {
    fn from(format: Format) -> Self {
        Self::Fhir(format)
    }
}

impl QueryAnswer {
    /// The message that says the Patients of a searchset. Those that HL7 v2 cannot say are not in it, and it says so, as
    /// long as there are others.
    pub(in crate::enforce) fn write(&self, searchset: Vec<u8>) -> Result<Worded, Unsent> {
        let searchset = Bytes::from(searchset);
        let document = json::parse(searchset.clone(), &JSON_LIMITS).map_err(Unsent::Json)?;
        let next = next(&document);
        let why = match self.found(&searchset, next.as_deref()) {
            Ok(message) => {
                let filtered = message.untold.clone();
                return Ok(Worded::of(message.into(), Words::Hl7v2, &document).not_asked_for(filtered));
            }
            Err(why) => why,
        };
        let entries: Vec<Node<'_>> = document.root().walk(&["entry"]).collect();
        let is_patient =
            |entry: &Node<'_>| entry.str_at(&["resource", "resourceType"]).as_deref() == Some("Patient");
        // Each is tried by itself: what one cannot be said for is no fault of the others.
        let is_unsayable =
            |entry: &Node<'_>| is_patient(entry) && self.found(&bundle(&[*entry], &[]), None).is_err();
        let (unsayable, sayable): (Vec<_>, Vec<_>) = entries.into_iter().partition(is_unsayable);
        if unsayable.is_empty() || !sayable.iter().any(is_patient) {
            return Err(why);
        }
        let rest = Bytes::from(bundle(&sayable, &warning(unsayable.len())));
        let message = self.found(&rest, next.as_deref())?;
        let rest = json::parse(rest, &JSON_LIMITS).map_err(Unsent::Json)?;
        let filtered = message.untold.clone();
        Ok(Worded::of(message.into(), Words::Hl7v2, &rest)
            .not_asked_for(filtered)
            .unsayable(unsayable.iter().filter_map(reference)))
    }

    fn found(&self, searchset: &[u8], next: Option<&str>) -> Result<Message, Unsent> {
        self.query.found(searchset, next, &self.profile, &self.stamp)
    }
}

/// What is told where some of the matches cannot be said.
fn warning(unsayable: usize) -> Vec<u8> {
    let (number, are) = if unsayable == 1 { ("1".to_owned(), "is") } else { (unsayable.to_string(), "are") };
    let text = format!("{number} of the matches cannot be said in HL7 v2 and {are} not here: ask by FHIR");
    OperationOutcome::new(Issue::from_settings(Severity::Warning, IssueType::Incomplete, text)).to_json()
}

/// A searchset of these entries, and of an outcome, where there is one.
fn bundle(entries: &[Node<'_>], outcome: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut writer = Writer::new(&mut out);
    writer.object().key("resourceType").string("Bundle").key("type").string("searchset").key("entry").array();
    // First: an older version of HL7 v2 has room for one warning, and what is said of every answer tells less.
    if !outcome.is_empty() {
        writer.object().key("resource").raw(outcome);
        writer.key("search").object().key("mode").string("outcome").close();
        writer.close();
    }
    for entry in entries {
        writer.raw(entry.raw());
    }
    writer.finish();
    out
}

/// What the resource of an entry is called.
fn reference(entry: &Node<'_>) -> Option<String> {
    let id = entry.str_at(&["resource", "id"])?;
    Some(format!("{}/{id}", entry.str_at(&["resource", "resourceType"])?))
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

#[cfg(test)]
mod tests {
    use adapters::Context;

    use super::*;

    /// Two people, of whom one cannot be said, from a system of which something is said whatever is found.
    const FOUND: &str = r#"{"resourceType":"Bundle","type":"searchset","entry":[
        {"resource":{"resourceType":"Patient","id":"a","identifier":[{"system":"https://fhir.nhs.uk/Id/nhs-number","value":"9990000018"}],"name":[{"family":"Example"}]}},
        {"resource":{"resourceType":"Patient","id":"b","active":false,"identifier":[{"system":"https://fhir.nhs.uk/Id/nhs-number","value":"9990000026"}],"name":[{"family":"Example"}]}},
        {"resource":{"resourceType":"OperationOutcome","issue":[{"severity":"warning","code":"incomplete","details":{"text":"rows may be left out"}}]},"search":{"mode":"outcome"}}]}"#;

    #[test]
    fn that_a_match_is_not_said_comes_before_what_is_said_of_every_answer() {
        for (version, first) in [("2.4", "MSA|AA|Q1|1 of the matches"), ("2.5", "|W||||1 of the matches")] {
            let asked = format!(
                "MSH|^~\\&|WARD|RX1|PORTCULLIS|RX1|2026||QBP^Q22|Q1|P|{version}\rQPD|Q22|T1|@PID.5.1^Example~@PID.7^1950\r"
            );
            let context = Context::new("ward", None, "Europe/London").expect("a context");
            let answer = QueryAnswer {
                query: Query::read(asked.as_bytes(), &context).expect("a query"),
                profile: Profile::parse(&format!("version = \"{version}\"")).expect("a profile"),
                stamp: Stamp { control_id: "A1".to_owned(), at: "20260304120000+0000".to_owned() },
            };
            let told = answer.write(FOUND.as_bytes().to_vec()).expect("an answer").bytes;
            let told = String::from_utf8(told).expect("text");
            let line = told.split('\r').find(|line| line.contains("|W|") || line.starts_with("MSA|AA|Q1|"));
            assert!(line.is_some_and(|line| line.contains(first)), "{version}: {told}");
            assert!(told.contains("9990000018") && !told.contains("9990000026"), "{version}: {told}");
        }
    }
}
