//! Checks that compare: hidden with absent, one requester with another, before with after.

use serde_json::{Map, Value};

use super::super::battery::{Attack, Request};
use super::super::bench::{Bench, Ended, Outcome, clean, searched};
use super::super::normal::{Between, Normal};
use super::answers::with_etag;
use super::demanded;

/// What access is decided by; nobody who shares may change it.
const KEPT: [&str; 5] = ["address", "telecom", "subject", "identifier", "contact"];

/// The answer is that to the request for what is not there.
pub(super) async fn oracle(bench: &Bench, attack: &Attack) -> Result<Outcome, Ended> {
    let control = attack.control_request.as_ref();
    let control = control.ok_or_else(|| Outcome::NotRun("it has no control_request".to_owned()))?;
    let scanner = bench.scanner(attack);
    let hidden = bench.answer(&attack.request).await?;
    bench.reset().await?;
    let absent = bench.answer(control).await?;
    searched(&scanner, &hidden)?;
    demanded(attack, &hidden, &hidden.body)?;
    let one = Normal::of(&hidden, &attack.request, Between::Requests);
    let other = Normal::of(&absent, control, Between::Requests);
    match one.difference(&other) {
        Some(what) => Ok(Outcome::Leaked(format!(
            "{what} tells hidden (status {}) from absent (status {})",
            hidden.status, absent.status
        ))),
        None => Ok(Outcome::Held(format!("status {} for hidden and for absent", hidden.status))),
    }
}

/// Two requesters see different validators of one record, and neither sees what is hidden from them.
pub(super) async fn differential(bench: &Bench, attack: &Attack) -> Result<Outcome, Ended> {
    let other = if attack.setup.requester == "HOSP" { "LA" } else { "HOSP" };
    let mut headers = attack.request.headers.clone();
    headers.insert("Authorization".to_owned(), format!("Bearer {{{{{other}}}}}"));
    let theirs = bench.answer(&Request { headers, ..attack.request.clone() }).await?;
    searched(&bench.scanner_for(other, &[]).without_what(&super::super::bench::said(attack)), &theirs)?;
    let ours = bench.answer(&attack.request).await?;
    searched(&bench.scanner(attack), &ours)?;
    demanded(attack, &ours, &ours.body)?;
    match (ours.header("etag"), theirs.header("etag")) {
        (None, None) => Ok(Outcome::Vacuous(format!("status {}, no ETag to compare", ours.status))),
        (one, two) if one == two => Ok(Outcome::Leaked("one ETag for two views".to_owned())),
        _ => Ok(Outcome::Held("each requester has an ETag of their own".to_owned())),
    }
}

/// After the attack the upstream still holds whatever is hidden from the requester, its labels, and what access goes by.
pub(super) async fn upstream_state(bench: &Bench, attack: &Attack) -> Result<Outcome, Ended> {
    let key = key(&attack.request.path).ok_or_else(|| Outcome::NotRun("it names no record".to_owned()))?;
    let before = bench.held(&key).await?;
    if before.is_empty() {
        return Err(Outcome::NotRun("the upstream does not hold what is attacked".to_owned()));
    }
    let answer = bench.answer(&with_etag(bench, &attack.request).await?).await?;
    let after = bench.held(&key).await?;
    searched(&bench.scanner(attack), &answer)?;
    demanded(attack, &answer, &answer.body)?;
    let hidden = bench.scanner_for(&attack.setup.requester, &[]);
    let hides = |value: &Value| clean(&hidden, value.to_string().as_bytes()).is_err();
    let harmed = before.iter().find(|(name, value)| {
        let kept = KEPT.contains(&name.as_str()) || (*name != "meta" && hides(value));
        kept && after.get(*name) != Some(*value)
    });
    if let Some((name, _)) = harmed {
        return Ok(Outcome::Leaked(format!(
            "status {}, and the upstream's {name} is changed",
            answer.status
        )));
    }
    if labels(&before) != labels(&after) {
        return Ok(Outcome::Leaked(format!("status {}, and the labels are changed", answer.status)));
    }
    Ok(Outcome::Held(format!("status {}, and what is hidden is unharmed", answer.status)))
}

fn labels(resource: &Map<String, Value>) -> Option<&Value> {
    resource.get("meta").and_then(|meta| meta.get("security"))
}

/// `Type/id` of a path.
pub(super) fn key(path: &str) -> Option<String> {
    let (_, after) = path.split_once("/fhir/")?;
    let mut parts = after.split(['/', '?']);
    let (kind, id) = (parts.next()?, parts.next()?);
    (!kind.is_empty() && !id.is_empty()).then(|| format!("{kind}/{id}"))
}
