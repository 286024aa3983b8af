//! Good and bad answers from behind, and what the gateway makes of them.

use serde_json::{Value, json};

use super::play::{Told, get, settled, subject, told, word};
use crate::behind::{Act, Reply};
use crate::bench::Bench;
use crate::check::{Judgement, Otherwise};
use crate::target::Trouble;

/// An answer framed by us: head, headers of framing, body.
pub(super) fn framed(reply: &Reply, framing: &str, body: &[u8]) -> Act {
    let mut out = reply.head().into_bytes();
    out.extend_from_slice(framing.as_bytes());
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(body);
    Act::Send(out.into())
}

pub(super) async fn hop_by_hop(bench: &Bench) -> Judgement {
    let inside = word(bench);
    let told = told(bench, move |_, reply| {
        reply
            .with("Connection", "X-Of-This-Hop")
            .with("X-Of-This-Hop", &inside)
            .with("Keep-Alive", "timeout=71")
            .acts()
    })
    .await?;
    told.right()?;
    let answer = told.answer()?;
    let kept = answer.header("keep-alive").is_some_and(|held| held.contains("71"));
    if answer.header("x-of-this-hop").is_some() || kept {
        return Err(Otherwise::unmet("no header that belongs to the connection behind", "one of them"));
    }
    Ok(())
}

pub(super) async fn cookies(bench: &Bench) -> Judgement {
    let inside = word(bench);
    let told = told(bench, move |_, reply| {
        reply.with("Set-Cookie", &format!("route={inside}; Path=/; HttpOnly")).acts()
    })
    .await?;
    told.right()
}

pub(super) async fn product(bench: &Bench) -> Judgement {
    let inside = word(bench);
    let told = told(bench, move |_, reply| {
        let product = format!("{inside}/4.2");
        let reply =
            reply.with("Server", &product).with("X-Powered-By", &product).with("X-Backend-Server", &product);
        reply.with("Via", &format!("1.1 {inside}")).acts()
    })
    .await?;
    told.right()
}

pub(super) async fn content_location(bench: &Bench) -> Judgement {
    let told = told(bench, |heard, reply| {
        let host = heard.header("host").unwrap_or_default();
        let here = format!("http://{host}{}/_history/1", heard.path());
        reply.with("Content-Location", &here).with("Link", &format!("<{here}>; rel=\"self\"")).acts()
    })
    .await?;
    told.right()
}

pub(super) async fn references(bench: &Bench) -> Judgement {
    if subject(bench, bench.behind()?)?.kind != "Patient" {
        return Err(Otherwise::skipped("the record behind is no Patient"));
    }
    let told = told(bench, |heard, reply| {
        let host = heard.header("host").unwrap_or_default();
        let (base, _) = heard.split();
        let to = format!("http://{host}{base}/Organization/org-1");
        let held = fhir::json::parse_value(reply.body.clone().into(), &fhir::json::Limits::default());
        let Ok(Value::Object(mut patient)) = held else { return reply.acts() };
        if patient.get("resourceType").is_some_and(|kind| kind == "Patient") {
            patient.insert("managingOrganization".to_owned(), json!({"reference": to}));
        }
        reply.body(Value::Object(patient).to_string()).acts()
    })
    .await?;
    told.clean()
}

pub(super) async fn search_links(bench: &Bench) -> Judgement {
    let (behind, subject, inside) = settled(bench).await?;
    let path = format!("{}?_id={}", subject.kind, subject.id);
    let answer = bench.ask(&get(&path)).await?;
    if behind.take_heard().is_empty() || answer.status != 200 {
        return Err(Otherwise::skipped("the gateway does not answer a search by _id"));
    }
    inside.absent(&answer)
}

pub(super) async fn redirect_passed(bench: &Bench) -> Judgement {
    let inside = word(bench);
    let told = told(bench, move |heard, reply| {
        let to = format!("http://{inside}.example{}", heard.path());
        reply.status(307).only("Location", &to).body("").acts()
    })
    .await?;
    let answer = told.answer()?;
    if (300..400).contains(&answer.status) {
        return Err(Otherwise::unmet(
            "no redirect to where a client cannot go",
            format!("status {}", answer.status),
        ));
    }
    told.clean()
}

pub(super) async fn redirect_followed(bench: &Bench) -> Judgement {
    let elsewhere = bench.behind()?.elsewhere();
    let astray = bench.behind()?;
    astray.take_astray();
    told(bench, move |heard, reply| {
        let to = format!("http://{elsewhere}{}", heard.path());
        reply.status(307).only("Location", &to).body("").acts()
    })
    .await?;
    if astray.take_astray().is_empty() {
        return Ok(());
    }
    Err(Otherwise::unmet(
        "no request to an address that the gateway was not given",
        "the record asked for there",
    ))
}

pub(super) async fn truncated(bench: &Bench) -> Judgement {
    let told = told(bench, |_, reply| {
        let half = reply.body.len() / 2;
        let length = format!("Content-Length: {}\r\n", reply.body.len());
        vec![framed(&reply, &length, reply.body.get(..half).unwrap_or_default()), Act::Close]
    })
    .await?;
    unfinished(&told)
}

pub(super) async fn truncated_chunks(bench: &Bench) -> Judgement {
    let told = told(bench, |_, reply| {
        // All of the record is there, but the chunk that ends it is not.
        let mut chunk = format!("{:x}\r\n", reply.body.len()).into_bytes();
        chunk.extend_from_slice(&reply.body);
        chunk.extend_from_slice(b"\r\n");
        vec![framed(&reply, "Transfer-Encoding: chunked\r\n", &chunk), Act::Close]
    })
    .await?;
    unfinished(&told)
}

/// An answer that broke off is told as one, never as a whole record.
fn unfinished(told: &Told) -> Judgement {
    match &told.answer {
        Err(
            Trouble::Unreachable
            | Trouble::Untrusted
            | Trouble::Busy
            | Trouble::Unanswered
            | Trouble::TooLarge,
        ) => Ok(()),
        Err(Trouble::Late) => Err(Otherwise::unmet("an error", "no answer in 20 seconds")),
        Ok(_) => told.refused(),
    }
}

pub(super) async fn silent(bench: &Bench) -> Judgement {
    let told = told(bench, |_, _| vec![Act::Close]).await?;
    let answer = told.answer()?;
    if answer.status < 500 {
        return Err(Otherwise::unmet("a status of 5xx", format!("status {}", answer.status)));
    }
    told.inside.absent(answer)
}

pub(super) async fn too_long(bench: &Bench) -> Judgement {
    let told = told(bench, |_, reply| {
        let length = format!("Content-Length: {}\r\n", reply.body.len().saturating_sub(9));
        vec![framed(&reply, &length, &reply.body.clone()), Act::Close]
    })
    .await?;
    told.refused()
}

pub(super) async fn leftovers(bench: &Bench) -> Judgement {
    let inside = word(bench);
    let first = told(bench, move |heard, reply| {
        let (kind, id) = (
            heard.resource_type().unwrap_or("Patient"),
            heard.split().1.get(1).copied().unwrap_or_default().to_owned(),
        );
        let person = format!("{{\"resourceType\":\"{kind}\",\"id\":\"{id}\",\"language\":\"{inside}\"}}");
        let forged = Reply { body: person.into_bytes(), ..reply.clone() };
        vec![Act::Send([reply.bytes(), forged.bytes()].concat().into())]
    })
    .await?;
    first.clean()?;
    // A forged answer would be waiting on the connection for whoever asks next.
    let path = first.subject.path();
    for _ in 0..3 {
        let answer = bench.try_ask(&get(&path)).await?;
        let next =
            Told { answer, heard: Vec::new(), subject: first.subject.clone(), inside: first.inside.clone() };
        next.clean()?;
    }
    Ok(())
}

pub(super) async fn two_lengths(bench: &Bench) -> Judgement {
    let told = told(bench, |_, reply| {
        let lengths =
            format!("Content-Length: {}\r\nContent-Length: {}\r\n", reply.body.len(), reply.body.len() + 40);
        vec![framed(&reply, &lengths, &reply.body.clone()), Act::Close]
    })
    .await?;
    match &told.answer {
        Err(
            Trouble::Unreachable
            | Trouble::Untrusted
            | Trouble::Busy
            | Trouble::Unanswered
            | Trouble::TooLarge,
        ) => Ok(()),
        Err(Trouble::Late) | Ok(_) => told.refused(),
    }
}

fn trace(inside: &str) -> String {
    format!(
        "<html><body><h1>Internal error</h1><pre>java.sql.SQLException: no row for Wenna Trescoe, 999 000 0018\n\
         \tat uk.{inside}.Store.read(Store.java:114)\n\tat http://{inside}.internal:8443/\n</pre></body></html>"
    )
}

async fn failing(bench: &Bench) -> Result<Told, Otherwise> {
    let inside = word(bench);
    told(bench, move |_, reply| {
        let reply = reply.status(500).only("Content-Type", "text/html").with("X-Trace", &inside);
        reply.body(trace(&inside)).acts()
    })
    .await
}

pub(super) async fn failure_clean(bench: &Bench) -> Judgement {
    let told = failing(bench).await?;
    let answer = told.answer()?;
    let body = String::from_utf8_lossy(&answer.body);
    if body.contains("Trescoe") || body.contains("999 000 0018") || body.contains("SQLException") {
        return Err(Otherwise::unmet(
            "no word of an error page from behind",
            "a stack trace, or a person in it",
        ));
    }
    told.inside.absent(answer)
}

pub(super) async fn failure_status(bench: &Bench) -> Judgement {
    let told = failing(bench).await?;
    let answer = told.answer()?;
    if (500..600).contains(&answer.status) {
        return Ok(());
    }
    Err(Otherwise::unmet("a status of 5xx", format!("status {}", answer.status)))
}

pub(super) async fn failure_outcome(bench: &Bench) -> Judgement {
    let told = failing(bench).await?;
    let answer = told.answer()?;
    if answer.is("OperationOutcome") {
        return Ok(());
    }
    Err(Otherwise::unmet("an OperationOutcome of the gateway's own", "another body, or none"))
}

pub(super) async fn diagnostics(bench: &Bench) -> Judgement {
    let inside = word(bench);
    let told = told(bench, move |_, reply| {
        let body = format!(
            "{{\"resourceType\":\"OperationOutcome\",\"issue\":[{{\"severity\":\"error\",\"code\":\"exception\",\
             \"diagnostics\":\"{inside}: no row for Wenna Trescoe\"}}]}}"
        );
        reply.status(500).body(body).acts()
    })
    .await?;
    told.refused()
}

pub(super) async fn other_id(bench: &Bench) -> Judgement {
    let inside = word(bench);
    let told = told(bench, move |heard, reply| {
        let kind = heard.resource_type().unwrap_or("Patient");
        reply.body(format!("{{\"resourceType\":\"{kind}\",\"id\":\"{inside}\"}}")).acts()
    })
    .await?;
    told.refused()
}

pub(super) async fn other_type(bench: &Bench) -> Judgement {
    let told = told(bench, |heard, reply| {
        let id = heard.split().1.get(1).copied().unwrap_or_default().to_owned();
        reply
            .body(format!("{{\"resourceType\":\"Basic\",\"id\":\"{id}\",\"code\":{{\"text\":\"x\"}}}}"))
            .acts()
    })
    .await?;
    told.refused()
}

/// The right body, and what `change` makes of it.
async fn with_body(bench: &Bench, change: fn(Vec<u8>) -> Vec<u8>) -> Judgement {
    let told = told(bench, move |_, reply| {
        let body = change(reply.body.clone());
        reply.body(body).acts()
    })
    .await?;
    told.clean()
}

pub(super) async fn malformed(bench: &Bench) -> Judgement {
    with_body(bench, |mut body| {
        body.pop();
        body
    })
    .await
}

pub(super) async fn garbage(bench: &Bench) -> Judgement {
    with_body(bench, |mut body| {
        body.extend_from_slice(b"{\"resourceType\":\"Patient\"}");
        body
    })
    .await
}

pub(super) async fn duplicates(bench: &Bench) -> Judgement {
    with_body(bench, |body| {
        [b"{\"active\":false,\"active\":true,", body.get(1..).unwrap_or_default()].concat()
    })
    .await
}

pub(super) async fn not_utf8(bench: &Bench) -> Judgement {
    with_body(bench, |body| [b"{\"language\":\"e\xFFn\",", body.get(1..).unwrap_or_default()].concat()).await
}

pub(super) async fn web_page(bench: &Bench) -> Judgement {
    let inside = word(bench);
    let told = told(bench, move |_, reply| {
        reply
            .only("Content-Type", "text/html")
            .body(format!("<html><title>{inside}</title>sign in</html>"))
            .acts()
    })
    .await?;
    told.refused()
}

pub(super) async fn challenge(bench: &Bench) -> Judgement {
    let inside = word(bench);
    let told = told(bench, move |_, reply| {
        reply.status(401).with("WWW-Authenticate", &format!("Negotiate realm=\"{inside}\"")).body("").acts()
    })
    .await?;
    told.refused()
}

pub(super) async fn absence(bench: &Bench) -> Judgement {
    let told = told(bench, |heard, reply| {
        // A gateway may search for what it is to read: then there is nothing to find.
        let (_, parts) = heard.split();
        if parts.get(1).is_none_or(|part| part.starts_with('_')) {
            return reply.body(r#"{"resourceType":"Bundle","type":"searchset","total":0}"#).acts();
        }
        let body = r#"{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"not-found"}]}"#;
        reply.status(404).body(body).acts()
    })
    .await?;
    let answer = told.answer()?;
    if matches!(answer.status, 403 | 404 | 410) {
        return told.inside.absent(answer);
    }
    Err(Otherwise::unmet("status 404 or 410, or 403", format!("status {}", answer.status)))
}

pub(super) async fn interim(bench: &Bench) -> Judgement {
    let told = told(bench, |_, reply| {
        let early = b"HTTP/1.1 103 Early Hints\r\nLink: </x>; rel=preload\r\n\r\n";
        vec![Act::Send([early.as_slice(), &reply.bytes()].concat().into())]
    })
    .await?;
    told.right()
}

pub(super) async fn chunked(bench: &Bench) -> Judgement {
    let told = told(bench, |_, reply| {
        let (left, right) = reply.body.split_at(reply.body.len() / 3);
        let mut body = Vec::new();
        for part in [left, right] {
            body.extend_from_slice(format!("{:X};part=\"x\"\r\n", part.len()).as_bytes());
            body.extend_from_slice(part);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(b"0\r\n\r\n");
        vec![framed(&reply, "Transfer-Encoding: chunked\r\n", &body)]
    })
    .await?;
    told.right()
}

pub(super) async fn trailers(bench: &Bench) -> Judgement {
    let inside = word(bench);
    let told = told(bench, move |_, reply| {
        let mut body = format!("{:x}\r\n", reply.body.len()).into_bytes();
        body.extend_from_slice(&reply.body);
        body.extend_from_slice(
            format!("\r\n0\r\nX-Of-The-End: {inside}\r\nLocation: {inside}\r\n\r\n").as_bytes(),
        );
        vec![framed(&reply, "Trailer: X-Of-The-End\r\nTransfer-Encoding: chunked\r\n", &body)]
    })
    .await?;
    told.right()
}
