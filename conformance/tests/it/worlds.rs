//! Worlds that differ only in what is hidden: a server that shows the view answers alike, one without a policy does not.

use conformance::privacy::battery::{Canary, attacks, canaries};
use conformance::privacy::scan::Scanner;
use conformance::privacy::wire::Endpoint;
use conformance::privacy::worlds::{Comparing, Comparison, Grammar, compare};
use serde_json::Value;

use crate::holder::{Mind, TOKEN, records, start};
use crate::privacy::{corpus, endpoint, view, world};

const SEED: u64 = 20_261_121;

async fn compared(
    worlds: Vec<(Mind, Vec<Value>)>,
    grammar: &Grammar,
    hidden: &Scanner,
    requests: u32,
) -> Comparison {
    let mut servers: Vec<Endpoint> = Vec::new();
    for (mind, records) in worlds {
        servers.push(endpoint(&start(mind, records, None).await).await);
    }
    let tokens = [TOKEN.to_owned()];
    let comparing =
        Comparing { worlds: &servers, prefix: "", tokens: &tokens, hidden, grammar, seed: SEED, requests };
    compare(&comparing).await
}

fn small_grammar(hidden: &str) -> Grammar {
    let canary = Canary {
        canary: hidden.to_owned(),
        hidden_from: ["LA".to_owned()].into(),
        places: vec![
            "Patient/seen.address".into(),
            "Patient/unseen.name".into(),
            "Observation/weight.code".into(),
        ],
    };
    Grammar::of(&[], &[canary], "LA")
}

#[tokio::test]
async fn views_alike_are_answered_alike() {
    let grammar = small_grammar("CANARY-ONE-1111");
    let same = vec![(Mind::Strict, view()), (Mind::Strict, view()), (Mind::Strict, view())];
    let done = compared(same, &grammar, &Scanner::new(["CANARY-ONE-1111"]), 600).await;
    assert_eq!((done.faults.as_slice(), done.compared), (&[] as &[String], 600));
    assert!(done.served > 30 && done.distinct > 3, "{done:?}");
}

#[tokio::test]
async fn a_server_that_lets_hidden_things_matter_is_found_out() {
    let grammar = small_grammar("CANARY-ONE-1111");
    let worlds = vec![(Mind::Leaky, world("CANARY-ONE-1111")), (Mind::Leaky, world("CANARY-TWO-2222"))];
    let done = compared(worlds, &grammar, &Scanner::new(["CANARY-ONE-1111", "CANARY-TWO-2222"]), 200).await;
    assert!(done.fault_count > 50, "{done:?}");
}

#[tokio::test]
async fn a_difference_without_any_canary_is_found_too() {
    let grammar = small_grammar("CANARY-ONE-1111");
    let mut more = view();
    more.push(serde_json::json!({ "resourceType": "Observation", "id": "extra", "subject": { "reference": "Patient/seen" } }));
    let worlds = vec![(Mind::Strict, view()), (Mind::Strict, more)];
    let done = compared(worlds, &grammar, &Scanner::new(["CANARY-ONE-1111"]), 600).await;
    assert!(done.fault_count > 0, "{done:?}");
    assert!(done.faults.iter().all(|fault| fault.contains("of world 1 is another")), "{:?}", done.faults);
}

#[tokio::test]
async fn a_seed_does_the_same_again() {
    let grammar = small_grammar("CANARY-ONE-1111");
    let worlds = || vec![(Mind::Leaky, world("CANARY-ONE-1111")), (Mind::Leaky, world("CANARY-TWO-2222"))];
    let hidden = Scanner::new(["CANARY-ONE-1111"]);
    let once = compared(worlds(), &grammar, &hidden, 60).await;
    assert_eq!(compared(worlds(), &grammar, &hidden, 60).await, once);
}

#[tokio::test]
async fn the_worlds_of_the_fixture_differ_without_a_policy_and_not_in_their_view() {
    let Some(corpus) = corpus() else { return };
    let fixture = corpus.join("fixture");
    let known = canaries(&fixture.join("canaries.json")).unwrap();
    let grammar = Grammar::of(&attacks(&corpus.join("battery.jsonl")).unwrap(), &known, "LA");
    let hidden_from_la = known.iter().filter(|canary| canary.hidden_from.contains("LA"));
    let hidden = Scanner::new(hidden_from_la.map(|canary| canary.canary.clone()));
    let full =
        ["w0", "w1", "w2", "w3"].map(|name| (Mind::Leaky, records(&fixture.join("worlds").join(name))));
    let done = compared(full.into(), &grammar, &hidden, 60).await;
    assert!(done.fault_count > 10, "{done:?}");
    let seen = [(); 4].map(|()| (Mind::Strict, records(&fixture.join("views/LA"))));
    let done = compared(seen.into(), &grammar, &hidden, 400).await;
    assert_eq!(done.faults, [] as [String; 0]);
    assert!(done.served > 20, "{done:?}");
}
