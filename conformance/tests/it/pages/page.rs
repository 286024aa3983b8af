//! The page: well formed, one file, in order for whoever hears it, and small.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use conformance::check::Status;
use conformance::report::account::Account;
use conformance::report::{PAGE_BYTES_MAX, html};
use conformance::script::{Outcome, ScriptsRun};
use proptest::prelude::*;
use roxmltree::{Document, Node, ParsingOptions};

use super::{HOSTILE, accounts, part, script};
use crate::written::script_run;

#[track_caller]
fn read(page: &str) -> Document<'_> {
    let options = ParsingOptions { allow_dtd: true, ..ParsingOptions::default() };
    Document::parse_with_options(page, options).unwrap_or_else(|bad| panic!("{bad}"))
}

fn named<'a, 'i: 'a>(page: &'a Document<'i>, name: &'static str) -> impl Iterator<Item = Node<'a, 'i>> {
    page.descendants().filter(move |node| node.tag_name().name() == name)
}

fn text(node: Node<'_, '_>) -> String {
    node.descendants().filter_map(|node| node.text().filter(|_| node.is_text())).collect()
}

/// What holds of every page, whatever is on it.
#[track_caller]
fn sound(page: &str) {
    let tree = read(page);
    let elements = || tree.descendants().filter(Node::is_element);
    let known = [
        "html", "head", "meta", "title", "style", "body", "a", "header", "nav", "main", "footer", "section",
        "h1", "h2", "h3", "h4", "p", "span", "ul", "ol", "li", "dl", "dt", "dd", "div", "table", "caption",
        "thead", "tbody", "tr", "th", "td", "code", "details", "summary", "fieldset", "legend", "input",
        "label",
    ];
    for element in elements() {
        let name = element.tag_name().name();
        assert!(known.contains(&name), "no {name}: nothing that loads, runs or sends");
        for attribute in element.attributes() {
            let allowed = [
                "lang",
                "charset",
                "http-equiv",
                "content",
                "name",
                "class",
                "href",
                "rel",
                "id",
                "scope",
                "open",
                "type",
                "checked",
                "for",
                "aria-label",
                "aria-labelledby",
            ];
            assert!(allowed.contains(&attribute.name()), "{name} {}", attribute.name());
        }
    }
    led(&tree);
    headed(&tree);
    told(&tree);
    let style = text(named(&tree, "style").next().unwrap());
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, style.as_bytes());
    let policy = named(&tree, "meta").find(|meta| meta.attribute("http-equiv").is_some()).unwrap();
    let policy = policy.attribute("content").unwrap();
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
    assert!(policy.contains(&STANDARD.encode(digest.as_ref())), "{policy}");
    assert!(!style.contains("url(") && !style.contains("@import"));
    assert!(page.len() <= PAGE_BYTES_MAX, "{}", page.len());
}

/// Links, labels and landmarks lead somewhere.
#[track_caller]
fn led(tree: &Document<'_>) {
    let elements = || tree.descendants().filter(Node::is_element);
    let ids: Vec<&str> = elements().filter_map(|element| element.attribute("id")).collect();
    let once: BTreeSet<&&str> = ids.iter().collect();
    assert_eq!(ids.len(), once.len(), "an id twice");
    for link in named(tree, "a") {
        let to = link.attribute("href").unwrap();
        let inside = to.strip_prefix('#').is_some_and(|id| ids.contains(&id));
        assert!(inside || to.starts_with("https://") || to.starts_with("http://"), "{to}");
        assert!(!text(link).trim().is_empty());
    }
    let labels = elements().filter_map(|element| element.attribute("aria-labelledby"));
    assert!(labels.into_iter().all(|id| ids.contains(&id)));
    assert_eq!(tree.root_element().attribute("lang"), Some("en-GB"));
    for landmark in ["header", "nav", "main", "footer", "h1", "title"] {
        assert_eq!(named(tree, landmark).count(), 1, "{landmark}");
    }
}

/// Headings are in order, and tables have theirs.
#[track_caller]
fn headed(tree: &Document<'_>) {
    let elements = || tree.descendants().filter(Node::is_element);
    let mut level = 0;
    for heading in elements().filter_map(|element| element.tag_name().name().strip_prefix('h')) {
        let Ok(this) = heading.parse::<u8>() else { continue };
        assert!(this <= level + 1, "h{this} after h{level}");
        level = this;
    }
    for table in named(tree, "table") {
        let children: Vec<&str> =
            table.children().filter(Node::is_element).map(|child| child.tag_name().name()).collect();
        assert_eq!(children, ["caption", "thead", "tbody"]);
        let columns = table.descendants().filter(|node| node.attribute("scope") == Some("col")).count();
        for line in table.descendants().filter(|node| node.tag_name().name() == "tr") {
            let cells: Vec<Node<'_, '_>> = line.children().filter(Node::is_element).collect();
            assert_eq!(cells.len(), columns, "{}", text(line));
            assert!(cells.iter().any(|cell| cell.attribute("scope").is_some()));
        }
    }
    for heading in named(tree, "th") {
        assert!(matches!(heading.attribute("scope"), Some("row" | "col")));
    }
}

/// What can be used has a name, and colours have words.
#[track_caller]
fn told(tree: &Document<'_>) {
    let elements = || tree.descendants().filter(Node::is_element);
    for input in named(tree, "input") {
        let id = input.attribute("id").unwrap();
        assert!(named(tree, "label").any(|label| label.attribute("for") == Some(id)), "{id}");
    }
    for summary in named(tree, "summary") {
        let parent = summary.parent_element().unwrap();
        assert_eq!((parent.tag_name().name(), parent.first_element_child()), ("details", Some(summary)));
    }
    // A colour is never alone: the word stands in it.
    for badge in elements().filter(|node| has_class(*node, "status")) {
        let word = badge.attribute("class").unwrap().split(' ').next_back().unwrap();
        assert!(text(badge).starts_with(word));
    }
}

fn has_class(node: Node<'_, '_>, class: &str) -> bool {
    node.attribute("class").is_some_and(|held| held.split(' ').any(|one| one == class))
}

#[tokio::test]
async fn every_page_can_be_read_and_heard_and_loads_nothing() {
    for account in accounts().await {
        let page = html(&account);
        sound(&page);
        for trouble in ["<script", "\u{1b}", "\u{202e}", "\u{0}", "=\"javascript"] {
            assert!(!page.contains(trouble), "{} {trouble:?}", account.what);
        }
    }
}

#[tokio::test]
async fn every_row_is_on_the_page_with_its_status_and_what_failed_is_open() {
    for account in accounts().await {
        let page = html(&account);
        let tree = read(&page);
        let rows: Vec<Node<'_, '_>> =
            named(&tree, "details").filter(|node| has_class(*node, "row")).collect();
        assert_eq!(rows.len(), account.rows().count(), "{}", account.what);
        for (row, node) in account.rows().zip(&rows) {
            assert!(has_class(*node, row.status.word()), "{}", row.id);
            let wrong = matches!(row.status, Status::Fail | Status::Error);
            assert_eq!(node.attribute("open").is_some(), wrong, "{}", row.id);
        }
        for status in [Status::Fail, Status::Pass, Status::Skip] {
            let id = format!("show-{}", status.word());
            assert!(named(&tree, "input").any(|input| input.attribute("id") == Some(&id)), "{id}");
            let style = text(named(&tree, "style").next().unwrap());
            assert!(style.contains(&format!("section:has(#{id}:checked)")), "{id}");
        }
        assert!(page.contains(&account.sentence.replace('<', "&lt;").replace('>', "&gt;")));
    }
}

#[tokio::test]
async fn what_a_check_asked_and_where_it_is_written_stands_beside_it() {
    let [suites, scripts, attacks] = accounts().await;
    let page = html(&suites);
    let tree = read(&page);
    let acted = named(&tree, "details").find(|node| text(*node).contains("made-up-check")).unwrap();
    let told = text(acted);
    for wanted in ["SHOULD", "else it is lost", "Patient/[id]", "200", "no answer", "12", "20 min 34 s"] {
        assert!(told.contains(wanted), "{wanted}: {told}");
    }
    let clause = "https://hl7.org/fhir/R4/http.html#create";
    assert!(acted.descendants().any(|node| node.attribute("href") == Some(clause)));
    let untested = named(&tree, "section").find(|node| node.attribute("aria-labelledby") == Some("untested"));
    assert!(text(untested.unwrap()).contains("privacy"), "a suite that was not chosen is named");
    let coverage = named(&tree, "section").find(|node| node.attribute("aria-labelledby") == Some("coverage"));
    let coverage = text(coverage.unwrap());
    for wanted in ["set_1.0@1", "clause cited", "set_1.0@2", "not covered", "not tested", "read-id (fail)"] {
        assert!(coverage.contains(wanted), "{wanted}: {coverage}");
    }
    let told = text(read(&html(&scripts)).root_element());
    assert!(told.contains("the fixture p could not be made"), "what kept a script from running is told");
    assert!(told.contains("a teardown does not count"));
    let told = text(read(&html(&attacks)).root_element());
    for wanted in ["fail: nothing is proved", "warning: a known gap", "skip: a person has to look", "GONE-1"]
    {
        assert!(told.contains(wanted), "{wanted}");
    }
}

#[test]
fn a_page_stays_small_and_keeps_what_failed() {
    for (scripts, tests, length) in [(300, 20, 100), (1_500, 20, 40), (5_000, 3, 40), (80, 3, 40_000)] {
        let words = "word ".repeat(length / 5);
        let run = ScriptsRun {
            scripts: (0..scripts)
                .map(|number| {
                    let outcome = if number % 7 == 3 { Outcome::Fail } else { Outcome::Pass };
                    script(
                        &format!("script {number}"),
                        outcome,
                        (0..tests).map(|_| part(outcome, &words, 2)).collect(),
                    )
                })
                .collect(),
            unread: Vec::new(),
        };
        let page = html(&Account::of_scripts(&run, "http://x.example"));
        sound(&page);
        assert!(page.contains("script 3"), "{scripts} {tests} {length}");
        assert!(page.contains("this page would be too large") || page.contains("Passed: "));
    }
}

proptest! {
    #[test]
    fn a_page_is_sound_whatever_a_script_is_called_and_says(
        scripts in proptest::collection::vec(script_run(), 0..3), base in "\\PC{0,9}"
    ) {
        sound(&html(&Account::of_scripts(&ScriptsRun { scripts, unread: Vec::new() }, &base)));
    }
}

#[test]
fn hostile_text_is_hostile() {
    for needed in ["<script>", "\"on", "\u{1b}", "\u{202e}", "\u{0}", "&amp;", "'"] {
        assert!(HOSTILE.contains(needed));
    }
}
