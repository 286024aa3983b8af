//! `portcullis check` and `portcullis register`: what a guardian and the public read.

use clap::Parser;
use gateway::commands::{Exit, check, register};

use crate::golden;
use crate::site::{Site, TODAY};

const DISCHARGE: &str = "agreements/discharge-to-adult-social-care.toml";

#[derive(Debug, Parser)]
enum Command {
    Check(check::CheckArgs),
    Register(register::RegisterArgs),
}

/// Runs a command on a site; what it wrote has the site's folder cut off.
fn run(site: &Site, words: &[&str]) -> (Exit, String, String) {
    let config = site.settings();
    let config = config.to_str().unwrap();
    let words = ["portcullis"].iter().chain(words).copied().chain(["--config", config]);
    let (mut out, mut errors) = (Vec::new(), Vec::new());
    let exit = match Command::parse_from(words) {
        Command::Check(args) => check::run(&args, TODAY, &mut out, &mut errors),
        Command::Register(args) => register::run(&args, TODAY, &mut out, &mut errors),
    };
    let root = format!("{}/", site.path("").display().to_string().trim_end_matches('/'));
    let text = |bytes| String::from_utf8(bytes).unwrap().replace(&root, "");
    (exit, text(out), text(errors))
}

/// The fields of each line of a text that follows RFC 4180.
fn csv_fields(text: &str) -> Vec<Vec<String>> {
    let mut lines = vec![vec![String::new()]];
    let mut quoted = false;
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        let line = lines.last_mut().unwrap();
        match (letter, quoted) {
            ('"', true) if letters.peek() == Some(&'"') => {
                letters.next();
                line.last_mut().unwrap().push('"');
            }
            ('"', _) => quoted = !quoted,
            (',', false) => line.push(String::new()),
            ('\r', false) => assert_eq!(letters.next(), Some('\n')),
            (other, true) => line.last_mut().unwrap().push(other),
            (other, false) => panic!("{other:?} outside of quotes"),
        }
        if letter == '\r' && !quoted {
            lines.push(vec![String::new()]);
        }
    }
    assert!(!quoted);
    lines.pop();
    lines
}

#[test]
fn check_tells_a_guardian_what_each_agreement_shares() {
    let (exit, out, errors) = run(&Site::example(), &["check"]);
    assert_eq!((exit, errors.as_str()), (Exit::Held, ""));
    golden::check("commands/check.txt", &out);
}

#[test]
fn check_tells_programs_the_same() {
    let site = Site::example();
    site.edit(DISCHARGE, "review_by = 2035-01-31", "review_by = 2026-05-01");
    let (exit, out, errors) = run(&site, &["check", "--format", "json"]);
    assert_eq!((exit, errors.as_str()), (Exit::Held, ""));
    let report = fhir::json::parse_value(out.clone().into(), &fhir::json::Limits::default()).unwrap();
    assert_eq!(report["holds"], true);
    assert_eq!(report["problems"][0]["gravity"], "warning");
    assert_eq!(report["problems"][0]["path"], "review_by");
    assert_eq!(report["agreements"][1]["recipients"][0]["sees"][0]["modifiers"][0]["code"], "active");
    golden::check("commands/check.json", &out);
}

#[test]
fn check_ends_with_64_and_every_fault_when_the_gateway_would_not_start() {
    let site = Site::example();
    site.edit(DISCHARGE, "existence = \"open\"", "existence = \"shut\"");
    site.edit(DISCHARGE, "in_force = { from = 2025-04-01", "in_force = { from = 2035-04-01");
    let (exit, out, errors) = run(&site, &["check"]);
    assert_eq!((exit.code(), out.as_str()), (64, ""));
    golden::check("commands/check-faults.txt", &errors);
    let (exit, out, _) = run(&site, &["check", "--format", "json"]);
    assert_eq!(exit.code(), 64);
    assert!(out.contains("\"holds\": false") && out.contains("\"agreements\": []"), "{out}");
    let (exit, out, errors) = run(&site, &["register"]);
    assert_eq!((exit.code(), out.as_str()), (64, ""));
    assert_eq!(errors.lines().count(), 2);
}

#[test]
fn check_tells_the_lists_of_the_site_and_what_it_takes_out_of_them() {
    let site = Site::example();
    let list = "name = \"local\"\ntitle = \"Codes of our own\"\n[[entry]]\nname = \"crisis-house\"\nwhy = \"a stay there\"\nlabels = [\"PSY\"]\n[entry.codes]\n\"https://hospital.example/wards\" = [\"W7\"]\n";
    site.write("codes.toml", list);
    site.append("portcullis.toml", "[[sensitive_codes]]\nfile = \"codes.toml\"\n[[not_sensitive]]\nsystem = \"http://loinc.org\"\ncode = \"44261-6\"\nreason = \"asked of everybody\"\n");
    let (exit, out, errors) = run(&site, &["check"]);
    assert_eq!((exit, errors.as_str()), (Exit::Held, ""));
    assert!(out.contains("Codes of our own (1 codes, codes.toml)"), "{out}");
    assert!(out.contains("local/crisis-house  PSY, R: a stay there"), "{out}");
    assert!(out.contains("taken out: http://loinc.org|44261-6: asked of everybody"), "{out}");
    let (_, out, _) = run(&site, &["check", "--format", "json"]);
    let report = fhir::json::parse_value(out.into(), &fhir::json::Limits::default()).unwrap();
    assert_eq!(report["sensitive_codes"][1]["entries"][0]["name"], "local/crisis-house");
    assert_eq!(report["not_sensitive"][0]["reason"], "asked of everybody");
    site.write("codes.toml", &list.replace("PSY", "PSI"));
    site.edit("portcullis.toml", "asked of everybody", "no");
    let (exit, _, errors) = run(&site, &["check"]);
    assert_eq!(exit.code(), 64);
    assert!(
        errors.contains("codes.toml:6: entry[0].labels[0]: ") && errors.contains("reason: say why"),
        "{errors}"
    );
    assert!(errors.ends_with("2 faults: the gateway would not start\n"), "{errors}");
}

#[test]
fn a_key_of_another_certificate_is_found_before_the_gateway_starts() {
    let site = Site::example();
    let other = rcgen::KeyPair::generate().unwrap();
    site.write("tls/gateway.key", &other.serialize_pem());
    let (exit, _, errors) = run(&site, &["check"]);
    assert_eq!(exit, Exit::Settings, "{errors}");
    assert!(errors.contains("[listen] tls: certificate and key cannot be used together"), "{errors}");
    assert!(
        errors.contains("[[mllp]] 0.0.0.0:2575: certificate and key cannot be used together"),
        "{errors}"
    );
    assert!(errors.ends_with("2 faults: the gateway would not start\n"), "{errors}");
}

#[test]
fn agreements_can_be_read_away_from_the_keys() {
    let site = Site::example();
    std::fs::remove_file(site.path("tls/gateway.key")).unwrap();
    let (exit, out, errors) = run(&site, &["check"]);
    assert_eq!(exit, Exit::Settings);
    assert!(errors.ends_with("2 faults: the gateway would not start\n"), "{errors}");
    assert!(
        out.contains("Hospital discharge to adult social care") && !out.contains("The settings hold"),
        "{out}"
    );
}

#[test]
fn the_register_reads_the_same_in_every_format() {
    let site = Site::example();
    for format in ["html", "json", "csv"] {
        let (exit, out, errors) = run(&site, &["register", "--format", format]);
        assert_eq!((exit, errors.as_str()), (Exit::Held, ""));
        golden::check(&format!("commands/register.{format}"), &out);
    }
}

#[test]
fn the_register_publishes_what_is_over_or_suspended_but_no_draft() {
    let site = Site::example();
    site.edit(DISCHARGE, "status = \"in-force\"", "status = \"draft\"");
    let (_, html, _) = run(&site, &["register"]);
    assert!(
        !html.contains("adult social care</h2>") && !html.contains("discharge-to-adult-social-care"),
        "{html}"
    );
    site.edit(DISCHARGE, "status = \"draft\"", "status = \"suspended\"");
    let (_, html, _) = run(&site, &["register"]);
    assert!(html.contains("<h2 id=\"other\">Not shared today</h2>"), "{html}");
    assert!(html.contains("<th scope=\"row\">Hospital discharge to adult social care</th>"), "{html}");
}

#[test]
fn an_agreement_leaves_the_register_of_today_with_its_last_day() {
    let settings = Site::example().load().unwrap().settings;
    let last = jiff::civil::date(2035, 3, 31);
    let ids = |day| {
        let register = gateway::register::Register::of(&settings, day);
        (register.current.len(), register.other.len())
    };
    assert_eq!(ids(last), (2, 0));
    assert_eq!(ids(last.tomorrow().unwrap()), (0, 2));
    assert!(
        gateway::register::html(&settings, last.tomorrow().unwrap()).contains("Nothing is shared today.")
    );
}

#[test]
fn words_of_an_agreement_stay_words_on_the_page_and_in_a_spreadsheet() {
    let site = Site::example();
    site.edit(
        DISCHARGE,
        "title = \"Hospital discharge to adult social care\"",
        "title = \"=HYPERLINK(\\\"x\\\")<script>\"",
    );
    site.edit(DISCHARGE, "identifier = \"to be sure", "identifier = \"@SUM(1), \\\"to\\\" <b>be sure");
    let (_, html, _) = run(&site, &["register"]);
    assert!(!html.contains("<script>") && !html.contains("<b>be"), "{html}");
    let (_, csv, _) = run(&site, &["register", "--format", "csv"]);
    let lines = csv_fields(&csv);
    assert!(lines.len() > 50);
    assert!(lines.iter().all(|line| line.len() == lines[0].len()));
    let fields: Vec<&str> = lines.iter().flatten().map(String::as_str).collect();
    assert!(fields.contains(&"'=HYPERLINK(\"x\")<script>"));
    assert!(fields.contains(&"'@SUM(1), \"to\" <b>be sure it is the right person"));
    assert!(fields.iter().all(|field| !field.starts_with(['=', '+', '-', '@'])));
}
