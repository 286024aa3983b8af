//! Resources that a run puts on the endpoint to search for.
//!
//! Each carries a tag and an identifier of the run, and every search is narrowed by what the endpoint can narrow by, so
//! that nothing else on the endpoint disturbs.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use http::Method;
use serde_json::{Value, json};

use super::super::judge::authorised;
use super::ask::{JSON, Reply, all_matches, follow, tried};
use super::offered::Offered;
use super::query::Query;
use crate::bench::Bench;
use crate::check::Otherwise;
use crate::target::{Answer, Question, is_id};
use crate::tree::{Limits, Tree};

/// How often an endpoint is asked whether it finds what was just put there, and how long is waited between.
const TRIES: usize = 25;
const PAUSE: Duration = Duration::from_millis(200);

/// A resource to be put on the endpoint.
#[derive(Debug, Clone)]
pub(super) struct Seed {
    /// What it is called here.
    pub(super) label: String,
    /// What is sent: `{label}` stands for the `Type/id` of one that was put before.
    pub(super) resource: Value,
}

/// A resource that is on the endpoint.
#[derive(Debug)]
pub(super) struct Placed {
    /// What it is called here.
    pub(super) label: String,
    /// `Type/id`.
    pub(super) key: String,
    /// As it was sent, with its id.
    pub(super) tree: Tree,
}

impl Placed {
    /// Its type.
    pub(super) fn of(&self) -> &str {
        self.key.split('/').next().unwrap_or_default()
    }
}

/// What was put on the endpoint, and how searches keep to it.
#[derive(Debug)]
pub(super) struct Ground {
    /// Letters and digits of the run.
    pub(super) mark: String,
    /// What is there, in the order it was put.
    pub(super) placed: Vec<Placed>,
    /// By type, the parameter that narrows a search to what is there.
    narrowings: BTreeMap<String, (String, String)>,
    /// Types that the endpoint takes or finds no resources of, and why.
    without: BTreeMap<String, Otherwise>,
}

impl Ground {
    /// Puts `seeds` on the endpoint, those of types that can be created and searched, and waits until searches find them.
    ///
    /// # Errors
    /// When one is not taken, or none is found by what should narrow to it.
    pub(super) async fn lay(bench: &Bench, mark: String, seeds: Vec<Seed>) -> Result<Self, Otherwise> {
        let mut ground =
            Self { mark, placed: Vec::new(), narrowings: BTreeMap::new(), without: BTreeMap::new() };
        for seed in seeds {
            let of = type_of(&seed.resource);
            if let Err(why) = taken(bench, &of).and_then(|()| bench.claimed(&of, "search-type")) {
                ground.without.insert(of, why);
                continue;
            }
            match ground.put(bench, seed).await {
                Ok(placed) => ground.placed.push(placed),
                Err(why @ Otherwise::Skipped(_)) => drop(ground.without.insert(of, why)),
                Err(other) => return Err(other),
            }
        }
        let types: BTreeSet<String> = ground.placed.iter().map(|placed| placed.of().to_owned()).collect();
        for of in types {
            let narrowing = ground.narrowing(bench, &of).await?;
            ground.narrowings.insert(of, narrowing);
        }
        Ok(ground)
    }

    async fn put(&self, bench: &Bench, seed: Seed) -> Result<Placed, Otherwise> {
        let Seed { label, mut resource } = seed;
        let tag = json!({"tag": [{"system": tag_system(&self.mark), "code": self.mark}]});
        set(&mut resource, "meta", tag);
        let mut numbers = vec![json!({"system": NUMBER_SYSTEM, "value": number(&self.mark, &label)})];
        numbers.extend(resource.get("identifier").and_then(Value::as_array).into_iter().flatten().cloned());
        set(&mut resource, "identifier", Value::Array(numbers));
        let of = type_of(&resource);
        let text = self.filled(&resource.to_string());
        let (key, _) = create(bench, &of, &text).await?;
        let id = key.split('/').nth(1).unwrap_or_default();
        let whole = text.replacen('{', &format!("{{\"id\":\"{id}\","), 1);
        let tree = Tree::from_json(whole.as_bytes(), &Limits::default())
            .map_err(|_| Otherwise::error("a resource of this suite does not read"))?;
        Ok(Placed { label, key, tree })
    }

    /// `text` with the marks of what is there: `{mark}` of the run, `{label}` of a resource.
    pub(super) fn filled(&self, text: &str) -> String {
        let mut out = text.replace("{mark}", &self.mark).replace("{MARK}", &self.mark.to_uppercase());
        for placed in &self.placed {
            let id = placed.key.split('/').nth(1).unwrap_or_default();
            out = out
                .replace(&format!("{{{}}}", placed.label), &placed.key)
                .replace(&format!("{{{}.id}}", placed.label), id);
        }
        out
    }

    /// `text` with the ids of what is there as what they are called here.
    pub(super) fn hidden(&self, text: &str) -> String {
        let mut out = text.replace(&self.mark, "{mark}");
        for placed in &self.placed {
            out = out.replace(&placed.key, &format!("{{{}}}", placed.label));
        }
        out
    }

    /// What narrows a search of this type to what is there.
    ///
    /// # Errors
    /// Skips the check where nothing of the type could be put there.
    pub(super) fn narrowed(&self, of: &str) -> Result<Query, Otherwise> {
        match (self.narrowings.get(of), self.without.get(of)) {
            (Some((name, value)), _) => Ok(Query::of(of).with(name, value)),
            (None, Some(why)) => Err(why.clone()),
            (None, None) => Err(Otherwise::skipped(format!("there is no {of} to search for"))),
        }
    }

    /// What is there of a type.
    pub(super) fn of(&self, resource_type: &str) -> impl Iterator<Item = &Placed> {
        self.placed.iter().filter(move |placed| placed.of() == resource_type)
    }

    /// What is called so.
    ///
    /// # Errors
    /// Skips the check where its type could not be put there.
    pub(super) fn called(&self, label: &str) -> Result<&Placed, Otherwise> {
        let found = self.placed.iter().find(|placed| placed.label == label);
        found.ok_or_else(|| Otherwise::skipped("the endpoint takes no resource of a type that is needed"))
    }

    /// What a key is called here.
    pub(super) fn label<'a>(&'a self, key: &'a str) -> &'a str {
        let found = self.placed.iter().find(|placed| placed.key == key);
        found.map_or("one that this search must not find", |placed| &placed.label)
    }

    async fn narrowing(&self, bench: &Bench, of: &str) -> Result<(String, String), Otherwise> {
        let offered = Offered::of(bench, of)?;
        let all: BTreeSet<&str> = self.of(of).map(|placed| placed.key.as_str()).collect();
        let numbers: Vec<String> = self
            .of(of)
            .map(|placed| format!("{NUMBER_SYSTEM}|{}", number(&self.mark, &placed.label)))
            .collect();
        let ids: Vec<&str> = all.iter().filter_map(|key| key.split('/').nth(1)).collect();
        let ways = [
            ("_tag", format!("{}|{}", tag_system(&self.mark), self.mark)),
            ("identifier", numbers.join(",")),
            ("_id", ids.join(",")),
        ];
        let mut denied = None;
        for attempt in 0..TRIES {
            if attempt > 0 {
                tokio::time::sleep(PAUSE).await;
            }
            for (name, value) in ways.iter().filter(|(name, _)| offered.has(name)) {
                let query = Query::of(of).with(name, value).with("_count", "100");
                // What this run may not ask by one of them it may ask by another.
                let first = match tried(bench, &query, &[]).await {
                    Ok(Reply::Found(first)) => first,
                    Ok(Reply::Refused(_)) => continue,
                    Err(Otherwise::Skipped(why)) => {
                        denied = Some(Otherwise::Skipped(why));
                        continue;
                    }
                    Err(other) => return Err(other),
                };
                let sheets = follow(bench, &query, *first).await?;
                if all_matches(&sheets).into_iter().collect::<BTreeSet<_>>() == all {
                    return Ok(((*name).to_owned(), value.clone()));
                }
            }
        }
        Err(denied.unwrap_or_else(|| Otherwise::error(format!(
            "searches of {of} cannot be kept to what this run made: neither _tag, identifier nor _id finds just that"
        ))))
    }
}

/// The type of a resource.
fn type_of(resource: &Value) -> String {
    resource.get("resourceType").and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// Puts a member into an object.
pub(super) fn set(held: &mut Value, name: &str, value: Value) {
    if let Some(members) = held.as_object_mut() {
        members.insert(name.to_owned(), value);
    }
}

/// The system of the tag of a run.
pub(super) fn tag_system(mark: &str) -> String {
    format!("https://conformance.example/{mark}/tag")
}

/// The system of the identifiers of every run, so that rules about who may see which can name it; the numbers are the run's own.
pub(super) const NUMBER_SYSTEM: &str = "https://conformance.example/number";

/// The identifier of a resource.
pub(super) fn number(mark: &str, label: &str) -> String {
    format!("{mark}-{label}")
}

/// Goes on only where a resource of this type can be put: the endpoint claims that it takes it, or the run says where it is put.
fn taken(bench: &Bench, of: &str) -> Result<(), Otherwise> {
    match bench.ground() {
        Some(_) => Ok(()),
        None => bench.claimed(of, "create"),
    }
}

/// Creates a resource, on the endpoint or where the run says, and returns its key and the answer.
///
/// # Errors
/// When it is not created.
pub(super) async fn create(bench: &Bench, of: &str, body: &str) -> Result<(String, Answer), Otherwise> {
    taken(bench, of)?;
    let headers = [JSON, ("content-type", "application/fhir+json"), ("prefer", "return=representation")];
    let question = Question { method: Method::POST, path: of, headers: &headers, body: body.as_bytes() };
    let answer = bench.ask_ground(&question).await?;
    authorised(&answer)?;
    if bench.ground().is_some() && matches!(answer.status, 404 | 405 | 501) {
        return Err(Otherwise::skipped(format!("where it is put, no {of} is taken")));
    }
    if answer.status != 201 {
        return Err(Otherwise::error(format!("a valid {of} is not created: status {}", answer.status)));
    }
    let location = answer.header("location").and_then(|text| {
        let mut steps = text.split('/').skip_while(|step| *step != of);
        steps.nth(1)
    });
    let body = answer.document.as_ref().ok().and_then(|held| held.root().str_at(&["id"]));
    let id = location.map(str::to_owned).or_else(|| body.map(std::borrow::Cow::into_owned));
    let id = id.filter(|id| is_id(id));
    let id =
        id.ok_or_else(|| Otherwise::error(format!("it is not told under which id a {of} was created")))?;
    let key = format!("{of}/{id}");
    match bench.ground() {
        Some(_) => bench.laid(key.clone()),
        None => bench.made(key.clone()),
    }
    Ok((key, answer))
}
