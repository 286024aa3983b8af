//! Pages, JUnit and the map of coverage, for suites, scripts and attacks: read strictly, whatever is in them.

mod contrast;
mod junit;
mod page;

use std::path::PathBuf;
use std::time::Duration;

use conformance::bench::Exchanged;
use conformance::check::{Check, Finding, Grade, Judge, Otherwise};
use conformance::coverage::Requirement;
use conformance::privacy;
use conformance::report::account::Account;
use conformance::run::{Run, Usable};
use conformance::script::{Act, ActionRun, Outcome, ScriptRun, ScriptsRun, TestRun};
use conformance::suite::Suite;
use http::Method;

use crate::faults::tested;
use crate::reference::Fault;

/// What would be markup, a link that runs a script, or a control code, if it got through.
const HOSTILE: &str =
    "</code></title><script>alert(1)</script>\"onmouseover='x' ]]>&amp;\u{1b}[2J\u{202e}\u{0}javascript:x";

static ACTED: Check = Check {
    id: "made-up-check",
    title: "what is made comes back",
    why: "else it is lost",
    clause: "https://hl7.org/fhir/R4/http.html#create",
    grade: Grade::Should,
    judge: Judge::Observed(|_| Ok(())),
};

fn asked(path: &str, status: Option<u16>) -> Exchanged {
    Exchanged {
        system: 1,
        method: Method::GET,
        path: path.to_owned(),
        status,
        took: Duration::from_millis(12),
    }
}

/// A run of suites with every status, and a check that acted.
pub(crate) async fn suites() -> Run {
    let mut run = tested(Fault::ReadAnotherId, &Suite::HARMLESS).await;
    let judgements = [
        Ok(()),
        Err(Otherwise::Unmet { expected: "<a>".to_owned(), found: HOSTILE.to_owned() }),
        Err(Otherwise::Skipped(HOSTILE.into())),
        Err(Otherwise::Error("no answer".into())),
    ];
    let exchanged = vec![asked("Patient/[id]", Some(200)), asked("Patient?_count", None)];
    let took = Duration::from_millis(1_234_567);
    let more =
        judgements.into_iter().map(|judgement| Finding::of(&ACTED, judgement, exchanged.clone(), took));
    run.suites.push((Suite::FhirCore, more.collect()));
    run
}

fn action(outcome: Outcome, text: &str) -> ActionRun {
    ActionRun {
        act: Act::Assert,
        place: "test[0].action[0]".to_owned(),
        id: None,
        label: text.to_owned(),
        outcome,
        message: text.to_owned(),
        details: vec![text.to_owned()],
        requirements: vec!["set@7".to_owned()],
        within: Vec::new(),
    }
}

fn part(outcome: Outcome, text: &str, actions: usize) -> TestRun {
    TestRun {
        name: text.to_owned(),
        description: Some(text.to_owned()),
        outcome,
        message: String::new(),
        actions: (0..actions).map(|_| action(outcome, text)).collect(),
        took: Duration::from_millis(3),
    }
}

fn script(name: &str, outcome: Outcome, tests: Vec<TestRun>) -> ScriptRun {
    ScriptRun {
        name: name.to_owned(),
        url: None,
        id: None,
        file: PathBuf::from("s.json"),
        began: "2024-02-29T10:00:00.123Z".to_owned(),
        outcome,
        message: String::new(),
        setup: None,
        tests,
        teardown: None,
        took: Duration::from_secs(2),
        answered: 1,
        unanswered: 0,
    }
}

fn scripts() -> ScriptsRun {
    let tests = [Outcome::Pass, Outcome::Warning, Outcome::Fail, Outcome::Skip, Outcome::Error]
        .map(|outcome| part(outcome, HOSTILE, 2));
    let mut hostile = script(HOSTILE, Outcome::Error, tests.to_vec());
    hostile.teardown = Some(part(Outcome::Fail, "teardown", 1));
    let mut unready = script("unready", Outcome::Error, vec![part(Outcome::Skip, "t", 0)]);
    unready.message = "the fixture p could not be made".to_owned();
    ScriptsRun {
        scripts: vec![hostile, unready],
        unread: vec![(PathBuf::from("x.json"), HOSTILE.to_owned())],
    }
}

fn attacks() -> privacy::Run {
    let mut run = privacy::Run::new("http://127.0.0.1:1/fhir".to_owned(), Usable::Yes);
    let outcomes = [
        privacy::bench::Outcome::Held("looked".to_owned()),
        privacy::bench::Outcome::Leaked(HOSTILE.to_owned()),
        privacy::bench::Outcome::Vacuous("not served".to_owned()),
        privacy::bench::Outcome::NotRun("no control".to_owned()),
        privacy::bench::Outcome::Manual,
    ];
    for gap in [privacy::Gap::Unlisted, privacy::Gap::Listed] {
        for (number, outcome) in outcomes.iter().enumerate() {
            run.findings.push(privacy::Finding {
                id: format!("X-{number}-{gap:?}"),
                title: HOSTILE.to_owned(),
                severity: "high".to_owned(),
                kind: privacy::battery::Kind::Canary,
                outcome: outcome.clone(),
                gap,
                took: Duration::from_millis(5),
            });
        }
    }
    run.unknown_gaps.push("GONE-1".to_owned());
    run
}

fn requirement(id: &str, url: &str) -> Requirement {
    Requirement {
        set: "set_1.0".to_owned(),
        id: id.to_owned(),
        url: url.to_owned(),
        words: HOSTILE.to_owned(),
        grade: "SHALL".to_owned(),
        actors: "Server".to_owned(),
    }
}

/// The accounts of all three kinds of run, with tables of requirements.
async fn accounts() -> [Account; 3] {
    let wanted =
        [requirement("1", "http://hl7.org/fhir/R4/http.html#read"), requirement("2", "https://x.example/#y")];
    [
        Account::of_suites(&suites().await, &wanted),
        Account::of_scripts(&scripts(), "http://127.0.0.1:1/fhir"),
        Account::of_attacks(&attacks()),
    ]
}
