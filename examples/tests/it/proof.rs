//! The property that the gateway stands for, tried on generated requests: nothing that a requester may not see is in any byte
//! of an answer, and worlds that differ only in what is hidden are answered alike.
//!
//! The gateway is the whole one, made of the files of `examples/leaks`; requests come from inside the process, and the
//! records lie on a server without any policy. `PORTCULLIS_REQUESTS` says how many requests, `PORTCULLIS_SEED` where the
//! dice begin; both are printed, and a case that fails is printed as small as it gets.

mod asks;
mod beside;
mod bodies;
mod changes;
mod composed;
mod content;
mod dice;
mod everything;
mod holder;
mod house;
mod judge;
mod matching;
mod mutants;
#[path = "../../../gateway/tests/it/support/ports.rs"]
mod ports;
mod shrink;
mod told;
mod wide;
mod words;
mod worlds;
