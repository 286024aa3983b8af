//! The gateway beside the endpoint behind it (`--system 2`): the same questions to both.
//!
//! A gateway that minimises leaves out; so the comparison goes one way. What the gateway says must be said behind as well, but
//! for what is its own: meta, text, addresses, and the mark that something is absent. What it does not say is no
//! difference, and neither is a refusal, except where nothing at all would be left to look at.

use http::Method;
use serde_json::Value;

use super::play::{Inside, get};
use crate::bench::Bench;
use crate::check::{Judgement, Otherwise};
use crate::target::{Answer, Question};

const BEHIND: u32 = 2;

/// The record that both are asked for.
struct Twin {
    path: String,
    kind: String,
    id: String,
}

async fn twin(bench: &Bench) -> Result<Twin, Otherwise> {
    bench.system(BEHIND)?;
    let of = |kind: &str, id: &str| Twin {
        path: format!("{kind}/{id}"),
        kind: kind.to_owned(),
        id: id.to_owned(),
    };
    if let Some(id) = bench.target().patient() {
        return Ok(of("Patient", id));
    }
    let claims = bench.claims()?;
    let kind = claims.types().find(|name| claims.offers(name, "read") && claims.offers(name, "search-type"));
    let kind =
        kind.ok_or(Otherwise::skipped("the gateway advertises no read with a search: name a --patient"))?;
    let answer = bench.ask(&get(&format!("{kind}?_count=1"))).await?;
    let first = entries(&answer).into_iter().find_map(|entry| Some(text(entry.get("resource")?, "id")));
    first.map(|id| of(kind, &id)).ok_or(Otherwise::skipped("the gateway shows no record: name a --patient"))
}

/// Both answers to one read; skipped where the gateway refuses.
async fn both(bench: &Bench) -> Result<(Twin, Answer, Answer), Otherwise> {
    let twin = twin(bench).await?;
    let front = bench.ask(&get(&twin.path)).await?;
    let behind = bench.ask_system(BEHIND, &get(&twin.path)).await?;
    if behind.status != 200 {
        return Err(Otherwise::skipped(format!(
            "system 2 does not show the record (status {})",
            behind.status
        )));
    }
    match front.status {
        200 => Ok((twin, front, behind)),
        401 | 403 | 404 => {
            Err(Otherwise::skipped("the gateway refuses what system 2 shows: that is its office"))
        }
        status => Err(Otherwise::unmet("status 200, or a refusal", format!("status {status}"))),
    }
}

fn inside(bench: &Bench) -> Result<Inside, Otherwise> {
    let behind = bench.system(BEHIND)?.base();
    let host = behind.split('/').nth(2).unwrap_or_default().to_owned();
    Ok(Inside::of(bench, [host]))
}

fn value(answer: &Answer) -> Option<Value> {
    fhir::json::parse_value(answer.body.clone(), &fhir::json::Limits::default()).ok()
}

fn text(value: &Value, name: &str) -> String {
    value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn entries(answer: &Answer) -> Vec<Value> {
    let held = value(answer).and_then(|bundle| bundle.get("entry").cloned());
    held.and_then(|entry| entry.as_array().cloned()).unwrap_or_default()
}

/// `Type/id` of every match.
fn matches(answer: &Answer) -> Vec<String> {
    let is_match = |entry: &Value| {
        entry.pointer("/search/mode").is_none_or(|mode| mode == "match")
            && entry.pointer("/resource/resourceType").is_some_and(|kind| kind != "OperationOutcome")
    };
    let named = |entry: &Value| {
        let resource = entry.get("resource")?;
        Some(format!("{}/{}", text(resource, "resourceType"), text(resource, "id")))
    };
    entries(answer).iter().filter(|entry| is_match(entry)).filter_map(named).collect()
}

pub(super) async fn status(bench: &Bench) -> Judgement {
    both(bench).await.map(|_| ())
}

pub(super) async fn identity(bench: &Bench) -> Judgement {
    let (twin, front, _) = both(bench).await?;
    let held = value(&front).unwrap_or_default();
    if text(&held, "resourceType") == twin.kind && text(&held, "id") == twin.id {
        return Ok(());
    }
    Err(Otherwise::unmet("the type and id that were asked for", "another record"))
}

/// Every leaf of `value` with the names that lead to it.
fn leaves(value: &Value, path: &str, out: &mut Vec<(String, String)>) {
    match value {
        Value::Object(members) => members.iter().for_each(|(name, held)| {
            leaves(held, &format!("{path}.{name}"), out);
        }),
        Value::Array(items) => items.iter().for_each(|held| leaves(held, path, out)),
        Value::Null => {}
        Value::String(_) | Value::Number(_) | Value::Bool(_) => {
            out.push((path.to_owned(), value.to_string()))
        }
    }
}

/// What a gateway may write anew.
fn is_its_own(path: &str) -> bool {
    let own = [".meta", ".text", ".implicitRules", ".language"].iter().any(|part| path.starts_with(part));
    let address = [".reference", ".url", ".fullUrl"].iter().any(|end| path.ends_with(end));
    own || address || path.contains(".extension.") || path.contains(".modifierExtension.")
}

pub(super) async fn nothing_added(bench: &Bench) -> Judgement {
    let (_, front, behind) = both(bench).await?;
    let (Some(front), Some(behind)) = (value(&front), value(&behind)) else {
        return Err(Otherwise::error("one of the two answers is no JSON"));
    };
    let (mut shown, mut held) = (Vec::new(), Vec::new());
    leaves(&front, "", &mut shown);
    leaves(&behind, "", &mut held);
    for (path, said) in shown.into_iter().filter(|(path, _)| !is_its_own(path)) {
        match held.iter().position(|one| *one == (path.clone(), said.clone())) {
            Some(at) => drop(held.swap_remove(at)),
            None => {
                let place = path.trim_start_matches('.');
                return Err(Otherwise::unmet("only what system 2 says", format!("another value in {place}")));
            }
        }
    }
    Ok(())
}

pub(super) async fn strong_tag(bench: &Bench) -> Judgement {
    let (_, front, behind) = both(bench).await?;
    let opaque = |tag: &str| tag.trim_start_matches("W/").to_owned();
    match (front.header("etag"), behind.header("etag")) {
        (None, _) => Err(Otherwise::skipped("the gateway gives no ETag")),
        (Some(own), Some(other))
            if !own.starts_with("W/") && opaque(own) == opaque(other) && front.body != behind.body =>
        {
            let expected = "a weak entity tag, or one of its own, for other bytes than those of system 2";
            Err(Otherwise::unmet(expected, "the tag of system 2 as a strong one"))
        }
        (Some(_), _) => Ok(()),
    }
}

pub(super) async fn unchanged(bench: &Bench) -> Judgement {
    let (twin, front, _) = both(bench).await?;
    let tag = front.header("etag").ok_or(Otherwise::skipped("the gateway gives no ETag"))?.to_owned();
    let headers = [("accept", "application/fhir+json"), ("if-none-match", tag.as_str())];
    let question = Question { method: Method::GET, path: &twin.path, headers: &headers, body: b"" };
    let again = bench.ask(&question).await?;
    match again.status {
        304 if again.body.is_empty() => Ok(()),
        200 => Ok(()),
        304 => Err(Otherwise::unmet("no body with 304", "a body")),
        status => Err(Otherwise::unmet("status 304 or 200 for its own ETag", format!("status {status}"))),
    }
}

pub(super) async fn head(bench: &Bench) -> Judgement {
    let (twin, front, _) = both(bench).await?;
    let headers = [("accept", "application/fhir+json")];
    let question = Question { method: Method::HEAD, path: &twin.path, headers: &headers, body: b"" };
    let answer = bench.ask(&question).await?;
    if matches!(answer.status, 405 | 501) {
        return Err(Otherwise::skipped("the gateway does not serve HEAD"));
    }
    if answer.status != front.status || !answer.body.is_empty() {
        return Err(Otherwise::unmet("the status of GET, and no body", format!("status {}", answer.status)));
    }
    match (answer.header("content-type"), front.header("content-type")) {
        (Some(own), Some(other)) if own != other => {
            Err(Otherwise::unmet("the content type of GET", "another"))
        }
        (Some(_) | None, _) => Ok(()),
    }
}

pub(super) async fn headers(bench: &Bench) -> Judgement {
    let (_, front, _) = both(bench).await?;
    inside(bench)?.absent(&front)
}

/// A search that both answer.
async fn searched(bench: &Bench, count: usize) -> Result<(Twin, Answer, Answer), Otherwise> {
    let twin = twin(bench).await?;
    bench.claimed(&twin.kind, "search-type")?;
    let path = format!("{}?_count={count}", twin.kind);
    let front = bench.ask(&get(&path)).await?;
    if front.status != 200 {
        let path = format!("{}?_id={}&_count={count}", twin.kind, twin.id);
        let front = bench.ask(&get(&path)).await?;
        let behind = bench.ask_system(BEHIND, &get(&path)).await?;
        return searchable(twin, front, behind);
    }
    let behind = bench.ask_system(BEHIND, &get(&path)).await?;
    searchable(twin, front, behind)
}

fn searchable(twin: Twin, front: Answer, behind: Answer) -> Result<(Twin, Answer, Answer), Otherwise> {
    if front.status == 200 && behind.status == 200 {
        return Ok((twin, front, behind));
    }
    Err(Otherwise::skipped("one of the two refuses the search"))
}

pub(super) async fn links(bench: &Bench) -> Judgement {
    let (_, front, _) = searched(bench, 2).await?;
    let held = value(&front).unwrap_or_default();
    let links = held.get("link").and_then(Value::as_array).cloned().unwrap_or_default();
    let origin = format!("{}/", origin(bench));
    let own = |link: &Value| {
        let url = text(link, "url");
        url.starts_with(&origin) || !url.contains("://")
    };
    if links.iter().all(own) {
        return Ok(());
    }
    Err(Otherwise::unmet("links that lead to the gateway, or are relative", "another address"))
}

/// Scheme and authority of the gateway: it may have more than one base there.
fn origin(bench: &Bench) -> String {
    bench.target().base().splitn(4, '/').take(3).collect::<Vec<_>>().join("/")
}

pub(super) async fn full_urls(bench: &Bench) -> Judgement {
    let (_, front, _) = searched(bench, 20).await?;
    let origin = origin(bench);
    for entry in entries(&front) {
        let (url, resource) = (text(&entry, "fullUrl"), entry.get("resource").cloned().unwrap_or_default());
        let ends = format!("/{}/{}", text(&resource, "resourceType"), text(&resource, "id"));
        let own = url.starts_with(&format!("{origin}/")) && url.ends_with(&ends);
        if !url.is_empty() && !url.starts_with("urn:") && !own {
            return Err(Otherwise::unmet(
                "fullUrl with a base of the gateway, the type and the id",
                "another address",
            ));
        }
    }
    Ok(())
}

pub(super) async fn next_page(bench: &Bench) -> Judgement {
    let (_, front, _) = searched(bench, 2).await?;
    let held = value(&front).unwrap_or_default();
    let links = held.get("link").and_then(Value::as_array).cloned().unwrap_or_default();
    let next = links.iter().find(|link| text(link, "relation") == "next").map(|link| text(link, "url"));
    let next = next.ok_or(Otherwise::skipped("there is no second page"))?;
    let base = bench.target().base();
    let path = next.strip_prefix(base).map(|rest| rest.trim_start_matches('/'));
    let path = path.ok_or(Otherwise::unmet("a next link below the gateway's base", "another address"))?;
    let second = bench.ask(&get(path)).await?;
    if second.status != 200 || !second.is("Bundle") {
        return Err(Otherwise::unmet("a Bundle behind the next link", format!("status {}", second.status)));
    }
    let (first, second) = (matches(&front), matches(&second));
    if second.iter().any(|one| first.contains(one)) {
        return Err(Otherwise::unmet("other matches on the second page", "one of the first page"));
    }
    Ok(())
}

pub(super) async fn matches_held(bench: &Bench) -> Judgement {
    let (_, front, behind) = searched(bench, 1_000).await?;
    let held = matches(&behind);
    if value(&behind).is_some_and(|bundle| text_of_next(&bundle)) {
        return Err(Otherwise::skipped("system 2 does not answer in one page"));
    }
    if matches(&front).iter().all(|one| held.contains(one)) {
        return Ok(());
    }
    Err(Otherwise::unmet("matches that system 2 has too", "another"))
}

fn text_of_next(bundle: &Value) -> bool {
    let links = bundle.get("link").and_then(Value::as_array);
    links.is_some_and(|links| links.iter().any(|link| text(link, "relation") == "next"))
}

pub(super) async fn once(bench: &Bench) -> Judgement {
    let (_, front, _) = searched(bench, 1_000).await?;
    let mut all = matches(&front);
    let count = all.len();
    all.sort_unstable();
    all.dedup();
    if all.len() == count { Ok(()) } else { Err(Otherwise::unmet("each match once", "one twice")) }
}

pub(super) async fn unknown(bench: &Bench) -> Judgement {
    let twin = twin(bench).await?;
    let path = format!("{}/nobody-{}", twin.kind, bench.tag());
    let behind = bench.ask_system(BEHIND, &get(&path)).await?;
    let front = bench.ask(&get(&path)).await?;
    if !matches!(behind.status, 404 | 410) {
        return Err(Otherwise::skipped("system 2 does not answer 404"));
    }
    if !matches!(front.status, 401 | 403 | 404 | 410) {
        return Err(Otherwise::unmet("status 404 or 410, or a refusal", format!("status {}", front.status)));
    }
    inside(bench)?.absent(&front)
}

pub(super) async fn gzip(bench: &Bench) -> Judgement {
    let (twin, plain, _) = both(bench).await?;
    let headers = [("accept", "application/fhir+json"), ("accept-encoding", "gzip")];
    let question = Question { method: Method::GET, path: &twin.path, headers: &headers, body: b"" };
    let packed = bench.ask(&question).await?;
    match packed.header("content-encoding") {
        None => return Err(Otherwise::skipped("the gateway does not compress")),
        Some(held) if held.eq_ignore_ascii_case("gzip") => {}
        Some(_) => return Err(Otherwise::unmet("gzip, the only coding that is accepted", "another")),
    }
    let mut out = Vec::new();
    let bound = u64::try_from(plain.body.len()).unwrap_or(u64::MAX).saturating_add(1_024);
    let mut reader = std::io::Read::take(flate2::read::GzDecoder::new(packed.body.as_ref()), bound);
    let read = std::io::Read::read_to_end(&mut reader, &mut out);
    let same = fhir::json::parse_value(out.into(), &fhir::json::Limits::default()).ok() == value(&plain);
    if read.is_ok() && same {
        return Ok(());
    }
    Err(Otherwise::unmet("the same record, compressed", "another, or what does not unfold"))
}

pub(super) async fn vary(bench: &Bench) -> Judgement {
    let (twin, _, _) = both(bench).await?;
    let headers = [("accept", "application/fhir+json"), ("accept-encoding", "gzip")];
    let question = Question { method: Method::GET, path: &twin.path, headers: &headers, body: b"" };
    let packed = bench.ask(&question).await?;
    if packed.header("content-encoding").is_none() {
        return Err(Otherwise::skipped("the gateway does not compress"));
    }
    let varies = packed.header("vary").is_some_and(|held| {
        let held = held.to_ascii_lowercase();
        held.contains("accept-encoding") || held.trim() == "*"
    });
    let kept = packed.header("cache-control").is_some_and(|held| held.contains("no-store"));
    if varies || kept {
        Ok(())
    } else {
        Err(Otherwise::unmet("Vary with Accept-Encoding, or no-store", "neither"))
    }
}

pub(super) async fn created(bench: &Bench) -> Judgement {
    let twin = twin(bench).await?;
    bench.claimed("Patient", "create")?;
    let body = serde_json::json!({
        "resourceType": "Patient", "active": true,
        "identifier": [{"system": "urn:ietf:rfc:3986", "value": format!("urn:tag:{}", bench.tag())}],
        "name": [{"family": format!("Orrowby-{}", bench.tag()), "given": ["Tansy"]}], "gender": "female"
    })
    .to_string();
    let headers = [("accept", "application/fhir+json"), ("content-type", "application/fhir+json")];
    let question =
        Question { method: Method::POST, path: "Patient", headers: &headers, body: body.as_bytes() };
    let answer = bench.ask(&question).await?;
    if matches!(answer.status, 401 | 403) {
        return Err(Otherwise::skipped("the gateway refuses the create"));
    }
    drop(twin);
    let location = answer.header("location").unwrap_or_default();
    let id = location
        .split("Patient/")
        .nth(1)
        .and_then(|rest| rest.split('/').next())
        .unwrap_or_default()
        .to_owned();
    if crate::target::is_id(&id) {
        bench.made(format!("Patient/{id}"));
    }
    if answer.status != 201 {
        return Err(Otherwise::unmet("status 201", format!("status {}", answer.status)));
    }
    if !location.starts_with(bench.target().base()) && location.contains("://") {
        return Err(Otherwise::unmet("a Location below the gateway's base", "another address"));
    }
    if location.is_empty() {
        return Err(Otherwise::unmet("a Location", "none"));
    }
    inside(bench)?.absent(&answer)
}

pub(super) async fn malformed(bench: &Bench) -> Judgement {
    twin(bench).await?;
    bench.claimed("Patient", "create")?;
    let headers = [("accept", "application/fhir+json"), ("content-type", "application/fhir+json")];
    let body = b"{\"resourceType\":\"Patient\",";
    let answer =
        bench.ask(&Question { method: Method::POST, path: "Patient", headers: &headers, body }).await?;
    if (400..500).contains(&answer.status) {
        return inside(bench)?.absent(&answer);
    }
    Err(Otherwise::unmet("status 4xx for a body that is no JSON", format!("status {}", answer.status)))
}

pub(super) async fn statement(bench: &Bench) -> Judgement {
    bench.system(BEHIND)?;
    let answer = bench.ask(&get("metadata")).await?;
    if answer.status != 200 {
        return Err(Otherwise::skipped("the gateway has no CapabilityStatement"));
    }
    inside(bench)?.absent(&answer)
}

pub(super) async fn no_more_claimed(bench: &Bench) -> Judgement {
    bench.system(BEHIND)?;
    let front = bench.ask(&get("metadata")).await?;
    let behind = bench.ask_system(BEHIND, &get("metadata")).await?;
    let offered = |answer: &Answer| {
        let claims = crate::observe::Claims::of(answer);
        let types: Vec<String> = claims.types().map(str::to_owned).collect();
        (claims, types)
    };
    let ((own, types), (others, known)) = (offered(&front), offered(&behind));
    if types.is_empty() || known.is_empty() {
        return Err(Otherwise::skipped("one of the two claims nothing"));
    }
    let shared = types.iter().filter(|name| known.contains(name));
    for name in shared {
        for code in ["create", "update", "patch", "delete"] {
            if own.offers(name, code) && !others.offers(name, code) {
                return Err(Otherwise::unmet(
                    "no write claimed that the endpoint behind does not claim",
                    format!("{code} of {name}"),
                ));
            }
        }
    }
    Ok(())
}
