//! The scenario `council` as a person or a script runs it.

use std::process::Command;

use examples::json::{parse, text};
use serde_json::Value;
use tempfile::TempDir;

#[test]
fn the_ward_reads_a_council_that_has_only_files_and_tells_it_who_goes_home() {
    let folder = TempDir::new().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_demo"));
    command.arg("--folder").arg(folder.path()).args(["--scenario", "council", "--once", "--json"]);
    let output = command.output().unwrap();
    let told: Vec<Value> =
        String::from_utf8_lossy(&output.stdout).lines().map(|line| parse(line.as_bytes()).unwrap()).collect();
    let broken: Vec<&Value> = told.iter().filter(|step| step["ok"] != true).collect();
    assert!(broken.is_empty(), "{broken:#?}");
    let steps: Vec<&str> = told.iter().filter_map(|step| text(step, "/step")).collect();
    assert_eq!(steps.len(), 11, "{steps:?} {}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(0));
}
