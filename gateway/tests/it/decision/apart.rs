//! A question about many is taken apart where it cannot be answered about some.

use std::collections::BTreeSet;
use std::sync::Mutex;

use fhir::json::{Limits, parse};
use fhir::reference::Id;
use futures_util::future::BoxFuture;
use gateway::decision::evidence::apart::{Search, Spare, Told};
use gateway::decision::evidence::{EvidenceFault, EvidenceSource};
use gateway::enforce::facts::{NotEvidence, only};
use gateway::enforce::held::{Complete, Held};
use gateway::enforce::unfiltered::Unfiltered;
use gateway::interaction::ReadTarget;
use gateway::person::SystemName;
use gateway::upstream::UpstreamFault;
use proptest::prelude::{Strategy, proptest};

/// A system that holds nothing and does not answer about some.
#[derive(Default)]
struct Choosy {
    bad: BTreeSet<String>,
    fault: Option<UpstreamFault>,
    /// How many questions about them are left unanswered.
    times: Mutex<Option<usize>>,
    asked: Mutex<Vec<Vec<String>>>,
}

impl EvidenceSource for Choosy {
    fn search_all<'a>(
        &'a self,
        _: &'a SystemName,
        _: &'static str,
        parameters: Vec<(&'static str, String)>,
    ) -> BoxFuture<'a, Result<Unfiltered<Held>, UpstreamFault>> {
        let ids: Vec<String> = parameters[0].1.split(',').map(str::to_owned).collect();
        let is_bad = ids.iter().any(|id| self.bad.contains(id));
        self.asked.lock().unwrap().push(ids);
        let mut times = self.times.lock().unwrap();
        let left = times.as_ref().is_none_or(|left| *left > 0);
        if let (true, Some(fault)) = (is_bad && left, self.fault) {
            *times = times.map(|left| left - 1);
            return Box::pin(async move { Err(fault) });
        }
        let page = r#"{"resourceType":"Bundle","type":"searchset"}"#;
        let page = parse(page.into(), &Limits::default()).unwrap();
        Box::pin(async move { Ok(Unfiltered::new(Held::searchset(vec![page], Complete::All, None))) })
    }

    fn read_one<'a>(
        &'a self,
        _: &'a SystemName,
        _: &'a ReadTarget,
    ) -> BoxFuture<'a, Result<Unfiltered<Held>, UpstreamFault>> {
        Box::pin(async { Err(UpstreamFault::Rejected) })
    }
}

fn ids(all: &[String]) -> BTreeSet<Id> {
    all.iter().map(|id| Id::parse(id).unwrap()).collect()
}

async fn ask(source: &Choosy, all: &BTreeSet<Id>) -> Result<Told<Id, BTreeSet<Id>>, EvidenceFault> {
    let (system, nobody) = (SystemName::new("hospital"), Id::parse("nobody").unwrap());
    let search = Search::by_id((&system, "Patient"), Some(&nobody), 200);
    let read = &|held, some: &BTreeSet<Id>| -> Result<BTreeSet<Id>, NotEvidence> {
        only(held, "Patient", some).map(|_| some.clone())
    };
    search.ask(all, source, &mut Spare::default(), read).await
}

fn people(count: usize) -> Vec<String> {
    (0..count).map(|at| format!("p{at}")).collect()
}

#[tokio::test]
async fn one_of_two_hundred_costs_a_handful_of_questions_and_nobody_else_an_answer() {
    let all = people(200);
    let bad = BTreeSet::from(["p77".to_owned()]);
    let source = Choosy { bad, fault: Some(UpstreamFault::NotAuthorised), ..Choosy::default() };
    let told = ask(&source, &ids(&all)).await.unwrap();
    assert_eq!(told.failed, ids(&["p77".to_owned()]));
    assert_eq!(told.parts.iter().map(BTreeSet::len).sum::<usize>(), 199);
    assert!(source.asked.lock().unwrap().len() <= 20, "{:?}", source.asked);
}

#[tokio::test]
async fn what_is_not_answered_about_nobody_either_is_a_fault_of_the_system() {
    for fault in [UpstreamFault::Failed, UpstreamFault::NotAuthorised, UpstreamFault::BrokenOff] {
        let bad = BTreeSet::from(["p1".to_owned(), "nobody".to_owned()]);
        let source = Choosy { bad, fault: Some(fault), ..Choosy::default() };
        let why = ask(&source, &ids(&people(5))).await.unwrap_err();
        assert!(matches!(why, EvidenceFault::Upstream(found) if found == fault), "{why:?}");
        assert_eq!(source.asked.lock().unwrap().len(), 2);
    }
}

#[tokio::test]
async fn a_system_that_is_slow_busy_or_away_is_at_fault_whoever_is_asked_about() {
    for fault in [UpstreamFault::TimedOut, UpstreamFault::Busy, UpstreamFault::Unreachable] {
        let bad = BTreeSet::from(["p1".to_owned()]);
        let source = Choosy { bad, fault: Some(fault), ..Choosy::default() };
        assert!(ask(&source, &ids(&people(5))).await.is_err(), "{fault}");
        assert_eq!(source.asked.lock().unwrap().len(), 1, "{fault}");
    }
}

#[tokio::test]
async fn who_is_answered_about_a_moment_later_is_not_in_doubt() {
    for (times, failed) in [(1, 0), (2, 1)] {
        let source = Choosy {
            bad: BTreeSet::from(["p0".to_owned()]),
            fault: Some(UpstreamFault::Failed),
            times: Mutex::new(Some(times)),
            ..Choosy::default()
        };
        let told = ask(&source, &ids(&people(1))).await.unwrap();
        assert_eq!((told.failed.len(), told.parts.len()), (failed, 1 - failed));
    }
}

proptest! {
    #[test]
    fn whoever_is_broken_all_others_are_told(
        (count, bad) in (1..300_usize).prop_flat_map(|count| {
            (proptest::strategy::Just(count), proptest::collection::btree_set(0..count, 0..6))
        })
    ) {
        let all = people(count);
        let bad: BTreeSet<String> = bad.into_iter().map(|at| format!("p{at}")).collect();
        let source = Choosy { bad: bad.clone(), fault: Some(UpstreamFault::Rejected), ..Choosy::default() };
        let told = futures_util::FutureExt::now_or_never(ask(&source, &ids(&all))).unwrap().unwrap();
        let answered: BTreeSet<Id> = told.parts.into_iter().flatten().collect();
        let bad: Vec<String> = bad.into_iter().collect();
        assert_eq!(told.failed, ids(&bad));
        assert!(answered.is_disjoint(&told.failed));
        assert_eq!(answered.len() + bad.len(), count);
    }
}
