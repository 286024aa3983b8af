//! The text of a message stays as long as a parcel of it waits, and no longer; without it nothing goes.

use std::collections::HashSet;
use std::iter::repeat_n;
use std::sync::Arc;

use fhir::ods_code::OdsCode;
use fhir::purpose_of_use::PurposeOfUse;
use rusqlite::{params, params_from_iter};
use tokio::sync::Notify;

use super::anew::{Wanted, known};
use super::busy::Busy;
use super::counts::Counts;
use super::delivery::NotDelivered;
use super::desk::Desk;
use super::express::Express;
use super::form::Form;
use super::fresh::Fresh;
use super::inbox::{Answer, Arrival, Care, InboxId, Known, Verdict};
use super::intake::{Intake, Sender};
use super::intent::Departed;
use super::letters::{Owed, Stage, Which};
use super::outbox::{DUE, Due, NEXT_MS, NEXT_SYSTEM, Original, OutboxId, Parcel, Text};
use super::stamped::{Stamped, stamped};
use super::store::Store;
use crate::clock::Clock;
use crate::ledger::{Options, SegmentLedger};
use crate::person::SystemName;
use crate::trail::record::Exchange;
use crate::trail::store::KEY_SCHEME;

const TEXT: &[u8] = b"MSH|the message";

fn arrival(control_id: &str) -> Arrival {
    Arrival {
        source: "RX1".to_owned(),
        control_id: control_id.to_owned(),
        row_key: None,
        hash: [0; 32],
        listener: "mllp:test".to_owned(),
        received_ms: 0,
        care: Care::WithSender,
        receivers: "council".to_owned(),
        stood: None,
        raw: TEXT.to_vec(),
    }
}

async fn received(store: &Store) -> InboxId {
    match store.receive(arrival("M1")).await {
        Ok(Known::Open(id)) => id,
        other => panic!("{other:?}"),
    }
}

fn parcel(system: &str) -> Parcel {
    Parcel {
        system: SystemName::new(system),
        person: "p".to_owned(),
        bundle: "b".to_owned(),
        body: "{}".into(),
        intent: serde_json::to_vec(&Exchange::begun("r".to_owned(), jiff::Timestamp::UNIX_EPOCH, None))
            .expect("json"),
    }
}

/// What is due at 0, at any system.
async fn due(store: &Store) -> Vec<OutboxId> {
    let listed = store.due(0, 16, HashSet::new()).await.expect("due");
    listed.of_each.into_iter().flat_map(|(_, due)| due).collect()
}

/// All that is due, each as it is when its turn comes.
async fn begun(store: &Store) -> Vec<Due> {
    let mut begun = Vec::new();
    for id in due(store).await {
        begun.extend(store.begin(id, |_| false).await.expect("begun"));
    }
    begun
}

async fn text(store: &Store) -> Option<Vec<u8>> {
    let read = store.run(|connection| connection.query_row("SELECT raw FROM inbox", [], |row| row.get(0)));
    read.await.expect("one message")
}

#[tokio::test]
async fn the_text_stays_until_the_last_parcel_has_gone_or_is_given_up() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(&folder.path().join("push.sqlite")).expect("a store");
    let id = received(&store).await;
    let parcels = vec![parcel("council"), parcel("hospice")];
    store.accept(id, parcels, (Answer::Accepted, Vec::new()), 0).await.expect("accepted");
    let due = begun(&store).await;
    assert_eq!(due.len(), 2);
    for due in &due {
        assert!(
            matches!(&due.original, Original::Held { listener, raw, .. } if listener == "mllp:test" && raw == TEXT)
        );
    }
    store.retry(due[0].id, 0, "upstream-unreachable").await.expect("noted");
    assert_eq!(text(&store).await.as_deref(), Some(TEXT));
    store.delivered(due[0].id).await.expect("noted");
    assert_eq!(text(&store).await.as_deref(), Some(TEXT), "another one waits");
    store.give_up(due[1].id, "consent-denied", Text::Gone, 0).await.expect("noted");
    assert_eq!(text(&store).await, None);
}

#[tokio::test]
async fn the_text_of_what_was_given_up_stays_for_an_operator_until_it_is_forgotten() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(&folder.path().join("push.sqlite")).expect("a store");
    let id = received(&store).await;
    let parcels = vec![parcel("council"), parcel("hospice")];
    store.accept(id, parcels, (Answer::Accepted, Vec::new()), 0).await.expect("accepted");
    let due = begun(&store).await;
    store.give_up(due[0].id, "no-sharing-agreement", Text::Kept, 0).await.expect("noted");
    store.give_up(due[1].id, "consent-denied", Text::Gone, 0).await.expect("noted");
    assert_eq!(
        text(&store).await.as_deref(),
        Some(TEXT),
        "one was given up for another reason than her word"
    );
    store.forget_before(0).await.expect("forgotten");
    assert_eq!(text(&store).await.as_deref(), Some(TEXT));
    store.forget_before(1).await.expect("forgotten");
    assert_eq!(text(&store).await, None);
    let bodies = store.run(|connection| {
        connection.query_row("SELECT COUNT(*) FILTER (WHERE body IS NULL) FROM outbox", [], |row| row.get(0))
    });
    assert_eq!(bodies.await, Ok(2), "the names of the dead are left");
}

#[tokio::test]
async fn the_text_of_what_is_refused_stays_for_a_while_and_goes_at_once_when_she_said_no() {
    for (gone, kept) in [(Text::Kept, Some(TEXT.to_vec())), (Text::Gone, None)] {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(&folder.path().join("push.sqlite")).expect("a store");
        let id = received(&store).await;
        let refused =
            Answer::Refused { verdict: Verdict::Error, code: "207".to_owned(), text: "no".to_owned() };
        let against = Stamped { text: gone, ..stamped(Stage::Decide, "labelled", None) };
        store.refuse(id, refused, vec![against], 0).await.expect("refused");
        assert_eq!(text(&store).await, kept);
        let letters = store.letters(Which::Open).await.expect("letters");
        assert_eq!(letters.len(), 1);
        assert_eq!(letters.first().and_then(|letter| letter.bytes).is_some(), kept.is_some());
        store.forget_before(1).await.expect("forgotten");
        assert_eq!(store.letters(Which::All).await.expect("letters"), []);
        let left =
            store.run(|connection| connection.query_row("SELECT COUNT(*) FROM inbox", [], |row| row.get(0)));
        assert_eq!(left.await, Ok(0), "with the letter its message is forgotten");
    }
}

#[tokio::test]
async fn no_text_is_kept_longer_than_answered_messages_are_remembered() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(&folder.path().join("push.sqlite")).expect("a store");
    let texts = async || {
        let count = "SELECT COUNT(*) FROM inbox WHERE raw IS NOT NULL";
        store.run(|connection| connection.query_row(count, [], |row| row.get::<_, i64>(0))).await
    };
    let stamped = |system: &str, stage, reason: &str| Stamped {
        system: Some(SystemName::new(system)),
        stage,
        reason: reason.to_owned(),
        told: None,
        text: Text::Kept,
        owed: if stage == Stage::Fault { Owed::Yes } else { Owed::No },
    };
    // One system may not have it, and of the other she said no while it waited.
    let id = received(&store).await;
    let against = vec![stamped("hospice", Stage::Decide, "labelled")];
    store.accept(id, vec![parcel("council")], (Answer::Accepted, against), 0).await.expect("accepted");
    let due = begun(&store).await.remove(0);
    store.forget_before(1).await.expect("forgotten");
    assert_eq!(texts().await, Ok(1), "what is on its way needs it");
    store.give_up(due.id, "consent-denied", Text::Gone, 0).await.expect("noted");
    store.forget_before(1).await.expect("forgotten");
    assert_eq!(texts().await, Ok(0));
    // What the program failed at, and nobody has seen to.
    let taken_over = store.run(|connection| {
        connection.execute_batch(
            "INSERT INTO inbox (id, source, control_id, hash, listener, received_ms, taken_over, raw)
             VALUES (7, 'RX1', 'M7', x'00', 'mllp:test', 0, 1, x'00')",
        )
    });
    taken_over.await.expect("stored");
    let fault = Stamped { system: None, ..stamped("", Stage::Fault, "panicked-given-up") };
    store.forget_before(1).await.expect("forgotten");
    assert_eq!(texts().await, Ok(1), "nobody has given it up");
    store.give_up_on(InboxId(7), fault, (3, 0)).await.expect("noted");
    store.forget_before(1).await.expect("forgotten");
    assert_eq!(texts().await, Ok(0));
    assert_eq!(store.open_messages(None, 9).await.expect("read").len(), 0);
    assert_eq!(store.backlog().await.expect("a backlog").dead, 2, "their names stay");
}

#[tokio::test]
async fn a_look_waits_for_nobody_who_writes_and_scans_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("push.sqlite");
    let store = Store::open(&file).expect("a store");
    let id = received(&store).await;
    let against = vec![stamped(Stage::Decide, "labelled", None)];
    let answer = Answer::Refused { verdict: Verdict::Error, code: "207".to_owned(), text: "no".to_owned() };
    store.refuse(id, answer, against, 0).await.expect("refused");
    let other = rusqlite::Connection::open(&file).expect("a connection");
    other.execute_batch("BEGIN IMMEDIATE").expect("the right to write");
    let letters = store.letters(Which::Open).await.expect("letters while another process writes");
    let opened = store.letter(letters[0].id).await.expect("a letter").expect("it is there");
    assert_eq!((letters.len(), opened.raw.as_deref()), (1, Some(TEXT)));
    assert_eq!(store.progress(super::errands::ErrandId(1)).await, Ok(None));
    let plan = format!("EXPLAIN QUERY PLAN {}", super::listed::listed(Which::Open));
    let mut steps = other.prepare(&plan).expect("a plan");
    let steps: Vec<String> = steps
        .query_map([i64::MAX], |row| row.get("detail"))
        .expect("steps")
        .map(|step| step.expect("a step"))
        .collect();
    let later = steps.iter().find(|step| step.contains("later")).expect("a step");
    assert!(later.contains("outbox_arrived (system=? AND person=? AND id>?)"), "{steps:?}");
    assert!(steps.iter().all(|step| !step.contains("SCAN mine")), "{steps:?}");
}

#[tokio::test]
async fn without_its_text_nothing_goes_and_an_unknown_sender_may_come_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let clock = Clock::machine();
    let store = Store::open(&folder.path().join("push.sqlite")).expect("a store");
    let options = Options::new(folder.path().join("ledger"), "test/ledger", KEY_SCHEME);
    let intake = Intake {
        store: store.clone(),
        ledger: Arc::new(SegmentLedger::open(&options, clock.clone()).expect("a ledger")),
        exchange: Arc::new(Desk::new(Arc::new(|| panic!("nothing is decided")))),
        clock,
        counts: Arc::new(Counts::default()),
        wake: Arc::new(Notify::new()),
        busy: Arc::new(Busy::default()),
        fresh: Fresh::default(),
        express: Express::default(),
    };
    let sender = Arc::new(Sender {
        listener: "mllp:test".to_owned(),
        organisation: OdsCode::parse("RX1").expect("a code"),
        to: vec![SystemName::new("council")],
        purposes: vec![PurposeOfUse::parse("COC").expect("a purpose")],
        form: Form::Hl7v2,
        context: adapters::Context::new("RX1", None, "Europe/London").expect("a context"),
    });
    let id = received(&store).await;
    store.accept(id, vec![parcel("council")], (Answer::Accepted, Vec::new()), 0).await.expect("accepted");
    let due = begun(&store).await.remove(0);
    assert_eq!(intake.decide_anew(&[], &due).await.err(), Some(NotDelivered::Held("sender-not-known")));
    let renamed = Arc::new(Sender { listener: "mllp:renamed".to_owned(), ..(*sender).clone() });
    let other =
        Arc::new(Sender { organisation: OdsCode::parse("RX2").expect("a code"), ..(*renamed).clone() });
    let elsewhere = Arc::new(Sender { to: vec![SystemName::new("hospice")], ..(*renamed).clone() });
    let by_http = Arc::new(Sender { listener: "dns:adt to council".to_owned(), ..(*sender).clone() });
    let twin = Arc::new(Sender { listener: "mllp:twin".to_owned(), ..(*sender).clone() });
    for (senders, found) in [
        (vec![&renamed], Some("mllp:renamed")),
        (vec![&other, &elsewhere, &by_http, &renamed], Some("mllp:renamed")),
        (vec![&other, &elsewhere, &by_http], None),
        (vec![&renamed, &twin], None),
        (vec![&renamed, &sender], Some("mllp:test")),
    ] {
        let senders: Vec<Arc<Sender>> = senders.into_iter().map(Arc::clone).collect();
        let known = known(&senders, "mllp:test", "RX1/RX1/PAS", Wanted::System(&due.parcel.system));
        assert_eq!(known.map(|sender| sender.listener.as_str()), found);
    }
    let lost =
        store.run(|connection| connection.execute("UPDATE inbox SET raw = ?1", params![None::<Vec<u8>>]));
    assert_eq!(lost.await.expect("changed"), 1);
    let due = begun(&store).await.remove(0);
    let why = intake.decide_anew(&[sender], &due).await.err();
    assert_eq!(why, Some(NotDelivered::Held("original-not-held")));
}

#[tokio::test]
async fn rubbish_does_not_fill_the_disk_and_what_was_acknowledged_is_not_let_go_for_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(&folder.path().join("push.sqlite")).expect("a store");
    let id = received(&store).await;
    store.accept(id, vec![parcel("council")], (Answer::Accepted, Vec::new()), 0).await.expect("accepted");
    let due = begun(&store).await.remove(0);
    store.give_up(due.id, "not-taken-invalid", Text::Kept, 0).await.expect("noted");
    let made = store.run(|connection| {
        connection.execute_batch(
            "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 10005)
             INSERT INTO letter (stage, reason, source, control_id, hash, listener, raw, first_ms, last_ms)
             SELECT 'read', 'not-a-message', 'RX1', '', CAST(n AS BLOB), 'mllp:test', x'00', 0, 0 FROM n",
        )
    });
    made.await.expect("made");
    store.forget_before(0).await.expect("forgotten");
    let left = store.run(|connection| {
        connection.query_row("SELECT COUNT(*), MIN(stage), MAX(id) FROM letter", [], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?, row.get::<_, i64>(2)?))
        })
    });
    assert_eq!(left.await, Ok((10_001, "deliver".to_owned(), 10_006)), "the oldest of what was refused went");
}

#[tokio::test]
async fn what_is_due_is_found_without_reading_what_is_over_and_in_order_for_each_person() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("push.sqlite");
    let store = Store::open(&file).expect("a store");
    for (number, person) in ["p", "p", "q"].into_iter().enumerate() {
        let Ok(Known::Open(id)) = store.receive(arrival(&format!("M{number}"))).await else {
            panic!("stored")
        };
        let parcels = vec![Parcel { person: person.to_owned(), ..parcel("council") }];
        store.accept(id, parcels, (Answer::Accepted, Vec::new()), 0).await.expect("accepted");
    }
    let places = async || due(&store).await.iter().map(|id| id.0).collect::<Vec<_>>();
    assert_eq!(places().await, [1, 3], "the second of a person waits for the first");
    let first = due(&store).await[0];
    store.retry(first, 9, "upstream-unreachable").await.expect("noted");
    assert_eq!(places().await, [3], "and while that waits");
    store.retry(first, 0, "upstream-unreachable").await.expect("noted");
    assert_eq!(store.begin(first, |_| false).await.expect("begun").map(|due| due.attempts), Some(0));
    assert_eq!(store.begin(first, |_| false).await.expect("begun").map(|due| due.attempts), Some(1));
    store.delivered(first).await.expect("noted");
    assert!(store.begin(first, |_| false).await.expect("read").is_none(), "what is over is not begun");
    assert_eq!(places().await, [2, 3]);
    let connection = rusqlite::Connection::open(&file).expect("a connection");
    for (question, searches) in [
        (
            DUE,
            &[
                "head USING INDEX outbox_turn (system=? AND due_ms<?)",
                "outbox_due (system=? AND person=? AND id<?)",
            ][..],
        ),
        (NEXT_SYSTEM, &["outbox_turn (system>?)"]),
        (NEXT_MS, &["outbox_turn (system=? AND due_ms>?)"]),
    ] {
        let mut steps = connection.prepare(&format!("EXPLAIN QUERY PLAN {question}")).expect("a plan");
        let steps = steps
            .query_map(params_from_iter(repeat_n(0, steps.parameter_count())), |row| {
                row.get::<_, String>("detail")
            })
            .expect("steps");
        let steps = steps.collect::<Result<Vec<_>, _>>().expect("steps").join("; ");
        assert!(searches.iter().all(|search| steps.contains(search)), "{steps}");
        assert!(!steps.contains("SCAN") && !steps.contains("B-TREE"), "{steps}");
    }
}

#[tokio::test]
async fn each_system_is_asked_for_what_is_due_on_its_own() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(&folder.path().join("push.sqlite")).expect("a store");
    for (number, systems) in [&["b", "c"][..], &["a", "b"]].into_iter().enumerate() {
        let Ok(Known::Open(id)) = store.receive(arrival(&format!("M{number}"))).await else {
            panic!("stored")
        };
        let person = format!("p{number}");
        let parcels = systems.iter().map(|system| Parcel { person: person.clone(), ..parcel(system) });
        store.accept(id, parcels.collect(), (Answer::Accepted, Vec::new()), 0).await.expect("accepted");
    }
    let listed = async |now_ms, not_asked: &[&str]| {
        let not_asked = not_asked.iter().copied().map(SystemName::new).collect();
        let listed = store.due(now_ms, 1, not_asked).await.expect("due");
        let of_each = listed.of_each.into_iter();
        let of_each = of_each.map(|(system, due)| (system.to_string(), due.iter().map(|id| id.0).collect()));
        (of_each.collect::<Vec<(String, Vec<i64>)>>(), listed.next_ms)
    };
    let [a, b, c] = [("a".to_owned(), vec![3]), ("b".to_owned(), vec![1]), ("c".to_owned(), vec![2])];
    assert_eq!(listed(0, &[]).await, (vec![a.clone(), b, c.clone()], None), "as many of each as are wanted");
    assert_eq!(listed(0, &["b", "d"]).await, (vec![a, c.clone()], None));
    store.retry(OutboxId(1), 7, "upstream-unreachable").await.expect("noted");
    store.retry(OutboxId(3), 9, "upstream-unreachable").await.expect("noted");
    let [none, other] = [("a".to_owned(), vec![]), ("b".to_owned(), vec![4])];
    assert_eq!(listed(0, &[]).await, (vec![none.clone(), other, c.clone()], Some(7)));
    assert_eq!(listed(8, &["b"]).await, (vec![none, c], Some(9)));
}

#[tokio::test]
async fn a_parcel_whose_ruling_stands_is_noted_as_leaving_when_it_is_begun() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(&folder.path().join("push.sqlite")).expect("a store");
    let id = received(&store).await;
    store.accept(id, vec![parcel("council")], (Answer::Accepted, Vec::new()), 0).await.expect("accepted");
    let due = due(&store).await[0];
    let begun =
        async |stands: fn(&[u8]) -> bool| store.begin(due, stands).await.expect("begun").expect("due");
    let departed = async || store.intent_of(due).await.expect("read").1;
    assert_eq!((begun(|_| false).await.leaves, departed().await), (None, Departed::No));
    let of_the_intent = |intent: &[u8]| intent == parcel("council").intent;
    assert_eq!(
        (begun(of_the_intent).await.leaves, departed().await),
        (Some(Departed::No), Departed::Perhaps)
    );
    assert_eq!(begun(of_the_intent).await.leaves, Some(Departed::Perhaps), "it may have arrived before");
    store.came_back(due).await.expect("noted");
    // An intent that has to be ended first: nothing leaves before that, whatever stands.
    store.name_anew(due, "anew".to_owned()).await.expect("named");
    assert_eq!((begun(|_| true).await.leaves, departed().await), (None, Departed::No));
}

#[tokio::test]
async fn what_is_asked_again_and_again_is_planned_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(&folder.path().join("push.sqlite")).expect("a store");
    let planned = store.run(|connection| {
        let mut again = Vec::new();
        for (sql, is_look) in [
            (NEXT_MS, true),
            ("SELECT id FROM inbox WHERE source = ?1 AND control_id = ?2", true),
            ("UPDATE outbox SET departed = 1 WHERE id = ?1 AND state = ?2", false),
        ] {
            let mut statement = connection.prepare(sql)?;
            for number in 0..3 {
                match is_look {
                    true => drop(statement.query(params![number, number])?.next()?),
                    false => drop(statement.execute(params![number, "due"])?),
                }
            }
            again.push(statement.get_status(rusqlite::StatementStatus::RePrepare));
        }
        Ok(again)
    });
    assert_eq!(planned.await, Ok(vec![0, 0, 0]));
}

#[tokio::test]
async fn what_comes_anew_is_held_before_anybody_else_can_find_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(&folder.path().join("push.sqlite")).expect("a store");
    let busy = Arc::new(Busy::default());
    let came = async || store.receive_held(arrival("M1"), Arc::clone(&busy)).await.expect("stored");
    let (Known::Open(id), Some(held)) = came().await else { panic!("it is new, and held") };
    assert!(busy.hold_now(id).is_none(), "nobody else deals with it");
    let (again, none) = came().await;
    assert_eq!((again, none.is_none()), (Known::Open(id), true), "who finds it waits for a turn");
    drop(held);
    assert!(busy.hold_now(id).is_some());
}
