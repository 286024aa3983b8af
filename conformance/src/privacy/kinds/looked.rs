//! What batteries leave to a person, where this suite knows how to look: by the name of the attack, for they have no kind.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;

use super::super::battery::{Attack, Request, parsed};
use super::super::bench::{Bench, Ended, Outcome, searched};
use super::super::normal::unquoted;
use super::super::wire::Answer;
use super::http2;
use super::many::asked_by;

/// Guesses at what is hidden.
const GUESSES_MAX: usize = 8;

/// Their names; of HTTP-34 only a part can be seen without TLS.
pub(crate) const LOOKED_AT: [&str; 4] = ["PROJ-20", "ERR-16", "HTTP-31", "AUD-18"];

/// Looks as a person would; none when only a person can.
pub(super) async fn run(bench: &Bench, attack: &Attack) -> Option<Result<Outcome, Ended>> {
    Some(match attack.id.as_str() {
        "PROJ-20" => correlated(bench, attack).await,
        "ERR-16" => compressed(bench, attack).await,
        "HTTP-31" => http2::downgrade(bench, attack).await,
        "HTTP-34" => certified(bench, attack).await,
        "AUD-18" => referred(bench, attack).await,
        _ => return None,
    })
}

/// Nothing in two answers to one search lets two requesters find out that they asked for the same.
async fn correlated(bench: &Bench, attack: &Attack) -> Result<Outcome, Ended> {
    let own = attack.setup.requester.as_str();
    let other = if own == "HOSP" { "LA" } else { "HOSP" };
    let (mut ids, mut moments, mut requests) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let mut answers = 0_usize;
    for name in [own, other, own, other] {
        let answer = bench.answer(&asked_by(&attack.request, name)).await?;
        searched(&bench.scanner_for(name, &[]), &answer)?;
        let bundle: Value = parsed(&String::from_utf8_lossy(&answer.body)).unwrap_or_default();
        if answer.refused() && name != own {
            continue;
        }
        if answer.refused() || bundle.get("entry").is_none() {
            return Ok(Outcome::Vacuous(format!("status {} and no entry for {name}", answer.status)));
        }
        answers += 1;
        let text = |pointer: &str| bundle.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        ids.insert(text("/id").unwrap_or_else(|| format!("none-{answers}")));
        moments.insert(text("/meta/lastUpdated").unwrap_or_else(|| format!("none-{answers}")));
        requests
            .insert(answer.header("x-request-id").map_or_else(|| format!("none-{answers}"), str::to_owned));
        // A moment is told to the second at least.
        tokio::time::sleep(Duration::from_millis(1_100)).await;
    }
    for (what, held) in [("Bundle.id", &ids), ("meta.lastUpdated", &moments), ("X-Request-Id", &requests)] {
        if held.len() != answers {
            return Ok(Outcome::Leaked(format!("two of {answers} answers have the same {what}")));
        }
    }
    Ok(Outcome::Held(format!("{answers} answers have no id and no moment in common")))
}

/// A guess that is right makes a compressed answer no shorter than one that is wrong.
async fn compressed(bench: &Bench, attack: &Attack) -> Result<Outcome, Ended> {
    let (path, query) = attack.request.path.split_once('?').unwrap_or((&attack.request.path, ""));
    let (before, guess) = query.rsplit_once('=').unwrap_or((query, ""));
    let record = query.split('&').find_map(|pair| pair.strip_prefix("_id=")).unwrap_or_default();
    let about = |place: &String| place.split(['/', '.']).nth(1) == Some(record);
    let hidden = bench
        .canaries
        .iter()
        .filter(|canary| canary.hidden_from.contains(&attack.setup.requester))
        .filter(|canary| canary.places.iter().any(about))
        .filter(|canary| canary.canary.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-'));
    let guesses: Vec<&str> = hidden.map(|canary| canary.canary.as_str()).take(GUESSES_MAX).collect();
    if guesses.is_empty() || guess.is_empty() {
        return Err(Outcome::NotRun("there is nothing to guess at".to_owned()));
    }
    let size = async |guess: &str| -> Result<Answer, Ended> {
        let path = format!("{path}?{before}={guess}");
        bench.answer(&Request { path, ..attack.request.clone() }).await
    };
    let mut coded = 0;
    for guess in &guesses {
        let right = size(guess).await?;
        // The same letters in another order: as long, and as compressible by itself.
        let turned: String = guess.chars().rev().collect();
        let wrong = size(&turned).await?;
        let scanner = bench.scanner_for(&attack.setup.requester, &attack.must_not_contain);
        searched(&scanner.without_what(guess), &right)?;
        coded += usize::from(right.header("content-encoding").is_some());
        let (right, wrong) = ((right.status, right.body.len()), (wrong.status, wrong.body.len()));
        if right.0 != wrong.0 || right.1.abs_diff(wrong.1) > SLACK_BYTES {
            return Ok(Outcome::Leaked(format!(
                "a right guess has status {} and {} bytes, a wrong one {} and {}",
                right.0, right.1, wrong.0, wrong.1
            )));
        }
    }
    Ok(Outcome::Held(format!(
        "{} right guesses are answered like wrong ones, {coded} of them compressed",
        guesses.len()
    )))
}

/// The same letters in another order may take as many bytes more or less; a secret that is met takes three times that.
const SLACK_BYTES: usize = 4;

/// No header stands for a certificate. Whether certificates themselves are held to is seen by TLS only.
async fn certified(bench: &Bench, attack: &Attack) -> Result<Outcome, Ended> {
    let forged = [
        ("X-Client-Cert", "-----BEGIN CERTIFICATE-----"),
        ("X-SSL-Client-Verify", "SUCCESS"),
        ("X-SSL-Client-S-DN", "CN=adt.hospital.example"),
        ("X-Forwarded-Client-Cert", "Subject=\"CN=adt.hospital.example\";URI=spiffe://hospital.example"),
        ("Client-Cert", ":MIIB:"),
    ];
    for (name, value) in forged {
        let mut headers = attack.request.headers.clone();
        headers.insert(name.to_owned(), value.to_owned());
        let answer = bench.answer(&Request { headers, ..attack.request.clone() }).await?;
        searched(&bench.scanner(attack), &answer)?;
        if answer.status != 401 {
            return Ok(Outcome::Leaked(format!("status {} for who says {name} only", answer.status)));
        }
    }
    Err(Outcome::NotRun(
        "no header stands for a certificate; certificates themselves need a server with TLS, and this one has none".to_owned(),
    ))
}

/// Where ids are identifiers, no link goes out of the answer, and none is followed with the address of it.
async fn referred(bench: &Bench, attack: &Attack) -> Result<Outcome, Ended> {
    let answer = bench.answer(&attack.request).await?;
    searched(&bench.scanner(attack), &answer)?;
    let id = attack.request.path.rsplit('/').next().unwrap_or_default();
    let location = ["location", "content-location", "link", "refresh"];
    if location.iter().any(|name| answer.header(name).is_some_and(|value| unquoted(value).contains(id))) {
        return Ok(Outcome::Leaked("a header of the answer leads on with the identifier".to_owned()));
    }
    match answer.header("referrer-policy") {
        Some("no-referrer") => {
            Ok(Outcome::Held(format!("status {}, and no referrer goes on", answer.status)))
        }
        _ => Ok(Outcome::Leaked("browsers send the address of the answer on as a referrer".to_owned())),
    }
}
