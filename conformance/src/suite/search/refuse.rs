//! Searches that a server must refuse, or may pass over if it says so.

use http::Method;

use super::ask::{LENIENT, Reply, STRICT, tried};
use super::bank::bank;
use super::offered::Offered;
use super::query::Query;
use super::sets::check;
use crate::bench::Bench;
use crate::check::{Check, Grade, Judgement, Otherwise};
use crate::observe::UNKNOWN;
use crate::target::Question;
use Grade::{Shall, Should};

const ERRORS: &str = "https://hl7.org/fhir/R4/search.html#errors";
const MODIFIERS: &str = "https://hl7.org/fhir/R4/search.html#modifiers";

pub(super) const CHECKS: &[Check] = &[
    check(
        Should,
        "search-unknown-strict",
        ERRORS,
        (
            "strictly handled, an unknown parameter is refused",
            "a client else takes everything for what it asked for",
        ),
        |bench| Box::pin(unknown_strict(bench)),
    ),
    check(
        Should,
        "search-unknown-lenient",
        ERRORS,
        (
            "leniently handled, an unknown parameter is passed over",
            "clients send parameters that not all servers know",
        ),
        |bench| Box::pin(unknown_lenient(bench)),
    ),
    check(
        Shall,
        "search-unknown-narrows-nothing",
        ERRORS,
        ("a known parameter still narrows beside an unknown one", "a client else gets everything"),
        |bench| Box::pin(unknown_narrows(bench)),
    ),
    check(
        Shall,
        "search-modifier-unknown",
        MODIFIERS,
        ("a modifier that nobody knows is refused", "a search without it finds something else"),
        |bench| Box::pin(modifier_unknown(bench)),
    ),
    check(
        Shall,
        "search-modifier-other-type",
        MODIFIERS,
        ("a modifier of another type of parameter is refused", "a search without it finds something else"),
        |bench| Box::pin(modifier_other_type(bench)),
    ),
    check(
        Should,
        "search-bad-date",
        ERRORS,
        ("a date that is none is refused", "a search without it finds everything"),
        |bench| Box::pin(bad(bench, "Patient", "birthdate", &["yesterday", "2020-13-45", "17/05/1980"])),
    ),
    check(
        Should,
        "search-bad-prefix",
        ERRORS,
        ("a prefix that nobody knows is refused", "a search without it finds something else"),
        |bench| Box::pin(bad(bench, "Patient", "birthdate", &["xx1980-05-17"])),
    ),
    check(
        Should,
        "search-bad-number",
        ERRORS,
        ("a number that is none is refused", "a search without it finds everything"),
        |bench| Box::pin(bad(bench, "RiskAssessment", "probability", &["half", "0.5.0"])),
    ),
    check(
        Should,
        "search-bad-quantity",
        ERRORS,
        ("a quantity that is none is refused", "a search without it finds everything"),
        |bench| Box::pin(bad(bench, "Observation", "value-quantity", &["heavy||kg"])),
    ),
    check(
        Should,
        "search-bad-missing",
        ERRORS,
        (":missing of anything but true and false is refused", "a search without it finds everything"),
        |bench| Box::pin(bad(bench, "Patient", "birthdate:missing", &["perhaps"])),
    ),
    check(
        Should,
        "search-bad-outcome",
        ERRORS,
        ("a refused search says why in an OperationOutcome", "a person must find out what to change"),
        |bench| Box::pin(bad_outcome(bench)),
    ),
    check(
        Shall,
        "search-include-unknown",
        "https://hl7.org/fhir/R4/search.html#include",
        (
            "strictly handled, _include by what nobody knows is refused or brings nothing",
            "a server that breaks on it can be broken",
        ),
        |bench| Box::pin(include_unknown(bench)),
    ),
];

async fn narrowed(bench: &Bench, of: &str) -> Result<Query, Otherwise> {
    bank(bench).await?.0.narrowed(of)
}

async fn unknown_strict(bench: &Bench) -> Judgement {
    let query = narrowed(bench, "Patient").await?.with(UNKNOWN, "1");
    refused(tried(bench, &query, &[STRICT]).await?, "a parameter that nobody knows, handled strictly")
}

fn refused(reply: Reply, what: &str) -> Judgement {
    match reply {
        Reply::Refused(400..=499 | 501) => Ok(()),
        Reply::Refused(status) => {
            Err(Otherwise::unmet(format!("a refusal of {what}"), format!("status {status}")))
        }
        Reply::Found(sheet) => Err(Otherwise::unmet(
            format!("a refusal of {what}"),
            format!("status 200 with {} matches", sheet.matches().len()),
        )),
    }
}

async fn unknown_lenient(bench: &Bench) -> Judgement {
    let kept = bank(bench).await?;
    let query = kept.0.narrowed("Patient")?.with(UNKNOWN, "1");
    match tried(bench, &query, &[LENIENT]).await? {
        Reply::Refused(status) => Err(Otherwise::unmet("status 200", format!("status {status}"))),
        Reply::Found(sheet) => match sheet.matches().len() {
            0 => Err(Otherwise::unmet("the matches of the parameters that are known", "none")),
            _ => Ok(()),
        },
    }
}

async fn unknown_narrows(bench: &Bench) -> Judgement {
    let kept = bank(bench).await?;
    let offered = Offered::of(bench, "Patient")?;
    offered.needs(&["gender"])?;
    let query = kept.0.narrowed("Patient")?.with(UNKNOWN, "1").with("gender", "female");
    let sheet = tried(bench, &query, &[LENIENT]).await?.or_skip("an unknown parameter")?;
    super::sets::compare(&kept.0, &query, &["anna", "bea", "gail"], &sheet.matches())
}

async fn modifier_unknown(bench: &Bench) -> Judgement {
    let offered = Offered::of(bench, "Patient")?;
    let name =
        ["family", "name", "gender", "birthdate", "identifier"].into_iter().find(|name| offered.has(name));
    let name =
        name.ok_or(Otherwise::skipped("no parameter of Patient is advertised that takes modifiers"))?;
    let query = narrowed(bench, "Patient").await?.with(&format!("{name}:nosuchmodifier"), "a");
    refused(tried(bench, &query, &[]).await?, &format!("{name}:nosuchmodifier"))
}

async fn modifier_other_type(bench: &Bench) -> Judgement {
    let offered = Offered::of(bench, "Patient")?;
    let pairs = [("birthdate", "birthdate:exact", "1980-05-17"), ("gender", "gender:contains", "mal")];
    let mut asked_any = Err(Otherwise::skipped("neither birthdate nor gender is advertised"));
    for (_, name, value) in pairs.into_iter().filter(|(name, _, _)| offered.has(name)) {
        let query = narrowed(bench, "Patient").await?.with(name, value);
        refused(tried(bench, &query, &[]).await?, name)?;
        asked_any = Ok(());
    }
    asked_any
}

async fn bad(
    bench: &Bench,
    of: &'static str,
    name: &'static str,
    values: &'static [&'static str],
) -> Judgement {
    let code = name.split(':').next().unwrap_or_default();
    Offered::of(bench, of)?.needs(&[code])?;
    for value in values {
        let query = narrowed(bench, of).await?.with(name, value);
        refused(tried(bench, &query, &[]).await?, &format!("{name}={value}"))?;
    }
    Ok(())
}

async fn bad_outcome(bench: &Bench) -> Judgement {
    Offered::of(bench, "Patient")?.needs(&["birthdate"])?;
    let path = narrowed(bench, "Patient").await?.with("birthdate", "yesterday").path();
    let headers = [super::ask::JSON, STRICT];
    let question = Question { method: Method::GET, path: &path, headers: &headers, body: b"" };
    let answer = bench.ask(&question).await?;
    super::super::judge::authorised(&answer)?;
    match answer.status {
        400..=499 if answer.is("OperationOutcome") => Ok(()),
        400..=499 => Err(Otherwise::unmet("an OperationOutcome", "something else, or nothing")),
        _ => Err(Otherwise::skipped("the search is not refused")),
    }
}

async fn include_unknown(bench: &Bench) -> Judgement {
    let query = narrowed(bench, "Patient").await?.with("_include", "Patient:nosuchparameter");
    match tried(bench, &query, &[STRICT]).await? {
        Reply::Refused(_) => Ok(()),
        Reply::Found(sheet) if sheet.included().is_empty() => Ok(()),
        Reply::Found(sheet) => Err(Otherwise::unmet(
            "a refusal, or matches alone",
            format!("{} entries with them", sheet.included().len()),
        )),
    }
}
