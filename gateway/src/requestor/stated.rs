//! A requestor as a file states it, for `explain`. Nothing is proven here, so nothing may ever be disclosed with it.

use serde_json::Value;

use super::identify::Unauthenticated;
use super::token::text;
use super::{Requestor, certificate, claims};
use crate::server::arrived::ClientCertificate;
use crate::settings::Settings;

/// Reads the claims of a token of one of the issuers, or `{"san": "dns:..."}` for a system known by certificate.
///
/// # Errors
/// [`Unauthenticated`]: the claims would not do in a real token either.
pub fn stated(file: &Value, settings: &Settings) -> Result<Requestor, Unauthenticated> {
    let claims_stated = file.as_object().ok_or(Unauthenticated::Malformed)?;
    if let Some(san) = text(claims_stated, "san")? {
        let shown = ClientCertificate { sans: vec![san.to_owned()], thumbprint: [0; 32] };
        return certificate::identify(&shown, &settings.clients);
    }
    let named = text(claims_stated, "iss")?.ok_or(Unauthenticated::Claim("iss"))?;
    let issuer = settings.issuers.iter().find(|issuer| issuer.issuer == named);
    let issuer = issuer.ok_or(Unauthenticated::UnknownIssuer)?;
    let requestor = claims::read(claims_stated, &issuer.issuer, issuer.claims, "explain")?;
    claims::is_spoken_for(&requestor, &issuer.speaks_for)?;
    Ok(requestor)
}
