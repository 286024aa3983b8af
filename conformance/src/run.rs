//! One run: observe, judge, sum up.

use crate::check::{Finding, Status};
use crate::observe::{Observation, observe};
use crate::suite::Suite;
use crate::target::Target;

/// What a run came to.
#[derive(Debug)]
pub struct Run {
    /// The base that was tested.
    pub base: String,
    /// The findings of each suite, in order.
    pub suites: Vec<(Suite, Vec<Finding>)>,
    /// Whether the endpoint could be tested at all.
    pub target: Usable,
}

/// Whether the endpoint could be tested at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Usable {
    /// It answered.
    Yes,
    /// `GET metadata` had no answer.
    Silent,
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

/// Runs `suites` against `target`.
pub async fn run(target: &Target, suites: &[Suite]) -> Run {
    let observed = observe(target, suites).await;
    let stated = observed.claims.stated == crate::observe::Stated::Yes;
    let usable = match &observed.metadata {
        Observation::Trouble(_) | Observation::NotAsked(_) => Usable::Silent,
        Observation::Answer(_) if !stated && !suites.contains(&Suite::Metadata) => Usable::StatesNothing,
        Observation::Answer(_) => Usable::Yes,
    };
    let judged = |suite: &Suite| {
        let findings = suite.checks().iter().map(|check| Finding::of(check, &observed)).collect();
        (*suite, findings)
    };
    Run { base: target.base().to_owned(), suites: suites.iter().map(judged).collect(), target: usable }
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
