//! Systems known by a client certificate. The handshake has verified it; here its SANs meet the settings.

use super::identify::Unauthenticated;
use super::{Party, Proof, Requestor, SystemClient};
use crate::server::arrived::ClientCertificate;
use crate::settings::Client;

/// Finds the one `[[client]]` with a SAN of this certificate. A wildcard in a certificate is a text like any other.
///
/// # Errors
/// [`Unauthenticated::UnknownClient`].
pub(in crate::requestor) fn identify(
    shown: &ClientCertificate,
    clients: &[Client],
) -> Result<Requestor, Unauthenticated> {
    let mut matching = clients.iter().filter(|client| {
        let wanted = normal(&client.san);
        shown.sans.contains(&wanted)
    });
    match (matching.next(), matching.next()) {
        (Some(client), None) => Ok(Requestor {
            party: Party::System(SystemClient {
                san: client.san.clone(),
                organisation: client.organisation.clone(),
                purposes: client.purposes.clone(),
            }),
            proof: Proof::Certificate { san: client.san.clone() },
        }),
        (Some(_) | None, _) => Err(Unauthenticated::UnknownClient),
    }
}

fn normal(san: &str) -> String {
    match san.strip_prefix("dns:") {
        Some(name) => format!("dns:{}", name.to_ascii_lowercase()),
        None => san.to_owned(),
    }
}
