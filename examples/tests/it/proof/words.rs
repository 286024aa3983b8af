//! The words that requests are made of: ids, codes and texts of the fixture, hidden and visible, and names of the
//! specification.

use std::collections::BTreeSet;

use serde_json::Value;

use super::worlds::key;

pub(crate) struct Words {
    pub(crate) resources: Vec<Value>,
    pub(crate) records: Vec<String>,
    /// What the golden view has.
    pub(crate) seen: Vec<String>,
    pub(crate) people: Vec<String>,
    pub(crate) codes: Vec<String>,
    pub(crate) texts: Vec<String>,
    pub(crate) types: Vec<String>,
}

impl Words {
    pub(crate) fn of_fixture() -> Self {
        let resources = super::worlds::resources();
        let (mut codes, mut texts) = (BTreeSet::new(), BTreeSet::new());
        for resource in &resources {
            collect(resource, &mut codes, &mut texts);
        }
        texts.extend(super::judge::hidden_from("LA"));
        let records: Vec<String> = resources.iter().map(key).collect();
        let people =
            records.iter().filter_map(|one| one.strip_prefix("Patient/")).map(str::to_owned).collect();
        let types: BTreeSet<&str> = records.iter().filter_map(|one| one.split('/').next()).collect();
        Self {
            seen: super::worlds::seen().into_iter().collect(),
            people,
            codes: codes.into_iter().collect(),
            texts: texts.into_iter().collect(),
            types: types.into_iter().map(str::to_owned).collect(),
            records,
            resources,
        }
    }
}

fn collect(value: &Value, codes: &mut BTreeSet<String>, texts: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            if let (Some(system), Some(code)) = (value["system"].as_str(), value["code"].as_str()) {
                codes.extend([format!("{system}|{code}"), code.to_owned()]);
            }
            if let (Some(system), Some(one)) = (value["system"].as_str(), value["value"].as_str()) {
                codes.extend([format!("{system}|{one}"), one.to_owned()]);
            }
            members.values().for_each(|member| collect(member, codes, texts));
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, codes, texts)),
        Value::String(text) if text.len() <= 60 => drop(texts.insert(text.clone())),
        Value::String(_) | Value::Number(_) | Value::Bool(_) | Value::Null => {}
    }
}

/// Names of search parameters, with modifiers, chains and what R4 does not know.
pub(crate) const PARAMETERS: &[&str] = &[
    "_id",
    "_lastUpdated",
    "_tag",
    "_profile",
    "_security",
    "_source",
    "_text",
    "_content",
    "_list",
    "_has",
    "_type",
    "_filter",
    "_query",
    "_language",
    "active",
    "address",
    "address-city",
    "address-country",
    "address-postalcode",
    "address-state",
    "address-use",
    "address:contains",
    "address:exact",
    "address:missing",
    "author",
    "authored-on",
    "authoredon",
    "based-on",
    "birthdate",
    "birthdate:missing",
    "category",
    "category:not",
    "class",
    "clinical-status",
    "code",
    "code:above",
    "code:below",
    "code:in",
    "code:missing",
    "code:not",
    "code:not-in",
    "code:text",
    "characteristic-value",
    "code-value-concept",
    "code-value-concept:missing",
    "code-value-date",
    "code-value-quantity",
    "code-value-quantity:not",
    "code-value-string",
    "combo-code",
    "combo-code-value-concept",
    "combo-code-value-quantity",
    "component-code",
    "component-code-value-concept",
    "component-code-value-quantity",
    "component-value-quantity",
    "context",
    "context-type-value",
    "criticality",
    "custodian",
    "date",
    "date:missing",
    "death-date",
    "deceased",
    "derived-from",
    "diagnosis",
    "email",
    "encounter",
    "encounter:Encounter",
    "entity",
    "entry",
    "episode-of-care",
    "evidence",
    "family",
    "family:exact",
    "focus",
    "gender",
    "gender:missing",
    "general-practitioner",
    "general-practitioner:missing",
    "general-practitioner.name",
    "given",
    "has-member",
    "identifier",
    "identifier:of-type",
    "intent",
    "issued",
    "item",
    "language",
    "length",
    "link",
    "link:Patient.identifier",
    "location",
    "location.address-postalcode",
    "managing-entity",
    "manifestation",
    "medication",
    "medication.code",
    "member",
    "method",
    "name",
    "name:contains",
    "name:exact",
    "near",
    "notes",
    "onset-date",
    "organization",
    "owner",
    "parent",
    "part-of",
    "participant",
    "participant:missing",
    "patient",
    "patient.identifier",
    "patient.name",
    "patient.address-postalcode",
    "patient:missing",
    "performer",
    "period",
    "phone",
    "phonetic",
    "practitioner",
    "priority",
    "questionnaire",
    "reason-code",
    "recipient",
    "recorded-date",
    "recorder",
    "related",
    "relatesto",
    "relation",
    "relationship",
    "requester",
    "requisition",
    "section",
    "sender",
    "service-provider",
    "service-type",
    "severity",
    "source",
    "specimen",
    "stage",
    "status",
    "status:not",
    "subject",
    "subject:Patient",
    "subject:identifier",
    "subject:missing",
    "subject:Patient.name",
    "subject.address-postalcode",
    "target",
    "telecom",
    "title",
    "type",
    "value-concept",
    "value-quantity",
    "value-string",
    "verification-status",
    "witness",
    "_has:Observation:patient:code",
    "_has:Condition:subject:code",
    "_has:Group:member:_id",
    "_has:AuditEvent:entity:agent",
    "_has:Observation:patient:_has:Provenance:target:agent",
];
