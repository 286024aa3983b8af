//! What is said when something is wrong.

use super::judge::{authorised, codes, fhir_json, root, shape, status};
use crate::check::{Check, Grade, Judge, Judgement, Otherwise};
use crate::observe::{Observation, Observed};
use crate::target::Answer;

const READ: &str = "https://hl7.org/fhir/R4/http.html#read";
const STATUS: &str = "https://hl7.org/fhir/R4/http.html#Status-Codes";
const MIME: &str = "https://hl7.org/fhir/R4/http.html#mime-type";
const CREATE: &str = "https://hl7.org/fhir/R4/http.html#create";
const OUTCOME: &str = "https://hl7.org/fhir/R4/operationoutcome.html";

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "error-unknown-id",
        title: "an id nobody has answers 404, or 410 if it was deleted",
        why: "a client must be able to tell absence from failure",
        clause: READ,
        grade: Grade::Shall,
        judge: Judge::Observed(|observed| told(&observed.unknown_id, &[404, 410])),
    },
    Check {
        id: "error-unknown-type",
        title: "a type that does not exist answers 404",
        why: "a client must be able to tell a wrong address from a broken server",
        clause: STATUS,
        grade: Grade::Shall,
        judge: Judge::Observed(|observed| told(&observed.unknown_type, &[404])),
    },
    Check {
        id: "error-malformed-body",
        title: "a body that is no JSON answers 400",
        why: "the sender is at fault and must be told so",
        clause: CREATE,
        grade: Grade::Shall,
        judge: Judge::Observed(|observed| told(&observed.malformed, &[400])),
    },
    Check {
        id: "error-unsupported-format",
        title: "a body in a format that is not spoken answers 415",
        why: "the sender can then try another format",
        clause: MIME,
        grade: Grade::Should,
        judge: Judge::Observed(|observed| told(&observed.plain_text, &[415])),
    },
    Check {
        id: "error-not-acceptable",
        title: "an Accept header that cannot be met answers 406",
        why: "an answer in another format than accepted is misread",
        clause: MIME,
        grade: Grade::Should,
        judge: Judge::Observed(|observed| told(&observed.not_acceptable, &[406])),
    },
    Check {
        id: "error-wrong-method",
        title: "DELETE metadata answers 405, or 404 or 501",
        why: "nobody may believe that the statement was deleted",
        clause: STATUS,
        grade: Grade::Shall,
        judge: Judge::Observed(|observed| told(&observed.wrong_method, &[405, 404, 501])),
    },
    Check {
        id: "error-strict-search",
        title: "an unknown search parameter answers 4xx under Prefer: handling=strict",
        why: "a parameter that is silently ignored returns other people's records",
        clause: "https://hl7.org/fhir/R4/search.html#errors",
        grade: Grade::Should,
        judge: Judge::Observed(strict_search),
    },
    Check {
        id: "error-is-client-error",
        title: "no mistake of the client answers 5xx",
        why: "clients retry what looks like the server's fault",
        clause: STATUS,
        grade: Grade::Shall,
        judge: Judge::Observed(no_server_error),
    },
    Check {
        id: "error-has-outcome",
        title: "every error has an OperationOutcome in its body",
        why: "people who must mend something need to be told what",
        clause: "https://hl7.org/fhir/R4/http.html#prefer",
        grade: Grade::Should,
        judge: Judge::Observed(has_outcome),
    },
    Check {
        id: "error-outcome-content-type",
        title: "an OperationOutcome in JSON is application/fhir+json",
        why: "clients that go by the media type do not read it otherwise",
        clause: MIME,
        grade: Grade::Shall,
        judge: Judge::Observed(|observed| outcomes(observed, fhir_json)),
    },
    Check {
        id: "error-outcome-valid",
        title: "an OperationOutcome has an issue, and each has a severity and a code of their value sets",
        why: "clients decide by these codes",
        clause: OUTCOME,
        grade: Grade::Shall,
        judge: Judge::Observed(|observed| outcomes(observed, valid)),
    },
    Check {
        id: "error-outcome-severity",
        title: "the OperationOutcome of an error holds an issue of severity error or fatal",
        why: "a warning alone says that the request was carried out",
        clause: "https://hl7.org/fhir/R4/valueset-issue-severity.html",
        grade: Grade::Should,
        judge: Judge::Observed(|observed| outcomes(observed, severe)),
    },
];

const ISSUE_TYPES: [&str; 31] = [
    "invalid",
    "structure",
    "required",
    "value",
    "invariant",
    "security",
    "login",
    "unknown",
    "expired",
    "forbidden",
    "suppressed",
    "processing",
    "not-supported",
    "duplicate",
    "multiple-matches",
    "not-found",
    "deleted",
    "too-long",
    "code-invalid",
    "extension",
    "too-costly",
    "business-rule",
    "conflict",
    "transient",
    "lock-error",
    "no-store",
    "exception",
    "timeout",
    "incomplete",
    "throttled",
    "informational",
];

/// Every provoked error that was answered with one.
fn errors(observed: &Observed) -> Result<Vec<&Answer>, Otherwise> {
    let provoked = [
        &observed.unknown_id,
        &observed.unknown_type,
        &observed.malformed,
        &observed.plain_text,
        &observed.not_acceptable,
        &observed.wrong_method,
        &observed.strict_search,
    ];
    let answered: Vec<&Answer> = provoked
        .into_iter()
        .filter_map(|held| held.answer().ok())
        .filter(|answer| answer.status >= 400)
        .collect();
    if answered.is_empty() {
        return Err(Otherwise::skipped("no error was provoked"));
    }
    Ok(answered)
}

fn told(observation: &Observation, wanted: &[u16]) -> Judgement {
    let answer = observation.answer()?;
    authorised(answer)?;
    status(answer, wanted)
}

fn strict_search(observed: &Observed) -> Judgement {
    let answer = observed.strict_search.answer()?;
    authorised(answer)?;
    if (400..500).contains(&answer.status) {
        return Ok(());
    }
    Err(Otherwise::unmet("status 4xx", format!("status {}", answer.status)))
}

fn no_server_error(observed: &Observed) -> Judgement {
    match errors(observed)?.iter().find(|answer| answer.status >= 500 && answer.status != 501) {
        None => Ok(()),
        Some(answer) => Err(Otherwise::unmet("4xx, or 501", format!("status {}", answer.status))),
    }
}

fn has_outcome(observed: &Observed) -> Judgement {
    match errors(observed)?.iter().find(|answer| !answer.is("OperationOutcome")) {
        None => Ok(()),
        Some(answer) => Err(Otherwise::unmet(
            "an OperationOutcome with every error",
            format!("none, or none in JSON, with status {}", answer.status),
        )),
    }
}

/// Judges each OperationOutcome; skipped when there is none.
fn outcomes(observed: &Observed, judge: fn(&Answer) -> Judgement) -> Judgement {
    let found: Vec<&Answer> =
        errors(observed)?.into_iter().filter(|answer| answer.is("OperationOutcome")).collect();
    if found.is_empty() {
        return Err(Otherwise::skipped("no error had an OperationOutcome in JSON"));
    }
    found.into_iter().try_for_each(judge)
}

fn valid(answer: &Answer) -> Judgement {
    let root = root(answer)?;
    shape(root)?;
    let mut issues = 0_usize;
    for issue in root.walk(&["issue"]) {
        issues += 1;
        for name in ["severity", "code"] {
            if issue.member(name).is_none() {
                return Err(Otherwise::unmet(format!("issue.{name}"), "none"));
            }
        }
    }
    if issues == 0 {
        return Err(Otherwise::unmet("at least one issue", "none"));
    }
    codes(root, &["issue", "severity"], &["fatal", "error", "warning", "information"])?;
    codes(root, &["issue", "code"], &ISSUE_TYPES)
}

fn severe(answer: &Answer) -> Judgement {
    let mut severities = root(answer)?.walk(&["issue", "severity"]).collect::<Vec<_>>().into_iter();
    if severities.any(|held| held.is_string("error") || held.is_string("fatal")) {
        return Ok(());
    }
    Err(Otherwise::unmet("an issue of severity error or fatal", "none"))
}
