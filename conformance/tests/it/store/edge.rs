//! Where bytes become requests and answers become bytes: addresses, formats, codings.

use std::io::{Read, Write};

use bytes::Bytes;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;

use super::json::Json;
use super::search::{self, fault::SearchFault};
use super::spoil;
use super::together::CHOSEN_ID;
use super::told::{Asked, Refused, Told};
use super::{Fault, Store};

/// Bytes of a body, also after it is unpacked.
const BODY_MAX: u64 = 8 << 20;

/// A format of answers and bodies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Json,
    Xml,
}

impl Format {
    fn of_type(media_type: &str) -> Option<Self> {
        match media_type.trim().to_ascii_lowercase().as_str() {
            "application/fhir+json" | "application/json" | "text/json" => Some(Self::Json),
            "application/fhir+xml" | "application/xml" | "text/xml" => Some(Self::Xml),
            _ => None,
        }
    }

    const fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/fhir+json; charset=utf-8",
            Self::Xml => "application/fhir+xml; charset=utf-8",
        }
    }
}

impl Store {
    /// Answers one request.
    pub(crate) fn answer(&self, request: &Request<Bytes>) -> Response<Full<Bytes>> {
        let query = pairs(request.uri().query().unwrap_or_default());
        let format = self.format(&query, request.headers());
        let told = match &format {
            Ok(_) => self.told(request, &query),
            Err(refused) => Err(refused.clone()),
        };
        let told = told.unwrap_or_else(|refused| refused.told());
        self.rendered(request, &query, format.unwrap_or(Format::Json), told)
    }

    fn told(&self, request: &Request<Bytes>, query: &[(String, String)]) -> Result<Told, Refused> {
        let nowhere = || Refused::new(404, "not-found", "nothing is served here");
        let below = request.uri().path().strip_prefix("/fhir").ok_or_else(nowhere)?;
        if !below.is_empty() && !below.starts_with('/') {
            return Err(nowhere());
        }
        if self.fault == Fault::ControlFails && (below.contains("%00") || below.contains("%zz")) {
            return Err(Refused::new(500, "exception", "an address that does not read"));
        }
        if self.fault == Fault::TraversalServes && below.contains("%2f") {
            return Ok(Told::bare(200));
        }
        let below = match self.fault {
            Fault::SlashDecodedFirst => below.replace("%2F", "/"),
            _ => below.to_owned(),
        };
        let path = decoded_path(below.trim_start_matches('/'))?;
        let mut headers = request.headers().clone();
        headers.remove(CHOSEN_ID);
        let fault = search::own(self.fault);
        let mut query = query.to_vec();
        if fault == SearchFault::PlusStaysPlus {
            query = pairs(&request.uri().query().unwrap_or_default().replace('+', "%2B"));
        }
        let form = request.method() == Method::POST && path.last().is_some_and(|last| last == "_search");
        let body = if form {
            if fault == SearchFault::PostIgnoresAddress {
                query.clear();
            }
            if fault != SearchFault::PostIgnoresBody {
                query.extend(pairs(&String::from_utf8_lossy(request.body())));
            }
            Ok(None)
        } else {
            self.body(request)
        };
        query.retain(|(name, _)| !matches!(name.as_str(), "_format" | "_pretty"));
        let asked = Asked { method: request.method().clone(), path, query, headers, body };
        self.handle(&mut self.state.lock().unwrap(), &asked)
    }

    /// The body as JSON, whatever it was written in.
    fn body(&self, request: &Request<Bytes>) -> Result<Option<Json>, Refused> {
        let sent = request.body();
        if sent.is_empty() {
            return Ok(None);
        }
        let media_type = text(request.headers(), "content-type").unwrap_or_default();
        let unsupported = || Refused::new(415, "not-supported", "bodies are FHIR in JSON or XML");
        let (essence, parameters) = media_type.split_once(';').unwrap_or((media_type, ""));
        let other_charset = parameters.split(';').any(|parameter| {
            let parameter = parameter.trim().to_ascii_lowercase();
            parameter.strip_prefix("charset=").is_some_and(|name| name.trim_matches('"') != "utf-8")
        });
        let patch = request.method() == Method::PATCH;
        let format = if patch {
            (essence.trim() == "application/json-patch+json").then_some(Format::Json)
        } else {
            Format::of_type(essence)
        };
        let format = match self.fault {
            Fault::PatchTakesAnyFormat if patch => Some(Format::Json),
            Fault::CharsetRefused if !parameters.is_empty() => None,
            _ => format,
        };
        let format = format.filter(|_| !other_charset).ok_or_else(unsupported)?;
        let plain = spoil::as_read(unpacked(request.headers(), sent)?, self.fault)?;
        let unreadable = || Refused::new(400, "structure", "the body does not read");
        let json = match format {
            Format::Json => plain,
            Format::Xml => {
                let read = fhir::xml::to_json(&plain, &fhir::xml::Limits::default());
                read.map_err(|_| unreadable())?.into()
            }
        };
        let mut read = Json::read(json).map_err(|_| unreadable())?;
        if self.fault == Fault::XmlLosesOnTheWayIn && format == Format::Xml {
            read.remove("name");
        }
        Ok(Some(read))
    }

    /// In which format the answer is to be.
    fn format(&self, query: &[(String, String)], headers: &HeaderMap) -> Result<Format, Refused> {
        let unknown = || Refused::new(406, "not-supported", "answers are FHIR in JSON or XML");
        if let Some((_, wanted)) =
            query.iter().find(|(name, _)| name == "_format" && self.fault != Fault::FormatParameterIgnored)
        {
            // A plus that was not escaped is read as a space.
            let wanted = wanted.replace(' ', "+");
            let essence = wanted.split(';').next().unwrap_or_default();
            return match essence {
                "application/json" if self.fault == Fault::FormatNameUnknown => None,
                "json" => Some(Format::Json),
                "xml" => Some(Format::Xml),
                other => Format::of_type(other),
            }
            .ok_or_else(unknown);
        }
        let lines: Vec<&str> =
            headers.get_all("accept").iter().filter_map(|line| line.to_str().ok()).collect();
        let accept = lines.join(",");
        if accept.trim().is_empty() {
            return Ok(Format::Json);
        }
        if self.fault == Fault::XmlAsJson && accept == "application/fhir+xml" {
            return Ok(Format::Json);
        }
        if self.fault == Fault::PlainJsonRefused && accept == "application/json" {
            return Err(unknown());
        }
        let (mut json, xml) = (weight(&accept, Format::Json), weight(&accept, Format::Xml));
        if self.fault == Fault::WeightsIgnored {
            json = json.max(xml);
        }
        match (json > 0, xml > json) {
            (_, true) => Ok(Format::Xml),
            (true, false) => Ok(Format::Json),
            (false, false) => Err(unknown()),
        }
    }

    #[expect(clippy::disallowed_methods, reason = "a test server is no part of the gateway")]
    fn rendered(
        &self,
        request: &Request<Bytes>,
        query: &[(String, String)],
        format: Format,
        told: Told,
    ) -> Response<Full<Bytes>> {
        let (mut status, mut body) = (told.status, Bytes::new());
        let hidden = self.fault == Fault::ErrorsWithoutOutcome && status >= 400;
        if let Some(mut resource) = told.resource.filter(|_| !hidden) {
            if self.fault == Fault::XmlLosesNarrative && format == Format::Xml {
                resource.remove("text");
            }
            let whole = status >= 400 || request.method() == Method::POST;
            let shown = if whole { resource } else { search::shown(resource, query, self.fault) };
            match written(&shown, format) {
                Some(bytes) => body = bytes,
                None => status = 500,
            }
        }
        let mut response = Response::new(Full::new(Bytes::new()));
        let headers = response.headers_mut();
        for (name, value) in told.headers {
            let value = HeaderValue::from_str(&value).unwrap();
            headers.insert(HeaderName::from_static(name), value);
        }
        if !body.is_empty() && !headers.contains_key("content-type") {
            headers.insert("content-type", HeaderValue::from_static(format.content_type()));
        }
        headers.insert("vary", HeaderValue::from_static("accept, accept-encoding"));
        if !body.is_empty() && accepts_gzip(request.headers()) {
            headers.insert("content-encoding", HeaderValue::from_static("gzip"));
            if self.fault != Fault::GzipInNameOnly {
                body = packed(&body);
            }
        }
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        *response.body_mut() = Full::new(body);
        response
    }
}

fn written(resource: &Json, format: Format) -> Option<Bytes> {
    let json = resource.bytes();
    match format {
        Format::Json => Some(json),
        Format::Xml => {
            let document = fhir::json::parse(json, &fhir::json::Limits::default()).ok()?;
            fhir::xml::from_json(document.root(), &fhir::xml::Limits::default()).ok().map(Bytes::from)
        }
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// How much an Accept header wants a format, in thousandths; the most specific range that fits decides (RFC 9110, 12.5.1).
fn weight(accept: &str, format: Format) -> u32 {
    let mut best = (0, 0);
    for range in accept.split(',') {
        let (essence, parameters) = range.split_once(';').unwrap_or((range, ""));
        let precision = match essence.trim().to_ascii_lowercase().as_str() {
            "*/*" => 1,
            "application/*" => 2,
            other if Format::of_type(other) == Some(format) => 3,
            _ => continue,
        };
        let parameters = || parameters.split(';').map(str::trim);
        let other_release = |parameter: &str| {
            parameter.strip_prefix("fhirVersion=").is_some_and(|version| version.trim_matches('"') != "4.0")
        };
        if parameters().any(other_release) {
            continue;
        }
        let quality = parameters().find_map(|parameter| parameter.strip_prefix("q="));
        let quality = quality.and_then(|text| text.parse::<f32>().ok()).unwrap_or(1.0).clamp(0.0, 1.0);
        let thousandths = (quality * 1000.0) as u32;
        if precision > best.0 || (precision == best.0 && thousandths > best.1) {
            best = (precision, thousandths);
        }
    }
    best.1
}

fn accepts_gzip(headers: &HeaderMap) -> bool {
    let accepted = text(headers, "accept-encoding").unwrap_or_default();
    accepted.split(',').any(|coding| {
        let (name, parameter) = coding.split_once(';').unwrap_or((coding, ""));
        name.trim().eq_ignore_ascii_case("gzip") && !matches!(parameter.trim(), "q=0" | "q=0.0")
    })
}

fn packed(body: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap().into()
}

fn unpacked(headers: &HeaderMap, sent: &Bytes) -> Result<Bytes, Refused> {
    match text(headers, "content-encoding").map(str::trim) {
        None | Some("" | "identity") => Ok(sent.clone()),
        Some("gzip") => {
            let mut plain = Vec::new();
            let read = GzDecoder::new(sent.as_ref()).take(BODY_MAX + 1).read_to_end(&mut plain);
            match read {
                Ok(_) if plain.len() as u64 > BODY_MAX => {
                    Err(Refused::new(413, "too-long", "the body is too large"))
                }
                Ok(_) => Ok(plain.into()),
                Err(_) => Err(Refused::new(400, "structure", "the body does not unpack")),
            }
        }
        Some(_) => Err(Refused::new(415, "not-supported", "this content coding is not spoken")),
    }
}

/// The parts of a path, each decoded by itself; none of them may hold what only paths hold.
pub(crate) fn decoded_path(path: &str) -> Result<Vec<String>, Refused> {
    let path = path.strip_suffix('/').unwrap_or(path);
    if path.is_empty() {
        return Ok(Vec::new());
    }
    let parts = path.split('/').map(|part| {
        let decoded = unescaped(part).unwrap_or_default();
        let odd = decoded.is_empty()
            || decoded == "."
            || decoded == ".."
            || decoded.chars().any(|c| c == '/' || c == '\\' || c.is_control());
        if odd { Err(Refused::new(404, "not-found", "nothing is served here")) } else { Ok(decoded) }
    });
    parts.collect()
}

/// Names and values of a query or a form, decoded.
pub(crate) fn pairs(query: &str) -> Vec<(String, String)> {
    let plain = |text: &str| unescaped(&text.replace('+', " ")).unwrap_or_default();
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (plain(name), plain(value)))
        .collect()
}

fn unescaped(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let digits = [bytes.next()?, bytes.next()?];
        out.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?);
    }
    String::from_utf8(out).ok()
}

/// A name or value as it stands in a query.
pub(crate) fn encoded(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~:,|".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}
