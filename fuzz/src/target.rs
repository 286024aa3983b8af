//! Paths of requests: one that is taken means the same to everybody who reads it, and is decided on once.
//!
//! An input is what stands in the request line: a path, and a query after a question mark.

use gateway::interaction::surface;
use gateway::server::arrived::Method;
use gateway::server::target::Target;

/// Whether the path that is taken has one meaning.
pub fn check(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let (path, query) = text.split_once('?').map_or((text, None), |(path, query)| (path, Some(query)));
    let Ok(target) = Target::parse(path, query) else { return };
    let segments = target.segments();
    assert_eq!(format!("/{}", segments.join("/")), path, "the path changes when it is read");
    for segment in &segments {
        assert!(
            !segment.is_empty() && segment.bytes().any(|byte| byte != b'.'),
            "a segment is normalised away"
        );
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"$_.-".contains(&byte);
        assert!(segment.bytes().all(plain), "a segment holds what others read as a mark");
    }
    assert_eq!(
        target.query().unwrap_or_default(),
        query.unwrap_or_default(),
        "the query changes when it is read"
    );
    assert!(target.query().is_none_or(|query| query.is_ascii()), "a query that is not visible");
    let again = Target::parse(&format!("/{}", segments.join("/")), target.query());
    assert!(again.is_ok_and(|again| again == target), "read anew it is another");

    // Whatever it is, the table has one answer for it, and a token in the query has none.
    let decided = |method: Method| surface::decide(surface::OF_SYSTEM, &segments, method).is_ok();
    let served = [Method::Get, Method::Post, Method::Put, Method::Delete].map(decided);
    assert!(!segments.is_empty() || !served[0], "an empty path is read");
    let is_token = |pair: &str| pair.to_ascii_lowercase().starts_with("access_token=");
    assert!(!query.unwrap_or_default().split('&').any(is_token), "a token is taken");
}
