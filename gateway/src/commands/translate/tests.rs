use std::path::Path;

use super::{Assumed, Format, Target, Translate, Watched};
use crate::commands::Exit;

const DISCHARGE: &[u8] =
    b"MSH|^~\\&|PAS|RX1|||20260304161500||ADT^A03|1|P|2.4\rPID|1||9990000018^^^NHS^NH||Fenwick^Ann\rZZZ|x\r";

fn translate(file: &Path, stdin: &[u8], zone: &str) -> (Exit, String, String) {
    from(Format::Hl7v2, file, stdin, zone)
}

fn from(format: Format, file: &Path, stdin: &[u8], zone: &str) -> (Exit, String, String) {
    let command = Translate {
        from: Some(format),
        to: None,
        format: None,
        event: None,
        receiver: None,
        mapping: None,
        explain: None,
        file: file.to_owned(),
        source: "file".to_owned(),
        organisation: None,
        time_zone: zone.to_owned(),
        site_map: None,
        charset: Assumed::Utf8,
    };
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let ended = command.run((jiff::Timestamp::UNIX_EPOCH, Watched::No), &mut &*stdin, &mut out, &mut err);
    (ended, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
}

#[test]
fn a_message_becomes_a_bundle_on_one_side_and_losses_on_the_other() {
    let (ended, out, err) = translate(Path::new("-"), DISCHARGE, "Europe/London");
    assert_eq!(ended.code(), 0);
    assert!(out.starts_with("{\"resourceType\":\"Bundle\"") && out.contains("9990000018"));
    assert!(err.contains("ZZZ-1\tminor\t") && !err.contains("Fenwick"));
}

#[test]
fn a_file_of_messages_becomes_a_bundle_for_each_and_tells_which_was_refused() {
    let file =
        [&b"FHS|^~\\&\r"[..], DISCHARGE, b"MSH|^~\\&|A|B|C|D|2026||ADT^A99|2|P|2.4\r", b"FTS|1\r"].concat();
    let (ended, out, err) = translate(Path::new("-"), &file, "Europe/London");
    assert_eq!((ended.code(), out.lines().count()), (65, 1), "{err}");
    assert!(err.starts_with("refused: MSH[2]: messages of type ADT^A99 are not translated\n"), "{err}");
    assert!(err.contains("MSH[1]/ZZZ-1\tminor\t"), "{err}");
    let (ended, out, err) =
        translate(Path::new("-"), &[&b"BHS|^~\\&\r"[..], DISCHARGE].concat(), "Europe/London");
    assert_eq!(
        (ended.code(), out.as_str(), err.as_str()),
        (65, "", "refused: the batch ends before its trailer\n")
    );
}

#[test]
fn a_document_becomes_a_bundle_and_what_is_none_is_refused() {
    let letter = include_bytes!("../../../../adapters/tests/cases/cda/discharge-summary/in.xml");
    let (ended, out, err) = from(Format::Cda, Path::new("-"), letter, "Europe/London");
    assert_eq!((ended.code(), out.lines().count()), (0, 1), "{err}");
    assert!(out.starts_with("{\"resourceType\":\"Bundle\"") && out.contains("\"Composition\""), "{out}");
    let (ended, out, err) = from(Format::Cda, Path::new("-"), DISCHARGE, "Europe/London");
    assert_eq!((ended.code(), out.as_str()), (65, ""));
    assert!(err.starts_with("refused: "), "{err}");
}

#[test]
fn a_release_of_fhir_becomes_another_or_is_refused() {
    let record = include_bytes!("../../../../adapters/tests/cases/versions/stu3-to-r4-opt-out/in.json");
    let (ended, out, err) = from(Format::Stu3, Path::new("-"), record, "Europe/London");
    assert_eq!((ended.code(), err.as_str()), (0, ""));
    assert!(out.contains("\"provision\":{\"type\":\"deny\""), "{out}");
    for format in [Format::R4, Format::Dstu2] {
        let (ended, out, err) = from(format, Path::new("-"), record, "Europe/London");
        assert_eq!((ended.code(), out.as_str()), (65, ""));
        assert!(err.starts_with("refused: "), "{err}");
    }
}

#[test]
fn an_interchange_becomes_a_bundle_for_each_message_that_can_be_read() {
    let report = include_str!("../../../../adapters/tests/cases/edifact/blood-count/in.edi");
    let (ended, out, err) = from(Format::Edifact, Path::new("-"), report.as_bytes(), "Europe/London");
    assert_eq!((ended.code(), out.lines().count()), (0, 1), "{err}");
    let (frame, rest) = report.split_once("UNH+1").unwrap();
    let second = rest.split("UNZ").next().unwrap().replace("+74+1'", "+74+2'").replace("PNA", "PNB");
    let two = format!("{frame}UNH+1{}UNH+2{second}UNZ+2+2044'", rest.split("UNZ").next().unwrap());
    let (ended, out, err) = from(Format::Edifact, Path::new("-"), two.as_bytes(), "Europe/London");
    assert_eq!((ended.code(), out.lines().count()), (65, 1));
    assert!(err.starts_with("refused: the message does not name exactly one patient\n"), "{err}");
}

#[test]
fn a_notice_becomes_a_bundle_and_a_bundle_a_notice() {
    let notice = include_bytes!("../../../../adapters/tests/cases/notices/discharge/in.xml");
    let (ended, bundle, err) = from(Format::Notice, Path::new("-"), notice, "Europe/London");
    assert_eq!((ended.code(), bundle.lines().count()), (0, 1), "{err}");
    let to = |target: Target, stdin: &[u8]| {
        let command = Translate {
            from: None,
            to: Some(target),
            format: None,
            event: None,
            receiver: None,
            mapping: None,
            explain: None,
            file: "-".into(),
            source: "file".to_owned(),
            organisation: None,
            time_zone: "Europe/London".to_owned(),
            site_map: None,
            charset: Assumed::Utf8,
        };
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let ended = command.run((jiff::Timestamp::UNIX_EPOCH, Watched::No), &mut &*stdin, &mut out, &mut err);
        (ended.code(), String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
    };
    let (status, xml, _) = to(Target::Notice, bundle.as_bytes());
    assert!(status == 0 && xml.contains("<Bundle xmlns=\"http://hl7.org/fhir\">"), "{xml}");
    let (status, items, _) = to(Target::NoticeItems, bundle.as_bytes());
    assert!(status == 0 && items.contains("Proposed Discharge Date\t2026-03-12\n"), "{items}");
    let lacking = bundle.replace("\"end\":\"2026-03-12\"", "");
    let (status, out, err) = to(Target::Notice, lacking.as_bytes());
    assert_eq!((status, out.as_str()), (65, ""));
    assert!(err.starts_with("refused: "), "{err}");
}

#[test]
fn a_file_is_read_like_standard_input() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), DISCHARGE).unwrap();
    let (ended, out, _) = translate(file.path(), b"", "Europe/London");
    assert_eq!((ended, out), (Exit::Held, translate(Path::new("-"), DISCHARGE, "Europe/London").1));
}

#[test]
fn what_cannot_be_done_has_its_own_status_and_nothing_on_standard_output() {
    for (file, stdin, zone, status, said) in [
        (
            "-",
            &b"MSH|^~\\&|A|B|C|D|2026||ADT^A99|1|P|2.4"[..],
            "Europe/London",
            65,
            "refused: messages of type ADT^A99 are not translated\n",
        ),
        ("-", b"nothing", "Europe/London", 65, "refused: the input does not begin with an MSH segment\n"),
        (
            "-",
            DISCHARGE,
            "Europe/Camelot",
            64,
            "the time zone is not in the IANA database, such as Europe/London\n",
        ),
        ("no/such/file", b"", "Europe/London", 74, "not readable: entity not found\n"),
    ] {
        let (ended, out, err) = translate(Path::new(file), stdin, zone);
        assert_eq!((ended.code(), out.as_str(), err.as_str()), (status, "", said));
    }
}

const REVIEWS: &[u8] = b"CHILD,DOB,REVIEW,REVIEW_CODE\n700101,27/03/2008,01/06/2024,PN1\n";

fn mapped(mapping: &str, explain: Option<usize>, stdin: &[u8]) -> (u8, String, String) {
    let command = Translate {
        from: None,
        to: None,
        format: None,
        event: None,
        receiver: None,
        mapping: Some(mapping.into()),
        explain,
        file: "-".into(),
        source: "council".to_owned(),
        organisation: None,
        time_zone: "Europe/London".to_owned(),
        site_map: None,
        charset: Assumed::Utf8,
    };
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let ended = command.run((jiff::Timestamp::UNIX_EPOCH, Watched::No), &mut &*stdin, &mut out, &mut err);
    (ended.code(), String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
}

#[test]
fn a_file_becomes_a_bundle_a_line_by_a_ready_mapping_or_a_file() {
    let (status, out, err) = mapped("ssda903-reviews", None, REVIEWS);
    assert_eq!((status, err.as_str()), (0, ""));
    assert!(out.starts_with("{\"resourceType\":\"Bundle\"") && out.ends_with("}\n"));
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), adapters::mapping::social::Ready::named("ssda903-reviews").unwrap().text)
        .unwrap();
    assert_eq!(mapped(file.path().to_str().unwrap(), None, REVIEWS), (0, out, String::new()));
}

#[test]
fn an_explanation_tells_which_cell_went_where() {
    let (status, out, err) = mapped("ssda903-reviews", Some(1), REVIEWS);
    assert_eq!((status, err.as_str()), (0, ""));
    assert!(out.contains("row 2 column 2 DOB -> Patient child: birthDate\n"), "{out}");
    assert!(!out.contains("700101"));
}

#[test]
fn what_a_mapping_refuses_is_never_silent() {
    for (mapping, explain, file, status, said) in [
        ("ssda903-reviews", None, &b"CHILD,DOB\n1,2\n"[..], 65, "refused: the file has no column `REVIEW`"),
        (
            "ssda903-reviews",
            None,
            b"CHILD,DOB,REVIEW,REVIEW_CODE\n,,,PN1\n",
            65,
            "refused: row=2: what the id of `review`",
        ),
        ("ssda903-reviews", Some(7), REVIEWS, 65, "refused: the file has no record 7"),
        ("no/such/mapping", None, REVIEWS, 74, "no/such/mapping is not readable: entity not found"),
        ("Cargo.toml", None, REVIEWS, 64, "Cargo.toml: `[source]` is missing"),
    ] {
        let (ended, out, err) = mapped(mapping, explain, file);
        assert_eq!((ended, out.as_str()), (status, ""), "{err}");
        assert!(err.contains(said), "{err}");
    }
}
