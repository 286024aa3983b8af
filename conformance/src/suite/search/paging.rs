//! Pages and their order.

use std::collections::BTreeSet;

use super::ask::{Reply, STRICT, Sheet, all_matches, asked, follow, pages, tried};
use super::bank::bank;
use super::offered::Offered;
use super::query::Query;
use super::sets::check;
use crate::bench::Bench;
use crate::check::{Check, Grade, Judgement, Otherwise};
use crate::observe::UNKNOWN;
use Grade::{Shall, Should};

const COUNT: &str = "https://hl7.org/fhir/R4/search.html#count";
const PAGING: &str = "https://hl7.org/fhir/R4/http.html#paging";
const SORT: &str = "https://hl7.org/fhir/R4/search.html#sort";

pub(super) const CHECKS: &[Check] = &[
    check(
        Shall,
        "search-count",
        COUNT,
        ("a page holds no more matches than _count", "a client reserves room for just these"),
        |bench| Box::pin(count(bench)),
    ),
    check(
        Shall,
        "search-count-zero",
        COUNT,
        ("_count=0 brings the total and no match", "it is how clients count"),
        |bench| Box::pin(count_zero(bench)),
    ),
    check(
        Shall,
        "search-count-large",
        COUNT,
        ("a _count larger than the server's own bound is no error", "clients do not know the bound"),
        |bench| Box::pin(count_large(bench)),
    ),
    check(
        Should,
        "search-count-bad",
        "https://hl7.org/fhir/R4/search.html#errors",
        ("a _count that is no number is refused or passed over", "a server that breaks on it can be broken"),
        |bench| Box::pin(count_bad(bench)),
    ),
    check(
        Shall,
        "search-pages-complete",
        PAGING,
        ("the next links lead to every match", "what is on no page is lost"),
        |bench| Box::pin(pages_complete(bench)),
    ),
    check(
        Shall,
        "search-pages-once",
        PAGING,
        ("no match is on two pages", "a record would be counted twice"),
        |bench| Box::pin(pages_once(bench)),
    ),
    check(
        Shall,
        "search-pages-filtered",
        PAGING,
        ("the next links keep to the search", "the second page else shows what nobody asked for"),
        |bench| Box::pin(pages_filtered(bench)),
    ),
    check(
        Shall,
        "search-pages-same-total",
        PAGING,
        ("the total is the same on each page", "it is the number of all matches, wherever one looks"),
        |bench| Box::pin(pages_same_total(bench)),
    ),
    check(
        Shall,
        "search-sort-string",
        SORT,
        ("_sort puts names in order", "lists for people are in the order of names"),
        |bench| Box::pin(sorted(bench, "Patient", "family", NAMES)),
    ),
    check(
        Shall,
        "search-sort-descending",
        SORT,
        ("_sort with a minus turns the order around", "the newest first is the order that is read"),
        |bench| Box::pin(sorted(bench, "Patient", "-birthdate", &["gail", "dora", "anna", "finn"])),
    ),
    check(
        Shall,
        "search-sort-date",
        SORT,
        ("_sort puts dates in order", "what came first must not come last"),
        |bench| Box::pin(sorted(bench, "Patient", "birthdate", &["finn", "anna", "dora", "gail"])),
    ),
    check(
        Shall,
        "search-sort-instants",
        SORT,
        ("_sort puts times in order, whatever their zones", "the order of events is read from it"),
        |bench| Box::pin(sorted(bench, "Observation", "date", &["early", "late", "pressure", "words"])),
    ),
    check(
        Shall,
        "search-sort-number",
        SORT,
        ("_sort puts numbers in the order of their values", "9 comes before 10"),
        |bench| {
            Box::pin(sorted(
                bench,
                "RiskAssessment",
                "probability",
                &["under", "edge", "half", "over", "above", "nine", "ten"],
            ))
        },
    ),
    check(
        Shall,
        "search-sort-second",
        SORT,
        ("a second _sort key orders what the first leaves equal", "a list by day needs the hours"),
        |bench| Box::pin(sorted(bench, "Patient", "gender,-birthdate", &["gail", "anna", "finn"])),
    ),
    check(
        Shall,
        "search-sort-keeps-all",
        SORT,
        (
            "what lacks the element that is sorted by is found all the same",
            "an unknown date of birth must hide nobody",
        ),
        |bench| Box::pin(sort_keeps_all(bench)),
    ),
    check(
        Shall,
        "search-sort-pages",
        SORT,
        (
            "pages of a sorted search are in one order and complete",
            "an order that moves loses records between pages",
        ),
        |bench| Box::pin(sort_pages(bench)),
    ),
    check(
        Should,
        "search-sort-unknown",
        "https://hl7.org/fhir/R4/search.html#errors",
        (
            "strictly handled, _sort by what nobody knows is refused",
            "a client else takes any order for the one it asked for",
        ),
        |bench| Box::pin(sort_unknown(bench)),
    ),
];

/// Names whose order is the same in every collation.
const NAMES: &[&str] = &["anna", "finn", "dora", "evan", "gail"];

async fn narrowed(bench: &Bench, of: &str) -> Result<Query, Otherwise> {
    bank(bench).await?.0.narrowed(of)
}

async fn count(bench: &Bench) -> Judgement {
    for limit in [1_usize, 3] {
        let query = narrowed(bench, "Patient").await?.with("_count", &limit.to_string());
        let sheets = pages(bench, &query).await?;
        if let Some(sheet) = sheets.iter().find(|sheet| sheet.matches().len() > limit) {
            return Err(Otherwise::unmet(
                format!("at most {limit} to _count={limit}"),
                format!("{}", sheet.matches().len()),
            ));
        }
    }
    Ok(())
}

async fn count_zero(bench: &Bench) -> Judgement {
    let query = narrowed(bench, "Patient").await?.with("_count", "0");
    let sheet = asked(bench, &query).await?;
    let there = bank(bench).await?.0.of("Patient").count();
    match (sheet.matches().len(), sheet.total) {
        (0, Some(total)) if u64::try_from(there) == Ok(total) => Ok(()),
        (0, total) => {
            let found = total.map_or("no total".to_owned(), |total| format!("total {total}"));
            Err(Otherwise::unmet(format!("total {there}"), found))
        }
        (count, _) => Err(Otherwise::unmet("no match on the page", format!("{count}"))),
    }
}

async fn count_large(bench: &Bench) -> Judgement {
    let query = narrowed(bench, "Patient").await?.with("_count", "1000000");
    asked(bench, &query).await.map(|_| ())
}

async fn count_bad(bench: &Bench) -> Judgement {
    for value in ["-1", "many", "99999999999999999999999"] {
        let query = narrowed(bench, "Patient").await?.with("_count", value);
        if let Reply::Found(sheet) = tried(bench, &query, &[]).await?
            && sheet.says_used("_count")
            && sheet.used().is_some_and(|used| used.contains(&("_count".to_owned(), value.to_owned())))
        {
            return Err(Otherwise::unmet(
                format!("a refusal of _count={value}, or a self link without it"),
                "status 200 and a self link that tells it as used",
            ));
        }
    }
    Ok(())
}

async fn by_twos(bench: &Bench) -> Result<Vec<Sheet>, Otherwise> {
    let query = narrowed(bench, "Patient").await?.with("_count", "2");
    pages(bench, &query).await
}

async fn pages_complete(bench: &Bench) -> Judgement {
    let sheets = by_twos(bench).await?;
    let found: BTreeSet<&str> = all_matches(&sheets).into_iter().collect();
    let kept = bank(bench).await?;
    let missing = kept.0.of("Patient").filter(|placed| !found.contains(placed.key.as_str())).count();
    if missing == 0 {
        return Ok(());
    }
    Err(Otherwise::unmet(
        format!("{} matches on all pages", kept.0.of("Patient").count()),
        format!("{missing} of them on none of {}", sheets.len()),
    ))
}

async fn pages_once(bench: &Bench) -> Judgement {
    let sheets = by_twos(bench).await?;
    let all = all_matches(&sheets);
    let once: BTreeSet<&str> = all.iter().copied().collect();
    if once.len() == all.len() {
        return Ok(());
    }
    Err(Otherwise::unmet(
        "each match on one page",
        format!("{} of {} twice", all.len() - once.len(), all.len()),
    ))
}

async fn pages_filtered(bench: &Bench) -> Judgement {
    let kept = bank(bench).await?;
    Offered::of(bench, "Patient")?.needs(&["gender"])?;
    let query = kept.0.narrowed("Patient")?.with("gender", "female").with("_count", "1");
    let sheets = pages(bench, &query).await?;
    super::sets::compare(&kept.0, &query, &["anna", "bea", "gail"], &all_matches(&sheets))
}

async fn pages_same_total(bench: &Bench) -> Judgement {
    let totals: BTreeSet<u64> = by_twos(bench).await?.iter().filter_map(|sheet| sheet.total).collect();
    match totals.len() {
        0 => Err(Otherwise::skipped("there is no total")),
        1 => Ok(()),
        _ => Err(Otherwise::unmet("one total", format!("{totals:?}"))),
    }
}

/// A search in an order, where the endpoint says that it is in it.
async fn in_order(bench: &Bench, query: &Query) -> Result<Vec<Sheet>, Otherwise> {
    let sheet = tried(bench, query, &[]).await?.or_skip("_sort")?;
    if !sheet.says_used("_sort") {
        return Err(Otherwise::skipped("by its self link the endpoint did not use _sort"));
    }
    follow(bench, query, sheet).await
}

/// Asks for `sort` and wants `order` among what is found.
async fn sorted(
    bench: &Bench,
    of: &'static str,
    sort: &'static str,
    order: &'static [&'static str],
) -> Judgement {
    let kept = bank(bench).await?;
    let keys = sort.split(',').map(|key| key.trim_start_matches('-')).collect::<Vec<_>>();
    Offered::of(bench, of)?.needs(&keys)?;
    let query = kept.0.narrowed(of)?.with("_sort", sort);
    let sheets = in_order(bench, &query).await?;
    let matches = all_matches(&sheets);
    let labels = matches.iter().map(|key| kept.0.label(key));
    let found: Vec<&str> = labels.filter(|label| order.contains(label)).collect();
    if found == order {
        return Ok(());
    }
    Err(Otherwise::unmet(format!("{} to _sort={sort}", order.join(", ")), found.join(", ")))
}

async fn sort_keeps_all(bench: &Bench) -> Judgement {
    Offered::of(bench, "Patient")?.needs(&["birthdate"])?;
    let kept = bank(bench).await?;
    let query = kept.0.narrowed("Patient")?.with("_sort", "birthdate");
    let sheets = in_order(bench, &query).await?;
    let all: Vec<&str> = kept.0.of("Patient").map(|placed| placed.label.as_str()).collect();
    super::sets::compare(&kept.0, &query, &all, &all_matches(&sheets))
}

async fn sort_pages(bench: &Bench) -> Judgement {
    Offered::of(bench, "Patient")?.needs(&["family"])?;
    let kept = bank(bench).await?;
    for sort in ["family", "-family"] {
        let query = kept.0.narrowed("Patient")?.with("_sort", sort).with("_count", "2");
        let sheets = in_order(bench, &query).await?;
        let matches = all_matches(&sheets);
        let labels: Vec<&str> = matches.iter().map(|key| kept.0.label(key)).collect();
        let mut order: Vec<&str> = NAMES.to_vec();
        if sort == "-family" {
            order.reverse();
        }
        let found: Vec<&str> = labels.iter().copied().filter(|label| order.contains(label)).collect();
        if found != order || labels.len() != kept.0.of("Patient").count() {
            let expected = format!("{} over the pages to _sort={sort}&_count=2", order.join(", "));
            return Err(Otherwise::unmet(expected, labels.join(", ")));
        }
    }
    Ok(())
}

async fn sort_unknown(bench: &Bench) -> Judgement {
    let query = narrowed(bench, "Patient").await?.with("_sort", UNKNOWN);
    match tried(bench, &query, &[STRICT]).await? {
        Reply::Refused(_) => Ok(()),
        Reply::Found(sheet) if sheet.says_used("_sort") => {
            Err(Otherwise::unmet("a refusal", "status 200 and a self link that tells it as used"))
        }
        Reply::Found(_) => Err(Otherwise::unmet("a refusal", "status 200")),
    }
}
