//! Stage one: who asks. From a bearer token or a client certificate, never from anything a caller merely says.

use jiff::Timestamp;

use super::keys::Keys;
use super::{Requestor, certificate, token};
use crate::server::arrived::Arrived;
use crate::settings::Settings;

/// Why it is not known who asks. Callers are all told the same; the reasons are counted and logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unauthenticated {
    /// Neither token nor certificate.
    #[error("neither token nor certificate was shown")]
    NoProof,
    /// `Authorization` or the token in it is not well-formed.
    #[error("the token is not well-formed")]
    Malformed,
    /// An algorithm that is not taken, none at all, or not that of the key.
    #[error("the token is signed by an algorithm that is not taken")]
    Algorithm,
    /// The token demands extensions.
    #[error("the token demands extensions")]
    Critical,
    /// A token for something else (`typ`).
    #[error("the token is of another kind")]
    Kind,
    /// An issuer that the settings do not name.
    #[error("the issuer is not known")]
    UnknownIssuer,
    /// A key that the issuer does not publish.
    #[error("the key is not the issuer's")]
    UnknownKey,
    /// The keys of the issuer cannot be read now, so nothing can be said about the token.
    #[error("the keys of the issuer cannot be read at the moment")]
    KeysUnavailable,
    /// The signature is wrong.
    #[error("the signature is wrong")]
    Signature,
    /// Meant for someone else.
    #[error("the token is meant for someone else")]
    Audience,
    /// Over.
    #[error("the token has expired")]
    Expired,
    /// Not begun.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// A claim is missing, doubled or of the wrong form.
    #[error("the claim {0} is missing or not as it should be")]
    Claim(&'static str),
    /// One of its claims states several codes where a request has one.
    #[error("the claim {0} states more than one code")]
    Several(&'static str),
    /// Of an organisation that the issuer does not speak for.
    #[error("the issuer does not speak for that organisation")]
    Organisation,
    /// The token is bound to a certificate that was not shown.
    #[error("the token is bound to another certificate")]
    Binding,
    /// NHS login below level P9, or with one factor only.
    #[error("the identity is not proven to level P9")]
    NotProvenEnough,
    /// A sign-in of staff with too little assurance.
    #[error("the identity or the sign-in is not assured enough")]
    Assurance,
    /// A certificate that holds, but of no known client, or of several.
    #[error("the certificate is not that of one known client")]
    UnknownClient,
    /// No session, or one that is over or not ours.
    #[error("there is no session")]
    NoSession,
    /// A form sent from another site.
    #[error("the form was sent from another site")]
    CrossSite,
}

impl Unauthenticated {
    /// The name of the reason in metrics: stable, lower case, with hyphens.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::NoProof => "no-proof",
            Self::Malformed => "token-malformed",
            Self::Algorithm => "token-algorithm",
            Self::Critical => "token-critical",
            Self::Kind => "token-kind",
            Self::UnknownIssuer => "token-issuer",
            Self::UnknownKey => "token-key",
            Self::KeysUnavailable => "issuer-keys-unavailable",
            Self::Signature => "token-signature",
            Self::Audience => "token-audience",
            Self::Expired => "token-expired",
            Self::NotYetValid => "token-not-yet-valid",
            Self::Claim(_) => "token-claim",
            Self::Several(_) => "token-several",
            Self::Organisation => "token-organisation",
            Self::Binding => "token-binding",
            Self::NotProvenEnough => "token-proofing-level",
            Self::Assurance => "token-assurance-level",
            Self::UnknownClient => "certificate-unknown",
            Self::NoSession => "session",
            Self::CrossSite => "cross-site",
        }
    }
}

/// Finds out who asks. A token is decisive where there is one: a wrong one is not made good by a certificate.
///
/// Waits only for the keys of an issuer, within bounds, when a token names one that is not held.
///
/// # Errors
/// [`Unauthenticated`].
pub async fn identify(
    arrived: &Arrived,
    keys: &Keys,
    settings: &Settings,
    now: Timestamp,
) -> Result<Requestor, Unauthenticated> {
    match (&arrived.headers.authorization, &arrived.certificate) {
        (Some(authorization), shown) => {
            let token = bearer(authorization.expose())?;
            let verified = token::verify(token, keys, shown.as_ref(), arrived.peer.ip(), now).await?;
            Ok(verified.requestor().clone())
        }
        (None, Some(shown)) => certificate::identify(shown, &settings.clients),
        (None, None) => Err(Unauthenticated::NoProof),
    }
}

fn bearer(authorization: &str) -> Result<&str, Unauthenticated> {
    match authorization.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(token),
        Some(_) | None => Err(Unauthenticated::Malformed),
    }
}
