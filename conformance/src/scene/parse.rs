//! From TOML to a [`Scene`], or everything that is wrong with it.

use std::path::Path;
use std::time::Duration;

use fhir::json::Limits;
use toml::Table;

use super::fields::{Fields, Problem};
use super::{
    Actor, Audit, Baseline, BreakGlass, Consents, Contained, Correlation, Dated, Disagreement, Included,
    Labelled, Linked, Named, Outside, Patient, Public, Reads, Refused, Scene, Together, Writes,
};
use crate::target::{is_id, plain_base};

const BY_PATIENT: &str = "patient.identifier={identifier}";
const POLICY: &str = "https://profiles.ihe.net/ITI/PCF/Policy-basic-normal";
const WINDOW_S: u64 = 5;
const SETTLE_MS: u64 = 300;
const WAIT_MAX_S: u64 = 60;

impl Scene {
    /// Takes a scene as it is written; files that it names lie in `folder` or below.
    ///
    /// # Errors
    /// Every [`Problem`], in the order in which they are met.
    pub fn parse(text: &str, folder: &Path) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let table: Table = match text.parse() {
            Ok(table) => table,
            Err(_) => return Err(vec![Problem { key: "the file".to_owned(), wrong: "this is no TOML" }]),
        };
        let mut fields = Fields::of(String::new(), table, &mut problems);
        let scene = Self {
            base: base(&mut fields),
            actors: fields.each("actors", |fields| actor(fields, folder)).into_iter().collect(),
            patients: fields.each("patients", patient).into_iter().collect(),
            reads: required(&mut fields, "reads", reads),
            writes: fields.table("writes", writes),
            audit: fields.table("audit", audit),
            consents: fields.table("consents", consents),
            break_glass: fields.table("break_glass", break_glass),
        };
        fields.finish();
        scene.names(&mut problems);
        if problems.is_empty() { Ok(scene) } else { Err(problems) }
    }

    /// Every name must be that of an actor or a patient.
    fn names(&self, problems: &mut Vec<Problem>) {
        let mut actors = vec![("reads.actor", Some(&self.reads.actor))];
        let mut patients = vec![("reads.patient", &self.reads.patient)];
        if let Some(together) = &self.reads.together {
            actors.push(("reads.together.actor", Some(&together.actor)));
            patients.extend(together.patients.iter().map(|name| ("reads.together.patients", name)));
        }
        if let Some(refused) = &self.reads.refused {
            actors.push(("reads.refused.actor", Some(&refused.actor)));
            patients.push(("reads.refused.patient", &refused.patient));
        }
        actors.push(("reads.public.actor", self.reads.public.as_ref().map(|public| &public.actor)));
        actors.push(("writes.actor", self.writes.as_ref().map(|writes| &writes.actor)));
        if let Some(audit) = &self.audit {
            actors.push(("audit.reader", Some(&audit.reader)));
            actors.push(("audit.outsider", audit.outsider.as_ref()));
        }
        if let Some(consents) = &self.consents {
            actors.push(("consents.recorder", Some(&consents.recorder)));
            actors.push(("consents.outsider", consents.outsider.as_ref()));
            actors.push(("consents.actor", Some(&consents.actor)));
            actors.push(("consents.other", consents.other.as_ref()));
            patients.push(("consents.patient", &consents.patient));
        }
        actors.push(("break_glass.actor", self.break_glass.as_ref().map(|asked| &asked.actor)));
        // An empty name was told before.
        let unknown = |name: &&String, known: bool| !name.is_empty() && !known;
        for (key, name) in actors {
            if name.is_some_and(|name| unknown(&name, self.actors.contains_key(name))) {
                problems.push(Problem { key: key.to_owned(), wrong: "there is no such actor" });
            }
        }
        for (key, name) in patients {
            if unknown(&name, self.patients.contains_key(name)) {
                problems.push(Problem { key: key.to_owned(), wrong: "there is no such patient" });
            }
        }
    }
}

fn required<T>(fields: &mut Fields<'_>, name: &str, read: impl FnOnce(&mut Fields<'_>) -> T + Copy) -> T {
    let found = fields.table(name, read);
    found.unwrap_or_else(|| {
        fields.wrong(name, "is required");
        // Reads as one that says nothing; its own complaints would only repeat this one.
        read(&mut Fields::of(String::new(), Table::new(), &mut Vec::new()))
    })
}

fn base(fields: &mut Fields<'_>) -> Option<String> {
    let text = fields.maybe("base")?;
    let plain = plain_base(&text).ok();
    if plain.is_none() {
        fields.wrong("base", "an http or https address without a query and without credentials is wanted");
    }
    plain
}

fn named(fields: &mut Fields<'_>, name: &str) -> Option<Named> {
    let text = fields.maybe(name)?;
    match text.split_once('|') {
        Some((system, value)) if !system.is_empty() && !value.is_empty() => {
            Some(Named { system: system.to_owned(), value: value.to_owned() })
        }
        Some(_) | None => {
            fields.wrong(name, "system|value is wanted");
            None
        }
    }
}

/// As [`named`], and it must be there.
fn naming(fields: &mut Fields<'_>, name: &str) -> Named {
    if !fields.has(name) {
        fields.wrong(name, "is required");
    }
    let found = named(fields, name);
    found.unwrap_or_else(|| Named { system: String::new(), value: String::new() })
}

fn resource(fields: &mut Fields<'_>, name: &str) -> String {
    fields.fitting(name, "Type/id is wanted", is_resource)
}

fn is_resource(text: &str) -> bool {
    text.split_once('/').is_some_and(|(kind, id)| fhir::tables::resource_type(kind).is_some() && is_id(id))
}

fn search(fields: &mut Fields<'_>, name: &str) -> String {
    fields.fitting(name, "Type?parameters is wanted", |text| {
        text.split_once('?').is_some_and(|(kind, query)| {
            fhir::tables::resource_type(kind).is_some()
                && !query.is_empty()
                && text.is_ascii()
                && !text.contains(' ')
        })
    })
}

fn day(fields: &mut Fields<'_>, name: &str) -> String {
    fields.fitting(name, "a day as yyyy-mm-dd is wanted", |text| text.parse::<jiff::civil::Date>().is_ok())
}

fn actor(fields: &mut Fields<'_>, folder: &Path) -> Actor {
    let token = fields.maybe("token");
    let token = match (fields.maybe("token_file"), token) {
        (Some(_), Some(_)) => {
            fields.wrong("token_file", "there is a token already");
            None
        }
        (Some(file), None) => {
            let inside =
                !Path::new(&file).components().any(|part| matches!(part, std::path::Component::ParentDir));
            let text = inside.then(|| std::fs::read_to_string(folder.join(&file)).ok()).flatten();
            if text.is_none() {
                fields.wrong("token_file", "it cannot be read, or lies above the scene");
            }
            text.map(|text| text.trim().to_owned())
        }
        (None, token) => token,
    };
    if token.as_ref().is_some_and(|token| token.is_empty() || !token.chars().all(|c| c.is_ascii_graphic())) {
        fields.wrong("token", "a bearer token is wanted");
    }
    Actor {
        token,
        organisation: named(fields, "organisation"),
        person: named(fields, "person"),
        purpose: fields.maybe("purpose"),
    }
}

fn patient(fields: &mut Fields<'_>) -> Patient {
    Patient {
        id: fields.fitting("id", "the id of a Patient is wanted", is_id),
        identifier: named(fields, "identifier"),
        content: fields.texts("content"),
    }
}

fn reads(fields: &mut Fields<'_>) -> Reads {
    Reads {
        actor: fields.text("actor"),
        patient: fields.text("patient"),
        resource: resource(fields, "resource"),
        search: search(fields, "search"),
        together: fields.table("together", |fields| Together {
            actor: fields.text("actor"),
            search: search(fields, "search"),
            patients: fields.texts("patients"),
        }),
        refused: fields.table("refused", |fields| Refused {
            actor: fields.text("actor"),
            patient: fields.text("patient"),
            resource: resource(fields, "resource"),
            search: search(fields, "search"),
        }),
        public: fields.table("public", |fields| Public {
            actor: fields.text("actor"),
            resource: resource(fields, "resource"),
            search: search(fields, "search"),
        }),
    }
}

fn writes(fields: &mut Fields<'_>) -> Writes {
    let json = |fields: &mut Fields<'_>, name: &str| {
        let text = fields.maybe(name)?;
        let read = fhir::json::parse(text.clone().into_bytes().into(), &Limits::default());
        let typed = read.is_ok_and(|document| {
            let kind = document.root().str_at(&["resourceType"]);
            kind.is_some_and(|kind| fhir::tables::resource_type(&kind).is_some())
        });
        if !typed {
            fields.wrong(name, "a resource in JSON is wanted");
        }
        Some(text)
    };
    let (resource, public) = (json(fields, "resource"), json(fields, "public"));
    Writes { base: base(fields), actor: fields.text("actor"), resource, public }
}

fn audit(fields: &mut Fields<'_>) -> Audit {
    let window_s = fields.number("window_s").unwrap_or(WINDOW_S);
    if window_s > WAIT_MAX_S {
        fields.wrong("window_s", "at most 60 is wanted");
    }
    let settle_ms = fields.number("settle_ms").unwrap_or(SETTLE_MS);
    if settle_ms > WAIT_MAX_S * 1000 {
        fields.wrong("settle_ms", "at most 60000 is wanted");
    }
    let words = [("request-id", Correlation::RequestId), ("new", Correlation::New)];
    Audit {
        base: base(fields),
        reader: fields.text("reader"),
        outsider: fields.maybe("outsider"),
        by_patient: fields.maybe("by_patient").unwrap_or_else(|| BY_PATIENT.to_owned()),
        by_request: fields.maybe("by_request"),
        window: Duration::from_secs(window_s),
        settle: Duration::from_millis(settle_ms),
        correlation: fields
            .word("correlate", &words, "request-id or new is wanted")
            .unwrap_or(Correlation::RequestId),
    }
}

fn consents(fields: &mut Fields<'_>) -> Consents {
    let defaults = [("permit", Baseline::Permit), ("deny", Baseline::Deny)];
    let outside = [("default", Outside::Default), ("denied", Outside::Denied)];
    let disagreements = [("stricter", Disagreement::Stricter), ("later", Disagreement::Later)];
    let default = fields.word("default", &defaults, "permit or deny is wanted");
    let window_s = fields.number("window_s").unwrap_or(WINDOW_S);
    if window_s > WAIT_MAX_S {
        fields.wrong("window_s", "at most 60 is wanted");
    }
    Consents {
        base: base(fields),
        recorder: fields.text("recorder"),
        outsider: fields.maybe("outsider"),
        patient: fields.text("patient"),
        actor: fields.text("actor"),
        other: fields.maybe("other"),
        resource: resource(fields, "resource"),
        search: search(fields, "search"),
        beside: fields.has("beside").then(|| resource(fields, "beside")),
        organisation: naming(fields, "organisation"),
        policy: fields.maybe("policy").unwrap_or_else(|| POLICY.to_owned()),
        window: Duration::from_secs(window_s),
        default: default.unwrap_or(Baseline::Permit),
        outside_permit: fields.word("outside_permit", &outside, "default or denied is wanted"),
        disagreement: fields.word("disagree", &disagreements, "stricter or later is wanted"),
        labelled: fields.table("labelled", |fields| Labelled {
            resource: resource(fields, "resource"),
            label: naming(fields, "label"),
            search: search(fields, "search"),
        }),
        contained: fields.table("contained", |fields| Contained {
            resource: resource(fields, "resource"),
            label: naming(fields, "label"),
            marker: fields.text("marker"),
        }),
        dated: fields.table("dated", |fields| Dated {
            resource: resource(fields, "resource"),
            start: day(fields, "start"),
            end: day(fields, "end"),
        }),
        related: fields.table("related", linked),
        authored: fields.table("authored", linked),
        include: fields.table("include", |fields| Included {
            search: search(fields, "search"),
            resource: resource(fields, "resource"),
        }),
    }
}

fn linked(fields: &mut Fields<'_>) -> Linked {
    Linked { resource: resource(fields, "resource"), to: resource(fields, "to") }
}

fn break_glass(fields: &mut Fields<'_>) -> BreakGlass {
    let headers = fields.pairs("headers");
    let plain = |(name, value): &(String, String)| {
        name.parse::<http::HeaderName>().is_ok() && value.parse::<http::HeaderValue>().is_ok()
    };
    if !headers.iter().all(plain) {
        fields.wrong("headers", "names and values of headers are wanted");
    }
    BreakGlass { actor: fields.text("actor"), headers, purpose: fields.text("purpose") }
}
