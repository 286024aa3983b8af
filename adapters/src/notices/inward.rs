//! A notice in DSTU2 into R4.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fhir::identifier::{NHS_NUMBER, ODS_ORGANIZATION_CODE, ODS_SITE_CODE, names_nhs_numbers};
use fhir::nhs_number::NhsNumber;
use sha2::{Digest, Sha256};

use super::Fault;
use super::dom::Element;
use super::fields::{Kind, Level, Role};
use super::maps::Maps;
use super::settle::settle;
use super::sound;
use super::walk::{Inward, is_moment};
use crate::assembly::{Assembly, Frame, Number};
use crate::hl7v2::codes::local_system;
use crate::tree::{Node, Object, Step};
use crate::{Context, Loss, Refused, Severity, Translated, Why};

/// Numbers of a hospital for its patients.
const LOCAL_PATIENT: &str = "https://fhir.nhs.uk/Id/local-patient-identifier";

/// A resource of the message, and what it becomes.
struct Entry<'e> {
    resource: &'e Element,
    path: String,
    number: Number,
    url: String,
}

/// Translates the message `root`, which came as the bytes `input`.
pub(super) fn run(
    root: &mut Element,
    input: &[u8],
    maps: &Maps,
    context: &Context,
) -> Result<Translated, Refused> {
    settle(root);
    checked(root)?;
    check_numbers(root);
    name_questions(root, maps);
    let root = &*root;
    let header = Role::Header.resource(root).ok_or(Fault::NotOneHeader)?;
    let code = header.at(&["event", "code"]).unwrap_or_default();
    let Some(kind) = maps.data_set.notice(code) else {
        let digits = code.chars().filter(char::is_ascii_digit).take(20).collect();
        return Err(Refused::UnknownType { name: digits });
    };
    let control = header.peek("id").or_else(|| root.peek("id")).unwrap_or_default().to_owned();
    let mut assembly = Assembly::new(context.source(), format!("{control}+{code}"));
    let (entries, references) = entries(root, maps, &mut assembly)?;
    let inward = Inward { maps, references };
    for entry in &entries {
        fill(entry, &inward, &mut assembly);
    }
    let mut losses = Vec::new();
    let found = |role: Role| {
        let resource = role.resource(root)?;
        entries.iter().find(|entry| std::ptr::eq(entry.resource, resource))
    };
    let (Some(message), Some(_), Some(_)) = (found(Role::Header), found(Role::Request), found(Role::Patient))
    else {
        return Err(Fault::OtherPerson { place: "ReferralRequest.patient".to_owned() }.into());
    };
    let mut meta = Object::new();
    if let Some(held) = root.child("meta") {
        inward.items(maps.items("Meta"), held, "Bundle.meta", &mut meta);
    }
    sound::taken(root, found(Role::Patient).map(|entry| entry.url.as_str()), maps)?;
    move_across(kind, &found, &mut assembly);
    let timestamp = instant(header);
    check(kind, root, maps, &mut losses)?;
    short_notice(kind, root, &mut losses);
    let sender = found(Role::Hospital).map(|entry| entry.number);
    let digest = format!("ni:///sha-256;{}", URL_SAFE_NO_PAD.encode(Sha256::digest(input)));
    let identifier = Object::new()
        .with("system", Node::Text(local_system(context.source())))
        .with("value", Node::Text(control));
    finish(&entries, timestamp.as_deref(), &mut assembly);
    root.losses("Bundle", &|path| maps.severity(path), &mut losses);
    let (id, bundle) = assembly.bundle(Frame {
        meta: (!meta.is_empty()).then_some(meta),
        identifier,
        recorded: timestamp.clone(),
        timestamp,
        digest,
        header: message.number,
        sender,
    })?;
    Ok(Translated { id, bundle, losses })
}

/// That it is a message about one person, led by one header.
fn checked(root: &Element) -> Result<(), Fault> {
    if root.kind() != "Bundle" || root.peek("type") != Some("message") {
        return Err(Fault::NotAMessage);
    }
    if is_later(root) {
        return Err(Fault::LaterRelease);
    }
    ["resourceType", "type", "id"].iter().filter_map(|name| root.child(name)).for_each(Element::carry);
    let count = |kind: &str| {
        let resources = root.all("entry").filter_map(|entry| entry.child("resource"));
        resources.filter(|resource| resource.kind() == kind).count()
    };
    match (count("MessageHeader"), count("Patient"), count("ReferralRequest")) {
        (1, 1, 1) => Ok(()),
        (1, 1, _) => Err(Fault::NotOneRequest),
        (1, _, _) => Err(Fault::NotOnePatient),
        (_, _, _) => Err(Fault::NotOneHeader),
    }
}

/// Whether a message has elements or resources that came with STU3 or R4: read as DSTU2, what they say would be lost.
fn is_later(root: &Element) -> bool {
    let has = |resource: &Element, names: &[&str]| names.iter().any(|name| resource.child(name).is_some());
    root.all("entry").filter_map(|entry| entry.child("resource")).any(|resource| match resource.kind() {
        "ServiceRequest" => true,
        "MessageHeader" => has(resource, &["eventCoding", "eventUri", "focus", "sender"]),
        "ReferralRequest" => has(resource, &["subject", "intent", "context"]),
        _ => false,
    })
}

/// A number that is called an NHS number and is none loses that name.
fn check_numbers(root: &mut Element) {
    let resources = root.children.iter_mut().flat_map(|entry| entry.children.iter_mut());
    for identifier in resources.flat_map(|resource| resource.children.iter_mut()) {
        if identifier.name != "identifier" {
            continue;
        }
        name_system(identifier);
        if identifier.peek("system") != Some(NHS_NUMBER) {
            continue;
        }
        let number = identifier.peek("value").map(NhsNumber::parse);
        match number {
            Some(Ok(number)) => {
                for value in identifier.children.iter_mut().filter(|child| child.name == "value") {
                    value.value = Some(number.as_str().to_owned());
                }
            }
            Some(Err(_)) => {
                identifier.children.retain(|child| child.name != "system" && child.name != "extension");
                if let Some(value) = identifier.child("value") {
                    value.tell(Why::NotAnNhsNumber, Severity::Major);
                }
            }
            None => {}
        }
    }
}

/// Gives a system of the NHS the name that it has now: senders of that time still write earlier ones.
fn name_system(identifier: &mut Element) {
    for system in identifier.children.iter_mut().filter(|child| child.name == "system") {
        let Some(written) = system.value.as_deref() else { continue };
        let bare = written.strip_prefix("https://").or_else(|| written.strip_prefix("http://"));
        let tail = bare.and_then(|bare| {
            bare.strip_prefix("fhir.nhs.net/").or_else(|| bare.strip_prefix("fhir.nhs.uk/"))
        });
        let known = [ODS_ORGANIZATION_CODE, ODS_SITE_CODE, LOCAL_PATIENT];
        let is_it =
            |known: &&str| tail.is_some_and(|tail| known.strip_prefix("https://fhir.nhs.uk/") == Some(tail));
        let now = match names_nhs_numbers(written) {
            true => Some(NHS_NUMBER),
            false => known.into_iter().find(is_it),
        };
        if let Some(now) = now {
            system.value = Some(now.to_owned());
        }
    }
}

/// The resources that are carried, and what references to them become.
fn entries<'e>(
    root: &'e Element,
    maps: &Maps,
    assembly: &mut Assembly<'_>,
) -> Result<(Vec<Entry<'e>>, BTreeMap<String, Node>), Fault> {
    let mut entries = Vec::new();
    let mut references = BTreeMap::new();
    for entry in root.all("entry") {
        let Some(resource) = entry.child("resource") else { continue };
        let kind = resource.kind();
        let Some(known) = maps.resources.iter().find(|known| known.dstu2 == kind) else {
            resource.tell(Why::NotMapped, Severity::Major);
            continue;
        };
        for part in [entry.child("fullUrl"), resource.child("resourceType"), resource.child("id")] {
            part.into_iter().for_each(Element::carry);
        }
        let path = format!("Bundle.{}.{}", entry.step(), resource.step());
        let url = entry.peek("fullUrl").map(str::to_owned);
        let id = resource.peek("id").map(|id| format!("{kind}/{id}"));
        let named = url.clone().or_else(|| id.clone()).unwrap_or_else(|| path.clone());
        let number = assembly.add(known.r4, &named);
        let reference = assembly.reference(number);
        for name in [url, id].into_iter().flatten() {
            if references.insert(name, reference.clone()).is_some() {
                return Err(Fault::EntryTwice);
            }
        }
        entries.push(Entry { resource, path, number, url: named });
    }
    Ok((entries, references))
}

fn fill(entry: &Entry<'_>, inward: &Inward<'_>, assembly: &mut Assembly<'_>) {
    let Some(known) = inward.maps.resources.iter().find(|known| known.dstu2 == entry.resource.kind()) else {
        return;
    };
    let mut object = Object::new();
    let origins = inward.items(&known.items, entry.resource, &entry.path, &mut object);
    if let Some(held) = assembly.object(entry.number) {
        *held = object;
    }
    assembly.comes_from(
        entry.number,
        "",
        entry.resource.called.clone().unwrap_or_else(|| entry.path.clone()),
    );
    for (element, place) in origins {
        assembly.comes_from(entry.number, &element, place);
    }
    // What somebody does where is a resource of its own in R4.
    for (index, role) in entry.resource.all("practitionerRole").enumerate() {
        let path = format!("{}.{}", entry.path, role.step());
        let mut object = Object::new().with("practitioner", assembly.reference(entry.number));
        let origins = inward.items(inward.maps.items("PractitionerRole"), role, &path, &mut object);
        let number = assembly.add("PractitionerRole", &format!("{}/{index}", entry.url));
        if let Some(held) = assembly.object(number) {
            *held = object;
        }
        assembly.comes_from(number, "", path);
        for (element, place) in origins {
            assembly.comes_from(number, &element, place);
        }
    }
}

fn path(text: &str) -> Vec<Step> {
    Step::path(text).unwrap_or_default()
}

/// What R4 says in another resource than DSTU2.
fn move_across<'a, 'e: 'a>(
    kind: Kind,
    found: &dyn Fn(Role) -> Option<&'a Entry<'e>>,
    assembly: &mut Assembly<'_>,
) {
    let Some(request) = found(Role::Request) else { return };
    let look = |role: Role, name: &str, assembly: &Assembly<'_>| {
        found(role).and_then(|entry| assembly.look(entry.number)?.at(&path(name)).cloned())
    };
    let event = look(Role::Header, "eventCoding", assembly);
    let reason = look(Role::Header, "reason", assembly);
    let referral = look(Role::Request, "identifier[0]", assembly);
    let status = look(Role::Encounter, "status", assembly);
    let proposed = look(Role::Encounter, "period.end", assembly);
    let patient = found(Role::Patient).map(|entry| assembly.reference(entry.number));
    let clinician = found(Role::Clinician).map(|entry| assembly.reference(entry.number));
    let place = |role: Role, name: &str| found(role).map(|entry| format!("{}.{name}", entry.path));
    if let Some(object) = assembly.object(request.number) {
        object.put("intent", Node::text("order"));
        if let Some(event) = event {
            object.set(&path("code.coding[0]"), event);
        }
        if let (Kind::Withdrawal, Some(reason)) = (kind, reason) {
            object.set(&path("reasonCode[]"), reason);
        }
        if kind == Kind::Withdrawal
            && let Some(referral) = referral
        {
            let withdrawn =
                Object::new().with("type", Node::text("ServiceRequest")).with("identifier", referral);
            object.set(&path("replaces[]"), withdrawn.into());
        }
    }
    if let Some(place) = place(Role::Header, "event") {
        assembly.comes_from(request.number, "code", place);
    }
    // A stay that goes on has not ended on the day that is proposed.
    let ended = matches!(&status, Some(Node::Text(status)) if status == "finished" || status == "cancelled");
    if let (false, Some(proposed), Some(encounter)) = (ended, proposed, found(Role::Encounter)) {
        if let Some(object) = assembly.object(encounter.number) {
            let start = object.at(&path("period.start")).cloned();
            object.remove("period");
            if let Some(start) = start {
                object.set(&path("period.start"), start);
            }
        }
        if let Some(object) = assembly.object(request.number) {
            object.set(&path("occurrencePeriod.end"), proposed);
        }
        assembly.comes_from(request.number, "occurrencePeriod", format!("{}.period.end", encounter.path));
    }
    if let (Some(clinician), Some(encounter)) = (clinician, found(Role::Encounter))
        && let Some(object) = assembly.object(encounter.number)
    {
        let coding = Object::new()
            .with("system", Node::text("http://terminology.hl7.org/CodeSystem/v3-ParticipationType"))
            .with("code", Node::text("PPRF"))
            .with("display", Node::text("primary performer"));
        let kind = Object::new().with("coding", Node::List(vec![coding.into()]));
        let participant =
            Object::new().with("type", Node::List(vec![kind.into()])).with("individual", clinician);
        object.push("participant", participant.into());
        if let Some(place) = place(Role::Header, "responsible") {
            assembly.comes_from(encounter.number, "participant", place);
        }
    }
    if let (Some(answers), Some(patient)) = (found(Role::Answers), patient)
        && let Some(object) = assembly.object(answers.number)
    {
        object.put("subject", patient);
    }
}

/// When the notice was issued.
fn instant(header: &Element) -> Option<String> {
    let timestamp = header.child("timestamp")?;
    let text = timestamp.value.as_deref()?;
    if is_moment(text) && text.contains('T') {
        timestamp.carry();
        return Some(text.to_owned());
    }
    timestamp.tell(Why::NotATime, Severity::Major);
    None
}

/// Refuses what lacks a data item that it must have, and tells of those that it should have.
fn check(kind: Kind, root: &Element, maps: &Maps, losses: &mut Vec<Loss>) -> Result<(), Fault> {
    let missing = maps.data_set.missing(root, kind);
    let must: Vec<&str> =
        missing.iter().filter(|(_, level)| *level == Level::Must).map(|(name, _)| *name).collect();
    if !must.is_empty() {
        return Err(Fault::Missing { names: must.join(", ") });
    }
    losses.extend(missing.iter().map(|(name, _)| Loss {
        place: (*name).to_owned(),
        why: Why::Missing,
        severity: Severity::Minor,
    }));
    Ok(())
}

/// Tells of a discharge notice that was issued on the proposed day or later; nearer than days is not guessed.
fn short_notice(kind: Kind, root: &Element, losses: &mut Vec<Loss>) {
    let issued = Role::Header.resource(root).and_then(|header| header.peek("timestamp"));
    let proposed = Role::Encounter.resource(root).and_then(|stay| stay.at(&["period", "end"]));
    let day = |text: &str| text.get(..10).map(str::to_owned);
    if let (Kind::Discharge, Some(issued), Some(proposed)) =
        (kind, issued.and_then(day), proposed.and_then(day))
        && proposed <= issued
    {
        let place = "Proposed Discharge Date".to_owned();
        losses.push(Loss { place, why: Why::ShortNotice, severity: Severity::Minor });
    }
}

/// What R4 demands and DSTU2 may lack.
fn finish(entries: &[Entry<'_>], issued: Option<&str>, assembly: &mut Assembly<'_>) {
    for entry in entries {
        let Some(object) = assembly.object(entry.number) else { continue };
        let absent = |object: &mut Object, name: &str, element: &str| {
            if object.at(&path(name)).is_none() {
                object.set(&path(element), Node::absent("unknown"));
            }
        };
        match entry.resource.kind() {
            "MessageHeader" => {
                absent(object, "source.endpoint", "source._endpoint");
                if object.find("destination").is_some() {
                    absent(object, "destination[0].endpoint", "destination[0]._endpoint");
                }
            }
            "ReferralRequest" => {
                if let Some(issued) = issued {
                    object.put("authoredOn", Node::text(issued));
                }
                absent(object, "status", "_status");
            }
            "Encounter" => {
                absent(object, "status", "_status");
                absent(object, "class", "class");
            }
            "QuestionnaireResponse" => absent(object, "status", "_status"),
            _ => {}
        }
    }
}

/// R4 has a name for each question; one that has none is called by what it asks, or by its number.
fn name_questions(root: &mut Element, maps: &Maps) {
    let resources = root.children.iter_mut().flat_map(|entry| entry.children.iter_mut());
    let groups =
        resources.flat_map(|resource| resource.children.iter_mut()).filter(|child| child.name == "group");
    for group in groups {
        let questions = group.children.iter_mut().filter(|child| child.name == "question");
        for (number, question) in (1..).zip(questions) {
            if question.child("linkId").is_none() {
                let known = question.peek("text").and_then(|text| maps.data_set.question(text));
                let name = known.map_or_else(|| i32::to_string(&number), str::to_owned);
                question.push(Element::with_value("linkId", &name));
            }
        }
    }
}
