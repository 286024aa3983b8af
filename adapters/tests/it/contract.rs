//! What every translation promises: nothing disappears, the same input has the same output, hostile
//! input ends quickly and without a panic.

use std::fmt::Write;

use adapters::{Context, Loss, Refused, hl7v2};
use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop, prop_oneof};
use proptest::proptest;

use crate::goldens::{hospital, inputs};
use crate::shape::TYPES;

/// One value of a message, as bytes of the input, and its place.
struct Leaf {
    start: usize,
    end: usize,
    place: String,
}

/// The values of a message that uses ASCII delimiters, found without the adapter's own parser.
fn leaves(input: &[u8]) -> Vec<Leaf> {
    let [separator, component, repetition, _, subcomponent] = input[3..8] else { panic!("no header") };
    let mut leaves = Vec::new();
    let mut names: Vec<Vec<u8>> = Vec::new();
    let line = if input.contains(&b'\r') { b'\r' } else { b'\n' };
    for (start, end) in spans(input, 0, input.len(), line) {
        if start == end {
            continue;
        }
        let name = input[start..start + 3].to_vec();
        let earlier = names.iter().filter(|held| **held == name).count();
        names.push(name.clone());
        let mut segment = String::from_utf8(name.clone()).unwrap();
        if earlier > 0 {
            write!(segment, "[{}]", earlier + 1).unwrap();
        }
        let (skip, first) = if name == b"MSH" { (2, 3) } else { (1, 1) };
        for (field, (start, end)) in (first..).zip(spans(input, start, end, separator).into_iter().skip(skip))
        {
            for (r, (start, end)) in (1..).zip(spans(input, start, end, repetition)) {
                for (c, (start, end)) in (1..).zip(spans(input, start, end, component)) {
                    for (s, (start, end)) in (1..).zip(spans(input, start, end, subcomponent)) {
                        if !input[start..end].trim_ascii().is_empty() {
                            let repeated = if r > 1 { format!("[{r}]") } else { String::new() };
                            let sub = if s > 1 { format!(".{s}") } else { String::new() };
                            leaves.push(Leaf {
                                start,
                                end,
                                place: format!("{segment}-{field}{repeated}.{c}{sub}"),
                            });
                        }
                    }
                }
            }
        }
    }
    leaves
}

fn spans(input: &[u8], start: usize, end: usize, by: u8) -> Vec<(usize, usize)> {
    let mut spans = Vec::new();
    let mut from = start;
    for (at, byte) in (start..).zip(&input[start..end]) {
        if *byte == by {
            spans.push((from, at));
            from = at + 1;
        }
    }
    spans.push((from, end));
    spans
}

fn listed(losses: &[Loss], place: &str) -> bool {
    losses.iter().any(|loss| {
        place == loss.place || place.strip_prefix(&loss.place).is_some_and(|rest| rest.starts_with('.'))
    })
}

/// A Bundle without what says where it comes from: that holds a digest of the whole message, so any change shows in it.
#[expect(
    clippy::disallowed_methods,
    reason = "a test looks at what was written, strictness is fhir::json's matter"
)]
fn told(bundle: &[u8]) -> serde_json::Value {
    let mut bundle: serde_json::Value = serde_json::from_slice(bundle).unwrap();
    let entries = bundle["entry"].as_array_mut().unwrap();
    entries.retain(|entry| entry["resource"]["resourceType"] != "Provenance");
    bundle
}

/// Takes each value out, and changes it in two ways: the Bundle or the losses must show each change, or the losses name its place.
/// What is taken out may say what is understood without it (a status that follows from the event, a name of a code).
pub(crate) fn check_that_nothing_disappears(input: &[u8]) {
    let Ok(whole) = hl7v2::translate(input, &hospital()) else { return };
    let said = told(&whole.bundle);
    for leaf in leaves(input) {
        let value = &input[leaf.start..leaf.end];
        let shows = |other: &[u8]| {
            let altered = [&input[..leaf.start], other, &input[leaf.end..]].concat();
            hl7v2::translate(&altered, &hospital())
                .map_or(true, |other| other.losses != whole.losses || told(&other.bundle) != said)
        };
        let longer = [value, b"9x"].concat();
        let other = otherwise(value);
        let carried = shows(&longer) && (other == value || shows(&other));
        assert!(carried || listed(&whole.losses, &leaf.place), "{} disappears without a loss", leaf.place);
    }
}

/// As many other letters and digits.
pub(crate) fn otherwise(value: &[u8]) -> Vec<u8> {
    let other = |byte: &u8| match byte {
        b'0'..=b'8' | b'a'..=b'y' | b'A'..=b'Y' => byte + 1,
        b'9' => b'1',
        b'z' => b'a',
        b'Z' => b'A',
        sign => *sign,
    };
    value.iter().map(other).collect()
}

#[test]
fn in_every_case_each_value_is_carried_or_listed_as_a_loss() {
    for (_, input) in inputs() {
        assert!(leaves(&input).len() > 10);
        check_that_nothing_disappears(&input);
    }
}

#[test]
fn the_same_message_has_the_same_output_and_another_control_id_has_other_ids() {
    for (_, input) in inputs() {
        let once = hl7v2::translate(&input, &hospital()).unwrap();
        let again = hl7v2::translate(&input, &hospital()).unwrap();
        assert_eq!(once.bundle, again.bundle);
        let other = String::from_utf8_lossy(&input).replacen("NHT", "XHT", 1).into_bytes();
        if let Ok(other) = hl7v2::translate(&other, &hospital()) {
            assert_ne!(once.bundle, other.bundle);
        }
    }
}

/// Values that make the maps do something, and some that make them stumble.
fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        Just("\"\"".to_owned()),
        prop::sample::select(vec![
            "9990000018^^^NHS^NH",
            "9990000018^^^NHS&2.16.840.1.113883.2.1.4.1&ISO^HN",
            "77^^^THEM&2.16.840.1.9&ISO^MR",
            "20260304",
            "202603041200",
            "20260304120000.5+0100",
            "2026",
            "19420230",
            "M",
            "F",
            "Y",
            "N",
            "I",
            "E",
            "1",
            "19",
            "21",
            "DS^Discharge summary^HL70270",
            "373942005^Discharge summary^SNM3^DS^Summary^L",
            "R",
            "AU",
            "AV",
            "TX",
            "ED",
            "A03",
            "01",
            "C1^Hughes^Sian^^^Dr^^^GMC",
            "NM",
            "SN",
            "CE",
            "FT",
            "<^5",
            "1-5",
            ">7.5",
            "mg^milligram^UCUM",
            "H~L",
            "F",
            "C",
            "RP",
            "NW",
            "CM",
            "CP",
            "DA",
            "SV",
            "15",
            "min",
            "^^15^20260304090000^20260304091500",
            "Booked",
            "W7^Bay 2^4^RX1^^^Main^3",
            "Fenwick&de&la^Ann^M^Jr^Mrs^BSc^L",
            "Flat 2&Row&14^Quay^Town^^NE1 1AA^GBR^H",
            "^PRN^Internet^a@example.org",
            "0191 496 0101^PRN^PH",
            "^WPN^PH^^44^191^4960101^12",
            "^application^pdf^Base64^AAEC",
            "two words",
            "a\\T\\b",
            "\\.br\\",
            "x~y",
            "a&b^c~d",
        ])
        .prop_map(str::to_owned),
        "[A-Za-z0-9 &^~\\\\]{1,12}",
    ]
}

pub(crate) fn segment(name: &'static str) -> impl Strategy<Value = String> {
    prop::collection::vec(value(), 0..46).prop_map(move |fields| format!("{name}|{}", fields.join("|")))
}

fn message() -> impl Strategy<Value = Vec<u8>> {
    let header = |kind: &str| format!("MSH|^~\\&|PAS|RX1|GATE|E1|20260304161500||{kind}|M1|P|2.5");
    let adt =
        (segment("PID"), segment("PV1"), segment("PD1"), segment("NK1"), segment("EVN"), segment("ROL"))
            .prop_map(move |parts| {
                [header("ADT^A03"), parts.0, parts.1, parts.2, parts.3.clone(), parts.3, parts.4, parts.5]
                    .join("\r")
                    .into_bytes()
            });
    let mdm = (segment("PID"), segment("TXA"), prop::collection::vec(segment("OBX"), 0..5), segment("PV1"))
        .prop_map(move |parts| {
            [header("MDM^T02"), parts.0, parts.3, parts.1, parts.2.join("\r")].join("\r").into_bytes()
        });
    prop_oneof![adt, mdm]
}

proptest! {
    // Each case is translated twice for every value it holds.
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn in_any_message_each_value_is_carried_or_listed_as_a_loss(input in message()) {
        check_that_nothing_disappears(&input);
    }

}

proptest! {
    #[test]
    fn no_bytes_make_the_adapter_panic(input in prop::collection::vec(any::<u8>(), 0..400)) {
        drop(hl7v2::translate(&input, &hospital()));
        drop(hl7v2::envelope(&input, &hospital()));
    }

    #[test]
    fn no_text_after_a_header_makes_the_adapter_panic(input in "[\\PC\\r\\n|^~&\\\\]{0,300}", kind in prop::sample::select(TYPES.to_vec())) {
        let input = format!("MSH|^~\\&|A|B|C|D|20260304||{kind}|1|P|2.5\rPID|{input}").into_bytes();
        if let Ok(translated) = hl7v2::translate(&input, &hospital()) {
            assert!(fhir::json::parse(translated.bundle.into(), &fhir::json::Limits::default()).is_ok());
        }
    }
}

#[track_caller]
fn refused(input: &[u8], expected: &Refused) {
    assert_eq!(hl7v2::translate(input, &hospital()).unwrap_err(), *expected);
}

#[test]
fn what_cannot_be_translated_is_refused_with_its_reason() {
    let unknown = |name: &str| Refused::UnknownType { name: name.to_owned() };
    refused(b"", &Refused::NoHeader);
    refused(b"FHS|^~\\&|", &Refused::NoHeader);
    refused(b"MSH|^^\\&|A", &Refused::Delimiters);
    refused(b"MSHA^~\\&AA", &Refused::Delimiters);
    refused(b"MSH|^~\\&|A|B|C|D|2026|||1|P|2.5", &Refused::NoType);
    refused(b"MSH|^~\\&|A|B|C|D|2026||ADT^A99|1|P|2.5", &unknown("ADT^A99"));
    refused(b"MSH|^~\\&|A|B|C|D|2026||<b>^x\\T\\y|1|P|2.5", &unknown("B^XY"));
    refused(b"MSH|^~\\&|A|B|C|D|2026||ADT^A03||P|2.5\rPID|", &Refused::NoControlId);
    refused(b"MSH|^~\\&|A|B|C|D|2026||ADT^A03|1|P|2.5\rPV1|", &Refused::Missing { segment: "PID" });
    refused(
        b"MSH|^~\\&|A|B|C|D|2026||ADT^A03|1|P|2.5\rPID|1\rPID|2",
        &Refused::MoreThanOne { segment: "PID" },
    );
    refused(b"MSH|^~\\&|A|B|C|D|2026||MDM^T02|1|P|2.5\rPID|1\rTXA|1", &Refused::NoTime);
    refused(b"MSH|^~\\&|A|B|C|D|2026||ADT^A03|1|P|2.5\rnot a segment", &Refused::NotASegment { line: 2 });
}

#[test]
fn hostile_sizes_end_at_a_bound() {
    let header = b"MSH|^~\\&|A|B|C|D|20260304||ADT^A03|1|P|2.5\rPID|".to_vec();
    for filler in [&b"|x"[..], b"~x", b"^x", b"&x", b"\rZZZ|x"] {
        let input = [header.clone(), filler.repeat(400_000)].concat();
        assert!(
            matches!(hl7v2::translate(&input, &hospital()), Err(Refused::TooLarge { .. })),
            "{}",
            String::from_utf8_lossy(filler)
        );
    }
    let people: String = (0..60_000).map(|id| format!("{id}^X~")).collect();
    refused(
        &[&header[..], b"\rPV1|||||||", people.as_bytes()].concat(),
        &Refused::TooLarge { max: 20_000, unit: "resources" },
    );
    let small = hospital().with_bytes_max(100);
    assert!(matches!(
        hl7v2::translate(&[b'x'; 101], &small),
        Err(Refused::TooLarge { max: 100, unit: "bytes" })
    ));
}

#[test]
fn as_much_as_the_bounds_allow_is_translated_without_a_standstill() {
    let header = "MSH|^~\\&|A|B|C|D|20260304||ADT^A03|1|P|2.5\rPID|1||";
    let results = "MSH|^~\\&|A|B|C|D|20260304||ORU^R01|1|P|2.5\rPID|1||1^^^X\rOBR|1\r";
    let letters = "MSH|^~\\&|A|B|C|D|202603041200||MDM^T02|1|P|2.5\rPID|1\rTXA|1\r";
    for (name, input) in [
        ("identifiers that are wrong", format!("{header}{}", "1^^^NHS^NH~".repeat(60_000))),
        ("components", format!("{header}|{}", "x^".repeat(65_000))),
        ("subcomponents", format!("{header}|{}", "x&".repeat(65_000))),
        ("names", format!("{header}|{}", "A^B~".repeat(65_000))),
        ("escapes", format!("{header}|{}", "\\Zx\\~".repeat(65_000))),
        (
            "identifiers that differ",
            format!("{header}{}", (0..60_000).map(|id| format!("{id}^^^X~")).collect::<String>()),
        ),
        (
            "results of many orders",
            format!(
                "{results}{}",
                (0..3_000)
                    .map(|id| format!("OBR|1||{id}|A^B\rOBX|1|NM|{id}^C||1|mm\rSPM|1|{id}\r"))
                    .collect::<String>()
            ),
        ),
        (
            "lines of one result",
            format!("{results}OBR|1\r{}", "OBX|1|TX|A^B||some text that goes on\r".repeat(9_000)),
        ),
        ("notes", format!("{results}OBR|1\r{}", "NTE|1|L|a~b~c\r".repeat(9_000))),
        ("people", format!("{results}{}", "PID|1||7^^^X\rOBR|1\r".repeat(4_900))),
        (
            "practitioners",
            format!("{header}\rPV1|||||||{}", (0..19_000).map(|id| format!("{id}^X~")).collect::<String>()),
        ),
        ("segments", format!("{header}\r{}", "ROL|1|AD|PP|7^X\r".repeat(9_000))),
        ("contacts", format!("{header}\r{}", "NK1|1|A^B|CHD|C^D|1~2~3|4|N|x|y\r".repeat(9_000))),
        ("unknown segments", format!("{header}\r{}", "ZZZ|a|b|c|d|e|f|g|h|i\r".repeat(9_000))),
        ("lines of text", format!("{letters}{}", "OBX|1|TX|A^B||some text||||||F\r".repeat(9_000))),
        (
            "parts of a document",
            format!(
                "{letters}{}",
                (0..9_000).map(|id| format!("OBX|1|TX|{id}^B||text||||||F\r")).collect::<String>()
            ),
        ),
    ] {
        assert!(hl7v2::translate(input.as_bytes(), &hospital()).is_ok(), "{name}");
    }
}

#[test]
fn an_unknown_organisation_is_left_out_and_not_invented() {
    let context = Context::new("file", None, "Europe/London").unwrap();
    for (_, input) in inputs() {
        let translated = hl7v2::translate(&input, &context).unwrap();
        assert!(
            !String::from_utf8(translated.bundle)
                .unwrap()
                .contains("ods-organization-code\",\"value\":\"RX1")
        );
    }
}

#[test]
fn the_envelope_tells_how_to_answer_and_whom_it_is_about() {
    let (_, input) =
        inputs().into_iter().find(|(folder, _)| folder.ends_with("mdm-t02-letter-text")).unwrap();
    let envelope = hl7v2::envelope(&input, &hospital()).unwrap();
    assert_eq!(
        (envelope.code.as_str(), envelope.trigger.as_str(), envelope.control_id.as_str()),
        ("MDM", "T02", "NHT0002")
    );
    assert_eq!(envelope.accept, Some(hl7v2::AckWhen::Always));
    assert_eq!(envelope.persons[0].system.as_deref(), Some("https://fhir.nhs.uk/Id/nhs-number"));
    assert_eq!(envelope.visit.unwrap().value, "V998877");
    assert_eq!(envelope.recipients[0].family.as_deref(), Some("Larsen"));
    assert_eq!(envelope.sender.facility, "RX1");
}
