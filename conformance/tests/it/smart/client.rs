//! A registered client with a key that was made for the test.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use conformance::smart_client::SmartClient;
use serde_json::json;

use super::server::SCOPE;

pub(super) const CLIENT: &str = "backend-of-the-test";
pub(super) const KID: &str = "key-1";

/// What the authorisation server knows of the client.
#[derive(Debug, Clone)]
pub(super) enum Registered {
    Es384(Vec<u8>),
    Rs384(Vec<u8>),
}

/// A client whose key is P-384.
pub(super) fn es384() -> (SmartClient, Registered) {
    let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, &SystemRandom::new()).unwrap();
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, made.as_ref()).unwrap();
    (client(made.as_ref()), Registered::Es384(pair.public_key().as_ref().to_vec()))
}

/// A client whose key is RSA.
pub(super) fn rs384() -> (SmartClient, Registered) {
    let pair = aws_lc_rs::rsa::KeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).unwrap();
    let der = AsDer::<Pkcs8V1Der<'_>>::as_der(&pair).unwrap();
    (client(der.as_ref()), Registered::Rs384(pair.public_key().as_ref().to_vec()))
}

fn client(der: &[u8]) -> SmartClient {
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(der));
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("key.pem"), pem).unwrap();
    let held = json!({"client_id": CLIENT, "kid": KID, "scope": SCOPE, "key_file": "key.pem"});
    let file = folder.path().join("client.json");
    std::fs::write(&file, held.to_string()).unwrap();
    SmartClient::read(&file).unwrap()
}
