//! One operation: the request that is made, whom it goes to, and what is kept of the answer.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::{Clients, Format, Road, Runner, toolkit};
use crate::script::address::{self, Asked, Parts, Source};
use crate::script::intercept::Expected;
use crate::script::message::{Head, Message, unversioned};
use crate::script::outcome::Judgement;
use crate::script::plan::{Operation, Shape, Tested};
use crate::script::session::{NoValue, Session, Stage};
use crate::script::systems::Trouble;
use crate::script::template::Template;
use crate::tree;

impl Runner {
    pub(super) async fn operate(&self, operation: &Operation, session: &mut Session<'_>) -> Judgement {
        session.failed_with = None;
        let is_toolkits = operation.code.as_deref().is_some_and(|code| toolkit::CODES.contains(&code));
        if is_toolkits {
            return self.ask_toolkit(operation, session);
        }
        let base = match self.destination(operation, session) {
            Ok(base) => base,
            Err(judged) => return judged,
        };
        let exchanged = if self.is_clients(operation, session) {
            let capabilities = operation.shape == Shape::Capabilities;
            let expected = if capabilities { Expected::Anything } else { Expected::NoMetadata };
            self.wait_for_client(expected, &base).await
        } else {
            match self.request(operation, session, &base) {
                Ok(request) => self.exchange(operation, request).await,
                Err(judged) => return judged,
            }
        };
        match exchanged {
            Ok((request, response)) => {
                session.answered += 1;
                keep(operation, session, Arc::new(request), Arc::new(response))
            }
            Err(Trouble::Unanswered | Trouble::Late) => {
                session.unanswered += 1;
                Judgement::error(Trouble::Unanswered.to_string())
            }
            Err(trouble) => Judgement::error(trouble.to_string()),
        }
    }

    /// The base of the system that the operation is for.
    fn destination(&self, operation: &Operation, session: &Session<'_>) -> Result<String, Judgement> {
        let declared = &session.plan.destinations;
        let none = || Judgement::error("there is no system to ask: give --base");
        match operation.destination {
            None if declared.len() > 1 && !self.road.is_only_one() => {
                Err(Judgement::error("the operation does not say which of the destinations it is for"))
            }
            None => {
                let only = declared.first().and_then(|party| self.road.base(party.index));
                only.or_else(|| self.road.first()).ok_or_else(none)
            }
            Some(index) => {
                let systems = &session.plan.systems;
                let is_declared =
                    declared.iter().any(|party| party.index == index) || systems.contains(&index);
                let declares_none = declared.is_empty() && systems.is_empty();
                if !(is_declared || declares_none) {
                    return Err(Judgement::error(format!("the script declares no destination {index}")));
                }
                let only = || self.road.first().filter(|_| declared.len() <= 1 && self.road.is_only_one());
                self.road.base(index).or_else(only).ok_or_else(|| {
                    Judgement::error(format!("there is no system {index}: give --system {index}=URL"))
                })
            }
        }
    }

    /// Whether a client under test sends the request.
    fn is_clients(&self, operation: &Operation, session: &Session<'_>) -> bool {
        let Some(index) = operation.origin.filter(|_| self.options.clients == Clients::Waited) else {
            return false;
        };
        let marked =
            session.plan.origins.iter().any(|party| party.index == index && party.tested == Tested::Yes);
        marked || self.options.under_test.contains(&index)
    }

    /// The next request of the client under test, and what it was answered.
    pub(super) async fn wait_for_client(
        &self,
        expected: Expected,
        base: &str,
    ) -> Result<(Message, Message), Trouble> {
        match &self.road {
            Road::Network { client: Some(client), systems, record } => {
                let (request, response) = client.next(expected, base, systems).await?;
                if let Some(record) = record {
                    record.write(&request, &response);
                }
                Ok((request, response))
            }
            Road::Network { client: None, .. } => Err(Trouble::NoIntercept),
            // What the client sent is not known here: it is the next that was recorded.
            Road::Recorded(recording) => recording.next().ok_or(Trouble::NotRecorded),
        }
    }

    /// Sends the request, again while the answer says that the work goes on, and reads as many pages as are wanted.
    async fn exchange(&self, operation: &Operation, request: Message) -> Result<(Message, Message), Trouble> {
        let mut answer = self.road.ask(&request).await?;
        if let Some(wait) = operation.wait {
            for _ in 1..wait.attempts {
                if answer.status() != Some(wait.status) {
                    break;
                }
                if matches!(self.road, Road::Network { .. }) {
                    tokio::time::sleep(Duration::from_millis(wait.interval_ms)).await;
                }
                answer = self.road.ask(&request).await?;
            }
            if answer.status() == Some(wait.status) {
                return Err(Trouble::StillWorking);
            }
        }
        let answer = self.read_on(operation, &request, answer).await?;
        Ok((request, answer))
    }

    /// The request that the operation makes.
    fn request(
        &self,
        operation: &Operation,
        session: &Session<'_>,
        base: &str,
    ) -> Result<Message, Judgement> {
        let fill = |template: &Option<Template>| {
            template
                .as_ref()
                .map(|template| session.fill(template))
                .transpose()
                .map_err(|missing| no_value(&missing, session))
        };
        let (url, params, resource) =
            (fill(&operation.url)?, fill(&operation.params)?, fill(&operation.resource)?);
        let method = fill(&operation.method)?;
        let source = match &operation.source_id {
            Some(id) => Some(
                session
                    .message(id)
                    .map_err(|missing| no_value(&missing, session))?
                    .ok_or_else(|| Judgement::error(format!("nothing has filled {id}")))?,
            ),
            None => None,
        };
        let held_as = operation.source_id.as_ref().and_then(|id| session.on_server.get(id)).cloned();
        let reference = held_as.or_else(|| source.as_ref().and_then(|source| source.own_reference()));
        let target = operation.target_id.as_ref().map(|id| target(id, operation, session)).transpose()?;
        // A read that says nothing at all reads what was created last (Asbestos).
        let says_nothing = url.is_none() && params.is_none() && resource.is_none() && source.is_none();
        let last = || session.created.clone().filter(|_| says_nothing && operation.shape == Shape::Read);
        let target = target.or_else(last);
        let parts = Parts {
            base,
            code: operation.code.as_deref(),
            method: method.as_deref(),
            url: url.as_deref(),
            params: params.as_deref(),
            resource: resource.as_deref(),
            target: target.as_deref(),
            source: source
                .as_ref()
                .map(|source| Source { kind: source.resource_type(), reference: reference.as_deref() }),
        };
        let asked =
            address::asked(&operation.shape, parts).map_err(|why| Judgement::error(why.to_string()))?;
        // What is sent to a target is that, where it has no id of its own; what has another is sent as the script has it.
        let has_own = source.as_ref().is_some_and(|source| source.own_reference().is_some());
        let known_as = match &target {
            Some(there) if !has_own || reference.as_ref() == Some(there) => Some(there),
            Some(_) => None,
            None => reference.as_ref(),
        };
        let body = self.body(operation, &asked, source.as_deref(), known_as.map(String::as_str), session)?;
        let headers = self.headers(operation, &asked, &body, session)?;
        let url = if operation.encode { address::encoded(&asked.url) } else { asked.url };
        let head = Head::Request { method: asked.method, url, base: base.to_owned() };
        Ok(Message::new(head, headers, body))
    }

    fn body(
        &self,
        operation: &Operation,
        asked: &Asked,
        source: Option<&Message>,
        reference: Option<&str>,
        session: &Session<'_>,
    ) -> Result<Bytes, Judgement> {
        if let Some(form) = &asked.form {
            let form =
                if operation.encode { address::encoded(&format!("?{form}")) } else { format!("?{form}") };
            return Ok(Bytes::from(form.trim_start_matches('?').to_owned()));
        }
        let Some(source) = source.filter(|_| matches!(asked.method.as_str(), "POST" | "PUT" | "PATCH"))
        else {
            return Ok(Bytes::new());
        };
        // A server refuses an update whose id is another than that of its address; a fixture that the server took under
        // an id of its own has that id from then on.
        let own = source.own_reference();
        let moved = operation.shape == Shape::Update
            && operation.url.is_none()
            && operation.params.is_none()
            && reference.is_some()
            && own.as_deref() != reference;
        let body = match reference.filter(|_| moved) {
            Some(reference) => with_id(source, unversioned(reference)),
            None => source.body.clone(),
        };
        let wanted = match &operation.content_type {
            Some(kind) => Some(session.fill(kind).map_err(|missing| no_value(&missing, session))?),
            None => None,
        };
        in_format(body, wanted.as_deref())
    }

    fn headers(
        &self,
        operation: &Operation,
        asked: &Asked,
        body: &Bytes,
        session: &Session<'_>,
    ) -> Result<Vec<(String, String)>, Judgement> {
        let mut headers: Vec<(String, String)> = Vec::new();
        for (field, value) in &operation.headers {
            let field = session.fill(field).map_err(|missing| no_value(&missing, session))?;
            let value = session.fill(value).map_err(|missing| no_value(&missing, session))?;
            headers.push((field, value));
        }
        let has = |headers: &[(String, String)], name: &str| {
            headers.iter().any(|(held, _)| held.eq_ignore_ascii_case(name))
        };
        let default = match self.options.format {
            Format::Json => "json",
            Format::Xml => "xml",
        };
        if !has(&headers, "accept") {
            let accept = operation.accept.as_ref().map(|accept| session.fill(accept)).transpose();
            let accept =
                accept.map_err(|missing| no_value(&missing, session))?.unwrap_or_else(|| default.to_owned());
            headers.extend(media_type(&accept).map(|accept| ("Accept".to_owned(), accept)));
        }
        if !body.is_empty() && !has(&headers, "content-type") {
            let kind = match (&operation.content_type, &asked.form) {
                (Some(kind), _) => {
                    media_type(&session.fill(kind).map_err(|missing| no_value(&missing, session))?)
                }
                (None, Some(_)) => Some("application/x-www-form-urlencoded".to_owned()),
                (None, None) => Some(sniffed(body).to_owned()),
            };
            headers.extend(kind.map(|kind| ("Content-Type".to_owned(), kind)));
        }
        if !has(&headers, "authorization")
            && let Some(token) = self.road.authorization(&asked.url)
        {
            headers.push(("Authorization".to_owned(), token));
        }
        Ok(headers)
    }
}

fn no_value(missing: &NoValue, session: &Session<'_>) -> Judgement {
    match missing.unsupported() {
        Some(what) => Judgement::unsupported(what),
        None if session.stage == Stage::TearingDown && missing.is_for_want_of_an_answer() => {
            Judgement::skip(format!("there is nothing to put away: {missing}"))
        }
        None => Judgement::error(missing.to_string()),
    }
}

/// `Type/id` of what `id` means on the server.
fn target(id: &str, operation: &Operation, session: &Session<'_>) -> Result<String, Judgement> {
    let held = session.held.get(id);
    let there =
        session.on_server.get(id).cloned().or_else(|| held.and_then(|message| message.own_reference()));
    let there =
        there.ok_or_else(|| Judgement::error(format!("where {id} lies on the server is not known")))?;
    if operation.shape == Shape::VRead && unversioned(&there) == there {
        let root = held.and_then(|message| message.root().ok());
        let version = root.and_then(|root| root.child("meta")).and_then(|meta| meta.child_text("versionId"));
        return Ok(version.map_or(there.clone(), |version| format!("{there}/_history/{version}")));
    }
    Ok(there)
}

/// What a short name of a format stands for; `none` asks for nothing.
fn media_type(name: &str) -> Option<String> {
    match name.trim() {
        "none" | "" => None,
        "json" => Some("application/fhir+json".to_owned()),
        "xml" => Some("application/fhir+xml".to_owned()),
        "ttl" | "turtle" => Some("text/turtle".to_owned()),
        "ndjson" => Some("application/fhir+ndjson".to_owned()),
        other => Some(other.to_owned()),
    }
}

fn sniffed(body: &[u8]) -> &'static str {
    match body.iter().find(|byte| !byte.is_ascii_whitespace() && !matches!(byte, 0xEF | 0xBB | 0xBF)) {
        Some(b'<') => "application/fhir+xml",
        Some(b'[') => "application/json-patch+json",
        Some(_) | None => "application/fhir+json",
    }
}

/// The body in the format that is wanted, if it is in the other one.
pub(super) fn in_format(body: Bytes, wanted: Option<&str>) -> Result<Bytes, Judgement> {
    let is_xml = sniffed(&body) == "application/fhir+xml";
    let wanted = wanted.unwrap_or_default();
    if is_xml && wanted.contains("json") {
        let tree = tree::Tree::read(&body, &tree::Limits::default());
        let tree = tree.map_err(|_| Judgement::error("the source reads as neither JSON nor XML"))?;
        return Ok(Bytes::from(tree.root().to_json(&crate::model::Tables::R4)));
    }
    if !is_xml && wanted.contains("xml") && !body.is_empty() {
        let document = fhir::json::parse(body, &fhir::json::Limits::default());
        let document = document.map_err(|_| Judgement::error("the source does not read as JSON"))?;
        let xml = fhir::xml::from_json(document.root(), &fhir::xml::Limits::default());
        return xml.map(Bytes::from).map_err(|_| Judgement::error("the source cannot be said in XML"));
    }
    Ok(body)
}

/// The resource with the id of `reference`, in its own format; everything else as it was written.
fn with_id(source: &Message, reference: &str) -> Bytes {
    let id = reference.rsplit('/').next().unwrap_or_default();
    let Ok(root) = source.root() else { return source.body.clone() };
    let json = root.to_json(&crate::model::Tables::R4);
    let Ok(document) = fhir::json::parse(Bytes::from(json), &fhir::json::Limits::default()) else {
        return source.body.clone();
    };
    let mut out = Vec::new();
    let mut writer = fhir::json::Writer::new(&mut out);
    writer.object().key("resourceType").string(root.resource_type().unwrap_or_default()).key("id").string(id);
    for (name, value) in document.root().members() {
        if !name.is("resourceType") && !name.is("id") {
            writer.key(&name.text()).raw(value.raw());
        }
    }
    writer.close();
    writer.finish();
    match root.tree().format() {
        tree::Format::Json => Bytes::from(out),
        tree::Format::Xml => in_format(Bytes::from(out), Some("xml")).unwrap_or_else(|_| source.body.clone()),
    }
}

/// Keeps what was sent and received under the names that the operation gives.
fn keep(
    operation: &Operation,
    session: &mut Session<'_>,
    request: Arc<Message>,
    response: Arc<Message>,
) -> Judgement {
    let status = response.status().unwrap_or_default();
    if let Head::Request { method, url, base } = &request.head
        && matches!(method.as_str(), "POST" | "PUT" | "PATCH")
        && status < 300
    {
        let below = url.strip_prefix(base.as_str()).unwrap_or_default().trim_start_matches('/');
        let asked =
            Some(below).filter(|path| method != "POST" && address::is_reference(path)).map(str::to_owned);
        let told = |reference: &String| {
            !reference.starts_with("OperationOutcome/") && !reference.starts_with("Bundle/")
        };
        let reference = response.location().or_else(|| response.own_reference().filter(told)).or(asked);
        if operation.shape == Shape::Create && reference.is_some() {
            session.created.clone_from(&reference);
        }
        for id in [&operation.source_id, &operation.response_id].into_iter().flatten() {
            if let Some(reference) = &reference {
                session.on_server.insert(id.clone(), reference.clone());
            }
        }
    }
    if let Some(id) = &operation.request_id {
        session.held.insert(id.clone(), Arc::clone(&request));
    }
    if let Some(id) = &operation.response_id {
        if status >= 300 {
            session.on_server.remove(id);
        }
        session.held.insert(id.clone(), Arc::clone(&response));
    }
    session.failed_with = Some(status).filter(|status| *status >= 400);
    session.request = Some(request);
    session.response = Some(response);
    Judgement::pass()
}
