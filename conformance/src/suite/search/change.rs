//! Searches after something changed.

use std::time::Duration;

use http::Method;
use serde_json::json;

use super::ask::{JSON, all_matches, asked, pages};
use super::bank::bank;
use super::ground::{NUMBER_SYSTEM, create, set};
use super::offered::Offered;
use super::query::Query;
use super::sets::check;
use crate::bench::Bench;
use crate::check::{Check, Grade, Judgement, Otherwise};
use crate::target::Question;
use Grade::Shall;

const SEARCH: &str = "https://hl7.org/fhir/R4/http.html#search";
const UPDATE: &str = "https://hl7.org/fhir/R4/http.html#update";
const DELETE: &str = "https://hl7.org/fhir/R4/http.html#delete";
const LAST_UPDATED: &str = "https://hl7.org/fhir/R4/search.html#lastUpdated";
const CACHE: &str = "https://www.rfc-editor.org/rfc/rfc9110#section-13.1.2";

/// How often is asked until a change shows, and how long is waited between: nothing promises that it shows at once.
const TRIES: usize = 15;
const PAUSE: Duration = Duration::from_millis(200);

pub(super) const CHECKS: &[Check] = &[
    check(
        Shall,
        "search-created",
        SEARCH,
        ("what is created is found", "a record that cannot be found is as good as lost"),
        |bench| Box::pin(created(bench)),
    ),
    check(
        Shall,
        "search-updated-new",
        UPDATE,
        ("what is updated is found by its new values", "a changed name must find the person"),
        |bench| Box::pin(updated_new(bench)),
    ),
    check(
        Shall,
        "search-updated-old",
        UPDATE,
        ("what is updated is not found by its old values", "an old address must not lead anywhere"),
        |bench| Box::pin(updated_old(bench)),
    ),
    check(
        Shall,
        "search-updated-content",
        UPDATE,
        ("what is updated is found as it is now", "an old version acted on is a mistake"),
        |bench| Box::pin(updated_content(bench)),
    ),
    check(
        Shall,
        "search-deleted",
        DELETE,
        ("what is deleted is not found", "what was withdrawn must not be shown"),
        |bench| Box::pin(deleted(bench)),
    ),
    check(
        Shall,
        "search-last-updated",
        LAST_UPDATED,
        ("_lastUpdated finds by when a resource last changed", "copies are kept up to date by it"),
        |bench| Box::pin(last_updated(bench)),
    ),
    check(
        Shall,
        "search-not-stale",
        CACHE,
        ("an answer that changed is not told to be unchanged", "a cache else shows what is no longer so"),
        |bench| Box::pin(not_stale(bench)),
    ),
];

/// A Patient of this check's own, who is found by her identifier.
struct Person {
    key: String,
    number: String,
    family: String,
    mark: String,
}

impl Person {
    async fn new(bench: &Bench, part: &str) -> Result<Self, Otherwise> {
        Offered::of(bench, "Patient")?.needs(&["identifier"])?;
        let mark = format!("c{}", bench.tag());
        let mut person = Self {
            key: String::new(),
            number: format!("{NUMBER_SYSTEM}|{mark}-{part}"),
            family: format!("{mark}{part}before"),
            mark: format!("{mark}-{part}"),
        };
        let (key, _) = create(bench, "Patient", &person.body(None)).await?;
        person.key = key;
        person.until(bench, &person.by_number(), Shows::Yes).await?;
        Ok(person)
    }

    fn body(&self, id: Option<&str>) -> String {
        let system = self.number.split('|').next().unwrap_or_default();
        let mut body = json!({"resourceType": "Patient", "name": [{"family": self.family}], "gender": "female",
            "identifier": [{"system": system, "value": self.mark}]});
        if let Some(id) = id {
            set(&mut body, "id", json!(id));
        }
        body.to_string()
    }

    fn by_number(&self) -> Query {
        Query::of("Patient").with("identifier", &self.number)
    }

    /// With her number: an endpoint need not say who has a name.
    fn by_family(&self, family: &str) -> Query {
        self.by_number().with("family", family)
    }

    /// Changes her name where she was put, and returns the one she had.
    async fn rename(&mut self, bench: &Bench) -> Result<String, Otherwise> {
        claimed(bench, "update")?;
        Offered::of(bench, "Patient")?.needs(&["family"])?;
        self.until(bench, &self.by_family(&self.family), Shows::Yes).await?;
        let after = self.family.replace("before", "after");
        let before = std::mem::replace(&mut self.family, after);
        let body = self.body(self.key.split('/').nth(1));
        let headers = [JSON, ("content-type", "application/fhir+json")];
        let question =
            Question { method: Method::PUT, path: &self.key, headers: &headers, body: body.as_bytes() };
        let answer = bench.ask_ground(&question).await?;
        match answer.status {
            200 | 201 => Ok(before),
            status => Err(Otherwise::error(format!("what was created is not updated: status {status}"))),
        }
    }

    /// Asks until she is found, or is not.
    async fn until(&self, bench: &Bench, query: &Query, shows: Shows) -> Judgement {
        for attempt in 0..TRIES {
            if attempt > 0 {
                tokio::time::sleep(PAUSE).await;
            }
            let sheets = pages(bench, query).await?;
            let found =
                if all_matches(&sheets).contains(&self.key.as_str()) { Shows::Yes } else { Shows::No };
            if found == shows {
                return Ok(());
            }
        }
        let told = query.to_string().replace(&self.mark, "{mark}");
        Err(match shows {
            Shows::Yes => {
                Otherwise::unmet(format!("it among the matches of {told}"), "it is not, after 3 seconds")
            }
            Shows::No => {
                Otherwise::unmet(format!("it not among the matches of {told}"), "it is, after 3 seconds")
            }
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shows {
    Yes,
    No,
}

/// Goes on only where a Patient can be changed so: the endpoint claims it, or the run says where she is put.
fn claimed(bench: &Bench, interaction: &'static str) -> Result<(), Otherwise> {
    match bench.ground() {
        Some(_) => Ok(()),
        None => bench.claimed("Patient", interaction),
    }
}

async fn created(bench: &Bench) -> Judgement {
    let person = Person::new(bench, "created").await?;
    person.until(bench, &person.by_number(), Shows::Yes).await
}

async fn updated_new(bench: &Bench) -> Judgement {
    let mut person = Person::new(bench, "new").await?;
    person.rename(bench).await?;
    person.until(bench, &person.by_family(&person.family), Shows::Yes).await
}

async fn updated_old(bench: &Bench) -> Judgement {
    let mut person = Person::new(bench, "old").await?;
    let before = person.rename(bench).await?;
    person.until(bench, &person.by_family(&before), Shows::No).await
}

async fn updated_content(bench: &Bench) -> Judgement {
    let mut person = Person::new(bench, "content").await?;
    person.rename(bench).await?;
    for attempt in 0..TRIES {
        if attempt > 0 {
            tokio::time::sleep(PAUSE).await;
        }
        let sheet = asked(bench, &person.by_number()).await?;
        let found = sheet.resource(&person.key);
        let named = found
            .is_some_and(|found| found.walk(&["name", "family"]).any(|name| name.is_string(&person.family)));
        if named && sheet.matches().len() == 1 {
            return Ok(());
        }
    }
    Err(Otherwise::unmet("the one Patient with her new name", "another version, or several, after 3 seconds"))
}

async fn deleted(bench: &Bench) -> Judgement {
    claimed(bench, "delete")?;
    let person = Person::new(bench, "deleted").await?;
    let question = Question { method: Method::DELETE, path: &person.key, headers: &[JSON], body: b"" };
    let status = bench.ask_ground(&question).await?.status;
    if !matches!(status, 200..=299) {
        return Err(Otherwise::error(format!("what was created is not deleted: status {status}")));
    }
    person.until(bench, &person.by_number(), Shows::No).await
}

async fn last_updated(bench: &Bench) -> Judgement {
    Offered::of(bench, "Patient")?.needs(&["_lastUpdated"])?;
    let kept = bank(bench).await?;
    let anna = kept.0.called("anna")?;
    let query = kept.0.narrowed("Patient")?;
    let sheet = asked(bench, &query).await?;
    let stated = sheet.resource(&anna.key).and_then(|found| found.str_at(&["meta", "lastUpdated"]));
    let Some(stated) = stated.map(std::borrow::Cow::into_owned) else {
        return Err(Otherwise::skipped("resources have no meta.lastUpdated"));
    };
    for (value, wanted) in [
        (format!("ge{stated}"), Shows::Yes),
        (format!("le{stated}"), Shows::Yes),
        (format!("lt{stated}"), Shows::No),
        ("lt2001-01-01".to_owned(), Shows::No),
        ("gt2001-01-01".to_owned(), Shows::Yes),
    ] {
        let sheets = pages(bench, &query.clone().with("_lastUpdated", &value)).await?;
        let found = if all_matches(&sheets).contains(&anna.key.as_str()) { Shows::Yes } else { Shows::No };
        if found != wanted {
            let told = |shows| if shows == Shows::Yes { "found" } else { "not found" };
            return Err(Otherwise::unmet(
                format!("a resource that was last updated at {stated} {} by {value}", told(wanted)),
                told(found),
            ));
        }
    }
    Ok(())
}

async fn not_stale(bench: &Bench) -> Judgement {
    let mut person = Person::new(bench, "stale").await?;
    let path = person.by_number().path();
    let question = Question { method: Method::GET, path: &path, headers: &[JSON], body: b"" };
    let before = bench.ask(&question).await?;
    let (etag, modified) = (before.header("etag"), before.header("last-modified"));
    if etag.is_none() && modified.is_none() {
        return Err(Otherwise::skipped(
            "answers to searches have neither an ETag nor a Last-Modified header",
        ));
    }
    // The time of change is told to the second only.
    if etag.is_none() {
        tokio::time::sleep(Duration::from_millis(1100)).await;
    }
    person.rename(bench).await?;
    person.until(bench, &person.by_family(&person.family), Shows::Yes).await?;
    let condition = match (etag, modified) {
        (Some(etag), _) => ("if-none-match", etag),
        (None, Some(modified)) => ("if-modified-since", modified),
        (None, None) => return Ok(()),
    };
    let question = Question { method: Method::GET, path: &path, headers: &[JSON, condition], body: b"" };
    match bench.ask(&question).await?.status {
        200 => Ok(()),
        status => {
            Err(Otherwise::unmet("status 200 to a condition on what was before", format!("status {status}")))
        }
    }
}
