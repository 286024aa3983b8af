//! Patches by JSON Patch: carried out whole or not at all.

use http::Method;
use serde_json::{Value, json};

use super::super::judge::{root, status};
use super::hands::{
    Kept, Terms, acted, current_version, kind, make, read, refused, send, stated, succeeded, version,
};
use super::update::unchanged;
use crate::bench::Bench;
use crate::check::{Check, Judgement, Otherwise};
use crate::target::Answer;

const PATCH: &str = "https://hl7.org/fhir/R4/http.html#patch";
const WHOLE: &str = "https://www.rfc-editor.org/rfc/rfc5789#section-2";
const JSON_PATCH: &str = "https://www.rfc-editor.org/rfc/rfc6902#section-5";

const MEDIA_TYPE: &str = "application/json-patch+json";

pub(super) const CHECKS: &[Check] = &[
    acted!(
        Shall,
        "core-patch-applied",
        "a JSON Patch is carried out: add, replace, remove, test",
        "a change that is said to be made and is not is lost",
        PATCH,
        applied
    ),
    acted!(
        Shall,
        "core-patch-version",
        "a patch makes a new version",
        "others cannot tell that it changed",
        PATCH,
        new_version
    ),
    acted!(
        Shall,
        "core-patch-test",
        "a patch with a test that does not hold is refused, and changes nothing",
        "the sender changes something else than it saw",
        JSON_PATCH,
        failing_test
    ),
    acted!(
        Shall,
        "core-patch-nowhere",
        "a patch of a place that is not there is refused",
        "the sender believes that it changed something",
        JSON_PATCH,
        nowhere
    ),
    acted!(
        Shall,
        "core-patch-whole",
        "a patch whose last operation fails changes nothing",
        "half of a change is a record that nobody wrote",
        WHOLE,
        atomic
    ),
    acted!(
        Shall,
        "core-patch-malformed",
        "a patch that is none is refused",
        "the sender must know that nothing was done",
        PATCH,
        malformed
    ),
    acted!(
        Shall,
        "core-patch-invalid",
        "a patch that leaves something that is no FHIR is refused",
        "nobody can read the record any more",
        PATCH,
        invalid
    ),
    acted!(
        Shall,
        "core-patch-id",
        "a patch changes no id",
        "a record turns into another",
        "https://hl7.org/fhir/R4/resource.html#id",
        same_id
    ),
    acted!(
        Shall,
        "core-patch-stale",
        "a patch with If-Match of another version answers 412, or 409, and changes nothing",
        "the change of somebody else is lost without a trace",
        PATCH,
        stale
    ),
    acted!(
        Should,
        "core-patch-format",
        "a patch in a format that is not spoken answers 415",
        "the sender can then try another format",
        WHOLE,
        other_format
    ),
];

async fn begin(bench: &Bench, word: &str) -> Result<Kept, Otherwise> {
    let kind = kind(bench, &["create", "read", "patch"])?;
    let formats = stated(bench, &["patchFormat"])?;
    if !formats.is_empty() && !formats.iter().any(|format| format == MEDIA_TYPE) {
        return Err(Otherwise::skipped("JSON Patch is not advertised"));
    }
    make(bench, kind, word).await
}

async fn patch(bench: &Bench, kept: &Kept, operations: Value) -> Result<Answer, Otherwise> {
    let terms = Terms::of(bench, kept).await?;
    let mut headers = terms.headers();
    headers.push(("content-type", MEDIA_TYPE));
    send(bench, Method::PATCH, &kept.path(), &headers, operations.to_string()).await
}

async fn applied(bench: &Bench) -> Judgement {
    let kept = begin(bench, "patched").await?;
    let operations = json!([
        {"op": "test", "path": "/active", "value": true},
        {"op": "replace", "path": "/active", "value": false},
        {"op": "add", "path": "/telecom", "value": [{"system": "phone", "value": "01632 960005"}]},
        {"op": "add", "path": "/telecom/0", "value": {"system": "phone", "value": "01632 960004"}},
        {"op": "remove", "path": "/name"}
    ]);
    let answer = patch(bench, &kept, operations).await?;
    status(&answer, &[200, 204])?;
    let found = read(bench, &kept).await?;
    let root = root(&found)?;
    let active = root.member("active").and_then(fhir::json::Node::boolean);
    let telecom: Vec<String> = root
        .walk(&["telecom", "value"])
        .filter_map(|held: fhir::json::Node<'_>| held.string().map(String::from))
        .collect();
    if active == Some(false) && telecom == ["01632 960004", "01632 960005"] && root.member("name").is_none() {
        return Ok(());
    }
    Err(Otherwise::unmet("what the patch makes of it", "something else"))
}

fn inactive() -> Value {
    json!([{"op": "replace", "path": "/active", "value": false}])
}

async fn new_version(bench: &Bench) -> Judgement {
    let kept = begin(bench, "patch-version").await?;
    let before = current_version(bench, &kept).await?;
    succeeded(&patch(bench, &kept, inactive()).await?)?;
    if version(&read(bench, &kept).await?)? == before {
        return Err(Otherwise::unmet("another meta.versionId", "the same"));
    }
    Ok(())
}

async fn refused_whole(bench: &Bench, word: &str, operations: Value) -> Judgement {
    let kept = begin(bench, word).await?;
    refused(&patch(bench, &kept, operations).await?)?;
    unchanged(bench, &kept).await
}

async fn failing_test(bench: &Bench) -> Judgement {
    let operations = json!([
        {"op": "test", "path": "/active", "value": false},
        {"op": "replace", "path": "/active", "value": false}
    ]);
    refused_whole(bench, "patch-test", operations).await
}

async fn nowhere(bench: &Bench) -> Judgement {
    let operations = json!([{"op": "replace", "path": "/telecom/7/value", "value": "01632 960004"}]);
    refused_whole(bench, "patch-nowhere", operations).await
}

async fn atomic(bench: &Bench) -> Judgement {
    let operations = json!([
        {"op": "replace", "path": "/active", "value": false},
        {"op": "remove", "path": "/telecom/7"}
    ]);
    refused_whole(bench, "patch-atomic", operations).await
}

async fn malformed(bench: &Bench) -> Judgement {
    refused_whole(bench, "patch-malformed", json!({"active": false})).await
}

async fn invalid(bench: &Bench) -> Judgement {
    let operations = json!([{"op": "replace", "path": "/active", "value": {"not": "a boolean"}}]);
    refused_whole(bench, "patch-invalid", operations).await
}

async fn same_id(bench: &Bench) -> Judgement {
    let kept = begin(bench, "patch-id").await?;
    let other = format!("{}-patched", bench.tag());
    let operations = json!([{"op": "replace", "path": "/id", "value": other}]);
    let answer = patch(bench, &kept, operations).await?;
    let found = read(bench, &kept).await?;
    match root(&found)?.str_at(&["id"]) {
        Some(id) if id == kept.id => {}
        Some(_) | None => return Err(Otherwise::unmet("the id of before", "another")),
    }
    let there = super::hands::get(bench, &format!("{}/{other}", kept.kind)).await?;
    if there.status == 200 {
        bench.made(format!("{}/{other}", kept.kind));
        return Err(Otherwise::unmet("nothing under another id", format!("status {}", answer.status)));
    }
    Ok(())
}

async fn stale(bench: &Bench) -> Judgement {
    let kept = begin(bench, "patch-stale").await?;
    let before = current_version(bench, &kept).await?;
    let tag = format!("W/\"{before}\"");
    let headers = [("content-type", MEDIA_TYPE), ("if-match", tag.as_str())];
    let first = json!([{"op": "remove", "path": "/name"}]).to_string();
    succeeded(&send(bench, Method::PATCH, &kept.path(), &headers, first).await?)?;
    let second = send(bench, Method::PATCH, &kept.path(), &headers, inactive().to_string()).await?;
    status(&second, &[412, 409])?;
    match root(&read(bench, &kept).await?)?.member("active").and_then(fhir::json::Node::boolean) {
        Some(true) => Ok(()),
        Some(false) | None => Err(Otherwise::unmet("active as it was", "what was refused")),
    }
}

async fn other_format(bench: &Bench) -> Judgement {
    let kept = begin(bench, "patch-format").await?;
    let terms = Terms::of(bench, &kept).await?;
    let mut headers = terms.headers();
    headers.push(("content-type", "text/plain"));
    let answer = send(bench, Method::PATCH, &kept.path(), &headers, inactive().to_string()).await?;
    unchanged(bench, &kept).await?;
    status(&answer, &[415])
}
