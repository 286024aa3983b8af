//! What the checks of this suite have in common: invented people, requests about them, and what is looked at in answers.

use std::time::Duration;

use bytes::Bytes;
use fhir::json::{Document, Kind, Limits, Node};
use http::Method;
use serde_json::{Value, json};

use super::super::judge::{authorised, root, status};
use crate::bench::Bench;
use crate::check::{Judgement, Otherwise};
use crate::target::{Answer, Question, is_id};

pub(super) const CREATE: &str = "https://hl7.org/fhir/R4/http.html#create";
pub(super) const UPDATE: &str = "https://hl7.org/fhir/R4/http.html#update";
pub(super) const PREFER: &str = "https://hl7.org/fhir/R4/http.html#prefer";
pub(super) const CONCURRENCY: &str = "https://hl7.org/fhir/R4/http.html#concurrency";
pub(super) const MIME: &str = "https://hl7.org/fhir/R4/http.html#mime-type";
pub(super) const HISTORY: &str = "https://hl7.org/fhir/R4/http.html#history";

pub(super) const FHIR_JSON: &str = "application/fhir+json";
pub(super) const FHIR_XML: &str = "application/fhir+xml";

/// The system of identifiers that this suite makes up.
pub(super) const SYSTEM: &str = "https://portcullis.example/conformance";

/// The types that checks work with; all have an identifier that repeats, and `active`.
const KINDS: [&str; 3] = ["Patient", "Practitioner", "Organization"];

/// How often a search is asked again whose index may lag behind, and how long it is waited between.
const LOOKS: usize = 20;
const BETWEEN: Duration = Duration::from_millis(250);

/// The first type on which all of `interactions` are claimed.
pub(super) fn kind(bench: &Bench, interactions: &[&str]) -> Result<&'static str, Otherwise> {
    let claims = bench.claims()?;
    let found = KINDS.into_iter().find(|kind| interactions.iter().all(|one| claims.offers(kind, one)));
    let wanted = interactions.join(" and ");
    found.ok_or_else(|| Otherwise::skipped(format!("{wanted} of {} is not advertised", KINDS.join(", "))))
}

/// An invented person or body of people, told apart from all others by `word` and the run.
pub(super) fn body(bench: &Bench, kind: &str, word: &str) -> Value {
    let name = if kind == "Organization" {
        json!(format!("Harrow {word}"))
    } else {
        json!([{"family": "Harrow", "given": [word]}])
    };
    json!({
        "resourceType": kind,
        "identifier": [{"system": SYSTEM, "value": mark(bench, word)}],
        "active": true,
        "name": name
    })
}

/// Puts `value` into a body, below members that are there already.
pub(super) fn set(body: &mut Value, path: &[&str], value: Value) {
    let Some((last, above)) = path.split_last() else { return };
    let mut held = body;
    for name in above {
        match held.get_mut(*name) {
            Some(inner) => held = inner,
            None => return,
        }
    }
    if let Some(members) = held.as_object_mut() {
        members.insert((*last).to_owned(), value);
    }
}

/// The value of the identifier of what `body` makes.
pub(super) fn mark(bench: &Bench, word: &str) -> String {
    format!("{}-{word}", bench.tag())
}

/// A search that finds what `body` makes, and nothing else.
pub(super) fn criterion(bench: &Bench, word: &str) -> String {
    format!("identifier={SYSTEM}%7C{}", mark(bench, word))
}

/// Asks, accepting and sending JSON where `headers` do not say otherwise; skips where more authority is wanted.
pub(super) async fn send(
    bench: &Bench,
    method: Method,
    path: &str,
    headers: &[(&'static str, &str)],
    body: impl AsRef<[u8]>,
) -> Result<Answer, Otherwise> {
    let body = body.as_ref();
    let mut all = headers.to_vec();
    let told = |name: &str| headers.iter().any(|(known, _)| *known == name);
    if !told("accept") {
        all.push(("accept", FHIR_JSON));
    }
    if !told("content-type") && !body.is_empty() {
        all.push(("content-type", FHIR_JSON));
    }
    let answer = bench.ask(&Question { method, path, headers: &all, body }).await?;
    authorised(&answer)?;
    Ok(answer)
}

pub(super) async fn get(bench: &Bench, path: &str) -> Result<Answer, Otherwise> {
    send(bench, Method::GET, path, &[], "").await
}

pub(super) async fn post(bench: &Bench, path: &str, body: &Value) -> Result<Answer, Otherwise> {
    let answer = send(bench, Method::POST, path, &[], body.to_string()).await?;
    remember(bench, path, &answer);
    Ok(answer)
}

pub(super) async fn put(bench: &Bench, path: &str, body: &Value) -> Result<Answer, Otherwise> {
    send(bench, Method::PUT, path, &[], body.to_string()).await
}

/// Updates what was made; under If-Match where the statement says that updates are taken under no other terms.
pub(super) async fn update(bench: &Bench, kept: &Kept, body: &Value) -> Result<Answer, Otherwise> {
    let terms = Terms::of(bench, kept).await?;
    send(bench, Method::PUT, &kept.path(), &terms.headers(), body.to_string()).await
}

/// Deletes what was made, under the same terms.
pub(super) async fn delete(bench: &Bench, kept: &Kept) -> Result<Answer, Otherwise> {
    let terms = Terms::of(bench, kept).await?;
    delete_under(bench, kept, &terms).await
}

pub(super) async fn delete_under(bench: &Bench, kept: &Kept, terms: &Terms) -> Result<Answer, Otherwise> {
    send(bench, Method::DELETE, &kept.path(), &terms.headers(), "").await
}

/// The terms under which something is changed: `If-Match` with its version, where the statement says that it is changed under
/// no other (`versioned-update`; such a server may answer 428 to all else, RFC 6585 3).
pub(super) struct Terms(Option<String>);

impl Terms {
    /// Those of what was made, as it is now.
    pub(super) async fn of(bench: &Bench, kept: &Kept) -> Result<Self, Otherwise> {
        if claimed_text(bench, kept.kind, "versioning")?.as_deref() != Some("versioned-update") {
            return Ok(Self(None));
        }
        Ok(Self(Some(format!("W/\"{}\"", current_version(bench, kept).await?))))
    }

    pub(super) const fn none() -> Self {
        Self(None)
    }

    pub(super) fn headers(&self) -> Vec<(&'static str, &str)> {
        self.0.iter().map(|tag| ("if-match", tag.as_str())).collect()
    }

    /// The request of an entry of a Bundle that updates `kept`.
    pub(super) fn entry(&self, kept: &Kept) -> Value {
        let mut request = json!({"method": "PUT", "url": kept.path()});
        if let Some(tag) = &self.0 {
            set(&mut request, &["ifMatch"], json!(tag));
        }
        request
    }
}

/// Registers what an answer says that it made.
pub(super) fn remember(bench: &Bench, kind: &str, answer: &Answer) {
    if let Some((id, _)) = created(kind, answer).filter(|_| matches!(answer.status, 200..=299)) {
        bench.made(format!("{kind}/{id}"));
    }
}

/// The id, and the version if it says one, that an answer has in its Location; else in its body.
pub(super) fn created(kind: &str, answer: &Answer) -> Option<(String, Option<String>)> {
    answer.header("location").and_then(|location| located(kind, location)).or_else(|| {
        let document = answer.document.as_ref().ok().filter(|_| answer.is(kind))?;
        let text = |path: &[&str]| document.root().str_at(path).map(String::from);
        let id = text(&["id"]).filter(|id| is_id(id))?;
        Some((id, text(&["meta", "versionId"])))
    })
}

/// `[base]/Type/id/_history/version`, absolute or relative, taken apart.
pub(super) fn located(kind: &str, location: &str) -> Option<(String, Option<String>)> {
    let mut parts = location.split('/').skip_while(|part| *part != kind).skip(1);
    let id = parts.next().filter(|id| is_id(id))?;
    let version = match (parts.next(), parts.next(), parts.next()) {
        (None, _, _) => None,
        (Some("_history"), Some(version), None) if is_id(version) => Some(version.to_owned()),
        _ => return None,
    };
    Some((id.to_owned(), version))
}

/// Something that a check made to work with.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) kind: &'static str,
    pub(super) id: String,
    /// As it was sent, with its id.
    pub(super) body: Value,
}

impl Kept {
    /// `Type/id`.
    pub(super) fn path(&self) -> String {
        format!("{}/{}", self.kind, self.id)
    }
}

/// Makes something to work with. That it is made well is for other checks.
pub(super) async fn make(bench: &Bench, kind: &'static str, word: &str) -> Result<Kept, Otherwise> {
    make_of(bench, kind, body(bench, kind, word)).await
}

/// As [`make`], of this body.
pub(super) async fn make_of(bench: &Bench, kind: &'static str, mut body: Value) -> Result<Kept, Otherwise> {
    bench.claimed(kind, "create")?;
    let answer = post(bench, kind, &body).await?;
    let made = created(kind, &answer).filter(|_| matches!(answer.status, 200..=299));
    let Some((id, _)) = made else {
        let status = answer.status;
        return Err(Otherwise::error(format!("no {kind} could be made to work with: status {status}")));
    };
    set(&mut body, &["id"], json!(id));
    Ok(Kept { kind, id, body })
}

/// Reads what was made; it must be there.
pub(super) async fn read(bench: &Bench, kept: &Kept) -> Result<Answer, Otherwise> {
    let answer = get(bench, &kept.path()).await?;
    status(&answer, &[200])?;
    root(&answer)?;
    Ok(answer)
}

/// The version of what an answer holds.
pub(super) fn version(answer: &Answer) -> Result<String, Otherwise> {
    let found = root(answer)?.str_at(&["meta", "versionId"]).map(String::from);
    found.ok_or_else(|| Otherwise::unmet("meta.versionId", "none"))
}

/// The version of what was made, where the server keeps versions.
pub(super) async fn current_version(bench: &Bench, kept: &Kept) -> Result<String, Otherwise> {
    versioned(bench, kept.kind)?;
    version(&read(bench, kept).await?)
}

/// Goes on only where versions are kept.
pub(super) fn versioned(bench: &Bench, kind: &str) -> Judgement {
    match claimed_text(bench, kind, "versioning")?.as_deref() {
        Some("no-version") => Err(Otherwise::skipped(format!("versions of {kind} are not kept, it says"))),
        Some(_) | None => Ok(()),
    }
}

/// What the statement says about a type, such as `updateCreate`; as it stands in JSON.
pub(super) fn claimed_text(bench: &Bench, kind: &str, element: &str) -> Result<Option<String>, Otherwise> {
    let statement = root(bench.observed()?.metadata.answer()?)?;
    let found = statement
        .walk(&["rest", "resource"])
        .find(|held| held.member("type").is_some_and(|name| name.is_string(kind)))
        .and_then(|held| held.member(element));
    Ok(found.map(|held| match held.string() {
        Some(text) => text.into_owned(),
        None => String::from_utf8_lossy(held.raw()).into_owned(),
    }))
}

/// Goes on only where the statement says so about a type.
pub(super) fn says(bench: &Bench, kind: &str, element: &str) -> Judgement {
    match claimed_text(bench, kind, element)?.as_deref() {
        Some("true") => Ok(()),
        Some(_) | None => Err(Otherwise::skipped(format!("{element} of {kind} is not advertised"))),
    }
}

/// Every text that the statement has at a path.
pub(super) fn stated(bench: &Bench, path: &[&str]) -> Result<Vec<String>, Otherwise> {
    let statement = root(bench.observed()?.metadata.answer()?)?;
    Ok(statement.walk(path).filter_map(|held| held.string().map(String::from)).collect())
}

/// Goes on only where this interaction with the whole system is claimed.
pub(super) fn of_system(bench: &Bench, interaction: &str) -> Judgement {
    if stated(bench, &["rest", "interaction", "code"])?.iter().any(|code| code == interaction) {
        return Ok(());
    }
    Err(Otherwise::skipped(format!("{interaction} is not advertised")))
}

/// Goes on only where XML is spoken.
pub(super) fn speaks_xml(bench: &Bench) -> Judgement {
    let xml = |format: &String| matches!(format.as_str(), "xml" | "application/xml" | FHIR_XML);
    if stated(bench, &["format"])?.iter().any(xml) {
        return Ok(());
    }
    Err(Otherwise::skipped("XML is not advertised"))
}

/// How many resources a search finds; asks again until there are `wanted`, for an index may lag behind.
pub(super) async fn counted(
    bench: &Bench,
    kind: &str,
    criterion: &str,
    wanted: usize,
) -> Result<usize, Otherwise> {
    bench.claimed(kind, "search-type")?;
    let mut found = 0;
    for look in 0..LOOKS {
        if look > 0 {
            tokio::time::sleep(BETWEEN).await;
        }
        let answer = get(bench, &format!("{kind}?{criterion}")).await?;
        status(&answer, &[200])?;
        found = matched(root(&answer)?, kind).len();
        if found == wanted {
            break;
        }
    }
    Ok(found)
}

/// The resources of a type in a Bundle.
pub(super) fn matched<'a>(bundle: Node<'a>, kind: &str) -> Vec<Node<'a>> {
    let of_kind = |held: &Node<'a>| held.member("resourceType").is_some_and(|name| name.is_string(kind));
    bundle.walk(&["entry", "resource"]).filter(of_kind).collect()
}

/// The entries of a Bundle.
pub(super) fn entries(bundle: Node<'_>) -> Vec<Node<'_>> {
    bundle.walk(&["entry"]).collect()
}

/// A 4xx: the fault is the sender's, and it is told so.
pub(super) fn refused(answer: &Answer) -> Judgement {
    if (400..500).contains(&answer.status) {
        return Ok(());
    }
    Err(Otherwise::unmet("status 4xx", format!("status {}", answer.status)))
}

/// A 2xx.
pub(super) fn succeeded(answer: &Answer) -> Judgement {
    if (200..300).contains(&answer.status) {
        return Ok(());
    }
    Err(Otherwise::unmet("status 2xx", format!("status {}", answer.status)))
}

/// A text of ours as JSON that can be compared.
pub(super) fn parsed(text: &str) -> Result<Document, Otherwise> {
    fhir::json::parse(Bytes::copy_from_slice(text.as_bytes()), &Limits::default())
        .map_err(|_| Otherwise::error("what this check sends does not read"))
}

/// Everything of `sent` is in `answer`, as it was sent; the server may have put more beside it. Its id and the times and numbers
/// of its versions are the server's.
pub(super) fn kept_whole(sent: &str, answer: &Answer) -> Judgement {
    let sent = parsed(sent)?;
    told_within(sent.root(), root(answer)?)
}

/// As [`kept_whole`], of two values.
pub(super) fn told_within(sent: Node<'_>, got: Node<'_>) -> Judgement {
    let mut place = String::new();
    for (key, value) in sent.members().filter(|(key, _)| !matches!(&*key.text(), "id" | "meta")) {
        let length = place.len();
        place.push_str(&key.text());
        within(value, got.member(&key.text()), &mut place)?;
        place.truncate(length);
    }
    Ok(())
}

fn within(sent: Node<'_>, got: Option<Node<'_>>, place: &mut String) -> Judgement {
    let lost = |place: &str, found: &str| Err(Otherwise::unmet(format!("{place} as it was sent"), found));
    let Some(got) = got else { return lost(place, "nothing there") };
    if sent.kind() != got.kind() {
        return lost(place, "another type of JSON value");
    }
    match sent.kind() {
        Kind::Object => sent.members().try_for_each(|(key, value)| {
            let length = place.len();
            place.push_str(&format!(".{}", key.text()));
            within(value, got.member(&key.text()), place)?;
            place.truncate(length);
            Ok(())
        }),
        Kind::Array if sent.len() != got.len() => {
            lost(place, &format!("{} items for {}", got.len(), sent.len()))
        }
        Kind::Array => sent.items().zip(got.items()).enumerate().try_for_each(|(at, (sent, got))| {
            let length = place.len();
            place.push_str(&format!("[{at}]"));
            within(sent, Some(got), place)?;
            place.truncate(length);
            Ok(())
        }),
        Kind::String if sent.string() == got.string() => Ok(()),
        Kind::Number if sent.number_text() == got.number_text() => Ok(()),
        Kind::Boolean if sent.boolean() == got.boolean() => Ok(()),
        Kind::Null => Ok(()),
        Kind::String | Kind::Number | Kind::Boolean => lost(place, "another value"),
    }
}

/// Builds a check that acts.
macro_rules! acted {
    ($grade:ident, $id:literal, $title:literal, $why:literal, $clause:expr, $judge:path) => {
        crate::check::Check {
            id: $id,
            title: $title,
            why: $why,
            clause: $clause,
            grade: crate::check::Grade::$grade,
            judge: crate::check::Judge::Acted(|bench| Box::pin($judge(bench))),
        }
    };
}
pub(super) use acted;
