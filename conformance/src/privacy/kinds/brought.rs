//! Checks in states that no request brings about: a choice withdrawn, a policy read anew, a source that is silent, a fault of
//! the program. Whoever runs the suite says what brings them about (`--states`); each state is ended again, whatever came
//! of it.

use std::time::Duration;

use super::super::battery::{Attack, Kind, Request, parsed};
use super::super::bench::{Bench, Ended, Outcome, added, said, searched};
use super::super::normal::{Between, Normal};
use super::super::tap::Order;
use super::super::wire::Answer;
use super::compare::key;
use super::many::{asked_by, matches, next, on_target, together};
use super::{http2, sinks};

const WITHDRAWN: &str = "withdraw-A-between-requests";
const RELOADED: &str = "policy-reload";
/// The id of nothing.
const ABSENT: &str = "absent-7c1f";
/// Cursors that are followed.
const CURSORS_MAX: usize = 6;
/// Searches that may be made to find them.
const SEARCHES_MAX: usize = 60;
/// Requests of an exchange in whose midst something happens.
const MIDSTREAM_MAX: usize = 12;
/// How often a request of the server is waited for.
const LOOKS_MAX: u32 = 400;
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// Where answers of the upstream break off.
const CUTS: [u64; 6] = [0, 1, 40, 300, 900, 2_500];
/// Requests while the policy is read.
const AT_ONCE: usize = 12;
const RELOADS: usize = 3;

/// Judges in the state `name`; none when this suite does not know what the state is for.
pub(super) async fn run(bench: &Bench, attack: &Attack, name: &str) -> Option<Result<Outcome, Ended>> {
    Some(match name {
        "withdraw-A-between-requests" => ended(bench, Box::pin(between(bench, attack, name)).await).await,
        "withdraw-A-midstream" => ended(bench, Box::pin(midstream(bench, attack, name)).await).await,
        "policy-reload" => ended(bench, Box::pin(reloading(bench, attack, name)).await).await,
        "consent-service-down" => ended(bench, Box::pin(silent(bench, attack, name)).await).await,
        "redactor-panic" => ended(bench, Box::pin(broken(bench, attack, name)).await).await,
        "h2-reset" => Box::pin(http2::reset(bench, attack)).await,
        _ => return None,
    })
}

/// Ends the state, and lets the tap pass everything, whatever came of the check.
async fn ended(bench: &Bench, judged: Result<Outcome, Ended>) -> Result<Outcome, Ended> {
    if bench.orders.is_some() {
        bench.order(None)?;
    }
    match &judged {
        Ok(_) | Err(Outcome::Leaked(_) | Outcome::Vacuous(_)) => bench.state(None).await?,
        Err(_) if bench.states.is_some() => bench.state(None).await?,
        Err(_) => {}
    }
    judged
}

/// What is served before the state; what the attack forbids it forbids in the state only.
async fn before(bench: &Bench, attack: &Attack) -> Result<Answer, Ended> {
    let answer = bench.answer(&attack.request).await?;
    searched(&bench.scanner_for(&attack.setup.requester, &[]).without_what(&said(attack)), &answer)?;
    match shows(&answer) {
        0 => Err(Outcome::Vacuous(format!(
            "status {} and nothing shown before anything changes",
            answer.status
        ))),
        _ => Ok(answer),
    }
}

/// How many records an answer shows: the matches of a Bundle, or itself.
fn shows(answer: &Answer) -> usize {
    if answer.refused() {
        return 0;
    }
    let page: serde_json::Value = parsed(&String::from_utf8_lossy(&answer.body)).unwrap_or_default();
    let is_page = page.get("type").and_then(serde_json::Value::as_str) == Some("searchset");
    if is_page { matches(&page) } else { 1 }
}

/// What was served is refused once the state holds, and served again when it has ended.
async fn between(bench: &Bench, attack: &Attack, name: &str) -> Result<Outcome, Ended> {
    let first = before(bench, attack).await?;
    bench.state(Some(name)).await?;
    let after = bench.answer(&attack.request).await?;
    searched(&bench.scanner(attack), &after)?;
    if !after.refused() {
        return Ok(Outcome::Leaked(format!("status {} after it was withdrawn", after.status)));
    }
    bench.state(None).await?;
    let again = before(bench, attack).await?;
    Ok(Outcome::Held(format!(
        "status {}, {} once withdrawn, {} again",
        first.status, after.status, again.status
    )))
}

/// Withdrawn while the server waits for each of the requests that it makes: nothing is released of what was withdrawn.
async fn midstream(bench: &Bench, attack: &Attack, name: &str) -> Result<Outcome, Ended> {
    let wanting = || Outcome::NotRun("it needs --upstream-log and --upstream-orders of a tap".to_owned());
    let log = bench.upstream_logs.first().cloned().ok_or_else(wanting)?;
    let logs = [log];
    let marks = bench.marks(&logs);
    bench.order(None)?;
    before(bench, attack).await?;
    let requests = starts(&added(&marks)?);
    if requests.is_empty() {
        return Err(Outcome::NotRun("the tap sees no request of it".to_owned()));
    }
    let mut told = Vec::new();
    for at in requests.iter().take(MIDSTREAM_MAX) {
        let marks = bench.marks(&logs);
        let from = marks.first().map(|mark| mark.1).unwrap_or_default() + at;
        bench.order(Some(Order::Hold(from)))?;
        let asking = bench.answer(&attack.request);
        let withdrawing = async {
            for _ in 0..LOOKS_MAX {
                if added(&marks)?.len() as u64 > *at {
                    break;
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
            bench.state(Some(name)).await?;
            bench.order(None)
        };
        let (answer, withdrawn) = tokio::join!(asking, withdrawing);
        let (answer, ()) = (answer?, withdrawn?);
        searched(&bench.scanner(attack), &answer)?;
        if shows(&answer) > 0 {
            let place = told.len() + 1;
            return Ok(Outcome::Leaked(format!(
                "shared though withdrawn while request {place} was under way"
            )));
        }
        told.push(answer.status.to_string());
        bench.state(None).await?;
    }
    Ok(Outcome::Held(format!(
        "withdrawn in the midst of each of {} requests: {}",
        told.len(),
        told.join(", ")
    )))
}

/// Where requests begin in what a tap has written.
fn starts(seen: &[u8]) -> Vec<u64> {
    let text: String = seen.iter().map(|byte| char::from(*byte)).collect();
    let line = |at: usize| text.get(..at).map_or(0, |before| before.rfind('\n').map_or(0, |end| end + 1));
    let mut out: Vec<u64> = Vec::new();
    for (at, _) in text.match_indices(" HTTP/1.1\r\n") {
        let begins = line(at);
        // A body has no line end: the request after it begins on its line.
        let methods = ["GET /", "POST /", "PUT /", "PATCH /", "DELETE /"];
        let row = text.get(begins..at).unwrap_or_default();
        let within = methods.iter().filter_map(|method| row.rfind(method)).max().unwrap_or_default();
        // All of it is one byte a letter.
        out.push((begins + within) as u64);
    }
    out.dedup();
    out
}

/// While a policy that gives the requester nothing takes the place of the old one and back, each answer is that of one of
/// them, and afterwards it is that of the new.
async fn reloading(bench: &Bench, attack: &Attack, name: &str) -> Result<Outcome, Ended> {
    let own = &attack.setup.requester;
    let old = Normal::of(&before(bench, attack).await?, &attack.request, Between::Requests);
    let many: Vec<&String> = std::iter::repeat_n(own, AT_ONCE).collect();
    let scanner = bench.scanner(attack);
    let mut looked = 0;
    for _ in 0..RELOADS {
        for wanted in [Some(name), None] {
            let (answers, changed) =
                tokio::join!(together(bench, &attack.request, &many), bench.state(wanted));
            changed?;
            for (_, answer) in answers? {
                searched(&scanner, &answer)?;
                let now = Normal::of(&answer, &attack.request, Between::Requests);
                if let Some(what) = old.difference(&now).filter(|_| !answer.refused()) {
                    return Ok(Outcome::Leaked(format!("{what} is of neither policy while one is read")));
                }
                looked += 1;
            }
            let after = bench.answer(&attack.request).await?;
            searched(&scanner, &after)?;
            if wanted.is_some() && !after.refused() {
                return Ok(Outcome::Leaked(format!("status {} by the policy before", after.status)));
            }
            if wanted.is_none() && after.refused() {
                return Ok(Outcome::Leaked(format!(
                    "status {} by the policy that was replaced",
                    after.status
                )));
            }
        }
    }
    Ok(Outcome::Held(format!("{looked} answers while policies change, each of one of them")))
}

/// When evidence cannot be had nothing is served, and nothing tells who is there.
async fn silent(bench: &Bench, attack: &Attack, name: &str) -> Result<Outcome, Ended> {
    before(bench, attack).await?;
    let key = key(&attack.request.path).ok_or_else(|| Outcome::NotRun("it names no record".to_owned()))?;
    let (kind, _) = key.split_once('/').unwrap_or_default();
    let elsewhere = |id: &str| Request {
        path: attack.request.path.replacen(&key, &format!("{kind}/{id}"), 1),
        ..attack.request.clone()
    };
    let mut others: Vec<&str> = bench
        .canaries
        .iter()
        .flat_map(|canary| &canary.places)
        .filter_map(|place| place.strip_prefix(kind)?.strip_prefix('/')?.split('.').next())
        .collect();
    others.sort_unstable();
    others.dedup();
    bench.state(Some(name)).await?;
    let shared = bench.answer(&attack.request).await?;
    searched(&bench.scanner(attack), &shared)?;
    if !shared.refused() {
        return Ok(Outcome::Leaked(format!("status {} without the evidence for it", shared.status)));
    }
    let request = elsewhere(ABSENT);
    let absent = bench.answer(&request).await?;
    for id in others.iter().take(CURSORS_MAX) {
        let request = elsewhere(id);
        let hidden = bench.answer(&request).await?;
        searched(&bench.scanner(attack), &hidden)?;
        let one = Normal::of(&hidden, &request, Between::Requests);
        let other = Normal::of(&absent, &elsewhere(ABSENT), Between::Requests);
        if let Some(what) = one.difference(&other) {
            return Ok(Outcome::Leaked(format!(
                "{what} tells who is there (status {}) from who is not (status {}) when evidence cannot be had",
                hidden.status, absent.status
            )));
        }
    }
    bench.state(None).await?;
    before(bench, attack).await?;
    Ok(Outcome::Held(format!("status {} for everybody, and served again afterwards", shared.status)))
}

/// A fault of the program with a record in its hands, and answers of the upstream that break off at every stage: nothing of
/// them is in an answer, in a log or in metrics.
async fn broken(bench: &Bench, attack: &Attack, name: &str) -> Result<Outcome, Ended> {
    let marks = bench.marks(&bench.logs);
    if bench.logs.is_empty() {
        return Err(Outcome::NotRun("it needs --log to know what a fault tells".to_owned()));
    }
    // What the attack reads may be refused by rule; something that is served breaks off too.
    let mut requests = vec![(attack.request.clone(), bench.answer(&attack.request).await?)];
    for person in people(bench) {
        let request = Request { path: format!("/fhir/Patient/{person}"), ..attack.request.clone() };
        let hides = bench.scanner_for(&attack.setup.requester, &[]).without_what(&said(attack));
        let answer = bench.answer(&request).await?;
        searched(&hides, &answer)?;
        if shows(&answer) > 0 {
            requests.push((request, answer));
            break;
        }
    }
    bench.state(Some(name)).await?;
    let scanner = bench.scanner(attack);
    let mut told = Vec::new();
    for (request, whole) in &requests {
        let whole = Normal::of(whole, request, Between::Requests);
        for cut in CUTS {
            bench.order(Some(Order::Cut(cut)))?;
            let answer = bench.answer(request).await?;
            searched(&scanner, &answer)?;
            // What is short enough may have come whole; then it is what it is without a cut.
            let now = Normal::of(&answer, request, Between::Requests);
            if !answer.refused() && (cut == 0 || whole.difference(&now).is_some()) {
                return Ok(Outcome::Leaked(format!("status {} of a record that broke off", answer.status)));
            }
            told.push(answer.status.to_string());
        }
    }
    bench.order(None)?;
    sinks::looked_into(bench, attack, &marks).await?;
    let kind = if attack.check == Kind::Telemetry { "logs and metrics" } else { "answers" };
    Ok(Outcome::Held(format!("nothing in {kind} of a fault, nor of what breaks off: {}", told.join(", "))))
}

/// A page that was promised before a withdrawal, or before another policy, shows nothing of it afterwards.
pub(super) async fn pages(bench: &Bench, attack: &Attack) -> Result<Outcome, Ended> {
    let judged = Box::pin(pages_in(bench, attack)).await;
    ended(bench, judged).await
}

async fn pages_in(bench: &Bench, attack: &Attack) -> Result<Outcome, Ended> {
    let mut told = Vec::new();
    for (state, all) in [(WITHDRAWN, false), (RELOADED, true)] {
        let cursors = cursors(bench, attack, &attack.setup.requester, CURSORS_MAX).await?;
        let mut shown = Vec::new();
        for cursor in &cursors {
            shown.push(followed(bench, attack, cursor).await?.1);
        }
        bench.state(Some(state)).await?;
        let mut emptied = 0;
        for (cursor, before) in cursors.iter().zip(&shown) {
            let (answer, now) = followed(bench, attack, cursor).await?;
            searched(&bench.scanner(attack), &answer)?;
            if all && now > 0 {
                return Ok(Outcome::Leaked(format!("a page of {now} by the policy before ({state})")));
            }
            emptied += usize::from(*before > 0 && now == 0);
        }
        if emptied == 0 {
            return Ok(Outcome::Vacuous(format!("{} pages, and {state} changes none", cursors.len())));
        }
        told.push(format!("{state}: {emptied} of {} pages show nothing more", cursors.len()));
        bench.state(None).await?;
    }
    Ok(Outcome::Held(told.join("; ")))
}

/// The matches of a page; none when it is refused.
async fn followed(bench: &Bench, attack: &Attack, cursor: &str) -> Result<(Answer, usize), Ended> {
    let request =
        Request { method: "GET".to_owned(), path: cursor.to_owned(), body: None, ..attack.request.clone() };
    let answer = bench.answer(&request).await?;
    let shown = shows(&answer);
    Ok((answer, shown))
}

/// Links to next pages that `name` is given: first about all people whom the canaries know at once, then about each.
pub(super) async fn cursors(
    bench: &Bench,
    attack: &Attack,
    name: &str,
    most: usize,
) -> Result<Vec<String>, Ended> {
    let people = people(bench);
    let mut searches = Vec::new();
    for count in [1, 2] {
        searches.push(format!("Patient?_id={}&_count={count}", people.join(",")));
    }
    for kind in ["Condition", "Observation", "Encounter", "MedicationRequest"] {
        searches.push(format!("{kind}?patient={}&_count=1", people.join(",")));
        searches.extend(people.iter().map(|person| format!("{kind}?patient={person}&_count=1")));
    }
    let mut out = Vec::new();
    for search in searches.iter().take(SEARCHES_MAX) {
        if out.len() >= most {
            break;
        }
        let path = format!("/fhir/{search}");
        let own = asked_by(&attack.request, name);
        let answer = bench.answer(&Request { method: "GET".to_owned(), path, body: None, ..own }).await?;
        let page: serde_json::Value = parsed(&String::from_utf8_lossy(&answer.body)).unwrap_or_default();
        let elsewhere = || Outcome::Leaked("a link leads to another host".to_owned());
        if let Some(link) = next(&page) {
            out.push(on_target(bench, &link).ok_or_else(elsewhere)?);
        }
    }
    match out.is_empty() {
        true => Err(Outcome::NotRun(format!("no search gives {name} a cursor"))),
        false => Ok(out),
    }
}

/// Those of whom the fixture holds a Patient with a canary.
fn people(bench: &Bench) -> Vec<&str> {
    let places = bench.canaries.iter().flat_map(|canary| &canary.places);
    let mut people: Vec<&str> =
        places.filter_map(|place| place.strip_prefix("Patient/")?.split(['.', '/']).next()).collect();
    people.sort_unstable();
    people.dedup();
    people
}

#[cfg(test)]
mod tests {
    use super::starts;

    #[test]
    fn requests_begin_where_the_one_before_ends_with_a_body_or_without() {
        let one = "GET /fhir/a HTTP/1.1\r\nhost: x\r\n\r\n";
        let two = "POST /fhir/b HTTP/1.1\r\nhost: x\r\n\r\n_count=2";
        let seen = [one, two, one].concat();
        assert_eq!(starts(seen.as_bytes()), [0, one.len() as u64, (one.len() + two.len()) as u64]);
        assert_eq!(starts(b"nothing"), [] as [u64; 0]);
    }
}
