//! Where the public corpora are that some tests read; nothing of them is part of the project.

use std::path::PathBuf;

/// The folder `name` of the corpora, if they are there.
#[expect(clippy::disallowed_methods, reason = "where the corpora are is told to the tests, not configured")]
pub(crate) fn folder(name: &str) -> Option<PathBuf> {
    let found =
        std::env::var("PORTCULLIS_CORPUS").ok().map(|root| PathBuf::from(root).join("data").join(name));
    let found = found.filter(|folder| folder.exists());
    if found.is_none() {
        eprintln!("SKIPPED: the corpus {name} is not there (PORTCULLIS_CORPUS)");
    }
    found
}
