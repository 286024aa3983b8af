//! The Bundle that a search is answered with.

use std::collections::BTreeSet;

use http::Method;

use super::super::judge::{fhir_json, root, shape};
use super::ask::{JSON, LENIENT, Reply, Sheet, asked, below, posted, tried};
use super::bank::bank;
use super::offered::Offered;
use super::query::Query;
use super::sets::{check, compare};
use crate::bench::Bench;
use crate::check::{Check, Grade, Judgement, Otherwise};
use crate::elements;
use crate::observe::UNKNOWN;
use crate::target::Question;
use crate::tree::{Limits, Tree};
use Grade::{Shall, Should};

const SEARCH: &str = "https://hl7.org/fhir/R4/http.html#search";
const BUNDLE: &str = "https://hl7.org/fhir/R4/bundle.html";
const MODE: &str = "https://hl7.org/fhir/R4/bundle-definitions.html#Bundle.entry.search.mode";
const FULL_URL: &str = "https://hl7.org/fhir/R4/bundle-definitions.html#Bundle.entry.fullUrl";
const TOTAL_IS: &str = "https://hl7.org/fhir/R4/bundle-definitions.html#Bundle.total";
const SELF: &str = "https://hl7.org/fhir/R4/search.html#conformance";
const TOTAL: &str = "https://hl7.org/fhir/R4/search.html#total";

pub(super) const CHECKS: &[Check] = &[
    check(
        Shall,
        "search-searchset",
        SEARCH,
        (
            "a search answers 200 with a Bundle of type searchset",
            "clients tell it from other Bundles by its type",
        ),
        |bench| Box::pin(searchset(bench)),
    ),
    check(
        Shall,
        "search-content-type",
        "https://hl7.org/fhir/R4/http.html#mime-type",
        (
            "the Bundle is application/fhir+json when that is accepted",
            "clients choose their parser by the media type",
        ),
        |bench| Box::pin(content_type(bench)),
    ),
    check(
        Shall,
        "search-bundle-elements",
        BUNDLE,
        ("the Bundle and what it holds are as R4 defines them", "strict readers refuse the whole page"),
        |bench| Box::pin(bundle_elements(bench)),
    ),
    check(
        Shall,
        "search-self-link",
        SELF,
        ("the Bundle has a link to itself", "it is how a client learns what was searched"),
        |bench| Box::pin(self_link(bench)),
    ),
    check(
        Shall,
        "search-self-link-used",
        SELF,
        ("the self link tells every parameter that was used", "a client must know what narrowed the list"),
        |bench| Box::pin(self_link_used(bench)),
    ),
    check(
        Shall,
        "search-self-link-ignored",
        SELF,
        (
            "the self link tells no parameter that was passed over",
            "a client else believes the list to be narrowed",
        ),
        |bench| Box::pin(self_link_ignored(bench)),
    ),
    check(
        Should,
        "search-links-on-base",
        "https://hl7.org/fhir/R4/http.html#paging",
        (
            "links lead back to the base that was asked",
            "behind a gateway any other address cannot be reached",
        ),
        |bench| Box::pin(links_on_base(bench)),
    ),
    check(
        Should,
        "search-total",
        TOTAL_IS,
        ("a total is the number of matches on all pages", "people are counted by it"),
        |bench| Box::pin(total(bench)),
    ),
    check(
        Should,
        "search-total-accurate",
        TOTAL,
        ("_total=accurate makes the total exact", "it was asked for to rely on"),
        |bench| Box::pin(total_accurate(bench)),
    ),
    check(
        Should,
        "search-mode",
        MODE,
        ("every entry tells why it is there", "a client else takes what only goes along for a match"),
        |bench| Box::pin(mode(bench)),
    ),
    check(
        Shall,
        "search-full-url",
        FULL_URL,
        (
            "every entry has an absolute fullUrl that is the identity of its resource",
            "references within the Bundle are resolved by it",
        ),
        |bench| Box::pin(full_url(bench)),
    ),
    check(
        Shall,
        "search-entries-once",
        "https://hl7.org/fhir/R4/bundle.html#bundle-unique",
        ("no resource stands twice among the matches of a page", "a record would be counted twice"),
        |bench| Box::pin(entries_once(bench)),
    ),
    check(
        Shall,
        "search-resources-whole",
        SEARCH,
        ("resources in a search are those that a read brings", "a list that shows less hides what matters"),
        |bench| Box::pin(resources_whole(bench)),
    ),
    check(
        Shall,
        "search-by-post",
        SEARCH,
        (
            "POST to _search finds what GET finds",
            "identifiers in addresses end up in logs, so clients use POST",
        ),
        |bench| Box::pin(by_post(bench)),
    ),
    check(
        Shall,
        "search-by-post-both",
        SEARCH,
        (
            "parameters of a POST may stand in the address and in the body",
            "one of them passed over finds far too much",
        ),
        |bench| Box::pin(by_post_both(bench)),
    ),
    check(
        Shall,
        "search-no-match",
        SEARCH,
        ("a search that finds nothing answers 200 with no match", "not found is no error in a search"),
        |bench| Box::pin(no_match(bench)),
    ),
    check(
        Shall,
        "search-encoding",
        SEARCH,
        ("a space may be written as + or %20, and a plus as %2B", "forms are encoded in both ways"),
        |bench| Box::pin(encoding(bench)),
    ),
    check(
        Shall,
        "search-in-xml",
        "https://hl7.org/fhir/R4/http.html#mime-type",
        ("a search in XML finds what it finds in JSON", "the format decides about no record"),
        |bench| Box::pin(in_xml(bench)),
    ),
];

/// All Patients of the bank.
pub(super) async fn everyone(bench: &Bench) -> Result<(Query, Sheet), Otherwise> {
    let kept = bank(bench).await?;
    let query = kept.0.narrowed("Patient")?;
    let sheet = asked(bench, &query).await?;
    Ok((query, sheet))
}

async fn searchset(bench: &Bench) -> Judgement {
    let (query, sheet) = everyone(bench).await?;
    match root(&sheet.answer)?.str_at(&["type"]).as_deref() {
        Some("searchset") => Ok(()),
        other => Err(Otherwise::unmet(
            format!("type searchset to {}", query.of),
            other.map_or("no type", |_| "another type"),
        )),
    }
}

async fn content_type(bench: &Bench) -> Judgement {
    fhir_json(&everyone(bench).await?.1.answer)
}

async fn bundle_elements(bench: &Bench) -> Judgement {
    let (_, sheet) = everyone(bench).await?;
    let root = root(&sheet.answer)?;
    shape(root)?;
    elements::known(root)
}

async fn self_link(bench: &Bench) -> Judgement {
    let (_, sheet) = everyone(bench).await?;
    match sheet.link("self") {
        Some(_) => Ok(()),
        None => Err(Otherwise::unmet("a link with relation self", "none")),
    }
}

async fn self_link_used(bench: &Bench) -> Judgement {
    let (query, sheet) = everyone(bench).await?;
    let Some(used) = sheet.used() else { return Err(Otherwise::skipped("there is no self link")) };
    match query.pairs.iter().find(|(name, _)| !used.iter().any(|(known, _)| known == name)) {
        None => Ok(()),
        Some((name, _)) => Err(Otherwise::unmet(
            format!("a self link with {name}"),
            "one without it, though the search was narrowed by it",
        )),
    }
}

async fn self_link_ignored(bench: &Bench) -> Judgement {
    let query = bank(bench).await?.0.narrowed("Patient")?.with(UNKNOWN, "1");
    let sheet = tried(bench, &query, &[LENIENT]).await?.or_skip("an unknown parameter")?;
    if sheet.says_used(UNKNOWN) {
        return Err(Otherwise::unmet(
            "a self link without the parameter that nobody knows",
            "one that tells it as used",
        ));
    }
    Ok(())
}

async fn links_on_base(bench: &Bench) -> Judgement {
    let query = bank(bench).await?.0.narrowed("Patient")?.with("_count", "2");
    let sheet = asked(bench, &query).await?;
    let away = sheet.links.iter().find(|(_, url)| below(bench.target().base(), url).is_none());
    match away {
        None => Ok(()),
        Some((relation, _)) => {
            Err(Otherwise::unmet("links on the base", format!("the link {relation} leads elsewhere")))
        }
    }
}

async fn total(bench: &Bench) -> Judgement {
    let (query, sheet) = everyone(bench).await?;
    let Some(total) = sheet.total else { return Err(Otherwise::skipped("there is no total")) };
    counted(&query, total, bench).await
}

async fn total_accurate(bench: &Bench) -> Judgement {
    let query = bank(bench).await?.0.narrowed("Patient")?.with("_total", "accurate").with("_count", "3");
    let sheet = tried(bench, &query, &[]).await?.or_skip("_total")?;
    match sheet.total {
        Some(total) => counted(&query, total, bench).await,
        None if sheet.says_used("_total") => Err(Otherwise::unmet("a total", "none")),
        None => Err(Otherwise::skipped("by its self link the endpoint did not use _total")),
    }
}

async fn counted(query: &Query, total: u64, bench: &Bench) -> Judgement {
    let there = bank(bench).await?.0.of(&query.of).count();
    if u64::try_from(there) == Ok(total) {
        return Ok(());
    }
    Err(Otherwise::unmet(format!("total {there}"), format!("total {total}")))
}

async fn mode(bench: &Bench) -> Judgement {
    let (_, sheet) = everyone(bench).await?;
    let strange = sheet.entries.iter().find(|entry| {
        let outcome = entry.key.starts_with("OperationOutcome");
        let wanted = if outcome { "outcome" } else { "match" };
        entry.mode.as_deref() != Some(wanted)
    });
    match strange {
        None => Ok(()),
        Some(entry) => Err(Otherwise::unmet(
            "search.mode match, or outcome of an OperationOutcome",
            if entry.mode.is_some() { "another mode" } else { "no mode" },
        )),
    }
}

async fn full_url(bench: &Bench) -> Judgement {
    let (_, sheet) = everyone(bench).await?;
    for entry in sheet.entries.iter().filter(|entry| entry.is_match()) {
        let Some(url) = &entry.full_url else { return Err(Otherwise::unmet("a fullUrl", "none")) };
        let named =
            url.strip_suffix(&entry.key).is_some_and(|rest| rest.ends_with('/') && rest.contains("://"));
        if !named && !url.starts_with("urn:") {
            return Err(Otherwise::unmet("an absolute fullUrl that ends in Type/id", "another one"));
        }
    }
    Ok(())
}

async fn entries_once(bench: &Bench) -> Judgement {
    let (_, sheet) = everyone(bench).await?;
    let matches = sheet.matches();
    let once: BTreeSet<&str> = matches.iter().copied().collect();
    if once.len() == matches.len() {
        return Ok(());
    }
    Err(Otherwise::unmet("each match once", format!("{} of {}", once.len(), matches.len())))
}

async fn resources_whole(bench: &Bench) -> Judgement {
    let kept = bank(bench).await?;
    let anna = kept.0.called("anna")?;
    bench.claimed("Patient", "read")?;
    let read = Question { method: Method::GET, path: &anna.key, headers: &[JSON], body: b"" };
    let read = bench.ask(&read).await?;
    if read.status != 200 {
        return Err(Otherwise::error(format!("what was created is not read: status {}", read.status)));
    }
    let sheet = asked(bench, &kept.0.narrowed("Patient")?).await?;
    let Some(found) = sheet.resource(&anna.key) else {
        return Err(Otherwise::unmet("what was created among the matches", "it is not"));
    };
    let names = |node: fhir::json::Node<'_>| -> BTreeSet<String> {
        node.members().map(|(name, _)| name.text().into_owned()).collect()
    };
    let (whole, listed) = (names(root(&read)?), names(found));
    match whole.difference(&listed).next() {
        None => Ok(()),
        Some(missing) => {
            Err(Otherwise::unmet("every element that a read brings", format!("none called {missing}")))
        }
    }
}

async fn by_post(bench: &Bench) -> Judgement {
    let kept = bank(bench).await?;
    Offered::of(bench, "Patient")?.needs(&["gender"])?;
    let query = kept.0.narrowed("Patient")?.with("gender", "female");
    let sheet = posted_or_skip(posted(bench, "Patient/_search", &query).await?)?;
    compare(&kept.0, &query, &["anna", "bea", "gail"], &sheet.matches())
}

async fn by_post_both(bench: &Bench) -> Judgement {
    let kept = bank(bench).await?;
    Offered::of(bench, "Patient")?.needs(&["gender"])?;
    let query = kept.0.narrowed("Patient")?;
    let told = query.clone().with("gender", "female");
    let sheet = posted_or_skip(posted(bench, "Patient/_search?gender=female", &query).await?)?;
    compare(&kept.0, &told, &["anna", "bea", "gail"], &sheet.matches())
}

/// Servers need not offer POST beside GET, and say so.
fn posted_or_skip(reply: Reply) -> Result<Sheet, Otherwise> {
    match reply {
        Reply::Refused(status @ (404 | 405 | 501)) => {
            Err(Otherwise::skipped(format!("POST to _search is refused with {status}")))
        }
        Reply::Refused(status) => {
            Err(Otherwise::unmet("status 200 to POST Patient/_search", format!("status {status}")))
        }
        Reply::Found(sheet) => Ok(*sheet),
    }
}

async fn no_match(bench: &Bench) -> Judgement {
    let offered = Offered::of(bench, "Patient")?;
    let name = ["_id", "identifier", "family"].into_iter().find(|name| offered.has(name));
    let name = name.ok_or(Otherwise::skipped("neither _id, identifier nor family is advertised"))?;
    let value = format!("nobody-{}", bench.tag());
    let sheet = asked(bench, &Query::of("Patient").with(name, &value)).await?;
    match (sheet.matches().len(), sheet.total) {
        (0, None | Some(0)) => Ok(()),
        (0, Some(total)) => Err(Otherwise::unmet("total 0", format!("total {total}"))),
        (count, _) => Err(Otherwise::unmet("no match", format!("{count}"))),
    }
}

async fn encoding(bench: &Bench) -> Judgement {
    let kept = bank(bench).await?;
    Offered::of(bench, "Patient")?.needs(&["given"])?;
    let narrowed = kept.0.narrowed("Patient")?;
    for (form, wanted) in
        [("given=Gail+Zoe", &["gail"] as &[&str]), ("given=Gail%20Zoe", &["gail"]), ("given=Gail%2BZoe", &[])]
    {
        let path = format!("{}&{form}", narrowed.path());
        let question = Question { method: Method::GET, path: &path, headers: &[JSON], body: b"" };
        let answer = bench.ask(&question).await?;
        let found = answer.document.as_ref().ok().map(|held| {
            let all = held.root().walk(&["entry", "resource"]).map(super::ask::key);
            all.filter(|key| key.starts_with("Patient/")).collect::<Vec<_>>()
        });
        let found = found.unwrap_or_default();
        let keys: Vec<&str> = found.iter().map(String::as_str).collect();
        compare(&kept.0, &Query::read(&format!("Patient?{form}")), wanted, &keys)?;
    }
    Ok(())
}

async fn in_xml(bench: &Bench) -> Judgement {
    let (query, sheet) = everyone(bench).await?;
    let formats = super::super::judge::texts(root(bench.observed()?.metadata.answer()?)?, &["format"]);
    if !formats.iter().any(|format| format.contains("xml")) {
        return Err(Otherwise::skipped("XML is not advertised"));
    }
    let path = query.path();
    let headers = [("accept", "application/fhir+xml")];
    let question = Question { method: Method::GET, path: &path, headers: &headers, body: b"" };
    let answer = bench.ask(&question).await?;
    if answer.status != 200 {
        return Err(Otherwise::unmet("status 200", format!("status {}", answer.status)));
    }
    let Ok(tree) = Tree::from_xml(&answer.body, &Limits::default()) else {
        return Err(Otherwise::unmet("a Bundle in XML", "a body that is none"));
    };
    let resources = tree.root().named("entry").filter_map(|entry| entry.child("resource"));
    let key =
        |node: crate::tree::Node<'_>| Some(format!("{}/{}", node.resource_type()?, node.child_text("id")?));
    let found: BTreeSet<String> =
        resources.filter_map(key).filter(|key| key.starts_with("Patient/")).collect();
    let wanted: BTreeSet<String> = sheet.matches().into_iter().map(str::to_owned).collect();
    if found == wanted {
        return Ok(());
    }
    Err(Otherwise::unmet(
        format!("{} matches, those of JSON", wanted.len()),
        format!("{}, of which {} are the same", found.len(), found.intersection(&wanted).count()),
    ))
}
