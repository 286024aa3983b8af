//! The sign-in page signs what any JOSE library verifies, for everyone in the story.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use examples::json::{parse, text};
use examples::sign_in::{ACTORS, SignIn};
use examples::wire::Caller;
use http::Method;
use serde_json::Value;

fn decoded(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}

/// The claims of a token, when the key of the JWKS verifies it.
fn verified(token: &str, jwks: &Value) -> Value {
    let parts: Vec<&str> = token.split('.').collect();
    let point =
        [vec![4], decoded(text(jwks, "/keys/0/x").unwrap()), decoded(text(jwks, "/keys/0/y").unwrap())]
            .concat();
    let message = format!("{}.{}", parts[0], parts[1]);
    let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point);
    key.verify(message.as_bytes(), &decoded(parts[2])).unwrap();
    parse(&decoded(parts[1])).unwrap()
}

#[tokio::test]
async fn every_actor_has_a_token_that_the_published_key_verifies() {
    let sign_in = SignIn::start("http://127.0.0.1:1", &ACTORS).await.unwrap();
    let jwks = sign_in.jwks();
    for actor in &ACTORS {
        let claims = verified(&sign_in.token(actor).unwrap(), &jwks);
        assert_eq!(text(&claims, "/aud"), Some("http://127.0.0.1:1"));
        let life = claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap();
        assert_eq!(life, 2 * 60 * 60, "{}", actor.name);
    }
}

#[tokio::test]
async fn the_page_offers_everyone_and_signs_in_whom_it_is_asked_for() {
    let sign_in = SignIn::start("http://127.0.0.1:1", &ACTORS).await.unwrap();
    let caller = Caller::default();
    let page = caller.call(Method::GET, &sign_in.base, &[], Vec::new()).await.unwrap();
    let page = String::from_utf8(page.body.to_vec()).unwrap();
    assert!(ACTORS.iter().all(|actor| page.contains(&format!("value=\"{}\"", actor.name))));

    let place = format!("{}/sign-in", sign_in.base);
    let chosen = caller.call(Method::POST, &place, &[], b"actor=patient_ann".to_vec()).await.unwrap();
    let chosen = String::from_utf8(chosen.body.to_vec()).unwrap();
    assert!(chosen.contains("action=\"http://127.0.0.1:1/me/session\""));
    let nobody = caller.call(Method::POST, &place, &[], b"actor=root".to_vec()).await.unwrap();
    assert_eq!(nobody.status, 404);
}
