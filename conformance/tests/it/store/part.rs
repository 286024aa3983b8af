//! A part of a resource: `_summary` and `_elements`, with what a resource cannot be without.

use fhir::tables::{Element, element, resource_type};

use super::json::Json;

/// What is kept.
enum Part<'a> {
    Elements(Vec<&'a str>),
    Summary,
    Text,
    Data,
}

/// What the query asks for of `resource`, or of every resource of a Bundle; marked as a part where it is one.
pub(crate) fn of(mut resource: Json, query: &[(String, String)]) -> Json {
    let value = |wanted: &str| query.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str());
    let part = match (value("_summary"), value("_elements")) {
        (Some("true"), _) => Part::Summary,
        (Some("text"), _) => Part::Text,
        (Some("data"), _) => Part::Data,
        (Some("count"), _) => {
            resource.remove("entry");
            return resource;
        }
        (_, Some(names)) => Part::Elements(names.split(',').map(str::trim).collect()),
        _ => return resource,
    };
    if resource["resourceType"].text() != Some("Bundle") {
        return cut(&resource, &part);
    }
    if let Some(Json::Array(mut entries)) = resource.remove("entry") {
        for entry in &mut entries {
            if let Some(inner) = entry.get("resource").map(|inner| cut(inner, &part)) {
                entry.set("resource", inner);
            }
        }
        resource.set("entry", entries.into());
    }
    resource
}

fn cut(resource: &Json, part: &Part<'_>) -> Json {
    let Json::Object(members) = resource else { return Json::Null };
    let owner = resource["resourceType"].text().and_then(resource_type);
    let kept = |name: &str| {
        let found = owner.and_then(|owner| element(owner, name.trim_start_matches('_')));
        matches!(name, "resourceType" | "id" | "meta" | "implicitRules")
            || found.is_some_and(|found| part.keeps(&found))
    };
    let members = members.iter().filter(|(name, _)| kept(name)).cloned().collect();
    let mut out = Json::Object(members);
    let tag = Json::object([
        ("system", "http://terminology.hl7.org/CodeSystem/v3-ObservationValue".into()),
        ("code", "SUBSETTED".into()),
    ]);
    let mut meta = out.remove("meta").unwrap_or(Json::Object(Vec::new()));
    let mut tags = meta["tag"].items().to_vec();
    tags.push(tag);
    meta.set("tag", tags.into());
    out.set("meta", meta);
    out
}

impl Part<'_> {
    fn keeps(&self, found: &Element) -> bool {
        let required = found.min() > 0;
        match self {
            Self::Elements(names) => required || found.is_modifier() || names.contains(&found.name()),
            Self::Summary => required || found.is_summary(),
            Self::Text => required || found.name() == "text",
            Self::Data => found.name() != "text",
        }
    }
}
