//! Checks of one answer, and of what follows it.

use super::super::battery::{Attack, Request};
use super::super::bench::{Bench, Ended, Outcome, searched};
use super::super::wire::Answer;
use super::demanded;

/// Requests that one attack may send afterwards.
const STEPS_MAX: usize = 16;

/// No canary in the answer, nor in those that follow.
pub(super) async fn canary(bench: &Bench, attack: &Attack) -> Result<Outcome, Ended> {
    let (answer, all) = sent(bench, attack, &attack.request).await?;
    demanded(attack, &answer, &all)?;
    Ok(Outcome::Held(format!("status {}, nothing hidden in it", answer.status)))
}

/// Sends `request` and all that follows, and looks through every answer. The last answer, and all bytes.
async fn sent(bench: &Bench, attack: &Attack, request: &Request) -> Result<(Answer, Vec<u8>), Ended> {
    let scanner = bench.scanner(attack);
    let mut answer = bench.answer(&with_etag(bench, request).await?).await?;
    searched(&scanner, &answer)?;
    let mut all = answer.head().into_bytes();
    all.extend_from_slice(&answer.body);
    let made = new_id(&answer);
    for step in attack.then.iter().take(STEPS_MAX) {
        answer = bench.answer(&about(step, &made)).await?;
        searched(&scanner, &answer)?;
        all.extend_from_slice(&answer.body);
    }
    Ok((answer, all))
}

/// The id of what was created, by the `Location` of the answer.
fn new_id(answer: &Answer) -> String {
    let location = answer.header("location").unwrap_or_default().trim_end_matches('/');
    let (resource, _) = location.split_once("/_history").unwrap_or((location, ""));
    resource.rsplit('/').next().unwrap_or_default().to_owned()
}

fn about(step: &Request, id: &str) -> Request {
    let fill = |text: &str| text.replace("{{NEWID}}", id);
    Request {
        path: fill(&step.path),
        headers: step.headers.iter().map(|(name, value)| (name.clone(), fill(value))).collect(),
        body: step.body.as_deref().map(fill),
        ..step.clone()
    }
}

/// The request with the ETag that its requester sees now, where it wants one.
pub(super) async fn with_etag(bench: &Bench, request: &Request) -> Result<Request, Ended> {
    if !request.headers.values().any(|value| value.contains("{{ETAG}}")) {
        return Ok(request.clone());
    }
    let headers =
        request.headers.iter().filter(|(name, _)| ["Authorization", "Accept"].contains(&name.as_str()));
    let read = Request {
        method: "GET".to_owned(),
        path: request.path.clone(),
        headers: headers.map(|(name, value)| (name.clone(), value.clone())).collect(),
        body: None,
        raw: None,
    };
    let answer = bench.answer(&read).await?;
    let Some(etag) = answer.header("etag") else { return Ok(request.clone()) };
    let bare = etag.trim_start_matches("W/").trim_matches('"');
    let headers =
        request.headers.iter().map(|(name, value)| (name.clone(), value.replace("{{ETAG}}", bare))).collect();
    Ok(Request { headers, ..request.clone() })
}

/// What a header of the client does: nothing hidden comes of it, its value is not reflected, and HEAD tells what GET does.
pub(super) async fn header(bench: &Bench, attack: &Attack) -> Result<Outcome, Ended> {
    let (answer, all) = sent(bench, attack, &attack.request).await?;
    demanded(attack, &answer, &all)?;
    let ordinary = ["Authorization", "Accept", "Content-Type"];
    for (name, value) in attack.request.headers.iter().filter(|(name, _)| !ordinary.contains(&name.as_str()))
    {
        if value.len() >= 8 && answer.headers.iter().any(|(_, held)| held.contains(value.as_str())) {
            return Ok(Outcome::Leaked(format!("reflects the client's {name}")));
        }
    }
    if attack.request.method == "HEAD" {
        return head_and_get(bench, attack, &answer).await;
    }
    Ok(Outcome::Held(format!("status {}, nothing reflected", answer.status)))
}

async fn head_and_get(bench: &Bench, attack: &Attack, head: &Answer) -> Result<Outcome, Ended> {
    let get = bench.answer(&Request { method: "GET".to_owned(), ..attack.request.clone() }).await?;
    searched(&bench.scanner(attack), &get)?;
    let length = head.header("content-length").and_then(|text| text.trim().parse::<usize>().ok());
    if head.status != get.status {
        return Ok(Outcome::Leaked(format!("status {} by HEAD and {} by GET", head.status, get.status)));
    }
    if length.is_some_and(|length| length != get.body.len()) {
        return Ok(Outcome::Leaked("HEAD tells a length that GET does not have".to_owned()));
    }
    Ok(Outcome::Held("HEAD tells what GET does".to_owned()))
}

/// Exactly this status, and nothing hidden beside it.
pub(super) async fn status(bench: &Bench, attack: &Attack, wanted: u16) -> Result<Outcome, Ended> {
    let (answer, _) = sent(bench, attack, &attack.request).await?;
    if answer.status == wanted {
        return Ok(Outcome::Held(format!("status {wanted}")));
    }
    Ok(Outcome::Leaked(format!("status {} where it must be {wanted}", answer.status)))
}

/// The count is that of what may be seen, or there is none.
pub(super) async fn total(bench: &Bench, attack: &Attack) -> Result<Outcome, Ended> {
    let (answer, all) = sent(bench, attack, &attack.request).await?;
    demanded(attack, &answer, &all)?;
    let visible =
        attack.visible_total.ok_or_else(|| Outcome::NotRun("it states no visible_total".to_owned()))?;
    match told_total(&String::from_utf8_lossy(&answer.body)) {
        Some(told) if told != visible => {
            Ok(Outcome::Leaked(format!("counts {told} where {visible} may be seen")))
        }
        Some(_) => Ok(Outcome::Held(format!("counts {visible}"))),
        None => Ok(Outcome::Held(format!("status {}, without a count", answer.status))),
    }
}

/// The first `total` of a Bundle in JSON or XML.
fn told_total(body: &str) -> Option<u64> {
    let (_, after) = body.split_once("\"total\"").or_else(|| body.split_once("<total"))?;
    let digits = after.trim_start_matches(|letter: char| !letter.is_ascii_digit());
    let gap = after.len() - digits.len();
    let end = digits.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(digits.len());
    digits.split_at_checked(end).filter(|_| gap <= 12)?.0.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_is_read_from_json_and_xml() {
        assert_eq!(told_total(r#"{"type":"searchset", "total" : 3, "x": 4}"#), Some(3));
        assert_eq!(told_total(r#"<Bundle><total value="12"/></Bundle>"#), Some(12));
        assert_eq!(told_total(r#"{"type":"searchset","entry":[1]}"#), None);
    }

    #[test]
    fn what_was_created_is_known_by_its_location() {
        let id = |location: &str| {
            new_id(&Answer { status: 201, headers: vec![("Location".into(), location.into())], body: vec![] })
        };
        assert_eq!(id("http://x/fhir/Patient/p1/_history/2"), "p1");
        assert_eq!(id("Patient/p1"), "p1");
        assert_eq!(id(""), "");
    }
}
