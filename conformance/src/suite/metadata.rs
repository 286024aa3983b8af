//! The CapabilityStatement.

use fhir::json::Node;

use super::judge::{codes, fhir_json, root, shape, status, texts, utf8};
use crate::check::{Check, Grade, Judge, Judgement, Otherwise};
use crate::elements;
use crate::observe::Observed;

const CAPABILITIES: &str = "https://hl7.org/fhir/R4/http.html#capabilities";
const MIME: &str = "https://hl7.org/fhir/R4/http.html#mime-type";
const DEFINITION: &str = "https://hl7.org/fhir/R4/capabilitystatement-definitions.html";
const RULES: &str = "https://hl7.org/fhir/R4/capabilitystatement.html#invs";

const fn shall(
    id: &'static str,
    title: &'static str,
    why: &'static str,
    clause: &'static str,
    judge: fn(&Observed) -> Judgement,
) -> Check {
    Check { id, title, why, clause, grade: Grade::Shall, judge: Judge::Observed(judge) }
}

pub(super) const CHECKS: &[Check] = &[
    shall(
        "metadata-answers",
        "GET metadata answers 200 with a CapabilityStatement",
        "without it a client cannot know what it may ask for",
        CAPABILITIES,
        answers,
    ),
    shall(
        "metadata-content-type",
        "the statement is application/fhir+json when that is accepted",
        "clients choose their parser by the media type",
        MIME,
        |observed| fhir_json(observed.metadata.answer()?),
    ),
    shall(
        "metadata-utf8",
        "the statement is UTF-8 and names no other charset",
        "a client that decodes it otherwise garbles names",
        MIME,
        |observed| utf8(observed.metadata.answer()?),
    ),
    Check {
        id: "metadata-format-parameter",
        title: "_format=json wins over an Accept header for XML",
        why: "browsers and simple clients cannot set the header",
        clause: MIME,
        grade: Grade::Should,
        judge: Judge::Observed(by_format),
    },
    shall(
        "metadata-json-shape",
        "the statement is JSON as R4 writes it: nothing empty, nothing null",
        "strict readers refuse the whole statement",
        "https://hl7.org/fhir/R4/json.html#json",
        |observed| shape(statement(observed)?),
    ),
    shall(
        "metadata-required-elements",
        "status, date, kind, fhirVersion and format are there",
        "these elements have a minimum of one",
        DEFINITION,
        required_elements,
    ),
    shall(
        "metadata-codes",
        "status, kind, rest.mode, versioning and search parameter types are codes of their value sets",
        "generated clients fail on codes they do not know",
        DEFINITION,
        known_codes,
    ),
    shall(
        "metadata-fhir-version",
        "fhirVersion is 4.0.x",
        "the endpoint is used as R4",
        "https://hl7.org/fhir/R4/capabilitystatement-definitions.html#CapabilityStatement.fhirVersion",
        fhir_version,
    ),
    shall(
        "metadata-format-json",
        "format names JSON, which is what was served",
        "clients that read the statement would not ask for what works",
        "https://hl7.org/fhir/R4/capabilitystatement-definitions.html#CapabilityStatement.format",
        format_json,
    ),
    shall(
        "metadata-has-server",
        "there is a rest element of mode server",
        "rule cpb-1: a statement says something about REST, messaging or documents; an endpoint serves REST",
        RULES,
        has_server,
    ),
    shall(
        "metadata-instance-described",
        "a statement of kind instance describes its implementation",
        "rule cpb-14: else nobody knows which endpoint is meant",
        RULES,
        instance_described,
    ),
    shall(
        "metadata-types-once",
        "each resource type stands once in a rest element",
        "rule cpb-9: else two claims about one type contradict each other",
        RULES,
        types_once,
    ),
    shall(
        "metadata-types",
        "the resource types are types of R4",
        "clients cannot ask for others",
        "https://hl7.org/fhir/R4/capabilitystatement-definitions.html#CapabilityStatement.rest.resource.type",
        types_known,
    ),
    shall(
        "metadata-elements",
        "the statement holds only elements that R4 defines, in their shape",
        "strict readers refuse the whole statement",
        "https://hl7.org/fhir/R4/validation.html",
        |observed| elements::known(statement(observed)?),
    ),
    shall(
        "metadata-interactions",
        "interactions are codes of the type-restful-interaction value set",
        "clients look for these codes only",
        "https://hl7.org/fhir/R4/capabilitystatement-definitions.html#CapabilityStatement.rest.resource.interaction.code",
        interactions,
    ),
    shall(
        "metadata-search-parameters-once",
        "each search parameter of a type stands once",
        "rule cpb-12: search parameter names are unique in the context of a resource",
        RULES,
        search_parameters_once,
    ),
];

fn statement(observed: &Observed) -> Result<Node<'_>, Otherwise> {
    let answer = observed.metadata.answer()?;
    if answer.is("CapabilityStatement") {
        return root(answer);
    }
    Err(Otherwise::skipped("there is no CapabilityStatement to look at"))
}

fn answers(observed: &Observed) -> Judgement {
    let answer = observed.metadata.answer()?;
    status(answer, &[200])?;
    root(answer)?;
    if answer.is("CapabilityStatement") {
        return Ok(());
    }
    Err(Otherwise::unmet("a CapabilityStatement", "another resource, or none"))
}

fn by_format(observed: &Observed) -> Judgement {
    let answer = observed.metadata_by_format.answer()?;
    status(answer, &[200])?;
    root(answer).map(|_| ())
}

fn required_elements(observed: &Observed) -> Judgement {
    let root = statement(observed)?;
    let missing: Vec<&str> = ["status", "date", "kind", "fhirVersion", "format"]
        .into_iter()
        .filter(|name| texts(root, &[name]).is_empty())
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Otherwise::unmet("all five elements", format!("no {}", missing.join(", no "))))
}

fn known_codes(observed: &Observed) -> Judgement {
    let root = statement(observed)?;
    codes(root, &["status"], &["draft", "active", "retired", "unknown"])?;
    codes(root, &["kind"], &["instance", "capability", "requirements"])?;
    codes(root, &["rest", "mode"], &["client", "server"])?;
    codes(root, &["rest", "resource", "versioning"], &["no-version", "versioned", "versioned-update"])?;
    let types = ["number", "date", "string", "token", "reference", "composite", "quantity", "uri", "special"];
    codes(root, &["rest", "resource", "searchParam", "type"], &types)
}

fn fhir_version(observed: &Observed) -> Judgement {
    let root = statement(observed)?;
    let found = texts(root, &["fhirVersion"]);
    if found.iter().any(|version| version == "4.0" || version.starts_with("4.0.")) {
        return Ok(());
    }
    Err(Otherwise::unmet("fhirVersion 4.0.x", "another version, or none"))
}

fn format_json(observed: &Observed) -> Judgement {
    let root = statement(observed)?;
    let found = texts(root, &["format"]);
    if found.iter().any(|format| format == "json" || format.contains("fhir+json")) {
        return Ok(());
    }
    Err(Otherwise::unmet("json or application/fhir+json among the formats", "other formats only"))
}

fn has_server(observed: &Observed) -> Judgement {
    let root = statement(observed)?;
    if texts(root, &["rest", "mode"]).iter().any(|mode| mode == "server") {
        return Ok(());
    }
    Err(Otherwise::unmet("rest.mode server", "no such rest element"))
}

fn instance_described(observed: &Observed) -> Judgement {
    let root = statement(observed)?;
    if !root.member("kind").is_some_and(|kind| kind.is_string("instance")) {
        return Err(Otherwise::skipped("the statement is not of kind instance"));
    }
    if root.str_at(&["implementation", "description"]).is_some() {
        return Ok(());
    }
    Err(Otherwise::unmet("implementation.description", "none"))
}

fn types_once(observed: &Observed) -> Judgement {
    for rest in statement(observed)?.walk(&["rest"]) {
        once(texts(rest, &["resource", "type"]), "each type once", "a type that stands twice")?;
    }
    Ok(())
}

fn types_known(observed: &Observed) -> Judgement {
    let named = texts(statement(observed)?, &["rest", "resource", "type"]);
    if named.iter().all(|name| fhir::tables::resource_type(name).is_some()) {
        return Ok(());
    }
    Err(Otherwise::unmet("resource types of R4", "another type"))
}

fn search_parameters_once(observed: &Observed) -> Judgement {
    for resource in statement(observed)?.walk(&["rest", "resource"]) {
        let names = texts(resource, &["searchParam", "name"]);
        once(names, "each search parameter once", "a search parameter that stands twice")?;
    }
    Ok(())
}

fn once(mut names: Vec<String>, expected: &str, found: &str) -> Judgement {
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    if names.len() == all { Ok(()) } else { Err(Otherwise::unmet(expected, found)) }
}

fn interactions(observed: &Observed) -> Judgement {
    let known = [
        "read",
        "vread",
        "update",
        "patch",
        "delete",
        "history-instance",
        "history-type",
        "create",
        "search-type",
    ];
    codes(statement(observed)?, &["rest", "resource", "interaction", "code"], &known)
}
