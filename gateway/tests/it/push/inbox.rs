//! `portcullis inbox`, as an operator runs it: beside a gateway that runs and in the folder of one that is stopped.

use std::path::Path;
use std::process::{Command, Output};

use gateway::push::store::Store;
use serde_json::Value;

use super::support::{Peer, discharge};
use super::whole::{LETTER, created, write_settings};
use crate::support::ports::free;
use crate::support::process::{Process, verified};
use crate::support::upstream::System;

const WHO: [&str; 4] = ["--by", "Jo Operator", "--reason", "the ward asked about it"];

/// What the command says: status, standard output, standard error.
fn inbox(config: &Path, arguments: &[&str]) -> (i32, String, String) {
    let Output { status, stdout, stderr } = Command::new(env!("CARGO_BIN_EXE_portcullis"))
        .arg("inbox")
        .args(arguments)
        .arg("--config")
        .arg(config)
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

fn listed(config: &Path) -> Vec<Value> {
    let (status, out, err) = inbox(config, &["list", "--json"]);
    assert_eq!(status, 0, "{err}");
    out.lines().map(|line| line.parse().unwrap()).collect()
}

fn with_who<'a>(arguments: &[&'a str]) -> Vec<&'a str> {
    [arguments, &WHO].concat()
}

/// A letter that the rules let through, under the id and from the sender of what was refused.
fn mended() -> String {
    LETTER.replace("NHT0002", "M1").replace("|LETTERS|", "|PAS|")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_lists_shows_mends_and_replays_beside_a_running_gateway_and_a_stopped_one() {
    let folder = tempfile::tempdir().unwrap();
    let council = System::start(None, created).await;
    let address = free();
    let config = write_settings(folder.path(), &format!("http://{}/fhir", council.address), address);
    assert_eq!(inbox(&config, &["list"]).0, 74, "no gateway ran here yet");
    let mut process = Process::start(&config);
    let mut hospital = Peer::from(process.connect(address).await);
    hospital.send(&discharge("M1", "0000018")).await;
    assert_eq!(hospital.acknowledged().await.unwrap().0, "AE");

    let letters = listed(&config);
    assert_eq!(letters.len(), 1);
    assert_eq!(
        (letters[0]["stage"].as_str(), letters[0]["messageId"].as_str()),
        (Some("decide"), Some("M1"))
    );
    let number = letters[0]["letter"].to_string();
    for arguments in [&["list"][..], &["show", &number], &["show", &number, "--json"]] {
        let (status, out, err) = inbox(&config, arguments);
        assert_eq!(status, 0, "{err}");
        assert!(out.contains("M1") && !out.contains("Fenwick") && !out.contains("9990000018"), "{out}");
    }
    // A look has a name and a reason.
    assert_eq!(inbox(&config, &["show", &number, "--content"]).0, 64);
    let (status, out, err) = inbox(&config, &with_who(&["show", &number, "--content"]));
    assert_eq!((status, out.as_str()), (0, discharge("M1", "0000018").as_str()), "{err}");
    assert!(err.contains("receipt"), "{err}");

    // Nothing leaves by replay that the rules do not let through.
    let (status, _, err) = inbox(&config, &with_who(&["replay", &number]));
    assert_eq!(status, 1, "{err}");
    assert!(err.contains("refused again"), "{err}");
    assert_eq!(inbox(&config, &with_who(&["replay", "77"])).0, 65);
    let file = folder.path().join("mended.hl7");
    std::fs::write(&file, mended()).unwrap();
    let file = file.to_str().unwrap();
    let (status, out, err) = inbox(&config, &with_who(&["replay", &number, "--with", file]));
    assert_eq!(status, 0, "{out}{err}");
    arrived(&council, 1).await;
    assert_eq!(listed(&config).len(), 0);
    assert_eq!(inbox(&config, &with_who(&["replay", &number])).0, 65, "it was replayed");

    // The same in the folder of a gateway that is stopped: what needs no decision is done, a replay waits.
    hospital.send(&discharge("M2", "0000026")).await;
    assert_eq!(hospital.acknowledged().await.unwrap().0, "AE");
    drop(hospital);
    process.kill();
    let number = listed(&config)[0]["letter"].to_string();
    let (status, out, err) = inbox(&config, &with_who(&["show", &number, "--content"]));
    assert_eq!((status, out.as_str()), (0, discharge("M2", "0000026").as_str()), "{err}");
    std::fs::write(file, mended().replace("|M1|", "|M2|").replace("9990000018", "9990000026")).unwrap();
    let (status, out, err) = inbox(&config, &with_who(&["replay", &number, "--with", file]));
    assert_eq!(status, 0, "{out}{err}");
    assert!(out.contains("when that starts"), "{out}");
    assert!(inbox(&config, &["show", &number]).1.contains("waits"), "it is told that it waits");
    let mut process = Process::start(&config);
    drop(process.connect(address).await);
    arrived(&council, 2).await;
    assert_eq!(process.stop(), Some(0));
    assert_eq!(listed(&config).len(), 0);
    verified(&folder.path().join("ledger"));
    assert_eq!(looks(folder.path()), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_that_was_changed_after_the_look_was_recorded_is_not_shown() {
    let folder = tempfile::tempdir().unwrap();
    let council = System::start(None, created).await;
    let address = free();
    let config = write_settings(folder.path(), &format!("http://{}/fhir", council.address), address);
    let mut process = Process::start(&config);
    let mut hospital = Peer::from(process.connect(address).await);
    hospital.send(&discharge("M1", "0000018")).await;
    assert_eq!(hospital.acknowledged().await.unwrap().0, "AE");
    let number = listed(&config)[0]["letter"].to_string();
    let store = rusqlite::Connection::open(folder.path().join("push.sqlite")).unwrap();
    store
        .execute_batch(
            "CREATE TRIGGER mended AFTER UPDATE OF state ON errand WHEN NEW.state = 'done'
             BEGIN UPDATE inbox SET raw = CAST('about 9990000026' AS BLOB); END",
        )
        .unwrap();
    let (status, out, err) = inbox(&config, &with_who(&["show", &number, "--content"]));
    assert_eq!((status, out.as_str()), (65, ""), "{err}");
    assert!(err.contains("ask again"), "{err}");
    store.execute_batch("DROP TRIGGER mended").unwrap();
    let (status, out, err) = inbox(&config, &with_who(&["show", &number, "--content"]));
    assert_eq!((status, out.as_str()), (0, "about 9990000026"), "{err}");
    assert_eq!(process.stop(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_in_the_midst_of_a_replay_leaves_it_done_once_or_still_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let council = System::start(None, created).await;
    let address = free();
    let config = write_settings(folder.path(), &format!("http://{}/fhir", council.address), address);
    let mut process = Process::start(&config);
    let mut hospital = Peer::from(process.connect(address).await);
    for round in 0..4 {
        hospital.send(&discharge(&format!("K{round}"), "0000018")).await;
        assert_eq!(hospital.acknowledged().await.unwrap().0, "AE");
    }
    drop(hospital);
    let letters = listed(&config);
    assert_eq!(letters.len(), 4);
    for (round, letter) in letters.iter().enumerate() {
        let file = folder.path().join("mended.hl7");
        std::fs::write(&file, mended().replace("|M1|", &format!("|K{round}|"))).unwrap();
        let number = letter["letter"].to_string();
        let arguments = with_who(&["replay", &number, "--with", file.to_str().unwrap(), "--wait", "60"]);
        let asking = Command::new(env!("CARGO_BIN_EXE_portcullis"))
            .arg("inbox")
            .args(arguments)
            .arg("--config")
            .arg(&config)
            .stdout(std::process::Stdio::null())
            .spawn();
        let mut asking = asking.unwrap();
        // Each time a little later on its way: before it is taken, decided, stored, carried.
        let until = (round + 1) * 3_000;
        for _ in 0..until {
            tokio::task::yield_now().await;
        }
        process.kill();
        process = Process::start(&config);
        drop(process.connect(address).await);
        assert!(asking.wait().unwrap().success());
    }
    let seen = arrived(&council, 4).await;
    assert_eq!(process.stop(), Some(0));
    assert_eq!(listed(&config).len(), 0);
    assert_eq!(seen, 4, "each has one effect");
    verified(&folder.path().join("ledger"));
}

#[test]
fn a_long_list_begins_with_what_is_newest_and_says_where_the_older_letters_are() {
    let folder = tempfile::tempdir().unwrap();
    let config = write_settings(folder.path(), "http://127.0.0.1:1/fhir", free());
    let file = folder.path().join("push.sqlite");
    drop(Store::open(&file).unwrap());
    let many = "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 10002)
        INSERT INTO letter (stage, reason, source, control_id, hash, listener, raw, owed, first_ms, last_ms)
        SELECT 'translate', 'not-translated', 'RX1', '', CAST(n AS BLOB), 'inbound:people', x'00', 1, 9, 9 FROM n";
    rusqlite::Connection::open(&file).unwrap().execute_batch(many).unwrap();
    let numbers = |out: &str| -> Vec<String> {
        out.lines().map(|line| line.split('\t').next().unwrap().to_owned()).collect()
    };
    let (status, out, err) = inbox(&config, &["list"]);
    let newest = numbers(&out);
    assert_eq!((status, newest.len()), (0, 10_000), "{err}");
    assert_eq!((newest[0].as_str(), newest[9_999].as_str()), ("3", "10002"), "what died last is in it");
    assert!(err.contains("older") && err.contains("--before 3"), "{err}");
    assert!(inbox(&config, &["list", "--json"]).2.contains("--before 3"), "programs are told, too");
    let (status, out, err) = inbox(&config, &["list", "--before", "3"]);
    assert_eq!((status, numbers(&out), err.as_str()), (0, vec!["1".to_owned(), "2".to_owned()], ""));
}

/// Waits until so many different Bundles have arrived, and says how many different texts they had.
async fn arrived(council: &System, count: usize) -> usize {
    let arrived = async {
        loop {
            let seen = council.seen();
            let lines: std::collections::BTreeSet<String> =
                seen.iter().map(|seen| seen.line.clone()).collect();
            if lines.len() >= count {
                let bodies = seen.iter().map(|seen| format!("{}{}", seen.line, seen.body));
                return bodies.collect::<std::collections::BTreeSet<_>>().len();
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(crate::support::process::PATIENCE, arrived).await.expect("it to arrive in time")
}

/// How many looks at letters the ledger holds, each in the trail of the person too.
fn looks(folder: &Path) -> usize {
    let exported = Command::new(env!("CARGO_BIN_EXE_portcullis"))
        .args(["ledger", "export", "--folder"])
        .arg(folder.join("ledger"))
        .output()
        .unwrap();
    let text = String::from_utf8(exported.stdout).unwrap();
    let looks: Vec<&str> = text.lines().filter(|line| line.contains("inbox-show")).collect();
    assert!(looks.iter().all(|line| line.contains("Jo Operator")), "{looks:?}");
    let about = |number: &str| looks.iter().filter(|line| line.contains(number)).count();
    assert_eq!((about("9990000018"), about("9990000026")), (1, 1), "{looks:?}");
    looks.len() / 2
}
