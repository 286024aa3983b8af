//! Reading one resource.

use super::judge::{authorised, fhir_json, root, shape, status, utf8};
use crate::check::{Check, Grade, Judge, Judgement, Otherwise};
use crate::elements;
use crate::observe::{Observed, Subject};
use crate::target::Answer;

const READ: &str = "https://hl7.org/fhir/R4/http.html#read";
const MIME: &str = "https://hl7.org/fhir/R4/http.html#mime-type";
const VERSIONS: &str = "https://hl7.org/fhir/R4/http.html#versioning";

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "read-answers",
        title: "GET Type/id answers 200 with a resource of that type",
        why: "the most basic promise of the interface",
        clause: READ,
        grade: Grade::Shall,
        judge: Judge::Observed(answers),
    },
    Check {
        id: "read-id",
        title: "the resource has the id it was asked for by",
        why: "a client that files it under another id mixes up records",
        clause: READ,
        grade: Grade::Shall,
        judge: Judge::Observed(same_id),
    },
    Check {
        id: "read-content-type",
        title: "the resource is application/fhir+json when that is accepted",
        why: "clients choose their parser by the media type",
        clause: MIME,
        grade: Grade::Shall,
        judge: Judge::Observed(|observed| fhir_json(resource(observed)?.0)),
    },
    Check {
        id: "read-utf8",
        title: "the resource is UTF-8 and names no other charset",
        why: "a client that decodes it otherwise garbles names",
        clause: MIME,
        grade: Grade::Shall,
        judge: Judge::Observed(|observed| utf8(resource(observed)?.0)),
    },
    Check {
        id: "read-json-shape",
        title: "the resource is JSON as R4 writes it: names once, nothing empty, null in arrays of primitives only",
        why: "two readers that differ on it see two records",
        clause: "https://hl7.org/fhir/R4/json.html#json",
        grade: Grade::Shall,
        judge: Judge::Observed(|observed| shape(root(resource(observed)?.0)?)),
    },
    Check {
        id: "read-elements",
        title: "the resource holds only elements that R4 defines, in their shape",
        why: "strict readers refuse the whole resource",
        clause: "https://hl7.org/fhir/R4/validation.html",
        grade: Grade::Shall,
        judge: Judge::Observed(|observed| elements::known(root(resource(observed)?.0)?)),
    },
    Check {
        id: "read-etag",
        title: "a resource with a version has an ETag",
        why: "without it updates cannot be made safe against each other",
        clause: READ,
        grade: Grade::Should,
        judge: Judge::Observed(has_etag),
    },
    Check {
        id: "read-etag-is-version",
        title: "the ETag is weak and is the versionId",
        why: "clients send one for the other in If-Match",
        clause: VERSIONS,
        grade: Grade::Should,
        judge: Judge::Observed(etag_is_version),
    },
    Check {
        id: "read-last-modified",
        title: "there is a Last-Modified header",
        why: "caches go by it",
        clause: READ,
        grade: Grade::Should,
        judge: Judge::Observed(last_modified),
    },
    Check {
        id: "read-head",
        title: "HEAD answers like GET without a body, or says 405 or 501",
        why: "clients use it to test for existence",
        clause: "https://hl7.org/fhir/R4/http.html#head",
        grade: Grade::Shall,
        judge: Judge::Observed(head),
    },
    Check {
        id: "read-unchanged",
        title: "If-None-Match of the current ETag answers 304 without a body, or 200",
        why: "a cache that is told anything else drops what is still good",
        clause: "https://hl7.org/fhir/R4/http.html#cread",
        grade: Grade::Shall,
        judge: Judge::Observed(unchanged),
    },
    Check {
        id: "read-conditional",
        title: "If-None-Match of the current ETag answers 304",
        why: "it saves sending what the client has",
        clause: "https://hl7.org/fhir/R4/http.html#cread",
        grade: Grade::May,
        judge: Judge::Observed(conditional),
    },
    Check {
        id: "read-version",
        title: "an advertised vread of the current version answers it, with that id and versionId",
        why: "references to versions depend on it",
        clause: "https://hl7.org/fhir/R4/http.html#vread",
        grade: Grade::Shall,
        judge: Judge::Observed(version),
    },
];

/// The read and what was asked for, when it answered 200.
fn resource(observed: &Observed) -> Result<(&Answer, &Subject), Otherwise> {
    let answer = observed.read.answer()?;
    let subject = observed.subject.as_ref().ok_or(Otherwise::skipped("nothing was read"))?;
    if answer.status == 200 {
        return Ok((answer, subject));
    }
    Err(Otherwise::skipped("the read did not answer 200"))
}

fn answers(observed: &Observed) -> Judgement {
    let answer = observed.read.answer()?;
    let subject = observed.subject.as_ref().ok_or(Otherwise::skipped("nothing was read"))?;
    authorised(answer)?;
    status(answer, &[200])?;
    root(answer)?;
    if answer.is(&subject.resource_type) {
        return Ok(());
    }
    Err(Otherwise::unmet("a resource of the type asked for", "another resource, or none"))
}

fn same_id(observed: &Observed) -> Judgement {
    let (answer, subject) = resource(observed)?;
    if root(answer)?.member("id").is_some_and(|id| id.is_string(&subject.id)) {
        return Ok(());
    }
    Err(Otherwise::unmet("the id that was asked for", "another id, or none"))
}

fn version_of(answer: &Answer) -> Result<String, Otherwise> {
    let version = root(answer)?.str_at(&["meta", "versionId"]).map(String::from);
    version.ok_or(Otherwise::skipped("the resource has no versionId"))
}

fn has_etag(observed: &Observed) -> Judgement {
    let (answer, _) = resource(observed)?;
    version_of(answer)?;
    if answer.header("etag").is_some() {
        return Ok(());
    }
    Err(Otherwise::unmet("an ETag header", "none"))
}

fn etag_is_version(observed: &Observed) -> Judgement {
    let (answer, _) = resource(observed)?;
    let version = version_of(answer)?;
    let etag = answer.header("etag").ok_or(Otherwise::skipped("the read had no ETag"))?;
    if etag == format!("W/\"{version}\"") {
        return Ok(());
    }
    let found = if etag.starts_with("W/\"") { "another value" } else { "no weak entity tag" };
    Err(Otherwise::unmet("W/ and the versionId in quotes", found))
}

fn last_modified(observed: &Observed) -> Judgement {
    let (answer, _) = resource(observed)?;
    if answer.header("last-modified").is_some() {
        return Ok(());
    }
    Err(Otherwise::unmet("a Last-Modified header", "none"))
}

fn head(observed: &Observed) -> Judgement {
    resource(observed)?;
    let answer = observed.head.answer()?;
    status(answer, &[200, 405, 501])?;
    if answer.body.is_empty() {
        return Ok(());
    }
    Err(Otherwise::unmet("no body", "a body"))
}

fn unchanged(observed: &Observed) -> Judgement {
    resource(observed)?;
    let answer = observed.unchanged.answer()?;
    status(answer, &[200, 304])?;
    if answer.status == 304 && !answer.body.is_empty() {
        return Err(Otherwise::unmet("no body with 304", "a body"));
    }
    Ok(())
}

fn conditional(observed: &Observed) -> Judgement {
    resource(observed)?;
    status(observed.unchanged.answer()?, &[304])
}

fn version(observed: &Observed) -> Judgement {
    let (read, subject) = resource(observed)?;
    let answer = observed.vread.answer()?;
    authorised(answer)?;
    status(answer, &[200])?;
    let root = root(answer)?;
    let version = version_of(read)?;
    let same = root.member("id").is_some_and(|id| id.is_string(&subject.id))
        && root.str_at(&["meta", "versionId"]).is_some_and(|held| held == version.as_str());
    if same { Ok(()) } else { Err(Otherwise::unmet("the id and the versionId asked for", "others, or none")) }
}
