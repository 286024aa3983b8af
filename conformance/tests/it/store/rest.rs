//! The interactions on one resource and on a type.

use fhir::tables;
use http::Method;

use super::Store;
use super::history;
use super::json::Json;
use super::patch;
use super::search::{self, Handling};
use super::state::{State, Version};
use super::statement::statement;
use super::together;
use super::told::{Asked, Refused, Told, outcome};

impl Store {
    /// Carries a request out. `state` is changed only where it succeeds.
    pub(crate) fn handle(&self, state: &mut State, asked: &Asked) -> Result<Told, Refused> {
        let path: Vec<&str> = asked.path.iter().map(String::as_str).collect();
        let method = asked.method.as_str();
        if let Some(name) =
            path.first().filter(|first| !matches!(**first, "metadata" | "_history" | "_search"))
        {
            known_type(name)?;
        }
        match (method, path.as_slice()) {
            ("GET" | "HEAD", ["metadata"]) => Ok(statement(&self.base)),
            (_, ["metadata"]) => Err(not_served()),
            ("POST", []) => together::carry_out(self, state, asked),
            ("GET" | "HEAD", [name]) => self.search(state, name, asked),
            ("POST", [name, "_search"]) => self.search(state, name, asked),
            ("POST", [name]) => self.create(state, name, asked),
            ("PUT", [name]) => self.conditional_update(state, name, asked),
            ("PATCH", [name]) => self.conditional_patch(state, name, asked),
            ("DELETE", [name]) => self.conditional_delete(state, name, asked),
            ("GET" | "HEAD", [name, "_history"]) => history::of_type(self, state, name, asked),
            ("GET" | "HEAD", [name, id]) => self.read(state, name, id, asked),
            ("PUT", [name, id]) => self.update(state, name, id, asked),
            ("PATCH", [name, id]) => self.patch(state, name, id, asked),
            ("DELETE", [name, id]) => self.delete(state, name, id, asked),
            ("GET" | "HEAD", [name, id, "_history"]) => history::of_instance(self, state, name, id, asked),
            ("GET" | "HEAD", [name, id, "_history", version]) => self.vread(state, name, id, version, asked),
            (_, [] | [_] | [_, _] | [_, _, "_history"] | [_, _, "_history", _]) => Err(not_served()),
            _ => Err(Refused::new(404, "not-found", "nothing is served here")),
        }
    }

    fn search(&self, state: &State, name: &str, asked: &Asked) -> Result<Told, Refused> {
        search::answer(state, &self.base, name, asked, self.fault)
    }

    /// The ids of those that meet the criteria of a condition.
    pub(crate) fn meeting(
        &self,
        state: &State,
        name: &str,
        criteria: &[(String, String)],
    ) -> Result<Vec<String>, Refused> {
        if criteria.is_empty() {
            return Err(Refused::new(400, "required", "a condition needs criteria"));
        }
        let found = search::matches(&state.all(), name, criteria, Handling::Strict, &self.base, self.fault)?;
        Ok(found.iter().filter_map(|held| held["id"].text()).map(str::to_owned).collect())
    }

    fn read(&self, state: &State, name: &str, id: &str, asked: &Asked) -> Result<Told, Refused> {
        let version = existing(state, name, id)?;
        let none_match = asked
            .header("if-none-match")
            .map(|tags| tags.split(',').any(|tag| tag.trim() == version.etag() || tag.trim() == "*"));
        let since = asked.header("if-modified-since").is_some_and(|date| date == version.http_date());
        let unchanged = none_match.unwrap_or(since);
        if unchanged {
            return Ok(versioned(Told::bare(304), version));
        }
        let content = version.content.clone().unwrap_or(Json::Null);
        Ok(versioned(Told::with(200, content), version))
    }

    fn vread(
        &self,
        state: &State,
        name: &str,
        id: &str,
        version: &str,
        _asked: &Asked,
    ) -> Result<Told, Refused> {
        let versions = state.versions(name, id);
        let found = versions.iter().find(|held| held.number.to_string() == version);
        let Some(found) = found else {
            return Err(Refused::new(404, "not-found", "there is no such version"));
        };
        match &found.content {
            Some(content) => Ok(versioned(Told::with(200, content.clone()), found)),
            None => Err(Refused::new(410, "deleted", "this version is a deletion")),
        }
    }

    pub(crate) fn create(&self, state: &mut State, name: &str, asked: &Asked) -> Result<Told, Refused> {
        let content = fitting(asked.content()?, name)?;
        if let Some(condition) = asked.header("if-none-exist") {
            let criteria = super::edge::pairs(condition.trim_start_matches('?'));
            let found = self.meeting(state, name, &criteria)?;
            match found.as_slice() {
                [] => {}
                [id] => return self.there_already(state, name, id, asked),
                _ => return Err(several()),
            }
        }
        let id = chosen_id(state, name, asked);
        let version = state.put(name, &id, Method::POST, Some(content));
        Ok(self.changed(201, name, &id, &version, asked))
    }

    fn there_already(&self, state: &State, name: &str, id: &str, asked: &Asked) -> Result<Told, Refused> {
        let version = existing(state, name, id)?;
        Ok(self.changed(200, name, id, version, asked))
    }

    fn update(&self, state: &mut State, name: &str, id: &str, asked: &Asked) -> Result<Told, Refused> {
        let content = fitting(asked.content()?, name)?;
        if content["id"].text() != Some(id) {
            return Err(Refused::new(400, "invalid", "the body has another id than the address, or none"));
        }
        self.replace(state, name, id, Method::PUT, content, asked)
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
        addressed(id)?;
        let newest = state.newest(name, id);
        if let Some(wanted) = asked.header("if-match") {
            let same = newest.is_some_and(|held| held.content.is_some() && held.etag() == wanted.trim());
            if !same {
                return Err(Refused::new(412, "conflict", "this is not the version that is there"));
            }
        }
        let there = newest.is_some_and(|held| held.content.is_some());
        let version = state.put(name, id, by, Some(content));
        Ok(self.changed(if there { 200 } else { 201 }, name, id, &version, asked))
    }

    fn conditional_update(&self, state: &mut State, name: &str, asked: &Asked) -> Result<Told, Refused> {
        let content = fitting(asked.content()?, name)?;
        let found = self.meeting(state, name, &asked.query)?;
        let told = content["id"].text().map(str::to_owned);
        match (found.as_slice(), told) {
            ([], None) => {
                let id = chosen_id(state, name, asked);
                let version = state.put(name, &id, Method::POST, Some(content));
                Ok(self.changed(201, name, &id, &version, asked))
            }
            ([], Some(id)) => self.replace(state, name, &id, Method::PUT, content, asked),
            ([id], Some(told)) if *id != told => {
                Err(Refused::new(400, "invalid", "the body has another id than what meets the condition"))
            }
            ([id], _) => self.replace(state, name, id, Method::PUT, content, asked),
            _ => Err(several()),
        }
    }

    fn patch(&self, state: &mut State, name: &str, id: &str, asked: &Asked) -> Result<Told, Refused> {
        let version = existing(state, name, id)?;
        let before = version.content.clone().unwrap_or(Json::Null);
        let mut after = before.clone();
        patch::apply(&mut after, &asked.content()?)?;
        let after = fitting(after, name)?;
        if after["id"] != before["id"] {
            return Err(Refused::new(422, "business-rule", "a patch does not change an id"));
        }
        self.replace(state, name, id, Method::PATCH, after, asked)
    }

    fn conditional_patch(&self, state: &mut State, name: &str, asked: &Asked) -> Result<Told, Refused> {
        let found = self.meeting(state, name, &asked.query)?;
        match found.as_slice() {
            [] => Err(Refused::new(404, "not-found", "nothing meets the condition")),
            [id] => self.patch(state, name, id, asked),
            _ => Err(several()),
        }
    }

    fn delete(&self, state: &mut State, name: &str, id: &str, _asked: &Asked) -> Result<Told, Refused> {
        addressed(id)?;
        if state.newest(name, id).is_some_and(|held| held.content.is_some()) {
            let version = state.put(name, id, Method::DELETE, None);
            let told = Told { status: 204, headers: vec![("etag", version.etag())], resource: None };
            return Ok(told);
        }
        Ok(Told::bare(204))
    }

    fn conditional_delete(&self, state: &mut State, name: &str, asked: &Asked) -> Result<Told, Refused> {
        let found = self.meeting(state, name, &asked.query)?;
        match found.as_slice() {
            [] => Ok(Told::bare(204)),
            [id] => self.delete(state, name, id, asked),
            _ => Err(several()),
        }
    }

    /// The answer to a change: where it is now, which version, and as much of it as was preferred.
    fn changed(&self, status: u16, name: &str, id: &str, version: &Version, asked: &Asked) -> Told {
        let resource = if asked.prefers("return=minimal") {
            None
        } else if asked.prefers("return=OperationOutcome") {
            Some(outcome("information", "informational", "done"))
        } else {
            version.content.clone()
        };
        let mut told = versioned(Told { status, headers: Vec::new(), resource }, version);
        told.headers.push(("location", format!("{}/{name}/{id}/_history/{}", self.base, version.number)));
        told
    }
}

/// The id that a transaction chose for what is made, or a new one.
fn chosen_id(state: &mut State, name: &str, asked: &Asked) -> String {
    let chosen = asked.headers.get(together::CHOSEN_ID).and_then(|value| value.to_str().ok());
    chosen.map_or_else(|| state.new_id(name), str::to_owned)
}

/// A type that R4 defines.
fn known_type(name: &str) -> Result<(), Refused> {
    match tables::resource_type(name) {
        Some(_) => Ok(()),
        None => Err(Refused::new(404, "not-supported", "there is no such type")),
    }
}

/// An id that can be one.
fn addressed(id: &str) -> Result<(), Refused> {
    let dots = id.chars().all(|letter| letter == '.');
    if conformance::target::is_id(id) && !dots {
        return Ok(());
    }
    Err(Refused::new(400, "value", "this cannot be an id"))
}

/// The newest version of what is there and not deleted.
pub(crate) fn existing<'s>(state: &'s State, name: &str, id: &str) -> Result<&'s Version, Refused> {
    match state.newest(name, id) {
        None => Err(Refused::new(404, "not-found", "there is no such resource")),
        Some(version) if version.content.is_none() => {
            Err(Refused::new(410, "deleted", "this resource was deleted"))
        }
        Some(version) => Ok(version),
    }
}

fn not_served() -> Refused {
    Refused::new(405, "not-supported", "this method is not served here")
}

fn several() -> Refused {
    Refused::new(412, "multiple-matches", "more than one resource meets the condition")
}

/// A resource of that type, of nothing but what R4 defines.
pub(crate) fn fitting(content: Json, name: &str) -> Result<Json, Refused> {
    if content["resourceType"].text() != Some(name) {
        return Err(Refused::new(400, "invalid", "the body is of another type than the address"));
    }
    match conformance::elements::check(content.bytes()) {
        Ok(()) => Ok(content),
        Err(_) => Err(Refused::new(400, "structure", "the body is not what R4 defines")),
    }
}

fn versioned(mut told: Told, version: &Version) -> Told {
    told.headers.push(("etag", version.etag()));
    told.headers.push(("last-modified", version.http_date()));
    told
}
