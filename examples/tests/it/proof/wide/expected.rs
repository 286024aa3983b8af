//! Which canaries each requester sees under the wide agreements: a list made by hand, held against the fixture's own.

use std::collections::BTreeSet;
use std::path::Path;

use super::super::judge::{every, hidden_from as hidden_by_fixture};

const EXPECTED: &str = include_str!("../../../../leaks/wide/expected.toml");
/// What the server behind says of what is not there.
const OF_SERVER: &str = "CANARY-UPSTREAM-TEXT";

pub(super) const REQUESTERS: [&str; 4] = ["LA", "LAC", "LA2", "HOSP"];

/// What this requester sees.
pub(super) fn seen_by(who: &str) -> BTreeSet<String> {
    let expected: toml::Table = EXPECTED.parse().unwrap();
    expected[who].as_array().unwrap().iter().map(|canary| canary.as_str().unwrap().to_owned()).collect()
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
