//! What a search is put through before anybody is asked: the target is read, the query parsed and compiled against the
//! search parameters of R4, the agreement found, and each element that the search reads held against what is shared.

use gateway::decision::admit;
use gateway::decision::refusal::Refusal;
use gateway::decision::ruling::{Admitted, Question};
use gateway::interaction::parse;
use gateway::requestor::Requestor;
use gateway::seal::Seal;
use gateway::server::arrived::{Arrived, Body, Headers, Method, RequestId};
use gateway::server::format::{Format, Instead};
use gateway::server::target::Target;
use gateway::settings::Settings;

use super::clock::best;
use super::site::at;

/// A name, a type and a query: searches as clients send them.
pub(crate) fn searches() -> Vec<(&'static str, &'static str, String)> {
    let many: Vec<String> = (1..=200).map(|number| format!("p{number}")).collect();
    let given = |name, searched, query: &str| (name, searched, query.to_owned());
    vec![
        given("person by NHS number", "Patient", "identifier=https://fhir.nhs.uk/Id/nhs-number%7C9990000018"),
        given("person by name and birth", "Patient", "family=Example&birthdate=1950-01-01"),
        given("all of one type", "Condition", "patient=p1"),
        given(
            "codes and dates",
            "Condition",
            "patient=p1&code=http://snomed.info/sct%7C195967001,http://snomed.info/sct%7C13645005&onset-date=ge2020-01-01&onset-date=lt2026-01-01",
        ),
        given(
            "vital signs, ordered",
            "Observation",
            "patient=p1&category=vital-signs&code=http://loinc.org%7C85354-9,http://loinc.org%7C8867-4&date=ge2025-01-01&_sort=-date&_count=50",
        ),
        given(
            "a composite",
            "Observation",
            "patient=p1&code-value-quantity=http://loinc.org%7C2339-0$gt5.4%7Chttp://unitsofmeasure.org%7Cmmol/L",
        ),
        given(
            "includes both ways",
            "Condition",
            "patient=p1&_include=Condition:encounter&_include=Condition:subject&_sort=onset-date",
        ),
        given(
            "a screen at once",
            "Encounter",
            "patient=p1&date=ge2025-01-01&class=IMP&_revinclude=Condition:encounter&_revinclude=Observation:encounter&_include=Encounter:subject&_elements=class,period&_count=20&_total=accurate",
        ),
        given("what is hidden", "Patient", "_id=p1&address-postalcode=LS1"),
        ("two hundred persons", "Observation", format!("patient={}&category=vital-signs", many.join(","))),
    ]
}

/// Where a search ends before anybody is asked.
pub(crate) enum Checked {
    Admitted(Box<Admitted>),
    Refused(Refusal),
    NotServed,
}

/// Parses and checks one search, as an exchange does it.
pub(crate) fn check(
    searched: &str,
    query: &str,
    requestor: &Requestor,
    settings: &Settings,
    seal: &Seal,
) -> Checked {
    let target = Target::parse(&format!("/hospital/fhir/{searched}"), Some(query)).expect("a target");
    let arrived = Arrived {
        request_id: RequestId::unknown(),
        at: at(),
        method: Method::Get,
        target,
        headers: Headers::default(),
        format: Ok(Format::Json),
        instead: Instead::default(),
        body: Body::new(bytes::Bytes::new()),
        peer: ([127, 0, 0, 1], 50_000).into(),
        certificate: None,
    };
    let interaction = match parse(arrived, requestor, settings, seal) {
        Ok(interaction) => interaction,
        Err(_) => return Checked::NotServed,
    };
    let question = Question { requestor: requestor.clone(), interaction, override_reason: None, at: at() };
    match admit(question, settings) {
        Ok(admitted) => Checked::Admitted(Box::new(admitted)),
        Err(why) => Checked::Refused(why),
    }
}

/// The time and the end of each search.
pub(crate) fn run(
    requestor: &Requestor,
    settings: &Settings,
    seal: &Seal,
) -> Vec<(&'static str, f64, &'static str)> {
    let timed = |(name, searched, query): (&'static str, &'static str, String)| {
        let ends = match check(searched, &query, requestor, settings, seal) {
            Checked::Admitted(_) => "admitted",
            Checked::Refused(_) => "refused",
            Checked::NotServed => "not served",
        };
        // Hundreds of calls a round.
        let took = best(5_000, || match check(searched, &query, requestor, settings, seal) {
            Checked::Admitted(admitted) => admitted.rematch().len(),
            Checked::Refused(why) => why.reason().len(),
            Checked::NotServed => 0,
        });
        (name, took.as_secs_f64() * 1e6, ends)
    };
    searches().into_iter().map(timed).collect()
}
