//! What is done, and that each deed is recorded once for each patient, in the pattern of its interaction.

use http::Method;
use serde_json::Value;

use super::super::people::{Asked, BODY, FORM, JSON, ask, resource, text};
use super::event::Event;
use super::trail::{Deed, Trail};
use crate::bench::Bench;
use crate::check::{Judgement, Otherwise};
use crate::scene::Patient;

/// What can be done with a patient's record.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Read,
    Vread,
    Query,
    QueryByPost,
    Create,
    Update,
    Delete,
}

impl Kind {
    /// The profile of an event of it that is about a patient.
    const fn profile(self) -> &'static str {
        match self {
            Self::Read | Self::Vread => "PatientRead",
            Self::Query | Self::QueryByPost => "PatientQuery",
            Self::Create => "PatientCreate",
            Self::Update => "PatientUpdate",
            Self::Delete => "PatientDelete",
        }
    }
}

/// A deed that succeeded, whom it was about, and what (`Type/id`).
pub(super) struct Done<'a> {
    pub(super) deed: Deed,
    pub(super) patient: &'a Patient,
    pub(super) what: String,
    /// What was sent as the search, where it was one.
    pub(super) sent: String,
    /// What was recorded of it, where that was looked for already.
    events: Option<Vec<Event>>,
}

impl Done<'_> {
    /// What was recorded of it about the patient.
    async fn events(&self, trail: &Trail<'_>) -> Result<Vec<Event>, Otherwise> {
        match &self.events {
            Some(events) => Ok(events.clone()),
            None => trail.about(self.patient, &self.deed).await,
        }
    }
}

/// Does it.
pub(super) async fn done<'a>(trail: &Trail<'a>, kind: Kind) -> Result<Done<'a>, Otherwise> {
    let reads = &trail.scene.reads;
    match kind {
        Kind::Read => {
            let patient = trail.patient(&reads.patient)?;
            let deed = trail.does(Asked::get(&reads.actor, &reads.resource), &[patient]).await?;
            succeeded(&deed, "the scene says that this may be read")?;
            Ok(Done { deed, patient, what: reads.resource.clone(), sent: String::new(), events: None })
        }
        Kind::Vread => vread(trail).await,
        Kind::Query => {
            let patient = trail.patient(&reads.patient)?;
            let deed = trail.does(Asked::get(&reads.actor, &reads.search), &[patient]).await?;
            succeeded(&deed, "the scene says that this may be searched")?;
            Ok(Done {
                deed,
                patient,
                what: reads.resource.clone(),
                sent: query_of(&reads.search),
                events: None,
            })
        }
        Kind::QueryByPost => {
            let patient = trail.patient(&reads.patient)?;
            let query = query_of(&reads.search);
            let path = format!("{}/_search", reads.search.split('?').next().unwrap_or_default());
            let headers = [JSON, FORM];
            let asked = Asked {
                method: &Method::POST,
                headers: &headers,
                body: &query,
                ..Asked::get(&reads.actor, &path)
            };
            let deed = trail.does(asked, &[patient]).await?;
            offered(&deed, "search by POST")?;
            succeeded(&deed, "the scene says that this may be searched")?;
            Ok(Done { deed, patient, what: reads.resource.clone(), sent: query, events: None })
        }
        Kind::Create | Kind::Update | Kind::Delete => wrote(trail, kind).await,
    }
}

async fn vread<'a>(trail: &Trail<'a>) -> Result<Done<'a>, Otherwise> {
    let reads = &trail.scene.reads;
    let kind = reads.resource.split('/').next().unwrap_or_default();
    trail.bench.claimed(kind, "vread")?;
    let now = ask(trail.bench, Asked::get(&reads.actor, &reads.resource)).await?;
    let version = resource(&now)?;
    let version = text(&version, "/meta/versionId")
        .ok_or_else(|| Otherwise::skipped("what is read has no version"))?
        .to_owned();
    let path = format!("{}/_history/{version}", reads.resource);
    let patient = trail.patient(&reads.patient)?;
    let deed = trail.does(Asked::get(&reads.actor, &path), &[patient]).await?;
    succeeded(&deed, "vread is advertised")?;
    Ok(Done { deed, patient, what: reads.resource.clone(), sent: String::new(), events: None })
}

/// Writes a resource about the patient of the reads; what was created is deleted again where that is offered.
async fn wrote<'a>(trail: &Trail<'a>, kind: Kind) -> Result<Done<'a>, Otherwise> {
    let writes = trail
        .scene
        .writes
        .as_ref()
        .ok_or_else(|| Otherwise::skipped("the scene does not say what may be written: [writes]"))?;
    let body = writes.resource.as_ref().ok_or_else(|| {
        Otherwise::skipped("the scene has nothing to write about a patient: writes.resource")
    })?;
    let patient = trail.patient(&trail.scene.reads.patient)?;
    let created = create(trail, body, &[patient]).await?;
    let what = created.what.clone();
    let deed = match kind {
        Kind::Update => update(trail, &created, patient).await,
        Kind::Delete => delete(trail, &what, &[patient]).await.and_then(|deed| {
            offered(&deed, "delete")?;
            succeeded(&deed, "what was created may be deleted").map(|()| deed)
        }),
        Kind::Create | Kind::Read | Kind::Vread | Kind::Query | Kind::QueryByPost => Ok(created.deed),
    };
    // Looked for before what was made is taken away: that is recorded as well.
    let events = match &deed {
        Ok(deed) => Some(trail.about(patient, deed).await?),
        Err(_) => None,
    };
    if kind != Kind::Delete {
        // Where it is not offered it stays, as the scene's own resource says what it is.
        drop(delete(trail, &what, &[]).await);
    }
    Ok(Done { deed: deed?, patient, what, sent: String::new(), events })
}

pub(super) struct Created {
    pub(super) deed: Deed,
    pub(super) what: String,
    body: Value,
}

/// Creates what a scene says, with `{tag}` filled in.
pub(super) async fn create(trail: &Trail<'_>, body: &str, whom: &[&Patient]) -> Result<Created, Otherwise> {
    let Some(writes) = &trail.scene.writes else { return Err(Otherwise::skipped("nothing may be written")) };
    let body = body.replace("{tag}", trail.bench.tag());
    let sent = super::super::people::json(body.clone().into());
    let kind = sent.as_ref().and_then(|sent| text(sent, "/resourceType")).unwrap_or_default().to_owned();
    let headers = [JSON, BODY];
    let asked = Asked {
        actor: Some(&writes.actor),
        base: writes.base.as_deref(),
        method: &Method::POST,
        path: &kind,
        headers: &headers,
        body: &body,
    };
    let deed = trail.does(asked, whom).await?;
    succeeded(&deed, "the scene says that this may be created")?;
    let location = deed.answer.header("location").unwrap_or_default();
    let below = location.split_once(&format!("{kind}/")).map(|(_, rest)| rest);
    let id = below.and_then(|rest| rest.split('/').next()).unwrap_or_default();
    if !crate::target::is_id(id) {
        return Err(Otherwise::error("the create has no Location that names what was created"));
    }
    Ok(Created { what: format!("{kind}/{id}"), body: sent.unwrap_or_default(), deed })
}

async fn update(trail: &Trail<'_>, created: &Created, patient: &Patient) -> Result<Deed, Otherwise> {
    let Some(writes) = &trail.scene.writes else { return Err(Otherwise::skipped("nothing may be written")) };
    let mut body = created.body.clone();
    if let (Some(members), Some((_, id))) = (body.as_object_mut(), created.what.split_once('/')) {
        members.insert("id".to_owned(), Value::String(id.to_owned()));
    }
    let body = body.to_string();
    let etag = created.deed.answer.header("etag");
    let mut headers = vec![JSON, BODY];
    headers.extend(etag.map(|etag| ("if-match", etag)));
    let asked = Asked {
        actor: Some(&writes.actor),
        base: writes.base.as_deref(),
        method: &Method::PUT,
        path: &created.what,
        headers: &headers,
        body: &body,
    };
    let deed = trail.does(asked, &[patient]).await?;
    offered(&deed, "update")?;
    succeeded(&deed, "what was created may be updated")?;
    Ok(deed)
}

pub(super) async fn delete(trail: &Trail<'_>, what: &str, whom: &[&Patient]) -> Result<Deed, Otherwise> {
    let Some(writes) = &trail.scene.writes else { return Err(Otherwise::skipped("nothing may be written")) };
    let asked =
        Asked { base: writes.base.as_deref(), method: &Method::DELETE, ..Asked::get(&writes.actor, what) };
    trail.does(asked, whom).await
}

/// The parameters of `Type?parameters`.
pub(super) fn query_of(search: &str) -> String {
    search.split_once('?').map_or("", |(_, query)| query).to_owned()
}

/// The scene says so; where it does not hold nothing can be told.
pub(super) fn succeeded(deed: &Deed, because: &str) -> Judgement {
    match deed.answer.status {
        200..=299 => Ok(()),
        status => Err(Otherwise::error(format!("{because}, and the answer has status {status}"))),
    }
}

fn offered(deed: &Deed, what: &str) -> Judgement {
    match deed.answer.status {
        404 | 405 | 501 => Err(Otherwise::skipped(format!("{what} is not offered"))),
        _ => Ok(()),
    }
}

/// The one event of a deed about a patient; the first, where there are more.
pub(super) async fn event(trail: &Trail<'_>, done: &Done<'_>) -> Result<Event, Otherwise> {
    let found = done.events(trail).await?;
    found.into_iter().next().ok_or_else(missing)
}

pub(super) fn missing() -> Otherwise {
    Otherwise::unmet("an AuditEvent that names the patient", "none within the time the scene allows")
}

/// There is one, and no second.
pub(super) async fn once(bench: &Bench, kind: Kind) -> Judgement {
    let trail = Trail::of(bench)?;
    let done = done(&trail, kind).await?;
    match done.events(&trail).await?.len() {
        1 => Ok(()),
        0 => Err(missing()),
        more => Err(Otherwise::unmet("one AuditEvent for the patient", format!("{more} of them"))),
    }
}

/// It is as its pattern has it.
pub(super) async fn conforms(bench: &Bench, kind: Kind) -> Judgement {
    let trail = Trail::of(bench)?;
    let done = done(&trail, kind).await?;
    event(&trail, &done).await?.conforms(&[kind.profile()])
}

/// The data entity is what was read or written.
pub(super) async fn names_what(bench: &Bench, kind: Kind) -> Judgement {
    let trail = Trail::of(bench)?;
    let done = done(&trail, kind).await?;
    let event = event(&trail, &done).await?;
    let named = event.entities().iter().filter_map(|entity| text(entity, "/what/reference")).any(|place| {
        let plain = place.split("/_history/").next().unwrap_or(place);
        plain == done.what || plain.ends_with(&format!("/{}", done.what))
    });
    if named { Ok(()) } else { Err(Otherwise::unmet("an entity that refers to the resource", "none")) }
}

/// `entity.query` is base64, and what was asked stands in it.
pub(super) async fn query_is_base64(bench: &Bench, kind: Kind) -> Judgement {
    let trail = Trail::of(bench)?;
    let done = done(&trail, kind).await?;
    let query = recorded_query(&event(&trail, &done).await?)?;
    let names = done.sent.split('&').filter_map(|pair| pair.split(['=', ':']).next());
    match names.filter(|name| !query.contains(name)).count() {
        0 => Ok(()),
        lost => Err(Otherwise::unmet("every parameter that was sent", format!("{lost} are not there"))),
    }
}

/// The same, byte by byte.
pub(super) async fn query_as_sent(bench: &Bench, kind: Kind) -> Judgement {
    let trail = Trail::of(bench)?;
    let done = done(&trail, kind).await?;
    let query = recorded_query(&event(&trail, &done).await?)?;
    if query.contains(&done.sent) {
        return Ok(());
    }
    Err(Otherwise::unmet("the search as it was sent", "another text for it"))
}

fn recorded_query(event: &Event) -> Result<String, Otherwise> {
    match event.query() {
        Some(Ok(bytes)) => {
            String::from_utf8(bytes).map_err(|_| Otherwise::unmet("a query in UTF-8", "bytes that are not"))
        }
        Some(Err(())) => Err(Otherwise::unmet("a query in base64", "a text that is none")),
        None => Err(Otherwise::unmet("an entity with the query", "none")),
    }
}

/// What a search found is not in the record of it.
pub(super) async fn query_without_results(bench: &Bench) -> Judgement {
    let trail = Trail::of(bench)?;
    let done = done(&trail, Kind::Query).await?;
    let event = event(&trail, &done).await?;
    let results = event.entities().iter().filter(|entity| text(entity, "/role/code") == Some("4")).count();
    match results {
        0 => Ok(()),
        some => {
            Err(Otherwise::unmet("a record of the search without its results", format!("{some} results")))
        }
    }
}

/// A page with two patients is in the trail of both, once in each.
pub(super) async fn together(bench: &Bench) -> Judgement {
    for (patient, events) in both(bench).await? {
        match events.len() {
            1 => {}
            0 => return Err(missing()),
            more => {
                let found = format!("{more} for {patient}");
                return Err(Otherwise::unmet("one AuditEvent for each patient of the page", found));
            }
        }
    }
    Ok(())
}

/// No event of such a page names two of them: each is in somebody's own trail.
pub(super) async fn apart(bench: &Bench) -> Judgement {
    for (_, events) in both(bench).await? {
        if events.is_empty() {
            return Err(missing());
        }
        if events.iter().any(|event| event.patients().count() > 1) {
            return Err(Otherwise::unmet("one patient in each AuditEvent", "two in one"));
        }
    }
    Ok(())
}

async fn both(bench: &Bench) -> Result<Vec<(String, Vec<Event>)>, Otherwise> {
    let trail = Trail::of(bench)?;
    let Some(together) = &trail.scene.reads.together else {
        return Err(Otherwise::skipped("the scene knows no search that finds two patients: reads.together"));
    };
    let patients: Vec<&Patient> =
        together.patients.iter().map(|name| trail.patient(name)).collect::<Result<_, _>>()?;
    let deed = trail.does(Asked::get(&together.actor, &together.search), &patients).await?;
    succeeded(&deed, "the scene says that this search finds two patients")?;
    let mut found = Vec::new();
    for (name, patient) in together.patients.iter().zip(patients) {
        found.push((name.clone(), trail.about(patient, &deed).await?));
    }
    Ok(found)
}

/// A search that finds nothing is recorded all the same.
pub(super) async fn nothing_found(bench: &Bench) -> Judgement {
    let trail = Trail::of(bench)?;
    let reads = &trail.scene.reads;
    let nothing = format!("{}&_id={}", reads.search, crate::observe::UNKNOWN);
    let patient = trail.patient(&reads.patient)?;
    let deed = trail.does(Asked::get(&reads.actor, &nothing), &[patient]).await?;
    if deed.answer.status != 200 {
        let told = format!("a search by _id beside has status {}", deed.answer.status);
        return Err(Otherwise::skipped(told));
    }
    let of_patient = trail.about(patient, &deed).await?;
    if of_patient.iter().any(Event::is_query) {
        return Ok(());
    }
    let of_deed = trail.of_deed(&deed).await?;
    if of_deed.iter().any(Event::is_query) {
        return Ok(());
    }
    Err(Otherwise::unmet("an AuditEvent of the search", "none"))
}

/// What is about no patient is recorded in the pattern without one.
pub(super) async fn public(bench: &Bench, kind: Kind) -> Judgement {
    let trail = Trail::of(bench)?;
    let Some(public) = &trail.scene.reads.public else {
        return Err(Otherwise::skipped("the scene knows nothing that is about no patient: reads.public"));
    };
    let (path, profile) = match kind {
        Kind::Query => (&public.search, "Query"),
        Kind::Read | Kind::Vread | Kind::QueryByPost | Kind::Create | Kind::Update | Kind::Delete => {
            (&public.resource, "Read")
        }
    };
    let deed = trail.does(Asked::get(&public.actor, path), &[]).await?;
    succeeded(&deed, "the scene says that this may be read")?;
    of_nobody(&trail.of_deed(&deed).await?, profile)
}

/// So is what is written about no patient.
pub(super) async fn public_create(bench: &Bench) -> Judgement {
    let trail = Trail::of(bench)?;
    let Some(body) = trail.scene.writes.as_ref().and_then(|writes| writes.public.as_ref()) else {
        return Err(Otherwise::skipped("the scene has nothing to write about nobody: writes.public"));
    };
    let created = create(&trail, body, &[]).await?;
    let events = trail.of_deed(&created.deed).await;
    drop(delete(&trail, &created.what, &[]).await);
    of_nobody(&events?, "Create")
}

fn of_nobody(events: &[Event], profile: &str) -> Judgement {
    match events {
        [] => Err(Otherwise::unmet("an AuditEvent of the request", "none")),
        [one] if one.patients().count() > 0 => {
            Err(Otherwise::unmet("no patient, for it is about none", "a patient"))
        }
        [one] => one.conforms(&[profile]),
        more => Err(Otherwise::unmet("one AuditEvent of the request", format!("{} of them", more.len()))),
    }
}
