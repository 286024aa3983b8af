//! Versions and histories.

use std::collections::BTreeSet;

use fhir::json::Node;

use super::super::judge::{root, status};
use super::hands::{
    HISTORY, Kept, acted, claimed_text, current_version, delete, entries, get, kept_whole, kind, make,
    parsed, refused, succeeded, told_within, version,
};
use super::update::changed;
use crate::bench::Bench;
use crate::check::{Check, Judgement, Otherwise};
use crate::target::Answer;

const VREAD: &str = "https://hl7.org/fhir/R4/http.html#vread";
const PAGING: &str = "https://hl7.org/fhir/R4/http.html#paging";
const INVARIANTS: &str = "https://hl7.org/fhir/R4/bundle.html#invs";

/// Pages that are followed.
const PAGES_MAX: usize = 20;

pub(super) const CHECKS: &[Check] = &[
    acted!(
        Shall,
        "core-vread-old",
        "an older version is read as it was",
        "what somebody saw when they decided cannot be shown again",
        VREAD,
        old
    ),
    acted!(
        Shall,
        "core-vread-unknown",
        "a version that there never was answers 404",
        "another version is taken for the one that was asked for",
        VREAD,
        unknown
    ),
    acted!(
        Should,
        "core-vread-deleted",
        "the versions of before a deletion can still be read",
        "what somebody saw when they decided cannot be shown again",
        "https://hl7.org/fhir/R4/http.html#delete",
        of_deleted
    ),
    acted!(
        Shall,
        "core-history-whole",
        "the history of a resource is a Bundle of type history with every version once",
        "a version that is left out is a change that nobody sees",
        HISTORY,
        whole
    ),
    acted!(
        Shall,
        "core-history-order",
        "a history tells the newest version first",
        "readers take the first for what is current",
        HISTORY,
        order
    ),
    acted!(
        Shall,
        "core-history-entries",
        "each entry of a history has a request with method and address, and a response with a status",
        "a create cannot be told from an update",
        INVARIANTS,
        parts
    ),
    acted!(
        Shall,
        "core-history-content",
        "each entry holds the resource as it was in that version",
        "a reader that follows the history builds another record",
        HISTORY,
        content
    ),
    acted!(
        Shall,
        "core-history-deletion",
        "a deletion is in the history, by its method and without a resource",
        "who follows the history keeps what was deleted",
        HISTORY,
        deletion
    ),
    acted!(
        Shall,
        "core-history-count",
        "no page of a history is longer than _count",
        "a reader with little room is overrun",
        HISTORY,
        count
    ),
    acted!(
        Shall,
        "core-history-paging",
        "the pages of a history, followed by their next links, hold every version once",
        "a version between two pages is a change that nobody sees",
        PAGING,
        paging
    ),
    acted!(
        Should,
        "core-history-unknown",
        "the history of what never was answers 404",
        "an empty history says that it was there",
        HISTORY,
        of_unknown
    ),
    acted!(
        Shall,
        "core-history-type",
        "the history of a type holds the versions of its resources, the newest first",
        "who follows a whole system by it misses changes",
        HISTORY,
        of_type
    ),
    acted!(
        Should,
        "core-history-since",
        "_since leaves out versions of before",
        "a reader that asks for news is sent everything",
        HISTORY,
        since
    ),
];

/// Something with two versions: the first as it was made, the second changed.
struct Twofold {
    kept: Kept,
    first: String,
    second: String,
    now: serde_json::Value,
}

async fn twofold(bench: &Bench, word: &str, interaction: &str) -> Result<Twofold, Otherwise> {
    let kind = kind(bench, &["create", "read", "update", interaction])?;
    if claimed_text(bench, kind, "readHistory")?.as_deref() == Some("false") && interaction == "vread" {
        return Err(Otherwise::skipped("past versions are not read, it says"));
    }
    let kept = make(bench, kind, word).await?;
    let first = current_version(bench, &kept).await?;
    let now = changed(&kept);
    let tag = format!("W/\"{first}\"");
    let sent = now.to_string();
    let put = super::hands::send(bench, http::Method::PUT, &kept.path(), &[("if-match", &tag)], sent).await?;
    if !(200..300).contains(&put.status) {
        return Err(Otherwise::error(format!("the update to begin with: status {}", put.status)));
    }
    let second = current_version(bench, &kept).await?;
    Ok(Twofold { kept, first, second, now })
}

async fn old(bench: &Bench) -> Judgement {
    let two = twofold(bench, "vread", "vread").await?;
    let answer = get(bench, &format!("{}/_history/{}", two.kept.path(), two.first)).await?;
    status(&answer, &[200])?;
    if version(&answer)? != two.first {
        return Err(Otherwise::unmet("the version that was asked for", "another"));
    }
    kept_whole(&two.kept.body.to_string(), &answer)?;
    match root(&answer)?.member("telecom") {
        None => Ok(()),
        Some(_) => Err(Otherwise::unmet("what the version held", "what came later")),
    }
}

async fn unknown(bench: &Bench) -> Judgement {
    let kind = kind(bench, &["create", "vread"])?;
    let kept = make(bench, kind, "no-version").await?;
    let answer = get(bench, &format!("{}/_history/99999999", kept.path())).await?;
    status(&answer, &[404])
}

async fn of_deleted(bench: &Bench) -> Judgement {
    let two = twofold(bench, "vread-deleted", "vread").await?;
    bench.claimed(two.kept.kind, "delete")?;
    succeeded(&delete(bench, &two.kept).await?)?;
    let answer = get(bench, &format!("{}/_history/{}", two.kept.path(), two.first)).await?;
    status(&answer, &[200])?;
    kept_whole(&two.kept.body.to_string(), &answer)
}

async fn history(bench: &Bench, two: &Twofold) -> Result<Answer, Otherwise> {
    let answer = get(bench, &format!("{}/_history", two.kept.path())).await?;
    status(&answer, &[200])?;
    if root(&answer)?.str_at(&["type"]).as_deref() != Some("history") {
        return Err(Otherwise::unmet("a Bundle of type history", "something else"));
    }
    Ok(answer)
}

/// The versions of a resource that the entries hold, in their order.
fn versions(bundle: Node<'_>, id: &str) -> Vec<String> {
    let of_id = |resource: &Node<'_>| resource.str_at(&["id"]).as_deref() == Some(id);
    bundle
        .walk(&["entry", "resource"])
        .filter(of_id)
        .filter_map(|resource| resource.str_at(&["meta", "versionId"]).map(String::from))
        .collect()
}

async fn whole(bench: &Bench) -> Judgement {
    let two = twofold(bench, "history", "history-instance").await?;
    let found: Vec<String> = versions(root(&history(bench, &two).await?)?, &two.kept.id);
    let each: BTreeSet<&String> = found.iter().collect();
    if found.len() == 2 && each == BTreeSet::from([&two.first, &two.second]) {
        return Ok(());
    }
    Err(Otherwise::unmet("each of two versions once", format!("{} entries with a version", found.len())))
}

async fn order(bench: &Bench) -> Judgement {
    let two = twofold(bench, "history-order", "history-instance").await?;
    let found = versions(root(&history(bench, &two).await?)?, &two.kept.id);
    newest_first(&found, &two)
}

fn newest_first(found: &[String], two: &Twofold) -> Judgement {
    let at = |wanted: &String| found.iter().position(|held| held == wanted);
    match (at(&two.second), at(&two.first)) {
        (Some(second), Some(first)) if second < first => Ok(()),
        (Some(_), Some(_)) => Err(Otherwise::unmet("the newest version first", "an older one before it")),
        _ => Err(Otherwise::unmet("both versions", "one of them or none")),
    }
}

async fn parts(bench: &Bench) -> Judgement {
    let two = twofold(bench, "history-parts", "history-instance").await?;
    let answer = history(bench, &two).await?;
    let entries = entries(root(&answer)?);
    if entries.is_empty() {
        return Err(Otherwise::unmet("entries", "none"));
    }
    for entry in entries {
        for path in [["request", "method"], ["request", "url"], ["response", "status"]] {
            if entry.str_at(&path).is_none() {
                return Err(Otherwise::unmet(format!("entry.{}", path.join(".")), "none"));
            }
        }
    }
    Ok(())
}

async fn content(bench: &Bench) -> Judgement {
    let two = twofold(bench, "history-content", "history-instance").await?;
    let answer = history(bench, &two).await?;
    for (version, sent) in [(&two.first, &two.kept.body), (&two.second, &two.now)] {
        let of_version = |held: &Node<'_>| {
            held.str_at(&["meta", "versionId"]).is_some_and(|found| found == version.as_str())
        };
        let held = root(&answer)?.walk(&["entry", "resource"]).find(of_version);
        let Some(held) = held else { return Err(Otherwise::unmet("both versions", "one of them or none")) };
        let sent = parsed(&sent.to_string())?;
        told_within(sent.root(), held)?;
        if *version == two.first && held.member("telecom").is_some() {
            return Err(Otherwise::unmet("what the version held", "what came later"));
        }
    }
    Ok(())
}

async fn deletion(bench: &Bench) -> Judgement {
    let two = twofold(bench, "history-deletion", "history-instance").await?;
    bench.claimed(two.kept.kind, "delete")?;
    succeeded(&delete(bench, &two.kept).await?)?;
    let answer = history(bench, &two).await?;
    let first = entries(root(&answer)?).into_iter().next();
    let Some(first) = first else { return Err(Otherwise::unmet("entries", "none")) };
    if first.str_at(&["request", "method"]).as_deref() != Some("DELETE") {
        return Err(Otherwise::unmet("the newest entry with the method DELETE", "another method"));
    }
    match first.member("resource") {
        None => Ok(()),
        Some(_) => Err(Otherwise::unmet("no resource in it", "a resource")),
    }
}

async fn count(bench: &Bench) -> Judgement {
    let two = twofold(bench, "history-count", "history-instance").await?;
    let answer = get(bench, &format!("{}/_history?_count=1", two.kept.path())).await?;
    status(&answer, &[200])?;
    match entries(root(&answer)?).len() {
        0 | 1 => Ok(()),
        more => Err(Otherwise::unmet("one entry at most", format!("{more} entries"))),
    }
}

async fn paging(bench: &Bench) -> Judgement {
    let two = twofold(bench, "history-paging", "history-instance").await?;
    let mut found = Vec::new();
    let mut path = format!("{}/_history?_count=1", two.kept.path());
    for _ in 0..PAGES_MAX {
        let answer = get(bench, &path).await?;
        status(&answer, &[200])?;
        let bundle = root(&answer)?;
        found.extend(versions(bundle, &two.kept.id));
        match next(bench, bundle)? {
            Some(next) => path = next,
            None => break,
        }
    }
    if found == [two.second, two.first] {
        return Ok(());
    }
    Err(Otherwise::unmet(
        "both versions, the newest first",
        format!("{} entries with a version", found.len()),
    ))
}

/// The next page, below the base.
fn next(bench: &Bench, bundle: Node<'_>) -> Result<Option<String>, Otherwise> {
    let named = |link: &Node<'_>| link.member("relation").is_some_and(|relation| relation.is_string("next"));
    let Some(url) = bundle.walk(&["link"]).find(named).and_then(|link| link.str_at(&["url"])) else {
        return Ok(None);
    };
    let below = if url.contains("://") { url.strip_prefix(bench.target().base()) } else { Some(&*url) };
    match below {
        Some(path) => Ok(Some(path.trim_start_matches('/').to_owned())),
        None => Err(Otherwise::error("the next link leads elsewhere than to the base, and is not followed")),
    }
}

async fn of_unknown(bench: &Bench) -> Judgement {
    let kind = kind(bench, &["history-instance"])?;
    let answer = get(bench, &format!("{kind}/{}-never/_history", bench.tag())).await?;
    status(&answer, &[404])
}

async fn of_type(bench: &Bench) -> Judgement {
    let two = twofold(bench, "history-type", "history-type").await?;
    let answer = get(bench, &format!("{}/_history?_count=50", two.kept.kind)).await?;
    status(&answer, &[200])?;
    newest_first(&versions(root(&answer)?, &two.kept.id), &two)
}

async fn since(bench: &Bench) -> Judgement {
    let two = twofold(bench, "history-since", "history-instance").await?;
    let answer = get(bench, &format!("{}/_history?_since=2199-01-01T00:00:00Z", two.kept.path())).await?;
    if refused(&answer).is_ok() {
        return Err(Otherwise::unmet("a history without entries", format!("status {}", answer.status)));
    }
    status(&answer, &[200])?;
    match entries(root(&answer)?).len() {
        0 => Ok(()),
        some => Err(Otherwise::unmet("no entries", format!("{some} entries of before"))),
    }
}

#[cfg(test)]
mod tests {
    use super::versions;
    use crate::suite::fhir_core::hands::parsed;

    #[test]
    fn versions_are_those_of_the_resource_that_is_asked_about() {
        let bundle = parsed(
            r#"{"entry":[{"resource":{"id":"a","meta":{"versionId":"2"}}},
            {"resource":{"id":"b","meta":{"versionId":"1"}}},{"request":{"method":"DELETE"}},
            {"resource":{"id":"a","meta":{"versionId":"1"}}}]}"#,
        )
        .unwrap();
        assert_eq!(versions(bundle.root(), "a"), ["2", "1"]);
    }
}
