//! Codes and identifiers as CDA has them: CD, CE, CS and II.

use fhir::identifier::{NHS_NUMBER, URI};
use fhir::json::Node;

use super::engine::Run;
use super::profile::Unsaid;
use super::source::absence;
use super::xml::Element;
use crate::cda::codes::{is_oid, is_uuid};
use crate::cda::identifier::{TRACED, UNTRACED};
use crate::{Severity, Why};

/// The name space of URIs that are no OIDs or UUIDs.
const URIS: &str = "2.16.840.1.113883.4.873";
const VERIFICATION: &str = "Extension-UKCore-NHSNumberVerificationStatus";

impl<'b> Run<'_, 'b> {
    /// The OID or UUID by which CDA knows a system.
    pub(super) fn oid(&self, system: &str) -> Option<String> {
        let own = self.profile.systems.get(system).cloned();
        own.or_else(|| self.maps.system(self.profile.flavour, system)).or_else(|| unprefixed(system))
    }

    /// A Coding as a code, or `None` when CDA has no way to say its system.
    pub(super) fn coding(&self, coding: Node<'b>) -> Option<Element> {
        let code = coding.member("code")?.string()?;
        if code.is_empty() || code.contains(char::is_whitespace) {
            return None;
        }
        let mut made = Element::value().with("code", code.into_owned());
        if let Some(system) = coding.member("system") {
            made.set("codeSystem", self.oid(&system.string()?)?);
            self.source.mark(system);
        }
        self.source.mark_member(coding, "code");
        if let Some(display) = self.source.take(coding, "display") {
            made.set("displayName", self.clean(coding, &display));
        }
        if made.attribute("codeSystem").is_some()
            && let Some(version) = self.source.take(coding, "version")
        {
            made.set("codeSystemVersion", self.clean(coding, &version));
        }
        Some(made)
    }

    /// A CodeableConcept or a Coding as a CD: its first code that CDA can say, the others as translations, its text.
    pub(super) fn concept(&self, node: Node<'b>) -> Option<Element> {
        let is_concept = node.member("coding").is_some() || node.member("text").is_some();
        let codings: Vec<Node<'b>> = if is_concept {
            node.member("coding").into_iter().flat_map(Node::items).collect()
        } else {
            vec![node]
        };
        let mut made: Option<Element> = None;
        let mut unsaid = Vec::new();
        for coding in codings {
            match (self.coding(coding), &mut made) {
                (Some(code), None) => made = Some(code),
                (Some(mut code), Some(made)) => {
                    code.name = "translation".to_owned();
                    made.add(code);
                }
                (None, _) => unsaid.push(coding),
            }
        }
        let mut text = self.source.take(node, "text").map(|text| self.clean(node, &text));
        let severity = if made.is_some() { Severity::Minor } else { Severity::Major };
        for coding in unsaid {
            // The words of a code that has no place are still what was meant.
            let display =
                coding.member("display").and_then(Node::string).filter(|_| text.is_none() && made.is_none());
            if let Some(display) = display {
                text = Some(self.clean(coding, &display));
                self.source.mark(coding);
                self.source.remark(coding, Why::NotOfType, Severity::Minor);
            } else if coding.member("code").is_some() {
                self.source.remark(coding, Why::NotOfType, severity);
            }
        }
        if made.is_none() && text.is_none() {
            return self.absent(node);
        }
        let mut made = made.unwrap_or_else(|| Element::value().with("nullFlavor", "OTH"));
        if let Some(text) = text {
            made.add(Element::new("originalText").saying(text));
        }
        Some(made)
    }

    /// Why there is no value, as a null flavour.
    pub(super) fn absent(&self, node: Node<'b>) -> Option<Element> {
        let flavour = self.null_flavour(&absence(node)?)?;
        self.source.mark(node);
        Some(Element::value().with("nullFlavor", flavour))
    }

    /// The null flavour for a data-absent-reason.
    pub(super) fn null_flavour(&self, reason: &str) -> Option<String> {
        self.maps.code("null-flavor", reason).map(|target| target.code.clone())
    }

    /// The code of `node` by a map: of a string, a Coding, or the first coding that the map knows.
    pub(super) fn mapped(&self, node: Node<'b>, map: &str) -> Option<Element> {
        let own = node.string();
        let codings: Vec<Node<'b>> = match (&own, node.member("coding")) {
            (Some(_), _) => vec![node],
            (None, Some(codings)) => codings.items().collect(),
            (None, None) => vec![node],
        };
        let code_of = |held: Node<'b>| held.string().or_else(|| held.member("code")?.string());
        let found =
            codings.iter().find_map(|coding| Some((*coding, self.maps.code(map, &code_of(*coding)?)?)));
        let (coding, target) = found?;
        if target.code == "-" {
            return None;
        }
        if target.is_broader {
            self.source.remark(node, Why::Narrowed, Severity::Major);
        }
        self.source.mark(coding);
        if let Some(flavour) = target.code.strip_prefix("null:") {
            return Some(Element::value().with("nullFlavor", flavour));
        }
        let mut made = Element::value().with("code", target.code.as_str());
        if let Some(system) = &target.system {
            made.set("codeSystem", system.clone());
        }
        if !target.display.is_empty() {
            made.set("displayName", target.display.clone());
        }
        Some(made)
    }

    /// An Identifier as an II.
    pub(super) fn identifier(&self, node: Node<'b>) -> Option<Element> {
        let use_said = node.member("use").and_then(Node::string);
        if use_said.is_some_and(|held| held == "old") {
            return None;
        }
        let value = node.member("value").and_then(Node::string)?;
        let system = node.member("system").and_then(Node::string)?;
        let made = match &*system {
            NHS_NUMBER => {
                Element::value().with("root", self.nhs_root(node)).with("extension", self.clean(node, &value))
            }
            URI => match unprefixed(&value) {
                Some(root) => Element::value().with("root", root),
                None => Element::value().with("root", URIS).with("extension", self.clean(node, &value)),
            },
            system => {
                let Some(root) = self.oid(system) else {
                    self.source.remark(node, Why::NotOfType, Severity::Major);
                    return None;
                };
                Element::value().with("root", root).with("extension", self.clean(node, &value))
            }
        };
        self.source.mark_member(node, "value");
        self.source.mark_member(node, "system");
        let assigner = node.member("assigner").and_then(|assigner| self.source.take(assigner, "display"));
        Some(match assigner {
            Some(assigner) => made.with("assigningAuthorityName", self.clean(node, &assigner)),
            None => made,
        })
    }

    /// Whether a number was traced is said by the root that it stands under.
    fn nhs_root(&self, node: Node<'b>) -> &'static str {
        let mut extensions = node.walk(&["extension"]);
        let status = extensions.find(|held| {
            let url = held.member("url").and_then(Node::string);
            url.is_some_and(|url| url.rsplit('/').next().is_some_and(|name| name.starts_with(VERIFICATION)))
        });
        let Some(status) = status else {
            return match self.profile.unsaid {
                Unsaid::Verified => TRACED,
                Unsaid::Unverified => UNTRACED,
            };
        };
        let mut codes = status.walk(&["valueCodeableConcept", "coding", "code"]);
        match codes.find_map(Node::string).as_deref() {
            Some("01") => {
                self.source.mark(status);
                TRACED
            }
            Some("02") => {
                self.source.mark(status);
                UNTRACED
            }
            Some(_) | None => {
                self.source.mark(status);
                self.source.remark(status, Why::Narrowed, Severity::Minor);
                UNTRACED
            }
        }
    }
}

/// The OID or UUID that a URN names.
fn unprefixed(urn: &str) -> Option<String> {
    let oid = urn.strip_prefix("urn:oid:").filter(|oid| is_oid(oid));
    let uuid = || urn.strip_prefix("urn:uuid:").filter(|uuid| is_uuid(uuid));
    oid.or_else(uuid).map(str::to_owned)
}
