//! Checks in which something changes between requests: what the upstream's control can bring about, and no more.

use serde_json::{Value, json};

use super::super::battery::{Attack, MustBe, Request, parsed};
use super::super::bench::{Bench, Ended, Outcome, searched};
use super::compare::key;
use super::many::{asked_by, next, on_target, together};

/// Consents that are planted.
const CONSENTS: usize = 50;
/// Searches tried until one has a second page.
const SEARCHES_MAX: usize = 40;

/// Brings the state about, if that is possible from here, and judges.
pub(super) async fn run(bench: &Bench, attack: &Attack) -> Result<Outcome, Ended> {
    if let Some((_, rest)) = attack.request.path.split_once("{{TOKEN_ISSUED_TO:") {
        let (owner, _) = rest.split_once("}}").unwrap_or((rest, ""));
        return anothers_cursor(bench, attack, owner).await;
    }
    match attack.setup.upstream.strip_prefix("state:") {
        Some("label-flips") => label_flips(bench, attack).await,
        Some("fifty-consents") => planted_consents(bench, attack).await,
        Some(other) => Err(Outcome::NotRun(format!("{other} cannot be brought about from outside"))),
        None if attack.request.path.contains("{{NEXT}}") => {
            Err(Outcome::NotRun("it needs a consent that is withdrawn between two pages".to_owned()))
        }
        None if attack.request.method == "GET" => after_others(bench, attack).await,
        None => refused(bench, attack).await,
    }
}

/// A cursor that was given to another is refused.
async fn anothers_cursor(bench: &Bench, attack: &Attack, owner: &str) -> Result<Outcome, Ended> {
    let link = cursor_of(bench, attack, owner).await?;
    let path =
        on_target(bench, &link).ok_or_else(|| Outcome::Leaked("a link leads to another host".to_owned()))?;
    let answer = bench.answer(&Request { path, ..attack.request.clone() }).await?;
    searched(&bench.scanner(attack), &answer)?;
    Ok(match answer.refused() {
        true => Outcome::Held(format!("status {} for the cursor of {owner}", answer.status)),
        false => Outcome::Leaked(format!("serves the cursor of {owner}")),
    })
}

/// A next link that `owner` is given, by searches over everybody that the canaries know.
async fn cursor_of(bench: &Bench, attack: &Attack, owner: &str) -> Result<String, Ended> {
    bench.filled(&format!("{{{{{owner}}}}}"))?;
    let places = bench.canaries.iter().flat_map(|canary| &canary.places);
    let mut people: Vec<&str> =
        places.filter_map(|place| place.strip_prefix("Patient/")?.split('.').next()).collect();
    people.sort_unstable();
    people.dedup();
    let kinds = ["Observation", "Condition", "Encounter", "Patient"];
    let searches = kinds.iter().flat_map(|kind| people.iter().map(move |person| (*kind, *person)));
    for (kind, person) in searches.take(SEARCHES_MAX) {
        let path = format!("/fhir/{kind}?patient={person}&_count=1");
        let request =
            Request { method: "GET".to_owned(), path, body: None, ..asked_by(&attack.request, owner) };
        let answer = bench.answer(&request).await?;
        let page: Value = parsed(&String::from_utf8_lossy(&answer.body)).unwrap_or_default();
        if let Some(link) = next(&page) {
            return Ok(link);
        }
    }
    Err(Outcome::NotRun(format!("{owner} is given no cursor by any search")))
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
