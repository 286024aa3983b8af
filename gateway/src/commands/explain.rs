//! `portcullis explain`: the ruling on one request, rule by rule, by the functions that rule on live traffic.
//!
//! The systems are a file: a Bundle with what they would answer. Nothing is asked of any system, nothing is recorded,
//! and no content is printed: who, which rule, which elements.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use fhir::json;
use jiff::Timestamp;
use serde_json::Value;

use super::Exit;
use crate::decision::calendar::day_of;
use crate::decision::ruling::Question;
use crate::decision::{admit, admit_own, decide};
use crate::enforce::answer::{Frame, minimise};
use crate::enforce::household::Sheltered;
use crate::enforce::medicines;
use crate::follow::Ruled;
use crate::interaction::{Interaction, parse};
use crate::requestor::Requestor;
use crate::requestor::stated::stated;
use crate::seal::Seal;
use crate::server::arrived::{Arrived, Body, Headers, Method, RequestId, Secret};
use crate::server::format::{Format, Instead};
use crate::server::target::Target;
use crate::settings::check::load;
use crate::settings::{Households, Settings};
use crate::trail::audit_event::Site;
use crate::trail::record::Exchange;
use record::{Found, Record};
use report::Report;

mod asked;
mod record;
mod report;
mod rules;
mod words;

const FILE_BYTES_MAX: u64 = 64 << 20;

/// Explain the ruling on one request, rule by rule: who may see what of whom, and why or why not.
///
/// The same code rules on live traffic. Nothing is asked of any system and nothing is recorded. What the systems would
/// answer comes from a file: a FHIR Bundle of type collection with the Patient, whatever ties the requestor to her
/// (CareTeam, Encounter, EpisodeOfCare, ServiceRequest), the Organizations and Practitioners these refer to, Consents,
/// and the resources asked for. An entry belongs to the system under whose base its fullUrl lies, else to the system
/// that is asked; a Consent without such a fullUrl stands for one that the gateway keeps itself.
///
/// Without evidence it lists what would be needed and assumes none of it.
///
/// Exit status: 0 permitted, 1 refused, 64 faults in the settings, 65 faults in the other files or the interaction.
#[derive(Debug, clap::Args)]
pub struct ExplainArgs {
    /// The settings file.
    #[arg(long, value_name = "FILE", default_value = "portcullis.toml")]
    config: PathBuf,
    /// Who asks: the claims of a token (JSON), with `iss` naming an issuer of the settings; or {"san": "dns:..."}.
    #[arg(long, value_name = "FILE")]
    requestor: PathBuf,
    /// What is asked, such as 'GET /hospital/fhir/Patient/1' or 'GET /hospital/fhir/Condition?patient=1'.
    #[arg(long, value_name = "REQUEST")]
    interaction: String,
    /// What the systems would answer: a Bundle (JSON).
    #[arg(long, value_name = "FILE")]
    evidence: Option<PathBuf>,
    /// The body of a request that has one.
    #[arg(long, value_name = "FILE")]
    body: Option<PathBuf>,
    /// The text of the header Portcullis-Override-Reason.
    #[arg(long, value_name = "TEXT")]
    override_reason: Option<String>,
    /// The moment to rule on, such as 2026-06-01T12:00:00Z; now unless given.
    #[arg(long, value_name = "TIME")]
    at: Option<Timestamp>,
}

/// What cannot be explained, and what to do. Texts are fixed; nothing of a file stands in them.
#[derive(Debug, thiserror::Error)]
enum Unexplained {
    #[error("{file}: {fault}", file = .file.display())]
    File { file: PathBuf, fault: String },
    #[error("the interaction: {0}")]
    Interaction(String),
    #[error("the evidence: {0}")]
    Evidence(String),
    #[error("{0}")]
    Machine(&'static str),
}

/// Runs the command; `now` unless the arguments name another moment.
pub fn run(args: &ExplainArgs, now: Timestamp, out: &mut dyn Write, errors: &mut dyn Write) -> Exit {
    let at = args.at.unwrap_or(now);
    let settings = match load(&args.config, day_of(at)) {
        Ok(checked) => checked.settings,
        Err(unusable) => return super::written(writeln!(errors, "{unusable}"), Exit::Settings),
    };
    match explain(args, &settings, at, out) {
        Ok(Ok(exit)) => exit,
        Ok(Err(_)) => Exit::Io,
        Err(fault @ Unexplained::Machine(_)) => super::written(writeln!(errors, "{fault}"), Exit::Io),
        Err(fault) => super::written(writeln!(errors, "{fault}"), Exit::BadInput),
    }
}

fn explain(
    args: &ExplainArgs,
    settings: &Settings,
    at: Timestamp,
    out: &mut dyn Write,
) -> Result<io::Result<Exit>, Unexplained> {
    let requestor = requestor(&args.requestor, settings)?;
    // A cursor of a live gateway does not open with this key: explain the search that it continues.
    let seal = Seal::from_key(&[0; 32]).map_err(|_| Unexplained::Machine("no key could be made"))?;
    let (interaction, exchange) = interaction(args, &requestor, settings, &seal, at)?;
    let record = match &args.evidence {
        Some(file) => {
            Some(Record::read(file_bytes(file)?, &interaction, settings).map_err(Unexplained::Evidence)?)
        }
        None => None,
    };
    let override_reason = args.override_reason.clone();
    let question = Question { requestor, interaction, override_reason, at };
    let mut report = Report::of(&question, settings, out);
    if let Interaction::Own(_) = &question.interaction {
        return Ok(report.own(admit_own(question, settings)));
    }
    let asked = asked::Asked::of(&question, settings);
    let admitted = match admit(question, settings) {
        Ok(admitted) => admitted,
        Err(refusal) => return Ok(report.refused(&asked, &refusal)),
    };
    let Some(record) = record else { return Ok(report.without_evidence(&asked, &admitted)) };
    let Found { held, subjects, evidence, behind } = aside(|| record.gather(&admitted, settings))?;
    let exchange = exchange.under(&admitted);
    let system = admitted.system().clone();
    let ruling = decide(admitted, &evidence);
    let refused = match report.persons(&asked, &ruling, &evidence) {
        Ok(refused) => refused,
        Err(error) => return Ok(Err(error)),
    };
    let Some(held) = held else { return Ok(report.end(refused.as_ref())) };
    let site = Site { base: &settings.gateway.base, organisation: &settings.gateway.organisation };
    let bases = record.bases_of(&system);
    let codes = &settings.sensitive_codes;
    // A file of evidence is not asked who else lives where.
    let nowhere = Sheltered::nowhere();
    let frame = Frame {
        exchange: &exchange,
        site,
        system: &system,
        bases: &bases,
        codes,
        seal: &seal,
        medicines: &medicines::NONE,
        sheltered: &nowhere,
        households: Households::Told,
        behind: &behind,
        whom: None,
    };
    let ruled = Ruled { ruling, subjects, evidence };
    let (led_to, ruled) = aside(|| record.follow(&held, ruled, frame, settings))?;
    let minimised =
        minimise(held, &led_to, ruled.ruling, &ruled.subjects, frame).map(|(minimised, _)| minimised);
    Ok(report.resources(&minimised, refused.as_ref()))
}

fn requestor(file: &Path, settings: &Settings) -> Result<Requestor, Unexplained> {
    let fault = |fault: String| Unexplained::File { file: file.to_owned(), fault };
    let claims: Value = json::parse_value(file_bytes(file)?, &json::Limits::default())
        .map_err(|error| fault(format!("is not acceptable JSON: {error}")))?;
    stated(&claims, settings).map_err(|error| fault(format!("these claims would not be accepted: {error}")))
}

fn file_bytes(file: &Path) -> Result<Bytes, Unexplained> {
    crate::settings::material::read_bounded(file, FILE_BYTES_MAX)
        .map(Bytes::from)
        .map_err(|fault| Unexplained::File { file: file.to_owned(), fault })
}

/// The request as it would arrive, parsed as it would be.
fn interaction(
    args: &ExplainArgs,
    requestor: &Requestor,
    settings: &Settings,
    seal: &Seal,
    at: Timestamp,
) -> Result<(Interaction, Exchange), Unexplained> {
    const WANTED: &str = "write a method and a path, such as 'GET /hospital/fhir/Patient/1'";
    let fault = |text: &str| Unexplained::Interaction(text.to_owned());
    let (method, url) = args.interaction.trim().split_once(' ').ok_or_else(|| fault(WANTED))?;
    let method = Method::of(method).ok_or_else(|| fault(WANTED))?;
    let (path, query) = match url.trim().split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (url.trim(), None),
    };
    let target = Target::parse(path, query).map_err(|error| fault(&error.to_string()))?;
    let body = args.body.as_deref().map(file_bytes).transpose()?.unwrap_or_default();
    let content_type = (!body.is_empty()).then(|| "application/fhir+json".to_owned());
    let override_reason = args.override_reason.clone().map(Secret::new);
    let arrived = Arrived {
        request_id: RequestId::random().ok_or(Unexplained::Machine("the machine gives no random numbers"))?,
        at,
        method,
        target,
        format: Ok(Format::Json),
        instead: Instead::Nothing,
        headers: Headers { content_type, override_reason, ..Headers::default() },
        body: Body::new(body),
        peer: std::net::SocketAddr::from(([127, 0, 0, 1], 0)),
        certificate: None,
    };
    let exchange = Exchange::arrived(&arrived).by(requestor);
    let interaction = parse(arrived, requestor, settings, seal).map_err(|error| fault(&error.to_string()))?;
    let exchange = exchange.asking(&interaction, settings);
    Ok((interaction, exchange))
}

/// Asks the file what the systems would be asked.
fn aside<T: Send, F: Future<Output = Result<T, String>>>(
    work: impl FnOnce() -> F + Send,
) -> Result<T, Unexplained> {
    // A runtime may be around us already, and it must not be blocked: this one has a thread of its own.
    std::thread::scope(|scope| {
        let working = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .map_err(|_| Unexplained::Machine("no runtime could be started"))?;
            runtime.block_on(work()).map_err(Unexplained::Evidence)
        });
        working.join().unwrap_or(Err(Unexplained::Machine("gathering evidence failed")))
    })
}
