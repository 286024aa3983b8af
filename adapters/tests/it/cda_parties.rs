//! Who takes part in a document and in what it tells, and as what.

use adapters::{Translated, cda};
use serde_json::Value;

use crate::cda_meaning::{PROCEDURES, bundle, translated};
use crate::cda_oneself::{led, read};
use crate::cda_out::{ccda, itk, sent, text};
use crate::goldens::hospital;

const VISIT: &str = r#"<componentOf><encompassingEncounter><id root="1.2.4" extension="E1"/><effectiveTime value="20250630"/></encompassingEncounter></componentOf>"#;

fn party(kind: &str, class: &str) -> String {
    format!(
        r#"<participant typeCode="{kind}"><time><low value="20250630"/></time><associatedEntity classCode="{class}"><telecom value="tel:01632960007"/><associatedPerson><name>Bola Ash</name></associatedPerson></associatedEntity></participant>"#
    )
}

/// The attributes of this name that are told to be lost.
fn told(made: &Translated, attribute: &str) -> Vec<String> {
    let all = made.losses.iter().map(|loss| loss.place.clone());
    all.filter(|place| place.ends_with(&format!("/@{attribute}"))).collect()
}

/// Who takes part in the encounter: as what, and what resource that is.
fn parties(whole: &Value) -> Vec<(String, String)> {
    let mut all = whole["entry"].as_array().unwrap().iter().map(|entry| &entry["resource"]);
    let encounter = all.find(|resource| resource["resourceType"] == "Encounter");
    let parties = encounter.and_then(|encounter| encounter["participant"].as_array()).into_iter().flatten();
    let party = |party: &Value| {
        let code = party["type"][0]["coding"][0]["code"].as_str().unwrap_or("-").to_owned();
        (code, led(whole, &party["individual"]).to_owned())
    };
    parties.map(party).collect()
}

#[test]
fn who_refers_and_who_is_called_back_takes_part_in_the_encounter_or_it_is_told() {
    for (kind, class, expected) in [
        ("CALLBCK", "ASSIGNED", Some("Practitioner")),
        ("CALLBCK", "CAREGIVER", Some("RelatedPerson")),
        ("REF", "PROV", Some("Practitioner")),
        ("REFB", "PROV", Some("Practitioner")),
        ("REFT", "ASSIGNED", Some("Practitioner")),
        ("ESC", "NOK", Some("RelatedPerson")),
        ("VRF", "ASSIGNED", None),
        ("IND", "NOK", None),
    ] {
        let made = read(&(party(kind, class) + VISIT));
        let whole = bundle(&made);
        let composition = &whole["entry"][0]["resource"];
        let said: Vec<(String, String)> =
            expected.iter().map(|kin| (kind.to_owned(), (*kin).to_owned())).collect();
        assert_eq!(parties(&whole), said, "{kind} {class}");
        // Once, not as someone who takes part in whatever way too.
        assert_eq!(composition.get("extension").is_some(), expected.is_none(), "{kind} {class}");
        assert_eq!(told(&made, "typeCode").len(), usize::from(kind == "VRF"), "{kind}: {:?}", made.losses);
        // Without an encounter FHIR has no word for it.
        let alone = read(&party(kind, class));
        assert_eq!(told(&alone, "typeCode").len(), usize::from(kind != "IND"), "{kind}: {:?}", alone.losses);
        assert!(bundle(&alone)["entry"][0]["resource"].get("extension").is_some(), "{kind}");
    }
}

#[test]
fn what_kind_of_person_takes_part_is_a_relationship_or_told() {
    for (class, relationship, lost) in
        [("NOK", "NOK", 0), ("GUAR", "GUAR", 0), ("CON", "CON", 0), ("PRS", "", 0), ("OWN", "", 1)]
    {
        let made = read(&party("IND", class));
        let whole = bundle(&made);
        let mut all = whole["entry"].as_array().unwrap().iter().map(|entry| &entry["resource"]);
        let person = all.find(|resource| resource["resourceType"] == "RelatedPerson").unwrap();
        let code = person["relationship"][0]["coding"][0]["code"].as_str().unwrap_or_default();
        assert_eq!(code, relationship);
        assert_eq!(told(&made, "classCode").len(), lost, "{class}: {:?}", made.losses);
    }
}

/// In an entry a participation, or that one statement belongs to another, is what a row asked for or is told.
#[test]
fn how_the_parts_of_an_entry_belong_to_it_is_understood_or_told() {
    let whole = r#"<procedure classCode="PROC" moodCode="EVN"><code code="1" %S/><statusCode code="completed"/><performer typeCode="PRF"><assignedEntity><id root="1.2.5" extension="7"/></assignedEntity></performer><participant typeCode="LOC"><participantRole classCode="SDLOC"><playingEntity classCode="PLC"><name>Ward 7</name></playingEntity></participantRole></participant><entryRelationship typeCode="RSON"><observation classCode="OBS" moodCode="EVN"><value xsi:type="CD" code="2" %S/></observation></entryRelationship></procedure>"#;
    assert_eq!(told(&translated(PROCEDURES, whole), "typeCode"), Vec::<String>::new());
    for (from, to, attribute) in [
        ("typeCode=\"PRF\"", "typeCode=\"SPRF\"", "typeCode"),
        ("typeCode=\"LOC\"", "typeCode=\"DST\"", "typeCode"),
        ("typeCode=\"RSON\"", "typeCode=\"GEVL\"", "typeCode"),
        ("classCode=\"PROC\"", "classCode=\"SUBST\"", "classCode"),
        ("classCode=\"OBS\"", "classCode=\"ALRT\"", "classCode"),
        ("classCode=\"SDLOC\"", "classCode=\"TERR\"", "classCode"),
        ("classCode=\"PLC\"", "classCode=\"CITY\"", "classCode"),
    ] {
        let made = translated(PROCEDURES, &whole.replace(from, to));
        assert_eq!(told(&made, attribute).len(), 1, "{to}: {:?}", made.losses);
    }
}

#[test]
fn a_member_of_a_team_is_told_from_another_by_who_comes_first() {
    for (kind, role) in [("PRF", None), ("PPRF", Some("PPRF")), ("SPRF", Some("SPRF"))] {
        let made = read(&format!(
            r#"<documentationOf><serviceEvent classCode="PCPR"><performer typeCode="{kind}"><assignedEntity><id root="1.2.5" extension="7"/></assignedEntity></performer></serviceEvent></documentationOf>"#
        ));
        let whole = bundle(&made);
        let mut all = whole["entry"].as_array().unwrap().iter().map(|entry| &entry["resource"]);
        let team = all.find(|resource| resource["resourceType"] == "CareTeam").unwrap();
        assert_eq!(team["participant"][0]["role"][0]["coding"][0]["code"].as_str(), role);
        assert_eq!(told(&made, "typeCode"), Vec::<String>::new());
    }
}

#[test]
fn who_is_called_back_is_so_again_in_the_document_that_is_written() {
    for profile in [ccda(), itk()] {
        for (kind, class) in [("CALLBCK", "ASSIGNED"), ("CALLBCK", "NOK"), ("REFT", "PROV"), ("REF", "PROV")]
        {
            let before = bundle(&read(&(party(kind, class) + VISIT)));
            let written = sent(&before, &profile).unwrap();
            let again = cda::translate(text(&written).as_bytes(), &hospital()).unwrap();
            assert_eq!(parties(&bundle(&again)), parties(&before), "{kind} {class}: {}", text(&written));
            assert_eq!(told(&again, "typeCode"), Vec::<String>::new());
        }
    }
}
