//! Settings as meant: no string that is really a URL, no `Option` that means "default" (STYLE 7).
//!
//! `settings::file` mirrors `portcullis.toml`; `settings::check` returns [`Settings`] or every problem at once.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use adapters::hl7v2::out::Profile;
use adapters::mapping::Mapping;
use fhir::ods_code::OdsCode;
use fhir::purpose_of_use::PurposeOfUse;
use fhir::role::SdsRole;
use fhir::tables::Release;
use http::Uri;

use self::mapped::Mapped;
use self::receives::Receives;
use crate::agreement::Agreements;
use crate::person::SystemName;
use crate::sensitive_codes::SensitiveCodes;

pub mod check;
mod file;
mod inbound_file;
pub mod mapped;
pub(crate) mod material;
pub mod postgres;
pub mod problem;
pub mod receives;
mod source_file;
pub(crate) mod written;

/// Everything `portcullis.toml` and the agreements say.
#[derive(Debug)]
pub struct Settings {
    /// `[gateway]`.
    pub gateway: Gateway,
    /// `[organisations]`: the names people read in the register and on their own page.
    pub organisations: BTreeMap<OdsCode, String>,
    /// `[listen]`.
    pub listen: Listen,
    /// `[[issuer]]`.
    pub issuers: Vec<Issuer>,
    /// `[[client]]`.
    pub clients: Vec<Client>,
    /// `[[system]]`.
    pub systems: Vec<System>,
    /// `[[mllp]]`.
    pub mllp: Vec<Mllp>,
    /// `[[inbound]]`.
    pub inbound: Vec<Inbound>,
    /// `[limits]`.
    pub limits: Limits,
    /// `[telemetry]`.
    pub telemetry: Telemetry,
    /// The shipped list, `[[sensitive_codes]]` and `[[not_sensitive]]`.
    pub sensitive_codes: SensitiveCodes,
    /// The files in the `agreements` folder.
    pub agreements: Agreements,
}

/// `[gateway]`.
#[derive(Debug, Clone)]
pub struct Gateway {
    /// Who runs the gateway.
    pub organisation: OdsCode,
    /// The base under which the world sees it, without a trailing slash.
    pub base: String,
    /// What `aud` of a token must name, unless its issuer has an audience of its own.
    pub audience: String,
    /// How people reach the Caldicott Guardian.
    pub contact: String,
    /// The folder of everything durable.
    pub state: PathBuf,
    /// Who may record a consent for a person.
    pub consent_recorders: Vec<Post>,
    /// Who may read the trail of any person: of the organisation that runs the gateway, all of it; of another,
    /// what was asked of theirs.
    pub oversight: Vec<Post>,
}

/// A job role at an organisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Post {
    /// The role.
    pub role: SdsRole,
    /// Where it is held.
    pub organisation: OdsCode,
}

/// `[listen]`.
#[derive(Debug, Clone)]
pub struct Listen {
    /// Where requests come in.
    pub address: SocketAddr,
    /// How they are protected.
    pub transport: Transport,
    /// Health, readiness and metrics.
    pub ops: SocketAddr,
}

/// How a listener is protected.
#[derive(Debug, Clone)]
pub enum Transport {
    /// Plain, on loopback only.
    LoopbackPlain,
    /// TLS, with client certificates when a CA is given.
    Tls(ServerTls),
}

/// Files of a TLS listener.
#[derive(Debug, Clone)]
pub struct ServerTls {
    /// PEM chain.
    pub certificate: PathBuf,
    /// PEM key.
    pub key: PathBuf,
    /// CA of the clients; none: no client certificate is asked for.
    pub client_ca: Option<PathBuf>,
    /// Revocation list; required to be in date when given.
    pub crl: Option<PathBuf>,
}

/// `[[issuer]]`: whose tokens count.
#[derive(Debug, Clone)]
pub struct Issuer {
    /// `iss`.
    pub issuer: String,
    /// Where its keys are.
    pub keys: KeySource,
    /// How its claims read.
    pub claims: Claims,
    /// What `aud` of its tokens must name.
    pub audience: String,
    /// Whose staff its tokens may be of.
    pub speaks_for: SpeaksFor,
    /// Where people begin to sign in; none: `/me` tells them in words.
    pub sign_in: Option<Uri>,
}

/// Whose staff the tokens of an issuer may be of. What an organisation may do is nothing that another one's issuer can
/// give.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SpeaksFor {
    /// Anybody's, as a national service does.
    Everyone,
    /// Of these organisations.
    Only(Vec<OdsCode>),
}

impl SpeaksFor {
    /// Whether it speaks for this one.
    #[must_use]
    pub fn includes(&self, organisation: &OdsCode) -> bool {
        match self {
            Self::Everyone => true,
            Self::Only(organisations) => organisations.contains(organisation),
        }
    }
}

/// Where the keys of an issuer are.
#[derive(Debug, Clone)]
pub enum KeySource {
    /// In a JWKS file.
    File(PathBuf),
    /// Where the issuer publishes them.
    Url(JwksUrl),
}

/// Where an issuer publishes its keys, and for how long they count.
#[derive(Debug, Clone)]
pub struct JwksUrl {
    /// `https`; `http` on loopback only.
    pub url: Uri,
    /// Certificate authorities it is checked against; none only when it is `http`.
    pub ca: Option<PathBuf>,
    /// The whole answer must be there by then.
    pub timeout: Duration,
    /// Keys of this age are fetched again.
    pub refresh: Duration,
    /// Keys above this age are not used any more.
    pub keep: Duration,
}

/// Claim dialects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claims {
    /// IHE IUA.
    Iua,
    /// NHS Care Identity Service 2: staff, who act for one purpose.
    Cis2 {
        /// Its tokens name none.
        purpose: PurposeOfUse,
    },
    /// NHS login: the person herself.
    NhsLogin,
}

/// `[[client]]`: a system known by certificate.
#[derive(Debug, Clone)]
pub struct Client {
    /// `dns:...` or `uri:...`.
    pub san: String,
    /// The organisation that answers for it.
    pub organisation: OdsCode,
    /// In which capacity it acts.
    pub role: ClientRole,
    /// Purposes it may act for.
    pub purposes: Vec<PurposeOfUse>,
}

/// In which capacity a `[[client]]` acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientRole {
    /// `"system"`: it sends; it reads nothing, because no agreement names such a role.
    System,
    /// It also reads what the agreements share with this job role.
    Staff(SdsRole),
}

/// `[[system]]`: holds or receives records.
#[derive(Debug, Clone)]
pub struct System {
    /// First segment of its paths.
    pub name: SystemName,
    /// Who runs it.
    pub organisation: OdsCode,
    /// FHIR base without a trailing slash; `http` on loopback only.
    pub base: Uri,
    /// Other bases the system calls itself in links.
    pub aliases: Vec<String>,
    /// Its CareTeams, Encounters, episodes and referrals prove relationships.
    pub relationship_source: bool,
    /// Its Consents are evidence.
    pub consent_source: bool,
    /// Its NHS numbers are verified although it sends no status.
    pub trusted_identity: bool,
    /// Whether where a protected person is stays hidden in the records of others too.
    pub households: Households,
    /// What it speaks.
    pub speaks: Speaks,
    /// Whether it takes transactions that write.
    pub transactions: Transactions,
    /// How the gateway proves itself to it.
    pub credentials: UpstreamCredentials,
    /// Certificate authorities it is checked against; none only when its base is `http` on loopback.
    pub ca: Option<PathBuf>,
    /// The whole answer must be there by then.
    pub timeout: Duration,
    /// The most one answer may weigh.
    pub body_bytes_max: usize,
}

/// Whether the whereabouts of a protected person are hidden in the records of others.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Households {
    /// Only in what is about her.
    #[default]
    Told,
    /// Wherever they stand: the system is asked.
    Shielded,
}

/// What a system speaks.
#[derive(Debug, Clone, Default)]
pub enum Speaks {
    /// FHIR R4 over HTTP.
    #[default]
    Fhir,
    /// No FHIR: it has sources that mappings read.
    Mapped(Arc<Mapped>),
    /// HL7 v2 alone: it takes messages, and answers nothing.
    Hl7v2(Arc<Messages>),
    /// Neither FHIR R4 nor HL7 v2: it takes what is pushed in other words over HTTP, and answers nothing.
    Receives(Arc<Receives>),
}

/// Where messages of HL7 v2 go, and how they are taken there.
#[derive(Debug, Clone)]
pub struct Messages {
    /// A name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the way there is protected.
    pub to: MessagesTo,
    /// How messages are taken.
    pub profile: Profile,
    /// The event of what did not come as a message or document; none: such is not sent.
    pub event: Option<String>,
}

/// How the way of messages is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessagesTo {
    /// Plain, on loopback only.
    LoopbackPlain,
    /// TLS.
    Tls,
}

/// Whether a system takes transactions that write.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Transactions {
    /// It does not, or nobody has said so.
    #[default]
    NotTaken,
    /// It carries out all entries or none.
    Taken,
}

/// How the gateway proves itself upstream.
#[derive(Debug, Clone)]
pub enum UpstreamCredentials {
    /// Not at all.
    None,
    /// A client certificate.
    Certificate {
        /// PEM chain.
        certificate: PathBuf,
        /// PEM key.
        key: PathBuf,
    },
    /// A bearer token read from a file at start and reload.
    Bearer(PathBuf),
}

/// `[[mllp]]`: HL7 v2 in.
#[derive(Debug, Clone)]
pub struct Mllp {
    /// Where messages come in.
    pub address: SocketAddr,
    /// The sender's organisation.
    pub from: OdsCode,
    /// Systems that receive.
    pub to: Vec<SystemName>,
    /// Why.
    pub purpose: PurposeOfUse,
    /// TLS, or a list of peers with an accepted risk.
    pub transport: MllpTransport,
    /// IANA zone of the sender's local times.
    pub time_zone: String,
    /// The text of the map of the sender's own segments.
    pub site_map: Option<String>,
    /// The queries that are answered here; none: they are rejected.
    pub queries: Option<Queries>,
}

/// `[mllp.queries]`: who sends may also ask.
#[derive(Debug, Clone)]
pub struct Queries {
    /// Whose Patients are searched.
    pub system: SystemName,
    /// The job role in which the sender asks.
    pub role: SdsRole,
    /// How the sender takes messages; none: in the version in which it asks.
    pub profile: Option<Profile>,
}

/// `[[inbound]]`: records in, by a mapping or in a form that is known.
#[derive(Debug, Clone)]
pub struct Inbound {
    /// The last segment of its path.
    pub name: String,
    /// How they become Bundles.
    pub making: Making,
    /// The sender's organisation.
    pub from: OdsCode,
    /// Systems that receive.
    pub to: Vec<SystemName>,
    /// Why.
    pub purpose: PurposeOfUse,
    /// Where files are dropped; none: they are only posted.
    pub folder: Option<PathBuf>,
    /// IANA zone of local times.
    pub time_zone: String,
}

/// How what comes in at a place becomes Bundles.
#[derive(Debug, Clone)]
pub enum Making {
    /// By a mapping: one for each record.
    Mapping(Arc<Mapping>),
    /// NHS laboratory EDIFACT: one for each message of an interchange.
    Edifact,
    /// A notice of the Care Act.
    Notice,
    /// FHIR of another release.
    Release(Release),
}

/// How an MLLP listener is protected.
#[derive(Debug, Clone)]
pub enum MllpTransport {
    /// TLS with client certificates, for those clients alone.
    Tls {
        /// Certificate, key, and the authorities of the clients.
        files: ServerTls,
        /// The names in certificates that speak for the sender: `dns:` in small letters, or `uri:`.
        clients: Vec<String>,
    },
    /// Plain from these networks only, `plaintext = "accepted-risk"`.
    AcceptedRisk(Vec<Network>),
}

/// An IP network such as `10.1.2.0/24`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    /// Its address.
    pub address: IpAddr,
    /// Leading bits that count.
    pub prefix: u8,
}

/// `[limits]`: every bound an operator may move, each with a ceiling.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Connections at once.
    pub connections_max: usize,
    /// Exchanges at once; more are answered 503.
    pub in_flight_max: usize,
    /// All headers must be there by then.
    pub header_timeout: Duration,
    /// The whole body must be there by then.
    pub body_timeout: Duration,
    /// The whole exchange must be over by then.
    pub exchange_timeout: Duration,
    /// The most a request body may weigh.
    pub body_bytes_max: usize,
    /// The most interactions in one batch.
    pub batch_entries_max: usize,
    /// Grace for what is in flight after SIGTERM.
    pub drain: Duration,
    /// The step at which answers go that may hide somebody.
    pub beat: Duration,
}

/// `[telemetry]`.
#[derive(Debug, Clone, Default)]
pub struct Telemetry {
    /// OTLP over HTTP endpoint; none: no spans leave.
    pub otlp: Option<Uri>,
}

impl Mllp {
    /// What records and waiting messages call it. It must stay the same over a restart.
    #[must_use]
    pub fn listener(&self) -> String {
        format!("mllp:{}", self.address)
    }
}

impl Settings {
    /// The system of this name.
    #[must_use]
    pub fn system(&self, name: &str) -> Option<&System> {
        self.systems.iter().find(|system| system.name.as_str() == name)
    }

    /// The place of this name where records come in by a mapping.
    #[must_use]
    pub fn inbound(&self, name: &str) -> Option<&Inbound> {
        self.inbound.iter().find(|inbound| inbound.name == name)
    }

    /// The sources of a system that speaks no FHIR.
    #[must_use]
    pub fn mapped(&self, name: &SystemName) -> Option<&Arc<Mapped>> {
        match &self.system(name.as_str())?.speaks {
            Speaks::Mapped(mapped) => Some(mapped),
            Speaks::Fhir | Speaks::Hl7v2(_) | Speaks::Receives(_) => None,
        }
    }

    /// The name of an organisation as people know it; its ODS code when the settings name none.
    #[must_use]
    pub fn organisation_name<'a>(&'a self, code: &'a OdsCode) -> &'a str {
        self.organisations.get(code).map_or(code.as_str(), String::as_str)
    }
}
