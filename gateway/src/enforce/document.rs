//! A document, put together from what this requestor may see: a Composition, and what it refers to once it is minimised.
//!
//! A section that is left out takes its entries with it, because nothing else leads to them. What is behind an entry is
//! not followed further: a document holds what its Composition names (FHIR R4, documents.html).

use std::collections::BTreeSet;

use fhir::json::{Document, Limits, Node, Writer, parse};
use fhir::outcome::{Issue, IssueType, OperationOutcome, Severity};
use fhir::reference::Reference;

use super::account::Account;
use super::answer::{Frame, Reasons, ended, kept_back, outcome};
use super::everything::TYPE_NOT_SEARCHED;
use super::judge::{Judge, Judged, Targets};
use super::release::{Head, Minimised};
use super::subjects::Subjects;
use super::targets::{Extent, LookedUp, name_of};
use crate::agreement::Existence;
use crate::decision::ruling::Ruling;
use crate::outcome::{Ended, Ending};
use crate::trail::provenance::provenance;
use crate::trail::record::AboutPerson;
use crate::trail::records::Records;

/// The document that `composition` stands for in the requestor's view.
pub(in crate::enforce) fn document(
    composition: &Document,
    looked_up: &LookedUp,
    targets: Targets<'_>,
    ruling: &Ruling,
    subjects: &Subjects,
    frame: Frame<'_>,
) -> Result<Minimised, Ended> {
    let face = frame.face();
    let version = |bytes: &[u8]| frame.version(ruling, bytes);
    let judge = Judge { version: Some(&version), ..Judge::of(ruling, targets, frame, &face) };
    let mut account = Account::new(ruling, subjects);
    let head = match judge.judge(composition.root()) {
        Ok(judged) => judged,
        Err(kept) => return Err(kept_back(kept, account, frame)),
    };
    // Some were not looked up: half a document is none.
    if looked_up.extent() == Extent::Cut {
        return Err(ended(Ending::TooCostly, account, frame));
    }
    let Ok(view) = parse(head.bytes.clone().into(), &Limits::default()) else {
        return Err(ended(Ending::Irreducible, account, frame));
    };
    let mut named = Vec::new();
    names(view.root(), &judge, &mut named);
    let found = looked_up.nodes();
    let mut parts = vec![head];
    for name in &named {
        // What is not shown is not in it; a document that is left out of the rules is as one without it.
        let part = found.iter().find(|node| name_of(node) == *name);
        parts.extend(part.and_then(|node| judge.judge(*node).ok()));
    }
    for part in &parts {
        account.shares(part);
    }
    if !looked_up.unsearched().is_empty() {
        account.leaves_out(TYPE_NOT_SEARCHED);
    }
    let records = Records { exchange: account.tells(frame.exchange, 200), persons: account.close() };
    let body = bundle(&parts, &said(looked_up, ruling, &records.persons), &records, frame);
    Ok(Minimised { body, head: Head { status: 200, ..Head::default() }, records, provenance: None })
}

/// Says what a document does not: which agreement it shows, and what nobody could look for.
///
/// What could not be looked up may be hidden, so where existence is withheld the same is said whatever the Composition
/// refers to and whichever searches the system takes.
fn said(looked_up: &LookedUp, ruling: &Ruling, persons: &[AboutPerson]) -> OperationOutcome {
    let admitted = ruling.admitted();
    let said = outcome(admitted, Reasons::Told, persons);
    let texts: Vec<String> = match admitted.existence() {
        Existence::Withheld => {
            vec!["what the system cannot be searched for is not in this document".to_owned()]
        }
        Existence::Open => {
            let kinds = looked_up.unsearched().iter().map(|kind| kind.name());
            let text = |kind| {
                format!("the system cannot be searched for {kind}: such parts are not in this document")
            };
            kinds.map(text).collect()
        }
    };
    texts.into_iter().fold(said, |said, text| {
        said.and(Issue::from_settings(Severity::Warning, IssueType::Incomplete, text))
    })
}

/// What `node` refers to, each once, in order.
fn names(node: Node<'_>, judge: &Judge<'_>, found: &mut Vec<String>) {
    for item in node.items() {
        names(item, judge, found);
    }
    for (key, value) in node.members() {
        if !key.is("reference") {
            names(value, judge, found);
            continue;
        }
        let reference = value.string().and_then(|text| Reference::parse(&text, judge.bases).ok());
        if let Some(local) = reference.as_ref().and_then(Reference::local) {
            let name = local.to_relative();
            if !found.contains(&name) {
                found.push(name);
            }
        }
    }
}

fn bundle(parts: &[Judged], said: &OperationOutcome, records: &Records, frame: Frame<'_>) -> Vec<u8> {
    let Records { exchange, persons } = records;
    let origin = provenance(&exchange.request_id, exchange, persons, frame.site).map(|made| made.to_json());
    let size: usize = parts.iter().map(|part| part.bytes.len() + 160).sum();
    let mut out = Vec::with_capacity(size + 1_024);
    let mut json = Writer::new(&mut out);
    json.object();
    json.key("resourceType").string("Bundle").key("id").string(&exchange.request_id);
    json.key("identifier").object();
    json.key("system").string("urn:ietf:rfc:3986");
    json.key("value").string(&format!("urn:uuid:{}", exchange.request_id)).close();
    json.key("type").string("document");
    json.key("timestamp").string(fhir::instant::DateTime::from(exchange.at).as_str());
    json.key("entry").array();
    let face = frame.face();
    let mut written = BTreeSet::new();
    for part in parts.iter().filter(|part| written.insert(part.reference.as_str())) {
        json.object().key("fullUrl").string(&format!("{face}/{}", part.reference));
        json.key("resource").raw(&part.bytes).close();
    }
    if let Some(origin) = &origin {
        let full_url = format!("{}/fhir/Provenance/{}", frame.site.base, exchange.request_id);
        json.object().key("fullUrl").string(&full_url).key("resource").raw(origin).close();
    }
    json.object().key("resource").raw(&said.to_json()).close();
    json.finish();
    out
}
