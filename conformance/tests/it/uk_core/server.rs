//! A FHIR server that holds records of UK Core and validates what it is sent: right, or wrong in exactly one thing.

use std::convert::Infallible;
use std::sync::{Arc, LazyLock, Mutex};

use bytes::Bytes;
use conformance::definitions::Definitions;
use conformance::tree::{self, Tree};
use conformance::validate::{Severity, validate};
use fhir::json::Limits;
use fhir::nhs_number::NhsNumber;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::{Fault, records};

static DEFINITIONS: LazyLock<Definitions> = LazyLock::new(|| Definitions::shipped().unwrap());

struct Server {
    fault: Fault,
    base: String,
    held: Mutex<Vec<Value>>,
}

type Told = (u16, Option<String>, Value);

pub(super) async fn start(fault: Fault) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let mut held = records::all();
    spoil(fault, &mut held);
    if matches!(fault, Fault::Closed(_)) {
        refer(&mut held, &base);
    }
    let server = Arc::new(Server { fault, base: base.clone(), held: Mutex::new(held) });
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
fn render((status, location, body): Told) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.to_string().into()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    response.headers_mut().insert("content-type", HeaderValue::from_static("application/fhir+json"));
    if let Some(location) = location {
        response.headers_mut().insert("location", HeaderValue::from_str(&location).unwrap());
    }
    response
}

fn one<'a>(held: &'a mut [Value], kind: &str) -> &'a mut Value {
    held.iter_mut().find(|held| held["resourceType"] == *kind).unwrap()
}

/// Who cared for the patient, where and with what.
fn refer(held: &mut [Value], base: &str) {
    let to = |kind: &str| json!({"reference": format!("{kind}/held-1")});
    let stay = one(held, "Encounter");
    stay["participant"] = json!([{"individual": to("Practitioner")}, {"individual": to("PractitionerRole")}]);
    stay["location"] = json!([{"location": to("Location")}]);
    stay["serviceProvider"] = json!({"reference": format!("{base}/Organization/held-1")});
    let order = one(held, "MedicationRequest").as_object_mut().unwrap();
    order.remove("medicationCodeableConcept");
    order.insert("medicationReference".to_owned(), to("Medication"));
}

fn spoil(fault: Fault, held: &mut [Value]) {
    let number = "/identifier/0/value";
    match fault {
        Fault::Spoilt(kind) | Fault::Closed(Some(kind)) => records::spoil(one(held, kind)),
        Fault::ProfileUnknown => {
            let profile = "https://fhir.hl7.org.uk/StructureDefinition/UKCore-Wizard";
            one(held, "Procedure")["meta"]["profile"] = json!([profile]);
        }
        Fault::NumberMistyped => *one(held, "Patient").pointer_mut(number).unwrap() = json!("9990000027"),
        Fault::NumberGrouped => *one(held, "Patient").pointer_mut(number).unwrap() = json!("999 000 0026"),
        Fault::NumberOldSystem => {
            one(held, "Patient")["identifier"][0]["system"] = json!("http://fhir.nhs.net/Id/nhs-number");
        }
        Fault::NumberTwice => {
            let second = json!({"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990000018"});
            one(held, "Patient")["identifier"].as_array_mut().unwrap().push(second);
        }
        Fault::StatusMissing => {
            one(held, "Patient")["identifier"][0].as_object_mut().unwrap().remove("extension");
        }
        Fault::StatusUncoded => {
            let coding = "/identifier/0/extension/0/valueCodeableConcept/coding/0/code";
            *one(held, "Patient").pointer_mut(coding).unwrap() = json!("verified");
        }
        Fault::OdsLower => *one(held, "Organization").pointer_mut(number).unwrap() = json!("zz9x9"),
        Fault::OdsOldSystem => {
            one(held, "Location")["identifier"][0]["system"] = json!("http://fhir.nhs.net/Id/ods-site-code");
        }
        Fault::SnomedOldSystem => {
            one(held, "Condition")["code"]["coding"][0]["system"] = json!("http://snomed.org/sct");
        }
        Fault::SnomedMistyped => one(held, "Condition")["code"]["coding"][0]["code"] = json!("73211008"),
        Fault::DmdOldSystem => {
            let coding = "/medicationCodeableConcept/coding/0/system";
            *one(held, "MedicationRequest").pointer_mut(coding).unwrap() =
                json!("https://fhir.hl7.org.uk/Id/dm+d");
        }
        Fault::ExtensionUnknown => {
            let url = "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-BirthSecks";
            one(held, "Patient")["extension"] = json!([{"url": url, "valueString": "x"}]);
        }
        Fault::NoForeignCodes => {
            one(held, "Condition")["code"] = json!({"text": "diabetes"});
            one(held, "AllergyIntolerance")["code"] = json!({"text": "allergy to penicillin"});
            one(held, "MedicationRequest")["medicationCodeableConcept"] = json!({"text": "paracetamol"});
        }
        Fault::ProfileNowhere => {
            one(held, "Procedure")["meta"]["profile"]
                .as_array_mut()
                .unwrap()
                .push(json!("https://a.example/P"));
        }
        _ => {}
    }
}

impl Server {
    #[expect(clippy::disallowed_methods, reason = "bounded; a test server is no part of the gateway")]
    async fn answer(&self, request: Request<Incoming>) -> Told {
        let (parts, body) = request.into_parts();
        let body = Limited::new(body, 1 << 20).collect().await.unwrap().to_bytes();
        let path: Vec<&str> = parts.uri.path().split('/').filter(|part| !part.is_empty()).collect();
        let query = parts.uri.query().unwrap_or_default();
        match (&parts.method, path.as_slice()) {
            (&Method::GET, ["metadata"]) => (200, None, self.statement()),
            (&Method::GET, [_])
                if matches!(self.fault, Fault::Closed(_)) && !query.contains("patient=held-1") =>
            {
                outcome(400)
            }
            (
                &Method::GET,
                ["Practitioner" | "PractitionerRole" | "Organization" | "Location" | "Medication"],
            )
            | (&Method::GET, ["Location", _])
                if matches!(self.fault, Fault::Closed(_)) =>
            {
                outcome(400)
            }
            (&Method::GET, [kind]) => (200, None, self.search(kind, query)),
            (&Method::GET, [kind, id]) => {
                let held = self.held.lock().unwrap();
                match held.iter().find(|held| held["resourceType"] == **kind && held["id"] == **id) {
                    Some(found) => (200, None, found.clone()),
                    None => outcome(404),
                }
            }
            (&Method::DELETE, [kind, id]) => {
                self.held.lock().unwrap().retain(|held| held["resourceType"] != **kind || held["id"] != **id);
                outcome(200)
            }
            (&Method::POST, [kind]) => self.create(kind, body),
            _ => outcome(404),
        }
    }

    fn statement(&self) -> Value {
        let codes = ["read", "create", "delete", "search-type"];
        let interaction: Vec<Value> = codes.iter().map(|code| json!({"code": code})).collect();
        let resource = |kind: &&str| {
            let profile = match (self.fault, *kind) {
                (Fault::SupportedUnknown, "Encounter") => "Wizard",
                (Fault::SupportedElsewhere, "Encounter") => "Procedure",
                (_, kind) => kind,
            };
            let profile = format!("https://fhir.hl7.org.uk/StructureDefinition/UKCore-{profile}");
            let mut held = json!({"type": kind, "interaction": interaction, "supportedProfile": [profile]});
            if (self.fault, *kind) == (Fault::ClaimsUnstated, "Procedure") {
                held.as_object_mut().unwrap().remove("supportedProfile");
            }
            held
        };
        let resource: Vec<Value> = records::KINDS.iter().map(resource).collect();
        json!({
            "resourceType": "CapabilityStatement", "status": "active", "date": "2026-01-01", "kind": "instance",
            "fhirVersion": "4.0.1", "format": ["json"], "implementation": {"description": "test"},
            "rest": [{"mode": "server", "resource": resource}]
        })
    }

    fn search(&self, kind: &str, query: &str) -> Value {
        let held = self.held.lock().unwrap();
        let wanted =
            query.strip_prefix("identifier=").map(|held| held.replace("%3A", ":").replace("%2F", "/"));
        let fits = |held: &&Value| match &wanted {
            Some(wanted) if self.fault != Fault::NumberNotFound => {
                let own = &held["identifier"][0];
                let text = |name: &str| own[name].as_str().unwrap_or_default().to_owned();
                format!("{}%7C{}", text("system"), text("value")) == *wanted
            }
            Some(_) => false,
            None => true,
        };
        let of_kind = held.iter().filter(|held| held["resourceType"] == *kind).filter(fits);
        let mut entries: Vec<Value> = of_kind.map(|held| json!({"resource": held})).collect();
        if query.contains("_include=Encounter:location") {
            let place = held.iter().find(|held| held["resourceType"] == "Location").unwrap();
            entries.push(json!({"resource": place, "search": {"mode": "include"}}));
        }
        json!({"resourceType": "Bundle", "type": "searchset", "total": entries.len(), "entry": entries})
    }

    fn create(&self, kind: &str, body: Bytes) -> Told {
        let Ok(mut sent) = fhir::json::parse_value(body, &Limits::default()) else { return outcome(400) };
        let tree = Tree::read(sent.to_string().as_bytes(), &tree::Limits::default()).unwrap();
        let mut errors: Vec<String> = validate(&tree, &DEFINITIONS, &[])
            .into_iter()
            .filter(|one| one.severity == Severity::Error)
            .map(|one| format!("{} {} {}", one.path, one.rule.code(), one.text))
            .collect();
        let number = sent["identifier"][0]["value"].as_str().unwrap_or("9990000018");
        if kind == "Patient" && NhsNumber::parse(number).is_err() {
            errors.push("check digit".to_owned());
        }
        let let_through = match self.fault {
            Fault::Takes(words) => {
                errors.iter().any(|error| words.split('&').all(|word| error.contains(word)))
            }
            _ => false,
        };
        if (!errors.is_empty() && !let_through) || self.fault == Fault::Refuses(kind_of(&sent)) {
            return outcome(422);
        }
        let mut held = self.held.lock().unwrap();
        let id = format!("made-{}", held.len());
        sent["id"] = json!(id);
        held.push(sent.clone());
        (201, Some(format!("{}/{kind}/{id}/_history/1", self.base)), sent)
    }
}

/// The type, by a name that lives as long as the test.
fn kind_of(held: &Value) -> &'static str {
    let kind = held["resourceType"].as_str().unwrap();
    records::KINDS.into_iter().find(|known| *known == kind).unwrap_or_default()
}

fn outcome(status: u16) -> Told {
    (
        status,
        None,
        json!({"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "invalid"}]}),
    )
}
