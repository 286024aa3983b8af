//! Checks over many requests: pages, and many requesters at once.

use std::collections::BTreeMap;

use super::super::battery::{Attack, Request, parsed};
use super::super::bench::{Bench, Ended, Outcome, said, searched};
use super::super::normal::{Between, Normal, unquoted};
use super::super::wire::Answer;

/// Pages that are walked.
const PAGES_MAX: usize = 100;
/// Requests of each requester at one time.
const AT_ONCE: usize = 8;

/// Walks all pages: each but the last is full, and none holds anything hidden.
pub(super) async fn paging(bench: &Bench, attack: &Attack) -> Result<Outcome, Ended> {
    let scanner = bench.scanner(attack);
    let wanted = count_of(&attack.request.path);
    let mut request = attack.request.clone();
    let mut sizes = Vec::new();
    loop {
        let answer = bench.answer(&request).await?;
        searched(&scanner, &answer)?;
        if answer.refused() {
            let page = sizes.len() + 1;
            return Ok(Outcome::Vacuous(format!("status {} for page {page}", answer.status)));
        }
        let page: serde_json::Value = parsed(&String::from_utf8_lossy(&answer.body)).unwrap_or_default();
        sizes.push(matches(&page));
        let Some(next) = next(&page) else { break };
        let there = on_target(bench, &next)
            .ok_or_else(|| Outcome::Leaked("a link leads to another host".to_owned()))?;
        request = Request { method: "GET".to_owned(), path: there, body: None, ..attack.request.clone() };
        if sizes.len() > PAGES_MAX {
            return Ok(Outcome::Leaked(format!("more than {PAGES_MAX} pages")));
        }
    }
    let (_, full) = sizes.split_last().unwrap_or((&0, &[]));
    match wanted {
        Some(wanted) if full.iter().any(|size| *size != wanted) => {
            Ok(Outcome::Leaked(format!("pages with holes: {sizes:?} where {wanted} were asked for")))
        }
        Some(wanted) if sizes.last() == Some(&0) && sizes.len() > 1 => {
            Ok(Outcome::Leaked(format!("an empty last page where {wanted} were asked for")))
        }
        Some(wanted) if sizes.last().is_some_and(|size| *size > wanted) => {
            Ok(Outcome::Leaked(format!("a page of more than the {wanted} that were asked for")))
        }
        _ => Ok(Outcome::Held(format!("{} pages without a hole", sizes.len()))),
    }
}

fn count_of(path: &str) -> Option<usize> {
    let (_, query) = path.split_once('?')?;
    query.split('&').find_map(|pair| unquoted(pair).strip_prefix("_count=")?.parse().ok())
}

pub(super) fn matches(page: &serde_json::Value) -> usize {
    let entries = page.get("entry").and_then(serde_json::Value::as_array);
    let mode = |entry: &serde_json::Value| {
        entry.pointer("/search/mode").and_then(|mode| mode.as_str().map(String::from))
    };
    let is_match = |entry: &&serde_json::Value| mode(entry).is_none_or(|mode| mode == "match");
    entries.map_or(0, |entries| entries.iter().filter(is_match).count())
}

/// The link to the next page.
pub(crate) fn next(page: &serde_json::Value) -> Option<String> {
    let links = page.get("link")?.as_array()?;
    let text = |link: &serde_json::Value, name: &str| {
        link.get(name).and_then(|held| held.as_str().map(String::from))
    };
    links
        .iter()
        .find(|link| text(link, "relation").as_deref() == Some("next"))
        .and_then(|link| text(link, "url"))
}

/// Path and query of a link to the target, without the prefix that is put in front again; none for a link elsewhere.
pub(super) fn on_target(bench: &Bench, link: &str) -> Option<String> {
    let path = match link.split_once("://") {
        Some((_, rest)) => {
            let (host, path) = rest.split_at_checked(rest.find('/')?)?;
            (host == bench.target.host()).then_some(path)?
        }
        None => link,
    };
    let path = path.strip_prefix(&bench.prefix).unwrap_or(path);
    path.starts_with('/').then(|| path.to_owned())
}

/// Each requester gets among many what they get alone, and nothing that is hidden from them.
pub(super) async fn concurrency(bench: &Bench, attack: &Attack) -> Result<Outcome, Ended> {
    if bench.tokens.len() < 2 {
        return Err(Outcome::NotRun("it needs tokens of at least two requesters".to_owned()));
    }
    let mut alone = BTreeMap::new();
    for name in bench.tokens.keys() {
        let request = asked_by(&attack.request, name);
        let answer = bench.answer(&request).await?;
        alone.insert(name, Normal::of(&answer, &request, Between::Requests));
    }
    let everybody: Vec<&String> = (0..AT_ONCE).flat_map(|_| bench.tokens.keys()).collect();
    for (name, answer) in together(bench, &attack.request, &everybody).await? {
        let scanner = bench.scanner_for(&name, &[]).without_what(&said(attack));
        searched(&scanner, &answer)?;
        let request = asked_by(&attack.request, &name);
        let now = Normal::of(&answer, &request, Between::Requests);
        if let Some(what) = alone.get(&name).and_then(|before| before.difference(&now)) {
            return Ok(Outcome::Leaked(format!("{what} for {name} is another among many than alone")));
        }
    }
    Ok(Outcome::Held(format!("{} answers at once as they are alone", everybody.len())))
}

/// Asks `request` by all `names` at once.
pub(super) async fn together(
    bench: &Bench,
    request: &Request,
    names: &[&String],
) -> Result<Vec<(String, Answer)>, Ended> {
    let mut running = tokio::task::JoinSet::new();
    for name in names {
        let asked = asked_by(request, name);
        let mut headers = Vec::new();
        for (header, value) in &asked.headers {
            headers.push((header.clone(), bench.filled(value)?));
        }
        let target = format!("{}{}", bench.prefix, bench.filled(&asked.path)?);
        let (endpoint, name) = (bench.target.clone(), (*name).clone());
        running.spawn(async move {
            let body = asked.body.as_deref().map(str::as_bytes);
            (name, endpoint.ask(&asked.method, &target, &headers, body).await)
        });
    }
    let mut out = Vec::new();
    while let Some(done) = running.join_next().await {
        let (name, answer) = done.map_err(|_| Outcome::NotRun("a request was lost here".to_owned()))?;
        out.push((name, answer.map_err(|trouble| Outcome::Leaked(trouble.to_string()))?));
    }
    Ok(out)
}

/// The request with the token of another.
pub(super) fn asked_by(request: &Request, name: &str) -> Request {
    let mut headers = request.headers.clone();
    headers.insert("Authorization".to_owned(), format!("Bearer {{{{{name}}}}}"));
    Request { headers, ..request.clone() }
}
