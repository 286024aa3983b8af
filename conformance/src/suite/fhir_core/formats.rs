//! Formats and codings: the same record in JSON and XML, in what was asked for.

use std::io::Read;

use flate2::read::GzDecoder;
use http::Method;

use super::super::judge::{root, status};
use super::hands::{
    FHIR_JSON, FHIR_XML, Kept, MIME, acted, body, get, kept_whole, kind, make, parsed, read, remember, send,
    set, speaks_xml, told_within,
};
use crate::bench::Bench;
use crate::check::{Check, Judgement, Otherwise};
use crate::target::Answer;

const XML: &str = "https://hl7.org/fhir/R4/xml.html";
const NEGOTIATION: &str = "https://www.rfc-editor.org/rfc/rfc9110#section-12.5.1";
const HEAD: &str = "https://www.rfc-editor.org/rfc/rfc9110#section-9.3.2";
const CODING: &str = "https://www.rfc-editor.org/rfc/rfc9110#section-8.4";

/// Bytes of an answer after it is unpacked.
const PLAIN_MAX: u64 = 8 << 20;

pub(super) const CHECKS: &[Check] = &[
    acted!(
        Shall,
        "core-format-xml",
        "a read that accepts application/fhir+xml is answered in it",
        "clients that read XML cannot read JSON",
        MIME,
        xml
    ),
    acted!(
        Shall,
        "core-format-same",
        "XML and JSON tell the same",
        "what care a person gets depends on the format",
        XML,
        same
    ),
    acted!(
        Shall,
        "core-format-create-xml",
        "what is created in XML is read as it was sent",
        "what is lost on the way is lost to care",
        XML,
        create_xml
    ),
    acted!(
        Should,
        "core-format-parameter",
        "_format wins over the Accept header",
        "browsers and simple clients cannot set the header",
        MIME,
        parameter
    ),
    acted!(
        Shall,
        "core-format-names",
        "_format takes json, application/json and application/fhir+json for JSON",
        "clients that were written for other servers get nothing",
        MIME,
        names
    ),
    acted!(
        Shall,
        "core-format-weights",
        "of two formats that are accepted the one with the greater weight is sent",
        "clients get what they read worst",
        NEGOTIATION,
        weights
    ),
    acted!(
        Should,
        "core-format-plain-json",
        "a read that accepts application/json is answered in JSON",
        "clients of a general kind get nothing",
        MIME,
        plain_json
    ),
    acted!(
        Shall,
        "core-format-charset",
        "a body with charset=utf-8 in its media type is taken",
        "it is what the specification asks senders to write",
        MIME,
        charset
    ),
    acted!(
        Shall,
        "core-format-head",
        "HEAD answers as GET does, without a body",
        "whether something changed cannot be asked cheaply",
        HEAD,
        head
    ),
    acted!(
        Shall,
        "core-format-gzip",
        "what is sent as gzip unpacks to what is sent without",
        "clients that accept it, as most do, read garbage",
        CODING,
        gzip
    ),
];

async fn begin(bench: &Bench, word: &str) -> Result<Kept, Otherwise> {
    make(bench, kind(bench, &["create", "read"])?, word).await
}

async fn accepting(bench: &Bench, path: &str, accept: &str) -> Result<Answer, Otherwise> {
    let answer = send(bench, Method::GET, path, &[("accept", accept)], "").await?;
    status(&answer, &[200])?;
    Ok(answer)
}

/// The media type of an answer, without its parameters.
fn media_type(answer: &Answer) -> String {
    let found = answer.header("content-type").unwrap_or_default();
    found.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn sent_as(answer: &Answer, wanted: &[&str]) -> Judgement {
    if wanted.contains(&media_type(answer).as_str()) {
        return Ok(());
    }
    Err(Otherwise::unmet(format!("content type {}", wanted.join(" or ")), "another"))
}

fn from_xml(answer: &Answer) -> Result<fhir::json::Document, Otherwise> {
    let read = fhir::xml::to_json(&answer.body, &fhir::xml::Limits::default());
    let json = read.map_err(|wrong| Otherwise::unmet("a resource in XML", wrong.to_string()))?;
    parsed(&String::from_utf8_lossy(&json))
}

async fn xml(bench: &Bench) -> Judgement {
    speaks_xml(bench)?;
    let kept = begin(bench, "xml").await?;
    let answer = accepting(bench, &kept.path(), FHIR_XML).await?;
    sent_as(&answer, &[FHIR_XML])?;
    from_xml(&answer).map(drop)
}

async fn same(bench: &Bench) -> Judgement {
    speaks_xml(bench)?;
    let kind = kind(bench, &["create", "read"])?;
    let mut sent = body(bench, kind, "same");
    set(
        &mut sent,
        &["text"],
        serde_json::json!({"status": "generated",
        "div": "<div xmlns=\"http://www.w3.org/1999/xhtml\">One &amp; <b>two</b></div>"}),
    );
    set(
        &mut sent,
        &["extension"],
        serde_json::json!([{"url": "https://portcullis.example/conformance/same",
        "valueQuantity": {"value": 0.5, "unit": "a < b"}}]),
    );
    let kept = super::hands::make_of(bench, kind, sent).await?;
    let in_json = accepting(bench, &kept.path(), FHIR_JSON).await?;
    let in_xml = from_xml(&accepting(bench, &kept.path(), FHIR_XML).await?)?;
    told_within(root(&in_json)?, in_xml.root())?;
    told_within(in_xml.root(), root(&in_json)?)
}

async fn create_xml(bench: &Bench) -> Judgement {
    speaks_xml(bench)?;
    let kind = kind(bench, &["create", "read"])?;
    let sent = body(bench, kind, "create-xml").to_string();
    let xml = fhir::xml::from_json(parsed(&sent)?.root(), &fhir::xml::Limits::default())
        .map_err(|_| Otherwise::error("what this check sends cannot be written"))?;
    let answer = send(bench, Method::POST, kind, &[("content-type", FHIR_XML)], xml).await?;
    remember(bench, kind, &answer);
    status(&answer, &[201])?;
    let Some((id, _)) = super::hands::created(kind, &answer) else {
        return Err(Otherwise::error("the create told no id"));
    };
    let found = get(bench, &format!("{kind}/{id}")).await?;
    status(&found, &[200])?;
    kept_whole(&sent, &found)
}

async fn parameter(bench: &Bench) -> Judgement {
    speaks_xml(bench)?;
    let kept = begin(bench, "parameter").await?;
    let answer = accepting(bench, &format!("{}?_format=xml", kept.path()), FHIR_JSON).await?;
    sent_as(&answer, &[FHIR_XML, "application/xml", "text/xml"])
}

async fn names(bench: &Bench) -> Judgement {
    let kept = begin(bench, "names").await?;
    let other = if speaks_xml(bench).is_ok() { FHIR_XML } else { "*/*" };
    for name in ["json", "application/json", "application/fhir%2Bjson"] {
        let answer = accepting(bench, &format!("{}?_format={name}", kept.path()), other).await?;
        sent_as(&answer, &[FHIR_JSON, "application/json"])?;
        root(&answer)?;
    }
    Ok(())
}

async fn weights(bench: &Bench) -> Judgement {
    speaks_xml(bench)?;
    let kept = begin(bench, "weights").await?;
    for (accept, wanted) in [
        ("application/fhir+xml;q=0.2, application/fhir+json;q=0.9", FHIR_JSON),
        ("application/fhir+json;q=0.2, application/fhir+xml;q=0.9", FHIR_XML),
    ] {
        sent_as(&accepting(bench, &kept.path(), accept).await?, &[wanted])?;
    }
    Ok(())
}

async fn plain_json(bench: &Bench) -> Judgement {
    let kept = begin(bench, "plain").await?;
    let answer = accepting(bench, &kept.path(), "application/json").await?;
    sent_as(&answer, &[FHIR_JSON, "application/json"])?;
    root(&answer).map(drop)
}

async fn charset(bench: &Bench) -> Judgement {
    let kind = kind(bench, &["create"])?;
    let headers = [("content-type", "application/fhir+json; charset=utf-8")];
    let sent = body(bench, kind, "charset").to_string();
    let answer = send(bench, Method::POST, kind, &headers, sent).await?;
    remember(bench, kind, &answer);
    status(&answer, &[201])
}

async fn head(bench: &Bench) -> Judgement {
    let kept = begin(bench, "head").await?;
    let whole = read(bench, &kept).await?;
    let answer = send(bench, Method::HEAD, &kept.path(), &[], "").await?;
    if matches!(answer.status, 405 | 501) {
        return Err(Otherwise::skipped("HEAD is not served"));
    }
    status(&answer, &[200])?;
    if !answer.body.is_empty() {
        return Err(Otherwise::unmet("no body", "a body"));
    }
    for name in ["etag", "last-modified", "content-type"] {
        let (wanted, found) = (whole.header(name), answer.header(name));
        if found.is_some() && wanted != found {
            return Err(Otherwise::unmet(format!("the {name} of GET"), "another"));
        }
    }
    match (whole.header("etag"), answer.header("etag")) {
        (Some(_), None) => Err(Otherwise::unmet("the etag of GET", "none")),
        (_, _) => Ok(()),
    }
}

async fn gzip(bench: &Bench) -> Judgement {
    let kept = begin(bench, "gzip").await?;
    let whole = read(bench, &kept).await?;
    let answer = send(bench, Method::GET, &kept.path(), &[("accept-encoding", "gzip")], "").await?;
    status(&answer, &[200])?;
    let plain = match answer.header("content-encoding").map(str::trim) {
        None | Some("identity") => return kept_whole(&String::from_utf8_lossy(&whole.body), &answer),
        Some("gzip") => {
            let mut plain = Vec::new();
            let read = GzDecoder::new(answer.body.as_ref()).take(PLAIN_MAX).read_to_end(&mut plain);
            read.map_err(|_| Otherwise::unmet("gzip as it says", "something that does not unpack"))?;
            plain
        }
        Some(_) => return Err(Otherwise::unmet("gzip, or nothing", "another coding")),
    };
    let plain = fhir::json::parse(plain.into(), &fhir::json::Limits::default())
        .map_err(|wrong| Otherwise::unmet("a body in JSON", wrong.to_string()))?;
    told_within(root(&whole)?, plain.root())
}
