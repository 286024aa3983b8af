//! How fast content is minimised, against the same edit of a tree, in one run.
//!
//! ```text
//! cargo bench -p gateway --bench minimise
//! ```
//! Prints MB/s of input (10^6 bytes) as the best of many rounds, by CPU time of the thread where the system tells it:
//! parse and minimise; the same over `serde_json::Value` (parse, edit, serialise); and two limits, `memcpy` and
//! `serde_json`'s scan that keeps nothing (`IgnoredAny`).

mod clock;
mod people;

use std::hint::black_box;
use std::time::Duration;

use bytes::Bytes;
use fhir::json::{Limits, Node, parse};
use fhir::path::ElementPath;
use fhir::tables::{TypeId, resource_type};
use gateway::enforce::minimise::{Marks, Reach, TypeMask, View, Withheld, Written, resource};
use serde_json::Value;

use clock::best;

/// What is shared. About twenty paths of the records below are not.
const SHARED: [(&str, &[&str]); 5] = [
    (
        "Patient",
        &[
            "identifier",
            "name",
            "gender",
            "birthDate",
            "address.line",
            "address.postalCode",
            "generalPractitioner",
        ],
    ),
    ("Condition", &["code", "category", "onset[x]", "abatement[x]", "recordedDate", "subject"]),
    (
        "Observation",
        &[
            "category",
            "code",
            "effective[x]",
            "issued",
            "value[x]",
            "component",
            "referenceRange",
            "subject",
            "encounter",
        ],
    ),
    (
        "MedicationRequest",
        &["intent", "medication[x]", "authoredOn", "dosageInstruction", "subject", "encounter"],
    ),
    ("Encounter", &["class", "type", "period", "reasonCode", "subject"]),
];

/// What the tree edit takes away to come to the same.
const REMOVED: [(&str, &[&str]); 5] = [
    ("Patient", &["telecom", "maritalStatus", "contact", "communication", "photo", "managingOrganization"]),
    ("Condition", &["note", "recorder", "encounter"]),
    ("Observation", &["performer", "note", "interpretation", "bodySite"]),
    ("MedicationRequest", &["requester", "note", "reasonCode"]),
    ("Encounter", &["participant", "serviceProvider", "location"]),
];

fn main() {
    let sizes = [("2 KB Patient", people::patient()), ("100 KB searchset", people::searchset(100_000))];
    let sizes = sizes.into_iter().chain([("5 MB searchset", people::searchset(5_000_000))]);
    println!(
        "{:<18} {:>9} {:>11} {:>11} {:>7} {:>11} {:>11}",
        "", "bytes", "minimise", "tree", "ratio", "scan", "memcpy"
    );
    for (name, text) in sizes {
        let masks: Vec<_> = SHARED.iter().map(|(owner, paths)| mask(owner, paths)).collect();
        let body = Bytes::from(text.into_bytes());
        check(&body, &masks);
        let megabytes = body.len() as f64 / 1e6;
        let rate = |time: Duration| megabytes / time.as_secs_f64();

        let mut out = Vec::with_capacity(body.len() * 2);
        let ours = rate(best(body.len(), || {
            out.clear();
            minimise(black_box(&body), &masks, &mut out);
            out.len()
        }));
        let tree = rate(best(body.len(), || edit(black_box(&body)).len()));
        let scan = rate(best(body.len(), || {
            #[expect(clippy::disallowed_methods, reason = "a limit to compare with")]
            let scanned = serde_json::from_slice::<serde::de::IgnoredAny>(black_box(&body));
            usize::from(scanned.is_ok())
        }));
        let copy = rate(best(body.len(), || {
            out.clear();
            out.extend_from_slice(black_box(&body));
            out.len()
        }));
        let parsed = rate(best(body.len(), || {
            parse(black_box(body.clone()), &Limits::default()).map_or(0, |document| document.bytes_len())
        }));
        let len = body.len();
        println!(
            "{name:<18} {len:>9} {ours:>6.0} MB/s {tree:>6.0} MB/s {:>6.1}x {scan:>6.0} MB/s {copy:>6.0} MB/s  (index alone {parsed:.0} MB/s)",
            ours / tree
        );
    }
}

fn mask(owner: &str, paths: &[&str]) -> TypeMask {
    let owner = resource_type(owner).expect("a resource type");
    let paths: Vec<_> = paths.iter().map(|path| ElementPath::parse(owner, path).expect("a path")).collect();
    TypeMask::compile(owner, &paths, []).expect("a mask")
}

/// Minimises a resource, or every entry of a searchset, as the gateway does.
fn minimise(body: &Bytes, masks: &[TypeMask], out: &mut Vec<u8>) {
    let document = parse(body.clone(), &Limits::default()).expect("strict JSON");
    let mut withheld = Withheld::default();
    let view = View {
        mask: &|owner: TypeId, _| masks.iter().find(|mask| mask.owner() == owner),
        reach: &|node: Node<'_>| match node.member("reference") {
            Some(reference) if reference.raw().starts_with(b"\"Patient/") => Reach::Tie(Written::AsItStands),
            Some(_) => Reach::Visible(Written::AsItStands),
            None => Reach::Hidden,
        },
        full_url: &|_| Written::AsItStands,
        marks: Marks::SubsettedAndRedacted,
        version: None,
    };
    let root = document.root();
    match root.member("entry") {
        None => resource(root, &view, &mut withheld, out).expect("shared"),
        Some(entries) => {
            for entry in entries.items().filter_map(|entry| entry.member("resource")) {
                resource(entry, &view, &mut withheld, out).expect("shared");
                out.push(b'\n');
            }
        }
    }
    black_box(withheld.unknown());
}

/// The same edit of a tree, as it is commonly done. It does less: no duplicate names are seen, no kinds are checked.
fn edit(body: &Bytes) -> Vec<u8> {
    #[expect(clippy::disallowed_methods, reason = "the way it is commonly done is what we compare with")]
    let mut root: Value = serde_json::from_slice(body).expect("JSON");
    match root.get_mut("entry").and_then(Value::as_array_mut) {
        None => reduce(&mut root),
        Some(entries) => entries.iter_mut().filter_map(|entry| entry.get_mut("resource")).for_each(reduce),
    }
    serde_json::to_vec(&root).expect("written")
}

fn reduce(resource: &mut Value) {
    let removed =
        REMOVED.iter().find(|(owner, _)| resource.get("resourceType").is_some_and(|found| found == owner));
    let removed = removed.map_or(&[] as &[&str], |(_, removed)| removed);
    if let Some(object) = resource.as_object_mut() {
        for name in removed.iter().chain(&["text", "extension", "contained", "meta"]) {
            object.remove(*name);
        }
        object.insert("meta".to_owned(), serde_json::json!({"tag": [{"code": "SUBSETTED"}]}));
    }
    strip(resource);
}

/// Removes extensions, siblings and displays of references at any depth.
fn strip(value: &mut Value) {
    match value {
        Value::Object(object) => {
            let is_reference = object.contains_key("reference");
            object.retain(|name, _| {
                name != "extension" && !name.starts_with('_') && !(is_reference && name == "display")
            });
            object.values_mut().for_each(strip);
        }
        Value::Array(items) => items.iter_mut().for_each(strip),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// A fast answer that is wrong is worth nothing: something comes out, and no canary.
fn check(body: &Bytes, masks: &[TypeMask]) {
    let mut out = Vec::new();
    minimise(body, masks, &mut out);
    let text = String::from_utf8(out).expect("text");
    assert!(text.len() > body.len() / 8, "hardly anything came out");
    assert!(!text.contains("CANARY"), "a canary came out");
    assert!(String::from_utf8_lossy(body).contains("CANARY"), "there was none");
}
