//! The pages in a real browser: read by mouse, by keyboard alone, on a phone, and by what a screen reader is told.

mod probes;
mod webdriver;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use examples::house::House;
use examples::story::{Stage, play};
use serde_json::{Value, json};

use webdriver::{Browser, Key};

/// The yellow behind what has the focus.
const FOCUS: &str = "rgb(255, 235, 59)";

/// The house with the story played in it, and a browser; nothing where there is no browser.
async fn stage(name: &str) -> Option<(House, Browser, tempfile::TempDir)> {
    let (Some(driver), Some(browser)) = (program("chromedriver"), program("chromium")) else {
        assert!(
            std::env::var_os("PORTCULLIS_REQUIRE_ALL").is_none(),
            "chromium and chromedriver are not installed, and PORTCULLIS_REQUIRE_ALL is set"
        );
        eprintln!("SKIPPED: {name}: chromium and chromedriver are not installed");
        return None;
    };
    let folder = tempfile::tempdir().unwrap();
    let house = House::start(folder.path(), None).await.unwrap();
    play(&mut Stage::new(&house), |_| {}).await;
    let browser = Browser::start(&driver, &browser).await;
    Some((house, browser, folder))
}

fn program(name: &str) -> Option<PathBuf> {
    let places = std::env::var_os("PATH")?;
    std::env::split_paths(&places).map(|place| place.join(name)).find(|path| path.is_file())
}

fn picture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/screenshots").join(name)
}

/// Through the sign-in page to Ann's own page, as she would go.
async fn sign_in(browser: &Browser, house: &House) {
    browser.open(&format!("{}/me", house.base())).await;
    browser.follow(&browser.find("a.start").await).await;
    let choice = browser.find("form:has(input[value=patient_ann]) button").await;
    browser.follow(&choice).await;
    let go_on = browser.find("form[action$='/me/session'] button").await;
    browser.follow(&go_on).await;
    assert_eq!(browser.address().await, format!("{}/me", house.base()));
}

/// What holds for every page, at any width.
#[track_caller]
fn nothing(found: &Value, what: &str) {
    assert_eq!(found, &json!([]), "{what}");
}

async fn check(browser: &Browser, house: &House, what: &str) {
    nothing(&browser.look(probes::PALE_TEXTS).await, &format!("{what}: text that is too pale"));
    for (width, height) in [(1280, 900), (320, 640)] {
        browser.resize(width, height).await;
        nothing(&browser.look(probes::TOO_WIDE).await, &format!("{what}: wider than {width}"));
        assert_eq!(browser.look(probes::SMALL_BUTTONS).await, json!(0), "{what}: buttons at {width}");
    }
    browser.resize(1280, 900).await;
    let headings = browser.look(probes::HEADINGS).await;
    let levels: Vec<i64> =
        headings.as_array().unwrap().iter().map(|heading| heading[0].as_i64().unwrap()).collect();
    assert_eq!(levels.iter().filter(|level| **level == 1).count(), 1, "{what}: {headings}");
    assert!(levels.windows(2).all(|pair| pair[1] <= pair[0] + 1), "{what}: {headings}");
    for (selector, role) in
        [("body > header", "banner"), ("main", "main"), ("body > footer", "contentinfo"), ("h1", "heading")]
    {
        let found = browser.find(selector).await;
        assert_eq!(browser.role(&found).await, role, "{what}: {selector}");
    }
    for element in browser.find_all("a, button, nav, .scroll, ol, ul[aria-labelledby]").await {
        assert!(!browser.label(&element).await.is_empty(), "{what}: something has no name");
    }
    assert_eq!(browser.complaints(&house.base()).await, [""; 0], "{what}");
}

async fn pictures(browser: &Browser, name: &str, from: &str) {
    for (kind, width, height) in [("desktop", 1280, 900), ("phone", 320, 640)] {
        browser.resize(width, height).await;
        browser.picture(&picture(&format!("{name}-{kind}.png")), from).await;
    }
    browser.resize(1280, 900).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_signs_in_and_reads_who_asked_for_her_record_and_who_was_refused() {
    let Some((house, browser, _folder)) = stage("reading the page of a person").await else { return };
    browser.open(&format!("{}/me", house.base())).await;
    check(&browser, &house, "signing in").await;
    pictures(&browser, "sign-in", "body").await;

    sign_in(&browser, &house).await;
    check(&browser, &house, "her page").await;
    pictures(&browser, "me", "body").await;
    pictures(&browser, "me-choices", "#choices").await;
    assert_eq!(browser.title().await, "Who has seen my record - Sharing of care records");
    let text = browser.text(&browser.find("main").await).await;
    for wanted in ["signed in as Ann Archer", "My choices about sharing", "If something looks wrong"] {
        assert!(text.contains(wanted), "{wanted}");
    }
    let mut all = String::new();
    let mut references = Vec::new();
    loop {
        all.push_str(&browser.text(&browser.find("main").await).await);
        let found = browser.look(probes::REFERENCES).await;
        references.extend(found.as_array().unwrap().iter().map(|one| one.as_str().unwrap().to_owned()));
        match browser.find_all("a[href^='/me?before=']").await.first() {
            Some(older) => browser.follow(older).await,
            None => break,
        }
    }
    check(&browser, &house, "her earlier entries").await;
    pictures(&browser, "me-earlier", "body").await;
    for wanted in [
        "Sam Rivers was given information about you",
        "Pat Lowe was given information about you",
        "Supervised by Sam Rivers",
        "Lee Marsh was refused",
        "There is no agreement to share information with their organisation.",
        "They searched by something that they are not allowed to see.",
    ] {
        assert!(all.contains(wanted), "{wanted}");
    }
    assert!(references.len() > 10);
    assert_eq!(references.iter().collect::<BTreeSet<_>>().len(), references.len(), "each exchange once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_of_a_person_is_used_by_keyboard_alone() {
    let Some((house, browser, _folder)) = stage("using the page of a person by keyboard").await else {
        return;
    };
    sign_in(&browser, &house).await;
    let me = format!("{}/me", house.base());
    browser.open(&me).await;
    browser.press(Key::Tab).await;
    assert_eq!(browser.look(probes::FOCUS).await, json!(["a", true, FOCUS, "Skip to main content"]));
    browser.picture(&picture("skip-link.png"), "body").await;
    browser.press(Key::Enter).await;
    assert_eq!(browser.look("return document.activeElement.id").await, json!("main"));
    browser.press(Key::Tab).await;
    assert_eq!(
        browser.look(probes::FOCUS).await,
        json!(["a", true, FOCUS, "Who asked, and who was refused"]),
        "past the header"
    );
    browser.press(Key::Enter).await;
    assert_eq!(browser.look("return document.activeElement.id").await, json!("entries"));

    browser.open(&me).await;
    browser.press(Key::Tab).await;
    browser.press(Key::Tab).await;
    assert_eq!(browser.look(probes::FOCUS).await, json!(["button", true, FOCUS, "Sign out"]));
    let button = browser.active().await;
    assert_eq!(
        (browser.role(&button).await.as_str(), browser.label(&button).await.as_str()),
        ("button", "Sign out")
    );
    browser.leaving(browser.press(Key::Enter)).await;
    assert_eq!(browser.address().await, format!("{me}?signed-out=yes"));
    assert!(browser.text(&browser.find("main").await).await.contains("You have signed out."));
    check(&browser, &house, "signed out").await;
    browser.open(&me).await;
    assert!(browser.find_all("form[action='/me/sign-out']").await.is_empty(), "the session is over");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sign_in_from_a_site_that_is_not_known_is_told_what_to_do() {
    let Some((house, browser, _folder)) = stage("signing in from elsewhere").await else { return };
    // The same page under another name is another site.
    browser.open(&house.sign_in.replace("127.0.0.1", "localhost")).await;
    browser.follow(&browser.find("form:has(input[value=patient_ann]) button").await).await;
    browser.follow(&browser.find("form[action$='/me/session'] button").await).await;
    let text = browser.text(&browser.find("main").await).await;
    assert!(text.contains("There is a problem") && text.contains("a website that we do not know"), "{text}");
    let alert = browser.find(".problem").await;
    assert_eq!(browser.role(&alert).await, "alert");
    browser.picture(&picture("problem.png"), "body").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_register_is_tables_that_a_screen_reader_can_read_out() {
    let Some((house, browser, _folder)) = stage("reading the register").await else { return };
    browser.open(&format!("{}/register", house.base())).await;
    check(&browser, &house, "the register").await;
    pictures(&browser, "register", "body").await;
    let tables = browser.look(probes::TABLES).await;
    let tables = tables.as_array().unwrap();
    assert!(!tables.is_empty());
    for table in tables {
        assert!(!table["caption"].as_str().unwrap().is_empty(), "{table}");
        assert_eq!(table["headless"], json!(0), "{table}");
        assert_eq!(table["rows"], table["named"], "each row has a head: {table}");
        assert!(table["columns"].as_i64().unwrap() >= 2, "{table}");
    }
    for (selector, role) in [
        ("th[scope=col]", "columnheader"),
        ("th[scope=row]", "rowheader"),
        (".scroll", "region"),
        ("caption", "caption"),
    ] {
        assert_eq!(browser.role(&browser.find(selector).await).await, role, "{selector}");
    }
    // Wide tables scroll by keyboard too.
    assert_eq!(browser.look("return document.querySelector('.scroll').tabIndex").await, json!(0));
}
