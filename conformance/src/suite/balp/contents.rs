//! Who did it, from where, for what and when; and what may not stand in an AuditEvent.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::Value;

use super::super::people::{Claims, actor, claims, json, list, text};
use super::event::Event;
use super::shares::{Done, Kind, done, event};
use super::trail::{SKEW, Trail};
use crate::bench::Bench;
use crate::check::{Judgement, Otherwise};

/// Words of a record that are shorter stand in other places by chance.
const WORD_MIN: usize = 4;

async fn read<'a>(trail: &Trail<'a>) -> Result<(Done<'a>, Event), Otherwise> {
    let done = done(trail, Kind::Read).await?;
    let event = event(trail, &done).await?;
    Ok((done, event))
}

fn known(trail: &Trail<'_>) -> Result<Claims, Otherwise> {
    let reader = actor(trail.bench, &trail.scene.reads.actor)?;
    claims(reader)
        .ok_or_else(|| Otherwise::skipped("the token of who reads is no JWT: what it says is not known"))
}

fn is_requestor(agent: &Value) -> bool {
    agent.get("requestor") == Some(&Value::Bool(true))
}

/// The agent that is the person, told by issuer and subject of the token.
pub(super) async fn agent_is_who(bench: &Bench) -> Judgement {
    let trail = Trail::of(bench)?;
    let claims = known(&trail)?;
    let (_, event) = read(&trail).await?;
    let who = |agent: &&Value| text(agent, "/who/identifier/value") == Some(&claims.subject);
    let Some(agent) = event.agents().iter().find(who) else {
        return Err(Otherwise::unmet("an agent whose who.identifier is the subject of the token", "none"));
    };
    match text(agent, "/who/identifier/system") == Some(&claims.issuer) {
        true => Ok(()),
        false => Err(Otherwise::unmet("the issuer of the token as the system of who.identifier", "another")),
    }
}

/// One agent asked, and it is not the server.
pub(super) async fn agent_requestor(bench: &Bench) -> Judgement {
    let trail = Trail::of(bench)?;
    let (_, event) = read(&trail).await?;
    match event.agents().iter().filter(|agent| is_requestor(agent)).count() {
        1 => Ok(()),
        count => Err(Otherwise::unmet("one agent that is the requestor", format!("{count} of them"))),
    }
}

/// Both ends of the connection are known.
pub(super) async fn agent_network(bench: &Bench) -> Judgement {
    let trail = Trail::of(bench)?;
    let (_, event) = read(&trail).await?;
    let client = event.client().ok_or_else(|| Otherwise::unmet("an agent that is the client", "none"))?;
    let told = text(client, "/network/address").is_some_and(|address| !address.is_empty());
    let typed = text(client, "/network/type").is_some_and(|kind| ["1", "2", "3", "4", "5"].contains(&kind));
    match told && typed {
        true => Ok(()),
        false => Err(Otherwise::unmet("network.address and network.type of the client", "not both")),
    }
}

/// The token that was used, in the pattern of OAuth with little detail.
pub(super) async fn token_detail(bench: &Bench) -> Judgement {
    let trail = Trail::of(bench)?;
    let claims = known(&trail)?;
    let Some(token_id) = claims.token_id else {
        return Err(Otherwise::skipped("the token of who reads has no jti"));
    };
    let (_, event) = read(&trail).await?;
    event.conforms(&["OAUTHaccessTokenUse.Minimal"])?;
    let wanted = format!("urn:ietf:params:oauth:jti:{token_id}");
    let named = |agent: &Value| list(agent, "policy").iter().any(|policy| policy.as_str() == Some(&wanted));
    match event.agents().iter().any(named) {
        true => Ok(()),
        false => Err(Otherwise::unmet(
            "the jti of the token that was used as an agent's policy",
            "another, or none",
        )),
    }
}

/// For what it was asked.
pub(super) async fn purpose(bench: &Bench) -> Judgement {
    let trail = Trail::of(bench)?;
    let reader = actor(bench, &trail.scene.reads.actor)?;
    let Some(purpose) = &reader.purpose else {
        return Err(Otherwise::skipped("the scene does not say for what who reads asks: purpose"));
    };
    let (_, event) = read(&trail).await?;
    let has = |concepts: &[Value]| {
        concepts
            .iter()
            .flat_map(|concept| list(concept, "coding"))
            .any(|coding| text(coding, "/code") == Some(purpose.as_str()))
    };
    let by_agent = event.agents().iter().any(|agent| has(list(agent, "purposeOfUse")));
    match by_agent || has(list(&event.0, "purposeOfEvent")) {
        true => Ok(()),
        false => {
            Err(Otherwise::unmet("the purpose in purposeOfUse of an agent or in purposeOfEvent", "none"))
        }
    }
}

/// The id of the request, so that logs of both sides can be laid side by side.
pub(super) async fn request_id(bench: &Bench) -> Judgement {
    let trail = Trail::of(bench)?;
    let (done, event) = read(&trail).await?;
    match event.request_id() {
        Some(id) if id == done.deed.id() || id == done.deed.request_id => Ok(()),
        Some(_) => Err(Otherwise::unmet("the X-Request-Id of the request or of its answer", "another")),
        None => Err(Otherwise::unmet("an entity with the X-Request-Id", "none")),
    }
}

/// It was recorded when it happened.
pub(super) async fn recorded_at(bench: &Bench) -> Judgement {
    let trail = Trail::of(bench)?;
    let (done, event) = read(&trail).await?;
    let recorded = text(&event.0, "/recorded").unwrap_or_default();
    let recorded: jiff::Timestamp =
        recorded.parse().map_err(|_| Otherwise::unmet("recorded as an instant", "none"))?;
    let (from, to) = (done.deed.sent.saturating_sub(SKEW), done.deed.answered.saturating_add(SKEW));
    let within = from.is_ok_and(|from| from <= recorded) && to.is_ok_and(|to| recorded <= to);
    match within {
        true => Ok(()),
        false => {
            Err(Otherwise::unmet("recorded between request and answer, within five seconds", "another time"))
        }
    }
}

/// Who says so.
pub(super) async fn source(bench: &Bench) -> Judgement {
    let trail = Trail::of(bench)?;
    let (_, event) = read(&trail).await?;
    let observer = event.0.pointer("/source/observer");
    let named = observer.is_some_and(|observer| {
        ["/identifier/value", "/reference", "/display"].iter().any(|place| text(observer, place).is_some())
    });
    match named {
        true => Ok(()),
        false => Err(Otherwise::unmet("source.observer that names somebody", "none")),
    }
}

/// The patient entity is one that others can resolve.
pub(super) async fn patient_entity(bench: &Bench) -> Judgement {
    let trail = Trail::of(bench)?;
    let (done, event) = read(&trail).await?;
    let known = event.patients().any(|entity| super::event::names(entity, done.patient));
    let coded = event
        .patients()
        .all(|entity| text(entity, "/type/code") == Some("1") && text(entity, "/role/code") == Some("1"));
    match known && coded {
        true => Ok(()),
        false => {
            Err(Otherwise::unmet("a patient entity of type 1 and role 1 that names the patient", "none"))
        }
    }
}

/// What was shared is not in the record of it: neither the words the scene names nor the texts that were read.
pub(super) async fn no_content(bench: &Bench) -> Judgement {
    let trail = Trail::of(bench)?;
    let (done, event) = read(&trail).await?;
    let mut words: Vec<String> = done.patient.content.clone();
    if let Some(read) = json(done.deed.answer.body.clone()) {
        free_texts("", &read, &mut words);
    }
    words.retain(|word| word.len() >= WORD_MIN);
    if words.is_empty() {
        return Err(Otherwise::skipped("no words of the record are known: patients.NAME.content"));
    }
    let text = event.0.to_string().to_lowercase();
    match words.iter().filter(|word| text.contains(&word.to_lowercase())).count() {
        0 => Ok(()),
        some => Err(Otherwise::unmet("no words of the record in the AuditEvent", format!("{some} of them"))),
    }
}

/// Words that people wrote, by the names of their elements; codes and addresses stand in events for good reasons.
fn free_texts(name: &str, value: &Value, words: &mut Vec<String>) {
    const FREE: [&str; 6] = ["text", "family", "line", "valueString", "comment", "description"];
    match value {
        Value::String(text) if FREE.contains(&name) => words.push(text.clone()),
        Value::Object(members) => {
            members.iter().for_each(|(name, member)| free_texts(name, member, words));
        }
        Value::Array(items) => items.iter().for_each(|item| free_texts(name, item, words)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// A token in a log is a key under the mat.
pub(super) async fn no_token(bench: &Bench) -> Judgement {
    let trail = Trail::of(bench)?;
    let reader = actor(bench, &trail.scene.reads.actor)?;
    let Some(token) = &reader.token else {
        return Err(Otherwise::skipped("who reads has no token"));
    };
    let (_, event) = read(&trail).await?;
    let text = event.0.to_string();
    let secret = token.rsplit('.').next().filter(|last| last.len() >= 16).unwrap_or(token);
    let bearer = format!("Bearer {token}");
    let hidden = [token.as_str(), &bearer]
        .iter()
        .flat_map(|plain| [STANDARD.encode(plain), URL_SAFE_NO_PAD.encode(plain)])
        .any(|encoded| text.contains(encoded.trim_end_matches('=')));
    match hidden || text.contains(secret) {
        true => Err(Otherwise::unmet("an AuditEvent without the token", "the token, or its signature")),
        false => Ok(()),
    }
}
