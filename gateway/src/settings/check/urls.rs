//! Addresses of web places: what may be plain http, and how they are written.

use std::net::IpAddr;

use http::Uri;

use super::super::Telemetry;
use super::super::file::TelemetryTable;
use super::super::problem::Notebook;
use super::super::written::Written;

/// The base of the gateway itself: no path.
pub(super) fn gateway_base(notes: &Notebook, written: &Written<String>) -> Option<String> {
    let uri = written.parsed(notes, |text| protected(text))?;
    if uri.path() != "/" || written.value.ends_with('/') {
        notes.error(&written.place, "write the base without a path and without a slash at the end");
        return None;
    }
    Some(written.value.clone())
}

/// The FHIR base of a system.
pub(super) fn system_base(notes: &Notebook, written: &Written<String>) -> Option<Uri> {
    written.parsed(notes, |text| protected(text).and_then(without_slash(text)))
}

/// A base by which a system calls itself; nothing is ever sent there, so it may be `http`.
pub(super) fn alias(notes: &Notebook, written: &Written<String>) -> Option<Uri> {
    written.parsed(notes, |text| absolute(text).and_then(without_slash(text)))
}

/// A page where people begin to sign in.
pub(super) fn sign_in(notes: &Notebook, written: &Written<String>) -> Option<Uri> {
    written.parsed(notes, |text| protected(text))
}

/// Where an issuer publishes its keys.
pub(super) fn jwks(notes: &Notebook, written: &Written<String>) -> Option<Uri> {
    written.parsed(notes, |text| protected(text))
}

/// `[telemetry]`.
pub(super) fn telemetry(notes: &Notebook, table: Option<&TelemetryTable>) -> Telemetry {
    let written = table.and_then(|table| table.otlp.as_ref());
    Telemetry { otlp: written.and_then(|written| written.parsed(notes, |text| protected(text))) }
}

/// Whether a host is this machine.
pub(super) fn is_loopback(uri: &Uri) -> bool {
    let host = uri.host().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn protected(text: &str) -> Result<Uri, &'static str> {
    let uri = absolute(text)?;
    if uri.scheme_str() == Some("http") && !is_loopback(&uri) {
        return Err("plain http is for loopback only: use https");
    }
    Ok(uri)
}

fn absolute(text: &str) -> Result<Uri, &'static str> {
    const WANTED: &str = "an address such as https://host.example/path is wanted";
    let uri: Uri = text.parse().map_err(|_| WANTED)?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.host().is_none_or(str::is_empty) {
        return Err(WANTED);
    }
    if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
        return Err("an address must not carry a user or a password");
    }
    if uri.query().is_some() || text.contains('#') {
        return Err("an address must not carry a query or a fragment");
    }
    Ok(uri)
}

fn without_slash(text: &str) -> impl FnOnce(Uri) -> Result<Uri, &'static str> {
    let ends = text.ends_with('/');
    move |uri| if ends { Err("write the base without a slash at the end") } else { Ok(uri) }
}
