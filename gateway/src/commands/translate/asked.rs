//! The command as it is asked: other spellings of FHIR, and rows of Bundles.

use clap::Parser;

use super::{Translate, Watched};

#[derive(Parser)]
struct Alone {
    #[command(flatten)]
    translate: Translate,
}

fn run(words: &[&str], stdin: &[u8]) -> (u8, String, String) {
    let command = Alone::try_parse_from(["translate"].iter().chain(words)).unwrap().translate;
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let ended = command.run((jiff::Timestamp::UNIX_EPOCH, Watched::No), &mut &*stdin, &mut out, &mut err);
    (ended.code(), String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
}

const PATIENT: &str = r#"{"resourceType":"Patient","name":[{"family":"Fenwick","given":["Ann\nMay"]}],"deceasedBoolean":false,"multipleBirthInteger":2}"#;

#[test]
fn fhir_is_spelt_as_xml_and_as_json_again() {
    for words in [&["--from", "r4"][..], &["--from", "r4", "--to", "r4"], &["--from", "r5", "--to", "r5"]] {
        let xml = [words, &["--format", "xml", "-"]].concat();
        let (status, written, err) = run(&xml, PATIENT.as_bytes());
        assert_eq!((status, err.as_str()), (0, ""));
        assert!(written.contains("<Patient xmlns=\"http://hl7.org/fhir\">"), "{written}");
        assert!(written.contains("<deceasedBoolean value=\"false\"/>"), "{written}");
        let json = [words, &["-"]].concat();
        assert_eq!(run(&json, written.as_bytes()), (0, format!("{PATIENT}\n"), String::new()));
        assert_eq!(run(&json, PATIENT.as_bytes()), (0, format!("{PATIENT}\n"), String::new()));
        assert_eq!(run(&xml, written.as_bytes()), (0, written.clone(), String::new()));
    }
}

#[test]
fn what_its_release_does_not_know_is_refused_by_its_path() {
    for (words, input, said) in [
        (&["--from", "r4"][..], &br#"{"resourceType":"Patient","shoeSize":9}"#[..], "Patient"),
        (&["--from", "r4", "--format", "xml"], br#"{"resourceType":"Patient","shoeSize":9}"#, "Patient"),
        (&["--from", "r4"], br#"{"resourceType":"ReferralRequest"}"#, "not a resource type of this release"),
        (&["--from", "r4"], br#"{"resourceType":"Patient","id":"1","id":"2"}"#, ""),
        (
            &["--from", "r4"],
            br#"<Patient xmlns="http://hl7.org/fhir"><shoe value="9"/></Patient>"#,
            "unknown element at byte",
        ),
        (&["--from", "r4"], b"", ""),
        (&["--from", "r5", "--to", "r5"], br#"{"resourceType":"MedicationUsage"}"#, "not a resource type"),
    ] {
        let (status, out, err) = run(&[words, &["-"]].concat(), input);
        assert_eq!((status, out.as_str()), (65, ""), "{err}");
        assert!(err.starts_with("refused: ") && err.contains(said), "{err}");
    }
}

#[test]
fn what_is_translated_is_written_as_xml_where_it_is_one_bundle() {
    const MESSAGE: &[u8] =
        b"MSH|^~\\&|PAS|RX1|||20260304161500||ADT^A03|1|P|2.4\rPID|1||9990000018^^^NHS^NH||Fenwick^Ann\rZZZ|x\r";
    let (status, xml, err) = run(&["--from", "hl7v2", "--format", "xml", "-"], MESSAGE);
    assert!(status == 0 && err.contains("ZZZ-1\tminor\t"), "{err}");
    let (_, json, _) = run(&["--from", "hl7v2", "-"], MESSAGE);
    assert_eq!(
        run(&["--from", "r4", "--format", "xml", "-"], json.as_bytes()),
        (0, xml.clone(), String::new())
    );
    assert_eq!(
        run(&["--from", "r4", "-"], xml.as_bytes()).1.len(),
        json.len(),
        "XML has an order of its own"
    );
    // Into another release, by the tables of that.
    let (status, stu3, _) = run(&["--from", "r4", "--to", "stu3", "--format", "xml", "-"], xml.as_bytes());
    assert_eq!(status, 0);
    let (status, again, err) = run(&["--from", "stu3", "--to", "stu3", "-"], stu3.as_bytes());
    assert!(status == 0 && again.contains("\"Patient\""), "{err}");
    let two = [&b"FHS|^~\\&\r"[..], MESSAGE, MESSAGE, b"FTS|2\r"].concat();
    let (status, out, err) = run(&["--from", "hl7v2", "--format", "xml", "-"], &two);
    assert_eq!(
        (status, out.as_str(), err.as_str()),
        (65, "", "refused: 2 Bundles, and XML holds one: leave --format out for a Bundle a line\n")
    );
}

const TABLE: &str = r#"
mapping = "people"
title = "People"
[source]
format = "csv"
dates = ["DD/MM/YYYY"]
[[resource]]
type = "Patient"
name = "person"
id_from = ["ID"]
[resource.elements]
"identifier[case]" = { from = "ID", system = "urn:id:case" }
"name.family" = { from = "NAME" }
"birthDate" = { from = "BORN" }
"#;

#[test]
fn rows_become_bundles_and_bundles_rows() {
    let mapping = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(mapping.path(), TABLE).unwrap();
    let mapping = mapping.path().to_str().unwrap();
    let rows = "ID,NAME,BORN\r\n1,\"Fenwick, Ann\",27/03/1948\r\n2,Marsh,01/02/1950\r\n";
    let (status, bundles, err) = run(&["--mapping", mapping, "-"], rows.as_bytes());
    assert_eq!((status, bundles.lines().count()), (0, 2), "{err}");
    let back = ["--mapping", mapping, "--to", "csv", "-"];
    assert_eq!(run(&back, bundles.as_bytes()), (0, rows.to_owned(), String::new()));
    // One Bundle on several lines.
    let first = bundles.lines().next().unwrap().replace(",\"entry\"", ",\n\"entry\"");
    let (status, out, _) = run(&back, first.as_bytes());
    assert_eq!((status, out.lines().count()), (0, 2));
    // What the rows do not hold is told, and what is no Bundle of the mapping is refused, each by its number.
    let more = bundles.replacen("\"birthDate\"", "\"gender\":\"female\",\"birthDate\"", 1);
    let with_stranger = format!("{more}{PATIENT}\n");
    let (status, out, err) = run(&back, with_stranger.as_bytes());
    assert_eq!((status, out.as_str()), (65, rows));
    assert!(
        err.contains("Bundle 1: Bundle.entry[0].resource.gender\tmajor\tthe rows do not say it\n"),
        "{err}"
    );
    assert!(err.contains("refused: Bundle 3: ") && !err.contains("female"), "{err}");
}

#[test]
fn what_cannot_be_asked_is_told_with_what_to_do() {
    for (words, status, said) in [
        (&["--to", "csv", "-"][..], 64, "say with --mapping of which table the rows are"),
        (&["--mapping", "ssda903-reviews", "--to", "r5", "-"], 64, "leave --to out, or say --to csv"),
        (&["--mapping", "ssda903-reviews", "--format", "xml", "-"], 64, "leave --format out"),
        (
            &["--mapping", "ssda903-reviews", "--to", "csv", "--explain", "1", "-"],
            64,
            "leave one of them out",
        ),
        (
            &["--mapping", "mosaic-residents", "--to", "csv", "-"],
            65,
            "only a mapping of csv can be read backwards",
        ),
        (&["--mapping", "ssda903-reviews", "--to", "csv", "no/such/file"], 74, "not readable: "),
        (&["--to", "cda", "--format", "xml", "-"], 64, "leave it out"),
    ] {
        let (ended, out, err) = run(words, b"{}\n");
        assert_eq!((ended, out.as_str()), (status, ""), "{words:?}: {err}");
        assert!(err.contains(said), "{words:?}: {err}");
    }
    let (ended, _, err) = run(&["--mapping", "ssda903-reviews", "--to", "csv", "-"], b"\n \n");
    assert_eq!((ended, err.as_str()), (65, "refused: there is no Bundle\n"));
}
