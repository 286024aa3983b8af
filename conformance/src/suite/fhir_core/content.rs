//! What was sent is what is read: nothing is lost, rounded or put in another order.

use http::Method;

use super::super::judge::status;
use super::hands::{CREATE, SYSTEM, acted, body, created, get, kept_whole, kind, mark, remember, send};
use crate::bench::Bench;
use crate::check::{Check, Judgement, Otherwise};

const DECIMAL: &str = "https://hl7.org/fhir/R4/datatypes.html#decimal";
const EXTENSIONS: &str = "https://hl7.org/fhir/R4/extensibility.html#Extension";

pub(super) const CHECKS: &[Check] = &[
    acted!(
        Should,
        "core-content-elements",
        "every element that was created is there when it is read",
        "what is lost on the way is lost to care",
        CREATE,
        elements
    ),
    acted!(
        Should,
        "core-content-extension",
        "an extension that the server cannot know is there when it is read",
        "extensions carry what a country or a trade needs",
        EXTENSIONS,
        extension
    ),
    acted!(
        Should,
        "core-content-primitive-extension",
        "an extension of a primitive is there when it is read, also where the primitive has no value",
        "why a birth date is not known is said there",
        EXTENSIONS,
        primitive_extension
    ),
    acted!(
        Shall,
        "core-content-decimal",
        "a decimal keeps its precision: 1.00 is read as 1.00",
        "the precision of a measurement is part of it",
        DECIMAL,
        decimal
    ),
    acted!(
        Should,
        "core-content-characters",
        "names in any script are read as they were sent",
        "a name that is garbled finds nobody",
        "https://hl7.org/fhir/R4/datatypes.html#string",
        characters
    ),
    acted!(
        Should,
        "core-content-contained",
        "a contained resource is there when it is read",
        "it exists nowhere else",
        "https://hl7.org/fhir/R4/references.html#contained",
        contained
    ),
    acted!(
        Should,
        "core-content-order",
        "items that repeat are read in the order in which they were sent",
        "the first given name is the one that people use",
        CREATE,
        order
    ),
    acted!(
        Should,
        "core-content-meta",
        "tags, security labels and profiles in meta are there when it is read",
        "a label that is lost opens what it closed",
        CREATE,
        labels
    ),
    acted!(
        Should,
        "core-content-partial-date",
        "a date without a day is read without a day",
        "a day that somebody made up is taken for knowledge",
        "https://hl7.org/fhir/R4/datatypes.html#date",
        partial_date
    ),
];

/// Creates `text`, reads it again, and compares.
async fn round_trip(
    bench: &Bench,
    kind: &'static str,
    text: &str,
) -> Result<crate::target::Answer, Otherwise> {
    bench.claimed(kind, "create")?;
    bench.claimed(kind, "read")?;
    let answer = send(bench, Method::POST, kind, &[], text).await?;
    remember(bench, kind, &answer);
    if (400..500).contains(&answer.status) {
        return Err(Otherwise::unmet("status 201", format!("status {}", answer.status)));
    }
    let Some((id, _)) = created(kind, &answer) else {
        return Err(Otherwise::error("the create told no id"));
    };
    let found = get(bench, &format!("{kind}/{id}")).await?;
    status(&found, &[200])?;
    kept_whole(text, &found)?;
    Ok(found)
}

fn patient(bench: &Bench, word: &str, rest: &str) -> String {
    let value = mark(bench, word);
    format!(r#"{{"resourceType":"Patient","identifier":[{{"system":"{SYSTEM}","value":"{value}"}}],{rest}}}"#)
}

async fn elements(bench: &Bench) -> Judgement {
    let kind = kind(bench, &["create", "read"])?;
    let sent = if kind == "Patient" {
        let rest = r#""active":true,
            "name":[{"use":"official","family":"Harrow","given":["Ada","June"],"prefix":["Ms"]},{"use":"nickname","text":"Addie"}],
            "telecom":[{"system":"phone","value":"01632 960001","use":"home","rank":1}],"gender":"female","birthDate":"1961-04-09",
            "address":[{"use":"home","line":["1 Example Row","Flat 2"],"city":"Exampleton","postalCode":"ZZ99 3CZ","country":"GB"}],
            "maritalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-MaritalStatus","code":"M"}]},
            "multipleBirthInteger":2,
            "contact":[{"name":{"family":"Harrow","given":["Cal"]},"gender":"male"}],
            "communication":[{"language":{"coding":[{"system":"urn:ietf:bcp:47","code":"cy"}]},"preferred":true}]"#;
        patient(bench, "elements", rest)
    } else {
        body(bench, kind, "elements").to_string()
    };
    round_trip(bench, kind, &sent).await.map(drop)
}

async fn extension(bench: &Bench) -> Judgement {
    let rest = r#""extension":[{"url":"https://portcullis.example/conformance/unknown","extension":[
        {"url":"one","valueString":"kept"},{"url":"two","valueCodeableConcept":{"text":"as well"}}]}],
        "name":[{"family":"Harrow","extension":[{"url":"https://portcullis.example/conformance/inner","valueBoolean":true}]}]"#;
    round_trip(bench, "Patient", &patient(bench, "extension", rest)).await.map(drop)
}

async fn primitive_extension(bench: &Bench) -> Judgement {
    let rest = r#""_birthDate":{"extension":[{"url":"http://hl7.org/fhir/StructureDefinition/data-absent-reason","valueCode":"unknown"}]},
        "name":[{"family":"Harrow","given":["Ada",null,"June"],
        "_given":[null,{"extension":[{"url":"http://hl7.org/fhir/StructureDefinition/data-absent-reason","valueCode":"masked"}]},null]}],
        "gender":"female","_gender":{"id":"g1"}"#;
    round_trip(bench, "Patient", &patient(bench, "primitive", rest)).await.map(drop)
}

async fn decimal(bench: &Bench) -> Judgement {
    let rest = r#""extension":[{"url":"https://portcullis.example/conformance/exact","valueDecimal":1.00},
        {"url":"https://portcullis.example/conformance/small","valueDecimal":0.000010},
        {"url":"https://portcullis.example/conformance/long","valueQuantity":{"value":12345678901234.5670,"unit":"mL"}}]"#;
    round_trip(bench, "Patient", &patient(bench, "decimal", rest)).await.map(drop)
}

async fn characters(bench: &Bench) -> Judgement {
    let rest = "\"name\":[{\"family\":\"Ó Dálaigh-Þórsdóttir\",\"given\":[\"Ŵyn\",\"李小龍\",\"אָדָה\",\"𝒜da 👩🏽‍⚕️\",\"a\\\"b\\\\c\\u00e9\"]}]";
    round_trip(bench, "Patient", &patient(bench, "characters", rest)).await.map(drop)
}

async fn contained(bench: &Bench) -> Judgement {
    let rest = r##""contained":[{"resourceType":"Organization","id":"gp","name":"Example Practice"}],
        "managingOrganization":{"reference":"#gp"}"##;
    round_trip(bench, "Patient", &patient(bench, "contained", rest)).await.map(drop)
}

async fn order(bench: &Bench) -> Judgement {
    let rest = r#""name":[{"family":"Zeta","given":["C","A","B"]},{"family":"Alpha"},{"family":"Mu"}],
        "telecom":[{"system":"phone","value":"01632 960009"},{"system":"phone","value":"01632 960001"},{"system":"email","value":"a@example.org"}]"#;
    round_trip(bench, "Patient", &patient(bench, "order", rest)).await.map(drop)
}

async fn labels(bench: &Bench) -> Judgement {
    let meta = [
        ("tag", "https://portcullis.example/conformance/tags", "kept"),
        ("security", "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "N"),
    ];
    let parts: Vec<String> = meta
        .iter()
        .map(|(name, system, code)| format!(r#""{name}":[{{"system":"{system}","code":"{code}"}}]"#))
        .collect();
    let rest = format!(r#""meta":{{{}}},"active":true"#, parts.join(","));
    let found = round_trip(bench, "Patient", &patient(bench, "labels", &rest)).await?;
    let root = super::super::judge::root(&found)?;
    for (name, system, code) in meta {
        let there = root.walk(&["meta", name]).any(|held| {
            held.str_at(&["system"]).as_deref() == Some(system)
                && held.str_at(&["code"]).as_deref() == Some(code)
        });
        if !there {
            return Err(Otherwise::unmet(format!("meta.{name} as it was sent"), "it is not there"));
        }
    }
    Ok(())
}

async fn partial_date(bench: &Bench) -> Judgement {
    let rest = r#""birthDate":"1961-04","name":[{"family":"Harrow","period":{"start":"1985","end":"2001-02-03T04:05:06+05:45"}}]"#;
    round_trip(bench, "Patient", &patient(bench, "date", rest)).await.map(drop)
}
