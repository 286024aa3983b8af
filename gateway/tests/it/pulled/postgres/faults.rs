//! Servers that fail: they end as outages of other systems do, alike for everybody, and are found again.

use futures_util::future::join_all;

use super::server::Server;
use super::{change, fails, found, started};
use crate::pulled::support::{council_with, get};
use crate::support::tls::{Authority, Says, dns};

/// What waits until somebody else lets go, where a row is told and not where it is looked for.
const SLOW: &str = "
    CREATE FUNCTION slow() RETURNS text STABLE LANGUAGE plpgsql AS
        $$ BEGIN PERFORM pg_advisory_xact_lock_shared(1); RETURN 'secret-canary'; END $$;
    CREATE OR REPLACE VIEW visits AS SELECT no AS visit_no, who AS resident, st AS state, began, place AS setting,
        CASE no WHEN 12 THEN slow() ELSE repeat('secret-canary', 10000) END AS note FROM raw";
const HELD: &str = "SELECT pg_advisory_lock(1)";
const ONE_WAITS: &str = "SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted";
const NOBODY_WAITS: &str = "SELECT count(*) = 0 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted";

#[tokio::test]
async fn a_server_that_is_gone_is_an_outage_and_one_that_was_restarted_is_found_again() {
    let Some(mut server) = Server::start().await else { return };
    let (site, _running) = started(&server, "open").await;
    assert_eq!(get(&site, "/Encounter/11").await.status, 200);
    server.end();
    for path in ["/Encounter/11", "/Encounter/99", "/Encounter?patient=R-1", "/Encounter?patient=R-9"] {
        fails(&site, path, "upstream-unreachable").await;
    }
    assert_eq!(get(&site, "/Patient/R-1").await.status, 200, "the other source is as it was");
    server.go();
    assert_eq!(get(&site, "/Encounter/11").await.status, 200);
    // A session that waits is closed without a question between.
    server.end();
    server.go();
    assert_eq!(get(&site, "/Encounter/11").await.status, 200);
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_no_answer() {
    let Some(mut server) = Server::start().await else { return };
    let (site, _running) = started(&server, "open").await;
    server.run(SLOW).await;
    let owner = server.owner().await;
    owner.batch_execute(HELD).await.unwrap();
    {
        let asked = get(&site, "/Encounter?patient=R-1");
        let ended = async {
            server.until(ONE_WAITS).await;
            server.end();
        };
        let (answer, ()) = tokio::join!(asked, ended);
        assert_eq!(answer.status, 502, "{}", answer.body);
    }
    server.go();
    assert_eq!(found(&site, "/Encounter?patient=R-1").await, ["Encounter/11", "Encounter/12"]);
}

#[tokio::test]
async fn a_server_that_hangs_is_too_slow_and_no_session_of_it_is_used_again() {
    let Some(server) = Server::start().await else { return };
    let (site, running) = started(&server, "open").await;
    change(&site, "timeout_ms = 300000", "timeout_ms = 1500");
    running.reload().await.unwrap();
    assert_eq!(get(&site, "/Encounter/11").await.status, 200);
    server.hang();
    for path in ["/Encounter/11", "/Encounter/99"] {
        fails(&site, path, "upstream-timed-out").await;
    }
    server.wake();
    change(&site, "timeout_ms = 1500", "timeout_ms = 300000");
    running.reload().await.unwrap();
    assert_eq!(get(&site, "/Encounter/11").await.status, 200);
}

#[tokio::test]
async fn a_question_that_takes_too_long_is_ended_by_the_server_too() {
    let Some(server) = Server::start().await else { return };
    let (site, running) = started(&server, "open").await;
    server.run(SLOW).await;
    let owner = server.owner().await;
    owner.batch_execute(HELD).await.unwrap();
    change(&site, "timeout_ms = 300000", "timeout_ms = 1500");
    running.reload().await.unwrap();
    fails(&site, "/Encounter?patient=R-1", "upstream-timed-out").await;
    server.until(NOBODY_WAITS).await;
    assert_eq!(found(&site, "/Encounter?patient=R-2").await, ["Encounter/13"]);
}

#[tokio::test]
async fn eight_questions_are_under_way_at_once_and_the_others_wait_their_turn() {
    let Some(server) = Server::start().await else { return };
    let (site, _running) = started(&server, "open").await;
    server.run(SLOW).await;
    let owner = server.owner().await;
    owner.batch_execute(HELD).await.unwrap();
    let asked = join_all((0..20).map(|_| get(&site, "/Encounter?patient=R-1")));
    let let_go = async {
        let waiting = "SELECT count(*) = 8 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted";
        server.until(waiting).await;
        owner.batch_execute("SELECT pg_advisory_unlock(1)").await.unwrap();
    };
    let (answers, ()) = tokio::join!(asked, let_go);
    assert!(answers.iter().all(|answer| answer.found("match").len() == 2));
    let sessions = server.told("SELECT count(*) FROM pg_stat_activity WHERE usename = 'reader'").await;
    assert!((1..=8).contains(&sessions), "{sessions}");
}

#[tokio::test]
async fn nothing_can_be_written_by_reading() {
    let Some(server) = Server::start().await else { return };
    let (site, _running) = started(&server, "open").await;
    server
        .run(
            "CREATE TABLE log(at timestamptz);
             CREATE FUNCTION logged() RETURNS text SECURITY DEFINER LANGUAGE plpgsql AS
                 $$ BEGIN INSERT INTO log VALUES (now()); RETURN ''; END $$;
             CREATE OR REPLACE VIEW visits AS SELECT no AS visit_no, who AS resident, st AS state, began,
                 place AS setting, note || logged() AS note FROM raw",
        )
        .await;
    fails(&site, "/Encounter/11", "upstream-failed").await;
    assert_eq!(server.told("SELECT count(*) FROM log").await, 0);
}

#[tokio::test]
async fn a_view_that_moved_or_may_not_be_read_is_an_outage_and_never_an_empty_answer() {
    let Some(server) = Server::start().await else { return };
    let (site, _running) = started(&server, "open").await;
    let paths = ["/Encounter/11", "/Encounter/99", "/Encounter?patient=R-1"];
    let (moved, away) = ("upstream-source-moved", "upstream-not-authorised");
    for (broken, reason, mended) in [
        (
            "ALTER VIEW visits RENAME COLUMN began TO start",
            moved,
            "ALTER VIEW visits RENAME COLUMN start TO began",
        ),
        ("ALTER VIEW visits RENAME TO calls", moved, "ALTER VIEW calls RENAME TO visits"),
        ("REVOKE SELECT ON visits FROM reader", away, "GRANT SELECT ON visits TO reader"),
        ("ALTER ROLE reader NOLOGIN", away, "ALTER ROLE reader LOGIN"),
    ] {
        server.run(broken).await;
        server.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'reader'").await;
        for path in paths {
            fails(&site, path, reason).await;
        }
        server.run(mended).await;
        assert_eq!(get(&site, "/Encounter/11").await.status, 200, "{mended}");
    }
}

#[tokio::test]
async fn a_server_that_turns_the_gateway_away_is_an_outage() {
    let Some(server) = Server::start().await else { return };
    let (site, running) = started(&server, "open").await;
    server.run("CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0").await;
    let settings = std::fs::read_to_string(site.config()).unwrap();
    let wrong = site.folder.path().join("wrong");
    std::fs::write(&wrong, "another password").unwrap();
    let right = settings.split("password_file = \"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    let away = "upstream-not-authorised";
    for (from, to, reason) in [
        (right, &*wrong.to_string_lossy(), away),
        (&format!("password_file = \"{right}\"\n"), "", away),
        ("user = \"reader\"", "user = \"nobody\"", away),
        ("database = \"postgres\"", "database = \"nowhere\"", "upstream-source-moved"),
        ("database = \"postgres\"", "database = \"latin\"", "upstream-failed"),
    ] {
        change(&site, from, to);
        running.reload().await.unwrap();
        for path in ["/Encounter/11", "/Encounter/99"] {
            fails(&site, path, reason).await;
        }
        std::fs::write(site.config(), &settings).unwrap();
    }
    running.reload().await.unwrap();
    assert_eq!(get(&site, "/Encounter/11").await.status, 200);
}

#[tokio::test]
async fn over_tls_a_server_is_believed_by_its_own_authority_and_its_own_name_alone() {
    let (own, foreign) = (Authority::new("own"), Authority::new("foreign"));
    let Some(server) = Server::with_tls(&own.server("cases.example")).await else { return };
    let elsewhere = own.issue(&Says {
        sans: &[dns("cases.example")],
        common_name: "127.0.0.1",
        serial: 2,
        until_year: 2090,
        usage: rcgen::ExtendedKeyUsagePurpose::ServerAuth,
    });
    let named = Server::with_tls(&elsewhere).await.unwrap();
    let plain = Server::start().await.unwrap();
    for (server, authority, status) in
        [(&server, &own, 200), (&server, &foreign, 502), (&named, &own, 502), (&plain, &own, 502)]
    {
        let source = server.source("127.0.0.1", "ca = \"ca.pem\"\n");
        let site = council_with("open", &source).await;
        std::fs::write(site.folder.path().join("ca.pem"), &authority.pem).unwrap();
        let _running = site.start().await.unwrap();
        if status == 502 {
            fails(&site, "/Encounter/11", "upstream-unreachable").await;
            fails(&site, "/Encounter/99", "upstream-unreachable").await;
        } else {
            assert_eq!(get(&site, "/Encounter/11").await.status, 200);
        }
        if status == 200 {
            let ours = "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE usename = 'reader' AND ssl";
            assert_eq!(server.told(ours).await, 1);
        }
    }
    let site = council_with("open", &plain.source("127.0.0.1", "")).await;
    let _running = site.start().await.unwrap();
    assert_eq!(get(&site, "/Encounter/11").await.status, 200, "on loopback without TLS");
}
