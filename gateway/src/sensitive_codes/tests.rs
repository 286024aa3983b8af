use std::path::Path;

use fhir::security_label::Sensitivity;
use jiff::civil::Date;

use super::check::{Off, load, shipped};
use super::*;
use crate::settings::material::Site;
use crate::settings::problem::{Notebook, Place};
use crate::settings::written::Written;

const SCT: &str = "http://snomed.info/sct";
const ICD: &str = "http://hl7.org/fhir/sid/icd-10";
const LOCAL: &str = r#"
name = "local"
title = "Codes of our own"
[[entry]]
name = "crisis-house"
why = "our own code of the crisis house"
labels = ["PSY"]
[entry.codes]
"https://hospital.example/wards" = ["W7", "CRISIS-1", "MH*"]
[[entry]]
name = "ordinary"
why = "labelled with a degree of our own"
labels = ["LIVARG", "N"]
[entry.codes]
"http://snomed.info/sct" = ["160734000"]
"#;

fn names(codes: &SensitiveCodes, system: Option<&str>, code: &str) -> Vec<String> {
    let mut names = Vec::new();
    codes.earned(system, code, &mut |entry| names.push(entry.name.clone()));
    names
}

fn written(text: &str) -> Written<String> {
    Written { value: text.to_owned(), place: Place::whole().key("x", Some(3)) }
}

/// The lists of a site with this file and without these codes, and every problem.
fn site(list: Option<&str>, off: &[(&str, &str, &str)]) -> (SensitiveCodes, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let file = written("list.toml");
    if let Some(list) = list {
        std::fs::write(folder.path().join("list.toml"), list).unwrap();
    }
    let notes = Notebook::new(Path::new("portcullis.toml"), "");
    let today = Date::constant(2026, 6, 1);
    let off: Vec<[Written<String>; 3]> =
        off.iter().map(|(system, code, reason)| [written(system), written(code), written(reason)]).collect();
    let off: Vec<Off<'_>> = off.iter().map(|[system, code, reason]| Off { system, code, reason }).collect();
    let files: Vec<&Written<String>> = list.iter().map(|_| &file).collect();
    let (codes, problems) = load(
        &Site { notes: &notes, folder: folder.path(), today, named: std::cell::RefCell::default() },
        &files,
        &off,
    );
    let problems = problems.into_iter().chain(notes.into_problems());
    (codes, problems.map(|problem| problem.to_string()).collect())
}

/// Each code of the lists, and what is longer than a beginning of one, written in every way that is one for them.
#[test]
fn a_glance_passes_over_no_code_that_earns_something() {
    let (codes, problems) = site(Some(LOCAL), &[]);
    assert_eq!(problems, [""; 0]);
    let beginnings = codes.beginnings.values().flat_map(HashMap::keys);
    let known: Vec<String> = codes
        .exact
        .keys()
        .map(|code| code.to_string())
        .chain(beginnings.flat_map(|code| [code.to_string(), format!("{code}.9"), format!("{code}X")]))
        .collect();
    assert!(known.len() > 100, "{}", known.len());
    for code in &known {
        let mut dotted = code.clone();
        dotted.insert(1, '.');
        for written in [
            code.clone(),
            code.to_ascii_lowercase(),
            dotted,
            format!(" {code}\u{a0}"),
            format!("\t{code}"),
            format!("{code}:363698007=1"),
            format!("1+{code}"),
        ] {
            assert!(codes.may_know(written.as_bytes()), "{written}");
        }
    }
    let ordinary =
        ["85354-9", "8480-6", "vital-signs", "mm[Hg]", "kg", "H", "final", "1010101", "laboratory"];
    let passed = ordinary.iter().filter(|code| !codes.may_know(code.as_bytes())).count();
    assert!(passed >= 7, "of what is on no list most is passed over: {passed}");
}

#[test]
fn before_lists_are_settled_nothing_is_passed_over() {
    let mut codes = SensitiveCodes::shipped();
    let entry = Arc::new(SensitiveEntry::new("late/late".into(), "late".into(), Vec::new()));
    codes.add("https://hospital.example/late", "LATE-1", &entry);
    assert!(codes.may_know(b"LATE-1") && codes.may_know(b"final"));
    codes.settle();
    assert!(codes.may_know(b"LATE-1") && codes.may_know(b"late-1."));
}

#[test]
fn the_shipped_list_has_no_fault_and_labels_by_categories() {
    let (codes, problems) = shipped();
    assert!(problems.is_empty(), "{problems:?}");
    let [list] = codes.lists() else { panic!("{:?}", codes.lists()) };
    assert!(list.codes > 150, "{}", list.codes);
    for entry in &list.entries {
        assert!(entry.labels.iter().any(|label| label.sensitivity().is_some()), "{}", entry.name);
        assert!(entry.labels.contains(&Confidentiality::Restricted.into()), "{}", entry.name);
    }
}

#[test]
fn a_code_is_found_under_every_name_of_its_system_and_however_it_is_spelt() {
    let codes = SensitiveCodes::shipped();
    let rows = [
        (SCT, "13746004", "mental-illness"),
        (" http://snomed.info/sct ", " 13746004 ", "mental-illness"),
        ("http://snomed.info/sct|http://snomed.info/sct/83821000000107", "13746004", "mental-illness"),
        ("http://snomed.info/sct/83821000000107/version/20230412", "13746004", "mental-illness"),
        ("HTTPS://SNOMED.info/sct/", "13746004", "mental-illness"),
        ("urn:oid:2.16.840.1.113883.6.96", "13746004", "mental-illness"),
        ("2.16.840.1.113883.6.96", "13746004", "mental-illness"),
        ("https://dmd.nhs.uk", "776556004", "mental-health-medicine"),
        (SCT, "13746004 |Bipolar disorder|", "mental-illness"),
        (SCT, "243796009:246090004=13746004,408731000=410512000", "mental-illness"),
        ("http://loinc.org", "44261-6", "mental-health-assessment"),
        ("urn:oid:2.16.840.1.113883.6.1", "44261-6", "mental-health-assessment"),
        (ICD, "F20", "mental-illness"),
        (ICD, "F20.0", "mental-illness"),
        (ICD, "f200", "mental-illness"),
        ("http://hl7.org/fhir/sid/icd-10-cm", "F31.81", "mental-illness"),
        ("http://hl7.org/fhir/sid/icd-10-uk", "F10.2", "alcohol-use"),
        ("http://www.whocc.no/atc", "N05AN01", "mental-health-medicine"),
        ("https://fhir.hl7.org.uk/CodeSystem/UKCore-PracticeSettingCode", "711", "mental-health-service"),
        ("", "13746004", "mental-illness"),
        (SCT, "747751000000101", "mental-health-section"),
    ];
    for (system, code, entry) in rows {
        let found = names(&codes, Some(system), code);
        assert!(found.contains(&format!("portcullis/{entry}")), "{system}|{code}: {found:?}");
    }
}

#[test]
fn what_no_list_knows_earns_nothing() {
    let codes = SensitiveCodes::shipped();
    let rows = [
        (Some(SCT), "195967001"),
        (Some(SCT), "1374600"),
        (Some(SCT), "137460041"),
        (Some("https://hospital.example/wards"), "13746004"),
        (Some(ICD), "F17.2"),
        (Some(ICD), "F"),
        (Some(ICD), ""),
        (Some(ICD), "G20"),
        // Too short to tell anything without a system.
        (None, "711"),
        (None, "G3"),
        (None, "2626"),
    ];
    for (system, code) in rows {
        assert_eq!(names(&codes, system, code), [""; 0], "{system:?}|{code}");
    }
}

#[test]
fn a_code_without_a_system_is_read_as_one_of_the_great_systems_or_when_it_is_long() {
    let (codes, problems) = site(Some(LOCAL), &[]);
    assert!(problems.is_empty(), "{problems:?}");
    assert_eq!(names(&codes, None, "F20.1"), ["portcullis/mental-illness"]);
    assert_eq!(names(&codes, None, "42351"), ["portcullis/mental-health-medicine"]);
    assert_eq!(names(&codes, None, "crisis-1"), ["local/crisis-house"]);
    assert_eq!(names(&codes, None, "W7"), [""; 0]);
    assert_eq!(names(&codes, Some("https://hospital.example/wards"), "w7"), ["local/crisis-house"]);
    assert_eq!(names(&codes, Some("https://hospital.example/wards"), "mh-12"), ["local/crisis-house"]);
}

#[test]
fn a_category_comes_with_restricted_unless_the_list_states_a_degree() {
    let (codes, _) = site(Some(LOCAL), &[]);
    let [_, local] = codes.lists() else { panic!() };
    let labels = |at: usize| local.entries[at].labels.iter().map(SecurityLabel::code).collect::<Vec<_>>();
    assert_eq!(labels(0), ["PSY", "R"]);
    assert_eq!(labels(1), ["LIVARG", "N"]);
}

#[test]
fn a_single_code_can_be_taken_out_and_nothing_more() {
    let reason = "coded for every visitor of the clinic";
    let (codes, problems) = site(None, &[(SCT, "35489007", reason), (ICD, "F41.9", reason)]);
    assert!(problems.is_empty(), "{problems:?}");
    assert_eq!(names(&codes, Some("urn:oid:2.16.840.1.113883.6.96"), "35489007"), [""; 0]);
    assert_eq!(names(&codes, None, "35489007"), [""; 0]);
    assert_eq!(names(&codes, Some(ICD), "f419"), [""; 0]);
    assert_eq!(names(&codes, Some(ICD), "F41.1"), ["portcullis/mental-illness"]);
    assert_eq!(names(&codes, Some(SCT), "13746004"), ["portcullis/mental-illness"]);
    assert_eq!(codes.switched_off().len(), 2);
    let refused = [
        ((ICD, "F4*", reason), "single codes only"),
        ((SCT, "195967001", reason), "no list knows this code"),
        ((SCT, "13746004", "because"), "say why, in at least ten characters"),
    ];
    for (off, wanted) in refused {
        let (_, problems) = site(None, &[off]);
        assert!(problems.iter().any(|problem| problem.contains(wanted)), "{off:?}: {problems:?}");
    }
    let (_, problems) = site(None, &[(SCT, "13746004", reason), ("sct", "13746004", reason)]);
    assert!(problems.iter().any(|problem| problem.contains("taken out twice")), "{problems:?}");
}

#[test]
fn every_fault_of_a_list_is_told_at_once_with_file_and_line() {
    let faulty = r#"name = "Not Slug"
title = ""
colour = "red"
[[entry]]
name = "one"
why = ""
labels = ["PSI"]
[entry.codes]
"http://snomed.info/sct" = ["1 3", "F*", "", "13746004", "13746004"]
"" = ["1"]
[[entry]]
name = "one"
why = "twice"
labels = []
[entry.codes]
"#;
    let (_, problems) = site(Some(faulty), &[]);
    let wanted = [
        (1, "a name is lower-case letters"),
        (2, "the title is empty"),
        (3, "this key is unknown"),
        (6, "say what these codes tell"),
        (7, "a bare label is a sensitivity code"),
        (9, "a code is letters, digits"),
        (9, "before the star at least two"),
        (9, "a code is wanted here"),
        (9, "stands in the entry twice"),
        (10, "name the code system"),
        (12, "another entry of this list has this name"),
        (12, "an entry without labels"),
        (12, "an entry without codes"),
    ];
    for (line, text) in wanted {
        let at = format!("list.toml:{line}: ");
        assert!(
            problems.iter().any(|problem| problem.contains(&at) && problem.contains(text)),
            "{line} {text}: {problems:#?}"
        );
    }
}

#[test]
fn lists_that_records_could_not_tell_apart_are_refused() {
    let (_, problems) = site(Some(&LOCAL.replace("\"local\"", "\"portcullis\"")), &[]);
    assert!(problems.iter().any(|problem| problem.contains("another list has this name")), "{problems:?}");
    let (_, problems) = site(Some("not toml ["), &[]);
    assert!(problems.iter().any(|problem| problem.contains("this is not TOML")), "{problems:?}");
}

#[test]
fn a_file_that_is_not_there_or_is_named_twice_is_a_fault_of_the_settings() {
    let notes = Notebook::new(Path::new("portcullis.toml"), "");
    let (missing, again) = (written("missing.toml"), written("missing.toml"));
    let here = Site {
        notes: &notes,
        folder: Path::new("/nowhere"),
        today: Date::constant(2026, 6, 1),
        named: std::cell::RefCell::default(),
    };
    let (codes, _) = load(&here, &[&missing, &again], &[]);
    let problems: Vec<String> = notes.into_problems().iter().map(ToString::to_string).collect();
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert!(problems.iter().all(|problem| problem.starts_with("portcullis.toml:3: x: ")), "{problems:?}");
    assert_eq!(codes.lists().len(), 1, "the shipped list is loaded whatever happens");
}

#[test]
fn every_category_may_be_given_by_a_list() {
    for sensitivity in Sensitivity::all() {
        let list = LOCAL.replace("\"PSY\"", &format!("\"{}\"", sensitivity.code()));
        let (_, problems) = site(Some(&list), &[]);
        assert!(problems.is_empty(), "{sensitivity:?}: {problems:?}");
    }
}
