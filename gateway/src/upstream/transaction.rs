//! Transactions: several writes that a system carries out all or none. What it says of each is a claim: how many there
//! are, that each was done, and where. Nothing of what it tells besides is kept.

use std::collections::BTreeSet;

use fhir::json::{Kind, Node};
use fhir::reference::{Id, Reference};
use tokio::time::Instant;

use super::holder::Holder;
use super::send::{Outgoing, Sent, Taken, Write};
use super::{Upstream, UpstreamFault};
use crate::person::SystemName;

/// How large an answer to a transaction may be, in answers of the system at their largest: no less than what may be sent
/// to it as one.
const ANSWERS_MAX: usize = 1 + CHANGED_MAX;

/// How much may be changed at once, in answers of the system at their largest.
pub(crate) const CHANGED_MAX: usize = 16;

/// What a system made of a transaction.
#[derive(Debug)]
pub enum Transacted {
    /// It carried out every entry: what became of each, in their order.
    Done(Vec<Sent>),
    /// It carried out none, and why.
    NotDone(Taken),
}

impl Upstream {
    /// Sends a transaction of these writes, in this order. Never sent again by itself: it may have been carried out
    /// although no answer came.
    ///
    /// # Errors
    /// [`UpstreamFault`] when it is not known what became of it.
    pub async fn transact(
        &self,
        system: &SystemName,
        outgoing: Outgoing,
        writes: &[&Write],
    ) -> Result<Transacted, UpstreamFault> {
        let holder = self.holder(system)?;
        let deadline = Instant::now() + holder.timeout;
        let answer = holder.ask(&outgoing.into_ask()?, deadline).await?;
        match (answer.status.as_u16(), Taken::of(answer.status.as_u16())) {
            (200, _) => {
                // Some send back all that they stored, whatever they are asked for: it was carried out all the same.
                let bytes_max = holder.body_bytes_max.saturating_mul(ANSWERS_MAX);
                let told = answer.document_within(bytes_max, deadline).await?;
                done(told.root(), writes, holder).map(Transacted::Done)
            }
            (_, Some(why @ (Taken::Invalid | Taken::Conflict | Taken::NotSupported))) => {
                answer.discard(holder, deadline).await;
                Ok(Transacted::NotDone(why))
            }
            // Some of the two hundreds says neither that all is done nor that nothing is.
            (_, Some(Taken::Created | Taken::Done | Taken::Accepted)) => {
                answer.discard(holder, deadline).await;
                Err(UpstreamFault::UnexpectedStatus)
            }
            (_, None) => {
                let fault = answer.fault();
                answer.discard(holder, deadline).await;
                Err(fault)
            }
        }
    }
}

/// What became of each of `writes`, if the answer is one to them.
fn done(root: Node<'_>, writes: &[&Write], holder: &Holder) -> Result<Vec<Sent>, UpstreamFault> {
    let is = |name: &str, text: &str| root.member(name).is_some_and(|member| member.is_string(text));
    if !is("resourceType", "Bundle") || !is("type", "transaction-response") {
        return Err(UpstreamFault::NotAResponse);
    }
    let entries = root.member("entry").filter(|entries| entries.kind() == Kind::Array);
    let entries =
        entries.filter(|entries| entries.len() == writes.len()).ok_or(UpstreamFault::NotAResponse)?;
    let mut all = Vec::with_capacity(writes.len());
    let mut places = BTreeSet::new();
    for (entry, write) in entries.items().zip(writes) {
        let sent = one(entry, write, holder)?;
        // Two entries were never about one resource.
        let is_new = sent.id.clone().is_none_or(|id| places.insert((write.resource_type(), id)));
        if !is_new {
            return Err(UpstreamFault::WrongResource);
        }
        all.push(sent);
    }
    Ok(all)
}

fn one(entry: Node<'_>, write: &Write, holder: &Holder) -> Result<Sent, UpstreamFault> {
    let response = entry.member("response").ok_or(UpstreamFault::NotAResponse)?;
    let status = response.str_at(&["status"]).and_then(|line| status(&line));
    let taken = status.and_then(Taken::of).ok_or(UpstreamFault::NotAResponse)?;
    let is_done = match (write, taken) {
        (Write::Create { .. } | Write::Update { .. } | Write::Delete { .. }, Taken::Done) => true,
        (Write::Create { .. }, Taken::Created) => true,
        // What is taken to be done later is not done with the others; what was changed was there.
        (_, _) => false,
    };
    let is_error = |severity: Node<'_>| severity.is_string("error") || severity.is_string("fatal");
    if !is_done || response.walk(&["outcome", "issue", "severity"]).any(is_error) {
        return Err(UpstreamFault::NotAResponse);
    }
    let id = place(response, write, holder)?;
    Ok(Sent { taken, id, version: None })
}

/// Where it is: what names another resource than was written is no answer to this entry.
fn place(response: Node<'_>, write: &Write, holder: &Holder) -> Result<Option<Id>, UpstreamFault> {
    let Some(text) = response.str_at(&["location"]) else { return Ok(None) };
    let Ok(Reference::Local(local)) = Reference::parse(&text, &holder.names) else { return Ok(None) };
    let is_of_type = write.resource_type() == Some(local.resource_type.as_str());
    let is_it = match write {
        Write::Create { .. } => is_of_type,
        Write::Update { id, .. } | Write::Delete { id, .. } => is_of_type && *id == local.id,
        Write::Transaction | Write::Message => false,
    };
    if is_it { Ok(Some(local.id)) } else { Err(UpstreamFault::WrongResource) }
}

/// The number at the head of a status line.
fn status(line: &str) -> Option<u16> {
    let number = line.split(' ').next()?;
    (number.len() == 3).then(|| number.parse().ok()).flatten()
}
