//! What goes along with matches, and how much of them is shown.

use std::collections::BTreeSet;

use fhir::json::Node;

use super::ask::{Sheet, asked, tried};
use super::bank::bank;
use super::offered::Offered;
use super::query::Query;
use super::sets::check;
use crate::bench::Bench;
use crate::check::{Check, Grade, Judgement, Otherwise};
use Grade::{Shall, Should};

const INCLUDE: &str = "https://hl7.org/fhir/R4/search.html#include";
const REVINCLUDE: &str = "https://hl7.org/fhir/R4/search.html#revinclude";
const SUMMARY: &str = "https://hl7.org/fhir/R4/search.html#summary";
const ELEMENTS: &str = "https://hl7.org/fhir/R4/search.html#elements";

pub(super) const CHECKS: &[Check] = &[
    check(
        Shall,
        "search-include",
        INCLUDE,
        ("_include brings what the matches refer to, as mode include", "a client else asks once for each"),
        |bench| Box::pin(include(bench)),
    ),
    check(
        Shall,
        "search-include-unrelated",
        INCLUDE,
        ("_include brings nothing that no match refers to", "what goes along unasked is a leak"),
        |bench| Box::pin(include_unrelated(bench)),
    ),
    check(
        Shall,
        "search-include-once",
        INCLUDE,
        ("what several matches refer to is included once", "a client else files it twice"),
        |bench| Box::pin(include_once(bench)),
    ),
    check(
        Shall,
        "search-include-not-counted",
        INCLUDE,
        ("the total and _count are of matches alone", "people are counted by it"),
        |bench| Box::pin(include_not_counted(bench)),
    ),
    check(
        Shall,
        "search-include-by-parameter",
        INCLUDE,
        ("_include follows the parameter it names and no other", "what goes along unasked is a leak"),
        |bench| Box::pin(include_by_parameter(bench)),
    ),
    check(
        Shall,
        "search-revinclude",
        REVINCLUDE,
        (
            "_revinclude brings what refers to the matches, as mode include",
            "a client else asks once for each",
        ),
        |bench| Box::pin(revinclude(bench)),
    ),
    check(
        Shall,
        "search-revinclude-unrelated",
        REVINCLUDE,
        ("_revinclude brings nothing that refers to no match", "what goes along unasked is a leak"),
        |bench| Box::pin(revinclude_unrelated(bench)),
    ),
    check(
        Shall,
        "search-no-include",
        INCLUDE,
        ("without _include nothing goes along", "what goes along unasked is a leak"),
        |bench| Box::pin(no_include(bench)),
    ),
    check(
        Should,
        "search-elements",
        ELEMENTS,
        (
            "_elements brings what it names, and leaves out what it does not",
            "a client asks for no more than it needs",
        ),
        |bench| Box::pin(elements(bench)),
    ),
    check(
        Should,
        "search-elements-marked",
        ELEMENTS,
        (
            "what is cut to _elements is marked SUBSETTED",
            "a client that writes it back else deletes the rest",
        ),
        |bench| Box::pin(elements_marked(bench)),
    ),
    check(
        Should,
        "search-summary",
        SUMMARY,
        ("_summary=true brings the elements of the summary and no others", "lists are made from it"),
        |bench| Box::pin(summary(bench)),
    ),
    check(
        Should,
        "search-summary-marked",
        SUMMARY,
        (
            "what is cut to a summary is marked SUBSETTED",
            "a client that writes it back else deletes the rest",
        ),
        |bench| Box::pin(summary_marked(bench)),
    ),
    check(
        Shall,
        "search-summary-count",
        SUMMARY,
        ("_summary=count brings the total and no match", "it is how clients count"),
        |bench| Box::pin(summary_count(bench)),
    ),
    check(
        Shall,
        "search-summary-false",
        SUMMARY,
        ("_summary=false brings whole resources", "a client that asks for all must get it"),
        |bench| Box::pin(summary_false(bench)),
    ),
];

/// What includes are asked on: Observations, of which this one parameter is followed.
async fn including(bench: &Bench) -> Result<(Query, Sheet), Otherwise> {
    let offered = Offered::of(bench, "Observation")?;
    let follows =
        ["Observation:subject", "Observation:patient"].into_iter().find(|name| offered.includes(name));
    let follows = follows.ok_or(Otherwise::skipped("_include of the subject is not advertised"))?;
    let kept = bank(bench).await?;
    let query = kept.0.narrowed("Observation")?;
    let late = kept.0.called("late")?;
    let id = late.key.split('/').nth(1).unwrap_or_default();
    offered.needs(&["_id"])?;
    let early = kept.0.called("early")?.key.split('/').nth(1).unwrap_or_default();
    let query = query.with("_id", &format!("{id},{early}")).with("_include", follows);
    let sheet = asked(bench, &query).await?;
    Ok((query, sheet))
}

async fn include(bench: &Bench) -> Judgement {
    let (_, sheet) = including(bench).await?;
    let kept = bank(bench).await?;
    let anna = kept.0.called("anna")?;
    if sheet.included().contains(&anna.key.as_str()) {
        return Ok(());
    }
    let there = sheet.entries.iter().any(|entry| entry.key == anna.key);
    Err(Otherwise::unmet(
        "the Patient that is referred to, as mode include",
        if there { "the Patient as another mode" } else { "no such entry" },
    ))
}

async fn include_unrelated(bench: &Bench) -> Judgement {
    let (_, sheet) = including(bench).await?;
    let kept = bank(bench).await?;
    let anna = kept.0.called("anna")?;
    let others = sheet.entries.iter().filter(|entry| {
        entry.key != anna.key && !entry.is_match() && !entry.key.starts_with("OperationOutcome")
    });
    match others.count() {
        0 => Ok(()),
        count => Err(Otherwise::unmet(
            "nothing with the matches but the one Patient that they refer to",
            format!("{count} more"),
        )),
    }
}

async fn include_once(bench: &Bench) -> Judgement {
    let (_, sheet) = including(bench).await?;
    let all: Vec<&str> = sheet.entries.iter().map(|entry| entry.key.as_str()).collect();
    let once: BTreeSet<&str> = all.iter().copied().collect();
    if once.len() == all.len() {
        return Ok(());
    }
    Err(Otherwise::unmet("each resource once", format!("{} entries of {}", all.len(), once.len())))
}

async fn include_not_counted(bench: &Bench) -> Judgement {
    let (query, sheet) = including(bench).await?;
    if let Some(total) = sheet.total.filter(|total| *total != 2) {
        return Err(Otherwise::unmet("total 2, of the matches", format!("total {total}")));
    }
    let sheet = asked(bench, &query.with("_count", "2")).await?;
    match sheet.matches().len() {
        2 => Ok(()),
        count => Err(Otherwise::unmet("2 matches to _count=2", format!("{count}"))),
    }
}

async fn include_by_parameter(bench: &Bench) -> Judgement {
    let offered = Offered::of(bench, "Observation")?;
    if !offered.includes("Observation:encounter") {
        return Err(Otherwise::skipped("_include of the encounter is not advertised"));
    }
    let kept = bank(bench).await?;
    let query = kept.0.narrowed("Observation")?.with("_include", "Observation:encounter");
    let sheet = asked(bench, &query).await?;
    let wanted = kept.0.called("january")?;
    match sheet.included().as_slice() {
        [one] if *one == wanted.key => Ok(()),
        all => {
            Err(Otherwise::unmet("the one Encounter that is referred to", format!("{} entries", all.len())))
        }
    }
}

async fn reversed(bench: &Bench) -> Result<Sheet, Otherwise> {
    let offered = Offered::of(bench, "Patient")?;
    let follows =
        ["Observation:subject", "Observation:patient"].into_iter().find(|name| offered.revincludes(name));
    let follows = follows.ok_or(Otherwise::skipped("_revinclude of Observations is not advertised"))?;
    offered.needs(&["_id"])?;
    let kept = bank(bench).await?;
    // Without Observations there is nothing to bring.
    kept.0.narrowed("Observation")?;
    let id = kept.0.called("anna")?.key.split('/').nth(1).unwrap_or_default();
    let query = Query::of("Patient").with("_id", id).with("_revinclude", follows);
    asked(bench, &query).await
}

async fn revinclude(bench: &Bench) -> Judgement {
    let sheet = reversed(bench).await?;
    let kept = bank(bench).await?;
    let found = sheet.included();
    for label in ["late", "early", "words"] {
        if !found.contains(&kept.0.called(label)?.key.as_str()) {
            return Err(Otherwise::unmet(
                "the three Observations that refer to the match, as mode include",
                format!("{} entries of that mode", found.len()),
            ));
        }
    }
    Ok(())
}

async fn revinclude_unrelated(bench: &Bench) -> Judgement {
    let sheet = reversed(bench).await?;
    let kept = bank(bench).await?;
    let mut wanted = BTreeSet::new();
    for label in ["late", "early", "words"] {
        wanted.insert(kept.0.called(label)?.key.as_str());
    }
    match sheet.included().iter().filter(|key| !wanted.contains(*key)).count() {
        0 => Ok(()),
        count => Err(Otherwise::unmet("nothing but what refers to the match", format!("{count} more"))),
    }
}

async fn no_include(bench: &Bench) -> Judgement {
    let query = bank(bench).await?.0.narrowed("Observation")?;
    let sheet = asked(bench, &query).await?;
    match sheet.entries.iter().filter(|entry| entry.key.starts_with("Patient/")).count() {
        0 => Ok(()),
        count => Err(Otherwise::unmet("Observations alone", format!("{count} Patients with them"))),
    }
}

/// The first of the bank's Patients, in a search that was asked to show less, if the endpoint says that it did.
async fn less(bench: &Bench, name: &'static str, value: &'static str) -> Result<Sheet, Otherwise> {
    let query = bank(bench).await?.0.narrowed("Patient")?.with(name, value);
    let sheet = tried(bench, &query, &[]).await?.or_skip(name)?;
    if sheet.says_used(name) {
        return Ok(sheet);
    }
    Err(Otherwise::skipped(format!("by its self link the endpoint did not use {name}")))
}

/// The Patients on a page, of which there must be some.
fn patients(sheet: &Sheet) -> Result<Vec<Node<'_>>, Otherwise> {
    let of = |node: &Node<'_>| node.str_at(&["resourceType"]).as_deref() == Some("Patient");
    let found: Vec<Node<'_>> = sheet.resources().into_iter().filter(of).collect();
    if found.is_empty() { Err(Otherwise::unmet("the Patients of the search", "none")) } else { Ok(found) }
}

fn without(sheet: &Sheet, left_out: &[&str], kept: &str) -> Judgement {
    let mut any = None;
    for patient in patients(sheet)? {
        if let Some(name) = left_out.iter().find(|name| patient.member(name).is_some()) {
            return Err(Otherwise::unmet(format!("no {name}"), format!("a Patient with {name}")));
        }
        any = any.or(patient.member(kept));
    }
    match any {
        Some(_) => Ok(()),
        None => Err(Otherwise::unmet(format!("Patients with {kept}"), "none has it")),
    }
}

/// What is cut is marked; what is whole need not be.
fn marked(sheet: &Sheet, cut: &str) -> Judgement {
    for patient in patients(sheet)? {
        let marked = patient.walk(&["meta", "tag", "code"]).any(|code| code.is_string("SUBSETTED"));
        if patient.member(cut).is_none() && !marked {
            return Err(Otherwise::unmet(
                "meta.tag with SUBSETTED",
                "a Patient without it and without all else",
            ));
        }
    }
    Ok(())
}

async fn elements(bench: &Bench) -> Judgement {
    without(&less(bench, "_elements", "gender").await?, &["name", "birthDate", "telecom"], "gender")
}

async fn elements_marked(bench: &Bench) -> Judgement {
    marked(&less(bench, "_elements", "gender").await?, "name")
}

async fn summary(bench: &Bench) -> Judgement {
    // The bank has no element of Patient that is in no summary but these.
    without(&less(bench, "_summary", "true").await?, &["text", "maritalStatus"], "name")
}

async fn summary_marked(bench: &Bench) -> Judgement {
    marked(&less(bench, "_summary", "true").await?, "maritalStatus")
}

async fn summary_count(bench: &Bench) -> Judgement {
    let sheet = less(bench, "_summary", "count").await?;
    let there = bank(bench).await?.0.of("Patient").count();
    match (sheet.entries.len(), sheet.total) {
        (0, Some(total)) if u64::try_from(there) == Ok(total) => Ok(()),
        (0, _) => Err(Otherwise::unmet(format!("total {there}"), "another, or none")),
        (count, _) => Err(Otherwise::unmet("no entry", format!("{count}"))),
    }
}

async fn summary_false(bench: &Bench) -> Judgement {
    let sheet = less(bench, "_summary", "false").await?;
    let kept = bank(bench).await?;
    let anna = kept.0.called("anna")?;
    let Some(found) = sheet.resource(&anna.key) else {
        return Err(Otherwise::unmet("every Patient of the search", "one is missing"));
    };
    let lost = ["name", "gender", "birthDate", "telecom", "active", "maritalStatus"];
    match lost.into_iter().find(|name| found.member(name).is_none()) {
        None => Ok(()),
        Some(name) => Err(Otherwise::unmet("whole resources", format!("a Patient without {name}"))),
    }
}
