//! The targets of `fuzz/` on stable: every input of the corpus, and changes of it that are the same in every run.
//!
//! `PORTCULLIS_FUZZ=N` tries N changes for each target instead of a few, and `PORTCULLIS_SEED` draws others. An input that broke a
//! promise goes into the corpus.
#![expect(unreachable_pub, reason = "the targets are a crate of their own as well")]

pub(crate) mod change;

#[path = "../../../fuzz/src/json.rs"]
mod json;
#[path = "../../../fuzz/src/minimise.rs"]
mod minimise;
#[path = "../../../fuzz/src/path.rs"]
mod path;
#[path = "../../../fuzz/src/reference.rs"]
mod reference;
#[path = "../../../fuzz/src/search.rs"]
mod search;
#[path = "../../../fuzz/src/target.rs"]
mod target;
#[path = "../../../fuzz/src/v2.rs"]
mod v2;
#[path = "../../../fuzz/src/xml.rs"]
mod xml;

use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

use self::change::Changes;
// Where the target `minimise` looks for them.
use crate::minimise::{oracle, rules};

/// Changes that are tried of each corpus unless the run says more.
const CHANGES: usize = 1_500;

fn inputs(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
    let files = fs::read_dir(folder).expect("a corpus").map(|file| file.expect("a file").path());
    let mut files: Vec<PathBuf> = files.collect();
    files.sort();
    files.into_iter().map(|file| (file.clone(), fs::read(file).expect("an input"))).collect()
}

#[expect(clippy::disallowed_methods, reason = "a switch of the test run, not a setting of the gateway")]
fn asked(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Replays the corpus of `target`, and changes of it.
fn replay(target: &str, check: fn(&[u8])) {
    let corpus = inputs(target);
    assert!(corpus.len() >= 8, "the corpus of {target} is missing");
    for (file, input) in &corpus {
        assert!(catch_unwind(|| check(input)).is_ok(), "{} breaks a promise", file.display());
    }
    let inputs: Vec<Vec<u8>> = corpus.into_iter().map(|(_, input)| input).collect();
    let mut changes = Changes::new(&inputs, asked("PORTCULLIS_SEED").unwrap_or(20_261_122));
    let most = asked("PORTCULLIS_FUZZ").and_then(|most| usize::try_from(most).ok()).unwrap_or(CHANGES);
    for number in 0..most {
        let input = changes.one();
        if catch_unwind(|| check(&input)).is_err() {
            let file = std::env::temp_dir().join(format!("portcullis-{target}-{number}"));
            fs::write(&file, &input).expect("the input can be kept");
            panic!("change {number} of the corpus of {target} breaks a promise: {}", file.display());
        }
    }
}

#[test]
fn the_json_index_agrees_with_another_reader() {
    replay("json", json::check);
}

#[test]
fn a_query_written_anew_is_the_same_query() {
    replay("search", search::check);
}

#[test]
fn an_element_path_is_in_its_normal_form_and_names_what_exists() {
    replay("path", path::check);
}

#[test]
fn the_path_of_a_request_has_one_meaning() {
    replay("target", target::check);
}

#[test]
fn a_reference_written_anew_leads_to_the_same() {
    replay("reference", reference::check);
}

#[test]
fn a_view_holds_what_may_be_there_and_is_the_same_in_xml() {
    replay("minimise", minimise::check);
}

#[test]
fn a_resource_says_the_same_in_json_and_in_xml() {
    replay("xml", xml::check);
}

#[test]
fn frames_and_messages_are_read_one_way() {
    replay("v2", v2::check);
}

#[test]
fn each_target_is_one_of_libfuzzer_too() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz");
    let manifest = fs::read_to_string(root.join("Cargo.toml")).expect("a manifest");
    for corpus in fs::read_dir(root.join("corpus")).expect("corpora") {
        let name = corpus.expect("a corpus").file_name().into_string().expect("a name");
        let text = fs::read_to_string(root.join(format!("fuzz_targets/{name}.rs"))).expect("a target");
        assert!(text.contains(&format!("portcullis_fuzz::{name}::check(input)")), "{name}");
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name}");
    }
}
