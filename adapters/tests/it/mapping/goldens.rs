//! One folder a ready mapping: a file of invented people, what it becomes, and what it loses. `UPDATE_GOLDEN=1`
//! rewrites.

use std::path::{Path, PathBuf};

use adapters::mapping::social::{READY, Ready};

use super::{council, origin};
use crate::goldens::{golden, pretty};

/// The sample file of a ready mapping.
pub(crate) fn sample(ready: Ready) -> (PathBuf, Vec<u8>) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/mapping").join(ready.name);
    let found =
        ["csv", "json", "xml"].iter().find_map(|kind| std::fs::read(folder.join(format!("in.{kind}"))).ok());
    (folder, found.unwrap())
}

#[test]
fn every_ready_mapping_makes_of_its_sample_what_its_golden_says() {
    for ready in READY {
        let mapping = ready.load().unwrap_or_else(|faults| panic!("{faults}"));
        assert_eq!(mapping.name(), ready.name);
        let (folder, input) = sample(ready);
        let context = council();
        let mut records = mapping.records(input.as_slice(), &context, &origin()).unwrap();
        let (mut out, mut losses) = (String::new(), String::new());
        for record in records.by_ref() {
            match record {
                Ok(translated) => {
                    out.push_str(&pretty(&translated.bundle));
                    losses.extend(translated.losses.iter().map(|loss| format!("{loss}\n")));
                }
                Err(refused) => losses.push_str(&format!("refused: {refused}\n")),
            }
        }
        losses.extend(records.outside().iter().map(|loss| format!("outside: {loss}\n")));
        golden(&folder.join("out.json"), &out);
        golden(&folder.join("losses.txt"), &losses);
    }
}

#[test]
fn every_explanation_tells_of_every_cell_and_of_no_value() {
    for ready in READY {
        let mapping = ready.load().unwrap();
        let (folder, input) = sample(ready);
        let told = mapping.explain(input.as_slice(), &council(), &origin(), 1).unwrap().unwrap();
        for place in &told.places {
            assert!(!(place.went.is_empty() && place.lost.is_empty()), "{}", place.place);
        }
        let text = told.to_string();
        for value in ["700101", "9990001006", "999 000 1006", "NE30 4AA", "Abernethy", "27/03/2008"] {
            assert!(!text.contains(value), "{value}");
        }
        golden(&folder.join("explained.txt"), &text);
    }
}

#[test]
fn the_same_person_has_the_same_id_in_every_table_of_a_return() {
    let mut ids = Vec::new();
    for name in ["ssda903-header", "ssda903-episodes", "ssda903-reviews", "ssda903-xml"] {
        let ready = Ready::named(name).unwrap();
        let mapping = ready.load().unwrap();
        let context = council();
        let (_, input) = sample(ready);
        let first = mapping.records(input.as_slice(), &context, &origin()).unwrap().next().unwrap().unwrap();
        let bundle = fhir::json::parse(first.bundle.into(), &fhir::json::Limits::default()).unwrap();
        ids.push(bundle.root().str_at(&["entry", "resource", "id"]).unwrap().into_owned());
    }
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
}
