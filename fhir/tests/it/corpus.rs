//! Reading JSON in tests, and the folder of real inputs that is not part of the project.

use std::path::PathBuf;

use serde_json::Value;

/// The corpus folder `sub`, or `None` after saying that the test is skipped.
#[expect(clippy::disallowed_methods, reason = "tests have no settings file to name the corpus")]
pub(crate) fn folder(sub: &str) -> Option<PathBuf> {
    let folder =
        std::env::var("PORTCULLIS_CORPUS").ok().map(|root| PathBuf::from(root).join("data").join(sub));
    let found = folder.filter(|folder| folder.exists());
    if found.is_none() {
        eprintln!("SKIPPED: PORTCULLIS_CORPUS does not hold data/{sub}");
    }
    found
}

/// A JSON tree, read by a library so that our own writing is checked by somebody else's reading.
#[expect(clippy::disallowed_methods, reason = "an independent reader of what we wrote")]
pub(crate) fn tree(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).expect("JSON")
}
