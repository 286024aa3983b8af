//! A FHIR server with one Patient, right in everything the suites look at, or wrong in exactly one thing.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "each fault changes one place and leaves all others alone"
)]

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use rustls::pki_types::PrivateKeyDer;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// What is wrong with the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    MetadataMissing,
    MetadataIsAnotherResource,
    MetadataMediaType,
    MetadataOtherCharset,
    FormatParameterIgnored,
    MetadataEmptyArray,
    MetadataNull,
    MetadataWithoutDate,
    MetadataUnknownKind,
    MetadataUnknownVersioning,
    MetadataUnknownParameterType,
    MetadataOfR5,
    MetadataFormatXmlOnly,
    MetadataOfAClient,
    MetadataWithoutImplementation,
    MetadataTypeTwice,
    MetadataUnknownType,
    MetadataUnknownElement,
    MetadataUnknownInteraction,
    MetadataParameterTwice,
    ReadFails,
    ReadAnotherType,
    ReadAnotherId,
    ReadMediaType,
    ReadLatin1,
    ReadDuplicateName,
    ReadEmptyString,
    ReadUnknownElement,
    ReadScalarForList,
    ReadTextForBoolean,
    ReadWithoutEtag,
    ReadStrongEtag,
    ReadEtagOfAnotherVersion,
    ReadWithoutLastModified,
    HeadNotFound,
    UnchangedFails,
    UnchangedIgnored,
    VreadMissing,
    VreadAnotherVersion,
    UnknownIdFound,
    UnknownIdFails,
    UnknownTypeFound,
    MalformedAccepted,
    MalformedFails,
    PlainTextFails,
    PictureServedAsJson,
    WrongMethodAccepted,
    UnknownParameterIgnored,
    ErrorsWithoutOutcome,
    OutcomeMediaType,
    OutcomeWithoutIssue,
    OutcomeWithoutCode,
    OutcomeUnknownCode,
    OutcomeUnknownSeverity,
    OutcomeOnlyWarns,
}

/// The marker in the one record; no report may hold it.
pub(crate) const CANARY: &str = "canary-family-name";

/// The id of the one Patient.
pub(crate) const PATIENT: &str = "only-one";

/// Starts the server and returns its base.
pub(crate) async fn start(fault: Fault) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(converse(fault, stream));
        }
    });
    base
}

/// Starts the clean server behind TLS and returns its base and the certificate it shows, in PEM.
pub(crate) async fn start_tls() -> (String, String) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let base = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                if let Ok(stream) = acceptor.accept(stream).await {
                    converse(Fault::None, stream).await;
                }
            });
        }
    });
    (base, made.cert.pem())
}

async fn converse(fault: Fault, stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) {
    let service = service_fn(move |request| answer(fault, request));
    drop(auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await);
}

/// Status, media type, further headers, body.
struct Told {
    status: u16,
    media_type: &'static str,
    headers: Vec<(&'static str, &'static str)>,
    body: Bytes,
}

const FHIR: &str = "application/fhir+json; charset=utf-8";

async fn answer(fault: Fault, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let path: Vec<&str> = request.uri().path().split('/').filter(|part| !part.is_empty()).collect();
    let headers = request.headers();
    let get = matches!(*request.method(), Method::GET | Method::HEAD);
    let told = match (get, path.as_slice()) {
        (true, ["metadata"]) => metadata(fault, headers, request.uri().query()),
        (false, ["metadata"]) if fault == Fault::WrongMethodAccepted => plain(204),
        (false, ["metadata"]) => error(fault, 405, "not-supported"),
        (true, ["Patient"]) => search(fault, request.uri().query().unwrap_or_default()),
        (false, ["Patient"]) => create(fault, headers),
        (true, ["Patient", PATIENT]) => read(fault, request.method(), headers),
        (true, ["Patient", PATIENT, "_history", "7"]) => vread(fault),
        (true, ["Patient", ..]) => match fault {
            Fault::UnknownIdFound => found(patient(fault)),
            Fault::UnknownIdFails => error(fault, 500, "exception"),
            _ => error(fault, 404, "not-found"),
        },
        _ if fault == Fault::UnknownTypeFound => found(patient(fault)),
        _ => error(fault, 404, "not-supported"),
    };
    Ok(render(told))
}

#[expect(clippy::disallowed_methods, reason = "a test server is no part of the gateway")]
fn render(told: Told) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(told.body));
    *response.status_mut() = StatusCode::from_u16(told.status).unwrap();
    if !told.media_type.is_empty() {
        response.headers_mut().insert("content-type", HeaderValue::from_static(told.media_type));
    }
    for (name, value) in told.headers {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

fn plain(status: u16) -> Told {
    Told { status, media_type: "", headers: Vec::new(), body: Bytes::new() }
}

fn found(resource: Value) -> Told {
    Told { status: 200, media_type: FHIR, headers: Vec::new(), body: resource.to_string().into() }
}

fn error(fault: Fault, status: u16, code: &str) -> Told {
    if fault == Fault::ErrorsWithoutOutcome {
        return Told { status, media_type: "text/html", headers: Vec::new(), body: "<p>oops</p>".into() };
    }
    let severity = match fault {
        Fault::OutcomeUnknownSeverity => "catastrophic",
        Fault::OutcomeOnlyWarns => "warning",
        _ => "error",
    };
    let code = if fault == Fault::OutcomeUnknownCode { "whoops" } else { code };
    let outcome = match fault {
        Fault::OutcomeWithoutIssue => json!({"resourceType": "OperationOutcome"}),
        Fault::OutcomeWithoutCode => {
            json!({"resourceType": "OperationOutcome", "issue": [{"severity": severity}]})
        }
        _ => json!({"resourceType": "OperationOutcome", "issue": [{"severity": severity, "code": code}]}),
    };
    let media_type = if fault == Fault::OutcomeMediaType { "application/json" } else { FHIR };
    Told { status, media_type, headers: Vec::new(), body: outcome.to_string().into() }
}

fn statement(fault: Fault) -> Value {
    let resource = json!({
        "type": "Patient",
        "versioning": if fault == Fault::MetadataUnknownVersioning { "sometimes" } else { "versioned" },
        "interaction": [{"code": "read"}, {"code": "vread"}, {"code": "create"}, {"code": "search-type"}],
        "searchParam": [{"name": "identifier", "type": "token"}]
    });
    let mut statement = json!({
        "resourceType": "CapabilityStatement", "status": "active", "date": "2026-01-01", "kind": "instance",
        "fhirVersion": "4.0.1", "format": ["application/fhir+json"],
        "implementation": {"description": "reference server of the suites"},
        "rest": [{"mode": "server", "resource": [resource.clone()]}]
    });
    match fault {
        Fault::MetadataIsAnotherResource => statement["resourceType"] = json!("Basic"),
        Fault::MetadataEmptyArray => statement["instantiates"] = json!([]),
        Fault::MetadataNull => statement["title"] = Value::Null,
        Fault::MetadataWithoutDate => drop(statement.as_object_mut().unwrap().remove("date")),
        Fault::MetadataUnknownKind => statement["kind"] = json!("wish"),
        Fault::MetadataUnknownParameterType => {
            statement["rest"][0]["resource"][0]["searchParam"][0]["type"] = json!("magic");
        }
        Fault::MetadataOfR5 => statement["fhirVersion"] = json!("5.0.0"),
        Fault::MetadataFormatXmlOnly => statement["format"] = json!(["application/fhir+xml"]),
        Fault::MetadataOfAClient => statement["rest"][0]["mode"] = json!("client"),
        Fault::MetadataWithoutImplementation => {
            drop(statement.as_object_mut().unwrap().remove("implementation"));
        }
        Fault::MetadataTypeTwice => statement["rest"][0]["resource"] = json!([resource, resource]),
        Fault::MetadataUnknownType => statement["rest"][0]["resource"][0]["type"] = json!("Wizard"),
        Fault::MetadataUnknownElement => statement["mood"] = json!("good"),
        Fault::MetadataUnknownInteraction => {
            statement["rest"][0]["resource"][0]["interaction"][0]["code"] = json!("guess");
        }
        Fault::MetadataParameterTwice => {
            let twice =
                json!([{"name": "identifier", "type": "token"}, {"name": "identifier", "type": "string"}]);
            statement["rest"][0]["resource"][0]["searchParam"] = twice;
        }
        _ => {}
    }
    statement
}

fn metadata(fault: Fault, headers: &HeaderMap, query: Option<&str>) -> Told {
    let accept = headers.get("accept").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let by_format = query == Some("_format=json") && fault != Fault::FormatParameterIgnored;
    if fault == Fault::MetadataMissing {
        return error(fault, 404, "not-found");
    }
    if !accept.contains("json") && !by_format && fault != Fault::PictureServedAsJson {
        return error(fault, 406, "not-supported");
    }
    let media_type = match fault {
        Fault::MetadataMediaType => "text/plain; charset=utf-8",
        Fault::MetadataOtherCharset => "application/fhir+json; charset=ISO-8859-1",
        _ => FHIR,
    };
    Told { status: 200, media_type, headers: Vec::new(), body: statement(fault).to_string().into() }
}

fn patient(fault: Fault) -> Value {
    let mut patient = json!({
        "resourceType": "Patient", "id": PATIENT, "meta": {"versionId": "7"},
        "name": [{"family": CANARY, "given": ["A", null], "_given": [null, {"id": "x"}]}]
    });
    match fault {
        Fault::ReadAnotherType => patient["resourceType"] = json!("Person"),
        Fault::ReadAnotherId => patient["id"] = json!("another"),
        Fault::ReadUnknownElement => patient["name"][0]["nick"] = json!("A"),
        Fault::ReadScalarForList => patient["name"] = json!({"family": CANARY}),
        Fault::ReadTextForBoolean => patient["active"] = json!("true"),
        Fault::ReadEmptyString => patient["gender"] = json!(""),
        _ => {}
    }
    patient
}

fn read(fault: Fault, method: &Method, headers: &HeaderMap) -> Told {
    if fault == Fault::ReadFails {
        return error(fault, 500, "exception");
    }
    if *method == Method::HEAD && fault == Fault::HeadNotFound {
        return error(fault, 404, "not-found");
    }
    if headers.contains_key("if-none-match") {
        match fault {
            Fault::UnchangedFails => return error(fault, 412, "conflict"),
            Fault::UnchangedIgnored => {}
            _ => return plain(304),
        }
    }
    let mut body = patient(fault).to_string();
    if fault == Fault::ReadDuplicateName {
        body = body.replacen('{', "{\"active\":true,\"active\":false,", 1);
    }
    let mut body = Bytes::from(body);
    if fault == Fault::ReadLatin1 {
        body = body.iter().map(|byte| if *byte == b'-' { 0xE9 } else { *byte }).collect();
    }
    let media_type = match fault {
        Fault::ReadMediaType => "application/json; charset=utf-8",
        _ => FHIR,
    };
    let mut told = Told { status: 200, media_type, headers: Vec::new(), body };
    match fault {
        Fault::ReadWithoutEtag => {}
        Fault::ReadStrongEtag => told.headers.push(("etag", "\"7\"")),
        Fault::ReadEtagOfAnotherVersion => told.headers.push(("etag", "W/\"6\"")),
        _ => told.headers.push(("etag", "W/\"7\"")),
    }
    if fault != Fault::ReadWithoutLastModified {
        told.headers.push(("last-modified", "Thu, 01 Jan 2026 00:00:00 GMT"));
    }
    told
}

fn vread(fault: Fault) -> Told {
    let mut version = patient(fault);
    match fault {
        Fault::VreadMissing => return error(fault, 404, "not-found"),
        Fault::VreadAnotherVersion => version["meta"]["versionId"] = json!("6"),
        _ => {}
    }
    found(version)
}

fn search(fault: Fault, query: &str) -> Told {
    let unknown = query.split('&').any(|pair| !pair.starts_with("_count") && !pair.starts_with("identifier"));
    if unknown && fault != Fault::UnknownParameterIgnored {
        return error(fault, 400, "not-supported");
    }
    let entry = json!({"resource": patient(fault), "search": {"mode": "match"}});
    found(json!({"resourceType": "Bundle", "type": "searchset", "total": 1, "entry": [entry]}))
}

fn create(fault: Fault, headers: &HeaderMap) -> Told {
    let json = headers.get("content-type").is_some_and(|value| value.as_bytes().ends_with(b"json"));
    match (fault, json) {
        (Fault::MalformedAccepted, true) => plain(201),
        (Fault::MalformedFails, true) | (Fault::PlainTextFails, false) => error(fault, 500, "exception"),
        (_, true) => error(fault, 400, "structure"),
        (_, false) => error(fault, 415, "not-supported"),
    }
}
