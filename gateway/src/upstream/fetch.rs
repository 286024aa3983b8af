//! Reading and searching: one resource, or all pages of a search within bounds.

use std::collections::BTreeSet;

use bytes::Bytes;
use fhir::json::{Document, Node};
use fhir::nhs_number::NhsNumber;
use fhir::reference::Id;
use fhir::search::{self, NamedPerson, SearchQuery};
use http::{HeaderMap, Method, StatusCode};
use tokio::time::Instant;

use super::ask::{Again, Ask};
use super::holder::Holder;
use super::reading::{BYTES_MAX, Part};
use super::{Upstream, UpstreamFault};
use crate::decision::ruling::Admitted;
use crate::enforce::held::{Complete, Held};
use crate::enforce::unfiltered::Unfiltered;
use crate::interaction::{BinaryTarget, FhirAction, HistoryRequest, Interaction, ReadTarget, VersionTarget};
use crate::person::SystemName;

impl Upstream {
    /// Fetches what an admitted question asks of its system.
    ///
    /// # Errors
    /// [`UpstreamFault`].
    pub async fn fetch(&self, admitted: &Admitted) -> Result<Unfiltered<Held>, UpstreamFault> {
        match &admitted.question().interaction {
            Interaction::Fhir { system, action: FhirAction::Read(target) | FhirAction::Document(target) } => {
                self.read(system, target).await
            }
            Interaction::Fhir { system, action: FhirAction::ReadBinary(BinaryTarget { binary, .. }) } => {
                self.binary(system, binary).await
            }
            Interaction::Fhir { system, action: FhirAction::Everything(request) } => {
                self.everything(system, request, admitted.share()).await
            }
            Interaction::Fhir { system, action: FhirAction::Vread(VersionTarget { resource, .. }) }
            | Interaction::Fhir { system, action: FhirAction::History(HistoryRequest { resource, .. }) } => {
                match admitted.share().tells_earlier_versions(resource.resource_type) {
                    true => self.history(system, resource).await,
                    false => self.only_version(system, resource).await,
                }
            }
            Interaction::Fhir { system, action: FhirAction::Change(change) } => {
                self.read(system, &change.target).await
            }
            Interaction::Fhir { system, action: FhirAction::Delete(deletion) } => {
                self.read(system, &deletion.target).await
            }
            // Nothing can meet it, and a system that takes the last of the two for both would answer with somebody.
            Interaction::Fhir { action: FhirAction::Search(search), .. }
                if search.query.contradicts_itself() =>
            {
                Ok(Unfiltered::new(Held::searchset(Vec::new(), Complete::All, None)))
            }
            Interaction::Fhir { system, action: FhirAction::Search(search) } => {
                self.search_by(system, &search.query, SearchQuery::to_form).await
            }
            Interaction::Fhir {
                action:
                    FhirAction::Metadata | FhirAction::Create(_) | FhirAction::Message(_) | FhirAction::Batch(_),
                ..
            }
            | Interaction::Push { .. }
            | Interaction::Own(_) => Err(UpstreamFault::NothingToFetch),
        }
    }

    /// Asks a search about somebody who is nowhere, in the place of whom it names.
    ///
    /// # Errors
    /// [`UpstreamFault`].
    pub async fn search_of_nobody(
        &self,
        system: &SystemName,
        query: &SearchQuery,
        (id, number): (&Id, &NhsNumber),
    ) -> Result<Unfiltered<Held>, UpstreamFault> {
        self.search_by(system, query, |query| query.to_form_naming(id, number)).await
    }

    /// Searches by a query; where the system does not take all of it, by what it names: a search that the gateway can
    /// answer is not refused since a system cannot. Whoever reads the answer leaves out what does not match, as it does of
    /// a system that passes over what it does not know.
    async fn search_by(
        &self,
        system: &SystemName,
        query: &SearchQuery,
        written: impl Fn(&SearchQuery) -> String,
    ) -> Result<Unfiltered<Held>, UpstreamFault> {
        Ok(self.begin_by(system, query, written).await?.sealed())
    }

    async fn begin_by(
        &self,
        system: &SystemName,
        query: &SearchQuery,
        written: impl Fn(&SearchQuery) -> String,
    ) -> Result<Part, UpstreamFault> {
        let resource_type = query.resource_type().name();
        match self.begin(system, resource_type, &written(query), None).await {
            Err(UpstreamFault::Rejected) => match query.to_named_alone() {
                Some(named) => self.begin(system, resource_type, &written(&named), None).await,
                None => Err(UpstreamFault::Rejected),
            },
            answered => answered,
        }
    }

    /// Asks searches about one person each, in place of one about all of them that the system refuses: what it told, and
    /// of whom it tells nothing.
    ///
    /// # Errors
    /// [`UpstreamFault`], where one of them fails in another way than by a refusal.
    pub async fn search_apart(
        &self,
        system: &SystemName,
        alone: Vec<(NamedPerson, SearchQuery)>,
    ) -> Result<(Unfiltered<Held>, Vec<(NamedPerson, UpstreamFault)>), UpstreamFault> {
        let (mut pages, mut refused) = (Vec::new(), Vec::new());
        let (mut complete, mut bytes) = (Complete::All, 0);
        for (person, query) in alone {
            let part = match self.begin_by(system, &query, SearchQuery::to_form).await {
                Ok(part) => part,
                Err(why) if why.is_refusal() => {
                    refused.push((person, why));
                    continue;
                }
                Err(why) => return Err(why),
            };
            complete = match (complete, part.complete()) {
                (Complete::Bounded, _) | (_, Complete::Bounded) => Complete::Bounded,
                (Complete::Lacking, _) | (_, Complete::Lacking) => Complete::Lacking,
                (Complete::All, Complete::All) => Complete::All,
            };
            bytes += part.pages.iter().map(Document::bytes_len).sum::<usize>();
            pages.extend(part.pages);
            if bytes >= BYTES_MAX {
                complete = Complete::Bounded;
            }
            if complete == Complete::Bounded {
                break;
            }
        }
        Ok((Unfiltered::new(Held::searchset(pages, complete, None)), refused))
    }

    /// Reads one resource; it must be of that type and id.
    ///
    /// # Errors
    /// [`UpstreamFault`].
    pub async fn read(
        &self,
        system: &SystemName,
        target: &ReadTarget,
    ) -> Result<Unfiltered<Held>, UpstreamFault> {
        let found = self.current(self.holder(system)?, target).await?;
        Ok(Unfiltered::new(found.map_or(Held::Absent, Held::Resource)))
    }

    /// The resource as it is now, if there is one.
    pub(in crate::upstream) async fn current(
        &self,
        holder: &Holder,
        target: &ReadTarget,
    ) -> Result<Option<Document>, UpstreamFault> {
        let deadline = Instant::now() + holder.timeout;
        let resource_type = target.resource_type.name();
        let ask = safe(Method::GET, format!("/{resource_type}/{}", target.id.as_str()), None, Bytes::new());
        let answer = holder.ask(&ask, deadline).await?;
        match answer.status {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND | StatusCode::GONE => {
                answer.discard(holder, deadline).await;
                return Ok(None);
            }
            _ => {
                let fault = answer.fault();
                answer.discard(holder, deadline).await;
                return Err(fault);
            }
        }
        let resource = answer.document(holder, deadline).await?;
        let is = |name: &str, text: &str| {
            resource.root().member(name).is_some_and(|member: Node<'_>| member.is_string(text))
        };
        match is("resourceType", resource_type) && is("id", target.id.as_str()) {
            true => Ok(Some(resource)),
            false => Err(UpstreamFault::WrongResource),
        }
    }

    /// Searches for evidence, over all pages within bounds.
    ///
    /// # Errors
    /// [`UpstreamFault`].
    pub async fn search_all(
        &self,
        system: &SystemName,
        resource_type: &str,
        parameters: impl IntoIterator<Item = (impl Into<String>, impl Into<String>)>,
    ) -> Result<Unfiltered<Held>, UpstreamFault> {
        let pairs = parameters.into_iter().map(|(name, value)| (name.into(), value.into()));
        self.search(system, resource_type, search::form(pairs), None).await
    }

    /// The same, where only resources of these ids may come back.
    pub(in crate::upstream) async fn search_among(
        &self,
        system: &SystemName,
        resource_type: &str,
        parameters: [(String, String); 1],
        ids: Option<&BTreeSet<Id>>,
    ) -> Result<Unfiltered<Held>, UpstreamFault> {
        self.search(system, resource_type, search::form(parameters), ids).await
    }

    /// The pages of such a search, and whether these are all.
    pub(in crate::upstream) async fn pages(
        &self,
        system: &SystemName,
        resource_type: &str,
        parameters: impl IntoIterator<Item = (impl Into<String>, impl Into<String>)>,
    ) -> Result<(Vec<Document>, Complete), UpstreamFault> {
        let pairs = parameters.into_iter().map(|(name, value)| (name.into(), value.into()));
        let part = self.begin(system, resource_type, &search::form(pairs), None).await?;
        let complete = part.complete();
        Ok((part.pages, complete))
    }

    /// Searches by a form that was written from a parsed query: the first part of the answer.
    pub(in crate::upstream) async fn search(
        &self,
        system: &SystemName,
        resource_type: &str,
        form: String,
        ids: Option<&BTreeSet<Id>>,
    ) -> Result<Unfiltered<Held>, UpstreamFault> {
        Ok(self.begin(system, resource_type, &form, ids).await?.sealed())
    }
}

pub(in crate::upstream) fn safe(
    method: Method,
    path: String,
    content_type: Option<&'static str>,
    body: Bytes,
) -> Ask {
    Ask { method, path, content_type, body, headers: HeaderMap::new(), again: Again::Safe }
}
