//! The story: a discharge summary reaches a social worker, minimised, recorded, and seen by the person.
//!
//! Each step asserts on the bytes that came, and every answer is searched for canaries on the way.

mod emergency;
mod ledger;
mod mllp;
mod reads;
mod refusals;
mod sends;
mod stage;
mod trail;
mod withdrawal;

use std::future::Future;
use std::pin::Pin;

pub use stage::{Broken, Stage};

/// The future of one step.
type Playing<'a> = Pin<Box<dyn Future<Output = Result<String, Broken>> + 'a>>;

/// One step of the story.
struct Step {
    name: &'static str,
    play: for<'a> fn(&'a mut Stage<'_>) -> Playing<'a>,
}

const STEPS: [Step; 11] = [
    Step { name: "hospital_sends_discharge", play: |stage| Box::pin(sends::hospital_sends_discharge(stage)) },
    Step { name: "social_worker_reads", play: |stage| Box::pin(reads::social_worker_reads(stage)) },
    Step { name: "social_worker_searches", play: |stage| Box::pin(reads::social_worker_searches(stage)) },
    Step { name: "support_worker_reads", play: |stage| Box::pin(reads::support_worker_reads(stage)) },
    Step { name: "dissent_respected", play: |stage| Box::pin(refusals::dissent_respected(stage)) },
    Step {
        name: "no_relationship_refused",
        play: |stage| Box::pin(refusals::no_relationship_refused(stage)),
    },
    Step {
        name: "hidden_element_search_refused",
        play: |stage| Box::pin(refusals::hidden_element_search_refused(stage)),
    },
    Step {
        name: "withdrawal_takes_effect",
        play: |stage| Box::pin(withdrawal::withdrawal_takes_effect(stage)),
    },
    Step { name: "break_glass", play: |stage| Box::pin(emergency::break_glass(stage)) },
    Step { name: "patient_sees_trail", play: |stage| Box::pin(trail::patient_sees_trail(stage)) },
    Step { name: "ledger_verifies", play: |stage| Box::pin(ledger::ledger_verifies(stage)) },
];

/// How a step ended.
#[derive(Debug)]
pub struct Told {
    /// Its name.
    pub step: String,
    /// What held, or what did not.
    pub outcome: Result<String, Broken>,
}

/// Plays every step in order, telling each as it ends. A step that fails does not stop the next.
pub async fn play(stage: &mut Stage<'_>, mut tell: impl FnMut(&Told)) -> Vec<Told> {
    let mut told = Vec::new();
    for step in &STEPS {
        let outcome = (step.play)(stage).await;
        let ended = Told { step: step.name.to_owned(), outcome };
        tell(&ended);
        told.push(ended);
    }
    told
}
