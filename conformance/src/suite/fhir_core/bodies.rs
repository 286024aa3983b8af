//! Bodies that are malformed, or sent to do harm: refused as the sender's fault, and never a failure of the server.

use http::Method;

use super::hands::{
    CREATE, FHIR_XML, SYSTEM, acted, body, get, kind, mark, refused, remember, send, speaks_xml,
};
use crate::bench::Bench;
use crate::check::{Check, Judgement, Otherwise};
use crate::target::Answer;

const JSON: &str = "https://hl7.org/fhir/R4/json.html#json";
const STATUS: &str = "https://hl7.org/fhir/R4/http.html#Status-Codes";
const XML: &str = "https://hl7.org/fhir/R4/xml.html";

/// Objects inside one another, far more than any record has.
const DEPTH: usize = 5_000;

pub(super) const CHECKS: &[Check] = &[
    acted!(
        Shall,
        "core-body-truncated",
        "a body that breaks off is refused",
        "half of a record is kept for the whole",
        CREATE,
        truncated
    ),
    acted!(
        Shall,
        "core-body-empty",
        "a create without a body is refused",
        "an empty record is kept",
        CREATE,
        empty
    ),
    acted!(
        Shall,
        "core-body-array",
        "a body that is a list is refused",
        "the first of the list is kept and the others are lost",
        JSON,
        array
    ),
    acted!(
        Shall,
        "core-body-type",
        "text where a boolean belongs is refused",
        "readers of the record fail",
        CREATE,
        wrong_type
    ),
    acted!(
        May,
        "core-body-unknown-element",
        "an element that R4 does not define is refused",
        "what its sender meant by it is lost without a word",
        JSON,
        unknown_element
    ),
    acted!(
        Shall,
        "core-body-unknown-type",
        "a body without a resourceType is refused",
        "nobody knows what it is",
        JSON,
        no_type
    ),
    acted!(
        Should,
        "core-body-duplicate",
        "a body with the same name twice in one object is refused",
        "two readers of it see two records",
        JSON,
        duplicate
    ),
    acted!(
        Shall,
        "core-body-utf8",
        "a body that is not UTF-8 is refused",
        "names are garbled",
        "https://hl7.org/fhir/R4/http.html#mime-type",
        not_utf8
    ),
    acted!(
        Shall,
        "core-body-bom",
        "a byte order mark is passed over or refused, and no failure of the server",
        "clients retry what looks like the server's fault",
        STATUS,
        byte_order_mark
    ),
    acted!(
        Shall,
        "core-body-deep",
        "a body nested thousands deep is refused, and the server goes on answering",
        "one sender stops the service for all",
        STATUS,
        deep
    ),
    acted!(
        Shall,
        "core-body-huge-number",
        "a number beyond all measure is taken as it is or refused, and no failure of the server",
        "clients retry what looks like the server's fault",
        STATUS,
        huge_number
    ),
    acted!(
        Shall,
        "core-body-entity",
        "XML with a document type is refused, and no entity of it is resolved",
        "files of the server are read through it",
        XML,
        entity
    ),
    acted!(
        Should,
        "core-body-outcome",
        "what is refused is refused with an OperationOutcome",
        "people who must mend something need to be told what",
        CREATE,
        outcomes
    ),
];

/// Sends a body that should not be kept, and registers it in case it was.
async fn sent(bench: &Bench, kind: &str, body: impl AsRef<[u8]>) -> Result<Answer, Otherwise> {
    let answer = send(bench, Method::POST, kind, &[], body).await?;
    remember(bench, kind, &answer);
    Ok(answer)
}

async fn must_refuse(bench: &Bench, body: impl AsRef<[u8]>) -> Judgement {
    let kind = kind(bench, &["create"])?;
    refused(&sent(bench, kind, body).await?)
}

/// A body that is right, as text.
fn right(bench: &Bench, word: &str) -> Result<String, Otherwise> {
    Ok(body(bench, kind(bench, &["create"])?, word).to_string())
}

async fn truncated(bench: &Bench) -> Judgement {
    let whole = right(bench, "truncated")?;
    must_refuse(bench, whole.strip_suffix('}').unwrap_or_default()).await
}

async fn empty(bench: &Bench) -> Judgement {
    let kind = kind(bench, &["create"])?;
    let headers = [("content-type", "application/fhir+json")];
    let answer = send(bench, Method::POST, kind, &headers, "").await?;
    remember(bench, kind, &answer);
    refused(&answer)
}

async fn array(bench: &Bench) -> Judgement {
    let whole = right(bench, "array")?;
    must_refuse(bench, format!("[{whole}]")).await
}

async fn wrong_type(bench: &Bench) -> Judgement {
    let whole = right(bench, "type")?.replacen("\"active\":true", "\"active\":\"yes, indeed\"", 1);
    must_refuse(bench, whole).await
}

async fn unknown_element(bench: &Bench) -> Judgement {
    let whole = right(bench, "unknown")?.replacen('{', "{\"conformanceUnknown\":\"x\",", 1);
    must_refuse(bench, whole).await
}

async fn no_type(bench: &Bench) -> Judgement {
    let value = mark(bench, "typeless");
    must_refuse(bench, format!(r#"{{"identifier":[{{"system":"{SYSTEM}","value":"{value}"}}]}}"#)).await
}

async fn duplicate(bench: &Bench) -> Judgement {
    let whole = right(bench, "duplicate")?.replacen("\"active\":true", "\"active\":true,\"active\":false", 1);
    must_refuse(bench, whole).await
}

async fn not_utf8(bench: &Bench) -> Judgement {
    let whole = right(bench, "latin")?.replacen("Harrow", "H\u{1}rrow", 1);
    let bytes: Vec<u8> = whole.bytes().map(|byte| if byte == 1 { 0xE4 } else { byte }).collect();
    must_refuse(bench, bytes).await
}

/// Kept or refused, but no failure.
fn no_failure(answer: &Answer) -> Judgement {
    if answer.status < 500 {
        return Ok(());
    }
    Err(Otherwise::unmet("2xx or 4xx", format!("status {}", answer.status)))
}

async fn byte_order_mark(bench: &Bench) -> Judgement {
    let whole = right(bench, "bom")?;
    no_failure(&sent(bench, kind(bench, &["create"])?, format!("\u{feff}{whole}")).await?)
}

async fn deep(bench: &Bench) -> Judgement {
    let kind = kind(bench, &["create"])?;
    let open = r#"{"url":"https://portcullis.example/deep","extension":["#;
    let mut text = format!(r#"{{"resourceType":"{kind}","extension":["#);
    text.push_str(&open.repeat(DEPTH));
    text.push_str(r#"{"url":"https://portcullis.example/deep","valueBoolean":true}"#);
    text.push_str(&"]}".repeat(DEPTH));
    text.push_str("]}");
    refused(&sent(bench, kind, text).await?)?;
    super::super::judge::status(&get(bench, "metadata").await?, &[200])
}

async fn huge_number(bench: &Bench) -> Judgement {
    let kind = kind(bench, &["create"])?;
    for number in ["1e999999999", &"9".repeat(2_000)] {
        let extension = format!(
            r#"{{"extension":[{{"url":"https://portcullis.example/conformance/huge","valueDecimal":{number}}}],"#
        );
        let whole = right(bench, "huge")?.replacen('{', &extension, 1);
        no_failure(&sent(bench, kind, whole).await?)?;
    }
    Ok(())
}

async fn entity(bench: &Bench) -> Judgement {
    speaks_xml(bench)?;
    let kind = kind(bench, &["create"])?;
    let value = mark(bench, "entity");
    let text = format!(
        "<?xml version=\"1.0\"?><!DOCTYPE {kind} [<!ENTITY x \"resolved\">]>\
         <{kind} xmlns=\"http://hl7.org/fhir\"><language value=\"&x;\"/>\
         <identifier><system value=\"{SYSTEM}\"/><value value=\"{value}\"/></identifier></{kind}>"
    );
    let answer = send(bench, Method::POST, kind, &[("content-type", FHIR_XML)], text).await?;
    remember(bench, kind, &answer);
    refused(&answer)
}

async fn outcomes(bench: &Bench) -> Judgement {
    let kind = kind(bench, &["create"])?;
    let whole = right(bench, "outcomes")?;
    let bodies = [
        whole.strip_suffix('}').unwrap_or_default().to_owned(),
        format!("[{whole}]"),
        whole.replacen("\"active\":true", "\"active\":\"yes, indeed\"", 1),
    ];
    for body in bodies {
        let answer = sent(bench, kind, body).await?;
        if answer.status >= 400 && !answer.is("OperationOutcome") {
            let found = format!("none, or none in JSON, with status {}", answer.status);
            return Err(Otherwise::unmet("an OperationOutcome", found));
        }
    }
    Ok(())
}
