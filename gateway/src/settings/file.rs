//! `portcullis.toml` as it is written. `docs/configure.md` is made from the comments on these fields.
//!
//! Absence stays absence here; what it means, and whether the values make sense, is `settings::check`.

use super::inbound_file::{InboundTable, MllpTable};
use super::source_file::SourceTable;
use super::written::{Table, Written};

/// The settings file, usually called `portcullis.toml`.
///
/// Relative paths are relative to this file. Unknown keys are errors. A change takes effect on SIGHUP; when the new
/// file has a fault, the old settings keep serving.
#[derive(Debug)]
pub(super) struct SettingsFile {
    /// Who runs the gateway and where it keeps things.
    pub(super) gateway: Option<GatewayTable>,
    /// Names of organisations by ODS code, such as `"ods:RX1" = "Northshire Hospitals"`: what people read in the
    /// disclosure register and on their own page instead of the bare code.
    pub(super) organisations: Vec<(Written<String>, Option<Written<String>>)>,
    /// Where requests come in.
    pub(super) listen: Option<ListenTable>,
    /// Whose tokens count.
    pub(super) issuer: Vec<IssuerTable>,
    /// A system that is known by its client certificate.
    pub(super) client: Vec<ClientTable>,
    /// A system that holds or receives records. It is served at `/NAME/fhir`.
    pub(super) system: Vec<SystemTable>,
    /// A listener for HL7 v2 messages over MLLP.
    pub(super) mllp: Vec<MllpTable>,
    /// Places where records come in by a mapping.
    pub(super) inbound: Vec<InboundTable>,
    /// A list of codes that tell something sensitive, of the site's own.
    pub(super) sensitive_codes: Vec<SensitiveCodesTable>,
    /// A single code that a list knows and that tells nothing sensitive here.
    pub(super) not_sensitive: Vec<NotSensitiveTable>,
    /// Bounds. Every one has a default; most sites change none.
    pub(super) limits: Option<LimitsTable>,
    /// Where spans go.
    pub(super) telemetry: Option<TelemetryTable>,
}

/// Who runs the gateway and where it keeps things.
#[derive(Debug)]
pub(super) struct GatewayTable {
    /// The organisation that runs the gateway, such as `"ods:RX1"`.
    pub(super) organisation: Option<Written<String>>,
    /// The address under which others reach the gateway, without a path and without a slash at the end:
    /// `"https://share.example.nhs.uk"`. `http` only when the host is loopback.
    pub(super) base: Option<Written<String>>,
    /// The folder for everything that must outlive a restart: ledger, consents, queues. One process at a time; a
    /// second one exits 75. It is made when it does not exist.
    pub(super) state: Option<Written<String>>,
    /// The folder with the sharing agreements, one `.toml` file each. Default: `"agreements"`.
    pub(super) agreements: Option<Written<String>>,
    /// What the `aud` claim of tokens must name. Default: the value of `base`.
    pub(super) audience: Option<Written<String>>,
    /// How people reach the Caldicott Guardian, in words that end a sentence; published. Default: `"the Caldicott
    /// Guardian of NAME"`, with the name of the organisation.
    pub(super) contact: Option<Written<String>>,
    /// Job roles (UKCore-SDSJobRoleName) that may record a consent for a person, such as `["R5105", "R0001"]`: held at
    /// `organisation`. A role at another organisation is named with it: `"R5105@ods:E10000099"`. Default: none.
    pub(super) consent_recorders: Vec<Written<String>>,
    /// Job roles that may read the access trail of any person: the Caldicott Guardian (`R5105`), the privacy officer
    /// (`R0001`), held at `organisation`. With another organisation, as in `"R5105@ods:E10000099"`: what others asked of
    /// that one. Default: none.
    pub(super) oversight: Vec<Written<String>>,
}

/// Where requests come in.
#[derive(Debug)]
pub(super) struct ListenTable {
    /// Address and port, such as `"0.0.0.0:8443"`.
    pub(super) address: Option<Written<String>>,
    /// Certificate and key. It may be left out only when `address` is loopback.
    pub(super) tls: Option<TlsTable>,
    /// Address and port of health, readiness and metrics; nothing there is about a person. Default:
    /// `"127.0.0.1:9090"`.
    pub(super) ops: Option<Written<String>>,
}

/// Certificate and key of a listener.
#[derive(Debug)]
pub(super) struct TlsTable {
    /// PEM file: the certificate, then its chain.
    pub(super) certificate: Option<Written<String>>,
    /// PEM file: the private key of the certificate.
    pub(super) key: Option<Written<String>>,
    /// PEM file: the authorities that client certificates are checked against. A client certificate is optional in
    /// the handshake and demanded by route. Required for `[[mllp]]`; without it no `[[client]]` can prove itself.
    pub(super) client_ca: Option<Written<String>>,
    /// A file with the lists of revoked client certificates: PEM, one or more, or DER, one. Needs `client_ca`. With it a
    /// certificate is let in only when a list of its own authority, in date, does not name it: one of an authority that
    /// has no list there is refused, and all are when the list is out of date.
    pub(super) crl: Option<Written<String>>,
    /// Where the table stands.
    pub(super) place: super::problem::Place,
}

/// Whose tokens count.
#[derive(Debug)]
pub(super) struct IssuerTable {
    /// The `iss` claim, exactly.
    pub(super) issuer: Option<Written<String>>,
    /// JSON file: the issuer's public keys (a JWK Set). Either this or `jwks_url`.
    pub(super) keys: Option<Written<String>>,
    /// Where the issuer publishes its public keys: `"https://identity.example.nhs.uk/jwks"`. `http` only on loopback. They
    /// are fetched at start and again and again; each needs a `kid`. Redirects are not followed.
    pub(super) jwks_url: Option<Written<String>>,
    /// PEM file: the authorities the certificate at `jwks_url` is checked against. Required when that is `https`; for a
    /// public authority name the bundle of the machine, such as `"/etc/ssl/certs/ca-certificates.crt"`.
    pub(super) ca: Option<Written<String>>,
    /// How long fetching the keys may take. Default: 5000, from 100 to 15000.
    pub(super) timeout_ms: Option<Written<i64>>,
    /// The age at which fetched keys are fetched again. A token that names an unknown key has them fetched at once.
    /// Default: 600000, from 10000 to 86400000.
    pub(super) refresh_ms: Option<Written<i64>>,
    /// The age up to which keys are used while they cannot be fetched again. After that tokens of this issuer are
    /// answered 503, and `/health/ready` says so. Default: 86400000, from 600000 to 604800000.
    pub(super) keep_ms: Option<Written<i64>>,
    /// How its claims read: `"iua"` (IHE IUA, for staff), `"cis2"` (NHS Care Identity Service 2, for staff) or
    /// `"nhs-login"` (for the person herself).
    pub(super) claims: Option<Written<String>>,
    /// The purpose of use that its users act for, such as `"TREAT"`. Required with `claims = "cis2"`, whose tokens name
    /// none, and for no other: IUA tokens name their own.
    pub(super) purpose: Option<Written<String>>,
    /// What `aud` of its tokens must name. Default: `audience` of `[gateway]`.
    pub(super) audience: Option<Written<String>>,
    /// The organisations whose staff its tokens may be of, such as `["ods:RX1"]`; a token for another one is refused.
    /// `["any"]` for a service that speaks for all, as CIS2 does. Required where more than one issuer is for staff, and for
    /// them only. Default: any.
    pub(super) organisations: Option<Vec<Written<String>>>,
    /// Where people begin to sign in, with `claims = "nhs-login"`: a page that posts their token to `/me/session`. It is
    /// linked from `/me`.
    pub(super) sign_in: Option<Written<String>>,
    /// Where the table stands.
    pub(super) place: super::problem::Place,
}

/// A system that is known by its client certificate.
#[derive(Debug)]
pub(super) struct ClientTable {
    /// The subject alternative name in its certificate: `"dns:adt.hospital.example"` or `"uri:urn:example:adt"`.
    pub(super) san: Option<Written<String>>,
    /// The organisation that answers for it.
    pub(super) organisation: Option<Written<String>>,
    /// `"system"`: it sends and reads nothing. A job role such as `"R8014"`: it also reads what the agreements share
    /// with that role. Default: `"system"`.
    pub(super) role: Option<Written<String>>,
    /// The purposes of use it may act for, such as `["COC"]`.
    pub(super) purposes: Vec<Written<String>>,
}

/// A system that holds or receives records.
#[derive(Debug)]
pub(super) struct SystemTable {
    /// The first segment of its paths: lower-case letters, digits and hyphens. `fhir`, `me`, `guardian`, `register`,
    /// `hl7v2`, `cda`, `csv`, `assets`, `health`, `metrics` and `gateway` are reserved.
    pub(super) name: Option<Written<String>>,
    /// The organisation that runs it: it is the discloser of what is read here, the recipient of what is written.
    pub(super) organisation: Option<Written<String>>,
    /// What it speaks: `"fhir-r4"`; `"mapped"` for a system without FHIR whose sources are read by mappings. The others are for
    /// systems that take what is pushed to them and answer nothing: `"hl7v2"` messages, as in [hl7v2.md](hl7v2.md), `"cda"`
    /// documents, as in [cda.md](cda.md), a `"notice"` of the Care Act, as in [notices.md](notices.md), or Bundles of another release
    /// of FHIR, as in [versions.md](versions.md): `"fhir-stu3"`, `"fhir-r4b"`, `"fhir-r5"`.
    pub(super) protocol: Option<Written<String>>,
    /// With `"mapped"`: its sources, each of other resource types. A `[[system.source]]` stands below its `[[system]]`.
    pub(super) source: Vec<SourceTable>,
    /// With `"mapped"`: how ids are made of what the mappings name by `id_from`. `"digests"`: as `portcullis translate`
    /// does, for drop folders alone. `"keys"`: they are what the columns say, so that a source can be asked for one.
    /// Default: `"digests"`.
    pub(super) ids: Option<Written<String>>,
    /// With `"mapped"`: the time zone of times without one. Default: `"Europe/London"`.
    pub(super) time_zone: Option<Written<String>>,
    /// With `"hl7v2"` and `"cda"`: a file that says how it takes messages ([hl7v2.md](hl7v2.md)) or documents ([cda.md](cda.md)).
    /// Required there.
    pub(super) profile: Option<Written<String>>,
    /// With `"hl7v2"`: the event, such as `"A31"`, of what did not come as a message or document. Default: such is refused.
    pub(super) event: Option<Written<String>>,
    /// With `"cda"`: what its documents are called, a media type of XML such as `"application/hl7-cda+xml"`. Default:
    /// `"application/xml"`.
    pub(super) content_type: Option<Written<String>>,
    /// Its FHIR base without a slash at the end. `http` only on loopback. Required but with `"mapped"`. With `"cda"` and `"notice"` the
    /// address to which documents and notices are posted; with `"hl7v2"` where it listens: `"mllps://host.example:2575"`; `mllp` only
    /// on loopback.
    pub(super) base: Option<Written<String>>,
    /// Other bases by which it calls itself in links and references. Default: none.
    pub(super) aliases: Vec<Written<String>>,
    /// PEM file: the authorities its certificate is checked against. Required when its base is `https`.
    pub(super) ca: Option<Written<String>>,
    /// How the gateway proves itself: `{ certificate = "...", key = "..." }` or `{ bearer = "FILE" }`, where the file
    /// holds the token. Default: not at all.
    pub(super) credentials: Option<CredentialsTable>,
    /// Whether its CareTeams, Encounters, EpisodesOfCare and ServiceRequests prove who cares for a person. Such types
    /// cannot be written through the gateway then. Default: `false`.
    pub(super) relationship_source: Option<Written<bool>>,
    /// Whether its Consents count. Default: `false`.
    pub(super) consent_source: Option<Written<bool>>,
    /// Whether its NHS numbers are verified although it sends no verification status. Default: `false`.
    pub(super) trusted_identity: Option<Written<bool>>,
    /// Whether the whereabouts of a protected person are hidden too where they stand in somebody else's record: the
    /// address of her child, the telephone of a relative. The system is asked about the places that an answer would
    /// show, by one to three more searches, or more for long pages; where it does not take them, or there are more than
    /// 600 places, no address is shown. What is pushed or written is not asked about. Default: `false`.
    pub(super) shields_households: Option<Written<bool>>,
    /// Whether it takes transactions that write: all entries or none, and each change only of the version that is named
    /// (`ifMatch`). Without it such a transaction is refused before anybody is asked. Default: `false`.
    pub(super) transactions: Option<Written<bool>>,
    /// An answer must be complete after so many milliseconds. Default: 10000, from 100 to 300000.
    pub(super) timeout_ms: Option<Written<i64>>,
    /// The most bytes of one answer. Default: 20971520, from 1024 to 104857600.
    pub(super) body_bytes_max: Option<Written<i64>>,
    /// Where the table stands.
    pub(super) place: super::problem::Place,
}

/// How the gateway proves itself to a system.
#[derive(Debug)]
pub(super) struct CredentialsTable {
    /// PEM file: a client certificate, then its chain. Needs `key`.
    pub(super) certificate: Option<Written<String>>,
    /// PEM file: the private key of the certificate.
    pub(super) key: Option<Written<String>>,
    /// File: a bearer token, read at start and on reload.
    pub(super) bearer: Option<Written<String>>,
    /// Where the table stands.
    pub(super) place: super::problem::Place,
}

/// A list of codes that tell something sensitive, of the site's own.
///
/// The short list that ships with the gateway is always loaded. What bears a code of a list counts as labelled, whether it
/// states a label or not. A list of your own is a file as [below](#a-list-of-sensitive-codes).
#[derive(Debug)]
pub(super) struct SensitiveCodesTable {
    /// The file with the list.
    pub(super) file: Option<Written<String>>,
}

/// A single code that a list knows and that tells nothing sensitive at this site.
///
/// Who takes a code out answers for it: the code and the reason are recorded when the gateway starts and are shown by
/// `portcullis check`.
#[derive(Debug)]
pub(super) struct NotSensitiveTable {
    /// The code system, such as `"http://snomed.info/sct"`.
    pub(super) system: Option<Written<String>>,
    /// The code.
    pub(super) code: Option<Written<String>>,
    /// Why, in ten characters or more.
    pub(super) reason: Option<Written<String>>,
}

/// Bounds. Every one has a default; most sites change none.
#[derive(Debug)]
pub(super) struct LimitsTable {
    /// Connections at once. Default: 1024, from 1 to 100000.
    pub(super) connections_max: Option<Written<i64>>,
    /// Exchanges at once; more are answered 503. Default: 256, from 1 to 10000.
    pub(super) in_flight_max: Option<Written<i64>>,
    /// All headers must have arrived after so many milliseconds. Default: 10000, from 100 to 120000.
    pub(super) header_timeout_ms: Option<Written<i64>>,
    /// The whole body must have arrived after so many milliseconds. Default: 30000, from 100 to 600000.
    pub(super) body_timeout_ms: Option<Written<i64>>,
    /// The whole exchange must be over after so many milliseconds. Default: 60000, from 1000 to 600000.
    pub(super) exchange_timeout_ms: Option<Written<i64>>,
    /// The most bytes of a request body. Default: 10485760, from 1024 to 104857600.
    pub(super) body_bytes_max: Option<Written<i64>>,
    /// The most entries of a batch or transaction. Default: 100, from 1 to 1000.
    pub(super) batch_entries_max: Option<Written<i64>>,
    /// Milliseconds that running exchanges get to finish after SIGTERM. Default: 20000, from 0 to 600000.
    pub(super) drain_ms: Option<Written<i64>>,
    /// The step at which answers go that may hide somebody, under `existence = "withheld"`: what is not found, and all
    /// searches and histories. Longer than most of what a system is asked for one of them takes. Default: 256, from 256 to 5000.
    pub(super) beat_ms: Option<Written<i64>>,
}

/// Where spans go.
#[derive(Debug)]
pub(super) struct TelemetryTable {
    /// The OTLP endpoint (over HTTP), such as `"http://127.0.0.1:4318"`. `http` only on loopback. Default: spans go
    /// nowhere.
    pub(super) otlp: Option<Written<String>>,
}

impl SettingsFile {
    /// Reads the file; what does not fit is noted.
    pub(super) fn read(mut table: Table<'_, '_>) -> Self {
        let read = Self {
            gateway: table.required_table("gateway").map(GatewayTable::read),
            organisations: table.table("organisations").map(names).unwrap_or_default(),
            listen: table.required_table("listen").map(ListenTable::read),
            issuer: table.tables("issuer").into_iter().map(IssuerTable::read).collect(),
            client: table.tables("client").into_iter().map(ClientTable::read).collect(),
            system: table.tables("system").into_iter().map(SystemTable::read).collect(),
            mllp: table.tables("mllp").into_iter().map(MllpTable::read).collect(),
            inbound: table.tables("inbound").into_iter().map(InboundTable::read).collect(),
            sensitive_codes: table
                .tables("sensitive_codes")
                .into_iter()
                .map(SensitiveCodesTable::read)
                .collect(),
            not_sensitive: table.tables("not_sensitive").into_iter().map(NotSensitiveTable::read).collect(),
            limits: table.table("limits").map(LimitsTable::read),
            telemetry: table.table("telemetry").map(TelemetryTable::read),
        };
        table.refuse_unknown();
        read
    }
}

fn names(mut table: Table<'_, '_>) -> Vec<(Written<String>, Option<Written<String>>)> {
    table.rest().into_iter().map(|entry| (entry.key.clone(), entry.text())).collect()
}

impl GatewayTable {
    fn read(mut table: Table<'_, '_>) -> Self {
        let read = Self {
            organisation: table.required_text("organisation"),
            base: table.required_text("base"),
            state: table.required_text("state"),
            agreements: table.text("agreements"),
            audience: table.text("audience"),
            contact: table.text("contact"),
            consent_recorders: table.texts("consent_recorders"),
            oversight: table.texts("oversight"),
        };
        table.refuse_unknown();
        read
    }
}

impl ListenTable {
    fn read(mut table: Table<'_, '_>) -> Self {
        let read = Self {
            address: table.required_text("address"),
            tls: table.table("tls").map(TlsTable::read),
            ops: table.text("ops"),
        };
        table.refuse_unknown();
        read
    }
}

impl TlsTable {
    pub(super) fn read(mut table: Table<'_, '_>) -> Self {
        let read = Self {
            certificate: table.required_text("certificate"),
            key: table.required_text("key"),
            client_ca: table.text("client_ca"),
            crl: table.text("crl"),
            place: table.place().clone(),
        };
        table.refuse_unknown();
        read
    }
}

impl IssuerTable {
    fn read(mut table: Table<'_, '_>) -> Self {
        let read = Self {
            issuer: table.required_text("issuer"),
            keys: table.text("keys"),
            jwks_url: table.text("jwks_url"),
            ca: table.text("ca"),
            timeout_ms: table.number("timeout_ms"),
            refresh_ms: table.number("refresh_ms"),
            keep_ms: table.number("keep_ms"),
            claims: table.required_text("claims"),
            purpose: table.text("purpose"),
            audience: table.text("audience"),
            organisations: table.optional_texts("organisations"),
            sign_in: table.text("sign_in"),
            place: table.place().clone(),
        };
        table.refuse_unknown();
        read
    }
}

impl ClientTable {
    fn read(mut table: Table<'_, '_>) -> Self {
        let read = Self {
            san: table.required_text("san"),
            organisation: table.required_text("organisation"),
            role: table.text("role"),
            purposes: table.required_texts("purposes"),
        };
        table.refuse_unknown();
        read
    }
}

impl SystemTable {
    fn read(mut table: Table<'_, '_>) -> Self {
        let read = Self {
            name: table.required_text("name"),
            organisation: table.required_text("organisation"),
            protocol: table.required_text("protocol"),
            source: table.tables("source").into_iter().map(SourceTable::read).collect(),
            ids: table.text("ids"),
            time_zone: table.text("time_zone"),
            profile: table.text("profile"),
            event: table.text("event"),
            content_type: table.text("content_type"),
            base: table.text("base"),
            aliases: table.texts("aliases"),
            ca: table.text("ca"),
            credentials: table.table("credentials").map(CredentialsTable::read),
            relationship_source: table.flag("relationship_source"),
            consent_source: table.flag("consent_source"),
            trusted_identity: table.flag("trusted_identity"),
            shields_households: table.flag("shields_households"),
            transactions: table.flag("transactions"),
            timeout_ms: table.number("timeout_ms"),
            body_bytes_max: table.number("body_bytes_max"),
            place: table.place().clone(),
        };
        table.refuse_unknown();
        read
    }
}

impl CredentialsTable {
    pub(super) fn read(mut table: Table<'_, '_>) -> Self {
        let read = Self {
            certificate: table.text("certificate"),
            key: table.text("key"),
            bearer: table.text("bearer"),
            place: table.place().clone(),
        };
        table.refuse_unknown();
        read
    }
}

impl SensitiveCodesTable {
    fn read(mut table: Table<'_, '_>) -> Self {
        let read = Self { file: table.required_text("file") };
        table.refuse_unknown();
        read
    }
}

impl NotSensitiveTable {
    fn read(mut table: Table<'_, '_>) -> Self {
        let read = Self {
            system: table.required_text("system"),
            code: table.required_text("code"),
            reason: table.required_text("reason"),
        };
        table.refuse_unknown();
        read
    }
}

impl LimitsTable {
    fn read(mut table: Table<'_, '_>) -> Self {
        let read = Self {
            connections_max: table.number("connections_max"),
            in_flight_max: table.number("in_flight_max"),
            header_timeout_ms: table.number("header_timeout_ms"),
            body_timeout_ms: table.number("body_timeout_ms"),
            exchange_timeout_ms: table.number("exchange_timeout_ms"),
            body_bytes_max: table.number("body_bytes_max"),
            batch_entries_max: table.number("batch_entries_max"),
            drain_ms: table.number("drain_ms"),
            beat_ms: table.number("beat_ms"),
        };
        table.refuse_unknown();
        read
    }
}

impl TelemetryTable {
    fn read(mut table: Table<'_, '_>) -> Self {
        let read = Self { otlp: table.text("otlp") };
        table.refuse_unknown();
        read
    }
}
