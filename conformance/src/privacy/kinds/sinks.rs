//! Where else hidden things could go: logs, metrics and traces of the server, and what it asks of its upstream.

use std::path::PathBuf;
use std::time::Duration;

use super::super::battery::{Attack, MustBe};
use super::super::bench::{Bench, Ended, Outcome, added, clean, searched};
use super::super::normal::unquoted;
use super::demanded;

/// A log is looked at once it has been still for so long.
const STILL: Duration = Duration::from_millis(150);
/// It is waited for at most so often.
const LOOKS_MAX: u32 = 20;

/// Watches what the upstream is asked while an attack runs.
pub(super) struct Watch(Option<Vec<(PathBuf, u64)>>);

impl Watch {
    pub(super) fn begin(bench: &Bench, attack: &Attack) -> Self {
        let wanted = !attack.upstream_must_not_see.is_empty() && !bench.upstream_logs.is_empty();
        Self(wanted.then(|| bench.marks(&bench.upstream_logs)))
    }

    /// Nothing that the upstream must not see is in its log.
    pub(super) fn end(self, attack: &Attack) -> Result<(), Ended> {
        if attack.upstream_must_not_see.is_empty() {
            return Ok(());
        }
        let unknown =
            || Outcome::NotRun("the answer holds; it needs --upstream-log to know the rest".to_owned());
        let seen = added(&self.0.ok_or_else(unknown)?)?;
        let seen = String::from_utf8_lossy(&seen).to_lowercase();
        let plain = unquoted(&seen);
        let reached = |text: &&String| {
            let text = text.to_lowercase();
            seen.contains(&text) || plain.contains(&text)
        };
        match attack.upstream_must_not_see.iter().find(reached) {
            Some(text) => Err(Outcome::Leaked(format!("the upstream sees {text}"))),
            None => Ok(()),
        }
    }
}

/// Nothing hidden in the answer, and nothing in what logs and metrics say after it: there, what the request itself said is
/// no excuse.
pub(super) async fn telemetry(bench: &Bench, attack: &Attack) -> Result<Outcome, Ended> {
    let marks = bench.marks(&bench.logs);
    let answer = bench.answer(&attack.request).await?;
    searched(&bench.scanner(attack), &answer)?;
    demanded(attack, &answer, &answer.body)?;
    if bench.logs.is_empty() && bench.metrics.is_empty() {
        return Err(Outcome::NotRun(
            "the answer holds; it needs --log or --metrics to know the rest".to_owned(),
        ));
    }
    looked_into(bench, attack, &marks).await?;
    let looked = bench.logs.len() + bench.metrics.len();
    Ok(Outcome::Held(format!(
        "status {}, nothing hidden in it nor in {looked} logs and metrics",
        answer.status
    )))
}

/// Nothing hidden in what was added to logs, nor in metrics. Logs that say nothing at all prove nothing.
pub(super) async fn looked_into(
    bench: &Bench,
    attack: &Attack,
    marks: &[(PathBuf, u64)],
) -> Result<(), Ended> {
    let scanner = bench.scanner_for(&attack.setup.requester, &attack.must_not_contain);
    let added = settled(marks).await?;
    if added.is_empty() && !marks.is_empty() {
        return Err(Outcome::Vacuous("the logs say nothing at all of it".to_owned()));
    }
    clean(&scanner, &added).map_err(in_the("a log"))?;
    for place in &bench.metrics {
        let path = if place.path().is_empty() { "/" } else { place.path() };
        let shown = place.ask("GET", path, &[], None).await;
        let shown = shown.ok().filter(|shown| shown.status == 200);
        let shown = shown.ok_or_else(|| Outcome::NotRun("the metrics do not answer".to_owned()))?;
        clean(&scanner, &shown.body).map_err(in_the("the metrics"))?;
    }
    Ok(())
}

fn in_the(place: &'static str) -> impl Fn(Ended) -> Ended {
    move |ended| match ended {
        Outcome::Leaked(what) => Outcome::Leaked(format!("{place} {what}")),
        Outcome::Held(_) | Outcome::Vacuous(_) | Outcome::NotRun(_) | Outcome::Manual => ended,
    }
}

/// What was added to the logs, once nothing more comes.
async fn settled(marks: &[(PathBuf, u64)]) -> Result<Vec<u8>, Ended> {
    let mut seen = added(marks)?;
    for _ in 0..LOOKS_MAX {
        tokio::time::sleep(STILL).await;
        let now = added(marks)?;
        if now.len() == seen.len() {
            return Ok(now);
        }
        seen = now;
    }
    Ok(seen)
}

/// A body has no line end: on a connection that is used again the next request begins on its line.
fn request_line(line: &str) -> &str {
    let begins = ["GET /", "HEAD /", "POST /", "PUT /", "PATCH /", "DELETE /"];
    let at = begins.iter().filter_map(|method| line.rfind(method)).max().unwrap_or_default();
    line.get(at..).unwrap_or(line)
}

/// What is in the client's query is in no request line that the upstream logs; what must be refused never reaches it.
pub(super) async fn upstream_log(bench: &Bench, attack: &Attack) -> Result<Outcome, Ended> {
    let marks = bench.marks(&bench.upstream_logs);
    let answer = bench.answer(&attack.request).await?;
    searched(&bench.scanner(attack), &answer)?;
    demanded(attack, &answer, &answer.body)?;
    if bench.upstream_logs.is_empty() {
        return Err(Outcome::NotRun("the answer holds; it needs --upstream-log to know the rest".to_owned()));
    }
    let seen = settled(&marks).await?;
    let seen = String::from_utf8_lossy(&seen).into_owned();
    let lines: Vec<&str> =
        seen.lines().filter(|line| line.trim_end().ends_with(" HTTP/1.1")).map(request_line).collect();
    if attack.must_be_refused == MustBe::Refused {
        return Ok(match lines.len() {
            0 => Outcome::Held(format!("status {}, and the upstream hears nothing", answer.status)),
            count => Outcome::Leaked(format!("the upstream hears {count} requests of what must be refused")),
        });
    }
    if lines.is_empty() {
        return Ok(Outcome::Vacuous(format!("status {}, and the upstream hears nothing", answer.status)));
    }
    let query = attack.request.path.split_once('?').map(|(_, query)| unquoted(query)).unwrap_or_default();
    let telling = |word: &&str| word.len() >= 6 && word.contains(|letter: char| letter.is_ascii_digit());
    let mut words = query.split(|letter: char| !letter.is_alphanumeric()).filter(telling);
    Ok(match words.any(|word| lines.iter().any(|line| unquoted(line).contains(word))) {
        true => Outcome::Leaked("the upstream's access log gets the identifier of the query".to_owned()),
        false => Outcome::Held("the identifier of the query is in no request line".to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::request_line;

    #[test]
    fn a_request_line_begins_where_the_body_before_it_ends() {
        for (line, expected) in [
            ("GET /fhir/Patient/1 HTTP/1.1", "GET /fhir/Patient/1 HTTP/1.1"),
            (
                "identifier=9990000018&_count=2POST /fhir/Patient/_search HTTP/1.1",
                "POST /fhir/Patient/_search HTTP/1.1",
            ),
            ("nothing HTTP/1.1", "nothing HTTP/1.1"),
        ] {
            assert_eq!(request_line(line), expected);
        }
    }
}
