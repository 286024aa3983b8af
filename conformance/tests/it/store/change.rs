//! Creates, updates and patches.

use http::Method;

use super::json::Json;
use super::patch;
use super::rest::{existing, several, versioned};
use super::spoil::{merged, spoiled};
use super::state::{State, Version};
use super::together;
use super::told::{Asked, Refused, Told, outcome};
use super::{Fault, Store};

impl Store {
    pub(crate) fn create(&self, state: &mut State, name: &str, asked: &Asked) -> Result<Told, Refused> {
        let sent = match asked.content() {
            Err(_) if self.fault == Fault::EmptyBodyCreates && matches!(asked.body, Ok(None)) => {
                Json::object([("resourceType", name.into())])
            }
            sent => sent?,
        };
        let content = self.fitting(sent, name, Fault::CreateTypeNotCompared)?;
        if let Some(told) = self.none_exists(state, name, asked)? {
            return Ok(told);
        }
        if self.fault == Fault::CreateFindsEqual
            && let Some(value) = content["identifier"][0]["value"].text()
        {
            let criteria = [("identifier".to_owned(), value.to_owned())];
            if let Some(id) = self.meeting(state, name, &criteria)?.first() {
                return self.there_already(201, state, name, id, asked);
            }
        }
        let mut id = chosen_id(state, name, asked);
        if self.fault == Fault::CreateTakesId
            && let Some(told) = content["id"].text()
        {
            told.clone_into(&mut id);
        }
        let version = self.keep(state, name, &id, Method::POST, content, Fault::CreateBelievesMeta);
        if self.fault == Fault::CreateNotKept {
            state.take_back(name, &id);
        }
        let status = if self.fault == Fault::CreateAnswers200 { 200 } else { 201 };
        Ok(self.changed(status, name, &id, &version, asked))
    }

    /// What an If-None-Exist comes to: an answer where nothing is to be made.
    fn none_exists(&self, state: &State, name: &str, asked: &Asked) -> Result<Option<Told>, Refused> {
        let condition = asked.header("if-none-exist").filter(|_| self.fault != Fault::IfNoneExistIgnored);
        let Some(condition) = condition else { return Ok(None) };
        if self.fault == Fault::IfNoneExistRefused {
            return Err(Refused::new(412, "not-supported", "conditions are not served"));
        }
        let criteria = super::edge::pairs(condition.trim_start_matches('?'));
        match self.meeting(state, name, &criteria)?.as_slice() {
            [] => Ok(None),
            [id] => self.there_already(200, state, name, id, asked).map(Some),
            [id, ..] if self.fault == Fault::IfNoneExistTakesFirst => {
                self.there_already(200, state, name, id, asked).map(Some)
            }
            _ => Err(several()),
        }
    }

    /// Puts a version behind those there are.
    fn keep(
        &self,
        state: &mut State,
        name: &str,
        id: &str,
        by: Method,
        content: Json,
        believes: Fault,
    ) -> Version {
        let forged = content.get("meta").cloned().filter(|_| self.fault == believes);
        let mut version = state.put(name, id, by, Some(spoiled(content, self.fault)));
        if let Some(forged) = forged.filter(|forged| forged.get("versionId").is_some()) {
            state.amend(name, id, |content| content.set("meta", forged));
            version.content = state.newest(name, id).and_then(|held| held.content.clone());
        }
        version
    }

    fn there_already(
        &self,
        status: u16,
        state: &State,
        name: &str,
        id: &str,
        asked: &Asked,
    ) -> Result<Told, Refused> {
        let version = existing(state, name, id)?;
        Ok(self.changed(status, name, id, version, asked))
    }

    pub(crate) fn update(
        &self,
        state: &mut State,
        name: &str,
        id: &str,
        asked: &Asked,
    ) -> Result<Told, Refused> {
        let content = self.fitting(asked.content()?, name, Fault::UpdateTypeNotCompared)?;
        let told = content["id"].text();
        let taken = told == Some(id)
            || (self.fault == Fault::UpdateAcceptsNoId && told.is_none())
            || (self.fault == Fault::UpdateIgnoresBodyId && told.is_some());
        if !taken {
            return Err(Refused::new(400, "invalid", "the body has another id than the address, or none"));
        }
        self.replace(state, name, id, Method::PUT, content, asked)
    }

    /// Whether the version that If-Match names is there.
    fn matching(
        &self,
        state: &State,
        name: &str,
        id: &str,
        wanted: &str,
        by: &Method,
    ) -> Result<(), Refused> {
        let ignored = self.fault == Fault::IfMatchIgnored && *by == Method::PUT
            || self.fault == Fault::PatchIfMatchIgnored && *by == Method::PATCH;
        let versions = state.versions(name, id);
        let is_wanted = |held: &Version| held.content.is_some() && held.etag() == wanted.trim();
        // What was there a moment ago counts as well: the check and the change are two steps.
        let raced = self.fault == Fault::IfMatchRaces && versions.iter().rev().nth(1).is_some_and(is_wanted);
        let same = versions.last().is_some_and(is_wanted) && self.fault != Fault::IfMatchAlwaysStale;
        if same || ignored || raced {
            return Ok(());
        }
        Err(Refused::new(412, "conflict", "this is not the version that is there"))
    }

    /// Puts `content` in place of what is there, or where nothing is.
    fn replace(
        &self,
        state: &mut State,
        name: &str,
        id: &str,
        by: Method,
        content: Json,
        asked: &Asked,
    ) -> Result<Told, Refused> {
        self.addressed(id)?;
        if let Some(wanted) = asked.header("if-match") {
            self.matching(state, name, id, wanted, &by)?;
        }
        let before = state.newest(name, id).and_then(|held| held.content.clone());
        if self.fault == Fault::DeletedStaysDeleted && before.is_none() && state.newest(name, id).is_some() {
            return Err(Refused::new(410, "deleted", "this resource was deleted"));
        }
        let keeps = self.fault == Fault::UpdateKeepsVersion && by == Method::PUT
            || self.fault == Fault::PatchKeepsVersion && by == Method::PATCH;
        let Some(before) = before else {
            if self.fault == Fault::UpsertRefused {
                return Err(Refused::new(405, "not-supported", "updates create nothing"));
            }
            let version = self.keep(state, name, id, by, content, Fault::UpdateBelievesMeta);
            return Ok(self.changed(201, name, id, &version, asked));
        };
        let content = match self.fault {
            Fault::UpdateMerges => merged(content, &before),
            Fault::UpdateNotKept if by == Method::PUT => before.clone(),
            _ => content,
        };
        if keeps {
            let meta = before["meta"].clone();
            state.amend(name, id, |held| {
                *held = content;
                held.set("meta", meta);
            });
            return self.there_already(200, state, name, id, asked);
        }
        let status = if self.fault == Fault::UpdateAnswers201 { 201 } else { 200 };
        let version = self.keep(state, name, id, by, content, Fault::UpdateBelievesMeta);
        Ok(self.changed(status, name, id, &version, asked))
    }

    pub(crate) fn conditional_update(
        &self,
        state: &mut State,
        name: &str,
        asked: &Asked,
    ) -> Result<Told, Refused> {
        let content = self.fitting(asked.content()?, name, Fault::UpdateTypeNotCompared)?;
        let mut found = self.meeting(state, name, &asked.query)?;
        match self.fault {
            Fault::ConditionalUpdateNotFound if found.is_empty() => {
                return Err(Refused::new(404, "not-found", "nothing meets the condition"));
            }
            Fault::ConditionalUpdateCreates => found.clear(),
            Fault::ConditionalUpdateTakesFirst => found.truncate(1),
            _ => {}
        }
        let told = content["id"].text().map(str::to_owned);
        match (found.as_slice(), told) {
            ([], None) => {
                let id = chosen_id(state, name, asked);
                let version = self.keep(state, name, &id, Method::POST, content, Fault::CreateBelievesMeta);
                Ok(self.changed(201, name, &id, &version, asked))
            }
            ([], Some(id)) => self.replace(state, name, &id, Method::PUT, content, asked),
            ([id], Some(told)) if *id != told && self.fault != Fault::ConditionalUpdateIgnoresId => {
                Err(Refused::new(400, "invalid", "the body has another id than what meets the condition"))
            }
            ([id], _) => self.replace(state, name, id, Method::PUT, content, asked),
            _ => Err(several()),
        }
    }

    pub(crate) fn patch(
        &self,
        state: &mut State,
        name: &str,
        id: &str,
        asked: &Asked,
    ) -> Result<Told, Refused> {
        let version = existing(state, name, id)?;
        let before = version.content.clone().unwrap_or(Json::Null);
        let mut after = before.clone();
        if let Err(refused) = patch::apply(&mut after, &asked.content()?, self.fault) {
            if self.fault == Fault::PatchKeepsHalf {
                state.put(name, id, Method::PATCH, Some(after));
            }
            return Err(refused);
        }
        let after = self.fitting(after, name, Fault::PatchNotValidated)?;
        if after["id"] == before["id"] {
            return self.replace(state, name, id, Method::PATCH, after, asked);
        }
        match after["id"].text().filter(|_| self.fault == Fault::PatchChangesId) {
            Some(other) => self.replace(state, name, other, Method::PATCH, after.clone(), asked),
            None => Err(Refused::new(422, "business-rule", "a patch does not change an id")),
        }
    }

    pub(crate) fn conditional_patch(
        &self,
        state: &mut State,
        name: &str,
        asked: &Asked,
    ) -> Result<Told, Refused> {
        let found = self.meeting(state, name, &asked.query)?;
        match found.as_slice() {
            [] => Err(Refused::new(404, "not-found", "nothing meets the condition")),
            [id] => self.patch(state, name, id, asked),
            _ => Err(several()),
        }
    }

    /// The answer to a change: where it is now, which version, and as much of it as was preferred.
    fn changed(&self, status: u16, name: &str, id: &str, version: &Version, asked: &Asked) -> Told {
        let minimal = asked.prefers("return=minimal") && self.fault != Fault::PreferMinimalIgnored;
        let whole = asked.prefers("return=representation");
        let outcome_wanted =
            asked.prefers("return=OperationOutcome") && self.fault != Fault::PreferOutcomeIgnored;
        let resource = if minimal || whole && self.fault == Fault::PreferRepresentationIgnored {
            None
        } else if outcome_wanted {
            Some(outcome("information", "informational", "done"))
        } else {
            version.content.clone()
        };
        let mut told = Told { status, headers: Vec::new(), resource };
        let bare = self.fault == Fault::CreateWithoutEtag && status == 201
            || self.fault == Fault::UpdateWithoutEtag && status == 200;
        if !bare {
            told = versioned(told, version);
        }
        let mut location = format!("{}/{name}/{id}", self.base);
        if self.fault != Fault::LocationWithoutVersion {
            location.push_str(&format!("/_history/{}", version.number));
        }
        if self.fault != Fault::CreateWithoutLocation {
            told.headers.push(("location", location));
        }
        told
    }

    /// A resource of that type, of nothing but what R4 defines; `lets` is the fault by which that is not looked at.
    pub(crate) fn fitting(&self, mut content: Json, name: &str, lets: Fault) -> Result<Json, Refused> {
        if self.fault == Fault::TypelessAccepted && content.get("resourceType").is_none() {
            content.set("resourceType", name.into());
        }
        if self.fault == Fault::ArrayTakesFirst && !content.items().is_empty() {
            content = content[0].clone();
        }
        if self.fault == Fault::UnknownElementsDropped {
            content.remove("conformanceUnknown");
        }
        if self.fault == lets {
            return Ok(content);
        }
        if content["resourceType"].text() != Some(name) {
            return Err(Refused::new(400, "invalid", "the body is of another type than the address"));
        }
        if self.fault == Fault::WrongTypesAccepted {
            return Ok(content);
        }
        match conformance::elements::check(content.bytes()) {
            Ok(()) => Ok(content),
            Err(_) => Err(Refused::new(400, "structure", "the body is not what R4 defines")),
        }
    }
}

/// The id that a transaction chose for what is made, or a new one.
fn chosen_id(state: &mut State, name: &str, asked: &Asked) -> String {
    let chosen = asked.headers.get(together::CHOSEN_ID).and_then(|value| value.to_str().ok());
    chosen.map_or_else(|| state.new_id(name), str::to_owned)
}
