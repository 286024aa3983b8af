//! Addresses that are malformed, or made up to reach what is not served.

use http::Method;
use serde_json::json;

use super::hands::{acted, body, get, kind, put, refused, set};
use crate::bench::Bench;
use crate::check::{Check, Judgement, Otherwise};

const SEPARATED: &str = "https://www.rfc-editor.org/rfc/rfc3986#section-2.4";
const IDS: &str = "https://hl7.org/fhir/R4/datatypes.html#id";
const GENERAL: &str = "https://hl7.org/fhir/R4/http.html#general";
const STATUS: &str = "https://hl7.org/fhir/R4/http.html#Status-Codes";

pub(super) const CHECKS: &[Check] = &[
    acted!(
        Shall,
        "core-path-traversal",
        "an address with escaped dots and slashes is refused",
        "files of the server are read through it",
        STATUS,
        traversal
    ),
    acted!(
        Shall,
        "core-path-escaped-slash",
        "an escaped slash is part of an id, which it cannot be, and no way into the resource",
        "rules that go by the address are walked around",
        SEPARATED,
        escaped_slash
    ),
    acted!(
        Shall,
        "core-path-long-id",
        "an id of more than 64 characters is refused, in reads and updates",
        "others cannot hold a record under such an id",
        IDS,
        long_id
    ),
    acted!(
        Shall,
        "core-path-bad-id",
        "an update to an id with characters that ids do not have is refused",
        "others cannot hold a record under such an id",
        IDS,
        bad_id
    ),
    acted!(
        Shall,
        "core-path-case",
        "types are spelt as they are: another case is another address",
        "rules that go by the address are walked around",
        GENERAL,
        case
    ),
    acted!(
        Shall,
        "core-path-control",
        "an address with a null character or half an escape is refused",
        "clients retry what looks like the server's fault",
        STATUS,
        control
    ),
];

async fn refused_all(bench: &Bench, paths: &[String]) -> Judgement {
    for path in paths {
        refused(&get(bench, path).await?)?;
    }
    Ok(())
}

async fn traversal(bench: &Bench) -> Judgement {
    let kind = kind(bench, &["read"])?;
    let paths = [
        format!("{kind}/%2e%2e%2f%2e%2e%2fetc%2fpasswd"),
        format!("{kind}/..%2f..%2f..%2f..%2fetc%2fpasswd"),
        format!("{kind}/%252e%252e%252fmetadata"),
        format!("{kind}/..%5c..%5cmetadata"),
    ];
    refused_all(bench, &paths).await
}

async fn escaped_slash(bench: &Bench) -> Judgement {
    let kind = kind(bench, &["create", "read"])?;
    let kept = super::hands::make(bench, kind, "slash").await?;
    let paths = [format!("{kind}%2F{}", kept.id), format!("{kind}/{}%2F_history", kept.id)];
    refused_all(bench, &paths).await
}

async fn long_id(bench: &Bench) -> Judgement {
    let kind = kind(bench, &["read"])?;
    let id = "a".repeat(65);
    refused_all(bench, &[format!("{kind}/{id}"), format!("{kind}/{}", "b".repeat(4_000))]).await?;
    update_refused(bench, kind, &id, &id).await
}

async fn update_refused(bench: &Bench, kind: &str, id: &str, escaped: &str) -> Judgement {
    if bench.claimed(kind, "update").is_err() {
        return Ok(());
    }
    let mut sent = body(bench, kind, "bad-id");
    set(&mut sent, &["id"], json!(id));
    let path = format!("{kind}/{escaped}");
    let answer = put(bench, &path, &sent).await?;
    if (200..300).contains(&answer.status) {
        bench.made(path);
    }
    refused(&answer)
}

async fn bad_id(bench: &Bench) -> Judgement {
    let kind = kind(bench, &["update"])?;
    for (id, escaped) in [("a_b", "a_b"), ("a b", "a%20b"), ("é", "%C3%A9"), ("a$b", "a$b")] {
        update_refused(bench, kind, id, escaped).await?;
    }
    Ok(())
}

async fn case(bench: &Bench) -> Judgement {
    let kind = kind(bench, &["create", "read"])?;
    let kept = super::hands::make(bench, kind, "case").await?;
    let lower = kind.to_ascii_lowercase();
    refused_all(
        bench,
        &[format!("{lower}/{}", kept.id), format!("{}/{}", kind.to_ascii_uppercase(), kept.id)],
    )
    .await
}

async fn control(bench: &Bench) -> Judgement {
    let kind = kind(bench, &["read"])?;
    for path in
        [format!("{kind}/a%00b"), format!("{kind}/a%0d%0ab"), format!("{kind}/%zz"), format!("{kind}/%")]
    {
        let answer = super::hands::send(bench, Method::GET, &path, &[], "").await;
        match answer {
            Ok(answer) => refused(&answer)?,
            // Some servers close the connection on such an address: nothing was served.
            Err(Otherwise::Error(_)) => {}
            Err(other) => return Err(other),
        }
    }
    Ok(())
}
