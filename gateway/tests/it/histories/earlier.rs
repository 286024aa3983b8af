//! Earlier versions are shared only where the agreement says why they are needed.

use super::{HISTORY, OF_CONDITION, entries, families, get, named, told};
use crate::support::historic::{agreement, as_version, past, site_under, version};
use crate::support::holding::{ANN, Held, condition, held, patient};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_reason_for_earlier_versions_what_is_held_now_is_the_only_one() {
    let now = as_version(named("Now"), 2);
    let versions = [version(&now), version(&as_version(named("Before"), 1))];
    let all: Held = held(&[now]);
    let with = agreement("withheld");
    let (site, running) = site_under(&with, &all, &told(past(&versions))).await;
    let (status, _, body) = get(&site, HISTORY).await;
    assert_eq!((status, families(&body)), (200, vec!["Now".to_owned(), "Before".to_owned()]));
    let id = |entry: &serde_json::Value| entry["resource"]["meta"]["versionId"].as_str().unwrap().to_owned();
    let (newest, before) = (id(&entries(&body)[0]), id(&entries(&body)[1]));
    running.stop().await;

    let reason = "address = \"which team covers the area\"\nearlier_versions = \"how it has changed\"\n";
    assert!(with.contains(reason));
    let without = with.replace(reason, "address = \"which team covers the area\"\n");
    let (site, running) = site_under(&without, &all, &told(past(&versions))).await;
    let (status, _, body) = get(&site, HISTORY).await;
    assert_eq!((status, families(&body)), (200, vec!["Now".to_owned()]));
    let newest_here = id(&entries(&body)[0]);
    assert_eq!(get(&site, &format!("{HISTORY}/{newest_here}")).await.0, 200);
    for gone in [before, newest, "1".to_owned()] {
        assert_eq!(get(&site, &format!("{HISTORY}/{gone}")).await.0, 404, "{gone}");
    }
    // When it came about is not shown: what is hidden may be all that changed.
    for since in ["2026-01-01T00:00:00Z", "2026-01-03T00:00:00Z", "2050-01-01T00:00:00Z"] {
        let (_, _, body) = get(&site, &format!("{HISTORY}?_since={since}")).await;
        assert_eq!(families(&body), ["Now"], "{since}");
    }
    let asked = site.hospital.seen();
    assert!(!asked.iter().any(|seen| seen.line.contains("_history")), "what is not shared is not asked for");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_table_that_speaks_of_a_type_must_say_why_earlier_versions_are_needed() {
    let now = as_version(condition("c1", "p1", "2", &[]), 2);
    let versions = [version(&now), version(&as_version(condition("c1", "p1", "1", &[]), 1))];
    let all: Held = held(&[patient("p1", ANN), now]);
    let both = agreement("withheld");
    let reason = "\"onset[x]\" = \"how long it has been so\"\nearlier_versions = \"how it has changed\"\n";
    assert!(both.contains(reason));
    let one = both.replace(reason, "\"onset[x]\" = \"how long it has been so\"\n");
    for (agreement, count) in [(both, 2), (one, 1)] {
        let (site, running) = site_under(&agreement, &all, &told(past(&versions))).await;
        let (status, _, body) = get(&site, OF_CONDITION).await;
        assert_eq!((status, entries(&body).len()), (200, count), "{body}");
        running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_version_says_when_it_came_about_where_that_is_shown() {
    let versions = [as_version(named("Now"), 2), as_version(named("Before"), 1)];
    let all: Held = held(&versions[..1]);
    let silent = agreement("withheld");
    let named = "[share.person.Patient]\n";
    let shows =
        silent.replace(named, &format!("{named}\"meta.lastUpdated\" = \"to fetch what is new only\"\n"));
    assert_ne!(shows, silent);
    let days = ["Fri, 02 Jan 2026 09:00:00 GMT", "Thu, 01 Jan 2026 09:00:00 GMT"];
    for (agreement, expected) in [(shows, days.map(Some)), (silent, [None, None])] {
        let past = past(&versions.clone().map(|one| version(&one)));
        let (site, running) = site_under(&agreement, &all, &told(past)).await;
        let (_, _, body) = get(&site, HISTORY).await;
        for (entry, expected) in entries(&body).iter().zip(expected) {
            let name = entry["resource"]["meta"]["versionId"].as_str().unwrap();
            let (status, head, body) = get(&site, &format!("{HISTORY}/{name}")).await;
            assert_eq!(status, 200, "{body}");
            let told = head.lines().find_map(|line| line.strip_prefix("last-modified: "));
            assert_eq!(told.map(str::trim), expected, "{head}");
        }
        running.stop().await;
    }
}
