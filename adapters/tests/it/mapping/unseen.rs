//! Files of senders that were not there when the ready mappings were written: what protects somebody is read wherever it
//! stands, and who somebody is, is never taken from one value among several.

use adapters::mapping::Refused;
use adapters::mapping::social::Ready;
use adapters::{Severity, Translated, Why};
use serde_json::Value;

use super::{council, load, origin, people};

fn records(mapping: &str, file: &str) -> Vec<Result<Translated, Refused>> {
    let mapping = Ready::named(mapping).unwrap().load().unwrap();
    mapping.records(file.as_bytes(), &council(), &origin()).unwrap().collect()
}

#[track_caller]
fn only(mapping: &str, file: &str) -> Translated {
    let mut all = records(mapping, file);
    assert_eq!(all.len(), 1, "one record");
    all.remove(0).unwrap()
}

#[expect(
    clippy::disallowed_methods,
    reason = "a test looks at what was written, strictness is fhir::json's matter"
)]
fn resources(translated: &Translated, kind: &str) -> Vec<Value> {
    let bundle: Value = serde_json::from_slice(&translated.bundle).unwrap();
    let entries = bundle["entry"].as_array().unwrap().iter().map(|entry| entry["resource"].clone());
    entries.filter(|resource| resource["resourceType"] == kind).collect()
}

fn labels(resource: &Value) -> Vec<String> {
    let all = resource["meta"]["security"].as_array().into_iter().flatten();
    all.map(|label| label["code"].as_str().unwrap().to_owned()).collect()
}

fn told(translated: &Translated, place: &str) -> Option<(Why, Severity)> {
    let found = translated.losses.iter().find(|loss| loss.place == place);
    found.map(|loss| (loss.why, loss.severity))
}

fn resident(members: &str) -> String {
    format!(r#"{{"residents":[{{"mosaicId":"71","lastName":"Abernethy",{members}}}]}}"#)
}

#[test]
fn a_restriction_is_read_wherever_it_stands_and_in_whatever_form() {
    for (said, restricted) in [
        (r#""N""#, false),
        (r#""No""#, false),
        ("false", false),
        (r#""Yes""#, true),
        ("true", true),
        ("null", true),
        ("0", true),
        (r#"["N","Y"]"#, true),
        (r#"["N","N"]"#, false),
        (r#"[false,"who knows"]"#, true),
        (r#"{"flag":"N"}"#, true),
        (r#"["N",{"flag":"Y"}]"#, true),
    ] {
        let note = r#""caseNotes":{"caseNoteId":9,"caseNoteContent":"Seen at home."}"#;
        let translated = only("mosaic-residents", &resident(&format!(r#""restricted":{said},{note}"#)));
        let expected: &[&str] = if restricted { &["R"] } else { &[] };
        assert_eq!(labels(&resources(&translated, "Patient")[0]), expected, "{said}");
        assert_eq!(labels(&resources(&translated, "Communication")[0]), expected, "{said}");
    }
}

#[test]
fn a_resident_in_xml_is_restricted_unless_it_says_that_she_is_not() {
    for (said, restricted) in [
        ("<restricted>N</restricted>", false),
        ("<restricted> false </restricted>", false),
        ("<restricted>Y</restricted>", true),
        ("<restricted/>", true),
        ("<restricted xsi:nil=\"true\"/>", true),
        ("<restricted value=\"N\"/>", true),
        ("<restricted>N</restricted><restricted>Y</restricted>", true),
        ("<restricted><flag>N</flag></restricted>", true),
        ("", true),
    ] {
        let file = format!(
            "<response xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"><residents><resident>\
             <mosaicId>7</mosaicId>{said}<visits><visit><visitId>1</visitId></visit></visits>\
             </resident></residents></response>"
        );
        let translated = only("mosaic-residents-xml", &file);
        let expected: &[&str] = if restricted { &["R"] } else { &[] };
        for kind in ["Patient", "Encounter"] {
            assert_eq!(labels(&resources(&translated, kind)[0]), expected, "{kind} {said}");
        }
    }
}

#[test]
fn the_words_of_xml_about_itself_are_no_values() {
    let record = |attributes: &str, inside: &str| {
        let file = format!(
            "<response {attributes}><residents><resident><mosaicId>7</mosaicId>{inside}</resident></residents></response>"
        );
        let mapping = Ready::named("mosaic-residents-xml").unwrap().load().unwrap();
        let context = council();
        let mut records = mapping.records(file.as_bytes(), &context, &origin()).unwrap();
        let places: Vec<_> =
            records.by_ref().flat_map(|record| record.unwrap().losses).map(|loss| loss.place).collect();
        (places, records.outside().len())
    };
    let known = "xmlns=\"urn:x\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:schemaLocation=\"urn:x a.xsd\"";
    assert_eq!(record(known, "<dateOfBirth xsi:nil=\"true\"/>"), (vec![], 0));
    // Of the record, and beside it.
    assert_eq!(record("page=\"2\"", "").1, 1);
    assert_eq!(record("", "<lastName nil=\"true\">Ash</lastName>").0.len(), 1);
    assert_eq!(record(known, "<lastName xsi:nil=\"perhaps\">Ash</lastName>").0.len(), 1);
}

#[test]
fn a_note_that_is_restricted_by_itself_bears_its_label() {
    let notes = r#""restricted":"N","caseNotes":[{"caseNoteId":"1","caseNoteContent":"a","restricted":"Y"},
        {"caseNoteId":"2","caseNoteContent":"b","restricted":"N"},{"caseNoteId":"3","caseNoteContent":"c"}]"#;
    let translated = only("mosaic-residents", &resident(notes));
    let found: Vec<_> = resources(&translated, "Communication").iter().map(labels).collect();
    assert_eq!(found, [vec!["R"], vec![], vec![]]);
}

#[test]
fn a_visit_is_planned_only_where_nothing_says_that_it_was_made() {
    for (visit, status) in [
        (r#""completedFlag":"Yes""#, "finished"),
        (r#""completedFlag":1"#, "finished"),
        (r#""completedFlag":"N","plannedDateTime":"2026-03-04T14:00:00""#, "planned"),
        (r#""completedFlag":"done-ish""#, "unknown"),
        (r#""actualDateTime":"2026-03-04 14:00:00""#, "unknown"),
        (r#""actualDateTime":"2026-03-04T14:00:00.0000000""#, "unknown"),
    ] {
        let member = format!(r#""visits":[{{"visitId":"1",{visit}}}]"#);
        let translated = only("mosaic-residents", &resident(&member));
        let encounter = &resources(&translated, "Encounter")[0];
        assert_eq!(encounter["status"], status, "{visit}");
        let is_timed = visit.contains("actual");
        let start = encounter["period"]["start"].as_str().unwrap_or_default();
        assert_eq!(start.starts_with("2026-03-04T14:00:00"), is_timed, "{visit}");
    }
}

#[test]
fn who_a_record_is_about_is_not_taken_from_one_value_among_several() {
    let header = |id: &str| {
        format!(
            "<EXPSSDA903><CHILD><HEADER>{id}<SEX>1</SEX><DOB>2013-02-14</DOB></HEADER></CHILD></EXPSSDA903>"
        )
    };
    let twice = records("ssda903-xml", &header("<CHILDID>1</CHILDID><CHILDID>2</CHILDID>"));
    assert!(matches!(&twice[..], [Err(Refused::KeyTwice { .. })]), "{twice:?}");
    // The same again is no contradiction.
    let again = only("ssda903-xml", &header("<CHILDID>1</CHILDID><CHILDID>1</CHILDID>"));
    assert_eq!(resources(&again, "Patient")[0]["birthDate"], "2013-02-14");
    let born = only("mosaic-residents", &resident(r#""dateOfBirth":["1951-08-09","1952-01-01"]"#));
    let place = "/residents/0/dateOfBirth/1";
    assert_eq!(told(&born, place), Some((Why::PlaceTaken, Severity::Major)), "{:?}", born.losses);
}

const EPISODES: &str =
    "CHILD,DECOM,RNE,LS,CIN,PLACE,PLACE_PROVIDER,DEC,REC,REASON_PLACE_CHANGE,HOME_POST,PL_POST,URN";

#[test]
fn a_child_who_is_placed_for_adoption_is_protected_with_every_episode_that_says_so() {
    for (first, second, protected) in [
        ("C2,N1,U1,PR1,01/03/2015,X1", "C2,N1,A5,PR1,,", [false, true]),
        ("C2,N1,U1,PR1,01/03/2015,X1", "E1,N1,U1,PR1,,", [false, true]),
        ("C2,N1,U1,PR1,01/03/2015,X1", "C2,N1,U1,PR1,02/03/2015,e11", [false, true]),
        ("D1,N1,A1,PR1,01/03/2015,X1", "D1,N1,A1,PR1,,", [true, true]),
        ("C2,N1,U1,PR1,01/03/2015,X1", "C2,N1,U1,PR1,,", [false, false]),
    ] {
        let file =
            format!("{EPISODES}\n71,01/02/2015,S,{first},,NE1 1AA,,\n71,01/03/2015,P,{second},,NE1 1AA,,\n");
        let translated = only("ssda903-episodes", &file);
        let found: Vec<bool> =
            resources(&translated, "Encounter").iter().map(|episode| labels(episode) == ["R"]).collect();
        assert_eq!(found, protected, "{first} {second}");
        let child = labels(&resources(&translated, "Patient")[0]);
        assert_eq!(child == ["R"], protected[1], "{first} {second}");
    }
    let xml = "<EXPSSDA903><CHILD><HEADER><CHILDID>71</CHILDID></HEADER>\
               <EPISODE><DECOM>01/02/2015</DECOM><LS>C2</LS><PL>U1</PL></EPISODE>\
               <EPISODE><DECOM>01/03/2015</DECOM><LS>C2</LS><PL>A4</PL></EPISODE></CHILD></EXPSSDA903>";
    let translated = only("ssda903-xml", xml);
    assert_eq!(labels(&resources(&translated, "Patient")[0]), ["R"]);
    let episodes: Vec<_> = resources(&translated, "Encounter").iter().map(labels).collect();
    assert_eq!(episodes, [vec![], vec!["R"]]);
}

#[test]
fn dates_are_read_as_councils_export_them() {
    for (mapping, header, row) in [
        ("ssda903-header", "SEX,dob,CHILD,ETHNIC,UPN", "F,@,71,WBRI,"),
        ("ssda903-reviews", "CHILD,DOB,REVIEW,REVIEW_CODE", "71,@,01/06/2024,PN1"),
    ] {
        for written in ["14/02/2013", "14/2/2013", "2013-02-14", "14/02/2013 00:00:00", "2013-02-14T00:00:00"]
        {
            let translated = only(mapping, &format!("{header}\n{}\n", row.replace('@', written)));
            let child = &resources(&translated, "Patient")[0];
            assert_eq!(child["birthDate"], "2013-02-14", "{mapping} {written}");
        }
        // A year of two digits would be guessed.
        let translated = only(mapping, &format!("{header}\n{}\n", row.replace('@', "14/02/13")));
        assert!(resources(&translated, "Patient")[0].get("birthDate").is_none());
    }
}

#[test]
fn rows_of_a_child_that_contradict_each_other_are_told_as_that() {
    let file = "CHILD,DOB,REVIEW,REVIEW_CODE\n71,14/02/2013,01/06/2024,PN1\n71,14/02/2013,01/12/2024,PN1\n\
                71,15/02/2013,01/03/2025,PN1\n";
    let translated = only("ssda903-reviews", file);
    assert_eq!(told(&translated, "row 3 column 2 DOB"), None);
    assert_eq!(told(&translated, "row 4 column 2 DOB"), Some((Why::PlaceTaken, Severity::Major)));
}

#[test]
fn a_cell_that_means_nothing_is_explained_as_that_and_a_record_before_the_first_is_none() {
    let mapping = Ready::named("mosaic-residents-xml").unwrap().load().unwrap();
    let file = "<response><residents><resident><mosaicId>7</mosaicId><restricted>N</restricted></resident></residents></response>";
    let explained = |number| mapping.explain(file.as_bytes(), &council(), &origin(), number).unwrap();
    let told = explained(1).unwrap();
    let place = told.places.iter().find(|place| place.place.ends_with("/restricted")).unwrap();
    let expected = "Patient resident: meta.security[restricted], where its code map says nothing of it";
    assert_eq!(place.went, [expected]);
    assert!(explained(0).is_none() && explained(2).is_none());
}

#[test]
fn what_is_refused_says_where_to_look() {
    let refused = |file: &str| {
        let mapping = Ready::named("ssda903-reviews").unwrap().load().unwrap();
        let context = council();
        match mapping.records(file.as_bytes(), &context, &origin()) {
            Err(refused) => refused.to_string(),
            Ok(mut records) => records.next().unwrap().unwrap_err().to_string(),
        }
    };
    let told = refused("CHILD;DOB;REVIEW;REVIEW_CODE\n1;2;3;4\n");
    assert!(
        told.contains("`CHILD`") && told.contains("`delimiter`") && told.contains("`optional`"),
        "{told}"
    );
    let seldom =
        people("", "").replace("id_from = [\"ID\"]", "id_from = [\"ID\"]\nwhen = { present = [\"B\"] }");
    let (mapping, context) = (load(&seldom), council());
    let mut records = mapping.records(&b"ID,B\n1,\n"[..], &context, &origin()).unwrap();
    let told = records.next().unwrap().unwrap_err().to_string();
    assert!(told.contains("where the rules look") && told.contains("`when`"), "{told}");
}
