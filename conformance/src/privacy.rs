//! The privacy suite: attacks from a battery, judged by canaries, and random requests to worlds that differ only in what is
//! hidden.
//!
//! A battery is a file with one attack a line; each names who asks, what is sent and how the answer is judged. The fixture
//! behind the server under attack holds a canary in every place that somebody must not see. An attack that finds one, tells
//! hidden from absent, or harms what is hidden, fails. One that is not answered as it should be where something is to be
//! served proves nothing, and fails too. What cannot be run here is said, and is no pass.

pub mod battery;
pub mod bench;
mod kinds;
pub mod normal;
pub mod report;
pub mod scan;
pub mod tap;
pub mod wire;
pub mod worlds;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::run::Verdict;
use battery::{Attack, Kind};
use bench::{Bench, Outcome};
use worlds::Comparison;

/// One attack, with all that belongs to it.
const ATTACK_MAX: Duration = Duration::from_secs(600);

/// The bound that timing holds Welch's t to.
pub const TIMING_T_MAX: f64 = kinds::T_MAX;

/// Whether this suite looks by itself at an attack that a battery leaves to a person.
#[must_use]
pub fn knows_how_to_look_at(id: &str) -> bool {
    kinds::LOOKED_AT.contains(&id)
}

/// What a run is to do.
#[derive(Debug, Default)]
pub struct Plan {
    /// The attacks.
    pub attacks: Vec<Attack>,
    /// Only attacks whose id begins so.
    pub only: Option<String>,
    /// Attacks that may fail.
    pub gaps: Option<BTreeSet<String>>,
    /// No attack begins later than this after the first.
    pub time_max: Option<Duration>,
}

/// An attack and how it ended.
#[derive(Debug)]
pub struct Finding {
    /// Its name.
    pub id: String,
    /// What is tried.
    pub title: String,
    /// How bad it would be.
    pub severity: String,
    /// How it is judged.
    pub kind: Kind,
    /// How it ended.
    pub outcome: Outcome,
    /// Whether it may fail.
    pub gap: Gap,
    /// How long it took.
    pub took: Duration,
}

/// Whether an attack may fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gap {
    /// It may not.
    Unlisted,
    /// It is on the list of gaps.
    Listed,
}

/// How a finding counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Nothing came out.
    Pass,
    /// Something did.
    Fail,
    /// Nothing is proved.
    Vacuous,
    /// It fails, and the list of gaps says so.
    Gap,
    /// It holds, though the list of gaps says it does not.
    Mended,
    /// It could not be run.
    NotRun,
    /// A person has to look.
    Manual,
}

impl Status {
    /// Every status.
    pub const ALL: [Self; 7] =
        [Self::Pass, Self::Fail, Self::Vacuous, Self::Gap, Self::Mended, Self::NotRun, Self::Manual];

    /// One word for reports.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "FAIL",
            Self::Vacuous => "VACUOUS",
            Self::Gap => "gap",
            Self::Mended => "MENDED",
            Self::NotRun => "not-run",
            Self::Manual => "manual",
        }
    }
}

impl Finding {
    /// How it counts.
    #[must_use]
    pub const fn status(&self) -> Status {
        match (&self.outcome, self.gap) {
            (Outcome::Held(_), Gap::Unlisted) => Status::Pass,
            (Outcome::Held(_), Gap::Listed) => Status::Mended,
            (Outcome::Leaked(_), Gap::Unlisted) => Status::Fail,
            (Outcome::Vacuous(_), Gap::Unlisted) => Status::Vacuous,
            (Outcome::Leaked(_) | Outcome::Vacuous(_), Gap::Listed) => Status::Gap,
            (Outcome::NotRun(_), _) => Status::NotRun,
            (Outcome::Manual, _) => Status::Manual,
        }
    }

    /// What is to be said beside the status.
    #[must_use]
    pub fn detail(&self) -> &str {
        match &self.outcome {
            Outcome::Held(text) | Outcome::Leaked(text) | Outcome::Vacuous(text) | Outcome::NotRun(text) => {
                text
            }
            Outcome::Manual => "a person has to look",
        }
    }
}

/// What a run came to.
#[derive(Debug)]
pub struct Run {
    /// What was attacked.
    pub base: String,
    /// Each attack and how it ended, in the order of the battery.
    pub findings: Vec<Finding>,
    /// Ids on the list of gaps that the battery does not have.
    pub unknown_gaps: Vec<String>,
    /// The comparison of worlds, where it was asked for.
    pub worlds: Option<Comparison>,
    /// Attacks that were left out because the time was over.
    pub late: usize,
    /// Whether anything listens there.
    pub target: crate::run::Usable,
    /// When it began.
    pub began: Timestamp,
    /// How long it took.
    pub took: Duration,
}

/// What happens in a run, as it happens.
#[derive(Debug)]
pub enum Event<'a> {
    /// An attack begins.
    Begun {
        /// The attack.
        attack: &'a Attack,
        /// How many were before it in this run.
        before: usize,
        /// How many there are.
        all: usize,
    },
    /// An attack ended.
    Ended(&'a Finding),
}

impl Run {
    /// A run of `base` in which nothing was done yet.
    #[must_use]
    pub fn new(base: String, target: crate::run::Usable) -> Self {
        Self {
            base,
            findings: Vec::new(),
            unknown_gaps: Vec::new(),
            worlds: None,
            late: 0,
            target,
            began: Timestamp::now(),
            took: Duration::ZERO,
        }
    }

    /// How many attacks ended so.
    #[must_use]
    pub fn count(&self, status: Status) -> usize {
        self.findings.iter().filter(|finding| finding.status() == status).count()
    }

    /// How the run ended.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        use crate::run::Usable;
        if self.target != Usable::Yes {
            return Verdict::Unusable;
        }
        let failed = self.count(Status::Fail) + self.count(Status::Vacuous) + self.count(Status::Mended);
        let apart = self.worlds.as_ref().is_some_and(|worlds| !worlds.faults.is_empty());
        if failed > 0 || apart || !self.unknown_gaps.is_empty() {
            return Verdict::Fail;
        }
        let compared = self.worlds.as_ref().is_some_and(|worlds| worlds.compared > 0);
        let ran = self.count(Status::Pass) + self.count(Status::Gap);
        if self.late > 0 || (ran == 0 && !compared) { Verdict::Error } else { Verdict::Pass }
    }
}

/// Runs the attacks of `plan`, one after the other.
pub async fn run(bench: &Bench, plan: &Plan) -> Run {
    run_telling(bench, plan, |_| ()).await
}

/// As [`run`], and tells of each attack as it goes.
pub async fn run_telling(bench: &Bench, plan: &Plan, mut tell: impl FnMut(Event<'_>)) -> Run {
    let base = format!("http://{}{}", bench.target.host(), bench.prefix);
    let target = if bench.target.listens().await {
        crate::run::Usable::Yes
    } else {
        crate::run::Usable::Silent(crate::target::Trouble::Unreachable)
    };
    let mut out = Run::new(base, target);
    if target != crate::run::Usable::Yes {
        return out;
    }
    let begun = Instant::now();
    let chosen = |attack: &&Attack| plan.only.as_ref().is_none_or(|prefix| attack.id.starts_with(prefix));
    let all = plan.attacks.iter().filter(chosen).count();
    for (before, attack) in plan.attacks.iter().filter(chosen).enumerate() {
        tell(Event::Begun { attack, before, all });
        let started = Instant::now();
        let late = plan.time_max.is_some_and(|bound| begun.elapsed() > bound);
        let outcome = if late {
            out.late += 1;
            Outcome::NotRun("the time for this run is over".to_owned())
        } else {
            let ran = tokio::time::timeout(ATTACK_MAX, kinds::run(bench, attack)).await;
            ran.unwrap_or_else(|_| Outcome::Leaked("it does not come to an end".to_owned()))
        };
        let listed = plan.gaps.as_ref().is_some_and(|gaps| gaps.contains(&attack.id));
        let finding = Finding {
            id: attack.id.clone(),
            title: attack.title.clone(),
            severity: attack.severity.clone(),
            kind: attack.check,
            outcome,
            gap: if listed { Gap::Listed } else { Gap::Unlisted },
            took: started.elapsed(),
        };
        tell(Event::Ended(&finding));
        out.findings.push(finding);
    }
    let known: BTreeSet<&String> = plan.attacks.iter().map(|attack| &attack.id).collect();
    out.unknown_gaps = plan.gaps.iter().flatten().filter(|id| !known.contains(id)).cloned().collect();
    out.took = begun.elapsed();
    out
}
