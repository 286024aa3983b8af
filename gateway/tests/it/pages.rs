//! The person's page and its neighbours: what they say, and that everyone can read it.

mod choices;
mod house;
mod html;
mod said;
mod served;
