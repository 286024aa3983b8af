//! What of a Bundle may not be missing from the notice that is written of it, and the other way: without it the rest would be
//! read otherwise.
//!
//! A resource that the notice leaves out as a whole is a loss. Of one that it holds, a modifier element or a mark of protection
//! that it does not carry is dangerous, and so is a statement about somebody else than the person of the notice.

use fhir::security_label::{Confidentiality, SecurityLabel};
use fhir::tables::{self, TypeId};

use super::Fault;
use super::dom::Element;
use super::maps::Maps;
use super::walk::Outward;
use crate::whereabouts::INLINE;

/// Where a resource says whom it is about.
const ABOUT: [(&str, &str); 4] = [
    ("ServiceRequest", "subject"),
    ("Encounter", "subject"),
    ("Condition", "subject"),
    ("QuestionnaireResponse", "subject"),
];
/// The same in DSTU2.
const TAKEN_ABOUT: [(&str, &str); 4] = [
    ("ReferralRequest", "patient"),
    ("Encounter", "patient"),
    ("Condition", "patient"),
    ("QuestionnaireResponse", "subject"),
];
/// What a reader takes for granted where it is not said.
const PLAIN: [(&str, &str); 1] = [("doNotPerform", "false")];

/// That nothing dangerous of `root`, an R4 Bundle, is left out; `patient` is what the notice calls its person.
pub(super) fn check(root: &Element, patient: &str, outward: &Outward<'_>) -> Result<(), Fault> {
    let dangerous = |place: &str| Fault::Dangerous { place: place.to_owned() };
    if root.child("implicitRules").is_some() {
        return Err(dangerous("Bundle.implicitRules"));
    }
    labels(root, "Bundle")?;
    let resources = root.all("entry").filter_map(|entry| entry.child("resource"));
    for resource in resources.filter(|resource| !resource.is_told()) {
        let name = resource.kind();
        let Some(kind) = tables::resource_type(name) else { continue };
        if let Some((_, about)) = ABOUT.iter().find(|(held, _)| *held == name) {
            person(resource, about, patient, outward)?;
        }
        labels(resource, kind.name())?;
        inline(resource, kind.name())?;
        object(resource, kind, kind.name())?;
    }
    Ok(())
}

/// That nothing of `root`, a message that was read, is left out without which the rest would be read otherwise: a modifier, a
/// label of a part, or that something is about somebody else than `patient`, as the message calls its person.
pub(super) fn taken(root: &Element, patient: Option<&str>, maps: &Maps) -> Result<(), Fault> {
    labels(root, "Bundle")?;
    rules(root, "Bundle")?;
    for resource in root.all("entry").filter_map(|entry| entry.child("resource")) {
        let Some(known) = maps.resources.iter().find(|known| known.dstu2 == resource.kind()) else {
            continue;
        };
        if let Some((_, about)) = TAKEN_ABOUT.iter().find(|(held, _)| *held == known.dstu2)
            && resource.at(&[about, "reference"]).is_some_and(|to| Some(to) != patient)
        {
            return Err(Fault::OtherPerson { place: format!("{}.{about}", known.dstu2) });
        }
        labels(resource, &known.dstu2)?;
        inline(resource, &known.dstu2)?;
        rules(resource, &known.dstu2)?;
    }
    Ok(())
}

/// That nothing of which something is carried is under rules or modifiers of the sender's own.
fn rules(element: &Element, path: &str) -> Result<(), Fault> {
    for child in &element.children {
        let place = || format!("{path}.{}", child.name);
        if matches!(child.name.as_str(), "implicitRules" | "modifierExtension") {
            return Err(Fault::Dangerous { place: place() });
        }
        if child.name != "entry" && child.has_carried() {
            rules(child, &place())?;
        }
    }
    Ok(())
}

/// That nothing of a message is marked as protected: the data items of the standard have no word for that.
pub(super) fn unmarked(message: &Element) -> Result<(), Fault> {
    labels(message, "Bundle")?;
    let resources = message.all("entry").filter_map(|entry| entry.child("resource"));
    for resource in resources {
        labels(resource, tables::resource_type(resource.kind()).map_or("resource", |kind| kind.name()))?;
    }
    Ok(())
}

/// That a resource is about the person of the notice, where it says whom it is about.
fn person(resource: &Element, about: &str, patient: &str, outward: &Outward<'_>) -> Result<(), Fault> {
    let said = |subject: &&Element| {
        ["reference", "identifier", "display"].iter().any(|name| subject.child(name).is_some())
    };
    let Some(subject) = resource.child(about).filter(said) else { return Ok(()) };
    let called = subject.peek("reference").and_then(|reference| outward.references.get(reference));
    match called.is_some_and(|called| called == patient) {
        true => Ok(()),
        false => {
            let kind = tables::resource_type(resource.kind()).map_or("resource", |kind| kind.name());
            Err(Fault::OtherPerson { place: format!("{kind}.{about}") })
        }
    }
}

/// That no mark of protection is lost.
fn labels(element: &Element, path: &str) -> Result<(), Fault> {
    let marks = element.all("meta").flat_map(|meta| meta.all("security"));
    for mark in marks.filter(|mark| !mark.has_carried()) {
        let said = |name| mark.peek(name).unwrap_or_default();
        let label = SecurityLabel::new(said("system"), said("code"));
        let is_strict = label.confidentiality().is_some_and(|degree| degree > Confidentiality::Normal);
        if is_strict || label.sensitivity().is_some() || label.meant_to_protect().is_some() {
            return Err(Fault::Dangerous { place: format!("{path}.meta.security") });
        }
    }
    Ok(())
}

/// That no part of which something is carried loses a label of its own: a notice has no place for it.
fn inline(element: &Element, path: &str) -> Result<(), Fault> {
    for child in element.children.iter().filter(|child| child.value.is_none()) {
        let path = format!("{path}.{}", child.name);
        let is_label = child.name == "extension" && child.peek("url") == Some(INLINE);
        if is_label && !child.has_carried() && element.has_carried() {
            return Err(Fault::Dangerous { place: path });
        }
        inline(child, &path)?;
    }
    Ok(())
}

/// That no modifier of an element is lost of which something is carried.
fn object(element: &Element, kind: TypeId, path: &str) -> Result<(), Fault> {
    for child in &element.children {
        let Some(known) = tables::element(kind, &child.name) else { continue };
        let is_plain =
            |(name, value): &(&str, &str)| *name == known.key() && child.value.as_deref() == Some(value);
        if known.is_modifier() && !child.has_carried() && !PLAIN.iter().any(is_plain) {
            return Err(Fault::Dangerous { place: format!("{path}.{}", known.key()) });
        }
        if let Some(inner) = known.child_type().filter(|_| child.has_carried()) {
            object(child, inner, &format!("{path}.{}", known.key()))?;
        }
    }
    Ok(())
}
