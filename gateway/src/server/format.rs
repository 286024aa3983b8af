//! In which format an answer is written, and in which a body came: media types, weights, `_format`.
//!
//! `_format` goes before `Accept` (FHIR R4, content types); `Accept` is read by specificity and weight (RFC 9110,
//! 12.5.1); who says nothing gets the format of the body that was sent, else JSON. Decided once, where the request
//! comes in, for every ending it can have. Nothing here depends on who asks or on a record.

use bytes::Bytes;
use fhir::json::{self, Document};
use fhir::xml;
use serde::{Deserialize, Serialize};

use super::target::percent_decoded;

#[cfg(test)]
mod tests;

/// A format of FHIR that is spoken, in and out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// `application/fhir+json`.
    #[default]
    Json,
    /// `application/fhir+xml`.
    Xml,
}

/// What an answer is written in when its format cannot say it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Instead {
    /// There is no other that is taken.
    #[default]
    Nothing,
    /// JSON, which can say everything: who asks takes it as well.
    Json,
}

/// Nothing that is asked for is spoken here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no format that is asked for is spoken")]
pub struct NotSpoken;

/// Why a body of this `Content-Type` is not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotRead {
    /// Another media type, or none.
    #[error("the media type is not one that is read")]
    Type,
    /// An encoding other than UTF-8.
    #[error("the charset is not utf-8")]
    Charset,
    /// Another version of FHIR.
    #[error("the version of fhir is not 4.0")]
    Version,
}

/// Why a body in XML is not taken. Nothing of it is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum XmlFault {
    /// Not FHIR in XML.
    #[error(transparent)]
    Invalid(#[from] xml::InvalidXml),
    /// FHIR in XML that is beyond the bounds which hold for it in any format.
    #[error("the same in json is beyond its bounds: {0}")]
    Bounds(#[from] json::Invalid),
}

/// A media type or range, names in small letters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaType {
    /// `type/subtype`.
    pub essence: String,
    /// Its parameters in their order, values without quotes.
    pub parameters: Vec<(String, String)>,
}

/// The most weight, in thousandths.
const WEIGHT_MAX: u16 = 1_000;

/// How much longer than its XML the JSON of a resource may be; the writer of it promises three times.
const JSON_PER_XML: usize = 4;
/// Attributes of one element of a body, namespace declarations included.
const ATTRIBUTES_MAX: usize = 16;

/// Reads a body in XML as JSON, within the bounds of a body in JSON: what it says is looked at in that form only.
///
/// # Errors
/// [`XmlFault`].
pub fn read_xml(bytes: &[u8], limits: &json::Limits) -> Result<Document, XmlFault> {
    let bounds = xml::Limits {
        bytes_max: limits.bytes_max,
        depth_max: limits.depth_max,
        elements_max: limits.values_max,
        attributes_max: ATTRIBUTES_MAX,
    };
    let json = xml::to_json(bytes, &bounds)?;
    let bytes_max = limits.bytes_max.saturating_mul(JSON_PER_XML);
    Ok(json::parse(Bytes::from(json), &json::Limits { bytes_max, ..*limits })?)
}

/// Decides from `Accept`, the texts in which `_format` may stand (query, form), and the type of the body.
///
/// # Errors
/// [`NotSpoken`] when something else is asked for, or `_format` stands twice in one of the texts, or says two things.
pub fn decide(
    accept: Option<&str>,
    queries: &[&str],
    content_type: Option<&str>,
) -> Result<Format, NotSpoken> {
    let mut named: Option<Format> = None;
    for query in queries {
        let mut here = named_in(query);
        let Some(first) = here.next() else { continue };
        let format = first.and_then(|name| Format::named(&name)).ok_or(NotSpoken)?;
        // Once in the URL and once in the form, and the same: clients do that. Twice in one of them is no one meaning.
        if here.next().is_some() || named.is_some_and(|before| before != format) {
            return Err(NotSpoken);
        }
        named = Some(format);
    }
    if let Some(format) = named {
        return Ok(format);
    }
    let preferred = match content_type.map(MediaType::parse) {
        Some(sent) if Format::of_essence(&sent.essence) == Some(Format::Xml) => Format::Xml,
        Some(_) | None => Format::Json,
    };
    accept.map_or(Ok(preferred), |accept| accepted(accept, preferred))
}

/// Decides from the same what an answer is written in when its format cannot say it: what `_format` names is all that is
/// taken, and `Accept` may name more than one.
#[must_use]
pub fn instead(accept: Option<&str>, queries: &[&str]) -> Instead {
    if queries.iter().any(|query| named_in(query).next().is_some()) {
        return Instead::Nothing;
    }
    let Some(accept) = accept else { return Instead::Json };
    let ranges: Vec<(MediaType, u16)> = apart(accept, ',').map(range).collect();
    match Format::Json.weight(&ranges) {
        0 => Instead::Nothing,
        _ => Instead::Json,
    }
}

impl Format {
    /// The media type as it is told.
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/fhir+json; charset=utf-8",
            Self::Xml => "application/fhir+xml; charset=utf-8",
        }
    }

    /// What a link of an answer in this format ends with, so that what it leads to is in it too.
    #[must_use]
    pub const fn in_link(self) -> &'static str {
        match self {
            Self::Json => "",
            Self::Xml => "&_format=xml",
        }
    }

    /// The format in which a body of this `Content-Type` is.
    ///
    /// # Errors
    /// [`NotRead`].
    pub fn of_body(content_type: Option<&str>) -> Result<Self, NotRead> {
        let sent = MediaType::parse(content_type.ok_or(NotRead::Type)?);
        let format = Self::of_essence(&sent.essence).ok_or(NotRead::Type)?;
        sent.check()?;
        Ok(format)
    }

    /// Whether it is the default: evidence names only the other.
    #[must_use]
    pub fn is_json(&self) -> bool {
        *self == Self::Json
    }

    const fn formal(self) -> &'static str {
        match self {
            Self::Json => "application/fhir+json",
            Self::Xml => "application/fhir+xml",
        }
    }

    /// Other names that mean it; what is answered bears the formal one.
    const fn others(self) -> [&'static str; 2] {
        match self {
            Self::Json => ["application/json", "text/json"],
            Self::Xml => ["application/xml", "text/xml"],
        }
    }

    fn of_essence(essence: &str) -> Option<Self> {
        [Self::Json, Self::Xml]
            .into_iter()
            .find(|format| format.formal() == essence || format.others().contains(&essence))
    }

    /// The format that `_format` names. A plus sign that nobody encoded has become a space.
    fn named(name: &str) -> Option<Self> {
        let asked = MediaType::parse(name);
        asked.check().ok()?;
        match asked.essence.as_str() {
            "json" => Some(Self::Json),
            "xml" => Some(Self::Xml),
            essence => Self::of_essence(&essence.replace(' ', "+")),
        }
    }

    /// How much it is wanted, in thousandths.
    fn weight(self, ranges: &[(MediaType, u16)]) -> u16 {
        let of = |essence: &str| most_specific(ranges, essence);
        let by_other_name = || self.others().into_iter().filter_map(of).max();
        of(self.formal())
            .or_else(by_other_name)
            .or_else(|| of("application/*"))
            .or_else(|| of("*/*"))
            .unwrap_or(0)
    }
}

impl MediaType {
    /// Reads `text`; what is no media type has an essence that is none.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut parts = apart(text, ';').map(str::trim);
        let essence = parts.next().unwrap_or_default().to_ascii_lowercase();
        let parameters = parts.filter(|part| !part.is_empty()).map(|part| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            (name.trim().to_ascii_lowercase(), value.trim().trim_matches('"').to_owned())
        });
        Self { essence, parameters: parameters.collect() }
    }

    /// Checks the parameters that would make another format of it; others change nothing.
    ///
    /// # Errors
    /// [`NotRead::Charset`], [`NotRead::Version`].
    pub fn check(&self) -> Result<(), NotRead> {
        for (name, value) in &self.parameters {
            match name.as_str() {
                "charset" if !value.eq_ignore_ascii_case("utf-8") => return Err(NotRead::Charset),
                "fhirversion" if !matches!(value.as_str(), "4.0" | "4.0.1") => return Err(NotRead::Version),
                _ => {}
            }
        }
        Ok(())
    }

    /// How many of its parameters say something about what is answered.
    fn specificity(&self) -> usize {
        self.parameters.iter().filter(|(name, _)| matches!(name.as_str(), "charset" | "fhirversion")).count()
    }
}

/// The values of `_format` in a query or form; none where one is not text.
fn named_in(query: &str) -> impl Iterator<Item = Option<String>> {
    query.split('&').filter_map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (percent_decoded(name)? == b"_format")
            .then(|| percent_decoded(value).and_then(|value| String::from_utf8(value).ok()))
    })
}

fn accepted(accept: &str, preferred: Format) -> Result<Format, NotSpoken> {
    let ranges: Vec<(MediaType, u16)> = apart(accept, ',').map(range).collect();
    let (json, xml) = (Format::Json.weight(&ranges), Format::Xml.weight(&ranges));
    match json.cmp(&xml) {
        std::cmp::Ordering::Equal if json == 0 => Err(NotSpoken),
        std::cmp::Ordering::Equal => Ok(preferred),
        std::cmp::Ordering::Greater => Ok(Format::Json),
        std::cmp::Ordering::Less => Ok(Format::Xml),
    }
}

/// A range and its weight; one that cannot be read weighs nothing.
fn range(text: &str) -> (MediaType, u16) {
    let mut media_type = MediaType::parse(text);
    let mut weights = media_type.parameters.iter().filter(|(name, _)| name == "q");
    let weight = match (weights.next(), weights.next()) {
        (None, _) => WEIGHT_MAX,
        (Some((_, text)), None) => weight(text).unwrap_or(0),
        (Some(_), Some(_)) => 0,
    };
    // What follows the weight is not part of the range.
    if let Some(at) = media_type.parameters.iter().position(|(name, _)| name == "q") {
        media_type.parameters.truncate(at);
    }
    (media_type, weight)
}

/// The weight of the range that fits `essence` most closely; among equals the greatest.
fn most_specific(ranges: &[(MediaType, u16)], essence: &str) -> Option<u16> {
    ranges
        .iter()
        .filter(|(range, _)| range.essence == essence && range.check().is_ok())
        .max_by_key(|(range, weight)| (range.specificity(), *weight))
        .map(|(_, weight)| *weight)
}

/// `0`, `1`, and digits behind the point, in thousandths. Programs in use write `.2`, and more than three digits.
pub(super) fn weight(text: &str) -> Option<u16> {
    let (whole, digits) = text.split_once('.').unwrap_or((text, ""));
    if (whole.is_empty() && digits.is_empty()) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let thousandths: u16 = format!("{digits:0<3}").get(..3)?.parse().ok()?;
    match whole {
        "" | "0" => Some(thousandths),
        "1" if digits.bytes().all(|byte| byte == b'0') => Some(WEIGHT_MAX),
        _ => None,
    }
}

/// Splits at `separator`, but not inside quotes.
fn apart(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    text.split(move |character| {
        let here = std::mem::take(&mut escaped);
        match character {
            '"' if !here => quoted = !quoted,
            '\\' if quoted && !here => escaped = true,
            _ => {}
        }
        character == separator && !quoted
    })
}
