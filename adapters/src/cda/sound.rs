//! What FHIR forbids of a resource as a whole, and documents say all the same.

use super::source::{Element, Space};
use crate::tree::{Node, Object};
use crate::{Severity, Why};

/// Puts right what is made of `element`, and tells what it lost by that.
pub(super) fn put_right(kind: &str, element: Element<'_>, object: &mut Object) {
    match kind {
        "Organization" => organization(element, object),
        "Patient" => contacts(object),
        "AllergyIntolerance" if is_wrong(object) => drop_status(element, object),
        "Condition" => condition(element, object),
        "Appointment" => appointment(object),
        _ => {}
    }
}

/// `org-2` and `org-3`: nothing of an organisation is at home. `org-1`: it has a name or an identifier.
fn organization(element: Element<'_>, object: &mut Object) {
    for (list, source) in [("address", "addr"), ("telecom", "telecom")] {
        let Some(Node::List(items)) = object.find_mut(list) else { continue };
        let is_home = |item: &Object| matches!(item.find("use"), Some(Node::Text(code)) if code == "home");
        let mut is_changed = false;
        for item in items {
            if let Node::Object(item) = item
                && is_home(item)
            {
                item.remove("use");
                is_changed = true;
            }
        }
        if is_changed {
            let said = element.children().filter(|child| child.is(Space::V3, source));
            for place in said.filter(|place| place.peek("use").is_some_and(|said| said.contains('H'))) {
                place.remark(Some("use"), Why::NotOfType, Severity::Minor);
            }
        }
    }
    if object.find("name").is_none() && object.find("identifier").is_none() {
        object.put("_name", Node::absent("unknown"));
    }
}

/// `pat-1`: of a contact something is known to reach her by, or it is said that nothing is.
fn contacts(patient: &mut Object) {
    let Some(Node::List(contacts)) = patient.find_mut("contact") else { return };
    for contact in contacts {
        if let Node::Object(contact) = contact
            && ["name", "telecom", "address", "organization"].iter().all(|name| contact.find(name).is_none())
        {
            contact.put("name", Node::absent("unknown"));
        }
    }
}

/// `con-5`: what was wrong has no clinical status. `con-4`: what has ended is not active; which of the two is so nobody here can
/// tell, and that it goes on is the safer.
fn condition(element: Element<'_>, object: &mut Object) {
    if is_wrong(object) {
        drop_status(element, object);
    }
    let has_ended =
        ["resolved", "remission", "inactive"].iter().any(|code| has_code(object, "clinicalStatus", code));
    let name = ["abatementDateTime", "abatementAge"].into_iter().find(|name| object.find(name).is_some());
    if let Some(name) = name.filter(|_| !has_ended) {
        object.remove(name);
        let high = element.child("effectiveTime").and_then(|time| time.child("high"));
        high.unwrap_or(element).remark(Some("value"), Why::ConditionUnmet, Severity::Major);
    }
}

/// `ait-2` and `con-5`: what was wrong has no clinical status.
fn drop_status(element: Element<'_>, object: &mut Object) {
    if object
        .take("clinicalStatus")
        .is_some_and(|status| matches!(&status, Node::Object(held) if held.find("coding").is_some()))
    {
        element.remark(None, Why::ConditionUnmet, Severity::Minor);
    }
}

/// `app-2` and `app-3`: a time that is not known is said not to be.
fn appointment(object: &mut Object) {
    for name in ["start", "end"] {
        if object.find(name).is_none() {
            object.put(&format!("_{name}"), Node::absent("unknown"));
        }
    }
}

/// Whether a statement was entered in error.
fn is_wrong(object: &Object) -> bool {
    has_code(object, "verificationStatus", "entered-in-error")
}

fn has_code(object: &Object, name: &str, code: &str) -> bool {
    let Some(Node::Object(concept)) = object.find(name) else { return false };
    let Some(Node::List(codings)) = concept.find("coding") else { return false };
    codings.iter().any(|coding| {
        matches!(coding, Node::Object(coding) if matches!(coding.find("code"), Some(Node::Text(held)) if held == code))
    })
}
