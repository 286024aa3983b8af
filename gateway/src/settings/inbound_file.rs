//! The places of `portcullis.toml` where messages and records come in, as they are written. `docs/configure.md` is made
//! from the comments on these fields.

use super::file::TlsTable;
use super::written::{Table, Written};

/// A listener for HL7 v2 messages over MLLP.
///
/// Either `tls` with a `client_ca` and `clients`, or a list of `peers` together with `plaintext = "accepted-risk"`.
#[derive(Debug)]
pub(super) struct MllpTable {
    /// Address and port, such as `"0.0.0.0:2575"`.
    pub(super) address: Option<Written<String>>,
    /// The organisation that sends here: the discloser.
    pub(super) from: Option<Written<String>>,
    /// The names of the `[[system]]` that receive what arrives here; none where only queries come.
    pub(super) to: Vec<Written<String>>,
    /// The purpose of use of what arrives here, such as `"COC"`.
    pub(super) purpose: Option<Written<String>>,
    /// Certificate and key; client certificates are demanded.
    pub(super) tls: Option<TlsTable>,
    /// The names in the certificates of the sender, as `san` of `[[client]]`: `["dns:engine.hospital.example"]`. Required with `tls`: whoever
    /// else has a certificate of the same authority is not heard.
    pub(super) clients: Vec<Written<String>>,
    /// Networks that may connect without TLS, such as `["10.1.2.0/24"]`.
    pub(super) peers: Vec<Written<String>>,
    /// `"accepted-risk"`: somebody has decided that these messages may cross the network in the clear.
    pub(super) plaintext: Option<Written<String>>,
    /// The time zone of times without one. Default: `"Europe/London"`.
    pub(super) time_zone: Option<Written<String>>,
    /// A file: the map of the sender's own segments, whose names begin with `Z`, as in
    /// [hl7v2.md](hl7v2.md). Try it with `portcullis translate --site-map`.
    pub(super) site_map: Option<Written<String>>,
    /// Queries for persons that are answered here. Default: none, and they are rejected.
    pub(super) queries: Option<QueriesTable>,
    /// Where the table stands.
    pub(super) place: super::problem::Place,
}

/// Queries for persons (`QBP^Q22`, `QBP^Q21`, `QRY^A19`) that a listener answers.
///
/// The organisation in `from` asks, for `purpose`. Each query is a search of Patients like one over FHIR: an agreement must
/// share them with this role. See [hl7v2.md](hl7v2.md).
#[derive(Debug)]
pub(super) struct QueriesTable {
    /// The name of the `[[system]]` whose Patients are searched.
    pub(super) system: Option<Written<String>>,
    /// The job role in which the sender asks, such as `"R8014"`: a `[[recipient_role]]` of the agreement.
    pub(super) role: Option<Written<String>>,
    /// A file: how the sender takes messages, as in [hl7v2.md](hl7v2.md). Default: in the version in which it asks, in UTF-8.
    pub(super) profile: Option<Written<String>>,
}

/// A place where records of a system without FHIR R4 come in, by a mapping or in a form that is known.
///
/// A `[[client]]` of the organisation posts files to `/inbound/NAME`; and what is put into `folder` by renaming is taken
/// from there. Each record is decided, minimised and recorded by itself; one that is refused becomes a dead letter with
/// row and column, and the rest goes on.
#[derive(Debug)]
pub(super) struct InboundTable {
    /// The last segment of its path: lower-case letters, digits and hyphens.
    pub(super) name: Option<Written<String>>,
    /// In place of a mapping: `"edifact"` (NHS laboratory and radiology reports, as in [edifact.md](edifact.md)), `"notice"` (notices
    /// of the Care Act, as in [notices.md](notices.md)), or the release of FHIR Bundles: `"stu3"`, `"dstu2"`, `"r4b"` or `"r5"`, as
    /// in [versions.md](versions.md).
    pub(super) form: Option<Written<String>>,
    /// A mapping file, or a ready mapping by its name such as `"client-level-data"`. See [mapping.md](mapping.md). Either this or
    /// `form`.
    pub(super) mapping: Option<Written<String>>,
    /// The organisation that sends here: the discloser.
    pub(super) from: Option<Written<String>>,
    /// The names of the `[[system]]` that receive what arrives here.
    pub(super) to: Vec<Written<String>>,
    /// The purpose of use of what arrives here, such as `"COC"`.
    pub(super) purpose: Option<Written<String>>,
    /// A folder from which files are taken. It must exist, and the gateway must be able to rename and remove in it.
    /// Default: none.
    pub(super) folder: Option<Written<String>>,
    /// The time zone of times without one. Default: `"Europe/London"`.
    pub(super) time_zone: Option<Written<String>>,
    /// Where the table stands.
    pub(super) place: super::problem::Place,
}

impl MllpTable {
    pub(super) fn read(mut table: Table<'_, '_>) -> Self {
        let read = Self {
            address: table.required_text("address"),
            from: table.required_text("from"),
            to: table.required_texts("to"),
            purpose: table.required_text("purpose"),
            tls: table.table("tls").map(TlsTable::read),
            clients: table.texts("clients"),
            peers: table.texts("peers"),
            plaintext: table.text("plaintext"),
            time_zone: table.text("time_zone"),
            site_map: table.text("site_map"),
            queries: table.table("queries").map(QueriesTable::read),
            place: table.place().clone(),
        };
        table.refuse_unknown();
        read
    }
}

impl QueriesTable {
    pub(super) fn read(mut table: Table<'_, '_>) -> Self {
        let read = Self {
            system: table.required_text("system"),
            role: table.required_text("role"),
            profile: table.text("profile"),
        };
        table.refuse_unknown();
        read
    }
}

impl InboundTable {
    pub(super) fn read(mut table: Table<'_, '_>) -> Self {
        let read = Self {
            name: table.required_text("name"),
            form: table.text("form"),
            mapping: table.text("mapping"),
            from: table.required_text("from"),
            to: table.required_texts("to"),
            purpose: table.required_text("purpose"),
            folder: table.text("folder"),
            time_zone: table.text("time_zone"),
            place: table.place().clone(),
        };
        table.refuse_unknown();
        read
    }
}
