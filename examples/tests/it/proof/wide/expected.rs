//! Which canaries each requester sees under the wide agreements: a list made by hand, held against the fixture's own.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use super::super::judge::{every, hidden_from as hidden_by_fixture};

/// What the server behind says of what is not there.
const OF_SERVER: &str = "CANARY-UPSTREAM-TEXT";

pub(super) const REQUESTERS: [&str; 4] = ["LA", "LAC", "LA2", "HOSP"];

fn expected() -> toml::Table {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("leaks/wide/expected.toml");
    fs::read_to_string(file).unwrap().parse().unwrap()
}

fn texts(list: &toml::Value) -> BTreeSet<String> {
    list.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

/// What this requester sees.
pub(super) fn seen_by(who: &str) -> BTreeSet<String> {
    texts(&expected()[who])
}

/// By requester, the people whom she may not see and about whom the rules let her send all the same.
pub(super) fn sent_about() -> BTreeMap<String, BTreeSet<String>> {
    let expected = expected();
    let lists = expected["sent_about"].as_table().unwrap();
    lists.iter().map(|(who, list)| (who.clone(), texts(list))).collect()
}

/// And what never.
pub(super) fn hidden_from(who: &str) -> Vec<String> {
    let seen = seen_by(who);
    let hidden = every().into_iter().filter(|canary| !seen.contains(canary));
    hidden.chain([OF_SERVER.to_owned()]).collect()
}

#[test]
fn what_is_seen_is_hidden_by_the_fixture_from_nobody_who_may_see_as_much() {
    assert!(Path::new(env!("CARGO_MANIFEST_DIR")).join("leaks/wide/agreements").is_dir());
    for who in REQUESTERS {
        // Adult social care and children's services see here what the fixture lets the ward see.
        let both: Vec<Vec<String>> = match who {
            "LA" | "LAC" => vec![hidden_by_fixture(who), hidden_by_fixture("HOSP")],
            _ => vec![hidden_by_fixture(who)],
        };
        let of_kin = |canary: &String| who == "LAC" && canary.starts_with("CANARY-D-SISTER-");
        for canary in seen_by(who).iter().filter(|canary| !of_kin(canary)) {
            assert!(both.iter().any(|hidden| !hidden.contains(canary)), "{who} {canary}");
        }
    }
}
