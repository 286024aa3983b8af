//! What a document says cannot be taken out of it, changed, or added to without the Bundle or the losses saying so: for each
//! attribute, text and element of our documents outside the narratives, which are kept as they stand.

use std::collections::BTreeSet;
use std::ops::Range;

use adapters::{Loss, cda};
use roxmltree::{Document, Node};

use crate::cda::{cases, without_digest};
use crate::cda_corpus::{corpus, files};
use crate::goldens::hospital;

/// What CDA takes for said where nothing is: an element whose model leaves no choice, a code that stands where those of one
/// system stand, a type that the shape tells, and the name of a code that is carried.
const UNDERSTOOD: [&str; 14] = [
    "classCode",
    "typeCode",
    "moodCode",
    "determinerCode",
    "contextControlCode",
    "contextConductionInd",
    "inversionInd",
    "operator",
    "type",
    "codeSystem",
    "codeSystemName",
    "displayName",
    "mediaType",
    "representation",
];

/// Where a schema lies, and what a reader of XML does with white space.
const OF_XML: [&str; 3] = ["schemaLocation", "noNamespaceSchemaLocation", "space"];

fn said(text: &str) -> Option<(String, Vec<Loss>)> {
    let translated = cda::translate(text.as_bytes(), &hospital()).ok()?;
    Some((without_digest(&translated), translated.losses))
}

/// A part of the text, at the ends of what was read of it.
fn part(text: &str, range: Range<usize>) -> &str {
    text.get(range).unwrap()
}

fn with(text: &str, range: &Range<usize>, put: &str) -> String {
    [part(text, 0..range.start), put, part(text, range.end..text.len())].concat()
}

/// The same words with other letters and digits.
fn otherwise(words: &str) -> String {
    words
        .chars()
        .map(|letter| match letter {
            '0'..='8' | 'a'..='y' | 'A'..='Y' => char::from(letter as u8 + 1),
            '9' => '1',
            'z' => 'a',
            'Z' => 'A',
            other => other,
        })
        .collect()
}

/// The XPath of an element, as losses name it.
fn path(node: Node<'_, '_>) -> String {
    let mut steps: Vec<String> = Vec::new();
    for up in node.ancestors().filter(Node::is_element) {
        let name = up.tag_name();
        let prefix = match name.namespace() {
            Some("urn:hl7-org:sdtc") => "sdtc:",
            Some("NPFIT:HL7:Localisation") => "npfit:",
            _ => "",
        };
        let earlier = up.prev_siblings().skip(1).filter(|other| other.is_element());
        let number = match earlier.filter(|other| other.tag_name() == name).count() {
            0 => String::new(),
            before => format!("[{}]", before + 1),
        };
        steps.push(format!("{prefix}{}{number}", name.name()));
    }
    steps.reverse();
    format!("/{}", steps.join("/"))
}

/// An element again, with other values.
fn again(text: &str, node: Node<'_, '_>) -> Option<String> {
    let mut put: Vec<(Range<usize>, String)> = Vec::new();
    for inside in node.descendants() {
        let values = ["value", "extension", "code", "displayName"];
        let said = inside.attributes().filter(|attribute| values.contains(&attribute.name()));
        put.extend(said.map(|attribute| (attribute.range_value(), otherwise(attribute.value()))));
        if let Some(words) = inside.text().filter(|words| inside.is_text() && !words.trim().is_empty()) {
            put.push((inside.range(), otherwise(words)));
        }
    }
    put.sort_by_key(|(range, _)| range.start);
    let whole = node.range();
    let mut copy = String::new();
    let mut at = whole.start;
    for (range, words) in &put {
        copy.push_str(part(text, at..range.start));
        copy.push_str(words);
        at = range.end;
    }
    copy.push_str(part(text, at..whole.end));
    (copy != part(text, whole)).then_some(copy)
}

/// Documents that say something else than `text`, and what was done to each.
fn altered(text: &str, lost: &BTreeSet<String>) -> Vec<(String, String)> {
    let document = Document::parse(text).unwrap();
    let mut all = Vec::new();
    let is_narrative = |node: &Node<'_, '_>| node.ancestors().skip(1).any(|up| up.has_tag_name("text"));
    for node in document.descendants().filter(|node| !is_narrative(node)) {
        if node.is_text() && node.text().is_some_and(|words| !words.trim().is_empty()) {
            let place = path(node.parent_element().unwrap());
            let words = node.text().unwrap();
            if lost.contains(&format!("{place}/text()")) {
                continue;
            }
            all.push((format!("no text in {place}"), with(text, &node.range(), "")));
            all.push((format!("another text in {place}"), with(text, &node.range(), &otherwise(words))));
        }
        if !node.is_element() {
            continue;
        }
        let place = path(node);
        for attribute in node.attributes() {
            let name = part(text, attribute.range_qname());
            let at = format!("{place}/@{name}");
            // Of a code that is lost, the system goes with it.
            let goes_with = name.starts_with("codeSystem") && lost.contains(&format!("{place}/@code"));
            if lost.contains(&at) || goes_with || OF_XML.contains(&attribute.name()) {
                continue;
            }
            let is_no_negation = attribute.name() == "negationInd" && attribute.value() == "false";
            if !UNDERSTOOD.contains(&attribute.name()) && !is_no_negation {
                all.push((format!("no {at}"), with(text, &attribute.range(), "")));
            }
            let other = otherwise(attribute.value());
            all.push((format!("another {at}"), with(text, &attribute.range_value(), &other)));
        }
        if node.parent_element().is_none() {
            continue;
        }
        let range = node.range();
        let is_empty = |inside: Node<'_, '_>| {
            let words = inside.text().filter(|_| inside.is_text()).unwrap_or_default();
            inside.attributes().len() == 0 && words.trim().is_empty()
        };
        if !node.descendants().all(is_empty) {
            all.push((format!("no {place}"), with(text, &range, "")));
        }
        if let Some(again) = again(text, node) {
            all.push((format!("{place} again"), with(text, &(range.end..range.end), &again)));
            all.push((format!("before {place}"), with(text, &(range.start..range.start), &again)));
        }
        let own = part(text, range.clone());
        let name = own.find(|letter: char| letter.is_whitespace() || letter == '>' || letter == '/').unwrap();
        let within = range.start + name;
        all.push((format!("{place}/@oddity"), with(text, &(within..within), " oddity=\"7\"")));
        if let Some(end) = own.rfind("</") {
            let within = range.start + end;
            all.push((format!("{place}/oddity"), with(text, &(within..within), "<oddity value=\"7\"/>")));
        }
    }
    // Signs have no other.
    all.retain(|(_, other)| other != text);
    all
}

/// What can be done to `text` without a trace.
fn silent(text: &str) -> Vec<String> {
    let whole = said(text).unwrap();
    let lost: BTreeSet<String> = whole.1.iter().map(|loss| loss.place.clone()).collect();
    let all = altered(text, &lost);
    assert!(all.len() > 50, "{} documents", all.len());
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        let whole = &whole;
        let tasks: Vec<_> = all
            .chunks(all.len().div_ceil(threads))
            .map(|part| {
                scope.spawn(move || {
                    let same = part.iter().filter(|(_, text)| said(text).as_ref() == Some(whole));
                    same.map(|(what, _)| what.clone()).collect::<Vec<_>>()
                })
            })
            .collect();
        tasks.into_iter().flat_map(|task| task.join().unwrap()).collect()
    })
}

#[test]
fn nothing_is_taken_out_changed_or_added_without_a_trace() {
    for (folder, input) in cases() {
        let text = String::from_utf8_lossy(&input).into_owned();
        let silent = silent(&text);
        assert!(silent.is_empty(), "{}: {silent:#?}", folder.display());
    }
}

/// What others say twice, in the entry and in the concern around it or in the narrative: one of the two may go.
const TWICE: [&str; 5] = [
    "author/time",
    "author/time/@value",
    "originalText",
    "originalText/reference",
    "originalText/reference/@value",
];

/// A section of others in a document of ours.
fn around(section: &str) -> String {
    let header = r#"<ClinicalDocument xmlns="urn:hl7-org:v3" xmlns:sdtc="urn:hl7-org:sdtc" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><id root="1.2.3" extension="D1"/><effectiveTime value="202506301200+0100"/><recordTarget><patientRole><id root="2.16.840.1.113883.2.1.4.1" extension="9990000018"/><patient><name><family>Fenwick</family></name></patient></patientRole></recordTarget>"#;
    format!(
        "{header}<component><structuredBody><component>{section}</component></structuredBody></component></ClinicalDocument>"
    )
}

#[test]
fn nothing_of_what_others_send_is_taken_out_changed_or_added_without_a_trace() {
    let Some(root) = corpus() else { return };
    let mut documents = 0;
    let mut found = Vec::new();
    for path in files(&root.join("cda-ccda-examples")) {
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        let Some(at) = text.find("<section") else { continue };
        if text.contains("ClinicalDocument") || text.len() > 9_000 {
            continue;
        }
        let text = around(part(&text, at..text.len()));
        if Document::parse(&text).is_err() || said(&text).is_none() {
            continue;
        }
        documents += 1;
        let silent = silent(&text);
        let is_twice = |what: &String| what.starts_with("no ") && TWICE.iter().any(|end| what.ends_with(end));
        let silent = silent.into_iter().filter(|what| !is_twice(what));
        found.extend(silent.map(|what| format!("{}: {what}", path.display())));
    }
    println!("{documents} sections of others");
    assert!(documents > 50, "{documents}");
    assert!(found.is_empty(), "{found:#?}");
}
