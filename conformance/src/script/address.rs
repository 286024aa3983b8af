//! Which request an operation makes: method, address and form, by the order of precedence of TestScript.
//!
//! `url` as it is; else `params` after the type; else what `targetId` names; else what `sourceId` holds. Pure: the
//! values are given.

use super::plan::Shape;

/// Letters of an address.
const URL_MAX: usize = 32 * 1024;

/// What is known of a request before it is made; every text is filled.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Parts<'a> {
    pub(crate) base: &'a str,
    pub(crate) code: Option<&'a str>,
    pub(crate) method: Option<&'a str>,
    pub(crate) url: Option<&'a str>,
    pub(crate) params: Option<&'a str>,
    pub(crate) resource: Option<&'a str>,
    /// `Type/id` or `Type/id/_history/version`.
    pub(crate) target: Option<&'a str>,
    pub(crate) source: Option<Source<'a>>,
}

/// What is known of the source.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Source<'a> {
    pub(crate) kind: Option<&'a str>,
    /// `Type/id`, as the server has it or as it says itself.
    pub(crate) reference: Option<&'a str>,
}

/// A request line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) url: String,
    /// Parameters that go into the body.
    pub(crate) form: Option<String>,
}

/// Why an operation makes no request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unaddressed {
    #[error("the operation does not say what it is about")]
    Nothing,
    #[error("the version to read is not known")]
    Version,
    #[error("the method is none of HTTP's")]
    Method,
    #[error("the address is too long")]
    TooLong,
}

/// The request that `shape` asks for.
pub(crate) fn asked(shape: &Shape, parts: Parts<'_>) -> Result<Asked, Unaddressed> {
    let method = method(shape, &parts)?;
    let mut form = None;
    let path = if let Some(url) = parts.url {
        if is_remote(url) {
            return finish(method, url.to_owned(), None);
        }
        url.to_owned()
    } else if let Some(params) = parts.params {
        let by_form = method == "POST" && *shape == Shape::Search && parts.source.is_none();
        if by_form {
            form = Some(params.trim_start_matches('?').to_owned());
            format!("{}/_search", parts.resource.unwrap_or_default())
        } else {
            parametrised(shape, &parts, params)
        }
    } else if let Some(target) = parts.target {
        targeted(shape, target)?
    } else if let Some(source) = parts.source {
        sourced(shape, &parts, source)?
    } else {
        alone(shape, &parts)?
    };
    let path = path.trim_start_matches('/');
    let base = parts.base.trim_end_matches('/');
    let slash = if path.is_empty() || path.starts_with('?') { "" } else { "/" };
    finish(method, format!("{base}{slash}{path}"), form)
}

fn finish(method: String, url: String, form: Option<String>) -> Result<Asked, Unaddressed> {
    if url.len() > URL_MAX { Err(Unaddressed::TooLong) } else { Ok(Asked { method, url, form }) }
}

fn method(shape: &Shape, parts: &Parts<'_>) -> Result<String, Unaddressed> {
    if let Some(method) = parts.method {
        let method = method.trim().to_ascii_uppercase();
        let known = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"].contains(&method.as_str());
        return if known { Ok(method) } else { Err(Unaddressed::Method) };
    }
    let sent = parts.source.is_some();
    let method = match shape {
        Shape::Read | Shape::VRead | Shape::History | Shape::Search | Shape::Capabilities => "GET",
        Shape::Create | Shape::Whole => "POST",
        Shape::Update => "PUT",
        Shape::Patch => "PATCH",
        Shape::Delete => "DELETE",
        Shape::Named(_) if sent => "POST",
        Shape::Named(_) => "GET",
        Shape::Plain => match parts.code {
            Some("post") => "POST",
            Some("put") => "PUT",
            Some("head") => "HEAD",
            Some("options") => "OPTIONS",
            None if sent => "POST",
            Some(_) | None => "GET",
        },
    };
    Ok(method.to_owned())
}

fn parametrised(shape: &Shape, parts: &Parts<'_>, params: &str) -> String {
    let kind = parts.resource.unwrap_or_default();
    let marked = params.starts_with(['?', '/']);
    let queries = matches!(shape, Shape::Search | Shape::History | Shape::Named(_)) && params.contains('=');
    let params = match (params.is_empty() || marked, queries) {
        (true, _) => params.to_owned(),
        (false, true) => format!("?{params}"),
        (false, false) => format!("/{params}"),
    };
    let (path, query) = params.split_at(params.find('?').unwrap_or(params.len()));
    match shape {
        Shape::Named(name) if !path.contains('$') => format!("{kind}{path}/${name}{query}"),
        Shape::History if !path.contains("_history") => format!("{kind}{path}/_history{query}"),
        Shape::Capabilities => format!("metadata{query}"),
        Shape::Named(_)
        | Shape::History
        | Shape::Read
        | Shape::VRead
        | Shape::Search
        | Shape::Create
        | Shape::Update
        | Shape::Patch
        | Shape::Delete
        | Shape::Whole
        | Shape::Plain => format!("{kind}{path}{query}"),
    }
}

fn targeted(shape: &Shape, target: &str) -> Result<String, Unaddressed> {
    let plain = super::message::unversioned(target);
    Ok(match shape {
        Shape::VRead if plain == target => return Err(Unaddressed::Version),
        Shape::VRead => target.to_owned(),
        Shape::History => format!("{plain}/_history"),
        Shape::Named(name) => format!("{plain}/${name}"),
        Shape::Whole | Shape::Capabilities => String::new(),
        Shape::Create | Shape::Search => plain.split('/').next().unwrap_or_default().to_owned(),
        Shape::Read | Shape::Update | Shape::Patch | Shape::Delete | Shape::Plain => plain.to_owned(),
    })
}

fn sourced(shape: &Shape, parts: &Parts<'_>, source: Source<'_>) -> Result<String, Unaddressed> {
    let kind = parts.resource.or(source.kind);
    // What says how to patch has no address of its own; a type alone asks what a server makes of a change of nothing.
    let says_how = *shape == Shape::Patch && matches!(source.kind, Some("Parameters" | "Binary") | None);
    let reference = source.reference.filter(|_| !says_how);
    match shape {
        Shape::Update | Shape::Patch if reference.is_none() => {
            parts.resource.map(str::to_owned).ok_or(Unaddressed::Nothing)
        }
        Shape::Read | Shape::VRead | Shape::History | Shape::Update | Shape::Patch | Shape::Delete => {
            targeted(shape, reference.ok_or(Unaddressed::Nothing)?)
        }
        Shape::Create | Shape::Search => kind.map(str::to_owned).ok_or(Unaddressed::Nothing),
        Shape::Whole => Ok(String::new()),
        Shape::Capabilities => Ok("metadata".to_owned()),
        Shape::Named(name) => {
            let kind =
                parts.resource.or(source.kind.filter(|kind| !matches!(*kind, "Parameters" | "Bundle")));
            Ok(kind.map_or_else(|| format!("${name}"), |kind| format!("{kind}/${name}")))
        }
        Shape::Plain => Ok(parts.resource.unwrap_or_default().to_owned()),
    }
}

fn alone(shape: &Shape, parts: &Parts<'_>) -> Result<String, Unaddressed> {
    let kind = parts.resource.unwrap_or_default();
    match shape {
        Shape::Search if parts.method.is_some_and(|method| method.eq_ignore_ascii_case("post")) => {
            Ok(format!("{kind}/_search"))
        }
        Shape::Search | Shape::Whole => Ok(kind.to_owned()),
        Shape::History => Ok(format!("{kind}/_history")),
        Shape::Capabilities => Ok("metadata".to_owned()),
        Shape::Named(name) => Ok(format!("{kind}/${name}")),
        Shape::Plain if parts.resource.is_some() || parts.method.is_some() => Ok(kind.to_owned()),
        Shape::Read
        | Shape::VRead
        | Shape::Create
        | Shape::Update
        | Shape::Patch
        | Shape::Delete
        | Shape::Plain => {
            parts.resource.map(str::to_owned).filter(|_| *shape == Shape::Create).ok_or(Unaddressed::Nothing)
        }
    }
}

/// Whether an address is whole.
pub(crate) fn is_remote(reference: &str) -> bool {
    let lower = reference.get(..8).unwrap_or(reference).to_ascii_lowercase();
    lower.starts_with("http://") || lower.starts_with("https://")
}

/// Whether it has the form `Type/id`.
pub(crate) fn is_reference(reference: &str) -> bool {
    let Some((kind, id)) = reference.split_once('/') else { return false };
    let type_like = kind.starts_with(|letter: char| letter.is_ascii_uppercase())
        && kind.chars().all(|letter| letter.is_ascii_alphanumeric());
    let file_like = id.ends_with(".json") || id.ends_with(".xml");
    type_like && !file_like && crate::target::is_id(id)
}

/// An address with what may not stand in one percent-encoded; what is encoded already stays.
pub(crate) fn encoded(url: &str) -> String {
    let escaped =
        |bytes: &[u8]| matches!(bytes, [b'%', a, b, ..] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit());
    let bytes = url.as_bytes();
    let was_encoded = bytes.windows(3).any(escaped);
    let mut out = String::with_capacity(url.len());
    let mut in_query = false;
    for (at, byte) in bytes.iter().copied().enumerate() {
        let kept = match byte {
            b'%' => bytes.get(at..).is_some_and(escaped),
            // A plus in a query reads as a blank; who encoded by hand has said what is meant.
            b'+' => !in_query || was_encoded,
            b'-' | b'.' | b'_' | b'~' | b':' | b'/' | b'?' | b'#' | b'[' | b']' | b'@' | b'!' | b'$'
            | b'&' | b'\'' | b'(' | b')' | b'*' | b',' | b';' | b'=' => true,
            other => other.is_ascii_alphanumeric(),
        };
        in_query |= byte == b'?';
        if kept {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// Text with percent-encoding undone, and plus for blank.
pub(crate) fn decoded(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'+' => out.push(b' '),
            b'%' => {
                let mut ahead = bytes.clone();
                let digits = [ahead.next(), ahead.next()]
                    .map(|digit| digit.and_then(|digit| char::from(digit).to_digit(16)));
                match digits {
                    [Some(high), Some(low)] => {
                        out.push(u8::try_from(high * 16 + low).unwrap_or(b'%'));
                        bytes = ahead;
                    }
                    _ => out.push(b'%'),
                }
            }
            other => out.push(other),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::{Asked, Parts, Source, Unaddressed, asked, decoded, encoded, is_reference};
    use crate::script::plan::Shape;

    const BASE: &str = "http://x/fhir";

    fn check(shape: Shape, parts: Parts<'_>, expected: &str) {
        let Asked { method, url, form } = asked(&shape, Parts { base: BASE, ..parts }).unwrap();
        let form = form.map(|form| format!(" {form}")).unwrap_or_default();
        assert_eq!(format!("{method} {}{form}", url.strip_prefix(BASE).unwrap_or(&url)), expected);
    }

    const fn source(reference: Option<&'static str>) -> Option<Source<'static>> {
        Some(Source { kind: Some("Patient"), reference })
    }

    #[test]
    fn every_shape_makes_its_request() {
        let none = Parts::default();
        let patient = Parts { resource: Some("Patient"), ..none };
        let params = |params| Parts { params: Some(params), ..patient };
        let target = |target| Parts { target: Some(target), ..none };
        let named = |name: &str| Shape::Named(name.to_owned());
        check(Shape::Read, params("/1"), "GET /Patient/1");
        check(Shape::Read, params("1"), "GET /Patient/1");
        check(Shape::Read, target("Patient/1/_history/2"), "GET /Patient/1");
        check(Shape::VRead, target("Patient/1/_history/2"), "GET /Patient/1/_history/2");
        check(Shape::History, target("Patient/1"), "GET /Patient/1/_history");
        check(Shape::History, params("/1"), "GET /Patient/1/_history");
        check(Shape::History, params("/1/_history?_count=1"), "GET /Patient/1/_history?_count=1");
        check(Shape::History, patient, "GET /Patient/_history");
        check(Shape::History, none, "GET /_history");
        check(Shape::Search, params("?a=b"), "GET /Patient?a=b");
        check(Shape::Search, params("sort=true"), "GET /Patient?sort=true");
        check(Shape::Search, Parts { params: Some("?a=b"), ..none }, "GET ?a=b");
        check(Shape::Search, Parts { method: Some("post"), ..params("?a=b") }, "POST /Patient/_search a=b");
        check(Shape::Search, params("/$lastn?code=1"), "GET /Patient/$lastn?code=1");
        check(Shape::Search, patient, "GET /Patient");
        check(Shape::Create, Parts { source: source(None), ..none }, "POST /Patient");
        check(Shape::Create, Parts { source: source(None), ..params("?x=1") }, "POST /Patient?x=1");
        check(Shape::Update, Parts { source: source(Some("Patient/7")), ..none }, "PUT /Patient/7");
        check(Shape::Update, Parts { source: source(None), ..params("/9") }, "PUT /Patient/9");
        check(Shape::Delete, Parts { source: source(Some("Patient/7")), ..none }, "DELETE /Patient/7");
        check(Shape::Delete, params("?identifier=x"), "DELETE /Patient?identifier=x");
        check(Shape::Patch, Parts { source: source(None), ..target("Patient/1") }, "PATCH /Patient/1");
        let how = |resource| Parts {
            resource,
            source: Some(Source { kind: Some("Parameters"), reference: Some("Parameters/1") }),
            ..none
        };
        check(Shape::Patch, how(Some("Patient")), "PATCH /Patient");
        check(Shape::Update, Parts { source: source(None), ..patient }, "PUT /Patient");
        assert_eq!(asked(&Shape::Patch, how(None)), Err(Unaddressed::Nothing));
        check(Shape::Whole, Parts { source: source(None), ..none }, "POST ");
        check(Shape::Capabilities, none, "GET /metadata");
        check(named("everything"), target("Patient/1"), "GET /Patient/1/$everything");
        check(named("everything"), params("/1"), "GET /Patient/1/$everything");
        check(named("everything"), params("/1?_count=2"), "GET /Patient/1/$everything?_count=2");
        check(named("everything"), params("/1/$everything"), "GET /Patient/1/$everything");
        check(named("validate"), Parts { source: source(None), ..none }, "POST /Patient/$validate");
        check(named("versions"), none, "GET /$versions");
        check(Shape::Read, Parts { url: Some("Patient/1"), ..params("?ignored") }, "GET /Patient/1");
        check(Shape::Read, Parts { url: Some("/metadata"), ..none }, "GET /metadata");
        check(Shape::Read, Parts { url: Some("http://y/z"), ..none }, "GET http://y/z");
        check(Shape::Plain, Parts { url: Some("a"), method: Some("options"), ..none }, "OPTIONS /a");
        check(Shape::Plain, Parts { url: Some("a"), source: source(None), ..none }, "POST /a");
        check(
            Shape::Plain,
            Parts { url: Some("a"), code: Some("get"), source: source(None), ..none },
            "GET /a",
        );
    }

    #[test]
    fn an_operation_that_is_about_nothing_makes_no_request() {
        let parts = Parts { base: BASE, ..Parts::default() };
        for (shape, parts, expected) in [
            (Shape::Read, parts, Unaddressed::Nothing),
            (Shape::Update, Parts { source: source(None), ..parts }, Unaddressed::Nothing),
            (Shape::VRead, Parts { target: Some("Patient/1"), ..parts }, Unaddressed::Version),
            (Shape::Read, Parts { method: Some("fetch"), url: Some("a"), ..parts }, Unaddressed::Method),
        ] {
            assert_eq!(asked(&shape, parts), Err(expected));
        }
    }

    #[test]
    fn addresses_are_encoded_once() {
        for (raw, expected) in [
            ("a?code=http://x|y z", "a?code=http://x%7Cy%20z"),
            ("a?code=x%7Cy", "a?code=x%7Cy"),
            ("a?d=ge2020-01-01T00:00:00+01:00", "a?d=ge2020-01-01T00:00:00%2B01:00"),
            ("a+b?c=%20+d", "a+b?c=%20+d"),
            ("a?n=é&p=100%", "a?n=%C3%A9&p=100%25"),
        ] {
            assert_eq!(encoded(raw), expected);
        }
        assert_eq!(decoded("a%7Cb+c%2"), "a|b c%2");
    }

    #[test]
    fn references_are_told_from_files() {
        assert!(is_reference("Patient/example"));
        for other in ["Patient/example.json", "fixtures/Patient/x", "patient/1", "Patient", "../Patient/1"] {
            assert!(!is_reference(other), "{other}");
        }
    }
}
