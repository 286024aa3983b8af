//! Sessions of `/me`: from a token to a cookie and no further.

use futures_util::FutureExt;
use gateway::requestor::{Unauthenticated, session};
use gateway::seal::Seal;
use gateway::server::arrived::{Headers, Method, Secret};
use jiff::SignedDuration;

use super::{LOGIN, NOW, ann, at, site, social_worker, with};
use crate::support::site::{BASE, arrived};

#[test]
fn a_session_of_the_person_begins_with_her_token_and_ends_after_a_quarter_of_an_hour() {
    let site = site();
    let seal = Seal::from_key(&[1; 32]).unwrap();
    let begin = |token: &str, origin: Option<&str>, now: i64| {
        let headers = Headers {
            content_type: Some("application/x-www-form-urlencoded".into()),
            origin: origin.map(str::to_owned),
            ..Headers::default()
        };
        let request = arrived(Method::Post, "/me/session", headers, &format!("a=b&token={token}"));
        session::begin(request, &site.keys, &site.settings, &seal, at(now)).now_or_never().unwrap()
    };
    let token = site.person.token(&with(ann(), "exp", (NOW + 3600).into()));
    let begun = begin(&token, Some(LOGIN), NOW).unwrap();
    assert!(begun.cookie.contains("; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=900"));
    let cookie = begun.cookie.split(';').next().unwrap().to_owned();
    assert!(cookie.starts_with("__Host-portcullis="));
    let visit = |method: Method, origin: Option<&str>, fetch_site: Option<&str>, cookie: &str, after: i64| {
        let headers = Headers {
            cookie: Some(Secret::new(format!("theme=dark; {cookie}"))),
            origin: origin.map(str::to_owned),
            fetch_site: fetch_site.map(str::to_owned),
            ..Headers::default()
        };
        let now = at(NOW) + SignedDuration::from_secs(after);
        session::identify(&arrived(method, "/me", headers, ""), &site.settings, &seal, now).map(|_| ())
    };
    use Unauthenticated as No;
    for (case, visited, expected) in [
        ("at once", visit(Method::Get, None, Some("cross-site"), &cookie, 0), Ok(())),
        ("to the last second", visit(Method::Get, None, None, &cookie, 899), Ok(())),
        ("too late", visit(Method::Get, None, None, &cookie, 900), Err(No::NoSession)),
        ("another cookie", visit(Method::Get, None, None, "__Host-portcullis=x", 0), Err(No::NoSession)),
        (
            "two cookies",
            visit(Method::Get, None, None, &format!("{cookie}; {cookie}"), 0),
            Err(No::NoSession),
        ),
        ("a change from our page", visit(Method::Post, Some(BASE), Some("same-origin"), &cookie, 0), Ok(())),
        (
            "a change from elsewhere",
            visit(Method::Post, Some("https://evil.example"), None, &cookie, 0),
            Err(No::CrossSite),
        ),
        ("a change from nowhere", visit(Method::Post, Some("null"), None, &cookie, 0), Err(No::CrossSite)),
        (
            "a change without an origin",
            visit(Method::Post, None, Some("cross-site"), &cookie, 0),
            Err(No::CrossSite),
        ),
    ] {
        assert_eq!(visited, expected, "{case}");
    }
    assert!(matches!(begin(&token, Some("https://evil.example"), NOW), Err(No::CrossSite)));
    assert!(begin(&token, Some(BASE), NOW).is_ok());
    assert!(matches!(begin(&format!("{token}&token={token}"), None, NOW), Err(No::Malformed)));
    assert!(matches!(begin(&site.staff.token(&social_worker()), None, NOW), Err(No::NotProvenEnough)));
    assert!(session::ended().contains("Max-Age=0"));
    let cookies_do_not_open_records =
        site.identify(Headers { cookie: Some(Secret::new(cookie)), ..Headers::default() }, None);
    assert_eq!(cookies_do_not_open_records.map(|_| ()), Err(No::NoProof));
}
