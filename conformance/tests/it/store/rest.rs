//! Which interaction a request is; reads and deletions.

use fhir::tables;
use http::Method;

use super::history;
use super::json::Json;
use super::search::{self, Handling};
use super::state::{State, Version};
use super::statement::statement;
use super::together;
use super::told::{Asked, Refused, Told};
use super::{Fault, Store};

/// The type that is never kept: it only travels to and from operations.
pub(crate) const UNKEPT: &str = "Parameters";

/// The type that is read and searched, and nothing else.
pub(crate) const SHOWN_ONLY: &str = "Linkage";

impl Store {
    /// Carries a request out. `state` is changed only where it succeeds.
    pub(crate) fn handle(&self, state: &mut State, asked: &Asked) -> Result<Told, Refused> {
        let mut path: Vec<&str> = asked.path.iter().map(String::as_str).collect();
        let method = asked.method.as_str();
        if self.fault == Fault::HistoryOfAllServed && path == ["_history"] {
            return Ok(history::of_all());
        }
        if let Some(name) = path.first_mut().filter(|first| **first != "metadata") {
            *name = self.known_type(name)?;
        }
        if self.fault != Fault::UnclaimedServed && !is_claimed(method, &path) {
            return Ok(self.not_claimed());
        }
        match (method, path.as_slice()) {
            ("GET" | "HEAD", ["metadata"]) => Ok(statement(&self.base, self.fault)),
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
            ("DELETE", [name, id]) => self.delete(state, name, id),
            ("GET" | "HEAD", [name, id, "_history"]) => history::of_instance(self, state, name, id, asked),
            ("GET" | "HEAD", [name, id, "_history", version]) => self.vread(state, name, id, version),
            (_, [] | [_] | [_, _] | [_, _, "_history"] | [_, _, "_history", _]) => Err(not_served()),
            _ => Err(Refused::new(404, "not-found", "nothing is served here")),
        }
    }

    /// What is said to an interaction that the statement does not claim.
    fn not_claimed(&self) -> Told {
        let (status, text) = match self.fault {
            Fault::UnclaimedFails => (500, "this broke"),
            Fault::UnclaimedIsBadRequest => (400, "this interaction is not served"),
            Fault::UnclaimedWithoutWords => (405, " "),
            _ => (405, "this interaction is not served"),
        };
        let mut told = Refused::new(status, "not-supported", text).told();
        if self.fault == Fault::UnclaimedBare {
            told.resource = None;
        }
        if self.fault == Fault::UnclaimedShowsRecord {
            let record = Json::object([("resourceType", SHOWN_ONLY.into()), ("active", true.into())]);
            told.resource = told.resource.map(|mut outcome| {
                outcome.set("contained", vec![record].into());
                outcome
            });
        }
        if self.fault != Fault::UnclaimedWithoutAllow {
            told.headers.push(("allow", "GET, HEAD".to_owned()));
        }
        told
    }

    fn search(&self, state: &State, name: &str, asked: &Asked) -> Result<Told, Refused> {
        if self.fault == Fault::SearchOfOneTypeMissing && name == "Basic" {
            return Err(Refused::new(404, "not-supported", "this type is not searched"));
        }
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
        if self.fault == Fault::ReadOfOneTypeMissing && name == "Basic" {
            return Err(not_served());
        }
        let version = existing(state, name, id)?;
        let none_match = asked
            .header("if-none-match")
            .map(|tags| tags.split(',').any(|tag| tag.trim() == version.etag() || tag.trim() == "*"));
        let since = asked.header("if-modified-since").is_some_and(|date| date == version.http_date());
        let unchanged = match self.fault {
            Fault::IfNoneMatchIgnored => since,
            Fault::IfNoneMatchAlwaysHolds => none_match.is_some() || since,
            Fault::IfModifiedSinceIgnored => none_match.unwrap_or(false),
            _ => none_match.unwrap_or(since),
        };
        if unchanged {
            return Ok(versioned(Told::bare(304), version));
        }
        let mut content = version.content.clone().unwrap_or(Json::Null);
        if self.fault == Fault::ReadWithoutLastUpdated {
            let mut meta = content.remove("meta").unwrap_or(Json::Null);
            meta.remove("lastUpdated");
            content.set("meta", meta);
        }
        let mut told = versioned(Told::with(200, content), version);
        if self.fault == Fault::HeadOfAnotherVersion && asked.method == Method::HEAD {
            told.headers.retain(|(name, _)| *name != "etag");
            told.headers.push(("etag", "W/\"0\"".to_owned()));
        }
        Ok(told)
    }

    fn vread(&self, state: &State, name: &str, id: &str, version: &str) -> Result<Told, Refused> {
        let versions = state.versions(name, id);
        let mut found = versions.iter().find(|held| held.number.to_string() == version);
        if self.fault == Fault::VreadGivesNewest
            || (self.fault == Fault::VreadUnknownGivesNewest && found.is_none())
        {
            found = versions.last();
        }
        let Some(found) = found else {
            return Err(Refused::new(404, "not-found", "there is no such version"));
        };
        match &found.content {
            Some(content) => Ok(versioned(Told::with(200, content.clone()), found)),
            None => Err(Refused::new(410, "deleted", "this version is a deletion")),
        }
    }

    fn delete(&self, state: &mut State, name: &str, id: &str) -> Result<Told, Refused> {
        self.addressed(id)?;
        let status = if self.fault == Fault::DeleteAnswers205 { 205 } else { 204 };
        if self.fault == Fault::DeleteKeeps {
            return Ok(Told::bare(status));
        }
        if state.newest(name, id).is_some_and(|held| held.content.is_some()) {
            let version = state.put(name, id, Method::DELETE, None);
            if self.fault == Fault::DeleteErasesVersions {
                state.erase(name, id);
            }
            return Ok(Told { status, headers: vec![("etag", version.etag())], resource: None });
        }
        if self.fault == Fault::DeleteAgainNotFound {
            return Err(Refused::new(404, "not-found", "there is no such resource"));
        }
        Ok(Told::bare(status))
    }

    fn conditional_delete(&self, state: &mut State, name: &str, asked: &Asked) -> Result<Told, Refused> {
        let found = self.meeting(state, name, &asked.query)?;
        match found.as_slice() {
            _ if self.fault == Fault::ConditionalDeleteDoesNothing => Ok(Told::bare(204)),
            [] => Ok(Told::bare(204)),
            [id] => self.delete(state, name, id),
            [id, ..] if self.fault == Fault::ConditionalDeleteTakesFirst => self.delete(state, name, id),
            all if self.fault == Fault::ConditionalDeleteTakesAll => {
                all.iter().try_fold(Told::bare(204), |_, id| self.delete(state, name, id))
            }
            _ => Err(several()),
        }
    }

    /// A type that R4 defines.
    fn known_type<'n>(&self, name: &'n str) -> Result<&'n str, Refused> {
        let no_type = || Refused::new(404, "not-supported", "there is no such type");
        let any_case = |found: &tables::TypeId| found.name().eq_ignore_ascii_case(name);
        match tables::resource_type(name) {
            Some(_) if name == UNKEPT && self.fault != Fault::UnclaimedTypeServed => Err(no_type()),
            Some(_) => Ok(name),
            None if self.fault == Fault::CaseIgnored => {
                tables::resource_types().find(any_case).map(tables::TypeId::name).ok_or_else(no_type)
            }
            None => Err(no_type()),
        }
    }

    /// An id that can be one.
    pub(crate) fn addressed(&self, id: &str) -> Result<(), Refused> {
        let dots = id.chars().all(|letter| letter == '.');
        let long = self.fault == Fault::LongIdAccepted && id.len() > 64;
        let odd = self.fault == Fault::BadIdAccepted && id.len() <= 64;
        if !dots && conformance::target::is_id(id) || long || odd {
            return Ok(());
        }
        Err(Refused::new(400, "value", "this cannot be an id"))
    }
}

/// Whether the statement claims what is asked for, as far as it claims less of one type than of the others.
fn is_claimed(method: &str, path: &[&str]) -> bool {
    let [SHOWN_ONLY, rest @ ..] = path else { return true };
    match (method, rest) {
        ("POST", ["_search"]) | ("GET" | "HEAD", []) => true,
        ("GET" | "HEAD", [id]) => *id != "_history",
        _ => false,
    }
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

pub(crate) fn several() -> Refused {
    Refused::new(412, "multiple-matches", "more than one resource meets the condition")
}

pub(crate) fn versioned(mut told: Told, version: &Version) -> Told {
    told.headers.push(("etag", version.etag()));
    told.headers.push(("last-modified", version.http_date()));
    told
}
