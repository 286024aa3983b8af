//! How searches are refused that a server need not serve: where another check skips for a refusal, these look at the refusal.
//!
//! No CapabilityStatement has to claim modifiers, chains and the like by name, so whether they are served is not judged here.
//! A server that refuses one says so in a way that a client can act on, and tells nothing of what it keeps.

use std::sync::Arc;

use http::Method;

use super::super::judge::texts;
use super::ask::{JSON, Reply, STRICT, tried};
use super::bank::{Bank, bank};
use super::offered::Offered;
use super::sets::check;
use crate::bench::Bench;
use crate::check::{Check, Grade, Judgement, Otherwise};
use crate::target::{Answer, Question};
use Grade::{May, Shall, Should};

const ERRORS: &str = "https://hl7.org/fhir/R4/search.html#errors";
const STATUS: &str = "https://hl7.org/fhir/R4/http.html#Status-Codes";
const OUTCOME: &str = "https://hl7.org/fhir/R4/operationoutcome.html";

pub(super) const CHECKS: &[Check] = &[
    check(
        Should,
        "search-unoffered-strict",
        ERRORS,
        (
            "strictly handled, a parameter of R4 that is not advertised is refused",
            "a client else takes everything for what it asked for",
        ),
        |bench| Box::pin(unoffered(bench)),
    ),
    check(
        Shall,
        "search-refusal-status",
        STATUS,
        (
            "what is not served is refused as the client's fault or as not implemented",
            "clients retry what looks like a failure of the server, and take a type for unknown that is not",
        ),
        |bench| Box::pin(each(bench, status)),
    ),
    check(
        Should,
        "search-refusal-outcome",
        ERRORS,
        (
            "what is not served is refused with an OperationOutcome of an error",
            "a person must find out what to change",
        ),
        |bench| Box::pin(each(bench, outcome)),
    ),
    check(
        May,
        "search-refusal-named",
        OUTCOME,
        (
            "a refusal names the parameter that is not served",
            "a search of many parameters else has to be tried in parts",
        ),
        |bench| Box::pin(each(bench, named)),
    ),
    check(
        Shall,
        "search-refusal-no-data",
        OUTCOME,
        ("a refusal holds nothing of any record", "what may not be searched is read off its refusal"),
        |bench| Box::pin(no_data(bench)),
    ),
];

/// Parameters of R4 for all types that few servers have.
const RARE: [(&str, &str); 4] =
    [("_filter", "gender eq \"female\""), ("_content", "harrow"), ("_text", "harrow"), ("_list", "none")];

/// What servers need not serve.
const OPTIONAL: [(&str, &str); 11] = [
    ("general-practitioner.name", "harrow"),
    ("_has:Observation:subject:code", "x"),
    ("general-practitioner:identifier", "x|y"),
    ("identifier:of-type", "a|b|c"),
    ("gender:above", "female"),
    ("birthdate", "xx1980"),
    ("_total", "accurate"),
    ("_summary", "count"),
    ("_count", "0"),
    ("_sort", "nosuchparameter"),
    ("_include", "Patient:nosuchparameter"),
];

/// A search that was refused.
struct Refusal {
    /// What was asked, as reports tell it.
    asked: String,
    /// The parameter, with its modifier or chain.
    parameter: &'static str,
    answer: Answer,
}

/// Those of this run.
struct Refusals(Vec<Refusal>);

/// Asks everything that need not be served and keeps what was refused.
async fn refusals(bench: &Bench) -> Result<Arc<Refusals>, Otherwise> {
    // It keeps something of its own, so it is asked for first.
    let kept = bank(bench).await?;
    bench.keep(collected(bench, &kept)).await
}

async fn collected(bench: &Bench, kept: &Bank) -> Result<Refusals, Otherwise> {
    let offered = Offered::of(bench, "Patient")?;
    let rare = RARE.into_iter().filter(|(name, _)| !offered.has(name));
    let mut found = Vec::new();
    for (parameter, value) in rare.chain(OPTIONAL) {
        let path = kept.0.narrowed("Patient")?.with(parameter, value).path();
        let headers = [JSON, STRICT];
        let question = Question { method: Method::GET, path: &path, headers: &headers, body: b"" };
        let answer = bench.ask(&question).await?;
        if !matches!(answer.status, 200 | 401) {
            found.push(Refusal { asked: format!("{parameter}={value}"), parameter, answer });
        }
    }
    Ok(Refusals(found))
}

/// Judges every refusal.
async fn each(bench: &Bench, judge: fn(&Refusal) -> Judgement) -> Judgement {
    let refusals = refusals(bench).await?;
    if refusals.0.is_empty() {
        return Err(Otherwise::skipped("nothing that need not be served is refused"));
    }
    refusals.0.iter().try_for_each(judge)
}

fn status(refusal: &Refusal) -> Judgement {
    match refusal.answer.status {
        400 | 403 | 414 | 422 | 501 => Ok(()),
        status => Err(Otherwise::unmet(
            format!("status 400, 403, 414, 422 or 501 to {}", refusal.asked),
            format!("status {status}"),
        )),
    }
}

fn outcome(refusal: &Refusal) -> Judgement {
    let wanted = || format!("an OperationOutcome with an error to {}", refusal.asked);
    let document = refusal.answer.document.as_ref().ok().filter(|_| refusal.answer.is("OperationOutcome"));
    let Some(document) = document else {
        return Err(Otherwise::unmet(wanted(), "something else, or nothing"));
    };
    let severities = texts(document.root(), &["issue", "severity"]);
    if severities.iter().any(|severity| matches!(severity.as_str(), "error" | "fatal")) {
        return Ok(());
    }
    Err(Otherwise::unmet(wanted(), "one without"))
}

fn named(refusal: &Refusal) -> Judgement {
    let wanted =
        || format!("the name of the parameter, or its modifier, in what is said to {}", refusal.asked);
    let document = refusal.answer.document.as_ref().ok().filter(|_| refusal.answer.is("OperationOutcome"));
    let Some(document) = document else { return Err(Otherwise::unmet(wanted(), "no OperationOutcome")) };
    let places: [&[&str]; 6] = [
        &["issue", "diagnostics"],
        &["issue", "details", "text"],
        &["issue", "details", "coding", "display"],
        &["issue", "expression"],
        &["issue", "location"],
        &["text", "div"],
    ];
    let mut names = refusal.parameter.split([':', '.']);
    let said: Vec<String> = places.iter().flat_map(|place| texts(document.root(), place)).collect();
    if names.any(|name| said.iter().any(|text| text.contains(name))) {
        return Ok(());
    }
    Err(Otherwise::unmet(wanted(), "an OperationOutcome without it"))
}

async fn no_data(bench: &Bench) -> Judgement {
    let kept = bank(bench).await?;
    let secrets: Vec<String> = ["{mark}adler", "Annamark", "02079460001", "{mark}@mail.example"]
        .into_iter()
        .map(|text| kept.0.filled(text))
        .collect();
    let refusals = refusals(bench).await?;
    if refusals.0.is_empty() {
        return Err(Otherwise::skipped("nothing that need not be served is refused"));
    }
    for refusal in &refusals.0 {
        let wanted = format!("nothing of a record in the refusal of {}", refusal.asked);
        let body = String::from_utf8_lossy(&refusal.answer.body);
        if secrets.iter().any(|secret| body.contains(secret.as_str())) {
            return Err(Otherwise::unmet(wanted, "a value of a record"));
        }
        let Ok(document) = &refusal.answer.document else { continue };
        let root = document.root();
        let holds = root.member("entry").is_some() || root.member("contained").is_some();
        if holds || (root.member("resourceType").is_some() && !refusal.answer.is("OperationOutcome")) {
            return Err(Otherwise::unmet(wanted, "another resource than an OperationOutcome, or one within"));
        }
    }
    Ok(())
}

async fn unoffered(bench: &Bench) -> Judgement {
    let kept = bank(bench).await?;
    let offered = Offered::of(bench, "Patient")?;
    let mut judged = Err(Otherwise::skipped("every parameter that is asked for here is advertised"));
    for (name, value) in RARE.into_iter().filter(|(name, _)| !offered.has(name)) {
        let query = kept.0.narrowed("Patient")?.with(name, value);
        judged = Ok(());
        match tried(bench, &query, &[STRICT]).await? {
            Reply::Refused(_) => {}
            Reply::Found(sheet) => {
                let found = if sheet.says_used(name) { "it is served" } else { "it is passed over" };
                return Err(Otherwise::unmet(format!("a refusal of {name}, which is not advertised"), found));
            }
        }
    }
    judged
}
