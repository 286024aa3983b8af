//! What of the Bundle the document does not carry: listed as losses, or refused when the rest would be read otherwise.
//!
//! A resource of which nothing is carried is one loss. Of an object that is carried in part, each further element is a loss;
//! a modifier among them is dangerous, since it changes what is carried.

use fhir::json::{Kind, Node};
use fhir::tables::{Element, TypeId, element, resource_type};

use super::source::{ABSENT, Held, Source};
use super::table::Tables;
use super::unwritten::{Danger, Unwritten};
use crate::{Loss, Severity, Why};

/// Elements that say nothing about anybody.
const TECHNICAL: [&str; 2] = ["resourceType", "id"];

struct Survey<'s, 'b> {
    source: &'s Source<'b>,
    tables: &'s Tables,
    losses: Vec<Loss>,
}

/// Where an element stands: for people, and for the tables.
struct Place<'p> {
    written: &'p str,
    /// The resource type and the elements below it.
    names: &'p str,
}

/// Lists what is not carried.
pub(super) fn losses(source: &Source<'_>, tables: &Tables) -> Result<Vec<Loss>, Unwritten> {
    let mut survey = Survey { source, tables, losses: Vec::new() };
    survey.bundle()?;
    for held in &source.held {
        survey.resource(held)?;
    }
    Ok(survey.losses)
}

impl<'s, 'b> Survey<'s, 'b> {
    fn bundle(&mut self) -> Result<(), Unwritten> {
        for (key, value) in self.source.root.members() {
            let key = key.text();
            let severity = match &*key {
                "resourceType" | "id" | "type" | "entry" | "meta" => continue,
                "timestamp" => Severity::Trivial,
                "identifier" if self.source.has_carried(value) => continue,
                "identifier" | "signature" | "link" | "total" => Severity::Minor,
                "implicitRules" => {
                    let place = "Bundle.implicitRules".to_owned();
                    return Err(Unwritten::Dangerous { place, why: Danger::Modifier });
                }
                _ => Severity::Trivial,
            };
            let name = resource_type("Bundle").and_then(|kind| element(kind, key.trim_start_matches('_')));
            let Some(name) = name else {
                return Err(Unwritten::Dangerous { place: "Bundle.?".to_owned(), why: Danger::Unknown });
            };
            self.losses.push(Loss { place: format!("Bundle.{}", name.key()), why: Why::NotMapped, severity });
        }
        Ok(())
    }

    fn resource(&mut self, held: &Held<'b>) -> Result<(), Unwritten> {
        let kind = resource_type(&held.kind).ok_or(Unwritten::NotADocument)?;
        let place = self.source.name(held);
        if !self.source.has_carried(held.node) {
            let is_aside = self.tables.aside.iter().any(|aside| *aside == held.kind);
            let severity = if is_aside { Severity::Trivial } else { self.severity(kind.name()) };
            self.losses.push(Loss { place, why: Why::NotMapped, severity });
            return Ok(());
        }
        self.object(held.node, Some(kind), &Place { written: &place, names: kind.name() })
    }

    /// Lists what of `node` is not carried, though something of it is.
    fn object(&mut self, node: Node<'b>, kind: Option<TypeId>, place: &Place<'_>) -> Result<(), Unwritten> {
        self.remarked(node, place);
        if self.source.is_carried(node) {
            return self.inside(node, place);
        }
        let kind =
            node.member("resourceType").and_then(Node::string).and_then(|name| resource_type(&name)).or(kind);
        for (key, value) in node.members() {
            let key = key.text();
            if TECHNICAL.contains(&&*key) {
                continue;
            }
            let beside = key.strip_prefix('_');
            let known = kind.and_then(|kind| element(kind, beside.unwrap_or(&key)));
            let Some(element) = known else {
                return Err(Unwritten::Dangerous {
                    place: format!("{}.?", place.written),
                    why: Danger::Unknown,
                });
            };
            let name = element.key();
            let names = format!("{}.{name}", place.names);
            let written = format!("{}.{name}", place.written);
            let place = Place { written: &written, names: &names };
            if beside.is_some() {
                self.extensions(value, &place);
            } else if self.weighs(&element, kind, &names) && !self.source.has_carried(value) {
                self.modifier(value, element.child_type(), &place)?;
            } else {
                self.each(value, element.child_type(), &place)?;
            }
        }
        Ok(())
    }

    fn each(&mut self, value: Node<'b>, kind: Option<TypeId>, place: &Place<'_>) -> Result<(), Unwritten> {
        if value.kind() != Kind::Array {
            return self.value(value, kind, place);
        }
        for (index, item) in value.items().enumerate().filter(|(_, item)| !item.is_null()) {
            let written = format!("{}[{index}]", place.written);
            self.value(item, kind, &Place { written: &written, names: place.names })?;
        }
        Ok(())
    }

    fn value(&mut self, value: Node<'b>, kind: Option<TypeId>, place: &Place<'_>) -> Result<(), Unwritten> {
        if self.source.has_carried(value) {
            return self.object(value, kind, place);
        }
        let before = self.losses.len();
        if self.source.has_remark(value) {
            self.remarked(value, place);
            self.inside(value, place)?;
        }
        if self.losses.len() == before && !self.is_quiet(value, place.names) {
            let severity = self.severity(place.names);
            self.losses.push(Loss { place: place.written.to_owned(), why: Why::NotMapped, severity });
        }
        Ok(())
    }

    /// A modifier that is not carried.
    fn modifier(
        &mut self,
        value: Node<'b>,
        kind: Option<TypeId>,
        place: &Place<'_>,
    ) -> Result<(), Unwritten> {
        if value.kind() == Kind::Array && value.is_empty() {
            return Ok(());
        }
        match self.plain(value, place.names) {
            Some(text) if text.ends_with('!') => self.each(value, kind, place),
            Some(_) => Ok(()),
            None => Err(Unwritten::Dangerous { place: place.written.to_owned(), why: Danger::Modifier }),
        }
    }

    /// The word of the table for a value that says only what a reader takes for granted.
    fn plain(&self, value: Node<'b>, names: &str) -> Option<&'s str> {
        let codes: Vec<_> = value.walk(&["coding", "code"]).chain(Some(value)).collect();
        let plain = self.tables.plain.iter().filter(|(element, _)| is_of(element, names));
        let mut values = plain.flat_map(|(_, values)| values);
        let found = values.find(|text| {
            let word = text.trim_end_matches('!');
            codes.iter().any(|code| {
                let bare = code.boolean().map(|held| if held { "true" } else { "false" });
                code.is_string(word) || bare == Some(word)
            })
        });
        found.map(String::as_str)
    }

    /// What was noted about `node` itself.
    fn remarked(&mut self, node: Node<'b>, place: &Place<'_>) {
        for (why, severity) in self.source.remarks_of(node) {
            self.losses.push(Loss { place: place.written.to_owned(), why, severity });
        }
    }

    /// What was noted about what is in `node`.
    fn inside(&mut self, node: Node<'b>, place: &Place<'_>) -> Result<(), Unwritten> {
        if !self.source.has_remark(node) {
            return Ok(());
        }
        for (key, value) in node.members().filter(|(_, value)| self.source.has_remark(*value)) {
            let kind = key.text();
            let plain =
                kind.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') && kind.len() < 64;
            let written = format!("{}.{}", place.written, if plain { &*kind } else { "?" });
            let inner = Place { written: &written, names: place.names };
            if value.kind() == Kind::Array {
                for (index, item) in value.items().enumerate() {
                    let written = format!("{written}[{index}]");
                    let inner = Place { written: &written, names: place.names };
                    self.remarked(item, &inner);
                    self.inside(item, &inner)?;
                }
            } else {
                self.remarked(value, &inner);
                self.inside(value, &inner)?;
            }
        }
        Ok(())
    }

    /// Extensions of a simple value: why it is absent is no loss.
    fn extensions(&mut self, value: Node<'b>, place: &Place<'_>) {
        if self.source.is_carried(value) {
            return;
        }
        let of_items = value.items().flat_map(|item| item.walk(&["extension"]));
        let extensions = value.walk(&["extension"]).chain(of_items);
        let lost =
            extensions.filter(|extension| !is_absence(*extension) && !self.source.has_carried(*extension));
        if lost.count() > 0 {
            let severity = self.severity(place.names);
            let place = format!("{}.extension", place.written);
            self.losses.push(Loss { place, why: Why::NotMapped, severity });
        }
    }

    /// Whether where the resource stands says this, or nobody is told anything by it.
    fn is_quiet(&self, value: Node<'b>, names: &str) -> bool {
        let is_said = self.tables.quiet.iter().any(|quiet| is_of(quiet, names));
        let mut extensions = value.walk(&["extension"]).peekable();
        let absent = value.len() == 1 && extensions.peek().is_some() && extensions.all(is_absence);
        let plain = self.plain(value, names).is_some_and(|word| !word.ends_with('!'));
        is_said || plain || absent || is_absence(value)
    }

    /// Whether an element changes what is beside it.
    fn weighs(&self, element: &Element, kind: Option<TypeId>, names: &str) -> bool {
        let typed = kind.map(|kind| format!("{}.{}", kind.name(), element.key()));
        let is_never = |name: &str| self.tables.never.iter().any(|never| never == name);
        element.is_modifier() || is_never(names) || typed.is_some_and(|typed| is_never(&typed))
    }

    fn severity(&self, names: &str) -> Severity {
        let mut open = names;
        loop {
            if let Some((_, severity)) = self.tables.losses.iter().find(|(element, _)| is_of(element, open)) {
                return *severity;
            }
            match open.rsplit_once('.') {
                Some((outer, _)) => open = outer,
                None => return Severity::Major,
            }
        }
    }
}

/// Whether the names are those of the table, which may leave the beginning open.
fn is_of(element: &str, names: &str) -> bool {
    element == names || element.strip_prefix('*').is_some_and(|end| names.ends_with(end))
}

fn is_absence(extension: Node<'_>) -> bool {
    extension.member("url").is_some_and(|url| url.is_string(ABSENT))
}
