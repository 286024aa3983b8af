//! Signing in and out: a token of NHS login, posted once, becomes a session of a quarter of an hour.

use http::StatusCode;

use super::public_page;
use crate::ports::Ports;
use crate::requestor::{Unauthenticated, session};
use crate::server::arrived::Arrived;
use crate::server::reply::Reply;
use crate::trail::page;

/// Begins a session from the form field `token`. A token that does not hold is counted as a stranger's.
pub(super) async fn begin(arrived: Arrived, ports: &Ports) -> Reply {
    let (at, peer) = (arrived.at, arrived.peer.ip().to_string());
    let way = Way::of(&arrived, &ports.settings.gateway.base);
    match session::begin(arrived, &ports.keys, &ports.settings, &ports.seal, at).await {
        Ok(begun) => match way {
            Way::SameSite => Reply::see_other("/me"),
            Way::OtherSite => public_page(StatusCode::OK, page::signed_in()),
        }
        .with_cookie(begun.cookie),
        Err(why) => {
            ports.strangers.count(Some(&peer));
            let (status, problem) = told(why, &ports.settings.gateway.contact);
            public_page(status, page::sign_in("", &problem, &ports.settings))
        }
    }
}

/// Where the form of the sign-in was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// On our own site, or not in a browser: the session goes along with a redirect.
    SameSite,
    /// Elsewhere. A browser keeps the session (`SameSite=Strict`) back until a page of ours leads on.
    OtherSite,
}

impl Way {
    fn of(arrived: &Arrived, base: &str) -> Self {
        match (arrived.headers.fetch_site.as_deref(), arrived.headers.origin.as_deref()) {
            (Some("same-origin" | "same-site" | "none"), _) | (None, None) => Self::SameSite,
            (None, Some(origin)) if origin == base => Self::SameSite,
            (Some(_), _) | (None, Some(_)) => Self::OtherSite,
        }
    }
}

/// What the person is told: what to do, not what is wrong with a token.
fn told(why: Unauthenticated, contact: &str) -> (StatusCode, String) {
    let again = "Go back to the website or app that you came from, and sign in again.";
    match why {
        Unauthenticated::Expired | Unauthenticated::NotYetValid => {
            (StatusCode::UNAUTHORIZED, format!("Your sign-in is too old. {again}"))
        }
        Unauthenticated::NotProvenEnough => (
            StatusCode::UNAUTHORIZED,
            "Your NHS login does not yet prove who you are. Prove it in the NHS App, then sign in again."
                .to_owned(),
        ),
        Unauthenticated::CrossSite => {
            (StatusCode::FORBIDDEN, format!("The sign-in came from a website that we do not know. {again}"))
        }
        Unauthenticated::Malformed => {
            (StatusCode::BAD_REQUEST, format!("The sign-in was not complete. {again}"))
        }
        Unauthenticated::KeysUnavailable => (
            StatusCode::SERVICE_UNAVAILABLE,
            format!("We cannot check sign-ins at the moment. Wait a minute. {again}"),
        ),
        Unauthenticated::NoProof
        | Unauthenticated::Algorithm
        | Unauthenticated::Critical
        | Unauthenticated::Kind
        | Unauthenticated::UnknownIssuer
        | Unauthenticated::UnknownKey
        | Unauthenticated::Signature
        | Unauthenticated::Audience
        | Unauthenticated::Claim(_)
        | Unauthenticated::Several(_)
        | Unauthenticated::Binding
        | Unauthenticated::Assurance
        | Unauthenticated::Organisation
        | Unauthenticated::UnknownClient
        | Unauthenticated::NoSession => (
            StatusCode::UNAUTHORIZED,
            format!("We could not sign you in. {again} If it happens again, contact {contact}."),
        ),
    }
}

/// Ends a session in the browser. A form of another site ends none.
pub(super) fn end(arrived: &Arrived, ports: &Ports) -> Reply {
    match session::identify(arrived, &ports.settings, &ports.seal, arrived.at) {
        Err(Unauthenticated::CrossSite) => Reply::see_other("/me"),
        Ok(_) | Err(_) => Reply::see_other("/me?signed-out=yes").with_cookie(session::ended()),
    }
}
