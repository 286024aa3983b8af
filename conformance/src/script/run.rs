//! Runs scripts: fixtures, setup, tests, teardown, in the order and by the rules of TestScript.
//!
//! A setup that fails skips the tests; a test that fails ends, and the next runs; the teardown always runs and its
//! failures do not count. An operation that fails and is not followed by an assert fails its test.

mod act;
mod fixtures;
mod nested;
mod operate;
mod pages;
mod road;
mod sent;
mod toolkit;

use std::collections::HashMap;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use jiff::Timestamp;
use tokio::sync::OnceCell;

use super::evaluate::{Navigation, View};
use super::expressions::Expressions;
use super::library::{Library, Script};
use super::message::Message;
use super::outcome::{ActionRun, Judgement, Outcome, ScriptRun, ScriptsRun, TestRun};
use super::plan::{Plan, Test};
use super::profile::ProfileCheck;
use super::session::{Session, Stage};
use super::told::Telling;
pub use road::Road;

/// Scripts within scripts.
const DEPTH_MAX: usize = 8;

/// What the user of the engine decides.
#[derive(Debug, Clone)]
pub struct Options {
    /// Whether messages hold values of records.
    pub telling: Telling,
    /// What `navigationLinks` wants.
    pub navigation: Navigation,
    /// What is asked for where a script does not say it.
    pub format: Format,
    /// Values of variables, which stand before what scripts say.
    pub variables: Vec<(String, String)>,
    /// Origins that are the client under test, beside those that scripts mark.
    pub under_test: Vec<u32>,
    /// Whether setup and teardown run.
    pub around: Around,
    /// Who sends what a client under test sends.
    pub clients: Clients,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            telling: Telling::Redacted,
            navigation: Navigation::Strict,
            format: Format::Json,
            variables: Vec::new(),
            under_test: Vec::new(),
            around: Around::Run,
            clients: Clients::Waited,
        }
    }
}

/// A format of FHIR.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// JSON, which servers offer oftenest.
    Json,
    /// XML, which TestScript names as the default.
    Xml,
}

/// Who sends what a client under test sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clients {
    /// The client does; it is waited for.
    Waited,
    /// The engine does, as the script describes it: to try scripts out.
    Played,
}

/// Whether setup and teardown run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Around {
    /// They run.
    Run,
    /// They are left out.
    LeaveOut,
}

/// What is told while scripts run.
#[derive(Debug)]
pub enum Event<'a> {
    /// A script begins.
    Began(&'a str),
    /// A test of it ended, or its setup or teardown.
    Tested(&'a str, &'a TestRun),
    /// It ended.
    Ended(&'a ScriptRun),
}

/// Who hears of events.
pub type Listener = Arc<dyn Fn(&Event<'_>) + Send + Sync>;

/// Runs scripts of one library against one set of systems.
pub struct Runner {
    library: Library,
    road: Road,
    options: Options,
    profiles: Arc<dyn ProfileCheck>,
    expressions: Arc<Expressions>,
    /// What the target says of itself, asked once.
    stated: OnceCell<Option<Arc<Message>>>,
    /// The last answer of each module that a test ran, by the folder of the test and the name of the module.
    answers: Mutex<HashMap<(String, String), Arc<Message>>>,
    listener: Listener,
}

impl std::fmt::Debug for Runner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Runner({:?})", self.road)
    }
}

/// What a script that another runs is given.
#[derive(Debug, Default)]
struct Given {
    held: HashMap<String, Arc<Message>>,
    set: HashMap<String, String>,
    request: Option<Arc<Message>>,
    response: Option<Arc<Message>>,
    /// The script that was run first.
    top: Option<PathBuf>,
}

/// What it leaves.
#[derive(Debug, Default)]
struct Left {
    held: HashMap<String, Arc<Message>>,
    variables: HashMap<String, String>,
    request: Option<Arc<Message>>,
    response: Option<Arc<Message>>,
}

type Running<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

impl Runner {
    /// A runner over `library`, whose requests take `road`.
    #[must_use]
    pub fn new(library: Library, road: Road, options: Options, profiles: Arc<dyn ProfileCheck>) -> Self {
        Self {
            library,
            road,
            options,
            profiles,
            expressions: Arc::new(Expressions::new(Timestamp::now())),
            stated: OnceCell::new(),
            answers: Mutex::new(HashMap::new()),
            listener: Arc::new(|_| {}),
        }
    }

    /// Tells `listener` of what happens.
    #[must_use]
    pub fn heard_by(mut self, listener: Listener) -> Self {
        self.listener = listener;
        self
    }

    /// The library that it reads.
    #[must_use]
    pub const fn library(&self) -> &Library {
        &self.library
    }

    /// Runs one script.
    pub async fn run(&self, script: &Script) -> ScriptRun {
        (self.listener)(&Event::Began(&script.plan.name));
        let (run, _) = self.script(&script.plan, Given::default(), 0).await;
        (self.listener)(&Event::Ended(&run));
        run
    }

    /// Runs scripts, so many at a time; results stand in the order of the scripts.
    pub async fn run_all(self: &Arc<Self>, scripts: Vec<Script>, at_a_time: usize) -> ScriptsRun {
        let permits = Arc::new(tokio::sync::Semaphore::new(at_a_time.clamp(1, 64)));
        let mut tasks = Vec::new();
        for script in scripts {
            let runner = Self::clone_of(self);
            // Had before the task begins: a script may ask for what an earlier one was answered.
            let permit = Arc::clone(&permits).acquire_owned().await;
            tasks.push(tokio::spawn(async move {
                let _permit = permit;
                runner.run(&script).await
            }));
        }
        let mut run = ScriptsRun::default();
        for task in tasks {
            if let Ok(script) = task.await {
                run.scripts.push(script);
            } else {
                run.unread.push((PathBuf::new(), "a script ended without a result".to_owned()));
            }
        }
        run
    }

    fn clone_of(runner: &Arc<Self>) -> Arc<Self> {
        Arc::clone(runner)
    }

    fn view<'a>(&'a self, session: &'a Session<'a>) -> View<'a> {
        View {
            session,
            profiles: &*self.profiles,
            telling: self.options.telling,
            navigation: self.options.navigation,
        }
    }

    /// Runs a plan with what it is given.
    fn script<'a>(&'a self, plan: &'a Plan, given: Given, depth: usize) -> Running<'a, (ScriptRun, Left)> {
        Box::pin(async move {
            let began = Instant::now();
            let now = Timestamp::now();
            let mut session = Session::new(plan, Arc::clone(&self.expressions), now);
            session.set.extend(self.options.variables.iter().cloned());
            session.set.extend(given.set);
            session.held.extend(given.held);
            session.top = given.top.unwrap_or_else(|| plan.file.clone());
            session.request = given.request;
            session.response = given.response;
            let mut run = ScriptRun {
                name: plan.name.clone(),
                url: plan.url.clone(),
                id: plan.id.clone(),
                file: plan.file.clone(),
                began: now.to_string(),
                outcome: Outcome::Skip,
                message: String::new(),
                setup: None,
                tests: Vec::new(),
                teardown: None,
                took: began.elapsed(),
                answered: 0,
                unanswered: 0,
            };
            if depth > DEPTH_MAX {
                end(&mut run, Judgement::error("scripts run one another without end"));
            } else {
                self.life(plan, &mut session, &mut run, depth).await;
            }
            run.took = began.elapsed();
            run.answered = session.answered;
            run.unanswered = session.unanswered;
            let handed =
                |name: &String| Some((name.clone(), nested::handed_out(name, &session, &self.expressions)?));
            let variables = plan.module.variables_out.iter().filter_map(handed).collect();
            let Session { held, request, response, .. } = session;
            (run, Left { held, variables, request, response })
        })
    }

    async fn life<'a>(
        &'a self,
        plan: &'a Plan,
        session: &mut Session<'a>,
        run: &mut ScriptRun,
        depth: usize,
    ) {
        if let Some(what) = plan.unsupported.first() {
            return end(run, Judgement::unsupported(what));
        }
        if depth == 0 && !(plan.module.fixtures_in.is_empty() && plan.module.variables_in.is_empty()) {
            return end(run, Judgement::skip("a module: other scripts run it, with what it needs"));
        }
        if let Some(judged) = self.not_for_it(plan).await {
            return end(run, judged);
        }
        if let Err(judged) = self.what_a_client_sends(plan, session, depth).await {
            return end(run, judged);
        }
        session.fhir_version = self.version_for_profiles(plan).await;
        if let Err(judged) = self.load(plan, session).await {
            return end(run, judged);
        }
        let mut ready = self.autocreate(plan, session).await;
        let with_setup = self.options.around == Around::Run && !plan.setup.is_empty();
        if ready.outcome == Outcome::Pass && with_setup {
            let setup = Test { name: Some("setup".to_owned()), ..Test::default() };
            let part = self.part(&setup, &plan.setup, session, depth).await;
            if part.outcome > Outcome::Warning {
                let why = part.actions.iter().find(|action| action.outcome > Outcome::Warning);
                let why = why.map_or_else(String::new, |action| format!(": {}", action.message));
                ready = Judgement::new(part.outcome, format!("the setup failed{why}"));
            }
            (self.listener)(&Event::Tested(&plan.name, &part));
            run.setup = Some(part);
        }
        for test in &plan.tests {
            self.repeated(test, &ready, session, run, depth).await;
        }
        if self.options.around == Around::Run && !plan.teardown.is_empty() {
            session.stage = Stage::TearingDown;
            let teardown = Test { name: Some("teardown".to_owned()), ..Test::default() };
            let part = self.part(&teardown, &plan.teardown, session, depth).await;
            (self.listener)(&Event::Tested(&plan.name, &part));
            run.teardown = Some(part);
        }
        self.autodelete(plan, session).await;
        let setup = run.setup.as_ref().map_or(Outcome::Skip, |part| part.outcome);
        let tests = run.tests.iter().map(|part| part.outcome).max().unwrap_or(setup);
        run.outcome =
            setup.max(tests).max(if ready.outcome == Outcome::Pass { Outcome::Skip } else { ready.outcome });
        run.message = ready.message;
    }

    /// Runs a test as often as it is repeated, once else; skips it where the script is not ready for tests.
    async fn repeated<'a>(
        &'a self,
        test: &'a Test,
        ready: &Judgement,
        session: &mut Session<'a>,
        run: &mut ScriptRun,
        depth: usize,
    ) {
        // What a module hands out stays for the tests that follow; what a test is repeated with does not.
        let repeated: Vec<(&String, Option<String>)> =
            test.repeat.iter().map(|(name, _)| (name, session.set.get(name).cloned())).collect();
        for values in combinations(&test.repeat) {
            let mut part = if ready.outcome == Outcome::Pass {
                session.set.extend(values.iter().cloned());
                self.test(test, session, depth).await
            } else {
                skipped(test, &ready.message)
            };
            if !values.is_empty() {
                let shown: Vec<String> =
                    values.iter().map(|(name, value)| format!("{name}={value}")).collect();
                part.name = format!("{} ({})", part.name, shown.join(", "));
            }
            (self.listener)(&Event::Tested(&run.name, &part));
            run.tests.push(part);
        }
        for (name, before) in repeated {
            match before {
                Some(value) => session.set.insert(name.clone(), value),
                None => session.set.remove(name),
            };
        }
    }

    /// Runs a test, unless it is not for the target.
    async fn test<'a>(&'a self, test: &'a Test, session: &mut Session<'a>, depth: usize) -> TestRun {
        if let Some(what) = test.unsupported.first() {
            let judged = Judgement::unsupported(what);
            return TestRun { outcome: judged.outcome, ..skipped(test, &judged.message) };
        }
        match self.gate(&test.requires, &test.versions).await {
            Some(judged) => TestRun { outcome: judged.outcome, ..skipped(test, &judged.message) },
            None => self.part(test, &test.actions, session, depth).await,
        }
    }
}

fn end(run: &mut ScriptRun, judged: Judgement) {
    run.outcome = judged.outcome;
    run.message = judged.message;
}

fn skipped(test: &Test, why: &str) -> TestRun {
    TestRun {
        name: title(test),
        description: test.description.clone(),
        outcome: Outcome::Skip,
        message: why.to_owned(),
        actions: Vec::<ActionRun>::new(),
        took: std::time::Duration::ZERO,
    }
}

/// What a test is called.
fn title(test: &Test) -> String {
    [&test.name, &test.id, &test.description]
        .into_iter()
        .flatten()
        .next()
        .cloned()
        .unwrap_or_else(|| "test".to_owned())
}

/// Every combination of values; one without any, if nothing is repeated.
fn combinations(repeat: &[(String, Vec<String>)]) -> Vec<Vec<(String, String)>> {
    let mut out = vec![Vec::new()];
    for (name, values) in repeat {
        let grown = out.iter().flat_map(|held: &Vec<(String, String)>| {
            values
                .iter()
                .map(move |value| held.iter().cloned().chain([(name.clone(), value.clone())]).collect())
        });
        out = grown.collect();
    }
    out
}
