//! A whole site on loopback: settings and agreements as files, an issuer, a hospital, and the gateway in front of it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use gateway::clock::Clock;
use gateway::serve::{Running, Unstartable};
use gateway::settings::Claims;
use jsonwebtoken::Algorithm;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpStream;

use super::front::ask;
use super::identity::{SigningKey, issuer};
use super::ports::free;
use super::sharing::agreement;
use super::upstream::{Play, Seen, System, fhir};

pub(crate) const STAFF: &str = "https://identity.hospital.example";
pub(crate) const LOGIN: &str = "https://sign-in.example";

/// The files of a site, its hospital and its keys.
pub(crate) struct Whole {
    pub(crate) folder: TempDir,
    pub(crate) hospital: System,
    pub(crate) requests: SocketAddr,
    staff: SigningKey,
    person: SigningKey,
}

pub(crate) const PATIENT: &str = r#"{"resourceType":"Patient","id":"p1","meta":{"versionId":"7","source":"secret-source"},"identifier":[{"system":"https://fhir.nhs.uk/Id/nhs-number","value":"9990000018"}],"name":[{"family":"Example","given":["Ann"]}],"telecom":[{"value":"secret-phone"}],"birthDate":"1950-01-01"}"#;

/// What a site shares where a test does not say otherwise.
const PERSON: &str = r#"[share.person.Patient]
identifier = "to be sure it is the right person"
name = "to address the person"
birthDate = "doses differ by age"
"#;

/// Answers reads and searches of the one Patient, and nothing else.
pub(crate) fn one_patient(seen: &Seen) -> Play {
    let found = format!(
        r#"{{"resourceType":"Bundle","type":"searchset","total":1,"entry":[{{"search":{{"mode":"match"}},"resource":{PATIENT}}}]}}"#
    );
    let none = r#"{"resourceType":"Bundle","type":"searchset","total":0}"#;
    let asks_for_her = seen.body.contains("p1") || seen.body.contains("9990000018");
    Play::Bytes(match seen.line.as_str() {
        "GET /fhir/Patient/p1 HTTP/1.1" => fhir("200 OK", PATIENT),
        "POST /fhir/Patient/_search HTTP/1.1" if asks_for_her => fhir("200 OK", &found),
        line if line.starts_with("POST ") => fhir("200 OK", none),
        _ => fhir("404 Not Found", r#"{"resourceType":"OperationOutcome"}"#),
    })
}

impl Whole {
    /// A site whose hospital answers as `script` says.
    pub(crate) async fn with(script: impl Fn(&Seen) -> Play + Send + Sync + 'static) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let hospital = System::start(None, move |seen, _| script(seen)).await;
        let (staff, person) =
            (SigningKey::new(Algorithm::ES256, "staff"), SigningKey::new(Algorithm::ES256, "person"));
        issuer(folder.path(), STAFF, Claims::Iua, &[&staff]);
        issuer(folder.path(), LOGIN, Claims::NhsLogin, &[&person]);
        let whole = Self { folder, hospital, requests: free(), staff, person };
        whole.write_settings("in-force");
        whole
    }

    /// Writes settings and an agreement of this status.
    pub(crate) fn write_settings(&self, status: &str) {
        let (requests, hospital) = (self.requests, self.hospital.address);
        let ops =
            std::fs::read_to_string(self.folder.path().join("ops")).unwrap_or_else(|_| free().to_string());
        std::fs::write(self.folder.path().join("ops"), &ops).unwrap();
        let settings = format!(
            r#"
[gateway]
organisation = "ods:RX1"
base = "http://{requests}"
state = "state"
agreements = "agreements"
contact = "the Caldicott Guardian"
oversight = ["R5105"]
consent_recorders = ["R5105"]
[organisations]
"ods:RX1" = "Northshire Hospitals"
[listen]
address = "{requests}"
ops = "{ops}"
[[issuer]]
issuer = "{STAFF}"
keys = "Iua.jwks.json"
claims = "iua"
[[issuer]]
issuer = "{LOGIN}"
keys = "NhsLogin.jwks.json"
claims = "nhs-login"
[[system]]
name = "hospital"
organisation = "ods:RX1"
protocol = "fhir-r4"
base = "http://{hospital}/fhir"
trusted_identity = true
"#
        );
        let agreement = agreement("open", PERSON).replacen("in-force", status, 1);
        let agreements = self.folder.path().join("agreements");
        std::fs::create_dir_all(agreements).unwrap();
        self.agrees(&agreement);
        std::fs::write(self.config(), settings).unwrap();
    }

    /// Writes this agreement in place of the one that is there.
    pub(crate) fn agrees(&self, agreement: &str) {
        std::fs::write(self.folder.path().join("agreements/wards.toml"), agreement).unwrap();
    }

    /// Adds to the agreement.
    pub(crate) fn also_agree(&self, text: &str) {
        let file = self.folder.path().join("agreements/wards.toml");
        self.agrees(&(std::fs::read_to_string(file).unwrap() + text));
    }

    /// Adds to the settings, in the table of the hospital.
    pub(crate) fn also_set(&self, text: &str) {
        let settings = std::fs::read_to_string(self.config()).unwrap();
        std::fs::write(self.config(), settings + text).unwrap();
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.folder.path().join("portcullis.toml")
    }

    pub(crate) fn ops(&self) -> SocketAddr {
        std::fs::read_to_string(self.folder.path().join("ops")).unwrap().parse().unwrap()
    }

    /// Gives exchanges the time that a machine under load may need, where the test says nothing else: time is tested where a
    /// test sets it.
    fn takes_its_time(&self) {
        let mut settings = std::fs::read_to_string(self.config()).unwrap();
        if !settings.contains("timeout_ms") {
            let trusted = "trusted_identity = true\n";
            settings = settings.replacen(trusted, &format!("{trusted}timeout_ms = 300000\n"), 1);
            let limits = "[limits]\n";
            let longer = format!("{limits}exchange_timeout_ms = 600000\n");
            settings = match settings.contains(limits) {
                true => settings.replacen(limits, &longer, 1),
                false => longer + &settings,
            };
            std::fs::write(self.config(), settings).unwrap();
        }
    }

    pub(crate) async fn start(&self) -> Result<Running, Unstartable> {
        self.takes_its_time();
        Running::start(&self.config(), Clock::machine()).await
    }

    /// A token of a consultant of the hospital, who asks for the purpose of treatment.
    pub(crate) fn consultant(&self) -> String {
        self.staff_token("R0050")
    }

    pub(crate) fn staff_token(&self, role: &str) -> String {
        self.staff_of("RX1", role)
    }

    /// A token of somebody of another organisation.
    pub(crate) fn staff_of(&self, organisation: &str, role: &str) -> String {
        self.staff.token(&json!({
            "iss": STAFF, "sub": "dr-1", "aud": format!("http://{}", self.requests), "exp": soon(), "jti": "t-1",
            "subject_name": "Dr One", "subject_organization_id": organisation, "subject_role": role,
            "purpose_of_use": "TREAT"
        }))
    }

    /// A token of the person herself.
    pub(crate) fn ann(&self) -> String {
        self.herself("9990000018", "Ann Example")
    }

    /// A token of the person with this number.
    pub(crate) fn herself(&self, number: &str, name: &str) -> String {
        self.person.token(&json!({
            "iss": LOGIN, "sub": number, "aud": format!("http://{}", self.requests), "exp": soon(),
            "nhs_number": number, "identity_proofing_level": "P9", "name": name
        }))
    }

    /// Asks on a connection of its own; gives status, head and body.
    pub(crate) async fn get(&self, path: &str, token: Option<&str>) -> (u16, String, String) {
        let mut stream = TcpStream::connect(self.requests).await.unwrap();
        ask(&mut stream, &self.request("GET", path, token, "", "")).await.unwrap()
    }

    pub(crate) fn request(
        &self,
        method: &str,
        path: &str,
        token: Option<&str>,
        headers: &str,
        body: &str,
    ) -> String {
        let token = token.map_or_else(String::new, |token| format!("authorization: Bearer {token}\r\n"));
        let length = match body {
            "" => String::new(),
            body => format!("content-length: {}\r\n", body.len()),
        };
        format!("{method} {path} HTTP/1.1\r\nhost: {}\r\n{token}{headers}{length}\r\n{body}", self.requests)
    }

    /// The record in every entry of the ledger, in order.
    pub(crate) fn records(&self) -> Vec<Value> {
        let parse = |text: &str| {
            fhir::json::parse_value(text.to_owned().into(), &fhir::json::Limits::default()).unwrap()
        };
        self.entries().iter().map(|entry| parse(entry["payload"].as_str().unwrap())).collect()
    }

    /// Where its ledger is.
    pub(crate) fn ledger(&self) -> PathBuf {
        self.folder.path().join("state/ledger")
    }

    /// What every entry of the ledger says, in order.
    pub(crate) fn entries(&self) -> Vec<Value> {
        entries(&self.ledger())
    }
}

/// What every entry of the ledger in `folder` says, in order.
pub(crate) fn entries(folder: &Path) -> Vec<Value> {
    let evidence = gateway::commands::ledger::Evidence { folder: folder.to_owned(), public_key: None };
    let (mut out, mut faults) = (Vec::new(), Vec::new());
    let what = gateway::ledger::Exported::Entries;
    let exit = gateway::commands::ledger::export(&evidence, what, &mut out, &mut faults);
    assert_eq!(exit, gateway::commands::Exit::Held, "{}", String::from_utf8_lossy(&faults));
    let lines = String::from_utf8(out).unwrap();
    let parse =
        |line: &str| fhir::json::parse_value(line.to_owned().into(), &fhir::json::Limits::default()).unwrap();
    lines.lines().map(parse).collect()
}

fn soon() -> i64 {
    jiff::Timestamp::now().as_second() + 600
}
