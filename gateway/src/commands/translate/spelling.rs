//! Tests of the syntaxes in which FHIR is written, and of rows made of Bundles.

use adapters::mapping::social::Ready;
use clap::Parser;

use super::{Translate, Watched};

#[derive(Debug, Parser)]
struct Alone {
    #[command(flatten)]
    translate: Translate,
}

/// Runs the command as its words say it, on standard input. Words that it does not take end with what clap says of them.
fn run(words: &str, stdin: &[u8]) -> (u8, String, String) {
    let words = ["translate"].into_iter().chain(words.split(' ')).chain(["-"]);
    let command = match Alone::try_parse_from(words) {
        Ok(alone) => alone.translate,
        Err(told) => return (64, String::new(), told.to_string()),
    };
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let ended = command.run((jiff::Timestamp::UNIX_EPOCH, Watched::No), &mut &*stdin, &mut out, &mut err);
    (ended.code(), String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
}

const REVIEWS: &[u8] =
    b"CHILD,DOB,REVIEW,REVIEW_CODE\n700101,27/03/2008,01/06/2024,PN1\n700102,28/03/2008,02/06/2024,PN1\n";
const STU3: &[u8] = include_bytes!("../../../../adapters/tests/cases/versions/stu3-to-r4-opt-out/in.json");

#[test]
fn bundles_that_a_mapping_made_become_its_rows_again() {
    let (status, bundles, err) = run("--mapping ssda903-reviews", REVIEWS);
    assert_eq!((status, bundles.lines().count()), (0, 2), "{err}");
    // The dates of the ready mapping may be written in several ways, and come back in the first.
    let (status, rows, err) = run("--to csv --mapping ssda903-reviews", bundles.as_bytes());
    assert_eq!((status, rows.replace("\r\n", "\n").as_bytes()), (0, REVIEWS));
    let told = "does not come back as it stood: its dates may be written in several ways, and come back in the first of them";
    assert_eq!(err, format!("column `DOB` {told}\ncolumn `REVIEW` {told}\n"));
    let lacking = bundles.replace("\"2008-03-27\"", "\"2008\"");
    let (status, _, err) = run("--to csv --mapping ssda903-reviews", lacking.as_bytes());
    assert!(status == 0 && err.contains("line 1: Bundle"), "{err}");
    let ready = Ready::named("ssda903-reviews").unwrap().text;
    let file = tempfile::NamedTempFile::new().unwrap();
    let dates = ready.lines().find(|line| line.starts_with("dates")).unwrap();
    std::fs::write(file.path(), ready.replace(dates, "dates = [\"DD/MM/YYYY\"]")).unwrap();
    let exact = format!("--to csv --mapping {}", file.path().display());
    let (status, rows, err) = run(&exact, bundles.as_bytes());
    assert_eq!((status, rows.replace("\r\n", "\n").as_bytes(), err.as_str()), (0, REVIEWS, ""));
    // One in XML alone too, and one over several lines.
    let one = bundles.lines().next().unwrap();
    let (status, xml, err) = run("--from r4 --format xml", one.as_bytes());
    assert_eq!(status, 0, "{err}");
    let pretty = one.replacen(',', ",\n", 3);
    for said in [&xml, &pretty] {
        let (status, rows, err) = run("--to csv --mapping ssda903-reviews", said.as_bytes());
        assert_eq!((status, rows.lines().count()), (0, 2), "{err}");
    }
}

#[test]
fn what_rows_do_not_say_is_told_and_what_is_no_bundle_of_the_mapping_refused() {
    let bundles = run("--mapping ssda903-reviews", REVIEWS).1;
    let more = bundles.replacen("\"birthDate\":", "\"active\":true,\"birthDate\":", 1);
    let (status, rows, err) = run("--to csv --mapping ssda903-reviews", more.as_bytes());
    assert_eq!((status, rows.lines().count()), (0, 3));
    assert!(
        err.contains("line 1: Bundle.entry[0].resource.active\tmajor\tthe rows do not say it\n"),
        "{err}"
    );
    let (status, rows, err) =
        run("--to csv --mapping ssda903-reviews", format!("{{}}\n{bundles}").as_bytes());
    assert_eq!((status, rows.lines().count()), (65, 3));
    assert!(err.contains("refused: line 1: not a bundle that this mapping wrote"), "{err}");
    for (words, stdin, status, said) in [
        ("--to csv --mapping ssda903-reviews", &b""[..], 65, "refused: there is no bundle\n"),
        (
            "--to csv --mapping ssda903-reviews",
            b"<Bundle",
            65,
            "refused: line 1: not fhir xml of this release: ",
        ),
        (
            "--to csv --mapping ssda903-xml",
            b"{}",
            65,
            "refused: only a mapping of csv can be read backwards\n",
        ),
        ("--to csv", b"{}", 64, "say with --mapping by which mapping"),
        ("--to csv --mapping ssda903-reviews --format xml", b"{}", 64, "--format is of FHIR"),
        ("--to csv --mapping ssda903-reviews --explain 1", b"{}", 64, "--explain is of a file"),
        ("--to r5 --mapping ssda903-reviews", b"{}", 64, "a mapping makes FHIR R4"),
        ("--to cda --format xml", b"{}", 64, "--format is of FHIR"),
    ] {
        let (ended, out, err) = run(words, stdin);
        assert_eq!((ended, out.as_str()), (status, ""), "{words}: {err}");
        assert!(err.contains(said), "{words}: {err}");
    }
}

#[test]
fn fhir_comes_out_in_xml_where_that_is_asked_for() {
    let (status, json, _) = run("--from stu3", STU3);
    assert_eq!(status, 0);
    let (status, xml, err) = run("--from stu3 --format xml", STU3);
    assert_eq!((status, err.as_str()), (0, ""));
    assert!(xml.contains("<Bundle xmlns=\"http://hl7.org/fhir\">") && xml.contains("<type value=\"deny\"/>"));
    // The same resource in both.
    let (status, again, err) = run("--from r4 --format json", xml.as_bytes());
    assert_eq!((status, err.as_str()), (0, ""));
    let value = |text: &str| {
        let bytes = text.trim_end().as_bytes().to_vec();
        fhir::json::parse_value(bytes.into(), &fhir::json::Limits::default()).unwrap()
    };
    assert_eq!(value(&again), value(&json));
    assert_eq!(run("--from r4 --to r4 --format xml", json.as_bytes()), (0, xml, String::new()));
    // In the words of another release, by its tables.
    let encounter =
        br#"{"resourceType":"Encounter","status":"finished","class":{"code":"AMB"},"period":{"start":"2026"}}"#;
    let (status, xml, err) = run("--from r4 --to r5 --format xml", encounter);
    assert_eq!(status, 0, "{err}");
    assert!(xml.contains("<actualPeriod><start value=\"2026\"/>"), "{xml}");
    let (status, out, err) = run("--from r5", xml.as_bytes());
    assert!(status == 0 && out.contains("\"period\":{\"start\":\"2026\"}"), "{err}");
}

#[test]
fn a_release_that_stays_itself_is_spelt_by_its_own_tables() {
    let referral = br#"{"resourceType":"ReferralRequest","status":"active","intent":"plan","subject":{"reference":"Patient/1"}}"#;
    let (status, xml, err) = run("--from stu3 --to stu3 --format xml", referral);
    assert_eq!((status, err.as_str()), (0, ""));
    assert!(
        xml.contains("<ReferralRequest xmlns=\"http://hl7.org/fhir\"><status value=\"active\"/>"),
        "{xml}"
    );
    let (status, json, err) = run("--from stu3 --to stu3", xml.as_bytes());
    assert_eq!((status, json.trim_end().as_bytes(), err.as_str()), (0, &referral[..], ""));
    for release in ["r4", "r4b", "r5"] {
        let (status, out, err) = run(&format!("--from {release} --to {release}"), xml.as_bytes());
        assert_eq!((status, out.as_str()), (65, ""));
        assert!(err.contains("not a resource type of this release of fhir"), "{err}");
    }
}

#[test]
fn xml_is_one_document_and_nothing_is_written_of_several() {
    let (status, out, err) = run("--mapping ssda903-reviews --format xml", REVIEWS);
    assert_eq!((status, out.as_str()), (65, ""));
    assert!(err.contains("refused: xml is one document, and here are several"), "{err}");
    let one = b"CHILD,DOB,REVIEW,REVIEW_CODE\n700101,27/03/2008,01/06/2024,PN1\n";
    let (status, out, _) = run("--mapping ssda903-reviews --format xml", one);
    assert!(status == 0 && out.contains("<birthDate value=\"2008-03-27\"/>"), "{out}");
}

#[test]
fn r4_that_xml_and_json_do_not_say_alike_is_refused_with_its_place() {
    for (words, stdin, said) in [
        (
            "--from r4",
            &br#"{"resourceType":"Patient","nmae":[]}"#[..],
            "refused: fhir cannot say it in xml: unknown member in Patient at byte 26\n",
        ),
        ("--from r4 --format xml", br#"{"resourceType":"Patient","active":"yes"}"#, "Patient.active"),
        ("--from r4", b"<Patient xmlns=\"http://hl7.org/fhir\"><nmae/></Patient>", "unknown element at byte"),
        ("--from r4 --to r4", b"nothing", "refused: not fhir json: "),
    ] {
        let (status, out, err) = run(words, stdin);
        assert_eq!((status, out.as_str()), (65, ""), "{err}");
        assert!(err.contains(said), "{err}");
    }
}

#[test]
fn a_bundle_in_xml_is_written_as_a_message_like_one_in_json() {
    let bundle = include_bytes!("../../../../adapters/tests/cases/hl7v2-out/a08-update/in.json");
    let xml = run("--from r4 --format xml", bundle);
    assert_eq!(xml.0, 0, "{}", xml.2);
    // The id of a message is of the bytes it is made of.
    let json = run("--from r4", bundle).1;
    let [from_xml, from_json] = [xml.1.trim_end(), json.trim_end()]
        .map(str::as_bytes)
        .map(|bundle| run("--to hl7v2 --event A08", bundle));
    assert_eq!(from_xml.0, 0, "{}", from_xml.2);
    assert_eq!(from_xml, from_json);
}
