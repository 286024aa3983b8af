//! What no sender should send, put to every way in: cut short, of other letters, too much, with a document type, with
//! days that there are not and NHS numbers that are none. It is refused, or carried as what it is with a loss, never
//! guessed; and whatever file somebody puts to the wrong adapter, that ends.

use std::path::Path;

use adapters::mapping::social::Ready;
use adapters::{Context, Translated, cda, edifact, hl7v2, notices, versions};
use fhir::tables::Release;

use crate::goldens::hospital;
use crate::mapping::origin;

type Outcome = Result<Translated, String>;

/// A way into FHIR, with a message that is well.
struct Way {
    name: &'static str,
    translate: fn(&[u8], &Context) -> Vec<Outcome>,
    sample: &'static str,
    /// A birth date as the sample writes it, and as a day that there is not.
    day: (&'static str, &'static str),
    /// The NHS number as the sample writes it, and with another check digit; nothing when it has none.
    number: Option<(&'static str, &'static str)>,
}

const WAYS: [Way; 10] = [
    Way {
        name: "hl7v2",
        translate: |input, context| one(hl7v2::translate(input, context)),
        sample: "hl7v2/adt-a01-admission/in.hl7",
        day: ("19510911", "19510931"),
        number: Some(("9990000042", "9990000043")),
    },
    Way {
        name: "cda",
        translate: |input, context| one(cda::translate(input, context)),
        sample: "cda/discharge-summary/in.xml",
        day: ("19410517", "19410532"),
        number: None,
    },
    Way {
        name: "edifact",
        translate: |input, context| match edifact::interchange(input, context) {
            Ok(interchange) => interchange
                .messages
                .into_iter()
                .map(|message| message.translated.map_err(|why| why.to_string()))
                .collect(),
            Err(why) => vec![Err(why.to_string())],
        },
        sample: "edifact/blood-count/in.edi",
        day: ("19510307", "19510229"),
        number: Some(("9990000018", "9990000019")),
    },
    Way {
        name: "notice",
        translate: |input, context| one(notices::translate(input, context)),
        sample: "notices/assessment/in.xml",
        day: ("1951-03-07", "1951-02-29"),
        number: Some(("9990000018", "9990000019")),
    },
    Way {
        name: "notice in items",
        translate: |input, context| one(notices::translate(input, context)),
        sample: "notices/plain-discharge/in.txt",
        day: ("1951-03-07", "1951-02-29"),
        number: Some(("999 000 0018", "999 000 0019")),
    },
    Way {
        name: "stu3",
        translate: |input, context| one(versions::translate(input, Release::Stu3, Release::R4, context)),
        sample: "versions/stu3-to-r4-gp-record/in.json",
        day: ("1950-03-04", "1950-02-29"),
        number: None,
    },
    Way {
        name: "stu3 in xml",
        translate: |input, context| one(versions::translate(input, Release::Stu3, Release::R4, context)),
        sample: "versions/stu3-to-r4-discharge-xml/in.xml",
        day: ("", ""),
        number: None,
    },
    Way {
        name: "csv",
        translate: |input, context| mapped("client-level-data", input, context),
        sample: "mapping/client-level-data/in.csv",
        day: ("03/11/1938", "31/11/1938"),
        number: Some(("9990001006", "9990001007")),
    },
    Way {
        name: "json",
        translate: |input, context| mapped("mosaic-residents", input, context),
        sample: "mapping/mosaic-residents/in.json",
        day: ("1951-08-09", "1951-02-29"),
        number: Some(("9990002118", "9990002119")),
    },
    Way {
        name: "xml",
        translate: |input, context| mapped("ssda903-xml", input, context),
        sample: "mapping/ssda903-xml/in.xml",
        day: ("27/03/2008", "31/02/2008"),
        number: None,
    },
];

fn one<E: std::fmt::Display>(outcome: Result<Translated, E>) -> Vec<Outcome> {
    vec![outcome.map_err(|why| why.to_string())]
}

fn mapped(name: &str, input: &[u8], context: &Context) -> Vec<Outcome> {
    let mapping = Ready::named(name).unwrap().load().unwrap();
    match mapping.records(input, context, &origin()) {
        Ok(records) => records.map(|record| record.map_err(|why| why.to_string())).collect(),
        Err(why) => vec![Err(why.to_string())],
    }
}

impl Way {
    fn sample(&self) -> Vec<u8> {
        let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
        std::fs::read(cases.join(self.sample)).unwrap()
    }

    fn of(&self, input: &[u8]) -> Vec<Outcome> {
        (self.translate)(input, &hospital())
    }

    /// The sample with each `from` as `to`.
    fn with(&self, (from, to): (&str, &str)) -> Vec<u8> {
        let sample = String::from_utf8(self.sample()).unwrap();
        assert!(sample.contains(from), "{}: no {from}", self.name);
        sample.replace(from, to).into_bytes()
    }
}

/// The Bundle as text, which must be JSON.
fn bundle(translated: &Translated) -> String {
    let parsed = fhir::json::parse(translated.bundle.clone().into(), &fhir::json::Limits::default());
    assert!(parsed.is_ok());
    String::from_utf8(translated.bundle.to_vec()).unwrap()
}

#[test]
fn every_sample_is_well() {
    for way in WAYS {
        let outcomes = way.of(&way.sample());
        assert!(!outcomes.is_empty() && outcomes.iter().all(Result::is_ok), "{}", way.name);
    }
}

#[test]
fn what_is_cut_short_is_refused_where_its_form_has_an_end() {
    for way in WAYS {
        let sample = way.sample();
        let whole = sample.trim_ascii_end().len();
        for cut in (0..60).map(|part| whole * part / 60) {
            let outcomes = way.of(&sample[..cut]);
            outcomes.iter().flatten().for_each(|translated| drop(bundle(translated)));
            // Lines have no end that could be missing: MLLP and the size of a file tell of those.
            let has_end = !["hl7v2", "notice in items", "csv"].contains(&way.name);
            assert!(!has_end || outcomes.iter().any(Result::is_err), "{} cut at {cut}", way.name);
        }
    }
}

#[test]
fn letters_that_are_none_are_refused_or_told_and_never_replaced() {
    for way in WAYS {
        let sample = way.sample();
        let letters: Vec<usize> = (0..sample.len()).filter(|at| sample[*at].is_ascii_alphabetic()).collect();
        for at in (0..50).map(|part| letters[letters.len() * part / 50]) {
            let mut input = sample.clone();
            input[at] = 0xff;
            for translated in way.of(&input).into_iter().flatten() {
                assert!(!bundle(&translated).contains('\u{fffd}'), "{} at {at}", way.name);
            }
        }
    }
}

#[test]
fn more_than_may_be_is_refused() {
    for way in WAYS {
        let sample = way.sample();
        let context = hospital().with_bytes_max(sample.len() - 1);
        // A file of records may be of any length; each of its records is bounded (mapping::files).
        if !["csv", "xml"].contains(&way.name) {
            assert!((way.translate)(&sample, &context).iter().all(Result::is_err), "{}", way.name);
        }
    }
}

#[test]
fn a_document_type_is_refused_whatever_it_declares() {
    let bomb = "<!DOCTYPE x [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;\">]>";
    for way in WAYS.iter().filter(|way| way.sample.ends_with(".xml")) {
        let sample = String::from_utf8(way.sample()).unwrap();
        let letter = |at: usize| sample.as_bytes().get(at).is_some_and(u8::is_ascii_alphabetic);
        let root = sample.match_indices('<').map(|(at, _)| at).find(|at| letter(at + 1));
        let (before, after) = sample.split_at(root.unwrap());
        for declared in [bomb, "<!DOCTYPE x>", "<!DOCTYPE x SYSTEM \"http://example.org/x.dtd\">"] {
            let outcomes = way.of([before, declared, after].concat().as_bytes());
            assert!(outcomes.iter().all(Result::is_err), "{} {declared}", way.name);
        }
    }
}

#[test]
fn a_day_that_there_is_not_is_never_another_day() {
    for way in WAYS.iter().filter(|way| !way.day.0.is_empty()) {
        let (before, after) = (way.of(&way.sample()), way.of(&way.with(way.day)));
        let losses =
            |outcomes: &[Outcome]| outcomes.iter().flatten().map(|one| one.losses.len()).sum::<usize>();
        let refused = after.iter().any(Result::is_err);
        assert!(refused || losses(&after) > losses(&before), "{}: nothing is told", way.name);
        let dates = |outcomes: &[Outcome]| -> Vec<String> {
            let texts: Vec<String> = outcomes.iter().flatten().map(bundle).collect();
            let found = texts.iter().flat_map(|text| text.split("\"birthDate\":\"").skip(1));
            found.filter_map(|rest| Some(rest.split_once('"')?.0.to_owned())).collect()
        };
        let known = dates(&before);
        assert!(!known.is_empty(), "{}", way.name);
        for date in dates(&after) {
            // What is told may stand as it came, between releases of FHIR.
            assert!(known.contains(&date) || date == way.day.1, "{}: {date} is guessed", way.name);
        }
    }
}

#[test]
fn an_nhs_number_with_a_wrong_check_digit_is_never_one() {
    for way in WAYS {
        let Some(number) = way.number else { continue };
        let outcomes = way.of(&way.with(number));
        let wrong = number.1.replace(' ', "");
        for translated in outcomes.iter().flatten() {
            let text = bundle(translated);
            for called in text.split("https://fhir.nhs.uk/Id/nhs-number").skip(1) {
                // The value stands beside the system.
                let beside: String = called.chars().take(60).collect();
                assert!(!beside.contains(&wrong), "{}: {beside}", way.name);
            }
            assert!(
                !text.contains(&wrong)
                    || translated.losses.iter().any(|loss| loss.why == adapters::Why::NotAnNhsNumber),
                "{}: nothing is told",
                way.name
            );
        }
        assert!(!outcomes.is_empty(), "{}", way.name);
    }
}

/// The files under `folder` that are not too long for a test.
fn files(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path.metadata().unwrap().len() < 40_000 {
            found.push(path);
        }
    }
}

#[test]
fn any_file_of_the_corpora_put_to_any_adapter_ends_in_a_bundle_or_a_reason() {
    let Some(root) = crate::corpus::corpus() else { return };
    let mut all = Vec::new();
    files(&root, &mut all);
    all.sort();
    let (mut translated, mut refused) = (0, 0);
    // Each file to every way, of many alike some.
    for path in all.iter().step_by(7) {
        let input = std::fs::read(path).unwrap();
        for way in WAYS {
            for outcome in way.of(&input) {
                match outcome {
                    Ok(one) => {
                        bundle(&one);
                        translated += 1;
                    }
                    Err(why) => {
                        assert!(!why.is_empty(), "{} {}", way.name, path.display());
                        refused += 1;
                    }
                }
            }
        }
    }
    println!(
        "{} files, each to {} ways: {translated} Bundles, {refused} refused",
        all.len().div_ceil(7),
        WAYS.len()
    );
    assert!(translated > 20 && refused > 1_000, "{translated} {refused}");
}

/// Every message type that is translated has a case of its own.
#[test]
fn every_type_of_message_has_a_golden() {
    let cases: Vec<String> = crate::goldens::inputs()
        .into_iter()
        .map(|(folder, _)| folder.file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    let maps = include_str!("../../maps/hl7v2/messages.map");
    let types = maps
        .lines()
        .filter_map(|line| line.strip_prefix("message "))
        .flat_map(|line| line.split(' ').skip(1));
    let mut seen = 0;
    for kind in types {
        let name = kind.to_ascii_lowercase().replace('^', "-");
        assert!(cases.iter().any(|case| case.starts_with(&name)), "{kind} has no case");
        seen += 1;
    }
    assert!(seen > 50, "{seen}");
}
