//! One value of the document into one value of FHIR.

use base64::Engine as _;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};

use super::conversion::{Conversion, Simple};
use super::engine::Draft;
use super::source::Element;
use crate::tree::{Node, Object};
use crate::{Severity, Why};

/// A converted value, and its type where an element takes several.
pub(super) struct Made {
    pub(super) kind: &'static str,
    pub(super) node: Node,
}

impl Made {
    pub(super) fn of(kind: &'static str, node: Node) -> Self {
        Self { kind, node }
    }
}

impl<'x, 't> Draft<'x, 't> {
    /// Converts what was found, or says why not by leaving it unmarked.
    pub(super) fn convert(
        &mut self,
        found: Element<'t>,
        attribute: Option<&str>,
        conversion: &'x Conversion,
    ) -> Option<Made> {
        let known = self.known;
        match conversion {
            Conversion::Part(rule) => self.part(rule, found).map(|part| Made::of("", part.into())),
            Conversion::Resource(rule) => self.resource(rule, found).map(|made| Made::of("Reference", made)),
            Conversion::Section => self.section(found).map(|section| Made::of("", section.into())),
            // An entry may become several resources; the engine asks for them itself.
            Conversion::Statement => None,
            Conversion::Noted(Some(map)) => {
                known.code(found, attribute, map);
                None
            }
            Conversion::Noted(None) => {
                for held in found.attributes() {
                    held.carried.set(held.carried.get() || attribute.is_none_or(|name| name == held.name));
                }
                None
            }
            Conversion::Narrative => super::narrative::narrative(found).map(|text| Made::of("", text)),
            Conversion::Concept(map) => {
                let made = known.concept(found, map.as_deref())?;
                Some(Made::of("CodeableConcept", made))
            }
            Conversion::Only(map) => {
                let coding = known.mapped(found, attribute, map)?;
                let concept = Object::new().with("coding", Node::List(vec![coding.into()]));
                Some(Made::of("CodeableConcept", concept.into()))
            }
            Conversion::Code(map) => known.code(found, attribute, map).map(|code| Made::of("Code", code)),
            Conversion::Coding(map) if map.is_empty() => {
                known.coding(found).map(|coding| Made::of("Coding", coding.into()))
            }
            Conversion::Coding(map) => {
                known.mapped(found, attribute, map).map(|coding| Made::of("Coding", coding.into()))
            }
            Conversion::Simple(simple) => self.primitive(found, attribute, *simple),
            Conversion::When => known.when(found),
            Conversion::Period => known.period(found).map(|period| Made::of("Period", period)),
            Conversion::Timing => known.timing(found).map(|timing| Made::of("Timing", timing)),
            Conversion::Identifier => known.identifier(found).map(|made| Made::of("Identifier", made)),
            Conversion::Quantity => known.quantity(found).map(|made| Made::of("Quantity", made.into())),
            Conversion::Age => known.age(found).map(|age| Made::of("Age", age)),
            Conversion::Range => known.range(found).map(|range| Made::of("Range", range)),
            Conversion::Value => known.value(found),
            Conversion::Name => known.name(found).map(|name| Made::of("HumanName", name)),
            Conversion::Address => known.address(found).map(|address| Made::of("Address", address)),
            Conversion::Telecom => known.telecom(found).map(|point| Made::of("ContactPoint", point)),
            Conversion::Annotation => {
                let text = known.words(found)?;
                Some(Made::of("Annotation", Object::new().with("text", Node::Text(text)).into()))
            }
            Conversion::Attachment => {
                let content = if found.name() == "nonXMLBody" { found.child("text")? } else { found };
                attachment(content).map(|made| Made::of("Attachment", made))
            }
        }
    }

    fn primitive(&self, found: Element<'t>, attribute: Option<&str>, simple: Simple) -> Option<Made> {
        let known = self.known;
        let name = attribute.unwrap_or("value");
        match simple {
            Simple::Text => {
                let text = match attribute {
                    Some(name) => found.take(name).map(str::to_owned),
                    None => known.words(found).or_else(|| found.take("value").map(str::to_owned)),
                };
                text.map(|text| Made::of("String", Node::Text(text)))
            }
            Simple::Language => known.language(found).map(|code| Made::of("Code", Node::Text(code))),
            Simple::Boolean => {
                let said = match found.peek(name)? {
                    "true" | "1" => "true",
                    "false" | "0" => "false",
                    _ => {
                        found.remark(Some("value"), Why::NotOfType, Severity::Major);
                        return None;
                    }
                };
                found.mark(&[name]);
                Some(Made::of("Boolean", Node::Bare(said.to_owned())))
            }
            Simple::Integer => match super::quantity::integer(found.peek(name)?) {
                Some(number) => {
                    found.mark(&[name]);
                    Some(Made::of("Integer", Node::Bare(number)))
                }
                None => {
                    found.remark(Some("value"), Why::NotOfType, Severity::Minor);
                    None
                }
            },
            Simple::Date => {
                let moment = known.moment(found, attribute)?;
                Some(Made::of("Date", Node::Text(moment.date)))
            }
            Simple::DateTime => known.date_time(found, attribute).map(|time| Made::of("DateTime", time)),
            // An instant has a time of day; a date alone has no place here.
            Simple::Instant => {
                found.peek(name).filter(|text| text.len() > 10)?;
                known.date_time(found, attribute).map(|time| Made::of("Instant", time))
            }
        }
    }
}

/// An ED as an Attachment.
fn attachment(element: Element<'_>) -> Option<Node> {
    const LENIENT: GeneralPurpose = GeneralPurpose::new(
        &base64::alphabet::STANDARD,
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
    );
    let mut made = Object::new();
    if let Some(kind) = element.take("mediaType") {
        made.put("contentType", Node::text(kind));
    }
    let unreadable = || {
        element.remark(None, Why::DocumentUnreadable, Severity::Major);
        None
    };
    if element.peek("compression").is_some() {
        return unreadable();
    }
    if element.peek("representation") == Some("B64") {
        let written: String = element.peek_text()?.split(' ').collect();
        let Ok(bytes) = LENIENT.decode(written) else { return unreadable() };
        element.text();
        // What is not said to be anything may be anything (`att-1`).
        if made.find("contentType").is_none() {
            made.put("contentType", Node::text("application/octet-stream"));
        }
        made.put("data", Node::Text(STANDARD.encode(bytes)));
    } else if let Some(url) = element.child("reference").and_then(|reference| reference.take("value")) {
        made.put("url", Node::text(url));
    } else {
        let text = element.text()?;
        if made.find("contentType").is_none() {
            made.put("contentType", Node::text("text/plain; charset=utf-8"));
        }
        made.put("data", Node::Text(STANDARD.encode(text)));
    }
    Some(made.into())
}
