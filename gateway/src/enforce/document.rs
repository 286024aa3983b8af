//! A document, put together from what this requestor may see: a Composition, and what it refers to once it is minimised.
//!
//! A section that is left out takes its entries with it, because nothing else leads to them. What is behind an entry is
//! not followed further: a document holds what its Composition names (FHIR R4, documents.html).

use std::collections::BTreeSet;

use fhir::json::{Document, Limits, Node, Writer, parse};
use fhir::reference::Reference;

use super::account::Account;
use super::answer::{Frame, ended, kept_back};
use super::judge::{Judge, Judged, Targets};
use super::release::{Head, Minimised};
use super::subjects::Subjects;
use super::targets::{Extent, LookedUp, name_of};
use crate::decision::ruling::Ruling;
use crate::outcome::{Ended, Ending};
use crate::trail::provenance::provenance;
use crate::trail::record::Event;
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
    let records = Records {
        exchange: frame.exchange.clone().ended(Event::Disclosed, 200, None),
        persons: account.close(),
    };
    let body = bundle(&parts, &records, frame);
    Ok(Minimised { body, head: Head { status: 200, ..Head::default() }, records, provenance: None })
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

fn bundle(parts: &[Judged], records: &Records, frame: Frame<'_>) -> Vec<u8> {
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
    json.finish();
    out
}
