//! Which kinds of content a table shares: said wherever an attachment goes, as it is for Binaries.

use fhir::path::{ElementPath, Step};

use super::super::Criterion;
use crate::settings::problem::{Notebook, Place};

/// Notes each shared path to the content of an attachment whose media type no condition tells.
pub(super) fn have_media_types(notes: &Notebook, shared: &[(Place, ElementPath)], criteria: &[Criterion]) {
    for (place, path) in shared {
        let Some(attachment) = attachment(path) else { continue };
        if !is_told(&attachment, criteria) {
            let at = attachment.join(".");
            let listed = format!("\"{at}.contentType\" = [\"application/pdf\"]");
            let text = format!(
                "say which types of content are shared: where = {{ {listed} }}; if resources without one are shared by this \
                 table too: where = {{ any = [{{ {listed} }}, {{ absent = [\"{at}\"] }}] }}"
            );
            notes.error(place, text);
        }
    }
}

/// The way to the attachment whose content a path shares: the attachment itself, its data, or its address.
fn attachment(path: &ElementPath) -> Option<Vec<&'static str>> {
    let mut types = vec![path.owner()];
    let mut way = Vec::new();
    let mut steps = path.steps().iter();
    while let Some(step) = steps.next() {
        types = step.leads_to(&types);
        way.push(match step {
            Step::Choice { key, .. } => key,
            Step::Element(name) => *name,
            // Items are shared by their keys with what is inside them, which leaves attachments out.
            Step::Item { .. } | Step::Extension(_) | Step::Identifier(_) => return None,
        });
        if types.iter().any(|found| found.name() == "Attachment") {
            let shares_content = match steps.as_slice() {
                [] | [Step::Element("data" | "url")] => true,
                [_, ..] => false,
            };
            return shares_content.then_some(way);
        }
    }
    None
}

/// Whether one condition lists media types of the attachment, or each of several does that or has none.
fn is_told(attachment: &[&str], criteria: &[Criterion]) -> bool {
    criteria.iter().any(|criterion| match criterion {
        Criterion::MediaType { element, .. } => {
            let steps = element.path().steps();
            steps.split_last().is_some_and(|(_, holder)| is_way(holder, attachment))
        }
        Criterion::Any(sets) => sets
            .iter()
            .all(|set| is_told(attachment, set) || set.iter().any(|one| is_absent(one, attachment))),
        Criterion::Code { .. }
        | Criterion::Text { .. }
        | Criterion::Present(_)
        | Criterion::Absent(_)
        | Criterion::Contained => false,
    })
}

/// Whether the condition is that the attachment, or what holds it, is not there.
fn is_absent(criterion: &Criterion, attachment: &[&str]) -> bool {
    let Criterion::Absent(element) = criterion else { return false };
    let steps = element.path().steps();
    attachment.get(..steps.len()).is_some_and(|begin| is_way(steps, begin))
}

/// Whether these steps lead this way; one type of a choice is its own.
fn is_way(steps: &[Step], way: &[&str]) -> bool {
    let is_step = |step: &Step, name: &&str| match step {
        Step::Choice { key, name: stem } => key == name || stem == name,
        Step::Element(_) | Step::Item { .. } | Step::Extension(_) | Step::Identifier(_) => {
            step.element() == *name
        }
    };
    steps.len() == way.len() && steps.iter().zip(way).all(|(step, name)| is_step(step, name))
}
