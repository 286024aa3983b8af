//! What a translation knows beyond the bytes: who sent them, and how that sender writes.

use std::collections::BTreeMap;
use std::sync::Arc;

use fhir::ods_code::OdsCode;
use jiff::tz::TimeZone;

use crate::hl7v2::Fault;
use crate::hl7v2::maps::{SegmentMap, read_site};

/// What is known about the sender of a message.
#[derive(Debug, Clone)]
pub struct Context {
    pub(crate) source: String,
    pub(crate) organisation: Option<OdsCode>,
    pub(crate) zone: TimeZone,
    pub(crate) charset: Charset,
    pub(crate) identifier_systems: BTreeMap<String, String>,
    pub(crate) codes: BTreeMap<(String, String), String>,
    pub(crate) bytes_max: usize,
    pub(crate) site: Option<Arc<Vec<SegmentMap>>>,
}

/// How a message is written when it does not say so itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Charset {
    /// ASCII or UTF-8.
    Utf8,
    /// ISO 8859-1.
    Latin1,
    /// ISO 8859-15, which has the euro sign.
    Latin9,
}

/// The time zone is not in the IANA database.
#[derive(Debug, thiserror::Error)]
#[error("the time zone is not in the IANA database")]
pub struct UnknownTimeZone;

impl Context {
    /// A context for the source system `source` of the organisation `organisation`, if it is known,
    /// whose clocks show the time of `zone` (an IANA name such as `Europe/London`).
    ///
    /// `source` is part of every id made here: changing it changes all ids.
    ///
    /// # Errors
    /// [`UnknownTimeZone`] when `zone` has no such name.
    pub fn new(source: &str, organisation: Option<OdsCode>, zone: &str) -> Result<Self, UnknownTimeZone> {
        Ok(Self {
            source: source.to_owned(),
            organisation,
            zone: TimeZone::get(zone).map_err(|_| UnknownTimeZone)?,
            charset: Charset::Utf8,
            identifier_systems: BTreeMap::new(),
            codes: BTreeMap::new(),
            bytes_max: 16 << 20,
            site: None,
        })
    }

    /// The same of another source of the same sender.
    #[must_use]
    pub fn of_source(&self, source: &str) -> Self {
        Self { source: source.to_owned(), ..self.clone() }
    }

    /// Reads messages that do not name their character set as `charset`.
    #[must_use]
    pub fn with_charset(mut self, charset: Charset) -> Self {
        self.charset = charset;
        self
    }

    /// Gives identifiers of the assigning authority `authority` the identifier system `system`.
    #[must_use]
    pub fn with_identifier_system(mut self, authority: &str, system: &str) -> Self {
        self.identifier_systems.insert(authority.to_ascii_uppercase(), system.to_owned());
        self
    }

    /// Reads this sender's `local` code as the code `standard` that the code map `map` already knows.
    #[must_use]
    pub fn with_code(mut self, map: &str, local: &str, standard: &str) -> Self {
        self.codes.insert((map.to_owned(), local.to_ascii_uppercase()), standard.to_owned());
        self
    }

    /// Reads the sender's own HL7 v2 segments, whose names begin with `Z`, by `map`: lines such as
    ///
    /// ```text
    /// segment ZPV many minor
    /// 2    Encounter.identifier[]   identifier
    /// ```
    ///
    /// in the format of the segment maps of this crate. What it does not name is listed as lost, as before.
    ///
    /// # Errors
    /// [`Fault`] with the line that cannot be read.
    pub fn with_site_map(mut self, map: &str) -> Result<Self, Fault> {
        self.site = Some(Arc::new(read_site(map)?));
        Ok(self)
    }

    /// Refuses messages of more than `bytes` bytes (16 MiB unless set).
    #[must_use]
    pub fn with_bytes_max(mut self, bytes: usize) -> Self {
        self.bytes_max = bytes;
        self
    }

    /// The name of the source system.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use fhir::ods_code::OdsCode;

    use super::Context;

    /// The context of an invented hospital.
    pub(crate) fn hospital() -> Context {
        Context::new("hospital", OdsCode::parse("RX1").ok(), "Europe/London").unwrap()
    }

    #[test]
    fn an_unknown_time_zone_is_refused() {
        assert!(Context::new("hospital", None, "Europe/Camelot").is_err());
    }
}
