//! How fast a resource is read into the tree, and how fast invariants are evaluated on it.
//!
//! ```text
//! cargo bench -p conformance --bench fhirpath
//! ```
//! Best of many rounds by the time of day. Reading is told beside `serde_json` reading the same text into its own tree.
//! Evaluation is told for all invariants of the elements of a Patient of some 2 KB, as validation asks them: each of
//! an element on every such element.

#![expect(clippy::print_stdout, reason = "a bench prints")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use conformance::fhirpath::{Collection, Expression, Item, Scope};
use conformance::model::{Model, Tables};
use conformance::tree::{Limits, Tree};

/// Invariants of R4 by the type that they are of; those that every element has are told apart.
const INVARIANTS: [(&str, &str); 17] = [
    (
        "Patient",
        "contact.all(name.exists() or telecom.exists() or address.exists() or organization.exists())",
    ),
    ("Patient", "contained.contained.empty()"),
    ("Patient", "contained.meta.versionId.empty() and contained.meta.lastUpdated.empty()"),
    ("Patient", "contained.meta.security.empty()"),
    (
        "Patient",
        "contained.where((('#'+id in (%resource.descendants().reference | %resource.descendants().as(canonical) | \
         %resource.descendants().as(uri) | %resource.descendants().as(url))) or descendants().where(reference = '#').exists() \
         or descendants().where(as(canonical) = '#').exists() or descendants().where(as(canonical) = '#').exists()).not()).empty()",
    ),
    ("Patient", "text.`div`.exists()"),
    ("Patient.contact", "name.exists() or telecom.exists() or address.exists() or organization.exists()"),
    ("ContactPoint", "value.empty() or system.exists()"),
    ("Period", "start.hasValue().not() or end.hasValue().not() or (start <= end)"),
    (
        "Reference",
        "reference.startsWith('#').not() or (reference.substring(1).trace('url') in %rootResource.contained.id.trace('ids'))",
    ),
    ("Extension", "extension.exists() != value.exists()"),
    ("Attachment", "data.empty() or contentType.exists()"),
    ("Quantity", "code.empty() or system.exists()"),
    ("Identifier", "value.exists() or type.exists() or system.exists()"),
    ("HumanName", "family.exists() or given.exists() or text.exists()"),
    ("Narrative", "status.exists() and `div`.exists()"),
    ("Coding", "code.exists() or display.exists()"),
];

fn main() {
    let text = patient();
    println!("a Patient of {} bytes", text.len());
    let limits = Limits::default();
    let read = best(|| Tree::from_json(black_box(text.as_bytes()), &limits).is_ok());
    let other = best(|| {
        #[expect(clippy::disallowed_methods, reason = "a reader to compare with")]
        let value = serde_json::from_str::<serde_json::Value>(black_box(&text));
        value.is_ok()
    });
    println!(
        "read into the tree {:>8.1} us; by serde_json into its own {:>8.1} us",
        micros(read),
        micros(other)
    );
    let Ok(tree) = Tree::from_json(text.as_bytes(), &limits) else { return };
    let model = &Tables::R4;
    let mut asked: Vec<(Item<'_>, Vec<Expression>)> = Vec::new();
    let mut count = 0;
    for node in std::iter::once(tree.root()).chain(tree.root().descendants()) {
        let of = model.type_of(node);
        let name = of.map_or("", |of| model.name(of));
        let mine = INVARIANTS.iter().filter(|(owner, _)| *owner == name);
        let mine: Vec<_> = mine.filter_map(|(_, text)| Expression::parse(text).ok()).collect();
        count += mine.len();
        if !mine.is_empty() {
            asked.push((Item::Node(node, of), mine));
        }
    }
    let mut scope = Scope::new(model, tree.root());
    let all = best(|| {
        let mut held = true;
        for (item, mine) in &asked {
            scope.focus = Collection::one(item.clone());
            held &=
                mine.iter().all(|expression| expression.evaluate(&scope).is_ok_and(|found| found.is_true()));
        }
        held
    });
    println!("{count} invariants on {} elements {:>8.1} us", asked.len(), micros(all));
    scope.focus = Collection::one(Item::Node(tree.root(), model.type_of(tree.root())));
    for text in [
        "name.given",
        "name.where(use = 'official').given.first()",
        "descendants().count() > 10",
        "telecom.all(value.exists() and system in ('phone' | 'email'))",
        "birthDate <= @2024-01-01",
        "identifier.value.matches('^[0-9]{10}$')",
    ] {
        let Ok(expression) = Expression::parse(text) else { continue };
        let once = best(|| expression.evaluate(black_box(&scope)).is_ok());
        println!("{:>8.2} us  {text}", micros(once));
    }
    let parsed = best(|| Expression::parse(black_box(INVARIANTS[4].1)).is_ok());
    println!("{:>8.2} us  parsing the longest invariant", micros(parsed));
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

/// The best time of one call.
fn best(mut act: impl FnMut() -> bool) -> Duration {
    let mut best = Duration::MAX;
    for _ in 0..200 {
        let start = Instant::now();
        for _ in 0..20 {
            black_box(act());
        }
        best = best.min(start.elapsed() / 20);
    }
    best
}

/// An invented Patient of some 2 KB.
fn patient() -> String {
    r##"{"resourceType":"Patient","id":"p1","meta":{"versionId":"1","profile":["https://fhir.hl7.org.uk/StructureDefinition/UKCore-Patient"]},
"text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\"><p>Anna Specimen</p></div>"},
"contained":[{"resourceType":"Organization","id":"org","name":"The Practice","telecom":[{"system":"phone","value":"01632 960000"}]}],
"extension":[{"url":"https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-EthnicCategory","valueCodeableConcept":{"coding":[{"system":"https://fhir.hl7.org.uk/CodeSystem/UKCore-EthnicCategoryEngland","code":"A","display":"British"}]}}],
"identifier":[{"use":"official","system":"https://fhir.nhs.uk/Id/nhs-number","value":"9990000018","period":{"start":"2001-05-06","end":"2040-01-01"},"extension":[{"url":"https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-NHSNumberVerificationStatus","valueCodeableConcept":{"coding":[{"system":"https://fhir.hl7.org.uk/CodeSystem/UKCore-NHSNumberVerificationStatusEngland","code":"01"}]}}]}],
"active":true,"name":[{"use":"official","family":"Specimen","given":["Anna","Mae"],"prefix":["Ms"],"period":{"start":"1990-02-28"}},{"use":"nickname","given":["Annie"]}],
"telecom":[{"system":"phone","value":"01632 960001","use":"home"},{"system":"email","value":"anna@example.org"}],"gender":"female","birthDate":"1990-02-28","deceasedBoolean":false,
"address":[{"use":"home","line":["1 Example Street"],"city":"Sampleton","postalCode":"ZZ99 3WZ","period":{"start":"2010-01-01"}}],
"maritalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-MaritalStatus","code":"S"}]},
"contact":[{"relationship":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v2-0131","code":"N"}]}],"name":{"family":"Other","given":["Ben"]},"telecom":[{"system":"phone","value":"01632 960002"}]}],
"communication":[{"language":{"coding":[{"system":"urn:ietf:bcp:47","code":"en"}]},"preferred":true}],
"generalPractitioner":[{"reference":"#org"}],"managingOrganization":{"reference":"Organization/1"}}"##
        .to_owned()
}
