//! Which headers a reply has.

use fhir::outcome::IssueType;

use super::*;

fn sent(reply: Reply, scheme: Scheme) -> Response<Tracked> {
    reply.into_response(&RequestId::random().unwrap(), scheme, |bytes| Tracked::new(bytes, |_| {}))
}

#[test]
fn every_reply_has_an_id_and_is_kept_by_no_cache() {
    let told = Told { status: StatusCode::NOT_FOUND, issue: IssueType::NotFound, text: "not found" };
    for reply in
        [Reply::told(&told), Reply::see_other("/me"), Reply::new(StatusCode::OK, Content::Page("x".into()))]
    {
        let response = sent(reply, Scheme::Http);
        let headers = response.headers();
        assert!(headers.contains_key(REQUEST_ID));
        assert_eq!(headers["cache-control"], "no-store");
        assert!(!headers.contains_key("strict-transport-security"));
    }
}

#[test]
fn pages_may_load_nothing_from_elsewhere_and_run_nothing_inline() {
    let response = sent(Reply::new(StatusCode::OK, Content::Page("<p>".into())), Scheme::Https);
    let policy = response.headers()["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'"));
    assert!(!policy.contains("unsafe"));
    assert!(response.headers().contains_key("strict-transport-security"));
}

#[test]
fn a_header_that_cannot_be_written_leaves_nothing_behind() {
    let reply = Reply::new(StatusCode::OK, Content::Text("x".into())).with_location("a\r\nb: c".into());
    let response = sent(reply, Scheme::Http);
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert!(http_body::Body::is_end_stream(response.body()));
}

#[test]
fn a_caller_who_is_not_known_is_told_how_to_become_so() {
    let told = Told { status: StatusCode::UNAUTHORIZED, issue: IssueType::Login, text: "not known" };
    assert_eq!(sent(Reply::told(&told), Scheme::Http).headers()["www-authenticate"], "Bearer");
}
