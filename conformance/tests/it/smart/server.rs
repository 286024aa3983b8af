//! A FHIR server and its authorisation server: right, or wrong in exactly one thing.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use aws_lc_rs::signature::{ECDSA_P384_SHA384_FIXED, RSA_PKCS1_2048_8192_SHA384, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use fhir::json::Limits;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::Fault;
use super::client::{CLIENT, KID, Registered};

/// What the client may have.
pub(super) const SCOPE: &str = "system/Patient.rs system/Observation.rs";

const FHIR: &str = "application/fhir+json";
const JSON: &str = "application/json";

pub(super) struct Server {
    pub(super) fault: Fault,
    pub(super) base: String,
    pub(super) key: Registered,
    /// Tokens and their scopes.
    tokens: Mutex<HashMap<String, String>>,
    jtis: Mutex<Vec<String>>,
}

/// Status, headers, body.
type Told = (u16, Vec<(&'static str, String)>, String);

pub(super) async fn start(fault: Fault, key: Registered) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let server = Server { fault, base: base.clone(), key, tokens: Mutex::default(), jtis: Mutex::default() };
    let server = Arc::new(server);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let server = Arc::clone(&server);
            tokio::spawn(async move {
                let service = service_fn(move |request| {
                    let server = Arc::clone(&server);
                    async move { Ok::<_, Infallible>(render(server.answer(request).await)) }
                });
                drop(
                    auto::Builder::new(TokioExecutor::new())
                        .serve_connection(TokioIo::new(stream), service)
                        .await,
                );
            });
        }
    });
    base
}

#[expect(clippy::disallowed_methods, reason = "a test server is no part of the gateway")]
fn render((status, headers, body): Told) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    for (name, value) in headers {
        response.headers_mut().insert(name, HeaderValue::from_str(&value).unwrap());
    }
    response
}

fn told(status: u16, media_type: &str, body: &Value) -> Told {
    (status, vec![("content-type", media_type.to_owned())], body.to_string())
}

fn refused(status: u16, error: &str) -> Told {
    told(status, JSON, &json!({"error": error}))
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|held| held.to_str().ok()).unwrap_or_default()
}

fn pairs(text: &str) -> HashMap<String, String> {
    let decoded = |text: &str| {
        let mut out = Vec::new();
        let mut bytes = text.bytes();
        while let Some(byte) = bytes.next() {
            match byte {
                b'%' => {
                    let digits: Vec<u8> = bytes.by_ref().take(2).collect();
                    out.push(u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap());
                }
                other => out.push(other),
            }
        }
        String::from_utf8(out).unwrap()
    };
    text.split('&').filter_map(|pair| pair.split_once('=')).map(|(n, v)| (n.to_owned(), decoded(v))).collect()
}

impl Server {
    #[expect(clippy::disallowed_methods, reason = "bounded; a test server is no part of the gateway")]
    async fn answer(&self, request: Request<Incoming>) -> Told {
        let (parts, body) = request.into_parts();
        let body = Limited::new(body, 1 << 20).collect().await.unwrap().to_bytes();
        let body = String::from_utf8(body.to_vec()).unwrap();
        let (headers, query) = (&parts.headers, parts.uri.query().unwrap_or_default());
        let mut told = match (parts.method == Method::POST, parts.uri.path()) {
            (false, "/.well-known/smart-configuration") => self.configuration(headers),
            (false, "/metadata") => self.metadata(headers),
            (true, "/token") => self.token(&pairs(&body)),
            (true, "/introspect") => self.introspect(headers, &pairs(&body)),
            (true, "/revoke") => self.revoke(&pairs(&body)),
            (false, "/Patient" | "/Observation") => self.search(parts.uri.path(), headers, query),
            _ => told(404, FHIR, &json!({"resourceType": "OperationOutcome"})),
        };
        let closed = match parts.uri.path() {
            "/.well-known/smart-configuration" => self.fault == Fault::CorsConfigurationMissing,
            "/metadata" => self.fault == Fault::CorsMetadataMissing,
            _ => true,
        };
        if !closed {
            told.1.push(("access-control-allow-origin", "*".to_owned()));
        }
        told
    }

    fn configuration(&self, headers: &HeaderMap) -> Told {
        let accept = header(headers, "accept");
        match self.fault {
            Fault::ConfigurationMissing => return refused(404, "none"),
            Fault::ConfigurationByAccept if !accept.contains("json") => return refused(406, "none"),
            _ => {}
        }
        let mut held = json!({
            "issuer": self.base, "jwks_uri": format!("{}/jwks", self.base),
            "authorization_endpoint": format!("{}/authorize", self.base),
            "token_endpoint": format!("{}/token", self.base),
            "introspection_endpoint": format!("{}/introspect", self.base),
            "revocation_endpoint": format!("{}/revoke", self.base),
            "grant_types_supported": ["authorization_code", "client_credentials"],
            "response_types_supported": ["code"],
            "token_endpoint_auth_methods_supported": ["private_key_jwt"],
            "token_endpoint_auth_signing_alg_values_supported": ["ES384", "RS384"],
            "code_challenge_methods_supported": ["S256"],
            "scopes_supported": ["openid", "launch", "patient/Patient.read", "system/*.rs"],
            "capabilities": ["launch-ehr", "client-public", "client-confidential-asymmetric", "sso-openid-connect",
                "permission-v1", "permission-v2", "permission-patient"]
        });
        let without = |held: &mut Value, name: &str| drop(held.as_object_mut().unwrap().remove(name));
        let drop_capability = |held: &mut Value, name: &str| {
            held["capabilities"].as_array_mut().unwrap().retain(|one| one != name);
        };
        match self.fault {
            Fault::CapabilitiesText => held["capabilities"] = json!("launch-ehr"),
            Fault::CapabilityUnknown => {
                held["capabilities"].as_array_mut().unwrap().push(json!("launch-her"))
            }
            Fault::TokenEndpointMissing => without(&mut held, "token_endpoint"),
            Fault::AuthorizationEndpointMissing => without(&mut held, "authorization_endpoint"),
            Fault::IssuerMissing => without(&mut held, "issuer"),
            Fault::JwksMissing => without(&mut held, "jwks_uri"),
            Fault::GrantTypesMissing => without(&mut held, "grant_types_supported"),
            Fault::LaunchGrantMissing => held["grant_types_supported"] = json!(["client_credentials"]),
            Fault::BackendCapabilityMissing => drop_capability(&mut held, "client-confidential-asymmetric"),
            Fault::SigningNone => {
                held["token_endpoint_auth_signing_alg_values_supported"] = json!(["ES384", "none"]);
            }
            Fault::PkceMissing => without(&mut held, "code_challenge_methods_supported"),
            Fault::PkcePlain => held["code_challenge_methods_supported"] = json!(["S256", "plain"]),
            Fault::AddressRelative => held["revocation_endpoint"] = json!("/revoke"),
            Fault::AddressPlain => held["jwks_uri"] = json!("http://ehr.example/jwks"),
            Fault::ScopesMissing => without(&mut held, "scopes_supported"),
            Fault::ScopeMisspelt => held["scopes_supported"] = json!(["system/*.sr"]),
            Fault::ScopesOld => held["scopes_supported"] = json!(["system/*.read"]),
            Fault::PermissionOldMissing => drop_capability(&mut held, "permission-v1"),
            Fault::ResponseTypesMissing => without(&mut held, "response_types_supported"),
            Fault::IntrospectionMissing => without(&mut held, "introspection_endpoint"),
            Fault::RevocationMissing => without(&mut held, "revocation_endpoint"),
            _ => {}
        }
        let media_type = if self.fault == Fault::ConfigurationMediaType { "text/html" } else { JSON };
        let mut told = told(200, media_type, &held);
        if self.fault == Fault::ConfigurationTwice {
            told.2 = told.2.replacen('{', "{\"issuer\":\"https://another.example\",", 1);
        }
        told
    }

    fn metadata(&self, headers: &HeaderMap) -> Told {
        if self.fault == Fault::MetadataClosed && self.bearer(headers).is_none() {
            return refused(401, "closed");
        }
        let token = if self.fault == Fault::StatementDisagrees { "tokens" } else { "token" };
        let uris = json!([{
            "url": "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris",
            "extension": [{"url": "token", "valueUri": format!("{}/{token}", self.base)}]
        }]);
        let mut security = json!({"extension": uris, "service": [{"coding": [{
            "system": "http://terminology.hl7.org/CodeSystem/restful-security-service", "code": "SMART-on-FHIR"}]}]});
        if self.fault == Fault::ServiceMissing {
            security.as_object_mut().unwrap().remove("service");
        }
        let resource =
            |name: &str| json!({"type": name, "interaction": [{"code": "read"}, {"code": "search-type"}]});
        let held = json!({
            "resourceType": "CapabilityStatement", "status": "active", "date": "2026-01-01", "kind": "instance",
            "fhirVersion": "4.0.1", "format": ["json"], "implementation": {"description": "test"},
            "rest": [{"mode": "server", "security": security, "resource": [resource("Patient"), resource("Observation")]}]
        });
        told(200, FHIR, &held)
    }

    fn bearer<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        let held = header(headers, "authorization");
        let other = if self.fault == Fault::SchemeTaken { held.strip_prefix("Basic ") } else { None };
        held.strip_prefix("Bearer ").or(other)
    }

    fn scope_of(&self, token: &str) -> Option<String> {
        let tokens = self.tokens.lock().unwrap();
        match self.fault {
            Fault::GarbageTaken => Some(SCOPE.to_owned()),
            Fault::UnsignedTaken if token.ends_with('.') => Some(SCOPE.to_owned()),
            Fault::GrantedRefused => None,
            Fault::TamperedTaken => tokens
                .iter()
                .find(|(held, _)| held.get(..6) == token.get(..6))
                .map(|(_, scope)| scope.clone()),
            _ => tokens.get(token).cloned(),
        }
    }

    fn search(&self, path: &str, headers: &HeaderMap, query: &str) -> Told {
        let in_query = pairs(query).get("access_token").cloned().filter(|_| self.fault == Fault::QueryTaken);
        let token = self.bearer(headers).map(str::to_owned).or(in_query);
        let scope = token.as_deref().and_then(|token| self.scope_of(token));
        let Some(scope) = scope.or_else(|| (self.fault == Fault::NoTokenNeeded).then(|| SCOPE.to_owned()))
        else {
            let mut told = told(401, FHIR, &json!({"resourceType": "OperationOutcome"}));
            let said = match (token, self.fault) {
                (Some(_), Fault::InvalidTokenUnsaid) | (None, _) => "Bearer realm=\"fhir\"",
                (Some(_), _) => "Bearer error=\"invalid_token\"",
            };
            if self.fault != Fault::ChallengeMissing {
                told.1.push(("www-authenticate", said.to_owned()));
            }
            return told;
        };
        let wanted = format!("system{path}.");
        if !scope.contains(&wanted) && self.fault != Fault::ScopeIgnored {
            return told(403, FHIR, &json!({"resourceType": "OperationOutcome"}));
        }
        told(200, FHIR, &json!({"resourceType": "Bundle", "type": "searchset", "total": 0}))
    }

    fn token(&self, form: &HashMap<String, String>) -> Told {
        let get = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
        if get("grant_type") != "client_credentials" {
            let other = self.fault == Fault::GrantErrorOther;
            return refused(400, if other { "invalid_request" } else { "unsupported_grant_type" });
        }
        let named = self.fault == Fault::AssertionMissingTaken && get("client_id") == CLIENT;
        if !named && self.proved(get("client_assertion")).is_none() {
            let other = self.fault == Fault::ErrorOther;
            return refused(401, if other { "invalid_request" } else { "invalid_client" });
        }
        if self.fault == Fault::TokenNotIssued {
            return refused(400, "invalid_request");
        }
        let wanted: Vec<&str> =
            get("scope").split(' ').filter(|one| SCOPE.split(' ').any(|may| may == *one)).collect();
        let scope = match self.fault {
            Fault::ScopeWidened => SCOPE.to_owned(),
            Fault::ScopeBeyond => get("scope").to_owned(),
            _ if wanted.is_empty() => return refused(400, "invalid_scope"),
            _ => wanted.join(" "),
        };
        self.granted(&scope)
    }

    fn granted(&self, scope: &str) -> Told {
        let mut tokens = self.tokens.lock().unwrap();
        let token = format!("{:06}-opaque-{}", tokens.len(), "q".repeat(24));
        tokens.insert(token.clone(), scope.to_owned());
        let mut held =
            json!({"access_token": token, "token_type": "bearer", "expires_in": 300, "scope": scope});
        match self.fault {
            Fault::TokenTypeOther => held["token_type"] = json!("mac"),
            Fault::ExpiresMissing => drop(held.as_object_mut().unwrap().remove("expires_in")),
            Fault::LifetimeLong => held["expires_in"] = json!(3_600),
            Fault::ScopeUntold => drop(held.as_object_mut().unwrap().remove("scope")),
            Fault::RefreshGiven => held["refresh_token"] = json!("again"),
            _ => {}
        }
        let mut told =
            told(200, if self.fault == Fault::TokenMediaType { "text/plain" } else { JSON }, &held);
        if self.fault != Fault::StoreAllowed {
            told.1.push(("cache-control", "no-store".to_owned()));
        }
        told
    }

    /// Whether an assertion proves the client.
    fn proved(&self, assertion: &str) -> Option<()> {
        let (signed, signature) = assertion.rsplit_once('.')?;
        let (head, body) = signed.split_once('.')?;
        let parsed = |part: &str| {
            let bytes = URL_SAFE_NO_PAD.decode(part).ok()?;
            fhir::json::parse_value(bytes.into(), &Limits::default()).ok()
        };
        let (head, body) = (parsed(head)?, parsed(body)?);
        let must = |holds: bool, excuse: Fault| (holds || self.fault == excuse).then_some(());
        let unsigned = self.fault == Fault::UnsignedAssertionTaken && head["alg"] == "none";
        if !unsigned {
            must(head["kid"] == KID, Fault::KidIgnored)?;
            let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
            let verified = match &self.key {
                Registered::Es384(key) => UnparsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, key)
                    .verify(signed.as_bytes(), &signature),
                Registered::Rs384(key) => UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA384, key)
                    .verify(signed.as_bytes(), &signature),
            };
            must(verified.is_ok(), Fault::SignatureIgnored)?;
        }
        must(body["aud"] == format!("{}/token", self.base), Fault::AudienceIgnored)?;
        must(body["iss"] == CLIENT || body["iss"] != body["sub"], Fault::IssuerIgnored)?;
        must(body["sub"] == CLIENT || body["iss"] == body["sub"], Fault::SubjectIgnored)?;
        let ends = body["exp"].as_i64()?;
        must(ends > jiff::Timestamp::now().as_second(), Fault::ExpiryIgnored)?;
        let mut jtis = self.jtis.lock().unwrap();
        let jti = body["jti"].as_str()?.to_owned();
        must(!jtis.contains(&jti), Fault::ReplayTaken)?;
        jtis.push(jti);
        Some(())
    }

    fn introspect(&self, headers: &HeaderMap, form: &HashMap<String, String>) -> Told {
        if self.bearer(headers).and_then(|token| self.scope_of(token)).is_none() {
            return refused(401, "invalid_token");
        }
        let tokens = self.tokens.lock().unwrap();
        let scope = form.get("token").and_then(|token| tokens.get(token));
        let held = match (scope, self.fault) {
            (Some(_), Fault::IntrospectionInactive) => json!({"active": false}),
            (Some(_), Fault::IntrospectionBare) => json!({"active": true}),
            (Some(scope), _) => {
                json!({"active": true, "scope": scope, "client_id": CLIENT, "exp": 1_900_000_000})
            }
            (None, Fault::IntrospectionUnknownActive) => json!({"active": true}),
            (None, _) => json!({"active": false}),
        };
        told(200, JSON, &held)
    }

    fn revoke(&self, form: &HashMap<String, String>) -> Told {
        match (self.fault, form.get("token")) {
            (Fault::RevocationFails, _) => return refused(500, "server_error"),
            (Fault::RevokedTaken, _) | (_, None) => {}
            (_, Some(token)) => drop(self.tokens.lock().unwrap().remove(token)),
        }
        told(200, JSON, &json!({}))
    }
}
