//! Whom the messages are about that the adapters translate: what they make of a message about one person must be about her
//! for certain, or it could never be shared.

use std::collections::BTreeSet;
use std::path::Path;

use adapters::Context;
use fhir::json::{Limits, parse};

use super::*;

/// Messages that name somebody without a valid NHS number.
const UNCERTAIN: [&str; 4] = [
    // The record that ends is named by a local number only.
    "adt-a34-merge",
    "adt-a40-merge-two",
    // Two numbers, one of them wrong.
    "adt-a03-what-cannot-be-said",
    // Version 2.1 does not say what its number is.
    "oru-2-1-without-trigger",
];

#[test]
fn translated_messages_are_about_their_persons_for_certain() {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("../adapters/tests/cases/hl7v2");
    let context = Context::new("RX1", None, "Europe/London").expect("a zone");
    let mut uncertain = BTreeSet::new();
    let mut seen = 0;
    for case in std::fs::read_dir(cases).expect("the cases").map(|case| case.expect("a case").path()) {
        let message = std::fs::read(case.join("in.hl7")).expect("a message");
        let bundle = adapters::hl7v2::translate(&message, &context).expect("a translation").bundle;
        let document = parse(bundle.into(), &Limits::default()).expect("a Bundle");
        let found = persons_of(document.root(), Came::Submitted, &Bases::none());
        seen += 1;
        if found.certainty == Certainty::Uncertain {
            uncertain.insert(case.file_name().expect("a name").to_string_lossy().into_owned());
        }
    }
    assert!(seen > 60, "{seen}");
    assert_eq!(uncertain, UNCERTAIN.map(str::to_owned).into());
}
