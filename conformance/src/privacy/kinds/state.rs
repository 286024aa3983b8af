//! Checks in which something changes between requests: by the upstream's control, or by what brings states about.

use serde_json::{Value, json};

use super::super::battery::{Attack, MustBe, Request};
use super::super::bench::{Bench, Ended, Outcome, searched};
use super::brought;
use super::compare::key;
use super::many::{asked_by, together};

/// Consents that are planted.
const CONSENTS: usize = 50;

/// Brings the state about, if that is possible from here, and judges.
pub(super) async fn run(bench: &Bench, attack: &Attack) -> Result<Outcome, Ended> {
    if let Some((_, rest)) = attack.request.path.split_once("{{TOKEN_ISSUED_TO:") {
        let (owner, _) = rest.split_once("}}").unwrap_or((rest, ""));
        return anothers_cursor(bench, attack, owner).await;
    }
    match attack.setup.upstream.strip_prefix("state:") {
        Some("label-flips") => label_flips(bench, attack).await,
        Some("fifty-consents") => planted_consents(bench, attack).await,
        Some(other) => {
            let unknown = || Err(Outcome::NotRun(format!("this suite does not know what {other} is")));
            brought::run(bench, attack, other).await.unwrap_or_else(unknown)
        }
        None if attack.request.path.contains("{{NEXT}}") => brought::pages(bench, attack).await,
        None if attack.request.method == "GET" => after_others(bench, attack).await,
        None => refused(bench, attack).await,
    }
}

/// A cursor that was given to another is refused. Who is given none may still have that of the requester in hand.
async fn anothers_cursor(bench: &Bench, attack: &Attack, owner: &str) -> Result<Outcome, Ended> {
    let own = attack.setup.requester.as_str();
    let mut told = Vec::new();
    let names: Vec<&str> = bench.tokens.keys().map(String::as_str).collect();
    let others = names.iter().filter(|name| **name != own && **name != owner);
    let wanted = [(owner, own), (own, owner)].into_iter().chain(others.map(|other| (*other, own)));
    for (given, uses) in wanted {
        let path = match brought::cursors(bench, attack, given, 1).await {
            Ok(mut found) => found.swap_remove(0),
            Err(Outcome::NotRun(_)) => continue,
            Err(ended) => return Err(ended),
        };
        let answer = bench.answer(&Request { path, ..asked_by(&attack.request, uses) }).await?;
        searched(&bench.scanner_for(uses, &attack.must_not_contain), &answer)?;
        if !answer.refused() {
            return Ok(Outcome::Leaked(format!("serves {uses} with the cursor of {given}")));
        }
        told.push(format!("status {} to {uses} with the cursor of {given}", answer.status));
    }
    match told.is_empty() {
        true => Err(Outcome::NotRun("nobody is given a cursor by any search".to_owned())),
        false => Ok(Outcome::Held(told.join("; "))),
    }
}

/// A record that gains a label upstream after it was served is served no more.
async fn label_flips(bench: &Bench, attack: &Attack) -> Result<Outcome, Ended> {
    let key = key(&attack.request.path).ok_or_else(|| Outcome::NotRun("it names no record".to_owned()))?;
    let mut record = bench.held(&key).await?;
    let before = bench.answer(&attack.request).await?;
    searched(&bench.scanner(attack), &before)?;
    if before.refused() || record.is_empty() {
        return Ok(Outcome::Vacuous(format!("status {} before the label is there", before.status)));
    }
    let label = json!([{ "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "PSY" }]);
    match record.get_mut("meta").and_then(Value::as_object_mut) {
        Some(meta) => drop(meta.insert("security".to_owned(), label)),
        None => drop(record.insert("meta".to_owned(), json!({ "versionId": "1", "security": label }))),
    }
    put(bench, &key, &Value::Object(record)).await?;
    let after = bench.answer(&attack.request).await?;
    searched(&bench.scanner(attack), &after)?;
    Ok(match after.refused() {
        true => Outcome::Held(format!("status {}, then {} with the label", before.status, after.status)),
        false => Outcome::Leaked(format!("status {} though the record has a label now", after.status)),
    })
}

/// Consents that lie upstream permit nothing, many as they may be.
async fn planted_consents(bench: &Bench, attack: &Attack) -> Result<Outcome, Ended> {
    let person = key(&attack.request.path).ok_or_else(|| Outcome::NotRun("it names no person".to_owned()))?;
    for number in 0..CONSENTS {
        let id = format!("planted-{number}");
        let consent = json!({
            "resourceType": "Consent", "id": id, "status": "active", "patient": { "reference": person },
            "scope": { "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy" }] },
            "meta": { "versionId": "1", "lastUpdated": "2026-01-01T00:00:00Z" },
            "dateTime": format!("2026-02-{:02}", number % 28 + 1),
            "provision": { "type": "permit" }
        });
        put(bench, &format!("Consent/{id}"), &consent).await?;
    }
    let answer = bench.answer(&attack.request).await?;
    searched(&bench.scanner(attack), &answer)?;
    Ok(Outcome::Held(format!("status {} in spite of {CONSENTS} planted consents", answer.status)))
}

async fn put(bench: &Bench, key: &str, resource: &Value) -> Result<(), Ended> {
    let control = bench.controlled()?;
    let headers = [("Content-Type".to_owned(), "application/fhir+json".to_owned())];
    let path = format!("{}/fhir/{key}", control.path());
    let put = control.ask("PUT", &path, &headers, Some(resource.to_string().as_bytes())).await;
    match put {
        Ok(answer) if answer.status < 300 => Ok(()),
        _ => Err(Outcome::NotRun("the upstream takes no record from here".to_owned())),
    }
}

/// Others have asked before, and ask at the same time: what was made for them is not given to this requester.
async fn after_others(bench: &Bench, attack: &Attack) -> Result<Outcome, Ended> {
    let own = &attack.setup.requester;
    if !bench.tokens.keys().any(|name| name != own) {
        return Err(Outcome::NotRun("it needs tokens of other requesters".to_owned()));
    }
    let everybody: Vec<&String> = bench.tokens.keys().chain(std::iter::repeat_n(own, 3)).collect();
    let scanner = bench.scanner(attack);
    let mut looked = 0;
    for _ in 0..3 {
        for (name, answer) in together(bench, &attack.request, &everybody).await? {
            if name == *own {
                searched(&scanner, &answer)?;
                looked += 1;
            }
        }
    }
    Ok(Outcome::Held(format!(
        "{looked} answers while others ask for the same; nothing kept for others in them"
    )))
}

/// What would report changes later is refused; else it would have to be watched.
async fn refused(bench: &Bench, attack: &Attack) -> Result<Outcome, Ended> {
    let answer = bench.answer(&attack.request).await?;
    searched(&bench.scanner(attack), &answer)?;
    match (answer.refused(), attack.must_be_refused) {
        (true, _) => Ok(Outcome::Held(format!("status {}: there is nothing to watch", answer.status))),
        (false, MustBe::Refused) => Ok(Outcome::Leaked(format!("accepted with {}", answer.status))),
        (false, MustBe::Anything) => Err(Outcome::NotRun(format!(
            "accepted with {}: what it sends later is not watched",
            answer.status
        ))),
    }
}
