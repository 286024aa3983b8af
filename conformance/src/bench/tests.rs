//! What is told of a request, and what counts as writing.

use super::{tag, untold, writes};
use crate::target::Question;
use http::Method;

#[test]
fn what_is_told_of_a_request_names_no_record() {
    for (path, told) in [
        ("Patient/9990001234/_history/3?_count=2", "Patient/[id]/_history/[id]?_count"),
        ("Patient?identifier=x|9990001234&_sort=-birthdate", "Patient?identifier&_sort"),
        ("metadata", "metadata"),
        ("Patient/$match", "Patient/$match"),
        ("Observation/Canary1", "Observation/[id]"),
        ("?family=Smith", "?family"),
    ] {
        assert_eq!(untold(path), told);
    }
}

#[test]
fn a_search_by_post_does_not_write_and_any_other_post_does() {
    let asked = |method: Method, path| writes(&Question { method, path, headers: &[], body: b"" });
    assert!(!asked(Method::POST, "Patient/_search?x=1"));
    assert!(!asked(Method::GET, "Patient"));
    assert!(asked(Method::POST, "Patient"));
    assert!(asked(Method::POST, "Patient/$merge"));
    assert!(asked(Method::PUT, "Patient/1"));
}

#[test]
fn two_runs_have_two_tags() {
    assert_ne!(tag(), tag());
}
