//! Puts the resources of a record into a Bundle, each with its Provenance.

use super::build::{Build, Built, Went};
use super::convert::quote;
use super::plan::Plan;
use super::record::{Input, Scope};
use super::{Origin, Refused};
use crate::{Context, Translated, identity};

/// A record that was translated, with where its places went when that was asked for.
pub(super) struct Done {
    pub(super) translated: Translated,
    /// The places of the losses, one for each.
    pub(super) lost: Vec<usize>,
    pub(super) went: Vec<Went>,
    /// What was built: the resource of the mapping, and where its part of the record stands.
    pub(super) built: Vec<(usize, String)>,
}

/// Whether to remember where each place went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trace {
    No,
    Yes,
}

/// What is the same for every record of a file, as JSON.
#[derive(Debug)]
pub(super) struct Frame<'m> {
    pub(super) plan: &'m Plan,
    pub(super) context: &'m Context,
    /// From the Bundle's id to the value of its identifier, whose text goes on with the fragment.
    identifier: Vec<u8>,
    /// From there to the entries.
    rest: Vec<u8>,
    /// From the target of a Provenance to the place in the file.
    provenance: Vec<u8>,
}

impl<'m> Frame<'m> {
    pub(super) fn new(plan: &'m Plan, context: &'m Context, origin: &Origin) -> Self {
        let system = source_system(context.source());
        let mut document = Vec::new();
        quote(&origin.document, &mut document);
        document.pop();
        let mut identifier = b"\",\"identifier\":{\"system\":".to_vec();
        quote(&system, &mut identifier);
        identifier.extend_from_slice(b",\"value\":");
        identifier.extend_from_slice(&document);
        let received = origin.received.to_string();
        let rest =
            format!("\"}},\"type\":\"collection\",\"timestamp\":\"{received}\",\"entry\":[").into_bytes();
        let mut provenance = format!("\"}}],\"recorded\":\"{received}\",").into_bytes();
        provenance.extend_from_slice(b"\"agent\":[{\"who\":{");
        if let Some(organisation) = &context.organisation {
            provenance.extend_from_slice(b"\"identifier\":{\"system\":");
            quote(fhir::identifier::ODS_ORGANIZATION_CODE, &mut provenance);
            provenance.extend_from_slice(b",\"value\":");
            quote(organisation.as_str(), &mut provenance);
            provenance.extend_from_slice(b"},");
        }
        provenance.extend_from_slice(b"\"display\":");
        quote(context.source(), &mut provenance);
        provenance
            .extend_from_slice(b"}}],\"entity\":[{\"role\":\"source\",\"what\":{\"identifier\":{\"system\":");
        quote(&system, &mut provenance);
        provenance.extend_from_slice(b",\"value\":");
        provenance.extend_from_slice(&document);
        Self { plan, context, identifier, rest, provenance }
    }

    /// Translates one record.
    pub(super) fn translate(&self, input: Input<'_>, trace: Trace) -> Result<Done, Refused> {
        let zone = self.plan.zone.as_ref().unwrap_or(&self.context.zone);
        let mut build = Build::new(self.plan, input, zone, self.context.source());
        if trace == Trace::Yes {
            build = build.traced();
        }
        let mut entries = vec![b'['];
        let mut built = Vec::new();
        let mut key = String::new();
        build.resources(&mut entries, |one, out| {
            self.provenance(one, input, out);
            key.push_str(&one.id);
            if trace == Trace::Yes {
                built.push((one.resource, input.fragment(one.scope, &self.plan.selectors)));
            }
        })?;
        let fragment = input.fragment(Scope::Record, &self.plan.selectors);
        if key.is_empty() {
            return Err(Refused::NothingBuilt { place: fragment });
        }
        let id = identity::id(self.context.source(), &key, "Bundle");
        let mut bundle = Vec::with_capacity(entries.len() + 256);
        bundle.extend_from_slice(b"{\"resourceType\":\"Bundle\",\"id\":\"");
        bundle.extend_from_slice(id.as_bytes());
        bundle.extend_from_slice(&self.identifier);
        write_fragment(&fragment, &mut bundle);
        bundle.extend_from_slice(&self.rest);
        bundle.extend_from_slice(entries.get(1..).unwrap_or_default());
        bundle.extend_from_slice(b"]}");
        let (lost, losses) = build.losses().into_iter().unzip();
        let translated = Translated { id, bundle, losses };
        Ok(Done { translated, lost, went: build.take_trace(), built })
    }

    /// Appends where a resource comes from.
    fn provenance(&self, built: &Built, input: Input<'_>, out: &mut Vec<u8>) {
        // Two tables may speak of one resource: each has its own say about where that comes from.
        let key = format!("{}/{}", self.plan.name, built.id);
        let id = identity::id(self.context.source(), &key, "Provenance");
        out.extend_from_slice(b",{\"fullUrl\":\"urn:uuid:");
        out.extend_from_slice(id.as_bytes());
        out.extend_from_slice(b"\",\"resource\":{\"resourceType\":\"Provenance\",\"id\":\"");
        out.extend_from_slice(id.as_bytes());
        out.extend_from_slice(b"\",\"target\":[{\"reference\":\"urn:uuid:");
        out.extend_from_slice(built.id.as_bytes());
        out.extend_from_slice(&self.provenance);
        write_fragment(&input.fragment(built.scope, &self.plan.selectors), out);
        out.extend_from_slice(b"\"}");
        let mut names: Vec<usize> =
            built.used.iter().filter_map(|leaf| input.named(*leaf, &self.plan.selectors)).collect();
        names.sort_unstable();
        names.dedup();
        let mut display = String::new();
        for name in names.into_iter().filter_map(|name| self.plan.selectors.get(name)) {
            if !display.is_empty() {
                display.push_str(", ");
            }
            display.push_str(&name.written);
        }
        if !display.is_empty() {
            out.extend_from_slice(b",\"display\":");
            quote(&display, out);
        }
        out.extend_from_slice(b"}}]}}");
    }
}

/// A URI for the name of a source system, as the other adapters write it.
fn source_system(name: &str) -> String {
    let mut uri = "urn:id:".to_owned();
    for byte in name.trim().bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => uri.push(char::from(byte)),
            other => uri.push_str(&format!("%{other:02X}")),
        }
    }
    uri
}

/// Appends `#fragment` inside a JSON string.
fn write_fragment(fragment: &str, out: &mut Vec<u8>) {
    out.push(b'#');
    let start = out.len();
    quote(fragment, out);
    out.remove(start);
    out.pop();
}
