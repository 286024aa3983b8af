//! A notice in R4 into DSTU2.

use std::collections::BTreeMap;

use super::Fault;
use super::dom::Element;
use super::fields::{Kind, Level};
use super::maps::{Maps, Resource};
use super::sound;
use super::walk::{Outward, place};
use crate::{Loss, Refused, Severity, Why};

/// The order of the elements of a MessageHeader in DSTU2.
const HEADER: [&str; 15] = [
    "resourceType",
    "id",
    "meta",
    "timestamp",
    "event",
    "response",
    "source",
    "destination",
    "enterer",
    "author",
    "receiver",
    "responsible",
    "reason",
    "data",
    "extension",
];
const PARTICIPATION: &str = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType";
const SNOMED: &str = "http://snomed.info/sct";

/// A resource of the Bundle, and what the notice calls it.
struct Held<'e> {
    resource: &'e Element,
    known: &'e Resource,
    url: String,
}

/// The notice that `root` holds, and what of it the notice does not carry.
pub(super) fn run(root: &Element, maps: &Maps) -> Result<(Element, Vec<Loss>), Refused> {
    if root.kind() != "Bundle" {
        return Err(Fault::NoBundle.into());
    }
    let (request, code, kind) = request(root, maps)?;
    let (held, references) = resources(root, request, maps)?;
    let outward = Outward { maps, references };
    let mut made: Vec<(&Held<'_>, Element)> = Vec::new();
    for one in &held {
        let mut target = Element::new("resource");
        target.push(Element::with_value("resourceType", &one.known.dstu2));
        if let Some(id) = one.resource.child("id") {
            id.carry();
            target.push(Element::with_value("id", id.value.as_deref().unwrap_or_default()));
        }
        outward.items(&one.known.items, one.resource, &mut target);
        made.push((one, target));
    }
    roles(root, &outward, &mut made);
    let mut header = made
        .iter()
        .position(|(one, _)| one.known.dstu2 == "MessageHeader")
        .map_or_else(|| new_header(root), |at| made.remove(at).1);
    across(root, request, code, kind, &outward, &mut header, &mut made);
    header.children.sort_by_key(|child| HEADER.iter().position(|name| *name == child.name));
    let mut bundle = Element::default();
    bundle.push(Element::with_value("resourceType", "Bundle"));
    for name in ["resourceType", "id", "type"] {
        if let Some(child) = root.child(name) {
            child.carry();
        }
    }
    if let Some(id) = root.peek("id") {
        bundle.push(Element::with_value("id", id));
    }
    if let Some(held) = root.child("meta") {
        let mut meta = Element::new("meta");
        outward.items(maps.items("Meta"), held, &mut meta);
        bundle.children.extend((!meta.children.is_empty()).then_some(meta));
    }
    bundle.push(Element::with_value("type", "message"));
    let header_url = root
        .all("entry")
        .find(|entry| entry.child("resource").is_some_and(|resource| resource.kind() == "MessageHeader"))
        .and_then(|entry| entry.peek("fullUrl"))
        .map_or_else(|| format!("urn:uuid:{}", header.peek("id").unwrap_or_default()), str::to_owned);
    bundle.push(entry(&header_url, header));
    for (one, target) in made {
        bundle.push(entry(&one.url, target));
    }
    let patient = held.iter().find(|one| one.known.dstu2 == "Patient").map_or("", |one| one.url.as_str());
    sound::check(root, patient, &outward)?;
    let losses = checked(root, &bundle, kind, maps)?;
    Ok((bundle, losses))
}

fn entry(url: &str, resource: Element) -> Element {
    let mut entry = Element::new("entry");
    entry.push(Element::with_value("fullUrl", url));
    entry.push(resource);
    entry
}

/// The one request that says that it is a notice, and which.
fn request<'e>(root: &'e Element, maps: &Maps) -> Result<(&'e Element, String, Kind), Fault> {
    let mut found = None;
    for resource in resources_of(root, "ServiceRequest") {
        let codings = resource.all("code").flat_map(|code| code.all("coding"));
        for coding in codings.filter(|coding| coding.peek("system") == Some(SNOMED)) {
            let code = coding.peek("code").unwrap_or_default();
            if let Some(kind) = maps.data_set.notice(code) {
                coding.carry_all();
                if found.replace((resource, code.to_owned(), kind)).is_some() {
                    return Err(Fault::NotOneRequest);
                }
            }
        }
    }
    // Senders that write R4 or STU3 by themselves say it where DSTU2 does, of the only request.
    let told = || {
        let mut requests = resources_of(root, "ServiceRequest");
        let (request, None) = (requests.next()?, requests.next()) else { return None };
        let event = resources_of(root, "MessageHeader").find_map(|header| header.child("eventCoding"))?;
        let code = event.peek("code").filter(|_| event.peek("system") == Some(SNOMED))?;
        Some((request, code.to_owned(), maps.data_set.notice(code)?))
    };
    found.or_else(told).ok_or(Fault::NotOneRequest)
}

/// The resources that a notice has, and what it calls them.
fn resources<'e>(
    root: &'e Element,
    request: &Element,
    maps: &'e Maps,
) -> Result<(Vec<Held<'e>>, BTreeMap<String, String>), Fault> {
    let mut held = Vec::new();
    let mut references = BTreeMap::new();
    let mut patients = 0;
    let mut roles = Vec::new();
    for entry in root.all("entry") {
        let Some(resource) = entry.child("resource") else { continue };
        let kind = resource.kind();
        entry.child("fullUrl").into_iter().chain(resource.child("resourceType")).for_each(Element::carry);
        let id = resource.peek("id").unwrap_or_default();
        let url = entry.peek("fullUrl").map_or_else(|| format!("{kind}/{id}"), str::to_owned);
        let names = [Some(url.clone()), Some(format!("{kind}/{id}")).filter(|_| !id.is_empty())];
        if kind == "PractitionerRole" {
            roles.push((names, resource.at(&["practitioner", "reference"]).map(str::to_owned)));
            continue;
        }
        let known = maps.resources.iter().find(|known| known.r4 == kind);
        let other = kind == "ServiceRequest" && !std::ptr::eq(resource, request);
        let Some(known) = known.filter(|_| !other) else {
            let (why, severity) = match kind {
                "Provenance" => (Why::LeftOut, Severity::Trivial),
                _ => (Why::NotMapped, Severity::Major),
            };
            resource.tell(why, severity);
            continue;
        };
        patients += usize::from(kind == "Patient");
        let called = if url.contains(':') { url } else { format!("{}/{id}", known.dstu2) };
        for name in names.into_iter().flatten() {
            references.insert(name, called.clone());
        }
        held.push(Held { resource, known, url: called });
    }
    if patients != 1 {
        return Err(Fault::NotOnePatient);
    }
    // DSTU2 knows people only, with what they do.
    for (names, practitioner) in roles {
        let person = practitioner.and_then(|practitioner| references.get(&practitioner).cloned());
        if let Some(person) = person {
            for name in names.into_iter().flatten() {
                references.insert(name, person.clone());
            }
        }
    }
    Ok((held, references))
}

/// What somebody does where, as a part of the person.
fn roles(root: &Element, outward: &Outward<'_>, made: &mut [(&Held<'_>, Element)]) {
    for resource in resources_of(root, "PractitionerRole") {
        let practitioner = resource.child("practitioner").and_then(|held| held.child("reference"));
        let url = practitioner.and_then(|held| outward.references.get(held.value.as_deref()?));
        let person = made.iter_mut().find(|(one, _)| Some(&one.url) == url);
        let (Some(practitioner), Some((_, target))) = (practitioner, person) else {
            resource.tell(Why::ConditionUnmet, Severity::Minor);
            continue;
        };
        practitioner.carry();
        resource.child("id").into_iter().for_each(Element::carry);
        let mut role = Element::new("practitionerRole");
        outward.items(outward.maps.items("PractitionerRole"), resource, &mut role);
        if !role.children.is_empty() {
            target.push(role);
        }
    }
}

/// A header where the Bundle has none: minimising may leave it out.
fn new_header(root: &Element) -> Element {
    let mut header = Element::new("resource");
    header.push(Element::with_value("resourceType", "MessageHeader"));
    if let Some(id) = root.peek("id") {
        header.push(Element::with_value("id", id));
    }
    header
}

/// What DSTU2 says in another resource than R4.
fn across(
    root: &Element,
    request: &Element,
    code: String,
    kind: Kind,
    outward: &Outward<'_>,
    header: &mut Element,
    made: &mut [(&Held<'_>, Element)],
) {
    // A referral is asked for; what is only planned or proposed has no word.
    let asked_for = request.child("intent").filter(|intent| intent.value.as_deref() == Some("order"));
    asked_for.into_iter().chain(request.child("authoredOn")).for_each(Element::carry_all);
    // The message is known by what its sender called it.
    if let Some(value) = root.child("identifier").and_then(|identifier| identifier.child("value")) {
        value.carry();
        header.children.retain(|child| child.name != "id");
        header.push(Element::with_value("id", value.value.as_deref().unwrap_or_default()));
    }
    root.child("timestamp").into_iter().for_each(Element::carry);
    let issued =
        request.peek("authoredOn").filter(|text| text.contains('T')).or_else(|| root.peek("timestamp"));
    if let Some(issued) = issued {
        header.push(Element::with_value("timestamp", issued));
    }
    // The request says which notice it is; a header that says otherwise is told.
    let said = resources_of(root, "MessageHeader").find_map(|header| header.child("eventCoding"));
    if let Some(said) =
        said.filter(|said| said.peek("system") != Some(SNOMED) || said.peek("code") != Some(&code))
    {
        said.tell(Why::PlaceTaken, Severity::Major);
    }
    header.children.retain(|child| child.name != "event");
    let mut event = Element::new("event");
    event.push(Element::with_value("system", SNOMED));
    event.push(Element::with_value("code", &code));
    header.push(event);
    let stay = made.iter().position(|(one, _)| one.known.dstu2 == "Encounter");
    let asked = made.iter().position(|(one, _)| one.known.dstu2 == "ReferralRequest");
    let reference = |element: &Element, path: &[&str]| element.at(path).map(str::to_owned);
    let target = |at: Option<usize>| at.and_then(|at| made.get(at)).map(|(_, target)| target);
    let url = asked.and_then(|at| made.get(at)).map(|(one, _)| one.url.clone());
    let requester = target(asked).and_then(|asked| reference(asked, &["requester", "reference"]));
    let council = target(asked).and_then(|asked| reference(asked, &["recipient", "reference"]));
    let clinician = target(stay).and_then(primary);
    for (name, to) in
        [("author", requester), ("receiver", council), ("responsible", clinician.clone()), ("data", url)]
    {
        if let (None, Some(to)) = (header.child(name), to) {
            let mut held = Element::new(name);
            held.push(Element::with_value("reference", &to));
            header.push(held);
        }
    }
    let responsible = reference(header, &["responsible", "reference"]);
    if let (Some((_, stay)), true) = (stay.and_then(|at| made.get_mut(at)), clinician == responsible) {
        let mut kept = false;
        stay.children.retain(|child| {
            let lead = !kept && child.name == "participant" && is_primary(child) && clinician.is_some();
            kept |= lead;
            !lead
        });
    }
    proposed(request, stay.and_then(|at| made.get_mut(at)));
    if kind == Kind::Withdrawal
        && let Some((_, asked)) = asked.and_then(|at| made.get_mut(at))
    {
        withdrawn(request, outward, header, asked);
    }
}

fn is_primary(participant: &Element) -> bool {
    participant.at(&["type", "coding", "code"]) == Some("PPRF")
        && participant.at(&["type", "coding", "system"]) == Some(PARTICIPATION)
}

/// The resources of a type.
fn resources_of<'e>(root: &'e Element, kind: &str) -> impl Iterator<Item = &'e Element> {
    root.all("entry")
        .filter_map(|entry| entry.child("resource"))
        .filter(move |resource| resource.kind() == kind)
}

/// Who leads the care in a stay.
fn primary(stay: &Element) -> Option<String> {
    let lead = stay.all("participant").find(|participant| is_primary(participant))?;
    lead.at(&["individual", "reference"]).map(str::to_owned)
}

/// The proposed discharge date, as the end of the stay.
fn proposed(request: &Element, stay: Option<&mut (&Held<'_>, Element)>) {
    let end = request.child("occurrencePeriod").and_then(|period| period.child("end"));
    let (Some(end), Some((one, stay))) = (end, stay) else { return };
    let Some(date) = end.value.as_deref() else { return };
    if stay.at(&["period", "end"]).is_some() {
        end.tell(Why::PlaceTaken, Severity::Major);
        return;
    }
    end.carry();
    place(stay, &["period".to_owned(), "end".to_owned()], Element::with_value("end", date));
    let items = &one.known.items;
    let order = |child: &Element| {
        let at = items.iter().position(|item| item.left.first() == Some(&child.name));
        at.map_or(0, |at| at + 1)
    };
    stay.children.sort_by_key(order);
}

/// A withdrawal gives its reason in the header, and names what it withdraws by the identifier of the request.
fn withdrawn(request: &Element, outward: &Outward<'_>, header: &mut Element, asked: &mut Element) {
    let reason = asked.children.iter().position(|child| child.name == "reason");
    if let Some(reason) = reason {
        let reason = asked.children.remove(reason);
        if header.child("reason").is_none() {
            header.push(reason);
        }
    }
    let Some(replaced) = request.child("replaces") else { return };
    replaced.child("type").into_iter().for_each(Element::carry);
    let Some(identifier) = replaced.child("identifier") else { return };
    let value = identifier.peek("value");
    match asked.at(&["identifier", "value"]).map(str::to_owned) {
        Some(held) if Some(held.as_str()) == value => identifier.carry_all(),
        Some(_) => {}
        None => {
            let mut made = Element::new("identifier");
            outward.items(outward.maps.items("Identifier"), identifier, &mut made);
            let status = asked.children.iter().position(|child| child.name == "status");
            asked.children.insert(status.map_or(asked.children.len(), |at| at + 1), made);
        }
    }
}

/// What is not carried, and what the standard asks for.
fn checked(root: &Element, bundle: &Element, kind: Kind, maps: &Maps) -> Result<Vec<Loss>, Fault> {
    let missing = maps.data_set.missing(bundle, kind);
    let must: Vec<&str> =
        missing.iter().filter(|(_, level)| *level == Level::Must).map(|(name, _)| *name).collect();
    if !must.is_empty() {
        return Err(Fault::Missing { names: must.join(", ") });
    }
    let mut losses: Vec<Loss> = missing
        .iter()
        .map(|(name, _)| Loss { place: (*name).to_owned(), why: Why::Missing, severity: Severity::Minor })
        .collect();
    root.losses("Bundle", &|path| maps.severity(path), &mut losses);
    Ok(losses)
}
