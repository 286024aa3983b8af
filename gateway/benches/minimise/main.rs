//! How fast content is minimised, against the same edit of a tree, in one run.
//!
//! ```text
//! cargo bench -p gateway --bench minimise
//! ```
//! Prints MB/s of input (10^6 bytes) as the best of many rounds, by CPU time of the thread where the system tells it:
//! parse and minimise; the same over `serde_json::Value` (parse, edit, serialise); and two limits, `memcpy` and
//! `serde_json`'s scan that keeps nothing (`IgnoredAny`).

#![expect(clippy::expect_used, clippy::print_stdout, reason = "a bench prints, and fails by panicking")]

mod clock;
mod people;
mod tree;

use std::hint::black_box;
use std::time::Duration;

use bytes::Bytes;
use clock::best;
use fhir::json::{Limits, Node, parse, parse_value};
use fhir::path::ElementPath;
use fhir::tables::{TypeId, resource_type};
use gateway::enforce::minimise::{Marks, Reach, TypeMask, View, Withheld, Written, resource};

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
        let tree = rate(best(body.len(), || {
            out.clear();
            tree::edit(black_box(&body), &mut out);
            out.len()
        }));
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
        link: &|_| Some(Written::AsItStands),
        content: &|_| Some(Written::AsItStands),
        marks: Marks::SubsettedAndRedacted,
        version: None,
    };
    let root = document.root();
    match root.member("entry") {
        None => {
            resource(root, &view, &mut withheld, out).expect("shared");
            out.push(b'\n');
        }
        Some(entries) => {
            for entry in entries.items().filter_map(|entry| entry.member("resource")) {
                resource(entry, &view, &mut withheld, out).expect("shared");
                out.push(b'\n');
            }
        }
    }
    black_box(withheld.unknown());
}

/// A fast answer that is wrong is worth nothing: no canary comes out, and the tree edit comes to the same.
fn check(body: &Bytes, masks: &[TypeMask]) {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    minimise(body, masks, &mut ours);
    tree::edit(body, &mut theirs);
    let (ours, theirs) = (String::from_utf8(ours).expect("text"), String::from_utf8(theirs).expect("text"));
    assert!(String::from_utf8_lossy(body).contains("CANARY"), "there was none");
    assert!(!ours.contains("CANARY"), "a canary came out");
    assert_eq!(ours.lines().count(), theirs.lines().count());
    for (ours, theirs) in ours.lines().zip(theirs.lines()) {
        let value = |text: &str| parse_value(Bytes::copy_from_slice(text.as_bytes()), &Limits::default());
        assert_eq!(value(ours), value(theirs), "the two edits differ");
    }
}
