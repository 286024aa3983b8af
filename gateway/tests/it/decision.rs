//! May they: tables of questions and evidence, each condition switched alone.

mod admitting;
mod apart;
mod capabilities;
mod choices;
mod claiming;
mod composing;
mod deciding;
mod gathering;
mod holder;
mod own;
mod properties;
mod registry;
mod searching;
mod tying;
pub(crate) mod world;
