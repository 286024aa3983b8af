//! A searchset of findings about invented people, as one page of a system. NHS numbers of the test range 999.

use std::collections::BTreeMap;

use fhir::nhs_number::NhsNumber;
use fhir::reference::Id;
use gateway::decision::evidence::Evidence;
use gateway::decision::facts::{Identity, Met, PersonEvidence, Proven, Shield};
use gateway::person::PersonKey;

/// How many entries the searchset has.
const ENTRIES: usize = 1_000;
/// How many persons the search names.
pub(crate) const NAMED: usize = 200;
/// How many are spoken of besides.
pub(crate) const OTHERS: usize = 100;

/// The persons, as evidence of the last minute knows them.
pub(crate) fn evidence() -> Evidence {
    let mut nine = 999_000_000_u32;
    let mut number = || loop {
        nine += 1;
        let found = (0..10).find_map(|check| NhsNumber::parse(&format!("{nine}{check}")).ok());
        if let Some(found) = found {
            return found;
        }
    };
    let known = PersonEvidence {
        identity: Identity::Certain,
        proof: Proven::Whole,
        shield: Shield::None,
        ties: Vec::new(),
        consents: Vec::new(),
        met: Met::InPerson,
    };
    let patients: BTreeMap<Id, PersonKey> = (1..=NAMED + OTHERS)
        .map(|person| (Id::parse(&format!("p{person}")).expect("an id"), PersonKey::Nhs(number())))
        .collect();
    let persons = patients.values().map(|key| (key.clone(), known.clone())).collect();
    Evidence::stated(persons, patients, Vec::new())
}

/// The page.
pub(crate) fn searchset() -> String {
    let entries: Vec<String> = (0..ENTRIES).map(entry).collect();
    format!(
        r#"{{"resourceType":"Bundle","id":"b","type":"searchset","total":{ENTRIES},"link":[{{"relation":"self","url":"http://127.0.0.1:8090/fhir/Observation"}}],"entry":[{}]}}"#,
        entries.join(",")
    )
}

fn entry(number: usize) -> String {
    let of = number % NAMED + 1;
    let other = NAMED + number / 2 % OTHERS + 1;
    let focus = match number % 2 {
        0 => format!(r#""focus":[{{"reference":"Patient/p{other}"}}],"#),
        _ => String::new(),
    };
    let narrative = match number % 3 {
        0 => format!(
            r#""text":{{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\"><p><b>CANARY {number}</b></p><table class=\"grid\"><tr><td>Invented, Ann</td><td>25/01/1970</td></tr></table></div>"}},"#
        ),
        _ => String::new(),
    };
    let resource = format!(
        concat!(
            r#"{{"resourceType":"Observation","id":"o{number}","meta":{{"versionId":"{number}","lastUpdated":"2026-03-04T05:06:07.123+00:00","source":"urn:CANARY","profile":["https://fhir.hl7.org.uk/StructureDefinition/UKCore-Observation"]}},{narrative}"status":"final","#,
            r#""category":[{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"vital-signs","display":"vital-signs"}}]}}],"#,
            r#""code":{{"coding":[{{"system":"http://loinc.org","code":"85354-9","display":"Blood pressure panel"}}],"text":"Blood pressure"}},"subject":{{"reference":"Patient/p{of}","display":"CANARY Ann"}},{focus}"#,
            r#""encounter":{{"reference":"Encounter/e{number}"}},"effectiveDateTime":"2026-02-03T04:05:06+00:00","issued":"2026-02-03T04:05:06.789+00:00","performer":[{{"reference":"Practitioner/CANARY","display":"CANARY"}}],"#,
            r#""interpretation":[{{"text":"CANARY"}}],"component":[{{"code":{{"coding":[{{"system":"http://loinc.org","code":"8462-4","display":"Diastolic"}}]}},"valueQuantity":{{"value":78.50,"unit":"mm[Hg]","system":"http://unitsofmeasure.org","code":"mm[Hg]"}}}},"#,
            r#"{{"code":{{"coding":[{{"system":"http://loinc.org","code":"8480-6","display":"Systolic"}}]}},"valueQuantity":{{"value":121.00,"unit":"mm[Hg]","system":"http://unitsofmeasure.org","code":"mm[Hg]"}}}}],"#,
            r#""note":[{{"text":"CANARY a free text about the person that is somewhat longer than the rest"}}]}}"#,
        ),
        number = number,
        narrative = narrative,
        of = of,
        focus = focus,
    );
    format!(
        r#"{{"fullUrl":"http://127.0.0.1:8090/fhir/Observation/o{number}","resource":{resource},"search":{{"mode":"match"}}}}"#
    )
}
