//! One run: observe, judge, sum up.

use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::bench::{Bench, Exchanged};
use crate::check::{Check, Finding, Judge, Otherwise, Status};
use crate::observe::{Observation, Observed, Stated, observe};
use crate::suite::Suite;
use crate::target::Trouble;

/// One check.
const CHECK_MAX: Duration = Duration::from_secs(120);

/// What a run came to.
#[derive(Debug)]
pub struct Run {
    /// The base that was tested.
    pub base: String,
    /// The findings of each suite, in order.
    pub suites: Vec<(Suite, Vec<Finding>)>,
    /// Whether the endpoint could be tested at all.
    pub target: Usable,
    /// How many resources that the run made are still on the endpoint, because it would not delete them.
    pub left: usize,
    /// The harmless questions that were asked before the checks, without what could name a record.
    pub asked: Vec<Exchanged>,
    /// When it began.
    pub began: Timestamp,
    /// How long it took.
    pub took: Duration,
}

/// Whether the endpoint could be tested at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Usable {
    /// It answered.
    Yes,
    /// `GET metadata` had no answer, and why.
    Silent(Trouble),
    /// It has no CapabilityStatement, which the chosen suites go by.
    StatesNothing,
}

/// How a run ended, as an exit status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// No check failed: 0.
    Pass,
    /// A SHALL is unmet: 1.
    Fail,
    /// Something could not be found out, or nothing was checked: 2.
    Error,
    /// The target cannot be tested: 3.
    Unusable,
}

impl Verdict {
    /// One word for reports.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Error => "error",
            Self::Unusable => "unusable",
        }
    }

    /// The exit status.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Pass => 0,
            Self::Fail => 1,
            Self::Error => 2,
            Self::Unusable => 3,
        }
    }
}

/// What happens in a run, as it happens.
#[derive(Debug)]
pub enum Event<'a> {
    /// A check begins.
    Begun {
        /// Its suite.
        suite: Suite,
        /// The check.
        check: &'static Check,
        /// How many were before it in this run.
        before: usize,
        /// How many there are.
        all: usize,
    },
    /// A check ended.
    Ended {
        /// Its suite.
        suite: Suite,
        /// How it ended.
        finding: &'a Finding,
    },
}

/// Runs `suites` on `bench`, and tells of each check as it goes. What was made on the endpoint is deleted at the end.
pub async fn run(bench: &Bench, suites: &[Suite], tell: impl FnMut(Event<'_>)) -> Run {
    run_some(bench, suites, |_| Chosen::Yes, tell).await
}

/// Whether a check is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chosen {
    /// It is.
    Yes,
    /// It is left out, and stands in no report.
    No,
}

/// As [`run`], of those checks of `suites` that `wanted` chooses.
pub async fn run_some(
    bench: &Bench,
    suites: &[Suite],
    wanted: impl Fn(&Check) -> Chosen,
    mut tell: impl FnMut(Event<'_>),
) -> Run {
    let (began, begun) = (Timestamp::now(), Instant::now());
    let observed = bench.learn(observe(bench.target(), suites).await);
    let stated = observed.claims.stated == Stated::Yes;
    let usable = match &observed.metadata {
        Observation::Trouble(trouble) => Usable::Silent(*trouble),
        Observation::NotAsked(_) => Usable::Silent(Trouble::Unanswered),
        Observation::Answer(_) if !stated && !suites.contains(&Suite::Metadata) => Usable::StatesNothing,
        Observation::Answer(_) => Usable::Yes,
    };
    let chosen = |check: &&'static Check| wanted(check) == Chosen::Yes;
    let all = suites.iter().map(|suite| suite.checks().iter().filter(chosen).count()).sum();
    let mut before = 0;
    let mut told = Vec::with_capacity(suites.len());
    for suite in suites {
        let mut findings = Vec::with_capacity(suite.checks().len());
        for check in suite.checks().iter().filter(chosen) {
            tell(Event::Begun { suite: *suite, check, before, all });
            let finding = found(check, bench, observed, usable).await;
            tell(Event::Ended { suite: *suite, finding: &finding });
            findings.push(finding);
            before += 1;
        }
        told.push((*suite, findings));
    }
    let left = bench.tidy_up().await;
    Run {
        base: bench.target().base().to_owned(),
        suites: told,
        target: usable,
        left,
        asked: observed.asked.clone(),
        began,
        took: begun.elapsed(),
    }
}

/// Runs one check by itself. What it made on the endpoint is deleted at the end.
///
/// None where there is no check of this name.
pub async fn run_one(bench: &Bench, id: &str) -> Option<Finding> {
    let (suite, check) = crate::suite::find(id)?;
    let observed = bench.learn(observe(bench.target(), &[suite]).await);
    let usable = match &observed.metadata {
        Observation::Trouble(trouble) => Usable::Silent(*trouble),
        Observation::NotAsked(_) => Usable::Silent(Trouble::Unanswered),
        Observation::Answer(_) => Usable::Yes,
    };
    let finding = found(check, bench, observed, usable).await;
    bench.tidy_up().await;
    Some(finding)
}

async fn found(check: &'static Check, bench: &Bench, observed: &Observed, usable: Usable) -> Finding {
    let begun = Instant::now();
    let judgement = match check.judge {
        Judge::Observed(judge) => judge(observed),
        Judge::Acted(_) if let Usable::Silent(trouble) = usable => Err(trouble.into()),
        Judge::Acted(act) => tokio::time::timeout(CHECK_MAX, act(bench))
            .await
            .unwrap_or_else(|_| Err(Otherwise::error("the check did not end in two minutes"))),
    };
    Finding::of(check, judgement, bench.take_exchanged(), begun.elapsed())
}

impl Run {
    /// Every finding, in order.
    pub fn findings(&self) -> impl Iterator<Item = &Finding> {
        self.suites.iter().flat_map(|(_, findings)| findings)
    }

    /// How many checks ended so.
    #[must_use]
    pub fn count(&self, status: Status) -> usize {
        self.findings().filter(|finding| finding.status == status).count()
    }

    /// How the run ended.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        if self.target != Usable::Yes {
            return Verdict::Unusable;
        }
        let nothing_checked = self.findings().all(|finding| finding.status == Status::Skip);
        match (self.count(Status::Fail), self.count(Status::Error)) {
            (0, 0) if nothing_checked => Verdict::Error,
            (0, 0) => Verdict::Pass,
            (0, _) => Verdict::Error,
            _ => Verdict::Fail,
        }
    }
}
