//! What of the Bundle the message does not carry: listed as losses, or refused when the rest would be read otherwise.
//!
//! An object of which nothing is carried is one loss. Of one that is carried in part, each further element is a loss;
//! a modifier among them is dangerous, since it changes what is carried.

use fhir::json::{Kind, Node};
use fhir::security_label::{Confidentiality, SecurityLabel};
use fhir::tables::{TypeId, element, resource_type};

use super::document::plain;
use super::map::{Message, Need, Status, Tables};
use super::source::{Held, Source, Touch};
use super::unsent::{Danger, Unsent};
use crate::{Loss, Severity, Why};

const ABSENT: &str = "http://hl7.org/fhir/StructureDefinition/data-absent-reason";

/// Elements that say nothing about anybody.
const TECHNICAL: [&str; 4] = ["resourceType", "id", "versionId", "lastUpdated"];

/// Resources that are about the exchange itself.
const ASIDE: [&str; 3] = ["Provenance", "OperationOutcome", "MessageHeader"];

/// What comes of not saying a modifier.
enum Harm {
    None,
    Loss,
    Danger,
}

struct Survey<'s, 'b> {
    source: &'s Source<'b>,
    tables: &'s Tables,
    losses: Vec<Loss>,
}

/// Lists what is not carried.
pub(super) fn losses(source: &Source<'_>, tables: &Tables, message: &Message) -> Result<Vec<Loss>, Unsent> {
    let mut survey = Survey { source, tables, losses: Vec::new() };
    // Statuses first: what a resource may be sent with is not lost.
    for held in source.held.iter().filter(|held| source.is_sent(held.node)) {
        survey.person(held)?;
        for status in tables.statuses.iter().chain(&message.statuses) {
            survey.status(held, status)?;
        }
    }
    for held in &source.held {
        let kind = resource_type(&held.kind).ok_or(Unsent::NotABundle)?;
        let place = source.name(held);
        if !source.has_carried(held.node) {
            let severity = if ASIDE.contains(&&*held.kind) {
                Severity::Trivial
            } else {
                survey.severity(&held.kind, &[])
            };
            let severity = match &*held.kind {
                "Binary" => Severity::Major,
                // Its content stands in the message from elsewhere.
                "DocumentReference" if survey.is_content_told(held) => Severity::Minor,
                _ => severity,
            };
            let why = source.first_remark(held.node).unwrap_or(Why::NotMapped);
            survey.losses.push(Loss { place, why, severity });
            continue;
        }
        survey.labels(held)?;
        let mut names = vec![kind.name()];
        survey.object(held.node, Some(kind), &place, &mut names)?;
    }
    Ok(survey.losses)
}

/// The resources of which nothing is carried, and those that stand at `left_out`.
pub(super) fn untold(source: &Source<'_>, left_out: &[usize]) -> Vec<String> {
    let is_untold = |held: &&Held<'_>| {
        !ASIDE.contains(&&*held.kind)
            && (left_out.contains(&held.node.offset()) || !source.has_carried(held.node))
    };
    let name = |held: &Held<'_>| Some(format!("{}/{}", held.kind, held.node.member("id")?.string()?));
    source.held.iter().filter(is_untold).filter_map(name).collect()
}

impl<'b> Survey<'_, 'b> {
    /// That a resource in the message is about its person.
    fn person(&self, held: &Held<'b>) -> Result<(), Unsent> {
        let frames = vec![(held.kind.clone().into_owned(), held.node)];
        for (path, need) in self.tables.persons.iter().filter(|(path, _)| held.kind == path.root) {
            let references = self.source.find(path, &frames, Touch::Look)?;
            let of_patient = |reference: &Node<'b>| {
                self.source.target(*reference).is_some_and(|held| held.kind == "Patient")
            };
            if references.is_empty() && *need == Need::Optional {
                continue;
            }
            if references.is_empty() || !references.iter().all(of_patient) {
                return Err(Unsent::OtherPerson { place: self.source.name(held) });
            }
            references.iter().for_each(|reference| self.source.mark_reference(*reference));
        }
        Ok(())
    }

    /// That a resource in the message has a status that it may have there.
    fn status(&self, held: &Held<'b>, status: &Status) -> Result<(), Unsent> {
        if held.kind != status.path.root {
            return Ok(());
        }
        let frames = vec![(status.path.root.clone(), held.node)];
        let found = self.source.find(&status.path, &frames, Touch::Look)?;
        let dangerous =
            |offset| Unsent::Dangerous { place: self.source.place_at(offset), why: Danger::Status };
        if found.is_empty() && !status.values.iter().any(|value| value == "-") {
            return Err(dangerous(held.node.offset()));
        }
        for node in &found {
            let own = status.values.iter().find(|value| node.is_string(value.trim_end_matches('!')));
            match own {
                Some(value) if value.ends_with('!') => {
                    self.source.remark(*node, Why::Narrowed, Severity::Major)
                }
                Some(_) => {}
                // The sender's own code beside one that is known.
                None if found.len() > 1
                    && found.iter().any(|node| status.values.iter().any(|value| node.is_string(value))) => {}
                None => return Err(dangerous(node.offset())),
            }
        }
        if let (Some(super::path::Step::Member(first)), false) = (status.path.steps.first(), found.is_empty())
            && let Some(whole) = held.node.member(first)
        {
            self.source.mark(whole);
        }
        Ok(())
    }

    /// That no mark of protection is lost while what it protects is sent.
    fn labels(&self, held: &Held<'b>) -> Result<(), Unsent> {
        let labels =
            held.node.walk(&["meta", "security"]).chain(held.node.walk(&["securityLabel", "coding"]));
        for label in labels {
            let said = |name| label.member(name).and_then(Node::string).unwrap_or_default();
            let read = SecurityLabel::new(&said("system"), &said("code"));
            let protects = |label: &SecurityLabel| {
                label.sensitivity().is_some()
                    || label.confidentiality().is_some_and(|degree| degree > Confidentiality::Normal)
            };
            let protects = protects(&read) || read.meant_to_protect().is_some();
            if protects && !self.source.has_carried(label) && !self.source.is_shielded(held) {
                return Err(Unsent::Dangerous {
                    place: self.source.place_at(label.offset()),
                    why: Danger::Label,
                });
            }
        }
        Ok(())
    }

    /// Lists what of `node` is not carried, though something of it is.
    fn object(
        &mut self,
        node: Node<'b>,
        kind: Option<TypeId>,
        place: &str,
        names: &mut Vec<&'static str>,
    ) -> Result<(), Unsent> {
        if self.source.is_carried(node) {
            return self.remarked(node, place);
        }
        if let Some((why, Some(severity))) = self.source.remark_of(node) {
            self.losses.push(Loss { place: place.to_owned(), why, severity });
        }
        for (key, value) in node.members() {
            let key = key.text();
            if TECHNICAL.contains(&&*key) {
                continue;
            }
            if names.len() == 1 && key == "text" {
                // A narrative says what the elements say.
                self.losses.push(Loss {
                    place: format!("{place}.text"),
                    why: Why::NotMapped,
                    severity: Severity::Trivial,
                });
                continue;
            }
            let beside = key.strip_prefix('_');
            let known = kind.and_then(|kind| element(kind, beside.unwrap_or(&key)));
            let Some(element) = known else {
                return Err(Unsent::Dangerous { place: format!("{place}.?"), why: Danger::Unknown });
            };
            let name = element.key();
            let place = format!("{place}.{name}");
            names.push(name);
            if beside.is_some() {
                self.extensions(value, &place, names);
            } else if self.weighs(&element, names) && !self.source.has_carried(value) {
                match self.harm(value, names) {
                    Harm::None => {}
                    Harm::Loss => self.value(value, element.child_type(), &place, names)?,
                    Harm::Danger => return Err(Unsent::Dangerous { place, why: Danger::Modifier }),
                }
            } else if value.kind() == Kind::Array && self.source.is_carried(value) {
                // All of it was said by where the other elements stand.
            } else if value.kind() == Kind::Array {
                for (index, item) in value.items().enumerate().filter(|(_, item)| !item.is_null()) {
                    self.value(item, element.child_type(), &format!("{place}[{index}]"), names)?;
                }
            } else {
                self.value(value, element.child_type(), &place, names)?;
            }
            names.pop();
        }
        Ok(())
    }

    fn value(
        &mut self,
        value: Node<'b>,
        kind: Option<TypeId>,
        place: &str,
        names: &mut Vec<&'static str>,
    ) -> Result<(), Unsent> {
        if self.source.has_carried(value) {
            return self.object(value, kind, place, names);
        }
        if self.is_quiet(value, names) || self.is_told(value, names) {
            return Ok(());
        }
        if names.last() == Some(&"meta") {
            return self.object(value, kind, place, names);
        }
        let (why, severity) = match self.source.remark_of(value) {
            Some((why, severity)) => (why, severity.unwrap_or_else(|| self.severity_of(names))),
            None if self.source.has_remark(value) => return self.remarked(value, place),
            None => (Why::NotMapped, self.severity_of(names)),
        };
        self.losses.push(Loss { place: place.to_owned(), why, severity });
        Ok(())
    }

    /// Lists what was noted about `node` and what is in it.
    fn remarked(&mut self, node: Node<'b>, place: &str) -> Result<(), Unsent> {
        if let Some((why, severity)) = self.source.remark_of(node) {
            // What one version has no place for may stand elsewhere.
            if let Some(severity) = severity {
                self.losses.push(Loss { place: place.to_owned(), why, severity });
            } else if !self.source.has_carried(node) {
                let severity = Severity::Major;
                self.losses.push(Loss { place: place.to_owned(), why, severity });
            }
            return Ok(());
        }
        if !self.source.has_remark(node) {
            return Ok(());
        }
        let inner = node.members().map(|(_, value)| value).chain(node.items());
        for value in inner.filter(|value| self.source.has_remark(*value)) {
            self.remarked(value, &self.source.place_at(value.offset()))?;
        }
        Ok(())
    }

    /// Extensions of a simple value: why it is absent is no loss.
    fn extensions(&mut self, value: Node<'b>, place: &str, names: &[&'static str]) {
        let of_items = value.items().flat_map(|item| item.walk(&["extension"]));
        let extensions = value.walk(&["extension"]).chain(of_items);
        let lost = extensions.filter(|extension| {
            !extension.member("url").is_some_and(|url| url.is_string(ABSENT))
                && !self.source.has_carried(*extension)
        });
        if lost.count() > 0 {
            let severity = self.severity(names.first().copied().unwrap_or_default(), names);
            self.losses.push(Loss { place: format!("{place}.extension"), why: Why::NotMapped, severity });
        }
    }

    /// Whether the content of the document says what a section of it says.
    fn is_told(&self, section: Node<'b>, names: &[&'static str]) -> bool {
        if names != ["Composition", "section"] || section.member("section").is_some() {
            return false;
        }
        let mut entries = section.walk(&["entry"]).peekable();
        let sent = |entry| self.source.target(entry).is_some_and(|held| self.source.is_sent(held.node));
        let text = section.walk(&["text", "div"]).find_map(Node::string);
        let told = text.is_none_or(|div| plain(&div).is_some_and(|text| self.source.has_written(&text)));
        entries.peek().is_some() && entries.all(sent) && told
    }

    /// Whether all attachments of a document were written, as those of another resource.
    fn is_content_told(&self, held: &Held<'b>) -> bool {
        let mut urls = held.node.walk(&["content", "attachment", "url"]).peekable();
        urls.peek().is_some() && urls.all(|url| url.string().is_some_and(|url| self.source.has_written(&url)))
    }

    /// Whether where the resource stands says this, or nobody is told anything by it.
    fn is_quiet(&self, value: Node<'b>, names: &[&'static str]) -> bool {
        let written = names.join(".");
        let absent = || {
            let mut extensions = value.walk(&["extension"]).peekable();
            value.len() == 1
                && extensions.peek().is_some()
                && extensions
                    .all(|extension| extension.member("url").is_some_and(|url| url.is_string(ABSENT)))
        };
        self.tables.quiet.iter().any(|quiet| {
            *quiet == written || quiet.strip_prefix('*').is_some_and(|end| written.ends_with(end))
        }) || absent()
            || value.member("url").is_some_and(|url| url.is_string(ABSENT))
    }

    /// Whether an element changes what is beside it.
    fn weighs(&self, element: &fhir::tables::Element, names: &[&'static str]) -> bool {
        let written = names.join(".");
        element.is_modifier() || self.tables.never.contains(&written)
    }

    /// What is lost with a modifier.
    fn harm(&self, value: Node<'b>, names: &[&'static str]) -> Harm {
        let written = names.join(".");
        let harmless = |text: &str| {
            value.is_string(text)
                || value.boolean().is_some_and(|held| text == if held { "true" } else { "false" })
        };
        let found = self.tables.harmless.iter().filter(|(element, _)| {
            *element == written || element.strip_prefix('*').is_some_and(|end| written.ends_with(end))
        });
        if value.is_empty() && value.kind() == Kind::Array {
            return Harm::None;
        }
        let mut values = found.flat_map(|(_, values)| values);
        match values.find(|text| harmless(text.trim_end_matches('!'))) {
            Some(text) if text.ends_with('!') => Harm::Loss,
            Some(_) => Harm::None,
            None => Harm::Danger,
        }
    }

    fn severity_of(&self, names: &[&'static str]) -> Severity {
        self.severity(names.first().copied().unwrap_or_default(), names)
    }

    fn severity(&self, kind: &str, names: &[&'static str]) -> Severity {
        let mut written = names.join(".");
        loop {
            let exact = self.tables.losses.iter().find(|(element, _)| {
                *element == written || element.strip_prefix('*').is_some_and(|end| written.ends_with(end))
            });
            if let Some((_, severity)) = exact {
                return *severity;
            }
            match written.rsplit_once('.') {
                Some((outer, _)) => written = outer.to_owned(),
                None if written == kind => return Severity::Major,
                None => written = kind.to_owned(),
            }
        }
    }
}
