//! A searchset on its way from the bytes of a system to the bytes of an answer: indexed, its persons read, decided on
//! evidence that is there, what it refers to told, minimised, cut into a page. Only the record is not written.

use std::collections::BTreeSet;
use std::hint::black_box;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use bytes::Bytes;
use fhir::json::{Limits, parse};
use fhir::reference::Bases;
use gateway::decision::decide;
use gateway::decision::evidence::Evidence;
use gateway::decision::ruling::Admitted;
use gateway::enforce::answer::{Frame, minimise};
use gateway::enforce::behind::NOTHING;
use gateway::enforce::held::{Complete, Held};
use gateway::enforce::household::Sheltered;
use gateway::enforce::medicines::NONE;
use gateway::enforce::release::Minimised;
use gateway::enforce::subjects::subjects;
use gateway::enforce::targets::wanted;
use gateway::enforce::unfiltered::Unfiltered;
use gateway::enforce::whom::Whom;
use gateway::requestor::Requestor;
use gateway::seal::Seal;
use gateway::server::format::{Format, Instead};
use gateway::settings::{Households, Settings};
use gateway::trail::audit_event::Site;
use gateway::trail::record::{Event, Exchange};

use super::check::{Checked, check};
use super::clock::{best, best_by};
use super::people::{NAMED, OTHERS, evidence, searchset};
use super::site::at;

/// Megabytes a second of one kind, and what it is measured against.
#[derive(Debug)]
pub(crate) struct Speeds {
    pub(crate) bytes: usize,
    /// By the clock.
    pub(crate) ours: f64,
    /// For each second that a processor worked on it.
    pub(crate) of_a_processor: f64,
    /// Decide alone, for everyone.
    pub(crate) deciding_us: f64,
    /// The stages of the fastest run, in microseconds.
    pub(crate) stages_us: [(&'static str, f64); 5],
    /// Parse to `serde_json::Value` and write it again, with nothing decided and nothing taken out.
    pub(crate) tree: f64,
}

/// What is done with the searchset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    /// Answered again and again, with the clock at hand.
    Timed,
    /// Answered so many times, for what counts instructions.
    Counted(usize),
}

/// The speeds where they are asked for.
pub(crate) fn run(requestor: &Requestor, settings: &Settings, seal: &Seal, how: How) -> Option<Speeds> {
    let persons: Vec<String> = (1..=NAMED).map(|number| format!("p{number}")).collect();
    let query = format!("patient={}&category=vital-signs&_count=200", persons.join(","));
    let Checked::Admitted(admitted) = check("Observation", &query, requestor, settings, seal) else {
        unreachable!("the search is admitted");
    };
    let (evidence, body) = (evidence(), Bytes::from(searchset().into_bytes()));
    let exchange = exchange();
    let system = admitted.system().clone();
    let bases = Bases::new(["http://127.0.0.1:8090/fhir"]).expect("a base");
    let nowhere = Sheltered::nowhere();
    let frame = Frame {
        exchange: &exchange,
        site: Site { base: &settings.gateway.base, organisation: &settings.gateway.organisation },
        system: &system,
        bases: &bases,
        codes: &settings.sensitive_codes,
        seal,
        sheltered: &nowhere,
        households: Households::Told,
        behind: &NOTHING,
        whom: None,
        medicines: &NONE,
    };
    let mut held_back = Some(*admitted);
    let mut once = || {
        let admitted = held_back.take().expect("the question comes back");
        let (minimised, admitted) = answer(&body, admitted, &evidence, frame, &mut Stages::default());
        held_back = Some(admitted);
        minimised
    };
    prove(&once());
    if let How::Counted(times) = how {
        (0..times).for_each(|_| drop(black_box(once())));
        return None;
    }
    // More than one thread may work on it: the clock on the wall, and what all of them spent on processors.
    let ours = best_by(by_the_clock, body.len(), || once().persons().len());
    let spent = best_by(of_all_threads, body.len(), || once().persons().len());
    let mut stages = Stages::default();
    let _ = best_by(by_the_clock, body.len(), || {
        let admitted = held_back.take().expect("the question comes back");
        let (minimised, admitted) = answer(&body, admitted, &evidence, frame, &mut stages);
        held_back = Some(admitted);
        minimised.persons().len()
    });
    let deciding = best(20_000, || {
        let ruling = decide(held_back.take().expect("the question comes back"), &evidence);
        let answers = ruling.answers().len();
        held_back = Some(ruling.into_admitted());
        answers
    });
    let tree = best(body.len(), || {
        #[expect(clippy::disallowed_methods, reason = "what it is compared with")]
        let tree = serde_json::from_slice::<serde_json::Value>(&body).expect("JSON");
        tree.to_string().len()
    });
    let megabytes = body.len() as f64 / 1e6;
    Some(Speeds {
        bytes: body.len(),
        ours: megabytes / ours.as_secs_f64(),
        of_a_processor: megabytes / spent.as_secs_f64(),
        deciding_us: deciding.as_secs_f64() * 1e6,
        stages_us: stages.told(),
        tree: megabytes / tree.as_secs_f64(),
    })
}

/// The time of day, from when it was first asked.
fn by_the_clock() -> Duration {
    static BEGUN: LazyLock<Instant> = LazyLock::new(Instant::now);
    BEGUN.elapsed()
}

/// What all threads of the program have spent on processors.
fn of_all_threads() -> Duration {
    let spent = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(
        u64::try_from(spent.tv_sec).unwrap_or_default(),
        u32::try_from(spent.tv_nsec).unwrap_or_default(),
    )
}

/// The shortest time of each stage, over many runs.
#[derive(Default)]
struct Stages([Option<Duration>; 5]);

impl Stages {
    const NAMES: [&str; 5] = ["index", "persons", "decide", "references", "minimise"];

    /// What `work` takes as the stage at `place`.
    fn time<T>(&mut self, place: usize, work: impl FnOnce() -> T) -> T {
        let start = by_the_clock();
        let made = work();
        let took = by_the_clock() - start;
        let best = self.0.get_mut(place).expect("a stage");
        *best = Some(best.map_or(took, |best| best.min(took)));
        made
    }

    fn told(&self) -> [(&'static str, f64); 5] {
        std::array::from_fn(|place| {
            let took = self.0.get(place).copied().flatten().unwrap_or_default();
            (Self::NAMES.get(place).copied().unwrap_or_default(), took.as_secs_f64() * 1e6)
        })
    }
}

/// The stages of an exchange that has its evidence.
fn answer(
    body: &Bytes,
    admitted: Admitted,
    evidence: &Evidence,
    frame: Frame<'_>,
    stages: &mut Stages,
) -> (Minimised, Admitted) {
    let page = stages.time(0, || parse(body.clone(), &Limits::default()).expect("strict JSON"));
    let held = Unfiltered::new(Held::searchset(vec![page], Complete::All, None));
    let whom = Whom::over(frame.bases);
    let frame = Frame { whom: Some(&whom), ..frame };
    let subjects = stages.time(1, || subjects(&held, &admitted, &whom));
    let ruling = stages.time(2, || decide(admitted, evidence));
    let wanted = stages.time(3, || wanted(&held, &ruling, frame));
    assert!(wanted.asks().is_empty(), "nothing has to be looked up");
    stages.time(4, || minimise(held, &wanted.begin(), ruling, &subjects, frame).expect("an answer"))
}

/// A fast answer that is wrong is worth nothing: a page is full, and everybody who was named is recorded.
fn prove(minimised: &Minimised) {
    let shown: BTreeSet<&String> = minimised.persons().iter().flat_map(|person| &person.resources).collect();
    assert_eq!((shown.len(), minimised.persons().len()), (200, NAMED + OTHERS), "the page");
}

fn exchange() -> Exchange {
    Exchange {
        words: gateway::trail::record::Words::Fhir,
        request_id: "6f1d1f9e-6f0e-4f4b-9d5a-000000000001".to_owned(),
        at: at(),
        event: Event::Disclosed,
        interaction: "search-type".to_owned(),
        place: "hospital".to_owned(),
        resource_type: Some("Observation".to_owned()),
        requestor: None,
        purpose: Some("TREAT".to_owned()),
        agreement: None,
        override_: None,
        query: None,
        sent: None,
        format: Format::Json,
        instead: Instead::default(),
        status: 200,
        reason: None,
        discloser: Some("RX1".to_owned()),
        follows: None,
        within: None,
        resources: Vec::new(),
        count: 1,
        correlation: None,
        peer: None,
    }
}
