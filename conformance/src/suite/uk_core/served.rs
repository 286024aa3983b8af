//! What the endpoint serves: held to the profiles it claims, to NHS numbers, ODS codes and terminologies.

use std::collections::BTreeSet;

use fhir::identifier::{NHS_NUMBER, ODS_ORGANIZATION_CODE, ODS_SITE_CODE, names_nhs_numbers};
use fhir::nhs_number::NhsNumber;
use http::Method;
use serde_json::Value;

use super::UK_CORE;
use crate::bench::Bench;
use crate::check::{Judgement, Otherwise};
use crate::suite::judge::encoded;
use crate::target::{Answer, Question, is_id};
use crate::tree::{Limits, Tree};
use crate::validate::{Finding, Severity, validate};

/// Types that UK Core has profiles of, and that are looked at one by one.
const ALL: [&str; 16] = [
    "Patient",
    "Practitioner",
    "PractitionerRole",
    "Organization",
    "Location",
    "Encounter",
    "Condition",
    "AllergyIntolerance",
    "Observation",
    "Procedure",
    "Immunization",
    "MedicationRequest",
    "MedicationStatement",
    "Medication",
    "DiagnosticReport",
    "DocumentReference",
];

pub(super) fn get(path: &str) -> Question<'_> {
    Question { method: Method::GET, path, headers: &[("accept", "application/fhir+json")], body: b"" }
}

fn parsed(answer: &Answer) -> Option<Value> {
    fhir::json::parse_value(answer.body.clone(), &fhir::json::Limits::default()).ok()
}

pub(super) fn text<'a>(held: &'a Value, name: &str) -> &'a str {
    held.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// The records of a type that a page of a search brings, or of the patient that was named.
async fn instances(bench: &Bench, kind: &str) -> Result<Vec<Value>, Otherwise> {
    let claims = bench.claims()?;
    let patient = bench.target().patient().map(str::to_owned);
    let mut paths = Vec::new();
    match &patient {
        Some(id) if kind == "Patient" => paths.push(format!("Patient/{id}")),
        Some(id) => paths.push(format!("{kind}?patient={id}&_count=20")),
        None => {}
    }
    if claims.offers(kind, "search-type") {
        paths.push(format!("{kind}?_count=20"));
    }
    for path in paths {
        let answer = bench.ask(&get(&path)).await?;
        let Some(held) = parsed(&answer).filter(|_| answer.status == 200) else { continue };
        if text(&held, "resourceType") == kind {
            return Ok(vec![held]);
        }
        let entries = held.get("entry").and_then(Value::as_array).cloned().unwrap_or_default();
        let all = entries.into_iter().filter_map(|entry| entry.get("resource").cloned());
        let all: Vec<Value> = all.filter(|held| text(held, "resourceType") == kind).collect();
        if !all.is_empty() {
            return Ok(all);
        }
    }
    let referred = referred(bench, kind, patient.as_deref()).await?;
    match referred.is_empty() {
        true => Err(Otherwise::skipped(format!("no {kind} is shown"))),
        false => Ok(referred),
    }
}

/// Types whose records say who cared for the patient, where and with what.
const REFERRING: [&str; 6] =
    ["Encounter", "MedicationRequest", "Observation", "Procedure", "DiagnosticReport", "PractitionerRole"];
/// The most records of a type that are read one by one.
const REFERRED_MAX: usize = 20;

/// The records of a type to which those of the patient refer. Staff, places and medicines are nobody's: an endpoint need not
/// find them for everybody who may read them.
async fn referred(bench: &Bench, kind: &str, patient: Option<&str>) -> Result<Vec<Value>, Otherwise> {
    let Some(patient) = patient else { return Ok(Vec::new()) };
    let mut paths = vec![format!("Patient/{patient}")];
    let searched = REFERRING.iter().filter(|from| **from != kind);
    paths.extend(searched.map(|from| format!("{from}?patient={patient}&_count=20")));
    // A place may be shown to nobody but with who was there.
    if kind == "Location" {
        paths.push(format!("Encounter?patient={patient}&_include=Encounter:location&_count=20"));
    }
    let begins = format!("{kind}/");
    let (mut ids, mut found) = (BTreeSet::new(), Vec::new());
    for path in paths {
        let answer = bench.ask(&get(&path)).await?;
        let Some(held) = parsed(&answer).filter(|_| answer.status == 200) else { continue };
        let (mut included, mut references) = (Vec::new(), Vec::new());
        within(&held, &|held| text(held, "resourceType") == kind && held.get("id").is_some(), &mut included);
        found.extend(included.into_iter().cloned());
        within(&held, &|held| held.get("reference").is_some(), &mut references);
        let local = |held: &Value| {
            let reference = text(held, "reference");
            let place = reference.strip_prefix(bench.target().base()).unwrap_or(reference);
            place.trim_start_matches('/').strip_prefix(&begins).filter(|id| is_id(id)).map(str::to_owned)
        };
        ids.extend(references.into_iter().filter_map(local));
    }
    for id in ids.into_iter().take(REFERRED_MAX) {
        let answer = bench.ask(&get(&format!("{begins}{id}"))).await?;
        let held = parsed(&answer).filter(|held| answer.status == 200 && text(held, "resourceType") == kind);
        found.extend(held);
    }
    Ok(found)
}

/// The records of several types; skipped where there are none at all.
pub(super) async fn several(bench: &Bench, kinds: &[&str]) -> Result<Vec<Value>, Otherwise> {
    let mut all = Vec::new();
    for kind in kinds {
        match instances(bench, kind).await {
            Ok(found) => all.extend(found),
            Err(Otherwise::Skipped(_)) => {}
            Err(other) => return Err(other),
        }
    }
    if all.is_empty() { Err(Otherwise::skipped("no record of these types is shown")) } else { Ok(all) }
}

/// The profiles of UK Core that a record claims.
pub(super) fn claimed(held: &Value) -> Vec<&str> {
    let all = held.pointer("/meta/profile").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    all.iter().filter_map(Value::as_str).filter(|one| one.starts_with(UK_CORE)).collect()
}

/// What does not hold, with what cannot be told.
pub(super) fn findings(bench: &Bench, held: &Value) -> Result<Vec<Finding>, Otherwise> {
    let tree = Tree::read(held.to_string().as_bytes(), &Limits::default());
    let tree = tree.map_err(|bad| Otherwise::error(bad.to_string()))?;
    Ok(validate(&tree, bench.definitions()?, &[]))
}

/// The first error, as it may be told: no value of the record is in it.
pub(super) fn first_error(all: &[Finding]) -> Option<String> {
    let errors: Vec<&Finding> = all.iter().filter(|one| one.severity == Severity::Error).collect();
    let first = errors.first()?;
    Some(format!("{} errors, the first at {}: {}", errors.len(), first.path, first.text))
}

pub(super) async fn conforms(bench: &Bench, kind: &'static str) -> Judgement {
    let all = instances(bench, kind).await?;
    let claiming: Vec<&Value> = all.iter().filter(|held| !claimed(held).is_empty()).collect();
    if claiming.is_empty() {
        return Err(Otherwise::skipped(format!("no {kind} that is shown claims a profile of UK Core")));
    }
    for held in claiming {
        if let Some(error) = first_error(&findings(bench, held)?) {
            return Err(Otherwise::unmet(
                format!("a {kind} that conforms to the profiles that it claims"),
                error,
            ));
        }
    }
    Ok(())
}

pub(super) async fn told_whole(bench: &Bench) -> Judgement {
    let mut places: Vec<String> = Vec::new();
    for held in several(bench, &ALL).await?.iter().filter(|held| !claimed(held).is_empty()) {
        let kind = text(held, "resourceType").to_owned();
        for one in findings(bench, held)?.iter().filter(|one| one.severity == Severity::NotChecked) {
            let place: String = one.path.chars().filter(|letter| !letter.is_ascii_digit()).collect();
            places.push(format!("{} of {kind} ({})", place.replace("[]", ""), one.rule.code()));
        }
    }
    places.sort_unstable();
    places.dedup();
    if places.is_empty() {
        return Ok(());
    }
    let told: Vec<&str> = places.iter().take(12).map(String::as_str).collect();
    let found = format!("{} places not checked here: {}", places.len(), told.join("; "));
    Err(Otherwise::unmet("profiles, code systems and value sets that are all known here", found))
}

pub(super) async fn profiles_known(bench: &Bench) -> Judgement {
    let all = several(bench, &ALL).await?;
    let named: Vec<&str> = all.iter().flat_map(|held| claimed(held)).collect();
    known(bench, &named)
}

fn known(bench: &Bench, named: &[&str]) -> Judgement {
    if named.is_empty() {
        return Err(Otherwise::skipped("no profile of UK Core is named"));
    }
    let definitions = bench.definitions()?;
    if named.iter().all(|one| definitions.structure_at(one).is_some()) {
        return Ok(());
    }
    Err(Otherwise::unmet("profiles that UK Core has", "another name"))
}

fn statement(bench: &Bench) -> Result<Value, Otherwise> {
    bench.claims()?;
    parsed(bench.observed()?.metadata.answer()?).ok_or(Otherwise::error("the CapabilityStatement is no JSON"))
}

/// The profiles of UK Core that the CapabilityStatement names for a type, or for all.
pub(super) fn supported(bench: &Bench, kind: Option<&str>) -> Result<Vec<String>, Otherwise> {
    let held = statement(bench)?;
    let rest = held.get("rest").and_then(Value::as_array).cloned().unwrap_or_default();
    let resources = rest.iter().filter_map(|rest| rest.get("resource")?.as_array()).flatten();
    let mut all = Vec::new();
    for resource in resources.filter(|held| kind.is_none_or(|kind| text(held, "type") == kind)) {
        all.extend(resource.get("profile").and_then(Value::as_str).map(str::to_owned));
        let more = resource.get("supportedProfile").and_then(Value::as_array).cloned().unwrap_or_default();
        all.extend(more.iter().filter_map(Value::as_str).map(str::to_owned));
    }
    all.retain(|one| one.starts_with(UK_CORE));
    Ok(all)
}

pub(super) async fn supported_known(bench: &Bench) -> Judgement {
    let all = supported(bench, None)?;
    known(bench, &all.iter().map(String::as_str).collect::<Vec<_>>())
}

pub(super) async fn supported_of_type(bench: &Bench) -> Judgement {
    let held = statement(bench)?;
    let rest = held.get("rest").and_then(Value::as_array).cloned().unwrap_or_default();
    let definitions = bench.definitions()?;
    let mut looked = false;
    for resource in rest.iter().filter_map(|rest| rest.get("resource")?.as_array()).flatten() {
        let kind = text(resource, "type");
        for one in supported(bench, Some(kind))? {
            let Some(shape) = definitions.structure_at(&one).and_then(|at| definitions.shape(at).ok()) else {
                continue;
            };
            looked = true;
            if &*shape.type_name != kind {
                return Err(Otherwise::unmet(
                    "profiles of the type that they stand at",
                    format!("another one at {kind}"),
                ));
            }
        }
    }
    if looked { Ok(()) } else { Err(Otherwise::skipped("no profile of UK Core is named")) }
}

pub(super) async fn claims_stated(bench: &Bench) -> Judgement {
    let all = several(bench, &ALL).await?;
    let mut looked = false;
    for held in all.iter().filter(|held| !claimed(held).is_empty()) {
        looked = true;
        let kind = text(held, "resourceType");
        if supported(bench, Some(kind))?.is_empty() {
            return Err(Otherwise::unmet(
                "the profiles that records claim, as supportedProfile",
                format!("none at {kind}"),
            ));
        }
    }
    if looked { Ok(()) } else { Err(Otherwise::skipped("no record claims a profile of UK Core")) }
}

/// Every object within `held` that `wanted` takes.
pub(super) fn within<'a>(held: &'a Value, wanted: &dyn Fn(&Value) -> bool, out: &mut Vec<&'a Value>) {
    if wanted(held) {
        out.push(held);
    }
    match held {
        Value::Object(members) => members.values().for_each(|one| within(one, wanted, out)),
        Value::Array(items) => items.iter().for_each(|one| within(one, wanted, out)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The identifiers of NHS numbers in records of these types; skipped where there are none.
async fn numbers(bench: &Bench) -> Result<Vec<Value>, Otherwise> {
    let all = several(bench, &["Patient", "RelatedPerson", "Encounter", "Observation"]).await?;
    let mut found = Vec::new();
    let wanted = |held: &Value| names_nhs_numbers(text(held, "system")) && held.get("value").is_some();
    all.iter().for_each(|held| within(held, &wanted, &mut found));
    if found.is_empty() {
        return Err(Otherwise::skipped("no NHS number is shown"));
    }
    Ok(found.into_iter().cloned().collect())
}

pub(super) async fn number_valid(bench: &Bench) -> Judgement {
    let all = numbers(bench).await?;
    let wrong = all.iter().filter(|held| NhsNumber::parse(text(held, "value")).is_err()).count();
    if wrong == 0 {
        return Ok(());
    }
    Err(Otherwise::unmet(
        "NHS numbers whose check digit holds",
        format!("{wrong} of {} that do not", all.len()),
    ))
}

pub(super) async fn number_plain(bench: &Bench) -> Judgement {
    let plain = |held: &Value| {
        let value = text(held, "value");
        value.len() == 10 && value.bytes().all(|byte| byte.is_ascii_digit())
    };
    if numbers(bench).await?.iter().all(plain) {
        return Ok(());
    }
    Err(Otherwise::unmet("ten digits and nothing else", "another form"))
}

pub(super) async fn number_system(bench: &Bench) -> Judgement {
    if numbers(bench).await?.iter().all(|held| text(held, "system") == NHS_NUMBER) {
        return Ok(());
    }
    Err(Otherwise::unmet(format!("the system {NHS_NUMBER}"), "another name of it"))
}

pub(super) async fn number_once(bench: &Bench) -> Judgement {
    for held in instances(bench, "Patient").await? {
        let all = held.get("identifier").and_then(Value::as_array).cloned().unwrap_or_default();
        if all.iter().filter(|one| text(one, "system") == NHS_NUMBER).count() > 1 {
            return Err(Otherwise::unmet("one NHS number of a Patient", "more of them"));
        }
    }
    Ok(())
}

const VERIFICATION: &str =
    "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-NHSNumberVerificationStatus";

fn verification(identifier: &Value) -> Option<&Value> {
    let all = identifier.get("extension").and_then(Value::as_array)?;
    all.iter().find(|one| text(one, "url") == VERIFICATION)
}

async fn patient_numbers(bench: &Bench) -> Result<Vec<Value>, Otherwise> {
    let all = instances(bench, "Patient").await?;
    let identifiers = all.iter().filter_map(|held| held.get("identifier")?.as_array()).flatten();
    let found: Vec<Value> = identifiers.filter(|one| text(one, "system") == NHS_NUMBER).cloned().collect();
    if found.is_empty() {
        Err(Otherwise::skipped("no Patient with an NHS number is shown"))
    } else {
        Ok(found)
    }
}

pub(super) async fn verification_there(bench: &Bench) -> Judgement {
    if patient_numbers(bench).await?.iter().all(|one| verification(one).is_some()) {
        return Ok(());
    }
    Err(Otherwise::unmet("a verification status with each NHS number", "one without"))
}

pub(super) async fn verification_coded(bench: &Bench) -> Judgement {
    let all = patient_numbers(bench).await?;
    let statuses: Vec<&Value> = all.iter().filter_map(verification).collect();
    if statuses.is_empty() {
        return Err(Otherwise::skipped("no verification status is shown"));
    }
    for status in statuses {
        // A Patient of nothing else, so that what does not hold is of the extension.
        let held = serde_json::json!({"resourceType": "Patient", "identifier": [
            {"extension": [status], "system": NHS_NUMBER, "value": "9990000018"}]});
        if let Some(error) = first_error(&findings(bench, &held)?) {
            return Err(Otherwise::unmet("a CodeableConcept with a code of its value set", error));
        }
    }
    Ok(())
}

async fn ods(bench: &Bench) -> Result<Vec<Value>, Otherwise> {
    let all = several(bench, &["Organization", "Location", "Patient", "PractitionerRole"]).await?;
    let mut found = Vec::new();
    let wanted = |held: &Value| {
        text(held, "system").to_ascii_lowercase().contains("/ods") && held.get("value").is_some()
    };
    all.iter().for_each(|held| within(held, &wanted, &mut found));
    if found.is_empty() {
        return Err(Otherwise::skipped("no ODS code is shown"));
    }
    Ok(found.into_iter().cloned().collect())
}

pub(super) async fn ods_shape(bench: &Bench) -> Judgement {
    // Those of England have up to nine; three more are left to what is coming.
    let fits = |held: &Value| {
        let value = text(held, "value");
        (1..=12).contains(&value.len())
            && value.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
    };
    if ods(bench).await?.iter().all(fits) {
        return Ok(());
    }
    Err(Otherwise::unmet("capital letters and digits, twelve at most", "another form"))
}

pub(super) async fn ods_system(bench: &Bench) -> Judgement {
    let right = [ODS_ORGANIZATION_CODE, ODS_SITE_CODE];
    if ods(bench).await?.iter().all(|held| right.contains(&text(held, "system"))) {
        return Ok(());
    }
    Err(Otherwise::unmet("the systems of organisations and of sites that UK Core fixes", "another name"))
}

pub(super) async fn extensions_known(bench: &Bench) -> Judgement {
    let all = several(bench, &ALL).await?;
    let mut found = Vec::new();
    let ours = |held: &Value| text(held, "url").starts_with("https://fhir.hl7.org.uk/StructureDefinition/");
    all.iter().for_each(|held| within(held, &ours, &mut found));
    let definitions = bench.definitions()?;
    if found.is_empty() {
        return Err(Otherwise::skipped("no extension of UK Core is shown"));
    }
    if found.iter().all(|held| definitions.structure_at(text(held, "url")).is_some()) {
        return Ok(());
    }
    Err(Otherwise::unmet("extensions that UK Core has", "another name"))
}

pub(super) async fn found_by_number(bench: &Bench) -> Judgement {
    bench.claimed("Patient", "search-type")?;
    let all = instances(bench, "Patient").await?;
    let own = |held: &Value| {
        let identifiers = held.get("identifier")?.as_array()?;
        let one = identifiers.iter().find(|one| text(one, "system") == NHS_NUMBER)?;
        Some((text(held, "id").to_owned(), text(one, "value").to_owned()))
    };
    let (id, number) =
        all.iter().find_map(own).ok_or(Otherwise::skipped("no Patient with an NHS number is shown"))?;
    let path = format!("Patient?identifier={}%7C{}", encoded(NHS_NUMBER), encoded(&number));
    let answer = bench.ask(&get(&path)).await?;
    if matches!(answer.status, 401 | 403) {
        return Err(Otherwise::skipped("the endpoint wants more authority than this run has"));
    }
    let held = parsed(&answer).unwrap_or_default();
    let entries = held.get("entry").and_then(Value::as_array).cloned().unwrap_or_default();
    let ids: Vec<&str> = entries.iter().filter_map(|entry| entry.pointer("/resource/id")?.as_str()).collect();
    if ids.contains(&id.as_str()) {
        return Ok(());
    }
    Err(Otherwise::unmet(
        "the Patient, by the system and value of the NHS number",
        format!("status {}, without it", answer.status),
    ))
}
