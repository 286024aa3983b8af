//! Bytes on a bare socket: framing that two readers understand differently.

use super::super::battery::{Attack, MustBe};
use super::super::bench::{Bench, Ended, Outcome, clean};

/// Sends the bytes as they are; whatever comes back holds nothing hidden, and no connection is handed over.
pub(super) async fn run(bench: &Bench, attack: &Attack) -> Result<Outcome, Ended> {
    let raw = attack.request.raw.as_deref();
    let raw = raw.ok_or_else(|| Outcome::NotRun("it has no raw bytes".to_owned()))?;
    let bytes = bench.filled(&prefixed(raw, &bench.prefix))?;
    let sent = bench.target.raw(bytes.as_bytes()).await;
    let came = sent.map_err(|trouble| Outcome::NotRun(format!("the socket gave {trouble}")))?;
    clean(&bench.scanner(attack).without_what(raw), &came)?;
    let statuses = statuses(&came);
    let first = statuses.first().copied();
    if first == Some(101) {
        return Ok(Outcome::Leaked("the connection is handed over".to_owned()));
    }
    if attack.must_be_refused == MustBe::Refused && first.is_some_and(|status| status < 400) {
        return Ok(Outcome::Leaked(format!("accepted with {}", first.unwrap_or_default())));
    }
    if !came.is_empty() && first.is_none() {
        return Ok(Outcome::Leaked("an answer that is no HTTP".to_owned()));
    }
    let told: Vec<String> = statuses.iter().map(u16::to_string).collect();
    let told = if told.is_empty() { "closed without an answer".to_owned() } else { told.join(", ") };
    Ok(Outcome::Held(format!("statuses: {told}; nothing hidden in the bytes")))
}

/// The status of each answer in the bytes.
fn statuses(bytes: &[u8]) -> Vec<u16> {
    let text = String::from_utf8_lossy(bytes);
    let status = |(at, _): (usize, &str)| {
        text.split_at_checked(at + 9)?.1.split([' ', '\r', '\n']).next()?.parse().ok()
    };
    text.match_indices("HTTP/1.1 ").filter_map(status).collect()
}

/// Puts the prefix in front of `/fhir` in every request line; a length that covered the rest still does.
fn prefixed(raw: &str, prefix: &str) -> String {
    let end = raw.find("\r\n\r\n").map(|at| at + 4).or_else(|| raw.find("\n\n").map(|at| at + 2));
    let (head, rest) = raw.split_at_checked(end.unwrap_or(raw.len())).unwrap_or((raw, ""));
    let moved = in_lines(rest, prefix);
    let length = |text: &str| format!("Content-Length: {}\r\n", text.len());
    in_lines(head, prefix).replace(&length(rest), &length(&moved)) + &moved
}

fn in_lines(text: &str, prefix: &str) -> String {
    let line = |line: &str| {
        if line.trim_end().ends_with("HTTP/1.1") {
            line.replacen("/fhir", &format!("{prefix}/fhir"), 1)
        } else {
            line.to_owned()
        }
    };
    text.split_inclusive('\n').map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_inside_a_body_stays_whole_when_the_prefix_is_put_in() {
        let inner = "GET /fhir/Patient/p HTTP/1.1\r\nHost: gw\r\n\r\n";
        let raw = format!("GET /fhir/x HTTP/1.1\r\nContent-Length: {}\r\n\r\n{inner}", inner.len());
        let moved = inner.replace("/fhir", "/up/fhir");
        let expected = format!("GET /up/fhir/x HTTP/1.1\r\nContent-Length: {}\r\n\r\n{moved}", moved.len());
        assert_eq!(prefixed(&raw, "/up"), expected);
        assert_eq!(prefixed(&raw, ""), raw);
    }

    #[test]
    fn every_answer_in_the_bytes_is_counted() {
        assert_eq!(statuses(b"HTTP/1.1 400 Bad\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"), [400, 200]);
        assert_eq!(statuses(b"nothing"), [] as [u16; 0]);
    }
}
