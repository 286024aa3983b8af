//! What others may send to be written as CDA: texts that look like markup, control characters, crowds, circles; and that
//! nothing disappears without a loss, and nothing comes from elsewhere.

use std::collections::BTreeSet;

use adapters::Severity;
use adapters::cda::out::{Flavour, Profile, Unwritten, write};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::cda_out::{case, ccda, itk, lost, resource, sent, text};
use crate::cda_shape::faults;

const NASTY: [&str; 9] = [
    "]]>",
    "<script>alert(1)</script>",
    "\u{0}\u{1}\u{b}\u{fffe}",
    "&amp;&lt;&#60;",
    "\"'><x y='",
    "<!-- -->",
    "<?php ?>",
    "</text></section>",
    "\r\n\t",
];

/// Every path to a string of `value`.
fn strings(value: &Value, path: String, out: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            members.iter().for_each(|(name, value)| strings(value, format!("{path}/{name}"), out))
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(at, value)| strings(value, format!("{path}/{at}"), out))
        }
        Value::String(_) => out.push(path),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// That the document is one, of elements that CDA has, whose elements are those of `names`.
fn check(xml: &str, names: &BTreeSet<String>) {
    assert_eq!(faults(xml), Vec::<String>::new());
    let document = roxmltree::Document::parse(xml).unwrap();
    for node in document.descendants().filter(roxmltree::Node::is_element) {
        assert!(names.contains(node.tag_name().name()), "{}", node.tag_name().name());
    }
}

fn names(xml: &str) -> BTreeSet<String> {
    let document = roxmltree::Document::parse(xml).unwrap();
    let elements = document.descendants().filter(roxmltree::Node::is_element);
    let mut names: BTreeSet<String> = elements.map(|node| node.tag_name().name().to_owned()).collect();
    names.extend(
        ["originalText", "translation", "list", "item", "paragraph", "assignedPerson", "name"]
            .map(str::to_owned),
    );
    names
}

#[test]
fn no_text_is_markup_wherever_it_stands() {
    let whole = case("record-c-cda");
    let mut paths = Vec::new();
    strings(&whole, String::new(), &mut paths);
    let mut written = 0;
    for profile in [ccda(), itk()] {
        let known = names(&text(&sent(&whole, &profile).unwrap()));
        for (at, path) in paths.iter().enumerate() {
            if path.ends_with("/div") || path.ends_with("/resourceType") {
                continue;
            }
            let mut bundle = whole.clone();
            if (at + usize::from(profile.flavour() == Flavour::Itk)) % 2 == 0 {
                continue;
            }
            *bundle.pointer_mut(path).unwrap() = json!(format!("a{}b", NASTY[at % NASTY.len()]));
            if let Ok(document) = sent(&bundle, &profile) {
                written += 1;
                check(&text(&document), &known);
            }
        }
    }
    println!("{} texts, {written} documents written", paths.len());
    assert!(written > 150, "{written}");
}

#[test]
fn what_could_run_something_or_is_not_to_be_seen_never_comes_through() {
    for (inside, told) in [
        ("<script>alert(1)</script>x", true),
        ("<a href=\"javascript:alert(1)\">x</a>", true),
        ("<p onclick=\"alert(1)\">x</p>", true),
        ("<img src=\"https://evil.example/alert(1)\"/>x", true),
        ("<iframe src=\"alert(1)\">alert(1)</iframe>x", true),
        ("<p style=\"display: none\">alert(1)</p>x", true),
        ("<svg><a href=\"alert(1)\">alert(1)</a></svg>x", true),
        ("<p id=\"x\">x</p><p id=\"x\">x</p>", true),
    ] {
        for profile in [ccda(), itk()] {
            let mut bundle = case("record-c-cda");
            let div = format!("<div xmlns=\"http://www.w3.org/1999/xhtml\">{inside}</div>");
            resource(&mut bundle, "Composition")["section"][0]["text"]["div"] = json!(div);
            let document = sent(&bundle, &profile).unwrap();
            let xml = text(&document);
            assert!(!xml.contains("alert(1)"), "{inside}");
            assert_eq!(faults(&xml), Vec::<String>::new(), "{inside}");
            assert_eq!(lost(&document).contains("Composition.section[0].text.div"), told, "{inside}");
        }
    }
}

#[test]
fn words_that_are_struck_out_are_said_to_be_or_nothing_is_sent() {
    for (inside, expected) in [
        ("not <del>allergic</del>", Some("not <content revised=\"delete\">allergic</content>")),
        (
            "<p style=\"text-decoration: line-through\">allergic</p>",
            Some("<paragraph><content revised=\"delete\">allergic</content></paragraph>"),
        ),
        ("<a href=\"#x\">not <s>allergic</s></a>", None),
        ("<div><ul><li>a</li></ul><strike>b</strike></div>", Some("<content revised=\"delete\">b</content>")),
        ("<div style=\"text-decoration:line-through\"><p>a</p></div>", None),
    ] {
        let mut bundle = case("record-c-cda");
        let div = format!("<div xmlns=\"http://www.w3.org/1999/xhtml\">{inside}</div>");
        resource(&mut bundle, "Composition")["section"][0]["text"]["div"] = json!(div);
        match (sent(&bundle, &ccda()), expected) {
            (Ok(document), Some(expected)) => assert!(text(&document).contains(expected), "{inside}"),
            (Err(Unwritten::Dangerous { .. }), None) => {}
            (other, _) => panic!("{inside}: {other:?}"),
        }
    }
}

#[test]
fn a_narrative_that_is_none_is_refused_and_any_nesting_is_put_right() {
    let with = |div: &str| {
        let mut bundle = case("record-c-cda");
        resource(&mut bundle, "Composition")["section"][0]["text"]["div"] = json!(div);
        sent(&bundle, &ccda())
    };
    for div in ["", "x", "<div>", "<div/><div/>", "<p>x</p>", "<div>&nothing;</div>", "<!DOCTYPE a><div/>"] {
        assert!(matches!(with(div), Err(Unwritten::Narrative { .. })), "{div}");
    }
    let deep = format!("<div>{}x{}</div>", "<div>".repeat(4000), "</div>".repeat(4000));
    assert!(matches!(with(&deep), Err(Unwritten::Narrative { .. })));
    for inside in [
        "<table><tr><td><table><tr><td>a</td><td>b</td></tr></table></td></tr></table>",
        "<ul><ul><li>a</li></ul>b</ul>",
        "<table><thead><tr><th>a</th></tr></thead></table>",
        "<table></table><ul></ul>",
        "<p><p>a</p><ul><li>b</li></ul></p>",
        "<b><p>a</p><table><tr><td>b</td></tr></table></b>",
        "<li>a</li><td>b</td><tr><td>c</td></tr>",
        "a&nbsp;b&#160;c<br/>",
        "<table><tfoot><tr><td>f</td></tr></tfoot><tbody><tr><td>b</td></tr></tbody><caption>c<p>d</p></caption></table>",
        "<dl><dt>a</dt><dd>b<dl><dt>c</dt></dl></dd></dl>",
        "<h1>a<b>c</b></h1><pre>d\n e</pre><a href=\"#y\"><b>z</b></a>",
        "<sup><b>a</b></sup><unknown>b</unknown><blockquote>c<p>d</p></blockquote>",
        "<tr>a</tr><table>b<tr>c</tr></table>",
    ] {
        let document = with(&format!("<div>{inside}</div>")).unwrap();
        assert_eq!(faults(&text(&document)), Vec::<String>::new(), "{inside}");
    }
}

#[test]
fn crowds_and_circles_end() {
    let mut bundle = case("record-c-cda");
    resource(&mut bundle, "Composition")["section"] =
        json!(vec![json!({"title": "a", "text": {"div": "<div>b</div>"}}); 10_000]);
    let document = sent(&bundle, &ccda()).unwrap();
    assert_eq!(text(&document).matches("<section>").count(), 10_000);

    // A panel of itself, and panels whose members are each other's.
    let mut bundle = case("record-c-cda");
    let url = |kind: &str, at: usize| json!({"reference": format!("{kind}/{at}")});
    let patient = resource(&mut bundle, "Composition")["subject"].clone();
    for at in 0..40 {
        let members: Vec<Value> = (0..40).map(|to| url("Observation", to)).collect();
        let held = json!({"resourceType": "Observation", "id": at.to_string(), "status": "final", "code": {"text": "x"}, "subject": patient, "hasMember": members});
        bundle["entry"].as_array_mut().unwrap().push(json!({"resource": held}));
    }
    resource(&mut bundle, "Composition")["section"][0]["entry"] = json!([url("Observation", 0)]);
    assert!(matches!(sent(&bundle, &ccda()), Err(Unwritten::TooLarge { .. })));
    let only = json!([url("Observation", 0)]);
    for entry in bundle["entry"].as_array_mut().unwrap() {
        if entry["resource"]["hasMember"].as_array().is_some_and(|members| members.len() == 40) {
            entry["resource"]["hasMember"] = only.clone();
        }
    }
    let document = sent(&bundle, &ccda()).unwrap();
    assert!(lost(&document).contains("hasMember"), "{}", lost(&document));

    let mut deep = json!({"title": "x", "text": {"div": "<div>x</div>"}});
    for _ in 0..25 {
        deep = json!({"title": "x", "section": [deep]});
    }
    resource(&mut bundle, "Composition")["section"] = json!([deep]);
    assert_eq!(faults(&text(&sent(&bundle, &ccda()).unwrap())), Vec::<String>::new());
}

/// Every path to an element of a resource.
fn elements(value: &Value, path: String, out: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                let path = format!("{path}/{name}");
                out.push(path.clone());
                elements(value, path, out);
            }
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(at, value)| elements(value, format!("{path}/{at}"), out))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn remove(bundle: &mut Value, path: &str) {
    let (around, name) = path.rsplit_once('/').unwrap();
    bundle.pointer_mut(around).unwrap().as_object_mut().unwrap().remove(name);
}

/// What no document says and no loss tells, for it says nothing, or nothing that where it stands does not say.
fn is_silent(path: &str) -> bool {
    let end = path.rsplit('/').next().unwrap_or_default();
    let technical =
        ["id", "userSelected", "profile", "resourceType"].contains(&end) || path.contains("/meta");
    // What a reader takes for granted; another value changes the document, or refuses it.
    let plain = ["active", "status", "verificationStatus", "use", "mode", "frequency"].contains(&end);
    // By whose document it is, by its section, by the template.
    let by_place = ["subject", "patient", "category", "scope", "policyRule"].contains(&end);
    // Of a code that has one name in CDA; of an identifier whose root tells it; of a section whose entries tell it.
    let by_code = end == "display"
        || path.ends_with("/identifier/0/extension")
        || end == "extension" && path.contains("/section/");
    technical || plain || by_place || by_code
}

/// Where losses say that `path` stands: the resource by its type, and its number where there are more of the type.
fn place(bundle: &Value, path: &str) -> String {
    let mut parts = path.split('/').skip(2);
    let at: usize = parts.next().unwrap().parse().unwrap();
    let kind = |entry: &Value| entry["resource"]["resourceType"].as_str().unwrap().to_owned();
    let entries = bundle["entry"].as_array().unwrap();
    let own = kind(&entries[at]);
    let before = entries[..at].iter().filter(|entry| kind(entry) == own).count();
    let many = entries.iter().filter(|entry| kind(entry) == own).count() > 1;
    let mut place = if many { format!("{own}[{before}]") } else { own };
    for part in parts.skip(1) {
        place.push_str(&if part.parse::<usize>().is_ok() { format!("[{part}]") } else { format!(".{part}") });
    }
    place
}

fn unnoticed(bundle: &Value, profile: &Profile, paths: &[String]) -> Vec<String> {
    let whole = sent(bundle, profile).unwrap();
    let xml = text(&whole);
    // Of an object of which nothing is carried, the whole is lost.
    let is_lost = |path: &String| {
        let place = place(bundle, path);
        whole
            .losses
            .iter()
            .any(|loss| place.strip_prefix(&*loss.place).is_some_and(|rest| rest.starts_with(['.', '['])))
    };
    // What is said twice, or in other words that are still there, is said.
    let is_said = |path: &String| {
        let mut inside = Vec::new();
        strings(bundle.pointer(path).unwrap(), path.clone(), &mut inside);
        let texts = inside.iter().filter(|path| !path.ends_with("/system"));
        let mut texts = texts.filter_map(|path| bundle.pointer(path)?.as_str());
        !inside.is_empty() && texts.all(|text| xml.contains(text))
    };
    let noticed = |path: &String| {
        let mut less = bundle.clone();
        remove(&mut less, path);
        sent(&less, profile)
            .map_or(true, |document| document.xml != whole.xml || document.losses != whole.losses)
    };
    paths.iter().filter(|path| !noticed(path) && !is_lost(path) && !is_said(path)).cloned().collect()
}

#[test]
fn whatever_is_removed_the_document_or_the_losses_change() {
    let mut removed = 0;
    let mut all_missed = Vec::new();
    for (folder, input, profile) in crate::cda_out::cases() {
        let bundle = crate::cda_out::read(&input);
        let mut paths = Vec::new();
        let whole = lost(&write(&input, &profile).unwrap());
        for (at, entry) in bundle["entry"].as_array().unwrap().iter().enumerate() {
            // A resource of which nothing is carried is one loss.
            let kind = entry["resource"]["resourceType"].as_str().unwrap();
            let is_whole_loss =
                whole.lines().any(|line| line.split(['\t', '[']).next() == Some(kind) && !line.contains('.'));
            if !is_whole_loss {
                elements(&entry["resource"], format!("/entry/{at}/resource"), &mut paths);
            }
        }
        paths.retain(|path| !is_silent(path));
        removed += paths.len();
        let missed: Vec<String> = std::thread::scope(|scope| {
            let chunks = paths.chunks(paths.len().div_ceil(2));
            let tried: Vec<_> =
                chunks.map(|chunk| scope.spawn(|| unnoticed(&bundle, &profile, chunk))).collect();
            tried.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        all_missed
            .extend(missed.iter().map(|path| format!("{}: {path}", folder.file_name().unwrap().display())));
    }
    println!("{removed} elements removed, one at a time");
    assert!(all_missed.is_empty(), "{all_missed:#?}");
    assert!(removed > 1500, "{removed}");
}

#[test]
fn no_loss_holds_content() {
    for (_, input, profile) in crate::cda_out::cases() {
        let document = write(&input, &profile).unwrap();
        for word in ["Okafor", "9990000018", "Penicillin", "Asthma"] {
            assert!(!lost(&document).contains(word));
        }
        assert!(document.losses.iter().all(|loss| loss.severity <= Severity::Major));
    }
}

/// What was withheld and what is absent are the same document: it is made of the Bundle that was given.
#[test]
fn what_is_withheld_leaves_nothing_behind() {
    for profile in [ccda(), itk()] {
        let mut less = case("record-c-cda");
        resource(&mut less, "Patient").as_object_mut().unwrap().remove("address");
        resource(&mut less, "Composition")["section"].as_array_mut().unwrap().remove(1);
        less["entry"]
            .as_array_mut()
            .unwrap()
            .retain(|entry| entry["resource"]["resourceType"] != "AllergyIntolerance");
        let xml = text(&sent(&less, &profile).unwrap());
        for word in ["Elm Row<", "Northtown", "Penicillin", "Peanut", "llerg", "48765-2", "886921000000105"] {
            assert!(!xml.replace("Elm Row Practice", "").contains(word), "{word}");
        }
    }
}

#[test]
fn what_has_no_status_that_can_be_read_is_written_in_order_all_the_same() {
    let bundle = case("record-c-cda");
    let entries = bundle["entry"].as_array().unwrap().len();
    for at in (0..entries).filter(|at| bundle["entry"][*at]["resource"]["status"].is_string()) {
        let mut without = bundle.clone();
        without["entry"][at]["resource"]["status"] = json!([]);
        for profile in [ccda(), itk()] {
            if let Ok(document) = sent(&without, &profile) {
                assert_eq!(faults(&String::from_utf8(document.xml).unwrap()), Vec::<String>::new(), "{at}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn any_bytes_are_a_document_or_a_refusal(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        drop(write(&bytes, &ccda()));
    }

    #[test]
    fn any_value_anywhere_is_written_in_order_or_refused(
        at in 0_usize..4000, kind in 0_usize..7, text in "\\PC{0,12}", other in 0_usize..4000,
    ) {
        let mut bundle = case("record-c-cda");
        let mut paths = Vec::new();
        elements(&bundle["entry"], "/entry".to_owned(), &mut paths);
        let moved = bundle.pointer(&paths[other % paths.len()]).unwrap().clone();
        let value = [json!(text), json!(7.5), json!(true), json!([]), json!({}), json!([text]), moved][kind].clone();
        *bundle.pointer_mut(&paths[at % paths.len()]).unwrap() = value;
        for profile in [ccda(), itk()] {
            if let Ok(document) = sent(&bundle, &profile) {
                let xml = String::from_utf8(document.xml).unwrap();
                prop_assert_eq!(faults(&xml), Vec::<String>::new());
            }
        }
    }
}
