//! A scene is taken whole, or everything that is wrong with it is told.

use std::path::Path;

use conformance::scene::Scene;

use super::world;

fn problems(text: &str) -> Vec<String> {
    Scene::parse(text, Path::new("")).unwrap_err().iter().map(ToString::to_string).collect()
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let text = world::scene("http://127.0.0.1:1", "permit")
        .replace(
            "actor = \"doctor\"\npatient = \"p1\"",
            "actor = \"doktor\"\npatient = \"p7\"\ncolour = \"red\"",
        )
        .replace("reader = \"guardian\"\n", "reader = 7\n")
        .replace("disagree = \"stricter\"", "disagree = \"louder\"")
        .replace("start = \"2024-01-01\"", "start = \"spring\"")
        .replace("marker = \"word-of-the-inside\"\n", "")
        .replace("window_s = 0\nsettle", "window_s = 61\nsettle");
    let mut told = problems(&text);
    told.sort();
    assert_eq!(
        told,
        [
            "audit.reader: a text that is not empty is wanted",
            "audit.window_s: at most 60 is wanted",
            "consents.contained.marker: is required",
            "consents.dated.start: a day as yyyy-mm-dd is wanted",
            "consents.disagree: stricter or later is wanted",
            "reads.actor: there is no such actor",
            "reads.colour: there is no such key",
            "reads.patient: there is no such patient",
        ]
    );
}

#[test]
fn what_is_no_toml_or_has_no_reads_is_refused() {
    assert_eq!(problems("reads = ["), ["the file: this is no TOML"]);
    assert_eq!(problems(""), ["reads: is required"]);
}

#[test]
fn a_token_lies_in_a_file_below_the_scene_and_nowhere_else() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("token"), "abc\n").unwrap();
    let text = |file: &str| {
        let line = format!("[actors.extra]\ntoken_file = \"{file}\"\n");
        world::scene("http://127.0.0.1:1", "permit") + &line
    };
    let scene = Scene::parse(&text("token"), folder.path()).unwrap();
    assert_eq!(scene.actor("extra").and_then(|actor| actor.token.clone()).as_deref(), Some("abc"));
    assert!(Scene::parse(&text("../token"), &folder.path().join("below")).is_err());
    assert!(Scene::parse(&text("none"), folder.path()).is_err());
}

#[test]
fn a_scene_shows_no_token() {
    let scene = Scene::parse(&world::scene("http://127.0.0.1:1", "permit"), Path::new("")).unwrap();
    assert!(!format!("{scene:?}").contains(&world::token(&world::PEOPLE[0])));
}
