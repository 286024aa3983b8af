//! What the gateway sends to the endpoint behind it.

use http::Method;

use super::play::{Told, get, sent, settled, word};
use crate::behind::Heard;
use crate::bench::Bench;
use crate::check::{Judgement, Otherwise};
use crate::target::Question;

const JSON: (&str, &str) = ("accept", "application/fhir+json");

/// None of the requests holds `text`, whatever the header.
fn unheard(told: &Told, text: &str, expected: &str) -> Judgement {
    let text = text.to_ascii_lowercase();
    let holds = |heard: &Heard| {
        heard
            .headers
            .iter()
            .find(|(_, value)| value.to_ascii_lowercase().contains(&text))
            .map(|(name, _)| name.clone())
    };
    match told.heard.iter().find_map(holds) {
        None => Ok(()),
        Some(name) => {
            Err(Otherwise::unmet(expected, format!("it in the header {}", name.to_ascii_lowercase())))
        }
    }
}

pub(super) async fn hop_by_hop(bench: &Bench) -> Judgement {
    let word = word(bench);
    let headers = [
        JSON,
        ("connection", "x-of-this-hop"),
        ("x-of-this-hop", word.as_str()),
        ("proxy-connection", word.as_str()),
    ];
    let told = sent(bench, &headers).await?;
    unheard(&told, &word, "no header that belongs to the client's connection")?;
    let named = |heard: &Heard| {
        heard.all("connection").any(|held| held.to_ascii_lowercase().contains("x-of-this-hop"))
    };
    if told.heard.iter().any(named) {
        return Err(Otherwise::unmet("a Connection header of the gateway's own, or none", "the client's"));
    }
    Ok(())
}

pub(super) async fn cookies(bench: &Bench) -> Judgement {
    let cookie = format!("session={}", word(bench));
    let told = sent(bench, &[JSON, ("cookie", &cookie)]).await?;
    unheard(&told, &cookie, "no cookie of the client")
}

pub(super) async fn authorization(bench: &Bench) -> Judgement {
    if let Some(held) = bench.target().authorization().map(str::to_owned) {
        let told = sent(bench, &[JSON]).await?;
        return unheard(&told, &held, "no token of the client");
    }
    let told = sent(bench, &[JSON, ("authorization", "Basic cG9ydGN1bGxpczpub3QtYS1wYXNzd29yZA==")]).await?;
    unheard(&told, "cG9ydGN1bGxpczpub3QtYS1wYXNzd29yZA", "no credentials of the client")
}

pub(super) async fn host(bench: &Bench) -> Judgement {
    let told = sent(bench, &[JSON, ("x-forwarded-host", &format!("{}.example", word(bench)))]).await?;
    let own = bench.target().base().split('/').nth(2).unwrap_or_default().to_ascii_lowercase();
    for heard in &told.heard {
        let hosts: Vec<&str> = heard.all("host").collect();
        let [host] = hosts.as_slice() else {
            return Err(Otherwise::unmet("one Host header", format!("{} of them", hosts.len())));
        };
        if host.is_empty() || host.to_ascii_lowercase() == own || host.contains(&word(bench)) {
            return Err(Otherwise::unmet("the authority of the endpoint behind in Host", "another"));
        }
    }
    Ok(())
}

pub(super) async fn via(bench: &Bench) -> Judgement {
    let told = sent(bench, &[JSON]).await?;
    let good = |via: &str| {
        let mut words = via.rsplit(',').next().unwrap_or_default().split_whitespace();
        let protocol = words.next().is_some_and(|held| held.contains(|letter: char| letter.is_ascii_digit()));
        protocol && words.next().is_some()
    };
    if told.heard.iter().all(|heard| heard.all("via").last().is_some_and(good)) {
        return Ok(());
    }
    Err(Otherwise::unmet("a Via header with a protocol and a name in each request", "none, or another form"))
}

pub(super) async fn forwarded(bench: &Bench) -> Judgement {
    let (told, spoofed) = ("198.51.100.77", "for=198.51.100.77;host=portcullis.invalid;proto=http");
    let told_of =
        sent(bench, &[JSON, ("x-forwarded-for", told), ("forwarded", spoofed), ("x-real-ip", told)]).await?;
    for heard in &told_of.heard {
        for name in ["x-forwarded-for", "forwarded", "x-real-ip"] {
            let all: Vec<&str> = heard.all(name).collect();
            // A chain may grow behind what a client claims; a claim that ends the chain is believed.
            if all.join(",").rsplit(',').next().is_some_and(|last| last.contains(told)) {
                return Err(Otherwise::unmet(
                    "no address that only the client told, as the last hop",
                    format!("it in {name}"),
                ));
            }
        }
    }
    Ok(())
}

pub(super) async fn safe_methods(bench: &Bench) -> Judgement {
    let (behind, subject, _) = settled(bench).await?;
    let path = subject.path();
    let other = [JSON, ("x-http-method-override", "DELETE"), ("x-method-override", "DELETE")];
    let plain: &[(&'static str, &str)] = &[JSON];
    for headers in [plain, &other] {
        for method in [Method::GET, Method::HEAD, Method::OPTIONS] {
            drop(bench.try_ask(&Question { method, path: &path, headers, body: b"" }).await?);
        }
    }
    let heard = behind.take_heard();
    if heard.is_empty() {
        return Err(Otherwise::skipped("the gateway refused the requests without asking behind"));
    }
    let safe = |heard: &Heard| {
        let overridden =
            heard.headers.iter().any(|(name, _)| name.to_ascii_lowercase().ends_with("method-override"));
        let search = heard.method == "POST" && heard.path().ends_with("/_search");
        (matches!(heard.method.as_str(), "GET" | "HEAD" | "OPTIONS") || search) && !overridden
    };
    match heard.iter().find(|heard| !safe(heard)) {
        None => Ok(()),
        Some(heard) => {
            let method = if heard.method.len() < 10 { heard.method.as_str() } else { "another method" };
            Err(Otherwise::unmet("safe methods alone for what only reads, and none in a header", method))
        }
    }
}

pub(super) async fn query(bench: &Bench) -> Judgement {
    let (behind, subject, _) = settled(bench).await?;
    let family = format!("Hart-{}&_count=9+x=1%zz", bench.tag());
    let path =
        format!("{}?_id={}&family=Hart-{}%26_count%3D9%2Bx%3D1%25zz", subject.kind, subject.id, bench.tag());
    drop(bench.try_ask(&get(&path)).await?);
    let heard = behind.take_heard();
    let of_family = |heard: &&Heard| heard.query().contains("family");
    let Some(heard) = heard.iter().find(of_family) else {
        return Err(Otherwise::skipped("the gateway does not pass a search by family on"));
    };
    let parameters = heard.parameters();
    let held: Vec<&str> =
        parameters.iter().filter(|(name, _)| name == "family").map(|(_, value)| value.as_str()).collect();
    if held != [family.as_str()] {
        return Err(Otherwise::unmet(
            "the parameter once, with the value that was sent",
            "another value, or more of them",
        ));
    }
    let ids = parameters.iter().filter(|(name, _)| name == "_id").count();
    if ids == 1 { Ok(()) } else { Err(Otherwise::unmet("each parameter once", format!("_id {ids} times"))) }
}

pub(super) async fn framing(bench: &Bench) -> Judgement {
    use crate::behind::Framing;
    let (behind, subject, _) = settled(bench).await?;
    let path = subject.path();
    drop(bench.try_ask(&get(&path)).await?);
    let form = format!("_id={}", subject.id);
    let headers = [JSON, ("content-type", "application/x-www-form-urlencoded")];
    let search = format!("{}/_search", subject.kind);
    drop(
        bench
            .try_ask(&Question {
                method: Method::POST,
                path: &search,
                headers: &headers,
                body: form.as_bytes(),
            })
            .await?,
    );
    for heard in behind.take_heard() {
        match heard.framing {
            Framing::Doubtful(how) => return Err(Otherwise::unmet("requests with one reading", how)),
            Framing::Sound if matches!(heard.method.as_str(), "GET" | "HEAD") && !heard.body.is_empty() => {
                return Err(Otherwise::unmet("no body with GET and HEAD", "a body"));
            }
            Framing::Sound => {}
        }
    }
    Ok(())
}

pub(super) async fn request_id(bench: &Bench) -> Judgement {
    let own = format!("c-{}", bench.tag());
    let told = sent(bench, &[JSON, ("x-request-id", &own)]).await?;
    let answer = told.answer()?;
    match (answer.header("x-request-id"), answer.header("x-correlation-id")) {
        (None, _) => Err(Otherwise::skipped("the gateway gives no X-Request-Id")),
        (Some(held), _) if held == own => Ok(()),
        (Some(_), Some(held)) if held == own => Ok(()),
        (Some(_), _) => Err(Otherwise::unmet(
            "X-Correlation-Id with the client's id beside an X-Request-Id of the gateway's own",
            "none, or another",
        )),
    }
}

pub(super) async fn condition(bench: &Bench) -> Judgement {
    let told = sent(bench, &[JSON, ("if-none-match", "W/\"a-version-nobody-has\"")]).await?;
    told.right()
}

pub(super) async fn ranges(bench: &Bench) -> Judgement {
    let told = sent(bench, &[JSON, ("range", "bytes=0-9")]).await?;
    let answer = told.answer()?;
    match answer.status {
        206 if answer.header("content-range").is_some() => Ok(()),
        416 => told.refused(),
        _ => told.right(),
    }
}

pub(super) async fn encoding(bench: &Bench) -> Judgement {
    let told = sent(bench, &[JSON, ("accept-encoding", "identity")]).await?;
    let answer = told.answer()?;
    if answer.header("content-encoding").is_some_and(|held| !held.eq_ignore_ascii_case("identity")) {
        return Err(Otherwise::unmet("no content coding where none is accepted", "one"));
    }
    told.right()
}
