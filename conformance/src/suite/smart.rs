//! SMART App Launch: discovery, scopes and backend services.
//!
//! Discovery is asked for without a token. Tokens are asked for only with a registered client (`--smart-client`), at the addresses
//! that the endpoint gives; launches by a person are not played. [`requirements`] traces each check to the numbered
//! requirements of the specification.

mod access;
mod checks;
mod configuration;
mod requirements;
mod scope;
mod tokens;

pub(super) use requirements::{SET, TRACED};

use super::judge::{check, joined};
use crate::check::{Check, Grade};

pub(super) const CHECKS: &[Check] =
    &joined::<{ DISCOVERY.len() + checks::CHECKS.len() }>(&[DISCOVERY, checks::CHECKS]);

const DISCOVERY: &[Check] = &[
    check(
        Grade::Shall,
        "smart-configuration-there",
        "the SMART configuration is there without a token",
        "apps do not know where to begin otherwise",
        "https://hl7.org/fhir/smart-app-launch/STU2.2/conformance.html#using-well-known",
        |bench| Box::pin(configuration::there(bench)),
    ),
    check(
        Grade::Shall,
        "smart-configuration-media-type",
        "the SMART configuration is application/json",
        "apps choose their parser by the media type",
        "https://hl7.org/fhir/smart-app-launch/STU2.2/conformance.html#using-well-known",
        |bench| Box::pin(configuration::media_type(bench)),
    ),
    check(
        Grade::Shall,
        "smart-configuration-accept",
        "the SMART configuration is JSON whatever is accepted",
        "apps that accept FHIR alone find nothing",
        "https://hl7.org/fhir/smart-app-launch/STU2.2/conformance.html#using-well-known",
        |bench| Box::pin(configuration::any_accept(bench)),
    ),
    check(
        Grade::Shall,
        "smart-configuration-object",
        "the SMART configuration is one JSON object, each name once",
        "two readers see two configurations",
        "https://hl7.org/fhir/smart-app-launch/STU2.2/conformance.html#using-well-known",
        |bench| Box::pin(configuration::is_object(bench)),
    ),
    check(
        Grade::Should,
        "smart-metadata-open",
        "the CapabilityStatement needs no token",
        "nobody can find out how to get one",
        "https://hl7.org/fhir/R4/http.html#capabilities",
        |bench| Box::pin(configuration::metadata_open(bench)),
    ),
    check(
        Grade::Shall,
        "smart-capabilities",
        "capabilities are listed",
        "apps go by them",
        "https://hl7.org/fhir/smart-app-launch/STU2.2/conformance.html#metadata",
        |bench| Box::pin(configuration::capabilities(bench)),
    ),
    check(
        Grade::May,
        "smart-capability-names",
        "capabilities are those of the specification, or URIs",
        "apps do not know others",
        "https://hl7.org/fhir/smart-app-launch/STU2.2/conformance.html#capabilities",
        |bench| Box::pin(configuration::capability_names(bench)),
    ),
    check(
        Grade::Shall,
        "smart-token-endpoint",
        "there is a token endpoint",
        "no token can be had otherwise",
        "https://hl7.org/fhir/smart-app-launch/STU2.2/conformance.html#metadata",
        |bench| Box::pin(configuration::token_endpoint(bench)),
    ),
    check(
        Grade::Shall,
        "smart-authorization-endpoint",
        "there is an authorization endpoint where launches are offered",
        "no launch can begin otherwise",
        "https://hl7.org/fhir/smart-app-launch/STU2.2/conformance.html#metadata",
        |bench| Box::pin(configuration::authorization_endpoint(bench)),
    ),
    check(
        Grade::Shall,
        "smart-issuer",
        "there is an issuer where OpenID Connect is offered",
        "id tokens cannot be held to it otherwise",
        "https://hl7.org/fhir/smart-app-launch/STU2.2/conformance.html#metadata",
        |bench| Box::pin(configuration::issuer(bench)),
    ),
    check(
        Grade::Shall,
        "smart-jwks-uri",
        "there are keys where OpenID Connect is offered",
        "id tokens cannot be verified otherwise",
        "https://hl7.org/fhir/smart-app-launch/STU2.2/conformance.html#metadata",
        |bench| Box::pin(configuration::jwks_uri(bench)),
    ),
    check(
        Grade::Shall,
        "smart-grant-types",
        "grant types are listed",
        "clients do not know what they may ask for",
        "https://hl7.org/fhir/smart-app-launch/STU2.2/conformance.html#metadata",
        |bench| Box::pin(configuration::grant_types(bench)),
    ),
    check(
        Grade::Shall,
        "smart-launch-grant",
        "who offers launches offers the grant that they need",
        "launches end nowhere",
        "https://hl7.org/fhir/smart-app-launch/STU2.2/conformance.html#metadata",
        |bench| Box::pin(configuration::launch_grant(bench)),
    ),
    check(
        Grade::Should,
        "smart-backend-grant",
        "who offers client_credentials says how clients prove themselves",
        "backend services do not know",
        "https://hl7.org/fhir/smart-app-launch/STU2.2/conformance.html#capabilities",
        |bench| Box::pin(configuration::backend_grant(bench)),
    ),
    check(
        Grade::Shall,
        "smart-signing",
        "RS384 or ES384 is among the algorithms, and none is not",
        "clients hold one of these two",
        "https://hl7.org/fhir/smart-app-launch/STU2.2/client-confidential-asymmetric.html#registering-a-client-communicating-public-keys",
        |bench| Box::pin(configuration::signing(bench)),
    ),
    check(
        Grade::Shall,
        "smart-pkce",
        "S256 is advertised",
        "a code that is intercepted can be redeemed otherwise",
        "https://hl7.org/fhir/smart-app-launch/STU2.2/conformance.html#metadata",
        |bench| Box::pin(configuration::pkce(bench)),
    ),
    check(
        Grade::Shall,
        "smart-pkce-plain",
        "plain is not advertised",
        "it does not protect the code",
        "https://hl7.org/fhir/smart-app-launch/STU2.2/conformance.html#metadata",
        |bench| Box::pin(configuration::no_plain(bench)),
    ),
    check(
        Grade::Shall,
        "smart-addresses-absolute",
        "addresses are absolute",
        "apps resolve relative ones differently",
        "https://hl7.org/fhir/smart-app-launch/STU2.2/conformance.html#using-well-known",
        |bench| Box::pin(configuration::absolute(bench)),
    ),
    check(
        Grade::Shall,
        "smart-addresses-tls",
        "addresses are https",
        "tokens and codes can be read on the way",
        "https://hl7.org/fhir/smart-app-launch/STU2.2/backend-services.html#request-1",
        |bench| Box::pin(configuration::tls(bench)),
    ),
    check(
        Grade::Should,
        "smart-scopes-listed",
        "scopes are listed",
        "clients do not know what they may ask for",
        "https://hl7.org/fhir/smart-app-launch/STU2.2/conformance.html#metadata",
        |bench| Box::pin(configuration::scopes_listed(bench)),
    ),
    check(
        Grade::Shall,
        "smart-scopes-syntax",
        "scopes of resources are written as v1 or v2 does",
        "clients ask for what nobody understands",
        "https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html#scopes-for-requesting-fhir-resources",
        |bench| Box::pin(configuration::scopes_read(bench)),
    ),
    check(
        Grade::Should,
        "smart-scopes-version",
        "who has permission-v2 lists a scope of v2",
        "clients ask in v1 otherwise",
        "https://hl7.org/fhir/smart-app-launch/STU2.2/conformance.html#capabilities",
        |bench| Box::pin(configuration::scopes_version(bench)),
    ),
    check(
        Grade::Should,
        "smart-permission-v1",
        "permission-v1 is among the capabilities",
        "older apps are shut out",
        "https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html#scopes-for-requesting-fhir-resources",
        |bench| Box::pin(configuration::permission_v1(bench)),
    ),
    check(
        Grade::Should,
        "smart-response-types",
        "code is among the response types where launches are offered",
        "clients do not know what they may ask for",
        "https://hl7.org/fhir/smart-app-launch/STU2.2/conformance.html#metadata",
        |bench| Box::pin(configuration::response_types(bench)),
    ),
    check(
        Grade::Should,
        "smart-introspection-endpoint",
        "there is an introspection endpoint",
        "other resource servers cannot hold to decisions",
        "https://hl7.org/fhir/smart-app-launch/STU2.2/conformance.html#metadata",
        |bench| Box::pin(configuration::introspection(bench)),
    ),
    check(
        Grade::Should,
        "smart-revocation-endpoint",
        "there is a revocation endpoint",
        "a token that was lost lives on",
        "https://hl7.org/fhir/smart-app-launch/STU2.2/conformance.html#metadata",
        |bench| Box::pin(configuration::revocation(bench)),
    ),
    check(
        Grade::Shall,
        "smart-cors-configuration",
        "browsers may read the SMART configuration where public clients are offered",
        "apps in browsers cannot begin",
        "https://hl7.org/fhir/smart-app-launch/STU2.2/app-launch.html#considerations-for-cross-origin-resource-sharing-cors-support",
        |bench| Box::pin(configuration::cors_configuration(bench)),
    ),
    check(
        Grade::Shall,
        "smart-cors-metadata",
        "browsers may read the CapabilityStatement where public clients are offered",
        "apps in browsers cannot begin",
        "https://hl7.org/fhir/smart-app-launch/STU2.2/app-launch.html#considerations-for-cross-origin-resource-sharing-cors-support",
        |bench| Box::pin(configuration::cors_metadata(bench)),
    ),
    check(
        Grade::Should,
        "smart-statement-service",
        "the CapabilityStatement names SMART-on-FHIR as its security service",
        "clients that read it alone do not find the configuration",
        "https://hl7.org/fhir/R4/capabilitystatement-definitions.html#CapabilityStatement.rest.security.service",
        |bench| Box::pin(configuration::service_stated(bench)),
    ),
    check(
        Grade::Should,
        "smart-statement-agrees",
        "addresses in the CapabilityStatement are those of the configuration",
        "clients send codes and assertions to two places",
        "https://hl7.org/fhir/smart-app-launch/STU2.2/conformance.html#smart-on-fhir-oauth-authorization-endpoints-and-capabilities",
        |bench| Box::pin(configuration::statement_agrees(bench)),
    ),
];
