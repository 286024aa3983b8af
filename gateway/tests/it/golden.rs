//! Expected texts kept in files beside the tests. `UPDATE_GOLDEN=1` writes them; a person reads the difference.

use std::fs;
use std::path::Path;

/// Expects `found` to be what the file `tests/golden/NAME` holds.
#[track_caller]
pub(crate) fn check(name: &str, found: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    check_file(&file, found);
}

/// Expects `found` to be what `file` holds.
#[track_caller]
pub(crate) fn check_file(file: &Path, found: &str) {
    if updates() {
        fs::create_dir_all(file.parent().expect("a folder")).expect("the folder can be made");
        fs::write(file, found).expect("the expected text can be written");
        return;
    }
    let expected = fs::read_to_string(file).unwrap_or_default();
    assert!(
        expected == found,
        "{} differs; UPDATE_GOLDEN=1 rewrites it\n--- expected\n{expected}\n--- found\n{found}",
        file.display()
    );
}

#[expect(clippy::disallowed_methods, reason = "a switch of the test run, not a setting of the gateway")]
fn updates() -> bool {
    std::env::var("UPDATE_GOLDEN").is_ok_and(|value| value == "1")
}
