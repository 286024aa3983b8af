//! How interactions are refused that the statement does not claim: what other checks skip is asked for once, without harm.
//!
//! What would change something addresses an id that nobody has, and what a server makes of it all the same is deleted at the end.

use std::sync::Arc;

use http::Method;
use serde_json::json;

use super::super::judge::texts;
use super::hands::{FHIR_JSON, acted, remember};
use crate::bench::Bench;
use crate::check::{Check, Judgement, Otherwise};
use crate::target::{Answer, Question};

const CAPABILITIES: &str = "https://hl7.org/fhir/R4/http.html#capabilities";
const STATUS: &str = "https://hl7.org/fhir/R4/http.html#Status-Codes";
const OUTCOME: &str = "https://hl7.org/fhir/R4/operationoutcome.html";

/// Types that are asked after, of those that are claimed.
const TYPES_MAX: usize = 12;

pub(super) const CHECKS: &[Check] = &[
    acted!(
        Should,
        "core-unclaimed-refused",
        "an interaction that is not claimed for a type is not carried out",
        "whoever checks the statement does not see what is open",
        CAPABILITIES,
        refused
    ),
    acted!(
        Shall,
        "core-unclaimed-no-failure",
        "what is not claimed is refused, and no failure of the server",
        "clients retry what looks like the server's fault",
        STATUS,
        no_failure
    ),
    acted!(
        Should,
        "core-unclaimed-status",
        "what is not claimed is 404, 405 or 501, or 403 for who may not know",
        "a client looks for a mistake in what it sent",
        STATUS,
        status
    ),
    acted!(
        Shall,
        "core-unclaimed-allow",
        "a 405 says in Allow what is allowed",
        "a client must not have to try one method after the other",
        "https://www.rfc-editor.org/rfc/rfc9110#section-15.5.6",
        allow
    ),
    acted!(
        Should,
        "core-unclaimed-outcome",
        "what is not claimed is refused with an OperationOutcome of an error",
        "people who must mend something need to be told what",
        OUTCOME,
        outcome
    ),
    acted!(
        May,
        "core-unclaimed-told",
        "a refusal of what is not claimed says in words what is refused",
        "a code alone does not tell people what to ask for instead",
        OUTCOME,
        told
    ),
    acted!(
        Shall,
        "core-unclaimed-no-data",
        "a refusal of what is not claimed holds no record",
        "what is not claimed is read all the same",
        OUTCOME,
        no_data
    ),
];

/// An interaction that is not claimed, and what came of it.
struct Try {
    /// As reports tell it: the interaction and the type.
    asked: String,
    answer: Answer,
}

/// Those of this run.
struct Tries(Vec<Try>);

/// Interactions with one type, with the method and what stands behind the type in the address; `{id}` is one that nobody has.
const INTERACTIONS: [(&str, Method, &str); 9] = [
    ("read", Method::GET, "/{id}"),
    ("vread", Method::GET, "/{id}/_history/1"),
    ("history-instance", Method::GET, "/{id}/_history"),
    ("history-type", Method::GET, "/_history?_count=1"),
    ("search-type", Method::GET, "?_count=1"),
    ("update", Method::PUT, "/{id}"),
    ("patch", Method::PATCH, "/{id}"),
    ("delete", Method::DELETE, "/{id}"),
    ("create", Method::POST, ""),
];

async fn tries(bench: &Bench) -> Result<Arc<Tries>, Otherwise> {
    bench.keep(collected(bench)).await
}

async fn collected(bench: &Bench) -> Result<Tries, Otherwise> {
    let claims = bench.claims()?;
    let id = format!("{}-never", bench.tag());
    let mut found = Vec::new();
    let lacking = |kind: &&str| INTERACTIONS.iter().any(|(code, _, _)| !claims.offers(kind, code));
    for kind in claims.types().filter(lacking).take(TYPES_MAX) {
        for (code, method, rest) in INTERACTIONS.iter().filter(|(code, _, _)| !claims.offers(kind, code)) {
            let path = format!("{kind}{}", rest.replace("{id}", &id));
            match asked(bench, kind, &id, method, &path).await {
                Ok(answer) => found.push(Try { asked: format!("{code} of {kind}"), answer }),
                // A run that only reads asks the rest all the same.
                Err(Otherwise::Skipped(_)) => {}
                Err(other) => return Err(other),
            }
        }
    }
    Ok(Tries(found))
}

async fn asked(
    bench: &Bench,
    kind: &str,
    id: &str,
    method: &Method,
    path: &str,
) -> Result<Answer, Otherwise> {
    let resource = json!({"resourceType": kind, "id": id}).to_string();
    let (media_type, body) = match *method {
        Method::PUT | Method::POST => (FHIR_JSON, resource.as_str()),
        Method::PATCH => ("application/json-patch+json", r#"[{"op":"add","path":"/language","value":"en"}]"#),
        _ => ("", ""),
    };
    let mut headers = vec![("accept", FHIR_JSON)];
    headers.extend((!body.is_empty()).then_some(("content-type", media_type)));
    let question = Question { method: method.clone(), path, headers: &headers, body: body.as_bytes() };
    let answer = bench.ask(&question).await?;
    match *method {
        Method::POST => remember(bench, kind, &answer),
        Method::PUT | Method::PATCH if matches!(answer.status, 200..=299) => bench.made(path),
        _ => {}
    }
    Ok(answer)
}

/// Judges every one whose answer is of interest; skips where none is.
async fn each(bench: &Bench, of_interest: fn(u16) -> bool, judge: fn(&Try) -> Judgement) -> Judgement {
    let tries = tries(bench).await?;
    if tries.0.is_empty() {
        return Err(Otherwise::skipped("every interaction that may be asked for here is claimed"));
    }
    let mut asked = tries.0.iter().filter(|one| of_interest(one.answer.status)).peekable();
    if asked.peek().is_none() {
        return Err(Otherwise::skipped("no interaction that is not claimed is answered so"));
    }
    asked.try_for_each(judge)
}

/// A refusal; 401 asks for more authority and says nothing of the interaction.
const fn is_refusal(status: u16) -> bool {
    status >= 400 && status != 401
}

async fn refused(bench: &Bench) -> Judgement {
    each(
        bench,
        |status| status != 401,
        |one| match one.answer.status {
            status @ 200..=299 => Err(Otherwise::unmet(
                format!("a refusal of {}, which is not claimed", one.asked),
                format!("status {status}"),
            )),
            _ => Ok(()),
        },
    )
    .await
}

async fn no_failure(bench: &Bench) -> Judgement {
    each(bench, is_refusal, |one| match one.answer.status {
        501 => Ok(()),
        status if status < 500 => Ok(()),
        status => Err(Otherwise::unmet(format!("4xx or 501 to {}", one.asked), format!("status {status}"))),
    })
    .await
}

async fn status(bench: &Bench) -> Judgement {
    each(bench, is_refusal, |one| match one.answer.status {
        403 | 404 | 405 | 501 => Ok(()),
        // Nobody has the id: 410 says so as well.
        410 => Ok(()),
        status => Err(Otherwise::unmet(
            format!("403, 404, 405 or 501 to {}", one.asked),
            format!("status {status}"),
        )),
    })
    .await
}

async fn allow(bench: &Bench) -> Judgement {
    each(
        bench,
        |status| status == 405,
        |one| match one.answer.header("allow") {
            Some(_) => Ok(()),
            None => Err(Otherwise::unmet(format!("Allow with the 405 to {}", one.asked), "none")),
        },
    )
    .await
}

async fn outcome(bench: &Bench) -> Judgement {
    each(bench, is_refusal, |one| {
        let wanted = || format!("an OperationOutcome with an error to {}", one.asked);
        let document = one.answer.document.as_ref().ok().filter(|_| one.answer.is("OperationOutcome"));
        let Some(document) = document else {
            return Err(Otherwise::unmet(wanted(), "something else, or nothing"));
        };
        let severities = texts(document.root(), &["issue", "severity"]);
        if severities.iter().any(|severity| matches!(severity.as_str(), "error" | "fatal")) {
            return Ok(());
        }
        Err(Otherwise::unmet(wanted(), "one without"))
    })
    .await
}

async fn told(bench: &Bench) -> Judgement {
    each(bench, is_refusal, |one| {
        let wanted = || format!("words in the refusal of {}", one.asked);
        let Ok(document) = &one.answer.document else {
            return Err(Otherwise::unmet(wanted(), "no body in JSON"));
        };
        let places: [&[&str]; 3] =
            [&["issue", "diagnostics"], &["issue", "details", "text"], &["text", "div"]];
        let worded =
            |place: &&[&str]| texts(document.root(), place).iter().any(|text| !text.trim().is_empty());
        if places.iter().any(worded) {
            return Ok(());
        }
        Err(Otherwise::unmet(wanted(), "none"))
    })
    .await
}

async fn no_data(bench: &Bench) -> Judgement {
    each(bench, is_refusal, |one| {
        let Ok(document) = &one.answer.document else { return Ok(()) };
        let root = document.root();
        let holds = root.member("entry").is_some() || root.member("contained").is_some();
        let other = root.member("resourceType").is_some() && !one.answer.is("OperationOutcome");
        if !holds && !other {
            return Ok(());
        }
        let wanted = format!("an OperationOutcome alone to {}", one.asked);
        Err(Otherwise::unmet(wanted, "another resource, or one within it"))
    })
    .await
}
