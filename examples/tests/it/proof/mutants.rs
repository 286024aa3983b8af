//! The faults that `.ci/mutants` seeds: patches that must not go stale.

use std::path::Path;
use std::process::Command;

#[test]
fn every_mutant_still_applies_and_names_what_must_kill_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let script = std::fs::read_to_string(root.join(".ci/mutants")).unwrap();
    let mut count = 0;
    for entry in std::fs::read_dir(root.join("examples/leaks/mutants")).unwrap() {
        let patch = entry.unwrap().path();
        let text = std::fs::read_to_string(&patch).unwrap();
        let killer = text.lines().find_map(|line| line.strip_prefix("Killed by: ")).unwrap_or_default();
        assert!(text.starts_with("Seen in a peer: "), "{}", patch.display());
        assert!(!killer.is_empty() && script.contains(&format!("    {killer}) ")), "{}", patch.display());
        let applied =
            Command::new("git").args(["apply", "--check"]).arg(&patch).current_dir(root).output().unwrap();
        assert!(
            applied.status.success(),
            "{}: {}",
            patch.display(),
            String::from_utf8_lossy(&applied.stderr)
        );
        count += 1;
    }
    assert!(count >= 26, "the bug museum may only grow: {count}");
}
