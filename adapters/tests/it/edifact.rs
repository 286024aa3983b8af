//! NHS EDIFACT: one folder a case (`in.edi`, what it becomes, what it loses), what every translation promises, and what
//! is refused. `UPDATE_GOLDEN=1` rewrites.

mod properties;

use std::path::{Path, PathBuf};

use adapters::edifact::{self, Asked, Fault, Stamp};
use adapters::{Charset, Loss, Refused, Severity, Translated, Why};
use serde_json::Value;

use crate::goldens::{golden, hospital, pretty};
use crate::shape::check_shape;

pub(crate) fn cases() -> Vec<(PathBuf, Vec<u8>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/edifact");
    let mut folders: Vec<PathBuf> =
        std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    folders
        .into_iter()
        .map(|folder| (folder.clone(), std::fs::read(folder.join("in.edi")).unwrap()))
        .collect()
}

fn case(name: &str) -> String {
    let (_, input) = cases().into_iter().find(|(folder, _)| folder.ends_with(name)).unwrap();
    String::from_utf8(input).unwrap()
}

#[expect(
    clippy::disallowed_methods,
    reason = "a test looks at what was written, strictness is fhir::json's matter"
)]
pub(crate) fn json(translated: &Translated) -> Value {
    serde_json::from_slice(&translated.bundle).unwrap()
}

fn translated(input: &str) -> Translated {
    edifact::translate(input.as_bytes(), &hospital()).unwrap()
}

/// The resources of a type.
fn all<'b>(bundle: &'b Value, kind: &str) -> Vec<&'b Value> {
    let entries = bundle["entry"].as_array().unwrap().iter().map(|entry| &entry["resource"]);
    entries.filter(|resource| resource["resourceType"] == kind).collect()
}

#[test]
fn every_report_becomes_what_its_golden_says() {
    let cases = cases();
    assert!(cases.len() >= 4);
    for (folder, input) in cases {
        let translated = edifact::translate(&input, &hospital()).unwrap();
        check_shape(&translated.bundle, &folder.display().to_string());
        let losses: String = translated.losses.iter().map(|loss| format!("{loss}\n")).collect();
        golden(&folder.join("out.json"), &pretty(&translated.bundle));
        golden(&folder.join("losses.txt"), &losses);
    }
}

/// What senders leave out or add around a message that is whole.
#[test]
fn an_end_that_counts_nothing_or_is_marked_as_dos_does_is_an_end() {
    let report = case("blood-count");
    let uncounted = translated(&report.replace("UNZ+1+2044'", "UNZ++2044'"));
    let missing = Loss { place: "UNZ-1".to_owned(), why: Why::Missing, severity: Severity::Minor };
    assert!(uncounted.losses.contains(&missing), "{:?}", uncounted.losses);
    assert_eq!(told(&uncounted), told(&translated(&report)));
    let marked = translated(&format!("{}\u{1a}", report.replace('\n', "\r\n")));
    assert_eq!(told(&marked), told(&translated(&report)));
}

fn cut(text: &str, from: usize, to: usize) -> &str {
    text.get(from..to).unwrap()
}

/// Where each component of a message with the usual separators stands, found without the adapter's own reader.
fn leaves(input: &str) -> Vec<(usize, usize, String)> {
    let bytes = input.as_bytes();
    let mut leaves = Vec::new();
    let mut names: Vec<String> = Vec::new();
    let mut at = if input.starts_with("UNA") { 9 } else { 0 };
    while at < bytes.len() {
        while at < bytes.len() && bytes[at].is_ascii_whitespace() {
            at += 1;
        }
        if at >= bytes.len() {
            break;
        }
        let name = cut(input, at, at + 3).to_owned();
        let occurrence = names.iter().filter(|held| **held == name).count() + 1;
        names.push(name.clone());
        let label = if occurrence > 1 { format!("{name}[{occurrence}]") } else { name };
        let (mut element, mut component, mut from) = (0, 1, at);
        loop {
            match bytes[at] {
                b'?' => at += 1,
                end @ (b':' | b'+' | b'\'') => {
                    if element > 0 && from < at {
                        leaves.push((from, at, format!("{label}-{element}.{component}")));
                    }
                    from = at + 1;
                    component += 1;
                    if end == b'+' {
                        (element, component) = (element + 1, 1);
                    }
                    if end == b'\'' {
                        at += 1;
                        break;
                    }
                }
                _ => {}
            }
            at += 1;
        }
    }
    leaves
}

/// A Bundle without what says where it comes from: that holds a digest of the whole interchange.
fn told(translated: &Translated) -> Value {
    let mut bundle = json(translated);
    bundle["entry"].as_array_mut().unwrap().retain(|entry| entry["resource"]["resourceType"] != "Provenance");
    bundle
}

/// Whether a loss names `place`, or what it is part of.
fn listed(losses: &[Loss], place: &str) -> bool {
    losses.iter().any(|loss| {
        loss.place == place || place.strip_prefix(&loss.place).is_some_and(|rest| rest.starts_with('.'))
    })
}

/// Takes each component out, and changes it: the Bundle or the losses must show both, or the losses name its place.
fn check_that_nothing_disappears(input: &str, case: &str) {
    let whole = translated(input);
    let said = told(&whole);
    for (start, end, place) in leaves(input) {
        let shows = |value: &str| {
            let altered = format!("{}{value}{}", cut(input, 0, start), cut(input, end, input.len()));
            edifact::translate(altered.as_bytes(), &hospital())
                .map_or(true, |other| other.losses != whole.losses || told(&other) != said)
        };
        let changed = format!("{}9x", cut(input, start, end));
        let carried = listed(&whole.losses, &place) || (shows("") && shows(&changed));
        assert!(carried, "{case}: {place} disappears without a loss");
    }
}

#[test]
fn in_every_case_each_component_is_carried_or_listed_as_a_loss() {
    for (folder, input) in cases() {
        let input = String::from_utf8(input).unwrap();
        if input.contains("UNB+") {
            assert!(leaves(&input).len() > 60);
            check_that_nothing_disappears(&input, &folder.display().to_string());
        }
    }
}

#[test]
fn a_flag_is_never_lost_whatever_stands_around_it() {
    let report = case("blood-count");
    for (flag, code) in [("HI", "H"), ("LO", "L"), ("OR", "OR"), ("PA", "PA"), ("XX", "XX"), ("N", "N")] {
        for value in
            ["NV+98++:::g/L", "NV+<98++:::g/L", "NV+++", "CV+::1:911++", "DR+x++", "CV+++", "NV+1:9++"]
        {
            let input = report.replace("RSL+NV+98++:::g/L+LO", &format!("RSL+{value}+{flag}"));
            let translated = translated(&input);
            let bundle = json(&translated);
            let result = all(&bundle, "Observation")[1];
            assert_eq!(result["interpretation"][0]["coding"][0]["code"], code, "{value} {flag}");
            assert_eq!(
                listed(&translated.losses, "RSL-5"),
                matches!(flag, "XX" | "N"),
                "an unknown flag is told: {value} {flag}"
            );
        }
    }
}

#[test]
fn comments_stay_in_their_order_and_with_their_result() {
    let input = case("blood-count").replace(
        "FTX+SPC+++Known to the clinic.:See comment on the report.'",
        "FTX+SPC+++first:second'\nFTX+RIT+++third'\nFTX+SPC+++fourth'",
    );
    let input = input.replace("UNT+74", "UNT+76");
    let translated = translated(&input);
    let bundle = json(&translated);
    let notes: Vec<&str> = all(&bundle, "Observation")[1]["note"]
        .as_array()
        .unwrap()
        .iter()
        .map(|note| note["text"].as_str().unwrap())
        .collect();
    assert_eq!(notes, ["first\nsecond", "third", "fourth"]);
    assert!(!translated.losses.iter().any(|loss| loss.place.starts_with("FTX")));
    let input = case("blood-count").replace(
        "FTX+SPC+++Film examined.'",
        "FTX+SPC+++Film examined.:See comment.'FTX+SPC+++Repeat in a week.'",
    );
    let bundle = json(&self::translated(&input));
    assert_eq!(
        all(&bundle, "DiagnosticReport")[0]["conclusion"],
        "Film examined.\nSee comment.\nRepeat in a week."
    );
}

#[test]
fn a_number_that_is_none_is_text_with_its_unit_and_told() {
    for (value, text) in [
        ("<5", "<5 g/L"),
        ("1.2.3", "1.2.3 g/L"),
        ("98:9", "98 9 g/L"),
        ("see below", "see below g/L"),
        ("1,5", "1,5 g/L"),
    ] {
        let translated = translated(&case("blood-count").replace("NV+98+", &format!("NV+{value}+")));
        let bundle = json(&translated);
        let result = all(&bundle, "Observation")[1];
        assert_eq!(result["valueString"], text, "{value}");
        assert_eq!(result["valueQuantity"], Value::Null);
        assert!(translated.losses.iter().any(|loss| loss.place.starts_with("RSL-2")
            && loss.why == Why::NotOfType
            && loss.severity == Severity::Major));
    }
}

#[test]
fn a_result_of_two_specimens_keeps_the_first_and_tells_of_the_other() {
    let input = case("blood-count")
        .replace("GIS+N'\nINV+MQ+424", "S16+16'SEQ++2'SPC+TSP+:::URINE'GIS+N'\nINV+MQ+424")
        .replace("RFF+ASL:1'", "RFF+ASL:1'RFF+ASL:2'");
    let translated = translated(&input);
    let bundle = json(&translated);
    let specimens = all(&bundle, "Specimen");
    let first = format!("urn:uuid:{}", specimens[0]["id"].as_str().unwrap());
    assert_eq!(
        (specimens.len(), &all(&bundle, "Observation")[0]["specimen"]["reference"]),
        (2, &Value::from(first))
    );
    assert!(translated.losses.iter().any(|loss| loss.place == "RFF[6]-1.2" && loss.why == Why::PlaceTaken));
}

#[test]
fn any_separators_and_any_decimal_mark_say_the_same() {
    let usual = case("blood-count");
    let body = usual.strip_prefix("UNA:+.? '\n").unwrap();
    let mut other = "UNA|^,\\ ~".to_owned();
    let mut letters = body.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '?' => match letters.next().unwrap() {
                released @ ('|' | '^' | '\\' | '~') => other.extend(['\\', released]),
                released => other.push(released),
            },
            ':' => other.push('|'),
            '+' => other.push('^'),
            '\'' => other.push('~'),
            '.' => other.push(','),
            letter => other.push(letter),
        }
    }
    // Points in text and codes became commas too; back they go, but for the numbers.
    let other = other
        .replace("42J,,", "42J..")
        .replace("424,,", "424..")
        .replace("423,,", "423..")
        .replace("42B6,", "42B6.");
    let (one, two) = (told(&translated(&usual)), told(&translated(&other)));
    for (one, two) in all(&one, "Observation").iter().zip(all(&two, "Observation")) {
        for element in ["code", "valueQuantity", "referenceRange", "interpretation", "specimen"] {
            assert_eq!(one[element], two[element], "{element}");
        }
    }
}

#[test]
fn character_sets_are_read_as_they_are_declared() {
    let named = |set: &str, letters: &[u8]| {
        let report = case("blood-count").replace("UNOC", set);
        let (before, after) = report.split_once("FENWICK").unwrap();
        [before.as_bytes(), letters, after.as_bytes()].concat()
    };
    let family = |input: &[u8], charset: Charset| {
        let translated = edifact::translate(input, &hospital().with_charset(charset))?;
        let bundle = json(&translated);
        let family = all(&bundle, "Patient")[0]["name"][0]["family"].as_str().unwrap().to_owned();
        Ok::<_, Refused>((family, translated.losses.iter().any(|loss| loss.why == Why::CharsetUndeclared)))
    };
    assert_eq!(family(&named("UNOC", b"MOR\xc8"), Charset::Utf8).unwrap(), ("MORÈ".to_owned(), false));
    assert_eq!(family(&named("UNOW", "MORÈ".as_bytes()), Charset::Utf8).unwrap(), ("MORÈ".to_owned(), false));
    assert_eq!(family(&named("UNOB", "MORÈ".as_bytes()), Charset::Utf8).unwrap(), ("MORÈ".to_owned(), true));
    assert_eq!(family(&named("UNOA", b"MOR\xc8"), Charset::Latin1).unwrap(), ("MORÈ".to_owned(), false));
    assert!(matches!(family(&named("UNOB", b"MOR\xc8"), Charset::Utf8), Err(Refused::Encoding { .. })));
    assert_eq!(family(&named("UNOX", b"MORE"), Charset::Utf8), Err(Refused::Edifact(Fault::Charset)));
}

fn refused(input: &str, expected: &Refused) {
    assert_eq!(edifact::translate(input.as_bytes(), &hospital()).unwrap_err(), *expected);
}

#[test]
fn what_cannot_be_translated_is_refused_with_its_reason() {
    let report = case("blood-count");
    let with = |from: &str, to: &str| {
        assert!(report.contains(from), "{from}");
        report.replace(from, to)
    };
    refused("", &Fault::NoHeader.into());
    refused("MSH|^~\\&|", &Fault::NoHeader.into());
    refused("UNA:+.", &Fault::Separators.into());
    refused(&with("UNA:+.? '", "UNA::.? '"), &Fault::Separators.into());
    refused(&with("UNA:+.? '", "UNA:+.A '"), &Fault::Separators.into());
    refused(&with("UNOC", "KEYB"), &Fault::Charset.into());
    refused(&with("+2044++MEDRPT", "+++MEDRPT"), &Fault::NoControlReference.into());
    refused(&with("UNZ+1+2044'", "UNZ+1+2045'"), &Fault::ControlReference.into());
    refused(&with("UNZ+1+2044'", "UNZ+2+2044'"), &Fault::MessageCount.into());
    refused(&with("UNT+74+1'", "UNT+74+2'"), &Fault::MessageReference.into());
    refused(&with("UNH+1+", "UNH++"), &Fault::MessageReference.into());
    refused(
        &with("UNH+1+MEDRPT:0:1:RT:NHS003'", "UNH+1+MEDRPT:0:1:RT:NHS003'UNH+1+MEDRPT:0:1:RT:NHS003'"),
        &Fault::OutOfPlace { segment: 3 }.into(),
    );
    refused(
        &with("UNH+1+MEDRPT:0:1:RT:NHS003'", "BGM+LSR'UNH+1+MEDRPT:0:1:RT:NHS003'"),
        &Fault::OutOfPlace { segment: 2 }.into(),
    );
    refused(&with("UNZ+1+2044'", "UNZ+1+2044'BGM+LSR'"), &Fault::Ended { segment: 78 }.into());
    refused(&with("BGM+LSR'", "bgm+LSR'"), &Fault::NotASegment { segment: 3 }.into());
    refused(&with("BGM+LSR'", "BGM:1+LSR'"), &Fault::NotASegment { segment: 3 }.into());
    refused(
        &with("MEDRPT:0:1:RT:NHS003", "MEDREQ:0:1:RQ:NHS001"),
        &Refused::UnknownType { name: "MEDREQ:NHS001".to_owned() },
    );
    refused(
        &with("MEDRPT:0:1:RT:NHS003", "MEDRPT:0:1:RT:<b>"),
        &Refused::UnknownType { name: "MEDRPT:B".to_owned() },
    );
    refused(&with("PNA+PAT", "PNB+PAT"), &Fault::NotOnePatient.into());
    refused(&with("PDI+2'", "PDI+2'PNA+PAT++++SU:OTHER'"), &Fault::NotOnePatient.into());
    refused(&with("S02+02'", "S03+03'"), &Fault::NotOneReport.into());
    refused(&with("S06+06'", "S02+02'S06+06'"), &Fault::NotOneReport.into());
}

#[test]
fn cut_anywhere_an_interchange_is_refused() {
    let report = case("blood-count");
    let report = report.trim_end();
    for end in 0..report.len() {
        assert!(edifact::interchange(&report.as_bytes()[..end], &hospital()).is_err(), "cut at {end}");
    }
}

#[test]
fn a_report_with_fewer_segments_than_counted_is_partial_and_told() {
    let report = case("blood-count");
    let status = |input: &str| {
        let translated = translated(input);
        let bundle = json(&translated);
        let told = translated.losses.iter().any(|loss| {
            loss.place.starts_with("UNT") && (loss.why, loss.severity) == (Why::Miscounted, Severity::Major)
        });
        (all(&bundle, "DiagnosticReport")[0]["status"].as_str().unwrap().to_owned(), told)
    };
    assert_eq!(status(&report), ("final".to_owned(), false));
    assert_eq!(status(&report.replace("RSL+NV+98++:::g/L+LO'", "")), ("partial".to_owned(), true));
    assert_eq!(status(&report.replace("UNT+74", "UNT+")), ("partial".to_owned(), true));
    // One that is injected is told, and what was there is not less for it.
    assert_eq!(status(&report.replace("UNT+74", "UNT+73")), ("final".to_owned(), true));
    let withdrawn = report.replace("STS++FI'\nDTM+ISR", "STS++EN'\nDTM+ISR").replace("UNT+74", "UNT+77");
    assert_eq!(status(&withdrawn), ("entered-in-error".to_owned(), true));
}

#[test]
fn hostile_sizes_end_at_a_bound() {
    let report = case("blood-count");
    let (before, after) = report.split_once("GIS+N'\nINV+MQ+424").unwrap();
    for filler in ["FTX+SPC+++x'", "X99+:::::::::'", "X98++++++++++'", "GIS+N'INV+MQ+x:911'"] {
        let input = format!("{before}{}INV+MQ+424{after}", filler.repeat(200_000));
        assert!(
            matches!(edifact::translate(input.as_bytes(), &hospital()), Err(Refused::TooLarge { .. })),
            "{filler}"
        );
    }
    assert!(matches!(
        edifact::translate(&[b'x'; 101], &hospital().with_bytes_max(100)),
        Err(Refused::TooLarge { max: 100, unit: "bytes" })
    ));
    // As much as the bounds allow ends soon.
    let many: String = (0..9_000).map(|_| "GIS+N'INV+MQ+x:911'RSL+NV+1++:::g'RFF+ARL:1'").collect();
    let input = format!("{before}{many}INV+MQ+424{after}");
    assert!(edifact::translate(input.as_bytes(), &hospital()).is_ok());
    let long = format!("{before}{}INV+MQ+424{after}", "FTX+SPC+++a:b:c:d:e'".repeat(50_000));
    assert!(edifact::translate(long.as_bytes(), &hospital()).is_ok());
}

/// An interchange of three reports, the second of which is about nobody.
fn three() -> String {
    let report = case("blood-count");
    let start = report.find("UNH+").unwrap();
    let end = report.find("UNZ+").unwrap();
    let second = cut(&report, start, end)
        .replace("UNH+1+", "UNH+2+")
        .replace("+74+1'", "+74+2'")
        .replace("PNA+PAT", "PNB+PAT");
    let third = cut(&report, start, end).replace("UNH+1+", "UNH+3+").replace("+74+1'", "+74+3'");
    format!("{}{second}{third}UNZ+3+2044'", cut(&report, 0, end))
}

#[test]
fn each_message_of_an_interchange_stands_by_itself() {
    let interchange = edifact::interchange(three().as_bytes(), &hospital()).unwrap();
    assert_eq!(
        (interchange.reference.as_str(), interchange.sender.as_str(), interchange.acknowledgement),
        ("2044", "000000007700001", Asked::Yes)
    );
    let references: Vec<&str> =
        interchange.messages.iter().map(|message| message.reference.as_str()).collect();
    assert_eq!(references, ["1", "2", "3"]);
    let [first, second, third] = interchange.messages.as_slice() else { panic!() };
    assert_eq!(*second.translated.as_ref().unwrap_err(), Fault::NotOnePatient.into());
    let ids = [&first.translated, &third.translated].map(|one| one.as_ref().unwrap().id.clone());
    assert_ne!(ids[0], ids[1]);
    assert_eq!(
        edifact::translate(three().as_bytes(), &hospital()).unwrap_err(),
        Refused::MoreThanOne { segment: "UNH" }
    );
    let twice = three().replace("UNH+3+", "UNH+1+").replace("+74+3'", "+74+1'");
    refused(&twice, &Fault::ReferenceTwice.into());
}

#[test]
fn the_same_interchange_has_the_same_ids_and_another_has_others() {
    let report = case("blood-count");
    let again =
        [translated(&report), translated(&report)].map(|translated| (translated.id, translated.bundle));
    assert_eq!(again[0], again[1]);
    for (from, to) in
        [("2044", "2045"), ("260304:1615", "270304:1615"), ("000000007700001", "000000007700009")]
    {
        assert_ne!(translated(&report.replace(from, to)).id, again[0].0, "{from}");
    }
}

#[test]
fn an_acknowledgement_says_of_each_message_whether_it_was_accepted() {
    let stamp = Stamp { reference: "77".to_owned(), at: "202603041630".to_owned() };
    let answered = |input: &str| {
        edifact::acknowledge(input.as_bytes(), &hospital(), &stamp).map(|ack| String::from_utf8(ack).unwrap())
    };
    assert_eq!(
        answered(&three()).unwrap(),
        "UNA:+.? '\n\
         UNB+UNOC:3+000000008800002:80+000000007700001:80+260304:1630+77++NHSACK'\n\
         UNH+1+NHSACK:D:1:NH:NHS001'\n\
         BGM+AKR'\n\
         DTM+137:20260304:102'\n\
         NIR+SIR:2044+000000007700001:80+000000008800002:80+IAP'\n\
         NMR+AGO:1+MA'\n\
         NMR+AGO:2+MR'\n\
         FTX+ERD+++the message does not name exactly one patient'\n\
         NMR+AGO:3+MA'\n\
         UNT+9+1'\n\
         UNZ+1+77'\n"
    );
    let report = case("blood-count");
    let whole = |from: &str, to: &str| answered(&report.replace(from, to)).unwrap();
    assert!(whole("x", "x").contains("+IAF'\nNMR+AGO:1+MA'"));
    assert!(whole("PNA+PAT", "PNB+PAT").contains("+IRA'\nNMR+AGO:1+MR'"));
    assert!(
        whole("UNZ+1+2044", "UNZ+1+9")
            .contains("+IRI'\nFTX+ERD+++the control reference in UNZ-2 is not that of UNB-5'")
    );
    assert!(whole("BGM+LSR'", "UNH+1'").contains("+IRM'\nFTX+ERD"));
    // What is echoed cannot end a segment.
    assert!(whole("+2044++MEDRPT", "+2?'0?+44++MEDRPT").contains("NIR+SIR:2?'0?+44+"));
    assert_eq!(answered("UNA:+.? 'UNB+UNOC:3+a+b"), None);
    assert_eq!(answered("nothing"), None);
}
